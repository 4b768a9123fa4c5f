/* Model text to modules and back. What PyTorch printed is golden; random trees are printed by the test
 * itself. */
#include <lazyrt/lazyrt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "tests/check.h"

/* ---- a class with an option of every kind ---- */

typedef struct every {
  int64_t size;
  double eps;
  bool flag, bare_flag;
  lazy_dtype dtype;
  char mode[LAZY_OPTION_TEXT_BYTES];
} every;

static const lazy_option every_options[] = {
    {"size", LAZY_OPTION_INT, LAZY_OPTION_REQUIRED | LAZY_OPTION_PRINTED | LAZY_OPTION_BARE,
     offsetof(every, size), 0, NULL},
    {"eps", LAZY_OPTION_FLOAT, LAZY_OPTION_PRINTED, offsetof(every, eps), 1e-5, NULL},
    {"flag", LAZY_OPTION_BOOL, LAZY_OPTION_PRINTED | LAZY_OPTION_UNLESS_DEFAULT, offsetof(every, flag), 1,
     NULL},
    {"device", LAZY_OPTION_TEXT, LAZY_OPTION_IGNORED, 0, 0, NULL},
    {"dtype", LAZY_OPTION_DTYPE, 0, offsetof(every, dtype), LAZY_DTYPE_DEFAULT, NULL},
    {"mode", LAZY_OPTION_TEXT, LAZY_OPTION_PRINTED | LAZY_OPTION_UNLESS_DEFAULT, offsetof(every, mode), 0,
     "zeros"},
};

static lazy_tensor pass(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  (void)self;
  return lazy_arg(recorder, args, 0);
}
static lazy_status refuse_thirteen(lazy_module *self) {
  every *options = lazy_module_self(self);
  if (options->size != 13) return LAZY_STATUS_OK;
  return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "Every: size is 13");
}
static const lazy_class every_class = {
    LAZY_CLASS("Every"),          .self_bytes = sizeof(every),
    .options = every_options,     .option_count = sizeof every_options / sizeof *every_options,
    .construct = refuse_thirteen, .forward = pass};

/* A lazy one: its size is inferred, one number may be None, one option has no position. */
typedef struct maybe {
  int64_t size;
  double eps, momentum;
  bool flag, word_only;
  lazy_shape sizes;
} maybe;
static const lazy_option maybe_options[] = {
    {"size", LAZY_OPTION_INT, LAZY_OPTION_INFERRED | LAZY_OPTION_PRINTED | LAZY_OPTION_BARE,
     offsetof(maybe, size), 0, NULL},
    {"eps", LAZY_OPTION_FLOAT, LAZY_OPTION_PRINTED, offsetof(maybe, eps), 1e-5, NULL},
    {"momentum", LAZY_OPTION_MAYBE_FLOAT, LAZY_OPTION_PRINTED, offsetof(maybe, momentum), 0.1, NULL},
    {"word_only", LAZY_OPTION_BOOL, LAZY_OPTION_PRINTED | LAZY_OPTION_KEYWORD, offsetof(maybe, word_only), 1,
     NULL},
    {"flag", LAZY_OPTION_BOOL, LAZY_OPTION_PRINTED, offsetof(maybe, flag), 1, NULL},
    {"sizes", LAZY_OPTION_SHAPE, LAZY_OPTION_PRINTED | LAZY_OPTION_UNLESS_DEFAULT, offsetof(maybe, sizes), 0,
     NULL},
};
static const lazy_class maybe_class = {LAZY_CLASS("LazyMaybe"),
                                       .is_lazy = true,
                                       .self_bytes = sizeof(maybe),
                                       .options = maybe_options,
                                       .option_count = sizeof maybe_options / sizeof *maybe_options,
                                       .forward = pass};

static lazy_context *open_context(void) {
  lazy_context *context = NULL;
  if (EXPECT_OK(lazy_context_open("host", NULL, &context))) {
    EXPECT_OK(lazy_context_register_class(context, &every_class));
    EXPECT_OK(lazy_context_register_class(context, &maybe_class));
  }
  return context;
}

