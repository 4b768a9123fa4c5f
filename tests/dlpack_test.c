/* Arrays lent to and taken from other libraries by DLPack. */
#include <lazyrt/dlpack_types.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/tensor/context.h"
#include "tests/check_device.h"
#include "tests/model.h"

/* Another library's tensor: counts what happens to it, and spoils its memory when it is deleted. */
typedef struct foreign {
  DLManagedTensorVersioned versioned;
  DLManagedTensor unversioned;
  int64_t shape[LAZY_MAX_RANK], strides[LAZY_MAX_RANK];
  char *memory;
  size_t bytes;
  const lazyi_device *gpu; /* whose memory it is, beside being the test's; NULL: the host's */
  int deletions;
} foreign;

static void spoil(foreign *tensor) {
  tensor->deletions++;
  memset(tensor->memory, 0xEE, tensor->bytes);
}
static void delete_versioned(DLManagedTensorVersioned *self) { spoil(self->manager_ctx); }
static void delete_unversioned(DLManagedTensor *self) { spoil(self->manager_ctx); }

/* f32 of these sizes, compact, on `count` elements of memory holding 0, 1, 2, ... */
static void make_foreign(const lazy_context *context, foreign *tensor, lazy_shape shape, int64_t count) {
  const lazyi_device *device = &context->core->device;
  *tensor = (foreign){.bytes = (size_t)count * 4, .gpu = device->is_host ? NULL : device};
  const size_t page = check_device_page();
  tensor->memory = aligned_alloc(page, (tensor->bytes + 64 + page - 1) / page * page);
  lazy_driver_address address = (uintptr_t)tensor->memory;
  if (tensor->gpu != NULL && EXPECT_OK(lazyi_device_enter(tensor->gpu))) {
    EXPECT_EQ(check_device()->adopt(tensor->memory, tensor->bytes, &address), 0);
    lazyi_device_leave(tensor->gpu);
  }
  for (int64_t i = 0; i < count; i++) ((float *)(void *)tensor->memory)[i] = (float)i;
  memcpy(tensor->shape, shape.dims, sizeof tensor->shape);
  tensor->versioned = (DLManagedTensorVersioned){
      .version = {1, 3},
      .manager_ctx = tensor,
      .deleter = delete_versioned,
      .dl_tensor = {(void *)(uintptr_t)address,
                    {tensor->gpu != NULL ? kDLCUDA : kDLCPU, 0},
                    shape.rank,
                    {kDLFloat, 32, 1},
                    tensor->shape,
                    NULL,
                    0},
  };
  tensor->unversioned = (DLManagedTensor){tensor->versioned.dl_tensor, tensor, delete_unversioned};
}
static void free_foreign(foreign *tensor) {
  if (tensor->gpu != NULL && EXPECT_OK(lazyi_device_enter(tensor->gpu))) {
    EXPECT_EQ(check_device()->give_up((uintptr_t)tensor->memory, tensor->bytes), 0);
    lazyi_device_leave(tensor->gpu);
  }
  free(tensor->memory);
}
static void set_strides(foreign *tensor, const int64_t *strides) {
  memcpy(tensor->strides, strides, sizeof(int64_t) * (size_t)tensor->versioned.dl_tensor.ndim);
  tensor->versioned.dl_tensor.strides = tensor->strides;
}
static float *floats(const foreign *tensor) { return (float *)(void *)tensor->memory; }

/* Ranges that the host device took: a GPU follows any address of its own. */
static void expect_adopted(const check_env *env, size_t wanted) {
  lazyi_host_live_counts live;
  check_device()->live(&live);
  if (!env->is_ptx) EXPECT_EQ(live.adopted, wanted);
}

/* ---- lent ---- */

