#include "runtime/memory/offsets.h"

#include <stdlib.h>
#include <string.h>

#include "tests/check.h"

/* The model: what is taken, as a plain list sorted by offset, and the spans. It answers "is there room" by
   looking at every gap. */
enum { MODEL_SPANS = 8, MODEL_LIVE = 512 };
typedef struct interval {
  uint64_t offset;
  size_t bytes;
  uint32_t block;
} interval;
typedef struct model {
  interval spans[MODEL_SPANS], live[MODEL_LIVE];
  size_t span_count, live_count;
} model;

static void model_insert(model *m, interval taken) {
  size_t at = m->live_count++;
  for (; at > 0 && m->live[at - 1].offset > taken.offset; at--) m->live[at] = m->live[at - 1];
  m->live[at] = taken;
}

static void model_remove(model *m, size_t at) {
  m->live_count--;
  memmove(&m->live[at], &m->live[at + 1], (m->live_count - at) * sizeof m->live[0]);
}

/* Walks the gaps of all spans: the largest, how many, and whether one has `bytes` at `alignment`. */
static bool model_fits(const model *m, size_t bytes, size_t alignment, size_t *out_largest,
                       size_t *out_gaps) {
  bool fits = false;
  *out_largest = *out_gaps = 0;
  for (size_t s = 0; s < m->span_count; s++) {
    uint64_t at = m->spans[s].offset, end = at + m->spans[s].bytes;
    for (size_t i = 0; i <= m->live_count; i++) {
      bool inside = i < m->live_count && m->live[i].offset >= m->spans[s].offset && m->live[i].offset < end;
      if (i < m->live_count && !inside) continue;
      uint64_t next = inside ? m->live[i].offset : end;
      if (next > at) {
        uint64_t aligned = (at + alignment - 1) / alignment * alignment;
        fits |= aligned <= next && next - aligned >= bytes;
        if (next - at > *out_largest) *out_largest = (size_t)(next - at);
        ++*out_gaps;
      }
      if (inside) at = m->live[i].offset + m->live[i].bytes;
    }
  }
  return fits;
}

static bool model_is_inside_a_span(const model *m, uint64_t offset, size_t bytes) {
  for (size_t s = 0; s < m->span_count; s++)
    if (offset >= m->spans[s].offset && offset + bytes <= m->spans[s].offset + m->spans[s].bytes) return true;
  return false;
}

static bool model_overlaps(const model *m, uint64_t offset, size_t bytes) {
  for (size_t i = 0; i < m->live_count; i++)
    if (offset < m->live[i].offset + m->live[i].bytes && m->live[i].offset < offset + bytes) return true;
  return false;
}

static size_t random_bytes(check_env *env) {
  switch (check_random_below(env, 4)) {
    case 0: return check_random_below(env, 300);
    case 1: return 256 * (1 + check_random_below(env, 20)) + check_random_below(env, 3) - 1;
    case 2: return check_random_below(env, 20000);
    default: return (size_t)1 << check_random_below(env, 18);
  }
}

static size_t rounded(size_t bytes) { return bytes == 0 ? 256 : (bytes + 255) / 256 * 256; }

