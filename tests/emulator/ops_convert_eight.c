/* cvt of 8-bit floats, which come in pairs: e4m3, which has no infinity, and e5m2; and cvt.pack of integers.
 */
#include <math.h>

#include "tests/emulator/ops_float.h"

/* ---- 8-bit floats ---- */

enum { E4M3, E5M2 };
static const char *const names[] = {"e4m3x2", "e5m2x2", NULL};

static const struct {
  int digits, least; /* as of formats: with the leading one; of the smallest normal number */
  uint8_t most, nan;
} eights[] = {{4, -6, 0x7e, 0x7f}, {3, -14, 0x7b, 0x7f}};

static double value_of(int kind, uint8_t bits) {
  const int fraction_bits = eights[kind].digits - 1, exponent = (bits & 0x7f) >> fraction_bits;
  const int fraction = bits & ((1 << fraction_bits) - 1);
  double size = exponent == 0 ? ldexp(fraction, eights[kind].least - fraction_bits)
                              : ldexp(fraction + (1 << fraction_bits),
                                      exponent - 1 + eights[kind].least - fraction_bits);
  if (kind == E4M3 && (bits & 0x7f) == 0x7f) size = NAN;
  if (kind == E5M2 && exponent == 31) size = fraction == 0 ? HUGE_VAL : NAN;
  return copysign(size, (bits & 0x80) != 0 ? -1 : 1);
}

/* To nearest; what is too large, infinity as well, is the largest. */
static uint8_t eight_of(int kind, double x, bool is_relu) {
  if (isnan(x)) return eights[kind].nan;
  if (is_relu && signbit(x)) return 0;
  const uint8_t sign = signbit(x) ? 0x80 : 0;
  const double most = value_of(kind, eights[kind].most), size = fabs(x);
  if (size >= most) return sign | eights[kind].most;
  int exponent;
  (void)frexp(size, &exponent);
  if (size == 0 || exponent - 1 < eights[kind].least) exponent = eights[kind].least + 1;
  const int last = exponent - eights[kind].digits; /* the exponent of the last place */
  const double places = emu_round_whole(ldexp(size, -last), EMU_RN);
  /* A carry counts into the exponent, which the first subnormal numbers have not. */
  const int lowest = eights[kind].least - eights[kind].digits + 1;
  return (uint8_t)(sign | (((last - lowest) << (eights[kind].digits - 1)) + (int)places));
}

static double half_value(uint64_t bits) { return emu_number_of_bits(EMU_FORMAT_F16, bits & 0xffff); }

/* To two of them, of kind at->type: of two f32, or of the f16 in one register. */
static void step_to_eight(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const bool is_relu = (at->flags & EMU_RELU) != 0;
  EMU_EACH_LANE(lane, mask) {
    const uint64_t a = warp->rows[at->a].lane[lane], b = warp->rows[at->b].lane[lane];
    const bool is_half = at->from == PTX_F16X2;
    const double high = is_half ? half_value(a >> 16) : (double)emu_f32_of(a);
    const double low = is_half ? half_value(a) : (double)emu_f32_of(b);
    warp->rows[at->d].lane[lane] =
        (uint64_t)eight_of(at->type, high, is_relu) << 8 | eight_of(at->type, low, is_relu);
  }
}

static void step_from_eight(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  EMU_EACH_LANE(lane, mask) {
    const uint64_t a = warp->rows[at->a].lane[lane];
    uint64_t found = 0;
    for (unsigned i = 0; i < 2; i++)
      found |= emu_finish(at->flags, EMU_FORMAT_F16,
                          emu_round_number(value_of(at->from, (uint8_t)(a >> 8 * i)), EMU_FORMAT_F16, EMU_RN))
               << 16 * i;
    warp->rows[at->d].lane[lane] = found;
  }
}

/* The parts that are left have an 8-bit type among them. */
bool emu_is_eight(const ptx_binder *binder) {
  for (uint32_t i = binder->next_part; i < binder->statement->part_count; i++)
    for (int kind = 0; names[kind] != NULL; kind++)
      if (strcmp(binder->statement->parts[i], names[kind]) == 0) return true;
  return false;
}

