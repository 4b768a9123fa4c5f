/* Shapes on the host: what user code asks for while recording, and what settles pending modules. */
#include <string.h>

#include "runtime/graph/record.h"

lazy_status lazyi_recording_shape_failed(const lazyi_recording *recording,
                                         const struct lazy_shape_error *error) {
  if (error->node >= 0) {
    const lazyi_op *op = recording->ops.at[error->node];
    lazy_status status = lazyi_shape_error_fail(error, op->operand_names);
    return lazyi_recording_failed(recording, recording->node_calls.at[error->node],
                                  lazy_status_annotate(status, "%s", op->name));
  }
  const lazyi_recorded_param *param = recording->params.at + recording->ticket_params.at[error->operand];
  if (error->code == LAZY_SHAPE_UNSHAPED && param->module->pending)
    return lazyi_lazy_unsettled(param->module, param->param, param->name);
  struct lazy_shape_error named = *error;
  named.operand = 0;
  char path[256];
  lazyi_module_path(param->module, path, sizeof path);
  return lazy_status_annotate(lazyi_shape_error_fail(&named, &param->name), "%s",
                              path[0] != '\0' ? path : lazyi_module_class_name(param->module));
}

/* Walks the nodes up to `node`. */
static lazy_status evaluate_to(lazyi_recording *recording, int32_t node) {
  struct lazy_shape_error error = lazyi_shape_table_evaluate(&recording->table, node);
  if (error.code == LAZY_SHAPE_OK) return LAZY_STATUS_OK;
  recording->is_placed = true; /* at the node's call, wherever somebody asked */
  return lazyi_recording_shape_failed(recording, &error);
}

lazy_status lazyi_recording_evaluate(lazyi_recording *recording) {
  return evaluate_to(recording, (int32_t)recording->ops.count - 1);
}

lazy_status lazyi_recording_shape(lazy_recorder *recorder, lazy_tensor tensor, lazy_shape *out_shape) {
  lazyi_recording *recording = lazyi_recording_of(recorder);
  int32_t slot;
  LAZY_TRY(lazyi_recording_slot(recording, tensor, &slot));
  recorder->asked = true;
  const lazyi_recorded_tensor *asked = recording->tensors.at + slot;
  if (!lazyi_shape_table_get_row(&recording->table, slot, out_shape))
    LAZY_TRY(asked->kind == LAZYI_TENSOR_RESULT ? evaluate_to(recording, asked->source)
                                                : lazyi_recording_evaluate(recording));
  if (!lazyi_shape_table_get_row(&recording->table, slot, out_shape))
    return lazy_status_fail(LAZY_STATUS_INVALID_STATE, "the shape of an uninitialized %s is not known yet",
                            lazyi_param_kind(recording->params.at[asked->source].param));
  return LAZY_STATUS_OK;
}

lazy_status lazyi_recording_dtype(lazy_recorder *recorder, lazy_tensor tensor, lazy_dtype *out_dtype) {
  int32_t slot;
  LAZY_TRY(lazyi_recording_slot(lazyi_recording_of(recorder), tensor, &slot));
  *out_dtype = (lazy_dtype)lazyi_recording_of(recorder)->tensors.at[slot].dtype;
  return LAZY_STATUS_OK;
}

/* ---- settling ---- */

/* Gives a parameter the sizes its row has, if it has any yet. The journal knows what it was. */
static void settle_param(lazyi_recording *recording, lazy_param *param, int32_t slot) {
  if (param->state == LAZY_PARAM_STATE_UNSHAPED &&
      lazyi_shape_table_get_row(&recording->table, slot, &param->shape))
    param->state = LAZY_PARAM_STATE_SHAPED;
}

static bool is_pending(const lazyi_recording *recording, const lazy_module *module) {
  for (size_t i = recording->pending.count; i-- > 0;)
    if (recording->pending.at[i] == module) return true;
  return false;
}

lazy_status lazyi_recording_settle(lazy_recorder *recorder, lazy_module *module) {
  lazyi_recording *recording = lazyi_recording_of(recorder);
  LAZY_TRY(lazyi_recording_evaluate(recording));
  if (!module->pending || !is_pending(recording, module)) return LAZY_STATUS_OK;
  bool settled = true;
  for (size_t i = 0; i < module->params.count; i++) {
    lazy_param *param = module->params.at[i].param;
    int32_t slot = param == NULL ? -1 : lazyi_slot_map_get(&recording->slots, param);
    if (slot >= 0) settle_param(recording, param, slot);
    settled = settled && (param == NULL || param->state != LAZY_PARAM_STATE_UNSHAPED);
  }
  return settled ? lazyi_lazy_settle(module) : LAZY_STATUS_OK;
}

lazy_status lazyi_recording_settle_all(lazyi_recording *recording) {
  for (size_t i = 0; i < recording->ticket_params.count; i++) {
    const lazyi_recorded_param *param = recording->params.at + recording->ticket_params.at[i];
    settle_param(recording, param->param, param->slot);
  }
  for (size_t i = 0; i < recording->pending.count; i++) {
    LAZY_TRY(lazyi_lazy_check(recording->pending.at[i]));
    LAZY_TRY(lazyi_lazy_settle(recording->pending.at[i]));
  }
  return LAZY_STATUS_OK;
}
