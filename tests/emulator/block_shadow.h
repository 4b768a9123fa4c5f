/* What the checkers keep of a block that runs; emu_block.shadow. */
#ifndef LAZYRT_TESTS_EMULATOR_BLOCK_SHADOW_H
#define LAZYRT_TESTS_EMULATOR_BLOCK_SHADOW_H

#include "tests/emulator/block_order.h"

typedef struct emu_block_shadow {
  emu_order order;
  emu_command *command;
  uint32_t first, actors; /* of the launch */
  emu_base base;          /* of its shared memory, when it began */
  emu_group *groups;      /* of its shared memory */
  uint8_t *local;         /* of each byte of its threads' memory: whether it was written */
  uint64_t shared_bytes, local_bytes;
} emu_block_shadow;

void emu_block_shadow_free(emu_block_shadow *shadow);

#endif
