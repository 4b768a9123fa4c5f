/* Parameter blocks of activations that have numbers of their own. Included by params.h. */
#ifndef LAZYRT_KERNELS_ACTIVATION_PARAMS_H
#define LAZYRT_KERNELS_ACTIVATION_PARAMS_H

#include <stdint.h>

/* X(constant, name in activate.cu); what a and b are stands there. */
#define LAZY_ACTIVATIONS(X)   \
  X(LEAKY_RELU, leaky_relu)   \
  X(HARDTANH, hardtanh)       \
  X(ELU, elu)                 \
  X(SILU, silu)               \
  X(MISH, mish)               \
  X(HARDSIGMOID, hardsigmoid) \
  X(HARDSWISH, hardswish)     \
  X(SOFTPLUS, softplus)       \
  X(LOG_SIGMOID, log_sigmoid)
#define LAZY_ACTIVATION_CONSTANT(constant, name) LAZY_ACTIVATION_##constant,
enum lazy_activation { LAZY_ACTIVATIONS(LAZY_ACTIVATION_CONSTANT) LAZY_ACTIVATION_COUNT };
#undef LAZY_ACTIVATION_CONSTANT

/* y = activation(x; a, b), contiguous; y may be x. f64, f32, f16, bf16. */
struct lazy_k_activate_params {
  uint64_t x, y;
  uint64_t count;
  double a, b; /* f32 computes with floats of them */
  uint8_t dtype, activation;
  uint8_t reserved[6];
};

#endif
