#include "tests/emulator/shadow.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { ADDRESS_LOG = 47, REGION_BYTES = 1 << 26, STORES = 3 };

typedef struct chunk {
  emu_page *_Atomic pages;
  emu_base base; /* of pages that were not set apart since */
} chunk;

static void *map(size_t bytes) {
  void *memory =
      mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    (void)fprintf(stderr, "emulator: no memory for the shadow (%zu bytes)\n", bytes);
    abort();
  }
  return memory;
}

/* By address; its pages are touched as they are needed. */
static chunk *root(void) {
  static chunk *_Atomic chunks;
  chunk *found = atomic_load_explicit(&chunks, memory_order_acquire);
  if (found != NULL) return found;
  size_t bytes = ((size_t)1 << (ADDRESS_LOG - EMU_CHUNK_LOG)) * sizeof(chunk);
  chunk *fresh = map(bytes);
  if (atomic_compare_exchange_strong(&chunks, &found, fresh)) return fresh;
  (void)munmap(fresh, bytes);
  return found;
}

static chunk *chunk_at(uint64_t address) {
  return &root()[(address & (((uint64_t)1 << ADDRESS_LOG) - 1)) >> EMU_CHUNK_LOG];
}

/* A page of a chunk that was reset as a whole. */
static void inherit(const chunk *from, emu_page *page) {
  emu_lock(&page->lock);
  uint32_t stamp = atomic_load_explicit(&from->base.stamp, memory_order_relaxed);
  if (page->chunk_stamp != stamp) {
    page->base.writer = page->base.set = 0;
    page->base.written = from->base.written;
    page->base.stamp = stamp;
    page->chunk_stamp = stamp;
  }
  emu_unlock(&page->lock);
}

emu_page *emu_shadow_page(uint64_t address) {
  chunk *at = chunk_at(address);
  emu_page *pages = atomic_load_explicit(&at->pages, memory_order_acquire);
  if (pages == NULL) {
    uint32_t none = 0; /* the stamp of groups that are not made yet */
    (void)atomic_compare_exchange_strong(&at->base.stamp, &none, emu_shadow_stamp());
    size_t bytes = EMU_CHUNK_PAGES * sizeof *pages;
    emu_page *fresh = map(bytes);
    if (atomic_compare_exchange_strong(&at->pages, &pages, fresh)) pages = fresh;
    else (void)munmap(fresh, bytes);
  }
  emu_page *page = &pages[address >> EMU_PAGE_LOG & (EMU_CHUNK_PAGES - 1)];
  if (atomic_load_explicit(&page->chunk_stamp, memory_order_acquire) !=
      atomic_load_explicit(&at->base.stamp, memory_order_relaxed))
    inherit(at, page);
  return page;
}

static void drop_groups(emu_page *page) {
  emu_group *groups = atomic_exchange(&page->groups, NULL);
  if (groups != NULL) emu_groups_give(groups);
}

/* A whole chunk comes or goes. */
static void reset_chunk(chunk *at, bool written) {
  emu_page *pages = atomic_load_explicit(&at->pages, memory_order_acquire);
  at->base.written = written;
  at->base.stamp = emu_shadow_stamp();
  for (int i = 0; pages != NULL && i < EMU_CHUNK_PAGES; i++) drop_groups(&pages[i]);
}

static void reset_page(emu_page *page, bool written) {
  emu_lock(&page->lock);
  page->base.writer = page->base.set = 0;
  page->base.written = written;
  page->base.stamp = emu_shadow_stamp();
  drop_groups(page);
  emu_unlock(&page->lock);
}

/* Less than a page. */
static void reset_part(emu_page *page, uint32_t first, uint32_t last, bool written) {
  emu_group *groups = emu_shadow_groups(page);
  for (uint32_t at = first; at < last;) {
    emu_group *group = &groups[at >> EMU_GROUP_LOG];
    uint32_t offset = at & (EMU_GROUP_BYTES - 1), end = last - (at - offset);
    if (end > EMU_GROUP_BYTES) end = EMU_GROUP_BYTES;
    emu_lock(&group->lock);
    emu_group_check(group, &page->base);
    emu_group_clear(group, offset, end - offset, written);
    emu_unlock(&group->lock);
    at += end - offset;
  }
}

