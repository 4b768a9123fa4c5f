/* Barriers of a block. The aligned kinds (bar, barrier...aligned) are reached by warps: their lanes meet
   first. Of the others each thread comes by itself. */
#include <string.h>

#include "tests/emulator/ops_flow.h"

/* at->flags. at->a: the row of the number, b: of the count, c: of a reduction's predicate. */
enum {
  ALIGNED = 1,
  STAYS = 2,
  HAS_COUNT = 4,
  POPC = 8,
  AND = 16,
  OR = 32,
  REDUCES = POPC | AND | OR,
  NEGATED = 64
};

static unsigned number_of(const emu_warp *warp, const ptx_instruction *at, unsigned lane) {
  return (unsigned)warp->rows[at->a].lane[lane];
}

/* ---- completion ---- */

static ptx_row *rows_at(const emu_warp *warp, uint32_t pc) {
  const emu_entry *entry = warp->block->launch->entry;
  const ptx_function *function = ptx_module_function_at(entry->module->ptx, pc);
  return emu_own(warp)->rows + entry->row_base[function - entry->module->ptx->functions];
}

/* What a reduction yields to waiting lanes, which may stand at several instructions. */
static void yield_result(const emu_warp *warp, uint32_t mask, const emu_barrier *barrier) {
  EMU_EACH_LANE(lane, mask) {
    const ptx_instruction *at = &emu_code(warp)[warp->pc[lane]];
    if ((at->flags & REDUCES) == 0) continue;
    uint64_t value = barrier->holding;
    if (at->flags & AND) value = barrier->holding == barrier->voted;
    if (at->flags & OR) value = barrier->holding != 0;
    rows_at(warp, warp->pc[lane])[at->d].lane[lane] = value;
  }
}

static void complete(emu_block *block, unsigned number) {
  emu_running *running = emu_running_of(block);
  emu_barrier *barrier = &running->barriers[number];
  atomic_fetch_add_explicit(&block->launch->progress, 1, memory_order_relaxed);
  if (barrier->of_all) {
    block->epoch++;
    emu_check_barrier(block);
  } else {
    emu_check_partial_barrier(block, number, barrier->arrived);
  }
  for (uint32_t i = 0; i < block->warp_count; i++) {
    if (barrier->staying[i] == 0) continue;
    yield_result(&block->warps[i], barrier->staying[i], barrier);
    emu_release(&block->warps[i], barrier->staying[i]);
  }
  memset(barrier, 0, sizeof *barrier);
  running->barriers_used &= ~(UINT32_C(1) << number);
}

static uint32_t count_of(const uint32_t *masks, uint32_t warps) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < warps; i++) count += (unsigned)__builtin_popcount(masks[i]);
  return count;
}

/* Of a barrier of all threads: whether each has come, or has exited, which is told. */
static bool all_came(emu_block *block, const emu_barrier *barrier) {
  for (uint32_t i = 0; i < block->warp_count; i++)
    if ((block->warps[i].live & ~barrier->arrived[i]) != 0) return false;
  const uint32_t came = count_of(barrier->arrived, block->warp_count);
  if (came == block->threads) return true;
  for (uint32_t i = 0; i < block->warp_count; i++) {
    emu_warp *warp = &block->warps[i];
    if (barrier->staying[i] == 0) continue;
    const unsigned lane = (unsigned)__builtin_ctz(barrier->staying[i]);
    emu_tell(warp, &emu_code(warp)[warp->pc[lane]], lane, EMU_DIVERGENT_BARRIER,
             "%u of the block's %u threads came to the barrier, the others have exited", came,
             block->threads);
    return true;
  }
  return true;
}

static void settle(emu_block *block, unsigned number) {
  const emu_barrier *barrier = &emu_running_of(block)->barriers[number];
  if (barrier->in_use && (barrier->of_all ? all_came(block, barrier) : barrier->come >= barrier->wanted))
    complete(block, number);
}

void emu_barriers_settle(emu_block *block) {
  for (unsigned number = 0; number < EMU_BARRIERS; number++) {
    if (emu_has_fault(block->launch)) return;
    if ((emu_running_of(block)->barriers_used >> number & 1) != 0) settle(block, number);
  }
}

/* ---- arrival ---- */

/* False: a fault was told. */
static bool check_count(emu_warp *warp, const ptx_instruction *at, unsigned lane, uint32_t count) {
  const emu_block *block = warp->block;
  if (number_of(warp, at, lane) >= EMU_BARRIERS)
    emu_tell(warp, at, lane, EMU_DIVERGENT_BARRIER, "barrier %u; there are %u", number_of(warp, at, lane),
             (unsigned)EMU_BARRIERS);
  else if ((at->flags & HAS_COUNT) != 0 &&
           (count == 0 || count % PTX_LANES != 0 || count > block->warp_count * PTX_LANES))
    emu_tell(warp, at, lane, EMU_DIVERGENT_BARRIER, "a barrier for %u threads, in a block of %u", count,
             block->threads);
  else return true;
  return false;
}

