/* Graphs on the host provider: instantiated, launched, changed. */
#include "runtime/driver/host_graph.h"

#include <string.h>

enum { NODE_BITS = 24 };

static lazyi_host_graph *graph_get(lazy_driver_graph graph) {
  return lazyi_host_handle_get(LAZYI_HOST_GRAPH, graph);
}
static lazyi_host_exec *exec_get(lazy_driver_exec exec) {
  return lazyi_host_handle_get(LAZYI_HOST_EXEC, exec);
}

/* ---- graphs ---- */

void lazyi_host_graph_free(lazyi_host_graph *graph) {
  if (graph->handle != NULL) lazyi_host.live.graphs--;
  for (size_t i = 0; i < graph->nodes.count; i++) lazyi_memory_free(graph->nodes.at[i].large);
  lazyi_vector_deinit(&graph->nodes);
  lazyi_vector_deinit(&graph->before);
  lazyi_memory_free(graph);
}

/* What was instantiated from it stays. */
int lazyi_host_graph_destroy(lazy_driver_graph handle) {
  int result = lazyi_host_enter(false);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  lazyi_host_graph *graph = graph_get(handle);
  if (graph == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_HANDLE);
  lazyi_host_handle_destroy(handle);
  lazyi_host_graph_free(graph);
  return lazyi_host_leave(lazyi_host.lost);
}

static uint64_t node_bits(uint64_t graph_number, uint64_t index) {
  return (uint64_t)LAZYI_HOST_NODE << 56 | (graph_number & UINT32_MAX) << NODE_BITS | (index + 1);
}

int lazyi_host_graph_get_nodes(lazy_driver_graph handle, lazy_driver_node *out_nodes, size_t *count) {
  int result = lazyi_host_enter(false);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  const lazyi_host_graph *graph = graph_get(handle);
  if (graph == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_HANDLE);
  if (count == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_VALUE);
  for (size_t i = 0; out_nodes != NULL && i < *count; i++)
    out_nodes[i] = i < graph->nodes.count ? (lazy_driver_node)(uintptr_t)node_bits(graph->number, i) : NULL;
  if (out_nodes == NULL || *count > graph->nodes.count) *count = graph->nodes.count;
  return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
}

/* ---- instantiation ---- */

void lazyi_host_exec_free(lazyi_host_exec *exec) {
  if (exec->handle != NULL) lazyi_host.live.execs--;
  for (uint32_t i = 0; exec->streams != NULL && i < exec->lane_count; i++) {
    lazyi_host_stream *stream = exec->streams[i];
    if (stream == NULL) continue;
    if (stream->users > 0) stream->destroyed = true; /* a thread that waits for everything stands there */
    else lazyi_host_stream_retire(stream);
  }
  for (uint32_t i = 0; exec->large != NULL && i < exec->count; i++) lazyi_memory_free(exec->large[i]);
  lazyi_memory_free(exec->commands);
  lazyi_memory_free(exec->missing);
  lazyi_memory_free(exec->first_after);
  lazyi_memory_free(exec->after);
  lazyi_memory_free(exec->large);
  lazyi_memory_free(exec->streams);
  lazyi_memory_free(exec);
}

/* Edges between lanes, from their beginnings. */
static void link_lanes(lazyi_host_exec *exec, const lazyi_host_graph *graph) {
  uint32_t *first = exec->first_after, total = 0;
  for (uint32_t pass = 0; pass < 2; pass++) {
    for (uint32_t i = 0; i < exec->count; i++) {
      const lazyi_host_node *node = &graph->nodes.at[i];
      for (uint32_t k = 0; k < node->before_count; k++) {
        uint32_t before = graph->before.at[node->first_before + k];
        if (graph->nodes.at[before].lane == node->lane) continue;
        if (pass == 0) first[before + 1]++, exec->missing[i]++;
        else exec->after[first[before]++] = i;
      }
    }
    if (pass == 0)
      for (uint32_t i = 0; i <= exec->count; i++) total += first[i], first[i] = total;
  }
  memmove(first + 1, first, exec->count * sizeof *first); /* filling moved every start to its end */
  first[0] = 0;
}

