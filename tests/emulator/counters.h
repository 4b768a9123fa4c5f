/* What a launch did, counted: instructions of warps and threads, divergence, sectors of global memory. */
#ifndef LAZYRT_TESTS_EMULATOR_COUNTERS_H
#define LAZYRT_TESTS_EMULATOR_COUNTERS_H

#include "tests/emulator/machine.h"

/* Of one instruction. */
typedef struct emu_count {
  uint64_t warps, threads; /* warps that came by, and threads of theirs that carried it out */
  uint64_t splits;         /* branches that a part of a warp's threads took */
  uint64_t accesses;       /* of global memory, by warps */
  uint64_t bytes, sectors; /* that their threads wanted; of 32 bytes, that they touched */
} emu_count;

typedef struct emu_counters {
  const char *kernel;
  const ptx_module *module; /* valid while the launch's module is loaded */
  uint64_t launch;
  emu_shape shape;
  emu_count total;
  emu_count of_class[PTX_CLASS_COUNT];
  uint32_t first, count; /* instructions of the entry and what it calls */
  emu_count *of_instruction;
} emu_counters;

/* Whether launches are counted: LAZYRT_EMULATOR_STATS names a file, or a test asks. */
bool emu_counting(void);
void emu_count_launches(bool on);
/* Of a launch that begins: NULL, unless launches are counted. */
emu_counters *emu_counters_begin(const emu_launch *launch);
/* A launch has ended: its sums are made, written, and stay the latest. NULL is allowed. */
void emu_counters_end(emu_counters *counters);
/* Of the latest launch that ended, or NULL. */
const emu_counters *emu_counters_latest(void);
/* A worker's counts, from counters->first. */
void emu_counters_add(emu_counters *counters, const emu_count *counts);
/* One access of global memory: lanes of a warp, `bytes` each. */
void emu_count_access(emu_count *count, const uint64_t addresses[PTX_LANES], uint32_t mask, uint32_t bytes);

/* stats.c: adds a launch to the file of LAZYRT_EMULATOR_STATS, an array of JSON; the file is whole after
 * each. */
void emu_stats_write(const emu_counters *counters);
const char *emu_class_name(ptx_class of);

#endif
