/* Accesses of many lanes at once, as far as one look at the first and the last lane tells all there is to
   know. */
#include "tests/emulator/checks.h"

__attribute__((weak)) void *emu_access_lanes(emu_warp *warp, const ptx_instruction *at, uint32_t mask,
                                             ptx_space space, uint64_t address, uint32_t stride,
                                             uint32_t bytes, emu_access access) {
  const bool is_read_only = space == PTX_CONST || space == PTX_PARAM;
  const unsigned first = (unsigned)__builtin_ctz(mask), last = 31u - (unsigned)__builtin_clz(mask);
  if ((emu_checks_on && !is_read_only) || space == PTX_LOCAL) return NULL; /* each thread's is its own */
  if (stride == 0) return emu_access_at(warp, at, first, space, address, bytes, access);
  const uint64_t span = (uint64_t)(last - first) * stride;
  if ((address + span) >> 56 != address >> 56) return NULL;
  unsigned char *begin = emu_access_at(warp, at, first, space, address, bytes, access);
  if (begin == NULL) return NULL;
  const unsigned char *end = emu_access_at(warp, at, last, space, address + span, bytes, access);
  return end == begin + span ? begin : NULL;
}
