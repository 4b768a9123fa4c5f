/* What does a forward cost once everything is there?

   "chain": a thousand LazyLinear of 4 features on one row, where all is overhead. "mlp": 784-512-512-10 on 64
   rows, where all is arithmetic. Each recorded and queued as ever, and with the run captured into one driver
   call. Both include the recording, hooks and all. Validated: captured bits equal plain ones. */
#include <lazyrt/lazyrt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"

typedef struct rig {
  lazy_context *context;
  lazy_module *model;
  lazy_array *input;
  lazy_graph *graph;
} rig;

static lazy_status add_linear(lazy_context *context, lazy_module *model, int index, int64_t features) {
  lazy_linear_options options = LAZY_LINEAR_DEFAULTS;
  lazy_module *layer;
  char name[24];
  options.out_features = features;
  snprintf(name, sizeof name, "%d", index);
  LAZY_TRY(lazy_module_create(context, &lazy_class_lazy_linear, &options, &layer));
  return lazy_module_give_child(model, name, layer);
}
static lazy_status add_relu(lazy_context *context, lazy_module *model, int index) {
  lazy_module *layer;
  char name[24];
  snprintf(name, sizeof name, "%d", index);
  LAZY_TRY(lazy_module_create(context, &lazy_class_relu, NULL, &layer));
  return lazy_module_give_child(model, name, layer);
}

static lazy_status open_rig(rig *r, bool chain, bool capture) {
  const lazy_graph_options options = {.struct_size = sizeof options, .capture = capture};
  int64_t rows = chain ? 1 : 64, in = chain ? 4 : 784;
  LAZY_TRY(lazy_context_open("auto", NULL, &r->context));
  LAZY_TRY(lazy_module_create(r->context, &lazy_class_sequential, NULL, &r->model));
  for (int i = 0; chain && i < 1000; i++) LAZY_TRY(add_linear(r->context, r->model, i, 4));
  for (int i = 0; !chain && i < 3; i++) {
    LAZY_TRY(add_linear(r->context, r->model, 2 * i, i < 2 ? 512 : 10));
    if (i < 2) LAZY_TRY(add_relu(r->context, r->model, 2 * i + 1));
  }
  const lazy_shape shape = LAZY_DIMS(rows, in);
  LAZY_TRY(lazy_array_create(r->context, LAZY_DTYPE_F32, &shape, &r->input));
  size_t bytes = (size_t)(rows * in) * sizeof(float);
  float *values = malloc(bytes);
  for (size_t i = 0; i < bytes / sizeof *values; i++) values[i] = (float)(i % 17) / 17 - 0.5f;
  lazy_status status = lazy_array_upload(r->input, values, bytes);
  free(values);
  LAZY_TRY(status);
  return lazy_graph_create(r->model, &options, &r->graph);
}
static void close_rig(rig *r) {
  lazy_graph_destroy(r->graph);
  lazy_array_release(r->input);
  lazy_module_release(r->model);
  lazy_context_close(r->context);
}

static lazy_status forward(rig *r, float *out_values, size_t bytes) {
  lazy_outputs outputs;
  LAZY_TRY(lazy_graph_forward(r->graph, LAZY_ARGS(lazy_value_array(r->input)), &outputs));
  if (out_values == NULL) return lazy_graph_synchronize(r->graph);
  return lazy_graph_download(r->graph, outputs.at[0], out_values, bytes);
}

static void time_forward(bench_state *state, bool chain, bool capture) {
  rig r = {0};
  float first[640], later[640];
  size_t bytes = chain ? 4 * sizeof *first : sizeof first;
  BENCH_OK(state, open_rig(&r, chain, capture));
  BENCH_OK(state, forward(&r, first, bytes)); /* the first is never captured */
  for (int i = 0; i < 2; i++) {
    memset(later, 0xFF, sizeof later);
    BENCH_OK(state, forward(&r, later, bytes));
    BENCH_CHECK(state, memcmp(first, later, bytes) == 0);
  }
  while (bench_next(state)) BENCH_OK(state, forward(&r, NULL, 0));
  close_rig(&r);
}

BENCH(chain_plain) { time_forward(state, true, false); }
BENCH(chain_captured) { time_forward(state, true, true); }
BENCH(mlp_plain) { time_forward(state, false, false); }
BENCH(mlp_captured) { time_forward(state, false, true); }
