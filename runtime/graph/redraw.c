#include "runtime/graph/redraw.h"

#include <string.h>

#include "runtime/graph/graph.h"

/* ---- what was drawn ---- */

lazy_status lazyi_redraw_reserve(lazyi_redraw *redraw, size_t count) {
  return lazyi_vector_reserve(&redraw->drawn, count);
}

void lazyi_redraw_add(lazyi_redraw *redraw, lazy_param *param, const struct lazy_init_segment *segment) {
  redraw->drawn.at[redraw->drawn.count++] = (lazyi_drawn){lazy_param_retain(param), *segment};
}

static void drop_capture(lazyi_redraw *redraw, lazyi_core *core) {
  const lazy_driver *driver = core->device.driver;
  if (redraw->exec != NULL) (void)driver->graph_exec_destroy(redraw->exec);
  if (redraw->graph != NULL) (void)driver->graph_destroy(redraw->graph);
  redraw->exec = NULL;
  redraw->graph = NULL;
}

void lazyi_redraw_drop(lazyi_redraw *redraw, lazyi_core *core, lazy_driver_stream stream) {
  drop_capture(redraw, core);
  if (redraw->table.bytes != 0) lazyi_arena_free(&core->arena, redraw->table, stream);
  redraw->table = (lazyi_block){0};
}

void lazyi_redraw_deinit(lazyi_redraw *redraw) {
  for (size_t i = 0; i < redraw->drawn.count; i++) lazy_param_release(redraw->drawn.at[i].param);
  lazyi_vector_deinit(&redraw->drawn);
  lazyi_vector_deinit(&redraw->segments);
  *redraw = (lazyi_redraw){0};
}

/* ---- where it is now ---- */

/* The parameter's segment at its present place; a count of 0 where there is nothing to draw. */
static lazy_status segment_now(const lazyi_drawn *drawn, struct lazy_init_segment *out_segment) {
  const lazy_param *param = drawn->param;
  uint64_t count = 1;
  for (int32_t i = 0; i < param->shape.rank; i++) count *= (uint64_t)param->shape.dims[i];
  if (param->state != LAZY_PARAM_STATE_REAL || count != drawn->segment.count)
    return lazy_status_fail(LAZY_STATUS_INVALID_STATE, "a %s has %llu elements; %llu were drawn",
                            lazyi_param_kind(param), (unsigned long long)count,
                            (unsigned long long)drawn->segment.count);
  if (param->address % LAZY_PARAM_ALIGNMENT != 0)
    return lazy_status_fail(LAZY_STATUS_UNSUPPORTED, "a %s lies at an address that is no multiple of %d",
                            lazyi_param_kind(param), LAZY_PARAM_ALIGNMENT);
  *out_segment = drawn->segment;
  out_segment->offset = param->address;
  out_segment->dtype = param->dtype;
  if (drawn->segment.rule == LAZY_INIT_NONE) out_segment->count = 0;
  return LAZY_STATUS_OK;
}

static bool same_segment(const struct lazy_init_segment *x, const struct lazy_init_segment *y) {
  const struct lazy_init_cut *xc = &x->cut, *yc = &y->cut;
  return x->offset == y->offset && x->count == y->count && x->from == y->from &&
         x->path_hash == y->path_hash && x->a == y->a && x->b == y->b && x->first_tile == y->first_tile &&
         x->dtype == y->dtype && x->rule == y->rule && x->host == y->host && x->zero_first == y->zero_first &&
         x->zero_count == y->zero_count && xc->low == yc->low && xc->high == yc->high &&
         xc->below == yc->below && xc->within == yc->within && xc->above == yc->above;
}

/* Compares with what is on the device; yields whether it still holds. */
static lazy_status gather_segments(lazyi_redraw *redraw, bool *out_same) {
  size_t before = redraw->segments.count, count = 0;
  uint64_t tiles = 0;
  bool same = redraw->table.bytes != 0;
  LAZY_TRY(lazyi_vector_reserve(&redraw->segments, redraw->drawn.count - before));
  for (size_t i = 0; i < redraw->drawn.count; i++) {
    struct lazy_init_segment segment;
    memset(&segment, 0, sizeof segment);
    LAZY_TRY(segment_now(&redraw->drawn.at[i], &segment));
    if (segment.count == 0) continue;
    segment.first_tile = (uint32_t)tiles;
    tiles += (segment.count + LAZY_INIT_TILE - 1) / LAZY_INIT_TILE;
    if (tiles > UINT32_MAX) return lazy_status_fail(LAZY_STATUS_LIMIT, "too many values to draw at once");
    same = same && count < before && same_segment(redraw->segments.at + count, &segment);
    redraw->segments.at[count++] = segment;
  }
  redraw->segments.count = count;
  redraw->tile_count = (uint32_t)tiles;
  *out_same = same && count == before;
  return LAZY_STATUS_OK;
}

