#include "runtime/memory/arena.h"

#define NONE LAZYI_OFFSETS_NONE

lazy_status lazyi_arena_init(const lazyi_device *device, lazy_driver_stream home, size_t slab_bytes,
                             lazyi_arena *out_arena) {
  size_t rounded;
  if (!lazyi_align_size(slab_bytes != 0 ? slab_bytes : LAZYI_ARENA_SLAB_BYTES, LAZYI_ARENA_ALIGNMENT,
                        &rounded))
    return lazy_status_fail(LAZY_STATUS_LIMIT, "arena: a slab of %zu bytes", slab_bytes);
  lazy_driver_event event = NULL;
  LAZY_TRY(LAZYI_DRIVER(device, event_create, &event, LAZY_DRIVER_EVENT_DISABLE_TIMING));
  *out_arena = (lazyi_arena){.device = device, .home = home, .slab_bytes = rounded, .home_event = event};
  (void)pthread_mutex_init(&out_arena->lock, NULL);
  lazyi_offsets_init(&out_arena->offsets, LAZYI_ARENA_ALIGNMENT);
  return LAZY_STATUS_OK;
}

void lazyi_arena_deinit(lazyi_arena *arena) {
  const lazy_driver *driver = arena->device->driver;
  for (size_t i = 0; i < arena->pending.count; i++) {
    (void)driver->event_synchronize(arena->pending.at[i].event);
    (void)driver->event_destroy(arena->pending.at[i].event);
  }
  (void)driver->stream_synchronize(arena->home);
  for (size_t i = 0; i < arena->slabs.count; i++) lazyi_slab_release(arena->device, arena->slabs.at[i].slab);
  for (size_t i = 0; i < arena->events.count; i++) (void)driver->event_destroy(arena->events.at[i]);
  (void)driver->event_destroy(arena->home_event);
  lazyi_offsets_deinit(&arena->offsets);
  lazyi_vector_deinit(&arena->slabs);
  lazyi_vector_deinit(&arena->entries);
  lazyi_vector_deinit(&arena->pending);
  lazyi_vector_deinit(&arena->events);
  (void)pthread_mutex_destroy(&arena->lock);
}

size_t lazyi_arena_reserve_bytes(const lazyi_arena *arena, size_t bytes) {
  size_t rounded;
  if (bytes == 0) return 0;
  if (!lazyi_align_size(bytes, LAZYI_ARENA_ALIGNMENT, &rounded)) return SIZE_MAX;
  return rounded > arena->slab_bytes ? rounded : arena->slab_bytes;
}

/* ---- frees that wait for another stream ---- */

static void settle_pending(lazyi_arena *arena, size_t index) {
  (void)lazyi_offsets_free(&arena->offsets, arena->pending.at[index].record);
  arena->events.at[arena->events.count++] = arena->pending.at[index].event; /* room was made with the event */
  arena->pending.at[index] = arena->pending.at[--arena->pending.count];
}

/* All are asked, not the oldest alone: streams do not end in the order in which they were freed on. */
static void poll_pending(lazyi_arena *arena) {
  for (size_t i = arena->pending.count; i-- > 0;)
    if (arena->device->driver->event_query(arena->pending.at[i].event) == LAZY_DRIVER_SUCCESS)
      settle_pending(arena, i);
}

static lazy_status drain_pending(lazyi_arena *arena) {
  while (arena->pending.count != 0) {
    size_t last = arena->pending.count - 1;
    LAZY_TRY(LAZYI_DRIVER(arena->device, event_synchronize, arena->pending.at[last].event));
    settle_pending(arena, last);
  }
  return LAZY_STATUS_OK;
}

static lazy_status take_event(lazyi_arena *arena, lazy_driver_event *out_event) {
  if (arena->events.count != 0) {
    *out_event = arena->events.at[--arena->events.count];
    return LAZY_STATUS_OK;
  }
  LAZY_TRY(lazyi_vector_reserve(&arena->events, arena->pending.count + 1));
  return LAZYI_DRIVER(arena->device, event_create, out_event, LAZY_DRIVER_EVENT_DISABLE_TIMING);
}

