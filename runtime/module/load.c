/* load_state_dict: everything is looked at first, every mismatch collected; then all of it happens or
 * nothing. */
#include "runtime/module/load.h"

#include <stdio.h>
#include <string.h>

#include "runtime/module/queue.h"

/* ---- what was found ---- */

static lazy_status append_keys(lazyi_string *t, const lazy_report *report, lazy_finding finding,
                               const char *heading) {
  bool first = true;
  for (size_t i = 0; i < report->items.count; i++) {
    if (report->items.at[i].finding != finding) continue;
    LAZY_TRY(lazyi_string_put(t, first ? heading : ", "));
    LAZY_TRY(lazyi_string_put(t, "\""));
    LAZY_TRY(lazyi_string_put(t, report->items.at[i].path));
    LAZY_TRY(lazyi_string_put(t, "\""));
    first = false;
  }
  return first ? LAZY_STATUS_OK : lazyi_string_put(t, ".");
}

/* PyTorch's order: missing, unexpected, the rest. */
static lazy_status fail(const lazyi_load_frame *frame, bool strict) {
  lazyi_string t = {0};
  lazy_status status = LAZY_STATUS_OK;
  if (strict) {
    status = append_keys(&t, frame->report, LAZY_FINDING_MISSING, "\n\tMissing key(s) in state_dict: ");
    if (status == LAZY_STATUS_OK)
      status =
          append_keys(&t, frame->report, LAZY_FINDING_UNEXPECTED, "\n\tUnexpected key(s) in state_dict: ");
  }
  bool other = frame->has_other_error || t.count > 0;
  if (status == LAZY_STATUS_OK && frame->errors.count > 0) status = lazyi_string_put(&t, frame->errors.at);
  if (status == LAZY_STATUS_OK)
    status = lazy_status_fail(other ? LAZY_STATUS_LOAD : LAZY_STATUS_INVALID_STATE,
                              "Error(s) in loading state_dict for %s:%s",
                              lazyi_module_class_name(frame->root), t.at);
  lazyi_vector_deinit(&t);
  return status;
}

static bool is_refused(const lazyi_load_frame *frame, bool strict) {
  if (frame->errors.count > 0) return true;
  return strict && (lazyi_report_tally(frame->report, LAZY_FINDING_MISSING) > 0 ||
                    lazyi_report_tally(frame->report, LAZY_FINDING_UNEXPECTED) > 0);
}

/* ---- one module ---- */

/* What a class knows of its sizes beforehand; unknown ones are tied by their negative numbers. */
enum { SYMBOLS = 16 };
typedef struct symbols {
  int64_t sizes[SYMBOLS]; /* -1: not met yet */
} symbols;

static bool fits(const lazy_shape *found, lazy_shape *wanted, symbols *known) {
  bool fit = found->rank == wanted->rank;
  for (int32_t i = 0; i < wanted->rank; i++) {
    if (wanted->dims[i] >= 0) {
      fit = fit && found->dims[i] == wanted->dims[i];
      continue;
    }
    int64_t symbol = -wanted->dims[i] - 1;
    if (symbol >= SYMBOLS || known->sizes[symbol] < 0) continue;
    wanted->dims[i] = known->sizes[symbol];
    fit = fit && found->dims[i] == wanted->dims[i];
  }
  return fit;
}

static void learn(const lazy_shape *found, const lazy_shape *wanted, symbols *known) {
  for (int32_t i = 0; i < wanted->rank; i++)
    if (wanted->dims[i] < 0 && -wanted->dims[i] - 1 < SYMBOLS)
      known->sizes[-wanted->dims[i] - 1] = found->dims[i];
}

static const char *shape_words(const lazy_shape *shape, char *buffer, size_t bytes) {
  size_t at = (size_t)snprintf(buffer, bytes, "[");
  for (int32_t i = 0; i < shape->rank && at < bytes; i++) {
    const char *comma = i > 0 ? ", " : "";
    at += (size_t)(shape->dims[i] < 0
                       ? snprintf(buffer + at, bytes - at, "%sany", comma)
                       : snprintf(buffer + at, bytes - at, "%s%lld", comma, (long long)shape->dims[i]));
  }
  if (at < bytes) (void)snprintf(buffer + at, bytes - at, "]");
  return buffer;
}

static lazy_status mismatch(lazyi_load_frame *frame, const char *key, const lazy_shape *found,
                            const lazy_shape *wanted) {
  char a[LAZYI_SHAPE_TEXT_BYTES], b[LAZYI_SHAPE_TEXT_BYTES];
  frame->has_other_error = true;
  return lazyi_string_format(
      &frame->errors,
      "\n\tsize mismatch for %s: copying a param with shape %s from checkpoint, the shape in "
      "current model is %s.",
      key, shape_words(found, a, sizeof a), shape_words(wanted, b, sizeof b));
}

