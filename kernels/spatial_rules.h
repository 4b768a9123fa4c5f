/* Shape rules of what works on the last dims of an input. */
#ifndef LAZYRT_KERNELS_SPATIAL_RULES_H
#define LAZYRT_KERNELS_SPATIAL_RULES_H

#include "kernels/rule_call.h"

/* Windows of a pool along one dim, as PyTorch counts them; 0 where none fits. All but `in` are below 2^31. */
LAZY_RULE_INLINE lazy_dim dim_windows(lazy_dim in, int64_t padding, int64_t window, int64_t stride,
                                      int64_t ceil) {
  const lazy_dim room = in + 2 * padding - window + (ceil != 0 ? stride - 1 : 0);
  if (room < 0) return 0;
  const lazy_dim last = room / stride; /* it begins in the input or its left padding */
  return last * stride >= in + padding && ceil != 0 ? last : last + 1;
}

/* The input of a pool: axes dims of space behind one of channels and, maybe, one of the batch; only the first
   of them all may be 0 long. */
LAZY_RULE_INLINE int32_t rule_space(const struct lazy_rule_call *call, int32_t axes) {
  const int64_t *input = rule_row(call, 0);
  int32_t rank = (int32_t)LAZY_ROW_AT(input, LAZY_ROW_RANK);
  if (rank < axes + 1 || rank > axes + 2)
    return rule_fail(call, LAZY_SHAPE_RANK_RANGE, 0, axes + 1, rank, axes + 2);
  for (int32_t dim = 1; dim < rank; dim++)
    if (dim_equal(LAZY_ROW_AT(input, LAZY_ROW_DIMS - rank + dim), 0))
      return rule_fail(call, LAZY_SHAPE_EMPTY, 0, dim, 0, 1);
  return rule_same(call);
}

LAZY_RULE_INLINE int32_t rule_pool(const struct lazy_rule_call *call) {
  const int64_t *input = rule_row(call, 0);
  int64_t *output = rule_output(call, 0);
  int32_t axes = (int32_t)call->attributes[LAZY_POOL_AXES], status = rule_space(call, axes);
  if (status != LAZY_SHAPE_OK) return status;
  for (int32_t axis = LAZY_SPATIAL - axes; axis < LAZY_SPATIAL; axis++) {
    const int64_t *attributes = call->attributes + axis;
    int32_t at = LAZY_ROW_DIMS - LAZY_SPATIAL + axis;
    lazy_dim in = LAZY_ROW_AT(input, at);
    int64_t padding = attributes[LAZY_POOL_PADDING];
    int64_t window = (attributes[LAZY_POOL_KERNEL] - 1) * attributes[LAZY_POOL_DILATION] + 1;
    lazy_dim out =
        dim_windows(in, padding, window, attributes[LAZY_POOL_STRIDE], call->attributes[LAZY_POOL_CEIL]);
    if (dim_equal(out, 0))
      return rule_fail(call, LAZY_SHAPE_WINDOW, 0,
                       at - LAZY_ROW_DIMS + (int32_t)LAZY_ROW_AT(input, LAZY_ROW_RANK), in + 2 * padding,
                       window);
    LAZY_ROW_AT(output, at) = out;
  }
  return rule_check_output(call, output);
}

LAZY_RULE_INLINE int32_t rule_adaptive_pool(const struct lazy_rule_call *call) {
  int64_t *output = rule_output(call, 0);
  int32_t axes = (int32_t)call->attributes[LAZY_POOL_AXES], status = rule_space(call, axes);
  if (status != LAZY_SHAPE_OK) return status;
  for (int32_t axis = LAZY_SPATIAL - axes; axis < LAZY_SPATIAL; axis++) {
    lazy_dim size = call->attributes[LAZY_POOL_KERNEL + axis];
    if (!dim_negative(size)) LAZY_ROW_AT(output, LAZY_ROW_DIMS - LAZY_SPATIAL + axis) = size;
  }
  return rule_check_output(call, output);
}

#endif
