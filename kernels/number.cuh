/* Bits of numbers, and 16-bit floats: branch-free, the same result on every compiler and device. */
#ifndef LAZYRT_KERNELS_NUMBER_CUH
#define LAZYRT_KERNELS_NUMBER_CUH

#include "kernels/kernel.cuh"

#ifdef __CUDACC__

LAZY_INLINE uint32_t lazy_f32_bits(float x) { return __float_as_uint(x); }
LAZY_INLINE float lazy_bits_f32(uint32_t u) { return __uint_as_float(u); }
LAZY_INLINE uint64_t lazy_f64_bits(double x) { return (uint64_t)__double_as_longlong(x); }
LAZY_INLINE double lazy_bits_f64(uint64_t u) { return __longlong_as_double((long long)u); }
LAZY_INLINE float lazy_sqrt_f32(float x) { return __fsqrt_rn(x); }
LAZY_INLINE double lazy_sqrt_f64(double x) { return __dsqrt_rn(x); }

#else

#include <math.h>
#include <string.h>

LAZY_INLINE uint32_t lazy_f32_bits(float x) {
  uint32_t u;
  memcpy(&u, &x, sizeof u);
  return u;
}
LAZY_INLINE float lazy_bits_f32(uint32_t u) {
  float x;
  memcpy(&x, &u, sizeof x);
  return x;
}
LAZY_INLINE uint64_t lazy_f64_bits(double x) {
  uint64_t u;
  memcpy(&u, &x, sizeof u);
  return u;
}
LAZY_INLINE double lazy_bits_f64(uint64_t u) {
  double x;
  memcpy(&x, &u, sizeof x);
  return x;
}
LAZY_INLINE float lazy_sqrt_f32(float x) { return sqrtf(x); }
LAZY_INLINE double lazy_sqrt_f64(double x) { return sqrt(x); }

#endif

/* To bf16 (8 exponent bits, 7 of fraction), to nearest even. NaN keeps its sign and becomes quiet: 0x7fc0.
   The `finite` forms are for values that are known not to be NaN. */
LAZY_INLINE uint16_t lazy_finite_to_bf16(float x) {
  const uint32_t u = lazy_f32_bits(x);
  return (uint16_t)((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
}
LAZY_INLINE uint16_t lazy_f32_to_bf16(float x) {
  const uint32_t u = lazy_f32_bits(x);
  return (uint16_t)((u & 0x7fffffffu) > 0x7f800000u ? ((u >> 16) & 0x8000u) | 0x7fc0u
                                                    : lazy_finite_to_bf16(x));
}
LAZY_INLINE float lazy_bf16_to_f32(uint16_t h) { return lazy_bits_f32((uint32_t)h << 16); }

/* To f16 (5 exponent bits, 10 of fraction), to nearest even; from 65520 on, infinity. NaN becomes 0x7e00 and
   keeps its sign. */
LAZY_INLINE uint16_t lazy_finite_to_f16(float x) {
#ifdef __CUDACC__
  uint16_t h;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h) : "f"(x));
  return h;
#else
  const uint32_t bits = lazy_f32_bits(x), u = bits & 0x7fffffffu, sign = (bits >> 16) & 0x8000u;
  /* Below 2^-14 the sum with 0.5, whose last place is 2^-24, rounds as f16's subnormals do. */
  const uint32_t subnormal = lazy_f32_bits(lazy_bits_f32(u) + 0.5f) - 0x3f000000u;
  const uint32_t normal = (u - (112u << 23) + 0xfffu + ((u >> 13) & 1u)) >> 13;
  const uint32_t rounded = u < 0x38800000u ? subnormal : normal;
  return (uint16_t)(sign | (rounded < 0x7c00u ? rounded : 0x7c00u));
#endif
}
LAZY_INLINE uint16_t lazy_f32_to_f16(float x) {
  const uint32_t u = lazy_f32_bits(x);
  return (uint16_t)((u & 0x7fffffffu) > 0x7f800000u ? ((u >> 16) & 0x8000u) | 0x7e00u
                                                    : lazy_finite_to_f16(x));
}
LAZY_INLINE float lazy_f16_to_f32(uint16_t h) {
  const uint32_t u = h & 0x7fffu, sign = (uint32_t)(h & 0x8000u) << 16;
  /* As a float, the shifted bits are 2^112 times too small; infinity and NaN are 2^112 times past the
   * largest. */
  const float scaled = lazy_bits_f32(u << 13) * 0x1p112f;
  const uint32_t special = u >= 0x7c00u ? 0x7f800000u | (u << 13) : lazy_f32_bits(scaled);
  return lazy_bits_f32(sign | special);
}

/* The same from f64 in one rounding (by way of f32 would be two). */
LAZY_INLINE uint16_t lazy_f64_to_bf16(double x) {
  const uint64_t bits = lazy_f64_bits(x), u = bits & 0x7fffffffffffffffu;
  const uint32_t sign = (uint32_t)(bits >> 48) & 0x8000u;
  /* Below 2^-126 the sum with 2^-81, whose last place is 2^-133, rounds as bf16's subnormals do. */
  const uint32_t subnormal = (uint32_t)(lazy_f64_bits(lazy_bits_f64(u) + 0x1p-81) - 0x3ae0000000000000u);
  const uint32_t normal = (uint32_t)((u - ((uint64_t)896 << 52) + 0xfffffffffffu + ((u >> 45) & 1u)) >> 45);
  const uint32_t large = u > 0x7ff0000000000000u ? 0x7fc0u : 0x7f80u;
  return (uint16_t)(sign | (u >= 0x47eff00000000000u ? large : u < 0x3810000000000000u ? subnormal : normal));
}
LAZY_INLINE uint16_t lazy_f64_to_f16(double x) {
  const uint64_t bits = lazy_f64_bits(x), u = bits & 0x7fffffffffffffffu;
  const uint32_t sign = (uint32_t)(bits >> 48) & 0x8000u;
  const uint32_t subnormal = (uint32_t)(lazy_f64_bits(lazy_bits_f64(u) + 0x1p28) - 0x41b0000000000000u);
  const uint32_t normal = (uint32_t)((u - ((uint64_t)1008 << 52) + 0x1ffffffffffu + ((u >> 42) & 1u)) >> 42);
  const uint32_t large = u > 0x7ff0000000000000u ? 0x7e00u : 0x7c00u;
  return (uint16_t)(sign | (u >= 0x40effe0000000000u ? large : u < 0x3f10000000000000u ? subnormal : normal));
}

/* The signed whole number of two words, rounded once. */
LAZY_INLINE double lazy_words_to_f64(uint32_t low, uint32_t high) {
#if defined __CUDACC__ || defined __AVX512DQ__
  return (double)(int64_t)(low | (uint64_t)high << 32);
#else
  /* Without an instruction for it: both parts are exact, and their sum is the rounding. */
  return (double)(int32_t)high * 0x1p32 + (lazy_bits_f64(0x4330000000000000u | low) - 0x1p52);
#endif
}

/* To whole numbers: toward zero, NaN is 0, and what does not fit becomes the nearest that does. */
LAZY_INLINE int64_t lazy_f64_to_i64(double x) {
  return x != x ? 0 : x >= 0x1p63 ? INT64_MAX : x < -0x1p63 ? INT64_MIN : (int64_t)x;
}
LAZY_INLINE uint8_t lazy_f64_to_u8(double x) {
  return (uint8_t)(x >= 255.0 ? 255.0 : x > 0.0 ? x : 0.0); /* NaN compares false */
}

#endif
