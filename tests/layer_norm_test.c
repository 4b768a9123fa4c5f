/* LayerNorm, RMSNorm and GroupNorm, lazy and ordinary, against plain loops in long double: each normalises
   runs of elements that lie side by side. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/norm_params.h"
#include "tests/norm_check.h"

typedef enum kind { LAYER, LAZY_LAYER, RMS, GROUP, LAZY_GROUP, KINDS } kind;

/* A module and what its parameters hold. Exactly one of the two options is in use. */
typedef struct subject {
  kind kind;
  lazy_layer_norm_options layer;
  lazy_group_norm_options group;
  int64_t channels, inner; /* of this step; layer norms have one channel of `inner` elements */
  double *weight, *bias;
} subject;

static bool is_group(kind k) { return k >= GROUP; }
static double eps_of(const subject *s, lazy_dtype dtype) {
  const double eps = is_group(s->kind) ? s->group.eps : s->layer.eps;
  if (!isnan(eps)) return eps;
  return dtype == LAZY_DTYPE_F64 ? DBL_EPSILON : FLT_EPSILON;
}

/* Writes the output and how far from it may lie what is computed in units u: eight additions a lane, eight
   folds, a merger for every tile; |x| <= 1. */
static void reference(const subject *s, lazy_dtype dtype, const double *x, int64_t count, double *y,
                      double *room) {
  const double unit = dtype == LAZY_DTYPE_F64 ? 0x1p-53 : 0x1p-24;
  const int64_t run = is_group(s->kind) ? s->channels / s->group.num_groups * s->inner : s->inner;
  const double units = unit * (24 + 4 * (double)(run / LAZY_MOMENTS_TILE));
  for (int64_t first = 0; first < count; first += run) {
    long double mean = 0, squares = 0;
    for (int64_t i = first; i < first + run && s->kind != RMS; i++) mean += (long double)x[i] / run;
    for (int64_t i = first; i < first + run; i++) squares += (x[i] - mean) * (x[i] - mean);
    const double rstd = (double)(1 / sqrtl(squares / run + eps_of(s, dtype)));
    for (int64_t i = first; i < first + run; i++) {
      const int64_t at = is_group(s->kind) ? i / s->inner % s->channels : i % s->inner;
      const double weight = s->weight != NULL ? s->weight[at] : 1;
      const double scaled = (x[i] - (double)mean) * rstd * weight;
      y[i] = scaled + (s->bias != NULL ? s->bias[at] : 0);
      room[i] = units * (fabs(scaled) + fabs(y[i]) + (s->kind != RMS ? rstd * fabs(weight) : 0)) +
                norm_rounding(dtype) * fabs(y[i]) * 1.01 + (dtype == LAZY_DTYPE_F16 ? 0x1p-25 : 0);
    }
  }
}

static lazy_module *make(lazy_context *context, subject *s) {
  static const lazy_class *const types[KINDS] = {&lazy_class_layer_norm, &lazy_class_lazy_layer_norm,
                                                 &lazy_class_rms_norm, &lazy_class_group_norm,
                                                 &lazy_class_lazy_group_norm};
  const void *options = is_group(s->kind) ? (const void *)&s->group : &s->layer;
  lazy_module *module = NULL;
  EXPECT_OK(lazy_module_create(context, types[s->kind], options, &module));
  return module;
}

/* The first `before` dims are free, the others the module's. */
static int64_t random_dims(check_env *env, lazy_shape *shape, int before, bool group) {
  int64_t count = 1;
  for (int i = 0; i < shape->rank; i++) {
    if (i < before || (group && i > 1)) shape->dims[i] = check_random_between(env, group ? 2 : 1, 4);
    count *= shape->dims[i];
  }
  return count;
}

