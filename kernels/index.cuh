/* From a linear index to places in strided tensors. */
#ifndef LAZYRT_KERNELS_INDEX_CUH
#define LAZYRT_KERNELS_INDEX_CUH

#include "kernels/kernel.cuh"

/* `*index` becomes its quotient by `size`; yields the remainder. 32 bits where they do: 64-bit division is a
   hundred instructions on a GPU. */
LAZY_INLINE uint64_t lazy_index_split(uint64_t *index, uint64_t size) {
  const uint64_t whole = *index;
  if (((whole | size) >> 32) == 0) {
    *index = (uint32_t)whole / (uint32_t)size;
    return (uint32_t)whole - (uint32_t)*index * (uint32_t)size;
  }
  *index = whole / size;
  return whole - *index * size;
}

/* Element `i` in row-major order of sizes[0 .. rank-1] lies at the yielded offset, in elements. */
LAZY_INLINE int64_t lazy_index_offset(uint64_t i, int32_t rank, const int64_t *sizes,
                                      const int64_t *strides) {
  int64_t offset = 0;
  LAZY_UNROLL_ONCE for (int32_t d = rank - 1; d > 0; d--) offset +=
      (int64_t)lazy_index_split(&i, (uint64_t)sizes[d]) * strides[d];
  return offset + (int64_t)i * strides[0];
}

#endif
