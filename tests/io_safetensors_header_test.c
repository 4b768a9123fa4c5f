/* Reading a safetensors header: what is read, and every way a file can lie. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/io/safetensors.h"
#include "tests/check.h"

/* A file in memory: prefix with the JSON's length, JSON, `data_bytes` zeros. Freed by the caller. */
static unsigned char *make_file(const char *json, size_t json_bytes, size_t data_bytes, size_t *out_bytes) {
  *out_bytes = 8 + json_bytes + data_bytes;
  unsigned char *file = calloc(*out_bytes, 1);
  for (int i = 0; i < 8; i++) file[i] = (unsigned char)(json_bytes >> (8 * i));
  memcpy(file + 8, json, json_bytes);
  return file;
}

static lazy_status read_bytes(const char *json, size_t json_bytes, size_t data_bytes,
                              lazyi_safetensors_header *out_header) {
  size_t bytes;
  unsigned char *file = make_file(json, json_bytes, data_bytes, &bytes);
  lazy_status status = lazyi_safetensors_read_header(file, bytes, out_header);
  free(file);
  return status;
}

static lazy_status read_json(const char *json, size_t data_bytes) {
  lazyi_safetensors_header header = {0};
  lazy_status status = read_bytes(json, strlen(json), data_bytes, &header);
  lazyi_safetensors_header_deinit(&header);
  return status;
}

#define GOOD                                                               \
  "{\"__metadata__\":{\"format\":\"pt\",\"by\":\"\\u00e9\"},"              \
  "\"b\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[4,28]},"     \
  "\"a\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[0,4]},"       \
  "\"none\":{\"dtype\":\"I64\",\"shape\":[0,7],\"data_offsets\":[28,28]}," \
  "\"scalar\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[28,29]}}   "

TEST(safetensors_header, reads_tensors_in_the_order_of_their_bytes) {
  lazyi_safetensors_header header = {0};
  ASSERT_OK(read_bytes(GOOD, strlen(GOOD), 29, &header));
  EXPECT_EQ(header.data_begin, 8 + strlen(GOOD));
  ASSERT_EQ(header.tensors.count, 4);
  const char *keys[] = {"a", "b", "none", "scalar"};
  for (int i = 0; i < 4; i++) EXPECT_STREQ(header.tensors.at[i].key, keys[i]);
  EXPECT_EQ(header.tensors.at[0].dtype, LAZY_DTYPE_BF16);
  EXPECT_DIMS(header.tensors.at[1].shape.dims, header.tensors.at[1].shape.rank, 2, 3);
  EXPECT_EQ(header.tensors.at[1].begin, 4);
  EXPECT_EQ(header.tensors.at[1].end, 28);
  EXPECT_DIMS(header.tensors.at[2].shape.dims, header.tensors.at[2].shape.rank, 0, 7);
  EXPECT_EQ(header.tensors.at[3].shape.rank, 0);
  ASSERT_EQ(header.metadata.count, 2);
  EXPECT_STREQ(header.metadata.at[0].key, "format");
  EXPECT_STREQ(header.metadata.at[0].value, "pt");
  EXPECT_STREQ(header.metadata.at[1].value, "\xc3\xa9");
  lazyi_safetensors_header_deinit(&header);
}

TEST(safetensors_header, an_empty_file_of_tensors_is_a_file) {
  EXPECT_OK(read_json("{}", 0));
  EXPECT_OK(read_json("{\"__metadata__\":{}}", 0));
}

#define ONE(fields)         "{\"w\":{" fields "}}"
#define F32(shape, offsets) ONE("\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets)

