/* Values of arrays: upload, download, fill, copies. */
#include "runtime/tensor/array.h"
#include "runtime/tensor/copy.h"

static lazyi_place place_of(const lazy_array *array) {
  return (lazyi_place){array->address, array->dtype, array->strides};
}

static lazy_status check_bytes(const lazy_array *array, size_t bytes, const char *what) {
  if (bytes == lazy_array_bytes(array)) return LAZY_STATUS_OK;
  char words[128];
  return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "array: %s of %zu bytes, wanted the %zu of %s", what,
                          bytes, lazy_array_bytes(array),
                          lazyi_array_describe(array->dtype, &array->shape, words, sizeof words));
}

/* Writing to a broadcast array would write one element many times. */
static lazy_status check_writable(const lazy_array *array) {
  if (lazy_array_element_count(array) == 0) return LAZY_STATUS_OK;
  if (array->storage->read_only)
    return lazy_status_fail(LAZY_STATUS_INVALID_STATE,
                            "array: written to, and its memory came from another library as read-only");
  for (int i = 0; i < array->shape.rank; i++)
    if (array->shape.dims[i] > 1 && array->strides[i] == 0)
      return lazy_status_fail(
          LAZY_STATUS_INVALID_STATE,
          "array: written to through an expanded view (dim %d, size %lld, has one element)", i,
          (long long)array->shape.dims[i]);
  return LAZY_STATUS_OK;
}

/* ---- with the device's context current ---- */

static lazy_status upload(lazy_array *array, const void *data, size_t bytes) {
  lazyi_core *core = array->storage->core;
  if (lazy_array_is_contiguous(array))
    return lazyi_staging_upload(&core->staging, array->address, data, bytes, core->stream);
  lazyi_block block;
  LAZY_TRY(lazyi_arena_alloc(&core->arena, bytes, core->stream, NULL, &block));
  lazyi_place from = {block.address, array->dtype, NULL}, to = place_of(array);
  lazy_status status = lazyi_staging_upload(&core->staging, block.address, data, bytes, core->stream);
  if (status == LAZY_STATUS_OK) status = lazyi_copy(core, &array->shape, &from, &to, core->stream);
  lazyi_arena_free(&core->arena, block, core->stream);
  return status;
}

static lazy_status download(const lazy_array *array, void *out_data, size_t bytes) {
  lazyi_core *core = array->storage->core;
  if (lazy_array_is_contiguous(array))
    return lazyi_staging_download(&core->staging, out_data, array->address, bytes, core->stream);
  lazyi_block block;
  LAZY_TRY(lazyi_arena_alloc(&core->arena, bytes, core->stream, NULL, &block));
  lazyi_place from = place_of(array), to = {block.address, array->dtype, NULL};
  lazy_status status = lazyi_copy(core, &array->shape, &from, &to, core->stream);
  if (status == LAZY_STATUS_OK)
    status = lazyi_staging_download(&core->staging, out_data, block.address, bytes, core->stream);
  lazyi_arena_free(&core->arena, block, core->stream);
  return status;
}

static lazy_status fill(lazy_array *array, uint64_t pattern) {
  lazyi_core *core = array->storage->core;
  size_t element_bytes = lazy_dtype_bytes(array->dtype);
  uint64_t count = (uint64_t)lazy_array_element_count(array);
  if (lazy_array_is_contiguous(array))
    return lazyi_copy_fill(core, array->address, element_bytes, count, pattern, core->stream);
  lazyi_block block;
  LAZY_TRY(lazyi_arena_alloc(&core->arena, element_bytes, core->stream, NULL, &block));
  static const int64_t repeat[LAZY_MAX_RANK] = {0};
  lazyi_place from = {block.address, array->dtype, repeat}, to = place_of(array);
  lazy_status status = lazyi_copy_fill(core, block.address, element_bytes, 1, pattern, core->stream);
  if (status == LAZY_STATUS_OK) status = lazyi_copy(core, &array->shape, &from, &to, core->stream);
  lazyi_arena_free(&core->arena, block, core->stream);
  return status;
}

static bool is_same_view(const lazy_array *a, const lazy_array *b) {
  if (a->address != b->address || a->dtype != b->dtype || a->shape.rank != b->shape.rank) return false;
  for (int i = 0; i < a->shape.rank; i++)
    if (a->shape.dims[i] != b->shape.dims[i] || a->strides[i] != b->strides[i]) return false;
  return true;
}

