#include "runtime/launch/ops.h"

#include <string.h>

/* Elements a block takes before a further one pays: blocks of the host device are work for a thread of its
 * own. */
enum { ELEMENTS_PER_BLOCK = 4096 };

uint64_t lazyi_strides_merge(int32_t *rank, int64_t sizes[8], int64_t (*strides)[8], int count) {
  int32_t kept = 0;
  uint64_t elements = 1;
  for (int32_t d = 0; d < *rank; d++) {
    elements *= (uint64_t)sizes[d];
    if (sizes[d] == 1) continue;
    bool joins = kept > 0;
    for (int s = 0; joins && s < count; s++) joins = strides[s][kept - 1] == strides[s][d] * sizes[d];
    if (!joins) {
      sizes[kept++] = sizes[d];
    } else {
      sizes[kept - 1] *= sizes[d];
    }
    for (int s = 0; s < count; s++) strides[s][kept - 1] = strides[s][d];
  }
  for (int32_t d = kept; d < 8; d++) {
    sizes[d] = 1;
    for (int s = 0; s < count; s++) strides[s][d] = 1;
  }
  *rank = kept > 0 ? kept : 1;
  return elements;
}

static void take_strides(const lazy_shape *shape, lazyi_strided place, int64_t out_strides[8]) {
  int64_t contiguous = 1;
  for (int32_t d = shape->rank - 1; d >= 0; d--) {
    out_strides[d] = place.strides != NULL ? place.strides[d] : contiguous;
    contiguous *= shape->dims[d];
  }
}

/* Merges the dimensions of two places; yields the elements. */
static uint64_t take_places(const lazy_shape *shape, lazyi_strided one, lazyi_strided other,
                            int32_t *out_rank, int64_t sizes[8], int64_t one_strides[8],
                            int64_t other_strides[8]) {
  int64_t strides[2][8] = {{0}};
  memcpy(sizes, shape->dims, sizeof shape->dims);
  take_strides(shape, one, strides[0]);
  take_strides(shape, other, strides[1]);
  *out_rank = shape->rank;
  const uint64_t elements = lazyi_strides_merge(out_rank, sizes, strides, 2);
  memcpy(one_strides, strides[0], sizeof strides[0]);
  memcpy(other_strides, strides[1], sizeof strides[1]);
  return elements;
}

static lazy_status launch_elements(const lazyi_launcher *launcher, enum lazyi_kernel kernel, uint64_t count,
                                   const void *params, lazy_driver_stream stream) {
  if (count == 0) return LAZY_STATUS_OK;
  return lazyi_launch(launcher, kernel, lazyi_launch_grid(launcher, count, ELEMENTS_PER_BLOCK),
                      LAZYI_LAUNCH_BLOCK, params, stream);
}

lazy_status lazyi_launch_fill(const lazyi_launcher *launcher, uint64_t to, uint64_t count,
                              uint32_t element_bytes, uint64_t pattern, lazy_driver_stream stream) {
  if (count == 0) return LAZY_STATUS_OK;
  const uint64_t used = element_bytes < 8 ? pattern & (((uint64_t)1 << 8 * element_bytes) - 1) : pattern;
  const uint64_t repeated = (used & 0xff) * (UINT64_MAX / 0xff >> (64 - 8 * element_bytes));
  if (used == repeated)
    return LAZYI_DRIVER(launcher->device, memset_d8_async, to, (unsigned char)used,
                        (size_t)(count * element_bytes), stream);
  const struct lazy_k_fill_params params = {to, count, pattern, element_bytes, 0};
  return launch_elements(launcher, LAZYI_KERNEL_FILL, count, &params, stream);
}

lazy_status lazyi_launch_copy(const lazyi_launcher *launcher, const lazy_shape *shape, lazyi_strided to,
                              lazyi_strided from, uint32_t element_bytes, lazy_driver_stream stream) {
  struct lazy_k_copy_params params = {.from = from.address, .to = to.address, .element_bytes = element_bytes};
  params.count =
      take_places(shape, to, from, &params.rank, params.sizes, params.to_strides, params.from_strides);
  if (params.count == 0) return LAZY_STATUS_OK;
  if (params.rank == 1 && params.to_strides[0] == 1 && params.from_strides[0] == 1)
    return LAZYI_DRIVER(launcher->device, memcpy_dtod_async, to.address, from.address,
                        (size_t)(params.count * element_bytes), stream);
  return launch_elements(launcher, LAZYI_KERNEL_COPY, params.count, &params, stream);
}

