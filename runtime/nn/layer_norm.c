/* torch.nn.LayerNorm, RMSNorm, and LazyLayerNorm over the last k dims. */
#include <math.h>

#include "runtime/nn/norm.h"

static lazy_status layer_norm_dtype(const lazy_dtype *operands, int input_count, int param_count,
                                    lazy_dtype *out_dtype) {
  return lazyi_norm_dtype("layer_norm", operands, input_count, param_count, out_dtype);
}
static lazy_status rms_norm_dtype(const lazy_dtype *operands, int input_count, int param_count,
                                  lazy_dtype *out_dtype) {
  return lazyi_norm_dtype("rms_norm", operands, input_count, param_count, out_dtype);
}
static lazyi_norm_ops layer_norm_ops = LAZYI_NORM_OPS("layer_norm", LAZY_RULE_NORM_LAST, layer_norm_dtype);
static lazyi_norm_ops rms_norm_ops = LAZYI_NORM_OPS("rms_norm", LAZY_RULE_NORM_LAST, rms_norm_dtype);

/* ---- the module ---- */

static lazy_status construct(lazy_module *self) {
  lazy_layer_norm_options *options = lazy_module_self(self);
  const lazy_class *type = lazy_module_class(self);
  const lazy_shape *shape = &options->normalized_shape;
  options->bias = options->bias && options->elementwise_affine; /* as PyTorch prints it */
  if (type->is_lazy) {
    if (options->normalized_dims >= 1 && options->normalized_dims <= LAZY_MAX_RANK) return LAZY_STATUS_OK;
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "%s: normalized_dims is %lld; wanted 1 to %d",
                            type->name, (long long)options->normalized_dims, LAZY_MAX_RANK);
  }
  if (shape->rank < 1 || shape->rank > LAZY_MAX_RANK)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "%s: normalized_shape has %d sizes; wanted 1 to %d",
                            type->name, (int)shape->rank, LAZY_MAX_RANK);
  for (int32_t i = 0; i < shape->rank; i++)
    if (shape->dims[i] < 0)
      return lazy_status_fail(LAZY_STATUS_INVALID_VALUE,
                              "%s: size %d of normalized_shape is %lld; a size is not negative", type->name,
                              (int)i, (long long)shape->dims[i]);
  options->normalized_dims = shape->rank;
  LAZY_TRY(lazy_module_set_param_shape(self, "weight", *shape));
  if (type == &lazy_class_rms_norm) return LAZY_STATUS_OK;
  return lazy_module_set_param_shape(self, "bias", *shape);
}

static lazy_status settle(lazy_module *self) {
  lazy_layer_norm_options *options = lazy_module_self(self);
  const lazy_param *weight = lazyi_module_param(self, "weight", NULL);
  if (weight == NULL) return LAZY_STATUS_OK;
  if (weight->shape.rank != options->normalized_dims)
    return lazy_status_fail(LAZY_STATUS_SHAPE, "weight has rank %d; wanted %lld", (int)weight->shape.rank,
                            (long long)options->normalized_dims);
  options->normalized_shape = weight->shape;
  return LAZY_STATUS_OK;
}

static lazy_status infer(const lazy_infer *in, lazy_infer_result *out) {
  const lazy_layer_norm_options *options = lazy_module_self(lazy_infer_module(in));
  lazy_shape shape = {.rank = (int32_t)options->normalized_dims};
  for (int32_t i = 0; i < shape.rank; i++) shape.dims[i] = lazy_infer_dim(in, "input", i - shape.rank);
  LAZY_TRY(lazy_infer_param(out, "weight", shape));
  return lazy_infer_param(out, "bias", shape);
}

static bool expect_shape(lazy_module *self, const char *name, lazy_shape *out_shape) {
  const lazy_layer_norm_options *options = lazy_module_self(self);
  (void)name;
  *out_shape = options->normalized_shape;
  if (out_shape->rank > 0) return true;
  out_shape->rank = (int32_t)options->normalized_dims;
  for (int32_t i = 0; i < out_shape->rank; i++) out_shape->dims[i] = -1 - i;
  return true;
}

/* Without parameters nothing but the first input has the sizes: they are asked for. A failure undoes it with
   the rest of the module. */
static void take_shape(lazy_recorder *recorder, lazy_module *self, lazy_tensor input) {
  lazy_layer_norm_options *options = lazy_module_self(self);
  const int32_t count = (int32_t)options->normalized_dims;
  lazy_shape shape;
  if (lazy_tensor_is_poisoned(input)) return;
  if (lazy_tensor_shape(recorder, input, &shape) != LAZY_STATUS_OK) return;
  if (shape.rank < count) return; /* the rule says so */
  options->normalized_shape.rank = count;
  for (int32_t i = 0; i < count; i++) options->normalized_shape.dims[i] = shape.dims[shape.rank - count + i];
}

