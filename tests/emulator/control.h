/* What the tests ask of the emulator beside the driver's calls: a table that the library exports. */
#ifndef LAZYRT_TESTS_EMULATOR_CONTROL_H
#define LAZYRT_TESTS_EMULATOR_CONTROL_H

#include "runtime/driver/host.h"

#define EMU_CONTROL_SYMBOL "emu_control_table"

struct emu_counters;

typedef struct emu_control {
  /* As lazyi_host_..., of the device that is emulated. */
  void (*set_strict)(bool strict);
  void (*set_order)(enum lazyi_host_order order, uint64_t seed);
  void (*set_schedule)(uint64_t seed);
  void (*fault_at)(uint64_t n, int result);
  void (*lose)(int result);
  void (*live)(lazyi_host_live_counts *out_counts);
  size_t (*damaged)(void);
  int (*adopt)(void *memory, size_t bytes, lazy_driver_address *out_address);
  int (*give_up)(lazy_driver_address address, size_t bytes);
  /* A host function wrote device memory, as a library in cuBLAS's place does. */
  void (*wrote)(lazy_driver_address address, size_t bytes);
  /* Reports of the checkers so far. */
  size_t (*report_count)(void);
  const char *(*report_text)(size_t index);
  void (*report_clear)(void);
  /* Off: addresses are still looked up, nothing else is checked. */
  void (*set_checks)(bool on);
  /* Counts what launches do from now on, or no longer. */
  void (*count_launches)(bool on);
  /* Of the latest launch that ended; NULL: there was none, or nobody counts. Valid until the next one ends.
   */
  const struct emu_counters *(*last_launch)(void);
} emu_control;

#endif
