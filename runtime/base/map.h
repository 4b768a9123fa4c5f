/* A map from names to pointers that keeps the order of insertion, as PyTorch's dictionaries do. */
#ifndef LAZYI_BASE_MAP_H
#define LAZYI_BASE_MAP_H

#include "runtime/base/vector.h"

typedef struct lazyi_map_entry {
  char *name; /* the map's copy; NULL where an entry was removed */
  size_t name_bytes;
  uint64_t hash;
  void *value;
} lazyi_map_entry;

/* Zero-initialised is empty. Values are the caller's: the map never looks behind them. */
typedef struct lazyi_map {
  LAZYI_VECTOR(lazyi_map_entry) entries; /* in order of insertion, removed ones among them */
  uint32_t *index;                       /* open addressing: entry number + 1; 0 is free */
  size_t index_mask;                     /* slots - 1, a power of two less one; 0 without an index */
  size_t count;                          /* entries that were not removed */
} lazyi_map;

void lazyi_map_deinit(lazyi_map *map);

/* Puts `value` under a name of `name_bytes` bytes (which may hold any byte), copied. A name that is there
   keeps its place and gets the new value. On failure (OUT_OF_MEMORY; LIMIT past 2^31 entries) the map stands
   as it was. */
LAZY_MUST_USE lazy_status lazyi_map_put(lazyi_map *map, const char *name, size_t name_bytes, void *value);

/* Where the name's value lies, NULL if it is not there. Valid until the next put or remove. Allocates
 * nothing. */
void **lazyi_map_find(const lazyi_map *map, const char *name, size_t name_bytes);

/* Takes a name out; false if it was not there. The order of the others stands. Allocates nothing. */
bool lazyi_map_remove(lazyi_map *map, const char *name, size_t name_bytes);

/* The next entry in order, NULL at the end: `size_t at = 0; while ((e = lazyi_map_next(map, &at)) != NULL)`.
   Removing while walking is allowed, putting a new name is not. */
const lazyi_map_entry *lazyi_map_next(const lazyi_map *map, size_t *at);

#endif
