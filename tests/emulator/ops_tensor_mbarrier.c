/* mbarrier: a barrier in shared memory, 8 bytes. What is in them is NVIDIA's own affair; here, from bit 0:
   20 bits of arrivals pending, 20 of arrivals expected in a phase, 23 of bytes awaited (two's complement),
   the phase. A state that an arrival yields is the object before it. */
#include <string.h>

#include "tests/emulator/ops_tensor.h"

enum { COUNT_BITS = 20, BYTES_BITS = 23, COUNT_MOST = (1 << COUNT_BITS) - 1 };

typedef struct object {
  uint32_t pending, expected;
  int32_t bytes;
  uint32_t phase;
} object;

static object unpack(uint64_t word) {
  return (object){(uint32_t)(word & COUNT_MOST), (uint32_t)(word >> COUNT_BITS & COUNT_MOST),
                  (int32_t)((int64_t)(word << 1) >> (64 - BYTES_BITS)), (uint32_t)(word >> 63)};
}

static uint64_t pack(object from) {
  return from.pending | (uint64_t)from.expected << COUNT_BITS |
         ((uint64_t)(uint32_t)from.bytes & ((1u << BYTES_BITS) - 1)) << 2 * COUNT_BITS |
         (uint64_t)from.phase << 63;
}

static bool finish_phase(object *at) {
  if (at->pending != 0 || at->bytes != 0) return false;
  at->phase ^= 1;
  at->pending = at->expected;
  return true;
}

/* The object, for a change. */
static void *object_at(emu_warp *warp, const ptx_instruction *at, unsigned lane, ptx_space space,
                       uint64_t address, emu_access order) {
  return emu_access_at(warp, at, lane, space, address, 8, EMU_ATOMIC | EMU_OF_BLOCK | order);
}

typedef struct change {
  uint32_t arrivals, dropped, added;
  int32_t bytes;
} change;

/* Yields the object before. */
static uint64_t apply(emu_warp *warp, const ptx_instruction *at, unsigned lane, ptx_space space,
                      uint64_t address, change by) {
  uint64_t word;
  void *memory = object_at(warp, at, lane, space, address, EMU_RELEASE);
  if (memory == NULL) return 0;
  memcpy(&word, memory, sizeof word);
  object now = unpack(word);
  if (by.arrivals > now.pending) {
    emu_tell(warp, at, lane, EMU_DIVERGENT_BARRIER, "%u arrive at an mbarrier that waits for %u", by.arrivals,
             now.pending);
    return word;
  }
  now.pending += by.added;
  now.pending -= by.arrivals;
  now.expected -= by.dropped;
  now.bytes += by.bytes;
  (void)finish_phase(&now);
  uint64_t changed = pack(now);
  memcpy(memory, &changed, sizeof changed);
  return word;
}

void emu_mbarrier_arrive(emu_warp *warp, const ptx_instruction *at, unsigned lane, ptx_space space,
                         uint64_t address) {
  (void)apply(warp, at, lane, space, address, (change){.arrivals = 1});
}

void emu_mbarrier_expect_one(emu_warp *warp, const ptx_instruction *at, unsigned lane, ptx_space space,
                             uint64_t address) {
  (void)apply(warp, at, lane, space, address, (change){.added = 1});
}

/* ---- instructions ---- */

static uint64_t address_of(const emu_warp *warp, const ptx_instruction *at, unsigned lane) {
  return warp->rows[at->a].lane[lane] + (uint64_t)at->offset;
}

static void step_init(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  EMU_EACH_LANE(lane, mask) {
    uint32_t count = (uint32_t)warp->rows[at->b].lane[lane] & COUNT_MOST;
    uint64_t word = pack((object){.pending = count, .expected = count});
    void *memory =
        emu_access_at(warp, at, lane, (ptx_space)at->space, address_of(warp, at, lane), 8, EMU_WRITE);
    if (memory != NULL) memcpy(memory, &word, sizeof word);
  }
}

static void step_inval(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  EMU_EACH_LANE(lane, mask) {
    void *memory =
        emu_access_at(warp, at, lane, (ptx_space)at->space, address_of(warp, at, lane), 8, EMU_WRITE);
    if (memory != NULL) memset(memory, 0, 8); /* nobody pending: an arrival is told */
  }
}

enum { HAS_ARRIVAL = 1, DROPS = 2, EXPECTS_BYTES = 4, TAKES_BYTES = 8, HAS_COUNT = 16, YIELDS = 32 };

static void step_change(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  EMU_EACH_LANE(lane, mask) {
    uint32_t number = (uint32_t)warp->rows[at->b].lane[lane];
    change by = {0};
    if ((at->flags & HAS_ARRIVAL) != 0) by.arrivals = (at->flags & HAS_COUNT) != 0 ? number : 1;
    if ((at->flags & DROPS) != 0) by.dropped = by.arrivals;
    if ((at->flags & EXPECTS_BYTES) != 0) by.bytes = (int32_t)number;
    if ((at->flags & TAKES_BYTES) != 0) by.bytes = -(int32_t)number;
    uint64_t before = apply(warp, at, lane, (ptx_space)at->space, address_of(warp, at, lane), by);
    if ((at->flags & YIELDS) != 0) warp->rows[at->d].lane[lane] = before;
  }
}

enum { BY_PARITY = 1 };

