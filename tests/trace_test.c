/* Profiler ranges, as a tool sees them. A tool attaches once per process, so each test runs itself again in a
   process with one: tests/nvtx_injection.c. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/memory.h"
#include "runtime/driver/fault.h"
#include "tests/model.h"
#include "tests/nvtx_injection.h"

#ifndef LAZYRT_NVTX_INJECTION /* built without the NVTX headers */
#define LAZYRT_NVTX_INJECTION ""
#endif

static bool is_built(void) { return LAZYRT_NVTX_INJECTION[0] != '\0'; }

/* The tool of this process; NULL: none. */
static const nvtx_reader *find_reader(void) {
  void *library = is_built() ? dlopen(LAZYRT_NVTX_INJECTION, RTLD_NOLOAD | RTLD_NOW) : NULL;
  return library != NULL ? dlsym(library, NVTX_READER_SYMBOL) : NULL;
}

/* Runs one test of this program under the tool. */
static void run_again(const char *name) {
  char program[4096], command[9000], line[1024];
  ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  ASSERT_GT(length, 0);
  program[length] = '\0';
  snprintf(command, sizeof command, "NVTX_INJECTION64_PATH='%s' '%s' --gtest_filter='%s' 2>&1",
           LAZYRT_NVTX_INJECTION, program, name);
  FILE *output = popen(command, "r");
  ASSERT_TRUE(output != NULL);
  char *log = calloc(1, 1);
  while (fgets(line, sizeof line, output) != NULL) {
    log = realloc(log, strlen(log) + strlen(line) + 1);
    strcat(log, line);
  }
  int status = pclose(output);
  EXPECT_CONTAINS(log, "[  PASSED  ] 1 test.");
  if (status != 0) FAIL("under the tool:\n%s", log);
  free(log);
}

