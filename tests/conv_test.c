/* Convolutions and transposed ones: against float64 with derived bounds over random configurations, against
   PyTorch's numbers, cut in pieces, and what they refuse. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/golden/torch_conv.h"
#include "tests/model.h"

/* ---- float64 ---- */

typedef struct geometry {
  bool is_transposed;
  int64_t images, in_channels, out_channels, groups;
  int64_t in[3], out[3], kernel[3], stride[3], low[3], dilation[3];
  int mode; /* as in modes */
  lazy_dtype dtype;
} geometry;
static const char *const modes[] = {"zeros", "reflect", "replicate", "circular"};

static int64_t padded(int64_t i, int64_t size, int mode) {
  if (i >= 0 && i < size) return i;
  switch (mode) {
    case 1: return i < 0 ? -i : 2 * size - 2 - i;
    case 2: return i < 0 ? 0 : size - 1;
    case 3: return (i % size + size) % size;
    default: return -1;
  }
}

typedef struct sum {
  double value, size; /* of the terms */
  int64_t terms;
} sum;
static void add(sum *to, double a, double b) {
  to->value += a * b;
  to->size += fabs(a * b);
  to->terms++;
}

/* One output: channel `c` of image `n` at o. */
static sum conv_at(const geometry *g, const double *x, const double *w, int64_t n, int64_t c,
                   const int64_t o[3]) {
  const int64_t each = g->in_channels / g->groups, first = c / (g->out_channels / g->groups) * each;
  sum total = {0, 0, 0};
  for (int64_t i = 0; i < each; i++)
    for (int64_t k0 = 0; k0 < g->kernel[0]; k0++)
      for (int64_t k1 = 0; k1 < g->kernel[1]; k1++)
        for (int64_t k2 = 0; k2 < g->kernel[2]; k2++) {
          const int64_t k[] = {k0, k1, k2};
          int64_t at = n * g->in_channels + first + i, tap = c * each + i;
          bool inside = true;
          for (int d = 0; d < 3; d++) {
            const int64_t p =
                padded(o[d] * g->stride[d] - g->low[d] + k[d] * g->dilation[d], g->in[d], g->mode);
            inside = inside && p >= 0;
            at = at * g->in[d] + p;
            tap = tap * g->kernel[d] + k[d];
          }
          if (inside) add(&total, x[at], w[tap]);
        }
  return total;
}
static sum conv_transpose_at(const geometry *g, const double *x, const double *w, int64_t n, int64_t c,
                             const int64_t o[3]) {
  const int64_t each = g->in_channels / g->groups, outs = g->out_channels / g->groups;
  sum total = {0, 0, 0};
  for (int64_t i = 0; i < each; i++)
    for (int64_t k0 = 0; k0 < g->kernel[0]; k0++)
      for (int64_t k1 = 0; k1 < g->kernel[1]; k1++)
        for (int64_t k2 = 0; k2 < g->kernel[2]; k2++) {
          const int64_t k[] = {k0, k1, k2}, channel = c / outs * each + i;
          int64_t at = n * g->in_channels + channel, tap = channel * outs + c % outs;
          bool inside = true;
          for (int d = 0; d < 3; d++) {
            const int64_t p = o[d] + g->low[d] - k[d] * g->dilation[d];
            inside = inside && p >= 0 && p % g->stride[d] == 0 && p / g->stride[d] < g->in[d];
            at = at * g->in[d] + p / g->stride[d];
            tap = tap * g->kernel[d] + k[d];
          }
          if (inside) add(&total, x[at], w[tap]);
        }
  return total;
}

static double unit_stored(lazy_dtype dtype) {
  return dtype == LAZY_DTYPE_F64   ? 0x1p-53
         : dtype == LAZY_DTYPE_F32 ? 0x1p-24
         : dtype == LAZY_DTYPE_F16 ? 0x1p-11
                                   : 0x1p-8;
}

/* Products and sums round, in any order; so does the result, the columns of a transposed convolution, and in
   cuBLAS what the bias is added to. */
