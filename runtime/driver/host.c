/* The host provider's table, device and context. */
#include "runtime/driver/host.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "runtime/driver/host_state.h"

/* The lock is held for tens of nanoseconds, so a thread that finds it taken polls before it sleeps. */
lazyi_host_state lazyi_host = {.lock = PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP,
                               .progress = PTHREAD_COND_INITIALIZER,
                               .first_free_slot = UINT32_MAX};

/* Held over a whole retain or release, in which the state lock opens while the pool stops. */
static pthread_mutex_t lifetime = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
/* After fork the child has neither the pool nor a lock it may take. */
static atomic_bool forked;

enum { CONTEXT_DEPTH = 32, VERSION = 12000 };
static _Thread_local struct {
  lazy_driver_context stack[CONTEXT_DEPTH];
  int depth;
  bool calling; /* in a host function */
} thread;

static void note_fork(void) { atomic_store(&forked, true); }

static void initialize_once(void) {
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&lazyi_host.wake, &attributes);
  pthread_condattr_destroy(&attributes);
  pthread_atfork(NULL, NULL, note_fork);
}

/* What every row checks; with the lock on success. */
static int enter_driver(void) {
  if (atomic_load_explicit(&forked, memory_order_relaxed)) return LAZY_DRIVER_NOT_INITIALIZED;
  if (thread.calling) return LAZY_DRIVER_NOT_PERMITTED;
  pthread_mutex_lock(&lazyi_host.lock);
  return lazyi_host.initialized ? LAZY_DRIVER_SUCCESS : lazyi_host_leave(LAZY_DRIVER_NOT_INITIALIZED);
}

int lazyi_host_enter(bool live) {
  int result = enter_driver();
  if (result != LAZY_DRIVER_SUCCESS) return result;
  void *current = thread.depth > 0 ? (void *)thread.stack[thread.depth - 1] : NULL;
  if (current == NULL || current != lazyi_host.context) return lazyi_host_leave(LAZY_DRIVER_INVALID_CONTEXT);
  return live && lazyi_host.lost != LAZY_DRIVER_SUCCESS ? lazyi_host_leave(lazyi_host.lost)
                                                        : LAZY_DRIVER_SUCCESS;
}

int lazyi_host_leave(int result) {
  pthread_mutex_unlock(&lazyi_host.lock);
  return result;
}

void lazyi_host_call(void (*function)(void *), void *user) {
  thread.calling = true;
  function(user);
  thread.calling = false;
}

int lazyi_host_init(unsigned flags) {
  if (atomic_load_explicit(&forked, memory_order_relaxed)) return LAZY_DRIVER_NOT_INITIALIZED;
  if (thread.calling) return LAZY_DRIVER_NOT_PERMITTED;
  if (flags != 0) return LAZY_DRIVER_INVALID_VALUE;
  pthread_once(&once, initialize_once);
  pthread_mutex_lock(&lazyi_host.lock);
  lazyi_host.initialized = true;
  return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
}

/* The table's meaning is that of CUDA 12.0's driver. */
int lazyi_host_driver_get_version(int *out_version) {
  if (out_version == NULL) return LAZY_DRIVER_INVALID_VALUE;
  *out_version = VERSION;
  return LAZY_DRIVER_SUCCESS;
}

