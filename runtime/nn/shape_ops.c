/* What only changes how a tensor is looked at: Identity, Flatten. */
#include "runtime/nn/nn.h"

static const char *const operand_names[] = {"input"};

static const lazyi_op flatten_op = {
    .name = "flatten", .rule = LAZY_RULE_FLATTEN, .is_view = true, .operand_names = operand_names};

lazy_tensor lazy_flatten(lazy_recorder *recorder, lazy_tensor input, int start_dim, int end_dim) {
  const int64_t attributes[] = {start_dim, end_dim};
  return recorder->methods->emit(recorder, &flatten_op, &input, 1, NULL, 0, attributes, 2);
}

static lazy_tensor flatten_forward(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  const lazy_flatten_options *options = lazy_module_self(self);
  const int64_t attributes[] = {options->start_dim, options->end_dim};
  lazy_tensor input = lazy_arg(recorder, args, 0);
  return recorder->methods->emit(recorder, &flatten_op, &input, 1, NULL, 0, attributes, 2);
}

static lazy_tensor identity_forward(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  (void)self;
  return lazy_arg(recorder, args, 0);
}

static const lazy_option flatten_options[] = {
    {"start_dim", LAZY_OPTION_INT, LAZY_OPTION_PRINTED, offsetof(lazy_flatten_options, start_dim), 1, NULL},
    {"end_dim", LAZY_OPTION_INT, LAZY_OPTION_PRINTED, offsetof(lazy_flatten_options, end_dim), -1, NULL},
};

const lazy_class lazy_class_identity = {LAZY_CLASS("Identity"), .forward = identity_forward};
const lazy_class lazy_class_flatten = {
    LAZY_CLASS("Flatten"),      .self_bytes = sizeof(lazy_flatten_options),
    .options = flatten_options, .option_count = 2,
    .forward = flatten_forward,
};
