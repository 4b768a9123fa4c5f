/* Norms against PyTorch's own numbers (tests/golden/make_torch_norm.py): outputs, running statistics, printed
 * forms. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/golden/torch_norm.h"
#include "tests/model.h"

static double input_value(int64_t i, int step) {
  return (double)((i * 37 + 11 + step * 53) % 257 - 128) / 64 + step / 4.0;
}

static bool find(lazy_module *module, const char *name, lazy_param **out_param) {
  *out_param = NULL;
  for (size_t i = 0; i < lazy_module_param_count(module); i++)
    if (strcmp(lazy_module_param_name(module, i), name) == 0) *out_param = lazy_module_param_at(module, i);
  return *out_param != NULL;
}

static void set_param(lazy_module *module, const char *name, double divisor) {
  lazy_param *param;
  lazy_array *array;
  if (!find(module, name, &param)) return;
  ASSERT_OK(lazy_param_array(param, &array));
  float values[64];
  for (int64_t i = 0; i < lazy_array_element_count(array); i++)
    values[i] = (float)((double)(i % 16) / divisor + 0.5);
  EXPECT_OK(lazy_array_upload(array, values, lazy_array_bytes(array)));
  lazy_array_release(array);
}

/* Both round: PyTorch computes some of these in double, some in float. Of outputs up to 8, 32 units in the
   last place of the largest terms. */
static void check_golden(const char *what, const double *found, const uint32_t *wanted, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    float value;
    memcpy(&value, wanted + i, sizeof value);
    if (fabs(found[i] - (double)value) <= 0x1p-19 * (1 + fabs((double)value))) continue;
    FAIL("%s %lld: found %.9g, wanted %.9g", what, (long long)i, found[i], (double)value);
    return;
  }
}

static void check_case(lazy_context *context, size_t at) {
  const lazy_shape shape = golden_norms[at].shape;
  lazy_module *module = NULL;
  lazy_graph *graph = NULL;
  lazy_param *param;
  const uint32_t *wanted = golden_norms[at].values;
  float x[256];
  int64_t count = 1;
  for (int32_t i = 0; i < shape.rank; i++) count *= shape.dims[i];
  ASSERT_OK(lazy_module_parse(context, golden_norms[at].text, &module));
  ASSERT_OK(lazy_graph_create(module, NULL, &graph));
  const lazy_spec spec = {LAZY_DTYPE_F32, shape};
  ASSERT_OK(lazy_graph_dry_run(graph, LAZY_ARGS(lazy_value_spec(&spec))));
  set_param(module, "weight", 8);
  set_param(module, "bias", 4);
  for (int step = 0; step < 3; step++, wanted += count) {
    CHECK_CASE("step %d", step);
    lazy_array *input;
    lazy_outputs outputs;
    for (int64_t i = 0; i < count; i++) x[i] = (float)input_value(i, step);
    lazy_module_set_training(module, step < 2);
    ASSERT_OK(lazy_array_from_data(context, LAZY_DTYPE_F32, &shape, x, &input));
    ASSERT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(input)), &outputs));
    double *y = model_read_output(graph, outputs.at[0], NULL);
    check_golden("output", y, wanted, count);
    free(y);
    lazy_array_release(input);
  }
  static const char *const buffers[] = {"running_mean", "running_var"};
  for (int i = 0; i < 2; i++) {
    lazy_shape of;
    if (!find(module, buffers[i], &param)) continue;
    double *values = model_read_param(module, buffers[i]);
    ASSERT_OK(lazy_param_shape(param, &of));
    check_golden(buffers[i], values, wanted, of.dims[0]);
    wanted += of.dims[0];
    free(values);
  }
  EXPECT_EQ(find(module, "num_batches_tracked", &param), golden_norms[at].batches >= 0);
  if (param != NULL) {
    lazy_array *array;
    int64_t batches = -1;
    ASSERT_OK(lazy_param_array(param, &array));
    EXPECT_OK(lazy_array_download(array, &batches, sizeof batches));
    EXPECT_EQ(batches, golden_norms[at].batches);
    lazy_array_release(array);
  }
  char *printed = NULL;
  EXPECT_OK(lazy_module_to_string(module, &printed));
  EXPECT_STREQ(printed, golden_norms[at].becomes);
  lazy_string_free(printed);
  lazy_graph_destroy(graph);
  lazy_module_release(module);
}

TEST_ON_DRIVERS(norm_golden, equals_pytorch) {
  lazy_context *context = model_context(env, env->device);
  for (size_t i = 0; i < sizeof golden_norms / sizeof *golden_norms; i++) {
    CHECK_CASE("%s", golden_norms[i].text);
    check_case(context, i);
  }
  lazy_context_close(context);
}
