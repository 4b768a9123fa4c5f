/* Handles that know their kind and their creation, so that a stale or foreign one is refused, never followed.
 */
#include "runtime/driver/host_state.h"

/* Bits: kind 56..59, generation 24..55, slot + 1 0..23. Kinds start at 1, so no handle is a canonical
 * address. */
enum { SLOT_BITS = 24, GENERATION_BITS = 32 };

static uint32_t slot_of(const void *handle) {
  return (uint32_t)((uintptr_t)handle & (((uintptr_t)1 << SLOT_BITS) - 1)) - 1;
}

void *lazyi_host_handle_create(enum lazyi_host_kind kind, void *object) {
  uint32_t slot = lazyi_host.first_free_slot;
  if (slot != UINT32_MAX) {
    lazyi_host.first_free_slot = lazyi_host.slots.at[slot].next_free;
  } else {
    slot = (uint32_t)lazyi_host.slots.count;
    if (slot >= (1u << SLOT_BITS) - 2) return NULL;
    if (lazyi_vector_push(&lazyi_host.slots, (lazyi_host_slot){0}) != LAZY_STATUS_OK) return NULL;
  }
  uint32_t generation = ++lazyi_host.generation;
  lazyi_host.slots.at[slot] = (lazyi_host_slot){.object = object, .generation = generation, .kind = kind};
  uint64_t bits =
      (uint64_t)kind << (SLOT_BITS + GENERATION_BITS) | (uint64_t)generation << SLOT_BITS | (slot + 1);
  return (void *)(uintptr_t)bits;
}

void *lazyi_host_handle_get(enum lazyi_host_kind kind, const void *handle) {
  uint64_t bits = (uintptr_t)handle;
  uint32_t slot = slot_of(handle);
  if (bits >> (SLOT_BITS + GENERATION_BITS) != (uint64_t)kind || slot >= lazyi_host.slots.count) return NULL;
  const lazyi_host_slot *entry = &lazyi_host.slots.at[slot];
  return entry->kind == kind && entry->generation == (uint32_t)(bits >> SLOT_BITS) ? entry->object : NULL;
}

void lazyi_host_handle_destroy(void *handle) {
  uint32_t slot = slot_of(handle);
  lazyi_host.slots.at[slot] = (lazyi_host_slot){.next_free = lazyi_host.first_free_slot};
  lazyi_host.first_free_slot = slot;
}