/* `from` has the array's shape. Views of one memory may overlap, so they go by way of a third place. */
static lazy_status copy(lazy_array *array, const lazy_array *from) {
  lazyi_core *core = array->storage->core;
  lazyi_place source = place_of(from), target = place_of(array);
  if (from->storage != array->storage) return lazyi_copy(core, &array->shape, &source, &target, core->stream);
  if (is_same_view(array, from)) return LAZY_STATUS_OK;
  lazyi_block block;
  LAZY_TRY(lazyi_arena_alloc(&core->arena, lazy_array_bytes(array), core->stream, NULL, &block));
  lazyi_place between = {block.address, array->dtype, NULL};
  lazy_status status = lazyi_copy(core, &array->shape, &source, &between, core->stream);
  if (status == LAZY_STATUS_OK) status = lazyi_copy(core, &array->shape, &between, &target, core->stream);
  lazyi_arena_free(&core->arena, block, core->stream);
  return status;
}

/* ---- public ---- */

lazy_status lazy_array_upload(lazy_array *array, const void *data, size_t bytes) {
  LAZY_TRY(check_bytes(array, bytes, "upload"));
  LAZY_TRY(check_writable(array));
  if (bytes == 0) return LAZY_STATUS_OK;
  LAZY_TRY(lazyi_core_enter(array->storage->core));
  lazy_status status = upload(array, data, bytes);
  lazyi_core_leave(array->storage->core);
  return status;
}

lazy_status lazy_array_download(const lazy_array *array, void *out_data, size_t bytes) {
  LAZY_TRY(check_bytes(array, bytes, "download"));
  if (bytes == 0) return LAZY_STATUS_OK;
  LAZY_TRY(lazyi_core_enter(array->storage->core));
  lazy_status status = download(array, out_data, bytes);
  lazyi_core_leave(array->storage->core);
  return status;
}

lazy_status lazy_array_fill(lazy_array *array, double value) {
  uint64_t pattern;
  LAZY_TRY(lazyi_copy_pattern(array->dtype, value, &pattern));
  LAZY_TRY(check_writable(array));
  if (lazy_array_element_count(array) == 0) return LAZY_STATUS_OK;
  LAZY_TRY(lazyi_core_enter(array->storage->core));
  lazy_status status = fill(array, pattern);
  lazyi_core_leave(array->storage->core);
  return status;
}

static bool has_shape(const lazy_array *array, const lazy_shape *shape) {
  bool has = array->shape.rank == shape->rank;
  for (int i = 0; i < shape->rank && has; i++) has = array->shape.dims[i] == shape->dims[i];
  return has;
}

lazy_status lazy_array_copy(lazy_array *array, const lazy_array *from) {
  if (array->storage->core != from->storage->core)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE,
                            "array: copied from %s to %s; both must be of one context",
                            from->storage->core->device.name, array->storage->core->device.name);
  LAZY_TRY(check_writable(array));
  lazy_array *expanded =
      NULL; /* between equal shapes nothing is allocated: what takes a change back relies on it */
  if (!has_shape(from, &array->shape)) LAZY_TRY(lazy_array_expand(from, &array->shape, &expanded));
  lazy_status status = LAZY_STATUS_OK;
  if (lazy_array_element_count(array) != 0) {
    status = lazyi_core_enter(array->storage->core);
    if (status == LAZY_STATUS_OK) {
      status = copy(array, expanded != NULL ? expanded : from);
      lazyi_core_leave(array->storage->core);
    }
  }
  lazy_array_release(expanded);
  return status;
}

static lazy_status copy_as(const lazy_array *array, lazy_dtype dtype, lazy_array **out_array) {
  lazy_array *made;
  LAZY_TRY(lazyi_array_create(array->storage->core, dtype, &array->shape, &made));
  lazy_status status = lazy_array_copy(made, array);
  if (status != LAZY_STATUS_OK) {
    lazy_array_release(made);
    return status;
  }
  *out_array = made;
  return LAZY_STATUS_OK;
}

lazy_status lazy_array_contiguous(lazy_array *array, lazy_array **out_array) {
  if (!lazy_array_is_contiguous(array)) return copy_as(array, array->dtype, out_array);
  *out_array = lazy_array_retain(array);
  return LAZY_STATUS_OK;
}

lazy_status lazy_array_convert(lazy_array *array, lazy_dtype dtype, lazy_array **out_array) {
  if (dtype != array->dtype) return copy_as(array, dtype, out_array);
  *out_array = lazy_array_retain(array);
  return LAZY_STATUS_OK;
}
