/* cvt: the binding. */
#include "tests/emulator/ops_float.h"

#define INTEGERS                                                                                 \
  (1u << PTX_U8 | 1u << PTX_U16 | 1u << PTX_U32 | 1u << PTX_U64 | 1u << PTX_S8 | 1u << PTX_S16 | \
   1u << PTX_S32 | 1u << PTX_S64)
#define PAIRS  (1u << PTX_F16X2 | 1u << PTX_BF16X2)
#define FLOATS (1u << PTX_F16 | 1u << PTX_BF16 | 1u << PTX_F32 | 1u << PTX_F64)

/* Roundings: to the format, or to a whole number. */
static bool take_rounding(ptx_binder *binder, uint32_t *flags) {
  static const char *const names[] = {"rn", "rz", "rm", "rp", "rna", "rni", "rzi", "rmi", "rpi", NULL};
  static const uint32_t roundings[] = {EMU_RN, EMU_RZ, EMU_RM, EMU_RP, EMU_RNA,
                                       EMU_RN, EMU_RZ, EMU_RM, EMU_RP};
  const int found = ptx_take_one(binder, names);
  if (found < 0) return false;
  *flags |= roundings[found] | (found > 4 ? (uint32_t)EMU_WHOLE : (uint32_t)EMU_HAS_ROUNDING);
  return true;
}

static unsigned digits_of(ptx_type type) {
  return type == PTX_F64 ? 53 : type == PTX_F32 ? 24 : type == PTX_F16 ? 11 : 8;
}

/* Some f16 are no bf16, some bf16 no f16. */
static bool may_lose(ptx_type to, ptx_type from) {
  return digits_of(to) < digits_of(from) || (to == PTX_F16 && from == PTX_BF16);
}

/* Whether the rounding and the rest suit the types; says why not. */
static bool check(ptx_binder *binder, ptx_type to, ptx_type from, uint32_t flags) {
  const bool to_float = ptx_type_is_float(to), from_float = ptx_type_is_float(from);
  const bool is_whole = (flags & EMU_WHOLE) != 0, has_rounding = (flags & EMU_HAS_ROUNDING) != 0;
  if (to == PTX_TF32) {
    const bool is_away = (flags & EMU_ROUNDING_MASK) == EMU_RNA;
    return (has_rounding && (flags & EMU_ROUNDING_MASK) != EMU_RM && (flags & EMU_ROUNDING_MASK) != EMU_RP &&
            (flags & (EMU_FTZ | EMU_SAT)) == 0 && !(is_away && (flags & EMU_RELU) != 0)) ||
           ptx_refuse(binder, "cvt to tf32 has .rna, .rn or .rz, and .satfinite or .relu");
  }
  if ((flags & EMU_ROUNDING_MASK) == EMU_RNA) return ptx_refuse(binder, "cvt.rna is to tf32");
  if ((flags & (EMU_RELU | EMU_SATFINITE)) != 0 && (from != PTX_F32 || (to != PTX_F16 && to != PTX_BF16)))
    return ptx_refuse(binder, "cvt has .relu and .satfinite from f32 to halves");
  if (from_float && !to_float && !is_whole)
    return ptx_refuse(binder, "cvt to a whole number lacks its rounding");
  if (is_whole && !(from_float && (!to_float || to == from)))
    return ptx_refuse(binder, "cvt rounds to whole numbers from a float to an integer or to its own type");
  if (to_float && !from_float && !has_rounding)
    return ptx_refuse(binder, "cvt of an integer to a float lacks a rounding");
  if (to_float && from_float && may_lose(to, from) && !has_rounding)
    return ptx_refuse(binder, "cvt to a smaller float lacks a rounding");
  if (!to_float && has_rounding) return ptx_refuse(binder, "cvt to a whole number has another rounding");
  if ((flags & EMU_FTZ) != 0 && from != PTX_F32 && to != PTX_F32)
    return ptx_refuse(binder, "cvt.ftz is of f32");
  return true;
}

