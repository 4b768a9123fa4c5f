// The bridge from tests/check.h to GoogleTest: the only C++ among the tests.
#include "tests/check.h"

#include <gtest/gtest.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <list>
#include <string>
#include <vector>

#include "tests/check_report.h"

extern "C" {
#include "runtime/base/memory.h"
#include "runtime/driver/fault.h"
#include "tests/check_device.h"
#include "tests/check_gpu.h"
}

#if defined(__SANITIZE_THREAD__)
#define CHECK_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CHECK_THREAD_SANITIZER 1
#endif
#endif
#ifdef CHECK_THREAD_SANITIZER
// OpenBLAS is built without the sanitizer, which does not see its threads meet.
extern "C" __attribute__((visibility("default"))) const char *__tsan_default_suppressions() {
  return "race:libopenblas\n";
}
#endif

namespace {

__extension__ typedef unsigned __int128 uint128;

check_test *tests;
thread_local std::vector<std::string> cases;
uint64_t base_seed = 0x6c617a7972740001u;
std::string directory;         // for check_path; made on first use
std::list<std::string> paths;  // of the running test
void (*at_end)();              // and what ends with it

std::string formatted(const char *format, va_list arguments) {
  char text[2048];
  vsnprintf(text, sizeof text, format, arguments);
  return text;
}

bool fail(check_here here, const std::string &message) {
  std::string trace;
  for (const std::string &entry : cases) trace += "\n  in case: " + entry;
  ADD_FAILURE_AT(here.file, here.line) << message << trace;
  return false;
}

std::string shown(const check_value &value) {
  char text[64];
  switch (value.kind) {
    case CHECK_INT: snprintf(text, sizeof text, "%" PRId64, value.as.i); break;
    case CHECK_UINT: snprintf(text, sizeof text, "%" PRIu64, value.as.u); break;
    case CHECK_DOUBLE: snprintf(text, sizeof text, "%.17g", value.as.d); break;
    default: snprintf(text, sizeof text, "%p", value.as.p);
  }
  return text;
}

double as_double(const check_value &value) {
  if (value.kind == CHECK_DOUBLE) return value.as.d;
  return value.kind == CHECK_INT ? static_cast<double>(value.as.i) : static_cast<double>(value.as.u);
}

// Less, equal, greater as -1, 0, 1; 2 where neither holds (NaN). By mathematical value, whatever the types.
int compared(const check_value &a, const check_value &b) {
  if (a.kind == CHECK_POINTER || b.kind == CHECK_POINTER) {
    uint64_t x = a.kind == CHECK_POINTER ? reinterpret_cast<uintptr_t>(a.as.p) : a.as.u;
    uint64_t y = b.kind == CHECK_POINTER ? reinterpret_cast<uintptr_t>(b.as.p) : b.as.u;
    return (x > y) - (x < y);
  }
  if (a.kind == CHECK_DOUBLE || b.kind == CHECK_DOUBLE) {
    double x = as_double(a), y = as_double(b);
    return x < y ? -1 : x > y ? 1 : x == y ? 0 : 2;
  }
  if (a.kind == CHECK_INT && a.as.i < 0) {
    if (b.kind == CHECK_INT && b.as.i < 0) return (a.as.i > b.as.i) - (a.as.i < b.as.i);
    return -1;
  }
  if (b.kind == CHECK_INT && b.as.i < 0) return 1;
  return (a.as.u > b.as.u) - (a.as.u < b.as.u);
}

std::string quoted(const char *text) { return text != nullptr ? "\"" + std::string(text) + "\"" : "NULL"; }

uint64_t mixed(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

// Lists the first mismatches of an array and, last, what `total` says.
class Mismatches {
 public:
  void add(size_t index, const std::string &found, const std::string &wanted) {
    if (count_++ < 8) text_ += "\n  [" + std::to_string(index) + "] found " + found + ", wanted " + wanted;
  }
  bool report(check_here here, const char *text, size_t of, const std::string &note) const {
    if (count_ == 0) return true;
    return fail(here, std::string(text) + ": " + std::to_string(count_) + " of " + std::to_string(of) +
                          " differ" + note + text_ + (count_ > 8 ? "\n  ..." : ""));
  }

 private:
  size_t count_ = 0;
  std::string text_;
};

// A column of the test report: what device, in which order.
struct Column {
  const char *name;    // after the test's
  const char *device;  // what opens it
  bool is_shuffled, is_ptx;
  bool is_gpu = false;
};
const Column once = {"", "host", true, false}, on_host = {"host", "host", false, false},
             shuffled = {"shuffled", "host", true, false}, behind_fault = {"fault", "fault", true, false},
             on_ptx = {"ptx", "cuda", true, true}, ptx_behind_fault = {"ptx", "fault:cuda", true, true},
             on_images = {"host", "host", true, false}, on_gpu = {"gpu", "cuda", false, true, true},
             gpu_behind_fault = {"gpu", "fault:cuda", false, true, true};

class Bridge : public testing::Test {
 public:
  Bridge(const check_test *test, const Column *column) : test_(test), column_(column) {}
  void TestBody() override {
    uint64_t name_hash = 1469598103934665603u;
    for (char c : std::string(test_->suite) + "." + test_->name)
      name_hash = (name_hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
    check_env env = {};
    env.device = column_->device;
    env.is_ptx = column_->is_ptx;
    env.is_gpu = column_->is_gpu;
    env.is_small = is_small();
    env.random = env.seed = mixed(base_seed ^ name_hash);
    start_devices(env.seed);
    Live before = live_now();
    test_->body(&env);
    if (at_end != nullptr) at_end();
    at_end = nullptr;
    lazyi_memory_fail_at(0);
    paths.clear();
    tell_reports();
    if (HasFailure() || IsSkipped()) return;  // what an early return leaves behind is no news
    size_t damaged = check_device()->damaged();
    if (damaged != 0)
      fail({test_->file, test_->line}, std::to_string(damaged) + " damaged guards of device memory");
    Live after = live_now();
    for (size_t i = 0; i < after.size(); i++)
      if (after[i].count != before[i].count)
        fail({test_->file, test_->line},
             "left behind: " + std::to_string(after[i].count - before[i].count) + " " + after[i].what);
  }

 private:
  bool is_small() const {
    const char *scale = getenv("LAZYRT_TEST_SCALE");
    return scale != nullptr && *scale != '\0' ? strcmp(scale, "small") == 0 : column_->is_ptx;
  }

  // What an earlier test set on the process's devices is forgotten; kernels and streams run in an order of
  // this test's, or as they come.
  void start_devices(uint64_t seed) const {
    check_device_choose(column_->is_gpu   ? CHECK_DEVICE_GPU
                        : column_->is_ptx ? CHECK_DEVICE_EMULATOR
                                          : CHECK_DEVICE_HOST);
    const emu_control *device = check_device();
    lazyi_fault_reset();
    device->fault_at(0, LAZY_DRIVER_SUCCESS);
    device->set_strict(true);
    device->set_order(column_->is_shuffled ? LAZYI_HOST_ORDER_SHUFFLED : LAZYI_HOST_ORDER_FORWARD, seed);
    device->set_schedule(column_->is_shuffled ? seed | 1 : 0);
    if (!column_->is_ptx || column_->is_gpu) return;
    device->report_clear();
    setenv("LAZYRT_CUBLAS_LIBRARY", "none", 1);  // the real one knows that there is no GPU
  }

  // What the emulator's checkers said fails the test.
  void tell_reports() const {
    const emu_control *device = check_device();
    const size_t count = column_->is_ptx ? device->report_count() : 0, shown = std::min<size_t>(count, 8);
    for (size_t i = 0; i < shown; i++) fail({test_->file, test_->line}, device->report_text(i));
    if (shown < count)
      fail({test_->file, test_->line}, "and " + std::to_string(count - shown) + " reports more");
  }

  struct Count {
    const char *what;
    int64_t count;
  };
  using Live = std::vector<Count>;
  static Live live_now() {
    lazyi_host_live_counts live;
    check_device()->live(&live);
    auto count = [](size_t value) { return static_cast<int64_t>(value); };
    return {{"blocks of host memory", lazyi_memory_live()},
            {"allocations of device memory", count(live.allocations)},
            {"blocks of pinned memory", count(live.pinned)},
            {"ranges of adopted memory", count(live.adopted)},
            {"streams", count(live.streams)},
            {"events", count(live.events)},
            {"modules", count(live.modules)}};
  }

  const check_test *test_;
  const Column *column_;
};

// Says how to run a failed test again with the same random inputs.
class SeedPrinter : public testing::EmptyTestEventListener {
  void OnTestProgramStart(const testing::UnitTest &) override {
    printf("LAZYRT_TEST_SEED=0x%016" PRIx64 "\n", base_seed);
  }
  void OnTestEnd(const testing::TestInfo &info) override {
    if (info.result()->Failed())
      printf("  again with: LAZYRT_TEST_SEED=0x%016" PRIx64 " --gtest_filter=%s.%s\n", base_seed,
             info.test_suite_name(), info.name());
  }
};

void add(const check_test *test, const Column *column) {
  std::string name = test->name;
  if (column->name[0] != '\0') name += std::string("/") + column->name;
  testing::RegisterTest(test->suite, name.c_str(), nullptr, nullptr, test->file, test->line,
                        [=]() -> testing::Test * { return new Bridge(test, column); });
}

void add_all(bool with_others, bool with_ptx) {
  for (const check_test *test = tests; test != nullptr; test = test->next) {
    if (with_others && test->places == CHECK_ONCE) add(test, &once);
    if (with_others && test->places == CHECK_ON_IMAGES) add(test, &on_images);
    if (with_others && test->places == CHECK_ON_DRIVERS)
      for (const Column *column : {&on_host, &shuffled, &behind_fault}) add(test, column);
    if (with_others && test->places == CHECK_ON_FAULTS) add(test, &behind_fault);
    if (with_ptx && test->places != CHECK_ONCE)
      add(test, test->places == CHECK_ON_FAULTS ? &ptx_behind_fault : &on_ptx);
  }
}

// What reaches a device, and the tests of the emulator that hold PTX against a reference.
void add_gpu() {
  for (const check_test *test = tests; test != nullptr; test = test->next) {
    const bool is_about_reports =
        strstr(test->file, "_told_") != nullptr || strstr(test->file, "_refuse_") != nullptr;
    bool is_ptx_test = false;
    for (const char *family : {"litmus", "ops_", "mma", "wmma", "machine", "rounding"})
      is_ptx_test |= strncmp(test->suite, "emulator_", 9) == 0 && strstr(test->suite, family) != nullptr;
    if (test->places == CHECK_ONCE ? is_ptx_test && !is_about_reports : test->places != CHECK_ON_FAULTS)
      add(test, &on_gpu);
    if (test->places == CHECK_ON_FAULTS) add(test, &gpu_behind_fault);
  }
}

// The PTX column in a program of its own: a driver, once opened, is open for good.
int run_ptx_column(char **argv) {
  pid_t child;
  int status;
  setenv("LAZYRT_TEST_COLUMNS", "ptx-after", 1);
  if (posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, argv, environ) != 0) return 1;
  if (waitpid(child, &status, 0) != child) return 1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

}  // namespace

extern "C" {

void check_register(check_test *test) {
  check_test **at = &tests;  // constructors run in link order: keep it
  while (*at != nullptr) at = &(*at)->next;
  *at = test;
}

uint64_t check_random(check_env *env) { return mixed(env->random += 0x9e3779b97f4a7c15u); }

uint64_t check_random_below(check_env *env, uint64_t bound) {
  return static_cast<uint64_t>((static_cast<uint128>(check_random(env)) * bound) >> 64);
}

int64_t check_random_between(check_env *env, int64_t low, int64_t high) {
  uint64_t span = static_cast<uint64_t>(high) - static_cast<uint64_t>(low) + 1;
  uint64_t offset = span != 0 ? check_random_below(env, span) : check_random(env);
  return static_cast<int64_t>(static_cast<uint64_t>(low) + offset);
}

double check_random_unit(check_env *env) { return static_cast<double>(check_random(env) >> 11) * 0x1p-53; }

void check_random_fill(check_env *env, void *memory, size_t bytes) {
  unsigned char *to = static_cast<unsigned char *>(memory);
  for (size_t i = 0; i < bytes; i += 8) {
    uint64_t word = check_random(env);
    memcpy(to + i, &word, bytes - i < 8 ? bytes - i : 8);
  }
}

const char *check_path(check_env *, const char *name) {
  if (directory.empty()) {
    std::string pattern = testing::TempDir() + "lazyrt-tests-XXXXXX";
    if (mkdtemp(&pattern[0]) == nullptr) abort();
    directory = pattern;
  }
  paths.push_back(directory + "/" + name);
  return paths.back().c_str();
}

bool check_compare(check_here here, enum check_order order, const char *found_text, const char *wanted_text,
                   check_value found, check_value wanted) {
  static const char *const signs[] = {"==", "!=", "<", "<=", ">", ">="};
  int c = compared(found, wanted);
  bool held = order == CHECK_EQ   ? c == 0
              : order == CHECK_NE ? c != 0
              : order == CHECK_LT ? c == -1
              : order == CHECK_LE ? c == -1 || c == 0
              : order == CHECK_GT ? c == 1
                                  : c == 1 || c == 0;
  if (held) return true;
  return fail(here, std::string(found_text) + " " + signs[order] + " " + wanted_text +
                        "\n  found:  " + shown(found) + "\n  wanted: " + signs[order] + " " + shown(wanted));
}

bool check_truth(check_here here, const char *text, bool found, bool wanted) {
  if (found == wanted) return true;
  return fail(here, std::string(text) + "\n  found:  " + (found ? "true" : "false") +
                        "\n  wanted: " + (wanted ? "true" : "false"));
}

bool check_string(check_here here, const char *text, const char *found, const char *wanted, bool want_equal) {
  bool equal = found == nullptr || wanted == nullptr ? found == wanted : strcmp(found, wanted) == 0;
  if (equal == want_equal) return true;
  return fail(here, std::string(text) + "\n  found:  " + quoted(found) +
                        "\n  wanted: " + (want_equal ? "" : "anything but ") + quoted(wanted));
}

bool check_contains(check_here here, const char *text, const char *found, const char *fragment) {
  if (found != nullptr && fragment != nullptr && strstr(found, fragment) != nullptr) return true;
  return fail(here, std::string(text) + "\n  found:  " + quoted(found) + "\n  wanted: a text with " +
                        quoted(fragment));
}

bool check_near(check_here here, const char *text, double found, double wanted, double tolerance) {
  if (found == wanted || std::fabs(found - wanted) <= tolerance) return true;
  char message[160];
  snprintf(message, sizeof message, "\n  found:  %.17g\n  wanted: %.17g within %g; off by %g", found, wanted,
           tolerance, found - wanted);
  return fail(here, std::string(text) + message);
}

bool check_status(check_here here, const char *text, lazy_status found, lazy_status wanted,
                  const char *fragment) {
  const char *message = lazy_status_message();
  if (found == wanted) {
    if (fragment == nullptr || strstr(message, fragment) != nullptr) return true;
    return fail(here, std::string(text) + "\n  " + lazy_status_name(found) +
                          " as wanted, but its message is\n    " + message + "\n  wanted in it:\n    " +
                          fragment);
  }
  return fail(here, std::string(text) + "\n  found:  " + lazy_status_name(found) +
                        (found != LAZY_STATUS_OK ? std::string(": ") + message : std::string()) +
                        "\n  wanted: " + lazy_status_name(wanted));
}

bool check_bytes(check_here here, const char *text, const void *found, const void *wanted, size_t bytes) {
  if (bytes == 0 || memcmp(found, wanted, bytes) == 0) return true;
  const unsigned char *a = static_cast<const unsigned char *>(found);
  const unsigned char *b = static_cast<const unsigned char *>(wanted);
  Mismatches mismatches;
  char x[8], y[8];
  for (size_t i = 0; i < bytes; i++) {
    if (a[i] == b[i]) continue;
    snprintf(x, sizeof x, "0x%02x", a[i]);
    snprintf(y, sizeof y, "0x%02x", b[i]);
    mismatches.add(i, x, y);
  }
  return mismatches.report(here, text, bytes, " (bytes)");
}

bool check_f32_near(check_here here, const char *text, const float *found, const float *wanted, size_t count,
                    double relative, double absolute) {
  Mismatches mismatches;
  double worst = 0;
  size_t worst_at = 0;
  for (size_t i = 0; i < count; i++) {
    double a = found[i], b = wanted[i];
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    double allowed = absolute + relative * std::fabs(b);
    double share = std::fabs(a - b) / allowed;  // of the tolerance; inf or NaN where it is out of all bounds
    if (share <= 1) continue;
    if (!(share <= worst)) worst = share, worst_at = i;
    char x[40], y[40];
    snprintf(x, sizeof x, "%.9g", a);
    snprintf(y, sizeof y, "%.9g", b);
    mismatches.add(i, x, y);
  }
  char note[96];
  snprintf(note, sizeof note, "; the worst, [%zu], by %.3g times the tolerance", worst_at, worst);
  return mismatches.report(here, text, count, note);
}

bool check_f32_bits(check_here here, const char *text, const float *found, const float *wanted,
                    size_t count) {
  Mismatches mismatches;
  for (size_t i = 0; i < count; i++) {
    uint32_t a, b;
    memcpy(&a, found + i, sizeof a);
    memcpy(&b, wanted + i, sizeof b);
    if (a == b) continue;
    char x[48], y[48];
    snprintf(x, sizeof x, "%.9g (0x%08x)", static_cast<double>(found[i]), a);
    snprintf(y, sizeof y, "%.9g (0x%08x)", static_cast<double>(wanted[i]), b);
    mismatches.add(i, x, y);
  }
  return mismatches.report(here, text, count, " in their bits");
}

bool check_i64_equal(check_here here, const char *text, const int64_t *found, const int64_t *wanted,
                     size_t count) {
  Mismatches mismatches;
  for (size_t i = 0; i < count; i++)
    if (found[i] != wanted[i]) mismatches.add(i, std::to_string(found[i]), std::to_string(wanted[i]));
  return mismatches.report(here, text, count, "");
}

bool check_dims(check_here here, const char *text, const int64_t *found, int64_t found_rank,
                const int64_t *wanted, size_t wanted_rank) {
  auto list = [](const int64_t *dims, size_t rank) {
    std::string joined;
    for (size_t i = 0; i < rank; i++) joined += (i != 0 ? ", " : "") + std::to_string(dims[i]);
    return "(" + joined + ")";
  };
  size_t rank = found_rank < 0 ? 0 : static_cast<size_t>(found_rank);
  if (rank == wanted_rank && std::equal(found, found + rank, wanted)) return true;
  return fail(here, std::string(text) + "\n  found:  " + list(found, rank) +
                        "\n  wanted: " + list(wanted, wanted_rank));
}

void check_fail(check_here here, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::string text = formatted(format, arguments);
  va_end(arguments);
  fail(here, text);
}

void check_skip(check_here here, const char *why) {
  GTEST_SKIP_(why) << " (" << here.file << ":" << here.line << ")";
}

int check_case_enter(check_here here, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  cases.push_back(formatted(format, arguments) + " (line " + std::to_string(here.line) + ")");
  va_end(arguments);
  return 0;
}

void check_case_leave(int *) { cases.pop_back(); }

void check_at_end(void (*function)(void)) { at_end = function; }

}  // extern "C"

// LAZYRT_TEST_COLUMNS: "ptx", "others", or both, one after the other; "gpu".
int main(int argc, char **argv) {
  std::vector<char *> arguments(argv, argv + argc + 1);
  testing::InitGoogleTest(&argc, argv);
  if (argc > 1) {
    fprintf(stderr, "%s: unknown argument %s\n", argv[0], argv[1]);
    return 2;
  }
  const char *seed = getenv("LAZYRT_TEST_SEED");
  if (seed != nullptr && *seed != '\0') base_seed = strtoull(seed, nullptr, 0);
  setenv("LAZYRT_HOST_STRICT", "1", 1);  // for programs that tests start
  const char *wish = getenv("LAZYRT_TEST_COLUMNS");
  const std::string columns = wish != nullptr ? wish : "";
  const bool has_ptx = check_device_library() != nullptr, lists = GTEST_FLAG_GET(list_tests);
  const bool only_ptx = columns == "ptx" || columns == "ptx-after", only_others = columns == "others";
  if (only_ptx && has_ptx) setenv("LAZYRT_CUDA_LIBRARY", check_device_library(), 1);
  const bool only_gpu = columns == "gpu";
  if (only_gpu) {
    check_gpu_begin();
    add_gpu();
  } else add_all(!only_ptx, has_ptx && (only_ptx || (lists && !only_others)));
  testing::UnitTest::GetInstance()->listeners().Append(new SeedPrinter);
  check_report_begin(columns == "ptx-after", has_ptx);
  int result = RUN_ALL_TESTS();
  if (!directory.empty()) {
    std::string command = "rm -rf '" + directory + "'";
    if (system(command.c_str()) != 0) return 1;
  }
  if (!has_ptx || lists || only_ptx || only_others || only_gpu) return result;
  const int ptx_result = run_ptx_column(arguments.data());
  return result != 0 ? result : ptx_result;
}
