/* Options of one number or several: read, printed as they were given, refused with what would do. */
#include <lazyrt/lazyrt.h>
#include <math.h>
#include <string.h>

#include "tests/check.h"

typedef struct several {
  lazy_ints size, stride, padding;
  lazy_floats scale;
} several;

static const lazy_option several_options[] = {
    {"size", LAZY_OPTION_INTS, LAZY_OPTION_REQUIRED | LAZY_OPTION_PRINTED, offsetof(several, size), 0, NULL},
    {"stride", LAZY_OPTION_INTS, LAZY_OPTION_PRINTED, offsetof(several, stride), NAN, NULL},
    {"padding", LAZY_OPTION_INTS, LAZY_OPTION_PRINTED | LAZY_OPTION_UNLESS_DEFAULT,
     offsetof(several, padding), 0, "valid|same"},
    {"scale", LAZY_OPTION_FLOATS, LAZY_OPTION_PRINTED | LAZY_OPTION_UNLESS_DEFAULT, offsetof(several, scale),
     NAN, NULL},
};

static lazy_tensor pass(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  (void)self;
  return lazy_arg(recorder, args, 0);
}
static const lazy_class several_class = {
    LAZY_CLASS("Several"), .self_bytes = sizeof(several), .options = several_options,
    .option_count = sizeof several_options / sizeof *several_options, .forward = pass};

static lazy_context *open_context(void) {
  lazy_context *context = NULL;
  if (EXPECT_OK(lazy_context_open("host", NULL, &context)))
    EXPECT_OK(lazy_context_register_class(context, &several_class));
  return context;
}

TEST(text_numbers, are_printed_as_they_were_given) {
  static const struct {
    const char *text, *printed;
  } cases[] = {
      {"Several(3)", "Several(size=3, stride=None)"},
      {"Several((3, -4), 2)", "Several(size=(3, -4), stride=2)"},
      {"Several((3,), (2, None))", "Several(size=(3,), stride=(2, None))"},
      {"Several(())", "Several(size=(), stride=None)"},
      {"Several([3, 4])", "Several(size=(3, 4), stride=None)"},
      {"Several(None, None, 0)", "Several(size=None, stride=None)"},
      {"Several(1, padding=(0, 0))", "Several(size=1, stride=None)"},
      {"Several(1, padding=(0, 1))", "Several(size=1, stride=None, padding=(0, 1))"},
      {"Several(1, padding='same')", "Several(size=1, stride=None, padding='same')"},
      {"Several(1, padding=\"valid\")", "Several(size=1, stride=None, padding='valid')"},
      {"Several(1, padding=same)", "Several(size=1, stride=None, padding='same')"},
      {"Several(1, scale=2)", "Several(size=1, stride=None, scale=2.0)"},
      {"Several(1, scale=(2, 1.5, None,))", "Several(size=1, stride=None, scale=(2.0, 1.5, None))"},
      {"Several((1, 2, 3, 4, 5, 6, 7, 8))", "Several(size=(1, 2, 3, 4, 5, 6, 7, 8), stride=None)"},
      {"Several( # ( one\n  ( 3 ,4 ) )", "Several(size=(3, 4), stride=None)"},
  };
  lazy_context *context = open_context();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    CHECK_CASE("%s", cases[i].text);
    const char *text = cases[i].text;
    for (int again = 0; again < 2; again++) { /* what is printed is read as the same */
      lazy_module *module = NULL;
      char *printed = NULL;
      if (!EXPECT_OK(lazy_module_parse(context, text, &module))) break;
      EXPECT_OK(lazy_module_to_string(module, &printed));
      EXPECT_STREQ(printed, cases[i].printed);
      lazy_string_free(printed);
      lazy_module_release(module);
      text = cases[i].printed;
    }
  }
  lazy_context_close(context);
}

TEST(text_numbers, reach_the_options) {
  lazy_context *context = open_context();
  lazy_module *module = NULL;
  ASSERT_OK(lazy_module_parse(context, "Several((3, None), padding='same', scale=(0.5, 2))", &module));
  const several *options = lazy_module_self(module);
  EXPECT_EQ(options->size.count, 2);
  EXPECT_EQ(options->size.at[0], 3);
  EXPECT_EQ(options->size.at[1], LAZY_INT_NONE);
  EXPECT_EQ(options->stride.count, 0);
  EXPECT_EQ(options->stride.at[0], LAZY_INT_NONE);
  EXPECT_EQ(options->padding.word, 2);
  EXPECT_EQ(options->scale.count, 2);
  EXPECT_EQ(options->scale.at[0], 0.5);
  EXPECT_EQ(options->scale.at[1], 2.0);
  lazy_module_release(module);
  const several given = {.size = LAZY_INTS(1, 2), .stride = LAZY_INT(3), .scale = {.at = {NAN}}};
  char *printed = NULL;
  ASSERT_OK(lazy_module_create(context, &several_class, &given, &module));
  EXPECT_OK(lazy_module_to_string(module, &printed));
  EXPECT_STREQ(printed, "Several(size=(1, 2), stride=3)");
  lazy_string_free(printed);
  lazy_module_release(module);
  lazy_context_close(context);
}

TEST(text_numbers, errors_say_what_would_do) {
  static const struct {
    const char *text, *words;
  } cases[] = {
      {"Several(2.5)", "column 9: 'size' of Several: found 2.5, wanted an integer or a tuple"},
      {"Several((1, 2.5))", "column 9: 'size' of Several: found (1, 2.5), wanted an integer or a tuple"},
      {"Several((1, (2, 3)))", "wanted an integer or a tuple"},
      {"Several(1, scale=())", "found (), wanted a number or a tuple"},
      {"Several((1, 'a'))", "wanted an integer or a tuple"},
      {"Several((1, 2, 3, 4, 5, 6, 7, 8, 9))", "wanted an integer or a tuple of at most 8"},
      {"Several('same')", "found 'same', wanted an integer or a tuple"},
      {"Several(True)", "found True, wanted an integer or a tuple"},
      {"Several(1, padding='samey')",
       "found 'samey', wanted an integer, a tuple of at most 8 or one of valid|same"},
      {"Several(1, padding='sam')", "found 'sam', wanted an integer"},
      {"Several(1, padding='')", "found '', wanted an integer"},
      {"Several(-9223372036854775808)", "wanted an integer or a tuple"}, /* it stands for None */
      {"Several(1, scale='2')", "found '2', wanted a number or a tuple"},
      {"Several(1, scale=(2, True))", "wanted a number or a tuple"},
  };
  lazy_context *context = open_context();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    CHECK_CASE("%s", cases[i].text);
    lazy_module *module = NULL;
    EXPECT_FAILS(lazy_module_parse(context, cases[i].text, &module), LAZY_STATUS_PARSE, cases[i].words);
  }
  lazy_context_close(context);
}
