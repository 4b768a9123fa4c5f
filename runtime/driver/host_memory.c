/* Device and pinned memory of the host provider: blocks, guards, range checks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/driver/host_state.h"
#include "runtime/driver/host_tag.h"

/* Device memory is the device's, not the library's: it comes from the system and is not counted as host
 * memory. */
enum {
  ALIGNMENT = 256, /* cuMemAlloc's promise */
  GUARD_BYTES = 256,
  GUARD = 0xA5,
  FRESH = 0xFF, /* NaN in every float type, -1 in i64 */
};
static const size_t huge_page_bytes = (size_t)2 << 20;
/* From this size on strict mode maps a block by itself, so that a use after free faults. */
static const size_t strict_map_bytes = (size_t)16 << 10;

/* Index of the first block above `address`. */
static size_t above(const lazyi_host_blocks *blocks, uint64_t address) {
  size_t low = 0, high = blocks->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (blocks->at[middle].address <= address) low = middle + 1;
    else high = middle;
  }
  return low;
}

static lazyi_host_block_info *starting_at(lazyi_host_blocks *blocks, uint64_t address) {
  size_t index = above(blocks, address);
  return index > 0 && blocks->at[index - 1].address == address ? &blocks->at[index - 1] : NULL;
}

static bool map(size_t bytes, lazyi_host_block_info *out_block) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), length, reserved;
  bool huge = bytes >= huge_page_bytes;
  if (!lazyi_align_size(bytes, page, &length) ||
      !lazyi_add_size(length, huge ? huge_page_bytes : 0, &reserved))
    return false;
  char *base =
      mmap(NULL, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) return false;
  if (huge) {
    size_t before = (size_t)(-(uintptr_t)base & (huge_page_bytes - 1));
    if (before > 0) munmap(base, before);
    if (before < huge_page_bytes) munmap(base + before + length, huge_page_bytes - before);
    base += before;
    madvise(base, length, MADV_HUGEPAGE); /* a wish: older kernels and small machines may decline */
  }
  out_block->base = base;
  out_block->mapped_bytes = length;
  return true;
}

static bool obtain(size_t bytes, lazyi_host_block_info *out_block) {
  size_t guards = lazyi_host.strict ? 2 * GUARD_BYTES : 0, total;
  if (!lazyi_add_size(bytes, guards, &total) || !lazyi_align_size(total, ALIGNMENT, &total)) return false;
  lazyi_host_block_info block = {.bytes = bytes};
  if (total >= (lazyi_host.strict ? strict_map_bytes : huge_page_bytes)) {
    if (!map(total, &block)) return false;
  } else if ((block.base = aligned_alloc(ALIGNMENT, total)) == NULL) {
    return false;
  }
  char *start = block.base;
  if (lazyi_host.strict) {
    memset(start, GUARD, GUARD_BYTES);
    start += GUARD_BYTES;
    memset(start, FRESH, bytes);
    memset(start + bytes, GUARD, GUARD_BYTES);
  }
  block.address = (uintptr_t)start;
  *out_block = block;
  return true;
}

/* A block's guards stand. */
static bool intact(const lazyi_host_block_info *block) {
  if (!lazyi_host.strict) return true;
  const unsigned char *start = block->base, *end = start + GUARD_BYTES + block->bytes;
  for (size_t i = 0; i < GUARD_BYTES; i++)
    if (start[i] != GUARD || end[i] != GUARD) return false;
  return true;
}

/* Gives a block back to the system; false if its guards were overwritten. */
static bool surrender(const lazyi_host_block_info *block) {
  bool sound = intact(block);
  if (block->mapped_bytes != 0) {
    munmap(block->base, block->mapped_bytes);
  } else {
    if (lazyi_host.strict) memset((char *)block->base + GUARD_BYTES, FRESH, block->bytes);
    free(block->base);
  }
  return sound;
}

static int insert(lazyi_host_blocks *blocks, size_t bytes, uint64_t *out_address) {
  lazyi_host_block_info block;
  if (lazyi_vector_reserve(blocks, 1) != LAZY_STATUS_OK || !obtain(bytes, &block))
    return LAZY_DRIVER_OUT_OF_MEMORY;
  size_t index = above(blocks, block.address);
  memmove(blocks->at + index + 1, blocks->at + index, (blocks->count - index) * sizeof *blocks->at);
  blocks->at[index] = block;
  blocks->count++;
  *out_address = block.address;
  return LAZY_DRIVER_SUCCESS;
}

static bool drop(lazyi_host_blocks *blocks, lazyi_host_block_info *block) {
  lazyi_host_block_info dropped = *block;
  size_t index = (size_t)(block - blocks->at);
  blocks->count--;
  memmove(block, block + 1, (blocks->count - index) * sizeof *blocks->at);
  return surrender(&dropped);
}

