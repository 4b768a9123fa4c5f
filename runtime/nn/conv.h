/* Convolutions: the ops, and the classes around them. */
#ifndef LAZYI_NN_CONV_H
#define LAZYI_NN_CONV_H

#include "runtime/blas/blas.h"
#include "runtime/nn/nn.h"

/* No column buffer is larger, but for that of one output position, or of one channel of a transposed
   convolution, which may be. */
enum { LAZYI_CONV_COLUMN_BYTES = 16 << 20 };

/* Records a convolution or its transpose. `bias` may be absent. */
lazy_tensor lazyi_conv_emit(lazy_recorder *recorder, bool is_transposed, lazy_tensor input,
                            lazy_tensor weight, lazy_tensor bias,
                            const int64_t attributes[LAZY_CONV_ATTRIBUTES]);

/* conv_forward.c and conv_transpose.c: what the two launch. */
size_t lazyi_conv_workspace(const lazyi_op_call *call);
LAZY_MUST_USE lazy_status lazyi_conv_launch(const lazyi_op_call *call);
size_t lazyi_conv_transpose_workspace(const lazyi_op_call *call);
LAZY_MUST_USE lazy_status lazyi_conv_transpose_launch(const lazyi_op_call *call);

/* A call in numbers. */
typedef struct lazyi_conv {
  const lazyi_op_call *call;
  uint64_t x, weight, bias, y; /* bias 0: none */
  int64_t images, in_channels, out_channels, groups;
  int64_t in_size, out_size, taps; /* elements of a channel's image, of a kernel */
  struct lazy_conv_walk walk;
  uint32_t mode;
  lazy_dtype dtype;
  size_t element;
} lazyi_conv;
lazyi_conv lazyi_conv_of(const lazyi_op_call *call);
/* The bias of every channel over its image, for products that add to it. */
LAZY_MUST_USE lazy_status lazyi_conv_spread_bias(const lazyi_conv *conv);
/* The product, at the workspace's end. */
LAZY_MUST_USE lazy_status lazyi_conv_multiply(const lazyi_conv *conv, lazyi_gemm product,
                                              uint64_t blas_workspace);

#endif
