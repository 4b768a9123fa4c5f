/* Capture and graphs: the optional rows, held to CUDA's rules on whichever provider has them. */
#include <pthread.h>

#include "runtime/base/memory.h"
#include "runtime/driver/fault.h"
#include "tests/driver_fixture.h"

enum { WORDS = 64 };

typedef struct graph_fixture {
  fixture f;
  const lazy_driver *driver;
  lazy_driver_stream a, b, c;
  lazy_driver_event fork, join;
  lazy_driver_address memory; /* rows of WORDS words */
} graph_fixture;

static uint64_t row(const graph_fixture *g, int index) { return g->memory + (uint64_t)index * WORDS * 8; }

static bool open_graph(const char *device, graph_fixture *g) {
  *g = (graph_fixture){0};
  if (!fixture_open(device, &g->f)) return false;
  const lazy_driver *d = g->driver = g->f.driver;
  return EXPECT_EQ(d->stream_create(&g->a, LAZY_DRIVER_STREAM_NON_BLOCKING), 0) &&
         EXPECT_EQ(d->stream_create(&g->b, LAZY_DRIVER_STREAM_NON_BLOCKING), 0) &&
         EXPECT_EQ(d->stream_create(&g->c, LAZY_DRIVER_STREAM_NON_BLOCKING), 0) &&
         EXPECT_EQ(d->event_create(&g->fork, LAZY_DRIVER_EVENT_DISABLE_TIMING), 0) &&
         EXPECT_EQ(d->event_create(&g->join, LAZY_DRIVER_EVENT_DISABLE_TIMING), 0) &&
         EXPECT_EQ(d->mem_alloc(&g->memory, 16 * WORDS * 8), 0) &&
         EXPECT_EQ(d->memset_d8_async(g->memory, 0, 16 * WORDS * 8, g->a), 0) &&
         EXPECT_EQ(d->stream_synchronize(g->a), 0);
}

static void close_graph(graph_fixture *g) {
  const lazy_driver *d = g->driver;
  EXPECT_EQ(d->mem_free(g->memory), 0);
  EXPECT_EQ(d->event_destroy(g->fork), 0);
  EXPECT_EQ(d->event_destroy(g->join), 0);
  EXPECT_EQ(d->stream_destroy(g->a), 0);
  EXPECT_EQ(d->stream_destroy(g->b), 0);
  EXPECT_EQ(d->stream_destroy(g->c), 0);
  lazyi_host_live_counts live;
  check_device()->live(&live);
  EXPECT_EQ(live.graphs + live.execs + live.streams + live.events + live.allocations, 0u);
  fixture_close(&g->f);
}

/* to = multiplier * from + addend */
static int affine(const graph_fixture *g, lazy_driver_stream stream, int to, int from, uint64_t multiplier,
                  uint64_t addend) {
  struct fixture_affine p = {row(g, to), from < 0 ? 0 : row(g, from), WORDS, multiplier, addend};
  void *parameters[] = {&p};
  return g->driver->launch_kernel(g->f.affine, 2, 1, 1, 32, 1, 1, 0, stream, parameters, NULL);
}

static uint64_t first_word(const graph_fixture *g, int index, lazy_driver_stream stream) {
  uint64_t words[WORDS];
  memset(words, 0xEE, sizeof words);
  EXPECT_EQ(g->driver->memcpy_dtoh_async(words, row(g, index), sizeof words, stream), 0);
  EXPECT_EQ(g->driver->stream_synchronize(stream), 0);
  for (int i = 1; i < WORDS; i++) EXPECT_EQ(words[i], words[0]);
  return words[0];
}

static int begin(const graph_fixture *g) {
  return g->driver->stream_begin_capture(g->a, LAZY_DRIVER_CAPTURE_MODE_THREAD_LOCAL);
}

/* Ends and instantiates; the graph is destroyed. */
static lazy_driver_exec finish(const graph_fixture *g) {
  lazy_driver_graph graph = NULL;
  lazy_driver_exec exec = NULL;
  EXPECT_EQ(g->driver->stream_end_capture(g->a, &graph), 0);
  EXPECT_EQ(g->driver->graph_instantiate(&exec, graph, 0), 0);
  EXPECT_EQ(g->driver->graph_destroy(graph), 0);
  return exec;
}

