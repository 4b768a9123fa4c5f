/* Running a plan: gathers, launches, copies out. Allocates nothing, waits for nothing. */
#include "runtime/graph/graph.h"
#include "runtime/graph/run_ranges.h"
#include "runtime/tensor/array.h"

/* An input array, put together in the slab. */
static lazy_status gather(const lazy_graph *graph, const lazyi_plan *plan, const lazyi_plan_copy *copy) {
  const lazy_array *array = graph->recording.inputs.at[plan->tensors[copy->tensor].source];
  size_t element = lazy_dtype_bytes(array->dtype);
  if (!plan->tensors[copy->tensor].is_strided)
    return LAZYI_DRIVER(&graph->core->device, memcpy_dtod_async, graph->slab.address + copy->to,
                        array->address, copy->bytes, graph->stream);
  struct lazy_k_copy_params params = {.from = array->address,
                                      .to = graph->slab.address + copy->to,
                                      .count = copy->bytes / element,
                                      .rank = array->shape.rank, /* at least 1: a scalar has no gaps */
                                      .element_bytes = (uint32_t)element};
  int64_t stride = 1;
  for (int i = 0; i < LAZY_MAX_RANK; i++) params.sizes[i] = 1;
  for (int i = array->shape.rank - 1; i >= 0; i--) {
    params.sizes[i] = array->shape.dims[i];
    params.from_strides[i] = array->strides[i];
    params.to_strides[i] = stride;
    stride *= array->shape.dims[i];
  }
  uint32_t grid = lazyi_launch_grid(&graph->core->launcher, params.count, LAZYI_LAUNCH_BLOCK);
  return lazyi_launch(&graph->core->launcher, LAZYI_KERNEL_COPY, grid, LAZYI_LAUNCH_BLOCK, &params,
                      graph->stream);
}

/* An input or parameter that the model returned as it is: the output is a copy, which outlives the caller's
 * array. */
static lazy_status copy_out(const lazy_graph *graph, const lazyi_plan *plan, const lazyi_plan_copy *copy,
                            lazy_driver_stream stream) {
  const lazyi_place *place = plan->places + copy->tensor;
  uint64_t from =
      place->region == LAZYI_REGION_INPUT ? graph->recording.inputs.at[place->at]->address : place->at;
  return LAZYI_DRIVER(&graph->core->device, memcpy_dtod_async, graph->slab.address + copy->to, from,
                      copy->bytes, stream);
}

typedef struct running {
  const lazy_graph *graph;
  lazyi_plan *plan;
  lazyi_run_ranges *ranges;
} running;

static lazy_status launch(void *user, size_t index, lazy_driver_stream stream) {
  const running *r = user;
  const lazyi_recording *recording = &r->graph->recording;
  const lazyi_plan_launch *at = r->plan->launches + index;
  const lazyi_op_call call = lazyi_plan_call(r->plan, at, r->graph->core, stream);
  lazyi_run_ranges_enter(r->ranges, at->node);
  lazy_status status = at->op->launch(&call);
  if (status == LAZY_STATUS_OK) return status;
  return lazyi_recording_failed(recording, recording->node_calls.at[at->node],
                                lazy_status_annotate(status, "%s", at->op->name));
}

/* Launches on their lanes, then copies out. */
static lazy_status queue_launches(void *user, lazy_driver_stream stream) {
  const running *r = user;
  const lazyi_plan *plan = r->plan;
  LAZYI_RUN_RANGES(ranges, &r->graph->recording);
  running inner = {r->graph, r->plan, &ranges};
  LAZY_TRY(
      lazyi_lanes_submit(&r->graph->lanes, &r->graph->core->device, &plan->schedule, stream, launch, &inner));
  lazyi_run_ranges_end(&ranges);
  for (size_t i = 0; i < plan->copy_count; i++) LAZY_TRY(copy_out(r->graph, plan, plan->copies + i, stream));
  return LAZY_STATUS_OK;
}

static lazy_status queue_all(lazy_graph *graph, lazyi_plan *plan) {
  running r = {graph, plan, NULL};
  lazyi_plan_bind(plan, graph->slab.address, graph->recording.inputs.at);
  for (size_t i = 0; i < plan->gather_count; i++) LAZY_TRY(gather(graph, plan, plan->gathers + i));
  if (!graph->captures || plan->capture.seen == 0) {
    plan->capture.seen = 1;
    return queue_launches(&r, graph->stream);
  }
  const lazyi_capture_job job = {.capture = &plan->capture,
                                 .device = &graph->core->device,
                                 .slab = graph->slab.address,
                                 .stream = graph->stream,
                                 .capture_stream = graph->lanes.streams[0],
                                 .queue = queue_launches,
                                 .user = &r};
  return lazyi_capture_run(&job);
}

lazy_status lazyi_graph_run(lazy_graph *graph, lazyi_plan *plan) {
  LAZYI_TRACE(LAZY_TRACE_RUN);
  /* the caller's arrays were filled on the context's stream; what comes next there may change them */
  LAZY_TRY(lazyi_core_order(graph->core, graph->core->stream, graph->stream));
  lazy_status status = queue_all(graph, plan);
  /* what was queued of a run that failed still reads the caller's arrays */
  lazy_status ordered = lazyi_core_order(graph->core, graph->stream, graph->core->stream);
  if (status == LAZY_STATUS_OK) status = ordered;
  if (status == LAZY_STATUS_OK) graph->last = plan;
  return status;
}
