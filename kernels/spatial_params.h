/* Parameter blocks and attributes of what works on the last dims of an input: pools. Included by params.h. */
#ifndef LAZYRT_KERNELS_SPATIAL_PARAMS_H
#define LAZYRT_KERNELS_SPATIAL_PARAMS_H

#include <stdint.h>

/* Spatial dims are three; of fewer the leading ones are 1 long. */
enum { LAZY_SPATIAL = 3 };

/* Attributes of pools: for each of LAZY_SPATIAL axes from KERNEL, STRIDE, PADDING and DILATION on. */
enum lazy_pool_attribute {
  LAZY_POOL_AXES = 0, /* the input's last dims that windows lie in */
  LAZY_POOL_CEIL = 1, /* 1: a last window may begin where it does not fit */
  LAZY_POOL_KERNEL = 2,
  LAZY_POOL_STRIDE = 5,
  LAZY_POOL_PADDING = 8, /* on either side */
  LAZY_POOL_DILATION = 11,
  LAZY_POOL_LAUNCH = 14, /* from here on, what only the launch reads */
  LAZY_POOL_ATTRIBUTES = 16,
};
/* Attributes of adaptive pools: KERNEL holds output sizes, -1 being the input's. */
enum { LAZY_ADAPTIVE_ATTRIBUTES = 5 };

enum lazy_pool_kind { LAZY_POOL_MAX = 0, LAZY_POOL_AVERAGE = 1 };

/* Windows over planes x in[0] x in[1] x in[2], row-major. f64, f32, f16, bf16; sums in f64 or f32, in the
   order of the input. */
struct lazy_k_pool_params {
  uint64_t x, y;
  uint64_t count; /* outputs of all planes */
  int64_t in[3], out[3];
  int64_t kernel[3], stride[3], padding[3], dilation[3]; /* not of adaptive windows */
  double divisor;                                        /* of averages; 0: the elements of a window */
  uint8_t dtype, kind;
  uint8_t adaptive;      /* 1: window o of an axis is [floor(o in / out), ceil((o + 1) in / out)) */
  uint8_t count_padding; /* 1: an average's window counts its padding too */
  uint8_t reserved[4];
};

#endif
