#include "runtime/memory/lifetime.h"

#include <string.h>

#define NONE UINT32_MAX

/* Pairs of items that live together, per item, above which placing by size is not worth its time. */
enum { PAIRS_PER_ITEM = 64 };

typedef struct key {
  uint64_t major;
  uint32_t item;
} key;

/* A part of the slab, taken by an item or free, in a list by offset. Free parts also hang in a list of gaps.
 */
typedef struct part {
  uint64_t offset, bytes;
  uint32_t before, after, item;
  uint32_t gap_before, gap_after;
} part;

typedef struct job {
  const lazyi_lifetime_item *items;
  size_t count;
  uint32_t *root;        /* whose place each item has */
  uint64_t *bytes;       /* of roots: largest of those that share the place, aligned; 0 for others */
  int32_t *first, *last; /* of roots: from the first to the last of those that share it */
  key *by_first, *by_last, *merge;
  size_t root_count; /* roots of more than zero bytes: entries of by_first and by_last */
  uint64_t *trial;   /* offsets of the placement being tried */
  uint64_t bound;
  size_t pair_count; /* of roots that live together */
  part *parts;
  uint32_t *part_of;
  uint32_t *active, *start, *list; /* who lives together with whom */
  key *by_size, *placed;
} job;

void lazyi_lifetime_planner_deinit(lazyi_lifetime_planner *planner) {
  lazyi_vector_deinit(&planner->scratch);
  lazyi_vector_deinit(&planner->pairs);
}

/* Merge sort from short runs up. Runs already in order are left alone: lifetimes arrive nearly sorted. */
static void sort_keys(key *keys, key *merge, size_t count) {
  for (size_t width = 1; width < count; width *= 2) {
    for (size_t low = 0; low + width < count; low += 2 * width) {
      size_t middle = low + width, high = middle + width < count ? middle + width : count;
      if (keys[middle - 1].major <= keys[middle].major) continue;
      memcpy(merge, keys + low, (middle - low) * sizeof *keys);
      size_t left = 0, left_count = middle - low, right = middle, to = low;
      while (left < left_count)
        keys[to++] = right < high && keys[right].major < merge[left].major ? keys[right++] : merge[left++];
    }
  }
}

/* ---- the items ---- */

static lazy_status check_items(const lazyi_lifetime_item *items, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (items[i].first > items[i].last)
      return lazy_status_fail(LAZY_STATUS_INVALID_VALUE,
                              "lifetime: item %zu ends at step %d, before it starts at %d", i, items[i].last,
                              items[i].first);
    if (items[i].alias_of != LAZYI_LIFETIME_OWN && (items[i].alias_of < 0 || (size_t)items[i].alias_of >= i))
      return lazy_status_fail(LAZY_STATUS_INVALID_VALUE,
                              "lifetime: item %zu is an alias of item %d, wanted an earlier one", i,
                              items[i].alias_of);
  }
  return LAZY_STATUS_OK;
}

/* One root per place: its lifetime and size cover those of all its aliases. */
static lazy_status find_roots(job *j, size_t alignment) {
  for (size_t i = 0; i < j->count; i++) {
    const lazyi_lifetime_item *item = &j->items[i];
    uint32_t root = item->alias_of == LAZYI_LIFETIME_OWN ? (uint32_t)i : j->root[item->alias_of];
    size_t bytes;
    if (!lazyi_align_size(item->bytes, alignment, &bytes) || bytes > UINT64_MAX / 2)
      return lazy_status_fail(LAZY_STATUS_LIMIT, "lifetime: item %zu of %zu bytes", i, item->bytes);
    j->root[i] = root;
    if (root == i) {
      j->bytes[i] = bytes;
      j->first[i] = item->first;
      j->last[i] = item->last;
    } else {
      j->bytes[i] = 0;
      if (bytes > j->bytes[root]) j->bytes[root] = bytes;
      if (item->first < j->first[root]) j->first[root] = item->first;
      if (item->last > j->last[root]) j->last[root] = item->last;
    }
  }
  return LAZY_STATUS_OK;
}

static uint64_t time_key(int32_t step) { return (uint64_t)((int64_t)step - INT32_MIN); }

