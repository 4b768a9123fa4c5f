/* A library with cuBLAS's ABI in cuBLAS's place: it refuses whatever cuBLAS would refuse, multiplies
   column-major matrices with loops in double, in stream order, and spoils the workspace it was given while it
   does so. Built as a module; a test tells it which driver's streams it is on. */
#include "tests/fake_cublas.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/driver/host_tag.h"
#include "tests/number_reference.h"

enum { OK = 0, NOT_INITIALIZED = 1, ALLOC_FAILED = 3, INVALID_VALUE = 7, NOT_SUPPORTED = 15 };
enum { R_32F = 0, R_64F = 1, R_16F = 2, R_16BF = 14, COMPUTE_32F = 68, COMPUTE_64F = 70 };
enum { MAGIC = 0x63756273 };

typedef struct product product;

typedef struct handle {
  int magic;
  product *products; /* kept to the end: a captured one may run again */
  lazy_driver_stream stream;
  char *workspace; /* of the current stream; NULL: cuBLAS's own pool, which nothing may use */
  size_t workspace_bytes;
  int math_mode;
} handle;

struct product {
  int a_op, b_op, m, n, k, a_row, b_row, c_row, type, batch;
  long long a_step, b_step, c_step;
  double alpha, beta;
  const char *a, *b;
  char *c, *workspace;
  size_t workspace_bytes;
  lazy_driver_stream stream;
  product *next;
};

static void free_products(product *first) {
  while (first != NULL) {
    product *freed = first;
    first = freed->next;
    free(freed);
  }
}

LAZY_API fake_cublas fake_cublas_state;
fake_cublas fake_cublas_state;

LAZY_API int cublasCreate_v2(handle **out_handle);
LAZY_API int cublasDestroy_v2(handle *used);
LAZY_API int cublasGetVersion_v2(handle *used, int *out_version);
LAZY_API int cublasSetStream_v2(handle *used, lazy_driver_stream stream);
LAZY_API int cublasSetWorkspace_v2(handle *used, void *workspace, size_t bytes);
LAZY_API int cublasSetMathMode(handle *used, int mode);
LAZY_API int cublasGemmEx(handle *used, int a_op, int b_op, int m, int n, int k, const void *alpha,
                          const void *a, int a_type, int a_row, const void *b, int b_type, int b_row,
                          const void *beta, void *c, int c_type, int c_row, int compute_type, int algorithm);
LAZY_API int cublasGemmStridedBatchedEx(handle *used, int a_op, int b_op, int m, int n, int k,
                                        const void *alpha, const void *a, int a_type, int a_row,
                                        long long a_step, const void *b, int b_type, int b_row,
                                        long long b_step, const void *beta, void *c, int c_type, int c_row,
                                        long long c_step, int batch, int compute_type, int algorithm);

/* Without a driver there is no GPU: what cuBLAS says then. */
int cublasCreate_v2(handle **out_handle) {
  if (fake_cublas_state.launch_host_func == NULL) return NOT_INITIALIZED;
  *out_handle = calloc(1, sizeof **out_handle);
  if (*out_handle == NULL) return ALLOC_FAILED;
  (*out_handle)->magic = MAGIC;
  fake_cublas_state.live_handles++;
  return OK;
}

static int is_valid(const handle *used) { return used != NULL && used->magic == MAGIC; }

int cublasDestroy_v2(handle *used) {
  if (!is_valid(used)) return NOT_INITIALIZED;
  used->magic = 0;
  free_products(used->products);
  free(used);
  fake_cublas_state.live_handles--;
  return OK;
}

int cublasGetVersion_v2(handle *used, int *out_version) {
  if (!is_valid(used)) return NOT_INITIALIZED;
  return *out_version = 130102, OK;
}

/* Goes back to the library's own pool, as cuBLAS documents. */
int cublasSetStream_v2(handle *used, lazy_driver_stream stream) {
  if (!is_valid(used)) return NOT_INITIALIZED;
  used->stream = stream;
  used->workspace = NULL, used->workspace_bytes = 0;
  return OK;
}

int cublasSetWorkspace_v2(handle *used, void *workspace, size_t bytes) {
  if (!is_valid(used)) return NOT_INITIALIZED;
  if ((uintptr_t)workspace % 256 != 0 || (workspace == NULL && bytes != 0)) return INVALID_VALUE;
  used->workspace = workspace, used->workspace_bytes = bytes;
  return OK;
}

int cublasSetMathMode(handle *used, int mode) {
  if (!is_valid(used)) return NOT_INITIALIZED;
  fake_cublas_state.math_mode = used->math_mode = mode;
  return OK;
}

/* ---- the product ---- */

static double get(const char *at, int type, long long i) {
  uint16_t bits;
  switch (type) {
    case R_64F: return ((const double *)(const void *)at)[i];
    case R_32F: return ((const float *)(const void *)at)[i];
    default:
      memcpy(&bits, at + 2 * i, 2);
      return type == R_16F ? reference_value(bits, 5, 10) : reference_value(bits, 8, 7);
  }
}
static void put(char *at, int type, long long i, double value) {
  uint16_t bits;
  switch (type) {
    case R_64F: ((double *)(void *)at)[i] = value; break;
    case R_32F: ((float *)(void *)at)[i] = (float)value; break;
    default:
      bits = type == R_16F ? reference_round(value, 5, 10) : reference_round(value, 8, 7);
      memcpy(at + 2 * i, &bits, 2);
  }
}
/* The memory behind a device address. */
static char *behind(const void *address) { return (char *)(uintptr_t)lazyi_host_untag((uintptr_t)address); }

