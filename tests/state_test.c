#include <lazyrt/lazyrt.h>
#include <string.h>

#include "runtime/module/module.h"
#include "runtime/module/state.h"
#include "tests/check.h"

static lazy_module *make(lazy_context *context, const lazy_class *type, int64_t in, int64_t out, bool bias) {
  lazy_linear_options options = {in, out, bias, LAZY_DTYPE_DEFAULT};
  lazy_module *module = NULL;
  return EXPECT_OK(lazy_module_create(context, type, type->self_bytes > 0 ? &options : NULL, &module))
             ? module
             : NULL;
}

/* A state whose entries are host memory, as a checkpoint file's are. */
static lazy_status add_values(lazy_state *state, const char *key, lazy_dtype dtype, lazy_shape shape,
                              const void *values) {
  return lazyi_state_add_bytes(state, key, dtype, &shape, values);
}

static void read_param(lazy_module *module, const char *path, void *out_values, size_t bytes) {
  lazy_param *param;
  lazy_array *array;
  ASSERT_OK(lazy_module_find_param(module, path, &param));
  ASSERT_OK(lazy_param_array(param, &array));
  EXPECT_OK(lazy_array_download(array, out_values, bytes));
  lazy_array_release(array);
}

/* Spec 4.1. */
TEST_ON_DRIVERS(state, keys_are_parameters_then_buffers_then_children) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_module *net = make(context, &lazy_class_sequential, 0, 0, false);
  lazy_param_options buffer = {.struct_size = sizeof buffer, .is_buffer = true}, hidden = buffer;
  hidden.not_persistent = true;
  lazy_param *mean, *scratch, *gain;
  ASSERT_OK(lazy_param_create(context, &buffer, &mean));
  ASSERT_OK(lazy_param_create(context, &hidden, &scratch));
  ASSERT_OK(lazy_param_create(context, NULL, &gain));
  ASSERT_OK(lazy_module_set_param(net, "mean", mean));
  ASSERT_OK(lazy_module_set_param(net, "scratch", scratch));
  ASSERT_OK(lazy_module_set_param(net, "gain", gain));
  lazy_module *fc = make(context, &lazy_class_lazy_linear, 0, 3, true);
  ASSERT_OK(lazy_module_add_child(net, "fc", fc));
  ASSERT_OK(lazy_module_give_child(net, "nobias", make(context, &lazy_class_linear, 2, 3, false)));
  ASSERT_OK(lazy_module_give_child(net, "again", fc));
  lazy_state *state;
  ASSERT_OK(lazy_module_state(net, &state));
  static const char *const keys[] = {"gain",          "mean",         "fc.weight", "fc.bias",
                                     "nobias.weight", "again.weight", "again.bias"};
  ASSERT_EQ(lazy_state_count(state), 7u);
  for (size_t i = 0; i < 7; i++) EXPECT_STREQ(lazy_state_key(state, i), keys[i]);
  EXPECT_EQ(lazy_state_find(state, "again.bias"), 6u);
  EXPECT_EQ(lazy_state_find(state, "scratch"), SIZE_MAX);
  EXPECT_EQ(lazy_state_key(state, 7), NULL);
  lazy_spec spec;
  EXPECT_FALSE(lazy_state_spec(state, 2, &spec));
  EXPECT_FALSE(lazy_state_spec(state, 70, &spec));
  ASSERT_TRUE(lazy_state_spec(state, 4, &spec));
  EXPECT_DIMS(spec.shape.dims, spec.shape.rank, 3, 2);
  float bytes[6];
  EXPECT_FAILS(lazy_state_read(state, 2, bytes, 4), LAZY_STATUS_UNINITIALIZED, "fc.weight");
  EXPECT_STATUS(lazy_state_read(state, 7, bytes, 4), LAZY_STATUS_OUT_OF_RANGE);
  /* entries are the parameters themselves: they become real in the dict too */
  ASSERT_OK(lazy_module_dry_run(fc, LAZY_ARGS(LAZY_INPUT(1, 2)), NULL));
  ASSERT_TRUE(lazy_state_spec(state, 2, &spec));
  EXPECT_DIMS(spec.shape.dims, spec.shape.rank, 3, 2);
  EXPECT_OK(lazy_state_read(state, 2, bytes, sizeof bytes));
  EXPECT_STATUS(lazy_state_read(state, 2, bytes, 4), LAZY_STATUS_INVALID_VALUE);
  lazy_param_release(mean);
  lazy_param_release(scratch);
  lazy_param_release(gain);
  lazy_module_release(net);
  lazy_state_release(state);
  lazy_context_close(context);
}

