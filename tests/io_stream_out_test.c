/* Checkpoints larger than memory: the same bytes however they are made, published whole or not at all. */
#include <dirent.h>
#include <jansson.h>
#include <lazyrt/lazyrt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "runtime/driver/fault.h"
#include "runtime/io/stream_out.h"
#include "runtime/module/module.h"
#include "tests/model.h"

/* A new folder of this test; valid until the test ends. */
static const char *new_folder(check_env *env) {
  char *path = (char *)check_path(env, "stream.XXXXXX");
  EXPECT_TRUE(mkdtemp(path) != NULL);
  return path;
}

typedef struct streamed {
  lazy_context *context;
  lazy_module *model;
  lazy_graph *graph;
} streamed;

/* A settled model: every parameter shaped, none drawn. */
static streamed settle(check_env *env, const char *text, uint64_t seed, lazy_shape input, lazy_dtype dtype) {
  streamed s = {0};
  lazy_context_options options = {.struct_size = sizeof options, .default_dtype = dtype, .seed = seed};
  lazy_spec spec = {dtype, input};
  lazy_value value = lazy_value_spec(&spec);
  EXPECT_OK(lazy_context_open(env->device, &options, &s.context));
  EXPECT_OK(lazy_module_parse(s.context, text, &s.model));
  EXPECT_OK(lazy_module_set_name(s.model, "net"));
  EXPECT_OK(lazy_graph_create(s.model, NULL, &s.graph));
  EXPECT_OK(lazy_graph_settle(s.graph, &(lazy_args){&value, 1, NULL, 0}));
  return s;
}

static void done(streamed *s) {
  lazy_graph_destroy(s->graph);
  lazy_module_release(s->model);
  lazy_context_close(s->context);
}

static const char mixed_text[] =
    "Net(\n  (fc1): LazyLinear(7)\n  (norm): LazyBatchNorm1d()\n  (relu): ReLU()\n"
    "  (sub): Sequential(\n    (0): LazyLinear(3, bias=False)\n    (1): Linear(3, 500)\n    (2): "
    "LazyLinear(11)\n  )\n)";

static unsigned char *read_file(const char *path, size_t *out_bytes) {
  struct stat facts;
  *out_bytes = 0;
  if (!EXPECT_EQ(stat(path, &facts), 0)) return NULL;
  unsigned char *bytes = malloc((size_t)facts.st_size + 1);
  FILE *file = fopen(path, "rb");
  *out_bytes = fread(bytes, 1, (size_t)facts.st_size, file);
  fclose(file);
  return bytes;
}

static size_t count_names(const char *directory) {
  DIR *there = opendir(directory);
  size_t names = 0;
  for (; there != NULL && readdir(there) != NULL;) names++;
  if (there != NULL) closedir(there);
  return names;
}

/* With all its files. */
static void remove_folder(const char *path) {
  DIR *there = opendir(path);
  if (there == NULL) return;
  for (struct dirent *name; (name = readdir(there)) != NULL;) {
    char file[2048];
    snprintf(file, sizeof file, "%s/%s", path, name->d_name);
    unlink(file);
  }
  closedir(there);
  EXPECT_EQ(rmdir(path), 0);
}

/* Every file of two directories has the same name and bytes. */
static void expect_same_files(const char *a, const char *b) {
  DIR *there = opendir(a);
  if (!EXPECT_TRUE(there != NULL)) return;
  EXPECT_EQ(count_names(a), count_names(b));
  for (struct dirent *name; (name = readdir(there)) != NULL;) {
    char left_path[1024], right_path[1024];
    size_t left_bytes, right_bytes;
    if (name->d_name[0] == '.') continue;
    CHECK_CASE("%s", name->d_name);
    snprintf(left_path, sizeof left_path, "%s/%s", a, name->d_name);
    snprintf(right_path, sizeof right_path, "%s/%s", b, name->d_name);
    unsigned char *left = read_file(left_path, &left_bytes), *right = read_file(right_path, &right_bytes);
    if (left != NULL && right != NULL && EXPECT_EQ(left_bytes, right_bytes))
      EXPECT_BYTES_EQ(left, right, left_bytes);
    free(left);
    free(right);
  }
  closedir(there);
}

