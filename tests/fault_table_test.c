/* Every operation of the library, with every call it makes of others failing once in turn. */
#include "tests/fault_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/module/module.h"

/* ---- models ---- */

/* Every kind of parameter state: lazy, a user's lazy class, an eager layer not drawn yet, a tie. */
static lazy_module *mixed_model(lazy_context *context) {
  lazy_module *net = model_of(context, &lazy_class_sequential), *eager = NULL;
  const lazy_linear_options options = {6, 6, true, LAZY_DTYPE_DEFAULT};
  model_add(net, "fc1", model_lazy_linear(context, 6, true, LAZY_DTYPE_DEFAULT));
  model_add(net, "scale", model_of(context, &model_lazy_scale));
  EXPECT_OK(lazy_module_create(context, &lazy_class_linear, &options, &eager));
  model_add(net, "eager", eager);
  model_add(net, "fc2", model_lazy_linear(context, 6, false, LAZY_DTYPE_DEFAULT));
  lazy_param *weight = NULL;
  if (EXPECT_OK(lazy_module_find_param(net, "fc1.weight", &weight)))
    EXPECT_OK(lazy_module_set_param(lazy_module_child_at(net, 3), "weight", weight));
  return net;
}

#define ROWS_2 LAZY_ARGS(LAZY_INPUT(2, 6))

static void begin_lazy(fault_stage *stage) {
  stage->net = mixed_model(stage->context);
  EXPECT_OK(lazy_graph_create(stage->net, NULL, &stage->graph));
  stage->x = model_random_array(stage->env, stage->context, LAZY_DTYPE_F32, LAZY_DIMS(2, 6), NULL);
}

static void begin_real(fault_stage *stage) {
  begin_lazy(stage);
  EXPECT_OK(lazy_graph_dry_run(stage->graph, ROWS_2));
}

/* A real part, a lazy part, and a layer of known sizes that waits for its draw. */
static void begin_half(fault_stage *stage) {
  stage->net = model_of(stage->context, &lazy_class_sequential);
  lazy_module *real = model_lazy_linear(stage->context, 6, true, LAZY_DTYPE_DEFAULT), *waiting = NULL;
  const lazy_linear_options options = {6, 6, true, LAZY_DTYPE_DEFAULT};
  model_add(stage->net, "real", real);
  EXPECT_OK(lazy_module_create(stage->context, &lazy_class_linear, &options, &waiting));
  model_add(stage->net, "waiting", waiting);
  EXPECT_OK(lazy_module_dry_run(real, ROWS_2, NULL));
  model_add(stage->net, "lazy", model_lazy_linear(stage->context, 6, true, LAZY_DTYPE_DEFAULT));
}

/* Without user code that asks for shapes. */
static void begin_plain(fault_stage *stage) {
  stage->net = model_chain(stage->context, 3, 6, 0);
  EXPECT_OK(lazy_graph_create(stage->net, NULL, &stage->graph));
}

static void run_times(fault_stage *stage, int times) {
  for (int i = 0; i < times; i++)
    EXPECT_OK(lazy_graph_forward(stage->graph, LAZY_ARGS(lazy_value_array(stage->x)), NULL));
  EXPECT_OK(lazy_graph_synchronize(stage->graph));
}
static void begin_steady(fault_stage *stage) {
  begin_lazy(stage);
  run_times(stage, 2);
}

/* Two branches of two layers each, which lanes run side by side. */
static lazy_tensor fork_forward(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  lazy_tensor x = lazy_arg(recorder, args, 0), left = x, right = x;
  for (size_t i = 0; i < 2; i++) {
    left = lazy_call(recorder, lazy_module_child_at(self, i), left);
    right = lazy_call(recorder, lazy_module_child_at(self, i + 2), right);
  }
  return lazy_add(recorder, left, right);
}
static const lazy_class fork_class = {LAZY_CLASS("Fork"), .forward = fork_forward};

