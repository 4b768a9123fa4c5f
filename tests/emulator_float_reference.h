/* What floats should come to, by the C library's arithmetic in the rounding mode it is told: for tests of the
   emulator, whose own is made of integers. And numbers to try. */
#ifndef LAZYRT_TESTS_EMULATOR_FLOAT_REFERENCE_H
#define LAZYRT_TESTS_EMULATOR_FLOAT_REFERENCE_H

#include <fenv.h>
#include <math.h>

#include "tests/check.h"
#include "tests/emulator/rounding.h"

/* The modes that the C library has, in the order of emu_rounding. */
static const int reference_modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD};

/* EXPRESSION of volatile operands, in the mode. */
#define REFERENCE_IN(mode, result, expression) \
  do {                                         \
    (void)fesetround(reference_modes[mode]);   \
    (result) = (expression);                   \
    (void)fesetround(FE_TONEAREST);            \
  } while (0)

enum reference_operation {
  REFERENCE_ADD,
  REFERENCE_SUB,
  REFERENCE_MUL,
  REFERENCE_FMA,
  REFERENCE_DIV,
  REFERENCE_SQRT
};

static inline float reference_f32(enum reference_operation operation, int mode, float a, float b, float c) {
  volatile float x = a, y = b, z = c, result = 0;
  switch (operation) {
    case REFERENCE_ADD: REFERENCE_IN(mode, result, x + y); break;
    case REFERENCE_SUB: REFERENCE_IN(mode, result, x - y); break;
    case REFERENCE_MUL: REFERENCE_IN(mode, result, x * y); break;
    case REFERENCE_FMA: REFERENCE_IN(mode, result, fmaf(x, y, z)); break;
    case REFERENCE_DIV: REFERENCE_IN(mode, result, x / y); break;
    case REFERENCE_SQRT: REFERENCE_IN(mode, result, sqrtf(x)); break;
  }
  return result;
}

static inline double reference_f64(enum reference_operation operation, int mode, double a, double b,
                                   double c) {
  volatile double x = a, y = b, z = c, result = 0;
  switch (operation) {
    case REFERENCE_ADD: REFERENCE_IN(mode, result, x + y); break;
    case REFERENCE_SUB: REFERENCE_IN(mode, result, x - y); break;
    case REFERENCE_MUL: REFERENCE_IN(mode, result, x * y); break;
    case REFERENCE_FMA: REFERENCE_IN(mode, result, fma(x, y, z)); break;
    case REFERENCE_DIV: REFERENCE_IN(mode, result, x / y); break;
    case REFERENCE_SQRT: REFERENCE_IN(mode, result, sqrt(x)); break;
  }
  return result;
}

/* Bits of f32 and f64 that are edges, or near them, or any; exponents close enough for digits to meet. */
static inline uint32_t reference_any_f32(check_env *env) {
  static const uint32_t edges[] = {0,          1,          2,          0x7fffff,   0x800000,   0x800001,
                                   0x3f7fffff, 0x3f800000, 0x3f800001, 0x33800000, 0x34000000, 0x4b000000,
                                   0x4b7fffff, 0x5f000000, 0x7e800000, 0x7f000000, 0x7f7fffff, 0x7f800000,
                                   0x7f800001, 0x7fc00000, 0x7fffffff};
  const uint64_t random = check_random(env);
  const uint32_t sign = (uint32_t)(random >> 63) << 31;
  switch (random >> 60 & 7) {
    case 0:
    case 1: return sign | edges[check_random_below(env, sizeof edges / sizeof *edges)];
    case 2: return sign | (uint32_t)check_random_below(env, 0x1000000); /* subnormal, or nearly */
    case 3: return sign | (uint32_t)(0x3f000000 + check_random_below(env, 0x1000000));
    case 4:
      return sign | (uint32_t)(0x3f800000 + (check_random_below(env, 64) << 20) + check_random_below(env, 4));
    case 5: return sign | (uint32_t)(0x7e000000 + check_random_below(env, 0x1800000));
    default: return (uint32_t)random;
  }
}
static inline uint64_t reference_any_f64(check_env *env) {
  static const uint64_t edges[] = {0,
                                   1,
                                   2,
                                   0xfffffffffffff,
                                   0x10000000000000,
                                   0x10000000000001,
                                   0x3fefffffffffffff,
                                   0x3ff0000000000000,
                                   0x3ff0000000000001,
                                   0x4330000000000000,
                                   0x433fffffffffffff,
                                   0x43e0000000000000,
                                   0x7fd0000000000000,
                                   0x7fefffffffffffff,
                                   0x7ff0000000000000,
                                   0x7ff0000000000001,
                                   0x7ff8000000000000,
                                   0x7fffffffffffffff};
  const uint64_t random = check_random(env), sign = random & (uint64_t)1 << 63;
  switch (random >> 60 & 7) {
    case 0:
    case 1: return sign | edges[check_random_below(env, sizeof edges / sizeof *edges)];
    case 2: return sign | check_random_below(env, (uint64_t)1 << 53);
    case 3: return sign | (((uint64_t)0x3fe << 52) + check_random_below(env, (uint64_t)1 << 53));
    case 4:
      return sign |
             (((uint64_t)0x3ff << 52) + (check_random_below(env, 128) << 49) + check_random_below(env, 4));
    case 5: return sign | (((uint64_t)0x7fc << 52) + check_random_below(env, (uint64_t)3 << 52));
    case 6: return emu_f64_bits((double)emu_f32_of(reference_any_f32(env)));
    default: return random;
  }
}

/* A size, neither negative nor NaN, to f16 or bf16: the neighbours are found among all of them, not computed.
 */
static inline uint64_t reference_half_size(long double size, emu_format format, emu_rounding rounding) {
  const uint64_t infinity = format == EMU_FORMAT_F16 ? 0x7c00 : 0x7f80;
  if (size == (long double)HUGE_VAL) return infinity;
  uint64_t low = 0, high = infinity; /* low <= size < high */
  while (high - low > 1) {
    const uint64_t middle = (low + high) / 2;
    if ((long double)emu_number_of_bits(format, middle) <= size) {
      low = middle;
    } else {
      high = middle;
    }
  }
  /* Beyond the largest stands what would be next. */
  const long double below = (long double)emu_number_of_bits(format, low);
  const long double above = high == infinity ? 2 * below - (long double)emu_number_of_bits(format, low - 1)
                                             : (long double)emu_number_of_bits(format, high);
  if (size == below) return low;
  const long double middle = below + (above - below) / 2;
  switch (rounding) {
    case EMU_RZ:
    case EMU_RM: return low;
    case EMU_RP: return high;
    case EMU_RN: return size > middle || (size == middle && low % 2 != 0) ? high : low;
    default: return size >= middle ? high : low;
  }
}
static inline uint64_t reference_half(long double x, emu_format format, emu_rounding rounding) {
  if (isnan(x)) return 0x7fff;
  if (!signbit(x)) return reference_half_size(x, format, rounding);
  const emu_rounding mirrored = rounding == EMU_RM ? EMU_RP : rounding == EMU_RP ? EMU_RM : rounding;
  return reference_half_size(-x, format, mirrored) | 0x8000;
}

static inline bool reference_is_nan32(uint32_t bits) { return (bits & 0x7fffffff) > 0x7f800000; }
static inline bool reference_is_nan64(uint64_t bits) { return (bits & INT64_MAX) > (uint64_t)0x7ff << 52; }

#endif