TEST_ON_DRIVERS(dlpack, a_loan_shares_memory_and_outlives_everything) {
  lazy_context *context = model_context(env, env->device);
  lazy_array *array, *turned;
  double *values;
  array = model_random_array(env, context, LAZY_DTYPE_F32, LAZY_DIMS(3, 5), &values);
  ASSERT_OK(lazy_array_transpose(array, 0, 1, &turned));
  DLManagedTensorVersioned *tensor = NULL;
  ASSERT_OK(lazy_array_to_dlpack(turned, NULL, &tensor));
  lazy_array_release(turned);
  EXPECT_EQ(tensor->version.major, 1u);
  EXPECT_EQ(tensor->flags, 0u);
  const DLTensor *seen = &tensor->dl_tensor;
  EXPECT_EQ(seen->device.device_type, env->is_ptx ? kDLCUDA : kDLCPU);
  EXPECT_EQ(seen->device.device_id, 0);
  EXPECT_EQ(seen->ndim, 2);
  EXPECT_TRUE(seen->shape[0] == 5 && seen->shape[1] == 3 && seen->strides[0] == 1 && seen->strides[1] == 5);
  EXPECT_TRUE(seen->dtype.code == kDLFloat && seen->dtype.bits == 32 && seen->dtype.lanes == 1);
  if (env->is_gpu) { /* whose memory the test cannot follow */
    tensor->deleter(tensor);
    lazy_array_release(array);
    lazy_context_close(context);
    free(values);
    return;
  }
  float *memory = check_behind((uintptr_t)seen->data + seen->byte_offset);
  for (int i = 0; i < 15; i++) EXPECT_EQ(memory[i], (float)values[i]);
  memory[7] = 1234; /* and the other way */
  float found[15];
  ASSERT_OK(lazy_array_download(array, found, sizeof found));
  EXPECT_EQ(found[7], 1234.0f);
  lazy_array_release(array);
  lazy_context_close(context);
  EXPECT_EQ(memory[7], 1234.0f);
  tensor->deleter(tensor);
  free(values);
}

TEST_ON_DRIVERS(dlpack, every_dtype_and_rank_is_lent_and_taken_back) {
  static const struct {
    lazy_dtype dtype;
    DLDataType type;
  } cases[] = {{LAZY_DTYPE_F64, {kDLFloat, 64, 1}}, {LAZY_DTYPE_F32, {kDLFloat, 32, 1}},
               {LAZY_DTYPE_F16, {kDLFloat, 16, 1}}, {LAZY_DTYPE_BF16, {kDLBfloat, 16, 1}},
               {LAZY_DTYPE_I64, {kDLInt, 64, 1}},   {LAZY_DTYPE_U8, {kDLUInt, 8, 1}}};
  lazy_context *context = model_context(env, env->device), *other = model_context(env, env->device);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    for (int rank = 0; rank <= LAZY_MAX_RANK; rank++) {
      CHECK_CASE("%s, rank %d", lazy_dtype_name(cases[i].dtype), rank);
      lazy_shape shape = {.rank = rank};
      for (int d = 0; d < rank; d++) shape.dims[d] = check_random_between(env, rank < 4 ? 0 : 1, 3);
      lazy_array *array, *back;
      ASSERT_OK(lazy_array_create(context, cases[i].dtype, &shape, &array));
      size_t bytes = lazy_array_bytes(array);
      char *wanted = malloc(bytes + 1), *found = malloc(bytes + 1);
      check_random_fill(env, wanted, bytes);
      ASSERT_OK(lazy_array_upload(array, wanted, bytes));
      DLManagedTensor *tensor = NULL;
      ASSERT_OK(lazy_array_to_dlpack_unversioned(array, NULL, &tensor));
      lazy_array_release(array);
      EXPECT_TRUE(memcmp(&tensor->dl_tensor.dtype, &cases[i].type, sizeof cases[i].type) == 0);
      EXPECT_EQ(tensor->dl_tensor.data == NULL, bytes == 0);
      ASSERT_OK(lazy_array_from_dlpack_unversioned(other, tensor, NULL, &back));
      EXPECT_EQ(lazy_array_dtype(back), cases[i].dtype);
      EXPECT_EQ(lazy_array_shape(back).rank, rank);
      ASSERT_OK(lazy_array_download(back, found, bytes));
      EXPECT_TRUE(memcmp(found, wanted, bytes) == 0);
      lazy_array_release(back); /* which ends the loan */
      free(wanted), free(found);
    }
  expect_adopted(env, 0);
  lazy_context_close(context);
  lazy_context_close(other);
}

