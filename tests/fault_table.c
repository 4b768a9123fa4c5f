#include "tests/fault_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "runtime/driver/fault.h"
#include "runtime/init/torch_cpu.h"
#include "runtime/module/hooks.h"
#include "runtime/module/queue.h"
#include "tests/check_device.h"

/* More points than any operation has. */
enum { POINTS_AT_MOST = 5000 };

/* ---- text ---- */

void fault_text_add(fault_text *text, const char *format, ...) {
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  size_t length = (size_t)vsnprintf(NULL, 0, format, arguments);
  if (text->length + length + 1 > text->capacity) {
    text->capacity = 2 * (text->length + length + 1);
    text->at = realloc(text->at, text->capacity);
  }
  (void)vsnprintf(text->at + text->length, length + 1, format, again);
  text->length += length;
  va_end(again);
  va_end(arguments);
}

void fault_text_add_bytes(fault_text *text, const void *data, size_t bytes) {
  const unsigned char *at = data;
  uint64_t hash = 0xcbf29ce484222325u;
  for (size_t i = 0; i < bytes; i++) hash = (hash ^ at[i]) * 0x100000001b3u;
  fault_text_add(text, "%zu bytes %016llx", bytes, (unsigned long long)hash);
}

/* ---- what stands ---- */

/* Reading draws a layer that waits for its values, so only real ones are read. */
static lazy_status describe(lazy_module *module, const char *path, void *user) {
  fault_text *out = user;
  fault_text_add(out, "%s: hooks %d%d pending %d", path, module->initialize_hook, module->load_hook,
                 module->pending);
  if (module->hooks != NULL)
    fault_text_add(out, " user %zu %zu %zu %zu", module->hooks->pre.count, module->hooks->post.count,
                   module->hooks->load_pre.count, module->hooks->load_post.count);
  for (size_t i = 0; i < module->params.count; i++) {
    lazy_param *param = module->params.at[i].param;
    if (param == NULL) continue;
    fault_text_add(out, " %s dtype %d pending %d queued %d mark %d", module->params.at[i].name, param->dtype,
                   param->pending, param->queued, (int)param->mark);
    lazy_array *array = NULL;
    if (param->state != LAZY_PARAM_STATE_REAL || !EXPECT_OK(lazy_param_array(param, &array))) continue;
    size_t bytes = lazy_array_bytes(array);
    void *data = malloc(bytes + 1);
    memset(data, 0xAB, bytes);
    EXPECT_OK(lazy_array_download(array, data, bytes));
    fault_text_add(out, " ");
    fault_text_add_bytes(out, data, bytes);
    free(data);
    lazy_array_release(array);
  }
  fault_text_add(out, "\n");
  return LAZY_STATUS_OK;
}

/* Tree, classes, states, hooks and values; generator; bytes counted as in use. To be freed. */
static char *look_at(fault_stage *stage, bool draw_due) {
  fault_text out = {0};
  fault_text_add(&out, "%s", "");
  if (stage->context == NULL) return out.at;
  if (draw_due) EXPECT_OK(lazyi_queue_draw_all(stage->context));
  if (stage->net != NULL) {
    char *tree = model_snapshot(stage->net);
    fault_text_add(&out, "%s", tree);
    free(tree);
    EXPECT_OK(lazy_module_walk(stage->net, describe, &out));
  }
  fault_text_add(&out, "seed %llu stream %d ordinal %llu\n", (unsigned long long)stage->context->seed,
                 (int)stage->context->stream, (unsigned long long)stage->context->next_ordinal);
  if (stage->row->stream != LAZY_STREAM_KEYED) {
    lazyi_torch_generator fresh;
    lazyi_torch_seed(&fresh, stage->context->seed);
    fault_text_add(&out, "generator ");
    fault_text_add_bytes(&out, stage->context->torch != NULL ? stage->context->torch : &fresh, sizeof fresh);
  }
  return out.at;
}

