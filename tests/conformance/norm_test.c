/* Rows of 7.5. */
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/conform.h"

typedef struct norm_row {
  const char *name; /* of the ordinary class */
  bool is_batch;
  lazy_shape input, other; /* rank 0: none */
} norm_row;
#define BATCH_1D \
  (norm_row) { "BatchNorm1d", true, LAZY_DIMS(16, 3, 6), LAZY_DIMS(16, 6) }
#define BATCH_2D                                       \
  (norm_row) {                                         \
    "BatchNorm2d", true, LAZY_DIMS(16, 3, 6, 7), { 0 } \
  }
#define BATCH_3D                                          \
  (norm_row) {                                            \
    "BatchNorm3d", true, LAZY_DIMS(16, 3, 6, 7, 8), { 0 } \
  }
#define INSTANCE_1D                                     \
  (norm_row) {                                          \
    "InstanceNorm1d", false, LAZY_DIMS(16, 3, 6), { 0 } \
  }
#define INSTANCE_2D                                        \
  (norm_row) {                                             \
    "InstanceNorm2d", false, LAZY_DIMS(16, 3, 6, 7), { 0 } \
  }
#define INSTANCE_3D                                           \
  (norm_row) {                                                \
    "InstanceNorm3d", false, LAZY_DIMS(16, 3, 6, 7, 8), { 0 } \
  }

static const char *word(bool value) { return value ? "True" : "False"; }

static lazy_module *make_lazy(lazy_context *context, const norm_row *row, bool affine, bool track) {
  return conform_make(context, "Lazy%s(affine=%s, track_running_stats=%s)", row->name, word(affine),
                      word(track));
}
static lazy_module *make_eager(lazy_context *context, const norm_row *row, int64_t features, bool affine,
                               bool track) {
  return conform_make(context, "%s(%lld, affine=%s, track_running_stats=%s)", row->name, (long long)features,
                      word(affine), word(track));
}

static void expect_lazy(lazy_module *module, const norm_row *row, bool affine, bool track) {
  EXPECT_CONTAINS(lazy_module_class(module)->name, "Lazy");
  EXPECT_CONTAINS(lazy_module_class(module)->name, row->name);
  EXPECT_TRUE(lazy_module_is_lazy(module));
  if (affine) {
    conform_is_lazy(module, "weight");
    conform_is_lazy(module, "bias");
  }
  if (track) {
    conform_is_lazy(module, "running_mean");
    conform_is_lazy(module, "running_var");
  }
  EXPECT_EQ(lazy_module_has_uninitialized_params(module), affine || track);
}

static void norm_case(check_env *env, const norm_row *row, lazy_shape sizes, bool affine, bool track,
                      bool pickle) {
  CHECK_CASE("affine %d, track_running_stats %d, rank %d", affine, track, sizes.rank);
  lazy_context *context = model_context(env, env->device);
  lazy_module *lazy = make_lazy(context, row, affine, track),
              *eager = make_eager(context, row, sizes.dims[1], affine, track);
  lazy_array *input = conform_ones(context, sizes);
  lazy_shape found_shape = {0}, wanted_shape = {0};
  ASSERT_NE(lazy, NULL);
  ASSERT_NE(eager, NULL);
  expect_lazy(lazy, row, affine, track);
  if (pickle) {
    ASSERT_TRUE(conform_round_trip(env, &lazy));
    expect_lazy(lazy, row, affine, track);
  }
  double *found = conform_run(lazy, NULL, input, &found_shape);
  double *wanted = conform_run(eager, NULL, input, &wanted_shape);
  conform_same(found, found_shape, wanted, wanted_shape);
  if (pickle) ASSERT_TRUE(conform_round_trip(env, &lazy));
  conform_is(lazy, row->name);
  EXPECT_EQ(conform_option(lazy, "num_features"),
            affine || track ? sizes.dims[1] : conform_option(lazy, "num_features"));
  conform_same_params(lazy, eager);
  free(found);
  free(wanted);
  lazy_array_release(input);
  lazy_module_release(lazy);
  lazy_module_release(eager);
  lazy_context_close(context);
}

static void norm(check_env *env, norm_row row, bool pickle) {
  for (int flags = 0; flags < 4; flags++) {
    norm_case(env, &row, row.input, flags & 1, flags & 2, pickle);
    if (row.other.rank > 0) norm_case(env, &row, row.other, flags & 1, flags & 2, pickle);
  }
}

