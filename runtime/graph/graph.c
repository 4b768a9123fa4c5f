#include "runtime/graph/graph.h"

/* ---- life ---- */

/* A stream of its own, unless the caller brings one. */
static lazy_status open_stream(lazy_graph *graph, const lazy_graph_options *options) {
  graph->stream = options != NULL ? options->stream : NULL;
  if (graph->stream != NULL) return LAZY_STATUS_OK;
  LAZY_TRY(lazyi_core_enter(graph->core));
  lazy_status status =
      LAZYI_DRIVER(&graph->core->device, stream_create, &graph->stream, LAZY_DRIVER_STREAM_NON_BLOCKING);
  lazyi_core_leave(graph->core);
  graph->owns_stream = status == LAZY_STATUS_OK;
  return status;
}

/* A graph that was destroyed, with stream and memory: a dry run of module after module allocates once. */
static lazy_graph *take_spare(lazy_context *context) {
  pthread_mutex_lock(&context->lock);
  lazy_graph *graph = context->spare_graph;
  context->spare_graph = NULL;
  pthread_mutex_unlock(&context->lock);
  return graph;
}

lazy_status lazy_graph_create(lazy_module *module, const lazy_graph_options *options,
                              lazy_graph **out_graph) {
  lazy_context *context = lazy_module_context(module);
  lazy_graph *graph = options == NULL || options->stream == NULL ? take_spare(context) : NULL;
  if (graph == NULL) {
    graph = lazyi_memory_calloc(1, sizeof *graph);
    LAZYI_TRY_ALLOC(graph);
    graph->core = context->core;
    lazyi_recording_init(&graph->recording, context);
    lazy_status status = open_stream(graph, options);
    if (status != LAZY_STATUS_OK) {
      lazyi_memory_free(graph);
      return status;
    }
  }
  graph->captures = options != NULL && options->struct_size > offsetof(lazy_graph_options, capture) &&
                    options->capture && lazyi_capture_is_possible(&graph->core->device);
  graph->planner.owns_inputs = graph->captures;
  graph->context = lazyi_context_retain(context);
  graph->module = lazy_module_retain(module);
  *out_graph = graph;
  return LAZY_STATUS_OK;
}

/* What is left once module, plans and slab are gone; with the context's core still there. */
static void destroy_spare(lazy_graph *graph) {
  lazyi_lanes_release(&graph->lanes);
  if (graph->owns_stream && lazyi_core_enter(graph->core) == LAZY_STATUS_OK) {
    (void)graph->core->device.driver->stream_destroy(graph->stream);
    lazyi_core_leave(graph->core);
  }
  lazyi_planner_deinit(&graph->planner);
  lazyi_recording_deinit(&graph->recording);
  lazyi_memory_free(graph);
}

static bool keep_spare(lazy_context *context, lazy_graph *graph) {
  pthread_mutex_lock(&context->lock);
  bool keep = graph->owns_stream && context->spare_graph == NULL;
  if (keep) {
    context->spare_graph = graph;
    context->destroy_spare_graph = destroy_spare;
  }
  pthread_mutex_unlock(&context->lock);
  return keep;
}

static void free_slab(lazy_graph *graph);

/* A lost device refuses everything here; memory of the host goes all the same. */
void lazy_graph_destroy(lazy_graph *graph) {
  if (graph == NULL) return;
  lazy_context *context = graph->context;
  if (lazyi_core_enter(graph->core) == LAZY_STATUS_OK) {
    free_slab(graph);
    lazyi_plan_cache_deinit(&graph->plans);
    lazyi_redraw_drop(&graph->redraw, graph->core, graph->stream);
    lazyi_core_leave(graph->core);
  }
  lazyi_plan_cache_deinit(&graph->plans);
  lazyi_redraw_deinit(&graph->redraw);
  lazy_module_release(graph->module);
  graph->module = NULL;
  graph->context = NULL;
  graph->last = NULL;
  graph->is_settled = false;
  if (!keep_spare(context, graph)) destroy_spare(graph);
  lazyi_context_release(context);
}

/* ---- memory ---- */

static void count_memory(lazy_graph *graph, uint64_t activation_bytes, uint64_t workspace_bytes) {
  pthread_mutex_lock(&graph->context->lock);
  graph->context->activation_bytes += activation_bytes;
  graph->context->workspace_bytes += workspace_bytes;
  pthread_mutex_unlock(&graph->context->lock);
}

static void free_slab(lazy_graph *graph) {
  if (graph->slab.bytes == 0) return;
  count_memory(graph, (uint64_t)0 - graph->slab_activation_bytes,
               graph->slab_activation_bytes - graph->slab.bytes);
  lazyi_arena_free(&graph->core->arena, graph->slab, graph->stream);
  graph->slab = (lazyi_block){0};
}

lazy_status lazyi_graph_alloc_slab(lazy_graph *graph, const lazyi_plan_sizes *sizes, lazyi_block *out_slab) {
  *out_slab = (lazyi_block){0};
  if (sizes->slab_bytes <= graph->slab.bytes) return LAZY_STATUS_OK;
  return lazyi_arena_alloc(&graph->core->arena, sizes->slab_bytes, graph->stream, NULL, out_slab);
}

void lazyi_graph_take_slab(lazy_graph *graph, const lazyi_plan_sizes *sizes, lazyi_block slab) {
  if (slab.bytes == 0) return;
  free_slab(graph);
  graph->slab = slab;
  graph->slab_activation_bytes = slab.bytes - sizes->workspace_bytes;
  count_memory(graph, graph->slab_activation_bytes, sizes->workspace_bytes);
}

void lazyi_graph_drop_slab(lazy_graph *graph, lazyi_block slab) {
  if (slab.bytes != 0) lazyi_arena_free(&graph->core->arena, slab, graph->stream);
}

/* ---- entries ---- */

lazy_status lazyi_graph_begin(lazy_graph *graph) {
  if (graph->is_running)
    return lazy_status_fail(graph->recording.base.is_dry ? LAZY_STATUS_NO_DATA : LAZY_STATUS_BUSY,
                            "the graph is in the middle of a %s, which has no values yet",
                            graph->recording.base.is_dry ? "dry run" : "recording");
  LAZY_TRY(lazyi_core_enter(graph->core));
  graph->is_running = true;
  return LAZY_STATUS_OK;
}

void lazyi_graph_end(lazy_graph *graph) {
  graph->is_running = false;
  lazyi_core_leave(graph->core);
}

lazy_status lazyi_graph_explain(const lazy_graph *graph, lazy_status status) {
  if (status != LAZY_STATUS_OUT_OF_MEMORY) return status;
  return lazy_status_annotate(status, "%s", lazyi_module_class_name(graph->module));
}

lazy_status lazy_graph_synchronize(lazy_graph *graph) {
  LAZY_TRY(lazyi_graph_begin(graph));
  lazy_status status = LAZYI_DRIVER(&graph->core->device, stream_synchronize, graph->stream);
  lazyi_graph_end(graph);
  return status;
}
