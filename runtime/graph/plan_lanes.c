/* A plan's launches as the scheduler sees them, and what its lanes mean for memory. */
#include <string.h>

#include "runtime/graph/plan.h"

static const int32_t *inputs_of(const lazyi_plan *plan, size_t node) {
  return plan->node_operands + plan->nodes[node].operands;
}

/* Whose memory each tensor is: views share their input's. */
static lazy_status find_roots(lazyi_planner *planner, const lazyi_plan *plan) {
  planner->roots.count = 0;
  LAZY_TRY(lazyi_vector_reserve(&planner->roots, plan->tensor_count));
  planner->roots.count = plan->tensor_count;
  for (size_t i = 0; i < plan->tensor_count; i++) planner->roots.at[i] = (int32_t)i;
  for (size_t node = 0; node < plan->node_count; node++) {
    if (!plan->ops[node]->is_view) continue;
    const struct lazy_shape_node *at = plan->nodes + node;
    const int32_t *inputs = inputs_of(plan, node), *outputs = inputs + at->input_count + at->param_count;
    for (int32_t i = 0; i < at->output_count; i++)
      planner->roots.at[outputs[i]] = planner->roots.at[inputs[0]];
  }
  return LAZY_STATUS_OK;
}

/* What a node touches, and how many bytes that moves. */
static void add_launch(lazyi_planner *planner, const lazyi_plan *plan, size_t node) {
  const struct lazy_shape_node *at = plan->nodes + node;
  const int32_t *tensors = inputs_of(plan, node);
  int32_t read = at->input_count + at->param_count;
  lazyi_sched_node *out = planner->lane_nodes.at + planner->lane_nodes.count++;
  planner->launch_nodes.at[planner->launch_nodes.count++] = (int32_t)node;
  *out = (lazyi_sched_node){.first_access = (uint32_t)planner->accesses.count};
  for (int32_t i = 0; i < read + at->output_count; i++) {
    uint64_t bytes = lazyi_plan_tensor_bytes(plan, (size_t)tensors[i]);
    if (bytes == 0) continue;
    out->cost += bytes;
    out->access_count++;
    planner->accesses.at[planner->accesses.count++] =
        (lazyi_sched_access){.resource = (uint32_t)planner->roots.at[tensors[i]],
                             .writes = i >= read || (i < 32 && (plan->ops[node]->writes >> i & 1u) != 0)};
  }
}

static lazy_status list_launches(lazyi_planner *planner, const lazyi_plan *plan) {
  planner->lane_nodes.count = planner->accesses.count = planner->launch_nodes.count = 0;
  LAZY_TRY(lazyi_vector_reserve(&planner->lane_nodes, plan->node_count));
  LAZY_TRY(lazyi_vector_reserve(&planner->launch_nodes, plan->node_count));
  LAZY_TRY(lazyi_vector_reserve(&planner->accesses, plan->node_operand_count));
  for (size_t node = 0; node < plan->node_count; node++)
    if (lazyi_plan_launches(plan, node)) add_launch(planner, plan, node);
  return LAZY_STATUS_OK;
}

/* A copy in the plan's own memory. */
static lazy_status keep_schedule(lazyi_plan *plan, const lazyi_schedule *from) {
  size_t steps = from->node_count * sizeof *from->steps, waits = from->wait_count * sizeof *from->waits;
  plan->schedule = *from;
  plan->schedule.steps = lazyi_bump_alloc(&plan->memory, steps);
  LAZYI_TRY_ALLOC(plan->schedule.steps);
  plan->schedule.waits = lazyi_bump_alloc(&plan->memory, waits);
  LAZYI_TRY_ALLOC(plan->schedule.waits);
  if (steps != 0) memcpy(plan->schedule.steps, from->steps, steps);
  if (waits != 0) memcpy(plan->schedule.waits, from->waits, waits);
  return LAZY_STATUS_OK;
}

lazy_status lazyi_plan_lanes(lazyi_planner *planner, lazyi_plan *plan) {
  lazyi_schedule schedule;
  LAZY_TRY(find_roots(planner, plan));
  LAZY_TRY(list_launches(planner, plan));
  const lazyi_sched_graph graph = {
      .nodes = planner->lane_nodes.at,
      .accesses = planner->accesses.at,
      .node_count = planner->lane_nodes.count,
      .resource_count = plan->tensor_count,
      .lane_cost = planner->lane_bytes != 0 ? planner->lane_bytes : LAZYI_PLAN_LANE_BYTES};
  LAZY_TRY(lazyi_sched_plan(&planner->lanes, &graph, &schedule));
  LAZY_TRY(keep_schedule(plan, &schedule));
  planner->busy.count = 0;
  LAZY_TRY(lazyi_vector_reserve(&planner->busy, plan->node_count));
  planner->busy.count = plan->node_count;
  for (size_t node = 0; node < plan->node_count; node++) planner->busy.at[node] = (int32_t)node;
  for (size_t i = 0; i < schedule.node_count; i++)
    planner->busy.at[planner->launch_nodes.at[i]] =
        planner->launch_nodes.at[lazyi_sched_busy_until(&planner->lanes, (int32_t)i)];
  return LAZY_STATUS_OK;
}
