/* How fast is each instruction-set level of the host's kernels, on one core, in cache?

   Kernels are called straight from the host image, one block on this thread: no driver, no pool. The argument
   is the level: 2, 3, 4. */
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "kernels/images.h"
#include "kernels/params.h"
#include "runtime/driver/host.h"

static const lazyi_host_block whole_grid = {.count = 1, .threads = 256, .order = LAZYI_HOST_ORDER_FORWARD};

static const lazyi_host_kernel *kernel_at(bench_state *state, const char *name) {
  const int level = (int)bench_argument(state) - 2;
  if (level > lazyi_host_level() || lazyi_kernels_host_image.levels[level] == NULL) {
    bench_label(state, "this processor does not run the level");
    return NULL;
  }
  for (uint32_t i = 0; i < lazyi_kernels_host_image.kernel_count; i++)
    if (strcmp(lazyi_kernels_host_image.levels[level][i].name, name) == 0)
      return &lazyi_kernels_host_image.levels[level][i];
  return NULL;
}

enum { CACHED_BYTES = 1 << 18 };

/* One segment that stays in the second-level cache. */
static void draw(bench_state *state, uint8_t rule, lazy_dtype dtype, double a) {
  const lazyi_host_kernel *kernel = kernel_at(state, "lazy_k_init_params");
  if (kernel == NULL) return;
  const uint64_t count = CACHED_BYTES / lazy_dtype_bytes(dtype);
  unsigned char *memory = aligned_alloc(256, CACHED_BYTES);
  struct lazy_init_segment segment = {
      .count = count, .path_hash = 7, .a = a, .b = 0.02, .dtype = (uint8_t)dtype, .rule = rule};
  const struct lazy_k_init_params_params params = {
      (uintptr_t)&segment, (uintptr_t)memory, 42, 1, (uint32_t)(count / LAZY_INIT_TILE), 0};
  memset(memory, 0xff, CACHED_BYTES);
  kernel->run(&params, &whole_grid);
  BENCH_CHECK(state, memory[0] != 0xff || memory[1] != 0xff);
  BENCH_CHECK(state, memory[CACHED_BYTES - 1] != 0xff);
  while (bench_next(state)) {
    kernel->run(&params, &whole_grid);
    bench_keep(memory);
  }
  bench_items(state, count);
  bench_bytes(state, CACHED_BYTES);
  free(memory);
}

BENCH_OVER(uniform_f32, 2, 3, 4) { draw(state, LAZY_INIT_UNIFORM, LAZY_DTYPE_F32, 0); }
BENCH_OVER(uniform_bf16, 2, 3, 4) { draw(state, LAZY_INIT_UNIFORM, LAZY_DTYPE_BF16, 0); }
BENCH_OVER(uniform_f16, 2, 3, 4) { draw(state, LAZY_INIT_UNIFORM, LAZY_DTYPE_F16, 0); }
BENCH_OVER(uniform_f64, 2, 3, 4) { draw(state, LAZY_INIT_UNIFORM, LAZY_DTYPE_F64, 0); }
BENCH_OVER(normal_f32, 2, 3, 4) { draw(state, LAZY_INIT_NORMAL, LAZY_DTYPE_F32, 0); }
BENCH_OVER(normal_bf16, 2, 3, 4) { draw(state, LAZY_INIT_NORMAL, LAZY_DTYPE_BF16, 0); }
BENCH_OVER(normal_f64, 2, 3, 4) { draw(state, LAZY_INIT_NORMAL, LAZY_DTYPE_F64, 0); }
BENCH_OVER(constant_f32, 2, 3, 4) { draw(state, LAZY_INIT_CONSTANT, LAZY_DTYPE_F32, 0.1); }
BENCH_OVER(zero_f32, 2, 3, 4) { draw(state, LAZY_INIT_CONSTANT, LAZY_DTYPE_F32, 0); }

/* The parameters of 1,000 small modules; items are segments. */
BENCH_OVER(two_thousand_segments_of_four, 2, 3, 4) {
  enum { SEGMENTS = 2000 };
  const lazyi_host_kernel *kernel = kernel_at(state, "lazy_k_init_params");
  if (kernel == NULL) return;
  struct lazy_init_segment *segments = calloc(SEGMENTS, sizeof *segments);
  float *memory = aligned_alloc(256, SEGMENTS * LAZY_PARAM_ALIGNMENT);
  for (uint32_t i = 0; i < SEGMENTS; i++)
    segments[i] = (struct lazy_init_segment){.offset = (uint64_t)i * LAZY_PARAM_ALIGNMENT,
                                             .count = 4,
                                             .path_hash = i * 0x9E3779B97F4A7C15u,
                                             .b = 0.5,
                                             .first_tile = i,
                                             .dtype = LAZY_DTYPE_F32,
                                             .rule = LAZY_INIT_UNIFORM};
  const struct lazy_k_init_params_params params = {
      (uintptr_t)segments, (uintptr_t)memory, 42, SEGMENTS, SEGMENTS, 0};
  while (bench_next(state)) {
    kernel->run(&params, &whole_grid);
    bench_keep(memory);
  }
  bench_items(state, SEGMENTS);
  free(segments);
  free(memory);
}

/* items are multiplications with their additions. */
BENCH_OVER(plain_product_f32_512, 2, 3, 4) {
  enum { N = 512 };
  const lazyi_host_kernel *kernel = kernel_at(state, "lazy_k_gemm");
  if (kernel == NULL) return;
  float *a = calloc(N * N, 4), *b = calloc(N * N, 4), *c = calloc(N * N, 4);
  for (int i = 0; i < N; i++) a[i * N + i] = 2, b[i * N + i] = 3;
  const struct lazy_k_gemm_params params = {.a = (uintptr_t)a,
                                            .b = (uintptr_t)b,
                                            .c = (uintptr_t)c,
                                            .m = N,
                                            .n = N,
                                            .k = N,
                                            .batch = 1,
                                            .a_row = N,
                                            .b_row = N,
                                            .c_row = N,
                                            .alpha = 1,
                                            .b_transposed = 1,
                                            .dtype = LAZY_DTYPE_F32};
  while (bench_next(state)) {
    kernel->run(&params, &whole_grid);
    bench_keep(c);
  }
  BENCH_CHECK(state, c[0] == 6 && c[1] == 0);
  bench_items(state, (uint64_t)N * N * N);
  free(a);
  free(b);
  free(c);
}