static void check_random_norm(check_env *env, lazy_context *context) {
  static const lazy_dtype dtypes[] = {LAZY_DTYPE_F32, LAZY_DTYPE_F64, LAZY_DTYPE_F16, LAZY_DTYPE_BF16};
  subject s = {.kind = (kind)check_random_below(env, KINDS)};
  const bool group = is_group(s.kind), affine = check_random_below(env, 4) != 0;
  const bool bias = affine && s.kind != RMS && check_random_below(env, 4) != 0;
  const lazy_dtype dtype = dtypes[check_random_below(env, 4)];
  const lazy_dtype param_dtype =
      dtype != LAZY_DTYPE_F64 && check_random_below(env, 2) != 0 ? LAZY_DTYPE_F32 : dtype;
  const double eps = s.kind == RMS && check_random_below(env, 2) ? NAN
                     : check_random_below(env, 2)                ? 1e-5
                                                                 : 0.25;
  const bool is_long = check_random_below(env, 4) == 0; /* runs of several tiles */
  lazy_shape shape = {0};
  int before = 1; /* dims that may change from step to step */
  if (group) {
    const int64_t groups = check_random_between(env, 1, 4);
    shape = LAZY_DIMS(2, groups * check_random_between(env, 1, 3), is_long ? 900 : 3, 2);
    shape.rank = is_long ? 3 : (int32_t)check_random_between(env, 2, 4);
    s.channels = shape.dims[1];
    s.group = (lazy_group_norm_options){groups,     s.kind == LAZY_GROUP ? 0 : s.channels, eps, affine, bias,
                                        param_dtype};
  } else {
    const int dims = (int)check_random_between(env, 1, 3);
    before = (int)check_random_between(env, 0, 2);
    shape.rank = before + dims;
    s.layer = (lazy_layer_norm_options){{.rank = dims}, dims, eps, affine, bias, param_dtype};
    s.channels = s.inner = 1;
    for (int i = 0; i < dims; i++) {
      const int64_t size = i == 0 && is_long ? check_random_between(env, 700, env->is_small ? 800 : 3000)
                                             : check_random_between(env, 1, 5);
      shape.dims[before + i] = s.layer.normalized_shape.dims[i] = size;
      s.inner *= size;
    }
    if (s.kind == LAZY_LAYER) s.layer.normalized_shape = (lazy_shape){0};
  }
  CHECK_CASE("kind %d, affine %d, bias %d, eps %g, of %s in %s", (int)s.kind, affine, bias, eps,
             lazy_dtype_name(dtype), lazy_dtype_name(param_dtype));
  lazy_module *module = make(context, &s);
  lazy_graph *graph = NULL;
  lazy_outputs outputs;
  int64_t count = random_dims(env, &shape, before, group && !is_long);
  lazy_spec spec = {dtype, shape};
  ASSERT_OK(lazy_graph_create(module, NULL, &graph));
  EXPECT_OK(lazy_graph_dry_run(graph, LAZY_ARGS(lazy_value_spec(&spec))));
  EXPECT_TRUE(lazy_module_class(module) == (s.kind == RMS ? &lazy_class_rms_norm
                                            : group       ? &lazy_class_group_norm
                                                          : &lazy_class_layer_norm));
  EXPECT_EQ(norm_has_param(module, "weight"), affine);
  EXPECT_EQ(norm_has_param(module, "bias"), bias);
  if (affine) s.weight = norm_randomize(env, module, "weight", group ? s.channels : s.inner, -1);
  if (bias) s.bias = norm_randomize(env, module, "bias", group ? s.channels : s.inner, -1);
  for (int step = 0; step < 3; step++) {
    double *x, *wanted, *room;
    if (step > 0) count = random_dims(env, &shape, before, group && !is_long);
    if (group) {
      s.inner = 1;
      for (int i = 2; i < shape.rank; i++) s.inner *= shape.dims[i];
    }
    lazy_array *input = model_random_array(env, context, dtype, shape, &x);
    wanted = malloc((size_t)count * sizeof *wanted), room = malloc((size_t)count * sizeof *room);
    reference(&s, dtype, x, count, wanted, room);
    if (EXPECT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(input)), &outputs))) {
      lazy_shape found;
      double *y = model_read_output(graph, outputs.at[0], &found);
      EXPECT_BYTES_EQ(found.dims, shape.dims, (size_t)shape.rank * sizeof *shape.dims);
      norm_check_values("output", y, wanted, room, 0, count);
      free(y);
    }
    free(x), free(wanted), free(room);
    lazy_array_release(input);
  }
  free(s.weight), free(s.bias);
  lazy_graph_destroy(graph);
  lazy_module_release(module);
}

