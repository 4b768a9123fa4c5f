// Philox4x32-10 of consecutive counters.
#include <stdint.h>

extern "C" __global__ void philox(uint4 *out, uint32_t count, uint4 counter, uint2 key) {
  uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  uint4 x = counter;
  x.x += i;  // the caller sees to it that this does not carry
  uint32_t k0 = key.x, k1 = key.y;
#pragma unroll
  for (int round = 0; round < 10; round++) {
    uint32_t high0 = __umulhi(0xD2511F53u, x.x), low0 = 0xD2511F53u * x.x;
    uint32_t high1 = __umulhi(0xCD9E8D57u, x.z), low1 = 0xCD9E8D57u * x.z;
    x = make_uint4(high1 ^ x.y ^ k0, low1, high0 ^ x.w ^ k1, low0);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  out[i] = x;
}
