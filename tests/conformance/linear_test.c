/* Rows of 7.2, 7.3, 7.7 and the norms of weights of 7.8. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/conform.h"

static bool has_nonzero(const double *values, size_t count) {
  for (size_t i = 0; values != NULL && i < count; i++)
    if (values[i] != 0) return true;
  return false;
}

TEST_ON_DRIVERS(conformance, test_linear) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *module = conform_make(context, "LazyLinear(10)");
  lazy_array *input = conform_ones(context, LAZY_DIMS(5, 5));
  lazy_shape shape = {0}, again_shape = {0};
  ASSERT_NE(module, NULL);
  conform_is_lazy(module, "weight");
  conform_is_lazy(module, "bias");
  double *first = conform_run(module, NULL, input, &shape);
  conform_is(module, "Linear");
  EXPECT_SIZES(module, "weight", 10, 5);
  EXPECT_SIZES(module, "bias", 10);
  double *weight = model_read_param(module, "weight"), *bias = model_read_param(module, "bias");
  EXPECT_TRUE(has_nonzero(weight, 50));
  EXPECT_TRUE(has_nonzero(bias, 10));
  EXPECT_TRUE(has_nonzero(first, 50));
  double *second = conform_run(module, NULL, input, &again_shape);
  conform_same(second, again_shape, first, shape);
  double ones[25];
  for (int i = 0; i < 25; i++) ones[i] = 1;
  double *wanted = model_linear(ones, 5, 5, weight, 10, bias);
  model_near(second, wanted, 50, model_tolerance(LAZY_DTYPE_F32, 6), model_tolerance(LAZY_DTYPE_F32, 6));
  free(wanted);
  free(second);
  free(bias);
  free(weight);
  free(first);
  lazy_array_release(input);
  lazy_module_release(module);
  lazy_context_close(context);
}

TEST_ON_DRIVERS(conformance, test_lazy_linear_pickle) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *module = conform_make(context, "LazyLinear(10)");
  lazy_array *input = conform_ones(context, LAZY_DIMS(5, 5));
  lazy_shape shape = {0}, again_shape = {0};
  ASSERT_TRUE(conform_round_trip(env, &module));
  EXPECT_STREQ(lazy_module_class(module)->name, "LazyLinear");
  EXPECT_TRUE(lazy_module_is_lazy(module));
  conform_is_lazy(module, "weight");
  conform_is_lazy(module, "bias");
  double *first = conform_run(module, NULL, input, &shape);
  ASSERT_TRUE(conform_round_trip(env, &module));
  conform_is(module, "Linear");
  EXPECT_SIZES(module, "weight", 10, 5);
  EXPECT_SIZES(module, "bias", 10);
  double *second = conform_run(module, NULL, input, &again_shape);
  conform_same(second, again_shape, first, shape);
  free(first);
  free(second);
  lazy_array_release(input);
  lazy_module_release(module);
  lazy_context_close(context);
}

static lazy_module *loaded(lazy_context *context) {
  lazy_module *module = conform_make(context, "LazyLinear(10)"),
              *lazy = conform_make(context, "LazyLinear(10)"),
              *eager = conform_make(context, "Linear(5, 10)");
  EXPECT_OK(conform_load(module, eager));
  conform_is(module, "Linear");
  EXPECT_EQ(conform_option(module, "in_features"), 5);
  EXPECT_SIZES(module, "weight", 10, 5);
  EXPECT_SIZES(module, "bias", 10);
  conform_same_params(module, eager);
  EXPECT_FAILS(conform_load(eager, lazy), LAZY_STATUS_INVALID_STATE, "shape of an uninitialized");
  lazy_module_release(lazy);
  lazy_module_release(eager);
  return module;
}

TEST_ON_DRIVERS(conformance, test_linear_state) {
  lazy_context *context = model_context(env, env->device);
  lazy_module_release(loaded(context));
  lazy_context_close(context);
}

TEST_ON_DRIVERS(conformance, test_lazy_linear_state_and_forward) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *module = loaded(context);
  double *x = NULL;
  lazy_array *input = model_random_array(env, context, LAZY_DTYPE_F32, LAZY_DIMS(5, 5), &x);
  double *weight = model_read_param(module, "weight"), *bias = model_read_param(module, "bias");
  double *wanted = model_linear(x, 5, 5, weight, 10, bias);
  lazy_shape shape = {0};
  double *found = conform_run(module, NULL, input, &shape);
  EXPECT_DIMS(shape.dims, shape.rank, 5, 10);
  model_near(found, wanted, 50, model_tolerance(LAZY_DTYPE_F32, 6), model_tolerance(LAZY_DTYPE_F32, 6));
  conform_is(module, "Linear");
  EXPECT_EQ(conform_option(module, "in_features"), 5);
  free(x);
  free(weight);
  free(bias);
  free(wanted);
  free(found);
  lazy_array_release(input);
  lazy_module_release(module);
  lazy_context_close(context);
}

/* ---- hooks ---- */