/* ---- taken ---- */

TEST_ON_DRIVERS(dlpack, a_tensor_is_taken_without_a_copy) {
  lazy_context *context = model_context(env, env->device);
  foreign tensor;
  lazy_array *array = NULL, *row;
  float found[12];
  make_foreign(context, &tensor, LAZY_DIMS(3, 4), 12);
  ASSERT_OK(lazy_array_from_dlpack(context, &tensor.versioned, NULL, &array));
  ASSERT_OK(lazy_array_download(array, found, sizeof found));
  for (int i = 0; i < 12; i++) EXPECT_EQ(found[i], (float)i);
  ASSERT_OK(lazy_array_select(array, 0, 1, &row));
  lazy_array_release(array);
  ASSERT_OK(lazy_array_fill(row, -3));
  ASSERT_OK(lazy_array_download(row, found, 16)); /* waits */
  EXPECT_TRUE(floats(&tensor)[3] == 3 && floats(&tensor)[4] == -3 && floats(&tensor)[7] == -3 &&
              floats(&tensor)[8] == 8);
  EXPECT_EQ(tensor.deletions, 0);
  expect_adopted(env, 1);
  lazy_array_release(row);
  EXPECT_EQ(tensor.deletions, 1);
  expect_adopted(env, 0);
  free_foreign(&tensor);
  lazy_context_close(context);
}

/* Any strides, an offset, overlapping rows, a repeated dim: against the definition. */
TEST_ON_DRIVERS(dlpack, strides_and_offsets_mean_what_they_say) {
  enum { ROOM = 400 };
  lazy_context *context = model_context(env, env->device);
  for (int round = 0; round < 60; round++) {
    foreign tensor;
    lazy_shape shape = {.rank = (int32_t)check_random_between(env, 0, 4)};
    int64_t strides[LAZY_MAX_RANK] = {0}, last = 0, count = 1;
    for (int d = 0; d < shape.rank; d++) {
      shape.dims[d] = check_random_between(env, round % 8 == 0 ? 0 : 1, 4);
      strides[d] = check_random_between(env, 0, 25);
      last += (shape.dims[d] - 1) * strides[d];
      count *= shape.dims[d];
    }
    make_foreign(context, &tensor, shape, ROOM);
    set_strides(&tensor, strides);
    int64_t offset = count == 0 ? 0 : check_random_between(env, 0, ROOM - 1 - last);
    tensor.versioned.dl_tensor.byte_offset = (uint64_t)offset * 4;
    lazy_array *array = NULL;
    ASSERT_OK(lazy_array_from_dlpack(context, &tensor.versioned, NULL, &array));
    EXPECT_EQ(lazy_array_element_count(array), count);
    float found[256];
    memset(found, 0x77, sizeof found);
    ASSERT_OK(lazy_array_download(array, found, (size_t)count * 4));
    for (int64_t i = 0; i < count; i++) {
      int64_t at = offset, rest = i;
      for (int d = shape.rank; d-- > 0; rest /= shape.dims[d]) at += rest % shape.dims[d] * strides[d];
      EXPECT_EQ(found[i], (float)at);
    }
    lazy_array_release(array);
    EXPECT_EQ(tensor.deletions, 1);
    free_foreign(&tensor);
  }
  lazy_context_close(context);
}

