/* Instructions of f16 and bf16: against doubles that keep, in their last digit, whether anything lies below.
 */
#include "tests/emulator_float_reference.h"
#include "tests/emulator_ops.h"
#include "tests/number_reference.h"

enum { ROUNDS = 200 };

typedef struct half {
  const char *name;
  emu_format format;
  int exponent, fraction; /* bits */
} half;
static const half halves[] = {{"f16", EMU_FORMAT_F16, 5, 10}, {"bf16", EMU_FORMAT_BF16, 8, 7}};

static uint32_t any_half(check_env *env, const half *of) {
  const uint32_t one = ((1u << (of->exponent - 1)) - 1) << of->fraction, infinity = ((1u << of->exponent) - 1)
                                                                                    << of->fraction;
  const uint32_t edges[] = {0,
                            1,
                            2,
                            (1u << of->fraction) - 1,
                            1u << of->fraction,
                            one - 1,
                            one,
                            one + 1,
                            infinity - 1,
                            infinity,
                            infinity + 1,
                            0x7fff};
  const uint64_t random = check_random(env);
  switch (random >> 61) {
    case 0:
    case 1: return (uint32_t)(random & 0x8000) | edges[check_random_below(env, sizeof edges / sizeof *edges)];
    case 2:
      return (uint32_t)(random & 0x8000) |
             (one + (uint32_t)check_random_below(env, 4u << of->fraction) - (2u << of->fraction));
    default: return (uint32_t)(random & 0xffff);
  }
}

/* a * b + c in double: exact but for the last digit, which is odd where digits below are cut off. */
static double odd_sum(double a, double b, double c) {
  volatile double x = a, y = b, z = c, cut = 0;
  (void)feclearexcept(FE_ALL_EXCEPT);
  (void)fesetround(FE_TOWARDZERO);
  cut = fma(x, y, z);
  (void)fesetround(FE_TONEAREST);
  const double found = cut;
  if (fetestexcept(FE_INEXACT) == 0 || !isfinite(found)) return found;
  return emu_f64_of(emu_f64_bits(found) | 1);
}

static uint64_t rounded(const half *of, double x) {
  return isnan(x) ? 0x7fff : reference_round(x, of->exponent, of->fraction);
}
static uint64_t flushed(const half *of, uint64_t bits, bool is_ftz) {
  return is_ftz && (bits & 0x7fff) >> of->fraction == 0 ? bits & 0x8000 : bits;
}

static const struct operation {
  const char *name;
  unsigned sources;
} operations[] = {{"add", 2}, {"sub", 2}, {"mul", 2}, {"fma.rn", 3}};
enum { ADD, SUB, MUL, FMA };

enum { FTZ = 1, SAT = 2, RELU = 4, MODES = 5 };
static const int modes[MODES] = {0, FTZ, SAT, FTZ | SAT, RELU};

static uint64_t wanted_of(const half *of, int operation, int mode, const uint64_t in[3]) {
  double x[3];
  for (int i = 0; i < 3; i++)
    x[i] = reference_value((uint16_t)flushed(of, in[i], (mode & FTZ) != 0), of->exponent, of->fraction);
  const double result = operation == ADD   ? odd_sum(x[0], 1, x[1])
                        : operation == SUB ? odd_sum(x[1], -1, x[0])
                        : operation == MUL ? x[0] * x[1] /* exact */
                                           : odd_sum(x[0], x[1], x[2]);
  const uint64_t one = ((1u << (of->exponent - 1)) - 1) << of->fraction;
  if ((mode & SAT) != 0 && !(result > 0)) return 0;
  if ((mode & SAT) != 0 && result > 1) return one;
  if ((mode & RELU) != 0 && (result < 0 || (result == 0 && signbit(result)))) return 0;
  return flushed(of, rounded(of, result), (mode & FTZ) != 0);
}

