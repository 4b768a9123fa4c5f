/* The largest element or the average of every window: max and average pools, adaptive or not, in up to three
   dims.

   An output takes its window's elements in the order of the input, whoever computes it. The host goes over a
   row of outputs once for every place of the window, so that neighbours share a loop that vectorises. */
#include "kernels/element.cuh"
#include "kernels/index.cuh"

/* Outputs of a row side by side. */
#ifdef __CUDACC__
#define POOL_LANES 1
#else
#define POOL_LANES 64
#endif

/* Places [first, last) of the input along an axis, `step` apart, and how many an average divides by. */
typedef struct pool_window {
  int64_t first, last, step, counted;
} pool_window;

LAZY_INLINE pool_window pool_window_at(const struct lazy_k_pool_params *p, int axis, int64_t o) {
  pool_window w = {0, 0, 1, 0};
  if (p->adaptive) {
    uint64_t first = (uint64_t)(o * p->in[axis]), last = (uint64_t)((o + 1) * p->in[axis] + p->out[axis] - 1);
    lazy_index_split(&first, (uint64_t)p->out[axis]);
    lazy_index_split(&last, (uint64_t)p->out[axis]);
    w.first = (int64_t)first;
    w.last = (int64_t)last;
    w.counted = w.last - w.first;
  } else {
    const int64_t begin = o * p->stride[axis] - p->padding[axis], in = p->in[axis];
    int64_t end = begin + (p->kernel[axis] - 1) * p->dilation[axis] + 1;
    w.first = begin;
    w.step = p->dilation[axis];
    if (begin < 0) w.first += (-begin + w.step - 1) / w.step * w.step;
    w.last = end < in ? end : in;
    if (end > in + p->padding[axis]) end = in + p->padding[axis];
    w.counted = p->count_padding ? end - begin : w.last - w.first;
  }
  return w;
}

/* NaN is larger than everything, as in PyTorch; a window without an element gives -infinity. */
#define POOL_MAX(best, v)  ((v) > (best) || (v) != (v) ? (v) : (best))
#define POOL_SUM(sum, v)   ((sum) + (v))
#define POOL_START_max     (-INFINITY)
#define POOL_START_average 0

/* Takes row `x` of the input into outputs [o, o + n) of a row. */
#ifdef __CUDACC__
#define POOL_TAKE_ROW(name, TAKE, dtype, sum_t)                                                 \
  LAZY_INLINE void pool_row_##name##_##dtype(const struct lazy_k_pool_params *p,                \
                                             const lazy_store_##dtype *x, int64_t o, int64_t n, \
                                             sum_t *values) {                                   \
    pool_spans_##name##_##dtype(p, x, o, n, values);                                            \
  }
#else
#define POOL_TAKE_ROW(name, TAKE, dtype, sum_t)                                                  \
  LAZY_INLINE void pool_row_##name##_##dtype(const struct lazy_k_pool_params *p,                 \
                                             const lazy_store_##dtype *x, int64_t o, int64_t n,  \
                                             sum_t *values) {                                    \
    if (p->adaptive) {                                                                           \
      pool_spans_##name##_##dtype(p, x, o, n, values);                                           \
      return;                                                                                    \
    }                                                                                            \
    const int64_t stride = p->stride[2], step = p->dilation[2], at = o * stride - p->padding[2]; \
    /* places of the window that lie in the input for one of the outputs */                      \
    const int64_t before = -at - (n - 1) * stride, behind = p->in[2] - at;                       \
    const int64_t low = before > 0 ? (before + step - 1) / step : 0;                             \
    const int64_t most = behind > 0 ? (behind + step - 1) / step : 0;                            \
    const int64_t high = most < p->kernel[2] ? most : p->kernel[2];                              \
    for (int64_t k = low; k < high; k++) {                                                       \
      /* output o + j reads x[begin + j * stride] */                                             \
      const int64_t begin = at + k * step, past = p->in[2] - begin;                              \
      const int64_t first = begin < 0 ? (-begin + stride - 1) / stride : 0;                      \
      const int64_t all = past > 0 ? (past + stride - 1) / stride : 0, last = all < n ? all : n; \
      if (stride == 1)                                                                           \
        for (int64_t j = first; j < last; j++) {                                                 \
          const sum_t v = lazy_load_##dtype(x[begin + j]);                                       \
          values[j] = TAKE(values[j], v);                                                        \
        }                                                                                        \
      else                                                                                       \
        for (int64_t j = first; j < last; j++) {                                                 \
          const sum_t v = lazy_load_##dtype(x[begin + j * stride]);                              \
          values[j] = TAKE(values[j], v);                                                        \
        }                                                                                        \
    }                                                                                            \
  }
#endif

