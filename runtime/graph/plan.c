#include "runtime/graph/plan.h"

#include <string.h>

#include "runtime/tensor/array.h"
#include "runtime/trace/trace.h"

void lazyi_planner_deinit(lazyi_planner *planner) {
  lazyi_plan_key_deinit(&planner->key);
  lazyi_lifetime_planner_deinit(&planner->lifetimes);
  lazyi_vector_deinit(&planner->items);
  lazyi_vector_deinit(&planner->offsets);
  lazyi_vector_deinit(&planner->roots);
  lazyi_vector_deinit(&planner->tensor_items);
  lazyi_sched_planner_deinit(&planner->lanes);
  lazyi_vector_deinit(&planner->lane_nodes);
  lazyi_vector_deinit(&planner->accesses);
  lazyi_vector_deinit(&planner->launch_nodes);
  lazyi_vector_deinit(&planner->busy);
}

void lazyi_plan_destroy(lazyi_plan *plan) {
  if (plan == NULL) return;
  lazyi_capture_drop(&plan->capture);
  lazyi_bump_deinit(&plan->memory);
  lazyi_memory_free(plan);
}

/* ---- what the recording was ---- */

/* Room for `count` elements in the plan's memory, zeroed. */
static lazy_status make(lazyi_plan *plan, size_t count, size_t bytes, void *out_array) {
  void *array = lazyi_bump_alloc(&plan->memory, count * bytes);
  LAZYI_TRY_ALLOC(array);
  memset(array, 0, count * bytes);
  memcpy(out_array, &array, sizeof array);
  return LAZY_STATUS_OK;
}

static lazy_status copy(lazyi_plan *plan, const void *from, size_t count, size_t bytes, void *out_array) {
  void *array = lazyi_bump_alloc(&plan->memory, count * bytes);
  LAZYI_TRY_ALLOC(array);
  if (count != 0) memcpy(array, from, count * bytes);
  memcpy(out_array, &array, sizeof array);
  return LAZY_STATUS_OK;
}
#define MAKE(plan, field, count_) make((plan), (count_), sizeof *(plan)->field, &(plan)->field)
#define COPY(plan, field, vector, count_) \
  ((plan)->count_ = (vector).count,       \
   copy((plan), (vector).at, (vector).count, sizeof *(plan)->field, &(plan)->field))

static lazy_status keep_key(lazyi_plan *plan, const lazyi_plan_key *key, const lazyi_recording *recording) {
  const lazyi_shape_table *table = &recording->table;
  plan->fingerprint = key->fingerprint;
  LAZY_TRY(COPY(plan, nodes, table->nodes, node_count));
  LAZY_TRY(COPY(plan, ops, recording->ops, node_count));
  LAZY_TRY(COPY(plan, attributes, table->attributes, attribute_count));
  LAZY_TRY(COPY(plan, node_operands, key->operands, node_operand_count));
  LAZY_TRY(COPY(plan, tensors, key->tensors, tensor_count));
  LAZY_TRY(COPY(plan, outputs, key->outputs, output_count));
  LAZY_TRY(MAKE(plan, rows, plan->tensor_count * LAZY_ROW));
  for (size_t i = 0; i < plan->tensor_count; i++)
    memcpy(plan->rows + i * LAZY_ROW, table->rows.at + (size_t)key->slots.at[i] * LAZY_ROW,
           LAZY_ROW * sizeof *plan->rows);
  return LAZY_STATUS_OK;
}

uint64_t lazyi_plan_tensor_bytes(const lazyi_plan *plan, size_t tensor) {
  const int64_t *row = plan->rows + tensor * LAZY_ROW;
  uint64_t bytes = lazy_dtype_bytes((lazy_dtype)plan->tensors[tensor].dtype);
  for (int32_t i = 0; i < LAZY_ROW_DIMS; i++) bytes *= (uint64_t)row[i];
  return bytes;
}

static lazy_shape tensor_shape(const lazyi_plan *plan, size_t tensor) {
  const int64_t *row = plan->rows + tensor * LAZY_ROW;
  lazy_shape shape = {.rank = (int32_t)row[LAZY_ROW_RANK]};
  for (int32_t i = 0; i < shape.rank; i++) shape.dims[i] = row[LAZY_ROW_DIMS - shape.rank + i];
  return shape;
}

static const int32_t *inputs_of(const lazyi_plan *plan, size_t node) {
  return plan->node_operands + plan->nodes[node].operands;
}
static const int32_t *outputs_of(const lazyi_plan *plan, size_t node) {
  return inputs_of(plan, node) + plan->nodes[node].input_count + plan->nodes[node].param_count;
}

