/* Shape rules of recurrent layers. */
#ifndef LAZYRT_KERNELS_RECURRENT_RULES_H
#define LAZYRT_KERNELS_RECURRENT_RULES_H

#include "kernels/rule_call.h"

/* A parameter of rank 1 (rows -1) or 2. Where it is known and its columns are the input's features, it is the
   input that is wrong. */
LAZY_RULE_INLINE int32_t rule_recurrent_param(const struct lazy_rule_call *call, int32_t param, lazy_dim rows,
                                              lazy_dim columns, int32_t is_of_input) {
  int64_t *row = rule_param(call, param);
  const int32_t rank = rows < 0 ? 1 : 2, inputs = call->node->input_count;
  const int32_t status = rule_unify_rank(call, param, rank);
  if (status == LAZY_SHAPE_UNSHAPED) {
    if (!dim_fits(columns) || !dim_fits(rank == 1 ? columns : dim_mul(rows, columns)))
      return rule_fail(call, LAZY_SHAPE_OVERFLOW, inputs + param, -1, LAZY_DIM_LIMIT, LAZY_DIM_LIMIT - 1);
    rule_write(call, row, rank, rank == 1 ? 1 : rows, columns);
    return LAZY_SHAPE_OK;
  }
  if (status != LAZY_SHAPE_OK) return status;
  const lazy_dim found = LAZY_ROW_AT(row, LAZY_ROW_DIMS - 1);
  if (rank == 2 && !dim_equal(LAZY_ROW_AT(row, LAZY_ROW_DIMS - 2), rows))
    return rule_fail(call, LAZY_SHAPE_PARAM_MISMATCH, inputs + param, 0, LAZY_ROW_AT(row, LAZY_ROW_DIMS - 2),
                     rows);
  if (dim_equal(found, columns)) return LAZY_SHAPE_OK;
  if (is_of_input) {
    const int32_t input_rank = (int32_t)LAZY_ROW_AT(rule_row(call, 0), LAZY_ROW_RANK);
    return rule_fail(call, LAZY_SHAPE_DIM_MISMATCH, 0, input_rank - 1, columns, found);
  }
  return rule_fail(call, LAZY_SHAPE_PARAM_MISMATCH, inputs + param, rank - 1, found, columns);
}

/* A state: (layers * directions, batch, size), without the batch for a single sequence. */
LAZY_RULE_INLINE int32_t rule_recurrent_state(const struct lazy_rule_call *call, int32_t input, int32_t rank,
                                              lazy_dim stack, lazy_dim batch, lazy_dim size) {
  const int64_t *row = rule_row(call, input);
  const int64_t found = LAZY_ROW_AT(row, LAZY_ROW_RANK);
  if (found != rank) return rule_fail(call, LAZY_SHAPE_RANK_RANGE, input, rank, found, rank);
  for (int32_t i = 0; i < rank; i++) {
    const lazy_dim wanted = i == 0 ? stack : i == rank - 1 ? size : batch;
    const lazy_dim at = LAZY_ROW_AT(row, LAZY_ROW_DIMS - rank + i);
    if (!dim_equal(at, wanted)) return rule_fail(call, LAZY_SHAPE_STATE_MISMATCH, input, i, at, wanted);
  }
  return LAZY_SHAPE_OK;
}

LAZY_RULE_INLINE int32_t rule_recurrent_output(const struct lazy_rule_call *call, int32_t output,
                                               int32_t rank, lazy_dim first, lazy_dim second, lazy_dim last) {
  int64_t *row = rule_output(call, output);
  for (int32_t i = 0; i < LAZY_ROW_DIMS; i++) LAZY_ROW_AT(row, i) = 1;
  LAZY_ROW_AT(row, LAZY_ROW_DIMS - 1) = last;
  LAZY_ROW_AT(row, LAZY_ROW_DIMS - 2) = rank == 3 ? second : first;
  if (rank == 3) LAZY_ROW_AT(row, LAZY_ROW_DIMS - 3) = first;
  LAZY_ROW_AT(row, LAZY_ROW_RANK) = rank;
  return rule_check_output(call, row);
}

/* torch.nn.LSTM (4 gates, 2 states) and GRU (3 gates, 1 state): input (steps, batch, features), or batch
   first, or one sequence (steps, features); params by layer, then direction: weight_ih, weight_hh, bias_ih,
   bias_hh, and of a projection weight_hr. */
LAZY_RULE_INLINE int32_t rule_recurrent(const struct lazy_rule_call *call, int32_t gates, int32_t states) {
  const int64_t *input = rule_row(call, 0), *attributes = call->attributes;
  const lazy_dim hidden = attributes[LAZY_RECURRENT_HIDDEN], out = attributes[LAZY_RECURRENT_OUT];
  const int32_t rank = (int32_t)LAZY_ROW_AT(input, LAZY_ROW_RANK);
  const int64_t layers = attributes[LAZY_RECURRENT_LAYERS],
                directions = attributes[LAZY_RECURRENT_DIRECTIONS];
  const int32_t batch_first = attributes[LAZY_RECURRENT_BATCH_FIRST] != 0;
  int32_t param = 0, status = LAZY_SHAPE_OK;
  if (rank < 2 || rank > 3) return rule_fail(call, LAZY_SHAPE_RANK_RANGE, 0, 2, rank, 3);
  const lazy_dim first = LAZY_ROW_AT(input, LAZY_ROW_DIMS - rank),
                 second = LAZY_ROW_AT(input, LAZY_ROW_DIMS - 2);
  const lazy_dim steps = rank == 3 && batch_first ? second : first;
  const lazy_dim batch = rank == 2 ? 1 : batch_first ? first : second;
  if (dim_equal(steps, 0))
    return rule_fail(call, LAZY_SHAPE_NO_STEPS, 0, rank == 3 && batch_first ? 1 : 0, 0, 1);
  const lazy_dim rows = dim_mul(hidden, gates), width = dim_mul(out, directions);
  for (int64_t stack = 0; stack < layers * directions && status == LAZY_SHAPE_OK; stack++) {
    const int32_t is_first = stack < directions;
    const lazy_dim features = is_first ? LAZY_ROW_AT(input, LAZY_ROW_DIMS - 1) : width;
    status = rule_recurrent_param(call, param++, rows, features, is_first);
    if (status == LAZY_SHAPE_OK) status = rule_recurrent_param(call, param++, rows, out, 0);
    for (int32_t i = 0; attributes[LAZY_RECURRENT_BIAS] != 0 && i < 2 && status == LAZY_SHAPE_OK; i++)
      status = rule_recurrent_param(call, param++, -1, rows, 0);
    if (!dim_equal(out, hidden) && status == LAZY_SHAPE_OK)
      status = rule_recurrent_param(call, param++, out, hidden, 0);
  }
  for (int32_t i = 1; i < call->node->input_count && status == LAZY_SHAPE_OK; i++)
    status = rule_recurrent_state(call, i, rank, layers * directions, batch, i == 1 ? out : hidden);
  if (status == LAZY_SHAPE_OK) status = rule_recurrent_output(call, 0, rank, first, second, width);
  for (int32_t i = 0; i < states && status == LAZY_SHAPE_OK; i++)
    status = rule_recurrent_output(call, 1 + i, rank, layers * directions, batch, i == 0 ? out : hidden);
  return status;
}

#endif
