/* Built-in convolutions. Part of nn.h. */
#ifndef LAZYRT_NN_CONV_H
#define LAZYRT_NN_CONV_H

#include <lazyrt/class.h>

#ifdef __cplusplus
extern "C" {
#endif

/* nn.Conv1d/2d/3d(in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1,
   bias=True, padding_mode='zeros', dtype=None), nn.ConvTranspose1d/2d/3d(in_channels, out_channels,
   kernel_size, stride=1, padding=0, output_padding=0, groups=1, bias=True, dilation=1, padding_mode='zeros',
   dtype=None; text takes the last three by name), and their lazy forms, which infer in_channels.

   Input (N, C, *) or (C, *), * being one, two or three dims. kernel_size, stride, padding, dilation and
   output_padding are one number or one for each dim; padding may be 'valid', or 'same' with a stride of 1.
   padding_mode is zeros, reflect, replicate or circular; zeros alone in a transposed one. weight is
   (out_channels, in_channels / groups, *kernel_size), in a transposed one (in_channels, out_channels /
   groups, *kernel_size); bias (out_channels).

   A transposed one takes output_size as a second argument: sizes of the output's last dims, each within one
   stride of the smallest possible; it takes the place of output_padding.

   INVALID_VALUE at construction for groups that do not divide the channels, for output_padding that is not
   less than stride or dilation; SHAPE at the call for a kernel that reaches over the padded input. Columns
   take at most 16 MiB of workspace (but for one position, or one channel of a transposed one, that need
   more). */
typedef struct lazy_conv_options {
  int64_t in_channels, out_channels;
  lazy_ints kernel_size, stride, padding, dilation;
  lazy_ints output_padding; /* transposed */
  int64_t groups;
  bool bias;
  char padding_mode[LAZY_OPTION_TEXT_BYTES];
  lazy_dtype dtype;
} lazy_conv_options;
#define LAZY_CONV_DEFAULTS                                                                   \
  {                                                                                          \
    0, 0, LAZY_INT(0), LAZY_INT(1), LAZY_INT(0), LAZY_INT(1), LAZY_INT(0), 1, true, "zeros", \
        LAZY_DTYPE_DEFAULT                                                                   \
  }
LAZY_API extern const lazy_class lazy_class_conv1d, lazy_class_conv2d, lazy_class_conv3d;
LAZY_API extern const lazy_class lazy_class_lazy_conv1d, lazy_class_lazy_conv2d, lazy_class_lazy_conv3d;
LAZY_API extern const lazy_class lazy_class_conv_transpose1d, lazy_class_conv_transpose2d,
    lazy_class_conv_transpose3d;
LAZY_API extern const lazy_class lazy_class_lazy_conv_transpose1d, lazy_class_lazy_conv_transpose2d,
    lazy_class_lazy_conv_transpose3d;

#ifdef __cplusplus
}
#endif
#endif
