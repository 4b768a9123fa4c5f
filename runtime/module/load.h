/* Inside of load_state_dict: what a load found out (load.c) and how it is carried out (load_apply.c). */
#ifndef LAZYI_MODULE_LOAD_H
#define LAZYI_MODULE_LOAD_H

#include "runtime/base/string.h"
#include "runtime/module/findings.h"
#include "runtime/module/hooks.h"
#include "runtime/module/journal.h"
#include "runtime/module/state.h"

/* A parameter that gets values. */
typedef struct lazyi_load_target {
  lazy_param *param; /* its mark is this target's number + 1 */
  size_t entry;      /* of the state: the last one that names it */
  const char *key;   /* under which it was first met */
  lazy_shape shape;  /* that it has or gets */
  lazy_array *own;   /* a real one's values, and a backup of them; with `saved`, the backup was filled */
  lazy_array *backup;
  bool saved;
} lazyi_load_target;

typedef struct lazyi_load_frame {
  lazy_module *root;
  const lazy_state *state;
  const char *prefix;
  lazyi_map keys; /* as pre-hooks left them: key -> entry + 1 */
  bool *used;     /* per entry */
  LAZYI_VECTOR(lazyi_load_target) targets;
  LAZYI_VECTOR(lazy_module *) lazy_modules; /* that a load may finalise, in order */
  lazyi_string errors;                      /* "\n\t..." each */
  bool has_other_error;                     /* than a lazy entry for a real parameter */
  bool has_post_hooks;
  bool keeps_lazy; /* a lazy module stays one, settled or not */
  lazy_report *report;
  lazyi_journal journal;
} lazyi_load_frame;

/* Sizes, classes, options, memory and values of everything the frame has targets for, through its journal. */
LAZY_MUST_USE lazy_status lazyi_load_apply(lazyi_load_frame *frame);
/* After a failure: the journal is rolled back and real parameters get their values again. */
void lazyi_load_undo(lazyi_load_frame *frame);

/* A strict load that swaps no class: the module is being made again as it was, lazy hooks and all. */
LAZY_MUST_USE lazy_status lazyi_load_as_saved(lazy_module *module, const lazy_state *state);

#endif
