#include <stdio.h>
#include <string.h>

#include "runtime/module/hooks.h"

lazy_param *lazyi_module_param(const lazy_module *module, const char *name, size_t *out_index) {
  for (size_t i = 0; i < module->params.count; i++) {
    const char *slot = module->params.at[i].name;
    if (slot != name && strcmp(slot, name) != 0) continue;
    if (out_index != NULL) *out_index = i;
    return module->params.at[i].param;
  }
  if (out_index != NULL) *out_index = SIZE_MAX;
  return NULL;
}

const char *lazyi_module_class_name(const lazy_module *module) {
  return module->class_name != NULL ? module->class_name : module->type->name;
}

/* ---- life ---- */

lazy_module *lazy_module_retain(lazy_module *module) {
  if (module != NULL) atomic_fetch_add_explicit(&module->references, 1, memory_order_relaxed);
  return module;
}

/* The parameter goes on without its owner: what depended on the path is fixed now. */
static void disown_param(lazy_module *module, const lazyi_param_slot *slot) {
  lazy_param *param = slot->param;
  if (param->owner != module || param->owner_name != slot->name) return;
  if (param->state != LAZY_PARAM_STATE_REAL &&
      (param->queued || atomic_load_explicit(&param->references, memory_order_relaxed) > 1))
    (void)lazyi_param_path_hash(param, module, slot->name);
  param->owner = NULL;
  param->owner_name = NULL;
}

/* A child that nobody else holds keeps its parent while it goes, so that surviving parameters still know
   their path; one that lives on becomes a root. */
static void release_child(lazy_module *module, lazy_module *child) {
  if (child->parent == module && atomic_load_explicit(&child->references, memory_order_acquire) > 1) {
    child->parent = NULL;
    child->parent_name = NULL;
  }
  lazy_module_release(child);
}

void lazy_module_release(lazy_module *module) {
  if (module == NULL || atomic_fetch_sub_explicit(&module->references, 1, memory_order_acq_rel) != 1) return;
  const lazy_class *type = module->type;
  if (type->deinit != NULL) type->deinit(module);
  for (size_t i = 0; i < module->params.count; i++) {
    lazyi_param_slot *slot = &module->params.at[i];
    if (slot->param != NULL) {
      disown_param(module, slot);
      lazy_param_release(slot->param);
    }
    if (slot->owns_name) lazyi_memory_free((char *)(uintptr_t)slot->name);
  }
  for (size_t i = 0; i < module->children.entries.count; i++)
    release_child(module, lazyi_module_child(module, i));
  lazyi_map_deinit(&module->children);
  if (!module->params_inline) lazyi_memory_free(module->params.at);
  lazyi_hooks_destroy(module->hooks);
  lazyi_memory_free(module->root_name);
  lazyi_memory_free(module->class_name);
  lazyi_context_release(module->context);
  lazyi_memory_free(module);
}

lazy_status lazy_module_set_name(lazy_module *module, const char *name) {
  if (name == NULL || name[0] == '\0')
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "a root's name is not empty");
  char *copy = lazyi_memory_strdup(name);
  LAZYI_TRY_ALLOC(copy);
  lazyi_memory_free(module->root_name);
  module->root_name = copy;
  return LAZY_STATUS_OK;
}

/* ---- children ---- */

static lazy_status check_name(const lazy_module *module, const char *name, size_t *out_bytes) {
  if (name == NULL || name[0] == '\0')
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "%s: a name is not empty",
                            lazyi_module_class_name(module));
  size_t bytes = strlen(name);
  if (memchr(name, '.', bytes) != NULL)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE,
                            "%s: the name '%s' has a '.', which separates the parts of a path",
                            lazyi_module_class_name(module), name);
  *out_bytes = bytes;
  return LAZY_STATUS_OK;
}

static lazy_status busy(const lazy_module *module, const char *doing) {
  char path[LAZYI_PATH_BYTES];
  return lazy_status_fail(LAZY_STATUS_BUSY, "%s '%s' is in the middle of a first forward: %s has to wait",
                          lazyi_module_class_name(module), lazyi_module_path(module, path, sizeof path),
                          doing);
}

lazy_status lazyi_module_check_idle(const lazy_module *module, const char *doing) {
  if (module->pending) return busy(module, doing);
  for (size_t i = 0; i < module->params.count; i++)
    if (module->params.at[i].param != NULL && module->params.at[i].param->pending) return busy(module, doing);
  for (size_t i = 0; i < module->children.entries.count; i++)
    LAZY_TRY(lazyi_module_check_idle(lazyi_module_child(module, i), doing));
  return LAZY_STATUS_OK;
}

/* Levels at and below `from`; SIZE_MAX if `to` is among them. */
static size_t height(const lazy_module *from, const lazy_module *to) {
  if (from == to) return SIZE_MAX;
  size_t most = 0;
  for (size_t i = 0; i < from->children.entries.count; i++) {
    size_t below = height(lazyi_module_child(from, i), to);
    if (below == SIZE_MAX) return below;
    if (below > most) most = below;
  }
  return most + 1;
}

