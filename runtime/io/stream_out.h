/* A sharded checkpoint of a model whose parameters need not exist: every byte of its files can be had alone.

   stream_out.c lays the files out and yields their bytes, range by range, through one buffer of the device;
   stream_out_files.c has workers write them and publishes the directory. */
#ifndef LAZYI_IO_STREAM_OUT_H
#define LAZYI_IO_STREAM_OUT_H

#include "runtime/io/fingerprint.h"
#include "runtime/io/shards.h"
#include "runtime/tensor/core.h"

/* A shard's file: a header, then its data. */
typedef struct lazyi_stream_file {
  unsigned char *head;
  size_t head_bytes;
  uint64_t bytes; /* of the whole file */
} lazyi_stream_file;

typedef struct lazyi_stream_out {
  lazy_context *context;              /* held */
  lazy_state *state;                  /* held */
  struct lazy_init_segment *segments; /* like the state's entries; a dtype of 0: it has values already */
  lazyi_shards layout;
  lazyi_stream_file *files; /* like the layout's shards */
  lazyi_sums *sums;         /* like the entries; NULL: no fingerprint is wanted */
  uint64_t digest;          /* of everything that the files follow from */
} lazyi_stream_out;

/* Looks at the module as it is now: a parameter that is shaped will be drawn, one that is real downloaded.
   Nothing may change them before close. Allocates no device memory. */
LAZY_MUST_USE lazy_status lazyi_stream_out_open(lazy_module *module, const lazy_stream_out_options *options,
                                                lazyi_stream_out *out_stream);
void lazyi_stream_out_close(lazyi_stream_out *stream);

/* Bytes of a segment that are wanted. */
typedef struct lazyi_stream_wanted {
  size_t entry;
  size_t skip, take;
} lazyi_stream_wanted;

/* What one thread needs to make bytes. */
typedef struct lazyi_stream_drawer {
  const lazyi_stream_out *out;
  lazy_driver_stream stream;
  lazyi_block buffer;
  lazyi_summer summer;                             /* where a fingerprint is wanted */
  LAZYI_VECTOR(struct lazy_init_segment) segments; /* being gathered for one launch */
  LAZYI_VECTOR(lazyi_stream_wanted) wanted;        /* like segments */
  size_t used;                                     /* bytes of the buffer */
  LAZYI_VECTOR(lazy_array *) arrays;               /* held while something downloads from them */
} lazyi_stream_drawer;

/* The device's context must be current from open to close. Sums are of what goes by in whole tensors: what is
   read from the middle of one spoils them. */
LAZY_MUST_USE lazy_status lazyi_stream_drawer_open(const lazyi_stream_out *out,
                                                   lazyi_stream_drawer *out_drawer);
void lazyi_stream_drawer_close(lazyi_stream_drawer *drawer);
/* Brings the sums home, and lets go of arrays; what downloads from them must be done. */
LAZY_MUST_USE lazy_status lazyi_stream_drawer_rest(lazyi_stream_drawer *drawer);

/* Where bytes go. Device memory is the drawer's until what `put_device` queues on the drawer's stream is
   done. */
typedef struct lazyi_stream_sink {
  lazy_status (*put)(struct lazyi_stream_sink *sink, const void *bytes, size_t count);
  lazy_status (*put_device)(struct lazyi_stream_sink *sink, lazy_driver_address address, size_t count);
} lazyi_stream_sink;

/* Bytes [begin, end) of a shard's file, in order. */
LAZY_MUST_USE lazy_status lazyi_stream_draw(lazyi_stream_drawer *drawer, size_t shard, uint64_t begin,
                                            uint64_t end, lazyi_stream_sink *sink);
/* The same into memory; waits for it. */
LAZY_MUST_USE lazy_status lazyi_stream_read(lazyi_stream_drawer *drawer, size_t shard, uint64_t begin,
                                            size_t bytes, void *out_bytes);

#endif
