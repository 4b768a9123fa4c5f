#include "runtime/init/key.h"

#include <string.h>
#include <xxhash.h>

#include "kernels/key.h"
#include "tests/check.h"

TEST(init_key, hashes_lengths_and_bytes) {
  const char *parts[] = {"net", "fc1", "weight"};
  const uint8_t encoded[] = "\3\0\0\0net\3\0\0\0fc1\6\0\0\0weight";
  EXPECT_EQ(lazyi_key_hash_parts(parts, NULL, 3), XXH64(encoded, sizeof encoded - 1, 0));
  EXPECT_EQ(lazyi_key_hash_parts(NULL, NULL, 0), 0xef46db3751d8e999u); /* XXH64 of nothing */
  /* Fixed for good: users' weights hang on it. */
  EXPECT_EQ(lazyi_key_hash_parts(parts, NULL, 3), 0x4eaa2c299885c6d8u);
}

TEST(init_key, parts_do_not_run_together) {
  const char *a[] = {"ab", "c"}, *b[] = {"a", "bc"}, *c[] = {"abc"}, *d[] = {"ab", "c", ""},
             *e[] = {"a.b", "c"};
  const uint64_t hashes[] = {lazyi_key_hash_parts(a, NULL, 2), lazyi_key_hash_parts(b, NULL, 2),
                             lazyi_key_hash_parts(c, NULL, 1), lazyi_key_hash_parts(d, NULL, 3),
                             lazyi_key_hash_parts(e, NULL, 2)};
  bool found = true;
  size_t first = 9, second = 9;
  EXPECT_OK(lazyi_key_find_collision(hashes, 5, &found, &first, &second));
  EXPECT_FALSE(found);
  EXPECT_EQ(first, 9);
}

TEST(init_key, path_grows_and_shrinks_with_the_walk) {
  enum { DEPTH = 40, BYTES = 700 };
  static char names[DEPTH][BYTES];
  const char *parts[DEPTH];
  size_t lengths[DEPTH], marks[DEPTH], depth = 0;
  lazyi_key_path path = {0};
  for (int i = 0; i < DEPTH; i++) parts[i] = names[i];
  for (int step = 0; step < 5000; step++) {
    if (depth == DEPTH || (depth > 0 && check_random_below(env, 2) == 0)) {
      lazyi_key_path_pop(&path, marks[--depth]);
    } else {
      lengths[depth] = check_random_below(env, check_random_below(env, 20) == 0 ? BYTES : 30);
      check_random_fill(env, names[depth], lengths[depth]);
      ASSERT_OK(lazyi_key_path_push(&path, names[depth], lengths[depth], marks + depth));
      depth++;
    }
    if (!EXPECT_EQ(lazyi_key_path_hash(&path), lazyi_key_hash_parts(parts, lengths, depth))) break;
  }
  lazyi_key_path_deinit(&path);
}

TEST(init_key, collisions_are_found) {
  enum { COUNT = 20000 };
  uint64_t *hashes = lazyi_memory_alloc(COUNT * sizeof *hashes);
  ASSERT_TRUE(hashes != NULL);
  for (int round = 0; round < 20; round++) {
    bool found = true;
    size_t first = 0, second = 0;
    /* Few low bits, so that the table's chains are long. */
    for (uint64_t i = 0; i < COUNT; i++) hashes[i] = round % 2 ? check_random(env) | 1 : i << 20 | i % 7;
    ASSERT_OK(lazyi_key_find_collision(hashes, round % 2 ? COUNT : 1500, &found, &first, &second));
    EXPECT_FALSE(found);
    size_t limit = round % 2 ? COUNT : 1500, a = check_random_below(env, limit - 1);
    size_t b = a + 1 + check_random_below(env, limit - a - 1);
    hashes[b] = hashes[a];
    ASSERT_OK(lazyi_key_find_collision(hashes, limit, &found, &first, &second));
    EXPECT_TRUE(found);
    EXPECT_EQ(first, a);
    EXPECT_EQ(second, b);
  }
  lazyi_memory_free(hashes);
}

TEST(init_key, seeds_and_paths_both_count) {
  EXPECT_NE(lazy_key_mix(1, 0), lazy_key_mix(0, 1));
  EXPECT_NE(lazy_key_mix(1, 0), lazy_key_mix(1, 1));
  EXPECT_NE(lazy_key_mix(1, 0), lazy_key_mix(2, 0));
}