/* As the program addresses it. */
static lazy_driver_address spelled(uint64_t address) {
  return lazyi_host.strict ? address | LAZYI_HOST_TAG : address;
}

static void tell(lazy_driver_address address, size_t bytes, bool is_adopted, bool comes) {
  const lazyi_host_instrument *instrument = lazyi_host.instrument;
  if (instrument == NULL) return;
  (comes ? instrument->allocated : instrument->freed)(address, bytes, is_adopted);
}

/* The range of `bytes` from `address` lies in the one from `start`. */
static bool holds(uint64_t start, size_t length, uint64_t address, size_t bytes) {
  return address >= start && address - start <= length && bytes <= length - (address - start);
}

void *lazyi_host_memory_resolve(lazy_driver_address address, size_t bytes) {
  if (lazyi_host.strict != ((address & LAZYI_HOST_TAG) != 0)) return NULL;
  address = lazyi_host_untag(address);
  size_t index = above(&lazyi_host.device_blocks, address);
  if (index != 0) {
    const lazyi_host_block_info *block = &lazyi_host.device_blocks.at[index - 1];
    if (holds(block->address, block->bytes, address, bytes)) return (char *)(uintptr_t)address;
  }
  for (size_t i = 0; i < lazyi_host.adopted.count; i++)
    if (holds(lazyi_host.adopted.at[i].address, lazyi_host.adopted.at[i].bytes, address, bytes))
      return (char *)(uintptr_t)address;
  return NULL;
}

int lazyi_host_adopt(void *memory, size_t bytes, lazy_driver_address *out_address) {
  int result = lazyi_host_enter(true);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  uint64_t address = (uintptr_t)memory;
  if (memory == NULL || bytes == 0 || (address & LAZYI_HOST_TAG) != 0)
    return lazyi_host_leave(LAZY_DRIVER_INVALID_VALUE);
  if (lazyi_vector_reserve(&lazyi_host.adopted, 1) != LAZY_STATUS_OK)
    return lazyi_host_leave(LAZY_DRIVER_OUT_OF_MEMORY);
  size_t index = lazyi_host.adopted.count++;
  lazyi_host.adopted.at[index].address = address;
  lazyi_host.adopted.at[index].bytes = bytes;
  lazyi_host.live.adopted++;
  *out_address = spelled(address);
  tell(*out_address, bytes, true, true);
  return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
}

int lazyi_host_give_up(lazy_driver_address address, size_t bytes) {
  int result = lazyi_host_enter(false);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  lazyi_host_pool_wait_all();
  for (size_t i = lazyi_host.adopted.count; i-- > 0;) {
    if (lazyi_host.adopted.at[i].address != lazyi_host_untag(address) ||
        lazyi_host.adopted.at[i].bytes != bytes)
      continue;
    lazyi_host.adopted.at[i] = lazyi_host.adopted.at[--lazyi_host.adopted.count];
    lazyi_host.live.adopted--;
    tell(address, bytes, true, false);
    return lazyi_host_leave(lazyi_host.lost);
  }
  return lazyi_host_leave(LAZY_DRIVER_INVALID_VALUE);
}

int lazyi_host_mem_alloc(lazy_driver_address *out_address, size_t bytes) {
  int result = lazyi_host_enter(true);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  result = lazyi_host_graph_check_unsafe();
  if (result != LAZY_DRIVER_SUCCESS) return lazyi_host_leave(result);
  if (out_address == NULL || bytes == 0) return lazyi_host_leave(LAZY_DRIVER_INVALID_VALUE);
  /* Mappings are lent without backing, so the limit is kept here and not by a killer later. */
  if (bytes > lazyi_host.total_bytes - lazyi_host.live.bytes)
    return lazyi_host_leave(LAZY_DRIVER_OUT_OF_MEMORY);
  uint64_t address;
  result = insert(&lazyi_host.device_blocks, bytes, &address);
  if (result != LAZY_DRIVER_SUCCESS) return lazyi_host_leave(result);
  lazyi_host.live.allocations++;
  lazyi_host.live.bytes += bytes;
  *out_address = spelled(address);
  tell(*out_address, bytes, false, true);
  return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
}

/* Like cuMemFree it first waits for everything submitted so far. */
int lazyi_host_mem_free(lazy_driver_address address) {
  int result = lazyi_host_enter(false);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  result = lazyi_host_graph_check_unsafe();
  if (result != LAZY_DRIVER_SUCCESS) return lazyi_host_leave(result);
  if (lazyi_host_memory_resolve(address, 0) == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_VALUE);
  lazyi_host_pool_wait_all();
  /* The lock was open: another thread may have freed it, or the context. */
  lazyi_host_block_info *block = starting_at(&lazyi_host.device_blocks, lazyi_host_untag(address));
  if (block == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_VALUE);
  lazyi_host.live.allocations--;
  lazyi_host.live.bytes -= block->bytes;
  tell(address, block->bytes, false, false);
  if (!drop(&lazyi_host.device_blocks, block) && lazyi_host.lost == LAZY_DRIVER_SUCCESS)
    lazyi_host.lost = LAZY_DRIVER_ILLEGAL_ADDRESS;
  return lazyi_host_leave(lazyi_host.lost);
}

