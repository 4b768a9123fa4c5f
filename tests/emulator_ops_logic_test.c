/* Instructions of bits, at edge values, against the ISA's own words for them: bit by bit, byte by byte. */
#include "tests/emulator_ops_integer.h"

static bool bit(const ops_given *g, int operand, unsigned index) { return g->in[operand] >> index & 1; }
static uint64_t all_bits(const ops_given *g) { return ~(uint64_t)0 >> (64 - g->bits); }

/* ---- logic ---- */

static ops_big and_(const ops_given *g) { return (ops_big)(g->in[0] & g->in[1]); }
static ops_big or_(const ops_given *g) { return (ops_big)(g->in[0] | g->in[1]); }
static ops_big xor_(const ops_given *g) { return (ops_big)(g->in[0] ^ g->in[1]); }
static ops_big not_(const ops_given *g) { return (ops_big)(g->in[0] ^ all_bits(g)); }
static ops_big cnot(const ops_given *g) { return g->in[0] == 0; }
static ops_big lop3(const ops_given *g) {
  uint32_t result = 0;
  for (unsigned i = 0; i < 32; i++) {
    const int row = bit(g, 0, i) << 2 | bit(g, 1, i) << 1 | bit(g, 2, i);
    result |= (uint32_t)(g->number >> row & 1) << i;
  }
  return result;
}

#define BITS "b16 b32 b64"
TEST(emulator_ops_logic, logic) {
  static const ops_row rows[] = {
      {"and", BITS, "sss", and_},  {"or", BITS, "sss", or_},      {"xor", BITS, "sss", xor_},
      {"not", BITS, "ss", not_},   {"cnot", BITS, "ss", cnot},    {"and.pred", "", "ppp", and_},
      {"or.pred", "", "ppp", or_}, {"xor.pred", "", "ppp", xor_}, {"not.pred", "", "pp", not_},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) ops_check_row(env, &rows[i]);
}

TEST(emulator_ops_logic, lop3_of_every_table) {
  static const ops_row row = {"lop3", "b32", "ssss", lop3};
  for (int table = 0; table < 256; table++) {
    char tail[16];
    (void)snprintf(tail, sizeof tail, ", 0x%02x", table);
    ops_check_tail(env, &row, tail, table);
  }
}

TEST(emulator_ops_logic, lop3_says_whether_any_bit_is_set) {
  for (int which = 0; which < 4; which++) {
    const bool is_and = (which & 1) != 0, negated = (which & 2) != 0;
    char text[96];
    (void)snprintf(text, sizeof text, "lop3.%s.b32 %%r0|%%p0, %%r1, %%r2, %%r3, 0x80, %s%%p1;",
                   is_and ? "and" : "or", negated ? "!" : "");
    ops_rig rig;
    if (!ops_open(&rig, text)) continue;
    for (unsigned lane = 0; lane < PTX_LANES; lane++) {
      for (unsigned i = 0; i < 2; i++) ops_lanes(&rig, i)[lane] = 5;
      for (unsigned i = 2; i < 5; i++) ops_lanes(&rig, i)[lane] = (lane & 1) != 0 ? 0xf0 : 1u << i;
      ops_lanes(&rig, 5)[lane] = lane >> 1 & 1;
    }
    const uint32_t mask = 0x0ffffff0;
    ops_step(&rig, mask);
    for (unsigned lane = 0; lane < PTX_LANES; lane++) {
      const bool on = (mask >> lane & 1) != 0, any = (lane & 1) != 0, q = ((lane >> 1 & 1) != 0) != negated;
      CHECK_CASE("%s, lane %u", text, lane);
      EXPECT_EQ(ops_lanes(&rig, 0)[lane], !on ? 5 : any ? 0xf0 : 0);
      EXPECT_EQ(ops_lanes(&rig, 1)[lane], !on ? 5 : is_and ? any && q : any || q);
    }
    ops_close(&rig);
  }
}

/* ---- shifts, bytes ---- */

static ops_big shl(const ops_given *g) {
  return g->in[1] >= g->bits ? 0 : (ops_big)((ops_ubig)g->in[0] << g->in[1]);
}
static ops_big shr(const ops_given *g) {
  return ops_value(g, 0) >> (g->in[1] >= g->bits ? g->bits : g->in[1]);
}
enum { WRAP = 32 };
static ops_big funnel_left(const ops_given *g) {
  const unsigned by = g->number == WRAP ? g->in[2] % 32 : g->in[2] > 32 ? 32 : (unsigned)g->in[2];
  return (ops_big)((g->in[1] << 32 | g->in[0]) >> (32 - by));
}
static ops_big funnel_right(const ops_given *g) {
  const unsigned by = g->number == WRAP ? g->in[2] % 32 : g->in[2] > 32 ? 32 : (unsigned)g->in[2];
  return (ops_big)((g->in[1] << 32 | g->in[0]) >> by);
}

