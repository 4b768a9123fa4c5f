/* What the tests of the driver table share: an opened device with its context current, and a few kernels. */
#ifndef LAZYRT_TESTS_DRIVER_FIXTURE_H
#define LAZYRT_TESTS_DRIVER_FIXTURE_H

#include <string.h>

#include "runtime/driver/device.h"
#include "runtime/driver/host.h"
#include "runtime/driver/host_tag.h"
#include "tests/check.h"
#include "tests/check_device.h"

#define FIXTURE_AT(T, address) ((T *)(uintptr_t)lazyi_host_untag(address))

/* to[i] = multiplier * from[i] + addend, in 64-bit words; from may be 0: then it counts as zeros. */
struct fixture_affine {
  uint64_t to, from, count, multiplier, addend;
};
static inline void fixture_affine(const void *params, const lazyi_host_block *block) {
  const struct fixture_affine *p = params;
  uint64_t *to = FIXTURE_AT(uint64_t, p->to);
  const uint64_t *from = FIXTURE_AT(uint64_t, p->from);
  uint64_t first = p->count * block->index / block->count,
           last = p->count * (block->index + 1) / block->count;
  for (uint64_t i = first; i < last; i++) to[i] = p->multiplier * (from != NULL ? from[i] : 0) + p->addend;
}

/* Adds 1 to the word of this block, and writes the next number of a counter to its place in `order`. */
struct fixture_visit {
  uint64_t counts, order, counter;
};
static inline void fixture_visit(const void *params, const lazyi_host_block *block) {
  const struct fixture_visit *p = params;
  FIXTURE_AT(uint32_t, p->counts)[block->index]++;
  if (p->order == 0) return;
  uint32_t *counter = FIXTURE_AT(uint32_t, p->counter);
  FIXTURE_AT(uint32_t, p->order)[(*counter)++] = block->index;
}

/* Copies its payload to `to`: parameters of CUDA's largest size. */
struct fixture_large {
  uint64_t to;
  unsigned char payload[4088];
};
static inline void fixture_large(const void *params, const lazyi_host_block *block) {
  const struct fixture_large *p = params;
  if (block->index == 0) memcpy(FIXTURE_AT(char, p->to), p->payload, sizeof p->payload);
}

static inline void fixture_nothing(const void *params, const lazyi_host_block *block) {
  (void)params;
  (void)block;
}

static const lazyi_host_kernel fixture_kernels[] = {
    {.name = "affine", .params_bytes = sizeof(struct fixture_affine), .run = fixture_affine},
    {.name = "visit", .params_bytes = sizeof(struct fixture_visit), .run = fixture_visit},
    {.name = "large", .params_bytes = sizeof(struct fixture_large), .run = fixture_large},
    {.name = "nothing", .run = fixture_nothing},
};
static const lazyi_host_image fixture_image = {LAZYI_HOST_IMAGE_MAGIC, 4, {fixture_kernels, NULL, NULL}};

/* What module_load takes: the same kernels for the host, or as PTX (driver_fixture.cu). */
static inline const void *fixture_image_for(const lazyi_device *device) {
#ifdef LAZYRT_FIXTURE_PTX
  if (!device->is_host) return check_text(LAZYRT_FIXTURE_PTX);
#endif
  return device->is_host ? &fixture_image : NULL;
}

typedef struct fixture {
  lazyi_device device;
  const lazy_driver *driver;
  lazy_driver_module module;
  lazy_driver_function affine, visit, large, nothing;
} fixture;

/* Opens the device, enters it and loads the kernels. */
static inline bool fixture_open(const char *spelling, fixture *out_fixture) {
  fixture f = {0};
  if (!EXPECT_OK(lazyi_device_open(spelling, &f.device))) return false;
  const lazy_driver *driver = f.driver = f.device.driver;
  bool loaded = EXPECT_OK(lazyi_device_enter(&f.device)) &&
                EXPECT_EQ(driver->module_load(&f.module, fixture_image_for(&f.device)), 0);
  loaded = loaded && EXPECT_EQ(driver->module_get_function(&f.affine, f.module, "affine"), 0);
  loaded = loaded && EXPECT_EQ(driver->module_get_function(&f.visit, f.module, "visit"), 0);
  loaded = loaded && EXPECT_EQ(driver->module_get_function(&f.large, f.module, "large"), 0);
  loaded = loaded && EXPECT_EQ(driver->module_get_function(&f.nothing, f.module, "nothing"), 0);
  *out_fixture = f;
  return loaded;
}

/* Unloads, and checks that the test left nothing. */
static inline void fixture_close(fixture *f) {
  lazyi_host_live_counts live;
  EXPECT_EQ(f->driver->module_unload(f->module), 0);
  check_device()->live(&live);
  EXPECT_EQ(live.allocations, 0u);
  EXPECT_EQ(live.bytes, 0u);
  EXPECT_EQ(live.pinned, 0u);
  EXPECT_EQ(live.streams, 0u);
  EXPECT_EQ(live.events, 0u);
  EXPECT_EQ(live.modules, 0u);
  lazyi_device_leave(&f->device);
  lazyi_device_close(&f->device);
}

static inline int fixture_launch(const fixture *f, lazy_driver_function function, unsigned blocks,
                                 lazy_driver_stream stream, void *params) {
  void *parameters[] = {params};
  return f->driver->launch_kernel(function, blocks, 1, 1, 128, 1, 1, 0, stream, parameters, NULL);
}

/* A test that runs twice: with commands deferred in a seeded order, and on the worker pool. */
#define CONFORMS(name)                           \
  static void name(check_env *env);              \
  TEST_ON_DRIVERS(driver, name) {                \
    check_device()->set_schedule(env->seed | 1); \
    name(env);                                   \
    check_device()->set_schedule(0);             \
    name(env);                                   \
    check_device()->set_schedule(1);             \
  }                                              \
  static void name(__attribute__((unused)) check_env *env)

/* A call on a handle that died: what NVIDIA's driver does is not defined. */
#define EXPECT_DEAD(call) (env->is_gpu ? true : EXPECT_EQ((call), LAZY_DRIVER_INVALID_HANDLE))

#define OPEN(f)                                     \
  fixture f;                                        \
  CHECK_OR_RETURN(fixture_open(env->device, &(f))); \
  const lazy_driver *driver = (f).driver;           \
  (void)driver

#endif
