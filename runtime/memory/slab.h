/* A chunk of device memory as the driver gave it: the one place that calls mem_alloc and mem_free. */
#ifndef LAZYI_MEMORY_SLAB_H
#define LAZYI_MEMORY_SLAB_H

#include "runtime/driver/device.h"

typedef struct lazyi_slab {
  lazy_driver_address address;
  size_t bytes;
} lazyi_slab;

/* The device's context is current for both. OUT_OF_MEMORY if the driver has none left. */
LAZY_MUST_USE lazy_status lazyi_slab_acquire(const lazyi_device *device, size_t bytes, lazyi_slab *out_slab);
/* Work that uses the memory has ended. */
void lazyi_slab_release(const lazyi_device *device, lazyi_slab slab);

#endif
