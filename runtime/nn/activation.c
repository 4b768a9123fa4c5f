/* Activations: bias_act without a bias for the epilogues of linear layers, activate for the others; one op
   each. */
#include <string.h>

#include "runtime/launch/ops.h"
#include "runtime/module/module.h"
#include "runtime/nn/nn.h"
#include "runtime/tensor/core.h"

static const char *const operand_names[] = {"input"};

/* ---- the ops ---- */

static lazy_status launch_plain(const lazyi_op_call *call, enum lazy_act act) {
  const lazyi_operand *x = call->inputs, *y = call->outputs;
  return lazyi_launch_bias_act(&call->core->launcher, act, y->dtype, 1, lazyi_nn_count(&y->shape), y->address,
                               x->address, 0, call->stream);
}

/* The attributes are the bits of a and b. */
enum { NUMBERS = 2 };
static lazy_status launch_with_numbers(const lazyi_op_call *call, enum lazy_activation activation) {
  const struct lazy_k_activate_params params = {.x = call->inputs->address,
                                                .y = call->outputs->address,
                                                .count = lazyi_nn_count(&call->outputs->shape),
                                                .a = lazyi_nn_number(call->attributes[0]),
                                                .b = lazyi_nn_number(call->attributes[1]),
                                                .dtype = (uint8_t)call->outputs->dtype,
                                                .activation = (uint8_t)activation};
  return lazyi_launch_activate(&call->core->launcher, &params, call->stream);
}

/* X(name, launch, kernel's constant) */
#define OPS(X)                                                     \
  X(relu, launch_plain, LAZY_ACT_RELU)                             \
  X(gelu, launch_plain, LAZY_ACT_GELU_ERF)                         \
  X(gelu_tanh, launch_plain, LAZY_ACT_GELU_TANH)                   \
  X(sigmoid, launch_plain, LAZY_ACT_SIGMOID)                       \
  X(tanh, launch_plain, LAZY_ACT_TANH)                             \
  X(leaky_relu, launch_with_numbers, LAZY_ACTIVATION_LEAKY_RELU)   \
  X(hardtanh, launch_with_numbers, LAZY_ACTIVATION_HARDTANH)       \
  X(elu, launch_with_numbers, LAZY_ACTIVATION_ELU)                 \
  X(selu, launch_with_numbers, LAZY_ACTIVATION_ELU)                \
  X(silu, launch_with_numbers, LAZY_ACTIVATION_SILU)               \
  X(mish, launch_with_numbers, LAZY_ACTIVATION_MISH)               \
  X(hardsigmoid, launch_with_numbers, LAZY_ACTIVATION_HARDSIGMOID) \
  X(hardswish, launch_with_numbers, LAZY_ACTIVATION_HARDSWISH)     \
  X(softplus, launch_with_numbers, LAZY_ACTIVATION_SOFTPLUS)       \
  X(log_sigmoid, launch_with_numbers, LAZY_ACTIVATION_LOG_SIGMOID)