TEST(emulator_ops_half, rounds_flushes_and_saturates) {
  for (int which = 0; which < 2 * 2 * 4 * MODES; which++) {
    const half *of = &halves[which & 1];
    const bool is_pair = (which & 2) != 0;
    const int operation = which / 4 % 4, mode = modes[which / 16];
    if (((mode & (FTZ | SAT)) != 0 && of->format == EMU_FORMAT_BF16) || (mode == RELU && operation != FMA))
      continue;
    char text[128];
    (void)snprintf(text, sizeof text, "%s%s%s%s.%s%s %%%c0, %%%c1, %%%c2%s%s;", operations[operation].name,
                   (mode & FTZ) != 0 ? ".ftz" : "", (mode & SAT) != 0 ? ".sat" : "",
                   (mode & RELU) != 0 ? ".relu" : "", of->name, is_pair ? "x2" : "", is_pair ? 'r' : 'h',
                   is_pair ? 'r' : 'h', is_pair ? 'r' : 'h',
                   operation != FMA ? ""
                   : is_pair        ? ", %r"
                                    : ", %h",
                   operation == FMA ? "3" : "");
    ops_rig rig;
    if (!ops_open(&rig, text)) continue;
    EXPECT_EQ(rig.at->kind, PTX_CLASS_HALF);
    for (int round = 0; round < ROUNDS; round++) {
      const uint32_t mask = round % 2 == 0 ? ~(uint32_t)0 : (uint32_t)check_random(env) | 1;
      for (unsigned lane = 0; lane < PTX_LANES; lane++) {
        uint64_t *const sources[] = {rig.a, rig.b, rig.c};
        for (int i = 0; i < 3; i++)
          sources[i][lane] = any_half(env, of) | (is_pair ? (uint64_t)any_half(env, of) << 16 : 0);
        rig.d[lane] = lane;
      }
      ops_step(&rig, mask);
      for (unsigned lane = 0; lane < PTX_LANES; lane++) {
        const uint64_t low[] = {rig.a[lane] & 0xffff, rig.b[lane] & 0xffff, rig.c[lane] & 0xffff};
        const uint64_t high[] = {rig.a[lane] >> 16, rig.b[lane] >> 16, rig.c[lane] >> 16};
        uint64_t wanted = wanted_of(of, operation, mode, low);
        if (is_pair) wanted |= wanted_of(of, operation, mode, high) << 16;
        if ((mask >> lane & 1) == 0) wanted = lane;
        if (rig.d[lane] != wanted)
          FAIL("%s of %#llx %#llx %#llx: found %#llx, wanted %#llx", text, (unsigned long long)rig.a[lane],
               (unsigned long long)rig.b[lane], (unsigned long long)rig.c[lane],
               (unsigned long long)rig.d[lane], (unsigned long long)wanted);
      }
    }
    ops_close(&rig);
  }
}

/* Steps over every value of a half, in both places of a register where it holds two; yields lane by lane. */
typedef uint64_t (*unary)(const half *of, uint64_t bits);
static void each_half(const char *statement, const half *of, unary wanted_of_one) {
  ops_rig rig;
  if (!ops_open(&rig, statement)) return;
  const bool is_pair = strstr(statement, "16x2") != NULL;
  for (uint32_t from = 0; from < 0x10000; from += PTX_LANES) {
    for (uint32_t lane = 0; lane < PTX_LANES; lane++)
      rig.a[lane] = is_pair ? (from + lane) << 16 | (0xffff - from - lane) : from + lane;
    ops_step(&rig, ~(uint32_t)0);
    for (uint32_t lane = 0; lane < PTX_LANES; lane++) {
      uint64_t wanted = wanted_of_one(of, is_pair ? 0xffff - from - lane : from + lane);
      if (is_pair) wanted |= wanted_of_one(of, from + lane) << 16;
      if (rig.d[lane] != wanted)
        FAIL("%s of %#llx: found %#llx, wanted %#llx", statement, (unsigned long long)rig.a[lane],
             (unsigned long long)rig.d[lane], (unsigned long long)wanted);
    }
  }
  ops_close(&rig);
}

static uint64_t wanted_neg(const half *of, uint64_t bits) { return (void)of, bits ^ 0x8000; }
static uint64_t wanted_abs(const half *of, uint64_t bits) { return (void)of, bits & 0x7fff; }
static uint64_t wanted_abs_ftz(const half *of, uint64_t bits) { return flushed(of, bits, true) & 0x7fff; }
static uint64_t wanted_ex2(const half *of, uint64_t bits) {
  return rounded(of, (double)exp2l(reference_value((uint16_t)bits, of->exponent, of->fraction)));
}
static uint64_t wanted_ex2_ftz(const half *of, uint64_t bits) {
  return flushed(of, wanted_ex2(of, flushed(of, bits, true)), true);
}
static uint64_t wanted_tanh(const half *of, uint64_t bits) {
  return rounded(of, (double)tanhl(reference_value((uint16_t)bits, of->exponent, of->fraction)));
}

TEST(emulator_ops_half, takes_every_value) {
  each_half("neg.f16 %h0, %h1;", &halves[0], wanted_neg);
  each_half("neg.bf16x2 %r0, %r1;", &halves[1], wanted_neg);
  each_half("abs.f16x2 %r0, %r1;", &halves[0], wanted_abs);
  each_half("abs.ftz.f16 %h0, %h1;", &halves[0], wanted_abs_ftz);
  each_half("abs.bf16 %h0, %h1;", &halves[1], wanted_abs);
  each_half("ex2.approx.f16 %h0, %h1;", &halves[0], wanted_ex2);
  each_half("ex2.approx.ftz.bf16x2 %r0, %r1;", &halves[1], wanted_ex2_ftz);
  each_half("tanh.approx.f16x2 %r0, %r1;", &halves[0], wanted_tanh);
  each_half("tanh.approx.bf16 %h0, %h1;", &halves[1], wanted_tanh);
}

