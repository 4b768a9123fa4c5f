/* What do lanes gain where a model has two balanced branches?

   The argument is kilobytes that one step moves. Two branches of eight steps each on one input, added up: on
   one lane, on two, and on two as a replayed graph. On a GPU steps are kernels (tanh). The host device
   already gives a kernel to all workers, so there lanes gain nothing with kernels; "serial" steps are host
   functions that use one worker each, as a library's single-threaded product does, and show what is to be
   gained. */
#include <lazyrt/lazyrt.h>
#include <string.h>

#include "bench/bench.h"
#include "runtime/graph/graph.h"
#include "runtime/module/recorder.h"

enum { STEPS = 8 };

/* ---- an op whose work is one thread's
 * ------------------------------------------------------------------------ */

static void serial_work(void *user) {
  (void)user;
  double until = bench_clock() + 200e-6;
  while (bench_clock() < until) bench_keep(&until);
}
static lazy_status serial_launch(const lazyi_op_call *call) {
  return LAZYI_DRIVER(&call->core->device, launch_host_func, call->stream, serial_work, NULL);
}
static const char *const serial_operands[] = {"input"};
static const lazyi_op serial_op = {
    .name = "serial", .rule = LAZY_RULE_SAME, .operand_names = serial_operands, .launch = serial_launch};

static lazy_tensor step(lazy_recorder *recorder, lazy_tensor x, bool serial) {
  return serial ? recorder->methods->emit(recorder, &serial_op, &x, 1, NULL, 0, NULL, 0)
                : lazy_tanh(recorder, x);
}
static lazy_tensor branch_forward(lazy_recorder *recorder, const lazy_args *args, bool serial) {
  lazy_tensor x = lazy_arg(recorder, args, 0), left = x, right = lazy_mul(recorder, x, x);
  for (int i = 0; i < STEPS; i++) left = step(recorder, left, serial);
  for (int i = 0; i < STEPS; i++) right = step(recorder, right, serial);
  return lazy_add(recorder, left, right);
}
static lazy_tensor kernels_forward(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  (void)self;
  return branch_forward(recorder, args, false);
}
static lazy_tensor serial_forward(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  (void)self;
  return branch_forward(recorder, args, true);
}
static const lazy_class kernels_class = {LAZY_CLASS("Kernels"), .forward = kernels_forward};
static const lazy_class serial_class = {LAZY_CLASS("Serial"), .forward = serial_forward};

/* ---- the bench
 * ------------------------------------------------------------------------------------------------ */

typedef struct rig {
  lazy_context *context;
  lazy_module *model;
  lazy_array *input;
  lazy_graph *graph;
} rig;

static lazy_status open_rig(rig *r, const lazy_class *type, int64_t count, uint64_t lane_bytes,
                            bool capture) {
  const lazy_graph_options options = {.struct_size = sizeof options, .capture = capture};
  const lazy_shape shape = LAZY_DIMS(count);
  LAZY_TRY(lazy_context_open("auto", NULL, &r->context));
  LAZY_TRY(lazy_module_create(r->context, type, NULL, &r->model));
  LAZY_TRY(lazy_array_create(r->context, LAZY_DTYPE_F32, &shape, &r->input));
  LAZY_TRY(lazy_array_fill(r->input, 0.25));
  LAZY_TRY(lazy_graph_create(r->model, &options, &r->graph));
  r->graph->planner.lane_bytes = lane_bytes;
  return LAZY_STATUS_OK;
}
static void close_rig(rig *r) {
  lazy_graph_destroy(r->graph);
  lazy_array_release(r->input);
  lazy_module_release(r->model);
  lazy_context_close(r->context);
}
static lazy_status forward(rig *r) {
  lazy_outputs outputs;
  LAZY_TRY(lazy_graph_forward(r->graph, LAZY_ARGS(lazy_value_array(r->input)), &outputs));
  return lazy_graph_synchronize(r->graph);
}

static void time_branches(bench_state *state, const lazy_class *type, bool lanes, bool capture) {
  rig r = {0};
  int64_t count = bench_argument(state) * 1024 / 8;
  BENCH_OK(state, open_rig(&r, type, count, lanes ? 1 : UINT64_MAX, capture));
  for (int i = 0; i < 3; i++) BENCH_OK(state, forward(&r));
  BENCH_CHECK(state, r.graph->last->schedule.lane_count == (lanes ? 2 : 1));
  while (bench_next(state)) BENCH_OK(state, forward(&r));
  close_rig(&r);
}

BENCH_OVER(kernels_one_lane, 64, 1024, 16384) { time_branches(state, &kernels_class, false, false); }
BENCH_OVER(kernels_two_lanes, 64, 1024, 16384) { time_branches(state, &kernels_class, true, false); }
BENCH_OVER(kernels_two_lanes_captured, 64, 1024, 16384) { time_branches(state, &kernels_class, true, true); }
BENCH_OVER(serial_one_lane, 64) { time_branches(state, &serial_class, false, false); }
BENCH_OVER(serial_two_lanes, 64) { time_branches(state, &serial_class, true, false); }
BENCH_OVER(serial_two_lanes_captured, 64) { time_branches(state, &serial_class, true, true); }