#define DEFINE_OP(name_, launch_, constant)                                                             \
  static lazy_status name_##_dtype(const lazy_dtype *operands, int input_count, int param_count,        \
                                   lazy_dtype *out_dtype) {                                             \
    return lazyi_nn_float_dtype(#name_, operand_names, operands, input_count + param_count, out_dtype); \
  }                                                                                                     \
  static lazy_status name_##_launch(const lazyi_op_call *call) { return launch_(call, constant); }      \
  static const lazyi_op name_##_op = {.name = #name_,                                                   \
                                      .rule = LAZY_RULE_SAME,                                           \
                                      .operand_names = operand_names,                                   \
                                      .dtype = name_##_dtype,                                           \
                                      .launch = name_##_launch};
OPS(DEFINE_OP)

static lazy_tensor emit(lazy_recorder *recorder, const lazyi_op *op, lazy_tensor input) {
  return recorder->methods->emit(recorder, op, &input, 1, NULL, 0, NULL, 0);
}
static lazy_tensor emit_with(lazy_recorder *recorder, const lazyi_op *op, lazy_tensor input, double a,
                             double b) {
  const int64_t attributes[NUMBERS] = {lazyi_nn_bits(a), lazyi_nn_bits(b)};
  return recorder->methods->emit(recorder, op, &input, 1, NULL, 0, attributes, NUMBERS);
}

lazy_tensor lazy_relu(lazy_recorder *recorder, lazy_tensor input) { return emit(recorder, &relu_op, input); }
lazy_tensor lazy_gelu(lazy_recorder *recorder, lazy_tensor input, bool approximate_tanh) {
  return emit(recorder, approximate_tanh ? &gelu_tanh_op : &gelu_op, input);
}
lazy_tensor lazy_sigmoid(lazy_recorder *recorder, lazy_tensor input) {
  return emit(recorder, &sigmoid_op, input);
}
lazy_tensor lazy_tanh(lazy_recorder *recorder, lazy_tensor input) { return emit(recorder, &tanh_op, input); }
lazy_tensor lazy_leaky_relu(lazy_recorder *recorder, lazy_tensor input, double negative_slope) {
  return emit_with(recorder, &leaky_relu_op, input, negative_slope, 0);
}
lazy_tensor lazy_hardtanh(lazy_recorder *recorder, lazy_tensor input, double min_val, double max_val) {
  return emit_with(recorder, &hardtanh_op, input, min_val, max_val);
}
lazy_tensor lazy_elu(lazy_recorder *recorder, lazy_tensor input, double alpha) {
  return emit_with(recorder, &elu_op, input, alpha, 1);
}
lazy_tensor lazy_selu(lazy_recorder *recorder, lazy_tensor input) {
  const double alpha = 1.6732632423543772, scale = 1.0507009873554805;
  return emit_with(recorder, &selu_op, input, alpha * scale, scale);
}
lazy_tensor lazy_silu(lazy_recorder *recorder, lazy_tensor input) {
  return emit_with(recorder, &silu_op, input, 0, 0);
}
lazy_tensor lazy_mish(lazy_recorder *recorder, lazy_tensor input) {
  return emit_with(recorder, &mish_op, input, 0, 0);
}
lazy_tensor lazy_hardsigmoid(lazy_recorder *recorder, lazy_tensor input) {
  return emit_with(recorder, &hardsigmoid_op, input, 0, 0);
}
lazy_tensor lazy_hardswish(lazy_recorder *recorder, lazy_tensor input) {
  return emit_with(recorder, &hardswish_op, input, 0, 0);
}
lazy_tensor lazy_softplus(lazy_recorder *recorder, lazy_tensor input, double beta, double threshold) {
  return emit_with(recorder, &softplus_op, input, beta, threshold);
}
lazy_tensor lazy_log_sigmoid(lazy_recorder *recorder, lazy_tensor input) {
  return emit_with(recorder, &log_sigmoid_op, input, 0, 0);
}

/* ---- the classes ---- */

static lazy_status gelu_construct(lazy_module *self) {
  const lazy_gelu_options *options = lazy_module_self(self);
  if (strcmp(options->approximate, "tanh") == 0 || strcmp(options->approximate, "none") == 0)
    return LAZY_STATUS_OK;
  return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "GELU: approximate is '%.*s'; wanted 'none' or 'tanh'",
                          LAZY_OPTION_TEXT_BYTES, options->approximate);
}
static lazy_status hardtanh_construct(lazy_module *self) {
  const lazy_hardtanh_options *options = lazy_module_self(self);
  if (options->max_val > options->min_val) return LAZY_STATUS_OK;
  return lazy_status_fail(LAZY_STATUS_INVALID_VALUE,
                          "%s: max_val is %g; wanted more than min_val, which is %g",
                          lazyi_module_class_name(self), options->max_val, options->min_val);
}

enum { SHOWN = LAZY_OPTION_PRINTED, SHOWN_IF_TRUE = LAZY_OPTION_PRINTED | LAZY_OPTION_UNLESS_DEFAULT };
#define INPLACE(options, flags) \
  { "inplace", LAZY_OPTION_BOOL, (flags), offsetof(options, inplace), 0, NULL }
