/* Kernels of an opened device: image loading, the registry, and the one place that launches. */
#ifndef LAZYI_LAUNCH_LAUNCH_H
#define LAZYI_LAUNCH_LAUNCH_H

#include "kernels/params.h"
#include "runtime/driver/device.h"

/* X(constant, name): every kernel of the library; its parameter block is struct <name>_params. */
#define LAZYI_KERNELS(X)                  \
  X(INFER_SHAPES, lazy_k_infer_shapes)    \
  X(INIT_PARAMS, lazy_k_init_params)

enum lazyi_kernel {
#define LAZYI_KERNEL_CONSTANT(constant, name) LAZYI_KERNEL_##constant,
  LAZYI_KERNELS(LAZYI_KERNEL_CONSTANT)
#undef LAZYI_KERNEL_CONSTANT
      LAZYI_KERNEL_COUNT
};

typedef struct lazyi_launcher {
  const lazyi_device *device; /* borrowed */
  lazy_driver_module module;
  lazy_driver_function functions[LAZYI_KERNEL_COUNT];
  uint32_t multiprocessor_count; /* on the host device: workers */
} lazyi_launcher;

/* Loads the image that fits the device and looks every kernel up. The device's context must be current. */
LAZY_MUST_USE lazy_status lazyi_launcher_init(const lazyi_device *device, lazyi_launcher *out_launcher);
void lazyi_launcher_deinit(lazyi_launcher *launcher);

/* Launches `grid` blocks of `block` threads with one parameter block; returns when it is queued. */
LAZY_MUST_USE lazy_status lazyi_launch(const lazyi_launcher *launcher, enum lazyi_kernel kernel, uint32_t grid,
                                       uint32_t block, const void *params, lazy_driver_stream stream);

#endif
