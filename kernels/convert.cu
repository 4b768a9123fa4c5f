/* Elements of one type into elements of another, from one strided place to another. */
#include "kernels/element.cuh"
#include "kernels/index.cuh"

/* A row of two types; contiguous rows have a loop of their own, which vectorises. */
#define CONVERT_ROW(from_, computed, to_)                                                                 \
  LAZY_INLINE void row_##from_##_##to_(lazy_store_##to_ *LAZY_RESTRICT to, int64_t to_stride,             \
                                       const lazy_store_##from_ *LAZY_RESTRICT from, int64_t from_stride, \
                                       uint64_t run) {                                                    \
    const int64_t n = (int64_t)run;                                                                       \
    if (to_stride == 1 && from_stride == 1)                                                               \
      for (int64_t j = 0; j < n; j++) to[j] = lazy_##computed##_as_##to_(lazy_load_##from_(from[j]));     \
    else                                                                                                  \
      for (int64_t j = 0; j < n; j++)                                                                     \
        to[j * to_stride] = lazy_##computed##_as_##to_(lazy_load_##from_(from[j * from_stride]));         \
  }
#define CONVERT_ROWS_FROM(from, computed) \
  CONVERT_ROW(from, computed, f64)        \
  CONVERT_ROW(from, computed, f32)        \
  CONVERT_ROW(from, computed, f16)        \
  CONVERT_ROW(from, computed, bf16)       \
  CONVERT_ROW(from, computed, i64)        \
  CONVERT_ROW(from, computed, u8)
CONVERT_ROWS_FROM(f64, f64)
CONVERT_ROWS_FROM(f32, f32)
CONVERT_ROWS_FROM(f16, f32)
CONVERT_ROWS_FROM(bf16, f32)
CONVERT_ROWS_FROM(i64, i64)
CONVERT_ROWS_FROM(u8, f32)

#define CONVERT_CASE(from_, to_)                                                              \
  row_##from_##_##to_(LAZY_AT(lazy_store_##to_, p.to) + to_at, to_stride,                     \
                      LAZY_AT(const lazy_store_##from_, p.from) + from_at, from_stride, run); \
  break;
#define CONVERT_CASES(from)                        \
  switch (p.to_dtype) {                            \
    case LAZY_DTYPE_F64: CONVERT_CASE(from, f64)   \
    case LAZY_DTYPE_F32: CONVERT_CASE(from, f32)   \
    case LAZY_DTYPE_F16: CONVERT_CASE(from, f16)   \
    case LAZY_DTYPE_BF16: CONVERT_CASE(from, bf16) \
    case LAZY_DTYPE_I64: CONVERT_CASE(from, i64)   \
    case LAZY_DTYPE_U8: CONVERT_CASE(from, u8)     \
  }                                                \
  break;

LAZY_KERNEL(lazy_k_convert) {
  const int32_t last = p.rank - 1;
  const int64_t to_stride = p.to_strides[last], from_stride = p.from_strides[last];
  LAZY_GRID_ROWS(i, run, (uint64_t)p.sizes[last], p.count) {
    const int64_t from_at = lazy_index_offset(i, p.rank, p.sizes, p.from_strides);
    const int64_t to_at = lazy_index_offset(i, p.rank, p.sizes, p.to_strides);
    switch (p.from_dtype) {
      case LAZY_DTYPE_F64: CONVERT_CASES(f64)
      case LAZY_DTYPE_F32: CONVERT_CASES(f32)
      case LAZY_DTYPE_F16: CONVERT_CASES(f16)
      case LAZY_DTYPE_BF16: CONVERT_CASES(bf16)
      case LAZY_DTYPE_I64: CONVERT_CASES(i64)
      case LAZY_DTYPE_U8: CONVERT_CASES(u8)
    }
  }
}
