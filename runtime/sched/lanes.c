#include "runtime/sched/lanes.h"

/* ---- the pool ---- */

void lazyi_lane_pool_init(lazyi_lane_pool *pool, const lazyi_device *device) {
  *pool = (lazyi_lane_pool){.device = device};
  (void)pthread_mutex_init(&pool->lock, NULL);
}

void lazyi_lane_pool_deinit(lazyi_lane_pool *pool) {
  if (pool->device == NULL) return;
  for (size_t i = 0; i < pool->streams.count; i++)
    (void)pool->device->driver->stream_destroy(pool->streams.at[i]);
  for (size_t i = 0; i < pool->events.count; i++)
    (void)pool->device->driver->event_destroy(pool->events.at[i]);
  lazyi_vector_deinit(&pool->streams);
  lazyi_vector_deinit(&pool->events);
  (void)pthread_mutex_destroy(&pool->lock);
  pool->device = NULL;
}

/* Room to take a thing back is made before there is one more. */
static lazy_status take_stream(lazyi_lane_pool *pool, lazy_driver_stream *out_stream) {
  if (pool->streams.count > 0) return *out_stream = pool->streams.at[--pool->streams.count], LAZY_STATUS_OK;
  LAZY_TRY(lazyi_vector_reserve(&pool->streams, pool->stream_total + 1));
  LAZY_TRY(LAZYI_DRIVER(pool->device, stream_create, out_stream, LAZY_DRIVER_STREAM_NON_BLOCKING));
  pool->stream_total++;
  return LAZY_STATUS_OK;
}

static lazy_status take_event(lazyi_lane_pool *pool, lazy_driver_event *out_event) {
  if (pool->events.count > 0) return *out_event = pool->events.at[--pool->events.count], LAZY_STATUS_OK;
  LAZY_TRY(lazyi_vector_reserve(&pool->events, pool->event_total + 1));
  LAZY_TRY(LAZYI_DRIVER(pool->device, event_create, out_event, LAZY_DRIVER_EVENT_DISABLE_TIMING));
  pool->event_total++;
  return LAZY_STATUS_OK;
}

/* ---- what a graph holds ---- */

static lazy_status take_missing(lazyi_lanes *lanes, const lazyi_schedule *schedule, bool captures) {
  for (int i = captures ? 0 : 1; i < schedule->lane_count; i++)
    if (lanes->streams[i] == NULL) LAZY_TRY(take_stream(lanes->pool, &lanes->streams[i]));
  size_t events = (size_t)schedule->event_count;
  if (lanes->events.count >= events) return LAZY_STATUS_OK;
  LAZY_TRY(lazyi_vector_reserve(&lanes->events, events - lanes->events.count));
  while (lanes->events.count < events) {
    LAZY_TRY(take_event(lanes->pool, &lanes->events.at[lanes->events.count]));
    lanes->events.count++;
  }
  return LAZY_STATUS_OK;
}

lazy_status lazyi_lanes_reserve(lazyi_lanes *lanes, lazyi_lane_pool *pool, const lazyi_schedule *schedule,
                                bool captures) {
  lanes->pool = pool;
  (void)pthread_mutex_lock(&pool->lock);
  lazy_status status = take_missing(lanes, schedule, captures);
  (void)pthread_mutex_unlock(&pool->lock);
  return status;
}

void lazyi_lanes_release(lazyi_lanes *lanes) {
  lazyi_lane_pool *pool = lanes->pool;
  if (pool == NULL) return;
  (void)pthread_mutex_lock(&pool->lock);
  for (int i = 0; i < LAZYI_SCHED_LANES; i++)
    if (lanes->streams[i] != NULL) pool->streams.at[pool->streams.count++] = lanes->streams[i];
  for (size_t i = 0; i < lanes->events.count; i++)
    pool->events.at[pool->events.count++] = lanes->events.at[i];
  (void)pthread_mutex_unlock(&pool->lock);
  lazyi_vector_deinit(&lanes->events);
  *lanes = (lazyi_lanes){0};
}

/* ---- submission ---- */

typedef struct submission {
  const lazyi_lanes *lanes;
  const lazyi_device *device;
  const lazyi_schedule *schedule;
  lazy_driver_stream base;
} submission;

static lazy_driver_stream stream_of(const submission *s, int lane) {
  return lane == 0 ? s->base : s->lanes->streams[lane];
}

static lazy_status wait_for(const submission *s, const lazyi_sched_wait *wait, int lane) {
  return LAZYI_DRIVER(s->device, stream_wait_event, stream_of(s, lane), s->lanes->events.at[wait->event], 0);
}

static lazy_status queue(const submission *s, lazyi_lanes_launch launch, void *user) {
  const lazyi_schedule *schedule = s->schedule;
  if (schedule->fork_event >= 0)
    LAZY_TRY(LAZYI_DRIVER(s->device, event_record, s->lanes->events.at[schedule->fork_event], s->base));
  for (size_t node = 0; node < schedule->node_count; node++) {
    const lazyi_sched_step *step = schedule->steps + node;
    for (uint32_t i = 0; i < step->wait_count; i++)
      LAZY_TRY(wait_for(s, schedule->waits + step->first_wait + i, step->lane));
    LAZY_TRY(launch(user, node, stream_of(s, step->lane)));
    if (step->event >= 0)
      LAZY_TRY(
          LAZYI_DRIVER(s->device, event_record, s->lanes->events.at[step->event], stream_of(s, step->lane)));
  }
  for (size_t i = schedule->join_first; i < schedule->wait_count; i++)
    LAZY_TRY(wait_for(s, schedule->waits + i, 0));
  return LAZY_STATUS_OK;
}

/* After a failure: `base` waits for all there is. One event does for every lane, as a wait means its latest
   record. */
static void join_all(const submission *s) {
  const lazy_driver *driver = s->device->driver;
  for (int lane = 1; lane < s->schedule->lane_count; lane++) {
    (void)driver->event_record(s->lanes->events.at[0], s->lanes->streams[lane]);
    (void)driver->stream_wait_event(s->base, s->lanes->events.at[0], 0);
  }
}

lazy_status lazyi_lanes_submit(const lazyi_lanes *lanes, const lazyi_device *device,
                               const lazyi_schedule *schedule, lazy_driver_stream base,
                               lazyi_lanes_launch launch, void *user) {
  const submission s = {lanes, device, schedule, base};
  if (schedule->lane_count <= 1) {
    for (size_t node = 0; node < schedule->node_count; node++) LAZY_TRY(launch(user, node, base));
    return LAZY_STATUS_OK;
  }
  lazy_status status = queue(&s, launch, user);
  if (status != LAZY_STATUS_OK) join_all(&s);
  return status;
}