#define POOL(name, TAKE, dtype, sum, sum_t)                                                                \
  LAZY_INLINE void pool_spans_##name##_##dtype(const struct lazy_k_pool_params *p,                         \
                                               const lazy_store_##dtype *x, int64_t o, int64_t n,          \
                                               sum_t *values) {                                            \
    for (int64_t j = 0; j < n; j++) {                                                                      \
      const pool_window w = pool_window_at(p, 2, o + j);                                                   \
      LAZY_UNROLL_ONCE for (int64_t at = w.first; at < w.last; at += w.step) {                             \
        const sum_t v = lazy_load_##dtype(x[at]);                                                          \
        values[j] = TAKE(values[j], v);                                                                    \
      }                                                                                                    \
    }                                                                                                      \
  }                                                                                                        \
  POOL_TAKE_ROW(name, TAKE, dtype, sum_t)                                                                  \
  /* Outputs [i, i + n), which are [o, o + n) of their row. */                                             \
  LAZY_INLINE void pool_##name##_##dtype(const struct lazy_k_pool_params *p, uint64_t i, int64_t n) {      \
    uint64_t at = i;                                                                                       \
    const int64_t o = (int64_t)lazy_index_split(&at, (uint64_t)p->out[2]);                                 \
    const pool_window h = pool_window_at(p, 1, (int64_t)lazy_index_split(&at, (uint64_t)p->out[1]));       \
    const pool_window d = pool_window_at(p, 0, (int64_t)lazy_index_split(&at, (uint64_t)p->out[0]));       \
    const lazy_store_##dtype *x =                                                                          \
        LAZY_AT(const lazy_store_##dtype, p->x) + (int64_t)at * p->in[0] * p->in[1] * p->in[2];            \
    lazy_store_##dtype *y = LAZY_AT(lazy_store_##dtype, p->y) + i;                                         \
    sum_t values[POOL_LANES];                                                                              \
    for (int64_t j = 0; j < n; j++) values[j] = POOL_START_##name;                                         \
    LAZY_UNROLL_ONCE for (int64_t z = d.first; z < d.last; z += d.step)                                    \
        LAZY_UNROLL_ONCE for (int64_t r = h.first; r < h.last; r += h.step)                                \
            pool_row_##name##_##dtype(p, x + (z * p->in[1] + r) * p->in[2], o, n, values);                 \
    for (int64_t j = 0; j < n; j++)                                                                        \
      y[j] = lazy_##sum##_as_##dtype(pool_end_##name##_##sum(p, d.counted * h.counted, o + j, values[j])); \
  }

#define POOL_ENDS(sum, sum_t)                                                                              \
  LAZY_INLINE sum_t pool_end_max_##sum(const struct lazy_k_pool_params *p, int64_t counted, int64_t o,     \
                                       sum_t best) {                                                       \
    (void)p, (void)counted, (void)o;                                                                       \
    return best;                                                                                           \
  }                                                                                                        \
  LAZY_INLINE sum_t pool_end_average_##sum(const struct lazy_k_pool_params *p, int64_t counted, int64_t o, \
                                           sum_t total) {                                                  \
    const sum_t divisor =                                                                                  \
        p->divisor != 0 ? (sum_t)p->divisor : (sum_t)(counted * pool_window_at(p, 2, o).counted);          \
    return total / divisor;                                                                                \
  }
POOL_ENDS(f32, float)
POOL_ENDS(f64, double)

#define POOLS(dtype, sum, sum_t)         \
  POOL(max, POOL_MAX, dtype, sum, sum_t) \
  POOL(average, POOL_SUM, dtype, sum, sum_t)
POOLS(f64, f64, double)
POOLS(f32, f32, float)
POOLS(f16, f32, float)
POOLS(bf16, f32, float)

#define POOL_CASE(dtype)                                                       \
  if (p.kind == LAZY_POOL_MAX) pool_max_##dtype(&p, i + done, (int64_t)lanes); \
  else pool_average_##dtype(&p, i + done, (int64_t)lanes);                     \
  break;

LAZY_KERNEL_OF_FEW_BLOCKS(lazy_k_pool) {
  LAZY_GRID_ROWS(i, run, (uint64_t)p.out[2], p.count) {
    for (uint64_t done = 0, lanes; done < run; done += lanes) {
      lanes = run - done < POOL_LANES ? run - done : POOL_LANES;
      switch (p.dtype) {
        case LAZY_DTYPE_F64: POOL_CASE(f64)
        case LAZY_DTYPE_F32: POOL_CASE(f32)
        case LAZY_DTYPE_F16: POOL_CASE(f16)
        case LAZY_DTYPE_BF16: POOL_CASE(bf16)
      }
    }
  }
}
