/* The reader of PTX: what a module's text becomes. What is refused: emulator_refuse_test.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/check.h"
#include "tests/emulator/ptx.h"

#define HEAD ".version 9.0\n.target sm_75\n.address_size 64\n"

static ptx_module *read_text(const char *text) {
  char error[512];
  ptx_module *module = ptx_module_read(text, error);
  if (module == NULL) FAIL("%s", error);
  return module;
}

static const ptx_variable *variable_of(const ptx_module *module, const char *name) {
  for (uint32_t i = 0; i < module->variable_count; i++) {
    if (strcmp(module->variables[i]->name, name) == 0) return module->variables[i];
  }
  FAIL("there is no variable '%s'", name);
  return NULL;
}

static const struct ptx_constant *constant_of(const ptx_function *function, uint32_t row) {
  for (uint32_t i = 0; i < function->constant_count; i++) {
    if (function->constants[i].row == row) return &function->constants[i];
  }
  FAIL("row %u holds no constant", row);
  return NULL;
}

TEST(emulator_read, head) {
  ptx_module *module =
      read_text("// a comment\n.version 8.7 /* another */ .target sm_90a, debug .address_size 64");
  ASSERT_TRUE(module != NULL);
  EXPECT_EQ(module->version, 87u);
  EXPECT_EQ(module->target, 90u);
  EXPECT_EQ(module->function_count, 0u);
  ptx_module_free(module);
}

TEST(emulator_read, parameters_of_an_entry_lie_as_the_abi_has_them) {
  ptx_module *module = read_text(HEAD
                                 ".visible .entry first(.param .u8 a, .param .u64 .ptr .global .align 4 b,\n"
                                 "  .param .align 16 .b8 c[20], .param .u16 d, .param .f64 e)\n"
                                 ".maxntid 256, 2 .minnctapersm 3 .pragma \"nounroll\"; { }\n"
                                 ".entry second .reqntid 32, 2, 3 { }");
  ASSERT_TRUE(module != NULL);
  const ptx_function *first = ptx_module_find(module, "first"), *second = ptx_module_find(module, "second");
  EXPECT_TRUE(ptx_module_find(module, "third") == NULL);
  ASSERT_TRUE(first != NULL && second != NULL && first->param_count == 5);
  static const uint64_t offsets[] = {0, 8, 16, 36, 40}, bytes[] = {1, 8, 20, 2, 8};
  for (int i = 0; i < 5; i++) {
    EXPECT_EQ(first->params[i]->offset, offsets[i]);
    EXPECT_EQ(first->params[i]->bytes, bytes[i]);
    EXPECT_EQ(first->params[i]->space, PTX_PARAM);
    EXPECT_FALSE(first->params[i]->is_of_call);
  }
  EXPECT_EQ(first->params_bytes, 48u);
  EXPECT_EQ(first->max_threads[0], 256u);
  EXPECT_EQ(first->max_threads[1], 2u);
  EXPECT_EQ(first->max_threads[2], 1u);
  EXPECT_EQ(first->min_blocks, 3u);
  EXPECT_EQ(first->required_threads[0], 0u);
  EXPECT_EQ(second->required_threads[2], 3u);
  EXPECT_EQ(second->params_bytes, 0u);
  ptx_module_free(module);
}

TEST(emulator_read, functions_keep_parameters_in_local_memory) {
  ptx_module *module = read_text(HEAD
                                 ".func (.param .b32 r) f(.param .b64 x, .param .align 8 .b8 y[12]);\n"
                                 ".extern .func g;\n"
                                 ".func (.param .b32 r) f(.param .b64 x, .param .align 8 .b8 y[12])\n"
                                 "{ .local .align 32 .b8 own[10];\n"
                                 "  { .param .b32 p; .param .b64 q; } { .param .b8 p[3]; } }");
  ASSERT_TRUE(module != NULL);
  ASSERT_EQ(module->function_count, 2u);
  const ptx_function *f = &module->functions[0];
  EXPECT_STREQ(f->name, "f");
  ASSERT_TRUE(f->has_body && !f->is_entry && f->param_count == 2 && f->result_count == 1);
  EXPECT_EQ(f->results[0]->offset, 0u);
  EXPECT_EQ(f->params[0]->offset, 8u);
  EXPECT_EQ(f->params[1]->offset, 16u);
  EXPECT_TRUE(f->params[1]->is_of_call && f->results[0]->is_of_call);
  EXPECT_EQ(f->local_align, 32u);
  EXPECT_EQ(f->local_bytes,
            64u); /* own: 32 to 42; then p 44 to 48 and q 48 to 56, in whose place the other p is */
  EXPECT_EQ(f->params_bytes, 0u);
  EXPECT_FALSE(module->functions[1].has_body);
  EXPECT_TRUE(ptx_module_find(module, "f") == NULL); /* which finds entries */
  ptx_module_free(module);
}

