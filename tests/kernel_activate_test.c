/* activate against long double: errors in units in the last place, and the same bits every way. */
#include "tests/activation_reference.h"
#include "tests/kernel_run.h"
#include "tests/model.h"

static const char *const names[] = {
#define NAME(constant, name) #name,
    LAZY_ACTIVATIONS(NAME)};

/* The unit in the last place at a number. */
static double ulp(double x, int fraction, int least) {
  int e = 0;
  frexp(x, &e);
  return ldexp(1, (e - 1 < least ? least : e - 1) - fraction);
}

static void check_errors(const struct lazy_k_activate_params *p, const double *x, const double *y) {
  static const struct {
    int fraction, least;
  } formats[] = {[LAZY_DTYPE_F64] = {52, -1022},
                 [LAZY_DTYPE_F32] = {23, -126},
                 [LAZY_DTYPE_F16] = {10, -14},
                 [LAZY_DTYPE_BF16] = {7, -126}};
  const bool is_double = p->dtype == LAZY_DTYPE_F64;
  const int fraction = is_double ? 52 : 23, least = is_double ? -1022 : -126;
  double worst = 0;
  uint64_t at = 0;
  for (uint64_t i = 0; i < p->count; i++) {
    const long double exact = activation_exact(p->activation, x[i], p->a, p->b);
    const double wanted = (double)exact;
    double room =
        activation_ulps(p->activation, x[i], p->a) * ulp(wanted, fraction, least) +
        activation_absolute(p->activation, x[i], p->a, ldexp(1, least - fraction), ldexp(1, -fraction - 1));
    if (p->dtype == LAZY_DTYPE_F16 || p->dtype == LAZY_DTYPE_BF16) /* once more */
      room += 0.501 * ulp(wanted, formats[p->dtype].fraction, formats[p->dtype].least);
    const double off = (double)fabsl(y[i] - exact) / (room > 0 ? room : 1e-320);
    if (!(off <= worst)) worst = off, at = i;
  }
  CHECK_CASE("worst at %.17g: found %.17g, wanted %.17Lg", x[at], y[at],
             activation_exact(p->activation, x[at], p->a, p->b));
  EXPECT_LE(worst, 1.0);
}

static void check_activation(check_env *env, uint8_t dtype, int activation) {
  enum { COUNT = 3001, FEW = 301 };
  struct lazy_k_activate_params p = {
      .count = env->is_small ? FEW : COUNT, .dtype = dtype, .activation = (uint8_t)activation};
  const size_t bytes = p.count * lazy_dtype_bytes((lazy_dtype)dtype);
  char *x = kernel_alloc(bytes), *y = kernel_alloc(bytes), *first = malloc(bytes);
  double *in = malloc(p.count * sizeof *in), *found = malloc(p.count * sizeof *found);
  activation_draw(env, activation, &p.a, &p.b);
  for (uint64_t i = 0; i < p.count; i++) {
    const int exponent = i % 2 == 0 ? (int)check_random_between(env, -20, 7) : 3;
    in[i] = (2 * check_random_unit(env) - 1) * ldexp(1, exponent);
  }
  model_encode((lazy_dtype)dtype, in, p.count, x);
  model_decode((lazy_dtype)dtype, x, p.count, in);
  CHECK_CASE("%s %s, a %g, b %g", names[activation], lazy_dtype_name((lazy_dtype)dtype), p.a, p.b);
  for (int w = 0; w < kernel_way_count(env); w++) {
    CHECK_CASE("%s", kernel_way_name(kernel_way_at(env, w)));
    const bool in_place = w % 2 == 1;
    p.x = kernel_address(in_place ? y : x);
    p.y = kernel_address(y);
    if (in_place) memcpy(y, x, bytes);
    else check_random_fill(env, y, bytes);
    kernel_run(kernel_way_at(env, w), "lazy_k_activate", &p, env->seed);
    if (w == 0) memcpy(first, y, bytes);
    /* f64 has the functions of a C library, which are not the same bits in NVIDIA's. */
    if (dtype == LAZY_DTYPE_F64 && env->is_ptx) {
      model_decode((lazy_dtype)dtype, y, p.count, found);
      check_errors(&p, in, found);
    } else if (!EXPECT_BYTES_EQ(y, first, bytes)) {
      break;
    }
  }
  model_decode((lazy_dtype)dtype, first, p.count, found);
  check_errors(&p, in, found);
  free(found);
  free(in);
  free(first);
  kernel_free(y);
  kernel_free(x);
}

