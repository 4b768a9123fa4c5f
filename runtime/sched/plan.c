#include "runtime/sched/plan.h"

#include <string.h>

void lazyi_sched_planner_deinit(lazyi_sched_planner *planner) {
  lazyi_vector_deinit(&planner->before_first);
  lazyi_vector_deinit(&planner->before);
  lazyi_vector_deinit(&planner->after_first);
  lazyi_vector_deinit(&planner->after);
  lazyi_vector_deinit(&planner->writers);
  lazyi_vector_deinit(&planner->readers);
  lazyi_vector_deinit(&planner->links);
  lazyi_vector_deinit(&planner->marks);
  lazyi_vector_deinit(&planner->finish);
  lazyi_vector_deinit(&planner->lasts);
  lazyi_vector_deinit(&planner->clocks);
  lazyi_vector_deinit(&planner->places);
  lazyi_vector_deinit(&planner->lane_nodes);
  lazyi_vector_deinit(&planner->steps);
  lazyi_vector_deinit(&planner->waits);
}

/* ---- dependencies ---- */

/* Adds `node` after `first`, once. */
static lazy_status add_before(lazyi_sched_planner *planner, int32_t node, int32_t first) {
  if (first < 0 || first == node || planner->marks.at[first] == node) return LAZY_STATUS_OK;
  planner->marks.at[first] = node;
  return lazyi_vector_push(&planner->before, first);
}

/* A reader follows the last writer; a writer follows the readers since then, or the last writer. */
static lazy_status add_access(lazyi_sched_planner *planner, int32_t node, lazyi_sched_access access) {
  int32_t *writer = planner->writers.at + access.resource, *reader = planner->readers.at + access.resource;
  LAZY_TRY(add_before(planner, node, *writer));
  if (!access.writes) {
    LAZY_TRY(lazyi_vector_reserve(&planner->links, 2));
    planner->links.at[planner->links.count] = node;
    planner->links.at[planner->links.count + 1] = *reader;
    *reader = (int32_t)planner->links.count;
    planner->links.count += 2;
    return LAZY_STATUS_OK;
  }
  for (int32_t at = *reader; at >= 0; at = planner->links.at[at + 1])
    LAZY_TRY(add_before(planner, node, planner->links.at[at]));
  *reader = -1;
  *writer = node;
  return LAZY_STATUS_OK;
}

/* Few and nearly sorted. */
static void sort_nodes(int32_t *nodes, size_t count) {
  for (size_t i = 1; i < count; i++) {
    int32_t node = nodes[i];
    size_t at = i;
    for (; at > 0 && nodes[at - 1] > node; at--) nodes[at] = nodes[at - 1];
    nodes[at] = node;
  }
}

static lazy_status find_before(lazyi_sched_planner *planner, const lazyi_sched_graph *graph) {
  planner->before.count = planner->links.count = 0;
  for (size_t i = 0; i < graph->resource_count; i++) planner->writers.at[i] = planner->readers.at[i] = -1;
  for (size_t i = 0; i < graph->node_count; i++) planner->marks.at[i] = -1;
  for (size_t node = 0; node < graph->node_count; node++) {
    const lazyi_sched_node *at = graph->nodes + node;
    uint32_t first = (uint32_t)planner->before.count;
    planner->before_first.at[node] = first;
    for (uint32_t i = 0; i < at->access_count; i++) {
      lazyi_sched_access access = graph->accesses[at->first_access + i];
      if (access.resource >= graph->resource_count)
        return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "node %zu uses resource %u; wanted less than %zu",
                                node, (unsigned)access.resource, graph->resource_count);
      LAZY_TRY(add_access(planner, (int32_t)node, access));
    }
    if (planner->before.count > first) sort_nodes(planner->before.at + first, planner->before.count - first);
  }
  planner->before_first.at[graph->node_count] = (uint32_t)planner->before.count;
  return LAZY_STATUS_OK;
}

