/* Pool classes: random options in model text, shapes by counting windows one by one, values by loops in
   double; what is refused, and where. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/model.h"
#include "tests/pool_reference.h"

/* Windows of an axis, counted by where each begins and ends. */
static int64_t count_windows(int64_t in, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation,
                             bool ceil) {
  const int64_t window = (kernel - 1) * dilation + 1;
  int64_t count = 0;
  for (int64_t o = 0;; o++) {
    /* in ceil mode a window takes what the one before left, and begins before the right padding */
    const bool fits = o * stride + window <= in + 2 * padding;
    const bool is_partial = (o - 1) * stride + window < in + 2 * padding && o * stride < in + padding;
    if (ceil ? !is_partial : !fits) return count;
    count++;
  }
}

typedef struct random_class {
  char text[200];
  pool pool;
  int axes;
  lazy_shape shape;
} random_class;

/* "3", or "(3, 1)" for numbers that differ. */
static size_t put_numbers(char *text, size_t bytes, const int64_t *numbers, int count) {
  bool same = true;
  size_t n = 0;
  for (int i = 1; i < count; i++) same = same && numbers[i] == numbers[0];
  if (same) return (size_t)snprintf(text, bytes, "%lld", (long long)numbers[0]);
  for (int i = 0; i < count; i++)
    n += (size_t)snprintf(text + n, bytes - n, "%s%lld", i > 0 ? ", " : "(", (long long)numbers[i]);
  return n + (size_t)snprintf(text + n, bytes - n, ")");
}

#define PUT(...) n += (size_t)snprintf(c->text + n, sizeof c->text - n, __VA_ARGS__)

static void put_windows(check_env *env, random_class *c) {
  pool *p = &c->pool;
  const int lead = LAZY_SPATIAL - c->axes;
  const bool is_max = p->kind == LAZY_POOL_MAX, ceil = check_random_below(env, 2) == 0;
  bool is_alike = check_random_below(env, 2) == 0; /* stride as the kernel: the default */
  p->count_padding = !is_max && check_random_below(env, 2) == 0;
  if (!is_max && c->axes > 1 && check_random_below(env, 3) == 0)
    p->divisor = (double)check_random_between(env, 1, 9);
  for (int axis = lead; axis < LAZY_SPATIAL; axis++) {
    p->kernel[axis] = check_random_between(env, 1, 4);
    p->stride[axis] = is_alike ? p->kernel[axis] : check_random_between(env, 1, 3);
    p->padding[axis] = check_random_between(env, 0, p->kernel[axis] / 2);
    p->dilation[axis] = is_max ? check_random_between(env, 1, 3) : 1;
    do {
      p->in[axis] = check_random_between(env, 1, 12);
      p->out[axis] = count_windows(p->in[axis], p->kernel[axis], p->stride[axis], p->padding[axis],
                                   p->dilation[axis], ceil);
    } while (p->out[axis] == 0);
  }
  size_t n = (size_t)snprintf(c->text, sizeof c->text, "%sPool%dd(", is_max ? "Max" : "Avg", c->axes);
  n += put_numbers(c->text + n, sizeof c->text - n, p->kernel + lead, c->axes);
  if (!is_alike) {
    PUT(", ");
    n += put_numbers(c->text + n, sizeof c->text - n, p->stride + lead, c->axes);
  }
  PUT(", padding=");
  n += put_numbers(c->text + n, sizeof c->text - n, p->padding + lead, c->axes);
  if (is_max) {
    PUT(", dilation=");
    n += put_numbers(c->text + n, sizeof c->text - n, p->dilation + lead, c->axes);
  } else {
    PUT(", count_include_pad=%s", p->count_padding ? "True" : "False");
    if (p->divisor != 0) PUT(", divisor_override=%g", p->divisor);
  }
  PUT(", ceil_mode=%s)", ceil ? "True" : "False");
}

