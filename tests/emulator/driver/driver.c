/* A library in the place of NVIDIA's driver: every entry of the table, found as in the real one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/driver/host_state.h"
#include "tests/emulator/checks.h"
#include "tests/emulator/driver/driver.h"

__attribute__((constructor)) static void begin(void) {
  lazyi_host_set_instrument(&emu_instrument);
  const char *strict = getenv("LAZYRT_HOST_STRICT");
  if (strict == NULL || *strict == '\0') lazyi_host_set_strict(true); /* addresses of its own */
}

/* ---- the device ---- */

static int get_version(int *out_version) {
  if (out_version == NULL) return LAZY_DRIVER_INVALID_VALUE;
  *out_version = EMU_DRIVER_VERSION;
  return LAZY_DRIVER_SUCCESS;
}

static int get_error_name(int result, const char **out_name) {
  static const struct {
    int result;
    const char *name;
  } names[] = {
      {EMU_INVALID_PTX, "CUDA_ERROR_INVALID_PTX"},
      {EMU_UNSUPPORTED_PTX_VERSION, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION"},
      {EMU_COOPERATIVE_LAUNCH_TOO_LARGE, "CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE"},
      {702, "CUDA_ERROR_LAUNCH_TIMEOUT"},
      {710, "CUDA_ERROR_ASSERT"},
      {714, "CUDA_ERROR_HARDWARE_STACK_ERROR"},
      {715, "CUDA_ERROR_ILLEGAL_INSTRUCTION"},
      {716, "CUDA_ERROR_MISALIGNED_ADDRESS"},
      {717, "CUDA_ERROR_INVALID_ADDRESS_SPACE"},
      {718, "CUDA_ERROR_INVALID_PC"},
  };
  for (size_t i = 0; out_name != NULL && i < sizeof names / sizeof *names; i++) {
    if (names[i].result != result) continue;
    *out_name = names[i].name;
    return LAZY_DRIVER_SUCCESS;
  }
  return lazyi_host_driver()->get_error_name(result, out_name);
}

static int get_name(char *out_name, int bytes, int device) {
  int result = lazyi_host_driver()->device_get_name(out_name, bytes, device); /* checks */
  if (result == LAZY_DRIVER_SUCCESS) (void)snprintf(out_name, (size_t)bytes, "%s", emu_gpu_chosen()->name);
  return result;
}

static int get_attribute(int *out_value, int attribute, int device) {
  const emu_gpu *gpu = emu_gpu_chosen();
  int warp_size; /* checks the rest */
  int result = lazyi_host_driver()->device_get_attribute(out_value != NULL ? &warp_size : NULL,
                                                         LAZY_DRIVER_ATTRIBUTE_WARP_SIZE, device);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  const struct {
    int attribute;
    unsigned value;
  } values[] = {
      {1, 1024}, /* threads of a block */
      {2, 1024}, /* and along each axis */
      {3, 1024},
      {4, 64},
      {5, INT32_MAX}, /* blocks of a grid */
      {6, 65535},
      {7, 65535},
      {8, gpu->shared_per_block},
      {9, 64 << 10}, /* constant memory */
      {10, (unsigned)warp_size},
      {12, 64 << 10}, /* registers of a block */
      {16, gpu->multiprocessors},
      {17, 0}, /* a launch may take as long as it likes */
      {18, 0}, /* not integrated */
      {31, 1}, /* kernels run beside each other */
      {39, gpu->threads_per_multiprocessor},
      {41, 1}, /* one address space */
      {75, gpu->major},
      {76, gpu->minor},
      {82, 64 << 10}, /* registers of a multiprocessor */
      {83, 0},        /* no managed memory */
      {95, 1},        /* cooperative launches */
      {97, gpu->shared_per_block_optin},
      {106, gpu->blocks_per_multiprocessor},
  };
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    if (values[i].attribute != attribute) continue;
    *out_value = (int)values[i].value;
    return LAZY_DRIVER_SUCCESS;
  }
  return LAZY_DRIVER_INVALID_VALUE;
}

static int total_mem(size_t *out_bytes, int device) {
  int result = lazyi_host_driver()->device_total_mem(out_bytes, device);
  if (result == LAZY_DRIVER_SUCCESS) *out_bytes = emu_gpu_chosen()->memory_bytes;
  return result;
}

/* ---- memory: no more than the GPU has, nor than the host can back ---- */

