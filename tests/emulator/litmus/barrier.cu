// cuda::barrier, in shared memory: phases, and copies that arrive at it.
#include <stdint.h>
#include <cuda/barrier>

#pragma nv_diag_suppress static_var_with_dynamic_init

extern "C" __global__ void barrier_phases(const uint32_t *in, uint32_t *out, uint32_t rounds) {
  __shared__ cuda::barrier<cuda::thread_scope_block> barrier;
  __shared__ uint32_t values[256];
  uint32_t i = threadIdx.x;
  if (i == 0) init(&barrier, blockDim.x);
  __syncthreads();
  values[i] = in[blockIdx.x * blockDim.x + i];
  for (uint32_t round = 0; round < rounds; round++) {
    barrier.arrive_and_wait();
    uint32_t other = values[(i + 1) % blockDim.x];
    barrier.arrive_and_wait();
    values[i] = values[i] * 5 + other;
  }
  out[blockIdx.x * blockDim.x + i] = values[i];
}

extern "C" __global__ void barrier_copies(const uint32_t *in, uint32_t *out) {
  __shared__ cuda::barrier<cuda::thread_scope_block> barrier;
  __shared__ __align__(16) uint32_t values[256];
  uint32_t i = threadIdx.x;
  if (i == 0) init(&barrier, blockDim.x);
  __syncthreads();
  cuda::memcpy_async(&values[i], &in[blockIdx.x * blockDim.x + i], cuda::aligned_size_t<4>(4), barrier);
  barrier.arrive_and_wait();
  out[blockIdx.x * blockDim.x + i] = values[blockDim.x - 1 - i];
}