/* Column by column: between them nothing is written. */
static void tell(const product *p) {
  const size_t bytes = p->type == R_64F ? 8 : p->type == R_32F ? 4 : 2;
  if (fake_cublas_state.wrote == NULL || p->m == 0) return;
  for (int z = 0; z < p->batch; z++)
    for (int j = 0; j < p->n; j++)
      fake_cublas_state.wrote((uintptr_t)p->c + (size_t)(z * p->c_step + (long long)j * p->c_row) * bytes,
                              (size_t)p->m * bytes);
}

static void run(void *user) {
  const product *p = user;
  const char *a = behind(p->a), *b = behind(p->b);
  char *c = behind(p->c);
  memset(behind(p->workspace), 0xFF, p->workspace_bytes);
  for (int z = 0; z < p->batch; z++)
    for (int j = 0; j < p->n; j++)
      for (int i = 0; i < p->m; i++) {
        double sum = 0;
        for (int l = 0; l < p->k; l++)
          sum += get(a, p->type,
                     z * p->a_step + (p->a_op ? l + (long long)i * p->a_row : i + (long long)l * p->a_row)) *
                 get(b, p->type,
                     z * p->b_step + (p->b_op ? j + (long long)l * p->b_row : l + (long long)j * p->b_row));
        const long long at = z * p->c_step + i + (long long)j * p->c_row;
        sum *= p->alpha;
        if (p->beta != 0) sum += p->beta * get(c, p->type, at);
        put(c, p->type, at, sum);
      }
  tell(p);
}

/* Streams may run at one time, so each wants a workspace of its own. */
static void look_at_workspace(const product *first, const product *p) {
  int is_new = 1, is_shared = 0;
  for (; first != NULL; first = first->next) {
    if (first->stream == p->stream) is_new = 0;
    else if (first->workspace < p->workspace + p->workspace_bytes &&
             p->workspace < first->workspace + first->workspace_bytes)
      is_shared = 1;
  }
  fake_cublas_state.streams += is_new;
  fake_cublas_state.shared_workspaces += is_shared;
}

static int least_row(int rows) { return rows > 1 ? rows : 1; }

static int multiply(handle *used, product p, const void *alpha, const void *beta, int b_type, int c_type,
                    int compute_type, int algorithm) {
  if (!is_valid(used)) return NOT_INITIALIZED;
  if (fake_cublas_state.refuse != 0) {
    int status = fake_cublas_state.refuse;
    return fake_cublas_state.refuse = 0, status;
  }
  if (p.m < 0 || p.n < 0 || p.k < 0 || p.batch < 0 || alpha == NULL || beta == NULL) return INVALID_VALUE;
  if (p.a_op < 0 || p.a_op > 1 || p.b_op < 0 || p.b_op > 1 || algorithm != -1) return INVALID_VALUE;
  if (p.a_row < least_row(p.a_op ? p.k : p.m) || p.b_row < least_row(p.b_op ? p.n : p.k) ||
      p.c_row < least_row(p.m))
    return INVALID_VALUE;
  if (p.batch > 1 && (p.a_step < 0 || p.b_step < 0 || p.c_step < (long long)p.c_row * p.n))
    return INVALID_VALUE;
  if (p.type != b_type || p.type != c_type) return NOT_SUPPORTED;
  if (p.type == R_64F ? compute_type != COMPUTE_64F : compute_type != COMPUTE_32F) return NOT_SUPPORTED;
  if (p.type != R_64F && p.type != R_32F && p.type != R_16F && p.type != R_16BF) return NOT_SUPPORTED;
  if ((used->math_mode & 15) != 0) return NOT_SUPPORTED; /* nobody asked for TF32 or emulation */
  if (used->workspace == NULL || used->workspace_bytes < 16384) return ALLOC_FAILED;
  p.alpha = p.type == R_64F ? *(const double *)alpha : *(const float *)alpha;
  p.beta = p.type == R_64F ? *(const double *)beta : *(const float *)beta;
  p.workspace = used->workspace, p.workspace_bytes = used->workspace_bytes, p.stream = used->stream;
  look_at_workspace(used->products, &p);
  product *queued = malloc(sizeof *queued);
  if (queued == NULL) return ALLOC_FAILED;
  *queued = p;
  queued->next = used->products;
  used->products = queued;
  return fake_cublas_state.launch_host_func(used->stream, run, queued) == 0 ? OK : 13;
}

int cublasGemmEx(handle *used, int a_op, int b_op, int m, int n, int k, const void *alpha, const void *a,
                 int a_type, int a_row, const void *b, int b_type, int b_row, const void *beta, void *c,
                 int c_type, int c_row, int compute_type, int algorithm) {
  fake_cublas_state.products++;
  const product p = {a_op, b_op, m, n, k, a_row, b_row, c_row, a_type, 1, .a = a, .b = b, .c = c};
  return multiply(used, p, alpha, beta, b_type, c_type, compute_type, algorithm);
}

int cublasGemmStridedBatchedEx(handle *used, int a_op, int b_op, int m, int n, int k, const void *alpha,
                               const void *a, int a_type, int a_row, long long a_step, const void *b,
                               int b_type, int b_row, long long b_step, const void *beta, void *c, int c_type,
                               int c_row, long long c_step, int batch, int compute_type, int algorithm) {
  fake_cublas_state.batched_products++;
  const product p = {a_op,   b_op,  m,      n,      k,      a_row,  b_row,  c_row,
                     a_type, batch, a_step, b_step, c_step, .a = a, .b = b, .c = c};
  return multiply(used, p, alpha, beta, b_type, c_type, compute_type, algorithm);
}
