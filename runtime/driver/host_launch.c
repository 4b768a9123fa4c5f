/* Work submitted to streams: kernels, copies, fills, host functions. */
#include <string.h>

#include "runtime/driver/host_state.h"
#include "runtime/driver/host_tag.h"

enum { MAX_THREADS = 1024, MAX_SHARED_BYTES = 48 << 10, MAX_GRID_Y = 65535 };

/* The kernel dialect is one-dimensional, and takes one parameter struct. */
static int check_dialect(const lazyi_host_kernel *kernel, const lazyi_host_shape *shape, void **parameters,
                         void **extra) {
  if (shape->grid[1] != 1 || shape->grid[2] != 1 || shape->block[1] != 1 || shape->block[2] != 1 ||
      extra != NULL)
    return LAZY_DRIVER_NOT_SUPPORTED;
  size_t bytes = kernel->params_bytes;
  if (bytes > LAZYI_HOST_PARAMS_BYTES || (bytes > 0 && (parameters == NULL || parameters[0] == NULL)))
    return LAZY_DRIVER_INVALID_VALUE;
  return LAZY_DRIVER_SUCCESS;
}

int lazyi_host_check_launch(const lazyi_host_kernel *kernel, lazyi_host_shape *shape, void **parameters,
                            void **extra, uint64_t *out_pieces) {
  const uint32_t *grid = shape->grid, *block = shape->block;
  bool empty =
      grid[0] == 0 || grid[1] == 0 || grid[2] == 0 || block[0] == 0 || block[1] == 0 || block[2] == 0;
  if (empty || grid[0] > INT32_MAX || grid[1] > MAX_GRID_Y || grid[2] > MAX_GRID_Y ||
      (uint64_t)block[0] * block[1] * block[2] > MAX_THREADS)
    return LAZY_DRIVER_INVALID_VALUE;
  if (lazyi_host_is_seen())
    return lazyi_host.instrument->check_launch(kernel, shape, parameters, extra, out_pieces);
  if (shape->shared_bytes > MAX_SHARED_BYTES) return LAZY_DRIVER_INVALID_VALUE;
  *out_pieces = grid[0];
  return check_dialect(kernel, shape, parameters, extra);
}

void lazyi_host_pack(const lazyi_host_kernel *kernel, void *to, void **parameters, void **extra) {
  if (lazyi_host_is_seen()) lazyi_host.instrument->pack(kernel, to, parameters, extra);
  else if (kernel->params_bytes > 0) memcpy(to, parameters[0], kernel->params_bytes);
}

