/* Models under the torch streams hold what PyTorch draws, bit for bit, in PyTorch's order. */
#include <lazyrt/lazyrt.h>
#include <stdlib.h>

#include "tests/check.h"
#include "tests/golden/torch_chain.h"

typedef struct layer {
  int64_t in_features; /* 0 = lazy */
  int64_t out_features;
  bool bias, relu_after;
} layer;

static lazy_status add(lazy_context *context, lazy_module *model, const lazy_class *type,
                       const void *options) {
  char name[8] = {(char)('0' + lazy_module_child_count(model)), '\0'};
  lazy_module *child;
  LAZY_TRY(lazy_module_create(context, type, options, &child));
  return lazy_module_give_child(model, name, child);
}

static lazy_status build(lazy_context *context, const layer *layers, size_t count, lazy_module **out_model) {
  LAZY_TRY(lazy_module_create(context, &lazy_class_sequential, NULL, out_model));
  for (size_t i = 0; i < count; i++) {
    lazy_linear_options options = {layers[i].in_features, layers[i].out_features, layers[i].bias,
                                   LAZY_DTYPE_DEFAULT};
    LAZY_TRY(add(context, *out_model, options.in_features == 0 ? &lazy_class_lazy_linear : &lazy_class_linear,
                 &options));
    if (layers[i].relu_after) LAZY_TRY(add(context, *out_model, &lazy_class_relu, NULL));
  }
  return LAZY_STATUS_OK;
}

/* All values of the model's state dict, in its order. */
static void expect_state(lazy_module *model, const uint32_t *wanted, size_t wanted_count) {
  lazy_state *state;
  ASSERT_OK(lazy_module_state(model, &state));
  float *found = malloc(wanted_count * sizeof *found);
  size_t count = 0;
  for (size_t i = 0; i < lazy_state_count(state); i++) {
    lazy_spec spec;
    ASSERT_TRUE(lazy_state_spec(state, i, &spec));
    size_t elements = 1;
    for (int d = 0; d < spec.shape.rank; d++) elements *= (size_t)spec.shape.dims[d];
    ASSERT_LE(count + elements, wanted_count);
    ASSERT_OK(lazy_state_read(state, i, found + count, elements * sizeof *found));
    count += elements;
  }
  EXPECT_EQ(count, wanted_count);
  EXPECT_F32_BITS_EQ(found, (const float *)(const void *)wanted, count);
  free(found);
  lazy_state_release(state);
}

static void expect_draws(check_env *env, lazy_stream stream, const layer *layers, size_t layer_count,
                         bool forward, const uint32_t *wanted, size_t wanted_count) {
  lazy_context_options options = {.struct_size = sizeof options, .stream = stream, .seed = GOLDEN_CHAIN_SEED};
  lazy_context *context;
  lazy_module *model = NULL;
  ASSERT_OK(lazy_context_open(env->device, &options, &context));
  ASSERT_OK(build(context, layers, layer_count, &model));
  if (forward) {
    float ones[22];
    for (int i = 0; i < 22; i++) ones[i] = 1;
    lazy_shape shape = LAZY_DIMS(2, 11);
    lazy_array *input;
    lazy_graph *graph;
    ASSERT_OK(lazy_array_from_data(context, LAZY_DTYPE_F32, &shape, ones, &input));
    ASSERT_OK(lazy_graph_create(model, NULL, &graph));
    ASSERT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(input)), NULL));
    ASSERT_OK(lazy_graph_synchronize(graph));
    lazy_graph_destroy(graph);
    lazy_array_release(input);
  } else {
    ASSERT_OK(lazy_module_dry_run(model, LAZY_ARGS(LAZY_INPUT(2, 11)), NULL));
  }
  expect_state(model, wanted, wanted_count);
  lazy_module_release(model);
  lazy_context_close(context);
}

static const layer lazy_chain[] = {{0, 7, true, true}, {0, 5, false, false}, {0, 3, true, false}};
static const layer mixed[] = {{0, 6, true, false}, {6, 4, true, false}, {0, 2, true, false}};
#define COUNT(array) (sizeof(array) / sizeof *(array))

TEST_ON_DRIVERS(torch_stream, lazy_chain_equals_pytorch) {
  for (int forward = 0; forward < 2; forward++) {
    CHECK_CASE("%s", forward ? "forward" : "dry run");
    expect_draws(env, LAZY_STREAM_TORCH_CPU, lazy_chain, COUNT(lazy_chain), forward, golden_lazy_chain_plain,
                 COUNT(golden_lazy_chain_plain));
    expect_draws(env, LAZY_STREAM_TORCH_CPU_FMA, lazy_chain, COUNT(lazy_chain), forward,
                 golden_lazy_chain_fma, COUNT(golden_lazy_chain_fma));
  }
}

/* PyTorch's layers of known sizes draw when they are made, lazy ones at their first call. */
TEST_ON_DRIVERS(torch_stream, ordinary_layers_draw_first) {
  for (int forward = 0; forward < 2; forward++) {
    CHECK_CASE("%s", forward ? "forward" : "dry run");
    expect_draws(env, LAZY_STREAM_TORCH_CPU, mixed, COUNT(mixed), forward, golden_mixed_plain,
                 COUNT(golden_mixed_plain));
    expect_draws(env, LAZY_STREAM_TORCH_CPU_FMA, mixed, COUNT(mixed), forward, golden_mixed_fma,
                 COUNT(golden_mixed_fma));
  }
}

/* The golden vector of PyTorch 2.6's documentation of record: seed 0, LazyLinear(2) on a (1, 3) input. */
TEST_ON_DRIVERS(torch_stream, golden_vector) {
  static const float wanted[8] = {-0.004322528839111328f, 0.3097158670425415f, -0.4751853346824646f,
                                  -0.4248945713043213f,   -0.222368985414505f, 0.1548207402229309f,
                                  -0.011439144611358643f, 0.4577749967575073f};
  lazy_context_options options = {.struct_size = sizeof options, .stream = LAZY_STREAM_TORCH_CPU};
  lazy_linear_options two = LAZY_LINEAR_DEFAULTS;
  lazy_context *context;
  lazy_module *linear;
  two.out_features = 2;
  ASSERT_OK(lazy_context_open(env->device, &options, &context));
  ASSERT_OK(lazy_module_create(context, &lazy_class_lazy_linear, &two, &linear));
  ASSERT_OK(lazy_module_dry_run(linear, LAZY_ARGS(LAZY_INPUT(1, 3)), NULL));
  expect_state(linear, (const uint32_t *)(const void *)wanted, 8);
  lazy_module_release(linear);
  lazy_context_close(context);
}