/* What the index and the shards hold together is what the same model holds once it was dry-run. */
static void expect_same_values(const char *directory, lazy_module *model) {
  char path[1024];
  lazy_state *wanted;
  snprintf(path, sizeof path, "%s/model.safetensors.index.json", directory);
  json_t *index = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
  const json_t *files = json_object_get(index, "weight_map");
  uint64_t total = 0;
  ASSERT_OK(lazy_module_state(model, &wanted));
  EXPECT_EQ(json_object_size(files), lazy_state_count(wanted));
  for (size_t i = 0; i < lazy_state_count(wanted); i++) {
    const char *key = lazy_state_key(wanted, i), *name = json_string_value(json_object_get(files, key));
    lazy_state *shard;
    lazy_spec spec, found;
    CHECK_CASE("%s", key);
    if (!EXPECT_TRUE(name != NULL)) continue;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    if (!EXPECT_OK(lazy_state_open(path, &shard))) continue;
    size_t at = lazy_state_find(shard, key);
    if (EXPECT_TRUE(lazy_state_spec(wanted, i, &spec)) && EXPECT_TRUE(lazy_state_spec(shard, at, &found))) {
      size_t bytes = lazy_dtype_bytes(spec.dtype);
      for (int d = 0; d < spec.shape.rank; d++) bytes *= (size_t)spec.shape.dims[d];
      unsigned char *left = malloc(bytes + 1), *right = malloc(bytes + 1);
      EXPECT_EQ(found.dtype, spec.dtype);
      EXPECT_I64_EQ(found.shape.dims, spec.shape.dims, LAZY_MAX_RANK);
      EXPECT_OK(lazy_state_read(shard, at, left, bytes));
      EXPECT_OK(lazy_state_read(wanted, i, right, bytes));
      EXPECT_BYTES_EQ(left, right, bytes);
      total += bytes;
      free(left);
      free(right);
    }
    lazy_state_release(shard);
  }
  EXPECT_EQ((uint64_t)json_integer_value(json_object_get(json_object_get(index, "metadata"), "total_size")),
            total);
  json_decref(index);
  lazy_state_release(wanted);
}

TEST_ON_DRIVERS(stream_out, holds_what_a_dry_run_draws) {
  static const lazy_dtype dtypes[] = {LAZY_DTYPE_F32, LAZY_DTYPE_BF16, LAZY_DTYPE_F64};
  for (size_t i = 0; i < 3; i++) {
    const char *path = new_folder(env);
    CHECK_CASE("%s", lazy_dtype_name(dtypes[i]));
    streamed s = settle(env, mixed_text, 42, LAZY_DIMS(5, 9), dtypes[i]);
    lazy_stream_out_options options = {.struct_size = sizeof options, .shard_bytes = 2000, .workers = 2};
    lazy_stream_out_result result;
    ASSERT_OK(lazy_module_stream_out(s.model, path, &options, &result));
    EXPECT_TRUE(result.published);
    EXPECT_GE(result.shard_count, 3u);
    EXPECT_EQ(count_names(path), 2 + 1 + result.shard_count);
    /* nothing was made real by it: the first read draws it */
    lazy_param *weight;
    ASSERT_OK(lazy_module_find_param(s.model, "fc1.weight", &weight));
    EXPECT_EQ(lazy_param_get_state(weight), LAZY_PARAM_STATE_SHAPED);
    expect_same_values(path, s.model);
    done(&s);
  }
}

