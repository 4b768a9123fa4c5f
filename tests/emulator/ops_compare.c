/* Comparisons and choices: setp, set, selp, slct, of integers and floats. */
#include <math.h>
#include <string.h>

#include "tests/emulator/ops_integer.h"
#include "tests/emulator/rounding.h"

typedef enum comparison {
  EQ,
  NE,
  LT,
  LE,
  GT,
  GE,
  LO, /* of unsigned integers: as LT, LE, GT, GE */
  LS,
  HI,
  HS,
  EQU, /* of floats: or one of them is NaN */
  NEU,
  LTU,
  LEU,
  GTU,
  GEU,
  NUM,  /* neither is NaN */
  NAN_, /* one is */
} comparison;
static const char *const comparisons[] = {"eq",  "ne",  "lt",  "le",  "gt",  "ge",  "lo",  "ls",  "hi", "hs",
                                          "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan", NULL};

#define ALL_INTEGERS (EMU_INTEGER | 1u << PTX_B16 | 1u << PTX_B32 | 1u << PTX_B64)
#define HALVES       (1u << PTX_F16 | 1u << PTX_BF16)
#define PAIRS        (1u << PTX_F16X2 | 1u << PTX_BF16X2)
#define ALL_FLOATS   (1u << PTX_F32 | 1u << PTX_F64 | HALVES | PAIRS)

/* ---- what holds ---- */

static bool holds_number(comparison of, double x, double y) {
  const bool unordered = x != x || y != y;
  switch (of) {
    case EQ: return x == y;
    case NE: return !unordered && x != y;
    case LT: return x < y;
    case LE: return x <= y;
    case GT: return x > y;
    case GE: return x >= y;
    case EQU: return unordered || x == y;
    case NEU: return unordered || x != y;
    case LTU: return unordered || x < y;
    case LEU: return unordered || x <= y;
    case GTU: return unordered || x > y;
    case GEU: return unordered || x >= y;
    case NUM: return !unordered;
    default: return unordered;
  }
}
static bool holds_signed(comparison of, int64_t x, int64_t y) {
  switch (of) {
    case EQ: return x == y;
    case NE: return x != y;
    case LT: return x < y;
    case LE: return x <= y;
    case GT: return x > y;
    default: return x >= y;
  }
}
static bool holds_unsigned(comparison of, uint64_t x, uint64_t y) {
  switch (of) {
    case EQ: return x == y;
    case NE: return x != y;
    case LT:
    case LO: return x < y;
    case LE:
    case LS: return x <= y;
    case GT:
    case HI: return x > y;
    default: return x >= y;
  }
}

static emu_format format_of(ptx_type type) {
  switch (type) {
    case PTX_F16:
    case PTX_F16X2: return EMU_FORMAT_F16;
    case PTX_BF16:
    case PTX_BF16X2: return EMU_FORMAT_BF16;
    case PTX_F32: return EMU_FORMAT_F32;
    default: return EMU_FORMAT_F64;
  }
}
static double number(emu_format format, uint64_t bits, bool ftz) {
  if (ftz && emu_is_subnormal(format, bits)) return 0;
  return emu_number_of_bits(format, bits);
}

/* ptx_instruction.flags: a comparison, and: */
enum { COMPARISON = 31, FTZ = 1 << 5, JOIN_SHIFT = 6, NOT_C = 1 << 8, SECOND = 1 << 9 };
enum { JOIN_NONE, JOIN_AND, JOIN_OR, JOIN_XOR };
static const char *const joins[] = {"and", "or", "xor", NULL};

static bool holds(const ptx_instruction *at, uint64_t x, uint64_t y) {
  const ptx_type type = (ptx_type)at->from;
  const comparison of = (comparison)(at->flags & COMPARISON);
  const unsigned bits = emu_bits_of(type);
  if (ptx_type_is_float(type)) {
    const emu_format format = format_of(type);
    const bool ftz = (at->flags & FTZ) != 0;
    return holds_number(of, number(format, x, ftz), number(format, y, ftz));
  }
  if (ptx_type_is_signed(type)) return holds_signed(of, emu_signed(x, bits), emu_signed(y, bits));
  return holds_unsigned(of, x, y);
}
static bool joined(const ptx_instruction *at, bool held, uint64_t other) {
  const bool c = (other != 0) != ((at->flags & NOT_C) != 0);
  switch (at->flags >> JOIN_SHIFT & 3) {
    case JOIN_AND: return held && c;
    case JOIN_OR: return held || c;
    case JOIN_XOR: return held != c;
    default: return held;
  }
}

