#include "runtime/nn/norm.h"

#include <float.h>
#include <math.h>

#include "runtime/tensor/core.h"

const char *const lazyi_norm_operands[3][7] = {
    {"input", "running_mean", "running_var", "num_batches_tracked"},
    {"input", "weight", "running_mean", "running_var", "num_batches_tracked"},
    {"input", "weight", "bias", "running_mean", "running_var", "num_batches_tracked"},
};

lazy_status lazyi_norm_dtype(const char *op, const lazy_dtype *operands, int input_count, int param_count,
                             lazy_dtype *out_dtype) {
  const lazy_dtype *params = operands + input_count;
  lazy_dtype input = operands[0];
  if (!lazy_dtype_is_float(input))
    return lazy_status_fail(LAZY_STATUS_INVALID_TYPE, "%s: input is %s; wanted a floating dtype", op,
                            lazy_dtype_name(input));
  for (int i = 0; i < param_count; i++) {
    if (i == param_count - 1 && params[i] == LAZY_DTYPE_I64) continue; /* the counter */
    if (params[i] != params[0] || !lazy_dtype_is_float(params[i]))
      return lazy_status_fail(LAZY_STATUS_INVALID_TYPE,
                              "%s: parameters and buffers of %s and %s; wanted one floating dtype", op,
                              lazy_dtype_name(params[0]), lazy_dtype_name(params[i]));
  }
  bool is_half = input == LAZY_DTYPE_F16 || input == LAZY_DTYPE_BF16;
  if (param_count > 0 && params[0] != input && !(is_half && params[0] == LAZY_DTYPE_F32))
    return lazy_status_fail(LAZY_STATUS_INVALID_TYPE, "%s: input is %s; wanted %s, as the parameters%s", op,
                            lazy_dtype_name(input), lazy_dtype_name(params[0]),
                            params[0] == LAZY_DTYPE_F32 ? ", or f16 or bf16" : "");
  *out_dtype = input;
  return LAZY_STATUS_OK;
}

/* images x channels x inner: of norms over the last dims, everything before them is an image of one channel.
 */
static void take_sizes(const lazy_shape *shape, const int64_t *attributes, bool last, lazyi_norm *norm) {
  int32_t before = 1, from = 2; /* dims of images, first of the inner ones */
  if (last) before = from = shape->rank - (int32_t)attributes[0];
  else if (shape->rank == attributes[LAZY_NORM_UNBATCHED]) before = 0, from = 1;
  norm->images = norm->channels = norm->inner = 1;
  for (int32_t i = 0; i < before; i++) norm->images *= (uint64_t)shape->dims[i];
  for (int32_t i = before; i < from; i++) norm->channels *= (uint64_t)shape->dims[i];
  for (int32_t i = from; i < shape->rank; i++) norm->inner *= (uint64_t)shape->dims[i];
  norm->by_element = last;
  norm->about_zero = attributes[LAZYI_NORM_ABOUT_ZERO] != 0;
}

static lazyi_norm norm_of(const lazyi_op_call *call) {
  const lazyi_operand *x = call->inputs, *params = call->params;
  const int64_t *attributes = call->attributes;
  const int affine = (int)attributes[LAZYI_NORM_AFFINE];
  const lazyi_norm_state state = (lazyi_norm_state)attributes[LAZYI_NORM_STATE];
  const int64_t groups = attributes[LAZYI_NORM_GROUPS];
  lazyi_norm norm = {.x = x->address,
                     .y = call->outputs->address,
                     .affine = affine,
                     .eps = lazyi_nn_number(attributes[LAZYI_NORM_EPS]),
                     .momentum = lazyi_nn_number(attributes[LAZYI_NORM_MOMENTUM]),
                     .statistics = state == LAZYI_NORM_STATELESS ? LAZYI_NORM_OWN
                                   : state == LAZYI_NORM_READS   ? LAZYI_NORM_RUNNING
                                                                 : LAZYI_NORM_UPDATE,
                     .dtype = x->dtype,
                     .param_dtype = call->param_count > 0 ? params[0].dtype : x->dtype};
  if (isnan(norm.eps)) /* RMSNorm's None */
    norm.eps = x->dtype == LAZY_DTYPE_F64 ? DBL_EPSILON : FLT_EPSILON;
  take_sizes(&x->shape, attributes, groups == LAZYI_NORM_LAST_DIMS, &norm);
  norm.groups = groups == LAZYI_NORM_EACH_CHANNEL ? norm.channels
                : groups == LAZYI_NORM_LAST_DIMS  ? 1
                                                  : (uint64_t)groups;
  if (affine > 0) norm.weight = params[0].address;
  if (affine > 1) norm.bias = params[1].address;
  if (state != LAZYI_NORM_STATELESS) {
    norm.running_mean = params[affine].address;
    norm.running_var = params[affine + 1].address;
  }
  if (state == LAZYI_NORM_COUNTS) norm.counter = params[affine + 2].address;
  return norm;
}

size_t lazyi_norm_workspace(const lazyi_op_call *call) {
  const lazyi_norm norm = norm_of(call);
  return lazyi_norm_workspace_bytes(&norm);
}

lazy_status lazyi_norm_launch(const lazyi_op_call *call) {
  const lazyi_norm norm = norm_of(call);
  return lazyi_launch_norm(&call->core->launcher, &norm, call->workspace, call->stream);
}

lazy_tensor lazyi_norm_emit(lazy_recorder *recorder, lazy_module *self, lazyi_norm_ops *ops,
                            lazy_tensor input, lazyi_norm_state state, int64_t *attributes) {
  static const char *const names[] = {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"};
  lazy_tensor params[5];
  int count = 0, affine = 0;
  for (int i = 0; i < (state == LAZYI_NORM_STATELESS ? 2 : state == LAZYI_NORM_COUNTS ? 5 : 4); i++) {
    if (lazyi_module_param(self, names[i], NULL) == NULL) continue; /* registered as none, or never */
    params[count++] = lazy_param_tensor(recorder, self, names[i]);
    affine += i < 2;
  }
  if (attributes[LAZYI_NORM_GROUPS] != LAZYI_NORM_LAST_DIMS)
    attributes[LAZY_NORM_VECTORS] = count - (state == LAZYI_NORM_COUNTS);
  attributes[LAZYI_NORM_AFFINE] = affine;
  attributes[LAZYI_NORM_STATE] = state;
  return recorder->methods->emit(recorder, &(*ops)[affine][state], &input, 1, params, count, attributes,
                                 LAZY_NORM_ATTRIBUTES);
}