static void begin_fork_with(fault_stage *stage, bool capture) {
  static const char *const names[] = {"a", "b", "c", "d"};
  const lazy_graph_options options = {.struct_size = sizeof options, .capture = capture};
  stage->net = model_of(stage->context, &fork_class);
  for (int i = 0; i < 4; i++)
    model_add(stage->net, names[i], model_lazy_linear(stage->context, 6, true, LAZY_DTYPE_DEFAULT));
  EXPECT_OK(lazy_graph_create(stage->net, &options, &stage->graph));
  stage->x = model_random_array(stage->env, stage->context, LAZY_DTYPE_F32, LAZY_DIMS(2, 6), NULL);
}
static void begin_fork(fault_stage *stage) { begin_fork_with(stage, false); }
static void begin_fork_steady(fault_stage *stage) {
  begin_fork(stage);
  run_times(stage, 2);
}
/* The second run captures, the third launches what was captured. */
static void begin_capture(fault_stage *stage) {
  begin_fork_with(stage, true);
  run_times(stage, 1);
}
static void begin_replay(fault_stage *stage) {
  begin_fork_with(stage, true);
  run_times(stage, 2);
}

/* The values of a model just made, and of what the context makes after it. */
static void look_at_made(fault_stage *stage, fault_text *out) {
  lazy_module *later = model_lazy_linear(stage->context, 2, true, LAZY_DTYPE_DEFAULT);
  lazy_module *const modules[] = {stage->made, later};
  for (int i = 0; i < 2; i++) {
    lazy_state *state = NULL;
    EXPECT_OK(lazy_module_dry_run(modules[i], ROWS_2, NULL));
    if (!EXPECT_OK(lazy_module_state(modules[i], &state))) continue;
    for (size_t entry = 0; entry < lazy_state_count(state); entry++) {
      unsigned char data[4096];
      lazy_spec spec;
      if (!EXPECT_TRUE(lazy_state_spec(state, entry, &spec))) continue;
      size_t bytes = lazy_dtype_bytes(spec.dtype);
      for (int32_t d = 0; d < spec.shape.rank; d++) bytes *= (size_t)spec.shape.dims[d];
      EXPECT_OK(lazy_state_read(state, entry, data, bytes));
      fault_text_add(out, "%s ", lazy_state_key(state, entry));
      fault_text_add_bytes(out, data, bytes);
      fault_text_add(out, "\n");
    }
    lazy_state_release(state);
  }
  lazy_module_release(later);
}

/* ---- making ---- */

static lazy_status open_context(fault_stage *stage) {
  return lazy_context_open(stage->env->device, NULL, &stage->context);
}

static lazy_status construct_lazy(fault_stage *stage) {
  const lazy_linear_options options = {0, 5, true, LAZY_DTYPE_DEFAULT};
  return lazy_module_create(stage->context, &lazy_class_lazy_linear, &options, &stage->made);
}

static lazy_status construct_eager(fault_stage *stage) {
  const lazy_linear_options options = {6, 5, true, LAZY_DTYPE_DEFAULT};
  return lazy_module_create(stage->context, &lazy_class_linear, &options, &stage->made);
}

static const char net_text[] =
    "Net(\n  (fc1): LazyLinear(4)\n  (act): ReLU()\n  (sub): Sequential(\n"
    "    (0): Linear(4, 3)\n    (1): LazyLinear(2, bias=False)\n  )\n)";
static lazy_status parse(fault_stage *stage) {
  return lazy_module_parse(stage->context, net_text, &stage->made);
}

static void begin_module(fault_stage *stage) { stage->net = mixed_model(stage->context); }
static lazy_status create_graph(fault_stage *stage) {
  return lazy_graph_create(stage->net, NULL, &stage->graph);
}

static const fault_row making[] = {
    {.name = "open a context", .act = open_context, .opens = true},
    {.name = "construct a lazy module", .act = construct_lazy, .look = look_at_made, .subject = "LazyLinear"},
    {.name = "construct an eager module", .act = construct_eager, .look = look_at_made, .subject = "Linear"},
    {.name = "construct, torch stream",
     .act = construct_eager,
     .look = look_at_made,
     .subject = "Linear",
     .stream = LAZY_STREAM_TORCH_CPU},
    {.name = "read a model's text", .act = parse, .look = look_at_made, .subject = "model text"},
    {.name = "read a model's text, torch stream",
     .act = parse,
     .look = look_at_made,
     .subject = "model text",
     .stream = LAZY_STREAM_TORCH_CPU},
    {.name = "create a graph", .begin = begin_module, .act = create_graph},
};

TEST_ON_FAULTS(fault, making_modules) { fault_table_run(env, making, sizeof making / sizeof *making); }

/* ---- first forward, dry run, plan ---- */

static lazy_status forward(fault_stage *stage) {
  return lazy_graph_forward(stage->graph, LAZY_ARGS(lazy_value_array(stage->x)), &stage->outputs);
}

