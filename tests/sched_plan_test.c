/* Lanes and event edges against a checker that knows only what a hazard is: every pair of nodes that touch
   one resource, one of them writing, must be ordered by lanes and edges taken together. */
#include <string.h>

#include "runtime/base/vector.h"
#include "runtime/sched/plan.h"
#include "tests/check.h"

enum { MOST = 64 };

typedef struct picture {
  lazyi_sched_node nodes[MOST];
  lazyi_sched_access accesses[MOST * 6];
  size_t node_count, access_count, resources;
} picture;

static void add(picture *p, uint64_t cost) {
  p->nodes[p->node_count++] = (lazyi_sched_node){cost, (uint32_t)p->access_count, 0};
}
static void touch(picture *p, uint32_t resource, bool writes) {
  p->accesses[p->access_count++] = (lazyi_sched_access){resource, writes};
  p->nodes[p->node_count - 1].access_count++;
  if (resource >= p->resources) p->resources = resource + 1;
}
/* Node n writes resource n; up to two inputs, by node. */
static void op(picture *p, uint64_t cost, int a, int b) {
  add(p, cost);
  if (a >= 0) touch(p, (uint32_t)a, false);
  if (b >= 0) touch(p, (uint32_t)b, false);
  touch(p, (uint32_t)p->node_count - 1, true);
}

static lazyi_sched_graph graph_of(const picture *p, uint64_t lane_cost) {
  return (lazyi_sched_graph){.nodes = p->nodes,
                             .accesses = p->accesses,
                             .node_count = p->node_count,
                             .resource_count = p->resources,
                             .lane_cost = lane_cost};
}

/* Any model-like mix: data, and now and then state that is read or written. */
static picture random_picture(check_env *env, size_t count) {
  picture p = {0};
  for (size_t node = 0; node < count; node++) {
    add(&p, 1 + check_random(env) % 100);
    for (int i = 0; i < 2; i++) {
      uint64_t back = 1 + check_random(env) % 8;
      if (node > 0 && check_random(env) % 8 != 0)
        touch(&p, (uint32_t)(node >= back ? node - back : 0), false);
    }
    touch(&p, (uint32_t)node, true);
    if (check_random(env) % 6 == 0)
      touch(&p, MOST + (uint32_t)(check_random(env) % 3), check_random(env) % 2);
  }
  return p;
}

/* ---- the checker ---- */

typedef struct order {
  bool before[MOST + 1][MOST + 1]; /* the last row is the end of the run */
} order;

/* All that lane order and edges imply. `skipped`: a wait left out; -1: none. */
static void close_order(const lazyi_schedule *s, long skipped, order *out) {
  memset(out, 0, sizeof *out);
  size_t n = s->node_count;
  for (size_t b = 0; b < n; b++)
    for (size_t a = 0; a < b; a++) out->before[a][b] = s->steps[a].lane == s->steps[b].lane;
  for (size_t a = 0; a < n; a++) out->before[a][n] = s->steps[a].lane == 0;
  for (size_t i = 0; i < s->wait_count; i++)
    if ((long)i != skipped && s->waits[i].after >= 0) out->before[s->waits[i].after][s->waits[i].node] = true;
  for (size_t k = 0; k <= n; k++)
    for (size_t a = 0; a <= n; a++)
      for (size_t b = 0; b <= n; b++) out->before[a][b] |= out->before[a][k] && out->before[k][b];
}

static bool conflict(const picture *p, size_t a, size_t b) {
  for (uint32_t i = 0; i < p->nodes[a].access_count; i++)
    for (uint32_t j = 0; j < p->nodes[b].access_count; j++) {
      lazyi_sched_access x = p->accesses[p->nodes[a].first_access + i],
                         y = p->accesses[p->nodes[b].first_access + j];
      if (x.resource == y.resource && (x.writes || y.writes)) return true;
    }
  return false;
}

/* Every wait must mean the node it names: its event's latest record at that moment. */
static void check_events(const lazyi_schedule *s) {
  int32_t holds[MOST + 2];
  for (int i = 0; i < MOST + 2; i++) holds[i] = -2;
  if (s->fork_event >= 0) holds[s->fork_event] = -1;
  size_t seen = 0;
  for (size_t node = 0; node <= s->node_count; node++) {
    size_t first = node < s->node_count ? s->steps[node].first_wait : s->join_first;
    size_t last = node < s->node_count ? first + s->steps[node].wait_count : s->wait_count;
    for (size_t i = first; i < last; i++, seen++) {
      EXPECT_EQ(s->waits[i].node, (int32_t)node);
      ASSERT_LT(s->waits[i].event, s->event_count);
      EXPECT_EQ(holds[s->waits[i].event], s->waits[i].after);
    }
    if (node < s->node_count && s->steps[node].event >= 0) holds[s->steps[node].event] = (int32_t)node;
  }
  EXPECT_EQ(seen, s->wait_count);
}

