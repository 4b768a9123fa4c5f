#include "tests/kernel_ptx.h"

#include <string.h>
#include "kernels/images.h"

#include "runtime/driver/device.h"
#include "runtime/launch/launch.h"
#include "tests/check_device.h"

static struct {
  bool is_open, is_tried;
  lazyi_device device;
  lazy_driver_module module;
} rig;

/* Untagged addresses, so that the parameters of a launch are those that the host's kernels take. */
static struct {
  void *memory;
  size_t bytes;
} lent[64];
enum { LENT = sizeof lent / sizeof *lent };

static void adopt(void *memory, size_t bytes) {
  lazy_driver_address address = 0;
  EXPECT_EQ(check_device()->adopt(memory, bytes, &address), 0);
  EXPECT_EQ(address, (uint64_t)(uintptr_t)memory);
}

static void close_rig(void) {
  if (rig.is_open) {
    for (int i = 0; i < LENT; i++)
      if (lent[i].memory != NULL)
        EXPECT_EQ(check_device()->give_up((uintptr_t)lent[i].memory, lent[i].bytes), 0);
    EXPECT_EQ(rig.device.driver->module_unload(rig.module), 0);
    lazyi_device_leave(&rig.device);
    lazyi_device_close(&rig.device);
  }
  memset(&rig, 0, sizeof rig);
  memset(lent, 0, sizeof lent);
}

static bool open_rig(void) {
  if (rig.is_tried) return rig.is_open;
  rig.is_tried = true;
  check_at_end(close_rig);
  check_device()->set_strict(false);
  const lazyi_gpu_images images = {lazyi_kernels_fatbin, lazyi_kernels_ptx};
  if (!EXPECT_OK(lazyi_device_open("cuda", &rig.device))) return false;
  if (!EXPECT_OK(lazyi_device_enter(&rig.device)) ||
      !EXPECT_OK(lazyi_launch_load_gpu(&rig.device, &images, &rig.module))) {
    lazyi_device_close(&rig.device);
    return false;
  }
  rig.is_open = true;
  for (int i = 0; i < LENT; i++)
    if (lent[i].memory != NULL) adopt(lent[i].memory, lent[i].bytes);
  return true;
}

void kernel_ptx_lend(void *memory, size_t bytes) {
  int i = 0;
  if (memory == NULL || bytes == 0) return;
  while (i < LENT && lent[i].memory != NULL) i++;
  if (i == LENT) {
    FAIL("more than %d blocks of memory", LENT);
    return;
  }
  lent[i].memory = memory;
  lent[i].bytes = bytes;
  if (rig.is_open) adopt(memory, bytes);
}

void kernel_ptx_take_back(void *memory) {
  for (int i = 0; i < LENT; i++) {
    if (memory == NULL || lent[i].memory != memory) continue;
    if (rig.is_open) EXPECT_EQ(check_device()->give_up((uintptr_t)memory, lent[i].bytes), 0);
    lent[i].memory = NULL;
  }
}

void kernel_ptx_run(const char *kernel, const void *params, uint32_t blocks, enum lazyi_host_order order,
                    uint64_t seed) {
  lazy_driver_function function;
  void *parameters[] = {(void *)(uintptr_t)params};
  if (!open_rig()) return;
  const lazy_driver *driver = rig.device.driver;
  check_device()->set_order(order, seed);
  if (!EXPECT_EQ(driver->module_get_function(&function, rig.module, kernel), 0)) return;
  EXPECT_EQ(driver->launch_kernel(function, blocks, 1, 1, 256, 1, 1, 0, NULL, parameters, NULL), 0);
  EXPECT_EQ(driver->stream_synchronize(NULL), 0);
}