static bool check_at(const check_env *env, const geometry *g, const double *x, const double *w,
                     const double *bias, const double *y, int64_t index) {
  int64_t o[3], rest = index;
  for (int d = 2; d >= 0; d--) {
    o[d] = rest % g->out[d];
    rest /= g->out[d];
  }
  const int64_t c = rest % g->out_channels, n = rest / g->out_channels;
  sum of = g->is_transposed ? conv_transpose_at(g, x, w, n, c, o) : conv_at(g, x, w, n, c, o);
  if (bias != NULL) add(&of, bias[c], 1);
  const double unit = g->dtype == LAZY_DTYPE_F64 ? 0x1p-53 : 0x1p-24, stored = unit_stored(g->dtype);
  const double bound = unit * (double)(of.terms + 2) * of.size + stored * fabs(of.value) * 1.001 +
                       (g->is_transposed ? stored * of.size : 0) +
                       (env->is_gpu && bias != NULL ? stored * fabs(of.value - bias[c]) * 1.001 : 0) +
                       0x1p-24 * (stored > 0x1p-20);
  if (fabs(y[index] - of.value) <= bound) return true;
  FAIL("element %lld (image %lld, channel %lld, %lld %lld %lld): found %.17g, wanted %.17g +- %.3g",
       (long long)index, (long long)n, (long long)c, (long long)o[0], (long long)o[1], (long long)o[2],
       y[index], of.value, bound);
  return false;
}

/* ---- random configurations ---- */

static lazy_ints ints_of(const int64_t *values, int space) {
  lazy_ints ints = {.count = space};
  memcpy(ints.at, values + 3 - space, (size_t)space * sizeof *values);
  return ints;
}

static const lazy_class *class_of(bool is_transposed, int space, bool is_lazy) {
  static const lazy_class *const classes[2][3][2] = {
      {{&lazy_class_conv1d, &lazy_class_lazy_conv1d},
       {&lazy_class_conv2d, &lazy_class_lazy_conv2d},
       {&lazy_class_conv3d, &lazy_class_lazy_conv3d}},
      {{&lazy_class_conv_transpose1d, &lazy_class_lazy_conv_transpose1d},
       {&lazy_class_conv_transpose2d, &lazy_class_lazy_conv_transpose2d},
       {&lazy_class_conv_transpose3d, &lazy_class_lazy_conv_transpose3d}}};
  return classes[is_transposed][space - 1][is_lazy];
}

/* Sizes of the input, options, and what the output should be. */
static geometry random_geometry(check_env *env, int space, lazy_conv_options *options) {
  geometry g = {.is_transposed = check_random_below(env, 3) == 0,
                .images = check_random_between(env, 1, 3),
                .groups = check_random_below(env, 2) ? check_random_between(env, 1, 6) : 1,
                .dtype = (lazy_dtype)check_random_between(env, LAZY_DTYPE_F64, LAZY_DTYPE_BF16)};
  int64_t extra[3] = {0};
  g.in_channels = g.groups * check_random_between(env, 1, check_random_below(env, 2) ? 7 : 2);
  g.out_channels = g.groups * check_random_between(env, 1, 4);
  if (!g.is_transposed && check_random_below(env, 2)) g.mode = (int)check_random_below(env, 4);
  for (int d = 0; d < 3; d++) {
    const bool used = d >= 3 - space;
    g.kernel[d] = used ? check_random_between(env, 1, 3) : 1;
    g.dilation[d] = used ? check_random_between(env, 1, 2) : 1;
    g.stride[d] = used ? check_random_between(env, 1, 3) : 1;
    g.low[d] = used ? check_random_between(env, 0, 2) : 0;
    const int64_t reach = g.dilation[d] * (g.kernel[d] - 1) + 1;
    g.in[d] = used ? check_random_between(env, 3, space == 3 ? 5 : 11) : 1;
    if (g.in[d] + 2 * g.low[d] < reach) g.in[d] = reach;
    if (g.is_transposed) {
      const int64_t below = g.stride[d] > g.dilation[d] ? g.stride[d] : g.dilation[d];
      extra[d] = used ? check_random_between(env, 0, below - 1) : 0;
      while ((g.in[d] - 1) * g.stride[d] - 2 * g.low[d] + reach + extra[d] < 1) g.in[d]++;
      g.out[d] = (g.in[d] - 1) * g.stride[d] - 2 * g.low[d] + reach + extra[d];
    } else {
      g.out[d] = (g.in[d] + 2 * g.low[d] - reach) / g.stride[d] + 1;
    }
  }
  *options = (lazy_conv_options){.out_channels = g.out_channels,
                                 .kernel_size = ints_of(g.kernel, space),
                                 .stride = ints_of(g.stride, space),
                                 .padding = ints_of(g.low, space),
                                 .dilation = ints_of(g.dilation, space),
                                 .output_padding = ints_of(extra, space),
                                 .groups = g.groups,
                                 .bias = check_random_below(env, 2) > 0,
                                 .dtype = g.dtype};
  (void)snprintf(options->padding_mode, sizeof options->padding_mode, "%s", modes[g.mode]);
  return g;
}

