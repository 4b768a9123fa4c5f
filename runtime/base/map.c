#include "runtime/base/map.h"

#include <string.h>
#include <xxhash.h>

/* Removed entries keep their index slot, so that probes go on past them, until the index is built anew. */

static uint64_t hash_of(const char *name, size_t name_bytes) { return XXH3_64bits(name, name_bytes); }

static size_t find(const lazyi_map *map, const char *name, size_t name_bytes, uint64_t hash) {
  if (map->index == NULL) return SIZE_MAX;
  for (size_t slot = (size_t)hash & map->index_mask; map->index[slot] != 0;
       slot = (slot + 1) & map->index_mask) {
    size_t number = map->index[slot] - 1;
    const lazyi_map_entry *entry = &map->entries.at[number];
    if (entry->name != NULL && entry->hash == hash && entry->name_bytes == name_bytes &&
        memcmp(entry->name, name, name_bytes) == 0)
      return number;
  }
  return SIZE_MAX;
}

static void index_entry(uint32_t *index, size_t mask, uint64_t hash, size_t number) {
  size_t slot = (size_t)hash & mask;
  while (index[slot] != 0) slot = (slot + 1) & mask;
  index[slot] = (uint32_t)number + 1;
}

/* Drops the removed entries and builds an index that is at most half full with one entry more. */
static lazy_status rebuild(lazyi_map *map) {
  if (map->count >= (size_t)INT32_MAX)
    return lazy_status_fail(LAZY_STATUS_LIMIT, "a map of %zu names", map->count);
  size_t slots = 16;
  while (slots < 4 * (map->count + 1)) slots *= 2;
  uint32_t *index = lazyi_memory_calloc(slots, sizeof *index);
  LAZYI_TRY_ALLOC(index);
  size_t kept = 0;
  for (size_t i = 0; i < map->entries.count; i++) {
    if (map->entries.at[i].name == NULL) continue;
    map->entries.at[kept] = map->entries.at[i];
    index_entry(index, slots - 1, map->entries.at[kept].hash, kept);
    kept++;
  }
  map->entries.count = kept;
  lazyi_memory_free(map->index);
  map->index = index;
  map->index_mask = slots - 1;
  return LAZY_STATUS_OK;
}

lazy_status lazyi_map_put(lazyi_map *map, const char *name, size_t name_bytes, void *value) {
  uint64_t hash = hash_of(name, name_bytes);
  size_t number = find(map, name, name_bytes, hash);
  if (number != SIZE_MAX) {
    map->entries.at[number].value = value;
    return LAZY_STATUS_OK;
  }
  size_t copy_bytes;
  if (!lazyi_add_size(name_bytes, 1, &copy_bytes))
    return lazy_status_fail(LAZY_STATUS_OUT_OF_MEMORY, "size overflow");
  LAZY_TRY(lazyi_vector_reserve(&map->entries, 1));
  if (map->index == NULL || 2 * (map->entries.count + 1) > map->index_mask) LAZY_TRY(rebuild(map));
  char *copy = lazyi_memory_alloc(copy_bytes);
  LAZYI_TRY_ALLOC(copy);
  if (name_bytes != 0) memcpy(copy, name, name_bytes);
  copy[name_bytes] = '\0';
  index_entry(map->index, map->index_mask, hash, map->entries.count);
  map->entries.at[map->entries.count++] = (lazyi_map_entry){copy, name_bytes, hash, value};
  map->count++;
  return LAZY_STATUS_OK;
}

void **lazyi_map_find(const lazyi_map *map, const char *name, size_t name_bytes) {
  size_t number = find(map, name, name_bytes, hash_of(name, name_bytes));
  return number != SIZE_MAX ? &map->entries.at[number].value : NULL;
}

bool lazyi_map_remove(lazyi_map *map, const char *name, size_t name_bytes) {
  size_t number = find(map, name, name_bytes, hash_of(name, name_bytes));
  if (number == SIZE_MAX) return false;
  lazyi_memory_free(map->entries.at[number].name);
  map->entries.at[number].name = NULL;
  map->count--;
  return true;
}

const lazyi_map_entry *lazyi_map_next(const lazyi_map *map, size_t *at) {
  while (*at < map->entries.count) {
    const lazyi_map_entry *entry = &map->entries.at[(*at)++];
    if (entry->name != NULL) return entry;
  }
  return NULL;
}

void lazyi_map_deinit(lazyi_map *map) {
  for (size_t i = 0; i < map->entries.count; i++) lazyi_memory_free(map->entries.at[i].name);
  lazyi_vector_deinit(&map->entries);
  lazyi_memory_free(map->index);
  *map = (lazyi_map){0};
}
