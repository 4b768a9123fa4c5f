/* Instructions of f32 and f64, each by itself, with every rounding and flag: against the C library in the
   rounding mode of their names, and against what the ISA says of NaN, zeros and subnormal numbers. */
#include "tests/emulator_float_reference.h"
#include "tests/emulator_ops.h"

enum { ROUNDS = 60 };
#define POISON ((uint64_t)0x123456789abcdef0)
static const char *const roundings[] = {".rn", ".rz", ".rm", ".rp", ""};

static const struct operation {
  const char *name;
  enum reference_operation operation;
  unsigned sources;
  bool has_sat, wants_rounding;
} operations[] = {
    {"add", REFERENCE_ADD, 2, true, false},   {"sub", REFERENCE_SUB, 2, true, false},
    {"mul", REFERENCE_MUL, 2, true, false},   {"fma", REFERENCE_FMA, 3, true, true},
    {"mad", REFERENCE_FMA, 3, true, true},    {"div", REFERENCE_DIV, 2, false, true},
    {"sqrt", REFERENCE_SQRT, 1, false, true}, {"rcp", REFERENCE_DIV, 1, false, true},
};
enum { OPERATIONS = sizeof operations / sizeof *operations };

static const char *operands_of(char letter, unsigned sources) {
  static char text[64];
  (void)snprintf(text, sizeof text, "%%%c0, %%%c1", letter, letter);
  for (unsigned i = 1; i < sources; i++)
    (void)snprintf(text + strlen(text), sizeof text - strlen(text), ", %%%c%u", letter, i + 1);
  return text;
}

static uint64_t flushed(uint64_t bits, bool is_ftz) {
  return is_ftz && (bits & 0x7f800000) == 0 ? bits & 0x80000000 : bits;
}

static uint64_t wanted_f32(const struct operation *of, int mode, bool is_ftz, bool is_sat,
                           const uint64_t in[3]) {
  const float a = emu_f32_of(flushed(in[0], is_ftz)), b = emu_f32_of(flushed(in[1], is_ftz));
  const float c = emu_f32_of(flushed(in[2], is_ftz));
  const bool is_reciprocal = strcmp(of->name, "rcp") == 0;
  const float result = reference_f32(of->operation, mode, is_reciprocal ? 1 : a, is_reciprocal ? a : b, c);
  if (is_sat && !(result > 0)) return 0;
  if (is_sat && result > 1) return 0x3f800000;
  return isnan(result) ? 0x7fffffff : flushed(emu_f32_bits(result), is_ftz);
}

/* Fills the sources, steps with all lanes or some, and yields the lanes that have stepped. */
static uint32_t step_anew(check_env *env, ops_rig *rig, bool is_f64, int round) {
  const uint32_t mask = round % 3 == 2 ? (uint32_t)check_random(env) | 1 : ~(uint32_t)0;
  for (unsigned lane = 0; lane < PTX_LANES; lane++) {
    uint64_t *const sources[] = {rig->a, rig->b, rig->c};
    for (int i = 0; i < 3; i++) sources[i][lane] = is_f64 ? reference_any_f64(env) : reference_any_f32(env);
    rig->d[lane] = POISON + lane;
  }
  ops_step(rig, mask);
  for (unsigned lane = 0; lane < PTX_LANES; lane++)
    if ((mask >> lane & 1) == 0 && rig->d[lane] != POISON + lane)
      FAIL("%s: lane %u is written and should not be", rig->statement, lane);
  return mask;
}

static void tell(const ops_rig *rig, unsigned lane, uint64_t wanted) {
  FAIL("%s of %#llx %#llx %#llx: found %#llx, wanted %#llx", rig->statement, (unsigned long long)rig->a[lane],
       (unsigned long long)rig->b[lane], (unsigned long long)rig->c[lane], (unsigned long long)rig->d[lane],
       (unsigned long long)wanted);
}