static const lazy_shape *settled_shape(const lazyi_load_frame *frame, const lazy_param *param) {
  if (param->mark != 0) return &frame->targets.at[param->mark - 1].shape;
  return param->state != LAZY_PARAM_STATE_UNSHAPED ? &param->shape : NULL;
}

/* The entry's value has `found` sizes. */
static lazy_status take_entry(lazyi_load_frame *frame, lazy_param *param, const char *key, size_t entry,
                              const lazy_shape *found) {
  const lazy_shape *has = settled_shape(frame, param);
  lazy_shape shape = has != NULL ? *has : *found;
  bool scalar =
      has != NULL && has->rank == 0 && found->rank == 1 && found->dims[0] > 0; /* PyTorch takes [0] */
  if (!scalar && !lazyi_shape_equal(&shape, found)) return mismatch(frame, key, found, &shape);
  if (param->mark != 0) {
    frame->targets.at[param->mark - 1].entry = entry;
    return lazyi_report_add(frame->report, LAZY_FINDING_TIED, key, frame->targets.at[param->mark - 1].key);
  }
  lazyi_load_target target = {
      .param = param, .entry = entry, .key = frame->state->entries.at[entry].key, .shape = shape};
  LAZY_TRY(lazyi_vector_push(&frame->targets, target));
  param->mark = (uint32_t)frame->targets.count;
  return lazyi_report_add(frame->report, LAZY_FINDING_LOADED, key, "");
}

static lazy_status take_lazy_entry(lazyi_load_frame *frame, const lazy_param *param, const char *key) {
  if (settled_shape(frame, param) == NULL) return LAZY_STATUS_OK;
  return lazyi_string_format(&frame->errors,
                             "\n\t%s: cannot tell the shape of an uninitialized %s: the checkpoint's is "
                             "lazy, the model's is not; call "
                             "forward on the model it comes from first.",
                             key, lazyi_param_kind(param));
}

static lazy_status make_key(lazyi_string *t, const char *prefix, const char *name) {
  lazyi_string_cut(t, 0);
  LAZY_TRY(lazyi_string_put(t, prefix));
  return lazyi_string_put(t, name);
}

/* A state of an older version of the class, or of one that tells no version, does not know the parameter. */
static bool is_younger(const lazyi_load_frame *frame, const lazy_module *module, const char *prefix,
                       const char *name) {
  char path[1024];
  size_t bytes = strlen(prefix);
  if (bytes > 0 && prefix[bytes - 1] == '.') bytes--;
  for (size_t i = 0; i < module->type->param_count; i++) {
    const lazy_param_spec *spec = &module->type->params[i];
    if (spec->since == 0 || strcmp(spec->name, name) != 0) continue;
    if (bytes >= sizeof path) return false;
    memcpy(path, prefix, bytes);
    path[bytes] = '\0';
    return lazyi_state_version(frame->state, path) < spec->since;
  }
  return false;
}

static lazy_status visit_params(lazyi_load_frame *frame, const lazy_module *module, const char *prefix) {
  lazyi_string key = {0};
  lazy_status status = LAZY_STATUS_OK;
  for (int buffers = 0; buffers < 2; buffers++) {
    for (size_t i = 0; i < module->params.count && status == LAZY_STATUS_OK; i++) {
      const lazyi_param_slot *slot = &module->params.at[i];
      if (slot->param == NULL || slot->param->is_buffer != (buffers == 1) || slot->param->not_persistent)
        continue;
      status = make_key(&key, prefix, slot->name);
      if (status != LAZY_STATUS_OK) break;
      void **found = lazyi_map_find(&frame->keys, key.at, key.count);
      if (found == NULL) {
        if (!is_younger(frame, module, prefix, slot->name))
          status = lazyi_report_add(frame->report, LAZY_FINDING_MISSING, key.at, "");
        continue;
      }
      size_t entry = (size_t)(uintptr_t)*found - 1;
      lazy_spec spec;
      frame->used[entry] = true;
      status = lazy_state_spec(frame->state, entry, &spec)
                   ? take_entry(frame, slot->param, key.at, entry, &spec.shape)
                   : take_lazy_entry(frame, slot->param, key.at);
    }
  }
  lazyi_vector_deinit(&key);
  return status;
}

