/* A whole module in one file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "runtime/io/model.h"
#include "runtime/module/module.h"
#include "tests/model.h"

/* Something of everything: a lazy layer of another dtype, a norm with buffers, a layer that is there twice,
   tied parameters of which one is lazy, a frozen one, a buffer that is not persistent, one that is registered
   as none. */
static lazy_module *make_net(lazy_context *context) {
  lazy_module *net = NULL, *norm = NULL, *half = NULL;
  lazy_param *tied = NULL, *scratch = NULL;
  const lazy_param_options options = {
      .struct_size = sizeof options, .is_buffer = true, .not_persistent = true, .dtype = LAZY_DTYPE_I64};
  if (!EXPECT_OK(lazy_module_parse(
          context,
          "Net(\n  (half): LazyLinear(3, bias=False)\n  (norm): LazyBatchNorm1d(eps=0.25)\n  (fc): Linear(3, "
          "2)\n"
          "  (list): Stack((again): Identity() (twin): LazyLinear(3, bias=False) (scale): LazyScale())\n)",
          &net)))
    return NULL;
  EXPECT_OK(lazy_module_find(net, "half", &half));
  EXPECT_OK(lazy_module_convert(half, LAZY_DTYPE_BF16));
  EXPECT_OK(lazy_module_find(net, "norm", &norm));
  lazy_module_set_training(norm, false);
  EXPECT_OK(lazy_module_add_child(net, "norm_again", norm));
  EXPECT_OK(lazy_module_find_param(net, "half.weight", &tied));
  EXPECT_OK(lazy_module_set_param(lazy_module_child_at(lazy_module_child_at(net, 3), 1), "weight", tied));
  EXPECT_OK(lazy_module_set_param(lazy_module_child_at(net, 2), "bias", NULL));
  EXPECT_OK(lazy_module_find_param(net, "fc.weight", &tied));
  EXPECT_OK(lazy_param_set_requires_grad(tied, false));
  EXPECT_OK(lazy_param_create(context, &options, &scratch));
  EXPECT_OK(lazy_module_set_param(net, "scratch", scratch));
  lazy_param_release(scratch);
  EXPECT_OK(lazy_module_set_name(net, "the net"));
  return net;
}

static lazy_context *open_context(check_env *env, lazy_stream stream) {
  const lazy_context_options options = {.struct_size = sizeof options, .seed = env->seed, .stream = stream};
  lazy_context *context = NULL;
  if (!EXPECT_OK(lazy_context_open(env->device, &options, &context))) return NULL;
  EXPECT_OK(lazy_context_register_class(context, &model_lazy_scale));
  EXPECT_OK(lazy_context_register_class(context, &model_scale));
  return context;
}

static lazy_param *param_at(lazy_module *net, const char *path) {
  lazy_param *param = NULL;
  CHECK_CASE("%s", path);
  return EXPECT_OK(lazy_module_find_param(net, path, &param)) ? param : NULL;
}

TEST_ON_DRIVERS(whole, a_lazy_model_comes_back_as_it_was) {
  lazy_context *context = open_context(env, LAZY_STREAM_KEYED), *other = open_context(env, LAZY_STREAM_KEYED);
  const char *path = check_path(env, "lazy.safetensors");
  lazy_module *net = make_net(context), *again = NULL, *child = NULL;
  ASSERT_OK(lazy_module_save_whole(net, path));
  ASSERT_OK(lazy_module_open(other, path, &again));
  char *wanted = model_snapshot(net), *found = model_snapshot(again);
  EXPECT_STREQ(found, wanted);
  free(found);
  free(wanted);
  EXPECT_STREQ(again->root_name, "the net");
  EXPECT_EQ(lazy_param_dtype(param_at(again, "half.weight")), LAZY_DTYPE_BF16);
  EXPECT_EQ(param_at(again, "list.twin.weight"), param_at(again, "half.weight"));
  EXPECT_EQ(lazy_param_dtype(param_at(again, "scratch")), LAZY_DTYPE_I64);
  EXPECT_FALSE(lazy_param_is_persistent(param_at(again, "scratch")));
  EXPECT_TRUE(lazy_param_is_persistent(param_at(again, "norm.running_mean")));
  EXPECT_FALSE(lazy_param_requires_grad(param_at(again, "fc.weight")));
  EXPECT_TRUE(lazy_param_requires_grad(param_at(again, "half.weight")));
  ASSERT_OK(lazy_module_find(again, "norm_again", &child));
  EXPECT_EQ(child, lazy_module_child_at(again, 1));
  EXPECT_FALSE(lazy_module_is_training(child));
  EXPECT_TRUE(lazy_module_is_training(again));
  EXPECT_TRUE(lazy_module_is_lazy(child));
  EXPECT_EQ(lazy_param_get_state(param_at(again, "norm.num_batches_tracked")), LAZY_PARAM_STATE_REAL);

  /* and goes on as the first one does, to the same keyed values */
  ASSERT_OK(lazy_module_find(net, "norm", &child));
  ASSERT_OK(lazy_module_dry_run(child, LAZY_ARGS(LAZY_INPUT(4, 3)), NULL));
  ASSERT_OK(lazy_module_find(again, "norm", &child));
  ASSERT_OK(lazy_module_dry_run(child, LAZY_ARGS(LAZY_INPUT(4, 3)), NULL));
  ASSERT_OK(lazy_module_dry_run(lazy_module_child_at(net, 0), LAZY_ARGS(LAZY_INPUT_OF(LAZY_DTYPE_BF16, 4, 5)),
                                NULL));
  ASSERT_OK(lazy_module_dry_run(lazy_module_child_at(again, 0),
                                LAZY_ARGS(LAZY_INPUT_OF(LAZY_DTYPE_BF16, 4, 5)), NULL));
  ASSERT_OK(lazy_module_save_whole(net, path));
  lazy_module_release(again);
  ASSERT_OK(lazy_module_open(other, path, &again));
  wanted = model_snapshot(net), found = model_snapshot(again);
  EXPECT_STREQ(found, wanted);
  free(found);
  free(wanted);
  lazy_module_release(net);
  lazy_module_release(again);
  lazy_context_close(context);
  lazy_context_close(other);
}

