#include "runtime/graph/bump.h"

#include <stdalign.h>

#define CHUNK_BYTES ((size_t)16 << 10)

void lazyi_bump_clear(lazyi_bump *bump) { bump->chunk = bump->used = 0; }

void lazyi_bump_deinit(lazyi_bump *bump) {
  for (size_t i = 0; i < bump->chunks.count; i++) lazyi_memory_free(bump->chunks.at[i].at);
  lazyi_vector_deinit(&bump->chunks);
  lazyi_bump_clear(bump);
}

void *lazyi_bump_alloc(lazyi_bump *bump, size_t bytes) {
  if (!lazyi_align_size(bytes, alignof(max_align_t), &bytes)) bytes = SIZE_MAX; /* which no chunk will hold */
  for (; bump->chunk < bump->chunks.count; bump->chunk++, bump->used = 0) {
    const lazyi_bump_chunk *chunk = bump->chunks.at + bump->chunk;
    if (chunk->bytes - bump->used < bytes) continue;
    void *block = chunk->at + bump->used;
    bump->used += bytes;
    return block;
  }
  if (lazyi_vector_reserve(&bump->chunks, 1) != LAZY_STATUS_OK) return NULL;
  lazyi_bump_chunk chunk = {NULL, bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES};
  chunk.at = lazyi_memory_alloc(chunk.bytes);
  if (chunk.at == NULL) return NULL;
  bump->chunks.at[bump->chunks.count++] = chunk;
  bump->used = bytes;
  return chunk.at;
}
