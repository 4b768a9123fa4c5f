#include "runtime/base/vector.h"

lazy_status lazyi_vector_grow_(void **at, size_t *capacity, size_t count, size_t extra,
                               size_t element_bytes) {
  size_t wanted, bytes;
  if (!lazyi_add_size(count, extra, &wanted))
    return lazy_status_fail(LAZY_STATUS_OUT_OF_MEMORY, "size overflow");
  if (wanted <= *capacity) return LAZY_STATUS_OK;
  size_t grown = *capacity + *capacity / 2;
  if (grown < wanted) grown = wanted;
  if (grown < 8) grown = 8;
  if (!lazyi_mul_size(grown, element_bytes, &bytes))
    return lazy_status_fail(LAZY_STATUS_OUT_OF_MEMORY, "size overflow");
  void *block = lazyi_memory_realloc(*at, bytes);
  LAZYI_TRY_ALLOC(block);
  *at = block;
  *capacity = grown;
  return LAZY_STATUS_OK;
}
