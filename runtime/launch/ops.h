/* Kernels that move and combine tensors, launched: parameter blocks filled, dimensions merged, the cheapest
   way taken.

   Addresses are device addresses; sizes are row-major; strides are in elements, and 0 repeats. Nothing is
   launched for zero elements. Calls queue on `stream` and return; results never depend on the grid. */
#ifndef LAZYI_LAUNCH_OPS_H
#define LAZYI_LAUNCH_OPS_H

#include "runtime/launch/launch.h"

/* One strided place. */
typedef struct lazyi_strided {
  uint64_t address;
  const int64_t *strides; /* NULL: contiguous */
} lazyi_strided;

/* The element in the low bytes of `pattern`, `count` times from `to` on. */
LAZY_MUST_USE lazy_status lazyi_launch_fill(const lazyi_launcher *launcher, uint64_t to, uint64_t count,
                                            uint32_t element_bytes, uint64_t pattern,
                                            lazy_driver_stream stream);

/* Elements as they are, from one place to another; the two must not overlap. */
LAZY_MUST_USE lazy_status lazyi_launch_copy(const lazyi_launcher *launcher, const lazy_shape *shape,
                                            lazyi_strided to, lazyi_strided from, uint32_t element_bytes,
                                            lazy_driver_stream stream);

/* Elements of one type into another (kernels/element.cuh says how); with one type it is a copy. */
LAZY_MUST_USE lazy_status lazyi_launch_convert(const lazyi_launcher *launcher, const lazy_shape *shape,
                                               lazyi_strided to, lazy_dtype to_dtype, lazyi_strided from,
                                               lazy_dtype from_dtype, lazy_driver_stream stream);

/* out = a (operation) b. The shape is the result's, which is contiguous; operands are broadcast by strides of
 * 0. */
LAZY_MUST_USE lazy_status lazyi_launch_binary(const lazyi_launcher *launcher, enum lazy_binary operation,
                                              lazy_dtype dtype, const lazy_shape *shape, uint64_t out,
                                              lazyi_strided a, lazyi_strided b, lazy_driver_stream stream);

/* y = act(x + bias): `rows` contiguous rows of `columns`; `bias` may be 0, `y` may be `x`. */
LAZY_MUST_USE lazy_status lazyi_launch_bias_act(const lazyi_launcher *launcher, enum lazy_act act,
                                                lazy_dtype dtype, uint64_t rows, uint64_t columns, uint64_t y,
                                                uint64_t x, uint64_t bias, lazy_driver_stream stream);

/* An activation by itself; the block comes whole. */
LAZY_MUST_USE lazy_status lazyi_launch_activate(const lazyi_launcher *launcher,
                                                const struct lazy_k_activate_params *params,
                                                lazy_driver_stream stream);

/* Short rows, or many side by side, go to softmax_many, others to softmax: the shape alone decides, as
   results differ in their last bits. */
LAZY_MUST_USE lazy_status lazyi_launch_softmax(const lazyi_launcher *launcher,
                                               const struct lazy_k_softmax_params *params,
                                               lazy_driver_stream stream);

/* The plain product, for every device; runtime/blas decides when a library does it instead. */
LAZY_MUST_USE lazy_status lazyi_launch_gemm(const lazyi_launcher *launcher,
                                            const struct lazy_k_gemm_params *call, lazy_driver_stream stream);

/* Merges neighbouring dimensions that every one of `count` stride rows runs through without a gap, drops
   those of size 1; a rank of at least 1 remains. `strides` has `count` rows of 8. Yields the elements. */
uint64_t lazyi_strides_merge(int32_t *rank, int64_t sizes[8], int64_t (*strides)[8], int count);

#endif
