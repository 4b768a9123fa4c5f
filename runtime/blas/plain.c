/* Products by the project's own kernel. */
#include "runtime/blas/provider.h"
#include "runtime/launch/ops.h"

static bool serves(void *state, const lazyi_gemm *call) {
  (void)state, (void)call;
  return true;
}

static lazy_status gemm(void *state, const lazyi_gemm *call, lazy_driver_stream stream) {
  const struct lazy_k_gemm_params params = {
      .a = call->a,
      .b = call->b,
      .c = call->c,
      .bias = call->bias,
      .m = call->m,
      .n = call->n,
      .k = call->k,
      .batch = call->batch,
      .a_row = call->a_row,
      .b_row = call->b_row,
      .c_row = call->c_row,
      .a_batch = call->a_batch,
      .b_batch = call->b_batch,
      .c_batch = call->c_batch,
      .alpha = call->alpha,
      .beta = call->beta,
      .a_transposed = call->a_transposed,
      .b_transposed = call->b_transposed,
      .dtype = (uint8_t)call->dtype,
  };
  return lazyi_launch_gemm(state, &params, stream);
}

static void close_nothing(void *state) { (void)state; }

lazyi_blas_provider lazyi_plain_provider(const lazyi_launcher *launcher) {
  return (lazyi_blas_provider){(void *)(uintptr_t)launcher, "plain", serves, gemm, NULL, close_nothing};
}
