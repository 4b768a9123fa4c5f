/* How fast are shapes inferred: one plan of a deep model, recording included, and many shape sets of one
   recording?

   A chain of LazyLinear in a Sequential, on the host device. `sets` is lazy_graph_plan_sets of 10,000
   batches; its `ns_per_module` is per module and set. Run with LAZYRT_HOST_WORKERS=1 for the rate of a core.
 */
#include <lazyrt/lazyrt.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/bench.h"

enum { FEATURES = 64 };

static lazy_status build(lazy_context *context, int64_t layers, lazy_module **out_model) {
  lazy_linear_options options = LAZY_LINEAR_DEFAULTS;
  options.out_features = FEATURES;
  LAZY_TRY(lazy_module_create(context, &lazy_class_sequential, NULL, out_model));
  for (int64_t i = 0; i < layers; i++) {
    lazy_module *layer;
    char name[24];
    snprintf(name, sizeof name, "%lld", (long long)i);
    LAZY_TRY(lazy_module_create(context, &lazy_class_lazy_linear, &options, &layer));
    LAZY_TRY(lazy_module_give_child(*out_model, name, layer));
  }
  return LAZY_STATUS_OK;
}

typedef struct rig {
  lazy_context *context;
  lazy_module *model;
  lazy_graph *graph;
} rig;

static lazy_status open_rig(rig *r, int64_t layers) {
  LAZY_TRY(lazy_context_open(bench_device(), NULL, &r->context));
  LAZY_TRY(build(r->context, layers, &r->model));
  return lazy_graph_create(r->model, NULL, &r->graph);
}

static void close_rig(rig *r) {
  lazy_graph_destroy(r->graph);
  lazy_module_release(r->model);
  lazy_context_close(r->context);
}

BENCH_OVER(plan, 1, 10, 100, 1000) {
  const int64_t layers = bench_argument(state);
  rig r = {0};
  lazy_plan *plan;
  BENCH_OK(state, open_rig(&r, layers));
  BENCH_OK(state, lazy_graph_plan(r.graph, LAZY_ARGS(LAZY_INPUT(32, 17)), &plan));
  const uint64_t wanted =
      17 * FEATURES + (uint64_t)(layers - 1) * FEATURES * FEATURES + (uint64_t)layers * FEATURES;
  BENCH_CHECK(state, lazy_plan_get_totals(plan)->parameter_count == wanted);
  lazy_plan_release(plan);
  while (bench_next(state)) {
    BENCH_OK(state, lazy_graph_plan(r.graph, LAZY_ARGS(LAZY_INPUT(32, 17)), &plan));
    lazy_plan_release(plan);
  }
  bench_items(state, (uint64_t)layers);
  close_rig(&r);
}

BENCH_OVER(sets, 100, 1000) {
  enum { SETS = 10000 };
  const int64_t layers = bench_argument(state);
  rig r = {0};
  lazy_shape *shapes = malloc(SETS * sizeof *shapes);
  lazy_plan_set *found = malloc(SETS * sizeof *found);
  const lazy_spec spec = {LAZY_DTYPE_F32, LAZY_DIMS(1, 17)};
  double seconds = 0, rounds = 0;
  for (int64_t i = 0; i < SETS; i++) shapes[i] = LAZY_DIMS(1 + i, 1 + i % 97);
  BENCH_OK(state, open_rig(&r, layers));
  BENCH_OK(state, lazy_graph_plan_sets(r.graph, &spec, shapes, 1, SETS, found));
  for (int64_t i = 0; i < SETS; i++) {
    const uint64_t wanted = (uint64_t)(1 + i % 97) * FEATURES + (uint64_t)(layers - 1) * FEATURES * FEATURES +
                            (uint64_t)layers * FEATURES;
    BENCH_CHECK(state, found[i].status == LAZY_STATUS_OK && found[i].parameter_count == wanted);
    BENCH_CHECK(state, found[i].output.rank == 2 && found[i].output.dims[0] == 1 + i);
  }
  while (bench_next(state)) {
    const double begun = bench_clock();
    BENCH_OK(state, lazy_graph_plan_sets(r.graph, &spec, shapes, 1, SETS, found));
    seconds += bench_clock() - begun;
    rounds++;
  }
  bench_items(state, (uint64_t)layers * SETS);
  if (rounds > 0) bench_counter(state, "ns_per_module", seconds / rounds / (double)layers / SETS * 1e9);
  close_rig(&r);
  free(shapes);
  free(found);
}