/* Bytes of parameters and activations: after the try that went well as after an undisturbed one. */
static void look_at_memory(const fault_stage *stage, fault_text *out) {
  lazy_context_statistics statistics = {.struct_size = sizeof statistics};
  if (stage->context == NULL) return;
  if (stage->graph != NULL) EXPECT_OK(lazy_graph_synchronize(stage->graph));
  EXPECT_OK(lazy_context_trim(stage->context));
  lazy_context_get_statistics(stage->context, &statistics);
  lazyi_arena_statistics arena = lazyi_arena_read_statistics(&stage->context->core->arena);
  fault_text_add(
      out, "parameters %llu activations %llu workspace %llu; arena %zu in %zu blocks, %zu pending\n",
      (unsigned long long)statistics.parameter_bytes, (unsigned long long)statistics.activation_bytes,
      (unsigned long long)statistics.workspace_bytes, arena.used_bytes, arena.block_count,
      arena.pending_count);
}

/* ---- one trial ---- */

typedef struct live {
  int64_t host;
  lazyi_host_live_counts device;
} live;

static live live_now(void) {
  live now = {.host = lazyi_memory_live()};
  check_device()->live(&now.device);
  return now;
}

static void expect_live(live found, live wanted) {
  EXPECT_EQ(found.host, wanted.host);
  EXPECT_EQ(found.device.allocations, wanted.device.allocations);
  EXPECT_EQ(found.device.pinned, wanted.device.pinned);
  EXPECT_EQ(found.device.streams, wanted.device.streams);
  EXPECT_EQ(found.device.events, wanted.device.events);
  EXPECT_EQ(found.device.modules, wanted.device.modules);
}

static fault_stage begin(check_env *env, const fault_row *row) {
  fault_stage stage = {.env = env, .row = row};
  if (!row->opens) {
    const lazy_context_options options = {.struct_size = sizeof options, .seed = 17, .stream = row->stream};
    EXPECT_OK(lazy_context_open(env->device, &options, &stage.context));
  }
  env->random = 99; /* the same inputs in every trial */
  if (row->begin != NULL) row->begin(&stage);
  return stage;
}

static void end(fault_stage *stage) {
  lazy_array_release(stage->x);
  lazy_state_release(stage->state);
  lazy_graph_destroy(stage->graph);
  lazy_module_release(stage->made);
  lazy_module_release(stage->net);
  if (stage->context != NULL) lazy_context_close(stage->context);
  free(stage->answer.at);
}

static lazy_status act(fault_stage *stage) {
  stage->answer.length = 0;
  fault_text_add(&stage->answer, "%s", "");
  return stage->row->act(stage);
}

/* Everything that a success leaves, as text. To be freed. */
static char *look_at_success(fault_stage *stage) {
  fault_text out = {0};
  if (!stage->row->may_draw_due) look_at_memory(stage, &out); /* else extents are as the tries were */
  fault_text_add(&out, "%s", stage->answer.at);
  if (stage->row->look != NULL) stage->row->look(stage, &out);
  if (out.at == NULL) fault_text_add(&out, "%s", "");
  return out.at;
}

/* What trials are held against. */
typedef struct reference {
  char *before, *before_drawn, *after, *after_drawn, *success;
  char *trees[4]; /* of the four states, without values */
} reference;

static char *tree_of(const fault_stage *stage) {
  return stage->net != NULL ? model_snapshot(stage->net) : NULL;
}

static reference make_reference(check_env *env, const fault_row *row) {
  reference r = {0};
  fault_stage stage = begin(env, row);
  r.before = look_at(&stage, false);
  r.trees[0] = tree_of(&stage);
  r.before_drawn = look_at(&stage, row->may_draw_due);
  r.trees[1] = tree_of(&stage);
  end(&stage);
  stage = begin(env, row);
  EXPECT_OK(act(&stage));
  r.after = look_at(&stage, false);
  r.trees[2] = tree_of(&stage);
  r.success = look_at_success(&stage);
  r.after_drawn = look_at(&stage, row->may_draw_due);
  r.trees[3] = tree_of(&stage);
  end(&stage);
  return r;
}

static void free_reference(reference *r) {
  for (int i = 0; i < 4; i++) free(r->trees[i]);
  free(r->before), free(r->before_drawn), free(r->after), free(r->after_drawn), free(r->success);
}

