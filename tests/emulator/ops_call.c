/* Calls: arguments and results are memory of the thread, copied between the caller's variables and the
   callee's. Each lane remembers the calls it is in. */
#include <string.h>

#include "tests/emulator/ops_flow.h"

/* at->flags: results, whose rows are the first of `more`; arguments follow. */

static const uint32_t *rows_of(const emu_warp *warp, const ptx_instruction *call) {
  return &warp->block->launch->entry->module->ptx->more[call->more];
}

static uint32_t *place(const emu_warp *warp, unsigned lane, uint32_t depth) {
  return &emu_own(warp)->calls[depth * PTX_LANES + lane];
}

/* One lane's: false after a fault was told. Of structures, holes may be unwritten, and are not looked at. */
static bool copy(emu_warp *warp, const ptx_instruction *at, unsigned lane, uint64_t to, uint64_t from,
                 const ptx_variable *variable) {
  const emu_block *block = warp->block;
  const unsigned char *source =
      block->local + emu_thread_of(warp, lane) * block->launch->entry->local_bytes + from;
  for (uint64_t done = 0; done < variable->bytes;) {
    uint32_t bytes = 8;
    while (bytes > variable->align || bytes > variable->bytes - done) bytes /= 2;
    if (variable->bytes <= 8 &&
        emu_access_at(warp, at, lane, PTX_LOCAL, from + done, bytes, EMU_READ) == NULL)
      return false;
    void *target = emu_access_at(warp, at, lane, PTX_LOCAL, to + done, bytes, EMU_WRITE);
    if (target == NULL) return false;
    memcpy(target, source + done, bytes);
    done += bytes;
  }
  return true;
}

/* ---- call ---- */

static void call_built_in(emu_warp *warp, const ptx_instruction *at, unsigned lane,
                          const ptx_function *function) {
  enum { MOST = 8 };
  const unsigned char *arguments[MOST];
  unsigned char *result = NULL;
  const uint32_t *rows = rows_of(warp, at);
  for (uint32_t i = 0; i < at->more_count && i < MOST; i++) {
    const bool is_result = i < at->flags;
    const ptx_variable *variable = is_result ? function->results[i] : function->params[i - at->flags];
    unsigned char *memory = emu_access_at(warp, at, lane, PTX_LOCAL, warp->rows[rows[i]].lane[lane],
                                          (uint32_t)variable->bytes, is_result ? EMU_WRITE : EMU_READ);
    if (memory == NULL) return;
    if (is_result) result = memory;
    else arguments[i - at->flags] = memory;
  }
  emu_builtin(warp, at, lane, function, arguments, result);
}

/* False: a fault was told. */
static bool enter(emu_warp *warp, const ptx_instruction *at, unsigned lane, uint32_t index) {
  const emu_entry *entry = warp->block->launch->entry;
  const ptx_module *ptx = entry->module->ptx;
  const ptx_function *function = &ptx->functions[index];
  const uint32_t *rows = rows_of(warp, at) + at->flags;
  const uint64_t base = entry->local_base[index];
  uint32_t *depth = &emu_own(warp)->depth[lane];
  bool is_inside = *depth == EMU_DEPTH;
  for (uint32_t i = 0; i < *depth && !is_inside; i++)
    is_inside = ptx_module_function_at(ptx, *place(warp, lane, i)) == function;
  if (is_inside || ptx_module_function_at(ptx, (uint32_t)(at - ptx->code)) == function) {
    emu_tell(warp, at, lane, EMU_TRAP, "'%s' calls itself, which is not supported", function->name);
    return false;
  }
  for (uint32_t i = 0; i < function->param_count; i++) {
    const ptx_variable *param = function->params[i];
    if (!copy(warp, at, lane, base + param->offset, warp->rows[rows[i]].lane[lane], param)) return false;
  }
  *place(warp, lane, (*depth)++) = (uint32_t)(at - ptx->code);
  warp->pc[lane] = function->first;
  return true;
}

static void step_call(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const ptx_function *function = &warp->block->launch->entry->module->ptx->functions[at->target];
  EMU_EACH_LANE(lane, mask) {
    if (!function->has_body) call_built_in(warp, at, lane, function);
    else if (!enter(warp, at, lane, at->target)) return;
    if (emu_has_fault(warp->block->launch)) return;
  }
}
const ptx_step emu_step_call = step_call;

