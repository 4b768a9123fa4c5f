/* Every kernel of the library: LAZY_KERNELS(X) calls X(constant, name). The source is <name without
   lazy_k_>.cu, the parameter block struct <name>_params in params.h. */
#ifndef LAZYRT_KERNELS_LIST_H
#define LAZYRT_KERNELS_LIST_H

#define LAZY_KERNELS(X)                  \
  X(INFER_SHAPES, lazy_k_infer_shapes)   \
  X(INIT_PARAMS, lazy_k_init_params)     \
  X(PHILOX, lazy_k_philox)               \
  X(FILL, lazy_k_fill)                   \
  X(COPY, lazy_k_copy)                   \
  X(CONVERT, lazy_k_convert)             \
  X(BIAS_ACT, lazy_k_bias_act)           \
  X(ACTIVATE, lazy_k_activate)           \
  X(SOFTMAX, lazy_k_softmax)             \
  X(SOFTMAX_MANY, lazy_k_softmax_many)   \
  X(BINARY, lazy_k_binary)               \
  X(GEMM, lazy_k_gemm)                   \
  X(MOMENTS, lazy_k_moments)             \
  X(MOMENTS_MERGE, lazy_k_moments_merge) \
  X(NORMALIZE, lazy_k_normalize)         \
  X(FINGERPRINT, lazy_k_fingerprint)     \
  X(LSTM_CELL, lazy_k_lstm_cell)         \
  X(GRU_CELL, lazy_k_gru_cell)           \
  X(UNFOLD, lazy_k_unfold)               \
  X(FOLD, lazy_k_fold)                   \
  X(CONV, lazy_k_conv)                   \
  X(POOL, lazy_k_pool)

#endif
