#include "runtime/driver/fault.h"
#include "runtime/launch/launch.h"
#include "tests/check.h"
#include "tests/shape_model.h"

typedef struct fixture {
  lazyi_device device;
  lazyi_launcher launcher;
  lazy_driver_stream stream;
  lazyi_shape_infer *infer;
  bool entered;
} fixture;

static bool open_fixture(check_env *env, fixture *f) {
  *f = (fixture){0};
  if (!EXPECT_OK(lazyi_device_open(env->device, &f->device))) return false;
  if (!EXPECT_OK(lazyi_device_enter(&f->device))) return false;
  f->entered = true;
  return EXPECT_OK(lazyi_launcher_init(&f->device, &f->launcher)) &&
         EXPECT_OK(LAZYI_DRIVER(&f->device, stream_create, &f->stream, LAZY_DRIVER_STREAM_NON_BLOCKING)) &&
         EXPECT_OK(lazyi_shape_infer_create(&f->launcher, &f->infer));
}

static void close_fixture(fixture *f) {
  lazyi_shape_infer_destroy(f->infer);
  EXPECT_OK(LAZYI_DRIVER(&f->device, stream_destroy, f->stream));
  lazyi_launcher_deinit(&f->launcher);
  lazyi_device_leave(&f->device);
  lazyi_device_close(&f->device);
}

static bool is_fault(const check_env *env) { return strcmp(env->device, "fault") == 0; }

TEST_ON_DRIVERS(shape_infer, equals_the_rules_told_again) {
  static model m;
  static struct lazy_init_segment segments[MODEL_SLOTS];
  fixture f;
  if (!open_fixture(env, &f)) return;
  int fine = 0;
  for (int round = 0; round < 300; round++) {
    CHECK_CASE("round %d", round);
    model_make(env, &m, 3, (int)check_random_between(env, 0, 14), 6);
    if (round % 3 == 0) (void)lazyi_shape_table_evaluate(&m.table, (int32_t)m.table.nodes.count / 2 - 1);
    struct lazy_shape_error wanted = reference_walk(&m.table, m.shapes);
    lazyi_shape_answer answer;
    memset(&answer, 0xa5, sizeof answer);
    if (!EXPECT_OK(lazyi_shape_infer_run(f.infer, &m.table, f.stream, &answer))) break;
    if (wanted.code != 0) {
      (void)EXPECT_SAME_ERROR(answer.error, wanted);
      EXPECT_EQ(answer.device_segments, 0);
      continue;
    }
    struct lazy_infer_summary summary;
    if (!reference_segments(&m.table, m.shapes, segments, &summary)) {
      EXPECT_NE(answer.error.code, 0);
      EXPECT_EQ(answer.error.node, -1);
      continue;
    }
    fine++;
    EXPECT_EQ(answer.error.code, 0);
    EXPECT_BYTES_EQ(&answer.summary, &summary, sizeof summary);
    if (m.table.tickets.count != 0)
      EXPECT_BYTES_EQ(answer.segments, segments, m.table.tickets.count * sizeof *segments);
    for (int32_t slot = 0; slot < (int32_t)m.table.known.count; slot++) {
      lazy_shape shape = {.rank = -1};
      (void)lazyi_shape_table_get_row(&m.table, slot, &shape);
      if (!same_shape(&shape, m.shapes + slot)) FAIL("slot %d differs", slot);
    }
  }
  EXPECT_GT(fine, 50);
  lazyi_shape_table_deinit(&m.table);
  close_fixture(&f);
}

