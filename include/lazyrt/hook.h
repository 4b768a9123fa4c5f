/* Forward hooks, as torch.nn.Module has them. They run while a call is recorded, at every call. */
#ifndef LAZYRT_HOOK_H
#define LAZYRT_HOOK_H

#include <lazyrt/status.h>
#include <lazyrt/value.h>

#ifdef __cplusplus
extern "C" {
#endif

struct lazy_module;
struct lazy_context;
typedef struct lazy_recorder lazy_recorder;

/* What a hook sees. Fields are read-only; args and output are replaced through the two functions below. */
typedef struct lazy_hook_event {
  lazy_recorder *recorder;
  struct lazy_module *module; /* of its class at this moment: after the lazy hook, the ordinary one */
  const lazy_args *args;      /* keywords only for hooks registered with LAZY_HOOK_KEYWORDS */
  lazy_value output;          /* forward hooks; NONE if forward never returned */
  struct lazyi_hook_frame *frame;
} lazy_hook_event;

/* Fails the call by returning a status (lazy_status_fail for the words). */
typedef lazy_status (*lazy_hook)(lazy_hook_event *event, void *user);

/* Copies the arguments; later hooks, inference and forward see them. Pre-hooks only. */
LAZY_CHECKED lazy_status lazy_hook_set_args(lazy_hook_event *event, const lazy_args *args);
/* Replaces the call's result. Forward hooks only. */
LAZY_CHECKED lazy_status lazy_hook_set_output(lazy_hook_event *event, lazy_value output);

enum {
  LAZY_HOOK_PREPEND = 1,     /* before the hooks registered so far, the lazy one included */
  LAZY_HOOK_KEYWORDS = 2,    /* sees and replaces keyword arguments too */
  LAZY_HOOK_ALWAYS_CALL = 4, /* forward hooks: also when the call failed, with output NONE */
};

/* Names a registration; drawn from one counter of the context. */
typedef uint64_t lazy_hook_id;

LAZY_CHECKED lazy_status lazy_module_add_forward_pre_hook(struct lazy_module *module, lazy_hook hook,
                                                          void *user, unsigned flags, lazy_hook_id *out_id);
LAZY_CHECKED lazy_status lazy_module_add_forward_hook(struct lazy_module *module, lazy_hook hook, void *user,
                                                      unsigned flags, lazy_hook_id *out_id);
/* For every module of the context; they run before a module's own, and never see keywords. */
LAZY_CHECKED lazy_status lazy_context_add_forward_pre_hook(struct lazy_context *context, lazy_hook hook,
                                                           void *user, lazy_hook_id *out_id);
LAZY_CHECKED lazy_status lazy_context_add_forward_hook(struct lazy_context *context, lazy_hook hook,
                                                       void *user, unsigned flags, lazy_hook_id *out_id);
/* Removes a hook of any kind, load hooks too; an id not there is a no-op. Allowed inside a hook: tables are
   iterated over a snapshot. */
LAZY_API void lazy_module_remove_hook(struct lazy_module *module, lazy_hook_id id);
LAZY_API void lazy_context_remove_hook(struct lazy_context *context, lazy_hook_id id);

#ifdef __cplusplus
}
#endif
#endif
