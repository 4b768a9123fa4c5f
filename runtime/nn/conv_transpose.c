/* A transposed convolution's launches: a product makes the columns, which are folded into the image. */
#include "runtime/nn/conv.h"
#include "runtime/tensor/core.h"

enum { PER_BLOCK = 1024 };

/* Output channels of one group whose columns are made at once. */
static int64_t piece_of(const lazyi_conv *conv) {
  const int64_t out = conv->out_channels / conv->groups;
  const int64_t each = conv->taps * conv->in_size > 0 ? conv->taps * conv->in_size : 1;
  const int64_t most = LAZYI_CONV_COLUMN_BYTES / (int64_t)conv->element / each;
  return most < 1 ? 1 : most < out ? most : out;
}
/* Groups whose columns are made at once: all, where they fit. */
static int64_t groups_of(const lazyi_conv *conv) {
  const int64_t all = conv->out_channels * conv->taps * conv->in_size;
  return all <= LAZYI_CONV_COLUMN_BYTES / (int64_t)conv->element ? conv->groups : 1;
}

static uint64_t column_bytes(const lazyi_conv *conv) {
  const uint64_t bytes =
      (uint64_t)(groups_of(conv) * piece_of(conv) * conv->taps * conv->in_size) * conv->element;
  return (bytes + LAZY_PARAM_ALIGNMENT - 1) / LAZY_PARAM_ALIGNMENT * LAZY_PARAM_ALIGNMENT;
}

/* Columns of `channels` of a group from `first` on: weight is (in, out / groups, kernel), taken transposed.
 */
static lazyi_gemm product_of(const lazyi_conv *conv, int64_t image, int64_t group, int64_t first,
                             int64_t channels) {
  const int64_t out = conv->out_channels / conv->groups, in = conv->in_channels / conv->groups;
  const int64_t weights = in * out * conv->taps;
  return (lazyi_gemm){
      .a = conv->weight + (uint64_t)(group * weights + first * conv->taps) * conv->element,
      .b = conv->x + (uint64_t)((image * conv->in_channels + group * in) * conv->in_size) * conv->element,
      .m = channels * conv->taps,
      .n = conv->in_size,
      .k = in,
      .a_row = out * conv->taps,
      .b_row = conv->in_size,
      .c_row = conv->in_size,
      .batch = groups_of(conv),
      .a_batch = weights,
      .b_batch = in * conv->in_size,
      .c_batch = channels * conv->taps * conv->in_size,
      .alpha = 1,
      .dtype = conv->dtype,
      .a_transposed = true};
}

size_t lazyi_conv_transpose_workspace(const lazyi_op_call *call) {
  const lazyi_conv conv = lazyi_conv_of(call);
  const lazyi_gemm product = product_of(&conv, 0, 0, 0, piece_of(&conv));
  return (size_t)column_bytes(&conv) + lazyi_blas_workspace_bytes(call->core->blas, &product);
}

/* Columns of `channels` output channels, from channel `first` of an image on. */
static lazy_status fold(const lazyi_conv *conv, int64_t image, int64_t first, int64_t channels) {
  const lazyi_launcher *launcher = &conv->call->core->launcher;
  const uint64_t at = (uint64_t)(image * conv->out_channels + first) * (uint64_t)conv->out_size;
  const struct lazy_k_fold_params params = {
      .from = conv->call->workspace,
      .to = conv->y + at * conv->element,
      .bias = conv->bias != 0 ? conv->bias + (uint64_t)first * conv->element : 0,
      .channels = channels,
      .walk = conv->walk,
      .dtype = (uint32_t)conv->dtype};
  return lazyi_launch(launcher, LAZYI_KERNEL_FOLD,
                      lazyi_launch_grid(launcher, (uint64_t)(channels * conv->out_size), PER_BLOCK),
                      LAZYI_LAUNCH_BLOCK, &params, conv->call->stream);
}

lazy_status lazyi_conv_transpose_launch(const lazyi_op_call *call) {
  const lazyi_conv conv = lazyi_conv_of(call);
  const uint64_t blas_workspace = call->workspace + column_bytes(&conv);
  const int64_t out = conv.out_channels / conv.groups, groups = groups_of(&conv), piece = piece_of(&conv);
  for (int64_t image = 0; image < conv.images; image++)
    for (int64_t group = 0; group < conv.groups; group += groups)
      for (int64_t first = 0; first < out; first += piece) {
        const int64_t channels = piece < out - first ? piece : out - first;
        lazyi_gemm product = product_of(&conv, image, group, first, channels);
        product.c = call->workspace;
        if (conv.in_size > 0) LAZY_TRY(lazyi_conv_multiply(&conv, product, blas_workspace));
        LAZY_TRY(fold(&conv, image, group * out + first, channels * groups));
      }
  return LAZY_STATUS_OK;
}
