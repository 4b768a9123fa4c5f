/* lazyrt fingerprint: of checkpoints, files or directories with an index. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/lazyrt/json.h"

static const char index_name[] = "model.safetensors.index.json";

typedef struct checkpoint {
  const char *path; /* as given */
  lazy_context *context;
  json_t *tensors; /* key -> fingerprint */
  lazy_fingerprint whole;
} checkpoint;

static lazy_status add_entries(checkpoint *c, const lazy_state *state, lazy_fingerprint *entries) {
  char text[LAZY_FINGERPRINT_TEXT_BYTES];
  lazy_fingerprint whole;
  LAZY_TRY(lazy_state_fingerprint(state, c->context, entries, &whole));
  c->whole = lazy_fingerprint_add(c->whole, whole);
  for (size_t i = 0; i < lazy_state_count(state); i++) {
    const char *key = lazy_state_key(state, i);
    if (json_object_get(c->tensors, key) != NULL)
      return lazy_status_fail(LAZY_STATUS_CHECKPOINT, "'%s' is in two shards", key);
    json_object_set_new(c->tensors, key, json_text(lazy_fingerprint_text(entries[i], text)));
  }
  return LAZY_STATUS_OK;
}

static lazy_status add_file(checkpoint *c, const char *path) {
  lazy_state *state;
  LAZY_TRY(lazy_state_open(path, &state));
  lazy_fingerprint *entries = calloc(lazy_state_count(state) + 1, sizeof *entries);
  lazy_status status = entries == NULL ? lazy_status_fail(LAZY_STATUS_OUT_OF_MEMORY, "%s: host memory", path)
                                       : add_entries(c, state, entries);
  free(entries);
  lazy_state_release(state);
  return status;
}

/* Every file that the index names, once; what it says of keys and what the files hold must agree. */
static lazy_status add_shards(checkpoint *c, const json_t *index) {
  const char *key;
  json_t *name, *files = json_object(), *weights = json_object_get(index, "weight_map");
  lazy_status status = LAZY_STATUS_OK;
  char path[4096];
  if (!json_is_object(weights))
    status = lazy_status_fail(LAZY_STATUS_CHECKPOINT, "%s/%s has no weight_map", c->path, index_name);
  json_object_foreach(weights, key, name) {
    const char *file = json_string_value(name);
    if (status != LAZY_STATUS_OK) break;
    if (file == NULL || strchr(file, '/') != NULL) {
      status = lazy_status_fail(LAZY_STATUS_CHECKPOINT, "%s/%s: '%s' is in no file beside it", c->path,
                                index_name, key);
      break;
    }
    if (json_object_get(files, file) != NULL) continue;
    json_object_set_new(files, file, json_true());
    snprintf(path, sizeof path, "%s/%s", c->path, file);
    status = add_file(c, path);
  }
  json_decref(files);
  json_object_foreach(weights, key, name) {
    if (status == LAZY_STATUS_OK && json_object_get(c->tensors, key) == NULL)
      status = lazy_status_fail(LAZY_STATUS_CHECKPOINT, "%s: no shard holds '%s'", c->path, key);
  }
  if (status == LAZY_STATUS_OK && json_object_size(c->tensors) != json_object_size(weights))
    status = lazy_status_fail(LAZY_STATUS_CHECKPOINT, "%s: the shards hold %zu tensors, the index has %zu",
                              c->path, json_object_size(c->tensors), json_object_size(weights));
  return status;
}

static lazy_status add_checkpoint(checkpoint *c) {
  struct stat facts;
  if (stat(c->path, &facts) != 0) return lazy_status_fail(LAZY_STATUS_IO, "%s: %s", c->path, strerror(errno));
  if (!S_ISDIR(facts.st_mode)) return add_file(c, c->path);
  char path[4096];
  json_error_t error;
  snprintf(path, sizeof path, "%s/%s", c->path, index_name);
  json_t *index = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
  if (index == NULL) return lazy_status_fail(LAZY_STATUS_CHECKPOINT, "%s: %s", path, error.text);
  lazy_status status = add_shards(c, index);
  json_decref(index);
  return status;
}

static void print(const tool_options *options, const checkpoint *c) {
  char text[LAZY_FINGERPRINT_TEXT_BYTES];
  const char *key;
  json_t *value;
  printf("%s  %s\n", lazy_fingerprint_text(c->whole, text), c->path);
  if (!options->tensors) return;
  json_object_foreach(c->tensors, key, value) printf("%s    %s\n", json_string_value(value), key);
}

enum tool_exit tool_fingerprint(const tool_options *options) {
  enum tool_exit worst = TOOL_OK;
  char text[LAZY_FINGERPRINT_TEXT_BYTES];
  if (options->model_count == 0) {
    fputs("lazyrt: fingerprint: a checkpoint is missing\n", stderr);
    return TOOL_USAGE;
  }
  json_t *all = json_array();
  for (size_t i = 0; i < options->model_count; i++) {
    checkpoint c = {.path = options->models[i], .tensors = json_object()};
    lazy_status status = lazy_context_open(options->device, NULL, &c.context);
    if (status == LAZY_STATUS_OK) status = add_checkpoint(&c);
    if (status != LAZY_STATUS_OK) {
      fprintf(stderr, "lazyrt: %s\n", lazy_status_message());
      const enum tool_exit code = tool_exit_of(status);
      worst = code > worst ? code : worst;
    } else if (options->json) {
      json_t *one = json_object();
      json_object_set_new(one, "checkpoint", json_text(c.path));
      json_object_set_new(one, "fingerprint", json_text(lazy_fingerprint_text(c.whole, text)));
      if (options->tensors) json_object_set(one, "tensors", c.tensors);
      json_array_append_new(all, one);
    } else {
      print(options, &c);
    }
    json_decref(c.tensors);
    lazy_context_close(c.context);
  }
  if (!options->json) {
    json_decref(all);
    return worst;
  }
  json_t *document = json_document("lazyrt.fingerprint/1");
  json_object_set_new(document, "checkpoints", all);
  return json_print(document, stdout) ? worst : TOOL_IO;
}
