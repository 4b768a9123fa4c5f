// Calls: functions that are not inlined, pointers to functions, values in and out by reference; a switch.
#include <stdint.h>

__device__ __noinline__ uint32_t gcd(uint32_t a, uint32_t b) {
  while (b != 0) {
    uint32_t r = a % b;
    a = b;
    b = r;
  }
  return a;
}

struct pair {
  uint64_t low;
  int32_t high;
};

__device__ __noinline__ pair split(uint64_t x, int32_t by) {
  pair p;
  p.low = x & ((1ull << by) - 1);
  p.high = (int32_t)(x >> by);
  return p;
}

__device__ __noinline__ void swap_if(bool condition, float *a, float *b) {
  if (!condition) return;
  float x = *a;
  *a = *b;
  *b = x;
}

__device__ __noinline__ int32_t twice(int32_t x) { return 2 * x; }
__device__ __noinline__ int32_t square(int32_t x) { return x * x; }
__device__ __noinline__ int32_t negative(int32_t x) { return -twice(x) + square(3); }
typedef int32_t (*function)(int32_t);

extern "C" __global__ void functions_gcd(const uint32_t *a, const uint32_t *b, uint32_t *out,
                                         uint32_t count) {
  uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) out[i] = gcd(a[i], b[i]);
}

extern "C" __global__ void functions_structures(const uint64_t *in, int64_t *out) {
  pair p = split(in[threadIdx.x], 8 + (int32_t)threadIdx.x % 40);
  float a = (float)p.high, b = (float)(p.low & 0xffff);
  swap_if(a > b, &a, &b);
  out[threadIdx.x] = (int64_t)p.low + p.high + (int64_t)(b - a);
}

extern "C" __global__ void functions_indirect(const int32_t *in, int32_t *out) {
  function all[3] = {twice, square, negative};
  out[threadIdx.x] = all[threadIdx.x % 3](in[threadIdx.x]);
}

extern "C" __global__ void functions_switch(const uint32_t *in, uint32_t *out) {
  uint32_t x = in[threadIdx.x];
  switch (x % 9) {
    case 0: x = gcd(x, 36); break;
    case 1: x = x * x + 1; break;
    case 2: x = x / 7; break;
    case 3: x = __brev(x); break;
    case 4: x = ~x; break;
    case 5: x = (uint32_t)__clz((int)x); break;
    case 6: x ^= 0x5555u;
    case 7: x += 11; break;
    default: return;
  }
  out[threadIdx.x] = x;
}