/* ---- reading ---- */

/* Reads, prints; NULL if either fails. Freed with lazy_string_free. */
static char *reprint(lazy_context *context, const char *text) {
  lazy_module *module;
  char *printed = NULL;
  if (!EXPECT_OK(lazy_module_parse(context, text, &module))) return NULL;
  EXPECT_OK(lazy_module_to_string(module, &printed));
  lazy_module_release(module);
  return printed;
}

static char *read_file(const char *path) {
  FILE *file = fopen(path, "r");
  char *text = calloc(1 << 16, 1);
  if (file != NULL && fread(text, 1, (1 << 16) - 1, file) == 0) text[0] = '\0';
  if (file != NULL) fclose(file);
  return text;
}

TEST(text, what_pytorch_printed_is_printed_again) {
  static const char *const names[] = {"lazy_mlp", "lenet", "deep", "nested"};
  lazy_context *context = open_context();
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char path[512];
    snprintf(path, sizeof path, LAZYRT_GOLDEN_DIR "/text/%s.txt", names[i]);
    CHECK_CASE("%s", path);
    char *golden = read_file(path), *printed = reprint(context, golden);
    EXPECT_GT(strlen(golden), 20);
    golden[strlen(golden) - 1] = '\0'; /* the file's last line break */
    EXPECT_STREQ(printed, golden);
    lazy_string_free(printed);
    free(golden);
  }
  lazy_context_close(context);
}

TEST(text, constructor_forms_are_the_printed_ones) {
  static const struct {
    const char *text, *wanted;
  } cases[] = {
      {"LazyLinear(10)", "LazyLinear(in_features=0, out_features=10, bias=True)"},
      {"nn.LazyLinear(10, False)", "LazyLinear(in_features=0, out_features=10, bias=False)"},
      {"LazyLinear(10, 5)", "LazyLinear(in_features=0, out_features=10, bias=True)"},
      {"LazyLinear(10, bias=None)", "LazyLinear(in_features=0, out_features=10, bias=False)"},
      {"torch.nn.LazyLinear(bias=0, out_features=3, dtype=torch.float16)",
       "LazyLinear(in_features=0, out_features=3, bias=False)"},
      {"LazyLinear(10, True, 'cpu', torch.bfloat16)",
       "LazyLinear(in_features=0, out_features=10, bias=True)"},
      {"nn.torch.nn.Block((0): nn.nn.Tanh())", "Block(\n  (0): Tanh()\n)"}, /* the rest was a prefix again */
      {"Linear(3, 4)", "Linear(in_features=3, out_features=4, bias=True)"},
      {"Identity(54, (1, 2), unused='x')", "Identity()"},
      {"ReLU(True)", "ReLU(inplace=True)"},
      {"ReLU(inplace=False)", "ReLU()"},
      {"Flatten()", "Flatten(start_dim=1, end_dim=-1)"},
      {"Flatten(0, end_dim=2)", "Flatten(start_dim=0, end_dim=2)"},
      {"GELU('tanh')", "GELU(approximate='tanh')"},
      {"Sequential(Tanh(), Sequential(Sigmoid()))",
       "Sequential(\n  (0): Tanh()\n  (1): Sequential(\n    (0): Sigmoid()\n  )\n)"},
      {"Net((0-2): 3 x Tanh())", "Net(\n  (0): Tanh()\n  (1): Tanh()\n  (2): Tanh()\n)"},
      {"Every(7)", "Every(7, eps=1e-05)"},
      {"Every(7, 2, False, None, None, \"it's\")", "Every(7, eps=2.0, flag=False, mode=\"it's\")"},
      {"Every(-9223372036854775808, mode='a\\\\b\\n')",
       "Every(-9223372036854775808, eps=1e-05, mode='a\\\\b\\n')"},
      {"Every(1\n (0): Every(2)\n)", "Every(\n  1, eps=1e-05\n  (0): Every(2, eps=1e-05)\n)"},
  };
  lazy_context *context = open_context();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    CHECK_CASE("%s", cases[i].text);
    char *printed = reprint(context, cases[i].text);
    EXPECT_STREQ(printed, cases[i].wanted);
    lazy_string_free(printed);
  }
  lazy_context_close(context);
}

