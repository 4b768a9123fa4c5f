/* Registers that share rows: random programs of one thread, run on the rows that the reader gave, against the
   same on registers of their own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/check.h"
#include "tests/emulator/ptx.h"

enum { REGISTERS = 24, MOST_STATEMENTS = 60, STEPS = 400 };

typedef enum form { ADD, ADD_GUARDED, COMPARE, BRANCH, BRANCH_GUARDED, BRANCH_BY_INDEX, END } form;
typedef struct statement {
  form form;
  unsigned d, a, b, targets[3];
} statement;

typedef struct program {
  statement at[MOST_STATEMENTS];
  unsigned count;
  char text[16384];
} program;

/* Registers near each other are used near each other, so that many die young; some cross everything. */
static unsigned some_register(check_env *env, unsigned place) {
  const unsigned near = place / 4;
  return (check_random_below(env, 4) == 0 ? (unsigned)check_random_below(env, REGISTERS)
                                          : (near + (unsigned)check_random_below(env, 4))) %
         REGISTERS;
}

static void make(check_env *env, program *made) {
  static const char *const guards[] = {"", "@p ", "", "", "@!p ", "", ""};
  char *end = made->text;
  made->count = 2 + (unsigned)check_random_below(env, MOST_STATEMENTS - 2);
  end += sprintf(
      end, ".version 9.0 .target sm_75 .address_size 64\n.entry e() {\n.reg .b32 r<%d>; .reg .pred p;\n",
      (int)REGISTERS);
  for (unsigned i = 0; i < made->count; i++) {
    statement *at = &made->at[i];
    *at = (statement){i + 1 == made->count ? END : (form)check_random_below(env, END),
                      some_register(env, i),
                      some_register(env, i),
                      some_register(env, i),
                      {0}};
    for (int t = 0; t < 3; t++) at->targets[t] = (unsigned)check_random_below(env, made->count);
    end += sprintf(end, "L%u: %s", i, guards[at->form]);
    switch (at->form) {
      case ADD:
      case ADD_GUARDED: end += sprintf(end, "add.u32 r%u, r%u, r%u;\n", at->d, at->a, at->b); break;
      case COMPARE: end += sprintf(end, "setp.lt.u32 p, r%u, r%u;\n", at->a, at->b); break;
      case BRANCH:
      case BRANCH_GUARDED: end += sprintf(end, "bra L%u;\n", at->targets[0]); break;
      case BRANCH_BY_INDEX:
        end += sprintf(end, "brx.idx r%u, list%u;\nlist%u: .branchtargets L%u, L%u, L%u;\n", at->a, i, i,
                       at->targets[0], at->targets[1], at->targets[2]);
        break;
      case END: end += sprintf(end, "ret;\n"); break;
    }
  }
  strcpy(end, "}\n");
}

/* Both machines step together. Registers begin as 0, as rows do. A value that was never given is not
   compared: what it is nobody says. */
static bool run(check_env *env, const program *made, const ptx_module *module) {
  uint32_t registers[REGISTERS] = {0}, *rows = calloc(module->functions[0].rows, sizeof *rows);
  bool known[REGISTERS] = {false}, p = false, p_known = false, good = true;
  unsigned pc = 0;
  for (unsigned step = 0; good && step < STEPS && made->at[pc].form != END; step++) {
    const statement *at = &made->at[pc];
    const ptx_instruction *code = &module->code[pc];
    const bool reads = at->form == ADD || at->form == COMPARE || at->form == ADD_GUARDED;
    if (reads && known[at->a]) good &= EXPECT_EQ(rows[code->a], registers[at->a]);
    if (reads && known[at->b]) good &= EXPECT_EQ(rows[code->b], registers[at->b]);
    const bool is_guarded = at->form == ADD_GUARDED || at->form == BRANCH_GUARDED;
    if (is_guarded && p_known) good &= EXPECT_EQ(rows[code->guard], (uint32_t)p);
    const bool does = !is_guarded || p != code->guard_negated;
    unsigned next = pc + 1;
    switch (at->form) {
      case ADD:
      case ADD_GUARDED:
        if (!does) break;
        registers[at->d] = rows[code->d] = (uint32_t)check_random(env); /* any result will do */
        known[at->d] = true;
        break;
      case COMPARE:
        rows[code->d] = p = check_random_below(env, 2) != 0;
        p_known = true;
        break;
      case BRANCH:
      case BRANCH_GUARDED:
        if (does) next = at->targets[0];
        break;
      case BRANCH_BY_INDEX:
        if (known[at->a]) good &= EXPECT_EQ(rows[code->a], registers[at->a]);
        next = at->targets[check_random_below(env, 3)];
        break;
      case END: break;
    }
    pc = next;
  }
  free(rows);
  return good;
}

TEST(emulator_rows, registers_keep_their_values) {
  static program made;
  uint64_t rows = 0;
  const int programs = 2000;
  for (int i = 0; i < programs; i++) {
    char error[512];
    make(env, &made);
    CHECK_CASE("%s", made.text);
    ptx_module *module = ptx_module_read(made.text, error);
    if (module == NULL) FAIL("%s", error);
    const bool good = module != NULL && run(env, &made, module) && run(env, &made, module);
    if (module != NULL) rows += module->functions[0].rows;
    ptx_module_free(module);
    if (!good) return;
  }
  EXPECT_LT(rows, (uint64_t)programs * REGISTERS); /* that they share some */
}

TEST(emulator_rows, a_long_way_needs_few) {
  enum { COUNT = 5000 };
  char *text = malloc(64 * COUNT), *end = text, error[512];
  end += sprintf(end, ".version 9.0 .target sm_75 .address_size 64\n.entry e() {\n.reg .f32 f<%d>;\n",
                 (int)COUNT);
  for (int i = 1; i < COUNT; i++) end += sprintf(end, "fma.rn.f32 f%d, f0, f%d, f0;\n", i, i - 1);
  strcpy(end, "}\n");
  ptx_module *module = ptx_module_read(text, error);
  if (module == NULL) FAIL("%s", error);
  else EXPECT_LE(module->functions[0].rows, 3u);
  ptx_module_free(module);
  free(text);
}
