#include "runtime/module/hooks.h"

#include <string.h>

#include "runtime/module/journal.h"

void lazyi_hooks_destroy(lazyi_hooks *hooks) {
  if (hooks == NULL) return;
  lazyi_vector_deinit(&hooks->pre);
  lazyi_vector_deinit(&hooks->post);
  lazyi_vector_deinit(&hooks->load_pre);
  lazyi_vector_deinit(&hooks->load_post);
  lazyi_memory_free(hooks);
}

static lazy_status need_tables(lazyi_hooks **hooks) {
  if (*hooks != NULL) return LAZY_STATUS_OK;
  *hooks = lazyi_memory_calloc(1, sizeof **hooks);
  LAZYI_TRY_ALLOC(*hooks);
  return LAZY_STATUS_OK;
}

static lazy_hook_id next_id(lazy_context *context) {
  return atomic_fetch_add_explicit(&context->next_hook, 1, memory_order_relaxed) + 1;
}

static lazy_status add(lazy_context *context, lazyi_hook_table *table, lazy_hook hook, void *user,
                       unsigned flags, lazy_hook_id *out_id) {
  LAZY_TRY(lazyi_vector_reserve(table, 1));
  lazyi_hook_entry entry = {next_id(context), hook, user, flags};
  size_t at = flags & LAZY_HOOK_PREPEND ? 0 : table->count;
  memmove(table->at + at + 1, table->at + at, (table->count - at) * sizeof *table->at);
  table->at[at] = entry;
  table->count++;
  if (out_id != NULL) *out_id = entry.id;
  return LAZY_STATUS_OK;
}

static lazy_status check(const void *hook, unsigned flags, unsigned allowed) {
  if (hook == NULL) return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "the hook is NULL");
  if ((flags & ~allowed) != 0)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "hook flags %#x; this kind of hook knows %#x", flags,
                            allowed);
  return LAZY_STATUS_OK;
}

lazy_status lazy_module_add_forward_pre_hook(lazy_module *module, lazy_hook hook, void *user, unsigned flags,
                                             lazy_hook_id *out_id) {
  LAZY_TRY(check((const void *)(uintptr_t)hook, flags, LAZY_HOOK_PREPEND | LAZY_HOOK_KEYWORDS));
  LAZY_TRY(need_tables(&module->hooks));
  LAZY_TRY(add(module->context, &module->hooks->pre, hook, user, flags, out_id));
  if (flags & LAZY_HOOK_PREPEND) module->lazy_position++;
  return LAZY_STATUS_OK;
}

lazy_status lazy_module_add_forward_hook(lazy_module *module, lazy_hook hook, void *user, unsigned flags,
                                         lazy_hook_id *out_id) {
  LAZY_TRY(check((const void *)(uintptr_t)hook, flags,
                 LAZY_HOOK_PREPEND | LAZY_HOOK_KEYWORDS | LAZY_HOOK_ALWAYS_CALL));
  LAZY_TRY(need_tables(&module->hooks));
  return add(module->context, &module->hooks->post, hook, user, flags, out_id);
}

lazy_status lazy_context_add_forward_pre_hook(lazy_context *context, lazy_hook hook, void *user,
                                              lazy_hook_id *out_id) {
  LAZY_TRY(check((const void *)(uintptr_t)hook, 0, 0));
  LAZY_TRY(need_tables(&context->global_hooks));
  return add(context, &context->global_hooks->pre, hook, user, 0, out_id);
}

lazy_status lazy_context_add_forward_hook(lazy_context *context, lazy_hook hook, void *user, unsigned flags,
                                          lazy_hook_id *out_id) {
  LAZY_TRY(check((const void *)(uintptr_t)hook, flags, LAZY_HOOK_ALWAYS_CALL));
  LAZY_TRY(need_tables(&context->global_hooks));
  return add(context, &context->global_hooks->post, hook, user, flags, out_id);
}

static lazy_status add_load(lazy_module *module, bool post, lazy_load_hook hook, void *user,
                            lazy_hook_id *out_id) {
  LAZY_TRY(check((const void *)(uintptr_t)hook, 0, 0));
  LAZY_TRY(need_tables(&module->hooks));
  lazyi_load_hook_table *table = post ? &module->hooks->load_post : &module->hooks->load_pre;
  LAZY_TRY(lazyi_vector_reserve(table, 1));
  lazyi_load_hook_entry entry = {next_id(module->context), hook, user};
  table->at[table->count++] = entry;
  if (out_id != NULL) *out_id = entry.id;
  return LAZY_STATUS_OK;
}

lazy_status lazy_module_add_load_pre_hook(lazy_module *module, lazy_load_hook hook, void *user,
                                          lazy_hook_id *out_id) {
  return add_load(module, false, hook, user, out_id);
}

lazy_status lazy_module_add_load_post_hook(lazy_module *module, lazy_load_hook hook, void *user,
                                           lazy_hook_id *out_id) {
  return add_load(module, true, hook, user, out_id);
}

/* Index of the entry taken out; SIZE_MAX if it was not there. */
static size_t take_out(lazyi_hook_table *table, lazy_hook_id id) {
  for (size_t i = 0; i < table->count; i++) {
    if (table->at[i].id != id) continue;
    table->count--;
    memmove(table->at + i, table->at + i + 1, (table->count - i) * sizeof *table->at);
    return i;
  }
  return SIZE_MAX;
}

static void take_load_out(lazyi_load_hook_table *table, lazy_hook_id id) {
  for (size_t i = 0; i < table->count; i++) {
    if (table->at[i].id != id) continue;
    table->count--;
    memmove(table->at + i, table->at + i + 1, (table->count - i) * sizeof *table->at);
    return;
  }
}

void lazy_module_remove_hook(lazy_module *module, lazy_hook_id id) {
  lazyi_hooks *hooks = module->hooks;
  if (hooks == NULL) return;
  if (take_out(&hooks->pre, id) < module->lazy_position) module->lazy_position--;
  (void)take_out(&hooks->post, id);
  take_load_out(&hooks->load_pre, id);
  take_load_out(&hooks->load_post, id);
}

void lazy_context_remove_hook(lazy_context *context, lazy_hook_id id) {
  if (context->global_hooks == NULL) return;
  (void)take_out(&context->global_hooks->pre, id);
  (void)take_out(&context->global_hooks->post, id);
}
