/* Streams and events of the host provider. */
#include <time.h>

#include "runtime/driver/host_state.h"

uint64_t lazyi_host_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

lazyi_host_stream *lazyi_host_stream_get(lazy_driver_stream stream) {
  return stream == NULL ? lazyi_host.default_stream : lazyi_host_handle_get(LAZYI_HOST_STREAM, stream);
}

static lazyi_host_event *event_get(lazy_driver_event event) {
  return lazyi_host_handle_get(LAZYI_HOST_EVENT, event);
}

lazyi_host_stream *lazyi_host_stream_new(void) {
  lazyi_host_stream *stream = lazyi_memory_calloc(1, sizeof *stream);
  if (stream == NULL) return NULL;
  stream->next = lazyi_host.streams;
  if (stream->next != NULL) stream->next->previous = stream;
  lazyi_host.streams = stream;
  return stream;
}

void lazyi_host_stream_retire(lazyi_host_stream *stream) {
  if (stream->next != NULL) stream->next->previous = stream->previous;
  if (stream->previous != NULL) stream->previous->next = stream->next;
  else lazyi_host.streams = stream->next;
  lazyi_host_tell_forget(&stream->past);
  lazyi_host_tell_forget(&stream->waited);
  lazyi_vector_deinit(&stream->frontier);
  lazyi_memory_free(stream);
}

int lazyi_host_stream_create(lazy_driver_stream *out_stream, unsigned flags) {
  int result = lazyi_host_enter(true);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  if (out_stream == NULL || flags > LAZY_DRIVER_STREAM_NON_BLOCKING)
    return lazyi_host_leave(LAZY_DRIVER_INVALID_VALUE);
  lazyi_host_stream *stream = lazyi_host_stream_new();
  if (stream == NULL) return lazyi_host_leave(LAZY_DRIVER_OUT_OF_MEMORY);
  stream->handle = lazyi_host_handle_create(LAZYI_HOST_STREAM, stream);
  if (stream->handle == NULL) {
    lazyi_host_stream_retire(stream);
    return lazyi_host_leave(LAZY_DRIVER_OUT_OF_MEMORY);
  }
  lazyi_host.live.streams++;
  *out_stream = stream->handle;
  return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
}

/* Pending work still runs; the handle is gone at once. */
int lazyi_host_stream_destroy(lazy_driver_stream handle) {
  int result = lazyi_host_enter(false);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  lazyi_host_stream *stream = handle != NULL ? lazyi_host_stream_get(handle) : NULL;
  if (stream == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_HANDLE);
  result = lazyi_host_graph_check_stream(stream);
  if (result != LAZY_DRIVER_SUCCESS) return lazyi_host_leave(result);
  lazyi_host_handle_destroy(handle);
  lazyi_host.live.streams--;
  stream->destroyed = true;
  lazyi_host_queue_advance(stream);
  return lazyi_host_leave(lazyi_host.lost);
}

int lazyi_host_stream_synchronize(lazy_driver_stream handle) {
  int result = lazyi_host_enter(true);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  lazyi_host_stream *stream = lazyi_host_stream_get(handle);
  if (stream == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_HANDLE);
  result = lazyi_host_graph_check_stream(stream);
  if (result != LAZY_DRIVER_SUCCESS) return lazyi_host_leave(result);
  lazyi_host_pool_wait_stream(stream);
  return lazyi_host_leave(lazyi_host.lost);
}

/* With a seeded schedule nothing runs between calls, so that a query moves the device on by one command. */
static void step(void) {
  if (lazyi_host.schedule != 0) (void)lazyi_host_pool_help(NULL, true);
  else if (lazyi_host.ready != NULL) lazyi_host_pool_notify(true);
}

int lazyi_host_stream_query(lazy_driver_stream handle) {
  int result = lazyi_host_enter(true);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  lazyi_host_stream *stream = lazyi_host_stream_get(handle);
  if (stream == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_HANDLE);
  result = lazyi_host_graph_check_stream(stream);
  if (result != LAZY_DRIVER_SUCCESS) return lazyi_host_leave(result);
  stream->users++;
  if (stream->head != NULL) step();
  bool idle = stream->head == NULL;
  if (idle) lazyi_host_tell_order(&stream->past, &lazyi_host.past);
  stream->users--;
  if (stream->destroyed) lazyi_host_queue_advance(stream);
  if (lazyi_host.lost != LAZY_DRIVER_SUCCESS) return lazyi_host_leave(lazyi_host.lost);
  return lazyi_host_leave(idle ? LAZY_DRIVER_SUCCESS : LAZY_DRIVER_NOT_READY);
}

/* Waits for the record that is the latest now; of an event never recorded there is none. */
int lazyi_host_stream_wait_event(lazy_driver_stream handle, lazy_driver_event event_handle, unsigned flags) {
  int result = lazyi_host_enter(true);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  lazyi_host_stream *stream = lazyi_host_stream_get(handle);
  lazyi_host_event *event = event_get(event_handle);
  if (stream == NULL || event == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_HANDLE);
  if (flags != 0) return lazyi_host_leave(LAZY_DRIVER_INVALID_VALUE);
  if (lazyi_host_graph_wait(stream, event, &result)) return lazyi_host_leave(result);
  if (event->last == NULL) { /* it has run */
    lazyi_host_tell_order(&event->past, &stream->waited);
    return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
  }
  event->users++;
  lazyi_host_command *command = lazyi_host_queue_acquire(stream, LAZYI_HOST_WAIT, 0);
  lazyi_host_command *record = event->last;
  command->as.wait.next_waiter = NULL;
  command->as.wait.satisfied = record == NULL; /* it may have run while the lock was open */
  if (record == NULL) {
    lazyi_host_tell_order(&event->past, &command->past);
  } else {
    command->as.wait.next_waiter = record->as.record.first_waiter;
    record->as.record.first_waiter = command;
  }
  lazyi_host_queue_submit(command);
  event->users--;
  lazyi_host_queue_retire_event(event);
  return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
}