static void sort_by_time(job *j) {
  for (uint32_t i = 0; i < j->count; i++) {
    if (j->bytes[i] == 0) continue;
    j->by_first[j->root_count] = (key){time_key(j->first[i]), i};
    j->by_last[j->root_count++] = (key){time_key(j->last[i]), i};
  }
  sort_keys(j->by_first, j->merge, j->root_count);
  sort_keys(j->by_last, j->merge, j->root_count);
}

/* The most bytes live at once, and how many pairs live together. */
static lazy_status measure(job *j) {
  uint64_t live = 0;
  for (size_t i = 0, ended = 0; i < j->root_count; i++) {
    for (; j->by_last[ended].major < j->by_first[i].major; ended++) live -= j->bytes[j->by_last[ended].item];
    if (__builtin_add_overflow(live, j->bytes[j->by_first[i].item], &live) || live > SIZE_MAX / 2)
      return lazy_status_fail(LAZY_STATUS_LIMIT, "lifetime: more bytes live at step %d than can be addressed",
                              j->first[j->by_first[i].item]);
    if (live > j->bound) j->bound = live;
    j->pair_count += i - ended;
  }
  return LAZY_STATUS_OK;
}

/* ---- placement in order of time ---- */

typedef struct slab {
  part *parts;
  uint32_t count, gaps, end; /* records used, first gap, last part */
  uint32_t unused;           /* records to use again, linked by `after` */
} slab;

static uint32_t add_part(slab *s, part value) {
  uint32_t index = s->unused;
  if (index != NONE) s->unused = s->parts[index].after;
  else index = s->count++;
  s->parts[index] = value;
  return index;
}

static void drop_part(slab *s, uint32_t index) {
  s->parts[index].after = s->unused;
  s->unused = index;
}

static void link_gap(slab *s, uint32_t index) {
  s->parts[index].item = NONE;
  s->parts[index].gap_before = NONE;
  s->parts[index].gap_after = s->gaps;
  if (s->gaps != NONE) s->parts[s->gaps].gap_before = index;
  s->gaps = index;
}

static void unlink_gap(slab *s, uint32_t index) {
  part *p = &s->parts[index];
  if (p->gap_after != NONE) s->parts[p->gap_after].gap_before = p->gap_before;
  if (p->gap_before != NONE) s->parts[p->gap_before].gap_after = p->gap_after;
  else s->gaps = p->gap_after;
}

/* When what lies beside a gap goes away; the slab's ends never do. */
static int64_t end_of(const job *j, const slab *s, uint32_t neighbour) {
  return neighbour == NONE ? INT64_MAX : j->last[s->parts[neighbour].item];
}

/* The tightest gap that holds the item; NONE if there is none. */
static uint32_t find_gap(const slab *s, uint64_t bytes) {
  uint32_t best = NONE;
  for (uint32_t i = s->gaps; i != NONE; i = s->parts[i].gap_after) {
    if (s->parts[i].bytes < bytes) continue;
    if (best == NONE || s->parts[i].bytes < s->parts[best].bytes ||
        (s->parts[i].bytes == s->parts[best].bytes && s->parts[i].offset < s->parts[best].offset))
      best = i;
    if (s->parts[best].bytes == bytes) break;
  }
  return best;
}

/* Room at the slab's end: lengthens it. Returns a gap of at least `bytes`. */
static uint32_t lengthen(slab *s, uint64_t bytes) {
  part *end = s->end != NONE ? &s->parts[s->end] : NULL;
  if (end != NULL && end->item == NONE) {
    end->bytes = bytes;
    return s->end;
  }
  uint64_t offset = end != NULL ? end->offset + end->bytes : 0;
  uint32_t gap = add_part(s, (part){.offset = offset, .bytes = bytes, .before = s->end, .after = NONE});
  if (s->end != NONE) s->parts[s->end].after = gap;
  s->end = gap;
  link_gap(s, gap);
  return gap;
}

/* Puts the item at that end of the gap whose neighbour stays longer, so that the hole it will leave joins the
   one on its other side. Returns its part. */
