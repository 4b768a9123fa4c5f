/* Extended precision: a carry goes from instruction to instruction, a bit for each lane of the warp. */
#include <string.h>

#include "tests/emulator/ops_integer.h"

enum { TAKES = 1, GIVES = 2, SUBTRACTS = 4, MULTIPLIES = 8, HIGH = 16 };

/* What is added to c: a product's low or high half. */
static uint64_t product_of(const ptx_instruction *at, uint64_t x, uint64_t y, unsigned bits) {
  emu_u128 product = (emu_u128)x * y;
  if (ptx_type_is_signed((ptx_type)at->type))
    product = (emu_u128)((emu_s128)emu_signed(x, bits) * emu_signed(y, bits));
  return (uint64_t)((at->flags & HIGH) != 0 ? product >> bits : product) & emu_low_bits(bits);
}

static void step_carry(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const unsigned bits = emu_bits_of((ptx_type)at->type);
  EMU_EACH_LANE(lane, mask) {
    uint64_t x = warp->rows[at->a].lane[lane], y = warp->rows[at->b].lane[lane];
    if ((at->flags & MULTIPLIES) != 0) {
      x = product_of(at, x, y, bits);
      y = warp->rows[at->c].lane[lane];
    }
    const uint64_t in = (at->flags & TAKES) != 0 ? warp->carry >> lane & 1 : 0;
    /* a borrow is the carry of a difference: one bit above it */
    const emu_u128 wide = (at->flags & SUBTRACTS) != 0 ? (emu_u128)x - y - in : (emu_u128)x + y + in;
    if ((at->flags & GIVES) != 0)
      warp->carry = (warp->carry & ~(1u << lane)) | (uint32_t)(wide >> bits & 1) << lane;
    warp->rows[at->d].lane[lane] = (uint64_t)wide & emu_low_bits(bits);
  }
}

bool emu_bind_carry(ptx_binder *binder) {
  const char *opcode = binder->statement->opcode;
  const bool is_mad = strncmp(opcode, "mad", 3) == 0;
  uint32_t flags = opcode[strlen(opcode) - 1] == 'c' ? TAKES : 0;
  if (strncmp(opcode, "sub", 3) == 0) flags |= SUBTRACTS;
  if (is_mad) {
    flags |= MULTIPLIES;
    if (ptx_take(binder, "hi")) flags |= HIGH;
    else if (!ptx_take(binder, "lo")) return ptx_refuse(binder, "it lacks .lo or .hi");
  }
  if (ptx_take(binder, "cc")) flags |= GIVES;
  const ptx_type type = ptx_take_type(binder, EMU_INT32 | EMU_INT64);
  if (type == PTX_TYPE_NONE) return false;
  binder->out->flags = flags;
  binder->out->step = step_carry;
  return emu_bind_rows(binder, type, (const ptx_type[]){type, type, type}, is_mad ? 3 : 2);
}
