/* Elements of every type: how each is read into the type it is computed in, and how results are rounded back.

   f16, bf16 and u8 are exact in f32 and are computed in it; f64 and i64 are computed in themselves. */
#ifndef LAZYRT_KERNELS_ELEMENT_CUH
#define LAZYRT_KERNELS_ELEMENT_CUH

#include <lazyrt/types.h>

#include "kernels/number.cuh"

typedef double lazy_store_f64;
typedef float lazy_store_f32;
typedef uint16_t lazy_store_f16;
typedef uint16_t lazy_store_bf16;
typedef int64_t lazy_store_i64;
typedef uint8_t lazy_store_u8;

LAZY_INLINE double lazy_load_f64(double x) { return x; }
LAZY_INLINE float lazy_load_f32(float x) { return x; }
LAZY_INLINE float lazy_load_f16(uint16_t x) { return lazy_f16_to_f32(x); }
LAZY_INLINE float lazy_load_bf16(uint16_t x) { return lazy_bf16_to_f32(x); }
LAZY_INLINE int64_t lazy_load_i64(int64_t x) { return x; }
LAZY_INLINE float lazy_load_u8(uint8_t x) { return (float)x; }

/* lazy_<computed>_as_<stored>: one rounding, to nearest even; to whole numbers as lazy_f64_to_i64 says. */
LAZY_INLINE double lazy_f64_as_f64(double x) { return x; }
LAZY_INLINE float lazy_f64_as_f32(double x) { return (float)x; }
LAZY_INLINE uint16_t lazy_f64_as_f16(double x) { return lazy_f64_to_f16(x); }
LAZY_INLINE uint16_t lazy_f64_as_bf16(double x) { return lazy_f64_to_bf16(x); }
LAZY_INLINE int64_t lazy_f64_as_i64(double x) { return lazy_f64_to_i64(x); }
LAZY_INLINE uint8_t lazy_f64_as_u8(double x) { return lazy_f64_to_u8(x); }

LAZY_INLINE double lazy_f32_as_f64(float x) { return x; }
LAZY_INLINE float lazy_f32_as_f32(float x) { return x; }
LAZY_INLINE uint16_t lazy_f32_as_f16(float x) { return lazy_f32_to_f16(x); }
LAZY_INLINE uint16_t lazy_f32_as_bf16(float x) { return lazy_f32_to_bf16(x); }
LAZY_INLINE int64_t lazy_f32_as_i64(float x) { return lazy_f64_to_i64(x); }
LAZY_INLINE uint8_t lazy_f32_as_u8(float x) { return lazy_f64_to_u8(x); }

LAZY_INLINE double lazy_i64_as_f64(int64_t x) { return (double)x; }
LAZY_INLINE float lazy_i64_as_f32(int64_t x) { return (float)x; }
/* What f64 cannot hold exactly is infinite in f16. */
LAZY_INLINE uint16_t lazy_i64_as_f16(int64_t x) { return lazy_f64_to_f16((double)x); }
/* The twelve low bits, which f64 may have no room for, are gathered into the lowest kept one: it still says
   on which side of a tie the number lies, so the second rounding is right. */
LAZY_INLINE uint16_t lazy_i64_as_bf16(int64_t x) {
  const uint64_t size = x < 0 ? 0u - (uint64_t)x : (uint64_t)x;
  const uint64_t kept =
      size >> 53 == 0 ? size : (size & ~(uint64_t)0xfff) | (uint64_t)((size & 0xfff) != 0) << 12;
  return lazy_f64_to_bf16(x < 0 ? -(double)kept : (double)kept);
}
LAZY_INLINE int64_t lazy_i64_as_i64(int64_t x) { return x; }
/* Whole number to whole number keeps the low bits, as C and PyTorch do. */
LAZY_INLINE uint8_t lazy_i64_as_u8(int64_t x) { return (uint8_t)x; }

#endif
