/* Litmus kernels of the math library and of 16-bit floats. See emulator_litmus_test.c. Functions are held to
   the bounds that NVIDIA's programming guide gives for them; what it calls exact, to the bit. */
#include <fenv.h>
#include <math.h>

#include "kernels/number.cuh"
#include "tests/emulator_rig.h"

/* ---- functions ---- */

/* Distance in places of `wanted` as a float or double. */
static double ulps(double found, long double wanted, int digits, int least) {
  if (isnan(found) && isnan(wanted)) return 0;
  if (isinf(found) || isinf((double)wanted) || isnan(found) || isnan(wanted))
    return found == (double)wanted ? 0 : HUGE_VAL;
  int exponent;
  (void)frexpl(wanted, &exponent);
  if (wanted == 0 || exponent - digits < least) exponent = least + digits;
  return (double)(fabsl((long double)found - wanted) / ldexpl(1, exponent - digits));
}

static double ulps_f32(float found, long double wanted) {
  return ulps(found,
              isnan(wanted)                     ? wanted
              : fabsl(wanted) > 0x1.ffffffp127L ? copysignl(INFINITY, wanted)
                                                : wanted,
              24, -149);
}

static float any_float(check_env *env, int i) {
  static const float edges[] = {0.f,       -0.f, 1.f,       -1.f,      INFINITY,
                                -INFINITY, NAN,  0x1p-149f, 0x1p-126f, 0x1.fffffep127f};
  if (i < (int)(sizeof edges / sizeof *edges)) return edges[i];
  const float unit = (float)(check_random_unit(env) * 2 - 1);
  return i % 4 == 0   ? unit * 10
         : i % 4 == 1 ? unit * 0x1p20f
         : i % 4 == 2 ? lazy_bits_f32((uint32_t)check_random(env))
                      : unit;
}

static void computes_floats(check_env *env, emu_rig *rig) {
  enum { COUNT = 300, EACH = 12 };
  static const char *const names[EACH] = {"sin", "cos",  "exp", "log",   "pow",  "sqrt",
                                          "1/x", "tanh", "erf", "rsqrt", "fmod", "cbrt"};
  static const double bounds[EACH] = {2, 2, 2, 1, 4, 0.5, 0.5, 2, 2, 2, 0.5, 1};
  float in[COUNT], found[COUNT * EACH];
  uint32_t count = COUNT;
  for (int i = 0; i < COUNT; i++) in[i] = any_float(env, i);
  lazy_driver_address from = rig_put(rig, in, sizeof in), to = rig_room(rig, sizeof found);
  RIG_RUN(rig, "math_float", RIG_LINE(3, 128), &from, &to, &count);
  rig_get(rig, found, to, sizeof found);
  for (int i = 0; i < COUNT; i++) {
    const long double x = in[i];
    const long double wanted[EACH] = {sinl(x),        cosl(x), expl(x),  logl(x), powl(fabsl(x), 1.7f),
                                      sqrtl(x),       1 / x,   tanhl(x), erfl(x), 1 / sqrtl(x),
                                      fmodl(x, 3.7f), cbrtl(x)};
    for (int f = 0; f < EACH; f++) {
      const double away = ulps_f32(found[i * EACH + f], wanted[f]);
      if (away > bounds[f])
        FAIL("%s of %a: found %a, wanted %a, %g places", names[f], in[i], found[i * EACH + f],
             (double)wanted[f], away);
    }
  }
}

static void computes_doubles(check_env *env, emu_rig *rig) {
  enum { COUNT = 300, EACH = 10 };
  static const char *const names[EACH] = {"sin", "exp",  "log",   "pow",   "sqrt",
                                          "1/x", "tanh", "x/3.7", "whole", "atan"};
  static const double bounds[EACH] = {2, 1, 1, 2, 0.5, 0.5, 2, 0.5, 0, 2};
  double in[COUNT], found[COUNT * EACH];
  uint32_t count = COUNT;
  for (int i = 0; i < COUNT; i++)
    in[i] = i % 3 == 2 ? lazy_bits_f64(check_random(env))
                       : (double)any_float(env, i) * (1 + check_random_unit(env));
  lazy_driver_address from = rig_put(rig, in, sizeof in), to = rig_room(rig, sizeof found);
  RIG_RUN(rig, "math_double", RIG_LINE(2, 192), &from, &to, &count);
  rig_get(rig, found, to, sizeof found);
  for (int i = 0; i < COUNT; i++) {
    const long double x = in[i];
    const double whole = rint(in[i]) + floor(in[i]) * 2 + trunc(in[i]) * 4;
    const long double wanted[EACH] = {
        sinl(x), expl(x), logl(x), powl(fabsl(x), 1.7), sqrtl(x), 1 / x, tanhl(x), x / 3.7, whole, atanl(x)};
    for (int f = 0; f < EACH; f++) {
      const long double bounded =
          fabsl(wanted[f]) > 0x1.fffffffffffffcp1023L ? copysignl(INFINITY, wanted[f]) : wanted[f];
      const double away = ulps(found[i * EACH + f], bounded, 53, -1074);
      if (away > bounds[f] + 0x1p-8) /* of the reference */
        FAIL("%s of %a: found %a, wanted %La, %g places", names[f], in[i], found[i * EACH + f], wanted[f],
             away);
    }
  }
}