static int fill_exec(lazyi_host_exec *exec, const lazyi_host_graph *graph) {
  size_t count = graph->nodes.count, edges = graph->before.count;
  exec->count = (uint32_t)count;
  exec->lane_count = graph->lane_count;
  exec->commands = lazyi_memory_calloc(count + 1, sizeof *exec->commands);
  exec->missing = lazyi_memory_calloc(count + 1, sizeof *exec->missing);
  exec->first_after = lazyi_memory_calloc(count + 2, sizeof *exec->first_after);
  exec->after = lazyi_memory_calloc(edges + 1, sizeof *exec->after);
  exec->large = lazyi_memory_calloc(count + 1, sizeof *exec->large);
  exec->streams = lazyi_memory_calloc(graph->lane_count, sizeof *exec->streams);
  if (exec->commands == NULL || exec->missing == NULL || exec->first_after == NULL || exec->after == NULL ||
      exec->large == NULL || exec->streams == NULL)
    return LAZY_DRIVER_OUT_OF_MEMORY;
  for (uint32_t lane = 0; lane < exec->lane_count; lane++)
    if ((exec->streams[lane] = lazyi_host_stream_new()) == NULL) return LAZY_DRIVER_OUT_OF_MEMORY;
  link_lanes(exec, graph);
  for (uint32_t i = 0; i < exec->count; i++) {
    const lazyi_host_node *node = &graph->nodes.at[i];
    lazyi_host_command *command = &exec->commands[i];
    memcpy(command, &node->command, sizeof *command);
    command->stream = exec->streams[node->lane];
    command->exec = exec;
    exec->heavy |= lazyi_host_queue_is_heavy(command);
    if (command->kind != LAZYI_HOST_KERNEL) continue;
    command->as.kernel.params = command->inline_params;
    if (node->large == NULL) continue;
    size_t bytes = command->as.kernel.kernel->params_bytes;
    if ((exec->large[i] = lazyi_memory_alloc(bytes)) == NULL) return LAZY_DRIVER_OUT_OF_MEMORY;
    command->as.kernel.params = memcpy(exec->large[i], node->large, bytes);
  }
  return LAZY_DRIVER_SUCCESS;
}

int lazyi_host_graph_instantiate(lazy_driver_exec *out_exec, lazy_driver_graph handle,
                                 unsigned long long flags) {
  int result = lazyi_host_enter(true);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  lazyi_host_exec_reap();
  const lazyi_host_graph *graph = graph_get(handle);
  if (graph == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_HANDLE);
  if (out_exec == NULL || flags != 0) return lazyi_host_leave(LAZY_DRIVER_INVALID_VALUE);
  lazyi_host_exec *exec = lazyi_memory_calloc(1, sizeof *exec);
  if (exec == NULL) return lazyi_host_leave(LAZY_DRIVER_OUT_OF_MEMORY);
  exec->graph_handle = graph->handle;
  exec->graph_number = graph->number;
  result = fill_exec(exec, graph);
  if (result == LAZY_DRIVER_SUCCESS &&
      (exec->handle = lazyi_host_handle_create(LAZYI_HOST_EXEC, exec)) == NULL)
    result = LAZY_DRIVER_OUT_OF_MEMORY;
  if (result != LAZY_DRIVER_SUCCESS) {
    lazyi_host_exec_free(exec);
    return lazyi_host_leave(result);
  }
  lazyi_host.live.execs++;
  *out_exec = exec->handle;
  return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
}

void lazyi_host_exec_reap(void) {
  for (lazyi_host_exec **at = &lazyi_host.dying; *at != NULL;) {
    lazyi_host_exec *exec = *at;
    if (exec->finished < exec->launched) {
      at = &exec->next_dying;
      continue;
    }
    *at = exec->next_dying;
    lazyi_host_exec_free(exec);
  }
}

/* Launches under way still run. */
int lazyi_host_graph_exec_destroy(lazy_driver_exec handle) {
  int result = lazyi_host_enter(false);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  lazyi_host_exec_reap();
  lazyi_host_exec *exec = exec_get(handle);
  if (exec == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_HANDLE);
  lazyi_host_handle_destroy(handle);
  exec->handle = NULL;
  lazyi_host.live.execs--;
  exec->next_dying = lazyi_host.dying;
  lazyi_host.dying = exec;
  lazyi_host_exec_reap();
  return lazyi_host_leave(lazyi_host.lost);
}

/* ---- launches ---- */

/* Nothing is allocated. Launches of one exec run one after another, on whichever streams. */
int lazyi_host_graph_launch(lazy_driver_exec handle, lazy_driver_stream stream_handle) {
  int result = lazyi_host_enter(true);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  lazyi_host_exec *exec = exec_get(handle);
  lazyi_host_stream *stream = lazyi_host_stream_get(stream_handle);
  if (exec == NULL || stream == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_HANDLE);
  exec->launched++; /* holds the exec while the lock may open */
  lazyi_host_command *command = lazyi_host_queue_acquire(stream, LAZYI_HOST_REPLAY, 0);
  if (command == NULL) {
    exec->launched--;
    return lazyi_host_leave(lazyi_host_graph_refusal(stream));
  }
  command->as.replay.exec = exec;
  command->as.replay.next_launch = NULL;
  if (exec->launches == NULL) exec->launches = command;
  else exec->last_launch->as.replay.next_launch = command;
  exec->last_launch = command;
  lazyi_host_queue_submit(command);
  if (exec->heavy && lazyi_host.ready != NULL) lazyi_host_pool_notify(true);
  return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
}