TEST(emulator_read, variables_and_their_initial_values) {
  ptx_module *module = read_text(
      HEAD
      ".global .u8 small = 7;\n.visible .global .align 4 .u32 table[2][3] = {{1, 2}, {0x10, -1, 0b11U}};\n"
      ".const .f32 floats[] = {0f3F800000, -2.5, 1e3};\n.global .f64 wide = 0d4000000000000000;\n"
      ".global .v2 .u16 pairs[2] = {{1, 2}, {3}};\n.global .b8 zeros[100];\n"
      ".const .u64 sum = (1 << 40) + 3 * 4 - 010, more = ~0 >> 1;\n"
      ".extern .shared .align 16 .b8 dynamic[];\n.shared .u32 fixed[5];\n.shared .u64 last;\n"
      ".extern .global .u32 later;\n.weak .global .u32 later = 5;\n.func f { }\n.const .u64 known[2] = {f, "
      "1};");
  ASSERT_TRUE(module != NULL);
  static const struct wanted {
    const char *name;
    ptx_space space;
    uint64_t bytes, offset;
    const char *initial;
  } wanted[] = {
      {"small", PTX_GLOBAL, 1, 0, "\x07"},
      {"table", PTX_GLOBAL, 24, 4, "\1\0\0\0\2\0\0\0\0\0\0\0\x10\0\0\0\xff\xff\xff\xff\3\0\0\0"},
      {"floats", PTX_CONST, 12, 0, "\0\0\x80\x3f\0\0\x20\xc0\0\0\x7a\x44"},
      {"wide", PTX_GLOBAL, 8, 32, "\0\0\0\0\0\0\0\x40"},
      {"pairs", PTX_GLOBAL, 8, 40, "\1\0\2\0\3\0\0\0"},
      {"zeros", PTX_GLOBAL, 100, 48, NULL},
      {"sum", PTX_CONST, 8, 16, "\4\0\0\0\0\1\0\0"},
      {"more", PTX_CONST, 8, 24, "\xff\xff\xff\xff\xff\xff\xff\xff"},
      {"dynamic", PTX_SHARED, 0, 0, NULL},
      {"fixed", PTX_SHARED, 20, 0, NULL},
      {"last", PTX_SHARED, 8, 24, NULL},
      {"later", PTX_GLOBAL, 4, 148, "\5\0\0\0"},
      {"known", PTX_CONST, 16, 32, "\x10\0\0\0\0\0\0\x25\1\0\0\0\0\0\0\0"},
  };
  EXPECT_EQ(module->variable_count, sizeof wanted / sizeof *wanted);
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    CHECK_CASE("%s", wanted[i].name);
    const ptx_variable *found = variable_of(module, wanted[i].name);
    if (found == NULL) continue;
    EXPECT_EQ(found->space, wanted[i].space);
    EXPECT_EQ(found->bytes, wanted[i].bytes);
    EXPECT_EQ(found->offset, wanted[i].offset);
    EXPECT_EQ(found->is_extern, strcmp(found->name, "dynamic") == 0);
    EXPECT_TRUE(found->is_of_module);
    if (wanted[i].initial == NULL) EXPECT_TRUE(found->initial == NULL);
    else if (EXPECT_TRUE(found->initial != NULL))
      EXPECT_BYTES_EQ(found->initial, wanted[i].initial, found->bytes);
  }
  EXPECT_EQ(module->global_bytes, 152u);
  EXPECT_EQ(module->const_bytes, 48u);
  EXPECT_EQ(module->shared_bytes, 32u);
  ptx_module_free(module);
}

