/* What shape rules are written in: sizes, rows, errors, parameters that are known or not yet.

   Plain C for host and device. Sizes are only touched through the dim_* operations, so that the same text can
   be evaluated over other kinds of sizes. Rows lie in memory, strided by the set index (kernels/params.h);
   nothing is gathered into a local array, which on the device would be local memory. */
#ifndef LAZYRT_KERNELS_RULE_CALL_H
#define LAZYRT_KERNELS_RULE_CALL_H

#include "kernels/params.h"

#ifdef __CUDACC__
#define LAZY_RULE_INLINE static __device__ __forceinline__
#else
#define LAZY_RULE_INLINE static inline __attribute__((always_inline, unused))
#endif

/* ---- sizes ---- */

/* A size, 0 <= size < LAZY_DIM_LIMIT. LAZY_DIM_LIMIT itself stands for everything too large: operations
   saturate there, and dim_fits is asked once at the end. */
typedef int64_t lazy_dim;

LAZY_RULE_INLINE int dim_fits(lazy_dim a) { return a < LAZY_DIM_LIMIT; }
LAZY_RULE_INLINE int dim_negative(lazy_dim a) { return a < 0; }
LAZY_RULE_INLINE int dim_equal(lazy_dim a, lazy_dim b) { return a == b; }
LAZY_RULE_INLINE int dim_is_one(lazy_dim a) { return a == 1; }
LAZY_RULE_INLINE int dim_is_none(lazy_dim a) { return a == 0; }
LAZY_RULE_INLINE lazy_dim dim_min(lazy_dim a, lazy_dim b) { return a < b ? a : b; }
LAZY_RULE_INLINE lazy_dim dim_add(lazy_dim a, lazy_dim b) { return dim_min(a + b, LAZY_DIM_LIMIT); }

LAZY_RULE_INLINE lazy_dim dim_max(lazy_dim a, lazy_dim b) { return a < b ? b : a; }
/* Of sizes that fit; negative where b is larger. */
LAZY_RULE_INLINE lazy_dim dim_sub(lazy_dim a, lazy_dim b) { return a - b; }
/* Of sizes that are not negative, by one that is positive. */
LAZY_RULE_INLINE lazy_dim dim_divide(lazy_dim a, lazy_dim b) {
  return ((uint64_t)(a | b) >> 32) == 0 ? (lazy_dim)((uint32_t)a / (uint32_t)b) : a / b;
}
LAZY_RULE_INLINE int dim_divides(lazy_dim divisor, lazy_dim a) {
  return dim_equal(dim_divide(a, divisor) * divisor, a);
}

/* Rounds up to a power of two. */
LAZY_RULE_INLINE lazy_dim dim_align(lazy_dim a, lazy_dim alignment) {
  return (a + alignment - 1) & -alignment;
}

/* Of sizes that are not negative. A zero wins over a factor that was too large. */
LAZY_RULE_INLINE lazy_dim dim_mul(lazy_dim a, lazy_dim b) {
#ifdef __CUDACC__
  lazy_dim low = a * b;
  return __umul64hi((unsigned long long)a, (unsigned long long)b) != 0 ||
                 (uint64_t)low >= (uint64_t)LAZY_DIM_LIMIT
             ? LAZY_DIM_LIMIT
             : low;
#else
  lazy_dim product;
  return __builtin_mul_overflow(a, b, &product) || product >= LAZY_DIM_LIMIT ? LAZY_DIM_LIMIT : product;
#endif
}

/* ---- rows ---- */

/* One node's call over the rows of one set. */
struct lazy_rule_call {
  const struct lazy_shape_node *node;
  const int32_t *operands;   /* of this node */
  const int64_t *attributes; /* of this node */
  int64_t *rows;             /* of this set: element i of slot s at rows[(s * LAZY_ROW + i) * stride] */
  int64_t stride;
  struct lazy_shape_error *error;
};

LAZY_RULE_INLINE int64_t *rule_row(const struct lazy_rule_call *call, int32_t operand) {
  return call->rows + (int64_t)call->operands[operand] * LAZY_ROW * call->stride;
}
LAZY_RULE_INLINE int64_t *rule_param(const struct lazy_rule_call *call, int32_t i) {
  return rule_row(call, call->node->input_count + i);
}
LAZY_RULE_INLINE int64_t *rule_output(const struct lazy_rule_call *call, int32_t i) {
  return rule_row(call, call->node->input_count + call->node->param_count + i);
}
/* Element i of a row; `call` is in scope wherever rows are read. */
#define LAZY_ROW_AT(row, i) ((row)[(int64_t)(i)*call->stride])

LAZY_RULE_INLINE int32_t rule_fail(const struct lazy_rule_call *call, int32_t code, int32_t operand,
                                   int32_t dim, int64_t found, int64_t wanted) {
  struct lazy_shape_error *error = call->error;
  error->operand = operand;
  error->dim = dim;
  error->found = found;
  error->wanted = wanted;
  error->code = code;
  return code;
}

/* Elements of a row, saturated. */
LAZY_RULE_INLINE lazy_dim rule_count(const struct lazy_rule_call *call, const int64_t *row) {
  lazy_dim count = 1;
  int32_t rank = (int32_t)LAZY_ROW_AT(row, LAZY_ROW_RANK);
  for (int32_t i = LAZY_ROW_DIMS - rank; i < LAZY_ROW_DIMS; i++) count = dim_mul(count, LAZY_ROW_AT(row, i));
  return count;
}

/* Refuses an output of too many elements. The error names input 0. */
LAZY_RULE_INLINE int32_t rule_check_output(const struct lazy_rule_call *call, const int64_t *row) {
  if (dim_fits(rule_count(call, row))) return LAZY_SHAPE_OK;
  return rule_fail(call, LAZY_SHAPE_OVERFLOW, 0, -1, LAZY_DIM_LIMIT, LAZY_DIM_LIMIT - 1);
}

/* Has a parameter this rank? OK: it is known, compare its sizes. UNSHAPED (no error stored): write it. Else
 * the error. */
LAZY_RULE_INLINE int32_t rule_unify_rank(const struct lazy_rule_call *call, int32_t param, int32_t rank) {
  int64_t *row = rule_param(call, param);
  int64_t known = LAZY_ROW_AT(row, LAZY_ROW_RANK);
  if (known == rank) return LAZY_SHAPE_OK;
  if (known != LAZY_RANK_UNSHAPED)
    return rule_fail(call, LAZY_SHAPE_PARAM_RANK, call->node->input_count + param, -1, known, rank);
  return LAZY_SHAPE_UNSHAPED;
}

/* Writes an unshaped parameter's row, whose sizes are ones so far: those of rank 1 (`last`) or 2. */
LAZY_RULE_INLINE void rule_write(const struct lazy_rule_call *call, int64_t *row, int32_t rank,
                                 lazy_dim before_last, lazy_dim last) {
  LAZY_ROW_AT(row, LAZY_ROW_DIMS - 2) = before_last;
  LAZY_ROW_AT(row, LAZY_ROW_DIMS - 1) = last;
  LAZY_ROW_AT(row, LAZY_ROW_RANK) = rank;
}

/* The output is as input 0. */
LAZY_RULE_INLINE int32_t rule_same(const struct lazy_rule_call *call) {
  const int64_t *input = rule_row(call, 0);
  int64_t *output = rule_output(call, 0);
  for (int32_t i = 0; i < LAZY_ROW; i++) LAZY_ROW_AT(output, i) = LAZY_ROW_AT(input, i);
  return LAZY_SHAPE_OK;
}

#endif