/* test_linear_state: G3's class swap in the load. */
TEST_ON_DRIVERS(state, loading_settles_a_lazy_linear) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_module *eager = make(context, &lazy_class_linear, 5, 10, true);
  lazy_module *lazy = make(context, &lazy_class_lazy_linear, 0, 10, true);
  lazy_param *held = lazy_param_retain(lazy_module_param_at(lazy, 0));
  lazy_state *state, *lazy_state_dict;
  ASSERT_OK(lazy_module_state(lazy, &lazy_state_dict));
  EXPECT_FAILS(lazy_module_load_state(eager, lazy_state_dict, NULL, NULL), LAZY_STATUS_INVALID_STATE,
               "shape of an uninitialized");
  EXPECT_OK(lazy_module_load_state(lazy, lazy_state_dict, NULL, NULL)); /* lazy into lazy */
  EXPECT_TRUE(lazy_module_has_uninitialized_params(lazy));
  lazy_state_release(lazy_state_dict);
  ASSERT_OK(lazy_module_state(eager, &state));
  ASSERT_OK(lazy_module_load_state(lazy, state, NULL, NULL));
  EXPECT_EQ(lazy_module_class(lazy), &lazy_class_linear);
  EXPECT_FALSE(lazy_module_is_lazy(lazy));
  EXPECT_FALSE(lazy->pending);
  EXPECT_EQ(((lazy_linear_options *)lazy_module_self(lazy))->in_features, 5);
  EXPECT_EQ(held, lazy_module_param_at(lazy, 0));
  EXPECT_FALSE(held->pending);
  float wanted[50], found[50];
  read_param(eager, "weight", wanted, sizeof wanted);
  read_param(lazy, "weight", found, sizeof found);
  EXPECT_F32_BITS_EQ(found, wanted, 50);
  ASSERT_OK(lazy_module_dry_run(lazy, LAZY_ARGS(LAZY_INPUT(5, 5)), NULL)); /* draws nothing */
  read_param(lazy, "weight", found, sizeof found);
  EXPECT_F32_BITS_EQ(found, wanted, 50);
  lazy_param_release(held);
  lazy_state_release(state);
  lazy_module_release(eager);
  lazy_module_release(lazy);
  lazy_context_close(context);
}

