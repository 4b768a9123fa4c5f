/* Many threads: first forwards on one model, readers beside them, graphs side by side, contexts apart. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/model.h"

enum { THREADS = 6, ROWS = 2, WIDTH = 6 };

/* Runs one body per worker, all let go at once. */
typedef struct worker {
  pthread_t thread;
  pthread_barrier_t *start;
  int number;
  void (*body)(struct worker *self);
  lazy_context *context;
  lazy_module *net;
  lazy_graph *graph;
  lazy_array *x;
  lazy_status status;
  char words[256]; /* of a failure */
  float y[ROWS * WIDTH];
  const void *shared;
  uint64_t count;
} worker;

static void *run_worker(void *user) {
  worker *self = user;
  (void)pthread_barrier_wait(self->start);
  self->body(self);
  if (self->status != LAZY_STATUS_OK) snprintf(self->words, sizeof self->words, "%s", lazy_status_message());
  return NULL;
}

static void run_all(worker *workers, int count) {
  pthread_barrier_t start;
  (void)pthread_barrier_init(&start, NULL, (unsigned)count);
  for (int i = 0; i < count; i++) {
    workers[i].start = &start;
    workers[i].number = i;
    EXPECT_EQ(pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]), 0);
  }
  for (int i = 0; i < count; i++) (void)pthread_join(workers[i].thread, NULL);
  (void)pthread_barrier_destroy(&start);
}

/* Lazy layers, a user's lazy class, a layer of known sizes that waits for its draw, a tie. */
static lazy_module *mixed_model(lazy_context *context) {
  lazy_module *net = model_of(context, &lazy_class_sequential), *eager = NULL;
  const lazy_linear_options options = {WIDTH, WIDTH, true, LAZY_DTYPE_DEFAULT};
  model_add(net, "fc1", model_lazy_linear(context, WIDTH, true, LAZY_DTYPE_DEFAULT));
  model_add(net, "scale", model_of(context, &model_lazy_scale));
  EXPECT_OK(lazy_module_create(context, &lazy_class_linear, &options, &eager));
  model_add(net, "eager", eager);
  model_add(net, "fc2", model_lazy_linear(context, WIDTH, false, LAZY_DTYPE_DEFAULT));
  lazy_param *weight = NULL;
  if (EXPECT_OK(lazy_module_find_param(net, "fc1.weight", &weight)))
    EXPECT_OK(lazy_module_set_param(lazy_module_child_at(net, 3), "weight", weight));
  return net;
}

static lazy_context *open_context(check_env *env, lazy_stream stream) {
  lazy_context *context = NULL;
  const lazy_context_options options = {.struct_size = sizeof options, .seed = 23, .stream = stream};
  EXPECT_OK(lazy_context_open(env->device, &options, &context));
  return context;
}

static const float input_values[ROWS * WIDTH] = {1, -2, 3, 0.5f, 0.25f, -1, 2, 2, -0.5f, 1, 0, 3};
static lazy_array *make_input(lazy_context *context) {
  lazy_array *x = NULL;
  const lazy_shape shape = LAZY_DIMS(ROWS, WIDTH);
  EXPECT_OK(lazy_array_from_data(context, LAZY_DTYPE_F32, &shape, input_values, &x));
  return x;
}

static lazy_status forward(worker *self) {
  lazy_outputs outputs;
  LAZY_TRY(lazy_graph_forward(self->graph, LAZY_ARGS(lazy_value_array(self->x)), &outputs));
  return lazy_graph_download(self->graph, outputs.at[0], self->y, sizeof self->y);
}

static uint64_t parameter_bytes(lazy_context *context) {
  lazy_context_statistics statistics = {.struct_size = sizeof statistics};
  lazy_context_get_statistics(context, &statistics);
  return statistics.parameter_bytes;
}

