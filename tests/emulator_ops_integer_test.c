/* Instructions of integers: every type at edge values against references in 128 bits, which follow the words
   of the ISA bit by bit. */
#include "tests/emulator_ops_integer.h"

/* ---- arithmetic ---- */

static ops_big add(const ops_given *g) { return ops_value(g, 0) + ops_value(g, 1); }
static ops_big sub(const ops_given *g) { return ops_value(g, 0) - ops_value(g, 1); }
static ops_big product(const ops_given *g) {
  return (ops_big)((ops_ubig)ops_value(g, 0) * (ops_ubig)ops_value(g, 1));
}
static ops_big sum(ops_big x, ops_big y) { return (ops_big)((ops_ubig)x + (ops_ubig)y); }
/* 64-bit unsigned factors fill all 128 bits: the shift must not bring in a sign. */
static ops_big high(const ops_given *g) {
  return g->is_signed ? product(g) >> g->bits : (ops_big)((ops_ubig)product(g) >> g->bits);
}
static ops_big mad_lo(const ops_given *g) { return sum(product(g), ops_value(g, 2)); }
static ops_big mad_hi(const ops_given *g) { return sum(high(g), ops_value(g, 2)); }
static ops_big wide(const ops_given *g) { return product(g); }
static ops_big mad_wide(const ops_given *g) { return sum(product(g), (ops_big)g->in[2]); }

static ops_big clamp(ops_big x) { return x > INT32_MAX ? INT32_MAX : x < INT32_MIN ? INT32_MIN : x; }
static ops_big add_sat(const ops_given *g) { return clamp(add(g)); }
static ops_big sub_sat(const ops_given *g) { return clamp(sub(g)); }
static ops_big mad_hi_sat(const ops_given *g) { return clamp(mad_hi(g)); }

static ops_big product_24(const ops_given *g) {
  const unsigned above = 128 - 24;
  ops_big x[2];
  for (int i = 0; i < 2; i++) {
    const ops_ubig top = (ops_ubig)g->in[i] << above;
    x[i] = g->is_signed ? (ops_big)top >> above : (ops_big)(top >> above);
  }
  return x[0] * x[1];
}
static ops_big mul24_lo(const ops_given *g) { return product_24(g); }
static ops_big mul24_hi(const ops_given *g) { return product_24(g) >> 16; }
static ops_big mad24_lo(const ops_given *g) { return product_24(g) + ops_value(g, 2); }
static ops_big mad24_hi(const ops_given *g) { return (product_24(g) >> 16) + ops_value(g, 2); }
static ops_big mad24_hi_sat(const ops_given *g) {
  return clamp((int32_t)(uint32_t)(product_24(g) >> 16) + ops_value(g, 2));
}

/* Division cuts off; by zero it yields ones, and the dividend for a remainder. */
static ops_big quotient(const ops_given *g) {
  return ops_value(g, 1) == 0 ? -1 : ops_value(g, 0) / ops_value(g, 1);
}
static ops_big remains(const ops_given *g) {
  return ops_value(g, 1) == 0 ? ops_value(g, 0) : ops_value(g, 0) % ops_value(g, 1);
}
static ops_big distance(const ops_given *g) {
  const ops_big apart = sub(g);
  return (apart < 0 ? -apart : apart) + ops_value(g, 2);
}
static ops_big absolute(const ops_given *g) {
  return ops_value(g, 0) < 0 ? -ops_value(g, 0) : ops_value(g, 0);
}
static ops_big negative(const ops_given *g) { return -ops_value(g, 0); }
static ops_big least(const ops_given *g) { return sub(g) < 0 ? ops_value(g, 0) : ops_value(g, 1); }
static ops_big most(const ops_given *g) { return sub(g) > 0 ? ops_value(g, 0) : ops_value(g, 1); }
static ops_big least_or_zero(const ops_given *g) { return least(g) < 0 ? 0 : least(g); }
static ops_big most_or_zero(const ops_given *g) { return most(g) < 0 ? 0 : most(g); }

static ops_big least_or_zero_s32(const ops_given *g) {
  return least_or_zero(&(ops_given){.in = {g->in[0], g->in[1]}, .bits = 32, .is_signed = true});
}
static ops_big most_or_zero_s32(const ops_given *g) {
  return most_or_zero(&(ops_given){.in = {g->in[0], g->in[1]}, .bits = 32, .is_signed = true});
}