/* The deleter frees memory that queued work still reads, unless the release waits. */
TEST_ON_DRIVERS(dlpack, the_deleter_comes_after_queued_work) {
  lazy_context *context = model_context(env, env->device);
  foreign tensor;
  lazy_array *array, *copy;
  float found[64];
  make_foreign(context, &tensor, LAZY_DIMS(64), 64);
  ASSERT_OK(lazy_array_create(context, LAZY_DTYPE_F32, &LAZY_DIMS(64), &copy));
  ASSERT_OK(lazy_array_from_dlpack_unversioned(context, &tensor.unversioned, NULL, &array));
  ASSERT_OK(lazy_array_copy(copy, array));
  lazy_array_release(array);
  EXPECT_EQ(tensor.deletions, 1);
  ASSERT_OK(lazy_array_download(copy, found, sizeof found));
  for (int i = 0; i < 64; i++) EXPECT_EQ(found[i], (float)i);
  lazy_array_release(copy);
  free_foreign(&tensor);
  lazy_context_close(context);
}

TEST_ON_DRIVERS(dlpack, read_only_memory_is_not_written_to) {
  lazy_context *context = model_context(env, env->device);
  foreign tensor;
  lazy_array *array, *part;
  const float zeros[6] = {0};
  make_foreign(context, &tensor, LAZY_DIMS(2, 3), 6);
  tensor.versioned.flags = DLPACK_FLAG_BITMASK_READ_ONLY;
  ASSERT_OK(lazy_array_from_dlpack(context, &tensor.versioned, NULL, &array));
  ASSERT_OK(lazy_array_select(array, 0, 1, &part));
  EXPECT_FAILS(lazy_array_upload(array, zeros, sizeof zeros), LAZY_STATUS_INVALID_STATE, "read-only");
  EXPECT_FAILS(lazy_array_fill(part, 1), LAZY_STATUS_INVALID_STATE, "read-only");
  EXPECT_FAILS(lazy_array_copy(array, array), LAZY_STATUS_INVALID_STATE, "read-only");
  DLManagedTensor *old = NULL;
  DLManagedTensorVersioned *lent = NULL;
  EXPECT_FAILS(lazy_array_to_dlpack_unversioned(part, NULL, &old), LAZY_STATUS_INVALID_STATE, "read-only");
  EXPECT_TRUE(old == NULL);
  ASSERT_OK(lazy_array_to_dlpack(part, NULL, &lent));
  EXPECT_EQ(lent->flags, 1u);
  EXPECT_EQ((uintptr_t)lent->dl_tensor.data, (uintptr_t)tensor.versioned.dl_tensor.data + 3 * sizeof(float));
  lazy_array_release(part);
  lazy_array_release(array);
  EXPECT_EQ(tensor.deletions, 0);
  for (int i = 0; i < 6; i++) EXPECT_EQ(floats(&tensor)[i], (float)i);
  lent->deleter(lent);
  EXPECT_EQ(tensor.deletions, 1);
  free_foreign(&tensor);
  lazy_context_close(context);
}

