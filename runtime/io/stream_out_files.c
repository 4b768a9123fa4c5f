/* lazy_module_stream_out: workers fill shards in a directory beside the place; the last one publishes it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/io/file_writer.h"
#include "runtime/io/stream_out.h"
#include "runtime/tensor/context.h"

static const char index_name[] = "model.safetensors.index.json";

typedef struct job {
  const lazyi_stream_out *out;
  char *directory, *staging; /* where the files are to be; where they are made */
  uint32_t part, parts;
  atomic_size_t next; /* shard to be taken */
  atomic_bool failed; /* the others stop at their next shard */
} job;

static lazy_status refused(const char *path, const char *step) {
  return lazy_status_fail(LAZY_STATUS_IO, "%s: %s: %s", path, step, strerror(errno));
}

/* directory/name; NULL if memory ran out. */
static char *path_in(const char *directory, const char *name) {
  size_t bytes = strlen(directory) + strlen(name) + 2;
  char *path = lazyi_memory_alloc(bytes);
  if (path != NULL) (void)snprintf(path, bytes, "%s/%s", directory, name);
  return path;
}

/* ---- shards ---- */

typedef struct file_sink {
  lazyi_stream_sink base;
  lazyi_file_writer writer;
} file_sink;

static lazy_status put_file(lazyi_stream_sink *sink, const void *bytes, size_t count) {
  return lazyi_file_writer_put(&((file_sink *)sink)->writer, bytes, count);
}

static lazy_status put_file_device(lazyi_stream_sink *sink, lazy_driver_address address, size_t count) {
  file_sink *file = (file_sink *)sink;
  return lazyi_file_writer_put_device(&file->writer, file->writer.core, address, count);
}

static lazy_status write_shard(lazyi_stream_drawer *drawer, size_t shard, const char *path) {
  const lazyi_stream_out *out = drawer->out;
  file_sink file = {.base = {put_file, put_file_device}};
  LAZY_TRY(lazyi_file_writer_open(path, out->files[shard].bytes, out->context->core, &file.writer));
  file.writer.stream = drawer->stream;
  lazy_status status = lazyi_stream_draw(drawer, shard, 0, out->files[shard].bytes, &file.base);
  if (status == LAZY_STATUS_OK) status = lazyi_file_writer_commit(&file.writer);
  lazyi_file_writer_close(&file.writer);
  lazy_status rested = lazyi_stream_drawer_rest(drawer);
  return status == LAZY_STATUS_OK ? rested : status;
}

static lazy_status put_nowhere(lazyi_stream_sink *sink, const void *bytes, size_t count) {
  (void)sink, (void)bytes, (void)count;
  return LAZY_STATUS_OK;
}

static lazy_status put_nowhere_device(lazyi_stream_sink *sink, lazy_driver_address address, size_t count) {
  (void)sink, (void)address, (void)count;
  return LAZY_STATUS_OK;
}

/* A shard that is there already is drawn for its fingerprint alone. */
static lazy_status only_sum(lazyi_stream_drawer *drawer, size_t shard) {
  lazyi_stream_sink nowhere = {put_nowhere, put_nowhere_device};
  if (drawer->out->sums == NULL) return LAZY_STATUS_OK;
  LAZY_TRY(lazyi_stream_draw(drawer, shard, 0, drawer->out->files[shard].bytes, &nowhere));
  return lazyi_stream_drawer_rest(drawer);
}

/* Files appear whole: one of the right size was finished, by this run or one before it. */
static lazy_status is_finished(const job *j, size_t shard, char **out_path, bool *out_finished) {
  char name[LAZYI_SHARD_NAME_BYTES];
  struct stat facts;
  lazyi_shards_name(&j->out->layout, shard, name);
  *out_path = path_in(j->staging, name);
  LAZYI_TRY_ALLOC(*out_path);
  *out_finished = stat(*out_path, &facts) == 0 && (uint64_t)facts.st_size == j->out->files[shard].bytes;
  return LAZY_STATUS_OK;
}

static lazy_status fill_shards(job *j, lazyi_stream_drawer *drawer) {
  const size_t count = j->out->layout.shards.count;
  while (!atomic_load(&j->failed)) {
    const size_t shard = atomic_fetch_add(&j->next, 1);
    if (shard >= count) break;
    if (shard % j->parts != j->part) continue;
    char *path;
    bool finished;
    LAZY_TRY(is_finished(j, shard, &path, &finished));
    lazy_status status = finished ? only_sum(drawer, shard) : write_shard(drawer, shard, path);
    lazyi_memory_free(path);
    LAZY_TRY(status);
  }
  return LAZY_STATUS_OK;
}

/* ---- workers ---- */

typedef struct worker {
  job *job;
  pthread_t thread;
  lazy_status status;
  char message[512]; /* a thread's own: carried over to the caller's */
} worker;