static void computes_fast(check_env *env, emu_rig *rig) {
  enum { COUNT = 200, EACH = 6 };
  float in[COUNT], found[COUNT * EACH];
  uint32_t count = COUNT;
  for (int i = 0; i < COUNT; i++) in[i] = (float)(check_random_unit(env) * 6.28 - 3.14);
  lazy_driver_address from = rig_put(rig, in, sizeof in), to = rig_room(rig, sizeof found);
  RIG_RUN(rig, "math_fast", RIG_LINE(2, 128), &from, &to, &count);
  rig_get(rig, found, to, sizeof found);
  for (int i = 0; i < COUNT; i++) {
    const double x = in[i];
    const float *at = found + (size_t)i * EACH;
    EXPECT_NEAR(at[0], sin(x), 0x1p-21);
    EXPECT_LE(ulps_f32(at[1], expl(x)), 2 + floor(fabs(1.173 * x)));
    if (x > 0 && x >= 0.5 && x <= 2) EXPECT_NEAR(at[2], log(x), 0x1p-21);
    else EXPECT_LE(ulps_f32(at[2], logl(x)), 3.);
    EXPECT_LE(ulps_f32(at[3], (long double)x / 3), 2.);
    EXPECT_LE(ulps_f32(at[4], exp2l(x)), 2.);
    EXPECT_EQ(at[5], 1.f / in[i]);
  }
}

TEST(emulator_litmus, math_functions) {
  rig_each(env, "math", "75 100", computes_floats);
  rig_each(env, "math", "75 100", computes_doubles);
  rig_each(env, "math", "75 100", computes_fast);
}

/* ---- rounding ---- */

#define ROUNDED(mode, expression) (fesetround(mode), (expression))

