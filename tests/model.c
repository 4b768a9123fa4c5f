#include "tests/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/number_reference.h"

lazy_context *model_context(check_env *env, const char *device) {
  lazy_context *context = NULL;
  const lazy_context_options options = {.struct_size = sizeof options, .seed = env->seed};
  EXPECT_OK(lazy_context_open(device, &options, &context));
  return context;
}

lazy_module *model_of(lazy_context *context, const lazy_class *type) {
  lazy_module *module = NULL;
  EXPECT_OK(lazy_module_create(context, type, NULL, &module));
  return module;
}

lazy_module *model_lazy_linear(lazy_context *context, int64_t out_features, bool bias, lazy_dtype dtype) {
  lazy_module *module = NULL;
  const lazy_linear_options options = {0, out_features, bias, dtype};
  EXPECT_OK(lazy_module_create(context, &lazy_class_lazy_linear, &options, &module));
  return module;
}

void model_add(lazy_module *parent, const char *name, lazy_module *child) {
  EXPECT_OK(lazy_module_give_child(parent, name, child));
}

lazy_module *model_chain(lazy_context *context, int count, int64_t features, int scale_every) {
  lazy_module *chain = model_of(context, &lazy_class_sequential);
  char name[16];
  for (int i = 0; i < count; i++) {
    snprintf(name, sizeof name, "%d", i);
    model_add(chain, name, model_lazy_linear(context, features, true, LAZY_DTYPE_DEFAULT));
    if (scale_every == 0 || (i + 1) % scale_every != 0) continue;
    snprintf(name, sizeof name, "scale%d", i);
    model_add(chain, name, model_of(context, &model_lazy_scale));
  }
  return chain;
}

/* ---- the user's class ---- */

static lazy_status scale_infer(const lazy_infer *in, lazy_infer_result *out) {
  return lazy_infer_param(out, "weight", LAZY_DIMS(lazy_infer_dim(in, "input", -1)));
}
static lazy_tensor scale_forward(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  return lazy_mul(recorder, lazy_arg(recorder, args, 0), lazy_param_tensor(recorder, self, "weight"));
}
static const lazy_param_spec scale_params[] = {
    {.name = "weight", .init = {.initializer = LAZY_INITIALIZER_UNIFORM, .a = 0.5, .b = 1.5}}};
const lazy_class model_scale = {LAZY_CLASS("Scale"), .forward = scale_forward, .params = scale_params,
                                .param_count = 1};
const lazy_class model_lazy_scale = {
    LAZY_CLASS("LazyScale"),  .becomes = &model_scale, .is_lazy = true, .infer = scale_infer,
    .forward = scale_forward, .params = scale_params,  .param_count = 1};

/* ---- numbers ---- */

/* Bits of the exponent and the fraction. */
static int exponent_of(lazy_dtype dtype) { return dtype == LAZY_DTYPE_F16 ? 5 : 8; }
static int fraction_of(lazy_dtype dtype) { return dtype == LAZY_DTYPE_F16 ? 10 : 7; }

void model_decode(lazy_dtype dtype, const void *data, size_t count, double *out_values) {
  const uint16_t *halves = data;
  for (size_t i = 0; i < count; i++) switch (dtype) {
      case LAZY_DTYPE_F64: out_values[i] = ((const double *)data)[i]; break;
      case LAZY_DTYPE_F32: out_values[i] = (double)((const float *)data)[i]; break;
      case LAZY_DTYPE_F16:
      case LAZY_DTYPE_BF16:
        out_values[i] = reference_value(halves[i], exponent_of(dtype), fraction_of(dtype));
        break;
      default: out_values[i] = NAN;
    }
}

void model_encode(lazy_dtype dtype, const double *values, size_t count, void *out_data) {
  uint16_t *halves = out_data;
  for (size_t i = 0; i < count; i++) switch (dtype) {
      case LAZY_DTYPE_F64: ((double *)out_data)[i] = values[i]; break;
      case LAZY_DTYPE_F32: ((float *)out_data)[i] = (float)values[i]; break;
      case LAZY_DTYPE_F16:
      case LAZY_DTYPE_BF16:
        halves[i] = reference_round(values[i], exponent_of(dtype), fraction_of(dtype));
        break;
      default: break;
    }
}

static size_t count_of(const lazy_shape *shape) {
  size_t count = 1;
  for (int32_t i = 0; i < shape->rank; i++) count *= (size_t)shape->dims[i];
  return count;
}

lazy_array *model_random_array(check_env *env, lazy_context *context, lazy_dtype dtype, lazy_shape shape,
                               double **out_values) {
  size_t count = count_of(&shape);
  double *values = malloc(count * sizeof *values + 1);
  void *data = malloc(count * 8 + 1);
  lazy_array *array = NULL;
  for (size_t i = 0; i < count; i++) values[i] = (double)check_random_between(env, -64, 63) / 64; /* 7 bits */
  model_encode(dtype, values, count, data);
  EXPECT_OK(lazy_array_from_data(context, dtype, &shape, data, &array));
  free(data);
  if (out_values != NULL) *out_values = values;
  else free(values);
  return array;
}