bool lazyi_host_exec_start(lazyi_host_command *replay) {
  lazyi_host_exec *exec = replay->as.replay.exec;
  if (exec->launches != replay) return false;
  if (exec->count == 0 || lazyi_host.lost != LAZY_DRIVER_SUCCESS) return true;
  exec->running = replay->stream->running = true;
  exec->remaining = exec->count;
  for (uint32_t i = 0; i < exec->count; i++) {
    lazyi_host_command *command = &exec->commands[i];
    lazyi_host_stream *stream = command->stream;
    command->next = command->next_job = NULL;
    command->participants = 0;
    command->joinable = false;
    command->missing = exec->missing[i];
    atomic_store_explicit(&command->claimed, 0, memory_order_relaxed);
    if (stream->tail != NULL) stream->tail->next = command;
    else stream->head = command;
    stream->tail = command;
    stream->submitted++;
  }
  lazyi_host_tell_order(&replay->past, &replay->stream->past);
  for (uint32_t lane = 0; lane < exec->lane_count; lane++) {
    exec->streams[lane]->parent = replay->stream;
    lazyi_host_tell_order(&replay->stream->past, &exec->streams[lane]->past);
    lazyi_host_queue_visit(exec->streams[lane]);
  }
  return false;
}

void lazyi_host_exec_node_done(lazyi_host_command *node) {
  lazyi_host_exec *exec = node->exec;
  size_t index = (size_t)(node - exec->commands);
  for (uint32_t i = exec->first_after[index]; i < exec->first_after[index + 1]; i++) {
    lazyi_host_command *after = &exec->commands[exec->after[i]];
    lazyi_host_tell_order(&node->stream->past, &after->past);
    if (--after->missing == 0) lazyi_host_queue_visit(after->stream);
  }
  if (--exec->remaining > 0) return;
  lazyi_host_stream *stream = exec->launches->stream;
  for (uint32_t lane = 0; lane < exec->lane_count; lane++)
    lazyi_host_tell_order(&exec->streams[lane]->past, &stream->past);
  exec->running = stream->running = false;
  lazyi_host_queue_pop(stream);
  lazyi_host_queue_visit(stream);
}

void lazyi_host_exec_replayed(lazyi_host_command *replay) {
  lazyi_host_exec *exec = replay->as.replay.exec;
  exec->launches = replay->as.replay.next_launch;
  exec->finished++;
  if (exec->launches != NULL) lazyi_host_queue_visit(exec->launches->stream);
}

/* ---- changes ---- */

/* Means later launches: those under way are waited for, where CUDA keeps their parameters. */
int lazyi_host_graph_exec_kernel_node_set_params(lazy_driver_exec handle, lazy_driver_node node,
                                                 const lazy_driver_kernel_node_params *params) {
  int result = lazyi_host_enter(true);
  if (result != LAZY_DRIVER_SUCCESS) return result;
  lazyi_host_exec *exec = exec_get(handle);
  if (exec == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_HANDLE);
  uint64_t index = ((uint64_t)(uintptr_t)node & (((uint64_t)1 << NODE_BITS) - 1)) - 1;
  if (params == NULL || index >= exec->count || graph_get(exec->graph_handle) == NULL ||
      (uint64_t)(uintptr_t)node != node_bits(exec->graph_number, index) ||
      exec->commands[index].kind != LAZYI_HOST_KERNEL)
    return lazyi_host_leave(LAZY_DRIVER_INVALID_VALUE);
  const lazyi_host_kernel *kernel = lazyi_host_handle_get(LAZYI_HOST_FUNCTION, params->function);
  if (kernel == NULL) return lazyi_host_leave(LAZY_DRIVER_INVALID_HANDLE);
  if (kernel->params_bytes > LAZYI_HOST_INLINE_BYTES && exec->commands[index].as.kernel.kernel != kernel)
    return lazyi_host_leave(LAZY_DRIVER_NOT_SUPPORTED);
  lazyi_host_shape shape = {{params->grid_x, params->grid_y, params->grid_z},
                            {params->block_x, params->block_y, params->block_z},
                            params->shared_bytes,
                            0};
  uint64_t pieces = 1;
  result = lazyi_host_check_launch(kernel, &shape, params->parameters, params->extra, &pieces);
  if (result != LAZY_DRIVER_SUCCESS) return lazyi_host_leave(result);
  while (exec->finished < exec->launched) lazyi_host_pool_wait_moment(NULL);
  lazyi_host_command *command = &exec->commands[index];
  lazyi_host_pack(kernel, command->as.kernel.params, params->parameters, params->extra);
  command->blocks = pieces;
  command->as.kernel.kernel = kernel;
  command->as.kernel.threads = shape.block[0];
  if (lazyi_host_is_seen()) command->shape = shape;
  return lazyi_host_leave(LAZY_DRIVER_SUCCESS);
}
