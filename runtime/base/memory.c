#include "runtime/base/memory.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Counters are per thread and need no lock; only the live count, read by leak checks, is shared. */
static _Thread_local uint64_t allocation_count;
static _Thread_local uint64_t fail_countdown;
static atomic_int_least64_t live_blocks;

static bool refused(size_t bytes) {
  allocation_count++;
  if (fail_countdown == 0 || --fail_countdown != 0) return false;
  (void)lazy_status_fail(LAZY_STATUS_OUT_OF_MEMORY, "host memory: %zu bytes (failure asked for by a test)",
                         bytes);
  return true;
}

static void *granted(void *block, size_t bytes) {
  if (block != NULL) atomic_fetch_add_explicit(&live_blocks, 1, memory_order_relaxed);
  else (void)lazy_status_fail(LAZY_STATUS_OUT_OF_MEMORY, "host memory: %zu bytes", bytes);
  return block;
}

void *lazyi_memory_alloc(size_t bytes) {
  if (refused(bytes)) return NULL;
  return granted(malloc(bytes != 0 ? bytes : 1), bytes);
}

void *lazyi_memory_calloc(size_t count, size_t bytes) {
  if (refused(bytes)) return NULL;
  return granted(calloc(count != 0 ? count : 1, bytes != 0 ? bytes : 1), bytes);
}

void *lazyi_memory_realloc(void *block, size_t bytes) {
  if (block == NULL) return lazyi_memory_alloc(bytes);
  if (refused(bytes)) return NULL;
  void *grown = realloc(block, bytes != 0 ? bytes : 1);
  if (grown == NULL) (void)lazy_status_fail(LAZY_STATUS_OUT_OF_MEMORY, "host memory: %zu bytes", bytes);
  return grown;
}

void lazyi_memory_free(void *block) {
  if (block == NULL) return;
  atomic_fetch_sub_explicit(&live_blocks, 1, memory_order_relaxed);
  free(block);
}

char *lazyi_memory_strdup(const char *text) {
  size_t bytes = strlen(text) + 1;
  char *copy = lazyi_memory_alloc(bytes);
  if (copy != NULL) memcpy(copy, text, bytes);
  return copy;
}

uint64_t lazyi_memory_count(void) { return allocation_count; }
int64_t lazyi_memory_live(void) { return atomic_load_explicit(&live_blocks, memory_order_relaxed); }
void lazyi_memory_fail_at(uint64_t n) { fail_countdown = n; }
