/* The host provider's state, shared by its files. One lock guards all of it; kernels, copies and host
   functions run with the lock released. */
#ifndef LAZYI_DRIVER_HOST_STATE_H
#define LAZYI_DRIVER_HOST_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "runtime/base/vector.h"
#include "runtime/driver/host.h"
#include "runtime/driver/host_instrument.h"

/* Handles: a kind, the number of the creation and a slot, in a pointer that no address can equal. */
enum lazyi_host_kind {
  LAZYI_HOST_CONTEXT = 1,
  LAZYI_HOST_MODULE,
  LAZYI_HOST_FUNCTION,
  LAZYI_HOST_STREAM,
  LAZYI_HOST_EVENT,
  LAZYI_HOST_GRAPH,
  LAZYI_HOST_EXEC,
  LAZYI_HOST_NODE, /* of a graph: its generation and number, in no slot */
};

typedef struct lazyi_host_slot {
  void *object; /* NULL: free */
  uint32_t generation, next_free;
  enum lazyi_host_kind kind;
} lazyi_host_slot;

/* One block of device or pinned memory; `address` is untagged. */
typedef struct lazyi_host_block_info {
  uint64_t address;
  size_t bytes;
  void *base;          /* what was mapped or allocated */
  size_t mapped_bytes; /* 0: from aligned_alloc */
} lazyi_host_block_info;
typedef LAZYI_VECTOR(lazyi_host_block_info) lazyi_host_blocks; /* by address */

typedef struct lazyi_host_command lazyi_host_command;
typedef struct lazyi_host_stream lazyi_host_stream;
typedef struct lazyi_host_graph lazyi_host_graph;
typedef struct lazyi_host_exec lazyi_host_exec;
typedef LAZYI_VECTOR(uint32_t) lazyi_host_frontier; /* nodes of a capture that what comes next depends on */

typedef struct lazyi_host_event {
  void *handle;
  bool timed, destroyed;
  uint32_t users;              /* records pending and threads waiting: keeps a destroyed event's memory */
  uint64_t recorded, finished; /* number of the last record submitted and of the last one run */
  uint64_t finished_ns;
  lazyi_host_command *last; /* the latest record while it is pending */
  uint64_t capture;         /* number of the capture that the latest record was part of; 0: of none */
  lazyi_host_frontier frontier;
  void *past; /* the instrument's */
} lazyi_host_event;

typedef enum lazyi_host_command_kind {
  LAZYI_HOST_COPY,
  LAZYI_HOST_FILL,
  LAZYI_HOST_KERNEL,
  LAZYI_HOST_CALL,
  LAZYI_HOST_RECORD,
  LAZYI_HOST_WAIT,
  LAZYI_HOST_REPLAY,
} lazyi_host_command_kind;

enum {
  LAZYI_HOST_COMMANDS = 1024,     /* pending at most: a full queue makes the submitter work, as CUDA's does */
  LAZYI_HOST_PARAMS_BYTES = 4096, /* of one launch, CUDA's limit */
  LAZYI_HOST_PARAMS_BLOCKS = 64,  /* launches pending with parameters larger than a command holds */
  LAZYI_HOST_INLINE_BYTES = 256,
  LAZYI_HOST_CHUNK_BYTES = 1 << 20, /* the piece of a copy or fill that one worker takes */
};

