/* A file that appears whole or not at all: written beside its place, synced, renamed into it.

   Bytes from the host and from a device pass through two pinned chunks in turn: while one is written, the
   other is filled. The first core given is the one whose downloads run ahead; arrays of others are waited
   for. */
#ifndef LAZYI_IO_FILE_WRITER_H
#define LAZYI_IO_FILE_WRITER_H

#include <sys/types.h>

#include "runtime/tensor/core.h"

#define LAZYI_FILE_CHUNK_BYTES ((size_t)8 << 20)

typedef struct lazyi_file_chunk {
  unsigned char *memory;
  size_t used;
  lazy_driver_event event; /* the downloads into it; only with a core */
} lazyi_file_chunk;

typedef struct lazyi_file_writer {
  char *path, *temporary; /* where it is to be; where it is written */
  int descriptor, directory;
  lazyi_core *core;          /* NULL: bytes of the host only */
  lazy_driver_stream stream; /* of downloads: the core's; another may be set before the first */
  size_t chunk_bytes;
  off_t written; /* bytes in the file */
  lazyi_file_chunk chunks[2];
  int current;
} lazyi_file_writer;

/* Makes the temporary file and asks for `total_bytes` of disk. A link is followed; what is there and no
   regular file is refused. The core (may be NULL) is borrowed, and its context current from open to close. */
LAZY_MUST_USE lazy_status lazyi_file_writer_open(const char *path, uint64_t total_bytes, lazyi_core *core,
                                                 lazyi_file_writer *out_writer);
LAZY_MUST_USE lazy_status lazyi_file_writer_put(lazyi_file_writer *writer, const void *bytes, size_t count);
/* The device bytes must stand until close, but for what comes later on the writer's stream. */
LAZY_MUST_USE lazy_status lazyi_file_writer_put_device(lazyi_file_writer *writer, lazyi_core *core,
                                                       lazy_driver_address address, size_t count);
/* Writes what is left, syncs, renames, syncs the directory. */
LAZY_MUST_USE lazy_status lazyi_file_writer_commit(lazyi_file_writer *writer);
/* Frees everything; without a commit before, the temporary file goes and what was at the path stands. */
void lazyi_file_writer_close(lazyi_file_writer *writer);

#endif
