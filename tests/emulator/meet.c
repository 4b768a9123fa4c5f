/* Lanes of a warp that wait for each other. */
#include "tests/emulator/run.h"

void emu_stay(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  emu_go(warp, mask, (uint32_t)(at - emu_code(warp)));
  warp->waiting |= mask;
  emu_own(warp)->meeting |= mask;
}

void emu_release(emu_warp *warp, uint32_t mask) {
  EMU_EACH_LANE(lane, mask) warp->pc[lane]++;
  warp->waiting &= ~mask;
  emu_own(warp)->meeting &= ~mask;
}

/* All lanes of `mask` have this value, as it nearly always is. */
static bool all_have(const ptx_row *row, uint32_t mask, uint32_t value) {
  uint64_t differs = 0;
  if (mask == ~UINT32_C(0)) {
    for (unsigned lane = 0; lane < PTX_LANES; lane++) differs |= row->lane[lane] ^ value;
  } else {
    EMU_EACH_LANE(lane, mask) differs |= row->lane[lane] ^ value;
  }
  return (uint32_t)differs == 0;
}

/* Waiting lanes that wait for the same lanes at the same place. */
static uint32_t others(const emu_warp *warp, const ptx_instruction *at, uint32_t wanted, uint32_t value,
                       bool anywhere) {
  const emu_warp_own *own = emu_own(warp);
  const ptx_instruction *code = emu_code(warp);
  uint32_t found = 0;
  EMU_EACH_LANE(lane, own->meeting & wanted) {
    const ptx_instruction *there = &code[warp->pc[lane]];
    if (own->members[lane] == value && (there == at || (anywhere && there->step == at->step)))
      found |= UINT32_C(1) << lane;
  }
  return found;
}

static uint32_t meet(emu_warp *warp, const ptx_instruction *at, uint32_t *mask, const ptx_row *members,
                     bool anywhere) {
  while (*mask != 0) {
    const unsigned first = (unsigned)__builtin_ctz(*mask);
    const uint32_t value = (uint32_t)members->lane[first], wanted = value & warp->live;
    uint32_t came = *mask;
    if (!all_have(members, came, value)) {
      came = 0;
      EMU_EACH_LANE(lane, *mask) came |= (uint32_t)((uint32_t)members->lane[lane] == value) << lane;
    }
    *mask &= ~came;
    if ((came & ~value) != 0) {
      emu_tell(warp, at, (unsigned)__builtin_ctz(came & ~value), EMU_DIVERGENT_BARRIER,
               "the member mask 0x%08x does not have the thread's own lane", value);
      *mask = 0;
      return 0;
    }
    const uint32_t before = came == wanted ? 0 : others(warp, at, wanted, value, anywhere);
    if ((came | before) == wanted) {
      emu_release(warp, before);
      emu_check_syncwarp(warp, wanted);
      return wanted;
    }
    EMU_EACH_LANE(lane, came) emu_own(warp)->members[lane] = value;
    emu_stay(warp, at, came);
  }
  return 0;
}

uint32_t emu_meet(emu_warp *warp, const ptx_instruction *at, uint32_t *mask, const ptx_row *members) {
  return meet(warp, at, mask, members, false);
}
uint32_t emu_meet_anywhere(emu_warp *warp, const ptx_instruction *at, uint32_t *mask,
                           const ptx_row *members) {
  return meet(warp, at, mask, members, true);
}
