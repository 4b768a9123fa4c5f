/* The shape rule of softmax. */
#ifndef LAZYRT_KERNELS_SOFTMAX_RULES_H
#define LAZYRT_KERNELS_SOFTMAX_RULES_H

#include "kernels/rule_call.h"

/* The dim from the left, for an input of the rank; negative or too large where it has none such. A scalar
   counts as one dim. */
LAZY_RULE_INLINE int64_t softmax_dim(int64_t dim, int32_t rank) {
  if (dim == LAZY_SOFTMAX_DIM_NONE) return rank == 0 || rank == 1 || rank == 3 ? 0 : 1;
  return dim >= 0 ? dim : dim + (rank > 0 ? rank : 1);
}

LAZY_RULE_INLINE int32_t rule_softmax(const struct lazy_rule_call *call) {
  const int32_t rank = (int32_t)LAZY_ROW_AT(rule_row(call, 0), LAZY_ROW_RANK), dims = rank > 0 ? rank : 1;
  const int64_t dim = softmax_dim(call->attributes[LAZY_SOFTMAX_DIM], rank);
  if (dim < 0 || dim >= dims)
    return rule_fail(call, LAZY_SHAPE_NO_SUCH_DIM, 0, -1, call->attributes[LAZY_SOFTMAX_DIM], dims);
  return rule_same(call);
}

#endif
