/* The ops lstm and gru: for every layer and direction one product for the inputs of all steps, then a product
   and a cell for each step. States stay where the outputs are; nothing is transposed. */
#include "runtime/blas/blas.h"
#include "runtime/launch/ops.h"
#include "runtime/nn/recurrent.h"
#include "runtime/tensor/core.h"

enum { LSTM_GATES = 4, GRU_GATES = 3, CELLS_PER_BLOCK = 1024 };

/* Rows of `width` elements for every step and sequence. */
typedef struct sequence {
  uint64_t address;
  int64_t width, step, row; /* elements from a step to the next, from a sequence to the next */
} sequence;

typedef struct layers {
  const lazyi_op_call *call;
  int64_t gates, steps, batch, features, hidden, out, count, directions;
  bool has_bias, projects, batch_first;
  lazy_dtype dtype;
  size_t element;
} layers;

/* Places in the workspace. */
typedef struct layout {
  uint64_t input_gates, hidden_gates, unprojected, between[2], blas, end;
} layout;

static layers layers_of(const lazyi_op_call *call, int64_t gates) {
  const lazyi_operand *x = call->inputs;
  const int64_t *attributes = call->attributes, *dims = x->shape.dims;
  layers all = {.call = call,
                .gates = gates,
                .batch_first = attributes[LAZY_RECURRENT_BATCH_FIRST] != 0 && x->shape.rank == 3,
                .features = dims[x->shape.rank - 1],
                .hidden = attributes[LAZY_RECURRENT_HIDDEN],
                .out = attributes[LAZY_RECURRENT_OUT],
                .count = attributes[LAZY_RECURRENT_LAYERS],
                .directions = attributes[LAZY_RECURRENT_DIRECTIONS],
                .has_bias = attributes[LAZY_RECURRENT_BIAS] != 0,
                .dtype = x->dtype,
                .element = lazy_dtype_bytes(x->dtype)};
  all.projects = all.out != all.hidden;
  all.steps = dims[all.batch_first ? 1 : 0];
  all.batch = x->shape.rank == 2 ? 1 : dims[all.batch_first ? 0 : 1];
  return all;
}

static sequence sequence_at(const layers *all, uint64_t address, int64_t width) {
  if (all->batch_first) return (sequence){address, width, width, all->steps * width};
  return (sequence){address, width, all->batch * width, width};
}

/* ---- workspace ---- */

/* Every input of a layer and direction times weight_ih. */
static lazyi_gemm input_product(const layers *all, int64_t features) {
  const int64_t n = all->gates * all->hidden;
  return (lazyi_gemm){.m = all->steps * all->batch,
                      .n = n,
                      .k = features,
                      .a_row = features,
                      .b_row = features,
                      .c_row = n,
                      .batch = 1,
                      .alpha = 1,
                      .dtype = all->dtype,
                      .b_transposed = true};
}
/* One step's state times weight_hh. */
static lazyi_gemm state_product(const layers *all, int64_t state_row) {
  const int64_t n = all->gates * all->hidden;
  return (lazyi_gemm){.m = all->batch,
                      .n = n,
                      .k = all->out,
                      .a_row = state_row,
                      .b_row = all->out,
                      .c_row = n,
                      .batch = 1,
                      .alpha = 1,
                      .dtype = all->dtype,
                      .b_transposed = true};
}
static lazyi_gemm projection_product(const layers *all, int64_t out_row) {
  return (lazyi_gemm){.m = all->batch,
                      .n = all->out,
                      .k = all->hidden,
                      .a_row = all->hidden,
                      .b_row = all->hidden,
                      .c_row = out_row,
                      .batch = 1,
                      .alpha = 1,
                      .dtype = all->dtype,
                      .b_transposed = true};
}

static uint64_t blas_bytes(const layers *all) {
  const lazyi_blas *blas = all->call->core->blas;
  const int64_t width = all->out * all->directions;
  const int64_t row = sequence_at(all, 0, width).row;
  const lazyi_gemm products[] = {input_product(all, all->features), input_product(all, width),
                                 state_product(all, row), projection_product(all, row)};
  uint64_t most = 0;
  for (size_t i = 0; i < sizeof products / sizeof *products; i++) {
    const uint64_t bytes = lazyi_blas_workspace_bytes(blas, products + i);
    if (bytes > most) most = bytes;
  }
  return most;
}

static uint64_t take(layout *at, uint64_t elements, size_t element) {
  const uint64_t address = at->end;
  at->end += (elements * element + LAZY_PARAM_ALIGNMENT - 1) / LAZY_PARAM_ALIGNMENT * LAZY_PARAM_ALIGNMENT;
  return address;
}