TEST_ON_IMAGES(kernel_activate, errors_and_equal_bits) {
  for (uint8_t dtype = LAZY_DTYPE_F64; dtype <= LAZY_DTYPE_BF16; dtype++)
    for (int activation = 0; activation < LAZY_ACTIVATION_COUNT; activation++)
      check_activation(env, dtype, activation);
}

/* As PyTorch has them: what is -inf times 0 is NaN. */
TEST_ON_IMAGES(kernel_activate, ends_of_the_line) {
  enum { COUNT = 5 };
  static const double in[COUNT] = {-INFINITY, INFINITY, NAN, -1e30, 1e30};
  static const struct {
    int activation;
    double a, b, wanted[COUNT];
  } cases[] = {
      {LAZY_ACTIVATION_LEAKY_RELU, 0.5, 0, {-INFINITY, INFINITY, NAN, -5e29, 1e30}},
      {LAZY_ACTIVATION_HARDTANH, 0, 6, {0, 6, NAN, 0, 6}},
      {LAZY_ACTIVATION_ELU, 2, 1, {-2, INFINITY, NAN, -2, 1e30}},
      {LAZY_ACTIVATION_SILU, 0, 0, {NAN, INFINITY, NAN, 0, 1e30}},
      {LAZY_ACTIVATION_MISH, 0, 0, {NAN, INFINITY, NAN, 0, 1e30}},
      {LAZY_ACTIVATION_HARDSIGMOID, 0, 0, {0, 1, NAN, 0, 1}},
      {LAZY_ACTIVATION_HARDSWISH, 0, 0, {NAN, INFINITY, NAN, 0, 1e30}},
      {LAZY_ACTIVATION_SOFTPLUS, 0.5, 20, {0, INFINITY, NAN, 0, 1e30}},
      {LAZY_ACTIVATION_LOG_SIGMOID, 0, 0, {-INFINITY, 0, NAN, -1e30, 0}},
  };
  static const uint8_t dtypes[] = {LAZY_DTYPE_F64, LAZY_DTYPE_F32, LAZY_DTYPE_BF16};
  char *x = kernel_alloc(COUNT * 8), *y = kernel_alloc(COUNT * 8);
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
    for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++)
      for (int w = 0; w < kernel_way_count(env); w++) {
        CHECK_CASE("%s %s, %s", names[cases[c].activation], lazy_dtype_name((lazy_dtype)dtypes[d]),
                   kernel_way_name(kernel_way_at(env, w)));
        const struct lazy_k_activate_params p = {.x = kernel_address(x),
                                                 .y = kernel_address(y),
                                                 .count = COUNT,
                                                 .a = cases[c].a,
                                                 .b = cases[c].b,
                                                 .dtype = dtypes[d],
                                                 .activation = (uint8_t)cases[c].activation};
        double found[COUNT];
        model_encode((lazy_dtype)dtypes[d], in, COUNT, x);
        kernel_run(kernel_way_at(env, w), "lazy_k_activate", &p, env->seed);
        model_decode((lazy_dtype)dtypes[d], y, COUNT, found);
        for (int i = 0; i < COUNT; i++) {
          const double wanted = cases[c].wanted[i];
          if (isnan(wanted)   ? isnan(found[i])
              : isinf(wanted) ? found[i] == wanted
                              : fabs(found[i] - wanted) <= fabs(wanted) / 128)
            continue;
          FAIL("of %g: found %g, wanted %g", in[i], found[i], wanted);
        }
      }
  kernel_free(y);
  kernel_free(x);
}
