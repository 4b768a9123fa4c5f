/* The shape rules of convolutions, Follow torch.nn.functional.conv{1,2,3}d and
   conv_transpose{1,2,3}d; what construction checks (positive kernels, strides, groups) is not asked again. */
#ifndef LAZYRT_KERNELS_CONV_RULES_H
#define LAZYRT_KERNELS_CONV_RULES_H

#include "kernels/rule_call.h"

/* Attribute `which` of the `dim`-th dim of space. */
LAZY_RULE_INLINE lazy_dim conv_at(const struct lazy_rule_call *call, int32_t dim, int32_t which) {
  return call->attributes[LAZY_CONV_FIRST + dim * LAZY_CONV_EACH + which];
}
/* How far a kernel reaches: dilation (kernel - 1) + 1. */
LAZY_RULE_INLINE lazy_dim conv_reach(const struct lazy_rule_call *call, int32_t dim) {
  return dim_add(dim_mul(conv_at(call, dim, LAZY_CONV_DILATION), conv_at(call, dim, LAZY_CONV_KERNEL) - 1),
                 1);
}

/* weight is (first, second, kernel...): a known one is compared, an unshaped one written. For a known one
   that disagrees with the input, the input is named: `in` channels where `per_second` x second is wanted. */
LAZY_RULE_INLINE int32_t conv_weight(const struct lazy_rule_call *call, int32_t space, lazy_dim first,
                                     lazy_dim second) {
  int64_t *weight = rule_param(call, 0);
  const int32_t inputs = call->node->input_count, status = rule_unify_rank(call, 0, space + 2);
  lazy_dim count = dim_mul(first, second);
  if (status == LAZY_SHAPE_OK) {
    for (int32_t dim = 0; dim < space + 2; dim++) {
      const lazy_dim known = LAZY_ROW_AT(weight, LAZY_ROW_DIMS - space - 2 + dim);
      const lazy_dim wanted = dim == 0 ? first : dim == 1 ? second : conv_at(call, dim - 2, LAZY_CONV_KERNEL);
      if (!dim_equal(known, wanted))
        return rule_fail(call, LAZY_SHAPE_PARAM_MISMATCH, inputs, dim, known, wanted);
    }
    return LAZY_SHAPE_OK;
  }
  if (status != LAZY_SHAPE_UNSHAPED) return status;
  for (int32_t dim = 0; dim < space; dim++) count = dim_mul(count, conv_at(call, dim, LAZY_CONV_KERNEL));
  if (!dim_fits(count))
    return rule_fail(call, LAZY_SHAPE_OVERFLOW, inputs, -1, LAZY_DIM_LIMIT, LAZY_DIM_LIMIT - 1);
  LAZY_ROW_AT(weight, LAZY_ROW_DIMS - space - 2) = first;
  LAZY_ROW_AT(weight, LAZY_ROW_DIMS - space - 1) = second;
  for (int32_t dim = 0; dim < space; dim++)
    LAZY_ROW_AT(weight, LAZY_ROW_DIMS - space + dim) = conv_at(call, dim, LAZY_CONV_KERNEL);
  LAZY_ROW_AT(weight, LAZY_ROW_RANK) = space + 2;
  return LAZY_SHAPE_OK;
}

LAZY_RULE_INLINE int32_t conv_bias(const struct lazy_rule_call *call, int32_t param, lazy_dim channels) {
  int64_t *bias = rule_param(call, param);
  const int32_t operand = call->node->input_count + param, status = rule_unify_rank(call, param, 1);
  const lazy_dim known = LAZY_ROW_AT(bias, LAZY_ROW_DIMS - 1);
  if (status == LAZY_SHAPE_UNSHAPED) rule_write(call, bias, 1, 1, channels);
  else if (status != LAZY_SHAPE_OK) return status;
  else if (!dim_equal(known, channels))
    return rule_fail(call, LAZY_SHAPE_PARAM_MISMATCH, operand, 0, known, channels);
  return LAZY_SHAPE_OK;
}

/* floor((size + low + high - reach) / stride) + 1 */
LAZY_RULE_INLINE int32_t conv_size(const struct lazy_rule_call *call, int32_t dim, int32_t at, lazy_dim size,
                                   lazy_dim *out_size) {
  const lazy_dim low = conv_at(call, dim, LAZY_CONV_LOW), high = conv_at(call, dim, LAZY_CONV_HIGH);
  const lazy_dim padding = dim_max(low, high), padded = dim_add(dim_add(size, low), high),
                 reach = conv_reach(call, dim);
  const int64_t mode = call->attributes[LAZY_CONV_MODE];
  const lazy_dim most = mode == LAZY_PAD_REFLECT ? dim_sub(size, 1) : size;
  if (mode != LAZY_PAD_ZEROS && padding > 0 &&
      (dim_is_none(size) || (mode != LAZY_PAD_REPLICATE && padding > most)))
    return rule_fail(call, LAZY_SHAPE_PADDING, 0, at, padding, most);
  if (padded < reach) return rule_fail(call, LAZY_SHAPE_KERNEL, 0, at, padded, reach);
  *out_size = dim_add(dim_divide(dim_sub(padded, reach), conv_at(call, dim, LAZY_CONV_STRIDE)), 1);
  return LAZY_SHAPE_OK;
}