static void rounds(check_env *env, emu_rig *rig) {
  enum { COUNT = 300 };
  float a[COUNT], b[COUNT], found[COUNT * 8];
  double c[COUNT], wide[COUNT * 4];
  int64_t whole[COUNT * 4];
  uint32_t count = COUNT;
  for (int i = 0; i < COUNT; i++) {
    a[i] = (float)(check_random_unit(env) * 2 - 1) * ldexpf(1, (int)check_random_between(env, -30, 30));
    b[i] = (float)(check_random_unit(env) * 2 - 1) * ldexpf(1, (int)check_random_between(env, -30, 31));
    c[i] = (check_random_unit(env) * 2 - 1) * ldexp(1, (int)check_random_between(env, -60, 66));
  }
  lazy_driver_address at_a = rig_put(rig, a, sizeof a), at_b = rig_put(rig, b, sizeof b);
  lazy_driver_address at_c = rig_put(rig, c, sizeof c), to = rig_room(rig, sizeof found);
  lazy_driver_address to_wide = rig_room(rig, sizeof wide), to_whole = rig_room(rig, sizeof whole);
  RIG_RUN(rig, "math_rounding", RIG_LINE(3, 128), &at_a, &at_b, &to, &at_c, &to_wide, &to_whole, &count);
  rig_get(rig, found, to, sizeof found);
  rig_get(rig, wide, to_wide, sizeof wide);
  rig_get(rig, whole, to_whole, sizeof whole);
  for (int i = 0; i < COUNT; i++) {
    volatile float x = a[i], y = b[i], size = fabsf(a[i]);
    volatile double z = c[i], z_size = fabs(c[i]), wide_x = a[i], wide_y = b[i];
    volatile uint64_t number = (uint64_t)i * 0x123456789abull;
    volatile float wanted[8];
    volatile double wanted_wide[4];
    wanted[0] = ROUNDED(FE_TOWARDZERO, x + y);
    wanted[1] = ROUNDED(FE_UPWARD, x * y);
    wanted[2] = ROUNDED(FE_DOWNWARD, fmaf(x, y, x));
    wanted[3] = ROUNDED(FE_TONEAREST, x / y);
    wanted[4] = ROUNDED(FE_TONEAREST, sqrtf(size));
    wanted[5] = ROUNDED(FE_TOWARDZERO, (float)z);
    wanted[6] = ROUNDED(FE_UPWARD, x / y);
    wanted[7] = ROUNDED(FE_DOWNWARD, (float)number);
    wanted_wide[0] = ROUNDED(FE_UPWARD, z + wide_x);
    wanted_wide[1] = ROUNDED(FE_TOWARDZERO, fma(z, wide_x, wide_y));
    wanted_wide[2] = ROUNDED(FE_TONEAREST, z / wide_x);
    wanted_wide[3] = ROUNDED(FE_TONEAREST, sqrt(z_size));
    (void)fesetround(FE_TONEAREST);
    CHECK_CASE("%a, %a, %a", a[i], b[i], c[i]);
    for (int f = 0; f < 8; f++) EXPECT_EQ(found[8 * i + f], wanted[f]);
    for (int f = 0; f < 4; f++) EXPECT_EQ(wide[4 * i + f], wanted_wide[f]);
    const double nearest = rint(c[i]), up = ceilf(a[i]), down = floorf(b[i]), cut = trunc(c[i]);
    EXPECT_EQ(whole[4 * i], nearest >= 0x1p63 ? INT64_MAX : nearest < -0x1p63 ? INT64_MIN : (int64_t)nearest);
    EXPECT_EQ(whole[4 * i + 1], up >= 0x1p31 ? INT32_MAX : (int64_t)up);
    EXPECT_EQ((uint64_t)whole[4 * i + 2], cut <= 0 ? 0 : cut >= 0x1p64 ? UINT64_MAX : (uint64_t)cut);
    EXPECT_EQ(whole[4 * i + 3], down <= 0 ? 0 : down >= 0x1p32 ? UINT32_MAX : (int64_t)down);
  }
}

TEST(emulator_litmus, rounding_by_name) { rig_each(env, "math", "75 100", rounds); }

/* ---- 16-bit floats ---- */

/* a b + c with its last bit set if it is not exact: to be rounded once more, to fewer digits. a b is exact.
 */
static double fused(double a, double b, double c) {
  const double product = a * b, sum = product + c;
  if (!isfinite(sum)) return sum;
  const double part = sum - product, rest = (product - (sum - part)) + (c - part);
  const uint64_t bits = lazy_f64_bits(sum);
  if (rest == 0 || (bits & 1) != 0) return sum;
  return lazy_bits_f64((rest > 0) == (sum > 0) ? bits + 1 : bits - 1);
}

typedef struct half_kind {
  uint16_t (*of)(double x);
  double (*value)(uint16_t bits);
} half_kind;
static double value_of_f16(uint16_t bits) { return lazy_f16_to_f32(bits); }
static double value_of_bf16(uint16_t bits) { return lazy_bf16_to_f32(bits); }
static uint16_t to_f16(double x) { return lazy_f64_to_f16(x); }
static uint16_t to_bf16(double x) { return lazy_f64_to_bf16(x); }
static const half_kind f16 = {to_f16, value_of_f16}, bf16 = {to_bf16, value_of_bf16};

static uint16_t any_half(check_env *env, const half_kind *kind) {
  return check_random_below(env, 3) == 0 ? (uint16_t)check_random(env)
                                         : kind->of(check_random_unit(env) * 8 - 4);
}

static void expect_half(const char *name, uint16_t a, uint16_t b, uint16_t found, double wanted,
                        const half_kind *kind) {
  const double x = kind->value(found), y = kind->value(kind->of(wanted));
  if ((isnan(x) && isnan(y)) || x == y) return;
  FAIL("%s of %a and %a: found %a, wanted %a", name, kind->value(a), kind->value(b), x, y);
}

static double larger(double x, double y) { return isnan(x) || x < y ? y : x; }
static double smaller(double x, double y) { return isnan(x) || x > y ? y : x; }

