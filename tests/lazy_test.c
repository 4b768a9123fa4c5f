#include <lazyrt/lazyrt.h>
#include <string.h>

#include "runtime/module/module.h"
#include "tests/check.h"

static lazy_module *make(lazy_context *context, const lazy_class *type, const void *options) {
  lazy_module *module = NULL;
  return EXPECT_OK(lazy_module_create(context, type, options, &module)) ? module : NULL;
}

static lazy_module *make_linear(lazy_context *context, int64_t out_features) {
  lazy_linear_options options = LAZY_LINEAR_DEFAULTS;
  options.out_features = out_features;
  return make(context, &lazy_class_lazy_linear, &options);
}

/* The example of class.h. */
static lazy_status scale_infer(const lazy_infer *in, lazy_infer_result *out) {
  return lazy_infer_param(out, "weight", LAZY_DIMS(lazy_infer_dim(in, "input", -1)));
}
static lazy_tensor scale_forward(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  return lazy_mul(recorder, lazy_arg(recorder, args, 0), lazy_param_tensor(recorder, self, "weight"));
}
static const lazy_param_spec weight[] = {{.name = "weight", .init = {LAZY_INITIALIZER_CONSTANT, .a = 3.0}}};
static const lazy_class scale = {LAZY_CLASS("Scale"), .forward = scale_forward, .params = weight,
                                 .param_count = 1};
static const lazy_class lazy_scale = {LAZY_CLASS("LazyScale"), .becomes = &scale,        .is_lazy = true,
                                      .infer = scale_infer,    .forward = scale_forward, .params = weight,
                                      .param_count = 1};

static void expect_shape(lazy_module *module, const char *path, const lazy_shape *wanted) {
  lazy_param *param;
  lazy_shape shape;
  ASSERT_OK(lazy_module_find_param(module, path, &param));
  ASSERT_OK(lazy_param_shape(param, &shape));
  EXPECT_TRUE(lazyi_shape_equal(&shape, wanted));
}

/* test_linear's class and shapes; identity of the parameter survives. */
TEST_ON_DRIVERS(lazy, linear_becomes_linear) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_module *module = make_linear(context, 10);
  lazy_param *held = lazy_param_retain(lazy_module_param_at(module, 0));
  EXPECT_TRUE(lazy_module_has_uninitialized_params(module));
  ASSERT_OK(lazy_module_dry_run(module, LAZY_ARGS(LAZY_INPUT(5, 5)), NULL));
  EXPECT_EQ(lazy_module_class(module), &lazy_class_linear);
  EXPECT_FALSE(lazy_module_is_lazy(module));
  EXPECT_FALSE(module->pending);
  EXPECT_EQ(((lazy_linear_options *)lazy_module_self(module))->in_features, 5);
  expect_shape(module, "weight", &LAZY_DIMS(10, 5));
  expect_shape(module, "bias", &LAZY_DIMS(10));
  EXPECT_EQ(held, lazy_module_param_at(module, 0));
  EXPECT_EQ(lazy_param_get_state(held), LAZY_PARAM_STATE_REAL);
  lazy_param_release(held);
  lazy_module_release(module);
  lazy_context_close(context);
}

/* test_chained_initialization. */
TEST_ON_DRIVERS(lazy, a_chain_is_settled_in_one_run) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_module *net = make(context, &lazy_class_sequential, NULL);
  ASSERT_OK(lazy_module_give_child(net, "0", make_linear(context, 15)));
  ASSERT_OK(lazy_module_give_child(net, "1", make_linear(context, 10)));
  ASSERT_OK(lazy_module_dry_run(net, LAZY_ARGS(LAZY_INPUT(5, 10)), NULL));
  expect_shape(net, "0.weight", &LAZY_DIMS(15, 10));
  expect_shape(net, "0.bias", &LAZY_DIMS(15));
  expect_shape(net, "1.weight", &LAZY_DIMS(10, 15));
  expect_shape(net, "1.bias", &LAZY_DIMS(10));
  lazy_module_release(net);
  lazy_context_close(context);
}