static void check_schedule(const picture *p, const lazyi_sched_planner *planner, const lazyi_schedule *s) {
  static order full, less;
  size_t n = p->node_count;
  ASSERT_EQ(s->node_count, n);
  close_order(s, -1, &full);
  for (size_t a = 0; a < n; a++) {
    EXPECT_LT(s->steps[a].lane, s->lane_count);
    if (!full.before[a][n]) FAIL("node %zu is not joined", a);
    for (size_t b = a + 1; b < n; b++) {
      if (conflict(p, a, b) && !full.before[a][b]) FAIL("nodes %zu and %zu are not ordered", a, b);
      EXPECT_EQ(lazyi_sched_is_before(planner, (int32_t)a, (int32_t)b), full.before[a][b]);
    }
    size_t busy = (size_t)lazyi_sched_busy_until(planner, (int32_t)a), wanted = a;
    for (size_t b = a + 1; b < n; b++)
      if (!full.before[a][b]) wanted = b;
    EXPECT_EQ(busy, wanted);
  }
  for (size_t i = 0; i < s->wait_count; i++) {
    if (s->waits[i].after < 0) continue;
    close_order(s, (long)i, &less);
    if (less.before[s->waits[i].after][s->waits[i].node]) FAIL("wait %zu is implied by the others", i);
  }
  /* a lane begins after the run does: with the fork, or behind a node that does */
  for (int lane = 1; lane < s->lane_count; lane++) {
    size_t node = 0;
    while (s->steps[node].lane != lane) node++;
    EXPECT_GT(s->steps[node].wait_count, 0u);
  }
  check_events(s);
}

/* ---- random graphs ---- */

TEST(sched_plan, every_hazard_is_ordered_by_the_fewest_edges) {
  lazyi_sched_planner planner = {0};
  size_t parallel = 0, waits = 0;
  for (int round = 0; round < 400; round++) {
    CHECK_CASE("round %d", round);
    picture p = random_picture(env, 1 + (size_t)(check_random(env) % (MOST - 1)));
    lazyi_sched_graph graph = graph_of(&p, check_random(env) % 3 * 60);
    graph.lane_limit = (int)(check_random(env) % 5);
    lazyi_schedule schedule;
    ASSERT_OK(lazyi_sched_plan(&planner, &graph, &schedule));
    check_schedule(&p, &planner, &schedule);
    parallel += schedule.lane_count > 1;
    waits += schedule.wait_count;
    if (graph.lane_limit > 0) EXPECT_LE(schedule.lane_count, graph.lane_limit);
  }
  EXPECT_GT(parallel, 100u);
  EXPECT_GT(waits, 1000u);
  lazyi_sched_planner_deinit(&planner);
}

TEST(sched_plan, is_the_same_every_time) {
  lazyi_sched_planner used = {0};
  for (int round = 0; round < 50; round++) {
    picture p = random_picture(env, MOST);
    lazyi_sched_graph graph = graph_of(&p, 50);
    lazyi_sched_planner fresh = {0};
    lazyi_schedule a, b;
    ASSERT_OK(lazyi_sched_plan(&used, &graph, &a));
    ASSERT_OK(lazyi_sched_plan(&fresh, &graph, &b));
    ASSERT_EQ(a.wait_count, b.wait_count);
    EXPECT_EQ(a.lane_count, b.lane_count);
    EXPECT_EQ(a.event_count, b.event_count);
    EXPECT_EQ(a.fork_event, b.fork_event);
    for (size_t i = 0; i < a.node_count; i++) {
      EXPECT_EQ(a.steps[i].lane, b.steps[i].lane);
      EXPECT_EQ(a.steps[i].event, b.steps[i].event);
    }
    for (size_t i = 0; i < a.wait_count; i++) EXPECT_BYTES_EQ(a.waits + i, b.waits + i, sizeof *a.waits);
    lazyi_sched_planner_deinit(&fresh);
  }
  lazyi_sched_planner_deinit(&used);
}

TEST(sched_plan, every_allocation_may_fail) {
  picture p = random_picture(env, MOST);
  lazyi_sched_graph graph = graph_of(&p, 10);
  int64_t live = lazyi_memory_live();
  for (uint64_t n = 1;; n++) {
    lazyi_sched_planner planner = {0};
    lazyi_schedule schedule;
    lazyi_memory_fail_at(n);
    lazy_status status = lazyi_sched_plan(&planner, &graph, &schedule);
    lazyi_memory_fail_at(0);
    lazyi_sched_planner_deinit(&planner);
    EXPECT_EQ(lazyi_memory_live(), live);
    if (status == LAZY_STATUS_OK) break;
    EXPECT_EQ(status, LAZY_STATUS_OUT_OF_MEMORY);
    ASSERT_LT(n, 200u);
  }
}

