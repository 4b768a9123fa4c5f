/* Launches: their limits, their parameters, and their place among the host provider's commands. */
#include <stdlib.h>
#include <string.h>

#include "runtime/driver/host_state.h"
#include "runtime/driver/host_tag.h"
#include "tests/emulator/checks.h"
#include "tests/emulator/counters.h"
#include "tests/emulator/driver/driver.h"

enum { MAX_BLOCK_Z = 64, COOPERATIVE = 1 };
enum { EXTRA_END, EXTRA_POINTER, EXTRA_SIZE }; /* CU_LAUNCH_PARAM_... */

/* How the launch that this thread asks for is made. */
static _Thread_local uint32_t flags;

/* ---- parameters ---- */

/* Those of `extra`: one buffer with its size. NULL: there is none. */
static const void *extra_buffer(void **extra, size_t *out_bytes) {
  const void *buffer = NULL;
  *out_bytes = 0;
  for (; *extra != (void *)EXTRA_END; extra += 2) {
    if (*extra == (void *)EXTRA_POINTER) buffer = extra[1];
    else if (*extra == (void *)EXTRA_SIZE) *out_bytes = *(const size_t *)extra[1];
    else return NULL;
  }
  return buffer;
}

static int check_parameters(const ptx_function *function, void **parameters, void **extra) {
  if (function->params_bytes > LAZYI_HOST_PARAMS_BYTES) return LAZY_DRIVER_NOT_SUPPORTED;
  if (extra != NULL) {
    size_t bytes;
    if (parameters != NULL || extra_buffer(extra, &bytes) == NULL) return LAZY_DRIVER_INVALID_VALUE;
    if (bytes == function->params_bytes) return LAZY_DRIVER_SUCCESS;
    emu_tell_host(function->name, EMU_BAD_PARAMETERS, "found a buffer of %zu bytes, wanted %zu", bytes,
                  (size_t)function->params_bytes);
    return LAZY_DRIVER_INVALID_VALUE;
  }
  if (function->param_count > 0 && parameters == NULL) return LAZY_DRIVER_INVALID_VALUE;
  for (uint32_t i = 0; i < function->param_count; i++)
    if (parameters[i] == NULL) return LAZY_DRIVER_INVALID_VALUE;
  return LAZY_DRIVER_SUCCESS;
}

static void pack(const lazyi_host_kernel *kernel, void *to, void **parameters, void **extra) {
  const ptx_function *function = ((const emu_kernel *)kernel->own)->entry->function;
  unsigned char *packed = to;
  memset(packed, 0, kernel->params_bytes);
  if (extra != NULL) {
    size_t bytes;
    const void *buffer = extra_buffer(extra, &bytes);
    memcpy(packed, buffer, bytes);
  } else {
    for (uint32_t i = 0; i < function->param_count; i++)
      memcpy(packed + function->params[i]->offset, parameters[i], function->params[i]->bytes);
  }
}

/* ---- limits; the host provider has checked those that are every device's ---- */

static bool is_said(const uint32_t sizes[3]) { return sizes[0] != 0; }
static uint64_t product(const uint32_t sizes[3]) {
  return (uint64_t)sizes[0] * (sizes[1] != 0 ? sizes[1] : 1) * (sizes[2] != 0 ? sizes[2] : 1);
}

static int check_shape(const emu_entry *entry, const lazyi_host_shape *shape) {
  const ptx_function *function = entry->function;
  const emu_gpu *gpu = emu_gpu_chosen();
  const uint64_t threads = product(shape->block);
  if (shape->block[2] > MAX_BLOCK_Z || entry->shared_bytes + shape->shared_bytes > gpu->shared_per_block)
    return LAZY_DRIVER_INVALID_VALUE;
  if (is_said(function->required_threads))
    for (int i = 0; i < 3; i++)
      if (shape->block[i] != (function->required_threads[i] != 0 ? function->required_threads[i] : 1))
        return LAZY_DRIVER_INVALID_VALUE;
  if (is_said(function->max_threads) && threads > product(function->max_threads))
    return LAZY_DRIVER_LAUNCH_OUT_OF_RESOURCES;
  if ((flags & COOPERATIVE) != 0) {
    uint64_t resident = gpu->threads_per_multiprocessor / threads;
    if (resident > gpu->blocks_per_multiprocessor) resident = gpu->blocks_per_multiprocessor;
    if (product(shape->grid) > resident * gpu->multiprocessors) return EMU_COOPERATIVE_LAUNCH_TOO_LARGE;
  }
  return LAZY_DRIVER_SUCCESS;
}

