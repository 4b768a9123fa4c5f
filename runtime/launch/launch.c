/* Loads the image of the device's kind and launches from it. */
#include "runtime/launch/launch.h"

#include <string.h>

#include "kernels/images.h"

static const char *const kernel_names[LAZYI_KERNEL_COUNT] = {
#define KERNEL_NAME(constant, name) [LAZYI_KERNEL_##constant] = #name,
    LAZY_KERNELS(KERNEL_NAME)
#undef KERNEL_NAME
};

static lazy_status load(lazyi_launcher *launcher) {
  const lazyi_device *device = launcher->device;
  const void *image = &lazyi_kernels_host_image;
  if (!device->is_host) {
    if (lazyi_kernels_fatbin_bytes == 0)
      return lazy_status_fail(LAZY_STATUS_NO_DEVICE,
                              "%s: this build of lazyrt has no kernels for NVIDIA GPUs (nvcc was not found)",
                              device->spelling);
    image = lazyi_kernels_fatbin;
  }
  LAZY_TRY(LAZYI_DRIVER(device, module_load, &launcher->module, image));
  for (int i = 0; i < LAZYI_KERNEL_COUNT; i++) {
    lazy_status status =
        LAZYI_DRIVER(device, module_get_function, &launcher->functions[i], launcher->module, kernel_names[i]);
    if (status != LAZY_STATUS_OK) return lazy_status_annotate(status, "kernel %s", kernel_names[i]);
  }
  int count = 0;
  LAZY_TRY(LAZYI_DRIVER(device, device_get_attribute, &count, LAZY_DRIVER_ATTRIBUTE_MULTIPROCESSOR_COUNT,
                        device->ordinal));
  launcher->multiprocessor_count = count > 0 ? (uint32_t)count : 1;
  return LAZY_STATUS_OK;
}

lazy_status lazyi_launcher_init(const lazyi_device *device, lazyi_launcher *out_launcher) {
  lazyi_launcher launcher = {.device = device};
  lazy_status status = load(&launcher);
  if (status != LAZY_STATUS_OK) {
    lazyi_launcher_deinit(&launcher);
    return status;
  }
  *out_launcher = launcher;
  return LAZY_STATUS_OK;
}

void lazyi_launcher_deinit(lazyi_launcher *launcher) {
  if (launcher->module != NULL) launcher->device->driver->module_unload(launcher->module);
  memset(launcher, 0, sizeof *launcher);
}

uint32_t lazyi_launch_grid(const lazyi_launcher *launcher, uint64_t work_items, uint64_t per_block) {
  const uint64_t blocks = work_items / per_block + (work_items % per_block != 0);
  /* Eight blocks of 256 threads fill a multiprocessor; a worker of the host device takes its share whole. */
  const uint64_t most = (uint64_t)launcher->multiprocessor_count * (launcher->device->is_host ? 1 : 8);
  return (uint32_t)(blocks < 1 ? 1 : blocks < most ? blocks : most);
}

lazy_status lazyi_launch(const lazyi_launcher *launcher, enum lazyi_kernel kernel, uint32_t grid,
                         uint32_t block, const void *params, lazy_driver_stream stream) {
  void *arguments[1] = {(void *)(uintptr_t)params};
  const lazyi_device *device = launcher->device;
  const int result = device->driver->launch_kernel(launcher->functions[kernel], grid, 1, 1, block, 1, 1, 0,
                                                   stream, arguments, NULL);
  if (result == LAZY_DRIVER_SUCCESS) return LAZY_STATUS_OK;
  return lazy_status_annotate(lazyi_device_failed(device, result, "launch_kernel"), "kernel %s",
                              kernel_names[kernel]);
}
