/* Shape rules: (attributes, input shapes, known parameter shapes) -> (parameter shapes, output shapes,
   error). Families of layers have files of their own (recurrent_rules.h); rule_call.h has the words. */
#ifndef LAZYRT_KERNELS_SHAPE_RULES_H
#define LAZYRT_KERNELS_SHAPE_RULES_H

#include "kernels/conv_rules.h"
#include "kernels/norm_rules.h"
#include "kernels/recurrent_rules.h"
#include "kernels/rule_call.h"
#include "kernels/softmax_rules.h"
#include "kernels/spatial_rules.h"

/* ---- rules ---- */

LAZY_RULE_INLINE int32_t rule_given(const struct lazy_rule_call *call) {
  int32_t outputs = call->node->output_count;
  if (call->node->attribute_count == 0) return LAZY_SHAPE_OK;
  for (int32_t output = 0; output < outputs; output++) {
    int64_t *row = rule_output(call, output);
    for (int32_t i = 0; i < LAZY_ROW; i++) LAZY_ROW_AT(row, i) = call->attributes[output * LAZY_ROW + i];
  }
  return LAZY_SHAPE_OK;
}

/* PyTorch's broadcasting over any number of inputs: sizes aligned on the right are equal or one. */
LAZY_RULE_INLINE int32_t rule_broadcast(const struct lazy_rule_call *call) {
  int32_t inputs = call->node->input_count;
  int64_t *output = rule_output(call, 0);
  const int64_t *first = rule_row(call, 0);
  int64_t rank = LAZY_ROW_AT(first, LAZY_ROW_RANK);
  for (int32_t input = 1; input < inputs; input++) {
    const int64_t *row = rule_row(call, input);
    if (LAZY_ROW_AT(row, LAZY_ROW_RANK) > rank) rank = LAZY_ROW_AT(row, LAZY_ROW_RANK);
  }
  for (int32_t i = 0; i < LAZY_ROW_DIMS; i++) {
    lazy_dim size = LAZY_ROW_AT(first, i);
    for (int32_t input = 1; input < inputs; input++) {
      const int64_t *row = rule_row(call, input);
      lazy_dim other = LAZY_ROW_AT(row, i);
      if (dim_is_one(size)) size = other;
      else if (!dim_equal(size, other) && !dim_is_one(other))
        return rule_fail(call, LAZY_SHAPE_BROADCAST, input,
                         i - LAZY_ROW_DIMS + (int32_t)LAZY_ROW_AT(row, LAZY_ROW_RANK), other, size);
    }
    LAZY_ROW_AT(output, i) = size;
  }
  LAZY_ROW_AT(output, LAZY_ROW_RANK) = rank;
  return rule_check_output(call, output);
}

/* y = x W^T + b: weight (out, in), bias (out). Follows torch.nn.functional.linear; in = the input's last
 * size. */
LAZY_RULE_INLINE int32_t rule_linear(const struct lazy_rule_call *call) {
  const int64_t *input = rule_row(call, 0);
  int64_t *weight = rule_param(call, 0), *output = rule_output(call, 0);
  int32_t rank = (int32_t)LAZY_ROW_AT(input, LAZY_ROW_RANK), inputs = call->node->input_count, status;
  lazy_dim in = LAZY_ROW_AT(input, LAZY_ROW_DIMS - 1), out = call->attributes[0];
  if (rank < 1) return rule_fail(call, LAZY_SHAPE_RANK_TOO_LOW, 0, -1, rank, 1);
  status = rule_unify_rank(call, 0, 2);
  if (status == LAZY_SHAPE_OK) {
    lazy_dim rows = LAZY_ROW_AT(weight, LAZY_ROW_DIMS - 2), columns = LAZY_ROW_AT(weight, LAZY_ROW_DIMS - 1);
    if (out == -1) out = rows;
    if (!dim_equal(rows, out)) return rule_fail(call, LAZY_SHAPE_PARAM_MISMATCH, inputs, 0, rows, out);
    if (!dim_equal(in, columns)) return rule_fail(call, LAZY_SHAPE_DIM_MISMATCH, 0, rank - 1, in, columns);
  } else if (status == LAZY_SHAPE_UNSHAPED) {
    if (out == -1) return rule_fail(call, LAZY_SHAPE_UNSHAPED, inputs, -1, LAZY_RANK_UNSHAPED, 2);
    if (dim_negative(out)) return rule_fail(call, LAZY_SHAPE_NEGATIVE, inputs, 0, out, 0);
    if (!dim_fits(out) || !dim_fits(dim_mul(out, in)))
      return rule_fail(call, LAZY_SHAPE_OVERFLOW, inputs, -1, LAZY_DIM_LIMIT, LAZY_DIM_LIMIT - 1);
    rule_write(call, weight, 2, out, in);
  } else {
    return status;
  }
  if (call->node->param_count > 1) {
    int64_t *bias = rule_param(call, 1);
    status = rule_unify_rank(call, 1, 1);
    if (status == LAZY_SHAPE_UNSHAPED) rule_write(call, bias, 1, 1, out);
    else if (status != LAZY_SHAPE_OK) return status;
    else if (!dim_equal(LAZY_ROW_AT(bias, LAZY_ROW_DIMS - 1), out))
      return rule_fail(call, LAZY_SHAPE_PARAM_MISMATCH, inputs + 1, 0, LAZY_ROW_AT(bias, LAZY_ROW_DIMS - 1),
                       out);
  }
  for (int32_t i = 0; i < LAZY_ROW_DIMS - 1; i++) LAZY_ROW_AT(output, i) = LAZY_ROW_AT(input, i);
  LAZY_ROW_AT(output, LAZY_ROW_DIMS - 1) = out;
  LAZY_ROW_AT(output, LAZY_ROW_RANK) = rank;
  return rule_check_output(call, output);
}

