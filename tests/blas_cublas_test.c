/* The cuBLAS provider, through the door that opens the real library, on a library with cuBLAS's ABI
   (fake_cublas.c): every combination of type, transposes, leading dimensions, batch steps and bias against
   float64 loops. */
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/blas/blas.h"
#include "tests/check_device.h"
#include "tests/fake_cublas.h"
#include "tests/number_reference.h"

enum { ROOM = 1024, PARTS = 4, WORKSPACE = 64 << 10 };

typedef struct bench {
  lazyi_device device;
  lazyi_launcher launcher;
  lazyi_blas *blas;
  lazy_driver_stream stream;
  lazy_driver_address memory, workspace;
  fake_cublas *fake;
  void *library;
} bench;

/* The host device with a launcher that takes it for a GPU from here on. */
static bool set_up(check_env *env, bench *out) {
  *out = (bench){0};
  if (env->is_gpu) {
    check_skip(CHECK_HERE,
               "the library in cuBLAS's place follows device memory; blas_test.c has the real one");
    return false;
  }
  out->library = dlopen(LAZYRT_FAKE_CUBLAS, RTLD_NOW | RTLD_LOCAL);
  if (!EXPECT_TRUE(out->library != NULL)) return false;
  out->fake = dlsym(out->library, "fake_cublas_state");
  bool up = EXPECT_OK(lazyi_device_open(env->device, &out->device)) &&
            EXPECT_OK(lazyi_device_enter(&out->device)) &&
            EXPECT_OK(lazyi_launcher_init(&out->device, &out->launcher));
  if (!up) return false;
  out->device.is_host = false;
  *out->fake =
      (fake_cublas){.launch_host_func = out->device.driver->launch_host_func, .wrote = check_device()->wrote};
  setenv("LAZYRT_CUBLAS_LIBRARY", LAZYRT_FAKE_CUBLAS, 1);
  return EXPECT_OK(
             LAZYI_DRIVER(&out->device, stream_create, &out->stream, LAZY_DRIVER_STREAM_NON_BLOCKING)) &&
         EXPECT_OK(LAZYI_DRIVER(&out->device, mem_alloc, &out->memory, (size_t)ROOM * 8 * PARTS)) &&
         EXPECT_OK(LAZYI_DRIVER(&out->device, mem_alloc, &out->workspace, WORKSPACE));
}

static void tear_down(bench *used) {
  EXPECT_OK(LAZYI_DRIVER(&used->device, stream_synchronize, used->stream));
  lazyi_blas_destroy(used->blas);
  EXPECT_EQ(used->fake->live_handles, 0);
  EXPECT_OK(LAZYI_DRIVER(&used->device, mem_free, used->memory));
  EXPECT_OK(LAZYI_DRIVER(&used->device, mem_free, used->workspace));
  EXPECT_OK(LAZYI_DRIVER(&used->device, stream_destroy, used->stream));
  lazyi_launcher_deinit(&used->launcher);
  lazyi_device_leave(&used->device);
  lazyi_device_close(&used->device);
  unsetenv("LAZYRT_CUBLAS_LIBRARY");
  used->fake->launch_host_func = NULL;
  dlclose(used->library);
}

static double get(const char *at, lazy_dtype dtype, int64_t i) {
  uint16_t bits;
  if (dtype == LAZY_DTYPE_F64) return ((const double *)(const void *)at)[i];
  if (dtype == LAZY_DTYPE_F32) return ((const float *)(const void *)at)[i];
  memcpy(&bits, at + 2 * i, 2);
  return dtype == LAZY_DTYPE_F16 ? reference_value(bits, 5, 10) : reference_value(bits, 8, 7);
}
static void put(char *at, lazy_dtype dtype, int64_t i, double value) {
  if (dtype == LAZY_DTYPE_F64) ((double *)(void *)at)[i] = value;
  else if (dtype == LAZY_DTYPE_F32) ((float *)(void *)at)[i] = (float)value;
  else {
    uint16_t bits = dtype == LAZY_DTYPE_F16 ? reference_round(value, 5, 10) : reference_round(value, 8, 7);
    memcpy(at + 2 * i, &bits, 2);
  }
}
static double unit_of(lazy_dtype dtype) {
  return dtype == LAZY_DTYPE_F64   ? 0x1p-53
         : dtype == LAZY_DTYPE_F32 ? 0x1p-24
         : dtype == LAZY_DTYPE_F16 ? 0x1p-11
                                   : 0x1p-8;
}

