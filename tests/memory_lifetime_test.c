#include "runtime/memory/lifetime.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tests/check.h"

enum { MOST = 3000 };
static lazyi_lifetime_item items[MOST];
static uint64_t offsets[MOST];

static uint64_t aligned(uint64_t bytes) { return (bytes + 255) / 256 * 256; }

static size_t root_of(size_t item) {
  while (items[item].alias_of >= 0) item = (size_t)items[item].alias_of;
  return item;
}

/* Every pair is looked at, and every step's live bytes are added up: nothing here is shared with the planner.
 */
static void check_placement(size_t count, lazyi_lifetime_summary summary) {
  uint64_t peak = 0, bound = 0;
  static uint64_t bytes[MOST];
  static int32_t first[MOST], last[MOST];
  for (size_t i = 0; i < count; i++) {
    size_t root = root_of(i);
    if (root == i) {
      bytes[i] = aligned(items[i].bytes);
      first[i] = items[i].first;
      last[i] = items[i].last;
      continue;
    }
    bytes[i] = 0;
    if (aligned(items[i].bytes) > bytes[root]) bytes[root] = aligned(items[i].bytes);
    if (items[i].first < first[root]) first[root] = items[i].first;
    if (items[i].last > last[root]) last[root] = items[i].last;
    ASSERT_EQ(offsets[i], offsets[root]);
  }
  for (size_t i = 0; i < count; i++) {
    if (bytes[i] == 0) continue;
    ASSERT_EQ(offsets[i] % 256, 0u);
    if (offsets[i] + bytes[i] > peak) peak = offsets[i] + bytes[i];
    uint64_t live = 0; /* at the step where i starts: the most live at once is reached at some start */
    for (size_t k = 0; k < count; k++) {
      if (bytes[k] == 0) continue;
      if (first[k] <= first[i] && first[i] <= last[k]) live += bytes[k];
      bool together = first[k] <= last[i] && first[i] <= last[k];
      bool overlap = offsets[k] < offsets[i] + bytes[i] && offsets[i] < offsets[k] + bytes[k];
      if (k != i && together && overlap) {
        FAIL("items %zu and %zu live together and overlap", i, k);
        return;
      }
    }
    if (live > bound) bound = live;
  }
  EXPECT_EQ(summary.peak_bytes, peak);
  EXPECT_EQ(summary.bound_bytes, bound);
  EXPECT_GE(peak, bound);
}

static lazyi_lifetime_summary place(lazyi_lifetime_planner *planner, size_t count) {
  lazyi_lifetime_summary summary = {0, 0};
  memset(offsets, 0x5a, sizeof offsets);
  EXPECT_OK(lazyi_lifetime_assign(planner, items, count, 256, offsets, &summary));
  check_placement(count, summary);
  return summary;
}

static size_t random_bytes(check_env *env) {
  return (size_t)check_random_below(env, (uint64_t)1 << check_random_between(env, 6, 20));
}

TEST(memory_lifetime, a_chain_of_any_sizes_meets_the_bound) {
  lazyi_lifetime_planner planner = {.scratch.count = 0};
  for (int round = 0; round < 50; round++) {
    size_t count = 1 + check_random_below(env, 400);
    for (size_t i = 0; i < count; i++)
      items[i] = (lazyi_lifetime_item){random_bytes(env), (int32_t)i, (int32_t)i + 1, LAZYI_LIFETIME_OWN};
    lazyi_lifetime_summary summary = place(&planner, count);
    ASSERT_EQ(summary.peak_bytes, summary.bound_bytes);
  }
  lazyi_lifetime_planner_deinit(&planner);
}

TEST(memory_lifetime, a_forward_and_its_backward_meet_the_bound) {
  lazyi_lifetime_planner planner = {.scratch.count = 0};
  for (int round = 0; round < 20; round++) {
    size_t count = 1 + check_random_below(env, 300);
    for (size_t i = 0; i < count; i++)
      items[i] =
          (lazyi_lifetime_item){random_bytes(env), (int32_t)i, (int32_t)(2 * count - i), LAZYI_LIFETIME_OWN};
    lazyi_lifetime_summary summary = place(&planner, count);
    ASSERT_EQ(summary.peak_bytes, summary.bound_bytes);
  }
  lazyi_lifetime_planner_deinit(&planner);
}

/* Blocks with a skip connection around a wide middle, as in a transformer or a residual network. */
static size_t residual_network(check_env *env, size_t blocks) {
  size_t count = 0, width = 256 * (1 + check_random_below(env, 64));
  int32_t step = 0;
  size_t skip = count;
  items[count++] = (lazyi_lifetime_item){width, step, step + 1, LAZYI_LIFETIME_OWN};
  for (size_t b = 0; b < blocks; b++) {
    items[count++] = (lazyi_lifetime_item){width, step + 1, step + 2, LAZYI_LIFETIME_OWN};     /* norm */
    items[count++] = (lazyi_lifetime_item){4 * width, step + 2, step + 3, LAZYI_LIFETIME_OWN}; /* up */
    items[count++] =
        (lazyi_lifetime_item){4 * width, step + 3, step + 4, LAZYI_LIFETIME_OWN};          /* activation */
    items[count++] = (lazyi_lifetime_item){width, step + 4, step + 5, LAZYI_LIFETIME_OWN}; /* down */
    items[skip].last = step + 5;
    skip = count;
    items[count++] = (lazyi_lifetime_item){width, step + 5, step + 6, LAZYI_LIFETIME_OWN}; /* add */
    step += 5;
  }
  return count;
}

