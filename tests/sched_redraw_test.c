/* Initialised again by one launch, of which a second seed changes one argument; a plan as a picture. */
#include <stdlib.h>
#include <string.h>

#include "runtime/driver/fault.h"
#include "runtime/driver/host.h"
#include "runtime/graph/graph.h"
#include "runtime/graph/report.h"
#include "tests/model.h"

enum { LAYERS = 4, WIDTH = 6 };

static lazy_module *settled_chain(check_env *env, lazy_context *context, lazy_graph **out_graph) {
  lazy_module *net = model_chain(context, LAYERS, WIDTH, 2);
  (void)env;
  EXPECT_OK(lazy_graph_create(net, NULL, out_graph));
  EXPECT_OK(lazy_graph_dry_run(*out_graph, LAZY_ARGS(LAZY_INPUT(1, WIDTH))));
  return net;
}

/* Every parameter of `found` is, bit for bit, that of `wanted`. */
static void expect_equal(lazy_module *found, lazy_module *wanted) {
  char *a = model_snapshot(found), *b = model_snapshot(wanted);
  EXPECT_STREQ(a, b);
  free(a), free(b);
}

static lazy_context *context_of(const char *device, uint64_t seed) {
  lazy_context_options options = {.struct_size = sizeof options};
  lazy_context *context = NULL;
  options.seed = seed;
  EXPECT_OK(lazy_context_open(device, &options, &context));
  return context;
}

TEST_ON_DRIVERS(sched_redraw, a_seed_gives_what_a_fresh_model_would_have) {
  lazy_context *context = context_of(env->device, 1);
  lazy_graph *graph = NULL;
  lazy_module *net = settled_chain(env, context, &graph);
  for (uint64_t seed = 1; seed < 6; seed++) {
    CHECK_CASE("seed %d", (int)seed);
    lazy_context *other = context_of(env->device, seed);
    lazy_graph *other_graph = NULL;
    lazy_module *fresh = settled_chain(env, other, &other_graph);
    ASSERT_OK(lazy_graph_reinitialize(graph, seed));
    expect_equal(net, fresh);
    lazy_graph_destroy(other_graph);
    lazy_module_release(fresh);
    lazy_context_close(other);
  }
  /* converted: the same values, rounded, in the new place */
  ASSERT_OK(lazy_module_convert(net, LAZY_DTYPE_F64));
  ASSERT_OK(lazy_graph_reinitialize(graph, 3));
  double *first = model_read_param(net, "0.bias");
  ASSERT_OK(lazy_graph_reinitialize(graph, 4));
  double *second = model_read_param(net, "0.bias");
  ASSERT_OK(lazy_graph_reinitialize(graph, 3));
  double *third = model_read_param(net, "0.bias");
  EXPECT_EQ(memcmp(first, third, WIDTH * sizeof *first), 0);
  EXPECT_NE(memcmp(first, second, WIDTH * sizeof *first), 0);
  free(first), free(second), free(third);
  lazy_graph_destroy(graph);
  lazy_module_release(net);
  lazy_context_close(context);
}

TEST_ON_FAULTS(sched_redraw, a_second_seed_changes_one_argument) {
  lazy_context *context = context_of(env->device, 1);
  lazy_graph *graph = NULL;
  lazy_module *net = settled_chain(env, context, &graph);
  ASSERT_OK(lazy_graph_reinitialize(graph, 1));
  uint64_t total = lazyi_fault_total(),
           changes = lazyi_fault_count(LAZY_DRIVER_CALL_graph_exec_kernel_node_set_params);
  uint64_t launches = lazyi_fault_count(LAZY_DRIVER_CALL_graph_launch), allocations = lazyi_memory_count();
  ASSERT_OK(lazy_graph_reinitialize(graph, 2));
  EXPECT_EQ(lazyi_memory_count(), allocations);
  EXPECT_EQ(lazyi_fault_count(LAZY_DRIVER_CALL_graph_exec_kernel_node_set_params), changes + 1);
  EXPECT_EQ(lazyi_fault_count(LAZY_DRIVER_CALL_graph_launch), launches + 1);
  EXPECT_EQ(lazyi_fault_total(), total + 8); /* push, two orders of two, the change, the launch, pop */
  lazy_graph_destroy(graph);
  lazy_module_release(net);
  lazy_context_close(context);
}

