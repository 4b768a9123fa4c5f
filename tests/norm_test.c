/* BatchNorm and InstanceNorm, lazy and ordinary, against plain loops in double: outputs, running statistics,
   what is refused before anything changes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/module/state.h"
#include "runtime/nn/nn.h"
#include "tests/norm_check.h"

typedef lazy_batch_norm_options options;

static const struct {
  const lazy_class *lazy, *ordinary;
  bool is_batch;
  int lowest, highest; /* ranks of the input */
} classes[] = {
    {&lazy_class_lazy_batch_norm1d, &lazy_class_batch_norm1d, true, 2, 3},
    {&lazy_class_lazy_batch_norm2d, &lazy_class_batch_norm2d, true, 4, 4},
    {&lazy_class_lazy_batch_norm3d, &lazy_class_batch_norm3d, true, 5, 5},
    {&lazy_class_lazy_instance_norm1d, &lazy_class_instance_norm1d, false, 2, 3},
    {&lazy_class_lazy_instance_norm2d, &lazy_class_instance_norm2d, false, 3, 4},
    {&lazy_class_lazy_instance_norm3d, &lazy_class_instance_norm3d, false, 4, 5},
};
enum { CLASSES = sizeof classes / sizeof *classes };

/* ---- a norm in double ---- */

typedef struct reference {
  bool is_batch;
  options options;
  int64_t images, channels, inner;
  double *weight, *bias, *mean, *var; /* NULL: none */
  int64_t batches;
} reference;

/* Of `count` runs of `inner` elements, `stride` apart. */
static void moments(const double *x, int64_t count, int64_t inner, int64_t stride, double *mean,
                    double *squares) {
  long double sum = 0, of_squares = 0;
  for (int64_t i = 0; i < count * inner; i++) sum += x[i / inner * stride + i % inner];
  sum /= count * inner;
  for (int64_t i = 0; i < count * inner; i++) {
    const long double off = x[i / inner * stride + i % inner] - sum;
    of_squares += off * off;
  }
  *mean = (double)sum;
  *squares = (double)of_squares;
}

/* What sums of a channel may be off by, in units: eight additions a lane, eight folds, then a merger for
 * every tile. */
static double unit_count(const reference *r) {
  return 24 + 4 * (double)(r->images * r->inner / LAZY_MOMENTS_TILE);
}

/* Writes the output and how far from it a result of units u may lie; moves the running statistics. */
static void step(reference *r, const double *x, bool training, double unit, double *y, double *room) {
  const bool own = training || r->mean == NULL, update = training && r->mean != NULL;
  const int64_t row = r->channels * r->inner;
  double factor = r->options.momentum;
  if (update && r->is_batch) r->batches++;
  if (isnan(factor)) factor = r->is_batch ? 1 / (double)r->batches : 0;
  for (int64_t c = 0; c < r->channels; c++) {
    double mean_sum = 0, var_sum = 0;
    for (int64_t n = 0; n < r->images; n++) {
      const double *from = x + c * r->inner + (r->is_batch ? 0 : n * row);
      double mean = 0, squares = 0;
      const int64_t count = r->is_batch ? r->images : 1, elements = count * r->inner;
      moments(from, count, r->inner, row, &mean, &squares);
      mean_sum += mean / (double)r->images;
      var_sum += squares / (double)(elements - 1) / (double)r->images;
      const double rstd = 1 / sqrt((own ? squares / (double)elements : r->var[c]) + r->options.eps);
      if (!own) mean = r->mean[c];
      const double weight = r->weight != NULL ? r->weight[c] : 1;
      const double base = rstd * fabs(weight) * fmax(fabs(mean), 1); /* |x| <= 1 */
      for (int64_t i = n * row + c * r->inner, last = i + r->inner; i < last; i++) {
        const double scaled = (x[i] - mean) * rstd * weight;
        y[i] = scaled + (r->bias != NULL ? r->bias[c] : 0);
        room[i] = unit * unit_count(r) * (fabs(scaled) + fabs(y[i]) + base);
      }
    }
    if (update) {
      r->mean[c] = (1 - factor) * r->mean[c] + factor * mean_sum;
      r->var[c] = (1 - factor) * r->var[c] + factor * var_sum;
    }
  }
}

/* ---- the module's side ---- */

