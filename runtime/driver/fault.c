/* Wrappers of every row, and what they count. */
#include "runtime/driver/fault.h"

#include <pthread.h>
#include <string.h>

#include "runtime/driver/host.h"

/* Blocks followed at most; an allocation beyond is refused, as the byte counts would no longer be true. */
enum { BLOCKS = 1 << 16, BLOCKS_AT_MOST = BLOCKS / 4 * 3 };

static struct {
  pthread_mutex_t lock;
  const lazy_driver *inner;
  lazy_driver table;
  uint64_t counts[LAZY_DRIVER_CALL_COUNT], total, failures, logged;
  lazyi_fault_entry log[LAZYI_FAULT_LOG_ENTRIES];
  uint64_t countdown, row_countdown, loss_countdown;
  int result, row, row_result, loss_result;
  size_t live_bytes, peak_bytes, headroom; /* headroom: SIZE_MAX - cap, so that zero means no cap */
  size_t block_count;
  uint64_t retained; /* contexts, through this provider */
  struct {
    lazy_driver_address address; /* 0: empty */
    size_t bytes;
  } blocks[BLOCKS]; /* open addressing, linear probing */
} fault = {.lock = PTHREAD_MUTEX_INITIALIZER};

static size_t home_of(lazy_driver_address address) {
  return (size_t)((address >> 8) * 0x9e3779b97f4a7c15u >> 32) % BLOCKS;
}

static size_t slot_of(lazy_driver_address address) {
  size_t slot = home_of(address);
  while (fault.blocks[slot].address != 0 && fault.blocks[slot].address != address) slot = (slot + 1) % BLOCKS;
  return slot;
}

static void remember_block(lazy_driver_address address, size_t bytes) {
  size_t slot = slot_of(address);
  fault.blocks[slot].address = address;
  fault.blocks[slot].bytes = bytes;
  fault.block_count++;
  fault.live_bytes += bytes;
  if (fault.live_bytes > fault.peak_bytes) fault.peak_bytes = fault.live_bytes;
}

/* Takes a block out and closes the gap, so that no probe ends early. */
static void forget_block(lazy_driver_address address) {
  size_t gap = slot_of(address);
  if (fault.blocks[gap].address == 0) return;
  fault.live_bytes -= fault.blocks[gap].bytes;
  fault.block_count--;
  for (size_t slot = (gap + 1) % BLOCKS; fault.blocks[slot].address != 0; slot = (slot + 1) % BLOCKS) {
    size_t home = home_of(fault.blocks[slot].address);
    if ((slot - home) % BLOCKS < (slot - gap) % BLOCKS) continue;
    fault.blocks[gap] = fault.blocks[slot];
    gap = slot;
  }
  fault.blocks[gap].address = 0;
}

/* The countdown of a loss stays at 1 once it was reached. */
static int lose(int result) {
  if (fault.loss_countdown == 0) return result;
  if (fault.loss_countdown > 1) {
    fault.loss_countdown--;
    return result;
  }
  if (fault.inner == lazyi_host_driver()) lazyi_host_lose(fault.loss_result);
  return fault.loss_result;
}

/* Counts a call; the result it is to fail with, or 0. */
static int count_call(int row, lazy_driver_stream stream, size_t bytes, uint64_t *out_index) {
  int result = LAZY_DRIVER_SUCCESS;
  pthread_mutex_lock(&fault.lock);
  fault.counts[row]++;
  *out_index = fault.logged++;
  fault.log[*out_index % LAZYI_FAULT_LOG_ENTRIES] =
      (lazyi_fault_entry){.row = row, .stream = stream, .bytes = bytes};
  if (row != LAZY_DRIVER_CALL_get_error_name) {
    fault.total++;
    if (fault.row_countdown != 0 && fault.row == row && --fault.row_countdown == 0) result = fault.row_result;
    if (fault.countdown != 0 && --fault.countdown == 0) result = fault.result;
    result = lose(result);
  }
  fault.failures += result != LAZY_DRIVER_SUCCESS;
  pthread_mutex_unlock(&fault.lock);
  return result;
}

static int log_result(uint64_t index, int result) {
  if (result == LAZY_DRIVER_SUCCESS) return result;
  pthread_mutex_lock(&fault.lock);
  if (fault.logged > index && fault.logged - index <= LAZYI_FAULT_LOG_ENTRIES)
    fault.log[index % LAZYI_FAULT_LOG_ENTRIES].result = result;
  pthread_mutex_unlock(&fault.lock);
  return result;
}

