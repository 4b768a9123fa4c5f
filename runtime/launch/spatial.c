#include "runtime/launch/spatial.h"

/* Outputs a block takes before a further one pays. */
enum { OUTPUTS_PER_BLOCK = 1024 };

static lazy_status launch(const lazyi_launcher *launcher, enum lazyi_kernel kernel, uint64_t count,
                          const void *params, lazy_driver_stream stream) {
  if (count == 0) return LAZY_STATUS_OK;
  return lazyi_launch(launcher, kernel, lazyi_launch_grid(launcher, count, OUTPUTS_PER_BLOCK),
                      LAZYI_LAUNCH_BLOCK, params, stream);
}

lazy_status lazyi_launch_pool(const lazyi_launcher *launcher, const struct lazy_k_pool_params *params,
                              lazy_driver_stream stream) {
  return launch(launcher, LAZYI_KERNEL_POOL, params->count, params, stream);
}
