/* Shape rules of the norms.. */
#ifndef LAZYRT_KERNELS_NORM_RULES_H
#define LAZYRT_KERNELS_NORM_RULES_H

#include "kernels/rule_call.h"

/* Batch, instance and group norm: an element of a parameter for each channel; the output is as the input. */
LAZY_RULE_INLINE int32_t rule_norm(const struct lazy_rule_call *call) {
  const int64_t *input = rule_row(call, 0);
  int32_t rank = (int32_t)LAZY_ROW_AT(input, LAZY_ROW_RANK), inputs = call->node->input_count;
  int64_t lowest = call->attributes[LAZY_NORM_LOWEST], highest = call->attributes[LAZY_NORM_HIGHEST];
  int64_t values = call->attributes[LAZY_NORM_VALUES], divisor = call->attributes[LAZY_NORM_DIVISOR];
  if (rank < lowest || rank > highest)
    return rule_fail(call, LAZY_SHAPE_RANK_RANGE, 0, (int32_t)lowest, rank, highest);
  int32_t dim = rank == call->attributes[LAZY_NORM_UNBATCHED] ? 0 : 1;
  int32_t channel = LAZY_ROW_DIMS - rank + dim;
  lazy_dim channels = LAZY_ROW_AT(input, channel);
  if (divisor > 1 && !dim_divides(divisor, channels))
    return rule_fail(call, LAZY_SHAPE_GROUPS, 0, dim, channels, divisor);
  for (int32_t i = 0; i < call->node->param_count; i++) {
    int64_t *param = rule_param(call, i);
    int32_t wanted = i < call->attributes[LAZY_NORM_VECTORS] ? 1 : 0;
    int32_t status = rule_unify_rank(call, i, wanted);
    if (status == LAZY_SHAPE_UNSHAPED) rule_write(call, param, wanted, 1, wanted == 0 ? 1 : channels);
    else if (status != LAZY_SHAPE_OK) return status;
    else if (wanted == 1 && !dim_equal(LAZY_ROW_AT(param, LAZY_ROW_DIMS - 1), channels))
      return rule_fail(call, LAZY_SHAPE_DIM_MISMATCH, 0, dim, channels,
                       LAZY_ROW_AT(param, LAZY_ROW_DIMS - 1));
  }
  if (values != LAZY_NORM_ANY) {
    lazy_dim count = values == LAZY_NORM_OF_GROUP ? dim_divide(channels, divisor) : 1;
    for (int32_t i = LAZY_ROW_DIMS - rank; i < LAZY_ROW_DIMS; i++)
      if (i > channel || (i < channel && values != LAZY_NORM_OF_SPACE))
        count = dim_mul(count, LAZY_ROW_AT(input, i));
    if (dim_is_one(count)) return rule_fail(call, LAZY_SHAPE_ONE_VALUE, inputs - 1, -1, 1, values);
  }
  return rule_same(call);
}

/* Layer and RMS norm: parameters of the last dims' sizes; the output is as the input. */
LAZY_RULE_INLINE int32_t rule_norm_last(const struct lazy_rule_call *call) {
  const int64_t *input = rule_row(call, 0);
  int32_t rank = (int32_t)LAZY_ROW_AT(input, LAZY_ROW_RANK), count = (int32_t)call->attributes[0];
  int32_t first = LAZY_ROW_DIMS - count;
  if (rank < count) return rule_fail(call, LAZY_SHAPE_RANK_TOO_LOW, 0, -1, rank, count);
  for (int32_t i = 0; i < count; i++) {
    int64_t given = call->attributes[1 + i];
    lazy_dim size = LAZY_ROW_AT(input, first + i);
    if (given >= 0 && !dim_equal(size, given))
      return rule_fail(call, LAZY_SHAPE_DIM_MISMATCH, 0, rank - count + i, size, given);
  }
  for (int32_t i = 0; i < call->node->param_count; i++) {
    int64_t *param = rule_param(call, i);
    int32_t status = rule_unify_rank(call, i, count);
    if (status != LAZY_SHAPE_OK && status != LAZY_SHAPE_UNSHAPED) return status;
    for (int32_t j = first; j < LAZY_ROW_DIMS; j++) {
      if (status == LAZY_SHAPE_UNSHAPED) LAZY_ROW_AT(param, j) = LAZY_ROW_AT(input, j);
      else if (!dim_equal(LAZY_ROW_AT(param, j), LAZY_ROW_AT(input, j)))
        return rule_fail(call, LAZY_SHAPE_DIM_MISMATCH, 0, rank - LAZY_ROW_DIMS + j, LAZY_ROW_AT(input, j),
                         LAZY_ROW_AT(param, j));
    }
    if (status == LAZY_SHAPE_UNSHAPED) LAZY_ROW_AT(param, LAZY_ROW_RANK) = count;
  }
  return rule_same(call);
}

#endif