static lazy_tensor forward(lazy_recorder *recorder, lazy_module *self, const lazy_args *args, bool rms) {
  const lazy_layer_norm_options *options = lazy_module_self(self);
  lazy_tensor input = lazy_arg(recorder, args, 0);
  if (options->normalized_shape.rank == 0 && !options->elementwise_affine && self->pending)
    take_shape(recorder, self, input);
  int64_t attributes[LAZY_NORM_ATTRIBUTES] = {
      [0] = options->normalized_dims,
      [LAZYI_NORM_GROUPS] = LAZYI_NORM_LAST_DIMS,
      [LAZYI_NORM_EPS] = lazyi_nn_bits(options->eps),
      [LAZYI_NORM_ABOUT_ZERO] = rms,
  };
  for (int32_t i = 0; i < (int32_t)options->normalized_dims; i++)
    attributes[1 + i] = options->normalized_shape.rank > 0 ? options->normalized_shape.dims[i] : -1;
  return lazyi_norm_emit(recorder, self, rms ? &rms_norm_ops : &layer_norm_ops, input, LAZYI_NORM_STATELESS,
                         attributes);
}
static lazy_tensor layer_norm_forward(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  return forward(recorder, self, args, false);
}
static lazy_tensor rms_norm_forward(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  return forward(recorder, self, args, true);
}

/* ---- parameters and options ---- */

static const lazy_param_spec params[] = {
    {.name = "weight", .init = {LAZY_INITIALIZER_CONSTANT, .a = 1}, .only_if = "elementwise_affine"},
    {.name = "bias",
     .init = {LAZY_INITIALIZER_CONSTANT, .a = 0},
     .only_if = "elementwise_affine",
     .and_if = "bias"},
};
enum { PARAM_COUNT = sizeof params / sizeof *params };

#define FIELD(name) offsetof(lazy_layer_norm_options, name)
#define NORMALIZED_SHAPE(flags) \
  { "normalized_shape", LAZY_OPTION_SHAPE, (flags), FIELD(normalized_shape), 0, NULL }
#define AFFINE \
  { "elementwise_affine", LAZY_OPTION_BOOL, LAZY_OPTION_PRINTED, FIELD(elementwise_affine), 1, NULL }
#define PLACE                                                             \
  {"device", LAZY_OPTION_TEXT, LAZY_OPTION_IGNORED, 0, 0, NULL}, {        \
    "dtype", LAZY_OPTION_DTYPE, 0, FIELD(dtype), LAZY_DTYPE_DEFAULT, NULL \
  }

static const lazy_option layer_options[] = {
    NORMALIZED_SHAPE(LAZY_OPTION_REQUIRED | LAZY_OPTION_PRINTED | LAZY_OPTION_BARE),
    {"eps", LAZY_OPTION_FLOAT, LAZY_OPTION_PRINTED, FIELD(eps), 1e-5, NULL},
    AFFINE,
    {"bias", LAZY_OPTION_BOOL, LAZY_OPTION_PRINTED, FIELD(bias), 1, NULL},
    PLACE,
};
static const lazy_option lazy_options[] = {
    {"normalized_dims", LAZY_OPTION_INT, LAZY_OPTION_PRINTED, FIELD(normalized_dims), 1, NULL},
    {"eps", LAZY_OPTION_FLOAT, LAZY_OPTION_PRINTED, FIELD(eps), 1e-5, NULL},
    AFFINE,
    {"bias", LAZY_OPTION_BOOL, LAZY_OPTION_PRINTED, FIELD(bias), 1, NULL},
    PLACE,
    NORMALIZED_SHAPE(LAZY_OPTION_INFERRED),
};
static const lazy_option rms_options[] = {
    NORMALIZED_SHAPE(LAZY_OPTION_REQUIRED | LAZY_OPTION_PRINTED | LAZY_OPTION_BARE),
    {"eps", LAZY_OPTION_MAYBE_FLOAT, LAZY_OPTION_PRINTED, FIELD(eps), NAN, NULL},
    AFFINE,
    PLACE,
};
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- the classes ---- */

const lazy_class lazy_class_layer_norm = {
    LAZY_CLASS("LayerNorm"),
    .self_bytes = sizeof(lazy_layer_norm_options),
    .options = layer_options,
    .option_count = COUNT(layer_options),
    .params = params,
    .param_count = PARAM_COUNT,
    .construct = construct,
    .settle = settle,
    .expect_shape = expect_shape,
    .forward = layer_norm_forward,
};
const lazy_class lazy_class_lazy_layer_norm = {
    LAZY_CLASS("LazyLayerNorm"),
    .becomes = &lazy_class_layer_norm,
    .is_lazy = true,
    .self_bytes = sizeof(lazy_layer_norm_options),
    .options = lazy_options,
    .option_count = COUNT(lazy_options),
    .params = params,
    .param_count = PARAM_COUNT,
    .construct = construct,
    .settle = settle,
    .infer = infer,
    .infers_for_hooks = true, /* else the op's rule finds the same on the device */
    .expect_shape = expect_shape,
    .forward = layer_norm_forward,
};
const lazy_class lazy_class_rms_norm = {
    LAZY_CLASS("RMSNorm"),
    .self_bytes = sizeof(lazy_layer_norm_options),
    .options = rms_options,
    .option_count = COUNT(rms_options),
    .params = params,
    .param_count = 1,
    .construct = construct,
    .settle = settle,
    .expect_shape = expect_shape,
    .forward = rms_norm_forward,
};