/* What one thread alone finds. */
static uint64_t run_alone(check_env *env, lazy_stream stream, float *out_y, char **out_before,
                          char **out_after) {
  worker alone = {.context = open_context(env, stream)};
  lazy_module *net = mixed_model(alone.context);
  if (out_before != NULL) EXPECT_OK(lazy_module_to_string(net, out_before));
  EXPECT_OK(lazy_graph_create(net, NULL, &alone.graph));
  alone.x = make_input(alone.context);
  EXPECT_OK(forward(&alone));
  memcpy(out_y, alone.y, sizeof alone.y);
  if (out_after != NULL) EXPECT_OK(lazy_module_to_string(net, out_after));
  uint64_t bytes = parameter_bytes(alone.context);
  lazy_array_release(alone.x);
  lazy_graph_destroy(alone.graph);
  lazy_module_release(net);
  lazy_context_close(alone.context);
  return bytes;
}

/* ---- first forwards -------------------------------------------------------------------------------------
 */

/* In turn: a forward at once; a dry run and then a forward; a plan; a forward that does not fit. */
static void first_forward(worker *self) {
  lazy_plan *plan = NULL;
  switch (self->number % 4) {
    case 1: self->status = lazy_graph_dry_run(self->graph, LAZY_ARGS(LAZY_INPUT(ROWS, WIDTH))); break;
    case 2:
      self->status = lazy_graph_plan(self->graph, LAZY_ARGS(LAZY_INPUT(ROWS, WIDTH)), &plan);
      lazy_plan_release(plan);
      break;
    case 3:
      /* the layer of known sizes refuses what the first layer would learn of it, or, once that was settled,
         the first does */
      self->count =
          lazy_graph_dry_run(self->graph, LAZY_ARGS(LAZY_INPUT_OF(LAZY_DTYPE_F64, ROWS, WIDTH + 1))) !=
          LAZY_STATUS_OK;
      break;
    default: break;
  }
  for (int i = 0; i < 3 && self->status == LAZY_STATUS_OK; i++) self->status = forward(self);
}

static void first_forwards(check_env *env, lazy_stream stream) {
  float wanted[ROWS * WIDTH];
  uint64_t bytes = run_alone(env, stream, wanted, NULL, NULL);
  for (int round = 0; round < 8; round++) {
    worker workers[THREADS] = {0};
    lazy_context *context = open_context(env, stream);
    lazy_module *net = mixed_model(context);
    lazy_array *x = make_input(context);
    for (int i = 0; i < THREADS; i++) {
      workers[i].body = first_forward;
      workers[i].x = x;
      EXPECT_OK(lazy_graph_create(net, NULL, &workers[i].graph));
    }
    run_all(workers, THREADS);
    EXPECT_EQ(parameter_bytes(context), bytes); /* initialised once */
    for (int i = 0; i < THREADS; i++) {
      CHECK_CASE("thread %d: %s", i, workers[i].words);
      EXPECT_EQ(workers[i].status, LAZY_STATUS_OK);
      EXPECT_F32_BITS_EQ(workers[i].y, wanted, ROWS * WIDTH);
      if (i % 4 == 3) EXPECT_EQ(workers[i].count, 1);
      lazy_graph_destroy(workers[i].graph);
    }
    lazy_array_release(x);
    lazy_module_release(net);
    lazy_context_close(context);
  }
}

TEST_ON_DRIVERS(thread, first_forwards_on_one_model_initialise_it_once) {
  first_forwards(env, LAZY_STREAM_KEYED);
}
TEST_ON_DRIVERS(thread, first_forwards_under_a_torch_stream_too) {
  first_forwards(env, LAZY_STREAM_TORCH_CPU);
}

/* ---- readers --------------------------------------------------------------------------------------------
 */

typedef struct scene {
  const char *before, *after;
  size_t lazy_count; /* before */
  atomic_bool done;
} scene;

static lazy_status read_all(const worker *self, const lazy_state *state, size_t wanted) {
  for (size_t i = 0; i < lazy_state_count(state); i++) {
    lazy_spec spec;
    float values[WIDTH * WIDTH];
    if (!lazy_state_spec(state, i, &spec)) continue;
    size_t bytes = lazy_dtype_bytes(spec.dtype);
    for (int32_t d = 0; d < spec.shape.rank; d++) bytes *= (size_t)spec.shape.dims[d];
    LAZY_TRY(lazy_state_read(state, i, values, bytes));
  }
  lazy_report *report = NULL;
  LAZY_TRY(lazy_module_report_lazy(self->net, &report));
  size_t lazy_count = lazy_report_count(report);
  lazy_report_release(report);
  if (lazy_count == 0 || lazy_count == wanted) return LAZY_STATUS_OK;
  return lazy_status_fail(LAZY_STATUS_ASSERTION, "%zu parameters are lazy", lazy_count);
}

