#include <lazyrt/lazyrt.h>

#include "runtime/module/journal.h"
#include "tests/check.h"

static lazy_module *make(lazy_context *context, const lazy_class *type, int64_t in, int64_t out) {
  lazy_linear_options options = {in, out, true, LAZY_DTYPE_DEFAULT};
  lazy_module *module = NULL;
  return EXPECT_OK(lazy_module_create(context, type, type->self_bytes > 0 ? &options : NULL, &module))
             ? module
             : NULL;
}

static void read_param(lazy_module *module, const char *path, void *out_values, size_t bytes) {
  lazy_param *param;
  lazy_array *array;
  ASSERT_OK(lazy_module_find_param(module, path, &param));
  ASSERT_OK(lazy_param_array(param, &array));
  EXPECT_OK(lazy_array_download(array, out_values, bytes));
  lazy_array_release(array);
}

/* Spec 1.3 and test_materialize_dtype: laziness and identity stay, the values come in the new dtype. */
TEST_ON_DRIVERS(module_convert, every_state_is_converted_and_integers_stay) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_module *net = make(context, &lazy_class_sequential, 0, 0),
              *real = make(context, &lazy_class_linear, 3, 2);
  lazy_module *lazy = make(context, &lazy_class_lazy_linear, 0, 2),
              *shaped = make(context, &lazy_class_linear, 2, 2);
  ASSERT_OK(lazy_module_give_child(net, "lazy", lazy));
  ASSERT_OK(lazy_module_give_child(net, "shaped", shaped));
  ASSERT_OK(lazy_module_give_child(net, "real", real));
  ASSERT_OK(lazy_module_add_child(net, "again", real));
  lazy_param_options options = {.struct_size = sizeof options, .is_buffer = true, .dtype = LAZY_DTYPE_I64};
  lazy_param *count;
  ASSERT_OK(lazy_param_create(context, &options, &count));
  ASSERT_OK(lazy_module_set_param(net, "count", count));
  float before[6];
  double after[6];
  read_param(net, "real.weight", before, sizeof before);
  lazy_param *weight = lazy_module_param_at(real, 0), *unshaped = lazy_module_param_at(lazy, 0);
  uint32_t generation = weight->generation;
  EXPECT_STATUS(lazy_module_convert(net, LAZY_DTYPE_I64), LAZY_STATUS_INVALID_TYPE);
  ASSERT_OK(lazy_module_convert(net, LAZY_DTYPE_F64));
  EXPECT_EQ(lazy_param_dtype(count), LAZY_DTYPE_I64);
  EXPECT_EQ(lazy_param_dtype(unshaped), LAZY_DTYPE_F64);
  EXPECT_EQ(lazy_param_get_state(unshaped), LAZY_PARAM_STATE_UNSHAPED);
  EXPECT_TRUE(lazy_module_is_lazy(lazy));
  EXPECT_EQ(lazy_param_get_state(lazy_module_param_at(shaped, 0)), LAZY_PARAM_STATE_SHAPED);
  EXPECT_EQ(lazy_param_dtype(lazy_module_param_at(shaped, 0)), LAZY_DTYPE_F64);
  EXPECT_EQ(lazy_module_param_at(real, 0), weight);
  EXPECT_GT(weight->generation, generation);
  EXPECT_EQ(weight->mark, 0u);
  read_param(net, "real.weight", after, sizeof after);
  for (int i = 0; i < 6; i++) EXPECT_EQ(after[i], (double)before[i]);
  ASSERT_OK(lazy_module_dry_run(lazy, LAZY_ARGS(LAZY_INPUT_OF(LAZY_DTYPE_F64, 1, 2)), NULL));
  EXPECT_EQ(lazy_param_dtype(unshaped), LAZY_DTYPE_F64);
  lazy_param_release(count);
  lazy_module_release(net);
  lazy_context_close(context);
}