TEST_ON_DRIVERS(stream_out, settling_is_a_dry_run_without_values) {
  streamed s = settle(env, mixed_text, 3, LAZY_DIMS(5, 9), LAZY_DTYPE_F32);
  streamed dry = settle(env, mixed_text, 3, LAZY_DIMS(5, 9), LAZY_DTYPE_F32);
  ASSERT_OK(lazy_graph_dry_run(dry.graph, LAZY_ARGS(LAZY_INPUT(5, 9))));
  char *text, *wanted;
  ASSERT_OK(lazy_module_to_string(s.model, &text));
  ASSERT_OK(lazy_module_to_string(dry.model, &wanted));
  EXPECT_STREQ(text, wanted);
  EXPECT_CONTAINS(text, "(fc1): Linear(in_features=9");
  lazy_string_free(text);
  lazy_string_free(wanted);
  /* values that come later are those of the dry run, one by one or by a forward */
  text = model_snapshot(s.model);
  wanted = model_snapshot(dry.model);
  EXPECT_STRNE(text, wanted); /* states differ: shaped, real */
  free(text);
  ASSERT_OK(lazy_graph_dry_run(s.graph, LAZY_ARGS(LAZY_INPUT(5, 9))));
  text = model_snapshot(s.model);
  EXPECT_STREQ(text, wanted);
  free(text);
  free(wanted);
  done(&s);
  done(&dry);
}

/* Workers, parts, restarts: not a byte differs. */
TEST_ON_DRIVERS(stream_out, workers_and_parts_make_the_same_files) {
  const char *folder = new_folder(env);
  char one[1024], many[1024], parts[1024];
  snprintf(one, sizeof one, "%s/one", folder);
  snprintf(many, sizeof many, "%s/many//", folder);
  snprintf(parts, sizeof parts, "%s/parts", folder);
  const char *keys[] = {"format"}, *values[] = {"pt"};
  lazy_stream_out_options options = {.struct_size = sizeof options,
                                     .shard_bytes = 1500,
                                     .metadata_keys = keys,
                                     .metadata_values = values,
                                     .metadata_count = 1};
  lazy_stream_out_result result;
  streamed s = settle(env, mixed_text, 42, LAZY_DIMS(5, 9), LAZY_DTYPE_F32);
  ASSERT_OK(lazy_module_stream_out(s.model, one, &options, &result));
  options.workers = 4;
  ASSERT_EQ(mkdir(many, 0777), 0); /* an empty directory is a free place */
  ASSERT_OK(lazy_module_stream_out(s.model, many, &options, NULL));
  options.parts = 3;
  for (int part = 2; part >= 0; part--) {
    streamed other = settle(env, mixed_text, 42, LAZY_DIMS(5, 9), LAZY_DTYPE_F32);
    options.part = (uint32_t)part;
    options.workers = 1 + (uint32_t)part;
    EXPECT_OK(lazy_module_stream_out(other.model, parts, &options, &result));
    EXPECT_EQ(result.published, part == 0);
    EXPECT_EQ(access(parts, F_OK) == 0, part == 0);
    done(&other);
  }
  expect_same_files(one, many);
  expect_same_files(one, parts);
  done(&s);
}

/* One file, drawn as it is written, is the file that saving writes. */
TEST_ON_DRIVERS(stream_out, one_file_is_what_saving_writes) {
  char streamed_path[1024], saved[1024];
  const char *folder = new_folder(env), *keys[] = {"format", "lazyrt"}, *values[] = {"pt", "0.1.0"};
  snprintf(streamed_path, sizeof streamed_path, "%s/streamed", folder);
  snprintf(saved, sizeof saved, "%s/saved", folder);
  lazy_stream_out_options options = {.struct_size = sizeof options,
                                     .shard_bytes = 100,
                                     .metadata_keys = keys,
                                     .metadata_values = values,
                                     .metadata_count = 2,
                                     .one_file = true};
  streamed s = settle(env, mixed_text, 42, LAZY_DIMS(5, 9), LAZY_DTYPE_F32);
  for (int round = 0; round < 2; round++) { /* drawn, then downloaded, over the old one */
    size_t bytes, wanted_bytes;
    ASSERT_OK(lazy_module_stream_out(s.model, streamed_path, &options, NULL));
    if (round == 0) ASSERT_OK(lazy_module_save(s.model, saved));
    unsigned char *found = read_file(streamed_path, &bytes), *wanted = read_file(saved, &wanted_bytes);
    ASSERT_EQ(bytes, wanted_bytes);
    EXPECT_BYTES_EQ(found, wanted, bytes);
    free(found);
    free(wanted);
  }
  EXPECT_EQ(count_names(folder), 4);
  done(&s);
}

