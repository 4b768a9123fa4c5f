/* The two ends of a recording: arrays and specs become tensors, the result becomes the list of outputs. */
#include <lazyrt/graph.h>

#include "runtime/graph/record.h"
#include "runtime/tensor/array.h"

static lazy_status bind_array(lazyi_recording *recording, lazy_array *array, int32_t *out_slot) {
  if (array == NULL) return lazy_status_fail(LAZY_STATUS_INVALID_TYPE, "an ARRAY argument that is NULL");
  if (array->storage->core != recording->core)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE,
                            "an array of %s; wanted one of the graph's context on %s",
                            array->storage->core->device.name, recording->core->device.name);
  lazyi_recorded_tensor tensor = {.source = (int32_t)recording->inputs.count,
                                  .kind = LAZYI_TENSOR_INPUT,
                                  .dtype = (uint8_t)array->dtype,
                                  .is_strided = !lazy_array_is_contiguous(array)};
  LAZY_TRY(lazyi_vector_push(&recording->inputs, array));
  return lazyi_recording_add_tensor(recording, &array->shape, tensor, out_slot);
}

static lazy_status bind_spec(lazyi_recording *recording, const lazy_spec *spec, int32_t *out_slot) {
  if (spec == NULL) return lazy_status_fail(LAZY_STATUS_INVALID_TYPE, "a SPEC argument that is NULL");
  if (!recording->base.is_dry)
    return lazy_status_fail(LAZY_STATUS_INVALID_TYPE,
                            "a shape without data; wanted an array (a dry run takes shapes)");
  lazy_dtype dtype = spec->dtype == LAZY_DTYPE_DEFAULT ? recording->base.context->default_dtype : spec->dtype;
  if (lazy_dtype_bytes(dtype) == 0)
    return lazy_status_fail(LAZY_STATUS_INVALID_TYPE, "%d is no dtype", (int)spec->dtype);
  lazyi_recorded_tensor tensor = {
      .source = (int32_t)recording->inputs.count, .kind = LAZYI_TENSOR_INPUT, .dtype = (uint8_t)dtype};
  LAZY_TRY(lazyi_vector_push(&recording->inputs, (lazy_array *)NULL));
  return lazyi_recording_add_tensor(recording, &spec->shape, tensor, out_slot);
}

static lazy_status bind_value(lazyi_recording *recording, const lazy_value *value, lazy_value *out_value) {
  int32_t slot;
  switch (value->kind) {
    case LAZY_VALUE_ARRAY:
      LAZY_TRY(bind_array(recording, value->as.array, &slot));
      *out_value = lazy_value_tensor(lazyi_recording_handle(recording, slot));
      return LAZY_STATUS_OK;
    case LAZY_VALUE_SPEC:
      LAZY_TRY(bind_spec(recording, value->as.spec, &slot));
      *out_value = lazy_value_tensor(lazyi_recording_handle(recording, slot));
      return LAZY_STATUS_OK;
    case LAZY_VALUE_TUPLE: {
      size_t count = value->as.tuple.count;
      lazy_value *at = lazyi_bump_alloc(&recording->bump, count * sizeof *at);
      LAZYI_TRY_ALLOC(at);
      for (size_t i = 0; i < count; i++) LAZY_TRY(bind_value(recording, value->as.tuple.at + i, at + i));
      *out_value = lazy_value_tuple(at, count);
      return LAZY_STATUS_OK;
    }
    case LAZY_VALUE_NONE:
    case LAZY_VALUE_BOOL:
    case LAZY_VALUE_INT:
    case LAZY_VALUE_FLOAT: *out_value = *value; return LAZY_STATUS_OK;
    case LAZY_VALUE_TENSOR: break;
  }
  return lazy_status_fail(LAZY_STATUS_INVALID_TYPE,
                          "an argument of kind %d; wanted an array, shape or plain value", (int)value->kind);
}

lazy_status lazyi_recording_bind(lazyi_recording *recording, const lazy_args *args, lazy_args *out_args) {
  static const lazy_args none;
  if (args == NULL) args = &none;
  lazy_value *at = lazyi_bump_alloc(&recording->bump, args->count * sizeof *at);
  LAZYI_TRY_ALLOC(at);
  lazy_keyword *keywords = lazyi_bump_alloc(&recording->bump, args->keyword_count * sizeof *keywords);
  LAZYI_TRY_ALLOC(keywords);
  for (size_t i = 0; i < args->count; i++) {
    lazy_status status = bind_value(recording, args->at + i, at + i);
    if (status != LAZY_STATUS_OK) return lazy_status_annotate(status, "argument %zu", i);
  }
  for (size_t i = 0; i < args->keyword_count; i++) {
    keywords[i].name = args->keywords[i].name;
    lazy_status status = bind_value(recording, &args->keywords[i].value, &keywords[i].value);
    if (status != LAZY_STATUS_OK) return lazy_status_annotate(status, "argument %s", keywords[i].name);
  }
  *out_args = (lazy_args){at, args->count, keywords, args->keyword_count};
  return LAZY_STATUS_OK;
}

lazy_status lazyi_recording_collect(lazyi_recording *recording, const lazy_value *result) {
  if (result->kind == LAZY_VALUE_TUPLE) {
    for (size_t i = 0; i < result->as.tuple.count; i++)
      LAZY_TRY(lazyi_recording_collect(recording, result->as.tuple.at + i));
    return LAZY_STATUS_OK;
  }
  if (result->kind != LAZY_VALUE_TENSOR) return LAZY_STATUS_OK;
  int32_t slot;
  lazy_status status = lazyi_recording_slot(recording, result->as.tensor, &slot);
  if (status != LAZY_STATUS_OK) return lazy_status_annotate(status, "the model's result");
  if (recording->outputs.count == LAZY_MAX_OUTPUTS)
    return lazy_status_fail(LAZY_STATUS_LIMIT, "the model returns more than %d tensors", LAZY_MAX_OUTPUTS);
  recording->tensors.at[slot].is_kept = true;
  return lazyi_vector_push(&recording->outputs, slot);
}
