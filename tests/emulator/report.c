/* Reports of troubles: printed, kept for the tests, repeated ones counted. */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/emulator/checks.h"

enum { KEPT = 512, SIGNATURES = 2048, TEXT_BYTES = 1024 };

typedef struct report {
  char text[TEXT_BYTES];
  char shown[TEXT_BYTES + 64]; /* with how often it was told again */
  uint64_t signature;
  size_t repeats;
} report;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static report *reports[KEPT];
static size_t told; /* kinds of them, beyond those kept too */
/* Signatures of what was told, with the number of the report: open addressing. */
static struct {
  uint64_t signature;
  size_t index;
} known[SIGNATURES];
static size_t known_count;

static const struct {
  const char *name;
  int result;
} troubles[EMU_TROUBLE_COUNT] = {
    [EMU_OUT_OF_BOUNDS] = {"out of bounds", 700},
    [EMU_USE_AFTER_FREE] = {"use after free", 700},
    [EMU_HOST_POINTER] = {"host pointer", 700},
    [EMU_MISALIGNED] = {"misaligned access", 716},
    [EMU_UNWRITTEN] = {"read of memory that nothing wrote", 0},
    [EMU_SHARED_RACE] = {"race in shared memory", 0},
    [EMU_GLOBAL_RACE] = {"race in global memory", 0},
    [EMU_STREAM_RACE] = {"race between commands", 0},
    [EMU_DIVERGENT_BARRIER] = {"divergent barrier", 719},
    [EMU_DEADLOCK] = {"deadlock", 702},
    [EMU_WRITE_TO_CONSTANT] = {"write to read-only memory", 700},
    [EMU_BAD_PARAMETERS] = {"bad parameters", 0},
    [EMU_TRAP] = {"trap", 719},
    [EMU_ASSERT] = {"assertion failed", 710},
};

int emu_trouble_result(emu_trouble trouble) { return troubles[trouble].result; }
const char *emu_trouble_name(emu_trouble trouble) { return troubles[trouble].name; }

static uint64_t mix(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
  return hash ^ hash >> 29;
}

/* Under the lock. True: it was told before, and is counted. */
static bool is_known(uint64_t signature) {
  for (size_t at = signature % SIGNATURES; known[at].signature != 0; at = (at + 1) % SIGNATURES) {
    if (known[at].signature != signature) continue;
    if (known[at].index < KEPT) reports[known[at].index]->repeats++;
    return true;
  }
  return false;
}

/* Under the lock. */
static void keep(uint64_t signature, const char *text) {
  if (known_count < SIGNATURES / 2) {
    size_t at = signature % SIGNATURES;
    while (known[at].signature != 0) at = (at + 1) % SIGNATURES;
    known[at].signature = signature;
    known[at].index = told;
    known_count++;
  }
  if (told < KEPT && (reports[told] = calloc(1, sizeof *reports[told])) != NULL) {
    (void)snprintf(reports[told]->text, TEXT_BYTES, "%s", text);
    reports[told]->signature = signature;
    (void)fprintf(stderr, "emulator: %s\n", text);
    told++;
  } else if (told >= KEPT) {
    if (told++ == KEPT) (void)fprintf(stderr, "emulator: more reports are counted only\n");
  }
}

static void append(char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void append(char *text, const char *format, ...) {
  size_t length = strlen(text);
  va_list args;
  va_start(args, format);
  (void)vsnprintf(text + length, TEXT_BYTES - length, format, args);
  va_end(args);
}

/* Where a lane stands. */
static void append_place(char *text, const emu_warp *warp, const ptx_instruction *at, unsigned lane) {
  const emu_block *block = warp->block;
  const emu_entry *entry = block->launch->entry;
  const uint32_t *size = block->launch->shape.block;
  uint32_t thread = emu_thread_of(warp, lane);
  append(text, "; kernel %s, block (%u,%u,%u), thread (%u,%u,%u)", entry->function->name, block->index[0],
         block->index[1], block->index[2], thread % size[0], thread / size[0] % size[1],
         thread / size[0] / size[1]);
  if (at == NULL) return;
  append(text, ", PTX line %u", at->line);
  const ptx_module *module = entry->module->ptx;
  if (at->source_line == 0) return;
  const char *file = at->source_file < module->file_count ? module->files[at->source_file] : NULL;
  append(text, " (%s:%u)", file != NULL ? file : "?", at->source_line);
}

void emu_tell(emu_warp *warp, const ptx_instruction *at, unsigned lane, emu_trouble trouble,
              const char *format, ...) {
  emu_launch *launch = warp->block->launch;
  uint64_t signature = mix(mix(mix(1, trouble), launch->id), (uintptr_t)at) | 1;
  int result = emu_trouble_result(trouble), none = 0;
  pthread_mutex_lock(&lock);
  if (!is_known(signature)) {
    char text[TEXT_BYTES];
    (void)snprintf(text, sizeof text, "%s: ", emu_trouble_name(trouble));
    size_t length = strlen(text);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text + length, sizeof text - length, format, args);
    va_end(args);
    append_place(text, warp, at, lane);
    keep(signature, text);
  }
  pthread_mutex_unlock(&lock);
  if (result != 0) (void)atomic_compare_exchange_strong(&launch->fault, &none, result);
}

void emu_tell_host(const char *kernel, emu_trouble trouble, const char *format, ...) {
  char text[TEXT_BYTES];
  (void)snprintf(text, sizeof text, "%s: ", emu_trouble_name(trouble));
  size_t length = strlen(text);
  va_list args;
  va_start(args, format);
  (void)vsnprintf(text + length, sizeof text - length, format, args);
  va_end(args);
  if (kernel != NULL) append(text, "; %s", kernel);
  uint64_t signature = mix(2, trouble);
  for (const char *at = text; *at != '\0'; at++) signature = mix(signature, (unsigned char)*at);
  signature |= 1;
  pthread_mutex_lock(&lock);
  if (!is_known(signature)) keep(signature, text);
  pthread_mutex_unlock(&lock);
}

size_t emu_report_count(void) {
  pthread_mutex_lock(&lock);
  size_t count = told;
  pthread_mutex_unlock(&lock);
  return count;
}

const char *emu_report_text(size_t index) {
  const char *text = NULL;
  pthread_mutex_lock(&lock);
  if (index < told && index < KEPT) {
    report *found = reports[index];
    int length = snprintf(found->shown, sizeof found->shown, "%s", found->text);
    if (found->repeats != 0 && length > 0)
      (void)snprintf(found->shown + length, sizeof found->shown - (size_t)length, " (and %zu more)",
                     found->repeats);
    text = found->shown;
  }
  pthread_mutex_unlock(&lock);
  return text;
}

void emu_report_clear(void) {
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < told && i < KEPT; i++) free(reports[i]);
  memset(reports, 0, sizeof reports);
  memset(known, 0, sizeof known);
  told = known_count = 0;
  pthread_mutex_unlock(&lock);
}
