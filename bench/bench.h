/* The C face of Google Benchmark. A bench is a program, bench/<question>.c, that checks its answer before it
   times it:

     BENCH_OVER(fill, 1 << 10, 1 << 20) {          // once per argument
       size_t count = (size_t)bench_argument(state);
       ... set up, and check the result: BENCH_OK(state, ...), BENCH_CHECK(state, right) ...
       while (bench_next(state)) { ... what is timed ... }
       bench_bytes(state, count * 4);              // per iteration
     }

   Programs run every bench several times in random order and print medians, so that pairs compare runs of the
   same minutes. Give --benchmark_repetitions=1 for a quick look, --benchmark_filter=regex for some. */
#ifndef LAZYRT_BENCH_BENCH_H
#define LAZYRT_BENCH_BENCH_H

#include <lazyrt/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bench_state bench_state;

/* True while another iteration is to be timed. The clock runs from the first call to the one that yields
 * false. */
bool bench_next(bench_state *state);
/* The argument of this run, 0 without one. */
int64_t bench_argument(const bench_state *state);
/* Stops and restarts the clock inside an iteration; each costs a few hundred nanoseconds. */
void bench_pause(bench_state *state);
void bench_resume(bench_state *state);
/* Seconds of this iteration, measured by the bench itself, in a BENCH_MANUAL. */
void bench_seconds(bench_state *state, double seconds);
/* What one iteration does, reported per second. */
void bench_bytes(bench_state *state, uint64_t per_iteration);
void bench_items(bench_state *state, uint64_t per_iteration);
/* A further column. `name` is copied. */
void bench_counter(bench_state *state, const char *name, double value);
/* A text beside the row. */
void bench_label(bench_state *state, const char *text);
/* Ends the run as failed; the program then ends with status 1. bench_next yields false from then on. */
void bench_fail(bench_state *state, const char *format, ...) LAZY_PRINTF(2, 3);
bool bench_check_status(bench_state *state, const char *text, lazy_status status);

/* The device that benches open: LAZYRT_BENCH_DEVICE, else "host". */
const char *bench_device(void);

/* Seconds of a clock that only goes forward. */
double bench_clock(void);
/* Pins the calling thread to the n-th processor it may run on; false where it cannot. */
bool bench_pin(int n);

/* Makes the compiler believe that the memory behind `pointer` is read and written here. */
static inline void bench_keep(const void *pointer) { __asm__ volatile("" : : "g"(pointer) : "memory"); }

/* ---- what the macros below and bench_google.cc share ---- */

typedef struct bench_record {
  const char *name;
  void (*body)(bench_state *state);
  bool manual_time;
  int argument_count;
  const int64_t *arguments;
  struct bench_record *next;
} bench_record;
void bench_register(bench_record *record);

#ifndef __cplusplus

#define BENCH_DEFINE(name_, manual_, count_, ...)                                                       \
  static void bench_body_##name_(bench_state *state);                                                   \
  __attribute__((constructor)) static void bench_link_##name_(void) {                                   \
    static const int64_t arguments[] = {__VA_ARGS__};                                                   \
    static bench_record record = {#name_, bench_body_##name_, manual_, (int)(count_), arguments, NULL}; \
    bench_register(&record);                                                                            \
  }                                                                                                     \
  static void bench_body_##name_(bench_state *state)
#define BENCH_COUNT(...) (sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

/* A bench; the same run once per argument; and both timed by bench_seconds, for what is set up anew each
 * time. */
#define BENCH(name)                  BENCH_DEFINE(name, false, 0, 0)
#define BENCH_OVER(name, ...)        BENCH_DEFINE(name, false, BENCH_COUNT(__VA_ARGS__), __VA_ARGS__)
#define BENCH_MANUAL(name)           BENCH_DEFINE(name, true, 0, 0)
#define BENCH_MANUAL_OVER(name, ...) BENCH_DEFINE(name, true, BENCH_COUNT(__VA_ARGS__), __VA_ARGS__)

/* Return from the bench, as failed, if a status is not OK or a check does not hold. */
#define BENCH_OK(state, call)                                \
  do {                                                       \
    if (!bench_check_status((state), #call, (call))) return; \
  } while (0)
#define BENCH_CHECK(state, held)                                                 \
  do {                                                                           \
    if (!(held)) {                                                               \
      bench_fail((state), "%s:%d: %s does not hold", __FILE__, __LINE__, #held); \
      return;                                                                    \
    }                                                                            \
  } while (0)

#endif

#ifdef __cplusplus
}
#endif
#endif
