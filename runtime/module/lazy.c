#include "runtime/module/lazy.h"

lazy_status lazyi_lazy_finalise(lazyi_journal *journal, lazy_module *module) {
  const lazy_class *type = module->type;
  LAZY_TRY(lazyi_journal_save_module(journal, module));
  module->lazy_type = type;
  module->initialize_hook = module->load_hook = false;
  if (type->becomes != NULL) module->type = type->becomes;
  return LAZY_STATUS_OK;
}

lazy_status lazyi_lazy_initialize(lazy_recorder *recorder, lazy_module *module, const lazy_args *args,
                                  bool hooks_follow) {
  if (!module->initialize_hook) return LAZY_STATUS_OK;
  lazy_args bound;
  LAZY_TRY(lazyi_infer_bind(recorder, module->type, args, &bound));
  const lazy_class *type = module->type;
  if (type->infer != NULL && (hooks_follow || !type->infers_for_hooks))
    LAZY_TRY(lazyi_infer_run(recorder, module, &bound));
  LAZY_TRY(lazyi_lazy_finalise(recorder->journal, module));
  return recorder->methods->pend(recorder, module);
}

lazy_status lazyi_lazy_unsettled(const lazy_module *module, const lazy_param *param, const char *name) {
  const lazy_class *type = module->lazy_type != NULL ? module->lazy_type : module->type;
  char path[LAZYI_PATH_BYTES];
  return lazy_status_fail(LAZY_STATUS_INVALID_STATE,
                          "module %s '%s' has not been fully initialized: nothing in the call settles the "
                          "shape of its %s '%s'; run a forward pass of a class that does, or load it",
                          type->name, lazyi_module_path(module, path, sizeof path), lazyi_param_kind(param),
                          name);
}

lazy_status lazyi_lazy_check(const lazy_module *module) {
  for (size_t i = 0; i < module->params.count; i++) {
    const lazyi_param_slot *slot = &module->params.at[i];
    if (slot->param != NULL && slot->param->state == LAZY_PARAM_STATE_UNSHAPED)
      return lazyi_lazy_unsettled(module, slot->param, slot->name);
  }
  return LAZY_STATUS_OK;
}

lazy_status lazyi_lazy_settle(lazy_module *module) {
  const lazy_class *type = module->lazy_type;
  if (type != NULL && type->settle != NULL) return type->settle(module);
  return module->type->settle != NULL ? module->type->settle(module) : LAZY_STATUS_OK;
}
