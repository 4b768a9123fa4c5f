/* The ops conv and conv_transpose, and what their launches share. */
#include "runtime/launch/ops.h"
#include "runtime/nn/conv.h"
#include "runtime/tensor/core.h"

static const char *const operand_names[] = {"input", "weight", "bias"};

static lazy_status conv_dtype(const lazy_dtype *operands, int input_count, int param_count,
                              lazy_dtype *out_dtype) {
  return lazyi_nn_float_dtype("conv", operand_names, operands, input_count + param_count, out_dtype);
}
static lazy_status conv_transpose_dtype(const lazy_dtype *operands, int input_count, int param_count,
                                        lazy_dtype *out_dtype) {
  return lazyi_nn_float_dtype("conv_transpose", operand_names, operands, input_count + param_count,
                              out_dtype);
}

static const lazyi_op conv_op = {.name = "conv",
                                 .rule = LAZY_RULE_CONV,
                                 .operand_names = operand_names,
                                 .dtype = conv_dtype,
                                 .workspace_bytes = lazyi_conv_workspace,
                                 .launch = lazyi_conv_launch};
static const lazyi_op conv_transpose_op = {.name = "conv_transpose",
                                           .rule = LAZY_RULE_CONV_TRANSPOSE,
                                           .operand_names = operand_names,
                                           .dtype = conv_transpose_dtype,
                                           .workspace_bytes = lazyi_conv_transpose_workspace,
                                           .launch = lazyi_conv_transpose_launch};

lazy_tensor lazyi_conv_emit(lazy_recorder *recorder, bool is_transposed, lazy_tensor input,
                            lazy_tensor weight, lazy_tensor bias,
                            const int64_t attributes[LAZY_CONV_ATTRIBUTES]) {
  const lazy_tensor params[] = {weight, bias};
  return recorder->methods->emit(recorder, is_transposed ? &conv_transpose_op : &conv_op, &input, 1, params,
                                 2, attributes, LAZY_CONV_ATTRIBUTES);
}

lazyi_conv lazyi_conv_of(const lazyi_op_call *call) {
  const lazyi_operand *x = call->inputs, *y = call->outputs;
  const int64_t *attributes = call->attributes;
  const int32_t space = (int32_t)attributes[LAZY_CONV_SPACE], batch = x->shape.rank - space - 1;
  lazyi_conv conv = {.call = call,
                     .x = x->address,
                     .weight = call->params->address,
                     .bias = call->param_count > 1 ? call->params[1].address : 0,
                     .y = y->address,
                     .images = batch > 0 ? x->shape.dims[0] : 1,
                     .in_channels = x->shape.dims[batch],
                     .out_channels = y->shape.dims[batch],
                     .groups = attributes[LAZY_CONV_GROUPS],
                     .in_size = 1,
                     .out_size = 1,
                     .taps = 1,
                     .mode = (uint32_t)attributes[LAZY_CONV_MODE],
                     .dtype = x->dtype,
                     .element = lazy_dtype_bytes(x->dtype)};
  for (int d = 0; d < 3; d++) {
    const int dim = d - (3 - space);
    const int64_t *at = attributes + LAZY_CONV_FIRST + dim * LAZY_CONV_EACH;
    conv.walk.in[d] = dim < 0 ? 1 : x->shape.dims[batch + 1 + dim];
    conv.walk.out[d] = dim < 0 ? 1 : y->shape.dims[batch + 1 + dim];
    conv.walk.kernel[d] = dim < 0 ? 1 : (int32_t)at[LAZY_CONV_KERNEL];
    conv.walk.stride[d] = dim < 0 ? 1 : (int32_t)at[LAZY_CONV_STRIDE];
    conv.walk.low[d] = dim < 0 ? 0 : (int32_t)at[LAZY_CONV_LOW];
    conv.walk.dilation[d] = dim < 0 ? 1 : (int32_t)at[LAZY_CONV_DILATION];
    conv.in_size *= conv.walk.in[d];
    conv.out_size *= conv.walk.out[d];
    conv.taps *= conv.walk.kernel[d];
  }
  return conv;
}

lazy_status lazyi_conv_spread_bias(const lazyi_conv *conv) {
  const lazy_shape shape = LAZY_DIMS(conv->images, conv->out_channels, conv->out_size);
  const int64_t repeats[] = {0, 1, 0};
  return lazyi_launch_copy(&conv->call->core->launcher, &shape, (lazyi_strided){.address = conv->y},
                           (lazyi_strided){conv->bias, repeats}, (uint32_t)conv->element, conv->call->stream);
}

lazy_status lazyi_conv_multiply(const lazyi_conv *conv, lazyi_gemm product, uint64_t blas_workspace) {
  lazyi_blas *blas = conv->call->core->blas;
  product.workspace = blas_workspace;
  product.workspace_bytes = lazyi_blas_workspace_bytes(blas, &product);
  return lazyi_blas_gemm(blas, &product, conv->call->stream);
}
