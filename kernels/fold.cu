/* Columns back into an image: what a transposed convolution does after its product. Every output element
   gathers its taps in the kernel's order, so that no two threads add to one place. */
#include "kernels/conv.cuh"
#include "kernels/element.cuh"

/* The input position whose tap `k` of dim `d` reaches output position `o`; -1: none does. */
LAZY_INLINE int64_t fold_source(const struct lazy_conv_walk *walk, int d, int64_t o, int64_t k) {
  const int64_t at = o + walk->low[d] - k * walk->dilation[d];
  if (at < 0) return -1;
  const uint32_t stride = (uint32_t)walk->stride[d];
  uint64_t i = (uint64_t)at;
  const bool between = lazy_index_split(&i, stride) != 0;
  return between || (int64_t)i >= walk->in[d] ? -1 : (int64_t)i;
}

#define FOLD(dtype, sum, sum_t)                                                                         \
  LAZY_INLINE lazy_store_##dtype fold_##dtype(const struct lazy_k_fold_params *p, uint64_t i) {         \
    const struct lazy_conv_walk *walk = &p->walk;                                                       \
    const int64_t image = walk->in[0] * walk->in[1] * walk->in[2];                                      \
    uint64_t channel = i;                                                                               \
    const uint64_t position =                                                                           \
        lazy_index_split(&channel, (uint64_t)(walk->out[0] * walk->out[1] * walk->out[2]));             \
    const conv_place o = conv_place_of(position, walk->out);                                            \
    const lazy_store_##dtype *from =                                                                    \
        LAZY_AT(const lazy_store_##dtype, p->from) +                                                    \
        (int64_t)channel * walk->kernel[0] * walk->kernel[1] * walk->kernel[2] * image;                 \
    sum_t value = p->bias ? lazy_load_##dtype(LAZY_AT(const lazy_store_##dtype, p->bias)[channel]) : 0; \
    for (int32_t k0 = 0; k0 < walk->kernel[0]; k0++) {                                                  \
      const int64_t i0 = fold_source(walk, 0, o.at[0], k0);                                             \
      for (int32_t k1 = 0; k1 < walk->kernel[1]; k1++) {                                                \
        const int64_t i1 = fold_source(walk, 1, o.at[1], k1);                                           \
        if (i0 < 0 || i1 < 0) continue;                                                                 \
        for (int32_t k2 = 0; k2 < walk->kernel[2]; k2++) {                                              \
          const int64_t i2 = fold_source(walk, 2, o.at[2], k2);                                         \
          if (i2 < 0) continue;                                                                         \
          const int64_t tap = ((int64_t)k0 * walk->kernel[1] + k1) * walk->kernel[2] + k2;              \
          value += lazy_load_##dtype(from[tap * image + (i0 * walk->in[1] + i1) * walk->in[2] + i2]);   \
        }                                                                                               \
      }                                                                                                 \
    }                                                                                                   \
    return lazy_##sum##_as_##dtype(value);                                                              \
  }
FOLD(f64, f64, double)
FOLD(f32, f32, float)
FOLD(f16, f32, float)
FOLD(bf16, f32, float)

#define FOLD_CASE(dtype)                                      \
  LAZY_AT(lazy_store_##dtype, p.to)[i] = fold_##dtype(&p, i); \
  break;

LAZY_KERNEL_OF_FEW_BLOCKS(lazy_k_fold) {
  const uint64_t count =
      (uint64_t)p.channels * (uint64_t)p.walk.out[0] * (uint64_t)p.walk.out[1] * (uint64_t)p.walk.out[2];
  LAZY_GRID_FOR (i, count) {
    switch (p.dtype) {
      case LAZY_DTYPE_F64: FOLD_CASE(f64)
      case LAZY_DTYPE_F32: FOLD_CASE(f32)
      case LAZY_DTYPE_F16: FOLD_CASE(f16)
      case LAZY_DTYPE_BF16: FOLD_CASE(bf16)
    }
  }
}
