/* The way that a program with a GPU takes, walked without one: a context on the cuda provider with a driver
   of fake_cuda.c or the emulator under it and fake_cublas.c as its cuBLAS. A driver is open for the process,
   so each scenario is a run: gpu_path SCENARIO      0: all held; 1: the line that did not; 77: this build has
   no kernels for GPUs */
#include <dlfcn.h>
#include <lazyrt/dlpack_types.h>
#include <lazyrt/lazyrt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/images.h"
#include "runtime/driver/cuda.h"
#include "runtime/graph/graph.h"
#include "runtime/launch/launch.h"
#include "tests/emulator/control.h"
#include "tests/fake_cublas.h"

#define REQUIRE(condition)                                                                     \
  do {                                                                                         \
    if (!(condition)) {                                                                        \
      fprintf(stderr, "%s:%d: not so: %s; last message: %s\n", __FILE__, __LINE__, #condition, \
              lazy_status_message());                                                          \
      exit(1);                                                                                 \
    }                                                                                          \
  } while (0)
#define REQUIRE_OK(expression) REQUIRE((expression) == LAZY_STATUS_OK)

static void name_driver(const char *kind) {
  char path[4096];
  (void)snprintf(path, sizeof path, "%s/libfake_cuda_%s.so", LAZYRT_FAKE_CUDA_DIR, kind);
  setenv("LAZYRT_CUDA_LIBRARY", path, 1);
  setenv("LAZYRT_HOST_STRICT", "1", 1); /* in the driver: addresses that the CPU cannot follow */
}

static const emu_control *emulator; /* NULL: the driver is another */

/* The library that runs the kernels' PTX, under its checkers. */
static void name_emulator(void) {
  void *library = dlopen(LAZYRT_EMULATOR, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) (void)fprintf(stderr, "%s\n", dlerror());
  REQUIRE(library != NULL);
  setenv("LAZYRT_CUDA_LIBRARY", LAZYRT_EMULATOR, 1);
  emulator = dlsym(library, EMU_CONTROL_SYMBOL);
  REQUIRE(emulator != NULL);
}

static void require_no_report(void) {
  for (size_t i = 0; emulator != NULL && i < emulator->report_count(); i++)
    (void)fprintf(stderr, "%s\n", emulator->report_text(i));
  REQUIRE(emulator == NULL || emulator->report_count() == 0);
}

static fake_cublas *name_cublas(void) {
  const lazy_driver *driver;
  void *library = dlopen(LAZYRT_FAKE_CUBLAS, RTLD_NOW | RTLD_LOCAL);
  REQUIRE(library != NULL);
  setenv("LAZYRT_CUBLAS_LIBRARY", LAZYRT_FAKE_CUBLAS, 1);
  fake_cublas *fake = dlsym(library, "fake_cublas_state");
  REQUIRE_OK(lazyi_cuda_driver(&driver));
  fake->launch_host_func = driver->launch_host_func;
  if (emulator != NULL) fake->wrote = emulator->wrote;
  return fake;
}

/* ---- images ---- */

static const unsigned char code[64] = {0x50, 0xED, 0x55, 0xBA};
static const char ptx[] = "// for a test\n.version 9.0\n.target sm_75\n";

static lazy_status load(const void *fatbin, const char *text, lazy_driver_module *out_module) {
  lazyi_device device;
  REQUIRE_OK(lazyi_device_open("cuda", &device));
  REQUIRE_OK(lazyi_device_enter(&device));
  const lazyi_gpu_images images = {fatbin, text};
  lazy_status status = lazyi_launch_load_gpu(&device, &images, out_module);
  if (status == LAZY_STATUS_OK) {
    lazy_driver_function function;
    REQUIRE(device.driver->module_get_function(&function, *out_module, "lazy_k_fill") == 0);
    REQUIRE(device.driver->module_unload(*out_module) == 0);
  }
  lazyi_device_leave(&device);
  lazyi_device_close(&device);
  return status;
}

static void machine_code_is_loaded(void) {
  lazy_driver_module module = NULL;
  name_driver("WORKING");
  REQUIRE_OK(load(code, "no PTX", &module));
  /* A build without nvcc. */
  REQUIRE(load(NULL, "", &module) == LAZY_STATUS_NO_DEVICE);
  REQUIRE(strstr(lazy_status_message(), "has no kernels for NVIDIA GPUs") != NULL);
}

static void ptx_serves_where_there_is_no_code(void) {
  lazy_driver_module module = NULL;
  name_driver("NO_CODE");
  REQUIRE_OK(load(code, ptx, &module));
}

static void a_gpu_that_neither_serves_is_refused(void) {
  lazy_driver_module module = NULL;
  name_driver("NO_PTX");
  REQUIRE(load(code, ptx, &module) == LAZY_STATUS_NO_DEVICE);
  REQUIRE(module == NULL);
  const char *message = lazy_status_message();
  REQUIRE(strstr(message, "machine code: ") != NULL && strstr(message, " (209); PTX: ") != NULL);
  REQUIRE(strstr(message, " (222). Wanted: ") != NULL && strstr(message, "cuda:0 (") != NULL);
  REQUIRE(strstr(message, "compute capability ") != NULL);
}