int lazyi_host_get_error_name(int result, const char **out_name) {
  static const struct {
    int result;
    const char *name;
  } names[] = {
      {LAZY_DRIVER_SUCCESS, "CUDA_SUCCESS"},
      {LAZY_DRIVER_INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE"},
      {LAZY_DRIVER_OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY"},
      {LAZY_DRIVER_NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED"},
      {LAZY_DRIVER_DEINITIALIZED, "CUDA_ERROR_DEINITIALIZED"},
      {LAZY_DRIVER_STUB_LIBRARY, "CUDA_ERROR_STUB_LIBRARY"},
      {LAZY_DRIVER_NO_DEVICE, "CUDA_ERROR_NO_DEVICE"},
      {LAZY_DRIVER_INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE"},
      {LAZY_DRIVER_INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE"},
      {LAZY_DRIVER_INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT"},
      {LAZY_DRIVER_NO_BINARY_FOR_GPU, "CUDA_ERROR_NO_BINARY_FOR_GPU"},
      {LAZY_DRIVER_INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE"},
      {LAZY_DRIVER_ILLEGAL_STATE, "CUDA_ERROR_ILLEGAL_STATE"},
      {LAZY_DRIVER_NOT_FOUND, "CUDA_ERROR_NOT_FOUND"},
      {LAZY_DRIVER_NOT_READY, "CUDA_ERROR_NOT_READY"},
      {LAZY_DRIVER_ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS"},
      {LAZY_DRIVER_LAUNCH_OUT_OF_RESOURCES, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES"},
      {LAZY_DRIVER_LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED"},
      {LAZY_DRIVER_NOT_PERMITTED, "CUDA_ERROR_NOT_PERMITTED"},
      {LAZY_DRIVER_NOT_SUPPORTED, "CUDA_ERROR_NOT_SUPPORTED"},
      {LAZY_DRIVER_CAPTURE_UNSUPPORTED, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"},
      {LAZY_DRIVER_CAPTURE_INVALIDATED, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"},
      {LAZY_DRIVER_CAPTURE_MERGE, "CUDA_ERROR_STREAM_CAPTURE_MERGE"},
      {LAZY_DRIVER_CAPTURE_UNMATCHED, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED"},
      {LAZY_DRIVER_CAPTURE_UNJOINED, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED"},
      {LAZY_DRIVER_CAPTURE_ISOLATION, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION"},
      {LAZY_DRIVER_CAPTURED_EVENT, "CUDA_ERROR_CAPTURED_EVENT"},
      {LAZY_DRIVER_CAPTURE_WRONG_THREAD, "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD"},
      {LAZY_DRIVER_UNKNOWN, "CUDA_ERROR_UNKNOWN"},
  };
  if (out_name == NULL) return LAZY_DRIVER_INVALID_VALUE;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (names[i].result != result) continue;
    *out_name = names[i].name;
    return LAZY_DRIVER_SUCCESS;
  }
  return LAZY_DRIVER_INVALID_VALUE;
}

unsigned lazyi_host_worker_count(void) {
  const char *wish = getenv("LAZYRT_HOST_WORKERS");
  if (wish != NULL) {
    long count = strtol(wish, NULL, 10);
    if (count >= 1 && count <= 1024) return (unsigned)count;
  }
  cpu_set_t cpus;
  if (sched_getaffinity(0, sizeof cpus, &cpus) != 0) return 1;
  int count = CPU_COUNT(&cpus);
  return count > 0 ? (unsigned)count : 1;
}

/* "AMD EPYC 9R14 96-Core Processor", or the architecture. */
static void processor_name(char name[64]) {
#if defined(__x86_64__)
  unsigned words[12] = {0};
  if ((unsigned)__get_cpuid_max(0x80000000u, NULL) >= 0x80000004u)
    for (unsigned i = 0; i < 3; i++)
      __get_cpuid(0x80000002u + i, &words[4 * i], &words[4 * i + 1], &words[4 * i + 2], &words[4 * i + 3]);
  char text[sizeof words + 1] = "";
  memcpy(text, words, sizeof words);
  const char *start = text + strspn(text, " ");
  snprintf(name, 64, "%s", *start != '\0' ? start : "x86-64");
#else
  snprintf(name, 64, "CPU");
#endif
}

/* Device rows: init is enough, no context. */
static int enter_device(int device) {
  int result = enter_driver();
  if (result != LAZY_DRIVER_SUCCESS) return result;
  return device == 0 ? LAZY_DRIVER_SUCCESS : lazyi_host_leave(LAZY_DRIVER_INVALID_DEVICE);
}

int lazyi_host_device_get_count(int *out_count) {
  int result = enter_device(0);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  if (out_count == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_VALUE);
  *out_count = 1;
  return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
}

int lazyi_host_device_get(int *out_device, int ordinal) {
  int result = enter_device(ordinal);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  if (out_device == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_VALUE);
  *out_device = 0;
  return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
}

int lazyi_host_device_get_name(char *out_name, int bytes, int device) {
  int result = enter_device(device);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  if (out_name == NULL || bytes <= 0) return lazyi_host_leave(LAZY_DRIVER_INVALID_VALUE);
  char processor[64];
  processor_name(processor);
  unsigned workers = lazyi_host_worker_count();
  /* The processor is what gets cut where names are long. */
  snprintf(out_name, (size_t)bytes, "host (%.40s, %s, %u worker%s)", processor,
           lazyi_host_level_name(lazyi_host_level()), workers, workers == 1 ? "" : "s");
  return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
}

int lazyi_host_device_get_attribute(int *out_value, int attribute, int device) {
  int result = enter_device(device);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  if (out_value == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_VALUE);
  switch (attribute) {
    case LAZY_DRIVER_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
    case LAZY_DRIVER_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR: *out_value = 1024; break;
    case LAZY_DRIVER_ATTRIBUTE_MAX_SHARED_BYTES_PER_BLOCK: *out_value = 48 << 10; break;
    case LAZY_DRIVER_ATTRIBUTE_WARP_SIZE:
      *out_value = 32; /* what block reductions are written for */
      break;
    case LAZY_DRIVER_ATTRIBUTE_MULTIPROCESSOR_COUNT: *out_value = (int)lazyi_host_worker_count(); break;
    case LAZY_DRIVER_ATTRIBUTE_INTEGRATED: *out_value = 1; break;
    case LAZY_DRIVER_ATTRIBUTE_COMPUTE_MAJOR:
    case LAZY_DRIVER_ATTRIBUTE_COMPUTE_MINOR:
      *out_value = 0; /* no GPU architecture */
      break;
    default: return lazyi_host_leave(LAZY_DRIVER_INVALID_VALUE);
  }
  return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
}

int lazyi_host_device_total_mem(size_t *out_bytes, int device) {
  int result = enter_device(device);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  if (out_bytes == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_VALUE);
  *out_bytes = lazyi_host_memory_total();
  return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
}

/* An environment variable's number, or `otherwise`. */
static uint64_t setting(const char *name, uint64_t otherwise) {
  const char *text = getenv(name);
  return text != NULL && *text != '\0' ? strtoull(text, NULL, 0) : otherwise;
}

/* Frees every object left and forgets the context. The state lock is held, all work has run, the pool is
 * stopped. */
static void close_context(void) {
  for (uint32_t slot = 0; slot < lazyi_host.slots.count; slot++) {
    const lazyi_host_slot entry = lazyi_host.slots.at[slot];
    if (entry.object == NULL) continue;
    if (entry.kind == LAZYI_HOST_MODULE) lazyi_host_module_drop(entry.object);
    if (entry.kind == LAZYI_HOST_EVENT) lazyi_host_event_free(entry.object);
    if (entry.kind == LAZYI_HOST_GRAPH) lazyi_host_graph_free(entry.object);
    if (entry.kind == LAZYI_HOST_EXEC) lazyi_host_exec_free(entry.object);
  }
  while (lazyi_host.captures != NULL) lazyi_host_graph_abandon(lazyi_host.captures);
  lazyi_host_exec_reap();
  while (lazyi_host.streams != NULL) lazyi_host_stream_retire(lazyi_host.streams);
  lazyi_host.default_stream = NULL;
  lazyi_vector_deinit(&lazyi_host.slots);
  lazyi_host.first_free_slot = UINT32_MAX;
  lazyi_host_memory_deinit();
  lazyi_host_queue_deinit();
  lazyi_host.live = (lazyi_host_live_counts){0};
  lazyi_host.lost = LAZY_DRIVER_SUCCESS;
  lazyi_host.fault_countdown = 0;
  lazyi_host.retained = 0;
  lazyi_host_tell_forget(&lazyi_host.past);
}

static int open_context(void) {
  lazyi_host.strict =
      lazyi_host.strict_chosen ? lazyi_host.strict_choice : setting("LAZYRT_HOST_STRICT", 0) != 0;
  if (!lazyi_host.schedule_chosen)
    lazyi_host.schedule_seed = lazyi_host.strict ? setting("LAZYRT_HOST_SCHEDULE", 1) : 0;
  lazyi_host.schedule = lazyi_host.schedule_seed;
  lazyi_host.workers = lazyi_host_worker_count();
  lazyi_host.total_bytes = lazyi_host_memory_total();
  if (lazyi_host_queue_init() != LAZY_STATUS_OK ||
      (lazyi_host.default_stream = lazyi_host_stream_new()) == NULL ||
      (lazyi_host.context = lazyi_host_handle_create(LAZYI_HOST_CONTEXT, &lazyi_host)) == NULL) {
    close_context();
    return LAZY_DRIVER_OUT_OF_MEMORY;
  }
  return LAZY_DRIVER_SUCCESS;
}

int lazyi_host_primary_retain(lazy_driver_context *out_context, int device) {
  if (out_context == NULL) return LAZY_DRIVER_INVALID_VALUE;
  if (thread.calling)
    return LAZY_DRIVER_NOT_PERMITTED; /* before the lock that a release holds while it waits */
  if (atomic_load_explicit(&forked, memory_order_relaxed)) return LAZY_DRIVER_NOT_INITIALIZED;
  pthread_mutex_lock(&lifetime);
  int result = enter_device(device);
  if (result == LAZY_DRIVER_SUCCESS) {
    if (lazyi_host.retained == 0) result = open_context();
    if (result == LAZY_DRIVER_SUCCESS) {
      lazyi_host.retained++;
      *out_context = lazyi_host.context;
    }
    (void)lazyi_host_leave(result);
  }
  pthread_mutex_unlock(&lifetime);
  return result;
}

/* The last release waits for pending work and frees whatever is left. */
int lazyi_host_primary_release(int device) {
  if (thread.calling) return LAZY_DRIVER_NOT_PERMITTED;
  if (atomic_load_explicit(&forked, memory_order_relaxed)) return LAZY_DRIVER_NOT_INITIALIZED;
  pthread_mutex_lock(&lifetime);
  int result = enter_device(device);
  if (result == LAZY_DRIVER_SUCCESS) {
    if (lazyi_host.retained == 0) {
      result = LAZY_DRIVER_INVALID_CONTEXT;
    } else if (--lazyi_host.retained == 0) {
      lazyi_host.context = NULL; /* from here no call enters */
      lazyi_host_pool_wait_all();
      lazyi_host_pool_stop();
      close_context();
    }
    (void)lazyi_host_leave(result);
  }
  pthread_mutex_unlock(&lifetime);
  return result;
}

int lazyi_host_ctx_push(lazy_driver_context context) {
  int result = enter_driver();
  if (result != LAZY_DRIVER_SUCCESS) return result;
  bool valid = lazyi_host_handle_get(LAZYI_HOST_CONTEXT, context) != NULL;
  (void)lazyi_host_leave(result);
  if (!valid) return LAZY_DRIVER_INVALID_CONTEXT;
  if (thread.depth == CONTEXT_DEPTH) return LAZY_DRIVER_INVALID_VALUE;
  thread.stack[thread.depth++] = context;
  return LAZY_DRIVER_SUCCESS;
}

/* A context that was released meanwhile can still be popped. */
int lazyi_host_ctx_pop(lazy_driver_context *out_context) {
  int result = enter_driver();
  if (result != LAZY_DRIVER_SUCCESS) return result;
  (void)lazyi_host_leave(result);
  if (thread.depth == 0) return LAZY_DRIVER_INVALID_CONTEXT;
  lazy_driver_context context = thread.stack[--thread.depth];
  if (out_context != NULL) *out_context = context;
  return LAZY_DRIVER_SUCCESS;
}

void lazyi_host_set_strict(bool strict) {
  pthread_mutex_lock(&lazyi_host.lock);
  lazyi_host.strict_chosen = true;
  lazyi_host.strict_choice = strict;
  (void)lazyi_host_leave(0);
}

void lazyi_host_set_order(enum lazyi_host_order order, uint64_t seed) {
  pthread_mutex_lock(&lazyi_host.lock);
  lazyi_host.order = order;
  lazyi_host.order_seed = seed;
  lazyi_host.launches = 0;
  (void)lazyi_host_leave(0);
}

void lazyi_host_set_schedule(uint64_t seed) {
  pthread_mutex_lock(&lazyi_host.lock);
  lazyi_host.schedule_chosen = true;
  lazyi_host.schedule = lazyi_host.schedule_seed = seed;
  (void)lazyi_host_leave(0);
}

void lazyi_host_fault_at(uint64_t n, int result) {
  pthread_mutex_lock(&lazyi_host.lock);
  lazyi_host.fault_countdown = n;
  lazyi_host.fault_result = result;
  (void)lazyi_host_leave(0);
}

void lazyi_host_lose(int result) {
  pthread_mutex_lock(&lazyi_host.lock);
  if (lazyi_host.retained != 0 && lazyi_host.lost == LAZY_DRIVER_SUCCESS) lazyi_host.lost = result;
  pthread_cond_broadcast(&lazyi_host.progress);
  (void)lazyi_host_leave(0);
}

void lazyi_host_live(lazyi_host_live_counts *out_counts) {
  pthread_mutex_lock(&lazyi_host.lock);
  *out_counts = lazyi_host.live;
  (void)lazyi_host_leave(0);
}

/* A profiler that starts and stops with the device is the GPU's too. */
#define lazyi_host_profiler_start NULL
#define lazyi_host_profiler_stop  NULL

const lazy_driver *lazyi_host_driver(void) {
  static const lazy_driver table = {.struct_size = sizeof(lazy_driver),
                                    .provider = "host",
#define ROW(field, symbol, version, required, parameters) .field = lazyi_host_##field,
                                    LAZY_DRIVER_ROWS(ROW)
#undef ROW
  };
  return &table;
}
