/* The transaction of a first forward: record, infer, allocate, draw, commit; or take everything back. */
#include <string.h>

#include "runtime/graph/graph.h"
#include "runtime/init/init.h"
#include "runtime/module/queue.h"
#include "runtime/module/random.h"
#include "runtime/trace/trace.h"

/* ---- shapes ---- */

/* What the host found for user code that asked, and what the device found, come of the same rules. */
static lazy_status compare_answers(const lazyi_recording *recording, const int64_t *host) {
  const lazyi_shape_table *table = &recording->table;
  for (size_t slot = 0; slot < table->known.count; slot++) {
    const int64_t *was = host + slot * LAZY_ROW, *is = table->rows.at + slot * LAZY_ROW;
    if (was[LAZY_ROW_RANK] != LAZY_RANK_UNSHAPED && memcmp(was, is, LAZY_ROW * sizeof *was) != 0)
      return lazy_status_fail(LAZY_STATUS_DEVICE, "host and device disagree on the shape of tensor %zu",
                              slot);
  }
  return LAZY_STATUS_OK;
}

lazy_status lazyi_first_forward_infer(lazy_graph *graph, lazyi_shape_answer *out_answer) {
  LAZYI_TRACE(LAZY_TRACE_INFER);
  lazyi_recording *recording = &graph->recording;
  lazyi_shape_table *table = &recording->table;
  memset(out_answer, 0, sizeof *out_answer);
  if (recording->ticket_params.count == 0) return lazyi_recording_evaluate(recording);
  const int64_t *host = NULL;
  if (table->evaluated > 0) {
    int64_t *rows = lazyi_bump_alloc(&recording->bump, table->rows.count * sizeof *rows);
    LAZYI_TRY_ALLOC(rows);
    host = memcpy(rows, table->rows.at, table->rows.count * sizeof *rows);
  }
  if (graph->context->infer == NULL)
    LAZY_TRY(lazyi_shape_infer_create(&graph->core->launcher, &graph->context->infer));
  LAZY_TRY(lazyi_core_order(graph->core, graph->core->stream, graph->stream));
  LAZY_TRY(lazyi_shape_infer_run(graph->context->infer, table, graph->stream, out_answer));
  if (out_answer->error.code != LAZY_SHAPE_OK)
    return lazyi_recording_shape_failed(recording, &out_answer->error);
  return host == NULL ? LAZY_STATUS_OK : compare_answers(recording, host);
}

/* ---- values ---- */

static lazy_status queue_draw(lazy_graph *graph, const lazyi_init_job *job) {
  lazyi_core *core = graph->core;
  LAZY_TRY(lazyi_core_order(core, core->stream, graph->stream));
  lazy_status status = lazyi_init_draw(&core->launcher, &core->staging, job, graph->stream);
  /* in order before whatever the context's stream does with that memory, the arena included: what was queued
     of a draw that failed too */
  lazy_status ordered = lazyi_core_order(core, graph->stream, core->stream);
  return status != LAZY_STATUS_OK ? status : ordered;
}

/* Queues the first values of all tickets into one extent. The generator moves on only if all went well. */
static lazy_status draw(lazy_graph *graph, const lazyi_shape_answer *answer, lazyi_extent **out_extent,
                        uint64_t *out_base) {
  LAZYI_TRACE(LAZY_TRACE_INIT);
  lazy_context *context = graph->context;
  lazyi_torch_generator *generator = NULL, before;
  if (context->stream != LAZY_STREAM_KEYED) {
    LAZY_TRY(lazyi_random_generator(context, &generator));
    before = *generator;
  }
  LAZY_TRY(lazyi_extent_create(context, answer->summary.extent_bytes, out_extent, out_base));
  const lazyi_init_job job = {.answer = answer,
                              .base = *out_base,
                              .seed = context->seed,
                              .stream = context->stream,
                              .generator = generator};
  lazy_status status = queue_draw(graph, &job);
  if (status == LAZY_STATUS_OK) return status;
  if (generator != NULL) *generator = before;
  lazyi_extent_release(*out_extent);
  *out_extent = NULL;
  return status;
}

/* ---- the transaction ---- */

/* What a first forward holds between the recording and its commit. */
typedef struct holdings {
  lazyi_shape_answer answer;
  lazyi_plan *plan; /* made anew; NULL: none wanted */
  lazyi_block slab;
  lazyi_extent *extent; /* NULL: everything had values */
  uint64_t base;
} holdings;

/* Parameters that stay without values take what their draw needs of others along: bounds for fans, and under
   a torch stream a place in the queue. */
static lazy_status prepare_shaped(const lazyi_recording *recording) {
  const lazyi_shape_table *table = &recording->table;
  for (size_t i = 0; i < recording->ticket_params.count; i++) {
    lazy_param *param = recording->params.at[recording->ticket_params.at[i]].param;
    lazy_shape fan = {0};
    (void)lazyi_shape_table_get_row(table, table->tickets.at[i].fan_slot, &fan);
    LAZY_TRY(lazyi_init_resolve(&param->init, &fan));
  }
  return lazyi_queue_reserve(recording->base.context, recording->ticket_params.count);
}

