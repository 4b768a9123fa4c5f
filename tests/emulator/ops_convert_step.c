/* Conversions between all types: from a whole number or a float, exact in double, to either. */
#include <math.h>

#include "tests/emulator/ops_float.h"

static emu_format format_of(ptx_type type) {
  switch (type) {
    case PTX_F16:
    case PTX_F16X2: return EMU_FORMAT_F16;
    case PTX_BF16:
    case PTX_BF16X2: return EMU_FORMAT_BF16;
    case PTX_TF32: return EMU_FORMAT_TF32;
    case PTX_F32: return EMU_FORMAT_F32;
    default: return EMU_FORMAT_F64;
  }
}

static unsigned width_of(ptx_type type) { return ptx_type_bytes(type) * 8; }

/* The low bits of a value as a number of the type, extended to 64 bits. */
static uint64_t extend(uint64_t bits, ptx_type type) {
  const unsigned by = 64 - width_of(type);
  return ptx_type_is_signed(type) ? (uint64_t)((int64_t)(bits << by) >> by) : bits << by >> by;
}

static uint64_t most_of(ptx_type type) {
  return ~(uint64_t)0 >> (64 - width_of(type) + (ptx_type_is_signed(type) ? 1 : 0));
}

/* `value` is extended: the number of the type that is nearest. */
static uint64_t saturate(uint64_t value, bool is_signed, ptx_type to) {
  const uint64_t most = most_of(to);
  if (is_signed && (int64_t)value < 0) {
    if (!ptx_type_is_signed(to)) return 0;
    return (int64_t)value < -(int64_t)most - 1 ? ~most : value;
  }
  return value > most ? most : value;
}

static uint64_t integer_of_float(double x, ptx_type to, ptx_type from, uint32_t flags) {
  if (isnan(x)) {
    const bool is_zero = from != PTX_F64 && to != PTX_S64 && to != PTX_U64;
    return is_zero ? 0 : extend((uint64_t)1 << (width_of(to) - 1), to);
  }
  x = emu_round_whole(x, (emu_rounding)(flags & EMU_ROUNDING_MASK));
  if (x >= 0) return x >= 0x1p64 ? most_of(to) : saturate((uint64_t)x, false, to);
  return x < -0x1p63 ? saturate((uint64_t)1 << 63, true, to) : saturate((uint64_t)(int64_t)x, true, to);
}

static uint64_t finish_float(uint64_t bits, ptx_type to, uint32_t flags) {
  const emu_format format = format_of(to);
  if (to != PTX_F32) flags &= ~(uint32_t)EMU_FTZ;
  if ((flags & EMU_SATFINITE) != 0 && isinf(emu_number_of_bits(format, bits)))
    bits = emu_round_number(copysign(0x1p1023, emu_number_of_bits(format, bits)), format, EMU_RZ);
  return emu_finish(flags, format, bits);
}

static uint64_t float_of_float(double x, ptx_type to, uint32_t flags) {
  const emu_rounding rounding = (emu_rounding)(flags & EMU_ROUNDING_MASK);
  if ((flags & EMU_WHOLE) != 0) x = emu_round_whole(x, rounding);
  return finish_float(emu_round_number(x, format_of(to), rounding), to, flags);
}

static uint64_t float_of_integer(uint64_t value, bool is_negative, ptx_type to, uint32_t flags) {
  return finish_float(emu_round_integer(is_negative ? -value : value, is_negative, format_of(to),
                                        (emu_rounding)(flags & EMU_ROUNDING_MASK)),
                      to, flags);
}

