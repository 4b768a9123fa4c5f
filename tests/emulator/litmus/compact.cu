// Votes and matches: the numbers that pass, in order within each warp; and how often each value is in a warp.
#include <stdint.h>

extern "C" __global__ void compact(const uint32_t *in, uint32_t *out, uint32_t *count, uint32_t limit) {
  uint32_t i = blockIdx.x * blockDim.x + threadIdx.x, lane = threadIdx.x % 32, x = in[i];
  uint32_t passing = __ballot_sync(0xffffffffu, x < limit);
  uint32_t base = 0;
  if (lane == 0 && passing != 0) base = atomicAdd(count, (uint32_t)__popc(passing));
  base = __shfl_sync(0xffffffffu, base, 0);
  if (x < limit) {
    out[base + __popc(passing & ((1u << lane) - 1))] = x;
    if (__activemask() != passing) out[0] = 0xffffffffu;  // those that are here are those that pass
  }
}

extern "C" __global__ void compact_match(const uint32_t *in, uint32_t *peers, uint32_t *flags) {
  uint32_t i = blockIdx.x * blockDim.x + threadIdx.x, x = in[i];
  uint32_t same = __match_any_sync(0xffffffffu, x);
  int is_one;
  uint32_t all = __match_all_sync(0xffffffffu, x / 64, &is_one);
  peers[i] = same;
  flags[i] = (uint32_t)__any_sync(0xffffffffu, x == 5) | (uint32_t)__all_sync(0xffffffffu, x < 64) << 1 |
             (uint32_t)is_one << 2 | (uint32_t)(all == 0xffffffffu) << 3;
}

// Half a warp talks while the other half does.
extern "C" __global__ void compact_halves(const uint32_t *in, uint32_t *out) {
  uint32_t lane = threadIdx.x % 32, x = in[threadIdx.x];
  if (lane < 16) {
    for (int step = 8; step > 0; step /= 2) x += __shfl_xor_sync(0x0000ffffu, x, step);
  } else {
    for (int step = 8; step > 0; step /= 2) x = max(x, __shfl_xor_sync(0xffff0000u, x, step));
  }
  __syncwarp();
  out[threadIdx.x] = x;
}
