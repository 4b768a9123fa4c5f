#include <stdlib.h>
#include <string.h>

#include "tools/lazyrt/json.h"
#include "tools/lazyrt/progress.h"
#include "tools/lazyrt/table.h"

enum { CELL_BYTES = 256 };

static void print_heading(const tool_model *model) {
  printf("%s%s%s  input", text_bold(), model->path, text_plain());
  for (size_t i = 0; i < model->inputs.count; i++) {
    const tool_input *input = &model->inputs.at[i];
    char spec[CELL_BYTES];
    text_of_spec(input->spec.dtype, &input->spec.shape, spec, sizeof spec);
    printf("%s %s%s%s", i != 0 ? "," : "", input->name, input->name[0] != '\0' ? "=" : "", spec);
  }
  printf("\n\n%s\n\n", model->text);
}

static bool is_same_shape(const lazy_shape *a, const lazy_shape *b) {
  for (int32_t i = 0; a->rank == b->rank && i < a->rank; i++)
    if (a->dims[i] != b->dims[i]) return false;
  return a->rank == b->rank;
}

static bool is_same(const lazy_plan_call *a, const lazy_plan_call *b) {
  return a->depth == b->depth && a->has_output == b->has_output && a->parameter_count == b->parameter_count &&
         a->parameter_bytes == b->parameter_bytes && a->output.dtype == b->output.dtype &&
         is_same_shape(&a->output.shape, &b->output.shape) && strcmp(a->class_name, b->class_name) == 0 &&
         strcmp(a->inferred, b->inferred) == 0;
}

/* Calls from `first` on that are told in one row: without children, alike, named by consecutive numbers. */
static size_t count_run(const lazy_plan *plan, size_t first) {
  size_t count = lazy_plan_call_count(plan), run = 1;
  const lazy_plan_call *head = lazy_plan_call_at(plan, first);
  char *end;
  unsigned long number = strtoul(head->name, &end, 10);
  if (head->name[0] < '0' || head->name[0] > '9' || *end != '\0') return 1;
  for (; first + run < count; run++) {
    const lazy_plan_call *next = lazy_plan_call_at(plan, first + run);
    char name[32];
    snprintf(name, sizeof name, "%lu", number + run);
    if (!is_same(head, next) || strcmp(next->name, name) != 0) break;
  }
  /* The last one has children if the call after it is deeper; then it is no leaf as the others. */
  if (first + run < count && lazy_plan_call_at(plan, first + run)->depth > head->depth) run--;
  return run > 2 ? run : 1;
}

static void add_calls(table *t, const lazy_plan *plan, size_t first, size_t run) {
  const lazy_plan_call *call = lazy_plan_call_at(plan, first);
  char name[CELL_BYTES], type[CELL_BYTES], spec[CELL_BYTES] = "", count[CELL_BYTES] = "",
                                           bytes[CELL_BYTES] = "";
  const char *shown = call->path[0] != '\0' ? call->name : "(model)";
  int indent = 2 * (call->depth < 40 ? call->depth : 40);
  if (run == 1) {
    snprintf(name, sizeof name, "%*s%s", indent, "", shown);
    snprintf(type, sizeof type, "%s", call->class_name);
  } else {
    snprintf(name, sizeof name, "%*s%s-%s", indent, "", shown,
             lazy_plan_call_at(plan, first + run - 1)->name);
    snprintf(type, sizeof type, "%zu x %s", run, call->class_name);
  }
  if (call->has_output) text_of_spec(call->output.dtype, &call->output.shape, spec, sizeof spec);
  if (call->parameter_count != 0) {
    text_of_count(run * call->parameter_count, count, sizeof count);
    text_of_bytes(run * call->parameter_bytes, bytes, sizeof bytes);
  }
  table_add(t, (const char *const[]){name, type, spec, count, bytes, call->inferred});
}