bool lazyi_plan_launches(const lazyi_plan *plan, size_t node) {
  const lazyi_op *op = plan->ops[node];
  return !op->is_view &&
         (op->writes != 0 || lazyi_plan_tensor_bytes(plan, (size_t)outputs_of(plan, node)[0]) != 0);
}

/* ---- memory ---- */

/* Something in the slab, live from step `first`; further uses push `last`. */
static int32_t add_item(lazyi_planner *planner, uint64_t bytes, size_t first) {
  planner->items.at[planner->items.count] =
      (lazyi_lifetime_item){bytes, (int32_t)first, (int32_t)first, LAZYI_LIFETIME_OWN};
  return (int32_t)planner->items.count++;
}

static void use_item(lazyi_planner *planner, int32_t tensor, size_t step) {
  int32_t item = planner->tensor_items.at[planner->roots.at[tensor]];
  if (item >= 0 && planner->items.at[item].last < (int32_t)step) planner->items.at[item].last = (int32_t)step;
}

/* A kept tensor whose memory is the caller's or a parameter's: it is copied after the last node. */
static bool is_copied(const lazyi_plan *plan, const lazyi_planner *planner, size_t tensor) {
  return plan->tensors[tensor].is_kept && planner->tensor_items.at[planner->roots.at[tensor]] < 0 &&
         lazyi_plan_tensor_bytes(plan, tensor) != 0;
}

/* An input that is copied into the slab before the run. */
static bool is_gathered(const lazyi_plan *plan, const lazyi_planner *planner, size_t tensor) {
  const lazyi_plan_tensor *at = plan->tensors + tensor;
  return at->kind == LAZYI_TENSOR_INPUT && (at->is_strided || planner->owns_inputs) &&
         lazyi_plan_tensor_bytes(plan, tensor) != 0;
}

/* Who lies in the slab, and how long. Steps are nodes; the last one is the copying out. Where lanes run side
   by side, what a node uses is taken until every later step is certain to follow it. */
static lazy_status find_lifetimes(lazyi_planner *planner, lazyi_plan *plan) {
  size_t tensors = plan->tensor_count, end = plan->node_count;
  planner->items.count = planner->tensor_items.count = planner->offsets.count = 0;
  LAZY_TRY(lazyi_vector_reserve(&planner->items, 2 * tensors));
  LAZY_TRY(lazyi_vector_reserve(&planner->offsets, 2 * tensors));
  LAZY_TRY(lazyi_vector_reserve(&planner->tensor_items, tensors));
  planner->tensor_items.count = tensors;
  for (size_t i = 0; i < tensors; i++) {
    bool gathered = is_gathered(plan, planner, i);
    planner->tensor_items.at[i] = gathered ? add_item(planner, lazyi_plan_tensor_bytes(plan, i), 0) : -1;
    plan->gather_count += gathered;
  }
  for (size_t node = 0; node < end; node++) {
    const struct lazy_shape_node *at = plan->nodes + node;
    const int32_t *inputs = inputs_of(plan, node), *outputs = outputs_of(plan, node);
    size_t until = (size_t)planner->busy.at[node];
    for (int32_t i = 0; i < at->input_count + at->param_count; i++) use_item(planner, inputs[i], until);
    for (int32_t i = 0; i < at->output_count && !plan->ops[node]->is_view; i++) {
      if (lazyi_plan_tensor_bytes(plan, (size_t)outputs[i]) == 0) continue;
      planner->tensor_items.at[outputs[i]] =
          add_item(planner, lazyi_plan_tensor_bytes(plan, (size_t)outputs[i]), node);
      use_item(planner, outputs[i], until);
    }
  }
  for (size_t i = 0; i < tensors; i++) {
    if (plan->tensors[i].is_kept) use_item(planner, (int32_t)i, end);
    plan->copy_count += is_copied(plan, planner, i);
  }
  return LAZY_STATUS_OK;
}

static lazyi_place place_of(const lazyi_plan *plan, const lazyi_planner *planner, size_t tensor) {
  size_t root = (size_t)planner->roots.at[tensor];
  const lazyi_plan_tensor *at = plan->tensors + root;
  lazyi_place place = {.at = at->source, .is_kept = plan->tensors[tensor].is_kept};
  if (planner->tensor_items.at[root] >= 0) {
    place.region = LAZYI_REGION_SLAB;
    place.at = planner->offsets.at[planner->tensor_items.at[root]];
  } else if (lazyi_plan_tensor_bytes(plan, tensor) != 0) {
    place.region = at->kind == LAZYI_TENSOR_INPUT ? LAZYI_REGION_INPUT : LAZYI_REGION_FIXED;
  }
  return place;
}

