/* Runs one kernel of the host image by itself: a chosen instruction-set level, grid and order of threads and
 * blocks. */
#ifndef LAZYRT_TESTS_KERNEL_RUN_H
#define LAZYRT_TESTS_KERNEL_RUN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/images.h"
#include "kernels/params.h"
#include "runtime/driver/host.h"
#include "tests/check.h"

/* One way to run a kernel. Results must be the same for all of them. */
typedef struct kernel_way {
  int level; /* index into the image */
  uint32_t blocks;
  enum lazyi_host_order order;
} kernel_way;

/* Levels that this CPU runs, all grids and orders below: ways 0 .. kernel_way_count() - 1. */
static const uint32_t kernel_grids[] = {1, 3, 8};
enum { KERNEL_GRIDS = sizeof kernel_grids / sizeof *kernel_grids, KERNEL_ORDERS = 3 };
static inline int kernel_way_count(void) {
  int levels = 0;
  for (int i = 0; i <= lazyi_host_level(); i++) levels += lazyi_kernels_host_image.levels[i] != NULL;
  return levels * KERNEL_GRIDS * KERNEL_ORDERS;
}
static inline kernel_way kernel_way_at(int i) {
  return (kernel_way){i / (KERNEL_GRIDS * KERNEL_ORDERS), kernel_grids[i / KERNEL_ORDERS % KERNEL_GRIDS],
                      (enum lazyi_host_order)(i % KERNEL_ORDERS)};
}
static inline const char *kernel_way_name(kernel_way way) {
  static char name[80];
  static const char *const orders[] = {"forward", "reversed", "shuffled"};
  snprintf(name, sizeof name, "%s, %u blocks, %s", lazyi_host_level_name(way.level), way.blocks,
           orders[way.order]);
  return name;
}

static inline void kernel_run(kernel_way way, const char *kernel, const void *params, uint64_t seed) {
  const lazyi_host_kernel *found = NULL;
  for (uint32_t i = 0; i < lazyi_kernels_host_image.kernel_count; i++)
    if (strcmp(lazyi_kernels_host_image.levels[way.level][i].name, kernel) == 0)
      found = &lazyi_kernels_host_image.levels[way.level][i];
  if (found == NULL) {
    FAIL("no kernel %s", kernel);
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
static inline void *kernel_alloc(size_t bytes) { return aligned_alloc(256, (bytes + 255) / 256 * 256 + 256); }

#endif
