/* Pools by loops over whole planes in double, and by how much a result may differ. */
#ifndef LAZYRT_TESTS_POOL_REFERENCE_H
#define LAZYRT_TESTS_POOL_REFERENCE_H

#include <lazyrt/types.h>
#include <math.h>

#include "kernels/params.h"
#include "tests/check.h"

typedef struct lazy_k_pool_params pool;

/* How often window `o` of an axis counts place `at`: an average of padding counts places outside too. */
static inline bool pool_holds(const pool *p, int axis, int64_t o, int64_t at) {
  if (p->adaptive) /* [at, at + 1) and [o, o + 1) in / out overlap */
    return at * p->out[axis] < (o + 1) * p->in[axis] && (at + 1) * p->out[axis] > o * p->in[axis];
  for (int64_t k = 0; k < p->kernel[axis]; k++)
    if (at == o * p->stride[axis] - p->padding[axis] + k * p->dilation[axis]) return true;
  return false;
}

/* The pool of one output, and the elements an average divides by. */
static inline double pool_reference(const pool *p, const double *x, uint64_t i, double *out_size,
                                    double *out_divisor) {
  int64_t o[3], all = 0, inside = 0, place[3];
  double best = -INFINITY, sum = 0, size = 0;
  for (int axis = 2; axis >= 0; axis--) {
    o[axis] = (int64_t)(i % (uint64_t)p->out[axis]);
    i /= (uint64_t)p->out[axis];
  }
  x += (int64_t)i * p->in[0] * p->in[1] * p->in[2];
  int64_t margin[3];
  for (int axis = 0; axis < 3; axis++) margin[axis] = p->count_padding ? p->padding[axis] : 0;
  for (place[0] = -margin[0]; place[0] < p->in[0] + margin[0]; place[0]++)
    for (place[1] = -margin[1]; place[1] < p->in[1] + margin[1]; place[1]++)
      for (place[2] = -margin[2]; place[2] < p->in[2] + margin[2]; place[2]++) {
        bool held = true, is_inside = true;
        for (int axis = 0; axis < 3; axis++) {
          held = held && pool_holds(p, axis, o[axis], place[axis]);
          is_inside = is_inside && place[axis] >= 0 && place[axis] < p->in[axis];
        }
        all += held;
        if (!held || !is_inside) continue;
        const double v = x[(place[0] * p->in[1] + place[1]) * p->in[2] + place[2]];
        inside++;
        sum += v;
        size += fabs(v);
        if (v > best || isnan(v)) best = v;
      }
  *out_divisor = p->divisor != 0 ? p->divisor : (double)all;
  *out_size = size;
  if (p->kind == LAZY_POOL_MAX) return best;
  return inside == 0 && p->divisor == 0 && all == 0 ? NAN : sum / *out_divisor;
}

/* The unit of rounding. */
static inline double pool_unit(uint8_t dtype) {
  return dtype == LAZY_DTYPE_F64   ? 0x1p-53
         : dtype == LAZY_DTYPE_F32 ? 0x1p-24
         : dtype == LAZY_DTYPE_F16 ? 0x1p-11
                                   : 0x1p-8;
}

/* Compares outputs of planes `x`, all in double. */
static inline void pool_expect(const pool *p, const double *x, const double *found) {
  for (uint64_t i = 0; i < p->count; i++) {
    double size, divisor;
    const double wanted = pool_reference(p, x, i, &size, &divisor), u = pool_unit(p->dtype);
    /* a window's sum of n terms and the quotient, in the type of the sums; then one rounding */
    const double terms = (double)(p->in[0] * p->in[1] * p->in[2]) + 2,
                 sum_u = p->dtype == LAZY_DTYPE_F64 ? 0x1p-53 : 0x1p-24;
    const double room =
        p->kind == LAZY_POOL_MAX ? 0 : terms * sum_u * size / fabs(divisor) + u * fabs(wanted) + 0x1p-24 * u;
    if (isnan(wanted) ? isnan(found[i]) : found[i] == wanted || fabs(found[i] - wanted) <= room) continue;
    FAIL("output %llu: found %.17g, wanted %.17g, off by at most %g", (unsigned long long)i, found[i], wanted,
         room);
    return;
  }
}

#endif
