// c = a b (f16 into f32) as fast kernels are written: cp.async into two buffers in turn, ldmatrix, mma.sync.
#include <cuda_fp16.h>
#include <stdint.h>

enum { M = 16, N = 8, K = 16, ROOM = 24 };  // a tile's rows are 24 halves apart

__device__ uint32_t shared_address(const void *p) { return (uint32_t)__cvta_generic_to_shared(p); }

__device__ void copy_16(void *to, const void *from, uint32_t bytes) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from),
               "r"(bytes)
               : "memory");
}
__device__ void commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int N>
__device__ void wait_for() {
  asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

// A warp a block; a is m x k, b is n x k (b's columns one after another), c is m x n; k is a multiple of 8.
extern "C" __global__ void pipeline(const __half *a, const __half *b, float *c, int n, int k) {
  __shared__ __align__(16) __half tile_a[2][M][ROOM], tile_b[2][N][ROOM];
  int row = blockIdx.y * M, column = blockIdx.x * N, lane = threadIdx.x, steps = (k + K - 1) / K;
  float sum[4] = {0, 0, 0, 0};
  auto fetch = [&](int step) {
    int half = lane % 2 * 8, at = step * K + half;
    uint32_t bytes = at < k ? 16 : 0;  // beyond the end zeros are filled in
    const __half *from_a = a + (row + lane / 2) * k + (bytes != 0 ? at : 0);
    copy_16(&tile_a[step % 2][lane / 2][half], from_a, bytes);
    if (lane < 16)
      copy_16(&tile_b[step % 2][lane / 2][half], b + (column + lane / 2) * k + (bytes != 0 ? at : 0), bytes);
    commit();
  };
  fetch(0);
  for (int step = 0; step < steps; step++) {
    if (step + 1 < steps) {
      fetch(step + 1);
      wait_for<1>();
    } else {
      wait_for<0>();
    }
    __syncwarp();
    uint32_t fragment_a[4], fragment_b[2];
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(fragment_a[0]), "=r"(fragment_a[1]), "=r"(fragment_a[2]), "=r"(fragment_a[3])
                 : "r"(shared_address(&tile_a[step % 2][lane % 16][lane / 16 * 8])));
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
                 : "=r"(fragment_b[0]), "=r"(fragment_b[1])
                 : "r"(shared_address(&tile_b[step % 2][lane % 8][lane / 8 % 2 * 8])));
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, "
        "%3};"
        : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
        : "r"(fragment_a[0]), "r"(fragment_a[1]), "r"(fragment_a[2]), "r"(fragment_a[3]), "r"(fragment_b[0]),
          "r"(fragment_b[1]));
    __syncwarp();
  }
  for (int i = 0; i < 4; i++) c[(row + lane / 4 + i / 2 * 8) * n + column + lane % 4 * 2 + i % 2] = sum[i];
}

// The same copies, but nobody waits for them: what is read is not what was copied.
extern "C" __global__ void pipeline_forgets(const uint4 *in, uint4 *out) {
  __shared__ uint4 buffer[32];
  copy_16(&buffer[threadIdx.x], &in[threadIdx.x], 16);
  commit();
  out[threadIdx.x] = buffer[threadIdx.x];
  wait_for<0>();
}