/* Section 10, 2 and 6: every mismatch at once, sizes the user gave among them; nothing changes. */
TEST_ON_DRIVERS(state, every_mismatch_is_told_and_nothing_changes) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_module *net = make(context, &lazy_class_sequential, 0, 0, false);
  ASSERT_OK(lazy_module_give_child(net, "a", make(context, &lazy_class_lazy_linear, 0, 4, true)));
  ASSERT_OK(lazy_module_give_child(net, "b", make(context, &lazy_class_lazy_linear, 0, 2, true)));
  ASSERT_OK(lazy_module_give_child(net, "c", make(context, &lazy_class_linear, 3, 2, false)));
  float before[6], after[6], zeros[64] = {0};
  read_param(net, "c.weight", before, sizeof before);
  lazy_state *state;
  ASSERT_OK(lazyi_state_create(&state));
  ASSERT_OK(add_values(state, "a.weight", LAZY_DTYPE_F32, LAZY_DIMS(7, 5), zeros)); /* 4 features, not 7 */
  ASSERT_OK(add_values(state, "a.bias", LAZY_DTYPE_F32, LAZY_DIMS(4), zeros));
  ASSERT_OK(add_values(state, "b.weight", LAZY_DTYPE_F32, LAZY_DIMS(2, 3, 1), zeros)); /* rank */
  ASSERT_OK(add_values(state, "c.weight", LAZY_DTYPE_F32, LAZY_DIMS(3, 2), zeros));
  ASSERT_OK(add_values(state, "d.weight", LAZY_DTYPE_F32, LAZY_DIMS(1), zeros));
  ASSERT_OK(add_values(state, "c.bias", LAZY_DTYPE_F32, LAZY_DIMS(2), zeros)); /* registered as none */
  lazy_report *report = NULL;
  EXPECT_FAILS(
      lazy_module_load_state(net, state, NULL, &report), LAZY_STATUS_LOAD,
      "Error(s) in loading state_dict for Sequential:\n\tMissing key(s) in state_dict: \"b.bias\".\n\t"
      "Unexpected key(s) in state_dict: \"d.weight\", \"c.bias\".\n\tsize mismatch for c.weight");
  EXPECT_EQ(report, NULL);
  const char *message = lazy_status_message();
  EXPECT_CONTAINS(
      message,
      "size mismatch for a.weight: copying a param with shape [7, 5] from checkpoint, the shape in "
      "current model is [4, any].");
  EXPECT_CONTAINS(
      message,
      "size mismatch for b.weight: copying a param with shape [2, 3, 1] from checkpoint, the shape "
      "in current model is [2, any].");
  EXPECT_CONTAINS(message, "shape [3, 2] from checkpoint, the shape in current model is [2, 3].");
  for (int i = 0; i < 2; i++) {
    lazy_module *child = lazy_module_child_at(net, (size_t)i);
    EXPECT_EQ(lazy_module_class(child), &lazy_class_lazy_linear);
    EXPECT_EQ(lazy_param_get_state(lazy_module_param_at(child, 0)), LAZY_PARAM_STATE_UNSHAPED);
    EXPECT_EQ(lazy_param_get_state(lazy_module_param_at(child, 1)), LAZY_PARAM_STATE_UNSHAPED);
  }
  read_param(net, "c.weight", after, sizeof after);
  EXPECT_F32_BITS_EQ(after, before, 6);
  EXPECT_STATUS(lazy_module_dry_run(net, LAZY_ARGS(LAZY_INPUT(1, 3)), NULL), LAZY_STATUS_SHAPE);
  lazy_state_release(state);
  lazy_module_release(net);
  lazy_context_close(context);
}