/* One product on fresh random operands; what lies between the rows of c must stand. True if all is right. */
static bool multiply(check_env *env, bench *used, lazyi_gemm g) {
  static char host[ROOM * 8 * PARTS], found[ROOM * 8];
  char *a = host, *b = a + ROOM * 8, *c = b + ROOM * 8, *bias = c + ROOM * 8;
  const size_t element = lazy_dtype_bytes(g.dtype);
  for (int part = 0; part < PARTS; part++)
    for (int i = 0; i < ROOM; i++) {
      double x = check_random_unit(env) * 2 - 1;
      put(host + part * ROOM * 8, g.dtype, i, part == 2 && g.beta == 0 ? NAN : x);
    }
  if (!EXPECT_OK(
          LAZYI_DRIVER(&used->device, memcpy_htod_async, used->memory, host, sizeof host, used->stream)) ||
      !EXPECT_OK(lazyi_blas_gemm(used->blas, &g, used->stream)) ||
      !EXPECT_OK(LAZYI_DRIVER(&used->device, memcpy_dtoh_async, found, g.c, sizeof found, used->stream)) ||
      !EXPECT_OK(LAZYI_DRIVER(&used->device, stream_synchronize, used->stream)))
    return false;
  static bool written[ROOM];
  memset(written, 0, sizeof written);
  for (int64_t z = 0; z < g.batch; z++)
    for (int64_t i = 0; i < g.m; i++)
      for (int64_t j = 0; j < g.n; j++) {
        double sum = 0, size = 0;
        for (int64_t l = 0; l < g.k; l++) {
          double x = get(a, g.dtype, z * g.a_batch + (g.a_transposed ? l * g.a_row + i : i * g.a_row + l));
          double y = get(b, g.dtype, z * g.b_batch + (g.b_transposed ? j * g.b_row + l : l * g.b_row + j));
          sum += x * y, size += fabs(x * y);
        }
        const int64_t at = z * g.c_batch + i * g.c_row + j;
        double wanted = g.alpha * sum;
        if (g.beta != 0) wanted += g.beta * get(c, g.dtype, at);
        if (g.bias != 0) wanted += get(bias, g.dtype, j);
        written[at] = true;
        /* One rounding of the result, and those of sums in f32 or f64. */
        const double sums = g.dtype == LAZY_DTYPE_F64 ? 0x1p-53 : 0x1p-24;
        const double most = unit_of(g.dtype) * fabs(wanted) * 1.001 + sums * (double)(g.k + 4) * (size + 2);
        if (!(fabs(get(found, g.dtype, at) - wanted) <= most))
          return FAIL("element %d of %d, %d: found %g, wanted %g", (int)z, (int)i, (int)j,
                      get(found, g.dtype, at), wanted),
                 false;
      }
  for (int64_t i = 0; i < ROOM; i++)
    if (!written[i] && memcmp(found + i * (int64_t)element, c + i * (int64_t)element, element) != 0)
      return FAIL("element %d of c, which is not the result's, was written to", (int)i), false;
  return true;
}

static lazyi_gemm plain_call(const bench *used, lazy_dtype dtype, int64_t m, int64_t n, int64_t k) {
  return (lazyi_gemm){.a = used->memory,
                      .b = used->memory + ROOM * 8,
                      .c = used->memory + ROOM * 16,
                      .m = m,
                      .n = n,
                      .k = k,
                      .a_row = k,
                      .b_row = n,
                      .c_row = n,
                      .batch = 1,
                      .alpha = 1,
                      .dtype = dtype,
                      .workspace = used->workspace,
                      .workspace_bytes = WORKSPACE};
}

