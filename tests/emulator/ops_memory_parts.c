/* The parts of loads, stores and atomics. */
#include <string.h>

#include "tests/emulator/ops_access.h"

enum part_kind {
  SEMANTICS = 1,
  SCOPE = 2,
  SPACE = 4,
  CACHE = 8,
  CONSTANT = 16,
  POLICY = 32,
  PREFETCH = 64,
  VECTOR = 128
};

typedef struct part {
  const char *name;
  uint8_t kind, takers;
  uint16_t value; /* what it means for its kind */
} part;

enum {
  LOAD = EMU_TAKES_LOAD,
  STORE = EMU_TAKES_STORE,
  ATOMIC = EMU_TAKES_ATOMIC,
  ANY = LOAD | STORE | ATOMIC
};

static const part known[] = {
    {"weak", SEMANTICS, LOAD | STORE, 0},
    {"volatile", SEMANTICS, LOAD | STORE, EMU_STRONG},
    {"relaxed", SEMANTICS, ANY, EMU_STRONG},
    {"acquire", SEMANTICS, LOAD | ATOMIC, EMU_STRONG | EMU_ACQUIRE},
    {"release", SEMANTICS, STORE | ATOMIC, EMU_STRONG | EMU_RELEASE},
    {"acq_rel", SEMANTICS, ATOMIC, EMU_STRONG | EMU_ACQUIRE | EMU_RELEASE},
    {"cta", SCOPE, ANY, EMU_OF_BLOCK},
    {"cluster", SCOPE, ANY, EMU_OF_BLOCK}, /* which is of one block where nobody asks for more */
    {"gpu", SCOPE, ANY, 0},
    {"sys", SCOPE, ANY, 0},
    {"ca", CACHE, LOAD, 0},
    {"cg", CACHE, LOAD | STORE, 0},
    {"cs", CACHE, LOAD | STORE, 0},
    {"lu", CACHE, LOAD, 0},
    {"cv", CACHE, LOAD, EMU_STRONG}, /* as volatile */
    {"wb", CACHE, STORE, 0},
    {"wt", CACHE, STORE, 0},
    {"nc", CONSTANT, LOAD, 0},
    {"L1::evict_normal", CACHE, LOAD | STORE, 0},
    {"L1::evict_unchanged", CACHE, LOAD | STORE, 0},
    {"L1::evict_first", CACHE, LOAD | STORE, 0},
    {"L1::evict_last", CACHE, LOAD | STORE, 0},
    {"L1::no_allocate", CACHE, LOAD | STORE, 0},
    {"L2::evict_normal", PREFETCH, LOAD | STORE, 0},
    {"L2::evict_first", PREFETCH, LOAD | STORE, 0},
    {"L2::evict_last", PREFETCH, LOAD | STORE, 0},
    {"L2::cache_hint", POLICY, ANY, 0},
    {"L2::64B", PREFETCH, LOAD, 0},
    {"L2::128B", PREFETCH, LOAD, 0},
    {"L2::256B", PREFETCH, LOAD, 0},
    {"v2", VECTOR, LOAD | STORE, 2},
    {"v4", VECTOR, LOAD | STORE, 4},
    {"v8", VECTOR, LOAD | STORE, 8},
};

static const part *take(ptx_binder *binder, unsigned kind) {
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    if ((known[i].takers & kind) != 0 && ptx_take(binder, known[i].name)) return &known[i];
  }
  return NULL;
}

bool emu_take_parts(ptx_binder *binder, unsigned kind, emu_parts *parts) {
  unsigned taken = 0;
  for (;;) {
    unsigned found;
    const part *one = take(binder, kind);
    if (one != NULL) {
      found = one->kind;
      if (found == VECTOR) parts->count = one->value;
      else parts->access |= one->value;
      parts->is_constant |= found == CONSTANT;
      parts->has_policy |= found == POLICY;
    } else {
      const ptx_space space = ptx_take_space(binder);
      if (space == PTX_GENERIC) return true;
      parts->space = space;
      found = SPACE;
    }
    if ((taken & found) != 0) return ptx_refuse(binder, "two parts of one kind");
    taken |= found;
  }
}

bool emu_bind_place(ptx_binder *binder, uint32_t operand, const emu_parts *parts, emu_access access) {
  ptx_instruction *out = binder->out;
  if (!ptx_address(binder, operand)) return false;
  const ptx_operand *base = binder->statement->operands[operand].elements;
  emu_access strong = parts->access;
  if (((strong | access) & EMU_STRONG) == 0) strong = 0; /* a scope alone */
  ptx_space space = parts->space;
  if (base->kind == PTX_OPERAND_VARIABLE) {
    const ptx_space found = base->variable->space;
    if (space != PTX_GENERIC && space != found)
      return ptx_refuse(binder, "'%.100s' is not in that space", base->variable->name);
    if (base->variable->is_of_call) space = PTX_LOCAL;
    else if (space == PTX_GENERIC) space = found;
  }
  const bool is_read_only = space == PTX_CONST || space == PTX_PARAM;
  if (is_read_only && (access & EMU_WRITE) != 0)
    return ptx_refuse(binder, "what is in that space is read only");
  if (parts->is_constant && space != PTX_GLOBAL) return ptx_refuse(binder, ".nc is of .global memory");
  out->space = (uint8_t)space;
  out->flags = access | strong;
  if (base->kind == PTX_OPERAND_REGISTER && ptx_type_bytes(base->type) == 4) out->flags |= EMU_SHORT_ADDRESS;
  return true;
}
