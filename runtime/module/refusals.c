/* What a lazy module or parameter refuses with PyTorch's words. */
#include <lazyrt/dlpack.h>

#include "runtime/module/module.h"

lazy_status lazy_param_to_dlpack(lazy_param *param, const lazy_dlpack_options *options,
                                 struct DLManagedTensorVersioned **out_tensor) {
  lazy_array *array;
  if (lazy_param_get_state(param) == LAZY_PARAM_STATE_UNSHAPED)
    return lazy_status_fail(LAZY_STATUS_INVALID_STATE,
                            "cannot share memory on an uninitialized %s: it has none; call forward first",
                            lazyi_param_kind(param));
  LAZY_TRY(lazy_param_array(param, &array));
  lazy_status status = lazy_array_to_dlpack(array, options, out_tensor);
  lazy_array_release(array);
  return status;
}

static lazy_status reparametrize(const lazy_module *module, const char *name, const char *what) {
  lazy_param *param;
  LAZY_TRY(lazy_module_find_param(module, name, &param));
  if (lazy_param_get_state(param) == LAZY_PARAM_STATE_UNSHAPED)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE,
                            "%s: the module must not have uninitialized parameters. '%s' of %s is one; call "
                            "forward or dry_run first",
                            what, name, lazyi_module_class_name(module));
  return lazy_status_fail(LAZY_STATUS_UNSUPPORTED, "%s of '%s' of %s", what, name,
                          lazyi_module_class_name(module));
}

lazy_status lazy_module_weight_norm(lazy_module *module, const char *name) {
  return reparametrize(module, name, "WeightNorm");
}

lazy_status lazy_module_spectral_norm(lazy_module *module, const char *name) {
  return reparametrize(module, name, "SpectralNorm");
}

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
