/* Rows of 7.4. */
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/conform.h"

enum { IN = 16, OUT = 32, KERNEL = 2 };

typedef struct conv_row {
  const char *name; /* of the ordinary class */
  bool transposed;
  int spatial;
  int64_t sizes[3];
} conv_row;
#define CONV_1D                \
  (conv_row) {                 \
    "Conv1d", false, 1, { 50 } \
  }
#define CONV_2D                  \
  (conv_row) {                   \
    "Conv2d", false, 2, { 8, 6 } \
  }
#define CONV_3D                     \
  (conv_row) {                      \
    "Conv3d", false, 3, { 8, 7, 6 } \
  }
#define TRANSPOSE_1D                   \
  (conv_row) {                         \
    "ConvTranspose1d", true, 1, { 50 } \
  }
#define TRANSPOSE_2D                     \
  (conv_row) {                           \
    "ConvTranspose2d", true, 2, { 8, 6 } \
  }
#define TRANSPOSE_3D                        \
  (conv_row) {                              \
    "ConvTranspose3d", true, 3, { 8, 7, 6 } \
  }

/* Batches of 192, and of 2 where big inputs are to be small. */
static lazy_shape input_shape(const check_env *env, const conv_row *row) {
  lazy_shape shape = {row->spatial + 2, {env->is_small ? 2 : 192, IN}};
  memcpy(shape.dims + 2, row->sizes, (size_t)row->spatial * sizeof *row->sizes);
  return shape;
}

static void has_shapes(lazy_module *module, const conv_row *row) {
  lazy_shape weight = {row->spatial + 2, {row->transposed ? IN : OUT, row->transposed ? OUT : IN}};
  for (int i = 0; i < row->spatial; i++) weight.dims[2 + i] = KERNEL;
  conform_has_sizes(module, "weight", weight);
  EXPECT_SIZES(module, "bias", OUT);
}

/* Of an input of ones, by loops: what a tap of the kernel adds is the sum of its weights over the input
 * channels. */
static double *of_ones(const conv_row *row, const double *weight, const double *bias, lazy_shape found) {
  int64_t taps = 1, count = 1, per_image = 1;
  for (int i = 0; i < row->spatial; i++) taps *= KERNEL;
  for (int i = 0; i < found.rank; i++) count *= found.dims[i];
  for (int i = 2; i < found.rank; i++) per_image *= found.dims[i];
  double *y = malloc((size_t)count * sizeof *y);
  for (int64_t at = 0; at < count; at++) {
    const int64_t channel = at / per_image % OUT;
    double sum = bias[channel];
    for (int64_t tap = 0; tap < taps; tap++) {
      bool inside = true;
      int64_t place = at % per_image, left = tap;
      for (int d = row->spatial - 1; d >= 0; d--) {
        const int64_t k = left % KERNEL, position = place % found.dims[2 + d];
        const int64_t from = row->transposed ? position - k : position + k;
        inside = inside && from >= 0 && from < row->sizes[d];
        left /= KERNEL;
        place /= found.dims[2 + d];
      }
      for (int64_t c = 0; inside && c < IN; c++)
        sum += weight[(row->transposed ? c * OUT + channel : channel * IN + c) * taps + tap];
    }
    y[at] = sum;
  }
  return y;
}

/* The sizes that `output_size` may ask for are those that come without it. */
static double *first_call(lazy_module *module, const conv_row *row, bool output_size, lazy_array *input,
                          lazy_shape *out_shape) {
  lazy_value sizes[3];
  for (int i = 0; i < row->spatial; i++) sizes[i] = lazy_value_int(row->sizes[i] + KERNEL - 1);
  const lazy_keyword keyword = {"output_size", lazy_value_tuple(sizes, (size_t)row->spatial)};
  const lazy_value x = lazy_value_array(input);
  const lazy_args args = {&x, 1, &keyword, output_size};
  lazy_graph *graph = NULL;
  lazy_outputs outputs = {0};
  double *values = NULL;
  if (!EXPECT_OK(lazy_graph_create(module, NULL, &graph))) return NULL;
  if (EXPECT_OK(lazy_graph_forward(graph, &args, &outputs)))
    values = model_read_output(graph, outputs.at[0], out_shape);
  lazy_graph_destroy(graph);
  return values;
}

