/* Approximate functions: within the bounds that the ISA gives for each, and its tables of special values. */
#include "tests/emulator_float_reference.h"
#include "tests/emulator_ops.h"

enum { ROUNDS = 400 };

/* ---- f32, within bounds ---- */

static long double reciprocal(long double x) { return 1 / x; }
static long double reciprocal_root(long double x) { return 1 / sqrtl(x); }

static const struct function {
  const char *statement;
  long double (*function)(long double);
  double least, most;        /* of what is tried */
  double relative, absolute; /* bounds: either will do */
} functions[] = {
    {"rcp.approx.f32", reciprocal, -0x1p126, 0x1p126, 0x1p-23, 0},
    {"rcp.approx.ftz.f32", reciprocal, 0x1p-126, 0x1p126, 0x1p-23, 0},
    {"sqrt.approx.f32", sqrtl, 0, 0x1p127, 0x1p-23, 0},
    {"sqrt.approx.ftz.f32", sqrtl, 0x1p-126, 0x1p127, 0x1p-23, 0},
    {"rsqrt.approx.f32", reciprocal_root, 0x1p-149, 0x1p127, 0x1p-22, 0},
    {"rsqrt.approx.ftz.f32", reciprocal_root, 0x1p-126, 0x1p127, 0x1p-22, 0},
    {"sin.approx.f32", sinl, -6.28, 6.28, 0, 0x1p-20},
    {"cos.approx.f32", cosl, -6.28, 6.28, 0, 0x1p-20},
    {"lg2.approx.f32", log2l, 0x1p-149, 0x1p127, 0x1p-22, 0x1p-22},
    {"ex2.approx.f32", exp2l, -126, 127.9, 0x1p-22, 0},
    {"ex2.approx.ftz.f32", exp2l, -126, 127.9, 0x1p-22, 0},
    {"tanh.approx.f32", tanhl, -20, 20, 0x1p-11, 0},
};

static float any_within(check_env *env, double least, double most) {
  for (;;) {
    const double unit = check_random_unit(env);
    const float x = check_random_below(env, 2) == 0 ? (float)(least + unit * (most - least))
                                                    : emu_f32_of(check_random(env));
    if ((double)x >= least && (double)x <= most && x != 0) return x;
  }
}

TEST(emulator_ops_approximate, f32_stays_within_the_bounds) {
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    const struct function *of = &functions[i];
    char text[128];
    (void)snprintf(text, sizeof text, "%s %%r0, %%r1;", of->statement);
    ops_rig rig;
    if (!ops_open(&rig, text)) continue;
    EXPECT_EQ(rig.at->kind, PTX_CLASS_SPECIAL);
    for (int round = 0; round < ROUNDS; round++) {
      for (unsigned lane = 0; lane < PTX_LANES; lane++)
        rig.a[lane] = emu_f32_bits(any_within(env, of->least, of->most));
      ops_step(&rig, ~(uint32_t)0);
      for (unsigned lane = 0; lane < PTX_LANES; lane++) {
        const long double x = (long double)emu_f32_of(rig.a[lane]), wanted = of->function(x);
        const long double found = (long double)emu_f32_of(rig.d[lane]), away = fabsl(found - wanted);
        const bool is_tiny = fabsl(wanted) < 0x1p-126L && away <= 0x1p-126L;
        if (fabsl(wanted) > 0x1.ffffffp127L && found == (wanted < 0 ? -HUGE_VALL : HUGE_VALL)) continue;
        if (!(away <= (long double)of->relative * fabsl(wanted) || away <= (long double)of->absolute ||
              is_tiny))
          FAIL("%s of %a: found %a, wanted %La", text, (double)x, (double)found, wanted);
      }
    }
    ops_close(&rig);
  }
}