/* ---- setp ---- */

/* p, and with SECOND the only row of `more`, q: the same of what does not hold. */
static void step_setp(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const bool second = (at->flags & SECOND) != 0;
  const uint32_t q = second ? warp->block->launch->entry->module->ptx->more[at->more] : 0;
  EMU_EACH_LANE(lane, mask) {
    const bool held = holds(at, warp->rows[at->a].lane[lane], warp->rows[at->b].lane[lane]);
    const uint64_t other = warp->rows[at->c].lane[lane];
    warp->rows[at->d].lane[lane] = joined(at, held, other);
    if (second) warp->rows[q].lane[lane] = joined(at, !held, other);
  }
}

/* Of pairs, p is of the low halves and q of the high ones. */
static void step_setp_pair(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const uint32_t q = warp->block->launch->entry->module->ptx->more[at->more];
  EMU_EACH_LANE(lane, mask) {
    const uint64_t x = warp->rows[at->a].lane[lane], y = warp->rows[at->b].lane[lane];
    const uint64_t other = warp->rows[at->c].lane[lane];
    warp->rows[at->d].lane[lane] = joined(at, holds(at, x & 0xffff, y & 0xffff), other);
    warp->rows[q].lane[lane] = joined(at, holds(at, x >> 16, y >> 16), other);
  }
}

