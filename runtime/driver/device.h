/* An opened device: a driver table, its ordinal and primary context. The one door to a driver. */
#ifndef LAZYI_DRIVER_DEVICE_H
#define LAZYI_DRIVER_DEVICE_H

#include <lazyrt/driver.h>

typedef struct lazyi_device {
  const lazy_driver *driver;
  lazy_driver_context context;
  int ordinal;
  bool is_host;      /* for images and messages; never to branch a computation on */
  char name[96];     /* "host (AMD EPYC, x86-64-v4, 2 workers)", "cuda:0 (NVIDIA H200)" */
  char spelling[32]; /* what opens it again: "host", "cuda:0" */
} lazyi_device;

/* Opens "host", "cuda", "cuda:N", "auto" (cuda:0 if it can be used, else host) or "fault" (the host provider
   behind the fault provider). The primary context is retained, and current only between enter and leave. */
LAZY_MUST_USE lazy_status lazyi_device_open(const char *spelling, lazyi_device *out_device);
void lazyi_device_close(lazyi_device *device);

/* Every public entry that calls the driver is bracketed by these: pushes the context, pops it again. */
LAZY_MUST_USE lazy_status lazyi_device_enter(const lazyi_device *device);
void lazyi_device_leave(const lazyi_device *device);

/* Turns a driver result into a status with a message that names the call and CUDA's error name. */
lazy_status lazyi_device_failed(const lazyi_device *device, int result, const char *call);

/* mem_alloc and host_alloc, with the bytes in the message. Freed through the table. */
LAZY_MUST_USE lazy_status lazyi_device_alloc(const lazyi_device *device, size_t bytes,
                                             lazy_driver_address *out_address);
LAZY_MUST_USE lazy_status lazyi_device_alloc_pinned(const lazyi_device *device, size_t bytes,
                                                    void **out_memory);

/* Calls a row of the table: LAZYI_DRIVER(device, mem_alloc, &address, bytes). Yields a lazy_status. */
#define LAZYI_DRIVER(device, row, ...) lazyi_device_check((device), (device)->driver->row(__VA_ARGS__), #row)
LAZY_MUST_USE static inline lazy_status lazyi_device_check(const lazyi_device *device, int result,
                                                           const char *call) {
  return result == LAZY_DRIVER_SUCCESS ? LAZY_STATUS_OK : lazyi_device_failed(device, result, call);
}

#endif
