/* A context's random state: seed and stream of the draws to come. */
#include "runtime/module/module.h"

void lazy_context_set_seed(lazy_context *context, uint64_t seed) { context->seed = seed; }

lazy_status lazy_context_set_stream(lazy_context *context, lazy_stream stream) {
  if ((unsigned)stream > LAZY_STREAM_TORCH_CPU_FMA)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "%d is no random stream", (int)stream);
  context->stream = stream;
  return LAZY_STATUS_OK;
}
