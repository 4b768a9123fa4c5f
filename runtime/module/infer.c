/* Arguments bound by name, and what a user-defined class's `infer` may ask and answer. */
#include <stdio.h>
#include <string.h>

#include "runtime/module/lazy.h"

static const char *const default_arguments[] = {"input", NULL};

static const char *const *argument_names(const lazy_class *type, size_t *out_count) {
  const char *const *names = type->arguments != NULL ? type->arguments : default_arguments;
  size_t count = 0;
  while (names[count] != NULL) count++;
  *out_count = count;
  return names;
}

static size_t find_name(const char *const *names, const char *name) {
  for (size_t i = 0; names[i] != NULL; i++)
    if (strcmp(names[i], name) == 0) return i;
  return SIZE_MAX;
}

lazy_status lazyi_infer_bind(lazy_recorder *recorder, const lazy_class *type, const lazy_args *args,
                             lazy_args *out_args) {
  size_t count;
  const char *const *names = argument_names(type, &count);
  if (args->count > count)
    return lazy_status_fail(LAZY_STATUS_INVALID_TYPE, "%s takes %zu argument%s, found %zu", type->name, count,
                            count == 1 ? "" : "s", args->count);
  if (args->keyword_count == 0) {
    *out_args = *args;
    return LAZY_STATUS_OK;
  }
  lazy_value *at = recorder->allocate(recorder, count * sizeof *at);
  if (at == NULL) return LAZY_STATUS_OUT_OF_MEMORY;
  size_t bound = args->count;
  for (size_t i = 0; i < count; i++) at[i] = i < args->count ? args->at[i] : lazy_value_none();
  for (size_t i = 0; i < args->keyword_count; i++) {
    const char *name = args->keywords[i].name;
    size_t index = find_name(names, name);
    if (index == SIZE_MAX)
      return lazy_status_fail(LAZY_STATUS_INVALID_TYPE, "%s got an unexpected keyword argument '%s'",
                              type->name, name);
    bool twice = index < args->count;
    for (size_t j = 0; j < i && !twice; j++) twice = strcmp(args->keywords[j].name, name) == 0;
    if (twice)
      return lazy_status_fail(LAZY_STATUS_INVALID_TYPE, "%s got multiple values for argument '%s'",
                              type->name, name);
    at[index] = args->keywords[i].value;
    if (index + 1 > bound) bound = index + 1;
  }
  *out_args = (lazy_args){at, bound, NULL, 0};
  return LAZY_STATUS_OK;
}

/* ---- infer ---- */

/* The first error, with its words: those of the thread may change before infer returns. */
typedef struct trouble {
  lazy_status status;
  char message[512];
} trouble;

struct lazy_infer {
  lazy_recorder *recorder;
  lazy_module *module;
  const lazy_args *args;
  trouble *trouble;
};

struct lazy_infer_result {
  lazy_recorder *recorder;
  lazy_module *module;
  trouble *trouble;
};

static lazy_status stick(trouble *t, lazy_status status) {
  if (status == LAZY_STATUS_OK || t->status != LAZY_STATUS_OK) return status;
  t->status = status;
  (void)snprintf(t->message, sizeof t->message, "%s", lazy_status_message());
  return status;
}

lazy_module *lazy_infer_module(const lazy_infer *in) { return in->module; }

lazy_value lazy_infer_value(const lazy_infer *in, const char *argument) {
  size_t count;
  size_t index = find_name(argument_names(in->module->type, &count), argument);
  if (index == SIZE_MAX)
    (void)stick(in->trouble,
                lazy_status_fail(LAZY_STATUS_NOT_FOUND, "infer of %s asks for '%s', which is no argument",
                                 in->module->type->name, argument));
  return index < in->args->count ? in->args->at[index] : lazy_value_none();
}

static lazy_status find_shape(const lazy_infer *in, const char *argument, lazy_shape *out_shape) {
  lazy_value value = lazy_infer_value(in, argument);
  LAZY_TRY(in->trouble->status);
  if (value.kind != LAZY_VALUE_TENSOR)
    return lazy_status_fail(LAZY_STATUS_INVALID_TYPE,
                            value.kind == LAZY_VALUE_NONE ? "%s: the argument '%s' is missing"
                                                          : "%s: the argument '%s' is no tensor",
                            in->module->type->name, argument);
  in->recorder->asked = true;
  return in->recorder->methods->tensor_shape(in->recorder, value.as.tensor, out_shape);
}

lazy_shape lazy_infer_shape(const lazy_infer *in, const char *argument) {
  lazy_shape shape = {0};
  if (in->trouble->status == LAZY_STATUS_OK) (void)stick(in->trouble, find_shape(in, argument, &shape));
  return shape;
}

int lazy_infer_rank(const lazy_infer *in, const char *argument) {
  return lazy_infer_shape(in, argument).rank;
}

int64_t lazy_infer_dim(const lazy_infer *in, const char *argument, int dim) {
  lazy_shape shape = lazy_infer_shape(in, argument);
  if (in->trouble->status != LAZY_STATUS_OK) return 0;
  int index = dim < 0 ? dim + shape.rank : dim;
  if (index >= 0 && index < shape.rank) return shape.dims[index];
  (void)stick(in->trouble,
              lazy_status_fail(LAZY_STATUS_OUT_OF_RANGE, "%s: '%s' has %d dims, and dim %d is asked for",
                               in->module->type->name, argument, (int)shape.rank, dim));
  return 0;
}

lazy_status lazy_infer_param(lazy_infer_result *out, const char *name, lazy_shape shape) {
  if (out->trouble->status != LAZY_STATUS_OK) return out->trouble->status;
  size_t index;
  lazy_param *param = lazyi_module_param(out->module, name, &index);
  if (index == SIZE_MAX)
    return stick(out->trouble, lazy_status_fail(LAZY_STATUS_NOT_FOUND, "%s has no parameter or buffer '%s'",
                                                out->module->type->name, name));
  if (param == NULL) return LAZY_STATUS_OK;
  return stick(out->trouble, lazyi_param_unify(out->recorder->journal, param, name, &shape));
}

lazy_status lazyi_infer_run(lazy_recorder *recorder, lazy_module *module, const lazy_args *bound) {
  trouble first = {.status = LAZY_STATUS_OK};
  lazy_infer in = {recorder, module, bound, &first};
  lazy_infer_result out = {recorder, module, &first};
  lazy_status status = module->type->infer(&in, &out);
  if (first.status != LAZY_STATUS_OK) return lazy_status_fail(first.status, "%s", first.message);
  return status;
}
