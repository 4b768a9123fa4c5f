/* What a graph initialised, and how to do it again in one launch. */
#ifndef LAZYI_GRAPH_REDRAW_H
#define LAZYI_GRAPH_REDRAW_H

#include "runtime/module/param.h"
#include "runtime/tensor/core.h"

typedef struct lazyi_drawn {
  lazy_param *param; /* held */
  struct lazy_init_segment segment;
} lazyi_drawn;

/* Zeroed is empty. */
typedef struct lazyi_redraw {
  LAZYI_VECTOR(lazyi_drawn) drawn;
  LAZYI_VECTOR(struct lazy_init_segment) segments; /* as uploaded: offsets are addresses */
  lazyi_block table;                               /* the same on the device; bytes 0: not yet */
  uint32_t tile_count;
  lazy_driver_graph graph; /* names the node; NULL: nothing is captured */
  lazy_driver_exec exec;
  lazy_driver_node node;
} lazyi_redraw;

/* Room for more; then adding cannot fail. */
LAZY_MUST_USE lazy_status lazyi_redraw_reserve(lazyi_redraw *redraw, size_t count);
void lazyi_redraw_add(lazyi_redraw *redraw, lazy_param *param, const struct lazy_init_segment *segment);
/* Gives the device's part back, with its context current; then the rest. */
void lazyi_redraw_drop(lazyi_redraw *redraw, lazyi_core *core, lazy_driver_stream stream);
void lazyi_redraw_deinit(lazyi_redraw *redraw);

#endif
