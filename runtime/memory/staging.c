#include "runtime/memory/staging.h"

#include <string.h>

lazy_status lazyi_staging_init(const lazyi_device *device, size_t chunk_bytes, uint32_t chunk_limit,
                               lazyi_staging *out_staging) {
  size_t rounded;
  if (!lazyi_align_size(chunk_bytes != 0 ? chunk_bytes : LAZYI_STAGING_CHUNK_BYTES, LAZYI_STAGING_ALIGNMENT,
                        &rounded))
    return lazy_status_fail(LAZY_STATUS_LIMIT, "staging: a chunk of %zu bytes", chunk_bytes);
  *out_staging = (lazyi_staging){.device = device,
                                 .chunk_bytes = rounded,
                                 .chunk_limit = chunk_limit != 0 ? chunk_limit : LAZYI_STAGING_CHUNKS};
  (void)pthread_mutex_init(&out_staging->lock, NULL);
  return LAZY_STATUS_OK;
}

static void destroy_chunk(lazyi_staging *staging, lazyi_staging_chunk *chunk) {
  const lazy_driver *driver = staging->device->driver;
  if (chunk->pending) (void)driver->event_synchronize(chunk->event);
  if (chunk->event != NULL) (void)driver->event_destroy(chunk->event);
  if (chunk->memory != NULL) (void)driver->host_free(chunk->memory);
  staging->pinned_bytes -= chunk->bytes;
  lazyi_memory_free(chunk);
}

void lazyi_staging_deinit(lazyi_staging *staging) {
  for (size_t i = 0; i < staging->chunks.count; i++) destroy_chunk(staging, staging->chunks.at[i]);
  lazyi_vector_deinit(&staging->chunks);
  (void)pthread_mutex_destroy(&staging->lock);
}

static lazy_status create_chunk(lazyi_staging *staging, size_t bytes, lazyi_staging_chunk **out_chunk) {
  LAZY_TRY(lazyi_vector_reserve(&staging->chunks, 1));
  lazyi_staging_chunk *chunk = lazyi_memory_calloc(1, sizeof *chunk);
  LAZYI_TRY_ALLOC(chunk);
  void *memory = NULL;
  lazy_status status = lazyi_device_alloc_pinned(staging->device, bytes, &memory);
  if (status == LAZY_STATUS_OK) {
    chunk->memory = memory;
    chunk->bytes = bytes;
    staging->pinned_bytes += bytes;
    status = LAZYI_DRIVER(staging->device, event_create, &chunk->event, LAZY_DRIVER_EVENT_DISABLE_TIMING);
  }
  if (status != LAZY_STATUS_OK) {
    destroy_chunk(staging, chunk);
    return status;
  }
  if (staging->pinned_bytes > staging->peak_pinned_bytes) staging->peak_pinned_bytes = staging->pinned_bytes;
  staging->chunks.at[staging->chunks.count++] = chunk;
  *out_chunk = chunk;
  return LAZY_STATUS_OK;
}

/* Nobody writes to it, and the device has read it. */
static bool is_idle(lazyi_staging *staging, lazyi_staging_chunk *chunk) {
  if (chunk->holders != 0) return false;
  if (chunk->pending && staging->device->driver->event_query(chunk->event) == LAZY_DRIVER_SUCCESS)
    chunk->pending = false;
  return !chunk->pending;
}

/* The chunk being filled for this stream, if it has room. */
static lazyi_staging_chunk *find_open(lazyi_staging *staging, size_t bytes, lazy_driver_stream stream) {
  lazyi_staging_chunk *open = NULL;
  for (size_t i = 0; i < staging->chunks.count; i++) {
    lazyi_staging_chunk *chunk = staging->chunks.at[i];
    bool in_use = chunk->holders != 0 || chunk->pending;
    if (in_use && chunk->stream == stream && chunk->bytes - chunk->used >= bytes &&
        (open == NULL || chunk->turn > open->turn))
      open = chunk;
  }
  return open;
}

/* The smallest idle chunk that is large enough. */
static lazyi_staging_chunk *find_idle(lazyi_staging *staging, size_t bytes) {
  lazyi_staging_chunk *best = NULL;
  for (size_t i = 0; i < staging->chunks.count; i++) {
    lazyi_staging_chunk *chunk = staging->chunks.at[i];
    if (chunk->bytes >= bytes && (best == NULL || chunk->bytes < best->bytes) && is_idle(staging, chunk))
      best = chunk;
  }
  return best;
}

