#include "runtime/memory/offsets.h"

#define NONE LAZYI_OFFSETS_NONE

/* How many blocks of a bin are looked at for a closer fit before the closest so far is taken. */
enum { PROBES = 32 };

typedef struct bin {
  unsigned level, index;
} bin;

static lazyi_offsets_block *at(const lazyi_offsets *offsets, uint32_t block) {
  return &offsets->blocks.at[block];
}

/* Up to 15 granules each size has a bin to itself; above, a bin spans an eighth of a power of two. */
static bin bin_of(const lazyi_offsets *offsets, size_t bytes) {
  uint64_t granules = bytes / offsets->granule;
  unsigned level = 63u - (unsigned)__builtin_clzll(granules);
  uint64_t leading = level >= 3 ? granules >> (level - 3) : granules << (3 - level);
  return (bin){level, (unsigned)(leading & (LAZYI_OFFSETS_BINS - 1))};
}

static void link_free(lazyi_offsets *offsets, uint32_t block) {
  lazyi_offsets_block *b = at(offsets, block);
  bin where = bin_of(offsets, b->bytes);
  uint32_t *head = &offsets->heads[where.level][where.index];
  b->state = LAZYI_OFFSETS_FREE;
  b->previous = NONE;
  b->next = *head;
  if (*head != NONE) at(offsets, *head)->previous = block;
  *head = block;
  offsets->bins[where.level] |= (uint8_t)(1u << where.index);
  offsets->levels |= 1ull << where.level;
  offsets->statistics.free_blocks++;
}

static void unlink_free(lazyi_offsets *offsets, uint32_t block) {
  lazyi_offsets_block *b = at(offsets, block);
  if (b->next != NONE) at(offsets, b->next)->previous = b->previous;
  if (b->previous != NONE) {
    at(offsets, b->previous)->next = b->next;
  } else {
    bin where = bin_of(offsets, b->bytes);
    offsets->heads[where.level][where.index] = b->next;
    if (b->next == NONE) {
      offsets->bins[where.level] &= (uint8_t) ~(1u << where.index);
      if (offsets->bins[where.level] == 0) offsets->levels &= ~(1ull << where.level);
    }
  }
  offsets->statistics.free_blocks--;
}

/* Makes sure that two records can be had without failing: an alloc splits a block at most twice. */
static lazy_status reserve_records(lazyi_offsets *offsets) {
  if (offsets->unused != NONE && at(offsets, offsets->unused)->next != NONE) return LAZY_STATUS_OK;
  LAZY_TRY(lazyi_vector_reserve(&offsets->blocks, 2));
  while (offsets->blocks.count < offsets->blocks.capacity && offsets->blocks.count < NONE - 1) {
    uint32_t record = (uint32_t)offsets->blocks.count++;
    *at(offsets, record) = (lazyi_offsets_block){.next = offsets->unused};
    offsets->unused = record;
  }
  return LAZY_STATUS_OK;
}

static uint32_t take_record(lazyi_offsets *offsets) {
  uint32_t record = offsets->unused;
  offsets->unused = at(offsets, record)->next;
  return record;
}

static void drop_record(lazyi_offsets *offsets, uint32_t record) {
  *at(offsets, record) = (lazyi_offsets_block){.next = offsets->unused};
  offsets->unused = record;
}

void lazyi_offsets_init(lazyi_offsets *offsets, size_t granule) {
  *offsets = (lazyi_offsets){.granule = granule, .unused = NONE};
  for (int level = 0; level < LAZYI_OFFSETS_LEVELS; level++)
    for (int index = 0; index < LAZYI_OFFSETS_BINS; index++) offsets->heads[level][index] = NONE;
}

void lazyi_offsets_deinit(lazyi_offsets *offsets) {
  lazyi_vector_deinit(&offsets->blocks);
  lazyi_offsets_init(offsets, offsets->granule);
}

lazy_status lazyi_offsets_add(lazyi_offsets *offsets, uint64_t base, size_t bytes, uint32_t *out_span) {
  LAZY_TRY(reserve_records(offsets));
  uint32_t record = take_record(offsets);
  *at(offsets, record) = (lazyi_offsets_block){.offset = base, .bytes = bytes, .before = NONE, .after = NONE};
  link_free(offsets, record);
  offsets->statistics.capacity_bytes += bytes;
  *out_span = record;
  return LAZY_STATUS_OK;
}

bool lazyi_offsets_is_free(const lazyi_offsets *offsets, uint32_t span) {
  return at(offsets, span)->state == LAZYI_OFFSETS_FREE && at(offsets, span)->after == NONE;
}

void lazyi_offsets_remove(lazyi_offsets *offsets, uint32_t span) {
  unlink_free(offsets, span);
  offsets->statistics.capacity_bytes -= at(offsets, span)->bytes;
  drop_record(offsets, span);
}

/* Bytes before the first multiple of `alignment` in the block. */
static size_t padding(const lazyi_offsets_block *block, size_t alignment) {
  return (size_t)((0 - block->offset) & (alignment - 1));
}

