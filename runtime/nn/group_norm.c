/* torch.nn.GroupNorm and its lazy form. */
#include "runtime/nn/norm.h"

static lazy_status group_norm_dtype(const lazy_dtype *operands, int input_count, int param_count,
                                    lazy_dtype *out_dtype) {
  return lazyi_norm_dtype("group_norm", operands, input_count, param_count, out_dtype);
}
static lazyi_norm_ops ops = LAZYI_NORM_OPS("group_norm", LAZY_RULE_NORM, group_norm_dtype);

static lazy_status check_divides(const lazy_module *self, const lazy_group_norm_options *options) {
  if (options->num_channels % options->num_groups == 0) return LAZY_STATUS_OK;
  return lazy_status_fail(
      LAZY_STATUS_INVALID_VALUE, "%s: num_channels (%lld) must be divisible by num_groups (%lld)",
      lazy_module_class(self)->name, (long long)options->num_channels, (long long)options->num_groups);
}

static lazy_status construct(lazy_module *self) {
  lazy_group_norm_options *options = lazy_module_self(self);
  const lazy_shape channels = LAZY_DIMS(options->num_channels);
  options->bias = options->bias && options->affine; /* as PyTorch prints it */
  if (options->num_groups < 1)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "%s: num_groups is %lld; wanted at least 1",
                            lazy_module_class(self)->name, (long long)options->num_groups);
  if (lazy_module_class(self)->is_lazy) return LAZY_STATUS_OK;
  if (options->num_channels < 0)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "%s: num_channels is %lld; a size is not negative",
                            lazy_module_class(self)->name, (long long)options->num_channels);
  LAZY_TRY(check_divides(self, options));
  LAZY_TRY(lazy_module_set_param_shape(self, "weight", channels));
  return lazy_module_set_param_shape(self, "bias", channels);
}

static lazy_status settle(lazy_module *self) {
  lazy_group_norm_options *options = lazy_module_self(self);
  const lazy_param *weight = lazyi_module_param(self, "weight", NULL);
  if (weight == NULL) return LAZY_STATUS_OK;
  if (weight->shape.rank != 1)
    return lazy_status_fail(LAZY_STATUS_SHAPE, "weight has rank %d; wanted 1", (int)weight->shape.rank);
  options->num_channels = weight->shape.dims[0];
  return check_divides(self, options);
}

/* For pre-hooks that run before forward: what its op will find. */
static lazy_status infer(const lazy_infer *in, lazy_infer_result *out) {
  const lazy_shape channels = LAZY_DIMS(lazy_infer_dim(in, "input", 1));
  LAZY_TRY(lazy_infer_param(out, "weight", channels));
  return lazy_infer_param(out, "bias", channels);
}

static bool expect_shape(lazy_module *self, const char *name, lazy_shape *out_shape) {
  const lazy_group_norm_options *options = lazy_module_self(self);
  (void)name;
  *out_shape = LAZY_DIMS(options->num_channels > 0 ? options->num_channels : -1);
  return true;
}

/* Without parameters nothing but the first input has the channels: they are asked for. A failure undoes it
   with the rest of the module. */
static void take_channels(lazy_recorder *recorder, lazy_group_norm_options *options, lazy_tensor input) {
  lazy_shape shape;
  if (lazy_tensor_is_poisoned(input)) return;
  if (lazy_tensor_shape(recorder, input, &shape) == LAZY_STATUS_OK && shape.rank > 1)
    options->num_channels = shape.dims[1];
}

static lazy_tensor forward(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  lazy_group_norm_options *options = lazy_module_self(self);
  lazy_tensor input = lazy_arg(recorder, args, 0);
  if (options->num_channels == 0 && !options->affine && self->pending)
    take_channels(recorder, options, input);
  int64_t attributes[LAZY_NORM_ATTRIBUTES] = {
      [LAZY_NORM_LOWEST] = 2,
      [LAZY_NORM_HIGHEST] = LAZY_MAX_RANK,
      [LAZY_NORM_VALUES] = LAZY_NORM_OF_GROUP,
      [LAZY_NORM_DIVISOR] = options->num_groups,
      [LAZYI_NORM_GROUPS] = options->num_groups,
      [LAZYI_NORM_EPS] = lazyi_nn_bits(options->eps),
  };
  return lazyi_norm_emit(recorder, self, &ops, input, LAZYI_NORM_STATELESS, attributes);
}

static const lazy_param_spec params[] = {
    {.name = "weight", .init = {LAZY_INITIALIZER_CONSTANT, .a = 1}, .only_if = "affine"},
    {.name = "bias", .init = {LAZY_INITIALIZER_CONSTANT, .a = 0}, .only_if = "affine", .and_if = "bias"},
};

#define FIELD(name) offsetof(lazy_group_norm_options, name)
#define OPTIONS(array, size_flags)                                                                   \
  static const lazy_option array[] = {                                                               \
      {"num_groups", LAZY_OPTION_INT, LAZY_OPTION_REQUIRED | LAZY_OPTION_PRINTED | LAZY_OPTION_BARE, \
       FIELD(num_groups), 0, NULL},                                                                  \
      {"num_channels", LAZY_OPTION_INT, (size_flags) | LAZY_OPTION_PRINTED | LAZY_OPTION_BARE,       \
       FIELD(num_channels), 0, NULL},                                                                \
      {"eps", LAZY_OPTION_FLOAT, LAZY_OPTION_PRINTED, FIELD(eps), 1e-5, NULL},                       \
      {"affine", LAZY_OPTION_BOOL, LAZY_OPTION_PRINTED, FIELD(affine), 1, NULL},                     \
      {"bias", LAZY_OPTION_BOOL, LAZY_OPTION_PRINTED | LAZY_OPTION_KEYWORD, FIELD(bias), 1, NULL},   \
      {"device", LAZY_OPTION_TEXT, LAZY_OPTION_IGNORED, 0, 0, NULL},                                 \
      {"dtype", LAZY_OPTION_DTYPE, 0, FIELD(dtype), LAZY_DTYPE_DEFAULT, NULL},                       \
  };
OPTIONS(options_given, LAZY_OPTION_REQUIRED)
OPTIONS(options_lazy, LAZY_OPTION_INFERRED)

#define CLASS(name_, options_, ...)                                                                    \
  {                                                                                                    \
    LAZY_CLASS(name_), .self_bytes = sizeof(lazy_group_norm_options), .options = (options_),           \
                       .option_count = sizeof(options_) / sizeof *(options_), .params = params,        \
                       .param_count = sizeof params / sizeof *params, .construct = construct,          \
                       .settle = settle, .expect_shape = expect_shape, .forward = forward, __VA_ARGS__ \
  }
const lazy_class lazy_class_group_norm = CLASS("GroupNorm", options_given, .becomes = NULL);
const lazy_class lazy_class_lazy_group_norm =
    CLASS("LazyGroupNorm", options_lazy, .becomes = &lazy_class_group_norm, .is_lazy = true, .infer = infer,
          .infers_for_hooks = true); /* else the op's rule finds the same on the device */
