/* Halves and bytes of words at once, each by itself in 128 bits. */
#include "tests/emulator_ops_integer.h"

static const char *const operations[] = {"vadd", "vsub", "vavrg", "vabsdiff", "vmin", "vmax"};
enum { ADD, SUB, AVERAGE, DISTANCE, MIN, MAX, OPERATIONS };
static const char *const comparisons[] = {"eq", "ne", "lt", "le", "gt", "ge"};
enum { COMPARISONS = 6 };

/* ops_given.number: bit 0 to 2 which are signed (d, a, b), 3 bytes, 4 .sat, 5 .add; the operation above, and
   comparisons after those. */
enum { D_SIGNED = 1, A_SIGNED = 2, B_SIGNED = 4, BYTES = 8, SAT = 16, SUM = 32, OPERATION_SHIFT = 6 };

static ops_big of_parts(int operation, ops_big x, ops_big y) {
  const ops_big sum = x + y, apart = x - y;
  switch (operation) {
    case ADD: return sum;
    case SUB: return apart;
    case AVERAGE: return sum >= 0 ? (sum + 1) / 2 : -((-sum + 1) / 2); /* away from zero */
    case DISTANCE: return apart < 0 ? -apart : apart;
    case MIN: return apart < 0 ? x : y;
    case MAX: return apart < 0 ? y : x;
    case OPERATIONS: return apart == 0;
    case OPERATIONS + 1: return apart != 0;
    case OPERATIONS + 2: return apart < 0;
    case OPERATIONS + 3: return apart <= 0;
    case OPERATIONS + 4: return apart > 0;
    default: return apart >= 0;
  }
}

static ops_big video(const ops_given *g) {
  const unsigned bits = (g->number & BYTES) != 0 ? 8 : 16;
  const ops_big most = (g->number & D_SIGNED) != 0 ? (1 << (bits - 1)) - 1 : (1 << bits) - 1;
  const ops_big least = (g->number & D_SIGNED) != 0 ? -most - 1 : 0;
  ops_big sum = g->in[2];
  uint32_t parts = 0;
  for (int i = (int)(32 / bits) - 1; i >= 0; i--) {
    ops_given x = {.in = {g->in[0] >> bits * (unsigned)i}, .bits = bits}, y = x;
    y.in[0] = g->in[1] >> bits * (unsigned)i;
    x.is_signed = (g->number & A_SIGNED) != 0;
    y.is_signed = (g->number & B_SIGNED) != 0;
    ops_big part = of_parts(g->number >> OPERATION_SHIFT, ops_value(&x, 0), ops_value(&y, 0));
    sum += part;
    if ((g->number & SAT) != 0 && part > most) part = most;
    if ((g->number & SAT) != 0 && part < least) part = least;
    parts = parts << bits | ((uint32_t)part & ((1u << bits) - 1));
  }
  return (g->number & SUM) != 0 ? sum : parts;
}

static const char *sign(int number, int which) { return (number & which) != 0 ? "s32" : "u32"; }

TEST(emulator_ops_video, arithmetic_of_halves_and_bytes) {
  for (int operation = 0; operation < OPERATIONS; operation++)
    for (int number = 0; number < 2 * SUM; number++) {
      char name[48];
      if ((number & SAT) != 0 && (number & SUM) != 0) continue;
      (void)snprintf(name, sizeof name, "%s%d.%s.%s.%s%s", operations[operation],
                     (number & BYTES) != 0 ? 4 : 2, sign(number, D_SIGNED), sign(number, A_SIGNED),
                     sign(number, B_SIGNED),
                     (number & SAT) != 0   ? ".sat"
                     : (number & SUM) != 0 ? ".add"
                                           : "");
      ops_check_tail(env, &(const ops_row){name, "", "rrrr", video}, "",
                     number | operation << OPERATION_SHIFT);
    }
}

TEST(emulator_ops_video, comparisons_of_halves_and_bytes) {
  for (int comparison = 0; comparison < COMPARISONS; comparison++)
    for (int number = 0; number < 2 * SUM; number++) {
      char name[48];
      if ((number & (SAT | D_SIGNED)) != 0) continue;
      (void)snprintf(name, sizeof name, "vset%d.%s.%s.%s%s", (number & BYTES) != 0 ? 4 : 2,
                     sign(number, A_SIGNED), sign(number, B_SIGNED), comparisons[comparison],
                     (number & SUM) != 0 ? ".add" : "");
      ops_check_tail(env, &(const ops_row){name, "", "rrrr", video}, "",
                     number | (comparison + OPERATIONS) << OPERATION_SHIFT);
    }
}

TEST(emulator_ops_video, refuses_what_the_isa_has_not) {
  ops_expect_refusal("vadd4.u32.u32 %r0, %r1, %r2, %r3;", "type");
  ops_expect_refusal("vadd4.u32.u32.u32.sat.add %r0, %r1, %r2, %r3;", "add");
  ops_expect_refusal("vset2.u32.u32 %r0, %r1, %r2, %r3;", "lacks a comparison");
  ops_expect_refusal("vset2.u32.u32.lo %r0, %r1, %r2, %r3;", "lacks a comparison");
  ops_expect_refusal("vmin2.u16.u32.u32 %r0, %r1, %r2, %r3;", "no type");
  ops_expect_refusal("vmin2.u32.u32.u32 %r0, %r1, %r2;", "operands");
  ops_expect_refusal("vadd8.u32.u32.u32 %r0, %r1, %r2, %r3;", "unknown");
}