/* The same edges from the other end. */
static lazy_status find_after(lazyi_sched_planner *planner, size_t count) {
  uint32_t *first = planner->after_first.at;
  memset(first, 0, (count + 1) * sizeof *first);
  LAZY_TRY(lazyi_vector_reserve(&planner->after, planner->before.count));
  for (size_t i = 0; i < planner->before.count; i++) first[planner->before.at[i] + 1]++;
  for (size_t i = 0; i < count; i++) first[i + 1] += first[i];
  for (size_t node = 0; node < count; node++)
    for (uint32_t i = planner->before_first.at[node]; i < planner->before_first.at[node + 1]; i++)
      planner->after.at[first[planner->before.at[i]]++] = (int32_t)node;
  memmove(first + 1, first, count * sizeof *first); /* filling moved every start to its end */
  first[0] = 0;
  return LAZY_STATUS_OK;
}

/* ---- lanes ---- */

typedef struct placing {
  lazyi_sched_planner *planner;
  const lazyi_sched_graph *graph;
  int lane_limit, lane_count;
  int32_t tails[LAZYI_SCHED_LANES];  /* last node; -1 */
  uint64_t ready[LAZYI_SCHED_LANES]; /* when it would be done, in cost */
} placing;

static uint32_t *clock_of(const lazyi_sched_planner *planner, int32_t node) {
  return planner->clocks.at + (size_t)node * LAZYI_SCHED_LANES;
}

/* `first`, whose lane is known, is before whatever has this clock. */
static bool covers(const lazyi_sched_planner *planner, const uint32_t *clock, int32_t first) {
  return clock[planner->steps.at[first].lane] >= planner->places.at[first];
}

static void merge(uint32_t *clock, const uint32_t *other) {
  for (int i = 0; i < LAZYI_SCHED_LANES; i++)
    if (clock[i] < other[i]) clock[i] = other[i];
}

/* What the node depends on, whichever lane it gets. */
static void needed_clock(const lazyi_sched_planner *planner, int32_t node, uint32_t *out_clock) {
  memset(out_clock, 0, LAZYI_SCHED_LANES * sizeof *out_clock);
  for (uint32_t i = planner->before_first.at[node]; i < planner->before_first.at[node + 1]; i++)
    merge(out_clock, clock_of(planner, planner->before.at[i]));
}

/* When the node could start in a lane, where crossing from another costs `cross`. */
static uint64_t start_in(const placing *p, int32_t node, int lane, uint64_t cross) {
  const lazyi_sched_planner *planner = p->planner;
  uint64_t start = p->ready[lane];
  for (uint32_t i = planner->before_first.at[node]; i < planner->before_first.at[node + 1]; i++) {
    int32_t first = planner->before.at[i];
    uint64_t at = planner->finish.at[first] + (planner->steps.at[first].lane != lane ? cross : 0);
    if (at > start) start = at;
  }
  return start;
}

/* The branch that begins at `node` brings `lane_cost` before it needs anything that is not done when it
   begins: it is followed from node to first successor. `marks` hold the branch. */
static bool is_worth_a_lane(const placing *p, int32_t node, const uint32_t *needed) {
  const lazyi_sched_planner *planner = p->planner;
  uint64_t cost = 0;
  for (int32_t at = node;;) {
    cost += p->graph->nodes[at].cost;
    if (cost >= p->graph->lane_cost) return true;
    planner->marks.at[at] = node;
    if (planner->after_first.at[at] == planner->after_first.at[at + 1]) return false;
    at = planner->after.at[planner->after_first.at[at]];
    for (uint32_t i = planner->before_first.at[at]; i < planner->before_first.at[at + 1]; i++) {
      int32_t first = planner->before.at[i];
      if (planner->marks.at[first] == node) continue;
      if (first > node || !covers(planner, needed, first)) return false;
    }
  }
}

/* Of these lanes, the lowest where the node starts no later than a crossing after the best: as it all comes
   back to lane 0 in the end, going there early costs no more. */
