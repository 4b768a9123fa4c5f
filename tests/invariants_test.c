/* The invariants of the architecture, counted through the fault provider. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "runtime/driver/fault.h"
#include "tests/model.h"

#define CALLS(row) lazyi_fault_count(LAZY_DRIVER_CALL_##row)

/* ---- one pass ---- */

static void check_one_pass(check_env *env, int modules, int scale_every) {
  CHECK_CASE("%d modules", modules);
  lazy_context *context = model_context(env, env->device);
  lazy_module *chain = model_chain(context, modules, 4, scale_every);
  lazyi_fault_reset();
  EXPECT_OK(lazy_module_dry_run(chain, LAZY_ARGS(LAZY_INPUT(1, 4)), NULL));
  EXPECT_EQ(CALLS(memcpy_htod_async), 1);
  EXPECT_EQ(CALLS(launch_kernel), 2);
  EXPECT_EQ(CALLS(memcpy_dtoh_async), 1);
  EXPECT_EQ(CALLS(stream_synchronize), 1);
  EXPECT_EQ(CALLS(event_synchronize), 0);
  EXPECT_EQ(CALLS(launch_host_func), 0);
  EXPECT_EQ(CALLS(memcpy_dtod_async) + CALLS(memset_d8_async), 0);
  lazy_module_release(chain);
  lazy_context_close(context);
}

TEST_ON_FAULTS(invariants, one_pass_however_many_modules) {
  check_one_pass(env, 1, 0);
  check_one_pass(env, 7, 2);
  check_one_pass(env, 1000, 10); /* a hundred user-defined lazy classes among them */
}

TEST_ON_FAULTS(invariants, one_pass_in_a_first_forward) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *chain = model_chain(context, 50, 4, 5);
  lazy_graph *graph = NULL;
  ASSERT_OK(lazy_graph_create(chain, NULL, &graph));
  lazy_array *x = model_random_array(env, context, LAZY_DTYPE_F32, LAZY_DIMS(3, 4), NULL);
  lazyi_fault_reset();
  ASSERT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(x)), NULL));
  EXPECT_EQ(CALLS(memcpy_htod_async), 1);
  EXPECT_EQ(CALLS(memcpy_dtoh_async), 1);
  EXPECT_EQ(CALLS(stream_synchronize), 1);
  EXPECT_EQ(CALLS(event_synchronize), 0);
  lazy_array_release(x);
  lazy_graph_destroy(graph);
  lazy_module_release(chain);
  lazy_context_close(context);
}

/* ---- nothing in steady state ---- */

TEST_ON_FAULTS(invariants, steady_state_allocates_nothing_and_waits_for_nothing) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *chain = model_chain(context, 20, 6, 4);
  lazy_graph *graph = NULL;
  ASSERT_OK(lazy_graph_create(chain, NULL, &graph));
  lazy_array *x[2] = {model_random_array(env, context, LAZY_DTYPE_F32, LAZY_DIMS(3, 6), NULL),
                      model_random_array(env, context, LAZY_DTYPE_F32, LAZY_DIMS(9, 6), NULL)};
  for (int i = 0; i < 2; i++) ASSERT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(x[i])), NULL));
  for (int i = 0; i < 6; i++) {
    uint64_t before = lazyi_memory_count();
    lazyi_fault_reset();
    ASSERT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(x[i % 2])), NULL));
    EXPECT_EQ(lazyi_memory_count() - before, 0);
    EXPECT_EQ(CALLS(mem_alloc) + CALLS(mem_free) + CALLS(host_alloc) + CALLS(host_free), 0);
    EXPECT_EQ(CALLS(stream_synchronize) + CALLS(event_synchronize), 0);
    EXPECT_EQ(CALLS(memcpy_htod_async) + CALLS(memcpy_dtoh_async), 0);
    EXPECT_EQ(CALLS(stream_create) + CALLS(event_create) + CALLS(module_load), 0);
  }
  ASSERT_OK(lazy_graph_synchronize(graph));
  lazy_array_release(x[0]), lazy_array_release(x[1]);
  lazy_graph_destroy(graph);
  lazy_module_release(chain);
  lazy_context_close(context);
}

/* From the second forward on, also where the first one met parameters in another order than forward uses
 * them. */