static int64_t read_counter(lazy_module *module) {
  lazy_param *param = NULL;
  lazy_array *array = NULL;
  int64_t count = -1;
  if (EXPECT_OK(lazy_module_find_param(module, "num_batches_tracked", &param)) &&
      EXPECT_OK(lazy_param_array(param, &array)))
    EXPECT_OK(lazy_array_download(array, &count, sizeof count));
  lazy_array_release(array);
  return count;
}

static void check_buffers(lazy_module *module, const reference *r, lazy_dtype dtype, double unit,
                          double most) {
  if (r->mean == NULL) return;
  double *mean = model_read_param(module, "running_mean"), *var = model_read_param(module, "running_var");
  const double room = unit * unit_count(r) * (1 + most) + 2 * norm_rounding(dtype) * (1 + most);
  norm_check_values("running_mean", mean, r->mean, NULL, room, r->channels);
  norm_check_values("running_var", var, r->var, NULL, room * (4 + most), r->channels);
  EXPECT_EQ(read_counter(module), r->batches);
  memcpy(r->mean, mean, (size_t)r->channels * sizeof *mean); /* go on from what was rounded */
  memcpy(r->var, var, (size_t)r->channels * sizeof *var);
  free(mean);
  free(var);
}

static lazy_shape random_shape(check_env *env, int rank, int unbatched) {
  lazy_shape shape = {.rank = rank};
  const int channel = rank == unbatched ? 0 : 1;
  for (int i = 0; i < rank; i++)
    shape.dims[i] = check_random_between(env, i == channel ? 1 : 2, i == channel ? 9 : 6);
  if (check_random_below(env, 4) != 0) return shape;
  for (int i = 0; i < rank; i++) shape.dims[i] = i == channel ? shape.dims[i] : 2;
  shape.dims[rank - 1] = check_random_between(env, 300, env->is_small ? 700 : 5000); /* several tiles */
  if (channel == rank - 1) shape.dims[0] = 400, shape.dims[channel] = 3;
  return shape;
}

