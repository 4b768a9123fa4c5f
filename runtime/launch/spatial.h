/* Kernels that work on the last dims of an input, launched. Parameter blocks come whole; nothing is launched
   for zero elements. */
#ifndef LAZYI_LAUNCH_SPATIAL_H
#define LAZYI_LAUNCH_SPATIAL_H

#include "runtime/launch/launch.h"

LAZY_MUST_USE lazy_status lazyi_launch_pool(const lazyi_launcher *launcher,
                                            const struct lazy_k_pool_params *params,
                                            lazy_driver_stream stream);

#endif