/* A test whose body runs under the tool, with `tool` reading it. */
#define TEST_UNDER_TOOL(name)                                                     \
  static void under_tool_##name(check_env *env, const nvtx_reader *tool);         \
  TEST(trace, name) {                                                             \
    if (!is_built()) SKIP("built without the NVTX headers");                      \
    if (lazy_trace_get_state() == LAZY_TRACE_ATTACHED && find_reader() != NULL) { \
      find_reader()->reset();                                                     \
      under_tool_##name(env, find_reader());                                      \
    } else {                                                                      \
      run_again("trace." #name);                                                  \
    }                                                                             \
  }                                                                               \
  static void under_tool_##name(__attribute__((unused)) check_env *env, const nvtx_reader *tool)

/* ---- what was seen ---- */

/* Ranges of one thread in lazyrt's domain as an indented outline. Fails the test where they do not balance.
   Work for the host device is left out: a thread that waits does some. */
static char *outline(const nvtx_reader *tool, int thread) {
  size_t count = tool->count(), bytes = 0;
  int depth = 0, hidden = 0;
  EXPECT_LE(count, tool->capacity);
  for (size_t i = 0; i < count; i++) bytes += 2 * (size_t)tool->at(i)->depth + strlen(tool->at(i)->name) + 2;
  char *text = calloc(1, bytes + 1), *at = text;
  for (size_t i = 0; i < count; i++) {
    const nvtx_event *event = tool->at(i);
    if (event->thread != thread || strcmp(event->domain, LAZY_TRACE_DOMAIN) != 0) continue;
    EXPECT_EQ(event->depth, depth);
    bool push = event->kind == NVTX_EVENT_PUSH;
    if (hidden > 0 || (push && event->category == LAZY_TRACE_CATEGORY_HOST)) hidden += push ? 1 : -1;
    else if (push) at += sprintf(at, "%*s%s\n", 2 * depth, "", event->name);
    depth += event->kind == NVTX_EVENT_PUSH ? 1 : -1;
    EXPECT_GE(depth, 0);
  }
  EXPECT_EQ(depth, 0);
  return text;
}

static void expect_outline(const nvtx_reader *tool, const char *wanted) {
  char *found = outline(tool, 0);
  EXPECT_STREQ(found, wanted);
  free(found);
  tool->reset();
}

/* ---- a model ---- */

typedef struct setup {
  lazy_context *context;
  lazy_module *net;
  lazy_graph *graph;
  lazy_array *x;
} setup;

/* Sequential((fc1): LazyLinear (act): ReLU (head): Sequential((flat): Flatten (fc): LazyLinear)) */
static lazy_module *nested_model(lazy_context *context) {
  lazy_module *net = model_of(context, &lazy_class_sequential),
              *head = model_of(context, &lazy_class_sequential);
  model_add(net, "fc1", model_lazy_linear(context, 5, true, LAZY_DTYPE_DEFAULT));
  model_add(net, "act", model_of(context, &lazy_class_relu));
  model_add(head, "flat", model_of(context, &lazy_class_flatten));
  model_add(head, "fc", model_lazy_linear(context, 3, false, LAZY_DTYPE_DEFAULT));
  model_add(net, "head", head);
  return net;
}

static void open_setup(check_env *env, const char *device, setup *s) {
  *s = (setup){.context = model_context(env, device)};
  s->net = nested_model(s->context);
  s->x = model_random_array(env, s->context, LAZY_DTYPE_F32, LAZY_DIMS(2, 4), NULL);
  EXPECT_OK(lazy_graph_create(s->net, NULL, &s->graph));
}

static void close_setup(setup *s) {
  lazy_graph_destroy(s->graph);
  lazy_array_release(s->x);
  lazy_module_release(s->net);
  lazy_context_close(s->context);
}

#define RUN_OF_NESTED         \
  "  run\n"                   \
  "    Sequential\n"          \
  "      fc1 (Linear)\n"      \
  "      act (ReLU)\n"        \
  "      head (Sequential)\n" \
  "        head.fc (Linear)\n"

/* ---- names and nesting ---- */

TEST_UNDER_TOOL(a_first_forward) {
  setup s;
  open_setup(env, "host", &s);
  tool->reset();
  EXPECT_OK(lazy_graph_forward(s.graph, LAZY_ARGS(lazy_value_array(s.x)), NULL));
  expect_outline(tool,
                 "lazy_graph_forward\n"
                 "  record\n"
                 "  infer\n"
                 "  open_blas\n"
                 "  plan\n"
                 "  init\n"
                 "  commit\n" RUN_OF_NESTED);
  close_setup(&s);
}

TEST_UNDER_TOOL(a_steady_forward) {
  setup s;
  open_setup(env, "host", &s);
  EXPECT_OK(lazy_graph_forward(s.graph, LAZY_ARGS(lazy_value_array(s.x)), NULL));
  for (int i = 0; i < 3; i++) {
    tool->reset();
    uint64_t before = lazyi_memory_count();
    EXPECT_OK(lazy_graph_forward(s.graph, LAZY_ARGS(lazy_value_array(s.x)), NULL));
    EXPECT_EQ(lazyi_memory_count() - before, 0);
    expect_outline(tool,
                   "lazy_graph_forward\n"
                   "  record\n" RUN_OF_NESTED);
  }
  close_setup(&s);
}

TEST_UNDER_TOOL(other_shapes_infer_and_plan_again) {
  setup s;
  open_setup(env, "host", &s);
  lazy_array *more = model_random_array(env, s.context, LAZY_DTYPE_F32, LAZY_DIMS(7, 4), NULL);
  EXPECT_OK(lazy_graph_forward(s.graph, LAZY_ARGS(lazy_value_array(s.x)), NULL));
  tool->reset();
  EXPECT_OK(lazy_graph_forward(s.graph, LAZY_ARGS(lazy_value_array(more)), NULL));
  expect_outline(tool,
                 "lazy_graph_forward\n"
                 "  record\n"
                 "  infer\n"
                 "  plan\n"
                 "  commit\n" RUN_OF_NESTED);
  lazy_array_release(more);
  close_setup(&s);
}

TEST_UNDER_TOOL(a_dry_run_and_plans) {
  setup s;
  lazy_plan *plan = NULL;
  lazy_plan_set sets[2];
  const lazy_spec spec = {LAZY_DTYPE_F32, LAZY_DIMS(2, 4)};
  const lazy_shape shapes[2] = {LAZY_DIMS(2, 4), LAZY_DIMS(3, 9)};
  open_setup(env, "host", &s);
  tool->reset();
  EXPECT_OK(lazy_graph_plan(s.graph, LAZY_ARGS(LAZY_INPUT(2, 4)), &plan));
  expect_outline(tool,
                 "lazy_graph_plan\n"
                 "  record\n"
                 "  infer\n"
                 "  plan\n"
                 "  rollback\n");
  EXPECT_OK(lazy_graph_plan_sets(s.graph, &spec, shapes, 1, 2, sets));
  expect_outline(tool,
                 "lazy_graph_plan_sets\n"
                 "  record\n"
                 "  infer\n"
                 "  rollback\n");
  EXPECT_OK(lazy_graph_dry_run(s.graph, LAZY_ARGS(LAZY_INPUT(2, 4))));
  expect_outline(tool,
                 "lazy_graph_dry_run\n"
                 "  record\n"
                 "  infer\n"
                 "  init\n"
                 "  commit\n");
  lazy_plan_release(plan);
  close_setup(&s);
}

TEST_UNDER_TOOL(a_captured_run_shows_its_modules_once) {
  setup s;
  const lazy_graph_options options = {.struct_size = sizeof options, .capture = true};
  open_setup(env, "host", &s);
  lazy_graph_destroy(s.graph);
  ASSERT_OK(lazy_graph_create(s.net, &options, &s.graph));
  EXPECT_OK(lazy_graph_forward(s.graph, LAZY_ARGS(lazy_value_array(s.x)), NULL));
  for (int i = 0; i < 3; i++) {
    tool->reset();
    EXPECT_OK(lazy_graph_forward(s.graph, LAZY_ARGS(lazy_value_array(s.x)), NULL));
    expect_outline(tool, i == 0 ? "lazy_graph_forward\n  record\n" RUN_OF_NESTED
                                : "lazy_graph_forward\n  record\n  run\n");
  }
  close_setup(&s);
}

/* A forward that launches between the calls of a child, and calls it twice. */
static lazy_tensor twice_forward(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  lazy_module *child = lazy_module_child_at(self, 0);
  lazy_tensor y = lazy_call(recorder, child, lazy_arg(recorder, args, 0));
  y = lazy_call(recorder, child, lazy_sigmoid(recorder, y));
  return lazy_tanh(recorder, lazy_call(recorder, child, y));
}
static const lazy_class twice = {LAZY_CLASS("Twice"), .forward = twice_forward};

TEST_UNDER_TOOL(every_call_of_a_module_has_its_own_range) {
  lazy_context *context = model_context(env, "host");
  lazy_module *net = model_of(context, &twice);
  lazy_graph *graph = NULL;
  model_add(net, "inner", nested_model(context));
  ASSERT_OK(lazy_graph_create(net, NULL, &graph));
  lazy_array *x = model_random_array(env, context, LAZY_DTYPE_F32, LAZY_DIMS(2, 3), NULL);
  tool->reset();
  EXPECT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(x)), NULL));
  char *found = outline(tool, 0);
  const char *inner =
      "      inner (Sequential)\n"
      "        inner.fc1 (Linear)\n"
      "        inner.act (ReLU)\n"
      "        inner.head (Sequential)\n"
      "          inner.head.fc (Linear)\n";
  const char *at = strstr(found, "    Twice\n");
  ASSERT_TRUE(at != NULL);
  at += strlen("    Twice\n");
  for (int i = 0; i < 3; i++, at += strlen(inner))
    EXPECT_TRUE(strncmp(at, inner, strlen(inner)) ==
                0); /* what Twice launches itself has no range but its own */
  EXPECT_STREQ(at, "");
  free(found);
  lazy_array_release(x);
  lazy_graph_destroy(graph);
  lazy_module_release(net);
  lazy_context_close(context);
}