bool emu_bind_convert_eight(ptx_binder *binder, uint32_t flags) {
  ptx_instruction *out = binder->out;
  const int to = ptx_take_one(binder, names);
  const uint32_t wanted = EMU_HAS_ROUNDING | EMU_RN | (to >= 0 ? (uint32_t)EMU_SATFINITE : 0);
  if ((flags & ~(uint32_t)EMU_RELU) != wanted)
    return ptx_refuse(binder, "cvt to 8 bits is cvt.rn.satfinite, and from 8 bits cvt.rn");
  out->flags = flags & EMU_RELU;
  if (to < 0) {
    if (ptx_take_type(binder, 1u << PTX_F16X2) == PTX_TYPE_NONE) return false;
    const int from = ptx_take_one(binder, names);
    if (from < 0) return ptx_refuse(binder, "cvt is from 8 bits to f16x2 alone");
    if (!ptx_check_end(binder, 2)) return false;
    out->type = PTX_F16X2;
    out->from = (uint8_t)from;
    out->step = step_from_eight;
    out->d = ptx_result(binder, 0, PTX_F16X2);
    out->a = out->b = ptx_source(binder, 1, PTX_B16);
  } else {
    const ptx_type from = ptx_take_type(binder, 1u << PTX_F32 | 1u << PTX_F16X2);
    if (from == PTX_TYPE_NONE || !ptx_check_end(binder, from == PTX_F32 ? 3 : 2)) return false;
    out->type = (uint8_t)to;
    out->from = (uint8_t)from;
    out->step = step_to_eight;
    out->d = ptx_result(binder, 0, PTX_B16);
    out->a = ptx_source(binder, 1, from);
    out->b = from == PTX_F32 ? ptx_source(binder, 2, from) : out->a;
  }
  return out->d != PTX_NO_ROW && out->a != PTX_NO_ROW && out->b != PTX_NO_ROW;
}

/* ---- cvt.pack.sat: a and b, each brought into the range, below what c has in its low bits ---- */

static uint64_t clamp(uint64_t bits, bool from_signed, ptx_type to, unsigned width) {
  const int64_t value = from_signed ? (int64_t)(int32_t)(uint32_t)bits : (int64_t)(uint32_t)bits;
  const bool is_signed = ptx_type_is_signed(to);
  const int64_t most = ((int64_t)1 << (width - (is_signed ? 1 : 0))) - 1, least = is_signed ? -most - 1 : 0;
  return (uint64_t)(value > most ? most : value < least ? least : value) & (((uint64_t)1 << width) - 1);
}

static void step_pack(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const unsigned width = at->flags;
  EMU_EACH_LANE(lane, mask) {
    const uint64_t a = clamp(warp->rows[at->a].lane[lane], at->from == PTX_S32, (ptx_type)at->type, width);
    const uint64_t b = clamp(warp->rows[at->b].lane[lane], at->from == PTX_S32, (ptx_type)at->type, width);
    const uint64_t c = width == 16 ? 0 : warp->rows[at->c].lane[lane];
    warp->rows[at->d].lane[lane] = (c << 2 * width | a << width | b) & UINT32_MAX;
  }
}

bool emu_bind_convert_pack(ptx_binder *binder) {
  static const char *const kinds[] = {"u16", "s16", "u8", "s8", "u4", "s4", "u2", "s2", NULL};
  static const unsigned widths[] = {16, 16, 8, 8, 4, 4, 2, 2};
  ptx_instruction *out = binder->out;
  if (!ptx_take(binder, "sat")) return ptx_refuse(binder, "cvt.pack lacks .sat");
  const int kind = ptx_take_one(binder, kinds);
  if (kind < 0) return ptx_refuse(binder, "cvt.pack lacks a type to pack");
  const unsigned width = widths[kind];
  const ptx_type from = ptx_take_type(binder, 1u << PTX_S32 | (width >= 8 ? 1u << PTX_U32 : 0u));
  if (from == PTX_TYPE_NONE) return false;
  if (width < 16 && ptx_take_type(binder, 1u << PTX_B32) == PTX_TYPE_NONE) return false;
  if (!ptx_check_end(binder, width < 16 ? 4 : 3)) return false;
  out->type = (uint8_t)(kind % 2 != 0 ? PTX_S32 : PTX_U32);
  out->from = (uint8_t)from;
  out->flags = width;
  out->step = step_pack;
  out->d = ptx_result(binder, 0, PTX_B32);
  out->a = ptx_source(binder, 1, from);
  out->b = ptx_source(binder, 2, from);
  out->c = width < 16 ? ptx_source(binder, 3, PTX_B32) : out->a;
  return out->d != PTX_NO_ROW && out->a != PTX_NO_ROW && out->b != PTX_NO_ROW && out->c != PTX_NO_ROW;
}