/* A row that takes or starts something: an armed failure keeps it from happening. */
#define ROW(field, stream, bytes, parameters, arguments)                                             \
  static int wrap_##field parameters {                                                               \
    uint64_t index;                                                                                  \
    int result = count_call(LAZY_DRIVER_CALL_##field, stream, bytes, &index);                        \
    return log_result(index, result != LAZY_DRIVER_SUCCESS ? result : fault.inner->field arguments); \
  }
/* A row that gives something back: it happens, then fails. */
#define ROW_BACK(field, stream, parameters, arguments)                        \
  static int wrap_##field parameters {                                        \
    uint64_t index;                                                           \
    int result = count_call(LAZY_DRIVER_CALL_##field, stream, 0, &index);     \
    int inner = fault.inner->field arguments;                                 \
    return log_result(index, result != LAZY_DRIVER_SUCCESS ? result : inner); \
  }

ROW(init, NULL, 0, (unsigned flags), (flags))
ROW(driver_get_version, NULL, 0, (int *out_version), (out_version))
ROW(get_error_name, NULL, 0, (int value, const char **out_name), (value, out_name))
ROW(device_get_count, NULL, 0, (int *out_count), (out_count))
ROW(device_get, NULL, 0, (int *out_device, int ordinal), (out_device, ordinal))
ROW(device_get_name, NULL, 0, (char *out_name, int bytes, int device), (out_name, bytes, device))
ROW(device_get_attribute, NULL, 0, (int *out_value, int attribute, int device),
    (out_value, attribute, device))
ROW(device_total_mem, NULL, 0, (size_t * out_bytes, int device), (out_bytes, device))
ROW(ctx_push, NULL, 0, (lazy_driver_context context), (context))
ROW_BACK(ctx_pop, NULL, (lazy_driver_context * out_context), (out_context))
ROW(mem_get_info, NULL, 0, (size_t * out_free, size_t *out_total), (out_free, out_total))
ROW(host_alloc, NULL, bytes, (void **out_memory, size_t bytes, unsigned flags), (out_memory, bytes, flags))
ROW_BACK(host_free, NULL, (void *memory), (memory))
ROW(memcpy_htod_async, stream, bytes,
    (lazy_driver_address to, const void *from, size_t bytes, lazy_driver_stream stream),
    (to, from, bytes, stream))
ROW(memcpy_dtoh_async, stream, bytes,
    (void *to, lazy_driver_address from, size_t bytes, lazy_driver_stream stream), (to, from, bytes, stream))
ROW(memcpy_dtod_async, stream, bytes,
    (lazy_driver_address to, lazy_driver_address from, size_t bytes, lazy_driver_stream stream),
    (to, from, bytes, stream))
ROW(memset_d8_async, stream, bytes,
    (lazy_driver_address to, unsigned char value, size_t bytes, lazy_driver_stream stream),
    (to, value, bytes, stream))
ROW(stream_create, NULL, 0, (lazy_driver_stream * out_stream, unsigned flags), (out_stream, flags))
ROW_BACK(stream_destroy, stream, (lazy_driver_stream stream), (stream))
ROW(stream_synchronize, stream, 0, (lazy_driver_stream stream), (stream))
ROW(stream_query, stream, 0, (lazy_driver_stream stream), (stream))
ROW(stream_wait_event, stream, 0, (lazy_driver_stream stream, lazy_driver_event event, unsigned flags),
    (stream, event, flags))
ROW(event_create, NULL, 0, (lazy_driver_event * out_event, unsigned flags), (out_event, flags))
ROW_BACK(event_destroy, NULL, (lazy_driver_event event), (event))
ROW(event_record, stream, 0, (lazy_driver_event event, lazy_driver_stream stream), (event, stream))
ROW(event_query, NULL, 0, (lazy_driver_event event), (event))
ROW(event_synchronize, NULL, 0, (lazy_driver_event event), (event))
ROW(event_elapsed_time, NULL, 0, (float *out_milliseconds, lazy_driver_event start, lazy_driver_event end),
    (out_milliseconds, start, end))
ROW(module_load, NULL, 0, (lazy_driver_module * out_module, const void *image), (out_module, image))
ROW_BACK(module_unload, NULL, (lazy_driver_module module), (module))
ROW(module_get_function, NULL, 0,
    (lazy_driver_function * out_function, lazy_driver_module module, const char *name),
    (out_function, module, name))
ROW(launch_kernel, stream, 0,
    (lazy_driver_function function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
     unsigned block_y, unsigned block_z, unsigned shared_bytes, lazy_driver_stream stream, void **parameters,
     void **extra),
    (function, grid_x, grid_y, grid_z, block_x, block_y, block_z, shared_bytes, stream, parameters, extra))
