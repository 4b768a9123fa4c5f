/* Arithmetic of floats: what the families of f32, f64, of 16-bit floats and of conversions share. */
#ifndef LAZYRT_TESTS_EMULATOR_OPS_FLOAT_H
#define LAZYRT_TESTS_EMULATOR_OPS_FLOAT_H

#include "tests/emulator/lanes.h"
#include "tests/emulator/rounding.h"

typedef enum emu_operation {
  EMU_ADD,
  EMU_SUB,
  EMU_MUL,
  EMU_FMA,
  EMU_DIV,
  EMU_RCP,
  EMU_SQRT,
  EMU_NEG,
  EMU_ABS,
  EMU_MIN,
  EMU_MAX,
  EMU_COPYSIGN,
  /* computed in double and rounded */
  EMU_APPROXIMATE,
  EMU_DIV_APPROXIMATE = EMU_APPROXIMATE,
  EMU_DIV_FULL,
  EMU_RCP_APPROXIMATE,
  EMU_SQRT_APPROXIMATE,
  EMU_RSQRT,
  EMU_SIN,
  EMU_COS,
  EMU_LG2,
  EMU_EX2,
  EMU_TANH,
} emu_operation;

/* ptx_instruction.flags: an emu_rounding, these, an emu_format, an emu_operation. */
enum {
  EMU_ROUNDING_MASK = 7,
  EMU_FTZ = 1 << 3,
  EMU_SAT = 1 << 4,
  EMU_RELU = 1 << 5,
  EMU_NAN = 1 << 6,     /* min and max of a NaN are NaN */
  EMU_XORSIGN = 1 << 7, /* of sizes, and the signs multiply */
  EMU_SIZES = 1 << 8,   /* of sizes */
  EMU_HAS_ROUNDING = 1 << 9,
  EMU_APPROX = 1 << 10,
  EMU_FULL = 1 << 11,
  EMU_SATFINITE = 1 << 12,
  EMU_WHOLE = EMU_NAN, /* of conversions: to a whole number */
  EMU_FORMAT_SHIFT = 13,
  EMU_OPERATION_SHIFT = 16,
};
static inline uint32_t emu_float_flags(emu_operation operation, emu_format format) {
  return (uint32_t)operation << EMU_OPERATION_SHIFT | (uint32_t)format << EMU_FORMAT_SHIFT;
}
static inline emu_operation emu_operation_of(uint32_t flags) {
  return (emu_operation)(flags >> EMU_OPERATION_SHIFT);
}
static inline emu_format emu_format_of(uint32_t flags) { return (emu_format)(flags >> EMU_FORMAT_SHIFT & 7); }

/* A number's operation on bits of its format: any operation, any flags. */
uint64_t emu_compute(uint32_t flags, uint64_t a, uint64_t b, uint64_t c);
/* In double, but not rounded; `bits` of f64 where the operation looks at them. */
double emu_approximate(emu_operation operation, double a, double b);
/* After an operation: .ftz, .sat, .relu. */
uint64_t emu_finish(uint32_t flags, emu_format format, uint64_t bits);

/* The bits of an f32 result. */
static inline uint64_t emu_f32_result(float x) { return x != x ? 0x7fffffff : emu_f32_bits(x); }

/* Steps for every instruction that emu_compute knows: of one number a register, or of two. */
void emu_step_number(emu_warp *warp, const ptx_instruction *at, uint32_t mask);
void emu_step_pair16(emu_warp *warp, const ptx_instruction *at, uint32_t mask);
void emu_step_pair32(emu_warp *warp, const ptx_instruction *at, uint32_t mask);
/* The fast step of an operation to nearest, without further flags; NULL: there is none. Of f32 and f64, with
   .ftz of f32, of halves. */
ptx_step emu_step_fast(emu_operation operation, emu_format format);
ptx_step emu_step_fast_ftz(emu_operation operation);
ptx_step emu_step_half_fast(emu_operation operation, emu_format format, bool is_pair);

/* Takes parts in any order, each once, as long as they are known and `allowed` (flags; roundings other than
   rn need EMU_HAS_ROUNDING): flags with the rounding. */
uint32_t emu_take_flags(ptx_binder *binder, uint32_t allowed);
/* Binds d and `sources` sources, all of one type. */
bool emu_bind_numbers(ptx_binder *binder, ptx_type type, uint32_t sources);

/* Conversions: flags as above, without format and operation; the destination's register in
   ptx_instruction.offset, as a mask of its bits. */
void emu_step_convert(emu_warp *warp, const ptx_instruction *at, uint32_t mask);
void emu_step_convert_two(emu_warp *warp, const ptx_instruction *at, uint32_t mask); /* a and b, packed */
/* The fast step of one without flags but to nearest; NULL: there is none. */
ptx_step emu_step_convert_fast(ptx_type to, ptx_type from);
ptx_step emu_step_convert_cut(ptx_type to, ptx_type from); /* .rzi */
ptx_step emu_step_half_convert_fast(ptx_type to, ptx_type from);

/* Opcodes in several families or of another file. */
bool emu_bind_approximate(ptx_binder *binder);
bool emu_is_eight(const ptx_binder *binder);
bool emu_bind_convert_eight(ptx_binder *binder, uint32_t flags);
bool emu_bind_convert_pack(ptx_binder *binder);

#endif
