#include <string.h>

#include "runtime/base/string.h"
#include "runtime/io/model.h"
#include "runtime/module/load.h"
#include "runtime/module/module.h"
#include "runtime/module/queue.h"

#define BROKEN(...) lazy_status_fail(LAZY_STATUS_CHECKPOINT, __VA_ARGS__)

/* ---- lines ---- */

/* What is left of a line. */
typedef struct slice {
  const char *at;
  size_t bytes;
} slice;

static bool next_line(const char **at, slice *out_line) {
  if (**at == '\0') return false;
  const char *end = strchr(*at, '\n');
  size_t bytes = end != NULL ? (size_t)(end - *at) : strlen(*at);
  *out_line = (slice){*at, bytes};
  *at += bytes + (end != NULL);
  return true;
}

/* Takes the words up to `mark`; everything where it is not there. */
static slice take(slice *line, char mark) {
  const char *end = memchr(line->at, mark, line->bytes);
  slice word = {line->at, end != NULL ? (size_t)(end - line->at) : line->bytes};
  size_t used = word.bytes + (end != NULL);
  line->at += used;
  line->bytes -= used;
  return word;
}

static bool is_word(slice word, const char *wanted) {
  return word.bytes == strlen(wanted) && memcmp(word.at, wanted, word.bytes) == 0;
}

static int shown(slice word) { return (int)(word.bytes < 200 ? word.bytes : 200); }

static bool to_dtype(slice word, lazy_dtype *out_dtype) {
  char text[16];
  if (word.bytes >= sizeof text) return false;
  memcpy(text, word.at, word.bytes);
  text[word.bytes] = '\0';
  return lazy_dtype_parse(text, out_dtype) && strcmp(lazy_dtype_name(*out_dtype), text) == 0;
}

/* ---- lazy entries ---- */

lazy_status lazyi_model_add_lazy(lazy_state *state) {
  const char *at = lazy_state_metadata(state, LAZYI_MODEL_LAZY);
  lazyi_string key = {0};
  lazy_status status = LAZY_STATUS_OK;
  for (slice line; at != NULL && status == LAZY_STATUS_OK && next_line(&at, &line);) {
    lazy_dtype dtype;
    slice word = take(&line, ' ');
    lazyi_string_cut(&key, 0);
    if (!to_dtype(word, &dtype))
      status = BROKEN("\"%s\": '%.*s' is no dtype", LAZYI_MODEL_LAZY, shown(word), word.at);
    if (status == LAZY_STATUS_OK) status = lazyi_string_format(&key, "%.*s", (int)line.bytes, line.at);
    if (status == LAZY_STATUS_OK && lazy_state_find(state, key.at) != SIZE_MAX)
      status = BROKEN("\"%s\": '%.200s' is lazy, and has values", LAZYI_MODEL_LAZY, key.at);
    if (status == LAZY_STATUS_OK) status = lazyi_state_add_lazy(state, key.at, dtype);
  }
  lazyi_vector_deinit(&key);
  return status;
}

/* ---- slots ---- */

typedef struct opening {
  lazy_module *root;
  lazyi_string key, first;            /* of the line that is read */
  LAZYI_VECTOR(lazy_param *) scratch; /* held */
} opening;

/* "a.b.weight" -> the module a.b and "weight" behind it. */
static lazy_status find_slot(const opening *o, char *key, lazy_module **out_module, const char **out_name) {
  char *dot = strrchr(key, '.');
  if (dot != NULL) *dot = '\0';
  lazy_status status = lazy_module_find(o->root, dot != NULL ? key : "", out_module);
  if (dot != NULL) *dot = '.';
  *out_name = dot != NULL ? dot + 1 : key;
  return status == LAZY_STATUS_OK
             ? status
             : BROKEN("\"%s\" tells of '%.200s', which the text has not", LAZYI_MODEL_SLOTS, key);
}

/* "a.b." -> a.b; "" is the root. */
static lazy_status find_module(const opening *o, lazyi_string *path, lazy_module **out_module) {
  size_t bytes = path->count;
  if (bytes > 0) lazyi_string_cut(path, bytes - 1);
  lazy_status status = lazy_module_find(o->root, path->at, out_module);
  return status == LAZY_STATUS_OK
             ? status
             : BROKEN("\"%s\" tells of '%.200s', which the text has not", LAZYI_MODEL_SLOTS, path->at);
}

