#include "tests/norm_check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void norm_write_param(lazy_module *module, const char *name, const double *values) {
  lazy_param *param = NULL;
  lazy_array *array = NULL;
  ASSERT_OK(lazy_module_find_param(module, name, &param));
  ASSERT_OK(lazy_param_array(param, &array));
  const size_t count = (size_t)lazy_array_element_count(array);
  void *data = malloc(count * 8 + 1);
  model_encode(lazy_array_dtype(array), values, count, data);
  EXPECT_OK(lazy_array_upload(array, data, lazy_array_bytes(array)));
  lazy_array_release(array);
  free(data);
}

bool norm_has_param(lazy_module *module, const char *name) {
  for (size_t i = 0; i < lazy_module_param_count(module); i++)
    if (strcmp(lazy_module_param_name(module, i), name) == 0) return lazy_module_param_at(module, i) != NULL;
  return false;
}

/* Values with few bits, and what the module holds of them, which the reference goes on from. */
double *norm_randomize(check_env *env, lazy_module *module, const char *name, int64_t count, double low) {
  double *values = malloc((size_t)count * sizeof *values + 1);
  for (int64_t i = 0; i < count; i++) values[i] = low + (double)check_random_below(env, 64) / 32;
  norm_write_param(module, name, values);
  return values;
}

void norm_check_values(const char *what, const double *found, const double *wanted, const double *room,
                       double even_room, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    if (fabs(found[i] - wanted[i]) <= (room != NULL ? room[i] : 0) + even_room) continue;
    FAIL("%s %lld of %lld: found %.9g, wanted %.9g, room %.3g", what, (long long)i, (long long)count,
         found[i], wanted[i], (room != NULL ? room[i] : 0) + even_room);
    return;
  }
}

double norm_rounding(lazy_dtype dtype) {
  return dtype == LAZY_DTYPE_F64   ? 0x1p-53
         : dtype == LAZY_DTYPE_F32 ? 0x1p-24
         : dtype == LAZY_DTYPE_F16 ? 0x1p-11
                                   : 0x1p-8;
}

void norm_check_refused(lazy_module *module, lazy_dtype dtype, lazy_shape shape, lazy_status status,
                        const char *fragment) {
  char *before = model_snapshot(module);
  const lazy_spec spec = {dtype, shape};
  CHECK_CASE("%s of rank %d", lazy_module_class(module)->name, shape.rank);
  EXPECT_FAILS(lazy_module_dry_run(module, LAZY_ARGS(lazy_value_spec(&spec)), NULL), status, fragment);
  char *after = model_snapshot(module);
  EXPECT_STREQ(after, before);
  free(before);
  free(after);
}

void norm_check_text(lazy_context *context, const char *text, const char *wanted) {
  lazy_module *module = NULL;
  char *found = NULL;
  CHECK_CASE("%s", text);
  ASSERT_OK(lazy_module_parse(context, text, &module));
  EXPECT_OK(lazy_module_to_string(module, &found));
  EXPECT_STREQ(found, wanted);
  lazy_string_free(found);
  lazy_module_release(module);
}