static layout layout_of(const layers *all) {
  const uint64_t cells = (uint64_t)(all->batch * all->hidden), gates = (uint64_t)all->gates * cells;
  const uint64_t width = (uint64_t)(all->steps * all->batch * all->out * all->directions);
  layout at = {0};
  at.input_gates = take(&at, (uint64_t)all->steps * gates, all->element);
  at.hidden_gates = take(&at, gates, all->element);
  at.unprojected = take(&at, all->projects ? cells : 0, all->element);
  for (int i = 0; i < 2; i++) at.between[i] = take(&at, all->count > i + 1 ? width : 0, all->element);
  at.blas = take(&at, blas_bytes(all), 1);
  return at;
}

static size_t lstm_workspace(const lazyi_op_call *call) {
  const layers all = layers_of(call, LSTM_GATES);
  return (size_t)layout_of(&all).end;
}
static size_t gru_workspace(const lazyi_op_call *call) {
  const layers all = layers_of(call, GRU_GATES);
  return (size_t)layout_of(&all).end;
}

/* ---- one layer in one direction ---- */

typedef struct direction {
  const layers *all;
  layout at; /* addresses */
  sequence x, y;
  uint64_t weight_ih, weight_hh, bias_ih, bias_hh, weight_hr; /* 0: there is none */
  uint64_t h_0, c_0, h_n, c_n;
  bool is_reverse;
} direction;

static lazy_status multiply(const direction *d, lazyi_gemm product, uint64_t a, uint64_t b, uint64_t c,
                            uint64_t bias) {
  lazyi_blas *blas = d->all->call->core->blas;
  product.a = a;
  product.b = b;
  product.c = c;
  product.bias = bias;
  product.workspace = d->at.blas;
  product.workspace_bytes = lazyi_blas_workspace_bytes(blas, &product);
  return lazyi_blas_gemm(blas, &product, d->all->call->stream);
}

/* What a state of zeros gives: the bias in every row. */
static lazy_status spread_bias(const direction *d) {
  const layers *all = d->all;
  const lazyi_launcher *launcher = &all->call->core->launcher;
  const lazy_shape shape = LAZY_DIMS(all->batch, all->gates * all->hidden);
  const int64_t repeats[] = {0, 1};
  if (d->bias_hh == 0)
    return lazyi_launch_fill(launcher, d->at.hidden_gates, lazyi_nn_count(&shape), (uint32_t)all->element, 0,
                             all->call->stream);
  return lazyi_launch_copy(launcher, &shape, (lazyi_strided){.address = d->at.hidden_gates},
                           (lazyi_strided){d->bias_hh, repeats}, (uint32_t)all->element, all->call->stream);
}

/* A state as it lies: rows of `out` elements, `row` apart; address 0 is zeros. */
typedef struct state {
  uint64_t address;
  int64_t row;
} state;

static lazy_status launch_cell(const direction *d, int64_t step, state before, state h) {
  const layers *all = d->all;
  const lazyi_launcher *launcher = &all->call->core->launcher;
  const sequence gates = sequence_at(all, d->at.input_gates, all->gates * all->hidden);
  const uint64_t x = gates.address + (uint64_t)(step * gates.step) * all->element;
  const uint64_t cells = (uint64_t)(all->batch * all->hidden);
  const uint32_t grid = lazyi_launch_grid(launcher, cells, CELLS_PER_BLOCK);
  if (all->gates == GRU_GATES) {
    const struct lazy_k_gru_cell_params params = {.input_gates = x,
                                                  .hidden_gates = d->at.hidden_gates,
                                                  .h_in = before.address,
                                                  .h_out = h.address,
                                                  .rows = (uint64_t)all->batch,
                                                  .hidden = (uint64_t)all->hidden,
                                                  .gates_row = (uint64_t)gates.row,
                                                  .h_in_row = (uint64_t)before.row,
                                                  .h_row = (uint64_t)h.row,
                                                  .dtype = (uint8_t)all->dtype};
    return lazyi_launch(launcher, LAZYI_KERNEL_GRU_CELL, grid, LAZYI_LAUNCH_BLOCK, &params,
                        all->call->stream);
  }
  const bool is_first = step == (d->is_reverse ? all->steps - 1 : 0);
  const struct lazy_k_lstm_cell_params params = {.input_gates = x,
                                                 .hidden_gates = d->at.hidden_gates,
                                                 .c_in = is_first ? d->c_0 : d->c_n,
                                                 .c_out = d->c_n,
                                                 .h_out = h.address,
                                                 .rows = (uint64_t)all->batch,
                                                 .hidden = (uint64_t)all->hidden,
                                                 .gates_row = (uint64_t)gates.row,
                                                 .h_row = (uint64_t)h.row,
                                                 .dtype = (uint8_t)all->dtype};
  return lazyi_launch(launcher, LAZYI_KERNEL_LSTM_CELL, grid, LAZYI_LAUNCH_BLOCK, &params, all->call->stream);
}

