/* How elements of a segment are drawn, whatever part of it: a rule for each distribution and element type,
   which makes `n` elements from number `e` on, e a multiple of 4. On the GPU n is a whole lot. */
#ifndef LAZYRT_KERNELS_INIT_RULES_CUH
#define LAZYRT_KERNELS_INIT_RULES_CUH

#include <lazyrt/types.h>

#include "kernels/key.h"
#include "kernels/lot.cuh"
#include "kernels/truncated.cuh"

/* The last segment that starts at or before `tile`. Tiles mostly come in order, `from` is the last answer. */
LAZY_INLINE uint32_t find_segment(const struct lazy_init_segment *segments, uint32_t count, uint32_t from,
                                  uint64_t tile) {
  uint32_t low = segments[from].first_tile <= tile ? from : 0, high = count;
  for (uint32_t step = 1; step <= 2; step++) {
    if (low + 1 == high || segments[low + 1].first_tile > tile) return low;
    low++;
  }
  while (high - low > 1) {
    const uint32_t middle = low + (high - low) / 2;
    if (segments[middle].first_tile <= tile) low = middle;
    else high = middle;
  }
  return low;
}

/* Lots of a uniform side by side: without conversion of pairs, two would cost the fourth block its registers.
 */
#if defined __CUDACC__ && defined __CUDA_ARCH__ && __CUDA_ARCH__ < 800
#define UNIFORM_AT_ONCE 1
#else
#define UNIFORM_AT_ONCE 2
#endif

/* How a value of the stream, computed in f32 and never NaN, becomes an element. */
LAZY_INLINE float f32_of(float x) { return x; }
LAZY_INLINE uint16_t f16_of(float x) { return lazy_finite_to_f16(x); }
LAZY_INLINE uint16_t bf16_of(float x) { return lazy_finite_to_bf16(x); }
#if defined __CUDACC__ && __CUDA_ARCH__ >= 800
LAZY_INLINE void f32_pair(float *values, float a, float b) { values[0] = a, values[1] = b; }
LAZY_INLINE void f16_pair(uint16_t *values, float a, float b) {
  uint32_t pair;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(b), "f"(a));
  memcpy(values, &pair, sizeof pair);
}
LAZY_INLINE void bf16_pair(uint16_t *values, float a, float b) {
  uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(b), "f"(a));
  memcpy(values, &pair, sizeof pair);
}
/* All of a lot: two are one instruction. */
#define EACH_OF(name, values, n, i, x)                                                               \
  {                                                                                                  \
    float drawn[LAZY_LOT];                                                                           \
    LAZY_UNROLL for (uint64_t i = 0; i < n; i++) drawn[i] = x;                                       \
    LAZY_UNROLL for (uint64_t i = 0; i < n; i += 2) name##_pair(values + i, drawn[i], drawn[i + 1]); \
  }
#else
#define EACH_OF(name, values, n, i, x) LAZY_UNROLL for (uint64_t i = 0; i < n; i++) values[i] = name##_of(x);
#endif

#define CONSTANT_RULE(name, T)                                                        \
  LAZY_INLINE void constant_##name(T *LAZY_RESTRICT values, uint64_t n, T constant) { \
    LAZY_UNROLL for (uint64_t i = 0; i < n; i++) values[i] = constant;                \
  }
CONSTANT_RULE(8, uint8_t)
CONSTANT_RULE(16, uint16_t)
CONSTANT_RULE(32, uint32_t)
CONSTANT_RULE(64, uint64_t)

/* center + [-h, h] where scale = h 2^-31. */
#define UNIFORM_RULE(name, T)                                                                      \
  LAZY_INLINE void uniform_##name(T *LAZY_RESTRICT values, uint64_t n, const lazy_philox_key *key, \
                                  uint64_t e, float center, float scale) {                         \
    uint32_t words[LAZY_LOT];                                                                      \
    lazy_philox_lot(words, key, e >> 2, 0, (n + 3) >> 2);                                          \
    EACH_OF(name, values, n, i, (float)(int32_t)words[i] * scale + center)                         \
  }
UNIFORM_RULE(f32, float)
UNIFORM_RULE(f16, uint16_t)
UNIFORM_RULE(bf16, uint16_t)

