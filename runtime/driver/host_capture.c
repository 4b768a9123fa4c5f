/* Stream capture on the host provider: what a capturing stream is given becomes nodes of a graph.

   A stream's frontier is what its next node depends on: its last node, and what it waited for since. An event
   recorded while capturing keeps the frontier of that moment; a stream that waits for it joins the capture.
 */
#include "runtime/driver/host_graph.h"

#include <string.h>

static lazyi_host_graph *find_capture(uint64_t number) {
  lazyi_host_graph *capture = lazyi_host.captures;
  while (capture != NULL && capture->number != number) capture = capture->next;
  return capture;
}

static int invalidate(lazyi_host_graph *capture, int result) {
  capture->failure = LAZY_DRIVER_CAPTURE_INVALIDATED;
  return result;
}

/* ---- frontiers ---- */

static bool add_frontier(lazyi_host_frontier *to, const lazyi_host_frontier *from) {
  if (lazyi_vector_reserve(to, from->count) != LAZY_STATUS_OK) return false;
  for (size_t i = 0; i < from->count; i++) {
    size_t at = 0;
    while (at < to->count && to->at[at] != from->at[i]) at++;
    if (at == to->count) to->at[to->count++] = from->at[i];
  }
  return true;
}

int lazyi_host_graph_record(lazyi_host_stream *stream, lazyi_host_event *event) {
  if (stream->capture->failure != LAZY_DRIVER_SUCCESS) return stream->capture->failure;
  event->frontier.count = 0;
  if (!add_frontier(&event->frontier, &stream->frontier))
    return invalidate(stream->capture, LAZY_DRIVER_OUT_OF_MEMORY);
  event->capture = stream->capture->number;
  return LAZY_DRIVER_SUCCESS;
}

/* The stream becomes part of the capture, behind the event. */
static int enter_capture(lazyi_host_stream *stream, lazyi_host_graph *capture,
                         const lazyi_host_event *event) {
  if (capture->failure != LAZY_DRIVER_SUCCESS) return capture->failure;
  if (stream == lazyi_host.default_stream) return invalidate(capture, LAZY_DRIVER_CAPTURE_UNSUPPORTED);
  stream->frontier.count = 0;
  if (!add_frontier(&stream->frontier, &event->frontier))
    return invalidate(capture, LAZY_DRIVER_OUT_OF_MEMORY);
  stream->capture = capture;
  stream->capture_lane = capture->lane_count++;
  return LAZY_DRIVER_SUCCESS;
}

static int wait_captured(lazyi_host_stream *stream, const lazyi_host_event *event) {
  lazyi_host_graph *capture = stream->capture, *other = find_capture(event->capture);
  if (capture->failure != LAZY_DRIVER_SUCCESS) return capture->failure;
  if (event->capture == 0 && event->recorded == 0) return LAZY_DRIVER_SUCCESS;
  if (other == NULL) return invalidate(capture, LAZY_DRIVER_CAPTURE_ISOLATION);
  if (other != capture) {
    (void)invalidate(other, LAZY_DRIVER_CAPTURE_MERGE);
    return invalidate(capture, LAZY_DRIVER_CAPTURE_MERGE);
  }
  if (!add_frontier(&stream->frontier, &event->frontier))
    return invalidate(capture, LAZY_DRIVER_OUT_OF_MEMORY);
  return LAZY_DRIVER_SUCCESS;
}

bool lazyi_host_graph_wait(lazyi_host_stream *stream, const lazyi_host_event *event, int *out_result) {
  if (stream->capture != NULL) {
    *out_result = wait_captured(stream, event);
    return true;
  }
  if (event->capture == 0) return false;
  lazyi_host_graph *capture = find_capture(event->capture);
  *out_result = capture != NULL ? enter_capture(stream, capture, event) : LAZY_DRIVER_INVALID_VALUE;
  return true;
}

/* ---- nodes ---- */

