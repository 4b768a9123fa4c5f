/* Built-in classes that change every element by itself, and softmax. Part of nn.h.

   Input and output of any shape, f64, f32, f16, bf16; f16 and bf16 are computed in f32 and rounded once. NaN
   stays NaN. `inplace` is read and printed as PyTorch has it (Hardsigmoid and Hardswish do not print it) and
   means nothing more: a call is recorded as a function of its input, and the planner decides what shares
   memory. Where an op would read that input later, or the caller gets it as an output, and so would see it
   changed in PyTorch, the context's `warn` is told, once for every plan; the caller's own input array stays
   as it is. */
#ifndef LAZYRT_NN_ACTIVATION_H
#define LAZYRT_NN_ACTIVATION_H

#include <lazyrt/class.h>

#ifdef __cplusplus
extern "C" {
#endif

/* nn.ReLU, ReLU6 (0 to 6), SELU, SiLU (x sigmoid(x)), Mish (x tanh(softplus(x))), Hardsigmoid ((x + 3) / 6
   from 0 to 1), Hardswish (x hardsigmoid(x)), each with inplace=False. */
typedef struct lazy_inplace_options {
  bool inplace;
} lazy_inplace_options;
typedef lazy_inplace_options lazy_relu_options;
#define LAZY_INPLACE_DEFAULTS \
  { false }
#define LAZY_RELU_DEFAULTS LAZY_INPLACE_DEFAULTS
LAZY_API extern const lazy_class lazy_class_relu, lazy_class_relu6, lazy_class_selu, lazy_class_silu,
    lazy_class_mish, lazy_class_hardsigmoid, lazy_class_hardswish;

LAZY_API extern const lazy_class lazy_class_sigmoid, lazy_class_tanh, lazy_class_log_sigmoid;

/* nn.GELU(approximate='none') */
typedef struct lazy_gelu_options {
  char approximate[LAZY_OPTION_TEXT_BYTES]; /* "none" or "tanh" */
} lazy_gelu_options;
#define LAZY_GELU_DEFAULTS \
  { "none" }
LAZY_API extern const lazy_class lazy_class_gelu;

/* nn.LeakyReLU(negative_slope=0.01, inplace=False) */
typedef struct lazy_leaky_relu_options {
  double negative_slope;
  bool inplace;
} lazy_leaky_relu_options;
#define LAZY_LEAKY_RELU_DEFAULTS \
  { 0.01, false }
LAZY_API extern const lazy_class lazy_class_leaky_relu;

/* nn.ELU(alpha=1.0, inplace=False) */
typedef struct lazy_elu_options {
  double alpha;
  bool inplace;
} lazy_elu_options;
#define LAZY_ELU_DEFAULTS \
  { 1, false }
LAZY_API extern const lazy_class lazy_class_elu;

/* nn.Hardtanh(min_val=-1.0, max_val=1.0, inplace=False). INVALID_VALUE unless max_val is greater. */
typedef struct lazy_hardtanh_options {
  double min_val, max_val;
  bool inplace;
} lazy_hardtanh_options;
#define LAZY_HARDTANH_DEFAULTS \
  { -1, 1, false }
LAZY_API extern const lazy_class lazy_class_hardtanh;

/* nn.Softplus(beta=1.0, threshold=20.0): log(1 + e^(beta x)) / beta, and x itself where beta x is past the
   threshold. */
typedef struct lazy_softplus_options {
  double beta, threshold;
} lazy_softplus_options;
#define LAZY_SOFTPLUS_DEFAULTS \
  { 1, 20 }
LAZY_API extern const lazy_class lazy_class_softplus;

/* nn.Softmax(dim=None) and nn.LogSoftmax(dim=None): e^(x - largest) / sum along one dim, negative from the
   end, or the logarithm of that. A row with NaN, +infinity or nothing but -infinity becomes NaN. dim None is
   what PyTorch makes of it: 0 of a rank of 0, 1 or 3, else 1. OUT_OF_RANGE where the input has no such dim.
   Options: dim = LAZY_INT(-1). */
typedef struct lazy_softmax_options {
  lazy_ints dim; /* one number */
} lazy_softmax_options;
#define LAZY_SOFTMAX_DEFAULTS \
  { LAZY_INT(LAZY_INT_NONE) }
LAZY_API extern const lazy_class lazy_class_softmax, lazy_class_log_softmax;

#ifdef __cplusplus
}
#endif
#endif
