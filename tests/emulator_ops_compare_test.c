/* Comparisons and choices: every comparison of every type at edge values, joined with a predicate or not. */
#include <math.h>

#include "tests/emulator/rounding.h"
#include "tests/emulator_ops_integer.h"

/* What a comparison holds for: less, equal, greater, and one of them NaN. */
enum { LESS = 1, EQUAL = 2, GREATER = 4, UNORDERED = 8 };
static const struct comparison {
  const char *name;
  int holds;
} comparisons[] = {
    {"eq", EQUAL},
    {"ne", LESS | GREATER},
    {"lt", LESS},
    {"le", LESS | EQUAL},
    {"gt", GREATER},
    {"ge", GREATER | EQUAL},
    /* of unsigned integers alone */
    {"lo", LESS},
    {"ls", LESS | EQUAL},
    {"hi", GREATER},
    {"hs", GREATER | EQUAL},
    /* of floats alone */
    {"equ", EQUAL | UNORDERED},
    {"neu", LESS | GREATER | UNORDERED},
    {"ltu", LESS | UNORDERED},
    {"leu", LESS | EQUAL | UNORDERED},
    {"gtu", GREATER | UNORDERED},
    {"geu", GREATER | EQUAL | UNORDERED},
    {"num", LESS | EQUAL | GREATER},
    {"nan", UNORDERED},
};
enum { COMPARISONS = 18, FIRST_UNSIGNED = 6, FIRST_FLOAT = 10 };

/* Numbers: halves and bfloats by hand, as their values fit a double. */
static double float_of(char kind, uint64_t bits) {
  if (kind == 'f') return emu_f32_of(bits);
  if (kind == 'd') return emu_f64_of(bits);
  if (kind == 'b') return emu_f32_of((bits & 0xffff) << 16);
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  double value = exponent == 31 ? (fraction != 0 ? NAN : INFINITY) : ldexp(1024 + fraction, exponent - 25);
  if (exponent == 0) value = ldexp(fraction, -24);
  return bits >> 15 & 1 ? -value : value;
}
static uint64_t flushed(char kind, uint64_t bits) {
  const uint64_t exponent = kind == 'f' ? 0x7f800000 : 0x7c00;
  const uint64_t sign = kind == 'f' ? 0x80000000 : 0x8000;
  return (bits & exponent) == 0 ? bits & sign : bits;
}
static uint64_t any_float(check_env *env, char kind) {
  static const struct {
    char kind;
    unsigned bits, fraction;
  } formats[] = {{'h', 16, 10}, {'b', 16, 7}, {'f', 32, 23}, {'d', 64, 52}};
  int of = 0;
  while (formats[of].kind != kind) of++;
  const uint64_t sign = (uint64_t)1 << (formats[of].bits - 1), unit = (uint64_t)1 << formats[of].fraction;
  const uint64_t infinity = sign - unit;
  const uint64_t edges[] = {0,       1, unit - 1, unit, infinity / 2, infinity - 1, infinity, infinity + 1,
                            sign - 1};
  const uint64_t pick = check_random_below(env, 2 * sizeof edges / sizeof *edges);
  const uint64_t value = pick % 2 == 0 ? edges[pick / 2] : check_random(env) % sign;
  return value | (check_random_below(env, 2) != 0 ? sign : 0);
}

/* Of integers 's' or 'u' (with `bits`), of floats 'h' 'b' 'f' 'd'. */
static int order_of(char kind, unsigned bits, bool ftz, uint64_t x, uint64_t y) {
  if (kind == 'u' || kind == 's') {
    const ops_given given = {.in = {x, y}, .bits = bits, .is_signed = kind == 's'};
    const ops_big apart = ops_value(&given, 0) - ops_value(&given, 1);
    return apart < 0 ? LESS : apart > 0 ? GREATER : EQUAL;
  }
  const double p = float_of(kind, ftz ? flushed(kind, x) : x), q = float_of(kind, ftz ? flushed(kind, y) : y);
  return isnan(p) || isnan(q) ? UNORDERED : p < q ? LESS : p > q ? GREATER : EQUAL;
}

