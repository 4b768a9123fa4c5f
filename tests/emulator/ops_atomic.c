/* Atomics: atom and red. The lanes of a warp take their turns in order. Other threads of the host may be at
   the same memory, so that each is one of the host too. */
#include <string.h>

#include "tests/emulator/lanes.h"
#include "tests/emulator/ops_access.h"
#include "tests/emulator/ops_float.h"

typedef enum operation {
  ATOMIC_ADD,
  ATOMIC_MIN,
  ATOMIC_MAX,
  ATOMIC_INC,
  ATOMIC_DEC,
  ATOMIC_AND,
  ATOMIC_OR,
  ATOMIC_XOR,
  ATOMIC_EXCH,
  ATOMIC_CAS,
} operation;
static const char *const operation_names[] = {"add", "min", "max",  "inc", "dec", "and",
                                              "or",  "xor", "exch", "cas", NULL};

/* ptx_instruction.more: rows of operand b and of c; of a vector, d and b of each element. `from`: the
   operation. */

static bool is_less(ptx_type type, uint64_t x, uint64_t y) {
  switch (type) {
    case PTX_S32: return (int32_t)x < (int32_t)y;
    case PTX_S64: return (int64_t)x < (int64_t)y;
    default: return x < y;
  }
}

/* Sums of floats; f32 in global memory knows no subnormal numbers. */
static uint64_t number_result(ptx_type type, operation what, bool flushes, uint64_t x, uint64_t y) {
  const emu_operation which = what == ATOMIC_ADD ? EMU_ADD : what == ATOMIC_MIN ? EMU_MIN : EMU_MAX;
  emu_format format;
  switch (type) {
    case PTX_F64: format = EMU_FORMAT_F64; break;
    case PTX_F16:
    case PTX_F16X2: format = EMU_FORMAT_F16; break;
    case PTX_BF16:
    case PTX_BF16X2: format = EMU_FORMAT_BF16; break;
    default: format = EMU_FORMAT_F32; break;
  }
  const uint32_t flags = emu_float_flags(which, format) | (flushes ? EMU_FTZ : 0u);
  if (type != PTX_F16X2 && type != PTX_BF16X2) return emu_compute(flags, x, y, 0);
  return emu_compute(flags, x & 0xffff, y & 0xffff, 0) | emu_compute(flags, x >> 16, y >> 16, 0) << 16;
}

/* What is stored where `old` was. */
static uint64_t result_of(ptx_type type, operation what, bool flushes, uint64_t old, uint64_t b, uint64_t c) {
  if (ptx_type_is_float(type) && what != ATOMIC_EXCH) return number_result(type, what, flushes, old, b);
  switch (what) {
    case ATOMIC_ADD: return old + b;
    case ATOMIC_MIN: return is_less(type, b, old) ? b : old;
    case ATOMIC_MAX: return is_less(type, old, b) ? b : old;
    case ATOMIC_INC: return old >= b ? 0 : old + 1;
    case ATOMIC_DEC: return old == 0 || old > b ? b : old - 1;
    case ATOMIC_AND: return old & b;
    case ATOMIC_OR: return old | b;
    case ATOMIC_XOR: return old ^ b;
    case ATOMIC_EXCH: return b;
    case ATOMIC_CAS: return old == b ? c : old;
  }
  return old;
}

