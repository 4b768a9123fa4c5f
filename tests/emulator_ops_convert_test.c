/* cvt between all types, with each rounding and flag: whole numbers against long double and the C library's
   casts in the rounding mode of the name, halves against all the neighbours there are. */
#include <float.h>
#include <limits.h>

#include "tests/emulator_float_reference.h"
#include "tests/emulator_ops.h"

_Static_assert(LDBL_MANT_DIG >= 64, "a long double holds every whole number of 64 bits");

enum { ROUNDS = 40 };

typedef struct kind {
  const char *name;
  unsigned bits;
  bool is_float, is_signed;
  emu_format format;
} kind;
static const kind kinds[] = {
    {"u8", 8, false, false, 0},
    {"u16", 16, false, false, 0},
    {"u32", 32, false, false, 0},
    {"u64", 64, false, false, 0},
    {"s8", 8, false, true, 0},
    {"s16", 16, false, true, 0},
    {"s32", 32, false, true, 0},
    {"s64", 64, false, true, 0},
    {"f16", 16, true, true, EMU_FORMAT_F16},
    {"bf16", 16, true, true, EMU_FORMAT_BF16},
    {"f32", 32, true, true, EMU_FORMAT_F32},
    {"f64", 64, true, true, EMU_FORMAT_F64},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static char letter_of(const kind *of) { return of->bits <= 16 ? 'h' : of->bits == 32 ? 'r' : 'd'; }
static bool is_named(const kind *of, const char *name) { return strcmp(of->name, name) == 0; }
static uint64_t mask_of(unsigned bits) { return ~(uint64_t)0 >> (64 - bits); }

static uint64_t any_of(check_env *env, const kind *of) {
  if (is_named(of, "f64")) {
    const uint64_t random = check_random(env);
    if (random % 4 != 0) return reference_any_f64(env);
    return emu_f64_bits(ldexp((double)(int64_t)check_random(env), (int)check_random_between(env, -68, 2)));
  }
  if (is_named(of, "f32")) {
    const uint64_t random = check_random(env);
    if (random % 4 != 0) return reference_any_f32(env);
    return emu_f32_bits(ldexpf((float)(int64_t)check_random(env), (int)check_random_between(env, -68, 2)));
  }
  const uint64_t random = check_random(env), most = mask_of(of->bits);
  switch (random >> 61) {
    case 0: return (check_random_below(env, 8) - 4) & most;
    case 1: return ((most >> 1) + check_random_below(env, 8) - 4) & most;
    default: return check_random(env) & most >> check_random_below(env, of->bits);
  }
}

typedef struct way {
  int mode;      /* of emu_rounding, or -1 */
  bool is_whole; /* to a whole number */
  bool is_ftz, is_sat;
} way;

/* A register's low bits as a number, exactly. */
static long double value_of(const kind *of, uint64_t bits) {
  if (of->is_float) return (long double)emu_number_of_bits(of->format, bits);
  if (!of->is_signed) return (long double)bits;
  return (long double)((int64_t)(bits << (64 - of->bits)) >> (64 - of->bits));
}

static long double whole_of(long double x, int mode) {
  switch (mode) {
    case EMU_RZ: return truncl(x);
    case EMU_RM: return floorl(x);
    case EMU_RP: return ceill(x);
    default: {
      const long double below = floorl(x), rest = x - below;
      if (isinf(x) || rest < 0.5L) return copysignl(below, x);
      if (rest > 0.5L) return copysignl(below + 1, x);
      return copysignl(fmodl(below, 2) == 0 ? below : below + 1, x);
    }
  }
}

static uint64_t clamped(long double x, const kind *to) {
  const long double least = to->is_signed ? -ldexpl(1, (int)to->bits - 1) : 0;
  const long double most = ldexpl(1, (int)to->bits - (to->is_signed ? 1 : 0)) - 1;
  if (x <= least) return to->is_signed ? (uint64_t)1 << (to->bits - 1) : 0;
  if (x >= most) return mask_of(to->bits) >> (to->is_signed ? 1 : 0);
  return (x < 0 ? (uint64_t)(int64_t)x : (uint64_t)x) & mask_of(to->bits);
}

static uint64_t flushed(uint64_t bits) { return (bits & 0x7f800000) == 0 ? bits & 0x80000000 : bits; }

/* To f32 or f64, by casts of what the source is. */
static uint64_t cast(const kind *to, const kind *from, uint64_t bits, long double value, int mode) {
  if (!from->is_float && value == 0) return 0; /* a compiler's cast of 0 may be -0 where it rounds down */
  volatile float f32 = 0;
  volatile double f64 = 0;
  volatile uint64_t positive = bits;
  volatile int64_t any_sign = from->is_signed && !from->is_float ? (int64_t)value : 0;
  volatile double x = (double)value;
  if (is_named(to, "f32")) {
    if (from->is_float) {
      REFERENCE_IN(mode, f32, (float)x);
    } else if (from->is_signed) {
      REFERENCE_IN(mode, f32, (float)any_sign);
    } else {
      REFERENCE_IN(mode, f32, (float)positive);
    }
    return isnan(f32) ? 0x7fffffff : emu_f32_bits(f32);
  }
  if (from->is_float) return emu_f64_bits(x);
  if (from->is_signed) {
    REFERENCE_IN(mode, f64, (double)any_sign);
  } else {
    REFERENCE_IN(mode, f64, (double)positive);
  }
  return emu_f64_bits(f64);
}

static uint64_t wanted_of(const kind *to, const kind *from, const way *how, uint64_t bits) {
  if (how->is_ftz && is_named(from, "f32")) bits = flushed(bits);
  long double value = value_of(from, bits);
  const int mode = how->mode < 0 ? EMU_RN : how->mode;
  if (!to->is_float) {
    if (from->is_float) {
      if (!isnan(value)) return clamped(whole_of(value, mode), to);
      const bool is_zero = !is_named(from, "f64") && to->bits != 64;
      return is_zero ? 0 : (uint64_t)1 << (to->bits - 1);
    }
    if (how->is_sat) return clamped(value, to);
    return (from->is_signed ? (uint64_t)(int64_t)value : bits) & mask_of(to->bits);
  }
  if (how->is_whole) value = whole_of(value, mode);
  if (how->is_sat && !(value > 0)) return 0;
  uint64_t found = to->bits == 16 ? reference_half(value, to->format, (emu_rounding)mode)
                                  : cast(to, from, bits, value, mode);
  if (how->is_sat && value > 1)
    found = to->format == EMU_FORMAT_F16    ? 0x3c00
            : to->format == EMU_FORMAT_BF16 ? 0x3f80
            : to->format == EMU_FORMAT_F32  ? 0x3f800000
                                            : (uint64_t)0x3ff << 52;
  return how->is_ftz && is_named(to, "f32") ? flushed(found) : found;
}

static unsigned digits_of(const kind *of) {
  return !of->is_float ? 0 : of->bits == 64 ? 53 : of->bits == 32 ? 24 : is_named(of, "f16") ? 11 : 8;
}

/* Whether PTX has it. */
static bool exists(const kind *to, const kind *from, const way *how) {
  if (how->is_ftz && !is_named(to, "f32") && !is_named(from, "f32")) return false;
  if (!to->is_float && !from->is_float) return how->mode < 0 && !how->is_whole;
  if (!to->is_float) return how->is_whole && how->mode >= 0;
  if (!from->is_float) return !how->is_whole && how->mode >= 0;
  if (to == from) return how->is_whole == (how->mode >= 0);
  const bool may_lose = digits_of(to) < digits_of(from) || (is_named(to, "f16") && is_named(from, "bf16"));
  return !how->is_whole && may_lose == (how->mode >= 0);
}

static void try(check_env *env, const kind *to, const kind *from, const way *how) {
  static const char *const names[] = {"", ".rn", ".rz", ".rm", ".rp"};
  char text[128];
  (void)snprintf(text, sizeof text, "cvt%s%s%s%s.%s.%s %%%c0, %%%c1;", names[how->mode + 1],
                 how->is_whole ? "i" : "", how->is_ftz ? ".ftz" : "", how->is_sat ? ".sat" : "", to->name,
                 from->name, letter_of(to), letter_of(from));
  ops_rig rig;
  if (!ops_open(&rig, text)) return;
  EXPECT_EQ(rig.at->kind, PTX_CLASS_CONVERT);
  /* A number of 8 bits fills a register of 16 with its sign, and is read from its low bits. */
  const bool fills = is_named(to, "s8");
  const bool is_every = from->bits <= 16;
  for (int round = 0; round < (is_every ? 65536 / PTX_LANES : ROUNDS); round++) {
    const uint32_t mask = round % 4 == 3 ? (uint32_t)check_random(env) | 1 : ~(uint32_t)0;
    for (unsigned lane = 0; lane < PTX_LANES; lane++) {
      rig.a[lane] = is_every ? (unsigned)round * PTX_LANES + lane : any_of(env, from);
      rig.d[lane] = lane;
    }
    ops_step(&rig, mask);
    for (unsigned lane = 0; lane < PTX_LANES; lane++) {
      uint64_t wanted = wanted_of(to, from, how, rig.a[lane] & mask_of(from->bits));
      if (fills && (wanted & 0x80) != 0) wanted |= 0xff00;
      if ((mask >> lane & 1) == 0) wanted = lane;
      if (is_named(to, "f64") && (mask >> lane & 1) != 0 && reference_is_nan64(wanted) &&
          reference_is_nan64(rig.d[lane]))
        continue;
      if (rig.d[lane] != wanted)
        FAIL("%s of %#llx: found %#llx, wanted %#llx", text, (unsigned long long)rig.a[lane],
             (unsigned long long)rig.d[lane], (unsigned long long)wanted);
    }
  }
  ops_close(&rig);
}

TEST(emulator_ops_convert, converts_between_all_types) {
  int tried = 0;
  for (const kind *to = kinds; to < kinds + KINDS; to++) {
    for (const kind *from = kinds; from < kinds + KINDS; from++) {
      for (int which = 0; which < 5 * 8; which++) {
        const way how = {which / 8 - 1, (which & 1) != 0, (which & 2) != 0, (which & 4) != 0};
        if (!exists(to, from, &how)) continue;
        try(env, to, from, &how);
        tried++;
      }
    }
  }
  EXPECT_GT(tried, 900);
}

/* A number of one register: what it is in another. */
TEST(emulator_ops_convert, fills_and_reads_wider_registers) {
  static const struct {
    const char *statement;
    uint64_t from, to;
  } cases[] = {
      {"cvt.s8.u32 %r0, %r1;", 0x1280, 0xffffff80},
      {"cvt.u8.s32 %r0, %r1;", 0xffffff80, 0x80},
      {"cvt.s8.s64 %d0, %d1;", 0xff, ~(uint64_t)0},
      {"cvt.s32.s8 %r0, %r1;", 0x12345680, 0xffffff80},
      {"cvt.s64.s16 %d0, %r1;", 0x18000, 0xffffffffffff8000},
      {"cvt.u32.u16 %r0, %d1;", 0x123456789abcdef0, 0xdef0},
      {"cvt.u16.s8 %r0, %r1;", 0x80, 0xff80},
      {"cvt.s16.s8 %r0, %r1;", 0x80, 0xffffff80},
      {"cvt.sat.s8.s32 %r0, %r1;", 0xffffff00, 0xffffff80},
      {"cvt.rzi.s8.f32 %r0, %r1;", 0xc0a00000, 0xfffffffb},
      {"cvt.rn.f32.u8 %r0, %r1;", 0xffffff03, 0x40400000},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    CHECK_CASE("%s", cases[i].statement);
    ops_rig rig;
    if (!ops_open(&rig, cases[i].statement)) continue;
    for (unsigned lane = 0; lane < PTX_LANES; lane++) rig.a[lane] = cases[i].from;
    ops_step(&rig, ~(uint32_t)0);
    for (unsigned lane = 0; lane < PTX_LANES; lane++) EXPECT_EQ(rig.d[lane], cases[i].to);
    ops_close(&rig);
  }
}

/* Two f32 to a pair, the first above; .relu and .satfinite. */
static uint64_t wanted_half(const kind *to, int mode, bool is_relu, bool is_finite, uint64_t bits) {
  const float x = emu_f32_of(bits);
  if (is_relu && signbit(x) && !isnan(x)) return 0;
  const uint64_t found = reference_half((long double)x, to->format, (emu_rounding)mode);
  const uint64_t infinity = to->format == EMU_FORMAT_F16 ? 0x7c00 : 0x7f80;
  return is_finite && (found & 0x7fff) == infinity ? found - 1 : found;
}

TEST(emulator_ops_convert, packs_pairs_of_halves) {
  for (int which = 0; which < 2 * 2 * 2 * 2 * 2; which++) {
    const kind *to = &kinds[8 + (which & 1)];
    const bool is_relu = (which & 2) != 0, is_finite = (which & 4) != 0, is_pair = (which & 8) != 0;
    const int mode = which >> 4; /* rn, rz */
    char text[128];
    (void)snprintf(text, sizeof text, "cvt.%s%s%s.%s%s.f32 %s;", mode == 0 ? "rn" : "rz",
                   is_relu ? ".relu" : "", is_finite ? ".satfinite" : "", to->name, is_pair ? "x2" : "",
                   is_pair ? "%r0, %r1, %r2" : "%h0, %r1");
    ops_rig rig;
    if (!ops_open(&rig, text)) continue;
    for (int round = 0; round < 200; round++) {
      for (unsigned lane = 0; lane < PTX_LANES; lane++) {
        rig.b[lane] = any_of(env, &kinds[10]);
        rig.a[lane] = any_of(env, &kinds[10]);
      }
      ops_step(&rig, ~(uint32_t)0);
      for (unsigned lane = 0; lane < PTX_LANES; lane++) {
        uint64_t wanted = wanted_half(to, mode, is_relu, is_finite, rig.a[lane]);
        if (is_pair) wanted = wanted << 16 | wanted_half(to, mode, is_relu, is_finite, rig.b[lane]);
        if (rig.d[lane] != wanted)
          FAIL("%s of %#llx %#llx: found %#llx, wanted %#llx", text, (unsigned long long)rig.a[lane],
               (unsigned long long)rig.b[lane], (unsigned long long)rig.d[lane], (unsigned long long)wanted);
      }
    }
    ops_close(&rig);
  }
}

/* tf32: the sizes are counted up to the place of 13 bits, away from zero or to even. */
TEST(emulator_ops_convert, rounds_to_tf32) {
  static const char *const statements[] = {"cvt.rna.tf32.f32 %r0, %r1;", "cvt.rn.tf32.f32 %r0, %r1;",
                                           "cvt.rz.relu.tf32.f32 %r0, %r1;",
                                           "cvt.rna.satfinite.tf32.f32 %r0, %r1;"};
  for (int which = 0; which < 4; which++) {
    ops_rig rig;
    if (!ops_open(&rig, statements[which])) continue;
    for (int round = 0; round < 1000; round++) {
      for (unsigned lane = 0; lane < PTX_LANES; lane++) rig.a[lane] = any_of(env, &kinds[10]);
      ops_step(&rig, ~(uint32_t)0);
      for (unsigned lane = 0; lane < PTX_LANES; lane++) {
        const uint64_t size = rig.a[lane] & 0x7fffffff, sign = rig.a[lane] & 0x80000000, rest = size & 0x1fff;
        uint64_t wanted = size & ~(uint64_t)0x1fff;
        const bool is_odd = (wanted & 0x2000) != 0;
        if (which == 1 ? rest > 0x1000 || (rest == 0x1000 && is_odd) : which != 2 && rest >= 0x1000)
          wanted += 0x2000;
        if (which == 3 && wanted >= 0x7f800000) wanted = 0x7f7fe000;
        wanted = size > 0x7f800000 ? 0x7fffffff : which == 2 && sign != 0 ? 0 : wanted | sign;
        EXPECT_EQ(rig.d[lane], wanted);
      }
    }
    ops_close(&rig);
  }
}

/* ---- 8 bits ---- */

static double eight_value(bool is_e4m3, unsigned bits) {
  const int fraction_bits = is_e4m3 ? 3 : 2, bias = is_e4m3 ? 7 : 15;
  const int exponent = (int)(bits & 0x7f) >> fraction_bits, fraction = (int)bits & ((1 << fraction_bits) - 1);
  double size = exponent == 0 ? ldexp(fraction, 1 - bias - fraction_bits)
                              : ldexp(fraction + (1 << fraction_bits), exponent - bias - fraction_bits);
  if (is_e4m3 ? (bits & 0x7f) == 0x7f : exponent == 31) size = !is_e4m3 && fraction == 0 ? HUGE_VAL : NAN;
  return (bits & 0x80) != 0 ? -size : size;
}

/* The nearest of all of them, the even one of two. */
static unsigned eight_nearest(bool is_e4m3, double x) {
  if (isnan(x)) return 0x7f;
  unsigned best = 0;
  const unsigned most = is_e4m3 ? 0x7e : 0x7b;
  for (unsigned bits = 0; bits <= most; bits++) {
    const double away = fabs(fabs(x) - eight_value(is_e4m3, bits)),
                 least = fabs(fabs(x) - eight_value(is_e4m3, best));
    if (away < least || (away == least && bits % 2 == 0)) best = bits;
  }
  if (fabs(x) > eight_value(is_e4m3, most)) best = most;
  return best | (signbit(x) ? 0x80 : 0);
}

TEST(emulator_ops_convert, knows_floats_of_8_bits) {
  for (int which = 0; which < 4; which++) {
    const bool is_e4m3 = which % 2 == 0, is_relu = which / 2 != 0;
    const char *name = is_e4m3 ? "e4m3x2" : "e5m2x2", *relu = is_relu ? ".relu" : "";
    char text[128];
    ops_rig rig;
    (void)snprintf(text, sizeof text, "cvt.rn.satfinite%s.%s.f32 %%h0, %%r1, %%r2;", relu, name);
    if (!ops_open(&rig, text)) continue;
    for (int round = 0; round < 300; round++) {
      for (unsigned lane = 0; lane < PTX_LANES; lane++) {
        const double near = eight_value(is_e4m3, (unsigned)check_random_below(env, 256));
        rig.a[lane] = round % 2 == 0
                          ? reference_any_f32(env)
                          : emu_f32_bits((float)(near * (1 + (double)check_random_between(env, -4, 4) / 32)));
        rig.b[lane] = emu_f32_bits((float)(near * (double)check_random_between(env, -3, 3) / 2));
      }
      ops_step(&rig, ~(uint32_t)0);
      for (unsigned lane = 0; lane < PTX_LANES; lane++) {
        const float a = emu_f32_of(rig.a[lane]), b = emu_f32_of(rig.b[lane]);
        const unsigned high = is_relu && signbit(a) && !isnan(a) ? 0 : eight_nearest(is_e4m3, (double)a);
        const unsigned low = is_relu && signbit(b) && !isnan(b) ? 0 : eight_nearest(is_e4m3, (double)b);
        if (rig.d[lane] != (high << 8 | low))
          FAIL("%s of %a %a: found %#llx, wanted %#x", text, (double)a, (double)b,
               (unsigned long long)rig.d[lane], high << 8 | low);
      }
    }
    ops_close(&rig);

    (void)snprintf(text, sizeof text, "cvt.rn%s.f16x2.%s %%r0, %%h1;", relu, name);
    if (!ops_open(&rig, text)) continue;
    for (unsigned bits = 0; bits < 256; bits += PTX_LANES) {
      for (unsigned lane = 0; lane < PTX_LANES; lane++)
        rig.a[lane] = (bits + lane) << 8 | (255 - bits - lane);
      ops_step(&rig, ~(uint32_t)0);
      for (unsigned lane = 0; lane < PTX_LANES; lane++) {
        for (unsigned half = 0; half < 2; half++) {
          const double x = eight_value(is_e4m3, half == 0 ? 255 - bits - lane : bits + lane);
          const uint64_t wanted =
              is_relu && signbit(x) && !isnan(x) ? 0 : reference_half((long double)x, EMU_FORMAT_F16, EMU_RN);
          EXPECT_EQ(rig.d[lane] >> 16 * half & 0xffff, wanted);
        }
      }
    }
    ops_close(&rig);
  }
}

TEST(emulator_ops_convert, packs_integers) {
  static const struct {
    const char *statement;
    uint64_t a, b, c, d;
  } cases[] = {
      {"cvt.pack.sat.s16.s32 %r0, %r1, %r2;", 70000, 0xfffe0000, 0, 0x7fff8000},
      {"cvt.pack.sat.u16.s32 %r0, %r1, %r2;", 0xffffffff, 65536, 0, 0x0000ffff},
      {"cvt.pack.sat.u8.s32.b32 %r0, %r1, %r2, %r3;", 300, 0xffffff00, 0x12345678, 0x5678ff00},
      {"cvt.pack.sat.s8.u32.b32 %r0, %r1, %r2, %r3;", 0xffffffff, 5, 0x12345678, 0x56787f05},
      {"cvt.pack.sat.s4.s32.b32 %r0, %r1, %r2, %r3;", 0xfffffff0, 100, 0x12345678, 0x34567887},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    CHECK_CASE("%s", cases[i].statement);
    ops_rig rig;
    if (!ops_open(&rig, cases[i].statement)) continue;
    rig.c[7] = cases[i].c; /* with two sources the row of a */
    rig.a[7] = cases[i].a;
    rig.b[7] = cases[i].b;
    ops_step(&rig, 1u << 7);
    EXPECT_EQ(rig.d[7], cases[i].d);
    EXPECT_EQ(rig.d[6], 0);
    ops_close(&rig);
  }
}

TEST(emulator_ops_convert, what_ptx_has_not_is_refused) {
  ops_expect_refusal("cvt.f16.f32 %h0, %r1;", "rounding");
  ops_expect_refusal("cvt.f32.s32 %r0, %r1;", "rounding");
  ops_expect_refusal("cvt.s32.f32 %r0, %r1;", "rounding");
  ops_expect_refusal("cvt.rn.s32.f32 %r0, %r1;", "rounding");
  ops_expect_refusal("cvt.rni.f32.f64 %r0, %d1;", "own type");
  ops_expect_refusal("cvt.rna.f16.f32 %h0, %r1;", "tf32");
  ops_expect_refusal("cvt.ftz.f64.f16 %d0, %h1;", "f32");
  ops_expect_refusal("cvt.rn.relu.f32.f64 %r0, %d1;", ".relu");
  ops_expect_refusal("cvt.rz.satfinite.e4m3x2.f32 %h0, %r1, %r2;", "8 bits");
  ops_expect_refusal("cvt.rm.tf32.f32 %r0, %r1;", "tf32");
}
