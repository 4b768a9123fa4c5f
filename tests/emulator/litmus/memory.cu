// Kinds of memory: dynamic shared, constant tables, module variables, local arrays, vectors, structures.
#include <stdint.h>

__constant__ float weights[8] = {0.5f, -1.f, 2.f, 4.f, -8.f, 0.25f, 3.f, 1.f};
__constant__ uint16_t table[4][3] = {{1, 2, 3}, {10, 20, 30}, {100, 200, 300}, {1000, 2000, 3000}};
__device__ int32_t counter = 7;
__device__ const char *names[3] = {"zero", "one", "two"};

struct element {
  uint8_t tag;
  double value;
  short3 shorts;
};

extern "C" __global__ void memory_dynamic(const float *in, float *out) {
  extern __shared__ float4 buffer[];  // threads floats, then threads bytes
  float *floats = (float *)buffer;
  uint8_t *bytes = (uint8_t *)(floats + blockDim.x);
  uint32_t i = threadIdx.x, other = blockDim.x - 1 - i;
  floats[i] = in[blockIdx.x * blockDim.x + i];
  bytes[i] = (uint8_t)(i * 7);
  __syncthreads();
  out[blockIdx.x * blockDim.x + i] = floats[other] + bytes[other];
}

extern "C" __global__ void memory_constant(const uint32_t *in, float *out) {
  uint32_t x = in[threadIdx.x];
  out[threadIdx.x] = weights[x % 8] * table[x / 8 % 4][x % 3];
}

extern "C" __global__ void memory_variables(int32_t *out, uint8_t *letters) {
  int32_t before = atomicAdd(&counter, 1);
  atomicMax(out, before);
  const char *name = names[threadIdx.x % 3];
  letters[threadIdx.x] = (uint8_t)name[threadIdx.x / 3 % 3];
}

// An array whose places are not known to the compiler lies in local memory.
extern "C" __global__ void memory_local(const uint32_t *in, uint32_t *out, uint32_t count) {
  uint32_t local[16];
  for (uint32_t i = 0; i < 16; i++) local[i] = i * i;
  for (uint32_t i = 0; i < count; i++) local[in[threadIdx.x * count + i] % 16] += i + threadIdx.x;
  uint32_t sum = 0;
  for (uint32_t i = 0; i < 16; i++) sum = sum * 31 + local[(i + in[threadIdx.x * count]) % 16];
  out[threadIdx.x] = sum;
}

extern "C" __global__ void memory_structures(const element *in, element *out, int4 *vectors,
                                             element by_value) {
  element x = in[threadIdx.x];
  x.value = x.value * by_value.value + x.tag;
  x.tag = (uint8_t)(x.tag + by_value.tag);
  x.shorts.y = (short)(x.shorts.x + by_value.shorts.z);
  out[threadIdx.x] = x;
  int4 v = vectors[threadIdx.x];
  vectors[threadIdx.x] = make_int4(v.w, v.z, v.y, v.x);
}
