/* What is announced to the checkers: blocks and their barriers, memory, commands. */
#include "tests/emulator/checks.h"

#include <stdlib.h>
#include <string.h>

#include "tests/emulator/block_shadow.h"
#include "tests/emulator/memory_map.h"

bool emu_checks_on = true;

__attribute__((constructor)) static void choose(void) {
  const char *wanted = getenv("LAZYRT_EMULATOR_CHECKS");
  emu_checks_on = wanted == NULL || strcmp(wanted, "0") != 0;
}

/* ---- blocks ---- */

/* What a thread of the host has at hand for its next block. */
static _Thread_local emu_block_shadow *kept;

static emu_block_shadow *make(uint64_t shared_bytes, uint64_t local_bytes) {
  emu_block_shadow *made = kept;
  kept = NULL;
  if (made != NULL && (made->shared_bytes < shared_bytes || made->local_bytes < local_bytes)) {
    emu_block_shadow_free(made);
    made = NULL;
  }
  if (made != NULL) return made;
  made = emu_need(sizeof *made);
  made->shared_bytes = shared_bytes;
  made->local_bytes = local_bytes;
  made->groups = emu_need((shared_bytes / EMU_GROUP_BYTES + 1) * sizeof *made->groups);
  made->local = emu_need(local_bytes + 1);
  return made;
}

void emu_block_shadow_free(emu_block_shadow *shadow) {
  for (uint64_t i = 0; i <= shadow->shared_bytes / EMU_GROUP_BYTES; i++)
    if (shadow->groups[i].fine != NULL)
      emu_units_give(shadow->groups[i].fine, (unsigned)EMU_GROUP_BYTES >> shadow->groups[i].fine_log);
  free(shadow->groups);
  free(shadow->local);
  free(shadow);
}

void emu_check_block_begin(emu_block *block) {
  emu_launch *launch = block->launch;
  block->shadow = NULL;
  if (!emu_checks_on) return;
  const uint64_t local_bytes = block->threads * launch->entry->local_bytes;
  emu_block_shadow *shadow = make(block->shared_bytes, local_bytes);
  shadow->command = emu_command_of(launch);
  shadow->actors = (uint32_t)launch->blocks;
  shadow->first = emu_command_actors(shadow->command, shadow->actors, &launch->shape);
  shadow->base = (emu_base){.stamp = emu_shadow_stamp()};
  memset(shadow->local, 0, local_bytes);
  emu_order_begin(&shadow->order, shadow->command, shadow->first + (uint32_t)block->number, block->threads);
  block->shadow = shadow;
}

void emu_check_block_end(emu_block *block) {
  emu_block_shadow *shadow = block->shadow;
  if (shadow == NULL) return;
  emu_order_end(&shadow->order);
  block->shadow = NULL;
  if (kept != NULL) emu_block_shadow_free(kept);
  kept = shadow;
}

static emu_order *order_of(const emu_block *block) {
  emu_block_shadow *shadow = block->shadow;
  return shadow != NULL ? &shadow->order : NULL;
}

void emu_check_barrier(emu_block *block) {
  if (order_of(block) != NULL) emu_order_barrier(order_of(block));
}

void emu_check_partial_barrier(emu_block *block, unsigned number, const uint32_t *warp_masks) {
  (void)number;
  if (order_of(block) != NULL) emu_order_join(order_of(block), warp_masks, block->warp_count, 0);
}

void emu_check_syncwarp(emu_warp *warp, uint32_t mask) {
  emu_order *order = order_of(warp->block);
  if (order != NULL) emu_order_syncwarp(order, warp->index, mask, warp->live);
}

void emu_check_fence(emu_warp *warp, uint32_t mask, int scope) {
  emu_order *order = order_of(warp->block);
  if (order != NULL) emu_order_fence(order, warp->index, mask, scope == 0);
}

/* ---- memory ---- */

void emu_check_alloc(uint64_t address, size_t bytes, bool is_adopted) {
  if (bytes == 0) return;
  emu_map_add(address, bytes, is_adopted);
  emu_shadow_reset(address, bytes, is_adopted);
}

void emu_check_free(uint64_t address, size_t bytes, bool is_adopted) {
  if (bytes == 0) return;
  emu_map_remove(address, bytes, is_adopted);
  if (!is_adopted) emu_shadow_reset(address, bytes, false);
}

void emu_check_written(uint64_t address, size_t bytes) { emu_shadow_reset(address, bytes, true); }

/* ---- commands ---- */

void emu_check_end(void *clock) {
  emu_command *command = clock;
  if (command == NULL) return;
  emu_places_free(command);
  pthread_mutex_destroy(&command->lock);
  free(command->ticks);
  free(command);
}

static emu_user user_of(emu_command *command) {
  const uint32_t actor = emu_command_actors(command, 1, NULL);
  return (emu_user){.command = command, .actor = actor, .first = actor, .actors = 1};
}

static int use_range(void *clock, const char *what, uint64_t address, size_t bytes, emu_access access) {
  const char *does = (access & EMU_WRITE) != 0 ? "writes" : "reads";
  emu_range range;
  emu_conflict conflict = {.kind = EMU_NO_CONFLICT};
  if (!emu_map_find(address, bytes, &range)) {
    emu_tell_host(what, EMU_OUT_OF_BOUNDS, "it %s %zu bytes at 0x%llx, where no live memory is", does, bytes,
                  (unsigned long long)address);
    return emu_trouble_result(EMU_OUT_OF_BOUNDS);
  }
  if (!emu_checks_on || clock == NULL) return 0;
  const emu_user user = user_of(clock);
  emu_shadow_range(&user, address, bytes, access, &conflict);
  if (conflict.kind == EMU_AMONG_COMMANDS) {
    const emu_past_command *other = emu_command_at(conflict.index);
    emu_tell_host(
        what, EMU_STREAM_RACE,
        "it %s 0x%llx to 0x%llx, and %s, a command of another stream that nothing orders with it, %s there",
        does, (unsigned long long)address, (unsigned long long)(address + bytes), other->name,
        (conflict.who & EMU_WHO_WRITE) != 0 ? "wrote" : "read");
  }
  return 0;
}

int emu_check_range(void *clock, const char *what, uint64_t address, size_t bytes, emu_access access) {
  return use_range(clock, what, address, bytes, access);
}

int emu_check_copy(void *clock, uint64_t to, uint64_t from, size_t bytes) {
  int result = use_range(clock, "copy", from, bytes, EMU_READ);
  if (result == 0) result = use_range(clock, "copy", to, bytes, EMU_WRITE);
  if (result == 0 && emu_checks_on && clock != NULL) emu_shadow_take_over(to, from, bytes);
  return result;
}
