/* Planning for many sets of input shapes: one launch per chunk of sets, or, where user code asks for shapes
   while recording, one recording per set on the host. */
#include <string.h>

#include "runtime/graph/graph.h"
#include "runtime/trace/trace.h"

/* Memory of one call. */
typedef struct request {
  const lazy_spec *specs;
  const lazy_shape *shapes;
  size_t input_count, set_count;
  lazy_spec *inputs; /* of one recording */
  lazy_value *values;
  struct lazy_shape_error *errors;
  lazyi_shape_total *totals;
  lazy_shape *outputs;
  int32_t *slots; /* of inputs */
} request;

static lazy_status make(request *q) {
  size_t inputs = q->input_count, sets = q->set_count;
  q->inputs = lazyi_memory_calloc(inputs, sizeof *q->inputs);
  q->values = lazyi_memory_calloc(inputs, sizeof *q->values);
  q->slots = lazyi_memory_calloc(inputs, sizeof *q->slots);
  q->errors = lazyi_memory_calloc(sets, sizeof *q->errors);
  q->totals = lazyi_memory_calloc(sets, sizeof *q->totals);
  q->outputs = lazyi_memory_calloc(sets, sizeof *q->outputs);
  bool made = q->inputs != NULL && q->values != NULL && q->slots != NULL && q->errors != NULL &&
              q->totals != NULL && q->outputs != NULL;
  return made ? LAZY_STATUS_OK : LAZY_STATUS_OUT_OF_MEMORY;
}

static void unmake(request *q) {
  lazyi_memory_free(q->inputs);
  lazyi_memory_free(q->values);
  lazyi_memory_free(q->slots);
  lazyi_memory_free(q->errors);
  lazyi_memory_free(q->totals);
  lazyi_memory_free(q->outputs);
}

/* Records with the shapes of one set; NULL: those of the specs. */
static lazy_status record(lazy_graph *graph, request *q, const lazy_shape *shapes) {
  for (size_t i = 0; i < q->input_count; i++) {
    q->inputs[i] = q->specs[i];
    if (shapes != NULL) q->inputs[i].shape = shapes[i];
    q->values[i] = lazy_value_spec(q->inputs + i);
  }
  const lazy_args args = {q->values, q->input_count, NULL, 0};
  lazyi_recording_become_first(&graph->recording);
  return lazyi_recording_record(&graph->recording, graph->module, &args, true);
}

static uint64_t row_count(const lazyi_shape_table *table, int32_t slot) {
  lazy_shape shape;
  uint64_t count = 1;
  if (!lazyi_shape_table_get_row(table, slot, &shape)) return 0;
  for (int32_t i = 0; i < shape.rank; i++) count *= (uint64_t)shape.dims[i];
  return count;
}

/* Elements of the recording's parameters, with or without those that have tickets. */
static uint64_t count_params(const lazyi_recording *recording, bool with_tickets) {
  uint64_t count = 0;
  for (size_t i = 0; i < recording->params.count; i++)
    if (with_tickets || recording->params.at[i].ticket < 0)
      count += row_count(&recording->table, recording->params.at[i].slot);
  return count;
}

/* ---- one recording per set ---- */

static lazy_status plan_one(lazy_graph *graph, lazy_plan_set *set) {
  LAZYI_TRACE(LAZY_TRACE_INFER);
  lazyi_recording *recording = &graph->recording;
  LAZY_TRY(lazyi_recording_evaluate(recording));
  LAZY_TRY(lazyi_recording_settle_all(recording));
  set->parameter_count = count_params(recording, true);
  if (recording->outputs.count > 0)
    (void)lazyi_shape_table_get_row(&recording->table, recording->outputs.at[0], &set->output);
  return LAZY_STATUS_OK;
}

static void plan_each(lazy_graph *graph, request *q, lazy_plan_set *out_sets) {
  for (size_t s = 0; s < q->set_count; s++) {
    lazy_plan_set set = {.status = LAZY_STATUS_OK};
    set.status = record(graph, q, q->shapes + s * q->input_count);
    if (set.status == LAZY_STATUS_OK) set.status = plan_one(graph, &set);
    lazyi_recording_rollback(&graph->recording);
    out_sets[s] = set.status == LAZY_STATUS_OK ? set : (lazy_plan_set){.status = set.status};
  }
}

/* ---- one launch for many sets ---- */

static lazy_status plan_together(lazy_graph *graph, request *q, lazy_plan_set *out_sets) {
  LAZYI_TRACE(LAZY_TRACE_INFER);
  lazyi_recording *recording = &graph->recording;
  bool has_output = recording->outputs.count > 0;
  int32_t output = has_output ? recording->outputs.at[0] : -1;
  for (size_t i = 0; i < q->input_count; i++) q->slots[i] = (int32_t)i; /* inputs have the first rows */
  bool is_input = has_output && recording->tensors.at[output].kind == LAZYI_TENSOR_INPUT;
  const lazyi_shape_batch batch = {.input_slots = q->slots,
                                   .input_count = (int32_t)q->input_count,
                                   .inputs = q->shapes,
                                   .set_count = (int64_t)q->set_count,
                                   .wanted_slots = &output,
                                   .wanted_count = has_output && !is_input};
  if (graph->context->infer == NULL)
    LAZY_TRY(lazyi_shape_infer_create(&graph->core->launcher, &graph->context->infer));
  LAZY_TRY(lazyi_core_order(graph->core, graph->core->stream, graph->stream));
  LAZY_TRY(lazyi_shape_infer_batch(graph->context->infer, &recording->table, &batch, graph->stream, q->errors,
                                   q->totals, q->outputs));
  uint64_t known = count_params(recording, false);
  for (size_t s = 0; s < q->set_count; s++) {
    out_sets[s] = (lazy_plan_set){.status = LAZY_STATUS_OK};
    if (q->errors[s].code != LAZY_SHAPE_OK) {
      out_sets[s].status = lazyi_recording_shape_failed(recording, q->errors + s);
      continue;
    }
    out_sets[s].parameter_count = known + q->totals[s].element_count;
    if (has_output)
      out_sets[s].output = is_input ? q->shapes[s * q->input_count + (size_t)output] : q->outputs[s];
  }
  return LAZY_STATUS_OK;
}

static lazy_status plan_sets(lazy_graph *graph, request *q, lazy_plan_set *out_sets) {
  LAZY_TRY(make(q));
  lazy_status status = record(graph, q, NULL);
  bool together = status == LAZY_STATUS_OK && !graph->recording.base.asked;
  if (together) status = plan_together(graph, q, out_sets);
  bool asked = graph->recording.base.asked;
  lazyi_recording_rollback(&graph->recording);
  if (!asked) return status;
  plan_each(graph, q, out_sets);
  return LAZY_STATUS_OK;
}

lazy_status lazy_graph_plan_sets(lazy_graph *graph, const lazy_spec *specs, const lazy_shape *shapes,
                                 size_t input_count, size_t set_count, lazy_plan_set *out_sets) {
  LAZYI_TRACE(LAZY_TRACE_PLAN_SETS);
  request q = {.specs = specs, .shapes = shapes, .input_count = input_count, .set_count = set_count};
  LAZY_TRY(lazyi_graph_begin(graph));
  graph->last = NULL;
  lazy_status status = plan_sets(graph, &q, out_sets);
  unmake(&q);
  lazyi_graph_end(graph);
  return lazyi_graph_explain(graph, status);
}
