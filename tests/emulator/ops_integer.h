/* Arithmetic of integers: what its files share. Rows are zero-extended, so that a step often serves several
   widths. */
#ifndef LAZYRT_TESTS_EMULATOR_OPS_INTEGER_H
#define LAZYRT_TESTS_EMULATOR_OPS_INTEGER_H

#include "tests/emulator/lanes.h"

#define EMU_INT16   (1u << PTX_U16 | 1u << PTX_S16)
#define EMU_INT32   (1u << PTX_U32 | 1u << PTX_S32)
#define EMU_INT64   (1u << PTX_U64 | 1u << PTX_S64)
#define EMU_INTEGER (EMU_INT16 | EMU_INT32 | EMU_INT64)

__extension__ typedef unsigned __int128 emu_u128;
__extension__ typedef __int128 emu_s128;

/* The lane's operands as a C type. */
#define EMU_A(T) ((T)a[lane])
#define EMU_B(T) ((T)b[lane])
#define EMU_C(T) ((T)c[lane])

/* Sets d of `type` and as many sources of theirs as there are; sources that are missing are the first. */
static inline bool emu_bind_rows(ptx_binder *binder, ptx_type result, const ptx_type *types,
                                 uint32_t sources) {
  ptx_instruction *out = binder->out;
  if (!ptx_check_end(binder, sources + 1)) return false;
  out->type = (uint8_t)result;
  out->from = (uint8_t)types[0];
  out->d = ptx_result(binder, 0, result);
  out->a = ptx_source(binder, 1, types[0]);
  out->b = sources > 1 ? ptx_source(binder, 2, types[1]) : out->a;
  out->c = sources > 2 ? ptx_source(binder, 3, types[2]) : out->a;
  return !binder->failed;
}

/* The bits of a type's width. */
static inline uint64_t emu_low_bits(unsigned bits) {
  return bits >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << bits) - 1;
}
static inline unsigned emu_bits_of(ptx_type type) { return 8 * ptx_type_bytes(type); }
static inline int64_t emu_signed(uint64_t value, unsigned bits) {
  return (int64_t)(value << (64 - bits)) >> (64 - bits);
}

bool emu_bind_carry(ptx_binder *binder); /* addc subc madc, and add sub mad with .cc */
/* Opcodes of other files in the families integer and logic. */
bool emu_bind_bits(ptx_binder *binder);
bool emu_bind_field(ptx_binder *binder);
bool emu_bind_dot(ptx_binder *binder);
bool emu_bind_video(ptx_binder *binder);
bool emu_bind_set(ptx_binder *binder);
bool emu_bind_select(ptx_binder *binder);
bool emu_bind_move(ptx_binder *binder);
bool emu_has_part(const ptx_binder *binder, const char *part);

#endif