static const struct compared {
  const char *type;
  char kind, reg;
  unsigned bits;
  bool pair, only_equal;
} types[] = {
    {"u16", 'u', 'h', 16, false, false},   {"s16", 's', 'h', 16, false, false},
    {"b16", 'u', 'h', 16, false, true},    {"u32", 'u', 'r', 32, false, false},
    {"s32", 's', 'r', 32, false, false},   {"b32", 'u', 'r', 32, false, true},
    {"u64", 'u', 'd', 64, false, false},   {"s64", 's', 'd', 64, false, false},
    {"b64", 'u', 'd', 64, false, true},    {"f16", 'h', 'h', 16, false, false},
    {"bf16", 'b', 'h', 16, false, false},  {"f32", 'f', 'r', 32, false, false},
    {"f64", 'd', 'd', 64, false, false},   {"f16x2", 'h', 'r', 32, true, false},
    {"bf16x2", 'b', 'r', 32, true, false},
};
enum { TYPES = sizeof types / sizeof *types };
static bool is_float(const struct compared *type) { return type->kind != 'u' && type->kind != 's'; }
static bool fits(int comparison, const struct compared *type) {
  if (type->only_equal) return comparison < 2;
  if (comparison < FIRST_UNSIGNED) return true;
  return comparison < FIRST_FLOAT ? type->kind == 'u' : is_float(type);
}
static uint64_t any_of(check_env *env, const struct compared *type) {
  if (!is_float(type)) return ops_any(env, type->bits);
  const uint64_t low = any_float(env, type->kind);
  return type->pair ? any_float(env, type->kind) << 16 | low : low;
}

static const char *const joins[] = {"", ".and", ".or", ".xor"};
static bool joined(int join, bool held, bool c) {
  return join == 0 ? held : join == 1 ? held && c : join == 2 ? held || c : held != c;
}

/* One form: the result(s), and what they are where the comparison holds. */
typedef struct form {
  const struct compared *type;
  int comparison, join;
  bool ftz, negated, second; /* !c; p|q */
  const char *result;        /* of set: its type; NULL: setp */
  char result_reg;
  uint64_t ones; /* of set */
} form;

static bool held_in(const form *of, uint64_t x, uint64_t y) {
  return (comparisons[of->comparison].holds & order_of(of->type->kind, of->type->bits, of->ftz, x, y)) != 0;
}

static void check_form(check_env *env, const form *of) {
  char text[128];
  const bool p_and_q = of->second || (of->type->pair && of->result == NULL);
  int used = snprintf(text, sizeof text, "%s.%s%s%s", of->result == NULL ? "setp" : "set",
                      comparisons[of->comparison].name, joins[of->join], of->ftz ? ".ftz" : "");
  if (of->result != NULL) used += snprintf(text + used, sizeof text - (size_t)used, ".%s", of->result);
  (void)snprintf(text + used, sizeof text - (size_t)used, ".%s %%%c0%s, %%%c6, %%%c7%s%s;", of->type->type,
                 of->result == NULL ? 'p' : of->result_reg, p_and_q ? "|%p1" : "", of->type->reg,
                 of->type->reg,
                 of->join == 0 ? ""
                 : of->negated ? ", !"
                               : ", ",
                 of->join == 0 ? "" : "%p2");
  CHECK_CASE("%s", text);
  ops_rig rig;
  if (!ops_open(&rig, text)) return;
  EXPECT_EQ(rig.at->kind, PTX_CLASS_MOVE);
  const unsigned first = p_and_q ? 2 : 1; /* source */
  uint64_t *x = ops_lanes(&rig, first), *y = ops_lanes(&rig, first + 1);
  uint64_t *c = of->join == 0 ? NULL : ops_lanes(&rig, first + 2);
  for (int round = 0, shown = 0; round < 12 && shown < 4; round++) {
    const uint32_t mask = round % 2 == 0 ? ~(uint32_t)0 : (uint32_t)check_random(env) | 1;
    for (unsigned lane = 0; lane < PTX_LANES; lane++) {
      x[lane] = any_of(env, of->type);
      y[lane] = check_random_below(env, 4) == 0 ? x[lane] : any_of(env, of->type);
      if (c != NULL) c[lane] = check_random_below(env, 2);
      ops_lanes(&rig, 0)[lane] = lane;
      if (p_and_q) ops_lanes(&rig, 1)[lane] = lane;
    }
    ops_step(&rig, mask);
    for (unsigned lane = 0; lane < PTX_LANES; lane++) {
      const bool other = c != NULL && (c[lane] != 0) != of->negated, is_pair = of->type->pair;
      const uint64_t low = is_pair ? 0xffff : ~(uint64_t)0;
      const bool held = held_in(of, x[lane] & low, y[lane] & low);
      const bool high = is_pair && held_in(of, x[lane] >> 16, y[lane] >> 16);
      uint64_t wanted = joined(of->join, held, other),
               second = joined(of->join, is_pair ? high : !held, other);
      if (of->result != NULL) {
        wanted *= of->ones;
        if (is_pair) wanted |= second * of->ones << 16;
      }
      if ((mask >> lane & 1) == 0) wanted = second = lane;
      if (ops_lanes(&rig, 0)[lane] == wanted && (!p_and_q || ops_lanes(&rig, 1)[lane] == second)) continue;
      shown++;
      FAIL("lane %u of %08x: %#llx and %#llx: found %#llx, wanted %#llx", lane, mask,
           (unsigned long long)x[lane], (unsigned long long)y[lane],
           (unsigned long long)ops_lanes(&rig, 0)[lane], (unsigned long long)wanted);
    }
  }
  ops_close(&rig);
}

