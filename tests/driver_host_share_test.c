/* The host provider's workers share one kernel's blocks. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "tests/driver_fixture.h"

static _Atomic unsigned arrived, thread_count;
static _Thread_local bool is_counted;

static void nap(void) { nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); }

/* Two blocks, each of which stays until the other has begun, or ten seconds have passed. */
static void run_meet(const void *params, const lazyi_host_block *block) {
  (void)params;
  atomic_fetch_add(&arrived, 1);
  for (int ms = 0; ms < 10000 && atomic_load(&arrived) < block->count; ms++) nap();
}

static void run_count(const void *params, const lazyi_host_block *block) {
  (void)params;
  (void)block;
  if (!is_counted) atomic_fetch_add(&thread_count, 1);
  is_counted = true;
  nap();
}

static const lazyi_host_kernel kernels[] = {{.name = "meet", .run = run_meet},
                                            {.name = "count", .run = run_count}};
static const lazyi_host_image image = {LAZYI_HOST_IMAGE_MAGIC, 2, {kernels, NULL, NULL}};

typedef struct share_rig {
  lazyi_device device;
  lazy_driver_module module;
} share_rig;

static lazy_status rig_open(share_rig *rig, const char *workers) {
  lazyi_host_set_schedule(0);
  setenv("LAZYRT_HOST_WORKERS", workers, 1);
  LAZY_TRY(lazyi_device_open("host", &rig->device));
  LAZY_TRY(lazyi_device_enter(&rig->device));
  return LAZYI_DRIVER(&rig->device, module_load, &rig->module, &image);
}

static void rig_close(share_rig *rig) {
  EXPECT_EQ(rig->device.driver->module_unload(rig->module), 0);
  lazyi_device_leave(&rig->device);
  lazyi_device_close(&rig->device);
  unsetenv("LAZYRT_HOST_WORKERS");
  lazyi_host_set_schedule(1);
}

static void launch_and_wait(const share_rig *rig, const char *name, unsigned blocks) {
  lazy_driver_function function;
  ASSERT_EQ(rig->device.driver->module_get_function(&function, rig->module, name), 0);
  ASSERT_EQ(rig->device.driver->launch_kernel(function, blocks, 1, 1, 1, 1, 1, 0, NULL, NULL, NULL), 0);
  EXPECT_EQ(rig->device.driver->stream_synchronize(NULL), 0);
}

/* As many blocks as workers: the second must not wait until the first one's thread comes round to it. */
TEST(driver_host_share, two_blocks_run_side_by_side) {
  share_rig rig;
  ASSERT_OK(rig_open(&rig, "2"));
  for (int round = 0; round < 20; round++) {
    struct timespec before, after;
    atomic_store(&arrived, 0);
    clock_gettime(CLOCK_MONOTONIC, &before);
    launch_and_wait(&rig, "meet", 2);
    clock_gettime(CLOCK_MONOTONIC, &after);
    ASSERT_LT(after.tv_sec - before.tv_sec, 9);
  }
  rig_close(&rig);
}

TEST(driver_host_share, every_worker_joins_in_a_long_kernel) {
  share_rig rig;
  ASSERT_OK(rig_open(&rig, "4"));
  launch_and_wait(&rig, "count", 64);
  EXPECT_EQ(atomic_load(&thread_count), 4u);
  rig_close(&rig);
}
