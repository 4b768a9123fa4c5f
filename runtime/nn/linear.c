/* torch.nn.Linear and LazyLinear: y = x W^T + b. */
#include <string.h>

#include "runtime/blas/blas.h"
#include "runtime/nn/nn.h"
#include "runtime/tensor/core.h"

/* ---- the op ---- */

static const char *const operand_names[] = {"input", "weight", "bias"};

static lazy_status linear_dtype(const lazy_dtype *operands, int input_count, int param_count,
                                lazy_dtype *out_dtype) {
  return lazyi_nn_float_dtype("linear", operand_names, operands, input_count + param_count, out_dtype);
}

/* Every dim but the last is a row of the product. */
static lazyi_gemm product_of(const lazyi_op_call *call) {
  const lazyi_operand *x = call->inputs, *weight = call->params, *y = call->outputs;
  int64_t out = weight->shape.dims[0], in = weight->shape.dims[1], rows = 1;
  for (int32_t i = 0; i + 1 < x->shape.rank; i++) rows *= x->shape.dims[i];
  return (lazyi_gemm){
      .a = x->address,
      .b = weight->address,
      .c = y->address,
      .bias = call->param_count > 1 ? call->params[1].address : 0,
      .m = rows,
      .n = out,
      .k = in,
      .a_row = in,
      .b_row = in,
      .c_row = out,
      .batch = 1,
      .alpha = 1,
      .dtype = y->dtype,
      .b_transposed = true,
  };
}

static size_t linear_workspace(const lazyi_op_call *call) {
  const lazyi_gemm gemm = product_of(call);
  return lazyi_blas_workspace_bytes(call->core->blas, &gemm);
}

static lazy_status linear_launch(const lazyi_op_call *call) {
  lazyi_gemm gemm = product_of(call);
  gemm.workspace = call->workspace;
  gemm.workspace_bytes = lazyi_blas_workspace_bytes(call->core->blas, &gemm);
  return lazyi_blas_gemm(call->core->blas, &gemm, call->stream);
}

static const lazyi_op linear_op = {.name = "linear",
                                   .rule = LAZY_RULE_LINEAR,
                                   .operand_names = operand_names,
                                   .dtype = linear_dtype,
                                   .workspace_bytes = linear_workspace,
                                   .launch = linear_launch};

/* `out_features` -1: whatever the weight says. */
static lazy_tensor emit_linear(lazy_recorder *recorder, lazy_tensor input, lazy_tensor weight,
                               lazy_tensor bias, int64_t out_features) {
  const lazy_tensor params[] = {weight, bias};
  return recorder->methods->emit(recorder, &linear_op, &input, 1, params, 2, &out_features, 1);
}

lazy_tensor lazy_linear(lazy_recorder *recorder, lazy_tensor input, lazy_tensor weight, lazy_tensor bias) {
  return emit_linear(recorder, input, weight, bias, -1);
}

/* ---- the classes ---- */

static lazy_status construct(lazy_module *self) {
  const lazy_linear_options *options = lazy_module_self(self);
  LAZY_TRY(
      lazy_module_set_param_shape(self, "weight", LAZY_DIMS(options->out_features, options->in_features)));
  return lazy_module_set_param_shape(self, "bias", LAZY_DIMS(options->out_features));
}

/* in_features is the weight's second size; out_features was given. */
static lazy_status settle(lazy_module *self) {
  lazy_linear_options *options = lazy_module_self(self);
  const lazy_param *weight = lazyi_module_param(self, "weight", NULL);
  if (weight == NULL) return LAZY_STATUS_OK;
  if (weight->shape.rank != 2)
    return lazy_status_fail(LAZY_STATUS_SHAPE, "weight has rank %d; wanted 2", (int)weight->shape.rank);
  options->in_features = weight->shape.dims[1];
  return LAZY_STATUS_OK;
}

/* For pre-hooks that run before forward: what its op will find. */
static lazy_status infer(const lazy_infer *in, lazy_infer_result *out) {
  const lazy_linear_options *options = lazy_module_self(lazy_infer_module(in));
  LAZY_TRY(
      lazy_infer_param(out, "weight", LAZY_DIMS(options->out_features, lazy_infer_dim(in, "input", -1))));
  return lazy_infer_param(out, "bias", LAZY_DIMS(options->out_features));
}

