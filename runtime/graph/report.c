/* lazy_plan: what a call of the model would be, one row per call of a module, and the memory it takes. */
#include <string.h>

#include "runtime/graph/graph.h"
#include "runtime/graph/report.h"
#include "runtime/trace/trace.h"

/* What filling a report needs besides the recording. */
typedef struct reporter {
  const lazyi_recording *recording;
  lazy_plan *plan;
  lazyi_slot_map counted; /* parameters that a row has counted */
  size_t *next_child;     /* by call: where its next child's name is looked for */
} reporter;

/* ---- words ---- */

/* The parts after one another, for as long as the plan lives; NULL if memory ran out. Every module has words:
   this is most of what telling of a plan costs. */
#define JOIN(plan, ...)                            \
  join((plan), (const char *const[]){__VA_ARGS__}, \
       sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))
static const char *join(lazy_plan *plan, const char *const *parts, size_t count) {
  size_t lengths[8], length = 0;
  for (size_t i = 0; i < count; i++) length += lengths[i] = strlen(parts[i]);
  char *at = lazyi_bump_alloc(&plan->memory, length + 1), *end = at;
  if (at == NULL) return NULL;
  for (size_t i = 0; i < count; end += lengths[i++]) memcpy(end, parts[i], lengths[i]);
  *end = '\0';
  return at;
}

/* A number in decimal; returns where it begins in `digits`. */
enum { DIGITS_BYTES = 24 };
static const char *decimal(int64_t number, char digits[DIGITS_BYTES]) {
  uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
  char *at = digits + DIGITS_BYTES - 1;
  *at = '\0';
  do *--at = (char)('0' + left % 10);
  while ((left /= 10) != 0);
  if (number < 0) *--at = '-';
  return at;
}

/* Under which name the parent has the child. A child that is called in turn under several names gets them in
   order: the search goes on behind the name that was found last. */
static const char *child_name(reporter *report, int32_t parent, const lazy_module *child) {
  const lazyi_map *children = &report->recording->calls.at[parent].module->children;
  for (size_t step = 0; step < children->entries.count; step++) {
    size_t index = (report->next_child[parent] + step) % children->entries.count;
    if (children->entries.at[index].value != child) continue;
    report->next_child[parent] = index + 1;
    return children->entries.at[index].name;
  }
  return child->parent_name != NULL ? child->parent_name : "?"; /* called, and no child */
}

/* What the first forward settles: "in_features=784"; for classes without such options the shapes,
 * "weight=[784]". */
static const char *inferred(lazy_plan *plan, const lazy_module *module) {
  const lazy_class *was = module->lazy_type;
  const char *words = "";
  char shape[LAZYI_SHAPE_TEXT_BYTES], digits[DIGITS_BYTES];
  for (size_t i = 0; words != NULL && i < was->option_count; i++) {
    const lazy_option *option = was->options + i;
    if (!(option->flags & LAZY_OPTION_INFERRED) || option->kind != LAZY_OPTION_INT) continue;
    const int64_t *value = (const int64_t *)(const void *)(module->self + option->offset);
    words = JOIN(plan, words, words[0] != '\0' ? ", " : "", option->name, "=", decimal(*value, digits));
  }
  if (words == NULL || words[0] != '\0') return words;
  for (size_t i = 0; words != NULL && i < module->params.count; i++) {
    const lazyi_param_slot *slot = module->params.at + i;
    if (slot->param == NULL || !slot->param->pending) continue;
    words = JOIN(plan, words, words[0] != '\0' ? ", " : "", slot->name, "=",
                 lazyi_shape_text(&slot->param->shape, shape, sizeof shape));
  }
  return words;
}

/* ---- counts ---- */

static uint64_t count_of(const lazy_shape *shape) {
  uint64_t count = 1;
  for (int32_t i = 0; i < shape->rank; i++) count *= (uint64_t)shape->dims[i];
  return count;
}

static lazy_status count_params(reporter *report, const lazy_module *module, lazy_plan_call *row) {
  lazy_plan_totals *totals = &report->plan->totals;
  for (size_t i = 0; i < module->params.count; i++) {
    const lazy_param *param = module->params.at[i].param;
    if (param == NULL || param->state == LAZY_PARAM_STATE_UNSHAPED ||
        lazyi_slot_map_get(&report->counted, param) >= 0)
      continue;
    LAZY_TRY(lazyi_slot_map_put(&report->counted, param, 0));
    uint64_t count = count_of(&param->shape), bytes = count * lazy_dtype_bytes((lazy_dtype)param->dtype);
    totals->extent_bytes += (bytes + LAZY_PARAM_ALIGNMENT - 1) / LAZY_PARAM_ALIGNMENT * LAZY_PARAM_ALIGNMENT;
    if (param->is_buffer) {
      totals->buffer_count += count;
      totals->buffer_bytes += bytes;
      continue;
    }
    row->parameter_count += count;
    row->parameter_bytes += bytes;
  }
  totals->parameter_count += row->parameter_count;
  totals->parameter_bytes += row->parameter_bytes;
  return LAZY_STATUS_OK;
}

/* Two blocks of an arena that has none yet: small ones share a slab. */
static uint64_t reserved_bytes(const lazyi_arena *arena, uint64_t a, uint64_t b) {
  uint64_t for_a = lazyi_arena_reserve_bytes(arena, a), for_b = lazyi_arena_reserve_bytes(arena, b);
  uint64_t mask = LAZYI_ARENA_ALIGNMENT - 1, both = ((a + mask) & ~mask) + ((b + mask) & ~mask);
  return a != 0 && b != 0 && for_a == for_b && both <= for_a ? for_a : for_a + for_b;
}

