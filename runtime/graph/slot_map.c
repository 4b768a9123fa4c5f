#include "runtime/graph/slot_map.h"

#include <string.h>

enum { SMALLEST = 64 };

/* Pointers differ in their middle bits; a multiplication brings those to the top. */
static size_t first_place(const void *key, size_t mask) {
  return (size_t)(((uint64_t)(uintptr_t)key * 0x9e3779b97f4a7c15u) >> 32) & mask;
}

/* The key's entry, or the free one where it belongs. */
static lazyi_slot_entry *find(lazyi_slot_entry *entries, size_t mask, uint32_t epoch, const void *key) {
  size_t place = first_place(key, mask);
  while (entries[place].epoch == epoch && entries[place].key != key) place = (place + 1) & mask;
  return entries + place;
}

void lazyi_slot_map_clear(lazyi_slot_map *map) {
  map->count = 0;
  if (++map->epoch != 0) return;
  /* the epoch wrapped around: entries of 2^32 recordings ago would come back to life */
  if (map->entries != NULL) memset(map->entries, 0, (map->mask + 1) * sizeof *map->entries);
  map->epoch = 1;
}

void lazyi_slot_map_deinit(lazyi_slot_map *map) {
  lazyi_memory_free(map->entries);
  *map = (lazyi_slot_map){0};
}

int32_t lazyi_slot_map_get(const lazyi_slot_map *map, const void *key) {
  if (map->entries == NULL) return -1;
  const lazyi_slot_entry *entry = find(map->entries, map->mask, map->epoch, key);
  return entry->epoch == map->epoch ? entry->value : -1;
}

/* Doubles the entries, which are never more than half full. */
static lazy_status grow(lazyi_slot_map *map) {
  size_t size = map->entries == NULL ? SMALLEST : 2 * (map->mask + 1);
  lazyi_slot_entry *entries = lazyi_memory_calloc(size, sizeof *entries);
  LAZYI_TRY_ALLOC(entries);
  for (size_t i = 0; map->entries != NULL && i <= map->mask; i++)
    if (map->entries[i].epoch == map->epoch)
      *find(entries, size - 1, map->epoch, map->entries[i].key) = map->entries[i];
  lazyi_memory_free(map->entries);
  map->entries = entries;
  map->mask = size - 1;
  return LAZY_STATUS_OK;
}

lazy_status lazyi_slot_map_put(lazyi_slot_map *map, const void *key, int32_t value) {
  if (map->entries == NULL || 2 * (map->count + 1) > map->mask + 1) LAZY_TRY(grow(map));
  *find(map->entries, map->mask, map->epoch, key) = (lazyi_slot_entry){key, map->epoch, value};
  map->count++;
  return LAZY_STATUS_OK;
}
