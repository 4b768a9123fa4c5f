/* Quantiles of the normal distribution, by polynomials, so that every compiler and device gets the same bits.

   A value is asked for by the tail beyond it, so that both ends are as precise as the middle. Errors against
   exact values are asserted in tests/kernel_init_truncated_test.c. */
#ifndef LAZYRT_KERNELS_TRUNCATED_CUH
#define LAZYRT_KERNELS_TRUNCATED_CUH

#include "kernels/normal.cuh"

/* z where the normal distribution has `tail` beyond z: 2^-58 <= tail <= 1/2 (a little more for rounding's
   sake). Two polynomials of one degree: of (1/2 - tail)^2, and of sqrt(-2 ln tail) - 4 from 0.09 down. */
LAZY_INLINE float lazy_normal_quantile_f32(float tail) {
  const float x = 0.5f - tail, r = lazy_sqrt_f32(2.0f * lazy_minus_log_f32(tail)) - 4.0f;
  const bool middle = tail > 0.09f;
  const float t = middle ? x * x : r;
  float q = middle ? 9058282.0f : -9.3760022e-9f;
  q = q * t + (middle ? -6091241.0f : 1.86805451e-7f);
  q = q * t + (middle ? 1834833.88f : -1.55692521e-6f);
  q = q * t + (middle ? -306707.625f : 7.61807723e-6f);
  q = q * t + (middle ? 32265.1211f : -3.01024702e-5f);
  q = q * t + (middle ? -1889.94226f : 1.33250403e-4f);
  q = q * t + (middle ? 127.121765f : -6.60300313e-4f);
  q = q * t + (middle ? 13.8570919f : 3.31175327e-3f);
  q = q * t + (middle ? 5.79333591f : -1.70345698e-2f);
  q = q * t + (middle ? 2.62484241f : 1.09339428f);
  q = q * t + (middle ? 2.50662827f : 3.40119338f);
  return middle ? q * x : q;
}

/* The same: Wichura's algorithm AS 241 (1988), PPND16: ratios of polynomials of degree 7. This one, of
   0.180625 - x^2, holds for x = 1/2 - tail up to 0.425. */
LAZY_INLINE double lazy_quantile_middle_f64(double x) {
  const double t = 0.180625 - x * x;
  double p = 2.5090809287301226727e+3;
  p = p * t + 3.3430575583588128105e+4;
  p = p * t + 6.7265770927008700853e+4;
  p = p * t + 4.5921953931549871457e+4;
  p = p * t + 1.3731693765509461125e+4;
  p = p * t + 1.9715909503065514427e+3;
  p = p * t + 1.3314166789178437745e+2;
  p = p * t + 3.3871328727963666080;
  double q = 5.2264952788528545610e+3;
  q = q * t + 2.8729085735721942674e+4;
  q = q * t + 3.9307895800092710610e+4;
  q = q * t + 2.1213794301586595867e+4;
  q = q * t + 5.3941960214247511077e+3;
  q = q * t + 6.8718700749205790830e+2;
  q = q * t + 4.2313330701600911252e+1;
  q = q * t + 1.0;
  return p / q * x;
}

/* And this, of r = sqrt(-ln tail), for smaller tails: up to r = 5, and beyond. */
#define LAZY_EITHER(near_, far_) (near ? (near_) : (far_))
LAZY_INLINE double lazy_quantile_tail_f64(double tail) {
  const double r = lazy_sqrt_f64(lazy_minus_log_f64(tail));
  const bool near = r <= 5.0;
  const double t = r - LAZY_EITHER(1.6, 5.0);
  double p = LAZY_EITHER(7.74545014278341407640e-4, 2.01033439929228813265e-7);
  p = p * t + LAZY_EITHER(2.27238449892691845833e-2, 2.71155556874348757815e-5);
  p = p * t + LAZY_EITHER(2.41780725177450611770e-1, 1.24266094738807843860e-3);
  p = p * t + LAZY_EITHER(1.27045825245236838258, 2.65321895265761230930e-2);
  p = p * t + LAZY_EITHER(3.64784832476320460504, 2.96560571828504891230e-1);
  p = p * t + LAZY_EITHER(5.76949722146069140550, 1.78482653991729133580);
  p = p * t + LAZY_EITHER(4.63033784615654529590, 5.46378491116411436990);
  p = p * t + LAZY_EITHER(1.42343711074968357734, 6.65790464350110377720);
  double q = LAZY_EITHER(1.05075007164441684324e-9, 2.04426310338993978564e-15);
  q = q * t + LAZY_EITHER(5.47593808499534494600e-4, 1.42151175831644588870e-7);
  q = q * t + LAZY_EITHER(1.51986665636164571966e-2, 1.84631831751005468180e-5);
  q = q * t + LAZY_EITHER(1.48103976427480074590e-1, 7.86869131145613259100e-4);
  q = q * t + LAZY_EITHER(6.89767334985100004550e-1, 1.48753612908506148525e-2);
  q = q * t + LAZY_EITHER(1.67638483018380384940, 1.36929880922735805310e-1);
  q = q * t + LAZY_EITHER(2.05319162663775882187, 5.99832206555887937690e-1);
  q = q * t + 1.0;
  return p / q;
}
#undef LAZY_EITHER

LAZY_INLINE double lazy_normal_quantile_f64(double tail) {
  const double x = 0.5 - tail;
#ifdef __CUDACC__ /* a branch: both at once would take more registers than all other rules */
  if (x > 0.425) return lazy_quantile_tail_f64(tail);
  return lazy_quantile_middle_f64(x);
#else
  const double middle = lazy_quantile_middle_f64(x), z = lazy_quantile_tail_f64(tail);
  return x > 0.425 ? z : middle;
#endif
}

/* What a segment's normal and cut come to in the type that is computed in. */
typedef struct lazy_truncated_f32 {
  float mean, std, low, high, below, within, above;
} lazy_truncated_f32;
typedef struct lazy_truncated_f64 {
  double mean, std, low, high, below, within, above;
} lazy_truncated_f64;

/* The value of a word: as far up the part within the bounds as the word is up its range. The tail it is asked
   by is the smaller one, made of what lies beyond the nearer bound. */
LAZY_INLINE float lazy_truncated_value_f32(uint32_t word, const lazy_truncated_f32 *d) {
  const float up = (float)(int32_t)(word >> 1) * 0x1p-31f + 0x1p-32f,
              down = (float)(int32_t)(~word >> 1) * 0x1p-31f + 0x1p-32f;
  const float lower = up * d->within + d->below, upper = down * d->within + d->above;
  const float z = lazy_normal_quantile_f32(lower < upper ? lower : upper);
  const float x = (lower < upper ? -z : z) * d->std + d->mean, least = x < d->low ? d->low : x;
  return least > d->high ? d->high : least;
}
LAZY_INLINE double lazy_truncated_value_f64(uint32_t low, uint32_t high, const lazy_truncated_f64 *d) {
  const uint64_t word = low | (uint64_t)high << 32, bits = word >> 11, rest = ~word >> 11;
  const double up = lazy_words_to_f64((uint32_t)bits, (uint32_t)(bits >> 32)) * 0x1p-53 + 0x1p-54;
  const double down = lazy_words_to_f64((uint32_t)rest, (uint32_t)(rest >> 32)) * 0x1p-53 + 0x1p-54;
  const double lower = up * d->within + d->below, upper = down * d->within + d->above;
  const double z = lazy_normal_quantile_f64(lower < upper ? lower : upper);
  const double x = (lower < upper ? -z : z) * d->std + d->mean, least = x < d->low ? d->low : x;
  return least > d->high ? d->high : least;
}

#endif
