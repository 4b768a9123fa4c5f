/* The safetensors format: eight bytes of header length (little endian), a JSON header, then the tensors'
   bytes.

   The header is one object: key -> {"dtype", "shape", "data_offsets": [begin, end]}, offsets counted from the
   header's end, and optionally "__metadata__" -> {string: string}. The tensors cover the rest of the file
   without holes or overlaps. https://github.com/huggingface/safetensors */
#ifndef LAZYI_IO_SAFETENSORS_H
#define LAZYI_IO_SAFETENSORS_H

#include <lazyrt/state.h>

#include "runtime/base/vector.h"

#define LAZYI_SAFETENSORS_MAX_HEADER_BYTES ((uint64_t)100000000) /* the reference reader's limit */
enum { LAZYI_SAFETENSORS_PREFIX_BYTES = 8, LAZYI_SAFETENSORS_ALIGNMENT = 64 };

typedef struct lazyi_safetensors_tensor {
  char *key;
  lazy_dtype dtype;
  lazy_shape shape;
  uint64_t begin, end; /* counted from the first byte after the header */
} lazyi_safetensors_tensor;

typedef struct lazyi_safetensors_pair {
  char *key, *value;
} lazyi_safetensors_pair;

typedef struct lazyi_safetensors_header {
  LAZYI_VECTOR(lazyi_safetensors_tensor) tensors; /* in the order of their bytes */
  LAZYI_VECTOR(lazyi_safetensors_pair) metadata;
  uint64_t data_begin; /* offset in the file */
} lazyi_safetensors_header;

/* Reads and checks a whole file's header against the file's size; looks at no byte behind it. Errors:
   CHECKPOINT for whatever breaks the format, UNSUPPORTED for a dtype or rank that lazyrt does not have, LIMIT
   for a header that is too long; each names the key and says what was found and wanted. */
LAZY_MUST_USE lazy_status lazyi_safetensors_read_header(const void *file, size_t file_bytes,
                                                        lazyi_safetensors_header *out_header);
void lazyi_safetensors_header_deinit(lazyi_safetensors_header *header);

/* Prefix and JSON for tensors whose `begin` and `end` are set, padded with spaces to the alignment. Errors:
   INVALID_VALUE for a key that is empty of meaning to the format ("__metadata__", not UTF-8), LIMIT. The
   caller frees the bytes with lazyi_memory_free. */
LAZY_MUST_USE lazy_status lazyi_safetensors_write_header(const lazyi_safetensors_header *header,
                                                         unsigned char **out_bytes, size_t *out_count);

/* What the library writes under "lazyrt" in the files of modules: its version. */
#define LAZYI_SAFETENSORS_WORD_(number) #number
#define LAZYI_SAFETENSORS_WORD(number)  LAZYI_SAFETENSORS_WORD_(number)
#define LAZYI_SAFETENSORS_VERSION            \
  LAZYI_SAFETENSORS_WORD(LAZY_VERSION_MAJOR) \
  "." LAZYI_SAFETENSORS_WORD(LAZY_VERSION_MINOR) "." LAZYI_SAFETENSORS_WORD(LAZY_VERSION_PATCH)

#endif
