/* Two halves or four bytes of a word at once: vadd4 and its kin, of which nvcc's own functions are made.
   Those with masks and selectors of bytes are not known. */
#include <string.h>

#include "tests/emulator/ops_integer.h"

static const char *const operations[] = {"vadd", "vsub", "vavrg", "vabsdiff", "vmin", "vmax", "vset", NULL};
enum { ADD, SUB, AVERAGE, DISTANCE, MIN, MAX, SET };
static const char *const comparisons[] = {"eq", "ne", "lt", "le", "gt", "ge", NULL};
enum { EQ, NE, LT, LE, GT, GE };

/* flags: an operation, a comparison << 3, and: */
enum { OPERATION = 7, COMPARISON_SHIFT = 3, BYTES = 1 << 6, A_SIGNED = 1 << 7, B_SIGNED = 1 << 8 };
enum { SIGNED = 1 << 9, SAT = 1 << 10, SUM = 1 << 11 };

static bool holds(uint32_t comparison, int32_t x, int32_t y) {
  switch (comparison) {
    case EQ: return x == y;
    case NE: return x != y;
    case LT: return x < y;
    case LE: return x <= y;
    case GT: return x > y;
    default: return x >= y;
  }
}

static int32_t result_of(uint32_t flags, int32_t x, int32_t y) {
  switch (flags & OPERATION) {
    case ADD: return x + y;
    case SUB: return x - y;
    case AVERAGE: return (x + y + (x + y >= 0)) >> 1; /* a half goes up */
    case DISTANCE: return x > y ? x - y : y - x;
    case MIN: return x < y ? x : y;
    case MAX: return x > y ? x : y;
    default: return holds(flags >> COMPARISON_SHIFT & 7, x, y);
  }
}

static int32_t part_of(uint64_t word, unsigned bits, unsigned index, bool is_signed) {
  const uint64_t part = word >> bits * index & emu_low_bits(bits);
  return (int32_t)(is_signed ? emu_signed(part, bits) : (int64_t)part);
}

static void step_video(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const uint32_t flags = at->flags;
  const unsigned bits = (flags & BYTES) != 0 ? 8 : 16;
  const int32_t least = (flags & SIGNED) != 0 ? -(1 << (bits - 1)) : 0;
  const int32_t most = least + (1 << bits) - 1;
  EMU_EACH_LANE(lane, mask) {
    uint32_t sum = (uint32_t)warp->rows[at->c].lane[lane], parts = 0;
    for (unsigned i = 0; i < 32 / bits; i++) {
      int32_t part = result_of(flags, part_of(warp->rows[at->a].lane[lane], bits, i, (flags & A_SIGNED) != 0),
                               part_of(warp->rows[at->b].lane[lane], bits, i, (flags & B_SIGNED) != 0));
      sum += (uint32_t)part;
      if ((flags & SAT) != 0) part = part < least ? least : part > most ? most : part;
      parts |= ((uint32_t)part & (uint32_t)emu_low_bits(bits)) << bits * i;
    }
    warp->rows[at->d].lane[lane] = (flags & SUM) != 0 ? sum : parts;
  }
}

bool emu_bind_video(ptx_binder *binder) {
  const char *opcode = binder->statement->opcode;
  const size_t length = strlen(opcode) - 1;
  uint32_t flags = 0;
  while (strncmp(operations[flags], opcode, length) != 0 || operations[flags][length] != 0) flags++;
  const bool is_set = flags == SET;
  if (opcode[length] == '4') flags |= BYTES;
  const ptx_type result = is_set ? PTX_U32 : ptx_take_type(binder, EMU_INT32);
  const ptx_type x = result == PTX_TYPE_NONE ? result : ptx_take_type(binder, EMU_INT32);
  const ptx_type y = x == PTX_TYPE_NONE ? x : ptx_take_type(binder, EMU_INT32);
  if (y == PTX_TYPE_NONE) return false;
  flags |=
      (result == PTX_S32 ? SIGNED : 0u) | (x == PTX_S32 ? A_SIGNED : 0u) | (y == PTX_S32 ? B_SIGNED : 0u);
  if (is_set) {
    const int comparison = ptx_take_one(binder, comparisons);
    if (comparison < 0) return ptx_refuse(binder, "it lacks a comparison");
    flags |= (uint32_t)comparison << COMPARISON_SHIFT;
  }
  if (ptx_take(binder, "add")) flags |= SUM;
  else if (!is_set && ptx_take(binder, "sat")) flags |= SAT;
  binder->out->flags = flags;
  binder->out->step = step_video;
  return emu_bind_rows(binder, PTX_B32, (const ptx_type[]){PTX_B32, PTX_B32, PTX_B32}, 3);
}
