/* Profiler ranges: the NVTX domain "lazyrt". What is shown is said in <lazyrt/trace.h>. */
#ifndef LAZYI_TRACE_TRACE_H
#define LAZYI_TRACE_TRACE_H

#include <lazyrt/trace.h>

#if LAZYRT_HAVE_NVTX && defined(__GNUC__)
#define LAZYI_TRACE_ENABLED 1
#include <stdatomic.h>

/* Process-wide, as the tool is: unknown until the first range, then off or on for good. A range's end
   therefore finds what its begin found. */
enum { LAZYI_TRACE_UNKNOWN, LAZYI_TRACE_OFF, LAZYI_TRACE_ON };
extern atomic_int lazyi_trace_state;
/* Looks for a tool, once; yields OFF or ON. */
int lazyi_trace_attach(void);
void lazyi_trace_push(lazy_trace_range range);
void lazyi_trace_push_module(const char *path, const char *class_name);
void lazyi_trace_push_host(const char *work);
void lazyi_trace_pop(void);

/* Whether ranges go anywhere: ask before doing work for their names. */
static inline bool lazyi_trace_is_on(void) {
  int state = atomic_load_explicit(&lazyi_trace_state, memory_order_acquire);
  if (__builtin_expect(state == LAZYI_TRACE_UNKNOWN, 0)) state = lazyi_trace_attach();
  return __builtin_expect(state == LAZYI_TRACE_ON, 0);
}

static inline int lazyi_trace_open(lazy_trace_range range) {
  bool on = lazyi_trace_is_on();
  if (on) lazyi_trace_push(range);
  return on;
}
static inline void lazyi_trace_close(const int *on) {
  if (__builtin_expect(*on, 0)) lazyi_trace_pop();
}

/* A range from here to the end of the enclosing block, on every way out of it. */
#define LAZYI_TRACE(range)          LAZYI_TRACE_AT(__LINE__, range)
#define LAZYI_TRACE_AT(line, range) LAZYI_TRACE_NAMED(line, range)
#define LAZYI_TRACE_NAMED(line, range) \
  __attribute__((cleanup(lazyi_trace_close), unused)) const int lazyi_trace_##line = lazyi_trace_open(range)

#else

#define LAZYI_TRACE_ENABLED 0
#define LAZYI_TRACE(range)  _Static_assert((range) >= 0, "a range")
static inline bool lazyi_trace_is_on(void) { return false; }
static inline void lazyi_trace_push_module(const char *path, const char *class_name) {
  (void)path, (void)class_name;
}
static inline void lazyi_trace_push_host(const char *work) { (void)work; }
static inline void lazyi_trace_pop(void) {}

#endif
#endif
