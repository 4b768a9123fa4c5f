/* Streams and events that lanes run on, and the one loop that submits a schedule to them. */
#ifndef LAZYI_SCHED_LANES_H
#define LAZYI_SCHED_LANES_H

#include <pthread.h>

#include "runtime/driver/device.h"
#include "runtime/sched/plan.h"

/* Non-blocking streams and untimed events of a context that nobody uses at the moment. Any thread. */
typedef struct lazyi_lane_pool {
  const lazyi_device *device; /* borrowed */
  pthread_mutex_t lock;
  LAZYI_VECTOR(lazy_driver_stream) streams;
  LAZYI_VECTOR(lazy_driver_event) events;
  size_t stream_total, event_total; /* made so far: the vectors have room for all */
} lazyi_lane_pool;
void lazyi_lane_pool_init(lazyi_lane_pool *pool, const lazyi_device *device);
/* Everything was given back. */
void lazyi_lane_pool_deinit(lazyi_lane_pool *pool);

/* What one graph holds of a pool. Zeroed holds nothing. */
typedef struct lazyi_lanes {
  lazyi_lane_pool *pool;
  lazy_driver_stream streams[LAZYI_SCHED_LANES]; /* 0 is a stream to capture on, the rest are lanes */
  LAZYI_VECTOR(lazy_driver_event) events;
} lazyi_lanes;

/* Takes what a schedule needs and what is not held yet; `captures` asks for streams[0] too. On failure what
   was held is held, perhaps more. */
LAZY_MUST_USE lazy_status lazyi_lanes_reserve(lazyi_lanes *lanes, lazyi_lane_pool *pool,
                                              const lazyi_schedule *schedule, bool captures);
/* Gives everything back. Work may still be queued on it. */
void lazyi_lanes_release(lazyi_lanes *lanes);

/* Launches node `node` on `stream`. */
typedef lazy_status (*lazyi_lanes_launch)(void *user, size_t node, lazy_driver_stream stream);

/* Queues all nodes in program order, on lane 0 = `base` and the others, which fork from `base` and join it:
   what is queued on `base` before comes first, what is queued after comes last. Allocates nothing, waits for
   nothing. The first failure ends it; what was queued is joined all the same. */
LAZY_MUST_USE lazy_status lazyi_lanes_submit(const lazyi_lanes *lanes, const lazyi_device *device,
                                             const lazyi_schedule *schedule, lazy_driver_stream base,
                                             lazyi_lanes_launch launch, void *user);

#endif