static lazy_tensor backwards_forward(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  lazy_tensor last = lazy_param_tensor(recorder, self, "last"),
              first = lazy_param_tensor(recorder, self, "first");
  return lazy_mul(recorder, lazy_add(recorder, lazy_arg(recorder, args, 0), last), first);
}
static lazy_status backwards_infer(const lazy_infer *in, lazy_infer_result *out) {
  lazy_shape shape = LAZY_DIMS(lazy_infer_dim(in, "input", -1));
  LAZY_TRY(lazy_infer_param(out, "first", shape));
  LAZY_TRY(lazy_infer_param(out, "idle", shape));
  return lazy_infer_param(out, "last", shape);
}
static const lazy_param_spec backwards_params[] = {
    {.name = "first", .init = {.initializer = LAZY_INITIALIZER_CONSTANT, .a = 2}},
    {.name = "idle", .init = {.initializer = LAZY_INITIALIZER_CONSTANT, .a = 9}},
    {.name = "last", .init = {.initializer = LAZY_INITIALIZER_CONSTANT, .a = 3}}};
static const lazy_class backwards = {LAZY_CLASS("LazyBackwards"), .is_lazy = true,
                                     .infer = backwards_infer,    .forward = backwards_forward,
                                     .params = backwards_params,  .param_count = 3};

TEST_ON_FAULTS(invariants, the_second_forward_finds_the_plan_of_the_first) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *module = model_of(context, &backwards);
  lazy_graph *graph = NULL;
  lazy_outputs outputs;
  double *x;
  ASSERT_OK(lazy_graph_create(module, NULL, &graph));
  lazy_array *input = model_random_array(env, context, LAZY_DTYPE_F32, LAZY_DIMS(2, 5), &x);
  ASSERT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(input)), &outputs));
  uint64_t before = lazyi_memory_count();
  ASSERT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(input)), &outputs));
  EXPECT_EQ(lazyi_memory_count() - before, 0);
  double *y = model_read_output(graph, outputs.at[0], NULL);
  for (int i = 0; i < 10; i++) EXPECT_EQ(y[i], (x[i] + 3) * 2);
  free(x), free(y);
  lazy_array_release(input);
  lazy_graph_destroy(graph);
  lazy_module_release(module);
  lazy_context_close(context);
}

/* All or nothing up to the commit point: fault_table_test.c. */

/* ---- the estimate is the allocation ---- */

static void check_estimate(check_env *env, int64_t rows, int64_t features, int depth) {
  CHECK_CASE("%d x %d, %d layers", (int)rows, (int)features, depth);
  lazy_context *context = model_context(env, env->device);
  lazy_module *chain = model_chain(context, depth, features, 0);
  lazy_graph *graph = NULL;
  lazy_plan *plan = NULL;
  EXPECT_OK(lazy_graph_create(chain, NULL, &graph));
  EXPECT_OK(lazy_graph_plan(graph, LAZY_ARGS(LAZY_INPUT(rows, features)), &plan));
  const lazy_plan_totals totals = *lazy_plan_get_totals(plan);
  lazy_plan_release(plan);
  lazy_graph_destroy(graph);
  lazy_module_release(chain);
  lazy_context_close(context);

  context = model_context(env, env->device); /* a fresh one, in which nothing is cached */
  chain = model_chain(context, depth, features, 0);
  EXPECT_OK(lazy_graph_create(chain, NULL, &graph));
  lazyi_fault_reset();
  size_t before = lazyi_fault_live_bytes();
  EXPECT_OK(lazy_graph_dry_run(graph, LAZY_ARGS(LAZY_INPUT(rows, features))));
  lazy_array *x = NULL;
  size_t without_input = lazyi_fault_peak_bytes() - before;
  x = model_random_array(env, context, LAZY_DTYPE_F32, LAZY_DIMS(rows, features), NULL);
  size_t with_input = lazyi_fault_live_bytes() - before;
  EXPECT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(x)), NULL));
  EXPECT_EQ(lazyi_fault_peak_bytes() - before - (with_input - without_input), totals.device_bytes);
  EXPECT_EQ(totals.parameter_count, (uint64_t)depth * (uint64_t)(features * features + features));
  EXPECT_GE(totals.extent_bytes, totals.parameter_bytes);
  EXPECT_GE(totals.activation_sum_bytes, totals.activation_bytes);
  lazy_array_release(x);
  lazy_graph_destroy(graph);
  lazy_module_release(chain);
  lazy_context_close(context);
}

TEST_ON_FAULTS(invariants, the_estimate_is_the_allocation) {
  check_estimate(env, 3, 5, 2);
  check_estimate(env, 64, 300, 4);
  if (!env->is_ptx) check_estimate(env, 1024, 900, 3); /* 2.5 G products */
}

/* ---- threads ---- */