static state state_at(const direction *d, int64_t step) {
  return (state){d->y.address + (uint64_t)(step * d->y.step) * d->all->element, d->y.row};
}

static lazy_status run_direction(const direction *d) {
  const layers *all = d->all;
  LAZY_TRY(
      multiply(d, input_product(all, d->x.width), d->x.address, d->weight_ih, d->at.input_gates, d->bias_ih));
  state before = {d->h_0, all->out};
  for (int64_t i = 0; i < all->steps; i++) {
    const int64_t step = d->is_reverse ? all->steps - 1 - i : i;
    const state after = state_at(d, step);
    if (before.address == 0) LAZY_TRY(spread_bias(d));
    else
      LAZY_TRY(multiply(d, state_product(all, before.row), before.address, d->weight_hh, d->at.hidden_gates,
                        d->bias_hh));
    LAZY_TRY(launch_cell(d, step, before, all->projects ? (state){d->at.unprojected, all->hidden} : after));
    if (all->projects)
      LAZY_TRY(
          multiply(d, projection_product(all, after.row), d->at.unprojected, d->weight_hr, after.address, 0));
    before = after;
  }
  const lazy_shape shape = LAZY_DIMS(all->batch, all->out);
  const int64_t from[] = {before.row, 1};
  return lazyi_launch_copy(&all->call->core->launcher, &shape, (lazyi_strided){.address = d->h_n},
                           (lazyi_strided){before.address, from}, (uint32_t)all->element, all->call->stream);
}

/* ---- all of them ---- */

static uint64_t nth(uint64_t address, int64_t n, int64_t elements, size_t element) {
  return address == 0 ? 0 : address + (uint64_t)(n * elements) * element;
}

static lazy_status run_layers(const lazyi_op_call *call, int64_t gates) {
  const layers all = layers_of(call, gates);
  const int each = lazyi_recurrent_params(call->attributes);
  const int64_t states = all.batch * all.out, cells = all.batch * all.hidden;
  const uint64_t h_0 = call->input_count > 1 ? call->inputs[1].address : 0;
  const uint64_t c_0 = call->input_count > 2 ? call->inputs[2].address : 0;
  layout at = layout_of(&all);
  uint64_t *const places[] = {&at.input_gates, &at.hidden_gates, &at.unprojected,
                              &at.between[0],  &at.between[1],   &at.blas};
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) *places[i] += call->workspace;
  for (int64_t n = 0; n < all.count * all.directions; n++) {
    const int64_t layer = n / all.directions;
    const lazyi_operand *params = call->params + n * each;
    direction d = {.all = &all,
                   .at = at,
                   .weight_ih = params[0].address,
                   .weight_hh = params[1].address,
                   .bias_ih = all.has_bias ? params[2].address : 0,
                   .bias_hh = all.has_bias ? params[3].address : 0,
                   .weight_hr = all.projects ? params[each - 1].address : 0,
                   .h_0 = nth(h_0, n, states, all.element),
                   .c_0 = nth(c_0, n, cells, all.element),
                   .h_n = nth(call->outputs[1].address, n, states, all.element),
                   .is_reverse = n % all.directions == 1};
    if (call->output_count > 2) d.c_n = nth(call->outputs[2].address, n, cells, all.element);
    d.x = layer == 0 ? sequence_at(&all, call->inputs->address, all.features)
                     : sequence_at(&all, at.between[(layer - 1) % 2], all.out * all.directions);
    d.y = sequence_at(&all, layer + 1 == all.count ? call->outputs->address : at.between[layer % 2],
                      all.out * all.directions);
    d.y.address += d.is_reverse ? (uint64_t)all.out * all.element : 0;
    LAZY_TRY(run_direction(&d));
  }
  return LAZY_STATUS_OK;
}
static lazy_status lstm_launch(const lazyi_op_call *call) { return run_layers(call, LSTM_GATES); }
static lazy_status gru_launch(const lazyi_op_call *call) { return run_layers(call, GRU_GATES); }

/* ---- the ops ---- */

/* Names of operands hang on what there is: states, biases, directions, a projection. */
#define PLAIN(k, s)      "weight_ih_l" #k s, "weight_hh_l" #k s
#define BIASED(k, s)     PLAIN(k, s), "bias_ih_l" #k s, "bias_hh_l" #k s
#define PROJECTED(k, s)  PLAIN(k, s), "weight_hr_l" #k s
#define BOTH(k, s)       BIASED(k, s), "weight_hr_l" #k s
#define ONE(X, k)        X(k, "")
#define TWO(X, k)        X(k, ""), X(k, "_reverse")
#define EACH_LAYER(D, X) D(X, 0), D(X, 1), D(X, 2), D(X, 3), D(X, 4), D(X, 5), D(X, 6), D(X, 7)
#define STATELESS        "input"
#define STATE            "input", "h_0"
#define STATES           "input", "h_0", "c_0"
#define NAMES_OF(array, states, X)                                       \
  static const char *const array##_one[] = {states, EACH_LAYER(ONE, X)}; \
  static const char *const array##_two[] = {states, EACH_LAYER(TWO, X)};