/* Runs it and checks every `step`-th output. */
static void check_geometry(check_env *env, lazy_context *context, const geometry *g, int space,
                           lazy_conv_options options, bool is_batched, int64_t step) {
  const bool is_lazy = check_random_below(env, 2) > 0;
  lazy_shape in = {.rank = is_batched + 1 + space}, out = {0};
  int64_t count = g->images * g->out_channels;
  double *x = NULL;
  lazy_module *module = NULL;
  lazy_graph *graph = NULL;
  lazy_outputs outputs;
  if (is_batched) in.dims[0] = g->images;
  in.dims[is_batched] = g->in_channels;
  memcpy(in.dims + is_batched + 1, g->in + 3 - space, (size_t)space * sizeof(int64_t));
  for (int d = 0; d < 3; d++) count *= g->out[d];
  options.in_channels = is_lazy ? 0 : g->in_channels;
  ASSERT_OK(lazy_module_create(context, class_of(g->is_transposed, space, is_lazy), &options, &module));
  ASSERT_OK(lazy_graph_create(module, NULL, &graph));
  lazy_array *input = model_random_array(env, context, g->dtype, in, &x);
  if (EXPECT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(input)), &outputs)) &&
      EXPECT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(input)), &outputs))) {
    double *w = model_read_param(module, "weight"),
           *bias = options.bias ? model_read_param(module, "bias") : NULL;
    double *y = model_read_output(graph, outputs.at[0], &out);
    EXPECT_EQ(out.rank, in.rank);
    EXPECT_EQ(out.dims[is_batched], g->out_channels);
    bool fits = out.rank == in.rank;
    for (int d = 0; d < space && fits; d++)
      fits = EXPECT_EQ(out.dims[is_batched + 1 + d], g->out[3 - space + d]);
    for (int64_t i = 0; fits && i < count; i += step)
      if (!check_at(env, g, x, w, bias, y, i)) break;
    if (fits) check_at(env, g, x, w, bias, y, count - 1);
    free(w);
    free(bias);
    free(y);
  }
  free(x);
  lazy_array_release(input);
  lazy_graph_destroy(graph);
  lazy_module_release(module);
}

TEST_ON_DRIVERS(conv, equals_float64_within_derived_bounds) {
  lazy_context *context = model_context(env, env->device);
  for (int round = 0; round < (env->is_small ? 40 : 300); round++) {
    const int space = (int)check_random_between(env, 1, 3);
    const bool is_batched = check_random_below(env, 4) > 0;
    lazy_conv_options options;
    geometry g = random_geometry(env, space, &options);
    if (!is_batched) g.images = 1;
    bool fits = true; /* what a padding mode may look at */
    for (int d = 3 - space; d < 3; d++)
      fits = fits && (g.mode != 1 || g.low[d] < g.in[d]) && (g.mode != 3 || g.low[d] <= g.in[d]);
    if (!fits) continue;
    CHECK_CASE(
        "round %d: %s%dd %s, %d images (batched %d), %d to %d channels, %d groups, in %d %d %d, kernel %d %d "
        "%d, stride %d %d %d, padding %d %d %d %s, dilation %d %d %d",
        round, g.is_transposed ? "transposed " : "", space, lazy_dtype_name(g.dtype), (int)g.images,
        is_batched, (int)g.in_channels, (int)g.out_channels, (int)g.groups, (int)g.in[0], (int)g.in[1],
        (int)g.in[2], (int)g.kernel[0], (int)g.kernel[1], (int)g.kernel[2], (int)g.stride[0],
        (int)g.stride[1], (int)g.stride[2], (int)g.low[0], (int)g.low[1], (int)g.low[2], modes[g.mode],
        (int)g.dilation[0], (int)g.dilation[1], (int)g.dilation[2]);
    check_geometry(env, context, &g, space, options, is_batched, 1);
  }
  lazy_context_close(context);
}