static lazy_status upload(lazyi_redraw *redraw, lazyi_core *core, lazy_driver_stream stream) {
  size_t bytes = redraw->segments.count * sizeof *redraw->segments.at;
  lazyi_redraw_drop(redraw, core, stream);
  LAZY_TRY(lazyi_arena_alloc(&core->arena, bytes, stream, NULL, &redraw->table));
  lazy_status status =
      lazyi_staging_upload(&core->staging, redraw->table.address, redraw->segments.at, bytes, stream);
  if (status != LAZY_STATUS_OK) lazyi_redraw_drop(redraw, core, stream);
  return status;
}

/* ---- the launch ---- */

static bool can_capture(const lazyi_device *device) {
  return lazyi_capture_is_possible(device) && device->driver->graph_get_nodes != NULL &&
         device->driver->graph_exec_kernel_node_set_params != NULL;
}

static lazy_status capture(lazyi_redraw *redraw, lazyi_core *core, lazy_driver_stream stream, uint32_t grid,
                           const struct lazy_k_init_params_params *params) {
  const lazyi_device *device = &core->device;
  size_t count = 1;
  LAZY_TRY(LAZYI_DRIVER(device, stream_begin_capture, stream, LAZY_DRIVER_CAPTURE_MODE_THREAD_LOCAL));
  lazy_status status =
      lazyi_launch(&core->launcher, LAZYI_KERNEL_INIT_PARAMS, grid, LAZYI_LAUNCH_BLOCK, params, stream);
  if (status == LAZY_STATUS_OK) status = LAZYI_DRIVER(device, stream_end_capture, stream, &redraw->graph);
  else (void)device->driver->stream_end_capture(stream, &redraw->graph);
  if (status == LAZY_STATUS_OK)
    status = LAZYI_DRIVER(device, graph_get_nodes, redraw->graph, &redraw->node, &count);
  if (status == LAZY_STATUS_OK)
    status = LAZYI_DRIVER(device, graph_instantiate, &redraw->exec, redraw->graph, 0);
  if (status != LAZY_STATUS_OK) drop_capture(redraw, core);
  return status;
}

/* The seed is the kernel's argument; all else stands. */
static lazy_status change_seed(const lazyi_redraw *redraw, const lazyi_core *core, uint32_t grid,
                               struct lazy_k_init_params_params *params) {
  void *arguments[] = {params};
  const lazy_driver_kernel_node_params change = {
      .function = core->launcher.functions[LAZYI_KERNEL_INIT_PARAMS],
      .grid_x = grid,
      .grid_y = 1,
      .grid_z = 1,
      .block_x = LAZYI_LAUNCH_BLOCK,
      .block_y = 1,
      .block_z = 1,
      .parameters = arguments};
  return LAZYI_DRIVER(&core->device, graph_exec_kernel_node_set_params, redraw->exec, redraw->node, &change);
}

static lazy_status draw(lazy_graph *graph, uint64_t seed) {
  lazyi_core *core = graph->core;
  lazyi_redraw *redraw = &graph->redraw;
  bool same = false;
  if (graph->context->stream != LAZY_STREAM_KEYED)
    return lazy_status_fail(LAZY_STATUS_UNSUPPORTED, "%s draws in the order of first calls, once; wanted %s",
                            lazy_stream_name(graph->context->stream), lazy_stream_name(LAZY_STREAM_KEYED));
  LAZY_TRY(gather_segments(redraw, &same));
  if (redraw->tile_count == 0) return LAZY_STATUS_OK;
  if (!same) LAZY_TRY(upload(redraw, core, graph->stream));
  struct lazy_k_init_params_params params = {.segments = redraw->table.address,
                                             .seed = seed,
                                             .segment_count = (uint32_t)redraw->segments.count,
                                             .tile_count = redraw->tile_count};
  uint32_t grid = lazyi_launch_grid(&core->launcher, redraw->tile_count, 1);
  if (!can_capture(&core->device))
    return lazyi_launch(&core->launcher, LAZYI_KERNEL_INIT_PARAMS, grid, LAZYI_LAUNCH_BLOCK, &params,
                        graph->stream);
  if (redraw->exec != NULL) {
    LAZY_TRY(change_seed(redraw, core, grid, &params));
  } else {
    static const lazyi_schedule none = {.lane_count = 1};
    LAZY_TRY(lazyi_lanes_reserve(&graph->lanes, &core->lanes, &none, true));
    LAZY_TRY(capture(redraw, core, graph->lanes.streams[0], grid, &params));
  }
  return LAZYI_DRIVER(&core->device, graph_launch, redraw->exec, graph->stream);
}

lazy_status lazy_graph_reinitialize(lazy_graph *graph, uint64_t seed) {
  LAZY_TRY(lazyi_graph_begin(graph));
  lazy_status status = lazyi_core_order(graph->core, graph->core->stream, graph->stream);
  if (status == LAZY_STATUS_OK) status = draw(graph, seed);
  if (status == LAZY_STATUS_OK) status = lazyi_core_order(graph->core, graph->stream, graph->core->stream);
  lazyi_graph_end(graph);
  return status;
}