static lazy_status place_tensors(lazyi_planner *planner, lazyi_plan *plan) {
  lazyi_lifetime_summary summary;
  size_t placed = planner->items.count;
  LAZY_TRY(MAKE(plan, places, plan->tensor_count));
  LAZY_TRY(MAKE(plan, gathers, plan->gather_count));
  LAZY_TRY(MAKE(plan, copies, plan->copy_count));
  for (size_t i = 0; i < plan->tensor_count; i++)
    if (is_copied(plan, planner, i)) add_item(planner, lazyi_plan_tensor_bytes(plan, i), plan->node_count);
  LAZY_TRY(lazyi_lifetime_assign(&planner->lifetimes, planner->items.at, planner->items.count,
                                 LAZY_PARAM_ALIGNMENT, planner->offsets.at, &summary));
  plan->sizes.activation_bytes = summary.peak_bytes;
  for (size_t i = 0; i < planner->items.count; i++)
    plan->sizes.activation_sum_bytes +=
        (planner->items.at[i].bytes + LAZY_PARAM_ALIGNMENT - 1) / LAZY_PARAM_ALIGNMENT * LAZY_PARAM_ALIGNMENT;
  size_t gather = 0, copied = 0;
  for (size_t i = 0; i < plan->tensor_count; i++) {
    plan->places[i] = place_of(plan, planner, i);
    if (is_gathered(plan, planner, i))
      plan->gathers[gather++] =
          (lazyi_plan_copy){(int32_t)i, plan->places[i].at, lazyi_plan_tensor_bytes(plan, i)};
    if (is_copied(plan, planner, i)) {
      plan->copies[copied] = (lazyi_plan_copy){(int32_t)i, planner->offsets.at[placed + copied],
                                               lazyi_plan_tensor_bytes(plan, i)};
      copied++;
    }
  }
  return LAZY_STATUS_OK;
}

/* ---- launches ---- */

static lazy_status lay_out_launches(lazyi_plan *plan) {
  LAZY_TRY(MAKE(plan, launches, plan->node_count));
  LAZY_TRY(MAKE(plan, operands, plan->node_operand_count));
  LAZY_TRY(MAKE(plan, operand_tensors, plan->node_operand_count));
  LAZY_TRY(MAKE(plan, input_operands, plan->node_operand_count));
  for (size_t node = 0; node < plan->node_count; node++) {
    const struct lazy_shape_node *at = plan->nodes + node;
    const int32_t *tensors = inputs_of(plan, node);
    int32_t count = at->input_count + at->param_count + at->output_count;
    if (!lazyi_plan_launches(plan, node)) continue;
    uint8_t lane = plan->schedule.steps[plan->launch_count].lane;
    plan->launches[plan->launch_count++] =
        (lazyi_plan_launch){.op = plan->ops[node],
                            .attributes = plan->attributes + at->attributes,
                            .first = (uint32_t)plan->operand_count,
                            .node = (int32_t)node,
                            .input_count = at->input_count,
                            .param_count = at->param_count,
                            .output_count = at->output_count,
                            .lane = lane,
                            .training = at->training};
    for (int32_t i = 0; i < count; i++) {
      size_t operand = plan->operand_count++, tensor = (size_t)tensors[i];
      plan->operands[operand] = (lazyi_operand){.dtype = (lazy_dtype)plan->tensors[tensor].dtype,
                                                .shape = tensor_shape(plan, tensor)};
      plan->operand_tensors[operand] = tensors[i];
      if (plan->places[tensor].region == LAZYI_REGION_INPUT)
        plan->input_operands[plan->input_operand_count++] = (uint32_t)operand;
    }
  }
  return LAZY_STATUS_OK;
}

lazyi_op_call lazyi_plan_call(const lazyi_plan *plan, const lazyi_plan_launch *launch, lazyi_core *core,
                              lazy_driver_stream stream) {
  const lazyi_operand *inputs = plan->operands + launch->first;
  return (lazyi_op_call){
      .core = core,
      .stream = stream,
      .inputs = inputs,
      .params = inputs + launch->input_count,
      .outputs = inputs + launch->input_count + launch->param_count,
      .input_count = launch->input_count,
      .param_count = launch->param_count,
      .output_count = launch->output_count,
      .attributes = launch->attributes,
      .training = launch->training,
      .workspace = plan->sizes.workspace_bytes == 0
                       ? 0
                       : plan->slab + plan->sizes.workspace_at + plan->sizes.lane_workspaces[launch->lane]};
}

