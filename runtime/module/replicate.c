#include "runtime/module/module.h"

static lazy_status check_module(lazy_module *module, const char *path, void *user) {
  (void)user;
  if (!lazy_module_is_lazy(module) && !lazy_module_has_uninitialized_params(module)) return LAZY_STATUS_OK;
  return lazy_status_fail(
      LAZY_STATUS_INVALID_STATE,
      "modules with uninitialized parameters cannot be replicated: %s '%s' is lazy still; call "
      "forward or dry_run first",
      lazyi_module_class_name(module), path);
}

lazy_status lazy_module_replicate(lazy_module *module, int device_count) {
  if (device_count < 1)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "replicas on %d devices; at least 1", device_count);
  LAZY_TRY(lazy_module_walk(module, check_module, NULL));
  if (device_count == 1) return LAZY_STATUS_OK;
  return lazy_status_fail(LAZY_STATUS_UNSUPPORTED, "replicas on %d devices; a context has one device",
                          device_count);
}
