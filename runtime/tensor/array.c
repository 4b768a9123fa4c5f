/* Arrays: creation, sharing, facts. */
#include "runtime/tensor/array.h"

#include <stdio.h>

#include "runtime/tensor/context.h"

lazy_status lazyi_array_measure(const lazy_shape *shape, lazy_dtype dtype, int64_t *out_count,
                                size_t *out_bytes) {
  size_t element_bytes = lazy_dtype_bytes(dtype);
  if (element_bytes == 0)
    return lazy_status_fail(LAZY_STATUS_INVALID_TYPE, "array: %d is no dtype", (int)dtype);
  if (shape->rank < 0 || shape->rank > LAZY_MAX_RANK)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "array: rank %d, wanted 0 to %d", (int)shape->rank,
                            LAZY_MAX_RANK);
  /* Sizes of 0 count as 1 for the overflow, as they do in strides. */
  int64_t product = (int64_t)element_bytes;
  bool empty = false;
  for (int i = 0; i < shape->rank; i++) {
    int64_t size = shape->dims[i];
    if (size < 0)
      return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "array: size %lld of dim %d, wanted 0 or more",
                              (long long)size, i);
    empty |= size == 0;
    if (__builtin_mul_overflow(product, size != 0 ? size : 1, &product)) {
      char words[128];
      return lazy_status_fail(LAZY_STATUS_LIMIT, "array: %s has more bytes than can be addressed",
                              lazyi_array_describe(dtype, shape, words, sizeof words));
    }
  }
  *out_count = empty ? 0 : product / (int64_t)element_bytes;
  *out_bytes = empty ? 0 : (size_t)product;
  return LAZY_STATUS_OK;
}

const char *lazyi_array_describe(lazy_dtype dtype, const lazy_shape *shape, char *buffer, size_t bytes) {
  size_t at = (size_t)snprintf(buffer, bytes, "%s[", lazy_dtype_name(dtype));
  for (int i = 0; i < shape->rank && i < LAZY_MAX_RANK && at < bytes; i++)
    at += (size_t)snprintf(buffer + at, bytes - at, i != 0 ? ", %lld" : "%lld", (long long)shape->dims[i]);
  if (at < bytes) (void)snprintf(buffer + at, bytes - at, "]");
  return buffer;
}

static void set_contiguous(lazy_array *array) {
  int64_t stride = 1;
  for (int i = array->shape.rank; i-- > 0;) {
    array->strides[i] = stride;
    stride *= array->shape.dims[i] != 0 ? array->shape.dims[i] : 1;
  }
}

static void release_storage(lazyi_storage *storage) {
  if (atomic_fetch_sub_explicit(&storage->references, 1, memory_order_acq_rel) != 1) return;
  lazyi_core *core = storage->core;
  if (storage->let_go != NULL) storage->let_go(storage->owner);
  else lazyi_arena_free(&core->arena, storage->block, core->stream);
  lazyi_memory_free(storage);
  lazyi_core_release(core);
}

/* An array on a storage of its own, neither with an address yet. */
static lazy_status create_bare(lazyi_core *core, lazy_dtype dtype, const lazy_shape *shape,
                               lazy_array **out_array) {
  lazy_array *array = lazyi_memory_calloc(1, sizeof *array);
  LAZYI_TRY_ALLOC(array);
  array->storage = lazyi_memory_calloc(1, sizeof *array->storage);
  if (array->storage == NULL) {
    lazyi_memory_free(array);
    return LAZY_STATUS_OUT_OF_MEMORY;
  }
  atomic_init(&array->references, 1);
  atomic_init(&array->storage->references, 1);
  array->storage->core = lazyi_core_retain(core);
  array->dtype = dtype;
  array->shape.rank = shape->rank;
  for (int i = 0; i < shape->rank; i++) array->shape.dims[i] = shape->dims[i];
  set_contiguous(array);
  *out_array = array;
  return LAZY_STATUS_OK;
}

