/* Softmax and LogSoftmax: one op each, two kernels by the length of rows. */
#include <math.h>

#include "kernels/softmax_rules.h"
#include "runtime/launch/ops.h"
#include "runtime/module/module.h"
#include "runtime/nn/nn.h"
#include "runtime/tensor/core.h"

static const char *const operand_names[] = {"input"};

static lazy_status launch(const lazyi_op_call *call) {
  const lazyi_operand *x = call->inputs;
  const int32_t rank = x->shape.rank;
  struct lazy_k_softmax_params params = {.x = x->address,
                                         .y = call->outputs->address,
                                         .rows = 1,
                                         .length = 1,
                                         .inner = 1,
                                         .dtype = (uint8_t)x->dtype,
                                         .log = call->attributes[LAZY_SOFTMAX_LOG] != 0};
  const int64_t dim = softmax_dim(call->attributes[LAZY_SOFTMAX_DIM], rank);
  for (int32_t i = 0; i < rank; i++) {
    const uint64_t size = (uint64_t)x->shape.dims[i];
    if (i == dim) params.length = size;
    else params.rows *= size;
    if (i > dim) params.inner *= size;
  }
  return lazyi_launch_softmax(&call->core->launcher, &params, call->stream);
}

#define DEFINE_OP(name_)                                                                                \
  static lazy_status name_##_dtype(const lazy_dtype *operands, int input_count, int param_count,        \
                                   lazy_dtype *out_dtype) {                                             \
    return lazyi_nn_float_dtype(#name_, operand_names, operands, input_count + param_count, out_dtype); \
  }                                                                                                     \
  static const lazyi_op name_##_op = {.name = #name_,                                                   \
                                      .rule = LAZY_RULE_SOFTMAX,                                        \
                                      .operand_names = operand_names,                                   \
                                      .dtype = name_##_dtype,                                           \
                                      .launch = launch};
DEFINE_OP(softmax)
DEFINE_OP(log_softmax)

static lazy_tensor emit(lazy_recorder *recorder, lazy_tensor input, int64_t dim, bool log) {
  const int64_t attributes[LAZY_SOFTMAX_ATTRIBUTES] = {[LAZY_SOFTMAX_DIM] = dim, [LAZY_SOFTMAX_LOG] = log};
  return recorder->methods->emit(recorder, log ? &log_softmax_op : &softmax_op, &input, 1, NULL, 0,
                                 attributes, LAZY_SOFTMAX_ATTRIBUTES);
}
lazy_tensor lazy_softmax(lazy_recorder *recorder, lazy_tensor input, int dim) {
  return emit(recorder, input, dim, false);
}
lazy_tensor lazy_log_softmax(lazy_recorder *recorder, lazy_tensor input, int dim) {
  return emit(recorder, input, dim, true);
}

/* ---- the classes ---- */

static lazy_status construct(lazy_module *self) {
  const lazy_softmax_options *options = lazy_module_self(self);
  if (options->dim.count == 0) return LAZY_STATUS_OK;
  return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "%s: dim is a tuple; wanted a number or None",
                          lazyi_module_class_name(self));
}
static lazy_tensor softmax_forward(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  const lazy_softmax_options *options = lazy_module_self(self);
  return emit(recorder, lazy_arg(recorder, args, 0), options->dim.at[0], false);
}
static lazy_tensor log_softmax_forward(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  const lazy_softmax_options *options = lazy_module_self(self);
  return emit(recorder, lazy_arg(recorder, args, 0), options->dim.at[0], true);
}

static const lazy_option options[] = {
    {"dim", LAZY_OPTION_INTS, LAZY_OPTION_PRINTED, offsetof(lazy_softmax_options, dim), NAN, NULL}};

#define CLASS(variable, name_)                                            \
  const lazy_class lazy_class_##variable = {                              \
      LAZY_CLASS(name_),      .self_bytes = sizeof(lazy_softmax_options), \
      .options = options,     .option_count = 1,                          \
      .construct = construct, .forward = variable##_forward};
CLASS(softmax, "Softmax")
CLASS(log_softmax, "LogSoftmax")
