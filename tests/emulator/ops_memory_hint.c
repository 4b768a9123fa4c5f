/* What is said to caches, and changes nothing that a kernel could see. */
#include <string.h>

#include "tests/emulator/ops_access.h"

static void step_nothing(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  (void)warp, (void)at, (void)mask;
}

static bool bind_nothing(ptx_binder *binder, uint32_t operands) {
  binder->out->kind = PTX_CLASS_MEMORY;
  binder->out->step = step_nothing;
  return ptx_check_end(binder, operands) && ptx_address(binder, 0);
}

/* prefetch{.space}.level [a]; prefetch.global.level::priority [a]; prefetchu.L1 [a] */
bool emu_bind_prefetch(ptx_binder *binder) {
  static const char *const levels[] = {"L1", "L2", "L2::evict_last", "L2::evict_normal", NULL};
  const bool is_uniform = strcmp(binder->statement->opcode, "prefetchu") == 0;
  const ptx_space space = is_uniform ? PTX_GENERIC : ptx_take_space(binder);
  if (space != PTX_GENERIC && space != PTX_GLOBAL && space != PTX_LOCAL)
    return ptx_refuse(binder, "global and local memory alone are prefetched");
  const int level = ptx_take_one(binder, levels);
  if (level < 0 || (is_uniform && level != 0)) return ptx_refuse(binder, "a cache that is not known");
  return bind_nothing(binder, 1);
}

/* applypriority{.global}.L2::evict_normal [a], 128; discard{.global}.L2 [a], 128 */
bool emu_bind_hint(ptx_binder *binder) {
  const bool is_discard = strcmp(binder->statement->opcode, "discard") == 0;
  uint64_t bytes;
  const ptx_space space = ptx_take_space(binder);
  if (space != PTX_GENERIC && space != PTX_GLOBAL) return ptx_refuse(binder, "it is of global memory");
  if (!ptx_take(binder, is_discard ? "L2" : "L2::evict_normal"))
    return ptx_refuse(binder, "a cache that is not known");
  if (!bind_nothing(binder, 2) || !ptx_integer(binder, 1, &bytes)) return false;
  return bytes == 128 || ptx_refuse(binder, "a size that is not 128");
}

static void step_policy(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  EMU_EACH_LANE(lane, mask) warp->rows[at->d].lane[lane] = 0;
}

/* createpolicy.fractional.L2::priority{.L2::priority}.b64 d{, fraction}: what it yields serves as a hint. */
bool emu_bind_policy(ptx_binder *binder) {
  static const char *const priorities[] = {"L2::evict_last", "L2::evict_normal", "L2::evict_first",
                                           "L2::evict_unchanged", NULL};
  ptx_instruction *out = binder->out;
  const uint32_t operands = binder->statement->operand_count == 2 ? 2 : 1;
  if (!ptx_take(binder, "fractional")) return ptx_refuse(binder, "of createpolicy .fractional is known");
  if (ptx_take_one(binder, priorities) < 0) return ptx_refuse(binder, "a priority is missing");
  (void)ptx_take_one(binder, priorities);
  if (!ptx_take(binder, "b64")) return ptx_refuse(binder, "a policy is .b64");
  if (!ptx_check_end(binder, operands)) return false;
  if (operands == 2 && ptx_source(binder, 1, PTX_F32) == PTX_NO_ROW) return false;
  out->kind = PTX_CLASS_MEMORY;
  out->step = step_policy;
  return (out->d = ptx_result(binder, 0, PTX_B64)) != PTX_NO_ROW;
}
