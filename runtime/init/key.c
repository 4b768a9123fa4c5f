#include "runtime/init/key.h"

#include <string.h>
#include <xxhash.h>

static void encode_length(uint8_t *at, size_t length) {
  for (int i = 0; i < 4; i++) at[i] = (uint8_t)(length >> (8 * i));
}

lazy_status lazyi_key_path_push(lazyi_key_path *path, const char *part, size_t length, size_t *out_mark) {
  if (length > UINT32_MAX) return lazy_status_fail(LAZY_STATUS_LIMIT, "a name of %zu bytes", length);
  size_t mark = path->bytes.count;
  LAZY_TRY(lazyi_vector_reserve(&path->bytes, length + 4));
  encode_length(path->bytes.at + mark, length);
  if (length != 0) memcpy(path->bytes.at + mark + 4, part, length);
  path->bytes.count = mark + 4 + length;
  *out_mark = mark;
  return LAZY_STATUS_OK;
}

void lazyi_key_path_pop(lazyi_key_path *path, size_t mark) { path->bytes.count = mark; }

uint64_t lazyi_key_path_hash(const lazyi_key_path *path) {
  return XXH64(path->bytes.at, path->bytes.count, 0);
}

void lazyi_key_path_deinit(lazyi_key_path *path) { lazyi_vector_deinit(&path->bytes); }

/* Bytes on their way into the hash, many at a time. */
typedef struct feed {
  XXH64_state_t state;
  size_t used;
  uint8_t bytes[512];
} feed;

static void feed_flush(feed *to) {
  XXH64_update(&to->state, to->bytes, to->used);
  to->used = 0;
}

static void feed_bytes(feed *to, const void *from, size_t count) {
  if (count > sizeof to->bytes - to->used) feed_flush(to);
  if (count > sizeof to->bytes) {
    XXH64_update(&to->state, from, count);
  } else if (count != 0) {
    memcpy(to->bytes + to->used, from, count);
    to->used += count;
  }
}

uint64_t lazyi_key_hash_parts(const char *const *parts, const size_t *lengths, size_t count) {
  feed to;
  XXH64_reset(&to.state, 0);
  to.used = 0;
  for (size_t i = 0; i < count; i++) {
    size_t length = lengths != NULL ? lengths[i] : strlen(parts[i]);
    uint8_t encoded[4];
    encode_length(encoded, length);
    feed_bytes(&to, encoded, sizeof encoded);
    feed_bytes(&to, parts[i], length);
  }
  feed_flush(&to);
  return XXH64_digest(&to.state);
}

lazy_status lazyi_key_find_collision(const uint64_t *hashes, size_t count, bool *out_found, size_t *out_first,
                                     size_t *out_second) {
  size_t slots = 16;
  while (slots < 2 * count && slots < SIZE_MAX / 4) slots *= 2;
  /* Open addressing; the keys are hashes already. A slot holds an index plus one. */
  size_t *table = lazyi_memory_calloc(slots, sizeof *table);
  LAZYI_TRY_ALLOC(table);
  bool found = false;
  for (size_t i = 0; i < count && !found; i++) {
    size_t slot = (size_t)hashes[i] & (slots - 1);
    while (table[slot] != 0 && hashes[table[slot] - 1] != hashes[i]) slot = (slot + 1) & (slots - 1);
    if (table[slot] != 0) {
      *out_first = table[slot] - 1;
      *out_second = i;
      found = true;
    }
    table[slot] = i + 1;
  }
  lazyi_memory_free(table);
  *out_found = found;
  return LAZY_STATUS_OK;
}