TEST(text, errors_say_what_would_do) {
  static const struct {
    const char *text, *words;
  } cases[] = {
      {"LazyLiner(10)", "net.txt:1:1: unknown class 'LazyLiner'; did you mean 'LazyLinear'?"},
      {"relu()", "did you mean 'ReLU'?"},
      {"Evry(1)", "did you mean 'Every'?"},
      {"Quaternion(3, 8)",
       "net.txt:1:1: unknown class 'Quaternion', and without children it is no container (known: Linear,"},
      {"Net(\n  3\n  (0): ReLU()\n)",
       "net.txt:2:3: 'Net' is no class lazyrt knows, and a container takes no arguments"},
      {"LazyLinear(out_feature=10)",
       "net.txt:1:12: unknown argument 'out_feature' of LazyLinear; did you mean 'out_features'?"},
      {"LazyLinear(10, x=1)", "net.txt:1:16: unknown argument 'x' of LazyLinear\n"},
      {"LazyLinear()", "net.txt:1:1: LazyLinear needs 'out_features'"},
      {"LazyLinear(10, out_features=10)", "net.txt:1:16: 'out_features' of LazyLinear is given twice"},
      {"LazyLinear(in_features=3, out_features=10)",
       "net.txt:1:24: 'in_features' of LazyLinear is inferred: found 3, wanted 0 (where it is known, write "
       "Linear)"},
      {"LazyLinear(2.5)", "net.txt:1:12: 'out_features' of LazyLinear: found 2.5, wanted an integer"},
      {"LazyLinear('10')", "'out_features' of LazyLinear: found '10', wanted an integer"},
      {"LazyLinear((10, 10))", "'out_features' of LazyLinear: found (10, 10), wanted an integer"},
      {"LazyLinear(10, bias='no')", "'bias' of LazyLinear: found 'no', wanted True or False"},
      {"LazyLinear(10, bias=true)", "'bias' of LazyLinear: found true, wanted True or False"},
      {"LazyLinear(10, dtype=float99)",
       "'dtype' of LazyLinear: found float99, wanted a dtype, such as torch.float16"},
      {"LazyLinear(10, dtype=torch.int64)", "net.txt:1:1: "},
      {"LazyLinear(1, 2, 'cpu', None, 5)",
       "net.txt:1:31: LazyLinear takes 4 arguments, and this is one more"},
      {"GELU(approximate=tanh)", "'approximate' of GELU: found tanh, wanted a short string in quotes"},
      {"GELU(approximate='a string that is far too long for it')", "wanted a short string"},
      {"GELU(approximate='quick')", "net.txt:1:1: "},
      {"Every(1, eps='x')", "'eps' of Every: found 'x', wanted a number"},
      {"Sequential(\n  (0): Every(13)\n)", "net.txt:2:8: Every: size is 13"},
      {"ReLU((0): ReLU())", "net.txt:1:11: ReLU has no children"},
      {"Net(\n  (a): ReLU()\n  (a): ReLU()\n)", "net.txt:3:4: "},
      {"Net(\n  (): ReLU()\n)", "net.txt:2:4: found ')', wanted the name of a module"},
  };
  lazy_context *context = open_context();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    CHECK_CASE("%s", cases[i].text);
    lazy_module *module = NULL;
    EXPECT_FAILS(lazy_module_parse_named(context, cases[i].text, "net.txt", &module), LAZY_STATUS_PARSE,
                 cases[i].words);
    EXPECT_TRUE(module == NULL);
  }
  lazy_module *module;
  EXPECT_FAILS(lazy_module_parse(context, "Net(\n(0): Lazy())", &module), LAZY_STATUS_PARSE,
               "line 2, column 6: unknown");
  EXPECT_FAILS(lazy_module_parse(context, "A((0-999): 1000 x B((0-999): 1000 x ReLU()))", &module),
               LAZY_STATUS_LIMIT, "more than 1000000 modules");
  lazy_context_close(context);
}