TEST(emulator_ops_float, f32_rounds_flushes_and_saturates) {
  for (const struct operation *of = operations; of < operations + OPERATIONS; of++) {
    for (int mode = 0; mode < (of->wants_rounding ? 4 : 5); mode++) {
      for (int flags = 0; flags < (of->has_sat ? 4 : 2); flags++) {
        const bool is_ftz = (flags & 1) != 0, is_sat = (flags & 2) != 0;
        char text[128];
        (void)snprintf(text, sizeof text, "%s%s%s%s.f32 %s;", of->name, roundings[mode], is_ftz ? ".ftz" : "",
                       is_sat ? ".sat" : "", operands_of('r', of->sources));
        ops_rig rig;
        if (!ops_open(&rig, text)) continue;
        EXPECT_EQ(rig.at->kind, PTX_CLASS_F32);
        for (int round = 0; round < ROUNDS; round++) {
          EMU_EACH_LANE(lane, step_anew(env, &rig, false, round)) {
            const uint64_t in[] = {rig.a[lane], rig.b[lane], rig.c[lane]};
            const uint64_t wanted = wanted_f32(of, mode % 4, is_ftz, is_sat, in);
            if (rig.d[lane] != wanted) tell(&rig, lane, wanted);
          }
        }
        ops_close(&rig);
      }
    }
  }
}

/* A NaN operand goes through, the first one, quiet; else it is that of an invalid operation. */
static uint64_t wanted_f64(const struct operation *of, int mode, const uint64_t in[3]) {
  const bool is_reciprocal = strcmp(of->name, "rcp") == 0;
  const double a = emu_f64_of(in[0]);
  const double result = reference_f64(of->operation, mode, is_reciprocal ? 1 : a,
                                      is_reciprocal ? a : emu_f64_of(in[1]), emu_f64_of(in[2]));
  if (!isnan(result)) return emu_f64_bits(result);
  for (unsigned i = 0; i < of->sources; i++)
    if (reference_is_nan64(in[i])) return in[i] | (uint64_t)1 << 51;
  return 0xfff8000000000000;
}

TEST(emulator_ops_float, f64_rounds) {
  for (const struct operation *of = operations; of < operations + OPERATIONS; of++) {
    for (int mode = 0; mode < (of->wants_rounding ? 4 : 5); mode++) {
      char text[128];
      (void)snprintf(text, sizeof text, "%s%s.f64 %s;", of->name, roundings[mode],
                     operands_of('d', of->sources));
      ops_rig rig;
      if (!ops_open(&rig, text)) continue;
      EXPECT_EQ(rig.at->kind, PTX_CLASS_F64);
      for (int round = 0; round < ROUNDS; round++) {
        EMU_EACH_LANE(lane, step_anew(env, &rig, true, round)) {
          const uint64_t in[] = {rig.a[lane], rig.b[lane], rig.c[lane]};
          const uint64_t wanted = wanted_f64(of, mode % 4, in);
          if (rig.d[lane] != wanted) tell(&rig, lane, wanted);
        }
      }
      ops_close(&rig);
    }
  }
}

TEST(emulator_ops_float, pairs_of_f32_are_two_numbers) {
  for (const struct operation *of = operations; of->operation != REFERENCE_DIV; of++) {
    for (int mode = 0; mode < 4 && strcmp(of->name, "mad") != 0; mode++) {
      char text[128];
      (void)snprintf(text, sizeof text, "%s%s.ftz.f32x2 %s;", of->name, roundings[mode],
                     operands_of('d', of->sources));
      ops_rig rig;
      if (!ops_open(&rig, text)) continue;
      for (int round = 0; round < ROUNDS; round++) {
        for (unsigned lane = 0; lane < PTX_LANES; lane++) {
          rig.a[lane] = (uint64_t)reference_any_f32(env) << 32 | reference_any_f32(env);
          rig.b[lane] = (uint64_t)reference_any_f32(env) << 32 | reference_any_f32(env);
          rig.c[lane] = (uint64_t)reference_any_f32(env) << 32 | reference_any_f32(env);
        }
        ops_step(&rig, ~(uint32_t)0);
        for (unsigned lane = 0; lane < PTX_LANES; lane++) {
          const uint64_t high[] = {rig.a[lane] >> 32, rig.b[lane] >> 32, rig.c[lane] >> 32};
          const uint64_t low[] = {(uint32_t)rig.a[lane], (uint32_t)rig.b[lane], (uint32_t)rig.c[lane]};
          const uint64_t wanted =
              wanted_f32(of, mode, true, false, high) << 32 | wanted_f32(of, mode, true, false, low);
          if (rig.d[lane] != wanted) tell(&rig, lane, wanted);
        }
      }
      ops_close(&rig);
    }
  }
}

