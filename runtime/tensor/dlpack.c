/* DLPack: arrays lent to other libraries, and theirs taken. */
#include <lazyrt/dlpack.h>
#include <lazyrt/dlpack_types.h>
#include <string.h>

#include "runtime/driver/host.h"
#include "runtime/driver/host_tag.h"
#include "runtime/tensor/array.h"
#include "runtime/tensor/context.h"

_Static_assert(sizeof(DLTensor) == 48 && sizeof(DLManagedTensor) == 64, "DLPack's ABI");
_Static_assert(sizeof(DLManagedTensorVersioned) == 80 && offsetof(DLManagedTensorVersioned, flags) == 24 &&
                   offsetof(DLManagedTensorVersioned, dl_tensor) == 32,
               "DLPack's ABI");

static const struct {
  lazy_dtype dtype;
  DLDataType type;
} types[] = {
    {LAZY_DTYPE_F64, {kDLFloat, 64, 1}}, {LAZY_DTYPE_F32, {kDLFloat, 32, 1}},
    {LAZY_DTYPE_F16, {kDLFloat, 16, 1}}, {LAZY_DTYPE_BF16, {kDLBfloat, 16, 1}},
    {LAZY_DTYPE_I64, {kDLInt, 64, 1}},   {LAZY_DTYPE_U8, {kDLUInt, 8, 1}},
};

/* ---- lent ---- */

typedef struct loan {
  union {
    DLManagedTensorVersioned versioned;
    DLManagedTensor unversioned;
  } as;
  lazy_array *array; /* held */
  int64_t shape[LAZY_MAX_RANK], strides[LAZY_MAX_RANK];
} loan;

static void end_loan(loan *ended) {
  lazy_array_release(ended->array);
  lazyi_memory_free(ended);
}
static void delete_versioned(DLManagedTensorVersioned *self) { end_loan(self->manager_ctx); }
static void delete_unversioned(DLManagedTensor *self) { end_loan(self->manager_ctx); }

/* The other library may use the memory once the stream, or this thread, has passed. */
static lazy_status hand_over(lazyi_core *core, const lazy_dlpack_options *options) {
  LAZY_TRY(lazyi_core_enter(core));
  lazy_status status = options != NULL && options->stream != NULL
                           ? lazyi_core_order(core, core->stream, options->stream)
                           : LAZYI_DRIVER(&core->device, stream_synchronize, core->stream);
  lazyi_core_leave(core);
  return status;
}

static lazy_status lend(lazy_array *array, const lazy_dlpack_options *options, loan **out_loan) {
  loan *made = lazyi_memory_calloc(1, sizeof *made);
  LAZYI_TRY_ALLOC(made);
  lazy_status status = hand_over(array->storage->core, options);
  if (status != LAZY_STATUS_OK) {
    lazyi_memory_free(made);
    return status;
  }
  made->array = lazy_array_retain(array);
  memcpy(made->shape, array->shape.dims, sizeof made->shape);
  memcpy(made->strides, array->strides, sizeof made->strides);
  *out_loan = made;
  return LAZY_STATUS_OK;
}

static DLTensor describe(loan *made) {
  const lazy_array *array = made->array;
  const lazyi_device *device = &array->storage->core->device;
  uint64_t address = device->is_host ? lazyi_host_untag(array->address) : array->address;
  DLTensor tensor = {
      .data = (void *)(uintptr_t)address,
      .device = {device->is_host ? kDLCPU : kDLCUDA, device->is_host ? 0 : device->ordinal},
      .ndim = array->shape.rank,
      .shape = made->shape,
      .strides = made->strides,
  };
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (types[i].dtype == array->dtype) tensor.dtype = types[i].type;
  return tensor;
}

lazy_status lazy_array_to_dlpack(lazy_array *array, const lazy_dlpack_options *options,
                                 DLManagedTensorVersioned **out_tensor) {
  loan *made;
  LAZY_TRY(lend(array, options, &made));
  made->as.versioned = (DLManagedTensorVersioned){
      .version = {DLPACK_MAJOR_VERSION, DLPACK_MINOR_VERSION},
      .manager_ctx = made,
      .deleter = delete_versioned,
      .flags = array->storage->read_only ? DLPACK_FLAG_BITMASK_READ_ONLY : 0,
      .dl_tensor = describe(made),
  };
  *out_tensor = &made->as.versioned;
  return LAZY_STATUS_OK;
}