TEST(text, values_reach_the_options) {
  lazy_context *context = open_context();
  lazy_module *module, *child;
  ASSERT_OK(lazy_module_parse(
      context, "Net((a): Net((b c): Every(-3, eps=2.5e-3, flag=False, dtype=torch.half, mode='x')))",
      &module));
  ASSERT_OK(lazy_module_find(module, "a.b c", &child));
  const every *options = lazy_module_self(child);
  EXPECT_EQ(options->size, -3);
  EXPECT_EQ(options->eps, 2.5e-3);
  EXPECT_FALSE(options->flag);
  EXPECT_EQ(options->dtype, LAZY_DTYPE_F16);
  EXPECT_STREQ(options->mode, "x");
  EXPECT_TRUE(lazy_module_class(module) == &lazy_class_sequential);
  lazy_module_release(module);
  lazy_context_close(context);
}

/* Wanted: what Python's repr says. */
TEST(text, floats_are_printed_as_python_does) {
  static const struct {
    double value;
    const char *wanted;
  } cases[] = {
      {1e-05, "1e-05"},
      {0.1, "0.1"},
      {1.0, "1.0"},
      {1e16, "1e+16"},
      {1e15, "1000000000000000.0"},
      {123456789.125, "123456789.125"},
      {1e-4, "0.0001"},
      {0.00012345, "0.00012345"},
      {5e-324, "5e-324"},
      {1.7976931348623157e308, "1.7976931348623157e+308"},
      {-2.5, "-2.5"},
      {0.0, "0.0"},
      {-0.0, "-0.0"},
      {1.0 / 3, "0.3333333333333333"},
      {1e22, "1e+22"},
      {1e23, "1e+23"},
      {100.0, "100.0"},
      {12345678901234567.0, "1.2345678901234568e+16"},
      {INFINITY, "inf"},
      {-INFINITY, "-inf"},
      {NAN, "nan"},
  };
  lazy_context *context = open_context();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    lazy_module *module;
    char *printed, wanted[64];
    every options = {.size = 1, .eps = cases[i].value, .flag = true, .mode = "zeros"};
    snprintf(wanted, sizeof wanted, "Every(1, eps=%s)", cases[i].wanted);
    ASSERT_OK(lazy_module_create(context, &every_class, &options, &module));
    ASSERT_OK(lazy_module_to_string(module, &printed));
    EXPECT_STREQ(printed, wanted);
    lazy_string_free(printed);
    lazy_module_release(module);
  }
  for (int round = 0; round < 2000; round++) {
    uint64_t bits = check_random(env);
    every options = {.size = 1, .flag = true, .mode = "zeros"}, found;
    lazy_module *module;
    char *printed;
    memcpy(&options.eps, &bits, sizeof bits);
    if (!isfinite(options.eps)) continue;
    ASSERT_OK(lazy_module_create(context, &every_class, &options, &module));
    ASSERT_OK(lazy_module_to_string(module, &printed));
    lazy_module_release(module);
    ASSERT_OK(lazy_module_parse(context, printed, &module));
    memcpy(&found, lazy_module_self(module), sizeof found);
    EXPECT_BYTES_EQ(&found.eps, &options.eps, sizeof found.eps);
    lazy_string_free(printed);
    lazy_module_release(module);
  }
  lazy_context_close(context);
}

/* ---- random trees, printed by the test in PyTorch's form ---- */

static void add(char **at, const char *format, ...) LAZY_PRINTF(2, 3);
static void add(char **at, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  *at += vsprintf(*at, format, arguments);
  va_end(arguments);
}