static uint32_t fill_gap(job *j, slab *s, uint32_t gap, uint32_t item) {
  part *p = &s->parts[gap];
  uint64_t bytes = j->bytes[item];
  if (p->bytes == bytes) {
    unlink_gap(s, gap);
    p->item = item;
    return gap;
  }
  part taken = {.bytes = bytes, .item = item};
  if (end_of(j, s, p->before) >= end_of(j, s, p->after)) {
    taken.offset = p->offset;
    taken.before = p->before;
    taken.after = gap;
    p->offset += bytes;
  } else {
    taken.offset = p->offset + p->bytes - bytes;
    taken.before = gap;
    taken.after = p->after;
  }
  p->bytes -= bytes;
  uint32_t index = add_part(s, taken);
  if (taken.before != NONE) s->parts[taken.before].after = index;
  if (taken.after != NONE) s->parts[taken.after].before = index;
  if (s->end == taken.before) s->end = index;
  return index;
}

static void absorb_after(slab *s, uint32_t index) {
  part *p = &s->parts[index];
  uint32_t gone = p->after;
  p->bytes += s->parts[gone].bytes;
  p->after = s->parts[gone].after;
  if (p->after != NONE) s->parts[p->after].before = index;
  if (s->end == gone) s->end = index;
  drop_part(s, gone);
}

static void vacate(slab *s, uint32_t index) {
  uint32_t after = s->parts[index].after, before = s->parts[index].before;
  if (after != NONE && s->parts[after].item == NONE) {
    unlink_gap(s, after);
    absorb_after(s, index);
  }
  if (before != NONE && s->parts[before].item == NONE) absorb_after(s, before);
  else link_gap(s, index);
}

static uint64_t place_by_time(job *j) {
  slab s = {.parts = j->parts, .gaps = NONE, .end = NONE, .unused = NONE};
  uint64_t peak = 0;
  (void)lengthen(&s, j->bound);
  for (size_t i = 0, ended = 0; i < j->root_count; i++) {
    for (; j->by_last[ended].major < j->by_first[i].major; ended++)
      vacate(&s, j->part_of[j->by_last[ended].item]);
    uint32_t item = j->by_first[i].item, gap = find_gap(&s, j->bytes[item]);
    if (gap == NONE) gap = lengthen(&s, j->bytes[item]);
    uint32_t place = fill_gap(j, &s, gap, item);
    j->part_of[item] = place;
    j->trial[item] = s.parts[place].offset;
    if (j->trial[item] + j->bytes[item] > peak) peak = j->trial[item] + j->bytes[item];
  }
  return peak;
}

/* ---- placement by size ---- */

/* Who lives together with whom: neighbours of root i are list[start[i]] to list[start[i + 1]]. */
static void list_neighbours(const job *j, uint32_t *start, bool counting) {
  size_t active_count = 0;
  for (size_t i = 0; i < j->root_count; i++) {
    uint32_t item = j->by_first[i].item;
    size_t kept = 0;
    for (size_t a = 0; a < active_count; a++) {
      uint32_t other = j->active[a];
      if (j->last[other] < j->first[item]) continue;
      j->active[kept++] = other;
      if (counting) {
        start[item + 1]++;
        start[other + 1]++;
      } else {
        j->list[start[item]++] = other;
        j->list[start[other]++] = item;
      }
    }
    active_count = kept;
    j->active[active_count++] = item;
  }
}

/* The lowest tight gap among the placed neighbours, which are sorted by offset. */
static uint64_t fit_between(const job *j, const key *placed, size_t count, uint64_t bytes, uint64_t peak) {
  uint64_t best = 0, best_bytes = UINT64_MAX, at = 0;
  for (size_t i = 0; i <= count; i++) {
    uint64_t next = i < count ? placed[i].major : peak > at ? peak : at;
    if (next > at && next - at >= bytes && next - at < best_bytes) {
      best = at;
      best_bytes = next - at;
    }
    if (i < count && next + j->bytes[placed[i].item] > at) at = next + j->bytes[placed[i].item];
  }
  return best_bytes != UINT64_MAX ? best : at;
}

