/* Sums over a block's threads. On the host a block's regions share their variables: the sum is there already.
 */
#ifndef LAZYRT_KERNELS_BLOCK_REDUCE_CUH
#define LAZYRT_KERNELS_BLOCK_REDUCE_CUH

#include "kernels/kernel.cuh"

#ifdef __CUDACC__

/* Both become the block's sums in its thread 0. Every thread of the block comes by. */
LAZY_INLINE void lazy_block_sum(uint64_t *a, uint64_t *b) {
  __shared__ uint64_t warps[LAZY_BLOCK / 32][2];
  for (int lanes = 16; lanes > 0; lanes /= 2) {
    *a += __shfl_down_sync(0xffffffffu, *a, lanes);
    *b += __shfl_down_sync(0xffffffffu, *b, lanes);
  }
  __syncthreads(); /* the sums before were read */
  if (threadIdx.x % 32 == 0) {
    warps[threadIdx.x / 32][0] = *a;
    warps[threadIdx.x / 32][1] = *b;
  }
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (uint32_t warp = 1; warp < blockDim.x / 32; warp++) {
    *a += warps[warp][0];
    *b += warps[warp][1];
  }
}
#define LAZY_BLOCK_LEADS (threadIdx.x == 0)

#else

LAZY_INLINE void lazy_block_sum(uint64_t *a, uint64_t *b) { (void)a, (void)b; }
#define LAZY_BLOCK_LEADS true

#endif
#endif