static void add_leaf(check_env *env, char **at) {
  int64_t a = check_random_between(env, 0, 1000), b = check_random_between(env, 1, 1000);
  const char *flag = check_random_below(env, 2) ? "True" : "False";
  switch (check_random_below(env, 7)) {
    case 0: add(at, "LazyLinear(in_features=0, out_features=%lld, bias=%s)", (long long)b, flag); break;
    case 1:
      add(at, "Linear(in_features=%lld, out_features=%lld, bias=%s)", (long long)a, (long long)b, flag);
      break;
    case 2: add(at, "ReLU()"); break;
    case 3: add(at, "GELU(approximate='%s')", flag[0] == 'T' ? "none" : "tanh"); break;
    case 4: add(at, "Flatten(start_dim=%lld, end_dim=-1)", (long long)(a % 4)); break;
    case 5: add(at, "Identity()"); break;
    default: add(at, "Every(%lld, eps=%s)", (long long)(a == 13 ? 14 : a), flag[0] == 'T' ? "0.5" : "1e-12");
  }
}

/* Calls itself for children; counts the modules. */
static int add_tree(check_env *env, char **at, int depth) {
  static const char *const names[] = {"Sequential", "Net", "Block_2", "ModuleDict"};
  int children = depth < 6 ? (int)check_random_below(env, 5) : 0, modules = 1;
  if (children == 0 || check_random_below(env, 3) == 0) {
    add_leaf(env, at);
    return 1;
  }
  add(at, "%s(\n", names[check_random_below(env, 4)]);
  for (int i = 0; i < children; i++) {
    add(at, "%*s(%s%d): ", 2 * depth + 2, "", check_random_below(env, 2) ? "layer-" : "", i);
    modules += add_tree(env, at, depth + 1);
    add(at, "\n");
  }
  add(at, "%*s)", 2 * depth, "");
  return modules;
}

static lazy_status count_module(lazy_module *module, const char *path, void *user) {
  (void)module, (void)path;
  ++*(int *)user;
  return LAZY_STATUS_OK;
}

TEST(text, random_trees_round_trip) {
  lazy_context *context = open_context();
  char *text = malloc(1 << 20);
  int most = 0;
  for (int round = 0; round < 300; round++) {
    char *at = text, *printed;
    int wanted = add_tree(env, &at, 0), found = 0;
    lazy_module *module;
    ASSERT_OK(lazy_module_parse(context, text, &module));
    ASSERT_OK(lazy_module_to_string(module, &printed));
    EXPECT_STREQ(printed, text);
    EXPECT_OK(lazy_module_walk(module, count_module, &found));
    EXPECT_EQ(found, wanted);
    most = found > most ? found : most;
    lazy_string_free(printed);
    lazy_module_release(module);
  }
  EXPECT_GT(most, 20);
  free(text);
  lazy_context_close(context);
}

TEST(text, survives_every_refused_allocation) {
  const char *text = "Net(\n  (a): LazyLinear(3)\n  (l): ModuleList(\n    (0-2): 3 x Every(1)\n  )\n)";
  lazy_context *context = open_context();
  bool done = false;
  for (uint64_t n = 1; n < 500 && !done; n++) {
    lazy_module *module = NULL;
    char *printed = NULL;
    lazyi_memory_fail_at(n);
    lazy_status status = lazy_module_parse(context, text, &module);
    if (status == LAZY_STATUS_OK) status = lazy_module_to_string(module, &printed);
    lazyi_memory_fail_at(0);
    done = status == LAZY_STATUS_OK;
    if (!done) EXPECT_STATUS(status, LAZY_STATUS_OUT_OF_MEMORY);
    lazy_string_free(printed);
    lazy_module_release(module);
  }
  EXPECT_TRUE(done);
  lazy_context_close(context);
}

TEST(text, print_ends_in_one_line_break) {
  lazy_context *context = open_context();
  lazy_module *module;
  ASSERT_OK(lazy_module_parse(context, "ReLU()", &module));
  char *text = NULL;
  size_t bytes;
  FILE *stream = open_memstream(&text, &bytes);
  EXPECT_OK(lazy_module_print(module, stream));
  fclose(stream);
  EXPECT_STREQ(text, "ReLU()\n");
  free(text);
  FILE *full = fopen("/dev/full", "w");
  if (full != NULL) {
    setvbuf(full, NULL, _IONBF, 0);
    EXPECT_FAILS(lazy_module_print(module, full), LAZY_STATUS_IO, "could not be written");
    fclose(full);
  }
  lazy_module_release(module);
  lazy_context_close(context);
}

