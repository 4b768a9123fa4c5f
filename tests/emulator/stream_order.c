/* What happened before what among commands, by vector clocks over timelines. A timeline is a stream's; one
   that went is taken on by a stream that knows all of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/emulator/commands.h"

enum { CHUNK = 4096, CHUNKS = 16384 };

/* What stands behind a slot. */
typedef struct past {
  uint32_t *ticks;
  uint32_t count, capacity;
  uint32_t timeline; /* 0: none begun */
} past;

static struct {
  pthread_mutex_t lock;
  uint32_t timelines; /* with 0, which is nobody's */
  uint32_t *last;     /* by timeline: its latest tick */
  bool *is_free;
  uint32_t capacity;
  uint64_t numbers;
  emu_past_command *chunks[CHUNKS];
  _Atomic uint32_t count; /* of commands with actors; 0 is none */
  uint32_t next_actor;
} order = {.lock = PTHREAD_MUTEX_INITIALIZER, .timelines = 1, .next_actor = 1};

static void widen(past *at, uint32_t count) {
  if (at->capacity < count) {
    uint32_t capacity = 2 * count + 6;
    uint32_t *ticks = emu_need(capacity * sizeof *ticks);
    if (at->count != 0) memcpy(ticks, at->ticks, at->count * sizeof *ticks);
    free(at->ticks);
    at->ticks = ticks;
    at->capacity = capacity;
  }
  if (at->count < count) at->count = count;
}

static past *past_of(void **slot) {
  if (*slot == NULL) *slot = emu_need(sizeof(past));
  return *slot;
}

void emu_check_order(void *const *from, void **to) {
  const past *source = *from;
  if (source == NULL || *to == source) return;
  past *target = past_of(to);
  widen(target, source->count);
  for (uint32_t i = 0; i < source->count; i++)
    if (target->ticks[i] < source->ticks[i]) target->ticks[i] = source->ticks[i];
}

void emu_check_forget(void **slot) {
  past *gone = *slot;
  if (gone == NULL) return;
  pthread_mutex_lock(&order.lock);
  if (gone->timeline != 0) order.is_free[gone->timeline] = true;
  pthread_mutex_unlock(&order.lock);
  free(gone->ticks);
  free(gone);
  *slot = NULL;
}

/* Under the lock: a timeline for a stream that begins its first command. */
static uint32_t take_timeline(const past *stream) {
  for (uint32_t i = 1; i < order.timelines && i < stream->count; i++) {
    if (!order.is_free[i] || stream->ticks[i] < order.last[i]) continue;
    order.is_free[i] = false;
    return i;
  }
  if (order.timelines >= order.capacity) {
    uint32_t capacity = 2 * order.timelines + 64;
    uint32_t *last = emu_need(capacity * sizeof *last);
    bool *is_free = emu_need(capacity * sizeof *is_free);
    if (order.capacity != 0) {
      memcpy(last, order.last, order.timelines * sizeof *last);
      memcpy(is_free, order.is_free, order.timelines * sizeof *is_free);
    }
    free(order.last);
    free(order.is_free);
    order.last = last;
    order.is_free = is_free;
    order.capacity = capacity;
  }
  return order.timelines++;
}

/* Names are few and stay. */
static const char *intern(const char *name) {
  static char **names;
  static size_t count, capacity;
  for (size_t i = count; i-- > 0;)
    if (strcmp(names[i], name) == 0) return names[i];
  if (count == capacity) {
    capacity = 2 * capacity + 16;
    char **more = emu_need(capacity * sizeof *more);
    if (count != 0) memcpy(more, names, count * sizeof *more);
    free(names);
    names = more;
  }
  char *copy = emu_need(strlen(name) + 1);
  memcpy(copy, name, strlen(name));
  return names[count++] = copy;
}

static emu_command *new_command(const char *name) {
  emu_command *command = emu_need(sizeof *command);
  pthread_mutex_init(&command->lock, NULL);
  command->name = intern(name);
  command->number = ++order.numbers;
  return command;
}

void *emu_check_begin(void **slot, const char *what) {
  past *stream = past_of(slot);
  pthread_mutex_lock(&order.lock);
  emu_command *command = new_command(what);
  if (stream->timeline == 0) stream->timeline = take_timeline(stream);
  command->timeline = stream->timeline;
  command->tick = ++order.last[stream->timeline];
  widen(stream, stream->timeline + 1);
  stream->ticks[stream->timeline] = command->tick;
  pthread_mutex_unlock(&order.lock);
  command->timelines = stream->count;
  command->ticks = emu_need(stream->count * sizeof *command->ticks);
  memcpy(command->ticks, stream->ticks, stream->count * sizeof *command->ticks);
  return command;
}

emu_command *emu_command_of(emu_launch *launch) {
  pthread_mutex_lock(&order.lock);
  if (launch->clock == NULL) {
    emu_command *command = new_command(launch->entry->function->name);
    command->knows_all = true;
    launch->clock = command;
  }
  emu_command *command = launch->clock;
  pthread_mutex_unlock(&order.lock);
  return command;
}

uint32_t emu_command_actors(emu_command *command, uint32_t count, const emu_shape *shape) {
  uint32_t actor = atomic_load_explicit(&command->actor, memory_order_acquire);
  if (actor != 0) return actor;
  pthread_mutex_lock(&order.lock);
  if ((actor = command->actor) == 0) {
    uint32_t index = order.count + 1;
    if (index / CHUNK >= CHUNKS || UINT32_MAX - order.next_actor < count) {
      (void)fprintf(stderr, "emulator: more commands and blocks than the checkers can number\n");
      abort();
    }
    if (order.chunks[index / CHUNK] == NULL)
      order.chunks[index / CHUNK] = emu_need(CHUNK * sizeof(emu_past_command));
    emu_past_command *kept = &order.chunks[index / CHUNK][index % CHUNK];
    *kept = (emu_past_command){.actor = actor = order.next_actor,
                               .actors = count,
                               .timeline = command->timeline,
                               .tick = command->tick,
                               .number = command->number,
                               .name = command->name};
    if (shape != NULL) {
      memcpy(kept->grid, shape->grid, sizeof kept->grid);
      memcpy(kept->block, shape->block, sizeof kept->block);
    }
    order.next_actor += count;
    command->actors = count;
    command->index = index;
    atomic_store_explicit(&order.count, index, memory_order_release);
    atomic_store_explicit(&command->actor, actor, memory_order_release);
  }
  pthread_mutex_unlock(&order.lock);
  return actor;
}

const emu_past_command *emu_command_at(uint32_t index) { return &order.chunks[index / CHUNK][index % CHUNK]; }

uint32_t emu_command_index(uint32_t actor) {
  uint32_t low = 1, high = atomic_load_explicit(&order.count, memory_order_acquire) + 1;
  while (high - low > 1) { /* the last that starts at or before the actor */
    uint32_t middle = low + (high - low) / 2;
    if (emu_command_at(middle)->actor <= actor) low = middle;
    else high = middle;
  }
  return low;
}

bool emu_command_knows(const emu_command *command, uint32_t index) {
  const emu_past_command *other = emu_command_at(index);
  if (command->knows_all || other->timeline == 0 || index == command->index) return true;
  return other->timeline < command->timelines && command->ticks[other->timeline] >= other->tick;
}
