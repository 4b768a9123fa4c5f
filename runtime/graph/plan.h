/* A plan: everything that running a recording takes, with nothing left to work out. Found again by
   fingerprint.

   Memory is one slab: activations and outputs placed by lifetime, then the workspace. Operands are laid out
   node by node with their addresses; only those of inputs change from run to run. */
#ifndef LAZYI_GRAPH_PLAN_H
#define LAZYI_GRAPH_PLAN_H

#include "runtime/graph/record.h"
#include "runtime/memory/lifetime.h"
#include "runtime/sched/lanes.h"

enum lazyi_region {
  LAZYI_REGION_NONE,  /* no elements, or dead after the run */
  LAZYI_REGION_FIXED, /* a parameter: at = its address */
  LAZYI_REGION_INPUT, /* at = the input's number */
  LAZYI_REGION_SLAB,  /* at = bytes from the slab's start */
};

/* A tensor in the order of its first use: inputs, then what nodes take and make, then outputs. That order is
   the same in every recording of a model, whatever order a first forward met the parameters in. Compared as
   bytes. */
typedef struct lazyi_plan_tensor {
  uint64_t source;     /* a parameter's address, an input's number, a result's node */
  uint32_t generation; /* of a parameter */
  uint8_t kind;        /* enum lazyi_tensor_kind */
  uint8_t dtype;
  bool is_kept, is_strided;
} lazyi_plan_tensor;

/* What tells one recording from another, with what the recording has itself: nodes, attributes, ops, known
 * rows. */
typedef struct lazyi_plan_key {
  uint64_t fingerprint;
  LAZYI_VECTOR(int32_t) numbers;           /* by slot; -1: nothing uses it */
  LAZYI_VECTOR(int32_t) slots;             /* by number */
  LAZYI_VECTOR(lazyi_plan_tensor) tensors; /* by number */
  LAZYI_VECTOR(int32_t) operands;          /* of all nodes, as numbers */
  LAZYI_VECTOR(int32_t) outputs;           /* as numbers */
} lazyi_plan_key;
/* Writes the key of a recording into memory that is kept. Allocates nothing for a recording like the one
 * before. */
LAZY_MUST_USE lazy_status lazyi_plan_key_make(lazyi_plan_key *key, const lazyi_recording *recording);
/* The same recording after its parameters became real. Cannot fail. */
void lazyi_plan_key_renew(lazyi_plan_key *key, const lazyi_recording *recording);
void lazyi_plan_key_deinit(lazyi_plan_key *key);

/* Where a tensor lies while the plan runs. */
typedef struct lazyi_place {
  uint64_t at;
  uint8_t region; /* enum lazyi_region */
  bool is_kept;   /* readable after the run */
} lazyi_place;

/* One launch. Inputs, params, outputs lie in `operands` from `first` on. */
typedef struct lazyi_plan_launch {
  const lazyi_op *op;
  const int64_t *attributes;
  uint32_t first;
  int32_t node;
  uint8_t input_count, param_count, output_count, lane;
  bool training;
} lazyi_plan_launch;

/* Before the launches: an input with gaps, or any where the plan owns its inputs, into the slab. After them:
 * an input or parameter that is an output.
 */
typedef struct lazyi_plan_copy {
  int32_t tensor;
  uint64_t to, bytes;
} lazyi_plan_copy;

typedef struct lazyi_plan_sizes {
  uint64_t slab_bytes;           /* activations, then workspace */
  uint64_t activation_bytes;     /* the most that is live at once, as placed */
  uint64_t activation_sum_bytes; /* without sharing */
  uint64_t workspace_bytes, workspace_at;
  uint64_t lane_workspaces[LAZYI_SCHED_LANES]; /* where each lane's starts, behind workspace_at */
} lazyi_plan_sizes;

/* Launches and copies out as the driver's graph: one call to run them all. */
typedef struct lazyi_capture {
  const lazyi_device *device; /* NULL: nothing was captured */
  lazy_driver_exec exec;
  uint64_t slab; /* what it was captured for */
  uint32_t seen; /* runs without it */
} lazyi_capture;

/* Tensors are numbered as in the key. */
typedef struct lazyi_plan {
  lazyi_bump memory; /* of the arrays */
  uint64_t fingerprint, last_used;
  /* what the recording was, for the full comparison and for reading outputs */
  struct lazy_shape_node *nodes;
  int32_t *node_operands;
  int64_t *attributes;
  const lazyi_op **ops;
  lazyi_plan_tensor *tensors;
  int64_t *rows; /* all settled */
  int32_t *outputs;
  size_t node_count, node_operand_count, attribute_count, tensor_count, output_count;
  /* how it runs */
  lazyi_place *places;      /* by tensor */
  lazyi_operand *operands;  /* of all launches */
  int32_t *operand_tensors; /* the same, as tensors */
  uint32_t *input_operands; /* those of them that are the caller's arrays */
  lazyi_plan_launch *launches;
  lazyi_plan_copy *gathers, *copies;
  size_t operand_count, input_operand_count, launch_count, gather_count, copy_count;
  lazyi_plan_sizes sizes;
  lazyi_schedule schedule; /* of the launches */
  lazyi_capture capture;
  uint64_t slab; /* the base that `operands` were last written for; 0: not yet */
} lazyi_plan;

