/* A CBLAS library on the host device: opened at run time, called from host functions in stream order. */
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "runtime/base/memory.h"
#include "runtime/blas/provider.h"
#include "runtime/driver/host_tag.h"

/* The CBLAS interface, with 32-bit sizes as distributions build it. */
enum { ROW_MAJOR = 101, NO_TRANS = 111, TRANS = 112 };
typedef void (*gemm_f32)(int order, int a_trans, int b_trans, int m, int n, int k, float alpha,
                         const float *a, int a_row, const float *b, int b_row, float beta, float *c,
                         int c_row);
typedef void (*gemm_f64)(int order, int a_trans, int b_trans, int m, int n, int k, double alpha,
                         const double *a, int a_row, const double *b, int b_row, double beta, double *c,
                         int c_row);
typedef void (*gemv_f32)(int order, int trans, int m, int n, float alpha, const float *a, int a_row,
                         const float *x, int x_step, float beta, float *y, int y_step);
typedef void (*gemv_f64)(int order, int trans, int m, int n, double alpha, const double *a, int a_row,
                         const double *x, int x_step, double beta, double *y, int y_step);

enum { BUCKETS = 256, BUCKET_RECORDS = 16 };

typedef struct cblas {
  const lazyi_device *device;
  void *library;
  gemm_f32 sgemm;
  gemm_f64 dgemm;
  gemv_f32 sgemv;
  gemv_f64 dgemv;
  pthread_mutex_t records_lock;
  struct record *buckets[BUCKETS]; /* by hash of the call */
  char name[64];
} cblas;

/* A call, which is only read: however often it is queued before it first runs, one record serves. In a steady
   state, where the same calls come again, nothing is allocated and nothing waits. */
typedef struct record {
  cblas *owner;
  struct record *next;     /* in its bucket */
  atomic_uint queued;      /* times that it has still to run; changes from 0 only under the lock */
  atomic_bool is_captured; /* a captured graph may run it at any time: it stays, and is not counted down */
  lazyi_gemm call;
} record;

/* One product at a time in the process: the libraries' threads are the process's, and fighting over the cores
   helps nobody. */
static pthread_mutex_t product_lock = PTHREAD_MUTEX_INITIALIZER;

/* All but the workspace, of which these libraries take none. */
static bool same_call(const lazyi_gemm *x, const lazyi_gemm *y) {
  return x->a == y->a && x->b == y->b && x->c == y->c && x->bias == y->bias && x->m == y->m && x->n == y->n &&
         x->k == y->k && x->a_row == y->a_row && x->b_row == y->b_row && x->c_row == y->c_row &&
         x->batch == y->batch && x->a_batch == y->a_batch && x->b_batch == y->b_batch &&
         x->c_batch == y->c_batch && x->alpha == y->alpha && x->beta == y->beta && x->dtype == y->dtype &&
         x->a_transposed == y->a_transposed && x->b_transposed == y->b_transposed;
}

/* The bucket's record of this call; else an idle one where the bucket is long enough; else NULL. */
static record *find_record(record *first, const lazyi_gemm *call) {
  record *idle = NULL;
  int count = 0;
  for (record *at = first; at != NULL; at = at->next, count++) {
    if (same_call(&at->call, call)) return at;
    if (atomic_load_explicit(&at->queued, memory_order_acquire) == 0) idle = at;
  }
  return count >= BUCKET_RECORDS ? idle : NULL;
}

static record *take_record(cblas *blas, const lazyi_gemm *call, bool captured) {
  const uint64_t places[4] = {call->a, call->b, call->c, (uint64_t)call->m};
  record **bucket = &blas->buckets[XXH3_64bits(places, sizeof places) % BUCKETS];
  pthread_mutex_lock(&blas->records_lock);
  record *taken = find_record(*bucket, call);
  if (taken == NULL && (taken = lazyi_memory_calloc(1, sizeof *taken)) != NULL) {
    taken->owner = blas;
    taken->next = *bucket;
    *bucket = taken;
  }
  if (taken != NULL) {
    if (atomic_load_explicit(&taken->queued, memory_order_acquire) == 0) taken->call = *call;
    atomic_fetch_add_explicit(&taken->queued, 1, memory_order_relaxed);
    if (captured) atomic_store_explicit(&taken->is_captured, true, memory_order_relaxed);
  }
  pthread_mutex_unlock(&blas->records_lock);
  return taken;
}