TEST(memory_lifetime, residual_blocks_meet_the_bound) {
  lazyi_lifetime_planner planner = {.scratch.count = 0};
  for (int round = 0; round < 10; round++) {
    lazyi_lifetime_summary summary = place(&planner, residual_network(env, 1 + check_random_below(env, 100)));
    ASSERT_EQ(summary.peak_bytes, summary.bound_bytes);
  }
  lazyi_lifetime_planner_deinit(&planner);
}

TEST(memory_lifetime, random_lifetimes_never_overlap_and_stay_near_the_bound) {
  lazyi_lifetime_planner planner = {.scratch.count = 0};
  double worst = 1, sum = 0;
  enum { ROUNDS = 150 };
  for (int round = 0; round < ROUNDS; round++) {
    size_t count = 1 + check_random_below(env, 300);
    int64_t steps = check_random_between(env, 1, 600), longest = check_random_between(env, 0, 60);
    for (size_t i = 0; i < count; i++) {
      int32_t first = (int32_t)check_random_between(env, -steps, steps);
      items[i] =
          (lazyi_lifetime_item){random_bytes(env), first,
                                first + (int32_t)check_random_between(env, 0, longest), LAZYI_LIFETIME_OWN};
      if (i > 0 && check_random_below(env, 8) == 0) items[i].alias_of = (int32_t)check_random_below(env, i);
    }
    lazyi_lifetime_summary summary = place(&planner, count);
    double ratio = summary.bound_bytes != 0 ? (double)summary.peak_bytes / (double)summary.bound_bytes : 1;
    sum += ratio;
    if (ratio > worst) worst = ratio;
  }
  EXPECT_LE(worst, 1.6);
  EXPECT_LE(sum / ROUNDS, 1.1);
  lazyi_lifetime_planner_deinit(&planner);
}

TEST(memory_lifetime, nothing_and_zero_bytes_take_no_room) {
  lazyi_lifetime_planner planner = {.scratch.count = 0};
  EXPECT_EQ(place(&planner, 0).peak_bytes, 0u);
  for (int i = 0; i < 3; i++) items[i] = (lazyi_lifetime_item){0, 0, 5, LAZYI_LIFETIME_OWN};
  EXPECT_EQ(place(&planner, 3).peak_bytes, 0u);
  EXPECT_EQ(offsets[1], 0u);
  items[1].bytes = 1;
  EXPECT_EQ(place(&planner, 3).peak_bytes, 256u);
  lazyi_lifetime_planner_deinit(&planner);
}

TEST(memory_lifetime, an_alias_lengthens_and_enlarges_its_place) {
  lazyi_lifetime_planner planner = {.scratch.count = 0};
  items[0] = (lazyi_lifetime_item){256, 0, 1, LAZYI_LIFETIME_OWN};
  items[1] = (lazyi_lifetime_item){512, 2, 9, 0};
  items[2] = (lazyi_lifetime_item){256, 1, 2, 1};
  items[3] = (lazyi_lifetime_item){256, 5, 6, LAZYI_LIFETIME_OWN};
  EXPECT_EQ(place(&planner, 4).peak_bytes, 768u);
  lazyi_lifetime_planner_deinit(&planner);
}

TEST(memory_lifetime, refuses_what_is_no_lifetime_and_what_overflows) {
  lazyi_lifetime_planner planner = {.scratch.count = 0};
  lazyi_lifetime_summary summary = {1, 2};
  items[0] = (lazyi_lifetime_item){256, 3, 2, LAZYI_LIFETIME_OWN};
  EXPECT_FAILS(lazyi_lifetime_assign(&planner, items, 1, 256, offsets, &summary), LAZY_STATUS_INVALID_VALUE,
               "item 0");
  items[0] = (lazyi_lifetime_item){256, 0, 2, 0};
  EXPECT_FAILS(lazyi_lifetime_assign(&planner, items, 1, 256, offsets, &summary), LAZY_STATUS_INVALID_VALUE,
               "alias");
  items[0] = (lazyi_lifetime_item){SIZE_MAX, 0, 2, LAZYI_LIFETIME_OWN};
  EXPECT_STATUS(lazyi_lifetime_assign(&planner, items, 1, 256, offsets, &summary), LAZY_STATUS_LIMIT);
  for (int i = 0; i < 4; i++) items[i] = (lazyi_lifetime_item){SIZE_MAX / 4, 0, 2, LAZYI_LIFETIME_OWN};
  EXPECT_STATUS(lazyi_lifetime_assign(&planner, items, 4, 256, offsets, &summary), LAZY_STATUS_LIMIT);
  EXPECT_EQ(summary.peak_bytes, 1u);
  lazyi_lifetime_planner_deinit(&planner);
}

TEST(memory_lifetime, planning_again_makes_no_host_allocation) {
  lazyi_lifetime_planner planner = {.scratch.count = 0};
  size_t count = residual_network(env, 200);
  (void)place(&planner, count);
  uint64_t before = lazyi_memory_count();
  (void)place(&planner, count);
  EXPECT_EQ(lazyi_memory_count(), before);
  lazyi_lifetime_planner_deinit(&planner);
}

TEST(memory_lifetime, a_failed_host_allocation_is_a_status) {
  size_t count = residual_network(env, 20);
  int failures = 0;
  for (uint64_t n = 1; n < 8; n++) {
    lazyi_lifetime_planner planner = {.scratch.count = 0};
    lazyi_lifetime_summary summary;
    lazyi_memory_fail_at(n);
    lazy_status status = lazyi_lifetime_assign(&planner, items, count, 256, offsets, &summary);
    lazyi_memory_fail_at(0);
    if (status != LAZY_STATUS_OK) {
      EXPECT_EQ(status, LAZY_STATUS_OUT_OF_MEMORY);
      failures++;
    }
    lazyi_lifetime_planner_deinit(&planner);
  }
  EXPECT_EQ(failures, 2);
}
