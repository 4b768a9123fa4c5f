#include "runtime/base/memory.h"
#include "runtime/base/vector.h"
#include "tests/check.h"

TEST(base_vector, grows_and_keeps_its_elements) {
  struct {
    LAZYI_VECTOR(uint64_t) words;
  } holder = {0};
  uint64_t first = env->random;
  for (int i = 0; i < 1000; i++) ASSERT_OK(lazyi_vector_push(&holder.words, check_random(env)));
  env->random = first;
  EXPECT_EQ(holder.words.count, 1000);
  for (size_t i = 0; i < 1000; i++) ASSERT_EQ(holder.words.at[i], check_random(env));
  lazyi_vector_deinit(&holder.words);
}
