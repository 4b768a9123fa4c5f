/* Finds the driver's entries by name and ABI version. */
#include "runtime/driver/cuda.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* cuGetProcAddress_v2: base name, out pointer, version, flags, out status (0 found, 1 not there, 2 too new).
 */
typedef int (*get_address)(const char *symbol, void **out_entry, int version, uint64_t flags,
                           int *out_status);

static const struct {
  const char *symbol;
  int version, required;
  size_t at; /* in lazy_driver */
} rows[] = {
#define ROW(field, symbol, version, required, parameters) \
  {symbol, version, required, offsetof(lazy_driver, field)},
    LAZY_DRIVER_ROWS(ROW)
#undef ROW
};

/* Never falls back to dlsym: the plain name of, say, cuMemAlloc is its old 32-bit ABI. */
static lazy_status resolve(void *library, const char *path, lazy_driver *out_table) {
  void *entry = dlsym(library, "cuGetProcAddress_v2");
  if (entry == NULL)
    return lazy_status_fail(
        LAZY_STATUS_NO_DEVICE,
        "cuda: %s is too old: it has no cuGetProcAddress_v2; wanted a driver for CUDA 12.0 or "
        "later (525 or later); update the NVIDIA driver or use the device \"host\"",
        path);
  get_address find;
  memcpy(&find, &entry, sizeof find);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    int found = 0;
    entry = NULL;
    int result = find(rows[i].symbol, &entry, rows[i].version, 0, &found);
    if (result == LAZY_DRIVER_SUCCESS && found == 0 && entry != NULL)
      memcpy((char *)out_table + rows[i].at, &entry, sizeof entry);
    else if (rows[i].required)
      return lazy_status_fail(
          LAZY_STATUS_NO_DEVICE,
          "cuda: %s lacks %s of version %d.%d (result %d, status %d, pointer %s); update the "
          "NVIDIA driver or use the device \"host\"",
          path, rows[i].symbol, rows[i].version / 1000, rows[i].version % 1000 / 10, result, found,
          entry != NULL ? "set" : "null");
  }
  return LAZY_STATUS_OK;
}

static const char *name_of(const lazy_driver *driver, int result) {
  const char *name = NULL;
  return driver->get_error_name(result, &name) == LAZY_DRIVER_SUCCESS && name != NULL ? name
                                                                                      : "unnamed error";
}

static lazy_status initialise(const lazy_driver *driver, const char *path) {
  int result = driver->init(0);
  if (result == LAZY_DRIVER_SUCCESS) return LAZY_STATUS_OK;
  if (result == LAZY_DRIVER_STUB_LIBRARY)
    return lazy_status_fail(
        LAZY_STATUS_NO_DEVICE,
        "cuda: %s is the CUDA toolkit's stub, not a driver (cuInit: 34); install the NVIDIA "
        "driver, or take the toolkit's lib64/stubs out of LD_LIBRARY_PATH",
        path);
  if (result == LAZY_DRIVER_NO_DEVICE)
    return lazy_status_fail(LAZY_STATUS_NO_DEVICE,
                            "cuda: %s is there, but no CUDA device (cuInit: 100); look at nvidia-smi and "
                            "CUDA_VISIBLE_DEVICES, in a container at its GPU option",
                            path);
  int version = 0;
  (void)driver->driver_get_version(&version);
  return lazy_status_fail(
      LAZY_STATUS_NO_DEVICE,
      "cuda: %s (CUDA %d.%d) did not initialise: cuInit: %d, %s; a kernel module of another "
      "version than the library is the usual cause",
      path, version / 1000, version % 1000 / 10, result, name_of(driver, result));
}

static lazy_status open_library(const char *path, lazy_driver *out_table) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL)
    return lazy_status_fail(LAZY_STATUS_NO_DEVICE,
                            "cuda: no driver library: %s; install the NVIDIA driver, name the library with "
                            "LAZYRT_CUDA_LIBRARY, or use the device \"host\"",
                            dlerror());
  lazy_driver table = {.struct_size = sizeof table, .provider = "cuda"};
  lazy_status status = resolve(library, path, &table);
  if (status == LAZY_STATUS_OK) status = initialise(&table, path);
  if (status != LAZY_STATUS_OK) {
    dlclose(library);
    return status;
  }
  *out_table = table;
  return LAZY_STATUS_OK;
}

lazy_status lazyi_cuda_driver(const lazy_driver **out_driver) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  static lazy_driver table;
  /* The soname, never libcuda.so: that name may be the toolkit's stub. */
  const char *path = getenv("LAZYRT_CUDA_LIBRARY");
  if (path == NULL || *path == '\0') path = "libcuda.so.1";
  pthread_mutex_lock(&lock);
  lazy_status status = table.struct_size != 0 ? LAZY_STATUS_OK : open_library(path, &table);
  pthread_mutex_unlock(&lock);
  if (status == LAZY_STATUS_OK) *out_driver = &table;
  return status;
}
