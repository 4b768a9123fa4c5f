/* torch.nn.Conv1d/2d/3d and ConvTranspose1d/2d/3d, lazy and ordinary. */
#include "runtime/nn/conv.h"

#include <string.h>

#include "runtime/module/module.h"

typedef struct family {
  const lazy_class *ordinary, *lazy;
  int space; /* dims */
  bool is_transposed;
} family;
static const family families[] = {
    {&lazy_class_conv1d, &lazy_class_lazy_conv1d, 1, false},
    {&lazy_class_conv2d, &lazy_class_lazy_conv2d, 2, false},
    {&lazy_class_conv3d, &lazy_class_lazy_conv3d, 3, false},
    {&lazy_class_conv_transpose1d, &lazy_class_lazy_conv_transpose1d, 1, true},
    {&lazy_class_conv_transpose2d, &lazy_class_lazy_conv_transpose2d, 2, true},
    {&lazy_class_conv_transpose3d, &lazy_class_lazy_conv_transpose3d, 3, true},
};

static const family *family_of(const lazy_module *self) {
  const lazy_class *type = lazy_module_class(self);
  size_t i = 0;
  while (families[i].ordinary != type && families[i].lazy != type) i++;
  return &families[i];
}

/* ---- options ---- */

enum { PADDING_VALID = 1, PADDING_SAME = 2 }; /* words of "valid|same" */

static const char *const modes[] = {"zeros", "reflect", "replicate", "circular"};

static int mode_of(const lazy_conv_options *options) {
  for (int mode = LAZY_PAD_ZEROS; mode <= LAZY_PAD_CIRCULAR; mode++)
    if (strcmp(options->padding_mode, modes[mode]) == 0) return mode;
  return -1;
}

/* A number becomes a tuple of it, as PyTorch keeps and prints it. */
static lazy_status spread(const lazy_module *self, const char *name, lazy_ints *ints, int64_t lowest) {
  const int space = family_of(self)->space;
  int64_t each[3];
  LAZY_TRY(lazyi_nn_spread(self, name, ints, space, lowest, INT32_MAX, each));
  *ints = (lazy_ints){.count = space};
  memcpy(ints->at, each, (size_t)space * sizeof *each);
  return LAZY_STATUS_OK;
}

static lazy_status check_channels(const lazy_module *self, const char *name, int64_t channels,
                                  int64_t groups) {
  if (channels >= 0 && channels % groups == 0) return LAZY_STATUS_OK;
  return lazy_status_fail(LAZY_STATUS_INVALID_VALUE,
                          "%s: %s is %lld; wanted a multiple of groups, which is %lld",
                          lazyi_module_class_name(self), name, (long long)channels, (long long)groups);
}

static lazy_status check_padding(const lazy_module *self, lazy_conv_options *options) {
  const char *type = lazyi_module_class_name(self);
  const family *of = family_of(self);
  const int mode = mode_of(options);
  if (mode < 0)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE,
                            "%s: padding_mode is '%s'; wanted zeros, reflect, replicate or circular", type,
                            options->padding_mode);
  if (of->is_transposed && mode != LAZY_PAD_ZEROS)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "%s: padding_mode is '%s'; wanted zeros", type,
                            options->padding_mode);
  if (options->padding.word == 0) return spread(self, "padding", &options->padding, 0);
  for (int d = 0; d < of->space && options->padding.word == PADDING_SAME; d++)
    if (options->stride.at[d] != 1)
      return lazy_status_fail(LAZY_STATUS_INVALID_VALUE,
                              "%s: padding is 'same'; wanted a stride of 1 with it", type);
  return LAZY_STATUS_OK;
}

static lazy_status check_output_padding(const lazy_module *self, lazy_conv_options *options) {
  LAZY_TRY(spread(self, "output_padding", &options->output_padding, 0));
  for (int d = 0; d < family_of(self)->space; d++) {
    const int64_t stride = options->stride.at[d], dilation = options->dilation.at[d];
    const int64_t below = stride > dilation ? stride : dilation;
    if (options->output_padding.at[d] >= below)
      return lazy_status_fail(
          LAZY_STATUS_INVALID_VALUE, "%s: output_padding is %lld; wanted less than stride or dilation, %lld",
          lazyi_module_class_name(self), (long long)options->output_padding.at[d], (long long)below);
  }
  return LAZY_STATUS_OK;
}

