/* Reports, plans for many shape sets, dry runs: what is found without computing anything. */
#include <stdlib.h>
#include <string.h>

#include "tests/model.h"

static lazy_module *mlp(lazy_context *context) {
  lazy_module *net = model_of(context, &lazy_class_sequential),
              *body = model_of(context, &lazy_class_sequential);
  model_add(body, "fc1", model_lazy_linear(context, 128, true, LAZY_DTYPE_DEFAULT));
  model_add(body, "relu", model_of(context, &lazy_class_relu));
  model_add(net, "flat", model_of(context, &lazy_class_flatten));
  model_add(net, "body", body);
  model_add(net, "scale", model_of(context, &model_lazy_scale));
  model_add(net, "fc2", model_lazy_linear(context, 10, false, LAZY_DTYPE_DEFAULT));
  return net;
}

static void check_call(const lazy_plan *plan, size_t index, const char *path, const char *class_name,
                       const char *lazy_name, const char *inferred, int depth, uint64_t parameters,
                       int64_t last_size) {
  CHECK_CASE("row %d", (int)index);
  const lazy_plan_call *row = lazy_plan_call_at(plan, index);
  if (!EXPECT_TRUE(row != NULL)) return;
  EXPECT_STREQ(row->path, path);
  EXPECT_STREQ(row->class_name, class_name);
  EXPECT_STREQ(row->lazy_name, lazy_name);
  EXPECT_STREQ(row->inferred, inferred);
  EXPECT_EQ(row->depth, depth);
  EXPECT_EQ(row->parameter_count, parameters);
  EXPECT_EQ(row->parameter_bytes, 4 * parameters);
  EXPECT_TRUE(row->has_output);
  EXPECT_DIMS(row->output.shape.dims, row->output.shape.rank, 5, last_size);
}

TEST_ON_DRIVERS(graph_plan, reports_a_row_for_every_call_and_changes_nothing) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *net = mlp(context);
  lazy_graph *graph = NULL;
  lazy_plan *plan = NULL;
  char *before = model_snapshot(net);
  ASSERT_OK(lazy_graph_create(net, NULL, &graph));
  ASSERT_OK(lazy_graph_plan(graph, LAZY_ARGS(LAZY_INPUT(5, 28, 28)), &plan));
  ASSERT_EQ(lazy_plan_call_count(plan), 7);
  check_call(plan, 0, "", "Sequential", NULL, "", 0, 0, 10);
  check_call(plan, 1, "flat", "Flatten", NULL, "", 1, 0, 784);
  check_call(plan, 2, "body", "Sequential", NULL, "", 1, 0, 128);
  check_call(plan, 3, "body.fc1", "Linear", "LazyLinear", "in_features=784", 2, 784 * 128 + 128, 128);
  check_call(plan, 4, "body.relu", "ReLU", NULL, "", 2, 0, 128);
  check_call(plan, 5, "scale", "Scale", "LazyScale", "weight=[128]", 1, 128, 128);
  check_call(plan, 6, "fc2", "Linear", "LazyLinear", "in_features=128", 1, 1280, 10);
  const lazy_plan_totals *totals = lazy_plan_get_totals(plan);
  EXPECT_EQ(totals->parameter_count, 784 * 128 + 128 + 128 + 1280);
  EXPECT_EQ(totals->parameter_bytes, 4 * totals->parameter_count);
  EXPECT_EQ(totals->node_count, 5);
  EXPECT_EQ(totals->activation_bytes,
            2 * 2560); /* two neighbours of the chain at a time: 5 x 128 floats each */
  char *after = model_snapshot(net);
  EXPECT_STREQ(after, before);
  lazy_plan_release(plan);
  free(before), free(after);

  /* once it is real, the same rows but nothing is lazy any more */
  ASSERT_OK(lazy_graph_dry_run(graph, LAZY_ARGS(LAZY_INPUT(1, 28, 28))));
  ASSERT_OK(lazy_graph_plan(graph, LAZY_ARGS(LAZY_INPUT(5, 28, 28)), &plan));
  check_call(plan, 6, "fc2", "Linear", NULL, "", 1, 1280, 10);
  EXPECT_EQ(lazy_plan_get_totals(plan)->inference_bytes, 0);
  lazy_plan_release(plan);
  lazy_graph_destroy(graph);
  lazy_module_release(net);
  lazy_context_close(context);
}

