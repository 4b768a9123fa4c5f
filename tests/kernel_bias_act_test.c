/* bias_act against the C library in double: errors in units in the last place, and the same bits every way.
 */
#include <math.h>

#include "tests/kernel_run.h"
#include "tests/number_reference.h"

static double exact(enum lazy_act act, double x) {
  switch (act) {
    case LAZY_ACT_IDENTITY: return x;
    case LAZY_ACT_RELU: return isnan(x) ? x : x > 0 ? x : 0;
    case LAZY_ACT_GELU_ERF: return 0.5 * x * erfc(-x * M_SQRT1_2);
    case LAZY_ACT_GELU_TANH: return x / (1 + exp(-2 * sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case LAZY_ACT_SIGMOID: return 1 / (1 + exp(-x));
    default: return tanh(x);
  }
}

/* What an activation may be off by, at argument x: units in the last place of the result, and for the GELUs,
   whose tails cancel in every float implementation, a part of x besides. */
static const struct {
  double ulps, of_x;
} allowed[] = {
    [LAZY_ACT_IDENTITY] = {0, 0},        [LAZY_ACT_RELU] = {0, 0},    [LAZY_ACT_GELU_ERF] = {2, 0x1p-24},
    [LAZY_ACT_GELU_TANH] = {4, 0x1p-24}, [LAZY_ACT_SIGMOID] = {3, 0}, [LAZY_ACT_TANH] = {3, 0}};

static double ulp(double x, int fraction, int least) {
  int e = 0;
  frexp(x, &e);
  return ldexp(1, (e - 1 < least ? least : e - 1) - fraction);
}

/* Which of two NaNs a compiler lets through is its own business: one stands for all. */
static void unify_nans(char *y, uint8_t dtype, int count) {
  const size_t bytes = lazy_dtype_bytes(dtype);
  for (int i = 0; i < count; i++) {
    uint64_t bits = 0;
    memcpy(&bits, y + (size_t)i * bytes, bytes);
    const uint64_t infinity = dtype == LAZY_DTYPE_F64   ? 0x7ff0000000000000u
                              : dtype == LAZY_DTYPE_F32 ? 0x7f800000u
                              : dtype == LAZY_DTYPE_F16 ? 0x7c00u
                                                        : 0x7f80u;
    if ((bits & ~((uint64_t)1 << (8 * bytes - 1))) > infinity) memset(y + (size_t)i * bytes, 0xff, bytes);
  }
}

enum { COLUMNS = 331 };

/* Every element within what README.md allows. */
static void check_errors(const char *y, uint8_t dtype, enum lazy_act act, bool with_bias, const double *in,
                         const double *bias_in, int count) {
  const size_t bytes = lazy_dtype_bytes(dtype);
  double worst = 0;
  int at = 0;
  for (int i = 0; i < count; i++) {
    double sum = in[i], found;
    float f;
    uint16_t h;
    if (with_bias)
      sum = dtype == LAZY_DTYPE_F64 ? in[i] + bias_in[i % COLUMNS]
                                    : (double)(float)(in[i] + bias_in[i % COLUMNS]);
    const double wanted = exact(act, sum);
    int fraction = 52, least = -1022;
    if (dtype == LAZY_DTYPE_F64) memcpy(&found, y + (size_t)i * 8, 8);
    else if (dtype == LAZY_DTYPE_F32)
      memcpy(&f, y + (size_t)i * 4, 4), found = f, fraction = 23, least = -126;
    else {
      memcpy(&h, y + (size_t)i * 2, 2);
      fraction = dtype == LAZY_DTYPE_F16 ? 10 : 7, least = dtype == LAZY_DTYPE_F16 ? -14 : -126;
      found = reference_value(h, dtype == LAZY_DTYPE_F16 ? 5 : 8, fraction);
    }
    if (isnan(sum) || isinf(wanted) || isnan(wanted)) {
      if (!(isnan(wanted) ? true : found == wanted) || (isnan(sum) && !isnan(found)))
        FAIL("act %d of %g: found %g, wanted %g", act, sum, found, wanted);
      continue;
    }
    /* A result of a smaller type is rounded once more. */
    double ulps = allowed[act].ulps, of_x = allowed[act].of_x;
    if (dtype == LAZY_DTYPE_F64) of_x = of_x > 0 ? 0x1p-52 : 0, ulps = ulps > 0 ? 4 : 0;
    if (bytes == 2) ulps = 0.501;
    const double room = ulps * ulp(wanted, fraction, least) + of_x * fabs(sum);
    const double off = fabs(found - wanted) / (room > 0 ? room : 1e-300);
    if (off > worst) worst = off, at = i;
  }
  CHECK_CASE("%s, act %d, bias %d, worst at %.9g", lazy_dtype_name(dtype), act, with_bias, in[at]);
  EXPECT_LE(worst, 1.0);
}

static void check_act(check_env *env, uint8_t dtype, enum lazy_act act, bool with_bias) {
  const int count = (env->is_small ? 13 : 61) * COLUMNS;
  const size_t memory = (size_t)count * 8;
  const size_t bytes = lazy_dtype_bytes(dtype);
  char *x = kernel_alloc(memory), *y = kernel_alloc(memory), *first = kernel_alloc(memory);
  double *in = kernel_alloc(memory), bias_in[COLUMNS];
  char *bias = kernel_alloc(COLUMNS * 8);
  for (int i = 0; i < count + COLUMNS; i++) {
    double v = (check_random_unit(env) * 2 - 1) * ldexp(1, (int)check_random_between(env, -12, 7));
    if (i == 0) v = -0.0;
    if (i == 1) v = INFINITY;
    if (i == 2) v = -INFINITY;
    if (i == 3) v = NAN;
    if (i >= count) v = check_random_unit(env);
    char *at = i < count ? x + (size_t)i * bytes : bias + (size_t)(i - count) * bytes;
    const float f = (float)v;
    const uint16_t h = dtype == LAZY_DTYPE_F16 ? reference_round(v, 5, 10) : reference_round(v, 8, 7);
    if (dtype == LAZY_DTYPE_F64) memcpy(at, &v, 8);
    else if (dtype == LAZY_DTYPE_F32) memcpy(at, &f, 4), v = f;
    else
      memcpy(at, &h, 2),
          v = reference_value(h, dtype == LAZY_DTYPE_F16 ? 5 : 8, dtype == LAZY_DTYPE_F16 ? 10 : 7);
    *(i < count ? in + i : bias_in + (i - count)) = v;
  }
  for (int w = 0; w < kernel_way_count(env); w++) {
    CHECK_CASE("%s, act %d, bias %d, %s", lazy_dtype_name(dtype), act, with_bias,
               kernel_way_name(kernel_way_at(env, w)));
    const struct lazy_k_bias_act_params params = {kernel_address(x),
                                                  kernel_address(y),
                                                  with_bias ? kernel_address(bias) : 0,
                                                  (uint64_t)count,
                                                  COLUMNS,
                                                  dtype,
                                                  (uint8_t)act,
                                                  {0}};
    memset(y, 0xff, memory);
    kernel_run(kernel_way_at(env, w), "lazy_k_bias_act", &params, env->seed);
    unify_nans(y, dtype, count);
    if (w == 0) memcpy(first, y, memory);
    /* f64 has the functions of a C library, which are not the same bits in NVIDIA's. */
    const bool others = dtype == LAZY_DTYPE_F64 && act >= LAZY_ACT_GELU_ERF && env->is_ptx && w > 0;
    if (others) check_errors(y, dtype, act, with_bias, in, bias_in, count);
    else if (!EXPECT_BYTES_EQ(y, first, memory)) break;
  }
  check_errors(first, dtype, act, with_bias, in, bias_in, count);
  kernel_free(x);
  kernel_free(y);
  kernel_free(first);
  kernel_free(in);
  kernel_free(bias);
}
TEST_ON_IMAGES(kernel_bias_act, errors_and_equal_bits) {
  for (uint8_t dtype = LAZY_DTYPE_F64; dtype <= LAZY_DTYPE_BF16; dtype++)
    for (int act = LAZY_ACT_IDENTITY; act <= LAZY_ACT_TANH; act++)
      for (int with_bias = 0; with_bias < 2; with_bias++)
        check_act(env, dtype, (enum lazy_act)act, with_bias);
}

TEST_ON_IMAGES(kernel_bias_act, in_place) {
  enum { COUNT = 1000 };
  float *x = kernel_alloc(COUNT * 4), *y = kernel_alloc(COUNT * 4);
  for (int i = 0; i < COUNT; i++) x[i] = (float)(check_random_unit(env) * 8 - 4);
  for (int w = 0; w < kernel_way_count(env); w++) {
    memcpy(y, x, COUNT * 4);
    const struct lazy_k_bias_act_params params = {kernel_address(y), kernel_address(y), 0,  COUNT, 0,
                                                  LAZY_DTYPE_F32,    LAZY_ACT_RELU,     {0}};
    kernel_run(kernel_way_at(env, w), "lazy_k_bias_act", &params, env->seed);
    int different = 0;
    for (int i = 0; i < COUNT; i++) different += y[i] != (x[i] > 0 ? x[i] : 0);
    EXPECT_EQ(different, 0);
  }
  kernel_free(x);
  kernel_free(y);
}