/* ---- slabs ---- */

static lazy_status add_slab(lazyi_arena *arena, size_t bytes) {
  lazyi_slab slab;
  LAZY_TRY(lazyi_vector_reserve(&arena->slabs, 1));
  LAZY_TRY(lazyi_slab_acquire(arena->device, bytes, &slab));
  arena->driver_alloc_count++;
  uint32_t span = NONE;
  lazy_status status = lazyi_offsets_add(&arena->offsets, slab.address, slab.bytes, &span);
  if (status != LAZY_STATUS_OK) {
    arena->driver_free_count++;
    lazyi_slab_release(arena->device, slab);
    return status;
  }
  arena->slabs.at[arena->slabs.count].slab = slab;
  arena->slabs.at[arena->slabs.count++].span = span;
  arena->reserved_bytes += bytes;
  if (arena->reserved_bytes > arena->peak_reserved_bytes) arena->peak_reserved_bytes = arena->reserved_bytes;
  return LAZY_STATUS_OK;
}

static size_t cached_bytes(const lazyi_arena *arena) {
  size_t bytes = 0;
  for (size_t i = 0; i < arena->slabs.count; i++)
    if (lazyi_offsets_is_free(&arena->offsets, arena->slabs.at[i].span))
      bytes += arena->slabs.at[i].slab.bytes;
  return bytes;
}

/* Blocks freed on the home stream are free at once while work that used them may still be queued. */
static lazy_status release_cached(lazyi_arena *arena) {
  if (cached_bytes(arena) == 0) return LAZY_STATUS_OK;
  LAZY_TRY(LAZYI_DRIVER(arena->device, stream_synchronize, arena->home));
  for (size_t i = arena->slabs.count; i-- > 0;) {
    if (!lazyi_offsets_is_free(&arena->offsets, arena->slabs.at[i].span)) continue;
    lazyi_offsets_remove(&arena->offsets, arena->slabs.at[i].span);
    lazyi_slab_release(arena->device, arena->slabs.at[i].slab);
    arena->driver_free_count++;
    arena->reserved_bytes -= arena->slabs.at[i].slab.bytes;
    arena->slabs.at[i] = arena->slabs.at[--arena->slabs.count];
  }
  return LAZY_STATUS_OK;
}

/* ---- alloc ---- */

static lazy_status search(lazyi_arena *arena, size_t bytes, uint32_t *out_record) {
  return lazyi_offsets_alloc(&arena->offsets, bytes, LAZYI_ARENA_ALIGNMENT, out_record);
}

static lazy_status fail_exhausted(lazyi_arena *arena, size_t bytes) {
  size_t free_bytes = 0, total_bytes = 0;
  (void)arena->device->driver->mem_get_info(&free_bytes, &total_bytes);
  return lazy_status_fail(LAZY_STATUS_OUT_OF_MEMORY,
                          "device memory: %zu bytes wanted, %zu in use, %zu cached in %zu slabs of %zu "
                          "bytes; %s has %zu of %zu bytes "
                          "free",
                          bytes, arena->offsets.statistics.used_bytes, cached_bytes(arena),
                          arena->slabs.count, arena->reserved_bytes, arena->device->name, free_bytes,
                          total_bytes);
}

/* The driver has no memory left: wait for pending frees and look again, give unused slabs back and ask again,
   ask for no more than the request. Each rung looks again, as any of them may have made room. */
