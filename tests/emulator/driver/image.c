/* Modules: PTX read once for each text, and loaded as often as it is asked for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/driver/host_state.h"
#include "runtime/driver/host_tag.h"
#include "tests/emulator/checks.h"
#include "tests/emulator/driver/driver.h"

/* ---- texts ---- */

/* What was read stays: a program loads few texts, and each of them often. */
typedef struct known_text {
  struct known_text *next;
  char *text, *with_lines; /* NULL: there are none */
  ptx_module *ptx;
} known_text;

static ptx_module *read_text(const char *text, char error[512]) {
  static known_text *known;
  for (known_text *at = known; at != NULL; at = at->next)
    if (strcmp(at->text, text) == 0) return at->ptx;
  known_text *fresh = calloc(1, sizeof *fresh);
  if (fresh == NULL || (fresh->text = strdup(text)) == NULL) {
    free(fresh);
    (void)snprintf(error, 512, "out of memory");
    return NULL;
  }
  fresh->with_lines = emu_text_with_lines(text);
  fresh->ptx = ptx_module_read(fresh->with_lines != NULL ? fresh->with_lines : fresh->text, error);
  if (fresh->ptx == NULL) {
    free(fresh->with_lines);
    free(fresh->text);
    free(fresh);
    return NULL;
  }
  fresh->next = known;
  known = fresh;
  return fresh->ptx;
}

/* ---- modules ---- */

struct emu_loaded {
  emu_loaded *next;
  lazy_driver_module handle;
  atomic_bool gone; /* unloaded */
  emu_module module;
  void *global_memory;
  lazyi_host_image image;
  lazyi_host_kernel *kernels;
  emu_kernel *owns;
};
static emu_loaded *modules;

bool emu_kernel_is_gone(const emu_kernel *kernel) { return atomic_load(&kernel->loaded->gone); }

static void free_loaded(emu_loaded *loaded) {
  if (loaded->module.entries != NULL) emu_entries_free(&loaded->module);
  free(loaded->module.const_memory);
  free(loaded->global_memory);
  free(loaded->kernels);
  free(loaded->owns);
  free(loaded);
}

static void *variables_memory(size_t bytes) {
  enum { ALIGNMENT = 256 };
  size_t whole = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  void *memory = aligned_alloc(ALIGNMENT, whole);
  return memory != NULL ? memset(memory, 0, whole) : NULL;
}

static unsigned char *memory_of(const emu_loaded *loaded, const ptx_variable *variable) {
  unsigned char *memory = variable->space == PTX_GLOBAL  ? loaded->global_memory
                          : variable->space == PTX_CONST ? loaded->module.const_memory
                                                         : NULL;
  return memory != NULL ? memory + variable->offset : NULL;
}

static uint64_t address_of(const emu_loaded *loaded, const ptx_initial_address *at) {
  const ptx_variable *variable = at->variable;
  switch (variable->space) {
    case PTX_GLOBAL: return loaded->module.global_address + variable->offset + at->bits;
    case PTX_CONST: return (at->is_generic ? EMU_WINDOW_CONST : 0) + variable->offset + at->bits;
    default: return (at->is_generic ? EMU_WINDOW_SHARED : 0) + variable->offset + at->bits;
  }
}

/* Memory of the module's variables, with what they start from. */
static bool make_variables(emu_loaded *loaded, bool strict) {
  const ptx_module *ptx = loaded->module.ptx;
  if (ptx->global_bytes > 0 && (loaded->global_memory = variables_memory(ptx->global_bytes)) == NULL)
    return false;
  if (ptx->const_bytes > 0 && (loaded->module.const_memory = variables_memory(ptx->const_bytes)) == NULL)
    return false;
  loaded->module.global_address = (uintptr_t)loaded->global_memory | (strict ? LAZYI_HOST_TAG : 0);
  for (uint32_t i = 0; i < ptx->variable_count; i++) {
    const ptx_variable *variable = ptx->variables[i];
    unsigned char *memory = memory_of(loaded, variable);
    if (memory != NULL && variable->initial != NULL) memcpy(memory, variable->initial, variable->bytes);
  }
  for (uint32_t i = 0; i < ptx->address_count; i++) {
    const ptx_initial_address *at = &ptx->addresses[i];
    const uint64_t value = address_of(loaded, at) >> at->shift;
    memcpy(memory_of(loaded, at->in) + at->at, &value, at->bytes);
  }
  return true;
}

static bool make_kernels(emu_loaded *loaded, char error[512]) {
  if (!emu_entries_make(&loaded->module, error)) return false;
  const uint32_t count = loaded->module.entry_count;
  loaded->kernels = calloc(count + 1, sizeof *loaded->kernels);
  loaded->owns = calloc(count + 1, sizeof *loaded->owns);
  if (loaded->kernels == NULL || loaded->owns == NULL) {
    (void)snprintf(error, 512, "out of memory");
    return false;
  }
  for (uint32_t i = 0; i < count; i++) {
    const emu_entry *entry = &loaded->module.entries[i];
    loaded->owns[i] = (emu_kernel){entry, loaded};
    loaded->kernels[i] = (lazyi_host_kernel){.name = entry->function->name,
                                             .params_bytes = (uint32_t)entry->function->params_bytes,
                                             .run = emu_run_piece,
                                             .own = &loaded->owns[i]};
  }
  loaded->image = (lazyi_host_image){.magic = LAZYI_HOST_IMAGE_MAGIC, .kernel_count = count};
  loaded->image.levels[0] = loaded->kernels;
  return true;
}

