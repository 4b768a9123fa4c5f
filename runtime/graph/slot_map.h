/* Which row of the table a parameter has in this recording: a hash map from pointers, emptied in one step. */
#ifndef LAZYI_GRAPH_SLOT_MAP_H
#define LAZYI_GRAPH_SLOT_MAP_H

#include "runtime/base/memory.h"

typedef struct lazyi_slot_entry {
  const void *key;
  uint32_t epoch; /* of the recording that wrote it; any other: free */
  int32_t value;
} lazyi_slot_entry;

/* Zero-initialised is empty. */
typedef struct lazyi_slot_map {
  lazyi_slot_entry *entries;
  size_t mask; /* entries - 1, a power of two less one; 0 without entries */
  size_t count;
  uint32_t epoch; /* 0 until the first clear */
} lazyi_slot_map;

/* Forgets every key and keeps the memory. Comes before the first put. */
void lazyi_slot_map_clear(lazyi_slot_map *map);
void lazyi_slot_map_deinit(lazyi_slot_map *map);
/* The key's value; -1 if it is not there. */
int32_t lazyi_slot_map_get(const lazyi_slot_map *map, const void *key);
/* Puts a key that is not there yet. On failure the map stands. */
LAZY_MUST_USE lazy_status lazyi_slot_map_put(lazyi_slot_map *map, const void *key, int32_t value);

#endif
