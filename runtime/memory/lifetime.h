/* Places for things that live for a while: offsets in one slab, so that what lives together does not overlap
   and the slab is small. Pure.

   Time is counted in steps (the nodes of a graph in the order they run); an item is live from `first` to
   `last`, both included. No placement can be smaller than the most bytes ever live at once. Items are placed
   - in order of time, each into the tightest gap, at that end of it whose neighbour stays longer. Chains,
   residual blocks, and stacks (a forward pass and its backward) meet the bound;
   - where the bound was missed, also by size: largest first, each into the tightest gap that what lives at
   the same time leaves. Skipped where so much lives together that it is not worth its time. */
#ifndef LAZYI_MEMORY_LIFETIME_H
#define LAZYI_MEMORY_LIFETIME_H

#include "runtime/base/vector.h"

enum { LAZYI_LIFETIME_OWN = -1 };

typedef struct lazyi_lifetime_item {
  size_t bytes;
  int32_t first, last;
  int32_t alias_of; /* an earlier item whose place it shares (a view, an operation in place), or OWN */
} lazyi_lifetime_item;

typedef struct lazyi_lifetime_summary {
  size_t peak_bytes;  /* the slab's size */
  size_t bound_bytes; /* no placement can be smaller */
} lazyi_lifetime_summary;

/* Memory that planning uses, kept from call to call. A zeroed planner is ready. */
typedef struct lazyi_lifetime_planner {
  LAZYI_VECTOR(unsigned char) scratch;
  LAZYI_VECTOR(unsigned char) pairs;
} lazyi_lifetime_planner;
void lazyi_lifetime_planner_deinit(lazyi_lifetime_planner *planner);

/* Writes one offset per item, a multiple of `alignment` (a power of two); zero bytes get offset 0.
   INVALID_VALUE for a lifetime that ends before it starts or an alias of a later item; LIMIT if the sizes
   overflow. */
LAZY_MUST_USE lazy_status lazyi_lifetime_assign(lazyi_lifetime_planner *planner,
                                                const lazyi_lifetime_item *items, size_t count,
                                                size_t alignment, uint64_t *out_offsets,
                                                lazyi_lifetime_summary *out_summary);

#endif
