/* A program to look at under a profiler: a model of the given depth, one first forward, a warm-up, and a
   steady state that lies between cuProfilerStart and cuProfilerStop where the device has them.

   On a machine with an NVIDIA GPU and Nsight Systems:

     nsys profile --trace=cuda,nvtx,osrt --capture-range=cudaProfilerApi --capture-range-end=stop \
       --output=steady build/full/bench/profile --device cuda
     nsys profile --trace=cuda,nvtx,osrt --output=whole build/full/bench/profile --device cuda
     nsys stats --report nvtx_sum,nvtx_gpu_proj_sum,nvtx_kern_sum steady.nsys-rep

   The first shows the steady state alone, the second the first forward too; nvtx_gpu_proj_sum gives each
   module the time of its kernels. Without nsys:

     build/full/bench/profile --chrome trace.json        # open in ui.perfetto.dev or chrome://tracing

   attaches tests/nvtx_injection.c instead, and writes what it saw. The program prints the ranges to expect.
 */
#include <dlfcn.h>
#include <inttypes.h>
#include <lazyrt/lazyrt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/tensor/context.h"
#include "runtime/tensor/core.h"
#include "tests/nvtx_injection.h"
#if LAZYRT_HAVE_NVTX
#include <nvtx3/nvToolsExt.h>
/* The program's own ranges go to the default domain: lazyrt's never mix with them. */
static void begin(const char *name) { (void)nvtxRangePushA(name); }
static void end(void) { (void)nvtxRangePop(); }
#else
static void begin(const char *name) { (void)name; }
static void end(void) {}
#endif

typedef struct options {
  const char *device, *chrome;
  int64_t rows, features;
  int depth, warmups, forwards;
} options;

static int usage(const char *program) {
  fprintf(stderr,
          "usage: %s [--device NAME] [--chrome FILE] [--rows N] [--features N] [--depth N] [--warmups N]\n"
          "          [--forwards N]\n",
          program);
  return 2;
}

static bool parse(int argc, char **argv, options *o) {
  *o = (options){.device = "auto", .rows = 64, .features = 256, .depth = 3, .warmups = 5, .forwards = 20};
  for (int i = 1; i < argc; i += 2) {
    const char *name = argv[i], *value = argv[i + 1];
    if (value == NULL) return false;
    long long number = strtoll(value, NULL, 10);
    if (strcmp(name, "--device") == 0) o->device = value;
    else if (strcmp(name, "--chrome") == 0) o->chrome = value;
    else if (number < 1 || number > 1 << 16) return false;
    else if (strcmp(name, "--rows") == 0) o->rows = number;
    else if (strcmp(name, "--features") == 0) o->features = number;
    else if (strcmp(name, "--depth") == 0) o->depth = (int)number;
    else if (strcmp(name, "--warmups") == 0) o->warmups = (int)number;
    else if (strcmp(name, "--forwards") == 0) o->forwards = (int)number;
    else return false;
  }
  return true;
}

/* Net((stem): LazyLinear (block0): Block((fc): LazyLinear (act): GELU) ... (head): LazyLinear), as text: what
   a user would write. */
static lazy_status make_model(lazy_context *context, const options *o, lazy_module **out_net) {
  size_t bytes = 256 + (size_t)o->depth * 128, at = 0;
  char *text = malloc(bytes);
  if (text == NULL) return lazy_status_fail(LAZY_STATUS_OUT_OF_MEMORY, "the model's text");
  at += (size_t)snprintf(text, bytes, "Net(\n  (stem): LazyLinear(out_features=%" PRId64 ")\n", o->features);
  for (int i = 0; i < o->depth; i++)
    at += (size_t)snprintf(text + at, bytes - at,
                           "  (block%d): Block(\n    (fc): LazyLinear(out_features=%" PRId64
                           ")\n    (act): GELU()\n  )\n",
                           i, o->features);
  (void)snprintf(text + at, bytes - at, "  (head): LazyLinear(out_features=10)\n)\n");
  lazy_status status = lazy_module_parse(context, text, out_net);
  free(text);
  return status;
}

/* ---- what a profiler is to show ---- */

static void print_expected(const options *o) {
  printf("ranges in the domain \"%s\":\n", LAZY_TRACE_DOMAIN);
  printf("  first forward   %s { %s, %s, %s, %s, %s, %s, %s { Net { ... } } }\n",
         lazy_trace_range_name(LAZY_TRACE_FORWARD), lazy_trace_range_name(LAZY_TRACE_RECORD),
         lazy_trace_range_name(LAZY_TRACE_INFER), lazy_trace_range_name(LAZY_TRACE_OPEN_BLAS),
         lazy_trace_range_name(LAZY_TRACE_PLAN), lazy_trace_range_name(LAZY_TRACE_INIT),
         lazy_trace_range_name(LAZY_TRACE_COMMIT), lazy_trace_range_name(LAZY_TRACE_RUN));
  printf("  each later one  %s { %s, %s { Net { ... } } }\n", lazy_trace_range_name(LAZY_TRACE_FORWARD),
         lazy_trace_range_name(LAZY_TRACE_RECORD), lazy_trace_range_name(LAZY_TRACE_RUN));
  printf(
      "  Net             stem (Linear), block0 (Block) { block0.fc (Linear), block0.act (GELU) }, ... to "
      "block%d, head (Linear)\n",
      o->depth - 1);
}

/* ---- the run ---- */