static bool has_ftz(const struct compared *type) {
  return is_float(type) && type->kind != 'd' && type->kind != 'b';
}

TEST(emulator_ops_compare, setp) {
  for (int type = 0; type < TYPES; type++)
    for (int comparison = 0; comparison < COMPARISONS; comparison++)
      for (int which = 0; which < 4 * 2 * 2 * 2; which++) {
        form of = {.type = &types[type], .comparison = comparison, .join = which % 4};
        of.ftz = (which & 4) != 0;
        of.second = (which & 8) != 0;
        of.negated = (which & 16) != 0;
        if (!fits(comparison, of.type) || (of.ftz && !has_ftz(of.type)) || (of.negated && of.join == 0))
          continue;
        check_form(env, &of);
      }
}

TEST(emulator_ops_compare, set) {
  static const struct {
    const char *name;
    char reg;
    uint64_t ones;
    unsigned bits;
    bool pair;
  } results[] = {{"u32", 'r', 0xffffffff, 32, false}, {"s32", 'r', 0xffffffff, 32, false},
                 {"f32", 'r', 0x3f800000, 32, false}, {"u16", 'h', 0xffff, 16, false},
                 {"s16", 'h', 0xffff, 16, false},     {"f16", 'h', 0x3c00, 16, false},
                 {"bf16", 'h', 0x3f80, 16, false},    {"f16x2", 'r', 0x3c00, 32, true},
                 {"bf16x2", 'r', 0x3f80, 32, true}};
  for (size_t result = 0; result < sizeof results / sizeof *results; result++)
    for (int type = 0; type < TYPES; type++)
      for (int comparison = 0; comparison < COMPARISONS; comparison++)
        for (int join = 0; join < 4; join++) {
          const struct compared *from = &types[type];
          const bool into_whole = from->pair && result < 2; /* ones of 16 bits in each half */
          form of = {.type = from, .comparison = comparison, .join = join, .negated = join == 2};
          of.result = results[result].name;
          of.result_reg = results[result].reg;
          of.ones = into_whole ? 0xffff : results[result].ones;
          of.ftz = join == 3 && has_ftz(from);
          if (!fits(comparison, from) || (from->pair != results[result].pair && !into_whole)) continue;
          check_form(env, &of);
        }
}

/* ---- selp, slct ---- */

static ops_big selp(const ops_given *g) { return (ops_big)(g->in[2] != 0 ? g->in[0] : g->in[1]); }
static ops_big slct_s32(const ops_given *g) {
  return (ops_big)((g->in[2] & 0x80000000) == 0 ? g->in[0] : g->in[1]);
}
/* NaN chooses the second, minus zero the first, and so does a negative subnormal that counts as zero. */
static ops_big slct_f32(const ops_given *g) {
  const uint64_t bits = g->number != 0 ? flushed('f', g->in[2]) : g->in[2];
  const bool is_nan = (bits & 0x7fffffff) > 0x7f800000;
  const bool first = !is_nan && (bits <= 0x7fffffff || bits == 0x80000000);
  return (ops_big)(first ? g->in[0] : g->in[1]);
}

