/* Fences. Each is a fence of the host's threads too. */
#include <string.h>

#include "tests/emulator/ops_access.h"

enum { OF_BLOCK, OF_DEVICE, OF_SYSTEM };

/* flags: the scope */
static void step_fence(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  atomic_thread_fence(memory_order_seq_cst);
  emu_check_fence(warp, mask, (int)at->flags);
}

static bool take_scope(ptx_binder *binder, const char *const *names) {
  static const uint8_t scopes[] = {OF_BLOCK, OF_DEVICE, OF_SYSTEM, OF_BLOCK};
  const int scope = ptx_take_one(binder, names);
  if (scope < 0) return ptx_refuse(binder, "a scope is missing");
  binder->out->flags = scopes[scope];
  return true;
}

/* fence{.sem}.scope; fence.proxy.kind; fence.mbarrier_init.release.cluster; membar.level */
bool emu_bind_fence(ptx_binder *binder) {
  static const char *const orders[] = {"acq_rel", "sc", "acquire", "release", NULL};
  static const char *const proxies[] = {"alias", "async", "async.global", "async::generic", NULL};
  static const char *const levels[] = {"cta", "gl", "sys", NULL};
  static const char *const scopes[] = {"cta", "gpu", "sys", "cluster", NULL};
  binder->out->kind = PTX_CLASS_MEMORY;
  binder->out->step = step_fence;
  if (strcmp(binder->statement->opcode, "membar") == 0)
    return take_scope(binder, levels) && ptx_check_end(binder, 0);
  if (ptx_take(binder, "proxy")) {
    if (ptx_take_one(binder, proxies) < 0) return ptx_refuse(binder, "a proxy that is not supported");
    (void)ptx_take_space(binder);
    binder->out->flags = OF_BLOCK;
    return ptx_check_end(binder, 0);
  }
  if (ptx_take(binder, "mbarrier_init")) {
    if (!ptx_take(binder, "release")) return ptx_refuse(binder, "it is .release.cluster");
  } else {
    (void)ptx_take_one(binder, orders); /* .acq_rel is meant where there is none */
  }
  return take_scope(binder, scopes) && ptx_check_end(binder, 0);
}
