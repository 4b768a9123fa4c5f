/* Model text up to the document: tokens, grammar, places of errors. No class is known and no device touched
 * here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/io/suggest.h"
#include "runtime/io/text.h"
#include "tests/check.h"

static lazy_status read_bytes(const char *text, size_t bytes, lazyi_text_document *out_document) {
  lazyi_text_source source = {"m.txt", text, bytes};
  return lazyi_text_read(&source, out_document);
}

static lazy_status read_text(const char *text) {
  lazyi_text_document document = {0};
  lazy_status status = read_bytes(text, strlen(text), &document);
  lazyi_text_document_deinit(&document);
  return status;
}

/* The document as one line: `name:Class[argument,...]{children}`, repetitions as *n. */
static size_t describe(const lazyi_text_document *document, uint32_t index, char *out, size_t bytes) {
  const lazyi_text_node *node = &document->nodes.at[index];
  const char *text = document->source.text;
  size_t n = 0;
#define ADD(...) n += (size_t)snprintf(out + n, bytes - n, __VA_ARGS__)
  if (node->name.bytes != 0) ADD("%.*s:", (int)node->name.bytes, text + node->name.at);
  else if (index != 0) ADD("%u:", node->number);
  if (node->repeats != 1) ADD("%u*", node->repeats);
  ADD("%.*s", (int)node->class_name.bytes, text + node->class_name.at);
  for (size_t i = 0; i < node->argument_count; i++) {
    const lazyi_text_argument *argument = &document->arguments.at[node->first_argument + i];
    ADD("%s", i == 0 ? "[" : ",");
    if (argument->name.bytes != 0) ADD("%.*s=", (int)argument->name.bytes, text + argument->name.at);
    if (argument->kind == LAZYI_TEXT_INT) ADD("%lld", (long long)argument->integer);
    else if (argument->kind == LAZYI_TEXT_FLOAT) ADD("~%g", argument->number);
    else ADD("%.*s", (int)argument->value.bytes, text + argument->value.at);
  }
  if (node->argument_count != 0) ADD("]");
  if (node->first_child != LAZYI_TEXT_NO_NODE) {
    ADD("{");
    for (uint32_t child = node->first_child; child != LAZYI_TEXT_NO_NODE;
         child = document->nodes.at[child].next_sibling) {
      n += describe(document, child, out + n, bytes - n);
      ADD("%s", document->nodes.at[child].next_sibling != LAZYI_TEXT_NO_NODE ? " " : "");
    }
    ADD("}");
  }
#undef ADD
  return n;
}