TEST(emulator_ops_approximate, quotients_stay_within_the_bounds) {
  static const char *const statements[] = {"div.approx.f32 %r0, %r1, %r2;",
                                           "div.approx.ftz.f32 %r0, %r1, %r2;", "div.full.f32 %r0, %r1, %r2;",
                                           "div.full.ftz.f32 %r0, %r1, %r2;"};
  for (int which = 0; which < 4; which++) {
    ops_rig rig;
    if (!ops_open(&rig, statements[which])) continue;
    for (int round = 0; round < ROUNDS; round++) {
      for (unsigned lane = 0; lane < PTX_LANES; lane++) {
        rig.a[lane] = emu_f32_bits(any_within(env, 0x1p-60, 0x1p60)) | (uint64_t)lane % 2 << 31;
        rig.b[lane] = emu_f32_bits(any_within(env, 0x1p-60, 0x1p60));
      }
      ops_step(&rig, ~(uint32_t)0);
      for (unsigned lane = 0; lane < PTX_LANES; lane++) {
        const double wanted = (double)emu_f32_of(rig.a[lane]) / (double)emu_f32_of(rig.b[lane]);
        const double found = (double)emu_f32_of(rig.d[lane]), bound = fabs(wanted) * 0x1p-22;
        if (fabs(found - wanted) > (fabs(wanted) < 0x1p-126 ? 0x1p-126 : bound))
          FAIL("%s: found %a, wanted %a", statements[which], found, wanted);
      }
    }
    ops_close(&rig);
  }
}

/* ---- special values ---- */

enum { NO = 0x7fffffff, INF = 0x7f800000, MINUS = (int)0x80000000, ONE = 0x3f800000 };
#define BITS(x) ((uint32_t)(x))
#define TINY    1u

static const struct special {
  const char *statement;
  uint32_t a, b, d;
} specials[] = {
    {"rcp.approx.f32 %r0, %r1;", 0, 0, INF},
    {"rcp.approx.f32 %r0, %r1;", BITS(MINUS), 0, 0xff800000},
    {"rcp.approx.f32 %r0, %r1;", 0xff800000, 0, BITS(MINUS)},
    {"rcp.approx.f32 %r0, %r1;", 0xffc00000, 0, NO},
    {"rcp.approx.ftz.f32 %r0, %r1;", 0x80000000 | TINY, 0, 0xff800000},
    {"rcp.approx.ftz.f32 %r0, %r1;", 0x7f000000, 0, 0}, /* the quotient is subnormal */
    {"rcp.approx.f32 %r0, %r1;", 0x7f000000, 0, 0x00400000},
    {"sqrt.approx.f32 %r0, %r1;", BITS(MINUS), 0, BITS(MINUS)},
    {"sqrt.approx.f32 %r0, %r1;", 0xbf800000, 0, NO},
    {"sqrt.approx.ftz.f32 %r0, %r1;", 0x80000000 | TINY, 0, BITS(MINUS)},
    {"sqrt.approx.f32 %r0, %r1;", INF, 0, INF},
    {"rsqrt.approx.f32 %r0, %r1;", BITS(MINUS), 0, 0xff800000},
    {"rsqrt.approx.f32 %r0, %r1;", INF, 0, 0},
    {"rsqrt.approx.f32 %r0, %r1;", 0xbf800000, 0, NO},
    {"rsqrt.approx.ftz.f32 %r0, %r1;", TINY, 0, INF},
    {"sin.approx.f32 %r0, %r1;", BITS(MINUS), 0, BITS(MINUS)},
    {"sin.approx.f32 %r0, %r1;", INF, 0, NO},
    {"sin.approx.ftz.f32 %r0, %r1;", 0x80000000 | TINY, 0, BITS(MINUS)},
    {"cos.approx.f32 %r0, %r1;", 0, 0, ONE},
    {"cos.approx.f32 %r0, %r1;", 0xff800000, 0, NO},
    {"lg2.approx.f32 %r0, %r1;", BITS(MINUS), 0, 0xff800000},
    {"lg2.approx.f32 %r0, %r1;", TINY, 0, 0xc3150000}, /* -149 */
    {"lg2.approx.ftz.f32 %r0, %r1;", TINY, 0, 0xff800000},
    {"lg2.approx.f32 %r0, %r1;", 0xbf800000, 0, NO},
    {"lg2.approx.f32 %r0, %r1;", INF, 0, INF},
    {"ex2.approx.f32 %r0, %r1;", 0xff800000, 0, 0},
    {"ex2.approx.f32 %r0, %r1;", INF, 0, INF},
    {"ex2.approx.f32 %r0, %r1;", BITS(MINUS), 0, ONE},
    {"ex2.approx.f32 %r0, %r1;", 0xc3010000, 0, 0x00100000}, /* of -129, subnormal */
    {"ex2.approx.ftz.f32 %r0, %r1;", 0xc3010000, 0, 0},
    {"ex2.approx.ftz.f32 %r0, %r1;", 0x80000000 | TINY, 0, ONE},
    {"tanh.approx.f32 %r0, %r1;", INF, 0, ONE},
    {"tanh.approx.f32 %r0, %r1;", BITS(MINUS), 0, BITS(MINUS)},
    {"tanh.approx.f32 %r0, %r1;", 0x7fc00001, 0, NO},
    {"div.approx.f32 %r0, %r1, %r2;", ONE, 0x7e800000, 0x00800000},
    {"div.approx.f32 %r0, %r1, %r2;", ONE, 0x7e800001, 0}, /* beyond 2^126 the reciprocal is 0 */
    {"div.approx.f32 %r0, %r1, %r2;", INF, 0x7f7fffff, NO},
    {"div.full.f32 %r0, %r1, %r2;", 0x7f7fffff, 0x7f7fffff, ONE},
    {"div.approx.f32 %r0, %r1, %r2;", ONE, BITS(MINUS), 0xff800000},
    {"div.approx.ftz.f32 %r0, %r1, %r2;", ONE, TINY, INF},
    {"div.full.f32 %r0, %r1, %r2;", 0, 0, NO},
};

