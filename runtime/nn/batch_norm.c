/* torch.nn.BatchNorm1d/2d/3d and InstanceNorm1d/2d/3d, lazy and ordinary. */
#include <math.h>
#include <string.h>

#include "runtime/nn/norm.h"

/* ---- the ops ---- */

static lazy_status batch_norm_dtype(const lazy_dtype *operands, int input_count, int param_count,
                                    lazy_dtype *out_dtype) {
  return lazyi_norm_dtype("batch_norm", operands, input_count, param_count, out_dtype);
}
static lazy_status instance_norm_dtype(const lazy_dtype *operands, int input_count, int param_count,
                                       lazy_dtype *out_dtype) {
  return lazyi_norm_dtype("instance_norm", operands, input_count, param_count, out_dtype);
}
static lazyi_norm_ops batch_norm_ops = LAZYI_NORM_OPS("batch_norm", LAZY_RULE_NORM, batch_norm_dtype);
static lazyi_norm_ops instance_norm_ops =
    LAZYI_NORM_OPS("instance_norm", LAZY_RULE_NORM, instance_norm_dtype);

/* ---- what all of the classes do ---- */

static lazy_status construct(lazy_module *self) {
  lazy_batch_norm_options *options = lazy_module_self(self);
  const lazy_shape features = LAZY_DIMS(options->num_features);
  options->bias = options->bias && options->affine; /* as PyTorch prints it */
  LAZY_TRY(lazy_module_set_param_shape(self, "num_batches_tracked", (lazy_shape){0}));
  if (lazy_module_class(self)->is_lazy) return LAZY_STATUS_OK;
  LAZY_TRY(lazy_module_set_param_shape(self, "weight", features));
  LAZY_TRY(lazy_module_set_param_shape(self, "bias", features));
  LAZY_TRY(lazy_module_set_param_shape(self, "running_mean", features));
  return lazy_module_set_param_shape(self, "running_var", features);
}

/* num_features is the size of what the module has; without parameters and buffers it stays 0, as in PyTorch.
 */
static lazy_status settle(lazy_module *self) {
  lazy_batch_norm_options *options = lazy_module_self(self);
  const lazy_param *vector = lazyi_module_param(self, "weight", NULL);
  if (vector == NULL) vector = lazyi_module_param(self, "running_mean", NULL);
  if (vector == NULL) return LAZY_STATUS_OK;
  if (vector->shape.rank != 1)
    return lazy_status_fail(LAZY_STATUS_SHAPE, "%s has rank %d; wanted 1",
                            options->affine ? "weight" : "running_mean", (int)vector->shape.rank);
  options->num_features = vector->shape.dims[0];
  return LAZY_STATUS_OK;
}

/* For pre-hooks that run before forward: what its op will find. */
static lazy_status infer_channels(const lazy_infer *in, lazy_infer_result *out, int unbatched) {
  const int dim = lazy_infer_rank(in, "input") == unbatched ? 0 : 1;
  const lazy_shape features = LAZY_DIMS(lazy_infer_dim(in, "input", dim));
  LAZY_TRY(lazy_infer_param(out, "weight", features));
  LAZY_TRY(lazy_infer_param(out, "bias", features));
  LAZY_TRY(lazy_infer_param(out, "running_mean", features));
  return lazy_infer_param(out, "running_var", features);
}

static bool expect_shape(lazy_module *self, const char *name, lazy_shape *out_shape) {
  const lazy_batch_norm_options *options = lazy_module_self(self);
  *out_shape = LAZY_DIMS(options->num_features > 0 ? options->num_features : -1);
  return strcmp(name, "num_batches_tracked") != 0;
}

/* A module that trains has statistics of its own, one that tracks none has no others. */
static bool takes_own(lazy_module *self) {
  const lazy_batch_norm_options *options = lazy_module_self(self);
  return lazy_module_is_training(self) || !options->track_running_stats;
}

