#include <lazyrt/lazyrt.h>
#include <stdio.h>
#include <string.h>

#include "runtime/module/module.h"
#include "tests/check.h"

static lazy_module *make(lazy_context *context, const lazy_class *type, const void *options) {
  lazy_module *module = NULL;
  return EXPECT_OK(lazy_module_create(context, type, options, &module)) ? module : NULL;
}

static lazy_module *make_lazy_linear(lazy_context *context, int64_t out_features, bool bias) {
  lazy_linear_options options = LAZY_LINEAR_DEFAULTS;
  options.out_features = out_features;
  options.bias = bias;
  return make(context, &lazy_class_lazy_linear, &options);
}

TEST_ON_DRIVERS(module_tree, children_are_found_by_name_and_path) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_module *root = make(context, &lazy_class_sequential, NULL), *found = NULL;
  lazy_module *inner = make(context, &lazy_class_sequential, NULL);
  for (int i = 0; i < 40; i++) {
    char name[16];
    (void)snprintf(name, sizeof name, "%d", i);
    EXPECT_OK(lazy_module_give_child(inner, name, make(context, &lazy_class_relu, NULL)));
  }
  lazy_module *last = lazy_module_child_at(inner, 39);
  EXPECT_OK(lazy_module_give_child(root, "encoder", inner));
  EXPECT_OK(lazy_module_find(root, "encoder.39", &found));
  EXPECT_EQ(found, last);
  EXPECT_OK(lazy_module_find(root, "", &found));
  EXPECT_EQ(found, root);
  EXPECT_STREQ(lazy_module_child_name(inner, 17), "17");
  EXPECT_EQ(lazy_module_child_name(inner, 40), NULL);
  EXPECT_FAILS(lazy_module_find(root, "encoder.40", &found), LAZY_STATUS_NOT_FOUND, "'40'");
  char path[32];
  EXPECT_STREQ(lazyi_module_path(last, path, sizeof path), "encoder.39");
  EXPECT_STREQ(lazyi_module_path(last, path, 8), "enco...");
  lazy_module_release(root);
  lazy_context_close(context);
}

TEST_ON_DRIVERS(module_tree, names_and_cycles_are_refused) {
  lazy_context *context, *other;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  ASSERT_OK(lazy_context_open(env->device, NULL, &other));
  lazy_module *a = make(context, &lazy_class_sequential, NULL),
              *b = make(context, &lazy_class_sequential, NULL);
  lazy_module *linear = make_lazy_linear(context, 3, true), *foreign = make(other, &lazy_class_relu, NULL);
  EXPECT_STATUS(lazy_module_add_child(a, "", b), LAZY_STATUS_INVALID_VALUE);
  EXPECT_FAILS(lazy_module_add_child(a, "x.y", b), LAZY_STATUS_INVALID_VALUE, "'x.y'");
  EXPECT_FAILS(lazy_module_add_child(a, "f", foreign), LAZY_STATUS_INVALID_VALUE, "another context");
  EXPECT_FAILS(lazy_module_add_child(linear, "weight", b), LAZY_STATUS_INVALID_VALUE, "already");
  EXPECT_FAILS(lazy_module_add_child(a, "self", a), LAZY_STATUS_INVALID_VALUE, "itself");
  EXPECT_OK(lazy_module_add_child(a, "b", b));
  EXPECT_FAILS(lazy_module_add_child(a, "b", linear), LAZY_STATUS_INVALID_VALUE, "already");
  EXPECT_FAILS(lazy_module_add_child(b, "a", a), LAZY_STATUS_INVALID_VALUE, "itself");
  EXPECT_OK(lazy_module_add_child(a, "again", b)); /* one child, two names */
  EXPECT_EQ(lazy_module_child_count(a), 2u);
  lazy_module_release(a);
  lazy_module_release(b);
  lazy_module_release(linear);
  lazy_module_release(foreign);
  lazy_context_close(context);
  lazy_context_close(other);
}