TEST_ON_DRIVERS(driver_graph, a_capture_runs_nothing_and_replays_what_it_was_given) {
  graph_fixture g;
  ASSERT_TRUE(open_graph(env->device, &g));
  int status = -1;
  ASSERT_EQ(begin(&g), 0);
  EXPECT_EQ(g.driver->stream_is_capturing(g.a, &status), 0);
  EXPECT_EQ(status, LAZY_DRIVER_CAPTURE_ACTIVE);
  EXPECT_EQ(affine(&g, g.a, 1, 0, 3, 1), 0);
  EXPECT_EQ(affine(&g, g.a, 2, 1, 5, 0), 0);
  EXPECT_EQ(g.driver->memcpy_dtod_async(row(&g, 3), row(&g, 2), WORDS * 8, g.a), 0);
  EXPECT_EQ(g.driver->memset_d8_async(row(&g, 4), 1, WORDS * 8, g.a), 0);
  lazy_driver_exec exec = finish(&g);
  EXPECT_EQ(g.driver->stream_is_capturing(g.a, &status), 0);
  EXPECT_EQ(status, LAZY_DRIVER_CAPTURE_NONE);
  EXPECT_EQ(first_word(&g, 3, g.a), 0u); /* nothing ran */
  for (uint64_t x = 1; x < 20; x++) {
    EXPECT_EQ(affine(&g, g.b, 0, -1, 0, x), 0);
    EXPECT_EQ(g.driver->graph_launch(exec, g.b), 0);
    EXPECT_EQ(first_word(&g, 3, g.b), 5 * (3 * x + 1));
    EXPECT_EQ(first_word(&g, 4, g.b), 0x0101010101010101u);
  }
  EXPECT_EQ(g.driver->graph_exec_destroy(exec), 0);
  EXPECT_DEAD(g.driver->graph_exec_destroy(exec));
  EXPECT_DEAD(g.driver->graph_launch(exec, g.a));
  close_graph(&g);
}

/* x on a; y on b; z = x + y through two more rows on a. Every order that the edges allow gives one answer. */
static void capture_diamond(const graph_fixture *g, bool joins) {
  const lazy_driver *d = g->driver;
  EXPECT_EQ(affine(g, g->a, 1, 0, 1, 1), 0);
  EXPECT_EQ(d->event_record(g->fork, g->a), 0);
  EXPECT_EQ(d->stream_wait_event(g->b, g->fork, 0), 0);
  EXPECT_EQ(affine(g, g->b, 2, 1, 7, 0), 0);
  EXPECT_EQ(affine(g, g->b, 3, 2, 7, 0), 0);
  EXPECT_EQ(affine(g, g->a, 4, 1, 2, 0), 0);
  EXPECT_EQ(d->event_record(g->join, g->b), 0);
  if (joins) EXPECT_EQ(d->stream_wait_event(g->a, g->join, 0), 0);
  EXPECT_EQ(affine(g, g->a, 5, 3, 1, 3), 0);
  EXPECT_EQ(affine(g, g->a, 1, -1, 0, 0), 0); /* spoils what the branch reads: it must be done by then */
}

TEST_ON_DRIVERS(driver_graph, streams_join_a_capture_through_events) {
  graph_fixture g;
  ASSERT_TRUE(open_graph(env->device, &g));
  int status = -1;
  ASSERT_EQ(begin(&g), 0);
  capture_diamond(&g, true);
  EXPECT_EQ(g.driver->stream_is_capturing(g.b, &status), 0);
  EXPECT_EQ(status, LAZY_DRIVER_CAPTURE_ACTIVE);
  lazy_driver_exec exec = finish(&g);
  EXPECT_EQ(g.driver->stream_is_capturing(g.b, &status), 0);
  EXPECT_EQ(status, LAZY_DRIVER_CAPTURE_NONE);
  for (uint64_t seed = 1; seed <= 300; seed++) {
    check_device()->set_schedule(seed);
    EXPECT_EQ(affine(&g, g.c, 0, -1, 0, seed), 0);
    EXPECT_EQ(g.driver->graph_launch(exec, g.c), 0);
    ASSERT_EQ(first_word(&g, 5, g.c), 49 * (seed + 1) + 3);
  }
  check_device()->set_schedule(1);
  EXPECT_EQ(g.driver->graph_exec_destroy(exec), 0);
  close_graph(&g);
}

