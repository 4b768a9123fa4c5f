/* LSTM and GRU: against float64 with derived bounds over random configurations, against PyTorch's numbers,
   and what they refuse. */
#include <stdio.h>

#include "tests/golden/torch_recurrent.h"
#include "tests/model.h"
#include "tests/recurrent_reference.h"

/* ---- random configurations ---- */

static recurrent_config random_config(check_env *env) {
  recurrent_config at = {.gates = check_random_below(env, 2) ? 4 : 3,
                         .steps = check_random_between(env, 1, 7),
                         .batch = check_random_between(env, 1, 5),
                         .features = check_random_between(env, 1, 9),
                         .hidden = check_random_between(env, 2, 19),
                         .layers = check_random_between(env, 1, 3),
                         .directions = check_random_between(env, 1, 2),
                         .has_bias = check_random_below(env, 3) > 0,
                         .batch_first = check_random_below(env, 2) > 0,
                         .dtype = (lazy_dtype)check_random_between(env, LAZY_DTYPE_F64, LAZY_DTYPE_BF16)};
  at.out = at.hidden;
  if (at.gates == 4 && check_random_below(env, 3) == 0) at.out = check_random_between(env, 1, at.hidden - 1);
  return at;
}

static lazy_module *module_of(lazy_context *context, const recurrent_config *at, bool is_lazy) {
  const lazy_rnn_options options = {.input_size = is_lazy ? 0 : at->features,
                                    .hidden_size = at->hidden,
                                    .num_layers = at->layers,
                                    .bias = at->has_bias,
                                    .batch_first = at->batch_first,
                                    .bidirectional = at->directions == 2,
                                    .dropout = 0,
                                    .proj_size = at->out < at->hidden ? at->out : 0,
                                    .dtype = at->dtype};
  const lazy_class *type = at->gates == 4 ? is_lazy ? &lazy_class_lazy_lstm : &lazy_class_lstm
                           : is_lazy      ? &lazy_class_lazy_gru
                                          : &lazy_class_gru;
  lazy_module *module = NULL;
  EXPECT_OK(lazy_module_create(context, type, &options, &module));
  return module;
}

static double *read(lazy_module *module, const char *kind, int64_t stack, const recurrent_config *at) {
  char name[64];
  (void)snprintf(name, sizeof name, "%s_l%d%s", kind, (int)(stack / at->directions),
                 stack % at->directions == 1 ? "_reverse" : "");
  return model_read_param(module, name);
}

static bounded *exact(const double *values, size_t count) {
  bounded *numbers = calloc(count + 1, sizeof *numbers);
  for (size_t i = 0; i < count && values != NULL; i++) numbers[i].value = values[i];
  return numbers;
}

static bool within(const char *what, const double *found, const bounded *wanted, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (!(fabs(found[i] - wanted[i].value) <= wanted[i].bound)) {
      FAIL("%s %zu: found %.17g, wanted %.17g +- %.3g", what, i, found[i], wanted[i].value, wanted[i].bound);
      return false;
    }
  return true;
}

/* (first, second, width) to (second, first, width). */
static void exchange(double *values, int64_t first, int64_t second, int64_t width) {
  double *copy = malloc((size_t)(first * second * width) * sizeof *copy);
  memcpy(copy, values, (size_t)(first * second * width) * sizeof *copy);
  for (int64_t i = 0; i < first; i++)
    for (int64_t j = 0; j < second; j++)
      memcpy(values + (j * first + i) * width, copy + (i * second + j) * width,
             (size_t)width * sizeof *values);
  free(copy);
}

static lazy_shape shape_of(bool is_batched, int64_t first, int64_t second, int64_t last) {
  return is_batched ? LAZY_DIMS(first, second, last) : LAZY_DIMS(first, last);
}

typedef struct call {
  lazy_graph *graph;
  lazy_array *x, *h, *c;
  bool is_lstm;
} call;

