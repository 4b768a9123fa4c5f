/* The recorder interface: declared here for modules and ops, implemented by runtime/graph. */
#ifndef LAZYI_MODULE_RECORDER_H
#define LAZYI_MODULE_RECORDER_H

#include <lazyrt/driver.h>
#include <lazyrt/op.h>

#include "kernels/params.h"
#include "runtime/module/journal.h"

struct lazyi_core; /* device, launcher, arena, blas, stream: runtime/tensor/core.h */

/* One operand of a launch, with its place. Absent ones (no bias) have address 0 and rank LAZY_RANK_UNSHAPED.
 */
typedef struct lazyi_operand {
  uint64_t address;
  lazy_dtype dtype;
  lazy_shape shape;
} lazyi_operand;

typedef struct lazyi_op_call {
  struct lazyi_core *core;
  lazy_driver_stream stream;
  const lazyi_operand *inputs, *params, *outputs;
  int input_count, param_count, output_count;
  const int64_t *attributes;
  bool training;
  uint64_t workspace; /* device address of workspace_bytes() bytes */
} lazyi_op_call;

/* An op is stateless: shape rule, dtype rule, launch. */
typedef struct lazyi_op {
  const char *name; /* "linear": NVTX ranges, plans, messages */
  enum lazy_shape_rule rule;
  int output_count; /* 0 is 1; they are of one dtype, and lazyi_op_output tells the others from the first */
  bool is_view;     /* output 0 is input 0's memory under another shape; nothing is launched */
  const char *const *operand_names; /* inputs, then params: for messages */
  uint32_t writes; /* bit i: operand i (inputs, then params) is written as well as read: state, which keeps
                      its order in every branch. 0: outputs only */
  /* Dtype of output 0 from those of inputs, then params (DEFAULT = absent); fails with found and wanted.
     NULL: all must agree. */
  lazy_status (*dtype)(const lazy_dtype *operands, int input_count, int param_count, lazy_dtype *out_dtype);
  size_t (*workspace_bytes)(const lazyi_op_call *call); /* NULL: none */
  lazy_status (*launch)(const lazyi_op_call *call);     /* allocates nothing, waits for nothing */
} lazyi_op;

/* Output number `index` of a node, by its first. */
static inline lazy_tensor lazyi_op_output(lazy_tensor first, int index) {
  if (lazy_tensor_is_poisoned(first)) return first;
  return (lazy_tensor){first.index + (uint32_t)index, first.recording};
}

typedef struct lazyi_recorder_methods {
  /* Appends a node. `operands` are inputs, then params (index 0 = absent). Attributes are copied. Poisoned on
   * error. */
  lazy_tensor (*emit)(lazy_recorder *recorder, const lazyi_op *op, const lazy_tensor *inputs, int input_count,
                      const lazy_tensor *params, int param_count, const int64_t *attributes,
                      int attribute_count);
  /* The tensor a parameter is in this recording; adds its row and, if it has no values yet, its init ticket.
   */
  lazy_tensor (*param)(lazy_recorder *recorder, lazy_module *module, lazy_param *param, const char *name);
  /* Host evaluation, memoised. */
  lazy_status (*tensor_shape)(lazy_recorder *recorder, lazy_tensor tensor, lazy_shape *out_shape);
  lazy_status (*tensor_dtype)(lazy_recorder *recorder, lazy_tensor tensor, lazy_dtype *out_dtype);
  /* A lazy module was settled (class swapped, hooks out, journal written): its unshaped parameters get rows
     and tickets in registration order; infer's answers are in the parameters already. */
  lazy_status (*pend)(lazy_recorder *recorder, lazy_module *module);
  /* Makes pending modules' options and parameters' shapes visible, by host evaluation: before user hooks run.
   */
  lazy_status (*settle)(lazy_recorder *recorder, lazy_module *module);
  /* Brackets of a module's call: plan rows, profiler ranges, path of errors. */
  lazy_status (*call_begin)(lazy_recorder *recorder, lazy_module *module);
  void (*call_end)(lazy_recorder *recorder, lazy_module *module, const lazy_value *output);
  void (*retain)(lazy_recorder *recorder, lazy_tensor tensor);
  /* Says that in PyTorch the node recorded last changes `tensor` in place: a warning where anybody reads it
     later. */
  void (*overwrite)(lazy_recorder *recorder, lazy_tensor tensor);
} lazyi_recorder_methods;

/* First member of the graph's recorder. */
struct lazy_recorder {
  const lazyi_recorder_methods *methods;
  lazy_context *context;
  lazyi_journal *journal; /* of the first forward under way; never NULL while recording */
  lazy_status status;     /* the first error; its message is kept in `message` */
  char message[1024];
  bool is_dry;     /* no data: asking for a value is NO_DATA */
  bool asked;      /* user code asked for a shape: the plan is bound to these sizes */
  uint32_t number; /* of the recording, never 0: the `recording` of its tensors */
  /* Bump memory of this recording: hook replacements, tuples. Kept from one recording to the next. */
  void *(*allocate)(lazy_recorder *recorder, size_t bytes); /* NULL after sticking OUT_OF_MEMORY */
};

/* Sticks the current thread's message as the recording's first error (later ones are dropped); returns the
 * stuck status. */
lazy_status lazyi_recorder_stick(lazy_recorder *recorder, lazy_status status);

/* The call protocol of torch.nn.Module with the mixin's hooks: runtime/module/call.c. */
lazy_value lazyi_module_call(lazy_recorder *recorder, lazy_module *module, const lazy_args *args);

#endif