TEST_ON_DRIVERS(layer_norm, random_modules_equal_loops_in_long_double) {
  lazy_context *context = model_context(env, env->device);
  for (int i = 0; i < (env->is_small ? 15 : 400); i++) {
    CHECK_CASE("module %d", i);
    check_random_norm(env, context);
  }
  lazy_context_close(context);
}

TEST(layer_norm, text_is_read_and_printed_as_pytorch_prints_it) {
  static const char *const cases[][2] = {
      {"LayerNorm(4)", "LayerNorm((4,), eps=1e-05, elementwise_affine=True, bias=True)"},
      {"LayerNorm([3, 4], 0.5, bias=False)",
       "LayerNorm((3, 4), eps=0.5, elementwise_affine=True, bias=False)"},
      {"LayerNorm((3, 4), eps=1e-05, elementwise_affine=False, bias=False)",
       "LayerNorm((3, 4), eps=1e-05, elementwise_affine=False, bias=False)"},
      {"nn.LayerNorm(4, elementwise_affine=False)",
       "LayerNorm((4,), eps=1e-05, elementwise_affine=False, bias=False)"},
      {"LazyLayerNorm()", "LazyLayerNorm(normalized_dims=1, eps=1e-05, elementwise_affine=True, bias=True)"},
      {"LazyLayerNorm(2, 0.5, True, False, dtype=torch.float16)",
       "LazyLayerNorm(normalized_dims=2, eps=0.5, elementwise_affine=True, bias=False)"},
      {"LazyLayerNorm(normalized_dims=1, eps=1e-05, elementwise_affine=True, bias=True)",
       "LazyLayerNorm(normalized_dims=1, eps=1e-05, elementwise_affine=True, bias=True)"},
      {"RMSNorm(4)", "RMSNorm((4,), eps=None, elementwise_affine=True)"},
      {"RMSNorm((3, 4), eps=1e-06, elementwise_affine=False)",
       "RMSNorm((3, 4), eps=1e-06, elementwise_affine=False)"},
      {"GroupNorm(3, 6)", "GroupNorm(3, 6, eps=1e-05, affine=True, bias=True)"},
      {"GroupNorm(3, 6, 0.5, False)", "GroupNorm(3, 6, eps=0.5, affine=False, bias=False)"},
      {"GroupNorm(3, 6, eps=1e-05, affine=True, bias=False)",
       "GroupNorm(3, 6, eps=1e-05, affine=True, bias=False)"},
      {"LazyGroupNorm(3)", "LazyGroupNorm(3, 0, eps=1e-05, affine=True, bias=True)"},
      {"LazyGroupNorm(3, 0.5, False)", "LazyGroupNorm(3, 0, eps=0.5, affine=False, bias=False)"},
      {"LazyGroupNorm(3, 0, eps=1e-05, affine=True, bias=False)",
       "LazyGroupNorm(3, 0, eps=1e-05, affine=True, bias=False)"},
  };
  static const struct {
    const char *text, *fragment;
  } refused[] = {
      {"LayerNorm(())", "LayerNorm: normalized_shape has 0 sizes; wanted 1 to 8"},
      {"LayerNorm((3, -4))", "LayerNorm: size 1 of normalized_shape is -4"},
      {"LayerNorm()", "LayerNorm needs 'normalized_shape'"},
      {"LazyLayerNorm(0)", "LazyLayerNorm: normalized_dims is 0; wanted 1 to 8"},
      {"LazyLayerNorm(9)", "LazyLayerNorm: normalized_dims is 9; wanted 1 to 8"},
      {"LazyLayerNorm(normalized_shape=4)", "'normalized_shape' of LazyLayerNorm is inferred"},
      {"GroupNorm(3, 7)", "GroupNorm: num_channels (7) must be divisible by num_groups (3)"},
      {"GroupNorm(0, 6)", "GroupNorm: num_groups is 0; wanted at least 1"},
      {"LazyGroupNorm(-1)", "LazyGroupNorm: num_groups is -1; wanted at least 1"},
      {"GroupNorm(1, -6)", "GroupNorm: num_channels is -6"},
      {"LazyGroupNorm()", "LazyGroupNorm needs 'num_groups'"},
  };
  lazy_context *context = model_context(env, env->device);
  lazy_module *module = NULL;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    norm_check_text(context, cases[i][0], cases[i][1]);
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
    EXPECT_FAILS(lazy_module_parse(context, refused[i].text, &module), LAZY_STATUS_PARSE,
                 refused[i].fragment);
  lazy_context_close(context);
}

