/* First values of shaped parameters outside of a first forward. */
#ifndef LAZYI_MODULE_DRAW_H
#define LAZYI_MODULE_DRAW_H

#include "runtime/module/module.h"

/* Draws `count` shaped parameters, whose inits are resolved, in order, into one extent. All or none become
 * real. */
LAZY_MUST_USE lazy_status lazyi_draw(lazy_context *context, lazy_param *const *params, size_t count);

#endif
