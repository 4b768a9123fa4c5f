/* Inside of lazy_module. */
#ifndef LAZYI_MODULE_MODULE_H
#define LAZYI_MODULE_MODULE_H

#include <lazyrt/module.h>
#include <stdatomic.h>

#include "runtime/base/vector.h"
#include "runtime/module/param.h"

/* Hook tables exist only for modules that have user hooks. */
typedef struct lazyi_hooks lazyi_hooks;

typedef struct lazyi_param_slot {
  const char *name; /* the class's, or owned where owns_name */
  lazy_param *param; /* held; NULL = registered as none */
  bool owns_name;
} lazyi_param_slot;

typedef struct lazyi_child_slot {
  char *name;          /* owned */
  lazy_module *module; /* held */
} lazyi_child_slot;

struct lazy_module {
  atomic_uint references;
  const lazy_class *type;
  lazy_context *context; /* held */
  lazy_module *parent;   /* the first one that took it, not held; NULL for a root */
  const char *parent_name; /* under which; owned by the parent's slot */
  char *root_name;       /* NULL = "#<ordinal>" */
  char *class_name;      /* shown instead of type->name: a container that text called LazyMLP; NULL otherwise */
  uint64_t ordinal;      /* of construction in the context */
  LAZYI_VECTOR(lazyi_param_slot) params;
  LAZYI_VECTOR(lazyi_child_slot) children;
  lazyi_hooks *hooks;    /* NULL = no user hooks */
  bool training;
  bool initialize_hook;  /* the mixin's forward pre-hook is in place */
  bool load_hook;        /* the mixin's load pre-hook is in place */
  bool pending;          /* settled by a recording that has not committed */
  uint32_t lazy_position; /* pre-hooks of the table that run before the lazy one (prepended ones) */
  _Alignas(16) unsigned char self[]; /* type->self_bytes */
};

/* The parameter registered under `name` (NULL if none or registered as none); out_index may be NULL. */
lazy_param *lazyi_module_param(const lazy_module *module, const char *name, size_t *out_index);
/* "encoder.fc1", "" for a root: by first parents. Written into `buffer`, cut with "..." if it does not fit. */
const char *lazyi_module_path(const lazy_module *module, char *buffer, size_t bytes);
/* Key of the keyed stream for one of the module's parameters: root name and path parts. */
uint64_t lazyi_module_path_hash(const lazy_module *module, const char *param_name);
/* class_name if set, else type->name. */
const char *lazyi_module_class_name(const lazy_module *module);

#endif