static void run_random(check_env *env, size_t max_live, int steps) {
  lazyi_offsets offsets;
  lazyi_offsets_init(&offsets, 256);
  static model m;
  m = (model){.span_count = 0};
  for (int step = 0; step < steps; step++) {
    size_t largest, gaps;
    uint64_t choice = check_random_below(env, 100);
    if (choice < 2 && m.span_count < MODEL_SPANS) {
      /* Spans that touch must not merge: half of them start where the one before ends. */
      uint64_t base = m.span_count == 0 ? 0x7f0000000000
                                        : m.spans[m.span_count - 1].offset + m.spans[m.span_count - 1].bytes;
      if (check_random_below(env, 2) != 0) base += 256 * check_random_below(env, 1000);
      interval span = {.offset = base, .bytes = 256 * (1 + check_random_below(env, 2000))};
      ASSERT_OK(lazyi_offsets_add(&offsets, span.offset, span.bytes, &span.block));
      m.spans[m.span_count++] = span;
    } else if (choice < 3 && m.span_count > 0) {
      size_t s = check_random_below(env, m.span_count);
      bool empty = !model_overlaps(&m, m.spans[s].offset, m.spans[s].bytes);
      ASSERT_EQ(lazyi_offsets_is_free(&offsets, m.spans[s].block), empty);
      if (empty) {
        lazyi_offsets_remove(&offsets, m.spans[s].block);
        memmove(&m.spans[s], &m.spans[s + 1], (--m.span_count - s) * sizeof m.spans[0]);
      }
    } else if (choice < 60 && m.live_count < max_live) {
      size_t bytes = random_bytes(env);
      size_t alignment = check_random_below(env, 5) == 0 ? (size_t)256 << check_random_below(env, 6) : 256;
      bool fits = model_fits(&m, rounded(bytes), alignment, &largest, &gaps);
      uint32_t block = 0;
      ASSERT_OK(lazyi_offsets_alloc(&offsets, bytes, alignment, &block));
      ASSERT_EQ(block != LAZYI_OFFSETS_NONE, fits);
      if (!fits) continue;
      uint64_t offset = lazyi_offsets_at(&offsets, block);
      ASSERT_EQ(offset % alignment, 0u);
      ASSERT_TRUE(model_is_inside_a_span(&m, offset, rounded(bytes)));
      ASSERT_FALSE(model_overlaps(&m, offset, rounded(bytes)));
      model_insert(&m, (interval){offset, rounded(bytes), block});
    } else if (m.live_count > 0) {
      size_t at = check_random_below(env, m.live_count);
      ASSERT_TRUE(lazyi_offsets_free(&offsets, m.live[at].block));
      model_remove(&m, at);
    }
    (void)model_fits(&m, 1, 1, &largest, &gaps);
    ASSERT_EQ(lazyi_offsets_largest(&offsets), largest);
    ASSERT_EQ(offsets.statistics.free_blocks, gaps);
    ASSERT_EQ(offsets.statistics.used_blocks, m.live_count);
    size_t used = 0;
    for (size_t i = 0; i < m.live_count; i++) used += m.live[i].bytes;
    ASSERT_EQ(offsets.statistics.used_bytes, used);
  }
  lazyi_offsets_deinit(&offsets);
}

TEST(memory_offsets, agrees_with_a_list_of_intervals_over_random_operations) {
  run_random(env, 12, 4000);
  run_random(env, 100, 4000);
  run_random(env, MODEL_LIVE, 6000);
}

static uint32_t take(lazyi_offsets *offsets, size_t bytes) {
  uint32_t block = LAZYI_OFFSETS_NONE;
  EXPECT_OK(lazyi_offsets_alloc(offsets, bytes, 256, &block));
  return block;
}

TEST(memory_offsets, sizes_around_every_boundary_fit_or_do_not) {
  for (size_t granules = 1; granules <= 300; granules = granules < 40 ? granules + 1 : granules * 5 / 4) {
    for (int delta = -1; delta <= 1; delta++) {
      CHECK_CASE("span of %zu granules, request %+d bytes", granules, delta);
      lazyi_offsets offsets;
      lazyi_offsets_init(&offsets, 256);
      uint32_t span;
      ASSERT_OK(lazyi_offsets_add(&offsets, 4096, granules * 256, &span));
      uint32_t block = take(&offsets, granules * 256 + (size_t)(ptrdiff_t)delta);
      EXPECT_EQ(block == LAZYI_OFFSETS_NONE, delta > 0);
      EXPECT_EQ(lazyi_offsets_is_free(&offsets, span), delta > 0);
      if (block != LAZYI_OFFSETS_NONE) EXPECT_TRUE(lazyi_offsets_free(&offsets, block));
      EXPECT_TRUE(lazyi_offsets_is_free(&offsets, span));
      lazyi_offsets_deinit(&offsets);
    }
  }
}

TEST(memory_offsets, zero_bytes_take_a_place_of_their_own_and_huge_ones_none) {
  lazyi_offsets offsets;
  lazyi_offsets_init(&offsets, 256);
  uint32_t span;
  ASSERT_OK(lazyi_offsets_add(&offsets, 0, 1024, &span));
  uint32_t a = take(&offsets, 0), b = take(&offsets, 0);
  EXPECT_NE(lazyi_offsets_at(&offsets, a), lazyi_offsets_at(&offsets, b));
  EXPECT_EQ(offsets.statistics.used_bytes, 512u);
  EXPECT_EQ(take(&offsets, SIZE_MAX), LAZYI_OFFSETS_NONE);
  EXPECT_EQ(take(&offsets, SIZE_MAX - 255), LAZYI_OFFSETS_NONE);
  EXPECT_EQ(take(&offsets, (size_t)1 << 63), LAZYI_OFFSETS_NONE);
  lazyi_offsets_deinit(&offsets);
}

