/* y = act(x + bias), the bias along the rows' columns and optional: the epilogue of a linear layer, and its
   activations by themselves. Others: activate.cu. */
#include "kernels/element.cuh"
#include "kernels/index.cuh"
#include "kernels/math.cuh"

/* f16 and bf16 are computed in f32, as PyTorch does, and rounded once. */
LAZY_INLINE float identity_f32(float x) { return x; }
LAZY_INLINE float relu_f32(float x) { return x < 0.0f ? 0.0f : x; } /* NaN stays, as in PyTorch */
LAZY_INLINE float gelu_erf_f32(float x) { return 0.5f * x * (1.0f + lazy_erf_f32(x * 0.707106781f)); }
LAZY_INLINE float gelu_tanh_f32(float x) {
  return x *
         lazy_sigmoid_f32(1.59576912f * (x + 0.044715f * x * x * x)); /* (1 + tanh u) / 2 = sigmoid(2 u) */
}
LAZY_INLINE float sigmoid_f32(float x) { return lazy_sigmoid_f32(x); }
LAZY_INLINE float tanh_f32(float x) { return lazy_tanh_f32(x); }

LAZY_INLINE double identity_f64(double x) { return x; }
LAZY_INLINE double relu_f64(double x) { return x < 0.0 ? 0.0 : x; }
LAZY_INLINE double gelu_erf_f64(double x) { return 0.5 * x * (1.0 + lazy_erf_f64(x * 0.70710678118654752)); }
LAZY_INLINE double gelu_tanh_f64(double x) {
  return 0.5 * x * (1.0 + lazy_tanh_f64(0.79788456080286536 * (x + 0.044715 * x * x * x)));
}
LAZY_INLINE double sigmoid_f64(double x) { return lazy_sigmoid_f64(x); }
LAZY_INLINE double tanh_f64(double x) { return lazy_tanh_f64(x); }

/* y may be x itself. */
#define ACT_ROW(act, dtype, computed)                                                      \
  LAZY_INLINE void row_##act##_##dtype(lazy_store_##dtype *y, const lazy_store_##dtype *x, \
                                       const lazy_store_##dtype *bias, uint64_t n) {       \
    if (bias)                                                                              \
      for (uint64_t j = 0; j < n; j++)                                                     \
        y[j] = lazy_##computed##_as_##dtype(                                               \
            act##_##computed(lazy_load_##dtype(x[j]) + lazy_load_##dtype(bias[j])));       \
    else                                                                                   \
      for (uint64_t j = 0; j < n; j++)                                                     \
        y[j] = lazy_##computed##_as_##dtype(act##_##computed(lazy_load_##dtype(x[j])));    \
  }
#define ACT_ROWS(dtype, computed)     \
  ACT_ROW(identity, dtype, computed)  \
  ACT_ROW(relu, dtype, computed)      \
  ACT_ROW(gelu_erf, dtype, computed)  \
  ACT_ROW(gelu_tanh, dtype, computed) \
  ACT_ROW(sigmoid, dtype, computed)   \
  ACT_ROW(tanh, dtype, computed)
ACT_ROWS(f64, f64)
ACT_ROWS(f32, f32)
ACT_ROWS(f16, f32)
ACT_ROWS(bf16, f32)

#define ACT_CASES(dtype)                                                                              \
  {                                                                                                   \
    lazy_store_##dtype *y = LAZY_AT(lazy_store_##dtype, p.y) + i;                                     \
    const lazy_store_##dtype *x = LAZY_AT(const lazy_store_##dtype, p.x) + i;                         \
    const lazy_store_##dtype *bias = p.bias ? LAZY_AT(const lazy_store_##dtype, p.bias) + column : 0; \
    switch (p.act) {                                                                                  \
      case LAZY_ACT_IDENTITY: row_identity_##dtype(y, x, bias, run); break;                           \
      case LAZY_ACT_RELU: row_relu_##dtype(y, x, bias, run); break;                                   \
      case LAZY_ACT_GELU_ERF: row_gelu_erf_##dtype(y, x, bias, run); break;                           \
      case LAZY_ACT_GELU_TANH: row_gelu_tanh_##dtype(y, x, bias, run); break;                         \
      case LAZY_ACT_SIGMOID: row_sigmoid_##dtype(y, x, bias, run); break;                             \
      case LAZY_ACT_TANH: row_tanh_##dtype(y, x, bias, run); break;                                   \
    }                                                                                                 \
  }                                                                                                   \
  break;

LAZY_KERNEL(lazy_k_bias_act) {
  const uint64_t columns = p.bias ? p.columns : p.count;
  LAZY_GRID_ROWS(i, run, columns, p.count) {
    uint64_t row = i;
    const uint64_t column = p.bias ? lazy_index_split(&row, columns) : 0;
    switch (p.dtype) {
      case LAZY_DTYPE_F64: ACT_CASES(f64)
      case LAZY_DTYPE_F32: ACT_CASES(f32)
      case LAZY_DTYPE_F16: ACT_CASES(f16)
      case LAZY_DTYPE_BF16: ACT_CASES(bf16)
    }
  }
}