int lazyi_host_event_create(lazy_driver_event *out_event, unsigned flags) {
  int result = lazyi_host_enter(true);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  /* 1 is blocking sync, which only says how to wait. */
  if (out_event == NULL || flags > 3) return lazyi_host_leave(LAZY_DRIVER_INVALID_VALUE);
  lazyi_host_event *event = lazyi_memory_calloc(1, sizeof *event);
  if (event == NULL) return lazyi_host_leave(LAZY_DRIVER_OUT_OF_MEMORY);
  event->timed = (flags & LAZY_DRIVER_EVENT_DISABLE_TIMING) == 0;
  event->handle = lazyi_host_handle_create(LAZYI_HOST_EVENT, event);
  if (event->handle == NULL) {
    lazyi_memory_free(event);
    return lazyi_host_leave(LAZY_DRIVER_OUT_OF_MEMORY);
  }
  lazyi_host.live.events++;
  *out_event = event->handle;
  return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
}

void lazyi_host_event_free(lazyi_host_event *event) {
  lazyi_host_tell_forget(&event->past);
  lazyi_vector_deinit(&event->frontier);
  lazyi_memory_free(event);
}

/* Records and waits that are pending stand. */
int lazyi_host_event_destroy(lazy_driver_event handle) {
  int result = lazyi_host_enter(false);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  lazyi_host_event *event = event_get(handle);
  if (event == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_HANDLE);
  lazyi_host_handle_destroy(handle);
  lazyi_host.live.events--;
  event->destroyed = true;
  lazyi_host_queue_retire_event(event);
  return lazyi_host_leave(lazyi_host.lost);
}

int lazyi_host_event_record(lazy_driver_event event_handle, lazy_driver_stream handle) {
  int result = lazyi_host_enter(true);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  lazyi_host_stream *stream = lazyi_host_stream_get(handle);
  lazyi_host_event *event = event_get(event_handle);
  if (stream == NULL || event == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_HANDLE);
  if (stream->capture != NULL) return lazyi_host_leave(lazyi_host_graph_record(stream, event));
  event->capture = 0;
  event->users++;
  lazyi_host_command *command = lazyi_host_queue_acquire(stream, LAZYI_HOST_RECORD, 0);
  command->as.record.event = event;
  command->as.record.number = ++event->recorded;
  command->as.record.first_waiter = NULL;
  event->last = command;
  lazyi_host_queue_submit(command);
  return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
}

int lazyi_host_event_query(lazy_driver_event handle) {
  int result = lazyi_host_enter(true);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  lazyi_host_event *event = event_get(handle);
  if (event == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_HANDLE);
  result = lazyi_host_graph_check_event(event);
  if (result == LAZY_DRIVER_SUCCESS) result = lazyi_host_graph_check_unsafe();
  if (result != LAZY_DRIVER_SUCCESS) return lazyi_host_leave(result);
  uint64_t target = event->recorded;
  event->users++;
  if (event->finished < target) step();
  bool done = event->finished >= target;
  if (done) lazyi_host_tell_order(&event->past, &lazyi_host.past);
  event->users--;
  lazyi_host_queue_retire_event(event);
  if (lazyi_host.lost != LAZY_DRIVER_SUCCESS) return lazyi_host_leave(lazyi_host.lost);
  return lazyi_host_leave(done ? LAZY_DRIVER_SUCCESS : LAZY_DRIVER_NOT_READY);
}

int lazyi_host_event_synchronize(lazy_driver_event handle) {
  int result = lazyi_host_enter(true);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  lazyi_host_event *event = event_get(handle);
  if (event == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_HANDLE);
  result = lazyi_host_graph_check_event(event);
  if (result != LAZY_DRIVER_SUCCESS) return lazyi_host_leave(result);
  lazyi_host_pool_wait_event(event);
  return lazyi_host_leave(lazyi_host.lost);
}

int lazyi_host_event_elapsed_time(float *out_milliseconds, lazy_driver_event start_handle,
                                  lazy_driver_event end_handle) {
  int result = lazyi_host_enter(true);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  const lazyi_host_event *start = event_get(start_handle), *end = event_get(end_handle);
  if (out_milliseconds == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_VALUE);
  if (start == NULL || end == NULL || !start->timed || !end->timed || start->recorded == 0 ||
      end->recorded == 0)
    return lazyi_host_leave(LAZY_DRIVER_INVALID_HANDLE);
  if (start->capture != 0 || end->capture != 0) return lazyi_host_leave(LAZY_DRIVER_CAPTURED_EVENT);
  if (start->last != NULL || end->last != NULL) return lazyi_host_leave(LAZY_DRIVER_NOT_READY);
  int64_t elapsed_ns = (int64_t)(end->finished_ns - start->finished_ns);
  *out_milliseconds = (float)((double)elapsed_ns * 1e-6);
  return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
}
