/* Bit by bit: and to lop3, shifts, bytes; and the list of the family's opcodes. */
#include <string.h>

#include "tests/emulator/ops_integer.h"

#define BITS (1u << PTX_B16 | 1u << PTX_B32 | 1u << PTX_B64)

/* ---- and, or, xor, not, cnot ---- */

EMU_STEP(and_, a[lane] & b[lane])
EMU_STEP(or_, a[lane] | b[lane])
EMU_STEP(xor_, a[lane] ^ b[lane])
EMU_STEP(not_pred, a[lane] ^ 1)
EMU_STEP(not_16, a[lane] ^ 0xffff)
EMU_STEP(not_32, a[lane] ^ 0xffffffff)
EMU_STEP(not_64, ~a[lane])
EMU_STEP(cnot, (uint64_t)(a[lane] == 0))

static bool bind_logic(ptx_binder *binder) {
  const char *opcode = binder->statement->opcode;
  const ptx_type type = ptx_take_type(binder, BITS | 1u << PTX_PRED);
  if (type == PTX_TYPE_NONE) return false;
  binder->out->kind = type == PTX_PRED ? PTX_CLASS_MOVE : PTX_CLASS_INTEGER;
  binder->out->step = opcode[0] == 'a' ? and_() : opcode[0] == 'o' ? or_() : xor_();
  return emu_bind_rows(binder, type, (const ptx_type[]){type, type}, 2);
}

static bool bind_not(ptx_binder *binder) {
  const bool is_cnot = binder->statement->opcode[0] == 'c';
  const ptx_type type = ptx_take_type(binder, is_cnot ? BITS : BITS | 1u << PTX_PRED);
  binder->out->kind = type == PTX_PRED ? PTX_CLASS_MOVE : PTX_CLASS_INTEGER;
  switch (type) {
    case PTX_TYPE_NONE: return false;
    case PTX_PRED: binder->out->step = not_pred(); break;
    case PTX_B16: binder->out->step = not_16(); break;
    case PTX_B32: binder->out->step = not_32(); break;
    default: binder->out->step = not_64();
  }
  if (is_cnot) binder->out->step = cnot();
  return emu_bind_rows(binder, type, (const ptx_type[]){type}, 1);
}

/* ---- lop3: any function of three bits, from its table ---- */

static uint32_t lookup(uint32_t x, uint32_t y, uint32_t z, unsigned table) {
  uint32_t result = 0;
  for (unsigned row = 0; row < 8; row++) {
    const uint32_t all = (uint32_t)0 - (table >> row & 1);
    result |= all & (row & 4 ? x : ~x) & (row & 2 ? y : ~y) & (row & 1 ? z : ~z);
  }
  return result;
}
EMU_STEP(lop3, (uint64_t)lookup(EMU_A(uint32_t), EMU_B(uint32_t), EMU_C(uint32_t), (unsigned)at->flags))
EMU_STEP(xor3, a[lane] ^ b[lane] ^ c[lane])

/* lop3.and.b32 d|p: p also says whether the result, with q, is anything. */
enum { LOP3_AND = 1 << 8, LOP3_NOT_Q = 1 << 9 };
static void step_lop3_pred(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const uint32_t *more = &warp->block->launch->entry->module->ptx->more[at->more];
  EMU_EACH_LANE(lane, mask) {
    const uint32_t result =
        lookup((uint32_t)warp->rows[at->a].lane[lane], (uint32_t)warp->rows[at->b].lane[lane],
               (uint32_t)warp->rows[at->c].lane[lane], at->flags & 0xff);
    const bool q = (warp->rows[more[1]].lane[lane] != 0) != ((at->flags & LOP3_NOT_Q) != 0);
    const bool any = result != 0;
    warp->rows[at->d].lane[lane] = result;
    warp->rows[more[0]].lane[lane] = (at->flags & LOP3_AND) != 0 ? any && q : any || q;
  }
}