TEST_ON_DRIVERS(stream_out, refusals_leave_nothing) {
  const char *folder = new_folder(env);
  char taken[1024], nowhere[1024];
  snprintf(taken, sizeof taken, "%s/taken", folder);
  snprintf(nowhere, sizeof nowhere, "%s/no/where", folder);
  ASSERT_EQ(mkdir(taken, 0777), 0);
  streamed s = settle(env, mixed_text, 42, LAZY_DIMS(5, 9), LAZY_DTYPE_F32);
  lazy_stream_out_options options = {.struct_size = sizeof options, .part = 2, .parts = 2};
  EXPECT_FAILS(lazy_module_stream_out(s.model, "x", &options, NULL), LAZY_STATUS_INVALID_VALUE,
               "part 2 of 2");
  EXPECT_FAILS(lazy_module_stream_out(s.model, nowhere, NULL, NULL), LAZY_STATUS_IO, "no/where");
  ASSERT_OK(lazy_module_stream_out(s.model, taken, NULL, NULL));
  EXPECT_FAILS(lazy_module_stream_out(s.model, taken, NULL, NULL), LAZY_STATUS_IO, "not empty");
  EXPECT_EQ(count_names(folder), 3); /* nothing but what was there */
  done(&s);

  lazy_context *context = model_context(env, env->device);
  lazy_module *lazy = NULL;
  ASSERT_OK(lazy_module_parse(context, mixed_text, &lazy));
  EXPECT_FAILS(lazy_module_stream_out(lazy, nowhere, NULL, NULL), LAZY_STATUS_UNINITIALIZED, "fc1.weight");
  lazy_module_release(lazy);
  lazy_context_close(context);

  lazy_context_options torch = {.struct_size = sizeof torch, .stream = LAZY_STREAM_TORCH_CPU};
  ASSERT_OK(lazy_context_open(env->device, &torch, &context));
  ASSERT_OK(lazy_module_parse(context, "Linear(3, 2)", &lazy));
  EXPECT_FAILS(lazy_module_stream_out(lazy, nowhere, NULL, NULL), LAZY_STATUS_UNSUPPORTED, "torch-cpu");
  lazy_module_release(lazy);
  lazy_context_close(context);
}

/* One fingerprint: while it is drawn, in shards, in parts that add up, in one file, of the files, of the
   model's own memory; another seed has another. */