static bool forward(const call *k, lazy_outputs *out) {
  const lazy_value states[] = {lazy_value_array(k->h), lazy_value_array(k->c)};
  const lazy_value hx = k->h == NULL ? lazy_value_none()
                        : k->is_lstm ? lazy_value_tuple(states, 2)
                                     : states[0];
  return EXPECT_OK(lazy_graph_forward(k->graph, LAZY_ARGS(lazy_value_array(k->x), hx), out)) &&
         EXPECT_EQ(out->count, k->is_lstm ? 3u : 2u);
}

static void check_config(check_env *env, lazy_context *context, const recurrent_config *at, bool is_batched,
                         bool has_state) {
  const int64_t stack = at->layers * at->directions, width = at->out * at->directions;
  const int64_t first = at->batch_first && is_batched ? at->batch : at->steps;
  const int64_t second = at->batch_first && is_batched ? at->steps : at->batch;
  const size_t x_count = (size_t)(at->steps * at->batch * at->features);
  const size_t y_count = (size_t)(at->steps * at->batch * width);
  const size_t h_count = (size_t)(stack * at->batch * at->out),
               c_count = (size_t)(stack * at->batch * at->hidden);
  double *x = NULL, *h = NULL, *c = NULL, *weights[32][5] = {{0}};
  recurrent_weights of[32];
  lazy_module *module = module_of(context, at, check_random_below(env, 2));
  call k = {.is_lstm = at->gates == 4};
  lazy_outputs outputs;
  ASSERT_OK(lazy_graph_create(module, NULL, &k.graph));
  k.x = model_random_array(env, context, at->dtype, shape_of(is_batched, first, second, at->features), &x);
  if (has_state)
    k.h = model_random_array(env, context, at->dtype, shape_of(is_batched, stack, at->batch, at->out), &h);
  if (has_state && k.is_lstm)
    k.c = model_random_array(env, context, at->dtype, shape_of(is_batched, stack, at->batch, at->hidden), &c);
  if (forward(&k, &outputs) && forward(&k, &outputs)) { /* the steady state gives the same */
    static const char *const kinds[] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"};
    for (int64_t s = 0; s < stack; s++) {
      for (int i = 0; i < 5; i++)
        if (i < 2 || (i < 4 ? at->has_bias : at->out < at->hidden))
          weights[s][i] = read(module, kinds[i], s, at);
      of[s] = (recurrent_weights){weights[s][0], weights[s][1], weights[s][2], weights[s][3], weights[s][4]};
    }
    if (at->batch_first && is_batched) exchange(x, at->batch, at->steps, at->features);
    bounded *in = exact(x, x_count), *h_n = exact(h, h_count), *c_n = exact(c, c_count);
    bounded *y = recurrent_reference(at, of, in, h_n, c_n);
    lazy_shape shape;
    double *found = model_read_output(k.graph, outputs.at[0], &shape);
    if (is_batched) EXPECT_DIMS(shape.dims, shape.rank, first, second, width);
    else EXPECT_DIMS(shape.dims, shape.rank, first, width);
    if (at->batch_first && is_batched) exchange(found, at->batch, at->steps, width);
    within("output", found, y, y_count);
    free(found);
    found = model_read_output(k.graph, outputs.at[1], NULL);
    within("h_n", found, h_n, h_count);
    free(found);
    if (k.is_lstm) {
      found = model_read_output(k.graph, outputs.at[2], NULL);
      within("c_n", found, c_n, c_count);
      free(found);
    }
    for (int64_t s = 0; s < stack; s++)
      for (int i = 0; i < 5; i++) free(weights[s][i]);
    free(in);
    free(h_n);
    free(c_n);
    free(y);
  }
  free(x);
  free(h);
  free(c);
  lazy_array_release(k.x);
  lazy_array_release(k.h);
  lazy_array_release(k.c);
  lazy_graph_destroy(k.graph);
  lazy_module_release(module);
}