static lazyi_host_node *add_node(lazyi_host_graph *capture, lazyi_host_stream *stream, size_t params_bytes) {
  if (lazyi_vector_reserve(&capture->nodes, 1) != LAZY_STATUS_OK ||
      lazyi_vector_reserve(&capture->before, stream->frontier.count) != LAZY_STATUS_OK ||
      lazyi_vector_reserve(&stream->frontier, 1) != LAZY_STATUS_OK)
    return NULL;
  lazyi_host_node *node = &capture->nodes.at[capture->nodes.count];
  memset(node, 0, sizeof *node);
  if (params_bytes > LAZYI_HOST_INLINE_BYTES && (node->large = lazyi_memory_alloc(params_bytes)) == NULL)
    return NULL;
  node->lane = stream->capture_lane;
  node->first_before = (uint32_t)capture->before.count;
  node->before_count = (uint32_t)stream->frontier.count;
  for (size_t i = 0; i < stream->frontier.count; i++)
    capture->before.at[capture->before.count++] = stream->frontier.at[i];
  stream->frontier.at[0] = (uint32_t)capture->nodes.count++;
  stream->frontier.count = 1;
  return node;
}

lazyi_host_command *lazyi_host_graph_add(lazyi_host_stream *stream, lazyi_host_command_kind kind,
                                         size_t params_bytes) {
  lazyi_host_graph *capture = stream->capture;
  if (capture->failure != LAZY_DRIVER_SUCCESS) return NULL;
  if (kind == LAZYI_HOST_REPLAY) { /* a graph within a graph */
    capture->failure = LAZY_DRIVER_CAPTURE_UNSUPPORTED;
    return NULL;
  }
  lazyi_host_node *node = add_node(capture, stream, params_bytes);
  if (node == NULL) {
    capture->failure = LAZY_DRIVER_OUT_OF_MEMORY;
    return NULL;
  }
  node->command.stream = stream;
  node->command.kind = kind;
  node->command.blocks = 1;
  if (kind == LAZYI_HOST_KERNEL)
    node->command.as.kernel.params = node->large != NULL ? node->large : node->command.inline_params;
  return &node->command;
}

/* The first refusal says why, the others that it is over. */
int lazyi_host_graph_refusal(const lazyi_host_stream *stream) {
  return invalidate(stream->capture, stream->capture->failure);
}

/* ---- what a capture forbids ---- */

int lazyi_host_graph_check_stream(const lazyi_host_stream *stream) {
  if (stream->capture == NULL) return LAZY_DRIVER_SUCCESS;
  return invalidate(stream->capture, LAZY_DRIVER_CAPTURE_UNSUPPORTED);
}

int lazyi_host_graph_check_event(const lazyi_host_event *event) {
  if (event->capture == 0) return LAZY_DRIVER_SUCCESS;
  lazyi_host_graph *capture = find_capture(event->capture);
  return capture != NULL ? invalidate(capture, LAZY_DRIVER_CAPTURED_EVENT) : LAZY_DRIVER_CAPTURED_EVENT;
}

/* Allocating and the like may wait for the device: not on the thread of a capture that is not relaxed, not on
   any thread while one is global. */
int lazyi_host_graph_check_unsafe(void) {
  int result = LAZY_DRIVER_SUCCESS;
  for (lazyi_host_graph *capture = lazyi_host.captures; capture != NULL; capture = capture->next) {
    bool own = pthread_equal(capture->thread, pthread_self()) != 0;
    if (capture->mode == LAZY_DRIVER_CAPTURE_MODE_GLOBAL ||
        (capture->mode == LAZY_DRIVER_CAPTURE_MODE_THREAD_LOCAL && own))
      result = invalidate(capture, LAZY_DRIVER_CAPTURE_UNSUPPORTED);
  }
  return result;
}

/* ---- begin and end ---- */

int lazyi_host_stream_begin_capture(lazy_driver_stream handle, int mode) {
  int result = lazyi_host_enter(true);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  lazyi_host_stream *stream = lazyi_host_stream_get(handle);
  if (stream == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_HANDLE);
  if (mode < LAZY_DRIVER_CAPTURE_MODE_GLOBAL || mode > LAZY_DRIVER_CAPTURE_MODE_RELAXED)
    return lazyi_host_leave(LAZY_DRIVER_INVALID_VALUE);
  if (stream == lazyi_host.default_stream) return lazyi_host_leave(LAZY_DRIVER_CAPTURE_UNSUPPORTED);
  if (stream->capture != NULL) return lazyi_host_leave(LAZY_DRIVER_ILLEGAL_STATE);
  lazyi_host_graph *capture = lazyi_memory_calloc(1, sizeof *capture);
  if (capture == NULL) return lazyi_host_leave(LAZY_DRIVER_OUT_OF_MEMORY);
  capture->number = ++lazyi_host.capture_count;
  capture->origin = stream;
  capture->mode = mode;
  capture->thread = pthread_self();
  capture->lane_count = 1;
  capture->next = lazyi_host.captures;
  lazyi_host.captures = capture;
  stream->capture = capture;
  stream->capture_lane = 0;
  stream->frontier.count = 0;
  return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
}

