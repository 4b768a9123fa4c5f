// Counts of bytes: atomics in shared memory, then in global memory.
#include <stdint.h>

extern "C" __global__ void histogram(const uint8_t *in, uint32_t *bins, uint32_t count) {
  __shared__ uint32_t mine[256];
  for (uint32_t i = threadIdx.x; i < 256; i += blockDim.x) mine[i] = 0;
  __syncthreads();
  for (uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x)
    atomicAdd(&mine[in[i]], 1u);
  __syncthreads();
  for (uint32_t i = threadIdx.x; i < 256; i += blockDim.x)
    if (mine[i] != 0) atomicAdd(&bins[i], mine[i]);
}

// 64-bit sums and the place of the smallest, by compare and swap.
extern "C" __global__ void histogram_moments(const uint8_t *in, unsigned long long *sum, double *squares,
                                             unsigned long long *smallest, uint32_t count) {
  for (uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x) {
    atomicAdd(sum, (unsigned long long)in[i]);
    atomicAdd(squares, (double)in[i] * in[i]);
    unsigned long long mine = (unsigned long long)in[i] << 32 | i,
                       seen = *(volatile unsigned long long *)smallest;
    while (mine < seen) {
      unsigned long long found = atomicCAS(smallest, seen, mine);
      if (found == seen) break;
      seen = found;
    }
  }
}