static void put_sizes(check_env *env, random_class *c) {
  pool *p = &c->pool;
  size_t n = (size_t)snprintf(c->text, sizeof c->text, "Adaptive%sPool%dd((",
                              p->kind == LAZY_POOL_MAX ? "Max" : "Avg", c->axes);
  for (int axis = LAZY_SPATIAL - c->axes; axis < LAZY_SPATIAL; axis++) {
    p->in[axis] = check_random_between(env, 1, 12);
    p->out[axis] = check_random_between(env, 0, 12);
    if (p->out[axis] != 0) PUT("%lld, ", (long long)p->out[axis]);
    else {
      PUT("None, ");
      p->out[axis] = p->in[axis];
    }
  }
  PUT("))");
}

static random_class random_of(check_env *env, enum lazy_pool_kind kind, int axes, bool adaptive) {
  random_class c = {.axes = axes, .pool = {.kind = (uint8_t)kind, .adaptive = adaptive}};
  pool *p = &c.pool;
  for (int axis = 0; axis < LAZY_SPATIAL; axis++)
    p->in[axis] = p->out[axis] = p->kernel[axis] = p->stride[axis] = p->dilation[axis] = 1;
  if (adaptive) put_sizes(env, &c);
  else put_windows(env, &c);
  if (check_random_below(env, 2))
    c.shape.dims[c.shape.rank++] = check_random_between(env, 0, 2); /* a batch */
  c.shape.dims[c.shape.rank++] = check_random_between(env, 1, 3);
  p->count = 1;
  for (int i = 0; i < c.shape.rank; i++) p->count *= (uint64_t)c.shape.dims[i];
  for (int axis = 0; axis < LAZY_SPATIAL; axis++) p->count *= (uint64_t)p->out[axis];
  for (int axis = LAZY_SPATIAL - axes; axis < LAZY_SPATIAL; axis++)
    c.shape.dims[c.shape.rank++] = p->in[axis];
  return c;
}

static void check_class(check_env *env, lazy_context *context, random_class *c, lazy_dtype dtype) {
  lazy_module *module = NULL;
  lazy_graph *graph = NULL;
  lazy_outputs outputs;
  lazy_shape shape;
  double *x = NULL;
  CHECK_CASE("%s, %s, rank %d", c->text, lazy_dtype_name(dtype), (int)c->shape.rank);
  c->pool.dtype = (uint8_t)dtype;
  ASSERT_OK(lazy_module_parse(context, c->text, &module));
  ASSERT_OK(lazy_graph_create(module, NULL, &graph));
  lazy_array *input = model_random_array(env, context, dtype, c->shape, &x);
  ASSERT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(input)), &outputs));
  double *y = model_read_output(graph, outputs.at[0], &shape);
  lazy_shape wanted = c->shape;
  for (int i = 1; i <= c->axes; i++) wanted.dims[wanted.rank - i] = c->pool.out[LAZY_SPATIAL - i];
  if (EXPECT_EQ(shape.rank, wanted.rank) && EXPECT_I64_EQ(shape.dims, wanted.dims, (size_t)wanted.rank))
    pool_expect(&c->pool, x, y);
  free(y);
  free(x);
  lazy_array_release(input);
  lazy_graph_destroy(graph);
  lazy_module_release(module);
}

TEST_ON_DRIVERS(pool, every_class_equals_plain_loops) {
  static const lazy_dtype dtypes[] = {LAZY_DTYPE_F32, LAZY_DTYPE_F16, LAZY_DTYPE_F64, LAZY_DTYPE_BF16};
  lazy_context *context = model_context(env, env->device);
  const int rounds = env->is_ptx || env->is_small ? 2 : 40;
  for (int round = 0; round < rounds; round++)
    for (int axes = 1; axes <= 3; axes++)
      for (int way = 0; way < 4; way++) {
        random_class c = random_of(env, way % 2 == 0 ? LAZY_POOL_MAX : LAZY_POOL_AVERAGE, axes, way >= 2);
        check_class(env, context, &c, dtypes[(round + axes + way) % 4]);
      }
  lazy_context_close(context);
}

