/* What computing on one opened device takes: device, kernels, memory, staging, the context's stream.

   Shared: the context holds it, and so does everything that owns device memory, which thereby outlives the
   context's close. */
#ifndef LAZYI_TENSOR_CORE_H
#define LAZYI_TENSOR_CORE_H

#include <stdatomic.h>

#include "runtime/blas/blas.h"
#include "runtime/memory/arena.h"
#include "runtime/memory/staging.h"
#include "runtime/sched/lanes.h"

typedef struct lazyi_core {
  lazyi_device device;
  lazyi_launcher launcher;
  lazyi_arena arena;
  lazyi_staging staging;
  lazyi_lane_pool lanes;
  lazy_driver_stream stream;     /* non-blocking; the arena's home; arrays' work is queued on it */
  pthread_mutex_t first_forward; /* serialises first forwards on the device; re-entrant on its thread */
  pthread_mutex_t order_lock;
  lazy_driver_event order_event;
  _Atomic(lazyi_blas *) blas; /* NULL until something multiplies: its library is opened on first use */
  atomic_uint references;
} lazyi_core;

/* Opens a device as lazyi_device_open spells it. Leaves the caller's current context as it was. */
LAZY_MUST_USE lazy_status lazyi_core_open(const char *spelling, lazyi_core **out_core);
lazyi_core *lazyi_core_retain(lazyi_core *core);
/* The last one waits for the device and closes it. */
void lazyi_core_release(lazyi_core *core);

/* Every public entry that calls the driver is bracketed by these. */
LAZY_MUST_USE static inline lazy_status lazyi_core_enter(const lazyi_core *core) {
  return lazyi_device_enter(&core->device);
}
static inline void lazyi_core_leave(const lazyi_core *core) { lazyi_device_leave(&core->device); }

/* Opens what multiplies matrices, if it is not open yet: before a plan that may use `core->blas` runs. */
LAZY_MUST_USE lazy_status lazyi_core_open_blas(lazyi_core *core);

/* What comes next on `then` starts after what is queued on `first` so far. Between the context's stream and a
   graph's, on both ends of a run. Nothing if they are the same stream. */
LAZY_MUST_USE lazy_status lazyi_core_order(lazyi_core *core, lazy_driver_stream first,
                                           lazy_driver_stream then);

#endif
