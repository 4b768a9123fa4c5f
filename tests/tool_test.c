/* The built tool, run as its users run it: what it prints, what it leaves behind, how it ends. */
#include <jansson.h>
#include <lazyrt/lazyrt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/check.h"

#ifdef LAZYRT_TOOL

typedef struct outcome {
  char *out, *err;
  int code; /* exit code; -1 for a signal */
} outcome;

static char *read_file(const char *path, size_t *out_bytes) {
  FILE *file = fopen(path, "rb");
  size_t capacity = 1 << 22;
  char *text = calloc(capacity, 1);
  size_t bytes = file != NULL ? fread(text, 1, capacity - 1, file) : 0;
  if (file != NULL) fclose(file);
  if (out_bytes != NULL) *out_bytes = bytes;
  return text;
}

static void write_text(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  fputs(text, file);
  fclose(file);
}

/* Runs the tool with the rest of a shell's line, in the source folder. */
static outcome run(check_env *env, const char *format, ...) LAZY_PRINTF(2, 3);
static outcome run(check_env *env, const char *format, ...) {
  char line[4096], command[8192];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  const char *out = check_path(env, "stdout"), *err = check_path(env, "stderr");
  snprintf(command, sizeof command, "cd '%s' && { '%s' %s; } >'%s' 2>'%s' </dev/null", LAZYRT_SOURCE_DIR,
           LAZYRT_TOOL, line, out, err);
  int status = system(command);
  outcome found = {read_file(out, NULL), read_file(err, NULL), WIFEXITED(status) ? WEXITSTATUS(status) : -1};
  return found;
}

static void done(outcome *o) {
  free(o->out);
  free(o->err);
}

/* Lines about activations, workspace and the device depend on allocators that have tests of their own. */
static void drop_memory(char *text) {
  char *to = text;
  for (char *line = text; *line != '\0';) {
    size_t bytes = strcspn(line, "\n");
    bytes += line[bytes] == '\n';
    bool dropped = strncmp(line, "  activations", 13) == 0 || strncmp(line, "  workspace", 11) == 0 ||
                   strncmp(line, "  device ", 9) == 0;
    char *number = strncmp(line, "lazyrt: OK", 10) == 0 ? memmem(line, bytes, " device_bytes=", 14) : NULL;
    size_t kept = number != NULL ? (size_t)(number - line) : bytes;
    if (!dropped) memmove(to, line, kept), to += kept;
    if (number != NULL) *to++ = '\n';
    line += bytes;
  }
  *to = '\0';
}

/* LAZYRT_UPDATE_GOLDEN=1 writes what was found, for a change that is meant: read it before you keep it. */
TEST(tool, prints_the_sample_models) {
  static const char *const names[] = {"deep_chain", "encoder_decoder", "lazy_mlp", "lenet_300_100",
                                      "token_head"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char path[512];
    CHECK_CASE("%s", names[i]);
    snprintf(path, sizeof path, LAZYRT_GOLDEN_DIR "/tool/%s.txt", names[i]);
    outcome o = run(env, "dry-run tools/models/%s.txt", names[i]);
    EXPECT_EQ(o.code, 0);
    EXPECT_STREQ(o.err, "");
    drop_memory(o.out);
    if (getenv("LAZYRT_UPDATE_GOLDEN") != NULL) write_text(path, o.out);
    char *golden = read_file(path, NULL);
    EXPECT_STREQ(o.out, golden);
    free(golden);
    done(&o);
  }
}

