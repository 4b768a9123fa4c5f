#include "runtime/io/file_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MODE_BITS = 07777, NAME_TRIES = 16 };

static lazy_status refused(const lazyi_file_writer *writer, const char *step) {
  return lazy_status_fail(LAZY_STATUS_IO, "%s: %s: %s", writer->path, step, strerror(errno));
}

/* ---- the file ---- */

/* The path that is written to in the end, and the mode of what is there (0 if nothing is). */
static lazy_status resolve(lazyi_file_writer *writer, const char *path, mode_t *out_mode) {
  struct stat facts;
  char *real = NULL;
  *out_mode = 0;
  if (lstat(path, &facts) == 0 && S_ISLNK(facts.st_mode)) real = realpath(path, NULL);
  writer->path = lazyi_memory_strdup(real != NULL ? real : path);
  free(real);
  LAZYI_TRY_ALLOC(writer->path);
  if (stat(writer->path, &facts) != 0) return LAZY_STATUS_OK;
  if (!S_ISREG(facts.st_mode))
    return lazy_status_fail(LAZY_STATUS_IO, "%s: there is something that is not a regular file",
                            writer->path);
  *out_mode = facts.st_mode & MODE_BITS;
  return LAZY_STATUS_OK;
}

static lazy_status create_temporary(lazyi_file_writer *writer) {
  size_t bytes = strlen(writer->path) + 32;
  writer->temporary = lazyi_memory_alloc(bytes);
  LAZYI_TRY_ALLOC(writer->temporary);
  for (int i = 0; i < NAME_TRIES; i++) {
    uint64_t number = 0;
    if (getrandom(&number, sizeof number, 0) != sizeof number)
      return refused(writer, "random bytes for a name");
    snprintf(writer->temporary, bytes, "%s.%016llx.part", writer->path, (unsigned long long)number);
    writer->descriptor = open(writer->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (writer->descriptor >= 0) return LAZY_STATUS_OK;
    if (errno != EEXIST) break;
  }
  return refused(writer, "creating a file beside it");
}

static lazy_status write_all(const lazyi_file_writer *writer, const unsigned char *bytes, size_t count) {
  while (count != 0) {
    ssize_t written = write(writer->descriptor, bytes, count);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return refused(writer, "writing");
    bytes += written;
    count -= (size_t)written;
  }
  return LAZY_STATUS_OK;
}

/* Opened before anything is written: after the renaming nothing but the sync itself can fail. A directory
   that may be written to and not read cannot be synced, which is no reason to refuse. */
static lazy_status open_directory(lazyi_file_writer *writer) {
  char *slash = strrchr(writer->path, '/');
  char *end = slash != NULL ? slash + (slash == writer->path) : writer->path, cut = *end;
  *end = '\0';
  writer->directory = open(end == writer->path ? "." : writer->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int failed = errno;
  *end = cut;
  errno = failed;
  return writer->directory >= 0 || failed == EACCES ? LAZY_STATUS_OK
                                                    : refused(writer, "opening its directory");
}

static lazy_status sync_directory(const lazyi_file_writer *writer) {
  if (writer->directory < 0 || fsync(writer->directory) == 0 || errno == EINVAL) return LAZY_STATUS_OK;
  return refused(writer, "written, and then syncing its directory");
}

/* ---- chunks ---- */

static lazy_status prepare_chunk(lazyi_file_writer *writer, lazyi_file_chunk *chunk) {
  if (chunk->memory != NULL) return LAZY_STATUS_OK;
  if (writer->core == NULL) {
    chunk->memory = lazyi_memory_alloc(writer->chunk_bytes);
    LAZYI_TRY_ALLOC(chunk->memory);
    return LAZY_STATUS_OK;
  }
  void *memory;
  const lazyi_device *device = &writer->core->device;
  if (chunk->event == NULL)
    LAZY_TRY(LAZYI_DRIVER(device, event_create, &chunk->event, LAZY_DRIVER_EVENT_DISABLE_TIMING));
  LAZY_TRY(lazyi_device_alloc_pinned(device, writer->chunk_bytes, &memory));
  chunk->memory = memory;
  return LAZY_STATUS_OK;
}

/* Waits for a chunk's downloads, writes it, and leaves it empty. */
static lazy_status empty_chunk(lazyi_file_writer *writer, lazyi_file_chunk *chunk) {
  if (chunk->used == 0) return LAZY_STATUS_OK;
  if (writer->core != NULL) LAZY_TRY(LAZYI_DRIVER(&writer->core->device, event_synchronize, chunk->event));
  LAZY_TRY(write_all(writer, chunk->memory, chunk->used));
  /* The disk begins now, not at the sync. Where that is not to be had, the sync does it all. */
  (void)sync_file_range(writer->descriptor, writer->written, (off_t)chunk->used, SYNC_FILE_RANGE_WRITE);
  writer->written += (off_t)chunk->used;
  chunk->used = 0;
  return LAZY_STATUS_OK;
}

/* Marks the end of the current chunk's downloads and turns to the other one. */
static lazy_status turn(lazyi_file_writer *writer) {
  lazyi_file_chunk *full = &writer->chunks[writer->current];
  if (writer->core != NULL && full->used != 0)
    LAZY_TRY(LAZYI_DRIVER(&writer->core->device, event_record, full->event, writer->stream));
  writer->current ^= 1;
  return empty_chunk(writer, &writer->chunks[writer->current]);
}

/* Room in the current chunk: from 1 byte up to `wanted`. */
static lazy_status room(lazyi_file_writer *writer, size_t wanted, unsigned char **out_at, size_t *out_bytes) {
  if (writer->chunks[writer->current].used == writer->chunk_bytes) LAZY_TRY(turn(writer));
  lazyi_file_chunk *chunk = &writer->chunks[writer->current];
  LAZY_TRY(prepare_chunk(writer, chunk));
  size_t left = writer->chunk_bytes - chunk->used;
  *out_at = chunk->memory + chunk->used;
  *out_bytes = wanted < left ? wanted : left;
  chunk->used += *out_bytes;
  return LAZY_STATUS_OK;
}

lazy_status lazyi_file_writer_put(lazyi_file_writer *writer, const void *bytes, size_t count) {
  const unsigned char *from = bytes;
  while (count != 0) {
    unsigned char *at;
    size_t taken;
    LAZY_TRY(room(writer, count, &at, &taken));
    memcpy(at, from, taken);
    from += taken;
    count -= taken;
  }
  return LAZY_STATUS_OK;
}

static lazy_status download(lazyi_file_writer *writer, lazyi_core *core, void *to, lazy_driver_address from,
                            size_t bytes) {
  if (core == writer->core)
    return LAZYI_DRIVER(&core->device, memcpy_dtoh_async, to, from, bytes, writer->stream);
  LAZY_TRY(lazyi_core_enter(core));
  lazy_status status = lazyi_staging_download(&core->staging, to, from, bytes, core->stream);
  lazyi_core_leave(core);
  return status;
}

lazy_status lazyi_file_writer_put_device(lazyi_file_writer *writer, lazyi_core *core,
                                         lazy_driver_address address, size_t count) {
  while (count != 0) {
    unsigned char *at;
    size_t taken;
    LAZY_TRY(room(writer, count, &at, &taken));
    LAZY_TRY(download(writer, core, at, address, taken));
    address += taken;
    count -= taken;
  }
  return LAZY_STATUS_OK;
}

/* ---- the whole ---- */

static lazy_status open_writer(lazyi_file_writer *writer, const char *path, uint64_t total_bytes) {
  mode_t mode;
  LAZY_TRY(resolve(writer, path, &mode));
  LAZY_TRY(open_directory(writer));
  LAZY_TRY(create_temporary(writer));
  if (mode != 0 && fchmod(writer->descriptor, mode) != 0) return refused(writer, "setting its mode");
  /* Asked for at once, a full disk is known before anything is downloaded. File systems without it write as
   * they go. */
  if (total_bytes != 0 && fallocate(writer->descriptor, 0, 0, (off_t)total_bytes) != 0 &&
      errno != EOPNOTSUPP && errno != ENOSYS && errno != EINTR)
    return refused(writer, "reserving disk space");
  return LAZY_STATUS_OK;
}

lazy_status lazyi_file_writer_open(const char *path, uint64_t total_bytes, lazyi_core *core,
                                   lazyi_file_writer *out_writer) {
  lazyi_file_writer writer = {
      .descriptor = -1, .directory = -1, .core = core, .chunk_bytes = LAZYI_FILE_CHUNK_BYTES};
  if (core != NULL) writer.stream = core->stream;
  if (total_bytes < writer.chunk_bytes) writer.chunk_bytes = total_bytes != 0 ? (size_t)total_bytes : 1;
  lazy_status status = open_writer(&writer, path, total_bytes);
  if (status == LAZY_STATUS_OK) *out_writer = writer;
  else lazyi_file_writer_close(&writer);
  return status;
}

lazy_status lazyi_file_writer_commit(lazyi_file_writer *writer) {
  LAZY_TRY(turn(writer));
  LAZY_TRY(turn(writer));
  if (fsync(writer->descriptor) != 0) return refused(writer, "syncing");
  int closed = close(writer->descriptor);
  writer->descriptor = -1;
  if (closed != 0) return refused(writer, "closing");
  if (rename(writer->temporary, writer->path) != 0) return refused(writer, "renaming");
  lazyi_memory_free(writer->temporary);
  writer->temporary = NULL;
  return sync_directory(writer);
}

void lazyi_file_writer_close(lazyi_file_writer *writer) {
  if (writer->descriptor >= 0) close(writer->descriptor);
  if (writer->directory >= 0) close(writer->directory);
  if (writer->temporary != NULL) unlink(writer->temporary);
  lazyi_memory_free(writer->temporary);
  lazyi_memory_free(writer->path);
  for (int i = 0; i < 2; i++) {
    lazyi_file_chunk *chunk = &writer->chunks[i];
    if (writer->core == NULL) {
      lazyi_memory_free(chunk->memory);
      continue;
    }
    /* After a failure downloads may be under way still. What cannot be waited for or freed is lost with its
     * device. */
    const lazy_driver *driver = writer->core->device.driver;
    if (chunk->used != 0) (void)driver->stream_synchronize(writer->stream);
    if (chunk->memory != NULL) (void)driver->host_free(chunk->memory);
    if (chunk->event != NULL) (void)driver->event_destroy(chunk->event);
  }
}
