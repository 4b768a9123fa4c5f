/* Texts that are no PTX, or PTX that the reader does not know: each is refused, with its line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "tests/check.h"
#include "tests/emulator/ptx.h"

#define HEAD ".version 9.0 .target sm_75 .address_size 64\n"
#define BODY                                                                                             \
  HEAD ".global .u32 g;\n.func f;\n.entry e(.param .u32 p) { .reg .f32 f<9>; .reg .b32 r<9>; .reg .b64 " \
       "d<9>; .reg .pred p<9>;\n"

static void expect_refused(const char *text, const char *words) {
  char error[512] = "";
  CHECK_CASE("%.300s", text);
  ptx_module *module = ptx_module_read(text, error);
  EXPECT_TRUE(module == NULL);
  EXPECT_CONTAINS(error, words);
  ptx_module_free(module);
}

TEST(emulator_refuse, modules) {
  expect_refused("", "line 1: no module");
  expect_refused("\n.version 9.0", "line 2: no module");
  expect_refused(".entry e { }", "line 1: a module begins with .version and .target");
  expect_refused("\177ELF", "line 1: a character that PTX does not know");
  expect_refused(HEAD "hello", "line 2: a variable or a function is expected, not 'hello'");
  expect_refused(".version nine", "line 1: a version is expected");
  expect_refused(".version 9.0 .target sm_20 .address_size 32", "line 1: addresses of other than 64 bits");
  expect_refused(".version 9.0 .target sm_20, map_f64_to_f32", "line 1: map_f64_to_f32 is not supported");
  expect_refused(HEAD "/* and", "line 2: a comment without end");
  expect_refused(HEAD "\n.section .debug { \n\n", "line 3: a section without end");
  expect_refused(HEAD ".visible\n", "line 3: the text ends where a variable or a function");
  expect_refused(HEAD ".alias a, b;", "line 2: a variable or a function is expected, not '.alias'");
  expect_refused(HEAD ".tex .u32 t;", "not '.tex'");
  expect_refused(HEAD ".file 1 nowhere", "line 2: a path is expected");
  expect_refused(HEAD ".pragma \"a\" \"b\";", "line 2: ';' is expected");
  expect_refused(HEAD ".pragma \"a\n\";", "line 2: a string without end");
}

TEST(emulator_refuse, variables) {
  expect_refused(HEAD ".global .u32 a;\n.global .u32 a;", "line 3: 'a' is declared twice");
  expect_refused(HEAD ".global .u32 a", "line 2: the text ends where ';' is expected");
  expect_refused(HEAD ".global a;", "line 2: a type is expected");
  expect_refused(HEAD ".global .pred a;", "line 2: a predicate is a register");
  expect_refused(HEAD ".global .texref a;", "line 2: '.texref' is not supported in a declaration");
  expect_refused(HEAD ".global .align 3 .u32 a;", "line 2: .align 3 is no power of two");
  expect_refused(HEAD ".global .align 0 .u32 a;", "line 2: .align 0 is no power of two");
  expect_refused(HEAD ".global .u32 a[];", "line 2: 'a': an array of unknown size");
  expect_refused(HEAD ".global .u32 a[2][];", "line 2: only the first dimension may be open");
  expect_refused(HEAD ".global .u32 a[99999999999999];", "line 2: not the size of an array");
  expect_refused(HEAD ".global .u32 a[1000000][1000000][1000000];",
                 "line 2: an array of more than 2^40 elements");
  expect_refused(HEAD ".const .u8 a[70000];", "line 2: 'a': more than the 65536 bytes");
  expect_refused(HEAD ".local .u8 a;", "line 2: a variable or a function is expected");
  expect_refused(HEAD ".extern .global .u32 a;\n", "line 2: 'a' is not defined in this module");
  expect_refused(HEAD ".extern .global .u32 a;\n.const .u32 a;",
                 "line 3: 'a' was declared in another state space");
  expect_refused(HEAD ".shared .u32 a = 1;",
                 "line 2: 'a': only .global and .const variables have initial values");
  expect_refused(HEAD ".global .u32 a[2] = {1, 2, 3};", "line 2: more initial values than 'a' has elements");
  expect_refused(HEAD ".global .u32 a[2] = {{{1}}};", "line 2: a list of initial values where an element");
  expect_refused(HEAD ".global .u32 a = 1.5;", "line 2: a number that the variable's type cannot hold");
  expect_refused(HEAD ".global .f32 a = 1;", "line 2: a number that the variable's type cannot hold");
  expect_refused(HEAD ".global .u32 a = 0f12;", "line 2: 0f takes 8 hexadecimal digits");
  expect_refused(HEAD ".global .u32 a = 18446744073709551616;", "line 2: an integer of more than 64 bits");
  expect_refused(HEAD ".global .u32 a = 1 / 0;", "line 2: division by zero");
  expect_refused(HEAD ".global .u32 a = b;", "line 2: 'b' is not declared");
  expect_refused(HEAD ".global .u32 a;\n.global .u32 b = a;",
                 "line 3: an address does not fit an element of 4 bytes");
  expect_refused(HEAD ".shared .u32 a;\n.global .u64 b = a;", "line 3: 'a' has no address before a launch");
  expect_refused(HEAD ".global .u64 a = 0xF0(a);", "line 2: ");
}

TEST(emulator_refuse, functions) {
  expect_refused(HEAD ".entry e {", "line 2: the text ends where an instruction is expected");
  expect_refused(HEAD ".entry e { } }", "line 2: a variable or a function is expected, not '}'");
  expect_refused(HEAD ".entry e { }\n.entry e { }", "line 3: 'e' is defined twice");
  expect_refused(HEAD ".entry e { }\n.func e { }", "line 3: 'e' is both a function and an entry");
  expect_refused(HEAD ".global .u32 e;\n.func e { }", "line 3: 'e' is declared twice");
  expect_refused(HEAD ".func e(.param .u32 a);\n.func e(.param .u64 a) { }",
                 "line 3: 'e' was declared with other");
  expect_refused(HEAD ".func e(.reg .u32 a) { }", "line 2: parameters in registers are not supported");
  expect_refused(HEAD ".entry e(.param .u8 a[40000]) { }", "line 2: 'a': more than the 32764 bytes");
  expect_refused(HEAD ".entry e(.param .u8 a[]) { }", "line 2: 'a': a parameter of unknown size");
  expect_refused(HEAD ".entry e .maxntid 0 { }", "line 2: a block of no threads");
  expect_refused(HEAD ".entry e .maxntid 4096 { }", "line 2: 4096 is more than the 1024");
  expect_refused(HEAD ".entry e .reqnctapercluster 2, 1, 1 { }",
                 "line 2: '{' is expected, not '.reqnctapercluster'");
}

TEST(emulator_refuse, statements) {
  expect_refused(BODY "\nbogus.u32 r1, r2;\n}", "line 6: unknown instruction 'bogus.u32'");
  expect_refused(BODY "add.bogus.f32 f1, f2, f3;\n}", "line 5: add.bogus.f32: ");
  expect_refused(BODY "add.f32 f1, f2;\n}", "line 5: add.f32: it takes 3 operands, not 2");
  expect_refused(BODY "add.f32 f1, f2, f9;\n}", "line 5: 'f9' is not declared");
  expect_refused(BODY "cvt.u32.u32 r1, 1.5;\n}",
                 "line 5: cvt.u32.u32: a number that an operand's type cannot hold");
  expect_refused(BODY "add.f32 f1, f2, d1;\n}", "line 5: add.f32: an operand's register has not the type");
  expect_refused(BODY "add.f32 f1, f2, p1;\n}", "line 5: add.f32: an operand's register has not the type");
  expect_refused(BODY "add.f32 f1, f2, !f3;\n}", "line 5: add.f32: '!' before an operand that takes none");
  expect_refused(BODY "add.f32 f1, f2, 1;\n}",
                 "line 5: add.f32: a number that an operand's type cannot hold");
  expect_refused(BODY "add.f32 1.0, f2, f1;\n}", "line 5: add.f32: a result that is no register");
  expect_refused(BODY "add.f32 f1, f2, _;\n}", "line 5: add.f32: an operand of another kind is expected");
  expect_refused(BODY "add.f32 f1, f2, [f3];\n}", "line 5: add.f32: an operand of another kind is expected");
  expect_refused(BODY "add.f32 f1, f2, {f3, f4};\n}",
                 "line 5: add.f32: an operand of another kind is expected");
  expect_refused(BODY "add.f32 f1, f2, g;\n}", "line 5: add.f32: an address is no number of this type");
  expect_refused(BODY "cvt.u32.u32 r1, %clock;\n}", "line 5: cvt.u32.u32: a clock is read by mov alone");
  expect_refused(BODY "cvt.u32.u32 r1, %none;\n}",
                 "line 5: '%none' is not declared, and no special register");
  expect_refused(BODY "cvt.u32.u32 r1, r2|r3;\n}", "line 5: ");
  expect_refused(BODY "cvt.u32.u32 r1, r2|5;\n}", "line 5: a pair that is not of registers");
  expect_refused(BODY "cvt.u32.u32 r1, {{{{r2}}}};\n}",
                 "line 5: operands within operands of too many levels");
  expect_refused(BODY "cvt.u32.u32 r1, nowhere;\n}", "line 5: 'nowhere' is not declared");
  expect_refused(BODY "cvt.u32.u32 r1, [nowhere];\n}", "line 5: 'nowhere' is not declared");
  expect_refused(BODY "{ here: }\ncvt.u32.u32 r1, here;\n}", "line 6: 'here' is not declared");
  expect_refused(BODY "here:\nhere:\n}", "line 6: 'here' is declared twice");
  expect_refused(BODY "@r1 add.f32 f1, f2, f3;\n}", "line 5: 'r1' is no predicate");
  expect_refused(BODY "@p1 { }\n}", "line 5: an instruction is expected, not '{'");
  expect_refused(BODY "add.f32 f1, f2, f3\nadd.f32 f1, f2, f3;\n}", "line 6: ';' is expected, not 'add'");
  expect_refused(BODY ".reg .b128 q;\n}", "line 5: registers of 128 bits are not supported");
  expect_refused(BODY ".reg .u32 x<99999999>;\n}", "line 5: 99999999 is more than the 1048576");
  expect_refused(BODY ".reg .u32 x1<9>;\n}", "line 5: 'x1<..>': a digit before the numbers");
  expect_refused(BODY ".shared .u8 a[2000000];\n}", "line 5: 'a': more than the 1048576 bytes");
  expect_refused(BODY ".local .u8 a[2000000];\n}", "line 5: 'a': more than the 524288 bytes");
}

static char *repeated(const char *start, const char *piece, unsigned times, const char *end) {
  char *text = malloc(strlen(start) + strlen(piece) * times + strlen(end) + 1), *at = stpcpy(text, start);
  for (unsigned i = 0; i < times; i++) at = stpcpy(at, piece);
  strcpy(at, end);
  return text;
}

TEST(emulator_refuse, what_has_no_bottom) {
  static const struct {
    const char *start, *piece, *end, *words;
  } cases[] = {
      {BODY, "{", "", "scopes within each other"},
      {HEAD ".global .u32 a = ", "(", "", "an expression of too many levels"},
      {HEAD ".global .u32 a = ", "-", "", "an expression of too many levels"},
      {HEAD ".global .u32 a[2][2] = ", "{", "", "line 2: "},
      {BODY "add.f32 f1, ", "{", "", "operands within operands"},
      {BODY "add.f32 f1, ", "[", "", "operands within operands"},
      {BODY "add.f32 f1, ", "r1|", "r1;", "line 5: "},
      {BODY "add.f32 f1", ", f1", ";", "operands"},
      {BODY "add", ".x", " f1, f1;", "an instruction's name of too many letters"},
      {HEAD ".global .u32 a", "[1]", ";", "an array of more than"},
      {HEAD ".func (", ".param .u32 _, ", ".param .u32 _) f { }", "more than 4096 parameters"},
      {HEAD ".func f", ".noreturn ", "", "the text ends"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *text = repeated(cases[i].start, cases[i].piece, 100000, cases[i].end);
    expect_refused(text, cases[i].words);
    free(text);
  }
}

/* A text with something of everything. */
static const char sample[] = HEAD
    ".file 1 \"a.cu\"\n.global .align 8 .u32 table[2][3] = {{1, 2}, {0x10, -1, 0b11}};\n"
    ".const .u64 to[3] = {table + 8, 0, generic(table)};\n.extern .shared .align 16 .b8 dynamic[];\n"
    ".func (.param .b32 r) f(.param .b64 x, .param .align 8 .b8 y[12]) { }\n"
    ".visible .entry e(.param .u64 .ptr .global .align 4 a, .param .u32 b) .maxntid 256, 1, 1 {\n"
    ".reg .f32 %f<9>; .reg .b32 %r<9>; .reg .v2 .f32 v; .reg .pred %p<3>; .reg .b64 %rd<4>;\n"
    ".shared .align 4 .b8 tile[64]; .local .u32 own[3];\n.loc 1 5 1\n"
    "@!%p1 fma.rn.ftz.f32 %f1, v.x, 0f3F800000, -1.5e-3;\nhere: { .param .b32 p0; cvt.u32.u32 %r1, %tid.x; "
    "}\n"
    "cvt.u64.u64 %rd1, table + (3 << 2); cvt.rn.f32.s32 %f2, WARP_SZ;\n"
    "list: .branchtargets here, list2; list2:\nproto: .callprototype (.param .b32 _) _ (.param .b64 _);\n}\n"
    ".section .debug_str { .b8 1, \"}\" }\n";

