/* Arithmetic of f32 and f64: the opcodes and their binding. */
#include "tests/emulator/ops_float.h"

#include <math.h>

#define BOTH (1u << PTX_F32 | 1u << PTX_F64)

uint32_t emu_take_flags(ptx_binder *binder, uint32_t allowed) {
  static const struct {
    const char *name;
    uint32_t flag;
  } known[] = {
      {"rn", EMU_HAS_ROUNDING | EMU_RN},
      {"rz", EMU_HAS_ROUNDING | EMU_RZ},
      {"rm", EMU_HAS_ROUNDING | EMU_RM},
      {"rp", EMU_HAS_ROUNDING | EMU_RP},
      {"ftz", EMU_FTZ},
      {"sat", EMU_SAT},
      {"relu", EMU_RELU},
      {"NaN", EMU_NAN},
      {"xorsign", EMU_XORSIGN},
      {"abs", EMU_SIZES},
      {"approx", EMU_APPROX},
      {"full", EMU_FULL},
      {"satfinite", EMU_SATFINITE},
  };
  uint32_t flags = 0;
  for (size_t i = 0; i < sizeof known / sizeof *known;) {
    const uint32_t flag = known[i].flag & ~(uint32_t)EMU_ROUNDING_MASK;
    if ((flag & allowed & ~flags) != 0 && ptx_take(binder, known[i].name)) {
      flags |= known[i].flag;
      i = 0;
    } else {
      i++;
    }
  }
  return flags;
}

bool emu_bind_numbers(ptx_binder *binder, ptx_type type, uint32_t sources) {
  if (!ptx_check_end(binder, sources + 1)) return false;
  ptx_instruction *out = binder->out;
  out->type = out->from = (uint8_t)type;
  out->d = ptx_result(binder, 0, type);
  out->a = ptx_source(binder, 1, type);
  out->b = sources > 1 ? ptx_source(binder, 2, type) : out->a;
  out->c = sources > 2 ? ptx_source(binder, 3, type) : out->a;
  return out->d != PTX_NO_ROW && out->a != PTX_NO_ROW && out->b != PTX_NO_ROW && out->c != PTX_NO_ROW;
}

/* What stands between the opcode and its type, with f32 and with f64. */
typedef struct rule {
  emu_operation operation;
  uint32_t sources, flags32, flags64;
  bool wants_rounding, has_pair;
} rule;

static bool bind(ptx_binder *binder, const rule *of) {
  const char *opcode = binder->statement->opcode;
  ptx_instruction *out = binder->out;
  uint32_t flags = emu_take_flags(binder, of->flags32 | of->flags64);
  const bool is_pair = of->has_pair && ptx_take(binder, "f32x2");
  const ptx_type type = is_pair ? PTX_F32 : ptx_take_type(binder, BOTH);
  if (type == PTX_TYPE_NONE) return false;
  const uint32_t allowed = type == PTX_F64 ? of->flags64
                           : is_pair       ? of->flags32 & ~(uint32_t)EMU_SAT
                                           : of->flags32;
  if ((flags & ~(allowed | EMU_ROUNDING_MASK)) != 0)
    return ptx_refuse(binder, "%s of this type does not take all of these", opcode);
  if (of->wants_rounding && (flags & EMU_HAS_ROUNDING) == 0)
    return ptx_refuse(binder, "%s lacks a rounding", opcode);
  if ((flags & EMU_XORSIGN) != 0 && (flags & EMU_SIZES) == 0)
    return ptx_refuse(binder, ".xorsign lacks .abs");
  const emu_format format = type == PTX_F64 ? EMU_FORMAT_F64 : EMU_FORMAT_F32;
  flags &= ~(uint32_t)EMU_HAS_ROUNDING;
  out->flags = flags | emu_float_flags(of->operation, format);
  out->step = is_pair ? emu_step_pair32 : NULL;
  if (flags == EMU_RN && !is_pair) out->step = emu_step_fast(of->operation, format);
  if (flags == EMU_FTZ && !is_pair) out->step = emu_step_fast_ftz(of->operation);
  if (out->step == NULL) out->step = emu_step_number;
  out->kind = type == PTX_F64 ? PTX_CLASS_F64 : PTX_CLASS_F32;
  return emu_bind_numbers(binder, is_pair ? PTX_B64 : type, of->sources);
}

#define ROUNDED EMU_HAS_ROUNDING
static bool bind_add(ptx_binder *binder) {
  return bind(binder, &(rule){EMU_ADD, 2, ROUNDED | EMU_FTZ | EMU_SAT, ROUNDED, false, true});
}
static bool bind_sub(ptx_binder *binder) {
  return bind(binder, &(rule){EMU_SUB, 2, ROUNDED | EMU_FTZ | EMU_SAT, ROUNDED, false, true});
}
static bool bind_mul(ptx_binder *binder) {
  return bind(binder, &(rule){EMU_MUL, 2, ROUNDED | EMU_FTZ | EMU_SAT, ROUNDED, false, true});
}
static bool bind_fma(ptx_binder *binder) {
  return bind(binder, &(rule){EMU_FMA, 3, ROUNDED | EMU_FTZ | EMU_SAT, ROUNDED, true, true});
}
static bool bind_neg(ptx_binder *binder) {
  return bind(binder, &(rule){EMU_NEG, 1, EMU_FTZ, 0, false, false});
}
static bool bind_abs(ptx_binder *binder) {
  return bind(binder, &(rule){EMU_ABS, 1, EMU_FTZ, 0, false, false});
}
static bool bind_copysign(ptx_binder *binder) {
  return bind(binder, &(rule){EMU_COPYSIGN, 2, 0, 0, false, false});
}

