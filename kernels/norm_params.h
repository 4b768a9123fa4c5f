/* Parameter blocks of the norms, and the attributes of their shape rules. */
#ifndef LAZYRT_KERNELS_NORM_PARAMS_H
#define LAZYRT_KERNELS_NORM_PARAMS_H

#include <stdint.h>

/* Attributes of norms over channels. */
enum lazy_norm_attribute {
  LAZY_NORM_LOWEST = 0,    /* ranks of the input, */
  LAZY_NORM_HIGHEST = 1,   /* both included */
  LAZY_NORM_UNBATCHED = 2, /* the rank whose dim 0 is the channels, not dim 1; 0: none */
  LAZY_NORM_VECTORS = 3,   /* params that have an element for each channel */
  LAZY_NORM_VALUES = 4,    /* enum lazy_norm_values */
  LAZY_NORM_DIVISOR = 5,   /* groups that divide the channels */
  LAZY_NORM_LAUNCH = 9,    /* from here on, what only the launch reads */
  LAZY_NORM_ATTRIBUTES = 15,
};

/* Of what a norm wants more than one value: statistics of one value say nothing. */
enum lazy_norm_values {
  LAZY_NORM_ANY = 0,
  LAZY_NORM_OF_CHANNEL = 1, /* of the batch and the space of a channel */
  LAZY_NORM_OF_SPACE = 2,
  LAZY_NORM_OF_GROUP = 3, /* of all groups of the batch, and their space */
};

/* Elements that one partial result is made of: whatever the grid, sums run over the same tiles. */
enum { LAZY_MOMENTS_TILE = 2048 };

/* Mean and sum of squared deviations of every tile of every group. Group g has `runs` runs of `run` elements,
   `stride` apart, the first one at g * run. */
struct lazy_k_moments_params {
  uint64_t x;
  uint64_t partials; /* [tile][group][2] in f32, f64 for f64 */
  uint64_t counter;  /* an int64_t that grows by 1, or 0 */
  uint64_t groups, runs, run, stride;
  uint8_t dtype;      /* of x */
  uint8_t about_zero; /* the mean is taken for 0: what is left are squares */
  uint8_t reserved[6];
};

/* Tiles become groups: mean and 1 / sqrt(variance + eps). Groups are repeat after repeat of `channels`; a
   channel's running statistics take in the average of its repeats. */
struct lazy_k_moments_merge_params {
  uint64_t partials;                  /* 0: the running statistics are taken */
  uint64_t mean, rstd;                /* [repeats][channels], written; [channels] of running statistics */
  uint64_t running_mean, running_var; /* channels elements, or 0; updated where there are partials */
  uint64_t counter;                   /* an int64_t: the factor is one over it; 0: it is momentum */
  uint64_t channels, repeats;
  uint64_t elements; /* of a group */
  double eps, momentum;
  uint8_t dtype;         /* what is computed in: f32 or f64 */
  uint8_t running_dtype; /* f64, f32, f16, bf16 */
  uint8_t reserved[6];
};

/* y = (x - mean) * rstd * weight + bias, in rows of `inner` elements. Statistics are of a row, number row /
   divide % modulo, or of an element of it; so are weight and bias, of a row number row % affine_modulo. All
   but x and y in f32, f64 for f64. */
struct lazy_k_normalize_params {
  uint64_t x, y;
  uint64_t mean, rstd;
  uint64_t weight, bias; /* 0: 1 and 0 */
  uint64_t count, inner;
  uint64_t divide, modulo, affine_modulo;
  uint8_t dtype;
  uint8_t by_element; /* enum lazy_norm_by_element */
  uint8_t reserved[6];
};
enum lazy_norm_by_element {
  LAZY_NORM_BY_ROW = 0,
  LAZY_NORM_AFFINE_BY_ELEMENT = 1,
  LAZY_NORM_ALL_BY_ELEMENT = 2,
};

#endif
