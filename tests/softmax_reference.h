/* softmax in long double, and what computing it in f32 or f64 may be off by. */
#ifndef LAZYRT_TESTS_SOFTMAX_REFERENCE_H
#define LAZYRT_TESTS_SOFTMAX_REFERENCE_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/params.h"
#include "tests/check.h"

static inline void softmax_draw(check_env *env, double *values, uint64_t count, bool specials) {
  const double scale = ldexp(1, (int)check_random_between(env, -2, 4));
  for (uint64_t i = 0; i < count; i++) {
    values[i] = scale * (2 * check_random_unit(env) - 1);
    if (!specials) continue;
    const uint64_t which = check_random_below(env, 60);
    if (which == 0) values[i] = check_random_below(env, 20) == 0 ? NAN : -INFINITY;
    if (which == 1) values[i] = check_random_below(env, 20) == 0 ? INFINITY : 0;
  }
  /* a row of nothing but -infinity, where rows are this short */
  if (specials)
    for (uint64_t i = 0; i < count && i < 10; i++) values[i] = -INFINITY;
}

/* Which NaN a result is, is not promised: one for all. */
static inline void softmax_unify_nans(lazy_dtype dtype, const double *values, uint64_t count, void *data) {
  const size_t bytes = lazy_dtype_bytes(dtype);
  for (uint64_t i = 0; i < count; i++)
    if (isnan(values[i])) memset((char *)data + i * bytes, 0xff, bytes);
}

/* Compares `found`, of inputs `from`, with p's dtype and shape. With u half a unit in the last place: x -
   largest is off by u of itself, d, and so e^-d by d u and the 3 of exp; the sum of them by their average,
   weighted, and its length / 256 + 8 or length additions; log by 4 of itself and what its argument is off by.
 */
static inline void softmax_expect(const struct lazy_k_softmax_params *p, const double *from,
                                  const double *found) {
  const double u = p->dtype == LAZY_DTYPE_F64 ? 0x1p-53 : 0x1p-24;
  const double stored = p->dtype == LAZY_DTYPE_F16 ? 0x1p-11 : p->dtype == LAZY_DTYPE_BF16 ? 0x1p-8 : u;
  const double least = p->dtype == LAZY_DTYPE_F64   ? 0x1p-1073
                       : p->dtype == LAZY_DTYPE_F16 ? 0x1p-25
                                                    : 0x1p-126; /* e^-104 is 0: below the normal numbers */
  for (uint64_t row = 0; row < p->rows; row++) {
    const uint64_t start = row / p->inner * p->length * p->inner + row % p->inner;
    long double largest = -INFINITY, sum = 0, off = 0;
    bool is_nan = false;
    for (uint64_t j = 0; j < p->length; j++) {
      const double v = from[start + j * p->inner];
      is_nan = is_nan || isnan(v) || (isinf(v) && v > 0);
      if (v > largest) largest = v;
    }
    is_nan = is_nan || isinf(largest);
    for (uint64_t j = 0; j < p->length && !is_nan; j++) {
      const long double d = largest - from[start + j * p->inner];
      sum += expl(-d);
      if (!isinf(d)) off += expl(-d) * (d + 3) * u;
    }
    off = is_nan ? 0 : off / sum + (long double)p->length * u;
    for (uint64_t j = 0; j < p->length; j++) {
      const uint64_t i = start + j * p->inner;
      const long double d = largest - from[i], soft = expl(-d) / sum, lg = -d - logl(sum);
      if (is_nan || (p->log && isinf(d))) {
        if (is_nan ? isnan(found[i]) : found[i] == -INFINITY) continue;
      } else {
        const long double wanted = p->log ? lg : soft;
        const long double room = p->log ? d * u + off + 4 * u * logl(sum) + (stored + u) * fabsl(lg)
                                        : soft * ((isinf(d) ? 0 : d * u) + off + 5 * u + stored) + least;
        if (fabsl(found[i] - wanted) <= room) continue;
      }
      FAIL("row %llu, element %llu of %g: found %.17g, wanted %.17Lg", (unsigned long long)row,
           (unsigned long long)j, from[i], found[i],
           is_nan   ? (long double)NAN
           : p->log ? lg
                    : soft);
      return;
    }
  }
}

#endif