static bool is_exact_or_nearest(ptx_type to, ptx_type from, uint32_t flags) {
  const bool is_same_f32 = to == PTX_F32 && from == PTX_F32;
  if (!ptx_type_is_float(from) && !ptx_type_is_float(to)) return (flags & EMU_SAT) == 0;
  if (is_same_f32) return flags == (EMU_WHOLE | EMU_RN);
  return flags == EMU_RN;
}

static bool bind_two(ptx_binder *binder, ptx_type to, uint32_t flags) {
  ptx_instruction *out = binder->out;
  const ptx_type half = to == PTX_F16X2 ? PTX_F16 : PTX_BF16;
  if (ptx_take_type(binder, 1u << PTX_F32) == PTX_TYPE_NONE || !ptx_check_end(binder, 3)) return false;
  if (!check(binder, half, PTX_F32, flags)) return false;
  out->type = (uint8_t)half;
  out->from = PTX_F32;
  out->flags = flags & ~(uint32_t)EMU_HAS_ROUNDING;
  out->step = emu_step_convert_two;
  out->d = ptx_result(binder, 0, to);
  out->a = ptx_source(binder, 1, PTX_F32);
  out->b = ptx_source(binder, 2, PTX_F32);
  return out->d != PTX_NO_ROW && out->a != PTX_NO_ROW && out->b != PTX_NO_ROW;
}

static uint64_t mask_of(ptx_type type) { return ~(uint64_t)0 >> (64 - ptx_type_bytes(type) * 8); }

static bool bind_convert(ptx_binder *binder) {
  ptx_instruction *out = binder->out;
  uint32_t flags = 0;
  out->kind = PTX_CLASS_CONVERT;
  if (ptx_take(binder, "pack")) return emu_bind_convert_pack(binder);
  (void)take_rounding(binder, &flags);
  flags |= emu_take_flags(binder, EMU_FTZ | EMU_SAT | EMU_RELU | EMU_SATFINITE);
  if (emu_is_eight(binder)) return emu_bind_convert_eight(binder, flags);
  const ptx_type to = ptx_take_type(binder, INTEGERS | FLOATS | PAIRS | 1u << PTX_TF32);
  if (to == PTX_TYPE_NONE) return false;
  if ((PAIRS >> to & 1) != 0) return bind_two(binder, to, flags);
  const ptx_type from = ptx_take_type(binder, to == PTX_TF32 ? 1u << PTX_F32 : INTEGERS | FLOATS);
  if (from == PTX_TYPE_NONE || !ptx_check_end(binder, 2) || !check(binder, to, from, flags)) return false;
  flags &= ~(uint32_t)EMU_HAS_ROUNDING;
  out->type = (uint8_t)to;
  out->from = (uint8_t)from;
  out->flags = flags;
  out->step = is_exact_or_nearest(to, from, flags) ? emu_step_convert_fast(to, from) : NULL;
  if (flags == (EMU_WHOLE | EMU_RZ)) out->step = emu_step_convert_cut(to, from);
  if (out->step == NULL) out->step = emu_step_convert;
  /* A whole number fills a wider register with its sign; of a wider register the low bits are read. */
  const ptx_operand *result = &binder->statement->operands[0];
  const bool fills = ptx_type_is_signed(to) && result->kind == PTX_OPERAND_REGISTER;
  out->offset = (int64_t)mask_of(fills ? result->type : to);
  const bool is_whole_d = !ptx_type_is_float(to), is_whole_a = !ptx_type_is_float(from);
  out->d = is_whole_d ? ptx_result_wider(binder, 0, to) : ptx_result(binder, 0, to);
  out->a = is_whole_a ? ptx_source_wider(binder, 1, from) : ptx_source(binder, 1, from);
  out->b = out->c = out->a;
  return out->d != PTX_NO_ROW && out->a != PTX_NO_ROW;
}

const ptx_opcode ptx_opcodes_convert[] = {{"cvt", bind_convert}, {NULL, NULL}};