/* A random module over some steps of random shapes. */
static void check_random_norm(check_env *env, lazy_context *context) {
  static const lazy_dtype dtypes[] = {LAZY_DTYPE_F32, LAZY_DTYPE_F64, LAZY_DTYPE_F16, LAZY_DTYPE_BF16};
  const size_t kind = check_random_below(env, CLASSES);
  const bool is_lazy = check_random_below(env, 2) != 0;
  const int unbatched = classes[kind].is_batch ? 0 : classes[kind].lowest;
  const lazy_dtype dtype = dtypes[check_random_below(env, 4)];
  const lazy_dtype param_dtype =
      dtype != LAZY_DTYPE_F64 && check_random_below(env, 2) != 0 ? LAZY_DTYPE_F32 : dtype;
  options o = {0,
               check_random_below(env, 2) ? 1e-5 : 0.25,
               check_random_below(env, 3) ? 0.25 : NAN,
               check_random_below(env, 4) != 0,
               check_random_below(env, 4) != 0,
               check_random_below(env, 4) != 0,
               param_dtype};
  lazy_shape shape = random_shape(
      env, (int)check_random_between(env, classes[kind].lowest, classes[kind].highest), unbatched);
  const int64_t channels = shape.dims[shape.rank == unbatched ? 0 : 1];
  if (!is_lazy) o.num_features = channels;
  lazy_module *module = NULL;
  lazy_graph *graph = NULL;
  const lazy_class *type = is_lazy ? classes[kind].lazy : classes[kind].ordinary;
  CHECK_CASE("%s(affine %d, bias %d, track %d, momentum %g) of %s in %s", type->name, o.affine, o.bias,
             o.track_running_stats, o.momentum, lazy_dtype_name(dtype), lazy_dtype_name(param_dtype));
  ASSERT_OK(lazy_module_create(context, type, &o, &module));
  ASSERT_OK(lazy_graph_create(module, NULL, &graph));
  lazy_spec spec = {dtype, shape};
  EXPECT_OK(lazy_graph_dry_run(graph, LAZY_ARGS(lazy_value_spec(&spec)))); /* moves no statistics */
  EXPECT_TRUE(lazy_module_class(module) == classes[kind].ordinary);
  reference r = {.is_batch = classes[kind].is_batch, .options = o, .channels = channels};
  EXPECT_EQ(norm_has_param(module, "weight"), o.affine);
  EXPECT_EQ(norm_has_param(module, "bias"), o.affine && o.bias);
  EXPECT_EQ(norm_has_param(module, "running_mean"), o.track_running_stats);
  EXPECT_EQ(norm_has_param(module, "num_batches_tracked"), o.track_running_stats);
  if (o.affine) r.weight = norm_randomize(env, module, "weight", channels, -1);
  if (o.affine && o.bias) r.bias = norm_randomize(env, module, "bias", channels, -1);
  if (o.track_running_stats) {
    r.mean = model_read_param(module, "running_mean");
    r.var = model_read_param(module, "running_var");
    for (int64_t c = 0; c < channels; c++) {
      EXPECT_EQ(r.mean[c], 0);
      EXPECT_EQ(r.var[c], 1);
    }
    EXPECT_EQ(read_counter(module), 0);
  }
  const double unit = dtype == LAZY_DTYPE_F64 ? 0x1p-53 : 0x1p-24;
  for (int s = 0; s < 4; s++) {
    const bool training = s < 2 || check_random_below(env, 2) != 0;
    lazy_outputs outputs;
    double *x;
    if (s > 0) {
      shape = random_shape(env, (int)check_random_between(env, classes[kind].lowest, classes[kind].highest),
                           unbatched);
      shape.dims[shape.rank == unbatched ? 0 : 1] = channels;
    }
    const int channel = shape.rank == unbatched ? 0 : 1;
    r.images = channel == 0 ? 1 : shape.dims[0];
    r.inner = 1;
    for (int i = channel + 1; i < shape.rank; i++) r.inner *= shape.dims[i];
    const int64_t count = r.images * r.channels * r.inner;
    lazy_module_set_training(module, training);
    lazy_array *input = model_random_array(env, context, dtype, shape, &x);
    double *wanted = malloc((size_t)count * sizeof *wanted), *room = malloc((size_t)count * sizeof *room);
    step(&r, x, training, unit, wanted, room);
    if (EXPECT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(input)), &outputs))) {
      lazy_shape found;
      double *y = model_read_output(graph, outputs.at[0], &found);
      EXPECT_EQ(found.rank, shape.rank);
      for (int64_t i = 0; i < count; i++)
        room[i] += norm_rounding(dtype) * fabs(wanted[i]) * 1.01 + (dtype == LAZY_DTYPE_F16 ? 0x1p-25 : 0);
      norm_check_values("output", y, wanted, room, 0, count);
      free(y);
      check_buffers(module, &r, param_dtype, unit, 1);
    }
    free(wanted), free(room), free(x);
    lazy_array_release(input);
  }
  EXPECT_EQ(((options *)lazy_module_self(module))->num_features,
            is_lazy && !o.affine && !o.track_running_stats ? 0 : channels);
  free(r.weight), free(r.bias), free(r.mean), free(r.var);
  lazy_graph_destroy(graph);
  lazy_module_release(module);
}

TEST_ON_DRIVERS(norm, random_modules_equal_loops_in_double) {
  lazy_context *context = model_context(env, env->device);
  for (int i = 0; i < (env->is_small ? 12 : 300); i++) {
    CHECK_CASE("module %d", i);
    check_random_norm(env, context);
  }
  lazy_context_close(context);
}

/* ---- text ---- */