static uint64_t convert(uint64_t bits, ptx_type to, ptx_type from, uint32_t flags) {
  if (!ptx_type_is_float(from)) {
    const bool is_signed = ptx_type_is_signed(from);
    const uint64_t value = extend(bits, from);
    if (ptx_type_is_float(to)) return float_of_integer(value, is_signed && (int64_t)value < 0, to, flags);
    return (flags & EMU_SAT) != 0 ? saturate(value, is_signed, to) : extend(value, to);
  }
  double x = emu_number_of_bits(format_of(from), bits);
  if ((flags & EMU_FTZ) != 0 && from == PTX_F32 && fabs(x) < 0x1p-126) x = copysign(0, x);
  return ptx_type_is_float(to) ? float_of_float(x, to, flags) : integer_of_float(x, to, from, flags);
}

void emu_step_convert(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const uint64_t *a = warp->rows[at->a].lane;
  uint64_t *d = warp->rows[at->d].lane;
  EMU_EACH_LANE(lane, mask)
  d[lane] = convert(a[lane], (ptx_type)at->type, (ptx_type)at->from, at->flags) & (uint64_t)at->offset;
}

void emu_step_convert_two(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const ptx_type to = (ptx_type)at->type, from = (ptx_type)at->from;
  EMU_EACH_LANE(lane, mask) {
    const uint64_t high = convert(warp->rows[at->a].lane[lane], to, from, at->flags);
    const uint64_t low = convert(warp->rows[at->b].lane[lane], to, from, at->flags);
    warp->rows[at->d].lane[lane] = high << 16 | low;
  }
}

/* ---- fast steps ---- */

static inline uint64_t sign8(uint64_t x) { return (uint64_t)(int8_t)x; }
static inline uint64_t sign16(uint64_t x) { return (uint64_t)(int16_t)x; }
static inline uint64_t sign32(uint64_t x) { return (uint64_t)(int32_t)x; }

/* Adding it and taking it away again leaves a whole number, the nearest, of a smaller size. */
static inline uint64_t nearest(uint64_t bits) {
  const float x = emu_f32_of(bits & 0x7fffffff), whole = (x + 0x1p23f) - 0x1p23f;
  const uint64_t sign = bits & 0x80000000;
  return x != x ? 0x7fffffff : (x < 0x1p23f ? emu_f32_bits(whole) : bits & 0x7fffffff) | sign;
}

EMU_STEP(keep_8, a[lane] & 0xff)
EMU_STEP(keep_16, a[lane] & 0xffff)
EMU_STEP(keep_32, a[lane] & 0xffffffff)
EMU_STEP(keep_64, a[lane])
EMU_STEP(sign_8, sign8(a[lane]) & (uint64_t)at->offset)
EMU_STEP(sign_16, sign16(a[lane]) & (uint64_t)at->offset)
EMU_STEP(sign_32, sign32(a[lane]) & (uint64_t)at->offset)
EMU_STEP(f64_of_f32, emu_f64_bits((double)emu_f32_of(a[lane])))
EMU_STEP(f32_of_f64, emu_f32_result((float)emu_f64_of(a[lane])))
EMU_STEP(f32_of_s32, emu_f32_bits((float)(int32_t)a[lane]))
EMU_STEP(f64_of_s32, emu_f64_bits((double)(int32_t)a[lane]))
EMU_STEP(f32_of_u32, emu_f32_bits((float)(int64_t)(a[lane] & 0xffffffff)))
EMU_STEP(f64_of_u32, emu_f64_bits((double)(int64_t)(a[lane] & 0xffffffff)))
EMU_STEP(f32_of_u16, emu_f32_bits((float)(int32_t)(a[lane] & 0xffff)))
EMU_STEP(f64_of_u16, emu_f64_bits((double)(int32_t)(a[lane] & 0xffff)))
EMU_STEP(f32_of_s64, emu_f32_bits((float)(int64_t)a[lane]))
EMU_STEP(f64_of_s64, emu_f64_bits((double)(int64_t)a[lane]))
EMU_STEP(f32_whole, nearest(a[lane]))

