#include "runtime/graph/graph.h"
#include "runtime/trace/trace.h"

static lazy_status run_dry(lazy_graph *graph, const lazy_args *args, lazyi_purpose purpose) {
  LAZYI_TRACE(LAZY_TRACE_DRY_RUN);
  lazyi_plan *plan = NULL;
  LAZY_TRY(lazyi_graph_begin(graph));
  lazy_status status = lazyi_first_forward(graph, args, purpose, &plan);
  lazyi_graph_end(graph);
  return status;
}

lazy_status lazy_graph_dry_run(lazy_graph *graph, const lazy_args *args) {
  return run_dry(graph, args, LAZYI_PURPOSE_DRY_RUN);
}

lazy_status lazy_graph_settle(lazy_graph *graph, const lazy_args *args) {
  return run_dry(graph, args, LAZYI_PURPOSE_SETTLE);
}

lazy_status lazy_module_dry_run(lazy_module *module, const lazy_args *args,
                                const lazy_graph_options *options) {
  lazy_graph *graph;
  LAZY_TRY(lazy_graph_create(module, options, &graph));
  lazy_status status = lazy_graph_dry_run(graph, args);
  lazy_graph_destroy(graph);
  return status;
}