static lazy_tensor plus_one(lazy_hook_event *event, lazy_tensor tensor) {
  return lazy_add(event->recorder, tensor, lazy_param_tensor(event->recorder, event->module, "one"));
}
static lazy_status before(lazy_hook_event *event, void *user) {
  (void)user;
  const lazy_value input = lazy_value_tensor(plus_one(event, lazy_arg(event->recorder, event->args, 0)));
  return lazy_hook_set_args(event, &(lazy_args){&input, 1, NULL, 0});
}
static lazy_status after(lazy_hook_event *event, void *user) {
  (void)user;
  return lazy_hook_set_output(event, lazy_value_tensor(plus_one(event, event->output.as.tensor)));
}

static void hooked(check_env *env, bool pre) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *module = model_of(context, &conform_bare);
  lazy_array *input = conform_ones(context, LAZY_DIMS(2, 2));
  const lazy_shape one = LAZY_DIMS(1);
  lazy_hook_id id;
  lazy_shape shape = {0};
  conform_put(module, "one", true, &one);
  EXPECT_OK(lazy_array_fill(input, 0));
  EXPECT_OK(pre ? lazy_module_add_forward_pre_hook(module, before, NULL, 0, &id)
                : lazy_module_add_forward_hook(module, after, NULL, 0, &id));
  double *found = conform_run(module, NULL, input, &shape);
  EXPECT_DIMS(shape.dims, shape.rank, 2, 2);
  for (int i = 0; found != NULL && i < 4; i++) EXPECT_EQ(found[i], 1.0);
  EXPECT_FALSE(lazy_module_is_lazy(module));
  free(found);
  lazy_array_release(input);
  lazy_module_release(module);
  lazy_context_close(context);
}

TEST_ON_DRIVERS(conformance, test_lazy_pre_forward_hook) { hooked(env, true); }
TEST_ON_DRIVERS(conformance, test_lazy_forward_hook) { hooked(env, false); }

/* ---- composition ---- */

TEST_ON_DRIVERS(conformance, test_chained_initialization) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *net =
      conform_make(context, "MyNetwork(\n  (linear_1): LazyLinear(15)\n  (linear_2): LazyLinear(10)\n)");
  lazy_array *input = conform_ones(context, LAZY_DIMS(5, 10));
  lazy_shape shape = {0};
  EXPECT_TRUE(lazy_module_is_lazy(lazy_module_child_at(net, 0)));
  EXPECT_TRUE(lazy_module_is_lazy(lazy_module_child_at(net, 1)));
  free(conform_run(net, NULL, input, &shape));
  EXPECT_SIZES(net, "linear_1.weight", 15, 10);
  EXPECT_SIZES(net, "linear_1.bias", 15);
  EXPECT_SIZES(net, "linear_2.weight", 10, 15);
  EXPECT_SIZES(net, "linear_2.bias", 10);
  lazy_array_release(input);
  lazy_module_release(net);
  lazy_context_close(context);
}

/* An optimizer as far as a parameter sees one: it holds the object from before it has a shape, and a step
   reads and writes its values. Adagrad wants a state of its size at once. */
