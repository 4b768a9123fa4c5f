/* The way of every access to memory: where the address leads, whether it may go there, and who else did. */
#include <stdio.h>
#include <string.h>

#include "runtime/driver/host_tag.h"
#include "tests/emulator/block_shadow.h"
#include "tests/emulator/memory_map.h"

/* One lane's access. */
typedef struct wish {
  emu_warp *warp;
  const ptx_instruction *at;
  unsigned lane;
  uint64_t address; /* as the program has it */
  uint32_t bytes;
  emu_access access;
} wish;

static const char *does(emu_access access) {
  if ((access & (EMU_READ | EMU_WRITE)) == (EMU_READ | EMU_WRITE)) return "changes";
  return (access & EMU_WRITE) != 0 ? "writes" : "reads";
}

static void *outside(const wish *w, const char *of, uint64_t size) {
  emu_tell(w->warp, w->at, w->lane, EMU_OUT_OF_BOUNDS, "it %s %u bytes at %llu of %s, which has %llu",
           does(w->access), w->bytes, (unsigned long long)w->address, of, (unsigned long long)size);
  return NULL;
}

static bool is_aligned(const wish *w) {
  /* bytes that are no power of two are pieces of a copy, which the instruction looked at */
  if ((w->bytes & (w->bytes - 1)) != 0 || (w->address & (w->bytes - 1)) == 0) return true;
  emu_tell(w->warp, w->at, w->lane, EMU_MISALIGNED, "it %s %u bytes at 0x%llx", does(w->access), w->bytes,
           (unsigned long long)w->address);
  return false;
}

static bool is_within(const wish *w, uint64_t size) {
  return w->address <= size && w->bytes <= size - w->address;
}

/* ---- who else did ---- */

/* Lanes of one instruction act at one time; what comes after anybody was met is another. */
static uint32_t time_of(emu_order *order, const wish *w) {
  const uint32_t warp = w->warp->index;
  if (order->warps[warp].at != w->at || w->lane < order->warps[warp].lane ||
      order->warps[warp].step <= order->warps[warp].latest) {
    order->warps[warp].step = ++order->time;
    order->warps[warp].at = w->at;
  }
  order->warps[warp].lane = w->lane;
  return order->warps[warp].step;
}

static emu_user user_of(emu_block_shadow *shadow, const wish *w, bool is_shared) {
  return (emu_user){.command = shadow->command,
                    .actor = shadow->order.actor,
                    .first = shadow->first,
                    .actors = shadow->actors,
                    .thread = emu_thread_of(w->warp, w->lane),
                    .time = time_of(&shadow->order, w),
                    .order = &shadow->order,
                    .is_shared = is_shared};
}

static void append_thread(char *text, size_t room, const uint32_t *block, uint32_t thread) {
  (void)snprintf(text + strlen(text), room - strlen(text), "thread (%u,%u,%u)", thread % block[0],
                 thread / block[0] % block[1], thread / block[0] / block[1]);
}

static void tell_conflict(const wish *w, const emu_conflict *conflict, bool is_shared) {
  const bool wrote = (conflict->who & EMU_WHO_WRITE) != 0;
  char other[256] = "";
  if (conflict->kind == EMU_AMONG_COMMANDS) {
    const emu_past_command *command = emu_command_at(conflict->index);
    emu_tell(w->warp, w->at, w->lane, EMU_STREAM_RACE,
             "it %s 0x%llx, and %s, a command of another stream that nothing orders with it, %s there",
             does(w->access), (unsigned long long)w->address, command->name, wrote ? "wrote" : "read");
    return;
  }
  const emu_block_shadow *shadow = w->warp->block->shadow;
  append_thread(other, sizeof other, w->warp->block->launch->shape.block, emu_who_thread(conflict->who));
  if (conflict->kind == EMU_IN_LAUNCH)
    (void)snprintf(other + strlen(other), sizeof other - strlen(other), " of block number %u",
                   conflict->actor - shadow->first);
  emu_tell(w->warp, w->at, w->lane, is_shared ? EMU_SHARED_RACE : EMU_GLOBAL_RACE,
           "it %s 0x%llx, which %s %s at PTX line %u, and nothing orders the two", does(w->access),
           (unsigned long long)w->address, other, wrote ? "wrote" : "read", emu_who_line(conflict->who));
}

