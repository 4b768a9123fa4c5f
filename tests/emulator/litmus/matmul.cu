// c = a b by tiles in shared memory; sizes need not be multiples of the tile.
#include <stdint.h>

enum { TILE = 16 };

extern "C" __global__ void matmul(const float *a, const float *b, float *c, int m, int n, int k) {
  __shared__ float tile_a[TILE][TILE], tile_b[TILE][TILE];
  int row = blockIdx.y * TILE + threadIdx.y, column = blockIdx.x * TILE + threadIdx.x;
  float sum = 0;
  for (int at = 0; at < k; at += TILE) {
    int ka = at + threadIdx.x, kb = at + threadIdx.y;
    tile_a[threadIdx.y][threadIdx.x] = row < m && ka < k ? a[(int64_t)row * k + ka] : 0.f;
    tile_b[threadIdx.y][threadIdx.x] = kb < k && column < n ? b[(int64_t)kb * n + column] : 0.f;
    __syncthreads();
#pragma unroll
    for (int i = 0; i < TILE; i++) sum = fmaf(tile_a[threadIdx.y][i], tile_b[i][threadIdx.x], sum);
    __syncthreads();
  }
  if (row < m && column < n) c[(int64_t)row * n + column] = sum;
}
