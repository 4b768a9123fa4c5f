/* MaxPool, AvgPool, AdaptiveAvgPool and AdaptiveMaxPool over 1, 2 and 3 dims: one kernel. */
#include <math.h>

#include "runtime/launch/spatial.h"
#include "runtime/module/module.h"
#include "runtime/nn/nn.h"
#include "runtime/tensor/core.h"

enum { LARGEST = INT32_MAX };
/* Behind the attributes of the shape rule. */
enum { COUNT_PADDING = LAZY_POOL_LAUNCH, DIVISOR };

/* ---- the ops ---- */

static const char *const operand_names[] = {"input"};

static lazy_status launch(const lazyi_op_call *call, enum lazy_pool_kind kind, bool adaptive) {
  const lazyi_operand *x = call->inputs, *y = call->outputs;
  struct lazy_k_pool_params params = {.x = x->address,
                                      .y = y->address,
                                      .count = lazyi_nn_count(&y->shape),
                                      .dtype = (uint8_t)y->dtype,
                                      .kind = (uint8_t)kind,
                                      .adaptive = adaptive};
  const int32_t axes = (int32_t)call->attributes[LAZY_POOL_AXES], lead = LAZY_SPATIAL - axes;
  for (int32_t axis = 0; axis < LAZY_SPATIAL; axis++) {
    const int32_t dim = x->shape.rank - LAZY_SPATIAL + axis;
    params.in[axis] = axis < lead ? 1 : x->shape.dims[dim];
    params.out[axis] = axis < lead ? 1 : y->shape.dims[dim];
    if (adaptive) continue;
    params.kernel[axis] = call->attributes[LAZY_POOL_KERNEL + axis];
    params.stride[axis] = call->attributes[LAZY_POOL_STRIDE + axis];
    params.padding[axis] = call->attributes[LAZY_POOL_PADDING + axis];
    params.dilation[axis] = call->attributes[LAZY_POOL_DILATION + axis];
  }
  if (!adaptive) {
    params.count_padding = (uint8_t)call->attributes[COUNT_PADDING];
    params.divisor = (double)call->attributes[DIVISOR];
  }
  return lazyi_launch_pool(&call->core->launcher, &params, call->stream);
}

/* X(name, rule, kind, adaptive) */
#define OPS(X)                                                       \
  X(max_pool, LAZY_RULE_POOL, LAZY_POOL_MAX, false)                  \
  X(avg_pool, LAZY_RULE_POOL, LAZY_POOL_AVERAGE, false)              \
  X(adaptive_max_pool, LAZY_RULE_ADAPTIVE_POOL, LAZY_POOL_MAX, true) \
  X(adaptive_avg_pool, LAZY_RULE_ADAPTIVE_POOL, LAZY_POOL_AVERAGE, true)

