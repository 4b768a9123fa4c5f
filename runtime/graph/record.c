#include "runtime/graph/record.h"

#include <stdio.h>

#include "runtime/trace/trace.h"

enum { MAX_DEPTH = 512, MAX_OPERANDS = 136, MAX_OUTPUTS = 4 };

/* ---- tensors ---- */

lazy_status lazyi_recording_add_tensor(lazyi_recording *recording, const lazy_shape *shape,
                                       lazyi_recorded_tensor tensor, int32_t *out_slot) {
  LAZY_TRY(lazyi_vector_reserve(&recording->tensors, 1));
  LAZY_TRY(lazyi_shape_table_add_row(&recording->table, shape, out_slot));
  recording->tensors.at[recording->tensors.count++] = tensor;
  return LAZY_STATUS_OK;
}

lazy_tensor lazyi_recording_handle(const lazyi_recording *recording, int32_t slot) {
  return (lazy_tensor){(uint32_t)slot + 1, recording->base.number};
}

lazy_status lazyi_recording_slot(const lazyi_recording *recording, lazy_tensor tensor, int32_t *out_slot) {
  if (tensor.recording != recording->base.number) {
    if (lazy_tensor_is_poisoned(tensor))
      return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "a tensor that a failed call returned");
    return lazy_status_fail(LAZY_STATUS_STALE, "a tensor of another recording");
  }
  if (tensor.index == 0 || tensor.index > recording->tensors.count)
    return lazy_status_fail(LAZY_STATUS_INVALID_TYPE, "no tensor where one is wanted");
  *out_slot = (int32_t)tensor.index - 1;
  return LAZY_STATUS_OK;
}

/* ---- errors ---- */

lazy_status lazyi_recording_failed(const lazyi_recording *recording, int32_t call, lazy_status status) {
  char path[256];
  if (call < 0) return status;
  const lazy_module *module = recording->calls.at[call].module;
  lazyi_module_path(module, path, sizeof path);
  return lazy_status_annotate(status, "%s", path[0] != '\0' ? path : lazyi_module_class_name(module));
}

lazy_tensor lazyi_recording_poison(lazyi_recording *recording, lazy_status status) {
  (void)lazyi_recorder_stick(&recording->base, status);
  return (lazy_tensor){0, 0};
}

/* The first error gets the path of the call it happened in, once: at the end of the innermost call. */
static void place_error(lazyi_recording *recording) {
  lazy_recorder *recorder = &recording->base;
  if (recording->is_placed) return;
  recording->is_placed = true;
  (void)lazyi_recording_failed(recording, recording->call,
                               lazy_status_fail(recorder->status, "%s", recorder->message));
  (void)snprintf(recorder->message, sizeof recorder->message, "%s", lazy_status_message());
}

/* ---- nodes ---- */

/* The op's own rule, or: all operands have one dtype, which is the output's. */
static lazy_status output_dtype(const lazyi_op *op, const lazy_dtype *dtypes, int input_count,
                                int param_count, lazy_dtype *out_dtype) {
  if (op->dtype != NULL) return op->dtype(dtypes, input_count, param_count, out_dtype);
  for (int i = 1; i < input_count + param_count; i++)
    if (dtypes[i] != dtypes[0])
      return lazy_status_fail(LAZY_STATUS_INVALID_TYPE, "%s: %s is %s; wanted %s, as %s", op->name,
                              op->operand_names[i], lazy_dtype_name(dtypes[i]), lazy_dtype_name(dtypes[0]),
                              op->operand_names[0]);
  *out_dtype = dtypes[0];
  return LAZY_STATUS_OK;
}

/* Slots and dtypes of a call's operands. Parameters that are absent come last, and are left out. */
static lazy_status read_operands(const lazyi_recording *recording, const lazyi_op *op,
                                 const lazy_tensor *inputs, int input_count, const lazy_tensor *params,
                                 int *param_count, int32_t *slots, lazy_dtype *dtypes) {
  while (*param_count > 0 && params[*param_count - 1].index == 0 &&
         params[*param_count - 1].recording == recording->base.number)
    --*param_count;
  if (input_count + *param_count > MAX_OPERANDS)
    return lazy_status_fail(LAZY_STATUS_LIMIT, "%s: %d operands; wanted at most %d", op->name,
                            input_count + *param_count, MAX_OPERANDS);
  for (int i = 0; i < input_count + *param_count; i++) {
    lazy_status status =
        lazyi_recording_slot(recording, i < input_count ? inputs[i] : params[i - input_count], slots + i);
    if (status != LAZY_STATUS_OK)
      return lazy_status_annotate(status, "%s: %s", op->name, op->operand_names[i]);
    dtypes[i] = (lazy_dtype)recording->tensors.at[slots[i]].dtype;
  }
  return LAZY_STATUS_OK;
}