static int choose_among(const placing *p, int32_t node, unsigned lanes) {
  uint64_t starts[LAZYI_SCHED_LANES] = {0}, best = UINT64_MAX;
  for (int lane = 0; lane < p->lane_count; lane++) {
    if ((lanes & 1u << lane) == 0) continue;
    starts[lane] = start_in(p, node, lane, p->graph->lane_cost);
    if (starts[lane] < best) best = starts[lane];
  }
  for (int lane = 0; lane < p->lane_count; lane++)
    if ((lanes & 1u << lane) != 0 && starts[lane] - best <= p->graph->lane_cost) return lane;
  return 0;
}

static int choose_lane(const placing *p, int32_t node) {
  const lazyi_sched_planner *planner = p->planner;
  unsigned continued = 0, home_lanes = 0;
  uint32_t needed[LAZYI_SCHED_LANES];
  if (node == 0 || p->lane_limit == 1) return 0;
  needed_clock(planner, node, needed);
  for (uint32_t i = planner->before_first.at[node]; i < planner->before_first.at[node + 1]; i++) {
    int lane = planner->steps.at[planner->before.at[i]].lane;
    home_lanes |= 1u << lane;
    if (p->tails[lane] == planner->before.at[i]) continued |= 1u << lane;
  }
  if (continued != 0) return choose_among(p, node, continued);
  int home = home_lanes != 0 ? choose_among(p, node, home_lanes) : 0, other = -1;
  for (int lane = 0; lane < p->lane_count && other < 0; lane++) /* whose work is done by then */
    if (covers(planner, needed, p->tails[lane])) other = lane;
  if (other < 0 && p->lane_count < p->lane_limit) other = p->lane_count;
  if (other < 0)
    for (int lane = 0; lane < p->lane_count; lane++)
      if (other < 0 || p->ready[lane] < p->ready[other]) other = lane;
  uint64_t here = start_in(p, node, home, 0), there = start_in(p, node, other, 0);
  bool pays = here >= there && here - there >= p->graph->lane_cost && here > there;
  return other != home && pays && is_worth_a_lane(p, node, needed) ? other : home;
}

/* The node's waits: for the latest first, as what it implies needs none. */
static lazy_status place(placing *p, int32_t node, int lane) {
  lazyi_sched_planner *planner = p->planner;
  uint32_t *clock = clock_of(planner, node);
  lazyi_sched_step *step = planner->steps.at + node;
  uint64_t start = start_in(p, node, lane, p->graph->lane_cost);
  memset(clock, 0, LAZYI_SCHED_LANES * sizeof *clock);
  bool opens = lane == p->lane_count;
  if (opens) {
    p->tails[p->lane_count++] = -1;
    p->ready[lane] = 0;
  }
  if (p->tails[lane] >= 0)
    memcpy(clock, clock_of(planner, p->tails[lane]), LAZYI_SCHED_LANES * sizeof *clock);
  *step =
      (lazyi_sched_step){.lane = (uint8_t)lane, .first_wait = (uint32_t)planner->waits.count, .event = -1};
  planner->places.at[node] = clock[lane] + 1;
  for (uint32_t i = planner->before_first.at[node + 1]; i-- > planner->before_first.at[node];) {
    int32_t first = planner->before.at[i];
    if (covers(planner, clock, first)) continue;
    merge(clock, clock_of(planner, first));
    LAZY_TRY(lazyi_vector_push(&planner->waits, (lazyi_sched_wait){node, first, -1}));
  }
  if (opens && lane > 0 && planner->waits.count == step->first_wait)
    LAZY_TRY(lazyi_vector_push(&planner->waits, (lazyi_sched_wait){node, -1, -1}));
  step->wait_count = (uint32_t)planner->waits.count - step->first_wait;
  clock[lane] = planner->places.at[node];
  p->tails[lane] = node;
  p->ready[lane] = planner->finish.at[node] = start + p->graph->nodes[node].cost;
  return LAZY_STATUS_OK;
}