TEST(norm, text_is_read_and_printed_as_pytorch_prints_it) {
  static const char *const printed[] = {
      "BatchNorm1d(4, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)",
      "BatchNorm2d(4, eps=1e-05, momentum=None, affine=False, bias=False, track_running_stats=True)",
      "BatchNorm3d(4, eps=0.001, momentum=0.1, affine=True, bias=False, track_running_stats=False)",
      "LazyBatchNorm1d(0, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)",
      "LazyBatchNorm2d(0, eps=1e-05, momentum=None, affine=True, bias=True, track_running_stats=False)",
      "LazyBatchNorm3d(0, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=True)",
      "InstanceNorm1d(3, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=False)",
      "InstanceNorm2d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)",
      "LazyInstanceNorm1d(0, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)",
      "LazyInstanceNorm3d(0, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)",
  };
  static const char *const written[][2] = {
      {"BatchNorm2d(64)",
       "BatchNorm2d(64, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)"},
      /* as before PyTorch 2.12 */
      {"BatchNorm2d(64, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)",
       "BatchNorm2d(64, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)"},
      {"InstanceNorm2d(3)",
       "InstanceNorm2d(3, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=False)"},
      {"LazyInstanceNorm2d()",
       "LazyInstanceNorm2d(0, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)"},
      {"LazyBatchNorm1d(10)", /* eps, as in PyTorch */
       "LazyBatchNorm1d(0, eps=10.0, momentum=0.1, affine=True, bias=True, track_running_stats=True)"},
      {"nn.LazyBatchNorm1d(1e-3, None, False, False, dtype=torch.float16)",
       "LazyBatchNorm1d(0, eps=0.001, momentum=None, affine=False, bias=False, track_running_stats=False)"},
  };
  lazy_context *context = model_context(env, env->device);
  for (size_t i = 0; i < sizeof printed / sizeof *printed; i++)
    norm_check_text(context, printed[i], printed[i]);
  for (size_t i = 0; i < sizeof written / sizeof *written; i++)
    norm_check_text(context, written[i][0], written[i][1]);
  lazy_module *module = NULL;
  EXPECT_FAILS(lazy_module_parse(context, "LazyBatchNorm1d(4, eps=1e-05)", &module), LAZY_STATUS_PARSE,
               "given twice");
  EXPECT_FAILS(lazy_module_parse(context, "BatchNorm1d()", &module), LAZY_STATUS_PARSE, "num_features");
  lazy_context_close(context);
}

/* ---- what is refused, before anything changes ---- */

TEST_ON_DRIVERS(norm, what_does_not_fit_changes_nothing) {
  lazy_context *context = model_context(env, env->device);
  for (size_t i = 0; i < CLASSES; i++) {
    lazy_module *module = model_of(context, classes[i].lazy);
    char fragment[64];
    const int low = classes[i].lowest, high = classes[i].highest;
    lazy_shape shape = {.dims = {2, 2, 2, 2, 2, 2, 2, 2}};
    for (shape.rank = 0; shape.rank <= 8; shape.rank++) {
      if (shape.rank >= low && shape.rank <= high) continue;
      snprintf(fragment, sizeof fragment,
               low == high ? "input has rank %d; wanted %d" : "input has rank %d; wanted %d to %d",
               shape.rank, low, high);
      norm_check_refused(module, LAZY_DTYPE_F32, shape, LAZY_STATUS_INVALID_VALUE, fragment);
    }
    shape = (lazy_shape){.rank = high, .dims = {1, 3, 1, 1, 1}};
    norm_check_refused(module, LAZY_DTYPE_F32, shape, LAZY_STATUS_INVALID_VALUE,
                       classes[i].is_batch ? "input has 1 value per channel; wanted more than 1"
                                           : "input has 1 spatial element; wanted more than 1");
    shape.dims[0] = shape.dims[high - 1] = 2;
    if (high > 2) shape.dims[1] = 3;
    norm_check_refused(module, LAZY_DTYPE_F64, shape, LAZY_STATUS_INVALID_TYPE, "input is f64; wanted f32");
    norm_check_refused(module, LAZY_DTYPE_I64, shape, LAZY_STATUS_INVALID_TYPE, "wanted a floating dtype");
    lazy_spec spec = {LAZY_DTYPE_F32, shape};
    EXPECT_OK(
        lazy_module_dry_run(module, LAZY_ARGS(lazy_value_spec(&spec)), NULL)); /* and can be tried again */
    EXPECT_TRUE(lazy_module_class(module) == classes[i].ordinary);
    shape.dims[1]++;
    norm_check_refused(module, LAZY_DTYPE_F32, shape, LAZY_STATUS_SHAPE, "dimension 1 of input is");
    /* one value is enough for statistics that are there */
    shape =
        (lazy_shape){.rank = high, .dims = {1, ((options *)lazy_module_self(module))->num_features, 1, 1, 1}};
    spec.shape = shape;
    lazy_module_set_training(module, false);
    EXPECT_OK(lazy_module_dry_run(module, LAZY_ARGS(lazy_value_spec(&spec)), NULL));
    lazy_module_release(module);
  }
  lazy_context_close(context);
}