/* The file is a checkpoint besides: entries that were lazy are lazy. */
TEST_ON_DRIVERS(whole, the_file_is_a_state_too) {
  lazy_context *context = open_context(env, LAZY_STREAM_KEYED);
  const char *path = check_path(env, "state.safetensors");
  lazy_module *net = make_net(context), *other = make_net(context);
  lazy_state *state = NULL, *wanted = NULL;
  lazy_spec spec;
  float value;
  ASSERT_OK(lazy_module_save_whole(net, path));
  ASSERT_OK(lazy_state_open(path, &state));
  ASSERT_OK(lazy_module_state(net, &wanted));
  EXPECT_EQ(lazy_state_count(state), lazy_state_count(wanted));
  for (size_t i = 0; i < lazy_state_count(wanted); i++) {
    CHECK_CASE("%s", lazy_state_key(wanted, i));
    const size_t at = lazy_state_find(state, lazy_state_key(wanted, i));
    if (EXPECT_NE(at, SIZE_MAX))
      EXPECT_EQ(lazy_state_spec(state, at, &spec), lazy_state_spec(wanted, i, &spec));
  }
  const size_t lazy = lazy_state_find(state, "list.scale.weight");
  EXPECT_FAILS(lazy_state_read(state, lazy, &value, sizeof value), LAZY_STATUS_UNINITIALIZED,
               "list.scale.weight");
  EXPECT_STATUS(lazy_state_save(state, path, NULL, NULL, 0), LAZY_STATUS_UNINITIALIZED);
  EXPECT_OK(lazy_module_load_state(other, state, NULL, NULL));
  EXPECT_EQ(lazy_param_get_state(param_at(other, "list.scale.weight")), LAZY_PARAM_STATE_UNSHAPED);
  ASSERT_OK(lazy_module_dry_run(lazy_module_child_at(lazy_module_child_at(other, 3), 2),
                                LAZY_ARGS(LAZY_INPUT(1, 2)), NULL));
  EXPECT_FAILS(lazy_module_load_state(other, state, NULL, NULL), LAZY_STATUS_INVALID_STATE,
               "shape of an uninitialized");
  lazy_state_release(state);
  lazy_state_release(wanted);
  lazy_module_release(net);
  lazy_module_release(other);
  lazy_context_close(context);
}

/* Opening draws nothing, and owes nothing: the next layer gets the stream's first numbers. */
TEST_ON_DRIVERS(whole, opening_draws_nothing) {
  lazy_context *first = open_context(env, LAZY_STREAM_TORCH_CPU),
               *second = open_context(env, LAZY_STREAM_TORCH_CPU);
  const char *path = check_path(env, "drawn.safetensors");
  lazy_module *saved = NULL, *opened = NULL, *a = NULL, *b = NULL;
  ASSERT_OK(lazy_module_parse(first, "Linear(4, 4)", &saved));
  ASSERT_OK(lazy_module_save_whole(saved, path));
  ASSERT_OK(lazy_module_parse(first, "Linear(3, 2)", &a)); /* behind it in the stream */
  lazy_context_set_seed(second, env->seed);
  ASSERT_OK(lazy_module_open(second, path, &opened));
  ASSERT_OK(lazy_module_parse(second, "Linear(4, 4)", &b));
  double *wanted_values = model_read_param(saved, "weight"), *next_values = model_read_param(b, "weight");
  ASSERT_NE(wanted_values, NULL);
  ASSERT_NE(next_values, NULL);
  EXPECT_BYTES_EQ(next_values, wanted_values, 16 * sizeof *wanted_values);
  free(wanted_values);
  free(next_values);
  char *wanted = model_snapshot(saved), *found = model_snapshot(opened);
  EXPECT_STREQ(found, wanted);
  free(wanted);
  free(found);
  lazy_module_release(saved);
  lazy_module_release(opened);
  lazy_module_release(a);
  lazy_module_release(b);
  lazy_context_close(first);
  lazy_context_close(second);
}

