/* Rows of 7.1, 7.6 and 7.8: what an unshaped parameter or buffer allows and refuses. */
#include <lazyrt/dlpack.h>
#include <lazyrt/dlpack_types.h>
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/conform.h"

static lazy_module *bare(lazy_context *context, bool is_buffer, bool lazy) {
  lazy_module *module = model_of(context, &conform_bare);
  const lazy_shape shape = LAZY_DIMS(5, 5);
  conform_put(module, is_buffer ? "test_buffer" : "test_param", is_buffer, lazy ? NULL : &shape);
  return module;
}

static void protocol(check_env *env, bool is_buffer) {
  const char *name = is_buffer ? "test_buffer" : "test_param";
  lazy_context *context = model_context(env, env->device);
  lazy_module *lazy = bare(context, is_buffer, true), *other = bare(context, is_buffer, true),
              *real = bare(context, is_buffer, false);
  lazy_state *state = NULL;
  lazy_spec spec;
  EXPECT_TRUE(lazy_module_has_uninitialized_params(lazy));
  ASSERT_OK(lazy_module_state(lazy, &state));
  ASSERT_EQ(lazy_state_count(state), 1u);
  EXPECT_STREQ(lazy_state_key(state, 0), name);
  EXPECT_FALSE(lazy_state_spec(state, 0, &spec));
  EXPECT_FAILS(lazy_module_load_state(real, state, NULL, NULL), LAZY_STATUS_INVALID_STATE,
               "shape of an uninitialized");
  EXPECT_OK(lazy_module_load_state(other, state, NULL, NULL));
  conform_is_lazy(other, name);
  for (int i = 0; i < 2; i++) {
    EXPECT_OK(conform_load(lazy, real));
    EXPECT_SIZES(lazy, name, 5, 5);
    double *values = model_read_param(lazy, name);
    for (int j = 0; values != NULL && j < 25; j++) EXPECT_EQ(values[j], 1.0);
    free(values);
  }
  EXPECT_FALSE(lazy_module_has_uninitialized_params(lazy));
  EXPECT_TRUE(lazy_state_spec(state, 0, &spec)); /* the entry is the parameter itself */
  lazy_state_release(state);
  lazy_module_release(lazy);
  lazy_module_release(other);
  lazy_module_release(real);
  lazy_context_close(context);
}

TEST_ON_DRIVERS(conformance, test_lazy_module_parameter) { protocol(env, false); }
TEST_ON_DRIVERS(conformance, test_lazy_module_buffer) { protocol(env, true); }

/* Capture into a plan, before and after. */
static void capture(check_env *env, bool is_buffer) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *module = bare(context, is_buffer, true), *real = bare(context, is_buffer, false);
  lazy_graph *graph = NULL;
  lazy_plan *plan = NULL;
  ASSERT_OK(lazy_graph_create(module, NULL, &graph));
  EXPECT_FAILS(lazy_graph_plan(graph, LAZY_ARGS(LAZY_INPUT(2, 2)), &plan), LAZY_STATUS_INVALID_STATE,
               "run a forward pass");
  EXPECT_CONTAINS(lazy_status_message(), is_buffer ? "test_buffer" : "test_param");
  EXPECT_EQ(plan, NULL);
  EXPECT_OK(conform_load(module, real));
  EXPECT_OK(lazy_graph_plan(graph, LAZY_ARGS(LAZY_INPUT(2, 2)), &plan));
  lazy_plan_release(plan);
  lazy_graph_destroy(graph);
  lazy_module_release(module);
  lazy_module_release(real);
  lazy_context_close(context);
}

TEST_ON_DRIVERS(conformance, test_lazy_module_jit_param) { capture(env, false); }
TEST_ON_DRIVERS(conformance, test_lazy_module_jit_buffer) { capture(env, true); }

