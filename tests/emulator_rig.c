#include "tests/emulator_rig.h"

#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/check_device.h"
#include "tests/check_gpu.h"

static bool is_gpu(void) { return check_device() == check_gpu(); }

/* The emulator's library, or a GPU's driver; it stays open. */
static void *library_of(void) {
  static void *library;
  if (library == NULL) library = dlopen(is_gpu() ? "libcuda.so.1" : LAZYRT_EMULATOR, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) FAIL("%s", dlerror());
  return library;
}

typedef int (*get_entry)(const char *symbol, void **out_entry, int version, uint64_t flags, int *out_status);

static void *entry_of(const char *symbol, int version) {
  get_entry get = NULL;
  void *entry = NULL;
  *(void **)&get = dlsym(library_of(), "cuGetProcAddress_v2");
  if (get == NULL || get(symbol, &entry, version, 0, NULL) != 0) return NULL;
  return entry;
}

static bool open_driver(emu_rig *rig) {
  if (library_of() == NULL) return false;
  rig->control = is_gpu() ? check_gpu() : dlsym(library_of(), EMU_CONTROL_SYMBOL);
#define ROW(field, symbol, version, required, parameters) \
  *(void **)&rig->driver.field = entry_of((symbol), (version));
  LAZY_DRIVER_ROWS(ROW)
#undef ROW
  lazy_driver_context context;
  return rig->control != NULL && EXPECT_EQ(rig->driver.init(0), 0) &&
         EXPECT_EQ(rig->driver.device_get(&rig->device, 0), 0) &&
         EXPECT_EQ(rig->driver.primary_retain(&context, rig->device), 0) &&
         EXPECT_EQ(rig->driver.ctx_push(context), 0);
}

/* A GPU runs what was made for earlier ones. */
static bool runs(const emu_rig *rig) {
  int major = 0, minor = 0;
  return !is_gpu() ||
         (EXPECT_EQ(
              rig->driver.device_get_attribute(&major, LAZY_DRIVER_ATTRIBUTE_COMPUTE_MAJOR, rig->device),
              0) &&
          EXPECT_EQ(
              rig->driver.device_get_attribute(&minor, LAZY_DRIVER_ATTRIBUTE_COMPUTE_MINOR, rig->device),
              0) &&
          rig->target <= (unsigned)(10 * major + minor));
}

bool rig_open(emu_rig *rig, check_env *env, const char *target, const char *text) {
  *rig = (emu_rig){.env = env, .target = (unsigned)strtoul(target + 3, NULL, 10)};
  setenv("LAZYRT_EMULATOR_GPU", target, 1);
  if (!open_driver(rig)) return false;
  if (!runs(rig)) {
    check_skip(CHECK_HERE, "PTX for a later GPU than this");
    rig_close(rig);
    return false;
  }
  rig->control->report_clear();
  rig->control->set_strict(true);
  if (EXPECT_EQ(rig->driver.module_load(&rig->module, text), 0)) return true;
  rig->module = NULL;
  rig_close(rig);
  return false;
}

void rig_close(emu_rig *rig) {
  lazy_driver_context context;
  const size_t reports = rig->control->report_count();
  for (size_t i = 0; i < reports && i < 4; i++) FAIL("%s", rig->control->report_text(i));
  if (reports > 4) FAIL("and %zu reports more", reports - 4);
  rig->control->report_clear();
  for (int i = 0; i < rig->count; i++) (void)rig->driver.mem_free(rig->memory[i]); /* a lost device says no */
  if (rig->module != NULL) (void)rig->driver.module_unload(rig->module);
  EXPECT_EQ(rig->driver.ctx_pop(&context), 0);
  (void)rig->driver.primary_release(rig->device);
  rig->control->set_order(LAZYI_HOST_ORDER_FORWARD, 0);
  unsetenv("LAZYRT_EMULATOR_GPU");
}

