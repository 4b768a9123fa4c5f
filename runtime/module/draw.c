#include "runtime/module/draw.h"

#include <stdio.h>

#include "kernels/segment_rules.h"
#include "runtime/init/key.h"
#include "runtime/module/random.h"

/* A parameter that no module registered is a root of its own, told from others by its place in the queue. */
static uint64_t key_of(lazy_param *param) {
  if (param->path_hash != 0) return param->path_hash;
  if (param->owner != NULL) return lazyi_param_path_hash(param, param->owner, param->owner_name);
  char ticket[24];
  (void)snprintf(ticket, sizeof ticket, "%llu", (unsigned long long)param->ticket);
  const char *parts[] = {"#parameter", ticket};
  return param->path_hash = lazyi_key_hash_parts(parts, NULL, 2);
}

/* Every init is resolved: nothing here needs a fan. */
static lazy_status segment_of(lazy_param *param, lazy_stream stream, struct lazy_init_segment *out_segment) {
  struct lazy_init_ticket ticket;
  struct lazy_shape_error error;
  int64_t row[LAZY_ROW];
  lazyi_shape_write_row(row, &param->shape);
  LAZY_TRY(lazyi_init_ticket(&param->init, stream, (lazy_dtype)param->dtype, 0, 0, key_of(param), &ticket));
  if (lazy_segment_size(&ticket, 0, row, out_segment, &error) != LAZY_SHAPE_OK)
    return lazyi_shape_error_fail(&error, (const char *const[]){lazyi_param_kind(param)});
  lazy_segment_scale(&ticket, row, out_segment);
  return LAZY_STATUS_OK;
}

static lazy_status place(struct lazy_init_segment *segment, size_t index,
                         struct lazy_infer_summary *summary) {
  struct lazy_shape_error error;
  if (lazy_segment_place(segment, (int32_t)index, summary, &error) != LAZY_SHAPE_OK)
    return lazy_status_fail(LAZY_STATUS_LIMIT, "too many values to draw at once");
  return LAZY_STATUS_OK;
}

/* The context's generator of the torch streams moves on only if everything was queued. */
static lazy_status queue_draw(lazy_context *context, const lazyi_shape_answer *answer, uint64_t base,
                              uint64_t sums, lazy_driver_stream stream) {
  lazyi_core *core = context->core;
  lazyi_torch_generator *generator = NULL, before;
  if (context->stream != LAZY_STREAM_KEYED) {
    LAZY_TRY(lazyi_random_generator(context, &generator));
    before = *generator;
  }
  const lazyi_init_job job = {.answer = answer,
                              .base = base,
                              .seed = context->seed,
                              .stream = context->stream,
                              .sums = sums,
                              .generator = generator};
  lazy_status status = lazyi_init_draw(&core->launcher, &core->staging, &job, stream);
  if (status != LAZY_STATUS_OK && generator != NULL) *generator = before;
  return status;
}

static lazy_status launch(lazy_context *context, const struct lazy_init_segment *segments, size_t count,
                          const struct lazy_infer_summary *summary, uint64_t base, uint64_t sums,
                          lazy_driver_stream stream) {
  lazyi_core *core = context->core;
  lazyi_shape_answer answer = {.summary = *summary, .segments = segments};
  lazyi_block table = {0};
  lazy_status status = LAZY_STATUS_OK;
  if (summary->tile_count > 0) { /* the device draws some */
    LAZY_TRY(lazyi_arena_alloc(&core->arena, count * sizeof *segments, stream, NULL, &table));
    answer.device_segments = table.address;
    status = lazyi_staging_upload(&core->staging, table.address, segments, count * sizeof *segments, stream);
  }
  if (status == LAZY_STATUS_OK) status = queue_draw(context, &answer, base, sums, stream);
  lazyi_arena_free(&core->arena, table, stream);
  return status;
}

lazy_status lazyi_draw(lazy_context *context, lazy_param *const *params, size_t count) {
  struct lazy_init_segment *segments = lazyi_memory_calloc(count, sizeof *segments);
  LAZYI_TRY_ALLOC(segments);
  struct lazy_infer_summary summary = {0};
  lazyi_extent *extent = NULL;
  uint64_t base = 0;
  lazy_status status = LAZY_STATUS_OK;
  for (size_t i = 0; i < count && status == LAZY_STATUS_OK; i++) {
    status = segment_of(params[i], context->stream, &segments[i]);
    if (status == LAZY_STATUS_OK) status = place(&segments[i], i, &summary);
  }
  if (status == LAZY_STATUS_OK) status = lazyi_extent_create(context, summary.extent_bytes, &extent, &base);
  if (status == LAZY_STATUS_OK) status = lazyi_core_enter(context->core);
  if (status == LAZY_STATUS_OK) {
    status = launch(context, segments, count, &summary, base, 0, context->core->stream);
    lazyi_core_leave(context->core);
  }
  for (size_t i = 0; i < count && status == LAZY_STATUS_OK; i++)
    lazyi_param_attach(params[i], extent, base + segments[i].offset);
  if (extent != NULL) lazyi_extent_release(extent);
  lazyi_memory_free(segments);
  return status;
}

lazy_status lazyi_draw_segment(lazy_param *param, struct lazy_init_segment *out_segment) {
  const lazy_stream stream = param->context->stream;
  if (stream != LAZY_STREAM_KEYED)
    return lazy_status_fail(LAZY_STATUS_UNSUPPORTED, "%s draws each value after all before it; wanted %s",
                            lazy_stream_name(stream), lazy_stream_name(LAZY_STREAM_KEYED));
  return segment_of(param, stream, out_segment);
}

lazy_status lazyi_draw_segments(lazy_context *context, struct lazy_init_segment *segments, size_t count,
                                uint64_t base, uint64_t sums, lazy_driver_stream stream) {
  struct lazy_infer_summary summary = {0};
  for (size_t i = 0; i < count; i++) LAZY_TRY(place(&segments[i], i, &summary));
  return launch(context, segments, count, &summary, base, sums, stream);
}