TEST(emulator_ops_logic, shifts) {
  static const ops_row rows[] = {
      {"shl", BITS, "ssr", shl},
      {"shr", BITS " u16 s16 u32 s32 u64 s64", "ssr", shr},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) ops_check_row(env, &rows[i]);
  static const ops_row left[] = {{"shf.l.clamp", "b32", "sssr", funnel_left},
                                 {"shf.l.wrap", "b32", "sssr", funnel_left}};
  static const ops_row right[] = {{"shf.r.clamp", "b32", "sssr", funnel_right},
                                  {"shf.r.wrap", "b32", "sssr", funnel_right}};
  for (int wraps = 0; wraps < 2; wraps++) {
    ops_check_tail(env, &left[wraps], "", wraps * WRAP);
    ops_check_tail(env, &right[wraps], "", wraps * WRAP);
  }
}

/* The ISA's tables: of each mode and each low two bits of the selector, which byte goes where. */
static const char *const prmt_names[] = {"prmt.b32.f4e", "prmt.b32.b4e", "prmt.b32.rc8",
                                         "prmt.b32.ecl", "prmt.b32.ecr", "prmt.b32.rc16"};
static const uint32_t prmt_tables[][4] = {
    {0x3210, 0x4321, 0x5432, 0x6543}, {0x5670, 0x6701, 0x7012, 0x0123}, {0x0000, 0x1111, 0x2222, 0x3333},
    {0x3210, 0x3211, 0x3222, 0x3333}, {0x0000, 0x1110, 0x2210, 0x3210}, {0x1010, 0x3232, 0x1010, 0x3232},
};
enum { PRMT_MODES = 6 };
static ops_big prmt(const ops_given *g) {
  const uint64_t bytes = g->in[1] << 32 | g->in[0];
  const uint32_t selector =
      g->number == PRMT_MODES ? (uint32_t)g->in[2] : prmt_tables[g->number][g->in[2] & 3];
  uint32_t result = 0;
  for (int i = 3; i >= 0; i--) {
    const uint32_t nibble = selector >> 4 * i;
    uint32_t byte = (uint8_t)(bytes >> 8 * (nibble & 7));
    if ((nibble & 8) != 0) byte = byte >= 0x80 ? 0xff : 0;
    result = result << 8 | byte;
  }
  return result;
}

TEST(emulator_ops_logic, prmt_in_all_modes) {
  ops_check_tail(env, &(const ops_row){"prmt", "b32", "ssss", prmt}, "", PRMT_MODES);
  for (int mode = 0; mode < PRMT_MODES; mode++)
    ops_check_tail(env, &(const ops_row){prmt_names[mode], "", "rrrr", prmt}, "", mode);
}

/* ---- bits found, counted, cut out ---- */

static ops_big popc(const ops_given *g) {
  ops_big count = 0;
  for (unsigned i = 0; i < g->bits; i++) count += bit(g, 0, i);
  return count;
}
static ops_big clz(const ops_given *g) {
  unsigned count = 0;
  while (count < g->bits && !bit(g, 0, g->bits - 1 - count)) count++;
  return count;
}
static ops_big brev(const ops_given *g) {
  uint64_t result = 0;
  for (unsigned i = 0; i < g->bits; i++) result = result << 1 | bit(g, 0, i);
  return (ops_big)result;
}
static ops_big bfind(const ops_given *g) {
  const bool sign = g->is_signed && bit(g, 0, g->bits - 1);
  for (int i = (int)g->bits - 1; i >= 0; i--)
    if (bit(g, 0, (unsigned)i) != sign) return i;
  return -1;
}
static ops_big bfind_shift(const ops_given *g) {
  const ops_big found = bfind(g);
  return found < 0 ? -1 : g->bits - 1 - found;
}
static ops_big bfe(const ops_given *g) {
  const unsigned msb = g->bits - 1, position = g->in[1] & 0xff, length = g->in[2] & 0xff;
  const unsigned end = position + length - 1 < msb ? position + length - 1 : msb;
  const bool sign = g->is_signed && length != 0 && bit(g, 0, end);
  uint64_t result = 0;
  for (unsigned i = 0; i <= msb; i++) {
    const bool is_field = i < length && position + i <= msb;
    result |= (uint64_t)(is_field ? bit(g, 0, position + i) : sign) << i;
  }
  return (ops_big)result;
}
static ops_big bfi(const ops_given *g) {
  const unsigned msb = g->bits - 1, position = g->in[2] & 0xff, length = g->in[3] & 0xff;
  uint64_t result = g->in[1];
  for (unsigned i = 0; i < length && position + i <= msb; i++) {
    result &= ~((uint64_t)1 << (position + i));
    result |= (uint64_t)bit(g, 0, i) << (position + i);
  }
  return (ops_big)result;
}
static ops_big fns(const ops_given *g) {
  const int64_t offset = (int32_t)(uint32_t)g->in[2];
  if (g->in[1] > 31) return -1;
  if (offset == 0) return bit(g, 0, (unsigned)g->in[1]) ? (ops_big)g->in[1] : -1;
  int64_t left = offset < 0 ? -offset : offset;
  for (int at = (int)g->in[1]; at >= 0 && at < 32; at += offset < 0 ? -1 : 1) {
    left -= bit(g, 0, (unsigned)at);
    if (left == 0) return at;
  }
  return -1;
}
static ops_big bmsk(const ops_given *g) {
  const uint64_t from = g->number == WRAP ? g->in[0] % 32 : g->in[0];
  const uint64_t count = g->number == WRAP ? g->in[1] % 32 : g->in[1];
  uint32_t result = 0;
  for (uint64_t i = 0; i < 32; i++) result |= (uint32_t)(i >= from && i - from < count) << i;
  return result;
}
static ops_big szext(const ops_given *g) {
  const uint64_t width = g->number == WRAP ? g->in[1] % 32 : g->in[1];
  uint32_t result = 0;
  for (unsigned i = 0; i < 32; i++) {
    const bool sign = g->is_signed && width != 0 && width < 32 && bit(g, 0, (unsigned)width - 1);
    result |= (uint32_t)(i < width ? bit(g, 0, i) : sign) << i;
  }
  return result;
}