TEST(emulator_refuse, no_text_harms) {
  char error[512], text[sizeof sample];
  ptx_module *module = ptx_module_read(sample, error);
  if (module == NULL) FAIL("%s", error);
  ptx_module_free(module);
  for (size_t bytes = 0; bytes < sizeof sample; bytes++) { /* cut off */
    memcpy(text, sample, bytes);
    text[bytes] = '\0';
    ptx_module_free(ptx_module_read(text, error));
  }
  static const char signs[] = "{}[]()<>,;:@!|+-*/.%$_\"0129afdxrU \n\x80";
  for (int i = 0; i < 20000; i++) { /* other signs, or pieces moved about */
    memcpy(text, sample, sizeof sample);
    for (uint64_t changes = check_random_below(env, 4) + 1; changes > 0; changes--) {
      const size_t at = check_random_below(env, sizeof sample - 1),
                   from = check_random_below(env, sizeof sample - 1);
      const size_t most = sizeof sample - 1 - (at > from ? at : from);
      const size_t bytes = check_random_below(env, (most < 40 ? most : 40) + 1);
      if (check_random_below(env, 2) == 0) text[at] = signs[check_random_below(env, sizeof signs - 1)];
      else memcpy(text + at, sample + from, bytes);
    }
    ptx_module_free(ptx_module_read(text, error));
  }
}

TEST(emulator_refuse, memory_that_there_is_not) {
  ptx_module *module = NULL;
  uint64_t tries = 0;
  while (module == NULL && tries < 1000) {
    char error[512];
    lazyi_memory_fail_at(++tries);
    module = ptx_module_read(sample, error);
    lazyi_memory_fail_at(0);
    if (module == NULL && !EXPECT_CONTAINS(error, "out of memory")) break;
  }
  EXPECT_TRUE(module != NULL);
  EXPECT_GT(tries, 10u);
  ptx_module_free(module);
}