static lazy_status work(job *j) {
  const lazyi_core *core = j->out->context->core;
  lazyi_stream_drawer drawer;
  LAZY_TRY(lazyi_core_enter(core));
  lazy_status status = lazyi_stream_drawer_open(j->out, &drawer);
  if (status == LAZY_STATUS_OK) {
    status = fill_shards(j, &drawer);
    lazyi_stream_drawer_close(&drawer);
  }
  lazyi_core_leave(core);
  if (status != LAZY_STATUS_OK) atomic_store(&j->failed, true);
  return status;
}

static void *run_worker(void *argument) {
  worker *w = argument;
  w->status = work(w->job);
  if (w->status != LAZY_STATUS_OK) (void)snprintf(w->message, sizeof w->message, "%s", lazy_status_message());
  return NULL;
}

/* The caller is the first worker. */
static lazy_status run_workers(job *j, uint32_t count) {
  const size_t shards = j->out->layout.shards.count;
  if (count > shards) count = (uint32_t)shards;
  worker *workers = lazyi_memory_calloc(count, sizeof *workers);
  LAZYI_TRY_ALLOC(workers);
  uint32_t started = 1;
  for (; started < count; started++) {
    workers[started].job = j;
    if (pthread_create(&workers[started].thread, NULL, run_worker, &workers[started]) != 0) break;
  }
  lazy_status status = work(j);
  for (uint32_t i = 1; i < started; i++) {
    (void)pthread_join(workers[i].thread, NULL);
    if (status == LAZY_STATUS_OK && workers[i].status != LAZY_STATUS_OK)
      status = lazy_status_fail(workers[i].status, "%s", workers[i].message);
  }
  lazyi_memory_free(workers);
  return status;
}

/* ---- the directory ---- */

/* Nothing is written over: the place is free, or an empty directory. */
static lazy_status check_place(const char *directory) {
  DIR *there = opendir(directory);
  if (there == NULL) return errno == ENOENT ? LAZY_STATUS_OK : refused(directory, "looking at what is there");
  size_t names = 0;
  while (readdir(there) != NULL) names++; /* . and .. among them */
  closedir(there);
  if (names <= 2) return LAZY_STATUS_OK;
  return lazy_status_fail(LAZY_STATUS_IO, "%s: there is a directory already, and it is not empty", directory);
}

static lazy_status name_places(job *j, const char *path) {
  size_t bytes = strlen(path);
  while (bytes > 1 && path[bytes - 1] == '/') bytes--;
  j->directory = lazyi_memory_alloc(bytes + 1);
  j->staging = lazyi_memory_alloc(bytes + 32);
  if (j->directory == NULL || j->staging == NULL) return LAZY_STATUS_OUT_OF_MEMORY;
  (void)snprintf(j->directory, bytes + 1, "%s", path);
  (void)snprintf(j->staging, bytes + 32, "%s.%016llx.part", j->directory, (unsigned long long)j->out->digest);
  return LAZY_STATUS_OK;
}

static lazy_status sync_parent(const char *directory) {
  const char *slash = strrchr(directory, '/');
  char *parent = lazyi_memory_strdup(slash == NULL ? "." : directory);
  LAZYI_TRY_ALLOC(parent);
  if (slash != NULL) parent[slash == directory ? 1 : slash - directory] = '\0';
  int descriptor = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  lazyi_memory_free(parent);
  if (descriptor < 0) return LAZY_STATUS_OK; /* may be written to and not read: that is no reason to fail */
  int synced = fsync(descriptor), failed = errno;
  close(descriptor);
  errno = failed;
  return synced == 0 || failed == EINVAL ? LAZY_STATUS_OK : refused(directory, "syncing the directory above");
}

/* The index, then the whole directory under its name. */
static lazy_status publish(const job *j) {
  char *text, *path = path_in(j->staging, index_name);
  size_t bytes;
  lazyi_file_writer index;
  LAZYI_TRY_ALLOC(path);
  lazy_status status = lazyi_shards_index(&j->out->layout, &text, &bytes);
  if (status == LAZY_STATUS_OK) {
    status = lazyi_file_writer_open(path, bytes, NULL, &index);
    if (status == LAZY_STATUS_OK) {
      status = lazyi_file_writer_put(&index, text, bytes);
      if (status == LAZY_STATUS_OK) status = lazyi_file_writer_commit(&index);
      lazyi_file_writer_close(&index);
    }
    lazyi_memory_free(text);
  }
  lazyi_memory_free(path);
  LAZY_TRY(status);
  if (rename(j->staging, j->directory) != 0) return refused(j->directory, "renaming the finished directory");
  return sync_parent(j->directory);
}