lazy_status lazy_module_add_child(lazy_module *module, const char *name, lazy_module *child) {
  size_t bytes, slot;
  LAZY_TRY(check_name(module, name, &bytes));
  if (child == NULL)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "%s: the child '%s' is NULL",
                            lazyi_module_class_name(module), name);
  if (child->context != module->context)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "%s: the child '%s' belongs to another context",
                            lazyi_module_class_name(module), name);
  (void)lazyi_module_param(module, name, &slot);
  if (slot != SIZE_MAX || lazyi_map_find(&module->children, name, bytes) != NULL)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "%s has a '%s' already",
                            lazyi_module_class_name(module), name);
  if (module->pending) return busy(module, "adding a child");
  LAZY_TRY(lazyi_module_check_idle(child, "giving it another parent"));
  size_t levels = height(child, module);
  if (levels == SIZE_MAX)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "%s: the child '%s' would contain itself",
                            lazyi_module_class_name(module), name);
  for (const lazy_module *at = module; at->parent != NULL; at = at->parent) levels++;
  if (levels > LAZYI_MODULE_DEPTH)
    return lazy_status_fail(LAZY_STATUS_LIMIT,
                            "%s: with the child '%s' the tree is %zu levels deep; at most %d",
                            lazyi_module_class_name(module), name, levels, LAZYI_MODULE_DEPTH);
  LAZY_TRY(lazyi_map_put(&module->children, name, bytes, child));
  (void)lazy_module_retain(child);
  if (child->parent == NULL) {
    child->parent = module;
    child->parent_name = module->children.entries.at[module->children.entries.count - 1].name;
  }
  return LAZY_STATUS_OK;
}

lazy_status lazy_module_give_child(lazy_module *module, const char *name, lazy_module *child) {
  lazy_status status = lazy_module_add_child(module, name, child);
  lazy_module_release(child);
  return status;
}

size_t lazy_module_child_count(const lazy_module *module) { return module->children.entries.count; }

lazy_module *lazy_module_child_at(const lazy_module *module, size_t index) {
  return index < module->children.entries.count ? lazyi_module_child(module, index) : NULL;
}

const char *lazy_module_child_name(const lazy_module *module, size_t index) {
  return index < module->children.entries.count ? module->children.entries.at[index].name : NULL;
}

/* Follows `bytes` characters of a dotted path. */
static lazy_status descend(const lazy_module *module, const char *path, size_t bytes,
                           lazy_module **out_module) {
  lazy_module *at = (lazy_module *)(uintptr_t)module;
  for (size_t start = 0; start < bytes;) {
    const char *dot = memchr(path + start, '.', bytes - start);
    size_t part = dot != NULL ? (size_t)(dot - path) - start : bytes - start;
    void **found = lazyi_map_find(&at->children, path + start, part);
    if (found == NULL)
      return lazy_status_fail(LAZY_STATUS_NOT_FOUND, "'%.*s': %s has no child '%.*s'", (int)bytes, path,
                              lazyi_module_class_name(at), (int)part, path + start);
    at = *found;
    start += part + 1;
  }
  *out_module = at;
  return LAZY_STATUS_OK;
}

lazy_status lazy_module_find(const lazy_module *module, const char *path, lazy_module **out_module) {
  return descend(module, path, strlen(path), out_module);
}

lazy_status lazy_module_find_param(const lazy_module *module, const char *path, lazy_param **out_param) {
  const char *dot = strrchr(path, '.');
  lazy_module *owner = NULL;
  LAZY_TRY(descend(module, path, dot != NULL ? (size_t)(dot - path) : 0, &owner));
  const char *name = dot != NULL ? dot + 1 : path;
  size_t slot;
  lazy_param *param = lazyi_module_param(owner, name, &slot);
  if (param == NULL)
    return lazy_status_fail(LAZY_STATUS_NOT_FOUND, "'%s': %s %s '%s'", path, lazyi_module_class_name(owner),
                            slot != SIZE_MAX ? "was made without" : "has no parameter or buffer", name);
  *out_param = param;
  return LAZY_STATUS_OK;
}

/* ---- parameters ---- */

static lazy_status grow_params(lazy_module *module) {
  size_t capacity = module->params.capacity + module->params.capacity / 2 + 4;
  lazyi_param_slot *old = module->params_inline ? NULL : module->params.at;
  lazyi_param_slot *at = lazyi_memory_realloc(old, capacity * sizeof *at);
  LAZYI_TRY_ALLOC(at);
  if (module->params_inline && module->params.count > 0)
    memcpy(at, module->params.at, module->params.count * sizeof *at);
  module->params.at = at;
  module->params.capacity = capacity;
  module->params_inline = false;
  return LAZY_STATUS_OK;
}

static void own_param(lazy_module *module, const char *name, lazy_param *param) {
  if (param == NULL) return;
  (void)lazy_param_retain(param);
  if (param->owner != NULL || param->path_hash != 0) return;
  param->owner = module;
  param->owner_name = name;
}

