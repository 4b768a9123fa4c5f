/* Inside of lazy_plan: report.c fills it, dot.c draws it. */
#ifndef LAZYI_GRAPH_REPORT_H
#define LAZYI_GRAPH_REPORT_H

#include <lazyrt/graph.h>

#include "runtime/graph/plan.h"

struct lazy_plan {
  lazyi_bump memory; /* of rows and strings */
  struct lazy_plan_call *calls;
  size_t call_count;
  struct lazy_plan_totals totals;
  lazyi_plan *laid_out;
  int32_t *node_calls; /* by node: the call it was recorded in, -1: none */
};

#endif
