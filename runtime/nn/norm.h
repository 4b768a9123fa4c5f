/* What the norms share: how parameters that may be absent become an op's operands, and how attributes reach
   its launch. */
#ifndef LAZYI_NN_NORM_H
#define LAZYI_NN_NORM_H

#include "runtime/launch/norm.h"
#include "runtime/nn/nn.h"

/* Running statistics as an op's operands, after weight and bias. */
typedef enum lazyi_norm_state {
  LAZYI_NORM_STATELESS = 0,
  LAZYI_NORM_READS = 1,  /* mean and var */
  LAZYI_NORM_WRITES = 2, /* the same */
  LAZYI_NORM_COUNTS = 3, /* and the counter */
  LAZYI_NORM_STATES = 4
} lazyi_norm_state;

/* Attributes behind those of the shape rule. */
enum {
  LAZYI_NORM_AFFINE = LAZY_NORM_LAUNCH, /* 0, 1: weight, 2: weight and bias */
  LAZYI_NORM_STATE,                     /* lazyi_norm_state */
  LAZYI_NORM_GROUPS,                    /* of a lazyi_norm, or LAZYI_NORM_EACH_CHANNEL, or _LAST_DIMS */
  LAZYI_NORM_EPS,                       /* a double's bits */
  LAZYI_NORM_MOMENTUM,
  LAZYI_NORM_ABOUT_ZERO,
  LAZYI_NORM_END
};

enum { LAZYI_NORM_EACH_CHANNEL = -1, LAZYI_NORM_LAST_DIMS = -2 };

/* The ops of one norm, [affine][state]: absent parameters leave no gap among an op's operands. */
_Static_assert((int)LAZYI_NORM_END == (int)LAZY_NORM_ATTRIBUTES, "as the rule's signature says");

typedef const lazyi_op lazyi_norm_ops[3][LAZYI_NORM_STATES];

extern const char *const lazyi_norm_operands[3][7];
/* Operands of `state` that are written, where `affine` ones come before them. */
#define LAZYI_NORM_WRITTEN(affine, state) \
  (((state) == LAZYI_NORM_WRITES ? 3u : (state) == LAZYI_NORM_COUNTS ? 7u : 0u) << (1 + (affine)))
#define LAZYI_NORM_OP(words, rule_, dtype_, affine, state)                                                   \
  {                                                                                                          \
    .name = (words), .rule = (rule_), .operand_names = lazyi_norm_operands[affine],                          \
    .writes = LAZYI_NORM_WRITTEN(affine, state), .dtype = (dtype_), .workspace_bytes = lazyi_norm_workspace, \
    .launch = lazyi_norm_launch,                                                                             \
  }
#define LAZYI_NORM_OPS_OF(words, rule, dtype, affine)                                              \
  {                                                                                                \
    LAZYI_NORM_OP(words, rule, dtype, affine, 0), LAZYI_NORM_OP(words, rule, dtype, affine, 1),    \
        LAZYI_NORM_OP(words, rule, dtype, affine, 2), LAZYI_NORM_OP(words, rule, dtype, affine, 3) \
  }
#define LAZYI_NORM_OPS(words, rule, dtype)                                              \
  {                                                                                     \
    LAZYI_NORM_OPS_OF(words, rule, dtype, 0), LAZYI_NORM_OPS_OF(words, rule, dtype, 1), \
        LAZYI_NORM_OPS_OF(words, rule, dtype, 2)                                        \
  }

size_t lazyi_norm_workspace(const lazyi_op_call *call);
LAZY_MUST_USE lazy_status lazyi_norm_launch(const lazyi_op_call *call);
/* Parameters have one floating dtype, the counter aside; the input has it too, or is f16 or bf16 where that
 * is f32. */
LAZY_MUST_USE lazy_status lazyi_norm_dtype(const char *op, const lazy_dtype *operands, int input_count,
                                           int param_count, lazy_dtype *out_dtype);

/* Records the norm of `input` with the module's weight, bias, running_mean, running_var, num_batches_tracked,
   as far as they are registered and `state` wants them. AFFINE, STATE and, of channels, VECTORS among the
   attributes are filled in. */
lazy_tensor lazyi_norm_emit(lazy_recorder *recorder, lazy_module *self, lazyi_norm_ops *ops,
                            lazy_tensor input, lazyi_norm_state state, int64_t *attributes);

#endif