/* The chunk opened longest ago that waiting can make idle. */
static lazyi_staging_chunk *find_oldest(lazyi_staging *staging, size_t bytes) {
  lazyi_staging_chunk *oldest = NULL;
  for (size_t i = 0; i < staging->chunks.count; i++) {
    lazyi_staging_chunk *chunk = staging->chunks.at[i];
    if (chunk->bytes >= bytes && chunk->holders == 0 && (oldest == NULL || chunk->turn < oldest->turn))
      oldest = chunk;
  }
  return oldest;
}

static lazy_status acquire_locked(lazyi_staging *staging, size_t bytes, lazy_driver_stream stream,
                                  lazyi_staging_room *out_room) {
  size_t taken;
  if (!lazyi_align_size(bytes != 0 ? bytes : 1, LAZYI_STAGING_ALIGNMENT, &taken))
    return lazy_status_fail(LAZY_STATUS_OUT_OF_MEMORY, "pinned memory: %zu bytes wanted", bytes);
  lazyi_staging_chunk *chunk = find_open(staging, taken, stream);
  if (chunk == NULL) {
    chunk = find_idle(staging, taken);
    if (chunk == NULL && staging->chunks.count >= staging->chunk_limit) {
      chunk = find_oldest(staging, taken);
      if (chunk != NULL) {
        LAZY_TRY(LAZYI_DRIVER(staging->device, event_synchronize, chunk->event));
        chunk->pending = false;
        staging->wait_count++;
      }
    }
    if (chunk == NULL)
      LAZY_TRY(create_chunk(staging, taken > staging->chunk_bytes ? taken : staging->chunk_bytes, &chunk));
    chunk->used = 0;
    chunk->stream = stream;
    chunk->turn = ++staging->turn;
  }
  *out_room = (lazyi_staging_room){chunk->memory + chunk->used, bytes, chunk};
  chunk->used += taken;
  chunk->holders++;
  return LAZY_STATUS_OK;
}

lazy_status lazyi_staging_acquire(lazyi_staging *staging, size_t bytes, lazy_driver_stream stream,
                                  lazyi_staging_room *out_room) {
  (void)pthread_mutex_lock(&staging->lock);
  lazy_status status = acquire_locked(staging, bytes, stream, out_room);
  (void)pthread_mutex_unlock(&staging->lock);
  return status;
}

void lazyi_staging_release(lazyi_staging *staging, lazyi_staging_room room, lazy_driver_stream stream) {
  const lazy_driver *driver = staging->device->driver;
  (void)pthread_mutex_lock(&staging->lock);
  if (driver->event_record(room.chunk->event, stream) == LAZY_DRIVER_SUCCESS) room.chunk->pending = true;
  else (void)driver->stream_synchronize(stream);
  room.chunk->holders--;
  (void)pthread_mutex_unlock(&staging->lock);
}

lazy_status lazyi_staging_upload(lazyi_staging *staging, lazy_driver_address to, const void *from,
                                 size_t bytes, lazy_driver_stream stream) {
  const unsigned char *source = from;
  while (bytes != 0) {
    size_t part = bytes < staging->chunk_bytes ? bytes : staging->chunk_bytes;
    lazyi_staging_room room;
    LAZY_TRY(lazyi_staging_acquire(staging, part, stream, &room));
    memcpy(room.memory, source, part);
    lazy_status status = LAZYI_DRIVER(staging->device, memcpy_htod_async, to, room.memory, part, stream);
    lazyi_staging_release(staging, room, stream);
    LAZY_TRY(status);
    source += part;
    to += part;
    bytes -= part;
  }
  return LAZY_STATUS_OK;
}

/* Drivers stage a copy into pageable memory themselves, and the call has to wait for its end anyway. */
lazy_status lazyi_staging_download(lazyi_staging *staging, void *to, lazy_driver_address from, size_t bytes,
                                   lazy_driver_stream stream) {
  if (bytes != 0) LAZY_TRY(LAZYI_DRIVER(staging->device, memcpy_dtoh_async, to, from, bytes, stream));
  return LAZYI_DRIVER(staging->device, stream_synchronize, stream);
}

void lazyi_staging_trim(lazyi_staging *staging) {
  (void)pthread_mutex_lock(&staging->lock);
  for (size_t i = staging->chunks.count; i-- > 0;) {
    if (!is_idle(staging, staging->chunks.at[i])) continue;
    destroy_chunk(staging, staging->chunks.at[i]);
    staging->chunks.at[i] = staging->chunks.at[--staging->chunks.count];
  }
  (void)pthread_mutex_unlock(&staging->lock);
}
