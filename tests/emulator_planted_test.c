/* Planted bugs (tests/emulator/litmus/planted.cu): each is told as what it is, at its line. Beside those that
   lie in how kernels are launched, the same done right, of which nothing is told. */
#include <stdio.h>

#include "tests/check_device.h"
#include "tests/emulator_rig.h"

enum { INVALID_VALUE = 1, ILLEGAL_ADDRESS = 700, MISALIGNED_ADDRESS = 716, LAUNCH_FAILED = 719, WORDS = 64 };

/* ---- what was told ---- */

/* "planted.cu:12" for each line of the kernel with a bug; false: none is left. */
static bool bug_line(const char *source, const char *kernel, int nth, char place[64]) {
  char head[128];
  (void)snprintf(head, sizeof head, " %s(", kernel);
  const char *at = strstr(source, head), *end = at != NULL ? strstr(at, "\n}\n") : NULL;
  int line = 1;
  if (end == NULL) return false;
  for (const char *c = source; c < at; c++) line += *c == '\n';
  for (; at < end; at++) {
    line += *at == '\n';
    if (strncmp(at, "// bug", 6) != 0 || nth-- > 0) continue;
    (void)snprintf(place, 64, "planted.cu:%d", line);
    return true;
  }
  return false;
}

/* Every report is of that trouble and that kernel, and says where. Forgets them. */
static void expect_trouble(emu_rig *rig, const char *kernel, const char *trouble) {
  char name[128];
  (void)snprintf(name, sizeof name, "; kernel %s, block (", kernel);
  EXPECT_GE(rig->control->report_count(), 1u);
  for (size_t i = 0; i < rig->control->report_count(); i++) {
    const char *text = rig->control->report_text(i);
    EXPECT_CONTAINS(text, trouble);
    EXPECT_CONTAINS(text, name);
    EXPECT_CONTAINS(text, ", thread (");
    EXPECT_CONTAINS(text, ", PTX line ");
  }
  rig->control->report_clear();
}

/* The same, and one of them is at a line with a bug. */
static void expect_told(emu_rig *rig, const char *kernel, const char *trouble) {
  char place[64];
  bool found = rig->control->report_count() == 0; /* which expect_trouble tells of */
  char *source = check_read(LAZYRT_SOURCE_DIR "/tests/emulator/litmus/planted.cu");
  ASSERT_TRUE(source != NULL);
  for (size_t i = 0; i < rig->control->report_count(); i++) {
    const char *text = rig->control->report_text(i);
    for (int nth = 0; bug_line(source, kernel, nth, place); nth++) {
      const char *at = strstr(text, place);
      found = found || (at != NULL && at[strlen(place)] == ')');
    }
  }
  free(source);
  if (!found) FAIL("no line with the bug in \"%s\"", rig->control->report_text(0));
  expect_trouble(rig, kernel, trouble);
}

static void expect_silence(emu_rig *rig) {
  for (size_t i = 0; i < rig->control->report_count(); i++) FAIL("%s", rig->control->report_text(i));
  rig->control->report_clear();
}

/* ---- within a launch ---- */

static const uint32_t zeros[WORDS];

static void misses_barriers(check_env *env, emu_rig *rig) {
  (void)env;
  uint32_t rounds = 3;
  lazy_driver_address in = rig_zeros(rig, 4 * WORDS * 3), out = rig_room(rig, 4 * WORDS);
  RIG_RUN(rig, "missing_barrier", RIG_LINE(1, WORDS), &in, &out);
  expect_told(rig, "missing_barrier", "race in shared memory");
  RIG_RUN(rig, "missing_second_barrier", RIG_LINE(1, WORDS), &in, &out, &rounds);
  expect_told(rig, "missing_second_barrier", "race in shared memory");
  rounds = 1;
  RIG_RUN(rig, "missing_second_barrier", RIG_LINE(1, WORDS), &in, &out, &rounds);
  expect_silence(rig); /* one barrier is enough for one round */
  RIG_RUN(rig, "missing_syncwarp", RIG_LINE(1, 32), &in, &out);
  expect_told(rig, "missing_syncwarp", "race in shared memory");
}