static void every_combination(check_env *env, bench *used) {
  static const lazy_dtype dtypes[] = {LAZY_DTYPE_F64, LAZY_DTYPE_F32, LAZY_DTYPE_F16, LAZY_DTYPE_BF16};
  int calls = 0, batched = 0;
  for (unsigned bits = 0; bits < 4 * 4 * 8 * 4 * 3; bits++) {
    unsigned rest = bits;
    lazyi_gemm g = plain_call(used, dtypes[rest % 4], check_random_between(env, 1, 9),
                              check_random_between(env, 1, 9), check_random_between(env, 1, 9));
    rest /= 4;
    g.a_transposed = rest & 1, g.b_transposed = rest & 2, rest /= 4;
    g.a_row = (g.a_transposed ? g.m : g.k) + (rest & 1 ? 3 : 0);
    g.b_row = (g.b_transposed ? g.k : g.n) + (rest & 2 ? 2 : 0);
    g.c_row = g.n + (rest & 4 ? 1 : 0), rest /= 8;
    if (rest & 1) g.alpha = -0.75;
    if (rest & 2) g.batch = 3;
    rest /= 4;
    if (g.batch > 1) { /* packed, with gaps, or one operand again and again */
      g.a_batch = check_random_below(env, 3) ? g.a_row * (g.a_transposed ? g.k : g.m) + 5 : 0;
      g.b_batch = check_random_below(env, 3) ? g.b_row * (g.b_transposed ? g.n : g.k) : 0;
      g.c_batch = g.c_row * g.m + check_random_between(env, 0, 7);
    }
    if (rest == 1) g.bias = used->memory + ROOM * 24;
    if (rest == 2) g.beta = 0.5;
    CHECK_CASE("%s %d x %d x %d, rows %d %d %d, transposed %d %d, batch %d of %d %d %d, %s",
               lazy_dtype_name(g.dtype), (int)g.m, (int)g.n, (int)g.k, (int)g.a_row, (int)g.b_row,
               (int)g.c_row, g.a_transposed, g.b_transposed, (int)g.batch, (int)g.a_batch, (int)g.b_batch,
               (int)g.c_batch,
               rest == 1   ? "bias"
               : rest == 2 ? "added to c"
                           : "plain");
    if (!multiply(env, used, g)) return;
    calls++, batched += g.batch > 1;
  }
  EXPECT_EQ(used->fake->products + used->fake->batched_products, calls);
  EXPECT_EQ(used->fake->batched_products, batched);
  EXPECT_EQ(used->fake->math_mode, 16); /* no TF32; f16 and bf16 summed in f32 throughout */
}

TEST_ON_DRIVERS(blas_cublas, every_combination_against_loops) {
  bench used;
  if (!set_up(env, &used)) return;
  ASSERT_OK(lazyi_blas_create(&used.launcher, &used.blas));
  EXPECT_STREQ(lazyi_blas_name(used.blas), "libfake_cublas.so (13.1.2)");
  every_combination(env, &used);
  tear_down(&used);
}

/* What cuBLAS has no call for is done by the project's kernel, and so is what it declines. */
TEST_ON_DRIVERS(blas_cublas, the_rest_goes_to_the_plain_kernel) {
  bench used;
  if (!set_up(env, &used)) return;
  ASSERT_OK(lazyi_blas_create(&used.launcher, &used.blas));
  for (int i = 0; i < 6; i++) {
    lazyi_gemm g = plain_call(&used, LAZY_DTYPE_F32, 5, 6, 7);
    switch (i) {
      case 0: g.workspace = 0; break;
      case 1: g.workspace_bytes = 1 << 10; break;
      case 2: g.bias = used.memory + ROOM * 24, g.beta = 2; break;
      case 3: g.k = 0; break;
      case 4: g.b_row = 4, g.batch = 1; break; /* rows that overlap */
      default: g.bias = used.memory + ROOM * 24, used.fake->refuse = 15; break;
    }
    CHECK_CASE("case %d", i);
    EXPECT_TRUE(multiply(env, &used, g));
    EXPECT_EQ(used.fake->products, i == 5);
  }
  used.fake->refuse = 8; /* ARCH_MISMATCH */
  EXPECT_TRUE(multiply(env, &used, plain_call(&used, LAZY_DTYPE_BF16, 3, 3, 3)));
  tear_down(&used);
}

