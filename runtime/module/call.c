/* The call protocol of torch.nn.Module (_call_impl), with the mixin's hook in its place among the pre-hooks.
 */
#include <stdio.h>
#include <string.h>

#include "runtime/module/hooks.h"
#include "runtime/module/lazy.h"

typedef struct call {
  lazy_recorder *recorder;
  lazy_module *module;
  lazy_args args;    /* as the hooks left them so far */
  lazy_value output; /* NONE until forward returned */
} call;

/* What the two hook functions below reach through an event. */
struct lazyi_hook_frame {
  call *call;
  lazy_args seen;
  bool is_pre, keywords;
};

/* Hooks as they stood at one moment, in the recording's memory: hooks may add and remove hooks meanwhile. */
typedef struct snapshot {
  const lazyi_hook_entry *at;
  size_t count, global_count;
} snapshot;

static lazy_status take_snapshot(call *c, bool post, snapshot *out_snapshot) {
  const lazyi_hooks *global = c->recorder->context->global_hooks, *own = c->module->hooks;
  static const lazyi_hook_table none;
  const lazyi_hook_table *first = global == NULL ? &none : post ? &global->post : &global->pre;
  const lazyi_hook_table *second = own == NULL ? &none : post ? &own->post : &own->pre;
  *out_snapshot = (snapshot){.count = first->count + second->count, .global_count = first->count};
  if (out_snapshot->count == 0) return LAZY_STATUS_OK;
  lazyi_hook_entry *at = c->recorder->allocate(c->recorder, out_snapshot->count * sizeof *at);
  if (at == NULL) return LAZY_STATUS_OUT_OF_MEMORY;
  if (first->count > 0) memcpy(at, first->at, first->count * sizeof *at);
  if (second->count > 0) memcpy(at + first->count, second->at, second->count * sizeof *at);
  out_snapshot->at = at;
  return LAZY_STATUS_OK;
}

/* ---- what hooks may change ---- */

static lazy_status copy_values(lazy_recorder *recorder, const lazy_value *at, size_t count,
                               const lazy_value **out_at) {
  *out_at = NULL;
  if (count == 0) return LAZY_STATUS_OK;
  lazy_value *copy = recorder->allocate(recorder, count * sizeof *copy);
  if (copy == NULL) return LAZY_STATUS_OUT_OF_MEMORY;
  for (size_t i = 0; i < count; i++) {
    copy[i] = at[i];
    if (at[i].kind == LAZY_VALUE_TUPLE)
      LAZY_TRY(copy_values(recorder, at[i].as.tuple.at, at[i].as.tuple.count, &copy[i].as.tuple.at));
  }
  *out_at = copy;
  return LAZY_STATUS_OK;
}

static lazy_status copy_keywords(lazy_recorder *recorder, const lazy_args *args,
                                 const lazy_keyword **out_keywords) {
  *out_keywords = NULL;
  if (args->keyword_count == 0) return LAZY_STATUS_OK;
  lazy_keyword *copy = recorder->allocate(recorder, args->keyword_count * sizeof *copy);
  if (copy == NULL) return LAZY_STATUS_OUT_OF_MEMORY;
  for (size_t i = 0; i < args->keyword_count; i++) {
    size_t bytes = strlen(args->keywords[i].name) + 1;
    char *name = recorder->allocate(recorder, bytes);
    if (name == NULL) return LAZY_STATUS_OUT_OF_MEMORY;
    memcpy(name, args->keywords[i].name, bytes);
    copy[i].name = name;
    const lazy_value *value;
    LAZY_TRY(copy_values(recorder, &args->keywords[i].value, 1, &value));
    copy[i].value = *value;
  }
  *out_keywords = copy;
  return LAZY_STATUS_OK;
}

lazy_status lazy_hook_set_args(lazy_hook_event *event, const lazy_args *args) {
  struct lazyi_hook_frame *frame = event->frame;
  if (!frame->is_pre)
    return lazy_status_fail(LAZY_STATUS_INVALID_STATE, "arguments are replaced by pre-hooks only");
  if (args->keyword_count > 0 && !frame->keywords)
    return lazy_status_fail(
        LAZY_STATUS_INVALID_VALUE,
        "keyword arguments are replaced by hooks registered with LAZY_HOOK_KEYWORDS only");
  lazy_recorder *recorder = frame->call->recorder;
  lazy_args copy = frame->call->args;
  LAZY_TRY(copy_values(recorder, args->at, args->count, &copy.at));
  copy.count = args->count;
  if (frame->keywords) {
    LAZY_TRY(copy_keywords(recorder, args, &copy.keywords));
    copy.keyword_count = args->keyword_count;
  }
  frame->call->args = frame->seen = copy;
  if (!frame->keywords) frame->seen.keyword_count = 0;
  return LAZY_STATUS_OK;
}