/* ---- points ---- */

/* HOST: an allocation of host memory fails. DRIVER: a driver call fails once, with `result`. LOST: that call
   and all after it fail, as on a device that is lost. */
enum way_kind { HOST, DRIVER, LOST };
typedef struct way {
  const char *name;
  enum way_kind kind;
  int result;
  lazy_status status;
} way;
static const way ways[] = {
    {"host memory", HOST, 0, LAZY_STATUS_OUT_OF_MEMORY},
    {"OUT_OF_MEMORY", DRIVER, LAZY_DRIVER_OUT_OF_MEMORY, LAZY_STATUS_OUT_OF_MEMORY},
    {"INVALID_VALUE", DRIVER, LAZY_DRIVER_INVALID_VALUE, LAZY_STATUS_DEVICE},
    {"LAUNCH_FAILED", DRIVER, LAZY_DRIVER_LAUNCH_FAILED, LAZY_STATUS_DEVICE_LOST},
    {"device lost", LOST, LAZY_DRIVER_ILLEGAL_ADDRESS, LAZY_STATUS_DEVICE_LOST},
};
enum { WAYS = sizeof ways / sizeof *ways };

typedef struct tally {
  int points, absorbed;
} tally;

/* The row that failed first; LAZY_DRIVER_CALL_COUNT if none. The host provider has memory of its own to fail.
 */
static int failed_row(void) {
  lazyi_fault_entry entry;
  for (uint64_t i = 0; lazyi_fault_log_at(i, &entry); i++)
    if (entry.result != LAZY_DRIVER_SUCCESS && entry.result != LAZY_DRIVER_NOT_READY &&
        entry.result != LAZY_DRIVER_NO_BINARY_FOR_GPU) /* PTX is taken then */
      return entry.row;
  return LAZY_DRIVER_CALL_COUNT;
}

/* Calls whose failure the library answers itself: those that give something back, questions, memory that is
   asked for again in smaller pieces, and records of events, for which it waits instead. */
static bool may_absorb(int row, int result) {
  switch (row) {
    case LAZY_DRIVER_CALL_ctx_push: /* to give up a graph */
    case LAZY_DRIVER_CALL_ctx_pop:
    case LAZY_DRIVER_CALL_mem_free:
    case LAZY_DRIVER_CALL_host_free:
    case LAZY_DRIVER_CALL_stream_destroy:
    case LAZY_DRIVER_CALL_event_destroy:
    case LAZY_DRIVER_CALL_module_unload:
    case LAZY_DRIVER_CALL_graph_destroy:
    case LAZY_DRIVER_CALL_graph_exec_destroy:
    case LAZY_DRIVER_CALL_event_query:
    case LAZY_DRIVER_CALL_stream_query:
    case LAZY_DRIVER_CALL_mem_get_info:
    case LAZY_DRIVER_CALL_stream_is_capturing:
    case LAZY_DRIVER_CALL_event_create:
    case LAZY_DRIVER_CALL_event_record: return true;
    case LAZY_DRIVER_CALL_mem_alloc: return result == LAZY_DRIVER_OUT_OF_MEMORY;
    default: return false;
  }
}

static void arm(const way *w, uint64_t n) {
  lazyi_fault_reset();
  if (w->kind == HOST) lazyi_memory_fail_at(n);
  else if (w->kind == DRIVER) lazyi_fault_fail_at(n, w->result);
  else lazyi_fault_lose_at(n, w->result);
}

static void disarm(void) {
  lazyi_memory_fail_at(0);
  lazyi_fault_fail_at(0, 0);
  lazyi_fault_lose_at(0, 0);
}

static void check_message(const fault_stage *stage, const way *w, int failed) {
  const char *message = lazy_status_message();
  EXPECT_STRNE(message, "");
  if (w->status != LAZY_STATUS_OUT_OF_MEMORY ||
      (failed != LAZY_DRIVER_CALL_COUNT && failed != LAZY_DRIVER_CALL_mem_alloc &&
       failed != LAZY_DRIVER_CALL_host_alloc))
    return;
  EXPECT_CONTAINS(message, " bytes");
  if (stage->row->subject != NULL) EXPECT_CONTAINS(message, stage->row->subject);
}