/* 4.3, weight only, not strict: what was given is kept, the rest is drawn by the next forward. */
TEST_ON_DRIVERS(state, a_partial_load_leaves_the_rest_lazy) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_module *module = make(context, &lazy_class_lazy_linear, 0, 2, true);
  float weight[6], found[6], bias[2] = {7, 7};
  for (int i = 0; i < 6; i++) weight[i] = (float)check_random_unit(env);
  lazy_state *state;
  ASSERT_OK(lazyi_state_create(&state));
  ASSERT_OK(add_values(state, "net.weight", LAZY_DTYPE_F32, LAZY_DIMS(2, 3), weight));
  ASSERT_OK(
      add_values(state, "elsewhere", LAZY_DTYPE_F32, LAZY_DIMS(2, 3), weight)); /* not under the prefix */
  lazy_load_options options = {.struct_size = sizeof options, .prefix = "net."};
  lazy_report *report;
  EXPECT_FAILS(lazy_module_load_state(module, state, &options, NULL), LAZY_STATUS_LOAD, "\"net.bias\"");
  EXPECT_EQ(lazy_param_get_state(lazy_module_param_at(module, 0)), LAZY_PARAM_STATE_UNSHAPED);
  options.not_strict = true;
  ASSERT_OK(lazy_module_load_state(module, state, &options, &report));
  ASSERT_EQ(lazy_report_count(report), 2u);
  EXPECT_EQ(lazy_report_finding(report, 0), LAZY_FINDING_LOADED);
  EXPECT_STREQ(lazy_report_path(report, 1), "net.bias");
  EXPECT_EQ(lazy_report_finding(report, 1), LAZY_FINDING_MISSING);
  lazy_report_release(report);
  EXPECT_TRUE(lazy_module_is_lazy(module));
  EXPECT_TRUE(lazy_module_has_uninitialized_params(module));
  EXPECT_STATUS(lazy_module_dry_run(module, LAZY_ARGS(LAZY_INPUT(1, 9)), NULL), LAZY_STATUS_SHAPE);
  ASSERT_OK(lazy_module_dry_run(module, LAZY_ARGS(LAZY_INPUT(1, 3)), NULL));
  EXPECT_EQ(lazy_module_class(module), &lazy_class_linear);
  read_param(module, "weight", found, sizeof found);
  EXPECT_F32_BITS_EQ(found, weight, 6);
  read_param(module, "bias", bias, sizeof bias);
  EXPECT_LE(bias[0], 0.57735f);
  EXPECT_GE(bias[0], -0.57735f);
  EXPECT_NE(bias[0], bias[1]);
  lazy_state_release(state);
  lazy_module_release(module);
  lazy_context_close(context);
}

/* The module's dtype wins, nearest even. */
TEST_ON_DRIVERS(state, values_take_the_modules_dtype) {
  lazy_context *context;
  lazy_context_options options = {.struct_size = sizeof options, .default_dtype = LAZY_DTYPE_BF16};
  ASSERT_OK(lazy_context_open(env->device, &options, &context));
  lazy_module *module = make(context, &lazy_class_lazy_linear, 0, 1, true);
  const float weight[3] = {1.0f + 1.0f / 256, 1.0f + 3.0f / 256,
                           -2.5f}; /* the first two lie between neighbours */
  const double bias[1] = {0.1};
  lazy_state *state;
  ASSERT_OK(lazyi_state_create(&state));
  ASSERT_OK(add_values(state, "weight", LAZY_DTYPE_F32, LAZY_DIMS(1, 3), weight));
  ASSERT_OK(add_values(state, "bias", LAZY_DTYPE_F64, LAZY_DIMS(1), bias));
  ASSERT_OK(lazy_module_load_state(module, state, NULL, NULL));
  uint16_t found[3], found_bias;
  read_param(module, "weight", found, sizeof found);
  read_param(module, "bias", &found_bias, sizeof found_bias);
  EXPECT_EQ(found[0], 0x3f80);
  EXPECT_EQ(found[1], 0x3f82);
  EXPECT_EQ(found[2], 0xc020);
  EXPECT_EQ(found_bias, 0x3dcd);
  lazy_state_release(state);
  lazy_module_release(module);
  lazy_context_close(context);
}

/* A scalar takes element 0 of a vector, as PyTorch's _load_from_state_dict does. */
TEST_ON_DRIVERS(state, a_scalar_takes_the_first_of_a_vector) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_module *module = make(context, &lazy_class_identity, 0, 0, false);
  const lazy_shape scalar = {0};
  lazy_param_options options = {
      .struct_size = sizeof options, .is_buffer = true, .dtype = LAZY_DTYPE_I64, .shape = &scalar};
  lazy_param *param;
  ASSERT_OK(lazy_param_create(context, &options, &param));
  ASSERT_OK(lazy_module_set_param(module, "count", param));
  lazy_param_release(param);
  const int64_t values[2] = {41, 42};
  int64_t found = 0;
  lazy_state *state;
  ASSERT_OK(lazyi_state_create(&state));
  ASSERT_OK(add_values(state, "count", LAZY_DTYPE_I64, LAZY_DIMS(2), values));
  ASSERT_OK(lazy_module_load_state(module, state, NULL, NULL));
  read_param(module, "count", &found, sizeof found);
  EXPECT_EQ(found, 41);
  lazy_state_release(state);
  lazy_module_release(module);
  lazy_context_close(context);
}