/* The same with two captured branches that race: some seed shows it. */
TEST(driver_graph, a_missing_edge_shows_in_a_replay) {
  graph_fixture g;
  ASSERT_TRUE(open_graph(env->device, &g));
  ASSERT_EQ(begin(&g), 0);
  EXPECT_EQ(g.driver->event_record(g.fork, g.a), 0);
  EXPECT_EQ(g.driver->stream_wait_event(g.b, g.fork, 0), 0);
  EXPECT_EQ(affine(&g, g.b, 1, 0, 1, 1), 0);
  EXPECT_EQ(affine(&g, g.a, 2, 1, 1, 0), 0); /* reads what b writes */
  EXPECT_EQ(g.driver->event_record(g.join, g.b), 0);
  EXPECT_EQ(g.driver->stream_wait_event(g.a, g.join, 0), 0);
  lazy_driver_exec exec = finish(&g);
  int right = 0, wrong = 0;
  for (uint64_t seed = 1; seed <= 100; seed++) {
    check_device()->set_schedule(seed);
    EXPECT_EQ(affine(&g, g.c, 0, -1, 0, seed), 0);
    EXPECT_EQ(affine(&g, g.c, 1, -1, 0, 0), 0);
    EXPECT_EQ(g.driver->graph_launch(exec, g.c), 0);
    if (first_word(&g, 2, g.c) == seed + 1) right++;
    else wrong++;
  }
  EXPECT_GT(right, 10);
  EXPECT_GT(wrong, 10);
  check_device()->set_schedule(1);
  EXPECT_EQ(g.driver->graph_exec_destroy(exec), 0);
  close_graph(&g);
}

TEST_ON_DRIVERS(driver_graph, a_branch_left_out_is_unjoined) {
  graph_fixture g;
  ASSERT_TRUE(open_graph(env->device, &g));
  lazy_driver_graph graph = NULL;
  ASSERT_EQ(begin(&g), 0);
  capture_diamond(&g, false);
  EXPECT_EQ(g.driver->stream_end_capture(g.a, &graph), LAZY_DRIVER_CAPTURE_UNJOINED);
  EXPECT_TRUE(graph == NULL);
  /* both streams work again */
  EXPECT_EQ(affine(&g, g.b, 6, -1, 0, 9), 0);
  EXPECT_EQ(first_word(&g, 6, g.b), 9u);
  EXPECT_EQ(affine(&g, g.a, 6, -1, 0, 8), 0);
  EXPECT_EQ(first_word(&g, 6, g.a), 8u);
  close_graph(&g);
}

/* Launches of one exec never overlap, on whichever streams: each doubles a row in two steps. */
TEST_ON_DRIVERS(driver_graph, launches_of_one_exec_run_one_after_another) {
  graph_fixture g;
  ASSERT_TRUE(open_graph(env->device, &g));
  ASSERT_EQ(begin(&g), 0);
  EXPECT_EQ(affine(&g, g.a, 1, 0, 1, 0), 0);
  EXPECT_EQ(affine(&g, g.a, 0, 1, 3, 1), 0);
  lazy_driver_exec exec = finish(&g);
  for (uint64_t seed = 0; seed <= 100; seed++) {
    check_device()->set_schedule(seed); /* 0: the pool */
    uint64_t wanted = seed;
    EXPECT_EQ(affine(&g, g.a, 0, -1, 0, seed), 0);
    EXPECT_EQ(g.driver->stream_synchronize(g.a), 0);
    const lazy_driver_stream streams[] = {g.a, g.b, g.c};
    for (int i = 0; i < 9; i++) {
      EXPECT_EQ(g.driver->graph_launch(exec, streams[(i * 5 + (int)seed) % 3]), 0);
      wanted = 3 * wanted + 1;
    }
    for (int i = 0; i < 3; i++) EXPECT_EQ(g.driver->stream_synchronize(streams[i]), 0);
    ASSERT_EQ(first_word(&g, 0, g.a), wanted);
  }
  check_device()->set_schedule(1);
  EXPECT_EQ(g.driver->graph_exec_destroy(exec), 0);
  close_graph(&g);
}