static bool bind_lop3(ptx_binder *binder) {
  static const char *const joins[] = {"or", "and", NULL};
  ptx_instruction *out = binder->out;
  const int join = ptx_take_one(binder, joins);
  uint64_t table;
  if (ptx_take_type(binder, 1u << PTX_B32) == PTX_TYPE_NONE || !ptx_check_end(binder, join < 0 ? 5 : 6))
    return false;
  out->a = ptx_source(binder, 1, PTX_B32);
  out->b = ptx_source(binder, 2, PTX_B32);
  out->c = ptx_source(binder, 3, PTX_B32);
  if (!ptx_integer(binder, 4, &table)) return false;
  if (table > 0xff) return ptx_refuse(binder, "a table of more than 8 bits");
  out->flags = (uint32_t)table;
  out->kind = PTX_CLASS_INTEGER;
  if (join < 0) {
    out->step = table == 0x96 ? xor3() : lop3();
    out->d = ptx_result(binder, 0, PTX_B32);
    return !binder->failed;
  }
  const ptx_operand *pair = &binder->statement->operands[0];
  bool negated = false;
  if (pair->kind != PTX_OPERAND_PAIR) return ptx_refuse(binder, "its result is d|p");
  out->step = step_lop3_pred;
  out->d = ptx_result_operand(binder, &pair->elements[0], PTX_B32, false);
  ptx_more(binder, ptx_result_operand(binder, &pair->elements[1], PTX_PRED, false));
  ptx_more(binder, ptx_source_negatable(binder, 5, &negated));
  out->flags |= (join == 1 ? LOP3_AND : 0u) | (negated ? LOP3_NOT_Q : 0u);
  return !binder->failed;
}

/* ---- shifts: by more than there are bits, nothing or the sign is left ---- */

EMU_STEP(shl_16, (uint64_t)(uint16_t)(EMU_B(uint32_t) > 15 ? 0 : a[lane] << (b[lane] & 15)))
EMU_STEP(shl_32, (uint64_t)(uint32_t)(EMU_B(uint32_t) > 31 ? 0 : a[lane] << (b[lane] & 31)))
EMU_STEP(shl_64, EMU_B(uint32_t) > 63 ? 0 : a[lane] << (b[lane] & 63))
EMU_STEP(shr_u, EMU_B(uint32_t) > 63 ? 0 : a[lane] >> (b[lane] & 63))
#define AT_MOST(x, most) ((x) > (most) ? (most) : (x))
EMU_STEP(shr_s16, (uint64_t)(uint16_t)(EMU_A(int16_t) >> AT_MOST(EMU_B(uint32_t), 15u)))
EMU_STEP(shr_s32, (uint64_t)(uint32_t)(EMU_A(int32_t) >> AT_MOST(EMU_B(uint32_t), 31u)))
EMU_STEP(shr_s64, (uint64_t)(EMU_A(int64_t) >> AT_MOST(EMU_B(uint32_t), 63u)))

static bool bind_shift(ptx_binder *binder) {
  const bool is_left = strcmp(binder->statement->opcode, "shl") == 0;
  const ptx_type type = ptx_take_type(binder, is_left ? BITS : BITS | EMU_INTEGER);
  if (type == PTX_TYPE_NONE) return false;
  const unsigned bytes = ptx_type_bytes(type);
  ptx_step step = bytes == 2 ? shl_16() : bytes == 4 ? shl_32() : shl_64();
  if (!is_left && ptx_type_is_signed(type))
    step = bytes == 2 ? shr_s16() : bytes == 4 ? shr_s32() : shr_s64();
  else if (!is_left) step = shr_u();
  binder->out->step = step;
  return emu_bind_rows(binder, type, (const ptx_type[]){type, PTX_U32}, 2);
}

/* Of the 64 bits b:a, the high or the low 32 after a shift. */
static uint64_t joined(uint64_t low, uint64_t high) { return low | high << 32; }
EMU_STEP(shf_l_wrap, (uint64_t)(uint32_t)(joined(a[lane], b[lane]) << (c[lane] & 31) >> 32))
EMU_STEP(shf_r_wrap, (uint64_t)(uint32_t)(joined(a[lane], b[lane]) >> (c[lane] & 31)))
EMU_STEP(shf_l_clamp, EMU_C(uint32_t) > 31
                          ? a[lane]
                          : (uint64_t)(uint32_t)(joined(a[lane], b[lane]) << (c[lane] & 31) >> 32))
EMU_STEP(shf_r_clamp,
         EMU_C(uint32_t) > 31 ? b[lane] : (uint64_t)(uint32_t)(joined(a[lane], b[lane]) >> (c[lane] & 31)))