/* Memory that another library is given: DLPack. */
static void share(check_env *env, bool is_buffer) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *module = bare(context, is_buffer, true);
  lazy_param *param = lazy_module_param_at(module, 0);
  struct DLManagedTensorVersioned *tensor = NULL;
  EXPECT_FAILS(lazy_param_to_dlpack(param, NULL, &tensor), LAZY_STATUS_INVALID_STATE,
               "share memory on an uninitialized");
  EXPECT_EQ(tensor, NULL);
  const lazy_shape shape = LAZY_DIMS(3);
  ASSERT_OK(lazy_param_materialize(param, &shape, LAZY_DTYPE_DEFAULT));
  ASSERT_OK(lazy_param_to_dlpack(param, NULL, &tensor));
  EXPECT_DIMS(tensor->dl_tensor.shape, tensor->dl_tensor.ndim, 3);
  tensor->deleter(tensor);
  lazy_module_release(module);
  lazy_context_close(context);
}

TEST_ON_DRIVERS(conformance, test_lazy_share_memory_param) { share(env, false); }
TEST_ON_DRIVERS(conformance, test_lazy_share_memory_buffer) { share(env, true); }

static lazy_dtype materialized(lazy_module *module) {
  const lazy_shape shape = LAZY_DIMS(10);
  lazy_param *param = lazy_module_param_at(module, 0);
  lazy_array *array = NULL;
  EXPECT_OK(lazy_param_materialize(param, &shape, LAZY_DTYPE_DEFAULT));
  if (!EXPECT_OK(lazy_param_array(param, &array))) return LAZY_DTYPE_DEFAULT;
  const lazy_dtype dtype = lazy_array_dtype(array);
  EXPECT_EQ(dtype, lazy_param_dtype(param));
  lazy_array_release(array);
  return dtype;
}

TEST_ON_DRIVERS(conformance, test_materialize_dtype) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *module = bare(context, false, true), *half = bare(context, false, true);
  EXPECT_EQ(materialized(module), LAZY_DTYPE_F32);
  ASSERT_OK(lazy_module_convert(half, LAZY_DTYPE_F16));
  EXPECT_EQ(materialized(half), LAZY_DTYPE_F16);
  lazy_module_release(module);
  lazy_module_release(half);
  lazy_context_close(context);
}

/* A context is a device: what is materialised in it lies there. */
TEST_ON_DRIVERS(conformance, test_materialize_device) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *module = bare(context, false, true);
  struct DLManagedTensorVersioned *tensor = NULL;
  (void)materialized(module);
  ASSERT_OK(lazy_param_to_dlpack(lazy_module_param_at(module, 0), NULL, &tensor));
  EXPECT_EQ(tensor->dl_tensor.device.device_type, env->is_ptx ? kDLCUDA : kDLCPU);
  tensor->deleter(tensor);
  lazy_module_release(module);
  lazy_context_close(context);
}

/* p + p inside a forward. */
static lazy_tensor doubled(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  (void)args;
  const lazy_tensor param = lazy_param_tensor(recorder, self, "test_param");
  return lazy_add(recorder, param, param);
}
static const lazy_class doubling = {LAZY_CLASS("Doubling"), .forward = doubled};

TEST_ON_DRIVERS(conformance, test_invalid_functions) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *module = model_of(context, &doubling);
  lazy_array *array = NULL;
  conform_put(module, "test_param", false, NULL);
  EXPECT_FAILS(lazy_param_array(lazy_module_param_at(module, 0), &array), LAZY_STATUS_UNINITIALIZED,
               "uninitialized parameter");
  EXPECT_EQ(array, NULL);
  EXPECT_FAILS(lazy_module_dry_run(module, LAZY_ARGS(LAZY_INPUT(2, 2)), NULL), LAZY_STATUS_UNINITIALIZED,
               "uninitialized parameter");
  conform_is_lazy(module, "test_param");
  const lazy_shape shape = LAZY_DIMS(2, 2);
  ASSERT_OK(lazy_param_materialize(lazy_module_param_at(module, 0), &shape, LAZY_DTYPE_DEFAULT));
  EXPECT_OK(lazy_module_dry_run(module, LAZY_ARGS(LAZY_INPUT(2, 2)), NULL));
  lazy_module_release(module);
  lazy_context_close(context);
}