lazy_status lazy_hook_set_output(lazy_hook_event *event, lazy_value output) {
  struct lazyi_hook_frame *frame = event->frame;
  if (frame->is_pre)
    return lazy_status_fail(LAZY_STATUS_INVALID_STATE, "the output is replaced by forward hooks only");
  const lazy_value *copy;
  LAZY_TRY(copy_values(frame->call->recorder, &output, 1, &copy));
  frame->call->output = *copy;
  event->output = *copy;
  return LAZY_STATUS_OK;
}

/* ---- running hooks ---- */

/* Shapes are worked out before user code runs, so that what does not fit fails where PyTorch raises it. */
static lazy_status evaluate(lazy_recorder *recorder, const lazy_value *at, size_t count) {
  for (size_t i = 0; i < count; i++) {
    lazy_shape shape;
    if (at[i].kind == LAZY_VALUE_TENSOR && !lazy_tensor_is_poisoned(at[i].as.tensor) &&
        at[i].as.tensor.index != 0)
      LAZY_TRY(recorder->methods->tensor_shape(recorder, at[i].as.tensor, &shape));
    else if (at[i].kind == LAZY_VALUE_TUPLE)
      LAZY_TRY(evaluate(recorder, at[i].as.tuple.at, at[i].as.tuple.count));
  }
  return LAZY_STATUS_OK;
}

static lazy_status prepare(call *c) {
  LAZY_TRY(evaluate(c->recorder, c->args.at, c->args.count));
  for (size_t i = 0; i < c->args.keyword_count; i++)
    LAZY_TRY(evaluate(c->recorder, &c->args.keywords[i].value, 1));
  LAZY_TRY(evaluate(c->recorder, &c->output, 1));
  return c->module->pending ? c->recorder->methods->settle(c->recorder, c->module) : LAZY_STATUS_OK;
}

static lazy_status run_hook(call *c, const lazyi_hook_entry *entry, bool is_pre, bool is_global) {
  struct lazyi_hook_frame frame = {c, c->args, is_pre,
                                   !is_global && (entry->flags & LAZY_HOOK_KEYWORDS) != 0};
  if (!frame.keywords) frame.seen.keyword_count = 0;
  lazy_hook_event event = {.recorder = c->recorder,
                           .module = c->module,
                           .args = &frame.seen,
                           .output = c->output,
                           .frame = &frame};
  LAZY_TRY(entry->hook(&event, entry->user));
  return c->recorder->status;
}

static lazy_status run_pre_hooks(call *c) {
  snapshot hooks;
  LAZY_TRY(take_snapshot(c, false, &hooks));
  size_t lazy_at = hooks.global_count + c->module->lazy_position;
  for (size_t i = 0; i <= hooks.count; i++) {
    if (i == lazy_at || (i == hooks.count && lazy_at > i))
      LAZY_TRY(lazyi_lazy_initialize(c->recorder, c->module, &c->args, i < hooks.count));
    if (i == hooks.count) break;
    LAZY_TRY(prepare(c));
    LAZY_TRY(run_hook(c, &hooks.at[i], true, i < hooks.global_count));
  }
  return LAZY_STATUS_OK;
}

/* From `from` on. Returns where it stopped: hooks.count, or past the hook that failed. */
static lazy_status run_post_hooks(call *c, const snapshot *hooks, size_t *out_next) {
  for (size_t i = 0; i < hooks->count; i++) {
    *out_next = i;
    LAZY_TRY(prepare(c));
    *out_next = i + 1;
    LAZY_TRY(run_hook(c, &hooks->at[i], false, i < hooks->global_count));
  }
  return LAZY_STATUS_OK;
}

