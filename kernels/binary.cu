/* out = a + b or a * b, with broadcasting: a stride of 0 repeats. The result is contiguous. */
#include "kernels/element.cuh"
#include "kernels/index.cuh"

#define BINARY_ROW(name, operation, dtype, computed)                                                      \
  LAZY_INLINE void row_##name##_##dtype(lazy_store_##dtype *out, const lazy_store_##dtype *a,             \
                                        int64_t a_stride, const lazy_store_##dtype *b, int64_t b_stride,  \
                                        uint64_t run) {                                                   \
    const int64_t n = (int64_t)run;                                                                       \
    if (a_stride == 1 && b_stride == 1)                                                                   \
      for (int64_t j = 0; j < n; j++)                                                                     \
        out[j] = lazy_##computed##_as_##dtype(lazy_load_##dtype(a[j]) operation lazy_load_##dtype(b[j])); \
    else                                                                                                  \
      for (int64_t j = 0; j < n; j++)                                                                     \
        out[j] = lazy_##computed##_as_##dtype(lazy_load_##dtype(a[j * a_stride])                          \
                                                  operation lazy_load_##dtype(b[j * b_stride]));          \
  }
/* Whole numbers wrap around. */
#define BINARY_ROW_WHOLE(name, operation)                                                               \
  LAZY_INLINE void row_##name##_i64(int64_t *out, const int64_t *a, int64_t a_stride, const int64_t *b, \
                                    int64_t b_stride, uint64_t run) {                                   \
    for (int64_t j = 0; j < (int64_t)run; j++)                                                          \
      out[j] = (int64_t)((uint64_t)a[j * a_stride] operation(uint64_t) b[j * b_stride]);                \
  }
#define BINARY_ROWS(name, operation)     \
  BINARY_ROW(name, operation, f64, f64)  \
  BINARY_ROW(name, operation, f32, f32)  \
  BINARY_ROW(name, operation, f16, f32)  \
  BINARY_ROW(name, operation, bf16, f32) \
  BINARY_ROW_WHOLE(name, operation)
BINARY_ROWS(add, +)
BINARY_ROWS(mul, *)

#define BINARY_CASE(dtype)                                                                   \
  {                                                                                          \
    lazy_store_##dtype *out = LAZY_AT(lazy_store_##dtype, p.out) + i;                        \
    const lazy_store_##dtype *a = LAZY_AT(const lazy_store_##dtype, p.a) + a_at;             \
    const lazy_store_##dtype *b = LAZY_AT(const lazy_store_##dtype, p.b) + b_at;             \
    if (p.operation == LAZY_BINARY_ADD) row_add_##dtype(out, a, a_stride, b, b_stride, run); \
    else row_mul_##dtype(out, a, a_stride, b, b_stride, run);                                \
  }                                                                                          \
  break;

LAZY_KERNEL(lazy_k_binary) {
  const int32_t last = p.rank - 1;
  const int64_t a_stride = p.a_strides[last], b_stride = p.b_strides[last];
  LAZY_GRID_ROWS(i, run, (uint64_t)p.sizes[last], p.count) {
    const int64_t a_at = lazy_index_offset(i, p.rank, p.sizes, p.a_strides);
    const int64_t b_at = lazy_index_offset(i, p.rank, p.sizes, p.b_strides);
    switch (p.dtype) {
      case LAZY_DTYPE_F64: BINARY_CASE(f64)
      case LAZY_DTYPE_F32: BINARY_CASE(f32)
      case LAZY_DTYPE_F16: BINARY_CASE(f16)
      case LAZY_DTYPE_BF16: BINARY_CASE(bf16)
      case LAZY_DTYPE_I64: BINARY_CASE(i64)
    }
  }
}