static lazy_tensor batch_norm(lazy_recorder *recorder, lazy_module *self, const lazy_args *args, int lowest,
                              int highest) {
  const lazy_batch_norm_options *options = lazy_module_self(self);
  const bool own = takes_own(self);
  int64_t attributes[LAZY_NORM_ATTRIBUTES] = {
      [LAZY_NORM_LOWEST] = lowest,
      [LAZY_NORM_HIGHEST] = highest,
      [LAZY_NORM_VALUES] = own ? LAZY_NORM_OF_CHANNEL : LAZY_NORM_ANY,
      [LAZYI_NORM_EPS] = lazyi_nn_bits(options->eps),
      [LAZYI_NORM_MOMENTUM] = lazyi_nn_bits(options->momentum),
  };
  return lazyi_norm_emit(recorder, self, &batch_norm_ops, lazy_arg(recorder, args, 0),
                         !options->track_running_stats ? LAZYI_NORM_STATELESS
                         : own                         ? LAZYI_NORM_COUNTS
                                                       : LAZYI_NORM_READS,
                         attributes);
}

static lazy_tensor instance_norm(lazy_recorder *recorder, lazy_module *self, const lazy_args *args,
                                 int unbatched) {
  const lazy_instance_norm_options *options = lazy_module_self(self);
  const bool own = takes_own(self);
  int64_t attributes[LAZY_NORM_ATTRIBUTES] = {
      [LAZY_NORM_LOWEST] = unbatched,
      [LAZY_NORM_HIGHEST] = unbatched + 1,
      [LAZY_NORM_UNBATCHED] = unbatched,
      [LAZY_NORM_VALUES] = own ? LAZY_NORM_OF_SPACE : LAZY_NORM_ANY,
      [LAZYI_NORM_GROUPS] = LAZYI_NORM_EACH_CHANNEL,
      [LAZYI_NORM_EPS] = lazyi_nn_bits(options->eps),
      [LAZYI_NORM_MOMENTUM] = lazyi_nn_bits(isnan(options->momentum) ? 0 : options->momentum),
  };
  return lazyi_norm_emit(recorder, self, &instance_norm_ops, lazy_arg(recorder, args, 0),
                         !options->track_running_stats ? LAZYI_NORM_STATELESS
                         : own                         ? LAZYI_NORM_WRITES
                                                       : LAZYI_NORM_READS,
                         attributes);
}

/* ---- parameters and options ---- */

static const lazy_param_spec params[] = {
    {.name = "weight", .init = {LAZY_INITIALIZER_CONSTANT, .a = 1}, .only_if = "affine"},
    {.name = "bias", .init = {LAZY_INITIALIZER_CONSTANT, .a = 0}, .only_if = "affine", .and_if = "bias"},
    {.name = "running_mean",
     .init = {LAZY_INITIALIZER_CONSTANT, .a = 0},
     .is_buffer = true,
     .only_if = "track_running_stats"},
    {.name = "running_var",
     .init = {LAZY_INITIALIZER_CONSTANT, .a = 1},
     .is_buffer = true,
     .only_if = "track_running_stats"},
    {.name = "num_batches_tracked",
     .init = {LAZY_INITIALIZER_CONSTANT, .a = 0},
     .is_buffer = true,
     .dtype = LAZY_DTYPE_I64,
     .only_if = "track_running_stats",
     .since = 2},
};

