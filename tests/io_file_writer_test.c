/* A file appears whole or not at all, whatever refuses: the disk, the driver, memory. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/memory.h"
#include "runtime/driver/fault.h"
#include "runtime/io/file_writer.h"
#include "runtime/tensor/array.h"
#include "tests/check.h"

static void write_old(const char *path) {
  FILE *file = fopen(path, "w");
  fputs("old", file);
  fclose(file);
}

static bool holds(const char *path, const void *wanted, size_t bytes) {
  unsigned char *found = malloc(bytes + 1);
  FILE *file = fopen(path, "r");
  bool same = file != NULL && fread(found, 1, bytes + 1, file) == bytes && memcmp(found, wanted, bytes) == 0;
  if (file != NULL) fclose(file);
  free(found);
  return same;
}

/* Files beside `path`, itself included. */
static int count_beside(const char *path) {
  char folder[512];
  snprintf(folder, sizeof folder, "%s", path);
  *strrchr(folder, '/') = '\0';
  DIR *directory = opendir(folder);
  int count = 0;
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) count += entry->d_name[0] != '.';
  closedir(directory);
  return count;
}

/* A directory of its own under the test's path. */
static const char *fresh_path(check_env *env, const char *folder, char *path, size_t bytes) {
  mkdir(check_path(env, folder), 0777);
  snprintf(path, bytes, "%s/file", check_path(env, folder));
  return path;
}

static lazy_status put_bytes(const char *path, const void *bytes, size_t count) {
  lazyi_file_writer writer;
  LAZY_TRY(lazyi_file_writer_open(path, count, NULL, &writer));
  lazy_status status = lazyi_file_writer_put(&writer, bytes, count);
  if (status == LAZY_STATUS_OK) status = lazyi_file_writer_commit(&writer);
  lazyi_file_writer_close(&writer);
  return status;
}

/* Host bytes, the array's bytes, host bytes. */
static lazy_status put_array(const char *path, const lazy_array *array) {
  lazyi_file_writer writer;
  lazyi_core *core = array->storage->core;
  size_t bytes = lazy_array_bytes(array);
  LAZY_TRY(lazyi_core_enter(core));
  lazy_status status = lazyi_file_writer_open(path, bytes + 8, core, &writer);
  if (status == LAZY_STATUS_OK) {
    status = lazyi_file_writer_put(&writer, "head", 4);
    if (status == LAZY_STATUS_OK) status = lazyi_file_writer_put_device(&writer, core, array->address, bytes);
    if (status == LAZY_STATUS_OK) status = lazyi_file_writer_put(&writer, "tail", 4);
    if (status == LAZY_STATUS_OK) status = lazyi_file_writer_commit(&writer);
    lazyi_file_writer_close(&writer);
  }
  lazyi_core_leave(core);
  return status;
}