/* Lane 0 waits for the ends of the others that it does not follow already. */
static lazy_status join(placing *p, int32_t end) {
  lazyi_sched_planner *planner = p->planner;
  uint32_t clock[LAZYI_SCHED_LANES] = {0};
  if (p->tails[0] >= 0) memcpy(clock, clock_of(planner, p->tails[0]), sizeof clock);
  for (;;) {
    int32_t latest = -1;
    for (int lane = 1; lane < p->lane_count; lane++)
      if (p->tails[lane] > latest && !covers(planner, clock, p->tails[lane])) latest = p->tails[lane];
    if (latest < 0) return LAZY_STATUS_OK;
    merge(clock, clock_of(planner, latest));
    LAZY_TRY(lazyi_vector_push(&planner->waits, (lazyi_sched_wait){end, latest, -1}));
  }
}

/* ---- events ---- */

/* Numbers for what is waited for; one is free again after its last wait. The fork's is never free: that of a
   lane that begins late is still to come. */
static int number_events(lazyi_sched_planner *planner, size_t nodes, int32_t *out_fork) {
  int count = 0;
  *out_fork = -1;
  planner->links.count = 0; /* free numbers; there are at least as many places as waits */
  for (size_t i = 0; i < nodes; i++) planner->lasts.at[i] = -1;
  for (size_t i = 0; i < planner->waits.count; i++) {
    const lazyi_sched_wait *wait = planner->waits.at + i;
    if (wait->after >= 0) planner->lasts.at[wait->after] = (int32_t)i;
    else if (*out_fork < 0) *out_fork = count++;
  }
  for (size_t node = 0; node < nodes; node++) {
    lazyi_sched_step *step = planner->steps.at + node;
    for (uint32_t i = step->first_wait; i < step->first_wait + step->wait_count; i++) {
      lazyi_sched_wait *wait = planner->waits.at + i;
      wait->event = wait->after >= 0 ? planner->steps.at[wait->after].event : *out_fork;
      if (wait->after >= 0 && planner->lasts.at[wait->after] == (int32_t)i)
        planner->links.at[planner->links.count++] = wait->event;
    }
    if (planner->lasts.at[node] < 0) continue;
    step->event = planner->links.count > 0 ? planner->links.at[--planner->links.count] : count++;
  }
  for (size_t i = 0; i < planner->waits.count; i++)
    if (planner->waits.at[i].node == (int32_t)nodes)
      planner->waits.at[i].event = planner->steps.at[planner->waits.at[i].after].event;
  return count;
}

/* Nodes by lane, for lazyi_sched_busy_until. */
static void list_lanes(lazyi_sched_planner *planner, size_t nodes, int lane_count) {
  uint32_t counts[LAZYI_SCHED_LANES + 1] = {0};
  planner->lane_count = lane_count;
  for (size_t i = 0; i < nodes; i++) counts[planner->steps.at[i].lane + 1]++;
  for (int lane = 0; lane < LAZYI_SCHED_LANES; lane++) counts[lane + 1] += counts[lane];
  memcpy(planner->lane_first, counts, sizeof counts);
  for (size_t i = 0; i < nodes; i++) planner->lane_nodes.at[counts[planner->steps.at[i].lane]++] = (int32_t)i;
}

/* ---- the whole ---- */

static lazy_status reserve(lazyi_sched_planner *planner, size_t nodes, size_t resources) {
  planner->before_first.count = planner->after_first.count = planner->before.count = planner->after.count = 0;
  planner->writers.count = planner->readers.count = planner->marks.count = planner->finish.count = 0;
  planner->lasts.count = planner->clocks.count = planner->places.count = planner->lane_nodes.count = 0;
  planner->steps.count = planner->waits.count = planner->links.count = 0;
  LAZY_TRY(lazyi_vector_reserve(&planner->before_first, nodes + 1));
  LAZY_TRY(lazyi_vector_reserve(&planner->after_first, nodes + 1));
  LAZY_TRY(lazyi_vector_reserve(&planner->writers, resources));
  LAZY_TRY(lazyi_vector_reserve(&planner->readers, resources));
  LAZY_TRY(lazyi_vector_reserve(&planner->marks, nodes));
  LAZY_TRY(lazyi_vector_reserve(&planner->finish, nodes));
  LAZY_TRY(lazyi_vector_reserve(&planner->lasts, nodes));
  LAZY_TRY(lazyi_vector_reserve(&planner->clocks, nodes * LAZYI_SCHED_LANES));
  LAZY_TRY(lazyi_vector_reserve(&planner->places, nodes));
  LAZY_TRY(lazyi_vector_reserve(&planner->lane_nodes, nodes));
  return lazyi_vector_reserve(&planner->steps, nodes);
}

