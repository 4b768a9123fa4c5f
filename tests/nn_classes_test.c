/* The built-in classes: printed form, options, values against libm, dtypes refused. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/nn/nn.h"
#include "tests/model.h"

static void check_printed(const lazy_module *module, const char *wanted) {
  char *text = NULL;
  if (EXPECT_OK(lazy_module_to_string(module, &text))) {
    text[strcspn(text, "\n")] = '\0';
    EXPECT_STREQ(text, wanted);
  }
  lazy_string_free(text);
}

TEST_ON_DRIVERS(nn_classes, print_as_pytorch_does) {
  lazy_context *context = model_context(env, env->device);
  static const struct {
    const lazy_class *type;
    const char *printed;
  } plain[] = {
      {&lazy_class_identity, "Identity()"},
      {&lazy_class_relu, "ReLU()"},
      {&lazy_class_sigmoid, "Sigmoid()"},
      {&lazy_class_tanh, "Tanh()"},
      {&lazy_class_add, "Add()"},
      {&lazy_class_gelu, "GELU(approximate='none')"},
      {&lazy_class_sequential, "Sequential()"},
      {&lazy_class_flatten, "Flatten(start_dim=1, end_dim=-1)"},
  };
  for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
    lazy_module *module = model_of(context, plain[i].type);
    check_printed(module, plain[i].printed);
    EXPECT_EQ(lazyi_nn_find(plain[i].type->name), plain[i].type);
    lazy_module_release(module);
  }
  lazy_module *fc = model_lazy_linear(context, 10, true, LAZY_DTYPE_DEFAULT);
  check_printed(fc, "LazyLinear(in_features=0, out_features=10, bias=True)");
  ASSERT_OK(lazy_module_dry_run(fc, LAZY_ARGS(LAZY_INPUT(1, 5)), NULL));
  check_printed(fc, "Linear(in_features=5, out_features=10, bias=True)");
  lazy_module_release(fc);
  lazy_module *module = NULL;
  ASSERT_OK(lazy_module_create(context, &lazy_class_relu, &(lazy_relu_options){true}, &module));
  check_printed(module, "ReLU(inplace=True)");
  lazy_module_release(module);
  EXPECT_TRUE(lazyi_nn_find("LazyLinear") == &lazy_class_lazy_linear);
  EXPECT_TRUE(lazyi_nn_find("Nothing") == NULL);
  lazy_context_close(context);
}

TEST_ON_DRIVERS(nn_classes, options_are_checked) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *module = NULL;
  EXPECT_FAILS(lazy_module_create(context, &lazy_class_linear, NULL, &module), LAZY_STATUS_INVALID_VALUE,
               "in_features");
  EXPECT_FAILS(lazy_module_create(context, &lazy_class_gelu, &(lazy_gelu_options){"fast"}, &module),
               LAZY_STATUS_INVALID_VALUE, "'fast'");
  const lazy_linear_options given = {3, 4, true, LAZY_DTYPE_DEFAULT},
                            negative = {-3, 4, true, LAZY_DTYPE_DEFAULT};
  const lazy_linear_options whole = {3, 4, true, LAZY_DTYPE_I64};
  EXPECT_FAILS(lazy_module_create(context, &lazy_class_lazy_linear, &given, &module),
               LAZY_STATUS_INVALID_VALUE, "in_features");
  EXPECT_STATUS(lazy_module_create(context, &lazy_class_linear, &negative, &module),
                LAZY_STATUS_INVALID_VALUE);
  EXPECT_STATUS(lazy_module_create(context, &lazy_class_linear, &whole, &module), LAZY_STATUS_INVALID_TYPE);
  EXPECT_TRUE(module == NULL);
  /* PyTorch finds a negative out_features of a lazy layer at its first forward */
  module = model_lazy_linear(context, -2, true, LAZY_DTYPE_DEFAULT);
  EXPECT_STATUS(lazy_module_dry_run(module, LAZY_ARGS(LAZY_INPUT(1, 5)), NULL), LAZY_STATUS_SHAPE);
  EXPECT_TRUE(lazy_module_is_lazy(module));
  lazy_module_release(module);
  lazy_context_close(context);
}