/* Sets against one plan each. `net` is released. */
static void check_sets(check_env *env, lazy_context *context, lazy_module *net) {
  enum { SETS = 64 };
  lazy_graph *graph = NULL;
  lazy_shape shapes[SETS];
  lazy_plan_set sets[SETS];
  const lazy_spec spec = {LAZY_DTYPE_F32, LAZY_DIMS(2, 6)};
  EXPECT_OK(lazy_graph_create(net, NULL, &graph));
  for (int s = 0; s < SETS; s++) {
    shapes[s] = LAZY_DIMS(check_random_between(env, 0, 9), check_random_between(env, 1, 40));
    if (s % 7 == 3) shapes[s] = (lazy_shape){0}; /* a scalar: no last size to infer from */
  }
  EXPECT_OK(lazy_graph_plan_sets(graph, &spec, shapes, 1, SETS, sets));
  for (int s = 0; s < SETS; s++) {
    CHECK_CASE("set %d", s);
    lazy_plan *plan = NULL;
    const lazy_spec one = {LAZY_DTYPE_F32, shapes[s]};
    lazy_status status = lazy_graph_plan(graph, LAZY_ARGS(lazy_value_spec(&one)), &plan);
    EXPECT_EQ(sets[s].status, status);
    if (status != LAZY_STATUS_OK) continue;
    const lazy_plan_call *root = lazy_plan_call_at(plan, 0);
    EXPECT_EQ(sets[s].parameter_count, lazy_plan_get_totals(plan)->parameter_count);
    EXPECT_EQ(sets[s].output.rank, root->output.shape.rank);
    EXPECT_I64_EQ(sets[s].output.dims, root->output.shape.dims, (size_t)root->output.shape.rank);
    lazy_plan_release(plan);
  }
  EXPECT_TRUE(lazy_module_is_lazy(lazy_module_child_at(net, 0)));
  lazy_graph_destroy(graph);
  lazy_module_release(net);
  (void)context;
}

TEST_ON_DRIVERS(graph_plan, many_sets_equal_one_plan_each) {
  lazy_context *context = model_context(env, env->device);
  check_sets(env, context, model_chain(context, 5, 7, 0)); /* one launch for all */
  check_sets(env, context, model_chain(context, 5, 7, 2)); /* a user's infer: recorded per set */
  lazy_context_close(context);
}

/* ---- dry runs ---- */

typedef struct asker {
  lazy_graph *graph;
  lazy_status download, forward;
} asker;

static lazy_status ask_for_a_value(lazy_hook_event *event, void *user) {
  asker *a = user;
  float value;
  a->download = lazy_graph_download(a->graph, event->output.as.tensor, &value, sizeof value);
  return LAZY_STATUS_OK;
}

TEST_ON_DRIVERS(graph_plan, a_dry_run_has_no_values) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *fc = model_lazy_linear(context, 1, true, LAZY_DTYPE_DEFAULT);
  lazy_hook_id id;
  asker a = {0};
  ASSERT_OK(lazy_module_add_forward_hook(fc, ask_for_a_value, &a, 0, &id));
  ASSERT_OK(lazy_graph_create(fc, NULL, &a.graph));
  ASSERT_OK(lazy_graph_dry_run(a.graph, LAZY_ARGS(LAZY_INPUT(1, 3))));
  EXPECT_EQ(a.download, LAZY_STATUS_NO_DATA);
  lazy_array *x = model_random_array(env, context, LAZY_DTYPE_F32, LAZY_DIMS(1, 3), NULL);
  ASSERT_OK(lazy_graph_forward(a.graph, LAZY_ARGS(lazy_value_array(x)), NULL));
  EXPECT_EQ(a.download, LAZY_STATUS_BUSY);
  lazy_array_release(x);
  lazy_graph_destroy(a.graph);
  lazy_module_release(fc);
  lazy_context_close(context);
}

/* What PyTorch shows a pre-hook behind the lazy one: the ordinary class, settled. */
static lazy_status see_settled(lazy_hook_event *event, void *user) {
  const lazy_linear_options *options = lazy_module_self(event->module);
  lazy_param *weight = NULL;
  lazy_shape shape = {0};
  LAZY_TRY(lazy_module_find_param(event->module, "weight", &weight));
  LAZY_TRY(lazy_param_shape(weight, &shape));
  *(int64_t *)user =
      lazy_module_class(event->module) == &lazy_class_linear && shape.dims[1] == options->in_features
          ? options->in_features
          : -1;
  return LAZY_STATUS_OK;
}

TEST_ON_DRIVERS(graph_plan, hooks_behind_the_lazy_one_see_the_module_settled) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *fc = model_lazy_linear(context, 4, true, LAZY_DTYPE_DEFAULT);
  lazy_hook_id id;
  int64_t before_forward = 0, after_forward = 0;
  ASSERT_OK(lazy_module_add_forward_pre_hook(fc, see_settled, &before_forward, 0, &id));
  ASSERT_OK(lazy_module_add_forward_hook(fc, see_settled, &after_forward, 0, &id));
  ASSERT_OK(lazy_module_dry_run(fc, LAZY_ARGS(LAZY_INPUT(2, 9)), NULL));
  EXPECT_EQ(before_forward, 9);
  EXPECT_EQ(after_forward, 9);
  lazy_module_release(fc);
  lazy_context_close(context);
}

