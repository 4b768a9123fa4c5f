/* Atomics of the emulator: every operation on every type, the lanes of a warp one after another, in global
   and in shared memory, against C. */
#include "tests/emulator_matrix.h"

enum type { U16, U32, I32, U64, I64, NUMBER32, NUMBER64, HALF, HALVES, BRAIN, BRAINS };
static const char *const operations[] = {"add", "min", "max", "inc",  "dec",
                                         "and", "or",  "xor", "exch", "cas"};
enum operation { ADD, MIN, MAX, INC, DEC, AND, OR, XOR, EXCH, CAS };

static const struct {
  enum operation operation;
  const char *type; /* with what stands before it */
  enum type is;
} kinds[] = {{ADD, "u32", U32},
             {ADD, "s32", I32},
             {ADD, "u64", U64},
             {ADD, "f32", NUMBER32},
             {ADD, "f64", NUMBER64},
             {ADD, "noftz.f16", HALF},
             {ADD, "noftz.f16x2", HALVES},
             {ADD, "noftz.bf16", BRAIN},
             {ADD, "noftz.bf16x2", BRAINS},
             {MIN, "u32", U32},
             {MIN, "s32", I32},
             {MIN, "u64", U64},
             {MIN, "s64", I64},
             {MAX, "u32", U32},
             {MAX, "s32", I32},
             {MAX, "u64", U64},
             {MAX, "s64", I64},
             {INC, "u32", U32},
             {DEC, "u32", U32},
             {AND, "b32", U32},
             {AND, "b64", U64},
             {OR, "b32", U32},
             {OR, "b64", U64},
             {XOR, "b32", U32},
             {XOR, "b64", U64},
             {EXCH, "b32", U32},
             {EXCH, "b64", U64},
             {CAS, "b16", U16},
             {CAS, "b32", U32},
             {CAS, "b64", U64}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static int bytes_of(enum type type) {
  if (type == U16 || type == HALF || type == BRAIN) return 2;
  return type == U64 || type == I64 || type == NUMBER64 ? 8 : 4;
}

static uint64_t half_sum(uint64_t x, uint64_t y) {
  return lazy_f64_to_f16((double)lazy_f16_to_f32((uint16_t)x) + lazy_f16_to_f32((uint16_t)y));
}
static uint64_t brain_sum(uint64_t x, uint64_t y) {
  return lazy_f64_to_bf16((double)lazy_bf16_to_f32((uint16_t)x) + lazy_bf16_to_f32((uint16_t)y));
}

static uint64_t sum_of(enum type type, uint64_t x, uint64_t y) {
  switch (type) {
    case NUMBER32: return lazy_f32_bits(lazy_bits_f32((uint32_t)x) + lazy_bits_f32((uint32_t)y));
    case NUMBER64: return lazy_f64_bits(lazy_bits_f64(x) + lazy_bits_f64(y));
    case HALF: return half_sum(x, y);
    case HALVES: return half_sum(x, y) | half_sum(x >> 16, y >> 16) << 16;
    case BRAIN: return brain_sum(x, y);
    case BRAINS: return brain_sum(x, y) | brain_sum(x >> 16, y >> 16) << 16;
    default: return x + y;
  }
}

/* As one number line for all types. */
static bool is_less(enum type type, uint64_t x, uint64_t y) {
  if (type == I32) return (int32_t)x < (int32_t)y;
  return type == I64 ? (int64_t)x < (int64_t)y : x < y;
}

static uint64_t made_of(enum operation operation, enum type type, uint64_t old, uint64_t b, uint64_t c) {
  switch (operation) {
    case ADD: return sum_of(type, old, b);
    case MIN: return is_less(type, old, b) ? old : b;
    case MAX: return is_less(type, old, b) ? b : old;
    case INC: return old >= b ? 0 : old + 1;
    case DEC: return old == 0 || old > b ? b : old - 1;
    case AND: return old & b;
    case OR: return old | b;
    case XOR: return old ^ b;
    case EXCH: return b;
    default: return old == b ? c : old;
  }
}

/* Bits that are worth their type: few values where they are compared for equality, numbers of modest size. */
static uint64_t random_of(check_env *env, enum operation operation, enum type type) {
  const double number = (double)check_random_between(env, -4000, 4000) / 64;
  const uint64_t low = type == HALVES ? lazy_f64_to_f16(number) : lazy_f64_to_bf16(number);
  const double other = (double)check_random_between(env, -4000, 4000) / 64;
  switch (type) {
    case NUMBER32: return lazy_f32_bits((float)number * 1.1f);
    case NUMBER64: return lazy_f64_bits(number * 1.1);
    case HALF: return lazy_f64_to_f16(number);
    case HALVES: return low | (uint64_t)lazy_f64_to_f16(other) << 16;
    case BRAIN: return lazy_f64_to_bf16(number);
    case BRAINS: return low | (uint64_t)lazy_f64_to_bf16(other) << 16;
    default: break;
  }
  if (operation == CAS || operation == INC || operation == DEC) return check_random_below(env, 4);
  const uint64_t bits = check_random(env);
  return bytes_of(type) == 8 ? bits : bits & ((1ull << bytes_of(type) * 8) - 1);
}

enum space { GLOBAL, GENERIC, SHARED, SHARED_AS_GENERIC, SPACES };

/* The word at p0 is moved to where the atomics are, and what is left of it to p3 + 256; old values to p3. */
static void write_kernel(ptx_text *to, const char *form, int bytes, enum space space, bool has_result,
                         bool has_third) {
  const char *name = bytes == 2 ? "h" : bytes == 4 ? "x" : "y";
  const int bits = bytes * 8;
  begin(to);
  add(to, ".reg .b16 %%h<16>;\nmov.u64 %%y0, %%p0;\nsetp.eq.u32 %%q0, %%lane, 0;\n");
  if (space >= SHARED)
    add(to, "mov.u64 %%y0, room;\nld.global.b%d %%%s8, [%%p0];\n@%%q0 st.shared.b%d [%%y0], %%%s8;\n", bits,
        name, bits, name);
  if (space == SHARED_AS_GENERIC) add(to, "cvta.shared.u64 %%y0, %%y0;\n");
  add(to, "bar.warp.sync -1;\nmad.wide.u32 %%y1, %%lane, 8, %%p1;\nld.global.b%d %%%s9, [%%y1];\n", bits,
      name);
  add(to, "mad.wide.u32 %%y2, %%lane, 8, %%p2;\nld.global.b%d %%%s10, [%%y2];\n", bits, name);
  if (has_result) add(to, "%s %%%s11, [%%y0], %%%s9", form, name, name);
  else add(to, "%s [%%y0], %%%s9", form, name);
  add(to, has_third ? ", %%%s10;\n" : ";\n", name);
  if (has_result) add(to, "mad.wide.u32 %%y3, %%lane, 8, %%p3;\nst.global.b%d [%%y3], %%%s11;\n", bits, name);
  add(to, "bar.warp.sync -1;\n@%%q0 ld%s.b%d %%%s12, [%%y0];\n@%%q0 st.global.b%d [%%p3+256], %%%s12;\n",
      space == SHARED ? ".shared" : "", bits, name, bits, name);
}

static void run_kernel(check_env *env, ptx_text *text, uint64_t *word, const uint64_t *b, const uint64_t *c,
                       uint64_t found[33]) {
  emu_rig rig;
  end(text);
  memset(found, 0, 33 * sizeof *found);
  if (!rig_open(&rig, env, "sm_90", text->at)) return;
  lazy_driver_address at = rig_put(&rig, word, 8), to_b = rig_put(&rig, b, 256), to_c = rig_put(&rig, c, 256);
  lazy_driver_address out = rig_zeros(&rig, 33 * sizeof *found);
  rig_shape line = RIG_LINE(1, 32);
  line.shared_bytes = 64;
  RIG_RUN(&rig, "kernel", line, &at, &to_b, &to_c, &out);
  rig_get(&rig, found, out, 33 * sizeof *found);
  rig_close(&rig);
}

TEST(emulator_ops_atomic, operations_in_order_of_lanes) {
  /* %s: the space; what stands before and behind the operation */
  static const char *const before[] = {"", ".relaxed.gpu", ".acq_rel.sys", ".release.cta"};
  static ptx_text text;
  for (int i = 0; i < KINDS * SPACES * 2; i++) {
    const enum operation operation = kinds[i % KINDS].operation;
    const enum type type = kinds[i % KINDS].is;
    const enum space space = (enum space)(i / KINDS % SPACES);
    const bool is_red = i / KINDS / SPACES != 0;
    if (is_red && (operation == EXCH || operation == CAS)) continue;
    char form[64];
    (void)snprintf(form, sizeof form, "%s%s%s.%s.%s", is_red ? "red" : "atom",
                   is_red && i % 4 == 2 ? "" : before[i % 4],
                   space == GLOBAL   ? ".global"
                   : space == SHARED ? ".shared::cta"
                                     : "",
                   operations[operation], kinds[i % KINDS].type);
    CHECK_CASE("%s", form);
    uint64_t word = random_of(env, operation, type), b[32], c[32], found[33], wanted[33] = {0};
    wanted[32] = word;
    for (int lane = 0; lane < 32; lane++) {
      b[lane] = random_of(env, operation, type);
      c[lane] = random_of(env, operation, type);
      if (!is_red) wanted[lane] = wanted[32];
      const int bits = bytes_of(type) * 8;
      wanted[32] = made_of(operation, type, wanted[32], b[lane], c[lane]) & UINT64_MAX >> (64 - bits);
    }
    write_kernel(&text, form, bytes_of(type), space, !is_red, operation == CAS);
    run_kernel(env, &text, &word, b, c, found);
    EXPECT_BYTES_EQ(found, wanted, sizeof wanted);
  }
}

/* f32 has no subnormal numbers in global memory, and has them in shared memory. */
TEST(emulator_ops_atomic, subnormal_numbers) {
  static ptx_text text;
  uint64_t b[32] = {0}, c[32] = {0}, found[33];
  b[0] = 0x80000003; /* of both, less than the least normal number */
  for (int space = 0; space < SPACES; space++) {
    uint64_t word = 0x80000010;
    const bool is_shared = space == SHARED || space == SHARED_AS_GENERIC;
    CHECK_CASE("space %d", space);
    write_kernel(&text,
                 space == SHARED   ? "atom.shared.add.f32"
                 : space == GLOBAL ? "atom.global.add.f32"
                                   : "atom.add.f32",
                 4, (enum space)space, true, false);
    run_kernel(env, &text, &word, b, c, found);
    EXPECT_EQ(found[0], 0x80000010);
    EXPECT_EQ(found[1], is_shared ? 0x80000013 : 0x80000000);
  }
}

/* Of a vector each element is an atomic of its own. */
TEST(emulator_ops_atomic, vectors) {
  static ptx_text text;
  float words[4] = {1, 2, 3, 4}, old[32][4];
  uint16_t halves[8], sums[8];
  begin(&text);
  add(&text,
      "cvt.rn.f32.u32 %%fc0, %%lane;\nadd.f32 %%fc1, %%fc0, %%fc0;\nmad.wide.u32 %%y0, %%lane, 16, %%p3;\n"
      "atom.global.add.v4.f32 {%%fd0, %%fd1, %%fd2, %%fd3}, [%%p0], {%%fc0, %%fc1, %%fc0, %%fc1};\n"
      "st.global.v4.f32 [%%y0], {%%fd0, %%fd1, %%fd2, %%fd3};\n"
      "mov.b32 %%x0, 0x40003c00;\nsetp.lt.u32 %%q0, %%lane, 3;\n" /* 1, 2 */
      "@%%q0 red.relaxed.gpu.global.add.noftz.v4.f16x2 [%%p1], {%%x0, %%x0, %%x0, %%x0};\n");
  end(&text);
  emu_rig rig;
  if (!rig_open(&rig, env, "sm_90", text.at)) return;
  for (int i = 0; i < 8; i++) halves[i] = lazy_f64_to_f16(i);
  lazy_driver_address at = rig_put(&rig, words, sizeof words),
                      to_halves = rig_put(&rig, halves, sizeof halves);
  lazy_driver_address out = rig_zeros(&rig, sizeof old);
  RIG_RUN(&rig, "kernel", RIG_LINE(1, 32), &at, &to_halves, &at, &out);
  rig_get(&rig, old, out, sizeof old);
  rig_get(&rig, words, at, sizeof words);
  rig_get(&rig, sums, to_halves, sizeof sums);
  rig_close(&rig);
  for (int lane = 0; lane < 32; lane++)
    for (int i = 0; i < 4; i++)
      EXPECT_EQ(old[lane][i], (float)(1 + i + lane * (lane - 1) * 0.5 * (i % 2 + 1)));
  for (int i = 0; i < 4; i++) EXPECT_EQ(words[i], (float)(1 + i + 31 * 16 * (i % 2 + 1)));
  for (int i = 0; i < 8; i++) EXPECT_EQ(sums[i], lazy_f64_to_f16(i + 3 * (i % 2 + 1)));
}
