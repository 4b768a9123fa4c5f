#include <stdio.h>
#include <string.h>

#include "runtime/base/map.h"
#include "tests/check.h"

TEST(base_map, finds_what_was_put_and_nothing_else) {
  lazyi_map map = {0};
  int values[3] = {0};
  EXPECT_TRUE(lazyi_map_find(&map, "weight", 6) == NULL);
  EXPECT_FALSE(lazyi_map_remove(&map, "weight", 6));
  ASSERT_OK(lazyi_map_put(&map, "weight", 6, &values[0]));
  ASSERT_OK(lazyi_map_put(&map, "weight\0x", 8, &values[1]));
  ASSERT_OK(lazyi_map_put(&map, "", 0, &values[2]));
  ASSERT_TRUE(lazyi_map_find(&map, "weight", 6) != NULL);
  EXPECT_EQ(*lazyi_map_find(&map, "weight", 6), &values[0]);
  EXPECT_EQ(*lazyi_map_find(&map, "weight\0x", 8), &values[1]);
  EXPECT_EQ(*lazyi_map_find(&map, "weightless", 0), &values[2]);
  EXPECT_TRUE(lazyi_map_find(&map, "weigh", 5) == NULL);
  EXPECT_EQ(map.count, 3);
  lazyi_map_deinit(&map);
}

/* The reference: two parallel arrays in order, searched from the front. */
enum { NAMES = 200 };
typedef struct reference {
  int names[NAMES];
  uint64_t values[NAMES];
  size_t count;
} reference;

static size_t reference_find(const reference *model, int name) {
  for (size_t i = 0; i < model->count; i++)
    if (model->names[i] == name) return i;
  return NAMES;
}

static void agree(const lazyi_map *map, const reference *model) {
  ASSERT_EQ(map->count, model->count);
  size_t at = 0, i = 0;
  for (const lazyi_map_entry *entry; (entry = lazyi_map_next(map, &at)) != NULL; i++) {
    ASSERT_LT(i, model->count);
    char name[32];
    int length = snprintf(name, sizeof name, "layers.%d.weight", model->names[i]);
    ASSERT_STREQ(entry->name, name);
    ASSERT_EQ(entry->name_bytes, length);
    ASSERT_EQ((uintptr_t)entry->value, model->values[i]);
  }
  ASSERT_EQ(i, model->count);
}

TEST(base_map, random_operations_agree_with_a_list) {
  lazyi_map map = {0};
  static reference model;
  model.count = 0;
  for (int step = 0; step < 20000; step++) {
    CHECK_CASE("step %d", step);
    char name[32];
    int number = (int)check_random_below(env, NAMES);
    size_t bytes = (size_t)snprintf(name, sizeof name, "layers.%d.weight", number);
    size_t at = reference_find(&model, number);
    bool removing = check_random_below(env, 2) == 0;
    if (removing) {
      ASSERT_EQ(lazyi_map_remove(&map, name, bytes), at != NAMES);
      if (at != NAMES) {
        model.count--;
        memmove(&model.names[at], &model.names[at + 1], (model.count - at) * sizeof *model.names);
        memmove(&model.values[at], &model.values[at + 1], (model.count - at) * sizeof *model.values);
      }
    } else {
      uint64_t value = check_random(env);
      ASSERT_OK(lazyi_map_put(&map, name, bytes, (void *)(uintptr_t)value));
      if (at == NAMES) at = model.count++;
      model.names[at] = number;
      model.values[at] = value;
    }
    void **found = lazyi_map_find(&map, name, bytes);
    ASSERT_EQ(found != NULL, !removing);
    if (found != NULL) ASSERT_EQ((uintptr_t)*found, model.values[at]);
    if (step % 100 == 0) agree(&map, &model);
  }
  agree(&map, &model);
  /* Names come and go: the storage stays in proportion to how many were there at one time. */
  EXPECT_LE(map.entries.capacity, 16 * NAMES);
  EXPECT_LE(map.index_mask, 16 * NAMES);
  lazyi_map_deinit(&map);
}

TEST(base_map, stands_as_it_was_when_memory_ends) {
  for (uint64_t n = 1;; n++) {
    CHECK_CASE("allocation %d fails", (int)n);
    lazyi_map map = {0};
    lazyi_memory_fail_at(n);
    size_t put = 0;
    lazy_status status = LAZY_STATUS_OK;
    char name[8];
    while (put < 100 && status == LAZY_STATUS_OK) {
      size_t bytes = (size_t)snprintf(name, sizeof name, "n%zu", put);
      status = lazyi_map_put(&map, name, bytes, &map);
      if (status == LAZY_STATUS_OK) put++;
    }
    lazyi_memory_fail_at(0);
    if (status == LAZY_STATUS_OK) {
      lazyi_map_deinit(&map);
      EXPECT_GT(n, 100);
      break;
    }
    EXPECT_EQ(status, LAZY_STATUS_OUT_OF_MEMORY);
    EXPECT_EQ(map.count, put);
    EXPECT_TRUE(lazyi_map_find(&map, name, strlen(name)) == NULL);
    for (size_t i = 0; i < put; i++) {
      size_t bytes = (size_t)snprintf(name, sizeof name, "n%zu", i);
      EXPECT_TRUE(lazyi_map_find(&map, name, bytes) != NULL);
    }
    lazyi_map_deinit(&map);
  }
}

TEST(base_map, entries_may_be_removed_while_walking) {
  lazyi_map map = {0};
  char name[8];
  for (int i = 0; i < 50; i++) {
    size_t bytes = (size_t)snprintf(name, sizeof name, "n%d", i);
    ASSERT_OK(lazyi_map_put(&map, name, bytes, NULL));
  }
  size_t at = 0, seen = 0;
  for (const lazyi_map_entry *entry; (entry = lazyi_map_next(&map, &at)) != NULL; seen++) {
    snprintf(name, sizeof name, "%s", entry->name);
    EXPECT_TRUE(lazyi_map_remove(&map, name, strlen(name)));
  }
  EXPECT_EQ(seen, 50);
  EXPECT_EQ(map.count, 0);
  lazyi_map_deinit(&map);
}
