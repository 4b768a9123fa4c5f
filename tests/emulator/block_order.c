#include "tests/emulator/block_order.h"

#include <stdlib.h>
#include <string.h>

void emu_order_begin(emu_order *order, emu_command *command, uint32_t actor, uint32_t threads) {
  *order = (emu_order){.time = 1, .actor = actor, .threads = threads, .command = command};
}

static void drop(emu_thread_order *at) {
  emu_clock_release(at->clock);
  emu_clock_release(at->learned);
  emu_clock_release(at->armed);
  emu_clock_release(at->block_armed);
  *at = (emu_thread_order){.pending = 0};
}

void emu_order_end(emu_order *order) {
  for (uint32_t i = 0; order->by_thread != NULL && i < order->threads; i++) drop(&order->by_thread[i]);
  free(order->by_thread);
  order->by_thread = NULL;
  drop(&order->whole);
}

static emu_thread_order *of_thread(emu_order *order, uint32_t thread) {
  if (order->by_thread == NULL) order->by_thread = emu_need(order->threads * sizeof *order->by_thread);
  return &order->by_thread[thread];
}

static void learn_all(emu_thread_order *to, const emu_thread_order *from) {
  emu_clock_learn(&to->clock, from->clock);
  emu_clock_learn(&to->learned, from->learned);
  emu_clock_learn(&to->armed, from->armed);
  emu_clock_learn(&to->block_armed, from->block_armed);
}

static bool is_empty(const emu_thread_order *at) {
  return at->clock == NULL && at->learned == NULL && at->armed == NULL && at->block_armed == NULL;
}

bool emu_order_knows(const emu_order *order, uint32_t thread, uint32_t actor, uint32_t other, uint32_t time) {
  return emu_clock_knows(order->whole.clock, actor, other, time) ||
         (order->by_thread != NULL && emu_clock_knows(order->by_thread[thread].clock, actor, other, time));
}

/* A moment of these lanes. */
static uint32_t moment(emu_order *order, uint32_t warp) { return order->warps[warp].latest = ++order->time; }

void emu_order_barrier(emu_order *order) {
  order->barrier = ++order->time;
  for (uint32_t warp = 0; warp * PTX_LANES < order->threads; warp++) order->warps[warp].latest = order->time;
  for (uint32_t i = 0; order->by_thread != NULL && i < order->threads; i++) {
    emu_order_resolve(order, i);
    if (is_empty(&order->by_thread[i])) continue;
    learn_all(&order->whole, &order->by_thread[i]);
    drop(&order->by_thread[i]);
  }
}

void emu_order_join(emu_order *order, const uint32_t *masks, uint32_t warps, uint32_t first_warp) {
  emu_clock_entry entries[32 * PTX_LANES + 32];
  emu_thread_order all = {.pending = 0};
  uint32_t count = 0, now = ++order->time;
  for (uint32_t i = 0; i < warps; i++) {
    if (masks[i] != 0) order->warps[first_warp + i].latest = now;
    EMU_EACH_LANE(lane, masks[i]) {
      uint32_t thread = (first_warp + i) * PTX_LANES + lane;
      emu_order_resolve(order, thread);
      learn_all(&all, of_thread(order, thread));
      entries[count++] = (emu_clock_entry){emu_clock_key(order->actor, EMU_PART_THREAD + thread), now};
    }
  }
  for (uint32_t i = 0; i < warps; i++)
    if (masks[i] != 0)
      entries[count++] = (emu_clock_entry){emu_clock_key(order->actor, EMU_PART_WARP + first_warp + i),
                                           order->warps[first_warp + i].synced};
  emu_clock *own = emu_clock_make(entries, count);
  emu_clock_learn(&all.clock, own);
  emu_clock_release(own);
  for (uint32_t i = 0; i < warps; i++)
    EMU_EACH_LANE(lane, masks[i]) learn_all(of_thread(order, (first_warp + i) * PTX_LANES + lane), &all);
  drop(&all);
}

void emu_order_syncwarp(emu_order *order, uint32_t warp, uint32_t mask, uint32_t live) {
  if ((live & ~mask) != 0) {
    emu_order_join(order, &mask, 1, warp);
    return;
  }
  order->warps[warp].synced = moment(order, warp);
  if (order->by_thread == NULL) return;
  emu_thread_order *lanes = &order->by_thread[warp * PTX_LANES], all = {.pending = 0};
  EMU_EACH_LANE(lane, live) {
    emu_order_resolve(order, warp * PTX_LANES + lane);
    learn_all(&all, &lanes[lane]);
  }
  if (is_empty(&all)) return;
  EMU_EACH_LANE(lane, live) learn_all(&lanes[lane], &all);
  drop(&all);
}

/* All that the thread knows at a moment of its warp, its own doings among it. */
static emu_clock *knowledge(const emu_order *order, uint32_t thread, uint32_t now) {
  uint32_t warp = thread / PTX_LANES;
  const emu_clock_entry entries[] = {
      {emu_clock_key(order->actor, EMU_PART_ALL), order->barrier},
      {emu_clock_key(order->actor, EMU_PART_THREAD + thread), now},
      {emu_clock_key(order->actor, EMU_PART_WARP + warp), order->warps[warp].synced},
  };
  emu_clock *all = emu_clock_make(entries, 3);
  emu_clock_learn(&all, order->whole.clock);
  if (order->by_thread != NULL) emu_clock_learn(&all, order->by_thread[thread].clock);
  return all;
}

