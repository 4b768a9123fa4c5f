/* Checkpoints: what is saved is what was there, hostile files change nothing, failures leave the old file. */
#include <lazyrt/lazyrt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/memory.h"
#include "runtime/driver/fault.h"
#include "runtime/module/state.h"
#include "tests/check.h"

static const char net_text[] =
    "Net(\n  (fc1): LazyLinear(7)\n  (relu): ReLU()\n  (sub): Sequential(\n    (0): LazyLinear(3, "
    "bias=False)\n"
    "    (1): LazyLinear(5, dtype=torch.float64)\n  )\n)";
/* The second half of the tree is float64, so the model is not one to run; it is settled part by part. */

static lazy_context *open_seeded(const char *device, uint64_t seed) {
  lazy_context_options options = {.struct_size = sizeof options, .seed = seed};
  lazy_context *context = NULL;
  EXPECT_OK(lazy_context_open(device, &options, &context));
  return context;
}

/* `net_text` with every parameter real. */
static lazy_module *make_net(lazy_context *context) {
  lazy_module *net = NULL, *part;
  EXPECT_OK(lazy_module_parse(context, net_text, &net));
  EXPECT_OK(lazy_module_find(net, "fc1", &part));
  EXPECT_OK(lazy_module_dry_run(part, LAZY_ARGS(LAZY_INPUT(2, 4)), NULL));
  EXPECT_OK(lazy_module_find(net, "sub.0", &part));
  EXPECT_OK(lazy_module_dry_run(part, LAZY_ARGS(LAZY_INPUT(2, 7)), NULL));
  EXPECT_OK(lazy_module_find(net, "sub.1", &part));
  EXPECT_OK(lazy_module_dry_run(part, LAZY_ARGS(LAZY_INPUT_OF(LAZY_DTYPE_F64, 2, 3)), NULL));
  return net;
}

static unsigned char *read_file(const char *path, size_t *out_bytes) {
  FILE *file = fopen(path, "rb");
  unsigned char *bytes = malloc(1 << 20);
  *out_bytes = file != NULL ? fread(bytes, 1, 1 << 20, file) : 0;
  if (file != NULL) fclose(file);
  return bytes;
}

static void write_file(const char *path, const void *bytes, size_t count) {
  FILE *file = fopen(path, "wb");
  EXPECT_EQ(fwrite(bytes, 1, count, file), count);
  fclose(file);
}

/* Same keys, dtypes, shapes and bytes, whatever the order. */
static void expect_same_state(const lazy_state *found, const lazy_state *wanted) {
  EXPECT_EQ(lazy_state_count(found), lazy_state_count(wanted));
  for (size_t i = 0; i < lazy_state_count(wanted); i++) {
    const char *key = lazy_state_key(wanted, i);
    size_t at = lazy_state_find(found, key);
    lazy_spec a, b;
    CHECK_CASE("%s", key);
    if (!EXPECT_NE(at, SIZE_MAX) || !EXPECT_TRUE(lazy_state_spec(found, at, &a)) ||
        !EXPECT_TRUE(lazy_state_spec(wanted, i, &b)))
      continue;
    EXPECT_EQ(a.dtype, b.dtype);
    if (!EXPECT_EQ(a.shape.rank, b.shape.rank) || !EXPECT_I64_EQ(a.shape.dims, b.shape.dims, LAZY_MAX_RANK))
      continue;
    size_t bytes = lazy_dtype_bytes(b.dtype);
    for (int d = 0; d < b.shape.rank; d++) bytes *= (size_t)b.shape.dims[d];
    unsigned char *left = malloc(bytes + 1), *right = calloc(bytes + 1, 1);
    EXPECT_OK(lazy_state_read(found, at, left, bytes));
    EXPECT_OK(lazy_state_read(wanted, i, right, bytes));
    EXPECT_BYTES_EQ(left, right, bytes);
    free(left);
    free(right);
  }
}