#define NUMBER(options, name, number) \
  { #name, LAZY_OPTION_FLOAT, SHOWN, offsetof(options, name), (number), NULL }

static const lazy_option inplace_options[] = {INPLACE(lazy_inplace_options, SHOWN_IF_TRUE)};
static const lazy_option hidden_options[] = {INPLACE(lazy_inplace_options, 0)};
static const lazy_option gelu_options[] = {
    {"approximate", LAZY_OPTION_TEXT, SHOWN, offsetof(lazy_gelu_options, approximate), 0, "none"}};
static const lazy_option leaky_relu_options[] = {NUMBER(lazy_leaky_relu_options, negative_slope, 0.01),
                                                 INPLACE(lazy_leaky_relu_options, SHOWN_IF_TRUE)};
static const lazy_option elu_options[] = {NUMBER(lazy_elu_options, alpha, 1),
                                          INPLACE(lazy_elu_options, SHOWN_IF_TRUE)};
static const lazy_option hardtanh_options[] = {NUMBER(lazy_hardtanh_options, min_val, -1),
                                               NUMBER(lazy_hardtanh_options, max_val, 1),
                                               INPLACE(lazy_hardtanh_options, SHOWN_IF_TRUE)};
static const lazy_option softplus_options[] = {NUMBER(lazy_softplus_options, beta, 1),
                                               NUMBER(lazy_softplus_options, threshold, 20)};

/* CLASS(variable's name, class's name, is it in place, result; other members): the result of `x` and, where
   there are any, `options`. */
#define CLASS(variable, name_, options_t, inplace, result, ...)                                              \
  static lazy_tensor variable##_forward(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) { \
    const options_t *options = lazy_module_self(self);                                                       \
    const lazy_tensor x = lazy_arg(recorder, args, 0), y = (result);                                         \
    (void)options;                                                                                           \
    if (inplace) recorder->methods->overwrite(recorder, x);                                                  \
    return y;                                                                                                \
  }                                                                                                          \
  const lazy_class lazy_class_##variable = {LAZY_CLASS(name_), .forward = variable##_forward, __VA_ARGS__};
#define OPTIONS(options_t, table) \
  .self_bytes = sizeof(options_t), .options = (table), .option_count = sizeof(table) / sizeof *(table)
#define PLAIN_CLASS(variable, name, result) CLASS(variable, name, void, false, result, )
#define INPLACE_CLASS(variable, name, table, result) \
  CLASS(variable, name, lazy_inplace_options, options->inplace, result, OPTIONS(lazy_inplace_options, table))

INPLACE_CLASS(relu, "ReLU", inplace_options, lazy_relu(recorder, x))
INPLACE_CLASS(relu6, "ReLU6", inplace_options, lazy_hardtanh(recorder, x, 0, 6))
INPLACE_CLASS(selu, "SELU", inplace_options, lazy_selu(recorder, x))
INPLACE_CLASS(silu, "SiLU", inplace_options, lazy_silu(recorder, x))
INPLACE_CLASS(mish, "Mish", inplace_options, lazy_mish(recorder, x))
INPLACE_CLASS(hardsigmoid, "Hardsigmoid", hidden_options, lazy_hardsigmoid(recorder, x))
INPLACE_CLASS(hardswish, "Hardswish", hidden_options, lazy_hardswish(recorder, x))
PLAIN_CLASS(sigmoid, "Sigmoid", lazy_sigmoid(recorder, x))
PLAIN_CLASS(tanh, "Tanh", lazy_tanh(recorder, x))
PLAIN_CLASS(log_sigmoid, "LogSigmoid", lazy_log_sigmoid(recorder, x))
CLASS(gelu, "GELU", lazy_gelu_options, false,
      lazy_gelu(recorder, x, strcmp(options->approximate, "tanh") == 0),
      OPTIONS(lazy_gelu_options, gelu_options), .construct = gelu_construct)
CLASS(leaky_relu, "LeakyReLU", lazy_leaky_relu_options, options->inplace,
      lazy_leaky_relu(recorder, x, options->negative_slope),
      OPTIONS(lazy_leaky_relu_options, leaky_relu_options))
CLASS(elu, "ELU", lazy_elu_options, options->inplace, lazy_elu(recorder, x, options->alpha),
      OPTIONS(lazy_elu_options, elu_options))
CLASS(hardtanh, "Hardtanh", lazy_hardtanh_options, options->inplace,
      lazy_hardtanh(recorder, x, options->min_val, options->max_val),
      OPTIONS(lazy_hardtanh_options, hardtanh_options), .construct = hardtanh_construct)
CLASS(softplus, "Softplus", lazy_softplus_options, false,
      lazy_softplus(recorder, x, options->beta, options->threshold),
      OPTIONS(lazy_softplus_options, softplus_options))
