/* Generic addresses and those of a space: cvta, isspacep. */
#include "tests/emulator/lanes.h"
#include "tests/emulator/ops_access.h"

static uint64_t window_of(ptx_space space) {
  switch (space) {
    case PTX_SHARED: return EMU_WINDOW_SHARED;
    case PTX_LOCAL: return EMU_WINDOW_LOCAL;
    case PTX_CONST: return EMU_WINDOW_CONST;
    case PTX_PARAM: return EMU_WINDOW_PARAM;
    default: return 0; /* global addresses are the same */
  }
}

/* An address that is not of the space lies outside of it when it has been converted. */
EMU_STEP(step_add, a[lane] + (uint64_t)at->offset)

/* A variable of a call is the thread's memory. */
static ptx_space space_of(const ptx_operand *operand, ptx_space space) {
  const bool is_of_call = operand->kind == PTX_OPERAND_VARIABLE && operand->variable->is_of_call;
  return is_of_call && space == PTX_PARAM ? PTX_LOCAL : space;
}

/* cvta{.to}.space.u64 d, a */
bool emu_bind_cvta(ptx_binder *binder) {
  ptx_instruction *out = binder->out;
  const bool is_to = ptx_take(binder, "to");
  const ptx_space named = ptx_take_space(binder);
  if (named == PTX_GENERIC) return ptx_refuse(binder, "a state space is missing");
  if (!ptx_take(binder, "u64")) return ptx_refuse(binder, "addresses are .u64");
  if (!ptx_check_end(binder, 2)) return false;
  const uint64_t window = window_of(space_of(&binder->statement->operands[1], named));
  out->kind = PTX_CLASS_MOVE;
  out->offset = (int64_t)(is_to ? -window : window);
  out->step = step_add();
  out->d = ptx_result(binder, 0, PTX_U64);
  out->a = ptx_source(binder, 1, PTX_U64);
  return out->d != PTX_NO_ROW && out->a != PTX_NO_ROW;
}

/* Memory that has no window of its own is global. */
static inline bool is_window(uint64_t address, uint64_t window) {
  const uint64_t found = address & EMU_WINDOW_MASK;
  if (window != 0) return found == window;
  return found != EMU_WINDOW_SHARED && found != EMU_WINDOW_LOCAL && found != EMU_WINDOW_CONST;
}
EMU_STEP(step_is_space, is_window(a[lane], (uint64_t)at->offset))

/* isspacep.space p, a */
bool emu_bind_isspacep(ptx_binder *binder) {
  ptx_instruction *out = binder->out;
  const ptx_space space = ptx_take_space(binder);
  if (space == PTX_GENERIC) return ptx_refuse(binder, "a state space that is not known");
  if (!ptx_check_end(binder, 2)) return false;
  out->kind = PTX_CLASS_INTEGER;
  out->offset = (int64_t)window_of(space);
  out->step = step_is_space();
  out->d = ptx_result(binder, 0, PTX_PRED);
  out->a = ptx_source(binder, 1, PTX_U64);
  return out->d != PTX_NO_ROW && out->a != PTX_NO_ROW;
}
