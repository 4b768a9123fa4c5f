/* For tests of matrix instructions: the PTX of a kernel of one warp, and elements of matrices. */
#ifndef LAZYRT_TESTS_EMULATOR_MATRIX_H
#define LAZYRT_TESTS_EMULATOR_MATRIX_H

#include <stdarg.h>
#include <stdio.h>

#include "kernels/number.cuh"
#include "tests/emulator_rig.h"

/* ---- PTX of a kernel of one warp ---- */

typedef struct ptx_text {
  char at[1 << 16];
  size_t count;
} ptx_text;

static inline LAZY_PRINTF(2, 3) void add(ptx_text *to, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  to->count += (size_t)vsnprintf(to->at + to->count, sizeof to->at - to->count, format, arguments);
  va_end(arguments);
}

/* Four buffers: addresses in %p0 to %p3, and the lane in %lane. */
static inline void begin(ptx_text *to) {
  to->count = 0;
  add(to,
      ".version 8.7\n.target sm_90\n.address_size 64\n.extern .shared .align 128 .b8 room[];\n"
      ".visible .entry kernel(.param .u64 p0, .param .u64 p1, .param .u64 p2, .param .u64 p3)\n{\n"
      ".reg .pred %%q<8>;\n.reg .b32 %%lane, %%x<96>, %%a<16>, %%b<16>, %%c<16>, %%d<16>;\n"
      ".reg .f32 %%fc<16>, %%fd<16>;\n.reg .f64 %%ga<16>, %%gb<16>, %%gc<16>, %%gd<16>;\n"
      ".reg .b64 %%p<4>, %%at, %%y<16>;\nmov.u32 %%lane, %%tid.x;\n");
  for (int i = 0; i < 4; i++) add(to, "ld.param.u64 %%p%d, [p%d];\n", i, i);
}

static inline void end(ptx_text *to) { add(to, "ret;\n}\n"); }

/* A lane's registers lie one after another. */
static inline void move(ptx_text *to, bool is_store, const char *name, int buffer, int registers, int bytes) {
  add(to, "mad.wide.u32 %%at, %%lane, %d, %%p%d;\n", registers * bytes, buffer);
  for (int i = 0; i < registers; i++) {
    if (is_store) add(to, "st.global.b%d [%%at+%d], %%%s%d;\n", bytes * 8, i * bytes, name, i);
    else add(to, "ld.global.b%d %%%s%d, [%%at+%d];\n", bytes * 8, name, i, i * bytes);
  }
}

static inline void list(ptx_text *to, const char *name, int registers) {
  for (int i = 0; i < registers; i++) add(to, "%s%%%s%d", i == 0 ? "{" : ", ", name, i);
  add(to, "}");
}

/* Ends the text and runs it on one warp: three buffers in, one out, with 0xa5 under it. */
typedef struct matrix_buffers {
  const void *in[3];
  size_t bytes[3], out_bytes;
  void *out;
} matrix_buffers;
static inline bool run_text(check_env *env, const char *target, ptx_text *text, matrix_buffers of) {
  emu_rig rig;
  end(text);
  if (!rig_open(&rig, env, target, text->at)) return false;
  lazy_driver_address in[3], out = rig_put(&rig, memset(of.out, 0xa5, of.out_bytes), of.out_bytes);
  for (int i = 0; i < 3; i++) in[i] = rig_put(&rig, of.in[i], of.bytes[i]);
  rig_shape line = RIG_LINE(1, 32);
  line.shared_bytes = 1 << 13;
  const bool held = RIG_RUN(&rig, "kernel", line, &in[0], &in[1], &in[2], &out);
  rig_get(&rig, of.out, out, of.out_bytes);
  rig_close(&rig);
  return held;
}

/* ---- numbers ---- */

enum number { F16, BF16, TF32, F32, F64, S32, S8, U8, S4, U4, B1, E4M3, E5M2 };
static const struct {
  const char *name;
  int bits;
} numbers[] = {{"f16", 16}, {"bf16", 16}, {"tf32", 32}, {"f32", 32}, {"f64", 64}, {"s32", 32}, {"s8", 8},
               {"u8", 8},   {"s4", 4},    {"u4", 4},    {"b1", 1},   {"e4m3", 8}, {"e5m2", 8}};

static inline const char *letters(enum number number, bool is_c) {
  return number == F64 ? "g" : number == F32 && is_c ? "f" : "";
}

/* Small whole numbers, of which every type has some. */
static inline int64_t any_whole(check_env *env, enum number number) {
  switch (number) {
    case S32: return check_random_between(env, -100000, 100000);
    case S8: return check_random_between(env, -128, 127);
    case U8: return check_random_between(env, 0, 255);
    case S4: return check_random_between(env, -8, 7);
    case U4: return check_random_between(env, 0, 15);
    case B1: return check_random_between(env, 0, 1);
    case E5M2: return check_random_between(env, -4, 4);
    default: return check_random_between(env, -8, 8);
  }
}

static inline uint64_t bits_of(enum number number, int64_t value) {
  switch (number) {
    case F16: return lazy_f32_to_f16((float)value);
    case BF16: return lazy_f32_to_bf16((float)value);
    case TF32: return lazy_f32_bits((float)value) | 0x155; /* low bits that are not looked at */
    case F32: return lazy_f32_bits((float)value);
    case F64: return lazy_f64_bits((double)value);
    case E5M2: return lazy_f32_to_f16((float)value) >> 8;
    case E4M3: { /* 1 + m/8 times 2^(e-7) */
      if (value == 0) return 0;
      uint64_t size = (uint64_t)llabs(value);
      int exponent = 63 - __builtin_clzll(size);
      return (value < 0 ? 0x80u : 0u) | (uint64_t)(exponent + 7) << 3 | ((size << 3 >> exponent) & 7);
    }
    default: return (uint64_t)value & (((uint64_t)1 << numbers[number].bits) - 1);
  }
}

static inline double value_of(enum number number, uint64_t bits) {
  return number == F16   ? lazy_f16_to_f32((uint16_t)bits)
         : number == F32 ? lazy_bits_f32((uint32_t)bits)
         : number == F64 ? lazy_bits_f64(bits)
                         : (int32_t)bits;
}

#endif
