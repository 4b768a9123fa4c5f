/* Mean and sum of squared deviations, tile by tile: the reductions of all norms.

   A tile is read once into the block's memory, in the type of the sums; its mean comes first, then the
   deviations from it, whose own sum (nearly zero) corrects what the rounding of the mean left. 256 sums run
   side by side, then fold in halves: neither grid nor vectors show in the result. */
#include "kernels/element.cuh"
#include "kernels/index.cuh"

typedef struct moments_tile {
  uint64_t group, first; /* the tile's first element in the group */
  uint32_t count;
} moments_tile;

LAZY_INLINE moments_tile moments_tile_at(const struct lazy_k_moments_params *p, uint64_t at) {
  moments_tile tile = {0, 0, 0};
  const uint64_t elements = p->runs * p->run;
  tile.group = lazy_index_split(&at, p->groups);
  tile.first = at * LAZY_MOMENTS_TILE;
  tile.count =
      elements - tile.first < LAZY_MOMENTS_TILE ? (uint32_t)(elements - tile.first) : LAZY_MOMENTS_TILE;
  return tile;
}

/* What threads t to t + run - 1 need of a tile: every LAZY_BLOCK-th element. On the host the first of them
   brings all, run after run. */
#ifdef __CUDACC__
#define MOMENTS_LOAD(dtype, sum_t)                                                                       \
  LAZY_INLINE void moments_load_##dtype(const struct lazy_k_moments_params *p, const moments_tile *tile, \
                                        uint32_t t, sum_t *values) {                                     \
    const lazy_store_##dtype *x = LAZY_AT(const lazy_store_##dtype, p->x) + tile->group * p->run;        \
    for (uint32_t at = t; at < tile->count; at += LAZY_BLOCK) {                                          \
      uint64_t run = tile->first + at;                                                                   \
      const uint64_t offset = lazy_index_split(&run, p->run);                                            \
      values[at] = lazy_load_##dtype(x[run * p->stride + offset]);                                       \
    }                                                                                                    \
  }
#else
#define MOMENTS_LOAD(dtype, sum_t)                                                                       \
  LAZY_INLINE void moments_load_##dtype(const struct lazy_k_moments_params *p, const moments_tile *tile, \
                                        uint32_t t, sum_t *restrict values) {                            \
    const lazy_store_##dtype *x = LAZY_AT(const lazy_store_##dtype, p->x) + tile->group * p->run;        \
    if (t != 0) return;                                                                                  \
    if (p->run == 1) {                                                                                   \
      for (uint32_t at = 0; at < tile->count; at++)                                                      \
        values[at] = lazy_load_##dtype(x[(tile->first + at) * p->stride]);                               \
      return;                                                                                            \
    }                                                                                                    \
    uint64_t offset = tile->first % p->run;                                                              \
    x += tile->first / p->run * p->stride;                                                               \
    for (uint64_t at = 0, each; at < tile->count; at += each, x += p->stride, offset = 0) {              \
      const lazy_store_##dtype *restrict from = x + offset;                                              \
      each = p->run - offset < tile->count - at ? p->run - offset : tile->count - at;                    \
      for (uint64_t j = 0; j < each; j++) values[at + j] = lazy_load_##dtype(from[j]);                   \
    }                                                                                                    \
  }
#endif
MOMENTS_LOAD(f64, double)
MOMENTS_LOAD(f32, float)
MOMENTS_LOAD(f16, float)
MOMENTS_LOAD(bf16, float)

/* Sums of threads t to t + run - 1. */
#define MOMENTS_SUMS(sum, sum_t)                                                                        \
  LAZY_INLINE void moments_add_##sum(const sum_t *LAZY_RESTRICT values, uint32_t count, uint32_t t,     \
                                     uint32_t run, sum_t *LAZY_RESTRICT sums) {                         \
    for (uint32_t j = t; j < t + run; j++) sums[j] = 0;                                                 \
    for (uint32_t first = 0; first < count; first += LAZY_BLOCK) {                                      \
      const uint32_t last = t + run < count - first ? t + run : count - first;                          \
      for (uint32_t j = t; j < last; j++) sums[j] += values[first + j];                                 \
    }                                                                                                   \
  }                                                                                                     \
  LAZY_INLINE void moments_deviate_##sum(const sum_t *LAZY_RESTRICT values, uint32_t count, sum_t mean, \
                                         uint32_t t, uint32_t run, sum_t *LAZY_RESTRICT sums,           \
                                         sum_t *LAZY_RESTRICT squares) {                                \
    for (uint32_t j = t; j < t + run; j++) sums[j] = squares[j] = 0;                                    \
    for (uint32_t first = 0; first < count; first += LAZY_BLOCK) {                                      \
      const uint32_t last = t + run < count - first ? t + run : count - first;                          \
      for (uint32_t j = t; j < last; j++) {                                                             \
        const sum_t off = values[first + j] - mean;                                                     \
        sums[j] += off;                                                                                 \
        squares[j] += off * off;                                                                        \
      }                                                                                                 \
    }                                                                                                   \
  }                                                                                                     \
  /* The upper half joins the lower. */                                                                 \
  LAZY_INLINE void moments_fold_##sum(sum_t *sums, uint32_t half, uint32_t t, uint32_t run) {           \
    const uint32_t last = t + run < half ? t + run : half;                                              \
    for (uint32_t j = t; j < last; j++) sums[j] += sums[half + j];                                      \
  }
