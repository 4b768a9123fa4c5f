/* Commands and the streams they stand in. A stream never blocks a thread: its head is running, is ready, or
   waits for a record, which on finishing moves the stream on. All of it under the lock. */
#include <string.h>

#include "runtime/driver/host_state.h"

lazy_status lazyi_host_queue_init(void) {
  /* All there will ever be: submitting allocates nothing. Pages that no command has used are not touched. */
  lazyi_host.commands = lazyi_memory_alloc(LAZYI_HOST_COMMANDS * sizeof *lazyi_host.commands);
  LAZYI_TRY_ALLOC(lazyi_host.commands);
  lazyi_host.params = lazyi_memory_alloc((size_t)LAZYI_HOST_PARAMS_BLOCKS * LAZYI_HOST_PARAMS_BYTES);
  LAZYI_TRY_ALLOC(lazyi_host.params);
  return LAZY_STATUS_OK;
}

void lazyi_host_queue_deinit(void) {
  lazyi_memory_free(lazyi_host.commands);
  lazyi_memory_free(lazyi_host.params);
  lazyi_host.commands = lazyi_host.free_commands = NULL;
  lazyi_host.params = lazyi_host.free_params = NULL;
  lazyi_host.fresh_commands = lazyi_host.fresh_params = 0;
}

/* Tells waiting threads that something finished or became runnable. */
void lazyi_host_queue_announce(void) {
  atomic_fetch_add_explicit(&lazyi_host.moment, 1, memory_order_release);
  if (lazyi_host.waiting > 0) pthread_cond_broadcast(&lazyi_host.progress);
}

static lazyi_host_command *take_command(void) {
  lazyi_host_command *command = lazyi_host.free_commands;
  if (command != NULL) lazyi_host.free_commands = command->next;
  else if (lazyi_host.fresh_commands < LAZYI_HOST_COMMANDS)
    command = &lazyi_host.commands[lazyi_host.fresh_commands++];
  return command;
}

static void return_command(lazyi_host_command *command) {
  command->next = lazyi_host.free_commands;
  lazyi_host.free_commands = command;
}

/* Free blocks of parameters are linked through their first bytes. */
static void *take_params(void) {
  unsigned char *block = lazyi_host.free_params;
  if (block != NULL) memcpy(&lazyi_host.free_params, block, sizeof lazyi_host.free_params);
  else if (lazyi_host.fresh_params < LAZYI_HOST_PARAMS_BLOCKS)
    block = lazyi_host.params + (size_t)lazyi_host.fresh_params++ * LAZYI_HOST_PARAMS_BYTES;
  return block;
}

static void return_params(void *block) {
  memcpy(block, &lazyi_host.free_params, sizeof lazyi_host.free_params);
  lazyi_host.free_params = block;
}

/* A command to fill in and submit. Where none is free the caller runs pending work until one is, as a launch
   into CUDA's full queue waits. The caller holds the lock from here to the submission. */
lazyi_host_command *lazyi_host_queue_acquire(lazyi_host_stream *stream, lazyi_host_command_kind kind,
                                             size_t params_bytes) {
  lazyi_host_command *command;
  if (stream->capture != NULL) return lazyi_host_graph_add(stream, kind, params_bytes);
  stream->users++;
  while ((command = take_command()) == NULL) lazyi_host_pool_wait_moment(NULL);
  command->stream = stream;
  command->kind = kind;
  command->next = command->next_job = NULL;
  command->participants = 0;
  command->joinable = false;
  command->exec = NULL;
  command->missing = 0;
  if (lazyi_host_is_seen()) command->past = command->state = NULL;
  command->blocks = 1;
  atomic_store_explicit(&command->claimed, 0, memory_order_relaxed);
  if (kind == LAZYI_HOST_KERNEL) {
    command->as.kernel.params = command->inline_params;
    if (params_bytes > LAZYI_HOST_INLINE_BYTES)
      while ((command->as.kernel.params = take_params()) == NULL) lazyi_host_pool_wait_moment(NULL);
  }
  stream->users--;
  return command;
}

/* Worth another thread's wake-up: pieces for several workers, or a function that may block. */
bool lazyi_host_queue_is_heavy(const lazyi_host_command *command) {
  return (command->blocks > 1 && lazyi_host.workers > 1) || command->kind == LAZYI_HOST_CALL;
}

static void push_ready(lazyi_host_stream *stream) {
  stream->ready = true;
  stream->next_ready = NULL;
  if (lazyi_host.ready == NULL) lazyi_host.ready = stream;
  else lazyi_host.last_ready->next_ready = stream;
  lazyi_host.last_ready = stream;
  /* the pool thread that made it ready goes on with it, whoever waits */
  if (lazyi_host.schedule == 0 && lazyi_host_queue_is_heavy(stream->head)) lazyi_host.eager = true;
}