void rig_each(check_env *env, const char *name, const char *targets,
              void (*body)(check_env *env, emu_rig *rig)) {
  static const char *const orders[] = {"forward", "reversed", "shuffled"};
  for (const char *at = targets; *at != '\0'; at += strspn(at, " ")) {
    char target[16], path[512];
    const size_t length = strcspn(at, " ");
    (void)snprintf(target, sizeof target, "sm_%.*s", (int)length, at);
    at += length;
    (void)snprintf(path, sizeof path, LAZYRT_SOURCE_DIR "/tests/emulator/litmus/%s.%s.ptx", name, target);
    char *text = check_read(path);
    ASSERT_TRUE(text != NULL);
    for (int order = 0; order < (is_gpu() ? 1 : 3); order++) {
      CHECK_CASE("%s for %s, %s", name, target, orders[order]);
      emu_rig rig;
      if (!rig_open(&rig, env, target, text)) continue;
      rig.order = (enum lazyi_host_order)order;
      rig.control->set_order(rig.order, check_random(env));
      body(env, &rig);
      rig_close(&rig);
    }
    free(text);
  }
}

lazy_driver_address rig_room(emu_rig *rig, size_t bytes) {
  lazy_driver_address address = 0;
  if (rig->count == (int)(sizeof rig->memory / sizeof *rig->memory)) FAIL("too many blocks of memory");
  else if (EXPECT_EQ(rig->driver.mem_alloc(&address, bytes), 0)) rig->memory[rig->count++] = address;
  return address;
}

lazy_driver_address rig_put(emu_rig *rig, const void *values, size_t bytes) {
  lazy_driver_address address = rig_room(rig, bytes);
  EXPECT_EQ(rig->driver.memcpy_htod_async(address, values, bytes, NULL), 0);
  EXPECT_EQ(rig->driver.stream_synchronize(NULL), 0);
  return address;
}

lazy_driver_address rig_zeros(emu_rig *rig, size_t bytes) {
  lazy_driver_address address = rig_room(rig, bytes);
  EXPECT_EQ(rig->driver.memset_d8_async(address, 0, bytes, NULL), 0);
  return address;
}

void rig_get(emu_rig *rig, void *values, lazy_driver_address from, size_t bytes) {
  EXPECT_EQ(rig->driver.memcpy_dtoh_async(values, from, bytes, NULL), 0);
  EXPECT_EQ(rig->driver.stream_synchronize(NULL), 0);
}

typedef int (*launch_cooperative)(lazy_driver_function function, unsigned grid_x, unsigned grid_y,
                                  unsigned grid_z, unsigned block_x, unsigned block_y, unsigned block_z,
                                  unsigned shared_bytes, lazy_driver_stream stream, void **parameters);

int rig_launch(emu_rig *rig, const char *kernel, rig_shape shape, void **parameters) {
  lazy_driver_function function;
  const unsigned *grid = shape.grid, *block = shape.block;
  int result = rig->driver.module_get_function(&function, rig->module, kernel);
  if (result != 0) return result;
  if (shape.is_cooperative) {
    launch_cooperative launch = NULL;
    *(void **)&launch = entry_of("cuLaunchCooperativeKernel", 9000);
    if (launch == NULL) return -1;
    result = launch(function, grid[0], grid[1], grid[2], block[0], block[1], block[2], shape.shared_bytes,
                    NULL, parameters);
  } else {
    result = rig->driver.launch_kernel(function, grid[0], grid[1], grid[2], block[0], block[1], block[2],
                                       shape.shared_bytes, NULL, parameters, NULL);
  }
  return result != 0 ? result : rig->driver.stream_synchronize(NULL);
}

void rig_expect_report(emu_rig *rig, const char *fragment) {
  if (EXPECT_EQ(rig->control->report_count(), 1u)) EXPECT_CONTAINS(rig->control->report_text(0), fragment);
  rig->control->report_clear();
}

void rig_capture(emu_rig *rig, const char *kernel, rig_shape shape, void **parameters, char *text,
                 size_t room) {
  const char *path = check_path(rig->env, "printed");
  (void)fflush(stdout);
  const int kept = dup(STDOUT_FILENO);
  FILE *file = fopen(path, "w+e");
  ASSERT_TRUE(kept >= 0 && file != NULL);
  ASSERT_TRUE(dup2(fileno(file), STDOUT_FILENO) >= 0);
  const int result = rig_launch(rig, kernel, shape, parameters);
  (void)fflush(stdout);
  EXPECT_TRUE(dup2(kept, STDOUT_FILENO) >= 0);
  (void)close(kept);
  EXPECT_EQ(result, 0);
  rewind(file);
  text[fread(text, 1, room - 1, file)] = '\0';
  (void)fclose(file);
}
