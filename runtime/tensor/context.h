/* Inside of lazy_context. The upper layers keep their state of a context here, behind pointers that only they
 * follow. */
#ifndef LAZYI_TENSOR_CONTEXT_H
#define LAZYI_TENSOR_CONTEXT_H

#include <lazyrt/context.h>

#include "runtime/tensor/core.h"

struct lazyi_queue;
struct lazyi_hooks;
struct lazyi_torch_generator;
struct lazyi_shape_infer;
struct lazy_graph;

struct lazy_context {
  lazyi_core *core; /* held */
  atomic_uint references;
  lazy_dtype default_dtype;
  lazy_stream stream;
  uint64_t seed;
  struct lazyi_torch_generator *torch; /* owned; of the torch streams, made on first use */
  void (*warn)(void *user, const char *message);
  void *warn_user;
  struct lazyi_shape_infer *infer;    /* owned; under the first-forward lock, made on first use */
  atomic_uint_least64_t next_ordinal; /* of modules, in order of construction */
  atomic_uint_least64_t next_hook;
  pthread_mutex_t lock;                            /* guards what follows */
  struct lazyi_hooks *global_hooks;                /* owned; NULL = none */
  LAZYI_VECTOR(const struct lazy_class *) classes; /* registered, borrowed */
  struct lazyi_queue *queue;                       /* owned; shaped parameters waiting for their draw */
  struct lazy_graph
      *spare_graph; /* owned: one that was destroyed, for the memory of its recording; or NULL */
  void (*destroy_spare_graph)(struct lazy_graph *graph); /* set with it */
  uint64_t parameter_bytes, activation_bytes, workspace_bytes;
};

lazy_context *lazyi_context_retain(lazy_context *context);
void lazyi_context_release(lazy_context *context);
/* Gives back the `count` ordinals from `first` on, of modules whose making failed, so that the next try names
   its modules, and with them its keyed values, as this one would have; unless others were taken since. */
void lazyi_context_return_ordinals(lazy_context *context, uint64_t first, uint64_t count);

#endif