TEST_ON_DRIVERS(dlpack, a_refused_tensor_stays_the_callers) {
  lazy_context *context = model_context(env, env->device);
  const int64_t backwards[] = {4, -1}, huge[] = {INT64_MAX / 2, 1};
  for (int i = 0;; i++) {
    CHECK_CASE("case %d", i);
    foreign tensor;
    make_foreign(context, &tensor, LAZY_DIMS(3, 4), 12);
    DLManagedTensorVersioned *v = &tensor.versioned;
    DLTensor *t = &v->dl_tensor;
    lazy_status wanted = LAZY_STATUS_INVALID_VALUE;
    const char *words = "";
    switch (i) {
      case 0:
        v->version.major = 2, wanted = LAZY_STATUS_UNSUPPORTED, words = "version 2.3, wanted 1.x";
        break;
      case 1: v->version.major = 0, wanted = LAZY_STATUS_UNSUPPORTED, words = "version 0.3"; break;
      case 2:
        t->device.device_type = env->is_ptx ? kDLCPU : kDLCUDA;
        words = env->is_ptx ? "kDLCPU (1) number 0, wanted kDLCUDA" : "kDLCUDA (2) number 0, wanted kDLCPU";
        break;
      case 3:
        t->device.device_type = env->is_ptx ? kDLCUDAHost : kDLCUDAManaged;
        words = env->is_ptx ? "kDLCUDAHost (3)" : "kDLCUDAManaged (13)";
        break;
      case 4: t->ndim = 9, words = "rank 9, wanted 0 to 8"; break;
      case 5: t->ndim = -1, words = "rank -1"; break;
      case 6: t->shape = NULL, words = "without sizes"; break;
      case 7: t->data = NULL, words = "12 elements at NULL"; break;
      case 8: t->byte_offset = 2, words = "remainder 2, wanted a multiple of 4"; break;
      case 9: set_strides(&tensor, backwards), words = "stride -1 of dim 1"; break;
      case 10: set_strides(&tensor, huge), wanted = LAZY_STATUS_LIMIT, words = "reach past"; break;
      case 11: t->shape[0] = -3, words = "size -3 of dim 0"; break;
      case 12: t->shape[0] = INT64_MAX, wanted = LAZY_STATUS_LIMIT, words = "more bytes"; break;
      case 13: t->dtype.lanes = 4, wanted = LAZY_STATUS_INVALID_TYPE, words = "32 bits, 4 lanes"; break;
      case 14: t->dtype.code = kDLBool, wanted = LAZY_STATUS_INVALID_TYPE, words = "code 6"; break;
      case 15: t->dtype.bits = 8, wanted = LAZY_STATUS_INVALID_TYPE, words = "8 bits"; break;
      case 16: t->dtype.code = kDLInt, wanted = LAZY_STATUS_INVALID_TYPE, words = "wanted one lane of"; break;
      default: i = -1; break;
    }
    lazy_array *untouched = (lazy_array *)(void *)&tensor, *array = untouched;
    if (i >= 0) EXPECT_FAILS(lazy_array_from_dlpack(context, v, NULL, &array), wanted, words);
    EXPECT_TRUE(array == untouched);
    EXPECT_EQ(tensor.deletions, 0);
    free_foreign(&tensor);
    if (i < 0) break;
  }
  expect_adopted(env, 0);
  lazy_context_close(context);
}

TEST_ON_DRIVERS(dlpack, a_tensor_without_a_deleter_is_only_used) {
  lazy_context *context = model_context(env, env->device);
  foreign tensor;
  lazy_array *array, *again;
  make_foreign(context, &tensor, LAZY_DIMS(12), 12);
  tensor.versioned.deleter = NULL;
  if (!env->is_ptx)
    tensor.versioned.dl_tensor.device.device_type = kDLCUDAHost; /* pinned: the CPU follows it */
  ASSERT_OK(lazy_array_from_dlpack(context, &tensor.versioned, NULL, &array));
  ASSERT_OK(lazy_array_from_dlpack(context, &tensor.versioned, NULL, &again)); /* the same memory twice */
  lazy_array_release(array);
  float found[12];
  ASSERT_OK(lazy_array_download(again, found, sizeof found));
  EXPECT_EQ(found[11], 11.0f);
  lazy_array_release(again);
  expect_adopted(env, 0);
  free_foreign(&tensor);
  lazy_context_close(context);
}

/* ---- streams, failures, models ---- */