TEST_ON_FAULTS(sched_redraw, every_call_may_fail) {
  for (uint64_t n = 1;; n++) {
    CHECK_CASE("call %d", (int)n);
    lazy_context *context = context_of(env->device, 1);
    lazy_graph *graph = NULL;
    lazy_module *net = settled_chain(env, context, &graph);
    ASSERT_OK(lazy_graph_synchronize(graph));
    uint64_t before = lazyi_fault_failures();
    lazyi_fault_fail_at(n, LAZY_DRIVER_UNKNOWN);
    lazy_status status = lazy_graph_reinitialize(graph, 7);
    bool failed = lazyi_fault_failures() != before;
    lazyi_fault_fail_at(0, 0);
    ASSERT_OK(lazy_graph_reinitialize(graph, 7));
    lazy_context *other = context_of(env->device, 7);
    lazy_graph *other_graph = NULL;
    lazy_module *fresh = settled_chain(env, other, &other_graph);
    expect_equal(net, fresh);
    lazy_graph_destroy(other_graph);
    lazy_module_release(fresh);
    lazy_context_close(other);
    lazy_graph_destroy(graph);
    lazy_module_release(net);
    lazy_context_close(context);
    if (status == LAZY_STATUS_OK && !failed) break;
    ASSERT_LT(n, 100u);
  }
}

TEST_ON_DRIVERS(sched_redraw, torch_streams_are_refused) {
  lazy_context_options options = {.struct_size = sizeof options};
  lazy_context *context = NULL;
  options.stream = LAZY_STREAM_TORCH_CPU;
  ASSERT_OK(lazy_context_open(env->device, &options, &context));
  lazy_graph *graph = NULL;
  lazy_module *net = settled_chain(env, context, &graph);
  EXPECT_FAILS(lazy_graph_reinitialize(graph, 1), LAZY_STATUS_UNSUPPORTED, "torch-cpu");
  lazy_graph_destroy(graph);
  lazy_module_release(net);
  lazy_context_close(context);
}

/* ---- the picture ---- */

/* Two towers of layers on one input, added up. */
static lazy_tensor towers_forward(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  lazy_tensor x = lazy_arg(recorder, args, 0);
  lazy_tensor left = lazy_call(recorder, lazy_module_child_at(self, 0), x);
  lazy_tensor right = lazy_call(recorder, lazy_module_child_at(self, 1), x);
  return lazy_add(recorder, lazy_relu(recorder, left), lazy_flatten(recorder, right, 0, 0));
}
static const lazy_class towers = {LAZY_CLASS("Towers"), .forward = towers_forward};

TEST_ON_DRIVERS(sched_redraw, a_plan_is_drawn_with_its_lanes_and_events) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *net = model_of(context, &towers);
  model_add(net, "left", model_chain(context, 3, WIDTH, 0));
  model_add(net, "right", model_chain(context, 2, WIDTH, 0));
  lazy_graph *graph = NULL;
  lazy_plan *plan = NULL;
  ASSERT_OK(lazy_graph_create(net, NULL, &graph));
  graph->planner.lane_bytes = 1;
  ASSERT_OK(lazy_graph_plan(graph, LAZY_ARGS(LAZY_INPUT(2, WIDTH)), &plan));
  const char *path = check_path(env, "plan.dot");
  FILE *file = fopen(path, "w+");
  ASSERT_TRUE(file != NULL);
  ASSERT_OK(lazy_plan_print_graphviz(plan, file));
  rewind(file);
  char text[8192];
  size_t count = fread(text, 1, sizeof text - 1, file);
  text[count] = '\0';
  fclose(file);
  EXPECT_CONTAINS(text, "digraph plan {");
  EXPECT_CONTAINS(text, "label=\"lane 1\"");
  EXPECT_CONTAINS(text, "linear\\nleft.0\\nf32[2, 6]");
  EXPECT_CONTAINS(text, "[style=dashed, color=\"#c0392b\"");
  EXPECT_CONTAINS(text, "i0 -> n0;");
  /* in each lane's box stands what the schedule runs there */
  const lazyi_plan *laid = plan->laid_out;
  for (size_t i = 0; i < laid->launch_count; i++)
    EXPECT_EQ(laid->launches[i].lane, laid->schedule.steps[i].lane);
  const char *other = strstr(text, "cluster_lane1");
  ASSERT_TRUE(other != NULL);
  EXPECT_TRUE(strstr(other, "left.0") == NULL && strstr(other, "right.0") != NULL &&
              strstr(other, "right.1") != NULL);
  EXPECT_EQ(text[count - 2], '}');
  const char *keep = getenv("LAZYRT_TEST_PICTURE");
  if (keep != NULL && (file = fopen(keep, "w")) != NULL) {
    EXPECT_OK(lazy_plan_print_graphviz(plan, file));
    fclose(file);
  }
  graph->planner.lane_bytes = 0;
  lazy_plan_release(plan);
  lazy_graph_destroy(graph);
  lazy_module_release(net);
  lazy_context_close(context);
}