/* Columns of more than 16 MiB are made in pieces: of positions, of a transposed one's channels. */
TEST(conv, large_images_are_cut) {
  env->device = "host";
  lazy_context *context = model_context(env, env->device);
  const int64_t sides[] = {1, 300, 301}, kernel[] = {1, 3, 3}, ones[] = {1, 1, 1}, twos[] = {1, 2, 2},
                none[3] = {0};
  for (int is_transposed = 0; is_transposed < 2; is_transposed++) {
    geometry g = {.is_transposed = is_transposed,
                  .images = 2,
                  .in_channels = 8,
                  .out_channels = 6,
                  .groups = 2,
                  .dtype = LAZY_DTYPE_F32};
    for (int d = 0; d < 3; d++) {
      g.in[d] = sides[d];
      g.kernel[d] = kernel[d];
      g.stride[d] = is_transposed ? twos[d] : 1;
      g.low[d] = d > 0;
      g.dilation[d] = 1;
      g.out[d] = d == 0 ? 1 : is_transposed ? (sides[d] - 1) * 2 + 1 : sides[d];
    }
    lazy_conv_options options = LAZY_CONV_DEFAULTS;
    options.out_channels = g.out_channels;
    options.kernel_size = ints_of(kernel, 2);
    options.stride = ints_of(is_transposed ? twos : ones, 2);
    options.padding = ints_of(ones, 2);
    options.output_padding = ints_of(none, 2);
    options.groups = 2;
    CHECK_CASE("transposed %d", is_transposed);
    check_geometry(env, context, &g, 2, options, true, 97);
  }
  lazy_context_close(context);
}

/* ---- PyTorch ---- */

static void check_params(lazy_module *module, uint64_t check, int64_t count) {
  uint64_t found = 0;
  int64_t number = 0;
  for (size_t i = 0; i < lazy_module_param_count(module); i++) {
    if (lazy_module_param_at(module, i) == NULL) continue;
    lazy_array *array;
    ASSERT_OK(lazy_param_array(lazy_module_param_at(module, i), &array));
    uint32_t *bits = malloc(lazy_array_bytes(array));
    EXPECT_OK(lazy_array_download(array, bits, lazy_array_bytes(array)));
    for (int64_t j = 0; j < lazy_array_element_count(array); j++) found += bits[j] * (uint64_t)++number;
    free(bits);
    lazy_array_release(array);
  }
  EXPECT_EQ(number, count);
  EXPECT_EQ(found, check);
}

static void check_golden(lazy_context *context, size_t number, const char *text) {
  const lazy_shape in = golden_convs[number].in, out = golden_convs[number].out;
  const int64_t *size = golden_convs[number].output_size;
  lazy_module *module = NULL;
  lazy_graph *graph = NULL;
  lazy_array *input = NULL;
  lazy_outputs outputs;
  char *printed = NULL;
  float x[512];
  int64_t count = 1;
  for (int32_t i = 0; i < in.rank; i++) count *= in.dims[i];
  for (int64_t i = 0; i < count; i++) x[i] = (float)((i * 37 + 11) % 127 - 63) / 64;
  ASSERT_OK(lazy_module_parse(context, text, &module));
  ASSERT_OK(lazy_graph_create(module, NULL, &graph));
  ASSERT_OK(lazy_array_from_data(context, LAZY_DTYPE_F32, &in, x, &input));
  const lazy_value sizes[] = {lazy_value_int(size[0]), lazy_value_int(size[1])};
  const lazy_value values[] = {lazy_value_array(input), lazy_value_tuple(sizes, 2)};
  const lazy_args args = {values, size[0] > 0 ? 2 : 1, NULL, 0};
  if (EXPECT_OK(lazy_graph_forward(graph, &args, &outputs))) {
    lazy_shape found_shape;
    check_params(module, golden_convs[number].check, golden_convs[number].param_count);
    EXPECT_OK(lazy_module_to_string(module, &printed));
    EXPECT_CONTAINS(printed, golden_convs[number].printed);
    lazy_string_free(printed);
    double *y = model_read_output(graph, outputs.at[0], &found_shape);
    if (EXPECT_I64_EQ(found_shape.dims, out.dims, (size_t)out.rank)) {
      count = 1;
      for (int32_t i = 0; i < out.rank; i++) count *= out.dims[i];
      for (int64_t i = 0; i < count; i++) {
        float value;
        memcpy(&value, golden_convs[number].values + i, sizeof value);
        /* sums of at most 72 terms below 1, rounded on either side */
        if (!EXPECT_NEAR(y[i], (double)value, 0x1p-18)) break;
      }
    }
    free(y);
  }
  lazy_array_release(input);
  lazy_graph_destroy(graph);
  lazy_module_release(module);
}

