/* Forwards against float64 references: values, shapes, views, sharing, hooks, keywords, states. */
#include <stdlib.h>
#include <string.h>

#include "tests/model.h"

static lazy_module *linear_relu_linear(lazy_context *context, int64_t hidden, int64_t out, lazy_dtype dtype) {
  lazy_module *net = model_of(context, &lazy_class_sequential);
  model_add(net, "fc1", model_lazy_linear(context, hidden, true, dtype));
  model_add(net, "relu1", model_of(context, &lazy_class_relu));
  model_add(net, "fc2", model_lazy_linear(context, out, false, dtype));
  return net;
}

static void relu(double *values, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (values[i] < 0) values[i] = 0;
}

/* Runs the net on random rows and checks the output against its parameters as they are read back. */
static void check_net(check_env *env, lazy_graph *graph, lazy_module *net, lazy_dtype dtype, int64_t rows,
                      int64_t in, int64_t hidden, int64_t out) {
  CHECK_CASE("%s: %d rows of %d, %d, %d", lazy_dtype_name(dtype), (int)rows, (int)in, (int)hidden, (int)out);
  double *x, *y;
  lazy_shape shape = {0};
  lazy_array *input = model_random_array(env, lazy_module_context(net), dtype, LAZY_DIMS(rows, in), &x);
  lazy_outputs outputs = {0};
  if (EXPECT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(input)), &outputs))) {
    EXPECT_EQ(outputs.count, 1);
    y = model_read_output(graph, outputs.at[0], &shape);
    EXPECT_DIMS(shape.dims, shape.rank, rows, out);
    double *w1 = model_read_param(net, "fc1.weight"), *b1 = model_read_param(net, "fc1.bias");
    double *w2 = model_read_param(net, "fc2.weight");
    double *h = model_linear(x, rows, in, w1, hidden, b1);
    relu(h, (size_t)(rows * hidden));
    double *wanted = model_linear(h, rows, hidden, w2, out, NULL);
    double tolerance = model_tolerance(dtype, in + hidden);
    model_near(y, wanted, (size_t)(rows * out), 4 * tolerance, 4 * tolerance);
    free(w1), free(b1), free(w2), free(h), free(wanted), free(y);
  }
  free(x);
  lazy_array_release(input);
}

TEST_ON_DRIVERS(graph_forward, equals_a_float64_reference) {
  static const lazy_dtype dtypes[] = {LAZY_DTYPE_F32, LAZY_DTYPE_F64, LAZY_DTYPE_F16, LAZY_DTYPE_BF16};
  lazy_context *context = model_context(env, env->device);
  for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++) {
    int64_t in = check_random_between(env, 1, 70), hidden = check_random_between(env, 1, 70);
    int64_t out = check_random_between(env, 1, 70);
    lazy_module *net = linear_relu_linear(context, hidden, out, dtypes[d]);
    lazy_graph *graph = NULL;
    ASSERT_OK(lazy_graph_create(net, NULL, &graph));
    /* many batch sizes: more than the plan cache holds, some twice */
    for (int i = 0; i < 20; i++)
      check_net(env, graph, net, dtypes[d], i < 18 ? 1 + i : check_random_between(env, 1, 90), in, hidden,
                out);
    EXPECT_FALSE(lazy_module_is_lazy(lazy_module_child_at(net, 0)));
    EXPECT_EQ(lazy_module_class(lazy_module_child_at(net, 0)), &lazy_class_linear);
    lazy_graph_destroy(graph);
    lazy_module_release(net);
  }
  lazy_context_close(context);
}

