/* Activations in long double, and what computing them in f32 or f64 may be off by. */
#ifndef LAZYRT_TESTS_ACTIVATION_REFERENCE_H
#define LAZYRT_TESTS_ACTIVATION_REFERENCE_H

#include <math.h>

#include "kernels/params.h"
#include "tests/check.h"

static inline long double activation_exact(int activation, double of, double a, double b) {
  const long double x = of, z = x * a;
  switch (activation) {
    case LAZY_ACTIVATION_LEAKY_RELU: return of > 0 ? x : z;
    case LAZY_ACTIVATION_HARDTANH: return of < a ? a : of > b ? b : x;
    case LAZY_ACTIVATION_ELU: return of < 0 ? a * expm1l(x) : b * x;
    case LAZY_ACTIVATION_SILU: return x / (1 + expl(-x));
    case LAZY_ACTIVATION_MISH: return x * tanhl(log1pl(expl(x)));
    case LAZY_ACTIVATION_HARDSIGMOID: return isnan(of) ? x : fminl(fmaxl(x + 3, 0), 6) / 6;
    case LAZY_ACTIVATION_HARDSWISH: return isnan(of) ? x : x * fminl(fmaxl(x + 3, 0), 6) / 6;
    case LAZY_ACTIVATION_SOFTPLUS: return z > b ? x : (fmaxl(z, 0) + log1pl(expl(-fabsl(z)))) / a;
    default: return fminl(x, 0) - log1pl(expl(-fabsl(x)));
  }
}

/* Units in the last place of the result; the numbers a and b count as exact. */
static inline double activation_ulps(int activation, double of, double a) {
  int e;
  switch (activation) {
    case LAZY_ACTIVATION_HARDTANH: return 0;
    case LAZY_ACTIVATION_LEAKY_RELU:
      return 0.5; /* one product */
    /* x + 3 is off by 2/3 where it is just over 4, and near 0 by more, which activation_absolute has; a
       quotient */
    case LAZY_ACTIVATION_HARDSIGMOID: return 1.2;
    case LAZY_ACTIVATION_HARDSWISH:
      return 2.5; /* and a product */
    /* expm1 has 2, its product 0.5, which next to a power of two is twice as much */
    case LAZY_ACTIVATION_ELU: return 3.5;
    case LAZY_ACTIVATION_SILU:
      return 4; /* sigmoid has 3 */
    /* e has 1, e (e + 2) 1.5 more; in the quotient half of it again; a quotient and a product */
    case LAZY_ACTIVATION_MISH: return 5;
    /* a x rounds, and e^(a x) is off by |a x| times that; then exp, log1p, a sum and a quotient */
    case LAZY_ACTIVATION_SOFTPLUS: return 4 + (frexp(fabs(a), &e) == 0.5 ? 0 : fabs(of * a));
    default: return 4;
  }
}

/* Besides: half of the last place of `tiny`, the smallest number, in a factor or dividend; of `unit`, 2^-24
   or 2^-53, at 3. */
static inline double activation_absolute(int activation, double of, double a, double tiny, double unit) {
  switch (activation) {
    case LAZY_ACTIVATION_SILU:
    case LAZY_ACTIVATION_MISH: return fabs(of) * tiny;
    case LAZY_ACTIVATION_SOFTPLUS: return tiny / fabs(a);
    case LAZY_ACTIVATION_HARDSIGMOID: return of < 0 ? unit / 2 : 0;
    case LAZY_ACTIVATION_HARDSWISH: return of < 0 ? fabs(of) * unit / 2 : 0;
    default: return 0;
  }
}

/* Values of a and b worth trying. */
static inline void activation_draw(check_env *env, int activation, double *a, double *b) {
  *a = (float)(check_random_unit(env) * 3 + 0.1);
  *b = 1;
  if (activation == LAZY_ACTIVATION_HARDTANH) *a = -*a, *b = *a + (float)(4 * check_random_unit(env) + 0.1);
  if (activation == LAZY_ACTIVATION_SOFTPLUS) {
    *b = (double)check_random_between(env, 1, 30);
    if (check_random_below(env, 2) == 0) *a = ldexp(1, (int)check_random_between(env, -2, 2));
  }
  if (activation == LAZY_ACTIVATION_LEAKY_RELU || activation == LAZY_ACTIVATION_ELU)
    *a *= check_random_below(env, 4) == 0 ? -1 : 1;
  *b = (float)*b;
}

#endif
