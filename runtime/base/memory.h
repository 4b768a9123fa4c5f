/* Host memory of the library: every allocation passes here, so that it can be counted and made to fail. */
#ifndef LAZYI_BASE_MEMORY_H
#define LAZYI_BASE_MEMORY_H

#include <lazyrt/status.h>

/* Allocates; NULL after storing an OUT_OF_MEMORY message that names the bytes. Zero bytes is a valid size. */
void *lazyi_memory_alloc(size_t bytes);
/* The same, zeroed; refuses a product that overflows. */
void *lazyi_memory_calloc(size_t count, size_t bytes);
/* Grows or shrinks; the old block stands if it fails. `block` may be NULL. */
void *lazyi_memory_realloc(void *block, size_t bytes);
void lazyi_memory_free(void *block);
/* Copies a string. */
char *lazyi_memory_strdup(const char *text);

/* Allocations made by this thread since it started (alloc, calloc, realloc, strdup). */
uint64_t lazyi_memory_count(void);
/* Blocks not yet freed, of all threads: the tests' leak check. */
int64_t lazyi_memory_live(void);
/* Makes the n-th next allocation of this thread fail once (1 = the next); 0 disarms. For tests. */
void lazyi_memory_fail_at(uint64_t n);

/* Returns from a function that yields a status if `pointer` is NULL after an allocation. */
#define LAZYI_TRY_ALLOC(pointer)                             \
  do {                                                       \
    if ((pointer) == NULL) return LAZY_STATUS_OUT_OF_MEMORY; \
  } while (0)

#endif
