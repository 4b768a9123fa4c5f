#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "runtime/module/module.h"

/* Every part is hashed with the hash of those before it as seed: "a" + "bc" and "ab" + "c" differ. */
static uint64_t add_part(uint64_t hash, const char *part) {
  return XXH3_64bits_withSeed(part, strlen(part), hash);
}

static uint64_t hash_module(const lazy_module *module) {
  if (module->parent != NULL) return add_part(hash_module(module->parent), module->parent_name);
  if (module->root_name != NULL) return add_part(0, module->root_name);
  char ordinal[24];
  (void)snprintf(ordinal, sizeof ordinal, "#%llu", (unsigned long long)module->ordinal);
  return add_part(0, ordinal);
}

uint64_t lazyi_module_path_hash(const lazy_module *module, const char *param_name) {
  return add_part(hash_module(module), param_name);
}

uint64_t lazyi_param_path_hash(lazy_param *param, const lazy_module *module, const char *name) {
  if (param->path_hash == 0) param->path_hash = lazyi_module_path_hash(module, name);
  return param->path_hash;
}
