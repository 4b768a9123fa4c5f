/* Built-in classes. Names, constructor arguments, defaults, order, printed form and state-dict keys are
 * PyTorch's. */
#ifndef LAZYRT_NN_H
#define LAZYRT_NN_H

#include <lazyrt/class.h>
#include <lazyrt/nn_activation.h>
#include <lazyrt/nn_conv.h>
#include <lazyrt/nn_spatial.h>
#include <math.h>

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

typedef struct lazy_flatten_options {
  int64_t start_dim, end_dim;
} lazy_flatten_options;
#define LAZY_FLATTEN_DEFAULTS \
  { 1, -1 }
LAZY_API extern const lazy_class lazy_class_flatten;

/* nn.BatchNorm1d/2d/3d(num_features, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True,
   dtype=None, *, bias=True) and their lazy forms, which infer num_features from dim 1 of the input: (N, C) or
   (N, C, L) for 1d, (N, C, H, W), (N, C, D, H, W). weight, bias, running_mean, running_var (num_features),
   num_batches_tracked i64 [].

   A module that trains normalises by the batch's statistics and moves the running ones, momentum None (NaN
   here) by one over the batches seen; else it normalises by the running ones, or by the batch's where it
   tracks none. One value a channel has no statistics of its own: INVALID_VALUE, as in PyTorch, but before
   anything has changed; a rank that does not fit as well. f16 and bf16 inputs may meet f32 parameters.

   nn.InstanceNorm1d/2d/3d and their lazy forms: the statistics of every channel of every image by itself,
   images without the batch's dim too (num_features is then dim 0, in the lazy forms as well, where PyTorch
   takes dim 1); running statistics take in the average over the batch, momentum None stands for 0,
   num_batches_tracked stays. The lazy forms default to affine and tracking, the ordinary ones do not. */
typedef struct lazy_batch_norm_options {
  int64_t num_features;
  double eps, momentum;                   /* momentum NaN: None */
  bool affine, bias, track_running_stats; /* bias: only where affine */
  lazy_dtype dtype;
} lazy_batch_norm_options;
#define LAZY_BATCH_NORM_DEFAULTS \
  { 0, 1e-5, 0.1, true, true, true, LAZY_DTYPE_DEFAULT }
typedef lazy_batch_norm_options lazy_instance_norm_options;
#define LAZY_INSTANCE_NORM_DEFAULTS \
  { 0, 1e-5, 0.1, false, true, false, LAZY_DTYPE_DEFAULT }
#define LAZY_LAZY_INSTANCE_NORM_DEFAULTS LAZY_BATCH_NORM_DEFAULTS
LAZY_API extern const lazy_class lazy_class_batch_norm1d, lazy_class_batch_norm2d, lazy_class_batch_norm3d;
LAZY_API extern const lazy_class lazy_class_lazy_batch_norm1d, lazy_class_lazy_batch_norm2d,
    lazy_class_lazy_batch_norm3d;
LAZY_API extern const lazy_class lazy_class_instance_norm1d, lazy_class_instance_norm2d,
    lazy_class_instance_norm3d;
LAZY_API extern const lazy_class lazy_class_lazy_instance_norm1d, lazy_class_lazy_instance_norm2d,
    lazy_class_lazy_instance_norm3d;

/* nn.LSTM(input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
   bidirectional=False, proj_size=0, dtype=None), nn.GRU (the same without proj_size), and lazy forms, which
   PyTorch does not have: LazyLSTM(hidden_size, ...) infers input_size from the input's last dim.

   input (L, N, input_size), with batch_first (N, L, input_size), or one sequence (L, input_size); hx: of a
   GRU h_0 (num_layers * directions, N, hidden_size), of an LSTM the tuple (h_0, c_0), whose h_0 has proj_size
   where that is set; N is left out for one sequence; not given: zeros. Result: a tuple of the output (L, N,
   directions * size) and h_n, of an LSTM (h_n, c_n). Parameters weight_ih_l{k}, weight_hh_l{k}, bias_ih_l{k},
   bias_hh_l{k}, weight_hr_l{k}, those of the other direction with _reverse. At most 8 layers; dropout between
   layers in training is UNSUPPORTED. */
typedef struct lazy_rnn_options {
  int64_t input_size, hidden_size, num_layers;
  bool bias, batch_first, bidirectional;
  double dropout;
  int64_t proj_size; /* LSTM */
  lazy_dtype dtype;
} lazy_rnn_options;
#define LAZY_RNN_DEFAULTS \
  { 0, 0, 1, true, false, false, 0, 0, LAZY_DTYPE_DEFAULT }
LAZY_API extern const lazy_class lazy_class_lstm, lazy_class_lazy_lstm;
LAZY_API extern const lazy_class lazy_class_gru, lazy_class_lazy_gru;
/* nn.LayerNorm(normalized_shape, eps=1e-05, elementwise_affine=True, bias=True, dtype=None): by the mean and
   variance of the last dims, whose sizes normalized_shape gives; weight and bias (normalized_shape).
   LazyLayerNorm(normalized_dims=1, eps, elementwise_affine, bias, dtype) takes the sizes of the last
   normalized_dims dims of its first input; where it has no weight, and a load made it ordinary, it goes on
   taking any.
   nn.RMSNorm(normalized_shape, eps=None, elementwise_affine=True, dtype=None): by the root of the mean
   square; eps None (NaN here) is the epsilon of f32, of f64 for f64 inputs; no bias, whatever the option
   says. f16 and bf16 inputs may meet f32 parameters in each. */
typedef struct lazy_layer_norm_options {
  lazy_shape normalized_shape;
  int64_t normalized_dims; /* follows from normalized_shape but in the lazy form */
  double eps;
  bool elementwise_affine, bias; /* bias: only where elementwise_affine */
  lazy_dtype dtype;
} lazy_layer_norm_options;
#define LAZY_LAYER_NORM_DEFAULTS \
  { {0}, 1, 1e-5, true, true, LAZY_DTYPE_DEFAULT }
#define LAZY_RMS_NORM_DEFAULTS \
  { {0}, 1, NAN, true, false, LAZY_DTYPE_DEFAULT }
LAZY_API extern const lazy_class lazy_class_layer_norm, lazy_class_lazy_layer_norm, lazy_class_rms_norm;

/* nn.GroupNorm(num_groups, num_channels, eps=1e-05, affine=True, dtype=None, *, bias=True) of (N, C, *): each
   of num_groups runs of channels of each image by its own mean and variance. LazyGroupNorm(num_groups, eps,
   affine, dtype, *, bias) takes num_channels from dim 1. Channels that
   num_groups does not divide are refused before anything has changed. */
typedef struct lazy_group_norm_options {
  int64_t num_groups, num_channels;
  double eps;
  bool affine, bias; /* bias: only where affine */
  lazy_dtype dtype;
} lazy_group_norm_options;
#define LAZY_GROUP_NORM_DEFAULTS \
  { 1, 0, 1e-5, true, true, LAZY_DTYPE_DEFAULT }
LAZY_API extern const lazy_class lazy_class_group_norm, lazy_class_lazy_group_norm;

/* Sum of its two arguments with broadcasting: what a residual in a printed tree is. */
LAZY_API extern const lazy_class lazy_class_add;

/* Calls its children in order. Other names of containers in model text make the same class under that name.
 */
LAZY_API extern const lazy_class lazy_class_sequential;

#ifdef __cplusplus
}
#endif
#endif
