/* One step of a GRU, the products done: gates to the state. */
#include "kernels/element.cuh"
#include "kernels/index.cuh"
#include "kernels/math.cuh"

#define GRU_ROW(dtype, computed, computed_t)                                                                \
  LAZY_INLINE void gru_row_##dtype(                                                                         \
      const lazy_store_##dtype *LAZY_RESTRICT x, const lazy_store_##dtype *LAZY_RESTRICT y,                 \
      const lazy_store_##dtype *before, lazy_store_##dtype *LAZY_RESTRICT h, uint64_t hidden, uint64_t n) { \
    for (uint64_t j = 0; j < n; j++) {                                                                      \
      const computed_t r = lazy_sigmoid_##computed(lazy_load_##dtype(x[j]) + lazy_load_##dtype(y[j]));      \
      const computed_t z =                                                                                  \
          lazy_sigmoid_##computed(lazy_load_##dtype(x[hidden + j]) + lazy_load_##dtype(y[hidden + j]));     \
      const computed_t fresh = lazy_tanh_##computed(lazy_load_##dtype(x[2 * hidden + j]) +                  \
                                                    r * lazy_load_##dtype(y[2 * hidden + j]));              \
      const computed_t old = before ? lazy_load_##dtype(before[j]) : 0;                                     \
      h[j] = lazy_##computed##_as_##dtype((1 - z) * fresh + z * old);                                       \
    }                                                                                                       \
  }
GRU_ROW(f64, f64, double)
GRU_ROW(f32, f32, float)
GRU_ROW(f16, f32, float)
GRU_ROW(bf16, f32, float)

#define GRU_CASE(dtype)                                                                               \
  gru_row_##dtype(LAZY_AT(const lazy_store_##dtype, p.input_gates) + row * p.gates_row + column,      \
                  LAZY_AT(const lazy_store_##dtype, p.hidden_gates) + row * 3 * p.hidden + column,    \
                  p.h_in ? LAZY_AT(const lazy_store_##dtype, p.h_in) + row * p.h_in_row + column : 0, \
                  LAZY_AT(lazy_store_##dtype, p.h_out) + row * p.h_row + column, p.hidden, run);      \
  break;

LAZY_KERNEL_OF_FEW_BLOCKS(lazy_k_gru_cell) {
  LAZY_GRID_ROWS(i, run, p.hidden, p.rows * p.hidden) {
    uint64_t row = i;
    const uint64_t column = lazy_index_split(&row, p.hidden);
    switch (p.dtype) {
      case LAZY_DTYPE_F64: GRU_CASE(f64)
      case LAZY_DTYPE_F32: GRU_CASE(f32)
      case LAZY_DTYPE_F16: GRU_CASE(f16)
      case LAZY_DTYPE_BF16: GRU_CASE(bf16)
    }
  }
}
