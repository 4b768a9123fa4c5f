#include "runtime/blas/blas.h"

#include "runtime/base/memory.h"
#include "runtime/blas/provider.h"
#include "runtime/trace/trace.h"

struct lazyi_blas {
  lazyi_blas_provider providers[2]; /* in order of preference; the last serves everything */
  int count;
};

lazy_status lazyi_blas_create(const lazyi_launcher *launcher, lazyi_blas **out_blas) {
  LAZYI_TRACE(LAZY_TRACE_OPEN_BLAS);
  lazyi_blas *blas = lazyi_memory_calloc(1, sizeof *blas);
  LAZYI_TRY_ALLOC(blas);
  bool found = false;
  lazy_status status = launcher->device->is_host
                           ? lazyi_cblas_open(launcher->device, &found, &blas->providers[0])
                           : lazyi_cublas_open(launcher, &found, &blas->providers[0]);
  if (status != LAZY_STATUS_OK) {
    lazyi_memory_free(blas);
    return status;
  }
  blas->count = found;
  blas->providers[blas->count++] = lazyi_plain_provider(launcher);
  *out_blas = blas;
  return LAZY_STATUS_OK;
}

void lazyi_blas_destroy(lazyi_blas *blas) {
  if (blas == NULL) return;
  for (int i = 0; i < blas->count; i++) blas->providers[i].close(blas->providers[i].state);
  lazyi_memory_free(blas);
}

const char *lazyi_blas_name(const lazyi_blas *blas) { return blas->providers[0].name; }

size_t lazyi_blas_workspace_bytes(const lazyi_blas *blas, const lazyi_gemm *call) {
  if (blas == NULL) return 0;
  const lazyi_blas_provider *first = &blas->providers[0];
  return first->workspace_bytes == NULL ? 0 : first->workspace_bytes(first->state, call);
}

lazy_status lazyi_blas_gemm(lazyi_blas *blas, const lazyi_gemm *call, lazy_driver_stream stream) {
  if (!lazy_dtype_is_float(call->dtype))
    return lazy_status_fail(LAZY_STATUS_INVALID_TYPE, "matrix product of %s: wanted a floating-point type",
                            lazy_dtype_name(call->dtype));
  if (call->m <= 0 || call->n <= 0 || call->batch <= 0) return LAZY_STATUS_OK;
  int i = 0;
  /* An empty sum scales c and adds the bias: the last provider does that, libraries disagree on it. */
  while (i + 1 < blas->count && (call->k <= 0 || !blas->providers[i].serves(blas->providers[i].state, call)))
    i++;
  lazy_status status = blas->providers[i].gemm(blas->providers[i].state, call, stream);
  while (status == LAZY_STATUS_UNSUPPORTED && ++i < blas->count)
    status = blas->providers[i].gemm(blas->providers[i].state, call, stream);
  return status;
}