/* Tells the checkers of the variables; under the provider's lock. */
static int announce(emu_loaded *loaded, bool comes) {
  int result = lazyi_host_enter(false);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  const size_t bytes = loaded->module.ptx->global_bytes;
  if (comes) {
    emu_check_alloc(loaded->module.global_address, bytes, false);
    emu_check_written(loaded->module.global_address, bytes);
  } else {
    emu_check_free(loaded->module.global_address, bytes, false);
  }
  return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
}

static int refuse(int result, const char *why) {
  (void)fprintf(stderr, "emulator: PTX refused: %s\n", why);
  return result;
}

static int check_ptx(const ptx_module *ptx) {
  const emu_gpu *gpu = emu_gpu_chosen();
  char why[160];
  if (ptx->version > EMU_PTX_VERSION) {
    (void)snprintf(why, sizeof why, "found .version %u.%u, wanted %u.%u or less", ptx->version / 10,
                   ptx->version % 10, EMU_PTX_VERSION / 10, EMU_PTX_VERSION % 10);
    return refuse(EMU_UNSUPPORTED_PTX_VERSION, why);
  }
  if (ptx->target > gpu->major * 10 + gpu->minor) {
    (void)snprintf(why, sizeof why, "found .target sm_%u, the GPU is sm_%u%u", ptx->target, gpu->major,
                   gpu->minor);
    return refuse(EMU_INVALID_PTX, why);
  }
  return LAZY_DRIVER_SUCCESS;
}

static int load_ptx(lazy_driver_module *out_module, const char *text, bool strict) {
  char error[512] = "";
  ptx_module *ptx = read_text(text, error);
  if (ptx == NULL) return refuse(EMU_INVALID_PTX, error);
  int result = check_ptx(ptx);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  emu_loaded *loaded = calloc(1, sizeof *loaded);
  if (loaded == NULL) return LAZY_DRIVER_OUT_OF_MEMORY;
  loaded->module.ptx = ptx;
  if (!make_variables(loaded, strict)) {
    free_loaded(loaded);
    return LAZY_DRIVER_OUT_OF_MEMORY;
  }
  if (!make_kernels(loaded, error)) {
    free_loaded(loaded);
    return refuse(EMU_INVALID_PTX, error);
  }
  result = lazyi_host_driver()->module_load(&loaded->handle, &loaded->image);
  if (result == LAZY_DRIVER_SUCCESS && loaded->global_memory != NULL) result = announce(loaded, true);
  if (result != LAZY_DRIVER_SUCCESS) {
    free_loaded(loaded);
    return result;
  }
  loaded->next = modules;
  modules = loaded;
  *out_module = loaded->handle;
  return LAZY_DRIVER_SUCCESS;
}

/* Machine code for GPUs is of no use here; the library falls back to PTX, as for a GPU newer than itself. */
static bool is_machine_code(const unsigned char *bytes) {
  static const unsigned char fatbin[4] = {0x50, 0xED, 0x55, 0xBA}, elf[4] = {0x7F, 'E', 'L', 'F'};
  return memcmp(bytes, fatbin, 4) == 0 || memcmp(bytes, elf, 4) == 0;
}
static bool is_text(const unsigned char *bytes) {
  for (int i = 0; i < 4 && bytes[i] != '\0'; i++)
    if (bytes[i] > '~' || (bytes[i] < ' ' && bytes[i] != '\n' && bytes[i] != '\t' && bytes[i] != '\r'))
      return false;
  return bytes[0] != '\0';
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the lists */

int emu_module_load(lazy_driver_module *out_module, const void *image) {
  int result = lazyi_host_enter(true);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  const bool strict = lazyi_host.strict;
  (void)lazyi_host_leave(result);
  if (out_module == NULL || image == NULL) return LAZY_DRIVER_INVALID_VALUE;
  if (is_machine_code(image)) return LAZY_DRIVER_NO_BINARY_FOR_GPU;
  if (!is_text(image)) return LAZY_DRIVER_INVALID_IMAGE;
  pthread_mutex_lock(&lock);
  result = load_ptx(out_module, image, strict);
  pthread_mutex_unlock(&lock);
  return result;
}

/* Frees what was unloaded, unless a graph may still name it. */
static void sweep(bool whatever) {
  for (emu_loaded **at = &modules; *at != NULL;) {
    emu_loaded *loaded = *at;
    if (!whatever && !atomic_load(&loaded->gone)) {
      at = &loaded->next;
      continue;
    }
    *at = loaded->next;
    free_loaded(loaded);
  }
}

/* Launches that are pending still run. */
int emu_module_unload(lazy_driver_module module) {
  int result = lazyi_host_enter(false);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  lazyi_host_pool_wait_all();
  const bool has_graphs = lazyi_host.live.graphs + lazyi_host.live.execs > 0;
  (void)lazyi_host_leave(result);
  pthread_mutex_lock(&lock);
  emu_loaded *loaded = modules;
  while (loaded != NULL && (module == NULL || loaded->handle != module)) loaded = loaded->next;
  result = lazyi_host_driver()->module_unload(module);
  if (loaded != NULL) {
    if (loaded->global_memory != NULL) (void)announce(loaded, false);
    loaded->handle = NULL;
    atomic_store(&loaded->gone, true);
    if (!has_graphs) sweep(false);
  }
  pthread_mutex_unlock(&lock);
  return result;
}

void emu_modules_end(void) {
  pthread_mutex_lock(&lock);
  sweep(true);
  pthread_mutex_unlock(&lock);
}