static void add_one(void *user) { ++*(int *)user; }

TEST_ON_DRIVERS(driver_graph, host_functions_and_large_parameters_are_captured) {
  graph_fixture g;
  ASSERT_TRUE(open_graph(env->device, &g));
  int count = 0;
  lazy_driver_address large;
  ASSERT_EQ(g.driver->mem_alloc(&large, 4096), 0);
  struct fixture_large params = {.to = large};
  check_random_fill(env, params.payload, sizeof params.payload);
  unsigned char kept[sizeof params.payload], found[sizeof params.payload];
  memcpy(kept, params.payload, sizeof kept);
  void *parameters[] = {&params};
  ASSERT_EQ(begin(&g), 0);
  EXPECT_EQ(g.driver->launch_host_func(g.a, add_one, &count), 0);
  EXPECT_EQ(g.driver->launch_kernel(g.f.large, 1, 1, 1, 1, 1, 1, 0, g.a, parameters, NULL), 0);
  EXPECT_EQ(g.driver->launch_host_func(g.a, add_one, &count), 0);
  EXPECT_EQ(g.driver->memcpy_dtoh_async(found, large, sizeof found, g.a), 0);
  memset(&params, 0, sizeof params); /* the launch took a copy */
  lazy_driver_exec exec = finish(&g);
  EXPECT_EQ(count, 0);
  for (int i = 1; i <= 5; i++) {
    memset(found, 0, sizeof found);
    EXPECT_EQ(g.driver->graph_launch(exec, g.b), 0);
    EXPECT_EQ(g.driver->stream_synchronize(g.b), 0);
    EXPECT_EQ(count, 2 * i);
    EXPECT_BYTES_EQ(found, kept, sizeof found);
  }
  EXPECT_EQ(g.driver->graph_exec_destroy(exec), 0);
  EXPECT_EQ(g.driver->mem_free(large), 0);
  close_graph(&g);
}

TEST_ON_DRIVERS(driver_graph, empty_graphs_and_destroyed_ones) {
  graph_fixture g;
  ASSERT_TRUE(open_graph(env->device, &g));
  ASSERT_EQ(begin(&g), 0);
  lazy_driver_exec empty = finish(&g);
  EXPECT_EQ(g.driver->graph_launch(empty, g.a), 0);
  EXPECT_EQ(g.driver->stream_synchronize(g.a), 0);
  EXPECT_EQ(g.driver->graph_exec_destroy(empty), 0);
  /* destroyed while launches are under way: they still run */
  ASSERT_EQ(begin(&g), 0);
  EXPECT_EQ(affine(&g, g.a, 0, 0, 2, 1), 0);
  lazy_driver_exec exec = finish(&g);
  for (int i = 0; i < 10; i++) EXPECT_EQ(g.driver->graph_launch(exec, i % 2 ? g.a : g.b), 0);
  EXPECT_EQ(g.driver->graph_exec_destroy(exec), 0);
  EXPECT_EQ(g.driver->stream_synchronize(g.b), 0);
  EXPECT_EQ(first_word(&g, 0, g.a), 1023u);
  close_graph(&g);
}

/* ---- what a capture forbids ---- */

static void expect_dead(const graph_fixture *g, const char *what) {
  CHECK_CASE("%s", what);
  lazy_driver_graph graph = NULL;
  int status = -1;
  EXPECT_EQ(g->driver->stream_is_capturing(g->a, &status), 0);
  EXPECT_EQ(status, LAZY_DRIVER_CAPTURE_DEAD);
  EXPECT_EQ(affine(g, g->a, 1, 0, 1, 1), LAZY_DRIVER_CAPTURE_INVALIDATED);
  EXPECT_EQ(g->driver->event_record(g->fork, g->a), LAZY_DRIVER_CAPTURE_INVALIDATED);
  EXPECT_EQ(g->driver->stream_end_capture(g->a, &graph), LAZY_DRIVER_CAPTURE_INVALIDATED);
  EXPECT_TRUE(graph == NULL);
  EXPECT_EQ(affine(g, g->a, 1, -1, 0, 4), 0); /* the stream works again */
  EXPECT_EQ(first_word(g, 1, g->a), 4u);
}

