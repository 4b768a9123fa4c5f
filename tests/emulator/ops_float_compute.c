/* Any operation of floats with any flags, a number at a time; and the steps that are made of it. */
#include <math.h>

#include "tests/emulator/ops_float.h"

static uint64_t nan_of_two(emu_format format, uint64_t a, uint64_t b) {
  const double x = emu_number_of_bits(format, a), y = emu_number_of_bits(format, b);
  return format == EMU_FORMAT_F64 ? emu_round_sum(x, y, format, EMU_RN) : emu_nan(format);
}

/* Of two numbers neither of which is NaN, as if -0 were less than 0. */
static bool is_less(emu_format format, uint64_t a, uint64_t b) {
  const double x = emu_number_of_bits(format, a), y = emu_number_of_bits(format, b);
  return x < y || (x == y && signbit(x) && !signbit(y));
}

static uint64_t extreme(uint32_t flags, uint64_t a, uint64_t b) {
  const emu_format format = emu_format_of(flags);
  const uint64_t sign = emu_sign_of(format), signs = (a ^ b) & sign;
  if ((flags & (EMU_XORSIGN | EMU_SIZES)) != 0) {
    a &= ~sign;
    b &= ~sign;
  }
  const bool is_nan_a = isnan(emu_number_of_bits(format, a));
  const bool is_nan_b = isnan(emu_number_of_bits(format, b));
  if ((flags & EMU_NAN) != 0 && (is_nan_a || is_nan_b)) return nan_of_two(format, a, b);
  if (is_nan_a && is_nan_b) return emu_nan(format);
  const bool takes_b =
      is_nan_a ||
      (!is_nan_b && (emu_operation_of(flags) == EMU_MIN ? is_less(format, b, a) : is_less(format, a, b)));
  const uint64_t taken = takes_b ? b : a;
  return (flags & EMU_XORSIGN) != 0 ? taken | signs : taken;
}

static uint64_t compute(uint32_t flags, uint64_t a, uint64_t b, uint64_t c) {
  const emu_format format = emu_format_of(flags);
  const emu_rounding rounding = (emu_rounding)(flags & EMU_ROUNDING_MASK);
  const emu_operation operation = emu_operation_of(flags);
  const uint64_t sign = emu_sign_of(format);
  switch (operation) {
    case EMU_NEG: return a ^ sign;
    case EMU_ABS: return a & ~sign;
    case EMU_COPYSIGN: return (b & ~sign) | (a & sign);
    case EMU_MIN:
    case EMU_MAX: return extreme(flags, a, b);
    default: break;
  }
  const double x = emu_number_of_bits(format, a), y = emu_number_of_bits(format, b);
  switch (operation) {
    case EMU_ADD: return emu_round_sum(x, y, format, rounding);
    case EMU_SUB: return emu_round_sum(x, isnan(y) ? y : -y, format, rounding);
    case EMU_MUL: return emu_round_product(x, y, format, rounding);
    case EMU_FMA: return emu_round_fused(x, y, emu_number_of_bits(format, c), format, rounding);
    case EMU_DIV: return emu_round_quotient(x, y, format, rounding);
    case EMU_RCP: return emu_round_quotient(1, x, format, rounding);
    case EMU_SQRT: return emu_round_root(x, format, rounding);
    default: return emu_round_number(emu_approximate(operation, x, y), format, EMU_RN);
  }
}

static uint64_t flush(emu_format format, uint64_t bits) {
  return emu_is_subnormal(format, bits) ? bits & emu_sign_of(format) : bits;
}

uint64_t emu_finish(uint32_t flags, emu_format format, uint64_t bits) {
  if ((flags & EMU_FTZ) != 0) bits = flush(format, bits);
  if ((flags & (EMU_SAT | EMU_RELU)) == 0) return bits;
  const double value = emu_number_of_bits(format, bits);
  if ((flags & EMU_SAT) != 0) {
    if (!(value > 0)) return 0; /* NaN and -0 as well */
    if (value > 1) return emu_one_of(format);
  }
  if ((flags & EMU_RELU) != 0 && !isnan(value) && signbit(value)) return 0;
  return bits;
}

uint64_t emu_compute(uint32_t flags, uint64_t a, uint64_t b, uint64_t c) {
  const emu_format format = emu_format_of(flags);
  const uint64_t all = emu_sign_of(format) | (emu_sign_of(format) - 1);
  a &= all;
  b &= all;
  c &= all;
  if ((flags & EMU_FTZ) != 0) {
    a = flush(format, a);
    b = flush(format, b);
    c = flush(format, c);
  }
  return emu_finish(flags, format, compute(flags, a, b, c));
}

void emu_step_number(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const ptx_row *rows = warp->rows;
  EMU_EACH_LANE(lane, mask)
  warp->rows[at->d].lane[lane] =
      emu_compute(at->flags, rows[at->a].lane[lane], rows[at->b].lane[lane], rows[at->c].lane[lane]);
}

static void step_pair(emu_warp *warp, const ptx_instruction *at, uint32_t mask, unsigned bits) {
  const uint64_t low = ((uint64_t)1 << bits) - 1;
  EMU_EACH_LANE(lane, mask) {
    const uint64_t a = warp->rows[at->a].lane[lane], b = warp->rows[at->b].lane[lane];
    const uint64_t c = warp->rows[at->c].lane[lane];
    warp->rows[at->d].lane[lane] = emu_compute(at->flags, a & low, b & low, c & low) |
                                   emu_compute(at->flags, a >> bits, b >> bits, c >> bits) << bits;
  }
}
void emu_step_pair16(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  step_pair(warp, at, mask, 16);
}
void emu_step_pair32(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  step_pair(warp, at, mask, 32);
}