TEST(file_writer, replaces_a_file_and_keeps_its_mode) {
  char path[512];
  struct stat facts;
  fresh_path(env, "replace", path, sizeof path);
  EXPECT_OK(put_bytes(path, "first", 5));
  EXPECT_TRUE(holds(path, "first", 5));
  chmod(path, 0640);
  EXPECT_OK(put_bytes(path, "second!", 7));
  EXPECT_TRUE(holds(path, "second!", 7));
  ASSERT_EQ(stat(path, &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777, 0640);
  EXPECT_EQ(count_beside(path), 1);
  EXPECT_OK(put_bytes(path, "", 0));
  EXPECT_TRUE(holds(path, "", 0));
}

TEST(file_writer, follows_a_link) {
  char path[512], link[600];
  struct stat facts;
  fresh_path(env, "links", path, sizeof path);
  snprintf(link, sizeof link, "%s.link", path);
  write_old(path);
  ASSERT_EQ(symlink(path, link), 0);
  EXPECT_OK(put_bytes(link, "new", 3));
  EXPECT_TRUE(holds(path, "new", 3));
  ASSERT_EQ(lstat(link, &facts), 0);
  EXPECT_TRUE(S_ISLNK(facts.st_mode));
}

TEST(file_writer, refuses_what_is_no_regular_file) {
  char path[512];
  fresh_path(env, "kinds", path, sizeof path);
  mkdir(path, 0777);
  EXPECT_FAILS(put_bytes(path, "x", 1), LAZY_STATUS_IO, "not a regular file");
  EXPECT_FAILS(put_bytes("/dev/null", "x", 1), LAZY_STATUS_IO, "not a regular file");
  EXPECT_FAILS(put_bytes(check_path(env, "absent/file"), "x", 1), LAZY_STATUS_IO, "No such file");
  EXPECT_EQ(count_beside(path), 1);
}

/* A limit on file sizes stands for a full disk: refused at once if the size is known, else while writing. */
TEST(file_writer, a_full_disk_leaves_the_old_file) {
  char path[512];
  size_t bytes = 20 << 20;
  struct rlimit before, limit;
  unsigned char *data = calloc(bytes, 1);
  fresh_path(env, "full", path, sizeof path);
  write_old(path);
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  limit = before;
  limit.rlim_cur = 10 << 20;
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  lazy_status known = put_bytes(path, data, bytes);
  lazyi_file_writer writer;
  lazy_status unknown = lazyi_file_writer_open(path, 9 << 20, NULL, &writer);
  if (unknown == LAZY_STATUS_OK) {
    unknown = lazyi_file_writer_put(&writer, data, bytes);
    if (unknown == LAZY_STATUS_OK) unknown = lazyi_file_writer_commit(&writer);
    lazyi_file_writer_close(&writer);
  }
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, handler);
  EXPECT_EQ(known, LAZY_STATUS_IO);
  EXPECT_FAILS(unknown, LAZY_STATUS_IO, "writing: File too large");
  EXPECT_TRUE(holds(path, "old", 3));
  EXPECT_EQ(count_beside(path), 1);
  free(data);
}

TEST_ON_DRIVERS(file_writer, device_bytes_longer_than_both_chunks) {
  char path[512];
  size_t bytes = 5 * LAZYI_FILE_CHUNK_BYTES / 2 + 13;
  unsigned char *wanted = malloc(bytes + 8);
  lazy_context *context;
  lazy_array *array;
  check_random_fill(env, wanted, bytes + 8);
  memcpy(wanted, "head", 4);
  memcpy(wanted + 4 + bytes, "tail", 4);
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  ASSERT_OK(
      lazy_array_from_data(context, LAZY_DTYPE_U8, &(lazy_shape){1, {(int64_t)bytes}}, wanted + 4, &array));
  fresh_path(env, env->device, path, sizeof path);
  EXPECT_OK(put_array(path, array));
  EXPECT_TRUE(holds(path, wanted, bytes + 8));
  EXPECT_EQ(count_beside(path), 1);
  lazy_array_release(array);
  lazy_context_close(context);
  free(wanted);
}

/* Each driver call, then each allocation, refused in turn. */
TEST_ON_FAULTS(file_writer, every_refusal_leaves_the_old_file) {
  char path[512];
  size_t bytes = 3 * LAZYI_FILE_CHUNK_BYTES;
  lazy_context *context;
  lazy_array *array;
  fresh_path(env, "refusals", path, sizeof path);
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  ASSERT_OK(lazy_array_create(context, LAZY_DTYPE_U8, &(lazy_shape){1, {(int64_t)bytes}}, &array));
  ASSERT_OK(lazy_array_fill(array, 7));
  for (int kind = 0; kind < 2; kind++) {
    bool done = false;
    for (uint64_t n = 1; n < 100 && !done; n++) {
      CHECK_CASE("%s %d refused", kind == 0 ? "driver call" : "allocation", (int)n);
      write_old(path);
      if (kind == 0) lazyi_fault_fail_at(n, LAZY_DRIVER_UNKNOWN);
      else lazyi_memory_fail_at(n);
      lazy_status status = put_array(path, array);
      uint64_t failures = lazyi_fault_failures();
      lazyi_memory_fail_at(0);
      lazyi_fault_reset();
      if (kind == 1) done = status == LAZY_STATUS_OK;
      else done = failures == 0;
      if (status != LAZY_STATUS_OK) EXPECT_TRUE(holds(path, "old", 3));
      EXPECT_EQ(count_beside(path), 1);
    }
    EXPECT_TRUE(done);
  }
  lazy_array_release(array);
  lazy_context_close(context);
}
