#include <lazyrt/lazyrt.h>
#include <stdio.h>
#include <string.h>

#include "runtime/module/module.h"
#include "tests/check.h"

/* What ran, in order: "name:Class;". */
typedef struct journal_of_calls {
  char text[512];
} trace;

typedef struct probe {
  trace *trace;
  const char *name;
  lazy_status fails;
  bool was_lazy;
  int64_t in_features;
  int output_kind;
} probe;

static lazy_status note(lazy_hook_event *event, void *user) {
  probe *p = user;
  const lazy_module *module = event->module;
  size_t at = strlen(p->trace->text);
  (void)snprintf(p->trace->text + at, sizeof p->trace->text - at, "%s:%s;", p->name,
                 lazyi_module_class_name(module));
  p->was_lazy = lazy_module_has_uninitialized_params(module);
  p->output_kind = (int)event->output.kind;
  if (module->type->self_bytes >= sizeof(int64_t))
    memcpy(&p->in_features, module->self, sizeof p->in_features);
  return p->fails == LAZY_STATUS_OK ? LAZY_STATUS_OK : lazy_status_fail(p->fails, "%s refuses", p->name);
}

static lazy_module *make_linear(lazy_context *context, int64_t out_features) {
  lazy_linear_options options = LAZY_LINEAR_DEFAULTS;
  options.out_features = out_features;
  lazy_module *module = NULL;
  return EXPECT_OK(lazy_module_create(context, &lazy_class_lazy_linear, &options, &module)) ? module : NULL;
}

/* Runs `module` on ones and reads its first output. */
static lazy_status forward(lazy_module *module, const lazy_shape *shape, float *out_values, size_t count) {
  lazy_context *context = lazy_module_context(module);
  lazy_array *input = NULL;
  lazy_graph *graph = NULL;
  lazy_outputs outputs = {0};
  lazy_status status = lazy_array_create(context, LAZY_DTYPE_F32, shape, &input);
  if (status == LAZY_STATUS_OK) status = lazy_array_fill(input, 1.0);
  if (status == LAZY_STATUS_OK) status = lazy_graph_create(module, NULL, &graph);
  if (status == LAZY_STATUS_OK)
    status = lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(input)), &outputs);
  if (status == LAZY_STATUS_OK && out_values != NULL)
    status = lazy_graph_download(graph, outputs.at[0], out_values, count * sizeof *out_values);
  lazy_graph_destroy(graph);
  lazy_array_release(input);
  return status;
}

/* Spec 3.1: prepended hooks run before the lazy one and see the lazy class; later ones see what it became. */
TEST_ON_DRIVERS(hook, lazy_hook_stands_between_prepended_and_later_ones) {
  lazy_context *context;
  trace t = {""};
  probe p[] = {{.trace = &t, .name = "first"}, {.trace = &t, .name = "second"},
               {.trace = &t, .name = "after"}, {.trace = &t, .name = "global"},
               {.trace = &t, .name = "out"},   {.trace = &t, .name = "gout"}};
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_module *module = make_linear(context, 4);
  ASSERT_OK(lazy_module_add_forward_pre_hook(module, note, &p[2], 0, NULL));
  ASSERT_OK(lazy_module_add_forward_pre_hook(module, note, &p[1], LAZY_HOOK_PREPEND, NULL));
  ASSERT_OK(lazy_module_add_forward_pre_hook(module, note, &p[0], LAZY_HOOK_PREPEND, NULL));
  ASSERT_OK(lazy_context_add_forward_pre_hook(context, note, &p[3], NULL));
  ASSERT_OK(lazy_module_add_forward_hook(module, note, &p[4], 0, NULL));
  ASSERT_OK(lazy_context_add_forward_hook(context, note, &p[5], 0, NULL));
  ASSERT_OK(forward(module, &LAZY_DIMS(2, 3), NULL, 0));
  EXPECT_STREQ(t.text,
               "global:LazyLinear;first:LazyLinear;second:LazyLinear;after:Linear;gout:Linear;out:Linear;");
  EXPECT_TRUE(p[0].was_lazy);
  EXPECT_TRUE(p[1].was_lazy);
  EXPECT_FALSE(p[2].was_lazy);
  EXPECT_EQ(p[1].in_features, 0);
  EXPECT_EQ(p[2].in_features, 3);
  EXPECT_EQ(p[4].in_features, 3);
  EXPECT_EQ(p[4].output_kind, LAZY_VALUE_TENSOR);
  t.text[0] = '\0';
  ASSERT_OK(forward(module, &LAZY_DIMS(2, 3), NULL, 0));
  EXPECT_STREQ(t.text, "global:Linear;first:Linear;second:Linear;after:Linear;gout:Linear;out:Linear;");
  lazy_module_release(module);
  lazy_context_close(context);
}

