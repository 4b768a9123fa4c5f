// Integer division of every width, and wide products.
#include <stdint.h>

extern "C" __global__ void divide_64(const uint64_t *a, const uint64_t *b, uint64_t *quotients,
                                     int64_t *signed_out, uint64_t *high, uint32_t count) {
  uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  quotients[2 * i] = a[i] / b[i];
  quotients[2 * i + 1] = a[i] % b[i];
  signed_out[2 * i] = (int64_t)a[i] / ((int64_t)b[i] | 1);
  signed_out[2 * i + 1] = (int64_t)a[i] % ((int64_t)b[i] | 1);
  high[2 * i] = __umul64hi(a[i], b[i]);
  high[2 * i + 1] = (uint64_t)__mul64hi((long long)a[i], (long long)b[i]);
}

extern "C" __global__ void divide_32(const uint32_t *a, const uint32_t *b, uint32_t *out, uint32_t count) {
  uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  out[4 * i] = a[i] / b[i];
  out[4 * i + 1] = a[i] % 1000003u;
  out[4 * i + 2] = (uint32_t)((int32_t)a[i] / 10);
  out[4 * i + 3] = (uint32_t)((int16_t)a[i] % ((int16_t)b[i] | 1));
}

// 128 bits by 64, as __int128 has it.
extern "C" __global__ void divide_128(const uint64_t *a, const uint64_t *b, uint64_t *out, uint32_t count) {
  uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  unsigned __int128 x = (unsigned __int128)a[2 * i] << 64 | a[2 * i + 1];
  unsigned __int128 sum = x + ((unsigned __int128)b[i] << 17) * 12345u;
  sum = (sum << 5 | sum >> 123) - x;
  out[2 * i] = (uint64_t)(sum >> 64);
  out[2 * i + 1] = (uint64_t)sum;
}
