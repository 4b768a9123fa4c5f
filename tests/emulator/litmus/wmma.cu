// Products by nvcuda::wmma, each warp a tile of c.
#include <mma.h>
#include <stdint.h>

using namespace nvcuda;

// a: m x k, row by row; b: k x n, column by column; c: m x n, row by row.
template <int M, int N, typename T>
__device__ void product(const __half *a, const __half *b, T *c, int n, int k) {
  wmma::fragment<wmma::matrix_a, M, N, 16, __half, wmma::row_major> tile_a;
  wmma::fragment<wmma::matrix_b, M, N, 16, __half, wmma::col_major> tile_b;
  wmma::fragment<wmma::accumulator, M, N, 16, T> sum;
  int row = blockIdx.y * M, column = (blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32) * N;
  if (column >= n) return;
  wmma::load_matrix_sync(sum, c + row * n + column, n, wmma::mem_row_major);
  for (int at = 0; at < k; at += 16) {
    wmma::load_matrix_sync(tile_a, a + row * k + at, k);
    wmma::load_matrix_sync(tile_b, b + column * k + at, k);
    wmma::mma_sync(sum, tile_a, tile_b, sum);
  }
  for (int i = 0; i < sum.num_elements; i++) sum.x[i] = sum.x[i] * (T)2.f;
  wmma::store_matrix_sync(c + row * n + column, sum, n, wmma::mem_row_major);
}

extern "C" __global__ void wmma_16(const __half *a, const __half *b, float *c, int n, int k) {
  product<16, 16, float>(a, b, c, n, k);
}
extern "C" __global__ void wmma_32(const __half *a, const __half *b, float *c, int n, int k) {
  product<32, 8, float>(a, b, c, n, k);
}
extern "C" __global__ void wmma_8(const __half *a, const __half *b, __half *c, int n, int k) {
  product<8, 32, __half>(a, b, c, n, k);
}

// By way of shared memory; a column by column, b row by row, c column by column.
extern "C" __global__ void wmma_shared(const __half *a, const __half *b, float *c) {
  __shared__ __align__(32) __half shared_a[16 * 24], shared_b[16 * 24];
  __shared__ __align__(32) float shared_c[16 * 16];
  for (int i = threadIdx.x; i < 256; i += 32) {
    shared_a[i / 16 * 24 + i % 16] = a[i];
    shared_b[i / 16 * 24 + i % 16] = b[i];
  }
  __syncwarp();
  wmma::fragment<wmma::matrix_a, 16, 16, 16, __half, wmma::col_major> tile_a;
  wmma::fragment<wmma::matrix_b, 16, 16, 16, __half, wmma::row_major> tile_b;
  wmma::fragment<wmma::accumulator, 16, 16, 16, float> sum;
  wmma::fill_fragment(sum, 1.f);
  wmma::load_matrix_sync(tile_a, shared_a, 24);
  wmma::load_matrix_sync(tile_b, shared_b, 24);
  wmma::mma_sync(sum, tile_a, tile_b, sum);
  wmma::store_matrix_sync(shared_c, sum, 16, wmma::mem_col_major);
  __syncwarp();
  for (int i = threadIdx.x; i < 256; i += 32) c[i] = shared_c[i];
}

// Integers: a row by row, b column by column.
extern "C" __global__ void wmma_bytes(const int8_t *a, const int8_t *b, int32_t *c) {
  wmma::fragment<wmma::matrix_a, 16, 16, 16, signed char, wmma::row_major> tile_a;
  wmma::fragment<wmma::matrix_b, 16, 16, 16, signed char, wmma::col_major> tile_b;
  wmma::fragment<wmma::accumulator, 16, 16, 16, int> sum;
  wmma::fill_fragment(sum, 5);
  wmma::load_matrix_sync(tile_a, (const signed char *)a, 16);
  wmma::load_matrix_sync(tile_b, (const signed char *)b, 16);
  wmma::mma_sync(sum, tile_a, tile_b, sum);
  wmma::store_matrix_sync(c, sum, 16, wmma::mem_row_major);
}

#if __CUDA_ARCH__ >= 800
extern "C" __global__ void wmma_bfloat(const __nv_bfloat16 *a, const __nv_bfloat16 *b, float *c) {
  wmma::fragment<wmma::matrix_a, 8, 32, 16, __nv_bfloat16, wmma::row_major> tile_a;
  wmma::fragment<wmma::matrix_b, 8, 32, 16, __nv_bfloat16, wmma::row_major> tile_b;
  wmma::fragment<wmma::accumulator, 8, 32, 16, float> sum;
  wmma::fill_fragment(sum, 0.f);
  wmma::load_matrix_sync(tile_a, a, 16);
  wmma::load_matrix_sync(tile_b, b, 32);
  wmma::mma_sync(sum, tile_a, tile_b, sum);
  wmma::store_matrix_sync(c, sum, 32, wmma::mem_row_major);
}

extern "C" __global__ void wmma_tf32(const float *a, const float *b, float *c) {
  wmma::fragment<wmma::matrix_a, 16, 16, 8, wmma::precision::tf32, wmma::row_major> tile_a;
  wmma::fragment<wmma::matrix_b, 16, 16, 8, wmma::precision::tf32, wmma::col_major> tile_b;
  wmma::fragment<wmma::accumulator, 16, 16, 8, float> sum;
  wmma::fill_fragment(sum, 0.f);
  wmma::load_matrix_sync(tile_a, a, 8);
  wmma::load_matrix_sync(tile_b, b, 8);
  for (int i = 0; i < tile_a.num_elements; i++) tile_a.x[i] = wmma::__float_to_tf32(tile_a.x[i]);
  for (int i = 0; i < tile_b.num_elements; i++) tile_b.x[i] = wmma::__float_to_tf32(tile_b.x[i]);
  wmma::mma_sync(sum, tile_a, tile_b, sum);
  wmma::store_matrix_sync(c, sum, 16, wmma::mem_row_major);
}

extern "C" __global__ void wmma_double(const double *a, const double *b, double *c) {
  wmma::fragment<wmma::matrix_a, 8, 8, 4, double, wmma::row_major> tile_a;
  wmma::fragment<wmma::matrix_b, 8, 8, 4, double, wmma::col_major> tile_b;
  wmma::fragment<wmma::accumulator, 8, 8, 4, double> sum;
  wmma::load_matrix_sync(tile_a, a, 4);
  wmma::load_matrix_sync(tile_b, b, 4);
  wmma::load_matrix_sync(sum, c, 8, wmma::mem_row_major);
  wmma::mma_sync(sum, tile_a, tile_b, sum);
  wmma::store_matrix_sync(c, sum, 8, wmma::mem_row_major);
}
#endif