static void look_at_output(fault_stage *stage, fault_text *out) {
  lazy_shape shape;
  double *values = model_read_output(stage->graph, stage->outputs.at[0], &shape);
  if (values == NULL) return;
  fault_text_add_bytes(out, values, (size_t)(shape.dims[0] * shape.dims[1]) * sizeof *values);
  free(values);
}

static lazy_status dry_run(fault_stage *stage) { return lazy_graph_dry_run(stage->graph, ROWS_2); }
static lazy_status dry_run_module(fault_stage *stage) {
  return lazy_module_dry_run(stage->net, ROWS_2, NULL);
}

static lazy_status plan(fault_stage *stage) {
  lazy_plan *made = NULL;
  LAZY_TRY(lazy_graph_plan(stage->graph, ROWS_2, &made));
  for (size_t i = 0; i < lazy_plan_call_count(made); i++) {
    const lazy_plan_call *call = lazy_plan_call_at(made, i);
    fault_text_add(&stage->answer, "%s %s %s %s %llu\n", call->path, call->class_name,
                   call->lazy_name != NULL ? call->lazy_name : "", call->inferred,
                   (unsigned long long)call->parameter_bytes);
  }
  fault_text_add_bytes(&stage->answer, lazy_plan_get_totals(made), sizeof(lazy_plan_totals));
  lazy_plan_release(made);
  return LAZY_STATUS_OK;
}

static lazy_status plan_sets(fault_stage *stage) {
  const lazy_spec spec = {LAZY_DTYPE_F32, LAZY_DIMS(2, 6)};
  const lazy_shape shapes[] = {LAZY_DIMS(2, 6), LAZY_DIMS(9, 6), LAZY_DIMS(1, 1, 6)};
  lazy_plan_set sets[3];
  LAZY_TRY(lazy_graph_plan_sets(stage->graph, &spec, shapes, 1, 3, sets));
  for (int i = 0; i < 3; i++) {
    LAZY_TRY(sets[i].status); /* each set has its own where user code asks for shapes */
    fault_text_add(&stage->answer, "%llu values, rank %d\n", (unsigned long long)sets[i].parameter_count,
                   sets[i].output.rank);
  }
  return LAZY_STATUS_OK;
}

/* A container that asks for a shape while it records. */
static lazy_tensor asking_forward(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  lazy_shape shape; /* an error sticks to the recorder */
  lazy_tensor x = lazy_call(recorder, lazy_module_child_at(self, 0), lazy_arg(recorder, args, 0));
  if (lazy_tensor_shape(recorder, x, &shape) != LAZY_STATUS_OK) return x;
  return lazy_call(recorder, lazy_module_child_at(self, 1), x);
}
static const lazy_class asking = {LAZY_CLASS("Asking"), .forward = asking_forward};

static void begin_asking(fault_stage *stage) {
  stage->net = model_of(stage->context, &asking);
  model_add(stage->net, "a", model_lazy_linear(stage->context, 6, true, LAZY_DTYPE_DEFAULT));
  model_add(stage->net, "b", model_of(stage->context, &model_lazy_scale));
  EXPECT_OK(lazy_graph_create(stage->net, NULL, &stage->graph));
}

static const fault_row running[] = {
    {.name = "first forward",
     .begin = begin_lazy,
     .act = forward,
     .look = look_at_output,
     .subject = "Sequential",
     .commits = true},
    {.name = "first forward, torch stream",
     .begin = begin_lazy,
     .act = forward,
     .look = look_at_output,
     .subject = "Sequential",
     .stream = LAZY_STREAM_TORCH_CPU,
     .commits = true,
     .may_draw_due = true},
    {.name = "dry run", .begin = begin_lazy, .act = dry_run, .subject = "Sequential"},
    {.name = "dry run, torch stream",
     .begin = begin_lazy,
     .act = dry_run,
     .subject = "Sequential",
     .stream = LAZY_STREAM_TORCH_CPU,
     .may_draw_due = true},
    {.name = "dry run on a graph of its own", .begin = begin_lazy, .act = dry_run_module},
    {.name = "plan", .begin = begin_lazy, .act = plan, .subject = "Sequential"},
    {.name = "plan of a real model", .begin = begin_real, .act = plan, .subject = "Sequential"},
    {.name = "plan for many sets of shapes", .begin = begin_plain, .act = plan_sets, .subject = "Sequential"},
    {.name = "the same, a recording for each", .begin = begin_asking, .act = plan_sets},
    {.name = "steady forward",
     .begin = begin_steady,
     .act = forward,
     .look = look_at_output,
     .commits = true},
    {.name = "first forward on lanes",
     .begin = begin_fork,
     .act = forward,
     .look = look_at_output,
     .subject = "Fork",
     .commits = true},
    {.name = "steady forward on lanes",
     .begin = begin_fork_steady,
     .act = forward,
     .look = look_at_output,
     .commits = true},
    {.name = "forward that captures",
     .begin = begin_capture,
     .act = forward,
     .look = look_at_output,
     .subject = "Fork",
     .commits = true},
    {.name = "forward that replays",
     .begin = begin_replay,
     .act = forward,
     .look = look_at_output,
     .commits = true},
    {.name = "forward of a real model",
     .begin = begin_real,
     .act = forward,
     .look = look_at_output,
     .subject = "Sequential",
     .commits = true},
};