/* The tied or shared one's key, a tab, the first one's. */
static lazy_status take_pair(opening *o, slice line) {
  slice key = take(&line, '\t');
  lazyi_string_cut(&o->key, 0);
  lazyi_string_cut(&o->first, 0);
  LAZY_TRY(lazyi_string_format(&o->key, "%.*s", (int)key.bytes, key.at));
  return lazyi_string_format(&o->first, "%.*s", (int)line.bytes, line.at);
}

static lazy_status set_module(opening *o, slice line) {
  slice mode = take(&line, ' ');
  lazy_module *module;
  LAZY_TRY(take_pair(o, line));
  LAZY_TRY(find_module(o, &o->key, &module));
  bool lazy = mode.bytes > 5 && memcmp(mode.at, "lazy-", 5) == 0;
  if (lazy) (void)take(&mode, '-');
  if (!is_word(mode, "train") && !is_word(mode, "eval"))
    return BROKEN("'%.*s' is no mode of a module", shown(mode), mode.at);
  if (lazy && !module->type->is_lazy)
    return BROKEN("'%.200s' is %s, which is no lazy class", o->key.at, lazyi_module_class_name(module));
  module->initialize_hook = module->load_hook = lazy;
  module->training = is_word(mode, "train");
  return LAZY_STATUS_OK;
}

static bool contains(const lazy_module *module, const lazy_module *sought) {
  if (module == sought) return true;
  for (size_t i = 0; i < module->children.entries.count; i++)
    if (contains(lazyi_module_child(module, i), sought)) return true;
  return false;
}

static lazy_status share_module(opening *o, slice line) {
  lazy_module *module, *parent, *first;
  const char *name;
  LAZY_TRY(take_pair(o, line));
  LAZY_TRY(find_module(o, &o->key, &module));
  LAZY_TRY(find_module(o, &o->first, &first));
  if (module == o->root || module == first) return BROKEN("'%.200s' is shared with itself", o->key.at);
  LAZY_TRY(find_slot(o, o->key.at, &parent, &name));
  if (contains(first, parent)) return BROKEN("'%.200s' would contain itself", o->key.at);
  void **child = lazyi_map_find(&parent->children, name, strlen(name));
  *child = lazy_module_retain(first);
  lazy_module_release(module);
  return LAZY_STATUS_OK;
}

static lazy_status tie_param(opening *o, slice line) {
  lazy_module *module;
  lazy_param *param;
  const char *name;
  LAZY_TRY(take_pair(o, line));
  if (lazy_module_find_param(o->root, o->first.at, &param) != LAZY_STATUS_OK)
    return BROKEN("'%.200s' is tied to '%.200s', which is not there", o->key.at, o->first.at);
  LAZY_TRY(find_slot(o, o->key.at, &module, &name));
  return lazy_module_set_param(module, name, param);
}

static lazy_status set_none(opening *o, slice line) {
  lazy_module *module;
  const char *name;
  LAZY_TRY(take_pair(o, line));
  LAZY_TRY(find_slot(o, o->key.at, &module, &name));
  return lazy_module_set_param(module, name, NULL);
}

/* A parameter of the user's own, which no class makes. */
static lazy_status add_param(lazy_module *module, const char *name, bool is_buffer, lazy_dtype dtype,
                             lazy_param **out_param) {
  static const lazy_init empty = {.initializer = LAZY_INITIALIZER_EMPTY};
  LAZY_TRY(lazyi_param_create(module->context, dtype, is_buffer, &empty, out_param));
  lazy_status status = lazy_module_set_param(module, name, *out_param);
  lazy_param_release(*out_param); /* the module has it */
  return status;
}