TEST(emulator_read, addresses_in_initial_values) {
  ptx_module *module = read_text(HEAD
                                 ".global .u8 a[8];\n.const .u64 to[3] = {a + 3, 0, generic(a)};\n"
                                 ".global .u8 bytes[2] = {0xFF(a), 0xFF00(a)};");
  ASSERT_TRUE(module != NULL);
  const ptx_variable *a = variable_of(module, "a");
  static const struct {
    const char *in;
    uint64_t at, bits;
    uint32_t shift, bytes;
    bool is_generic;
  } wanted[] = {{"to", 0, 3, 0, 8, false},
                {"to", 16, 0, 0, 8, true},
                {"bytes", 0, 0, 0, 1, false},
                {"bytes", 1, 0, 8, 1, false}};
  ASSERT_EQ(module->address_count, 4u);
  for (uint32_t i = 0; i < 4; i++) {
    const ptx_initial_address *found = &module->addresses[i];
    EXPECT_STREQ(found->in->name, wanted[i].in);
    EXPECT_TRUE(found->variable == a);
    EXPECT_EQ(found->at, wanted[i].at);
    EXPECT_EQ(found->bits, wanted[i].bits);
    EXPECT_EQ(found->shift, wanted[i].shift);
    EXPECT_EQ(found->bytes, wanted[i].bytes);
    EXPECT_EQ(found->is_generic, wanted[i].is_generic);
  }
  ptx_module_free(module);
}

TEST(emulator_read, registers_and_scopes) {
  ptx_module *module = read_text(HEAD
                                 ".entry e() {\n.reg .f32 %f<3>, one;\n.reg .pred %p<2>;\n.reg .v2 .f32 v;\n"
                                 "add.f32 %f1, %f2, one;\n"
                                 "{ .reg .f32 one; add.f32 one, %f1, one; }\n"
                                 "@%p1 add.f32 one, v.x, v.y;\n@!%p1 add .rn\n.f32 _, %f1, %f0;\n}");
  ASSERT_TRUE(module != NULL);
  const ptx_instruction *code = module->code;
  ASSERT_TRUE(module->code_count >= 4);
  EXPECT_EQ(code[1].a, code[0].d);
  EXPECT_EQ(code[1].b, code[1].d);
  EXPECT_NE(code[1].d, code[0].b);
  EXPECT_EQ(code[2].d, code[0].b);
  EXPECT_EQ(code[2].b, code[2].a + 1);
  EXPECT_EQ(code[0].guard, PTX_NO_ROW);
  EXPECT_EQ(code[3].guard, code[2].guard);
  EXPECT_FALSE(code[2].guard_negated);
  EXPECT_TRUE(code[3].guard_negated);
  EXPECT_EQ(code[3].line, 11u);
  ptx_module_free(module);
}

TEST(emulator_read, constants_and_special_registers_are_rows) {
  ptx_module *module =
      read_text(HEAD
                ".global .u32 a[2];\n.entry e() {\n.reg .f32 f;\n.reg .b32 r;\n.reg .b64 d;\n"
                "add.f32 f, 0f3F800000, 0.5;\nadd.f64 d, 0d3FF0000000000000, -0.25;\n"
                "cvt.u64.u64 d, 0xFFFFFFFFFFFFFFFF;\ncvt.u64.u64 d, -1;\ncvt.u64.u64 d, (3 + 4) * -2;\n"
                "cvt.u32.u32 r, -1;\ncvt.u64.u64 d, a + 4;\ncvt.u32.u32 r, %tid.y;\ncvt.u32.u32 r, %laneid;\n"
                "cvt.u32.u32 r, %tid.y;\ncvt.u32.u32 r, WARP_SZ;\ncvt.u64.u64 d, e;\n}");
  ASSERT_TRUE(module != NULL);
  const ptx_instruction *code = module->code;
  const ptx_function *function = ptx_module_find(module, "e");
  ASSERT_TRUE(module->code_count >= 12);
  const struct {
    uint32_t row;
    uint64_t bits;
  } wanted[] = {
      {code[0].a, 0x3f800000},
      {code[0].b, 0x3f000000},
      {code[1].a, UINT64_C(0x3ff0000000000000)},
      {code[1].b, UINT64_C(0xbfd0000000000000)},
      {code[2].a, UINT64_MAX},
      {code[3].a, UINT64_MAX},
      {code[4].a, (uint64_t)-14},
      {code[5].a, UINT32_MAX},
      {code[6].a, 4},
      {code[10].a, 32},
      {code[11].a, ptx_function_address(0)},
  };
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    CHECK_CASE("constant %zu", i);
    const struct ptx_constant *found = constant_of(function, wanted[i].row);
    ASSERT_TRUE(found != NULL);
    EXPECT_EQ(found->bits, wanted[i].bits);
    EXPECT_TRUE(found->variable == (i == 8 ? module->variables[0] : NULL));
  }
  EXPECT_EQ(code[2].a, code[3].a); /* one row for a number */
  EXPECT_EQ(code[7].a, code[9].a);
  ASSERT_EQ(function->special_count, 2u);
  EXPECT_EQ(function->specials[0].special, PTX_TID_Y);
  EXPECT_EQ(function->specials[0].row, code[7].a);
  EXPECT_EQ(function->specials[1].special, PTX_LANEID);
  ptx_module_free(module);
}