TEST_UNDER_TOOL(fixed_names_are_registered_and_categories_named) {
  setup s;
  open_setup(env, "host", &s);
  tool->reset();
  EXPECT_OK(lazy_graph_forward(s.graph, LAZY_ARGS(lazy_value_array(s.x)), NULL));
  EXPECT_STREQ(tool->category_name(LAZY_TRACE_DOMAIN, LAZY_TRACE_CATEGORY_ENTRY), "entry");
  EXPECT_STREQ(tool->category_name(LAZY_TRACE_DOMAIN, LAZY_TRACE_CATEGORY_PHASE), "phase");
  EXPECT_STREQ(tool->category_name(LAZY_TRACE_DOMAIN, LAZY_TRACE_CATEGORY_MODULE), "module");
  for (size_t i = 0; i < tool->count(); i++) {
    const nvtx_event *event = tool->at(i);
    EXPECT_STREQ(event->domain, LAZY_TRACE_DOMAIN);
    if (event->kind != NVTX_EVENT_PUSH) continue;
    bool fixed = false;
    for (int range = 0; range < LAZY_TRACE_RANGE_COUNT; range++)
      fixed = fixed || strcmp(event->name, lazy_trace_range_name((lazy_trace_range)range)) == 0;
    CHECK_CASE("%s", event->name);
    EXPECT_EQ(event->is_registered, fixed);
    EXPECT_EQ(event->category < LAZY_TRACE_CATEGORY_MODULE, fixed);
    EXPECT_EQ(event->color >> 24, 0xffu);
  }
  close_setup(&s);
}