/* The lesser and the greater, as sizes with signs. */
static uint64_t wanted_extreme(const half *of, const char *flags, bool is_max, uint64_t a, uint64_t b) {
  const bool is_xorsign = strstr(flags, "xorsign") != NULL;
  a = flushed(of, a, strstr(flags, "ftz") != NULL);
  b = flushed(of, b, strstr(flags, "ftz") != NULL);
  const uint64_t signs = (a ^ b) & 0x8000, keep = is_xorsign ? 0x7fff : 0xffff;
  a &= keep;
  b &= keep;
  const uint64_t infinity = ((1u << of->exponent) - 1) << of->fraction;
  const bool a_is_nan = (a & 0x7fff) > infinity, b_is_nan = (b & 0x7fff) > infinity;
  if ((a_is_nan && b_is_nan) || ((a_is_nan || b_is_nan) && strstr(flags, "NaN") != NULL)) return 0x7fff;
  const int x = (a & 0x8000) != 0 ? -(int)(a & 0x7fff) - 1 : (int)a,
            y = (b & 0x8000) != 0 ? -(int)(b & 0x7fff) - 1 : (int)b;
  const uint64_t taken = a_is_nan ? b : b_is_nan ? a : (x < y) == is_max ? b : a;
  return is_xorsign ? taken | signs : taken;
}

TEST(emulator_ops_half, min_and_max_know_nan_and_zeros) {
  static const char *const flags[] = {"", ".ftz", ".NaN", ".xorsign.abs", ".ftz.NaN.xorsign.abs"};
  for (int which = 0; which < 2 * 2 * 5; which++) {
    const half *of = &halves[which & 1];
    const bool is_max = (which & 2) != 0;
    const char *flag = flags[which / 4];
    if (of->format == EMU_FORMAT_BF16 && strstr(flag, "ftz") != NULL) continue;
    char text[128];
    (void)snprintf(text, sizeof text, "%s%s.%s %%h0, %%h1, %%h2;", is_max ? "max" : "min", flag, of->name);
    ops_rig rig;
    if (!ops_open(&rig, text)) continue;
    for (int round = 0; round < ROUNDS; round++) {
      for (unsigned lane = 0; lane < PTX_LANES; lane++) {
        rig.a[lane] = any_half(env, of);
        rig.b[lane] = any_half(env, of);
      }
      ops_step(&rig, ~(uint32_t)0);
      for (unsigned lane = 0; lane < PTX_LANES; lane++)
        EXPECT_EQ(rig.d[lane], wanted_extreme(of, flag, is_max, rig.a[lane], rig.b[lane]));
    }
    ops_close(&rig);
  }
}

/* f32 with one or two halves in it. */
TEST(emulator_ops_half, mixes_with_f32) {
  static const char *const statements[] = {"add.rp.f32.%s %%r0, %%h1, %%r2;",
                                           "sub.rz.f32.%s %%r0, %%h1, %%r2;",
                                           "fma.rm.f32.%s %%r0, %%h1, %%h2, %%r3;"};
  static const enum reference_operation operation[] = {REFERENCE_ADD, REFERENCE_SUB, REFERENCE_FMA};
  static const int mode[] = {3, 1, 2};
  for (int which = 0; which < 2 * 3; which++) {
    const half *of = &halves[which & 1];
    char text[128];
    (void)snprintf(text, sizeof text, statements[which / 2], of->name);
    ops_rig rig;
    if (!ops_open(&rig, text)) continue;
    const bool is_fused = which / 2 == 2;
    for (int round = 0; round < ROUNDS; round++) {
      for (unsigned lane = 0; lane < PTX_LANES; lane++) {
        rig.a[lane] = any_half(env, of);
        rig.b[lane] = is_fused ? any_half(env, of) : reference_any_f32(env);
        if (is_fused) rig.c[lane] = reference_any_f32(env);
      }
      ops_step(&rig, ~(uint32_t)0);
      for (unsigned lane = 0; lane < PTX_LANES; lane++) {
        const float a = (float)reference_value((uint16_t)rig.a[lane], of->exponent, of->fraction);
        const float b = is_fused ? (float)reference_value((uint16_t)rig.b[lane], of->exponent, of->fraction)
                                 : emu_f32_of(rig.b[lane]);
        const float wanted =
            reference_f32(operation[which / 2], mode[which / 2], a, b, emu_f32_of(rig.c[lane]));
        EXPECT_EQ(rig.d[lane], isnan(wanted) ? 0x7fffffff : emu_f32_bits(wanted));
      }
    }
    ops_close(&rig);
  }
}

TEST(emulator_ops_half, what_ptx_has_not_is_refused) {
  ops_expect_refusal("add.rz.f16 %h0, %h1, %h2;", "nearest");
  ops_expect_refusal("fma.f16 %h0, %h1, %h2, %h3;", "rounding");
  ops_expect_refusal("add.sat.bf16 %h0, %h1, %h2;", "does not take");
  ops_expect_refusal("min.ftz.bf16 %h0, %h1, %h2;", "does not take");
  ops_expect_refusal("ex2.approx.bf16 %h0, %h1;", ".ftz");
  ops_expect_refusal("mul.f32.f16 %r0, %h1, %r2;", "does not take");
}
