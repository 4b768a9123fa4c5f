/* The undo journal: every host-side change of a first forward, load or conversion writes its inverse here.

   Commit drops it and cannot fail; rollback replays it backwards. Memory is reserved before each change, so
   that a change whose inverse could not be written is not made. */
#ifndef LAZYI_MODULE_JOURNAL_H
#define LAZYI_MODULE_JOURNAL_H

#include "runtime/base/vector.h"
#include "runtime/module/module.h"

enum lazyi_journal_kind {
  LAZYI_JOURNAL_MODULE, /* class, lazy hooks, pending, options */
  LAZYI_JOURNAL_PARAM,  /* state, shape, dtype, init, place, flags */
  LAZYI_JOURNAL_UNDO,   /* a function and its argument */
};

typedef struct lazyi_journal {
  LAZYI_VECTOR(unsigned char) entries; /* packed records, each followed by its size, walked backwards */
  size_t module_count, param_count;
} lazyi_journal;

/* Saves what a settled module or a changed parameter was (held until the journal is emptied). */
LAZY_MUST_USE lazy_status lazyi_journal_save_module(lazyi_journal *journal, lazy_module *module);
LAZY_MUST_USE lazy_status lazyi_journal_save_param(lazyi_journal *journal, lazy_param *param);
/* Any other inverse: undo(argument) on rollback; done(argument), if given, on commit. */
LAZY_MUST_USE lazy_status lazyi_journal_save_undo(lazyi_journal *journal, void (*undo)(void *argument),
                                                  void (*done)(void *argument), void *argument);
/* Empties the journal, keeping what was changed: pending marks are cleared. Allocates nothing, cannot fail.
 */
void lazyi_journal_commit(lazyi_journal *journal);
/* Restores everything, last change first. Allocates nothing, cannot fail. */
void lazyi_journal_rollback(lazyi_journal *journal);
/* Frees the memory of an empty journal. */
void lazyi_journal_deinit(lazyi_journal *journal);

#endif
