/* cuBLAS on NVIDIA GPUs: opened at run time, its types and sums as the seam says, its workspace the caller's.

   Sums of f32, f16 and bf16 are f32: no TF32, and no f16 in between. (NVIDIA_TF32_OVERRIDE=1 in the
   environment is the user's own order to cuBLAS.) cuBLAS thinks in columns: a row-major product is the
   columns' product of the operands changed about. */
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/vector.h"
#include "runtime/blas/provider.h"
#include "runtime/launch/ops.h"

/* cuBLAS's interface, with 32-bit sizes. Results are cublasStatus_t. */
enum {
  NOT_INITIALIZED = 1,
  ALLOC_FAILED = 3,
  ARCH_MISMATCH = 8,
  NOT_SUPPORTED = 15,
};
enum { OP_N = 0, OP_T = 1, R_32F = 0, R_64F = 1, R_16F = 2, R_16BF = 14, COMPUTE_32F = 68, COMPUTE_64F = 70 };
enum { GEMM_DEFAULT = -1, DISALLOW_REDUCED_PRECISION_REDUCTION = 16 };

/* X(field, symbol, parameters) */
#define CUBLAS_FUNCTIONS(X)                                                                                 \
  X(create, "cublasCreate_v2", (void **out_handle))                                                         \
  X(destroy, "cublasDestroy_v2", (void *handle))                                                            \
  X(get_version, "cublasGetVersion_v2", (void *handle, int *out_version))                                   \
  X(set_stream, "cublasSetStream_v2", (void *handle, lazy_driver_stream stream))                            \
  X(set_workspace, "cublasSetWorkspace_v2", (void *handle, void *workspace, size_t bytes))                  \
  X(set_math_mode, "cublasSetMathMode", (void *handle, int mode))                                           \
  X(gemm, "cublasGemmEx",                                                                                   \
    (void *handle, int a_op, int b_op, int m, int n, int k, const void *alpha, const void *a, int a_type,   \
     int a_row, const void *b, int b_type, int b_row, const void *beta, void *c, int c_type, int c_row,     \
     int compute_type, int algorithm))                                                                      \
  X(gemm_batched, "cublasGemmStridedBatchedEx",                                                             \
    (void *handle, int a_op, int b_op, int m, int n, int k, const void *alpha, const void *a, int a_type,   \
     int a_row, long long a_step, const void *b, int b_type, int b_row, long long b_step, const void *beta, \
     void *c, int c_type, int c_row, long long c_step, int batch, int compute_type, int algorithm))

typedef struct cublas {
  const lazyi_launcher *launcher;
  void *library, *handle;
  size_t most_workspace_bytes;
  pthread_mutex_t lock; /* a handle has one stream and one workspace at a time */
  char name[64];
#define CUBLAS_FIELD(field, symbol, parameters) int(*field) parameters;
  CUBLAS_FUNCTIONS(CUBLAS_FIELD)
#undef CUBLAS_FIELD
} cublas;

static const char *name_of(int result) {
  switch (result) {
    case NOT_INITIALIZED: return "CUBLAS_STATUS_NOT_INITIALIZED";
    case ALLOC_FAILED: return "CUBLAS_STATUS_ALLOC_FAILED";
    case 7: return "CUBLAS_STATUS_INVALID_VALUE";
    case ARCH_MISMATCH: return "CUBLAS_STATUS_ARCH_MISMATCH";
    case 11: return "CUBLAS_STATUS_MAPPING_ERROR";
    case 13: return "CUBLAS_STATUS_EXECUTION_FAILED";
    case 14: return "CUBLAS_STATUS_INTERNAL_ERROR";
    case NOT_SUPPORTED: return "CUBLAS_STATUS_NOT_SUPPORTED";
    default: return "unnamed status";
  }
}

static lazy_status check(const cublas *blas, int result, const char *call) {
  if (result == 0) return LAZY_STATUS_OK;
  lazy_status status = result == ALLOC_FAILED                               ? LAZY_STATUS_OUT_OF_MEMORY
                       : result == NOT_SUPPORTED || result == ARCH_MISMATCH ? LAZY_STATUS_UNSUPPORTED
                                                                            : LAZY_STATUS_DEVICE;
  return lazy_status_fail(status, "%s: %s of %s failed: %s (%d)", blas->launcher->device->spelling, call,
                          blas->name, name_of(result), result);
}

/* ---- products ---- */

/* Below 16 KiB some products fail. What is left over from a smaller product is left to others. */
static const size_t least_workspace_bytes = (size_t)64 << 10;
/* So many partial results of a product whose sums are split find place. */
enum { PARTIAL_RESULTS = 16 };