double *model_read_array(lazy_array *array) {
  size_t count = (size_t)lazy_array_element_count(array), bytes = lazy_array_bytes(array);
  double *values = malloc(count * sizeof *values + 1);
  void *data = malloc(bytes + 1);
  memset(data, 0xAB, bytes);
  EXPECT_OK(lazy_array_download(array, data, bytes));
  model_decode(lazy_array_dtype(array), data, count, values);
  free(data);
  return values;
}

double *model_read_param(lazy_module *module, const char *path) {
  lazy_param *param = NULL;
  lazy_array *array = NULL;
  if (!EXPECT_OK(lazy_module_find_param(module, path, &param))) return NULL;
  if (!EXPECT_OK(lazy_param_array(param, &array))) return NULL;
  double *values = model_read_array(array);
  lazy_array_release(array);
  return values;
}

double *model_read_output(lazy_graph *graph, lazy_tensor output, lazy_shape *out_shape) {
  lazy_spec spec;
  if (!EXPECT_OK(lazy_graph_output_spec(graph, output, &spec))) return NULL;
  size_t count = count_of(&spec.shape), bytes = count * lazy_dtype_bytes(spec.dtype);
  double *values = malloc(count * sizeof *values + 1);
  void *data = malloc(bytes + 1);
  memset(data, 0xAB, bytes);
  EXPECT_OK(lazy_graph_download(graph, output, data, bytes));
  model_decode(spec.dtype, data, count, values);
  free(data);
  if (out_shape != NULL) *out_shape = spec.shape;
  return values;
}

double *model_linear(const double *x, int64_t rows, int64_t in, const double *weight, int64_t out,
                     const double *bias) {
  double *y = malloc((size_t)(rows * out) * sizeof *y + 1);
  for (int64_t r = 0; r < rows; r++)
    for (int64_t o = 0; o < out; o++) {
      double sum = bias != NULL ? bias[o] : 0;
      for (int64_t i = 0; i < in; i++) sum += x[r * in + i] * weight[o * in + i];
      y[r * out + o] = sum;
    }
  return y;
}

bool model_near(const double *found, const double *wanted, size_t count, double relative, double absolute) {
  for (size_t i = 0; i < count; i++) {
    if (fabs(found[i] - wanted[i]) <= absolute + relative * fabs(wanted[i])) continue;
    FAIL("element %zu of %zu: found %.9g, wanted %.9g", i, count, found[i], wanted[i]);
    return false;
  }
  return true;
}

double model_tolerance(lazy_dtype dtype, int64_t terms) {
  static const double epsilons[] = {[LAZY_DTYPE_F64] = 0x1p-53,
                                    [LAZY_DTYPE_F32] = 0x1p-24,
                                    [LAZY_DTYPE_F16] = 0x1p-11,
                                    [LAZY_DTYPE_BF16] = 0x1p-8};
  double sum = dtype == LAZY_DTYPE_F64 ? 0x1p-53 : 0x1p-24;
  return 2 * epsilons[dtype] + (double)(terms + 2) * sum;
}

/* ---- states ---- */

typedef struct text {
  char *at;
  size_t length, capacity;
} text;

static void append(text *t, const char *words) {
  size_t length = strlen(words);
  if (t->length + length + 1 > t->capacity) {
    t->capacity = 2 * (t->length + length + 1);
    t->at = realloc(t->at, t->capacity);
  }
  memcpy(t->at + t->length, words, length + 1);
  t->length += length;
}

static lazy_status describe(lazy_module *module, const char *path, void *user) {
  char line[256];
  snprintf(line, sizeof line, "%s: %s lazy=%d\n", path, lazy_module_class(module)->name,
           lazy_module_is_lazy(module));
  append(user, line);
  for (size_t i = 0; i < lazy_module_param_count(module); i++) {
    lazy_param *param = lazy_module_param_at(module, i);
    lazy_shape shape = {0};
    if (param == NULL) continue;
    snprintf(line, sizeof line, "  %s state=%d", lazy_module_param_name(module, i),
             lazy_param_get_state(param));
    append(user, line);
    if (lazy_param_get_state(param) != LAZY_PARAM_STATE_UNSHAPED &&
        lazy_param_shape(param, &shape) == LAZY_STATUS_OK)
      for (int32_t d = 0; d < shape.rank; d++) {
        snprintf(line, sizeof line, " %lld", (long long)shape.dims[d]);
        append(user, line);
      }
    append(user, "\n");
  }
  return LAZY_STATUS_OK;
}

char *model_snapshot(lazy_module *module) {
  text t = {0};
  char *printed = NULL;
  append(&t, "");
  EXPECT_OK(lazy_module_walk(module, describe, &t));
  if (EXPECT_OK(lazy_module_to_string(module, &printed))) append(&t, printed);
  lazy_string_free(printed);
  return t.at;
}