static lazy_status check(const lazy_module *self, lazy_conv_options *options) {
  if (options->groups < 1)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "%s: groups is %lld; wanted at least 1",
                            lazyi_module_class_name(self), (long long)options->groups);
  LAZY_TRY(check_channels(self, "in_channels", options->in_channels, options->groups));
  LAZY_TRY(check_channels(self, "out_channels", options->out_channels, options->groups));
  LAZY_TRY(spread(self, "kernel_size", &options->kernel_size, 1));
  LAZY_TRY(spread(self, "stride", &options->stride, 1));
  LAZY_TRY(spread(self, "dilation", &options->dilation, 1));
  LAZY_TRY(check_padding(self, options));
  return check_output_padding(self, options);
}

/* weight is (out, in / groups, kernel...), of a transposed one (in, out / groups, kernel...); `in` -1: not
   known. */
static lazy_shape weight_shape(const lazy_module *self, const lazy_conv_options *options, int64_t in) {
  const family *of = family_of(self);
  lazy_shape shape = {.rank = of->space + 2};
  shape.dims[0] = of->is_transposed ? in : options->out_channels;
  shape.dims[1] = of->is_transposed ? options->out_channels / options->groups
                  : in < 0          ? -1
                                    : in / options->groups;
  for (int d = 0; d < of->space; d++) shape.dims[2 + d] = options->kernel_size.at[d];
  return shape;
}

/* ---- the classes' functions ---- */

static lazy_status construct(lazy_module *self) {
  lazy_conv_options *options = lazy_module_self(self);
  LAZY_TRY(check(self, options));
  if (lazy_module_class(self)->is_lazy) return LAZY_STATUS_OK;
  LAZY_TRY(lazy_module_set_param_shape(self, "weight", weight_shape(self, options, options->in_channels)));
  return lazy_module_set_param_shape(self, "bias", LAZY_DIMS(options->out_channels));
}

static lazy_status settle(lazy_module *self) {
  lazy_conv_options *options = lazy_module_self(self);
  const family *of = family_of(self);
  const lazy_param *weight = lazyi_module_param(self, "weight", NULL);
  if (weight == NULL) return LAZY_STATUS_OK;
  if (weight->shape.rank != of->space + 2)
    return lazy_status_fail(LAZY_STATUS_SHAPE, "weight has rank %d; wanted %d", (int)weight->shape.rank,
                            of->space + 2);
  options->in_channels = of->is_transposed ? weight->shape.dims[0] : weight->shape.dims[1] * options->groups;
  return LAZY_STATUS_OK;
}

/* For pre-hooks that run before forward: what the op will find. */
static lazy_status infer(const lazy_infer *in, lazy_infer_result *out) {
  const lazy_module *self = lazy_infer_module(in);
  const lazy_conv_options *options = lazy_module_self(lazy_infer_module(in));
  const int64_t channels = lazy_infer_dim(in, "input", -1 - family_of(self)->space);
  LAZY_TRY(check_channels(self, "in_channels", channels, options->groups));
  LAZY_TRY(lazy_infer_param(out, "weight", weight_shape(self, options, channels)));
  return lazy_infer_param(out, "bias", LAZY_DIMS(options->out_channels));
}

static bool expect_shape(lazy_module *self, const char *name, lazy_shape *out_shape) {
  const lazy_conv_options *options = lazy_module_self(self);
  *out_shape = strcmp(name, "bias") == 0
                   ? LAZY_DIMS(options->out_channels)
                   : weight_shape(self, options, options->in_channels > 0 ? options->in_channels : -1);
  return true;
}

static void attributes_of(const lazy_module *self, const lazy_conv_options *options,
                          int64_t out[LAZY_CONV_ATTRIBUTES]) {
  const int space = family_of(self)->space;
  memset(out, 0, LAZY_CONV_ATTRIBUTES * sizeof *out);
  out[LAZY_CONV_SPACE] = space;
  out[LAZY_CONV_OUT] = options->out_channels;
  out[LAZY_CONV_GROUPS] = options->groups;
  out[LAZY_CONV_MODE] = mode_of(options);
  for (int d = 0; d < space; d++) {
    int64_t *at = out + LAZY_CONV_FIRST + d * LAZY_CONV_EACH;
    at[LAZY_CONV_KERNEL] = options->kernel_size.at[d];
    at[LAZY_CONV_STRIDE] = options->stride.at[d];
    at[LAZY_CONV_DILATION] = options->dilation.at[d];
    at[LAZY_CONV_LOW] = at[LAZY_CONV_HIGH] = options->padding.word == 0 ? options->padding.at[d] : 0;
    at[LAZY_CONV_EXTRA] = options->output_padding.at[d];
    at[LAZY_CONV_WANTED] = -1;
    if (options->padding.word != PADDING_SAME) continue;
    const int64_t total = options->dilation.at[d] * (options->kernel_size.at[d] - 1);
    at[LAZY_CONV_LOW] = total / 2;
    at[LAZY_CONV_HIGH] = total - total / 2;
  }
}

