/* The context's queue of shaped parameters that wait for their draw, in the order they were made: what
   PyTorch would have drawn at construction. The torch streams serve it first in, first out; the keyed one
   needs no order. */
#ifndef LAZYI_MODULE_QUEUE_H
#define LAZYI_MODULE_QUEUE_H

#include "runtime/module/param.h"

typedef struct lazyi_queue lazyi_queue;

/* Makes room for `count` more, so that as many pushes cannot fail. */
LAZY_MUST_USE lazy_status lazyi_queue_reserve(lazy_context *context, size_t count);
void lazyi_queue_push(lazy_context *context, lazy_param *param);
/* For the last release of a queued parameter. Under a torch stream its numbers are owed to those behind it:
   the queue then keeps the parameter (true), and frees it once it was drawn. */
bool lazyi_queue_keep(lazy_param *param);
/* The same for what is at or below a module whose making failed, and which nobody else has seen: nothing was
   constructed, so nothing is owed. */
void lazyi_queue_forget(struct lazy_module *module);
/* Frees the queue with all it keeps. */
void lazyi_queue_destroy(lazyi_queue *queue);

/* Draws a shaped parameter: under a torch stream everything queued before it too, else it alone. One extent.
 */
LAZY_MUST_USE lazy_status lazyi_queue_draw(lazy_param *param);
/* Draws everything that waits, in order, into one extent. A first forward under a torch stream begins so. */
LAZY_MUST_USE lazy_status lazyi_queue_draw_all(lazy_context *context);

#endif
