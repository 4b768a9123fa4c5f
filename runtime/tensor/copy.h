/* Elements from one place on the device to another: strided, broadcast, converted; and filled. */
#ifndef LAZYI_TENSOR_COPY_H
#define LAZYI_TENSOR_COPY_H

#include "runtime/tensor/core.h"

typedef struct lazyi_place {
  uint64_t address;
  lazy_dtype dtype;
  const int64_t *strides; /* elements, one per dim; 0 repeats (sources only); NULL = contiguous */
} lazyi_place;

/* Queues a copy of every element of `shape`; one launch or one driver copy, nothing if it has no elements.
   The places do not overlap. The device's context is current. Conversion: as lazy_array_convert. */
LAZY_MUST_USE lazy_status lazyi_copy(lazyi_core *core, const lazy_shape *shape, const lazyi_place *from,
                                     const lazyi_place *to, lazy_driver_stream stream);

/* The bits of `value` in a dtype, in the low bytes. Floats round as lazy_array_fill says; integers:
   INVALID_VALUE for what they cannot hold. */
LAZY_MUST_USE lazy_status lazyi_copy_pattern(lazy_dtype dtype, double value, uint64_t *out_pattern);
/* Queues setting `count` contiguous elements to a pattern. */
LAZY_MUST_USE lazy_status lazyi_copy_fill(lazyi_core *core, uint64_t address, size_t element_bytes,
                                          uint64_t count, uint64_t pattern, lazy_driver_stream stream);

#endif
