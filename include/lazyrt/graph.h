/* Graphs: one model on one stream, run by one thread at a time. Plans, activation memory, forward, dry run.
 */
#ifndef LAZYRT_GRAPH_H
#define LAZYRT_GRAPH_H

#include <lazyrt/array.h>
#include <lazyrt/module.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lazy_graph lazy_graph;

typedef struct lazy_graph_options {
  size_t struct_size;
  void *stream; /* a CUstream the graph's work forks from and joins; NULL = a stream of the graph's own */
  /* From the second run of the same shapes on, the run is a captured driver graph: one driver call instead of
     one per kernel. Inputs are copied into memory of the graph's own first. Parameters that moved or changed
     their type, and memory that grew, make it capture again. Without effect on a driver that cannot capture.
   */
  bool capture;
} lazy_graph_options;

/* Retains the module. */
LAZY_CHECKED lazy_status lazy_graph_create(lazy_module *module, const lazy_graph_options *options,
                                           lazy_graph **out_graph);
LAZY_API void lazy_graph_destroy(lazy_graph *graph);

/* What a call of the root module returned: tensors in order, tuples flattened. Handles are valid until the
   graph's next run; then they are STALE. */
#define LAZY_MAX_OUTPUTS 16
typedef struct lazy_outputs {
  size_t count;
  lazy_tensor at[LAZY_MAX_OUTPUTS];
} lazy_outputs;

/* Records the call, and the first time infers, initialises and commits; then queues the run and returns.
   ARRAY arguments are borrowed until the graph's stream has passed the run. Failure before the commit point
   leaves every module as it was, and the call can be tried again; after it the modules are final. Errors:
   SHAPE and others with module path, found, wanted; OUT_OF_MEMORY; BUSY. */
LAZY_CHECKED lazy_status lazy_graph_forward(lazy_graph *graph, const lazy_args *args,
                                            lazy_outputs *out_outputs);
/* The same without input data (SPEC arguments; ARRAY ones count for their shape): shapes, classes,
   parameters, initial values, memory plan; no forward is computed and no statistics move. A hook or container
   that asks for a value gets NO_DATA. */
LAZY_CHECKED lazy_status lazy_graph_dry_run(lazy_graph *graph, const lazy_args *args);
/* The same again, without values and the memory for them: parameters are left SHAPED, to be drawn when they
   are first used or read, or piece by piece by lazy_module_stream_out. */
LAZY_CHECKED lazy_status lazy_graph_settle(lazy_graph *graph, const lazy_args *args);
/* A dry run on a graph of its own that is thrown away. */
LAZY_CHECKED lazy_status lazy_module_dry_run(lazy_module *module, const lazy_args *args,
                                             const lazy_graph_options *options);
/* Draws every parameter and buffer that this graph initialised once more, where it is now, as a fresh model
   of a context with this seed would have it; queues it and returns. One launch for all; on a driver that can
   capture it is a captured one, of which a second seed changes one argument of one kernel. UNSUPPORTED under
   a torch stream, whose numbers belong to an order that is over, and where a parameter's memory was replaced
   by one that is not aligned to 256 bytes; INVALID_STATE if its sizes were replaced. */
LAZY_CHECKED lazy_status lazy_graph_reinitialize(lazy_graph *graph, uint64_t seed);
/* Waits until everything the graph queued is done. */
LAZY_CHECKED lazy_status lazy_graph_synchronize(lazy_graph *graph);

/* An output's facts, and its values. Waits; `bytes` must be its size exactly. STALE after a later run. */
LAZY_CHECKED lazy_status lazy_graph_output_spec(lazy_graph *graph, lazy_tensor tensor, lazy_spec *out_spec);
LAZY_CHECKED lazy_status lazy_graph_output_address(lazy_graph *graph, lazy_tensor tensor,
                                                   uint64_t *out_address);
LAZY_CHECKED lazy_status lazy_graph_download(lazy_graph *graph, lazy_tensor tensor, void *out_data,
                                             size_t bytes);

/* ---- the plan ---- */

/* One call of a module, parents before children, in call order. Strings are owned by the plan. */
typedef struct lazy_plan_call {
  const char *path;       /* "" for the root */
  const char *name;       /* last part of the path; "" for the root */
  const char *class_name; /* after the dry run */
  const char *lazy_name;  /* the lazy class it was, or NULL */
  const char *inferred;   /* "in_features=784", or "" */
  int depth;
  bool has_output;
  lazy_spec output;                          /* of its first output tensor */
  uint64_t parameter_count, parameter_bytes; /* own, without children; tied ones at their first call only */
} lazy_plan_call;

/* Memory that running the model once takes, as the allocator will ask for it. */
typedef struct lazy_plan_totals {
  uint64_t parameter_count; /* elements; tied ones once */
  uint64_t buffer_count;
  uint64_t parameter_bytes, buffer_bytes;
  uint64_t extent_bytes;         /* device memory for them, alignment included */
  uint64_t activation_bytes;     /* peak of what is live at once, in one slab, outputs included */
  uint64_t activation_sum_bytes; /* without sharing */
  uint64_t workspace_bytes;
  uint64_t inference_bytes; /* scratch of the one inference launch; 0 where nothing is lazy */
  uint64_t device_bytes;    /* what all of it takes from the driver, in a context that holds nothing yet */
  int64_t node_count;
} lazy_plan_totals;

typedef struct lazy_plan lazy_plan;
/* Records and infers for one set of inputs; allocates no parameters, changes no module. */
LAZY_CHECKED lazy_status lazy_graph_plan(lazy_graph *graph, const lazy_args *args, lazy_plan **out_plan);
LAZY_API size_t lazy_plan_call_count(const lazy_plan *plan);
LAZY_API const lazy_plan_call *lazy_plan_call_at(const lazy_plan *plan, size_t index);
LAZY_API const lazy_plan_totals *lazy_plan_get_totals(const lazy_plan *plan);
/* Writes the plan as a Graphviz digraph: operations with path and result, a box for each lane, data as solid
   edges, what one lane waits for in another as dashed ones. IO if the file takes no more. */
LAZY_CHECKED lazy_status lazy_plan_print_graphviz(const lazy_plan *plan, FILE *file);
LAZY_API void lazy_plan_release(lazy_plan *plan);

/* Many input shape sets of one recording: set `s` has inputs shapes[s * input_count ...]. One launch per
   chunk of sets; one bad set does not spoil the others. */
typedef struct lazy_plan_set {
  lazy_status status;       /* OK, or why this set does not fit; words by lazy_graph_plan on it alone */
  uint64_t parameter_count; /* elements of all parameters and buffers that the call reaches */
  lazy_shape output;        /* of the first output */
} lazy_plan_set;
LAZY_CHECKED lazy_status lazy_graph_plan_sets(lazy_graph *graph, const lazy_spec *specs,
                                              const lazy_shape *shapes, size_t input_count, size_t set_count,
                                              lazy_plan_set *out_sets);

#ifdef __cplusplus
}
#endif
#endif
