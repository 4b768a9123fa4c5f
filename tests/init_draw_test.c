#include <lazyrt/lazyrt.h>
#include <math.h>
#include <string.h>

#include "runtime/driver/fault.h"
#include "runtime/init/init.h"
#include "runtime/tensor/core.h"
#include "tests/check.h"

/* A model of tensors of every initialiser, drawn into poisoned memory and read back. */
typedef struct fixture {
  lazyi_core *core;
  lazyi_shape_infer *infer;
  lazyi_shape_table table;
  lazyi_shape_answer answer;
  lazy_driver_address memory;
  unsigned char *values; /* what the device has, after draw */
} fixture;

static bool open_fixture(check_env *env, fixture *f) {
  *f = (fixture){0};
  if (!EXPECT_OK(lazyi_core_open(env->device, &f->core))) return false;
  return EXPECT_OK(lazyi_core_enter(f->core)) &&
         EXPECT_OK(lazyi_shape_infer_create(&f->core->launcher, &f->infer));
}

static void close_fixture(fixture *f) {
  lazyi_shape_table_deinit(&f->table);
  lazyi_shape_infer_destroy(f->infer);
  lazyi_core_leave(f->core);
  lazyi_core_release(f->core);
}

static void add_tensor(fixture *f, const lazy_init *init, lazy_stream stream, lazy_dtype dtype,
                       const lazy_shape *shape) {
  int32_t slot;
  struct lazy_init_ticket ticket;
  if (EXPECT_OK(lazyi_shape_table_add_row(&f->table, shape, &slot)) &&
      EXPECT_OK(lazyi_init_ticket(init, stream, dtype, slot, slot, f->table.tickets.count, &ticket)))
    (void)EXPECT_OK(lazyi_shape_table_add_ticket(&f->table, &ticket));
}

static bool settle(fixture *f) {
  if (!EXPECT_OK(lazyi_shape_infer_run(f->infer, &f->table, f->core->stream, &f->answer))) return false;
  if (!EXPECT_EQ(f->answer.error.code, 0)) return false;
  size_t bytes = f->answer.summary.extent_bytes;
  f->values = lazyi_memory_alloc(bytes);
  return f->values != NULL && EXPECT_OK(LAZYI_DRIVER(&f->core->device, mem_alloc, &f->memory, bytes)) &&
         EXPECT_OK(LAZYI_DRIVER(&f->core->device, memset_d8_async, f->memory, 0xa5, bytes, f->core->stream));
}

static void read_back(fixture *f) {
  (void)EXPECT_OK(lazyi_staging_download(&f->core->staging, f->values, f->memory,
                                         f->answer.summary.extent_bytes, f->core->stream));
}

static void drop(fixture *f) {
  EXPECT_OK(LAZYI_DRIVER(&f->core->device, stream_synchronize, f->core->stream));
  EXPECT_OK(LAZYI_DRIVER(&f->core->device, mem_free, f->memory));
  lazyi_memory_free(f->values);
  f->values = NULL;
  lazyi_shape_table_clear(&f->table);
}

/* A scaled ticket's half width or deviation, of a matrix of the row's sizes. */
static double spread_of(const struct lazy_init_ticket *t, const int64_t *row) {
  const double in = (double)row[7], out = (double)row[6],
               fan = t->scale == LAZY_SCALE_KAIMING_FAN_OUT ? out : in;
  double deviation = 0;
  if (t->scale == LAZY_SCALE_RSQRT_FAN_IN) return in > 0 ? 1 / sqrt(in) : 0;
  if (t->scale == LAZY_SCALE_XAVIER && in + out > 0) deviation = t->b * sqrt(2 / (in + out));
  else if (t->scale != LAZY_SCALE_XAVIER && fan > 0) deviation = t->b / sqrt(fan);
  return t->rule == LAZY_INIT_UNIFORM ? sqrt(3.0) * deviation : deviation;
}

static void random_model(check_env *env, fixture *f, lazy_stream stream) {
  static const lazy_dtype floats[] = {LAZY_DTYPE_F64, LAZY_DTYPE_F32, LAZY_DTYPE_F16, LAZY_DTYPE_BF16};
  int count = (int)check_random_between(env, 1, 60);
  for (int i = 0; i < count; i++) {
    lazy_init init = {
        .initializer = (lazy_initializer)check_random_below(env, 9 /* as far as XAVIER_NORMAL */),
        .a = check_random_unit(env),
        .fan_mode = (lazy_fan_mode)check_random_below(env, 2),
        .nonlinearity = (lazy_nonlinearity)check_random_below(env, 5)};
    init.b = init.a + check_random_unit(env);
    lazy_shape shape = {.rank = 2};
    int64_t least = i == 0; /* not all are empty */
    shape.dims[0] = check_random_between(env, least, 40);
    shape.dims[1] = check_random_between(env, least, check_random_below(env, 8) == 0 ? 60000 : 50);
    add_tensor(f, &init, stream, floats[check_random_below(env, 4)], &shape);
  }
}

