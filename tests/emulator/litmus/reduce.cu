// Sum and largest of an array, block by block: shuffles within warps, shared memory between them.
#include <stdint.h>

__inline__ __device__ float warp_sum(float x) {
  for (int step = 16; step > 0; step /= 2) x += __shfl_down_sync(0xffffffffu, x, step);
  return x;
}

extern "C" __global__ void reduce_sum(const float *in, float *out, uint32_t count) {
  __shared__ float sums[32];
  float x = 0;
  for (uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x) x += in[i];
  x = warp_sum(x);
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = x;
  __syncthreads();
  if (threadIdx.x < 32) {
    x = threadIdx.x < (blockDim.x + 31) / 32 ? sums[threadIdx.x] : 0;
    x = warp_sum(x);
    if (threadIdx.x == 0) out[blockIdx.x] = x;
  }
}

// Every thread of a warp gets the result, and blocks meet in one atomic.
extern "C" __global__ void reduce_max(const int32_t *in, int32_t *out, uint32_t count) {
  extern __shared__ int32_t tree[];
  int32_t x = INT32_MIN;
  for (uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x)
    x = max(x, in[i]);
  tree[threadIdx.x] = x;
  __syncthreads();
  for (uint32_t half = blockDim.x / 2; half >= 32; half /= 2) {
    if (threadIdx.x < half) tree[threadIdx.x] = max(tree[threadIdx.x], tree[threadIdx.x + half]);
    __syncthreads();
  }
  if (threadIdx.x < 32) {
    x = tree[threadIdx.x];
    for (int step = 16; step > 0; step /= 2) x = max(x, __shfl_xor_sync(0xffffffffu, x, step));
    if (threadIdx.x == 0) atomicMax(out, x);
  }
}

#if __CUDA_ARCH__ >= 800
extern "C" __global__ void reduce_redux(const uint32_t *in, uint32_t *out) {
  uint32_t x = in[threadIdx.x];
  uint32_t sum = __reduce_add_sync(0xffffffffu, x), low = __reduce_min_sync(0xffffffffu, x);
  uint32_t every = __reduce_and_sync(0xffffffffu, x), odd = __reduce_xor_sync(0xffffffffu, x);
  if (threadIdx.x % 32 == 0) {
    out[threadIdx.x / 32 * 4] = sum;
    out[threadIdx.x / 32 * 4 + 1] = low;
    out[threadIdx.x / 32 * 4 + 2] = every;
    out[threadIdx.x / 32 * 4 + 3] = odd;
  }
}
#endif
