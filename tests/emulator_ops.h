/* One instruction by itself: read from text, bound, and stepped over a warp's registers; no launch, no
   machine. Registers: %p0-%p7, %h0-%h7 of 16 bits, %r0-%r7 of 32, %d0-%d7 of 64. */
#ifndef LAZYRT_TESTS_EMULATOR_OPS_H
#define LAZYRT_TESTS_EMULATOR_OPS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/check.h"
#include "tests/emulator/machine.h"

typedef struct ops_rig {
  const char *statement;
  ptx_module *module;
  const ptx_instruction *at;
  emu_warp warp; /* and what a step reaches from it: the module's list of rows */
  emu_block block;
  emu_launch launch;
  emu_entry entry;
  emu_module loaded;
  uint64_t *d, *a, *b, *c; /* lanes of the instruction's rows */
} ops_rig;

static inline ptx_module *ops_read(const char *statement, char error[512]) {
  char text[1024];
  (void)snprintf(text, sizeof text,
                 ".version 9.0\n.target sm_100\n.address_size 64\n.visible .entry k()\n{\n"
                 ".reg .pred %%p<8>;\n.reg .b16 %%h<8>;\n.reg .b32 %%r<8>;\n.reg .b64 %%d<8>;\n//@\n%s\n}\n",
                 statement);
  return ptx_module_read(text, error);
}

static inline bool ops_open(ops_rig *rig, const char *statement) {
  char error[512] = "";
  *rig = (ops_rig){.statement = statement, .module = ops_read(statement, error)};
  if (rig->module == NULL) {
    FAIL("%s is refused: %s", statement, error);
    return false;
  }
  const ptx_function *function = &rig->module->functions[0];
  rig->at = &rig->module->code[function->first];
  rig->warp.rows = (ptx_row *)aligned_alloc(64, function->rows * sizeof(ptx_row));
  memset(rig->warp.rows, 0, function->rows * sizeof(ptx_row));
  for (uint32_t i = 0; i < function->constant_count; i++)
    for (unsigned lane = 0; lane < PTX_LANES; lane++)
      rig->warp.rows[function->constants[i].row].lane[lane] = function->constants[i].bits;
  rig->loaded.ptx = rig->module;
  rig->entry.module = &rig->loaded;
  rig->launch.entry = &rig->entry;
  rig->block.launch = &rig->launch;
  rig->warp.block = &rig->block;
  rig->warp.lanes = rig->warp.live = ~(uint32_t)0;
  rig->d = rig->warp.rows[rig->at->d].lane;
  rig->a = rig->warp.rows[rig->at->a].lane;
  rig->b = rig->warp.rows[rig->at->b].lane;
  rig->c = rig->warp.rows[rig->at->c].lane;
  return true;
}

/* The lanes of the register that the statement names first, second, ...: rows are given out in that order. */
static inline uint64_t *ops_lanes(ops_rig *rig, unsigned nth) { return rig->warp.rows[nth].lane; }

static inline void ops_close(ops_rig *rig) {
  free(rig->warp.rows);
  ptx_module_free(rig->module);
}

static inline void ops_step(ops_rig *rig, uint32_t mask) { rig->at->step(&rig->warp, rig->at, mask); }

/* A statement is refused with its line, and these words. */
static inline void ops_expect_refusal(const char *statement, const char *words) {
  char error[512] = "";
  ptx_module *module = ops_read(statement, error);
  CHECK_CASE("%s", statement);
  EXPECT_TRUE(module == NULL);
  EXPECT_CONTAINS(error, "line ");
  EXPECT_CONTAINS(error, words);
  ptx_module_free(module);
}

#endif