/* "Conv2d(3, 8, ..." becomes "LazyConv2d(8, ...". */
static const char *lazy_text(const char *text) {
  static char buffer[256];
  const char *open = strchr(text, '('), *second = strchr(text, ' ') + 1;
  (void)snprintf(buffer, sizeof buffer, "Lazy%.*s%s", (int)(open + 1 - text), text, second);
  return buffer;
}

/* That PyTorch ran on AVX-512, where its build of 2.15 fuses the multiply and add of uniform_. */
TEST_ON_DRIVERS(conv, equals_pytorch) {
  for (size_t i = 0; i < sizeof golden_convs / sizeof *golden_convs; i++)
    for (int is_lazy = 0; is_lazy < 2; is_lazy++) {
      const char *text = is_lazy ? lazy_text(golden_convs[i].text) : golden_convs[i].text;
      const lazy_context_options options = {
          .struct_size = sizeof options, .stream = LAZY_STREAM_TORCH_CPU_FMA, .seed = 11};
      lazy_context *context;
      CHECK_CASE("%s", text);
      ASSERT_OK(lazy_context_open(env->device, &options, &context));
      check_golden(context, i, text);
      lazy_context_close(context);
    }
}

/* ---- what is refused ---- */

static void refuses_text(lazy_context *context, const char *text, const char *message) {
  lazy_module *module = NULL;
  CHECK_CASE("%s", text);
  EXPECT_FAILS(lazy_module_parse(context, text, &module), LAZY_STATUS_PARSE, message);
  EXPECT_TRUE(module == NULL);
}

TEST_ON_DRIVERS(conv, refuses_options) {
  lazy_context *context = model_context(env, env->device);
  refuses_text(context, "Conv2d(3, 4, 3, groups=2)",
               "in_channels is 3; wanted a multiple of groups, which is 2");
  refuses_text(context, "LazyConv2d(5, 3, groups=2)", "out_channels is 5; wanted a multiple of groups");
  refuses_text(context, "LazyConv2d(4, 3, groups=0)", "groups is 0");
  refuses_text(context, "LazyConv2d(-4, 3)", "out_channels is -4");
  refuses_text(context, "LazyConv2d(4)", "kernel_size");
  refuses_text(context, "LazyConv2d(4, (3, 3, 3))",
               "kernel_size is (3, 3, 3); wanted one number or a tuple of 2");
  refuses_text(context, "LazyConv2d(4, 3, stride=0)", "stride is 0");
  refuses_text(context, "LazyConv2d(4, 3, padding=-1)", "padding is -1");
  refuses_text(context, "LazyConv2d(4, 3, padding='full')", "padding");
  refuses_text(context, "LazyConv2d(4, 3, stride=2, padding='same')",
               "padding is 'same'; wanted a stride of 1");
  refuses_text(context, "LazyConv2d(4, 3, padding_mode='mirror')", "padding_mode is 'mirror'; wanted zeros,");
  refuses_text(context, "LazyConvTranspose2d(4, 3, padding_mode='reflect')", "padding_mode is 'reflect'");
  refuses_text(context, "LazyConvTranspose2d(4, 3, padding='same')", "padding");
  refuses_text(context, "LazyConvTranspose2d(4, 3, output_padding=1)",
               "output_padding is 1; wanted less than stride or dilation, 1");
  lazy_context_close(context);
}

static void refuses_call(lazy_context *context, const char *text, lazy_args args, lazy_status status,
                         const char *message) {
  lazy_module *module = NULL;
  CHECK_CASE("%s", text);
  ASSERT_OK(lazy_module_parse(context, text, &module));
  char *before = model_snapshot(module);
  EXPECT_FAILS(lazy_module_dry_run(module, &args, NULL), status, message);
  char *after = model_snapshot(module);
  EXPECT_STREQ(after, before);
  free(before);
  free(after);
  lazy_module_release(module);
}
#define CALL(...) (*LAZY_ARGS(__VA_ARGS__))

