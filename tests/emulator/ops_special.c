/* Special registers that change while a warp runs: mov reads them. Time is the host's. */
#include <time.h>

#include "tests/emulator/machine.h"

static uint64_t now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* %clock counts one a nanosecond, %globaltimer is the time of day. flags: ptx_special */
static void step_clock(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  uint64_t value = now(at->flags >= PTX_GLOBALTIMER ? CLOCK_REALTIME : CLOCK_MONOTONIC);
  if (at->flags == PTX_CLOCK || at->flags == PTX_GLOBALTIMER_LO) value = (uint32_t)value;
  if (at->flags == PTX_CLOCK_HI || at->flags == PTX_GLOBALTIMER_HI) value >>= 32;
  EMU_EACH_LANE(lane, mask) warp->rows[at->d].lane[lane] = value;
}

/* mov.u32 d, %clock; */
static bool bind_clock(ptx_binder *binder) {
  const ptx_special special = binder->statement->operands[1].special;
  const bool is_wide = special == PTX_CLOCK64 || special == PTX_GLOBALTIMER;
  const ptx_type type = ptx_take_type(binder, is_wide ? 1u << PTX_U64 | 1u << PTX_S64 | 1u << PTX_B64
                                                      : 1u << PTX_U32 | 1u << PTX_S32 | 1u << PTX_B32);
  if (type == PTX_TYPE_NONE || !ptx_check_end(binder, 2)) return false;
  binder->out->kind = PTX_CLASS_MOVE;
  binder->out->flags = (uint32_t)special;
  binder->out->step = step_clock;
  return (binder->out->d = ptx_result(binder, 0, type)) != PTX_NO_ROW;
}

const ptx_opcode ptx_opcodes_special[] = {{"mov", bind_clock}, {NULL, NULL}};