TEST_ON_FAULTS(fault, recording_and_running) {
  fault_table_run(env, running, sizeof running / sizeof *running);
}

/* ---- values, checkpoints, conversion ---- */

static void begin_eager(fault_stage *stage) {
  const lazy_linear_options options = {6, 5, true, LAZY_DTYPE_DEFAULT};
  EXPECT_OK(lazy_module_create(stage->context, &lazy_class_linear, &options, &stage->net));
}

/* The second in line: a torch stream draws the first one before it. */
static lazy_status draw(fault_stage *stage) {
  lazy_array *array = NULL;
  LAZY_TRY(lazy_param_array(lazy_module_param_at(stage->net, 1), &array));
  lazy_array_release(array);
  return LAZY_STATUS_OK;
}

/* A checkpoint of `begin_lazy`'s model with other values; or, made from `begin_half`'s, of that. */
static const char *checkpoint(fault_stage *stage, bool half) {
  const char *path = check_path(stage->env, half ? "half.safetensors" : "mixed.safetensors");
  if (access(path, F_OK) == 0) return path;
  fault_stage source = {.env = stage->env};
  const lazy_context_options options = {.struct_size = sizeof options, .seed = 5};
  EXPECT_OK(lazy_context_open(stage->env->device, &options, &source.context));
  if (half) begin_half(&source);
  else begin_lazy(&source);
  EXPECT_OK(lazy_module_dry_run(source.net, ROWS_2, NULL));
  EXPECT_OK(lazy_module_save(source.net, path));
  lazy_array_release(source.x);
  lazy_graph_destroy(source.graph);
  lazy_module_release(source.net);
  lazy_context_close(source.context);
  return path;
}

static void begin_load_lazy(fault_stage *stage) {
  EXPECT_OK(lazy_state_open(checkpoint(stage, false), &stage->state));
  begin_lazy(stage);
}
static void begin_load_real(fault_stage *stage) {
  EXPECT_OK(lazy_state_open(checkpoint(stage, false), &stage->state));
  begin_real(stage);
}
/* Loaded before, from values that are neither the drawn ones nor the ones to come. */
static void begin_load_again(fault_stage *stage) {
  begin_load_real(stage);
  EXPECT_OK(lazy_module_load_state(stage->net, stage->state, NULL, NULL));
  lazy_param *param = NULL;
  lazy_array *array = NULL;
  EXPECT_OK(lazy_module_find_param(stage->net, "fc1.weight", &param));
  EXPECT_OK(lazy_param_array(param, &array));
  EXPECT_OK(lazy_array_fill(array, 3));
  lazy_array_release(array);
}
static void begin_load_half(fault_stage *stage) {
  EXPECT_OK(lazy_state_open(checkpoint(stage, true), &stage->state));
  begin_half(stage);
}
static void begin_load_other_dtype(fault_stage *stage) {
  begin_load_half(stage);
  EXPECT_OK(lazy_module_convert(stage->net, LAZY_DTYPE_F16));
}

static lazy_status load(fault_stage *stage) {
  lazy_report *report = NULL;
  LAZY_TRY(lazy_module_load_state(stage->net, stage->state, NULL, &report));
  for (size_t i = 0; i < lazy_report_count(report); i++)
    fault_text_add(&stage->answer, "%d %s\n", (int)lazy_report_finding(report, i),
                   lazy_report_path(report, i));
  lazy_report_release(report);
  return LAZY_STATUS_OK;
}
static lazy_status load_file(fault_stage *stage) {
  return lazy_module_load(stage->net, checkpoint(stage, false), NULL, NULL);
}
/* From a file with other keys beside its own, into a model that has more. */
static lazy_status load_part(fault_stage *stage) {
  const lazy_load_options options = {.struct_size = sizeof options, .not_strict = true};
  return lazy_module_load_state(stage->net, stage->state, &options, NULL);
}
static void begin_load_part(fault_stage *stage) {
  EXPECT_OK(lazy_state_open(checkpoint(stage, true), &stage->state));
  begin_half(stage);
  model_add(stage->net, "more", model_lazy_linear(stage->context, 6, true, LAZY_DTYPE_DEFAULT));
}