typedef struct racer {
  lazy_graph *graph;
  lazy_array *x;
  pthread_barrier_t *start;
  lazy_status status;
  float y[16];
} racer;

static void *race(void *user) {
  racer *r = user;
  lazy_outputs outputs;
  (void)pthread_barrier_wait(r->start);
  for (int i = 0; i < 3 && r->status == LAZY_STATUS_OK; i++) {
    r->status = lazy_graph_forward(r->graph, LAZY_ARGS(lazy_value_array(r->x)), &outputs);
    if (r->status == LAZY_STATUS_OK)
      r->status = lazy_graph_download(r->graph, outputs.at[0], r->y, sizeof r->y);
  }
  return NULL;
}

TEST_ON_FAULTS(invariants, two_threads_in_a_first_forward_initialise_once) {
  enum { THREADS = 4 };
  for (int round = 0; round < 10; round++) {
    lazy_context *context = model_context(env, env->device);
    lazy_module *net = model_chain(context, 10, 8, 3);
    lazy_array *x = model_random_array(env, context, LAZY_DTYPE_F32, LAZY_DIMS(2, 8), NULL);
    racer racers[THREADS];
    pthread_t threads[THREADS];
    pthread_barrier_t start;
    (void)pthread_barrier_init(&start, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) {
      racers[i] = (racer){.x = x, .start = &start};
      EXPECT_OK(lazy_graph_create(net, NULL, &racers[i].graph));
    }
    lazyi_fault_reset();
    for (int i = 0; i < THREADS; i++) EXPECT_EQ(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    for (int i = 0; i < THREADS; i++) (void)pthread_join(threads[i], NULL);
    EXPECT_EQ(CALLS(memcpy_htod_async), 1); /* one inference */
    for (int i = 0; i < THREADS; i++) {
      EXPECT_EQ(racers[i].status, LAZY_STATUS_OK);
      EXPECT_F32_BITS_EQ(racers[i].y, racers[0].y, 16);
      lazy_graph_destroy(racers[i].graph);
    }
    (void)pthread_barrier_destroy(&start);
    lazy_array_release(x);
    lazy_module_release(net);
    lazy_context_close(context);
  }
}

/* ---- out of memory ---- */

static void check_out_of_memory(check_env *env, int64_t rows, int64_t features, size_t cap,
                                const char *const *wanted) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *net = model_chain(context, 2, features, 0);
  lazy_array *x = model_random_array(env, context, LAZY_DTYPE_F32, LAZY_DIMS(rows, 8), NULL);
  lazy_graph *graph;
  EXPECT_OK(lazy_graph_create(net, NULL, &graph));
  char *before = model_snapshot(net);
  lazyi_fault_cap_bytes(cap);
  EXPECT_STATUS(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(x)), NULL), LAZY_STATUS_OUT_OF_MEMORY);
  for (; *wanted != NULL; wanted++) EXPECT_CONTAINS(lazy_status_message(), *wanted);
  lazyi_fault_cap_bytes(SIZE_MAX);
  char *after = model_snapshot(net);
  EXPECT_STREQ(after, before);
  free(before);
  free(after);
  EXPECT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(x)), NULL));
  lazy_graph_destroy(graph);
  lazy_array_release(x);
  lazy_module_release(net);
  lazy_context_close(context);
}

/* What was wanted, the module and what the plan takes are in the message, whichever of the two ran out: 8,192
   rows of 2,048 floats are live twice. */
TEST_ON_FAULTS(invariants, out_of_memory_names_bytes_module_and_peak) {
  if (!env->is_ptx) /* a product comes before the second of the two: 34 G additions */
    check_out_of_memory(env, 8192, 2048, 48 << 20,
                        (const char *const[]){"Sequential: 16859136 bytes of parameters: ",
                                              "a plan that peaks at 134217728 bytes of activations",
                                              "device memory: 134217728 bytes wanted", NULL});
  check_out_of_memory(
      env, 1, 4096, 32 << 20,
      (const char *const[]){"Sequential: 67272704 bytes of parameters: ", "a plan that peaks at 32768 bytes",
                            "device memory: 67272704 bytes wanted", NULL});
}

/* ---- layers ---- */

TEST(invariants, includes_only_point_down) {
  char line[256];
  FILE *found = popen("sh '" LAZYRT_SOURCE_DIR "/tools/layers' 2>&1", "r");
  ASSERT_TRUE(found != NULL);
  while (fgets(line, sizeof line, found) != NULL) FAIL("%s", line);
  EXPECT_EQ(pclose(found), 0);
}