static size_t workspace_bytes(void *state, const lazyi_gemm *call) {
  const cublas *blas = state;
  size_t bytes;
  if (call->m <= 0 || call->n <= 0 || call->k <= 0 || call->batch <= 0) return 0;
  if (!lazyi_mul_size((size_t)call->m, (size_t)call->n, &bytes) ||
      !lazyi_mul_size(bytes, (size_t)call->batch, &bytes) ||
      !lazyi_mul_size(bytes, PARTIAL_RESULTS * (call->dtype == LAZY_DTYPE_F64 ? 8 : 4), &bytes) ||
      bytes > blas->most_workspace_bytes)
    return blas->most_workspace_bytes;
  return bytes < least_workspace_bytes ? least_workspace_bytes : (bytes + 255) & ~(size_t)255;
}

/* A stored row at least as long as it has elements, in 32 bits. */
static bool fits(int64_t row, int64_t elements) { return row >= elements && row >= 1 && row <= INT_MAX; }

static bool serves(void *state, const lazyi_gemm *g) {
  (void)state;
  return g->m <= INT_MAX && g->n <= INT_MAX && g->k <= INT_MAX && g->batch <= INT_MAX &&
         fits(g->a_row, g->a_transposed ? g->m : g->k) && fits(g->b_row, g->b_transposed ? g->k : g->n) &&
         fits(g->c_row, g->n) && g->workspace != 0 && g->workspace_bytes >= least_workspace_bytes &&
         (g->bias == 0 || g->beta == 0);
}

/* The result starts as the bias in every row and the product is added to it: one rounding, of the whole. */
static lazy_status spread_bias(const cublas *blas, const lazyi_gemm *g, lazy_driver_stream stream) {
  const lazy_shape shape = {3, {g->batch, g->m, g->n}};
  const int64_t to[] = {g->c_batch, g->c_row, 1}, from[] = {0, 0, 1};
  return lazyi_launch_copy(blas->launcher, &shape, (lazyi_strided){g->c, to}, (lazyi_strided){g->bias, from},
                           (uint32_t)lazy_dtype_bytes(g->dtype), stream);
}

static const void *at(uint64_t address) { return (const void *)(uintptr_t)address; }

/* Under the lock: setting the stream takes the workspace away, so the two are set together. */
static lazy_status multiply(const cublas *blas, const lazyi_gemm *g, lazy_driver_stream stream) {
  static const int types[LAZY_DTYPE_COUNT] = {[LAZY_DTYPE_F64] = R_64F,
                                              [LAZY_DTYPE_F32] = R_32F,
                                              [LAZY_DTYPE_F16] = R_16F,
                                              [LAZY_DTYPE_BF16] = R_16BF};
  const bool wide = g->dtype == LAZY_DTYPE_F64;
  const double alpha = g->alpha, beta = g->bias != 0 ? 1 : g->beta;
  const float alpha_f32 = (float)alpha, beta_f32 = (float)beta;
  const void *scale = wide ? (const void *)&alpha : &alpha_f32,
             *keep = wide ? (const void *)&beta : &beta_f32;
  const int type = types[g->dtype], sums = wide ? COMPUTE_64F : COMPUTE_32F;
  const int first = g->b_transposed ? OP_T : OP_N, second = g->a_transposed ? OP_T : OP_N;
  const int m = (int)g->n, n = (int)g->m, k = (int)g->k;
  const void *a = at(g->b), *b = at(g->a);
  void *c = (void *)(uintptr_t)g->c;
  LAZY_TRY(check(blas, blas->set_stream(blas->handle, stream), "cublasSetStream"));
  LAZY_TRY(check(blas, blas->set_workspace(blas->handle, (void *)(uintptr_t)g->workspace, g->workspace_bytes),
                 "cublasSetWorkspace"));
  if (g->batch == 1)
    return check(blas,
                 blas->gemm(blas->handle, first, second, m, n, k, scale, a, type, (int)g->b_row, b, type,
                            (int)g->a_row, keep, c, type, (int)g->c_row, sums, GEMM_DEFAULT),
                 "cublasGemmEx");
  return check(blas,
               blas->gemm_batched(blas->handle, first, second, m, n, k, scale, a, type, (int)g->b_row,
                                  g->b_batch, b, type, (int)g->a_row, g->a_batch, keep, c, type,
                                  (int)g->c_row, g->c_batch, (int)g->batch, sums, GEMM_DEFAULT),
               "cublasGemmStridedBatchedEx");
}

static lazy_status gemm(void *state, const lazyi_gemm *call, lazy_driver_stream stream) {
  cublas *blas = state;
  if (call->bias != 0) LAZY_TRY(spread_bias(blas, call, stream));
  (void)pthread_mutex_lock(&blas->lock);
  lazy_status status = multiply(blas, call, stream);
  (void)pthread_mutex_unlock(&blas->lock);
  return status;
}