/* The same from 64-bit words, scale = h 2^-63: a block has two, low halves first. */
LAZY_INLINE void uniform_f64(double *LAZY_RESTRICT values, uint64_t n, const lazy_philox_key *key, uint64_t e,
                             double center, double scale) {
  LAZY_UNROLL for (uint64_t half = 0; half < n; half += LAZY_LOT / 2) {
    const uint64_t m = n - half < LAZY_LOT / 2 ? n - half : LAZY_LOT / 2;
    uint32_t words[LAZY_LOT];
    lazy_philox_lot(words, key, (e + half) >> 1, 0, (m + 1) >> 1);
    LAZY_UNROLL for (uint64_t i = 0; i < m; i++) {
      values[half + i] = lazy_words_to_f64(words[2 * i], words[2 * i + 1]) * scale + center;
    }
  }
}

/* mean + std z, multiplied and added with a rounding each. */
#define NORMAL_RULE(name, T)                                                                      \
  LAZY_INLINE void normal_##name(T *LAZY_RESTRICT values, uint64_t n, const lazy_philox_key *key, \
                                 uint64_t e, float mean, float std) {                             \
    float normal[LAZY_LOT];                                                                       \
    lazy_normal_lot_f32(normal, key, e, (n + 3) >> 2);                                            \
    EACH_OF(name, values, n, i, normal[i] * std + mean)                                           \
  }
NORMAL_RULE(f32, float)
NORMAL_RULE(f16, uint16_t)
NORMAL_RULE(bf16, uint16_t)

LAZY_INLINE void normal_f64(double *LAZY_RESTRICT values, uint64_t n, const lazy_philox_key *key, uint64_t e,
                            double mean, double std) {
  LAZY_UNROLL for (uint64_t half = 0; half < n; half += LAZY_LOT / 2) {
    const uint64_t m = n - half < LAZY_LOT / 2 ? n - half : LAZY_LOT / 2;
    double normal[LAZY_LOT / 2];
    lazy_normal_lot_f64(normal, key, e + half, (m + 1) >> 1);
    LAZY_UNROLL for (uint64_t i = 0; i < m; i++) values[half + i] = normal[i] * std + mean;
  }
}

/* A normal that is cut off, from the words that a uniform takes. */
#define TRUNCATED_RULE(name, T)                                                                      \
  LAZY_INLINE void truncated_##name(T *LAZY_RESTRICT values, uint64_t n, const lazy_philox_key *key, \
                                    uint64_t e, const lazy_truncated_f32 *d) {                       \
    uint32_t words[LAZY_LOT];                                                                        \
    const lazy_truncated_f32 of = *d;                                                                \
    lazy_philox_lot(words, key, e >> 2, 0, (n + 3) >> 2);                                            \
    EACH_OF(name, values, n, i, lazy_truncated_value_f32(words[i], &of))                             \
  }
TRUNCATED_RULE(f32, float)
TRUNCATED_RULE(f16, uint16_t)
TRUNCATED_RULE(bf16, uint16_t)

#ifdef __CUDACC__
LAZY_INLINE double truncated_f64(const lazy_philox_key *key, uint64_t e, const lazy_truncated_f64 *d) {
  uint32_t words[4];
  lazy_philox_lot(words, key, e >> 1, 0, 1);
  const bool odd = (e & 1u) != 0;
  return lazy_truncated_value_f64(odd ? words[2] : words[0], odd ? words[3] : words[1], d);
}
#else
LAZY_INLINE void truncated_f64(double *LAZY_RESTRICT values, uint64_t n, const lazy_philox_key *key,
                               uint64_t e, const lazy_truncated_f64 *d) {
  const lazy_truncated_f64 of = *d;
  for (uint64_t half = 0; half < n; half += LAZY_LOT / 2) {
    const uint64_t m = n - half < LAZY_LOT / 2 ? n - half : LAZY_LOT / 2;
    uint32_t words[LAZY_LOT];
    lazy_philox_lot(words, key, (e + half) >> 1, 0, (m + 1) >> 1);
    for (uint64_t i = 0; i < m; i++)
      values[half + i] = lazy_truncated_value_f64(words[2 * i], words[2 * i + 1], &of);
  }
}
#endif

LAZY_INLINE uint64_t constant_bits(uint32_t dtype, double value) {
  switch (dtype) {
    case LAZY_DTYPE_F64: return lazy_f64_bits(value);
    case LAZY_DTYPE_F32: return lazy_f32_bits((float)value);
    case LAZY_DTYPE_F16: return lazy_f32_to_f16((float)value);
    case LAZY_DTYPE_BF16: return lazy_f32_to_bf16((float)value);
    case LAZY_DTYPE_I64: return (uint64_t)lazy_f64_to_i64(value);
    default: return lazy_f64_to_u8(value);
  }
}

