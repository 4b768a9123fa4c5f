/* The columns of a convolution: for each tap a row with what it multiplies at each output position. */
#include "kernels/conv.cuh"

/* `n` positions of one output row, from position `o` on. */
#define UNFOLD_ROW(T)                                                                                      \
  LAZY_INLINE void unfold_row_##T(T *LAZY_RESTRICT to, const T *LAZY_RESTRICT row,                         \
                                  const struct lazy_conv_walk *walk, uint32_t mode, int64_t o, int64_t n,  \
                                  int64_t k) {                                                             \
    int64_t first = 0, last = 0;                                                                           \
    if (row) conv_inside(walk, o, n, k, &first, &last);                                                    \
    const int64_t start = conv_reached(walk, 2, o, k), stride = walk->stride[2];                           \
    if (row && mode != LAZY_PAD_ZEROS) {                                                                   \
      for (int64_t j = 0; j < first; j++) to[j] = row[conv_padded(start + j * stride, walk->in[2], mode)]; \
      for (int64_t j = last; j < n; j++) to[j] = row[conv_padded(start + j * stride, walk->in[2], mode)];  \
    } else {                                                                                               \
      for (int64_t j = 0; j < first; j++) to[j] = 0;                                                       \
      for (int64_t j = last; j < n; j++) to[j] = 0;                                                        \
    }                                                                                                      \
    if (stride == 1)                                                                                       \
      for (int64_t j = first; j < last; j++) to[j] = row[start + j];                                       \
    else                                                                                                   \
      for (int64_t j = first; j < last; j++) to[j] = row[start + j * stride];                              \
  }
UNFOLD_ROW(uint16_t)
UNFOLD_ROW(uint32_t)
UNFOLD_ROW(uint64_t)

/* A run of one tap's positions, which may go over several output rows. */
#define UNFOLD_RUN(T)                                                                                \
  LAZY_INLINE void unfold_run_##T(const struct lazy_k_unfold_params *p, uint64_t i, uint64_t run) {  \
    uint64_t rest = i;                                                                               \
    const uint64_t position = lazy_index_split(&rest, (uint64_t)p->positions);                       \
    const uint64_t row = lazy_index_split(&rest, (uint64_t)p->rows), image = rest;                   \
    uint64_t channel = row;                                                                          \
    const int32_t *kernel = p->walk.kernel;                                                          \
    const uint64_t tap =                                                                             \
        lazy_index_split(&channel, (uint64_t)kernel[0] * (uint64_t)kernel[1] * (uint64_t)kernel[2]); \
    const conv_place k = conv_tap_of(tap, kernel);                                                   \
    conv_place o = conv_place_of((uint64_t)p->first + position, p->walk.out);                        \
    const T *from = LAZY_AT(const T, p->from) + (int64_t)image * p->from_image +                     \
                    (int64_t)channel * p->walk.in[0] * p->walk.in[1] * p->walk.in[2];                \
    T *to = LAZY_AT(T, p->to) + (int64_t)image * p->to_image +                                       \
            (int64_t)(row * (uint64_t)p->positions + position);                                      \
    for (int64_t left = (int64_t)run; left > 0;) {                                                   \
      const int64_t n = p->walk.out[2] - o.at[2] < left ? p->walk.out[2] - o.at[2] : left;           \
      const int64_t at = conv_row(&p->walk, p->mode, o.at[0], o.at[1], k.at[0], k.at[1]);            \
      unfold_row_##T(to, at < 0 ? 0 : from + at, &p->walk, p->mode, o.at[2], n, k.at[2]);            \
      to += n;                                                                                       \
      left -= n;                                                                                     \
      o.at[2] = 0;                                                                                   \
      if (++o.at[1] == p->walk.out[1]) {                                                             \
        o.at[1] = 0;                                                                                 \
        o.at[0]++;                                                                                   \
      }                                                                                              \
    }                                                                                                \
  }
UNFOLD_RUN(uint16_t)
UNFOLD_RUN(uint32_t)
UNFOLD_RUN(uint64_t)

LAZY_KERNEL_OF_FEW_BLOCKS(lazy_k_unfold) {
  const uint64_t count = (uint64_t)p.images * (uint64_t)p.rows * (uint64_t)p.positions;
  LAZY_GRID_ROWS(i, run, (uint64_t)p.positions, count) {
    switch (p.element_bytes) {
      case 2: unfold_run_uint16_t(&p, i, run); break;
      case 4: unfold_run_uint32_t(&p, i, run); break;
      default: unfold_run_uint64_t(&p, i, run); break;
    }
  }
}
