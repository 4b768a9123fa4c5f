/* Bits that are counted, found, cut out and put in; products of bytes. */
#include <string.h>

#include "tests/emulator/ops_integer.h"

#define B32_OR_B64 (1u << PTX_B32 | 1u << PTX_B64)

/* ---- popc, clz, brev, bfind ---- */

static uint64_t leading_zeros(uint64_t x, unsigned bits) {
  return x == 0 ? bits : (uint64_t)__builtin_clzll(x) - (64 - bits);
}
static uint64_t reversed(uint64_t x, unsigned bits) {
  uint64_t result = 0;
  for (unsigned i = 0; i < bits; i++) result |= (x >> i & 1) << (bits - 1 - i);
  return result;
}
EMU_STEP(popc, (uint64_t)__builtin_popcountll(a[lane]))
EMU_STEP(clz_32, leading_zeros(a[lane], 32))
EMU_STEP(clz_64, leading_zeros(a[lane], 64))
EMU_STEP(brev_32, reversed(a[lane], 32))
EMU_STEP(brev_64, reversed(a[lane], 64))

/* The highest bit that is not the sign; how far it has to move to the top, with .shiftamt. */
static void step_bfind(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const ptx_type type = (ptx_type)at->from;
  const unsigned bits = emu_bits_of(type);
  EMU_EACH_LANE(lane, mask) {
    uint64_t x = warp->rows[at->a].lane[lane];
    if (ptx_type_is_signed(type) && (x >> (bits - 1) & 1) != 0) x = ~x & emu_low_bits(bits);
    const uint32_t zeros = (uint32_t)leading_zeros(x, bits);
    warp->rows[at->d].lane[lane] = x == 0 ? UINT32_MAX : at->flags != 0 ? zeros : bits - 1 - zeros;
  }
}

bool emu_bind_bits(ptx_binder *binder) {
  const char *opcode = binder->statement->opcode;
  const bool is_bfind = strcmp(opcode, "bfind") == 0, is_brev = strcmp(opcode, "brev") == 0;
  binder->out->flags = is_bfind && ptx_take(binder, "shiftamt");
  const ptx_type type = ptx_take_type(binder, is_bfind ? EMU_INT32 | EMU_INT64 : B32_OR_B64);
  if (type == PTX_TYPE_NONE) return false;
  const bool wide = ptx_type_bytes(type) == 8;
  ptx_step step = opcode[0] == 'p' ? popc() : wide ? clz_64() : clz_32();
  if (is_brev) step = wide ? brev_64() : brev_32();
  if (is_bfind) step = step_bfind;
  binder->out->step = step;
  return emu_bind_rows(binder, is_brev ? type : PTX_U32, (const ptx_type[]){type}, 1);
}

/* ---- fields ---- */

static uint64_t extracted(ptx_type type, uint64_t x, unsigned position, unsigned length) {
  const unsigned bits = emu_bits_of(type), top = bits - 1;
  const unsigned last = position + length - 1 < top ? position + length - 1 : top;
  const uint64_t sign = ptx_type_is_signed(type) && length != 0 ? x >> last & 1 : 0;
  const uint64_t field = position > top ? 0 : x >> position;
  const unsigned kept = position > top ? 0 : length < bits - position ? length : bits - position;
  const uint64_t below = kept >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << kept) - 1;
  return ((field & below) | (sign != 0 ? ~below : 0)) & emu_low_bits(bits);
}
static void step_bfe(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  EMU_EACH_LANE(lane, mask)
  warp->rows[at->d].lane[lane] =
      extracted((ptx_type)at->type, warp->rows[at->a].lane[lane], warp->rows[at->b].lane[lane] & 0xff,
                warp->rows[at->c].lane[lane] & 0xff);
}

/* a into b at c, d bits of it; d's row is the only one of `more`. */
static void step_bfi(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const ptx_row *lengths = &warp->rows[warp->block->launch->entry->module->ptx->more[at->more]];
  const unsigned bits = emu_bits_of((ptx_type)at->type);
  EMU_EACH_LANE(lane, mask) {
    const unsigned position = warp->rows[at->c].lane[lane] & 0xff, length = lengths->lane[lane] & 0xff;
    const uint64_t x = warp->rows[at->a].lane[lane], y = warp->rows[at->b].lane[lane];
    const uint64_t field = position >= bits ? 0 : emu_low_bits(length) << position & emu_low_bits(bits);
    warp->rows[at->d].lane[lane] = (y & ~field) | ((position >= bits ? 0 : x << position) & field);
  }
}

/* The b-th bit (from 1 up, or from -1 down) of those set in a, counted from position b: base, offset. */
static uint32_t nth_set(uint32_t x, uint32_t base, int32_t offset) {
  if (base > 31) return UINT32_MAX;
  if (offset == 0) return x >> base & 1 ? base : UINT32_MAX;
  const int32_t step = offset > 0 ? 1 : -1;
  uint32_t left = offset > 0 ? (uint32_t)offset : 0 - (uint32_t)offset;
  for (int32_t at = (int32_t)base; at >= 0 && at < 32; at += step)
    if ((x >> at & 1) != 0 && --left == 0) return (uint32_t)at;
  return UINT32_MAX;
}
EMU_STEP(fns, nth_set(EMU_A(uint32_t), EMU_B(uint32_t), EMU_C(int32_t)))

