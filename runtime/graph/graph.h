/* Inside of lazy_graph. */
#ifndef LAZYI_GRAPH_GRAPH_H
#define LAZYI_GRAPH_GRAPH_H

#include <lazyrt/graph.h>

#include "runtime/graph/plan.h"
#include "runtime/graph/redraw.h"

struct lazy_graph {
  lazy_module *module;   /* held */
  lazy_context *context; /* held */
  lazyi_core *core;      /* the context's */
  lazy_driver_stream stream;
  bool owns_stream;
  bool is_running; /* between the begin and the end of an entry: hooks come back into the graph */
  bool is_settled; /* the last recording met nothing without values: the next takes no lock beforehand */
  lazyi_recording recording;
  lazyi_planner planner;
  lazyi_lanes lanes; /* at high water */
  bool captures;
  lazyi_redraw redraw;
  lazyi_plan_cache plans;
  lazyi_block slab; /* activations and workspace, at high water */
  uint64_t slab_activation_bytes;
  const lazyi_plan *last; /* of the last run, borrowed from `plans`: what output handles read; NULL: none */
};

/* What a recording is made for. */
typedef enum lazyi_purpose {
  LAZYI_PURPOSE_FORWARD,
  LAZYI_PURPOSE_DRY_RUN,
  LAZYI_PURPOSE_SETTLE, /* shapes and classes, no values */
  LAZYI_PURPOSE_PLAN,   /* infers, then takes everything back */
} lazyi_purpose;

/* graph.c: brackets of every public entry. BUSY if a hook of the graph's own recording comes back into it. */
LAZY_MUST_USE lazy_status lazyi_graph_begin(lazy_graph *graph);
void lazyi_graph_end(lazy_graph *graph);
/* Names the model in the message of memory run out; returns `status`. */
lazy_status lazyi_graph_explain(const lazy_graph *graph, lazy_status status);
/* A slab large enough for the plan: of zero bytes if the graph's is. It becomes the graph's own with
   take_slab, which cannot fail: the old one goes back to the arena, and plans notice at their next run. Or it
   is dropped. */
LAZY_MUST_USE lazy_status lazyi_graph_alloc_slab(lazy_graph *graph, const lazyi_plan_sizes *sizes,
                                                 lazyi_block *out_slab);
void lazyi_graph_take_slab(lazy_graph *graph, const lazyi_plan_sizes *sizes, lazyi_block slab);
void lazyi_graph_drop_slab(lazy_graph *graph, lazyi_block slab);

/* first_forward.c: records, and makes everything real that the recording met without values: one upload, one
   launch that infers, one read-back, one wait, one launch that draws. On return the recording is committed,
   or everything is as it was. For FORWARD `out_plan` is the plan to run, its memory reserved. SETTLE leaves
   what it met without values shaped. */
LAZY_MUST_USE lazy_status lazyi_first_forward(lazy_graph *graph, const lazy_args *args, lazyi_purpose purpose,
                                              lazyi_plan **out_plan);
/* Infers every shape of the recording: on the device if anything has no values yet, else on the host. The
   answer is zero in the latter case. */
LAZY_MUST_USE lazy_status lazyi_first_forward_infer(lazy_graph *graph, lazyi_shape_answer *out_answer);

/* run.c: queues the plan on the graph's stream. */
LAZY_MUST_USE lazy_status lazyi_graph_run(lazy_graph *graph, lazyi_plan *plan);

#endif
