/* Modules: a tree of classes, parameters, buffers, children and hooks; torch.nn.Module with LazyModuleMixin.
 */
#ifndef LAZYRT_MODULE_H
#define LAZYRT_MODULE_H

#include <stdio.h>

#include <lazyrt/class.h>
#include <lazyrt/hook.h>
#include <lazyrt/param.h>
#include <lazyrt/report.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- making ---- */

/* Makes a module of `type`. `options` is the class's options struct (struct lazy_linear for LAZY_LINEAR,
   ...), copied; NULL takes every default. A required option that is missing, or a value the class refuses, is
   INVALID_VALUE. */
LAZY_CHECKED lazy_status lazy_module_create(lazy_context *context, const lazy_class *type,
                                            const void *options, lazy_module **out_module);
/* Reads a model as PyTorch prints it: `Net(\n  (fc1): LazyLinear(out_features=10)\n ...)`. Printed and
   constructor forms; `#` comments; a class name not known, with children, is a container that runs them in
   order. PARSE with line, column and a caret otherwise. */
LAZY_CHECKED lazy_status lazy_module_parse(lazy_context *context, const char *text, lazy_module **out_module);
/* The same, with messages that start "file_name:line:column: "; the name is only shown, no file is opened. */
LAZY_CHECKED lazy_status lazy_module_parse_named(lazy_context *context, const char *text,
                                                 const char *file_name, lazy_module **out_module);
LAZY_API lazy_module *lazy_module_retain(lazy_module *module);
/* Frees it, and lets go of children and parameters, when the last hold is gone. NULL is a no-op. */
LAZY_API void lazy_module_release(lazy_module *module);

/* The name a root has in keys of the keyed stream; without one it takes its creation ordinal in the context.
 */
LAZY_CHECKED lazy_status lazy_module_set_name(lazy_module *module, const char *name);

/* ---- tree ---- */

/* Adds a child (retained). Names are non-empty, without '.', unique among parameters, buffers and children.
   The same child may have several names and parents. */
LAZY_CHECKED lazy_status lazy_module_add_child(lazy_module *module, const char *name, lazy_module *child);
/* The same, dropping the caller's hold on `child` whether or not it worked, so that calls nest:
     LAZY_TRY(lazy_module_give_child(net, "fc", fc)); */
LAZY_CHECKED lazy_status lazy_module_give_child(lazy_module *module, const char *name, lazy_module *child);
LAZY_API size_t lazy_module_child_count(const lazy_module *module);
LAZY_API lazy_module *lazy_module_child_at(const lazy_module *module, size_t index); /* borrowed */
LAZY_API const char *lazy_module_child_name(const lazy_module *module, size_t index);
/* By dotted path ("encoder.0.fc1"); "" is the module itself. Borrowed; NOT_FOUND names the part that is not
 * there. */
LAZY_CHECKED lazy_status lazy_module_find(const lazy_module *module, const char *path,
                                          lazy_module **out_module);

/* Parameters and buffers in registration order; NULL at a slot that is registered as none (bias=False). */
LAZY_API size_t lazy_module_param_count(const lazy_module *module);
LAZY_API lazy_param *lazy_module_param_at(const lazy_module *module, size_t index); /* borrowed */
LAZY_API const char *lazy_module_param_name(const lazy_module *module, size_t index);
/* By dotted path ("fc1.weight"). Borrowed. */
LAZY_CHECKED lazy_status lazy_module_find_param(const lazy_module *module, const char *path,
                                                lazy_param **out_param);
/* Registers a parameter or buffer (retained), or puts another in a registered slot: how weights are tied.
   NULL registers none. INVALID_STATE while the module is pending; a shape the class refuses is found at the
   next call. */
LAZY_CHECKED lazy_status lazy_module_set_param(lazy_module *module, const char *name, lazy_param *param);

/* Calls `visit` for the module and everything below it, parents first, children in order, once per path.
   A visit that fails ends the walk with its status. */
typedef lazy_status (*lazy_module_visit)(lazy_module *module, const char *path, void *user);
LAZY_CHECKED lazy_status lazy_module_walk(lazy_module *module, lazy_module_visit visit, void *user);

/* ---- state ---- */

LAZY_API const lazy_class *lazy_module_class(const lazy_module *module);
LAZY_API lazy_context *lazy_module_context(const lazy_module *module);
/* The class's own struct inside the module (struct lazy_linear *, ...). */
LAZY_API void *lazy_module_self(lazy_module *module);
LAZY_API bool lazy_module_is_lazy(const lazy_module *module);
/* Own parameters and buffers only, as PyTorch's has_uninitialized_params. */
LAZY_API bool lazy_module_has_uninitialized_params(const lazy_module *module);
/* Training mode of the module and everything below it; true at construction. */
LAZY_API void lazy_module_set_training(lazy_module *module, bool training);
LAZY_API bool lazy_module_is_training(const lazy_module *module);

/* Everything in the tree that is still lazy. The report is released with lazy_report_release. */
LAZY_CHECKED lazy_status lazy_module_report_lazy(lazy_module *module, lazy_report **out_report);

/* Converts floating parameters and buffers of the whole tree, unshaped, shaped or real; integers stay. All or
   nothing. INVALID_TYPE for an integer dtype, BUSY while a module of the tree is pending. */
LAZY_CHECKED lazy_status lazy_module_convert(lazy_module *module, lazy_dtype dtype);

/* nn.DataParallel's step: INVALID_STATE with PyTorch's words ("... uninitialized parameters ...") while
   anything in the tree is lazy, else UNSUPPORTED for more than one device. */
LAZY_CHECKED lazy_status lazy_module_replicate(lazy_module *module, int device_count);

/* nn.utils.weight_norm and spectral_norm of the parameter `name`: INVALID_VALUE with PyTorch's words ("...
   have uninitialized parameters.") while it is unshaped, NOT_FOUND if there is none, else UNSUPPORTED. */
LAZY_CHECKED lazy_status lazy_module_weight_norm(lazy_module *module, const char *name);
LAZY_CHECKED lazy_status lazy_module_spectral_norm(lazy_module *module, const char *name);

/* Prints the tree as PyTorch's repr does, without a trailing newline on the last ')'; then one newline. */
LAZY_CHECKED lazy_status lazy_module_print(const lazy_module *module, FILE *stream);
/* The same text in memory; freed with lazy_string_free. */
LAZY_CHECKED lazy_status lazy_module_to_string(const lazy_module *module, char **out_text);
LAZY_API void lazy_string_free(char *text);

#ifdef __cplusplus
}
#endif
#endif
