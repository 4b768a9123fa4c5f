/* Products through the seam, on every provider of a device and of matrix products. */
#include "runtime/blas/blas.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "tests/check.h"

typedef struct bench {
  lazyi_device device;
  lazyi_launcher launcher;
  lazyi_blas *blas;
  lazy_driver_stream stream;
  lazy_driver_address memory;
} bench;

enum { ROOM = 40000, PARTS = 4 };

static lazy_status set_up(check_env *env, bench *out) {
  LAZY_TRY(lazyi_device_open(env->device, &out->device));
  LAZY_TRY(lazyi_device_enter(&out->device));
  LAZY_TRY(lazyi_launcher_init(&out->device, &out->launcher));
  LAZY_TRY(lazyi_blas_create(&out->launcher, &out->blas));
  LAZY_TRY(LAZYI_DRIVER(&out->device, stream_create, &out->stream, LAZY_DRIVER_STREAM_NON_BLOCKING));
  return LAZYI_DRIVER(&out->device, mem_alloc, &out->memory, (size_t)ROOM * 8 * PARTS);
}

static void tear_down(bench *used) {
  EXPECT_OK(LAZYI_DRIVER(&used->device, stream_synchronize, used->stream));
  lazyi_blas_destroy(used->blas);
  EXPECT_OK(LAZYI_DRIVER(&used->device, mem_free, used->memory));
  EXPECT_OK(LAZYI_DRIVER(&used->device, stream_destroy, used->stream));
  lazyi_launcher_deinit(&used->launcher);
  lazyi_device_leave(&used->device);
  lazyi_device_close(&used->device);
}

static lazy_driver_address part(const bench *used, int i) {
  return used->memory + (uint64_t)ROOM * 8 * (uint64_t)i;
}

static double get(const char *at, lazy_dtype dtype, int64_t i) {
  return dtype == LAZY_DTYPE_F64 ? ((const double *)(const void *)at)[i]
                                 : ((const float *)(const void *)at)[i];
}

static void random_products(check_env *env) {
  bench used;
  ASSERT_OK(set_up(env, &used));
  char *host = malloc((size_t)ROOM * 8 * PARTS), *a = host, *b = host + ROOM * 8, *c = b + ROOM * 8,
       *bias = c + ROOM * 8;
  char *found = malloc((size_t)ROOM * 8);
  for (int round = 0; round < 40; round++) {
    lazyi_gemm g = {.a = part(&used, 0), .b = part(&used, 1), .c = part(&used, 2), .alpha = 1};
    g.dtype = round % 2 ? LAZY_DTYPE_F32 : LAZY_DTYPE_F64;
    g.m = round % 4 < 2 ? check_random_between(env, 1, 5) : check_random_between(env, 0, 60);
    g.n = round % 5 == 4 ? 1 : check_random_between(env, 0, 80);
    g.k = check_random_between(env, 0, 70);
    g.batch = check_random_between(env, 0, 3);
    g.a_transposed = check_random_below(env, 2);
    g.b_transposed = check_random_below(env, 2);
    g.a_row = (g.a_transposed ? g.m : g.k) + check_random_between(env, 0, 2);
    g.b_row = (g.b_transposed ? g.k : g.n) + check_random_between(env, 0, 2);
    g.c_row = g.n + check_random_between(env, 0, 2);
    g.a_batch = g.a_row * (g.a_transposed ? g.k : g.m);
    g.b_batch = check_random_below(env, 2) ? 0 : g.b_row * (g.b_transposed ? g.n : g.k);
    g.c_batch = g.c_row * g.m;
    if (check_random_below(env, 2)) g.alpha = check_random_unit(env);
    if (check_random_below(env, 2)) g.beta = check_random_unit(env);
    if (check_random_below(env, 2)) g.bias = part(&used, 3);
    for (int64_t i = 0; i < (int64_t)ROOM * PARTS; i++) {
      double x = check_random_unit(env) * 2 - 1;
      if (g.beta == 0 && i / ROOM == 2) x = NAN;
      if (g.dtype == LAZY_DTYPE_F64) ((double *)(void *)host)[i] = x;
      else ((float *)(void *)host)[i / ROOM * ROOM * 2 + i % ROOM] = (float)x;
    }
    CHECK_CASE("round %d: %s, %lld x %lld x %lld, batch %lld", round, lazy_dtype_name(g.dtype),
               (long long)g.m, (long long)g.n, (long long)g.k, (long long)g.batch);
    EXPECT_OK(LAZYI_DRIVER(&used.device, memcpy_htod_async, used.memory, host, (size_t)ROOM * 8 * PARTS,
                           used.stream));
    EXPECT_OK(lazyi_blas_gemm(used.blas, &g, used.stream));
    EXPECT_OK(LAZYI_DRIVER(&used.device, memcpy_dtoh_async, found, g.c, (size_t)ROOM * 8, used.stream));
    EXPECT_OK(LAZYI_DRIVER(&used.device, stream_synchronize, used.stream));
    const double unit = g.dtype == LAZY_DTYPE_F64 ? 0x1p-53 : 0x1p-24;
    int bad = 0;
    for (int64_t z = 0; z < g.batch; z++)
      for (int64_t i = 0; i < g.m; i++)
        for (int64_t j = 0; j < g.n; j++) {
          double sum = 0, size = 2;
          for (int64_t l = 0; l < g.k; l++) {
            const double x =
                get(a, g.dtype, z * g.a_batch + (g.a_transposed ? l * g.a_row + i : i * g.a_row + l));
            const double y =
                get(b, g.dtype, z * g.b_batch + (g.b_transposed ? j * g.b_row + l : l * g.b_row + j));
            sum += x * y, size += fabs(x * y);
          }
          const int64_t at = z * g.c_batch + i * g.c_row + j;
          double wanted = g.alpha * sum;
          if (g.beta != 0) wanted += g.beta * get(c, g.dtype, at);
          if (g.bias) wanted += get(bias, g.dtype, j);
          const double off = fabs(get(found, g.dtype, at) - wanted);
          if (!(off <= unit * ((double)g.k + 8) * size) && bad++ == 0)
            FAIL("element %lld, %lld: found %g, wanted %g", (long long)i, (long long)j,
                 get(found, g.dtype, at), wanted);
        }
  }
  free(host);
  free(found);
  tear_down(&used);
}