void emu_order_fence(emu_order *order, uint32_t warp, uint32_t mask, bool of_block) {
  uint32_t now = moment(order, warp);
  EMU_EACH_LANE(lane, mask) {
    uint32_t thread = warp * PTX_LANES + lane;
    emu_thread_order *at = of_thread(order, thread);
    emu_order_resolve(order, thread);
    emu_clock_learn(&at->clock, at->learned);
    emu_clock_learn(&at->clock, order->whole.learned);
    emu_clock_release(at->learned);
    at->learned = NULL;
    emu_clock_release(at->block_armed);
    at->block_armed = knowledge(order, thread, now);
    if (of_block) continue;
    emu_clock_release(at->armed);
    at->armed = emu_clock_retain(at->block_armed);
  }
}

/* ---- places: what releases left for those who acquire ---- */

struct emu_place {
  uint64_t key; /* 0: free */
  emu_clock *clock, *block_clock;
  uint32_t actor; /* the block that block_clock is for */
};

static emu_place *slot_of(emu_place *places, uint32_t capacity, uint64_t key) {
  uint32_t at = (uint32_t)(key * 0x9e3779b97f4a7c15u >> 32) % capacity;
  while (places[at].key != 0 && places[at].key != key) at = (at + 1) % capacity;
  return &places[at];
}

/* Under the command's lock. NULL: there is none, and `make` is false. */
static emu_place *place_of(emu_command *command, uint64_t key, bool make) {
  if (command->place_capacity != 0) {
    emu_place *found = slot_of(command->places, command->place_capacity, key);
    if (found->key != 0) return found;
  }
  if (!make) return NULL;
  if (2 * command->place_count >= command->place_capacity) {
    uint32_t capacity = 2 * command->place_capacity + 64;
    emu_place *places = emu_need(capacity * sizeof *places);
    for (uint32_t i = 0; i < command->place_capacity; i++)
      if (command->places[i].key != 0)
        *slot_of(places, capacity, command->places[i].key) = command->places[i];
    free(command->places);
    command->places = places;
    command->place_capacity = capacity;
  }
  emu_place *made = slot_of(command->places, command->place_capacity, key);
  made->key = key;
  command->place_count++;
  return made;
}

void emu_places_free(emu_command *command) {
  for (uint32_t i = 0; i < command->place_capacity; i++) {
    emu_clock_release(command->places[i].clock);
    emu_clock_release(command->places[i].block_clock);
  }
  free(command->places);
}

/* A store ends what stood there; an atomic operation carries it on. */
static void leave(emu_clock **at, const emu_clock *released, bool carries_on) {
  if (!carries_on) {
    emu_clock_release(*at);
    *at = NULL;
  }
  emu_clock_learn(at, released);
}

static void release_at(emu_order *order, uint32_t thread, uint64_t key, emu_access access) {
  emu_clock *device = NULL, *of_block = NULL;
  if ((access & EMU_RELEASE) != 0) {
    of_block = knowledge(order, thread, moment(order, thread / PTX_LANES));
    device = emu_clock_retain(of_block);
  } else {
    const emu_thread_order *at = order->by_thread != NULL ? &order->by_thread[thread] : NULL;
    device = emu_clock_join(order->whole.armed, at != NULL ? at->armed : NULL);
    of_block = emu_clock_join(order->whole.block_armed, at != NULL ? at->block_armed : NULL);
  }
  if ((access & EMU_OF_BLOCK) != 0) {
    emu_clock_release(device);
    device = NULL;
  }
  emu_command *command = order->command;
  bool tells = device != NULL || of_block != NULL, carries_on = (access & EMU_READ) != 0;
  if (tells || (!carries_on && atomic_load(&command->releases) != 0)) {
    pthread_mutex_lock(&command->lock);
    emu_place *place = place_of(command, key, tells);
    if (place != NULL) {
      leave(&place->clock, device, carries_on);
      leave(&place->block_clock, of_block, carries_on && place->actor == order->actor);
      place->actor = order->actor;
      atomic_fetch_add(&command->releases, tells);
    }
    pthread_mutex_unlock(&command->lock);
  }
  emu_clock_release(device);
  emu_clock_release(of_block);
}

void emu_order_strong(emu_order *order, uint32_t thread, uint64_t place, emu_access access) {
  if ((access & EMU_WRITE) != 0) release_at(order, thread, place, access);
  if ((access & EMU_READ) == 0) return;
  /* The value is read after this, so what stands behind it is looked at when the thread goes on. */
  emu_thread_order *at = of_thread(order, thread);
  at->pending = place;
  at->pending_acquires = (access & EMU_ACQUIRE) != 0;
  at->pending_of_block = (access & EMU_OF_BLOCK) != 0;
}

void emu_order_resolve(emu_order *order, uint32_t thread) {
  if (order->by_thread == NULL || order->by_thread[thread].pending == 0) return;
  emu_thread_order *at = &order->by_thread[thread];
  uint64_t key = at->pending;
  at->pending = 0;
  if (atomic_load(&order->command->releases) == 0) return;
  pthread_mutex_lock(&order->command->lock);
  const emu_place *place = place_of(order->command, key, false);
  if (place != NULL) {
    emu_clock **to = at->pending_acquires ? &at->clock : &at->learned;
    if (!at->pending_of_block) emu_clock_learn(to, place->clock);
    if (place->actor == order->actor) emu_clock_learn(to, place->block_clock);
  }
  pthread_mutex_unlock(&order->command->lock);
}