#define WHOLE "u32 s32 u64 s64"
TEST(emulator_ops_logic, bits_and_fields) {
  static const ops_row rows[] = {
      {"popc", "b32 b64", "rs", popc},
      {"clz", "b32 b64", "rs", clz},
      {"brev", "b32 b64", "ss", brev},
      {"bfind", WHOLE, "rs", bfind},
      {"bfind.shiftamt", WHOLE, "rs", bfind_shift},
      {"bfe", WHOLE, "ssrr", bfe},
      {"bfi", "b32 b64", "sssrr", bfi},
      {"fns", "b32", "rrrr", fns},
      {"bmsk.clamp", "b32", "rrr", bmsk},
      {"szext.clamp", "u32 s32", "rrr", szext},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) ops_check_row(env, &rows[i]);
  ops_check_tail(env, &(const ops_row){"bmsk.wrap", "b32", "rrr", bmsk}, "", WRAP);
  ops_check_tail(env, &(const ops_row){"szext.wrap", "u32 s32", "rrr", szext}, "", WRAP);
}

/* ---- products of bytes: number is a set of these ---- */

enum { A_SIGNED = 1, B_SIGNED = 2, HIGH = 4 };
static int64_t piece(uint64_t from, unsigned bits, unsigned index, bool is_signed) {
  const uint64_t value = from >> bits * index & ((1u << bits) - 1);
  return is_signed && value >> (bits - 1) != 0 ? (int64_t)value - (1 << bits) : (int64_t)value;
}
static ops_big dot(const ops_given *g, unsigned bits) {
  ops_big sum = (ops_big)g->in[2];
  for (unsigned i = 0; i < 32 / bits; i++)
    sum += (ops_big)piece(g->in[0], bits, i, (g->number & A_SIGNED) != 0) *
           piece(g->in[1], 8, (g->number & HIGH) != 0 ? i + 2 : i, (g->number & B_SIGNED) != 0);
  return sum;
}
static ops_big dp4a(const ops_given *g) { return dot(g, 8); }
static ops_big dp2a(const ops_given *g) { return dot(g, 16); }

TEST(emulator_ops_logic, products_of_bytes) {
  for (int number = 0; number < 8; number++) {
    const char *a = (number & A_SIGNED) != 0 ? "s32" : "u32", *b = (number & B_SIGNED) != 0 ? "s32" : "u32";
    char name[24];
    (void)snprintf(name, sizeof name, "dp2a.%s.%s.%s", (number & HIGH) != 0 ? "hi" : "lo", a, b);
    ops_check_tail(env, &(const ops_row){name, "", "rrrr", dp2a}, "", number);
    (void)snprintf(name, sizeof name, "dp4a.%s.%s", a, b);
    if ((number & HIGH) == 0) ops_check_tail(env, &(const ops_row){name, "", "rrrr", dp4a}, "", number);
  }
}

/* ---- mov ---- */

static ops_big same(const ops_given *g) { return (ops_big)(g->in[0] & all_bits(g)); }