TEST_ON_DRIVERS(init_draw, torch_streams_draw_in_ticket_order) {
  fixture f;
  if (!open_fixture(env, &f)) return;
  for (int round = 0; round < 12; round++) {
    CHECK_CASE("round %d", round);
    lazy_stream stream = round % 2 ? LAZY_STREAM_TORCH_CPU_FMA : LAZY_STREAM_TORCH_CPU;
    lazyi_torch_generator generator, again;
    lazyi_torch_seed(&generator, 99);
    again = generator;
    random_model(env, &f, stream);
    if (!settle(&f)) break;
    const lazyi_init_job job = {
        .answer = &f.answer, .base = f.memory, .stream = stream, .generator = &generator};
    lazyi_fault_reset();
    EXPECT_OK(lazyi_init_draw(&f.core->launcher, &f.core->staging, &job, f.core->stream));
    if (strcmp(env->device, "fault") == 0) EXPECT_LE(lazyi_fault_count(LAZY_DRIVER_CALL_launch_kernel), 1);
    read_back(&f);
    unsigned char *wanted =
        lazyi_memory_alloc(40 * 60000 * sizeof(double)); /* the largest of random_model's */
    for (size_t i = 0; i < f.table.tickets.count; i++) {
      const struct lazy_init_segment *s = f.answer.segments + i;
      const struct lazy_init_ticket *t = f.table.tickets.at + i;
      size_t bytes = s->count * lazy_dtype_bytes((lazy_dtype)s->dtype);
      CHECK_CASE("tensor %zu, rule %d", i, s->rule);
      if (s->rule == LAZY_INIT_CONSTANT) continue;
      memset(wanted, 0xa5, bytes); /* of rule NONE: nothing may touch it */
      double spread = spread_of(t, f.table.rows.at + t->slot * LAZY_ROW);
      const bool given = t->scale == LAZY_SCALE_GIVEN;
      if (s->rule == LAZY_INIT_UNIFORM) {
        const lazyi_torch_uniform_options options = {.dtype = (lazy_dtype)s->dtype,
                                                     .fma = round % 2,
                                                     .from = given ? t->a : -spread,
                                                     .to = given ? t->b : spread};
        lazyi_torch_uniform(&again, &options, s->count, wanted);
      } else if (s->rule == LAZY_INIT_NORMAL) {
        const lazyi_torch_normal_options options = {.dtype = (lazy_dtype)s->dtype,
                                                    .fma = round % 2,
                                                    .mean = given ? t->a : 0,
                                                    .std = given ? t->b : spread};
        lazyi_torch_normal(&again, &options, s->count, 0, s->count, wanted);
      }
      if (!EXPECT_BYTES_EQ(f.values + s->offset, wanted, bytes)) break;
    }
    EXPECT_BYTES_EQ(&generator, &again, sizeof again); /* the stream stands where PyTorch's would */
    lazyi_memory_free(wanted);
    drop(&f);
  }
  close_fixture(&f);
}