TEST_ON_DRIVERS(checkpoint, what_is_saved_is_what_was_there) {
  lazy_context *context = open_seeded(env->device, 42);
  lazy_module *net = make_net(context);
  lazy_state *state, *file;
  const char *path = check_path(env, "net.safetensors");
  ASSERT_OK(lazy_module_save(net, path));
  ASSERT_OK(lazy_module_state(net, &state));
  ASSERT_OK(lazy_state_open(path, &file));
  expect_same_state(file, state);
  EXPECT_STREQ(lazy_state_metadata(file, "format"), "pt");
  EXPECT_STREQ(lazy_state_metadata(file, "lazyrt"), "0.1.0");
  EXPECT_STREQ(lazy_state_metadata(file, "absent"), NULL);
  /* float64 first, then the rest in the model's order; data from a multiple of 64 on */
  const char *const order[] = {"sub.1.weight", "sub.1.bias", "fc1.weight", "fc1.bias", "sub.0.weight"};
  for (size_t i = 0; i < 5; i++) EXPECT_STREQ(lazy_state_key(file, i), order[i]);
  size_t bytes;
  unsigned char *raw = read_file(path, &bytes);
  EXPECT_EQ((raw[0] + 256u * raw[1] + 8) % 64, 0);
  EXPECT_EQ(bytes, raw[0] + 256u * raw[1] + 8 + 8 * (5 * 3 + 5) + 4 * (7 * 4 + 7 + 3 * 7));

  /* A file's state saved again under the same metadata is the same file. */
  const char *keys[] = {"format", "lazyrt"}, *values[] = {"pt", "0.1.0"},
             *again = check_path(env, "again.safetensors");
  size_t again_bytes;
  ASSERT_OK(lazy_state_save(file, again, keys, values, 2));
  unsigned char *copy = read_file(again, &again_bytes);
  EXPECT_EQ(again_bytes, bytes);
  EXPECT_BYTES_EQ(copy, raw, bytes);
  /* ... and over the very file that is mapped. */
  ASSERT_OK(lazy_state_save(file, path, keys, values, 2));
  expect_same_state(file, state);
  free(copy);
  free(raw);
  lazy_state_release(file);
  lazy_state_release(state);
  lazy_module_release(net);
  lazy_context_close(context);
}

TEST_ON_DRIVERS(checkpoint, a_lazy_model_is_settled_by_a_file) {
  lazy_context *context = open_seeded(env->device, 1), *other = open_seeded(env->device, 2);
  lazy_module *net = make_net(context), *lazy;
  lazy_state *wanted, *found;
  char *text, *wanted_text;
  const char *path = check_path(env, "settle.safetensors");
  ASSERT_OK(lazy_module_save(net, path));
  ASSERT_OK(lazy_module_parse(other, net_text, &lazy));
  ASSERT_OK(lazy_module_load(lazy, path, NULL, NULL));
  ASSERT_OK(lazy_module_to_string(net, &wanted_text));
  ASSERT_OK(lazy_module_to_string(lazy, &text));
  EXPECT_STREQ(text, wanted_text);
  ASSERT_OK(lazy_module_state(net, &wanted));
  ASSERT_OK(lazy_module_state(lazy, &found));
  expect_same_state(found, wanted);
  lazy_state_release(found);
  lazy_state_release(wanted);
  lazy_string_free(text);
  lazy_string_free(wanted_text);
  lazy_module_release(lazy);
  lazy_module_release(net);
  lazy_context_close(other);
  lazy_context_close(context);
}

TEST_ON_DRIVERS(checkpoint, a_lazy_entry_leaves_no_file) {
  lazy_context *context = open_seeded(env->device, 0);
  lazy_module *net;
  const char *path = check_path(env, "lazy.safetensors");
  ASSERT_OK(lazy_module_parse(context, net_text, &net));
  EXPECT_FAILS(lazy_module_save(net, path), LAZY_STATUS_UNINITIALIZED,
               "'fc1.weight' is an uninitialized parameter");
  EXPECT_NE(access(path, F_OK), 0);
  lazy_module_release(net);
  lazy_context_close(context);
}

TEST(checkpoint, what_a_file_cannot_hold) {
  const float one = 1;
  const char *keys[] = {"a", "a"}, *values[] = {"1", "2"}, *path = check_path(env, "cannot.safetensors");
  lazy_state *state;
  ASSERT_OK(lazyi_state_create(&state));
  ASSERT_OK(lazyi_state_add_bytes(state, "w\xff", LAZY_DTYPE_F32, &(lazy_shape){0}, &one));
  EXPECT_FAILS(lazy_state_save(state, path, NULL, NULL, 0), LAZY_STATUS_INVALID_VALUE, "UTF-8");
  EXPECT_FAILS(lazy_state_save(state, path, keys, values, 2), LAZY_STATUS_INVALID_VALUE,
               "metadata has 'a' twice");
  EXPECT_NE(access(path, F_OK), 0);
  lazy_state_release(state);
  ASSERT_OK(lazyi_state_create(&state));
  ASSERT_OK(lazy_state_save(state, path, NULL, NULL, 0));
  lazy_state_release(state);
  ASSERT_OK(lazy_state_open(path, &state)); /* no tensors at all are a state too */
  EXPECT_EQ(lazy_state_count(state), 0);
  lazy_state_release(state);
}

TEST(checkpoint, what_is_no_file) {
  lazy_state *state = NULL;
  const char *pipe = check_path(env, "pipe"), *empty = check_path(env, "empty");
  EXPECT_FAILS(lazy_state_open(check_path(env, "absent"), &state), LAZY_STATUS_IO, "absent: No such file");
  EXPECT_FAILS(lazy_state_open("/", &state), LAZY_STATUS_IO, "not a regular file");
  ASSERT_EQ(mkfifo(pipe, 0600), 0);
  EXPECT_FAILS(lazy_state_open(pipe, &state), LAZY_STATUS_IO, "not a regular file");
  write_file(empty, "", 0);
  EXPECT_FAILS(lazy_state_open(empty, &state), LAZY_STATUS_CHECKPOINT, "0 bytes are too few");
  EXPECT_TRUE(state == NULL);
}