/* Groups hold 16 bytes: an access lies in one, pieces of copies in several. */
static void look(const wish *w, emu_group *groups, const emu_base *base, const emu_user *user,
                 uint64_t offset, emu_conflict *conflict) {
  uint32_t element = ptx_type_bytes((ptx_type)w->at->type);
  if (element == 0 || element > w->bytes) element = w->bytes;
  for (uint32_t done = 0; done < w->bytes;) {
    const uint64_t at = offset + done;
    emu_group *group = &groups[at >> EMU_GROUP_LOG];
    const uint32_t within = at & (EMU_GROUP_BYTES - 1);
    uint32_t bytes = EMU_GROUP_BYTES - within;
    if (bytes > w->bytes - done) bytes = w->bytes - done;
    emu_lock(&group->lock);
    emu_group_check(group, base);
    emu_group_access(group, user, within, bytes, element, w->at->line, w->access, conflict);
    emu_unlock(&group->lock);
    done += bytes;
  }
}

static void finish(const wish *w, const emu_user *user, const emu_conflict *conflict, uint64_t place) {
  if (conflict->unwritten)
    emu_tell(w->warp, w->at, w->lane, EMU_UNWRITTEN, "it reads %u bytes at 0x%llx", w->bytes,
             (unsigned long long)w->address);
  if (conflict->kind != EMU_NO_CONFLICT) tell_conflict(w, conflict, user->is_shared);
  if ((w->access & EMU_STRONG) != 0) emu_order_strong(user->order, user->thread, place, w->access);
}

/* ---- spaces ---- */

static void *in_shared(const wish *w) {
  emu_block *block = w->warp->block;
  emu_block_shadow *shadow = block->shadow;
  if (!is_within(w, block->shared_bytes)) return outside(w, "the block's shared memory", block->shared_bytes);
  if (!is_aligned(w)) return NULL;
  if (shadow != NULL) {
    emu_conflict conflict = {.kind = EMU_NO_CONFLICT};
    emu_order_resolve(&shadow->order, emu_thread_of(w->warp, w->lane));
    const emu_user user = user_of(shadow, w, true);
    look(w, shadow->groups, &shadow->base, &user, w->address, &conflict);
    /* a place of this block alone */
    finish(w, &user, &conflict, EMU_WINDOW_SHARED | (uint64_t)shadow->order.actor << 24 | w->address);
  }
  return block->shared + w->address;
}

static void *in_local(const wish *w) {
  emu_block *block = w->warp->block;
  emu_block_shadow *shadow = block->shadow;
  const uint64_t size = block->launch->entry->local_bytes;
  if (!is_within(w, size)) return outside(w, "the thread's local memory", size);
  if (!is_aligned(w)) return NULL;
  const uint64_t at = emu_thread_of(w->warp, w->lane) * size + w->address;
  if (shadow != NULL) {
    uint8_t *written = shadow->local + at;
    if ((w->access & EMU_READ) != 0 && memchr(written, 1, w->bytes) == NULL)
      emu_tell(w->warp, w->at, w->lane, EMU_UNWRITTEN, "it reads %u bytes at %llu of its local memory",
               w->bytes, (unsigned long long)w->address);
    if ((w->access & EMU_WRITE) != 0) memset(written, 1, w->bytes);
  }
  return block->local + at;
}

/* Constants, and the parameters of the launch. */
static void *in_read_only(const wish *w, const unsigned char *memory, uint64_t size, const char *of) {
  if (!is_within(w, size)) return outside(w, of, size);
  if (!is_aligned(w)) return NULL;
  if ((w->access & EMU_WRITE) != 0) {
    emu_tell(w->warp, w->at, w->lane, EMU_WRITE_TO_CONSTANT, "it writes to %s", of);
    return NULL;
  }
  return (void *)(uintptr_t)(memory + w->address);
}