/* The smallest of the bin's blocks that holds the request, among the first `probes`. */
static uint32_t search_bin(const lazyi_offsets *offsets, bin where, size_t bytes, size_t alignment,
                           size_t probes) {
  uint32_t best = NONE;
  for (uint32_t i = offsets->heads[where.level][where.index]; i != NONE && probes-- > 0;
       i = at(offsets, i)->next) {
    const lazyi_offsets_block *block = at(offsets, i);
    size_t pad = padding(block, alignment);
    if (block->bytes < pad || block->bytes - pad < bytes) continue;
    if (best == NONE || block->bytes < at(offsets, best)->bytes) best = i;
    if (block->bytes == bytes) break;
  }
  return best;
}

static uint32_t search(const lazyi_offsets *offsets, size_t bytes, size_t alignment, size_t probes) {
  bin where = bin_of(offsets, bytes);
  unsigned mask =
      (0xffu << where.index) & 0xffu; /* bins of the first level below the request's are too small */
  for (uint64_t levels = offsets->levels >> where.level << where.level; levels != 0; levels &= levels - 1) {
    unsigned level = (unsigned)__builtin_ctzll(levels);
    unsigned bins = offsets->bins[level];
    if (level == where.level) bins &= mask;
    for (; bins != 0; bins &= bins - 1) {
      uint32_t found =
          search_bin(offsets, (bin){level, (unsigned)__builtin_ctz(bins)}, bytes, alignment, probes);
      if (found != NONE) return found;
    }
  }
  return NONE;
}

/* Cuts a block in two at `bytes`; the first part keeps the record. Neither part is linked into a bin. */
static uint32_t split(lazyi_offsets *offsets, uint32_t block, size_t bytes) {
  uint32_t rest = take_record(offsets);
  lazyi_offsets_block *first = at(offsets, block);
  *at(offsets, rest) = (lazyi_offsets_block){
      .offset = first->offset + bytes, .bytes = first->bytes - bytes, .before = block, .after = first->after};
  if (first->after != NONE) at(offsets, first->after)->before = rest;
  first->after = rest;
  first->bytes = bytes;
  return rest;
}

lazy_status lazyi_offsets_alloc(lazyi_offsets *offsets, size_t bytes, size_t alignment, uint32_t *out_block) {
  if (bytes == 0) bytes = 1;
  if (!lazyi_align_size(bytes, offsets->granule, &bytes)) {
    *out_block = NONE;
    return LAZY_STATUS_OK;
  }
  LAZY_TRY(reserve_records(offsets));
  uint32_t block = search(offsets, bytes, alignment, PROBES);
  if (block == NONE) block = search(offsets, bytes, alignment, SIZE_MAX);
  if (block == NONE) {
    *out_block = NONE;
    return LAZY_STATUS_OK;
  }
  unlink_free(offsets, block);
  size_t pad = padding(at(offsets, block), alignment);
  if (pad != 0) {
    uint32_t aligned = split(offsets, block, pad);
    link_free(offsets, block);
    block = aligned;
  }
  if (at(offsets, block)->bytes > bytes) link_free(offsets, split(offsets, block, bytes));
  at(offsets, block)->state = LAZYI_OFFSETS_TAKEN;
  lazyi_offsets_statistics *statistics = &offsets->statistics;
  statistics->used_blocks++;
  statistics->used_bytes += bytes;
  if (statistics->used_bytes > statistics->peak_used_bytes)
    statistics->peak_used_bytes = statistics->used_bytes;
  *out_block = block;
  return LAZY_STATUS_OK;
}

/* Joins a block with the one after it, which must be out of its bin. */
static void absorb_after(lazyi_offsets *offsets, uint32_t block) {
  lazyi_offsets_block *b = at(offsets, block);
  uint32_t gone = b->after;
  b->bytes += at(offsets, gone)->bytes;
  b->after = at(offsets, gone)->after;
  if (b->after != NONE) at(offsets, b->after)->before = block;
  drop_record(offsets, gone);
}

bool lazyi_offsets_free(lazyi_offsets *offsets, uint32_t block) {
  if (block >= offsets->blocks.count || at(offsets, block)->state != LAZYI_OFFSETS_TAKEN) return false;
  offsets->statistics.used_blocks--;
  offsets->statistics.used_bytes -= at(offsets, block)->bytes;
  uint32_t after = at(offsets, block)->after, before = at(offsets, block)->before;
  if (after != NONE && at(offsets, after)->state == LAZYI_OFFSETS_FREE) {
    unlink_free(offsets, after);
    absorb_after(offsets, block);
  }
  if (before != NONE && at(offsets, before)->state == LAZYI_OFFSETS_FREE) {
    unlink_free(offsets, before);
    absorb_after(offsets, before);
    block = before;
  }
  link_free(offsets, block);
  return true;
}

size_t lazyi_offsets_largest(const lazyi_offsets *offsets) {
  if (offsets->levels == 0) return 0;
  unsigned level = 63u - (unsigned)__builtin_clzll(offsets->levels);
  unsigned index = 31u - (unsigned)__builtin_clz(offsets->bins[level]);
  size_t largest = 0;
  for (uint32_t i = offsets->heads[level][index]; i != NONE; i = at(offsets, i)->next)
    if (at(offsets, i)->bytes > largest) largest = at(offsets, i)->bytes;
  return largest;
}