/* What print shows of a lazy class has the size it will infer in front, where the constructor has another
 * argument. */
TEST(text, printed_lazy_forms_are_read_as_constructors_are) {
  static const struct {
    const char *text, *printed, *refused;
  } cases[] = {
      {"LazyMaybe()", "LazyMaybe(0, eps=1e-05, momentum=0.1, word_only=True, flag=True)", NULL},
      {"LazyMaybe(10, None, False)", "LazyMaybe(0, eps=10.0, momentum=None, word_only=True, flag=False)",
       NULL},
      {"LazyMaybe(0)", "LazyMaybe(0, eps=0.0, momentum=0.1, word_only=True, flag=True)", NULL},
      {"LazyMaybe(0, eps=0.5, momentum=None)",
       "LazyMaybe(0, eps=0.5, momentum=None, word_only=True, flag=True)", NULL},
      {"LazyMaybe(0, 0.5, momentum=0.25, word_only=False)",
       "LazyMaybe(0, eps=0.5, momentum=0.25, word_only=False, flag=True)", NULL},
      {"LazyMaybe(0, 0.5, flag=False)", "LazyMaybe(0, eps=0.0, momentum=0.5, word_only=True, flag=False)",
       NULL},
      {"LazyMaybe(7, eps=0.5)", NULL, "'eps' of LazyMaybe is given twice"},
      {"LazyMaybe(1, 2, True, 4, True)", NULL, "LazyMaybe takes 4 arguments"},
      {"LazyMaybe(sizes=3)", "LazyMaybe(0, eps=1e-05, momentum=0.1, word_only=True, flag=True, sizes=(3,))",
       NULL},
      {"LazyMaybe(0.5, 1, True, [3, -4, 5])",
       "LazyMaybe(0, eps=0.5, momentum=1.0, word_only=True, flag=True, sizes=(3, -4, 5))", NULL},
      {"LazyMaybe(sizes=(1, 2, 3, 4, 5, 6, 7, 8,))",
       "LazyMaybe(0, eps=1e-05, momentum=0.1, word_only=True, flag=True, sizes=(1, 2, 3, 4, 5, 6, 7, 8))",
       NULL},
      {"LazyMaybe(sizes=())", "LazyMaybe(0, eps=1e-05, momentum=0.1, word_only=True, flag=True)", NULL},
      {"LazyMaybe(sizes=(1, 2, 3, 4, 5, 6, 7, 8, 9))", NULL, "wanted a size or a tuple of at most 8"},
      {"LazyMaybe(sizes=((1, 2), 3))", NULL, "wanted a size or a tuple of at most 8"},
      {"LazyMaybe(sizes=(1, 2.5))", NULL, "wanted a size or a tuple of at most 8"},
      {"LazyMaybe(sizes=same)", NULL, "wanted a size or a tuple of at most 8"},
      {"LazyMaybe(momentum=False)", NULL, "wanted a number or None"},
      {"LazyMaybe(eps=None)", NULL, "wanted a number"},
  };
  lazy_context *context = open_context();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    CHECK_CASE("%s", cases[i].text);
    lazy_module *module = NULL;
    if (cases[i].refused != NULL) {
      EXPECT_FAILS(lazy_module_parse(context, cases[i].text, &module), LAZY_STATUS_PARSE, cases[i].refused);
      continue;
    }
    char *printed = reprint(context, cases[i].text), *again = printed ? reprint(context, printed) : NULL;
    EXPECT_STREQ(printed, cases[i].printed);
    EXPECT_STREQ(again, cases[i].printed);
    lazy_string_free(printed);
    lazy_string_free(again);
  }
  lazy_context_close(context);
}
