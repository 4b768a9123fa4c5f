/* A context: one device, the defaults and generators of everything made in it. No process-wide state. */
#ifndef LAZYRT_CONTEXT_H
#define LAZYRT_CONTEXT_H

#include <lazyrt/init.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lazy_context lazy_context;
struct lazy_class;

typedef struct lazy_context_options {
  size_t struct_size;
  lazy_dtype default_dtype; /* DEFAULT = f32 */
  lazy_stream stream;
  uint64_t seed;
  /* Called for what PyTorch warns of; NULL drops warnings. Must not call back into the context. */
  void (*warn)(void *user, const char *message);
  void *warn_user;
} lazy_context_options;

/* Opens a device: "host" (this CPU), "cuda" or "cuda:N" (a GPU), "auto" (cuda:0 if it can be used, else
   host; why it is host is told to `warn`, and is this thread's lazy_status_message()). Errors: INVALID_VALUE
   for another spelling, NO_DEVICE with the reason and what would help. */
LAZY_CHECKED lazy_status lazy_context_open(const char *device, const lazy_context_options *options,
                                           lazy_context **out_context);
/* Drops the caller's hold. Arrays, modules and graphs keep the device until the last of them is released. */
LAZY_API void lazy_context_close(lazy_context *context);

/* "host (AMD EPYC, x86-64-v4, 2 workers)", "cuda:0 (NVIDIA H200)"; owned by the context. */
LAZY_API const char *lazy_context_device_name(const lazy_context *context);

/* Sets the seed of later initialisations and restarts the torch streams: torch.manual_seed. */
LAZY_API void lazy_context_set_seed(lazy_context *context, uint64_t seed);
LAZY_CHECKED lazy_status lazy_context_set_stream(lazy_context *context, lazy_stream stream);
/* Dtype of parameters made later without one; must be a float: torch.set_default_dtype. */
LAZY_CHECKED lazy_status lazy_context_set_default_dtype(lazy_context *context, lazy_dtype dtype);

/* Makes a class known to lazy_module_parse under its name; a name known already is INVALID_VALUE. The class
   is borrowed and must outlive the context. */
LAZY_CHECKED lazy_status lazy_context_register_class(lazy_context *context, const struct lazy_class *type);

typedef struct lazy_context_statistics {
  size_t struct_size;
  uint64_t parameter_bytes, activation_bytes, workspace_bytes; /* in use now */
  uint64_t device_bytes, device_peak_bytes;                    /* taken from the driver, caches included */
  uint64_t driver_allocations;                                 /* since the context was opened */
} lazy_context_statistics;
LAZY_API void lazy_context_get_statistics(lazy_context *context, lazy_context_statistics *out_statistics);
/* Gives cached device memory back to the driver. */
LAZY_CHECKED lazy_status lazy_context_trim(lazy_context *context);

#ifdef __cplusplus
}
#endif
#endif