static void *alloc_elsewhere(void *user) {
  graph_fixture *g = user;
  lazy_driver_address address = 0;
  intptr_t result = g->driver->ctx_push(g->f.device.context);
  if (result == 0) result = g->driver->mem_alloc(&address, 16);
  if (result == 0) result = g->driver->mem_free(address);
  lazy_driver_context popped;
  (void)g->driver->ctx_pop(&popped);
  return (void *)result;
}
static intptr_t on_another_thread(void *(*function)(void *), graph_fixture *g) {
  pthread_t thread;
  void *result = NULL;
  EXPECT_EQ(pthread_create(&thread, NULL, function, g), 0);
  pthread_join(thread, &result);
  return (intptr_t)result;
}
static void *end_elsewhere(void *user) {
  graph_fixture *g = user;
  lazy_driver_graph graph = NULL;
  intptr_t result = g->driver->ctx_push(g->f.device.context);
  if (result == 0) result = g->driver->stream_end_capture(g->a, &graph);
  lazy_driver_context popped;
  (void)g->driver->ctx_pop(&popped);
  return (void *)result;
}

TEST_ON_DRIVERS(driver_graph, illegal_calls_invalidate_a_capture) {
  graph_fixture g;
  ASSERT_TRUE(open_graph(env->device, &g));
  const lazy_driver *d = g.driver;
  lazy_driver_address address = 0;
  void *pinned = NULL;
  ASSERT_EQ(begin(&g), 0);
  EXPECT_EQ(d->stream_synchronize(g.a), LAZY_DRIVER_CAPTURE_UNSUPPORTED);
  expect_dead(&g, "synchronize");
  ASSERT_EQ(begin(&g), 0);
  EXPECT_EQ(d->stream_query(g.a), LAZY_DRIVER_CAPTURE_UNSUPPORTED);
  expect_dead(&g, "query");
  ASSERT_EQ(begin(&g), 0);
  EXPECT_EQ(d->mem_alloc(&address, 64), LAZY_DRIVER_CAPTURE_UNSUPPORTED);
  expect_dead(&g, "mem_alloc");
  ASSERT_EQ(begin(&g), 0);
  EXPECT_EQ(d->mem_free(g.memory), LAZY_DRIVER_CAPTURE_UNSUPPORTED);
  expect_dead(&g, "mem_free");
  ASSERT_EQ(begin(&g), 0);
  EXPECT_EQ(d->host_alloc(&pinned, 64, 0), LAZY_DRIVER_CAPTURE_UNSUPPORTED);
  expect_dead(&g, "host_alloc");
  ASSERT_EQ(begin(&g), 0);
  EXPECT_EQ(d->event_record(g.fork, g.a), 0);
  EXPECT_EQ(d->event_synchronize(g.fork), LAZY_DRIVER_CAPTURED_EVENT);
  expect_dead(&g, "event_synchronize");
  EXPECT_EQ(d->stream_wait_event(g.b, g.fork, 0), LAZY_DRIVER_INVALID_VALUE); /* its capture is over */
  EXPECT_EQ(d->event_record(g.fork, g.b), 0);
  EXPECT_EQ(d->event_synchronize(g.fork), 0);
  /* an event from outside */
  ASSERT_EQ(begin(&g), 0);
  EXPECT_EQ(d->stream_wait_event(g.a, g.fork, 0), LAZY_DRIVER_CAPTURE_ISOLATION);
  expect_dead(&g, "isolation");
  /* two captures */
  ASSERT_EQ(begin(&g), 0);
  ASSERT_EQ(d->stream_begin_capture(g.b, LAZY_DRIVER_CAPTURE_MODE_RELAXED), 0);
  EXPECT_EQ(d->event_record(g.join, g.b), 0);
  EXPECT_EQ(d->stream_wait_event(g.a, g.join, 0), LAZY_DRIVER_CAPTURE_MERGE);
  expect_dead(&g, "merge");
  lazy_driver_graph graph = NULL;
  EXPECT_EQ(d->stream_end_capture(g.b, &graph), LAZY_DRIVER_CAPTURE_INVALIDATED);
  close_graph(&g);
}

