/* Carries out a load that was found to fit. */
#include "runtime/module/lazy.h"
#include "runtime/module/load.h"
#include "runtime/module/queue.h"
#include "runtime/tensor/array.h"

/* ---- values ---- */

/* Between devices, through host memory. */
static lazy_status copy_across(lazy_array *to, lazy_array *from) {
  size_t bytes = lazy_array_bytes(from);
  void *values = lazyi_memory_alloc(bytes);
  LAZYI_TRY_ALLOC(values);
  lazy_shape shape = lazy_array_shape(from);
  lazy_array *here = NULL;
  lazy_status status = lazy_array_download(from, values, bytes);
  if (status == LAZY_STATUS_OK)
    status = lazyi_array_create(to->storage->core, lazy_array_dtype(from), &shape, &here);
  if (status == LAZY_STATUS_OK) status = lazy_array_upload(here, values, bytes);
  if (status == LAZY_STATUS_OK) status = lazy_array_copy(to, here);
  lazy_array_release(here);
  lazyi_memory_free(values);
  return status;
}

static lazy_status copy_array(lazy_array *to, lazy_array *from) {
  lazy_array *first = NULL; /* a scalar takes element 0 of a vector */
  if (to->shape.rank == 0 && from->shape.rank == 1) {
    LAZY_TRY(lazy_array_select(from, 0, 0, &first));
    from = first;
  }
  lazy_status status =
      from->storage->core == to->storage->core ? lazy_array_copy(to, from) : copy_across(to, from);
  lazy_array_release(first);
  return status;
}

static lazy_status copy_bytes(lazy_array *to, const lazyi_state_entry *entry) {
  if (entry->spec.dtype == to->dtype) return lazy_array_upload(to, entry->bytes, lazy_array_bytes(to));
  lazy_array *raw;
  lazy_shape shape = to->shape;
  LAZY_TRY(lazyi_array_create(to->storage->core, entry->spec.dtype, &shape, &raw));
  lazy_status status = lazy_array_upload(raw, entry->bytes, lazy_array_bytes(raw));
  if (status == LAZY_STATUS_OK) status = lazy_array_copy(to, raw);
  lazy_array_release(raw);
  return status;
}

static lazy_status copy_values(const lazyi_load_frame *frame, const lazyi_load_target *target) {
  const lazyi_state_entry *entry = &frame->state->entries.at[target->entry];
  lazy_array *to, *from;
  LAZY_TRY(lazyi_param_wrap(target->param, &to));
  lazy_status status;
  if (entry->kind == LAZYI_STATE_BYTES) {
    status = copy_bytes(to, entry);
  } else if (entry->kind == LAZYI_STATE_ARRAY) {
    status = copy_array(to, entry->array);
  } else {
    status = lazy_param_array(entry->param, &from);
    if (status == LAZY_STATUS_OK) {
      status = copy_array(to, from);
      lazy_array_release(from);
    }
  }
  lazy_array_release(to);
  return status == LAZY_STATUS_OK ? status : lazy_status_annotate(status, "%s", target->key);
}

/* ---- places ---- */

/* A parameter loaded from itself. */
static bool is_idle(const lazyi_load_frame *frame, const lazyi_load_target *target) {
  return frame->state->entries.at[target->entry].param == target->param;
}

static bool is_fresh(const lazyi_load_frame *frame, const lazyi_load_target *target) {
  return target->param->state != LAZY_PARAM_STATE_REAL && !is_idle(frame, target);
}

/* Under a torch stream a layer that waits for its draw still uses up its numbers, as PyTorch's constructor
   did; and a source that waits is drawn before the journal is begun. */
static lazy_status draw_due(const lazyi_load_frame *frame) {
  bool torch = frame->root->context->stream != LAZY_STREAM_KEYED;
  for (size_t i = 0; i < frame->targets.count; i++) {
    const lazyi_load_target *target = &frame->targets.at[i];
    lazy_param *source = frame->state->entries.at[target->entry].param;
    if (torch && target->param->queued) LAZY_TRY(lazyi_queue_draw(target->param));
    if (source != NULL && source->state == LAZY_PARAM_STATE_SHAPED && !is_idle(frame, target))
      LAZY_TRY(lazyi_queue_draw(source));
  }
  return LAZY_STATUS_OK;
}

