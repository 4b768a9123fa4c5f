/* c = alpha op(a) op(b) + beta c [+ bias]: the plain product, for what no BLAS library serves.

   A block makes a TILE x TILE tile of c: its threads bring slices of a and b, SLICE deep, into shared memory
   in the type of the sums, and each sums ROWS x COLUMNS elements. Every sum runs in the order of k, one
   rounded product and one rounded addition at a time, so neither tiles nor vectors show in the result. */
#include "kernels/element.cuh"

enum { TILE = 64, SLICE = 32 };
#ifdef __CUDACC__
enum { ROWS = 4, COLUMNS = 4 };
#else
enum { ROWS = 4, COLUMNS = 16 }; /* four chains of additions as wide as the widest vector */
#endif
enum { SUMS = ROWS * COLUMNS, ACROSS = TILE / COLUMNS, WORKERS = TILE * TILE / SUMS };

typedef float slice_f32[SLICE][TILE];
typedef double slice_f64[SLICE][TILE];

typedef struct gemm_tile {
  int64_t batch, row, column; /* the tile's first element */
  int64_t rows, columns;      /* of it that are in c */
} gemm_tile;

LAZY_INLINE gemm_tile tile_at(const struct lazy_k_gemm_params *p, uint64_t tile) {
  const int64_t across = (p->n + TILE - 1) / TILE, down = (p->m + TILE - 1) / TILE;
  const int64_t at = (int64_t)tile % (across * down);
  gemm_tile found = {(int64_t)tile / (across * down), at / across * TILE, at % across * TILE, 0, 0};
  found.rows = p->m - found.row < TILE ? p->m - found.row : TILE;
  found.columns = p->n - found.column < TILE ? p->n - found.column : TILE;
  return found;
}

/* Thread t's part of one operand's slice, PIECE elements that lie side by side in memory: sums `k` to k +
   depth - 1 for rows or columns `x` to x + count - 1. Those past `count` are 0, and past `used`, where no
   worker reads, left out. */
enum { PIECE = SLICE * TILE / LAZY_BLOCK };
#define LOAD(dtype, sum)                                                                                     \
  LAZY_INLINE void load_##dtype(const lazy_store_##dtype *from, int64_t row_length, bool along_k, int64_t k, \
                                int64_t depth, int64_t x, int64_t count, int64_t used, uint32_t t,           \
                                slice_##sum slice) {                                                         \
    const uint32_t pieces = (along_k ? SLICE : TILE) / PIECE, outer = t / pieces,                            \
                   inner = t % pieces * PIECE;                                                               \
    if (along_k) {                                                                                           \
      if (outer >= used) return;                                                                             \
      const lazy_store_##dtype *at = from + (x + outer) * row_length + k + inner;                            \
      const int64_t valid = outer < count ? depth - inner : 0;                                               \
      LAZY_UNROLL for (int j = 0; j < PIECE; j++) slice[inner + j][outer] =                                  \
          j < valid ? lazy_load_##dtype(at[j]) : 0;                                                          \
    } else {                                                                                                 \
      if (inner >= used) return;                                                                             \
      const lazy_store_##dtype *at = from + (k + outer) * row_length + x + inner;                            \
      const int64_t valid = outer < depth ? count - inner : 0;                                               \
      LAZY_UNROLL for (int j = 0; j < PIECE; j++) slice[outer][inner + j] =                                  \
          j < valid ? lazy_load_##dtype(at[j]) : 0;                                                          \
    }                                                                                                        \
  }                                                                                                          \
  LAZY_INLINE void load_both_##dtype(const struct lazy_k_gemm_params *p, const gemm_tile *tile, int64_t k,   \
                                     uint32_t t, slice_##sum a, slice_##sum b) {                             \
    const int64_t depth = p->k - k < SLICE ? p->k - k : SLICE;                                               \
    load_##dtype(LAZY_AT(const lazy_store_##dtype, p->a) + p->a_batch * tile->batch, p->a_row,               \
                 !p->a_transposed, k, depth, tile->row, tile->rows, (tile->rows + ROWS - 1) / ROWS * ROWS,   \
                 t, a);                                                                                      \
    load_##dtype(LAZY_AT(const lazy_store_##dtype, p->b) + p->b_batch * tile->batch, p->b_row,               \
                 p->b_transposed, k, depth, tile->column, tile->columns,                                     \
                 (tile->columns + COLUMNS - 1) / COLUMNS * COLUMNS, t, b);                                   \
  }
LOAD(f64, f64)
LOAD(f32, f32)
LOAD(f16, f32)
LOAD(bf16, f32)

/* Adds a slice's products to thread t's sums. */
#ifdef __CUDACC__
#define MULTIPLY(sum, sum_t)                                                                              \
  LAZY_INLINE void multiply_##sum(sum_t *sums, slice_##sum a, slice_##sum b, uint32_t t, int64_t depth) { \
    const uint32_t row = t / ACROSS * ROWS, column = t % ACROSS * COLUMNS;                                \
    for (int64_t k = 0; k < depth; k++)                                                                   \
      LAZY_UNROLL for (int i = 0; i < ROWS; i++) LAZY_UNROLL for (int j = 0; j < COLUMNS; j++)            \
          sums[i * COLUMNS + j] += a[k][row + i] * b[k][column + j];                                      \
  }
