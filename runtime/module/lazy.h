/* The mixin: what makes a class lazy. Hooks, checks, class swap; no maths and no memory. */
#ifndef LAZYI_MODULE_LAZY_H
#define LAZYI_MODULE_LAZY_H

#include "runtime/module/recorder.h"

/* The forward pre-hook: binds the arguments, infers, finalises through the recorder's journal, hands over to
   `pend`. A no-op for a module without the hook. `hooks_follow`: user hooks run before forward does. */
LAZY_MUST_USE lazy_status lazyi_lazy_initialize(lazy_recorder *recorder, lazy_module *module,
                                                const lazy_args *args, bool hooks_follow);
/* Takes both lazy hooks out and swaps the class (where there is one to become). */
LAZY_MUST_USE lazy_status lazyi_lazy_finalise(lazyi_journal *journal, lazy_module *module);

/* For the recorder, once a pending module's parameters have their shapes: INVALID_STATE, naming module and
   parameter, if something of its own is unshaped all the same. */
lazy_status lazyi_lazy_unsettled(const lazy_module *module, const lazy_param *param, const char *name);
LAZY_MUST_USE lazy_status lazyi_lazy_check(const lazy_module *module);
/* Then: the options that follow from the shapes (in_features), by the lazy class's `settle`, else by the
   ordinary one's. */
LAZY_MUST_USE lazy_status lazyi_lazy_settle(lazy_module *module);

/* `args` with keywords bound to the class's argument names, in the recorder's memory where anything has to
   move: positional only, NONE in gaps. INVALID_TYPE for an unknown name, one given twice, and one too many.
 */
LAZY_MUST_USE lazy_status lazyi_infer_bind(lazy_recorder *recorder, const lazy_class *type,
                                           const lazy_args *args, lazy_args *out_args);
/* Runs the class's `infer` on bound arguments. */
LAZY_MUST_USE lazy_status lazyi_infer_run(lazy_recorder *recorder, lazy_module *module,
                                          const lazy_args *bound);

#endif
