/* Which device memory there is: live ranges, and those that were freed lately. */
#ifndef LAZYRT_TESTS_EMULATOR_MEMORY_MAP_H
#define LAZYRT_TESTS_EMULATOR_MEMORY_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct emu_range {
  uint64_t start, end; /* as the program addresses it */
  uint64_t number;     /* of the process's allocations, from 1 */
  bool is_adopted;
} emu_range;

void emu_map_add(uint64_t start, size_t bytes, bool is_adopted);
void emu_map_remove(uint64_t start, size_t bytes, bool is_adopted);
/* False: a live range does not hold all of it. */
bool emu_map_find(uint64_t address, uint64_t bytes, emu_range *out_range);

typedef enum emu_near {
  EMU_NEAR_NOTHING,
  EMU_NEAR_NULL,     /* below the first page */
  EMU_NEAR_LIVE,     /* begins in a live range, or at most 4 KiB beside one: that */
  EMU_NEAR_FREED,    /* in a freed one: that */
  EMU_NEAR_HOST,     /* memory of the process */
  EMU_NEAR_UNTAGGED, /* a live range's address without its tag: that */
} emu_near;
/* What an address that is nowhere may have meant. */
emu_near emu_map_near(uint64_t address, emu_range *out_range);

/* Changes with the map: what was found before has to be looked for again. */
uint64_t emu_map_version(void);

#endif