/* As PyTorch: an empty batch is counted, and moves no statistics. */
TEST_ON_DRIVERS(norm, an_empty_batch_is_counted) {
  lazy_context *context = model_context(env, env->device);
  for (size_t i = 0; i < CLASSES; i++) {
    lazy_module *module = model_of(context, classes[i].lazy);
    lazy_graph *graph = NULL;
    lazy_outputs outputs;
    lazy_shape shape = {.rank = classes[i].highest, .dims = {0, 3, 4, 4, 4}}, found;
    double *x;
    lazy_array *input = model_random_array(env, context, LAZY_DTYPE_F32, shape, &x);
    CHECK_CASE("%s", classes[i].lazy->name);
    ASSERT_OK(lazy_graph_create(module, NULL, &graph));
    for (int times = 1; times <= 3; times++) {
      ASSERT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(input)), &outputs));
      free(model_read_output(graph, outputs.at[0], &found));
      EXPECT_EQ(found.rank, shape.rank);
      EXPECT_EQ(found.dims[0], 0);
      EXPECT_EQ(read_counter(module), classes[i].is_batch ? times : 0);
    }
    double *mean = model_read_param(module, "running_mean"), *var = model_read_param(module, "running_var");
    for (int c = 0; c < 3; c++) {
      EXPECT_EQ(mean[c], 0);
      EXPECT_EQ(var[c], 1);
    }
    free(mean), free(var), free(x);
    lazy_array_release(input);
    lazy_graph_destroy(graph);
    lazy_module_release(module);
  }
  lazy_context_close(context);
}

/* The same module twice in one forward: the second call finds what the first one left. */
TEST_ON_DRIVERS(norm, a_module_called_twice_moves_its_statistics_twice) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *model = model_of(context, &lazy_class_sequential);
  options o = LAZY_BATCH_NORM_DEFAULTS;
  lazy_module *norm = NULL;
  lazy_graph *graph = NULL;
  lazy_outputs outputs;
  double *x, wanted[2][12], room[12];
  o.affine = false;
  o.momentum = NAN;
  ASSERT_OK(lazy_module_create(context, &lazy_class_lazy_batch_norm1d, &o, &norm));
  ASSERT_OK(lazy_module_add_child(model, "first", norm));
  model_add(model, "act", model_of(context, &lazy_class_relu));
  ASSERT_OK(lazy_module_add_child(model, "again", norm));
  lazy_array *input = model_random_array(env, context, LAZY_DTYPE_F32, LAZY_DIMS(4, 3), &x);
  ASSERT_OK(lazy_graph_create(model, NULL, &graph));
  double mean[3] = {0}, var[3] = {1, 1, 1};
  reference r = {
      .is_batch = true, .options = o, .images = 4, .channels = 3, .inner = 1, .mean = mean, .var = var};
  for (int times = 0; times < 3; times++) {
    ASSERT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(input)), &outputs));
    step(&r, x, true, 0, wanted[0], room);
    for (int i = 0; i < 12; i++) wanted[0][i] = fmax(wanted[0][i], 0);
    step(&r, wanted[0], true, 0, wanted[1], room);
  }
  double *y = model_read_output(graph, outputs.at[0], NULL), *found = model_read_param(norm, "running_mean");
  model_near(y, wanted[1], 12, 1e-5, 1e-5);
  model_near(found, mean, 3, 1e-5, 1e-6);
  EXPECT_EQ(read_counter(norm), 6);
  free(y), free(found), free(x);
  lazy_array_release(input);
  lazy_graph_destroy(graph);
  lazy_module_release(norm);
  lazy_module_release(model);
  lazy_context_close(context);
}

/* ---- states ---- */

static void expect_keys(lazy_module *module, const char *const *keys, size_t count) {
  lazy_state *state = NULL;
  ASSERT_OK(lazy_module_state(module, &state));
  EXPECT_EQ(lazy_state_count(state), count);
  for (size_t i = 0; i < count; i++) EXPECT_STREQ(lazy_state_key(state, i), keys[i]);
  lazy_state_release(state);
}