/* The state after a try that failed. */
static void check_state(fault_stage *stage, const way *w, const reference *r) {
  if (w->kind == LOST) return; /* values cannot be read any more: `check_lost` */
  char *now = look_at(stage, false);
  bool is_after = stage->row->commits && strcmp(now, r->after) == 0;
  if (!is_after && strcmp(now, r->before) != 0) {
    if (stage->row->may_draw_due) {
      free(now);
      now = look_at(stage, true);
      if (!stage->row->commits || strcmp(now, r->after_drawn) != 0) EXPECT_STREQ(now, r->before_drawn);
    } else {
      EXPECT_STREQ(now, r->before);
    }
  }
  free(now);
}

/* On a lost device: the tree is as it was, or as it was to be, everything fails, all can be given up. */
static void check_lost(fault_stage *stage, const reference *r) {
  char *now = tree_of(stage);
  bool stands = now == NULL || strcmp(now, r->trees[1]) == 0;
  if (now != NULL && stage->row->commits) stands = stands || strcmp(now, r->trees[2]) == 0;
  if (!stands) EXPECT_STREQ(now, r->trees[0]);
  free(now);
  EXPECT_STATUS(act(stage), LAZY_STATUS_DEVICE_LOST);
}

static void check_next_try(fault_stage *stage, const reference *r) {
  if (!EXPECT_OK(act(stage))) return;
  char *now = look_at(stage, stage->row->may_draw_due);
  EXPECT_STREQ(now, stage->row->may_draw_due ? r->after_drawn : r->after);
  free(now);
}

/* False once n is past the last point. */
static bool try_point(check_env *env, const fault_row *row, const reference *r, const way *w, uint64_t n,
                      tally *counts) {
  CHECK_CASE("%s, %s, point %d", row->name, w->name, (int)n);
  live before = live_now();
  fault_stage stage = begin(env, row);
  uint64_t allocations = lazyi_memory_count();
  (void)lazy_status_fail(LAZY_STATUS_OK, "%s", "");
  arm(w, n);
  lazy_status status = act(&stage);
  bool reached = w->kind == HOST ? lazyi_memory_count() - allocations >= n : lazyi_fault_failures() != 0;
  int failed = failed_row();
  if (w->kind != LOST) disarm();
  CHECK_CASE("%s failed, and the call said %s: %s", lazyi_fault_row_name(failed), lazy_status_name(status),
             lazy_status_message());
  if (!reached) {
    EXPECT_OK(status);
  } else if (status == LAZY_STATUS_OK) {
    if (w->kind == DRIVER) EXPECT_TRUE(may_absorb(failed, w->result));
    counts->absorbed++;
  } else {
    EXPECT_EQ(status, w->status);
    check_message(&stage, w, failed);
    check_state(&stage, w, r);
  }
  if (w->kind == LOST && reached && status != LAZY_STATUS_OK) {
    check_lost(&stage, r);
  } else if (w->kind != LOST) {
    if (status != LAZY_STATUS_OK) check_next_try(&stage, r);
    char *success = look_at_success(&stage);
    EXPECT_STREQ(success, r->success);
    free(success);
  }
  end(&stage);
  disarm();
  expect_live(live_now(), before);
  counts->points += reached;
  return reached;
}

void fault_table_run(check_env *env, const fault_row *rows, size_t count) {
  printf("  %-34s", "points that failed, each once");
  for (int i = 0; i < WAYS; i++) printf(" %14s", ways[i].name);
  printf("\n");
  for (size_t i = 0; i < count; i++) {
    reference r = make_reference(env, rows + i);
    printf("  %-34s", rows[i].name);
    for (int j = 0; j < WAYS; j++) {
      tally counts = {0};
      uint64_t n = 1;
      while (n < POINTS_AT_MOST && try_point(env, rows + i, &r, ways + j, n, &counts)) n++;
      EXPECT_LT(n, POINTS_AT_MOST);
      printf(" %14d", counts.points);
    }
    printf("\n");
    free_reference(&r);
  }
}
