/* Activation classes: random options and shapes against long double, PyTorch's numbers and printed forms
   (tests/golden/make_torch_activation.py), what is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/activation_reference.h"
#include "tests/golden/torch_activation.h"
#include "tests/model.h"

static lazy_module *parse(lazy_context *context, const char *text) {
  lazy_module *module = NULL;
  EXPECT_OK(lazy_module_parse(context, text, &module));
  return module;
}

static void check_printed(lazy_module *module, const char *wanted) {
  char *printed = NULL;
  if (EXPECT_OK(lazy_module_to_string(module, &printed))) EXPECT_STREQ(printed, wanted);
  lazy_string_free(printed);
}

/* One forward; to be freed. */
static double *forward(lazy_module *module, lazy_array *input, lazy_shape *out_shape) {
  lazy_graph *graph = NULL;
  lazy_outputs outputs;
  double *y = NULL;
  if (EXPECT_OK(lazy_graph_create(module, NULL, &graph)) &&
      EXPECT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(input)), &outputs)))
    y = model_read_output(graph, outputs.at[0], out_shape);
  lazy_graph_destroy(graph);
  return y;
}

static double unit_of(lazy_dtype dtype) {
  return dtype == LAZY_DTYPE_F64   ? 0x1p-53
         : dtype == LAZY_DTYPE_F32 ? 0x1p-24
         : dtype == LAZY_DTYPE_F16 ? 0x1p-11
                                   : 0x1p-8;
}

static void check_class(check_env *env, lazy_context *context, const char *format, int activation,
                        lazy_dtype dtype) {
  char text[120];
  double a, b, *x;
  lazy_shape shape = {.rank = (int32_t)check_random_below(env, 5)}, found;
  size_t count = 1;
  activation_draw(env, activation, &a, &b);
  if (strstr(format, "6(") != NULL) a = 0, b = 6;
  (void)snprintf(text, sizeof text, format, a, b);
  for (int32_t i = 0; i < shape.rank; i++)
    count *= (size_t)(shape.dims[i] = check_random_between(env, check_random_below(env, 9) > 0, 9));
  CHECK_CASE("%s of %s, rank %d", text, lazy_dtype_name(dtype), (int)shape.rank);
  lazy_module *module = parse(context, text);
  lazy_array *input = model_random_array(env, context, dtype, shape, &x);
  double *y = module == NULL ? NULL : forward(module, input, &found);
  const double unit = unit_of(dtype), computed = dtype == LAZY_DTYPE_F64 ? 0x1p-53 : 0x1p-24;
  if (y != NULL && EXPECT_EQ(found.rank, shape.rank)) {
    for (int32_t i = 0; i < shape.rank; i++) EXPECT_EQ(found.dims[i], shape.dims[i]);
    for (size_t i = 0; i < count; i++) {
      const double wanted = (double)activation_exact(activation, x[i], a, b);
      /* a and b as the constructor has them, rounded to what is computed in; a unit in the last place is two
         of these relative to the number, and f16's smallest numbers are coarser */
      const double relative = 2 * computed * (activation_ulps(activation, x[i], a) + 2) + 1.01 * unit;
      const double absolute =
          activation_absolute(activation, x[i], a, 0, computed) + (dtype == LAZY_DTYPE_F16 ? 0x1p-25 : 0);
      if (fabs(y[i] - wanted) <= relative * fabs(wanted) + absolute) continue;
      FAIL("of %.17g: found %.17g, wanted %.17g", x[i], y[i], wanted);
      break;
    }
  }
  free(x), free(y);
  lazy_array_release(input);
  lazy_module_release(module);
}

