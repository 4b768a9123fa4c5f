// The bridge from bench/bench.h to Google Benchmark: the only C++ among the benches.
#include "bench/bench.h"

#include <benchmark/benchmark.h>
#include <sched.h>
#include <time.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

struct bench_state {
  benchmark::State *google;
  int64_t argument;
  uint64_t bytes, items;
  bool failed;
};

namespace {

bench_record *records;
bool any_failed;

void run(const bench_record *record, benchmark::State &google) {
  bench_state state = {&google, record->argument_count != 0 ? google.range(0) : 0, 0, 0, false};
  record->body(&state);
  if (state.failed) return;
  if (state.bytes != 0) google.SetBytesProcessed(static_cast<int64_t>(state.bytes) * google.iterations());
  if (state.items != 0) google.SetItemsProcessed(static_cast<int64_t>(state.items) * google.iterations());
}

bool given(const std::vector<std::string> &arguments, const char *flag) {
  for (const std::string &argument : arguments)
    if (argument.compare(0, strlen(flag), flag) == 0) return true;
  return false;
}

}  // namespace

extern "C" {

void bench_register(bench_record *record) {
  bench_record **at = &records;  // constructors run in link order: keep it
  while (*at != nullptr) at = &(*at)->next;
  *at = record;
}

bool bench_next(bench_state *state) { return !state->failed && state->google->KeepRunning(); }
int64_t bench_argument(const bench_state *state) { return state->argument; }
void bench_pause(bench_state *state) { state->google->PauseTiming(); }
void bench_resume(bench_state *state) { state->google->ResumeTiming(); }
void bench_seconds(bench_state *state, double seconds) { state->google->SetIterationTime(seconds); }
void bench_bytes(bench_state *state, uint64_t per_iteration) { state->bytes = per_iteration; }
void bench_items(bench_state *state, uint64_t per_iteration) { state->items = per_iteration; }
void bench_counter(bench_state *state, const char *name, double value) {
  state->google->counters[name] = value;
}
void bench_label(bench_state *state, const char *text) { state->google->SetLabel(text); }

void bench_fail(bench_state *state, const char *format, ...) {
  char text[2048];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  state->failed = any_failed = true;
  state->google->SkipWithError(text);
}

bool bench_check_status(bench_state *state, const char *text, lazy_status status) {
  if (status == LAZY_STATUS_OK) return true;
  bench_fail(state, "%s: %s: %s", text, lazy_status_name(status), lazy_status_message());
  return false;
}

const char *bench_device(void) {
  const char *named = getenv("LAZYRT_BENCH_DEVICE");
  return named != nullptr && *named != '\0' ? named : "host";
}

double bench_clock(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

bool bench_pin(int n) {
  cpu_set_t allowed, one;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return false;
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &allowed) || n-- != 0) continue;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    return sched_setaffinity(0, sizeof one, &one) == 0;
  }
  return false;
}

}  // extern "C"

int main(int argc, char **argv) {
  std::vector<std::string> arguments(argv, argv + argc);
  if (!given(arguments, "--benchmark_repetitions")) {
    arguments.push_back("--benchmark_repetitions=5");
    if (!given(arguments, "--benchmark_report_aggregates_only"))
      arguments.push_back("--benchmark_report_aggregates_only=true");
  }
  if (!given(arguments, "--benchmark_enable_random_interleaving"))
    arguments.push_back("--benchmark_enable_random_interleaving=true");
  std::vector<char *> pointers;
  for (std::string &argument : arguments) pointers.push_back(&argument[0]);
  int count = static_cast<int>(pointers.size());
  pointers.push_back(nullptr);
  benchmark::Initialize(&count, pointers.data());
  if (benchmark::ReportUnrecognizedArguments(count, pointers.data())) return 2;
  for (const bench_record *record = records; record != nullptr; record = record->next) {
    auto *google =
        benchmark::RegisterBenchmark(record->name, [record](benchmark::State &state) { run(record, state); });
    if (record->manual_time) google->UseManualTime();
    else google->UseRealTime();
    for (int i = 0; i < record->argument_count; i++) google->Arg(record->arguments[i]);
  }
  benchmark::RunSpecifiedBenchmarks();
  return any_failed ? 1 : 0;
}
