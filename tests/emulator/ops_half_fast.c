/* The steps that most instructions of 16-bit floats come to: to nearest, without further flags. In double a
   product of two is exact and so is a sum of f16; where a sum is not, a double has digits enough for a second
   rounding to do no harm, but for that of a product and a third: its last digit is made odd where something
   was cut off. */
#include "tests/emulator/ops_float.h"

#define SIZE(x) ((x) & ~((uint64_t)1 << 63))

static inline double value_f16(uint64_t bits) {
  /* As f32 the digits stand for 2^-112 of their value, and infinity and NaN for 2^16 and more. */
  const float scaled = emu_f32_of((bits & 0x7fff) << 13) * 0x1p112f;
  const uint64_t size = (bits & 0x7c00) == 0x7c00 ? 0x7f800000 | (bits & 0x3ff) << 13 : emu_f32_bits(scaled);
  return (double)emu_f32_of(size | (bits & 0x8000) << 16);
}
static inline double value_bf16(uint64_t bits) { return (double)emu_f32_of((bits & 0xffff) << 16); }

/* `dropped` digits of a double fall away; `least` is the exponent of the smallest normal number. Added to a
   number whose last place is that of the format's subnormal numbers, a size is rounded as they are. */
static inline uint64_t round_to(double x, int dropped, int least, uint64_t infinity) {
  const uint64_t bits = emu_f64_bits(x), size = SIZE(bits), sign = bits >> 48 & 0x8000;
  const uint64_t magic = (uint64_t)(1023 + least + dropped) << 52;
  const uint64_t half = ((uint64_t)1 << (dropped - 1)) - 1 + (size >> dropped & 1);
  const uint64_t normal = (size + half - ((uint64_t)(1023 + least - 1) << 52)) >> dropped;
  const uint64_t subnormal = emu_f64_bits(emu_f64_of(size) + emu_f64_of(magic)) - magic;
  const uint64_t found = (int64_t)size < (int64_t)((uint64_t)(1023 + least) << 52) ? subnormal : normal;
  const uint64_t finite = (int64_t)found < (int64_t)infinity ? found : infinity;
  return x != x ? 0x7fff : (emu_f64_of(size) >= 0x1p200 ? infinity : finite) | sign;
}
static inline uint64_t bits_f16(double x) { return round_to(x, 42, -14, 0x7c00); }
static inline uint64_t bits_bf16(double x) { return round_to(x, 45, -126, 0x7f80); }

/* The sum, its last digit odd where it is not exact. */
static inline double fused(double x, double y, double z) {
  const double product = x * y, sum = product + z, part = sum - product;
  const double rest = (product - (sum - part)) + (z - part);
  const uint64_t bits = emu_f64_bits(sum);
  const uint64_t toward = (rest > 0) == (sum > 0) ? (uint64_t)1 : ~(uint64_t)0;
  const bool is_cut = (rest > 0 || rest < 0) && (bits & 1) == 0;
  return emu_f64_of(is_cut ? bits + toward : bits);
}

#define STEPS(name, format, operation)                                                \
  static inline uint64_t name##_##format(uint64_t a, uint64_t b, uint64_t c) {        \
    const double x = value_##format(a), y = value_##format(b), z = value_##format(c); \
    (void)y, (void)z;                                                                 \
    return bits_##format(operation);                                                  \
  }                                                                                   \
  EMU_STEP(one_##name##_##format, name##_##format(a[lane], b[lane], c[lane]))         \
  EMU_STEP(two_##name##_##format, name##_##format(a[lane], b[lane], c[lane]) |        \
                                      name##_##format(a[lane] >> 16, b[lane] >> 16, c[lane] >> 16) << 16)
#define BOTH(name, operation) \
  STEPS(name, f16, operation) \
  STEPS(name, bf16, operation)
BOTH(add, x + y)
BOTH(sub, x - y)
BOTH(mul, x *y)
BOTH(fma, fused(x, y, z))

ptx_step emu_step_half_fast(emu_operation operation, emu_format format, bool is_pair) {
#define ROW(name)                                                                  \
  {                                                                                \
    {one_##name##_f16, two_##name##_f16}, { one_##name##_bf16, two_##name##_bf16 } \
  }
  static ptx_step (*const steps[][2][2])(void) = {
      [EMU_ADD] = ROW(add), [EMU_SUB] = ROW(sub), [EMU_MUL] = ROW(mul), [EMU_FMA] = ROW(fma)};
  return operation > EMU_FMA ? NULL : steps[operation][format == EMU_FORMAT_BF16][is_pair]();
}

/* Conversions from f32 and to it. */
EMU_STEP(f16_of_f32, bits_f16((double)emu_f32_of(a[lane])))
EMU_STEP(bf16_of_f32, bits_bf16((double)emu_f32_of(a[lane])))
EMU_STEP(f32_of_f16, emu_f32_result((float)value_f16(a[lane])))
EMU_STEP(f32_of_bf16, emu_f32_result((float)value_bf16(a[lane])))

ptx_step emu_step_half_convert_fast(ptx_type to, ptx_type from) {
  if (from == PTX_F32) return to == PTX_F16 ? f16_of_f32() : to == PTX_BF16 ? bf16_of_f32() : NULL;
  if (to == PTX_F32) return from == PTX_F16 ? f32_of_f16() : from == PTX_BF16 ? f32_of_bf16() : NULL;
  return NULL;
}
