/* Sets of commands, each kept once: all places of a buffer go through the same few. */
#include <stdlib.h>
#include <string.h>

#include "tests/emulator/commands.h"

enum { TABLE = 1 << 12 };

typedef struct set {
  uint32_t count, next; /* in the table's chain */
  uint32_t elements[];  /* ascending */
} set;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static set **chunks[4096]; /* by number */
enum { CHUNK = 1024 };
static uint32_t set_count = 1;
static uint32_t heads[TABLE];

static const set *set_at(uint32_t number) { return chunks[number / CHUNK][number % CHUNK]; }

static uint32_t hash_of(const uint32_t *elements, uint32_t count) {
  uint32_t hash = count;
  for (uint32_t i = 0; i < count; i++) hash = (hash ^ elements[i]) * 0x9e3779b1u;
  return (hash ^ hash >> 15) % TABLE;
}

/* The number of a set; under the lock. */
static uint32_t intern(const uint32_t *elements, uint32_t count) {
  if (count == 0) return 0;
  uint32_t *head = &heads[hash_of(elements, count)];
  for (uint32_t number = *head; number != 0; number = set_at(number)->next)
    if (set_at(number)->count == count &&
        memcmp(set_at(number)->elements, elements, count * sizeof *elements) == 0)
      return number;
  set *made = emu_need(sizeof *made + count * sizeof *elements);
  made->count = count;
  made->next = *head;
  memcpy(made->elements, elements, count * sizeof *elements);
  uint32_t number = set_count++;
  if (chunks[number / CHUNK] == NULL) chunks[number / CHUNK] = emu_need(CHUNK * sizeof(set *));
  chunks[number / CHUNK][number % CHUNK] = made;
  return *head = number;
}

/* Under the lock: `set` without what `command` (NULL: nobody) makes superfluous, with `element`. */
static uint32_t with(const emu_command *command, uint32_t number, uint32_t element) {
  uint32_t some[64], *elements = some, count = 0;
  uint32_t old = number != 0 ? set_at(number)->count : 0;
  if (old + 1 > 64) elements = emu_need((old + 1) * sizeof *elements);
  bool is_in = false;
  for (uint32_t i = 0; i < old; i++) {
    uint32_t other = set_at(number)->elements[i];
    if (other == element) {
      is_in = true;
    } else if (command != NULL && (~element & EMU_SET_STRONG || other & EMU_SET_STRONG) &&
               (~other & EMU_SET_WRITE || element & EMU_SET_WRITE) &&
               emu_command_knows(command, other >> EMU_SET_SHIFT)) {
      continue; /* whoever comes after this use comes after that one too */
    }
    if (!is_in && other > element) {
      elements[count++] = element;
      is_in = true;
    }
    elements[count++] = other;
  }
  if (!is_in) elements[count++] = element;
  uint32_t result = intern(elements, count);
  if (elements != some) free(elements);
  return result;
}

uint32_t emu_set_add_other(uint32_t number, uint32_t element) {
  pthread_mutex_lock(&lock);
  uint32_t result = with(NULL, number, element);
  pthread_mutex_unlock(&lock);
  return result;
}

uint32_t emu_set_add(emu_command *command, uint32_t number, uint32_t flags) {
  static _Thread_local struct {
    uint64_t command;
    uint32_t from, flags, to;
  } steps[64];
  uint32_t at = (number * 4 + flags) % 64;
  if (steps[at].command != command->number || steps[at].from != number || steps[at].flags != flags) {
    pthread_mutex_lock(&lock);
    steps[at].to = with(command, number, command->index << EMU_SET_SHIFT | flags);
    pthread_mutex_unlock(&lock);
    steps[at].command = command->number;
    steps[at].from = number;
    steps[at].flags = flags;
  }
  return steps[at].to;
}

bool emu_set_conflict(const emu_command *command, uint32_t number, emu_access access, uint32_t *out_element) {
  bool found = false;
  if (number == 0) return false;
  pthread_mutex_lock(&lock);
  for (uint32_t i = 0; i < set_at(number)->count && !found; i++) {
    uint32_t other = set_at(number)->elements[i];
    if ((access & EMU_WRITE) == 0 && (other & EMU_SET_WRITE) == 0) continue;
    if ((access & EMU_STRONG) != 0 && (other & EMU_SET_STRONG) != 0) continue;
    if (emu_command_knows(command, other >> EMU_SET_SHIFT)) continue;
    *out_element = other;
    found = true;
  }
  pthread_mutex_unlock(&lock);
  return found;
}