/* `count` linear layers in a row, as recording writes them. */
static void make_chain(lazyi_shape_table *table, int count) {
  lazyi_shape_table_clear(table);
  int32_t input, output, node, params[2];
  int64_t out = 4;
  (void)EXPECT_OK(lazyi_shape_table_add_row(table, &(lazy_shape){.rank = 2, .dims = {1, 7}}, &input));
  for (int i = 0; i < count; i++) {
    (void)EXPECT_OK(lazyi_shape_table_add_row(table, NULL, &params[0]));
    (void)EXPECT_OK(lazyi_shape_table_add_row(table, NULL, &params[1]));
    (void)EXPECT_OK(lazyi_shape_table_add_row(table, NULL, &output));
    const lazyi_shape_call call = {.rule = LAZY_RULE_LINEAR,
                                   .inputs = &input,
                                   .params = params,
                                   .outputs = &output,
                                   .input_count = 1,
                                   .param_count = 2,
                                   .output_count = 1,
                                   .attributes = &out,
                                   .attribute_count = 1};
    (void)EXPECT_OK(lazyi_shape_table_add_node(table, &call, &node));
    for (int k = 0; k < 2; k++) {
      const struct lazy_init_ticket ticket = {.slot = params[k],
                                              .fan_slot = params[0],
                                              .dtype = LAZY_DTYPE_F32,
                                              .rule = LAZY_INIT_UNIFORM,
                                              .scale = LAZY_SCALE_RSQRT_FAN_IN};
      (void)EXPECT_OK(lazyi_shape_table_add_ticket(table, &ticket));
    }
    input = output;
  }
}

TEST_ON_DRIVERS(shape_infer, one_upload_one_launch_one_read_back_one_wait) {
  fixture f;
  if (!open_fixture(env, &f)) return;
  lazyi_shape_table table = {0};
  lazyi_shape_answer answer;
  make_chain(&table, 1000);
  ASSERT_OK(lazyi_shape_infer_run(f.infer, &table, f.stream, &answer)); /* allocates */
  make_chain(&table, 1000);
  lazyi_fault_reset();
  uint64_t allocations = lazyi_memory_count();
  ASSERT_OK(lazyi_shape_infer_run(f.infer, &table, f.stream, &answer));
  EXPECT_EQ(lazyi_memory_count(), allocations);
  EXPECT_EQ(answer.error.code, 0);
  EXPECT_EQ(answer.summary.segment_count, 2000);
  EXPECT_EQ(answer.summary.element_count, 7 * 4 + 999 * 16 + 4000);
  if (is_fault(env)) {
    EXPECT_EQ(lazyi_fault_count(LAZY_DRIVER_CALL_memcpy_htod_async), 1);
    EXPECT_EQ(lazyi_fault_count(LAZY_DRIVER_CALL_launch_kernel), 1);
    EXPECT_EQ(lazyi_fault_count(LAZY_DRIVER_CALL_memcpy_dtoh_async), 1);
    EXPECT_EQ(lazyi_fault_count(LAZY_DRIVER_CALL_stream_synchronize), 1);
    EXPECT_EQ(lazyi_fault_total(), 4);
  }
  lazyi_shape_table_deinit(&table);
  close_fixture(&f);
}

/* Failures since the reset but those of a call that gives something back, whose error nobody has use for. */
static uint64_t failures_that_count(void) {
  uint64_t count = 0;
  lazyi_fault_entry entry;
  for (uint64_t i = 0; lazyi_fault_log_at(i, &entry); i++)
    count += entry.result != 0 && entry.row != LAZY_DRIVER_CALL_mem_free &&
             entry.row != LAZY_DRIVER_CALL_host_free;
  return count;
}

TEST_ON_FAULTS(shape_infer, any_driver_failure_is_reported_and_survived) {
  fixture f;
  if (!open_fixture(env, &f)) return;
  lazyi_shape_table table = {0};
  lazyi_shape_answer answer;
  for (uint64_t n = 1; n < 40; n++) {
    make_chain(&table, (int)n * 3); /* larger each time: memory grows too */
    lazyi_fault_reset();
    lazyi_fault_fail_at(1 + n % 8, LAZY_DRIVER_OUT_OF_MEMORY);
    lazy_status status = lazyi_shape_infer_run(f.infer, &table, f.stream, &answer);
    EXPECT_EQ(status == LAZY_STATUS_OK, failures_that_count() == 0);
    lazyi_fault_reset();
    EXPECT_OK(lazyi_shape_infer_run(f.infer, &table, f.stream, &answer));
    EXPECT_EQ(answer.summary.segment_count, 6 * n);
  }
  lazyi_shape_table_deinit(&table);
  close_fixture(&f);
}