/* Its streams go back to work. */
static void close_capture(lazyi_host_graph *capture) {
  lazyi_host_graph **at = &lazyi_host.captures;
  while (*at != capture) at = &(*at)->next;
  *at = capture->next;
  for (lazyi_host_stream *stream = lazyi_host.streams; stream != NULL; stream = stream->next)
    if (stream->capture == capture) {
      stream->capture = NULL;
      stream->frontier.count = 0;
    }
}

void lazyi_host_graph_abandon(lazyi_host_graph *capture) {
  close_capture(capture);
  lazyi_host_graph_free(capture);
}

/* Every node is before the origin's frontier: no branch was left unjoined. */
static int check_joined(const lazyi_host_graph *capture) {
  int result = LAZY_DRIVER_SUCCESS;
  bool *joined = lazyi_memory_calloc(capture->nodes.count + 1, sizeof *joined);
  if (joined == NULL) return LAZY_DRIVER_OUT_OF_MEMORY;
  for (size_t i = 0; i < capture->origin->frontier.count; i++) joined[capture->origin->frontier.at[i]] = true;
  for (size_t i = capture->nodes.count; i-- > 0 && result == LAZY_DRIVER_SUCCESS;) {
    const lazyi_host_node *node = &capture->nodes.at[i];
    if (!joined[i]) result = LAZY_DRIVER_CAPTURE_UNJOINED;
    for (uint32_t k = 0; k < node->before_count; k++)
      joined[capture->before.at[node->first_before + k]] = true;
  }
  lazyi_memory_free(joined);
  return result;
}

int lazyi_host_stream_end_capture(lazy_driver_stream handle, lazy_driver_graph *out_graph) {
  int result = lazyi_host_enter(true);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  lazyi_host_stream *stream = lazyi_host_stream_get(handle);
  if (stream == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_HANDLE);
  if (out_graph == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_VALUE);
  lazyi_host_graph *capture = stream->capture;
  if (capture == NULL) return lazyi_host_leave(LAZY_DRIVER_ILLEGAL_STATE);
  const bool is_over = capture->failure != LAZY_DRIVER_SUCCESS;
  if (capture->origin != stream)
    return lazyi_host_leave(is_over ? LAZY_DRIVER_CAPTURE_INVALIDATED
                                    : invalidate(capture, LAZY_DRIVER_CAPTURE_UNMATCHED));
  if (!is_over && capture->mode != LAZY_DRIVER_CAPTURE_MODE_RELAXED &&
      !pthread_equal(capture->thread, pthread_self())) {
    lazyi_host_graph_abandon(capture); /* as on a GPU: it is over all the same */
    return lazyi_host_leave(LAZY_DRIVER_CAPTURE_WRONG_THREAD);
  }
  result = is_over ? LAZY_DRIVER_CAPTURE_INVALIDATED : check_joined(capture);
  close_capture(capture);
  if (result == LAZY_DRIVER_SUCCESS &&
      (capture->handle = lazyi_host_handle_create(LAZYI_HOST_GRAPH, capture)) == NULL)
    result = LAZY_DRIVER_OUT_OF_MEMORY;
  if (result != LAZY_DRIVER_SUCCESS) {
    lazyi_host_graph_free(capture);
    return lazyi_host_leave(result);
  }
  lazyi_host.live.graphs++;
  *out_graph = capture->handle;
  return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
}

int lazyi_host_stream_is_capturing(lazy_driver_stream handle, int *out_status) {
  int result = lazyi_host_enter(true);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  const lazyi_host_stream *stream = lazyi_host_stream_get(handle);
  if (stream == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_HANDLE);
  if (out_status == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_VALUE);
  *out_status = stream->capture == NULL                           ? LAZY_DRIVER_CAPTURE_NONE
                : stream->capture->failure == LAZY_DRIVER_SUCCESS ? LAZY_DRIVER_CAPTURE_ACTIVE
                                                                  : LAZY_DRIVER_CAPTURE_DEAD;
  return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
}
