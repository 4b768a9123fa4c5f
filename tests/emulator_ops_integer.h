/* Tables of instructions of integers: a name, its types, the shape of its operands, and what it yields. */
#ifndef LAZYRT_TESTS_EMULATOR_OPS_INTEGER_TEST_H
#define LAZYRT_TESTS_EMULATOR_OPS_INTEGER_TEST_H

#include "tests/emulator_ops.h"

__extension__ typedef __int128 ops_big;
__extension__ typedef unsigned __int128 ops_ubig;

/* The operands of one lane, as bits, of an instruction's type. */
typedef struct ops_given {
  uint64_t in[4], carry;
  unsigned bits; /* of the type */
  bool is_signed;
  int number; /* that the test gave */
} ops_given;
typedef ops_big ops_reference(const ops_given *given);

/* Of the shape, the first is the result, the rest the sources: of the type's size (s), twice it (w), 16 (h),
   32 (r) or 64 bits (d), predicates (p). Results are compared in their size. */
typedef struct ops_row {
  const char *name, *types, *shape;
  ops_reference *wanted;
} ops_row;

/* An operand as a number. */
static inline ops_big ops_value(const ops_given *given, int operand) {
  const unsigned above = 128 - given->bits;
  const ops_ubig top = (ops_ubig)given->in[operand] << above;
  return given->is_signed ? (ops_big)top >> above : (ops_big)(top >> above);
}

enum { OPS_EDGES = 34 };
static inline uint64_t ops_edge(unsigned index, unsigned bits) {
  static const uint64_t edges[] = {0,
                                   1,
                                   2,
                                   3,
                                   4,
                                   7,
                                   8,
                                   15,
                                   16,
                                   17,
                                   31,
                                   32,
                                   33,
                                   63,
                                   64,
                                   65,
                                   0x7f,
                                   0x80,
                                   0xff,
                                   0x100,
                                   0x7fff,
                                   0x8000,
                                   0x7fffff,
                                   0x800000,
                                   0xffffff,
                                   0x5555555555555555,
                                   0xaaaaaaaaaaaaaaaa,
                                   0x0123456789abcdef};
  enum { FIXED = sizeof edges / sizeof *edges };
  const uint64_t top = (uint64_t)1 << (bits - 1);
  const uint64_t of_size[] = {top - 1, top, top + 1, 2 * top - 2, 2 * top - 1, top | top / 2};
  return (index < FIXED ? edges[index] : of_size[index - FIXED]) & (top | (top - 1));
}
static inline uint64_t ops_any(check_env *env, unsigned bits) {
  if (bits == 1) return check_random_below(env, 2);
  if (check_random_below(env, 3) != 0) return ops_edge((unsigned)check_random_below(env, OPS_EDGES), bits);
  return check_random(env) >> (64 - bits);
}

static inline unsigned ops_bits(char kind) {
  return kind == 'p' ? 1 : kind == 'h' ? 16 : kind == 'r' ? 32 : 64;
}

/* One row with one type ("" where the name says it all): the operands' kinds are registers'. */
static inline void ops_check_one(check_env *env, const ops_row *row, const char *type, const char *tail,
                                 int number) {
  ops_given given = {
      .bits = *type == 0 ? 32 : (unsigned)atoi(type + 1), .is_signed = *type == 's', .number = number};
  char text[160], kinds[6] = "";
  int used = snprintf(text, sizeof text, "%s%s%s", row->name, *type == 0 ? "" : ".", type);
  const unsigned count = (unsigned)strlen(row->shape);
  for (unsigned i = 0; i < count; i++) {
    const unsigned bits = given.bits << (row->shape[i] == 'w');
    kinds[i] = row->shape[i];
    if (kinds[i] == 's' || kinds[i] == 'w') kinds[i] = bits == 16 ? 'h' : bits == 32 ? 'r' : 'd';
    used += snprintf(text + used, sizeof text - (size_t)used, "%s%%%c%u", i == 0 ? " " : ", ", kinds[i], i);
  }
  (void)snprintf(text + used, sizeof text - (size_t)used, "%s;", tail);
  CHECK_CASE("%s", text);
  ops_rig rig;
  if (!ops_open(&rig, text)) return;
  uint64_t *lanes[5];
  for (unsigned i = 0; i < count; i++) lanes[i] = ops_lanes(&rig, i);
  const uint64_t low = ~(uint64_t)0 >> (64 - ops_bits(kinds[0]));
  /* every edge of the first with every edge of the second source, and as many drawn ones */
  enum { PAIRS = OPS_EDGES * OPS_EDGES };
  for (unsigned done = 0, shown = 0; done < 2 * PAIRS && shown < 4; done += PTX_LANES) {
    for (unsigned lane = 0; lane < PTX_LANES; lane++) {
      lanes[0][lane] = lane & low;
      for (unsigned i = 1; i < count; i++) lanes[i][lane] = ops_any(env, ops_bits(kinds[i]));
      const unsigned pair = done + lane;
      if (pair >= PAIRS) continue;
      if (kinds[1] != 'p') lanes[1][lane] = ops_edge(pair % OPS_EDGES, ops_bits(kinds[1]));
      if (count > 2 && kinds[2] != 'p') lanes[2][lane] = ops_edge(pair / OPS_EDGES, ops_bits(kinds[2]));
    }
    const uint32_t masks[] = {(uint32_t)check_random(env) | 1, ~(uint32_t)0};
    for (int part = 0; part < 2; part++) {
      ops_step(&rig, masks[part]);
      for (unsigned lane = 0; lane < PTX_LANES; lane++) {
        for (unsigned i = 1; i < count; i++) given.in[i - 1] = lanes[i][lane];
        uint64_t wanted = lane & low;
        if ((masks[part] >> lane & 1) != 0) wanted = (uint64_t)row->wanted(&given) & low;
        if (lanes[0][lane] == wanted || shown++ >= 4) continue;
        FAIL("%s of %#llx %#llx %#llx %#llx: found %#llx, wanted %#llx", text,
             (unsigned long long)given.in[0], (unsigned long long)given.in[1],
             (unsigned long long)given.in[2], (unsigned long long)given.in[3],
             (unsigned long long)lanes[0][lane], (unsigned long long)wanted);
      }
    }
  }
  ops_close(&rig);
}

/* A row with each of its types; `tail` stands behind the operands, `number` is for the reference. */
static inline void ops_check_tail(check_env *env, const ops_row *row, const char *tail, int number) {
  if (*row->types == 0) ops_check_one(env, row, "", tail, number);
  for (const char *at = row->types; *at != 0;) {
    char type[8] = "";
    const size_t length = strcspn(at, " ");
    memcpy(type, at, length);
    ops_check_one(env, row, type, tail, number);
    at += length + (at[length] == ' ');
  }
}

static inline void ops_check_row(check_env *env, const ops_row *row) { ops_check_tail(env, row, "", 0); }

#endif