MOMENTS_SUMS(f64, double)
MOMENTS_SUMS(f32, float)

#define MOMENTS_FOLD(sum, sums)                                           \
  for (uint32_t half = LAZY_BLOCK / 2; half > 0; half /= 2) {             \
    LAZY_PHASE_RUNS(t, run) { moments_fold_##sum((sums), half, t, run); } \
  }

#define MOMENTS_TILE(dtype, sum, sum_t)                                                                      \
  {                                                                                                          \
    LAZY_PHASE_RUNS(t, run) {                                                                                \
      moments_load_##dtype(&p, &tile, t, memory.sum.values);                                                 \
      (void)run;                                                                                             \
    }                                                                                                        \
    if (!p.about_zero) {                                                                                     \
      LAZY_PHASE_RUNS(t, run) { moments_add_##sum(memory.sum.values, tile.count, t, run, memory.sum.sums); } \
      MOMENTS_FOLD(sum, memory.sum.sums)                                                                     \
    }                                                                                                        \
    LAZY_PHASE_RUNS(t, run) {                                                                                \
      const sum_t mean = p.about_zero ? 0 : memory.sum.sums[0] / (sum_t)tile.count;                          \
      moments_deviate_##sum(memory.sum.values, tile.count, mean, t, run, memory.sum.offs,                    \
                            memory.sum.squares);                                                             \
    }                                                                                                        \
    MOMENTS_FOLD(sum, memory.sum.offs)                                                                       \
    MOMENTS_FOLD(sum, memory.sum.squares)                                                                    \
    LAZY_PHASE (t) {                                                                                         \
      if (t == 0) {                                                                                          \
        const sum_t n = (sum_t)tile.count, off = memory.sum.offs[0];                                         \
        sum_t *out = LAZY_AT(sum_t, p.partials) + 2 * at;                                                    \
        out[0] = p.about_zero ? 0 : memory.sum.sums[0] / n + off / n;                                        \
        out[1] = p.about_zero ? memory.sum.squares[0] : memory.sum.squares[0] - off * off / n;               \
      }                                                                                                      \
    }                                                                                                        \
  }                                                                                                          \
  break;

#define MOMENTS_MEMORY(sum_t)                                                                 \
  struct {                                                                                    \
    sum_t values[LAZY_MOMENTS_TILE], sums[LAZY_BLOCK], offs[LAZY_BLOCK], squares[LAZY_BLOCK]; \
  }

LAZY_KERNEL_OF_FEW_BLOCKS(lazy_k_moments) {
  LAZY_SHARED
  union {
    MOMENTS_MEMORY(float) f32;
    MOMENTS_MEMORY(double) f64;
  } memory;
  const uint64_t tiles = (p.runs * p.run + LAZY_MOMENTS_TILE - 1) / LAZY_MOMENTS_TILE;
  LAZY_EACH_TILE(at, tiles * p.groups) {
    const moments_tile tile = moments_tile_at(&p, at);
    switch (p.dtype) {
      case LAZY_DTYPE_F64: MOMENTS_TILE(f64, f64, double)
      case LAZY_DTYPE_F32: MOMENTS_TILE(f32, f32, float)
      case LAZY_DTYPE_F16: MOMENTS_TILE(f16, f32, float)
      case LAZY_DTYPE_BF16: MOMENTS_TILE(bf16, f32, float)
    }
  }
  LAZY_GRID_FOR (i, p.counter != 0 ? 1 : 0) {
    int64_t *counter = LAZY_AT(int64_t, p.counter) + i;
    *counter += 1;
  }
}
