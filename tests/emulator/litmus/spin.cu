// A lock that blocks spin on, and one that the lanes of a warp fight for.
#include <stdint.h>

__device__ uint32_t lock_word;
__device__ uint64_t guarded[2];

__device__ void lock(uint32_t *word) {
  while (atomicCAS(word, 0u, 1u) != 0) continue;
  __threadfence();
}

__device__ void unlock(uint32_t *word) {
  __threadfence();
  atomicExch(word, 0u);
}

// Both words change under the lock, by plain accesses of one thread of a block.
extern "C" __global__ void spin_blocks(uint64_t *out, uint32_t rounds) {
  for (uint32_t i = 0; i < rounds; i++) {
    if (threadIdx.x == 0) {
      lock(&lock_word);
      volatile uint64_t *at = guarded;
      at[0] += 1;
      at[1] += at[0];
      unlock(&lock_word);
    }
    __syncthreads();
  }
  if (threadIdx.x == 0) atomicMax((unsigned long long *)out, *(volatile unsigned long long *)&guarded[0]);
}

// Each lane takes the lock in its own turn.
extern "C" __global__ void spin_lanes(uint32_t *word, volatile uint32_t *sum) {
  bool done = false;
  while (!done) {
    if (atomicCAS(word, 0u, 1u) == 0) {
      __threadfence();
      *sum += threadIdx.x + 1;
      __threadfence();
      atomicExch(word, 0u);
      done = true;
    }
  }
}

// Warps of a block hand a token round in shared memory.
extern "C" __global__ void spin_warps(uint32_t *out, uint32_t rounds) {
  __shared__ volatile uint32_t turn;
  __shared__ uint32_t sum;
  uint32_t warp = threadIdx.x / 32, warps = blockDim.x / 32;
  if (threadIdx.x == 0) turn = sum = 0;
  __syncthreads();
  for (uint32_t i = 0; i < rounds; i++) {
    if (threadIdx.x % 32 == 0) {
      while (turn % warps != warp) continue;
      __threadfence_block();
      sum = sum * 3 + warp;
      __threadfence_block();
      turn = turn + 1;
    }
    __syncwarp();
  }
  __syncthreads();
  if (threadIdx.x == 0) out[blockIdx.x] = sum;
}
