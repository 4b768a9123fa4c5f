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

/* Thread t's part of the slices from `k` on; what is outside the matrices is 0 (rows past the last worker's
   are not read at all). Neighbouring threads read along the stored rows. */
#define LOAD(dtype, sum)                                                                                     \
  LAZY_INLINE void load_##dtype(const struct lazy_k_gemm_params *p, const gemm_tile *tile, int64_t k,        \
                                uint32_t t, slice_##sum a, slice_##sum b) {                                  \
    const lazy_store_##dtype *from_a = LAZY_AT(const lazy_store_##dtype, p->a) + p->a_batch * tile->batch;   \
    const lazy_store_##dtype *from_b = LAZY_AT(const lazy_store_##dtype, p->b) + p->b_batch * tile->batch;   \
    const int64_t depth = p->k - k < SLICE ? p->k - k : SLICE;                                               \
    const int64_t used = (tile->rows + ROWS - 1) / ROWS * ROWS;                                              \
    for (uint32_t e = t; e < SLICE * TILE; e += LAZY_BLOCK) {                                                \
      const uint32_t i = p->a_transposed ? e % TILE : e / SLICE, j = p->a_transposed ? e / TILE : e % SLICE; \
      if (i < used) {                                                                                        \
        const int64_t row = tile->row + i, column = k + j;                                                   \
        const int64_t at = p->a_transposed ? column * p->a_row + row : row * p->a_row + column;              \
        a[j][i] = i < tile->rows && j < depth ? lazy_load_##dtype(from_a[at]) : 0;                           \
      }                                                                                                      \
    }                                                                                                        \
    for (uint32_t e = t; e < SLICE * TILE; e += LAZY_BLOCK) {                                                \
      const uint32_t i = p->b_transposed ? e % SLICE : e / TILE, j = p->b_transposed ? e / SLICE : e % TILE; \
      const int64_t row = k + i, column = tile->column + j;                                                  \
      const int64_t at = p->b_transposed ? column * p->b_row + row : row * p->b_row + column;                \
      b[i][j] = i < depth && j < tile->columns ? lazy_load_##dtype(from_b[at]) : 0;                          \
    }                                                                                                        \
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
typedef float lazy_f32x16 __attribute__((vector_size(4 * COLUMNS)));
typedef double lazy_f64x16 __attribute__((vector_size(8 * COLUMNS)));
#define MULTIPLY(sum, sum_t)                                                                              \
  LAZY_INLINE void multiply_##sum(sum_t *sums, slice_##sum a, slice_##sum b, uint32_t t, int64_t depth) { \
    const uint32_t row = t / ACROSS * ROWS, column = t % ACROSS * COLUMNS;                                \
    lazy_##sum##x16 s0, s1, s2, s3, across;                                                               \
    memcpy(&s0, sums, sizeof s0);                                                                         \
    memcpy(&s1, sums + COLUMNS, sizeof s1);                                                               \
    memcpy(&s2, sums + 2 * COLUMNS, sizeof s2);                                                           \
    memcpy(&s3, sums + 3 * COLUMNS, sizeof s3);                                                           \
    for (int64_t k = 0; k < depth; k++) {                                                                 \
      memcpy(&across, &b[k][column], sizeof across);                                                      \
      s0 += across * a[k][row];                                                                           \
      s1 += across * a[k][row + 1];                                                                       \
      s2 += across * a[k][row + 2];                                                                       \
      s3 += across * a[k][row + 3];                                                                       \
    }                                                                                                     \
    memcpy(sums, &s0, sizeof s0);                                                                         \
    memcpy(sums + COLUMNS, &s1, sizeof s1);                                                               \
    memcpy(sums + 2 * COLUMNS, &s2, sizeof s2);                                                           \
    memcpy(sums + 3 * COLUMNS, &s3, sizeof s3);                                                           \
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
        load_##dtype(&p, &tile, k, t, slices[0].sum, slices[1].sum);                             \
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
