#include "runtime/tensor/core.h"

#include <string.h>

static void init_locks(lazyi_core *core) {
  pthread_mutexattr_t recursive;
  (void)pthread_mutexattr_init(&recursive);
  (void)pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
  (void)pthread_mutex_init(&core->first_forward, &recursive);
  (void)pthread_mutexattr_destroy(&recursive);
  (void)pthread_mutex_init(&core->order_lock, NULL);
}

/* With the context current. What was made so far is unmade on failure, last first. */
static lazy_status furnish(lazyi_core *core) {
  const lazy_driver *driver = core->device.driver;
  lazy_status status = lazyi_launcher_init(&core->device, &core->launcher);
  if (status != LAZY_STATUS_OK) return status;
  status = LAZYI_DRIVER(&core->device, stream_create, &core->stream, LAZY_DRIVER_STREAM_NON_BLOCKING);
  if (status != LAZY_STATUS_OK) goto no_stream;
  status = LAZYI_DRIVER(&core->device, event_create, &core->order_event, LAZY_DRIVER_EVENT_DISABLE_TIMING);
  if (status != LAZY_STATUS_OK) goto no_event;
  status = lazyi_staging_init(&core->device, 0, 0, &core->staging);
  if (status != LAZY_STATUS_OK) goto no_staging;
  status = lazyi_arena_init(&core->device, core->stream, 0, &core->arena);
  if (status != LAZY_STATUS_OK) goto no_arena;
  lazyi_lane_pool_init(&core->lanes, &core->device);
  return LAZY_STATUS_OK;

no_arena:
  lazyi_staging_deinit(&core->staging);
no_staging:
  (void)driver->event_destroy(core->order_event);
no_event:
  (void)driver->stream_destroy(core->stream);
no_stream:
  lazyi_launcher_deinit(&core->launcher);
  return status;
}

static lazy_status open_core(const char *spelling, lazyi_core **out_core) {
  lazyi_core *core = lazyi_memory_calloc(1, sizeof *core);
  LAZYI_TRY_ALLOC(core);
  atomic_init(&core->references, 1);
  lazy_status status = lazyi_device_open(spelling, &core->device);
  if (status != LAZY_STATUS_OK) {
    lazyi_memory_free(core);
    return status;
  }
  status = lazyi_device_enter(&core->device);
  if (status == LAZY_STATUS_OK) {
    status = furnish(core);
    lazyi_device_leave(&core->device);
  }
  if (status != LAZY_STATUS_OK) {
    lazyi_device_close(&core->device);
    lazyi_memory_free(core);
    return status;
  }
  init_locks(core);
  *out_core = core;
  return LAZY_STATUS_OK;
}

/* A GPU that opens may still be of no use: no kernels for it in this build, no memory left on it. */
lazy_status lazyi_core_open(const char *spelling, lazyi_core **out_core) {
  if (spelling == NULL || strcmp(spelling, "auto") != 0) return open_core(spelling, out_core);
  if (open_core("cuda:0", out_core) == LAZY_STATUS_OK) return LAZY_STATUS_OK;
  return open_core("host", out_core); /* what stood against the GPU stays this thread's message */
}

lazyi_core *lazyi_core_retain(lazyi_core *core) {
  atomic_fetch_add_explicit(&core->references, 1, memory_order_relaxed);
  return core;
}

void lazyi_core_release(lazyi_core *core) {
  if (core == NULL || atomic_fetch_sub_explicit(&core->references, 1, memory_order_acq_rel) != 1) return;
  const lazy_driver *driver = core->device.driver;
  bool entered = lazyi_device_enter(&core->device) == LAZY_STATUS_OK;
  lazyi_arena_deinit(&core->arena); /* waits for the stream */
  lazyi_blas_destroy(core->blas);
  lazyi_lane_pool_deinit(&core->lanes);
  lazyi_staging_deinit(&core->staging);
  (void)driver->event_destroy(core->order_event);
  (void)driver->stream_destroy(core->stream);
  lazyi_launcher_deinit(&core->launcher);
  if (entered) lazyi_device_leave(&core->device);
  lazyi_device_close(&core->device);
  (void)pthread_mutex_destroy(&core->first_forward);
  (void)pthread_mutex_destroy(&core->order_lock);
  lazyi_memory_free(core);
}

lazy_status lazyi_core_open_blas(lazyi_core *core) {
  (void)pthread_mutex_lock(&core->order_lock);
  lazy_status status = LAZY_STATUS_OK;
  if (core->blas == NULL) {
    status = lazyi_core_enter(core);
    if (status == LAZY_STATUS_OK) {
      lazyi_blas *blas = NULL;
      status = lazyi_blas_create(&core->launcher, &blas);
      if (status == LAZY_STATUS_OK) core->blas = blas; /* whole: others look at it without the lock */
      lazyi_core_leave(core);
    }
  }
  (void)pthread_mutex_unlock(&core->order_lock);
  return status;
}

/* A wait takes the event's last record at the moment of the call, so one event serves every pair. */
lazy_status lazyi_core_order(lazyi_core *core, lazy_driver_stream first, lazy_driver_stream then) {
  if (first == then) return LAZY_STATUS_OK;
  (void)pthread_mutex_lock(&core->order_lock);
  lazy_status status = LAZYI_DRIVER(&core->device, event_record, core->order_event, first);
  if (status == LAZY_STATUS_OK)
    status = LAZYI_DRIVER(&core->device, stream_wait_event, then, core->order_event, 0);
  /* The caller gives up, and with it memory that `first` may still be using. */
  if (status != LAZY_STATUS_OK) (void)core->device.driver->stream_synchronize(first);
  (void)pthread_mutex_unlock(&core->order_lock);
  return status;
}