TEST(text_read, forms) {
  static const struct {
    const char *text, *wanted;
  } cases[] = {
      {"ReLU()", "ReLU"},
      {"  # a comment (\n\n\tReLU ( ) # more )\n#\n", "ReLU"},
      {"LazyLinear(10)", "LazyLinear[10]"},
      {"LazyLinear(10, False)", "LazyLinear[10,False]"},
      {"LazyLinear(in_features=0, out_features=10, bias=True)",
       "LazyLinear[in_features=0,out_features=10,bias=True]"},
      {"LazyLinear(10, dtype=torch.float16,)", "LazyLinear[10,dtype=torch.float16]"},
      {"GELU(approximate='none')", "GELU[approximate='none']"},
      {"B(1e-05, -2.5, +3, .5, 7., 1E3, -0)", "B[~1e-05,~-2.5,3,~0.5,~7,~1000,0]"},
      {"C(9223372036854775807, -9223372036854775808)", "C[9223372036854775807,-9223372036854775808]"},
      {"Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1), groups=[1, [2,]])",
       "Conv2d[3,8,kernel_size=(3, 3),stride=(1, 1),groups=[1, [2,]]]"},
      {"S(\n  (0): A()\n  (b c): B(1)\n)", "S{0:A b c:B[1]}"},
      {"S(\n  1, x=2\n  (0): A(\n    (deep): D()\n  )\n)", "S[1,x=2]{0:A{deep:D}}"},
      {"S((0) : A() (1): B())", "S{0:A 1:B}"},
      {"S((1, 2)\n  (0): A())", "S[(1, 2)]{0:A}"},
      {"S(\n  (0-3): 4 x Linear(2)\n  (4): R()\n)", "S{0:4*Linear[2] 4:R}"},
      {"S((0-0): 1 x A())", "S{0:A}"},
      {"S((0-3): A())", "S{0-3:A}"},
      {"S(LazyLinear(10), ReLU(), S(R()))", "S{0:LazyLinear[10] 1:ReLU 2:S{0:R}}"},
      {"nn.Sequential(torch.nn.ReLU())", "nn.Sequential{0:torch.nn.ReLU}"},
      {"S(('a'): A())", "S{'a':A}"},
      {"S((\xc3\xa9): A())", "S{\xc3\xa9:A}"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    CHECK_CASE("%s", cases[i].text);
    lazyi_text_document document = {0};
    char line[512];
    if (!EXPECT_OK(read_bytes(cases[i].text, strlen(cases[i].text), &document))) continue;
    describe(&document, 0, line, sizeof line);
    EXPECT_STREQ(line, cases[i].wanted);
    lazyi_text_document_deinit(&document);
  }
}

TEST(text_read, errors_have_places) {
  static const struct {
    const char *text, *words;
  } cases[] = {
      {"", "m.txt:1:1: found the end of the text, wanted a module"},
      {"# nothing\n", "m.txt:2:1: found the end"},
      {"3", "m.txt:1:1: found '3', wanted a module"},
      {"ReLU", "m.txt:1:5: found the end of the text, wanted '('"},
      {"ReLU(", "m.txt:1:6: found the end of the text, wanted a value"},
      {"ReLU)", "m.txt:1:5: found ')', wanted '('"},
      {"ReLU()\nReLU()", "m.txt:2:1: found 'ReLU', wanted the end"},
      {"A(1 2)", "m.txt:1:5: found '2', wanted ',', ')'"},
      {"A(,)", "m.txt:1:3: found ',', wanted a value"},
      {"A(x=)", "m.txt:1:5: found ')', wanted a value"},
      {"A(=1)", "m.txt:1:3: found '='"},
      {"A(x=1, 2)", "m.txt:1:8: a positional argument after one with a name"},
      {"A((0): B() 2)", "m.txt:1:12: found '2', wanted ')' or '(name)"},
      {"A(B(1), C(2), 3, D(4), 5)", "m.txt:1:24: an argument after a module"},
      {"A(\n  (0): 3\n)", "m.txt:3:1: found ')', wanted 'x'"},
      {"A((0-3): 3 x B())", "found 3 modules, (0-3) names 4"},
      {"A((0-3): 5 x B())", "m.txt:1:10: found 5 modules, (0-3) names 4"},
      {"A((3-0): 4 x B())", "m.txt:1:4: repeated modules are named (FIRST-LAST)"},
      {"A((fc): 4 x B())", "m.txt:1:4: repeated modules are named"},
      {"A((-3): 4 x B())", "repeated modules are named"},
      {"A(1.2.3)", "m.txt:1:3: '1.2.3' is not a number"},
      {"A(3q)", "'3q' is not a number"},
      {"A(-)", "'-' is not a number"},
      {"A(9223372036854775808)", "does not fit 64 bits"},
      {"A(-9223372036854775809)", "does not fit 64 bits"},
      {"A(1e999)", "does not fit a double"},
      {"A('abc)", "m.txt:1:3: a string that does not end on its line"},
      {"A('abc\n')", "a string that does not end"},
      {"A('abc\\", "a string that does not end"},
      {"A((1, 2)", "m.txt:1:9: found the end"},
      {"A((1; 2))", "m.txt:1:5: ';' has no meaning here"},
      {"A([1, 2))", "found ')', wanted ',' or ']'"},
      {"A(\x01)", "byte 0x01 is not text"},
      {"A(\xff)", "byte 0xff is not text"},
      {"A(\xe2\x82\xac)", "'\xe2\x82\xac' has no meaning here"},
      {"A(\n  (fc1): \xc3\xa9", "m.txt:2:10: '\xc3\xa9' has no"},
      {"\xc3\xa9", "m.txt:1:1: '\xc3\xa9' has no"},
      {"A((\xc3\xa9\xc3\xa9): B(;))", "m.txt:1:11: ';'"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    CHECK_CASE("%s", cases[i].text);
    EXPECT_FAILS(read_text(cases[i].text), LAZY_STATUS_PARSE, cases[i].words);
  }
}

TEST(text_read, the_line_and_a_caret_are_shown) {
  EXPECT_STATUS(read_text("Net(\n\t(fc1): Linear(1 two)\n)\n"), LAZY_STATUS_PARSE);
  EXPECT_STREQ(lazy_status_message(),
               "m.txt:2:18: found 'two', wanted ',', ')' or '(name): Module(...)'\n"
               "   (fc1): Linear(1 two)\n"
               "                   ^~~");
  char text[600];
  memset(text, ' ', sizeof text);
  memcpy(text, "Net(", 4);
  memcpy(text + 300, "8 9", 4);
  EXPECT_STATUS(read_text(text), LAZY_STATUS_PARSE);
  const char *line = strchr(lazy_status_message(), '\n');
  ASSERT_TRUE(line != NULL);
  EXPECT_CONTAINS(lazy_status_message(), "m.txt:1:303: ");
  const char *caret = strchr(line + 1, '\n');
  ASSERT_TRUE(caret != NULL);
  EXPECT_EQ(caret[strchr(caret, '^') - caret], '^');
  EXPECT_EQ(*(line + (strchr(caret, '^') - caret)), '9');
  EXPECT_LT(strlen(lazy_status_message()), 400);
}

/* `count` times `open`, then `middle`, then `count` times `close`. */
static char *nest(const char *open, const char *middle, const char *close, size_t count) {
  char *text = calloc(count * (strlen(open) + strlen(close)) + strlen(middle) + 1, 1), *at = text;
  for (size_t i = 0; i < count; i++) at = stpcpy(at, open);
  at = stpcpy(at, middle);
  for (size_t i = 0; i < count; i++) at = stpcpy(at, close);
  return text;
}

TEST(text_read, limits) {
  static const struct {
    const char *open, *middle, *close;
    size_t count;
    lazy_status status;
  } cases[] = {
      {"S((0): ", "R()", ")", LAZYI_TEXT_MAX_DEPTH - 1, LAZY_STATUS_OK},
      {"S((0): ", "R()", ")", LAZYI_TEXT_MAX_DEPTH, LAZY_STATUS_LIMIT},
      {"S((0): ", "R()", ")", 100000, LAZY_STATUS_LIMIT},
      {"S(", "", ")", LAZYI_TEXT_MAX_DEPTH + 1, LAZY_STATUS_LIMIT},
      {"", "A((0-999999999): 1000000000 x B())", "", 1, LAZY_STATUS_LIMIT},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *text = nest(cases[i].open, cases[i].middle, cases[i].close, cases[i].count);
    CHECK_CASE("%zu of %s", cases[i].count, cases[i].open);
    EXPECT_STATUS(read_text(text), cases[i].status);
    free(text);
  }
  char *text = nest("(", "", ")", 100000), *model = malloc(strlen(text) + 4);
  sprintf(model, "A(%s)", text);
  EXPECT_STATUS(read_text(model), LAZY_STATUS_LIMIT);
  free(model);
  free(text);
  size_t bytes = LAZYI_TEXT_MAX_BYTES + 1;
  text = malloc(bytes + 1);
  memset(text, ' ', bytes);
  text[bytes] = '\0';
  EXPECT_FAILS(read_text(text), LAZY_STATUS_LIMIT, "m.txt: 16777217 bytes");
  free(text);
}

static const char sample[] =
    "# input: 4x8\nNet(\n  (a): LazyLinear(in_features=0, out_features=10, bias=True)\n  (b): Sequential(\n"
    "    (0-1): 2 x Sequential(\n      (0): GELU(approximate='tanh')\n    )\n    (2): C((1, 2), eps=1e-05)\n "
    " )\n)\n";

/* Text cut or changed anywhere is read or refused, never read past its end. */
TEST(text_read, random_mutations_are_read_or_refused) {
  static const char alphabet[] = "()[],=:#'\"\\ \n.-+x019eAz_\xc3";
  size_t accepted = 0;
  for (int round = 0; round < 20000; round++) {
    size_t bytes = sizeof sample - 1;
    char *text = malloc(bytes);
    memcpy(text, sample, bytes);
    for (uint64_t n = check_random_below(env, 4); n != 0; n--)
      text[check_random_below(env, bytes)] = alphabet[check_random_below(env, sizeof alphabet - 1)];
    if (check_random_below(env, 2)) bytes = check_random_below(env, bytes + 1);
    char *exact = malloc(bytes != 0 ? bytes : 1);
    memcpy(exact, text, bytes);
    lazyi_text_document document = {0};
    lazy_status status = read_bytes(exact, bytes, &document);
    if (status == LAZY_STATUS_OK) accepted++;
    else EXPECT_STATUS(status, LAZY_STATUS_PARSE);
    lazyi_text_document_deinit(&document);
    free(exact);
    free(text);
  }
  EXPECT_GT(accepted, 1000);
}

TEST(text_read, survives_every_refused_allocation) {
  bool done = false;
  for (uint64_t n = 1; n < 100 && !done; n++) {
    lazyi_memory_fail_at(n);
    lazy_status status = read_text(sample);
    lazyi_memory_fail_at(0);
    done = status == LAZY_STATUS_OK;
    if (!done) EXPECT_STATUS(status, LAZY_STATUS_OUT_OF_MEMORY);
  }
  EXPECT_TRUE(done);
}

TEST(text_read, strings) {
  const char *text = "'it\\'s \\\\ \\n'";
  lazyi_text_source source = {NULL, text, strlen(text)};
  char found[16];
  EXPECT_TRUE(lazyi_text_string(&source, (lazyi_text_slice){0, strlen(text)}, found, sizeof found));
  EXPECT_STREQ(found, "it's \\ \n");
  EXPECT_FALSE(lazyi_text_string(&source, (lazyi_text_slice){0, strlen(text)}, found, 8));
}

static const char *nearest(const char *word) {
  static const char *const names[] = {"Linear",       "LazyLinear",  "ReLU", "GELU",
                                      "out_features", "in_features", "bias"};
  lazyi_suggestion suggestion = {.word = word, .bytes = strlen(word)};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) lazyi_suggest(&suggestion, names[i]);
  return suggestion.best;
}

TEST(text_read, suggestions) {
  EXPECT_STREQ(nearest("LazyLiner"), "LazyLinear");
  EXPECT_STREQ(nearest("lazylinear"), "LazyLinear");
  EXPECT_STREQ(nearest("Relu"), "ReLU");
  EXPECT_STREQ(nearest("out_feature"), "out_features");
  EXPECT_STREQ(nearest("bais"), "bias");
  EXPECT_STREQ(nearest("output"), NULL);
  EXPECT_STREQ(nearest("x"), NULL);
  EXPECT_STREQ(nearest(""), NULL);
  EXPECT_STREQ(nearest("Conv2d"), NULL);
}