/* Anything that can be split runs as `blocks` pieces, claimed by whoever is free. */
struct lazyi_host_command {
  lazyi_host_command *next; /* in its stream, or in the list of free commands */
  lazyi_host_stream *stream;
  lazyi_host_command_kind kind;
  uint32_t participants; /* threads running pieces */
  bool joinable;         /* in the list of jobs */
  lazyi_host_command *next_job;
  lazyi_host_exec *exec; /* whose node it is; NULL: of the pool of commands */
  uint32_t missing;      /* nodes that have to run before this one */
  uint64_t blocks;
  atomic_uint_fast64_t claimed;
  union {
    struct {
      char *to;
      const char *from;
      size_t bytes;
      bool to_device, from_device;
    } copy;
    struct {
      char *to;
      size_t bytes;
      unsigned char value;
    } fill;
    struct {
      const lazyi_host_kernel *kernel;
      void *params; /* `inline_params` or a block of the pool */
      uint32_t threads, order;
      uint64_t seed;
    } kernel;
    struct {
      void (*function)(void *user);
      void *user;
    } call;
    struct {
      lazyi_host_event *event;
      uint64_t number;
      lazyi_host_command *first_waiter;
    } record;
    struct {
      lazyi_host_command *next_waiter;
      bool satisfied;
    } wait;
    struct {
      lazyi_host_exec *exec;
      lazyi_host_command *next_launch; /* of the same exec: launches of one run one after another */
    } replay;
  } as;
  _Alignas(16) unsigned char inline_params[LAZYI_HOST_INLINE_BYTES];
  /* An instrument's: nobody else touches it. */
  lazyi_host_shape shape;
  void *past, *state;
};

/* A first-in first-out queue whose head runs, waits for an event, or stands in the list of ready streams. */
struct lazyi_host_stream {
  void *handle;
  lazyi_host_command *head, *tail;
  uint64_t submitted, finished;
  bool running, ready, visited, destroyed;
  uint32_t users;            /* threads waiting: keeps a destroyed stream's memory */
  lazyi_host_stream *parent; /* of a stream inside an exec: the one it was launched on */
  lazyi_host_graph *capture; /* NULL: commands are queued */
  uint32_t capture_lane;
  lazyi_host_frontier frontier;
  lazyi_host_stream *next_ready, *next_visit, *next, *previous;
  /* the instrument's */
  void *past, *waited; /* of what ran; of what the next command waits for without a place in the queue */
};

typedef struct lazyi_host_module {
  void *handle;
  const lazyi_host_kernel *kernels;
  uint32_t kernel_count;
  void *functions[]; /* handles, NULL until asked for */
} lazyi_host_module;

typedef struct lazyi_host_state {
  pthread_mutex_t lock;
  pthread_cond_t progress; /* something finished or became runnable: for threads that wait */
  pthread_cond_t wake;     /* for the pool */
  bool initialized;

  /* Context. */
  void *context; /* handle, NULL while not retained */
  uint32_t retained;
  int lost; /* the result that every call returns after a fault, or 0 */
  bool strict, strict_chosen, strict_choice;
  size_t total_bytes;
  const lazyi_host_instrument *instrument; /* NULL: none */
  void *past;                              /* of the program */
  lazyi_host_live_counts live;

  /* Handles. */
  LAZYI_VECTOR(lazyi_host_slot) slots;
  uint32_t first_free_slot, generation;

  /* Memory. */
  lazyi_host_blocks device_blocks, pinned_blocks;
  LAZYI_VECTOR(struct {
    uint64_t address;
    size_t bytes;
  })
  adopted; /* the process's own memory; ranges may overlap */

  /* Captures under way. */
  lazyi_host_graph *captures;
  uint64_t capture_count;
  lazyi_host_exec *dying; /* destroyed with launches under way */

  /* Queues. */
  lazyi_host_stream *streams, *default_stream;
  lazyi_host_stream *ready, *last_ready, *visits;
  lazyi_host_command *jobs;     /* running, with pieces left to claim */
  lazyi_host_command *commands; /* LAZYI_HOST_COMMANDS of them */
  lazyi_host_command *free_commands;
  uint32_t fresh_commands; /* never used so far: their pages stay untouched */
  unsigned char *params;
  unsigned char *free_params;
  uint32_t fresh_params;
  uint32_t running;            /* threads inside kernels, copies and fills */
  uint32_t waiting;            /* threads asleep on `progress` */
  atomic_uint_fast64_t moment; /* counts what `progress` announces */

  /* Order. */
  bool schedule_chosen;
  uint64_t schedule_seed;
  uint64_t schedule; /* state of the generator; 0: the pool runs commands as they come */
  uint32_t order;
  uint64_t order_seed, launches;
  uint64_t fault_countdown;
  int fault_result;

  /* Pool. */
  unsigned workers;
  pthread_t *threads;
  unsigned thread_count, idle;
  bool threads_tried, stopping;
  bool eager;                  /* ready work is to be taken at once, not left for a waiting thread */
  bool has_napper;             /* a pool thread looks in every millisecond */
  uint64_t submits, rested_at; /* let the napper see that nothing happens */
} lazyi_host_state;