static bool bind_funnel(ptx_binder *binder) {
  const bool left = ptx_take(binder, "l");
  if (!left && !ptx_take(binder, "r")) return ptx_refuse(binder, "it lacks .l or .r");
  const bool wrap = ptx_take(binder, "wrap");
  if (!wrap && !ptx_take(binder, "clamp")) return ptx_refuse(binder, "it lacks .wrap or .clamp");
  if (ptx_take_type(binder, 1u << PTX_B32) == PTX_TYPE_NONE) return false;
  binder->out->step = left ? (wrap ? shf_l_wrap() : shf_l_clamp()) : (wrap ? shf_r_wrap() : shf_r_clamp());
  return emu_bind_rows(binder, PTX_B32, (const ptx_type[]){PTX_B32, PTX_B32, PTX_U32}, 3);
}

/* ---- prmt: four of eight bytes ---- */

enum { PRMT_INDEX, PRMT_F4E, PRMT_B4E, PRMT_RC8, PRMT_ECL, PRMT_ECR, PRMT_RC16 };
static const char *const prmt_modes[] = {"f4e", "b4e", "rc8", "ecl", "ecr", "rc16", NULL};

static unsigned selected(uint32_t selector, uint32_t mode, unsigned byte) {
  const unsigned from = selector & 3;
  switch (mode) {
    case PRMT_F4E: return from + byte;
    case PRMT_B4E: return (from - byte) & 7;
    case PRMT_RC8: return from;
    case PRMT_ECL: return byte > from ? byte : from;
    case PRMT_ECR: return byte < from ? byte : from;
    default: return (from & 1) * 2 + (byte & 1);
  }
}
static uint64_t permuted(uint64_t bytes, uint32_t selector, uint32_t mode) {
  uint32_t result = 0;
  for (unsigned i = 0; i < 4; i++) {
    const unsigned which = selected(selector, mode, i);
    const uint32_t byte = bytes >> 8 * which & 0xff;
    result |= byte << 8 * i;
  }
  return result;
}
/* A nibble of the selector: a byte, or its sign alone. */
static inline uint64_t picked(uint64_t bytes, uint64_t selector, unsigned byte) {
  const uint64_t which = selector >> 4 * byte, found = bytes >> 8 * (which & 7) & 0xff;
  const uint64_t sign = (0 - (found >> 7)) & 0xff, is_sign = 0 - (which >> 3 & 1);
  return ((found & ~is_sign) | (sign & is_sign)) << 8 * byte;
}
static inline uint64_t picked_all(uint64_t bytes, uint64_t selector) {
  return picked(bytes, selector, 0) | picked(bytes, selector, 1) | picked(bytes, selector, 2) |
         picked(bytes, selector, 3);
}
EMU_STEP(prmt_index, picked_all(joined(a[lane], b[lane]), c[lane]))
EMU_STEP(prmt, permuted(joined(a[lane], b[lane]), EMU_C(uint32_t), at->flags))

static bool bind_prmt(ptx_binder *binder) {
  if (ptx_take_type(binder, 1u << PTX_B32) == PTX_TYPE_NONE) return false;
  binder->out->flags = (uint32_t)(ptx_take_one(binder, prmt_modes) + 1);
  binder->out->step = binder->out->flags == PRMT_INDEX ? prmt_index() : prmt();
  return emu_bind_rows(binder, PTX_B32, (const ptx_type[]){PTX_B32, PTX_B32, PTX_B32}, 3);
}

const ptx_opcode ptx_opcodes_logic[] = {
    {"and", bind_logic},       {"or", bind_logic},       {"xor", bind_logic},
    {"not", bind_not},         {"cnot", bind_not},       {"lop3", bind_lop3},
    {"shl", bind_shift},       {"shr", bind_shift},      {"shf", bind_funnel},
    {"prmt", bind_prmt},       {"popc", emu_bind_bits},  {"clz", emu_bind_bits},
    {"brev", emu_bind_bits},   {"bfind", emu_bind_bits}, {"fns", emu_bind_field},
    {"bfe", emu_bind_field},   {"bfi", emu_bind_field},  {"bmsk", emu_bind_field},
    {"szext", emu_bind_field}, {"dp4a", emu_bind_dot},   {"dp2a", emu_bind_dot},
    {"set", emu_bind_set},     {"setp", emu_bind_set},   {"selp", emu_bind_select},
    {"slct", emu_bind_select}, {"mov", emu_bind_move},   {NULL, NULL},
};
