#include "tools/lazyrt/json.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/io/utf8.h"

json_t *json_text(const char *text) {
  size_t bytes = strlen(text);
  if (lazyi_utf8_is_valid(text, bytes)) return json_string(text);
  char *copy = strdup(text);
  if (copy == NULL) return NULL;
  for (size_t at = 0; at < bytes;) {
    size_t length = lazyi_utf8_length(copy + at, bytes - at);
    if (length == 0) copy[at] = '?';
    at += length != 0 ? length : 1;
  }
  json_t *string = json_string(copy);
  free(copy);
  return string;
}

static json_t *json_count(uint64_t count) { return json_integer((json_int_t)count); }

json_t *json_document(const char *schema) {
  char version[32];
  snprintf(version, sizeof version, "%d.%d.%d", LAZY_VERSION_MAJOR, LAZY_VERSION_MINOR, LAZY_VERSION_PATCH);
  return json_pack("{s:s, s:s}", "schema", schema, "lazyrt", version);
}

static json_t *json_shape(const lazy_shape *shape) {
  json_t *sizes = json_array();
  for (int32_t i = 0; i < shape->rank; i++) json_array_append_new(sizes, json_integer(shape->dims[i]));
  return sizes;
}

static json_t *json_spec(const lazy_spec *spec) {
  return json_pack("{s:s, s:o}", "dtype", lazy_dtype_name(spec->dtype), "shape", json_shape(&spec->shape));
}

/* "in_features=784, groups=2" as {"in_features": 784, "groups": 2}. */
static json_t *json_inferred(const char *text) {
  json_t *object = json_object();
  while (*text != '\0') {
    char name[64];
    size_t bytes = strcspn(text, "="), end = strcspn(text, ",");
    if (bytes >= sizeof name || bytes >= end) break;
    memcpy(name, text, bytes);
    name[bytes] = '\0';
    json_object_set_new(object, name, json_integer(strtoll(text + bytes + 1, NULL, 10)));
    text += end;
    while (*text == ',' || *text == ' ') text++;
  }
  return object;
}

static json_t *json_module(const lazy_plan_call *call) {
  json_t *object = json_object();
  json_object_set_new(object, "path", json_text(call->path));
  json_object_set_new(object, "class", json_text(call->class_name));
  json_object_set_new(object, "was", call->lazy_name != NULL ? json_text(call->lazy_name) : json_null());
  json_object_set_new(object, "inferred", json_inferred(call->inferred));
  json_object_set_new(object, "output", call->has_output ? json_spec(&call->output) : json_null());
  json_object_set_new(object, "parameters", json_count(call->parameter_count));
  json_object_set_new(object, "parameter_bytes", json_count(call->parameter_bytes));
  return object;
}

static json_t *json_totals(const lazy_plan_totals *totals) {
  const struct {
    const char *name;
    uint64_t count;
  } rows[] = {
      {"parameters", totals->parameter_count},
      {"buffers", totals->buffer_count},
      {"parameter_bytes", totals->parameter_bytes},
      {"buffer_bytes", totals->buffer_bytes},
      {"extent_bytes", totals->extent_bytes},
      {"activation_peak_bytes", totals->activation_bytes},
      {"activation_sum_bytes", totals->activation_sum_bytes},
      {"workspace_bytes", totals->workspace_bytes},
      {"device_bytes", totals->device_bytes},
      {"nodes", (uint64_t)totals->node_count},
  };
  json_t *object = json_object();
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    json_object_set_new(object, rows[i].name, json_count(rows[i].count));
  return object;
}

json_t *json_of_model(const tool_model *model) {
  json_t *object = json_object(), *inputs = json_array(), *modules = json_array();
  for (size_t i = 0; i < model->inputs.count; i++) {
    json_t *input = json_spec(&model->inputs.at[i].spec);
    if (model->inputs.at[i].name[0] != '\0')
      json_object_set_new(input, "name", json_text(model->inputs.at[i].name));
    json_array_append_new(inputs, input);
  }
  for (size_t i = 0; i < lazy_plan_call_count(model->plan); i++)
    json_array_append_new(modules, json_module(lazy_plan_call_at(model->plan, i)));
  json_object_set_new(object, "model", json_text(model->path));
  json_object_set_new(object, "ok", json_true());
  json_object_set_new(object, "inputs", inputs);
  json_object_set_new(object, "tree", json_text(model->text));
  json_object_set_new(object, "modules", modules);
  json_object_set_new(object, "totals", json_totals(lazy_plan_get_totals(model->plan)));
  return object;
}

json_t *json_of_failure(const char *path, lazy_status status) {
  json_t *object = json_object(), *error = json_object();
  json_object_set_new(error, "status", json_text(lazy_status_name(status)));
  json_object_set_new(error, "message", json_text(lazy_status_message()));
  json_object_set_new(object, "model", json_text(path));
  json_object_set_new(object, "ok", json_false());
  json_object_set_new(object, "error", error);
  return object;
}

bool json_print(json_t *document, FILE *stream) {
  bool written =
      document != NULL && json_dumpf(document, stream, JSON_INDENT(2)) == 0 && fputc('\n', stream) != EOF;
  json_decref(document);
  return written;
}