/* A torch stream draws what is due in the dtype of construction, then rounds. */
TEST_ON_DRIVERS(module_convert, due_draws_come_before_the_conversion) {
  float wanted[6];
  uint16_t found[6];
  for (int convert = 0; convert < 2; convert++) {
    lazy_context *context;
    lazy_context_options options = {
        .struct_size = sizeof options, .stream = LAZY_STREAM_TORCH_CPU, .seed = 11};
    ASSERT_OK(lazy_context_open(env->device, &options, &context));
    lazy_module *module = make(context, &lazy_class_linear, 3, 2);
    if (convert == 0) {
      read_param(module, "weight", wanted, sizeof wanted);
    } else {
      ASSERT_OK(lazy_module_convert(module, LAZY_DTYPE_BF16));
      read_param(module, "weight", found, sizeof found);
    }
    lazy_module_release(module);
    lazy_context_close(context);
  }
  for (int i = 0; i < 6; i++) {
    union {
      uint32_t bits;
      float value;
    } wide = {(uint32_t)found[i] << 16};
    EXPECT_NEAR(wide.value, wanted[i], 0.004);
  }
}

TEST_ON_DRIVERS(module_convert, nothing_changes_when_memory_runs_out) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_module *module = make(context, &lazy_class_linear, 3, 2);
  float before[6], after[6];
  read_param(module, "weight", before, sizeof before);
  int failures = 0;
  for (uint64_t n = 1; n < 50; n++) {
    lazyi_memory_fail_at(n);
    lazy_status status = lazy_module_convert(module, LAZY_DTYPE_F16);
    lazyi_memory_fail_at(0);
    if (status == LAZY_STATUS_OK) break;
    failures++;
    EXPECT_EQ(lazy_param_dtype(lazy_module_param_at(module, 0)), LAZY_DTYPE_F32);
    EXPECT_EQ(lazy_param_dtype(lazy_module_param_at(module, 1)), LAZY_DTYPE_F32);
    read_param(module, "weight", after, sizeof after);
    EXPECT_F32_BITS_EQ(after, before, 6);
  }
  EXPECT_GE(failures, 5);
  EXPECT_EQ(lazy_param_dtype(lazy_module_param_at(module, 1)), LAZY_DTYPE_F16);
  lazy_module_release(module);
  lazy_context_close(context);
}

/* ---- the journal ---- */

static void count_up(void *argument) { ++*(int *)argument; }

TEST_ON_DRIVERS(module_journal, rollback_restores_the_first_state_last) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_module *module = make(context, &lazy_class_lazy_linear, 0, 2);
  lazy_param *param = lazy_module_param_at(module, 0);
  lazyi_journal journal = {0};
  int undone = 0, done = 0;
  for (int commit = 0; commit < 2; commit++) {
    ASSERT_OK(lazyi_journal_save_module(&journal, module));
    module->type = &lazy_class_linear;
    ((lazy_linear_options *)lazy_module_self(module))->in_features = 9;
    ASSERT_OK(lazyi_journal_save_param(&journal, param));
    param->shape = LAZY_DIMS(2, 9);
    param->state = LAZY_PARAM_STATE_SHAPED;
    ASSERT_OK(lazyi_journal_save_param(&journal, param));
    param->dtype = LAZY_DTYPE_F16;
    ASSERT_OK(lazyi_journal_save_undo(&journal, count_up, count_up, commit ? &done : &undone));
    EXPECT_TRUE(module->pending);
    EXPECT_TRUE(param->pending);
    if (commit) lazyi_journal_commit(&journal);
    else lazyi_journal_rollback(&journal);
    EXPECT_FALSE(module->pending);
    EXPECT_FALSE(param->pending);
    EXPECT_EQ(journal.entries.count, 0u);
    EXPECT_EQ(module->type, commit ? &lazy_class_linear : &lazy_class_lazy_linear);
    EXPECT_EQ(((lazy_linear_options *)lazy_module_self(module))->in_features, commit ? 9 : 0);
    EXPECT_EQ(param->state, commit ? LAZY_PARAM_STATE_SHAPED : LAZY_PARAM_STATE_UNSHAPED);
    EXPECT_EQ(param->dtype, commit ? LAZY_DTYPE_F16 : LAZY_DTYPE_F32);
  }
  EXPECT_EQ(undone, 1);
  EXPECT_EQ(done, 1);
  lazyi_journal_deinit(&journal);
  lazy_module_release(module);
  lazy_context_close(context);
}