TEST_ON_DRIVERS(lazy, a_class_of_the_users_infers_on_the_host) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_module *net = make(context, &lazy_class_sequential, NULL);
  ASSERT_OK(lazy_module_give_child(net, "fc", make_linear(context, 7)));
  ASSERT_OK(lazy_module_give_child(net, "scale", make(context, &lazy_scale, NULL)));
  ASSERT_OK(lazy_module_dry_run(net, LAZY_ARGS(LAZY_INPUT(2, 3)), NULL));
  EXPECT_EQ(lazy_module_class(lazy_module_child_at(net, 1)), &scale);
  expect_shape(net, "scale.weight", &LAZY_DIMS(7));
  lazy_param *param;
  lazy_array *array;
  float values[7];
  ASSERT_OK(lazy_module_find_param(net, "scale.weight", &param));
  ASSERT_OK(lazy_param_array(param, &array));
  ASSERT_OK(lazy_array_download(array, values, sizeof values));
  for (int i = 0; i < 7; i++) EXPECT_EQ(values[i], 3.0f);
  lazy_array_release(array);
  lazy_module_release(net);
  lazy_context_close(context);
}

/* All or nothing: what cannot fit leaves everything lazy, and a good input then settles it. */
TEST_ON_DRIVERS(lazy, a_failed_run_leaves_everything_lazy) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_module *net = make(context, &lazy_class_sequential, NULL);
  lazy_linear_options fixed = {4, 2, true, LAZY_DTYPE_DEFAULT};
  ASSERT_OK(lazy_module_give_child(net, "scale", make(context, &lazy_scale, NULL)));
  ASSERT_OK(lazy_module_give_child(net, "fc", make_linear(context, 5)));
  ASSERT_OK(lazy_module_give_child(net, "last", make(context, &lazy_class_linear, &fixed)));
  EXPECT_FAILS(lazy_module_dry_run(net, LAZY_ARGS(LAZY_INPUT(2, 3)), NULL), LAZY_STATUS_SHAPE, "last");
  EXPECT_EQ(lazy_module_class(lazy_module_child_at(net, 0)), &lazy_scale);
  EXPECT_EQ(lazy_module_class(lazy_module_child_at(net, 1)), &lazy_class_lazy_linear);
  EXPECT_EQ(((lazy_linear_options *)lazy_module_self(lazy_module_child_at(net, 1)))->in_features, 0);
  for (size_t i = 0; i < 2; i++) {
    const lazy_module *child = lazy_module_child_at(net, i);
    EXPECT_TRUE(lazy_module_is_lazy(child));
    EXPECT_FALSE(child->pending);
    EXPECT_EQ(lazy_param_get_state(lazy_module_param_at(child, 0)), LAZY_PARAM_STATE_UNSHAPED);
  }
  lazy_module_release(net);
  lazy_context_close(context);
}

static lazy_status wrong_name(const lazy_infer *in, lazy_infer_result *out) {
  (void)lazy_infer_dim(in, "inptu", 0);
  return lazy_infer_param(out, "weight", LAZY_DIMS(1));
}
static lazy_status wrong_dim(const lazy_infer *in, lazy_infer_result *out) {
  return lazy_infer_param(out, "weight", LAZY_DIMS(lazy_infer_dim(in, "input", 5)));
}
static lazy_status wrong_param(const lazy_infer *in, lazy_infer_result *out) {
  (void)lazy_infer_param(out, "wieght", lazy_infer_shape(in, "input")); /* sticks, though nobody looks */
  return LAZY_STATUS_OK;
}
static lazy_status negative(const lazy_infer *in, lazy_infer_result *out) {
  (void)in;
  return lazy_infer_param(out, "weight", LAZY_DIMS(-3));
}
static lazy_status nothing(const lazy_infer *in, lazy_infer_result *out) {
  (void)in, (void)out;
  return LAZY_STATUS_OK;
}
static lazy_status refuses(const lazy_infer *in, lazy_infer_result *out) {
  (void)in, (void)out;
  return lazy_status_fail(LAZY_STATUS_UNSUPPORTED, "not like this");
}
static lazy_tensor pass(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  (void)self;
  return lazy_arg(recorder, args, 0);
}