int lazyi_host_host_alloc(void **out_memory, size_t bytes, unsigned flags) {
  int result = lazyi_host_enter(true);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  result = lazyi_host_graph_check_unsafe();
  if (result != LAZY_DRIVER_SUCCESS) return lazyi_host_leave(result);
  /* Portable 1, mapped 2, write-combined 4: all mean nothing here. */
  if (out_memory == NULL || bytes == 0 || flags > 7) return lazyi_host_leave(LAZY_DRIVER_INVALID_VALUE);
  uint64_t address;
  result = insert(&lazyi_host.pinned_blocks, bytes, &address);
  if (result != LAZY_DRIVER_SUCCESS) return lazyi_host_leave(result);
  lazyi_host.live.pinned++;
  *out_memory = (void *)(uintptr_t)address;
  return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
}

int lazyi_host_host_free(void *memory) {
  int result = lazyi_host_enter(false);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  result = lazyi_host_graph_check_unsafe();
  if (result != LAZY_DRIVER_SUCCESS) return lazyi_host_leave(result);
  if (starting_at(&lazyi_host.pinned_blocks, (uintptr_t)memory) == NULL)
    return lazyi_host_leave(LAZY_DRIVER_INVALID_VALUE);
  lazyi_host_pool_wait_all();
  lazyi_host_block_info *block = starting_at(&lazyi_host.pinned_blocks, (uintptr_t)memory);
  if (block == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_VALUE);
  lazyi_host.live.pinned--;
  if (!drop(&lazyi_host.pinned_blocks, block) && lazyi_host.lost == LAZY_DRIVER_SUCCESS)
    lazyi_host.lost = LAZY_DRIVER_ILLEGAL_ADDRESS;
  return lazyi_host_leave(lazyi_host.lost);
}

/* The first number in a small text file after `label`, or 0. */
static size_t read_number(const char *path, const char *label) {
  char text[4096];
  FILE *file = fopen(path, "re");
  if (file == NULL) return 0;
  size_t count = fread(text, 1, sizeof text - 1, file);
  (void)fclose(file);
  text[count] = '\0';
  const char *at = strstr(text, label);
  return at != NULL ? (size_t)strtoull(at + strlen(label), NULL, 10) : 0;
}

/* Physical memory, or less where a control group says so. */
size_t lazyi_host_memory_total(void) {
  size_t total = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
  size_t limit = read_number("/sys/fs/cgroup/memory.max", "");
  return limit != 0 && limit < total ? limit : total;
}

int lazyi_host_mem_get_info(size_t *out_free, size_t *out_total) {
  int result = lazyi_host_enter(true);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  if (out_free == NULL || out_total == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_VALUE);
  size_t unused = lazyi_host.total_bytes - lazyi_host.live.bytes;
  size_t available = read_number("/proc/meminfo", "MemAvailable:") * 1024;
  *out_free = available != 0 && available < unused ? available : unused;
  *out_total = lazyi_host.total_bytes;
  return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
}

void lazyi_host_memory_deinit(void) {
  for (size_t i = 0; i < lazyi_host.device_blocks.count; i++) {
    const lazyi_host_block_info *block = &lazyi_host.device_blocks.at[i];
    tell(spelled(block->address), block->bytes, false, false);
    (void)surrender(block);
  }
  for (size_t i = 0; i < lazyi_host.pinned_blocks.count; i++)
    (void)surrender(&lazyi_host.pinned_blocks.at[i]);
  lazyi_vector_deinit(&lazyi_host.device_blocks);
  lazyi_vector_deinit(&lazyi_host.pinned_blocks);
  lazyi_vector_deinit(&lazyi_host.adopted);
}

size_t lazyi_host_damaged(void) {
  size_t damaged = 0;
  if (lazyi_host_enter(false) != LAZY_DRIVER_SUCCESS) return 0;
  lazyi_host_pool_wait_all();
  for (size_t i = 0; i < lazyi_host.device_blocks.count; i++)
    damaged += !intact(&lazyi_host.device_blocks.at[i]);
  for (size_t i = 0; i < lazyi_host.pinned_blocks.count; i++)
    damaged += !intact(&lazyi_host.pinned_blocks.at[i]);
  (void)lazyi_host_leave(LAZY_DRIVER_SUCCESS);
  return damaged;
}