TEST_ON_DRIVERS(init_draw, large_tensors_go_in_chunks) {
  enum { COUNT = 3 * 1024 * 1024 + 17 };
  fixture f;
  if (!open_fixture(env, &f)) return;
  const lazy_init unit = {.initializer = LAZY_INITIALIZER_UNIFORM, .a = 0, .b = 1};
  const lazy_init seven = {.initializer = LAZY_INITIALIZER_CONSTANT, .a = 7};
  const lazy_shape large = {.rank = 1, .dims = {COUNT}}, small = {.rank = 1, .dims = {5}};
  lazyi_torch_generator generator, again;
  lazyi_torch_seed(&generator, 1);
  again = generator;
  add_tensor(&f, &unit, LAZY_STREAM_TORCH_CPU, LAZY_DTYPE_F32, &small);
  add_tensor(&f, &seven, LAZY_STREAM_TORCH_CPU, LAZY_DTYPE_I64, &small);
  add_tensor(&f, &unit, LAZY_STREAM_TORCH_CPU, LAZY_DTYPE_F32, &large);
  if (settle(&f)) {
    const lazyi_init_job job = {
        .answer = &f.answer, .base = f.memory, .stream = LAZY_STREAM_TORCH_CPU, .generator = &generator};
    lazyi_fault_reset();
    EXPECT_OK(lazyi_init_draw(&f.core->launcher, &f.core->staging, &job, f.core->stream));
    if (strcmp(env->device, "fault") == 0) {
      EXPECT_EQ(lazyi_fault_count(LAZY_DRIVER_CALL_memcpy_htod_async),
                4); /* 12 MiB and a little, 4 MiB each */
      EXPECT_EQ(lazyi_fault_count(LAZY_DRIVER_CALL_launch_kernel), 1);
      EXPECT_EQ(lazyi_fault_count(LAZY_DRIVER_CALL_stream_synchronize), 0);
    }
    read_back(&f);
    float *wanted = lazyi_memory_alloc((COUNT + 5) * sizeof *wanted);
    const lazyi_torch_uniform_options options = {.dtype = LAZY_DTYPE_F32, .to = 1};
    lazyi_torch_uniform(&again, &options, COUNT + 5, wanted);
    EXPECT_BYTES_EQ(f.values, wanted, 5 * sizeof *wanted);
    EXPECT_BYTES_EQ(f.values + 512, wanted + 5, COUNT * sizeof *wanted);
    const int64_t sevens[5] = {7, 7, 7, 7, 7};
    EXPECT_BYTES_EQ(f.values + 256, sevens, sizeof sevens); /* crossed by the upload, filled after it */
    lazyi_memory_free(wanted);
  }
  drop(&f);
  close_fixture(&f);
}

TEST_ON_DRIVERS(init_draw, keyed_is_one_launch) {
  fixture f;
  if (!open_fixture(env, &f)) return;
  for (int round = 0; round < 10; round++) {
    random_model(env, &f, LAZY_STREAM_KEYED);
    if (!settle(&f)) break;
    const lazyi_init_job job = {
        .answer = &f.answer, .base = f.memory, .seed = 5, .stream = LAZY_STREAM_KEYED};
    lazyi_fault_reset();
    EXPECT_OK(lazyi_init_draw(&f.core->launcher, &f.core->staging, &job, f.core->stream));
    if (strcmp(env->device, "fault") == 0) EXPECT_EQ(lazyi_fault_total(), f.answer.summary.tile_count != 0);
    read_back(&f);
    for (size_t i = 0; i < f.table.tickets.count; i++) {
      const struct lazy_init_segment *s = f.answer.segments + i;
      if (s->dtype != LAZY_DTYPE_F64) continue;
      const double *values = (const void *)(f.values + s->offset);
      for (uint64_t e = 0; e < s->count; e++) {
        bool poison = memcmp(values + e, "\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5", 8) == 0;
        bool held = s->rule == LAZY_INIT_NONE       ? poison
                    : s->rule == LAZY_INIT_CONSTANT ? values[e] == s->a
                    : s->rule == LAZY_INIT_NORMAL   ? fabs(values[e] - s->a) <= s->b * 8.7
                                                    : fabs(values[e] - s->a) <= s->b * (1 + 1e-15);
        if (!held) {
          FAIL("tensor %zu element %llu is %g", i, (unsigned long long)e, values[e]);
          break;
        }
      }
    }
    drop(&f);
  }
  close_fixture(&f);
}

/* Where a chunk would end within the last sixteen values of a normal, which are drawn last, it ends before
   them. */
