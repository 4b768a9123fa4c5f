/* Memory that is given out piece by piece and freed as a whole. */
#include "tests/emulator/arena.h"

#include <stdint.h>
#include <string.h>

#include "runtime/base/memory.h"

enum { CHUNK_BYTES = 64 << 10, ALIGNMENT = 16 };

typedef struct ptx_arena_chunk {
  struct ptx_arena_chunk *next;
  size_t bytes;
  _Alignas(ALIGNMENT) unsigned char memory[];
} ptx_arena_chunk;

void *ptx_arena_take(ptx_arena *arena, size_t bytes) {
  if (bytes > SIZE_MAX / 2) return NULL;
  bytes = (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
  if (arena->chunks == NULL || bytes > arena->chunks->bytes - arena->used) {
    const size_t room = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
    ptx_arena_chunk *chunk = lazyi_memory_alloc(sizeof *chunk + room);
    if (chunk == NULL) return NULL;
    chunk->next = arena->chunks;
    chunk->bytes = room;
    arena->chunks = chunk;
    arena->used = 0;
  }
  void *taken = arena->chunks->memory + arena->used;
  arena->used += bytes;
  return memset(taken, 0, bytes);
}

static void free_after(ptx_arena_chunk *chunk) {
  while (chunk != NULL) {
    ptx_arena_chunk *next = chunk->next;
    lazyi_memory_free(chunk);
    chunk = next;
  }
}

void ptx_arena_reset(ptx_arena *arena) {
  if (arena->chunks == NULL) return;
  free_after(arena->chunks->next);
  arena->chunks->next = NULL;
  arena->used = 0;
}

void ptx_arena_deinit(ptx_arena *arena) {
  free_after(arena->chunks);
  *arena = (ptx_arena){NULL, 0};
}