/* ---- printed forms and refusals ---- */

TEST(pool, prints_as_pytorch_does) {
  static const struct {
    const char *text, *printed;
  } cases[] = {
      {"MaxPool1d(3)", "MaxPool1d(kernel_size=3, stride=3, padding=0, dilation=1, ceil_mode=False)"},
      {"nn.MaxPool2d((3, 2), (2, 1), (1, 1), 2, False, True)",
       "MaxPool2d(kernel_size=(3, 2), stride=(2, 1), padding=(1, 1), dilation=2, ceil_mode=True)"},
      {"MaxPool3d(kernel_size=2, stride=None)",
       "MaxPool3d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)"},
      {"AvgPool1d(3)", "AvgPool1d(kernel_size=(3,), stride=(3,), padding=(0,))"},
      {"AvgPool1d(3, 2, 1, True, False)", "AvgPool1d(kernel_size=(3,), stride=(2,), padding=(1,))"},
      {"AvgPool2d(3, stride=(2, 1))", "AvgPool2d(kernel_size=3, stride=(2, 1), padding=0)"},
      {"AvgPool3d(2, divisor_override=3)", "AvgPool3d(kernel_size=2, stride=2, padding=0)"},
      {"AdaptiveAvgPool1d(5)", "AdaptiveAvgPool1d(output_size=5)"},
      {"AdaptiveAvgPool2d((None, 7))", "AdaptiveAvgPool2d(output_size=(None, 7))"},
      {"AdaptiveMaxPool3d(None)", "AdaptiveMaxPool3d(output_size=None)"},
  };
  lazy_context *context = model_context(env, env->device);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    CHECK_CASE("%s", cases[i].text);
    lazy_module *module = NULL;
    char *printed = NULL;
    if (!EXPECT_OK(lazy_module_parse(context, cases[i].text, &module))) continue;
    EXPECT_OK(lazy_module_to_string(module, &printed));
    EXPECT_STREQ(printed, cases[i].printed);
    lazy_string_free(printed);
    lazy_module_release(module);
  }
  lazy_context_close(context);
}

TEST(pool, constructors_say_what_is_wrong) {
  static const struct {
    const char *text, *words;
  } cases[] = {
      {"MaxPool2d()", "MaxPool2d needs 'kernel_size'"},
      {"MaxPool2d(0)", "MaxPool2d: kernel_size is 0; wanted at least 1"},
      {"MaxPool2d(None)", "MaxPool2d: kernel_size is None; wanted at least 1"},
      {"MaxPool2d((1, 2, 3))", "MaxPool2d: kernel_size is (1, 2, 3); wanted one number or a tuple of 2"},
      {"MaxPool1d(())", "MaxPool1d: kernel_size is (); wanted one number or a tuple of 1"},
      {"MaxPool2d(2, (1, 0))", "MaxPool2d: stride is (1, 0); wanted at least 1"},
      {"MaxPool2d((2, 4), padding=2)",
       "MaxPool2d: padding is 2; wanted at most half of kernel_size, which is 2"},
      {"MaxPool2d(2, padding=-1)", "MaxPool2d: padding is -1; wanted at least 0"},
      {"MaxPool2d(2, dilation=0)", "MaxPool2d: dilation is 0; wanted at least 1"},
      {"MaxPool2d(3000000000)", "kernel_size is 3000000000; wanted at least 1 and at most 2147483647"},
      {"MaxPool2d(2, return_indices=True)", "MaxPool2d: return_indices is True; wanted False"},
      {"AvgPool3d((1, 2))", "AvgPool3d: kernel_size is (1, 2); wanted one number or a tuple of 3"},
      {"AvgPool2d(3, padding=2)", "AvgPool2d: padding is 2; wanted at most half of kernel_size, which is 3"},
      {"AvgPool2d(3, divisor_override=0)", "AvgPool2d: divisor_override is 0; wanted None or another number"},
      {"AvgPool1d(3, divisor_override=2)", "unknown argument 'divisor_override' of AvgPool1d"},
      {"AdaptiveAvgPool2d((1, 2, 3))",
       "AdaptiveAvgPool2d: output_size is (1, 2, 3); wanted one number or a tuple of 2"},
      {"AdaptiveAvgPool2d(-1)", "AdaptiveAvgPool2d: output_size is -1; wanted at least 0"},
      {"AdaptiveMaxPool1d(2, True)", "AdaptiveMaxPool1d: return_indices is True; wanted False"},
  };
  lazy_context *context = model_context(env, env->device);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    CHECK_CASE("%s", cases[i].text);
    lazy_module *module = NULL;
    EXPECT_FAILS(lazy_module_parse(context, cases[i].text, &module), LAZY_STATUS_PARSE, cases[i].words);
  }
  lazy_context_close(context);
}

