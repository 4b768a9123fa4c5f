#include "runtime/tensor/copy.h"

#include "kernels/number.cuh"

/* A block's elements at a time, for the size of the grid. */
enum { ELEMENTS_PER_BLOCK = 4 * LAZYI_LAUNCH_BLOCK };

/* The shape with as few dims as walk both places: sizes of 1 dropped, neighbours joined where both are in
 * step. */
typedef struct walk {
  uint64_t count;
  int64_t sizes[LAZY_MAX_RANK], from[LAZY_MAX_RANK], to[LAZY_MAX_RANK];
  int32_t rank; /* 0: one element */
} walk;

static walk plan_walk(const lazy_shape *shape, const int64_t *from_strides, const int64_t *to_strides) {
  walk w = {.count = 1};
  int64_t contiguous[LAZY_MAX_RANK], stride = 1;
  for (int i = shape->rank; i-- > 0; stride *= shape->dims[i]) contiguous[i] = stride;
  for (int i = 0; i < shape->rank; i++) {
    int64_t size = shape->dims[i];
    int64_t from = from_strides != NULL ? from_strides[i] : contiguous[i];
    int64_t to = to_strides != NULL ? to_strides[i] : contiguous[i];
    w.count *= (uint64_t)size;
    if (size == 1) continue;
    if (w.rank > 0 && w.from[w.rank - 1] == from * size && w.to[w.rank - 1] == to * size) {
      w.rank--;
      size *= w.sizes[w.rank];
    }
    w.sizes[w.rank] = size;
    w.from[w.rank] = from;
    w.to[w.rank++] = to;
  }
  if (w.rank == 0) {
    w.sizes[0] = w.from[0] = w.to[0] = 1;
    w.rank = 1;
  }
  return w;
}

static lazy_status copy_same(lazyi_core *core, const walk *w, const lazyi_place *from, const lazyi_place *to,
                             lazy_driver_stream stream) {
  size_t element_bytes = lazy_dtype_bytes(from->dtype);
  if (w->rank == 1 && w->from[0] == 1 && w->to[0] == 1)
    return LAZYI_DRIVER(&core->device, memcpy_dtod_async, to->address, from->address,
                        w->count * element_bytes, stream);
  struct lazy_k_copy_params params = {.from = from->address,
                                      .to = to->address,
                                      .count = w->count,
                                      .rank = w->rank,
                                      .element_bytes = (uint32_t)element_bytes};
  for (int i = 0; i < LAZY_MAX_RANK; i++) {
    params.sizes[i] = i < w->rank ? w->sizes[i] : 1;
    params.from_strides[i] = i < w->rank ? w->from[i] : 0;
    params.to_strides[i] = i < w->rank ? w->to[i] : 0;
  }
  return lazyi_launch(&core->launcher, LAZYI_KERNEL_COPY,
                      lazyi_launch_grid(&core->launcher, w->count, ELEMENTS_PER_BLOCK), LAZYI_LAUNCH_BLOCK,
                      &params, stream);
}

static lazy_status copy_converted(lazyi_core *core, const walk *w, const lazyi_place *from,
                                  const lazyi_place *to, lazy_driver_stream stream) {
  struct lazy_k_convert_params params = {.from = from->address,
                                         .to = to->address,
                                         .count = w->count,
                                         .rank = w->rank,
                                         .from_dtype = (uint8_t)from->dtype,
                                         .to_dtype = (uint8_t)to->dtype};
  for (int i = 0; i < LAZY_MAX_RANK; i++) {
    params.sizes[i] = i < w->rank ? w->sizes[i] : 1;
    params.from_strides[i] = i < w->rank ? w->from[i] : 0;
    params.to_strides[i] = i < w->rank ? w->to[i] : 0;
  }
  return lazyi_launch(&core->launcher, LAZYI_KERNEL_CONVERT,
                      lazyi_launch_grid(&core->launcher, w->count, ELEMENTS_PER_BLOCK), LAZYI_LAUNCH_BLOCK,
                      &params, stream);
}

lazy_status lazyi_copy(lazyi_core *core, const lazy_shape *shape, const lazyi_place *from,
                       const lazyi_place *to, lazy_driver_stream stream) {
  walk w = plan_walk(shape, from->strides, to->strides);
  if (w.count == 0) return LAZY_STATUS_OK;
  return from->dtype == to->dtype ? copy_same(core, &w, from, to, stream)
                                  : copy_converted(core, &w, from, to, stream);
}

lazy_status lazyi_copy_pattern(lazy_dtype dtype, double value, uint64_t *out_pattern) {
  bool whole = value == (double)lazy_f64_to_i64(value); /* false for NaN and for what does not fit */
  switch (dtype) {
    case LAZY_DTYPE_F64: *out_pattern = lazy_f64_bits(value); return LAZY_STATUS_OK;
    case LAZY_DTYPE_F32: *out_pattern = lazy_f32_bits((float)value); return LAZY_STATUS_OK;
    case LAZY_DTYPE_F16: *out_pattern = lazy_f32_to_f16((float)value); return LAZY_STATUS_OK;
    case LAZY_DTYPE_BF16: *out_pattern = lazy_f32_to_bf16((float)value); return LAZY_STATUS_OK;
    case LAZY_DTYPE_I64:
      if (!whole || value >= 0x1p63) break;
      *out_pattern = (uint64_t)(int64_t)value;
      return LAZY_STATUS_OK;
    case LAZY_DTYPE_U8:
      if (!whole || value < 0 || value > 255) break;
      *out_pattern = (uint8_t)value;
      return LAZY_STATUS_OK;
    case LAZY_DTYPE_DEFAULT: return lazy_status_fail(LAZY_STATUS_INVALID_TYPE, "array: no dtype given");
  }
  return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "array: %g is no value of %s", value,
                          lazy_dtype_name(dtype));
}

/* One byte over and over is what drivers have a call of their own for. */
static bool is_one_byte(uint64_t pattern, size_t element_bytes) {
  for (size_t i = 1; i < element_bytes; i++)
    if ((pattern >> (8 * i) & 0xff) != (pattern & 0xff)) return false;
  return true;
}

lazy_status lazyi_copy_fill(lazyi_core *core, uint64_t address, size_t element_bytes, uint64_t count,
                            uint64_t pattern, lazy_driver_stream stream) {
  if (count == 0) return LAZY_STATUS_OK;
  if (is_one_byte(pattern, element_bytes))
    return LAZYI_DRIVER(&core->device, memset_d8_async, address, (unsigned char)pattern,
                        count * element_bytes, stream);
  struct lazy_k_fill_params params = {
      .out = address, .count = count, .pattern = pattern, .element_bytes = (uint32_t)element_bytes};
  return lazyi_launch(&core->launcher, LAZYI_KERNEL_FILL,
                      lazyi_launch_grid(&core->launcher, count, ELEMENTS_PER_BLOCK), LAZYI_LAUNCH_BLOCK,
                      &params, stream);
}
