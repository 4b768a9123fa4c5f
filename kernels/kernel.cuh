/* The kernel dialect: one source, compiled by nvcc for the GPU and by the C compiler for the host device.

   A kernel is a sequence of "for each thread" regions; the boundary of a region is the barrier. On the GPU a
   region is the thread's own code, on the host a loop over the block's threads. Indices are loop variables; a
   value that one phase leaves for the next lives in LAZY_SHARED or LAZY_OWN memory. No return, break or
   continue leaves a region, and regions stand only where all threads of the block come by. See README.md. */
#ifndef LAZYRT_KERNELS_KERNEL_CUH
#define LAZYRT_KERNELS_KERNEL_CUH

#include "kernels/params.h"

/* Threads of a block that a kernel may be launched with; LAZY_BLOCK is what it is launched with. */
#define LAZY_BLOCK 256

#ifdef __CUDACC__

#define LAZY_INLINE      static __device__ __forceinline__
#define LAZY_RESTRICT    __restrict__
#define LAZY_UNROLL      _Pragma("unroll")
#define LAZY_UNROLL_ONCE _Pragma("unroll 1")

/* Opens a kernel; its parameters are `p`, a const struct <name>_params. */
#define LAZY_KERNEL(name)                                  \
  extern "C" __global__ void __launch_bounds__(LAZY_BLOCK) \
      name(const __grid_constant__ struct name##_params p)
/* The same for a kernel whose grids are small: it takes registers rather than spill any. */
#define LAZY_KERNEL_OF_FEW_BLOCKS(name)                       \
  extern "C" __global__ void __launch_bounds__(LAZY_BLOCK, 1) \
      name(const __grid_constant__ struct name##_params p)

#define LAZY_EACH_THREAD(t) if (const uint32_t t = threadIdx.x; true)
#define LAZY_PHASE(t)       if (const uint32_t t = (__syncthreads(), threadIdx.x); true)

#define LAZY_PHASE_RUNS(t, run)                                \
  if (const uint32_t t = (__syncthreads(), threadIdx.x); true) \
    if (const uint32_t run = 1; true)

#define LAZY_GRID_FOR(i, n)                                                   \
  for (uint64_t i = (uint64_t)blockIdx.x * blockDim.x + threadIdx.x; i < (n); \
       i += (uint64_t)gridDim.x * blockDim.x)
#define LAZY_GRID_ROWS(i, run, inner, n)                                      \
  for (uint64_t i = (uint64_t)blockIdx.x * blockDim.x + threadIdx.x; i < (n); \
       i += (uint64_t)gridDim.x * blockDim.x)                                 \
    if (const uint64_t run = ((void)(inner), 1); true)
#define LAZY_EACH_TILE(tile, n) for (uint64_t tile = blockIdx.x; tile < (n); tile += gridDim.x)
/* Four runs a block, from four parts of the whole: what a run has once is paid seldom, and a block has of
   everything. Lengths differ by one at most. */
typedef struct lazy_runs {
  uint64_t length, longer, count;
} lazy_runs;
LAZY_INLINE lazy_runs lazy_runs_of(uint64_t n) {
  const uint64_t most = (uint64_t)gridDim.x * 4, count = n < most ? n : most;
  const lazy_runs runs = {count != 0 ? n / count : 0, count != 0 ? n % count : 0, count};
  return runs;
}
LAZY_INLINE uint64_t lazy_run_first(const lazy_runs *runs, uint64_t at) {
  return at * runs->length + (at < runs->longer ? at : runs->longer);
}
#define LAZY_TILE_RUNS(tile, run, n)                                                              \
  for (lazy_runs tile##_runs = lazy_runs_of(n), *tile##_once = &tile##_runs; tile##_once != NULL; \
       tile##_once = NULL)                                                                        \
    for (uint64_t tile##_at = blockIdx.x; tile##_at < tile##_runs.count; tile##_at += gridDim.x)  \
      for (uint64_t tile = lazy_run_first(&tile##_runs, tile##_at),                               \
                    tile##_end = lazy_run_first(&tile##_runs, tile##_at + 1), run;                \
           tile < tile##_end && (run = tile##_end - tile, true); tile += run)
#define LAZY_LOT 4
#define LAZY_EACH_LOT(e, first, last)                                                 \
  _Pragma("unroll 1") for (uint64_t e = (first) + LAZY_LOT * threadIdx.x; e < (last); \
                           e += LAZY_LOT * blockDim.x)
/* The start of this thread's lot when the block has `lot` lots each from `at` on. */
#define LAZY_LOT_OF_THREAD(at, lot) ((at) + (lot)*LAZY_LOT * LAZY_BLOCK + LAZY_LOT * threadIdx.x)

#define LAZY_SHARED          __shared__
#define LAZY_OWN(T, name, n) T name[n]
#define LAZY_OWN_OF(name, t) ((void)(t), (name))
#define LAZY_AT(T, address)  ((T *)(address))

#else /* the host */

#include <stdbool.h>
#include <stddef.h>

#include "runtime/driver/host_image.h"
#include "runtime/driver/host_tag.h"

#ifndef LAZYI_LEVEL
#define LAZYI_LEVEL 0
#endif

/* The widest vectors of this level, in bytes. */
#if defined __AVX512F__
#define LAZY_VECTOR_BYTES 64
#elif defined __AVX2__
#define LAZY_VECTOR_BYTES 32
#else
#define LAZY_VECTOR_BYTES 16
#endif

#define LAZY_INLINE   static inline __attribute__((always_inline, unused))
#define LAZY_RESTRICT restrict
#define LAZY_UNROLL
#define LAZY_UNROLL_ONCE

/* name -> name_v3: the levels' objects stand side by side in one library. */
#define LAZY_LEVEL_NAME(name)          LAZY_LEVEL_PASTE(name, LAZYI_LEVEL)
#define LAZY_LEVEL_PASTE(name, level)  LAZY_LEVEL_PASTE_(name, level)
#define LAZY_LEVEL_PASTE_(name, level) name##_v##level

#define LAZY_KERNEL(name)                                                                         \
  LAZY_INLINE void name##_body(const struct name##_params p, const lazyi_host_block *lazy_block); \
  void LAZY_LEVEL_NAME(name)(const void *params, const lazyi_host_block *block);                  \
  void LAZY_LEVEL_NAME(name)(const void *params, const lazyi_host_block *block) {                 \
    name##_body(*(const struct name##_params *)params, block);                                    \
  }                                                                                               \
  LAZY_INLINE void name##_body(const struct name##_params p,                                      \
                               __attribute__((unused)) const lazyi_host_block *lazy_block)
#define LAZY_KERNEL_OF_FEW_BLOCKS(name) LAZY_KERNEL(name)

/* A block's contiguous part [first, last) of the grid's work, and its runs: in forward order one plain loop,
   which the compiler vectorises, in the others every element by itself. */
typedef struct lazy_chunk {
  uint64_t first, last, run, runs;
} lazy_chunk;
typedef struct lazy_range {
  uint64_t first, last;
} lazy_range;

/* Where step `i` of `n` stands in the block's order: a permutation of [0, n). */
LAZY_INLINE uint64_t lazy_host_step(const lazyi_host_block *block, uint64_t i, uint64_t n, uint64_t salt) {
  if (block->order == LAZYI_HOST_ORDER_FORWARD) return i;
  if (block->order == LAZYI_HOST_ORDER_REVERSED) return n - 1 - i;
  uint64_t mask = 1, mix = (block->seed ^ salt * 0x9E3779B97F4A7C15u) * 0xD6E8FEB86659FD93u;
  while (mask < n - 1) mask = mask * 2 + 1;
  do { /* a bijection of [0, mask], walked until it comes back below n */
    i = (i * (mix | 1) + (mix >> 17)) & mask;
    i ^= i >> 2;
    i = (i * ((mix >> 31) | 1) + (mix >> 7)) & mask;
  } while (i >= n);
  return i;
}

LAZY_INLINE uint64_t lazy_host_runs(const lazyi_host_block *block, uint64_t n) {
  return block->order == LAZYI_HOST_ORDER_FORWARD ? n > 0 : n;
}
LAZY_INLINE lazy_range lazy_host_run(const lazyi_host_block *block, uint64_t run, uint64_t n, uint64_t salt) {
  if (block->order == LAZYI_HOST_ORDER_FORWARD) return (lazy_range){0, n};
  const uint64_t at = lazy_host_step(block, run, n, salt);
  return (lazy_range){at, at + 1};
}
/* Chunks are multiples of `grain` but for the last. */
LAZY_INLINE lazy_chunk lazy_host_chunk(const lazyi_host_block *block, uint64_t n, uint64_t grain) {
  const uint64_t grains = n / grain + (n % grain != 0);
  const uint64_t each = grains / block->count, more = grains % block->count, at = block->index;
  uint64_t first = (each * at + (at < more ? at : more)) * grain, last = first + (each + (at < more)) * grain;
  if (first > n) first = n;
  if (last > n) last = n;
  return (lazy_chunk){first, last, 0, lazy_host_runs(block, last - first)};
}
LAZY_INLINE uint64_t lazy_host_first(const lazyi_host_block *block, const lazy_chunk *chunk, uint64_t salt) {
  return chunk->first + lazy_host_run(block, chunk->run, chunk->last - chunk->first, salt).first;
}
LAZY_INLINE uint64_t lazy_host_end(const lazyi_host_block *block, const lazy_chunk *chunk, uint64_t first) {
  return block->order == LAZYI_HOST_ORDER_FORWARD ? chunk->last : first + 1;
}
LAZY_INLINE uint64_t lazy_host_row(uint64_t i, uint64_t end, uint64_t inner) {
  const uint64_t run = inner - i % inner;
  return run < end - i ? run : end - i;
}

#define LAZY_EACH_THREAD(t)                                                                         \
  for (uint64_t t##_run = 0; t##_run < lazy_host_runs(lazy_block, lazy_block->threads); t##_run++)  \
    for (uint32_t t = lazy_host_run(lazy_block, t##_run, lazy_block->threads, __LINE__).first,      \
                  t##_end = lazy_host_run(lazy_block, t##_run, lazy_block->threads, __LINE__).last; \
         t < t##_end; t++)
#define LAZY_PHASE(t) LAZY_EACH_THREAD (t)
/* The same, threads t .. t + run - 1 at a time. */
#define LAZY_PHASE_RUNS(t, run)                                                                          \
  for (uint64_t t##_run = 0; t##_run < lazy_host_runs(lazy_block, lazy_block->threads); t##_run++)       \
    for (uint32_t                                                                                        \
             t = (uint32_t)lazy_host_run(lazy_block, t##_run, lazy_block->threads, __LINE__).first,      \
             run = (uint32_t)lazy_host_run(lazy_block, t##_run, lazy_block->threads, __LINE__).last - t; \
         run > 0; run = 0)

/* Elements of the grid, [0, n): each belongs to one thread. */
#define LAZY_GRID_FOR(i, n)                                                                         \
  for (lazy_chunk i##_chunk = lazy_host_chunk(lazy_block, (n), 64); i##_chunk.run < i##_chunk.runs; \
       i##_chunk.run++)                                                                             \
    for (uint64_t i = lazy_host_first(lazy_block, &i##_chunk, __LINE__),                            \
                  i##_end = lazy_host_end(lazy_block, &i##_chunk, i);                               \
         i < i##_end; i++)
/* The same, [0, n) being rows of `inner`: the body handles elements i .. i + run - 1, which lie in one row.
 */
#define LAZY_GRID_ROWS(i, run, inner, n)                                                            \
  for (lazy_chunk i##_chunk = lazy_host_chunk(lazy_block, (n), 64); i##_chunk.run < i##_chunk.runs; \
       i##_chunk.run++)                                                                             \
    for (uint64_t i = lazy_host_first(lazy_block, &i##_chunk, __LINE__),                            \
                  i##_end = lazy_host_end(lazy_block, &i##_chunk, i), run = 0;                      \
         i < i##_end && (run = lazy_host_row(i, i##_end, (inner)), true); i += run)
/* Tiles of the grid, [0, n): each belongs to one block, whose threads all come by. */
#define LAZY_EACH_TILE(tile, n)                                                                            \
  for (lazy_chunk tile##_chunk = lazy_host_chunk(lazy_block, (n), 1);                                      \
       tile##_chunk.run < tile##_chunk.last - tile##_chunk.first; tile##_chunk.run++)                      \
    for (uint64_t                                                                                          \
             tile = tile##_chunk.first + lazy_host_step(lazy_block, tile##_chunk.run,                      \
                                                        tile##_chunk.last - tile##_chunk.first, __LINE__), \
             tile##_end = tile + 1;                                                                        \
         tile < tile##_end; tile++)
/* The same, tiles tile .. tile + run - 1 at a time; the body may lower `run` to as many as it has done. */
#define LAZY_TILE_RUNS(tile, run, n)                                                                        \
  for (lazy_chunk tile##_chunk = lazy_host_chunk(lazy_block, (n), 1); tile##_chunk.run < tile##_chunk.runs; \
       tile##_chunk.run++)                                                                                  \
    for (uint64_t tile = lazy_host_first(lazy_block, &tile##_chunk, __LINE__),                              \
                  tile##_end = lazy_host_end(lazy_block, &tile##_chunk, tile), run = 0;                     \
         tile < tile##_end && (run = tile##_end - tile, true); tile += run)
/* Starts of the lots of LAZY_LOT elements that cover [first, last): each belongs to one thread of the block.
 */
#define LAZY_LOT 256
#define LAZY_EACH_LOT(e, first, last_)                                                                     \
  for (uint64_t e##_lot = 0, e##_lots = ((last_) - (first) + LAZY_LOT - 1) / LAZY_LOT; e##_lot < e##_lots; \
       e##_lot++)                                                                                          \
    for (uint64_t e = (first) + LAZY_LOT * lazy_host_step(lazy_block, e##_lot, e##_lots, __LINE__),        \
                  e##_end = e + 1;                                                                         \
         e < e##_end; e = e##_end)

/* Memory of the block, uninitialised. */
#define LAZY_SHARED
/* `n` values of each thread's own that live across phases: registers on the GPU. LAZY_OWN_OF is thread t's.
 */
#define LAZY_OWN(T, name, n) T name[LAZY_BLOCK][n]
#define LAZY_OWN_OF(name, t) ((name)[t])
/* The memory behind a device address. */
#define LAZY_AT(T, address)  ((T *)(uintptr_t)lazyi_host_untag(address))

#endif
#endif