TEST_ON_DRIVERS(graph_forward, empty_sizes) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *net = linear_relu_linear(context, 5, 3, LAZY_DTYPE_DEFAULT);
  lazy_graph *graph = NULL;
  ASSERT_OK(lazy_graph_create(net, NULL, &graph));
  check_net(env, graph, net, LAZY_DTYPE_F32, 0, 4, 5, 3); /* an empty batch settles as any other */
  check_net(env, graph, net, LAZY_DTYPE_F32, 2, 4, 5, 3);
  lazy_graph_destroy(graph);
  lazy_module_release(net);
  net = linear_relu_linear(context, 5, 3, LAZY_DTYPE_DEFAULT);
  ASSERT_OK(lazy_graph_create(net, NULL, &graph));
  check_net(env, graph, net, LAZY_DTYPE_F32, 2, 0, 5,
            3); /* no input features: the bias alone, and it is zero */
  double *bias = model_read_param(net, "fc1.bias");
  for (int i = 0; i < 5; i++) EXPECT_EQ(bias[i], 0.0);
  free(bias);
  lazy_graph_destroy(graph);
  lazy_module_release(net);
  lazy_context_close(context);
}

TEST_ON_DRIVERS(graph_forward, handles_go_stale) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *net = linear_relu_linear(context, 5, 3, LAZY_DTYPE_DEFAULT);
  lazy_graph *graph = NULL;
  lazy_outputs first, second;
  float values[6];
  uint64_t address;
  lazy_spec spec;
  ASSERT_OK(lazy_graph_create(net, NULL, &graph));
  lazy_array *x = model_random_array(env, context, LAZY_DTYPE_F32, LAZY_DIMS(2, 4), NULL);
  ASSERT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(x)), &first));
  ASSERT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(x)), &second));
  EXPECT_STATUS(lazy_graph_download(graph, first.at[0], values, sizeof values), LAZY_STATUS_STALE);
  EXPECT_STATUS(lazy_graph_output_spec(graph, first.at[0], &spec), LAZY_STATUS_STALE);
  EXPECT_STATUS(lazy_graph_output_address(graph, first.at[0], &address), LAZY_STATUS_STALE);
  EXPECT_OK(lazy_graph_download(graph, second.at[0], values, sizeof values));
  EXPECT_STATUS(lazy_graph_download(graph, second.at[0], values, 4), LAZY_STATUS_INVALID_VALUE);
  EXPECT_STATUS(lazy_graph_download(graph, (lazy_tensor){0, 0}, values, 4), LAZY_STATUS_INVALID_VALUE);
  lazy_array_release(x);
  lazy_graph_destroy(graph);
  lazy_module_release(net);
  lazy_context_close(context);
}

TEST_ON_DRIVERS(graph_forward, another_size_names_path_found_and_wanted) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *outer = model_of(context, &lazy_class_sequential);
  model_add(outer, "body", linear_relu_linear(context, 5, 3, LAZY_DTYPE_DEFAULT));
  ASSERT_OK(lazy_module_dry_run(outer, LAZY_ARGS(LAZY_INPUT(2, 4)), NULL));
  EXPECT_FAILS(lazy_module_dry_run(outer, LAZY_ARGS(LAZY_INPUT(2, 9)), NULL), LAZY_STATUS_SHAPE,
               "body.fc1: linear");
  EXPECT_CONTAINS(lazy_status_message(), "is 9");
  EXPECT_CONTAINS(lazy_status_message(), "wants 4");
  EXPECT_FAILS(lazy_module_dry_run(outer, LAZY_ARGS(LAZY_INPUT_OF(LAZY_DTYPE_F64, 2, 4)), NULL),
               LAZY_STATUS_INVALID_TYPE, "input is f64; wanted f32");
  EXPECT_OK(lazy_module_dry_run(outer, LAZY_ARGS(LAZY_INPUT(7, 4)), NULL));
  lazy_module_release(outer);
  lazy_context_close(context);
}

/* ---- sharing ---- */