TEST_ON_DRIVERS(activation, equals_long_double) {
  static const struct {
    const char *format;
    int activation;
  } classes[] = {
      {"LeakyReLU(%.17g)", LAZY_ACTIVATION_LEAKY_RELU},
      {"LeakyReLU(negative_slope=%.17g, inplace=True)", LAZY_ACTIVATION_LEAKY_RELU},
      {"ELU(alpha=%.17g)", LAZY_ACTIVATION_ELU},
      {"Hardtanh(%.17g, %.17g)", LAZY_ACTIVATION_HARDTANH},
      {"ReLU6()", LAZY_ACTIVATION_HARDTANH},
      {"SiLU()", LAZY_ACTIVATION_SILU},
      {"Mish()", LAZY_ACTIVATION_MISH},
      {"Hardsigmoid()", LAZY_ACTIVATION_HARDSIGMOID},
      {"Hardswish()", LAZY_ACTIVATION_HARDSWISH},
      {"Softplus(%.17g, %.17g)", LAZY_ACTIVATION_SOFTPLUS},
      {"LogSigmoid()", LAZY_ACTIVATION_LOG_SIGMOID},
  };
  static const lazy_dtype dtypes[] = {LAZY_DTYPE_F32, LAZY_DTYPE_F64, LAZY_DTYPE_F16, LAZY_DTYPE_BF16};
  lazy_context *context = model_context(env, env->device);
  for (int round = 0; round < (env->is_small ? 1 : 8); round++)
    for (size_t c = 0; c < sizeof classes / sizeof *classes; c++)
      for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++)
        check_class(env, context, classes[c].format, classes[c].activation, dtypes[d]);
  lazy_context_close(context);
}

/* Both compute in f32, or f64, with a few units each, GELU with some of x besides, and round: to f16 and bf16
   they may come out one unit apart. */
static void check_golden(size_t at, const double *y) {
  const lazy_dtype dtype = golden_activations[at].dtype;
  const bool is_gelu = strncmp(golden_activations[at].text, "GELU", 4) == 0;
  const double unit = unit_of(dtype), relative = dtype <= LAZY_DTYPE_F32 ? 16 * unit : 2.1 * unit;
  const double computed = dtype == LAZY_DTYPE_F64 ? 0x1p-53 : 0x1p-24;
  for (int i = 0; i < GOLDEN_ACTIVATION_INPUTS; i++) {
    const double x = golden_activation_inputs[i], wanted = golden_activations[at].wanted[i];
    if (isnan(wanted) ? isnan(y[i]) : y[i] == wanted) continue;
    if (is_gelu && isinf(x) && y[i] == fmax(x, 0)) continue; /* of which PyTorch's vector loops make NaN */
    const double absolute =
        (is_gelu ? 4 * computed * fabs(x) : 0) + (dtype == LAZY_DTYPE_F16 ? 0x1p-24 : 0x1p-140);
    if (fabs(y[i] - wanted) <= relative * fabs(wanted) + absolute) continue;
    FAIL("of %.17g: found %.17g, wanted %.17g", x, y[i], wanted);
  }
}

TEST_ON_DRIVERS(activation, equals_pytorch) {
  lazy_context *context = model_context(env, env->device);
  const lazy_shape shape = LAZY_DIMS(GOLDEN_ACTIVATION_INPUTS);
  for (size_t i = 0; i < sizeof golden_activations / sizeof *golden_activations; i++) {
    CHECK_CASE("%s of %s", golden_activations[i].text, lazy_dtype_name(golden_activations[i].dtype));
    double data[GOLDEN_ACTIVATION_INPUTS];
    lazy_array *input = NULL;
    lazy_module *module = parse(context, golden_activations[i].text);
    ASSERT_TRUE(module != NULL);
    check_printed(module, golden_activations[i].printed);
    model_encode(golden_activations[i].dtype, golden_activation_inputs, GOLDEN_ACTIVATION_INPUTS, data);
    ASSERT_OK(lazy_array_from_data(context, golden_activations[i].dtype, &shape, data, &input));
    double *y = forward(module, input, NULL);
    if (y != NULL) check_golden(i, y);
    free(y);
    lazy_array_release(input);
    lazy_module_release(module);
  }
  lazy_context_close(context);
}

TEST_ON_DRIVERS(activation, refuses_what_it_cannot_do) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *module = NULL;
  EXPECT_FAILS(lazy_module_parse(context, "Hardtanh(1.0, 1.0)", &module), LAZY_STATUS_PARSE,
               "Hardtanh: max_val is 1; wanted more than min_val, which is 1");
  EXPECT_FAILS(lazy_module_parse(context, "Mish(1, 2)", &module), LAZY_STATUS_PARSE, "takes 1 argument");
  EXPECT_FAILS(lazy_module_parse(context, "Softplus(inplace=True)", &module), LAZY_STATUS_PARSE,
               "unknown argument 'inplace' of Softplus");
  EXPECT_FAILS(lazy_module_parse(context, "ELU('a')", &module), LAZY_STATUS_PARSE, "wanted a number");
  module = parse(context, "Sequential((act): Hardswish())");
  EXPECT_FAILS(lazy_module_dry_run(module, LAZY_ARGS(LAZY_INPUT_OF(LAZY_DTYPE_I64, 3)), NULL),
               LAZY_STATUS_INVALID_TYPE, "act: hardswish: input is i64; wanted a floating dtype");
  lazy_module_release(module);
  lazy_context_close(context);
}

