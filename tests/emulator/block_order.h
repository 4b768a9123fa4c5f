/* The order among threads of a block, and what they learn of other blocks of their launch. Time of a block
   is a count of its steps; a barrier, a syncwarp, a fence lie at moments of it. */
#ifndef LAZYRT_TESTS_EMULATOR_BLOCK_ORDER_H
#define LAZYRT_TESTS_EMULATOR_BLOCK_ORDER_H

#include "tests/emulator/shadow.h"

/* Of a thread, or of a whole block. */
typedef struct emu_thread_order {
  emu_clock *clock;       /* known */
  emu_clock *learned;     /* from flags it read; known with the next fence */
  emu_clock *armed;       /* what a fence let its flags tell from now on */
  emu_clock *block_armed; /* the same to threads of its block alone */
  uint64_t pending;       /* place of a flag that is being read; 0: none */
  bool pending_acquires, pending_of_block;
} emu_thread_order;

struct emu_order {
  uint32_t time, barrier; /* now; all threads know what was before */
  uint32_t actor;
  uint32_t threads;
  emu_command *command;
  emu_thread_order whole;      /* what all threads have in common */
  emu_thread_order *by_thread; /* NULL while nothing but barriers and whole syncwarps was used */
  struct {
    uint32_t synced; /* its lanes know each other's doings before */
    uint32_t latest; /* the latest of its moments of any kind */
    uint32_t step, lane;
    const ptx_instruction *at;
  } warps[32];
};

void emu_order_begin(emu_order *order, emu_command *command, uint32_t actor, uint32_t threads);
void emu_order_end(emu_order *order);
void emu_order_barrier(emu_order *order);
/* Lanes of one warp, or warps in part. */
void emu_order_join(emu_order *order, const uint32_t *masks, uint32_t warps, uint32_t first_warp);
void emu_order_syncwarp(emu_order *order, uint32_t warp, uint32_t mask, uint32_t live);
void emu_order_fence(emu_order *order, uint32_t warp, uint32_t mask, bool of_block);
/* A strong access of a place, whose check is done: tells and learns what the access allows. */
void emu_order_strong(emu_order *order, uint32_t thread, uint64_t place, emu_access access);
/* Before an access of the thread. */
void emu_order_resolve(emu_order *order, uint32_t thread);
/* Whether what another thread did is known. */
bool emu_order_knows(const emu_order *order, uint32_t thread, uint32_t actor, uint32_t other, uint32_t time);

static inline bool emu_order_knows_own(const emu_order *order, uint32_t thread, uint32_t other,
                                       uint32_t time) {
  if (time < order->barrier || other == thread) return true;
  if (other / PTX_LANES == thread / PTX_LANES && time < order->warps[thread / PTX_LANES].synced) return true;
  return order->by_thread != NULL && emu_order_knows(order, thread, order->actor, other, time);
}

/* Places of a command. */
void emu_places_free(emu_command *command);

#endif
