/* Elements from one strided place to another: contiguous to strided, back, broadcast, transpose. */
#include "kernels/index.cuh"

#define COPY_ROWS(T)                                                                                  \
  LAZY_GRID_ROWS(i, run, inner, p.count) {                                                            \
    const T *from = LAZY_AT(const T, p.from) + lazy_index_offset(i, p.rank, p.sizes, p.from_strides); \
    T *to = LAZY_AT(T, p.to) + lazy_index_offset(i, p.rank, p.sizes, p.to_strides);                   \
    copy_row_##T(to, p.to_strides[last], from, p.from_strides[last], run);                            \
  }

/* Contiguous rows get loops of their own, which vectorise. */
#define COPY_ROW(T)                                                                                  \
  LAZY_INLINE void copy_row_##T(T *LAZY_RESTRICT to, int64_t to_stride, const T *LAZY_RESTRICT from, \
                                int64_t from_stride, uint64_t run) {                                 \
    const int64_t n = (int64_t)run;                                                                  \
    if (to_stride == 1 && from_stride == 1)                                                          \
      for (int64_t j = 0; j < n; j++) to[j] = from[j];                                               \
    else if (to_stride == 1)                                                                         \
      for (int64_t j = 0; j < n; j++) to[j] = from[j * from_stride];                                 \
    else                                                                                             \
      for (int64_t j = 0; j < n; j++) to[j * to_stride] = from[j * from_stride];                     \
  }
COPY_ROW(uint8_t)
COPY_ROW(uint16_t)
COPY_ROW(uint32_t)
COPY_ROW(uint64_t)

LAZY_KERNEL(lazy_k_copy) {
  const int32_t last = p.rank - 1;
  const uint64_t inner = (uint64_t)p.sizes[last];
  switch (p.element_bytes) {
    case 1: COPY_ROWS(uint8_t) break;
    case 2: COPY_ROWS(uint16_t) break;
    case 4: COPY_ROWS(uint32_t) break;
    default: COPY_ROWS(uint64_t) break;
  }
}