/* The tree is the one before or the one after, whole. */
static void keep_reading(worker *self) {
  scene *s = (scene *)(uintptr_t)self->shared;
  lazy_state *state = NULL;
  self->status = lazy_module_state(self->net, &state);
  bool done = false;
  while (self->status == LAZY_STATUS_OK && !done) {
    char *text = NULL;
    done = atomic_load(&s->done); /* one more look after the end */
    self->status = lazy_module_to_string(self->net, &text);
    if (self->status == LAZY_STATUS_OK && strcmp(text, s->before) != 0 && strcmp(text, s->after) != 0)
      self->status = lazy_status_fail(LAZY_STATUS_ASSERTION, "a tree that is neither: %.150s", text);
    lazy_string_free(text);
    if (self->status == LAZY_STATUS_OK) self->status = read_all(self, state, s->lazy_count);
    lazy_module *fc1 = lazy_module_child_at(self->net, 0);
    bool was_lazy = lazy_module_is_lazy(fc1);
    const lazy_class *type = lazy_module_class(fc1);
    if (self->status == LAZY_STATUS_OK && !was_lazy && type != &lazy_class_linear)
      self->status = lazy_status_fail(LAZY_STATUS_ASSERTION, "%s is not lazy", type->name);
    self->count++;
  }
  lazy_state_release(state);
}

static void settle_and_finish(worker *self) {
  if (self->number == 0) {
    self->status = lazy_graph_dry_run(self->graph, LAZY_ARGS(LAZY_INPUT(ROWS, WIDTH)));
    for (int i = 0; i < 5 && self->status == LAZY_STATUS_OK; i++) self->status = forward(self);
    atomic_store(&((scene *)(uintptr_t)self->shared)->done, true);
  } else {
    keep_reading(self);
  }
}

TEST_ON_DRIVERS(thread, readers_see_a_dry_run_whole) {
  char *before = NULL, *after = NULL;
  float wanted[ROWS * WIDTH];
  (void)run_alone(env, LAZY_STREAM_KEYED, wanted, &before, &after);
  for (int round = 0; round < 8; round++) {
    worker workers[4] = {0};
    scene s = {.before = before, .after = after};
    lazy_context *context = open_context(env, LAZY_STREAM_KEYED);
    lazy_module *net = mixed_model(context);
    lazy_report *report = NULL;
    ASSERT_OK(lazy_module_report_lazy(net, &report));
    s.lazy_count = lazy_report_count(report);
    lazy_report_release(report);
    for (int i = 0; i < 4; i++)
      workers[i].body = settle_and_finish, workers[i].net = net, workers[i].shared = &s;
    workers[0].x = make_input(context);
    EXPECT_OK(lazy_graph_create(net, NULL, &workers[0].graph));
    run_all(workers, 4);
    for (int i = 0; i < 4; i++) {
      CHECK_CASE("thread %d: %s", i, workers[i].words);
      EXPECT_EQ(workers[i].status, LAZY_STATUS_OK);
    }
    EXPECT_F32_BITS_EQ(workers[0].y, wanted, ROWS * WIDTH);
    lazy_array_release(workers[0].x);
    lazy_graph_destroy(workers[0].graph);
    lazy_module_release(net);
    lazy_context_close(context);
  }
  lazy_string_free(before), lazy_string_free(after);
}

/* ---- side by side ---------------------------------------------------------------------------------------
 */

/* Steady forwards, every one looked at. */
static void keep_running(worker *self) {
  for (int i = 0; i < 30 && self->status == LAZY_STATUS_OK; i++) {
    memset(self->y, 0xAB, sizeof self->y);
    self->status = forward(self);
    if (self->status == LAZY_STATUS_OK && memcmp(self->y, self->shared, sizeof self->y) != 0)
      self->status = lazy_status_fail(LAZY_STATUS_ASSERTION, "run %d gave other values", i);
  }
}

