/* Memory of one recording: handed out in order, taken back all at once, kept for the next recording. */
#ifndef LAZYI_GRAPH_BUMP_H
#define LAZYI_GRAPH_BUMP_H

#include "runtime/base/vector.h"

typedef struct lazyi_bump_chunk {
  unsigned char *at;
  size_t bytes;
} lazyi_bump_chunk;

/* Zero-initialised is empty. */
typedef struct lazyi_bump {
  LAZYI_VECTOR(lazyi_bump_chunk) chunks;
  size_t chunk, used; /* where the next block comes from */
} lazyi_bump;

void lazyi_bump_clear(lazyi_bump *bump);
void lazyi_bump_deinit(lazyi_bump *bump);
/* Aligned for any type. NULL after storing an OUT_OF_MEMORY message. */
void *lazyi_bump_alloc(lazyi_bump *bump, size_t bytes);

#endif
