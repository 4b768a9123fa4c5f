/* ReLU, GELU, Sigmoid, Tanh: one kernel, one op each. */
#include <string.h>

#include "runtime/launch/ops.h"
#include "runtime/nn/nn.h"
#include "runtime/tensor/core.h"

static const char *const operand_names[] = {"input"};

static lazy_status launch(const lazyi_op_call *call, enum lazy_act act) {
  const lazyi_operand *x = call->inputs, *y = call->outputs;
  return lazyi_launch_bias_act(&call->core->launcher, act, y->dtype, 1, lazyi_nn_count(&y->shape), y->address,
                               x->address, 0, call->stream);
}

/* X(name, kernel's constant) */
#define ACTIVATIONS(X)             \
  X(relu, LAZY_ACT_RELU)           \
  X(gelu, LAZY_ACT_GELU_ERF)       \
  X(gelu_tanh, LAZY_ACT_GELU_TANH) \
  X(sigmoid, LAZY_ACT_SIGMOID)     \
  X(tanh, LAZY_ACT_TANH)

#define DEFINE_OP(name_, act)                                                                           \
  static lazy_status name_##_dtype(const lazy_dtype *operands, int input_count, int param_count,        \
                                   lazy_dtype *out_dtype) {                                             \
    return lazyi_nn_float_dtype(#name_, operand_names, operands, input_count + param_count, out_dtype); \
  }                                                                                                     \
  static lazy_status name_##_launch(const lazyi_op_call *call) { return launch(call, act); }            \
  static const lazyi_op name_##_op = {.name = #name_,                                                   \
                                      .rule = LAZY_RULE_SAME,                                           \
                                      .operand_names = operand_names,                                   \
                                      .dtype = name_##_dtype,                                           \
                                      .launch = name_##_launch};
ACTIVATIONS(DEFINE_OP)

static lazy_tensor emit(lazy_recorder *recorder, const lazyi_op *op, lazy_tensor input) {
  return recorder->methods->emit(recorder, op, &input, 1, NULL, 0, NULL, 0);
}

lazy_tensor lazy_relu(lazy_recorder *recorder, lazy_tensor input) { return emit(recorder, &relu_op, input); }
lazy_tensor lazy_gelu(lazy_recorder *recorder, lazy_tensor input, bool approximate_tanh) {
  return emit(recorder, approximate_tanh ? &gelu_tanh_op : &gelu_op, input);
}
lazy_tensor lazy_sigmoid(lazy_recorder *recorder, lazy_tensor input) {
  return emit(recorder, &sigmoid_op, input);
}
lazy_tensor lazy_tanh(lazy_recorder *recorder, lazy_tensor input) { return emit(recorder, &tanh_op, input); }

/* ---- the classes ---- */

static lazy_tensor relu_forward(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  (void)self;
  return lazy_relu(recorder, lazy_arg(recorder, args, 0));
}
static lazy_tensor sigmoid_forward(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  (void)self;
  return lazy_sigmoid(recorder, lazy_arg(recorder, args, 0));
}
static lazy_tensor tanh_forward(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  (void)self;
  return lazy_tanh(recorder, lazy_arg(recorder, args, 0));
}

static bool is_tanh(lazy_module *self) {
  const lazy_gelu_options *options = lazy_module_self(self);
  return strcmp(options->approximate, "tanh") == 0;
}
static lazy_status gelu_construct(lazy_module *self) {
  const lazy_gelu_options *options = lazy_module_self(self);
  if (is_tanh(self) || strcmp(options->approximate, "none") == 0) return LAZY_STATUS_OK;
  return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "GELU: approximate is '%.*s'; wanted 'none' or 'tanh'",
                          LAZY_OPTION_TEXT_BYTES, options->approximate);
}
static lazy_tensor gelu_forward(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  return lazy_gelu(recorder, lazy_arg(recorder, args, 0), is_tanh(self));
}

static const lazy_option relu_options[] = {
    {"inplace", LAZY_OPTION_BOOL, LAZY_OPTION_PRINTED | LAZY_OPTION_UNLESS_DEFAULT,
     offsetof(lazy_relu_options, inplace), 0, NULL},
};
static const lazy_option gelu_options[] = {
    {"approximate", LAZY_OPTION_TEXT, LAZY_OPTION_PRINTED, offsetof(lazy_gelu_options, approximate), 0,
     "none"},
};

const lazy_class lazy_class_relu = {
    LAZY_CLASS("ReLU"),      .self_bytes = sizeof(lazy_relu_options),
    .options = relu_options, .option_count = 1,
    .forward = relu_forward,
};
const lazy_class lazy_class_sigmoid = {LAZY_CLASS("Sigmoid"), .forward = sigmoid_forward};
const lazy_class lazy_class_tanh = {LAZY_CLASS("Tanh"), .forward = tanh_forward};
const lazy_class lazy_class_gelu = {
    LAZY_CLASS("GELU"),          .self_bytes = sizeof(lazy_gelu_options),
    .options = gelu_options,     .option_count = 1,
    .construct = gelu_construct, .forward = gelu_forward,
};
