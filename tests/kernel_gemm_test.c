/* The plain product against a loop in double: transposes, batches, strides, alpha, beta, bias, every type. */
#include <math.h>

#include "tests/kernel_run.h"
#include "tests/number_reference.h"

enum { ROOM = 70000 };

static double get(const char *at, uint8_t dtype, int64_t i) {
  switch (dtype) {
    case LAZY_DTYPE_F64: return ((const double *)at)[i];
    case LAZY_DTYPE_F32: return ((const float *)at)[i];
    case LAZY_DTYPE_F16: return reference_value(((const uint16_t *)at)[i], 5, 10);
    default: return reference_value(((const uint16_t *)at)[i], 8, 7);
  }
}

static void put(char *at, uint8_t dtype, int64_t i, double x) {
  switch (dtype) {
    case LAZY_DTYPE_F64: ((double *)at)[i] = x; break;
    case LAZY_DTYPE_F32: ((float *)at)[i] = (float)x; break;
    case LAZY_DTYPE_F16: ((uint16_t *)at)[i] = reference_round(x, 5, 10); break;
    default: ((uint16_t *)at)[i] = reference_round(x, 8, 7); break;
  }
}

static int64_t size_of(check_env *env) {
  const int64_t edges[] = {1, 2, 63, 64, 65, 31, 32, 33};
  return check_random_below(env, 2) ? edges[check_random_below(env, 8)] : check_random_between(env, 1, 90);
}

TEST_ON_IMAGES(kernel_gemm, random_products) {
  char *a = kernel_alloc(ROOM * 8), *b = kernel_alloc(ROOM * 8), *before = kernel_alloc(ROOM * 8),
       *found = kernel_alloc(ROOM * 8), *first = kernel_alloc(ROOM * 8), *bias = kernel_alloc(ROOM * 8);
  for (int round = 0; round < 48; round += env->is_small ? 5 : 1) {
    struct lazy_k_gemm_params p = {
        .a = kernel_address(a), .b = kernel_address(b), .c = kernel_address(found)};
    p.dtype = (uint8_t)(1 + round % 4);
    p.m = size_of(env), p.n = size_of(env), p.k = round % 12 == 0 ? 0 : size_of(env);
    p.batch = check_random_between(env, 1, 3);
    p.a_transposed = (uint8_t)(round / 4 % 2);
    p.b_transposed = (uint8_t)(round / 8 % 2);
    p.a_row = (p.a_transposed ? p.m : p.k) + check_random_between(env, 0, 3);
    p.b_row = (p.b_transposed ? p.k : p.n) + check_random_between(env, 0, 3);
    p.c_row = p.n + check_random_between(env, 0, 3);
    p.a_batch = p.a_row * (p.a_transposed ? p.k : p.m);
    p.b_batch = check_random_below(env, 2) ? 0 : p.b_row * (p.b_transposed ? p.n : p.k);
    p.c_batch = p.c_row * p.m;
    p.alpha = check_random_below(env, 2) ? 1 : check_random_unit(env);
    p.beta = check_random_below(env, 2) ? 0 : check_random_unit(env);
    if (check_random_below(env, 2)) p.bias = kernel_address(bias);
    for (int64_t i = 0; i < ROOM; i++) {
      put(a, p.dtype, i, check_random_unit(env) * 2 - 1);
      put(b, p.dtype, i, check_random_unit(env) * 2 - 1);
      put(bias, p.dtype, i, check_random_unit(env));
      put(before, p.dtype, i, p.beta == 0 ? NAN : check_random_unit(env)); /* beta 0 must not read c */
    }
    CHECK_CASE("round %d, %s, %lld x %lld x %lld", round, lazy_dtype_name(p.dtype), (long long)p.m,
               (long long)p.n, (long long)p.k);
    const size_t bytes = lazy_dtype_bytes(p.dtype) * ROOM;
    for (int w = 0; w < kernel_way_count(env); w++) {
      memcpy(found, before, bytes);
      kernel_run(kernel_way_at(env, w), "lazy_k_gemm", &p, env->seed);
      if (w == 0) memcpy(first, found, bytes);
      CHECK_CASE("%s", kernel_way_name(kernel_way_at(env, w)));
      if (!EXPECT_BYTES_EQ(found, first, bytes)) break;
    }
    /* k roundings of products and sums, each at most half a unit of the sum of magnitudes, then the result's
     * own. */
    const double unit = p.dtype == LAZY_DTYPE_F64 ? 0x1p-53 : 0x1p-24;
    const double own = p.dtype == LAZY_DTYPE_F16 ? 0x1p-11 : p.dtype == LAZY_DTYPE_BF16 ? 0x1p-8 : unit;
    char *expected = before; /* c as it should be, element by element */
    int bad = 0;
    for (int64_t z = 0; z < p.batch; z++)
      for (int64_t i = 0; i < p.m; i++)
        for (int64_t j = 0; j < p.n; j++) {
          double sum = 0, size = 0;
          for (int64_t l = 0; l < p.k; l++) {
            const double x =
                get(a, p.dtype, z * p.a_batch + (p.a_transposed ? l * p.a_row + i : i * p.a_row + l));
            const double y =
                get(b, p.dtype, z * p.b_batch + (p.b_transposed ? j * p.b_row + l : l * p.b_row + j));
            sum += x * y;
            size += fabs(x * y);
          }
          const int64_t at = z * p.c_batch + i * p.c_row + j;
          double wanted = p.alpha * sum;
          if (p.beta != 0) wanted += p.beta * get(before, p.dtype, at);
          if (p.bias) wanted += get(bias, p.dtype, j);
          const double room =
              unit * ((double)p.k + 8) * (size + 2) + own * (fabs(wanted) + size * unit * 64) + 0x1p-25;
          const double off = fabs(get(first, p.dtype, at) - wanted);
          if (!(off <= room) && bad++ == 0)
            FAIL("element %lld, %lld: found %g, wanted %g", (long long)i, (long long)j,
                 get(first, p.dtype, at), wanted);
          put(expected, p.dtype, at, 0), put(first, p.dtype, at, 0);
        }
    /* Between the rows nothing is written. */
    EXPECT_BYTES_EQ(first, expected, bytes);
  }
  kernel_free(a), kernel_free(b), kernel_free(before), kernel_free(found), kernel_free(first),
      kernel_free(bias);
}
