/* "did you mean ...?": the nearest of the names that would have done. */
#ifndef LAZYI_IO_SUGGEST_H
#define LAZYI_IO_SUGGEST_H

#include <stddef.h>

typedef struct lazyi_suggestion {
  const char *word; /* as found; not terminated */
  size_t bytes;
  const char *best; /* NULL: nothing near enough */
  size_t distance;
} lazyi_suggestion;

/* Offers one name, which must outlive the suggestion. Near enough is a third of the word's letters: inserted,
   left out, replaced or swapped with a neighbour. Letter case costs nothing. */
void lazyi_suggest(lazyi_suggestion *suggestion, const char *name);

#endif