TEST_ON_DRIVERS(module_tree, depth_has_a_limit) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_module *root = make(context, &lazy_class_sequential, NULL), *at = root;
  for (int i = 0; i < LAZYI_MODULE_DEPTH; i++) {
    lazy_module *next = make(context, &lazy_class_sequential, NULL);
    ASSERT_OK(lazy_module_give_child(at, "0", next));
    at = next;
  }
  EXPECT_NE(lazyi_module_path_hash(at, "weight"), lazyi_module_path_hash(at->parent, "weight"));
  EXPECT_STATUS(lazy_module_give_child(at, "0", make(context, &lazy_class_relu, NULL)), LAZY_STATUS_LIMIT);
  lazy_module_release(root);
  lazy_context_close(context);
}

TEST_ON_DRIVERS(module_tree, options_are_checked) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_module *module = NULL;
  EXPECT_FAILS(lazy_module_create(context, &lazy_class_lazy_linear, NULL, &module), LAZY_STATUS_INVALID_VALUE,
               "out_features");
  lazy_linear_options options = LAZY_LINEAR_DEFAULTS;
  options.in_features = 4;
  options.out_features = 2;
  EXPECT_FAILS(lazy_module_create(context, &lazy_class_lazy_linear, &options, &module),
               LAZY_STATUS_INVALID_VALUE, "in_features");
  options.dtype = LAZY_DTYPE_I64;
  EXPECT_STATUS(lazy_module_create(context, &lazy_class_linear, &options, &module), LAZY_STATUS_INVALID_TYPE);
  options.dtype = LAZY_DTYPE_DEFAULT;
  options.out_features = -2;
  EXPECT_FAILS(lazy_module_create(context, &lazy_class_linear, &options, &module), LAZY_STATUS_INVALID_VALUE,
               "weight");
  EXPECT_EQ(module, NULL);
  module = make(context, &lazy_class_flatten, NULL);
  EXPECT_EQ(((lazy_flatten_options *)lazy_module_self(module))->end_dim, -1);
  lazy_module_release(module);
  lazy_context_close(context);
}

TEST_ON_DRIVERS(module_tree, training_reaches_everything_below) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_module *root = make(context, &lazy_class_sequential, NULL);
  ASSERT_OK(lazy_module_give_child(root, "0", make(context, &lazy_class_relu, NULL)));
  EXPECT_TRUE(lazy_module_is_training(lazy_module_child_at(root, 0)));
  lazy_module_set_training(root, false);
  EXPECT_FALSE(lazy_module_is_training(root));
  EXPECT_FALSE(lazy_module_is_training(lazy_module_child_at(root, 0)));
  lazy_module_release(root);
  lazy_context_close(context);
}

static lazy_status join(lazy_module *module, const char *path, void *user) {
  (void)module;
  strcat(user, path);
  strcat(user, ";");
  return strcmp(path, "stop") == 0 ? lazy_status_fail(LAZY_STATUS_ASSERTION, "stopped") : LAZY_STATUS_OK;
}

TEST_ON_DRIVERS(module_tree, walk_goes_down_in_order_and_stops) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_module *root = make(context, &lazy_class_sequential, NULL),
              *inner = make(context, &lazy_class_sequential, NULL);
  EXPECT_OK(lazy_module_give_child(inner, "x", make(context, &lazy_class_relu, NULL)));
  EXPECT_OK(lazy_module_add_child(root, "a", inner));
  EXPECT_OK(lazy_module_give_child(root, "b", inner));
  char seen[64] = "";
  EXPECT_OK(lazy_module_walk(root, join, seen));
  EXPECT_STREQ(seen, ";a;a.x;b;b.x;");
  EXPECT_OK(lazy_module_give_child(root, "stop", make(context, &lazy_class_relu, NULL)));
  EXPECT_OK(lazy_module_give_child(root, "never", make(context, &lazy_class_relu, NULL)));
  seen[0] = '\0';
  EXPECT_STATUS(lazy_module_walk(root, join, seen), LAZY_STATUS_ASSERTION);
  EXPECT_STREQ(seen, ";a;a.x;b;b.x;stop;");
  lazy_module_release(root);
  lazy_context_close(context);
}

