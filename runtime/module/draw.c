#include "runtime/module/draw.h"

#include <stdio.h>

#include "kernels/segment_rules.h"

/* The path of a parameter that no module registered: a root of its own. */
static uint64_t key_of(lazy_param *param) {
  if (param->path_hash == 0 && param->owner != NULL)
    return lazyi_param_path_hash(param, param->owner, param->owner_name);
  return param->path_hash;
}

static lazy_status segment_of(lazy_param *param, struct lazy_infer_summary *summary, size_t index,
                              struct lazy_init_segment *out_segment) {
  const lazy_init *init = &param->init;
  uint64_t count = 1;
  for (int32_t i = 0; i < param->shape.rank; i++) count *= (uint64_t)param->shape.dims[i];
  *out_segment =
      (struct lazy_init_segment){.count = count, .path_hash = key_of(param), .dtype = param->dtype};
  if (init->initializer == LAZY_INITIALIZER_CONSTANT) {
    out_segment->rule = LAZY_INIT_CONSTANT;
    out_segment->a = init->a;
  } else if (init->initializer == LAZY_INITIALIZER_UNIFORM) {
    out_segment->rule = LAZY_INIT_UNIFORM;
    out_segment->a = init->a + (init->b - init->a) / 2;
    out_segment->b = (init->b - init->a) / 2;
  }
  struct lazy_shape_error error;
  if (lazy_segment_place(out_segment, (int32_t)index, summary, &error) != LAZY_SHAPE_OK)
    return lazy_status_fail(LAZY_STATUS_LIMIT, "too many values to draw at once");
  return LAZY_STATUS_OK;
}

static lazy_status launch(lazy_context *context, const struct lazy_init_segment *segments, size_t count,
                          const struct lazy_infer_summary *summary, uint64_t base) {
  if (summary->tile_count == 0) return LAZY_STATUS_OK;
  lazyi_core *core = context->core;
  lazyi_block table;
  LAZY_TRY(lazyi_arena_alloc(&core->arena, count * sizeof *segments, core->stream, NULL, &table));
  lazy_status status =
      lazyi_staging_upload(&core->staging, table.address, segments, count * sizeof *segments, core->stream);
  if (status == LAZY_STATUS_OK) {
    struct lazy_k_init_params_params params = {.segments = table.address,
                                               .base = base,
                                               .seed = context->seed,
                                               .segment_count = (uint32_t)count,
                                               .tile_count = summary->tile_count};
    status = lazyi_launch(&core->launcher, LAZYI_KERNEL_INIT_PARAMS, summary->tile_count, 128, &params,
                          core->stream);
  }
  lazyi_arena_free(&core->arena, table, core->stream);
  return status;
}

lazy_status lazyi_draw(lazy_context *context, lazy_param *const *params, size_t count) {
  struct lazy_init_segment *segments = lazyi_memory_calloc(count, sizeof *segments);
  LAZYI_TRY_ALLOC(segments);
  struct lazy_infer_summary summary = {0};
  lazyi_extent *extent = NULL;
  uint64_t base = 0;
  lazy_status status = LAZY_STATUS_OK;
  for (size_t i = 0; i < count && status == LAZY_STATUS_OK; i++)
    status = segment_of(params[i], &summary, i, &segments[i]);
  if (status == LAZY_STATUS_OK) status = lazyi_extent_create(context, summary.extent_bytes, &extent, &base);
  if (status == LAZY_STATUS_OK) status = lazyi_core_enter(context->core);
  if (status == LAZY_STATUS_OK) {
    status = launch(context, segments, count, &summary, base);
    lazyi_core_leave(context->core);
  }
  for (size_t i = 0; i < count && status == LAZY_STATUS_OK; i++)
    lazyi_param_attach(params[i], extent, base + segments[i].offset);
  if (extent != NULL) lazyi_extent_release(extent);
  lazyi_memory_free(segments);
  return status;
}
