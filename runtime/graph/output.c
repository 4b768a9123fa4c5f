/* Reading what a run left: outputs, and tensors that were retained while recording. */
#include "runtime/graph/graph.h"

/* The tensor's number in the plan of the last run. */
static lazy_status find(const lazy_graph *graph, lazy_tensor tensor, size_t *out_number) {
  const lazyi_recording *recording = &graph->recording;
  if (lazy_tensor_is_poisoned(tensor))
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "a tensor that a failed call returned");
  if (tensor.recording != recording->base.number || graph->last == NULL)
    return lazy_status_fail(LAZY_STATUS_STALE, "an output of run %u; the graph's last run is %u",
                            (unsigned)tensor.recording, (unsigned)recording->base.number);
  if (tensor.index == 0 || tensor.index > recording->tensors.count)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "no tensor");
  int32_t number = graph->planner.key.numbers.at[tensor.index - 1];
  if (number < 0 || !graph->last->places[number].is_kept)
    return lazy_status_fail(LAZY_STATUS_INVALID_STATE,
                            "a tensor that was neither returned nor retained: its memory is reused");
  *out_number = (size_t)number;
  return LAZY_STATUS_OK;
}

static lazy_spec spec_of(const lazyi_plan *plan, size_t number) {
  const int64_t *row = plan->rows + number * LAZY_ROW;
  lazy_spec spec = {.dtype = (lazy_dtype)plan->tensors[number].dtype,
                    .shape = {.rank = (int32_t)row[LAZY_ROW_RANK]}};
  for (int32_t i = 0; i < spec.shape.rank; i++) spec.shape.dims[i] = row[LAZY_ROW_DIMS - spec.shape.rank + i];
  return spec;
}

static uint64_t address_of(const lazy_graph *graph, size_t number) {
  const lazyi_plan *plan = graph->last;
  for (size_t i = 0; i < plan->copy_count; i++)
    if (plan->copies[i].tensor == (int32_t)number) return graph->slab.address + plan->copies[i].to;
  const lazyi_place *place = plan->places + number;
  return place->region == LAZYI_REGION_SLAB ? graph->slab.address + place->at : 0;
}

lazy_status lazy_graph_output_spec(lazy_graph *graph, lazy_tensor tensor, lazy_spec *out_spec) {
  size_t number = 0;
  LAZY_TRY(find(graph, tensor, &number));
  *out_spec = spec_of(graph->last, number);
  return LAZY_STATUS_OK;
}

lazy_status lazy_graph_output_address(lazy_graph *graph, lazy_tensor tensor, uint64_t *out_address) {
  size_t number = 0;
  LAZY_TRY(find(graph, tensor, &number));
  *out_address = address_of(graph, number);
  return LAZY_STATUS_OK;
}

static lazy_status download(lazy_graph *graph, lazy_tensor tensor, void *out_data, size_t bytes) {
  size_t number = 0;
  LAZY_TRY(find(graph, tensor, &number));
  lazy_spec spec = spec_of(graph->last, number);
  size_t wanted = lazy_dtype_bytes(spec.dtype);
  for (int32_t i = 0; i < spec.shape.rank; i++) wanted *= (size_t)spec.shape.dims[i];
  if (bytes != wanted)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "%zu bytes for an output of %zu", bytes, wanted);
  if (bytes == 0) return LAZYI_DRIVER(&graph->core->device, stream_synchronize, graph->stream);
  return lazyi_staging_download(&graph->core->staging, out_data, address_of(graph, number), bytes,
                                graph->stream);
}

lazy_status lazy_graph_download(lazy_graph *graph, lazy_tensor tensor, void *out_data, size_t bytes) {
  LAZY_TRY(lazyi_graph_begin(graph));
  lazy_status status = download(graph, tensor, out_data, bytes);
  lazyi_graph_end(graph);
  return status;
}
