/* What a provider of matrix products offers to blas.c. */
#ifndef LAZYI_BLAS_PROVIDER_H
#define LAZYI_BLAS_PROVIDER_H

#include "runtime/blas/blas.h"

typedef struct lazyi_blas_provider {
  void *state;
  const char *name;
  /* True if this provider can do the call; sizes are positive, k too. */
  bool (*serves)(void *state, const lazyi_gemm *call);
  /* UNSUPPORTED: the next provider is asked. */
  lazy_status (*gemm)(void *state, const lazyi_gemm *call, lazy_driver_stream stream);
  size_t (*workspace_bytes)(void *state, const lazyi_gemm *call); /* NULL: none */
  void (*close)(void *state);
} lazyi_blas_provider;

/* A CBLAS library for a host device. `*out_found` is false, and the rest untouched, if there is none to use.
 */
LAZY_MUST_USE lazy_status lazyi_cblas_open(const lazyi_device *device, bool *out_found,
                                           lazyi_blas_provider *out_provider);

/* cuBLAS for a GPU; likewise. The launcher is borrowed, the device's context current. */
LAZY_MUST_USE lazy_status lazyi_cublas_open(const lazyi_launcher *launcher, bool *out_found,
                                            lazyi_blas_provider *out_provider);

/* The project's kernel. Serves everything. */
lazyi_blas_provider lazyi_plain_provider(const lazyi_launcher *launcher);

#endif
