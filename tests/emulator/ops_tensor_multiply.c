/* The product of matrices. NVIDIA says that products of factors are exact and sums kept in at least single
   precision, and leaves their order and rounding open. Here, for each element of the result, from c on and k
   upwards:
     f16, bf16, tf32, 8-bit floats   fmaf (a, b, sum): the product exact, the sum rounded to f32; an f16
   result is rounded once more at the end f64                             fma (a, b, sum) integers, bits
   exact; then wrapped to 32 bits, or saturated */
#include <math.h>

#include "tests/emulator/ops_tensor.h"

static double sum_f32(const emu_product *product, const double *a, const double *b, double c) {
  float sum = (float)c;
  for (unsigned k = 0; k < product->k; k++) sum = fmaf((float)a[k], (float)b[k * product->n], sum);
  return sum;
}

static double sum_f64(const emu_product *product, const double *a, const double *b, double c) {
  for (unsigned k = 0; k < product->k; k++) c = fma(a[k], b[k * product->n], c);
  return c;
}

static double sum_integers(const emu_product *product, const double *a, const double *b, double c) {
  int64_t sum = (int64_t)c;
  for (unsigned k = 0; k < product->k; k++) {
    int64_t x = (int64_t)a[k], y = (int64_t)b[k * product->n];
    sum += product->way == EMU_MULTIPLY ? x * y : product->way == EMU_AND_POPC ? (x & y) : (x ^ y);
  }
  if (product->saturates) sum = sum > INT32_MAX ? INT32_MAX : sum < INT32_MIN ? INT32_MIN : sum;
  return (int32_t)(uint32_t)sum;
}

void emu_multiply(const emu_product *product, const double *a, const double *b, const double *c, double *d) {
  for (unsigned i = 0; i < product->m; i++) {
    for (unsigned j = 0; j < product->n; j++) {
      const double *row = a + i * product->k, *column = b + j;
      double from = c[i * product->n + j];
      d[i * product->n + j] = product->sums == EMU_NUMBER_S32   ? sum_integers(product, row, column, from)
                              : product->sums == EMU_NUMBER_F64 ? sum_f64(product, row, column, from)
                                                                : sum_f32(product, row, column, from);
    }
  }
}
