/* Inside of lazy_array. */
#ifndef LAZYI_TENSOR_ARRAY_H
#define LAZYI_TENSOR_ARRAY_H

#include <lazyrt/array.h>

#include "runtime/tensor/core.h"

/* Memory that arrays share: a block of the arena, or somebody else's with a function that lets go of it. */
typedef struct lazyi_storage {
  atomic_uint references;
  lazyi_core *core; /* held */
  lazyi_block block;
  bool read_only;              /* writes through any view are refused */
  void (*let_go)(void *owner); /* NULL: the block is freed on the core's stream */
  void *owner;
} lazyi_storage;

struct lazy_array {
  atomic_uint references;
  lazyi_storage *storage; /* held */
  uint64_t address;       /* of the first element; 0 if there are none */
  lazy_dtype dtype;
  lazy_shape shape;
  int64_t strides[LAZY_MAX_RANK]; /* elements */
};

/* Elements and bytes of a shape; fails for what is no shape (INVALID_VALUE) and for overflow (LIMIT). */
LAZY_MUST_USE lazy_status lazyi_array_measure(const lazy_shape *shape, lazy_dtype dtype, int64_t *out_count,
                                              size_t *out_bytes);
/* "f32[3, 4]"; cut if it does not fit. Returns `buffer`. */
const char *lazyi_array_describe(lazy_dtype dtype, const lazy_shape *shape, char *buffer, size_t bytes);

/* Uninitialised memory in a core: what lazy_array_create does. The device's context need not be current. */
LAZY_MUST_USE lazy_status lazyi_array_create(lazyi_core *core, lazy_dtype dtype, const lazy_shape *shape,
                                             lazy_array **out_array);
/* A contiguous array on memory that somebody else owns; let_go(owner) is called when the last view goes, and
   not if this fails. */
LAZY_MUST_USE lazy_status lazyi_array_wrap(lazyi_core *core, lazy_dtype dtype, const lazy_shape *shape,
                                           uint64_t address, void (*let_go)(void *owner), void *owner,
                                           lazy_array **out_array);
/* A view with the array's own facts, for the caller to change. */
LAZY_MUST_USE lazy_status lazyi_array_alias(const lazy_array *array, lazy_array **out_view);

#endif
