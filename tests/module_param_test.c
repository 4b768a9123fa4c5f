#include <lazyrt/lazyrt.h>

#include "runtime/module/module.h"
#include "tests/check.h"

static lazy_param *make(lazy_context *context, bool is_buffer, const lazy_shape *shape) {
  lazy_param *param = NULL;
  lazy_param_options options = {.struct_size = sizeof options,
                                .is_buffer = is_buffer,
                                .shape = shape,
                                .init = {.initializer = LAZY_INITIALIZER_CONSTANT, .a = 2.5}};
  return EXPECT_OK(lazy_param_create(context, &options, &param)) ? param : NULL;
}

/* Spec 1.1: what an uninitialised tensor allows and refuses. */
TEST_ON_DRIVERS(module_param, unshaped_ones_refuse_shape_and_values) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  for (int buffer = 0; buffer < 2; buffer++) {
    lazy_param *param = make(context, buffer == 1, NULL);
    lazy_shape shape = {77, {1}};
    lazy_array *array = NULL;
    EXPECT_EQ(lazy_param_get_state(param), LAZY_PARAM_STATE_UNSHAPED);
    EXPECT_EQ(lazy_param_dtype(param), LAZY_DTYPE_F32);
    EXPECT_EQ(lazy_param_requires_grad(param), buffer == 0);
    EXPECT_EQ(lazy_param_is_buffer(param), buffer == 1);
    EXPECT_FAILS(lazy_param_shape(param, &shape), LAZY_STATUS_INVALID_STATE, "shape of an uninitialized");
    EXPECT_CONTAINS(lazy_status_message(), buffer == 1 ? "buffer" : "parameter");
    EXPECT_EQ(shape.rank, 77);
    EXPECT_FAILS(lazy_param_array(param, &array), LAZY_STATUS_UNINITIALIZED, "uninitialized parameter");
    EXPECT_EQ(array, NULL);
    EXPECT_OK(lazy_param_set_requires_grad(param, false));
    EXPECT_FALSE(lazy_param_requires_grad(param));
    lazy_param_release(param);
  }
  lazy_context_close(context);
}

TEST_ON_DRIVERS(module_param, materialize_keeps_identity_and_takes_any_shape) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  const lazy_shape shapes[] = {LAZY_DIMS(10), {0}, LAZY_DIMS(3, 0, 2), LAZY_DIMS(2, 3)};
  for (size_t i = 0; i < 4; i++) {
    lazy_param *param = make(context, false, NULL), *held = lazy_param_retain(param);
    lazy_shape shape;
    ASSERT_OK(lazy_param_materialize(param, &shapes[i], LAZY_DTYPE_DEFAULT));
    EXPECT_EQ(lazy_param_get_state(held), LAZY_PARAM_STATE_REAL);
    EXPECT_OK(lazy_param_shape(held, &shape));
    EXPECT_TRUE(lazyi_shape_equal(&shape, &shapes[i]));
    EXPECT_STATUS(lazy_param_materialize(param, &shapes[i], LAZY_DTYPE_DEFAULT), LAZY_STATUS_INVALID_STATE);
    lazy_param_release(param);
    lazy_param_release(held);
  }
  lazy_context_close(context);
}

TEST_ON_DRIVERS(module_param, materialize_refuses_what_pytorch_refuses) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_param *param = make(context, false, NULL), *buffer = make(context, true, NULL);
  EXPECT_STATUS(lazy_param_materialize(param, &LAZY_DIMS(3, -1), LAZY_DTYPE_DEFAULT),
                LAZY_STATUS_INVALID_VALUE);
  EXPECT_STATUS(lazy_param_materialize(param, &LAZY_DIMS(3), LAZY_DTYPE_I64), LAZY_STATUS_INVALID_STATE);
  EXPECT_EQ(lazy_param_get_state(param), LAZY_PARAM_STATE_UNSHAPED);
  EXPECT_OK(lazy_param_materialize(buffer, &LAZY_DIMS(3), LAZY_DTYPE_I64));
  EXPECT_EQ(lazy_param_dtype(buffer), LAZY_DTYPE_I64);
  EXPECT_STATUS(lazy_param_set_requires_grad(buffer, true), LAZY_STATUS_INVALID_STATE);
  lazy_param_options options = {.struct_size = sizeof options, .dtype = LAZY_DTYPE_I64};
  lazy_param *never = NULL;
  EXPECT_STATUS(lazy_param_create(context, &options, &never), LAZY_STATUS_INVALID_STATE);
  EXPECT_EQ(never, NULL);
  lazy_param_release(param);
  lazy_param_release(buffer);
  lazy_context_close(context);
}

