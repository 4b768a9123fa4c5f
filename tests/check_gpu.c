#include "tests/check_gpu.h"

#include <dlfcn.h>
#include <string.h>

#include "runtime/driver/cuda.h"

enum { REGISTER_MAPPED = 2, NO_DRIVER = 999 };

static void *symbol(const char *name) {
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  return library != NULL ? dlsym(library, name) : NULL;
}

/* Under unified addressing registered memory keeps its address. */
static int adopt(void *memory, size_t bytes, lazy_driver_address *out_address) {
  int (*host_register)(void *memory, size_t bytes, unsigned flags) = NULL;
  int (*get_address)(lazy_driver_address * out_address, void *memory, unsigned flags) = NULL;
  *(void **)&host_register = symbol("cuMemHostRegister_v2");
  *(void **)&get_address = symbol("cuMemHostGetDevicePointer_v2");
  if (host_register == NULL || get_address == NULL) return NO_DRIVER;
  const int result = host_register(memory, bytes, REGISTER_MAPPED);
  return result != LAZY_DRIVER_SUCCESS ? result : get_address(out_address, memory, 0);
}

static int give_up(lazy_driver_address address, size_t bytes) {
  (void)bytes;
  int (*unregister)(void *memory) = NULL;
  *(void **)&unregister = symbol("cuMemHostUnregister");
  return unregister != NULL ? unregister((void *)(uintptr_t)address) : NO_DRIVER;
}

static void set_strict(bool strict) { (void)strict; }
static void set_order(enum lazyi_host_order order, uint64_t seed) { (void)order, (void)seed; }
static void set_schedule(uint64_t seed) { (void)seed; }
static void fault_at(uint64_t n, int result) { (void)n, (void)result; }
static void lose(int result) { (void)result; }
static void live(lazyi_host_live_counts *out_counts) { memset(out_counts, 0, sizeof *out_counts); }
static size_t damaged(void) { return 0; }
static void wrote(lazy_driver_address address, size_t bytes) { (void)address, (void)bytes; }
static size_t report_count(void) { return 0; }
static const char *report_text(size_t index) { return (void)index, ""; }
static void report_clear(void) {}
static void set_switch(bool on) { (void)on; }
static const struct emu_counters *last_launch(void) { return NULL; }

static const emu_control gpu = {
    .set_strict = set_strict,
    .set_order = set_order,
    .set_schedule = set_schedule,
    .fault_at = fault_at,
    .lose = lose,
    .live = live,
    .damaged = damaged,
    .adopt = adopt,
    .give_up = give_up,
    .wrote = wrote,
    .report_count = report_count,
    .report_text = report_text,
    .report_clear = report_clear,
    .set_checks = set_switch,
    .count_launches = set_switch,
    .last_launch = last_launch,
};

const emu_control *check_gpu(void) { return &gpu; }

void check_gpu_begin(void) {
  const lazy_driver *driver;
  lazy_driver_context context;
  int device;
  if (lazyi_cuda_driver(&driver) == LAZY_STATUS_OK && driver->device_get(&device, 0) == LAZY_DRIVER_SUCCESS)
    (void)driver->primary_retain(&context, device);
}