TEST_ON_DRIVERS(init_draw, normal_values_do_not_depend_on_chunks) {
  enum { CHUNK = 1 << 20 };
  static const int64_t counts[] = {2 * CHUNK + 1, 2 * CHUNK + 15, 2 * CHUNK + 16, 2 * CHUNK - 1, 17};
  const lazy_init unit = {.initializer = LAZY_INITIALIZER_NORMAL, .a = 0, .b = 1};
  fixture f;
  if (!open_fixture(env, &f)) return;
  lazyi_torch_generator generator, again;
  lazyi_torch_seed(&generator, 4);
  again = generator;
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
    add_tensor(&f, &unit, LAZY_STREAM_TORCH_CPU, LAZY_DTYPE_F32,
               &(lazy_shape){.rank = 1, .dims = {counts[i]}});
  if (settle(&f)) {
    const lazyi_init_job job = {
        .answer = &f.answer, .base = f.memory, .stream = LAZY_STREAM_TORCH_CPU, .generator = &generator};
    EXPECT_OK(lazyi_init_draw(&f.core->launcher, &f.core->staging, &job, f.core->stream));
    read_back(&f);
    float *wanted = lazyi_memory_alloc((2 * CHUNK + 16) * sizeof *wanted);
    const lazyi_torch_normal_options options = {.dtype = LAZY_DTYPE_F32, .std = 1};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
      CHECK_CASE("%lld values", (long long)counts[i]);
      lazyi_torch_normal(&again, &options, (uint64_t)counts[i], 0, (size_t)counts[i], wanted);
      EXPECT_BYTES_EQ(f.values + f.answer.segments[i].offset, wanted, (size_t)counts[i] * sizeof *wanted);
    }
    EXPECT_BYTES_EQ(&generator, &again, sizeof again);
    lazyi_memory_free(wanted);
  }
  drop(&f);
  close_fixture(&f);
}

TEST_ON_FAULTS(init_draw, failures_leave_nothing_behind) {
  fixture f;
  if (!open_fixture(env, &f)) return;
  const lazy_init unit = {.initializer = LAZY_INITIALIZER_UNIFORM, .a = 0, .b = 1};
  const lazy_shape large = {.rank = 1, .dims = {5 << 20}};
  for (int i = 0; i < 3; i++) add_tensor(&f, &unit, LAZY_STREAM_TORCH_CPU, LAZY_DTYPE_BF16, &large);
  if (settle(&f))
    for (uint64_t n = 1; n < 24; n++) {
      lazyi_torch_generator generator;
      lazyi_torch_seed(&generator, 3);
      const lazyi_init_job job = {
          .answer = &f.answer, .base = f.memory, .stream = LAZY_STREAM_TORCH_CPU, .generator = &generator};
      lazyi_fault_reset();
      lazyi_fault_fail_at(n, LAZY_DRIVER_LAUNCH_FAILED);
      lazy_status status = lazyi_init_draw(&f.core->launcher, &f.core->staging, &job, f.core->stream);
      if (lazyi_fault_failures() == 0) EXPECT_EQ(status, LAZY_STATUS_OK);
      lazyi_fault_reset();
      EXPECT_OK(LAZYI_DRIVER(&f.core->device, stream_synchronize, f.core->stream));
    }
  drop(&f);
  close_fixture(&f);
}

/* Two tensors, one of which has a zero row, hold the same values but there, and a torch stream goes on from
   the same place. */
TEST_ON_DRIVERS(init_draw, zero_rows_are_zero_and_nothing_else_is_changed) {
  static const lazy_initializer rules[] = {LAZY_INITIALIZER_CONSTANT, LAZY_INITIALIZER_UNIFORM,
                                           LAZY_INITIALIZER_NORMAL, LAZY_INITIALIZER_KAIMING_NORMAL,
                                           LAZY_INITIALIZER_TRUNCATED_NORMAL};
  static const lazy_dtype floats[] = {LAZY_DTYPE_F64, LAZY_DTYPE_F32, LAZY_DTYPE_BF16, LAZY_DTYPE_F16};
  enum { ROUNDS = 40 };
  fixture f;
  if (!open_fixture(env, &f)) return;
  for (int round = 0; round < ROUNDS; round++) {
    const lazy_stream stream = round % 2 ? LAZY_STREAM_TORCH_CPU_FMA : LAZY_STREAM_KEYED;
    const lazy_dtype dtype = floats[check_random_below(env, 3 + (stream == LAZY_STREAM_KEYED))];
    const lazy_shape shape = {.rank = 2,
                              .dims = {check_random_between(env, 1, 90), check_random_between(env, 1, 300)}};
    const int64_t row = check_random_between(env, -shape.dims[0], shape.dims[0] - 1),
                  at = row < 0 ? row + shape.dims[0] : row;
    lazy_init init = {.initializer = rules[check_random_below(env, 5)], .a = 0.5, .b = 0.75};
    lazyi_torch_generator generator;
    uint64_t after[2];
    unsigned char *values[2];
    const size_t each = lazy_dtype_bytes(dtype), bytes = (size_t)(shape.dims[0] * shape.dims[1]) * each;
    CHECK_CASE("round %d: %s, initializer %d, row %lld of %lld", round, lazy_dtype_name(dtype),
               (int)init.initializer, (long long)row, (long long)shape.dims[0]);
    for (int zero = 0; zero < 2; zero++) {
      init.has_zero_row = zero;
      init.zero_row = row;
      values[zero] = lazyi_memory_alloc(bytes);
      lazyi_torch_seed(&generator, 7);
      add_tensor(&f, &init, stream, dtype, &shape);
      if (!settle(&f)) return;
      const lazyi_init_job job = {.answer = &f.answer,
                                  .base = f.memory,
                                  .seed = 5,
                                  .stream = stream,
                                  .generator = stream == LAZY_STREAM_KEYED ? NULL : &generator};
      EXPECT_OK(lazyi_init_draw(&f.core->launcher, &f.core->staging, &job, f.core->stream));
      read_back(&f);
      memcpy(values[zero], f.values, bytes);
      const lazyi_torch_uniform_options next = {.dtype = LAZY_DTYPE_F64, .to = 1};
      lazyi_torch_uniform(&generator, &next, 1, &after[zero]);
      drop(&f);
    }
    EXPECT_EQ(after[0], after[1]);
    const size_t width = (size_t)shape.dims[1] * each;
    memset(values[0] + (size_t)at * width, 0, width);
    EXPECT_BYTES_EQ(values[1], values[0], bytes);
    for (int zero = 0; zero < 2; zero++) lazyi_memory_free(values[zero]);
  }
  close_fixture(&f);
}