TEST_ON_DRIVERS(conv, refuses_calls_and_stays_as_it_was) {
  lazy_context *context = model_context(env, env->device);
  const lazy_value image = LAZY_INPUT(2, 3, 5, 6);
  const lazy_value large[] = {lazy_value_int(12), lazy_value_int(11)}, one[] = {lazy_value_int(9)};
  refuses_call(context, "LazyConv2d(4, 3)", CALL(LAZY_INPUT(5, 6)), LAZY_STATUS_INVALID_VALUE,
               "input has rank 2; wanted 3 to 4");
  refuses_call(context, "LazyConv1d(4, 3)", CALL(image), LAZY_STATUS_INVALID_VALUE,
               "input has rank 4; wanted 2 to 3");
  refuses_call(context, "Conv2d(2, 4, 3)", CALL(image), LAZY_STATUS_SHAPE,
               "dimension 1 of input is 3; the parameter wants 2");
  refuses_call(context, "LazyConv2d(4, 3, groups=2)", CALL(image), LAZY_STATUS_SHAPE,
               "dimension 1 of input is 3, which 2 groups do not divide");
  refuses_call(context, "LazyConv2d(4, 7, padding=(1, 0))", CALL(image), LAZY_STATUS_SHAPE,
               "dimension 3 of input is 6 with its padding; the kernel reaches over 7");
  refuses_call(context, "LazyConv2d(4, 3, padding=5, padding_mode='reflect')", CALL(image), LAZY_STATUS_SHAPE,
               "dimension 2 of input is padded by 5; its padding mode wants at most 4");
  refuses_call(context, "LazyConvTranspose2d(4, 1, padding=3)", CALL(image), LAZY_STATUS_SHAPE,
               "dimension 2 of input would become -1; wanted at least 1");
  refuses_call(context, "LazyConvTranspose2d(4, 3, stride=2)", CALL(image, lazy_value_tuple(large, 2)),
               LAZY_STATUS_SHAPE, "dimension 3 of input would become 11; wanted at least 13");
  refuses_call(context, "LazyConvTranspose2d(4, 3, stride=2)", CALL(image, lazy_value_tuple(one, 1)),
               LAZY_STATUS_INVALID_VALUE, "output_size has 1 elements; wanted 2 or 4");
  refuses_call(context, "LazyConv2d(4, 3)", CALL(LAZY_INPUT_OF(LAZY_DTYPE_F64, 3, 5, 6)),
               LAZY_STATUS_INVALID_TYPE, "conv: input is f64; wanted f32");
  lazy_context_close(context);
}

TEST_ON_DRIVERS(conv, loads) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *from = NULL, *to = NULL, *other = NULL;
  lazy_state *state = NULL;
  ASSERT_OK(lazy_module_parse(context, "Conv2d(6, 4, 3, groups=2)", &from));
  ASSERT_OK(lazy_module_parse(context, "LazyConv2d(4, 3, groups=2)", &to));
  ASSERT_OK(lazy_module_parse(context, "LazyConv2d(8, (3, 2))", &other));
  ASSERT_OK(lazy_module_state(from, &state));
  EXPECT_OK(lazy_module_load_state(to, state, NULL, NULL));
  char *a = model_snapshot(from), *b = model_snapshot(to);
  EXPECT_STREQ(b, a);
  EXPECT_CONTAINS(b, "Conv2d(6, 4, kernel_size=(3, 3), stride=(1, 1), groups=2)");
  EXPECT_FAILS(lazy_module_load_state(other, state, NULL, NULL), LAZY_STATUS_LOAD, "[8, any, 3, 2]");
  EXPECT_FAILS(lazy_module_load_state(other, state, NULL, NULL), LAZY_STATUS_LOAD, "size mismatch for bias");
  EXPECT_TRUE(lazy_module_is_lazy(other));
  free(a);
  free(b);
  lazy_state_release(state);
  lazy_module_release(from);
  lazy_module_release(to);
  lazy_module_release(other);
  lazy_context_close(context);
}