static lazy_status add_input_to_itself(lazy_hook_event *event, void *user) {
  (void)user;
  lazy_tensor x = lazy_arg(event->recorder, event->args, 0);
  return lazy_hook_set_args(event, LAZY_ARGS(lazy_value_tensor(lazy_add(event->recorder, x, x))));
}

static lazy_status add_output_to_itself(lazy_hook_event *event, void *user) {
  (void)user;
  lazy_tensor y = event->output.as.tensor;
  return lazy_hook_set_output(event, lazy_value_tensor(lazy_add(event->recorder, y, y)));
}

static lazy_tensor identity(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  (void)self;
  return lazy_arg(recorder, args, 0);
}
/* 7.3: a bare lazy module, with nothing to initialise. */
static const lazy_class bare = {LAZY_CLASS("LazyModule"), .is_lazy = true, .forward = identity};

/* test_lazy_pre_forward_hook, test_lazy_forward_hook. */
TEST_ON_DRIVERS(hook, arguments_and_output_are_replaced) {
  lazy_context *context;
  lazy_module *module;
  lazy_hook_id id;
  float values[4];
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  ASSERT_OK(lazy_module_create(context, &bare, NULL, &module));
  EXPECT_TRUE(lazy_module_is_lazy(module));
  ASSERT_OK(lazy_module_add_forward_pre_hook(module, add_input_to_itself, NULL, 0, &id));
  ASSERT_OK(forward(module, &LAZY_DIMS(2, 2), values, 4));
  for (int i = 0; i < 4; i++) EXPECT_EQ(values[i], 2.0f);
  EXPECT_FALSE(lazy_module_is_lazy(module));
  EXPECT_EQ(lazy_module_class(module), &bare);
  ASSERT_OK(lazy_module_add_forward_hook(module, add_output_to_itself, NULL, 0, NULL));
  ASSERT_OK(forward(module, &LAZY_DIMS(2, 2), values, 4));
  for (int i = 0; i < 4; i++) EXPECT_EQ(values[i], 4.0f);
  lazy_module_remove_hook(module, id);
  ASSERT_OK(forward(module, &LAZY_DIMS(2, 2), values, 4));
  for (int i = 0; i < 4; i++) EXPECT_EQ(values[i], 2.0f);
  lazy_module_release(module);
  lazy_context_close(context);
}

static lazy_status repeat_input(lazy_hook_event *event, void *user) {
  (void)user;
  lazy_tensor x = lazy_arg(event->recorder, event->args, 0);
  return lazy_hook_set_args(event, LAZY_ARGS(lazy_value_tensor(lazy_flatten(event->recorder, x, 0, -1))));
}

/* Spec 3.1.4: shapes are inferred from what prepended hooks return; what a late hook returns has to fit them.
 */
TEST_ON_DRIVERS(hook, inference_sees_what_prepended_hooks_return) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_module *early = make_linear(context, 2), *late = make_linear(context, 2);
  ASSERT_OK(lazy_module_add_forward_pre_hook(early, repeat_input, NULL, LAZY_HOOK_PREPEND, NULL));
  ASSERT_OK(forward(early, &LAZY_DIMS(2, 3), NULL, 0));
  EXPECT_EQ(((lazy_linear_options *)lazy_module_self(early))->in_features, 6);
  lazy_module_release(early);
  lazy_module_release(late);
  lazy_context_close(context);
}

typedef struct remover {
  trace *trace;
  lazy_hook_id victim;
} remover;

static lazy_status remove_other(lazy_hook_event *event, void *user) {
  remover *r = user;
  lazy_module_remove_hook(event->module, r->victim);
  strcat(r->trace->text, "remover;");
  return LAZY_STATUS_OK;
}

static lazy_status add_other(lazy_hook_event *event, void *user) {
  static probe added;
  added = (probe){.trace = user, .name = "added"};
  strcat(added.trace->text, "adder;");
  return lazy_module_add_forward_pre_hook(event->module, note, &added, 0, NULL);
}