static ops_big of_halves(const ops_given *g, bool is_signed, ops_reference *of) {
  ops_ubig result = 0;
  for (int half = 0; half < 2; half++) {
    ops_given part = {.bits = 16, .is_signed = is_signed};
    for (int i = 0; i < 2; i++) part.in[i] = g->in[i] >> 16 * half & 0xffff;
    result |= ((ops_ubig)of(&part) & 0xffff) << 16 * half;
  }
  return (ops_big)result;
}
static ops_big add_pair(const ops_given *g) { return of_halves(g, false, add); }
static ops_big min_pair_u(const ops_given *g) { return of_halves(g, false, least); }
static ops_big max_pair_u(const ops_given *g) { return of_halves(g, false, most); }
static ops_big min_pair_s(const ops_given *g) { return of_halves(g, true, least); }
static ops_big max_pair_s(const ops_given *g) { return of_halves(g, true, most); }
static ops_big min_pair_relu(const ops_given *g) { return of_halves(g, true, least_or_zero); }
static ops_big max_pair_relu(const ops_given *g) { return of_halves(g, true, most_or_zero); }

#define ALL    "u16 s16 u32 s32 u64 s64"
#define NARROW "u16 s16 u32 s32"
#define SIGNED "s16 s32 s64"
TEST(emulator_ops_integer, arithmetic) {
  static const ops_row rows[] = {
      {"add", ALL, "sss", add},
      {"sub", ALL, "sss", sub},
      {"mul.lo", ALL, "sss", product},
      {"mul.hi", ALL, "sss", high},
      {"mul.wide", NARROW, "wss", wide},
      {"mad.lo", ALL, "ssss", mad_lo},
      {"mad.hi", ALL, "ssss", mad_hi},
      {"mad.wide", NARROW, "wssw", mad_wide},
      {"add.sat", "s32", "sss", add_sat},
      {"sub.sat", "s32", "sss", sub_sat},
      {"mad.hi.sat", "s32", "ssss", mad_hi_sat},
      {"mul24.lo", "u32 s32", "sss", mul24_lo},
      {"mul24.hi", "u32 s32", "sss", mul24_hi},
      {"mad24.lo", "u32 s32", "ssss", mad24_lo},
      {"mad24.hi", "u32 s32", "ssss", mad24_hi},
      {"mad24.hi.sat", "s32", "ssss", mad24_hi_sat},
      {"div", ALL, "sss", quotient},
      {"rem", ALL, "sss", remains},
      {"sad", ALL, "ssss", distance},
      {"abs", SIGNED, "ss", absolute},
      {"neg", SIGNED, "ss", negative},
      {"min", ALL, "sss", least},
      {"max", ALL, "sss", most},
      {"min.relu", "s32", "sss", least_or_zero},
      {"max.relu", "s32", "sss", most_or_zero},
      {"add.u16x2", "", "rrr", add_pair},
      {"add.s16x2", "", "rrr", add_pair},
      {"min.u16x2", "", "rrr", min_pair_u},
      {"max.u16x2", "", "rrr", max_pair_u},
      {"min.s16x2", "", "rrr", min_pair_s},
      {"max.s16x2", "", "rrr", max_pair_s},
      {"min.s32.relu", "", "rrr", least_or_zero_s32},
      {"max.s32.relu", "", "rrr", most_or_zero_s32},
      {"min.s16x2.relu", "", "rrr", min_pair_relu},
      {"max.s16x2.relu", "", "rrr", max_pair_relu},
      {"min.relu.s16x2", "", "rrr", min_pair_relu},
      {"max.relu.s16x2", "", "rrr", max_pair_relu},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) ops_check_row(env, &rows[i]);
}

/* ---- carries ---- */

enum { TAKES = 1, GIVES = 2 };
typedef struct carry_row {
  const char *name;
  int sources, flags;
  ops_reference *wanted; /* before the carry; its bit above the type's is the new one */
} carry_row;
static ops_big add_carries(const ops_given *g) { return (ops_big)g->in[0] + g->in[1] + g->carry; }
static ops_big sub_borrows(const ops_given *g) { return (ops_big)g->in[0] - g->in[1] - g->carry; }
static ops_ubig part_of(const ops_given *g, ops_big from) {
  return (ops_ubig)from & (g->bits == 64 ? UINT64_MAX : UINT32_MAX);
}
static ops_big lo_carries(const ops_given *g) {
  return (ops_big)(part_of(g, product(g)) + g->in[2] + g->carry);
}
static ops_big hi_carries(const ops_given *g) { return (ops_big)(part_of(g, high(g)) + g->in[2] + g->carry); }