/* ---- what ranges cover ---- */

/* The module range that was opened last; NULL: none. */
static const char *last_module(const nvtx_reader *tool) {
  for (size_t i = tool->count(); i-- > 0;)
    if (tool->at(i)->kind == NVTX_EVENT_PUSH && tool->at(i)->category == LAZY_TRACE_CATEGORY_MODULE)
      return tool->at(i)->name;
  return NULL;
}

/* Each call of the driver fails in turn; where the message says that it was a launch of a module, that
   module's range must be the one that was open. */
TEST_UNDER_TOOL(launches_lie_in_the_range_of_their_module) {
  static const char *const paths[] = {"fc1", "act", "head.fc"};
  setup s;
  int met[3] = {0};
  open_setup(env, "fault", &s);
  EXPECT_OK(lazy_graph_forward(s.graph, LAZY_ARGS(lazy_value_array(s.x)), NULL));
  for (uint64_t n = 1; n < 1000; n++) {
    char path[64] = "", range[80];
    tool->reset();
    lazyi_fault_reset();
    lazyi_fault_fail_at(n, LAZY_DRIVER_LAUNCH_OUT_OF_RESOURCES);
    lazy_status status = lazy_graph_forward(s.graph, LAZY_ARGS(lazy_value_array(s.x)), NULL);
    bool reached = lazyi_fault_failures() != 0;
    lazyi_fault_reset();
    if (!reached) break;
    free(outline(tool, 0));
    if (status == LAZY_STATUS_OK || sscanf(lazy_status_message(), "%63[a-z0-9.]: ", path) != 1) continue;
    for (int i = 0; i < 3; i++) {
      if (strcmp(path, paths[i]) != 0) continue;
      met[i]++;
      snprintf(range, sizeof range, "%s (", path);
      const char *last = last_module(tool);
      ASSERT_TRUE(last != NULL);
      EXPECT_TRUE(strncmp(last, range, strlen(range)) == 0);
    }
  }
  for (int i = 0; i < 3; i++) EXPECT_GE(met[i], 1);
  close_setup(&s);
}