/* Threads that a warp's lanes stand for: a last warp counts as a whole one. */
static uint32_t threads_of(const emu_warp *warp, const emu_barrier *barrier, const ptx_instruction *at,
                           uint32_t mask) {
  if (at->flags & ALIGNED) return PTX_LANES;
  const bool is_whole = (barrier->arrived[warp->index] | mask) == warp->lanes;
  return (unsigned)__builtin_popcount(mask) +
         (is_whole ? PTX_LANES - (unsigned)__builtin_popcount(warp->lanes) : 0);
}

/* Lanes that name the same barrier and count. */
static void arrive(emu_warp *warp, const ptx_instruction *at, uint32_t mask, uint32_t number,
                   uint32_t count) {
  emu_running *running = emu_running_of(warp->block);
  emu_barrier *barrier = &running->barriers[number];
  const bool of_all = count == warp->block->warp_count * PTX_LANES;
  if (barrier->in_use && (barrier->of_all != of_all || barrier->wanted != count)) {
    emu_tell(warp, at, (unsigned)__builtin_ctz(mask), EMU_DIVERGENT_BARRIER,
             "barrier %u for %u threads; others came to it for %u", number, count, barrier->wanted);
    return;
  }
  running->barriers_used |= UINT32_C(1) << number;
  barrier->in_use = true;
  barrier->of_all = of_all;
  barrier->wanted = count;
  barrier->come += threads_of(warp, barrier, at, mask);
  if ((at->flags & REDUCES) != 0) {
    uint32_t holds = emu_lanes_of(&warp->rows[at->c]);
    if (at->flags & NEGATED) holds = ~holds;
    barrier->voted += (unsigned)__builtin_popcount(mask);
    barrier->holding += (unsigned)__builtin_popcount(mask & holds);
  }
  barrier->arrived[warp->index] |= mask;
  if ((at->flags & STAYS) != 0) {
    barrier->staying[warp->index] |= mask;
    emu_go(warp, mask, (uint32_t)(at - emu_code(warp)));
    warp->waiting |= mask;
  }
  settle(warp->block, number);
}

/* The lanes of a warp that stand at an aligned barrier: all of the live ones, or 0 while some are missing. */
static uint32_t gather(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const uint32_t here = (uint32_t)(at - emu_code(warp));
  uint32_t before = 0;
  if (mask == warp->live) return mask;
  EMU_EACH_LANE(lane, emu_own(warp)->meeting) before |= (uint32_t)(warp->pc[lane] == here) << lane;
  if ((mask | before) != warp->live) {
    emu_stay(warp, at, mask);
    return 0;
  }
  emu_release(warp, before);
  return warp->live;
}

static void step_barrier(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const uint32_t all = warp->block->warp_count * PTX_LANES;
  if ((at->flags & ALIGNED) != 0) mask = gather(warp, at, mask);
  while (mask != 0 && !emu_has_fault(warp->block->launch)) {
    const unsigned first = (unsigned)__builtin_ctz(mask);
    const uint64_t *numbers = warp->rows[at->a].lane, *counts = warp->rows[at->b].lane;
    uint32_t group = 0;
    EMU_EACH_LANE(lane, mask)
    group |= (uint32_t)(numbers[lane] == numbers[first] && counts[lane] == counts[first]) << lane;
    if ((at->flags & ALIGNED) != 0 && group != mask) {
      emu_tell(warp, at, first, EMU_DIVERGENT_BARRIER, "lanes of a warp come to different barriers");
      return;
    }
    mask &= ~group;
    const uint32_t count = (at->flags & HAS_COUNT) != 0 ? (uint32_t)counts[first] : all;
    if (!check_count(warp, at, first, count)) return;
    arrive(warp, at, group, (uint32_t)numbers[first], count);
  }
}

/* ---- nothing goes on ---- */

void emu_tell_stuck(emu_block *block) {
  const emu_running *running = emu_running_of(block);
  for (uint32_t i = 0; i < block->warp_count; i++) {
    emu_warp *warp = &block->warps[i];
    if (warp->waiting == 0) continue;
    const uint32_t at_barrier = warp->waiting & ~emu_own(warp)->meeting;
    const unsigned lane = (unsigned)__builtin_ctz(at_barrier != 0 ? at_barrier : warp->waiting);
    const ptx_instruction *at = &emu_code(warp)[warp->pc[lane]];
    if (at->step != step_barrier) {
      emu_tell(warp, at, lane, EMU_DIVERGENT_BARRIER,
               "waits for ever: not all lanes of the member mask 0x%08x come here",
               emu_own(warp)->members[lane]);
    } else if (at_barrier == 0) {
      emu_tell(warp, at, lane, EMU_DIVERGENT_BARRIER,
               "waits for ever: a part of the warp came to this barrier, the rest is elsewhere");
    } else {
      const ptx_row *rows = rows_at(warp, warp->pc[lane]);
      const unsigned number = (unsigned)rows[at->a].lane[lane];
      const emu_barrier *barrier = &running->barriers[number];
      emu_tell(warp, at, lane, EMU_DIVERGENT_BARRIER,
               "waits for ever: %u threads came to barrier %u, which is for %u",
               count_of(barrier->arrived, block->warp_count), number,
               barrier->of_all ? block->threads : barrier->wanted);
    }
    return;
  }
}