TEST_ON_DRIVERS(recurrent, equals_float64_within_derived_bounds) {
  lazy_context *context = model_context(env, env->device);
  for (int round = 0; round < (env->is_small ? 12 : 120); round++) {
    recurrent_config at = random_config(env);
    const bool is_batched = check_random_below(env, 4) > 0, has_state = check_random_below(env, 2) > 0;
    if (!is_batched) at.batch = 1;
    CHECK_CASE(
        "round %d: %d gates, %s, %d steps, batch %d, %d features, hidden %d, out %d, %d layers, %d "
        "directions, bias %d, batch first %d, batched %d, states %d",
        round, at.gates, lazy_dtype_name(at.dtype), (int)at.steps, (int)at.batch, (int)at.features,
        (int)at.hidden, (int)at.out, (int)at.layers, (int)at.directions, at.has_bias, at.batch_first,
        is_batched, has_state);
    check_config(env, context, &at, is_batched, has_state);
  }
  lazy_context_close(context);
}

/* ---- PyTorch ---- */

static float golden_value(int64_t i, int what) { return (float)((i * 29 + 7 + what * 41) % 127 - 63) / 64; }

static lazy_array *golden_array(lazy_context *context, lazy_shape shape, int what) {
  lazy_array *array = NULL;
  float values[512];
  int64_t count = 1;
  for (int32_t i = 0; i < shape.rank; i++) count *= shape.dims[i];
  for (int64_t i = 0; i < count; i++) values[i] = golden_value(i, what);
  EXPECT_OK(lazy_array_from_data(context, LAZY_DTYPE_F32, &shape, values, &array));
  return array;
}

/* The parameters as they were drawn, bit for bit, in order. */
static void check_drawn(lazy_module *module, const uint32_t *wanted, int64_t count) {
  int64_t at = 0;
  for (size_t i = 0; i < lazy_module_param_count(module); i++) {
    double *values = model_read_param(module, lazy_module_param_name(module, i));
    lazy_shape shape;
    ASSERT_OK(lazy_param_shape(lazy_module_param_at(module, i), &shape));
    const int64_t elements = shape.dims[0] * (shape.rank > 1 ? shape.dims[1] : 1);
    ASSERT_LE(at + elements, count);
    for (int64_t j = 0; j < elements; j++) {
      float value;
      memcpy(&value, wanted + at + j, sizeof value);
      if (values[j] != (double)value) {
        FAIL("%s %d: found %.9g, wanted %.9g", lazy_module_param_name(module, i), (int)j, values[j],
             (double)value);
        break;
      }
    }
    at += elements;
    free(values);
  }
  EXPECT_EQ(at, count);
}

static void check_golden(lazy_context *context, size_t number, const char *text) {
  const lazy_shape shape = golden_recurrents[number].shape;
  const uint32_t *wanted = golden_recurrents[number].values;
  lazy_module *module = NULL;
  lazy_outputs outputs;
  char *printed = NULL;
  ASSERT_OK(lazy_module_parse(context, text, &module));
  const lazy_rnn_options *options = lazy_module_self(module);
  const int64_t stack = options->num_layers * (options->bidirectional ? 2 : 1);
  const int64_t out = options->proj_size > 0 ? options->proj_size : options->hidden_size;
  const int64_t batch = shape.rank == 2 ? 1 : shape.dims[options->batch_first ? 0 : 1];
  call k = {.is_lstm = strstr(text, "LSTM") != NULL};
  ASSERT_OK(lazy_graph_create(module, NULL, &k.graph));
  k.x = golden_array(context, shape, 0);
  if (golden_recurrents[number].has_state) {
    k.h = golden_array(context, shape_of(shape.rank == 3, stack, batch, out), 1);
    k.c = golden_array(context, shape_of(shape.rank == 3, stack, batch, options->hidden_size), 2);
  }
  if (forward(&k, &outputs)) {
    check_drawn(module, golden_recurrents[number].params, golden_recurrents[number].param_count);
    EXPECT_OK(lazy_module_to_string(module, &printed));
    EXPECT_CONTAINS(printed, golden_recurrents[number].printed);
    lazy_string_free(printed);
    int64_t at = 0;
    for (size_t o = 0; o < outputs.count; o++) {
      lazy_shape of;
      double *found = model_read_output(k.graph, outputs.at[o], &of);
      int64_t count = 1;
      for (int32_t i = 0; i < of.rank; i++) count *= of.dims[i];
      ASSERT_LE(at + count, golden_recurrents[number].value_count);
      for (int64_t i = 0; i < count; i++) {
        float value;
        memcpy(&value, wanted + at + i, sizeof value);
        /* outputs below 1 of some hundred roundings, of either side */
        if (!EXPECT_NEAR(found[i], (double)value, 0x1p-20)) break;
      }
      at += count;
      free(found);
    }
    EXPECT_EQ(at, golden_recurrents[number].value_count);
  }
  lazy_array_release(k.x);
  lazy_array_release(k.h);
  lazy_array_release(k.c);
  lazy_graph_destroy(k.graph);
  lazy_module_release(module);
}

