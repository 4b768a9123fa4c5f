/* cp.async. A copy moves nothing until somebody waits for it, so that whoever forgets to finds old memory, or
   memory that nothing wrote. Each lane has its copies in order, and counts the groups it has committed. */
#include <stdlib.h>
#include <string.h>

#include "tests/emulator/ops_tensor.h"

typedef struct copy {
  const ptx_instruction *at; /* that began it */
  uint64_t to, from;         /* of an arrival: `to` is the mbarrier's address */
  uint32_t group;            /* by the lane's count */
  uint8_t lane, bytes;       /* 0 bytes: an arrival */
  uint8_t read_bytes;        /* the rest is filled with zeros */
  uint8_t to_space;
} copy;

typedef struct copies {
  uint32_t committed[PTX_LANES]; /* groups */
  uint32_t count, room;
  copy *list; /* oldest first */
} copies;

static copies *copies_of(emu_warp *warp) {
  if (warp->copies == NULL) warp->copies = calloc(1, sizeof(copies));
  if (warp->copies == NULL) abort();
  return warp->copies;
}

static void begin(emu_warp *warp, copy what) {
  copies *all = copies_of(warp);
  if (all->count == all->room) {
    all->room = all->room == 0 ? 64 : all->room * 2;
    all->list = realloc(all->list, all->room * sizeof *all->list);
    if (all->list == NULL) abort();
  }
  what.group = all->committed[what.lane];
  all->list[all->count++] = what;
}

/* What is read may be of any size, in accesses of 16 bytes down to 1; its place is aligned for the whole. */
static bool read_source(emu_warp *warp, const copy *what, unsigned char *values) {
  if (what->from % what->bytes != 0) {
    emu_tell(warp, what->at, what->lane, EMU_MISALIGNED, "a copy of %u bytes from %#llx", what->bytes,
             (unsigned long long)what->from);
    return false;
  }
  for (unsigned done = 0, piece; done < what->read_bytes; done += piece) {
    for (piece = 16; piece > what->read_bytes - done;) piece /= 2;
    const void *from =
        emu_access_at(warp, what->at, what->lane, PTX_GLOBAL, what->from + done, piece, EMU_READ);
    if (from == NULL) return false;
    memcpy(values + done, from, piece);
  }
  return true;
}

static void carry_out(emu_warp *warp, const copy *what) {
  if (what->bytes == 0) {
    emu_mbarrier_arrive(warp, what->at, what->lane, (ptx_space)what->to_space, what->to);
    return;
  }
  unsigned char values[16] = {0};
  if (!read_source(warp, what, values)) return;
  void *to = emu_access_at(warp, what->at, what->lane, PTX_SHARED, what->to, what->bytes, EMU_WRITE);
  if (to != NULL) memcpy(to, values, what->bytes);
}

/* Carries out, in order, the copies of these lanes in groups before `end[lane]`. */
static void finish(emu_warp *warp, uint32_t mask, const uint32_t *end) {
  copies *all = warp->copies;
  if (all == NULL) return;
  uint32_t kept = 0;
  for (uint32_t i = 0; i < all->count; i++) {
    copy *what = &all->list[i];
    if ((mask >> what->lane & 1) != 0 && what->group < end[what->lane]) carry_out(warp, what);
    else all->list[kept++] = *what;
  }
  all->count = kept;
}

void emu_copies_arrive(emu_block *block) {
  for (uint32_t w = 0; w < block->warp_count; w++) {
    emu_warp *warp = &block->warps[w];
    copies *all = warp->copies;
    if (all == NULL || all->count == 0) continue;
    uint32_t last[PTX_LANES] = {0}, kept = 0; /* 1 + index of each lane's last arrival */
    for (uint32_t i = 0; i < all->count; i++)
      if (all->list[i].bytes == 0) last[all->list[i].lane] = i + 1;
    for (uint32_t i = 0; i < all->count; i++) {
      if (i < last[all->list[i].lane]) carry_out(warp, &all->list[i]);
      else all->list[kept++] = all->list[i];
    }
    all->count = kept;
  }
}

void emu_copies_end(emu_block *block) {
  uint32_t every[PTX_LANES];
  memset(every, 0xff, sizeof every);
  for (uint32_t w = 0; w < block->warp_count; w++) {
    emu_warp *warp = &block->warps[w];
    copies *all = warp->copies;
    if (all == NULL) continue;
    if (block->launch->fault == 0) finish(warp, ~(uint32_t)0, every);
    free(all->list);
    free(all);
    warp->copies = NULL;
  }
}

/* ---- instructions ---- */

/* The list: to, its offset, from, its offset, bytes to read, whether to read none. */
static void step_copy(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const uint32_t *rows = emu_more_rows(warp, at);
  EMU_EACH_LANE(lane, mask) {
    uint64_t wanted = (uint32_t)warp->rows[rows[4]].lane[lane];
    bool ignored = warp->rows[rows[5]].lane[lane] != 0;
    begin(warp, (copy){.at = at,
                       .to = warp->rows[rows[0]].lane[lane] + warp->rows[rows[1]].lane[lane],
                       .from = warp->rows[rows[2]].lane[lane] + warp->rows[rows[3]].lane[lane],
                       .lane = (uint8_t)lane,
                       .bytes = (uint8_t)at->flags,
                       .read_bytes = (uint8_t)(ignored              ? 0
                                               : wanted < at->flags ? wanted
                                                                    : at->flags)});
  }
}

