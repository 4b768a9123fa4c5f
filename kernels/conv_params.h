/* Parameter blocks and attributes of convolutions. */
#ifndef LAZYRT_KERNELS_CONV_PARAMS_H
#define LAZYRT_KERNELS_CONV_PARAMS_H

#include <stdint.h>

/* Attributes of both convolutions: four numbers, then LAZY_CONV_EACH for each dim of space. */
enum lazy_conv_attribute {
  LAZY_CONV_SPACE = 0, /* dims of space, 1 to 3; the input has one or two more */
  LAZY_CONV_OUT = 1,   /* out_channels; -1: whatever the weight says */
  LAZY_CONV_GROUPS = 2,
  LAZY_CONV_MODE = 3, /* enum lazy_conv_padding */
  LAZY_CONV_FIRST = 4,
  LAZY_CONV_EACH = 7,
  LAZY_CONV_KERNEL = 0,
  LAZY_CONV_STRIDE = 1,
  LAZY_CONV_LOW = 2,  /* padding before the first element */
  LAZY_CONV_HIGH = 3, /* and after the last */
  LAZY_CONV_DILATION = 4,
  LAZY_CONV_EXTRA = 5,  /* output_padding */
  LAZY_CONV_WANTED = 6, /* output_size, which settles EXTRA; -1: not given */
};
enum { LAZY_CONV_ATTRIBUTES = LAZY_CONV_FIRST + 3 * LAZY_CONV_EACH };

/* What stands outside the input: nothing, the input mirrored without its edge, its edge, the input again. */
enum lazy_conv_padding {
  LAZY_PAD_ZEROS = 0,
  LAZY_PAD_REFLECT = 1,
  LAZY_PAD_REPLICATE = 2,
  LAZY_PAD_CIRCULAR = 3,
};

/* How a convolution walks: three dims of space, the first ones of size 1 where there are fewer. */
struct lazy_conv_walk {
  int64_t in[3], out[3]; /* sizes of the small side's image and of the other; for a transposed one they are
                            the input's and the output's too */
  int32_t kernel[3], stride[3], low[3], dilation[3];
};

/* Columns of a convolution: to[r][j] is what tap r = (channel, kernel position) multiplies for output
   position first + j. Elements as they are, or zero. */
struct lazy_k_unfold_params {
  uint64_t from; /* channels x in[0] x in[1] x in[2] */
  uint64_t to;   /* rows x positions */
  int64_t rows;  /* channels x the kernel's size */
  int64_t first, positions;
  int64_t images; /* as many times, from one image to the next: */
  int64_t from_image, to_image;
  struct lazy_conv_walk walk;
  uint32_t mode;          /* enum lazy_conv_padding */
  uint32_t element_bytes; /* 2, 4 or 8 */
};

/* The way back: to[c][o] = bias[c] + the sum of from[(c, kernel position)][i] over the taps that reach o, in
   the kernel's order. */
struct lazy_k_fold_params {
  uint64_t from; /* channels x kernel x in[0] x in[1] x in[2] */
  uint64_t to;   /* channels x out[0] x out[1] x out[2] */
  uint64_t bias; /* channels elements, or 0 */
  int64_t channels;
  struct lazy_conv_walk walk;
  uint32_t dtype;
  uint32_t reserved;
};

/* y[n][c][o] = bias[c] + sum over the channels of c's group, then over the kernel: for groups so small that a
   product would not pay. */
struct lazy_k_conv_params {
  uint64_t x, weight, bias, y; /* bias may be 0 */
  int64_t images, in_channels, out_channels;
  int64_t group_inputs, group_outputs; /* channels of a group */
  struct lazy_conv_walk walk;
  uint32_t mode, dtype;
};

#endif
