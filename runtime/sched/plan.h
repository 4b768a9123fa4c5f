/* Which lane runs which node, and which event edges keep the order that matters. Pure: no driver.

   Nodes come in program order, each with the *resources* it reads and writes: memory of tensors (views share
   their root's number), parameters, buffers. Two nodes that touch one resource, one of them writing, are a
   hazard (read after write, write after read, write after write) and stay in program order; nothing else is
   ordered. So state (statistics updated in two branches, gradients added up) needs no rule of its own.

   A node follows, in its lane, a node that it depends on, if one is the last of its lane: chains stay in one
   lane. Where a branch begins, it gets a lane of its own if that pays: if it would otherwise wait for at
   least `lane_cost` of unrelated work, and brings at least `lane_cost` itself before it joins. What is too
   small stays in the lane it came from. Lane 0 is the caller's stream.

   Event edges are the fewest for these lanes: none that lane order and other edges already imply. */
#ifndef LAZYI_SCHED_PLAN_H
#define LAZYI_SCHED_PLAN_H

#include "runtime/base/vector.h"

enum { LAZYI_SCHED_LANES = 4 }; /* at most; one GPU rarely overlaps more kernels of a size worth a lane */

typedef struct lazyi_sched_access {
  uint32_t resource;
  bool writes;
} lazyi_sched_access;

typedef struct lazyi_sched_node {
  uint64_t cost;                       /* any unit, that of lane_cost */
  uint32_t first_access, access_count; /* into the accesses */
} lazyi_sched_node;

/* A graph in program order. */
typedef struct lazyi_sched_graph {
  const lazyi_sched_node *nodes;
  const lazyi_sched_access *accesses;
  size_t node_count, resource_count;
  uint64_t lane_cost; /* what a lane's fork and join cost */
  int lane_limit;     /* 1..LAZYI_SCHED_LANES; 0: that many */
} lazyi_sched_graph;

/* A node's lane waits for an event; after the launch the node's own event is recorded. */
typedef struct lazyi_sched_wait {
  int32_t node;  /* that waits; node_count: the join */
  int32_t after; /* the node waited for; -1: the fork, the beginning of the run */
  int32_t event; /* which of event_count */
} lazyi_sched_wait;

typedef struct lazyi_sched_step {
  uint8_t lane;
  uint32_t first_wait, wait_count;
  int32_t event; /* recorded after the node; -1: none */
} lazyi_sched_step;

/* Zeroed is empty. Event numbers are used again once every wait for them has been queued. */
typedef struct lazyi_schedule {
  lazyi_sched_step *steps; /* by node */
  lazyi_sched_wait *waits; /* by waiting node; the join's last */
  size_t node_count, wait_count, join_first;
  int lane_count, event_count;
  int32_t fork_event; /* recorded before the first node, on lane 0; -1: no lane begins with a fork */
} lazyi_schedule;

/* Scratch of planning, kept from call to call. Zeroed is ready. */
typedef struct lazyi_sched_planner {
  LAZYI_VECTOR(uint32_t) before_first; /* by node: where its predecessors start; one more at the end */
  LAZYI_VECTOR(int32_t) before;        /* predecessors, in program order */
  LAZYI_VECTOR(uint32_t) after_first;  /* the same for successors */
  LAZYI_VECTOR(int32_t) after;
  LAZYI_VECTOR(int32_t) writers;    /* by resource: its last writer, -1 */
  LAZYI_VECTOR(int32_t) readers;    /* by resource: head of the list of readers since then, -1 */
  LAZYI_VECTOR(int32_t) links;      /* pairs of (node, next) */
  LAZYI_VECTOR(int32_t) marks;      /* by node */
  LAZYI_VECTOR(uint64_t) finish;    /* by node: when it would end, in cost */
  LAZYI_VECTOR(int32_t) lasts;      /* by node: its last waiter */
  LAZYI_VECTOR(uint32_t) clocks;    /* by node and lane: how many of that lane's nodes are before it */
  LAZYI_VECTOR(uint32_t) places;    /* by node: its number in its lane, from 1 */
  LAZYI_VECTOR(int32_t) lane_nodes; /* lane by lane, in order */
  LAZYI_VECTOR(lazyi_sched_step) steps;
  LAZYI_VECTOR(lazyi_sched_wait) waits;
  uint32_t lane_first[LAZYI_SCHED_LANES + 1];
  int lane_count;
} lazyi_sched_planner;
void lazyi_sched_planner_deinit(lazyi_sched_planner *planner);

/* Plans. The schedule borrows the planner's memory until its next use. INVALID_VALUE for an access beyond the
   resources. */
LAZY_MUST_USE lazy_status lazyi_sched_plan(lazyi_sched_planner *planner, const lazyi_sched_graph *graph,
                                           lazyi_schedule *out_schedule);

/* After a plan: `second` starts only once `first` is done. */
bool lazyi_sched_is_before(const lazyi_sched_planner *planner, int32_t first, int32_t second);
/* After a plan: the last node in program order, from `node` on, that is not certain to start after `node` is
   done. Memory last used by `node` may be used again from the next node on: what intervals of program order
   become when lanes run side by side. With one lane it is `node` itself. */
int32_t lazyi_sched_busy_until(const lazyi_sched_planner *planner, int32_t node);

/* Test hook: takes the k-th wait out, as if planning had forgotten it. */
void lazyi_sched_drop_wait(lazyi_schedule *schedule, size_t k);

#endif