TEST_ON_DRIVERS(lazy, errors_of_infer_are_told_and_undone) {
  static const struct {
    lazy_status (*infer)(const lazy_infer *, lazy_infer_result *);
    lazy_status status;
    const char *words;
  } cases[] = {
      {wrong_name, LAZY_STATUS_NOT_FOUND, "inptu"},
      {wrong_dim, LAZY_STATUS_OUT_OF_RANGE, "dim 5"},
      {wrong_param, LAZY_STATUS_NOT_FOUND, "wieght"},
      {negative, LAZY_STATUS_INVALID_VALUE, "weight"},
      {refuses, LAZY_STATUS_UNSUPPORTED, "not like"},
      {nothing, LAZY_STATUS_INVALID_STATE, "not been fully initialized"},
  };
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    CHECK_CASE("case %zu", i);
    lazy_class type = lazy_scale;
    type.infer = cases[i].infer;
    type.forward = pass;
    lazy_module *module = make(context, &type, NULL);
    EXPECT_FAILS(lazy_module_dry_run(module, LAZY_ARGS(LAZY_INPUT(2, 3)), NULL), cases[i].status,
                 cases[i].words);
    EXPECT_TRUE(lazy_module_is_lazy(module));
    EXPECT_EQ(lazy_module_class(module), &type);
    EXPECT_TRUE(lazy_module_has_uninitialized_params(module));
    lazy_module_release(module);
  }
  lazy_context_close(context);
}

/* LazyBatchNorm with **dict input, and what cannot be bound. */
TEST_ON_DRIVERS(lazy, keywords_bind_before_inference) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_module *module = make(context, &lazy_scale, NULL);
  const lazy_keyword unknown = {"x", LAZY_INPUT(2, 3)}, input = {"input", LAZY_INPUT(2, 3)};
  EXPECT_FAILS(lazy_module_dry_run(module, &(lazy_args){NULL, 0, &unknown, 1}, NULL),
               LAZY_STATUS_INVALID_TYPE, "'x'");
  EXPECT_FAILS(lazy_module_dry_run(module, &(lazy_args){NULL, 0, NULL, 0}, NULL), LAZY_STATUS_INVALID_TYPE,
               "input");
  EXPECT_FAILS(lazy_module_dry_run(module, LAZY_ARGS(LAZY_INPUT(2), LAZY_INPUT(2)), NULL),
               LAZY_STATUS_INVALID_TYPE, "1 argument");
  EXPECT_FAILS(lazy_module_dry_run(module, LAZY_ARGS(lazy_value_int(3)), NULL), LAZY_STATUS_INVALID_TYPE,
               "input");
  EXPECT_TRUE(lazy_module_is_lazy(module));
  ASSERT_OK(lazy_module_dry_run(module, &(lazy_args){NULL, 0, &input, 1}, NULL));
  expect_shape(module, "weight", &LAZY_DIMS(3));
  lazy_module_release(module);
  lazy_context_close(context);
}

/* Spec section 6: a lazy weight in an ordinary Linear, and two lazy modules that share one; biases and all.
 */
TEST_ON_DRIVERS(lazy, tied_weights_are_settled_once) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_module *net = make(context, &lazy_class_sequential, NULL);
  lazy_module *a = make_linear(context, 4), *b = make_linear(context, 4);
  ASSERT_OK(lazy_module_set_param(b, "weight", lazy_module_param_at(a, 0)));
  ASSERT_OK(lazy_module_give_child(net, "a", a));
  ASSERT_OK(lazy_module_give_child(net, "b", b));
  ASSERT_OK(lazy_module_dry_run(net, LAZY_ARGS(LAZY_INPUT(1, 4)), NULL));
  EXPECT_EQ(lazy_module_param_at(a, 0), lazy_module_param_at(b, 0));
  EXPECT_EQ(((lazy_linear_options *)lazy_module_self(b))->in_features, 4);
  EXPECT_EQ(lazy_module_class(b), &lazy_class_linear);
  lazy_module_release(net);
  lazy_context_close(context);
}

