/* The emulator's own arithmetic of integers, against the C library's floats in each rounding mode. */
#include "tests/emulator_float_reference.h"

static uint64_t found_of(enum reference_operation operation, emu_format format, int mode, double a, double b,
                         double c) {
  const emu_rounding rounding = (emu_rounding)mode;
  switch (operation) {
    case REFERENCE_ADD: return emu_round_sum(a, b, format, rounding);
    case REFERENCE_SUB: return emu_round_sum(a, isnan(b) ? b : -b, format, rounding);
    case REFERENCE_MUL: return emu_round_product(a, b, format, rounding);
    case REFERENCE_FMA: return emu_round_fused(a, b, c, format, rounding);
    case REFERENCE_DIV: return emu_round_quotient(a, b, format, rounding);
    default: return emu_round_root(a, format, rounding);
  }
}

enum { TRIES = 100000 };

TEST(emulator_rounding, rounds_f32_in_every_mode) {
  for (int i = 0; i < TRIES; i++) {
    const uint32_t a = reference_any_f32(env), b = reference_any_f32(env), c = reference_any_f32(env);
    const float x = emu_f32_of(a), y = emu_f32_of(b), z = emu_f32_of(c);
    for (int operation = REFERENCE_ADD; operation <= REFERENCE_SQRT; operation++) {
      for (int mode = 0; mode < 4; mode++) {
        const float result = reference_f32((enum reference_operation)operation, mode, x, y, z);
        const uint64_t wanted = isnan(result) ? 0x7fffffff : emu_f32_bits(result);
        const uint64_t found = found_of((enum reference_operation)operation, EMU_FORMAT_F32, mode, (double)x,
                                        (double)y, (double)z);
        if (found != wanted)
          FAIL("operation %d mode %d of %a %a %a: found %#llx, wanted %#llx", operation, mode, (double)x,
               (double)y, (double)z, (unsigned long long)found, (unsigned long long)wanted);
      }
    }
  }
}

TEST(emulator_rounding, rounds_f64_in_every_mode) {
  for (int i = 0; i < TRIES; i++) {
    const double x = emu_f64_of(reference_any_f64(env)), y = emu_f64_of(reference_any_f64(env));
    const double z = emu_f64_of(reference_any_f64(env));
    for (int operation = REFERENCE_ADD; operation <= REFERENCE_SQRT; operation++) {
      for (int mode = 0; mode < 4; mode++) {
        const double wanted = reference_f64((enum reference_operation)operation, mode, x, y, z);
        const double found =
            emu_f64_of(found_of((enum reference_operation)operation, EMU_FORMAT_F64, mode, x, y, z));
        if (isnan(wanted) ? !isnan(found) : emu_f64_bits(found) != emu_f64_bits(wanted))
          FAIL("operation %d mode %d of %a %a %a: found %a, wanted %a", operation, mode, x, y, z, found,
               wanted);
      }
    }
  }
}

/* An addend next to a product: where digits cancel, or one of them is far below the other. */
TEST(emulator_rounding, rounds_sums_that_cancel) {
  for (int i = 0; i < TRIES; i++) {
    const double x = emu_f64_of(((uint64_t)0x3ff << 52) | check_random(env) >> 12);
    const double y = emu_f64_of(((uint64_t)0x3ff << 52) | check_random(env) >> 12);
    volatile double product = x * y;
    const double shift = ldexp(1, (int)check_random_between(env, -120, 120));
    const double z = i % 2 == 0 ? -product * (i % 4 == 0 ? 1 : shift)
                                : emu_f64_of(emu_f64_bits(-product) + check_random_below(env, 5) - 2);
    const int scale = (int)check_random_between(env, -1070, 1020);
    const double a = ldexp(x, scale / 2), b = ldexp(y, scale - scale / 2), c = ldexp(z, scale);
    for (int mode = 0; mode < 4; mode++) {
      const double wanted = reference_f64(REFERENCE_FMA, mode, a, b, c);
      const uint64_t found = emu_round_fused(a, b, c, EMU_FORMAT_F64, (emu_rounding)mode);
      if (found != emu_f64_bits(wanted))
        FAIL("mode %d of %a %a %a: found %a, wanted %a", mode, a, b, c, emu_f64_of(found), wanted);
    }
  }
}

