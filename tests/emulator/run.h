/* The machine's own: what blocks and warps are made of beside machine.h. */
#ifndef LAZYRT_TESTS_EMULATOR_RUN_H
#define LAZYRT_TESTS_EMULATOR_RUN_H

#include "tests/emulator/checks.h"
#include "tests/emulator/counters.h"

enum {
  EMU_WARPS = 32,    /* of a block, at most */
  EMU_BARRIERS = 16, /* of a block */
  EMU_DEPTH = 64,    /* calls within each other */
};

/* One that nobody stands at is all zeros. */
typedef struct emu_barrier {
  bool in_use, of_all;         /* of_all: every thread is to come */
  uint32_t wanted, come;       /* threads, where not of_all */
  uint32_t voted, holding;     /* threads that had a predicate to tell, and of them those where it held */
  uint32_t arrived[EMU_WARPS]; /* lanes of each warp */
  uint32_t staying[EMU_WARPS]; /* those of them that wait */
} emu_barrier;

/* emu_warp.machine */
typedef struct emu_warp_own {
  ptx_row *rows;          /* of all functions */
  uint32_t first, behind; /* instructions of the function whose rows are in warp->rows */
  uint32_t meeting;       /* waiting lanes that look again when one exits; the others wait at a barrier */
  uint32_t members[PTX_LANES]; /* whom a meeting lane waits for */
  uint32_t favoured; /* lanes that go on before those at the lowest instruction, for a while; 0: none */
  uint32_t turns;    /* jumps back since other lanes of the warp ran that could have */
  bool sleeps;       /* gives its turn away */
  uint32_t depth[PTX_LANES];
  uint32_t *calls; /* instructions of the calls that each lane is in: [depth][lane] */
} emu_warp_own;

typedef struct emu_worker emu_worker;
/* A block that runs; emu_block.machine. */
typedef struct emu_running {
  emu_block block;
  emu_warp warps[EMU_WARPS];
  emu_warp_own owns[EMU_WARPS];
  emu_barrier barriers[EMU_BARRIERS];
  uint32_t barriers_used; /* bits: not all zeros */
  ptx_row *rows;
  uint32_t *calls;
  uint64_t ran;   /* instructions of warps */
  uint32_t order; /* of warps, this round: a start and a stride */
  emu_worker *worker;
  struct emu_running *next;
} emu_running;

/* One call of emu_launch_work. */
struct emu_worker {
  emu_launch *launch;
  const ptx_instruction *code;
  emu_count *counts; /* by instruction, from `first`; NULL: nobody counts */
  emu_running *resident, *idle;
  uint32_t resident_count, stood; /* now; when all of them last seemed to wait */
  uint64_t patience;              /* instructions of a block after which it seems to wait for another one */
};

/* ---- entry.c ---- */
/* Of functions: only the built-in ones have no body. */
bool emu_is_built_in(const ptx_function *function);

/* ---- block.c ---- */
/* NULL: out of memory. */
emu_running *emu_block_make(emu_worker *worker);
void emu_block_start(emu_running *running, uint64_t number);
void emu_block_free(emu_running *running);

/* ---- warp.c ---- */
/* Runs a warp until nothing of it can go on, or for about so many instructions. */
void emu_warp_run(emu_running *running, emu_warp *warp, uint32_t quantum);
/* Lanes of a step go elsewhere, or end. */
static inline void emu_go(emu_warp *warp, uint32_t mask, uint32_t to) {
  EMU_EACH_LANE(lane, mask) warp->pc[lane] = to;
}
void emu_exit(emu_warp *warp, uint32_t mask);

/* ---- meet.c ---- */
/* Lanes stay at the instruction until one exits or others come. */
void emu_stay(emu_warp *warp, const ptx_instruction *at, uint32_t mask);
/* Takes waiting lanes on, behind their instruction. */
void emu_release(emu_warp *warp, uint32_t mask);

/* ---- ops_barrier.c ---- */
/* Looks at the block's barriers again: threads have exited. */
void emu_barriers_settle(emu_block *block);
/* Nothing of a block can go on: says what it waits for. */
void emu_tell_stuck(emu_block *block);

/* ---- ops_flow.c, ops_call.c ---- */
extern const ptx_step emu_step_branch, emu_step_call, emu_step_call_indirect;

/* ---- builtin.c ---- */
/* Carries out a built-in function for a lane; `arguments` and `result` are memory of the thread. */
void emu_builtin(emu_warp *warp, const ptx_instruction *at, unsigned lane, const ptx_function *function,
                 const unsigned char *const *arguments, unsigned char *result);

static inline emu_warp_own *emu_own(const emu_warp *warp) { return warp->machine; }
static inline emu_running *emu_running_of(const emu_block *block) { return block->machine; }
static inline const ptx_instruction *emu_code(const emu_warp *warp) {
  return warp->block->launch->entry->module->ptx->code;
}
static inline bool emu_has_fault(const emu_launch *launch) {
  return atomic_load_explicit(&launch->fault, memory_order_relaxed) != 0;
}

#endif
