/* The cuda provider: NVIDIA's driver library, opened at run time. */
#ifndef LAZYI_DRIVER_CUDA_H
#define LAZYI_DRIVER_CUDA_H

#include <lazyrt/driver.h>

/* Opens libcuda.so.1, or the library that LAZYRT_CUDA_LIBRARY names, fills the table and initialises the
   driver. NO_DEVICE with advice, told apart: no library; the toolkit's stub; no device; a driver too old.
   Once opened it stays open for the process; a refusal is forgotten, so that a later call tries again.
   Thread-safe. */
LAZY_MUST_USE lazy_status lazyi_cuda_driver(const lazy_driver **out_driver);

#endif