#define FIELD(name) offsetof(lazy_batch_norm_options, name)
#define OPTIONS(array, size_flags, affine_, track_)                                                        \
  static const lazy_option array[] = {                                                                     \
      {"num_features", LAZY_OPTION_INT, (size_flags) | LAZY_OPTION_PRINTED | LAZY_OPTION_BARE,             \
       FIELD(num_features), 0, NULL},                                                                      \
      {"eps", LAZY_OPTION_FLOAT, LAZY_OPTION_PRINTED, FIELD(eps), 1e-5, NULL},                             \
      {"momentum", LAZY_OPTION_MAYBE_FLOAT, LAZY_OPTION_PRINTED, FIELD(momentum), 0.1, NULL},              \
      {"affine", LAZY_OPTION_BOOL, LAZY_OPTION_PRINTED, FIELD(affine), (affine_), NULL},                   \
      {"bias", LAZY_OPTION_BOOL, LAZY_OPTION_PRINTED | LAZY_OPTION_KEYWORD, FIELD(bias), 1, NULL},         \
      {"track_running_stats", LAZY_OPTION_BOOL, LAZY_OPTION_PRINTED, FIELD(track_running_stats), (track_), \
       NULL},                                                                                              \
      {"device", LAZY_OPTION_TEXT, LAZY_OPTION_IGNORED, 0, 0, NULL},                                       \
      {"dtype", LAZY_OPTION_DTYPE, 0, FIELD(dtype), LAZY_DTYPE_DEFAULT, NULL},                             \
  };
OPTIONS(batch_options, LAZY_OPTION_REQUIRED, 1, 1)
OPTIONS(lazy_options, LAZY_OPTION_INFERRED, 1, 1)
OPTIONS(instance_options, LAZY_OPTION_REQUIRED, 0, 0)
#undef FIELD

/* ---- the classes ---- */

#define CLASS(name_, options_, ...)                                                              \
  {                                                                                              \
    LAZY_CLASS(name_), .self_bytes = sizeof(lazy_batch_norm_options), .options = (options_),     \
                       .option_count = sizeof(options_) / sizeof *(options_), .params = params,  \
                       .param_count = sizeof params / sizeof *params, .construct = construct,    \
                       .settle = settle, .expect_shape = expect_shape, .version = 2, __VA_ARGS__ \
  }
#define BATCH_NORM(d, lowest, highest)                                                        \
  static lazy_tensor batch_norm##d##_forward(lazy_recorder *recorder, lazy_module *self,      \
                                             const lazy_args *args) {                         \
    return batch_norm(recorder, self, args, (lowest), (highest));                             \
  }                                                                                           \
  const lazy_class lazy_class_batch_norm##d =                                                 \
      CLASS("BatchNorm" #d, batch_options, .forward = batch_norm##d##_forward);               \
  const lazy_class lazy_class_lazy_batch_norm##d =                                            \
      CLASS("LazyBatchNorm" #d, lazy_options, .forward = batch_norm##d##_forward,             \
            .becomes = &lazy_class_batch_norm##d, .is_lazy = true, .infer = batch_norm_infer, \
            .infers_for_hooks = true); /* else the op's rule finds the same on the device */
static lazy_status batch_norm_infer(const lazy_infer *in, lazy_infer_result *out) {
  return infer_channels(in, out, -1);
}
BATCH_NORM(1d, 2, 3)
BATCH_NORM(2d, 4, 4)
BATCH_NORM(3d, 5, 5)

#define INSTANCE_NORM(d, unbatched)                                                                      \
  static lazy_tensor instance_norm##d##_forward(lazy_recorder *recorder, lazy_module *self,              \
                                                const lazy_args *args) {                                 \
    return instance_norm(recorder, self, args, (unbatched));                                             \
  }                                                                                                      \
  static lazy_status instance_norm##d##_infer(const lazy_infer *in, lazy_infer_result *out) {            \
    return infer_channels(in, out, (unbatched));                                                         \
  }                                                                                                      \
  const lazy_class lazy_class_instance_norm##d =                                                         \
      CLASS("InstanceNorm" #d, instance_options, .forward = instance_norm##d##_forward);                 \
  const lazy_class lazy_class_lazy_instance_norm##d =                                                    \
      CLASS("LazyInstanceNorm" #d, lazy_options, .forward = instance_norm##d##_forward,                  \
            .becomes = &lazy_class_instance_norm##d, .is_lazy = true, .infer = instance_norm##d##_infer, \
            .infers_for_hooks = true);
INSTANCE_NORM(1d, 2)
INSTANCE_NORM(2d, 3)
INSTANCE_NORM(3d, 4)