/* ---- bar.warp.sync ---- */

static void step_syncwarp(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  while (emu_meet_anywhere(warp, at, &mask, &warp->rows[at->a]) != 0) continue;
}

/* ---- binding ---- */

static bool bind_reduction(ptx_binder *binder, uint32_t operands) {
  ptx_instruction *out = binder->out;
  static const char *const names[] = {"popc", "and", "or", NULL};
  const int which = ptx_take_one(binder, names);
  if (which < 0) return ptx_refuse(binder, "a barrier's reduction that is not popc, and, or");
  out->flags |= which == 0 ? POPC : which == 1 ? AND : OR;
  (void)ptx_take(binder, "aligned");
  if (!ptx_take(binder, which == 0 ? "u32" : "pred"))
    return ptx_refuse(binder, "a reduction of another type");
  if (operands != 3 && operands != 4) return ptx_refuse(binder, "found %u operands, wanted 3 or 4", operands);
  if (!emu_bind_flow(binder, step_barrier, operands)) return false;
  bool negated = false;
  out->d = ptx_result(binder, 0, which == 0 ? PTX_U32 : PTX_PRED);
  out->a = ptx_source(binder, 1, PTX_U32);
  out->b = operands == 4 ? ptx_source(binder, 2, PTX_U32) : out->a;
  out->c = ptx_source_negatable(binder, operands - 1, &negated);
  if (operands == 4) out->flags |= HAS_COUNT;
  if (negated) out->flags |= NEGATED;
  return out->d != PTX_NO_ROW && out->a != PTX_NO_ROW && out->b != PTX_NO_ROW && out->c != PTX_NO_ROW;
}

/* bar{.cta}.sync a{, b}; .arrive a, b; .red.op d, a{, b}, p; bar.warp.sync mask; barrier likewise */
bool emu_bind_barrier(ptx_binder *binder) {
  ptx_instruction *out = binder->out;
  const bool is_bar = strcmp(binder->statement->opcode, "bar") == 0;
  const uint32_t operands = binder->statement->operand_count;
  out->kind = PTX_CLASS_BARRIER;
  if (is_bar && ptx_take(binder, "warp")) {
    if (!ptx_take(binder, "sync")) return ptx_refuse(binder, "bar.warp without .sync");
    if (!emu_bind_flow(binder, step_syncwarp, 1)) return false;
    out->kind = PTX_CLASS_BARRIER;
    return (out->a = ptx_source(binder, 0, PTX_U32)) != PTX_NO_ROW;
  }
  if (ptx_take(binder, "cluster")) return ptx_refuse(binder, "barriers of clusters are not supported");
  (void)ptx_take(binder, "cta");
  static const char *const names[] = {"sync", "arrive", "red", NULL};
  const int which = ptx_take_one(binder, names);
  if (which < 0) return ptx_refuse(binder, "a barrier that is not sync, arrive, red");
  if (which != 1) out->flags = STAYS;
  bool bound;
  if (which == 2) {
    const uint32_t parts = binder->statement->part_count;
    bool aligned = is_bar;
    for (uint32_t i = 0; i < parts; i++) aligned |= strcmp(binder->statement->parts[i], "aligned") == 0;
    out->flags |= aligned ? ALIGNED : 0u;
    bound = bind_reduction(binder, operands);
  } else {
    out->flags |= ptx_take(binder, "aligned") || is_bar ? ALIGNED : 0u;
    if (operands != 2 && (operands != 1 || which == 1))
      return ptx_refuse(binder, "found %u operands, wanted %s", operands, which == 1 ? "2" : "1 or 2");
    if (!emu_bind_flow(binder, step_barrier, operands)) return false;
    if (operands == 2) out->flags |= HAS_COUNT;
    out->a = ptx_source(binder, 0, PTX_U32);
    out->b = operands == 2 ? ptx_source(binder, 1, PTX_U32) : out->a;
    bound = out->a != PTX_NO_ROW && out->b != PTX_NO_ROW;
  }
  out->kind = PTX_CLASS_BARRIER;
  return bound;
}