/* Sets of one recording, one bad here and there, against each set walked by itself. */
static void compare_batch(check_env *env, fixture *f, model *m, int64_t set_count, bool with_totals) {
  static lazy_shape shapes[MODEL_SLOTS];
  int32_t input_slots[2] = {0, 1}, wanted_slots[MODEL_SLOTS], wanted_count = 0;
  for (int32_t slot = 0; slot < (int32_t)m->table.known.count; slot++)
    if (check_random_below(env, 3) == 0) wanted_slots[wanted_count++] = slot;
  size_t sets = (size_t)set_count;
  lazy_shape *inputs = lazyi_memory_calloc(sets * 2, sizeof *inputs);
  lazy_shape *wanted = lazyi_memory_calloc(sets * (size_t)wanted_count, sizeof *wanted);
  struct lazy_shape_error *errors = lazyi_memory_calloc(sets, sizeof *errors);
  lazyi_shape_total *totals = lazyi_memory_calloc(sets, sizeof *totals);
  for (size_t i = 0; i < sets * 2; i++) inputs[i] = random_shape(env, 4);
  check_random_fill(env, errors, sets * sizeof *errors);
  const lazyi_shape_batch batch = {.input_slots = input_slots,
                                   .input_count = 2,
                                   .inputs = inputs,
                                   .set_count = set_count,
                                   .wanted_slots = wanted_slots,
                                   .wanted_count = wanted_count};
  if (EXPECT_OK(lazyi_shape_infer_batch(f->infer, &m->table, &batch, f->stream, errors,
                                        with_totals ? totals : NULL, wanted)))
    for (size_t set = 0; set < sets; set++) {
      memcpy(shapes, m->shapes, sizeof shapes);
      shapes[0] = inputs[2 * set];
      shapes[1] = inputs[2 * set + 1];
      struct lazy_shape_error error = reference_walk(&m->table, shapes);
      struct lazy_infer_summary summary = {0};
      bool fits = error.code == 0;
      for (size_t t = 0; fits && with_totals && t < m->table.tickets.count; t++) {
        const struct lazy_init_ticket *ticket = m->table.tickets.at + t;
        int64_t count = reference_count(shapes + ticket->slot);
        summary.element_count += (uint64_t)count;
        summary.extent_bytes +=
            ((uint64_t)count * lazy_dtype_bytes((lazy_dtype)ticket->dtype) + 255) / 256 * 256;
        if (summary.extent_bytes >= (uint64_t)LAZY_DIM_LIMIT) fits = false;
      }
      if (error.code != 0 || fits) {
        if (!EXPECT_SAME_ERROR(errors[set], error)) break;
      } else {
        EXPECT_EQ(errors[set].code, LAZY_SHAPE_OVERFLOW);
      }
      if (with_totals && !EXPECT_EQ(totals[set].element_count, fits ? summary.element_count : 0)) break;
      if (with_totals && !EXPECT_EQ(totals[set].extent_bytes, fits ? summary.extent_bytes : 0)) break;
      for (int32_t i = 0; i < wanted_count; i++) {
        const lazy_shape *found = wanted + set * (size_t)wanted_count + (size_t)i;
        if (!fits) EXPECT_EQ(found->rank, -1);
        else if (!same_shape(found, shapes + wanted_slots[i]))
          FAIL("set %zu slot %d differs", set, wanted_slots[i]);
      }
    }
  lazyi_memory_free(inputs);
  lazyi_memory_free(wanted);
  lazyi_memory_free(errors);
  lazyi_memory_free(totals);
}