TEST_ON_DRIVERS(layer_norm, what_does_not_fit_changes_nothing) {
  static const struct {
    const char *text;
    lazy_dtype dtype;
    lazy_shape shape;
    lazy_status status;
    const char *fragment;
  } cases[] = {
      {"LayerNorm((3, 4))", LAZY_DTYPE_F32, {2, {3, 5}}, LAZY_STATUS_SHAPE, "dimension 1 of input is 5"},
      {"LayerNorm((3, 4))", LAZY_DTYPE_F32, {3, {7, 2, 4}}, LAZY_STATUS_SHAPE, "dimension 1 of input is 2"},
      {"LayerNorm((3, 4), elementwise_affine=False)",
       LAZY_DTYPE_F32,
       {2, {3, 5}},
       LAZY_STATUS_SHAPE,
       "the parameter wants 4"},
      {"LayerNorm((3, 4))",
       LAZY_DTYPE_F32,
       {1, {4}},
       LAZY_STATUS_OUT_OF_RANGE,
       "input has rank 1; wanted at least 2"},
      {"LayerNorm(4)", LAZY_DTYPE_F64, {2, {3, 4}}, LAZY_STATUS_INVALID_TYPE, "input is f64; wanted f32"},
      {"LazyLayerNorm(2)",
       LAZY_DTYPE_F32,
       {1, {4}},
       LAZY_STATUS_OUT_OF_RANGE,
       "input has rank 1; wanted at least 2"},
      {"LazyLayerNorm(2)", LAZY_DTYPE_I64, {2, {4, 4}}, LAZY_STATUS_INVALID_TYPE, "wanted a floating dtype"},
      {"LazyLayerNorm(2, elementwise_affine=False)",
       LAZY_DTYPE_I64,
       {2, {4, 4}},
       LAZY_STATUS_INVALID_TYPE,
       "wanted a floating dtype"},
      {"RMSNorm(4)", LAZY_DTYPE_F32, {2, {3, 5}}, LAZY_STATUS_SHAPE, "dimension 1 of input is 5"},
      {"GroupNorm(3, 6)", LAZY_DTYPE_F32, {2, {3, 9}}, LAZY_STATUS_SHAPE, "dimension 1 of input is 9"},
      {"GroupNorm(3, 6)",
       LAZY_DTYPE_F32,
       {1, {6}},
       LAZY_STATUS_INVALID_VALUE,
       "input has rank 1; wanted 2 to 8"},
      {"LazyGroupNorm(3)",
       LAZY_DTYPE_F32,
       {2, {3, 7}},
       LAZY_STATUS_SHAPE,
       "dimension 1 of input is 7, which 3 groups do not divide"},
      {"LazyGroupNorm(3)",
       LAZY_DTYPE_F32,
       {3, {1, 3, 1}},
       LAZY_STATUS_INVALID_VALUE,
       "input has 1 value per channel; wanted more than 1"},
  };
  lazy_context *context = model_context(env, env->device);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    lazy_module *module = NULL;
    CHECK_CASE("%s", cases[i].text);
    ASSERT_OK(lazy_module_parse(context, cases[i].text, &module));
    norm_check_refused(module, cases[i].dtype, cases[i].shape, cases[i].status, cases[i].fragment);
    lazy_module_release(module);
  }
  lazy_context_close(context);
}