TEST_ON_DRIVERS(blas, products_by_the_library_that_is_there) { random_products(env); }

TEST_ON_DRIVERS(blas, products_without_a_library) {
  const char *variable = env->is_gpu ? "LAZYRT_CUBLAS_LIBRARY" : "LAZYRT_BLAS_LIBRARY";
  setenv(variable, "none", 1);
  random_products(env);
  bench used;
  const bool up = EXPECT_OK(set_up(env, &used));
  unsetenv(variable);
  if (!up) return;
  EXPECT_STREQ(lazyi_blas_name(used.blas), "plain");
  tear_down(&used);
}

TEST(blas, a_named_library_that_is_not_there) {
  bench used = {0};
  ASSERT_OK(lazyi_device_open(env->device, &used.device));
  ASSERT_OK(lazyi_device_enter(&used.device));
  ASSERT_OK(lazyi_launcher_init(&used.device, &used.launcher));
  setenv("LAZYRT_BLAS_LIBRARY", "/nowhere/libblas.so", 1);
  EXPECT_FAILS(lazyi_blas_create(&used.launcher, &used.blas), LAZY_STATUS_NOT_FOUND, "/nowhere/libblas.so");
  unsetenv("LAZYRT_BLAS_LIBRARY");
  EXPECT_TRUE(used.blas == NULL);
  lazyi_launcher_deinit(&used.launcher);
  lazyi_device_leave(&used.device);
  lazyi_device_close(&used.device);
}

TEST_ON_DRIVERS(blas, refuses_whole_numbers) {
  bench used;
  ASSERT_OK(set_up(env, &used));
  const lazyi_gemm g = {.m = 1, .n = 1, .k = 1, .batch = 1, .dtype = LAZY_DTYPE_I64};
  EXPECT_FAILS(lazyi_blas_gemm(used.blas, &g, used.stream), LAZY_STATUS_INVALID_TYPE, "i64");
  tear_down(&used);
}

/* Calls that follow each other's results: a chain of products is in stream order, and allocates nothing once
 * warm. */
TEST_ON_DRIVERS(blas, chains_in_stream_order_without_allocating) {
  enum { N = 8, STEPS = 20 };
  bench used;
  ASSERT_OK(set_up(env, &used));
  float host[N * N], found[N * N];
  for (int i = 0; i < N * N; i++) host[i] = i % (N + 1) == 0 ? 2.0f : 0.0f; /* twice the identity */
  for (int round = 0; round < 4; round++) {
    EXPECT_OK(LAZYI_DRIVER(&used.device, memcpy_htod_async, part(&used, 0), host, sizeof host, used.stream));
    EXPECT_OK(LAZYI_DRIVER(&used.device, memcpy_htod_async, part(&used, 1), host, sizeof host, used.stream));
    const uint64_t allocations = lazyi_memory_count();
    for (int step = 0; step < STEPS; step++) {
      const lazyi_gemm g = {.a = part(&used, step % 2),
                            .b = part(&used, 3),
                            .c = part(&used, 1 - step % 2),
                            .m = N,
                            .n = N,
                            .k = N,
                            .a_row = N,
                            .b_row = N,
                            .c_row = N,
                            .batch = 1,
                            .alpha = 1,
                            .dtype = LAZY_DTYPE_F32};
      if (step == 0)
        EXPECT_OK(
            LAZYI_DRIVER(&used.device, memcpy_dtod_async, g.b, part(&used, 0), sizeof host, used.stream));
      EXPECT_OK(lazyi_blas_gemm(used.blas, &g, used.stream));
    }
    if (round > 1) EXPECT_EQ(lazyi_memory_count(), allocations);
    EXPECT_OK(LAZYI_DRIVER(&used.device, memcpy_dtoh_async, found, part(&used, STEPS % 2), sizeof found,
                           used.stream));
    EXPECT_OK(LAZYI_DRIVER(&used.device, stream_synchronize, used.stream));
    for (int i = 0; i < N * N; i++) EXPECT_EQ(found[i], i % (N + 1) == 0 ? ldexpf(1, STEPS + 1) : 0.0f);
  }
  tear_down(&used);
}
