/* A plan as a picture: lanes, data, and what one lane waits for in another. */
#include <inttypes.h>
#include <stdio.h>

#include "runtime/graph/graph.h"
#include "runtime/graph/report.h"

static const char *const colours[LAZYI_SCHED_LANES] = {"#dbe9f6", "#fde3c8", "#d9f0d3", "#ead9f2"};

/* A string inside of quotes. */
static void print_escaped(FILE *file, const char *text) {
  for (; *text != '\0'; text++) {
    if (*text == '"' || *text == '\\') (void)fputc('\\', file);
    (void)fputc((unsigned char)*text < ' ' ? ' ' : *text, file);
  }
}

static void print_shape(FILE *file, const lazyi_plan *plan, int32_t tensor) {
  const int64_t *row = plan->rows + (size_t)tensor * LAZY_ROW;
  int32_t rank = (int32_t)row[LAZY_ROW_RANK];
  (void)fprintf(file, "%s[", lazy_dtype_name((lazy_dtype)plan->tensors[tensor].dtype));
  for (int32_t i = 0; i < rank; i++)
    (void)fprintf(file, "%s%" PRId64, i > 0 ? ", " : "", row[LAZY_ROW_DIMS - rank + i]);
  (void)fputc(']', file);
}

static const int32_t *operands_of(const lazyi_plan *plan, size_t node) {
  return plan->node_operands + plan->nodes[node].operands;
}
static int32_t result_of(const lazyi_plan *plan, size_t node) {
  return operands_of(plan, node)[plan->nodes[node].input_count + plan->nodes[node].param_count];
}

static void print_node(FILE *file, const lazy_plan *plan, size_t node, const char *style) {
  int32_t call = plan->node_calls[node];
  (void)fprintf(file, "    n%zu [label=\"", node);
  print_escaped(file, plan->laid_out->ops[node]->name);
  if (call >= 0 && plan->calls[call].path[0] != '\0') {
    (void)fputs("\\n", file);
    print_escaped(file, plan->calls[call].path);
  }
  (void)fputs("\\n", file);
  print_shape(file, plan->laid_out, result_of(plan->laid_out, node));
  (void)fprintf(file, "\"%s];\n", style);
}

static void print_lanes(FILE *file, const lazy_plan *plan) {
  const lazyi_plan *laid = plan->laid_out;
  for (int lane = 0; lane < laid->schedule.lane_count; lane++) {
    (void)fprintf(file,
                  "  subgraph cluster_lane%d {\n    label=\"lane %d\"; style=filled; color=\"%s\";\n"
                  "    node [fillcolor=white, style=filled];\n",
                  lane, lane, colours[lane]);
    for (size_t i = 0; i < laid->launch_count; i++)
      if (laid->launches[i].lane == lane) print_node(file, plan, (size_t)laid->launches[i].node, "");
    (void)fputs("  }\n", file);
  }
  for (size_t node = 0, next = 0; node < laid->node_count; node++) { /* views and empty results */
    if (next < laid->launch_count && laid->launches[next].node == (int32_t)node) next++;
    else print_node(file, plan, node, ", style=dashed");
  }
}

/* From where a tensor comes: a node, an input; parameters would hide the rest and are left out. */
static bool print_source(FILE *file, const lazyi_plan *plan, int32_t tensor) {
  const lazyi_plan_tensor *at = plan->tensors + tensor;
  if (at->kind == LAZYI_TENSOR_PARAM) return false;
  (void)fprintf(file, "  %s%" PRIu64, at->kind == LAZYI_TENSOR_INPUT ? "i" : "n", at->source);
  return true;
}

static void print_data(FILE *file, const lazyi_plan *plan) {
  for (size_t tensor = 0; tensor < plan->tensor_count; tensor++) {
    if (plan->tensors[tensor].kind != LAZYI_TENSOR_INPUT) continue;
    (void)fprintf(file, "  i%" PRIu64 " [shape=ellipse, label=\"input %" PRIu64 "\\n",
                  plan->tensors[tensor].source, plan->tensors[tensor].source);
    print_shape(file, plan, (int32_t)tensor);
    (void)fputs("\"];\n", file);
  }
  for (size_t node = 0; node < plan->node_count; node++)
    for (int32_t i = 0; i < plan->nodes[node].input_count; i++)
      if (print_source(file, plan, operands_of(plan, node)[i])) (void)fprintf(file, " -> n%zu;\n", node);
  for (size_t i = 0; i < plan->output_count; i++) {
    (void)fprintf(file, "  o%zu [shape=ellipse, label=\"output %zu\"];\n", i, i);
    if (print_source(file, plan, plan->outputs[i])) (void)fprintf(file, " -> o%zu;\n", i);
  }
}

/* Forks and joins stand at the ends of the caller's stream. */
static void print_waits(FILE *file, const lazyi_plan *plan) {
  const lazyi_schedule *schedule = &plan->schedule;
  bool ends = schedule->join_first < schedule->wait_count;
  if (schedule->fork_event >= 0) (void)fputs("  fork [shape=point, xlabel=\"fork\"];\n", file);
  if (ends) (void)fputs("  join [shape=point, xlabel=\"join\"];\n", file);
  for (size_t i = 0; i < schedule->wait_count; i++) {
    const lazyi_sched_wait *wait = schedule->waits + i;
    if (wait->after < 0) (void)fputs("  fork", file);
    else (void)fprintf(file, "  n%d", (int)plan->launches[wait->after].node);
    if (wait->node == (int32_t)schedule->node_count) (void)fputs(" -> join", file);
    else (void)fprintf(file, " -> n%d", (int)plan->launches[wait->node].node);
    (void)fprintf(file, " [style=dashed, color=\"#c0392b\", fontcolor=\"#c0392b\", label=\"event %d\"];\n",
                  (int)wait->event);
  }
}

lazy_status lazy_plan_print_graphviz(const lazy_plan *plan, FILE *file) {
  (void)fputs(
      "digraph plan {\n  node [shape=box, fontname=\"Helvetica\", fontsize=11];\n"
      "  edge [fontname=\"Helvetica\", fontsize=9];\n",
      file);
  print_lanes(file, plan);
  print_data(file, plan->laid_out);
  print_waits(file, plan->laid_out);
  (void)fputs("}\n", file);
  if (fflush(file) == 0 && !ferror(file)) return LAZY_STATUS_OK;
  return lazy_status_fail(LAZY_STATUS_IO, "the plan's picture could not be written");
}
