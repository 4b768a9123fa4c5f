/* mov: registers, addresses, the clock; several registers packed into one, and one taken apart. */
#include <string.h>
#include <time.h>

#include "tests/emulator/ops_integer.h"

#define MOVED                                                                                     \
  (EMU_INTEGER | 1u << PTX_PRED | 1u << PTX_B16 | 1u << PTX_B32 | 1u << PTX_B64 | 1u << PTX_F32 | \
   1u << PTX_F64)

EMU_STEP(move, a[lane])

/* ---- clocks: nanoseconds, the same for all lanes ---- */

static uint64_t nanoseconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
static void step_clock(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  uint64_t value = nanoseconds(at->flags >= PTX_GLOBALTIMER ? CLOCK_REALTIME : CLOCK_MONOTONIC);
  if (at->flags == PTX_CLOCK_HI || at->flags == PTX_GLOBALTIMER_HI) value >>= 32;
  if (at->flags != PTX_CLOCK64 && at->flags != PTX_GLOBALTIMER) value = (uint32_t)value;
  EMU_EACH_LANE(lane, mask) warp->rows[at->d].lane[lane] = value;
}
static bool bind_clock(ptx_binder *binder, ptx_type type) {
  const ptx_special special = binder->statement->operands[1].special;
  const unsigned bytes = special == PTX_CLOCK64 || special == PTX_GLOBALTIMER ? 8 : 4;
  if (type == PTX_PRED || ptx_type_is_float(type) || ptx_type_bytes(type) != bytes)
    return ptx_refuse(binder, "a clock of another size");
  binder->out->flags = special;
  binder->out->step = step_clock;
  binder->out->d = ptx_result(binder, 0, type);
  return !binder->failed;
}

/* ---- packing ---- */

static void step_pack(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const uint32_t *more = &warp->block->launch->entry->module->ptx->more[at->more];
  EMU_EACH_LANE(lane, mask) {
    uint64_t result = 0;
    for (uint32_t i = 0; i < at->more_count; i++)
      result |= warp->rows[more[i]].lane[lane] << (uint32_t)at->flags * i;
    warp->rows[at->d].lane[lane] = result;
  }
}
static void step_unpack(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const uint32_t *more = &warp->block->launch->entry->module->ptx->more[at->more];
  const uint64_t part = emu_low_bits(at->flags);
  EMU_EACH_LANE(lane, mask) {
    const uint64_t value = warp->rows[at->a].lane[lane]; /* which may be one of the results */
    for (uint32_t i = 0; i < at->more_count; i++)
      warp->rows[more[i]].lane[lane] = value >> at->flags * i & part;
  }
}

/* Two halves, which are the most of them: of 64-bit products, of pairs. */
EMU_STEP(pack_two, a[lane] | b[lane] << at->flags)

#define UNPACK_TWO(name, target)                                                                            \
  target static void name(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {                       \
    const uint64_t *a = warp->rows[at->a].lane, part = emu_low_bits(at->flags);                             \
    uint64_t *low = warp->rows[at->d].lane, *high = warp->rows[at->c].lane, above[PTX_LANES];               \
    if (mask == ~(uint32_t)0) {                                                                             \
      EMU_VECTOR_LOOP for (unsigned lane = 0; lane < PTX_LANES; lane++) above[lane] = a[lane] >> at->flags; \
      EMU_VECTOR_LOOP for (unsigned lane = 0; lane < PTX_LANES; lane++) low[lane] = a[lane] & part;         \
      memcpy(high, above, sizeof above);                                                                    \
    } else {                                                                                                \
      EMU_EACH_LANE(lane, mask) {                                                                           \
        const uint64_t value = a[lane];                                                                     \
        low[lane] = value & part;                                                                           \
        high[lane] = value >> at->flags;                                                                    \
      }                                                                                                     \
    }                                                                                                       \
  }
UNPACK_TWO(unpack_two_v1, )
UNPACK_TWO(unpack_two_v3, EMU_TARGET_V3)
static ptx_step unpack_two(void) { return emu_is_v3() ? unpack_two_v3 : unpack_two_v1; }

/* The type of `count` parts of a type. */
static ptx_type part_of(ptx_type type, uint32_t count) {
  switch (count == 0 ? 0 : emu_bits_of(type) / count) {
    case 8: return PTX_B8;
    case 16: return PTX_B16;
    case 32: return PTX_B32;
    default: return PTX_TYPE_NONE;
  }
}
static bool bind_vector(ptx_binder *binder, ptx_type type) {
  ptx_instruction *out = binder->out;
  const bool packs = binder->statement->operands[1].kind == PTX_OPERAND_VECTOR;
  const ptx_operand *vector = &binder->statement->operands[packs ? 1 : 0];
  const ptx_type part = part_of(type, vector->count);
  if (!(type == PTX_B16 || type == PTX_B32 || type == PTX_B64) || part == PTX_TYPE_NONE ||
      (vector->count != 2 && vector->count != 4))
    return ptx_refuse(binder, "%u registers do not make one of this type", vector->count);
  uint32_t rows[4];
  for (uint32_t i = 0; i < vector->count; i++)
    rows[i] = packs ? ptx_source_operand(binder, &vector->elements[i], part, false)
                    : ptx_result_operand(binder, &vector->elements[i], part, false);
  if (packs) out->d = ptx_result(binder, 0, type);
  else out->a = ptx_source(binder, 1, type);
  out->flags = emu_bits_of(part);
  if (vector->count == 2) {
    out->step = packs ? pack_two() : unpack_two();
    *(packs ? &out->a : &out->d) = rows[0];
    out->b = out->c = rows[1];
  } else {
    out->step = packs ? step_pack : step_unpack;
    for (uint32_t i = 0; i < vector->count; i++) ptx_more(binder, rows[i]);
  }
  return !binder->failed;
}

bool emu_bind_move(ptx_binder *binder) {
  const ptx_type type = ptx_take_type(binder, MOVED);
  if (type == PTX_TYPE_NONE || !ptx_check_end(binder, 2)) return false;
  const ptx_operand *operands = binder->statement->operands;
  binder->out->kind = PTX_CLASS_MOVE;
  binder->out->type = binder->out->from = (uint8_t)type;
  if (operands[1].kind == PTX_OPERAND_SPECIAL && operands[1].special >= PTX_SPECIAL_FIRST_CHANGING)
    return bind_clock(binder, type);
  if (operands[0].kind == PTX_OPERAND_VECTOR || operands[1].kind == PTX_OPERAND_VECTOR)
    return bind_vector(binder, type);
  binder->out->step = move();
  binder->out->d = ptx_result(binder, 0, type);
  binder->out->a = binder->out->b = binder->out->c = ptx_source(binder, 1, type);
  return !binder->failed;
}
