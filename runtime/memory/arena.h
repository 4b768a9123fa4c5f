/* Device memory of one context: slabs from the driver, cut into blocks. Policy: README.md in this folder.

   The arena has a home stream. A block freed on it can be handed out again at once, as whatever comes next on
   that stream comes after; a block freed on another stream waits for an event. A block asked for on another
   stream first makes that stream wait for the home stream.

   Every function locks the arena and may be called from any thread; the device's context is current. */
#ifndef LAZYI_MEMORY_ARENA_H
#define LAZYI_MEMORY_ARENA_H

#include <pthread.h>

#include "runtime/memory/offsets.h"
#include "runtime/memory/slab.h"

/* Every block starts at a multiple of this many bytes, and sizes are rounded up to it. */
enum { LAZYI_ARENA_ALIGNMENT = 256 };
#define LAZYI_ARENA_SLAB_BYTES ((size_t)2 << 20)

typedef struct lazyi_block {
  lazy_driver_address address; /* 0 for a block of zero bytes */
  size_t bytes;                /* as asked for */
  uint32_t record;             /* the arena's */
} lazyi_block;

typedef struct lazyi_arena_statistics {
  size_t used_bytes, peak_used_bytes; /* blocks handed out, rounded to the alignment; pending ones too */
  size_t reserved_bytes, peak_reserved_bytes; /* slabs held from the driver */
  size_t cached_bytes; /* slabs of which no block is in use: what trim would give back */
  size_t largest_free_bytes;
  size_t block_count, slab_count, pending_count;
  uint64_t driver_alloc_count, driver_free_count;
} lazyi_arena_statistics;

typedef struct lazyi_arena_entry {
  uint32_t previous, next; /* in the list of its mark */
  struct lazyi_arena_mark *mark;
} lazyi_arena_entry;

/* Blocks allocated under a mark are in its list until it is dropped (they stay) or rewound (they are freed).
   A zeroed mark is empty. It must not move while blocks are under it. */
typedef struct lazyi_arena_mark {
  uint32_t first; /* record + 1, or 0 */
} lazyi_arena_mark;

typedef struct lazyi_arena {
  const lazyi_device *device; /* borrowed */
  lazy_driver_stream home;    /* borrowed */
  size_t slab_bytes;
  pthread_mutex_t lock;
  lazyi_offsets offsets; /* over device addresses */
  LAZYI_VECTOR(struct {
    lazyi_slab slab;
    uint32_t span;
  })
  slabs;
  LAZYI_VECTOR(lazyi_arena_entry) entries; /* by record */
  LAZYI_VECTOR(struct {
    uint32_t record;
    lazy_driver_event event;
  })
  pending;                                /* freed on other streams */
  LAZYI_VECTOR(lazy_driver_event) events; /* idle ones */
  lazy_driver_event home_event;
  size_t reserved_bytes, peak_reserved_bytes;
  uint64_t driver_alloc_count, driver_free_count;
} lazyi_arena;

/* `slab_bytes`: 0 for the default. A slab is that large, or exactly as large as the request that needs it. */
LAZY_MUST_USE lazy_status lazyi_arena_init(const lazyi_device *device, lazy_driver_stream home,
                                           size_t slab_bytes, lazyi_arena *out_arena);
/* Waits for pending frees and gives every slab back, blocks still in use with them. */
void lazyi_arena_deinit(lazyi_arena *arena);

/* What a request takes from the driver when nothing free can hold it: the slab of a small one, exactly the
   request, rounded to the alignment, of a large one. SIZE_MAX if that overflows. */
size_t lazyi_arena_reserve_bytes(const lazyi_arena *arena, size_t bytes);

/* Memory whose first use is on `stream`; contents undefined. Under `mark` if that is not NULL. OUT_OF_MEMORY
   names the bytes wanted, in use and cached. */
LAZY_MUST_USE lazy_status lazyi_arena_alloc(lazyi_arena *arena, size_t bytes, lazy_driver_stream stream,
                                            lazyi_arena_mark *mark, lazyi_block *out_block);
/* Gives a block back; its last use is what was queued on `stream` so far. Never fails: if the driver will not
   give an event the call waits, and if it will not wait either (a lost device) the block stays out of use. */
void lazyi_arena_free(lazyi_arena *arena, lazyi_block block, lazy_driver_stream stream);

/* Keeps the blocks allocated under the mark; the mark is empty again. Cannot fail. */
void lazyi_arena_drop(lazyi_arena *arena, lazyi_arena_mark *mark);
/* Frees the blocks allocated under the mark; slabs stay, as cache. */
void lazyi_arena_rewind(lazyi_arena *arena, lazyi_arena_mark *mark, lazy_driver_stream stream);

/* Gives slabs that hold no block back to the driver, after waiting for the home stream. */
LAZY_MUST_USE lazy_status lazyi_arena_trim(lazyi_arena *arena);
lazyi_arena_statistics lazyi_arena_read_statistics(lazyi_arena *arena);

#endif
