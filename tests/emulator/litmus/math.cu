// Functions of the CUDA math library, slow paths and all, and rounding by name.
#include <math.h>
#include <stdint.h>

extern "C" __global__ void math_float(const float *in, float *out, uint32_t count) {
  uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  float x = in[i];
  float *at = out + (uint64_t)i * 12;
  at[0] = sinf(x);
  at[1] = cosf(x);
  at[2] = expf(x);
  at[3] = logf(x);
  at[4] = powf(fabsf(x), 1.7f);
  at[5] = sqrtf(x);
  at[6] = 1.f / x;
  at[7] = tanhf(x);
  at[8] = erff(x);
  at[9] = rsqrtf(x);
  at[10] = fmodf(x, 3.7f);
  at[11] = cbrtf(x);
}

extern "C" __global__ void math_double(const double *in, double *out, uint32_t count) {
  uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  double x = in[i];
  double *at = out + (uint64_t)i * 10;
  at[0] = sin(x);
  at[1] = exp(x);
  at[2] = log(x);
  at[3] = pow(fabs(x), 1.7);
  at[4] = sqrt(x);
  at[5] = 1. / x;
  at[6] = tanh(x);
  at[7] = x / 3.7;
  at[8] = rint(x) + floor(x) * 2 + trunc(x) * 4;
  at[9] = atan(x);
}

extern "C" __global__ void math_fast(const float *in, float *out, uint32_t count) {
  uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  float x = in[i];
  float *at = out + (uint64_t)i * 6;
  at[0] = __sinf(x);
  at[1] = __expf(x);
  at[2] = __logf(x);
  at[3] = __fdividef(x, 3.f);
  at[4] = exp2f(x);
  at[5] = __frcp_rn(x);
}

// Exact: held against the C library with the rounding mode of the name.
extern "C" __global__ void math_rounding(const float *a, const float *b, float *out, const double *c,
                                         double *wide, int64_t *whole, uint32_t count) {
  uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  float *at = out + (uint64_t)i * 8;
  at[0] = __fadd_rz(a[i], b[i]);
  at[1] = __fmul_ru(a[i], b[i]);
  at[2] = __fmaf_rd(a[i], b[i], a[i]);
  at[3] = __fdiv_rn(a[i], b[i]);
  at[4] = __fsqrt_rn(fabsf(a[i]));
  at[5] = __double2float_rz(c[i]);
  at[6] = __fdiv_ru(a[i], b[i]);
  at[7] = __ull2float_rd((unsigned long long)i * 0x123456789abull);
  wide[4 * i] = __dadd_ru(c[i], (double)a[i]);
  wide[4 * i + 1] = __fma_rz(c[i], (double)a[i], (double)b[i]);
  wide[4 * i + 2] = __ddiv_rn(c[i], (double)a[i]);
  wide[4 * i + 3] = __dsqrt_rn(fabs(c[i]));
  whole[4 * i] = __double2ll_rn(c[i]);
  whole[4 * i + 1] = __float2int_ru(a[i]);
  whole[4 * i + 2] = (int64_t)__double2ull_rz(c[i]);
  whole[4 * i + 3] = __float2uint_rd(b[i]);
}
