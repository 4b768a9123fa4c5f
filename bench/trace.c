/* What does a profiler range cost? A call with one and a call without, with no tool in the process; name a
   tool in NVTX_INJECTION64_PATH to see the other side. */
#include <lazyrt/lazyrt.h>
#include <stdlib.h>

#include "bench/bench.h"
#include "runtime/trace/trace.h"

enum { RANGES = 1000 };

/* noinline: a range costs what it costs at the top of a function that does something else. */
__attribute__((noinline)) static void with_range(void) {
  LAZYI_TRACE(LAZY_TRACE_RUN);
  __asm__ volatile("" ::: "memory");
}
__attribute__((noinline)) static void without_range(void) { __asm__ volatile("" ::: "memory"); }

static const char *state_words(void) {
  static const char *const words[] = {"built without NVTX", "no tool", "a tool is attached"};
  return words[lazy_trace_get_state()];
}

BENCH(call_with_range) {
  while (bench_next(state))
    for (int i = 0; i < RANGES; i++) with_range();
  bench_items(state, RANGES);
  bench_label(state, state_words());
}

BENCH(call_without_range) {
  while (bench_next(state))
    for (int i = 0; i < RANGES; i++) without_range();
  bench_items(state, RANGES);
}
