/* softmax and its logarithm of many rows side by side: a row to a thread, on the host COLUMNS rows at once.

   Of each row the largest element, the sum of e^(x - largest) in the row's order, the results. What is NaN
   becomes so by arithmetic, as in softmax.cu. */
#include "kernels/element.cuh"
#include "kernels/index.cuh"
#include "kernels/math.cuh"

#ifdef __CUDACC__
#define COLUMNS 1
#else
#define COLUMNS 64
#endif

/* `n` rows, at most COLUMNS; row r's elements begin at r * next and are `step` apart. */
#define SOFTMAX_MANY(dtype, t_, real)                                                                \
  LAZY_INLINE void load_columns_##dtype(const lazy_store_##dtype *LAZY_RESTRICT x, uint64_t next,    \
                                        uint64_t n, real *LAZY_RESTRICT values) {                    \
    if (next == 1)                                                                                   \
      for (uint64_t r = 0; r < n; r++) values[r] = lazy_load_##dtype(x[r]);                          \
    else                                                                                             \
      for (uint64_t r = 0; r < n; r++) values[r] = lazy_load_##dtype(x[r * next]);                   \
  }                                                                                                  \
  LAZY_INLINE void softmax_many_##dtype(lazy_store_##dtype *LAZY_RESTRICT y,                         \
                                        const lazy_store_##dtype *LAZY_RESTRICT x, uint64_t length,  \
                                        uint64_t next, uint64_t step, uint64_t n, int log) {         \
    real largest[COLUMNS], sums[COLUMNS], values[COLUMNS];                                           \
    lazy_store_##dtype results[COLUMNS];                                                             \
    for (uint64_t r = 0; r < n; r++) largest[r] = -(real)INFINITY, sums[r] = 0;                      \
    for (uint64_t j = 0; j < length; j++) {                                                          \
      load_columns_##dtype(x + j * step, next, n, values);                                           \
      for (uint64_t r = 0; r < n; r++) largest[r] = largest[r] < values[r] ? values[r] : largest[r]; \
    }                                                                                                \
    for (uint64_t j = 0; j < length; j++) {                                                          \
      load_columns_##dtype(x + j * step, next, n, values);                                           \
      for (uint64_t r = 0; r < n; r++) sums[r] += lazy_exp_##t_(values[r] - largest[r]);             \
    }                                                                                                \
    if (log)                                                                                         \
      for (uint64_t r = 0; r < n; r++) sums[r] = lazy_log_##t_(sums[r]);                             \
    for (uint64_t j = 0; j < length; j++) {                                                          \
      load_columns_##dtype(x + j * step, next, n, values);                                           \
      if (log)                                                                                       \
        for (uint64_t r = 0; r < n; r++)                                                             \
          results[r] = lazy_##t_##_as_##dtype(values[r] - largest[r] - sums[r]);                     \
      else                                                                                           \
        for (uint64_t r = 0; r < n; r++)                                                             \
          results[r] = lazy_##t_##_as_##dtype(lazy_exp_##t_(values[r] - largest[r]) / sums[r]);      \
      for (uint64_t r = 0; r < n; r++) y[j * step + r * next] = results[r];                          \
    }                                                                                                \
  }
SOFTMAX_MANY(f64, f64, double)
SOFTMAX_MANY(f32, f32, float)
SOFTMAX_MANY(f16, f32, float)
SOFTMAX_MANY(bf16, f32, float)

#define SOFTMAX_CASE(dtype)                                                                                \
  softmax_many_##dtype(LAZY_AT(lazy_store_##dtype, p.y) + start,                                           \
                       LAZY_AT(const lazy_store_##dtype, p.x) + start, p.length, next, p.inner, n, p.log); \
  break;

LAZY_KERNEL_OF_FEW_BLOCKS(lazy_k_softmax_many) {
  /* contiguous rows follow each other, all of them; others do as far as `inner` goes */
  const uint64_t next = p.inner == 1 ? p.length : 1;
  LAZY_GRID_ROWS(i, run, p.inner == 1 ? p.rows : p.inner, p.rows) {
    for (uint64_t done = 0; done < run; done += COLUMNS) {
      const uint64_t n = run - done < COLUMNS ? run - done : COLUMNS;
      uint64_t start = i + done;
      const uint64_t column = lazy_index_split(&start, p.inner);
      start = start * p.length * p.inner + column;
      switch (p.dtype) {
        case LAZY_DTYPE_F64: SOFTMAX_CASE(f64)
        case LAZY_DTYPE_F32: SOFTMAX_CASE(f32)
        case LAZY_DTYPE_F16: SOFTMAX_CASE(f16)
        case LAZY_DTYPE_BF16: SOFTMAX_CASE(bf16)
      }
    }
  }
}
