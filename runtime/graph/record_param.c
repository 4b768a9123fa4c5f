/* Parameters in a recording: rows, and tickets for those that have no values yet. */
#include "runtime/graph/record.h"
#include "runtime/init/init.h"
#include "runtime/module/queue.h"

/* The row of a parameter, added at its first use. */
static lazy_status row_of(lazyi_recording *recording, lazy_module *module, lazy_param *param,
                          const char *name, int32_t *out_slot) {
  int32_t slot = lazyi_slot_map_get(&recording->slots, param);
  if (slot < 0) {
    lazyi_recorded_tensor tensor = {
        .source = (int32_t)recording->params.count, .kind = LAZYI_TENSOR_PARAM, .dtype = param->dtype};
    const lazy_shape *shape = param->state == LAZY_PARAM_STATE_UNSHAPED ? NULL : &param->shape;
    LAZY_TRY(lazyi_vector_reserve(&recording->params, 1));
    LAZY_TRY(lazyi_recording_add_tensor(recording, shape, tensor, &slot));
    LAZY_TRY(lazyi_slot_map_put(&recording->slots, param, slot));
    recording->params.at[recording->params.count++] = (lazyi_recorded_param){param, module, name, slot, -1};
  }
  *out_slot = slot;
  return LAZY_STATUS_OK;
}

/* The row that a parameter's fan is taken from: its own, or that of the one its rule names. */
static lazy_status fan_row(lazyi_recording *recording, const lazyi_recorded_param *recorded,
                           int32_t *out_slot) {
  const char *fan_of = recorded->param->init.fan_of;
  if (fan_of == NULL) {
    *out_slot = recorded->slot;
    return LAZY_STATUS_OK;
  }
  lazy_param *fan = lazyi_module_param(recorded->module, fan_of, NULL);
  if (fan == NULL)
    return lazy_status_fail(LAZY_STATUS_NOT_FOUND, "parameter %s takes its fan from %s, which is not there",
                            recorded->name, fan_of);
  return row_of(recording, recorded->module, fan, fan_of, out_slot);
}

/* A ticket for a parameter that has a row and no values; what it was goes into the journal. */
static lazy_status add_ticket(lazyi_recording *recording, int32_t index) {
  if (recording->params.at[index].ticket >= 0) return LAZY_STATUS_OK;
  int32_t fan_slot;
  LAZY_TRY(fan_row(recording, recording->params.at + index, &fan_slot));
  lazyi_recorded_param *recorded = recording->params.at + index; /* fan_row may have moved it */
  lazy_param *param = recorded->param;
  LAZY_TRY(lazyi_vector_reserve(&recording->ticket_params, 1));
  LAZY_TRY(lazyi_journal_save_param(&recording->journal, param));
  struct lazy_init_ticket ticket;
  LAZY_TRY(lazyi_init_ticket(&param->init, recording->base.context->stream, (lazy_dtype)param->dtype,
                             recorded->slot, fan_slot,
                             lazyi_param_path_hash(param, recorded->module, recorded->name), &ticket));
  LAZY_TRY(lazyi_shape_table_add_ticket(&recording->table, &ticket));
  recorded->ticket = (int32_t)recording->ticket_params.count;
  recording->ticket_params.at[recording->ticket_params.count++] = index;
  return LAZY_STATUS_OK;
}

/* The torch streams serve parameters in the order in which PyTorch would have drawn them: those whose sizes
   were known at construction come before everything that a first forward settles. */
static lazy_status serve_queue(lazyi_recording *recording) {
  lazy_context *context = recording->base.context;
  if (context->stream == LAZY_STREAM_KEYED || recording->ticket_params.count != 0) return LAZY_STATUS_OK;
  return lazyi_queue_draw_all(context);
}

/* A parameter without values that this recording meets for the first time outside of its lazy module. */
static lazy_status admit(lazyi_recording *recording, const lazy_param *param, const char *name) {
  lazyi_recording_become_first(recording);
  if (param->pending) /* by a recording of this thread that is still under way: others hold the lock */
    return lazy_status_fail(LAZY_STATUS_BUSY, "%s is in the middle of another first forward", name);
  if (param->state == LAZY_PARAM_STATE_UNSHAPED)
    return lazy_status_fail(LAZY_STATUS_UNINITIALIZED,
                            "%s is an uninitialized parameter; a lazy module that settles it comes first",
                            name);
  return param->state == LAZY_PARAM_STATE_SHAPED ? serve_queue(recording) : LAZY_STATUS_OK;
}

static lazy_status param_slot(lazyi_recording *recording, lazy_module *module, lazy_param *param,
                              const char *name, int32_t *out_slot) {
  int32_t slot = lazyi_slot_map_get(&recording->slots, param);
  if (slot < 0) {
    if (param->state != LAZY_PARAM_STATE_REAL) LAZY_TRY(admit(recording, param, name));
    LAZY_TRY(row_of(recording, module, param, name, &slot));
    if (param->state != LAZY_PARAM_STATE_REAL)
      LAZY_TRY(add_ticket(recording, recording->tensors.at[slot].source));
  }
  *out_slot = slot;
  return LAZY_STATUS_OK;
}

lazy_tensor lazyi_recording_param(lazy_recorder *recorder, lazy_module *module, lazy_param *param,
                                  const char *name) {
  lazyi_recording *recording = lazyi_recording_of(recorder);
  int32_t slot = 0;
  if (recorder->status != LAZY_STATUS_OK) return (lazy_tensor){0, 0};
  lazy_status status = param_slot(recording, module, param, name, &slot);
  return status == LAZY_STATUS_OK ? lazyi_recording_handle(recording, slot)
                                  : lazyi_recording_poison(recording, status);
}

/* Rows first, then tickets: a bias may take its fan from a weight that comes after it. */
lazy_status lazyi_recording_pend(lazy_recorder *recorder, lazy_module *module) {
  lazyi_recording *recording = lazyi_recording_of(recorder);
  lazyi_recording_become_first(recording);
  LAZY_TRY(serve_queue(recording));
  LAZY_TRY(lazyi_vector_push(&recording->pending, module));
  size_t count = module->params.count;
  int32_t slot;
  for (size_t i = 0; i < count; i++) {
    const lazyi_param_slot *at = module->params.at + i;
    if (at->param != NULL && at->param->state != LAZY_PARAM_STATE_REAL)
      LAZY_TRY(row_of(recording, module, at->param, at->name, &slot));
  }
  for (size_t i = 0; i < count; i++) {
    const lazy_param *param = module->params.at[i].param;
    if (param == NULL || param->state == LAZY_PARAM_STATE_REAL) continue;
    slot = lazyi_slot_map_get(&recording->slots, param);
    LAZY_TRY(add_ticket(recording, recording->tensors.at[slot].source));
  }
  return LAZY_STATUS_OK;
}
