/* runtime/base: statuses and messages, element types, counted memory, vectors. The map has a file of its own.
 */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "runtime/base/vector.h"
#include "tests/check.h"

TEST(base_status, every_code_has_a_name_of_its_own) {
  for (int i = 0; i < LAZY_STATUS_COUNT; i++) {
    const char *name = lazy_status_name((lazy_status)i);
    EXPECT_STRNE(name, "?");
    for (int j = 0; j < i; j++) EXPECT_STRNE(name, lazy_status_name((lazy_status)j));
  }
  EXPECT_STREQ(lazy_status_name((lazy_status)LAZY_STATUS_COUNT), "?");
  EXPECT_STREQ(lazy_status_name((lazy_status)-1), "?");
}

TEST(base_status, the_message_is_what_failed_last_with_its_path) {
  EXPECT_EQ(lazy_status_fail(LAZY_STATUS_SHAPE, "weight: found %d, wanted %d", 3, 4), LAZY_STATUS_SHAPE);
  EXPECT_STREQ(lazy_status_message(), "weight: found 3, wanted 4");
  EXPECT_EQ(lazy_status_annotate(LAZY_STATUS_SHAPE, "fc%d", 1), LAZY_STATUS_SHAPE);
  EXPECT_EQ(lazy_status_annotate(LAZY_STATUS_SHAPE, "mlp"), LAZY_STATUS_SHAPE);
  EXPECT_STREQ(lazy_status_message(), "mlp: fc1: weight: found 3, wanted 4");
}

TEST(base_status, a_message_may_quote_the_one_before) {
  (void)lazy_status_fail(LAZY_STATUS_IO, "no such file");
  (void)lazy_status_fail(LAZY_STATUS_LOAD, "cannot load: %s", lazy_status_message());
  EXPECT_STREQ(lazy_status_message(), "cannot load: no such file");
}

TEST(base_status, long_messages_are_cut_and_say_so) {
  size_t bytes = 100000;
  char *text = malloc(bytes + 1);
  ASSERT_TRUE(text != NULL);
  memset(text, 'x', bytes);
  text[bytes] = '\0';
  (void)lazy_status_fail(LAZY_STATUS_LOAD, "%s", text);
  size_t length = strlen(lazy_status_message());
  EXPECT_LT(length, bytes);
  EXPECT_STREQ(lazy_status_message() + length - 3, "...");
  for (int i = 0; i < 100; i++) (void)lazy_status_annotate(LAZY_STATUS_LOAD, "%.400s", text);
  EXPECT_LE(strlen(lazy_status_message()), length);
  (void)lazy_status_annotate(LAZY_STATUS_LOAD, "%s", text);
  EXPECT_LE(strlen(lazy_status_message()), length);
  free(text);
}

static void *fails_elsewhere(void *unused) {
  (void)unused;
  (void)lazy_status_fail(LAZY_STATUS_IO, "of another thread");
  return NULL;
}

TEST(base_status, messages_are_per_thread) {
  (void)lazy_status_fail(LAZY_STATUS_IO, "of this thread");
  pthread_t thread;
  ASSERT_EQ(pthread_create(&thread, NULL, fails_elsewhere, NULL), 0);
  ASSERT_EQ(pthread_join(thread, NULL), 0);
  EXPECT_STREQ(lazy_status_message(), "of this thread");
}

TEST(base_dtype, names_and_sizes_agree) {
  static const struct {
    const char *name, *torch;
    lazy_dtype dtype;
    size_t bytes;
    bool is_float;
  } rows[] = {
      {"f64", "torch.float64", LAZY_DTYPE_F64, 8, true}, {"f32", "torch.float32", LAZY_DTYPE_F32, 4, true},
      {"f16", "torch.float16", LAZY_DTYPE_F16, 2, true}, {"bf16", "torch.bfloat16", LAZY_DTYPE_BF16, 2, true},
      {"i64", "torch.int64", LAZY_DTYPE_I64, 8, false},  {"u8", "torch.uint8", LAZY_DTYPE_U8, 1, false},
      {"f32", "float", LAZY_DTYPE_F32, 4, true},         {"f64", "double", LAZY_DTYPE_F64, 8, true},
      {"f16", "half", LAZY_DTYPE_F16, 2, true},          {"i64", "long", LAZY_DTYPE_I64, 8, false},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    CHECK_CASE("%s", rows[i].torch);
    lazy_dtype found = LAZY_DTYPE_DEFAULT;
    ASSERT_TRUE(lazy_dtype_parse(rows[i].torch, &found));
    EXPECT_EQ(found, rows[i].dtype);
    ASSERT_TRUE(lazy_dtype_parse(rows[i].name, &found));
    EXPECT_EQ(found, rows[i].dtype);
    EXPECT_STREQ(lazy_dtype_name(found), rows[i].name);
    EXPECT_EQ(lazy_dtype_bytes(found), rows[i].bytes);
    EXPECT_EQ(lazy_dtype_is_float(found), rows[i].is_float);
  }
}

TEST(base_dtype, what_is_no_dtype_is_refused) {
  static const char *const wrong[] = {"", "torch.", "f", "F32", "f32 ", "torch.torch.f32", "int", "?"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    CHECK_CASE("'%s'", wrong[i]);
    lazy_dtype untouched = LAZY_DTYPE_U8;
    EXPECT_FALSE(lazy_dtype_parse(wrong[i], &untouched));
    EXPECT_EQ(untouched, LAZY_DTYPE_U8);
  }
  static const int numbers[] = {0, LAZY_DTYPE_COUNT, -1, INT_MAX};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    EXPECT_EQ(lazy_dtype_bytes((lazy_dtype)numbers[i]), 0);
    EXPECT_STREQ(lazy_dtype_name((lazy_dtype)numbers[i]), "?");
    EXPECT_FALSE(lazy_dtype_is_float((lazy_dtype)numbers[i]));
  }
}