/* ---- known graphs ---- */

typedef struct outcome {
  lazyi_sched_planner planner;
  lazyi_schedule schedule;
} outcome;
static void plan(const picture *p, uint64_t lane_cost, outcome *out) {
  lazyi_sched_graph graph = graph_of(p, lane_cost);
  *out = (outcome){0};
  ASSERT_OK(lazyi_sched_plan(&out->planner, &graph, &out->schedule));
  check_schedule(p, &out->planner, &out->schedule);
}

TEST(sched_plan, a_chain_needs_one_lane_and_no_event) {
  picture p = {0};
  outcome o;
  for (int i = 0; i < 20; i++) op(&p, 1000, i - 1, i - 2);
  plan(&p, 10, &o);
  EXPECT_EQ(o.schedule.lane_count, 1);
  EXPECT_EQ(o.schedule.event_count, 0);
  EXPECT_EQ(o.schedule.wait_count, 0u);
  for (int32_t i = 0; i < 20; i++) EXPECT_EQ(lazyi_sched_busy_until(&o.planner, i), i);
  lazyi_sched_planner_deinit(&o.planner);
}

/* x, a a, b b, join: one edge out, one back, one event for each. */
TEST(sched_plan, two_branches_take_two_lanes_and_two_edges) {
  picture p = {0};
  outcome o;
  op(&p, 100, -1, -1);
  op(&p, 100, 0, -1), op(&p, 100, 1, -1);
  op(&p, 90, 0, -1), op(&p, 90, 3, -1);
  op(&p, 100, 2, 4);
  plan(&p, 20, &o);
  EXPECT_EQ(o.schedule.lane_count, 2);
  EXPECT_EQ(o.schedule.wait_count, 2u);
  EXPECT_EQ(o.schedule.fork_event, -1);
  const int lanes[] = {0, 0, 0, 1, 1, 0};
  for (int i = 0; i < 6; i++) EXPECT_EQ((int)o.schedule.steps[i].lane, lanes[i]);
  /* the first branch's memory is not free for the second */
  EXPECT_EQ(lazyi_sched_busy_until(&o.planner, 1), 4);
  lazyi_sched_planner_deinit(&o.planner);
}

TEST(sched_plan, what_is_too_small_stays_where_it_came_from) {
  static const struct {
    uint64_t first, second;
    int lanes;
  } cases[] = {{100, 19, 1}, {19, 100, 1}, {19, 19, 1}, {20, 20, 2}, {100, 20, 2}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    CHECK_CASE("branches of %d and %d", (int)cases[i].first, (int)cases[i].second);
    picture p = {0};
    outcome o;
    op(&p, 100, -1, -1);
    op(&p, cases[i].first, 0, -1);
    op(&p, cases[i].second, 0, -1);
    op(&p, 100, 1, 2);
    plan(&p, 20, &o);
    EXPECT_EQ(o.schedule.lane_count, cases[i].lanes);
    lazyi_sched_planner_deinit(&o.planner);
  }
}

/* A residual connection is no branch: nothing runs on it. */
TEST(sched_plan, an_edge_that_others_imply_is_dropped) {
  picture p = {0};
  outcome o;
  op(&p, 100, -1, -1);
  op(&p, 100, 0, -1), op(&p, 100, 1, -1);
  op(&p, 100, 2, 0);
  plan(&p, 20, &o);
  EXPECT_EQ(o.schedule.lane_count, 1);
  EXPECT_EQ(o.schedule.wait_count, 0u);
  lazyi_sched_planner_deinit(&o.planner);
}

/* Two roots: the second lane waits for the beginning of the run. */
TEST(sched_plan, lanes_without_an_edge_begin_with_the_fork) {
  picture p = {0};
  outcome o;
  op(&p, 100, -1, -1), op(&p, 100, 0, -1);
  op(&p, 100, -1, -1), op(&p, 100, 2, -1);
  plan(&p, 20, &o);
  EXPECT_EQ(o.schedule.lane_count, 2);
  ASSERT_EQ(o.schedule.wait_count, 2u);
  EXPECT_GE(o.schedule.fork_event, 0);
  EXPECT_EQ(o.schedule.waits[0].after, -1);
  EXPECT_EQ(o.schedule.waits[1].after, 3);
  EXPECT_EQ(o.schedule.waits[1].node, 4);
  lazyi_sched_planner_deinit(&o.planner);
}