TEST_ON_DRIVERS(pool, inputs_that_do_not_fit_are_refused) {
  static const struct {
    const char *text;
    lazy_shape shape;
    lazy_status status;
    const char *words;
  } cases[] = {
      {"Net((pool): MaxPool2d(2))",
       {.rank = 2, .dims = {5, 5}},
       LAZY_STATUS_INVALID_VALUE,
       "pool: max_pool: input has rank 2; wanted 3 to 4"},
      {"MaxPool1d(2)",
       {.rank = 4, .dims = {1, 2, 5, 5}},
       LAZY_STATUS_INVALID_VALUE,
       "input has rank 4; wanted 2 to 3"},
      {"MaxPool2d((1, 7), padding=(0, 1))",
       {.rank = 4, .dims = {1, 2, 9, 4}},
       LAZY_STATUS_SHAPE,
       "dimension 3 of input is 6 with its padding; the window wants at least 7"},
      {"AvgPool2d(6)",
       {.rank = 3, .dims = {2, 5, 6}},
       LAZY_STATUS_SHAPE,
       "dimension 1 of input is 5 with its padding"},
      {"MaxPool2d(2)",
       {.rank = 4, .dims = {1, 0, 5, 5}},
       LAZY_STATUS_SHAPE,
       "dimension 1 of input is 0; wanted at least 1"},
      {"AdaptiveAvgPool1d(2)",
       {.rank = 3, .dims = {1, 2, 0}},
       LAZY_STATUS_SHAPE,
       "dimension 2 of input is 0; wanted at least 1"},
      {"AdaptiveMaxPool3d(2)",
       {.rank = 3, .dims = {1, 2, 3}},
       LAZY_STATUS_INVALID_VALUE,
       "input has rank 3; wanted 4 to 5"},
      {"AdaptiveAvgPool3d(2147483647)",
       {.rank = 4, .dims = {1, 2, 2, 2}},
       LAZY_STATUS_LIMIT,
       "over the limit"},
  };
  lazy_context *context = model_context(env, env->device);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    CHECK_CASE("%s", cases[i].text);
    lazy_module *module = NULL;
    const lazy_spec spec = {LAZY_DTYPE_F32, cases[i].shape};
    ASSERT_OK(lazy_module_parse(context, cases[i].text, &module));
    EXPECT_FAILS(lazy_module_dry_run(module, LAZY_ARGS(lazy_value_spec(&spec)), NULL), cases[i].status,
                 cases[i].words);
    lazy_module_release(module);
  }
  lazy_module *module = NULL;
  ASSERT_OK(lazy_module_parse(context, "MaxPool2d(2)", &module));
  const lazy_spec whole = {LAZY_DTYPE_I64, {.rank = 3, .dims = {1, 4, 4}}};
  EXPECT_FAILS(lazy_module_dry_run(module, LAZY_ARGS(lazy_value_spec(&whole)), NULL),
               LAZY_STATUS_INVALID_TYPE, "max_pool: input is i64; wanted a floating dtype");
  lazy_module_release(module);
  lazy_context_close(context);
}