static void races_between_blocks(check_env *env, emu_rig *rig) {
  (void)env;
  lazy_driver_address sum = rig_zeros(rig, 4), flag = rig_zeros(rig, 4), value = rig_room(rig, 4),
                      out = rig_room(rig, 4);
  RIG_RUN(rig, "missing_atomic", RIG_LINE(2, 1), &sum);
  expect_trouble(rig, "missing_atomic", "race in global memory"); /* at the line of who came second */
  RIG_RUN(rig, "missing_fence", RIG_LINE(2, 1), &value, &flag, &out);
  expect_told(rig, "missing_fence", "race in global memory");
}

static void stores_past_the_end(check_env *env, emu_rig *rig) {
  (void)env;
  uint32_t count = WORDS;
  lazy_driver_address out = rig_room(rig, 4 * WORDS);
  EXPECT_EQ(rig_launch(rig, "one_past_the_end", RIG_LINE(2, 48), (void *[]){&out, &count}), ILLEGAL_ADDRESS);
  EXPECT_CONTAINS(rig->control->report_text(0), "of 256 bytes");
  EXPECT_CONTAINS(rig->control->report_text(0), "block (1,0,0), thread (16,0,0)");
  expect_told(rig, "one_past_the_end", "out of bounds");
}

static void stores_past_the_tile(check_env *env, emu_rig *rig) {
  (void)env;
  lazy_driver_address out = rig_room(rig, 4 * WORDS);
  rig_shape shape = RIG_LINE(1, WORDS);
  shape.shared_bytes = 4 * WORDS;
  EXPECT_EQ(rig_launch(rig, "one_past_the_tile", shape, (void *[]){&out}), ILLEGAL_ADDRESS);
  EXPECT_CONTAINS(rig->control->report_text(0), "the block's shared memory, which has 256");
  EXPECT_CONTAINS(rig->control->report_text(0), "thread (63,0,0)");
  expect_told(rig, "one_past_the_tile", "out of bounds");
}

static void reads_the_unwritten(check_env *env, emu_rig *rig) {
  (void)env;
  uint32_t count = WORDS, found[WORDS];
  lazy_driver_address in = rig_room(rig, 4 * WORDS), out = rig_room(rig, 4 * WORDS);
  RIG_RUN(rig, "unwritten_tile", RIG_LINE(1, WORDS), &out);
  EXPECT_CONTAINS(rig->control->report_text(0), "thread (0,0,0)");
  expect_told(rig, "unwritten_tile", "read of memory that nothing wrote");
  EXPECT_EQ(rig->driver.memcpy_htod_async(in, zeros, 4 * (WORDS - 1), NULL), 0); /* all but one */
  RIG_RUN(rig, "copies", RIG_LINE(2, 32), &in, &out, &count);
  EXPECT_CONTAINS(rig->control->report_text(0), "block (1,0,0), thread (31,0,0)");
  expect_told(rig, "copies", "read of memory that nothing wrote");
  EXPECT_EQ(rig->driver.memcpy_htod_async(in + 4 * (WORDS - 1), zeros, 4, NULL), 0);
  RIG_RUN(rig, "copies", RIG_LINE(2, 32), &in, &out, &count);
  rig_get(rig, found, out, sizeof found);
  EXPECT_BYTES_EQ(found, zeros, sizeof zeros);
  expect_silence(rig);
}

static void diverges(check_env *env, emu_rig *rig) {
  (void)env;
  lazy_driver_address out = rig_room(rig, 4 * WORDS);
  EXPECT_EQ(rig_launch(rig, "divergent_barrier", RIG_LINE(1, WORDS), (void *[]){&out}), LAUNCH_FAILED);
  expect_told(rig, "divergent_barrier", "divergent barrier");
}

static void is_misaligned(check_env *env, emu_rig *rig) {
  (void)env;
  lazy_driver_address in = rig_zeros(rig, 4 * WORDS), out = rig_room(rig, 4 * WORDS);
  EXPECT_EQ(rig_launch(rig, "misaligned", RIG_LINE(1, 32), (void *[]){&in, &out}), MISALIGNED_ADDRESS);
  EXPECT_CONTAINS(rig->control->report_text(0), "thread (1,0,0)");
  expect_told(rig, "misaligned", "misaligned access");
}

#define PLANTED(name, body) \
  TEST(emulator_planted, name) { rig_each(env, "planted", "75 100", body); }