TEST_ON_DRIVERS(norm, states_settle_a_lazy_module) {
  static const char *const keys[] = {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"};
  lazy_context *context = model_context(env, env->device);
  for (size_t i = 0; i < CLASSES; i++) {
    const options o = {5, 1e-5, 0.1, true, true, true, LAZY_DTYPE_DEFAULT};
    lazy_module *from = NULL, *to = model_of(context, classes[i].lazy), *wrong = NULL;
    CHECK_CASE("%s", classes[i].lazy->name);
    ASSERT_OK(lazy_module_create(context, classes[i].ordinary, &o, &from));
    expect_keys(from, keys, 5);
    expect_keys(to, keys, 5);
    double *mean = norm_randomize(env, from, "running_mean", 5, -1);
    lazy_state *state = NULL, *old = NULL;
    ASSERT_OK(lazy_module_state(from, &state));
    EXPECT_OK(lazy_module_load_state(to, state, NULL, NULL));
    EXPECT_TRUE(lazy_module_class(to) == classes[i].ordinary);
    EXPECT_EQ(((options *)lazy_module_self(to))->num_features, 5);
    double *loaded = model_read_param(to, "running_mean");
    model_near(loaded, mean, 5, 0, 0);
    EXPECT_EQ(read_counter(to), 0);
    /* sizes that do not go together are found before anything moves */
    options six = o;
    six.num_features = 6;
    ASSERT_OK(lazy_module_create(context, classes[i].ordinary, &six, &wrong));
    EXPECT_STATUS(lazy_module_load_state(wrong, state, NULL, NULL), LAZY_STATUS_LOAD);
    lazy_module_release(to);
    /* version 1 had no num_batches_tracked: a state that tells no version need not have it, one of version 2
     * must */
    ASSERT_OK(lazyi_state_create(&old));
    for (size_t k = 0; k < 4; k++) {
      lazy_param *param = NULL;
      ASSERT_OK(lazy_module_find_param(from, keys[k], &param));
      ASSERT_OK(lazyi_state_add_param(old, keys[k], param));
    }
    to = model_of(context, classes[i].lazy);
    EXPECT_OK(lazy_module_load_state(to, old, NULL, NULL));
    EXPECT_TRUE(lazy_module_class(to) == classes[i].ordinary);
    EXPECT_EQ(read_counter(to), 0);
    ASSERT_OK(lazyi_state_set_version(old, "", 2));
    EXPECT_FAILS(lazy_module_load_state(to, old, NULL, NULL), LAZY_STATUS_LOAD, "\"num_batches_tracked\"");
    /* only the counter is no floating number */
    EXPECT_OK(lazy_module_convert(to, LAZY_DTYPE_F16));
    for (size_t k = 0; k < 5; k++) {
      lazy_param *param = NULL;
      ASSERT_OK(lazy_module_find_param(to, keys[k], &param));
      EXPECT_EQ(lazy_param_dtype(param), k == 4 ? LAZY_DTYPE_I64 : LAZY_DTYPE_F16);
      EXPECT_EQ(lazy_param_is_buffer(param), k >= 2);
    }
    free(mean), free(loaded);
    lazy_state_release(state);
    lazy_state_release(old);
    lazy_module_release(from);
    lazy_module_release(to);
    lazy_module_release(wrong);
  }
  lazy_context_close(context);
}

/* Hooks of the lazy module see what it became. */
static lazy_status see_sizes(lazy_hook_event *event, void *user) {
  lazy_param *mean = lazy_module_param_at(event->module, 2);
  lazy_shape shape;
  LAZY_TRY(lazy_param_shape(mean, &shape));
  *(int64_t *)user = shape.rank == 1 ? shape.dims[0] : -1;
  return LAZY_STATUS_OK;
}

TEST_ON_DRIVERS(norm, hooks_see_inferred_sizes) {
  lazy_context *context = model_context(env, env->device);
  for (size_t i = 0; i < CLASSES; i++) {
    const lazy_spec spec = {LAZY_DTYPE_F32, {.rank = classes[i].lowest, .dims = {6, 5, 4, 3, 2}}};
    lazy_module *module = model_of(context, classes[i].lazy);
    int64_t seen = 0;
    lazy_hook_id id;
    CHECK_CASE("%s", classes[i].lazy->name);
    ASSERT_OK(lazy_module_add_forward_pre_hook(module, see_sizes, &seen, 0, &id));
    EXPECT_OK(lazy_module_dry_run(module, LAZY_ARGS(lazy_value_spec(&spec)), NULL));
    EXPECT_EQ(seen, classes[i].is_batch ? 5 : 6); /* without a batch, channels come first */
    lazy_module_release(module);
  }
  lazy_context_close(context);
}