TEST(safetensors_header, says_what_is_wrong) {
  static const struct {
    const char *json;
    size_t data_bytes;
    lazy_status status;
    const char *words;
  } cases[] = {
      {"", 0, LAZY_STATUS_CHECKPOINT, "'{'"},
      {" {}", 0, LAZY_STATUS_CHECKPOINT, "'{'"},
      {"[]", 0, LAZY_STATUS_CHECKPOINT, "'{'"},
      {"{", 0, LAZY_STATUS_CHECKPOINT, "not JSON"},
      {"{}x", 0, LAZY_STATUS_CHECKPOINT, "not JSON"},
      {"{\"w\":1}", 0, LAZY_STATUS_CHECKPOINT, "'w': its value is not an object"},
      {ONE(""), 0, LAZY_STATUS_CHECKPOINT, "'w': no \"dtype\""},
      {ONE("\"dtype\":3"), 0, LAZY_STATUS_CHECKPOINT, "'w': no \"dtype\""},
      {ONE("\"dtype\":\"F33\""), 0, LAZY_STATUS_CHECKPOINT, "'F33' is no dtype"},
      {ONE("\"dtype\":\"f32\""), 0, LAZY_STATUS_CHECKPOINT, "'f32' is no dtype"},
      {ONE("\"dtype\":\"I32\""), 0, LAZY_STATUS_UNSUPPORTED, "'w': dtype I32"},
      {ONE("\"dtype\":\"F8_E4M3\""), 0, LAZY_STATUS_UNSUPPORTED, "'w': dtype F8_E4M3"},
      {ONE("\"dtype\":\"F32\""), 0, LAZY_STATUS_CHECKPOINT, "'w': no \"shape\""},
      {F32("[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, LAZY_STATUS_UNSUPPORTED, "rank 9"},
      {F32("[-1]", "[0,4]"), 4, LAZY_STATUS_CHECKPOINT, "size 0 of \"shape\""},
      {F32("[1.0]", "[0,4]"), 4, LAZY_STATUS_CHECKPOINT, "size 0 of \"shape\""},
      {F32("[1,\"2\"]", "[0,4]"), 4, LAZY_STATUS_CHECKPOINT, "size 1 of \"shape\""},
      {F32("[99999999999999999999]", "[0,4]"), 4, LAZY_STATUS_CHECKPOINT, "not JSON"},
      {F32("[4611686018427387904,2]", "[0,0]"), 0, LAZY_STATUS_CHECKPOINT, "overflow"},
      {F32("[4294967296,4294967296]", "[0,0]"), 0, LAZY_STATUS_CHECKPOINT, "overflow"},
      {F32("[1]", "[0]"), 4, LAZY_STATUS_CHECKPOINT, "two integers"},
      {F32("[1]", "[0,4,4]"), 4, LAZY_STATUS_CHECKPOINT, "two integers"},
      {F32("[1]", "{\"0\":0}"), 4, LAZY_STATUS_CHECKPOINT, "two integers"},
      {F32("[1]", "[0.0,4]"), 4, LAZY_STATUS_CHECKPOINT, "two integers"},
      {F32("[1]", "[-4,0]"), 4, LAZY_STATUS_CHECKPOINT, "two integers"},
      {F32("[1]", "[4,0]"), 4, LAZY_STATUS_CHECKPOINT, "[4, 0]"},
      {F32("[1]", "[0,5]"), 4, LAZY_STATUS_CHECKPOINT, "[0, 5] in a file with 4 bytes"},
      {F32("[1]", "[9223372036854775803,9223372036854775807]"), 4, LAZY_STATUS_CHECKPOINT, "4 bytes of data"},
      {F32("[1]", "[0,3]"), 4, LAZY_STATUS_CHECKPOINT, "span 3 bytes, dtype and shape take 4"},
      {F32("[0]", "[0,4]"), 4, LAZY_STATUS_CHECKPOINT, "take 0"},
      {F32("[1]", "[4,8]"), 8, LAZY_STATUS_CHECKPOINT, "leaves a hole from 0"},
      {F32("[1]", "[0,4]"), 5, LAZY_STATUS_CHECKPOINT, "5 bytes of data, of which the tensors cover 4"},
      {"{}", 1, LAZY_STATUS_CHECKPOINT, "cover 0"},
      {ONE("\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"x\":0"), 1, LAZY_STATUS_CHECKPOINT,
       "besides"},
      {ONE("\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]"), 1,
       LAZY_STATUS_CHECKPOINT, "duplicate"},
      {"{\"w\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
       "\"w\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}",
       2, LAZY_STATUS_CHECKPOINT, "duplicate"},
      {"{\"v\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]},"
       "\"w\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[2,5]}}",
       5, LAZY_STATUS_CHECKPOINT, "'w': starts at byte 2 of the data and overlaps 'v', which ends at 3"},
      {"{\"v\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]},"
       "\"w\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]}}",
       3, LAZY_STATUS_CHECKPOINT, "overlaps"},
      {"{\"__metadata__\":[]}", 0, LAZY_STATUS_CHECKPOINT, "__metadata__"},
      {"{\"__metadata__\":{\"a\":1}}", 0, LAZY_STATUS_CHECKPOINT, "'a' is not a string"},
      {"{\"a\xff\":1}", 0, LAZY_STATUS_CHECKPOINT, "not JSON"},
      {"{\"a\xc0\x80\":1}", 0, LAZY_STATUS_CHECKPOINT, "not JSON"},
      {"{\"\\ud800\":1}", 0, LAZY_STATUS_CHECKPOINT, "not JSON"},
      {"{\"a\\u0000b\":{}}", 0, LAZY_STATUS_CHECKPOINT, "not JSON"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    CHECK_CASE("%s with %zu bytes of data", cases[i].json, cases[i].data_bytes);
    EXPECT_FAILS(read_json(cases[i].json, cases[i].data_bytes), cases[i].status, cases[i].words);
  }
}

TEST(safetensors_header, refuses_a_length_that_is_not_true) {
  size_t bytes;
  unsigned char *file = make_file("{}", 2, 0, &bytes);
  lazyi_safetensors_header header = {0};
  file[0] = 3;
  EXPECT_FAILS(lazyi_safetensors_read_header(file, bytes, &header), LAZY_STATUS_CHECKPOINT,
               "a header of 3 bytes in a file of 10");
  file[0] = 1;
  EXPECT_STATUS(lazyi_safetensors_read_header(file, bytes, &header), LAZY_STATUS_CHECKPOINT);
  memcpy(file, "\x01\xe1\xf5\x05\0\0\0\0", 8); /* 100,000,001 */
  EXPECT_FAILS(lazyi_safetensors_read_header(file, bytes, &header), LAZY_STATUS_LIMIT,
               "100000000 is the most");
  memset(file, 0xff, 8);
  EXPECT_FAILS(lazyi_safetensors_read_header(file, bytes, &header), LAZY_STATUS_LIMIT,
               "18446744073709551615");
  for (size_t cut = 0; cut < 8; cut++)
    EXPECT_FAILS(lazyi_safetensors_read_header(file, cut, &header), LAZY_STATUS_CHECKPOINT, "too few");
  EXPECT_EQ(header.tensors.count, 0);
  free(file);
}

/* Cut short anywhere, a file is refused: never read past its end (address sanitizer watches the exact block).
 */
TEST(safetensors_header, refuses_a_file_cut_at_any_byte) {
  size_t bytes;
  unsigned char *file = make_file(GOOD, strlen(GOOD), 29, &bytes);
  for (size_t cut = 0; cut < bytes; cut++) {
    unsigned char *part = malloc(cut != 0 ? cut : 1);
    memcpy(part, file, cut);
    lazyi_safetensors_header header = {0};
    CHECK_CASE("cut at byte %zu", cut);
    EXPECT_STATUS(lazyi_safetensors_read_header(part, cut, &header), LAZY_STATUS_CHECKPOINT);
    EXPECT_EQ(header.tensors.count, 0);
    free(part);
  }
  free(file);
}

/* Whatever a mutated file is taken for, it holds together: tensors inside the data, no byte in two of them.
 */
TEST(safetensors_header, random_mutations_are_refused_or_sound) {
  size_t bytes, accepted = 0;
  unsigned char *file = make_file(GOOD, strlen(GOOD), 29, &bytes);
  unsigned char *mutant = malloc(bytes);
  for (int round = 0; round < 20000; round++) {
    memcpy(mutant, file, bytes);
    for (uint64_t n = 1 + check_random_below(env, 3); n != 0; n--) {
      static const char alphabet[] = "0123456789{}[]\",:-.eFIU \\u";
      size_t at = check_random_below(env, 8 + strlen(GOOD));
      mutant[at] = check_random_below(env, 2)
                       ? (unsigned char)alphabet[check_random_below(env, sizeof alphabet - 1)]
                       : (unsigned char)check_random(env);
    }
    lazyi_safetensors_header header = {0};
    if (lazyi_safetensors_read_header(mutant, bytes, &header) != LAZY_STATUS_OK) continue;
    accepted++;
    uint64_t covered = 0;
    for (size_t i = 0; i < header.tensors.count; i++) {
      const lazyi_safetensors_tensor *tensor = &header.tensors.at[i];
      uint64_t count = 1;
      for (int d = 0; d < tensor->shape.rank; d++) count *= (uint64_t)tensor->shape.dims[d];
      EXPECT_EQ(tensor->begin, covered);
      EXPECT_EQ(tensor->end - tensor->begin, count * lazy_dtype_bytes(tensor->dtype));
      covered = tensor->end;
    }
    EXPECT_EQ(header.data_begin + covered, bytes);
    lazyi_safetensors_header_deinit(&header);
  }
  EXPECT_GT(accepted, 100); /* the mutations do reach the far side: spaces, keys, metadata */
  free(mutant);
  free(file);
}

TEST(safetensors_header, what_is_written_is_read_again) {
  for (int round = 0; round < 200; round++) {
    lazyi_safetensors_header header = {0};
    lazyi_safetensors_tensor tensors[12];
    lazyi_safetensors_pair pairs[2] = {{(char *)"seed", (char *)"7"},
                                       {(char *)"odd \"\\\n\x01", (char *)"\xf0\x9f\x98\x80"}};
    char keys[12][40];
    size_t count = check_random_below(env, 13);
    uint64_t at = 0;
    for (size_t i = 0; i < count; i++) {
      snprintf(keys[i], sizeof keys[i], "layer.%zu.\t\"%c", i, (int)check_random_between(env, ' ', '~'));
      tensors[i] = (lazyi_safetensors_tensor){.key = keys[i]};
      tensors[i].dtype = (lazy_dtype)check_random_between(env, 1, LAZY_DTYPE_COUNT - 1);
      tensors[i].shape.rank = (int32_t)check_random_below(env, LAZY_MAX_RANK + 1);
      uint64_t bytes = lazy_dtype_bytes(tensors[i].dtype);
      for (int d = 0; d < tensors[i].shape.rank; d++)
        bytes *= (uint64_t)(tensors[i].shape.dims[d] = check_random_between(env, 1, 3));
      tensors[i].begin = at;
      tensors[i].end = at += bytes;
    }
    header.tensors.at = tensors;
    header.tensors.count = count;
    header.metadata.at = pairs;
    header.metadata.count = check_random_below(env, 3);
    unsigned char *written;
    size_t bytes;
    ASSERT_OK(lazyi_safetensors_write_header(&header, &written, &bytes));
    EXPECT_EQ(bytes % LAZYI_SAFETENSORS_ALIGNMENT, 0);
    unsigned char *file = calloc(bytes + at, 1);
    memcpy(file, written, bytes);
    lazyi_memory_free(written);
    lazyi_safetensors_header found = {0};
    ASSERT_OK(lazyi_safetensors_read_header(file, bytes + at, &found));
    free(file);
    EXPECT_EQ(found.data_begin, bytes);
    EXPECT_EQ(found.metadata.count, header.metadata.count);
    for (size_t i = 0; i < found.metadata.count && i < header.metadata.count; i++) {
      EXPECT_STREQ(found.metadata.at[i].key, pairs[i].key);
      EXPECT_STREQ(found.metadata.at[i].value, pairs[i].value);
    }
    ASSERT_EQ(found.tensors.count, count);
    for (size_t i = 0; i < count; i++) {
      EXPECT_STREQ(found.tensors.at[i].key, tensors[i].key);
      EXPECT_EQ(found.tensors.at[i].dtype, tensors[i].dtype);
      EXPECT_EQ(found.tensors.at[i].begin, tensors[i].begin);
      EXPECT_EQ(found.tensors.at[i].shape.rank, tensors[i].shape.rank);
      EXPECT_I64_EQ(found.tensors.at[i].shape.dims, tensors[i].shape.dims, LAZY_MAX_RANK);
    }
    lazyi_safetensors_header_deinit(&found);
  }
}

TEST(safetensors_header, keys_that_the_format_cannot_hold) {
  lazyi_safetensors_tensor tensor = {.key = (char *)"__metadata__", .dtype = LAZY_DTYPE_F32, .end = 4};
  lazyi_safetensors_header header = {.tensors = {&tensor, 1, 1}};
  unsigned char *written = NULL;
  size_t bytes;
  EXPECT_FAILS(lazyi_safetensors_write_header(&header, &written, &bytes), LAZY_STATUS_INVALID_VALUE,
               "__metadata__");
  tensor.key = (char *)"w\xff";
  EXPECT_FAILS(lazyi_safetensors_write_header(&header, &written, &bytes), LAZY_STATUS_INVALID_VALUE, "UTF-8");
  EXPECT_TRUE(written == NULL);
}

/* Every allocation refused in turn: an error, nothing leaked, nothing half read. */
TEST(safetensors_header, survives_every_refused_allocation) {
  bool done = false;
  for (uint64_t n = 1; n < 200 && !done; n++) {
    lazyi_safetensors_header header = {0};
    size_t bytes;
    unsigned char *file = make_file(GOOD, strlen(GOOD), 29, &bytes);
    lazyi_memory_fail_at(n);
    lazy_status status = lazyi_safetensors_read_header(file, bytes, &header);
    lazyi_memory_fail_at(0);
    done = status == LAZY_STATUS_OK;
    if (!done) EXPECT_STATUS(status, LAZY_STATUS_OUT_OF_MEMORY);
    lazyi_safetensors_header_deinit(&header);
    free(file);
  }
  EXPECT_TRUE(done);
}