/* Files with tensors of Linear(2, 1) that say something else of themselves. */
TEST_ON_DRIVERS(whole, a_file_that_lies_makes_nothing) {
  static const struct {
    const char *text, *slots, *lazy, *words;
  } lies[] = {
      {NULL, NULL, NULL, "no model"},
      {"Linear(2, 1)", NULL, NULL, "no model"},
      {"Linear(2, 1", "", "", "lazyrt.model:1:"},
      {"Nothing(2, 1)", "", "", "unknown class"},
      {"Linear(2, 1)", "module away \n", "", "mode"},
      {"Linear(2, 1)", "module lazy-train \n", "", "no lazy class"},
      {"Linear(2, 1)", "module train fc.\n", "", "fc"},
      {"Linear(2, 1)", "parameter real f32 fc.weight\n", "", "fc.weight"},
      {"Linear(2, 1)", "parameter real i64 weight\n", "", "weight"},
      {"Linear(2, 1)", "parameter unreal f32 weight\n", "", "weight"},
      {"Linear(2, 1)", "parameter real f99 weight\n", "", "weight"},
      {"Linear(2, 1)", "gradient real f32 weight\n", "", "gradient"},
      {"Linear(2, 1)", "buffer real f32 weight\n", "", "weight"},
      {"Linear(2, 1)", "buffer real f32 mean\n", "", "Missing"},
      {"Linear(2, 1)", "scratch lazy f32 mean\nnone mean\nnone weight\n", "", "Unexpected"},
      {"Linear(2, 1)", "tied weight\tnothing\n", "", "nothing"},
      {"Linear(2, 1)", "tied weight", "", "not there"},
      {"Linear(2, 1)", "shared \t\n", "", "itself"},
      {"A((0): B((0): Linear(2, 1)) (1): C((0): Identity()))", "shared 0.0.\t0.\n", "", "itself"},
      {"A((0): B((0): Linear(2, 1)) (1): C((0): Identity()))", "shared 0.0.\t\n", "", "itself"},
      {"Linear(2, 1)", "", "f32 weight\n", "has values"},
      {"Linear(2, 1)", "", "f32 a\nf32 a\n", "has values"},
      {"Linear(2, 1)", "", "shape a\n", "no dtype"},
      {"Linear(3, 1)", "", "", "size mismatch"},
      {"Linear(2, 1)", "x\ny z\n\n\t\n \n", "", "nothing that a module has"},
  };
  lazy_context *context = open_context(env, LAZY_STREAM_KEYED);
  lazy_module *module = NULL, *opened = NULL;
  lazy_state *state = NULL;
  const char *path = check_path(env, "lie.safetensors");
  ASSERT_OK(lazy_module_parse(context, "Linear(2, 1)", &module));
  ASSERT_OK(lazy_module_state(module, &state));
  for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
    CHECK_CASE("%zu: %s", i, lies[i].slots != NULL ? lies[i].slots : "");
    const char *const keys[] = {LAZYI_MODEL_TEXT, LAZYI_MODEL_SLOTS, LAZYI_MODEL_LAZY};
    const char *const values[] = {lies[i].text, lies[i].slots, lies[i].lazy};
    ASSERT_OK(
        lazy_state_save(state, path, keys, values, (lies[i].text != NULL) + 2 * (lies[i].slots != NULL)));
    if (EXPECT_NE(lazy_module_open(context, path, &opened), LAZY_STATUS_OK))
      EXPECT_CONTAINS(lazy_status_message(), lies[i].words);
    EXPECT_EQ(opened, NULL);
  }
  lazy_state_release(state);
  lazy_module_release(module);
  lazy_context_close(context);
}

TEST_ON_DRIVERS(whole, saving_and_opening_survive_every_refused_allocation) {
  lazy_context *context = open_context(env, LAZY_STREAM_KEYED);
  const char *path = check_path(env, "refused.safetensors");
  lazy_module *net = make_net(context), *again = NULL;
  for (int opening = 0; opening < 2; opening++) {
    lazy_status status = LAZY_STATUS_OUT_OF_MEMORY;
    for (uint64_t n = 1; status != LAZY_STATUS_OK; n++) {
      lazyi_memory_fail_at(n);
      status = opening ? lazy_module_open(context, path, &again) : lazy_module_save_whole(net, path);
      lazyi_memory_fail_at(0);
      if (status != LAZY_STATUS_OK) ASSERT_EQ(again, NULL);
    }
  }
  char *wanted = model_snapshot(net), *found = model_snapshot(again);
  EXPECT_STREQ(found, wanted);
  free(found);
  free(wanted);
  lazy_module_release(net);
  lazy_module_release(again);
  lazy_context_close(context);
}
