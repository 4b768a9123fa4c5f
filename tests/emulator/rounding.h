/* Arithmetic with one rounding, in a mode and to a format of one's choice, by integers alone: nothing here
   depends on the thread's rounding mode, nor on a compiler that minds it. */
#ifndef LAZYRT_TESTS_EMULATOR_ROUNDING_H
#define LAZYRT_TESTS_EMULATOR_ROUNDING_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef enum emu_rounding {
  EMU_RN,  /* to nearest, ties to even */
  EMU_RZ,  /* toward zero */
  EMU_RM,  /* toward minus infinity */
  EMU_RP,  /* toward plus infinity */
  EMU_RNA, /* to nearest, ties away from zero */
} emu_rounding;

/* The formats of numbers, their bits as registers have them. tf32 is f32 whose low 13 bits are zero. */
typedef enum emu_format {
  EMU_FORMAT_F16,
  EMU_FORMAT_BF16,
  EMU_FORMAT_TF32,
  EMU_FORMAT_F32,
  EMU_FORMAT_F64,
} emu_format;

static inline float emu_f32_of(uint64_t bits) {
  const uint32_t low = (uint32_t)bits;
  float x;
  memcpy(&x, &low, sizeof x);
  return x;
}
static inline double emu_f64_of(uint64_t bits) {
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}
static inline uint64_t emu_f32_bits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}
static inline uint64_t emu_f64_bits(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

/* The value of a number of any format. A NaN is some NaN. */
double emu_number_of_bits(emu_format format, uint64_t bits);

/* NVIDIA's NaN: 0x7fff, 0x7fffffff; of f64 the one that invalid operations make. */
uint64_t emu_nan(emu_format format);
bool emu_is_subnormal(emu_format format, uint64_t bits);
uint64_t emu_sign_of(emu_format format); /* the bit of the sign */
uint64_t emu_one_of(emu_format format);

/* The bits of a result, rounded once. NaN is emu_nan, but of f64: there a NaN operand goes through, quiet,
   the first if there are several. */
uint64_t emu_round_number(double x, emu_format format, emu_rounding rounding);
uint64_t emu_round_integer(uint64_t magnitude, bool is_negative, emu_format format, emu_rounding rounding);
uint64_t emu_round_sum(double a, double b, emu_format format, emu_rounding rounding);
uint64_t emu_round_product(double a, double b, emu_format format, emu_rounding rounding);
uint64_t emu_round_fused(double a, double b, double c, emu_format format, emu_rounding rounding);
uint64_t emu_round_quotient(double a, double b, emu_format format, emu_rounding rounding);
uint64_t emu_round_root(double a, emu_format format, emu_rounding rounding);

/* To a whole number, which is a double still. */
double emu_round_whole(double x, emu_rounding rounding);

#endif