/* Spec 3.5: a shared module has keys under every path; the last one wins. */
TEST_ON_DRIVERS(state, the_last_key_of_a_tied_parameter_wins) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_module *net = make(context, &lazy_class_sequential, 0, 0, false);
  lazy_module *shared = make(context, &lazy_class_lazy_linear, 0, 1, false);
  ASSERT_OK(lazy_module_add_child(net, "a", shared));
  ASSERT_OK(lazy_module_give_child(net, "b", shared));
  const float first[2] = {1, 2}, second[2] = {3, 4};
  float found[2];
  lazy_state *state;
  lazy_report *report;
  ASSERT_OK(lazyi_state_create(&state));
  ASSERT_OK(add_values(state, "a.weight", LAZY_DTYPE_F32, LAZY_DIMS(1, 2), first));
  ASSERT_OK(add_values(state, "b.weight", LAZY_DTYPE_F32, LAZY_DIMS(1, 2), second));
  ASSERT_OK(lazy_module_load_state(net, state, NULL, &report));
  EXPECT_EQ(lazy_report_finding(report, 1), LAZY_FINDING_TIED);
  EXPECT_STREQ(lazy_report_detail(report, 1), "a.weight");
  lazy_report_release(report);
  read_param(net, "a.weight", found, sizeof found);
  EXPECT_F32_BITS_EQ(found, second, 2);
  EXPECT_EQ(lazy_module_class(lazy_module_child_at(net, 0)), &lazy_class_linear);
  lazy_state_release(state);
  ASSERT_OK(lazyi_state_create(&state));
  EXPECT_OK(add_values(state, "a.weight", LAZY_DTYPE_F32, LAZY_DIMS(1, 2), first));
  EXPECT_STATUS(add_values(state, "a.weight", LAZY_DTYPE_F32, LAZY_DIMS(1, 2), first),
                LAZY_STATUS_INVALID_VALUE);
  lazy_state_release(state);
  lazy_module_release(net);
  lazy_context_close(context);
}

/* ---- load hooks ---- */

static lazy_status rename_old(lazy_load_event *event, void *user) {
  char from[64] = "", to[64] = "";
  (void)user;
  EXPECT_TRUE(event->strict);
  strcat(strcat(from, event->prefix), "gamma");
  strcat(strcat(to, event->prefix), "weight");
  EXPECT_STATUS(lazy_load_rename_key(event, "nobody", to), LAZY_STATUS_NOT_FOUND);
  return lazy_load_rename_key(event, from, to);
}

static lazy_status forgive_all(lazy_load_event *event, void *user) {
  (*(int *)user)++;
  lazy_load_forgive_key(event, "fc.bias");
  lazy_load_forgive_key(event, "extra");
  return LAZY_STATUS_OK;
}

static lazy_status refuse(lazy_load_event *event, void *user) {
  (void)user;
  /* by now the values are there */
  EXPECT_EQ(lazy_param_get_state(lazy_module_param_at(lazy_module_child_at(event->module, 0), 0)),
            LAZY_PARAM_STATE_REAL);
  return lazy_status_fail(LAZY_STATUS_ASSERTION, "not today");
}

