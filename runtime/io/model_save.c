#include <string.h>

#include "runtime/base/string.h"
#include "runtime/io/model.h"
#include "runtime/io/safetensors.h"
#include "runtime/io/text.h"
#include "runtime/module/module.h"

typedef struct saving {
  lazy_state *state;
  lazyi_string path; /* of the module that is looked at, with its dot */
  lazyi_string slots, lazy;
  lazyi_map places; /* bytes of a module's or parameter's pointer -> length of the path in `firsts` + 1 */
  lazyi_string firsts;
} saving;

/* The path or key under which the object was met before; NULL, and it is noted, if this is the first. */
static lazy_status meet(saving *s, const void *object, const char *place, const char **out_first) {
  const char *bytes = (const char *)&object;
  void **found = lazyi_map_find(&s->places, bytes, sizeof object);
  if (found != NULL) {
    *out_first = s->firsts.at + (uintptr_t)*found;
    return LAZY_STATUS_OK;
  }
  size_t at = s->firsts.count;
  *out_first = NULL;
  LAZY_TRY(lazyi_map_put(&s->places, bytes, sizeof object, (void *)(uintptr_t)at));
  LAZY_TRY(lazyi_string_put(&s->firsts, place));
  return lazyi_vector_push(&s->firsts, '\0');
}

static lazy_status save_param(saving *s, lazy_param *param, const char *key) {
  const char *first;
  if (param == NULL) return lazyi_string_format(&s->slots, "none %s\n", key);
  LAZY_TRY(meet(s, param, key, &first));
  const char *dtype = lazy_dtype_name((lazy_dtype)param->dtype);
  bool lazy = param->state == LAZY_PARAM_STATE_UNSHAPED, scratch = param->is_buffer && param->not_persistent;
  if (first != NULL) return lazyi_string_format(&s->slots, "tied %s\t%s\n", key, first);
  if (scratch && !lazy) LAZY_TRY(lazyi_state_add_param(s->state, key, param));
  const char *kind = scratch                ? "scratch"
                     : param->is_buffer     ? "buffer"
                     : param->requires_grad ? "parameter"
                                            : "frozen";
  return lazyi_string_format(&s->slots, "%s %s %s %s\n", kind, lazy ? "lazy" : "real", dtype, key);
}

static lazy_status save_module(saving *s, lazy_module *module) {
  size_t stem = s->path.count;
  const char *first;
  LAZY_TRY(meet(s, module, s->path.at, &first));
  if (first != NULL) return lazyi_string_format(&s->slots, "shared %s\t%s\n", s->path.at, first);
  LAZY_TRY(lazyi_string_format(&s->slots, "module %s%s %s\n", module->load_hook ? "lazy-" : "",
                               module->training ? "train" : "eval", s->path.at));
  for (size_t i = 0; i < module->params.count; i++) {
    LAZY_TRY(lazyi_string_put(&s->path, module->params.at[i].name));
    LAZY_TRY(save_param(s, module->params.at[i].param, s->path.at));
    lazyi_string_cut(&s->path, stem);
  }
  for (size_t i = 0; i < module->children.entries.count; i++) {
    LAZY_TRY(lazyi_string_format(&s->path, "%s.", module->children.entries.at[i].name));
    LAZY_TRY(save_module(s, lazyi_module_child(module, i)));
    lazyi_string_cut(&s->path, stem);
  }
  return LAZY_STATUS_OK;
}

/* The state dict, of which the file holds what is not lazy, and a list of the rest. */
static lazy_status save_state(saving *s, const lazy_state *whole) {
  for (size_t i = 0; i < whole->entries.count; i++) {
    const lazyi_state_entry *entry = &whole->entries.at[i];
    LAZY_TRY(entry->param->state != LAZY_PARAM_STATE_UNSHAPED
                 ? lazyi_state_add_param(s->state, entry->key, entry->param)
                 : lazyi_string_format(&s->lazy, "%s %s\n", lazy_dtype_name((lazy_dtype)entry->param->dtype),
                                       entry->key));
  }
  return LAZY_STATUS_OK;
}

/* Names that the text cannot hold are found now, and not when the file is to be opened. */
static lazy_status check_text(const char *text) {
  lazyi_text_source source = {"its text", text, strlen(text)};
  lazyi_text_document document = {0};
  lazy_status status = lazyi_text_read(&source, &document);
  if (status == LAZY_STATUS_OK) lazyi_text_document_deinit(&document);
  return status;
}

/* Under the first-forward lock, so that the words and the values are of one moment. */
static lazy_status save(saving *s, lazy_module *module, const char *path, char **out_text) {
  lazy_state *whole;
  LAZY_TRY(lazyi_module_check_idle(module, "saving"));
  LAZY_TRY(lazyi_string_put(&s->path, ""));
  LAZY_TRY(lazyi_string_put(&s->lazy, ""));
  LAZY_TRY(lazyi_state_create(&s->state));
  LAZY_TRY(lazy_module_state(module, &whole));
  lazy_status status = save_state(s, whole);
  lazy_state_release(whole);
  LAZY_TRY(status);
  LAZY_TRY(save_module(s, module));
  LAZY_TRY(lazy_module_to_string(module, out_text));
  LAZY_TRY(check_text(*out_text));
  const char *const keys[] = {"format",          "lazyrt",         LAZYI_MODEL_TEXT,
                              LAZYI_MODEL_SLOTS, LAZYI_MODEL_LAZY, LAZYI_MODEL_NAME};
  const char *const values[] = {"pt",       LAZYI_SAFETENSORS_VERSION, *out_text, s->slots.at,
                                s->lazy.at, module->root_name};
  return lazy_state_save(s->state, path, keys, values, module->root_name != NULL ? 6 : 5);
}

lazy_status lazy_module_save_whole(lazy_module *module, const char *path) {
  saving s = {0};
  char *text = NULL;
  lazyi_module_lock(module);
  lazy_status status = save(&s, module, path, &text);
  lazyi_module_unlock(module);
  lazy_string_free(text);
  lazy_state_release(s.state);
  lazyi_map_deinit(&s.places);
  lazyi_vector_deinit(&s.path);
  lazyi_vector_deinit(&s.slots);
  lazyi_vector_deinit(&s.lazy);
  lazyi_vector_deinit(&s.firsts);
  return status == LAZY_STATUS_OK ? status : lazy_status_annotate(status, "saving '%s'", path);
}