static lazy_status add_node(lazyi_recording *recording, const lazyi_op *op, const lazy_tensor *inputs,
                            int input_count, const lazy_tensor *params, int param_count,
                            const int64_t *attributes, int attribute_count, int32_t *out_slot) {
  const int output_count = op->output_count > 0 ? op->output_count : 1;
  int32_t slots[MAX_OPERANDS], outputs[MAX_OUTPUTS], node;
  lazy_dtype dtypes[MAX_OPERANDS], dtype = LAZY_DTYPE_DEFAULT;
  LAZY_TRY(read_operands(recording, op, inputs, input_count, params, &param_count, slots, dtypes));
  LAZY_TRY(output_dtype(op, dtypes, input_count, param_count, &dtype));
  LAZY_TRY(lazyi_vector_reserve(&recording->ops, 1));
  LAZY_TRY(lazyi_vector_reserve(&recording->node_calls, 1));
  lazyi_recorded_tensor output = {
      .source = (int32_t)recording->ops.count, .kind = LAZYI_TENSOR_RESULT, .dtype = (uint8_t)dtype};
  for (int i = 0; i < output_count; i++)
    LAZY_TRY(lazyi_recording_add_tensor(recording, NULL, output, outputs + i));
  *out_slot = outputs[0];
  const lazyi_shape_call call = {
      .rule = op->rule,
      .training = recording->call >= 0 && recording->calls.at[recording->call].module->training,
      .inputs = slots,
      .params = slots + input_count,
      .outputs = outputs,
      .input_count = input_count,
      .param_count = param_count,
      .output_count = output_count,
      .attributes = attributes,
      .attribute_count = attribute_count,
  };
  LAZY_TRY(lazyi_shape_table_add_node(&recording->table, &call, &node));
  recording->ops.at[recording->ops.count++] = op;
  recording->node_calls.at[recording->node_calls.count++] = recording->call;
  return LAZY_STATUS_OK;
}

static lazy_tensor emit(lazy_recorder *recorder, const lazyi_op *op, const lazy_tensor *inputs,
                        int input_count, const lazy_tensor *params, int param_count,
                        const int64_t *attributes, int attribute_count) {
  lazyi_recording *recording = lazyi_recording_of(recorder);
  int32_t slot = 0;
  if (recorder->status != LAZY_STATUS_OK) return (lazy_tensor){0, 0};
  lazy_status status =
      add_node(recording, op, inputs, input_count, params, param_count, attributes, attribute_count, &slot);
  return status == LAZY_STATUS_OK ? lazyi_recording_handle(recording, slot)
                                  : lazyi_recording_poison(recording, status);
}

static void retain(lazy_recorder *recorder, lazy_tensor tensor) {
  lazyi_recording *recording = lazyi_recording_of(recorder);
  int32_t slot = 0;
  if (recorder->status != LAZY_STATUS_OK) return;
  lazy_status status = lazyi_recording_slot(recording, tensor, &slot);
  if (status == LAZY_STATUS_OK) recording->tensors.at[slot].is_kept = true;
  else lazyi_recording_poison(recording, status);
}

/* ---- calls ---- */

static lazy_status call_begin(lazy_recorder *recorder, lazy_module *module) {
  lazyi_recording *recording = lazyi_recording_of(recorder);
  int32_t parent = recording->call, depth = parent < 0 ? 0 : recording->calls.at[parent].depth + 1;
  if (depth >= MAX_DEPTH)
    return lazy_status_fail(LAZY_STATUS_LIMIT, "calls nested %d deep; wanted less than %d", depth, MAX_DEPTH);
  if (module->initialize_hook || module->pending) lazyi_recording_become_first(recording);
  LAZY_TRY(
      lazyi_vector_push(&recording->calls, (lazyi_recorded_call){module, module->type, parent, depth, -1}));
  recording->call = (int32_t)recording->calls.count - 1;
  return LAZY_STATUS_OK;
}

/* Slot of the first tensor in a value; -1 without one. */
static int32_t first_slot(const lazyi_recording *recording, const lazy_value *value) {
  int32_t slot = -1;
  if (value == NULL) return -1;
  if (value->kind == LAZY_VALUE_TENSOR && value->as.tensor.recording == recording->base.number)
    return (int32_t)value->as.tensor.index - 1;
  if (value->kind == LAZY_VALUE_TUPLE)
    for (size_t i = 0; i < value->as.tuple.count && slot < 0; i++)
      slot = first_slot(recording, value->as.tuple.at + i);
  return slot;
}