static void commit_shaped(const lazyi_recording *recording) {
  for (size_t i = 0; i < recording->ticket_params.count; i++) {
    lazy_param *param = recording->params.at[recording->ticket_params.at[i]].param;
    if (!param->queued) lazyi_queue_push(recording->base.context, param);
  }
}

/* Everything that can fail. */
static lazy_status prepare(lazy_graph *graph, lazyi_purpose purpose, holdings *held) {
  lazyi_recording *recording = &graph->recording;
  LAZY_TRY(lazyi_first_forward_infer(graph, &held->answer));
  LAZY_TRY(lazyi_recording_settle_all(recording));
  if (purpose == LAZYI_PURPOSE_SETTLE) return prepare_shaped(recording);
  if (purpose == LAZYI_PURPOSE_FORWARD) {
    LAZY_TRY(lazyi_core_open_blas(graph->core));
    LAZY_TRY(lazyi_plan_create(&graph->planner, recording, &held->plan));
    LAZY_TRY(lazyi_lanes_reserve(&graph->lanes, &graph->core->lanes, &held->plan->schedule, graph->captures));
    LAZY_TRY(lazyi_graph_alloc_slab(graph, &held->plan->sizes, &held->slab));
  }
  LAZY_TRY(lazyi_redraw_reserve(&graph->redraw, recording->ticket_params.count));
  return recording->ticket_params.count == 0 ? LAZY_STATUS_OK
                                             : draw(graph, &held->answer, &held->extent, &held->base);
}

/* Nothing here allocates or fails. */
static void commit(lazy_graph *graph, lazyi_purpose purpose, holdings *held) {
  LAZYI_TRACE(LAZY_TRACE_COMMIT);
  const lazyi_recording *recording = &graph->recording;
  if (purpose == LAZYI_PURPOSE_SETTLE) {
    commit_shaped(recording);
    return;
  }
  for (size_t i = 0; i < recording->ticket_params.count; i++) {
    const struct lazy_init_segment *segment = held->answer.segments + i;
    lazyi_param_attach(recording->params.at[recording->ticket_params.at[i]].param, held->extent,
                       segment->count == 0 ? 0 : held->base + segment->offset);
    lazyi_redraw_add(&graph->redraw, recording->params.at[recording->ticket_params.at[i]].param, segment);
  }
  if (held->extent != NULL) lazyi_extent_release(held->extent);
  if (held->plan == NULL) return;
  lazyi_graph_take_slab(graph, &held->plan->sizes, held->slab);
  lazyi_plan_key_renew(&graph->planner.key, recording);
  lazyi_plan_bind_params(held->plan, &graph->planner.key);
  lazyi_plan_cache_put(&graph->plans, held->plan);
}

/* What the model takes, as far as it is known when memory runs out. */
static lazy_status explain(lazy_status status, const holdings *held) {
  if (status != LAZY_STATUS_OUT_OF_MEMORY) return status;
  if (held->plan != NULL)
    (void)lazy_status_annotate(status, "a plan that peaks at %llu bytes of activations, %llu of workspace",
                               (unsigned long long)held->plan->sizes.activation_bytes,
                               (unsigned long long)held->plan->sizes.workspace_bytes);
  if (held->answer.summary.extent_bytes != 0)
    (void)lazy_status_annotate(status, "%llu bytes of parameters",
                               (unsigned long long)held->answer.summary.extent_bytes);
  return status;
}

static lazy_status settle(lazy_graph *graph, lazyi_purpose purpose, lazyi_plan **out_plan, bool *out_is_new) {
  holdings held = {0};
  if (purpose == LAZYI_PURPOSE_FORWARD) {
    lazyi_plan_key *key = &graph->planner.key;
    LAZY_TRY(lazyi_plan_key_make(key, &graph->recording));
    *out_plan = lazyi_plan_cache_find(&graph->plans, key, &graph->recording);
    *out_is_new = *out_plan == NULL;
    if (*out_plan != NULL) return LAZY_STATUS_OK; /* its slab is no larger than the graph's */
  }
  lazy_status status = prepare(graph, purpose, &held);
  if (status == LAZY_STATUS_OK) {
    commit(graph, purpose, &held);
    *out_plan = held.plan;
  } else {
    status = explain(status, &held);
    lazyi_graph_drop_slab(graph, held.slab);
    lazyi_plan_destroy(held.plan);
  }
  return status;
}

lazy_status lazyi_first_forward(lazy_graph *graph, const lazy_args *args, lazyi_purpose purpose,
                                lazyi_plan **out_plan) {
  lazyi_recording *recording = &graph->recording;
  bool is_new = true;
  graph->last = NULL;
  if (!graph->is_settled) lazyi_recording_become_first(recording);
  lazy_status status =
      lazyi_recording_record(recording, graph->module, args, purpose != LAZYI_PURPOSE_FORWARD);
  if (status == LAZY_STATUS_OK) status = settle(graph, purpose, out_plan, &is_new);
  if (status == LAZY_STATUS_OK) {
    graph->is_settled = purpose != LAZYI_PURPOSE_SETTLE;
    lazyi_recording_commit(recording);
    if (is_new) lazyi_recording_tell_overwrites(recording);
  } else {
    lazyi_recording_rollback(recording);
  }
  return lazyi_graph_explain(graph, status);
}