static void give_record(record *given) {
  if (!atomic_load_explicit(&given->is_captured, memory_order_relaxed))
    atomic_fetch_sub_explicit(&given->queued, 1, memory_order_release);
}

/* A record too many that stays is harmless, one that is used again under a capture is not: no answer is yes.
 */
static bool is_captured(const lazyi_device *device, lazy_driver_stream stream) {
  int status = LAZY_DRIVER_CAPTURE_NONE;
  return device->driver->stream_is_capturing != NULL &&
         (device->driver->stream_is_capturing(stream, &status) != LAZY_DRIVER_SUCCESS ||
          status != LAZY_DRIVER_CAPTURE_NONE);
}

/* The memory behind a device address: this provider belongs to the host device. */
static void *memory_at(uint64_t address) { return (void *)(uintptr_t)lazyi_host_untag(address); }

/* A few rows, or one column, are as many products of a matrix and a vector: read at memory speed, where the
   libraries' matrix product first rearranges the whole matrix (4096 x 4096 in f32, OpenBLAS 0.3.21: 3 ms a
   row against 13). */
enum { FEW_ROWS = 4 };
#define PRODUCT(type, gemm, gemv)                                                                       \
  static void product_##type(const cblas *blas, const lazyi_gemm *g) {                                  \
    const int a_rows = (int)(g->a_transposed ? g->k : g->m),                                            \
              a_columns = (int)(g->a_transposed ? g->m : g->k);                                         \
    const int b_rows = (int)(g->b_transposed ? g->n : g->k),                                            \
              b_columns = (int)(g->b_transposed ? g->k : g->n);                                         \
    const type alpha = (type)g->alpha, beta = (type)g->beta;                                            \
    for (int64_t i = 0; i < g->batch; i++) {                                                            \
      const type *a = (const type *)memory_at(g->a) + i * g->a_batch;                                   \
      const type *b = (const type *)memory_at(g->b) + i * g->b_batch;                                   \
      type *c = (type *)memory_at(g->c) + i * g->c_batch;                                               \
      if (blas->gemv != NULL && g->n == 1)                                                              \
        blas->gemv(ROW_MAJOR, g->a_transposed ? TRANS : NO_TRANS, a_rows, a_columns, alpha, a,          \
                   (int)g->a_row, b, g->b_transposed ? 1 : (int)g->b_row, beta, c, (int)g->c_row);      \
      else if (blas->gemv != NULL && g->m <= FEW_ROWS)                                                  \
        for (int64_t row = 0; row < g->m; row++)                                                        \
          blas->gemv(ROW_MAJOR, g->b_transposed ? NO_TRANS : TRANS, b_rows, b_columns, alpha, b,        \
                     (int)g->b_row, a + row * (g->a_transposed ? 1 : g->a_row),                         \
                     g->a_transposed ? (int)g->a_row : 1, beta, c + row * g->c_row, 1);                 \
      else                                                                                              \
        blas->gemm(ROW_MAJOR, g->a_transposed ? TRANS : NO_TRANS, g->b_transposed ? TRANS : NO_TRANS,   \
                   (int)g->m, (int)g->n, (int)g->k, alpha, a, (int)g->a_row, b, (int)g->b_row, beta, c, \
                   (int)g->c_row);                                                                      \
      if (g->bias == 0) continue;                                                                       \
      const type *bias = memory_at(g->bias);                                                            \
      for (int64_t row = 0; row < g->m; row++)                                                          \
        for (int64_t j = 0; j < g->n; j++) c[row * g->c_row + j] += bias[j];                            \
    }                                                                                                   \
  }
PRODUCT(float, sgemm, sgemv)
PRODUCT(double, dgemm, dgemv)

static void run(void *user) {
  record *queued = user;
  pthread_mutex_lock(&product_lock);
  if (queued->call.dtype == LAZY_DTYPE_F32) product_float(queued->owner, &queued->call);
  else product_double(queued->owner, &queued->call);
  pthread_mutex_unlock(&product_lock);
  give_record(queued);
}

