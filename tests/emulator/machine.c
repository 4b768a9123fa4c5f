/* Launches: threads of the host take blocks and run them, several at a time where blocks wait for others. */
#include <stdlib.h>
#include <time.h>

#include <lazyrt/driver.h>

#include "runtime/driver/host_image.h"
#include "tests/emulator/run.h"

enum {
  QUANTUM = 4096,         /* instructions of a warp before the next warp's turn */
  QUANTUM_TOGETHER = 256, /* of a block that others may be waiting for */
  LONG = 1 << 20,         /* instructions of a block after which it may be waiting for one not begun yet */
  SHORT = 1 << 14,        /* where this turned out to be so */
  RESIDENT = 128,         /* blocks of a thread of the host, unless they are to be there together */
  PATIENCE = 120,         /* seconds without any progress: LAZYRT_EMULATOR_PATIENCE */
};

/* ---- order ---- */

static uint64_t mix(uint64_t value) {
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
  value = (value ^ value >> 27) * 0x94d049bb133111ebu;
  return value ^ value >> 31;
}

static uint64_t common_divisor(uint64_t a, uint64_t b) {
  while (b != 0) {
    const uint64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

/* The n-th of `count` in a launch's order. */
static uint64_t nth(const emu_launch *launch, uint64_t seed, uint64_t n, uint64_t count) {
  if (launch->order == LAZYI_HOST_ORDER_FORWARD) return n;
  if (launch->order == LAZYI_HOST_ORDER_REVERSED) return count - 1 - n;
  const uint64_t most = UINT32_C(1) << 30; /* so that nothing overflows: nobody waits for 2^33 blocks */
  uint64_t stride = 1 + mix(seed) % (count < most ? count : most);
  while (common_divisor(stride, count) != 1) stride++;
  return (n * stride + mix(seed + 1) % count) % count;
}

/* ---- blocks that wait for ever ---- */

static uint64_t milliseconds(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

typedef struct watch {
  uint64_t progress, since, rounds, patience;
} watch;

static uint64_t patience(void) {
  const char *said = getenv("LAZYRT_EMULATOR_PATIENCE");
  const uint64_t wanted = said != NULL ? strtoull(said, NULL, 10) : 0;
  return wanted != 0 ? wanted : PATIENCE;
}

static void tell_deadlock(const emu_worker *worker, uint64_t waited) {
  for (emu_running *at = worker->resident; at != NULL; at = at->next) {
    for (uint32_t i = 0; i < at->block.warp_count; i++) {
      emu_warp *warp = &at->warps[i];
      const uint32_t ready = warp->live & ~warp->waiting;
      if (ready == 0) continue;
      const unsigned lane = (unsigned)__builtin_ctz(ready);
      emu_tell(warp, &worker->code[warp->pc[lane]], lane, EMU_DEADLOCK,
               "still here: no thread ended and no barrier was passed for %llu seconds",
               (unsigned long long)waited);
      return;
    }
  }
}

static void look_at_watch(const emu_worker *worker, watch *now) {
  enum { ROUNDS = 64 };
  const uint64_t progress = atomic_load_explicit(&worker->launch->progress, memory_order_relaxed);
  if (++now->rounds % ROUNDS != 0) return;
  const uint64_t time = milliseconds();
  if (progress != now->progress || now->since == 0) {
    now->progress = progress;
    now->since = time;
  } else if (time - now->since >= 1000 * now->patience) {
    tell_deadlock(worker, (time - now->since) / 1000);
  }
}

/* ---- running ---- */

/* Whether every warp has ended, waits, or sleeps. */
typedef struct state {
  bool live, ready, awake;
} state;

static state state_of(const emu_running *running) {
  state found = {false, false, false};
  for (uint32_t i = 0; i < running->block.warp_count; i++) {
    const emu_warp *warp = &running->warps[i];
    const bool ready = (warp->live & ~warp->waiting) != 0;
    found.live |= warp->live != 0;
    found.ready |= ready;
    found.awake |= ready && !running->owns[i].sleeps;
  }
  return found;
}

static state run_round(emu_running *running, uint32_t quantum) {
  emu_block *block = &running->block;
  const emu_launch *launch = block->launch;
  const uint64_t seed = launch->seed + block->number * 64 + running->order++;
  for (uint32_t i = 0; i < block->warp_count; i++) {
    emu_warp *warp = &running->warps[nth(launch, seed, i, block->warp_count)];
    uint32_t most = quantum;
    if (launch->order == LAZYI_HOST_ORDER_SHUFFLED) most = 1 + (uint32_t)(mix(seed ^ (i + 1)) % quantum);
    emu_warp_run(running, warp, most);
  }
  state now = state_of(running);
  if (now.live && !now.ready && !emu_has_fault(launch)) emu_tell_stuck(block);
  return now;
}

static bool take(emu_worker *worker) {
  emu_launch *launch = worker->launch;
  const uint64_t taken = atomic_fetch_add(&launch->taken, 1);
  if (taken >= launch->blocks) return false;
  emu_running *fresh = worker->idle;
  if (fresh != NULL) worker->idle = fresh->next;
  else fresh = emu_block_make(worker);
  if (fresh == NULL) {
    atomic_store(&launch->fault, LAZY_DRIVER_OUT_OF_MEMORY);
    return false;
  }
  emu_block_start(fresh, nth(launch, launch->seed, taken, launch->blocks));
  emu_running **end = &worker->resident;
  while (*end != NULL) end = &(*end)->next;
  fresh->next = NULL;
  *end = fresh;
  worker->resident_count++;
  return true;
}

static void end_block(emu_worker *worker, emu_running **place) {
  emu_running *ended = *place;
  emu_copies_end(&ended->block);
  emu_check_block_end(&ended->block);
  *place = ended->next;
  ended->next = worker->idle;
  worker->idle = ended;
  worker->resident_count--;
}

/* A block that came since has ended, and the others still run: they may well wait for the next one. If it
   runs as long as they do, blocks of this kernel just take long. */
static void learn(emu_worker *worker) {
  const bool grows = worker->resident_count > worker->stood;
  worker->stood = worker->resident_count;
  if (grows && worker->patience < LONG) worker->patience *= 2;
  else if (!grows && worker->patience > SHORT) worker->patience /= 8;
}

/* A round of every resident block. Yields whether another block should come: all of them wait for something,
   or may do so. */
static bool run_resident(emu_worker *worker) {
  const emu_launch *launch = worker->launch;
  const bool together = launch->shape.is_cooperative;
  const uint32_t quantum = together || worker->resident_count > 1 ? QUANTUM_TOGETHER : QUANTUM;
  bool all_stand = true;
  for (emu_running **place = &worker->resident; *place != NULL;) {
    emu_running *running = *place;
    const state now = run_round(running, quantum);
    if (!now.live || emu_has_fault(launch)) {
      end_block(worker, place);
      all_stand = false;
    } else {
      all_stand &= together || !now.awake || running->ran >= worker->patience;
      place = &running->next;
    }
  }
  if (!all_stand || together) return all_stand;
  for (emu_running *at = worker->resident; at != NULL; at = at->next) at->ran = 0;
  learn(worker);
  return worker->resident_count < RESIDENT;
}

void emu_launch_work(emu_launch *launch) {
  emu_worker worker = {.launch = launch, .code = launch->entry->module->ptx->code, .patience = LONG};
  watch patient = {.patience = patience()};
  if (launch->counters != NULL) worker.counts = calloc(launch->counters->count, sizeof *worker.counts);
  bool left = true, more = true; /* blocks are left; one should come */
  while (!emu_has_fault(launch)) {
    if (left && more) left = take(&worker);
    if (worker.resident == NULL) break;
    more = run_resident(&worker) || worker.resident == NULL;
    look_at_watch(&worker, &patient);
  }
  while (worker.resident != NULL) end_block(&worker, &worker.resident);
  while (worker.idle != NULL) {
    emu_running *next = worker.idle->next;
    emu_block_free(worker.idle);
    worker.idle = next;
  }
  if (worker.counts != NULL) emu_counters_add(launch->counters, worker.counts);
  free(worker.counts);
}
