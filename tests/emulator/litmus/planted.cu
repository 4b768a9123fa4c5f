// Bugs, one a kernel; a checker has to find each, at the line that says so.
#include <stdint.h>

// Nothing stands between the stores of the tile and its loads.
extern "C" __global__ void missing_barrier(const float *in, float *out) {
  __shared__ float tile[64];
  tile[threadIdx.x] = 0;
  __syncthreads();
  tile[threadIdx.x] = in[threadIdx.x];        // bug
  out[threadIdx.x] = tile[63 - threadIdx.x];  // bug
}

// The tile is stored anew before all have read it: a barrier before it, none behind.
extern "C" __global__ void missing_second_barrier(const float *in, float *out, uint32_t rounds) {
  __shared__ float tile[64];
  float sum = 0;
#pragma unroll 1
  for (uint32_t i = 0; i < rounds; i++) {
    tile[threadIdx.x] = in[i * 64 + threadIdx.x];  // bug
    __syncthreads();
    sum += tile[63 - threadIdx.x];
  }
  out[threadIdx.x] = sum;
}

// As code for GPUs before sm_70 counted on: lanes of a warp run together.
extern "C" __global__ void missing_syncwarp(const uint32_t *in, uint32_t *out) {
  __shared__ uint32_t values[32];
  values[threadIdx.x] = in[threadIdx.x];
  if (threadIdx.x < 16) values[threadIdx.x] += values[threadIdx.x + 16];  // bug
  __syncwarp();
  out[threadIdx.x] = values[threadIdx.x];
}

// Blocks add to one sum, and one forgets that others do.
extern "C" __global__ void missing_atomic(uint32_t *sum) {
  if (blockIdx.x == 0) atomicAdd(sum, 1u);
  else sum[0] += 1;  // bug
}

// A flag says that the value is there, but no fence stands between the two.
extern "C" __global__ void missing_fence(uint32_t *value, uint32_t *flag, uint32_t *out) {
  if (blockIdx.x == 0) {
    *value = 7;
    atomicExch(flag, 1u);
  } else {
    while (atomicAdd(flag, 0u) == 0) continue;
    *out = *(volatile uint32_t *)value;  // bug
  }
}

extern "C" __global__ void one_past_the_end(uint32_t *out, uint32_t count) {
  uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i <= count) out[i] = i;  // bug
}

extern "C" __global__ void one_past_the_tile(uint32_t *out) {
  extern __shared__ uint32_t tile[];
  tile[threadIdx.x + 1] = threadIdx.x;  // bug
  __syncthreads();
  out[threadIdx.x] = tile[threadIdx.x];
}

// The last element was never stored.
extern "C" __global__ void unwritten_tile(uint32_t *out) {
  __shared__ uint32_t tile[64];
  if (threadIdx.x < 63) tile[threadIdx.x] = threadIdx.x;
  __syncthreads();
  out[threadIdx.x] = tile[63 - threadIdx.x];  // bug
}

extern "C" __global__ void copies(const uint32_t *in, uint32_t *out, uint32_t count) {
  uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) out[i] = in[i];  // bug
}

// Half of the second warp goes another way.
extern "C" __global__ void divergent_barrier(uint32_t *out) {
  __shared__ uint32_t sum;
  if (threadIdx.x == 0) sum = 0;
  __syncthreads();
  if (threadIdx.x < 48) {
    atomicAdd(&sum, 1u);
    __syncthreads();  // bug
    out[threadIdx.x] = sum;
  }
}

extern "C" __global__ void misaligned(const uint8_t *in, uint32_t *out) {
  out[threadIdx.x] = *(const uint32_t *)(in + 2 * threadIdx.x);  // bug
}

extern "C" __global__ void fills(uint32_t *out, uint32_t value, uint32_t count) {
  uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) out[i] = value;  // bug
}
