/* Bookkeeping of spans of numbers: which parts are taken, which are free. Best fit, split, coalesce.

   Pure: it knows no memory and no driver. A span is [base, base + bytes); the arena adds one for each slab,
   so that an offset is a device address. Spans never merge with one another, however close they lie.

   Free blocks hang in bins by size: eight to each power of two, found through two levels of bitmaps. Look-up,
   split and merge take constant time save for a bounded look around a bin for the closest fit; a request is
   refused only if no free block can hold it. Block records come from a pool of their own and are reused, so a
   steady pattern of allocs and frees makes no host allocation. Not thread-safe. */
#ifndef LAZYI_MEMORY_OFFSETS_H
#define LAZYI_MEMORY_OFFSETS_H

#include "runtime/base/vector.h"

enum { LAZYI_OFFSETS_LEVELS = 64, LAZYI_OFFSETS_BINS = 8 };
#define LAZYI_OFFSETS_NONE UINT32_MAX

typedef struct lazyi_offsets_block {
  uint64_t offset;
  size_t bytes;
  uint32_t before, after;  /* neighbours in the same span, or NONE */
  uint32_t previous, next; /* in its bin while free; `next` also links unused records */
  uint8_t state;           /* enum lazyi_offsets_state */
} lazyi_offsets_block;

enum lazyi_offsets_state { LAZYI_OFFSETS_UNUSED, LAZYI_OFFSETS_FREE, LAZYI_OFFSETS_TAKEN };

typedef struct lazyi_offsets_statistics {
  size_t capacity_bytes, used_bytes, peak_used_bytes; /* used: as rounded to the granule */
  size_t used_blocks, free_blocks;
} lazyi_offsets_statistics;

typedef struct lazyi_offsets {
  size_t granule; /* every size and offset is a multiple of it */
  LAZYI_VECTOR(lazyi_offsets_block) blocks;
  uint32_t unused; /* first record of the pool */
  uint64_t levels; /* bit l: some bin of level l is not empty */
  uint8_t bins[LAZYI_OFFSETS_LEVELS];
  uint32_t heads[LAZYI_OFFSETS_LEVELS][LAZYI_OFFSETS_BINS];
  lazyi_offsets_statistics statistics;
} lazyi_offsets;

/* `granule` is a power of two. */
void lazyi_offsets_init(lazyi_offsets *offsets, size_t granule);
void lazyi_offsets_deinit(lazyi_offsets *offsets);

/* Adds [base, base + bytes), all free; both multiples of the granule. Names it by the record of its first
   block, which stays that of the span's start. Fails (OUT_OF_MEMORY) only for want of a record. */
LAZY_MUST_USE lazy_status lazyi_offsets_add(lazyi_offsets *offsets, uint64_t base, size_t bytes,
                                            uint32_t *out_span);
/* True if nothing of the span is taken. */
bool lazyi_offsets_is_free(const lazyi_offsets *offsets, uint32_t span);
/* Takes a wholly free span away. */
void lazyi_offsets_remove(lazyi_offsets *offsets, uint32_t span);

/* Takes `bytes` (rounded up to the granule; zero takes one granule) at a multiple of `alignment`, a power of
   two. `out_block` is NONE if no free block can hold them: a normal outcome. Fails for want of a record. */
LAZY_MUST_USE lazy_status lazyi_offsets_alloc(lazyi_offsets *offsets, size_t bytes, size_t alignment,
                                              uint32_t *out_block);
/* Gives a block back; false, and nothing happens, if it is not a taken one. */
bool lazyi_offsets_free(lazyi_offsets *offsets, uint32_t block);

static inline uint64_t lazyi_offsets_at(const lazyi_offsets *offsets, uint32_t block) {
  return offsets->blocks.at[block].offset;
}
/* The largest request, at granule alignment, that would succeed. */
size_t lazyi_offsets_largest(const lazyi_offsets *offsets);

#endif
