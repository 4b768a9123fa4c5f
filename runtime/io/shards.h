/* How the entries of a state lie in the files of a checkpoint: one file, or shards and an index. No device,
   no file: the layout of a model larger than any disk can be asked for. */
#ifndef LAZYI_IO_SHARDS_H
#define LAZYI_IO_SHARDS_H

#include "runtime/io/safetensors.h"
#include "runtime/module/state.h"

typedef struct lazyi_shard {
  lazyi_safetensors_header header; /* tensors in the order of their bytes; keys are the state's */
  LAZYI_VECTOR(size_t) entries;    /* like header.tensors: entry numbers of the state */
  uint64_t data_bytes;
} lazyi_shard;

typedef struct lazyi_shards {
  LAZYI_VECTOR(lazyi_shard) shards;
  uint64_t data_bytes; /* of all */
} lazyi_shards;

/* Entries in the state's order, a new shard where the next entry would make one larger than `shard_bytes`; an
   entry that is larger by itself has a shard of its own. In a shard larger elements come first, so that every
   tensor lies aligned to its own; the state's order among equals. At least one shard. UNINITIALIZED for a
   lazy entry. Keys and metadata are borrowed. */
LAZY_MUST_USE lazy_status lazyi_shards_lay_out(const lazy_state *state, uint64_t shard_bytes,
                                               const char *const *metadata_keys,
                                               const char *const *metadata_values, size_t metadata_count,
                                               lazyi_shards *out_shards);
void lazyi_shards_deinit(lazyi_shards *shards);

/* "model-00002-of-00014.safetensors" */
enum { LAZYI_SHARD_NAME_BYTES = 64 };
void lazyi_shards_name(const lazyi_shards *shards, size_t index, char name[LAZYI_SHARD_NAME_BYTES]);

/* The text of model.safetensors.index.json: total size, and each key's file. To be freed with
   lazyi_memory_free. */
LAZY_MUST_USE lazy_status lazyi_shards_index(const lazyi_shards *shards, char **out_text, size_t *out_bytes);

#endif
