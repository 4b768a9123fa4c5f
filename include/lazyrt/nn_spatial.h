/* Built-in classes that work on the last dims of an input: pools. Part of nn.h.

   Inputs are (N, C, *) or (C, *), * being one dim of the class's name each: (N, C, L), (N, C, H, W), (N, C,
   D, H, W). Options that are a number or a tuple hold for every dim, or have one for each. */
#ifndef LAZYRT_NN_SPATIAL_H
#define LAZYRT_NN_SPATIAL_H

#include <lazyrt/class.h>

#ifdef __cplusplus
extern "C" {
#endif

/* nn.MaxPool1d/2d/3d(kernel_size, stride=None, padding=0, dilation=1, return_indices=False, ceil_mode=False).
   stride None is kernel_size; padding is at most half of kernel_size. NaN is larger than everything; padding,
   and a window without an element, is -infinity. return_indices: UNSUPPORTED. */
typedef struct lazy_max_pool_options {
  lazy_ints kernel_size, stride, padding, dilation;
  bool return_indices, ceil_mode;
} lazy_max_pool_options;
#define LAZY_MAX_POOL_DEFAULTS \
  { LAZY_INT(0), LAZY_INT(LAZY_INT_NONE), LAZY_INT(0), LAZY_INT(1), false, false }
LAZY_API extern const lazy_class lazy_class_max_pool1d, lazy_class_max_pool2d, lazy_class_max_pool3d;

/* nn.AvgPool1d/2d/3d(kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True) and, but
   for 1d, divisor_override=None. Sums are taken in f32 (f64 for f64) in the order of the input and divided
   once. */
typedef struct lazy_avg_pool_options {
  lazy_ints kernel_size, stride, padding;
  bool ceil_mode, count_include_pad;
  lazy_ints divisor_override; /* a number but 0, or None */
} lazy_avg_pool_options;
#define LAZY_AVG_POOL_DEFAULTS \
  { LAZY_INT(0), LAZY_INT(LAZY_INT_NONE), LAZY_INT(0), false, true, LAZY_INT(LAZY_INT_NONE) }
LAZY_API extern const lazy_class lazy_class_avg_pool1d, lazy_class_avg_pool2d, lazy_class_avg_pool3d;

/* nn.AdaptiveAvgPool1d/2d/3d(output_size) and nn.AdaptiveMaxPool1d/2d/3d(output_size, return_indices=False).
   None, for all sizes or for one of them, is the input's. */
typedef struct lazy_adaptive_pool_options {
  lazy_ints output_size;
  bool return_indices; /* of max pools */
} lazy_adaptive_pool_options;
#define LAZY_ADAPTIVE_POOL_DEFAULTS \
  { LAZY_INT(0), false }
LAZY_API extern const lazy_class lazy_class_adaptive_avg_pool1d, lazy_class_adaptive_avg_pool2d,
    lazy_class_adaptive_avg_pool3d;
LAZY_API extern const lazy_class lazy_class_adaptive_max_pool1d, lazy_class_adaptive_max_pool2d,
    lazy_class_adaptive_max_pool3d;

#ifdef __cplusplus
}
#endif
#endif
