/* Sums of tensors as tiles of kernels leave them, gathered and turned into fingerprints. */
#ifndef LAZYI_IO_FINGERPRINT_H
#define LAZYI_IO_FINGERPRINT_H

#include <lazyrt/fingerprint.h>

#include "runtime/tensor/core.h"

/* Of one tensor, or of a part of it. */
typedef struct lazyi_sums {
  uint64_t a, b;
} lazyi_sums;

typedef struct lazyi_summed_tiles {
  size_t entry;
  uint32_t first, count;
} lazyi_summed_tiles;

/* Collects on one stream. The device's context is current in every call. */
typedef struct lazyi_summer {
  lazyi_core *core;
  lazy_driver_stream stream;
  lazyi_sums *sums;  /* the caller's, by entry */
  lazyi_block tiles; /* where kernels leave their sums until they are downloaded */
  lazyi_sums *downloaded;
  uint32_t used;
  LAZYI_VECTOR(lazyi_summed_tiles) pending;
} lazyi_summer;

LAZY_MUST_USE lazy_status lazyi_summer_open(lazyi_core *core, lazy_driver_stream stream, lazyi_sums *sums,
                                            lazyi_summer *out_summer);
void lazyi_summer_close(lazyi_summer *summer);
/* Room for the sums of `tiles` tiles of one launch, at most LAZYI_SUMMER_TILES. */
enum { LAZYI_SUMMER_TILES = 1 << 16 };
LAZY_MUST_USE lazy_status lazyi_summer_reserve(lazyi_summer *summer, uint32_t tiles, uint64_t *out_address);
/* Tiles `first` .. of the room that was reserved last belong to an entry. */
LAZY_MUST_USE lazy_status lazyi_summer_claim(lazyi_summer *summer, size_t entry, uint32_t first,
                                             uint32_t count);
/* The room is used up: the next reserve starts behind it. */
void lazyi_summer_advance(lazyi_summer *summer, uint32_t tiles);
/* Sums elements that lie on the device, aligned to 16 bytes. */
LAZY_MUST_USE lazy_status lazyi_summer_add(lazyi_summer *summer, size_t entry, lazy_dtype dtype,
                                           lazy_driver_address values, uint64_t first, uint64_t count);
/* Waits for the stream; everything is in `sums` then. */
LAZY_MUST_USE lazy_status lazyi_summer_settle(lazyi_summer *summer);

lazy_fingerprint lazyi_fingerprint_of(const char *key, const lazy_spec *spec, const lazyi_sums *sums);

#endif