lazy_status lazyi_array_create(lazyi_core *core, lazy_dtype dtype, const lazy_shape *shape,
                               lazy_array **out_array) {
  int64_t count;
  size_t bytes;
  lazy_array *array;
  LAZY_TRY(lazyi_array_measure(shape, dtype, &count, &bytes));
  LAZY_TRY(create_bare(core, dtype, shape, &array));
  lazyi_block block = {0};
  lazy_status status = lazyi_core_enter(core);
  if (status == LAZY_STATUS_OK) {
    status = lazyi_arena_alloc(&core->arena, bytes, core->stream, NULL, &block);
    lazyi_core_leave(core);
  }
  if (status != LAZY_STATUS_OK) {
    lazy_array_release(array); /* its block has zero bytes */
    return status;
  }
  array->storage->block = block;
  array->address = block.address;
  *out_array = array;
  return LAZY_STATUS_OK;
}

lazy_status lazyi_array_wrap(lazyi_core *core, lazy_dtype dtype, const lazy_shape *shape, uint64_t address,
                             void (*let_go)(void *owner), void *owner, lazy_array **out_array) {
  int64_t count;
  size_t bytes;
  lazy_array *array;
  LAZY_TRY(lazyi_array_measure(shape, dtype, &count, &bytes));
  LAZY_TRY(create_bare(core, dtype, shape, &array));
  array->storage->let_go = let_go;
  array->storage->owner = owner;
  array->address = count != 0 ? address : 0;
  *out_array = array;
  return LAZY_STATUS_OK;
}

lazy_status lazyi_array_alias(const lazy_array *array, lazy_array **out_view) {
  lazy_array *view = lazyi_memory_alloc(sizeof *view);
  LAZYI_TRY_ALLOC(view);
  atomic_init(&view->references, 1);
  atomic_fetch_add_explicit(&array->storage->references, 1, memory_order_relaxed);
  view->storage = array->storage;
  view->address = array->address;
  view->dtype = array->dtype;
  view->shape = array->shape;
  for (int i = 0; i < LAZY_MAX_RANK; i++) view->strides[i] = array->strides[i];
  *out_view = view;
  return LAZY_STATUS_OK;
}

lazy_status lazy_array_create(lazy_context *context, lazy_dtype dtype, const lazy_shape *shape,
                              lazy_array **out_array) {
  return lazyi_array_create(context->core, dtype != LAZY_DTYPE_DEFAULT ? dtype : context->default_dtype,
                            shape, out_array);
}

lazy_status lazy_array_from_data(lazy_context *context, lazy_dtype dtype, const lazy_shape *shape,
                                 const void *data, lazy_array **out_array) {
  lazy_array *array;
  LAZY_TRY(lazy_array_create(context, dtype, shape, &array));
  lazy_status status = lazy_array_upload(array, data, lazy_array_bytes(array));
  if (status != LAZY_STATUS_OK) {
    lazy_array_release(array);
    return status;
  }
  *out_array = array;
  return LAZY_STATUS_OK;
}

lazy_array *lazy_array_retain(lazy_array *array) {
  if (array != NULL) atomic_fetch_add_explicit(&array->references, 1, memory_order_relaxed);
  return array;
}

void lazy_array_release(lazy_array *array) {
  if (array == NULL || atomic_fetch_sub_explicit(&array->references, 1, memory_order_acq_rel) != 1) return;
  release_storage(array->storage);
  lazyi_memory_free(array);
}

/* ---- facts ---- */

lazy_dtype lazy_array_dtype(const lazy_array *array) { return array->dtype; }
lazy_shape lazy_array_shape(const lazy_array *array) { return array->shape; }
uint64_t lazy_array_address(const lazy_array *array) { return array->address; }

int64_t lazy_array_stride(const lazy_array *array, int dim) {
  return dim >= 0 && dim < array->shape.rank ? array->strides[dim] : 0;
}

int64_t lazy_array_element_count(const lazy_array *array) {
  int64_t count = 1;
  for (int i = 0; i < array->shape.rank; i++) count *= array->shape.dims[i];
  return count;
}

size_t lazy_array_bytes(const lazy_array *array) {
  return (size_t)lazy_array_element_count(array) * lazy_dtype_bytes(array->dtype);
}

bool lazy_array_is_contiguous(const lazy_array *array) {
  int64_t stride = 1;
  if (lazy_array_element_count(array) == 0) return true;
  for (int i = array->shape.rank; i-- > 0;) {
    if (array->shape.dims[i] == 1) continue;
    if (array->strides[i] != stride) return false;
    stride *= array->shape.dims[i];
  }
  return true;
}

bool lazy_array_shares_memory(const lazy_array *array, const lazy_array *other) {
  return array->storage == other->storage;
}