TEST(memory_offsets, takes_the_smallest_gap_that_fits) {
  lazyi_offsets offsets;
  lazyi_offsets_init(&offsets, 256);
  uint32_t span, blocks[9];
  ASSERT_OK(lazyi_offsets_add(&offsets, 0, 256 * 64, &span));
  const size_t sizes[9] = {8, 1, 5, 1, 6, 1, 4, 1, 7}; /* gaps of 8, 5, 6, 4, 7 once the even ones are free */
  for (int i = 0; i < 9; i++) blocks[i] = take(&offsets, sizes[i] * 256);
  uint64_t six = lazyi_offsets_at(&offsets, blocks[4]), four = lazyi_offsets_at(&offsets, blocks[6]);
  for (int i = 0; i < 9; i += 2) ASSERT_TRUE(lazyi_offsets_free(&offsets, blocks[i]));
  EXPECT_EQ(lazyi_offsets_at(&offsets, take(&offsets, 6 * 256 - 255)), six);
  EXPECT_EQ(lazyi_offsets_at(&offsets, take(&offsets, 3 * 256)), four);
  lazyi_offsets_deinit(&offsets);
}

TEST(memory_offsets, refuses_to_free_what_is_not_taken) {
  lazyi_offsets offsets;
  lazyi_offsets_init(&offsets, 256);
  uint32_t span;
  ASSERT_OK(lazyi_offsets_add(&offsets, 0, 4096, &span));
  uint32_t block = take(&offsets, 256);
  EXPECT_FALSE(lazyi_offsets_free(&offsets, LAZYI_OFFSETS_NONE));
  EXPECT_FALSE(lazyi_offsets_free(&offsets, 1u << 30));
  EXPECT_TRUE(lazyi_offsets_free(&offsets, block));
  EXPECT_FALSE(lazyi_offsets_free(&offsets, block));
  lazyi_offsets_deinit(&offsets);
}

TEST(memory_offsets, a_steady_pattern_makes_no_host_allocation) {
  lazyi_offsets offsets;
  lazyi_offsets_init(&offsets, 256);
  uint32_t span, blocks[64];
  ASSERT_OK(lazyi_offsets_add(&offsets, 0, 1 << 20, &span));
  uint64_t before = 0;
  for (int round = 0; round < 50; round++) {
    if (round == 2) before = lazyi_memory_count();
    for (int i = 0; i < 64; i++) blocks[i] = take(&offsets, (size_t)(i * 37 + 1) * 4);
    for (int i = 0; i < 64; i++) ASSERT_TRUE(lazyi_offsets_free(&offsets, blocks[i * 29 % 64]));
  }
  EXPECT_EQ(lazyi_memory_count(), before);
  EXPECT_TRUE(lazyi_offsets_is_free(&offsets, span));
  lazyi_offsets_deinit(&offsets);
}

TEST(memory_offsets, a_failed_host_allocation_changes_nothing) {
  lazyi_offsets offsets;
  lazyi_offsets_init(&offsets, 256);
  uint32_t span = 77, block = 77;
  lazyi_memory_fail_at(1);
  EXPECT_STATUS(lazyi_offsets_add(&offsets, 0, 1 << 20, &span), LAZY_STATUS_OUT_OF_MEMORY);
  EXPECT_EQ(span, 77u);
  ASSERT_OK(lazyi_offsets_add(&offsets, 0, 1 << 20, &span));
  bool failed = false;
  for (int i = 0; i < 100 && !failed; i++) {
    uint32_t got = 77;
    lazyi_memory_fail_at(1);
    failed = lazyi_offsets_alloc(&offsets, 300, 256, &got) != LAZY_STATUS_OK;
    lazyi_memory_fail_at(0);
    if (failed) EXPECT_EQ(got, 77u);
    else block = got;
  }
  EXPECT_TRUE(failed);
  size_t used = offsets.statistics.used_blocks;
  EXPECT_OK(lazyi_offsets_alloc(&offsets, 300, 256, &block));
  EXPECT_EQ(offsets.statistics.used_blocks, used + 1);
  lazyi_offsets_deinit(&offsets);
}
