/* What user code may do while a call is recorded, and what comes of it. */
#include <stdlib.h>
#include <string.h>

#include "tests/model.h"

/* ---- retained tensors ---- */

static lazy_status keep_output(lazy_hook_event *event, void *user) {
  lazy_tensor_retain(event->recorder, event->output.as.tensor);
  *(lazy_tensor *)user = event->output.as.tensor;
  return LAZY_STATUS_OK;
}

TEST_ON_DRIVERS(graph_recording, a_retained_tensor_is_read_after_the_run) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *net = model_chain(context, 4, 6, 0);
  lazy_graph *graph = NULL;
  lazy_hook_id id;
  lazy_tensor middle = {0, 0};
  lazy_outputs outputs;
  double *x;
  ASSERT_OK(lazy_graph_create(net, NULL, &graph));
  ASSERT_OK(lazy_module_add_forward_hook(lazy_module_child_at(net, 0), keep_output, &middle, 0, &id));
  lazy_array *input = model_random_array(env, context, LAZY_DTYPE_F32, LAZY_DIMS(2, 6), &x);
  for (int run = 0; run < 2; run++) {
    ASSERT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(input)), &outputs));
    double *w = model_read_param(net, "0.weight"), *b = model_read_param(net, "0.bias");
    double *wanted = model_linear(x, 2, 6, w, 6, b), *found = model_read_output(graph, middle, NULL);
    model_near(found, wanted, 12, 1e-5, 1e-5);
    free(w), free(b), free(wanted), free(found);
  }
  lazy_module_remove_hook(lazy_module_child_at(net, 0), id);
  ASSERT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(input)), &outputs));
  float values[12];
  EXPECT_STATUS(lazy_graph_download(graph, middle, values, sizeof values), LAZY_STATUS_STALE);
  middle.recording = outputs.at[0].recording; /* this run's, but nobody kept it */
  EXPECT_STATUS(lazy_graph_download(graph, middle, values, sizeof values), LAZY_STATUS_INVALID_STATE);
  free(x);
  lazy_array_release(input);
  lazy_graph_destroy(graph);
  lazy_module_release(net);
  lazy_context_close(context);
}

/* ---- first forwards inside first forwards ---- */

typedef struct inner {
  lazy_module *same, *other;
  lazy_status same_status, other_status;
} inner;

static lazy_status run_inside(lazy_hook_event *event, void *user) {
  (void)event;
  inner *in = user;
  in->same_status = lazy_module_dry_run(in->same, LAZY_ARGS(LAZY_INPUT(1, 4)), NULL);
  in->other_status = lazy_module_dry_run(in->other, LAZY_ARGS(LAZY_INPUT(1, 3)), NULL);
  return LAZY_STATUS_OK;
}

TEST_ON_DRIVERS(graph_recording, a_first_forward_inside_another) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *net = model_chain(context, 2, 4, 0);
  inner in = {.same = lazy_module_child_at(net, 0), /* pending while the hook runs */
              .other = model_lazy_linear(context, 2, true, LAZY_DTYPE_DEFAULT)};
  lazy_hook_id id;
  ASSERT_OK(lazy_module_add_forward_pre_hook(lazy_module_child_at(net, 1), run_inside, &in, LAZY_HOOK_PREPEND,
                                             &id));
  EXPECT_OK(lazy_module_dry_run(net, LAZY_ARGS(LAZY_INPUT(1, 4)), NULL));
  EXPECT_EQ(in.same_status, LAZY_STATUS_BUSY);
  EXPECT_EQ(in.other_status, LAZY_STATUS_OK);
  EXPECT_FALSE(lazy_module_is_lazy(in.other));
  EXPECT_FALSE(lazy_module_is_lazy(in.same));
  EXPECT_FALSE(lazy_module_is_lazy(lazy_module_child_at(net, 1)));
  lazy_module_release(in.other);
  lazy_module_release(net);
  lazy_context_close(context);
}

/* ---- a model that grows ---- */

TEST_ON_DRIVERS(graph_recording, a_lazy_child_added_later_is_settled_by_the_next_forward) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *net = model_chain(context, 2, 4, 0);
  lazy_graph *graph = NULL;
  lazy_outputs outputs;
  ASSERT_OK(lazy_graph_create(net, NULL, &graph));
  lazy_array *input = model_random_array(env, context, LAZY_DTYPE_F32, LAZY_DIMS(2, 6), NULL);
  ASSERT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(input)), &outputs));
  double *before = model_read_param(net, "0.weight");
  model_add(net, "late", model_lazy_linear(context, 3, true, LAZY_DTYPE_DEFAULT));
  ASSERT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(input)), &outputs));
  EXPECT_FALSE(lazy_module_is_lazy(lazy_module_child_at(net, 2)));
  double *after = model_read_param(net, "0.weight");
  EXPECT_BYTES_EQ(after, before, 24 * sizeof *before); /* what was real stays */
  lazy_spec spec;
  ASSERT_OK(lazy_graph_output_spec(graph, outputs.at[0], &spec));
  EXPECT_DIMS(spec.shape.dims, spec.shape.rank, 2, 3);
  free(before), free(after);
  lazy_array_release(input);
  lazy_graph_destroy(graph);
  lazy_module_release(net);
  lazy_context_close(context);
}

/* ---- what a forward must not return ---- */

static lazy_tensor kept_from_before;
static lazy_tensor return_an_old_one(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  (void)self;
  lazy_tensor input = lazy_arg(recorder, args, 0), old = kept_from_before;
  kept_from_before = input;
  return lazy_tensor_is_poisoned(old) ? input : lazy_relu(recorder, old);
}
static const lazy_class hoarder = {LAZY_CLASS("Hoarder"), .forward = return_an_old_one};

TEST_ON_DRIVERS(graph_recording, a_tensor_of_an_earlier_recording_is_refused) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *net = model_of(context, &lazy_class_sequential);
  model_add(net, "hoarder", model_of(context, &hoarder));
  lazy_graph *graph = NULL;
  kept_from_before = (lazy_tensor){0, 0};
  ASSERT_OK(lazy_graph_create(net, NULL, &graph));
  EXPECT_OK(lazy_graph_dry_run(graph, LAZY_ARGS(LAZY_INPUT(1, 4))));
  EXPECT_FAILS(lazy_graph_dry_run(graph, LAZY_ARGS(LAZY_INPUT(1, 4))), LAZY_STATUS_STALE,
               "hoarder: relu: input");
  lazy_graph_destroy(graph);
  lazy_module_release(net);
  lazy_context_close(context);
}

/* ---- arrays of another context ---- */

TEST_ON_DRIVERS(graph_recording, an_array_of_another_context_is_named) {
  lazy_context *context = model_context(env, env->device), *other = model_context(env, env->device);
  lazy_module *net = model_chain(context, 1, 4, 0);
  lazy_graph *graph = NULL;
  ASSERT_OK(lazy_graph_create(net, NULL, &graph));
  lazy_array *foreign = model_random_array(env, other, LAZY_DTYPE_F32, LAZY_DIMS(2, 6), NULL);
  EXPECT_FAILS(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(foreign)), NULL),
               LAZY_STATUS_INVALID_VALUE,
               env->is_ptx ? "argument 0: an array of cuda:0" : "argument 0: an array of host");
  EXPECT_TRUE(lazy_module_is_lazy(lazy_module_child_at(net, 0)));
  lazy_array_release(foreign);
  lazy_graph_destroy(graph);
  lazy_module_release(net);
  lazy_context_close(context);
  lazy_context_close(other);
}