/* "LSTM(3, 4, bias=False)" becomes "LazyLSTM(4, bias=False)". */
static const char *lazy_text(const char *text) {
  static char buffer[256];
  const char *open = strchr(text, '('), *second = strchr(text, ' ') + 1;
  (void)snprintf(buffer, sizeof buffer, "Lazy%.*s%s", (int)(open + 1 - text), text, second);
  return buffer;
}

/* That PyTorch ran on AVX-512, where its build of 2.15 fuses the multiply and add of uniform_. */
TEST_ON_DRIVERS(recurrent, equals_pytorch) {
  for (size_t i = 0; i < sizeof golden_recurrents / sizeof *golden_recurrents; i++)
    for (int is_lazy = 0; is_lazy < 2; is_lazy++) {
      const char *text = is_lazy ? lazy_text(golden_recurrents[i].text) : golden_recurrents[i].text;
      const lazy_context_options options = {
          .struct_size = sizeof options, .stream = LAZY_STREAM_TORCH_CPU_FMA, .seed = 7};
      lazy_context *context;
      CHECK_CASE("%s", text);
      ASSERT_OK(lazy_context_open(env->device, &options, &context));
      check_golden(context, i, text);
      lazy_context_close(context);
    }
}

/* ---- what is refused ---- */

static lazy_module *parse(lazy_context *context, const char *text) {
  lazy_module *module = NULL;
  EXPECT_OK(lazy_module_parse(context, text, &module));
  return module;
}

static void refuses_text(lazy_context *context, const char *text, const char *message) {
  lazy_module *module = NULL;
  EXPECT_FAILS(lazy_module_parse(context, text, &module), LAZY_STATUS_PARSE, message);
  EXPECT_TRUE(module == NULL);
}

TEST_ON_DRIVERS(recurrent, refuses_options) {
  lazy_context *context = model_context(env, env->device);
  refuses_text(context, "LSTM(3, 0)", "hidden_size is 0");
  refuses_text(context, "LazyGRU(4, num_layers=0)", "num_layers is 0");
  refuses_text(context, "LSTM(3, 4, num_layers=9)", "8 are the most");
  refuses_text(context, "GRU(3, 4, dropout=1.5)", "dropout is 1.5");
  refuses_text(context, "LSTM(3, 4, proj_size=4)", "proj_size is 4");
  refuses_text(context, "GRU(3, 4, proj_size=2)", "proj_size");
  lazy_context_close(context);
}

static void refuses_call(lazy_context *context, const char *text, lazy_args args, lazy_status status,
                         const char *message) {
  lazy_module *module = parse(context, text);
  lazy_graph *graph = NULL;
  ASSERT_TRUE(module != NULL);
  char *before = model_snapshot(module);
  ASSERT_OK(lazy_graph_create(module, NULL, &graph));
  CHECK_CASE("%s", text);
  EXPECT_FAILS(lazy_graph_dry_run(graph, &args), status, message);
  char *after = model_snapshot(module);
  EXPECT_STREQ(after, before);
  free(before);
  free(after);
  lazy_graph_destroy(graph);
  lazy_module_release(module);
}
#define CALL(...) (*LAZY_ARGS(__VA_ARGS__))