ROW(launch_host_func, stream, 0, (lazy_driver_stream stream, void (*function)(void *user), void *user),
    (stream, function, user))
ROW(stream_begin_capture, stream, 0, (lazy_driver_stream stream, int mode), (stream, mode))
ROW_BACK(stream_end_capture, stream, (lazy_driver_stream stream, lazy_driver_graph *out_graph),
         (stream, out_graph))
ROW(graph_instantiate, NULL, 0,
    (lazy_driver_exec * out_exec, lazy_driver_graph graph, unsigned long long flags),
    (out_exec, graph, flags))
ROW(graph_launch, stream, 0, (lazy_driver_exec exec, lazy_driver_stream stream), (exec, stream))
ROW_BACK(graph_exec_destroy, NULL, (lazy_driver_exec exec), (exec))
ROW_BACK(graph_destroy, NULL, (lazy_driver_graph graph), (graph))
ROW(profiler_start, NULL, 0, (void), ())
ROW(profiler_stop, NULL, 0, (void), ())
ROW(stream_is_capturing, stream, 0, (lazy_driver_stream stream, int *out_status), (stream, out_status))
ROW(graph_get_nodes, NULL, 0, (lazy_driver_graph graph, lazy_driver_node *out_nodes, size_t *count),
    (graph, out_nodes, count))
ROW(graph_exec_kernel_node_set_params, NULL, 0,
    (lazy_driver_exec exec, lazy_driver_node node, const lazy_driver_kernel_node_params *params),
    (exec, node, params))

static int wrap_primary_retain(lazy_driver_context *out_context, int device) {
  uint64_t index;
  int result = count_call(LAZY_DRIVER_CALL_primary_retain, NULL, 0, &index);
  if (result == LAZY_DRIVER_SUCCESS) result = fault.inner->primary_retain(out_context, device);
  if (result == LAZY_DRIVER_SUCCESS) {
    pthread_mutex_lock(&fault.lock);
    fault.retained++;
    pthread_mutex_unlock(&fault.lock);
  }
  return log_result(index, result);
}

/* The last release ends the context, and with it the memory nobody freed. */
static int wrap_primary_release(int device) {
  uint64_t index;
  int armed = count_call(LAZY_DRIVER_CALL_primary_release, NULL, 0, &index);
  int result = fault.inner->primary_release(device);
  pthread_mutex_lock(&fault.lock);
  if (result == LAZY_DRIVER_SUCCESS && fault.retained > 0 && --fault.retained == 0 && fault.block_count > 0) {
    memset(fault.blocks, 0, sizeof fault.blocks);
    fault.block_count = fault.live_bytes = 0;
  }
  pthread_mutex_unlock(&fault.lock);
  return log_result(index, armed != LAZY_DRIVER_SUCCESS ? armed : result);
}

static int wrap_mem_alloc(lazy_driver_address *out_address, size_t bytes) {
  uint64_t index;
  int result = count_call(LAZY_DRIVER_CALL_mem_alloc, NULL, bytes, &index);
  if (result != LAZY_DRIVER_SUCCESS) return log_result(index, result);
  pthread_mutex_lock(&fault.lock);
  size_t cap = SIZE_MAX - fault.headroom;
  bool fits =
      fault.live_bytes <= cap && bytes <= cap - fault.live_bytes && fault.block_count < BLOCKS_AT_MOST;
  result = fits ? fault.inner->mem_alloc(out_address, bytes) : LAZY_DRIVER_OUT_OF_MEMORY;
  if (result == LAZY_DRIVER_SUCCESS) remember_block(*out_address, bytes);
  pthread_mutex_unlock(&fault.lock);
  return log_result(index, result);
}

/* The lock is open while the inner call waits for the device; the block is forgotten first, as its address
   may be given out again the moment it is free. */
static int wrap_mem_free(lazy_driver_address address) {
  uint64_t index;
  int armed = count_call(LAZY_DRIVER_CALL_mem_free, NULL, 0, &index);
  pthread_mutex_lock(&fault.lock);
  size_t slot = slot_of(address), bytes = fault.blocks[slot].bytes;
  bool known = fault.blocks[slot].address != 0;
  if (known) forget_block(address);
  pthread_mutex_unlock(&fault.lock);
  int result = fault.inner->mem_free(address);
  /* A lost device frees nothing on a GPU; the host provider does, and both answer with the loss. */
  bool refused = result == LAZY_DRIVER_INVALID_VALUE || result == LAZY_DRIVER_INVALID_CONTEXT ||
                 result == LAZY_DRIVER_NOT_PERMITTED;
  if (known && refused) {
    pthread_mutex_lock(&fault.lock);
    remember_block(address, bytes);
    pthread_mutex_unlock(&fault.lock);
  }
  return log_result(index, armed != LAZY_DRIVER_SUCCESS ? armed : result);
}