static uint64_t place_by_size(job *j) {
  uint32_t *start = j->start;
  key *by_size = j->by_size, *placed = j->placed;
  memset(start, 0, (j->count + 2) * sizeof *start);
  list_neighbours(j, start + 1, true);
  for (size_t i = 1; i < j->count + 2; i++) start[i] += start[i - 1];
  list_neighbours(j, start + 1,
                  false); /* moves start[i + 1] from the first of i's to the first of the next's */
  for (size_t i = 0; i < j->root_count; i++) {
    uint32_t item = j->by_first[i].item;
    by_size[i] = (key){UINT64_MAX - j->bytes[item], item};
    j->trial[item] = UINT64_MAX;
  }
  sort_keys(by_size, j->merge, j->root_count);
  uint64_t peak = 0;
  for (size_t i = 0; i < j->root_count; i++) {
    uint32_t item = by_size[i].item;
    size_t placed_count = 0;
    for (uint32_t n = start[item]; n < start[item + 1]; n++)
      if (j->trial[j->list[n]] != UINT64_MAX)
        placed[placed_count++] = (key){j->trial[j->list[n]], j->list[n]};
    sort_keys(placed, j->merge, placed_count);
    j->trial[item] = fit_between(j, placed, placed_count, j->bytes[item], peak);
    if (j->trial[item] + j->bytes[item] > peak) peak = j->trial[item] + j->bytes[item];
  }
  return peak;
}

/* ---- all of it ---- */

/* Hands out parts of a scratch vector; with a NULL base it only measures. */
static void *carve(unsigned char *base, size_t *at, size_t count, size_t bytes) {
  void *here = base != NULL ? base + *at : NULL;
  *at += (count * bytes + 15) & ~(size_t)15;
  return here;
}

static size_t carve_job(job *j, unsigned char *base) {
  size_t n = j->count, at = 0;
  j->root = carve(base, &at, n, sizeof *j->root);
  j->bytes = carve(base, &at, n, sizeof *j->bytes);
  j->first = carve(base, &at, n, sizeof *j->first);
  j->last = carve(base, &at, n, sizeof *j->last);
  j->by_first = carve(base, &at, n, sizeof *j->by_first);
  j->by_last = carve(base, &at, n, sizeof *j->by_last);
  j->merge = carve(base, &at, n, sizeof *j->merge);
  j->trial = carve(base, &at, n, sizeof *j->trial);
  j->parts = carve(base, &at, 2 * n + 1, sizeof *j->parts);
  j->part_of = carve(base, &at, n, sizeof *j->part_of);
  return at;
}

static size_t carve_pairs(job *j, unsigned char *base) {
  size_t n = j->count, at = 0;
  j->active = carve(base, &at, n, sizeof *j->active);
  j->start = carve(base, &at, n + 2, sizeof *j->start);
  j->list = carve(base, &at, 2 * j->pair_count, sizeof *j->list);
  j->by_size = carve(base, &at, n, sizeof *j->by_size);
  j->placed = carve(base, &at, n, sizeof *j->placed);
  return at;
}

static void keep(const job *j, uint64_t *out_offsets) {
  for (size_t i = 0; i < j->count; i++) {
    uint32_t root = j->root[i];
    out_offsets[i] = j->bytes[root] != 0 ? j->trial[root] : 0;
  }
}

lazy_status lazyi_lifetime_assign(lazyi_lifetime_planner *planner, const lazyi_lifetime_item *items,
                                  size_t count, size_t alignment, uint64_t *out_offsets,
                                  lazyi_lifetime_summary *out_summary) {
  if (count > INT32_MAX / 4) return lazy_status_fail(LAZY_STATUS_LIMIT, "lifetime: %zu items", count);
  LAZY_TRY(check_items(items, count));
  job j = {.items = items, .count = count};
  LAZY_TRY(lazyi_vector_reserve(&planner->scratch, carve_job(&j, NULL)));
  (void)carve_job(&j, planner->scratch.at);
  LAZY_TRY(find_roots(&j, alignment));
  sort_by_time(&j);
  LAZY_TRY(measure(&j));

  bool by_size = j.pair_count <= PAIRS_PER_ITEM * j.root_count;
  if (by_size) {
    LAZY_TRY(lazyi_vector_reserve(&planner->pairs, carve_pairs(&j, NULL)));
    (void)carve_pairs(&j, planner->pairs.at);
  }
  uint64_t peak = place_by_time(&j);
  keep(&j, out_offsets);
  if (peak > j.bound && by_size) {
    uint64_t other = place_by_size(&j);
    if (other < peak) {
      peak = other;
      keep(&j, out_offsets);
    }
  }
  *out_summary = (lazyi_lifetime_summary){.peak_bytes = (size_t)peak, .bound_bytes = (size_t)j.bound};
  return LAZY_STATUS_OK;
}