/* Sizes that the user gave to a lazy module, against those of the checkpoint. */
static lazy_status check_options(lazyi_load_frame *frame, lazy_module *module, const char *prefix) {
  if (module->type->expect_shape == NULL || !module->load_hook) return LAZY_STATUS_OK;
  symbols known;
  for (int i = 0; i < SYMBOLS; i++) known.sizes[i] = -1;
  for (size_t i = 0; i < module->params.count; i++) {
    const lazyi_param_slot *slot = &module->params.at[i];
    const lazy_shape *found = slot->param != NULL ? settled_shape(frame, slot->param) : NULL;
    lazy_shape wanted = {0};
    if (found == NULL || !module->type->expect_shape(module, slot->name, &wanted)) continue;
    lazy_shape resolved = wanted;
    if (fits(found, &resolved, &known)) {
      learn(found, &wanted, &known);
      continue;
    }
    lazyi_string key = {0};
    lazy_status status = make_key(&key, prefix, slot->name);
    if (status == LAZY_STATUS_OK) status = mismatch(frame, key.at, found, &resolved);
    lazyi_vector_deinit(&key);
    LAZY_TRY(status);
  }
  return LAZY_STATUS_OK;
}

/* ---- hooks ---- */

lazy_status lazy_load_rename_key(lazy_load_event *event, const char *from, const char *to) {
  lazyi_load_frame *frame = event->frame;
  void **found = lazyi_map_find(&frame->keys, from, strlen(from));
  if (found == NULL) return lazy_status_fail(LAZY_STATUS_NOT_FOUND, "the load has no key '%s'", from);
  void *entry = *found;
  LAZY_TRY(lazyi_map_put(&frame->keys, to, strlen(to), entry));
  if (strcmp(from, to) != 0) (void)lazyi_map_remove(&frame->keys, from, strlen(from));
  return LAZY_STATUS_OK;
}

void lazy_load_forgive_key(lazy_load_event *event, const char *key) {
  if (!lazyi_report_remove(event->frame->report, LAZY_FINDING_MISSING, key))
    (void)lazyi_report_remove(event->frame->report, LAZY_FINDING_UNEXPECTED, key);
}

static lazy_status run_hooks(lazyi_load_frame *frame, lazy_module *module, const char *prefix, bool post) {
  if (module->hooks == NULL) return LAZY_STATUS_OK;
  const lazyi_load_hook_table *table = post ? &module->hooks->load_post : &module->hooks->load_pre;
  size_t count = table->count;
  if (count == 0) return LAZY_STATUS_OK;
  lazyi_load_hook_entry *copy = lazyi_memory_alloc(count * sizeof *copy);
  LAZYI_TRY_ALLOC(copy);
  memcpy(copy, table->at, count * sizeof *copy);
  lazy_status status = LAZY_STATUS_OK;
  for (size_t i = 0; i < count && status == LAZY_STATUS_OK; i++) {
    lazy_load_event event = {module, frame->state, prefix, true, frame};
    status = copy[i].hook(&event, copy[i].user);
  }
  lazyi_memory_free(copy);
  return status;
}

/* ---- the tree ---- */

typedef lazy_status (*module_step)(lazyi_load_frame *frame, lazy_module *module, const char *prefix);

/* Steps through the tree with the prefix of each module's keys; either step may be NULL. */
static lazy_status walk(lazyi_load_frame *frame, lazy_module *module, lazyi_string *prefix,
                        module_step before, module_step after) {
  size_t stem = prefix->count;
  if (before != NULL) LAZY_TRY(before(frame, module, prefix->at));
  for (size_t i = 0; i < module->children.entries.count; i++) {
    LAZY_TRY(lazyi_string_put(prefix, module->children.entries.at[i].name));
    LAZY_TRY(lazyi_string_put(prefix, "."));
    LAZY_TRY(walk(frame, lazyi_module_child(module, i), prefix, before, after));
    lazyi_string_cut(prefix, stem);
  }
  return after != NULL ? after(frame, module, prefix->at) : LAZY_STATUS_OK;
}

static lazy_status walk_root(lazyi_load_frame *frame, module_step before, module_step after) {
  lazyi_string prefix = {0};
  lazy_status status = lazyi_string_put(&prefix, frame->prefix);
  if (status == LAZY_STATUS_OK) status = walk(frame, frame->root, &prefix, before, after);
  lazyi_vector_deinit(&prefix);
  return status;
}

