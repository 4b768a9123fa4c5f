/* Arithmetic of 16-bit floats, f16 and bf16, alone and in pairs; and of f32 with one of them. Every result is
   rounded once. */
#include "tests/emulator/ops_float.h"

#define HALVES (1u << PTX_F16 | 1u << PTX_BF16)
#define PAIRS  (1u << PTX_F16X2 | 1u << PTX_BF16X2)

static const struct rule {
  const char *name;
  emu_operation operation;
  uint32_t sources, flags_f16, flags_bf16;
  bool wants_rounding;
} rules[] = {
#define ROUNDED EMU_HAS_ROUNDING
    {"add", EMU_ADD, 2, ROUNDED | EMU_FTZ | EMU_SAT, ROUNDED, false},
    {"sub", EMU_SUB, 2, ROUNDED | EMU_FTZ | EMU_SAT, ROUNDED, false},
    {"mul", EMU_MUL, 2, ROUNDED | EMU_FTZ | EMU_SAT, ROUNDED, false},
    {"fma", EMU_FMA, 3, ROUNDED | EMU_FTZ | EMU_SAT | EMU_RELU, ROUNDED | EMU_RELU, true},
    {"neg", EMU_NEG, 1, EMU_FTZ, 0, false},
    {"abs", EMU_ABS, 1, EMU_FTZ, 0, false},
    {"min", EMU_MIN, 2, EMU_FTZ | EMU_NAN | EMU_XORSIGN | EMU_SIZES, EMU_NAN | EMU_XORSIGN | EMU_SIZES,
     false},
    {"max", EMU_MAX, 2, EMU_FTZ | EMU_NAN | EMU_XORSIGN | EMU_SIZES, EMU_NAN | EMU_XORSIGN | EMU_SIZES,
     false},
};

/* Factors, or the first term, are halves (from), the rest and the result f32. */
static void step_mixed(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const emu_format format = at->from == PTX_F16 ? EMU_FORMAT_F16 : EMU_FORMAT_BF16;
  const bool is_fused = emu_operation_of(at->flags) == EMU_FMA;
  EMU_EACH_LANE(lane, mask) {
    uint64_t values[3] = {warp->rows[at->a].lane[lane], warp->rows[at->b].lane[lane],
                          warp->rows[at->c].lane[lane]};
    for (int i = 0; i < (is_fused ? 2 : 1); i++)
      values[i] = emu_f32_bits((float)emu_number_of_bits(format, values[i]));
    warp->rows[at->d].lane[lane] = emu_compute(at->flags, values[0], values[1], values[2]);
  }
}

static bool bind_mixed(ptx_binder *binder, const struct rule *rule, uint32_t flags) {
  ptx_instruction *out = binder->out;
  const ptx_type type = ptx_take_type(binder, HALVES);
  if (type == PTX_TYPE_NONE || !ptx_check_end(binder, rule->sources + 1)) return false;
  if (rule->operation > EMU_FMA || rule->operation == EMU_MUL || (flags & (EMU_FTZ | EMU_RELU)) != 0)
    return ptx_refuse(binder, "%s of f32 and a half does not take this", rule->name);
  out->flags = flags | emu_float_flags(rule->operation, EMU_FORMAT_F32);
  out->step = step_mixed;
  out->kind = PTX_CLASS_F32;
  out->type = PTX_F32;
  out->from = (uint8_t)type;
  out->d = ptx_result(binder, 0, PTX_F32);
  out->a = ptx_source(binder, 1, type);
  out->b = ptx_source(binder, 2, rule->sources == 3 ? type : PTX_F32);
  out->c = rule->sources == 3 ? ptx_source(binder, 3, PTX_F32) : out->b;
  return out->d != PTX_NO_ROW && out->a != PTX_NO_ROW && out->b != PTX_NO_ROW && out->c != PTX_NO_ROW;
}

static bool bind_half(ptx_binder *binder) {
  const struct rule *rule = rules;
  while (strcmp(rule->name, binder->statement->opcode) != 0) rule++;
  uint32_t flags = emu_take_flags(binder, rule->flags_f16);
  if (rule->wants_rounding && (flags & EMU_HAS_ROUNDING) == 0)
    return ptx_refuse(binder, "%s lacks a rounding", rule->name);
  const bool has_rounding = (flags & EMU_HAS_ROUNDING) != 0;
  flags &= ~(uint32_t)EMU_HAS_ROUNDING;
  if (ptx_take(binder, "f32")) return bind_mixed(binder, rule, flags);
  const ptx_type type = ptx_take_type(binder, HALVES | PAIRS);
  if (type == PTX_TYPE_NONE) return false;
  const bool is_f16 = type == PTX_F16 || type == PTX_F16X2;
  const uint32_t allowed = is_f16 ? rule->flags_f16 : rule->flags_bf16;
  if ((flags & ~(allowed | EMU_ROUNDING_MASK)) != 0)
    return ptx_refuse(binder, "%s of this type does not take all of these", rule->name);
  if (has_rounding && (flags & EMU_ROUNDING_MASK) != EMU_RN)
    return ptx_refuse(binder, "%s of halves rounds to nearest", rule->name);
  if ((flags & EMU_XORSIGN) != 0 && (flags & EMU_SIZES) == 0)
    return ptx_refuse(binder, ".xorsign lacks .abs");
  ptx_instruction *out = binder->out;
  out->flags = flags | emu_float_flags(rule->operation, is_f16 ? EMU_FORMAT_F16 : EMU_FORMAT_BF16);
  const bool is_pair = ((PAIRS >> type) & 1) != 0;
  out->step =
      flags == EMU_RN ? emu_step_half_fast(rule->operation, emu_format_of(out->flags), is_pair) : NULL;
  if (out->step == NULL) out->step = is_pair ? emu_step_pair16 : emu_step_number;
  out->kind = PTX_CLASS_HALF;
  return emu_bind_numbers(binder, type, rule->sources);
}

const ptx_opcode ptx_opcodes_half[] = {
    {"add", bind_half},
    {"sub", bind_half},
    {"mul", bind_half},
    {"fma", bind_half},
    {"neg", bind_half},
    {"abs", bind_half},
    {"min", bind_half},
    {"max", bind_half},
    {"ex2", emu_bind_approximate},
    {"tanh", emu_bind_approximate},
    {NULL, NULL},
};