TEST_ON_DRIVERS(stream_out, fingerprints_are_the_same_however_they_are_taken) {
  const char *folder = new_folder(env);
  char path[1024], text[LAZY_FINGERPRINT_TEXT_BYTES], wanted[LAZY_FINGERPRINT_TEXT_BYTES];
  lazy_stream_out_options options = {.struct_size = sizeof options, .fingerprint = true, .one_file = true};
  lazy_stream_out_result result;
  lazy_fingerprint sum = {0, 0}, whole;
  lazy_state *state;
  streamed s = settle(env, mixed_text, 42, LAZY_DIMS(5, 9), LAZY_DTYPE_BF16);
  snprintf(path, sizeof path, "%s/one", folder);
  ASSERT_OK(lazy_module_stream_out(s.model, path, &options, &result));
  lazy_fingerprint_text(result.fingerprint, wanted);
  ASSERT_OK(lazy_state_open(path, &state));
  lazy_fingerprint entries[32];
  ASSERT_OK(lazy_state_fingerprint(state, s.context, entries, &whole));
  EXPECT_STREQ(lazy_fingerprint_text(whole, text), wanted);
  for (size_t i = lazy_state_count(state); i-- > 0;) sum = lazy_fingerprint_add(entries[i], sum);
  EXPECT_STREQ(lazy_fingerprint_text(sum, text), wanted);
  lazy_state_release(state);

  options = (lazy_stream_out_options){
      .struct_size = sizeof options, .fingerprint = true, .shard_bytes = 700, .workers = 3};
  snprintf(path, sizeof path, "%s/shards", folder);
  ASSERT_OK(lazy_module_stream_out(s.model, path, &options, &result));
  EXPECT_STREQ(lazy_fingerprint_text(result.fingerprint, text), wanted);
  options.parts = 2;
  sum = (lazy_fingerprint){0, 0};
  snprintf(path, sizeof path, "%s/parts", folder);
  for (options.part = 0; options.part < 2; options.part++) {
    ASSERT_OK(lazy_module_stream_out(s.model, path, &options, &result));
    sum = lazy_fingerprint_add(sum, result.fingerprint);
    if (options.part > 0) continue;
    lazy_fingerprint once = result.fingerprint; /* again, of shards that are there */
    ASSERT_OK(lazy_module_stream_out(s.model, path, &options, &result));
    EXPECT_EQ(result.fingerprint.low, once.low);
  }
  EXPECT_STREQ(lazy_fingerprint_text(sum, text), wanted);

  ASSERT_OK(lazy_module_state(s.model, &state));
  ASSERT_OK(lazy_state_fingerprint(state, s.context, NULL, &whole)); /* draws all of it */
  EXPECT_STREQ(lazy_fingerprint_text(whole, text), wanted);
  lazy_state_release(state);
  options = (lazy_stream_out_options){.struct_size = sizeof options, .fingerprint = true, .one_file = true};
  snprintf(path, sizeof path, "%s/real", folder);
  ASSERT_OK(lazy_module_stream_out(s.model, path, &options, &result));
  EXPECT_STREQ(lazy_fingerprint_text(result.fingerprint, text), wanted);
  done(&s);

  s = settle(env, mixed_text, 43, LAZY_DIMS(5, 9), LAZY_DTYPE_BF16);
  ASSERT_OK(lazy_module_stream_out(s.model, path, &options, &result));
  EXPECT_STRNE(lazy_fingerprint_text(result.fingerprint, text), wanted);
  done(&s);
}

/* A driver call that fails, whichever: no directory, no leftovers, and the next try succeeds. */
TEST_ON_FAULTS(stream_out, failures_leave_nothing) {
  const char *folder = new_folder(env);
  char path[1024];
  snprintf(path, sizeof path, "%s/model", folder);
  streamed s = settle(env, mixed_text, 42, LAZY_DIMS(5, 9), LAZY_DTYPE_F32);
  lazy_stream_out_options options = {.struct_size = sizeof options, .shard_bytes = 9000, .workers = 1};
  bool failed = true;
  uint64_t call = 1;
  for (; failed && call < 2000; call += env->is_ptx ? 7 : 1) {
    CHECK_CASE("call %llu", (unsigned long long)call);
    remove_folder(path);
    lazyi_fault_reset();
    lazyi_fault_fail_at(call, LAZY_DRIVER_OUT_OF_MEMORY);
    lazy_status status = lazy_module_stream_out(s.model, path, &options, NULL);
    failed = lazyi_fault_failures() != 0;
    lazyi_fault_reset();
    if (!EXPECT_EQ(count_names(folder), status == LAZY_STATUS_OK ? 3 : 2)) break;
    if (!failed) EXPECT_OK(status);
  }
  EXPECT_GT(call, 20u);
  expect_same_values(path, s.model);
  done(&s);
}

/* ---- 100 GB ---- */