TEST_ON_DRIVERS(thread, graphs_on_one_real_model_run_side_by_side) {
  float wanted[ROWS * WIDTH];
  (void)run_alone(env, LAZY_STREAM_KEYED, wanted, NULL, NULL);
  worker workers[THREADS] = {0};
  lazy_context *context = open_context(env, LAZY_STREAM_KEYED);
  lazy_module *net = mixed_model(context);
  EXPECT_OK(lazy_module_dry_run(net, LAZY_ARGS(LAZY_INPUT(ROWS, WIDTH)), NULL));
  for (int i = 0; i < THREADS; i++) {
    const lazy_graph_options options = {.struct_size = sizeof options, .capture = i % 2 == 1};
    workers[i].body = keep_running;
    workers[i].shared = wanted;
    workers[i].x = make_input(context);
    EXPECT_OK(lazy_graph_create(net, &options, &workers[i].graph));
  }
  run_all(workers, THREADS);
  for (int i = 0; i < THREADS; i++) {
    CHECK_CASE("thread %d: %s", i, workers[i].words);
    EXPECT_EQ(workers[i].status, LAZY_STATUS_OK);
    lazy_array_release(workers[i].x);
    lazy_graph_destroy(workers[i].graph);
  }
  lazy_module_release(net);
  lazy_context_close(context);
}

/* Makes, runs, saves, loads and drops models of its own; in a context of its own, or in one that all share.
 */
static lazy_status whole_life(worker *self, lazy_context *context) {
  lazy_module *net = NULL, *again = NULL;
  const char *text = "Net(\n  (a): LazyLinear(5)\n  (b): ReLU()\n  (c): LazyLinear(3)\n)";
  LAZY_TRY(lazy_module_parse(context, text, &net));
  lazy_status status = lazy_module_dry_run(net, LAZY_ARGS(LAZY_INPUT(ROWS, WIDTH)), NULL);
  if (status == LAZY_STATUS_OK) status = lazy_module_save(net, self->shared);
  if (status == LAZY_STATUS_OK) status = lazy_module_parse(context, text, &again);
  if (status == LAZY_STATUS_OK) status = lazy_module_load(again, self->shared, NULL, NULL);
  if (status == LAZY_STATUS_OK) status = lazy_module_convert(again, LAZY_DTYPE_F16);
  lazy_module_release(again);
  lazy_module_release(net);
  return status;
}

static void live(worker *self) {
  for (int i = 0; i < 4 && self->status == LAZY_STATUS_OK; i++) {
    lazy_context *own = NULL, *context = self->context;
    const lazy_context_options options = {.struct_size = sizeof options, .seed = 3};
    if (context == NULL) {
      self->status = lazy_context_open("host", &options, &own);
      context = own;
    }
    if (self->status == LAZY_STATUS_OK) self->status = whole_life(self, context);
    if (own != NULL) lazy_context_close(own);
  }
}

static void lives(check_env *env, lazy_context *shared) {
  worker workers[THREADS] = {0};
  char paths[THREADS][512];
  for (int i = 0; i < THREADS; i++) {
    char name[32];
    snprintf(name, sizeof name, "thread-%d.safetensors", i);
    snprintf(paths[i], sizeof paths[i], "%s", check_path(env, name));
    workers[i].body = live;
    workers[i].context = shared;
    workers[i].shared = paths[i];
  }
  run_all(workers, THREADS);
  for (int i = 0; i < THREADS; i++) {
    CHECK_CASE("thread %d: %s", i, workers[i].words);
    EXPECT_EQ(workers[i].status, LAZY_STATUS_OK);
  }
}

TEST(thread, contexts_are_independent) { lives(env, NULL); }

TEST_ON_DRIVERS(thread, models_of_one_context_live_side_by_side) {
  lazy_context *context = open_context(env, LAZY_STREAM_KEYED);
  lives(env, context);
  EXPECT_EQ(parameter_bytes(context), 0);
  lazy_context_close(context);
}

TEST_ON_DRIVERS(thread, torch_streams_too) {
  lazy_context *context = open_context(env, LAZY_STREAM_TORCH_CPU);
  lives(env, context);
  lazy_context_close(context);
}