/* 7.6: the default dtype is that of construction. */
TEST_ON_DRIVERS(module_param, dtype_is_the_default_at_construction) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_param *first = make(context, false, NULL);
  ASSERT_OK(lazy_context_set_default_dtype(context, LAZY_DTYPE_F64));
  lazy_param *second = make(context, false, NULL);
  EXPECT_STATUS(lazy_context_set_default_dtype(context, LAZY_DTYPE_I64), LAZY_STATUS_INVALID_TYPE);
  EXPECT_OK(lazy_param_materialize(first, &LAZY_DIMS(10), LAZY_DTYPE_DEFAULT));
  EXPECT_OK(lazy_param_materialize(second, &LAZY_DIMS(10), LAZY_DTYPE_DEFAULT));
  EXPECT_EQ(lazy_param_dtype(first), LAZY_DTYPE_F32);
  EXPECT_EQ(lazy_param_dtype(second), LAZY_DTYPE_F64);
  lazy_param_release(first);
  lazy_param_release(second);
  lazy_context_close(context);
}

TEST_ON_DRIVERS(module_param, a_shaped_one_is_drawn_when_it_is_read) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_param *param = make(context, false, &LAZY_DIMS(2, 3));
  lazy_array *array = NULL;
  float values[6];
  EXPECT_EQ(lazy_param_get_state(param), LAZY_PARAM_STATE_SHAPED);
  ASSERT_OK(lazy_param_array(param, &array));
  EXPECT_EQ(lazy_param_get_state(param), LAZY_PARAM_STATE_REAL);
  lazy_param_release(param); /* the array keeps the memory */
  ASSERT_OK(lazy_array_download(array, values, sizeof values));
  for (int i = 0; i < 6; i++) EXPECT_EQ(values[i], 2.5f);
  lazy_array_release(array);
  lazy_context_close(context);
}

static void read_linear(lazy_module *module, const char *name, float *out_values, size_t count) {
  lazy_param *param;
  lazy_array *array;
  ASSERT_OK(lazy_module_find_param(module, name, &param));
  ASSERT_OK(lazy_param_array(param, &array));
  EXPECT_OK(lazy_array_download(array, out_values, count * sizeof *out_values));
  lazy_array_release(array);
}

/* torch.manual_seed(0); a = Linear(3, 2); b = Linear(3, 2): the second's numbers come after the first's,
   whichever is read first, and even if the first was thrown away. The first's are the golden vector of spec
   section 8. */
TEST_ON_DRIVERS(module_param, torch_streams_serve_parameters_in_order_of_construction) {
  static const float golden[6] = {-0.004322528839111328f, 0.3097158670425415f, -0.4751853346824646f,
                                  -0.4248945713043213f,   -0.222368985414505f, 0.1548207402229309f};
  static const float golden_bias[2] = {-0.011439144611358643f, 0.4577749967575073f};
  float weight[3][6], bias[2];
  for (int order = 0; order < 3; order++) {
    lazy_context *context;
    lazy_context_options options = {.struct_size = sizeof options, .stream = LAZY_STREAM_TORCH_CPU};
    ASSERT_OK(lazy_context_open(env->device, &options, &context));
    lazy_linear_options linear = {3, 2, true, LAZY_DTYPE_DEFAULT};
    lazy_module *a, *b;
    ASSERT_OK(lazy_module_create(context, &lazy_class_linear, &linear, &a));
    ASSERT_OK(lazy_module_create(context, &lazy_class_linear, &linear, &b));
    if (order == 0) { /* first come, first read */
      read_linear(a, "weight", weight[2], 6);
      read_linear(a, "bias", bias, 2);
      EXPECT_F32_NEAR(weight[2], golden, 6, 1e-7, 1e-8);
      EXPECT_F32_NEAR(bias, golden_bias, 2, 1e-7, 1e-8);
    } else if (order == 2) {
      lazy_module_release(a);
      a = NULL;
    }
    read_linear(b, "weight", weight[order == 2 ? 1 : 0], 6);
    if (order == 1) {
      float again[6];
      read_linear(a, "weight", again, 6);
      EXPECT_F32_BITS_EQ(again, weight[2], 6);
    } else if (order == 2) {
      EXPECT_F32_BITS_EQ(weight[1], weight[0], 6);
    }
    lazy_module_release(a);
    lazy_module_release(b);
    lazy_context_close(context);
  }
}