/* ---- the whole ---- */

enum { ROWS = 5, IN = 7, OUT = 6 };

static void read_param(lazy_module *module, const char *path, float *out_values, size_t bytes) {
  lazy_param *param;
  lazy_array *array;
  REQUIRE_OK(lazy_module_find_param(module, path, &param));
  REQUIRE_OK(lazy_param_array(param, &array));
  REQUIRE_OK(lazy_array_download(array, out_values, bytes));
  DLManagedTensorVersioned *tensor;
  REQUIRE_OK(lazy_array_to_dlpack(array, NULL, &tensor));
  REQUIRE(tensor->dl_tensor.device.device_type == kDLCUDA && tensor->dl_tensor.device.device_id == 0);
  REQUIRE((uintptr_t)tensor->dl_tensor.data == lazy_array_address(array));
  tensor->dl_tensor.device.device_id = 1;
  lazy_array *untaken = NULL;
  REQUIRE(lazy_array_from_dlpack(lazy_module_context(module), tensor, NULL, &untaken) ==
          LAZY_STATUS_INVALID_VALUE);
  REQUIRE(
      strstr(lazy_status_message(), "kDLCUDA (2) number 1, wanted kDLCUDA of the context's device cuda:0"));
  tensor->deleter(tensor);
  lazy_array_release(array);
}

/* Forwards, their numbers, and the estimate made beforehand, the product's workspace in it. The first
   `product_runs` of four call cuBLAS, the rest are replayed. */
static void run_model(bool capture, int product_runs) {
  float x[ROWS * IN], weight[OUT * IN], bias[OUT], found[ROWS * OUT];
  lazy_context *context;
  lazy_module *linear;
  lazy_graph *graph;
  lazy_plan *plan;
  lazy_array *input;
  lazy_outputs outputs;
  fake_cublas *fake = name_cublas();
  REQUIRE_OK(lazy_context_open("auto", NULL, &context));
  REQUIRE(strncmp(lazy_context_device_name(context), "cuda:0 (", 8) == 0);
  lazy_linear_options options = LAZY_LINEAR_DEFAULTS;
  options.out_features = OUT;
  REQUIRE_OK(lazy_module_create(context, &lazy_class_lazy_linear, &options, &linear));
  const lazy_graph_options graph_options = {.struct_size = sizeof graph_options, .capture = capture};
  REQUIRE_OK(lazy_graph_create(linear, &graph_options, &graph));
  REQUIRE_OK(lazy_graph_plan(graph, LAZY_ARGS(LAZY_INPUT(ROWS, IN)), &plan));
  const uint64_t workspace = lazy_plan_get_totals(plan)->workspace_bytes;
  lazy_plan_release(plan);
  REQUIRE(workspace >= 64 << 10);
  for (int i = 0; i < ROWS * IN; i++) x[i] = (float)(i % 11) / 4 - 1;
  const lazy_shape shape = LAZY_DIMS(ROWS, IN);
  REQUIRE_OK(lazy_array_from_data(context, LAZY_DTYPE_F32, &shape, x, &input));
  for (int run = 1; run <= 4; run++) {
    for (int i = 0; i < ROWS * IN; i++) x[i] += (float)(i % run);
    REQUIRE_OK(lazy_array_upload(input, x, sizeof x));
    REQUIRE_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(input)), &outputs));
    REQUIRE_OK(lazy_graph_download(graph, outputs.at[0], found, sizeof found));
    REQUIRE(fake->products == (run > product_runs ? product_runs : run) && fake->math_mode == 16);
  }
  lazy_context_statistics statistics = {.struct_size = sizeof statistics};
  lazy_context_get_statistics(context, &statistics);
  REQUIRE(statistics.workspace_bytes == workspace);
  read_param(linear, "weight", weight, sizeof weight);
  read_param(linear, "bias", bias, sizeof bias);
  for (int i = 0; i < ROWS; i++)
    for (int j = 0; j < OUT; j++) {
      double wanted = bias[j];
      for (int k = 0; k < IN; k++) wanted += (double)x[i * IN + k] * weight[j * IN + k];
      REQUIRE(fabs(found[i * OUT + j] - wanted) < 1e-5);
    }
  lazy_array_release(input);
  lazy_graph_destroy(graph);
  lazy_module_release(linear);
  lazy_context_close(context);
  REQUIRE(fake->live_handles == 0);
}

/* From machine code. */
static void a_model_runs(void) {
  name_driver("WORKING");
  run_model(false, 4);
}
/* By a driver that cannot launch graphs: asking for capture has no effect. */
static void without_graphs_nothing_is_captured(void) {
  name_driver("NO_CODE");
  run_model(true, 4);
}
static void a_model_runs_from_ptx(void) {
  name_emulator();
  run_model(false, 4);
}
static void a_model_is_captured(void) {
  name_emulator();
  run_model(true, 2);
}

