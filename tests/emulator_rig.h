/* The emulator, opened by its own entry points, with a module of PTX: for tests that bring kernels of their
   own. At its end no checker may have told anything that the test did not ask for. */
#ifndef LAZYRT_TESTS_EMULATOR_RIG_H
#define LAZYRT_TESTS_EMULATOR_RIG_H

#include <stdlib.h>
#include <string.h>

#include "tests/check.h"
#include "tests/emulator/control.h"

typedef struct emu_rig {
  check_env *env;
  const emu_control *control;
  lazy_driver driver;
  lazy_driver_module module;
  lazy_driver_address memory[32];
  int count, device;
  unsigned target; /* 75 to 100 */
  enum lazyi_host_order order;
} emu_rig;

/* Opens a GPU for the target ("sm_80") and loads the text. False: what failed was said. */
bool rig_open(emu_rig *rig, check_env *env, const char *target, const char *text);
/* Takes back memory and module, and tells of reports that are left. */
void rig_close(emu_rig *rig);
/* For each target ("75 80") and each order of blocks and warps: opens litmus/<name>.sm_<target>.ptx, and runs
   the body. */
void rig_each(check_env *env, const char *name, const char *targets,
              void (*body)(check_env *env, emu_rig *rig));

/* Device memory until the rig is closed: with these values, with zeros, with nothing written. */
lazy_driver_address rig_put(emu_rig *rig, const void *values, size_t bytes);
lazy_driver_address rig_zeros(emu_rig *rig, size_t bytes);
lazy_driver_address rig_room(emu_rig *rig, size_t bytes);
void rig_get(emu_rig *rig, void *values, lazy_driver_address from, size_t bytes);

typedef struct rig_shape {
  unsigned grid[3], block[3], shared_bytes;
  bool is_cooperative;
} rig_shape;
#define RIG_LINE(blocks, threads) ((rig_shape){{(blocks), 1, 1}, {(threads), 1, 1}, 0, false})
/* Launches and waits: the CUresult. Parameters are addresses of values. */
int rig_launch(emu_rig *rig, const char *kernel, rig_shape shape, void **parameters);
#define RIG_RUN(rig, kernel, shape, ...) \
  EXPECT_EQ(rig_launch((rig), (kernel), (shape), (void *[]){__VA_ARGS__}), 0)

/* Launches and waits; `text` is what that wrote to the standard output. */
void rig_capture(emu_rig *rig, const char *kernel, rig_shape shape, void **parameters, char *text,
                 size_t room);

/* Expects just one report, with that in it, and forgets it. */
void rig_expect_report(emu_rig *rig, const char *fragment);

#endif