#define NAMES(kind, X)                     \
  NAMES_OF(kind##_stateless, STATELESS, X) \
  NAMES_OF(kind##_states, STATES, X)
NAMES(plain, PLAIN)
NAMES(biased, BIASED)
NAMES(projected, PROJECTED)
NAMES(both, BOTH)
NAMES_OF(plain_state, STATE, PLAIN)
NAMES_OF(biased_state, STATE, BIASED)

/* The weights were chosen, an input just came: it has to have their dtype. */
static lazy_status dtype_of(const char *op, const lazy_dtype *operands, int input_count, int param_count,
                            lazy_dtype *out_dtype) {
  static const char *const names[] = {"input", "h_0", "c_0", "a weight or bias"};
  const lazy_dtype wanted = operands[input_count];
  for (int i = 0; i < input_count + param_count; i++)
    if (operands[i] != wanted)
      return lazy_status_fail(LAZY_STATUS_INVALID_TYPE, "%s: %s is %s; wanted %s, as the weights", op,
                              names[i < input_count ? i : 3], lazy_dtype_name(operands[i]),
                              lazy_dtype_name(wanted));
  *out_dtype = wanted;
  return LAZY_STATUS_OK;
}
static lazy_status lstm_dtype(const lazy_dtype *operands, int input_count, int param_count,
                              lazy_dtype *out_dtype) {
  return dtype_of("lstm", operands, input_count, param_count, out_dtype);
}
static lazy_status gru_dtype(const lazy_dtype *operands, int input_count, int param_count,
                             lazy_dtype *out_dtype) {
  return dtype_of("gru", operands, input_count, param_count, out_dtype);
}

#define LSTM(names)                                                                      \
  {                                                                                      \
    .name = "lstm", .rule = LAZY_RULE_LSTM, .output_count = 3, .operand_names = (names), \
    .dtype = lstm_dtype, .workspace_bytes = lstm_workspace, .launch = lstm_launch        \
  }
#define GRU(names)                                                                                         \
  {                                                                                                        \
    .name = "gru", .rule = LAZY_RULE_GRU, .output_count = 2, .operand_names = (names), .dtype = gru_dtype, \
    .workspace_bytes = gru_workspace, .launch = gru_launch                                                 \
  }
#define LSTMS(kind)                                             \
  {                                                             \
    {LSTM(kind##_stateless_one), LSTM(kind##_stateless_two)}, { \
      LSTM(kind##_states_one), LSTM(kind##_states_two)          \
    }                                                           \
  }
#define GRUS(kind)                                                                                           \
  {                                                                                                          \
    {GRU(kind##_stateless_one), GRU(kind##_stateless_two)}, { GRU(kind##_state_one), GRU(kind##_state_two) } \
  }
/* [with biases + 2 with a projection][with states][directions - 1] */
static const lazyi_op lstm_ops[4][2][2] = {LSTMS(plain), LSTMS(biased), LSTMS(projected), LSTMS(both)};
static const lazyi_op gru_ops[2][2][2] = {GRUS(plain), GRUS(biased)};

lazy_tensor lazyi_lstm_emit(lazy_recorder *recorder, const lazy_tensor *input_and_hx, int input_count,
                            const lazy_tensor *params, int param_count,
                            const int64_t attributes[LAZY_RECURRENT_ATTRIBUTES]) {
  const bool projects = attributes[LAZY_RECURRENT_OUT] != attributes[LAZY_RECURRENT_HIDDEN];
  const int kind = (attributes[LAZY_RECURRENT_BIAS] != 0) + 2 * projects;
  const lazyi_op *op = &lstm_ops[kind][input_count > 1][attributes[LAZY_RECURRENT_DIRECTIONS] - 1];
  return recorder->methods->emit(recorder, op, input_and_hx, input_count, params, param_count, attributes,
                                 LAZY_RECURRENT_ATTRIBUTES);
}
lazy_tensor lazyi_gru_emit(lazy_recorder *recorder, const lazy_tensor *input_and_hx, int input_count,
                           const lazy_tensor *params, int param_count,
                           const int64_t attributes[LAZY_RECURRENT_ATTRIBUTES]) {
  const lazyi_op *op = &gru_ops[attributes[LAZY_RECURRENT_BIAS] != 0][input_count > 1]
                               [attributes[LAZY_RECURRENT_DIRECTIONS] - 1];
  return recorder->methods->emit(recorder, op, input_and_hx, input_count, params, param_count, attributes,
                                 LAZY_RECURRENT_ATTRIBUTES);
}