static void step_commit(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  (void)at;
  copies *all = copies_of(warp);
  EMU_EACH_LANE(lane, mask) all->committed[lane]++;
}

/* flags: groups that may be on their way still */
static void step_wait(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  copies *all = copies_of(warp);
  uint32_t end[PTX_LANES] = {0};
  EMU_EACH_LANE(lane, mask)
  end[lane] = all->committed[lane] > at->flags ? all->committed[lane] - at->flags : 0;
  finish(warp, mask, end);
}

static void step_wait_all(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  (void)at;
  copies *all = copies_of(warp);
  EMU_EACH_LANE(lane, mask) all->committed[lane]++;
  finish(warp, mask, all->committed);
}

enum { ARRIVE_NO_INCREMENT = 1 };

static void step_arrive(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  EMU_EACH_LANE(lane, mask) {
    uint64_t address = warp->rows[at->a].lane[lane] + (uint64_t)at->offset;
    if ((at->flags & ARRIVE_NO_INCREMENT) == 0)
      emu_mbarrier_expect_one(warp, at, lane, (ptx_space)at->space, address);
    begin(warp, (copy){.at = at, .to = address, .lane = (uint8_t)lane, .to_space = at->space});
  }
}

/* ---- binding ---- */

/* Appends the rows of an address and of its offset. */
static bool bind_address(ptx_binder *binder, uint32_t operand) {
  if (!ptx_address(binder, operand)) return false;
  ptx_more(binder, binder->out->a);
  ptx_more(binder, ptx_constant(binder, (uint64_t)binder->out->offset));
  return true;
}

static bool is_predicate(const ptx_operand *operand) {
  return operand->kind == PTX_OPERAND_REGISTER && operand->type == PTX_PRED;
}

static bool bind_copy(ptx_binder *binder) {
  static const char *const caches[] = {"ca", "cg", NULL}, *const hint[] = {"L2::cache_hint", NULL};
  static const char *const prefetch[] = {"L2::64B", "L2::128B", "L2::256B", NULL};
  int cache = ptx_take_one(binder, caches);
  if (cache < 0) return ptx_refuse(binder, "cp.async is known with .ca and .cg");
  if (ptx_take_space(binder) != PTX_SHARED || ptx_take_space(binder) != PTX_GLOBAL)
    return ptx_refuse(binder, "cp.async copies from .global to .shared");
  bool has_policy = ptx_take_one(binder, hint) >= 0;
  (void)ptx_take_one(binder, prefetch);
  uint32_t count = binder->statement->operand_count;
  if (!ptx_check_end(binder, count)) return false;
  uint64_t bytes;
  if (count < 3 || count > 4u + has_policy) return ptx_refuse(binder, "cp.async with %u operands", count);
  if (!ptx_integer(binder, 2, &bytes)) return false;
  if (bytes != 16 && (cache == 1 || (bytes != 4 && bytes != 8)))
    return ptx_refuse(binder, "cp.async of %llu bytes", (unsigned long long)bytes);
  if (has_policy && ptx_source(binder, --count, PTX_B64) == PTX_NO_ROW) return false;
  if (!bind_address(binder, 0) || !bind_address(binder, 1)) return false;
  bool has_fourth = count == 4, ignores = has_fourth && is_predicate(&binder->statement->operands[3]);
  uint32_t size = has_fourth && !ignores ? ptx_source(binder, 3, PTX_U32) : ptx_constant(binder, bytes);
  uint32_t ignore = ignores ? ptx_source(binder, 3, PTX_PRED) : ptx_constant(binder, 0);
  if (size == PTX_NO_ROW || ignore == PTX_NO_ROW) return false;
  ptx_more(binder, size);
  ptx_more(binder, ignore);
  binder->out->flags = (uint32_t)bytes;
  binder->out->step = step_copy;
  return true;
}

static bool bind_arrive(ptx_binder *binder) {
  static const char *const end[] = {"b64", NULL};
  if (!ptx_take(binder, "arrive")) return ptx_refuse(binder, "cp.async.mbarrier is .arrive");
  if (ptx_take(binder, "noinc")) binder->out->flags = ARRIVE_NO_INCREMENT;
  ptx_space space = ptx_take_space(binder);
  if (space != PTX_GENERIC && space != PTX_SHARED)
    return ptx_refuse(binder, "an mbarrier is in shared memory");
  binder->out->space = (uint8_t)space;
  binder->out->step = step_arrive;
  return emu_take_all(binder, end) && ptx_check_end(binder, 1) && ptx_address(binder, 0);
}

bool emu_bind_cp(ptx_binder *binder) {
  if (!ptx_take(binder, "async")) return ptx_refuse(binder, "of cp only cp.async is known");
  binder->out->kind = PTX_CLASS_MEMORY;
  if (ptx_take(binder, "commit_group")) {
    binder->out->step = step_commit;
    return ptx_check_end(binder, 0);
  }
  if (ptx_take(binder, "wait_all")) {
    binder->out->step = step_wait_all;
    return ptx_check_end(binder, 0);
  }
  if (ptx_take(binder, "wait_group")) {
    uint64_t count;
    if (!ptx_check_end(binder, 1) || !ptx_integer(binder, 0, &count)) return false;
    binder->out->flags = (uint32_t)(count < UINT32_MAX ? count : UINT32_MAX);
    binder->out->step = step_wait;
    return true;
  }
  if (ptx_take(binder, "mbarrier")) return bind_arrive(binder);
  return bind_copy(binder);
}