static bool expect_shape(lazy_module *self, const char *name, lazy_shape *out_shape) {
  const lazy_linear_options *options = lazy_module_self(self);
  if (strcmp(name, "weight") == 0) {
    *out_shape = LAZY_DIMS(options->out_features, options->in_features > 0 ? options->in_features : -1);
    return true;
  }
  *out_shape = LAZY_DIMS(options->out_features);
  return strcmp(name, "bias") == 0;
}

static lazy_tensor forward(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  const lazy_linear_options *options = lazy_module_self(self);
  lazy_tensor input = lazy_arg(recorder, args, 0);
  lazy_tensor weight = lazy_param_tensor(recorder, self, "weight");
  lazy_tensor bias = lazy_param_tensor(recorder, self, "bias");
  return emit_linear(recorder, input, weight, bias, options->out_features);
}

/* reset_parameters: kaiming_uniform_(weight, a=sqrt(5)), uniform_(bias, +-1/sqrt(fan_in)). */
static const lazy_param_spec params[] = {
    {.name = "weight", .init = {LAZY_INITIALIZER_KAIMING_UNIFORM, .a = 2.23606797749978969}},
    {.name = "bias", .init = {LAZY_INITIALIZER_FAN_IN_UNIFORM, .fan_of = "weight"}, .only_if = "bias"},
};

#define FIELD(name) offsetof(lazy_linear_options, name)
static const lazy_option options[] = {
    {"in_features", LAZY_OPTION_INT, LAZY_OPTION_REQUIRED | LAZY_OPTION_PRINTED, FIELD(in_features), 0, NULL},
    {"out_features", LAZY_OPTION_INT, LAZY_OPTION_REQUIRED | LAZY_OPTION_PRINTED, FIELD(out_features), 0,
     NULL},
    {"bias", LAZY_OPTION_BOOL, LAZY_OPTION_PRINTED, FIELD(bias), 1, NULL},
    {"device", LAZY_OPTION_TEXT, LAZY_OPTION_IGNORED, 0, 0, NULL},
    {"dtype", LAZY_OPTION_DTYPE, 0, FIELD(dtype), LAZY_DTYPE_DEFAULT, NULL},
};
static const lazy_option lazy_options[] = {
    {"in_features", LAZY_OPTION_INT, LAZY_OPTION_INFERRED | LAZY_OPTION_PRINTED, FIELD(in_features), 0, NULL},
    {"out_features", LAZY_OPTION_INT, LAZY_OPTION_REQUIRED | LAZY_OPTION_PRINTED, FIELD(out_features), 0,
     NULL},
    {"bias", LAZY_OPTION_BOOL, LAZY_OPTION_PRINTED, FIELD(bias), 1, NULL},
    {"device", LAZY_OPTION_TEXT, LAZY_OPTION_IGNORED, 0, 0, NULL},
    {"dtype", LAZY_OPTION_DTYPE, 0, FIELD(dtype), LAZY_DTYPE_DEFAULT, NULL},
};
#undef FIELD
enum { OPTION_COUNT = sizeof options / sizeof *options, PARAM_COUNT = sizeof params / sizeof *params };

const lazy_class lazy_class_linear = {
    LAZY_CLASS("Linear"),
    .self_bytes = sizeof(lazy_linear_options),
    .options = options,
    .option_count = OPTION_COUNT,
    .params = params,
    .param_count = PARAM_COUNT,
    .construct = construct,
    .settle = settle,
    .expect_shape = expect_shape,
    .forward = forward,
};

const lazy_class lazy_class_lazy_linear = {
    LAZY_CLASS("LazyLinear"), .becomes = &lazy_class_linear,
    .is_lazy = true,          .self_bytes = sizeof(lazy_linear_options),
    .options = lazy_options,  .option_count = OPTION_COUNT,
    .params = params,         .param_count = PARAM_COUNT,
    .infer = infer,           .infers_for_hooks = true, /* else the op's rule finds the same on the device */
    .settle = settle,         .expect_shape = expect_shape,
    .forward = forward,
};
