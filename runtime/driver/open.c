/* From a device's spelling to an opened device, and from a driver's result to a status. */
#include <stdio.h>
#include <string.h>

#include "runtime/driver/cuda.h"
#include "runtime/driver/device.h"
#include "runtime/driver/fault.h"
#include "runtime/driver/host.h"

static lazy_status open_table(const lazy_driver *driver, int ordinal, const char *provider,
                              lazyi_device *out_device) {
  lazyi_device device = {.driver = driver, .ordinal = ordinal};
  int count = 0, number = 0;
  LAZY_TRY(LAZYI_DRIVER(&device, init, 0));
  LAZY_TRY(LAZYI_DRIVER(&device, device_get_count, &count));
  if (ordinal >= count)
    return lazy_status_fail(LAZY_STATUS_NO_DEVICE, "%s:%d: no such device; found %d device%s", provider,
                            ordinal, count, count == 1 ? "" : "s");
  LAZY_TRY(LAZYI_DRIVER(&device, device_get, &number, ordinal));
  device.ordinal = number;
  LAZY_TRY(LAZYI_DRIVER(&device, device_get_name, device.name, (int)sizeof device.name, number));
  LAZY_TRY(LAZYI_DRIVER(&device, primary_retain, &device.context, number));
  *out_device = device;
  return LAZY_STATUS_OK;
}

/* Reads "cuda" or "cuda:N"; false if `spelling` is neither. */
static bool parse_cuda(const char *spelling, int *out_ordinal) {
  if (strncmp(spelling, "cuda", 4) != 0) return false;
  spelling += 4;
  int ordinal = 0;
  if (*spelling != '\0') {
    if (*spelling != ':' || spelling[1] == '\0' || strlen(spelling) > 5) return false;
    while (*++spelling != '\0') {
      if (*spelling < '0' || *spelling > '9') return false;
      ordinal = 10 * ordinal + (*spelling - '0');
    }
  }
  *out_ordinal = ordinal;
  return true;
}

static lazy_status open_cuda(int ordinal, bool faulty, lazyi_device *out_device) {
  const lazy_driver *driver;
  LAZY_TRY(lazyi_cuda_driver(&driver));
  if (faulty) LAZY_TRY(lazyi_fault_driver(driver, &driver));
  LAZY_TRY(open_table(driver, ordinal, "cuda", out_device));
  out_device->is_host = false;
  char model[sizeof out_device->name];
  memcpy(model, out_device->name, sizeof model);
  snprintf(out_device->name, sizeof out_device->name, "cuda:%d (%.80s)", ordinal, model);
  snprintf(out_device->spelling, sizeof out_device->spelling, "%scuda:%d", faulty ? "fault:" : "", ordinal);
  return LAZY_STATUS_OK;
}

static lazy_status open_host(bool faulty, lazyi_device *out_device) {
  const lazy_driver *driver = lazyi_host_driver();
  if (faulty) LAZY_TRY(lazyi_fault_driver(driver, &driver));
  LAZY_TRY(open_table(driver, 0, "host", out_device));
  out_device->is_host = true;
  snprintf(out_device->spelling, sizeof out_device->spelling, "%s", faulty ? "fault:host" : "host");
  return LAZY_STATUS_OK;
}

lazy_status lazyi_device_open(const char *spelling, lazyi_device *out_device) {
  if (spelling == NULL)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "device: found NULL, wanted a name");
  if (strcmp(spelling, "auto") == 0) {
    /* What kept the GPU from being used stays readable as this thread's message. */
    if (open_cuda(0, false, out_device) == LAZY_STATUS_OK) return LAZY_STATUS_OK;
    return open_host(false, out_device);
  }
  const char *name = spelling;
  bool faulty = strncmp(name, "fault", 5) == 0 && (name[5] == ':' || name[5] == '\0');
  if (faulty) name = name[5] == ':' ? name + 6 : "host";
  int ordinal;
  if (strcmp(name, "host") == 0) return open_host(faulty, out_device);
  if (parse_cuda(name, &ordinal)) return open_cuda(ordinal, faulty, out_device);
  return lazy_status_fail(
      LAZY_STATUS_INVALID_VALUE,
      "device: found \"%s\", wanted \"host\", \"cuda\", \"cuda:N\", \"auto\", \"fault\" or "
      "\"fault:<device>\"",
      spelling);
}

void lazyi_device_close(lazyi_device *device) {
  if (device->driver != NULL) (void)device->driver->primary_release(device->ordinal);
  *device = (lazyi_device){0};
}

lazy_status lazyi_device_enter(const lazyi_device *device) {
  return LAZYI_DRIVER(device, ctx_push, device->context);
}

void lazyi_device_leave(const lazyi_device *device) {
  lazy_driver_context popped;
  (void)device->driver->ctx_pop(&popped);
}

/* Results after which CUDA refuses every further call in the context. */
static bool is_sticky(int result) {
  switch (result) {
    case LAZY_DRIVER_DEINITIALIZED:
    case 214: /* ECC_UNCORRECTABLE */
    case LAZY_DRIVER_ILLEGAL_ADDRESS:
    case 702: /* LAUNCH_TIMEOUT */
    case 709: /* CONTEXT_IS_DESTROYED */
    case 710: /* ASSERT */
    case 714: /* HARDWARE_STACK_ERROR */
    case 715: /* ILLEGAL_INSTRUCTION */
    case 716: /* MISALIGNED_ADDRESS */
    case 717: /* INVALID_ADDRESS_SPACE */
    case 718: /* INVALID_PC */
    case LAZY_DRIVER_LAUNCH_FAILED: return true;
    default: return false;
  }
}

static lazy_status status_of(int result) {
  switch (result) {
    case LAZY_DRIVER_OUT_OF_MEMORY: return LAZY_STATUS_OUT_OF_MEMORY;
    case LAZY_DRIVER_STUB_LIBRARY:
    case LAZY_DRIVER_NO_DEVICE:
    case LAZY_DRIVER_INVALID_DEVICE: return LAZY_STATUS_NO_DEVICE;
    default: return is_sticky(result) ? LAZY_STATUS_DEVICE_LOST : LAZY_STATUS_DEVICE;
  }
}

lazy_status lazyi_device_failed(const lazyi_device *device, int result, const char *call) {
  const char *name = NULL;
  if (device->driver->get_error_name(result, &name) != LAZY_DRIVER_SUCCESS || name == NULL)
    name = "unnamed error";
  const char *where = device->spelling[0] != '\0' ? device->spelling : device->driver->provider;
  return lazy_status_fail(status_of(result), "%s: %s failed: %s (%d)%s", where, call, name, result,
                          is_sticky(result) ? "; the device is lost to this process's context" : "");
}

static lazy_status name_bytes(lazy_status status, size_t bytes, const char *kind) {
  return status == LAZY_STATUS_OK ? status
                                  : lazy_status_annotate(status, "%zu bytes of %s memory", bytes, kind);
}

lazy_status lazyi_device_alloc(const lazyi_device *device, size_t bytes, lazy_driver_address *out_address) {
  return name_bytes(LAZYI_DRIVER(device, mem_alloc, out_address, bytes), bytes, "device");
}

lazy_status lazyi_device_alloc_pinned(const lazyi_device *device, size_t bytes, void **out_memory) {
  return name_bytes(LAZYI_DRIVER(device, host_alloc, out_memory, bytes, 0), bytes, "pinned host");
}