TEST_ON_DRIVERS(graph_forward, a_module_called_twice_is_settled_once) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *net = model_of(context, &lazy_class_sequential);
  lazy_module *shared = model_lazy_linear(context, 6, true, LAZY_DTYPE_DEFAULT);
  ASSERT_OK(lazy_module_add_child(net, "a", shared));
  model_add(net, "b", shared);
  lazy_graph *graph = NULL;
  lazy_outputs outputs;
  double *x;
  ASSERT_OK(lazy_graph_create(net, NULL, &graph));
  lazy_array *bad = model_random_array(env, context, LAZY_DTYPE_F32, LAZY_DIMS(3, 5), NULL);
  EXPECT_STATUS(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(bad)), &outputs), LAZY_STATUS_SHAPE);
  EXPECT_TRUE(lazy_module_is_lazy(shared)); /* the second use did not fit: nothing was settled */
  lazy_array *input = model_random_array(env, context, LAZY_DTYPE_F32, LAZY_DIMS(3, 6), &x);
  ASSERT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(input)), &outputs));
  double *w = model_read_param(net, "a.weight"), *b = model_read_param(net, "b.bias");
  double *h = model_linear(x, 3, 6, w, 6, b), *wanted = model_linear(h, 3, 6, w, 6, b);
  double *y = model_read_output(graph, outputs.at[0], NULL);
  model_near(y, wanted, 18, 1e-5, 1e-5);
  free(x), free(w), free(b), free(h), free(wanted), free(y);
  lazy_array_release(bad), lazy_array_release(input);
  lazy_graph_destroy(graph);
  lazy_module_release(net);
  lazy_context_close(context);
}

TEST_ON_DRIVERS(graph_forward, tied_lazy_weights_are_one_parameter) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *net = model_of(context, &lazy_class_sequential);
  lazy_param *weight = NULL;
  model_add(net, "a", model_lazy_linear(context, 6, true, LAZY_DTYPE_DEFAULT));
  model_add(net, "b", model_lazy_linear(context, 6, true, LAZY_DTYPE_DEFAULT));
  ASSERT_OK(lazy_module_find_param(net, "a.weight", &weight));
  ASSERT_OK(lazy_module_set_param(lazy_module_child_at(net, 1), "weight", weight));
  ASSERT_OK(lazy_module_dry_run(net, LAZY_ARGS(LAZY_INPUT(1, 6)), NULL));
  lazy_param *other = NULL;
  ASSERT_OK(lazy_module_find_param(net, "b.weight", &other));
  EXPECT_EQ(other, weight);
  EXPECT_EQ(lazy_param_get_state(weight), LAZY_PARAM_STATE_REAL);
  double *a = model_read_param(net, "a.bias"), *b = model_read_param(net, "b.bias");
  EXPECT_NE(memcmp(a, b, 6 * sizeof *a), 0); /* biases are their own */
  free(a), free(b);
  lazy_module_release(net);
  lazy_context_close(context);
}

TEST_ON_DRIVERS(graph_forward, two_graphs_share_one_module) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *net = linear_relu_linear(context, 5, 3, LAZY_DTYPE_DEFAULT);
  lazy_graph *one = NULL, *two = NULL;
  ASSERT_OK(lazy_graph_create(net, NULL, &one));
  ASSERT_OK(lazy_graph_create(net, NULL, &two));
  check_net(env, one, net, LAZY_DTYPE_F32, 3, 4, 5, 3);
  check_net(env, two, net, LAZY_DTYPE_F32, 8, 4, 5, 3);
  check_net(env, one, net, LAZY_DTYPE_F32, 8, 4, 5, 3);
  lazy_graph_destroy(one);
  lazy_graph_destroy(two);
  lazy_module_release(net);
  lazy_context_close(context);
}

/* ---- inputs and outputs ---- */