#define EMU_UPDATE(bits)                                                                               \
  static uint64_t update_##bits(void *memory, ptx_type type, operation what, bool flushes, uint64_t b, \
                                uint64_t c) {                                                          \
    uint##bits##_t *at = memory, old = __atomic_load_n(at, __ATOMIC_RELAXED), made;                    \
    do made = (uint##bits##_t)result_of(type, what, flushes, old, b, c);                               \
    while (!__atomic_compare_exchange_n(at, &old, made, true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));    \
    return old;                                                                                        \
  }
EMU_UPDATE(16)
EMU_UPDATE(32)
EMU_UPDATE(64)

static uint64_t update(void *memory, const ptx_instruction *at, bool flushes, uint64_t b, uint64_t c) {
  const ptx_type type = (ptx_type)at->type;
  const operation what = (operation)at->from;
  switch (ptx_type_bytes(type)) {
    case 2: return update_16(memory, type, what, flushes, b, c);
    case 4: return update_32(memory, type, what, flushes, b, c);
    default: return update_64(memory, type, what, flushes, b, c);
  }
}

static bool flushes_at(const emu_warp *warp, const ptx_instruction *at, unsigned lane) {
  if (at->type != PTX_F32 || at->space == PTX_SHARED) return false;
  return (emu_address_of(warp, at, lane) & EMU_WINDOW_MASK) != EMU_WINDOW_SHARED;
}

static void step_atomic(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const uint32_t bytes = ptx_type_bytes((ptx_type)at->type);
  const uint64_t *b = warp->rows[at->b].lane, *c = warp->rows[at->c].lane;
  EMU_EACH_LANE(lane, mask) {
    unsigned char *memory = emu_access_lane(warp, at, lane, bytes);
    if (memory == NULL) return;
    const uint64_t old = update(memory, at, flushes_at(warp, at, lane), b[lane], c[lane]);
    if (at->d != PTX_NO_ROW) warp->rows[at->d].lane[lane] = old;
  }
}

/* Of a vector each element is an atomic access of its own. */
static void step_atomic_vector(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const uint32_t *rows = emu_more_rows(warp, at), bytes = ptx_type_bytes((ptx_type)at->type);
  const uint32_t count = at->more_count / 2u;
  EMU_EACH_LANE(lane, mask) {
    const uint64_t address = emu_address_of(warp, at, lane);
    if (address % (bytes * (uint64_t)count) != 0) {
      emu_tell(warp, at, lane, EMU_MISALIGNED, "an access of %u bytes at %#llx", bytes * count,
               (unsigned long long)address);
      return;
    }
    uint64_t old[8];
    for (uint32_t i = 0; i < count; i++) {
      void *memory = emu_access_at(warp, at, lane, (ptx_space)at->space, address + (uint64_t)i * bytes, bytes,
                                   at->flags & EMU_ACCESS_MASK);
      if (memory == NULL) return;
      old[i] = update(memory, at, flushes_at(warp, at, lane), warp->rows[rows[2 * i + 1]].lane[lane], 0);
    }
    for (uint32_t i = 0; i < count; i++)
      if (rows[2 * i] != PTX_NO_ROW) warp->rows[rows[2 * i]].lane[lane] = old[i];
  }
}

/* ---- binding ---- */

#define BIT(type) (1u << PTX_##type)
enum {
  UNSIGNED = 1 << PTX_U32 | 1 << PTX_U64,
  SIGNED = 1 << PTX_S32 | 1 << PTX_S64,
  BITS = 1 << PTX_B32 | 1 << PTX_B64,
  HALVES = 1 << PTX_F16 | 1 << PTX_F16X2 | 1 << PTX_BF16 | 1 << PTX_BF16X2,
};

static uint32_t types_of(operation what, bool is_red, bool is_vector) {
  if (is_vector) return HALVES | (what == ATOMIC_ADD ? BIT(F32) : 0u);
  switch (what) {
    case ATOMIC_ADD: return UNSIGNED | BIT(S32) | BIT(S64) | BIT(F32) | BIT(F64) | HALVES;
    case ATOMIC_MIN:
    case ATOMIC_MAX: return UNSIGNED | SIGNED;
    case ATOMIC_INC:
    case ATOMIC_DEC: return BIT(U32);
    case ATOMIC_EXCH: return is_red ? 0 : BITS | UNSIGNED | SIGNED | BIT(F32) | BIT(F64);
    case ATOMIC_CAS: return is_red ? 0 : BITS | UNSIGNED | SIGNED | BIT(B16) | BIT(U16);
    default: return BITS | UNSIGNED | SIGNED;
  }
}

static unsigned take_vector(ptx_binder *binder) {
  static const char *const names[] = {"v2", "v4", "v8", NULL};
  const int which = ptx_take_one(binder, names);
  return which < 0 ? 0 : 2u << which;
}

static bool bind_vector(ptx_binder *binder, bool is_red, ptx_type type, unsigned count) {
  const ptx_operand *operands = binder->statement->operands;
  const ptx_operand *d = is_red ? NULL : &operands[0], *b = &operands[is_red ? 1 : 2];
  if (b->kind != PTX_OPERAND_VECTOR || b->count != count ||
      (d != NULL && (d->kind != PTX_OPERAND_VECTOR || d->count != count)))
    return ptx_refuse(binder, "vectors of %u are wanted", count);
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t result = d == NULL ? PTX_NO_ROW : ptx_result_operand(binder, &d->elements[i], type, false);
    const uint32_t source = ptx_source_operand(binder, &b->elements[i], type, false);
    if (source == PTX_NO_ROW || (d != NULL && result == PTX_NO_ROW)) return false;
    ptx_more(binder, result);
    ptx_more(binder, source);
  }
  binder->out->step = step_atomic_vector;
  return true;
}

