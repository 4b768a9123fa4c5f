/* Loads the image of the device's kind and launches from it. */
#include "runtime/launch/launch.h"

#include <string.h>

#include "kernels/images.h"

static const char *const kernel_names[LAZYI_KERNEL_COUNT] = {
#define KERNEL_NAME(constant, name) [LAZYI_KERNEL_##constant] = #name,
    LAZY_KERNELS(KERNEL_NAME)
#undef KERNEL_NAME
};

/* Results that another form of the same kernels may not meet. */
static bool is_about_the_form(int result) {
  switch (result) {
    case LAZY_DRIVER_INVALID_IMAGE: /* a fatbin newer than the driver */
    case LAZY_DRIVER_NO_BINARY_FOR_GPU:
    case 218: /* INVALID_PTX */
    case 221: /* JIT_COMPILER_NOT_FOUND */
    case 222: /* UNSUPPORTED_PTX_VERSION */
    case 223: /* JIT_COMPILATION_DISABLED */ return true;
    default: return false;
  }
}

static const char *name_of(const lazyi_device *device, int result) {
  const char *name = NULL;
  return device->driver->get_error_name(result, &name) == LAZY_DRIVER_SUCCESS && name != NULL
             ? name
             : "unnamed error";
}

static lazy_status refuse_images(const lazyi_device *device, int code_result, int ptx_result) {
  int major = 0, minor = 0;
  (void)device->driver->device_get_attribute(&major, LAZY_DRIVER_ATTRIBUTE_COMPUTE_MAJOR, device->ordinal);
  (void)device->driver->device_get_attribute(&minor, LAZY_DRIVER_ATTRIBUTE_COMPUTE_MINOR, device->ordinal);
  return lazy_status_fail(
      LAZY_STATUS_NO_DEVICE,
      "%s, of compute capability %d.%d, can run no form of the kernels: machine code: %s (%d); PTX: %s (%d). "
      "Wanted: a GPU of an architecture that lazyrt was built for (LAZYRT_CUDA_ARCHITECTURES), or of a newer "
      "one and a driver that knows the toolkit's PTX",
      device->name, major, minor, name_of(device, code_result), code_result, name_of(device, ptx_result),
      ptx_result);
}

lazy_status lazyi_launch_load_gpu(const lazyi_device *device, const lazyi_gpu_images *images,
                                  lazy_driver_module *out_module) {
  if (images->fatbin == NULL)
    return lazy_status_fail(LAZY_STATUS_NO_DEVICE,
                            "%s: this build of lazyrt has no kernels for NVIDIA GPUs (nvcc was not found)",
                            device->spelling);
  lazy_driver_module module;
  int code_result = device->driver->module_load(&module, images->fatbin);
  if (code_result != LAZY_DRIVER_SUCCESS) {
    if (!is_about_the_form(code_result)) return lazyi_device_failed(device, code_result, "module_load");
    int ptx_result = device->driver->module_load(&module, images->ptx);
    if (ptx_result != LAZY_DRIVER_SUCCESS)
      return is_about_the_form(ptx_result) ? refuse_images(device, code_result, ptx_result)
                                           : lazyi_device_failed(device, ptx_result, "module_load of PTX");
  }
  *out_module = module;
  return LAZY_STATUS_OK;
}

static lazy_status load(lazyi_launcher *launcher) {
  const lazyi_device *device = launcher->device;
  const lazyi_gpu_images images = {lazyi_kernels_fatbin_bytes != 0 ? lazyi_kernels_fatbin : NULL,
                                   lazyi_kernels_ptx};
  if (device->is_host)
    LAZY_TRY(LAZYI_DRIVER(device, module_load, &launcher->module, &lazyi_kernels_host_image));
  else LAZY_TRY(lazyi_launch_load_gpu(device, &images, &launcher->module));
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
  /* Eight blocks of 256 threads fill a multiprocessor. Workers of the host device start at different times
     and share their cores, so they too want several pieces each. */
  const uint64_t most = (uint64_t)launcher->multiprocessor_count * 8;
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