/* Branches run on lanes, streams of their own: their products do not share a workspace. */
static lazy_tensor branches_forward(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  lazy_tensor x = lazy_arg(recorder, args, 0), left = lazy_call(recorder, lazy_module_child_at(self, 0), x);
  return lazy_add(recorder, left, lazy_call(recorder, lazy_module_child_at(self, 1), x));
}
static const lazy_class branches = {LAZY_CLASS("Branches"), .forward = branches_forward};

static void branches_have_a_workspace_each(void) {
  lazy_context *context;
  lazy_module *net, *child;
  lazy_graph *graph;
  lazy_array *input;
  lazy_outputs outputs;
  name_emulator();
  fake_cublas *fake = name_cublas();
  REQUIRE_OK(lazy_context_open("cuda", NULL, &context));
  REQUIRE_OK(lazy_module_create(context, &branches, NULL, &net));
  lazy_linear_options options = LAZY_LINEAR_DEFAULTS;
  options.out_features = OUT;
  for (int i = 0; i < 2; i++) {
    REQUIRE_OK(lazy_module_create(context, &lazy_class_lazy_linear, &options, &child));
    REQUIRE_OK(lazy_module_give_child(net, i == 0 ? "left" : "right", child));
  }
  REQUIRE_OK(lazy_graph_create(net, NULL, &graph));
  graph->planner.lane_bytes = 1; /* however little a branch does */
  const lazy_shape shape = LAZY_DIMS(ROWS, IN);
  REQUIRE_OK(lazy_array_create(context, LAZY_DTYPE_F32, &shape, &input));
  REQUIRE_OK(lazy_array_fill(input, 0.5));
  for (int run = 1; run <= 2; run++)
    REQUIRE_OK(lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(input)), &outputs));
  REQUIRE(fake->products == 4 && fake->streams == 2 && fake->shared_workspaces == 0);
  float weights[2][OUT * IN], bias[2][OUT], found[ROWS * OUT];
  REQUIRE_OK(lazy_graph_download(graph, outputs.at[0], found, sizeof found));
  read_param(net, "left.weight", weights[0], sizeof weights[0]);
  read_param(net, "right.weight", weights[1], sizeof weights[1]);
  read_param(net, "left.bias", bias[0], sizeof bias[0]);
  read_param(net, "right.bias", bias[1], sizeof bias[1]);
  for (int i = 0; i < ROWS * OUT; i++) {
    const int j = i % OUT;
    double wanted = (double)bias[0][j] + bias[1][j];
    for (int k = 0; k < IN; k++) wanted += 0.5 * ((double)weights[0][j * IN + k] + weights[1][j * IN + k]);
    REQUIRE(fabs(found[i] - wanted) < 1e-5);
  }
  lazy_array_release(input);
  lazy_graph_destroy(graph);
  lazy_module_release(net);
  lazy_context_close(context);
}

static char warning[2048];
static void keep_warning(void *user, const char *message) {
  (void)user;
  (void)snprintf(warning, sizeof warning, "%s", message);
}

/* Opening the GPU went well, its kernels did not: "auto" is the host all the same, and says why. */
static void auto_falls_back_to_the_host(void) {
  lazy_context *context;
  name_driver("NO_PTX");
  const lazy_context_options options = {.struct_size = sizeof options, .warn = keep_warning};
  REQUIRE_OK(lazy_context_open("auto", &options, &context));
  REQUIRE(strncmp(lazy_context_device_name(context), "host (", 6) == 0);
  REQUIRE(strstr(warning, "device \"auto\" is the host, as the GPU cannot be used: cuda:0") == warning);
  const char *reason = lazyi_kernels_fatbin_bytes == 0 ? "has no kernels" : "(209); PTX: ";
  REQUIRE(lazyi_kernels_fatbin_bytes == 0 || strstr(warning, reason) != NULL);
  REQUIRE(strstr(lazy_status_message(), reason) != NULL);
  lazy_context_close(context);
  REQUIRE(lazy_context_open("cuda", &options, &context) == LAZY_STATUS_NO_DEVICE);
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    void (*run)(void);
    bool needs_kernels;
  } scenarios[] = {
      {"machine_code_is_loaded", machine_code_is_loaded, false},
      {"ptx_serves_where_there_is_no_code", ptx_serves_where_there_is_no_code, false},
      {"a_gpu_that_neither_serves_is_refused", a_gpu_that_neither_serves_is_refused, false},
      {"auto_falls_back_to_the_host", auto_falls_back_to_the_host, false},
      {"a_model_runs", a_model_runs, true},
      {"without_graphs_nothing_is_captured", without_graphs_nothing_is_captured, true},
      {"a_model_runs_from_ptx", a_model_runs_from_ptx, true},
      {"a_model_is_captured", a_model_is_captured, true},
      {"branches_have_a_workspace_each", branches_have_a_workspace_each, true},
  };
  for (size_t i = 0; argc == 2 && i < sizeof scenarios / sizeof *scenarios; i++) {
    if (strcmp(argv[1], scenarios[i].name) != 0) continue;
    if (scenarios[i].needs_kernels && lazyi_kernels_fatbin_bytes == 0) return 77;
    scenarios[i].run();
    require_no_report();
    return 0;
  }
  return 2;
}
