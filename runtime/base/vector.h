/* A growable array of any element type, and checked size arithmetic. */
#ifndef LAZYI_BASE_VECTOR_H
#define LAZYI_BASE_VECTOR_H

#include "runtime/base/memory.h"

/* Declares the fields of a vector: `struct { LAZYI_VECTOR(int) sizes; }`. Zero-initialised is empty. */
#define LAZYI_VECTOR(type)  \
  struct {                  \
    type *at;               \
    size_t count, capacity; \
  }

/* Makes room for `extra` more elements; grows by half at least. The elements' values stand if it fails. */
#define lazyi_vector_reserve(vector, extra)                                                         \
  lazyi_vector_grow_((void **)(void *)&(vector)->at, &(vector)->capacity, (vector)->count, (extra), \
                     sizeof *(vector)->at)
/* Appends one element (evaluated after room was made). */
#define lazyi_vector_push(vector, ...)                                                      \
  (lazyi_vector_reserve((vector), 1) == LAZY_STATUS_OK                                      \
       ? ((vector)->at[(vector)->count] = (__VA_ARGS__), (vector)->count++, LAZY_STATUS_OK) \
       : LAZY_STATUS_OUT_OF_MEMORY)
/* Frees the storage and leaves the vector empty. */
#define lazyi_vector_deinit(vector) \
  (lazyi_memory_free((vector)->at), (vector)->at = NULL, (vector)->count = (vector)->capacity = 0)

LAZY_MUST_USE lazy_status lazyi_vector_grow_(void **at, size_t *capacity, size_t count, size_t extra,
                                             size_t element_bytes);

static inline bool lazyi_add_size(size_t a, size_t b, size_t *out) {
  return !__builtin_add_overflow(a, b, out);
}
static inline bool lazyi_mul_size(size_t a, size_t b, size_t *out) {
  return !__builtin_mul_overflow(a, b, out);
}
/* Rounds up to a power of two `alignment`; false on overflow. */
static inline bool lazyi_align_size(size_t bytes, size_t alignment, size_t *out) {
  if (!lazyi_add_size(bytes, alignment - 1, out)) return false;
  *out &= ~(alignment - 1);
  return true;
}

#endif
