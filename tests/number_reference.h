/* Small floating-point formats by exact arithmetic in double: slow, and unlike the library's way. */
#ifndef LAZYRT_TESTS_NUMBER_REFERENCE_H
#define LAZYRT_TESTS_NUMBER_REFERENCE_H

#include <math.h>
#include <stdint.h>

/* The double rounded to nearest even in a format of `exponent` and `fraction` bits; NaN has the top fraction
 * bit. */
static inline uint16_t reference_round(double x, int exponent, int fraction) {
  const uint16_t sign = signbit(x) ? 0x8000 : 0;
  const int bias = (1 << (exponent - 1)) - 1;
  const uint16_t infinity = (uint16_t)(((1 << exponent) - 1) << fraction);
  if (isnan(x)) return (uint16_t)(sign | infinity | 1 << (fraction - 1));
  x = fabs(x);
  if (isinf(x)) return (uint16_t)(sign | infinity);
  int e = 0;
  frexp(x, &e);                /* x = f 2^e, f in [1/2, 1) */
  int last = e - 1 - fraction; /* exponent of the last place */
  if (x == 0 || last < 1 - bias - fraction) last = 1 - bias - fraction;
  const double scaled = ldexp(x, -last), whole = floor(scaled), rest = scaled - whole;
  double rounded = whole;
  if (rest > 0.5 || (rest == 0.5 && fmod(whole, 2) == 1)) rounded += 1;
  /* `rounded` places: with the implicit bit, adding to the exponent field carries just so. */
  const int64_t field = last - (1 - bias - fraction);
  const int64_t bits = rounded < ldexp(1, fraction)
                           ? (int64_t)rounded
                           : ((field + 1) << fraction) + ((int64_t)rounded - (1 << fraction));
  return bits >= infinity ? (uint16_t)(sign | infinity) : (uint16_t)(sign | bits);
}

static inline double reference_value(uint16_t bits, int exponent, int fraction) {
  const int bias = (1 << (exponent - 1)) - 1, e = (bits & 0x7fff) >> fraction,
            f = bits & ((1 << fraction) - 1);
  const double sign = bits & 0x8000 ? -1 : 1;
  if (e == (1 << exponent) - 1) return copysign(f ? NAN : INFINITY, sign);
  if (e == 0) return sign * ldexp(f, 1 - bias - fraction);
  return sign * ldexp(f + (1 << fraction), e - bias - fraction);
}

#endif
