/* A context's random state: seed and stream of the draws to come. */
#include "runtime/module/random.h"

#include "runtime/base/memory.h"

lazy_status lazyi_random_generator(lazy_context *context, lazyi_torch_generator **out_generator) {
  if (context->torch == NULL) {
    context->torch = lazyi_memory_alloc(sizeof *context->torch);
    LAZYI_TRY_ALLOC(context->torch);
    lazyi_torch_seed(context->torch, context->seed);
  }
  *out_generator = context->torch;
  return LAZY_STATUS_OK;
}

void lazy_context_set_seed(lazy_context *context, uint64_t seed) {
  pthread_mutex_lock(&context->core->first_forward);
  context->seed = seed;
  if (context->torch != NULL) lazyi_torch_seed(context->torch, seed);
  pthread_mutex_unlock(&context->core->first_forward);
}

lazy_status lazy_context_set_stream(lazy_context *context, lazy_stream stream) {
  if ((unsigned)stream > LAZY_STREAM_TORCH_CPU_FMA)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "%d is no random stream", (int)stream);
  context->stream = stream;
  return LAZY_STATUS_OK;
}