TEST(emulator_rounding, rounds_numbers_and_whole_numbers) {
  for (int i = 0; i < TRIES; i++) {
    volatile double x = emu_f64_of(reference_any_f64(env));
    volatile uint64_t whole = check_random(env) >> check_random_below(env, 64);
    if (whole == 0) whole = 1; /* a compiler's cast of 0 may be -0 where it rounds down */
    volatile float f32 = 0;
    volatile double f64 = 0;
    for (int mode = 0; mode < 4; mode++) {
      const emu_rounding rounding = (emu_rounding)mode;
      REFERENCE_IN(mode, f32, (float)x);
      const uint64_t wanted = isnan(f32) ? 0x7fffffff : emu_f32_bits(f32);
      if (emu_round_number(x, EMU_FORMAT_F32, rounding) != wanted)
        FAIL("mode %d of %a: wanted %a", mode, x, (double)f32);
      REFERENCE_IN(mode, f32, (float)whole);
      if (emu_round_integer(whole, false, EMU_FORMAT_F32, rounding) != emu_f32_bits(f32))
        FAIL("mode %d of %llu: wanted %a", mode, (unsigned long long)whole, (double)f32);
      REFERENCE_IN(mode, f64, (double)whole);
      if (emu_round_integer(whole, false, EMU_FORMAT_F64, rounding) != emu_f64_bits(f64))
        FAIL("mode %d of %llu: wanted %a", mode, (unsigned long long)whole, f64);
      volatile int64_t below = -(int64_t)(whole >> 1);
      REFERENCE_IN(mode, f64, (double)below);
      if (emu_round_integer(whole >> 1, true, EMU_FORMAT_F64, rounding) != emu_f64_bits(below == 0 ? 0 : f64))
        FAIL("mode %d of %lld: wanted %a", mode, (long long)below, f64);
      f64 = mode == EMU_RN ? rint(x) : mode == EMU_RZ ? trunc(x) : mode == EMU_RM ? floor(x) : ceil(x);
      const double found = emu_round_whole(x, rounding);
      if (isnan(x) ? !isnan(found) : emu_f64_bits(found) != emu_f64_bits(f64))
        FAIL("mode %d of %a to a whole number: found %a, wanted %a", mode, x, found, f64);
    }
  }
}

/* Every f16 and bf16 is read as what its bits say, and rounds to itself. */
TEST(emulator_rounding, knows_every_half) {
  for (uint32_t bits = 0; bits < 0x10000; bits++) {
    const int sign = (bits & 0x8000) != 0 ? -1 : 1, exponent = (int)(bits >> 10 & 31),
              fraction = (int)(bits & 0x3ff);
    const double size = exponent == 31  ? (fraction == 0 ? HUGE_VAL : NAN)
                        : exponent == 0 ? ldexp(fraction, -24)
                                        : ldexp(fraction + 1024, exponent - 25);
    const double f16 = emu_number_of_bits(EMU_FORMAT_F16, bits);
    const double bf16 = emu_number_of_bits(EMU_FORMAT_BF16, bits);
    if (isnan(size) ? !isnan(f16) : emu_f64_bits(f16) != emu_f64_bits(copysign(size, sign)))
      FAIL("f16 %#x is %a", bits, f16);
    if (isnan(bf16) ? !reference_is_nan32(bits << 16) : emu_f32_bits((float)bf16) != bits << 16)
      FAIL("bf16 %#x is %a", bits, bf16);
    for (int rounding = EMU_RN; rounding <= EMU_RNA; rounding++) {
      if (emu_round_number(f16, EMU_FORMAT_F16, (emu_rounding)rounding) != (isnan(f16) ? 0x7fff : bits))
        FAIL("f16 %#x in mode %d", bits, rounding);
      if (emu_round_number(bf16, EMU_FORMAT_BF16, (emu_rounding)rounding) != (isnan(bf16) ? 0x7fff : bits))
        FAIL("bf16 %#x in mode %d", bits, rounding);
    }
    EXPECT_EQ(emu_is_subnormal(EMU_FORMAT_F16, bits), exponent == 0 && fraction != 0);
    EXPECT_EQ(emu_is_subnormal(EMU_FORMAT_BF16, bits), fpclassify((float)bf16) == FP_SUBNORMAL);
  }
}

/* To halves, near each of them: on it, on the middle to the next, a little beside. */
TEST(emulator_rounding, rounds_to_every_half) {
  static const struct {
    emu_format format;
    uint64_t infinity;
  } halves[] = {{EMU_FORMAT_F16, 0x7c00}, {EMU_FORMAT_BF16, 0x7f80}};
  for (int half = 0; half < 2; half++) {
    const emu_format format = halves[half].format;
    for (uint64_t bits = 0; bits < halves[half].infinity; bits++) {
      const double at = emu_number_of_bits(format, bits);
      const double next = bits + 1 == halves[half].infinity ? 2 * at - emu_number_of_bits(format, bits - 1)
                                                            : emu_number_of_bits(format, bits + 1);
      const double middle = at + (next - at) / 2;
      const double tries[] = {at,     nextafter(at, HUGE_VAL),     nextafter(middle, 0),
                              middle, nextafter(middle, HUGE_VAL), nextafter(next, 0)};
      for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        for (int rounding = EMU_RN; rounding <= EMU_RNA; rounding++) {
          EXPECT_EQ(emu_round_number(tries[i], format, (emu_rounding)rounding),
                    reference_half((long double)tries[i], format, (emu_rounding)rounding));
          EXPECT_EQ(emu_round_number(-tries[i], format, (emu_rounding)rounding),
                    reference_half((long double)-tries[i], format, (emu_rounding)rounding));
        }
      }
    }
    EXPECT_EQ(emu_round_number(0x1p1000, format, EMU_RN), halves[half].infinity);
    EXPECT_EQ(emu_round_number(0x1p1000, format, EMU_RM), halves[half].infinity - 1);
    EXPECT_EQ(emu_round_number(-0x1p1000, format, EMU_RM), halves[half].infinity | 0x8000);
    EXPECT_EQ(emu_round_number(-HUGE_VAL, format, EMU_RZ), halves[half].infinity | 0x8000);
  }
}