lazy_status lazyi_module_register(lazy_module *module, const char *name, bool copy_name, lazy_param *param) {
  if (module->params.count == module->params.capacity) LAZY_TRY(grow_params(module));
  if (copy_name) {
    name = lazyi_memory_strdup(name);
    LAZYI_TRY_ALLOC(name);
  }
  own_param(module, name, param);
  module->params.at[module->params.count++] = (lazyi_param_slot){name, param, copy_name};
  return LAZY_STATUS_OK;
}

lazy_status lazy_module_set_param(lazy_module *module, const char *name, lazy_param *param) {
  size_t bytes, index;
  LAZY_TRY(check_name(module, name, &bytes));
  if (module->pending || (param != NULL && param->pending)) return busy(module, "setting a parameter");
  if (param != NULL && param->context != module->context)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "%s: the parameter '%s' belongs to another context",
                            lazyi_module_class_name(module), name);
  (void)lazyi_module_param(module, name, &index);
  if (index == SIZE_MAX) {
    if (lazyi_map_find(&module->children, name, bytes) != NULL)
      return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "%s has a child '%s' already",
                              lazyi_module_class_name(module), name);
    return lazyi_module_register(module, name, true, param);
  }
  lazyi_param_slot *slot = &module->params.at[index];
  if (slot->param == param) return LAZY_STATUS_OK;
  lazyi_param_slot old = *slot;
  own_param(module, slot->name, param);
  slot->param = param;
  if (old.param != NULL) {
    disown_param(module, &old);
    lazy_param_release(old.param);
  }
  return LAZY_STATUS_OK;
}

size_t lazy_module_param_count(const lazy_module *module) { return module->params.count; }

lazy_param *lazy_module_param_at(const lazy_module *module, size_t index) {
  return index < module->params.count ? module->params.at[index].param : NULL;
}

const char *lazy_module_param_name(const lazy_module *module, size_t index) {
  return index < module->params.count ? module->params.at[index].name : NULL;
}

/* ---- paths and walks ---- */

static size_t write_path(const lazy_module *module, char *buffer, size_t bytes) {
  if (module->parent == NULL) return 0;
  size_t at = write_path(module->parent, buffer, bytes);
  int wrote = snprintf(at < bytes ? buffer + at : NULL, at < bytes ? bytes - at : 0, at > 0 ? ".%s" : "%s",
                       module->parent_name);
  return at + (wrote > 0 ? (size_t)wrote : 0);
}

const char *lazyi_module_path(const lazy_module *module, char *buffer, size_t bytes) {
  buffer[0] = '\0';
  if (write_path(module, buffer, bytes) >= bytes && bytes > 4) memcpy(buffer + bytes - 4, "...", 4);
  return buffer;
}

typedef struct walker {
  LAZYI_VECTOR(char) path;
  lazy_module_visit visit;
  void *user;
} walker;

static lazy_status walk(walker *w, lazy_module *module) {
  LAZY_TRY(w->visit(module, w->path.at, w->user));
  size_t stem = w->path.count; /* without the terminator */
  for (size_t i = 0; i < module->children.entries.count; i++) {
    const lazyi_map_entry *entry = &module->children.entries.at[i];
    size_t dot = stem > 0;
    LAZY_TRY(lazyi_vector_reserve(&w->path, dot + entry->name_bytes + 1));
    if (dot) w->path.at[stem] = '.';
    memcpy(w->path.at + stem + dot, entry->name, entry->name_bytes + 1);
    w->path.count = stem + dot + entry->name_bytes;
    LAZY_TRY(walk(w, entry->value));
    w->path.count = stem;
    w->path.at[stem] = '\0';
  }
  return LAZY_STATUS_OK;
}

lazy_status lazy_module_walk(lazy_module *module, lazy_module_visit visit, void *user) {
  walker w = {.visit = visit, .user = user};
  LAZY_TRY(lazyi_vector_reserve(&w.path, 64));
  w.path.at[0] = '\0';
  lazy_status status = walk(&w, module);
  lazyi_vector_deinit(&w.path);
  return status;
}

/* ---- state ---- */

const lazy_class *lazy_module_class(const lazy_module *module) {
  lazyi_module_lock(module);
  const lazy_class *type = module->type;
  lazyi_module_unlock(module);
  return type;
}
lazy_context *lazy_module_context(const lazy_module *module) { return module->context; }
void *lazy_module_self(lazy_module *module) { return module->self; }
bool lazy_module_is_lazy(const lazy_module *module) {
  lazyi_module_lock(module);
  bool is_lazy = module->initialize_hook || module->load_hook;
  lazyi_module_unlock(module);
  return is_lazy;
}
bool lazy_module_is_training(const lazy_module *module) { return module->training; }

bool lazy_module_has_uninitialized_params(const lazy_module *module) {
  bool has = false;
  lazyi_module_lock(module);
  for (size_t i = 0; i < module->params.count && !has; i++)
    has =
        module->params.at[i].param != NULL && module->params.at[i].param->state == LAZY_PARAM_STATE_UNSHAPED;
  lazyi_module_unlock(module);
  return has;
}

void lazy_module_set_training(lazy_module *module, bool training) {
  module->training = training;
  for (size_t i = 0; i < module->children.entries.count; i++)
    lazy_module_set_training(lazyi_module_child(module, i), training);
}
