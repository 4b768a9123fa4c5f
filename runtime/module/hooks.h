/* Hook tables of modules and contexts. */
#ifndef LAZYI_MODULE_HOOKS_H
#define LAZYI_MODULE_HOOKS_H

#include <lazyrt/state.h>

#include "runtime/module/module.h"

typedef struct lazyi_hook_entry {
  lazy_hook_id id;
  lazy_hook hook;
  void *user;
  unsigned flags;
} lazyi_hook_entry;

typedef struct lazyi_load_hook_entry {
  lazy_hook_id id;
  lazy_load_hook hook;
  void *user;
} lazyi_load_hook_entry;

/* In the order they run. */
typedef LAZYI_VECTOR(lazyi_hook_entry) lazyi_hook_table;
typedef LAZYI_VECTOR(lazyi_load_hook_entry) lazyi_load_hook_table;

struct lazyi_hooks {
  lazyi_hook_table pre, post;
  lazyi_load_hook_table load_pre, load_post;
};

/* NULL is a no-op. */
void lazyi_hooks_destroy(lazyi_hooks *hooks);

#endif