/* Only some drivers have a profiler to tell. */
static void tell_profiler(lazy_context *context, bool start) {
  const lazy_driver *driver = context->core->device.driver;
  int (*call)(void) = start ? driver->profiler_start : driver->profiler_stop;
  if (call == NULL) return;
  int result = call();
  if (result != LAZY_DRIVER_SUCCESS) fprintf(stderr, "profiler: result %d\n", result);
}

static lazy_status run(lazy_context *context, const options *o) {
  lazy_module *net = NULL;
  lazy_graph *graph = NULL;
  lazy_array *x = NULL;
  const lazy_shape shape = LAZY_DIMS(o->rows, o->features);
  size_t count = (size_t)(o->rows * o->features);
  float *values = malloc(count * sizeof *values);
  if (values == NULL) return lazy_status_fail(LAZY_STATUS_OUT_OF_MEMORY, "the input");
  for (size_t i = 0; i < count; i++) values[i] = (float)(i % 17) / 17 - 0.5f;
  lazy_status status = make_model(context, o, &net);
  if (status == LAZY_STATUS_OK) status = lazy_graph_create(net, NULL, &graph);
  if (status == LAZY_STATUS_OK) status = lazy_array_from_data(context, LAZY_DTYPE_F32, &shape, values, &x);
  begin("first forward");
  if (status == LAZY_STATUS_OK) status = lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(x)), NULL);
  if (status == LAZY_STATUS_OK) status = lazy_graph_synchronize(graph);
  end();
  begin("warm-up");
  for (int i = 0; i < o->warmups && status == LAZY_STATUS_OK; i++)
    status = lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(x)), NULL);
  if (status == LAZY_STATUS_OK) status = lazy_graph_synchronize(graph);
  end();
  tell_profiler(context, true);
  begin("steady state");
  for (int i = 0; i < o->forwards && status == LAZY_STATUS_OK; i++)
    status = lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(x)), NULL);
  if (status == LAZY_STATUS_OK) status = lazy_graph_synchronize(graph);
  end();
  tell_profiler(context, false);
  lazy_array_release(x);
  lazy_graph_destroy(graph);
  lazy_module_release(net);
  free(values);
  return status;
}

/* ---- without nsys ---- */

static void write_quoted(FILE *file, const char *text) {
  fputc('"', file);
  for (; *text != '\0'; text++) {
    if (*text == '"' || *text == '\\') fputc('\\', file);
    if ((unsigned char)*text < ' ') fprintf(file, "\\u%04x", (unsigned)*text);
    else fputc(*text, file);
  }
  fputc('"', file);
}

/* The Trace Event Format: B and E events in microseconds; the category is the NVTX domain and category. */
static bool write_chrome(const char *path) {
  void *library = dlopen(LAZYRT_NVTX_INJECTION, RTLD_NOLOAD | RTLD_NOW);
  const nvtx_reader *reader = library != NULL ? dlsym(library, NVTX_READER_SYMBOL) : NULL;
  if (reader == NULL || reader->count() == 0) {
    fprintf(stderr, "%s: the ranges were not seen\n", path);
    return false;
  }
  FILE *file = fopen(path, "w");
  if (file == NULL) {
    perror(path);
    return false;
  }
  size_t count = reader->count() < reader->capacity ? reader->count() : reader->capacity;
  if (count < reader->count())
    fprintf(stderr, "%s: the first %zu events of %zu\n", path, count, reader->count());
  fprintf(file, "{\"displayTimeUnit\": \"ns\", \"traceEvents\": [\n");
  for (size_t i = 0; i < count; i++) {
    const nvtx_event *event = reader->at(i);
    bool push = event->kind == NVTX_EVENT_PUSH;
    fprintf(file, "{\"ph\": \"%c\", \"pid\": 1, \"tid\": %d, \"ts\": %.3f", push ? 'B' : 'E', event->thread,
            (double)(event->ns - reader->at(0)->ns) / 1000);
    if (push) {
      fprintf(file, ", \"name\": ");
      write_quoted(file, event->name);
      fprintf(file, ", \"cat\": \"%s%s%s\", \"args\": {\"color\": \"#%06x\"}", event->domain,
              event->domain[0] != '\0' ? "," : "program",
              reader->category_name(event->domain, event->category), (unsigned)event->color & 0xffffff);
    }
    fprintf(file, "}%s\n", i + 1 < count ? "," : "");
  }
  fprintf(file, "]}\n");
  bool written = fclose(file) == 0;
  if (written) printf("%s: %zu events\n", path, count);
  return written;
}

int main(int argc, char **argv) {
  options o;
  lazy_context *context = NULL;
  if (!parse(argc, argv, &o)) return usage(argv[0]);
  if (o.chrome != NULL && LAZYRT_NVTX_INJECTION[0] == '\0') {
    fprintf(stderr, "--chrome: built without the NVTX headers\n");
    return 2;
  }
  /* before the first range: a tool attaches then or never */
  if (o.chrome != NULL && setenv("NVTX_INJECTION64_PATH", LAZYRT_NVTX_INJECTION, 1) != 0) return 1;
  LAZY_OR_EXIT(lazy_context_open(o.device, NULL, &context));
  static const char *const states[] = {"built without NVTX", "no tool", "a tool is attached"};
  printf("%s; %s\n", lazy_context_device_name(context), states[lazy_trace_get_state()]);
  print_expected(&o);
  LAZY_OR_EXIT(run(context, &o));
  lazy_context_close(context);
  return o.chrome == NULL || write_chrome(o.chrome) ? 0 : 1;
}
