#include "runtime/base/memory.h"
#include "runtime/module/param.h"
#include "runtime/tensor/array.h"
#include "runtime/tensor/context.h"

struct lazyi_extent {
  atomic_uint references;
  lazy_context *context; /* held: of the statistics and the arena */
  lazyi_block block;
};

static void count_bytes(lazy_context *context, uint64_t change) {
  pthread_mutex_lock(&context->lock);
  context->parameter_bytes += change;
  pthread_mutex_unlock(&context->lock);
}

lazy_status lazyi_extent_create(lazy_context *context, size_t bytes, lazyi_extent **out_extent,
                                uint64_t *out_base) {
  lazyi_core *core = context->core;
  lazyi_extent *extent = lazyi_memory_alloc(sizeof *extent);
  LAZYI_TRY_ALLOC(extent);
  lazy_status status = lazyi_core_enter(core);
  if (status == LAZY_STATUS_OK) {
    status = lazyi_arena_alloc(&core->arena, bytes, core->stream, NULL, &extent->block);
    lazyi_core_leave(core);
  }
  if (status != LAZY_STATUS_OK) {
    lazyi_memory_free(extent);
    return status;
  }
  atomic_init(&extent->references, 1);
  extent->context = lazyi_context_retain(context);
  count_bytes(context, extent->block.bytes);
  *out_extent = extent;
  *out_base = extent->block.address;
  return LAZY_STATUS_OK;
}

void lazyi_extent_retain(lazyi_extent *extent) {
  atomic_fetch_add_explicit(&extent->references, 1, memory_order_relaxed);
}

/* A block goes back to the arena on the context's own stream without a call of the driver, so the context
   need not be current. */
void lazyi_extent_release(lazyi_extent *extent) {
  if (atomic_fetch_sub_explicit(&extent->references, 1, memory_order_acq_rel) != 1) return;
  lazy_context *context = extent->context;
  lazyi_core *core = context->core;
  count_bytes(context, (uint64_t)0 - extent->block.bytes);
  lazyi_arena_free(&core->arena, extent->block, core->stream);
  lazyi_memory_free(extent);
  lazyi_context_release(context);
}

static void let_go(void *owner) { lazyi_extent_release(owner); }

lazy_status lazyi_param_wrap(lazy_param *param, lazy_array **out_array) {
  lazyi_extent_retain(param->extent);
  lazy_status status = lazyi_array_wrap(param->context->core, (lazy_dtype)param->dtype, &param->shape,
                                        param->address, let_go, param->extent, out_array);
  if (status != LAZY_STATUS_OK) lazyi_extent_release(param->extent);
  return status;
}
