// Arithmetic of cuda_fp16.h and cuda_bf16.h.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <stdint.h>

extern "C" __global__ void half_arithmetic(const __half *a, const __half *b, __half *out, uint32_t count) {
  uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  __half *at = out + (uint64_t)i * 8;
  at[0] = __hadd(a[i], b[i]);
  at[1] = __hmul(a[i], b[i]);
  at[2] = __hfma(a[i], b[i], a[i]);
  at[3] = __hsub(a[i], b[i]);
  at[4] = __hmax(a[i], b[i]);
  at[5] = __hneg(__habs(a[i]));
  at[6] = __float2half(__half2float(a[i]) * 3.f);
  at[7] = __hlt(a[i], b[i]) ? __int2half_rn((int)i) : __double2half((double)__half2float(b[i]) / 3);
}

extern "C" __global__ void half_pairs(const __half2 *a, const __half2 *b, __half2 *out, uint32_t count) {
  uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  __half2 *at = out + (uint64_t)i * 4;
  at[0] = __hadd2(a[i], b[i]);
  at[1] = __hfma2(a[i], b[i], b[i]);
  at[2] = __hmul2_sat(a[i], b[i]);
  at[3] = __lowhigh2highlow(__hmin2(a[i], b[i]));
}

#if __CUDA_ARCH__ >= 800
extern "C" __global__ void half_bfloat(const __nv_bfloat16 *a, const __nv_bfloat16 *b, __nv_bfloat16 *out,
                                       uint32_t count) {
  uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  __nv_bfloat16 *at = out + (uint64_t)i * 6;
  at[0] = __hadd(a[i], b[i]);
  at[1] = __hmul(a[i], b[i]);
  at[2] = __hfma(a[i], b[i], a[i]);
  at[3] = __float2bfloat16(__bfloat162float(a[i]) * 3.f);
  at[4] = __hmax(a[i], b[i]);
  at[5] = __hgt(a[i], b[i]) ? __float2bfloat16_rz(1.f / 3) : __double2bfloat16(1. / 3);
}
#endif

extern "C" __global__ void half_sum(const __half2 *in, float *out, uint32_t count) {
  uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) atomicAdd(&out[i % 32], __low2float(in[i]) + __high2float(in[i]));
}