TEST(emulator_ops_approximate, f32_knows_special_values) {
  for (size_t i = 0; i < sizeof specials / sizeof *specials; i++) {
    CHECK_CASE("%s of %#x %#x", specials[i].statement, specials[i].a, specials[i].b);
    ops_rig rig;
    if (!ops_open(&rig, specials[i].statement)) continue;
    rig.b[9] = specials[i].b; /* with one source the row of a */
    rig.a[9] = specials[i].a;
    ops_step(&rig, 1u << 9);
    EXPECT_EQ(rig.d[9], specials[i].d);
    EXPECT_EQ(rig.d[8], 0);
    ops_close(&rig);
  }
}

/* ---- f64 ---- */

TEST(emulator_ops_approximate, f64_takes_and_yields_the_upper_half) {
  static const struct {
    const char *statement;
    bool is_root, is_upper;
    double bound;
  } cases[] = {{"rcp.approx.ftz.f64 %d0, %d1;", false, true, 0x1p-19},
               {"rsqrt.approx.ftz.f64 %d0, %d1;", true, true, 0x1p-19},
               {"rsqrt.approx.f64 %d0, %d1;", true, false, 0x1p-51}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    CHECK_CASE("%s", cases[i].statement);
    ops_rig rig;
    if (!ops_open(&rig, cases[i].statement)) continue;
    for (int round = 0; round < ROUNDS; round++) {
      for (unsigned lane = 0; lane < PTX_LANES; lane++)
        rig.a[lane] =
            emu_f64_bits(ldexp(1 + check_random_unit(env), (int)check_random_between(env, -1000, 1000)));
      ops_step(&rig, ~(uint32_t)0);
      for (unsigned lane = 0; lane < PTX_LANES; lane++) {
        const double x = emu_f64_of(rig.a[lane]), wanted = cases[i].is_root ? 1 / sqrt(x) : 1 / x;
        if (cases[i].is_upper) EXPECT_EQ(rig.d[lane] & UINT32_MAX, 0);
        EXPECT_LE(fabs(emu_f64_of(rig.d[lane]) - wanted), cases[i].bound * fabs(wanted));
      }
    }
    static const double edges[] = {0, -0., 0x1p-1074, -0x1p-1060, HUGE_VAL, -HUGE_VAL};
    for (unsigned lane = 0; lane < 6; lane++) rig.a[lane] = emu_f64_bits(edges[lane]);
    rig.a[6] = 0x7ff0000000000001;
    ops_step(&rig, 0x7f);
    for (unsigned lane = 0; lane < 6; lane++) {
      const double x = cases[i].is_upper && fabs(edges[lane]) < 1 ? copysign(0, edges[lane]) : edges[lane];
      const double wanted = cases[i].is_root ? 1 / sqrt(x) : 1 / x, found = emu_f64_of(rig.d[lane]);
      if (isnan(wanted)) {
        EXPECT_TRUE(isnan(found));
      } else {
        EXPECT_TRUE(found == wanted && !signbit(found) == !signbit(wanted));
      }
    }
    ops_close(&rig);
  }
}
