/* One step of an LSTM, the products done: gates to states. */
#include "kernels/element.cuh"
#include "kernels/index.cuh"
#include "kernels/math.cuh"

/* The state is rounded to its dtype before the output sees it, as PyTorch does. c_in may be c_out. */
#define LSTM_ROW(dtype, computed, computed_t)                                                           \
  LAZY_INLINE void lstm_row_##dtype(const lazy_store_##dtype *LAZY_RESTRICT x,                          \
                                    const lazy_store_##dtype *LAZY_RESTRICT y,                          \
                                    const lazy_store_##dtype *c_in, lazy_store_##dtype *c_out,          \
                                    lazy_store_##dtype *LAZY_RESTRICT h, uint64_t hidden, uint64_t n) { \
    for (uint64_t j = 0; j < n; j++) {                                                                  \
      const computed_t i = lazy_load_##dtype(x[j]) + lazy_load_##dtype(y[j]);                           \
      const computed_t f = lazy_load_##dtype(x[hidden + j]) + lazy_load_##dtype(y[hidden + j]);         \
      const computed_t g = lazy_load_##dtype(x[2 * hidden + j]) + lazy_load_##dtype(y[2 * hidden + j]); \
      const computed_t o = lazy_load_##dtype(x[3 * hidden + j]) + lazy_load_##dtype(y[3 * hidden + j]); \
      const computed_t before = c_in ? lazy_load_##dtype(c_in[j]) : 0;                                  \
      const lazy_store_##dtype c = lazy_##computed##_as_##dtype(                                        \
          lazy_sigmoid_##computed(f) * before + lazy_sigmoid_##computed(i) * lazy_tanh_##computed(g));  \
      c_out[j] = c;                                                                                     \
      h[j] = lazy_##computed##_as_##dtype(lazy_sigmoid_##computed(o) *                                  \
                                          lazy_tanh_##computed(lazy_load_##dtype(c)));                  \
    }                                                                                                   \
  }
LSTM_ROW(f64, f64, double)
LSTM_ROW(f32, f32, float)
LSTM_ROW(f16, f32, float)
LSTM_ROW(bf16, f32, float)

#define LSTM_CASE(dtype)                                                                            \
  lstm_row_##dtype(LAZY_AT(const lazy_store_##dtype, p.input_gates) + row * p.gates_row + column,   \
                   LAZY_AT(const lazy_store_##dtype, p.hidden_gates) + row * 4 * p.hidden + column, \
                   p.c_in ? LAZY_AT(const lazy_store_##dtype, p.c_in) + i : 0,                      \
                   LAZY_AT(lazy_store_##dtype, p.c_out) + i,                                        \
                   LAZY_AT(lazy_store_##dtype, p.h_out) + row * p.h_row + column, p.hidden, run);   \
  break;

LAZY_KERNEL(lazy_k_lstm_cell) {
  LAZY_GRID_ROWS(i, run, p.hidden, p.rows * p.hidden) {
    uint64_t row = i;
    const uint64_t column = lazy_index_split(&row, p.hidden);
    switch (p.dtype) {
      case LAZY_DTYPE_F64: LSTM_CASE(f64)
      case LAZY_DTYPE_F32: LSTM_CASE(f32)
      case LAZY_DTYPE_F16: LSTM_CASE(f16)
      case LAZY_DTYPE_BF16: LSTM_CASE(bf16)
    }
  }
}