/* Ends of a tile's work: FILL(T, rule) with `bits`, the constant as an element, or DRAW(T, rule, at_once,
   ...) with `key`, lots side by side and what the rule takes behind the element's number. DRAW_ONE is for a
   rule that on the GPU makes one element. */
#define LAZY_INIT_BY_RULE(segment, seed, FILL, DRAW, DRAW_ONE)                                     \
  if ((segment)->rule == LAZY_INIT_CONSTANT) {                                                     \
    const uint64_t bits = constant_bits((segment)->dtype, (segment)->a);                           \
    switch ((segment)->dtype) {                                                                    \
      case LAZY_DTYPE_F64:                                                                         \
      case LAZY_DTYPE_I64: FILL(uint64_t, constant_64) break;                                      \
      case LAZY_DTYPE_F32: FILL(uint32_t, constant_32) break;                                      \
      case LAZY_DTYPE_F16:                                                                         \
      case LAZY_DTYPE_BF16: FILL(uint16_t, constant_16) break;                                     \
      case LAZY_DTYPE_U8: FILL(uint8_t, constant_8) break;                                         \
    }                                                                                              \
  } else if ((segment)->rule == LAZY_INIT_UNIFORM) {                                               \
    const lazy_philox_key key = lazy_philox_prepare(lazy_key_mix((segment)->path_hash, seed));     \
    const double middle = (segment)->a, half = (segment)->b;                                       \
    const float center = (float)middle, scale = (float)(half * 0x1p-31);                           \
    switch ((segment)->dtype) {                                                                    \
      case LAZY_DTYPE_F64: DRAW(double, uniform_f64, 1, middle, half * 0x1p-63) break;             \
      case LAZY_DTYPE_F32: DRAW(float, uniform_f32, UNIFORM_AT_ONCE, center, scale) break;         \
      case LAZY_DTYPE_F16: DRAW(uint16_t, uniform_f16, UNIFORM_AT_ONCE, center, scale) break;      \
      case LAZY_DTYPE_BF16: DRAW(uint16_t, uniform_bf16, UNIFORM_AT_ONCE, center, scale) break;    \
    }                                                                                              \
  } else if ((segment)->rule == LAZY_INIT_NORMAL) {                                                \
    const lazy_philox_key key = lazy_philox_prepare(lazy_key_mix((segment)->path_hash, seed));     \
    const double middle = (segment)->a, deviation = (segment)->b;                                  \
    const float mean = (float)middle, std = (float)deviation;                                      \
    switch ((segment)->dtype) {                                                                    \
      case LAZY_DTYPE_F64: DRAW(double, normal_f64, 1, middle, deviation) break;                   \
      case LAZY_DTYPE_F32: DRAW(float, normal_f32, 1, mean, std) break;                            \
      case LAZY_DTYPE_F16: DRAW(uint16_t, normal_f16, 1, mean, std) break;                         \
      case LAZY_DTYPE_BF16: DRAW(uint16_t, normal_bf16, 1, mean, std) break;                       \
    }                                                                                              \
  } else if ((segment)->rule == LAZY_INIT_TRUNCATED) {                                             \
    const lazy_philox_key key = lazy_philox_prepare(lazy_key_mix((segment)->path_hash, seed));     \
    const struct lazy_init_cut *cut = &(segment)->cut;                                             \
    const lazy_truncated_f64 exact = {(segment)->a, (segment)->b, cut->low,  cut->high,            \
                                      cut->below,   cut->within,  cut->above};                     \
    const lazy_truncated_f32 single = {(float)exact.mean, (float)exact.std,   (float)exact.low,    \
                                       (float)exact.high, (float)exact.below, (float)exact.within, \
                                       (float)exact.above};                                        \
    switch ((segment)->dtype) {                                                                    \
      case LAZY_DTYPE_F64: DRAW_ONE(double, truncated_f64, 1, &exact) break;                       \
      case LAZY_DTYPE_F32: DRAW(float, truncated_f32, 1, &single) break;                           \
      case LAZY_DTYPE_F16: DRAW(uint16_t, truncated_f16, 1, &single) break;                        \
      case LAZY_DTYPE_BF16: DRAW(uint16_t, truncated_bf16, 1, &single) break;                      \
    }                                                                                              \
  }

#endif