TEST_ON_DRIVERS(graph_forward, arrays_with_gaps_are_put_together) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *net = linear_relu_linear(context, 5, 3, LAZY_DTYPE_DEFAULT);
  lazy_graph *graph = NULL;
  lazy_outputs outputs;
  double *values;
  ASSERT_OK(lazy_graph_create(net, NULL, &graph));
  for (int round = 0; round < 2; round++) { /* the second finds the plan, with other strides */
    lazy_array *base = model_random_array(env, context, LAZY_DTYPE_F32, LAZY_DIMS(4, 7 + round), &values);
    lazy_array *turned = NULL, *cut = NULL;
    ASSERT_OK(lazy_array_transpose(base, 0, 1, &turned));
    ASSERT_OK(lazy_array_slice(turned, 0, 1, 4, 1, &cut)); /* 3 x 4 */
    ASSERT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(cut)), &outputs));
    double x[12];
    for (int r = 0; r < 3; r++)
      for (int c = 0; c < 4; c++) x[r * 4 + c] = values[c * (7 + round) + r + 1];
    double *w1 = model_read_param(net, "fc1.weight"), *b1 = model_read_param(net, "fc1.bias");
    double *w2 = model_read_param(net, "fc2.weight"), *h = model_linear(x, 3, 4, w1, 5, b1);
    relu(h, 15);
    double *wanted = model_linear(h, 3, 5, w2, 3, NULL), *y = model_read_output(graph, outputs.at[0], NULL);
    model_near(y, wanted, 9, 1e-5, 1e-5);
    free(w1), free(b1), free(w2), free(h), free(wanted), free(y), free(values);
    lazy_array_release(base), lazy_array_release(turned), lazy_array_release(cut);
  }
  lazy_graph_destroy(graph);
  lazy_module_release(net);
  lazy_context_close(context);
}

TEST_ON_DRIVERS(graph_forward, what_passes_through_is_copied) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *net = model_of(context, &lazy_class_sequential);
  model_add(net, "same", model_of(context, &lazy_class_identity));
  model_add(net, "flat", model_of(context, &lazy_class_flatten));
  lazy_graph *graph = NULL;
  lazy_outputs outputs;
  lazy_shape shape;
  double *x;
  ASSERT_OK(lazy_graph_create(net, NULL, &graph));
  lazy_array *input = model_random_array(env, context, LAZY_DTYPE_F32, LAZY_DIMS(2, 3, 4), &x);
  ASSERT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(input)), &outputs));
  ASSERT_OK(
      lazy_array_fill(input, 77.0)); /* the output is the graph's, whatever becomes of the caller's array */
  double *y = model_read_output(graph, outputs.at[0], &shape);
  EXPECT_DIMS(shape.dims, shape.rank, 2, 12);
  model_near(y, x, 24, 0, 0);
  free(x), free(y);
  lazy_array_release(input);
  lazy_graph_destroy(graph);
  lazy_module_release(net);
  lazy_context_close(context);
}

static lazy_value pair_forward(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  lazy_tensor a = lazy_arg(recorder, args, 0), b = lazy_arg(recorder, args, 1);
  static lazy_value results[3];
  (void)self;
  results[0] = lazy_value_tensor(lazy_add(recorder, a, b));
  results[1] = lazy_value_int(7);
  results[2] = lazy_value_tensor(lazy_mul(recorder, a, b));
  return lazy_value_tuple(results, 3);
}
static const char *const pair_arguments[] = {"left", "right", NULL};
static const lazy_class pair = {LAZY_CLASS("Pair"), .arguments = pair_arguments,
                                .forward_value = pair_forward};