/* A parent that goes takes its name from children that stay; parameters keep the key they had. */
TEST_ON_DRIVERS(module_tree, children_and_parameters_outlive_their_parents) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_module *root = make(context, &lazy_class_sequential, NULL),
              *child = make_lazy_linear(context, 2, true);
  ASSERT_OK(lazy_module_add_child(root, "fc", child));
  lazy_param *kept = lazy_param_retain(lazy_module_param_at(child, 0));
  uint64_t key = lazyi_module_path_hash(child, "weight");
  lazy_module_release(root);
  char path[8];
  EXPECT_STREQ(lazyi_module_path(child, path, sizeof path), "");
  EXPECT_NE(lazyi_module_path_hash(child, "weight"), key);
  key = lazyi_module_path_hash(child, "weight");
  lazy_module_release(child);
  EXPECT_EQ(kept->path_hash, key);
  EXPECT_EQ(kept->owner, NULL);
  lazy_param_release(kept);
  lazy_context_close(context);
}

TEST_ON_DRIVERS(module_tree, keys_depend_on_names_and_on_their_borders) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_module *a = make(context, &lazy_class_sequential, NULL),
              *b = make(context, &lazy_class_sequential, NULL);
  ASSERT_OK(lazy_module_give_child(a, "ab", make_lazy_linear(context, 1, true)));
  ASSERT_OK(lazy_module_give_child(b, "a", make(context, &lazy_class_sequential, NULL)));
  ASSERT_OK(lazy_module_give_child(lazy_module_child_at(b, 0), "b", make_lazy_linear(context, 1, true)));
  lazy_module *first = lazy_module_child_at(a, 0),
              *second = lazy_module_child_at(lazy_module_child_at(b, 0), 0);
  EXPECT_NE(lazyi_module_path_hash(a, "w"), lazyi_module_path_hash(b, "w")); /* unnamed roots differ */
  ASSERT_OK(lazy_module_set_name(a, "net"));
  ASSERT_OK(lazy_module_set_name(b, "net"));
  EXPECT_EQ(lazyi_module_path_hash(a, "w"), lazyi_module_path_hash(b, "w"));
  EXPECT_NE(lazyi_module_path_hash(first, "w"), lazyi_module_path_hash(second, "w"));
  lazy_module_release(a);
  lazy_module_release(b);
  lazy_context_close(context);
}

TEST_ON_DRIVERS(module_tree, construction_survives_every_failing_allocation) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_module *root = make(context, &lazy_class_sequential, NULL);
  int64_t before = lazyi_memory_live();
  int failures = 0;
  for (uint64_t n = 1; n < 20; n++) {
    lazy_linear_options options = {3, 2, true, LAZY_DTYPE_DEFAULT};
    lazy_module *module = NULL;
    lazyi_memory_fail_at(n);
    lazy_status status = lazy_module_create(context, &lazy_class_linear, &options, &module);
    if (status == LAZY_STATUS_OK) status = lazy_module_add_child(root, "x", module);
    lazyi_memory_fail_at(0);
    lazy_module_release(module);
    if (status == LAZY_STATUS_OK) break;
    EXPECT_EQ(status, LAZY_STATUS_OUT_OF_MEMORY);
    failures++;
  }
  EXPECT_GE(failures, 4);
  EXPECT_EQ(lazy_module_child_count(root), 1u);
  EXPECT_GE(lazyi_memory_live(), before);
  lazy_module_release(root);
  lazy_context_close(context);
}

TEST_ON_DRIVERS(module_tree, construction_makes_few_allocations) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  uint64_t before = lazyi_memory_count();
  lazy_module *module = make_lazy_linear(context, 4, true);
  EXPECT_LE(lazyi_memory_count() - before, 3u);
  lazy_module_release(module);
  lazy_context_close(context);
}
