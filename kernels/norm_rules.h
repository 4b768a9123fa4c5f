/* The shape rules of norms; part of shape_rules.h. */
#ifndef LAZYRT_KERNELS_NORM_RULES_H
#define LAZYRT_KERNELS_NORM_RULES_H

/* Batch, instance and group norm: an element of a parameter for each channel; the output is as the input. */
LAZY_RULE_INLINE int32_t rule_norm(const struct lazy_rule_call *call) {
  const int64_t *input = rule_row(call, 0);
  int64_t *output = rule_output(call, 0);
  int32_t rank = (int32_t)LAZY_ROW_AT(input, LAZY_ROW_RANK), inputs = call->node->input_count;
  int64_t lowest = call->attributes[LAZY_NORM_LOWEST], highest = call->attributes[LAZY_NORM_HIGHEST];
  int64_t values = call->attributes[LAZY_NORM_VALUES];
  if (rank < lowest || rank > highest)
    return rule_fail(call, LAZY_SHAPE_RANK_RANGE, 0, (int32_t)lowest, rank, highest);
  int32_t dim = rank == call->attributes[LAZY_NORM_UNBATCHED] ? 0 : 1;
  int32_t channel = LAZY_ROW_DIMS - rank + dim;
  lazy_dim channels = LAZY_ROW_AT(input, channel);
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
    lazy_dim count = 1;
    for (int32_t i = LAZY_ROW_DIMS - rank; i < LAZY_ROW_DIMS; i++)
      if (i > channel || (i < channel && values == LAZY_NORM_OF_CHANNEL))
        count = dim_mul(count, LAZY_ROW_AT(input, i));
    if (dim_is_one(count)) return rule_fail(call, LAZY_SHAPE_ONE_VALUE, inputs - 1, -1, 1, values);
  }
  for (int32_t i = 0; i < LAZY_ROW; i++) LAZY_ROW_AT(output, i) = LAZY_ROW_AT(input, i);
  return LAZY_SHAPE_OK;
}

#endif