/* What the other library queued on its stream comes before our reads, and our writes before its reads. */
TEST_ON_DRIVERS(dlpack, streams_are_ordered_both_ways) {
  for (uint64_t seed = 1; seed <= 20; seed++) {
    check_device()->set_schedule(seed);
    lazy_context *context = model_context(env, env->device);
    const lazyi_device *device = &context->core->device;
    lazy_driver_stream theirs;
    lazy_array *array, *ours;
    float found[32];
    ASSERT_OK(lazy_array_create(context, LAZY_DTYPE_F32, &LAZY_DIMS(32), &ours));
    ASSERT_OK(lazy_array_fill(ours, 5));
    ASSERT_OK(lazyi_device_enter(device));
    ASSERT_OK(LAZYI_DRIVER(device, stream_create, &theirs, LAZY_DRIVER_STREAM_NON_BLOCKING));
    const lazy_dlpack_options options = {sizeof options, theirs};
    /* They write 0x40 bytes into memory of ours that they were lent, after our fill; we read it after them.
     */
    DLManagedTensorVersioned *lent = NULL;
    ASSERT_OK(lazy_array_to_dlpack(ours, &options, &lent));
    ASSERT_OK(LAZYI_DRIVER(device, memset_d8_async, lazy_array_address(ours), 0x40, 64, theirs));
    ASSERT_OK(lazy_array_from_dlpack(context, lent, &options, &array));
    ASSERT_OK(lazy_array_download(array, found, sizeof found));
    EXPECT_EQ(found[15], 0x1.80808p+1f);
    EXPECT_EQ(found[16], 5.0f);
    ASSERT_OK(LAZYI_DRIVER(device, stream_synchronize, theirs));
    ASSERT_OK(LAZYI_DRIVER(device, stream_destroy, theirs));
    lazyi_device_leave(device);
    lazy_array_release(array);
    lazy_array_release(ours);
    lazy_context_close(context);
  }
  check_device()->set_schedule(1);
}

TEST_ON_DRIVERS(dlpack, a_failed_allocation_changes_nothing) {
  lazy_context *context = model_context(env, env->device);
  bool done = false;
  for (uint64_t n = 1; !done; n++) {
    foreign tensor;
    lazy_array *array = NULL;
    DLManagedTensorVersioned *lent = NULL;
    make_foreign(context, &tensor, LAZY_DIMS(3, 4), 12);
    lazyi_memory_fail_at(n);
    lazy_status taken = lazy_array_from_dlpack(context, &tensor.versioned, NULL, &array);
    lazy_status given = taken == LAZY_STATUS_OK ? lazy_array_to_dlpack(array, NULL, &lent) : taken;
    lazyi_memory_fail_at(0);
    done = given == LAZY_STATUS_OK;
    if (!done) EXPECT_EQ(given, LAZY_STATUS_OUT_OF_MEMORY);
    EXPECT_EQ(tensor.deletions, 0);
    EXPECT_EQ(array != NULL, taken == LAZY_STATUS_OK);
    EXPECT_EQ(lent != NULL, done);
    lazy_array_release(array);
    EXPECT_EQ(tensor.deletions, taken == LAZY_STATUS_OK && !done);
    if (lent != NULL) lent->deleter(lent);
    EXPECT_EQ(tensor.deletions, taken == LAZY_STATUS_OK);
    expect_adopted(env, 0);
    free_foreign(&tensor);
    ASSERT_LT(n, 50u);
  }
  lazy_context_close(context);
}

TEST_ON_DRIVERS(dlpack, a_model_computes_on_a_tensor_of_another_library) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *linear = model_lazy_linear(context, 3, true, LAZY_DTYPE_F32);
  lazy_graph *graph;
  lazy_outputs outputs;
  foreign tensor;
  lazy_array *x;
  ASSERT_OK(lazy_graph_create(linear, NULL, &graph));
  make_foreign(context, &tensor, LAZY_DIMS(2, 4), 8);
  ASSERT_OK(lazy_array_from_dlpack(context, &tensor.versioned, NULL, &x));
  ASSERT_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(x)), &outputs));
  lazy_array_release(x); /* waits, then spoils */
  EXPECT_EQ(tensor.deletions, 1);
  double input[8], *weight = model_read_param(linear, "weight"), *bias = model_read_param(linear, "bias");
  for (int i = 0; i < 8; i++) input[i] = i;
  double *wanted = model_linear(input, 2, 4, weight, 3, bias),
         *found = model_read_output(graph, outputs.at[0], NULL);
  EXPECT_TRUE(model_near(found, wanted, 6, 1e-5, 1e-5));
  free(weight), free(bias), free(wanted), free(found);
  free_foreign(&tensor);
  lazy_graph_destroy(graph);
  lazy_module_release(linear);
  lazy_context_close(context);
}
