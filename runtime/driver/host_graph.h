/* Captured graphs of the host provider: inside of host_capture.c and host_graph.c. */
#ifndef LAZYI_DRIVER_HOST_GRAPH_H
#define LAZYI_DRIVER_HOST_GRAPH_H

#include "runtime/driver/host_state.h"

typedef struct lazyi_host_node {
  lazyi_host_command command; /* as it was given; never queued itself */
  void *large;                /* parameters that a command does not hold */
  uint32_t lane;              /* number of the stream in its capture */
  uint32_t first_before, before_count;
} lazyi_host_node;

/* A capture under way, and then what it yielded. */
struct lazyi_host_graph {
  void *handle;
  uint64_t number;
  LAZYI_VECTOR(lazyi_host_node) nodes; /* in the order they were given: none depends on a later one */
  LAZYI_VECTOR(uint32_t) before;       /* nodes that nodes depend on, that before it in its lane included */
  uint32_t lane_count;
  /* while capturing */
  lazyi_host_graph *next;
  lazyi_host_stream *origin;
  pthread_t thread;
  int mode, failure; /* failure: why nothing more is taken, or 0 */
};

/* A graph made ready to run: its nodes' commands stand in streams of its own, one a lane, and count what has
   to run first in other lanes. A launch is one command, which at the head of its stream fills those streams
   and ends with their last command. */
struct lazyi_host_exec {
  void *handle;
  void *graph_handle; /* nodes are named by it: for updates */
  uint64_t graph_number;
  lazyi_host_command *commands;  /* by node */
  uint32_t *missing;             /* by node: nodes of other lanes that it waits for */
  uint32_t *first_after, *after; /* by node: those of other lanes that wait for it */
  void **large;                  /* by node: parameters that a command does not hold; or NULL */
  lazyi_host_stream **streams;   /* by lane */
  uint32_t count, lane_count, remaining;
  bool heavy, running;
  lazyi_host_command *launches, *last_launch; /* in order; the first may run */
  uint64_t launched, finished;
  lazyi_host_exec *next_dying;
};

#endif
