#include "runtime/memory/slab.h"

lazy_status lazyi_slab_acquire(const lazyi_device *device, size_t bytes, lazyi_slab *out_slab) {
  lazy_driver_address address = 0;
  LAZY_TRY(lazyi_device_alloc(device, bytes, &address));
  *out_slab = (lazyi_slab){address, bytes};
  return LAZY_STATUS_OK;
}

/* A refusal to free (a lost device) leaves nothing to do: the context's end takes the memory with it. */
void lazyi_slab_release(const lazyi_device *device, lazyi_slab slab) {
  (void)device->driver->mem_free(slab.address);
}