TEST_ON_DRIVERS(state, load_hooks_rename_forgive_and_refuse) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_module *net = make(context, &lazy_class_sequential, 0, 0, false),
              *fc = make(context, &lazy_class_lazy_linear, 0, 1, true);
  ASSERT_OK(lazy_module_give_child(net, "fc", fc));
  const float values[3] = {1, 2, 3};
  float found[3];
  int forgiven = 0;
  lazy_hook_id id, refusal;
  lazy_state *state;
  ASSERT_OK(lazyi_state_create(&state));
  ASSERT_OK(add_values(state, "fc.gamma", LAZY_DTYPE_F32, LAZY_DIMS(1, 3), values));
  ASSERT_OK(add_values(state, "extra", LAZY_DTYPE_F32, LAZY_DIMS(3), values));
  ASSERT_OK(lazy_module_add_load_pre_hook(fc, rename_old, NULL, &id));
  EXPECT_STATUS(lazy_module_load_state(net, state, NULL, NULL), LAZY_STATUS_LOAD);
  ASSERT_OK(lazy_module_add_load_post_hook(net, refuse, NULL, &refusal));
  EXPECT_FAILS(lazy_module_load_state(net, state, NULL, NULL), LAZY_STATUS_ASSERTION, "not today");
  EXPECT_TRUE(lazy_module_has_uninitialized_params(fc));
  EXPECT_EQ(lazy_param_get_state(lazy_module_param_at(fc, 0)), LAZY_PARAM_STATE_UNSHAPED);
  lazy_module_remove_hook(net, refusal);
  ASSERT_OK(lazy_module_add_load_post_hook(net, forgive_all, &forgiven, NULL));
  ASSERT_OK(lazy_module_load_state(net, state, NULL, NULL));
  EXPECT_EQ(forgiven, 1);
  read_param(net, "fc.weight", found, sizeof found);
  EXPECT_F32_BITS_EQ(found, values, 3);
  EXPECT_EQ(lazy_state_find(state, "fc.gamma"), 0u); /* the caller's state is as it was */
  lazy_module_remove_hook(fc, id);
  lazy_state_release(state);
  lazy_module_release(net);
  lazy_context_close(context);
}

/* A load that fails at any allocation of host memory changes nothing; the first that goes through is whole.
 */
TEST_ON_DRIVERS(state, loading_survives_every_failing_allocation) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_module *net = make(context, &lazy_class_sequential, 0, 0, false);
  lazy_module *a = make(context, &lazy_class_lazy_linear, 0, 2, true),
              *b = make(context, &lazy_class_linear, 2, 1, false);
  ASSERT_OK(lazy_module_give_child(net, "a", a));
  ASSERT_OK(lazy_module_give_child(net, "b", b));
  float before[2], found[2], values[4] = {5, 6, 7, 8};
  read_param(net, "b.weight", before, sizeof before);
  lazy_state *state;
  ASSERT_OK(lazyi_state_create(&state));
  ASSERT_OK(add_values(state, "a.weight", LAZY_DTYPE_F32, LAZY_DIMS(2, 2), values));
  ASSERT_OK(add_values(state, "a.bias", LAZY_DTYPE_F32, LAZY_DIMS(2), values));
  ASSERT_OK(add_values(state, "b.weight", LAZY_DTYPE_F32, LAZY_DIMS(1, 2), values));
  int failures = 0;
  for (uint64_t n = 1; n < 200; n++) {
    lazyi_memory_fail_at(n);
    lazy_status status = lazy_module_load_state(net, state, NULL, NULL);
    lazyi_memory_fail_at(0);
    read_param(net, "b.weight", found, sizeof found);
    if (status == LAZY_STATUS_OK) break;
    failures++;
    EXPECT_EQ(status, LAZY_STATUS_OUT_OF_MEMORY);
    EXPECT_F32_BITS_EQ(found, before, 2);
    EXPECT_EQ(lazy_module_class(a), &lazy_class_lazy_linear);
    EXPECT_EQ(lazy_param_get_state(lazy_module_param_at(a, 0)), LAZY_PARAM_STATE_UNSHAPED);
    EXPECT_EQ(lazy_module_param_at(a, 0)->mark, 0u);
    EXPECT_FALSE(a->pending);
  }
  EXPECT_GE(failures, 10);
  EXPECT_F32_BITS_EQ(found, values, 2);
  EXPECT_EQ(lazy_module_class(a), &lazy_class_linear);
  lazy_state_release(state);
  lazy_module_release(net);
  lazy_context_close(context);
}