/* The host device's own work: the kernel of each launch, and inference where the thread waits for it. */
TEST_UNDER_TOOL(the_host_device_shows_its_work) {
  setup s;
  int infer = 0, draw = 0, act = 0, inside = 0;
  open_setup(env, "host", &s);
  tool->reset();
  EXPECT_OK(lazy_graph_forward(s.graph, LAZY_ARGS(lazy_value_array(s.x)), NULL));
  EXPECT_OK(lazy_graph_synchronize(s.graph));
  for (size_t i = 0; i < tool->count(); i++) {
    const nvtx_event *event = tool->at(i);
    if (event->kind == NVTX_EVENT_PUSH && strcmp(event->name, "infer") == 0) inside = 1;
    if (event->kind == NVTX_EVENT_PUSH && strcmp(event->name, "plan") == 0) inside = 0;
    if (event->category != LAZY_TRACE_CATEGORY_HOST) continue;
    infer += inside && strcmp(event->name, "lazy_k_infer_shapes") == 0;
    draw += strcmp(event->name, "lazy_k_init_params") == 0;
    act += strcmp(event->name, "lazy_k_bias_act") == 0;
  }
  EXPECT_EQ(infer, 1);
  EXPECT_EQ(draw, 1);
  EXPECT_GE(act, 1);
  EXPECT_STREQ(tool->category_name(LAZY_TRACE_DOMAIN, LAZY_TRACE_CATEGORY_HOST), "host");
  close_setup(&s);
}

/* ---- balance ---- */

static lazy_status call_by_number(setup *s, int entry) {
  lazy_plan *plan = NULL;
  lazy_status status;
  if (entry == 0) return lazy_graph_forward(s->graph, LAZY_ARGS(lazy_value_array(s->x)), NULL);
  if (entry == 1) return lazy_graph_dry_run(s->graph, LAZY_ARGS(LAZY_INPUT(2, 4)));
  status = lazy_graph_plan(s->graph, LAZY_ARGS(LAZY_INPUT(2, 4)), &plan);
  if (status == LAZY_STATUS_OK) lazy_plan_release(plan);
  return status;
}

/* Fails the n-th driver call, or host allocation, of a fresh model's first call; true if it was reached. */
static bool fail_once(check_env *env, const nvtx_reader *tool, int entry, uint64_t n, bool in_driver) {
  setup s;
  open_setup(env, "fault", &s);
  tool->reset();
  lazyi_fault_reset();
  if (in_driver) lazyi_fault_fail_at(n, LAZY_DRIVER_OUT_OF_MEMORY);
  else lazyi_memory_fail_at(n);
  uint64_t before = lazyi_memory_count();
  lazy_status status = call_by_number(&s, entry);
  bool reached = in_driver ? lazyi_fault_failures() != 0 : lazyi_memory_count() - before >= n;
  lazyi_memory_fail_at(0);
  lazyi_fault_reset();
  EXPECT_TRUE(reached || status == LAZY_STATUS_OK);
  CHECK_CASE("entry %d, %s %d", entry, in_driver ? "driver call" : "host allocation", (int)n);
  free(outline(tool, 0));
  EXPECT_OK(call_by_number(&s, entry));
  free(outline(tool, 0));
  close_setup(&s);
  return reached;
}

TEST_UNDER_TOOL(ranges_balance_wherever_a_call_fails) {
  for (int entry = 0; entry < 3; entry++)
    for (int in_driver = 0; in_driver < 2; in_driver++) {
      uint64_t n = 1;
      while (n < 1000 && fail_once(env, tool, entry, n, in_driver)) n++;
      EXPECT_GT(n, 5u);
      EXPECT_LT(n, 1000u);
    }
}

static lazy_status refuse(lazy_hook_event *event, void *user) {
  (void)event, (void)user;
  return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "a hook that refuses");
}

