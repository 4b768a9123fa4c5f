/* Memory that is given out piece by piece and freed as a whole. */
#ifndef LAZYRT_TESTS_EMULATOR_ARENA_H
#define LAZYRT_TESTS_EMULATOR_ARENA_H

#include <stddef.h>

typedef struct ptx_arena {
  struct ptx_arena_chunk *chunks; /* the newest first */
  size_t used;                    /* of the newest */
} ptx_arena;

/* Zeroed, aligned for any type of this code; NULL when there is no memory. */
void *ptx_arena_take(ptx_arena *arena, size_t bytes);
/* Empties it, and keeps one chunk for what comes next. */
void ptx_arena_reset(ptx_arena *arena);
void ptx_arena_deinit(ptx_arena *arena);

#endif