static void conv(check_env *env, conv_row row, bool output_size) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *module = conform_make(context, "Lazy%s(%d, %d)", row.name, OUT, KERNEL),
              *eager = conform_make(context, "%s(%d, %d, %d)", row.name, IN, OUT, KERNEL);
  lazy_array *input = conform_ones(context, input_shape(env, &row));
  lazy_shape shape = {0}, again_shape = {0}, eager_shape = {0};
  ASSERT_NE(module, NULL);
  ASSERT_NE(eager, NULL);
  conform_is_lazy(module, "weight");
  conform_is_lazy(module, "bias");
  double *first = first_call(module, &row, output_size, input, &shape);
  conform_is(module, row.name);
  has_shapes(module, &row);
  double *again = conform_run(module, NULL, input, &again_shape);
  conform_same(again, again_shape, first, shape);
  /* the functional op on the module's tensors: the ordinary class that holds the same ones */
  EXPECT_OK(conform_load(eager, module));
  double *wanted = conform_run(eager, NULL, input, &eager_shape);
  conform_same(first, shape, wanted, eager_shape);
  double *weight = model_read_param(module, "weight"), *bias = model_read_param(module, "bias");
  if (first != NULL && weight != NULL && bias != NULL) {
    size_t count = 1;
    for (int i = 0; i < row.spatial; i++)
      EXPECT_EQ(shape.dims[2 + i], row.sizes[i] + (row.transposed ? KERNEL - 1 : 1 - KERNEL));
    for (int i = 0; i < shape.rank; i++) count *= (size_t)shape.dims[i];
    double *loops = of_ones(&row, weight, bias, shape);
    const double room = model_tolerance(LAZY_DTYPE_F32, (int64_t)IN * KERNEL * KERNEL * KERNEL + 1);
    model_near(first, loops, count, room, room);
    free(loops);
  }
  free(weight);
  free(bias);
  free(first);
  free(again);
  free(wanted);
  lazy_array_release(input);
  lazy_module_release(module);
  lazy_module_release(eager);
  lazy_context_close(context);
}

static void pickle(check_env *env, conv_row row) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *module = conform_make(context, "Lazy%s(%d, %d)", row.name, OUT, KERNEL);
  lazy_shape sizes = input_shape(env, &row), shape = {0}, again_shape = {0};
  sizes.dims[0] = 2;
  lazy_array *input = conform_ones(context, sizes);
  ASSERT_NE(module, NULL);
  ASSERT_TRUE(conform_round_trip(env, &module));
  EXPECT_CONTAINS(lazy_module_class(module)->name, "Lazy");
  EXPECT_TRUE(lazy_module_is_lazy(module));
  conform_is_lazy(module, "weight");
  conform_is_lazy(module, "bias");
  double *first = conform_run(module, NULL, input, &shape);
  ASSERT_TRUE(conform_round_trip(env, &module));
  conform_is(module, row.name);
  has_shapes(module, &row);
  double *second = conform_run(module, NULL, input, &again_shape);
  conform_same(second, again_shape, first, shape);
  free(first);
  free(second);
  lazy_array_release(input);
  lazy_module_release(module);
  lazy_context_close(context);
}

static void state(check_env *env, conv_row row) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *module = conform_make(context, "Lazy%s(%d, %d)", row.name, OUT, KERNEL),
              *lazy = conform_make(context, "Lazy%s(%d, %d)", row.name, OUT, KERNEL),
              *eager = conform_make(context, "%s(%d, %d, %d)", row.name, IN, OUT, KERNEL);
  ASSERT_NE(module, NULL);
  ASSERT_NE(eager, NULL);
  EXPECT_OK(conform_load(module, eager));
  conform_is(module, row.name);
  has_shapes(module, &row);
  EXPECT_EQ(conform_option(module, "in_channels"), IN);
  conform_same_params(module, eager);
  EXPECT_FAILS(conform_load(eager, lazy), LAZY_STATUS_INVALID_STATE, "shape of an uninitialized");
  lazy_module_release(module);
  lazy_module_release(lazy);
  lazy_module_release(eager);
  lazy_context_close(context);
}