TEST_UNDER_TOOL(ranges_balance_when_a_hook_or_a_shape_fails) {
  setup s;
  lazy_hook_id id;
  lazy_module *fc = NULL;
  open_setup(env, "host", &s);
  ASSERT_OK(lazy_module_find(s.net, "head.fc", &fc));
  ASSERT_OK(lazy_module_add_forward_hook(fc, refuse, NULL, 0, &id));
  tool->reset();
  EXPECT_FAILS(lazy_graph_forward(s.graph, LAZY_ARGS(lazy_value_array(s.x)), NULL), LAZY_STATUS_INVALID_VALUE,
               "a hook that refuses");
  expect_outline(tool,
                 "lazy_graph_forward\n"
                 "  record\n"
                 "  rollback\n");
  lazy_module_remove_hook(fc, id);
  EXPECT_OK(lazy_graph_forward(s.graph, LAZY_ARGS(lazy_value_array(s.x)), NULL));
  tool->reset();
  EXPECT_STATUS(lazy_graph_plan(s.graph, LAZY_ARGS(LAZY_INPUT(2, 9)), &(lazy_plan *){NULL}),
                LAZY_STATUS_SHAPE);
  expect_outline(tool,
                 "lazy_graph_plan\n"
                 "  record\n"
                 "  infer\n"
                 "  rollback\n");
  close_setup(&s);
}

/* ---- threads ---- */

typedef struct runner {
  setup s;
  lazy_status status;
} runner;

static void *run_in_thread(void *user) {
  runner *r = user;
  for (int i = 0; i < 20 && r->status == LAZY_STATUS_OK; i++)
    r->status = lazy_graph_forward(r->s.graph, LAZY_ARGS(lazy_value_array(r->s.x)), NULL);
  return NULL;
}

TEST_UNDER_TOOL(threads_nest_each_for_itself) {
  enum { THREADS = 3 };
  runner runners[THREADS];
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) {
    runners[i] = (runner){.status = LAZY_STATUS_OK};
    open_setup(env, "host", &runners[i].s);
  }
  tool->reset();
  for (int i = 0; i < THREADS; i++)
    EXPECT_EQ(pthread_create(&threads[i], NULL, run_in_thread, &runners[i]), 0);
  for (int i = 0; i < THREADS; i++) (void)pthread_join(threads[i], NULL);
  for (int i = 0; i < THREADS; i++) {
    char *found = outline(tool, i);
    EXPECT_TRUE(strncmp(found, "lazy_graph_forward\n", 19) == 0);
    int runs = 0;
    for (const char *at = found; (at = strstr(at, RUN_OF_NESTED)) != NULL; at++) runs++;
    EXPECT_EQ(runs, 20);
    EXPECT_EQ(runners[i].status, LAZY_STATUS_OK);
    free(found);
    close_setup(&runners[i].s);
  }
}

/* ---- without a tool ---- */

TEST(trace, without_a_tool_nothing_listens) {
  if (getenv("NVTX_INJECTION64_PATH") != NULL) SKIP("this process has a tool");
  EXPECT_EQ(lazy_trace_get_state(), is_built() ? LAZY_TRACE_IDLE : LAZY_TRACE_ABSENT);
}

TEST(trace, names_are_those_that_are_documented) {
  EXPECT_STREQ(lazy_trace_range_name(LAZY_TRACE_FORWARD), "lazy_graph_forward");
  EXPECT_STREQ(lazy_trace_range_name(LAZY_TRACE_RUN), "run");
  EXPECT_STREQ(lazy_trace_range_name((lazy_trace_range)LAZY_TRACE_RANGE_COUNT), "?");
  for (int a = 0; a < LAZY_TRACE_RANGE_COUNT; a++)
    for (int b = 0; b < a; b++)
      EXPECT_STRNE(lazy_trace_range_name((lazy_trace_range)a), lazy_trace_range_name((lazy_trace_range)b));
}