TEST(init_draw, truncated_normals_refuse_what_cannot_be_drawn) {
  struct lazy_init_ticket ticket;
  lazy_init init = {.initializer = LAZY_INITIALIZER_TRUNCATED_NORMAL, .b = 1};
  EXPECT_OK(lazyi_init_ticket(&init, LAZY_STREAM_KEYED, LAZY_DTYPE_F16, 0, 0, 0, &ticket));
  EXPECT_EQ(ticket.cut.low, -2.0); /* PyTorch's */
  EXPECT_EQ(ticket.cut.high, 2.0);
  EXPECT_FAILS(lazyi_init_ticket(&init, LAZY_STREAM_TORCH_CPU, LAZY_DTYPE_F16, 0, 0, 0, &ticket),
               LAZY_STATUS_UNSUPPORTED, "erfinv_");
  EXPECT_FAILS(lazyi_init_ticket(&init, LAZY_STREAM_KEYED, LAZY_DTYPE_I64, 0, 0, 0, &ticket),
               LAZY_STATUS_INVALID_TYPE, "i64");
  init.low = 7;
  init.high = 8;
  EXPECT_FAILS(lazyi_init_ticket(&init, LAZY_STREAM_KEYED, LAZY_DTYPE_F32, 0, 0, 0, &ticket),
               LAZY_STATUS_UNSUPPORTED, "of the distribution is left");
  init.high = 6;
  EXPECT_FAILS(lazyi_init_ticket(&init, LAZY_STREAM_KEYED, LAZY_DTYPE_F32, 0, 0, 0, &ticket),
               LAZY_STATUS_INVALID_VALUE, "cut off at 7 and 6");
  init = (lazy_init){.initializer = LAZY_INITIALIZER_TRUNCATED_NORMAL, .b = 0};
  EXPECT_FAILS(lazyi_init_ticket(&init, LAZY_STREAM_KEYED, LAZY_DTYPE_F32, 0, 0, 0, &ticket),
               LAZY_STATUS_INVALID_VALUE, "standard deviation 0");
  init = (lazy_init){.initializer = LAZY_INITIALIZER_ORTHOGONAL, .a = 1};
  EXPECT_FAILS(lazyi_init_ticket(&init, LAZY_STREAM_KEYED, LAZY_DTYPE_F32, 0, 0, 0, &ticket),
               LAZY_STATUS_UNSUPPORTED, "orthogonal initialisation");
  init.initializer = LAZY_INITIALIZER_SPARSE;
  EXPECT_FAILS(lazyi_init_ticket(&init, LAZY_STREAM_TORCH_CPU, LAZY_DTYPE_F32, 0, 0, 0, &ticket),
               LAZY_STATUS_UNSUPPORTED, "sparse initialisation");
}