/* A later layer fails: the norm is as lazy as before, its sizes forgotten, and takes others. */
TEST_ON_DRIVERS(layer_norm, sizes_of_a_failed_forward_are_forgotten) {
  static const char *const texts[] = {"LazyLayerNorm(2)", "LazyLayerNorm(2, elementwise_affine=False)",
                                      "LazyGroupNorm(2)", "LazyGroupNorm(2, affine=False)"};
  static const char *const settled[] = {
      "(0): LayerNorm((4, 5), eps=1e-05, elementwise_affine=True, bias=True)",
      "(0): LayerNorm((4, 5), eps=1e-05, elementwise_affine=False, bias=False)",
      "(0): GroupNorm(2, 4, eps=1e-05, affine=True, bias=True)",
      "(0): GroupNorm(2, 4, eps=1e-05, affine=False, bias=False)"};
  lazy_context *context = model_context(env, env->device);
  for (int i = 0; i < 4; i++) {
    char text[128];
    lazy_module *model = NULL;
    char *printed = NULL;
    const lazy_spec good = {LAZY_DTYPE_F32, LAZY_DIMS(3, 4, 5)};
    snprintf(text, sizeof text, "Net((0): %s (1): Linear(5, 2))", texts[i]);
    CHECK_CASE("%s", text);
    ASSERT_OK(lazy_module_parse(context, text, &model));
    norm_check_refused(model, LAZY_DTYPE_F32, LAZY_DIMS(3, 2, 7), LAZY_STATUS_SHAPE, "the parameter wants 5");
    EXPECT_OK(lazy_module_dry_run(model, LAZY_ARGS(lazy_value_spec(&good)), NULL));
    EXPECT_OK(lazy_module_to_string(model, &printed));
    EXPECT_TRUE(strstr(printed, settled[i]) != NULL);
    lazy_string_free(printed);
    lazy_module_release(model);
  }
  lazy_context_close(context);
}

/* Nothing to normalise, and rows of nothing. */
TEST_ON_DRIVERS(layer_norm, empty_inputs_give_empty_outputs) {
  static const struct {
    const char *text;
    lazy_shape shape;
  } cases[] = {{"LazyLayerNorm()", {2, {0, 3}}},    {"LayerNorm((2, 0))", {3, {2, 2, 0}}},
               {"RMSNorm(3)", {3, {2, 0, 3}}},      {"LazyGroupNorm(2)", {3, {0, 4, 3}}},
               {"GroupNorm(2, 4)", {3, {3, 4, 0}}}, {"GroupNorm(2, 0)", {3, {3, 0, 2}}}};
  lazy_context *context = model_context(env, env->device);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    lazy_module *module = NULL;
    lazy_graph *graph = NULL;
    lazy_outputs outputs;
    lazy_shape found;
    double *x;
    CHECK_CASE("%s", cases[i].text);
    ASSERT_OK(lazy_module_parse(context, cases[i].text, &module));
    ASSERT_OK(lazy_graph_create(module, NULL, &graph));
    lazy_array *input = model_random_array(env, context, LAZY_DTYPE_F32, cases[i].shape, &x);
    if (EXPECT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(input)), &outputs))) {
      free(model_read_output(graph, outputs.at[0], &found));
      EXPECT_BYTES_EQ(&found, &cases[i].shape, sizeof found);
    }
    free(x);
    lazy_array_release(input);
    lazy_graph_destroy(graph);
    lazy_module_release(module);
  }
  lazy_context_close(context);
}