static void state_and_forward(check_env *env, const char *name) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *module = conform_make(context, "Lazy%s(16, 3, padding=1)", name),
              *eager = conform_make(context, "%s(3, 16, 3, padding=1)", name);
  lazy_array *input = model_random_array(env, context, LAZY_DTYPE_F32, LAZY_DIMS(1, 3, 8, 8), NULL);
  lazy_shape found_shape = {0}, wanted_shape = {0};
  ASSERT_NE(module, NULL);
  ASSERT_NE(eager, NULL);
  EXPECT_OK(conform_load(module, eager));
  conform_is(module, name);
  EXPECT_EQ(conform_option(module, "in_channels"), 3);
  double *found = conform_run(module, NULL, input, &found_shape);
  double *wanted = conform_run(eager, NULL, input, &wanted_shape);
  conform_same(found, found_shape, wanted, wanted_shape);
  free(found);
  free(wanted);
  lazy_array_release(input);
  lazy_module_release(module);
  lazy_module_release(eager);
  lazy_context_close(context);
}

#define CONV_TEST(title, class_name, ...) \
  TEST_ON_DRIVERS(conformance, title) {   \
    NEEDS_CLASS(class_name);              \
    __VA_ARGS__;                          \
  }

CONV_TEST(test_lazy_conv1d, "LazyConv1d", conv(env, CONV_1D, false))
CONV_TEST(test_lazy_conv1d_pickle, "LazyConv1d", pickle(env, CONV_1D))
CONV_TEST(test_lazy_conv1d_state, "LazyConv1d", state(env, CONV_1D))
CONV_TEST(test_lazy_conv2d, "LazyConv2d", conv(env, CONV_2D, false))
CONV_TEST(test_lazy_conv2d_pickle, "LazyConv2d", pickle(env, CONV_2D))
CONV_TEST(test_lazy_conv2d_state, "LazyConv2d", state(env, CONV_2D))
CONV_TEST(test_lazy_conv2d_state_and_forward, "LazyConv2d", state_and_forward(env, "Conv2d"))
CONV_TEST(test_lazy_conv_transpose2d_state_and_forward, "LazyConvTranspose2d",
          state_and_forward(env, "ConvTranspose2d"))
CONV_TEST(test_lazy_conv3d, "LazyConv3d", conv(env, CONV_3D, false))
CONV_TEST(test_lazy_conv3d_pickle, "LazyConv3d", pickle(env, CONV_3D))
CONV_TEST(test_lazy_conv3d_state, "LazyConv3d", state(env, CONV_3D))
CONV_TEST(test_lazy_conv_transposed1d, "LazyConvTranspose1d", conv(env, TRANSPOSE_1D, false))
CONV_TEST(test_lazy_conv_transpose1d_kwargs, "LazyConvTranspose1d", conv(env, TRANSPOSE_1D, true))
CONV_TEST(test_lazy_conv_transpose1d_pickle, "LazyConvTranspose1d", pickle(env, TRANSPOSE_1D))
CONV_TEST(test_lazy_conv_transpose1d_state, "LazyConvTranspose1d", state(env, TRANSPOSE_1D))
CONV_TEST(test_lazy_conv_transpose2d, "LazyConvTranspose2d", conv(env, TRANSPOSE_2D, false))
CONV_TEST(test_lazy_conv_transpose2d_kwargs, "LazyConvTranspose2d", conv(env, TRANSPOSE_2D, true))
CONV_TEST(test_lazy_conv_transpose2d_pickle, "LazyConvTranspose2d", pickle(env, TRANSPOSE_2D))
CONV_TEST(test_lazy_conv_transpose2d_state, "LazyConvTranspose2d", state(env, TRANSPOSE_2D))
CONV_TEST(test_lazy_conv_transpose3d, "LazyConvTranspose3d", conv(env, TRANSPOSE_3D, false))
CONV_TEST(test_lazy_conv_transpose3d_kwargs, "LazyConvTranspose3d", conv(env, TRANSPOSE_3D, true))
CONV_TEST(test_lazy_conv_transpose3d_pickle, "LazyConvTranspose3d", pickle(env, TRANSPOSE_3D))
CONV_TEST(test_lazy_conv_transpose3d_state, "LazyConvTranspose3d", state(env, TRANSPOSE_3D))