/* Launches of one lane run one after another: the largest workspace serves all. */
static lazy_status measure_workspace(lazyi_plan *plan, lazyi_core *core) {
  size_t largest[LAZYI_SCHED_LANES] = {0}, most = 0, at, slab;
  for (size_t i = 0; i < plan->launch_count; i++) {
    if (plan->launches[i].op->workspace_bytes == NULL) continue;
    /* The host's libraries want no workspace, and a plan alone does not need them open. */
    if (!core->device.is_host) LAZY_TRY(lazyi_core_open_blas(core));
    lazyi_op_call call = lazyi_plan_call(plan, plan->launches + i, core, NULL);
    size_t bytes = plan->launches[i].op->workspace_bytes(&call);
    if (bytes > largest[plan->launches[i].lane]) largest[plan->launches[i].lane] = bytes;
  }
  for (int lane = 0; lane < LAZYI_SCHED_LANES; lane++) {
    plan->sizes.lane_workspaces[lane] = most;
    if (largest[lane] == 0) continue;
    if (!lazyi_add_size(most, largest[lane], &most) || !lazyi_align_size(most, LAZY_PARAM_ALIGNMENT, &most))
      return lazy_status_fail(LAZY_STATUS_LIMIT, "workspaces of all lanes overflow");
  }
  if (!lazyi_align_size(plan->sizes.activation_bytes, LAZY_PARAM_ALIGNMENT, &at) ||
      !lazyi_add_size(at, most, &slab))
    return lazy_status_fail(LAZY_STATUS_LIMIT, "activations of %llu bytes and a workspace of %zu overflow",
                            (unsigned long long)plan->sizes.activation_bytes, most);
  plan->sizes.workspace_bytes = most;
  plan->sizes.workspace_at = at;
  plan->sizes.slab_bytes = most == 0 ? plan->sizes.activation_bytes : slab;
  return LAZY_STATUS_OK;
}

/* ---- the whole ---- */

static lazy_status build(lazyi_planner *planner, const lazyi_recording *recording, lazyi_plan *plan) {
  LAZY_TRY(keep_key(plan, &planner->key, recording));
  LAZY_TRY(lazyi_plan_lanes(planner, plan));
  LAZY_TRY(find_lifetimes(planner, plan));
  LAZY_TRY(place_tensors(planner, plan));
  LAZY_TRY(lay_out_launches(plan));
  return measure_workspace(plan, recording->core);
}

lazy_status lazyi_plan_create(lazyi_planner *planner, const lazyi_recording *recording,
                              lazyi_plan **out_plan) {
  LAZYI_TRACE(LAZY_TRACE_PLAN);
  lazyi_plan *plan = lazyi_memory_calloc(1, sizeof *plan);
  LAZYI_TRY_ALLOC(plan);
  lazy_status status = build(planner, recording, plan);
  if (status == LAZY_STATUS_OK) *out_plan = plan;
  else lazyi_plan_destroy(plan);
  return status;
}

lazy_status lazyi_plan_measure(lazyi_planner *planner, const lazyi_recording *recording,
                               lazyi_plan_sizes *out_sizes) {
  lazyi_plan *plan = NULL;
  LAZY_TRY(lazyi_plan_key_make(&planner->key, recording));
  LAZY_TRY(lazyi_plan_create(planner, recording, &plan));
  *out_sizes = plan->sizes;
  lazyi_plan_destroy(plan);
  return LAZY_STATUS_OK;
}

void lazyi_plan_bind_params(lazyi_plan *plan, const lazyi_plan_key *key) {
  plan->fingerprint = key->fingerprint;
  for (size_t i = 0; i < plan->tensor_count; i++) {
    plan->tensors[i] = key->tensors.at[i];
    if (plan->tensors[i].kind == LAZYI_TENSOR_PARAM && plan->places[i].region == LAZYI_REGION_FIXED)
      plan->places[i].at = plan->tensors[i].source;
  }
  for (size_t node = 0; node < plan->node_count;
       node++) /* views of parameters; the order is that of the nodes */
    if (plan->ops[node]->is_view && plan->places[outputs_of(plan, node)[0]].region == LAZYI_REGION_FIXED)
      plan->places[outputs_of(plan, node)[0]].at = plan->places[inputs_of(plan, node)[0]].at;
  plan->slab = 0;
}

void lazyi_plan_bind(lazyi_plan *plan, uint64_t slab, lazy_array *const *inputs) {
  if (plan->slab != slab) {
    plan->slab = slab;
    for (size_t i = 0; i < plan->operand_count; i++) {
      const lazyi_place *place = plan->places + plan->operand_tensors[i];
      if (place->region == LAZYI_REGION_SLAB) plan->operands[i].address = slab + place->at;
      if (place->region == LAZYI_REGION_FIXED) plan->operands[i].address = place->at;
    }
  }
  for (size_t i = 0; i < plan->input_operand_count; i++) {
    uint32_t operand = plan->input_operands[i];
    plan->operands[operand].address = inputs[plan->places[plan->operand_tensors[operand]].at]->address;
  }
}
