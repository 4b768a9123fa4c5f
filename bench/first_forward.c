/* What does a lazy model's first forward cost, from nothing to initialised classes?

   Chains of LazyLinear in a Sequential: many tiny layers show the time per module, few wide ones the time per
   value. Timed: construction and dry run, or construction and forward, as PyTorch's user would write them.
   "cold" opens a context of its own, so that memory comes fresh from the system; "warm" reuses what a model
   before gave back. */
#include <lazyrt/lazyrt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/bench.h"

typedef struct chain {
  int64_t layers, features;
  bool forward;
} chain;

static lazy_status build(lazy_context *context, const chain *shape, lazy_module **out_model) {
  lazy_module *model;
  LAZY_TRY(lazy_module_create(context, &lazy_class_sequential, NULL, &model));
  lazy_linear_options options = LAZY_LINEAR_DEFAULTS;
  options.out_features = shape->features;
  for (int64_t i = 0; i < shape->layers; i++) {
    char name[24];
    snprintf(name, sizeof name, "%lld", (long long)i);
    lazy_module *layer;
    lazy_status status = lazy_module_create(context, &lazy_class_lazy_linear, &options, &layer);
    if (status == LAZY_STATUS_OK) status = lazy_module_give_child(model, name, layer);
    if (status != LAZY_STATUS_OK) return lazy_module_release(model), status;
  }
  *out_model = model;
  return LAZY_STATUS_OK;
}

/* From construction to the first result; the model is handed back, so that its release is not timed. */
static lazy_status first_pass(lazy_context *context, const chain *shape, lazy_array *input,
                              lazy_module **out_model, lazy_graph **out_graph, float *out_value) {
  LAZY_TRY(build(context, shape, out_model));
  LAZY_TRY(lazy_graph_create(*out_model, NULL, out_graph));
  if (!shape->forward) {
    LAZY_TRY(lazy_graph_dry_run(*out_graph, LAZY_ARGS(LAZY_INPUT(1, shape->features))));
    return lazy_graph_synchronize(*out_graph);
  }
  lazy_outputs outputs;
  LAZY_TRY(lazy_graph_forward(*out_graph, LAZY_ARGS(lazy_value_array(input)), &outputs));
  float *row = malloc((size_t)shape->features * sizeof *row);
  lazy_status status =
      lazy_graph_download(*out_graph, outputs.at[0], row, (size_t)shape->features * sizeof *row);
  *out_value = row[0];
  free(row);
  return status;
}

/* Validate: classes and sizes are there, values are finite and not all equal. */
static bool is_initialised(lazy_module *model, const chain *shape) {
  char path[48];
  snprintf(path, sizeof path, "%lld.weight", (long long)shape->layers - 1);
  lazy_param *weight;
  lazy_array *array;
  lazy_shape found;
  if (lazy_module_find_param(model, path, &weight) != LAZY_STATUS_OK) return false;
  if (lazy_param_shape(weight, &found) != LAZY_STATUS_OK || found.rank != 2) return false;
  if (found.dims[0] != shape->features || found.dims[1] != shape->features) return false;
  if (lazy_param_array(weight, &array) != LAZY_STATUS_OK) return false;
  size_t count = (size_t)(shape->features * shape->features);
  float *values = malloc(count * sizeof *values);
  bool right = lazy_array_download(array, values, count * sizeof *values) == LAZY_STATUS_OK;
  float bound = 1.0f / sqrtf((float)shape->features);
  double sum_of_squares = 0;
  for (size_t i = 0; right && i < count; i++) {
    right = fabsf(values[i]) <= bound * 1.0001f;
    sum_of_squares += (double)values[i] * values[i];
  }
  /* A uniform distribution's variance is bound^2 / 3. */
  double spread = sum_of_squares / (double)count / (bound * bound / 3);
  right = right && spread > 0.3 && spread < 2;
  free(values);
  lazy_array_release(array);
  return right;
}

static void measure(bench_state *state, chain shape, bool cold) {
  lazy_context *context = NULL;
  lazy_array *input = NULL;
  float *ones = malloc((size_t)shape.features * sizeof *ones);
  for (int64_t i = 0; i < shape.features; i++) ones[i] = 1;
  lazy_shape input_shape = LAZY_DIMS(1, shape.features);
  bool checked = false;
  for (bool warm = false; !warm || bench_next(state); warm = true) {
    /* The first round is not timed: it opens libraries, and fills the arena for warm runs. */
    if (cold || context == NULL) {
      lazy_array_release(input);
      lazy_context_close(context);
      context = NULL, input = NULL;
      BENCH_OK(state, lazy_context_open(bench_device(), NULL, &context));
      BENCH_OK(state, lazy_array_from_data(context, LAZY_DTYPE_F32, &input_shape, ones, &input));
    }
    lazy_module *model = NULL;
    lazy_graph *graph = NULL;
    float value = 0;
    double begun = bench_clock();
    lazy_status status = first_pass(context, &shape, input, &model, &graph, &value);
    double seconds = bench_clock() - begun;
    BENCH_OK(state, status);
    if (!checked) BENCH_CHECK(state, is_initialised(model, &shape) && isfinite(value));
    checked = true;
    if (warm) bench_seconds(state, seconds);
    lazy_graph_destroy(graph);
    lazy_module_release(model);
  }
  bench_items(state, (uint64_t)shape.layers);
  bench_bytes(state, (uint64_t)(shape.layers * (shape.features + 1) * shape.features) * sizeof(float));
  lazy_array_release(input);
  lazy_context_close(context);
  free(ones);
}

BENCH_MANUAL_OVER(chain_of_4_dry_run, 1, 10, 100, 1000) {
  measure(state, (chain){bench_argument(state), 4, false}, false);
}
BENCH_MANUAL_OVER(chain_of_4_forward, 1, 10, 100, 1000) {
  measure(state, (chain){bench_argument(state), 4, true}, false);
}
BENCH_MANUAL(eight_of_4096_dry_run_cold) { measure(state, (chain){8, 4096, false}, true); }
BENCH_MANUAL(eight_of_4096_dry_run_warm) { measure(state, (chain){8, 4096, false}, false); }
BENCH_MANUAL(eight_of_4096_forward_cold) { measure(state, (chain){8, 4096, true}, true); }
BENCH_MANUAL(eight_of_4096_forward_warm) { measure(state, (chain){8, 4096, true}, false); }