static double relu(double x) { return x > 0 ? x : 0; }
static double gelu(double x) { return 0.5 * x * (1 + erf(x / sqrt(2))); }
static double gelu_tanh(double x) {
  return 0.5 * x * (1 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
}
static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static void check_unary(check_env *env, lazy_context *context, lazy_module *module, double (*wanted)(double),
                        lazy_dtype dtype) {
  CHECK_CASE("%s of %s", lazy_module_class(module)->name, lazy_dtype_name(dtype));
  lazy_graph *graph = NULL;
  lazy_outputs outputs;
  double *x;
  lazy_shape shape = LAZY_DIMS(check_random_between(env, 1, 5), check_random_between(env, 1, 300));
  EXPECT_OK(lazy_graph_create(module, NULL, &graph));
  lazy_array *input = model_random_array(env, context, dtype, shape, &x);
  if (EXPECT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(input)), &outputs))) {
    lazy_shape found;
    double *y = model_read_output(graph, outputs.at[0], &found);
    size_t count = (size_t)(shape.dims[0] * shape.dims[1]);
    EXPECT_DIMS(found.dims, found.rank, shape.dims[0], shape.dims[1]);
    for (size_t i = 0; i < count; i++) x[i] = wanted(x[i]);
    double tolerance = dtype == LAZY_DTYPE_F64 ? 1e-12 : model_tolerance(dtype, 6);
    model_near(y, x, count, tolerance, tolerance);
    free(y);
  }
  free(x);
  lazy_array_release(input);
  lazy_graph_destroy(graph);
}

TEST_ON_DRIVERS(nn_classes, activations_equal_libm) {
  static const lazy_dtype dtypes[] = {LAZY_DTYPE_F32, LAZY_DTYPE_F64, LAZY_DTYPE_F16, LAZY_DTYPE_BF16};
  lazy_context *context = model_context(env, env->device);
  lazy_module *smooth = NULL;
  ASSERT_OK(lazy_module_create(context, &lazy_class_gelu, &(lazy_gelu_options){"tanh"}, &smooth));
  const struct {
    lazy_module *module;
    double (*wanted)(double);
  } cases[] = {{model_of(context, &lazy_class_relu), relu},
               {model_of(context, &lazy_class_gelu), gelu},
               {smooth, gelu_tanh},
               {model_of(context, &lazy_class_sigmoid), sigmoid},
               {model_of(context, &lazy_class_tanh), tanh}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++)
      check_unary(env, context, cases[i].module, cases[i].wanted, dtypes[d]);
    EXPECT_FAILS(lazy_module_dry_run(cases[i].module, LAZY_ARGS(LAZY_INPUT_OF(LAZY_DTYPE_I64, 3)), NULL),
                 LAZY_STATUS_INVALID_TYPE, "input is i64; wanted a floating dtype");
    lazy_module_release(cases[i].module);
  }
  lazy_context_close(context);
}

/* Any rank: every dim but the last is a row. */
TEST_ON_DRIVERS(nn_classes, linear_takes_any_rank) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *fc = model_lazy_linear(context, 3, true, LAZY_DTYPE_F64);
  lazy_graph *graph = NULL;
  ASSERT_OK(lazy_graph_create(fc, NULL, &graph));
  for (int32_t rank = 1; rank <= 5; rank++) {
    lazy_shape shape = {.rank = rank};
    int64_t rows = 1;
    for (int32_t i = 0; i < rank - 1; i++) rows *= shape.dims[i] = check_random_between(env, 1, 4);
    shape.dims[rank - 1] = 6;
    lazy_outputs outputs;
    double *x;
    lazy_array *input = model_random_array(env, context, LAZY_DTYPE_F64, shape, &x);
    ASSERT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(input)), &outputs));
    double *w = model_read_param(fc, "weight"), *b = model_read_param(fc, "bias");
    lazy_shape found;
    double *wanted = model_linear(x, rows, 6, w, 3, b), *y = model_read_output(graph, outputs.at[0], &found);
    EXPECT_EQ(found.rank, rank);
    model_near(y, wanted, (size_t)rows * 3, 1e-13, 1e-13);
    free(x), free(w), free(b), free(wanted), free(y);
    lazy_array_release(input);
  }
  const lazy_spec scalar = {LAZY_DTYPE_F64, {0}};
  EXPECT_STATUS(lazy_graph_dry_run(graph, LAZY_ARGS(lazy_value_spec(&scalar))), LAZY_STATUS_OUT_OF_RANGE);
  lazy_graph_destroy(graph);
  lazy_module_release(fc);
  lazy_context_close(context);
}

TEST_ON_DRIVERS(nn_classes, initial_values_lie_within_pytorchs_bounds) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *fc = model_lazy_linear(context, 64, true, LAZY_DTYPE_DEFAULT);
  ASSERT_OK(lazy_module_dry_run(fc, LAZY_ARGS(LAZY_INPUT(1, 100)), NULL));
  double *w = model_read_param(fc, "weight"), *b = model_read_param(fc, "bias"), most = 0;
  for (int i = 0; i < 6400; i++) most = fmax(most, fabs(w[i]));
  EXPECT_LE(most, 0.1000001); /* 1 / sqrt(100) for both */
  EXPECT_GE(most, 0.0990);
  for (int i = 0; i < 64; i++) EXPECT_LE(fabs(b[i]), 0.1000001);
  free(w), free(b);
  lazy_module_release(fc);
  lazy_context_close(context);
}
