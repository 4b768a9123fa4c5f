// printf, assert and trap.
#include <assert.h>
#include <stdint.h>
#include <stdio.h>

extern "C" __global__ void print(const double *in, uint32_t count) {
  uint32_t i = threadIdx.x;
  if (i >= count) return;
  printf("%u: %.3f %s %c 0x%08x %lld %%\n", i, in[i], i % 2 == 0 ? "even" : "odd", (char)('a' + i),
         i * 0x01010101u, -(long long)i << 40);
}

extern "C" __global__ void print_assert(const int32_t *in) {
  int32_t x = in[threadIdx.x];
  assert(x >= 0);
}

extern "C" __global__ void print_trap(const int32_t *in) {
  if (in[threadIdx.x] < 0) __trap();
}