static void call_end(lazy_recorder *recorder, lazy_module *module, const lazy_value *output) {
  lazyi_recording *recording = lazyi_recording_of(recorder);
  if (recording->call < 0 || recording->calls.at[recording->call].module != module) return; /* never began */
  lazyi_recorded_call *call = recording->calls.at + recording->call;
  call->output = first_slot(recording, output);
  if (recorder->status != LAZY_STATUS_OK) place_error(recording);
  recording->call = call->parent;
}

static void *allocate(lazy_recorder *recorder, size_t bytes) {
  void *block = lazyi_bump_alloc(&lazyi_recording_of(recorder)->bump, bytes);
  if (block == NULL) lazyi_recorder_stick(recorder, LAZY_STATUS_OUT_OF_MEMORY);
  return block;
}

const lazyi_recorder_methods lazyi_recording_methods = {
    .emit = emit,
    .param = lazyi_recording_param,
    .tensor_shape = lazyi_recording_shape,
    .tensor_dtype = lazyi_recording_dtype,
    .pend = lazyi_recording_pend,
    .settle = lazyi_recording_settle,
    .call_begin = call_begin,
    .call_end = call_end,
    .retain = retain,
    .overwrite = lazyi_recording_overwrite,
};

/* ---- beginning and end ---- */

void lazyi_recording_init(lazyi_recording *recording, lazy_context *context) {
  *recording = (lazyi_recording){
      .base = {.methods = &lazyi_recording_methods, .context = context, .allocate = allocate},
      .core = context->core,
      .call = -1,
  };
  recording->base.journal = &recording->journal;
}

void lazyi_recording_deinit(lazyi_recording *recording) {
  lazyi_journal_deinit(&recording->journal);
  lazyi_shape_table_deinit(&recording->table);
  lazyi_vector_deinit(&recording->tensors);
  lazyi_vector_deinit(&recording->ops);
  lazyi_vector_deinit(&recording->node_calls);
  lazyi_vector_deinit(&recording->params);
  lazyi_vector_deinit(&recording->ticket_params);
  lazyi_vector_deinit(&recording->calls);
  lazyi_vector_deinit(&recording->pending);
  lazyi_vector_deinit(&recording->inputs);
  lazyi_vector_deinit(&recording->outputs);
  lazyi_vector_deinit(&recording->overwrites);
  lazyi_slot_map_deinit(&recording->slots);
  lazyi_bump_deinit(&recording->bump);
}

static void clear(lazyi_recording *recording) {
  lazyi_shape_table_clear(&recording->table);
  recording->tensors.count = recording->ops.count = recording->node_calls.count = 0;
  recording->params.count = recording->ticket_params.count = recording->calls.count = 0;
  recording->pending.count = recording->inputs.count = recording->outputs.count = 0;
  recording->overwrites.count = 0;
  lazyi_slot_map_clear(&recording->slots);
  lazyi_bump_clear(&recording->bump);
  recording->call = -1;
  recording->base.status = LAZY_STATUS_OK;
  recording->base.asked = recording->is_placed = false;
  if (++recording->base.number == 0) recording->base.number = 1;
}

lazy_status lazyi_recording_record(lazyi_recording *recording, lazy_module *root, const lazy_args *args,
                                   bool is_dry) {
  LAZYI_TRACE(LAZY_TRACE_RECORD);
  lazy_args bound;
  clear(recording);
  recording->base.is_dry = is_dry;
  LAZY_TRY(lazyi_recording_bind(recording, args, &bound));
  lazy_value result = lazyi_module_call(&recording->base, root, &bound);
  if (recording->base.status != LAZY_STATUS_OK)
    return lazy_status_fail(recording->base.status, "%s", recording->base.message);
  return lazyi_recording_collect(recording, &result);
}

void lazyi_recording_become_first(lazyi_recording *recording) {
  if (recording->is_first) return;
  pthread_mutex_lock(&recording->core->first_forward);
  recording->is_first = true;
}

static void leave_first(lazyi_recording *recording) {
  if (!recording->is_first) return;
  recording->is_first = false;
  pthread_mutex_unlock(&recording->core->first_forward);
}

void lazyi_recording_commit(lazyi_recording *recording) {
  lazyi_journal_commit(&recording->journal);
  leave_first(recording);
}

void lazyi_recording_rollback(lazyi_recording *recording) {
  LAZYI_TRACE(LAZY_TRACE_ROLLBACK);
  lazyi_journal_rollback(&recording->journal);
  leave_first(recording);
}
