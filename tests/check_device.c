#include "tests/check_device.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/driver/host_tag.h"
#include "tests/check_gpu.h"

static const emu_control host = {
    .set_strict = lazyi_host_set_strict,
    .set_order = lazyi_host_set_order,
    .set_schedule = lazyi_host_set_schedule,
    .fault_at = lazyi_host_fault_at,
    .lose = lazyi_host_lose,
    .live = lazyi_host_live,
    .damaged = lazyi_host_damaged,
    .adopt = lazyi_host_adopt,
    .give_up = lazyi_host_give_up,
};
static const emu_control *chosen = &host;

const emu_control *check_device(void) { return chosen; }

const char *check_device_library(void) {
#ifdef LAZYRT_FIXTURE_PTX /* there is nvcc */
  return LAZYRT_EMULATOR;
#else
  return NULL;
#endif
}

size_t check_device_page(void) { return chosen == check_gpu() ? 4096 : 256; }

void check_device_choose(enum check_device_kind kind) {
  chosen = kind == CHECK_DEVICE_GPU ? check_gpu() : &host;
  if (kind != CHECK_DEVICE_EMULATOR) return;
#ifdef LAZYRT_PTX_WITH_LINES
  setenv("LAZYRT_EMULATOR_LINES", LAZYRT_PTX_WITH_LINES, 1);
#endif
  /* The cuda provider opens the same copy. */
  void *library = dlopen(check_device_library(), RTLD_NOW | RTLD_LOCAL);
  if (library == NULL || (chosen = dlsym(library, EMU_CONTROL_SYMBOL)) == NULL) {
    (void)fprintf(stderr, "emulator: %s\n", dlerror());
    exit(1);
  }
}

char *check_read(const char *path) {
  FILE *file = fopen(path, "rbe");
  if (file == NULL) return NULL;
  size_t count = 0, room = 1 << 16;
  char *text = malloc(room);
  while (text != NULL && (count += fread(text + count, 1, room - count - 1, file)) == room - 1)
    text = realloc(text, room *= 2);
  (void)fclose(file);
  if (text != NULL) text[count] = '\0';
  return text;
}

void *check_behind(uint64_t address) { return (void *)(uintptr_t)lazyi_host_untag(address); }

const char *check_text(const char *path) {
  static struct {
    const char *path;
    char *text;
  } known[8];
  size_t i = 0;
  while (i < sizeof known / sizeof *known && known[i].path != NULL && strcmp(known[i].path, path) != 0) i++;
  if (i == sizeof known / sizeof *known) return NULL;
  if (known[i].text != NULL) return known[i].text;
  char *text = check_read(path);
  if (text == NULL) return NULL;
  known[i].path = path;
  return known[i].text = text;
}