static void *nowhere(const wish *w) {
  emu_range range;
  emu_trouble trouble = EMU_OUT_OF_BOUNDS;
  char near[160] = "where nothing is";
  const char *pointer = "memory of the host, which kernels do not reach";
  switch (emu_map_near(w->address, &range)) {
    case EMU_NEAR_NULL: (void)snprintf(near, sizeof near, "a null pointer"); break;
    case EMU_NEAR_LIVE:
      (void)snprintf(near, sizeof near, "outside allocation %llu of %llu bytes at 0x%llx",
                     (unsigned long long)range.number, (unsigned long long)(range.end - range.start),
                     (unsigned long long)range.start);
      break;
    case EMU_NEAR_FREED:
      trouble = EMU_USE_AFTER_FREE;
      (void)snprintf(near, sizeof near, "in allocation %llu of %llu bytes at 0x%llx, which was freed",
                     (unsigned long long)range.number, (unsigned long long)(range.end - range.start),
                     (unsigned long long)range.start);
      break;
    case EMU_NEAR_UNTAGGED:
    case EMU_NEAR_HOST:
      trouble = EMU_HOST_POINTER;
      (void)snprintf(near, sizeof near, "%s", pointer);
      break;
    case EMU_NEAR_NOTHING: break;
  }
  emu_tell(w->warp, w->at, w->lane, trouble, "it %s %u bytes at 0x%llx: %s", does(w->access), w->bytes,
           (unsigned long long)w->address, near);
  return NULL;
}

/* The ranges that this thread's last read and its last write lay in. */
static _Thread_local struct range_cache { uint64_t version, start, end; } last[2];

static bool is_in_memory(uint64_t address, uint64_t bytes, emu_access access) {
  struct range_cache *at = &last[(access & EMU_WRITE) != 0];
  const uint64_t version = emu_map_version();
  if (version == at->version && address >= at->start && address < at->end && bytes <= at->end - address)
    return true;
  emu_range range;
  if (!emu_map_find(address, bytes, &range)) return false;
  *at = (struct range_cache){version, range.start, range.end};
  return true;
}

static void *in_global(const wish *w) {
  if (!is_in_memory(w->address, w->bytes, w->access)) return nowhere(w);
  if (!is_aligned(w)) return NULL;
  emu_block_shadow *shadow = w->warp->block->shadow;
  if (shadow != NULL) {
    emu_conflict conflict = {.kind = EMU_NO_CONFLICT};
    emu_order_resolve(&shadow->order, emu_thread_of(w->warp, w->lane));
    const emu_user user = user_of(shadow, w, false);
    for (uint32_t done = 0; done < w->bytes;) {
      /* pages have groups of their own */
      const uint64_t at = w->address + done;
      const uint32_t first = at & (EMU_PAGE_BYTES - 1);
      wish piece = *w;
      piece.bytes = w->bytes - done < EMU_PAGE_BYTES - first ? w->bytes - done : EMU_PAGE_BYTES - first;
      emu_page *page = emu_shadow_page(at);
      look(&piece, emu_shadow_groups(page), &page->base, &user, first, &conflict);
      done += piece.bytes;
    }
    finish(w, &user, &conflict, w->address);
  }
  return (void *)(uintptr_t)lazyi_host_untag(w->address);
}

/* The space that a generic address is of; the address becomes that space's own. */
static ptx_space resolve(ptx_space space, uint64_t *address) {
  if (space != PTX_GENERIC) return space;
  switch (*address & EMU_WINDOW_MASK) {
    case EMU_WINDOW_SHARED: space = PTX_SHARED; break;
    case EMU_WINDOW_LOCAL: space = PTX_LOCAL; break;
    case EMU_WINDOW_CONST: space = PTX_CONST; break;
    case EMU_WINDOW_PARAM: space = PTX_PARAM; break;
    default: return PTX_GLOBAL;
  }
  *address &= ~EMU_WINDOW_MASK;
  return space;
}

void *emu_access_at(emu_warp *warp, const ptx_instruction *at, unsigned lane, ptx_space space,
                    uint64_t address, uint32_t bytes, emu_access access) {
  const emu_launch *launch = warp->block->launch;
  const emu_module *module = launch->entry->module;
  wish w = {warp, at, lane, address, bytes, access};
  space = resolve(space, &w.address);
  switch (space) {
    case PTX_SHARED: return in_shared(&w);
    case PTX_LOCAL: return in_local(&w);
    case PTX_CONST: return in_read_only(&w, module->const_memory, module->ptx->const_bytes, "the constants");
    case PTX_PARAM:
      return in_read_only(&w, launch->params, launch->entry->function->params_bytes,
                          "the launch's parameters");
    default: return in_global(&w);
  }
}

