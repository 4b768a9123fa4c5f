/* A whole module in one file: a checkpoint whose metadata also says what the module is.

   "lazyrt.model" is its text. "lazyrt.slots" has a line for everything that the text leaves open, in the
   order of a walk, parents first:

     module train|eval|lazy-train|lazy-eval PATH       lazy: its lazy hooks are in place
     shared PATH<tab>PATH OF ITS FIRST PLACE           nothing below it is told again
     parameter|frozen|buffer|scratch lazy|real DTYPE KEY    scratch: a buffer that is not persistent
     tied KEY<tab>KEY OF ITS FIRST PLACE
     none KEY

   "lazyrt.lazy" has a line "DTYPE KEY" for every entry of its state dict that is not in the file, being lazy.
 */
#ifndef LAZYI_IO_MODEL_H
#define LAZYI_IO_MODEL_H

#include "runtime/module/state.h"

#define LAZYI_MODEL_TEXT  "lazyrt.model"
#define LAZYI_MODEL_NAME  "lazyrt.name" /* of the root; absent where it has none */
#define LAZYI_MODEL_SLOTS "lazyrt.slots"
#define LAZYI_MODEL_LAZY  "lazyrt.lazy"

/* Adds the lazy entries that the metadata tells of to a state that was read from a file. */
LAZY_MUST_USE lazy_status lazyi_model_add_lazy(lazy_state *state);

#endif