TEST(emulator_ops_logic, moves) {
  static const ops_row rows[] = {
      {"mov", "b16 u16 s16 b32 u32 s32 f32 b64 u64 s64 f64", "ss", same},
      {"mov.pred", "", "pp", same},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) ops_check_row(env, &rows[i]);
}

/* "d, a, b, ..." are in the order of rows; wanted as each lane's. */
static void check_pack(check_env *env, const char *text, bool packs, unsigned count, unsigned bits) {
  CHECK_CASE("%s", text);
  ops_rig rig;
  if (!ops_open(&rig, text)) return;
  for (int round = 0; round < 2; round++) {
    const uint32_t mask = round == 0 ? 0x5a5a5a5a : ~(uint32_t)0;
    const unsigned whole = packs ? 0 : count; /* the row that holds all */
    for (unsigned lane = 0; lane < PTX_LANES; lane++)
      for (unsigned i = 0; i <= count; i++)
        ops_lanes(&rig, i)[lane] = check_random(env) >> (64 - (i == whole ? bits * count : bits));
    uint64_t before[5][PTX_LANES];
    for (unsigned i = 0; i <= count; i++) memcpy(before[i], ops_lanes(&rig, i), sizeof *before);
    ops_step(&rig, mask);
    for (unsigned lane = 0; lane < PTX_LANES; lane++) {
      uint64_t all = 0, above = 0;
      for (unsigned i = 0; i < count; i++) above |= ops_lanes(&rig, packs ? i + 1 : i)[lane] >> bits;
      for (unsigned i = count; i-- > 0;) all = all << (bits & 63) | ops_lanes(&rig, packs ? i + 1 : i)[lane];
      EXPECT_EQ(above, 0);
      if ((mask >> lane & 1) != 0) EXPECT_EQ(ops_lanes(&rig, whole)[lane], all);
      else
        for (unsigned i = 0; i <= count; i++) EXPECT_EQ(ops_lanes(&rig, i)[lane], before[i][lane]);
    }
  }
  ops_close(&rig);
}

TEST(emulator_ops_logic, mov_packs_and_unpacks) {
  check_pack(env, "mov.b32 %r0, {%h0, %h1};", true, 2, 16);
  check_pack(env, "mov.b64 %d0, {%r0, %r1};", true, 2, 32);
  check_pack(env, "mov.b64 %d0, {%h0, %h1, %h2, %h3};", true, 4, 16);
  check_pack(env, "mov.b32 {%h0, %h1}, %r0;", false, 2, 16);
  check_pack(env, "mov.b64 {%r0, %r1}, %d0;", false, 2, 32);
  check_pack(env, "mov.b64 {%h0, %h1, %h2, %h3}, %d0;", false, 4, 16);
}

TEST(emulator_ops_logic, mov_leaves_out_what_nobody_wants) {
  ops_rig rig;
  if (!ops_open(&rig, "mov.b64 {_, %r1}, %d0;")) return;
  for (unsigned i = 0; i < 2; i++) ops_lanes(&rig, i)[3] = 0x1234567890abcdef;
  ops_step(&rig, 8);
  EXPECT_EQ(ops_lanes(&rig, 0)[3], 0x12345678u);
  EXPECT_EQ(ops_lanes(&rig, 1)[3], 0x1234567890abcdef);
  ops_close(&rig);
}

TEST(emulator_ops_logic, refuses_what_the_isa_has_not) {
  ops_expect_refusal("and.u32 %r0, %r1, %r2;", "no type");
  ops_expect_refusal("cnot.pred %p0, %p1;", "no type");
  ops_expect_refusal("lop3.b32 %r0, %r1, %r2, %r3, 256;", "8 bits");
  ops_expect_refusal("lop3.b32 %r0, %r1, %r2, %r3, %r4;", "constant");
  ops_expect_refusal("shf.l.b32 %r0, %r1, %r2, %r3;", "lacks .wrap");
  ops_expect_refusal("shl.u32 %r0, %r1, %r2;", "no type");
  ops_expect_refusal("shl.b64 %d0, %d1, %d2;", "type");
  ops_expect_refusal("popc.b64 %d0, %d1;", "type");
  ops_expect_refusal("clz.b16 %h0, %h1;", "no type");
  ops_expect_refusal("bfe.b32 %r0, %r1, %r2, %r3;", "no type");
  ops_expect_refusal("prmt.b32.f5e %r0, %r1, %r2, %r3;", "f5e");
  ops_expect_refusal("dp2a.u32.u32 %r0, %r1, %r2, %r3;", "lacks .lo");
  ops_expect_refusal("mov.b64 %d0, {%r1, %r2, %r3};", "registers");
  ops_expect_refusal("mov.b32 %r0, %d0;", "type");
  ops_expect_refusal("mov.b32 %r0, %clock64;", "another size");
}