TEST_ON_DRIVERS(driver_graph, beginning_and_ending_in_the_wrong_place) {
  graph_fixture g;
  ASSERT_TRUE(open_graph(env->device, &g));
  const lazy_driver *d = g.driver;
  lazy_driver_graph graph = NULL;
  EXPECT_EQ(d->stream_begin_capture(NULL, 1), LAZY_DRIVER_CAPTURE_UNSUPPORTED);
  EXPECT_EQ(d->stream_begin_capture(g.a, 3), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(d->stream_end_capture(g.a, &graph), LAZY_DRIVER_ILLEGAL_STATE);
  ASSERT_EQ(begin(&g), 0);
  EXPECT_EQ(begin(&g), LAZY_DRIVER_ILLEGAL_STATE);
  EXPECT_EQ(d->event_record(g.fork, g.a), 0);
  EXPECT_EQ(d->stream_wait_event(g.b, g.fork, 0), 0);
  EXPECT_EQ(d->stream_end_capture(g.b, &graph), LAZY_DRIVER_CAPTURE_UNMATCHED);
  EXPECT_EQ(on_another_thread(end_elsewhere, &g), (intptr_t)LAZY_DRIVER_CAPTURE_INVALIDATED);
  EXPECT_EQ(d->stream_end_capture(g.a, &graph), LAZY_DRIVER_ILLEGAL_STATE);
  ASSERT_EQ(begin(&g), 0);
  EXPECT_EQ(on_another_thread(end_elsewhere, &g), (intptr_t)LAZY_DRIVER_CAPTURE_WRONG_THREAD);
  EXPECT_EQ(d->stream_end_capture(g.a, &graph), LAZY_DRIVER_ILLEGAL_STATE); /* that ended it */
  ASSERT_EQ(begin(&g), 0);
  EXPECT_EQ(on_another_thread(alloc_elsewhere, &g), (intptr_t)0); /* the mode is this thread's */
  EXPECT_EQ(d->stream_end_capture(g.a, &graph), 0);
  EXPECT_EQ(d->graph_instantiate(NULL, graph, 0), LAZY_DRIVER_INVALID_VALUE);
  lazy_driver_exec exec = NULL;
  EXPECT_EQ(d->graph_instantiate(&exec, graph, 1ull << 40), LAZY_DRIVER_INVALID_VALUE);
  EXPECT_EQ(d->graph_destroy(graph), 0);
  EXPECT_DEAD(d->graph_destroy(graph));
  EXPECT_DEAD(d->graph_instantiate(&exec, graph, 0));
  /* a global one forbids it on every thread, a relaxed one on none */
  ASSERT_EQ(d->stream_begin_capture(g.a, LAZY_DRIVER_CAPTURE_MODE_GLOBAL), 0);
  EXPECT_EQ(on_another_thread(alloc_elsewhere, &g), (intptr_t)LAZY_DRIVER_CAPTURE_UNSUPPORTED);
  EXPECT_EQ(d->stream_end_capture(g.a, &graph), LAZY_DRIVER_CAPTURE_INVALIDATED);
  ASSERT_EQ(d->stream_begin_capture(g.a, LAZY_DRIVER_CAPTURE_MODE_RELAXED), 0);
  lazy_driver_address address;
  EXPECT_EQ(d->mem_alloc(&address, 16), 0);
  EXPECT_EQ(d->mem_free(address), 0);
  EXPECT_EQ(d->stream_end_capture(g.a, &graph), 0);
  EXPECT_EQ(d->graph_destroy(graph), 0);
  close_graph(&g);
}

/* ---- changes ---- */

TEST_ON_DRIVERS(driver_graph, a_kernel_node_takes_other_arguments_for_later_launches) {
  graph_fixture g;
  ASSERT_TRUE(open_graph(env->device, &g));
  const lazy_driver *d = g.driver;
  lazy_driver_graph graph = NULL;
  lazy_driver_exec exec = NULL;
  lazy_driver_node nodes[4] = {0};
  size_t count = 0;
  ASSERT_EQ(begin(&g), 0);
  EXPECT_EQ(d->memset_d8_async(row(&g, 0), 0, WORDS * 8, g.a), 0);
  EXPECT_EQ(affine(&g, g.a, 1, 0, 1, 5), 0);
  ASSERT_EQ(d->stream_end_capture(g.a, &graph), 0);
  ASSERT_EQ(d->graph_instantiate(&exec, graph, 0), 0);
  EXPECT_EQ(d->graph_get_nodes(graph, NULL, &count), 0);
  ASSERT_EQ(count, 2u);
  EXPECT_EQ(d->graph_get_nodes(graph, nodes, &count), 0);
  for (uint64_t addend = 1; addend < 10; addend++) {
    struct fixture_affine p = {row(&g, 1), row(&g, 0), WORDS, 1, addend};
    void *parameters[] = {&p};
    lazy_driver_kernel_node_params change = {g.f.affine, 2, 1, 1, 32, 1, 1, 0, parameters, NULL};
    EXPECT_EQ(d->graph_launch(exec, g.a), 0);
    EXPECT_EQ(d->memcpy_dtod_async(row(&g, 2), row(&g, 1), WORDS * 8, g.a), 0);
    EXPECT_EQ(d->graph_exec_kernel_node_set_params(exec, nodes[1], &change), 0);
    EXPECT_EQ(d->graph_launch(exec, g.a), 0);
    EXPECT_EQ(first_word(&g, 2, g.a), addend == 1 ? 5 : addend - 1); /* the launch before the change */
    EXPECT_EQ(first_word(&g, 1, g.a), addend);
    EXPECT_EQ(d->graph_exec_kernel_node_set_params(exec, nodes[0], &change), LAZY_DRIVER_INVALID_VALUE);
    EXPECT_EQ(d->graph_exec_kernel_node_set_params(exec, NULL, &change), LAZY_DRIVER_INVALID_VALUE);
    change.block_x = 0;
    EXPECT_EQ(d->graph_exec_kernel_node_set_params(exec, nodes[1], &change), LAZY_DRIVER_INVALID_VALUE);
  }
  EXPECT_EQ(d->graph_destroy(graph), 0);
  EXPECT_EQ(d->graph_exec_destroy(exec), 0);
  close_graph(&g);
}

/* ---- failures ---- */

TEST(driver_graph, every_allocation_may_fail) {
  graph_fixture g;
  ASSERT_TRUE(open_graph(env->device, &g));
  int64_t live = lazyi_memory_live();
  for (uint64_t n = 1;; n++) {
    CHECK_CASE("allocation %d", (int)n);
    lazy_driver_graph graph = NULL;
    lazy_driver_exec exec = NULL;
    struct fixture_large params = {.to = 0};
    void *parameters[] = {&params};
    lazyi_memory_fail_at(n);
    int result = begin(&g);
    bool began = result == 0;
    if (result == 0) result = g.driver->event_record(g.fork, g.a);
    if (result == 0) result = g.driver->stream_wait_event(g.b, g.fork, 0);
    if (result == 0) result = affine(&g, g.b, 1, 0, 1, 1);
    if (result == 0) result = g.driver->launch_kernel(g.f.large, 1, 1, 1, 1, 1, 1, 0, g.a, parameters, NULL);
    if (result == 0) result = g.driver->event_record(g.join, g.b);
    if (result == 0) result = g.driver->stream_wait_event(g.a, g.join, 0);
    int ended = began ? g.driver->stream_end_capture(g.a, &graph) : 0;
    if (result == 0) result = ended;
    if (result == 0) result = g.driver->graph_instantiate(&exec, graph, 0);
    lazyi_memory_fail_at(0);
    if (graph != NULL) EXPECT_EQ(g.driver->graph_destroy(graph), 0);
    if (exec != NULL) EXPECT_EQ(g.driver->graph_exec_destroy(exec), 0);
    if (result == 0) break;
    EXPECT_EQ(result, LAZY_DRIVER_OUT_OF_MEMORY);
    ASSERT_LT(n, 100u);
  }
  EXPECT_LE(lazyi_memory_live(), live + 4); /* the frontiers of two streams and two events are kept */
  EXPECT_EQ(affine(&g, g.a, 1, -1, 0, 7), 0);
  EXPECT_EQ(first_word(&g, 1, g.a), 7u);
  close_graph(&g);
}

TEST(driver_graph, a_fault_in_a_replay_loses_the_device) {
  graph_fixture g;
  for (uint64_t n = 1; n <= 5; n++) {
    CHECK_CASE("kernel %d", (int)n);
    ASSERT_TRUE(open_graph(env->device, &g));
    ASSERT_EQ(begin(&g), 0);
    capture_diamond(&g, true);
    lazy_driver_exec exec = finish(&g);
    check_device()->fault_at(n, LAZY_DRIVER_ILLEGAL_ADDRESS);
    for (int i = 0; i < 3; i++) EXPECT_EQ(g.driver->graph_launch(exec, i == 1 ? g.b : g.a), 0);
    EXPECT_EQ(g.driver->stream_synchronize(g.a), LAZY_DRIVER_ILLEGAL_ADDRESS);
    EXPECT_EQ(g.driver->graph_launch(exec, g.a), LAZY_DRIVER_ILLEGAL_ADDRESS);
    EXPECT_EQ(g.driver->graph_exec_destroy(exec), LAZY_DRIVER_ILLEGAL_ADDRESS);
    lazyi_device_leave(&g.f.device);
    lazyi_device_close(&g.f.device);
  }
}

/* The pool, several threads launching the same exec and another, and one that only waits. */
typedef struct hammer {
  const graph_fixture *g;
  lazy_driver_exec exec;
  lazy_driver_stream stream;
  int result;
} hammer;
static void *launch_often(void *user) {
  hammer *h = user;
  const lazy_driver *d = h->g->driver;
  h->result = d->ctx_push(h->g->f.device.context);
  for (int i = 0; i < 200 && h->result == 0; i++) {
    h->result = d->graph_launch(h->exec, h->stream);
    if (h->result == 0 && i % 16 == 0) h->result = d->stream_synchronize(h->stream);
  }
  if (h->result == 0) h->result = d->stream_synchronize(h->stream);
  lazy_driver_context popped;
  (void)d->ctx_pop(&popped);
  return NULL;
}

TEST_ON_DRIVERS(driver_graph, many_threads_launch_one_exec) {
  graph_fixture g;
  ASSERT_TRUE(open_graph(env->device, &g));
  check_device()->set_schedule(0);
  ASSERT_EQ(begin(&g), 0);
  EXPECT_EQ(affine(&g, g.a, 1, 0, 1, 0), 0);
  EXPECT_EQ(g.driver->event_record(g.fork, g.a), 0);
  EXPECT_EQ(g.driver->stream_wait_event(g.b, g.fork, 0), 0);
  EXPECT_EQ(affine(&g, g.b, 2, 1, 1, 1), 0);
  EXPECT_EQ(g.driver->event_record(g.join, g.b), 0);
  EXPECT_EQ(g.driver->stream_wait_event(g.a, g.join, 0), 0);
  EXPECT_EQ(affine(&g, g.a, 0, 2, 1, 0), 0);
  lazy_driver_exec exec = finish(&g);
  hammer hammers[3] = {{&g, exec, g.a, 0}, {&g, exec, g.b, 0}, {&g, exec, g.c, 0}};
  pthread_t threads[3];
  for (int i = 0; i < 3; i++) ASSERT_EQ(pthread_create(&threads[i], NULL, launch_often, &hammers[i]), 0);
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < 3; i++) EXPECT_EQ(hammers[i].result, 0);
  EXPECT_EQ(first_word(&g, 0, g.a), 600u);
  EXPECT_EQ(g.driver->graph_exec_destroy(exec), 0);
  check_device()->set_schedule(1);
  close_graph(&g);
}