static int mem_alloc(lazy_driver_address *out_address, size_t bytes) {
  lazyi_host_live_counts live;
  lazyi_host_live(&live);
  if (out_address != NULL && bytes > emu_gpu_chosen()->memory_bytes - live.bytes) {
    int result = lazyi_host_enter(true);
    return result == LAZY_DRIVER_SUCCESS ? lazyi_host_leave(LAZY_DRIVER_OUT_OF_MEMORY) : result;
  }
  return lazyi_host_driver()->mem_alloc(out_address, bytes);
}

static int mem_get_info(size_t *out_free, size_t *out_total) {
  lazyi_host_live_counts live;
  int result = lazyi_host_driver()->mem_get_info(out_free, out_total);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  lazyi_host_live(&live);
  *out_total = emu_gpu_chosen()->memory_bytes;
  const size_t left = *out_total - live.bytes;
  if (*out_free > left) *out_free = left;
  return LAZY_DRIVER_SUCCESS;
}

/* ---- the context ---- */

static int primary_release(int device) {
  int result = lazyi_host_driver()->primary_release(device);
  if (result == LAZY_DRIVER_SUCCESS && lazyi_host.context == NULL) emu_modules_end();
  return result;
}

static int profiler(void) {
  int result = lazyi_host_enter(true);
  return result == LAZY_DRIVER_SUCCESS ? lazyi_host_leave(result) : result;
}

/* ---- entries by name ---- */

typedef void (*entry_point)(void);

static const struct {
  const char *symbol;
  int version;
  size_t at; /* in the host provider's table */
} rows[] = {
#define ROW(field, symbol, version, required, parameters) {symbol, version, offsetof(lazy_driver, field)},
    LAZY_DRIVER_ROWS(ROW)
#undef ROW
};

/* Those that are not the host provider's. */
static const struct {
  const char *symbol;
  int version;
  entry_point entry;
} own[] = {
    {"cuDriverGetVersion", 2020, (entry_point)get_version},
    {"cuGetErrorName", 6000, (entry_point)get_error_name},
    {"cuDeviceGetName", 2000, (entry_point)get_name},
    {"cuDeviceGetAttribute", 2000, (entry_point)get_attribute},
    {"cuDeviceTotalMem", 3020, (entry_point)total_mem},
    {"cuMemAlloc", 3020, (entry_point)mem_alloc},
    {"cuMemGetInfo", 3020, (entry_point)mem_get_info},
    {"cuDevicePrimaryCtxRelease", 11000, (entry_point)primary_release},
    {"cuModuleLoadData", 2000, (entry_point)emu_module_load},
    {"cuModuleUnload", 2000, (entry_point)emu_module_unload},
    {"cuProfilerStart", 4000, (entry_point)profiler},
    {"cuProfilerStop", 4000, (entry_point)profiler},
    {"cuLaunchCooperativeKernel", 9000, (entry_point)emu_launch_cooperative},
};

/* Base names only, and of each the form that it has had since its version: earlier ones have other ABIs. */
static int found(int since, int version, const void *entry, void **out_entry, int *out_status) {
  enum { FOUND, ABSENT, TOO_NEW };
  if (version < since) {
    *out_status = TOO_NEW;
    return LAZY_DRIVER_NOT_FOUND;
  }
  *out_status = FOUND;
  memcpy(out_entry, entry, sizeof *out_entry);
  return LAZY_DRIVER_SUCCESS;
}

LAZY_API int cuGetProcAddress_v2(const char *symbol, void **out_entry, int version, uint64_t flags,
                                 int *out_status);
int cuGetProcAddress_v2(const char *symbol, void **out_entry, int version, uint64_t flags, int *out_status) {
  int status;
  if (out_status == NULL) out_status = &status;
  if (symbol == NULL || out_entry == NULL || flags > 1 || version > EMU_DRIVER_VERSION)
    return LAZY_DRIVER_INVALID_VALUE;
  *out_entry = NULL;
  *out_status = 1;
  for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    if (strcmp(own[i].symbol, symbol) == 0)
      return found(own[i].version, version, &own[i].entry, out_entry, out_status);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (strcmp(rows[i].symbol, symbol) == 0)
      return found(rows[i].version, version, (const char *)lazyi_host_driver() + rows[i].at, out_entry,
                   out_status);
  return LAZY_DRIVER_NOT_FOUND;
}
