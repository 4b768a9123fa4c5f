/* Arithmetic with one rounding: a finite result is made exactly, as digits x 2^exponent in 128 bits whose
   last may stand for all that is below, and rounded by integers. */
#include "tests/emulator/rounding.h"

#include <math.h>

__extension__ typedef unsigned __int128 wide;

static const struct {
  int digits;      /* of the significand, its leading one among them */
  int least, most; /* exponents of the leading digit of normal numbers */
  int dropped;     /* low bits of a register that hold no digits */
  uint64_t nan, sign;
} formats[] = {
    [EMU_FORMAT_F16] = {11, -14, 15, 0, 0x7fff, 0x8000},
    [EMU_FORMAT_BF16] = {8, -126, 127, 0, 0x7fff, 0x8000},
    [EMU_FORMAT_TF32] = {11, -126, 127, 13, 0x7fffffff, 0x80000000},
    [EMU_FORMAT_F32] = {24, -126, 127, 0, 0x7fffffff, 0x80000000},
    [EMU_FORMAT_F64] = {53, -1022, 1023, 0, 0xfff8000000000000, 0x8000000000000000},
};

static uint64_t infinity_of(emu_format format) {
  const int exponents = formats[format].most - formats[format].least + 2;
  return (uint64_t)exponents << (formats[format].digits - 1 + formats[format].dropped);
}

uint64_t emu_nan(emu_format format) { return formats[format].nan; }
uint64_t emu_sign_of(emu_format format) { return formats[format].sign; }

bool emu_is_subnormal(emu_format format, uint64_t bits) {
  const uint64_t magnitude = bits & (formats[format].sign - 1);
  return magnitude != 0 && magnitude >> (formats[format].digits - 1 + formats[format].dropped) == 0;
}

uint64_t emu_one_of(emu_format format) {
  return (uint64_t)(1 - formats[format].least) << (formats[format].digits - 1 + formats[format].dropped);
}

/* A number other than zero: digits x 2^exponent. */
typedef struct exact {
  wide digits;
  int exponent;
  bool is_negative;
} exact;

static int top_of(wide digits) {
  const uint64_t high = (uint64_t)(digits >> 64);
  return high != 0 ? 127 - __builtin_clzll(high) : 63 - __builtin_clzll((uint64_t)digits);
}

/* Shifts right; what falls out stays as a last digit. */
static wide shift_right(wide digits, int by) {
  if (by <= 0) return digits;
  if (by > 127) return digits != 0;
  return digits >> by | ((digits & (((wide)1 << by) - 1)) != 0);
}

static exact exact_of(double x) {
  const uint64_t bits = emu_f64_bits(x), fraction = bits & (((uint64_t)1 << 52) - 1);
  const int biased = (int)(bits >> 52 & 0x7ff);
  return (exact){biased == 0 ? fraction : fraction | (uint64_t)1 << 52, (biased == 0 ? 1 : biased) - 1075,
                 bits >> 63 != 0};
}

static bool rounds_up(emu_rounding rounding, bool is_negative, bool is_odd, bool has_rest, int to_half) {
  switch (rounding) {
    case EMU_RN: return to_half > 0 || (to_half == 0 && is_odd);
    case EMU_RNA: return to_half >= 0;
    case EMU_RZ: return false;
    case EMU_RM: return has_rest && is_negative;
    case EMU_RP: return has_rest && !is_negative;
  }
  return false;
}

