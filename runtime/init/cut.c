/* What a normal distribution has below, within and above two bounds. In sums and products of doubles alone,
   never the C library's functions: the values of a stream hang on it. */
#include <math.h>

#include "runtime/init/init.h"

/* e^-x for 0 <= x < 700. */
static double exp_minus(double x) {
  const double k = (double)(int)(x * 1.44269504088896340736 + 0.5);
  const double r = (k * 6.93147180369123816490e-1 - x) + k * 1.90821492927058770002e-10;
  double sum = 1;
  for (int i = 18; i > 0; i--) sum = sum * r / i + 1;
  return ldexp(sum, -(int)k);
}

/* The part of the standard normal distribution below -x, for x >= 0. */
static double tail(double x) {
  if (x > 37) return 0;
  const double density = exp_minus(x * x / 2) * 0.398942280401432677940;
  if (x < 1.6) { /* 1/2 - density (x + x^3 / 3 + x^5 / 15 + ...) */
    double term = x, sum = 0;
    for (int i = 3; term > 0x1p-60 * sum; i += 2) {
      sum += term;
      term *= x * x / i;
    }
    return 0.5 - density * sum;
  }
  /* density / (x + 1 / (x + 2 / (x + ...))) */
  double below = x;
  for (int i = 300; i > 0; i--) below = x + i / below;
  return density / below;
}

void lazyi_init_cut(double mean, double std, double low, double high, struct lazy_init_cut *out_cut) {
  const double from = (low - mean) / std, to = (high - mean) / std;
  const double from_tail = tail(fabs(from)), to_tail = tail(fabs(to));
  out_cut->low = low;
  out_cut->high = high;
  out_cut->below = from < 0 ? from_tail : 1 - from_tail;
  out_cut->above = to > 0 ? to_tail : 1 - to_tail;
  if (from > 0) out_cut->within = from_tail - to_tail;
  else if (to < 0) out_cut->within = to_tail - from_tail;
  else out_cut->within = 1 - from_tail - to_tail;
}
