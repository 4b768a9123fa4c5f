/* Warps: the lanes at the lowest instruction run, until lanes part or meet. Lanes that jump back again and
   again, as those that wait for a lock do, let the others of their warp go on. */
#include "tests/emulator/run.h"

enum { TURNS = 512 /* jumps back before others of the warp have their turn */ };

/* The lanes that run together, and the lowest instruction that others of the warp stand at. */
typedef struct group {
  uint32_t mask, pc, stop;
} group;

static group lowest(const emu_warp *warp, uint32_t among, uint32_t ready) {
  group found = {.pc = UINT32_MAX, .stop = UINT32_MAX};
  EMU_EACH_LANE(lane, among)
  if (warp->pc[lane] < found.pc) found.pc = warp->pc[lane];
  EMU_EACH_LANE(lane, ready) {
    const uint32_t pc = warp->pc[lane];
    if (pc == found.pc) found.mask |= UINT32_C(1) << lane;
    else if (pc > found.pc && pc < found.stop) found.stop = pc;
  }
  return found;
}

static bool is_uniform(const emu_warp *warp, uint32_t ready, uint32_t pc) {
  uint32_t differs = 0;
  if (ready == ~UINT32_C(0)) {
    for (unsigned lane = 0; lane < PTX_LANES; lane++) differs |= warp->pc[lane] ^ pc;
  } else {
    EMU_EACH_LANE(lane, ready) differs |= warp->pc[lane] ^ pc;
  }
  return differs == 0;
}

static group choose(emu_warp *warp, uint32_t ready) {
  emu_warp_own *own = emu_own(warp);
  const uint32_t pc = warp->pc[__builtin_ctz(ready)];
  if (is_uniform(warp, ready, pc)) {
    own->favoured = own->turns = 0;
    return (group){ready, pc, UINT32_MAX};
  }
  own->favoured &= ready;
  group chosen = lowest(warp, own->favoured != 0 ? own->favoured : ready, ready);
  if (own->turns < TURNS) return chosen;
  /* The lanes further on; after the last of them, those at the lowest instruction again. */
  own->turns = 0;
  own->favoured = 0;
  EMU_EACH_LANE(lane, ready)
  if (warp->pc[lane] > chosen.pc) own->favoured |= UINT32_C(1) << lane;
  return lowest(warp, own->favoured != 0 ? own->favoured : ready, ready);
}

/* The registers of the function that an instruction is in. */
static void use_rows(emu_warp *warp, uint32_t pc) {
  emu_warp_own *own = emu_own(warp);
  if (pc >= own->first && pc < own->behind) return;
  const emu_entry *entry = warp->block->launch->entry;
  const ptx_function *function = ptx_module_function_at(entry->module->ptx, pc);
  own->first = function->first;
  own->behind = function->first + function->count;
  warp->rows = own->rows + entry->row_base[function - entry->module->ptx->functions];
}

static void count_memory(const emu_warp *warp, const ptx_instruction *at, uint32_t mask, emu_count *count) {
  uint64_t addresses[PTX_LANES] = {0};
  uint32_t global = 0;
  EMU_EACH_LANE(lane, mask) {
    addresses[lane] = warp->rows[at->a].lane[lane] + (uint64_t)at->offset;
    const uint64_t window = addresses[lane] & EMU_WINDOW_MASK;
    const bool is_window = window >= EMU_WINDOW_SHARED && window <= EMU_WINDOW_PARAM;
    if (at->space == PTX_GLOBAL || !is_window) global |= UINT32_C(1) << lane;
  }
  const uint32_t width = at->more_count > 1 ? at->more_count : 1;
  emu_count_access(count, addresses, global, width * ptx_type_bytes((ptx_type)at->type));
}

static void count_step(const emu_warp *warp, const ptx_instruction *at, uint32_t mask, uint32_t active,
                       emu_count *count) {
  count->warps++;
  if (active == 0) return;
  count->threads += (unsigned)__builtin_popcount(active);
  if (at->step == emu_step_branch) count->splits += active != mask;
  else if ((at->kind == PTX_CLASS_MEMORY || at->kind == PTX_CLASS_ATOMIC) &&
           (at->space == PTX_GLOBAL || at->space == PTX_GENERIC) && at->type != PTX_TYPE_NONE)
    count_memory(warp, at, active, count);
}

static uint32_t guarded(const emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const uint32_t holds = emu_lanes_of(&warp->rows[at->guard]);
  return mask & (at->guard_negated ? ~holds : holds);
}

/* Runs a group until its lanes part, wait or meet others; yields the instructions it ran. */
static uint32_t run_group(emu_worker *worker, emu_warp *warp, group now, uint32_t most) {
  const ptx_instruction *const code = worker->code;
  emu_launch *const launch = worker->launch;
  emu_warp_own *const own = emu_own(warp);
  const ptx_step branch = emu_step_branch;
  emu_count *const counts = worker->counts;
  uint32_t pc = now.pc, ran = 0;
  const uint32_t mask = now.mask;
  while (pc < now.stop) {
    const ptx_instruction *at = &code[pc];
    const uint32_t active = at->guard == PTX_NO_ROW ? mask : guarded(warp, at, mask);
    ran++;
    if (counts != NULL) count_step(warp, at, mask, active, &counts[pc - launch->counters->first]);
    pc++;
    if (active == 0) continue;
    if (at->step == branch && active == mask) {
      const bool back = at->target < pc;
      pc = at->target;
      if (!back) continue;
      if (ran >= most) break;
      if (now.stop == UINT32_MAX) continue;
      if (++own->turns >= TURNS || own->favoured != 0) break;
    } else if (at->is_flow) {
      emu_go(warp, mask, pc);
      at->step(warp, at, active);
      return ran;
    } else {
      at->step(warp, at, active);
      if (emu_has_fault(launch)) break;
    }
  }
  emu_go(warp, mask, pc);
  return ran;
}

void emu_warp_run(emu_running *running, emu_warp *warp, uint32_t quantum) {
  emu_warp_own *own = emu_own(warp);
  const emu_launch *launch = warp->block->launch;
  uint32_t ran = 0, ready;
  own->sleeps = false;
  while (ran < quantum && !own->sleeps && !emu_has_fault(launch) &&
         (ready = warp->live & ~warp->waiting) != 0) {
    const group now = choose(warp, ready);
    use_rows(warp, now.pc);
    ran += run_group(running->worker, warp, now, quantum - ran);
  }
  running->ran += ran;
}

void emu_exit(emu_warp *warp, uint32_t mask) {
  emu_warp_own *own = emu_own(warp);
  warp->live &= ~mask;
  atomic_fetch_add_explicit(&warp->block->launch->progress, 1, memory_order_relaxed);
  warp->waiting &= ~own->meeting; /* whoever waits for these lanes looks again */
  own->meeting = 0;
  if (emu_running_of(warp->block)->barriers_used != 0) emu_barriers_settle(warp->block);
}
