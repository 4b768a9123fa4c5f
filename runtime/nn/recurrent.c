/* torch.nn.LSTM and GRU, and lazy forms that infer input_size. */
#include "runtime/nn/recurrent.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/module/module.h"

enum { LSTM_GATES = 4, GRU_GATES = 3, NAME_BYTES = 40 };

static bool is_lstm(const lazy_module *self) {
  const lazy_class *type = lazy_module_class(self);
  return type == &lazy_class_lstm || type == &lazy_class_lazy_lstm;
}

static void attributes_of(const lazy_rnn_options *options, int64_t out[LAZY_RECURRENT_ATTRIBUTES]) {
  out[LAZY_RECURRENT_HIDDEN] = options->hidden_size;
  out[LAZY_RECURRENT_OUT] = options->proj_size > 0 ? options->proj_size : options->hidden_size;
  out[LAZY_RECURRENT_LAYERS] = options->num_layers;
  out[LAZY_RECURRENT_DIRECTIONS] = options->bidirectional ? 2 : 1;
  out[LAZY_RECURRENT_BIAS] = options->bias;
  out[LAZY_RECURRENT_BATCH_FIRST] = options->batch_first;
}

/* ---- parameters: by layer, then direction, in PyTorch's order ---- */

static const char *const kinds[] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"};
enum { WEIGHT_IH, WEIGHT_HH, BIAS_IH, BIAS_HH, WEIGHT_HR };

static int kind_at(const lazy_rnn_options *options, int index) {
  return index < 2 ? index : options->bias && index < 4 ? index : WEIGHT_HR;
}

/* Shape of the index-th parameter; -1 for the input's features while they are not known. */
static lazy_shape shape_at(const lazy_module *self, const lazy_rnn_options *options, size_t index,
                           int64_t features) {
  int64_t attributes[LAZY_RECURRENT_ATTRIBUTES];
  attributes_of(options, attributes);
  const size_t each = (size_t)lazyi_recurrent_params(attributes);
  const int64_t rows = (is_lstm(self) ? LSTM_GATES : GRU_GATES) * options->hidden_size;
  const int64_t out = attributes[LAZY_RECURRENT_OUT], directions = attributes[LAZY_RECURRENT_DIRECTIONS];
  switch (kind_at(options, (int)(index % each))) {
    case WEIGHT_IH:
      return LAZY_DIMS(rows, (int64_t)(index / each) < directions ? features : out * directions);
    case WEIGHT_HH: return LAZY_DIMS(rows, out);
    case WEIGHT_HR: return LAZY_DIMS(out, options->hidden_size);
    default: return LAZY_DIMS(rows);
  }
}

static lazy_status check(const lazy_module *self, const lazy_rnn_options *options) {
  const char *name = lazy_module_class(self)->name;
  if (options->hidden_size <= 0)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "%s: hidden_size is %lld; wanted more than 0", name,
                            (long long)options->hidden_size);
  if (options->num_layers <= 0)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "%s: num_layers is %lld; wanted more than 0", name,
                            (long long)options->num_layers);
  if (options->num_layers > LAZYI_RECURRENT_LAYERS)
    return lazy_status_fail(LAZY_STATUS_UNSUPPORTED, "%s: num_layers is %lld; %d are the most", name,
                            (long long)options->num_layers, LAZYI_RECURRENT_LAYERS);
  if (!(options->dropout >= 0 && options->dropout <= 1))
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "%s: dropout is %g; wanted 0 to 1", name,
                            options->dropout);
  if (options->proj_size < 0 || options->proj_size >= options->hidden_size)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE,
                            "%s: proj_size is %lld; wanted 0, or a size below hidden_size, which is %lld",
                            name, (long long)options->proj_size, (long long)options->hidden_size);
  return LAZY_STATUS_OK;
}

/* reset_parameters: all within +-1/sqrt(hidden_size). */
static lazy_status add_param(lazy_module *self, const lazy_rnn_options *options, size_t index, size_t each,
                             size_t directions) {
  const double bound = 1 / sqrt((double)options->hidden_size);
  const lazy_init init = {LAZY_INITIALIZER_UNIFORM, .a = -bound, .b = bound};
  const size_t layer = index / each / directions;
  const bool is_reverse = index / each % directions == 1;
  const lazy_dtype dtype =
      options->dtype != LAZY_DTYPE_DEFAULT ? options->dtype : lazy_module_context(self)->default_dtype;
  char name[NAME_BYTES];
  lazy_param *param = NULL;
  (void)snprintf(name, sizeof name, "%s_l%zu%s", kinds[kind_at(options, (int)(index % each))], layer,
                 is_reverse ? "_reverse" : "");
  LAZY_TRY(lazyi_param_create(lazy_module_context(self), dtype, false, &init, &param));
  lazy_status status = lazyi_module_register(self, name, true, param);
  lazy_param_release(param);
  if (status != LAZY_STATUS_OK || lazy_module_class(self)->is_lazy) return status;
  return lazy_module_set_param_shape(self, name, shape_at(self, options, index, options->input_size));
}

