/* The steps that most instructions of floats come to: f32 and f64, to nearest, subnormal numbers and all, by
   the machine's own arithmetic. NaN is as emu_compute makes it. */
#include <math.h>

#include "tests/emulator/ops_float.h"

/* The machine's NaN depends on the order in which a compiler puts operands. */
static inline uint64_t bits64(double x, uint64_t a, uint64_t b, uint64_t c) {
  const uint64_t quiet = (uint64_t)1 << 51;
  const double nan_a = emu_f64_of(a), nan_b = emu_f64_of(b), nan_c = emu_f64_of(c);
  const uint64_t third = nan_c != nan_c ? c | quiet : 0xfff8000000000000;
  const uint64_t second = nan_b != nan_b ? b | quiet : third;
  const uint64_t first = nan_a != nan_a ? a | quiet : second;
  return x != x ? first : emu_f64_bits(x);
}

#define A32 emu_f32_of(a[lane])
#define B32 emu_f32_of(b[lane])
#define C32 emu_f32_of(c[lane])
EMU_STEP(add_f32, emu_f32_result(A32 + B32))
EMU_STEP(sub_f32, emu_f32_result(A32 - B32))
EMU_STEP(mul_f32, emu_f32_result(A32 *B32))
EMU_STEP(fma_f32, emu_f32_result(fmaf(A32, B32, C32)))
EMU_STEP(div_f32, emu_f32_result(A32 / B32))
EMU_STEP(rcp_f32, emu_f32_result(1.f / A32))
EMU_STEP(sqrt_f32, emu_f32_result(sqrtf(A32)))
EMU_STEP(neg_f32, (a[lane] & 0xffffffff) ^ 0x80000000)
EMU_STEP(abs_f32, a[lane] & 0x7fffffff)
EMU_STEP(copysign_f32, (b[lane] & 0x7fffffff) | (a[lane] & 0x80000000))

/* Of equal numbers, 0 and -0 differ: the bits of both, or what they share. */
static inline uint64_t min32(uint64_t a, uint64_t b) {
  const float x = emu_f32_of(a), y = emu_f32_of(b);
  const uint64_t numbers = x < y ? a : x > y ? b : a | b;
  return (x != x ? y != y ? 0x7fffffff : b : y != y ? a : numbers) & 0xffffffff;
}
static inline uint64_t max32(uint64_t a, uint64_t b) {
  const float x = emu_f32_of(a), y = emu_f32_of(b);
  const uint64_t numbers = x > y ? a : x < y ? b : a & b;
  return (x != x ? y != y ? 0x7fffffff : b : y != y ? a : numbers) & 0xffffffff;
}
EMU_STEP(min_f32, min32(a[lane], b[lane]))
EMU_STEP(max_f32, max32(a[lane], b[lane]))

#define A64 emu_f64_of(a[lane])
#define B64 emu_f64_of(b[lane])
#define C64 emu_f64_of(c[lane])
EMU_STEP(add_f64, bits64(A64 + B64, a[lane], b[lane], 0))
EMU_STEP(sub_f64, bits64(A64 - B64, a[lane], b[lane], 0))
EMU_STEP(mul_f64, bits64(A64 *B64, a[lane], b[lane], 0))
EMU_STEP(fma_f64, bits64(fma(A64, B64, C64), a[lane], b[lane], c[lane]))
EMU_STEP(div_f64, bits64(A64 / B64, a[lane], b[lane], 0))
EMU_STEP(rcp_f64, bits64(1. / A64, a[lane], 0, 0))
EMU_STEP(sqrt_f64, bits64(sqrt(A64), a[lane], 0, 0))
EMU_STEP(neg_f64, a[lane] ^ (uint64_t)1 << 63)
EMU_STEP(abs_f64, a[lane] & ~((uint64_t)1 << 63))
EMU_STEP(copysign_f64, (b[lane] & ~((uint64_t)1 << 63)) | (a[lane] & (uint64_t)1 << 63))

static inline uint64_t min64(uint64_t a, uint64_t b) {
  const double x = emu_f64_of(a), y = emu_f64_of(b);
  const uint64_t numbers = x < y ? a : x > y ? b : a | b;
  return x != x ? y != y ? 0xfff8000000000000 : b : y != y ? a : numbers;
}
static inline uint64_t max64(uint64_t a, uint64_t b) {
  const double x = emu_f64_of(a), y = emu_f64_of(b);
  const uint64_t numbers = x > y ? a : x < y ? b : a & b;
  return x != x ? y != y ? 0xfff8000000000000 : b : y != y ? a : numbers;
}
EMU_STEP(min_f64, min64(a[lane], b[lane]))
EMU_STEP(max_f64, max64(a[lane], b[lane]))

ptx_step emu_step_fast(emu_operation operation, emu_format format) {
  static ptx_step (*const steps[][2])(void) = {
      [EMU_ADD] = {add_f32, add_f64},    [EMU_SUB] = {sub_f32, sub_f64},
      [EMU_MUL] = {mul_f32, mul_f64},    [EMU_FMA] = {fma_f32, fma_f64},
      [EMU_DIV] = {div_f32, div_f64},    [EMU_RCP] = {rcp_f32, rcp_f64},
      [EMU_SQRT] = {sqrt_f32, sqrt_f64}, [EMU_NEG] = {neg_f32, neg_f64},
      [EMU_ABS] = {abs_f32, abs_f64},    [EMU_MIN] = {min_f32, min_f64},
      [EMU_MAX] = {max_f32, max_f64},    [EMU_COPYSIGN] = {copysign_f32, copysign_f64},
  };
  if (operation >= EMU_APPROXIMATE || (format != EMU_FORMAT_F32 && format != EMU_FORMAT_F64)) return NULL;
  return steps[operation][format == EMU_FORMAT_F64]();
}

/* ---- .ftz ---- */

static inline uint64_t flush(uint64_t bits) {
  return (bits & 0x7f800000) == 0 ? bits & 0x80000000 : bits & 0xffffffff;
}
#define A_FTZ emu_f32_of(flush(a[lane]))
#define B_FTZ emu_f32_of(flush(b[lane]))
#define C_FTZ emu_f32_of(flush(c[lane]))
EMU_STEP(add_ftz, flush(emu_f32_result(A_FTZ + B_FTZ)))
EMU_STEP(sub_ftz, flush(emu_f32_result(A_FTZ - B_FTZ)))
EMU_STEP(mul_ftz, flush(emu_f32_result(A_FTZ *B_FTZ)))
EMU_STEP(fma_ftz, flush(emu_f32_result(fmaf(A_FTZ, B_FTZ, C_FTZ))))

ptx_step emu_step_fast_ftz(emu_operation operation) {
  static ptx_step (*const steps[])(void) = {
      [EMU_ADD] = add_ftz, [EMU_SUB] = sub_ftz, [EMU_MUL] = mul_ftz, [EMU_FMA] = fma_ftz};
  return operation > EMU_FMA ? NULL : steps[operation]();
}