static lazy_tensor forward(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  int64_t attributes[LAZY_CONV_ATTRIBUTES];
  attributes_of(self, lazy_module_self(self), attributes);
  lazy_tensor input = lazy_arg(recorder, args, 0);
  lazy_tensor weight = lazy_param_tensor(recorder, self, "weight");
  lazy_tensor bias = lazy_param_tensor(recorder, self, "bias");
  return lazyi_conv_emit(recorder, false, input, weight, bias, attributes);
}

/* output_size: an int or a tuple of ints for the dims of space, or for all dims, of which the last count. */
static lazy_status read_output_size(const lazy_args *args, int space, int64_t attributes[]) {
  if (args->count < 2 || args->at[1].kind == LAZY_VALUE_NONE) return LAZY_STATUS_OK;
  const lazy_value *value = &args->at[1];
  const bool is_tuple = value->kind == LAZY_VALUE_TUPLE;
  const lazy_value *sizes = is_tuple ? value->as.tuple.at : value;
  const size_t count = is_tuple ? value->as.tuple.count : 1;
  if (count != (size_t)space && count != (size_t)space + 1 && count != (size_t)space + 2)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "output_size has %zu elements; wanted %d or %d", count,
                            space, space + 2);
  for (int d = 0; d < space; d++) {
    const lazy_value *size = sizes + (count - (size_t)space) + d;
    if (size->kind != LAZY_VALUE_INT || size->as.integer < 0)
      return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "output_size is no tuple of sizes");
    attributes[LAZY_CONV_FIRST + d * LAZY_CONV_EACH + LAZY_CONV_WANTED] = size->as.integer;
  }
  return LAZY_STATUS_OK;
}

static lazy_tensor transpose_forward(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  int64_t attributes[LAZY_CONV_ATTRIBUTES];
  attributes_of(self, lazy_module_self(self), attributes);
  lazy_tensor input = lazy_arg(recorder, args, 0);
  if (lazyi_recorder_stick(recorder, read_output_size(args, family_of(self)->space, attributes)) !=
      LAZY_STATUS_OK)
    return (lazy_tensor){0, 0};
  lazy_tensor weight = lazy_param_tensor(recorder, self, "weight");
  lazy_tensor bias = lazy_param_tensor(recorder, self, "bias");
  return lazyi_conv_emit(recorder, true, input, weight, bias, attributes);
}

/* ---- the classes ---- */

/* reset_parameters: kaiming_uniform_(weight, a=sqrt(5)), uniform_(bias, +-1/sqrt(fan_in)). */
static const lazy_param_spec params[] = {
    {.name = "weight", .init = {LAZY_INITIALIZER_KAIMING_UNIFORM, .a = 2.23606797749978969}},
    {.name = "bias", .init = {LAZY_INITIALIZER_FAN_IN_UNIFORM, .fan_of = "weight"}, .only_if = "bias"},
};

#define FIELD(name) offsetof(lazy_conv_options, name)
enum {
  SHOWN = LAZY_OPTION_PRINTED | LAZY_OPTION_UNLESS_DEFAULT,
  BARE = LAZY_OPTION_PRINTED | LAZY_OPTION_BARE,
};
#define CHANNELS(size_flags)                                                                               \
  {"in_channels", LAZY_OPTION_INT, (size_flags) | BARE, FIELD(in_channels), 0, NULL},                      \
      {"out_channels", LAZY_OPTION_INT, LAZY_OPTION_REQUIRED | BARE, FIELD(out_channels), 0, NULL},        \
      {"kernel_size", LAZY_OPTION_INTS, LAZY_OPTION_REQUIRED | LAZY_OPTION_PRINTED, FIELD(kernel_size), 0, \
       NULL},                                                                                              \
  {                                                                                                        \
    "stride", LAZY_OPTION_INTS, LAZY_OPTION_PRINTED, FIELD(stride), 1, NULL                                \
  }
