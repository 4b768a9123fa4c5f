/* What does a launch cost, and what does capturing save?

   An empty piece of work (a fill of one element by a kernel) submitted and waited for; a thousand of them
   queued one by one, and the same thousand captured and launched as one graph. Validated first: the element
   changes. */
#include "runtime/tensor/core.h"

#include "bench/bench.h"
#include "runtime/launch/ops.h"

enum { MANY = 1000 };

typedef struct rig {
  lazyi_core *core;
  lazy_driver_stream stream;
  lazyi_block block;
} rig;

static lazy_status open_rig(rig *r) {
  LAZY_TRY(lazyi_core_open("auto", &r->core));
  LAZY_TRY(lazyi_core_enter(r->core));
  LAZY_TRY(LAZYI_DRIVER(&r->core->device, stream_create, &r->stream, LAZY_DRIVER_STREAM_NON_BLOCKING));
  return lazyi_arena_alloc(&r->core->arena, 4096, r->stream, NULL, &r->block);
}
static void close_rig(rig *r) {
  lazyi_arena_free(&r->core->arena, r->block, r->stream);
  (void)r->core->device.driver->stream_destroy(r->stream);
  lazyi_core_leave(r->core);
  lazyi_core_release(r->core);
}

static lazy_status tiny(const rig *r, uint32_t value) {
  return lazyi_launch_fill(&r->core->launcher, r->block.address, 1, 4, value, r->stream);
}
static lazy_status wait(const rig *r) {
  return LAZYI_DRIVER(&r->core->device, stream_synchronize, r->stream);
}
static lazy_status read_back(const rig *r, uint32_t *out_value) {
  LAZY_TRY(LAZYI_DRIVER(&r->core->device, memcpy_dtoh_async, out_value, r->block.address, 4, r->stream));
  return wait(r);
}

static lazy_status queue_many(const rig *r, uint32_t value) {
  for (int i = 0; i < MANY; i++) LAZY_TRY(tiny(r, value));
  return LAZY_STATUS_OK;
}

BENCH(launch_and_wait) {
  rig r;
  uint32_t value = 0;
  BENCH_OK(state, open_rig(&r));
  BENCH_OK(state, tiny(&r, 7));
  BENCH_OK(state, read_back(&r, &value));
  BENCH_CHECK(state, value == 7);
  while (bench_next(state)) {
    BENCH_OK(state, tiny(&r, 8));
    BENCH_OK(state, wait(&r));
  }
  close_rig(&r);
}

BENCH(thousand_plain) {
  rig r;
  uint32_t value = 0;
  BENCH_OK(state, open_rig(&r));
  BENCH_OK(state, queue_many(&r, 9));
  BENCH_OK(state, read_back(&r, &value));
  BENCH_CHECK(state, value == 9);
  while (bench_next(state)) {
    BENCH_OK(state, queue_many(&r, 9));
    BENCH_OK(state, wait(&r));
  }
  bench_items(state, MANY);
  close_rig(&r);
}

BENCH(thousand_captured) {
  rig r;
  uint32_t value = 0;
  lazy_driver_graph graph = NULL;
  lazy_driver_exec exec = NULL;
  BENCH_OK(state, open_rig(&r));
  const lazyi_device *device = &r.core->device;
  BENCH_CHECK(state, device->driver->graph_launch != NULL);
  BENCH_OK(state,
           LAZYI_DRIVER(device, stream_begin_capture, r.stream, LAZY_DRIVER_CAPTURE_MODE_THREAD_LOCAL));
  BENCH_OK(state, queue_many(&r, 11));
  BENCH_OK(state, LAZYI_DRIVER(device, stream_end_capture, r.stream, &graph));
  BENCH_OK(state, LAZYI_DRIVER(device, graph_instantiate, &exec, graph, 0));
  BENCH_OK(state, LAZYI_DRIVER(device, graph_launch, exec, r.stream));
  BENCH_OK(state, read_back(&r, &value));
  BENCH_CHECK(state, value == 11);
  while (bench_next(state)) {
    BENCH_OK(state, LAZYI_DRIVER(device, graph_launch, exec, r.stream));
    BENCH_OK(state, wait(&r));
  }
  bench_items(state, MANY);
  BENCH_OK(state, LAZYI_DRIVER(device, graph_exec_destroy, exec));
  BENCH_OK(state, LAZYI_DRIVER(device, graph_destroy, graph));
  close_rig(&r);
}