/* Spec 3.5: the same module twice; a child that is not reached stays lazy and is reported. */
static lazy_tensor twice(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  lazy_module *child = lazy_module_child_at(self, 0);
  return lazy_call(recorder, child, lazy_call(recorder, child, lazy_arg(recorder, args, 0)));
}
static const lazy_class twice_class = {LAZY_CLASS("Twice"), .forward = twice};

TEST_ON_DRIVERS(lazy, unreached_children_are_reported) {
  lazy_context *context;
  lazy_report *report;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_module *net = make(context, &twice_class, NULL);
  ASSERT_OK(lazy_module_give_child(net, "used", make_linear(context, 6)));
  ASSERT_OK(lazy_module_give_child(net, "spare", make_linear(context, 2)));
  ASSERT_OK(lazy_module_report_lazy(net, &report));
  EXPECT_EQ(lazy_report_count(report), 4u);
  lazy_report_release(report);
  EXPECT_FAILS(lazy_module_replicate(net, 2), LAZY_STATUS_INVALID_STATE, "uninitialized parameters");
  EXPECT_STATUS(lazy_module_dry_run(net, LAZY_ARGS(LAZY_INPUT(1, 5)), NULL), LAZY_STATUS_SHAPE);
  ASSERT_OK(lazy_module_dry_run(net, LAZY_ARGS(LAZY_INPUT(1, 6)), NULL));
  ASSERT_OK(lazy_module_report_lazy(net, &report));
  ASSERT_EQ(lazy_report_count(report), 2u);
  EXPECT_EQ(lazy_report_finding(report, 0), LAZY_FINDING_LAZY);
  EXPECT_STREQ(lazy_report_path(report, 0), "spare.weight");
  EXPECT_STREQ(lazy_report_path(report, 1), "spare.bias");
  EXPECT_CONTAINS(lazy_report_detail(report, 0), "spare(input)");
  EXPECT_EQ(lazy_report_path(report, 2), NULL);
  lazy_report_release(report);
  EXPECT_FAILS(lazy_module_replicate(net, 2), LAZY_STATUS_INVALID_STATE, "spare");
  ASSERT_OK(lazy_module_dry_run(lazy_module_child_at(net, 1), LAZY_ARGS(LAZY_INPUT(1, 6)), NULL));
  EXPECT_STATUS(lazy_module_replicate(net, 2), LAZY_STATUS_UNSUPPORTED);
  EXPECT_OK(lazy_module_replicate(net, 1));
  lazy_module_release(net);
  lazy_context_close(context);
}

static lazy_tensor meddle(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  lazy_module *child = lazy_module_child_at(self, 0), *other = NULL;
  lazy_tensor result = lazy_call(recorder, child, lazy_arg(recorder, args, 0));
  EXPECT_STATUS(lazy_module_convert(child, LAZY_DTYPE_F64), LAZY_STATUS_BUSY);
  EXPECT_FAILS(lazy_module_set_param(child, "bias", NULL), LAZY_STATUS_BUSY, "first forward");
  EXPECT_OK(lazy_module_create(lazy_module_context(self), &lazy_class_sequential, NULL, &other));
  EXPECT_STATUS(lazy_module_add_child(other, "stolen", child), LAZY_STATUS_BUSY);
  lazy_module_release(other);
  lazy_state *state = NULL;
  EXPECT_OK(lazy_module_state(child, &state));
  EXPECT_STATUS(lazy_module_load_state(child, state, NULL, NULL), LAZY_STATUS_BUSY);
  lazy_state_release(state);
  return result;
}
static const lazy_class meddler = {LAZY_CLASS("Meddler"), .forward = meddle};

TEST_ON_DRIVERS(lazy, pending_modules_are_busy) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_module *net = make(context, &meddler, NULL);
  ASSERT_OK(lazy_module_give_child(net, "fc", make_linear(context, 2)));
  EXPECT_OK(lazy_module_dry_run(net, LAZY_ARGS(LAZY_INPUT(1, 5)), NULL));
  EXPECT_OK(lazy_module_convert(net, LAZY_DTYPE_F64)); /* and are free again */
  lazy_module_release(net);
  lazy_context_close(context);
}