TEST(emulator_ops_compare, selp_and_slct) {
  static const char every[] = "b16 u16 s16 b32 u32 s32 f32 b64 u64 s64 f64";
  ops_check_row(env, &(const ops_row){"selp", every, "sssp", selp});
  for (const char *at = every; *at != 0; at += strcspn(at, " "), at += *at == ' ') {
    char name[32];
    const char size = at[1] == '1' ? 'h' : at[1] == '3' ? 'r' : 'd';
    const char shape[] = {size, size, size, 'r', 0};
    (void)snprintf(name, sizeof name, "slct.%.3s.s32", at);
    ops_check_tail(env, &(const ops_row){name, "", shape, slct_s32}, "", 0);
    (void)snprintf(name, sizeof name, "slct.%.3s.f32", at);
    ops_check_tail(env, &(const ops_row){name, "", shape, slct_f32}, "", 0);
    (void)snprintf(name, sizeof name, "slct.ftz.%.3s.f32", at);
    ops_check_tail(env, &(const ops_row){name, "", shape, slct_f32}, "", 1);
  }
}

TEST(emulator_ops_compare, slct_at_the_edges_of_floats) {
  static const uint64_t edges[] = {0,          0x80000000, 1,          0x80000001, 0x807fffff, 0x80800000,
                                   0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000, 0x3f800000, 0xbf800000};
  for (int ftz = 0; ftz < 2; ftz++) {
    ops_rig rig;
    if (!ops_open(&rig, ftz ? "slct.ftz.u32.f32 %r0, %r1, %r2, %r3;" : "slct.u32.f32 %r0, %r1, %r2, %r3;"))
      continue;
    for (unsigned i = 0; i < sizeof edges / sizeof *edges; i++) {
      ops_given given = {.in = {10, 20, edges[i]}, .number = ftz};
      for (unsigned source = 0; source < 3; source++) ops_lanes(&rig, source + 1)[i] = given.in[source];
      ops_step(&rig, 1u << i);
      CHECK_CASE("%#llx%s", (unsigned long long)edges[i], ftz ? " ftz" : "");
      EXPECT_EQ(ops_lanes(&rig, 0)[i], (uint64_t)slct_f32(&given));
    }
    ops_close(&rig);
  }
}

TEST(emulator_ops_compare, refuses_what_the_isa_has_not) {
  ops_expect_refusal("setp.lt.b32 %p0, %r0, %r1;", "comparison");
  ops_expect_refusal("setp.lo.s32 %p0, %r0, %r1;", "comparison");
  ops_expect_refusal("setp.ltu.s32 %p0, %r0, %r1;", "comparison");
  ops_expect_refusal("setp.lo.f32 %p0, %r0, %r1;", "comparison");
  ops_expect_refusal("setp.u32 %p0, %r0, %r1;", "lacks a comparison");
  ops_expect_refusal("setp.lt.ftz.s32 %p0, %r0, %r1;", ".ftz");
  ops_expect_refusal("setp.lt.ftz.f64 %p0, %d0, %d1;", ".ftz");
  ops_expect_refusal("setp.lt.ftz.bf16 %p0, %h0, %h1;", ".ftz");
  ops_expect_refusal("setp.lt.and.s32 %p0, %r0, %r1;", "operands");
  ops_expect_refusal("setp.lt.s32 %r2, %r0, %r1;", "type");
  ops_expect_refusal("setp.eq.f16x2 %p0, %r0, %r1;", "p|q");
  ops_expect_refusal("set.eq.u64.u32 %d0, %r0, %r1;", "no type");
  ops_expect_refusal("set.eq.f16x2.f32 %r2, %r0, %r1;", "pairs");
  ops_expect_refusal("set.eq.f32.f16x2 %r2, %r0, %r1;", "pairs");
  ops_expect_refusal("selp.pred %p0, %p1, %p2, %p3;", "no type");
  ops_expect_refusal("slct.ftz.u32.s32 %r0, %r1, %r2, %r3;", ".ftz");
}