TEST(tool, ends_with_the_code_that_says_why) {
  char broken[512], unfit[512], plain[512];
  snprintf(broken, sizeof broken, "%s", check_path(env, "broken.txt"));
  snprintf(unfit, sizeof unfit, "%s", check_path(env, "unfit.txt"));
  snprintf(plain, sizeof plain, "%s", check_path(env, "plain.txt"));
  write_text(broken, "Net(\n  (a): LazyLiner(3)\n)\n");
  write_text(unfit, "# input: 2x5\nNet(\n  (a): LazyLinear(4)\n  (b): Linear(3, 2)\n)\n");
  write_text(plain, "LazyLinear(3)\n");
  const struct {
    const char *line, *file;
    int code;
    const char *out, *err;
  } cases[] = {
      {"", "", 2, "", "dry-run MODEL..."},
      {"--help", "", 0, "lazyrt dry-run MODEL...", ""},
      {"dry-run --help", "", 0, "--input [NAME=]SHAPE", ""},
      {"--version", "", 0, "lazyrt 0.", ""},
      {"devices", "", 0, "host", ""},
      {"dry-rnu", "", 2, "", "did you mean 'dry-run'?"},
      {"dry-run", "", 2, "", "a model is missing"},
      {"dry-run --inptu 3", "", 2, "", "did you mean '--input'?"},
      {"dry-run --json=3", "", 2, "", "takes no value"},
      {"dry-run --seed", "", 2, "", "a value is missing"},
      {"dry-run --seed -1", plain, 2, "", "wanted an integer"},
      {"dry-run --seed 18446744073709551616", plain, 2, "", "wanted an integer"},
      {"dry-run --dtype i64", plain, 2, "", "wanted f32"},
      {"dry-run --stream cuda", plain, 2, "", "wanted keyed"},
      {"dry-run -i 3x", plain, 2, "", "--input 3x: wanted sizes"},
      {"dry-run -i 1x1x1x1x1x1x1x1x1", plain, 2, "", "more than 8 sizes"},
      {"dry-run -i 9223372036854775808", plain, 2, "", "64 bits"},
      {"dry-run -i 3:f99", plain, 2, "", "no such dtype"},
      {"dry-run -o x", plain, 2, "", "writes no file"},
      {"dry-run", plain, 2, "FAILED", "no input"},
      {"dry-run", broken, 2,
       "FAILED model=", "broken.txt:2:8: unknown class 'LazyLiner'; did you mean 'LazyLinear'?"},
      {"dry-run", unfit, 1, "status=SHAPE", "unfit.txt: b: "},
      {"dry-run", "/nowhere/at/all", 4, "status=IO", "/nowhere/at/all: No such file"},
      {"dry-run -i 2x5 --device tpu", plain, 1, "FAILED", ""},
      {"dry-run -i scalar", plain, 1, "FAILED", "plain.txt"},
      {"dry-run -i 0x5 -i 3", plain, 1, "FAILED", "plain.txt"},
      {"dry-run -i 0x5:f32", plain, 0, "f32[0, 3]", ""},
      {"dry-run -i input=7x5", plain, 0, "input=f32[7, 5]", ""},
      {"dry-run --dtype bf16 -i 7x5", plain, 0, "bf16[7, 3]", ""},
      {"init -i 2x5", plain, 2, "", "-o FILE.safetensors or --stream-out DIRECTORY is missing"},
      {"init -i 2x5 -o x --stream-out y", plain, 2, "", "one of them"},
      {"dry-run --stream-out x", plain, 2, "", "writes no file"},
      {"init --shard-bytes 5XB", plain, 2, "", "wanted a size such as 5GB"},
      {"init --shard-bytes 0", plain, 2, "", "wanted a size"},
      {"init --shard-bytes 99999999TiB", plain, 2, "", "wanted a size"},
      {"init --workers 0", plain, 2, "", "wanted a number from 1 on"},
      {"init --part 3/2", plain, 2, "", "wanted K/N"},
      {"init --part 0/2", plain, 2, "", "wanted K/N"},
      {"init -i 2x5 --stream-out /nowhere/x", plain, 4, "status=IO", "/nowhere/x"},
      {"init -i 2x5 --stream torch-cpu --stream-out x", plain, 1, "status=UNSUPPORTED", "torch-cpu"},
      {"init -o x.safetensors", "", 2, "", "init takes one model"},
      {"init -i 2x5 -o /nowhere/x.safetensors", plain, 4, "status=IO", "/nowhere/x.safetensors"},
      {"dry-run -i 2x5 - <", plain, 0, "model=- ", ""},
      {"dry-run -i 2x5 >/dev/full", plain, 4, "", "standard output could not be written"},
      {"dry-run --json -i 2x5 >/dev/full", plain, 4, "", "standard output could not be written"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    CHECK_CASE("lazyrt %s %s", cases[i].line, cases[i].file);
    outcome o = run(env, "%s %s", cases[i].line, cases[i].file);
    EXPECT_EQ(o.code, cases[i].code);
    EXPECT_CONTAINS(o.out, cases[i].out);
    EXPECT_CONTAINS(o.err, cases[i].err);
    done(&o);
  }
}

/* A bad model in the middle: the others are told as if they were alone, wherever they stand. */
TEST(tool, one_that_fails_does_not_stop_the_batch) {
  char bad[512];
  snprintf(bad, sizeof bad, "%s", check_path(env, "bad.txt"));
  write_text(
      bad, "# input: 2x5\nNet(\n  (a): Sequential(\n    (0): LazyLinear(4)\n    (1): Linear(3, 2)\n  )\n)\n");
  outcome first = run(env, "dry-run tools/models/lazy_mlp.txt"),
          last = run(env, "dry-run tools/models/token_head.txt");
  outcome batch = run(env, "dry-run tools/models/lazy_mlp.txt %s tools/models/token_head.txt", bad);
  EXPECT_EQ(batch.code, 1);
  size_t bytes = strlen(first.out), rest = strlen(last.out);
  ASSERT_GT(strlen(batch.out), bytes + rest);
  EXPECT_EQ(strncmp(batch.out, first.out, bytes), 0);
  EXPECT_STREQ(batch.out + strlen(batch.out) - rest, last.out);
  EXPECT_CONTAINS(batch.out, "lazyrt: FAILED model=");
  EXPECT_CONTAINS(batch.err, "bad.txt: a.1: "); /* where */
  EXPECT_CONTAINS(batch.err, "4");              /* found */
  EXPECT_CONTAINS(batch.err, "3");              /* wanted */
  done(&first);
  done(&last);
  done(&batch);
  outcome worst = run(env, "dry-run %s /nowhere tools/models/lazy_mlp.txt", bad);
  EXPECT_EQ(worst.code, 4);
  done(&worst);
}

static json_int_t number(const json_t *object, const char *name) {
  return json_integer_value(json_object_get(object, name));
}
static const char *word(const json_t *object, const char *name) {
  return json_string_value(json_object_get(object, name));
}

TEST(tool, json_is_one_document_and_adds_up) {
  outcome o = run(env, "dry-run --json tools/models/*.txt /nowhere"),
          again = run(env, "dry-run --json tools/models/*.txt /nowhere");
  EXPECT_EQ(o.code, 4);
  EXPECT_STREQ(o.out, again.out);
  json_t *document = json_loads(o.out, JSON_REJECT_DUPLICATES, NULL);
  ASSERT_TRUE(document != NULL);
  EXPECT_STREQ(word(document, "schema"), "lazyrt.dry-run/1");
  const json_t *models = json_object_get(document, "models");
  ASSERT_EQ(json_array_size(models), 6);
  for (size_t i = 0; i < 5; i++) {
    const json_t *model = json_array_get(models, i), *totals = json_object_get(model, "totals"), *module;
    CHECK_CASE("%s", word(model, "model"));
    EXPECT_TRUE(json_is_true(json_object_get(model, "ok")));
    size_t index;
    json_int_t count = 0, bytes = 0;
    json_array_foreach(json_object_get(model, "modules"), index, module) {
      count += number(module, "parameters");
      bytes += number(module, "parameter_bytes");
      bool was_lazy = json_is_string(json_object_get(module, "was"));
      EXPECT_EQ(number(json_object_get(module, "inferred"), "in_features") > 0, was_lazy);
    }
    EXPECT_EQ(number(totals, "parameters"), count);
    EXPECT_EQ(number(totals, "parameter_bytes"), bytes);
    EXPECT_GE(number(totals, "extent_bytes"), bytes);
    EXPECT_GE(number(totals, "device_bytes"),
              number(totals, "extent_bytes") + number(totals, "activation_peak_bytes"));
  }
  const json_t *failed = json_array_get(models, 5);
  EXPECT_TRUE(json_is_false(json_object_get(failed, "ok")));
  EXPECT_STREQ(word(json_object_get(failed, "error"), "status"), "IO");
  json_decref(document);
  done(&o);
  done(&again);
  o = run(env, "devices --json");
  document = json_loads(o.out, JSON_REJECT_DUPLICATES, NULL);
  EXPECT_STREQ(word(json_array_get(json_object_get(document, "devices"), 0), "device"), "host");
  json_decref(document);
  done(&o);
}

/* 1 if both files are there and alike, 0 if they differ, -1 if one is not there. */
static int alike(const char *a, const char *b) {
  size_t a_bytes, b_bytes;
  char *left = read_file(a, &a_bytes), *right = read_file(b, &b_bytes);
  int same = a_bytes == b_bytes && memcmp(left, right, a_bytes) == 0;
  if (a_bytes == 0 || b_bytes == 0) same = -1;
  free(left);
  free(right);
  return same;
}

TEST(tool, init_writes_what_the_seed_says) {
  char paths[4][512], model[] = "tools/models/lazy_mlp.txt";
  for (int i = 0; i < 4; i++) {
    char name[32];
    snprintf(name, sizeof name, "%d.safetensors", i);
    snprintf(paths[i], sizeof paths[i], "%s", check_path(env, name));
  }
  const char *more[] = {"-s 7", "--seed=0x7", "-s 8", "-s 7 --stream torch-cpu --dtype f16 --json"};
  for (int i = 0; i < 4; i++) {
    outcome o = run(env, "init %s -o '%s' %s", model, paths[i], more[i]);
    EXPECT_EQ(o.code, 0);
    EXPECT_STREQ(o.err, "");
    if (i < 3) EXPECT_CONTAINS(o.out, "tensors=4 parameters=121 data_bytes=484\n");
    done(&o);
  }
  EXPECT_EQ(alike(paths[0], paths[1]), 1);
  EXPECT_EQ(alike(paths[0], paths[2]), 0);
  lazy_state *state;
  ASSERT_OK(lazy_state_open(paths[3], &state));
  EXPECT_EQ(lazy_state_count(state), 4);
  const char *const keys[] = {"format", "seed", "stream", "dtype"}, *const values[] = {"pt", "7", "torch-cpu",
                                                                                       "f16"};
  for (int i = 0; i < 4; i++) EXPECT_STREQ(lazy_state_metadata(state, keys[i]), values[i]);
  lazy_spec spec;
  ASSERT_TRUE(lazy_state_spec(state, lazy_state_find(state, "fc1.weight"), &spec));
  EXPECT_EQ(spec.dtype, LAZY_DTYPE_F16);
  EXPECT_DIMS(spec.shape.dims, spec.shape.rank, 10, 10);
  lazy_state_release(state);
}

/* The same tensors as in one file, whoever wrote which shard. */
TEST(tool, init_streams_a_directory_out) {
  char one[512], parts[512], whole[512], path[600], model[] = "tools/models/lenet_300_100.txt -s 5";
  snprintf(one, sizeof one, "%s", check_path(env, "streamed.one"));
  snprintf(parts, sizeof parts, "%s", check_path(env, "streamed.parts"));
  snprintf(whole, sizeof whole, "%s", check_path(env, "streamed.safetensors"));
  outcome o = run(env, "init %s --stream-out '%s' --shard-bytes 122KB --workers 2", model, one);
  EXPECT_EQ(o.code, 0);
  EXPECT_STREQ(o.err, "");
  EXPECT_CONTAINS(o.out, " tensors=6 parameters=266610 data_bytes=1066440 shards=3 published=yes\n");
  done(&o);
  for (int part = 1; part <= 2; part++) {
    o = run(env, "init %s --stream-out '%s' --shard-bytes 122KB --part %d/2 --json", model, parts, part);
    EXPECT_EQ(o.code, 0);
    EXPECT_CONTAINS(o.out, part == 2 ? "\"published\": true" : "\"published\": false");
    EXPECT_EQ(access(parts, F_OK) == 0, part == 2);
    done(&o);
  }
  o = run(env, "init %s -o '%s'", model, whole);
  EXPECT_EQ(o.code, 0);
  done(&o);
  static const char *const names[] = {"model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors",
                                      "model-00003-of-00003.safetensors", "model.safetensors.index.json"};
  lazy_state *all, *shard;
  size_t found = 0;
  ASSERT_OK(lazy_state_open(whole, &all));
  for (int i = 0; i < 4; i++) {
    char left[600], right[600];
    snprintf(left, sizeof left, "%s/%s", one, names[i]);
    snprintf(right, sizeof right, "%s/%s", parts, names[i]);
    EXPECT_EQ(alike(left, right), 1);
    if (i == 3) break;
    snprintf(path, sizeof path, "%s/%s", one, names[i]);
    ASSERT_OK(lazy_state_open(path, &shard));
    EXPECT_STREQ(lazy_state_metadata(shard, "seed"), "5");
    for (size_t k = 0; k < lazy_state_count(shard); k++, found++) {
      static unsigned char a[1 << 20], b[1 << 20];
      lazy_spec spec;
      ASSERT_TRUE(lazy_state_spec(shard, k, &spec));
      size_t bytes = 4;
      for (int d = 0; d < spec.shape.rank; d++) bytes *= (size_t)spec.shape.dims[d];
      EXPECT_OK(lazy_state_read(shard, k, a, bytes));
      EXPECT_OK(lazy_state_read(all, lazy_state_find(all, lazy_state_key(shard, k)), b, bytes));
      EXPECT_BYTES_EQ(a, b, bytes);
    }
    lazy_state_release(shard);
  }
  EXPECT_EQ(found, lazy_state_count(all));
  lazy_state_release(all);
}

TEST(tool, fingerprints_of_checkpoints) {
  char one[512], shards[512], other[512], broken[600];
  snprintf(one, sizeof one, "%s", check_path(env, "print.safetensors"));
  snprintf(shards, sizeof shards, "%s", check_path(env, "print.shards"));
  snprintf(other, sizeof other, "%s", check_path(env, "print.torch"));
  outcome o = run(env, "init tools/models/lenet_300_100.txt -s 5 --fingerprint -o '%s'", one);
  const char *at = strstr(o.out, " fingerprint=");
  char drawn[33] = "";
  ASSERT_TRUE(at != NULL);
  snprintf(drawn, sizeof drawn, "%s", at + 13);
  done(&o);
  o = run(
      env,
      "init tools/models/lenet_300_100.txt -s 5 --fingerprint --json --shard-bytes 122KB --stream-out '%s'",
      shards);
  EXPECT_CONTAINS(o.out, drawn);
  done(&o);
  o = run(env, "init tools/models/lenet_300_100.txt -s 5 --stream torch-cpu -o '%s'", other);
  EXPECT_EQ(o.code, 0);
  done(&o);
  o = run(env, "fingerprint '%s' '%s' '%s' --tensors", one, shards, other);
  EXPECT_EQ(o.code, 0);
  EXPECT_EQ(strncmp(o.out, drawn, 32), 0);
  at = strstr(o.out, "print.shards\n");
  ASSERT_TRUE(at != NULL);
  while (at > o.out && at[-1] != '\n') at--;
  EXPECT_EQ(strncmp(at, drawn, 32), 0);
  EXPECT_CONTAINS(o.out, "    fc1.weight\n");
  at = strstr(o.out, "print.torch\n");
  ASSERT_TRUE(at != NULL);
  while (at > o.out && at[-1] != '\n') at--;
  EXPECT_NE(strncmp(at, drawn, 32), 0);
  done(&o);
  o = run(env, "fingerprint");
  EXPECT_EQ(o.code, 2);
  done(&o);
  /* a shard that is gone; the other checkpoint is told all the same */
  snprintf(broken, sizeof broken, "%s/model-00002-of-00003.safetensors", shards);
  ASSERT_EQ(unlink(broken), 0);
  o = run(env, "fingerprint '%s' '%s' --json", shards, one);
  EXPECT_EQ(o.code, 4);
  EXPECT_CONTAINS(o.err, "model-00002-of-00003.safetensors");
  EXPECT_CONTAINS(o.out, drawn);
  done(&o);
}

TEST(tool, a_failed_init_leaves_the_old_file_or_none) {
  char bad[512], path[512];
  snprintf(bad, sizeof bad, "%s", check_path(env, "bad.txt"));
  snprintf(path, sizeof path, "%s", check_path(env, "kept.safetensors"));
  write_text(bad, "# input: 2x5\nNet(\n  (a): LazyLinear(4)\n  (b): Linear(3, 2)\n)\n");
  outcome o = run(env, "init %s -o '%s'", bad, path);
  EXPECT_EQ(o.code, 1);
  EXPECT_NE(access(path, F_OK), 0);
  done(&o);
  write_text(path, "old");
  o = run(env, "init %s -o '%s'", bad, path);
  char *kept = read_file(path, NULL);
  EXPECT_STREQ(kept, "old");
  free(kept);
  done(&o);
}

#endif