lazy_status lazyi_sched_plan(lazyi_sched_planner *planner, const lazyi_sched_graph *graph,
                             lazyi_schedule *out_schedule) {
  size_t count = graph->node_count;
  int limit =
      graph->lane_limit > 0 && graph->lane_limit < LAZYI_SCHED_LANES ? graph->lane_limit : LAZYI_SCHED_LANES;
  placing p = {.planner = planner, .graph = graph, .lane_limit = limit, .lane_count = 1, .tails = {-1}};
  if (count >= INT32_MAX)
    return lazy_status_fail(LAZY_STATUS_LIMIT, "%zu nodes; wanted less than %d", count, INT32_MAX);
  LAZY_TRY(reserve(planner, count, graph->resource_count));
  LAZY_TRY(find_before(planner, graph));
  LAZY_TRY(find_after(planner, count));
  for (size_t i = 0; i < count; i++) planner->marks.at[i] = -1;
  for (int32_t node = 0; node < (int32_t)count; node++) LAZY_TRY(place(&p, node, choose_lane(&p, node)));
  size_t join_first = planner->waits.count;
  LAZY_TRY(join(&p, (int32_t)count));
  planner->links.count = 0;
  LAZY_TRY(lazyi_vector_reserve(&planner->links, planner->waits.count));
  *out_schedule = (lazyi_schedule){.steps = planner->steps.at,
                                   .waits = planner->waits.at,
                                   .node_count = count,
                                   .wait_count = planner->waits.count,
                                   .join_first = join_first,
                                   .lane_count = p.lane_count};
  out_schedule->event_count = number_events(planner, count, &out_schedule->fork_event);
  list_lanes(planner, count, p.lane_count);
  return LAZY_STATUS_OK;
}

bool lazyi_sched_is_before(const lazyi_sched_planner *planner, int32_t first, int32_t second) {
  return first != second && covers(planner, clock_of(planner, second), first);
}

/* In each lane, what follows `node` follows it for good: the last that does not is found by halving. */
int32_t lazyi_sched_busy_until(const lazyi_sched_planner *planner, int32_t node) {
  int32_t last = node;
  for (int lane = 0; lane < planner->lane_count; lane++) {
    uint32_t low = planner->lane_first[lane], high = planner->lane_first[lane + 1];
    while (low < high) {
      uint32_t middle = low + (high - low) / 2;
      int32_t at = planner->lane_nodes.at[middle];
      if (at > node && covers(planner, clock_of(planner, at), node)) high = middle;
      else low = middle + 1;
    }
    if (low > planner->lane_first[lane] && planner->lane_nodes.at[low - 1] > last)
      last = planner->lane_nodes.at[low - 1];
  }
  return last;
}

void lazyi_sched_drop_wait(lazyi_schedule *schedule, size_t k) {
  memmove(schedule->waits + k, schedule->waits + k + 1,
          (schedule->wait_count - k - 1) * sizeof *schedule->waits);
  schedule->wait_count--;
  if (k < schedule->join_first) schedule->join_first--;
  for (size_t node = 0; node < schedule->node_count; node++) {
    lazyi_sched_step *step = schedule->steps + node;
    if (step->first_wait > k) step->first_wait--;
    else if (k < step->first_wait + step->wait_count) step->wait_count--;
  }
}
