/* Softmax and LogSoftmax: random shapes and dims against long double, PyTorch's numbers and printed forms
   (tests/golden/make_torch_softmax.py), what is refused. */
#include "tests/softmax_reference.h"

#include <stdio.h>

#include "tests/golden/torch_softmax.h"
#include "tests/model.h"

/* One forward of a module given as text; to be freed. */
static double *forward(lazy_context *context, const char *text, const char *printed, lazy_dtype dtype,
                       const lazy_shape *shape, const double *values, size_t count) {
  lazy_module *module = NULL;
  lazy_graph *graph = NULL;
  lazy_array *input = NULL;
  lazy_outputs outputs;
  lazy_shape found = {0};
  double *y = NULL;
  void *data = malloc(count * 8 + 8);
  model_encode(dtype, values, count, data);
  if (EXPECT_OK(lazy_module_parse(context, text, &module)) &&
      EXPECT_OK(lazy_graph_create(module, NULL, &graph)) &&
      EXPECT_OK(lazy_array_from_data(context, dtype, shape, data, &input)) &&
      EXPECT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(input)), &outputs))) {
    char *out = NULL;
    y = model_read_output(graph, outputs.at[0], &found);
    EXPECT_EQ(found.rank, shape->rank);
    for (int32_t i = 0; i < shape->rank; i++) EXPECT_EQ(found.dims[i], shape->dims[i]);
    EXPECT_OK(lazy_module_to_string(module, &out));
    EXPECT_STREQ(out, printed);
    lazy_string_free(out);
  }
  free(data);
  lazy_array_release(input);
  lazy_graph_destroy(graph);
  lazy_module_release(module);
  return y;
}

static void check_random_shape(check_env *env, lazy_context *context, lazy_dtype dtype, bool log) {
  lazy_shape shape = {.rank = (int32_t)check_random_between(env, 1, 5)};
  const int32_t dim = (int32_t)check_random_below(env, (uint64_t)shape.rank);
  struct lazy_k_softmax_params p = {.rows = 1, .inner = 1, .dtype = (uint8_t)dtype, .log = log};
  char text[40];
  for (int32_t i = 0; i < shape.rank; i++) {
    shape.dims[i] = check_random_between(env, check_random_below(env, 9) > 0, 5);
    if (i == dim && check_random_below(env, 3) == 0) shape.dims[i] = check_random_between(env, 60, 300);
    if (i == dim) p.length = (uint64_t)shape.dims[i];
    else p.rows *= (uint64_t)shape.dims[i];
    if (i > dim) p.inner *= (uint64_t)shape.dims[i];
  }
  if (p.inner == 0) p.inner = 1;
  const size_t count = p.rows * p.length;
  (void)snprintf(text, sizeof text, "%s(dim=%d)", log ? "LogSoftmax" : "Softmax",
                 (int)(check_random_below(env, 2) == 0 ? dim : dim - shape.rank));
  CHECK_CASE("%s of %s, %llu rows of %llu, %llu apart", text, lazy_dtype_name(dtype),
             (unsigned long long)p.rows, (unsigned long long)p.length, (unsigned long long)p.inner);
  double *x = malloc(count * sizeof *x + 8);
  void *data = malloc(count * 8 + 8);
  softmax_draw(env, x, count, check_random_below(env, 3) == 0);
  double *y = forward(context, text, text, dtype, &shape, x, count);
  model_encode(dtype, x, count, data);
  model_decode(dtype, data, count, x);
  if (y != NULL) softmax_expect(&p, x, y);
  free(y), free(data), free(x);
}

TEST_ON_DRIVERS(softmax, equals_long_double) {
  static const lazy_dtype dtypes[] = {LAZY_DTYPE_F32, LAZY_DTYPE_F64, LAZY_DTYPE_F16, LAZY_DTYPE_BF16};
  lazy_context *context = model_context(env, env->device);
  for (int round = 0; round < (env->is_small ? 2 : 30); round++)
    for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++)
      for (int log = 0; log < 2; log++) check_random_shape(env, context, dtypes[d], log);
  lazy_context_close(context);
}

static double golden_value(int64_t i, int specials) {
  if (specials && i % 17 == 5) return i % 34 == 5 && i > 60 ? NAN : -INFINITY;
  return (double)((i * 37 + 11) % 61 - 30) / 8;
}

/* Both compute in f32, or f64, with a few units each, and round: to f16 and bf16 they may come out one unit
   apart. Rows are short, and their elements within 8. */
TEST_ON_DRIVERS(softmax, equals_pytorch) {
  lazy_context *context = model_context(env, env->device);
  for (size_t c = 0; c < sizeof golden_softmax / sizeof *golden_softmax; c++) {
    const lazy_dtype dtype = golden_softmax[c].dtype;
    const double unit = dtype == LAZY_DTYPE_F64   ? 0x1p-53
                        : dtype == LAZY_DTYPE_F32 ? 0x1p-24
                        : dtype == LAZY_DTYPE_F16 ? 0x1p-11
                                                  : 0x1p-8;
    const double relative = dtype <= LAZY_DTYPE_F32 ? 64 * unit : 2.1 * unit;
    double x[256];
    int64_t count = 1;
    CHECK_CASE("%s of %s", golden_softmax[c].text, lazy_dtype_name(dtype));
    for (int32_t i = 0; i < golden_softmax[c].shape.rank; i++) count *= golden_softmax[c].shape.dims[i];
    for (int64_t i = 0; i < count; i++) x[i] = golden_value(i, golden_softmax[c].specials);
    double *y = forward(context, golden_softmax[c].text, golden_softmax[c].printed, dtype,
                        &golden_softmax[c].shape, x, (size_t)count);
    ASSERT_TRUE(y != NULL);
    for (int64_t i = 0; i < count; i++) {
      const double wanted = golden_softmax[c].wanted[i];
      if (isnan(wanted) ? isnan(y[i]) : y[i] == wanted) continue;
      const double absolute = dtype == LAZY_DTYPE_F16 ? 0x1p-24 : 0;
      if (fabs(y[i] - wanted) <= relative * fabs(wanted) + absolute) continue;
      FAIL("%lld: found %.17g, wanted %.17g", (long long)i, y[i], wanted);
    }
    free(y);
  }
  lazy_context_close(context);
}

TEST_ON_DRIVERS(softmax, refuses_what_it_cannot_do) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *module = NULL;
  EXPECT_FAILS(lazy_module_parse(context, "Softmax(dim=(1, 2))", &module), LAZY_STATUS_PARSE,
               "Softmax: dim is a tuple; wanted a number or None");
  ASSERT_OK(lazy_module_parse(context, "Net(\n(heads): LogSoftmax(dim=2)\n)", &module));
  EXPECT_FAILS(lazy_module_dry_run(module, LAZY_ARGS(LAZY_INPUT(3, 4)), NULL), LAZY_STATUS_OUT_OF_RANGE,
               "heads: log_softmax: input has no dimension 2; wanted -2 to 1");
  EXPECT_FAILS(lazy_module_dry_run(module, LAZY_ARGS(LAZY_INPUT_OF(LAZY_DTYPE_I64, 3, 4, 5)), NULL),
               LAZY_STATUS_INVALID_TYPE, "input is i64; wanted a floating dtype");
  EXPECT_OK(lazy_module_dry_run(module, LAZY_ARGS(LAZY_INPUT(3, 4, 5)), NULL));
  lazy_module_release(module);
  lazy_context_close(context);
}