#else
typedef float vector_f32 __attribute__((vector_size(LAZY_VECTOR_BYTES)));
typedef double vector_f64 __attribute__((vector_size(LAZY_VECTOR_BYTES)));
#define UNROLLED _Pragma("GCC unroll 16")
#define MULTIPLY(sum, sum_t)                                                                              \
  LAZY_INLINE void multiply_##sum(sum_t *sums, slice_##sum a, slice_##sum b, uint32_t t, int64_t depth) { \
    enum { LANES = LAZY_VECTOR_BYTES / sizeof(sum_t), ACROSS_VECTORS = COLUMNS / LANES };                 \
    const uint32_t row = t / ACROSS * ROWS, column = t % ACROSS * COLUMNS;                                \
    vector_##sum s[ROWS][ACROSS_VECTORS];                                                                 \
    UNROLLED for (int i = 0; i < ROWS; i++) UNROLLED for (int j = 0; j < ACROSS_VECTORS; j++)             \
        memcpy(&s[i][j], sums + i * COLUMNS + j * LANES, sizeof s[i][j]);                                 \
    for (int64_t k = 0; k < depth; k++) {                                                                 \
      UNROLLED for (int j = 0; j < ACROSS_VECTORS; j++) {                                                 \
        vector_##sum across;                                                                              \
        memcpy(&across, &b[k][column + j * LANES], sizeof across);                                        \
        UNROLLED for (int i = 0; i < ROWS; i++) s[i][j] += across * a[k][row + i];                        \
      }                                                                                                   \
    }                                                                                                     \
    UNROLLED for (int i = 0; i < ROWS; i++) UNROLLED for (int j = 0; j < ACROSS_VECTORS; j++)             \
        memcpy(sums + i * COLUMNS + j * LANES, &s[i][j], sizeof s[i][j]);                                 \
  }
#endif
MULTIPLY(f64, double)
MULTIPLY(f32, float)

#define WRITE(dtype, sum, sum_t)                                                                           \
  LAZY_INLINE void write_##dtype(const struct lazy_k_gemm_params *p, const gemm_tile *tile,                \
                                 const sum_t *sums, uint32_t t) {                                          \
    const uint32_t row = t / ACROSS * ROWS, column = t % ACROSS * COLUMNS;                                 \
    lazy_store_##dtype *c = LAZY_AT(lazy_store_##dtype, p->c) + p->c_batch * tile->batch;                  \
    const sum_t alpha = (sum_t)p->alpha, beta = (sum_t)p->beta;                                            \
    LAZY_UNROLL for (uint32_t i = 0; i < ROWS; i++)                                                        \
        LAZY_UNROLL for (uint32_t j = 0; j < COLUMNS;                                                      \
                         j++) if (row + i < tile->rows && column + j < tile->columns) {                    \
      lazy_store_##dtype *at = c + (tile->row + row + i) * p->c_row + tile->column + column + j;           \
      sum_t value = alpha * sums[i * COLUMNS + j];                                                         \
      if (beta != 0) value += beta * lazy_load_##dtype(*at);                                               \
      if (p->bias)                                                                                         \
        value += lazy_load_##dtype(LAZY_AT(const lazy_store_##dtype, p->bias)[tile->column + column + j]); \
      *at = lazy_##sum##_as_##dtype(value);                                                                \
    }                                                                                                      \
  }
WRITE(f64, f64, double)
WRITE(f32, f32, float)
WRITE(f16, f32, float)
WRITE(bf16, f32, float)

#define GEMM_TILE(dtype, sum, sum_t)                                                             \
  {                                                                                              \
    LAZY_OWN(sum_t, sums, SUMS);                                                                 \
    LAZY_EACH_THREAD (t) {                                                                       \
      LAZY_UNROLL for (int i = 0; i < SUMS; i++) LAZY_OWN_OF(sums, t)[i] = 0;                    \
    }                                                                                            \
    for (int64_t k = 0; k < p.k; k += SLICE) {                                                   \
      LAZY_PHASE (t) {                                                                           \
        load_both_##dtype(&p, &tile, k, t, slices[0].sum, slices[1].sum);                        \
      }                                                                                          \
      LAZY_PHASE (t) {                                                                           \
        if (t < WORKERS && t / ACROSS * ROWS < tile.rows && t % ACROSS * COLUMNS < tile.columns) \
          multiply_##sum(LAZY_OWN_OF(sums, t), slices[0].sum, slices[1].sum, t,                  \
                         p.k - k < SLICE ? p.k - k : SLICE);                                     \
      }                                                                                          \
    }                                                                                            \
    LAZY_EACH_THREAD (t) {                                                                       \
      if (t < WORKERS) write_##dtype(&p, &tile, LAZY_OWN_OF(sums, t), t);                        \
    }                                                                                            \
  }                                                                                              \
  break;

LAZY_KERNEL(lazy_k_gemm) {
  LAZY_SHARED
  union {
    slice_f32 f32;
    slice_f64 f64;
  } slices[2];
  const uint64_t tiles = (uint64_t)((p.m + TILE - 1) / TILE * ((p.n + TILE - 1) / TILE) * p.batch);
  LAZY_EACH_TILE(at, tiles) {
    const gemm_tile tile = tile_at(&p, at);
    switch (p.dtype) {
      case LAZY_DTYPE_F64: GEMM_TILE(f64, f64, double)
      case LAZY_DTYPE_F32: GEMM_TILE(f32, f32, float)
      case LAZY_DTYPE_F16: GEMM_TILE(f16, f32, float)
      case LAZY_DTYPE_BF16: GEMM_TILE(bf16, f32, float)
    }
  }
}
