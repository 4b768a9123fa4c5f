/* The recording: what one call of the root module was, as rows, nodes, calls and tickets.

   Every tensor has one row of the shape table, every node one node of it, under the same number: the table is
   the recording's spine, and the vectors here say the rest. All memory is kept from one recording to the
   next, so that recording the same model again allocates nothing. */
#ifndef LAZYI_GRAPH_RECORD_H
#define LAZYI_GRAPH_RECORD_H

#include "runtime/graph/bump.h"
#include "runtime/graph/slot_map.h"
#include "runtime/module/lazy.h"
#include "runtime/shape/table.h"

enum lazyi_tensor_kind { LAZYI_TENSOR_INPUT, LAZYI_TENSOR_PARAM, LAZYI_TENSOR_RESULT };

/* A tensor; its number is its row's slot, and one less than the index of its handle. Compared as bytes. */
typedef struct lazyi_recorded_tensor {
  int32_t source;  /* its number among inputs, params or nodes */
  uint8_t kind;    /* enum lazyi_tensor_kind */
  uint8_t dtype;   /* lazy_dtype */
  bool is_kept;    /* wanted after the run */
  bool is_strided; /* an input array with gaps, which is copied together first */
} lazyi_recorded_tensor;

typedef struct lazyi_recorded_param {
  lazy_param *param;   /* held by the journal where it has a ticket */
  lazy_module *module; /* under which it was met first */
  const char *name;
  int32_t slot, ticket; /* -1: it has values already */
} lazyi_recorded_param;

/* One call of a module. */
typedef struct lazyi_recorded_call {
  lazy_module *module;
  const lazy_class *was; /* its class when the call began */
  int32_t parent, depth; /* -1 for the root's parent */
  int32_t output;        /* slot of its first output tensor; -1 without one */
} lazyi_recorded_call;

/* A tensor that PyTorch changes in place where a node is. */
typedef struct lazyi_recorded_overwrite {
  int32_t slot, node, call;
} lazyi_recorded_overwrite;

typedef struct lazyi_recording {
  lazy_recorder base;
  lazyi_core *core; /* borrowed, from the graph's context */
  lazyi_journal journal;
  lazyi_shape_table table;
  LAZYI_VECTOR(lazyi_recorded_tensor) tensors; /* by slot */
  LAZYI_VECTOR(const lazyi_op *) ops;          /* by node */
  LAZYI_VECTOR(int32_t) node_calls;            /* by node: the call it was recorded in */
  LAZYI_VECTOR(lazyi_recorded_param) params;
  LAZYI_VECTOR(int32_t) ticket_params; /* by ticket */
  LAZYI_VECTOR(lazyi_recorded_call) calls;
  LAZYI_VECTOR(lazy_module *) pending; /* modules that this recording settled; held by the journal */
  LAZYI_VECTOR(lazy_array *) inputs;   /* borrowed; NULL where only the shape is known */
  LAZYI_VECTOR(lazyi_recorded_overwrite) overwrites; /* only where somebody hears warnings */
  LAZYI_VECTOR(int32_t) outputs;                     /* slots of the root's result, in order */
  lazyi_slot_map slots;                              /* of parameters */
  lazyi_bump bump;
  int32_t call;   /* the one under way; -1 outside the root */
  bool is_placed; /* the error that stuck names its module */
  bool is_first;  /* holds the device's first-forward lock */
} lazyi_recording;

void lazyi_recording_init(lazyi_recording *recording, lazy_context *context);
/* Frees the memory of a recording that was ended. */
void lazyi_recording_deinit(lazyi_recording *recording);

/* Records a call of `root`. Every recording that began is ended, by commit or rollback, whether or not it
   worked. `is_dry`: SPEC arguments stand for data; else they are refused. */
LAZY_MUST_USE lazy_status lazyi_recording_record(lazyi_recording *recording, lazy_module *root,
                                                 const lazy_args *args, bool is_dry);
/* Keeps, or takes back, what recording changed; lets the first-forward lock go. Cannot fail. */
void lazyi_recording_commit(lazyi_recording *recording);
void lazyi_recording_rollback(lazyi_recording *recording);

/* Joins the first forwards of the device: from here on nobody else settles a module. Idempotent. */
void lazyi_recording_become_first(lazyi_recording *recording);

/* ---- for the files of the recorder (record_*.c) ---- */

extern const lazyi_recorder_methods lazyi_recording_methods;
static inline lazyi_recording *lazyi_recording_of(lazy_recorder *recorder) {
  return (lazyi_recording *)recorder;
}

/* The next tensor's row. A NULL shape is one that a rule is to find. */
LAZY_MUST_USE lazy_status lazyi_recording_add_tensor(lazyi_recording *recording, const lazy_shape *shape,
                                                     lazyi_recorded_tensor tensor, int32_t *out_slot);
/* The handle of a slot and back. A handle that is poisoned, absent or of another recording fails. */
lazy_tensor lazyi_recording_handle(const lazyi_recording *recording, int32_t slot);
LAZY_MUST_USE lazy_status lazyi_recording_slot(const lazyi_recording *recording, lazy_tensor tensor,
                                               int32_t *out_slot);

/* Sticks the thread's message; yields the handle that failed calls return. */
lazy_tensor lazyi_recording_poison(lazyi_recording *recording, lazy_status status);

/* record_args.c: the root's arguments with tensors in place of arrays and specs, in the recording's memory.
 */
LAZY_MUST_USE lazy_status lazyi_recording_bind(lazyi_recording *recording, const lazy_args *args,
                                               lazy_args *out_args);
/* The root's result, flattened into `outputs`. */
LAZY_MUST_USE lazy_status lazyi_recording_collect(lazyi_recording *recording, const lazy_value *result);

/* record_param.c: methods. */
lazy_tensor lazyi_recording_param(lazy_recorder *recorder, lazy_module *module, lazy_param *param,
                                  const char *name);
LAZY_MUST_USE lazy_status lazyi_recording_pend(lazy_recorder *recorder, lazy_module *module);

/* record_shape.c: methods. */
LAZY_MUST_USE lazy_status lazyi_recording_shape(lazy_recorder *recorder, lazy_tensor tensor,
                                                lazy_shape *out_shape);
LAZY_MUST_USE lazy_status lazyi_recording_dtype(lazy_recorder *recorder, lazy_tensor tensor,
                                                lazy_dtype *out_dtype);
LAZY_MUST_USE lazy_status lazyi_recording_settle(lazy_recorder *recorder, lazy_module *module);

/* record_overwrite.c: a method; warnings, for a recording that nothing like it was planned of before. */
void lazyi_recording_overwrite(lazy_recorder *recorder, lazy_tensor tensor);
void lazyi_recording_tell_overwrites(const lazyi_recording *recording);

/* Works every shape out on the host. */
LAZY_MUST_USE lazy_status lazyi_recording_evaluate(lazyi_recording *recording);
/* Once every row is known: gives all pending parameters their sizes, all pending modules their options. */
LAZY_MUST_USE lazy_status lazyi_recording_settle_all(lazyi_recording *recording);
/* Fails with the words for a shape that does not fit: module path, operand, found, wanted. */
lazy_status lazyi_recording_shape_failed(const lazyi_recording *recording,
                                         const struct lazy_shape_error *error);
/* Puts the path of the call under way before the message. */
lazy_status lazyi_recording_failed(const lazyi_recording *recording, int32_t call, lazy_status status);

#endif
