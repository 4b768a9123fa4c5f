/* What does the arena cost per block, against the driver's own allocation and the C library's?

   The same list of allocations and frees is replayed on each: random sizes and lifetimes, a stack
   (activations of a forward freed by its backward), and the blocks that a sweep of models takes: parameters
   of all sizes, released model by model. */
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "runtime/memory/arena.h"

enum { BLOCKS = 512, STEPS = 4096 };

/* One step: allocates `bytes` into slot, or frees the slot where bytes is 0. */
typedef struct step {
  uint32_t slot;
  size_t bytes;
} step;

static uint64_t next_random(uint64_t *state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  return z ^ z >> 27;
}

static size_t random_bytes(uint64_t *state) { return (size_t)64 << next_random(state) % 15; }

static void make_random(step *steps) {
  uint64_t state = 1;
  bool used[BLOCKS] = {false};
  for (int i = 0; i < STEPS; i++) {
    uint32_t slot = (uint32_t)(next_random(&state) % BLOCKS);
    steps[i] = (step){slot, used[slot] ? 0 : random_bytes(&state)};
    used[slot] = !used[slot];
  }
}

static void make_stack(step *steps) {
  uint64_t state = 2;
  for (int i = 0; i < STEPS; i++) {
    uint32_t at = (uint32_t)(i % (2 * BLOCKS));
    bool down = at >= BLOCKS;
    steps[i] = (step){down ? 2 * BLOCKS - 1 - at : at, down ? 0 : random_bytes(&state)};
  }
}

/* A model of width w has layers of w^2 weights and w biases; the next one comes when it is gone. */
static void make_sweep(step *steps) {
  for (int i = 0; i < STEPS; i++) {
    uint32_t at = (uint32_t)(i % 128);
    size_t width = (size_t)32 << (i / 128) % 6;
    bool down = at >= 64;
    steps[i] = (step){at % 64, down ? 0 : (at % 2 == 0 ? width * width : width) * sizeof(float)};
  }
}

typedef struct rival {
  lazyi_device device;
  lazy_driver_stream stream;
  lazyi_arena arena;
  lazyi_block blocks[BLOCKS];
  lazy_driver_address addresses[BLOCKS];
  void *pointers[BLOCKS];
} rival;

static lazy_status with_arena(rival *r, const step *s) {
  if (s->bytes != 0) return lazyi_arena_alloc(&r->arena, s->bytes, r->stream, NULL, &r->blocks[s->slot]);
  lazyi_arena_free(&r->arena, r->blocks[s->slot], r->stream);
  return LAZY_STATUS_OK;
}
static lazy_status with_driver(rival *r, const step *s) {
  if (s->bytes != 0) return LAZYI_DRIVER(&r->device, mem_alloc, &r->addresses[s->slot], s->bytes);
  return LAZYI_DRIVER(&r->device, mem_free, r->addresses[s->slot]);
}
static lazy_status with_malloc(rival *r, const step *s) {
  if (s->bytes == 0) {
    free(r->pointers[s->slot]);
    return LAZY_STATUS_OK;
  }
  r->pointers[s->slot] = malloc(s->bytes);
  bench_keep(r->pointers[s->slot]);
  return r->pointers[s->slot] != NULL ? LAZY_STATUS_OK : LAZY_STATUS_OUT_OF_MEMORY;
}

/* All steps, then frees of what is left: the next round finds every slot empty. */
static lazy_status replay(rival *r, const step *steps, lazy_status (*act)(rival *, const step *)) {
  bool used[BLOCKS] = {false};
  for (int i = 0; i < STEPS; i++) {
    LAZY_TRY(act(r, &steps[i]));
    used[steps[i].slot] = steps[i].bytes != 0;
  }
  for (uint32_t i = 0; i < BLOCKS; i++)
    if (used[i]) LAZY_TRY(act(r, &(step){i, 0}));
  return LAZY_STATUS_OK;
}

static void measure(bench_state *state, void (*make)(step *), lazy_status (*act)(rival *, const step *)) {
  rival *r = calloc(1, sizeof *r);
  step *steps = malloc(STEPS * sizeof *steps);
  make(steps);
  BENCH_OK(state, lazyi_device_open("host", &r->device));
  BENCH_OK(state, lazyi_device_enter(&r->device));
  BENCH_OK(state, LAZYI_DRIVER(&r->device, stream_create, &r->stream, LAZY_DRIVER_STREAM_NON_BLOCKING));
  BENCH_OK(state, lazyi_arena_init(&r->device, r->stream, 0, &r->arena));
  BENCH_OK(state, replay(r, steps, act));
  lazyi_arena_statistics before = lazyi_arena_read_statistics(&r->arena);
  BENCH_CHECK(state, before.block_count == 0);
  while (bench_next(state)) BENCH_OK(state, replay(r, steps, act));
  BENCH_CHECK(state, lazyi_arena_read_statistics(&r->arena).driver_alloc_count == before.driver_alloc_count);
  bench_items(state, STEPS);
  lazyi_arena_deinit(&r->arena);
  r->device.driver->stream_destroy(r->stream);
  lazyi_device_leave(&r->device);
  lazyi_device_close(&r->device);
  free(steps);
  free(r);
}

BENCH(random_arena) { measure(state, make_random, with_arena); }
BENCH(random_driver) { measure(state, make_random, with_driver); }
BENCH(random_malloc) { measure(state, make_random, with_malloc); }
BENCH(stack_arena) { measure(state, make_stack, with_arena); }
BENCH(stack_driver) { measure(state, make_stack, with_driver); }
BENCH(stack_malloc) { measure(state, make_stack, with_malloc); }
BENCH(sweep_arena) { measure(state, make_sweep, with_arena); }
BENCH(sweep_driver) { measure(state, make_sweep, with_driver); }
BENCH(sweep_malloc) { measure(state, make_sweep, with_malloc); }