static void check_carries(check_env *env, const carry_row *row, const char *type) {
  char text[96];
  const char kind = type[1] == '3' ? 'r' : 'd';
  (void)snprintf(text, sizeof text, "%s.%s %%%c0, %%%c1, %%%c2%s%s;", row->name, type, kind, kind, kind,
                 row->sources < 3 ? ""
                 : kind == 'r'    ? ", %r"
                                  : ", %d",
                 row->sources < 3 ? "" : "3");
  CHECK_CASE("%s", text);
  ops_rig rig;
  if (!ops_open(&rig, text)) return;
  ops_given given = {.bits = kind == 'r' ? 32 : 64, .is_signed = type[0] == 's'};
  for (int round = 0, shown = 0; round < 200 && shown < 4; round++) {
    const uint32_t mask = round % 2 == 0 ? ~(uint32_t)0 : (uint32_t)check_random(env) | 1;
    const uint32_t before = (uint32_t)check_random(env);
    rig.warp.carry = before;
    for (unsigned lane = 0; lane < PTX_LANES; lane++)
      for (unsigned i = 0; i <= (unsigned)row->sources; i++)
        ops_lanes(&rig, i)[lane] = i == 0 ? lane : ops_any(env, given.bits);
    ops_step(&rig, mask);
    for (unsigned lane = 0; lane < PTX_LANES; lane++) {
      const uint64_t was = before >> lane & 1;
      for (unsigned i = 0; i < (unsigned)row->sources; i++) given.in[i] = ops_lanes(&rig, i + 1)[lane];
      given.carry = (row->flags & TAKES) != 0 ? was : 0;
      const ops_big all = row->wanted(&given);
      const bool on = (mask >> lane & 1) != 0, gives = on && (row->flags & GIVES) != 0;
      const uint64_t wanted = on ? (uint64_t)part_of(&given, all) : lane;
      shown += !EXPECT_EQ(ops_lanes(&rig, 0)[lane], wanted);
      shown += !EXPECT_EQ(rig.warp.carry >> lane & 1, gives ? (uint64_t)(all >> given.bits & 1) : was);
    }
  }
  ops_close(&rig);
}

TEST(emulator_ops_integer, carries) {
  static const carry_row rows[] = {
      {"add.cc", 2, GIVES, add_carries},
      {"addc", 2, TAKES, add_carries},
      {"addc.cc", 2, TAKES | GIVES, add_carries},
      {"sub.cc", 2, GIVES, sub_borrows},
      {"subc", 2, TAKES, sub_borrows},
      {"subc.cc", 2, TAKES | GIVES, sub_borrows},
      {"mad.lo.cc", 3, GIVES, lo_carries},
      {"madc.lo", 3, TAKES, lo_carries},
      {"madc.lo.cc", 3, TAKES | GIVES, lo_carries},
      {"mad.hi.cc", 3, GIVES, hi_carries},
      {"madc.hi", 3, TAKES, hi_carries},
      {"madc.hi.cc", 3, TAKES | GIVES, hi_carries},
  };
  static const char *const types[] = {"u32", "s32", "u64", "s64"};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    for (int type = 0; type < 4; type++) check_carries(env, &rows[i], types[type]);
}

TEST(emulator_ops_integer, refuses_what_the_isa_has_not) {
  ops_expect_refusal("mul.wide.u64 %d0, %d1, %d2;", "no type");
  ops_expect_refusal("mul.u32 %r0, %r1, %r2;", "lacks .lo");
  ops_expect_refusal("add.sat.u32 %r0, %r1, %r2;", "no type");
  ops_expect_refusal("abs.u32 %r0, %r1;", "no type");
  ops_expect_refusal("neg.b32 %r0, %r1;", "no type");
  ops_expect_refusal("mad24.wide.u32 %r0, %r1, %r2, %r3;", "lacks .lo");
  ops_expect_refusal("add.cc.u16 %h0, %h1, %h2;", "no type");
  ops_expect_refusal("max.relu.u32 %r0, %r1, %r2;", "no type");
  ops_expect_refusal("add.u32 %r0, %r1;", "operands");
  ops_expect_refusal("add.u32 %r0, %d1, %r2;", "type");
  ops_expect_refusal("add.u32.more %r0, %r1, %r2;", "more");
}