/* Four layers of 25 GB: nothing of it exists but what is looked at. */
static const char huge_text[] =
    "Net(\n  (a): LazyLinear(131072)\n  (b): LazyLinear(50000)\n  (c): LazyLinear(131072)\n  (d): "
    "LazyLinear(95367, bias=False)\n)";

static uint64_t hash_slices(const lazyi_stream_out *out, size_t shard, uint64_t begin, uint64_t bytes,
                            uint64_t step) {
  lazyi_stream_drawer drawer;
  XXH3_state_t hash;
  unsigned char *slice = malloc((size_t)step);
  XXH3_64bits_reset(&hash);
  EXPECT_OK(lazyi_core_enter(out->context->core));
  EXPECT_OK(lazyi_stream_drawer_open(out, &drawer));
  for (uint64_t at = 0; at < bytes; at += step) {
    const size_t now = (size_t)(bytes - at < step ? bytes - at : step);
    EXPECT_OK(lazyi_stream_read(&drawer, shard, begin + at, now, slice));
    XXH3_64bits_update(&hash, slice, now);
  }
  lazyi_stream_drawer_close(&drawer);
  lazyi_core_leave(out->context->core);
  free(slice);
  return XXH3_64bits_digest(&hash);
}

/* Slices of the plan, wherever they lie, hash the same however they are cut and whatever the shards; and the
   plan takes no memory to speak of. */
TEST_ON_DRIVERS(stream_out, slices_of_a_hundred_gigabytes) {
  if (strcmp(env->device, "fault") == 0) lazyi_fault_reset();
  streamed s = settle(env, huge_text, 7, LAZY_DIMS(2, 48000), LAZY_DTYPE_F32);
  lazyi_stream_out coarse, fine;
  lazy_stream_out_options options = {.struct_size = sizeof options};
  ASSERT_OK(lazyi_stream_out_open(s.model, &options, &coarse));
  options.shard_bytes = 1;
  ASSERT_OK(lazyi_stream_out_open(s.model, &options, &fine));
  EXPECT_GT(coarse.layout.data_bytes, 100000000000u);
  EXPECT_EQ(fine.layout.data_bytes, coarse.layout.data_bytes);
  EXPECT_EQ(fine.layout.shards.count, lazy_state_count(coarse.state));
  const uint64_t large = env->is_small ? 20000 : 200000;
  for (size_t i = 0; i < fine.layout.shards.count; i++) {
    const size_t entry = fine.layout.shards.at[i].entries.at[0];
    size_t shard = 0, place = 0;
    for (size_t k = 0; k < coarse.layout.shards.count; k++)
      for (size_t t = 0; t < coarse.layout.shards.at[k].entries.count; t++)
        if (coarse.layout.shards.at[k].entries.at[t] == entry) shard = k, place = t;
    const lazyi_safetensors_tensor *tensor = &coarse.layout.shards.at[shard].header.tensors.at[place];
    const uint64_t bytes = tensor->end - tensor->begin;
    CHECK_CASE("%s", tensor->key);
    for (int round = 0; round < 3; round++) {
      const uint64_t count = 1 + check_random_below(env, bytes < large ? bytes : large);
      /* the end of the tensor, the place where element numbers pass 32 bits, anywhere */
      uint64_t at = round == 0 ? bytes - count : check_random_below(env, bytes - count + 1);
      if (round == 1 && bytes > ((uint64_t)1 << 34) + count) at = ((uint64_t)1 << 34) - count / 2;
      const uint64_t whole =
          hash_slices(&coarse, shard, coarse.files[shard].head_bytes + tensor->begin + at, count, count);
      EXPECT_EQ(hash_slices(&fine, i, fine.files[i].head_bytes + at, count, 1 + count / 3), whole);
    }
  }
  if (strcmp(env->device, "fault") == 0) EXPECT_LT(lazyi_fault_peak_bytes(), (size_t)64 << 20);
  lazyi_stream_out_close(&coarse);
  lazyi_stream_out_close(&fine);
  done(&s);
}
