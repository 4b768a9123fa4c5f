/* The kernels of driver_fixture.h for a GPU: the same names, parameters and results. */
#include <cstdint>

struct fixture_affine {
  uint64_t to, from, count, multiplier, addend;
};
extern "C" __global__ void affine(const __grid_constant__ fixture_affine p) {
  uint64_t *to = (uint64_t *)p.to;
  const uint64_t *from = (const uint64_t *)p.from;
  for (uint64_t i = (uint64_t)blockIdx.x * blockDim.x + threadIdx.x; i < p.count;
       i += (uint64_t)gridDim.x * blockDim.x)
    to[i] = p.multiplier * (from != nullptr ? from[i] : 0) + p.addend;
}

struct fixture_visit {
  uint64_t counts, order, counter;
};
extern "C" __global__ void visit(const __grid_constant__ fixture_visit p) {
  if (threadIdx.x != 0) return;
  ((uint32_t *)p.counts)[blockIdx.x]++;
  if (p.order != 0) ((uint32_t *)p.order)[atomicAdd((uint32_t *)p.counter, 1)] = blockIdx.x;
}

struct fixture_large {
  uint64_t to;
  unsigned char payload[4088];
};
extern "C" __global__ void large(const __grid_constant__ fixture_large p) {
  if (blockIdx.x != 0) return;
  for (uint32_t i = threadIdx.x; i < sizeof p.payload; i += blockDim.x)
    ((unsigned char *)p.to)[i] = p.payload[i];
}

extern "C" __global__ void nothing() {}
