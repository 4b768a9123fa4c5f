/* Inside of lazy_module. */
#ifndef LAZYI_MODULE_MODULE_H
#define LAZYI_MODULE_MODULE_H

#include <lazyrt/module.h>
#include <stdatomic.h>

#include "runtime/base/map.h"
#include "runtime/module/param.h"
#include "runtime/tensor/context.h"

/* Hook tables exist only for modules that have user hooks. */
typedef struct lazyi_hooks lazyi_hooks;

typedef struct lazyi_param_slot {
  const char *name;  /* the class's, or owned where owns_name */
  lazy_param *param; /* held; NULL = registered as none */
  bool owns_name;
} lazyi_param_slot;

/* Levels of a tree below its root. */
enum { LAZYI_MODULE_DEPTH = 256 };

struct lazy_module {
  atomic_uint references;
  bool training;
  bool initialize_hook; /* the mixin's forward pre-hook is in place */
  bool load_hook;       /* the mixin's load pre-hook is in place */
  bool pending;         /* settled under a journal that is not empty yet */
  bool constructing;
  bool params_inline;     /* the slots lie behind `self` still */
  uint32_t lazy_position; /* pre-hooks of the table that run before the lazy one (prepended ones) */
  const lazy_class *type;
  const lazy_class *lazy_type; /* the lazy class a pending module was; else NULL */
  lazy_context *context;       /* held */
  lazy_module *parent;         /* the first one that took it, not held; NULL for a root */
  const char *parent_name;     /* under which; owned by the parent's map */
  char *root_name;             /* NULL = "#<ordinal>" */
  char *class_name; /* shown instead of type->name: a container that text called LazyMLP; NULL otherwise */
  uint64_t ordinal; /* of construction in the context */
  struct {
    lazyi_param_slot *at;
    size_t count, capacity;
  } params;
  lazyi_map children; /* name -> lazy_module, held; nothing is ever removed, so entry i is child i */
  lazyi_hooks *hooks; /* NULL = no user hooks */
  _Alignas(16) unsigned char self[]; /* type->self_bytes */
};

/* The parameter registered under `name` (NULL if none or registered as none); out_index may be NULL. It is
   SIZE_MAX where nothing is registered under the name. */
lazy_param *lazyi_module_param(const lazy_module *module, const char *name, size_t *out_index);
/* Appends a slot; `param` is retained, `name` copied if `copy_name`. */
LAZY_MUST_USE lazy_status lazyi_module_register(lazy_module *module, const char *name, bool copy_name,
                                                lazy_param *param);
/* "encoder.fc1", "" for a root: by first parents. Written into `buffer`, cut with "..." if it does not fit.
 */
const char *lazyi_module_path(const lazy_module *module, char *buffer, size_t bytes);
enum { LAZYI_PATH_BYTES = 256 };
/* Key of the keyed stream for one of the module's parameters: root name and path parts. */
uint64_t lazyi_module_path_hash(const lazy_module *module, const char *param_name);
/* class_name if set, else type->name. */
const char *lazyi_module_class_name(const lazy_module *module);
/* BUSY, naming it, if anything at or below `module` is in the middle of a first forward. `doing` is for the
 * message. */
LAZY_MUST_USE lazy_status lazyi_module_check_idle(const lazy_module *module, const char *doing);

/* For reading, on any thread, what first forwards change: class, lazy hooks, options. Re-entrant. */
static inline void lazyi_module_lock(const lazy_module *module) {
  pthread_mutex_lock(&module->context->core->first_forward);
}
static inline void lazyi_module_unlock(const lazy_module *module) {
  pthread_mutex_unlock(&module->context->core->first_forward);
}

static inline lazy_module *lazyi_module_child(const lazy_module *module, size_t index) {
  return module->children.entries.at[index].value;
}

#endif
