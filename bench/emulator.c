/* How fast does the emulator of the tests run init_params, and load a module of a megabyte?

   Through the cuda provider, as the tests do, over the library in the place of NVIDIA's driver. A launch's
   thread instructions are counted once, beside what is timed. Items per second are thread instructions, of
   all workers together; the drawn values are held against the host device's, bit for bit. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "kernels/images.h"
#include "runtime/launch/launch.h"
#include "tests/emulator/control.h"
#include "tests/emulator/counters.h"

enum { COUNT = 1 << 22, MEGABYTE = 1 << 20 };

typedef struct workbench {
  lazyi_device device;
  lazyi_launcher launcher;
  lazy_driver_stream stream;
  lazy_driver_address memory, table;
} workbench;

static lazy_status rig_open(workbench *rig, const char *device) {
  LAZY_TRY(lazyi_device_open(device, &rig->device));
  LAZY_TRY(lazyi_device_enter(&rig->device));
  LAZY_TRY(lazyi_launcher_init(&rig->device, &rig->launcher));
  LAZY_TRY(LAZYI_DRIVER(&rig->device, stream_create, &rig->stream, LAZY_DRIVER_STREAM_NON_BLOCKING));
  LAZY_TRY(LAZYI_DRIVER(&rig->device, mem_alloc, &rig->memory, COUNT * sizeof(float)));
  return LAZYI_DRIVER(&rig->device, mem_alloc, &rig->table, sizeof(struct lazy_init_segment));
}

static void rig_close(workbench *rig) {
  rig->device.driver->mem_free(rig->table);
  rig->device.driver->mem_free(rig->memory);
  rig->device.driver->stream_destroy(rig->stream);
  lazyi_launcher_deinit(&rig->launcher);
  lazyi_device_leave(&rig->device);
  lazyi_device_close(&rig->device);
}

static lazy_status draw(const workbench *rig, uint8_t rule) {
  const uint32_t tiles = (COUNT + LAZY_INIT_TILE - 1) / LAZY_INIT_TILE;
  const struct lazy_init_segment segment = {
      .count = COUNT, .path_hash = 7, .b = 0.5, .dtype = LAZY_DTYPE_F32, .rule = rule};
  struct lazy_k_init_params_params params = {rig->table, rig->memory, 1, 1, tiles, 0};
  LAZY_TRY(LAZYI_DRIVER(&rig->device, memcpy_htod_async, rig->table, &segment, sizeof segment, rig->stream));
  LAZY_TRY(lazyi_launch(&rig->launcher, LAZYI_KERNEL_INIT_PARAMS, lazyi_launch_grid(&rig->launcher, tiles, 1),
                        LAZYI_LAUNCH_BLOCK, &params, rig->stream));
  return LAZYI_DRIVER(&rig->device, stream_synchronize, rig->stream);
}

static lazy_status read_back(const workbench *rig, float *values) {
  LAZY_TRY(LAZYI_DRIVER(&rig->device, memcpy_dtoh_async, values, rig->memory, COUNT * sizeof *values,
                        rig->stream));
  return LAZYI_DRIVER(&rig->device, stream_synchronize, rig->stream);
}

static float found[COUNT], wanted[COUNT];

static void measure(bench_state *state, uint8_t rule, bool with_checks) {
  workbench rig;
  void *library = dlopen(LAZYRT_EMULATOR, RTLD_NOW | RTLD_LOCAL);
  BENCH_CHECK(state, library != NULL);
  const emu_control *control = dlsym(library, EMU_CONTROL_SYMBOL);
  BENCH_CHECK(state, control != NULL && setenv("LAZYRT_CUDA_LIBRARY", LAZYRT_EMULATOR, 1) == 0);

  BENCH_OK(state, rig_open(&rig, "host"));
  BENCH_OK(state, draw(&rig, rule));
  BENCH_OK(state, read_back(&rig, wanted));
  rig_close(&rig);

  BENCH_OK(state, rig_open(&rig, "cuda"));
  control->set_checks(with_checks);
  control->count_launches(true);
  BENCH_OK(state, draw(&rig, rule));
  BENCH_CHECK(state, control->last_launch() != NULL);
  const uint64_t instructions = control->last_launch()->total.threads;
  control->count_launches(false);
  BENCH_OK(state, read_back(&rig, found));
  BENCH_CHECK(state, memcmp(found, wanted, sizeof found) == 0 && control->report_count() == 0);
  while (bench_next(state)) BENCH_OK(state, draw(&rig, rule));
  bench_items(state, instructions);
  bench_counter(state, "per element", (double)instructions / COUNT);
  bench_label(state, rig.device.name);
  rig_close(&rig);
  control->set_checks(true);
  dlclose(library);
}
BENCH(uniform_f32_checked) { measure(state, LAZY_INIT_UNIFORM, true); }
BENCH(uniform_f32_unchecked) { measure(state, LAZY_INIT_UNIFORM, false); }
BENCH(normal_f32_checked) { measure(state, LAZY_INIT_NORMAL, true); }
BENCH(normal_f32_unchecked) { measure(state, LAZY_INIT_NORMAL, false); }

/* The library's kernels over and over, each time with names of their own, until it is a megabyte. */
static char *large_text(size_t *out_bytes) {
  const char *kernels = strstr(lazyi_kernels_ptx, "\n.visible");
  if (kernels == NULL) return NULL;
  const size_t head = (size_t)(kernels - lazyi_kernels_ptx), each = strlen(kernels);
  const size_t rounds = MEGABYTE / each + 1;
  char *text = malloc(head + rounds * each + 1);
  if (text == NULL) return NULL;
  memcpy(text, lazyi_kernels_ptx, head);
  char *to = text + head;
  for (size_t round = 0; round < rounds; round++) {
    memcpy(to, kernels, each + 1);
    for (char *name = to; (name = strstr(name, "lazy_k_")) != NULL; name += 7) name[5] = (char)('A' + round);
    to += each;
  }
  *out_bytes = (size_t)(to - text);
  return text;
}

static void change_comment(char *text) {
  static unsigned count;
  char digits[16];
  (void)snprintf(digits, sizeof digits, "%08x", count++);
  memcpy(strstr(text, "//\n// ") + 6, digits, 8);
}

BENCH(load_a_megabyte) {
  workbench rig;
  lazy_driver_module module;
  size_t bytes = 0;
  char *text = large_text(&bytes);
  BENCH_CHECK(state, text != NULL && bytes >= MEGABYTE);
  BENCH_CHECK(state, setenv("LAZYRT_CUDA_LIBRARY", LAZYRT_EMULATOR, 1) == 0);
  BENCH_OK(state, rig_open(&rig, "cuda"));
  while (bench_next(state)) {
    change_comment(text); /* the emulator knows a text that it has read before */
    BENCH_OK(state, LAZYI_DRIVER(&rig.device, module_load, &module, text));
    BENCH_OK(state, LAZYI_DRIVER(&rig.device, module_unload, module));
  }
  bench_bytes(state, bytes);
  rig_close(&rig);
  free(text);
}
