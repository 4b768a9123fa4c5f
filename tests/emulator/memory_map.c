#include "tests/emulator/memory_map.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/driver/host_tag.h"
#include "tests/emulator/clock.h"

enum { TOMBSTONES = 1024, PAGE = 4096, BESIDE = 4096, BEHIND = 16 };

/* Allocations by address; they do not overlap. Adopted ranges may, and are few. */
typedef struct ranges {
  emu_range *at;
  size_t count, capacity;
} ranges;

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static ranges owned, adopted;
static emu_range freed[TOMBSTONES];
static uint64_t freed_count, numbers;
static atomic_uint_fast64_t version = 1;

uint64_t emu_map_version(void) { return atomic_load_explicit(&version, memory_order_acquire); }

/* The first range that starts above `address`. */
static size_t above(const ranges *list, uint64_t address) {
  size_t low = 0, high = list->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (list->at[middle].start <= address) low = middle + 1;
    else high = middle;
  }
  return low;
}

static void grow(ranges *list) {
  if (list->count < list->capacity) return;
  size_t capacity = list->capacity != 0 ? 2 * list->capacity : 64;
  emu_range *at = emu_need(capacity * sizeof *at);
  if (list->count != 0) memcpy(at, list->at, list->count * sizeof *at);
  free(list->at);
  list->at = at;
  list->capacity = capacity;
}

void emu_map_add(uint64_t start, size_t bytes, bool is_adopted) {
  pthread_rwlock_wrlock(&lock);
  ranges *list = is_adopted ? &adopted : &owned;
  grow(list);
  size_t index = above(list, start);
  memmove(list->at + index + 1, list->at + index, (list->count - index) * sizeof *list->at);
  list->at[index] = (emu_range){start, start + bytes, ++numbers, is_adopted};
  list->count++;
  atomic_fetch_add_explicit(&version, 1, memory_order_release);
  pthread_rwlock_unlock(&lock);
}

void emu_map_remove(uint64_t start, size_t bytes, bool is_adopted) {
  pthread_rwlock_wrlock(&lock);
  ranges *list = is_adopted ? &adopted : &owned;
  for (size_t index = above(list, start); index-- > 0 && list->at[index].start == start;) {
    if (is_adopted && list->at[index].end != start + bytes) continue;
    freed[freed_count++ % TOMBSTONES] = list->at[index];
    list->count--;
    memmove(list->at + index, list->at + index + 1, (list->count - index) * sizeof *list->at);
    break;
  }
  atomic_fetch_add_explicit(&version, 1, memory_order_release);
  pthread_rwlock_unlock(&lock);
}

/* Under the lock: a live range that holds all of it. */
static const emu_range *holder(uint64_t address, uint64_t bytes) {
  size_t index = above(&owned, address);
  if (index != 0) {
    const emu_range *range = &owned.at[index - 1];
    if (address < range->end && bytes <= range->end - address) return range;
  }
  for (size_t i = above(&adopted, address); i-- > 0;) {
    const emu_range *range = &adopted.at[i];
    if (address < range->end && bytes <= range->end - address) return range;
  }
  return NULL;
}

bool emu_map_find(uint64_t address, uint64_t bytes, emu_range *out_range) {
  pthread_rwlock_rdlock(&lock);
  const emu_range *found = holder(address, bytes);
  if (found != NULL) *out_range = *found;
  pthread_rwlock_unlock(&lock);
  return found != NULL;
}

/* The live range that the address is in or beside. */
static const emu_range *neighbour(const ranges *list, uint64_t address) {
  const emu_range *best = NULL;
  uint64_t distance = BESIDE + 1;
  for (size_t i = 0; i < list->count; i++) {
    const emu_range *range = &list->at[i];
    uint64_t away = address < range->start ? range->start - address
                    : address < range->end ? 0
                                           : address - range->end;
    if (away >= distance) continue;
    best = range;
    distance = away;
  }
  return best;
}

static bool is_mapped(uint64_t address) {
  unsigned char resident;
  uintptr_t page = (uintptr_t)address & ~(uintptr_t)(PAGE - 1);
  void *at;
  memcpy(&at, &page, sizeof at);
  return address < (uint64_t)1 << 47 && mincore(at, PAGE, &resident) == 0;
}

/* Whether a freed range was given out again, as far as this address goes: a later range lies in it, or ends
   right before the address. */
static bool is_past(const emu_range *range, uint64_t address) {
  const emu_range *now = neighbour(&owned, address);
  if (now == NULL || now->number < range->number) return false;
  return (now->start < range->end && range->start < now->end) || address - now->end < BEHIND;
}

static emu_near near_of(uint64_t address, emu_range *out_range) {
  const emu_range *found;
  if (address < PAGE) return EMU_NEAR_NULL;
  for (uint64_t i = freed_count; i-- > 0 && freed_count - i <= TOMBSTONES;) {
    const emu_range *range = &freed[i % TOMBSTONES];
    if (address < range->start || address >= range->end || holder(address, 1) != NULL) continue;
    if (is_past(range, address)) continue;
    *out_range = *range;
    return EMU_NEAR_FREED;
  }
  if ((found = neighbour(&owned, address)) != NULL || (found = neighbour(&adopted, address)) != NULL) {
    *out_range = *found;
    return EMU_NEAR_LIVE;
  }
  if ((address & LAZYI_HOST_TAG) != 0) return EMU_NEAR_NOTHING;
  if ((found = holder(address | LAZYI_HOST_TAG, 1)) != NULL) {
    *out_range = *found;
    return EMU_NEAR_UNTAGGED;
  }
  return is_mapped(address) ? EMU_NEAR_HOST : EMU_NEAR_NOTHING;
}

emu_near emu_map_near(uint64_t address, emu_range *out_range) {
  pthread_rwlock_rdlock(&lock);
  emu_near near = near_of(address, out_range);
  pthread_rwlock_unlock(&lock);
  return near;
}
