/* y = (x - mean) * rstd * weight + bias: the second half of every norm. */
#include "kernels/element.cuh"
#include "kernels/index.cuh"

#define NORMALIZE_ROWS(dtype, sum, sum_t)                                                                    \
  /* Statistics, weight and bias of the row. */                                                              \
  LAZY_INLINE void normalize_row_##dtype(lazy_store_##dtype *LAZY_RESTRICT y,                                \
                                         const lazy_store_##dtype *LAZY_RESTRICT x, sum_t mean, sum_t scale, \
                                         sum_t shift, uint64_t n) {                                          \
    for (uint64_t j = 0; j < n; j++)                                                                         \
      y[j] = lazy_##sum##_as_##dtype((lazy_load_##dtype(x[j]) - mean) * scale + shift);                      \
  }                                                                                                          \
  /* Statistics of the row, weight and bias of each element. */                                              \
  LAZY_INLINE void normalize_affine_##dtype(                                                                 \
      lazy_store_##dtype *LAZY_RESTRICT y, const lazy_store_##dtype *LAZY_RESTRICT x, sum_t mean,            \
      sum_t rstd, const sum_t *weight, const sum_t *bias, uint64_t n) {                                      \
    if (weight && bias)                                                                                      \
      for (uint64_t j = 0; j < n; j++)                                                                       \
        y[j] = lazy_##sum##_as_##dtype((lazy_load_##dtype(x[j]) - mean) * rstd * weight[j] + bias[j]);       \
    else if (weight)                                                                                         \
      for (uint64_t j = 0; j < n; j++)                                                                       \
        y[j] = lazy_##sum##_as_##dtype((lazy_load_##dtype(x[j]) - mean) * rstd * weight[j]);                 \
    else normalize_row_##dtype(y, x, mean, rstd, 0, n);                                                      \
  }                                                                                                          \
  /* All of each element. */                                                                                 \
  LAZY_INLINE void normalize_all_##dtype(                                                                    \
      lazy_store_##dtype *LAZY_RESTRICT y, const lazy_store_##dtype *LAZY_RESTRICT x, const sum_t *mean,     \
      const sum_t *rstd, const sum_t *weight, const sum_t *bias, uint64_t n) {                               \
    if (weight && bias)                                                                                      \
      for (uint64_t j = 0; j < n; j++)                                                                       \
        y[j] =                                                                                               \
            lazy_##sum##_as_##dtype((lazy_load_##dtype(x[j]) - mean[j]) * (rstd[j] * weight[j]) + bias[j]);  \
    else if (weight)                                                                                         \
      for (uint64_t j = 0; j < n; j++)                                                                       \
        y[j] = lazy_##sum##_as_##dtype((lazy_load_##dtype(x[j]) - mean[j]) * (rstd[j] * weight[j]));         \
    else                                                                                                     \
      for (uint64_t j = 0; j < n; j++)                                                                       \
        y[j] = lazy_##sum##_as_##dtype((lazy_load_##dtype(x[j]) - mean[j]) * rstd[j]);                       \
  }
NORMALIZE_ROWS(f64, f64, double)
NORMALIZE_ROWS(f32, f32, float)
NORMALIZE_ROWS(f16, f32, float)
NORMALIZE_ROWS(bf16, f32, float)

#define NORMALIZE_CASE(dtype, sum_t)                                                                 \
  {                                                                                                  \
    const sum_t *mean = LAZY_AT(const sum_t, p.mean), *rstd = LAZY_AT(const sum_t, p.rstd);          \
    const sum_t *weight = p.weight ? LAZY_AT(const sum_t, p.weight) : 0;                             \
    const sum_t *bias = p.bias ? LAZY_AT(const sum_t, p.bias) : 0;                                   \
    lazy_store_##dtype *y = LAZY_AT(lazy_store_##dtype, p.y) + i;                                    \
    const lazy_store_##dtype *x = LAZY_AT(const lazy_store_##dtype, p.x) + i;                        \
    if (p.by_element == LAZY_NORM_ALL_BY_ELEMENT)                                                    \
      normalize_all_##dtype(y, x, mean + column, rstd + column, weight ? weight + column : 0,        \
                            bias ? bias + column : 0, run);                                          \
    else if (p.by_element == LAZY_NORM_AFFINE_BY_ELEMENT)                                            \
      normalize_affine_##dtype(y, x, mean[group], rstd[group], weight ? weight + column : 0,         \
                               bias ? bias + column : 0, run);                                       \
    else                                                                                             \
      normalize_row_##dtype(y, x, mean[group], weight ? rstd[group] * weight[channel] : rstd[group], \
                            bias ? bias[channel] : 0, run);                                          \
  }                                                                                                  \
  break;

LAZY_KERNEL(lazy_k_normalize) {
  LAZY_GRID_ROWS(i, run, p.inner, p.count) {
    uint64_t row = i, group = 0, channel = 0;
    const uint64_t column = lazy_index_split(&row, p.inner);
    if (p.by_element != LAZY_NORM_ALL_BY_ELEMENT) {
      uint64_t left = row;
      if (p.divide > 1) lazy_index_split(&left, p.divide);
      group = left < p.modulo ? left : lazy_index_split(&left, p.modulo);
      left = row;
      channel = row < p.affine_modulo ? row : lazy_index_split(&left, p.affine_modulo);
    }
    switch (p.dtype) {
      case LAZY_DTYPE_F64: NORMALIZE_CASE(f64, double)
      case LAZY_DTYPE_F32: NORMALIZE_CASE(f32, float)
      case LAZY_DTYPE_F16: NORMALIZE_CASE(f16, float)
      case LAZY_DTYPE_BF16: NORMALIZE_CASE(bf16, float)
    }
  }
}
