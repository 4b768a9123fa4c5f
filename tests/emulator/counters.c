/* Counting what launches do. */
#include "tests/emulator/counters.h"

#include <pthread.h>
#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static emu_counters *latest;
static atomic_bool asked;

bool emu_counting(void) {
  const char *file = getenv("LAZYRT_EMULATOR_STATS");
  return atomic_load(&asked) || (file != NULL && *file != '\0');
}

void emu_count_launches(bool on) { atomic_store(&asked, on); }

static void free_counters(emu_counters *counters) {
  if (counters != NULL) free(counters->of_instruction);
  free(counters);
}

emu_counters *emu_counters_begin(const emu_launch *launch) {
  if (!emu_counting()) return NULL;
  emu_counters *made = calloc(1, sizeof *made);
  if (made == NULL) return NULL;
  const emu_entry *entry = launch->entry;
  const ptx_module *ptx = entry->module->ptx;
  uint32_t first = UINT32_MAX, behind = 0;
  for (uint32_t i = 0; i < ptx->function_count; i++) {
    const ptx_function *function = &ptx->functions[i];
    if (entry->row_base[i] == PTX_NO_ROW) continue;
    if (function->first < first) first = function->first;
    if (function->first + function->count > behind) behind = function->first + function->count;
  }
  *made = (emu_counters){.kernel = entry->function->name,
                         .module = ptx,
                         .launch = launch->id,
                         .shape = launch->shape,
                         .first = first,
                         .count = behind - first,
                         .of_instruction = calloc(behind - first + 1, sizeof *made->of_instruction)};
  if (made->of_instruction != NULL) return made;
  free(made);
  return NULL;
}

static void add(emu_count *to, const emu_count *from) {
  to->warps += from->warps;
  to->threads += from->threads;
  to->splits += from->splits;
  to->accesses += from->accesses;
  to->bytes += from->bytes;
  to->sectors += from->sectors;
}

void emu_counters_add(emu_counters *counters, const emu_count *counts) {
  pthread_mutex_lock(&lock);
  for (uint32_t i = 0; i < counters->count; i++) add(&counters->of_instruction[i], &counts[i]);
  pthread_mutex_unlock(&lock);
}

void emu_counters_end(emu_counters *counters) {
  if (counters == NULL) return;
  for (uint32_t i = 0; i < counters->count; i++) {
    const emu_count *count = &counters->of_instruction[i];
    add(&counters->total, count);
    add(&counters->of_class[counters->module->code[counters->first + i].kind], count);
  }
  pthread_mutex_lock(&lock);
  emu_stats_write(counters);
  free_counters(latest);
  latest = counters;
  pthread_mutex_unlock(&lock);
}

const emu_counters *emu_counters_latest(void) {
  pthread_mutex_lock(&lock);
  const emu_counters *found = latest;
  pthread_mutex_unlock(&lock);
  return found;
}

void emu_count_access(emu_count *count, const uint64_t addresses[PTX_LANES], uint32_t mask, uint32_t bytes) {
  enum { SECTOR = 32, MOST = 4 * PTX_LANES };
  uint64_t sectors[MOST];
  uint32_t found = 0;
  if (mask == 0 || bytes == 0) return;
  EMU_EACH_LANE(lane, mask) {
    const uint64_t last = (addresses[lane] + bytes - 1) / SECTOR;
    for (uint64_t sector = addresses[lane] / SECTOR; sector <= last && found < MOST; sector++) {
      uint32_t i = found;
      while (i > 0 && sectors[i - 1] != sector) i--;
      if (i == 0) sectors[found++] = sector;
    }
  }
  count->accesses++;
  count->bytes += (uint64_t)bytes * (unsigned)__builtin_popcount(mask);
  count->sectors += found;
}
