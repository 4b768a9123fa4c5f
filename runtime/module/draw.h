/* First values of shaped parameters outside of a first forward. */
#ifndef LAZYI_MODULE_DRAW_H
#define LAZYI_MODULE_DRAW_H

#include "runtime/module/module.h"

/* Draws `count` shaped parameters, whose inits are resolved, in order, into one extent. All or none become
 * real. */
LAZY_MUST_USE lazy_status lazyi_draw(lazy_context *context, lazy_param *const *params, size_t count);

/* What draws a shaped parameter whose init is resolved, all of it. A copy with another `from` (a multiple of
   4) and `count` draws a slice. UNSUPPORTED under a torch stream, where a value depends on all before it. */
LAZY_MUST_USE lazy_status lazyi_draw_segment(lazy_param *param, struct lazy_init_segment *out_segment);
/* Draws segments at `base`, one after the other, each aligned to LAZY_PARAM_ALIGNMENT: sets their offsets,
   queues it on `stream` and returns. Tiles leave their fingerprints' sums at `sums`, from each segment's
   first_tile on; 0 for none. The device's context must be current. Any thread. */
LAZY_MUST_USE lazy_status lazyi_draw_segments(lazy_context *context, struct lazy_init_segment *segments,
                                              size_t count, uint64_t base, uint64_t sums,
                                              lazy_driver_stream stream);

#endif