/* ---- in place ---- */

typedef struct heard {
  int count;
  char last[600];
} heard;
static void hear(void *user, const char *message) {
  heard *all = user;
  all->count++;
  (void)snprintf(all->last, sizeof all->last, "%s", message);
}

typedef struct residual_options {
  bool reads, returns;
} residual_options;
/* y = act(x), then y + y, or with x, through a view of it; x itself comes back too where that is said. */
static lazy_value residual_forward(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  const residual_options *options = lazy_module_self(self);
  const lazy_tensor h = lazy_tanh(recorder, lazy_arg(recorder, args, 0));
  const lazy_tensor view = lazy_flatten(recorder, h, 0, -1);
  lazy_module *act = NULL;
  if (lazy_module_find(self, "act", &act) != LAZY_STATUS_OK)
    return lazy_value_tensor(lazy_recorder_fail(recorder, LAZY_STATUS_NOT_FOUND, "act"));
  const lazy_tensor y = lazy_flatten(recorder, lazy_call(recorder, act, h), 0, -1);
  const lazy_tensor sum = lazy_add(recorder, options->reads ? view : y, y);
  if (options->returns) lazy_tensor_retain(recorder, h);
  return lazy_value_tensor(sum);
}
static const lazy_option residual_table[] = {
    {"reads", LAZY_OPTION_BOOL, 0, offsetof(residual_options, reads), 0, NULL},
    {"returns", LAZY_OPTION_BOOL, 0, offsetof(residual_options, returns), 0, NULL}};
static const lazy_class residual = {LAZY_CLASS("Residual"), .self_bytes = sizeof(residual_options),
                                    .options = residual_table, .option_count = 2,
                                    .forward_value = residual_forward};

TEST_ON_DRIVERS(activation, warns_where_a_change_in_place_would_be_seen) {
  static const struct {
    const char *text, *warning; /* NULL: none */
  } cases[] = {
      {"Net(\n(block): Residual(reads=True\n(act): ReLU(inplace=True)\n)\n)",
       "ReLU 'block.act': inplace=True, and its input is read by add in block afterwards: unchanged here, "
       "changed in PyTorch"},
      {"Net(\n(block): Residual(reads=True\n(act): Hardswish(inplace=True)\n)\n)", "read by add in block"},
      {"Net(\n(block): Residual(reads=True\n(act): ReLU()\n)\n)", NULL},
      {"Net(\n(block): Residual(returns=True\n(act): Mish(True)\n)\n)", "its input is wanted as an output"},
      {"Net(\n(block): Residual(reads=False\n(act): ReLU(inplace=True)\n)\n)", NULL},
      {"Net(\n(a): Tanh()\n(b): ELU(inplace=True)\n(c): ReLU6(inplace=True)\n)", NULL},
  };
  heard all = {0};
  lazy_context *context = NULL;
  const lazy_context_options options = {.struct_size = sizeof options, .warn = hear, .warn_user = &all};
  ASSERT_OK(lazy_context_open(env->device, &options, &context));
  ASSERT_OK(lazy_context_register_class(context, &residual));
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    CHECK_CASE("%s", cases[i].text);
    lazy_module *module = parse(context, cases[i].text);
    lazy_graph *graph = NULL;
    double *x;
    lazy_array *input = model_random_array(env, context, LAZY_DTYPE_F32, LAZY_DIMS(3, 4), &x);
    all = (heard){0};
    ASSERT_OK(lazy_graph_create(module, NULL, &graph));
    for (int step = 0; step < 3; step++)
      ASSERT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(input)), NULL));
    EXPECT_EQ(all.count, cases[i].warning != NULL);
    if (cases[i].warning != NULL) EXPECT_CONTAINS(all.last, cases[i].warning);
    free(x);
    lazy_array_release(input);
    lazy_graph_destroy(graph);
    lazy_module_release(module);
  }
  lazy_context_close(context);
}