static lazy_status construct(lazy_module *self) {
  const lazy_rnn_options *options = lazy_module_self(self);
  int64_t attributes[LAZY_RECURRENT_ATTRIBUTES];
  LAZY_TRY(check(self, options));
  if (options->dtype != LAZY_DTYPE_DEFAULT && !lazy_dtype_is_float(options->dtype))
    return lazy_status_fail(LAZY_STATUS_INVALID_TYPE,
                            "%s: parameters of dtype %s; only floating ones can be trained",
                            lazy_module_class(self)->name, lazy_dtype_name(options->dtype));
  attributes_of(options, attributes);
  const size_t each = (size_t)lazyi_recurrent_params(attributes),
               directions = (size_t)attributes[LAZY_RECURRENT_DIRECTIONS];
  for (size_t i = 0; i < (size_t)options->num_layers * directions * each; i++)
    LAZY_TRY(add_param(self, options, i, each, directions));
  return LAZY_STATUS_OK;
}

static lazy_status settle(lazy_module *self) {
  lazy_rnn_options *options = lazy_module_self(self);
  const lazy_param *weight = lazyi_module_param(self, "weight_ih_l0", NULL);
  if (weight == NULL) return LAZY_STATUS_OK;
  if (weight->shape.rank != 2)
    return lazy_status_fail(LAZY_STATUS_SHAPE, "weight_ih_l0 has rank %d; wanted 2", (int)weight->shape.rank);
  options->input_size = weight->shape.dims[1];
  return LAZY_STATUS_OK;
}

/* For pre-hooks that run before forward: what the op will find. */
static lazy_status infer(const lazy_infer *in, lazy_infer_result *out) {
  lazy_module *self = lazy_infer_module(in);
  const lazy_rnn_options *options = lazy_module_self(self);
  const int64_t features = lazy_infer_dim(in, "input", -1);
  for (size_t i = 0; i < lazy_module_param_count(self); i++)
    LAZY_TRY(lazy_infer_param(out, lazy_module_param_name(self, i), shape_at(self, options, i, features)));
  return LAZY_STATUS_OK;
}

static bool expect_shape(lazy_module *self, const char *name, lazy_shape *out_shape) {
  const lazy_rnn_options *options = lazy_module_self(self);
  size_t index = SIZE_MAX;
  (void)lazyi_module_param(self, name, &index);
  if (index == SIZE_MAX) return false;
  *out_shape = shape_at(self, options, index, options->input_size > 0 ? options->input_size : -1);
  return true;
}

/* ---- the call ---- */

/* forward(input, hx=None): hx is h_0 of a GRU, (h_0, c_0) of an LSTM. */
static int read_hx(lazy_recorder *recorder, const lazy_module *self, const lazy_args *args,
                   lazy_tensor inputs[3]) {
  const bool two = is_lstm(self);
  inputs[0] = lazy_arg(recorder, args, 0);
  if (args->count < 2 || args->at[1].kind == LAZY_VALUE_NONE) return 1;
  const lazy_value *hx = &args->at[1];
  const lazy_value *states = two && hx->kind == LAZY_VALUE_TUPLE ? hx->as.tuple.at : hx;
  const size_t count = two ? (hx->kind == LAZY_VALUE_TUPLE ? hx->as.tuple.count : 0) : 1;
  bool fits = count == (two ? 2 : 1);
  for (size_t i = 0; fits && i < count; i++) {
    fits = states[i].kind == LAZY_VALUE_TENSOR;
    if (fits) inputs[1 + i] = states[i].as.tensor;
  }
  if (fits) return 1 + (int)count;
  (void)lazy_recorder_fail(recorder, LAZY_STATUS_INVALID_TYPE,
                           two ? "hx is not a tuple (h_0, c_0) of tensors" : "hx is not a tensor");
  return 1;
}