/* The next part is .approx or .full, or it is exact. */
static bool is_next(const ptx_binder *binder, const char *part) {
  return binder->next_part < binder->statement->part_count &&
         strcmp(binder->statement->parts[binder->next_part], part) == 0;
}
static bool bind_exact_or_not(ptx_binder *binder, emu_operation operation, uint32_t sources) {
  if (is_next(binder, "approx") || is_next(binder, "full")) return emu_bind_approximate(binder);
  return bind(binder, &(rule){operation, sources, ROUNDED | EMU_FTZ, ROUNDED, true, false});
}
static bool bind_div(ptx_binder *binder) { return bind_exact_or_not(binder, EMU_DIV, 2); }
static bool bind_rcp(ptx_binder *binder) { return bind_exact_or_not(binder, EMU_RCP, 1); }
static bool bind_sqrt(ptx_binder *binder) { return bind_exact_or_not(binder, EMU_SQRT, 1); }

/* min and max of three are those of the first two, and of that and the third. */
static void step_three(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  EMU_EACH_LANE(lane, mask) {
    const uint64_t two =
        emu_compute(at->flags, warp->rows[at->a].lane[lane], warp->rows[at->b].lane[lane], 0);
    warp->rows[at->d].lane[lane] = emu_compute(at->flags, two, warp->rows[at->c].lane[lane], 0);
  }
}
static bool bind_extreme(ptx_binder *binder, emu_operation operation) {
  const bool is_of_three = binder->statement->operand_count == 4;
  const uint32_t flags = EMU_FTZ | EMU_NAN | EMU_SIZES | (is_of_three ? 0u : EMU_XORSIGN);
  if (!bind(binder, &(rule){operation, is_of_three ? 3 : 2, flags, 0, false, false})) return false;
  if (is_of_three && binder->out->type != PTX_F32)
    return ptx_refuse(binder, "%s of three is of f32", binder->statement->opcode);
  if (is_of_three) binder->out->step = step_three;
  return true;
}
static bool bind_min(ptx_binder *binder) { return bind_extreme(binder, EMU_MIN); }
static bool bind_max(ptx_binder *binder) { return bind_extreme(binder, EMU_MAX); }

/* ---- testp ---- */

enum { FINITE, INFINITE, NUMBER, NOTANUMBER, NORMAL, SUBNORMAL };

static bool test(double x, emu_format format, uint64_t bits, uint32_t what) {
  switch (what) {
    case FINITE: return isfinite(x) != 0;
    case INFINITE: return isinf(x) != 0;
    case NUMBER: return x == x;
    case NOTANUMBER: return x != x;
    case NORMAL: return isfinite(x) && x != 0 && !emu_is_subnormal(format, bits);
    default: return emu_is_subnormal(format, bits);
  }
}

static void step_test(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const emu_format format = at->from == PTX_F64 ? EMU_FORMAT_F64 : EMU_FORMAT_F32;
  EMU_EACH_LANE(lane, mask) {
    const uint64_t bits = warp->rows[at->a].lane[lane];
    warp->rows[at->d].lane[lane] = test(emu_number_of_bits(format, bits), format, bits, at->flags);
  }
}

static bool bind_test(ptx_binder *binder) {
  static const char *const names[] = {"finite", "infinite",  "number", "notanumber",
                                      "normal", "subnormal", NULL};
  ptx_instruction *out = binder->out;
  const int what = ptx_take_one(binder, names);
  if (what < 0) return ptx_refuse(binder, "testp lacks a property");
  const ptx_type type = ptx_take_type(binder, BOTH);
  if (type == PTX_TYPE_NONE || !ptx_check_end(binder, 2)) return false;
  out->flags = (uint32_t)what;
  out->type = PTX_PRED;
  out->from = (uint8_t)type;
  out->step = step_test;
  out->kind = type == PTX_F64 ? PTX_CLASS_F64 : PTX_CLASS_F32;
  out->d = ptx_result(binder, 0, PTX_PRED);
  out->a = out->b = out->c = ptx_source(binder, 1, type);
  return out->d != PTX_NO_ROW && out->a != PTX_NO_ROW;
}

const ptx_opcode ptx_opcodes_float[] = {
    {"add", bind_add},
    {"sub", bind_sub},
    {"mul", bind_mul},
    {"fma", bind_fma},
    {"mad", bind_fma},
    {"div", bind_div},
    {"rcp", bind_rcp},
    {"sqrt", bind_sqrt},
    {"neg", bind_neg},
    {"abs", bind_abs},
    {"min", bind_min},
    {"max", bind_max},
    {"copysign", bind_copysign},
    {"testp", bind_test},
    {"rsqrt", emu_bind_approximate},
    {"sin", emu_bind_approximate},
    {"cos", emu_bind_approximate},
    {"lg2", emu_bind_approximate},
    {"ex2", emu_bind_approximate},
    {"tanh", emu_bind_approximate},
    {NULL, NULL},
};