/* A row that is not there is told of with the parameter's name, wherever it is drawn. */
TEST_ON_DRIVERS(init_draw, zero_rows_that_are_not_there) {
  const lazy_shape shape = LAZY_DIMS(3, 2);
  lazy_param_options options = {
      .struct_size = sizeof options,
      .dtype = LAZY_DTYPE_F32,
      .shape = &shape,
      .init = {.initializer = LAZY_INITIALIZER_NORMAL, .b = 1, .has_zero_row = true, .zero_row = 3}};
  lazy_context *context;
  lazy_param *param;
  lazy_array *array;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  ASSERT_OK(lazy_param_create(context, &options, &param));
  EXPECT_FAILS(lazy_param_array(param, &array), LAZY_STATUS_OUT_OF_RANGE,
               "parameter is to have zeros at index 3; wanted -3 to 2");
  lazy_param_release(param);
  options.init.zero_row = -1;
  ASSERT_OK(lazy_param_create(context, &options, &param));
  float values[6];
  ASSERT_OK(lazy_param_array(param, &array));
  ASSERT_OK(lazy_array_download(array, values, sizeof values));
  for (int i = 0; i < 6; i++) EXPECT_EQ(values[i] == 0, i >= 4);
  lazy_array_release(array);
  lazy_param_release(param);
  lazy_context_close(context);
}

TEST(init_draw, tickets_refuse_what_cannot_be_drawn) {
  struct lazy_init_ticket ticket = {.slot = -9};
  lazy_init init = {.initializer = LAZY_INITIALIZER_UNIFORM, .a = 1, .b = 0};
  EXPECT_STATUS(lazyi_init_ticket(&init, LAZY_STREAM_KEYED, LAZY_DTYPE_F32, 0, 0, 0, &ticket),
                LAZY_STATUS_INVALID_VALUE);
  init.b = INFINITY;
  EXPECT_STATUS(lazyi_init_ticket(&init, LAZY_STREAM_KEYED, LAZY_DTYPE_F32, 0, 0, 0, &ticket),
                LAZY_STATUS_INVALID_VALUE);
  init.b = 2;
  EXPECT_STATUS(lazyi_init_ticket(&init, LAZY_STREAM_KEYED, LAZY_DTYPE_I64, 0, 0, 0, &ticket),
                LAZY_STATUS_INVALID_TYPE);
  EXPECT_EQ(ticket.slot, -9);
  EXPECT_OK(lazyi_init_ticket(&init, LAZY_STREAM_KEYED, LAZY_DTYPE_F32, 0, 0, 0, &ticket));
  EXPECT_EQ(ticket.a, 1.5);
  EXPECT_EQ(ticket.b, 0.5);
  lazy_init normal = {.initializer = LAZY_INITIALIZER_NORMAL, .a = 1, .b = -1};
  EXPECT_FAILS(lazyi_init_ticket(&normal, LAZY_STREAM_KEYED, LAZY_DTYPE_F32, 0, 0, 0, &ticket),
               LAZY_STATUS_INVALID_VALUE, "standard deviation -1");
  lazy_init xavier = {.initializer = LAZY_INITIALIZER_XAVIER_NORMAL, .a = NAN};
  EXPECT_FAILS(lazyi_init_ticket(&xavier, LAZY_STREAM_KEYED, LAZY_DTYPE_F32, 0, 0, 0, &ticket),
               LAZY_STATUS_INVALID_VALUE, "gain");
  lazy_init strange = {.initializer = LAZY_INITIALIZER_KAIMING_NORMAL, .nonlinearity = (lazy_nonlinearity)9};
  EXPECT_FAILS(lazyi_init_ticket(&strange, LAZY_STREAM_KEYED, LAZY_DTYPE_F32, 0, 0, 0, &ticket),
               LAZY_STATUS_INVALID_VALUE, "nonlinearity 9");
  strange.initializer = (lazy_initializer)77;
  EXPECT_FAILS(lazyi_init_ticket(&strange, LAZY_STREAM_KEYED, LAZY_DTYPE_F32, 0, 0, 0, &ticket),
               LAZY_STATUS_INVALID_VALUE, "initializer 77");
  lazy_init kaiming = {.initializer = LAZY_INITIALIZER_KAIMING_UNIFORM, .a = sqrt(5.0)};
  EXPECT_FAILS(lazyi_init_resolve(&kaiming, &(lazy_shape){.rank = 1, .dims = {4}}), LAZY_STATUS_OUT_OF_RANGE,
               "rank 1");
  EXPECT_OK(lazyi_init_resolve(&kaiming, &(lazy_shape){.rank = 2, .dims = {2, 3}}));
  EXPECT_EQ(kaiming.b, 0.5773502691896257);
  EXPECT_EQ(kaiming.a, -0.5773502691896257);
}