extern lazyi_host_state lazyi_host;

/* host.c: every row begins and ends so. `enter` takes the lock and refuses calls without a current context,
   from a host function or after fork; with `live` also on a lost device. `leave` releases the lock. */
int lazyi_host_enter(bool live);
int lazyi_host_leave(int result);
/* Runs a host function with calls to the driver forbidden on this thread. */
void lazyi_host_call(void (*function)(void *), void *user);

/* host_handle.c; under the lock. */
void *lazyi_host_handle_create(enum lazyi_host_kind kind, void *object); /* NULL: out of memory */
void *lazyi_host_handle_get(enum lazyi_host_kind kind, const void *handle);
void lazyi_host_handle_destroy(void *handle);

/* host_memory.c. `resolve` turns a device range into host memory; NULL unless it lies in one live block. */
void *lazyi_host_memory_resolve(lazy_driver_address address, size_t bytes);
void lazyi_host_memory_deinit(void);
size_t lazyi_host_memory_total(void);

/* host_queue.c; under the lock, which `acquire`, `finish_all` and the waits release in between. `acquire`
   yields NULL for a capturing stream whose capture takes nothing more: lazyi_host_graph_refusal says why. */
lazy_status lazyi_host_queue_init(void);
void lazyi_host_queue_deinit(void);
lazyi_host_command *lazyi_host_queue_acquire(lazyi_host_stream *stream, lazyi_host_command_kind kind,
                                             size_t params_bytes);
void lazyi_host_queue_submit(lazyi_host_command *command);
void lazyi_host_queue_advance(lazyi_host_stream *stream);
void lazyi_host_queue_finish(lazyi_host_command *command);
void lazyi_host_queue_retire_event(lazyi_host_event *event);
void lazyi_host_queue_announce(void);
void lazyi_host_queue_visit(lazyi_host_stream *stream); /* to be advanced by the advance under way */
bool lazyi_host_queue_is_heavy(const lazyi_host_command *command);
void lazyi_host_queue_pop(lazyi_host_stream *stream);

/* host_pool.c; under the lock. */
bool lazyi_host_pool_help(lazyi_host_stream *wanted, bool may_call); /* ran something */
void lazyi_host_pool_wait_stream(lazyi_host_stream *stream);
void lazyi_host_pool_wait_event(lazyi_host_event *event);
void lazyi_host_pool_wait_all(void);
void lazyi_host_pool_wait_moment(lazyi_host_stream *wanted);
void lazyi_host_pool_notify(bool heavy);
void lazyi_host_pool_stop(void);

/* host_graph.c; under the lock. A capturing stream's commands become nodes: `add` makes one to fill in, NULL
   where the capture takes none. What a capture forbids invalidates it. */
lazyi_host_command *lazyi_host_graph_add(lazyi_host_stream *stream, lazyi_host_command_kind kind,
                                         size_t params_bytes);