static lazy_status look_at(lazyi_load_frame *frame, lazy_module *module, const char *prefix) {
  LAZY_TRY(run_hooks(frame, module, prefix, false));
  if (module->hooks != NULL && module->hooks->load_post.count > 0) frame->has_post_hooks = true;
  if (module->load_hook) LAZY_TRY(lazyi_vector_push(&frame->lazy_modules, module));
  return visit_params(frame, module, prefix);
}

static lazy_status post_hooks(lazyi_load_frame *frame, lazy_module *module, const char *prefix) {
  return run_hooks(frame, module, prefix, true);
}

static lazy_status find_unexpected(lazyi_load_frame *frame) {
  size_t at = 0, prefix_bytes = strlen(frame->prefix);
  const lazyi_map_entry *key;
  while ((key = lazyi_map_next(&frame->keys, &at)) != NULL) {
    if (frame->used[(uintptr_t)key->value - 1] || strncmp(key->name, frame->prefix, prefix_bytes) != 0)
      continue;
    LAZY_TRY(lazyi_report_add(frame->report, LAZY_FINDING_UNEXPECTED, key->name, ""));
  }
  return LAZY_STATUS_OK;
}

static lazy_status start(lazyi_load_frame *frame) {
  size_t count = frame->state->entries.count;
  LAZY_TRY(lazyi_report_create(&frame->report));
  frame->used = lazyi_memory_calloc(count, sizeof *frame->used);
  LAZYI_TRY_ALLOC(frame->used);
  for (size_t i = 0; i < count; i++) {
    const char *key = frame->state->entries.at[i].key;
    LAZY_TRY(lazyi_map_put(&frame->keys, key, strlen(key), (void *)(uintptr_t)(i + 1)));
  }
  return LAZY_STATUS_OK;
}

static lazy_status load(lazyi_load_frame *frame, bool strict) {
  LAZY_TRY(lazyi_module_check_idle(frame->root, "loading"));
  LAZY_TRY(start(frame));
  LAZY_TRY(walk_root(frame, look_at, NULL));
  LAZY_TRY(walk_root(frame, check_options, NULL));
  LAZY_TRY(find_unexpected(frame));
  if (frame->errors.count > 0 || (!frame->has_post_hooks && is_refused(frame, strict)))
    return fail(frame, strict);
  lazy_status status = lazyi_load_apply(frame);
  if (status == LAZY_STATUS_OK && frame->has_post_hooks) status = walk_root(frame, NULL, post_hooks);
  if (status == LAZY_STATUS_OK && is_refused(frame, strict)) status = fail(frame, strict);
  if (status == LAZY_STATUS_OK) lazyi_journal_commit(&frame->journal);
  else lazyi_load_undo(frame);
  return status;
}

static void finish(lazyi_load_frame *frame) {
  for (size_t i = 0; i < frame->targets.count; i++) {
    frame->targets.at[i].param->mark = 0;
    lazy_array_release(frame->targets.at[i].own);
    lazy_array_release(frame->targets.at[i].backup);
  }
  lazyi_journal_deinit(&frame->journal);
  lazyi_vector_deinit(&frame->targets);
  lazyi_vector_deinit(&frame->lazy_modules);
  lazyi_vector_deinit(&frame->errors);
  lazyi_map_deinit(&frame->keys);
  lazyi_memory_free(frame->used);
  lazy_report_release(frame->report);
}

static lazy_status load_into(lazyi_load_frame *frame, bool strict, lazy_report **out_report) {
  lazy_module *module = frame->root;
  pthread_mutex_t *lock = &module->context->core->first_forward;
  pthread_mutex_lock(lock);
  lazy_status status = load(frame, strict);
  if (status == LAZY_STATUS_OK && out_report != NULL) {
    *out_report = frame->report;
    frame->report = NULL;
  }
  finish(frame);
  pthread_mutex_unlock(lock);
  if (status != LAZY_STATUS_OUT_OF_MEMORY) return status;
  return lazy_status_annotate(status, "loading into %s", lazyi_module_class_name(module));
}

lazy_status lazy_module_load_state(lazy_module *module, const lazy_state *state,
                                   const lazy_load_options *options, lazy_report **out_report) {
  static const lazy_load_options defaults = {.struct_size = sizeof(lazy_load_options)};
  if (options == NULL) options = &defaults;
  lazyi_load_frame frame = {
      .root = module, .state = state, .prefix = options->prefix != NULL ? options->prefix : ""};
  return load_into(&frame, !options->not_strict, out_report);
}

lazy_status lazyi_load_as_saved(lazy_module *module, const lazy_state *state) {
  lazyi_load_frame frame = {.root = module, .state = state, .prefix = "", .keeps_lazy = true};
  return load_into(&frame, true, NULL);
}