TEST_ON_DRIVERS(blas_cublas, failures_name_the_call_and_the_status) {
  bench used;
  if (!set_up(env, &used)) return;
  ASSERT_OK(lazyi_blas_create(&used.launcher, &used.blas));
  lazyi_gemm g = plain_call(&used, LAZY_DTYPE_F32, 2, 2, 2);
  used.fake->refuse = 3;
  EXPECT_FAILS(lazyi_blas_gemm(used.blas, &g, used.stream), LAZY_STATUS_OUT_OF_MEMORY,
               "cublasGemmEx of libfake_cublas.so (13.1.2) failed: CUBLAS_STATUS_ALLOC_FAILED (3)");
  used.fake->refuse = 13;
  g.batch = 2, g.c_batch = 4;
  EXPECT_FAILS(
      lazyi_blas_gemm(used.blas, &g, used.stream), LAZY_STATUS_DEVICE,
      "cublasGemmStridedBatchedEx of libfake_cublas.so (13.1.2) failed: CUBLAS_STATUS_EXECUTION_FAILED");
  tear_down(&used);
}

TEST_ON_DRIVERS(blas_cublas, the_workspace_grows_with_the_result_to_a_limit) {
  bench used;
  if (!set_up(env, &used)) return;
  ASSERT_OK(lazyi_blas_create(&used.launcher, &used.blas));
  size_t before = 0;
  for (int64_t n = 1; n < 100000; n *= 3) {
    lazyi_gemm g = plain_call(&used, LAZY_DTYPE_F32, n, n, 5);
    size_t bytes = lazyi_blas_workspace_bytes(used.blas, &g);
    EXPECT_TRUE(bytes >= before && bytes >= 64 << 10 && bytes <= 32 << 20 && bytes % 256 == 0);
    before = bytes;
  }
  EXPECT_TRUE(before >= 4 << 20);
  lazyi_gemm huge = plain_call(&used, LAZY_DTYPE_F64, INT64_MAX / 2, INT64_MAX / 2, 1);
  EXPECT_EQ(lazyi_blas_workspace_bytes(used.blas, &huge), before);
  lazyi_gemm none = plain_call(&used, LAZY_DTYPE_F32, 3, 3, 0);
  EXPECT_EQ(lazyi_blas_workspace_bytes(used.blas, &none), 0u);
  tear_down(&used);
}

TEST_ON_DRIVERS(blas_cublas, a_library_that_cannot_be_used) {
  bench used;
  if (!set_up(env, &used)) return;
  /* There is no GPU, says cuBLAS. */
  used.fake->launch_host_func = NULL;
  EXPECT_FAILS(lazyi_blas_create(&used.launcher, &used.blas), LAZY_STATUS_NOT_FOUND,
               "cublasCreate failed: CUBLAS_STATUS_NOT_INITIALIZED (1)");
  setenv("LAZYRT_CUBLAS_LIBRARY", "/nowhere/libcublas.so.13", 1);
  EXPECT_FAILS(lazyi_blas_create(&used.launcher, &used.blas), LAZY_STATUS_NOT_FOUND,
               "LAZYRT_CUBLAS_LIBRARY: /nowhere/libcublas.so.13 cannot be opened");
  setenv("LAZYRT_CUBLAS_LIBRARY", "libm.so.6", 1);
  EXPECT_FAILS(lazyi_blas_create(&used.launcher, &used.blas), LAZY_STATUS_NOT_FOUND,
               "libm.so.6 has no cublasCreate_v2");
  EXPECT_TRUE(used.blas == NULL);
  /* One that was not asked for by name is passed over. */
  unsetenv("LAZYRT_CUBLAS_LIBRARY");
  ASSERT_OK(lazyi_blas_create(&used.launcher, &used.blas));
  lazyi_blas_destroy(used.blas);
  setenv("LAZYRT_CUBLAS_LIBRARY", "none", 1);
  ASSERT_OK(lazyi_blas_create(&used.launcher, &used.blas));
  EXPECT_STREQ(lazyi_blas_name(used.blas), "plain");
  EXPECT_TRUE(multiply(env, &used, plain_call(&used, LAZY_DTYPE_F16, 4, 4, 4)));
  tear_down(&used);
}
