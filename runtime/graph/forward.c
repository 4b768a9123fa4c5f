#include "runtime/graph/graph.h"
#include "runtime/trace/trace.h"

/* The outputs' handles, of this recording. */
static lazy_outputs handles(const lazyi_recording *recording) {
  lazy_outputs outputs = {.count = recording->outputs.count};
  for (size_t i = 0; i < outputs.count; i++)
    outputs.at[i] = lazyi_recording_handle(recording, recording->outputs.at[i]);
  return outputs;
}

static lazy_status forward(lazy_graph *graph, const lazy_args *args, lazy_outputs *out_outputs) {
  lazyi_plan *plan = NULL;
  LAZY_TRY(lazyi_first_forward(graph, args, LAZYI_PURPOSE_FORWARD, &plan));
  LAZY_TRY(lazyi_graph_explain(graph, lazyi_graph_run(graph, plan)));
  if (out_outputs != NULL) *out_outputs = handles(&graph->recording);
  return LAZY_STATUS_OK;
}

lazy_status lazy_graph_forward(lazy_graph *graph, const lazy_args *args, lazy_outputs *out_outputs) {
  LAZYI_TRACE(LAZY_TRACE_FORWARD);
  LAZY_TRY(lazyi_graph_begin(graph));
  lazy_status status = forward(graph, args, out_outputs);
  lazyi_graph_end(graph);
  return status;
}