/* ---- signs, sizes, the lesser and the greater ---- */

/* Of f32 bits or f64 bits: as integers of sign and size, which order as the numbers do, -0 below 0. */
typedef struct kind {
  char letter;
  const char *type;
  bool is_f64;
  uint64_t sign, infinity, nan;
} kind;
static const kind kinds[] = {
    {'r', "f32", false, 0x80000000, 0x7f800000, 0x7fffffff},
    {'d', "f64", true, (uint64_t)1 << 63, (uint64_t)0x7ff << 52, 0xfff8000000000000},
};

static bool is_nan_of(const kind *of, uint64_t bits) { return (bits & ~of->sign) > of->infinity; }
static bool is_subnormal_of(const kind *of, uint64_t bits) {
  const uint64_t least = of->is_f64 ? (uint64_t)1 << 52 : 0x800000;
  return (bits & ~of->sign) != 0 && (bits & ~of->sign) < least;
}
static bool is_below(const kind *of, uint64_t a, uint64_t b) {
  const bool is_minus_a = (a & of->sign) != 0, is_minus_b = (b & of->sign) != 0;
  if (is_minus_a != is_minus_b) return is_minus_a;
  return is_minus_a ? a > b : a < b;
}

static uint64_t wanted_extreme(const kind *of, bool is_max, bool is_ftz, bool keeps_nan, bool is_xorsign,
                               uint64_t a, uint64_t b) {
  if (is_ftz) {
    a = flushed(a, true);
    b = flushed(b, true);
  }
  const uint64_t signs = (a ^ b) & of->sign;
  if (is_xorsign) {
    a &= ~of->sign;
    b &= ~of->sign;
  }
  const bool a_is_nan = is_nan_of(of, a), b_is_nan = is_nan_of(of, b);
  if ((a_is_nan && b_is_nan) || (keeps_nan && (a_is_nan || b_is_nan))) return of->nan;
  const uint64_t taken = a_is_nan ? b : b_is_nan ? a : is_below(of, a, b) == is_max ? b : a;
  return is_xorsign ? taken | signs : taken;
}

TEST(emulator_ops_float, min_and_max_know_nan_and_zeros) {
  for (int i = 0; i < 2 * 2 * 8; i++) {
    const kind *of = &kinds[i & 1];
    const bool is_max = (i & 2) != 0, is_ftz = (i & 4) != 0, keeps_nan = (i & 8) != 0,
               is_xorsign = (i & 16) != 0;
    if (of->is_f64 && i > 3) continue;
    char text[128];
    (void)snprintf(text, sizeof text, "%s%s%s%s.%s %s;", is_max ? "max" : "min", is_ftz ? ".ftz" : "",
                   keeps_nan ? ".NaN" : "", is_xorsign ? ".xorsign.abs" : "", of->type,
                   operands_of(of->letter, 2));
    ops_rig rig;
    if (!ops_open(&rig, text)) continue;
    for (int round = 0; round < ROUNDS; round++) {
      EMU_EACH_LANE(lane, step_anew(env, &rig, of->is_f64, round)) {
        const uint64_t wanted =
            wanted_extreme(of, is_max, is_ftz, keeps_nan, is_xorsign, rig.a[lane], rig.b[lane]);
        if (rig.d[lane] != wanted) tell(&rig, lane, wanted);
      }
    }
    ops_close(&rig);
  }
}