/* ---- the report ---- */

static lazy_status fill_row(reporter *report, size_t index) {
  const lazyi_recorded_call *call = report->recording->calls.at + index;
  const lazy_module *module = call->module;
  lazy_plan *plan = report->plan;
  lazy_plan_call *row = plan->calls + index;
  bool settled = module->lazy_type != NULL && module->lazy_type == call->was;
  row->depth = call->depth;
  row->name = row->path = row->inferred = "";
  if (call->parent >= 0) {
    const char *parent = plan->calls[call->parent].path;
    row->name = JOIN(plan, child_name(report, call->parent, module));
    LAZYI_TRY_ALLOC(row->name);
    row->path = JOIN(plan, parent, parent[0] != '\0' ? "." : "", row->name);
  }
  row->class_name = JOIN(plan, lazyi_module_class_name(module));
  if (settled) row->lazy_name = call->was->name;
  if (settled) row->inferred = inferred(plan, module);
  if (row->path == NULL || row->class_name == NULL || row->inferred == NULL) return LAZY_STATUS_OUT_OF_MEMORY;
  if (call->output >= 0) {
    row->output.dtype = (lazy_dtype)report->recording->tensors.at[call->output].dtype;
    row->has_output = lazyi_shape_table_get_row(&report->recording->table, call->output, &row->output.shape);
  }
  return count_params(report, module, row);
}

static lazy_status fill(lazy_graph *graph, reporter *report) {
  const lazyi_recording *recording = report->recording;
  lazy_plan *plan = report->plan;
  plan->call_count = recording->calls.count;
  plan->calls = lazyi_bump_alloc(&plan->memory, plan->call_count * sizeof *plan->calls);
  LAZYI_TRY_ALLOC(plan->calls);
  report->next_child = lazyi_bump_alloc(&plan->memory, plan->call_count * sizeof *report->next_child);
  LAZYI_TRY_ALLOC(report->next_child);
  memset(plan->calls, 0, plan->call_count * sizeof *plan->calls);
  memset(report->next_child, 0, plan->call_count * sizeof *report->next_child);
  for (size_t i = 0; i < plan->call_count; i++) LAZY_TRY(fill_row(report, i));
  LAZY_TRY(lazyi_plan_key_make(&graph->planner.key, recording));
  LAZY_TRY(lazyi_plan_create(&graph->planner, recording, &plan->laid_out));
  plan->node_calls = lazyi_bump_alloc(&plan->memory, plan->laid_out->node_count * sizeof *plan->node_calls);
  LAZYI_TRY_ALLOC(plan->node_calls);
  if (recording->node_calls.count != 0)
    memcpy(plan->node_calls, recording->node_calls.at,
           recording->node_calls.count * sizeof *plan->node_calls);
  const lazyi_plan_sizes sizes = plan->laid_out->sizes;
  lazy_plan_totals *totals = &plan->totals;
  totals->activation_bytes = sizes.activation_bytes;
  totals->activation_sum_bytes = sizes.activation_sum_bytes;
  totals->workspace_bytes = sizes.workspace_bytes;
  if (recording->ticket_params.count != 0)
    totals->inference_bytes = lazyi_shape_infer_bytes(graph->context->infer);
  totals->device_bytes =
      totals->inference_bytes + reserved_bytes(&graph->core->arena, totals->extent_bytes, sizes.slab_bytes);
  totals->node_count = (int64_t)recording->ops.count;
  return LAZY_STATUS_OK;
}

static lazy_status report(lazy_graph *graph, lazy_plan **out_plan) {
  lazyi_shape_answer answer;
  LAZY_TRY(lazyi_first_forward_infer(graph, &answer));
  LAZY_TRY(lazyi_recording_settle_all(&graph->recording));
  lazy_plan *plan = lazyi_memory_calloc(1, sizeof *plan);
  LAZYI_TRY_ALLOC(plan);
  reporter filler = {.recording = &graph->recording, .plan = plan};
  lazyi_slot_map_clear(&filler.counted);
  lazy_status status = fill(graph, &filler);
  lazyi_slot_map_deinit(&filler.counted);
  if (status == LAZY_STATUS_OK) *out_plan = plan;
  else lazy_plan_release(plan);
  return status;
}

lazy_status lazy_graph_plan(lazy_graph *graph, const lazy_args *args, lazy_plan **out_plan) {
  LAZYI_TRACE(LAZY_TRACE_PLAN_ENTRY);
  LAZY_TRY(lazyi_graph_begin(graph));
  graph->last = NULL;
  lazyi_recording_become_first(&graph->recording);
  lazy_status status = lazyi_recording_record(&graph->recording, graph->module, args, true);
  if (status == LAZY_STATUS_OK) status = report(graph, out_plan);
  lazyi_recording_rollback(&graph->recording);
  lazyi_graph_end(graph);
  return lazyi_graph_explain(graph, status);
}

size_t lazy_plan_call_count(const lazy_plan *plan) { return plan->call_count; }
const lazy_plan_call *lazy_plan_call_at(const lazy_plan *plan, size_t index) {
  return index < plan->call_count ? plan->calls + index : NULL;
}
const lazy_plan_totals *lazy_plan_get_totals(const lazy_plan *plan) { return &plan->totals; }

void lazy_plan_release(lazy_plan *plan) {
  if (plan == NULL) return;
  lazyi_plan_destroy(plan->laid_out);
  lazyi_bump_deinit(&plan->memory);
  lazyi_memory_free(plan);
}