static int check_launch(const lazyi_host_kernel *kernel, lazyi_host_shape *shape, void **parameters,
                        void **extra, uint64_t *out_pieces) {
  const emu_entry *entry = ((const emu_kernel *)kernel->own)->entry;
  int result = check_shape(entry, shape);
  if (result == LAZY_DRIVER_SUCCESS) result = check_parameters(entry->function, parameters, extra);
  const uint64_t blocks = product(shape->grid);
  shape->flags = flags;
  *out_pieces = blocks < lazyi_host.workers ? blocks : lazyi_host.workers;
  return result;
}

int emu_launch_cooperative(lazy_driver_function function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                           unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                           lazy_driver_stream stream, void **parameters) {
  flags = COOPERATIVE;
  int result = lazyi_host_driver()->launch_kernel(function, grid_x, grid_y, grid_z, block_x, block_y, block_z,
                                                  shared_bytes, stream, parameters, NULL);
  flags = 0;
  return result;
}

/* ---- commands ---- */

/* What a driver lays out for cooperative_groups: the size, and the word that blocks meet at. */
typedef struct workspace {
  uint32_t bytes, barrier;
} workspace;

/* From a command's begin to its end; blocks of a launch carry it. */
typedef struct running {
  void *clock;
  workspace *workspace;
  emu_launch launch; /* of a kernel's */
} running;

static int check_ranges(void *clock, const lazyi_host_work *work) {
  if (work->to_device && work->from_device) return emu_check_copy(clock, work->to, work->from, work->bytes);
  if (work->from_device) return emu_check_range(clock, work->name, work->from, work->bytes, EMU_READ);
  if (work->to_device) return emu_check_range(clock, work->name, work->to, work->bytes, EMU_WRITE);
  return LAZY_DRIVER_SUCCESS;
}

static bool make_workspace(running *now) {
  now->workspace = calloc(1, sizeof *now->workspace);
  if (now->workspace == NULL) return false;
  now->workspace->bytes = sizeof *now->workspace;
  now->launch.workspace = (uintptr_t)now->workspace | (lazyi_host.strict ? LAZYI_HOST_TAG : 0);
  emu_check_alloc(now->launch.workspace, sizeof *now->workspace, false);
  emu_check_written(now->launch.workspace, sizeof *now->workspace);
  return true;
}

static void end_running(running *now) {
  if (now->workspace != NULL) emu_check_free(now->launch.workspace, sizeof *now->workspace, false);
  emu_check_end(now->clock);
  free(now->workspace);
  free(now);
}

static int begin(const lazyi_host_work *work) {
  static uint64_t launches; /* under the provider's lock, as all of this */
  running *now = calloc(1, sizeof *now);
  if (now == NULL) return LAZY_DRIVER_OUT_OF_MEMORY;
  *work->state = now;
  now->clock = emu_check_begin(work->past, work->name);
  int result = LAZY_DRIVER_SUCCESS;
  if (work->kernel == NULL) {
    result = check_ranges(now->clock, work);
  } else if (emu_kernel_is_gone(work->kernel->own)) {
    emu_tell_host(work->name, EMU_USE_AFTER_FREE, "its module was unloaded");
    result = emu_trouble_result(EMU_USE_AFTER_FREE);
  } else {
    const emu_kernel *kernel = work->kernel->own;
    emu_launch *launch = &now->launch;
    launch->entry = kernel->entry;
    memcpy(launch->shape.grid, work->shape->grid, sizeof launch->shape.grid);
    memcpy(launch->shape.block, work->shape->block, sizeof launch->shape.block);
    launch->shape.dynamic_shared_bytes = work->shape->shared_bytes;
    launch->shape.is_cooperative = (work->shape->flags & COOPERATIVE) != 0;
    launch->params = work->params;
    launch->id = ++launches;
    launch->order = work->order;
    launch->seed = work->seed;
    launch->blocks = product(work->shape->grid);
    launch->clock = now->clock;
    if (launch->shape.is_cooperative && !make_workspace(now)) result = LAZY_DRIVER_OUT_OF_MEMORY;
  }
  if (result != LAZY_DRIVER_SUCCESS) {
    end_running(now);
    *work->state = NULL;
  } else if (work->kernel != NULL) {
    now->launch.counters = emu_counters_begin(&now->launch);
  }
  return result;
}

static int end(const lazyi_host_work *work) {
  running *now = *work->state;
  int result = LAZY_DRIVER_SUCCESS;
  if (work->kernel != NULL) {
    result = atomic_load(&now->launch.fault);
    emu_counters_end(now->launch.counters);
  }
  end_running(now);
  *work->state = NULL;
  return result;
}

void emu_run_piece(const void *params, const lazyi_host_block *block) {
  (void)params; /* the launch has them */
  running *now = block->launch;
  emu_launch_work(&now->launch);
}

const lazyi_host_instrument emu_instrument = {
    .check_launch = check_launch,
    .pack = pack,
    .allocated = emu_check_alloc,
    .freed = emu_check_free,
    .order = emu_check_order,
    .forget = emu_check_forget,
    .begin = begin,
    .end = end,
};