lazy_status lazy_array_to_dlpack_unversioned(lazy_array *array, const lazy_dlpack_options *options,
                                             DLManagedTensor **out_tensor) {
  if (array->storage->read_only)
    return lazy_status_fail(LAZY_STATUS_INVALID_STATE,
                            "DLPack: the array's memory is read-only, which only a versioned tensor can say");
  loan *made;
  LAZY_TRY(lend(array, options, &made));
  made->as.unversioned = (DLManagedTensor){describe(made), made, delete_unversioned};
  *out_tensor = &made->as.unversioned;
  return LAZY_STATUS_OK;
}

/* ---- taken ---- */

typedef struct taking {
  lazyi_core *core; /* the storage holds it */
  DLManagedTensorVersioned *versioned;
  DLManagedTensor *unversioned; /* one of the two */
  lazy_driver_address address;
  size_t bytes; /* 0: no elements */
} taking;

/* Work on the memory may be queued still, and the deleter frees it from this thread. */
static void let_go(void *owner) {
  taking *taken = owner;
  const lazyi_core *core = taken->core;
  if (taken->bytes != 0 && lazyi_core_enter(core) == LAZY_STATUS_OK) {
    if (core->device.is_host) (void)lazyi_host_give_up(taken->address, taken->bytes);
    else (void)core->device.driver->stream_synchronize(core->stream);
    lazyi_core_leave(core);
  }
  if (taken->versioned != NULL && taken->versioned->deleter != NULL)
    taken->versioned->deleter(taken->versioned);
  if (taken->unversioned != NULL && taken->unversioned->deleter != NULL)
    taken->unversioned->deleter(taken->unversioned);
  lazyi_memory_free(taken);
}

static lazy_status check_device(const lazyi_device *device, DLDevice found) {
  int type = (int)found.device_type;
  if (device->is_host ? type == kDLCPU || type == kDLCUDAHost
                      : (type == kDLCUDA || type == kDLCUDAManaged) && found.device_id == device->ordinal)
    return LAZY_STATUS_OK;
  const char *name = type == kDLCPU           ? "kDLCPU"
                     : type == kDLCUDA        ? "kDLCUDA"
                     : type == kDLCUDAHost    ? "kDLCUDAHost"
                     : type == kDLCUDAManaged ? "kDLCUDAManaged"
                                              : "a device type";
  return lazy_status_fail(LAZY_STATUS_INVALID_VALUE,
                          "DLPack: found memory of %s (%d) number %d, wanted %s of the context's device %s",
                          name, type, (int)found.device_id, device->is_host ? "kDLCPU" : "kDLCUDA",
                          device->spelling);
}

static lazy_status find_dtype(DLDataType found, lazy_dtype *out_dtype) {
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (types[i].type.code == found.code && types[i].type.bits == found.bits && found.lanes == 1)
      return *out_dtype = types[i].dtype, LAZY_STATUS_OK;
  return lazy_status_fail(
      LAZY_STATUS_INVALID_TYPE,
      "DLPack: found elements of code %u, %u bits, %u lanes, wanted one lane of f64, f32, "
      "f16, bf16, i64 or u8",
      found.code, found.bits, found.lanes);
}

/* What the array will be; `bytes` from its first element to the end of its last, 0 without elements. */
typedef struct view {
  lazy_dtype dtype;
  lazy_shape shape;
  int64_t strides[LAZY_MAX_RANK];
  uint64_t address;
  size_t bytes;
} view;

static lazy_status find_strides(const DLTensor *tensor, view *found) {
  int64_t compact = 1, last = 0, bytes;
  const int64_t element_bytes = (int64_t)lazy_dtype_bytes(found->dtype);
  for (int i = found->shape.rank; i-- > 0;) {
    int64_t size = found->shape.dims[i], stride = tensor->strides != NULL ? tensor->strides[i] : compact,
            reach;
    if (stride < 0)
      return lazy_status_fail(LAZY_STATUS_INVALID_VALUE,
                              "DLPack: found stride %lld of dim %d, wanted 0 or more", (long long)stride, i);
    found->strides[i] = stride;
    compact *= size != 0 ? size : 1; /* measured before */
    if (size > 1 &&
        (__builtin_mul_overflow(size - 1, stride, &reach) || __builtin_add_overflow(last, reach, &last)))
      last = INT64_MAX;
  }
  uint64_t end;
  if (last == INT64_MAX || __builtin_mul_overflow(last + 1, element_bytes, &bytes) ||
      __builtin_add_overflow(found->address, (uint64_t)bytes, &end))
    return lazy_status_fail(LAZY_STATUS_LIMIT, "DLPack: strides that reach past what can be addressed");
  if (found->bytes != 0) found->bytes = (size_t)bytes;
  return LAZY_STATUS_OK;
}

