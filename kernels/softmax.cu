/* softmax and its logarithm of long rows: a row to a block, LAZY_BLOCK lanes side by side.

   Three walks: the largest element, the sum of e^(x - largest), the results. Lane t has every LAZY_BLOCK-th
   element; lanes fold in halves, so that neither grid nor vectors show in the result. A row with a NaN,
   +infinity or nothing but -infinity becomes NaN, by arithmetic. */
#include "kernels/element.cuh"
#include "kernels/index.cuh"
#include "kernels/math.cuh"

/* `run` lanes from t on; `step` is a constant 1 where rows are contiguous. */
#define SOFTMAX_LANES(dtype, t_, real)                                                                      \
  LAZY_INLINE void largest_lanes_##dtype(const lazy_store_##dtype *LAZY_RESTRICT x, uint64_t length,        \
                                         uint64_t step, uint32_t t, uint32_t run,                           \
                                         real *LAZY_RESTRICT largest) {                                     \
    for (uint32_t j = t; j < t + run; j++) largest[j] = -(real)INFINITY;                                    \
    for (uint64_t first = 0; first < length; first += LAZY_BLOCK) {                                         \
      const uint32_t last = length - first < t + run ? (uint32_t)(length - first) : t + run;                \
      for (uint32_t j = t; j < last; j++) {                                                                 \
        const real v = lazy_load_##dtype(x[(first + j) * step]);                                            \
        largest[j] = largest[j] < v ? v : largest[j];                                                       \
      }                                                                                                     \
    }                                                                                                       \
  }                                                                                                         \
  LAZY_INLINE void sum_lanes_##dtype(const lazy_store_##dtype *LAZY_RESTRICT x, uint64_t length,            \
                                     uint64_t step, real most, uint32_t t, uint32_t run,                    \
                                     real *LAZY_RESTRICT sums) {                                            \
    for (uint32_t j = t; j < t + run; j++) sums[j] = 0;                                                     \
    for (uint64_t first = 0; first < length; first += LAZY_BLOCK) {                                         \
      const uint32_t last = length - first < t + run ? (uint32_t)(length - first) : t + run;                \
      for (uint32_t j = t; j < last; j++)                                                                   \
        sums[j] += lazy_exp_##t_(lazy_load_##dtype(x[(first + j) * step]) - most);                          \
    }                                                                                                       \
  }                                                                                                         \
  LAZY_INLINE void result_lanes_##dtype(                                                                    \
      lazy_store_##dtype *LAZY_RESTRICT y, const lazy_store_##dtype *LAZY_RESTRICT x, uint64_t length,      \
      uint64_t step, real most, real sum, int log, uint32_t t, uint32_t run) {                              \
    const real log_sum = log ? lazy_log_##t_(sum) : 0;                                                      \
    for (uint64_t first = 0; first < length; first += LAZY_BLOCK) {                                         \
      const uint32_t last = length - first < t + run ? (uint32_t)(length - first) : t + run;                \
      if (log)                                                                                              \
        for (uint32_t j = t; j < last; j++)                                                                 \
          y[(first + j) * step] =                                                                           \
              lazy_##t_##_as_##dtype(lazy_load_##dtype(x[(first + j) * step]) - most - log_sum);            \
      else                                                                                                  \
        for (uint32_t j = t; j < last; j++)                                                                 \
          y[(first + j) * step] =                                                                           \
              lazy_##t_##_as_##dtype(lazy_exp_##t_(lazy_load_##dtype(x[(first + j) * step]) - most) / sum); \
    }                                                                                                       \
  }
SOFTMAX_LANES(f64, f64, double)
SOFTMAX_LANES(f32, f32, float)
SOFTMAX_LANES(f16, f32, float)
SOFTMAX_LANES(bf16, f32, float)

/* The upper half joins the lower. */
#define SOFTMAX_FOLDS(t_, real)                                                                \
  LAZY_INLINE void fold_largest_##t_(real *largest, uint32_t half, uint32_t t, uint32_t run) { \
    const uint32_t last = t + run < half ? t + run : half;                                     \
    for (uint32_t j = t; j < last; j++)                                                        \
      largest[j] = largest[j] < largest[half + j] ? largest[half + j] : largest[j];            \
  }                                                                                            \
  LAZY_INLINE void fold_sums_##t_(real *sums, uint32_t half, uint32_t t, uint32_t run) {       \
    const uint32_t last = t + run < half ? t + run : half;                                     \
    for (uint32_t j = t; j < last; j++) sums[j] += sums[half + j];                             \
  }
SOFTMAX_FOLDS(f64, double)
SOFTMAX_FOLDS(f32, float)

#define SOFTMAX_FOLD(what, t_)                                                    \
  for (uint32_t half = LAZY_BLOCK / 2; half > 0; half /= 2) {                     \
    LAZY_PHASE_RUNS(t, run) { fold_##what##_##t_(memory.t_.what, half, t, run); } \
  }

#define SOFTMAX_ROW(dtype, t_)                                                                           \
  {                                                                                                      \
    const lazy_store_##dtype *x = LAZY_AT(const lazy_store_##dtype, p.x) + start;                        \
    lazy_store_##dtype *y = LAZY_AT(lazy_store_##dtype, p.y) + start;                                    \
    LAZY_PHASE_RUNS(t, run) {                                                                            \
      if (p.inner == 1) largest_lanes_##dtype(x, p.length, 1, t, run, memory.t_.largest);                \
      else largest_lanes_##dtype(x, p.length, p.inner, t, run, memory.t_.largest);                       \
    }                                                                                                    \
    SOFTMAX_FOLD(largest, t_)                                                                            \
    LAZY_PHASE_RUNS(t, run) {                                                                            \
      if (p.inner == 1) sum_lanes_##dtype(x, p.length, 1, memory.t_.largest[0], t, run, memory.t_.sums); \
      else sum_lanes_##dtype(x, p.length, p.inner, memory.t_.largest[0], t, run, memory.t_.sums);        \
    }                                                                                                    \
    SOFTMAX_FOLD(sums, t_)                                                                               \
    LAZY_PHASE_RUNS(t, run) {                                                                            \
      if (p.inner == 1)                                                                                  \
        result_lanes_##dtype(y, x, p.length, 1, memory.t_.largest[0], memory.t_.sums[0], p.log, t, run); \
      else                                                                                               \
        result_lanes_##dtype(y, x, p.length, p.inner, memory.t_.largest[0], memory.t_.sums[0], p.log, t, \
                             run);                                                                       \
    }                                                                                                    \
  }                                                                                                      \
  break;

LAZY_KERNEL_OF_FEW_BLOCKS(lazy_k_softmax) {
  LAZY_SHARED
  union {
    struct {
      float largest[LAZY_BLOCK], sums[LAZY_BLOCK];
    } f32;
    struct {
      double largest[LAZY_BLOCK], sums[LAZY_BLOCK];
    } f64;
  } memory;
  LAZY_EACH_TILE(row, p.rows) {
    uint64_t start = row;
    const uint64_t column = lazy_index_split(&start, p.inner);
    start = start * p.length * p.inner + column;
    switch (p.dtype) {
      case LAZY_DTYPE_F64: SOFTMAX_ROW(f64, f64)
      case LAZY_DTYPE_F32: SOFTMAX_ROW(f32, f32)
      case LAZY_DTYPE_F16: SOFTMAX_ROW(f16, f32)
      case LAZY_DTYPE_BF16: SOFTMAX_ROW(bf16, f32)
    }
  }
}
