/* Tiles' moments become groups' (Chan's way of joining two samples), in the order of the tiles; running
   statistics take them in. */
#include "kernels/element.cuh"

LAZY_INLINE double moments_running_f64(uint64_t at, uint64_t i, uint8_t dtype) {
  switch (dtype) {
    case LAZY_DTYPE_F64: return LAZY_AT(const double, at)[i];
    case LAZY_DTYPE_F16: return lazy_load_f16(LAZY_AT(const uint16_t, at)[i]);
    case LAZY_DTYPE_BF16: return lazy_load_bf16(LAZY_AT(const uint16_t, at)[i]);
    default: return LAZY_AT(const float, at)[i];
  }
}
LAZY_INLINE float moments_running_f32(uint64_t at, uint64_t i, uint8_t dtype) {
  return (float)moments_running_f64(at, i, dtype);
}

/* (1 - factor) * running + factor * found, rounded once. */
#define MOMENTS_UPDATE(sum, sum_t)                                                                           \
  LAZY_INLINE void moments_update_##sum(uint64_t at, uint64_t i, uint8_t dtype, sum_t factor, sum_t found) { \
    const sum_t value = (1 - factor) * moments_running_##sum(at, i, dtype) + factor * found;                 \
    switch (dtype) {                                                                                         \
      case LAZY_DTYPE_F64: LAZY_AT(double, at)[i] = lazy_##sum##_as_f64(value); break;                       \
      case LAZY_DTYPE_F16: LAZY_AT(uint16_t, at)[i] = lazy_##sum##_as_f16(value); break;                     \
      case LAZY_DTYPE_BF16: LAZY_AT(uint16_t, at)[i] = lazy_##sum##_as_bf16(value); break;                   \
      default: LAZY_AT(float, at)[i] = lazy_##sum##_as_f32(value); break;                                    \
    }                                                                                                        \
  }
MOMENTS_UPDATE(f64, double)
MOMENTS_UPDATE(f32, float)

#define MOMENTS_MERGE(sum, sum_t)                                                                           \
  LAZY_INLINE void moments_take_##sum(const struct lazy_k_moments_merge_params *p, uint64_t channel) {      \
    LAZY_AT(sum_t, p->mean)[channel] = moments_running_##sum(p->running_mean, channel, p->running_dtype);   \
    LAZY_AT(sum_t, p->rstd)                                                                                 \
    [channel] = 1 / lazy_sqrt_##sum(moments_running_##sum(p->running_var, channel, p->running_dtype) +      \
                                    (sum_t)p->eps);                                                         \
  }                                                                                                         \
  LAZY_INLINE void moments_merge_##sum(const struct lazy_k_moments_merge_params *p, uint64_t channel) {     \
    const uint64_t groups = p->channels * p->repeats;                                                       \
    sum_t mean_sum = 0, square_sum = 0;                                                                     \
    for (uint64_t group = channel; group < groups; group += p->channels) {                                  \
      const sum_t *partial = LAZY_AT(const sum_t, p->partials) + 2 * group;                                 \
      sum_t before = 0, mean = 0, squares = 0;                                                              \
      for (uint64_t first = 0; first < p->elements; first += LAZY_MOMENTS_TILE, partial += 2 * groups) {    \
        const uint64_t left = p->elements - first;                                                          \
        const sum_t more = (sum_t)(left < LAZY_MOMENTS_TILE ? left : LAZY_MOMENTS_TILE), n = before + more; \
        const sum_t share = more / n, delta = partial[0] - mean;                                            \
        mean += delta * share;                                                                              \
        squares += partial[1] + delta * delta * (before * share);                                           \
        before = n;                                                                                         \
      }                                                                                                     \
      LAZY_AT(sum_t, p->mean)[group] = mean;                                                                \
      LAZY_AT(sum_t, p->rstd)[group] = 1 / lazy_sqrt_##sum(squares / (sum_t)p->elements + (sum_t)p->eps);   \
      mean_sum += mean;                                                                                     \
      square_sum += squares;                                                                                \
    }                                                                                                       \
    if (p->running_mean != 0) {                                                                             \
      const sum_t repeats = (sum_t)p->repeats;                                                              \
      const sum_t factor =                                                                                  \
          p->counter != 0 ? 1 / (sum_t)LAZY_AT(const int64_t, p->counter)[0] : (sum_t)p->momentum;          \
      moments_update_##sum(p->running_mean, channel, p->running_dtype, factor, mean_sum / repeats);         \
      moments_update_##sum(p->running_var, channel, p->running_dtype, factor,                               \
                           square_sum / (repeats * (sum_t)(p->elements - 1)));                              \
    }                                                                                                       \
  }
MOMENTS_MERGE(f64, double)
MOMENTS_MERGE(f32, float)

LAZY_KERNEL(lazy_k_moments_merge) {
  LAZY_GRID_FOR (channel, p.channels) {
    if (p.partials == 0) {
      if (p.dtype == LAZY_DTYPE_F64) moments_take_f64(&p, channel);
      else moments_take_f32(&p, channel);
    } else if (p.dtype == LAZY_DTYPE_F64) {
      moments_merge_f64(&p, channel);
    } else {
      moments_merge_f32(&p, channel);
    }
  }
}