TEST(emulator_read, where_instructions_come_from) {
  ptx_module *module = read_text(
      HEAD
      ".entry e() {\n.reg .f32 f;\nadd.f32 f, f, f;\n.loc 2 17 3\nadd.f32 f, f, f;\n"
      ".loc 1 20 0, function_name $L__info_string0, inlined_at 2 18 4\nadd.f32 f, f, f;\n}\n"
      ".entry g() {\n.reg .f32 f;\nadd.f32 f, f, f;\n}\n.file 1 \"/a b/c.cu\"\n.file 2 \"d.cu\", 123, 456\n"
      ".section .debug_str\n{\n$L__info_string0:\n.b8 101, 0 // }\n.b8 \"}\\\"}\"\n}\n"
      ".section .debug_loc { }\n");
  ASSERT_TRUE(module != NULL);
  ASSERT_EQ(module->file_count, 3u);
  EXPECT_TRUE(module->files[0] == NULL);
  EXPECT_STREQ(module->files[1], "/a b/c.cu");
  EXPECT_STREQ(module->files[2], "d.cu");
  const ptx_instruction *code = module->code;
  static const uint32_t lines[] = {6, 8, 10}, source_lines[] = {0, 17, 20}, files[] = {0, 2, 1};
  for (int i = 0; i < 3; i++) {
    EXPECT_EQ(code[i].line, lines[i]);
    EXPECT_EQ(code[i].source_line, source_lines[i]);
    EXPECT_EQ(code[i].source_file, files[i]);
  }
  const ptx_function *e = ptx_module_find(module, "e"), *g = ptx_module_find(module, "g");
  ASSERT_TRUE(e != NULL && g != NULL);
  EXPECT_EQ(g->first, e->count);
  EXPECT_EQ(code[g->first].source_line, 0u); /* a function begins without .loc */
  EXPECT_TRUE(ptx_module_function_at(module, e->count - 1) == e);
  EXPECT_TRUE(ptx_module_function_at(module, g->first) == g);
  EXPECT_TRUE(ptx_module_function_at(module, module->code_count - 1) == g);
  ptx_module_free(module);
}

TEST(emulator_read, a_megabyte_in_a_second) {
  enum { BYTES = 1 << 20, LONGEST = 200 };
  char *text = malloc(BYTES + LONGEST), *end = text, error[512];
  end += sprintf(end, HEAD ".entry e() {\n.reg .f32 %%f<5000>;\n.reg .b64 %%rd<3000>;\n");
  for (unsigned i = 0; end < text + BYTES; i++) {
    end += sprintf(end, "\t.loc\t1 %u 9\n\tfma.rn.f32 \t%%f%u, %%f%u, %%f%u, 0f%08X;\n", i, i % 5000,
                   i * 7 % 5000, i * 31 % 5000, i % 1000);
    if (i % 4 == 0) end += sprintf(end, "\tcvt.rn.f32.s64 \t%%f%u, %%rd%u;\n", i % 5000, i % 3000);
  }
  strcpy(end, "}\n");
  const clock_t start = clock();
  ptx_module *module = ptx_module_read(text, error);
  EXPECT_LT((double)(clock() - start) / CLOCKS_PER_SEC, 1.0);
  if (module == NULL) FAIL("%s", error);
  ptx_module_free(module);
  free(text);
}
