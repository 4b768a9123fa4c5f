/* Standard normal values of the stream keyed/1: Box and Muller's transform, in polynomials, so that every
   compiler and device gets the same bits.

   Two words make two values: the first word is the radius sqrt(-2 ln u), the second the angle, whose cosine
   and sine are the pair. In a block of four words, words 0 and 2 make elements 0 and 2, and words 1 and 3
   elements 1 and 3: so a vector of words is used without moving its lanes. A 64-bit type takes the block
   whole: words 0, 1 are the radius of elements 0 and 1, words 2, 3 their angle.
   Errors against exact values are asserted in tests/kernel_init_normal_test.c. */
#ifndef LAZYRT_KERNELS_NORMAL_CUH
#define LAZYRT_KERNELS_NORMAL_CUH

#include "kernels/math.cuh"
#include "kernels/philox.cuh"

/* The pair of a radius word and an angle word. */
LAZY_INLINE void lazy_normal_pair_f32(uint32_t radius_word, uint32_t angle_word, float *out_cos,
                                      float *out_sin) {
  /* 31 bits and a half, in (0, 1]: signed conversion is an instruction everywhere */
  const float u = (float)(int32_t)(radius_word >> 1) * 0x1p-31f + 0x1p-32f;
  const float radius = lazy_sqrt_f32(2.0f * lazy_minus_log_f32(u));
  /* The nearest quarter turn, and the rest as an angle within an eighth. */
  const uint32_t quarter = (angle_word + 0x20000000u) >> 30;
  const float x = (float)(int32_t)(angle_word - (quarter << 30)) * 1.46291808e-9f, z = x * x;
  float s = -1.95172994e-4f;
  s = s * z + 8.332178e-3f;
  s = s * z + -1.66666552e-1f;
  s = s * z * x + x;
  float c = 2.44384519e-5f;
  c = c * z + -1.38873677e-3f;
  c = c * z + 4.16666456e-2f;
  c = c * z * z - 0.5f * z + 1.0f;
  const uint32_t cos_bits = lazy_f32_bits(quarter & 1u ? s : c),
                 sin_bits = lazy_f32_bits(quarter & 1u ? c : s);
  *out_cos = radius * lazy_bits_f32(cos_bits ^ ((quarter + 1u) & 2u) << 30);
  *out_sin = radius * lazy_bits_f32(sin_bits ^ (quarter & 2u) << 30);
}

/* -ln x for a normal x up to 1. */
LAZY_INLINE double lazy_minus_log_f64(double x) {
  const uint64_t bits = lazy_f64_bits(x), above = bits - 0x3fe6a09e667f3bcdu;
  const double m = lazy_bits_f64((above & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu);
  const double k = (double)((int32_t)(above >> 32) >> 20);
  /* ln m = 2 artanh s */
  const double s = (m - 1.0) / (m + 1.0), z = s * s;
  double q = 2.0 / 23;
  q = q * z + 2.0 / 21;
  q = q * z + 2.0 / 19;
  q = q * z + 2.0 / 17;
  q = q * z + 2.0 / 15;
  q = q * z + 2.0 / 13;
  q = q * z + 2.0 / 11;
  q = q * z + 2.0 / 9;
  q = q * z + 2.0 / 7;
  q = q * z + 2.0 / 5;
  q = q * z + 2.0 / 3;
  return -((s * z * q + k * 1.90821492927058770002e-10) + 2.0 * s + k * 6.93147180369123816490e-1);
}

LAZY_INLINE void lazy_normal_pair_f64(const uint32_t *words, double *out_cos, double *out_sin) {
  const uint64_t radius_word = words[0] | (uint64_t)words[1] << 32,
                 angle = words[2] | (uint64_t)words[3] << 32;
  const uint64_t high_bits = radius_word >> 11;
  const double u = lazy_words_to_f64((uint32_t)high_bits, (uint32_t)(high_bits >> 32)) * 0x1p-53 + 0x1p-54;
  const double radius = lazy_sqrt_f64(2.0 * lazy_minus_log_f64(u));
  const uint64_t quarter = (angle + 0x2000000000000000u) >> 62, rest = angle - (quarter << 62);
  const double x = lazy_words_to_f64((uint32_t)rest, (uint32_t)(rest >> 32)) * 3.4061215800865545e-19,
               z = x * x;
  /* Taylor's series, as far as a double sees them within an eighth of a turn */
  double s = 1.0 / 355687428096000;
  s = s * z + -1.0 / 1307674368000;
  s = s * z + 1.0 / 6227020800;
  s = s * z + -1.0 / 39916800;
  s = s * z + 1.0 / 362880;
  s = s * z + -1.0 / 5040;
  s = s * z + 1.0 / 120;
  s = s * z + -1.0 / 6;
  s = s * z * x + x;
  double c = 1.0 / 20922789888000;
  c = c * z + -1.0 / 87178291200;
  c = c * z + 1.0 / 479001600;
  c = c * z + -1.0 / 3628800;
  c = c * z + 1.0 / 40320;
  c = c * z + -1.0 / 720;
  c = c * z + 1.0 / 24;
  c = c * z * z - 0.5 * z + 1.0;
  const uint64_t cos_bits = lazy_f64_bits(quarter & 1u ? s : c),
                 sin_bits = lazy_f64_bits(quarter & 1u ? c : s);
  *out_cos = radius * lazy_bits_f64(cos_bits ^ ((quarter + 1u) & 2u) << 62);
  *out_sin = radius * lazy_bits_f64(sin_bits ^ (quarter & 2u) << 62);
}

/* Standard normal elements e .. e + 4 blocks - 1, e a multiple of 4; room for a whole lot. */
LAZY_INLINE void lazy_normal_lot_f32(float *LAZY_RESTRICT values, const lazy_philox_key *key, uint64_t e,
                                     uint64_t blocks) {
  uint32_t words[LAZY_LOT], radii[LAZY_LOT / 2], angles[LAZY_LOT / 2];
  float cosines[LAZY_LOT / 2], sines[LAZY_LOT / 2];
  lazy_philox_lot(words, key, e >> 2, 0, blocks);
  LAZY_UNROLL for (uint64_t b = 0; b < blocks; b++) {
    memcpy(radii + 2 * b, words + 4 * b, 8);
    memcpy(angles + 2 * b, words + 4 * b + 2, 8);
  }
  LAZY_UNROLL for (uint64_t i = 0; i < 2 * blocks; i++)
      lazy_normal_pair_f32(radii[i], angles[i], &cosines[i], &sines[i]);
  LAZY_UNROLL for (uint64_t b = 0; b < blocks; b++) {
    memcpy(values + 4 * b, cosines + 2 * b, 8);
    memcpy(values + 4 * b + 2, sines + 2 * b, 8);
  }
}

/* The same of 64-bit words: elements e .. e + 2 blocks - 1, e even; room for half a lot. */
LAZY_INLINE void lazy_normal_lot_f64(double *LAZY_RESTRICT values, const lazy_philox_key *key, uint64_t e,
                                     uint64_t blocks) {
  uint32_t words[LAZY_LOT];
  lazy_philox_lot(words, key, e >> 1, 0, blocks);
  LAZY_UNROLL for (uint64_t b = 0; b < blocks; b++)
      lazy_normal_pair_f64(words + 4 * b, &values[2 * b], &values[2 * b + 1]);
}

#endif