static void adds_halves(check_env *env, emu_rig *rig) {
  enum { COUNT = 400 };
  uint16_t a[COUNT], b[COUNT], found[COUNT * 8];
  uint32_t count = COUNT, half = COUNT / 2;
  for (int i = 0; i < COUNT; i++) a[i] = any_half(env, &f16), b[i] = any_half(env, &f16);
  lazy_driver_address at_a = rig_put(rig, a, sizeof a), at_b = rig_put(rig, b, sizeof b);
  lazy_driver_address to = rig_room(rig, sizeof found);
  RIG_RUN(rig, "half_arithmetic", RIG_LINE(4, 128), &at_a, &at_b, &to, &count);
  rig_get(rig, found, to, sizeof found);
  for (int i = 0; i < COUNT; i++) {
    const double x = f16.value(a[i]), y = f16.value(b[i]);
    const uint16_t *at = found + (size_t)i * 8;
    expect_half("sum", a[i], b[i], at[0], x + y, &f16);
    expect_half("product", a[i], b[i], at[1], x * y, &f16);
    expect_half("fma", a[i], b[i], at[2], fused(x, y, x), &f16);
    expect_half("difference", a[i], b[i], at[3], x - y, &f16);
    expect_half("max", a[i], b[i], at[4], larger(x, y), &f16);
    expect_half("-abs", a[i], b[i], at[5], -fabs(x), &f16);
    expect_half("by way of f32", a[i], b[i], at[6], (float)x * 3.f, &f16);
    expect_half("less", a[i], b[i], at[7], x < y ? (double)i : y / 3, &f16);
  }
  RIG_RUN(rig, "half_pairs", RIG_LINE(2, 128), &at_a, &at_b, &to, &half);
  rig_get(rig, found, to, (size_t)half * 16);
  for (int i = 0; i < COUNT; i++) {
    const double x = f16.value(a[i]), y = f16.value(b[i]);
    const uint16_t *at = found + (size_t)(i / 2) * 8;
    const double product = x * y;
    expect_half("sum of pairs", a[i], b[i], at[i % 2], x + y, &f16);
    expect_half("fma of pairs", a[i], b[i], at[2 + i % 2], fused(x, y, y), &f16);
    expect_half("saturated", a[i], b[i], at[4 + i % 2], !(product > 0) ? 0 : product > 1 ? 1 : product, &f16);
    expect_half("min, swapped", a[i], b[i], at[6 + (1 - i % 2)], smaller(x, y), &f16);
  }
  float sums[32], wanted[32] = {0};
  for (int i = 0; i < COUNT; i++) a[i] = f16.of((double)check_random_between(env, -200, 200));
  for (int i = 0; i < COUNT; i++) wanted[i / 2 % 32] += (float)f16.value(a[i]);
  at_a = rig_put(rig, a, sizeof a);
  lazy_driver_address to_sums = rig_zeros(rig, sizeof sums);
  RIG_RUN(rig, "half_sum", RIG_LINE(2, 128), &at_a, &to_sums, &half);
  rig_get(rig, sums, to_sums, sizeof sums);
  EXPECT_F32_BITS_EQ(sums, wanted, 32);
}

static void adds_bfloats(check_env *env, emu_rig *rig) {
  enum { COUNT = 400 };
  uint16_t a[COUNT], b[COUNT], found[COUNT * 6];
  uint32_t count = COUNT;
  for (int i = 0; i < COUNT; i++) a[i] = any_half(env, &bf16), b[i] = any_half(env, &bf16);
  lazy_driver_address at_a = rig_put(rig, a, sizeof a), at_b = rig_put(rig, b, sizeof b);
  lazy_driver_address to = rig_room(rig, sizeof found);
  RIG_RUN(rig, "half_bfloat", RIG_LINE(4, 128), &at_a, &at_b, &to, &count);
  rig_get(rig, found, to, sizeof found);
  for (int i = 0; i < COUNT; i++) {
    const double x = bf16.value(a[i]), y = bf16.value(b[i]);
    const uint16_t *at = found + (size_t)i * 6;
    expect_half("sum", a[i], b[i], at[0], fused(x, 1, y), &bf16);
    expect_half("product", a[i], b[i], at[1], x * y, &bf16);
    expect_half("fma", a[i], b[i], at[2], fused(x, y, x), &bf16);
    expect_half("by way of f32", a[i], b[i], at[3], (float)x * 3.f, &bf16);
    expect_half("max", a[i], b[i], at[4], larger(x, y), &bf16);
    if (x > y) EXPECT_EQ(at[5], lazy_f32_bits(1.f / 3) >> 16); /* cut */
    else expect_half("1 / 3", a[i], b[i], at[5], 1. / 3, &bf16);
  }
}

TEST(emulator_litmus, sixteen_bit_floats) {
  rig_each(env, "half", "75 80 90 100", adds_halves);
  rig_each(env, "half", "80 90 100", adds_bfloats);
}