/* What is made and never read leaves nothing behind. */
TEST_ON_DRIVERS(module_param, the_queue_keeps_nothing_alive) {
  for (int stream = 0; stream < 2; stream++) {
    lazy_context *context;
    lazy_context_options options = {.struct_size = sizeof options, .stream = (lazy_stream)stream};
    ASSERT_OK(lazy_context_open(env->device, &options, &context));
    lazy_linear_options linear = {3, 2, true, LAZY_DTYPE_DEFAULT};
    for (int i = 0; i < 100; i++) {
      lazy_module *module;
      ASSERT_OK(lazy_module_create(context, &lazy_class_linear, &linear, &module));
      if (i % 10 == 3) {
        float values[6];
        read_linear(module, "weight", values, 6);
      }
      lazy_module_release(module);
    }
    lazy_context_close(context);
  }
}

TEST_ON_DRIVERS(module_param, keyed_values_do_not_depend_on_the_order_of_reading) {
  float values[2][6], other[2][6];
  for (int order = 0; order < 2; order++) {
    lazy_context *context;
    ASSERT_OK(lazy_context_open(env->device, NULL, &context));
    lazy_linear_options linear = {3, 2, true, LAZY_DTYPE_DEFAULT};
    lazy_module *a, *b;
    ASSERT_OK(lazy_module_create(context, &lazy_class_linear, &linear, &a));
    ASSERT_OK(lazy_module_create(context, &lazy_class_linear, &linear, &b));
    if (order == 0) read_linear(a, "weight", values[0], 6);
    read_linear(b, "weight", other[order], 6);
    if (order == 1) read_linear(a, "weight", values[1], 6);
    lazy_module_release(a);
    lazy_module_release(b);
    lazy_context_close(context);
  }
  EXPECT_F32_BITS_EQ(values[0], values[1], 6);
  EXPECT_F32_BITS_EQ(other[0], other[1], 6);
  EXPECT_NE(values[0][0], other[0][0]);
}

TEST_ON_DRIVERS(module_param, slots_can_be_tied_and_emptied) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_linear_options linear = {3, 2, true, LAZY_DTYPE_DEFAULT};
  lazy_module *a, *b;
  lazy_param *found;
  ASSERT_OK(lazy_module_create(context, &lazy_class_linear, &linear, &a));
  ASSERT_OK(lazy_module_create(context, &lazy_class_linear, &linear, &b));
  ASSERT_OK(lazy_module_set_param(b, "weight", lazy_module_param_at(a, 0)));
  ASSERT_OK(lazy_module_find_param(b, "weight", &found));
  EXPECT_EQ(found, lazy_module_param_at(a, 0));
  ASSERT_OK(lazy_module_set_param(b, "bias", NULL));
  EXPECT_EQ(lazy_module_param_at(b, 1), NULL);
  EXPECT_FAILS(lazy_module_find_param(b, "bias", &found), LAZY_STATUS_NOT_FOUND, "bias");
  lazy_param *extra = make(context, true, NULL);
  ASSERT_OK(lazy_module_set_param(b, "extra", extra)); /* grows past the class's own slots */
  lazy_param_release(extra);
  EXPECT_EQ(lazy_module_param_count(b), 3u);
  EXPECT_STREQ(lazy_module_param_name(b, 2), "extra");
  EXPECT_TRUE(lazy_module_has_uninitialized_params(b));
  EXPECT_FALSE(lazy_module_has_uninitialized_params(a));
  lazy_module_release(a);
  lazy_module_release(b);
  lazy_context_close(context);
}
