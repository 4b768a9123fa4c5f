/* Every kernel of the library: LAZY_KERNELS(X) calls X(constant, name). The source is <name without
   lazy_k_>.cu, the parameter block struct <name>_params in params.h. */
#ifndef LAZYRT_KERNELS_LIST_H
#define LAZYRT_KERNELS_LIST_H

#if __has_include("kernels/infer_shapes.cu")
#define LAZY_KERNELS_SHAPES(X) X(INFER_SHAPES, lazy_k_infer_shapes)
#else
#define LAZY_KERNELS_SHAPES(X)
#endif

#define LAZY_KERNELS(X)              \
  LAZY_KERNELS_SHAPES(X)             \
  X(INIT_PARAMS, lazy_k_init_params) \
  X(PHILOX, lazy_k_philox)           \
  X(FILL, lazy_k_fill)               \
  X(COPY, lazy_k_copy)

#endif