/* Invariant: tables are iterated over a snapshot. */
TEST_ON_DRIVERS(hook, tables_may_change_while_hooks_run) {
  lazy_context *context;
  trace t = {""};
  probe victim = {.trace = &t, .name = "victim"};
  remover r = {&t, 0};
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_module *module = make_linear(context, 1);
  ASSERT_OK(lazy_module_add_forward_pre_hook(module, remove_other, &r, 0, NULL));
  ASSERT_OK(lazy_module_add_forward_pre_hook(module, note, &victim, 0, &r.victim));
  ASSERT_OK(lazy_module_add_forward_pre_hook(module, add_other, &t, 0, NULL));
  ASSERT_OK(forward(module, &LAZY_DIMS(1, 1), NULL, 0));
  EXPECT_STREQ(t.text, "remover;victim:Linear;adder;");
  t.text[0] = '\0';
  ASSERT_OK(forward(module, &LAZY_DIMS(1, 1), NULL, 0));
  EXPECT_STREQ(t.text, "remover;adder;added:Linear;");
  lazy_module_release(module);
  lazy_context_close(context);
}

typedef struct warnings {
  int count;
  char last[512];
} warnings;

static void warn(void *user, const char *message) {
  warnings *w = user;
  w->count++;
  (void)snprintf(w->last, sizeof w->last, "%s", message);
}

/* Spec 3.2. */
TEST_ON_DRIVERS(hook, always_called_hooks_run_after_a_failure) {
  lazy_context *context;
  trace t = {""};
  warnings w = {0, ""};
  lazy_context_options options = {.struct_size = sizeof options, .warn = warn, .warn_user = &w};
  probe bad = {.trace = &t, .name = "bad", .fails = LAZY_STATUS_ASSERTION};
  probe p[] = {{.trace = &t, .name = "plain"},
               {.trace = &t, .name = "always", .output_kind = -1},
               {.trace = &t, .name = "broken", .fails = LAZY_STATUS_INVALID_VALUE}};
  ASSERT_OK(lazy_context_open(env->device, &options, &context));
  lazy_module *module = make_linear(context, 1);
  lazy_hook_id id;
  ASSERT_OK(lazy_module_add_forward_pre_hook(module, note, &bad, LAZY_HOOK_PREPEND, &id));
  ASSERT_OK(lazy_module_add_forward_hook(module, note, &p[0], 0, NULL));
  ASSERT_OK(lazy_module_add_forward_hook(module, note, &p[1], LAZY_HOOK_ALWAYS_CALL, NULL));
  ASSERT_OK(lazy_context_add_forward_hook(context, note, &p[2], LAZY_HOOK_ALWAYS_CALL, NULL));
  EXPECT_FAILS(forward(module, &LAZY_DIMS(1, 1), NULL, 0), LAZY_STATUS_ASSERTION, "bad refuses");
  EXPECT_STREQ(t.text, "bad:LazyLinear;broken:LazyLinear;always:LazyLinear;");
  EXPECT_EQ(p[1].output_kind, LAZY_VALUE_NONE);
  EXPECT_EQ(w.count, 1);
  EXPECT_CONTAINS(w.last, "broken refuses");
  EXPECT_TRUE(lazy_module_is_lazy(module)); /* and it can be tried again */
  lazy_module_remove_hook(module, id);
  p[2].fails = LAZY_STATUS_OK;
  EXPECT_OK(forward(module, &LAZY_DIMS(1, 1), NULL, 0));
  EXPECT_FALSE(lazy_module_is_lazy(module));
  EXPECT_EQ(w.count, 1);
  lazy_module_release(module);
  lazy_context_close(context);
}

/* A hook that always runs and ran already is not run again when a later one fails. */
TEST_ON_DRIVERS(hook, always_called_hooks_run_once) {
  lazy_context *context;
  trace t = {""};
  probe once = {.trace = &t, .name = "once"},
        bad = {.trace = &t, .name = "bad", .fails = LAZY_STATUS_ASSERTION};
  probe late = {.trace = &t, .name = "late"};
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_module *module = make_linear(context, 1);
  ASSERT_OK(lazy_module_add_forward_hook(module, note, &once, LAZY_HOOK_ALWAYS_CALL, NULL));
  ASSERT_OK(lazy_module_add_forward_hook(module, note, &bad, 0, NULL));
  ASSERT_OK(lazy_module_add_forward_hook(module, note, &late, LAZY_HOOK_ALWAYS_CALL, NULL));
  EXPECT_STATUS(forward(module, &LAZY_DIMS(1, 1), NULL, 0), LAZY_STATUS_ASSERTION);
  EXPECT_STREQ(t.text, "once:Linear;bad:Linear;late:Linear;");
  EXPECT_EQ(late.output_kind, LAZY_VALUE_TENSOR); /* forward did return */
  lazy_module_release(module);
  lazy_context_close(context);
}