/* torch.flatten: dims start to end become one; negative ones count from the end; a scalar becomes one of one.
 */
LAZY_RULE_INLINE int32_t rule_flatten(const struct lazy_rule_call *call) {
  const int64_t *input = rule_row(call, 0);
  int64_t *output = rule_output(call, 0);
  int32_t rank = (int32_t)LAZY_ROW_AT(input, LAZY_ROW_RANK);
  int64_t start = call->attributes[0], end = call->attributes[1];
  if (rank == 0) rank = 1; /* the row of a scalar is the row of one element but for its rank */
  if (start < -rank || start >= rank) return rule_fail(call, LAZY_SHAPE_NO_SUCH_DIM, 0, 0, start, rank);
  if (end < -rank || end >= rank) return rule_fail(call, LAZY_SHAPE_NO_SUCH_DIM, 0, 1, end, rank);
  if (start < 0) start += rank;
  if (end < 0) end += rank;
  if (start > end) return rule_fail(call, LAZY_SHAPE_DIM_ORDER, 0, -1, start, end);
  int32_t first = LAZY_ROW_DIMS - rank + (int32_t)start, last = LAZY_ROW_DIMS - rank + (int32_t)end;
  int32_t shift = last - first; /* sizes after `last` stay in place, those before `first` move right */
  lazy_dim merged = 1;
  for (int32_t i = first; i <= last; i++) merged = dim_mul(merged, LAZY_ROW_AT(input, i));
  if (!dim_fits(merged))
    return rule_fail(call, LAZY_SHAPE_OVERFLOW, 0, -1, LAZY_DIM_LIMIT, LAZY_DIM_LIMIT - 1);
  for (int32_t i = 0; i < LAZY_ROW_DIMS; i++) {
    lazy_dim size = i > last    ? LAZY_ROW_AT(input, i)
                    : i == last ? merged
                    : i < shift ? 1
                                : LAZY_ROW_AT(input, i - shift);
    LAZY_ROW_AT(output, i) = size;
  }
  LAZY_ROW_AT(output, LAZY_ROW_RANK) = rank - shift;
  return LAZY_SHAPE_OK;
}

/* Sums over a set's parameters: the output row holds elements at 0 and aligned bytes at 1. A sum that is too
   large stays LAZY_DIM_LIMIT. */
LAZY_RULE_INLINE int32_t rule_tally(const struct lazy_rule_call *call) {
  const int64_t *param = rule_param(call, 0);
  int64_t *output = rule_output(call, 0);
  if (LAZY_ROW_AT(param, LAZY_ROW_RANK) < 0)
    return rule_fail(call, LAZY_SHAPE_UNSHAPED, 0, -1, LAZY_RANK_UNSHAPED, 0);
  lazy_dim count = rule_count(call, param);
  lazy_dim bytes = dim_align(dim_mul(count, call->attributes[0]), LAZY_PARAM_ALIGNMENT);
  LAZY_ROW_AT(output, 0) = dim_add(LAZY_ROW_AT(output, 0), count);
  LAZY_ROW_AT(output, 1) = dim_add(LAZY_ROW_AT(output, 1), bytes);
  return LAZY_SHAPE_OK;
}

/* ---- the walk ---- */

/* Runs one node's rule, which is `rule`: LAZY_SHAPE_OK, or the code of the error that `call->error` now
   holds, all but its node. */
LAZY_RULE_INLINE int32_t lazy_shape_rule_run_as(const struct lazy_rule_call *call, int32_t rule) {
  int32_t inputs = call->node->input_count;
  for (int32_t input = 0; input < inputs; input++) {
    const int64_t *row = rule_row(call, input);
    if (LAZY_ROW_AT(row, LAZY_ROW_RANK) < 0)
      return rule_fail(call, LAZY_SHAPE_UNSHAPED, input, -1, LAZY_RANK_UNSHAPED, 0);
  }
  switch (rule) {
    case LAZY_RULE_GIVEN: return rule_given(call);
    case LAZY_RULE_SAME: return rule_same(call);
    case LAZY_RULE_BROADCAST: return rule_broadcast(call);
    case LAZY_RULE_LINEAR: return rule_linear(call);
    case LAZY_RULE_FLATTEN: return rule_flatten(call);
    case LAZY_RULE_TALLY: return rule_tally(call);
    case LAZY_RULE_NORM: return rule_norm(call);
    case LAZY_RULE_POOL: return rule_pool(call);
    case LAZY_RULE_ADAPTIVE_POOL: return rule_adaptive_pool(call);
    case LAZY_RULE_CONV: return rule_conv(call, 0);
    case LAZY_RULE_CONV_TRANSPOSE: return rule_conv(call, 1);
    case LAZY_RULE_LSTM: return rule_recurrent(call, 4, 2);
    case LAZY_RULE_GRU: return rule_recurrent(call, 3, 1);
    case LAZY_RULE_NORM_LAST: return rule_norm_last(call);
    case LAZY_RULE_SOFTMAX: return rule_softmax(call);
    default: return rule_fail(call, LAZY_SHAPE_UNKNOWN_RULE, 0, -1, rule, LAZY_RULE_COUNT);
  }
}
LAZY_RULE_INLINE int32_t lazy_shape_rule_run(const struct lazy_rule_call *call) {
  return lazy_shape_rule_run_as(call, call->node->rule);
}

#endif