static lazy_status obtain_hard(lazyi_arena *arena, size_t bytes, uint32_t *out_record) {
  if (arena->pending.count != 0) {
    LAZY_TRY(drain_pending(arena));
    LAZY_TRY(search(arena, bytes, out_record));
    if (*out_record != NONE) return LAZY_STATUS_OK;
  }
  size_t before = arena->reserved_bytes;
  LAZY_TRY(release_cached(arena));
  size_t slab_bytes = lazyi_arena_reserve_bytes(arena, bytes), exact_bytes = slab_bytes;
  (void)lazyi_align_size(bytes, LAZYI_ARENA_ALIGNMENT, &exact_bytes);
  lazy_status status = LAZY_STATUS_OUT_OF_MEMORY;
  if (arena->reserved_bytes < before) status = add_slab(arena, slab_bytes);
  if (status == LAZY_STATUS_OUT_OF_MEMORY && exact_bytes < slab_bytes) status = add_slab(arena, exact_bytes);
  if (status == LAZY_STATUS_OUT_OF_MEMORY) return fail_exhausted(arena, bytes);
  LAZY_TRY(status);
  return search(arena, bytes, out_record);
}

static lazy_status obtain(lazyi_arena *arena, size_t bytes, uint32_t *out_record) {
  size_t slab_bytes = lazyi_arena_reserve_bytes(arena, bytes);
  if (slab_bytes == SIZE_MAX) return fail_exhausted(arena, bytes);
  if (arena->pending.count != 0) poll_pending(arena);
  LAZY_TRY(search(arena, bytes, out_record));
  if (*out_record != NONE) return LAZY_STATUS_OK;
  lazy_status status = add_slab(arena, slab_bytes);
  if (status == LAZY_STATUS_OUT_OF_MEMORY) return obtain_hard(arena, bytes, out_record);
  LAZY_TRY(status);
  return search(arena, bytes, out_record);
}

/* Makes room for what free and rewind will note, so that they cannot fail. */
static lazy_status reserve_notes(lazyi_arena *arena, uint32_t record) {
  size_t used = arena->offsets.statistics.used_blocks;
  LAZY_TRY(lazyi_vector_reserve(&arena->pending, used - arena->pending.count));
  if (record >= arena->entries.count) {
    LAZY_TRY(lazyi_vector_reserve(&arena->entries, record + 1 - arena->entries.count));
    while (arena->entries.count <= record)
      arena->entries.at[arena->entries.count++] = (lazyi_arena_entry){.mark = NULL};
  }
  return LAZY_STATUS_OK;
}

static void put_under(lazyi_arena *arena, lazyi_arena_mark *mark, uint32_t record) {
  lazyi_arena_entry *entry = &arena->entries.at[record];
  *entry =
      (lazyi_arena_entry){.previous = NONE, .next = mark->first != 0 ? mark->first - 1 : NONE, .mark = mark};
  if (entry->next != NONE) arena->entries.at[entry->next].previous = record;
  mark->first = record + 1;
}

static void take_out(lazyi_arena *arena, uint32_t record) {
  lazyi_arena_entry *entry = &arena->entries.at[record];
  if (entry->mark == NULL) return;
  if (entry->next != NONE) arena->entries.at[entry->next].previous = entry->previous;
  if (entry->previous != NONE) arena->entries.at[entry->previous].next = entry->next;
  else entry->mark->first = entry->next != NONE ? entry->next + 1 : 0;
  entry->mark = NULL;
}

/* Another stream may use the block only after what the home stream did with it before. */
static lazy_status order_after_home(lazyi_arena *arena, lazy_driver_stream stream) {
  if (stream == arena->home) return LAZY_STATUS_OK;
  LAZY_TRY(LAZYI_DRIVER(arena->device, event_record, arena->home_event, arena->home));
  return LAZYI_DRIVER(arena->device, stream_wait_event, stream, arena->home_event, 0);
}

static lazy_status alloc_locked(lazyi_arena *arena, size_t bytes, lazy_driver_stream stream,
                                lazyi_arena_mark *mark, lazyi_block *out_block) {
  uint32_t record = NONE;
  LAZY_TRY(obtain(arena, bytes, &record));
  lazy_status status = reserve_notes(arena, record);
  if (status == LAZY_STATUS_OK) status = order_after_home(arena, stream);
  if (status != LAZY_STATUS_OK) {
    (void)lazyi_offsets_free(&arena->offsets, record);
    return status;
  }
  if (mark != NULL) put_under(arena, mark, record);
  *out_block = (lazyi_block){lazyi_offsets_at(&arena->offsets, record), bytes, record};
  return LAZY_STATUS_OK;
}