/* (size - 1) stride - low - high + reach + extra; a wanted size lies in the stride steps from there on. */
LAZY_RULE_INLINE int32_t conv_transpose_size(const struct lazy_rule_call *call, int32_t dim, int32_t at,
                                             lazy_dim size, lazy_dim *out_size) {
  const lazy_dim stride = conv_at(call, dim, LAZY_CONV_STRIDE), wanted = conv_at(call, dim, LAZY_CONV_WANTED);
  const lazy_dim spread = dim_is_none(size) ? -stride : dim_mul(dim_sub(size, 1), stride);
  const lazy_dim padding = dim_add(conv_at(call, dim, LAZY_CONV_LOW), conv_at(call, dim, LAZY_CONV_HIGH));
  const lazy_dim least = dim_sub(dim_add(spread, conv_reach(call, dim)), padding);
  lazy_dim found = dim_add(least, conv_at(call, dim, LAZY_CONV_EXTRA));
  if (!dim_negative(wanted)) {
    if (wanted < least) return rule_fail(call, LAZY_SHAPE_TOO_SMALL, 0, at, wanted, least);
    if (wanted >= dim_add(least, stride))
      return rule_fail(call, LAZY_SHAPE_TOO_LARGE, 0, at, wanted, dim_add(least, stride) - 1);
    found = wanted;
  }
  if (found < 1) return rule_fail(call, LAZY_SHAPE_TOO_SMALL, 0, at, found, 1);
  *out_size = found;
  return LAZY_SHAPE_OK;
}

/* The weight of a convolution is (out, in / groups, kernel...), of a transposed one (in, out / groups,
   kernel...). An input without a batch has one dim less, and so has the output. */
LAZY_RULE_INLINE int32_t rule_conv(const struct lazy_rule_call *call, int transposed) {
  const int64_t *input = rule_row(call, 0);
  int64_t *weight = rule_param(call, 0), *output = rule_output(call, 0);
  const int32_t space = (int32_t)call->attributes[LAZY_CONV_SPACE], inputs = call->node->input_count;
  const int32_t rank = (int32_t)LAZY_ROW_AT(input, LAZY_ROW_RANK), channel = LAZY_ROW_DIMS - space - 1;
  const lazy_dim groups = call->attributes[LAZY_CONV_GROUPS];
  if (rank != space + 1 && rank != space + 2)
    return rule_fail(call, LAZY_SHAPE_RANK_RANGE, 0, space + 1, rank, space + 2);
  const lazy_dim in = LAZY_ROW_AT(input, channel);
  const int32_t has_weight = LAZY_ROW_AT(weight, LAZY_ROW_RANK) == space + 2;
  lazy_dim out = call->attributes[LAZY_CONV_OUT];
  if (!dim_divides(groups, in)) return rule_fail(call, LAZY_SHAPE_GROUPS, 0, rank - space - 1, in, groups);
  const lazy_dim first = LAZY_ROW_AT(weight, channel - 1), second = LAZY_ROW_AT(weight, channel);
  if (out == -1) {
    if (!has_weight) return rule_fail(call, LAZY_SHAPE_UNSHAPED, inputs, -1, LAZY_RANK_UNSHAPED, space + 2);
    out = transposed ? dim_mul(second, groups) : first;
  }
  if (!dim_divides(groups, out)) return rule_fail(call, LAZY_SHAPE_GROUPS, inputs, 0, out, groups);
  /* A weight that is known says how many channels the input has. */
  if (has_weight && !dim_equal(in, transposed ? first : dim_mul(second, groups)))
    return rule_fail(call, LAZY_SHAPE_DIM_MISMATCH, 0, rank - space - 1, in,
                     transposed ? first : dim_mul(second, groups));
  int32_t status = transposed ? conv_weight(call, space, in, dim_divide(out, groups))
                              : conv_weight(call, space, out, dim_divide(in, groups));
  if (status == LAZY_SHAPE_OK && call->node->param_count > 1) status = conv_bias(call, 1, out);
  for (int32_t i = 0; i < channel; i++) LAZY_ROW_AT(output, i) = LAZY_ROW_AT(input, i);
  LAZY_ROW_AT(output, channel) = out;
  for (int32_t dim = 0; dim < space && status == LAZY_SHAPE_OK; dim++) {
    const int32_t at = rank - space + dim;
    const lazy_dim size = LAZY_ROW_AT(input, channel + 1 + dim);
    lazy_dim found = 0;
    status = transposed ? conv_transpose_size(call, dim, at, size, &found)
                        : conv_size(call, dim, at, size, &found);
    LAZY_ROW_AT(output, channel + 1 + dim) = found;
  }
  if (status != LAZY_SHAPE_OK) return status;
  LAZY_ROW_AT(output, LAZY_ROW_RANK) = rank;
  return rule_check_output(call, output);
}

#endif