#define DILATION(flags) \
  { "dilation", LAZY_OPTION_INTS, SHOWN | (flags), FIELD(dilation), 1, NULL }
#define GROUPS \
  { "groups", LAZY_OPTION_INT, SHOWN, FIELD(groups), 1, NULL }
#define BIAS \
  { "bias", LAZY_OPTION_BOOL, SHOWN, FIELD(bias), 1, NULL }
#define REST(flags)                                                                                     \
  {                                                                                                     \
      "padding_mode", LAZY_OPTION_TEXT, SHOWN | LAZY_OPTION_UNQUOTED | (flags), FIELD(padding_mode), 0, \
      "zeros"},                                                                                         \
      {"device", LAZY_OPTION_TEXT, LAZY_OPTION_IGNORED, 0, 0, NULL}, {                                  \
    "dtype", LAZY_OPTION_DTYPE, 0, FIELD(dtype), LAZY_DTYPE_DEFAULT, NULL                               \
  }
#define CONV_OPTIONS(array, size_flags)                                                             \
  static const lazy_option array[] = {                                                              \
      CHANNELS(size_flags),                                                                         \
      {"padding", LAZY_OPTION_INTS, SHOWN | LAZY_OPTION_UNQUOTED, FIELD(padding), 0, "valid|same"}, \
      DILATION(0),                                                                                  \
      GROUPS,                                                                                       \
      BIAS,                                                                                         \
      REST(0),                                                                                      \
  };
/* Printed in this order; in the constructor dilation stands behind bias, and is taken by its name. */
#define TRANSPOSE_OPTIONS(array, size_flags)                                       \
  static const lazy_option array[] = {                                             \
      CHANNELS(size_flags),                                                        \
      {"padding", LAZY_OPTION_INTS, SHOWN, FIELD(padding), 0, NULL},               \
      DILATION(LAZY_OPTION_KEYWORD),                                               \
      {"output_padding", LAZY_OPTION_INTS, SHOWN, FIELD(output_padding), 0, NULL}, \
      GROUPS,                                                                      \
      BIAS,                                                                        \
      REST(LAZY_OPTION_KEYWORD),                                                   \
  };
CONV_OPTIONS(conv_options, LAZY_OPTION_REQUIRED)
CONV_OPTIONS(lazy_conv_options_table, LAZY_OPTION_INFERRED)
TRANSPOSE_OPTIONS(transpose_options, LAZY_OPTION_REQUIRED)
TRANSPOSE_OPTIONS(lazy_transpose_options, LAZY_OPTION_INFERRED)
#undef FIELD

static const char *const transpose_arguments[] = {"input", "output_size", NULL};

#define CLASS(name_, options_, ...)                                                             \
  {                                                                                             \
    LAZY_CLASS(name_), .self_bytes = sizeof(lazy_conv_options), .options = (options_),          \
                       .option_count = sizeof(options_) / sizeof *(options_), .params = params, \
                       .param_count = sizeof params / sizeof *params, .construct = construct,   \
                       .settle = settle, .expect_shape = expect_shape, __VA_ARGS__              \
  }
#define LAZY_OF(ordinary) .becomes = &(ordinary), .is_lazy = true, .infer = infer, .infers_for_hooks = true
#define CONV(d)                                                                             \
  const lazy_class lazy_class_conv##d = CLASS("Conv" #d, conv_options, .forward = forward); \
  const lazy_class lazy_class_lazy_conv##d =                                                \
      CLASS("LazyConv" #d, lazy_conv_options_table, LAZY_OF(lazy_class_conv##d), .forward = forward);
#define CONV_TRANSPOSE(d)                                                                          \
  const lazy_class lazy_class_conv_transpose##d =                                                  \
      CLASS("ConvTranspose" #d, transpose_options, .arguments = transpose_arguments,               \
            .forward = transpose_forward);                                                         \
  const lazy_class lazy_class_lazy_conv_transpose##d =                                             \
      CLASS("LazyConvTranspose" #d, lazy_transpose_options, LAZY_OF(lazy_class_conv_transpose##d), \
            .arguments = transpose_arguments, .forward = transpose_forward);
CONV(1d)
CONV(2d)
CONV(3d)
CONV_TRANSPOSE(1d)
CONV_TRANSPOSE(2d)
CONV_TRANSPOSE(3d)