enum { WRAPS = 1 };
static uint64_t bit_mask(uint32_t position, uint32_t width, bool wraps) {
  if (wraps) {
    position &= 31;
    width &= 31;
  } else if (position > 31) {
    return 0;
  }
  return (uint32_t)(emu_low_bits(width > 32 ? 32 : width) << position);
}
EMU_STEP(bmsk, bit_mask(EMU_A(uint32_t), EMU_B(uint32_t), at->flags == WRAPS))

static uint64_t extended(uint64_t x, uint32_t width, bool wraps, bool is_signed) {
  if (wraps) width &= 31;
  if (width > 31) return x; /* of 32 bits, all are there */
  if (width == 0) return 0;
  const uint64_t low = x & emu_low_bits(width);
  return is_signed ? (uint32_t)emu_signed(low, width) : low;
}
EMU_STEP(szext, extended(a[lane], EMU_B(uint32_t), at->flags == WRAPS, at->type == PTX_S32))

bool emu_bind_field(ptx_binder *binder) {
  const char *opcode = binder->statement->opcode;
  ptx_instruction *out = binder->out;
  const bool is_mask = strcmp(opcode, "bmsk") == 0, is_szext = strcmp(opcode, "szext") == 0;
  if (is_mask || is_szext) {
    const bool wraps = ptx_take(binder, "wrap");
    if (!wraps && !ptx_take(binder, "clamp")) return ptx_refuse(binder, "it lacks .wrap or .clamp");
    const ptx_type type = ptx_take_type(binder, is_mask ? 1u << PTX_B32 : EMU_INT32);
    out->flags = wraps ? WRAPS : 0;
    out->step = is_mask ? bmsk() : szext();
    return type != PTX_TYPE_NONE && emu_bind_rows(binder, type, (const ptx_type[]){type, PTX_U32}, 2);
  }
  if (strcmp(opcode, "fns") == 0) {
    out->step = fns();
    return ptx_take_type(binder, 1u << PTX_B32) != PTX_TYPE_NONE &&
           emu_bind_rows(binder, PTX_B32, (const ptx_type[]){PTX_B32, PTX_B32, PTX_S32}, 3);
  }
  if (strcmp(opcode, "bfe") == 0) {
    const ptx_type type = ptx_take_type(binder, EMU_INT32 | EMU_INT64);
    out->step = step_bfe;
    return type != PTX_TYPE_NONE &&
           emu_bind_rows(binder, type, (const ptx_type[]){type, PTX_U32, PTX_U32}, 3);
  }
  const ptx_type type = ptx_take_type(binder, B32_OR_B64);
  if (type == PTX_TYPE_NONE || !ptx_check_end(binder, 5)) return false;
  out->step = step_bfi;
  out->type = out->from = (uint8_t)type;
  out->d = ptx_result(binder, 0, type);
  out->a = ptx_source(binder, 1, type);
  out->b = ptx_source(binder, 2, type);
  out->c = ptx_source(binder, 3, PTX_U32);
  ptx_more(binder, ptx_source(binder, 4, PTX_U32));
  return !binder->failed;
}

/* ---- dp4a, dp2a: c and products of the bytes of b with bytes, or halves, of a ---- */

enum { A_SIGNED = 1, B_SIGNED = 2, TWO = 4, UPPER = 8 };
static void step_dot(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const bool two = (at->flags & TWO) != 0;
  const unsigned a_bits = two ? 16 : 8, upper = (at->flags & UPPER) != 0 ? 2 : 0;
  EMU_EACH_LANE(lane, mask) {
    uint64_t sum = warp->rows[at->c].lane[lane];
    for (unsigned i = 0; i < (two ? 2u : 4u); i++) {
      const uint64_t x = warp->rows[at->a].lane[lane] >> a_bits * i & emu_low_bits(a_bits);
      const uint64_t y = warp->rows[at->b].lane[lane] >> 8 * (i + upper) & 0xff;
      sum += (uint64_t)(((at->flags & A_SIGNED) != 0 ? emu_signed(x, a_bits) : (int64_t)x) *
                        ((at->flags & B_SIGNED) != 0 ? emu_signed(y, 8) : (int64_t)y));
    }
    warp->rows[at->d].lane[lane] = (uint32_t)sum;
  }
}
bool emu_bind_dot(ptx_binder *binder) {
  uint32_t flags = 0;
  if (binder->statement->opcode[2] == '2') {
    flags |= TWO;
    if (ptx_take(binder, "hi")) flags |= UPPER;
    else if (!ptx_take(binder, "lo")) return ptx_refuse(binder, "it lacks .lo or .hi");
  }
  const ptx_type x = ptx_take_type(binder, EMU_INT32),
                 y = x == PTX_TYPE_NONE ? x : ptx_take_type(binder, EMU_INT32);
  if (y == PTX_TYPE_NONE) return false;
  flags |= (x == PTX_S32 ? A_SIGNED : 0u) | (y == PTX_S32 ? B_SIGNED : 0u);
  const ptx_type sum = x == PTX_S32 || y == PTX_S32 ? PTX_S32 : PTX_U32;
  binder->out->flags = flags;
  binder->out->step = step_dot;
  return emu_bind_rows(binder, sum, (const ptx_type[]){PTX_B32, PTX_B32, sum}, 3);
}