static lazy_status refuse(lazy_hook_event *event, void *user) {
  (void)event, (void)user;
  return lazy_status_fail(LAZY_STATUS_ASSERTION, "not today");
}

TEST_ON_DRIVERS(graph_plan, a_hook_that_fails_leaves_everything_lazy) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *net = mlp(context);
  lazy_hook_id id;
  char *before = model_snapshot(net);
  lazy_module *fc2 = lazy_module_child_at(net, 3);
  ASSERT_OK(lazy_module_add_forward_hook(fc2, refuse, NULL, 0, &id));
  EXPECT_FAILS(lazy_module_dry_run(net, LAZY_ARGS(LAZY_INPUT(1, 2, 3)), NULL), LAZY_STATUS_ASSERTION,
               "fc2: not today");
  char *after = model_snapshot(net);
  EXPECT_STREQ(after, before);
  lazy_module_remove_hook(fc2, id);
  EXPECT_OK(lazy_module_dry_run(net, LAZY_ARGS(LAZY_INPUT(1, 2, 3)), NULL));
  free(before), free(after);
  lazy_module_release(net);
  lazy_context_close(context);
}

/* ---- PyTorch's numbers ---- */

/* torch.manual_seed(0); LazyLinear(2) on a (1, 3) input, on the CPU. */
TEST_ON_DRIVERS(graph_plan, the_torch_stream_draws_pytorchs_numbers) {
  static const double weight[] = {-0.004322528839111328, 0.3097158670425415, -0.4751853346824646,
                                  -0.4248945713043213,   -0.222368985414505, 0.1548207402229309};
  static const double bias[] = {-0.011439144611358643, 0.4577749967575073};
  const lazy_context_options options = {
      .struct_size = sizeof options, .stream = LAZY_STREAM_TORCH_CPU, .seed = 0};
  for (int forward = 0; forward < 2; forward++) {
    lazy_context *context = NULL;
    ASSERT_OK(lazy_context_open(env->device, &options, &context));
    lazy_module *fc = model_lazy_linear(context, 2, true, LAZY_DTYPE_DEFAULT);
    lazy_graph *graph = NULL;
    ASSERT_OK(lazy_graph_create(fc, NULL, &graph));
    lazy_array *x = model_random_array(env, context, LAZY_DTYPE_F32, LAZY_DIMS(1, 3), NULL);
    if (forward) ASSERT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(x)), NULL));
    else ASSERT_OK(lazy_graph_dry_run(graph, LAZY_ARGS(lazy_value_array(x))));
    double *w = model_read_param(fc, "weight"), *b = model_read_param(fc, "bias");
    for (int i = 0; i < 6; i++) EXPECT_EQ(w[i], (double)(float)weight[i]);
    for (int i = 0; i < 2; i++) EXPECT_EQ(b[i], (double)(float)bias[i]);
    free(w), free(b);
    lazy_array_release(x);
    lazy_graph_destroy(graph);
    lazy_module_release(fc);
    lazy_context_close(context);
  }
}

/* An eager layer is drawn at construction, before any lazy one, whatever the order of the calls: the same
   numbers as drawing the two alone, one after the other. */
TEST_ON_DRIVERS(graph_plan, the_torch_stream_serves_eager_layers_first) {
  const lazy_context_options options = {
      .struct_size = sizeof options, .stream = LAZY_STREAM_TORCH_CPU, .seed = 7};
  const lazy_linear_options eager_options = {3, 3, true, LAZY_DTYPE_DEFAULT};
  double *found[2][2];
  for (int alone = 0; alone < 2; alone++) {
    lazy_context *context = NULL;
    lazy_module *eager = NULL;
    ASSERT_OK(lazy_context_open(env->device, &options, &context));
    lazy_module *net = model_of(context, &lazy_class_sequential);
    model_add(net, "lazy", model_lazy_linear(context, 3, true, LAZY_DTYPE_DEFAULT));
    ASSERT_OK(lazy_module_create(context, &lazy_class_linear, &eager_options, &eager));
    model_add(net, "eager", eager);
    if (alone) found[alone][1] = model_read_param(net, "eager.weight"); /* drawn here and now */
    ASSERT_OK(lazy_module_dry_run(net, LAZY_ARGS(LAZY_INPUT(1, 3)), NULL));
    found[alone][0] = model_read_param(net, "lazy.weight");
    if (!alone) found[alone][1] = model_read_param(net, "eager.weight");
    lazy_module_release(net);
    lazy_context_close(context);
  }
  (void)env;
  EXPECT_BYTES_EQ(found[0][1], found[1][1], 9 * sizeof(double));
  for (int i = 0; i < 4; i++) free(found[i / 2][i % 2]);
}