static lazy_status optimizer_create(bool wants_state, lazy_param *param, lazy_param **out_group) {
  if (wants_state) {
    lazy_array *state;
    LAZY_TRY(lazy_param_array(param, &state));
    lazy_array_release(state);
  }
  *out_group = lazy_param_retain(param);
  return LAZY_STATUS_OK;
}
static lazy_status optimizer_step(lazy_param *group, double rate, const float *gradient, float *out_values) {
  lazy_array *array;
  LAZY_TRY(lazy_param_array(group, &array));
  lazy_status status = lazy_array_download(array, out_values, 10 * sizeof *out_values);
  for (int i = 0; i < 10; i++) out_values[i] -= (float)rate * gradient[i];
  if (status == LAZY_STATUS_OK) status = lazy_array_upload(array, out_values, 10 * sizeof *out_values);
  lazy_array_release(array);
  return status;
}

TEST_ON_DRIVERS(conformance, test_optimizer_pass) {
  static const struct {
    const char *name;
    double rate;
    bool wants_state;
  } optimizers[] = {{"Adadelta", 1, false}, {"Adagrad", 0.01, true}, {"Adamax", 0.002, false},
                    {"Adam", 0.001, false}, {"AdamW", 0.001, false}, {"ASGD", 0.01, false},
                    {"SGD", 0, false},      {"Rprop", 0.01, false},  {"RMSprop", 0.01, false},
                    {"LBFGS", 1, false},    {"NAdam", 0.002, false}, {"RAdam", 0.001, false}};
  lazy_context *context = model_context(env, env->device);
  for (size_t i = 0; i < sizeof optimizers / sizeof *optimizers; i++) {
    CHECK_CASE("%s", optimizers[i].name);
    const lazy_shape shape = LAZY_DIMS(10);
    lazy_param *param = NULL, *group = NULL;
    float before_step[10], gradient[10], after_step[10], held[10];
    ASSERT_OK(lazy_param_create(context, NULL, &param));
    if (optimizers[i].wants_state) {
      EXPECT_FAILS(optimizer_create(true, param, &group), LAZY_STATUS_UNINITIALIZED,
                   "uninitialized parameter");
      EXPECT_EQ(group, NULL);
    } else {
      lazy_array *array = NULL;
      ASSERT_OK(optimizer_create(false, param, &group));
      EXPECT_EQ(lazy_param_get_state(group), LAZY_PARAM_STATE_UNSHAPED);
      ASSERT_OK(lazy_param_materialize(param, &shape, LAZY_DTYPE_DEFAULT));
      EXPECT_EQ(lazy_param_get_state(group), LAZY_PARAM_STATE_REAL);
      EXPECT_TRUE(lazy_param_requires_grad(group));
      ASSERT_OK(lazy_param_array(param, &array));
      for (int j = 0; j < 10; j++) {
        before_step[j] = (float)check_random_unit(env);
        gradient[j] = (float)check_random_unit(env);
      }
      EXPECT_OK(lazy_array_upload(array, before_step, sizeof before_step));
      EXPECT_OK(optimizer_step(group, optimizers[i].rate, gradient, after_step));
      EXPECT_OK(lazy_array_download(array, held, sizeof held)); /* seen through the other hold */
      EXPECT_F32_BITS_EQ(held, after_step, 10);
      EXPECT_EQ(memcmp(held, before_step, sizeof held) == 0, optimizers[i].rate == 0);
      lazy_array_release(array);
    }
    lazy_param_release(group);
    lazy_param_release(param);
  }
  lazy_context_close(context);
}

/* ---- norms of weights ---- */

static void norm_of_weight(check_env *env, lazy_status (*norm)(lazy_module *module, const char *name)) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *module = conform_make(context, "LazyLinear(7)"), *real = conform_make(context, "Linear(3, 7)");
  EXPECT_FAILS(norm(module, "weight"), LAZY_STATUS_INVALID_VALUE, "have uninitialized parameters.");
  EXPECT_STATUS(norm(module, "nothing"), LAZY_STATUS_NOT_FOUND);
  EXPECT_STATUS(norm(real, "weight"), LAZY_STATUS_UNSUPPORTED);
  conform_is_lazy(module, "weight");
  lazy_module_release(module);
  lazy_module_release(real);
  lazy_context_close(context);
}

TEST_ON_DRIVERS(conformance, test_weight_norm) { norm_of_weight(env, lazy_module_weight_norm); }
TEST_ON_DRIVERS(conformance, test_spectral_norm) { norm_of_weight(env, lazy_module_spectral_norm); }
