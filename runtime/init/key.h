/* Keys of the stream keyed/1: a hash of the root's name and the path's parts, mixed with the seed. */
#ifndef LAZYI_INIT_KEY_H
#define LAZYI_INIT_KEY_H

#include "runtime/base/vector.h"

/* A path under construction: the encoding that is hashed, which is each part's length (32 bits,
   little-endian) and then its bytes, so that no two different lists of parts encode alike. A zeroed one is
   empty. Walking a tree pushes a part on the way down, pops it on the way up, and hashes at the leaves. */
typedef struct lazyi_key_path {
  LAZYI_VECTOR(uint8_t) bytes;
} lazyi_key_path;

/* Appends a part; `out_mark` is for pop. LIMIT for one of 4 GiB or more. */
LAZY_MUST_USE lazy_status lazyi_key_path_push(lazyi_key_path *path, const char *part, size_t length,
                                              size_t *out_mark);
/* Takes back the part that gave `mark` and all after it. */
void lazyi_key_path_pop(lazyi_key_path *path, size_t mark);
/* XXH64 with seed 0 of the encoding. */
uint64_t lazyi_key_path_hash(const lazyi_key_path *path);
void lazyi_key_path_deinit(lazyi_key_path *path);

/* The same of a list: root name first. `lengths` may be NULL (strings). Allocates nothing, cannot fail. */
uint64_t lazyi_key_hash_parts(const char *const *parts, const size_t *lengths, size_t count);

/* Looks for two equal hashes in time proportional to `count`. If there are any, `out_second` is the first
   index at which a hash repeats, `out_first` where it was before; else both are untouched. */
LAZY_MUST_USE lazy_status lazyi_key_find_collision(const uint64_t *hashes, size_t count, bool *out_found,
                                                   size_t *out_first, size_t *out_second);

#endif
