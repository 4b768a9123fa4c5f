/* Runs one kernel by itself: of the host image at a chosen instruction-set level, or as PTX; on a chosen
   grid, in a chosen order of threads and blocks. */
#ifndef LAZYRT_TESTS_KERNEL_RUN_H
#define LAZYRT_TESTS_KERNEL_RUN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/images.h"
#include "kernels/params.h"
#include "runtime/driver/host.h"
#include "tests/check.h"
#include "tests/check_device.h"
#include "tests/kernel_ptx.h"

/* One way to run a kernel. Results must be the same for all of them. */
typedef struct kernel_way {
  int level; /* index into the image; KERNEL_PTX */
  uint32_t blocks;
  enum lazyi_host_order order;
} kernel_way;

static const uint32_t kernel_grids[] = {1, 3, 8};
enum { KERNEL_GRIDS = sizeof kernel_grids / sizeof *kernel_grids, KERNEL_ORDERS = 3, KERNEL_PTX = -1 };

/* Levels that this CPU runs. */
static inline int kernel_level_count(void) {
  int levels = 0;
  for (int i = 0; i <= lazyi_host_level(); i++) levels += lazyi_kernels_host_image.levels[i] != NULL;
  return levels;
}
/* Ways 0 .. kernel_way_count(env) - 1: on the host all levels, grids and orders; for PTX the host's best
   level, to compare with, and then every grid, in another order each where it has to be quick. */
static inline int kernel_way_count(const check_env *env) {
  const int each = KERNEL_GRIDS * KERNEL_ORDERS;
  if (env->is_ptx) return 1 + (env->is_small ? KERNEL_GRIDS : each);
  return kernel_level_count() * each;
}
static inline kernel_way kernel_way_at(const check_env *env, int i) {
  if (env->is_ptx && i == 0) return (kernel_way){kernel_level_count() - 1, 1, LAZYI_HOST_ORDER_FORWARD};
  if (env->is_ptx) {
    i--;
    return (kernel_way){KERNEL_PTX, kernel_grids[env->is_small ? i : i / KERNEL_ORDERS],
                        (enum lazyi_host_order)(i % KERNEL_ORDERS)};
  }
  return (kernel_way){i / (KERNEL_GRIDS * KERNEL_ORDERS), kernel_grids[i / KERNEL_ORDERS % KERNEL_GRIDS],
                      (enum lazyi_host_order)(i % KERNEL_ORDERS)};
}
static inline const char *kernel_way_name(kernel_way way) {
  static char name[80];
  static const char *const orders[] = {"forward", "reversed", "shuffled"};
  snprintf(name, sizeof name, "%s, %u blocks, %s",
           way.level == KERNEL_PTX ? "PTX" : lazyi_host_level_name(way.level), way.blocks, orders[way.order]);
  return name;
}

static inline void kernel_run(kernel_way way, const char *kernel, const void *params, uint64_t seed) {
  const lazyi_host_kernel *found = NULL;
  const int level = way.level == KERNEL_PTX ? 0 : way.level;
  for (uint32_t i = 0; i < lazyi_kernels_host_image.kernel_count; i++)
    if (strcmp(lazyi_kernels_host_image.levels[level][i].name, kernel) == 0)
      found = &lazyi_kernels_host_image.levels[level][i];
  if (found == NULL) {
    FAIL("no kernel %s", kernel);
    return;
  }
  if (way.level == KERNEL_PTX) {
    kernel_ptx_run(kernel, params, way.blocks, way.order, seed);
    return;
  }
  for (uint32_t i = 0; i < way.blocks; i++) {
    uint32_t index = i;
    if (way.order == LAZYI_HOST_ORDER_REVERSED) index = way.blocks - 1 - i;
    if (way.order == LAZYI_HOST_ORDER_SHUFFLED) index = (uint32_t)((i + seed) % way.blocks);
    const lazyi_host_block block = {
        .index = index, .count = way.blocks, .threads = 256, .order = way.order, .seed = seed + index};
    found->run(params, &block);
  }
}

static inline uint64_t kernel_address(const void *memory) { return (uint64_t)(uintptr_t)memory; }
/* Memory that kernels may reach, whichever runs them. */
static inline void *kernel_alloc(size_t bytes) {
  const size_t page = check_device_page(), room = (bytes + page - 1) / page * page + page;
  void *memory = aligned_alloc(page, room);
  kernel_ptx_lend(memory, bytes);
  return memory;
}
static inline void kernel_free(void *memory) {
  kernel_ptx_take_back(memory);
  free(memory);
}

#endif
