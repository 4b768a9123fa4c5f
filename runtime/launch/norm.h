/* Norms, launched: moments of tiles, their merger into statistics, then every element. */
#ifndef LAZYI_LAUNCH_NORM_H
#define LAZYI_LAUNCH_NORM_H

#include "runtime/launch/launch.h"

/* Whose statistics an element is normalised by. */
typedef enum lazyi_norm_statistics {
  LAZYI_NORM_OWN = 0,    /* the input's */
  LAZYI_NORM_UPDATE = 1, /* the input's, which the running ones take in */
  LAZYI_NORM_RUNNING = 2,
} lazyi_norm_statistics;

/* x and y are images x channels x inner, contiguous. */
typedef struct lazyi_norm {
  uint64_t x, y;
  uint64_t weight,
      bias; /* as `affine` has them: an element for each channel; for each of `inner` if by_element */
  uint64_t running_mean, running_var; /* an element for each channel */
  uint64_t counter; /* an int64_t that grows by one before the running statistics move; 0: none */
  uint64_t images, channels, inner;
  uint64_t groups; /* of an image's channels, which are normalised together; 0: a channel of all images is */
  double eps;
  double momentum; /* NaN: one over the counter */
  int affine;      /* 0: neither, 1: weight, 2: both */
  lazyi_norm_statistics statistics;
  lazy_dtype dtype, param_dtype; /* of x and y; of all else */
  bool by_element;               /* weight and bias: of LayerNorm */
  bool about_zero;               /* of RMSNorm: mean 0 */
} lazyi_norm;

/* Asks for no address: plans are measured before there are any. */
size_t lazyi_norm_workspace_bytes(const lazyi_norm *norm);
/* Nothing but the counter moves where x has no elements. */
LAZY_MUST_USE lazy_status lazyi_launch_norm(const lazyi_launcher *launcher, const lazyi_norm *norm,
                                            uint64_t workspace, lazy_driver_stream stream);

#endif
