/* Built-in classes. Names, constructor arguments, defaults, order, printed form and state-dict keys are
 * PyTorch's. */
#ifndef LAZYRT_NN_H
#define LAZYRT_NN_H

#include <lazyrt/class.h>

#ifdef __cplusplus
extern "C" {
#endif

/* nn.Linear(in_features, out_features, bias=True, dtype=None) and nn.LazyLinear(out_features, bias=True,
   dtype=None). Input (*, in_features) -> (*, out_features); weight (out_features, in_features), bias
   (out_features). Start from the defaults: lazy_linear_options options = LAZY_LINEAR_DEFAULTS;
   options.out_features = 10; */
typedef struct lazy_linear_options {
  int64_t in_features, out_features;
  bool bias;
  lazy_dtype dtype;
} lazy_linear_options;
#define LAZY_LINEAR_DEFAULTS \
  { 0, 0, true, LAZY_DTYPE_DEFAULT }
LAZY_API extern const lazy_class lazy_class_linear, lazy_class_lazy_linear;

LAZY_API extern const lazy_class lazy_class_identity; /* takes and ignores any constructor arguments */

typedef struct lazy_relu_options {
  bool inplace; /* printed; the planner decides what shares memory */
} lazy_relu_options;
#define LAZY_RELU_DEFAULTS \
  { false }
LAZY_API extern const lazy_class lazy_class_relu;
LAZY_API extern const lazy_class lazy_class_sigmoid, lazy_class_tanh;

typedef struct lazy_gelu_options {
  char approximate[LAZY_OPTION_TEXT_BYTES]; /* "none" or "tanh" */
} lazy_gelu_options;
#define LAZY_GELU_DEFAULTS \
  { "none" }
LAZY_API extern const lazy_class lazy_class_gelu;

typedef struct lazy_flatten_options {
  int64_t start_dim, end_dim;
} lazy_flatten_options;
#define LAZY_FLATTEN_DEFAULTS \
  { 1, -1 }
LAZY_API extern const lazy_class lazy_class_flatten;

/* Sum of its two arguments with broadcasting: what a residual in a printed tree is. */
LAZY_API extern const lazy_class lazy_class_add;

/* Calls its children in order. Other names of containers in model text make the same class under that name.
 */
LAZY_API extern const lazy_class lazy_class_sequential;

#ifdef __cplusplus
}
#endif
#endif