static lazy_value forward(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  const lazy_rnn_options *options = lazy_module_self(self);
  const int param_count = (int)lazy_module_param_count(self);
  lazy_tensor inputs[3], params[5 * 2 * LAZYI_RECURRENT_LAYERS];
  int64_t attributes[LAZY_RECURRENT_ATTRIBUTES];
  attributes_of(options, attributes);
  if (options->dropout > 0 && options->num_layers > 1 && lazy_module_is_training(self))
    return lazy_value_tensor(
        lazy_recorder_fail(recorder, LAZY_STATUS_UNSUPPORTED, "dropout between layers, in training"));
  const int input_count = read_hx(recorder, self, args, inputs);
  for (int i = 0; i < param_count; i++)
    params[i] = lazy_param_tensor(recorder, self, lazy_module_param_name(self, (size_t)i));
  const lazy_tensor y = is_lstm(self)
                            ? lazyi_lstm_emit(recorder, inputs, input_count, params, param_count, attributes)
                            : lazyi_gru_emit(recorder, inputs, input_count, params, param_count, attributes);
  if (lazy_tensor_is_poisoned(y)) return lazy_value_tensor(y);
  lazy_value *values = recorder->allocate(recorder, 4 * sizeof *values);
  if (values == NULL) return lazy_value_tensor((lazy_tensor){0, 0});
  values[0] = lazy_value_tensor(y);
  values[1] = lazy_value_tensor(lazyi_op_output(y, 1));
  if (!is_lstm(self)) return lazy_value_tuple(values, 2);
  values[2] = values[1];
  values[3] = lazy_value_tensor(lazyi_op_output(y, 2));
  values[1] = lazy_value_tuple(values + 2, 2);
  return lazy_value_tuple(values, 2);
}

/* ---- the classes ---- */

#define FIELD(name) offsetof(lazy_rnn_options, name)
enum {
  SHOWN = LAZY_OPTION_PRINTED | LAZY_OPTION_UNLESS_DEFAULT,
  BARE = LAZY_OPTION_PRINTED | LAZY_OPTION_BARE,
};
#define OPTIONS(array, size_flags, ...)                                                           \
  static const lazy_option array[] = {                                                            \
      {"input_size", LAZY_OPTION_INT, (size_flags) | BARE, FIELD(input_size), 0, NULL},           \
      {"hidden_size", LAZY_OPTION_INT, LAZY_OPTION_REQUIRED | BARE, FIELD(hidden_size), 0, NULL}, \
      __VA_ARGS__{"num_layers", LAZY_OPTION_INT, SHOWN, FIELD(num_layers), 1, NULL},              \
      {"bias", LAZY_OPTION_BOOL, SHOWN, FIELD(bias), 1, NULL},                                    \
      {"batch_first", LAZY_OPTION_BOOL, SHOWN, FIELD(batch_first), 0, NULL},                      \
      {"dropout", LAZY_OPTION_FLOAT, SHOWN, FIELD(dropout), 0, NULL},                             \
      {"bidirectional", LAZY_OPTION_BOOL, SHOWN, FIELD(bidirectional), 0, NULL},                  \
      {"device", LAZY_OPTION_TEXT, LAZY_OPTION_IGNORED, 0, 0, NULL},                              \
      {"dtype", LAZY_OPTION_DTYPE, 0, FIELD(dtype), LAZY_DTYPE_DEFAULT, NULL},                    \
  };
/* Printed before num_layers; in the constructor it comes after bidirectional, and is given by its name. */
#define PROJ_SIZE {"proj_size", LAZY_OPTION_INT, SHOWN | LAZY_OPTION_KEYWORD, FIELD(proj_size), 0, NULL},
OPTIONS(lstm_options, LAZY_OPTION_REQUIRED, PROJ_SIZE)
OPTIONS(lazy_lstm_options, LAZY_OPTION_INFERRED, PROJ_SIZE)
OPTIONS(gru_options, LAZY_OPTION_REQUIRED, )
OPTIONS(lazy_gru_options, LAZY_OPTION_INFERRED, )
#undef FIELD

static const char *const arguments[] = {"input", "hx", NULL};

#define CLASS(name_, options_, ...)                                                                   \
  {                                                                                                   \
    LAZY_CLASS(name_), .self_bytes = sizeof(lazy_rnn_options), .options = (options_),                 \
                       .option_count = sizeof(options_) / sizeof *(options_), .arguments = arguments, \
                       .construct = construct, .settle = settle, .expect_shape = expect_shape,        \
                       .forward_value = forward, __VA_ARGS__                                          \
  }
#define LAZY_OF(ordinary) .becomes = &(ordinary), .is_lazy = true, .infer = infer, .infers_for_hooks = true
const lazy_class lazy_class_lstm = CLASS("LSTM", lstm_options, .is_lazy = false);
const lazy_class lazy_class_lazy_lstm = CLASS("LazyLSTM", lazy_lstm_options, LAZY_OF(lazy_class_lstm));
const lazy_class lazy_class_gru = CLASS("GRU", gru_options, .is_lazy = false);
const lazy_class lazy_class_lazy_gru = CLASS("LazyGRU", lazy_gru_options, LAZY_OF(lazy_class_gru));