/* The call failed: hooks that always run and have not yet. What goes wrong in them is a warning. */
static void run_always_hooks(call *c, const snapshot *hooks, size_t next) {
  for (size_t i = next; i < hooks->count; i++) {
    if (!(hooks->at[i].flags & LAZY_HOOK_ALWAYS_CALL)) continue;
    struct lazyi_hook_frame frame = {
        c, c->args, false, i >= hooks->global_count && (hooks->at[i].flags & LAZY_HOOK_KEYWORDS) != 0};
    if (!frame.keywords) frame.seen.keyword_count = 0;
    lazy_hook_event event = {.recorder = c->recorder,
                             .module = c->module,
                             .args = &frame.seen,
                             .output = c->output,
                             .frame = &frame};
    if (hooks->at[i].hook(&event, hooks->at[i].user) == LAZY_STATUS_OK) continue;
    const lazy_context *context = c->recorder->context;
    if (context->warn == NULL) continue;
    char text[512], path[LAZYI_PATH_BYTES];
    (void)snprintf(text, sizeof text, "%s '%s': a forward hook failed after the call did: %s",
                   lazyi_module_class_name(c->module), lazyi_module_path(c->module, path, sizeof path),
                   lazy_status_message());
    context->warn(context->warn_user, text);
  }
}

/* ---- the call ---- */

/* torch.nn.Sequential.forward. */
static lazy_value call_children(lazy_recorder *recorder, const lazy_module *module, const lazy_args *args) {
  lazy_value value = args->count > 0 ? args->at[0] : lazy_value_none();
  for (size_t i = 0; i < module->children.entries.count && recorder->status == LAZY_STATUS_OK; i++)
    value = lazyi_module_call(recorder, lazyi_module_child(module, i), &(lazy_args){&value, 1, NULL, 0});
  return value;
}

static lazy_status run_forward(call *c, const lazy_class *type) {
  lazy_args bound;
  LAZY_TRY(lazyi_infer_bind(c->recorder, type, &c->args, &bound));
  lazy_value output;
  if (type->forward_value != NULL) output = type->forward_value(c->recorder, c->module, &bound);
  else if (type->forward != NULL) output = lazy_value_tensor(type->forward(c->recorder, c->module, &bound));
  else output = call_children(c->recorder, c->module, &bound);
  LAZY_TRY(c->recorder->status);
  c->output = output;
  return LAZY_STATUS_OK;
}

static bool has_hooks(const lazy_module *module, const lazyi_hooks *global) {
  if (module->initialize_hook) return true;
  if (module->hooks != NULL && module->hooks->pre.count + module->hooks->post.count > 0) return true;
  return global != NULL && global->pre.count + global->post.count > 0;
}

static lazy_status run_hooked(call *c, const lazy_class *type) {
  snapshot hooks = {0};
  size_t next = 0;
  lazy_status status = run_pre_hooks(c);
  if (status == LAZY_STATUS_OK) status = run_forward(c, type);
  if (status == LAZY_STATUS_OK) {
    LAZY_TRY(take_snapshot(c, true, &hooks));
    status = run_post_hooks(c, &hooks, &next);
  } else if (take_snapshot(c, true, &hooks) != LAZY_STATUS_OK) {
    return status;
  }
  if (status == LAZY_STATUS_OK) return status;
  (void)lazyi_recorder_stick(c->recorder, status);
  run_always_hooks(c, &hooks, next);
  return status;
}

lazy_value lazyi_module_call(lazy_recorder *recorder, lazy_module *module, const lazy_args *args) {
  const lazy_value poisoned = lazy_value_tensor((lazy_tensor){0, 0});
  if (recorder->status != LAZY_STATUS_OK) return poisoned;
  call c = {recorder, module, *args, lazy_value_none()};
  lazy_status status = recorder->methods->call_begin(recorder, module);
  if (status != LAZY_STATUS_OK) {
    (void)lazyi_recorder_stick(recorder, status);
    return poisoned;
  }
  const lazy_class *type = module->type; /* looked up before hooks may change it */
  status = has_hooks(module, recorder->context->global_hooks) ? run_hooked(&c, type) : run_forward(&c, type);
  if (status != LAZY_STATUS_OK) (void)lazyi_recorder_stick(recorder, status);
  recorder->methods->call_end(recorder, module, status == LAZY_STATUS_OK ? &c.output : NULL);
  return status == LAZY_STATUS_OK ? c.output : poisoned;
}