static lazy_status look_at(const DLTensor *tensor, const lazyi_device *device, view *out_view) {
  view found = {0};
  int64_t count;
  LAZY_TRY(check_device(device, tensor->device));
  LAZY_TRY(find_dtype(tensor->dtype, &found.dtype));
  if (tensor->ndim < 0 || tensor->ndim > LAZY_MAX_RANK || (tensor->ndim > 0 && tensor->shape == NULL))
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "DLPack: found rank %d%s, wanted 0 to %d",
                            (int)tensor->ndim, tensor->shape == NULL ? " without sizes" : "", LAZY_MAX_RANK);
  found.shape.rank = tensor->ndim;
  for (int i = 0; i < tensor->ndim; i++) found.shape.dims[i] = tensor->shape[i];
  LAZY_TRY(lazyi_array_measure(&found.shape, found.dtype, &count, &found.bytes));
  if (count != 0 && tensor->data == NULL)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE,
                            "DLPack: found %lld elements at NULL, wanted an address", (long long)count);
  found.address = (uintptr_t)tensor->data + tensor->byte_offset;
  if (count != 0 && found.address % lazy_dtype_bytes(found.dtype) != 0)
    return lazy_status_fail(
        LAZY_STATUS_INVALID_VALUE,
        "DLPack: found %s elements at an address with remainder %d, wanted a multiple of %zu",
        lazy_dtype_name(found.dtype), (int)(found.address % lazy_dtype_bytes(found.dtype)),
        lazy_dtype_bytes(found.dtype));
  LAZY_TRY(find_strides(tensor, &found));
  *out_view = found;
  return LAZY_STATUS_OK;
}

/* With the context current: what is queued from now on may use the memory. */
static lazy_status take_memory(taking *taken, const view *found, const lazy_dlpack_options *options) {
  lazyi_core *core = taken->core;
  taken->address = found->address;
  if (options != NULL && options->stream != NULL)
    LAZY_TRY(lazyi_core_order(core, options->stream, core->stream));
  if (found->bytes == 0 || !core->device.is_host) return LAZY_STATUS_OK;
  int result = lazyi_host_adopt((void *)(uintptr_t)found->address, found->bytes, &taken->address);
  return lazyi_device_check(&core->device, result, "adopting memory");
}

static void return_memory(const taking *taken) {
  if (taken->bytes != 0 && taken->core->device.is_host)
    (void)lazyi_host_give_up(taken->address, taken->bytes);
}

static lazy_status take(lazy_context *context, const DLTensor *tensor, taking taken, bool read_only,
                        const lazy_dlpack_options *options, lazy_array **out_array) {
  view found;
  LAZY_TRY(look_at(tensor, &context->core->device, &found));
  taking *owner = lazyi_memory_alloc(sizeof *owner);
  LAZYI_TRY_ALLOC(owner);
  taken.core = context->core;
  *owner = taken;
  lazy_array *array = NULL;
  lazy_status status = lazyi_core_enter(taken.core);
  if (status == LAZY_STATUS_OK) {
    status = take_memory(owner, &found, options);
    if (status == LAZY_STATUS_OK) {
      owner->bytes = found.bytes;
      status = lazyi_array_wrap(taken.core, found.dtype, &found.shape, owner->address, let_go, owner, &array);
      if (status != LAZY_STATUS_OK) return_memory(owner);
    }
    lazyi_core_leave(taken.core);
  }
  if (status != LAZY_STATUS_OK) {
    lazyi_memory_free(owner);
    return status;
  }
  memcpy(array->strides, found.strides, sizeof array->strides);
  array->storage->read_only = read_only;
  *out_array = array;
  return LAZY_STATUS_OK;
}

lazy_status lazy_array_from_dlpack(lazy_context *context, DLManagedTensorVersioned *tensor,
                                   const lazy_dlpack_options *options, lazy_array **out_array) {
  if (tensor->version.major != DLPACK_MAJOR_VERSION)
    return lazy_status_fail(LAZY_STATUS_UNSUPPORTED, "DLPack: found a tensor of version %u.%u, wanted 1.x",
                            (unsigned)tensor->version.major, (unsigned)tensor->version.minor);
  return take(context, &tensor->dl_tensor, (taking){.versioned = tensor},
              (tensor->flags & DLPACK_FLAG_BITMASK_READ_ONLY) != 0, options, out_array);
}

lazy_status lazy_array_from_dlpack_unversioned(lazy_context *context, DLManagedTensor *tensor,
                                               const lazy_dlpack_options *options, lazy_array **out_array) {
  return take(context, &tensor->dl_tensor, (taking){.unversioned = tensor}, false, options, out_array);
}