static bool print_table(const tool_model *model) {
  static const char *const headings[] = {"Name", "Type", "Output", "Parameters", "Bytes", "Inferred"};
  const lazy_plan_totals *totals = lazy_plan_get_totals(model->plan);
  char count[CELL_BYTES], bytes[CELL_BYTES], lazy[CELL_BYTES];
  size_t lazy_count = 0;
  table t = table_make(6, headings, "lllrrl");
  for (size_t i = 0; i < lazy_plan_call_count(model->plan); i++)
    lazy_count += lazy_plan_call_at(model->plan, i)->lazy_name != NULL;
  for (size_t i = 0, run; i < lazy_plan_call_count(model->plan); i += run) {
    run = count_run(model->plan, i);
    add_calls(&t, model->plan, i, run);
  }
  table_add_rule(&t);
  text_of_count(totals->parameter_count, count, sizeof count);
  text_of_bytes(totals->parameter_bytes, bytes, sizeof bytes);
  snprintf(lazy, sizeof lazy, "%zu of %zu were lazy", lazy_count, lazy_plan_call_count(model->plan));
  table_add(&t, (const char *const[]){"total", "", "", count, bytes, lazy});
  return table_print(&t, stdout);
}

static void print_memory(const lazy_plan_totals *totals) {
  const struct {
    const char *name;
    uint64_t bytes;
    const char *words;
  } rows[] = {
      {"parameters", totals->parameter_bytes, ""},
      {"buffers", totals->buffer_bytes, ""},
      {"activations", totals->activation_bytes, "live at once, at most"},
      {"workspace", totals->workspace_bytes, ""},
      {"device", totals->device_bytes, "taken from the driver for all of it"},
  };
  printf("\n%sMemory of a forward%s\n", text_bold(), text_plain());
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char text[CELL_BYTES];
    if (rows[i].bytes == 0 && strcmp(rows[i].name, "buffers") == 0) continue;
    printf("  %-11s %10s", rows[i].name, text_of_bytes(rows[i].bytes, text, sizeof text));
    if (strcmp(rows[i].name, "activations") == 0 && totals->activation_sum_bytes > totals->activation_bytes)
      printf("  %s; %s without sharing", rows[i].words,
             text_of_bytes(totals->activation_sum_bytes, text, sizeof text));
    else if (rows[i].words[0] != '\0') printf("  %s", rows[i].words);
    fputc('\n', stdout);
  }
}

static bool print_model(const tool_model *model) {
  const lazy_plan_totals *totals = lazy_plan_get_totals(model->plan);
  print_heading(model);
  if (!print_table(model)) return false;
  print_memory(totals);
  printf("\nlazyrt: OK model=%s parameters=%llu device_bytes=%llu\n\n", model->path,
         (unsigned long long)totals->parameter_count, (unsigned long long)totals->device_bytes);
  return true;
}

/* Runs one model and tells of it; a failure is told on standard error too. */
static enum tool_exit run_one(const tool_options *options, const char *path, const progress *bar,
                              json_t *models) {
  tool_model model;
  lazy_status status = tool_model_run(path, options, &model);
  progress_hide(bar);
  if (status != LAZY_STATUS_OK) {
    fflush(stdout);
    fprintf(stderr, "lazyrt: %s\n", lazy_status_message());
    if (models != NULL) json_array_append_new(models, json_of_failure(path, status));
    else printf("lazyrt: FAILED model=%s status=%s\n\n", path, lazy_status_name(status));
    return tool_exit_of(status);
  }
  bool told = true;
  if (models != NULL) told = json_array_append_new(models, json_of_model(&model)) == 0;
  else told = print_model(&model);
  tool_model_close(&model);
  if (!told) fprintf(stderr, "lazyrt: %s: out of memory while printing\n", path);
  return told ? TOOL_OK : TOOL_MODEL;
}

enum tool_exit tool_dry_run(const tool_options *options) {
  const bool writes = options->output != NULL || options->stream_out != NULL;
  if (options->model_count == 0 || writes) {
    fprintf(stderr, writes ? "lazyrt: dry-run writes no file; -o and --stream-out are for init\n"
                           : "lazyrt: dry-run: a model is missing\n");
    return TOOL_USAGE;
  }
  enum tool_exit worst = TOOL_OK;
  json_t *models = options->json ? json_array() : NULL;
  progress bar = progress_make(options->model_count, options->quiet);
  for (size_t i = 0; i < options->model_count; i++) {
    progress_show(&bar, i, options->models[i]);
    enum tool_exit code = run_one(options, options->models[i], &bar, models);
    if (code > worst) worst = code;
  }
  if (!options->json) return worst;
  json_t *document = json_document("lazyrt.dry-run/1");
  json_object_set_new(document, "models", models);
  return json_print(document, stdout) ? worst : TOOL_IO;
}