/* Statistics updated in both branches keep the branches in order at that point, and only there. */
TEST(sched_plan, state_in_two_branches_is_a_hazard) {
  enum { STATISTICS = MOST };
  for (int writes = 0; writes < 2; writes++) {
    CHECK_CASE("writes %d", writes);
    picture p = {0};
    outcome o;
    op(&p, 100, -1, -1);
    op(&p, 100, 0, -1), touch(&p, STATISTICS, writes);
    op(&p, 100, 1, -1);
    op(&p, 100, 0, -1);
    op(&p, 100, 3, -1), touch(&p, STATISTICS, writes);
    op(&p, 100, 2, 4);
    plan(&p, 20, &o);
    EXPECT_EQ(o.schedule.lane_count, 2);
    EXPECT_EQ(o.schedule.wait_count, writes ? 3u : 2u);
    EXPECT_EQ(lazyi_sched_is_before(&o.planner, 1, 4), (bool)writes);
    lazyi_sched_planner_deinit(&o.planner);
  }
}

/* A reader, then a writer, then a reader of the same buffer, each in its own branch. */
TEST(sched_plan, reads_and_writes_keep_their_order) {
  enum { BUFFER = MOST };
  picture p = {0};
  outcome o;
  op(&p, 100, -1, -1);
  for (int branch = 0; branch < 4; branch++) op(&p, 100, 0, -1), touch(&p, BUFFER, branch == 2);
  plan(&p, 20, &o);
  EXPECT_FALSE(lazyi_sched_is_before(&o.planner, 1, 2)); /* two readers */
  EXPECT_TRUE(lazyi_sched_is_before(&o.planner, 1, 3));
  EXPECT_TRUE(lazyi_sched_is_before(&o.planner, 2, 3));
  EXPECT_TRUE(lazyi_sched_is_before(&o.planner, 3, 4));
  lazyi_sched_planner_deinit(&o.planner);
}

TEST(sched_plan, lanes_are_few_and_used_again) {
  picture p = {0};
  outcome o;
  op(&p, 100, -1, -1);
  for (int i = 0; i < 8; i++) op(&p, 100, 0, -1);
  add(&p, 100);
  for (uint32_t i = 1; i <= 8; i++) touch(&p, i, false);
  touch(&p, 9, true);
  for (int i = 0; i < 3; i++) op(&p, 100, 9, -1);
  plan(&p, 20, &o);
  EXPECT_EQ(o.schedule.lane_count, LAZYI_SCHED_LANES);
  EXPECT_LE(o.schedule.event_count, 8);
  lazyi_sched_planner_deinit(&o.planner);
}

TEST(sched_plan, nothing_and_nonsense) {
  lazyi_sched_planner planner = {0};
  lazyi_schedule schedule;
  lazyi_sched_graph none = {.lane_cost = 1};
  ASSERT_OK(lazyi_sched_plan(&planner, &none, &schedule));
  EXPECT_EQ(schedule.lane_count, 1);
  EXPECT_EQ(schedule.wait_count, 0u);
  picture p = {0};
  op(&p, 1, 5, -1);
  p.resources = 5;
  lazyi_sched_graph bad = graph_of(&p, 1);
  EXPECT_FAILS(lazyi_sched_plan(&planner, &bad, &schedule), LAZY_STATUS_INVALID_VALUE, "resource 5");
  lazyi_sched_planner_deinit(&planner);
}

TEST(sched_plan, a_dropped_wait_leaves_the_others_in_place) {
  lazyi_sched_planner planner = {0};
  picture p = random_picture(env, MOST);
  lazyi_sched_graph graph = graph_of(&p, 0);
  lazyi_schedule full, less;
  static lazyi_sched_wait waits[MOST * MOST];
  ASSERT_OK(lazyi_sched_plan(&planner, &graph, &full));
  ASSERT_GT(full.wait_count, 3u);
  memcpy(waits, full.waits, full.wait_count * sizeof *waits);
  for (size_t k = 0; k < full.wait_count; k++) {
    ASSERT_OK(lazyi_sched_plan(&planner, &graph, &less));
    lazyi_sched_drop_wait(&less, k);
    ASSERT_EQ(less.wait_count, full.wait_count - 1);
    size_t at = 0;
    for (size_t node = 0; node <= less.node_count; node++) {
      size_t first = node < less.node_count ? less.steps[node].first_wait : less.join_first;
      size_t last = node < less.node_count ? first + less.steps[node].wait_count : less.wait_count;
      for (size_t i = first; i < last; i++, at++) {
        EXPECT_EQ(less.waits[i].node, (int32_t)node);
        EXPECT_BYTES_EQ(less.waits + i, waits + (at < k ? at : at + 1), sizeof *waits);
      }
    }
    EXPECT_EQ(at, less.wait_count);
  }
  lazyi_sched_planner_deinit(&planner);
}