lazy_status lazyi_arena_alloc(lazyi_arena *arena, size_t bytes, lazy_driver_stream stream,
                              lazyi_arena_mark *mark, lazyi_block *out_block) {
  if (bytes == 0) {
    *out_block = (lazyi_block){.record = NONE};
    return LAZY_STATUS_OK;
  }
  (void)pthread_mutex_lock(&arena->lock);
  lazy_status status = alloc_locked(arena, bytes, stream, mark, out_block);
  (void)pthread_mutex_unlock(&arena->lock);
  return status;
}

/* ---- free ---- */

static void free_locked(lazyi_arena *arena, uint32_t record, lazy_driver_stream stream) {
  take_out(arena, record);
  if (stream == arena->home) {
    (void)lazyi_offsets_free(&arena->offsets, record);
    return;
  }
  const lazy_driver *driver = arena->device->driver;
  lazy_driver_event event = NULL;
  if (take_event(arena, &event) == LAZY_STATUS_OK) {
    if (driver->event_record(event, stream) == LAZY_DRIVER_SUCCESS) {
      arena->pending.at[arena->pending.count].record = record;
      arena->pending.at[arena->pending.count++].event = event;
      return;
    }
    arena->events.at[arena->events.count++] = event;
  }
  if (driver->stream_synchronize(stream) == LAZY_DRIVER_SUCCESS)
    (void)lazyi_offsets_free(&arena->offsets, record);
}

void lazyi_arena_free(lazyi_arena *arena, lazyi_block block, lazy_driver_stream stream) {
  if (block.bytes == 0) return;
  (void)pthread_mutex_lock(&arena->lock);
  free_locked(arena, block.record, stream);
  (void)pthread_mutex_unlock(&arena->lock);
}

void lazyi_arena_drop(lazyi_arena *arena, lazyi_arena_mark *mark) {
  (void)pthread_mutex_lock(&arena->lock);
  while (mark->first != 0) take_out(arena, mark->first - 1);
  (void)pthread_mutex_unlock(&arena->lock);
}

void lazyi_arena_rewind(lazyi_arena *arena, lazyi_arena_mark *mark, lazy_driver_stream stream) {
  (void)pthread_mutex_lock(&arena->lock);
  while (mark->first != 0) free_locked(arena, mark->first - 1, stream);
  (void)pthread_mutex_unlock(&arena->lock);
}

/* ---- trim and statistics ---- */

lazy_status lazyi_arena_trim(lazyi_arena *arena) {
  (void)pthread_mutex_lock(&arena->lock);
  poll_pending(arena);
  lazy_status status = release_cached(arena);
  (void)pthread_mutex_unlock(&arena->lock);
  return status;
}

lazyi_arena_statistics lazyi_arena_read_statistics(lazyi_arena *arena) {
  (void)pthread_mutex_lock(&arena->lock);
  const lazyi_offsets_statistics *offsets = &arena->offsets.statistics;
  lazyi_arena_statistics statistics = {
      .used_bytes = offsets->used_bytes,
      .peak_used_bytes = offsets->peak_used_bytes,
      .reserved_bytes = arena->reserved_bytes,
      .peak_reserved_bytes = arena->peak_reserved_bytes,
      .cached_bytes = cached_bytes(arena),
      .largest_free_bytes = lazyi_offsets_largest(&arena->offsets),
      .block_count = offsets->used_blocks,
      .slab_count = arena->slabs.count,
      .pending_count = arena->pending.count,
      .driver_alloc_count = arena->driver_alloc_count,
      .driver_free_count = arena->driver_free_count,
  };
  (void)pthread_mutex_unlock(&arena->lock);
  return statistics;
}
