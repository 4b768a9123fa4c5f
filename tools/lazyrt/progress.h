/* A bar on standard error, for batches, where that is a terminal. It is taken away before anything is
 * printed. */
#ifndef LAZYRT_TOOL_PROGRESS_H
#define LAZYRT_TOOL_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct progress {
  size_t count;
  bool shown; /* it is a terminal, and more than one model */
} progress;

progress progress_make(size_t count, bool quiet);
/* `done` models are done, and `name` is being worked on. */
void progress_show(const progress *p, size_t done, const char *name);
void progress_hide(const progress *p);

#endif