/* Extension by what is read, or, where that is wider, by what is written. */
static ptx_step between_integers(ptx_type to, ptx_type from) {
  const ptx_type narrow = width_of(to) <= width_of(from) ? to : from;
  const bool is_signed = ptx_type_is_signed(narrow);
  switch (width_of(narrow)) {
    case 8: return is_signed ? sign_8() : keep_8();
    case 16: return is_signed ? sign_16() : keep_16();
    case 32: return is_signed ? sign_32() : keep_32();
    default: return keep_64();
  }
}

ptx_step emu_step_convert_fast(ptx_type to, ptx_type from) {
  static const struct {
    ptx_type to, from;
    ptx_step (*step)(void);
  } steps[] = {
      {PTX_F64, PTX_F32, f64_of_f32}, {PTX_F32, PTX_F64, f32_of_f64}, {PTX_F32, PTX_S32, f32_of_s32},
      {PTX_F64, PTX_S32, f64_of_s32}, {PTX_F32, PTX_U32, f32_of_u32}, {PTX_F64, PTX_U32, f64_of_u32},
      {PTX_F32, PTX_U16, f32_of_u16}, {PTX_F64, PTX_U16, f64_of_u16}, {PTX_F32, PTX_S64, f32_of_s64},
      {PTX_F64, PTX_S64, f64_of_s64}, {PTX_F32, PTX_F32, f32_whole},
  };
  if (!ptx_type_is_float(to) && !ptx_type_is_float(from)) return between_integers(to, from);
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
    if (steps[i].to == to && steps[i].from == from) return steps[i].step();
  return emu_step_half_convert_fast(to, from);
}

/* To whole numbers, cut off: brought into the range first, so that the cast is defined. NaN is `nan`. */
static inline uint64_t cut(double x, double least, double most, uint64_t nan) {
  const double within = x > least ? x < most ? x : most : least;
  return x != x ? nan : (uint64_t)(int64_t)within;
}
static inline uint64_t cut_s64(double x) {
  return x >= 0x1p63 ? INT64_MAX : cut(x, -0x1p63, 0x1.fffffffffffffp62, (uint64_t)1 << 63);
}
static inline uint64_t cut_u64(double x) {
  if (x >= 0x1p64) return UINT64_MAX;
  return x >= 0x1p63 ? (uint64_t)(int64_t)(x - 0x1p63) | (uint64_t)1 << 63
                     : cut(x, 0, 0x1.fffffffffffffp62, (uint64_t)1 << 63);
}
#define F32 (double)emu_f32_of(a[lane])
#define F64 emu_f64_of(a[lane])
EMU_STEP(s32_of_f32, cut(F32, -0x1p31, 0x1p31 - 1, 0) & (uint64_t)at->offset)
EMU_STEP(s32_of_f64, cut(F64, -0x1p31, 0x1p31 - 1, ~(uint64_t)0 << 31) & (uint64_t)at->offset)
EMU_STEP(u32_of_f32, cut(F32, 0, 0x1p32 - 1, 0))
EMU_STEP(u32_of_f64, cut(F64, 0, 0x1p32 - 1, (uint64_t)1 << 31))
EMU_STEP(s64_of_f32, cut_s64(F32))
EMU_STEP(s64_of_f64, cut_s64(F64))
EMU_STEP(u64_of_f32, cut_u64(F32))
EMU_STEP(u64_of_f64, cut_u64(F64))

ptx_step emu_step_convert_cut(ptx_type to, ptx_type from) {
  if (from != PTX_F32 && from != PTX_F64) return NULL;
  const bool is_f64 = from == PTX_F64;
  switch (to) {
    case PTX_S32: return is_f64 ? s32_of_f64() : s32_of_f32();
    case PTX_U32: return is_f64 ? u32_of_f64() : u32_of_f32();
    case PTX_S64: return is_f64 ? s64_of_f64() : s64_of_f32();
    case PTX_U64: return is_f64 ? u64_of_f64() : u64_of_f32();
    default: return NULL;
  }
}