static const char *saved_path(fault_stage *stage) { return check_path(stage->env, "saved.safetensors"); }

/* The file that a save is to replace. */
static void begin_save(fault_stage *stage) {
  begin_half(stage);
  EXPECT_OK(lazy_module_dry_run(stage->net, ROWS_2, NULL));
  FILE *file = fopen(saved_path(stage), "wb");
  if (!EXPECT_TRUE(file != NULL)) return;
  fputs("as it was", file);
  fclose(file);
}
static void look_at_file(fault_stage *stage, fault_text *out) {
  static unsigned char bytes[1 << 16];
  FILE *file = fopen(saved_path(stage), "rb");
  if (!EXPECT_TRUE(file != NULL)) return;
  size_t count = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  fault_text_add_bytes(out, bytes, count);
}
static lazy_status save(fault_stage *stage) {
  lazy_status status = lazy_module_save(stage->net, saved_path(stage));
  if (status == LAZY_STATUS_OK) return status;
  char words[16] = {0};
  FILE *file = fopen(saved_path(stage), "rb");
  if (EXPECT_TRUE(file != NULL)) {
    EXPECT_EQ(fread(words, 1, sizeof words - 1, file), 9);
    fclose(file);
  }
  EXPECT_STREQ(words, "as it was");
  return status;
}

static lazy_status convert(fault_stage *stage) { return lazy_module_convert(stage->net, LAZY_DTYPE_F16); }

static lazy_status list(fault_stage *stage) {
  lazy_state_release(stage->state);
  stage->state = NULL;
  LAZY_TRY(lazy_module_state(stage->net, &stage->state));
  for (size_t i = 0; i < lazy_state_count(stage->state); i++)
    fault_text_add(&stage->answer, "%s\n", lazy_state_key(stage->state, i));
  return LAZY_STATUS_OK;
}

#define TORCH_DRAWS .stream = LAZY_STREAM_TORCH_CPU, .may_draw_due = true
static const fault_row keeping[] = {
    {.name = "draw an eager layer",
     .begin = begin_eager,
     .act = draw,
     .subject = "bias",
     .may_draw_due = true},
    {.name = "draw, torch stream",
     .begin = begin_eager,
     .act = draw,
     .subject = "bias",
     .stream = LAZY_STREAM_TORCH_CPU,
     .may_draw_due = true},
    {.name = "state dict", .begin = begin_half, .act = list},
    {.name = "load a file", .begin = begin_lazy, .act = load_file, .subject = "mixed.safetensors"},
    {.name = "load into a lazy model", .begin = begin_load_lazy, .act = load, .subject = "Sequential"},
    {.name = "load into a real model", .begin = begin_load_real, .act = load, .subject = "Sequential"},
    {.name = "load into a loaded model", .begin = begin_load_again, .act = load, .subject = "Sequential"},
    {.name = "load into a model half real", .begin = begin_load_half, .act = load, .subject = "Sequential"},
    {.name = "load some of a model", .begin = begin_load_part, .act = load_part, .subject = "Sequential"},
    {.name = "load into another dtype",
     .begin = begin_load_other_dtype,
     .act = load,
     .subject = "Sequential"},
    {.name = "load, torch stream",
     .begin = begin_load_half,
     .act = load,
     .subject = "Sequential",
     TORCH_DRAWS},
    {.name = "save", .begin = begin_save, .act = save, .look = look_at_file, .subject = "saved.safetensors"},
    {.name = "convert a lazy model", .begin = begin_lazy, .act = convert, .subject = "Sequential"},
    {.name = "convert a real model", .begin = begin_real, .act = convert, .subject = "Sequential"},
    {.name = "convert a model half real", .begin = begin_half, .act = convert, .subject = "Sequential"},
    {.name = "convert, torch stream",
     .begin = begin_half,
     .act = convert,
     .subject = "Sequential",
     TORCH_DRAWS},
};

TEST_ON_FAULTS(fault, keeping_values) { fault_table_run(env, keeping, sizeof keeping / sizeof *keeping); }