static uint64_t round_exact(exact x, emu_format format, emu_rounding rounding) {
  const int digits = formats[format].digits, least = formats[format].least, dropped = formats[format].dropped;
  const int top = x.exponent + top_of(x.digits), last = (top < least ? least : top) - (digits - 1);
  const int by = last - x.exponent;
  uint64_t kept = 0;
  bool has_rest = true;
  int to_half = -1; /* how the rest stands to half of the last place */
  if (by <= 0) {
    kept = (uint64_t)x.digits << -by;
    has_rest = false;
  } else if (by <= 127) {
    const wide rest = x.digits & (((wide)1 << by) - 1), half = (wide)1 << (by - 1);
    kept = (uint64_t)(x.digits >> by);
    has_rest = rest != 0;
    to_half = rest > half ? 1 : rest == half ? 0 : -1;
  }
  kept += rounds_up(rounding, x.is_negative, (kept & 1) != 0, has_rest, to_half);
  /* A leading one counts into the exponent, and so does a carry out of the digits. */
  uint64_t bits = (((uint64_t)(last - (least - (digits - 1))) << (digits - 1)) + kept) << dropped;
  const uint64_t infinity = infinity_of(format);
  if (bits >= infinity) {
    const bool stays_finite = rounding == EMU_RZ || rounding == (x.is_negative ? EMU_RP : EMU_RM);
    bits = stays_finite ? infinity - ((uint64_t)1 << dropped) : infinity;
  }
  return bits | (x.is_negative ? formats[format].sign : 0);
}

/* Of zero or infinity, which every format has. */
static uint64_t special(double x, emu_format format) {
  return (isinf(x) ? infinity_of(format) : 0) | (signbit(x) ? formats[format].sign : 0);
}

static uint64_t quiet(double x) { return emu_f64_bits(x) | (uint64_t)1 << 51; }

/* The NaN of an operation. */
static uint64_t nan_of(double a, double b, double c, emu_format format) {
  if (format != EMU_FORMAT_F64) return formats[format].nan;
  return isnan(a) ? quiet(a) : isnan(b) ? quiet(b) : isnan(c) ? quiet(c) : formats[format].nan;
}

/* The sum of numbers that cancel. */
static uint64_t zero_sum(bool a_is_negative, bool b_is_negative, emu_format format, emu_rounding rounding) {
  const bool is_negative = a_is_negative == b_is_negative ? a_is_negative : rounding == EMU_RM;
  return is_negative ? formats[format].sign : 0;
}

double emu_number_of_bits(emu_format format, uint64_t bits) {
  if (format == EMU_FORMAT_F64) return emu_f64_of(bits);
  if (format == EMU_FORMAT_F32 || format == EMU_FORMAT_TF32) return (double)emu_f32_of(bits);
  if (format == EMU_FORMAT_BF16) return (double)emu_f32_of((bits & 0xffff) << 16);
  const uint64_t sign = (bits & 0x8000) << 48, magnitude = bits & 0x7fff;
  if (magnitude >= 0x7c00) return emu_f64_of(sign | (uint64_t)0x7ff << 52 | (magnitude & 0x3ff) << 42);
  if (magnitude < 0x400) return emu_f64_of(sign | emu_f64_bits((double)magnitude * 0x1p-24));
  return emu_f64_of(sign | ((magnitude << 42) + ((uint64_t)(1023 - 15) << 52)));
}

uint64_t emu_round_number(double x, emu_format format, emu_rounding rounding) {
  if (x == 0 || !isfinite(x)) return isnan(x) ? nan_of(x, 0, 0, format) : special(x, format);
  return round_exact(exact_of(x), format, rounding);
}

uint64_t emu_round_integer(uint64_t magnitude, bool is_negative, emu_format format, emu_rounding rounding) {
  return magnitude == 0 ? 0 : round_exact((exact){magnitude, 0, is_negative}, format, rounding);
}

/* Both have their highest digit made bit 125: the sum fits, and where places are far apart the digit that
   stands for the rest is far below any that is kept. */
static uint64_t round_exact_sum(exact a, exact b, emu_format format, emu_rounding rounding) {
  const int up_a = 125 - top_of(a.digits), up_b = 125 - top_of(b.digits);
  a.digits <<= up_a;
  a.exponent -= up_a;
  b.digits <<= up_b;
  b.exponent -= up_b;
  if (a.exponent < b.exponent) {
    const exact other = a;
    a = b;
    b = other;
  }
  b.digits = shift_right(b.digits, a.exponent - b.exponent);
  if (a.is_negative == b.is_negative) {
    a.digits += b.digits;
  } else if (a.digits >= b.digits) {
    a.digits -= b.digits;
  } else {
    a.digits = b.digits - a.digits;
    a.is_negative = b.is_negative;
  }
  if (a.digits == 0) return zero_sum(false, true, format, rounding);
  return round_exact(a, format, rounding);
}

