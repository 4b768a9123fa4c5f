#include <stdio.h>
#include <string.h>

#include "runtime/module/hooks.h"
#include "runtime/module/queue.h"
#include "runtime/shape/table.h"

lazy_context *lazyi_context_retain(lazy_context *context) {
  atomic_fetch_add_explicit(&context->references, 1, memory_order_relaxed);
  return context;
}

/* Launches that still read its memory come before what is on the context's stream. */
static void close_infer(lazy_context *context) {
  if (context->infer == NULL) return;
  bool entered = lazyi_core_enter(context->core) == LAZY_STATUS_OK;
  if (entered) (void)context->core->device.driver->stream_synchronize(context->core->stream);
  lazyi_shape_infer_destroy(context->infer);
  if (entered) lazyi_core_leave(context->core);
}

void lazyi_context_release(lazy_context *context) {
  if (atomic_fetch_sub_explicit(&context->references, 1, memory_order_acq_rel) != 1) return;
  if (context->spare_graph != NULL) context->destroy_spare_graph(context->spare_graph);
  close_infer(context);
  lazyi_queue_destroy(context->queue);
  lazyi_hooks_destroy(context->global_hooks);
  lazyi_vector_deinit(&context->classes);
  lazyi_memory_free(context->torch);
  lazyi_core_release(context->core);
  (void)pthread_mutex_destroy(&context->lock);
  lazyi_memory_free(context);
}

void lazyi_context_return_ordinals(lazy_context *context, uint64_t first, uint64_t count) {
  uint64_t next = first + count;
  (void)atomic_compare_exchange_strong(&context->next_ordinal, &next, first);
}

static lazy_status check_default_dtype(lazy_dtype dtype) {
  if (lazy_dtype_is_float(dtype)) return LAZY_STATUS_OK;
  return lazy_status_fail(LAZY_STATUS_INVALID_TYPE, "the default dtype must be a floating one, found %s",
                          lazy_dtype_name(dtype));
}

static lazy_status check_stream(lazy_stream stream) {
  if ((unsigned)stream <= LAZY_STREAM_TORCH_CPU_FMA) return LAZY_STATUS_OK;
  return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "%d is no random stream", (int)stream);
}

/* Nobody should compute on the CPU without knowing why. The reason is this thread's message still. */
static void warn_of_host(const lazy_context *context) {
  char words[1024];
  if (context->warn == NULL) return;
  (void)snprintf(words, sizeof words, "device \"auto\" is the host, as the GPU cannot be used: %s",
                 lazy_status_message());
  context->warn(context->warn_user, words);
}

lazy_status lazy_context_open(const char *device, const lazy_context_options *options,
                              lazy_context **out_context) {
  static const lazy_context_options defaults = {.struct_size = sizeof(lazy_context_options)};
  if (options == NULL) options = &defaults;
  lazy_dtype dtype = options->default_dtype != LAZY_DTYPE_DEFAULT ? options->default_dtype : LAZY_DTYPE_F32;
  LAZY_TRY(check_default_dtype(dtype));
  LAZY_TRY(check_stream(options->stream));
  lazy_context *context = lazyi_memory_calloc(1, sizeof *context);
  LAZYI_TRY_ALLOC(context);
  lazy_status status = lazyi_core_open(device, &context->core);
  if (status != LAZY_STATUS_OK) {
    lazyi_memory_free(context);
    return status;
  }
  atomic_init(&context->references, 1);
  (void)pthread_mutex_init(&context->lock, NULL);
  context->default_dtype = dtype;
  context->stream = options->stream;
  context->seed = options->seed;
  context->warn = options->warn;
  context->warn_user = options->warn_user;
  if (strcmp(device, "auto") == 0 && context->core->device.is_host) warn_of_host(context);
  *out_context = context;
  return LAZY_STATUS_OK;
}

void lazy_context_close(lazy_context *context) {
  if (context != NULL) lazyi_context_release(context);
}

const char *lazy_context_device_name(const lazy_context *context) { return context->core->device.name; }

lazy_status lazy_context_set_default_dtype(lazy_context *context, lazy_dtype dtype) {
  LAZY_TRY(check_default_dtype(dtype));
  context->default_dtype = dtype;
  return LAZY_STATUS_OK;
}

lazy_status lazy_context_register_class(lazy_context *context, const lazy_class *type) {
  if (type == NULL || type->struct_size == 0 || type->name == NULL)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE,
                            "a class without struct_size or name; start it with LAZY_CLASS");
  pthread_mutex_lock(&context->lock);
  lazy_status status = LAZY_STATUS_OK;
  for (size_t i = 0; i < context->classes.count && status == LAZY_STATUS_OK; i++)
    if (strcmp(context->classes.at[i]->name, type->name) == 0)
      status = lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "a class '%s' is registered already", type->name);
  if (status == LAZY_STATUS_OK) status = lazyi_vector_push(&context->classes, type);
  pthread_mutex_unlock(&context->lock);
  return status;
}

void lazy_context_get_statistics(lazy_context *context, lazy_context_statistics *out_statistics) {
  lazyi_arena_statistics arena = lazyi_arena_read_statistics(&context->core->arena);
  size_t struct_size = out_statistics->struct_size;
  pthread_mutex_lock(&context->lock);
  lazy_context_statistics all = {
      .struct_size = struct_size,
      .parameter_bytes = context->parameter_bytes,
      .activation_bytes = context->activation_bytes,
      .workspace_bytes = context->workspace_bytes,
      .device_bytes = arena.reserved_bytes,
      .device_peak_bytes = arena.peak_reserved_bytes,
      .driver_allocations = arena.driver_alloc_count,
  };
  pthread_mutex_unlock(&context->lock);
  memcpy(out_statistics, &all, struct_size < sizeof all ? struct_size : sizeof all);
}

static void drop_spare_graph(lazy_context *context) {
  pthread_mutex_lock(&context->lock);
  struct lazy_graph *spare = context->spare_graph;
  context->spare_graph = NULL;
  pthread_mutex_unlock(&context->lock);
  if (spare != NULL) context->destroy_spare_graph(spare);
}

lazy_status lazy_context_trim(lazy_context *context) {
  drop_spare_graph(context);
  LAZY_TRY(lazyi_core_enter(context->core));
  lazy_status status = lazyi_arena_trim(&context->core->arena);
  if (status == LAZY_STATUS_OK) lazyi_staging_trim(&context->core->staging);
  lazyi_core_leave(context->core);
  return status;
}
