// Inclusive sums of an array in one launch: blocks take tiles in order, publish their own sum, then look back
// over their predecessors' until one knows its whole prefix.
#include <stdint.h>

enum { NOTHING, SUM, PREFIX };
struct tile {
  uint32_t state, sum, prefix;
};

extern "C" __global__ void scan(const uint32_t *in, uint32_t *out, tile *tiles, uint32_t *next,
                                uint32_t count) {
  __shared__ uint32_t number, before, warps[32];
  if (threadIdx.x == 0) number = atomicAdd(next, 1u);
  __syncthreads();
  uint32_t at = number, i = at * blockDim.x + threadIdx.x, lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  uint32_t x = i < count ? in[i] : 0, sum = x;
  for (int step = 1; step < 32; step *= 2) {
    uint32_t other = __shfl_up_sync(0xffffffffu, sum, step);
    if (lane >= step) sum += other;
  }
  if (lane == 31) warps[warp] = sum;
  __syncthreads();
  if (warp == 0) {
    uint32_t all = lane < blockDim.x / 32 ? warps[lane] : 0;
    for (int step = 1; step < 32; step *= 2) {
      uint32_t other = __shfl_up_sync(0xffffffffu, all, step);
      if (lane >= step) all += other;
    }
    warps[lane] = all;
  }
  __syncthreads();
  if (warp > 0) sum += warps[warp - 1];
  if (threadIdx.x == blockDim.x - 1) {
    volatile tile *mine = &tiles[at];
    mine->sum = sum;
    __threadfence();
    mine->state = SUM;
    uint32_t prefix = 0;
    for (uint32_t j = at; j-- > 0;) {
      volatile tile *theirs = &tiles[j];
      uint32_t state;
      while ((state = theirs->state) == NOTHING) continue;
      __threadfence();
      if (state == PREFIX) {
        prefix += theirs->prefix;
        break;
      }
      prefix += theirs->sum;
    }
    mine->prefix = prefix + sum;
    __threadfence();
    mine->state = PREFIX;
    before = prefix;
  }
  __syncthreads();
  if (i < count) out[i] = before + sum;
}