#define DEFINE_OP(name_, rule_, kind, adaptive)                                                         \
  static lazy_status name_##_dtype(const lazy_dtype *operands, int input_count, int param_count,        \
                                   lazy_dtype *out_dtype) {                                             \
    return lazyi_nn_float_dtype(#name_, operand_names, operands, input_count + param_count, out_dtype); \
  }                                                                                                     \
  static lazy_status name_##_launch(const lazyi_op_call *call) { return launch(call, kind, adaptive); } \
  static const lazyi_op name_##_op = {.name = #name_,                                                   \
                                      .rule = (rule_),                                                  \
                                      .operand_names = operand_names,                                   \
                                      .dtype = name_##_dtype,                                           \
                                      .launch = name_##_launch};
OPS(DEFINE_OP)

/* ---- windows ---- */

/* Options of max and average pools as attributes; `dilation` NULL: 1. */
static lazy_status take_windows(lazy_module *self, int axes, const lazy_ints *kernel_size,
                                const lazy_ints *stride, const lazy_ints *padding, const lazy_ints *dilation,
                                int64_t attributes[LAZY_POOL_ATTRIBUTES]) {
  const int lead = LAZY_SPATIAL - axes;
  int64_t *kernels = attributes + LAZY_POOL_KERNEL, *paddings = attributes + LAZY_POOL_PADDING;
  attributes[LAZY_POOL_AXES] = axes;
  for (int axis = 0; axis < LAZY_SPATIAL; axis++) {
    kernels[axis] = attributes[LAZY_POOL_STRIDE + axis] = attributes[LAZY_POOL_DILATION + axis] = 1;
    paddings[axis] = 0;
  }
  LAZY_TRY(lazyi_nn_spread(self, "kernel_size", kernel_size, axes, 1, LARGEST, kernels + lead));
  LAZY_TRY(lazyi_nn_spread(self, "stride", stride, axes, 1, LARGEST, attributes + LAZY_POOL_STRIDE + lead));
  LAZY_TRY(lazyi_nn_spread(self, "padding", padding, axes, 0, LARGEST, paddings + lead));
  if (dilation != NULL)
    LAZY_TRY(lazyi_nn_spread(self, "dilation", dilation, axes, 1, LARGEST,
                             attributes + LAZY_POOL_DILATION + lead));
  for (int axis = lead; axis < LAZY_SPATIAL; axis++)
    if (paddings[axis] > kernels[axis] / 2)
      return lazy_status_fail(
          LAZY_STATUS_INVALID_VALUE, "%s: padding is %lld; wanted at most half of kernel_size, which is %lld",
          lazyi_module_class_name(self), (long long)paddings[axis], (long long)kernels[axis]);
  return LAZY_STATUS_OK;
}

static bool is_none(const lazy_ints *ints) { return ints->count == 0 && ints->at[0] == LAZY_INT_NONE; }

static lazy_status refuse_indices(lazy_module *self, bool return_indices) {
  if (!return_indices) return LAZY_STATUS_OK;
  return lazy_status_fail(LAZY_STATUS_UNSUPPORTED, "%s: return_indices is True; wanted False",
                          lazyi_module_class_name(self));
}

static lazy_tensor emit(lazy_recorder *recorder, const lazyi_op *op, const lazy_args *args,
                        lazy_status status, const int64_t *attributes, int count) {
  if (status != LAZY_STATUS_OK) return lazy_recorder_fail(recorder, status, "%s", op->name);
  lazy_tensor input = lazy_arg(recorder, args, 0);
  return recorder->methods->emit(recorder, op, &input, 1, NULL, 0, attributes, count);
}

static lazy_status take_max(lazy_module *self, int axes, int64_t attributes[LAZY_POOL_ATTRIBUTES]) {
  const lazy_max_pool_options *options = lazy_module_self(self);
  attributes[LAZY_POOL_CEIL] = options->ceil_mode;
  attributes[COUNT_PADDING] = attributes[DIVISOR] = 0;
  return take_windows(self, axes, &options->kernel_size, &options->stride, &options->padding,
                      &options->dilation, attributes);
}
static lazy_status max_pool_construct(lazy_module *self, int axes) {
  lazy_max_pool_options *options = lazy_module_self(self);
  int64_t attributes[LAZY_POOL_ATTRIBUTES];
  if (is_none(&options->stride)) options->stride = options->kernel_size;
  LAZY_TRY(refuse_indices(self, options->return_indices));
  return take_max(self, axes, attributes);
}
static lazy_tensor max_pool(lazy_recorder *recorder, lazy_module *self, const lazy_args *args, int axes) {
  int64_t attributes[LAZY_POOL_ATTRIBUTES];
  const lazy_status status = take_max(self, axes, attributes);
  return emit(recorder, &max_pool_op, args, status, attributes, LAZY_POOL_ATTRIBUTES);
}

static lazy_status take_average(lazy_module *self, int axes, int64_t attributes[LAZY_POOL_ATTRIBUTES]) {
  const lazy_avg_pool_options *options = lazy_module_self(self);
  attributes[LAZY_POOL_CEIL] = options->ceil_mode;
  attributes[COUNT_PADDING] = options->count_include_pad;
  attributes[DIVISOR] = 0;
  if (axes > 1 && !is_none(&options->divisor_override)) {
    LAZY_TRY(lazyi_nn_spread(self, "divisor_override", &options->divisor_override, 1, -(int64_t)LARGEST,
                             LARGEST, attributes + DIVISOR));
    if (attributes[DIVISOR] == 0)
      return lazy_status_fail(LAZY_STATUS_INVALID_VALUE,
                              "%s: divisor_override is 0; wanted None or another number",
                              lazyi_module_class_name(self));
  }
  return take_windows(self, axes, &options->kernel_size, &options->stride, &options->padding, NULL,
                      attributes);
}
static lazy_status avg_pool_construct(lazy_module *self, int axes) {
  lazy_avg_pool_options *options = lazy_module_self(self);
  int64_t attributes[LAZY_POOL_ATTRIBUTES];
  if (is_none(&options->stride)) options->stride = options->kernel_size;
  LAZY_TRY(take_average(self, axes, attributes));
  if (axes == 1)
    options->kernel_size.count = options->stride.count = options->padding.count = 1; /* printed so */
  return LAZY_STATUS_OK;
}
static lazy_tensor avg_pool(lazy_recorder *recorder, lazy_module *self, const lazy_args *args, int axes) {
  int64_t attributes[LAZY_POOL_ATTRIBUTES];
  const lazy_status status = take_average(self, axes, attributes);
  return emit(recorder, &avg_pool_op, args, status, attributes, LAZY_POOL_ATTRIBUTES);
}

/* ---- adaptive windows ---- */

static lazy_status take_sizes(lazy_module *self, int axes, int64_t attributes[LAZY_ADAPTIVE_ATTRIBUTES]) {
  const lazy_adaptive_pool_options *options = lazy_module_self(self);
  int64_t *sizes = attributes + LAZY_POOL_KERNEL + LAZY_SPATIAL - axes;
  lazy_ints given = options->output_size;
  for (int i = 0; i < LAZY_OPTION_NUMBERS; i++)
    if (given.at[i] == LAZY_INT_NONE) given.at[i] = 0;
  for (int i = 0; i < LAZY_ADAPTIVE_ATTRIBUTES; i++) attributes[i] = 0;
  attributes[LAZY_POOL_AXES] = axes;
  LAZY_TRY(lazyi_nn_spread(self, "output_size", &given, axes, 0, LARGEST, sizes));
  for (int i = 0; i < axes; i++)
    if (options->output_size.at[options->output_size.count > 1 ? i : 0] == LAZY_INT_NONE) sizes[i] = -1;
  return LAZY_STATUS_OK;
}
static lazy_status adaptive_construct(lazy_module *self, int axes) {
  const lazy_adaptive_pool_options *options = lazy_module_self(self);
  int64_t attributes[LAZY_ADAPTIVE_ATTRIBUTES];
  LAZY_TRY(refuse_indices(self, options->return_indices));
  return take_sizes(self, axes, attributes);
}
static lazy_tensor adaptive(lazy_recorder *recorder, lazy_module *self, const lazy_args *args, int axes,
                            const lazyi_op *op) {
  int64_t attributes[LAZY_ADAPTIVE_ATTRIBUTES];
  const lazy_status status = take_sizes(self, axes, attributes);
  return emit(recorder, op, args, status, attributes, LAZY_ADAPTIVE_ATTRIBUTES);
}

/* ---- the classes ---- */

#define FIELD(name) offsetof(lazy_max_pool_options, name)
static const lazy_option max_options[] = {
    {"kernel_size", LAZY_OPTION_INTS, LAZY_OPTION_REQUIRED | LAZY_OPTION_PRINTED, FIELD(kernel_size), 0,
     NULL},
    {"stride", LAZY_OPTION_INTS, LAZY_OPTION_PRINTED, FIELD(stride), NAN, NULL},
    {"padding", LAZY_OPTION_INTS, LAZY_OPTION_PRINTED, FIELD(padding), 0, NULL},
    {"dilation", LAZY_OPTION_INTS, LAZY_OPTION_PRINTED, FIELD(dilation), 1, NULL},
    {"return_indices", LAZY_OPTION_BOOL, 0, FIELD(return_indices), 0, NULL},
    {"ceil_mode", LAZY_OPTION_BOOL, LAZY_OPTION_PRINTED, FIELD(ceil_mode), 0, NULL},
};
#undef FIELD
#define FIELD(name) offsetof(lazy_avg_pool_options, name)
/* 1d has no divisor_override: the last one. */
static const lazy_option avg_options[] = {
    {"kernel_size", LAZY_OPTION_INTS, LAZY_OPTION_REQUIRED | LAZY_OPTION_PRINTED, FIELD(kernel_size), 0,
     NULL},
    {"stride", LAZY_OPTION_INTS, LAZY_OPTION_PRINTED, FIELD(stride), NAN, NULL},
    {"padding", LAZY_OPTION_INTS, LAZY_OPTION_PRINTED, FIELD(padding), 0, NULL},
    {"ceil_mode", LAZY_OPTION_BOOL, 0, FIELD(ceil_mode), 0, NULL},
    {"count_include_pad", LAZY_OPTION_BOOL, 0, FIELD(count_include_pad), 1, NULL},
    {"divisor_override", LAZY_OPTION_INTS, 0, FIELD(divisor_override), NAN, NULL},
};
#undef FIELD
#define FIELD(name) offsetof(lazy_adaptive_pool_options, name)
/* Average pools have no return_indices: the last one. */
static const lazy_option adaptive_options[] = {
    {"output_size", LAZY_OPTION_INTS, LAZY_OPTION_REQUIRED | LAZY_OPTION_PRINTED, FIELD(output_size), 0,
     NULL},
    {"return_indices", LAZY_OPTION_BOOL, 0, FIELD(return_indices), 0, NULL},
};
#undef FIELD
enum {
  MAX_OPTIONS = sizeof max_options / sizeof *max_options,
  AVG_OPTIONS = sizeof avg_options / sizeof *avg_options,
};

/* CLASS(name of the class's variable, its name, dims, struct, options, their count, construct, forward) */
#define CLASS(variable, name_, axes, options_t, table, count, construct_, ...)                               \
  static lazy_status variable##_construct(lazy_module *self) { return construct_(self, (axes)); }            \
  static lazy_tensor variable##_forward(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) { \
    return __VA_ARGS__;                                                                                      \
  }                                                                                                          \
  const lazy_class lazy_class_##variable = {                                                                 \
      LAZY_CLASS(name_),       .self_bytes = sizeof(options_t),   .options = (table),                        \
      .option_count = (count), .construct = variable##_construct, .forward = variable##_forward};
#define CLASSES(axes)                                                                                  \
  CLASS(max_pool##axes##d, "MaxPool" #axes "d", axes, lazy_max_pool_options, max_options, MAX_OPTIONS, \
        max_pool_construct, max_pool(recorder, self, args, axes))                                      \
  CLASS(avg_pool##axes##d, "AvgPool" #axes "d", axes, lazy_avg_pool_options, avg_options,              \
        AVG_OPTIONS - ((axes) == 1), avg_pool_construct, avg_pool(recorder, self, args, axes))         \
  CLASS(adaptive_avg_pool##axes##d, "AdaptiveAvgPool" #axes "d", axes, lazy_adaptive_pool_options,     \
        adaptive_options, 1, adaptive_construct,                                                       \
        adaptive(recorder, self, args, axes, &adaptive_avg_pool_op))                                   \
  CLASS(adaptive_max_pool##axes##d, "AdaptiveMaxPool" #axes "d", axes, lazy_adaptive_pool_options,     \
        adaptive_options, 2, adaptive_construct,                                                       \
        adaptive(recorder, self, args, axes, &adaptive_max_pool_op))
CLASSES(1)
CLASSES(2)
CLASSES(3)