int lazyi_host_graph_refusal(const lazyi_host_stream *stream);
int lazyi_host_graph_record(lazyi_host_stream *stream, lazyi_host_event *event);
/* True: the wait was the capture's business, and *out_result is what came of it. */
bool lazyi_host_graph_wait(lazyi_host_stream *stream, const lazyi_host_event *event, int *out_result);
/* Calls on the host that a captured stream or event, or a capture of this thread, does not allow. */
int lazyi_host_graph_check_stream(const lazyi_host_stream *stream);
int lazyi_host_graph_check_event(const lazyi_host_event *event);
int lazyi_host_graph_check_unsafe(void);
void lazyi_host_graph_free(lazyi_host_graph *graph);
void lazyi_host_graph_abandon(lazyi_host_graph *capture);
void lazyi_host_exec_free(lazyi_host_exec *exec);
void lazyi_host_exec_reap(void); /* frees destroyed ones that are idle now */
/* A replay reached the head of its stream: it starts unless an earlier launch of the exec is under way. True
   if there is nothing to run, and it can leave. */
bool lazyi_host_exec_start(lazyi_host_command *replay);
/* A node of an exec is done, or dropped on a lost device. */
void lazyi_host_exec_node_done(lazyi_host_command *node);
/* A replay left its stream. */
void lazyi_host_exec_replayed(lazyi_host_command *replay);

/* host_stream.c: the stream of a handle (NULL means the default stream), or NULL. */
lazyi_host_stream *lazyi_host_stream_get(lazy_driver_stream stream);
lazyi_host_stream *lazyi_host_stream_new(void);
void lazyi_host_stream_retire(lazyi_host_stream *stream);
void lazyi_host_event_free(lazyi_host_event *event);
uint64_t lazyi_host_now_ns(void);

/* host_launch.c: whether a launch is one, a result, and its pieces; its parameters into `to`. */
int lazyi_host_check_launch(const lazyi_host_kernel *kernel, lazyi_host_shape *shape, void **parameters,
                            void **extra, uint64_t *out_pieces);
void lazyi_host_pack(const lazyi_host_kernel *kernel, void *to, void **parameters, void **extra);

/* host_instrument.c: what an instrument is told. */
const char *lazyi_host_command_name(const lazyi_host_command *command);
void lazyi_host_instrument_submitted(lazyi_host_command *command);
void lazyi_host_instrument_left(lazyi_host_command *command);
bool lazyi_host_instrument_begin(lazyi_host_command *command);
void lazyi_host_instrument_end(lazyi_host_command *command);

/* host_module.c: unloads; the handle of the module is the caller's to destroy. */
void lazyi_host_module_drop(lazyi_host_module *module);

/* Without an instrument a test of a pointer is all of it. */
static inline bool lazyi_host_is_seen(void) { return __builtin_expect(lazyi_host.instrument != NULL, 0); }
static inline void lazyi_host_tell_order(void *const *from, void **to) {
  if (lazyi_host_is_seen()) lazyi_host.instrument->order(from, to);
}
static inline void lazyi_host_tell_forget(void **past) {
  if (lazyi_host_is_seen()) lazyi_host.instrument->forget(past);
}
static inline void lazyi_host_tell_submitted(lazyi_host_command *command) {
  if (lazyi_host_is_seen()) lazyi_host_instrument_submitted(command);
}
static inline void lazyi_host_tell_left(lazyi_host_command *command) {
  if (lazyi_host_is_seen()) lazyi_host_instrument_left(command);
}
/* False: it must not run, the device is lost. */
static inline bool lazyi_host_tell_begin(lazyi_host_command *command) {
  return !lazyi_host_is_seen() || lazyi_host_instrument_begin(command);
}
static inline void lazyi_host_tell_end(lazyi_host_command *command) {
  if (lazyi_host_is_seen()) lazyi_host_instrument_end(command);
}

/* Rows; host.c puts them into the table. */
#define LAZYI_HOST_ROW(field, symbol, version, required, parameters) int lazyi_host_##field parameters;
LAZY_DRIVER_ROWS(LAZYI_HOST_ROW)
#undef LAZYI_HOST_ROW

#endif