static const char *const two_names[] = {"input", "other", NULL};
static lazy_tensor first_plus_second(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  (void)self;
  return lazy_add(recorder, lazy_arg(recorder, args, 0), lazy_arg(recorder, args, 1));
}
static const lazy_class sum = {LAZY_CLASS("Sum"), .arguments = two_names, .forward = first_plus_second};

typedef struct counts {
  size_t positional, keywords;
} counts;

static lazy_status count_args(lazy_hook_event *event, void *user) {
  *(counts *)user = (counts){event->args->count, event->args->keyword_count};
  return LAZY_STATUS_OK;
}

static lazy_status drop_keywords(lazy_hook_event *event, void *user) {
  (void)user;
  lazy_value x = event->args->at[0];
  return lazy_hook_set_args(event, LAZY_ARGS(x, x));
}

static lazy_tensor call_sum(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  const lazy_keyword other = {"other", args->at[0]};
  const lazy_args call = {args->at, 1, &other, 1};
  return lazy_call_args(recorder, lazy_module_child_at(self, 0), &call).as.tensor;
}
static const lazy_class caller = {LAZY_CLASS("Caller"), .forward = call_sum};

TEST_ON_DRIVERS(hook, keywords_are_seen_by_those_that_ask) {
  lazy_context *context;
  lazy_module *root, *module;
  counts plain = {9, 9}, with = {9, 9};
  float values[2];
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  ASSERT_OK(lazy_module_create(context, &caller, NULL, &root));
  ASSERT_OK(lazy_module_create(context, &sum, NULL, &module));
  ASSERT_OK(lazy_module_give_child(root, "sum", module));
  ASSERT_OK(lazy_module_add_forward_pre_hook(module, count_args, &plain, 0, NULL));
  ASSERT_OK(lazy_module_add_forward_pre_hook(module, count_args, &with, LAZY_HOOK_KEYWORDS, NULL));
  ASSERT_OK(forward(root, &LAZY_DIMS(2), values, 2));
  EXPECT_EQ(values[1], 2.0f);
  EXPECT_EQ(plain.positional, 1u);
  EXPECT_EQ(plain.keywords, 0u);
  EXPECT_EQ(with.keywords, 1u);
  lazy_hook_id id;
  ASSERT_OK(lazy_module_add_forward_pre_hook(module, drop_keywords, NULL, LAZY_HOOK_KEYWORDS, &id));
  ASSERT_OK(forward(root, &LAZY_DIMS(2), values, 2));
  lazy_module_remove_hook(module, id); /* without the flag, the keyword stays: given twice */
  ASSERT_OK(lazy_module_add_forward_pre_hook(module, drop_keywords, NULL, 0, NULL));
  EXPECT_FAILS(forward(root, &LAZY_DIMS(2), values, 2), LAZY_STATUS_INVALID_TYPE,
               "multiple values for argument 'other'");
  lazy_module_release(root);
  lazy_context_close(context);
}

static lazy_status misuse(lazy_hook_event *event, void *user) {
  if (*(bool *)user) return lazy_hook_set_output(event, lazy_value_none());
  return lazy_hook_set_args(event, LAZY_ARGS(lazy_value_none()));
}

TEST_ON_DRIVERS(hook, misuse_is_refused) {
  lazy_context *context;
  bool yes = true, no = false;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  lazy_module *module = make_linear(context, 1);
  lazy_hook_id id;
  EXPECT_STATUS(lazy_module_add_forward_pre_hook(module, NULL, NULL, 0, &id), LAZY_STATUS_INVALID_VALUE);
  EXPECT_STATUS(lazy_module_add_forward_pre_hook(module, misuse, &yes, LAZY_HOOK_ALWAYS_CALL, &id),
                LAZY_STATUS_INVALID_VALUE);
  ASSERT_OK(lazy_module_add_forward_pre_hook(module, misuse, &yes, 0, &id));
  EXPECT_STATUS(forward(module, &LAZY_DIMS(1, 1), NULL, 0), LAZY_STATUS_INVALID_STATE);
  lazy_module_remove_hook(module, id);
  lazy_module_remove_hook(module, id); /* not there any more */
  ASSERT_OK(lazy_module_add_forward_hook(module, misuse, &no, 0, &id));
  EXPECT_STATUS(forward(module, &LAZY_DIMS(1, 1), NULL, 0), LAZY_STATUS_INVALID_STATE);
  EXPECT_TRUE(lazy_module_is_lazy(module));
  lazy_module_release(module);
  lazy_context_close(context);
}