TEST_ON_DRIVERS(graph_forward, keywords_bind_and_tuples_are_flattened) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *net = model_of(context, &pair);
  lazy_graph *graph = NULL;
  lazy_outputs outputs;
  double *a, *b;
  ASSERT_OK(lazy_graph_create(net, NULL, &graph));
  lazy_array *left = model_random_array(env, context, LAZY_DTYPE_F64, LAZY_DIMS(4, 1, 3), &a);
  lazy_array *right = model_random_array(env, context, LAZY_DTYPE_F64, LAZY_DIMS(2, 1), &b);
  const lazy_value first = lazy_value_array(left);
  const lazy_keyword named = {"right", lazy_value_array(right)};
  ASSERT_OK(lazy_graph_forward(graph, &(lazy_args){&first, 1, &named, 1}, &outputs));
  ASSERT_EQ(outputs.count, 2);
  lazy_shape shape;
  double *sum = model_read_output(graph, outputs.at[0], &shape),
         *product = model_read_output(graph, outputs.at[1], NULL);
  ASSERT_DIMS(shape.dims, shape.rank, 4, 2, 3);
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 2; j++)
      for (int k = 0; k < 3; k++) {
        EXPECT_EQ(sum[(i * 2 + j) * 3 + k], a[i * 3 + k] + b[j]);
        EXPECT_EQ(product[(i * 2 + j) * 3 + k], a[i * 3 + k] * b[j]);
      }
  free(sum), free(product), free(a), free(b);
  const lazy_keyword unknown = {"upside_down", lazy_value_array(right)};
  EXPECT_FAILS(lazy_graph_forward(graph, &(lazy_args){&first, 1, &unknown, 1}, &outputs),
               LAZY_STATUS_INVALID_TYPE, "upside_down");
  EXPECT_FAILS(lazy_graph_forward(graph, LAZY_ARGS(LAZY_INPUT(2, 2)), &outputs), LAZY_STATUS_INVALID_TYPE,
               "without data");
  lazy_array_release(left), lazy_array_release(right);
  lazy_graph_destroy(graph);
  lazy_module_release(net);
  lazy_context_close(context);
}

/* ---- user classes and hooks ---- */

TEST_ON_DRIVERS(graph_forward, a_user_class_in_c) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *net = model_of(context, &lazy_class_sequential);
  model_add(net, "scale", model_of(context, &model_lazy_scale));
  model_add(net, "fc", model_lazy_linear(context, 2, true, LAZY_DTYPE_DEFAULT));
  lazy_graph *graph = NULL;
  lazy_outputs outputs;
  double *x;
  ASSERT_OK(lazy_graph_create(net, NULL, &graph));
  lazy_array *input = model_random_array(env, context, LAZY_DTYPE_F32, LAZY_DIMS(3, 5), &x);
  for (int run = 0; run < 2; run++) {
    ASSERT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(input)), &outputs));
    double *scale = model_read_param(net, "scale.weight"), *w = model_read_param(net, "fc.weight");
    double *b = model_read_param(net, "fc.bias"), scaled[15];
    for (int i = 0; i < 15; i++) {
      EXPECT_GE(scale[i % 5], 0.5);
      EXPECT_LE(scale[i % 5], 1.5);
      scaled[i] = x[i] * scale[i % 5];
    }
    double *wanted = model_linear(scaled, 3, 5, w, 2, b), *y = model_read_output(graph, outputs.at[0], NULL);
    model_near(y, wanted, 6, 1e-5, 1e-5);
    free(scale), free(w), free(b), free(wanted), free(y);
  }
  EXPECT_EQ(lazy_module_class(lazy_module_child_at(net, 0)), &model_scale);
  free(x);
  lazy_array_release(input);
  lazy_graph_destroy(graph);
  lazy_module_release(net);
  lazy_context_close(context);
}

static lazy_status double_input(lazy_hook_event *event, void *user) {
  ++*(int *)user;
  lazy_tensor x = lazy_arg(event->recorder, event->args, 0);
  const lazy_value sum = lazy_value_tensor(lazy_add(event->recorder, x, x));
  return lazy_hook_set_args(event, &(lazy_args){&sum, 1, NULL, 0});
}
static lazy_status square_output(lazy_hook_event *event, void *user) {
  ++*(int *)user;
  lazy_tensor y = event->output.as.tensor;
  return lazy_hook_set_output(event, lazy_value_tensor(lazy_mul(event->recorder, y, y)));
}

