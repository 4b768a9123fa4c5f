/* What a thread of a running launch knows to have happened: of blocks, of warps, of single threads, up to a
   moment of their block's time. Sparse, immutable, shared. */
#ifndef LAZYRT_TESTS_EMULATOR_CLOCK_H
#define LAZYRT_TESTS_EMULATOR_CLOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct emu_clock_entry {
  uint64_t key;  /* emu_clock_key */
  uint32_t time; /* what happened before it is known */
} emu_clock_entry;

typedef struct emu_clock {
  atomic_uint references;
  uint32_t count;
  emu_clock_entry at[]; /* by key */
} emu_clock;

/* Parts of a block: all of it, a thread, a warp. */
enum { EMU_PART_ALL = 0, EMU_PART_THREAD = 1, EMU_PART_WARP = 1025 };
static inline uint64_t emu_clock_key(uint32_t actor, uint32_t part) { return (uint64_t)actor << 11 | part; }

/* NULL knows nothing. */
emu_clock *emu_clock_retain(emu_clock *clock);
void emu_clock_release(emu_clock *clock);
/* A new reference to what both know. */
emu_clock *emu_clock_join(const emu_clock *a, const emu_clock *b);
/* Adds what `with` knows to *clock. */
void emu_clock_learn(emu_clock **clock, const emu_clock *with);
/* Makes one of entries sorted by key. */
emu_clock *emu_clock_make(const emu_clock_entry *entries, uint32_t count);
/* Knows what the thread did at `time`. */
bool emu_clock_knows(const emu_clock *clock, uint32_t actor, uint32_t thread, uint32_t time);

/* Memory or the end of the program. */
void *emu_need(size_t bytes); /* zeroed */

#endif