int lazyi_host_launch_kernel(lazy_driver_function function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                             unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                             lazy_driver_stream handle, void **parameters, void **extra) {
  int result = lazyi_host_enter(true);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  const lazyi_host_kernel *kernel = lazyi_host_handle_get(LAZYI_HOST_FUNCTION, function);
  lazyi_host_stream *stream = lazyi_host_stream_get(handle);
  if (kernel == NULL || stream == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_HANDLE);
  lazyi_host_shape shape = {{grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared_bytes, 0};
  uint64_t pieces = 1;
  result = lazyi_host_check_launch(kernel, &shape, parameters, extra, &pieces);
  if (result != LAZY_DRIVER_SUCCESS) return lazyi_host_leave(result);
  lazyi_host_command *command = lazyi_host_queue_acquire(stream, LAZYI_HOST_KERNEL, kernel->params_bytes);
  if (command == NULL) return lazyi_host_leave(lazyi_host_graph_refusal(stream));
  lazyi_host_pack(kernel, command->as.kernel.params, parameters, extra);
  command->blocks = pieces;
  command->as.kernel.kernel = kernel;
  command->as.kernel.threads = shape.block[0];
  if (lazyi_host_is_seen()) command->shape = shape;
  command->as.kernel.order = lazyi_host.order;
  command->as.kernel.seed = lazyi_host.order_seed + lazyi_host.launches++ * 0x9e3779b97f4a7c15u;
  lazyi_host_queue_submit(command);
  return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
}

static uint64_t pieces(size_t bytes) { return (bytes - 1) / LAZYI_HOST_CHUNK_BYTES + 1; }

enum { FROM_DEVICE = 1, TO_DEVICE = 2 };

static int copy(lazyi_host_stream *stream, int sides, void *to, const void *from, size_t bytes) {
  if (to == NULL || from == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_VALUE);
  lazyi_host_command *command = lazyi_host_queue_acquire(stream, LAZYI_HOST_COPY, 0);
  if (command == NULL) return lazyi_host_leave(lazyi_host_graph_refusal(stream));
  command->blocks = pieces(bytes);
  command->as.copy.to = to;
  command->as.copy.from = from;
  command->as.copy.bytes = bytes;
  command->as.copy.to_device = (sides & TO_DEVICE) != 0;
  command->as.copy.from_device = (sides & FROM_DEVICE) != 0;
  lazyi_host_queue_submit(command);
  return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
}

/* Host memory of a copy must not be device memory: strict mode sees the tag. */
static bool is_plain(const void *memory) { return ((uint64_t)(uintptr_t)memory & LAZYI_HOST_TAG) == 0; }

/* All copies borrow: host memory, pinned or not, is read or written when the stream comes to it. (CUDA may
   stage pageable memory before it returns; a caller that counts on it is wrong on both.) */
int lazyi_host_memcpy_htod_async(lazy_driver_address to, const void *from, size_t bytes,
                                 lazy_driver_stream handle) {
  int result = lazyi_host_enter(true);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  lazyi_host_stream *stream = lazyi_host_stream_get(handle);
  if (stream == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_HANDLE);
  if (bytes == 0) return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
  return copy(stream, TO_DEVICE, lazyi_host_memory_resolve(to, bytes), is_plain(from) ? from : NULL, bytes);
}

int lazyi_host_memcpy_dtoh_async(void *to, lazy_driver_address from, size_t bytes,
                                 lazy_driver_stream handle) {
  int result = lazyi_host_enter(true);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  lazyi_host_stream *stream = lazyi_host_stream_get(handle);
  if (stream == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_HANDLE);
  if (bytes == 0) return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
  return copy(stream, FROM_DEVICE, is_plain(to) ? to : NULL, lazyi_host_memory_resolve(from, bytes), bytes);
}

int lazyi_host_memcpy_dtod_async(lazy_driver_address to, lazy_driver_address from, size_t bytes,
                                 lazy_driver_stream handle) {
  int result = lazyi_host_enter(true);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  lazyi_host_stream *stream = lazyi_host_stream_get(handle);
  if (stream == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_HANDLE);
  if (bytes == 0) return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
  return copy(stream, TO_DEVICE | FROM_DEVICE, lazyi_host_memory_resolve(to, bytes),
              lazyi_host_memory_resolve(from, bytes), bytes);
}

int lazyi_host_memset_d8_async(lazy_driver_address to, unsigned char value, size_t bytes,
                               lazy_driver_stream handle) {
  int result = lazyi_host_enter(true);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  lazyi_host_stream *stream = lazyi_host_stream_get(handle);
  if (stream == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_HANDLE);
  if (bytes == 0) return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
  void *memory = lazyi_host_memory_resolve(to, bytes);
  if (memory == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_VALUE);
  lazyi_host_command *command = lazyi_host_queue_acquire(stream, LAZYI_HOST_FILL, 0);
  if (command == NULL) return lazyi_host_leave(lazyi_host_graph_refusal(stream));
  command->blocks = pieces(bytes);
  command->as.fill.to = memory;
  command->as.fill.bytes = bytes;
  command->as.fill.value = value;
  lazyi_host_queue_submit(command);
  return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
}

int lazyi_host_launch_host_func(lazy_driver_stream handle, void (*function)(void *user), void *user) {
  int result = lazyi_host_enter(true);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  lazyi_host_stream *stream = lazyi_host_stream_get(handle);
  if (stream == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_HANDLE);
  if (function == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_VALUE);
  lazyi_host_command *command = lazyi_host_queue_acquire(stream, LAZYI_HOST_CALL, 0);
  if (command == NULL) return lazyi_host_leave(lazyi_host_graph_refusal(stream));
  command->as.call.function = function;
  command->as.call.user = user;
  lazyi_host_queue_submit(command);
  return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
}