PLANTED(missing_barrier, misses_barriers)
PLANTED(missing_atomic_and_fence, races_between_blocks)
PLANTED(store_one_past_the_end, stores_past_the_end)
PLANTED(store_one_past_the_shared_end, stores_past_the_tile)
PLANTED(read_of_unwritten_memory, reads_the_unwritten)
PLANTED(divergent_barrier, diverges)
PLANTED(misaligned_access, is_misaligned)

/* ---- in how they are launched ---- */

typedef struct launch_args {
  uint64_t out;
  uint32_t value, count;
} launch_args;

static int fill_on(emu_rig *rig, lazy_driver_stream stream, uint64_t out) {
  lazy_driver_function function;
  uint32_t value = 7, count = WORDS;
  if (rig->driver.module_get_function(&function, rig->module, "fills") != 0) return -1;
  return rig->driver.launch_kernel(function, 2, 1, 1, 32, 1, 1, 0, stream, (void *[]){&out, &value, &count},
                                   NULL);
}

static int copy_on(emu_rig *rig, lazy_driver_stream stream, uint64_t in, uint64_t out) {
  lazy_driver_function function;
  uint32_t count = WORDS;
  if (rig->driver.module_get_function(&function, rig->module, "copies") != 0) return -1;
  return rig->driver.launch_kernel(function, 2, 1, 1, 32, 1, 1, 0, stream, (void *[]){&in, &out, &count},
                                   NULL);
}

static void passes_another_size(check_env *env, emu_rig *rig) {
  (void)env;
  lazy_driver_function function;
  launch_args args = {rig_room(rig, 4 * WORDS), 7, WORDS};
  size_t bytes = sizeof args - sizeof args.count;
  void *extra[] = {(void *)1, &args, (void *)2, &bytes, (void *)0};
  ASSERT_EQ(rig->driver.module_get_function(&function, rig->module, "fills"), 0);
  EXPECT_EQ(rig->driver.launch_kernel(function, 2, 1, 1, 32, 1, 1, 0, NULL, NULL, extra), INVALID_VALUE);
  rig_expect_report(rig, "bad parameters: found a buffer of 12 bytes, wanted 16; fills");
  bytes = sizeof args;
  EXPECT_EQ(rig->driver.launch_kernel(function, 2, 1, 1, 32, 1, 1, 0, NULL, NULL, extra), 0);
  EXPECT_EQ(rig->driver.stream_synchronize(NULL), 0);
  expect_silence(rig);
}

static void passes_a_host_pointer(check_env *env, emu_rig *rig) {
  (void)env;
  uint32_t *words = calloc(WORDS, sizeof *words);
  uint64_t out = (uint64_t)(uintptr_t)words;
  EXPECT_EQ(fill_on(rig, NULL, out), 0);
  EXPECT_EQ(rig->driver.stream_synchronize(NULL), ILLEGAL_ADDRESS);
  expect_told(rig, "fills", "host pointer");
  EXPECT_BYTES_EQ(words, zeros, sizeof zeros);
  free(words);
}

/* Two streams that do not wait for the default one. */
static bool open_streams(emu_rig *rig, lazy_driver_stream streams[2]) {
  return EXPECT_EQ(rig->driver.stream_create(&streams[0], 1), 0) &&
         EXPECT_EQ(rig->driver.stream_create(&streams[1], 1), 0);
}

static void close_streams(emu_rig *rig, lazy_driver_stream streams[2]) {
  for (int i = 0; i < 2; i++) {
    EXPECT_EQ(rig->driver.stream_synchronize(streams[i]), 0);
    EXPECT_EQ(rig->driver.stream_destroy(streams[i]), 0);
  }
}

/* Whoever comes second at a place is told, of one or of both. */
static void expect_race_of(emu_rig *rig, const char *reader, const char *writer) {
  EXPECT_GE(rig->control->report_count(), 1u);
  for (size_t i = 0; i < rig->control->report_count(); i++) {
    const char *text = rig->control->report_text(i);
    const bool is_reader = strstr(text, " reads ") != NULL;
    char other[128];
    (void)snprintf(other, sizeof other,
                   " and %s, a command of another stream that nothing orders with it, %s there",
                   is_reader ? writer : reader, is_reader ? "wrote" : "read");
    EXPECT_CONTAINS(text, "race between commands: ");
    EXPECT_CONTAINS(text, other);
    EXPECT_CONTAINS(text, is_reader ? reader : writer);
  }
  rig->control->report_clear();
}

