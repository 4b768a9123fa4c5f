/* The recording calls of op.h that are not ops themselves: thin faces of the recorder's methods. */
#include <stdarg.h>
#include <stdio.h>

#include "runtime/module/recorder.h"

static const lazy_tensor poisoned = {0, 0};

lazy_tensor lazy_recorder_fail(lazy_recorder *recorder, lazy_status status, const char *format, ...) {
  char text[sizeof recorder->message];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  (void)lazyi_recorder_stick(recorder, lazy_status_fail(status, "%s", text));
  return poisoned;
}

lazy_status lazy_recorder_status(const lazy_recorder *recorder) { return recorder->status; }

lazy_value lazy_call_args(lazy_recorder *recorder, lazy_module *module, const lazy_args *args) {
  return lazyi_module_call(recorder, module, args);
}

lazy_tensor lazy_call(lazy_recorder *recorder, lazy_module *module, lazy_tensor input) {
  const lazy_value value = lazy_value_tensor(input);
  lazy_value output = lazyi_module_call(recorder, module, &(lazy_args){&value, 1, NULL, 0});
  if (output.kind == LAZY_VALUE_TENSOR) return output.as.tensor;
  return lazy_recorder_fail(recorder, LAZY_STATUS_INVALID_TYPE,
                            "%s returned no tensor; call it with lazy_call_args",
                            lazyi_module_class_name(module));
}

lazy_tensor lazy_arg(lazy_recorder *recorder, const lazy_args *args, size_t index) {
  if (recorder->status != LAZY_STATUS_OK) return poisoned;
  if (index >= args->count || args->at[index].kind == LAZY_VALUE_NONE)
    return lazy_recorder_fail(recorder, LAZY_STATUS_INVALID_TYPE, "argument %zu is missing", index);
  if (args->at[index].kind != LAZY_VALUE_TENSOR)
    return lazy_recorder_fail(recorder, LAZY_STATUS_INVALID_TYPE, "argument %zu is no tensor", index);
  return args->at[index].as.tensor;
}

lazy_tensor lazy_param_tensor(lazy_recorder *recorder, lazy_module *module, const char *name) {
  size_t index = SIZE_MAX;
  if (recorder->status != LAZY_STATUS_OK) return poisoned;
  lazy_param *param = lazyi_module_param(module, name, &index);
  if (index == SIZE_MAX)
    return lazy_recorder_fail(recorder, LAZY_STATUS_NOT_FOUND, "%s has no parameter or buffer '%s'",
                              lazyi_module_class_name(module), name);
  if (param == NULL) return (lazy_tensor){0, recorder->number};
  return recorder->methods->param(recorder, module, param, module->params.at[index].name);
}

void lazy_tensor_retain(lazy_recorder *recorder, lazy_tensor tensor) {
  if (recorder->status == LAZY_STATUS_OK) recorder->methods->retain(recorder, tensor);
}

lazy_status lazy_tensor_shape(lazy_recorder *recorder, lazy_tensor tensor, lazy_shape *out_shape) {
  if (recorder->status != LAZY_STATUS_OK) return lazy_status_fail(recorder->status, "%s", recorder->message);
  return lazyi_recorder_stick(recorder, recorder->methods->tensor_shape(recorder, tensor, out_shape));
}

lazy_status lazy_tensor_dtype(lazy_recorder *recorder, lazy_tensor tensor, lazy_dtype *out_dtype) {
  if (recorder->status != LAZY_STATUS_OK) return lazy_status_fail(recorder->status, "%s", recorder->message);
  return lazyi_recorder_stick(recorder, recorder->methods->tensor_dtype(recorder, tensor, out_dtype));
}
