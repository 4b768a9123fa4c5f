/* What copies and fills do to the shadow: a page at a time, where it is the same all over. */
#include "tests/emulator/shadow.h"

/* Part of a page, or one whose groups differ. */
static void use_groups(emu_page *page, const emu_user *user, uint32_t first, uint32_t last, emu_access access,
                       emu_conflict *conflict) {
  emu_group *groups = emu_shadow_groups(page);
  while (first < last) {
    emu_group *group = &groups[first >> EMU_GROUP_LOG];
    uint32_t offset = first & (EMU_GROUP_BYTES - 1);
    uint32_t bytes = last - first < EMU_GROUP_BYTES - offset ? last - first : EMU_GROUP_BYTES - offset;
    emu_lock(&group->lock);
    emu_group_check(group, &page->base);
    emu_group_access(group, user, offset, bytes, 0, 0, access, conflict);
    emu_unlock(&group->lock);
    first += bytes;
  }
}

/* Makes a page, whose groups were all looked at, the same all over. */
static void level(emu_page *page, const emu_user *user) {
  emu_lock(&page->lock);
  page->base.writer = user->actor;
  page->base.set = 0;
  page->base.written = true;
  page->base.stamp = emu_shadow_stamp();
  emu_unlock(&page->lock);
}

void emu_shadow_range(const emu_user *user, uint64_t address, uint64_t bytes, emu_access access,
                      emu_conflict *conflict) {
  for (uint64_t end = address + bytes; address < end;) {
    emu_page *page = emu_shadow_page(address);
    uint32_t first = address & (EMU_PAGE_BYTES - 1), most = EMU_PAGE_BYTES - first;
    uint32_t last = end - address < most ? first + (uint32_t)(end - address) : EMU_PAGE_BYTES;
    bool is_whole = first == 0 && last == EMU_PAGE_BYTES;
    if (is_whole && atomic_load_explicit(&page->groups, memory_order_acquire) == NULL) {
      if ((access & EMU_READ) != 0 && !page->base.written) conflict->unwritten = true;
      emu_lock(&page->lock);
      emu_base_access(&page->base, user, access, conflict);
      if ((access & EMU_WRITE) != 0) {
        page->base.written = true;
        page->base.stamp = emu_shadow_stamp();
      }
      emu_unlock(&page->lock);
    } else {
      use_groups(page, user, first, last, access, conflict);
      if (is_whole && (access & EMU_WRITE) != 0) level(page, user);
    }
    address += last - first;
  }
}

/* Which bytes of the group at an address were written. */
static uint16_t written_at(uint64_t address) {
  emu_page *page = emu_shadow_page(address);
  emu_group *groups = atomic_load_explicit(&page->groups, memory_order_acquire);
  if (groups == NULL) return page->base.written ? 0xffff : 0;
  emu_group *group = &groups[(address & (EMU_PAGE_BYTES - 1)) >> EMU_GROUP_LOG];
  emu_lock(&group->lock);
  emu_group_check(group, &page->base);
  uint16_t written = group->written;
  emu_unlock(&group->lock);
  return written;
}

static void mark_unwritten(uint64_t address) {
  emu_page *page = emu_shadow_page(address);
  emu_group *group = &emu_shadow_groups(page)[(address & (EMU_PAGE_BYTES - 1)) >> EMU_GROUP_LOG];
  emu_lock(&group->lock);
  emu_group_check(group, &page->base);
  group->written &= (uint16_t) ~(1u << (address & (EMU_GROUP_BYTES - 1)));
  emu_unlock(&group->lock);
}

void emu_shadow_take_over(uint64_t to, uint64_t from, uint64_t bytes) {
  for (uint64_t at = 0; at < bytes;) {
    uint32_t offset = (from + at) & (EMU_GROUP_BYTES - 1), count = EMU_GROUP_BYTES - offset;
    if (count > bytes - at) count = (uint32_t)(bytes - at);
    uint32_t written = (uint32_t)written_at(from + at) >> offset;
    for (uint32_t i = 0; i < count && written != 0xffffu >> offset; i++)
      if ((written >> i & 1) == 0) mark_unwritten(to + at + i);
    at += count;
  }
}
