/* Instructions that touch memory: the parts that loads, stores and atomics have in common, and where their
   addresses lie. */
#ifndef LAZYRT_TESTS_EMULATOR_OPS_ACCESS_H
#define LAZYRT_TESTS_EMULATOR_OPS_ACCESS_H

#include "tests/emulator/checks.h"

/* ptx_instruction.flags of them: an emu_access in the low bits, and these. */
enum {
  EMU_ACCESS_MASK = 63,
  EMU_SHORT_ADDRESS = 1 << 6, /* the base is a register of 32 bits, and so is the sum */
};

typedef struct emu_parts {
  emu_access access; /* strong, of a block, acquire, release */
  ptx_space space;
  bool is_constant, has_policy; /* .nc; an operand more */
  unsigned count;               /* of a vector's elements */
} emu_parts;
enum { EMU_TAKES_LOAD = 1, EMU_TAKES_STORE = 2, EMU_TAKES_ATOMIC = 4 };
/* Takes the parts before the operation or the type that an instruction of this kind may have, in any order,
   each kind of part once. Of one that was given parts already it takes those that may follow. */
bool emu_take_parts(ptx_binder *binder, unsigned kind, emu_parts *parts);

/* Binds [a]: its space (memory of a call is the thread's), its access and how its addresses are made. */
bool emu_bind_place(ptx_binder *binder, uint32_t operand, const emu_parts *parts, emu_access access);

static inline uint64_t emu_address_of(const emu_warp *warp, const ptx_instruction *at, unsigned lane) {
  const uint64_t address = warp->rows[at->a].lane[lane] + (uint64_t)at->offset;
  return (at->flags & EMU_SHORT_ADDRESS) != 0 ? (uint32_t)address : address;
}

/* The memory of one lane's access as the instruction has it. */
static inline unsigned char *emu_access_lane(emu_warp *warp, const ptx_instruction *at, unsigned lane,
                                             uint32_t bytes) {
  return emu_access_at(warp, at, lane, (ptx_space)at->space, emu_address_of(warp, at, lane), bytes,
                       at->flags & EMU_ACCESS_MASK);
}

/* The row of a value's low bits, by the size of its type. */
static inline uint64_t emu_low_bits(uint32_t bytes) {
  return bytes >= 8 ? ~UINT64_C(0) : (UINT64_C(1) << bytes * 8) - 1;
}

bool emu_bind_prefetch(ptx_binder *binder); /* ops_memory_hint.c: nothing happens */
bool emu_bind_policy(ptx_binder *binder);
bool emu_bind_hint(ptx_binder *binder);
bool emu_bind_fence(ptx_binder *binder); /* ops_memory_fence.c */
bool emu_bind_cvta(ptx_binder *binder);  /* ops_memory_space.c */
bool emu_bind_isspacep(ptx_binder *binder);

#endif