TEST(base_memory, counts_what_is_allocated_and_what_lives) {
  uint64_t count = lazyi_memory_count();
  int64_t live = lazyi_memory_live();
  char *a = lazyi_memory_alloc(0);
  unsigned char *b = lazyi_memory_calloc(3, 5);
  char *c = lazyi_memory_strdup("text");
  ASSERT_TRUE(a != NULL && b != NULL && c != NULL);
  for (int i = 0; i < 15; i++) EXPECT_EQ(b[i], 0);
  EXPECT_STREQ(c, "text");
  char *grown = lazyi_memory_realloc(c, 100);
  ASSERT_TRUE(grown != NULL);
  EXPECT_STREQ(grown, "text");
  EXPECT_EQ(lazyi_memory_count() - count, 4);
  EXPECT_EQ(lazyi_memory_live() - live, 3);
  lazyi_memory_free(a);
  lazyi_memory_free(b);
  lazyi_memory_free(grown);
  lazyi_memory_free(NULL);
  EXPECT_EQ(lazyi_memory_live(), live);
}

TEST(base_memory, the_nth_allocation_fails_once_and_keeps_the_old_block) {
  char *kept = lazyi_memory_strdup("kept");
  ASSERT_TRUE(kept != NULL);
  int64_t live = lazyi_memory_live();
  lazyi_memory_fail_at(2);
  void *first = lazyi_memory_alloc(7);
  EXPECT_TRUE(first != NULL);
  EXPECT_TRUE(lazyi_memory_realloc(kept, 1 << 20) == NULL);
  EXPECT_CONTAINS(lazy_status_message(), "1048576 bytes");
  EXPECT_STREQ(kept, "kept");
  void *third = lazyi_memory_alloc(7);
  EXPECT_TRUE(third != NULL);
  lazyi_memory_free(first);
  lazyi_memory_free(third);
  EXPECT_EQ(lazyi_memory_live(), live);
  lazyi_memory_fail_at(1);
  lazyi_memory_fail_at(0);
  void *disarmed = lazyi_memory_alloc(1);
  EXPECT_TRUE(disarmed != NULL);
  lazyi_memory_free(disarmed);
  lazyi_memory_free(kept);
}

TEST(base_memory, products_that_overflow_are_refused) {
  volatile size_t half = SIZE_MAX / 2; /* volatile: compilers warn of sizes they can see */
  EXPECT_TRUE(lazyi_memory_calloc(half, 4) == NULL);
  EXPECT_CONTAINS(lazy_status_message(), "host memory");
}

typedef LAZYI_VECTOR(uint64_t) words;

TEST(base_vector, grows_and_keeps_its_elements) {
  words vector = {0};
  uint64_t first = env->random;
  for (int i = 0; i < 1000; i++) ASSERT_OK(lazyi_vector_push(&vector, check_random(env)));
  env->random = first;
  EXPECT_EQ(vector.count, 1000);
  for (size_t i = 0; i < 1000; i++) ASSERT_EQ(vector.at[i], check_random(env));
  lazyi_vector_deinit(&vector);
  EXPECT_TRUE(vector.at == NULL);
  EXPECT_EQ(vector.capacity, 0);
}

TEST(base_vector, stands_as_it_was_when_memory_ends) {
  words vector = {0};
  ASSERT_OK(lazyi_vector_push(&vector, 17));
  while (vector.count < vector.capacity) ASSERT_OK(lazyi_vector_push(&vector, vector.count));
  size_t count = vector.count;
  lazyi_memory_fail_at(1);
  EXPECT_STATUS(lazyi_vector_push(&vector, 99), LAZY_STATUS_OUT_OF_MEMORY);
  EXPECT_EQ(vector.count, count);
  EXPECT_EQ(vector.at[0], 17);
  EXPECT_STATUS(lazyi_vector_reserve(&vector, SIZE_MAX), LAZY_STATUS_OUT_OF_MEMORY);
  EXPECT_STATUS(lazyi_vector_reserve(&vector, SIZE_MAX / 8), LAZY_STATUS_OUT_OF_MEMORY);
  EXPECT_EQ(vector.count, count);
  lazyi_vector_deinit(&vector);
}

TEST(base_vector, size_arithmetic_notices_overflow_at_the_edge) {
  size_t out = 5;
  EXPECT_TRUE(lazyi_add_size(SIZE_MAX - 1, 1, &out));
  EXPECT_EQ(out, SIZE_MAX);
  EXPECT_FALSE(lazyi_add_size(SIZE_MAX, 1, &out));
  EXPECT_TRUE(lazyi_mul_size(SIZE_MAX / 3, 3, &out));
  EXPECT_FALSE(lazyi_mul_size(SIZE_MAX / 3 + 1, 3, &out));
  for (size_t bytes = 0; bytes < 600; bytes++) {
    ASSERT_TRUE(lazyi_align_size(bytes, 256, &out));
    ASSERT_EQ(out, (bytes + 255) / 256 * 256);
  }
  EXPECT_TRUE(lazyi_align_size(SIZE_MAX - 255, 256, &out));
  EXPECT_EQ(out, SIZE_MAX - 255);
  EXPECT_FALSE(lazyi_align_size(SIZE_MAX - 254, 256, &out));
}
