/* Parameter blocks of activations that have numbers of their own, and of softmax. Included by params.h. */
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

/* Attributes of softmax. */
enum lazy_softmax_attribute {
  LAZY_SOFTMAX_DIM = 0, /* negative from the end; LAZY_SOFTMAX_DIM_NONE: as PyTorch chooses it for a rank */
  LAZY_SOFTMAX_LOG = 1, /* what only the launch reads: 1: the logarithm */
  LAZY_SOFTMAX_ATTRIBUTES = 2,
};
#define LAZY_SOFTMAX_DIM_NONE INT64_MIN

/* e^(x - max) / sum along every row, or the logarithm of that. Row r has `length` elements, `inner` apart,
   the first at r / inner * length * inner + r % inner. y is not x. f64, f32, f16, bf16. */
struct lazy_k_softmax_params {
  uint64_t x, y;
  uint64_t rows, length, inner;
  uint8_t dtype, log;
  uint8_t reserved[6];
};
/* Of either kernel. */
#define lazy_k_softmax_many_params lazy_k_softmax_params

#endif