TEST_ON_DRIVERS(shape_infer, batch_equals_one_by_one) {
  static model m;
  fixture f;
  if (!open_fixture(env, &f)) return;
  for (int round = 0; round < 60; round++) {
    CHECK_CASE("round %d", round);
    model_make(env, &m, 2, (int)check_random_between(env, 0, 14), 4);
    /* What a host walk or a run has found must not leak into the sets. */
    if (round % 2 == 0) (void)lazyi_shape_table_evaluate(&m.table, (int32_t)m.table.nodes.count - 1);
    compare_batch(env, &f, &m, check_random_between(env, 1, 700), round % 3 != 0);
  }
  lazyi_shape_table_deinit(&m.table);
  close_fixture(&f);
}

TEST_ON_DRIVERS(shape_infer, batch_goes_in_chunks_of_live_rows) {
  const int64_t sets = env->is_small ? 200000 : 400000;
  fixture f;
  if (!open_fixture(env, &f)) return;
  lazyi_shape_table table = {0};
  make_chain(&table, env->is_small ? 8 : 50);
  int32_t input_slot = 0, wanted_slot = 1; /* the first weight */
  lazy_shape *inputs = lazyi_memory_calloc((size_t)sets, sizeof *inputs),
             *wanted = lazyi_memory_calloc((size_t)sets, sizeof *wanted);
  struct lazy_shape_error *errors = lazyi_memory_calloc((size_t)sets, sizeof *errors);
  ASSERT_TRUE(inputs != NULL && wanted != NULL && errors != NULL);
  for (int64_t i = 0; i < sets; i++) inputs[i] = (lazy_shape){.rank = 2, .dims = {1 + i % 3, i}};
  inputs[77777] = (lazy_shape){.rank = 1, .dims = {-5}};
  inputs[77778] = (lazy_shape){0};
  inputs[sets - 1] = (lazy_shape){.rank = 9};
  const lazyi_shape_batch batch = {.input_slots = &input_slot,
                                   .input_count = 1,
                                   .inputs = inputs,
                                   .set_count = sets,
                                   .wanted_slots = &wanted_slot,
                                   .wanted_count = 1};
  lazyi_fault_reset();
  ASSERT_OK(lazyi_shape_infer_batch(f.infer, &table, &batch, f.stream, errors, NULL, wanted));
  int failed = 0;
  for (int64_t i = 0; i < sets; i++) {
    failed += errors[i].code != 0;
    if (errors[i].code == 0 && (wanted[i].rank != 2 || wanted[i].dims[0] != 4 || wanted[i].dims[1] != i)) {
      FAIL("set %lld", (long long)i);
      break;
    }
  }
  EXPECT_EQ(failed, 3);
  EXPECT_EQ(errors[77777].code, LAZY_SHAPE_NEGATIVE);
  EXPECT_EQ(errors[77777].found, -5);
  EXPECT_EQ(errors[77778].code, LAZY_SHAPE_RANK_TOO_LOW);
  EXPECT_EQ(errors[77778].node, 0);
  EXPECT_EQ(errors[sets - 1].code, LAZY_SHAPE_RANK_TOO_HIGH);
  if (is_fault(env)) { /* 5 live rows: two or three chunks, where 151 rows would be 44 */
    EXPECT_LE(lazyi_fault_count(LAZY_DRIVER_CALL_launch_kernel), 4);
    EXPECT_GE(lazyi_fault_count(LAZY_DRIVER_CALL_launch_kernel), 2);
    EXPECT_EQ(lazyi_fault_count(LAZY_DRIVER_CALL_launch_kernel),
              lazyi_fault_count(LAZY_DRIVER_CALL_memcpy_htod_async));
    EXPECT_EQ(lazyi_fault_count(LAZY_DRIVER_CALL_launch_kernel),
              lazyi_fault_count(LAZY_DRIVER_CALL_stream_synchronize));
    EXPECT_LE(lazyi_fault_peak_bytes(), (size_t)100 << 20);
  }
  lazyi_memory_free(inputs);
  lazyi_memory_free(wanted);
  lazyi_memory_free(errors);
  lazyi_shape_table_deinit(&table);
  close_fixture(&f);
}
