/* Matrix products behind one entry, done by the best provider of the device: a CBLAS library on the host
   device, cuBLAS on a GPU, the project's own kernel everywhere else and for what the library does not do. */
#ifndef LAZYI_BLAS_BLAS_H
#define LAZYI_BLAS_BLAS_H

#include "runtime/launch/launch.h"

typedef struct lazyi_blas lazyi_blas;

/* c = alpha op(a) op(b) + beta c [+ bias], row-major, `batch` times; op(a) is m x k, op(b) k x n. */
typedef struct lazyi_gemm {
  uint64_t a, b, c; /* device addresses */
  uint64_t bias;    /* n elements added to every row of the result, or 0 */
  int64_t m, n, k;
  int64_t a_row, b_row, c_row;       /* elements from one stored row to the next */
  int64_t batch;                     /* at least 0 */
  int64_t a_batch, b_batch, c_batch; /* elements from one matrix to the next; 0 repeats (not for c) */
  double alpha, beta;                /* with beta 0, c is not read */
  lazy_dtype dtype;                  /* f64, f32, f16 or bf16; sums in f64 or f32 */
  bool a_transposed, b_transposed;   /* as stored */
  uint64_t workspace;                /* device address, a multiple of 256, or 0 */
  size_t workspace_bytes;            /* that the call may use there until it is done */
} lazyi_gemm;

/* Opens what serves the launcher's device. On the host device: LAZYRT_BLAS_LIBRARY (a path; "none" for no
   library), else libopenblas.so.0, libcblas.so.3, libblas.so.3. On a GPU: LAZYRT_CUBLAS_LIBRARY likewise,
   else libcublas.so.13, libcublas.so.12. None found is no error. The launcher is borrowed. The device's
   context is current, here and below. */
LAZY_MUST_USE lazy_status lazyi_blas_create(const lazyi_launcher *launcher, lazyi_blas **out_blas);
/* Products still queued must have finished. NULL is ignored. */
void lazyi_blas_destroy(lazyi_blas *blas);

/* "libopenblas.so.0", "libcublas.so.13 (13.0.2)", "plain"; for messages and reports. */
const char *lazyi_blas_name(const lazyi_blas *blas);

/* What the call would have as its workspace; its addresses may be 0 still. NULL, not open yet: 0. With less
   it is done by the plain kernel. Two calls that may run at one time need one each. */
size_t lazyi_blas_workspace_bytes(const lazyi_blas *blas, const lazyi_gemm *call);

/* Queues the product on `stream`. After the first calls of a pattern nothing is allocated. Any thread; at
   most one library product runs at a time in the process, with the threads that the library was set to. */
LAZY_MUST_USE lazy_status lazyi_blas_gemm(lazyi_blas *blas, const lazyi_gemm *call,
                                          lazy_driver_stream stream);

#endif
