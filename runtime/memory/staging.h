/* Pinned host memory on its way to the device: a ring of chunks, each with an event.

   A caller acquires room, fills it, queues its copy, and releases the room on the stream the copy was queued
   on. A chunk serves one stream at a time, from its start to its end, and is used afresh once its event has
   passed. In a steady state nothing is allocated. Every function locks and may be called from any thread; the
   device's context is current. */
#ifndef LAZYI_MEMORY_STAGING_H
#define LAZYI_MEMORY_STAGING_H

#include <pthread.h>

#include "runtime/base/vector.h"
#include "runtime/driver/device.h"

#define LAZYI_STAGING_CHUNK_BYTES ((size_t)4 << 20)
enum { LAZYI_STAGING_CHUNKS = 4, LAZYI_STAGING_ALIGNMENT = 64 };

typedef struct lazyi_staging_chunk {
  unsigned char *memory;
  size_t bytes, used;
  lazy_driver_stream stream; /* whose uploads it holds */
  lazy_driver_event event;   /* recorded at each release */
  uint32_t holders;          /* rooms acquired and not released */
  bool pending;              /* the event was recorded and not yet seen to have passed */
  uint64_t turn;             /* when it was opened last */
} lazyi_staging_chunk;

typedef struct lazyi_staging {
  const lazyi_device *device; /* borrowed */
  size_t chunk_bytes;
  uint32_t chunk_limit; /* above it a caller waits for the oldest chunk, unless all are being held */
  pthread_mutex_t lock;
  LAZYI_VECTOR(lazyi_staging_chunk *) chunks;
  uint64_t turn;
  size_t pinned_bytes, peak_pinned_bytes;
  uint64_t wait_count;
} lazyi_staging;

typedef struct lazyi_staging_room {
  void *memory;
  size_t bytes;
  lazyi_staging_chunk *chunk;
} lazyi_staging_room;

/* `chunk_bytes` and `chunk_limit`: 0 for the defaults. Allocates no pinned memory yet. */
lazy_status lazyi_staging_init(const lazyi_device *device, size_t chunk_bytes, uint32_t chunk_limit,
                               lazyi_staging *out_staging);
/* Waits for the chunks' copies. */
void lazyi_staging_deinit(lazyi_staging *staging);

/* Room for `bytes`, for a copy on `stream`. More than a chunk's size gets a chunk of its own. */
LAZY_MUST_USE lazy_status lazyi_staging_acquire(lazyi_staging *staging, size_t bytes,
                                                lazy_driver_stream stream, lazyi_staging_room *out_room);
/* The copy has been queued (or was never: then nothing is waited for in vain). Never fails: if no event can
   be recorded, the call waits for the stream. */
void lazyi_staging_release(lazyi_staging *staging, lazyi_staging_room room, lazy_driver_stream stream);

/* Copies pageable memory to the device, in chunks; `from` is free again on return, and nothing waits unless
   the ring is full. */
LAZY_MUST_USE lazy_status lazyi_staging_upload(lazyi_staging *staging, lazy_driver_address to,
                                               const void *from, size_t bytes, lazy_driver_stream stream);
/* Copies from the device into pageable memory and waits for it. */
LAZY_MUST_USE lazy_status lazyi_staging_download(lazyi_staging *staging, void *to, lazy_driver_address from,
                                                 size_t bytes, lazy_driver_stream stream);

/* Frees the chunks that are not in use. */
void lazyi_staging_trim(lazyi_staging *staging);

#endif