/* Fast steps of the plain form. Unsigned and equal need no width, as rows are zero-extended. */
EMU_STEP(eq, (uint64_t)(a[lane] == b[lane]))
EMU_STEP(ne, (uint64_t)(a[lane] != b[lane]))
EMU_STEP(lt_u, (uint64_t)(a[lane] < b[lane]))
EMU_STEP(le_u, (uint64_t)(a[lane] <= b[lane]))
#define SIGNED_STEPS(bits)                                                      \
  EMU_STEP(lt_s##bits, (uint64_t)(EMU_A(int##bits##_t) < EMU_B(int##bits##_t))) \
  EMU_STEP(le_s##bits, (uint64_t)(EMU_A(int##bits##_t) <= EMU_B(int##bits##_t)))
SIGNED_STEPS(16)
SIGNED_STEPS(32)
SIGNED_STEPS(64)
#define FLOAT_STEPS(bits)                                                                     \
  EMU_STEP(eq_f##bits, (uint64_t)(emu_f##bits##_of(a[lane]) == emu_f##bits##_of(b[lane])))    \
  EMU_STEP(neu_f##bits, (uint64_t)(emu_f##bits##_of(a[lane]) != emu_f##bits##_of(b[lane])))   \
  EMU_STEP(lt_f##bits, (uint64_t)(emu_f##bits##_of(a[lane]) < emu_f##bits##_of(b[lane])))     \
  EMU_STEP(le_f##bits, (uint64_t)(emu_f##bits##_of(a[lane]) <= emu_f##bits##_of(b[lane])))    \
  EMU_STEP(ltu_f##bits, (uint64_t) !(emu_f##bits##_of(a[lane]) >= emu_f##bits##_of(b[lane]))) \
  EMU_STEP(leu_f##bits, (uint64_t) !(emu_f##bits##_of(a[lane]) > emu_f##bits##_of(b[lane])))
#define IS_NAN_IN(bits, x, y) \
  (emu_f##bits##_of(x) != emu_f##bits##_of(x) || emu_f##bits##_of(y) != emu_f##bits##_of(y))
EMU_STEP(nan_f32, (uint64_t)(IS_NAN_IN(32, a[lane], b[lane])))
EMU_STEP(num_f32, (uint64_t) !(IS_NAN_IN(32, a[lane], b[lane])))
EMU_STEP(nan_f64, (uint64_t)(IS_NAN_IN(64, a[lane], b[lane])))
EMU_STEP(num_f64, (uint64_t) !(IS_NAN_IN(64, a[lane], b[lane])))
FLOAT_STEPS(32)
FLOAT_STEPS(64)

static ptx_step fast_float(comparison of, bool is_double) {
  switch (of) {
    case EQ: return is_double ? eq_f64() : eq_f32();
    case NEU: return is_double ? neu_f64() : neu_f32();
    case LT: return is_double ? lt_f64() : lt_f32();
    case LE: return is_double ? le_f64() : le_f32();
    case LTU: return is_double ? ltu_f64() : ltu_f32();
    case NUM: return is_double ? num_f64() : num_f32();
    case NAN_: return is_double ? nan_f64() : nan_f32();
    case LEU: return is_double ? leu_f64() : leu_f32();
    default: return NULL;
  }
}
static ptx_step fast_integer(comparison of, ptx_type type) {
  const unsigned bytes = ptx_type_bytes(type);
  switch (of) {
    case EQ: return eq();
    case NE: return ne();
    case LO: return lt_u();
    case LS: return le_u();
    case LT:
      if (!ptx_type_is_signed(type)) return lt_u();
      return bytes == 2 ? lt_s16() : bytes == 4 ? lt_s32() : lt_s64();
    case LE:
      if (!ptx_type_is_signed(type)) return le_u();
      return bytes == 2 ? le_s16() : bytes == 4 ? le_s32() : le_s64();
    default: return NULL;
  }
}
/* Greater is less the other way round. */
static comparison turned(comparison of) {
  switch (of) {
    case GT: return LT;
    case GE: return LE;
    case HI: return LO;
    case HS: return LS;
    case GTU: return LTU;
    case GEU: return LEU;
    default: return of;
  }
}
static void bind_fast(ptx_instruction *out, comparison of, ptx_type type) {
  const comparison less = turned(of);
  ptx_step step = NULL;
  if (type == PTX_F32 || type == PTX_F64) step = fast_float(less, type == PTX_F64);
  else if (!ptx_type_is_float(type)) step = fast_integer(less, type);
  if (step == NULL) return;
  out->step = step;
  if (less == of) return;
  const uint32_t first = out->a;
  out->a = out->b;
  out->b = first;
}

/* ---- set: ones, or the number one ---- */

static uint64_t true_of(ptx_type type) {
  switch (type) {
    case PTX_F32: return 0x3f800000;
    case PTX_F16:
    case PTX_F16X2: return 0x3c00;
    case PTX_BF16:
    case PTX_BF16X2: return 0x3f80;
    default: return emu_low_bits(emu_bits_of(type));
  }
}
static void step_set(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const ptx_type from = (ptx_type)at->from;
  const bool pair = from == PTX_F16X2 || from == PTX_BF16X2;
  const bool ones = at->type == PTX_U32 || at->type == PTX_S32;
  const uint64_t one = pair && ones ? 0xffff : true_of((ptx_type)at->type);
  EMU_EACH_LANE(lane, mask) {
    const uint64_t x = warp->rows[at->a].lane[lane], y = warp->rows[at->b].lane[lane];
    const uint64_t other = warp->rows[at->c].lane[lane];
    uint64_t result = joined(at, holds(at, pair ? x & 0xffff : x, pair ? y & 0xffff : y), other) ? one : 0;
    if (pair && joined(at, holds(at, x >> 16, y >> 16), other)) result |= one << 16;
    warp->rows[at->d].lane[lane] = result;
  }
}

/* ---- binding of setp and set ---- */

static bool check_comparison(ptx_binder *binder, comparison of, ptx_type type) {
  const bool bits = type == PTX_B16 || type == PTX_B32 || type == PTX_B64;
  bool fits;
  if (ptx_type_is_float(type)) fits = of <= GE || of >= EQU;
  else if (bits) fits = of <= NE;
  else if (ptx_type_is_signed(type)) fits = of <= GE;
  else fits = of <= HS;
  return fits || ptx_refuse(binder, "a comparison that its type has not");
}

static bool bind_results(ptx_binder *binder, bool is_setp, ptx_type result, ptx_type type) {
  ptx_instruction *out = binder->out;
  const ptx_operand *to = &binder->statement->operands[0];
  const bool pair = type == PTX_F16X2 || type == PTX_BF16X2;
  if (!is_setp) {
    out->d = ptx_result(binder, 0, result);
  } else if (to->kind == PTX_OPERAND_PAIR) {
    out->d = ptx_result_operand(binder, &to->elements[0], PTX_PRED, false);
    ptx_more(binder, ptx_result_operand(binder, &to->elements[1], PTX_PRED, false));
    out->flags |= SECOND;
  } else if (pair) {
    return ptx_refuse(binder, "of pairs its result is p|q");
  } else {
    out->d = ptx_result(binder, 0, PTX_PRED);
  }
  return !binder->failed;
}

bool emu_bind_set(ptx_binder *binder) {
  ptx_instruction *out = binder->out;
  const bool is_setp = strcmp(binder->statement->opcode, "setp") == 0;
  const int of = ptx_take_one(binder, comparisons);
  if (of < 0) return ptx_refuse(binder, "it lacks a comparison");
  const int join = ptx_take_one(binder, joins) + 1;
  const bool ftz = ptx_take(binder, "ftz");
  ptx_type result = PTX_PRED;
  if (!is_setp) result = ptx_take_type(binder, EMU_INT32 | EMU_INT16 | 1u << PTX_F32 | HALVES | PAIRS);
  const ptx_type type = result == PTX_TYPE_NONE ? result : ptx_take_type(binder, ALL_INTEGERS | ALL_FLOATS);
  if (type == PTX_TYPE_NONE || !check_comparison(binder, (comparison)of, type)) return false;
  const bool from_pair = (PAIRS >> type & 1) != 0, to_pair = (PAIRS >> result & 1) != 0;
  if (!is_setp && from_pair != to_pair && !(from_pair && ptx_type_bytes(result) == 4 && result != PTX_F32))
    return ptx_refuse(binder, "pairs are compared into pairs or 32 bits");
  if (ftz && type != PTX_F32 && type != PTX_F16 && type != PTX_F16X2)
    return ptx_refuse(binder, "its type takes no .ftz");
  if (!ptx_check_end(binder, join == 0 ? 3 : 4)) return false;
  bool negated = false;
  out->kind = PTX_CLASS_MOVE;
  out->type = (uint8_t)result;
  out->from = (uint8_t)type;
  out->flags = (uint32_t)of | (ftz ? FTZ : 0u) | (uint32_t)join << JOIN_SHIFT;
  if (!bind_results(binder, is_setp, result, type)) return false;
  out->a = ptx_source(binder, 1, type);
  out->b = ptx_source(binder, 2, type);
  out->c = join == 0 ? out->a : ptx_source_negatable(binder, 3, &negated);
  if (negated) out->flags |= NOT_C;
  const bool pair = type == PTX_F16X2 || type == PTX_BF16X2;
  out->step = !is_setp ? step_set : pair ? step_setp_pair : step_setp;
  if (!binder->failed && is_setp && !pair && join == 0 && !ftz && (out->flags & SECOND) == 0)
    bind_fast(out, (comparison)of, type);
  return !binder->failed;
}

/* ---- selp, slct ---- */

EMU_STEP(selp, c[lane] != 0 ? a[lane] : b[lane])
EMU_STEP(slct_s32, EMU_C(int32_t) >= 0 ? a[lane] : b[lane])
/* Minus zero counts as zero, NaN chooses the second; .ftz makes a subnormal zero. */
EMU_STEP(slct_f32, (at->flags & FTZ) != 0 && emu_is_subnormal(EMU_FORMAT_F32, c[lane]) ? a[lane]
                   : emu_f32_of(c[lane]) >= 0                                          ? a[lane]
                                                                                       : b[lane])

#define CHOSEN (EMU_INTEGER | 1u << PTX_B16 | 1u << PTX_B32 | 1u << PTX_B64 | 1u << PTX_F32 | 1u << PTX_F64)

bool emu_bind_select(ptx_binder *binder) {
  ptx_instruction *out = binder->out;
  const bool is_selp = strcmp(binder->statement->opcode, "selp") == 0;
  out->kind = PTX_CLASS_MOVE;
  out->flags = !is_selp && ptx_take(binder, "ftz") ? FTZ : 0;
  const ptx_type type = ptx_take_type(binder, CHOSEN);
  if (type == PTX_TYPE_NONE) return false;
  ptx_type by = PTX_PRED;
  if (!is_selp) by = ptx_take_type(binder, 1u << PTX_S32 | 1u << PTX_F32);
  if (by == PTX_TYPE_NONE) return false;
  if (out->flags == FTZ && by != PTX_F32) return ptx_refuse(binder, "its type takes no .ftz");
  out->step = is_selp ? selp() : by == PTX_S32 ? slct_s32() : slct_f32();
  return emu_bind_rows(binder, type, (const ptx_type[]){type, type, by}, 3);
}