/* Scratch of planning, kept by the graph. */
typedef struct lazyi_planner {
  lazyi_plan_key key;
  lazyi_lifetime_planner lifetimes;
  LAZYI_VECTOR(lazyi_lifetime_item) items;
  LAZYI_VECTOR(uint64_t) offsets;     /* by item */
  LAZYI_VECTOR(int32_t) roots;        /* by tensor: whose memory it is, through views */
  LAZYI_VECTOR(int32_t) tensor_items; /* by tensor: the item of its place in the slab; -1 */
  lazyi_sched_planner lanes;
  LAZYI_VECTOR(lazyi_sched_node) lane_nodes; /* launches, as the scheduler sees them */
  LAZYI_VECTOR(lazyi_sched_access) accesses;
  LAZYI_VECTOR(int32_t) launch_nodes; /* by launch: its node */
  LAZYI_VECTOR(int32_t) busy;         /* by node: the step until which the memory it uses is taken */
  bool owns_inputs;    /* inputs are copied into the slab, so that a captured run finds them there */
  uint64_t lane_bytes; /* work worth a lane; 0: LAZYI_PLAN_LANE_BYTES */
} lazyi_planner;
/* A fork and a join cost a few microseconds, in which a GPU moves some megabytes. */
enum { LAZYI_PLAN_LANE_BYTES = 4 << 20 };
void lazyi_planner_deinit(lazyi_planner *planner);

/* Plans the recording whose key the planner holds; every row is known. Parameters without values get their
   addresses later (lazyi_plan_bind_params). */
LAZY_MUST_USE lazy_status lazyi_plan_create(lazyi_planner *planner, const lazyi_recording *recording,
                                            lazyi_plan **out_plan);
void lazyi_plan_destroy(lazyi_plan *plan);
/* After the commit: the parameters are real, the key was renewed. Cannot fail. */
void lazyi_plan_bind_params(lazyi_plan *plan, const lazyi_plan_key *key);
/* Where the plan's operands lie from now on. Cheap if the slab is where it was. */
void lazyi_plan_bind(lazyi_plan *plan, uint64_t slab, lazy_array *const *inputs);

/* plan_lanes.c: the roots of views, who launches, and on which lanes. Then `busy` is known. */
LAZY_MUST_USE lazy_status lazyi_plan_lanes(lazyi_planner *planner, lazyi_plan *plan);
/* Whether a node has anything to do: an output with elements, or state that moves even without. */
bool lazyi_plan_launches(const lazyi_plan *plan, size_t node);
/* Bytes of a tensor. */
uint64_t lazyi_plan_tensor_bytes(const lazyi_plan *plan, size_t tensor);

/* capture.c: queues the plan on `stream` as one driver call, captured first where that is new or was for
   another slab; `queue` is what queues it plainly. The device's context must be current. */
typedef struct lazyi_capture_job {
  lazyi_capture *capture;
  const lazyi_device *device;
  uint64_t slab;
  lazy_driver_stream stream, capture_stream;
  lazy_status (*queue)(void *user, lazy_driver_stream stream);
  void *user;
} lazyi_capture_job;
LAZY_MUST_USE lazy_status lazyi_capture_run(const lazyi_capture_job *job);
/* The driver has what it takes. */
bool lazyi_capture_is_possible(const lazyi_device *device);
void lazyi_capture_drop(lazyi_capture *capture);

/* A launch as its op wants it. */
lazyi_op_call lazyi_plan_call(const lazyi_plan *plan, const lazyi_plan_launch *launch, lazyi_core *core,
                              lazy_driver_stream stream);

/* How memory is laid out for a recording whose rows are all known, without a plan to run. Keys the planner.
 */
LAZY_MUST_USE lazy_status lazyi_plan_measure(lazyi_planner *planner, const lazyi_recording *recording,
                                             lazyi_plan_sizes *out_sizes);

/* The most recently used plans of a graph. */
enum { LAZYI_PLAN_CACHE_SIZE = 16 };
typedef struct lazyi_plan_cache {
  lazyi_plan *at[LAZYI_PLAN_CACHE_SIZE];
  uint64_t clock;
} lazyi_plan_cache;
void lazyi_plan_cache_deinit(lazyi_plan_cache *cache);
/* The plan of exactly this recording; NULL if there is none. */
lazyi_plan *lazyi_plan_cache_find(lazyi_plan_cache *cache, const lazyi_plan_key *key,
                                  const lazyi_recording *recording);
/* Takes the plan, in place of the one that was used longest ago. Cannot fail. */
void lazyi_plan_cache_put(lazyi_plan_cache *cache, lazyi_plan *plan);

#endif
