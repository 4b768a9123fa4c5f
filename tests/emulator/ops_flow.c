/* Where lanes go: branches, the end of threads, traps. */
#include "tests/emulator/ops_flow.h"

#include <string.h>

static void step_branch(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  emu_go(warp, mask, at->target);
  if (&emu_code(warp)[at->target] <= at) emu_own(warp)->turns++;
}
const ptx_step emu_step_branch = step_branch;

static void step_branch_by_index(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const emu_launch *launch = warp->block->launch;
  const uint32_t *targets = &launch->entry->module->ptx->more[at->more];
  bool back = false;
  EMU_EACH_LANE(lane, mask) {
    const uint32_t index = (uint32_t)warp->rows[at->a].lane[lane];
    if (index >= at->more_count) {
      emu_tell(warp, at, lane, EMU_TRAP, "the index %u of a branch with %u targets", index, at->more_count);
      return;
    }
    warp->pc[lane] = targets[index];
    back |= &emu_code(warp)[targets[index]] <= at;
  }
  emu_own(warp)->turns += back;
}

static void step_exit(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  (void)at;
  emu_exit(warp, mask);
}

static void step_trap(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  emu_tell(warp, at, (unsigned)__builtin_ctz(mask), EMU_TRAP,
           at->flags != 0 ? "brkpt" : "the thread says so");
  emu_exit(warp, mask);
}

static void step_sleep(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  enum { LONG = 1 << 16 };
  (void)at;
  (void)mask;
  emu_own(warp)->sleeps = true;
  emu_own(warp)->turns += LONG; /* others of the warp have their turn now */
}

static void step_nothing(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  (void)warp;
  (void)at;
  (void)mask;
}

/* ---- binding ---- */

bool emu_bind_flow(ptx_binder *binder, ptx_step step, uint32_t operands) {
  ptx_instruction *out = binder->out;
  out->step = step;
  out->kind = PTX_CLASS_BRANCH;
  out->is_flow = true;
  return ptx_check_end(binder, operands);
}

/* bra{.uni} target */
static bool bind_branch(ptx_binder *binder) {
  (void)ptx_take(binder, "uni");
  if (!emu_bind_flow(binder, step_branch, 1)) return false;
  const ptx_operand *target = &binder->statement->operands[0];
  if (target->kind != PTX_OPERAND_LABEL) return ptx_refuse(binder, "a branch to what is no label");
  binder->out->target = target->index;
  return true;
}

/* brx.idx{.uni} index, targets */
static bool bind_branch_by_index(ptx_binder *binder) {
  if (!ptx_take(binder, "idx")) return ptx_refuse(binder, "brx without .idx");
  (void)ptx_take(binder, "uni");
  if (!emu_bind_flow(binder, step_branch_by_index, 2)) return false;
  const ptx_operand *targets = &binder->statement->operands[1];
  if (targets->kind != PTX_OPERAND_VECTOR || targets->count == 0)
    return ptx_refuse(binder, "brx.idx without a list of targets");
  for (uint32_t i = 0; i < targets->count; i++) {
    if (targets->elements[i].kind != PTX_OPERAND_LABEL)
      return ptx_refuse(binder, "a target that is no label");
    ptx_more(binder, targets->elements[i].index);
  }
  return (binder->out->a = ptx_source(binder, 0, PTX_U32)) != PTX_NO_ROW;
}

static bool bind_exit(ptx_binder *binder) { return emu_bind_flow(binder, step_exit, 0); }

static bool bind_trap(ptx_binder *binder) {
  binder->out->flags = strcmp(binder->statement->opcode, "brkpt") == 0;
  return emu_bind_flow(binder, step_trap, 0);
}

/* nanosleep.u32 time: any time is right. */
static bool bind_sleep(ptx_binder *binder) {
  if (!ptx_take(binder, "u32")) return ptx_refuse(binder, "nanosleep without .u32");
  const bool bound = emu_bind_flow(binder, step_sleep, 1) && ptx_source(binder, 0, PTX_U32) != PTX_NO_ROW;
  binder->out->kind = PTX_CLASS_OTHER;
  return bound;
}

/* griddepcontrol: launches follow each other whole, so that there is nothing to do. */
static bool bind_grid_dependence(ptx_binder *binder) {
  if (!ptx_take(binder, "wait") && !ptx_take(binder, "launch_dependents"))
    return ptx_refuse(binder, "griddepcontrol of an unknown kind");
  binder->out->step = step_nothing;
  binder->out->kind = PTX_CLASS_OTHER;
  return ptx_check_end(binder, 0);
}

const ptx_opcode ptx_opcodes_flow[] = {
    {"bra", bind_branch},      {"brx", bind_branch_by_index}, {"call", emu_bind_call},
    {"ret", emu_bind_return},  {"exit", bind_exit},           {"trap", bind_trap},
    {"brkpt", bind_trap},      {"nanosleep", bind_sleep},     {"griddepcontrol", bind_grid_dependence},
    {"bar", emu_bind_barrier}, {"barrier", emu_bind_barrier}, {NULL, NULL},
};