void emu_shadow_reset(uint64_t address, uint64_t bytes, bool written) {
  for (uint64_t end = address + bytes; address < end;) {
    uint64_t in_chunk = address & (((uint64_t)1 << EMU_CHUNK_LOG) - 1);
    if (in_chunk == 0 && end - address >= (uint64_t)1 << EMU_CHUNK_LOG) {
      reset_chunk(chunk_at(address), written);
      address += (uint64_t)1 << EMU_CHUNK_LOG;
      continue;
    }
    emu_page *page = emu_shadow_page(address);
    uint32_t first = address & (EMU_PAGE_BYTES - 1);
    uint32_t last =
        end - address < EMU_PAGE_BYTES - first ? first + (uint32_t)(end - address) : EMU_PAGE_BYTES;
    if (first == 0 && last == EMU_PAGE_BYTES) reset_page(page, written);
    else reset_part(page, first, last, written);
    address += last - first;
  }
}

uint32_t emu_shadow_stamp(void) {
  static _Atomic uint32_t stamps;
  return atomic_fetch_add_explicit(&stamps, 1, memory_order_relaxed) + 1;
}

/* Memory of three sizes, cut from large regions and never given back to the system. */

static struct store {
  pthread_mutex_t lock;
  size_t bytes;
  void *free; /* each begins with the next */
  unsigned char *at, *end;
} stores[STORES] = {
    {.lock = PTHREAD_MUTEX_INITIALIZER, .bytes = EMU_PAGE_GROUPS * sizeof(emu_group)},
    {.lock = PTHREAD_MUTEX_INITIALIZER, .bytes = 8 * sizeof(emu_unit)},
    {.lock = PTHREAD_MUTEX_INITIALIZER, .bytes = 16 * sizeof(emu_unit)},
};

static void *take(struct store *store) {
  pthread_mutex_lock(&store->lock);
  void *taken = store->free;
  if (taken != NULL) {
    store->free = *(void **)taken;
  } else {
    if (store->at == NULL || (size_t)(store->end - store->at) < store->bytes) {
      store->at = map(REGION_BYTES);
      store->end = store->at + REGION_BYTES;
    }
    taken = store->at;
    store->at += store->bytes;
  }
  *(void **)taken = NULL;
  pthread_mutex_unlock(&store->lock);
  return taken;
}

static void give(struct store *store, void *given) {
  pthread_mutex_lock(&store->lock);
  *(void **)given = store->free;
  store->free = given;
  pthread_mutex_unlock(&store->lock);
}

/* The link lay over the first group's lock and stamp, which are zero again, as are all stamps. */
emu_group *emu_groups_take(void) { return take(&stores[0]); }

void emu_groups_give(emu_group *groups) {
  for (int i = 0; i < EMU_PAGE_GROUPS; i++) {
    if (groups[i].fine != NULL)
      emu_units_give(groups[i].fine, (unsigned)EMU_GROUP_BYTES >> groups[i].fine_log);
    groups[i].fine = NULL;
    groups[i].stamp = 0; /* pages of a chunk may have its stamp in common */
  }
  give(&stores[0], groups);
}

emu_unit *emu_units_take(unsigned count) { return take(&stores[count == 8 ? 1 : 2]); }
void emu_units_give(emu_unit *units, unsigned count) { give(&stores[count == 8 ? 1 : 2], units); }

emu_group *emu_shadow_groups(emu_page *page) {
  emu_group *groups = atomic_load_explicit(&page->groups, memory_order_acquire);
  if (groups != NULL) return groups;
  emu_lock(&page->lock);
  groups = atomic_load_explicit(&page->groups, memory_order_relaxed);
  if (groups == NULL) atomic_store_explicit(&page->groups, groups = emu_groups_take(), memory_order_release);
  emu_unlock(&page->lock);
  return groups;
}