static lazy_status set_param(opening *o, slice kind, slice line) {
  slice state = take(&line, ' '), word = take(&line, ' ');
  bool is_buffer = is_word(kind, "buffer") || is_word(kind, "scratch"), lazy = is_word(state, "lazy");
  lazy_dtype dtype;
  lazy_module *module;
  const char *name;
  LAZY_TRY(take_pair(o, line));
  if (!is_buffer && !is_word(kind, "parameter") && !is_word(kind, "frozen"))
    return BROKEN("\"%s\": '%.*s' is nothing that a module has", LAZYI_MODEL_SLOTS, shown(kind), kind.at);
  if ((!lazy && !is_word(state, "real")) || !to_dtype(word, &dtype) ||
      (is_word(kind, "parameter") && !lazy_dtype_is_float(dtype)))
    return BROKEN("'%.200s' cannot be a %.*s %.*s of %.*s", o->key.at, shown(state), state.at, shown(kind),
                  kind.at, shown(word), word.at);
  LAZY_TRY(find_slot(o, o->key.at, &module, &name));
  lazy_param *param = lazyi_module_param(module, name, NULL);
  if (param == NULL || (lazy && param->state != LAZY_PARAM_STATE_UNSHAPED))
    LAZY_TRY(add_param(module, name, is_buffer, dtype, &param));
  if (param->is_buffer != is_buffer)
    return BROKEN("'%.200s' of %s is a %s", o->key.at, lazyi_module_class_name(module),
                  lazyi_param_kind(param));
  param->dtype = (uint8_t)dtype;
  param->requires_grad = is_word(kind, "parameter");
  const bool scratch = is_word(kind, "scratch");
  param->not_persistent = scratch && lazy;
  if (!scratch || lazy) return LAZY_STATUS_OK;
  /* a real one is persistent until it is loaded */
  LAZY_TRY(lazyi_vector_push(&o->scratch, param));
  (void)lazy_param_retain(param);
  return LAZY_STATUS_OK;
}

static lazy_status read_line(opening *o, slice line) {
  slice kind = take(&line, ' ');
  if (is_word(kind, "module")) return set_module(o, line);
  if (is_word(kind, "shared")) return share_module(o, line);
  if (is_word(kind, "tied")) return tie_param(o, line);
  if (is_word(kind, "none")) return set_none(o, line);
  return set_param(o, kind, line);
}

static lazy_status read_slots(opening *o, const char *at) {
  for (slice line; next_line(&at, &line);) LAZY_TRY(read_line(o, line));
  return LAZY_STATUS_OK;
}

/* ---- the whole ---- */

static lazy_status restore(opening *o, const lazy_state *state, const char *slots) {
  const char *name = lazy_state_metadata(state, LAZYI_MODEL_NAME);
  if (name != NULL) LAZY_TRY(lazy_module_set_name(o->root, name));
  lazyi_queue_forget(o->root); /* values come from the file: nothing is drawn, and nothing owed */
  LAZY_TRY(read_slots(o, slots));
  LAZY_TRY(lazyi_load_as_saved(o->root, state));
  for (size_t i = 0; i < o->scratch.count; i++) o->scratch.at[i]->not_persistent = true;
  return LAZY_STATUS_OK;
}

static lazy_status open_state(lazy_context *context, const lazy_state *state, lazy_module **out_module) {
  const char *text = lazy_state_metadata(state, LAZYI_MODEL_TEXT);
  const char *slots = lazy_state_metadata(state, LAZYI_MODEL_SLOTS);
  if (text == NULL || slots == NULL)
    return BROKEN("the file has tensors and no model: make the module, and lazy_module_load into it");
  opening o = {0};
  LAZY_TRY(lazy_module_parse_named(context, text, LAZYI_MODEL_TEXT, &o.root));
  lazy_status status = restore(&o, state, slots);
  lazyi_vector_deinit(&o.key);
  lazyi_vector_deinit(&o.first);
  for (size_t i = 0; i < o.scratch.count; i++) lazy_param_release(o.scratch.at[i]);
  lazyi_vector_deinit(&o.scratch);
  if (status == LAZY_STATUS_OK) *out_module = o.root;
  else lazy_module_release(o.root);
  return status;
}

lazy_status lazy_module_open(lazy_context *context, const char *path, lazy_module **out_module) {
  lazy_state *state;
  LAZY_TRY(lazy_state_open(path, &state));
  lazy_status status = open_state(context, state, out_module);
  lazy_state_release(state);
  return status == LAZY_STATUS_OK ? status : lazy_status_annotate(status, "%s", path);
}