TEST_ON_DRIVERS(graph_forward, hooks_replace_arguments_and_output_at_every_call) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *fc = model_lazy_linear(context, 4, true, LAZY_DTYPE_F64);
  lazy_hook_id id;
  int calls = 0;
  ASSERT_OK(lazy_module_add_forward_pre_hook(fc, double_input, &calls, 0, &id));
  ASSERT_OK(lazy_module_add_forward_hook(fc, square_output, &calls, 0, &id));
  lazy_graph *graph = NULL;
  lazy_outputs outputs;
  double *x;
  ASSERT_OK(lazy_graph_create(fc, NULL, &graph));
  lazy_array *input = model_random_array(env, context, LAZY_DTYPE_F64, LAZY_DIMS(3, 5), &x);
  for (int run = 1; run <= 3; run++) {
    ASSERT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(input)), &outputs));
    EXPECT_EQ(calls, 2 * run);
    double *w = model_read_param(fc, "weight"), *b = model_read_param(fc, "bias"), doubled[15];
    for (int i = 0; i < 15; i++) doubled[i] = 2 * x[i];
    double *wanted = model_linear(doubled, 3, 5, w, 4, b), *y = model_read_output(graph, outputs.at[0], NULL);
    for (int i = 0; i < 12; i++) wanted[i] *= wanted[i];
    model_near(y, wanted, 12, 1e-12, 1e-12);
    free(w), free(b), free(wanted), free(y);
  }
  free(x);
  lazy_array_release(input);
  lazy_graph_destroy(graph);
  lazy_module_release(fc);
  lazy_context_close(context);
}

/* ---- a forward that only calls one of its children ---- */

static lazy_tensor first_only(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  return lazy_call(recorder, lazy_module_child_at(self, 0), lazy_arg(recorder, args, 0));
}
static const lazy_class selector = {LAZY_CLASS("Selector"), .forward = first_only};

TEST_ON_DRIVERS(graph_forward, what_is_not_reached_stays_lazy) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *net = model_of(context, &selector);
  model_add(net, "used", model_lazy_linear(context, 2, true, LAZY_DTYPE_DEFAULT));
  model_add(net, "idle", model_lazy_linear(context, 2, true, LAZY_DTYPE_DEFAULT));
  ASSERT_OK(lazy_module_dry_run(net, LAZY_ARGS(LAZY_INPUT(1, 3)), NULL));
  EXPECT_FALSE(lazy_module_is_lazy(lazy_module_child_at(net, 0)));
  EXPECT_TRUE(lazy_module_is_lazy(lazy_module_child_at(net, 1)));
  lazy_module_release(net);
  lazy_context_close(context);
}

/* Asks for the batch size, and adds one layer more for even ones. */
static lazy_tensor by_size(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  lazy_shape shape = {0};
  lazy_tensor h = lazy_call(recorder, lazy_module_child_at(self, 0), lazy_arg(recorder, args, 0));
  if (lazy_tensor_shape(recorder, h, &shape) != LAZY_STATUS_OK) return h;
  return shape.dims[0] % 2 == 0 ? lazy_relu(recorder, h) : h;
}
static const lazy_class sized = {LAZY_CLASS("Sized"), .forward = by_size};

TEST_ON_DRIVERS(graph_forward, shapes_are_answered_while_recording) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *net = model_of(context, &sized);
  lazy_graph *graph = NULL;
  model_add(net, "fc", model_lazy_linear(context, 3, true, LAZY_DTYPE_DEFAULT));
  ASSERT_OK(lazy_graph_create(net, NULL, &graph));
  for (int64_t rows = 1; rows <= 4; rows++) {
    lazy_outputs outputs;
    double *x;
    lazy_array *input = model_random_array(env, context, LAZY_DTYPE_F32, LAZY_DIMS(rows, 4), &x);
    ASSERT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(input)), &outputs));
    double *w = model_read_param(net, "fc.weight"), *b = model_read_param(net, "fc.bias");
    double *wanted = model_linear(x, rows, 4, w, 3, b), *y = model_read_output(graph, outputs.at[0], NULL);
    if (rows % 2 == 0) relu(wanted, (size_t)(3 * rows));
    model_near(y, wanted, (size_t)(3 * rows), 1e-5, 1e-5);
    free(w), free(b), free(wanted), free(y), free(x);
    lazy_array_release(input);
  }
  lazy_graph_destroy(graph);
  lazy_module_release(net);
  lazy_context_close(context);
}