TEST(emulator_ops_float, min_and_max_of_three) {
  ops_rig rig;
  if (!ops_open(&rig, "max.f32 %r0, %r1, %r2, %r3;")) return;
  for (int round = 0; round < ROUNDS; round++) {
    EMU_EACH_LANE(lane, step_anew(env, &rig, false, round)) {
      const uint64_t two = wanted_extreme(kinds, true, false, false, false, rig.a[lane], rig.b[lane]);
      const uint64_t wanted = wanted_extreme(kinds, true, false, false, false, two, rig.c[lane]);
      if (rig.d[lane] != wanted) tell(&rig, lane, wanted);
    }
  }
  ops_close(&rig);
}

TEST(emulator_ops_float, signs_change_and_nothing_else) {
  for (int i = 0; i < 2 * 3 * 2; i++) {
    static const char *const names[] = {"neg", "abs", "copysign"};
    const kind *of = &kinds[i & 1];
    const int what = i / 2 % 3;
    const bool is_ftz = i >= 6;
    if (is_ftz && (of->is_f64 || what == 2)) continue;
    char text[128];
    (void)snprintf(text, sizeof text, "%s%s.%s %s;", names[what], is_ftz ? ".ftz" : "", of->type,
                   operands_of(of->letter, what == 2 ? 2 : 1));
    ops_rig rig;
    if (!ops_open(&rig, text)) continue;
    for (int round = 0; round < ROUNDS; round++) {
      EMU_EACH_LANE(lane, step_anew(env, &rig, of->is_f64, round)) {
        const uint64_t a = of->is_f64 ? rig.a[lane] : flushed(rig.a[lane], is_ftz), b = rig.b[lane];
        const uint64_t wanted = what == 0   ? a ^ of->sign
                                : what == 1 ? a & ~of->sign
                                            : (b & ~of->sign) | (a & of->sign);
        if (rig.d[lane] != wanted) tell(&rig, lane, wanted);
      }
    }
    ops_close(&rig);
  }
}

TEST(emulator_ops_float, testp_tells_kinds_of_numbers) {
  static const char *const names[] = {"finite", "infinite", "number", "notanumber", "normal", "subnormal"};
  for (int i = 0; i < 2 * 6; i++) {
    const kind *of = &kinds[i & 1];
    char text[128];
    (void)snprintf(text, sizeof text, "testp.%s.%s %%p0, %%%c1;", names[i / 2], of->type, of->letter);
    ops_rig rig;
    if (!ops_open(&rig, text)) continue;
    for (int round = 0; round < ROUNDS; round++) {
      EMU_EACH_LANE(lane, step_anew(env, &rig, of->is_f64, round)) {
        const uint64_t a = rig.a[lane], size = a & ~of->sign;
        const bool answers[] = {
            size<of->infinity, size == of->infinity, size <= of->infinity, size> of->infinity,
            size != 0 && size < of->infinity && !is_subnormal_of(of, a), is_subnormal_of(of, a)};
        if (rig.d[lane] != (uint64_t)answers[i / 2]) tell(&rig, lane, answers[i / 2]);
      }
    }
    ops_close(&rig);
  }
}

TEST(emulator_ops_float, what_ptx_has_not_is_refused) {
  static const struct {
    const char *statement, *words;
  } refused[] = {
      {"fma.f32 %r0, %r1, %r2, %r3;", "rounding"},
      {"div.f32 %r0, %r1, %r2;", "rounding"},
      {"add.ftz.f64 %d0, %d1, %d2;", "does not take"},
      {"add.rn.sat.f64 %d0, %d1, %d2;", "does not take"},
      {"add.sat.f32x2 %d0, %d1, %d2;", "does not take"},
      {"min.xorsign.f32 %r0, %r1, %r2;", ".abs"},
      {"max.NaN.f64 %d0, %d1, %d2;", "does not take"},
      {"max.f64 %d0, %d1, %d2, %d3;", "f32"},
      {"sin.f32 %r0, %r1;", ".approx"},
      {"tanh.approx.ftz.f32 %r0, %r1;", ".ftz"},
      {"rcp.approx.f64 %d0, %d1;", ".ftz"},
      {"testp.f32 %p0, %r1;", "property"},
  };
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
    ops_expect_refusal(refused[i].statement, refused[i].words);
}