static void state_case(check_env *env, const norm_row *row, bool affine, bool track) {
  CHECK_CASE("affine %d, track_running_stats %d", affine, track);
  static const char *const names[] = {"weight", "bias", "running_mean", "running_var"};
  lazy_context *context = model_context(env, env->device);
  lazy_module *module = make_lazy(context, row, affine, track),
              *lazy = make_lazy(context, row, affine, track),
              *eager = make_eager(context, row, 10, affine, track);
  EXPECT_OK(conform_load(module, eager));
  conform_is(module, row->name);
  if (affine || track) EXPECT_EQ(conform_option(module, "num_features"), 10);
  for (int i = 0; i < 4; i++)
    if (i < 2 ? affine : track) EXPECT_SIZES(module, names[i], 10);
  conform_same_params(module, eager);
  if (affine && track)
    EXPECT_FAILS(conform_load(eager, lazy), LAZY_STATUS_INVALID_STATE, "shape of an uninitialized");
  lazy_module_release(module);
  lazy_module_release(lazy);
  lazy_module_release(eager);
  lazy_context_close(context);
}

static void state(check_env *env, norm_row row) {
  for (int flags = 0; flags < 4; flags++)
    if (!row.is_batch || flags == 3) state_case(env, &row, flags & 1, flags & 2);
}

#define NORM_ROWS(title, row)                                                        \
  TEST_ON_DRIVERS(conformance, test_lazy_##title) { norm(env, row, false); }         \
  TEST_ON_DRIVERS(conformance, test_lazy_##title##_pickle) { norm(env, row, true); } \
  TEST_ON_DRIVERS(conformance, test_lazy_##title##_state) { state(env, row); }

NORM_ROWS(batchnorm1d, BATCH_1D)
NORM_ROWS(batchnorm2d, BATCH_2D)
NORM_ROWS(batchnorm3d, BATCH_3D)
NORM_ROWS(instancenorm1d, INSTANCE_1D)
NORM_ROWS(instancenorm2d, INSTANCE_2D)
NORM_ROWS(instancenorm3d, INSTANCE_3D)

TEST_ON_DRIVERS(conformance, test_lazy_batchnorm2d_state_and_forward) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *lazy = conform_make(context, "LazyBatchNorm2d()"),
              *eager = conform_make(context, "BatchNorm2d(16)");
  lazy_array *input = model_random_array(env, context, LAZY_DTYPE_F32, LAZY_DIMS(2, 16, 4, 4), NULL);
  lazy_shape found_shape = {0}, wanted_shape = {0};
  free(conform_run(eager, NULL, input, &wanted_shape)); /* statistics that are not the first ones */
  lazy_module_set_training(eager, false);
  lazy_module_set_training(lazy, false);
  ASSERT_OK(conform_load(lazy, eager));
  conform_is(lazy, "BatchNorm2d");
  EXPECT_EQ(conform_option(lazy, "num_features"), 16);
  double *found = conform_run(lazy, NULL, input, &found_shape);
  double *wanted = conform_run(eager, NULL, input, &wanted_shape);
  conform_same(found, found_shape, wanted, wanted_shape);
  free(found);
  free(wanted);
  lazy_array_release(input);
  lazy_module_release(lazy);
  lazy_module_release(eager);
  lazy_context_close(context);
}

TEST_ON_DRIVERS(conformance, test_lazy_batchnorm_with_dict_input) {
  const norm_row rows[] = {BATCH_1D, BATCH_2D, BATCH_3D};
  lazy_context *context = model_context(env, env->device);
  for (int i = 0; i < 3; i++) {
    CHECK_CASE("%s", rows[i].name);
    lazy_module *lazy = make_lazy(context, &rows[i], true, true),
                *eager = make_eager(context, &rows[i], 3, true, true);
    lazy_array *input = conform_ones(context, rows[i].input);
    lazy_shape found_shape = {0}, wanted_shape = {0};
    double *found = conform_run(lazy, "input", input, &found_shape);
    double *wanted = conform_run(eager, "input", input, &wanted_shape);
    conform_same(found, found_shape, wanted, wanted_shape);
    conform_is(lazy, rows[i].name);
    free(found);
    free(wanted);
    lazy_array_release(input);
    lazy_module_release(lazy);
    lazy_module_release(eager);
  }
  lazy_context_close(context);
}
