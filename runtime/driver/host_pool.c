/* Who runs commands: threads that wait for them first of all, so that a small launch costs no wake-up, and a
   pool for the rest. A pool thread never blocks on an event: it runs heads of ready streams and pieces of
   running jobs. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "runtime/driver/host_state.h"
#include "runtime/trace/trace.h"

enum {
  SPINS = 200,            /* about ten microseconds before a thread sleeps */
  SHARE_NS = 10000,       /* work left that is worth waking another thread for */
  PIECES_PER_WORKER = 16, /* claims of one thread in an even job */
  NAP_NS = 1000000,       /* how long light work may lie if nobody waits for it */
  QUIET_NAPS = 50,        /* naps without a submission before the napper sleeps for good */
};

static void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

static uint64_t scramble(uint64_t *state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* Running a command's pieces: no lock held. */

static uint64_t common_divisor(uint64_t a, uint64_t b) {
  while (b != 0) {
    uint64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

static void run_kernel(lazyi_host_command *command, uint64_t first, uint64_t count) {
  const lazyi_host_kernel *kernel = command->as.kernel.kernel;
  uint64_t blocks = command->blocks, seed = command->as.kernel.seed, step = 1, start = 0;
  if (command->as.kernel.order == LAZYI_HOST_ORDER_REVERSED) {
    start = step = blocks - 1; /* first * -1 - 1, modulo blocks */
    if (blocks == 1) step = 1;
  } else if (command->as.kernel.order == LAZYI_HOST_ORDER_SHUFFLED) {
    uint64_t state = seed;
    start = scramble(&state) % blocks;
    do {
      step = scramble(&state) % blocks;
    } while (common_divisor(step, blocks) != 1);
  }
  lazyi_host_block block = {.count = (uint32_t)blocks,
                            .threads = command->as.kernel.threads,
                            .order = command->as.kernel.order,
                            .seed = seed,
                            .launch = lazyi_host_is_seen() ? command->state : NULL};
  for (uint64_t i = first; i < first + count; i++) {
    block.index = (uint32_t)((start + step * i) % blocks);
    kernel->run(command->as.kernel.params, &block);
  }
}

static size_t chunk_of(size_t bytes, uint64_t first, uint64_t count, size_t *out_start) {
  *out_start = (size_t)first * LAZYI_HOST_CHUNK_BYTES;
  size_t length = (size_t)count * LAZYI_HOST_CHUNK_BYTES;
  return length < bytes - *out_start ? length : bytes - *out_start;
}

static void run_pieces(lazyi_host_command *command, uint64_t first, uint64_t count) {
  size_t start, length;
  switch (command->kind) {
    case LAZYI_HOST_COPY:
      length = chunk_of(command->as.copy.bytes, first, count, &start);
      memmove(command->as.copy.to + start, command->as.copy.from + start, length);
      break;
    case LAZYI_HOST_FILL:
      length = chunk_of(command->as.fill.bytes, first, count, &start);
      memset(command->as.fill.to + start, command->as.fill.value, length);
      break;
    case LAZYI_HOST_KERNEL: run_kernel(command, first, count); break;
    case LAZYI_HOST_CALL: lazyi_host_call(command->as.call.function, command->as.call.user); break;
    case LAZYI_HOST_RECORD:
    case LAZYI_HOST_WAIT:
    case LAZYI_HOST_REPLAY: break;
  }
}

/* Wakes others for a command that turned out long. */
static void call_others(uint64_t left) {
  pthread_mutex_lock(&lazyi_host.lock);
  for (unsigned i = lazyi_host.running; i < lazyi_host.workers && left > 0; i++, left--) {
    if (lazyi_host.idle > 0) pthread_cond_signal(&lazyi_host.wake);
  }
  lazyi_host_queue_announce();
  pthread_mutex_unlock(&lazyi_host.lock);
}

static void run_claims(lazyi_host_command *command, unsigned workers, bool may_call) {
  uint64_t blocks = command->blocks, size = 1 + blocks / ((uint64_t)workers * PIECES_PER_WORKER);
  uint64_t start_ns = may_call ? lazyi_host_now_ns() : 0, done = 0;
  if (may_call && command->kind == LAZYI_HOST_KERNEL && lazyi_host_is_seen()) {
    call_others(blocks - 1); /* an instrument's pieces: every one takes blocks until there are none */
    may_call = false;
  }
  for (;;) {
    uint64_t first = atomic_fetch_add_explicit(&command->claimed, size, memory_order_relaxed);
    if (first >= blocks) return;
    uint64_t count = size < blocks - first ? size : blocks - first;
    run_pieces(command, first, count);
    done += count;
    uint64_t left = blocks - done;
    if (may_call && left > 0 && (lazyi_host_now_ns() - start_ns) / done * left > SHARE_NS) {
      call_others(left);
      may_call = false;
    }
  }
}

/* Choosing: the lock held. */

static void unlink_ready(lazyi_host_stream *stream) {
  lazyi_host_stream *before = NULL, **at = &lazyi_host.ready;
  while (*at != stream) {
    before = *at;
    at = &before->next_ready;
  }
  *at = stream->next_ready;
  if (lazyi_host.last_ready == stream) lazyi_host.last_ready = before;
  if (lazyi_host.ready == NULL) lazyi_host.eager = false;
  stream->ready = false;
}

static lazyi_host_stream *choose_by_seed(void) {
  uint64_t count = 0;
  if (lazyi_host.running > 0) return NULL;
  for (lazyi_host_stream *stream = lazyi_host.ready; stream != NULL; stream = stream->next_ready) count++;
  if (count == 0) return NULL;
  uint64_t index = count > 1 ? scramble(&lazyi_host.schedule) % count : 0;
  if (lazyi_host.schedule == 0) lazyi_host.schedule = 1; /* 0 would mean the pool */
  lazyi_host_stream *stream = lazyi_host.ready;
  while (index-- > 0) stream = stream->next_ready;
  return stream;
}

/* A thread that waits for `wanted` waits for the head of `stream` too: it is the same, inside a graph
   launched there, or followed by a record that `wanted` waits for. */
static bool is_waited_for(const lazyi_host_stream *stream, const lazyi_host_stream *wanted) {
  if (stream == wanted || stream->parent == wanted) return true;
  for (const lazyi_host_command *at = stream->head; at != NULL; at = at->next) {
    if (at->kind != LAZYI_HOST_RECORD) continue;
    for (const lazyi_host_command *waiter = at->as.record.first_waiter; waiter != NULL;
         waiter = waiter->as.wait.next_waiter)
      if (waiter->stream == wanted) return true;
  }
  return false;
}

/* Host functions may block, so a waiting thread runs only those that it waits for, and they take no worker's
 * seat. */
static bool runnable(const lazyi_host_stream *stream, const lazyi_host_stream *wanted, bool may_call) {
  if (stream->head->kind == LAZYI_HOST_CALL)
    return may_call || (wanted != NULL && is_waited_for(stream, wanted)) || lazyi_host.thread_count == 0;
  return lazyi_host.running < lazyi_host.workers;
}

static lazyi_host_stream *choose(lazyi_host_stream *wanted, bool may_call) {
  if (lazyi_host.schedule != 0) return choose_by_seed();
  if (wanted != NULL && wanted->ready && runnable(wanted, wanted, may_call)) return wanted;
  for (lazyi_host_stream *stream = lazyi_host.ready; stream != NULL; stream = stream->next_ready)
    if (runnable(stream, wanted, may_call)) return stream;
  return NULL;
}

/* Whoever is awake may claim pieces from the first moment: by the time a first piece shows how long a command
   is, there may be none left to share. */
static void offer(lazyi_host_command *command) {
  command->joinable = true;
  command->next_job = lazyi_host.jobs;
  lazyi_host.jobs = command;
}

static void participate(lazyi_host_command *command, bool may_call) {
  bool seated = command->kind != LAZYI_HOST_CALL || lazyi_host.schedule != 0;
  unsigned workers = lazyi_host.workers;
  command->participants++;
  lazyi_host.running += seated;
  pthread_mutex_unlock(&lazyi_host.lock);
  bool traced = lazyi_trace_is_on();
  if (traced)
    lazyi_trace_push_host(lazyi_host_command_name(command)); /* profilers see by themselves what a GPU does */
  run_claims(command, workers, may_call);
  if (traced) lazyi_trace_pop();
  pthread_mutex_lock(&lazyi_host.lock);
  lazyi_host.running -= seated;
  /* A thread comes back only when every piece is claimed, so the last one back ends the command. */
  if (--command->participants != 0) return;
  lazyi_host_tell_end(command);
  lazyi_host_queue_finish(command);
}

static bool faults(const lazyi_host_command *command) {
  if (command->kind != LAZYI_HOST_KERNEL || lazyi_host.fault_countdown == 0) return false;
  if (--lazyi_host.fault_countdown != 0) return false;
  lazyi_host.lost = lazyi_host.fault_result;
  return true;
}

static void run_head(lazyi_host_stream *stream) {
  lazyi_host_command *command = stream->head;
  unlink_ready(stream);
  stream->running = true;
  if (lazyi_host.lost != LAZY_DRIVER_SUCCESS || faults(command) || !lazyi_host_tell_begin(command))
    lazyi_host_queue_finish(command);
  else {
    bool shared = lazyi_host.schedule == 0 && lazyi_host.workers > 1 && command->blocks > 1;
    if (shared) offer(command);
    participate(command, shared);
  }
}

bool lazyi_host_pool_help(lazyi_host_stream *wanted, bool may_call) {
  lazyi_host_stream *stream = choose(wanted, may_call);
  if (stream != NULL) {
    run_head(stream);
    return true;
  }
  if (lazyi_host.schedule != 0 || lazyi_host.running >= lazyi_host.workers) return false;
  for (lazyi_host_command *job = lazyi_host.jobs; job != NULL; job = job->next_job) {
    if (atomic_load_explicit(&job->claimed, memory_order_relaxed) >= job->blocks) continue;
    participate(job, false);
    return true;
  }
  return false;
}

/* Polls for a short while, the lock released, until something is announced; false if nothing was. */
static bool spin(void) {
  uint64_t moment = atomic_load_explicit(&lazyi_host.moment, memory_order_relaxed);
  bool moved = false;
  if (lazyi_host.workers < 2) return false;
  pthread_mutex_unlock(&lazyi_host.lock);
  for (int i = 0; i < SPINS && !moved; i++) {
    relax();
    moved = atomic_load_explicit(&lazyi_host.moment, memory_order_acquire) != moment;
  }
  pthread_mutex_lock(&lazyi_host.lock);
  return moved || atomic_load_explicit(&lazyi_host.moment, memory_order_relaxed) != moment;
}

/* Threads of the program that wait. */

void lazyi_host_pool_wait_moment(lazyi_host_stream *wanted) {
  if (lazyi_host_pool_help(wanted, false)) return;
  if (lazyi_host.ready != NULL) lazyi_host_pool_notify(true); /* what this thread may not run */
  if (spin()) return;
  /* Nothing can have changed since spin() took the lock again. */
  lazyi_host.waiting++;
  pthread_cond_wait(&lazyi_host.progress, &lazyi_host.lock);
  lazyi_host.waiting--;
}

/* A waiting thread that leaves hands on what it would have helped with. */
static void leave_rest(void) {
  if (lazyi_host.dying != NULL) lazyi_host_exec_reap();
  if (lazyi_host.ready != NULL) lazyi_host_pool_notify(lazyi_host.eager);
}

void lazyi_host_pool_wait_stream(lazyi_host_stream *stream) {
  uint64_t target = stream->submitted;
  stream->users++;
  while (stream->finished < target) lazyi_host_pool_wait_moment(stream);
  lazyi_host_tell_order(&stream->past, &lazyi_host.past);
  stream->users--;
  leave_rest();
  if (stream->destroyed) lazyi_host_queue_advance(stream);
}

void lazyi_host_pool_wait_event(lazyi_host_event *event) {
  uint64_t target = event->recorded;
  event->users++;
  while (event->finished < target)
    lazyi_host_pool_wait_moment(event->last != NULL ? event->last->stream : NULL);
  lazyi_host_tell_order(&event->past, &lazyi_host.past);
  event->users--;
  leave_rest();
  lazyi_host_queue_retire_event(event);
}

void lazyi_host_pool_wait_all(void) {
  lazyi_host_stream *stream = lazyi_host.streams;
  if (stream != NULL) stream->users++;
  while (stream != NULL) {
    uint64_t target = stream->submitted;
    while (stream->finished < target) lazyi_host_pool_wait_moment(stream);
    lazyi_host_tell_order(&stream->past, &lazyi_host.past);
    lazyi_host_stream *next = stream->next;
    if (next != NULL) next->users++;
    stream->users--;
    if (stream->destroyed) lazyi_host_queue_advance(stream);
    stream = next;
  }
  leave_rest();
}

/* The pool. */

/* Sleeps a millisecond at a time while there is traffic; true if light work was found that nobody took. */
static bool nap(void) {
  uint64_t seen = lazyi_host.submits;
  lazyi_host.has_napper = true;
  bool found = false, woken = false;
  for (int quiet = 0; quiet < QUIET_NAPS && !found && !woken && !lazyi_host.stopping; quiet++) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += NAP_NS;
    if (until.tv_nsec >= 1000000000) {
      until.tv_nsec -= 1000000000;
      until.tv_sec++;
    }
    lazyi_host.idle++;
    bool late = pthread_cond_timedwait(&lazyi_host.wake, &lazyi_host.lock, &until) == ETIMEDOUT;
    lazyi_host.idle--;
    woken = !late && (lazyi_host.eager || lazyi_host.jobs != NULL);
    found = late && lazyi_host.ready != NULL;
    if (lazyi_host.submits != seen) quiet = 0;
    seen = lazyi_host.submits;
  }
  lazyi_host.has_napper = false;
  if (!found && !woken) lazyi_host.rested_at = seen;
  return found;
}

static void *serve(void *unused) {
  bool found = false;
  (void)unused;
  pthread_mutex_lock(&lazyi_host.lock);
  while (!lazyi_host.stopping) {
    bool called = found || lazyi_host.eager || lazyi_host.jobs != NULL;
    if (lazyi_host.schedule == 0 && called && lazyi_host_pool_help(NULL, true)) continue;
    found = false;
    if (spin() || lazyi_host.stopping) continue;
    /* The lock was held since nothing was announced, so no wake-up can be missed. */
    if (!lazyi_host.has_napper && lazyi_host.submits != lazyi_host.rested_at) {
      found = nap();
      continue;
    }
    lazyi_host.idle++;
    pthread_cond_wait(&lazyi_host.wake, &lazyi_host.lock);
    lazyi_host.idle--;
  }
  pthread_mutex_unlock(&lazyi_host.lock);
  return NULL;
}

/* One thread fewer than workers, as a waiting thread is the last worker; one at least, so that work goes on
   when nobody waits. Where the system refuses threads, waits and queries still run everything. */
static void start_threads(void) {
  unsigned wanted = lazyi_host.workers > 1 ? lazyi_host.workers - 1 : 1;
  lazyi_host.threads_tried = true;
  if ((lazyi_host.threads = lazyi_memory_alloc(wanted * sizeof *lazyi_host.threads)) == NULL) return;
  while (lazyi_host.thread_count < wanted) {
    if (pthread_create(&lazyi_host.threads[lazyi_host.thread_count], NULL, serve, NULL) != 0) break;
    lazyi_host.thread_count++;
  }
}

void lazyi_host_pool_notify(bool heavy) {
  lazyi_host.submits++;
  if (lazyi_host.schedule != 0) return;
  if (!lazyi_host.threads_tried) start_threads();
  if (heavy) {
    lazyi_host.eager = true;
    atomic_fetch_add_explicit(&lazyi_host.moment, 1, memory_order_release); /* for those who spin */
  }
  if (lazyi_host.idle > 0 && (heavy || !lazyi_host.has_napper)) pthread_cond_signal(&lazyi_host.wake);
}

void lazyi_host_pool_stop(void) {
  lazyi_host.stopping = true;
  pthread_cond_broadcast(&lazyi_host.wake);
  pthread_mutex_unlock(&lazyi_host.lock);
  for (unsigned i = 0; i < lazyi_host.thread_count; i++) pthread_join(lazyi_host.threads[i], NULL);
  pthread_mutex_lock(&lazyi_host.lock);
  lazyi_memory_free(lazyi_host.threads);
  lazyi_host.threads = NULL;
  lazyi_host.thread_count = 0;
  lazyi_host.threads_tried = lazyi_host.stopping = lazyi_host.eager = lazyi_host.has_napper = false;
}
