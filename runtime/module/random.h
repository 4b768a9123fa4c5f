/* A context's random state. */
#ifndef LAZYI_MODULE_RANDOM_H
#define LAZYI_MODULE_RANDOM_H

#include "runtime/init/init.h"
#include "runtime/tensor/context.h"

/* The generator of the torch streams, made and seeded on first use. Under the first-forward lock. */
LAZY_MUST_USE lazy_status lazyi_random_generator(lazy_context *context,
                                                 lazyi_torch_generator **out_generator);

#endif
