#include "tests/emulator/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *emu_need(size_t bytes) {
  void *memory = calloc(1, bytes != 0 ? bytes : 1);
  if (memory == NULL) {
    (void)fprintf(stderr, "emulator: out of memory (%zu bytes)\n", bytes);
    abort();
  }
  return memory;
}

static emu_clock *new_clock(uint32_t count) {
  emu_clock *clock = emu_need(sizeof *clock + count * sizeof clock->at[0]);
  atomic_init(&clock->references, 1);
  clock->count = count;
  return clock;
}

emu_clock *emu_clock_retain(emu_clock *clock) {
  if (clock != NULL) atomic_fetch_add_explicit(&clock->references, 1, memory_order_relaxed);
  return clock;
}

void emu_clock_release(emu_clock *clock) {
  if (clock == NULL) return;
  if (atomic_fetch_sub_explicit(&clock->references, 1, memory_order_acq_rel) == 1) free(clock);
}

emu_clock *emu_clock_make(const emu_clock_entry *entries, uint32_t count) {
  emu_clock *clock = new_clock(count);
  memcpy(clock->at, entries, count * sizeof *entries);
  return clock;
}

/* The first entry at or after `key`. */
static uint32_t find(const emu_clock *clock, uint64_t key) {
  uint32_t low = 0, high = clock->count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (clock->at[middle].key < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/* Everything in `part` is in `whole`. */
static bool covers(const emu_clock *whole, const emu_clock *part) {
  uint32_t at = 0;
  for (uint32_t i = 0; i < part->count; i++) {
    while (at < whole->count && whole->at[at].key < part->at[i].key) at++;
    if (at == whole->count || whole->at[at].key != part->at[i].key || whole->at[at].time < part->at[i].time)
      return false;
  }
  return true;
}

/* Counted references are the only thing that changes in a clock. */
static emu_clock *share(const emu_clock *clock) {
  emu_clock *shared;
  memcpy(&shared, &clock, sizeof shared);
  return emu_clock_retain(shared);
}

emu_clock *emu_clock_join(const emu_clock *a, const emu_clock *b) {
  if (b == NULL || a == b) return share(a);
  if (a == NULL || covers(b, a)) return share(b);
  if (covers(a, b)) return share(a);
  emu_clock *joined = new_clock(a->count + b->count);
  uint32_t i = 0, j = 0, count = 0;
  while (i < a->count || j < b->count) {
    emu_clock_entry *to = &joined->at[count++];
    if (j == b->count || (i < a->count && a->at[i].key < b->at[j].key)) {
      *to = a->at[i++];
    } else if (i == a->count || b->at[j].key < a->at[i].key) {
      *to = b->at[j++];
    } else {
      *to = a->at[i].time > b->at[j].time ? a->at[i] : b->at[j];
      i++;
      j++;
    }
  }
  joined->count = count;
  return joined;
}

void emu_clock_learn(emu_clock **clock, const emu_clock *with) {
  if (with == NULL) return;
  emu_clock *joined = emu_clock_join(*clock, with);
  emu_clock_release(*clock);
  *clock = joined;
}

static bool has(const emu_clock *clock, uint64_t key, uint32_t time) {
  uint32_t at = find(clock, key);
  return at < clock->count && clock->at[at].key == key && clock->at[at].time > time;
}

bool emu_clock_knows(const emu_clock *clock, uint32_t actor, uint32_t thread, uint32_t time) {
  if (clock == NULL) return false;
  return has(clock, emu_clock_key(actor, EMU_PART_ALL), time) ||
         has(clock, emu_clock_key(actor, EMU_PART_THREAD + thread), time) ||
         has(clock, emu_clock_key(actor, EMU_PART_WARP + thread / 32), time);
}
