#include "tools/lazyrt/progress.h"

#include <stdio.h>
#include <unistd.h>

enum { BAR = 24 };

progress progress_make(size_t count, bool quiet) {
  return (progress){.count = count, .shown = !quiet && count > 1 && isatty(STDERR_FILENO)};
}

void progress_show(const progress *p, size_t done, const char *name) {
  if (!p->shown) return;
  int full = (int)(done * BAR / p->count);
  fprintf(stderr, "\r\033[K[%.*s%*s] %zu/%zu %.40s", full, "########################", BAR - full, "", done,
          p->count, name);
  fflush(stderr);
}

void progress_hide(const progress *p) {
  if (p->shown) fputs("\r\033[K", stderr);
}