TEST_ON_DRIVERS(recurrent, refuses_calls_and_stays_as_it_was) {
  lazy_context *context = model_context(env, env->device);
  const lazy_value x = LAZY_INPUT(5, 2, 3), h = LAZY_INPUT(1, 2, 4), wrong = LAZY_INPUT(1, 3, 4);
  const lazy_value one[] = {h, wrong};
  refuses_call(context, "LSTM(2, 4)", CALL(x), LAZY_STATUS_SHAPE,
               "dimension 2 of input is 3; the parameter wants 2");
  refuses_call(context, "LazyLSTM(4)", CALL(LAZY_INPUT(3)), LAZY_STATUS_INVALID_VALUE,
               "input has rank 1; wanted 2 to 3");
  refuses_call(context, "LazyGRU(4)", CALL(LAZY_INPUT(0, 2, 3)), LAZY_STATUS_INVALID_VALUE,
               "dimension 0 of input is a sequence of 0 steps");
  refuses_call(context, "LazyGRU(4)", CALL(x, wrong), LAZY_STATUS_SHAPE, "dimension 1 of h_0 is 3; wanted 2");
  refuses_call(context, "LazyLSTM(4)", CALL(x, lazy_value_tuple(one, 2)), LAZY_STATUS_SHAPE,
               "dimension 1 of c_0 is 3; wanted 2");
  refuses_call(context, "LazyLSTM(4)", CALL(x, h), LAZY_STATUS_INVALID_TYPE, "(h_0, c_0)");
  refuses_call(context, "LazyGRU(4)", CALL(LAZY_INPUT(5, 3), h), LAZY_STATUS_INVALID_VALUE,
               "h_0 has rank 3; wanted 2");
  refuses_call(context, "LazyGRU(4)", CALL(LAZY_INPUT_OF(LAZY_DTYPE_F64, 5, 3)), LAZY_STATUS_INVALID_TYPE,
               "input is f64; wanted f32, as the weights");
  refuses_call(context, "LazyLSTM(4, 2, dropout=0.5)", CALL(x), LAZY_STATUS_UNSUPPORTED, "dropout");
  lazy_context_close(context);
}

/* Dropout is for training alone. */
TEST_ON_DRIVERS(recurrent, drops_nothing_in_evaluation) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *module = parse(context, "LazyLSTM(4, num_layers=2, dropout=0.5)");
  ASSERT_TRUE(module != NULL);
  lazy_module_set_training(module, false);
  EXPECT_OK(lazy_module_dry_run(module, LAZY_ARGS(LAZY_INPUT(5, 2, 3)), NULL));
  char *printed = NULL;
  EXPECT_OK(lazy_module_to_string(module, &printed));
  EXPECT_CONTAINS(printed, "LSTM(3, 4, num_layers=2, dropout=0.5)");
  lazy_string_free(printed);
  lazy_module_release(module);
  lazy_context_close(context);
}

/* A checkpoint of an LSTM settles a LazyLSTM; one of other sizes is refused with every mismatch. */
TEST_ON_DRIVERS(recurrent, loads) {
  lazy_context *context = model_context(env, env->device);
  lazy_module *from = parse(context, "LSTM(3, 4, bidirectional=True)");
  lazy_module *to = parse(context, "LazyLSTM(4, bidirectional=True)"), *other = parse(context, "LazyLSTM(5)");
  lazy_state *state = NULL;
  ASSERT_OK(lazy_module_state(from, &state));
  EXPECT_OK(lazy_module_load_state(to, state, NULL, NULL));
  char *a = model_snapshot(from), *b = model_snapshot(to);
  EXPECT_STREQ(b, a);
  EXPECT_FALSE(lazy_module_is_lazy(to));
  EXPECT_FAILS(lazy_module_load_state(other, state, NULL, NULL), LAZY_STATUS_LOAD, "weight_hh_l0");
  EXPECT_TRUE(lazy_module_is_lazy(other));
  free(a);
  free(b);
  lazy_state_release(state);
  lazy_module_release(from);
  lazy_module_release(to);
  lazy_module_release(other);
  lazy_context_close(context);
}