static void step_call_indirect(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const emu_entry *entry = warp->block->launch->entry;
  const ptx_module *ptx = entry->module->ptx;
  EMU_EACH_LANE(lane, mask) {
    const uint64_t address = warp->rows[at->a].lane[lane];
    uint32_t index = 0;
    while (index < ptx->function_count &&
           (ptx_function_address(index) != address || entry->row_base[index] == PTX_NO_ROW))
      index++;
    if (index == ptx->function_count) {
      emu_tell(warp, at, lane, EMU_TRAP, "a call of 0x%llx, which is no function",
               (unsigned long long)address);
      return;
    }
    const ptx_function *function = &ptx->functions[index];
    if (function->result_count != at->flags || function->param_count != at->more_count - at->flags) {
      emu_tell(warp, at, lane, EMU_TRAP, "a call of '%s' as a function with %u results and %u parameters",
               function->name, at->flags, at->more_count - at->flags);
      return;
    }
    if (!enter(warp, at, lane, index)) return;
  }
}
const ptx_step emu_step_call_indirect = step_call_indirect;

/* ---- ret ---- */

static bool leave(emu_warp *warp, const ptx_instruction *at, unsigned lane, const ptx_function *function) {
  const emu_entry *entry = warp->block->launch->entry;
  const ptx_module *ptx = entry->module->ptx;
  emu_warp_own *own = emu_own(warp);
  const uint32_t call = *place(warp, lane, --own->depth[lane]);
  const ptx_function *caller = ptx_module_function_at(ptx, call);
  const ptx_row *rows = own->rows + entry->row_base[caller - ptx->functions];
  const uint32_t *results = rows_of(warp, &ptx->code[call]);
  const uint64_t base = entry->local_base[function - ptx->functions];
  warp->pc[lane] = call + 1;
  for (uint32_t i = 0; i < function->result_count; i++) {
    const ptx_variable *result = function->results[i];
    if (!copy(warp, at, lane, rows[results[i]].lane[lane], base + result->offset, result)) return false;
  }
  return true;
}

static void step_return(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const emu_warp_own *own = emu_own(warp);
  const ptx_module *ptx = warp->block->launch->entry->module->ptx;
  const ptx_function *function = NULL;
  uint32_t ends = 0;
  EMU_EACH_LANE(lane, mask) {
    if (own->depth[lane] == 0) {
      ends |= UINT32_C(1) << lane;
      continue;
    }
    if (function == NULL) function = ptx_module_function_at(ptx, (uint32_t)(at - ptx->code));
    if (!leave(warp, at, lane, function)) return;
  }
  if (ends != 0) emu_exit(warp, ends);
}

bool emu_bind_return(ptx_binder *binder) {
  (void)ptx_take(binder, "uni");
  return emu_bind_flow(binder, step_return, 0);
}

/* ---- binding ---- */

static bool add_rows(ptx_binder *binder, const ptx_operand *list) {
  for (uint32_t i = 0; i < list->count; i++) {
    const ptx_operand *element = &list->elements[i];
    if (element->kind != PTX_OPERAND_VARIABLE || !element->variable->is_of_call)
      return ptx_refuse(binder, "an argument or result of a call that is no .param variable");
    const uint32_t row = ptx_source_operand(binder, element, PTX_U64, false);
    if (row == PTX_NO_ROW) return false;
    ptx_more(binder, row);
  }
  return true;
}

/* call{.uni} {(results),} function{, (arguments)}; of a function in a register, its prototype follows. */
bool emu_bind_call(ptx_binder *binder) {
  const ptx_statement *statement = binder->statement;
  const ptx_operand *operands = statement->operands, *end = operands + statement->operand_count;
  ptx_instruction *out = binder->out;
  (void)ptx_take(binder, "uni");
  if (!emu_bind_flow(binder, step_call, statement->operand_count)) return false;
  if (operands < end && operands->kind == PTX_OPERAND_VECTOR) {
    if (!add_rows(binder, operands)) return false;
    out->flags = operands++->count;
  }
  if (operands == end) return ptx_refuse(binder, "a call without a function");
  const ptx_operand *callee = operands++;
  if (operands < end && operands->kind == PTX_OPERAND_VECTOR && !add_rows(binder, operands++)) return false;
  if (callee->kind == PTX_OPERAND_FUNCTION) {
    out->target = callee->index;
    return operands == end || ptx_refuse(binder, "more operands than a call has");
  }
  if (callee->kind != PTX_OPERAND_REGISTER) return ptx_refuse(binder, "a call of what is no function");
  out->step = step_call_indirect;
  return (out->a = ptx_source_operand(binder, callee, PTX_U64, false)) != PTX_NO_ROW;
}