/* ---- the lanes of a warp at once ---- */

/* `w` is the lowest lane's wish: all of them, each group of places taken once. */
static void look_at_lanes(wish *w, uint32_t mask, uint32_t stride, bool is_shared) {
  emu_block_shadow *shadow = w->warp->block->shadow;
  emu_user user = user_of(shadow, w, is_shared);
  const uint64_t address = w->address;
  const unsigned first = w->lane;
  emu_group *groups = shadow->groups, *held = NULL;
  const emu_base *base = &shadow->base;
  uint64_t page_number = UINT64_MAX;
  EMU_EACH_LANE(lane, mask) {
    emu_conflict conflict = {.kind = EMU_NO_CONFLICT};
    w->lane = lane;
    w->address = address + (uint64_t)(lane - first) * stride;
    user.thread = emu_thread_of(w->warp, lane);
    uint64_t at = w->address;
    if (!is_shared) {
      at &= EMU_PAGE_BYTES - 1;
      if (page_number != w->address >> EMU_PAGE_LOG) {
        emu_page *page = emu_shadow_page(w->address);
        page_number = w->address >> EMU_PAGE_LOG;
        base = &page->base;
        groups = emu_shadow_groups(page);
      }
    }
    emu_group *group = &groups[at >> EMU_GROUP_LOG];
    if (group != held) {
      if (held != NULL) emu_unlock(&held->lock);
      emu_lock(&group->lock);
      emu_group_check(group, base);
      held = group;
    }
    emu_group_access(group, &user, at & (EMU_GROUP_BYTES - 1), w->bytes, w->bytes, w->at->line, w->access,
                     &conflict);
    if (conflict.kind == EMU_NO_CONFLICT && !conflict.unwritten) continue;
    emu_unlock(&held->lock);
    held = NULL;
    finish(w, &user, &conflict, 0);
  }
  if (held != NULL) emu_unlock(&held->lock);
  shadow->order.warps[w->warp->index].lane = w->lane;
}

void *emu_access_lanes(emu_warp *warp, const ptx_instruction *at, uint32_t mask, ptx_space space,
                       uint64_t address, uint32_t stride, uint32_t bytes, emu_access access) {
  const emu_launch *launch = warp->block->launch;
  const emu_module *module = launch->entry->module;
  emu_block_shadow *shadow = warp->block->shadow;
  const unsigned first = (unsigned)__builtin_ctz(mask), behind = 32u - (unsigned)__builtin_clz(mask);
  wish w = {warp, at, first, address, bytes, access}, all = w;
  space = resolve(space, &w.address);
  all.address = w.address;
  all.bytes = (behind - 1 - first) * stride + bytes;
  /* whoever is at fault is told lane by lane; threads with an order of their own are, too */
  if ((access & EMU_STRONG) != 0 || (w.address & (bytes - 1)) != 0) return NULL;
  if (shadow != NULL && shadow->order.by_thread != NULL) return NULL;
  if ((space == PTX_CONST || space == PTX_PARAM) && (access & EMU_WRITE) != 0) return NULL;
  switch (space) {
    case PTX_LOCAL: return NULL; /* each thread's is its own */
    case PTX_CONST:
      return is_within(&all, module->ptx->const_bytes) ? module->const_memory + w.address : NULL;
    case PTX_PARAM:
      if (!is_within(&all, launch->entry->function->params_bytes)) return NULL;
      return (void *)(uintptr_t)(launch->params + w.address);
    case PTX_SHARED:
      if (!is_within(&all, warp->block->shared_bytes)) return NULL;
      address = w.address;
      if (shadow != NULL) look_at_lanes(&w, mask, stride, true);
      return warp->block->shared + address;
    default:
      if (!is_in_memory(w.address, all.bytes, access)) return NULL;
      if (shadow != NULL) look_at_lanes(&w, mask, stride, false);
      return (void *)(uintptr_t)lazyi_host_untag(address);
  }
}