void lazyi_host_queue_visit(lazyi_host_stream *stream) {
  if (stream->visited) return;
  stream->visited = true;
  stream->next_visit = lazyi_host.visits;
  lazyi_host.visits = stream;
}

void lazyi_host_queue_retire_event(lazyi_host_event *event) {
  if (event->destroyed && event->users == 0) lazyi_host_event_free(event);
}

static void finish_record(lazyi_host_command *command) {
  lazyi_host_event *event = command->as.record.event;
  if (event->last == command) {
    event->last = NULL;
    if (event->timed) event->finished_ns = lazyi_host_now_ns();
  }
  if (event->finished < command->as.record.number) event->finished = command->as.record.number;
  lazyi_host_tell_order(&command->past, &command->stream->past);
  lazyi_host_tell_forget(&event->past);
  lazyi_host_tell_order(&command->stream->past, &event->past);
  for (lazyi_host_command *waiter = command->as.record.first_waiter; waiter != NULL;) {
    lazyi_host_command *next = waiter->as.wait.next_waiter;
    waiter->as.wait.satisfied = true;
    lazyi_host_tell_order(&event->past, &waiter->past);
    lazyi_host_queue_visit(waiter->stream);
    waiter = next;
  }
  event->users--;
  lazyi_host_queue_retire_event(event);
}

void lazyi_host_queue_pop(lazyi_host_stream *stream) {
  lazyi_host_command *command = stream->head;
  stream->head = command->next;
  if (stream->head == NULL) stream->tail = NULL;
  stream->finished++;
  lazyi_host_tell_left(command);
  if (command->exec != NULL) {
    lazyi_host_exec_node_done(command);
    return;
  }
  if (command->kind == LAZYI_HOST_REPLAY) lazyi_host_exec_replayed(command);
  if (command->kind == LAZYI_HOST_KERNEL && command->as.kernel.params != command->inline_params)
    return_params(command->as.kernel.params);
  return_command(command);
}

/* Moves one stream past records, satisfied waits and, on a lost device, everything. */
static bool advance_one(lazyi_host_stream *stream) {
  bool moved = false;
  while (stream->head != NULL && !stream->running && !stream->ready) {
    lazyi_host_command *command = stream->head;
    if (command->kind == LAZYI_HOST_RECORD) {
      finish_record(command);
    } else if (command->kind == LAZYI_HOST_WAIT) {
      if (!command->as.wait.satisfied) break;
    } else if (command->missing > 0 && lazyi_host.lost == LAZY_DRIVER_SUCCESS) {
      break;
    } else if (command->kind == LAZYI_HOST_REPLAY) {
      if (!lazyi_host_exec_start(command)) break;
    } else if (lazyi_host.lost == LAZY_DRIVER_SUCCESS) {
      push_ready(stream);
      return true;
    }
    lazyi_host_queue_pop(stream);
    moved = true;
  }
  if (stream->head == NULL && stream->destroyed && stream->users == 0) lazyi_host_stream_retire(stream);
  return moved;
}

void lazyi_host_queue_advance(lazyi_host_stream *stream) {
  bool moved = false;
  lazyi_host_queue_visit(stream);
  while ((stream = lazyi_host.visits) != NULL) {
    lazyi_host.visits = stream->next_visit;
    stream->visited = false;
    moved |= advance_one(stream);
  }
  if (moved) lazyi_host_queue_announce();
}

void lazyi_host_queue_submit(lazyi_host_command *command) {
  lazyi_host_stream *stream = command->stream;
  bool wakes = lazyi_host_queue_is_heavy(command);
  if (stream->capture != NULL) return; /* a node, filled in where it stays */
  if (stream->tail != NULL) stream->tail->next = command;
  else stream->head = command;
  stream->tail = command;
  stream->submitted++;
  lazyi_host_tell_submitted(command);
  if (stream->head == command) lazyi_host_queue_advance(stream);
  if (lazyi_host.ready != NULL) lazyi_host_pool_notify(wakes);
}

/* The stream's running head is done. */
void lazyi_host_queue_finish(lazyi_host_command *command) {
  lazyi_host_stream *stream = command->stream;
  if (command->joinable) {
    lazyi_host_command **at = &lazyi_host.jobs;
    while (*at != command) at = &(*at)->next_job;
    *at = command->next_job;
  }
  stream->running = false;
  lazyi_host_queue_pop(stream);
  lazyi_host_queue_advance(stream);
  lazyi_host_queue_announce();
}
