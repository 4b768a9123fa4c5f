/* Functions of activations. In f32 they are polynomials, the same bits on every compiler and device, and
   loops over them vectorise; in f64 they are the C library's. Errors against exact values are asserted in
   tests/kernel_bias_act_test.c and kernel_activate_test.c: exp 1, sigmoid and tanh 3, erf, expm1 and log1p 2
   units in the last place. */
#ifndef LAZYRT_KERNELS_MATH_CUH
#define LAZYRT_KERNELS_MATH_CUH

#include "kernels/number.cuh"

/* e^x; 0 below -104, infinity above 88.73. */
LAZY_INLINE float lazy_exp_f32(float x) {
  x = x > 89.0f ? 89.0f : x;
  x = x < -104.0f ? -104.0f : x;
  /* k = x / ln 2 to the nearest whole number, by the rounding of a sum with 1.5 * 2^23; r = x - k ln 2. */
  const float shifted = x * 1.44269504f + 12582912.0f, k = shifted - 12582912.0f;
  const float r = (x - k * 0.693359375f) - k * -2.12194440e-4f;
  float q = 1.39269268e-3f;
  q = q * r + 8.36377405e-3f;
  q = q * r + 4.16665487e-2f;
  q = q * r + 1.66665733e-1f;
  q = q * r + 0.5f;
  const float e = (q * r * r + r) + 1.0f;
  /* 2^k in two factors, as neither end of its range is a float's exponent. */
  const int32_t whole = (int32_t)(lazy_f32_bits(shifted) - 0x4b400000u), half = whole >> 1;
  return e * lazy_bits_f32((uint32_t)(half + 127) << 23) *
         lazy_bits_f32((uint32_t)(whole - half + 127) << 23);
}

/* e^x - 1 of an x that is not positive, small values to full relative precision; from -25 on it is -1. */
LAZY_INLINE float lazy_expm1_f32(float x) {
  x = x < -25.0f ? -25.0f : x;
  /* As above: 2^k (e^r - 1) + (2^k - 1), which cancels nothing. */
  const float shifted = x * 1.44269504f + 12582912.0f, k = shifted - 12582912.0f;
  const float r = (x - k * 0.693359375f) - k * -2.12194440e-4f;
  float q = 1.39269268e-3f;
  q = q * r + 8.36377405e-3f;
  q = q * r + 4.16665487e-2f;
  q = q * r + 1.66665733e-1f;
  q = q * r + 0.5f;
  const int32_t whole = (int32_t)(lazy_f32_bits(shifted) - 0x4b400000u);
  const float scale = lazy_bits_f32((uint32_t)(whole + 127) << 23);
  return scale * (q * r * r + r) + (scale - 1.0f);
}

/* log(1 + x) of an x from 0 to 1: 2 artanh(x / (2 + x)). */
LAZY_INLINE float lazy_log1p_f32(float x) {
  const float s = x / (2.0f + x), z = s * s;
  float q = 2.32243299e-1f;
  q = q * z + 2.17065752e-1f;
  q = q * z + 2.85923570e-1f;
  q = q * z + 3.99997056e-1f;
  q = q * z + 6.66666687e-1f;
  return q * z * s + 2.0f * s;
}

/* -ln x for a normal x; -0 for 1. */
LAZY_INLINE float lazy_minus_log_f32(float x) {
  /* x = 2^k m, m within a factor of sqrt(2) of 1 */
  const uint32_t bits = lazy_f32_bits(x), above = bits - 0x3f3504f3u;
  const float m = lazy_bits_f32((above & 0x007fffffu) + 0x3f3504f3u);
  const float k = (float)((int32_t)above >> 23), f = m - 1.0f;
  float q = -7.63449296e-2f;
  q = q * f + 1.2761575e-1f;
  q = q * f + -1.31601825e-1f;
  q = q * f + 1.42017588e-1f;
  q = q * f + -1.66233569e-1f;
  q = q * f + 2.00012267e-1f;
  q = q * f + -2.50008196e-1f;
  q = q * f + 3.33333313e-1f;
  const float square = f * f;
  const float log_m = f - (0.5f * square - square * f * q + k * 2.12194440e-4f);
  return -(log_m + k * 6.93359375e-1f);
}

/* Of a normal x; NaN stays. */
LAZY_INLINE float lazy_log_f32(float x) { return x != x ? x : -lazy_minus_log_f32(x); }

/* 1 / (1 + e^-x), small values to full relative precision. */
LAZY_INLINE float lazy_sigmoid_f32(float x) {
  const float e = lazy_exp_f32(x < 0.0f ? x : -x);
  return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

LAZY_INLINE float lazy_tanh_f32(float x) {
  const float a = lazy_bits_f32(lazy_f32_bits(x) & 0x7fffffffu), z = x * x;
  float q = -6.61022775e-3f;
  q = q * z + 2.13093888e-2f;
  q = q * z + -5.39094284e-2f;
  q = q * z + 1.33331135e-1f;
  q = q * z + -3.33333313e-1f;
  const float small = q * z * x + x;
  const float large = 1.0f - 2.0f / (lazy_exp_f32(2.0f * a) + 1.0f);
  const float sized = lazy_bits_f32(lazy_f32_bits(large) | (lazy_f32_bits(x) & 0x80000000u));
  return a < 0.55f ? small : sized;
}

LAZY_INLINE float lazy_erf_f32(float x) {
  const float a = lazy_bits_f32(lazy_f32_bits(x) & 0x7fffffffu), z = x * x;
  float q = -9.66704465e-6f;
  q = q * z + 1.12659589e-4f;
  q = q * z + -8.48408032e-4f;
  q = q * z + 5.22103161e-3f;
  q = q * z + -2.68654302e-2f;
  q = q * z + 1.12837821e-1f;
  q = q * z + -3.76126379e-1f;
  q = q * z + 1.12837923f;
  /* Beyond 1: 1 - e^-t, where t is a polynomial near -log erfc. From 4 on the difference to 1 is below a
   * float's. */
  const float b = a < 4.0f ? a : 4.0f;
  float t = -1.6371514e-6f;
  t = t * b + 4.60580413e-5f;
  t = t * b + -5.9680565e-4f;
  t = t * b + 4.7595962e-3f;
  t = t * b + -2.64211353e-2f;
  t = t * b + 1.10080086e-1f;
  t = t * b + 6.31826043e-1f;
  t = t * b + 1.13023341f;
  t = t * b + -3.2013806e-4f;
  const float large = 1.0f - lazy_exp_f32(-t);
  const float sized = lazy_bits_f32(lazy_f32_bits(large) | (lazy_f32_bits(x) & 0x80000000u));
  return a < 1.0f ? q * x : x != x ? x : sized;
}

/* The C library's: its last bits may differ from one to the next. */
LAZY_INLINE double lazy_exp_f64(double x) { return exp(x); }
LAZY_INLINE double lazy_expm1_f64(double x) { return expm1(x); }
LAZY_INLINE double lazy_log_f64(double x) { return log(x); }
LAZY_INLINE double lazy_log1p_f64(double x) { return log1p(x); }
LAZY_INLINE double lazy_tanh_f64(double x) { return tanh(x); }
LAZY_INLINE double lazy_erf_f64(double x) { return erf(x); }
LAZY_INLINE double lazy_sigmoid_f64(double x) { return 1.0 / (1.0 + lazy_exp_f64(-x)); }

#endif
