#include "tests/conformance/conform.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/module/options.h"

static lazy_status bare_infer(const lazy_infer *in, lazy_infer_result *out) {
  (void)in;
  (void)out;
  return LAZY_STATUS_OK;
}
static lazy_tensor bare_forward(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  (void)self;
  return lazy_arg(recorder, args, 0);
}
const lazy_class conform_bare = {LAZY_CLASS("LazyModule"), .is_lazy = true, .infer = bare_infer,
                                 .forward = bare_forward};

lazy_module *conform_make(lazy_context *context, const char *format, ...) {
  char text[1024];
  lazy_module *module = NULL;
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  CHECK_CASE("%s", text);
  EXPECT_OK(lazy_module_parse(context, text, &module));
  return module;
}

static void fill(lazy_array *array) {
  if (array != NULL) EXPECT_OK(lazy_array_fill(array, 1));
}

lazy_array *conform_ones(lazy_context *context, lazy_shape shape) {
  lazy_array *array = NULL;
  EXPECT_OK(lazy_array_create(context, LAZY_DTYPE_DEFAULT, &shape, &array));
  fill(array);
  return array;
}

void conform_put(lazy_module *module, const char *name, bool is_buffer, const lazy_shape *shape) {
  const lazy_param_options options = {.struct_size = sizeof options, .is_buffer = is_buffer};
  lazy_param *param = NULL;
  ASSERT_OK(lazy_param_create(lazy_module_context(module), &options, &param));
  if (shape != NULL) {
    lazy_array *array = NULL;
    EXPECT_OK(lazy_param_materialize(param, shape, LAZY_DTYPE_DEFAULT));
    EXPECT_OK(lazy_param_array(param, &array));
    fill(array);
    lazy_array_release(array);
  }
  EXPECT_OK(lazy_module_set_param(module, name, param));
  lazy_param_release(param);
}

double *conform_run(lazy_module *module, const char *name, lazy_array *input, lazy_shape *out_shape) {
  lazy_graph *graph = NULL;
  lazy_outputs outputs = {0};
  double *values = NULL;
  const lazy_keyword keyword = {name, lazy_value_array(input)};
  const lazy_args by_name = {.keywords = &keyword, .keyword_count = 1};
  const lazy_args *args = name != NULL ? &by_name : LAZY_ARGS(lazy_value_array(input));
  if (!EXPECT_OK(lazy_graph_create(module, NULL, &graph))) return NULL;
  if (EXPECT_OK(lazy_graph_forward(graph, args, &outputs)))
    values = model_read_output(graph, outputs.at[0], out_shape);
  lazy_graph_destroy(graph);
  return values;
}

static size_t count_of(lazy_shape shape) {
  size_t count = 1;
  for (int32_t i = 0; i < shape.rank; i++) count *= (size_t)shape.dims[i];
  return count;
}

bool conform_same(const double *found, lazy_shape found_shape, const double *wanted,
                  lazy_shape wanted_shape) {
  return EXPECT_NE(found, NULL) && EXPECT_NE(wanted, NULL) &&
         EXPECT_EQ(found_shape.rank, wanted_shape.rank) &&
         EXPECT_I64_EQ(found_shape.dims, wanted_shape.dims, (size_t)wanted_shape.rank) &&
         EXPECT_BYTES_EQ(found, wanted, count_of(wanted_shape) * sizeof *wanted);
}

static lazy_param *find(lazy_module *module, const char *name) {
  lazy_param *param = NULL;
  CHECK_CASE("%s", name);
  return EXPECT_OK(lazy_module_find_param(module, name, &param)) ? param : NULL;
}

void conform_same_params(lazy_module *found, lazy_module *wanted) {
  lazy_state *a = NULL, *b = NULL;
  if (!EXPECT_OK(lazy_module_state(found, &a)) || !EXPECT_OK(lazy_module_state(wanted, &b))) return;
  EXPECT_EQ(lazy_state_count(a), lazy_state_count(b));
  for (size_t i = 0; i < lazy_state_count(b); i++) {
    lazy_spec left = {0}, right = {0};
    CHECK_CASE("%s", lazy_state_key(b, i));
    if (!EXPECT_STREQ(lazy_state_key(a, i), lazy_state_key(b, i))) break;
    const bool known = lazy_state_spec(b, i, &right);
    if (!EXPECT_EQ(lazy_state_spec(a, i, &left), known) || !known) continue;
    EXPECT_EQ(left.dtype, right.dtype);
    if (!EXPECT_EQ(left.shape.rank, right.shape.rank) ||
        !EXPECT_I64_EQ(left.shape.dims, right.shape.dims, (size_t)right.shape.rank))
      continue;
    const size_t bytes = count_of(right.shape) * lazy_dtype_bytes(right.dtype);
    unsigned char *x = malloc(bytes + 1), *y = calloc(bytes + 1, 1);
    EXPECT_OK(lazy_state_read(a, i, x, bytes));
    EXPECT_OK(lazy_state_read(b, i, y, bytes));
    EXPECT_BYTES_EQ(x, y, bytes);
    free(x);
    free(y);
  }
  lazy_state_release(a);
  lazy_state_release(b);
}

bool conform_is_lazy(lazy_module *module, const char *name) {
  CHECK_CASE("%s", name);
  lazy_param *param = find(module, name);
  return param != NULL && EXPECT_EQ(lazy_param_get_state(param), LAZY_PARAM_STATE_UNSHAPED);
}

bool conform_has_sizes(lazy_module *module, const char *name, lazy_shape wanted) {
  lazy_shape shape = {0};
  CHECK_CASE("%s", name);
  lazy_param *param = find(module, name);
  return param != NULL && EXPECT_NE(lazy_param_get_state(param), LAZY_PARAM_STATE_UNSHAPED) &&
         EXPECT_OK(lazy_param_shape(param, &shape)) && EXPECT_EQ(shape.rank, wanted.rank) &&
         EXPECT_I64_EQ(shape.dims, wanted.dims, (size_t)wanted.rank);
}

bool conform_is(lazy_module *module, const char *class_name) {
  return EXPECT_STREQ(lazy_module_class(module)->name, class_name) &&
         EXPECT_FALSE(lazy_module_is_lazy(module)) &&
         EXPECT_FALSE(lazy_module_has_uninitialized_params(module));
}

int64_t conform_option(lazy_module *module, const char *name) {
  const lazy_option *option = lazyi_option_find(lazy_module_class(module), name);
  if (!EXPECT_NE(option, NULL)) return -1;
  int64_t value;
  memcpy(&value, (const unsigned char *)lazy_module_self(module) + option->offset, sizeof value);
  return value;
}

bool conform_round_trip(check_env *env, lazy_module **module) {
  lazy_module *again = NULL;
  const char *path = check_path(env, "whole.safetensors");
  if (!EXPECT_OK(lazy_module_save_whole(*module, path)) ||
      !EXPECT_OK(lazy_module_open(lazy_module_context(*module), path, &again)))
    return false;
  conform_same_params(again, *module);
  lazy_module_release(*module);
  *module = again;
  return true;
}

lazy_status conform_load(lazy_module *into, lazy_module *from) {
  lazy_state *state;
  LAZY_TRY(lazy_module_state(from, &state));
  lazy_status status = lazy_module_load_state(into, state, NULL, NULL);
  lazy_state_release(state);
  return status;
}