/* What a module is: its text, and whether anything in it has values. */
static char *describe(lazy_module *module) {
  char *text = NULL;
  lazy_report *report;
  EXPECT_OK(lazy_module_to_string(module, &text));
  if (EXPECT_OK(lazy_module_report_lazy(module, &report))) {
    EXPECT_EQ(lazy_report_count(report), 5);
    lazy_report_release(report);
  }
  return text;
}

TEST_ON_DRIVERS(checkpoint, a_hostile_file_changes_nothing) {
  lazy_context *context = open_seeded(env->device, 5);
  lazy_module *net = make_net(context), *lazy;
  const char *path = check_path(env, "good.safetensors"), *bad = check_path(env, "bad.safetensors");
  size_t bytes, refused = 0;
  ASSERT_OK(lazy_module_save(net, path));
  ASSERT_OK(lazy_module_parse(context, net_text, &lazy));
  char *before = describe(lazy);
  unsigned char *good = read_file(path, &bytes);
  size_t header_bytes = good[0] + 256u * good[1];
  for (size_t cut = 0; cut < bytes; cut += cut < header_bytes ? 1 : 13) {
    CHECK_CASE("cut at byte %zu", cut);
    write_file(bad, good, cut);
    EXPECT_FAILS(lazy_module_load(lazy, bad, NULL, NULL), LAZY_STATUS_CHECKPOINT, "bad.safetensors: ");
  }
  unsigned char *mutant = malloc(bytes);
  for (int round = 0; round < 400; round++) {
    memcpy(mutant, good, bytes);
    mutant[check_random_below(env, 8 + header_bytes)] ^= (unsigned char)(1 << check_random_below(env, 8));
    write_file(bad, mutant, bytes);
    lazy_status status = lazy_module_load(lazy, bad, NULL, NULL);
    if (status ==
        LAZY_STATUS_OK) { /* a blank, or the metadata: then it is loaded in full, and we begin anew */
      lazy_module_release(lazy);
      ASSERT_OK(lazy_module_parse(context, net_text, &lazy));
      continue;
    }
    refused++;
    char *after = describe(lazy);
    EXPECT_STREQ(after, before);
    lazy_string_free(after);
  }
  EXPECT_GT(refused, 300);
  free(mutant);
  free(good);
  lazy_string_free(before);
  lazy_module_release(lazy);
  lazy_module_release(net);
  lazy_context_close(context);
}

TEST_ON_FAULTS(checkpoint, every_refusal_leaves_the_old_file) {
  lazy_context *context = open_seeded(env->device, 5);
  lazy_module *net = make_net(context);
  const char *path = check_path(env, "refused.safetensors");
  for (int kind = 0; kind < 2; kind++) {
    bool done = false;
    for (uint64_t n = 1; n < 300 && !done; n++) {
      CHECK_CASE("%s %d refused", kind == 0 ? "driver call" : "allocation", (int)n);
      write_file(path, "old", 3);
      if (kind == 0) lazyi_fault_fail_at(n, LAZY_DRIVER_UNKNOWN);
      else lazyi_memory_fail_at(n);
      lazy_status status = lazy_module_save(net, path);
      uint64_t failures = lazyi_fault_failures();
      lazyi_memory_fail_at(0);
      lazyi_fault_reset();
      done = kind == 0 ? failures == 0 : status == LAZY_STATUS_OK;
      if (status == LAZY_STATUS_OK) continue;
      size_t bytes;
      unsigned char *found = read_file(path, &bytes);
      EXPECT_TRUE(bytes == 3 && memcmp(found, "old", 3) == 0);
      free(found);
    }
    EXPECT_TRUE(done);
  }
  lazy_module_release(net);
  lazy_context_close(context);
}

TEST_ON_DRIVERS(checkpoint, opening_survives_every_refused_allocation) {
  lazy_context *context = open_seeded(env->device, 5);
  lazy_module *net = make_net(context);
  const char *path = check_path(env, "allocations.safetensors");
  bool done = false;
  ASSERT_OK(lazy_module_save(net, path));
  for (uint64_t n = 1; n < 200 && !done; n++) {
    lazy_state *state = NULL;
    lazyi_memory_fail_at(n);
    lazy_status status = lazy_state_open(path, &state);
    lazyi_memory_fail_at(0);
    done = status == LAZY_STATUS_OK;
    if (!done) EXPECT_STATUS(status, LAZY_STATUS_OUT_OF_MEMORY);
    lazy_state_release(state);
  }
  EXPECT_TRUE(done);
  lazy_module_release(net);
  lazy_context_close(context);
}