uint64_t emu_round_sum(double a, double b, emu_format format, emu_rounding rounding) {
  if (isnan(a) || isnan(b)) return nan_of(a, b, 0, format);
  if (isinf(a) || isinf(b)) return isinf(a) && isinf(b) && a != b ? emu_nan(format) : special(a + b, format);
  if (a == 0 && b == 0) return zero_sum(signbit(a), signbit(b), format, rounding);
  if (a == 0 || b == 0) return emu_round_number(a == 0 ? b : a, format, rounding);
  return round_exact_sum(exact_of(a), exact_of(b), format, rounding);
}

static exact exact_product(double a, double b) {
  const exact x = exact_of(a), y = exact_of(b);
  return (exact){x.digits * y.digits, x.exponent + y.exponent, x.is_negative != y.is_negative};
}

uint64_t emu_round_product(double a, double b, emu_format format, emu_rounding rounding) {
  if (a == 0 || b == 0 || !isfinite(a) || !isfinite(b)) {
    const double product = a * b;
    return isnan(product) ? nan_of(a, b, 0, format) : special(product, format);
  }
  return round_exact(exact_product(a, b), format, rounding);
}

uint64_t emu_round_fused(double a, double b, double c, emu_format format, emu_rounding rounding) {
  if (!isfinite(a) || !isfinite(b) || !isfinite(c)) {
    const double sum = fma(a, b, c);
    return isnan(sum) ? nan_of(a, b, c, format) : special(sum, format);
  }
  if (a == 0 || b == 0)
    return c == 0 ? zero_sum(signbit(a) != signbit(b), signbit(c), format, rounding)
                  : emu_round_number(c, format, rounding);
  if (c == 0) return round_exact(exact_product(a, b), format, rounding);
  return round_exact_sum(exact_product(a, b), exact_of(c), format, rounding);
}

uint64_t emu_round_quotient(double a, double b, emu_format format, emu_rounding rounding) {
  if (a == 0 || b == 0 || !isfinite(a) || !isfinite(b)) {
    const double quotient = a / b;
    return isnan(quotient) ? nan_of(a, b, 0, format) : special(quotient, format);
  }
  exact x = exact_of(a);
  const exact y = exact_of(b);
  const int up = 125 - top_of(x.digits); /* 72 digits and more come out */
  x.digits <<= up;
  const wide quotient = x.digits / y.digits;
  return round_exact((exact){quotient | (quotient * y.digits != x.digits), x.exponent - up - y.exponent,
                             x.is_negative != y.is_negative},
                     format, rounding);
}

uint64_t emu_round_root(double a, emu_format format, emu_rounding rounding) {
  if (isnan(a)) return nan_of(a, 0, 0, format);
  if (a == 0 || a == HUGE_VAL) return special(a, format);
  if (a < 0) return formats[format].nan;
  exact x = exact_of(a);
  int up = 124 - top_of(x.digits);
  up += (x.exponent - up) & 1; /* an even exponent halves */
  x.digits <<= up;
  wide root = 0, rest = x.digits;
  for (wide bit = (wide)1 << 126; bit != 0; bit >>= 2) {
    if (rest >= root + bit) {
      rest -= root + bit;
      root = (root >> 1) + bit;
    } else {
      root >>= 1;
    }
  }
  /* 62 digits or 63, and one more for what is left. */
  return round_exact((exact){root << 1 | (rest != 0), (x.exponent - up) / 2 - 1, false}, format, rounding);
}

double emu_round_whole(double x, emu_rounding rounding) {
  const double size = fabs(x);
  if (!(size < 0x1p52)) return x;
  const uint64_t below = (uint64_t)size;
  const double rest = size - (double)below;
  const int to_half = rest > 0.5 ? 1 : rest == 0.5 ? 0 : -1;
  const bool up = rounds_up(rounding, signbit(x), (below & 1) != 0, rest != 0, to_half);
  return copysign((double)(below + up), x);
}
