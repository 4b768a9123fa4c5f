/* Where the taps of a convolution lie. */
#ifndef LAZYRT_KERNELS_CONV_CUH
#define LAZYRT_KERNELS_CONV_CUH

#include "kernels/index.cuh"

/* A position in three dims of space. */
typedef struct conv_place {
  int64_t at[3];
} conv_place;

LAZY_INLINE conv_place conv_place_of(uint64_t index, const int64_t *sizes) {
  conv_place place;
  place.at[2] = (int64_t)lazy_index_split(&index, (uint64_t)sizes[2]);
  place.at[1] = (int64_t)lazy_index_split(&index, (uint64_t)sizes[1]);
  place.at[0] = (int64_t)index;
  return place;
}
LAZY_INLINE conv_place conv_tap_of(uint64_t index, const int32_t *kernel) {
  const int64_t sizes[3] = {kernel[0], kernel[1], kernel[2]};
  return conv_place_of(index, sizes);
}

/* The element of a row of `size` that stands at `i`, which may lie outside: -1 for a zero. */
LAZY_INLINE int64_t conv_padded(int64_t i, int64_t size, uint32_t mode) {
  if (i >= 0 && i < size) return i;
  if (mode == LAZY_PAD_REFLECT) return i < 0 ? -i : 2 * (size - 1) - i;
  if (mode == LAZY_PAD_REPLICATE) return i < 0 ? 0 : size - 1;
  if (mode == LAZY_PAD_CIRCULAR) return i < 0 ? i + size : i - size;
  return -1;
}

/* Where tap `k` of dim `d` falls for output position `o`, before padding. */
LAZY_INLINE int64_t conv_reached(const struct lazy_conv_walk *walk, int d, int64_t o, int64_t k) {
  return o * walk->stride[d] - walk->low[d] + k * walk->dilation[d];
}

/* Start of the row that tap (k0, k1) of output row (o0, o1) reads, in elements; -1: zeros. */
LAZY_INLINE int64_t conv_row(const struct lazy_conv_walk *walk, uint32_t mode, int64_t o0, int64_t o1,
                             int64_t k0, int64_t k1) {
  const int64_t i0 = conv_padded(conv_reached(walk, 0, o0, k0), walk->in[0], mode);
  const int64_t i1 = conv_padded(conv_reached(walk, 1, o1, k1), walk->in[1], mode);
  return i0 < 0 || i1 < 0 ? -1 : (i0 * walk->in[1] + i1) * walk->in[2];
}

/* Of `n` output positions from `o` on along the last dim, those whose tap `k` lies inside the input: [*first,
 *last), counted from `o`. */
LAZY_INLINE void conv_inside(const struct lazy_conv_walk *walk, int64_t o, int64_t n, int64_t k,
                             int64_t *first, int64_t *last) {
#ifdef __CUDACC__ /* n is 1 */
  const int64_t at = conv_reached(walk, 2, o, k);
  const bool inside = at >= 0 && at < walk->in[2];
  *first = 0;
  *last = inside ? n : 0;
#else
  const int64_t start = conv_reached(walk, 2, o, k), stride = walk->stride[2], end = walk->in[2] - start;
  int64_t from = start >= 0 ? 0 : (-start + stride - 1) / stride;
  int64_t to = end <= 0 ? 0 : (end + stride - 1) / stride;
  if (to > n) to = n;
  if (from > to) from = to;
  *first = from;
  *last = to;
#endif
}

#endif
