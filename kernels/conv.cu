/* A convolution without a product: for groups of few channels, depthwise ones above all. A run of output
   positions of one row is summed together, tap after tap, in f32 (f64 for f64). */
#include "kernels/conv.cuh"
#include "kernels/element.cuh"

/* Positions of a row that are summed together: registers on the host. */
#ifdef __CUDACC__
enum { CONV_PIECE = 1 };
#else
enum { CONV_PIECE = 64 };
#endif

/* Adds one tap of one channel: `n` positions from `o` on. */
#define CONV_TAP(dtype, sum_t)                                                                               \
  LAZY_INLINE void tap_##dtype(sum_t *LAZY_RESTRICT sums, const lazy_store_##dtype *LAZY_RESTRICT row,       \
                               sum_t weight, const struct lazy_conv_walk *walk, uint32_t mode, int64_t o,    \
                               int64_t n, int64_t k) {                                                       \
    const int64_t start = conv_reached(walk, 2, o, k), stride = walk->stride[2];                             \
    int64_t first, last;                                                                                     \
    conv_inside(walk, o, n, k, &first, &last);                                                               \
    if (mode != LAZY_PAD_ZEROS) {                                                                            \
      for (int64_t j = 0; j < first; j++)                                                                    \
        sums[j] += weight * lazy_load_##dtype(row[conv_padded(start + j * stride, walk->in[2], mode)]);      \
      for (int64_t j = last; j < n; j++)                                                                     \
        sums[j] += weight * lazy_load_##dtype(row[conv_padded(start + j * stride, walk->in[2], mode)]);      \
    }                                                                                                        \
    if (stride == 1)                                                                                         \
      for (int64_t j = first; j < last; j++) sums[j] += weight * lazy_load_##dtype(row[start + j]);          \
    else                                                                                                     \
      for (int64_t j = first; j < last; j++) sums[j] += weight * lazy_load_##dtype(row[start + j * stride]); \
  }
CONV_TAP(f64, double)
CONV_TAP(f32, float)
CONV_TAP(f16, float)
CONV_TAP(bf16, float)

#define CONV_PIECES(dtype, sum, sum_t)                                                                 \
  LAZY_INLINE void piece_##dtype(const struct lazy_k_conv_params *p, uint64_t image, uint64_t channel, \
                                 conv_place o, int64_t n, lazy_store_##dtype *y) {                     \
    const struct lazy_conv_walk *walk = &p->walk;                                                      \
    const int64_t channels = p->group_inputs, size = walk->in[0] * walk->in[1] * walk->in[2];          \
    uint64_t group = channel;                                                                          \
    (void)lazy_index_split(&group, (uint64_t)p->group_outputs);                                        \
    const int64_t taps = (int64_t)walk->kernel[0] * walk->kernel[1] * walk->kernel[2];                 \
    const lazy_store_##dtype *x =                                                                      \
        LAZY_AT(const lazy_store_##dtype, p->x) +                                                      \
        (int64_t)(image * (uint64_t)p->in_channels + group * (uint64_t)channels) * size;               \
    const lazy_store_##dtype *weight =                                                                 \
        LAZY_AT(const lazy_store_##dtype, p->weight) + (int64_t)channel * channels * taps;             \
    const sum_t start =                                                                                \
        p->bias ? lazy_load_##dtype(LAZY_AT(const lazy_store_##dtype, p->bias)[channel]) : 0;          \
    sum_t sums[CONV_PIECE];                                                                            \
    for (int64_t j = 0; j < n; j++) sums[j] = start;                                                   \
    for (int64_t c = 0; c < channels; c++, x += size)                                                  \
      for (int32_t k0 = 0; k0 < walk->kernel[0]; k0++)                                                 \
        for (int32_t k1 = 0; k1 < walk->kernel[1]; k1++) {                                             \
          const int64_t row = conv_row(walk, p->mode, o.at[0], o.at[1], k0, k1);                       \
          for (int32_t k2 = 0; k2 < walk->kernel[2]; k2++, weight++)                                   \
            if (row >= 0)                                                                              \
              tap_##dtype(sums, x + row, lazy_load_##dtype(*weight), walk, p->mode, o.at[2], n, k2);   \
        }                                                                                              \
    for (int64_t j = 0; j < n; j++) y[j] = lazy_##sum##_as_##dtype(sums[j]);                           \
  }                                                                                                    \
  LAZY_INLINE void run_##dtype(const struct lazy_k_conv_params *p, uint64_t i, uint64_t run) {         \
    uint64_t rest = i;                                                                                 \
    const uint64_t size = (uint64_t)(p->walk.out[0] * p->walk.out[1] * p->walk.out[2]);                \
    conv_place o = conv_place_of(lazy_index_split(&rest, size), p->walk.out);                          \
    const uint64_t channel = lazy_index_split(&rest, (uint64_t)p->out_channels);                       \
    lazy_store_##dtype *y = LAZY_AT(lazy_store_##dtype, p->y) + i;                                     \
    for (int64_t left = (int64_t)run; left > 0;) {                                                     \
      const int64_t n = left < CONV_PIECE ? left : CONV_PIECE;                                         \
      piece_##dtype(p, rest, channel, o, n, y);                                                        \
      y += n;                                                                                          \
      o.at[2] += n;                                                                                    \
      left -= n;                                                                                       \
    }                                                                                                  \
  }
CONV_PIECES(f64, f64, double)
CONV_PIECES(f32, f32, float)
CONV_PIECES(f16, f32, float)
CONV_PIECES(bf16, f32, float)

LAZY_KERNEL_OF_FEW_BLOCKS(lazy_k_conv) {
  const uint64_t count = (uint64_t)p.images * (uint64_t)p.out_channels *
                         (uint64_t)(p.walk.out[0] * p.walk.out[1] * p.walk.out[2]);
  LAZY_GRID_ROWS(i, run, (uint64_t)p.walk.out[2], count) {
    switch (p.dtype) {
      case LAZY_DTYPE_F64: run_f64(&p, i, run); break;
      case LAZY_DTYPE_F32: run_f32(&p, i, run); break;
      case LAZY_DTYPE_F16: run_f16(&p, i, run); break;
      case LAZY_DTYPE_BF16: run_bf16(&p, i, run); break;
    }
  }
}
