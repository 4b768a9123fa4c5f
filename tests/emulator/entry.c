/* Entries: which functions each reaches, and where their registers and memory lie. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/emulator/run.h"

bool emu_is_built_in(const ptx_function *function) {
  return !function->has_body &&
         (strcmp(function->name, "vprintf") == 0 || strcmp(function->name, "__assertfail") == 0);
}

typedef struct layout {
  const ptx_module *ptx;
  char *error;
  uint8_t *state; /* by function: not seen, being seen, done */
  uint32_t *row_base;
  uint64_t *shared_base, *local_base;
  emu_entry *entry;
} layout;
enum { NOT_SEEN, BEING_SEEN, SEEN };

static uint64_t round_up(uint64_t value, uint64_t to) { return to < 2 ? value : (value + to - 1) / to * to; }

__attribute__((format(printf, 2, 3))) static bool refuse(const layout *now, const char *format, ...) {
  va_list list;
  va_start(list, format);
  (void)vsnprintf(now->error, 512, format, list);
  va_end(list);
  return false;
}

static bool check_call(const layout *now, const ptx_instruction *call) {
  const ptx_function *callee = &now->ptx->functions[call->target];
  const uint32_t arguments = call->more_count - call->flags;
  if (callee->is_entry) return refuse(now, "line %u: '%s' is an entry", call->line, callee->name);
  if (!callee->has_body && !emu_is_built_in(callee))
    return refuse(now, "line %u: '%s' is not known: no body, and not built in", call->line, callee->name);
  if (call->flags == callee->result_count && arguments == callee->param_count) return true;
  return refuse(now, "line %u: '%s' takes %u and yields %u, the call has %u and %u", call->line, callee->name,
                callee->param_count, callee->result_count, arguments, call->flags);
}

static bool reach(layout *now, uint32_t index, unsigned depth);

static bool reach_call(layout *now, const ptx_instruction *call, unsigned depth) {
  if (call->step == emu_step_call) {
    if (!check_call(now, call)) return false;
    if (now->state[call->target] == BEING_SEEN)
      return refuse(now, "line %u: '%s' calls itself, which is not supported", call->line,
                    now->ptx->functions[call->target].name);
    return !now->ptx->functions[call->target].has_body || reach(now, call->target, depth + 1);
  }
  /* A pointer may lead anywhere; that it leads back is seen when it does. */
  for (uint32_t i = 0; i < now->ptx->function_count; i++) {
    const ptx_function *function = &now->ptx->functions[i];
    if (!function->is_entry && function->has_body && now->state[i] == NOT_SEEN && !reach(now, i, depth + 1))
      return false;
  }
  return true;
}

static bool reach(layout *now, uint32_t index, unsigned depth) {
  const ptx_function *function = &now->ptx->functions[index];
  if (now->state[index] == SEEN) return true;
  if (depth >= EMU_DEPTH) return refuse(now, "'%s': calls are nested too deep", function->name);
  now->state[index] = BEING_SEEN;
  emu_entry *entry = now->entry;
  now->row_base[index] = entry->rows;
  entry->rows += function->rows;
  now->shared_base[index] = round_up(entry->shared_bytes, function->shared_align);
  entry->shared_bytes = now->shared_base[index] + function->shared_bytes;
  now->local_base[index] = round_up(entry->local_bytes, function->local_align);
  entry->local_bytes = now->local_base[index] + function->local_bytes;
  for (uint32_t i = function->first; i < function->first + function->count; i++) {
    const ptx_instruction *at = &now->ptx->code[i];
    if ((at->step == emu_step_call || at->step == emu_step_call_indirect) && !reach_call(now, at, depth))
      return false;
  }
  now->state[index] = SEEN;
  return true;
}

/* Dynamic shared memory follows the static one, aligned as its variables want. */
static void end_shared(const ptx_module *ptx, emu_entry *entry) {
  uint64_t align = 16;
  for (uint32_t i = 0; i < ptx->variable_count; i++) {
    const ptx_variable *variable = ptx->variables[i];
    if (variable->space == PTX_SHARED && variable->bytes == 0 && variable->align > align)
      align = variable->align;
  }
  entry->shared_bytes = round_up(entry->shared_bytes, align);
}

static bool make_entry(const emu_module *module, uint32_t index, emu_entry *entry, char error[512]) {
  const ptx_module *ptx = module->ptx;
  const size_t count = ptx->function_count;
  uint64_t local_align = 16;
  layout now = {.ptx = ptx, .error = error, .entry = entry};
  now.state = calloc(count, 1);
  now.row_base = malloc(count * sizeof *now.row_base);
  now.shared_base = calloc(count, sizeof *now.shared_base);
  now.local_base = calloc(count, sizeof *now.local_base);
  *entry = (emu_entry){.module = module,
                       .function = &ptx->functions[index],
                       .row_base = now.row_base,
                       .shared_base = now.shared_base,
                       .local_base = now.local_base,
                       .shared_bytes = ptx->shared_bytes};
  bool made = now.state != NULL && now.row_base != NULL && now.shared_base != NULL && now.local_base != NULL;
  if (!made) {
    (void)refuse(&now, "out of memory");
  } else {
    for (size_t i = 0; i < count; i++) now.row_base[i] = PTX_NO_ROW;
    made = reach(&now, index, 0);
    end_shared(ptx, entry);
    for (size_t i = 0; i < count; i++)
      if (now.state[i] == SEEN && ptx->functions[i].local_align > local_align)
        local_align = ptx->functions[i].local_align;
    entry->local_bytes = round_up(entry->local_bytes, local_align);
  }
  free(now.state);
  return made;
}

bool emu_entries_make(emu_module *module, char error[512]) {
  const ptx_module *ptx = module->ptx;
  module->entry_count = 0;
  module->entries = calloc((size_t)ptx->function_count + 1, sizeof *module->entries);
  if (module->entries == NULL) {
    (void)snprintf(error, 512, "out of memory");
    return false;
  }
  for (uint32_t i = 0; i < ptx->function_count; i++) {
    if (!ptx->functions[i].is_entry || !ptx->functions[i].has_body) continue;
    if (!make_entry(module, i, &module->entries[module->entry_count++], error)) {
      emu_entries_free(module);
      return false;
    }
  }
  return true;
}

void emu_entries_free(emu_module *module) {
  for (uint32_t i = 0; i < module->entry_count; i++) {
    free((void *)module->entries[i].row_base);
    free((void *)module->entries[i].shared_base);
    free((void *)module->entries[i].local_base);
  }
  free(module->entries);
  module->entries = NULL;
  module->entry_count = 0;
}