static bool bind_one(ptx_binder *binder, bool is_red, ptx_type type) {
  ptx_instruction *out = binder->out;
  const uint32_t first = is_red ? 1 : 2;
  out->step = step_atomic;
  out->d = is_red ? PTX_NO_ROW : ptx_result(binder, 0, type);
  out->b = ptx_source(binder, first, type);
  out->c = out->from == ATOMIC_CAS ? ptx_source(binder, first + 1, type) : out->b;
  return out->b != PTX_NO_ROW && out->c != PTX_NO_ROW && (is_red || out->d != PTX_NO_ROW);
}

/* atom{.sem}{.scope}{.space}.op{.noftz}{.L2::cache_hint}{.vec}.type d, [a], b{, c}{, policy}; red has no d.
   The parts before the type may follow the operation as well. */
static bool bind_atomic(ptx_binder *binder, bool is_red) {
  ptx_instruction *out = binder->out;
  emu_parts parts = {0}, later = {0};
  out->kind = PTX_CLASS_ATOMIC;
  if (!emu_take_parts(binder, EMU_TAKES_ATOMIC, &parts)) return false;
  const int found = ptx_take_one(binder, operation_names);
  if (found < 0) return ptx_refuse(binder, "an operation that is not supported");
  const operation what = (operation)found;
  bool is_exact = ptx_take(binder, "noftz");
  if (!emu_take_parts(binder, EMU_TAKES_ATOMIC, &later)) return false;
  is_exact |= ptx_take(binder, "noftz");
  const unsigned count = take_vector(binder);
  const ptx_type type = ptx_take_type(binder, types_of(what, is_red, count != 0));
  if (type == PTX_TYPE_NONE) return false;
  if (is_exact != ((HALVES >> type & 1) != 0)) return ptx_refuse(binder, ".noftz goes with halves");
  parts.access |= later.access;
  parts.has_policy |= later.has_policy;
  if (later.space != PTX_GENERIC) parts.space = later.space;
  if (parts.space != PTX_GENERIC && parts.space != PTX_GLOBAL && parts.space != PTX_SHARED)
    return ptx_refuse(binder, "atomics are of global and shared memory");
  if (count != 0 && parts.space != PTX_GLOBAL) return ptx_refuse(binder, "vectors are of global memory");
  const uint32_t operands = (is_red ? 2u : 3u) + (what == ATOMIC_CAS);
  if (!ptx_check_end(binder, operands + parts.has_policy)) return false;
  out->type = (uint8_t)type;
  out->from = (uint8_t)what;
  if (!emu_bind_place(binder, is_red ? 0 : 1, &parts, EMU_ATOMIC)) return false;
  if (parts.has_policy && ptx_source(binder, operands, PTX_B64) == PTX_NO_ROW) return false;
  return count != 0 ? bind_vector(binder, is_red, type, count) : bind_one(binder, is_red, type);
}

static bool bind_atom(ptx_binder *binder) { return bind_atomic(binder, false); }
static bool bind_red(ptx_binder *binder) { return bind_atomic(binder, true); }

const ptx_opcode ptx_opcodes_atomic[] = {{"atom", bind_atom}, {"red", bind_red}, {NULL, NULL}};