lazy_status lazyi_launch_convert(const lazyi_launcher *launcher, const lazy_shape *shape, lazyi_strided to,
                                 lazy_dtype to_dtype, lazyi_strided from, lazy_dtype from_dtype,
                                 lazy_driver_stream stream) {
  if (to_dtype == from_dtype)
    return lazyi_launch_copy(launcher, shape, to, from, (uint32_t)lazy_dtype_bytes(to_dtype), stream);
  struct lazy_k_convert_params params = {.from = from.address,
                                         .to = to.address,
                                         .from_dtype = (uint8_t)from_dtype,
                                         .to_dtype = (uint8_t)to_dtype};
  params.count =
      take_places(shape, to, from, &params.rank, params.sizes, params.to_strides, params.from_strides);
  return launch_elements(launcher, LAZYI_KERNEL_CONVERT, params.count, &params, stream);
}

lazy_status lazyi_launch_binary(const lazyi_launcher *launcher, enum lazy_binary operation, lazy_dtype dtype,
                                const lazy_shape *shape, uint64_t out, lazyi_strided a, lazyi_strided b,
                                lazy_driver_stream stream) {
  struct lazy_k_binary_params params = {
      .a = a.address, .b = b.address, .out = out, .dtype = (uint8_t)dtype, .operation = (uint8_t)operation};
  params.count = take_places(shape, a, b, &params.rank, params.sizes, params.a_strides, params.b_strides);
  return launch_elements(launcher, LAZYI_KERNEL_BINARY, params.count, &params, stream);
}

lazy_status lazyi_launch_bias_act(const lazyi_launcher *launcher, enum lazy_act act, lazy_dtype dtype,
                                  uint64_t rows, uint64_t columns, uint64_t y, uint64_t x, uint64_t bias,
                                  lazy_driver_stream stream) {
  const struct lazy_k_bias_act_params params = {.x = x,
                                                .y = y,
                                                .bias = bias,
                                                .count = rows * columns,
                                                .columns = columns,
                                                .dtype = (uint8_t)dtype,
                                                .act = (uint8_t)act};
  return launch_elements(launcher, LAZYI_KERNEL_BIAS_ACT, params.count, &params, stream);
}

lazy_status lazyi_launch_activate(const lazyi_launcher *launcher, const struct lazy_k_activate_params *params,
                                  lazy_driver_stream stream) {
  return launch_elements(launcher, LAZYI_KERNEL_ACTIVATE, params->count, params, stream);
}

lazy_status lazyi_launch_softmax(const lazyi_launcher *launcher, const struct lazy_k_softmax_params *params,
                                 lazy_driver_stream stream) {
  enum { SHORT = 64, SIDE_BY_SIDE = 32, MANY = 8192, ROWS_PER_BLOCK = 256 };
  const bool is_many = params->length <= SHORT || (params->inner >= SIDE_BY_SIDE && params->rows >= MANY);
  if (params->rows == 0 || params->length == 0) return LAZY_STATUS_OK;
  return lazyi_launch(launcher, is_many ? LAZYI_KERNEL_SOFTMAX_MANY : LAZYI_KERNEL_SOFTMAX,
                      lazyi_launch_grid(launcher, params->rows, is_many ? ROWS_PER_BLOCK : 1),
                      LAZYI_LAUNCH_BLOCK, params, stream);
}

lazy_status lazyi_launch_gemm(const lazyi_launcher *launcher, const struct lazy_k_gemm_params *call,
                              lazy_driver_stream stream) {
  const uint64_t tiles = (uint64_t)((call->m + 63) / 64 * ((call->n + 63) / 64) * call->batch);
  if (tiles == 0) return LAZY_STATUS_OK;
  return lazyi_launch(launcher, LAZYI_KERNEL_GEMM, lazyi_launch_grid(launcher, tiles, 1), LAZYI_LAUNCH_BLOCK,
                      call, stream);
}