/* ---- opening ---- */

static void close_library(void *state) {
  cublas *blas = state;
  if (blas->handle != NULL) (void)blas->destroy(blas->handle);
  if (blas->library != NULL) (void)dlclose(blas->library);
  (void)pthread_mutex_destroy(&blas->lock);
  lazyi_memory_free(blas);
}

/* NOT_FOUND for what can be passed over, with the reason as the message. */
static lazy_status open_named(cublas *blas, const char *path) {
  /* What it registers with the CUDA runtime stays for the process. */
  blas->library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (blas->library == NULL) return lazy_status_fail(LAZY_STATUS_NOT_FOUND, "%s cannot be opened", path);
  void *found;
#define CUBLAS_FIND(field, symbol, parameters)                                                     \
  found = dlsym(blas->library, symbol);                                                            \
  if (found == NULL) return lazy_status_fail(LAZY_STATUS_NOT_FOUND, "%s has no %s", path, symbol); \
  memcpy(&blas->field, &found, sizeof found); /* a function is not an object */
  CUBLAS_FUNCTIONS(CUBLAS_FIND)
#undef CUBLAS_FIND
  const char *slash = strrchr(path, '/');
  (void)snprintf(blas->name, sizeof blas->name, "%s", slash != NULL ? slash + 1 : path);
  int result = blas->create(&blas->handle);
  if (result == 0) return LAZY_STATUS_OK;
  blas->handle = NULL;
  LAZY_TRY(result == ALLOC_FAILED ? check(blas, result, "cublasCreate") : LAZY_STATUS_OK);
  return lazy_status_fail(LAZY_STATUS_NOT_FOUND, "%s: cublasCreate failed: %s (%d)", path, name_of(result),
                          result);
}

static lazy_status set_up(cublas *blas) {
  const lazyi_device *device = blas->launcher->device;
  int version = 0, major = 0;
  LAZY_TRY(check(blas, blas->get_version(blas->handle, &version), "cublasGetVersion"));
  size_t length = strlen(blas->name);
  (void)snprintf(blas->name + length, sizeof blas->name - length, " (%d.%d.%d)", version / 10000,
                 version / 100 % 100, version % 100);
  LAZY_TRY(check(blas, blas->set_math_mode(blas->handle, DISALLOW_REDUCED_PRECISION_REDUCTION),
                 "cublasSetMathMode"));
  LAZY_TRY(LAZYI_DRIVER(device, device_get_attribute, &major, LAZY_DRIVER_ATTRIBUTE_COMPUTE_MAJOR,
                        device->ordinal));
  /* NVIDIA's own choice for its default workspaces. */
  blas->most_workspace_bytes = (size_t)(major >= 9 ? 32 : 4) << 20;
  return LAZY_STATUS_OK;
}

static lazy_status open_first(cublas *blas, const char *chosen) {
  if (chosen != NULL && *chosen != '\0') {
    lazy_status named = open_named(blas, chosen);
    return named == LAZY_STATUS_OK ? named : lazy_status_annotate(named, "LAZYRT_CUBLAS_LIBRARY");
  }
  lazy_status status = open_named(blas, "libcublas.so.13");
  if (status != LAZY_STATUS_NOT_FOUND || blas->library != NULL) return status;
  return open_named(blas, "libcublas.so.12");
}

lazy_status lazyi_cublas_open(const lazyi_launcher *launcher, bool *out_found,
                              lazyi_blas_provider *out_provider) {
  const char *chosen = getenv("LAZYRT_CUBLAS_LIBRARY");
  if (chosen != NULL && strcmp(chosen, "none") == 0) return *out_found = false, LAZY_STATUS_OK;
  cublas *blas = lazyi_memory_calloc(1, sizeof *blas);
  LAZYI_TRY_ALLOC(blas);
  blas->launcher = launcher;
  (void)pthread_mutex_init(&blas->lock, NULL);
  lazy_status status = open_first(blas, chosen);
  if (status == LAZY_STATUS_OK) status = set_up(blas);
  if (status != LAZY_STATUS_OK) {
    close_library(blas);
    /* Nothing was asked for by name: the project's own kernel serves. */
    if (status == LAZY_STATUS_NOT_FOUND && (chosen == NULL || *chosen == '\0'))
      return *out_found = false, LAZY_STATUS_OK;
    return status;
  }
  *out_provider = (lazyi_blas_provider){blas, blas->name, serves, gemm, workspace_bytes, close_library};
  *out_found = true;
  return LAZY_STATUS_OK;
}