static lazy_status extent_bytes_of(const lazyi_load_target *target, size_t *out_bytes) {
  int64_t count;
  LAZY_TRY(lazyi_array_measure(&target->shape, (lazy_dtype)target->param->dtype, &count, out_bytes));
  if (!lazyi_align_size(*out_bytes, LAZYI_ARENA_ALIGNMENT, out_bytes))
    return lazy_status_fail(LAZY_STATUS_LIMIT, "%s: more bytes than a size can hold", target->key);
  return LAZY_STATUS_OK;
}

static lazy_status place_fresh(lazyi_load_frame *frame) {
  size_t total = 0, bytes, fresh_count = 0;
  for (size_t i = 0; i < frame->targets.count; i++) {
    if (!is_fresh(frame, &frame->targets.at[i])) continue;
    LAZY_TRY(extent_bytes_of(&frame->targets.at[i], &bytes));
    if (!lazyi_add_size(total, bytes, &total))
      return lazy_status_fail(LAZY_STATUS_LIMIT, "more bytes of parameters than a size can hold");
    fresh_count++;
  }
  if (fresh_count == 0) return LAZY_STATUS_OK;
  lazyi_extent *extent;
  uint64_t base;
  LAZY_TRY(lazyi_extent_create(frame->root->context, total, &extent, &base));
  lazy_status status = LAZY_STATUS_OK;
  for (size_t i = 0; i < frame->targets.count && status == LAZY_STATUS_OK; i++) {
    lazyi_load_target *target = &frame->targets.at[i];
    if (!is_fresh(frame, target)) continue;
    status = lazyi_journal_save_param(&frame->journal, target->param);
    if (status != LAZY_STATUS_OK) break;
    target->param->shape = target->shape;
    lazyi_param_attach(target->param, extent, base);
    status = extent_bytes_of(target, &bytes);
    base += bytes;
  }
  lazyi_extent_release(extent);
  return status;
}

/* ---- the whole ---- */

static lazy_status back_up(lazyi_load_frame *frame) {
  for (size_t i = 0; i < frame->targets.count; i++) {
    lazyi_load_target *target = &frame->targets.at[i];
    if (target->param->state != LAZY_PARAM_STATE_REAL || is_idle(frame, target)) continue;
    LAZY_TRY(lazyi_journal_save_param(&frame->journal, target->param));
    LAZY_TRY(lazyi_array_create(frame->root->context->core, (lazy_dtype)target->param->dtype, &target->shape,
                                &target->backup));
    LAZY_TRY(lazyi_param_wrap(target->param, &target->own));
    LAZY_TRY(lazy_array_copy(target->backup, target->own));
    target->saved = true;
    target->param->generation++;
  }
  return LAZY_STATUS_OK;
}

/* Nothing of its own is unshaped any more: the lazy module becomes its ordinary class, as in the newest
 * PyTorch. */
static lazy_status finalise_lazy(lazyi_load_frame *frame) {
  for (size_t i = 0; i < frame->lazy_modules.count; i++) {
    lazy_module *module = frame->lazy_modules.at[i];
    if (frame->keeps_lazy || !module->load_hook || lazy_module_has_uninitialized_params(module)) continue;
    LAZY_TRY(lazyi_lazy_finalise(&frame->journal, module));
    lazy_status status = lazyi_lazy_settle(module);
    if (status != LAZY_STATUS_OK) {
      char path[LAZYI_PATH_BYTES];
      return lazy_status_annotate(status, "%s", lazyi_module_path(module, path, sizeof path));
    }
  }
  return LAZY_STATUS_OK;
}

lazy_status lazyi_load_apply(lazyi_load_frame *frame) {
  LAZY_TRY(draw_due(frame));
  LAZY_TRY(back_up(frame));
  LAZY_TRY(place_fresh(frame));
  LAZY_TRY(finalise_lazy(frame));
  for (size_t i = 0; i < frame->targets.count; i++)
    if (!is_idle(frame, &frame->targets.at[i])) LAZY_TRY(copy_values(frame, &frame->targets.at[i]));
  return LAZY_STATUS_OK;
}

/* Allocates nothing. A backup that was not filled belongs to a parameter that was not written. */
void lazyi_load_undo(lazyi_load_frame *frame) {
  for (size_t i = 0; i < frame->targets.count; i++) {
    const lazyi_load_target *target = &frame->targets.at[i];
    if (!target->saved) continue;
    lazy_status status = lazy_array_copy(target->own, target->backup);
    if (status != LAZY_STATUS_OK)
      (void)lazy_status_annotate(status, "%s: the values it had cannot be put back", target->key);
  }
  lazyi_journal_rollback(&frame->journal);
}
