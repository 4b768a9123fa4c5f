/* Kernels of an opened device: image loading, the registry, and the one place that launches. */
#ifndef LAZYI_LAUNCH_LAUNCH_H
#define LAZYI_LAUNCH_LAUNCH_H

#include "kernels/list.h"
#include "kernels/params.h"
#include "runtime/driver/device.h"

enum lazyi_kernel {
#define LAZYI_KERNEL_CONSTANT(constant, name) LAZYI_KERNEL_##constant,
  LAZY_KERNELS(LAZYI_KERNEL_CONSTANT)
#undef LAZYI_KERNEL_CONSTANT
      LAZYI_KERNEL_COUNT
};

typedef struct lazyi_launcher {
  const lazyi_device *device; /* borrowed */
  lazy_driver_module module;
  lazy_driver_function functions[LAZYI_KERNEL_COUNT];
  uint32_t multiprocessor_count; /* on the host device: workers */
} lazyi_launcher;

/* The kernels compiled for GPUs. */
typedef struct lazyi_gpu_images {
  const void *fatbin; /* machine code of several architectures; NULL if this build has none */
  const char *ptx;    /* of the lowest of them */
} lazyi_gpu_images;

/* Loads the machine code or, where the driver has no use for it (no code for this GPU, a format newer than
   the driver), has the driver compile the PTX. NO_DEVICE names what the driver said to either, and the GPU.
 */
LAZY_MUST_USE lazy_status lazyi_launch_load_gpu(const lazyi_device *device, const lazyi_gpu_images *images,
                                                lazy_driver_module *out_module);

/* Loads the image that fits the device and looks every kernel up. The device's context must be current. */
LAZY_MUST_USE lazy_status lazyi_launcher_init(const lazyi_device *device, lazyi_launcher *out_launcher);
void lazyi_launcher_deinit(lazyi_launcher *launcher);

/* Threads of a block, for every kernel. */
enum { LAZYI_LAUNCH_BLOCK = 256 };

/* Blocks for `work_items` of which a block takes `per_block` at a time: enough to fill the device, never more
   than the work. At least 1. The grid never changes a result. */
uint32_t lazyi_launch_grid(const lazyi_launcher *launcher, uint64_t work_items, uint64_t per_block);

/* Launches `grid` blocks of `block` threads with one parameter block; returns when it is queued. */
LAZY_MUST_USE lazy_status lazyi_launch(const lazyi_launcher *launcher, enum lazyi_kernel kernel,
                                       uint32_t grid, uint32_t block, const void *params,
                                       lazy_driver_stream stream);

#endif