static void step_wait(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  emu_copies_arrive(warp->block);
  EMU_EACH_LANE(lane, mask) {
    uint64_t word, wanted = warp->rows[at->b].lane[lane];
    const void *memory =
        object_at(warp, at, lane, (ptx_space)at->space, address_of(warp, at, lane), EMU_ACQUIRE);
    if (memory == NULL) continue;
    memcpy(&word, memory, sizeof word);
    uint64_t phase = (at->flags & BY_PARITY) != 0 ? wanted & 1 : wanted >> 63;
    warp->rows[at->d].lane[lane] = word >> 63 != phase;
  }
}

static void step_pending(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  EMU_EACH_LANE(lane, mask) warp->rows[at->d].lane[lane] = warp->rows[at->a].lane[lane] & COUNT_MOST;
}

/* ---- binding ---- */

/* {.sem}{.scope}{.shared}.b64 and the operands' number. */
static bool bind_end(ptx_binder *binder, uint32_t operands) {
  static const char *const orders[] = {"release", "acquire", "relaxed", NULL};
  static const char *const scopes[] = {"cta", "cluster", NULL}, *const type[] = {"b64", NULL};
  (void)ptx_take_one(binder, orders);
  (void)ptx_take_one(binder, scopes);
  const ptx_statement *statement = binder->statement;
  if (binder->next_part < statement->part_count &&
      strcmp(statement->parts[binder->next_part], "shared::cluster") == 0)
    return ptx_refuse(binder, "mbarrier of another block of a cluster");
  ptx_space space = ptx_take_space(binder);
  if (space != PTX_GENERIC && space != PTX_SHARED)
    return ptx_refuse(binder, "an mbarrier is in shared memory");
  binder->out->space = (uint8_t)space;
  return emu_take_all(binder, type) && ptx_check_end(binder, operands);
}

/* [address], count */
static bool bind_number(ptx_binder *binder, ptx_step step, uint32_t flags) {
  binder->out->step = step;
  binder->out->flags = flags;
  if (!bind_end(binder, 2) || !ptx_address(binder, 0)) return false;
  return (binder->out->b = ptx_source(binder, 1, PTX_U32)) != PTX_NO_ROW;
}

/* state, [address]{, count} */
static bool bind_arrive(ptx_binder *binder, bool drops) {
  bool expects = ptx_take(binder, "expect_tx");
  bool no_complete = !expects && ptx_take(binder, "noComplete");
  uint32_t operands = binder->statement->operand_count;
  if (!bind_end(binder, expects || no_complete || operands == 3 ? 3 : 2)) return false;
  ptx_instruction *out = binder->out;
  bool yields = binder->statement->operands[0].kind != PTX_OPERAND_SINK;
  out->step = step_change;
  out->flags = HAS_ARRIVAL | (drops ? DROPS : 0u) | (yields ? YIELDS : 0u) |
               (expects         ? EXPECTS_BYTES
                : operands == 3 ? HAS_COUNT
                                : 0u);
  if (!ptx_address(binder, 1)) return false;
  out->b = operands == 3 ? ptx_source(binder, 2, PTX_U32) : ptx_constant(binder, 1);
  if (yields) out->d = ptx_result(binder, 0, PTX_B64);
  return out->b != PTX_NO_ROW && (!yields || out->d != PTX_NO_ROW);
}

/* complete, [address], state or parity{, time} */
static bool bind_wait(ptx_binder *binder, bool may_have_time) {
  ptx_instruction *out = binder->out;
  bool by_parity = ptx_take(binder, "parity");
  uint32_t operands = may_have_time && binder->statement->operand_count == 4 ? 4 : 3;
  if (!bind_end(binder, operands) || !ptx_address(binder, 1)) return false;
  out->step = step_wait;
  out->flags = by_parity ? BY_PARITY : 0;
  out->d = ptx_result(binder, 0, PTX_PRED);
  out->b = ptx_source(binder, 2, by_parity ? PTX_B32 : PTX_B64);
  if (operands == 4 && ptx_source(binder, 3, PTX_U32) == PTX_NO_ROW) return false;
  return out->d != PTX_NO_ROW && out->b != PTX_NO_ROW;
}

bool emu_bind_mbarrier(ptx_binder *binder) {
  ptx_instruction *out = binder->out;
  out->kind = PTX_CLASS_BARRIER;
  if (ptx_take(binder, "init")) return bind_number(binder, step_init, 0);
  if (ptx_take(binder, "expect_tx")) return bind_number(binder, step_change, EXPECTS_BYTES);
  if (ptx_take(binder, "complete_tx")) return bind_number(binder, step_change, TAKES_BYTES);
  if (ptx_take(binder, "arrive")) return bind_arrive(binder, false);
  if (ptx_take(binder, "arrive_drop")) return bind_arrive(binder, true);
  if (ptx_take(binder, "test_wait")) return bind_wait(binder, false);
  if (ptx_take(binder, "try_wait")) return bind_wait(binder, true);
  if (ptx_take(binder, "inval")) {
    out->step = step_inval;
    return bind_end(binder, 1) && ptx_address(binder, 0);
  }
  if (ptx_take(binder, "pending_count")) {
    out->step = step_pending;
    if (!bind_end(binder, 2)) return false;
    out->d = ptx_result(binder, 0, PTX_B32);
    out->a = ptx_source(binder, 1, PTX_B64);
    return out->d != PTX_NO_ROW && out->a != PTX_NO_ROW;
  }
  return ptx_refuse(binder, "an mbarrier instruction that is not known");
}
