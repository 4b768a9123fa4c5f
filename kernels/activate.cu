/* y = activation(x) of every element: those with numbers of their own, a and b, and those that are no
   epilogue of a linear layer. */
#include "kernels/element.cuh"
#include "kernels/math.cuh"

/* f16 and bf16 are computed in f32, as PyTorch does, and rounded once. NaN stays NaN in all of them. Each is
   written once, for both types of computation. */
#define ACTIVATION(name, real, ...)                                                               \
  LAZY_INLINE real name(real x, __attribute__((unused)) real a, __attribute__((unused)) real b) { \
    __VA_ARGS__                                                                                   \
  }
#define ACTIVATION_FUNCTIONS(t, real)                                                                        \
  /* a is the slope below 0. */                                                                              \
  ACTIVATION(leaky_relu_##t, real, return x > 0 ? x : x * a;)                                                \
  /* From a to b. */                                                                                         \
  ACTIVATION(hardtanh_##t, real, return x < a ? a : x > b ? b : x;)                                          \
  /* Slope b above 0, a (e^x - 1) below. */                                                                  \
  ACTIVATION(elu_##t, real, return x < 0 ? a * lazy_expm1_##t(x < 0 ? x : 0) : x * b;)                       \
  ACTIVATION(silu_##t, real, return x * lazy_sigmoid_##t(x);)                                                \
  /* x tanh(log(1 + e^x)), and that is (e^2 + 2 e) / (e^2 + 2 e + 2), or with e^-x, where it is the smaller. \
   */                                                                                                        \
  ACTIVATION(mish_##t, real, const real e = lazy_exp_##t(x < 0 ? x : -x);                                    \
             const real above = x < 0 ? e * (e + 2) : 1 + 2 * e;                                             \
             return x * (above / (above + (x < 0 ? 2 : 2 * e * e)));)                                        \
  ACTIVATION(hardsigmoid_##t, real, const real at = x + 3; return (at < 0 ? 0 : at > 6 ? 6 : at) / 6;)       \
  ACTIVATION(hardswish_##t, real, const real at = x + 3; return x * (at < 0 ? 0 : at > 6 ? 6 : at) / 6;)     \
  /* log(1 + e^(a x)) / a, where a x is past b just x. */                                                    \
  ACTIVATION(softplus_##t, real, const real at = x * a;                                                      \
             const real tail = lazy_log1p_##t(lazy_exp_##t(at < 0 ? at : -at));                              \
             return at > b ? x : ((at > 0 ? at : 0) + tail) / a;)                                            \
  ACTIVATION(log_sigmoid_##t, real, return (x < 0 ? x : 0) - lazy_log1p_##t(lazy_exp_##t(x < 0 ? x : -x));)
ACTIVATION_FUNCTIONS(f64, double)
ACTIVATION_FUNCTIONS(f32, float)

#define ACTIVATION_RUN(name, dtype, t, real)                                                                \
  LAZY_INLINE void run_##name##_##dtype(lazy_store_##dtype *y, const lazy_store_##dtype *x, real a, real b, \
                                        uint64_t n) {                                                       \
    for (uint64_t j = 0; j < n; j++)                                                                        \
      y[j] = lazy_##t##_as_##dtype(name##_##t(lazy_load_##dtype(x[j]), a, b));                              \
  }
#define ACTIVATION_RUN_F64(constant, name)  ACTIVATION_RUN(name, f64, f64, double)
#define ACTIVATION_RUN_F32(constant, name)  ACTIVATION_RUN(name, f32, f32, float)
#define ACTIVATION_RUN_F16(constant, name)  ACTIVATION_RUN(name, f16, f32, float)
#define ACTIVATION_RUN_BF16(constant, name) ACTIVATION_RUN(name, bf16, f32, float)
LAZY_ACTIVATIONS(ACTIVATION_RUN_F64)
LAZY_ACTIVATIONS(ACTIVATION_RUN_F32)
LAZY_ACTIVATIONS(ACTIVATION_RUN_F16)
LAZY_ACTIVATIONS(ACTIVATION_RUN_BF16)

#define ACTIVATION_CASE(constant, name, dtype, real)                                                       \
  case LAZY_ACTIVATION_##constant:                                                                         \
    run_##name##_##dtype(LAZY_AT(lazy_store_##dtype, p.y) + i, LAZY_AT(const lazy_store_##dtype, p.x) + i, \
                         (real)p.a, (real)p.b, run);                                                       \
    break;
#define ACTIVATION_CASE_F64(constant, name)  ACTIVATION_CASE(constant, name, f64, double)
#define ACTIVATION_CASE_F32(constant, name)  ACTIVATION_CASE(constant, name, f32, float)
#define ACTIVATION_CASE_F16(constant, name)  ACTIVATION_CASE(constant, name, f16, float)
#define ACTIVATION_CASE_BF16(constant, name) ACTIVATION_CASE(constant, name, bf16, float)

LAZY_KERNEL(lazy_k_activate) {
  LAZY_GRID_ROWS(i, run, p.count, p.count) {
    switch (p.dtype) {
      case LAZY_DTYPE_F64:
        switch (p.activation) { LAZY_ACTIVATIONS(ACTIVATION_CASE_F64) }
        break;
      case LAZY_DTYPE_F32:
        switch (p.activation) { LAZY_ACTIVATIONS(ACTIVATION_CASE_F32) }
        break;
      case LAZY_DTYPE_F16:
        switch (p.activation) { LAZY_ACTIVATIONS(ACTIVATION_CASE_F16) }
        break;
      case LAZY_DTYPE_BF16:
        switch (p.activation) { LAZY_ACTIVATIONS(ACTIVATION_CASE_BF16) }
        break;
    }
  }
}
