/* Layers without parameters against PyTorch's own numbers (tests/golden/make_torch_spatial.py): printed
   forms, shapes, values; the specials among the inputs are where PyTorch's rules for NaN and infinities show.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/golden/torch_spatial.h"
#include "tests/model.h"

static float input_value(int64_t i, bool has_specials) {
  static const float specials[] = {NAN, -INFINITY, INFINITY, -0.0f};
  const int64_t kind = i % 13 - 5;
  if (has_specials && kind >= 0 && kind <= 6 && kind % 2 == 0)
    return i % 3 == 0 ? specials[kind / 2] : -INFINITY;
  return (float)((double)((i * 37 + 11) % 257 - 128) / 64);
}

/* Copies and largest elements are the same; sums of up to 64 terms of at most 2 differ by their order. */
static bool is_close(double found, float wanted, bool is_sum) {
  if (isnan(wanted)) return isnan(found);
  if (found == (double)wanted) return !signbit(found) == !signbit(wanted) || is_sum;
  return is_sum && fabs(found - (double)wanted) <= 0x1p-18;
}

static void check_case(lazy_context *context, size_t at) {
  lazy_module *module = NULL;
  lazy_graph *graph = NULL;
  lazy_array *input = NULL;
  lazy_outputs outputs;
  lazy_shape shape;
  char *printed = NULL;
  float x[1024];
  int64_t count = 1;
  for (int32_t i = 0; i < golden_spatial[at].in.rank; i++) count *= golden_spatial[at].in.dims[i];
  for (int64_t i = 0; i < count; i++) x[i] = input_value(i, golden_spatial[at].specials != 0);
  ASSERT_OK(lazy_module_parse(context, golden_spatial[at].text, &module));
  EXPECT_OK(lazy_module_to_string(module, &printed));
  EXPECT_STREQ(printed, golden_spatial[at].printed);
  lazy_string_free(printed);
  ASSERT_OK(lazy_graph_create(module, NULL, &graph));
  ASSERT_OK(lazy_array_from_data(context, LAZY_DTYPE_F32, &golden_spatial[at].in, x, &input));
  ASSERT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(input)), &outputs));
  double *y = model_read_output(graph, outputs.at[0], &shape);
  const lazy_shape *wanted = &golden_spatial[at].out;
  if (EXPECT_EQ(shape.rank, wanted->rank) && EXPECT_I64_EQ(shape.dims, wanted->dims, (size_t)wanted->rank)) {
    count = 1;
    for (int32_t i = 0; i < wanted->rank; i++) count *= wanted->dims[i];
    for (int64_t i = 0; i < count; i++) {
      float value;
      memcpy(&value, golden_spatial[at].values + i, sizeof value);
      if (is_close(y[i], value, golden_spatial[at].sums != 0)) continue;
      FAIL("output %lld: found %.9g, wanted %.9g", (long long)i, y[i], (double)value);
      break;
    }
  }
  free(y);
  lazy_array_release(input);
  lazy_graph_destroy(graph);
  lazy_module_release(module);
}

TEST_ON_DRIVERS(spatial_golden, equals_pytorch) {
  lazy_context *context = model_context(env, env->device);
  for (size_t i = 0; i < sizeof golden_spatial / sizeof *golden_spatial; i++) {
    CHECK_CASE("%s", golden_spatial[i].text);
    check_case(context, i);
  }
  lazy_context_close(context);
}