lazy_status lazyi_fault_driver(const lazy_driver *inner, const lazy_driver **out_driver) {
  pthread_mutex_lock(&fault.lock);
  bool other = fault.inner != NULL && fault.inner != inner && fault.block_count != 0;
  if (!other) {
    fault.inner = inner;
    fault.table.struct_size = sizeof fault.table;
    fault.table.provider = "fault";
#define FILL(field, symbol, version, required, parameters) \
  fault.table.field = inner->field != NULL ? wrap_##field : NULL;
    LAZY_DRIVER_ROWS(FILL)
#undef FILL
  }
  pthread_mutex_unlock(&fault.lock);
  if (other)
    return lazy_status_fail(LAZY_STATUS_INVALID_STATE, "fault: memory of another provider is still live");
  *out_driver = &fault.table;
  return LAZY_STATUS_OK;
}

void lazyi_fault_reset(void) {
  pthread_mutex_lock(&fault.lock);
  memset(fault.counts, 0, sizeof fault.counts);
  fault.total = fault.failures = fault.logged = 0;
  fault.countdown = fault.row_countdown = fault.loss_countdown = 0;
  fault.headroom = 0;
  fault.peak_bytes = fault.live_bytes;
  pthread_mutex_unlock(&fault.lock);
}

/* Reads one number under the lock. */
static uint64_t read_count(const uint64_t *count) {
  pthread_mutex_lock(&fault.lock);
  uint64_t value = *count;
  pthread_mutex_unlock(&fault.lock);
  return value;
}

uint64_t lazyi_fault_count(int row) {
  return row >= 0 && row < LAZY_DRIVER_CALL_COUNT ? read_count(&fault.counts[row]) : 0;
}
uint64_t lazyi_fault_total(void) { return read_count(&fault.total); }
uint64_t lazyi_fault_failures(void) { return read_count(&fault.failures); }
uint64_t lazyi_fault_log_count(void) { return read_count(&fault.logged); }

const char *lazyi_fault_row_name(int row) {
  static const char *const names[] = {
#define NAME(field, symbol, version, required, parameters) #field,
      LAZY_DRIVER_ROWS(NAME)
#undef NAME
  };
  return row >= 0 && row < LAZY_DRIVER_CALL_COUNT ? names[row] : "?";
}

void lazyi_fault_fail_at(uint64_t n, int result) {
  pthread_mutex_lock(&fault.lock);
  fault.countdown = n;
  fault.result = result;
  pthread_mutex_unlock(&fault.lock);
}

void lazyi_fault_fail_row_at(int row, uint64_t n, int result) {
  pthread_mutex_lock(&fault.lock);
  fault.row = row;
  fault.row_countdown = n;
  fault.row_result = result;
  pthread_mutex_unlock(&fault.lock);
}

void lazyi_fault_lose_at(uint64_t n, int result) {
  pthread_mutex_lock(&fault.lock);
  fault.loss_countdown = n;
  fault.loss_result = result;
  pthread_mutex_unlock(&fault.lock);
}

void lazyi_fault_cap_bytes(size_t bytes) {
  pthread_mutex_lock(&fault.lock);
  fault.headroom = SIZE_MAX - bytes;
  pthread_mutex_unlock(&fault.lock);
}

static size_t read_bytes(const size_t *bytes) {
  pthread_mutex_lock(&fault.lock);
  size_t value = *bytes;
  pthread_mutex_unlock(&fault.lock);
  return value;
}

size_t lazyi_fault_live_bytes(void) { return read_bytes(&fault.live_bytes); }
size_t lazyi_fault_peak_bytes(void) { return read_bytes(&fault.peak_bytes); }

bool lazyi_fault_log_at(uint64_t index, lazyi_fault_entry *out_entry) {
  pthread_mutex_lock(&fault.lock);
  bool there = index < fault.logged && fault.logged - index <= LAZYI_FAULT_LOG_ENTRIES;
  if (there) *out_entry = fault.log[index % LAZYI_FAULT_LOG_ENTRIES];
  pthread_mutex_unlock(&fault.lock);
  return there;
}
