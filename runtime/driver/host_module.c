/* Images and their functions: which of an image's three builds this CPU runs. */
#include <stdlib.h>
#include <string.h>

#include "runtime/driver/host_state.h"

static int cpu_level(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
            __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
            __builtin_cpu_supports("avx512vl");
  return v4 ? 2 : v3 ? 1 : 0;
#else
  return 0;
#endif
}

int lazyi_host_level(void) {
  int level = cpu_level();
  const char *cap = getenv("LAZYRT_ISA");
  if (cap != NULL && cap[0] == 'v' && cap[1] >= '2' && cap[1] <= '4' && cap[2] == '\0' &&
      cap[1] - '2' < level)
    level = cap[1] - '2';
  return level;
}

const char *lazyi_host_level_name(int level) {
#if defined(__x86_64__)
  static const char *const names[LAZYI_HOST_LEVEL_COUNT] = {"x86-64-v2", "x86-64-v3", "x86-64-v4"};
  return level >= 0 && level < LAZYI_HOST_LEVEL_COUNT ? names[level] : "?";
#else
  (void)level;
  return "portable C";
#endif
}

int lazyi_host_module_load(lazy_driver_module *out_module, const void *image_bytes) {
  int result = lazyi_host_enter(true);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  if (out_module == NULL || image_bytes == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_VALUE);
  const lazyi_host_image *image = image_bytes;
  uint64_t magic;
  memcpy(&magic, image_bytes, sizeof magic); /* a fatbin need not be aligned for more than this */
  if (magic != LAZYI_HOST_IMAGE_MAGIC) return lazyi_host_leave(LAZY_DRIVER_INVALID_IMAGE);
  int level = lazyi_host_level();
  while (level >= 0 && image->levels[level] == NULL) level--;
  if (level < 0) return lazyi_host_leave(LAZY_DRIVER_NO_BINARY_FOR_GPU);
  lazyi_host_module *module =
      lazyi_memory_calloc(1, sizeof *module + image->kernel_count * sizeof module->functions[0]);
  if (module == NULL) return lazyi_host_leave(LAZY_DRIVER_OUT_OF_MEMORY);
  module->kernels = image->levels[level];
  module->kernel_count = image->kernel_count;
  module->handle = lazyi_host_handle_create(LAZYI_HOST_MODULE, module);
  if (module->handle == NULL) {
    lazyi_memory_free(module);
    return lazyi_host_leave(LAZY_DRIVER_OUT_OF_MEMORY);
  }
  lazyi_host.live.modules++;
  *out_module = module->handle;
  return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
}

void lazyi_host_module_drop(lazyi_host_module *module) {
  for (uint32_t i = 0; i < module->kernel_count; i++)
    if (module->functions[i] != NULL) lazyi_host_handle_destroy(module->functions[i]);
  lazyi_host.live.modules--;
  lazyi_memory_free(module);
}

/* Launches that are pending still run: the code is part of the program. */
int lazyi_host_module_unload(lazy_driver_module handle) {
  int result = lazyi_host_enter(false);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  lazyi_host_module *module = lazyi_host_handle_get(LAZYI_HOST_MODULE, handle);
  if (module == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_HANDLE);
  lazyi_host_handle_destroy(handle);
  lazyi_host_module_drop(module);
  return lazyi_host_leave(lazyi_host.lost);
}

int lazyi_host_module_get_function(lazy_driver_function *out_function, lazy_driver_module handle,
                                   const char *name) {
  int result = lazyi_host_enter(true);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  lazyi_host_module *module = lazyi_host_handle_get(LAZYI_HOST_MODULE, handle);
  if (module == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_HANDLE);
  if (out_function == NULL || name == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_VALUE);
  uint32_t index = 0;
  while (index < module->kernel_count && strcmp(module->kernels[index].name, name) != 0) index++;
  if (index == module->kernel_count) return lazyi_host_leave(LAZY_DRIVER_NOT_FOUND);
  if (module->functions[index] == NULL) {
    /* Handles carry writable pointers; kernels are never written through them. */
    union {
      const void *fixed;
      void *plain;
    } kernel = {.fixed = &module->kernels[index]};
    module->functions[index] = lazyi_host_handle_create(LAZYI_HOST_FUNCTION, kernel.plain);
  }
  if (module->functions[index] == NULL) return lazyi_host_leave(LAZY_DRIVER_OUT_OF_MEMORY);
  *out_function = module->functions[index];
  return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
}
