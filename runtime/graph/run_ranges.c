#include "runtime/graph/run_ranges.h"

static int32_t parent_of(const lazyi_recording *recording, int32_t call) {
  return recording->calls.at[call].parent;
}
static int32_t depth_of(const lazyi_recording *recording, int32_t call) {
  return call < 0 ? -1 : recording->calls.at[call].depth;
}

static void open_call(const lazyi_recording *recording, int32_t call) {
  const lazy_module *module = recording->calls.at[call].module;
  char path[LAZYI_PATH_BYTES];
  lazyi_trace_push_module(lazyi_module_path(module, path, sizeof path), lazyi_module_class_name(module));
}

void lazyi_run_ranges_move(lazyi_run_ranges *ranges, int32_t call) {
  const lazyi_recording *recording = ranges->recording;
  int32_t common = call;
  /* up to the innermost call that both are in */
  for (; ranges->call != common;) {
    if (depth_of(recording, common) > depth_of(recording, ranges->call)) {
      common = parent_of(recording, common);
      continue;
    }
    ranges->call = parent_of(recording, ranges->call);
    lazyi_trace_pop();
  }
  /* down again; parents are not linked to children, and trees are shallow */
  for (int32_t depth = depth_of(recording, common) + 1; depth <= depth_of(recording, call); depth++) {
    int32_t at = call;
    while (depth_of(recording, at) > depth) at = parent_of(recording, at);
    open_call(recording, at);
  }
  ranges->call = call;
}
