/* What the host provider loads in place of a fatbin: each kernel compiled as C, once per ISA level. */
#ifndef LAZYI_DRIVER_HOST_IMAGE_H
#define LAZYI_DRIVER_HOST_IMAGE_H

#include <stdint.h>

/* x86-64-v2, v3 and v4; the host provider picks the highest this CPU runs (or LAZYRT_ISA names one).
   Elsewhere than on x86-64 only the first is filled. */
enum { LAZYI_HOST_LEVEL_COUNT = 3 };

/* In which order the threads of a phase and the blocks of a grid run. A result that depends on it is a race.
 */
enum lazyi_host_order { LAZYI_HOST_ORDER_FORWARD, LAZYI_HOST_ORDER_REVERSED, LAZYI_HOST_ORDER_SHUFFLED };

/* The block a kernel function is to run, in full, on the calling thread. */
typedef struct lazyi_host_block {
  uint32_t index, count; /* this block and the blocks of the grid: one-dimensional */
  uint32_t threads;      /* of a block */
  uint32_t order;        /* enum lazyi_host_order */
  uint64_t seed;         /* of the shuffled order */
  void *launch;          /* an instrument's own (host_instrument.h) */
} lazyi_host_block;

typedef struct lazyi_host_kernel {
  const char *name; /* "lazy_k_fill" */
  uint32_t params_bytes;
  void (*run)(const void *params, const lazyi_host_block *block);
  const void *own; /* an instrument's */
} lazyi_host_kernel;

#define LAZYI_HOST_IMAGE_MAGIC 0x6c617a7968737431u /* "lazyhst1" */

typedef struct lazyi_host_image {
  uint64_t magic;
  uint32_t kernel_count;
  const lazyi_host_kernel *levels[LAZYI_HOST_LEVEL_COUNT]; /* NULL where not compiled */
} lazyi_host_image;

#endif
