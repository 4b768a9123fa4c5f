/* Arithmetic of integers: add to rem. */
#include <string.h>

#include "tests/emulator/ops_integer.h"

bool emu_has_part(const ptx_binder *binder, const char *part) {
  for (uint32_t i = binder->next_part; i < binder->statement->part_count; i++)
    if (strcmp(binder->statement->parts[i], part) == 0) return true;
  return false;
}

/* ---- steps ---- */

#define WIDTHS(name, value)                        \
  EMU_STEP(name##_16, (uint64_t)(uint16_t)(value)) \
  EMU_STEP(name##_32, (uint64_t)(uint32_t)(value)) \
  EMU_STEP(name##_64, (uint64_t)(value))
WIDTHS(add, a[lane] + b[lane])
WIDTHS(sub, a[lane] - b[lane])
WIDTHS(mul_lo, a[lane] * b[lane])
WIDTHS(mad_lo, a[lane] * b[lane] + c[lane])
WIDTHS(neg, 0 - a[lane])

#define HIGH(name, more)                                                                            \
  EMU_STEP(name##_u16, (uint64_t)(uint16_t)((a[lane] * b[lane] >> 16) more))                        \
  EMU_STEP(name##_s16, (uint64_t)(uint16_t)(((EMU_A(int16_t) * EMU_B(int16_t)) >> 16) more))        \
  EMU_STEP(name##_u32, (uint64_t)(uint32_t)((a[lane] * b[lane] >> 32) more))                        \
  EMU_STEP(name##_s32, (uint64_t)(uint32_t)(((int64_t)EMU_A(int32_t) * EMU_B(int32_t) >> 32) more)) \
  EMU_STEP(name##_u64, (uint64_t)((emu_u128)a[lane] * b[lane] >> 64) more)                          \
  EMU_STEP(name##_s64, (uint64_t)((emu_s128)EMU_A(int64_t) * EMU_B(int64_t) >> 64) more)
HIGH(mul_hi, )
HIGH(mad_hi, +c[lane])

#define WIDE(name, more)                                                                       \
  EMU_STEP(name##_u16, (uint64_t)(uint32_t)(a[lane] * b[lane] more))                           \
  EMU_STEP(name##_s16, (uint64_t)(uint32_t)((uint32_t)(EMU_A(int16_t) * EMU_B(int16_t)) more)) \
  EMU_STEP(name##_u32, a[lane] * b[lane] more)                                                 \
  EMU_STEP(name##_s32, (uint64_t)((int64_t)EMU_A(int32_t) * EMU_B(int32_t)) more)
WIDE(mul_wide, )
WIDE(mad_wide, +c[lane])

/* By the sign alone where the width does not matter. */
#define MIN(x, y) ((x) < (y) ? (x) : (y))
#define MAX(x, y) ((x) > (y) ? (x) : (y))
EMU_STEP(min_u, MIN(a[lane], b[lane]))
EMU_STEP(max_u, MAX(a[lane], b[lane]))
#define SIGNED(name, of)                                                       \
  EMU_STEP(name##_s16, (uint64_t)(uint16_t)of(EMU_A(int16_t), EMU_B(int16_t))) \
  EMU_STEP(name##_s32, (uint64_t)(uint32_t)of(EMU_A(int32_t), EMU_B(int32_t))) \
  EMU_STEP(name##_s64, (uint64_t)of(EMU_A(int64_t), EMU_B(int64_t)))
SIGNED(min, MIN)
SIGNED(max, MAX)
#define RELU(x) MAX(x, 0)
EMU_STEP(min_relu, (uint64_t)RELU(MIN(EMU_A(int32_t), EMU_B(int32_t))))
EMU_STEP(max_relu, (uint64_t)RELU(MAX(EMU_A(int32_t), EMU_B(int32_t))))
EMU_STEP(abs_s16, (uint64_t)(uint16_t)(EMU_A(int16_t) < 0 ? 0 - a[lane] : a[lane]))
EMU_STEP(abs_s32, (uint64_t)(uint32_t)(EMU_A(int32_t) < 0 ? 0 - a[lane] : a[lane]))
EMU_STEP(abs_s64, EMU_A(int64_t) < 0 ? 0 - a[lane] : a[lane])

/* By zero, a quotient is all ones and a remainder the dividend, as on NVIDIA's GPUs; the ISA leaves it open.
 */
static uint64_t quotient(uint64_t x, uint64_t y) { return y == 0 ? ~(uint64_t)0 : x / y; }
static uint64_t remainder_of(uint64_t x, uint64_t y) { return y == 0 ? x : x % y; }
static uint64_t signed_quotient(int64_t x, int64_t y) {
  return y == 0 ? ~(uint64_t)0 : y == -1 ? 0 - (uint64_t)x : (uint64_t)(x / y);
}
static uint64_t signed_remainder(int64_t x, int64_t y) {
  return y == 0 ? (uint64_t)x : y == -1 ? 0 : (uint64_t)(x % y);
}
enum { IS_REMAINDER = 1 };
static void step_divide(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const unsigned bits = emu_bits_of((ptx_type)at->type);
  const bool is_signed = ptx_type_is_signed((ptx_type)at->type);
  EMU_EACH_LANE(lane, mask) {
    const uint64_t x = warp->rows[at->a].lane[lane], y = warp->rows[at->b].lane[lane];
    uint64_t result;
    if (is_signed && at->flags == IS_REMAINDER)
      result = signed_remainder(emu_signed(x, bits), emu_signed(y, bits));
    else if (is_signed) result = signed_quotient(emu_signed(x, bits), emu_signed(y, bits));
    else result = at->flags == IS_REMAINDER ? remainder_of(x, y) : quotient(x, y);
    warp->rows[at->d].lane[lane] = result & emu_low_bits(bits);
  }
}

/* Of s32, into its range. */
static uint64_t clamped(int64_t x) {
  return (uint32_t)(x > INT32_MAX ? INT32_MAX : x < INT32_MIN ? INT32_MIN : (int32_t)x);
}
EMU_STEP(add_sat, clamped((int64_t)EMU_A(int32_t) + EMU_B(int32_t)))
EMU_STEP(sub_sat, clamped((int64_t)EMU_A(int32_t) - EMU_B(int32_t)))
EMU_STEP(mad_hi_sat, clamped(((int64_t)EMU_A(int32_t) * EMU_B(int32_t) >> 32) + EMU_C(int32_t)))

static uint64_t distance(uint64_t x, uint64_t y, ptx_type type) {
  const unsigned bits = emu_bits_of(type);
  if (!ptx_type_is_signed(type)) return x > y ? x - y : y - x;
  const int64_t p = emu_signed(x, bits), q = emu_signed(y, bits);
  return p > q ? (uint64_t)p - (uint64_t)q : (uint64_t)q - (uint64_t)p;
}
EMU_STEP(sad, (c[lane] + distance(a[lane], b[lane], (ptx_type)at->type)) &
                  emu_low_bits(emu_bits_of((ptx_type)at->type)))

/* Products of 24-bit numbers: of their 48 bits the low or the high 32. */
static uint64_t product_24(uint64_t x, uint64_t y, bool is_signed) {
  if (is_signed) return (uint64_t)(emu_signed(x & 0xffffff, 24) * emu_signed(y & 0xffffff, 24));
  return (x & 0xffffff) * (y & 0xffffff);
}
enum { HIGH_24 = 1, SAT_24 = 2, MAD_24 = 4 };
static void step_24(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  EMU_EACH_LANE(lane, mask) {
    const uint64_t product =
        product_24(warp->rows[at->a].lane[lane], warp->rows[at->b].lane[lane], at->type == PTX_S32);
    const uint64_t part = (at->flags & HIGH_24) != 0 ? product >> 16 : product,
                   c = warp->rows[at->c].lane[lane];
    uint64_t result = (at->flags & MAD_24) != 0 ? part + c : part;
    if ((at->flags & SAT_24) != 0) result = clamped((int64_t)(int32_t)part + (int32_t)c);
    warp->rows[at->d].lane[lane] = (uint32_t)result;
  }
}

/* Pairs of 16-bit integers. */
static void step_pair(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  enum { ADD, MIN_U, MAX_U, MIN_S, MAX_S, MIN_RELU, MAX_RELU };
  EMU_EACH_LANE(lane, mask) {
    uint32_t result = 0;
    for (int half = 0; half < 2; half++) {
      const uint16_t x = (uint16_t)(warp->rows[at->a].lane[lane] >> 16 * half);
      const uint16_t y = (uint16_t)(warp->rows[at->b].lane[lane] >> 16 * half);
      uint16_t z = (uint16_t)(x + y);
      if (at->flags == MIN_U) z = MIN(x, y);
      if (at->flags == MAX_U) z = MAX(x, y);
      if (at->flags == MIN_S) z = (uint16_t)MIN((int16_t)x, (int16_t)y);
      if (at->flags == MAX_S) z = (uint16_t)MAX((int16_t)x, (int16_t)y);
      if (at->flags == MIN_RELU) z = (uint16_t)RELU(MIN((int16_t)x, (int16_t)y));
      if (at->flags == MAX_RELU) z = (uint16_t)RELU(MAX((int16_t)x, (int16_t)y));
      result |= (uint32_t)z << 16 * half;
    }
    warp->rows[at->d].lane[lane] = result;
  }
}
/* The ISA has .relu before the type, nvcc's headers behind it. */
static bool take_relu(ptx_binder *binder) { return ptx_take(binder, "relu"); }
static bool bind_pair(ptx_binder *binder, uint32_t operation) {
  const bool is_extreme = operation != 0, early = is_extreme && take_relu(binder);
  const bool is_signed = ptx_take(binder, "s16x2");
  if (!is_signed && !early) (void)ptx_take(binder, "u16x2");
  const bool relu = early || (is_extreme && is_signed && take_relu(binder));
  binder->out->step = step_pair;
  binder->out->flags = !is_extreme || !is_signed ? operation : operation + (relu ? 4 : 2);
  return emu_bind_rows(binder, PTX_B32, (const ptx_type[]){PTX_B32, PTX_B32}, 2);
}
static bool is_pair(const ptx_binder *binder) {
  return emu_has_part(binder, "u16x2") || emu_has_part(binder, "s16x2");
}

/* ---- binding ---- */

static bool bind_same(ptx_binder *binder, ptx_type type, ptx_step step, uint32_t sources) {
  binder->out->step = step;
  return emu_bind_rows(binder, type, (const ptx_type[]){type, type, type}, sources);
}
#define BY_WIDTH(name, type) \
  (ptx_type_bytes(type) == 2 ? name##_16() : ptx_type_bytes(type) == 4 ? name##_32() : name##_64())
#define BY_SIGN(name, type)                   \
  (!ptx_type_is_signed(type)   ? name##_u()   \
   : ptx_type_bytes(type) == 2 ? name##_s16() \
   : ptx_type_bytes(type) == 4 ? name##_s32() \
                               : name##_s64())

static bool bind_add(ptx_binder *binder) {
  if (emu_has_part(binder, "cc")) return emu_bind_carry(binder);
  if (is_pair(binder)) return bind_pair(binder, 0);
  const bool sat = ptx_take(binder, "sat");
  const ptx_type type = ptx_take_type(binder, sat ? 1u << PTX_S32 : EMU_INTEGER);
  return type != PTX_TYPE_NONE && bind_same(binder, type, sat ? add_sat() : BY_WIDTH(add, type), 2);
}
static bool bind_sub(ptx_binder *binder) {
  if (emu_has_part(binder, "cc")) return emu_bind_carry(binder);
  const bool sat = ptx_take(binder, "sat");
  const ptx_type type = ptx_take_type(binder, sat ? 1u << PTX_S32 : EMU_INTEGER);
  return type != PTX_TYPE_NONE && bind_same(binder, type, sat ? sub_sat() : BY_WIDTH(sub, type), 2);
}

static ptx_type twice(ptx_type type) {
  switch (type) {
    case PTX_U16: return PTX_U32;
    case PTX_S16: return PTX_S32;
    case PTX_U32: return PTX_U64;
    default: return PTX_S64;
  }
}
#define BY_TYPE(name, type)           \
  ((type) == PTX_U16   ? name##_u16() \
   : (type) == PTX_S16 ? name##_s16() \
   : (type) == PTX_U32 ? name##_u32() \
   : (type) == PTX_S32 ? name##_s32() \
   : (type) == PTX_U64 ? name##_u64() \
                       : name##_s64())
#define BY_NARROW_TYPE(name, type)    \
  ((type) == PTX_U16   ? name##_u16() \
   : (type) == PTX_S16 ? name##_s16() \
   : (type) == PTX_U32 ? name##_u32() \
                       : name##_s32())

static bool bind_product(ptx_binder *binder, bool is_mad) {
  static const char *const modes[] = {"lo", "hi", "wide", NULL};
  if (emu_has_part(binder, "cc")) return emu_bind_carry(binder);
  const int mode = ptx_take_one(binder, modes);
  if (mode < 0) return ptx_refuse(binder, "it lacks .lo, .hi or .wide");
  const bool sat = is_mad && mode == 1 && ptx_take(binder, "sat");
  const ptx_type type = ptx_take_type(binder, sat         ? 1u << PTX_S32
                                              : mode == 2 ? EMU_INT16 | EMU_INT32
                                                          : EMU_INTEGER);
  if (type == PTX_TYPE_NONE) return false;
  const ptx_type result = mode == 2 ? twice(type) : type;
  ptx_step step;
  if (sat) step = mad_hi_sat();
  else if (mode == 0) step = is_mad ? BY_WIDTH(mad_lo, type) : BY_WIDTH(mul_lo, type);
  else if (mode == 1) step = is_mad ? BY_TYPE(mad_hi, type) : BY_TYPE(mul_hi, type);
  else step = is_mad ? BY_NARROW_TYPE(mad_wide, type) : BY_NARROW_TYPE(mul_wide, type);
  binder->out->step = step;
  return emu_bind_rows(binder, result, (const ptx_type[]){type, type, result}, is_mad ? 3 : 2);
}
static bool bind_mul(ptx_binder *binder) { return bind_product(binder, false); }
static bool bind_mad(ptx_binder *binder) { return bind_product(binder, true); }

static bool bind_24(ptx_binder *binder) {
  const bool is_mad = strcmp(binder->statement->opcode, "mad24") == 0, high = ptx_take(binder, "hi");
  if (!high && !ptx_take(binder, "lo")) return ptx_refuse(binder, "it lacks .lo or .hi");
  const bool sat = is_mad && high && ptx_take(binder, "sat");
  const ptx_type type = ptx_take_type(binder, sat ? 1u << PTX_S32 : EMU_INT32);
  binder->out->flags = (high ? HIGH_24 : 0u) | (sat ? SAT_24 : 0u) | (is_mad ? MAD_24 : 0u);
  return type != PTX_TYPE_NONE && bind_same(binder, type, step_24, is_mad ? 3 : 2);
}

static bool bind_divide(ptx_binder *binder) {
  const ptx_type type = ptx_take_type(binder, EMU_INTEGER);
  binder->out->flags = strcmp(binder->statement->opcode, "rem") == 0 ? IS_REMAINDER : 0;
  return type != PTX_TYPE_NONE && bind_same(binder, type, step_divide, 2);
}
static bool bind_sad(ptx_binder *binder) {
  const ptx_type type = ptx_take_type(binder, EMU_INTEGER);
  return type != PTX_TYPE_NONE && bind_same(binder, type, sad(), 3);
}

static bool bind_extreme(ptx_binder *binder, bool is_max) {
  if (is_pair(binder)) return bind_pair(binder, is_max ? 2 : 1);
  const bool early = take_relu(binder);
  const ptx_type type = ptx_take_type(binder, early ? 1u << PTX_S32 : EMU_INTEGER);
  const bool relu = early || (type == PTX_S32 && take_relu(binder));
  if (type == PTX_TYPE_NONE) return false;
  if (relu) return bind_same(binder, type, is_max ? max_relu() : min_relu(), 2);
  return bind_same(binder, type, is_max ? BY_SIGN(max, type) : BY_SIGN(min, type), 2);
}
static bool bind_min(ptx_binder *binder) { return bind_extreme(binder, false); }
static bool bind_max(ptx_binder *binder) { return bind_extreme(binder, true); }

enum { SIGNED_TYPES = 1 << PTX_S16 | 1 << PTX_S32 | 1 << PTX_S64 };
static bool bind_abs(ptx_binder *binder) {
  const ptx_type type = ptx_take_type(binder, SIGNED_TYPES);
  if (type == PTX_TYPE_NONE) return false;
  return bind_same(binder, type, type == PTX_S16 ? abs_s16() : type == PTX_S32 ? abs_s32() : abs_s64(), 1);
}
static bool bind_neg(ptx_binder *binder) {
  const ptx_type type = ptx_take_type(binder, SIGNED_TYPES);
  return type != PTX_TYPE_NONE && bind_same(binder, type, BY_WIDTH(neg, type), 1);
}

const ptx_opcode ptx_opcodes_integer[] = {
    {"add", bind_add},
    {"sub", bind_sub},
    {"mul", bind_mul},
    {"mad", bind_mad},
    {"mul24", bind_24},
    {"mad24", bind_24},
    {"div", bind_divide},
    {"rem", bind_divide},
    {"sad", bind_sad},
    {"min", bind_min},
    {"max", bind_max},
    {"abs", bind_abs},
    {"neg", bind_neg},
    {"addc", emu_bind_carry},
    {"subc", emu_bind_carry},
    {"madc", emu_bind_carry},
    {"vadd2", emu_bind_video},
    {"vadd4", emu_bind_video},
    {"vsub2", emu_bind_video},
    {"vsub4", emu_bind_video},
    {"vavrg2", emu_bind_video},
    {"vavrg4", emu_bind_video},
    {"vabsdiff2", emu_bind_video},
    {"vabsdiff4", emu_bind_video},
    {"vmin2", emu_bind_video},
    {"vmin4", emu_bind_video},
    {"vmax2", emu_bind_video},
    {"vmax4", emu_bind_video},
    {"vset2", emu_bind_video},
    {"vset4", emu_bind_video},
    {NULL, NULL},
};