/* CBLAS wants 32-bit sizes, and stored rows at least as long as they have elements. */
static bool fits(int64_t row, int64_t elements) { return row >= elements && row >= 1 && row <= INT_MAX; }

static bool serves(void *state, const lazyi_gemm *g) {
  (void)state;
  return (g->dtype == LAZY_DTYPE_F32 || g->dtype == LAZY_DTYPE_F64) && g->m <= INT_MAX && g->n <= INT_MAX &&
         g->k <= INT_MAX && fits(g->a_row, g->a_transposed ? g->m : g->k) &&
         fits(g->b_row, g->b_transposed ? g->k : g->n) && fits(g->c_row, g->n);
}

static lazy_status gemm(void *state, const lazyi_gemm *call, lazy_driver_stream stream) {
  cblas *blas = state;
  record *queued = take_record(blas, call, is_captured(blas->device, stream));
  LAZYI_TRY_ALLOC(queued);
  lazy_status status = LAZYI_DRIVER(blas->device, launch_host_func, stream, run, queued);
  if (status != LAZY_STATUS_OK) give_record(queued);
  return status;
}

static void close_library(void *state) {
  cblas *blas = state;
  for (int i = 0; i < BUCKETS; i++)
    while (blas->buckets[i] != NULL) {
      record *freed = blas->buckets[i];
      blas->buckets[i] = freed->next;
      lazyi_memory_free(freed);
    }
  pthread_mutex_destroy(&blas->records_lock);
  dlclose(blas->library);
  lazyi_memory_free(blas);
}

/* Looks `symbol` up; a function is not an object, so the pointer's bytes are copied. */
static void find(void *library, const char *symbol, void *out_function) {
  void *found = dlsym(library, symbol);
  memcpy(out_function, &found, sizeof found);
}

static bool open_named(cblas *blas, const char *name) {
  /* The library's threads outlive its handle: it stays in the process. */
  blas->library = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (blas->library == NULL) return false;
  find(blas->library, "cblas_sgemm", &blas->sgemm);
  find(blas->library, "cblas_dgemm", &blas->dgemm);
  find(blas->library, "cblas_sgemv", &blas->sgemv);
  find(blas->library, "cblas_dgemv", &blas->dgemv);
  if (blas->sgemm != NULL && blas->dgemm != NULL) {
    const char *slash = strrchr(name, '/');
    strncpy(blas->name, slash != NULL ? slash + 1 : name, sizeof blas->name - 1);
    return true;
  }
  dlclose(blas->library);
  return false;
}

lazy_status lazyi_cblas_open(const lazyi_device *device, bool *out_found, lazyi_blas_provider *out_provider) {
  static const char *const names[] = {"libopenblas.so.0", "libcblas.so.3", "libblas.so.3"};
  const char *chosen = getenv("LAZYRT_BLAS_LIBRARY");
  if (chosen != NULL && strcmp(chosen, "none") == 0) return *out_found = false, LAZY_STATUS_OK;
  cblas *blas = lazyi_memory_calloc(1, sizeof *blas);
  LAZYI_TRY_ALLOC(blas);
  blas->device = device;
  bool found = false;
  if (chosen != NULL && *chosen != '\0') {
    found = open_named(blas, chosen);
    if (!found) {
      lazyi_memory_free(blas);
      return lazy_status_fail(
          LAZY_STATUS_NOT_FOUND,
          "LAZYRT_BLAS_LIBRARY=%s: cannot be opened, or has no cblas_sgemm and cblas_dgemm", chosen);
    }
  }
  for (size_t i = 0; !found && i < sizeof names / sizeof *names; i++) found = open_named(blas, names[i]);
  if (!found) {
    lazyi_memory_free(blas);
    return *out_found = false, LAZY_STATUS_OK;
  }
  pthread_mutex_init(&blas->records_lock, NULL);
  *out_provider = (lazyi_blas_provider){blas, blas->name, serves, gemm, NULL, close_library};
  *out_found = true;
  return LAZY_STATUS_OK;
}