/* Two parts may find at once that all is there: one of them publishes, the other finds it done. */
static lazy_status publish_once(const job *j) {
  lazy_status status = publish(j);
  if (status == LAZY_STATUS_OK || j->parts == 1 || access(j->staging, F_OK) == 0) return status;
  char *path = path_in(j->directory, index_name);
  LAZYI_TRY_ALLOC(path);
  const bool done = access(path, F_OK) == 0;
  lazyi_memory_free(path);
  return done ? LAZY_STATUS_OK : status;
}

static lazy_status all_finished(const job *j, bool *out_all) {
  *out_all = true;
  for (size_t i = 0; i < j->out->layout.shards.count && *out_all; i++) {
    char *path;
    LAZY_TRY(is_finished(j, i, &path, out_all));
    lazyi_memory_free(path);
  }
  return LAZY_STATUS_OK;
}

/* Takes back what a run that was alone has made. */
static void remove_staging(const job *j) {
  for (size_t i = 0; i < j->out->layout.shards.count; i++) {
    char *path;
    bool finished;
    if (is_finished(j, i, &path, &finished) != LAZY_STATUS_OK) return;
    (void)unlink(path);
    lazyi_memory_free(path);
  }
  char *path = path_in(j->staging, index_name);
  if (path != NULL) (void)unlink(path);
  lazyi_memory_free(path);
  (void)rmdir(j->staging);
}

static lazy_status make(job *j, const char *path, uint32_t workers, lazy_stream_out_result *out_result) {
  LAZY_TRY(name_places(j, path));
  LAZY_TRY(check_place(j->directory));
  if (mkdir(j->staging, 0777) != 0 && errno != EEXIST)
    return refused(j->directory, "making a directory beside it");
  bool all = false;
  lazy_status status = run_workers(j, workers);
  if (status == LAZY_STATUS_OK) status = all_finished(j, &all);
  if (status == LAZY_STATUS_OK && all) status = publish_once(j);
  if (status != LAZY_STATUS_OK && j->parts == 1) remove_staging(j);
  out_result->published = status == LAZY_STATUS_OK && all;
  return status;
}

/* Of the shards that were this call's. */
static lazy_fingerprint fingerprint_of(const lazyi_stream_out *out, uint32_t part, uint32_t parts) {
  lazy_fingerprint whole = {0, 0};
  for (size_t i = part; i < out->layout.shards.count; i += parts) {
    const lazyi_shard *shard = &out->layout.shards.at[i];
    for (size_t t = 0; t < shard->entries.count; t++) {
      const lazyi_safetensors_tensor *tensor = &shard->header.tensors.at[t];
      const lazy_spec spec = {tensor->dtype, tensor->shape};
      whole = lazy_fingerprint_add(
          whole, lazyi_fingerprint_of(tensor->key, &spec, &out->sums[shard->entries.at[t]]));
    }
  }
  return whole;
}

static lazy_status make_one_file(const lazyi_stream_out *out, const char *path,
                                 lazy_stream_out_result *out_result) {
  const lazyi_core *core = out->context->core;
  lazyi_stream_drawer drawer;
  LAZY_TRY(lazyi_core_enter(core));
  lazy_status status = lazyi_stream_drawer_open(out, &drawer);
  if (status == LAZY_STATUS_OK) {
    status = write_shard(&drawer, 0, path);
    lazyi_stream_drawer_close(&drawer);
  }
  lazyi_core_leave(core);
  out_result->published = status == LAZY_STATUS_OK;
  return status;
}

lazy_status lazy_module_stream_out(lazy_module *module, const char *path,
                                   const lazy_stream_out_options *options,
                                   lazy_stream_out_result *out_result) {
  static const lazy_stream_out_options defaults = {.struct_size = sizeof(lazy_stream_out_options)};
  if (options == NULL) options = &defaults;
  const uint32_t parts = options->parts != 0 ? options->parts : 1;
  if (options->part >= parts)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "part %u of %u: parts count from 0", options->part,
                            parts);
  lazyi_stream_out out;
  lazy_status status = lazyi_stream_out_open(module, options, &out);
  if (status != LAZY_STATUS_OK) return lazy_status_annotate(status, "streaming out '%s'", path);
  job j = {.out = &out, .part = options->part, .parts = parts};
  lazy_stream_out_result result = {.shard_count = out.layout.shards.count,
                                   .data_bytes = out.layout.data_bytes};
  status = options->one_file ? make_one_file(&out, path, &result)
                             : make(&j, path, options->workers != 0 ? options->workers : 1, &result);
  if (status == LAZY_STATUS_OK && options->fingerprint)
    result.fingerprint =
        options->one_file ? fingerprint_of(&out, 0, 1) : fingerprint_of(&out, options->part, parts);
  lazyi_memory_free(j.directory);
  lazyi_memory_free(j.staging);
  lazyi_stream_out_close(&out);
  if (status == LAZY_STATUS_OK && out_result != NULL) *out_result = result;
  if (status != LAZY_STATUS_OUT_OF_MEMORY) return status;
  return lazy_status_annotate(status, "streaming out '%s'", path);
}
