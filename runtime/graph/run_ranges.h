/* Profiler ranges around launches: one per call of a module, nested as the calls were. */
#ifndef LAZYI_GRAPH_RUN_RANGES_H
#define LAZYI_GRAPH_RUN_RANGES_H

#include "runtime/graph/record.h"
#include "runtime/trace/trace.h"

/* Where no tool listens nothing here does anything. */
typedef struct lazyi_run_ranges {
  const lazyi_recording *recording; /* NULL: no tool */
  int32_t call;                     /* the innermost call that is open; -1: none */
} lazyi_run_ranges;
static inline lazyi_run_ranges lazyi_run_ranges_begin(const lazyi_recording *recording) {
  return (lazyi_run_ranges){lazyi_trace_is_on() ? recording : NULL, -1};
}

/* Closes what `node`'s call is not in, opens what it is in: before the node's launch. */
void lazyi_run_ranges_move(lazyi_run_ranges *ranges, int32_t call);
static inline void lazyi_run_ranges_enter(lazyi_run_ranges *ranges, int32_t node) {
  if (ranges->recording != NULL) lazyi_run_ranges_move(ranges, ranges->recording->node_calls.at[node]);
}
/* Closes all. Idempotent. */
static inline void lazyi_run_ranges_end(lazyi_run_ranges *ranges) {
  if (ranges->recording != NULL) lazyi_run_ranges_move(ranges, -1);
}

/* A variable whose ranges are closed at the end of the enclosing block, on every way out of it. */
#if LAZYI_TRACE_ENABLED
#define LAZYI_RUN_RANGES(name, recording) \
  __attribute__((cleanup(lazyi_run_ranges_end))) lazyi_run_ranges name = lazyi_run_ranges_begin(recording)
#else
#define LAZYI_RUN_RANGES(name, recording) lazyi_run_ranges name = lazyi_run_ranges_begin(recording)
#endif

#endif
