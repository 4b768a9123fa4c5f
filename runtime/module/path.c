#include <stdio.h>

#include "runtime/init/key.h"
#include "runtime/module/module.h"

uint64_t lazyi_module_path_hash(const lazy_module *module, const char *param_name) {
  /* Trees are at most LAZYI_MODULE_DEPTH deep: add_child sees to it. */
  const char *parts[LAZYI_MODULE_DEPTH + 2];
  size_t first = LAZYI_MODULE_DEPTH + 2;
  char ordinal[24];
  parts[--first] = param_name;
  for (; module->parent != NULL && first > 1; module = module->parent) parts[--first] = module->parent_name;
  if (module->root_name != NULL) {
    parts[--first] = module->root_name;
  } else {
    (void)snprintf(ordinal, sizeof ordinal, "#%llu", (unsigned long long)module->ordinal);
    parts[--first] = ordinal;
  }
  return lazyi_key_hash_parts(parts + first, NULL, LAZYI_MODULE_DEPTH + 2 - first);
}

uint64_t lazyi_param_path_hash(lazy_param *param, const lazy_module *module, const char *name) {
  if (param->path_hash == 0) param->path_hash = lazyi_module_path_hash(module, name);
  return param->path_hash;
}