static void misses_an_edge(check_env *env, emu_rig *rig) {
  (void)env;
  uint32_t found[WORDS];
  lazy_driver_stream streams[2];
  lazy_driver_event event;
  lazy_driver_address in = rig_put(rig, zeros, sizeof zeros), out = rig_room(rig, sizeof zeros);
  if (!open_streams(rig, streams) || !EXPECT_EQ(rig->driver.event_create(&event, 2), 0)) return;
  for (int has_edge = 1; has_edge >= 0; has_edge--) {
    EXPECT_EQ(fill_on(rig, streams[0], in), 0);
    EXPECT_EQ(rig->driver.event_record(event, streams[0]), 0);
    if (has_edge) EXPECT_EQ(rig->driver.stream_wait_event(streams[1], event, 0), 0);
    EXPECT_EQ(copy_on(rig, streams[1], in, out), 0);
    for (int i = 0; i < 2; i++) EXPECT_EQ(rig->driver.stream_synchronize(streams[i]), 0);
    if (has_edge) expect_silence(rig);
  }
  expect_race_of(rig, "copies", "fills");
  EXPECT_EQ(fill_on(rig, streams[0], in), 0); /* and of a copy to the host */
  EXPECT_EQ(rig->driver.memcpy_dtoh_async(found, in, sizeof found, streams[1]), 0);
  for (int i = 0; i < 2; i++) EXPECT_EQ(rig->driver.stream_synchronize(streams[i]), 0);
  expect_race_of(rig, "copy", "fills");
  EXPECT_EQ(rig->driver.event_destroy(event), 0);
  close_streams(rig, streams);
}

/* A stream that goes on with a buffer after it was freed, by a launch or by a graph made before. */
static void uses_a_freed_buffer(check_env *env, emu_rig *rig, bool by_graph) {
  (void)env;
  lazy_driver_stream streams[2];
  lazy_driver_graph graph = NULL;
  lazy_driver_exec exec = NULL;
  lazy_driver_address buffer;
  ASSERT_EQ(rig->driver.mem_alloc(&buffer, 4 * WORDS), 0);
  if (!open_streams(rig, streams)) return;
  if (by_graph) {
    EXPECT_EQ(rig->driver.stream_begin_capture(streams[0], 2), 0);
    EXPECT_EQ(fill_on(rig, streams[0], buffer), 0);
    EXPECT_EQ(rig->driver.stream_end_capture(streams[0], &graph), 0);
    EXPECT_EQ(rig->driver.graph_instantiate(&exec, graph, 0), 0);
    EXPECT_EQ(rig->driver.graph_launch(exec, streams[0]), 0);
  } else {
    EXPECT_EQ(fill_on(rig, streams[0], buffer), 0);
  }
  EXPECT_EQ(rig->driver.mem_free(buffer), 0);
  expect_silence(rig); /* freeing waited for it */
  if (by_graph) EXPECT_EQ(rig->driver.graph_launch(exec, streams[1]), 0);
  else EXPECT_EQ(fill_on(rig, streams[1], buffer), 0);
  EXPECT_EQ(rig->driver.stream_synchronize(streams[1]), ILLEGAL_ADDRESS);
  EXPECT_CONTAINS(rig->control->report_text(0), "of 256 bytes");
  EXPECT_CONTAINS(rig->control->report_text(0), "which was freed");
  expect_told(rig, "fills", "use after free");
}

static void launches_on_a_freed_buffer(check_env *env, emu_rig *rig) { uses_a_freed_buffer(env, rig, false); }
static void replays_on_a_freed_buffer(check_env *env, emu_rig *rig) { uses_a_freed_buffer(env, rig, true); }

PLANTED(wrong_parameter_size, passes_another_size)
PLANTED(host_pointer, passes_a_host_pointer)
PLANTED(missing_event_edge, misses_an_edge)
PLANTED(freed_buffer_in_use_by_a_stream, launches_on_a_freed_buffer)
PLANTED(freed_buffer_in_use_by_a_graph, replays_on_a_freed_buffer)
