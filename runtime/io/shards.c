#include "runtime/io/shards.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "runtime/tensor/array.h"

/* ---- which entry goes where ---- */

static lazy_status measure(const lazy_state *state, size_t index, lazyi_safetensors_tensor *out_tensor) {
  const char *key = state->entries.at[index].key;
  lazy_spec spec;
  int64_t count;
  size_t bytes;
  if (!lazy_state_spec(state, index, &spec))
    return lazy_status_fail(LAZY_STATUS_UNINITIALIZED,
                            "'%s' is an uninitialized parameter or buffer: a checkpoint cannot hold it; run "
                            "the model once, or dry-run it",
                            key);
  LAZY_TRY(lazyi_array_measure(&spec.shape, spec.dtype, &count, &bytes));
  *out_tensor = (lazyi_safetensors_tensor){
      .key = (char *)key, .dtype = spec.dtype, .shape = spec.shape, .begin = 0, .end = bytes};
  return LAZY_STATUS_OK;
}

static lazy_status open_shard(lazyi_shards *shards, const lazyi_safetensors_pair *pairs, size_t count) {
  LAZY_TRY(lazyi_vector_push(&shards->shards, (lazyi_shard){.data_bytes = 0}));
  lazyi_shard *shard = &shards->shards.at[shards->shards.count - 1];
  for (size_t i = 0; i < count; i++) LAZY_TRY(lazyi_vector_push(&shard->header.metadata, pairs[i]));
  return LAZY_STATUS_OK;
}

/* Puts the entries [first, last) into the last shard. */
static lazy_status fill_shard(const lazy_state *state, size_t first, size_t last, lazyi_shards *shards) {
  lazyi_shard *shard = &shards->shards.at[shards->shards.count - 1];
  LAZY_TRY(lazyi_vector_reserve(&shard->header.tensors, last - first));
  LAZY_TRY(lazyi_vector_reserve(&shard->entries, last - first));
  for (size_t element_bytes = 8; element_bytes != 0; element_bytes /= 2)
    for (size_t i = first; i < last; i++) {
      lazyi_safetensors_tensor tensor;
      LAZY_TRY(measure(state, i, &tensor));
      if (lazy_dtype_bytes(tensor.dtype) != element_bytes) continue;
      tensor.begin = shard->data_bytes;
      tensor.end += shard->data_bytes;
      shard->data_bytes = tensor.end;
      shard->header.tensors.at[shard->header.tensors.count++] = tensor;
      shard->entries.at[shard->entries.count++] = i;
    }
  return LAZY_STATUS_OK;
}

static lazy_status lay_out(const lazy_state *state, uint64_t shard_bytes, const lazyi_safetensors_pair *pairs,
                           size_t pair_count, lazyi_shards *shards) {
  size_t first = 0, last = 0;
  do {
    uint64_t bytes = 0;
    for (first = last; last < state->entries.count; last++) {
      lazyi_safetensors_tensor tensor;
      LAZY_TRY(measure(state, last, &tensor));
      if (last > first && (bytes > shard_bytes || tensor.end > shard_bytes - bytes)) break;
      if (__builtin_add_overflow(shards->data_bytes, tensor.end, &shards->data_bytes) ||
          shards->data_bytes > INT64_MAX)
        return lazy_status_fail(LAZY_STATUS_LIMIT, "'%s': the file's size overflows", tensor.key);
      bytes += tensor.end;
    }
    LAZY_TRY(open_shard(shards, pairs, pair_count));
    LAZY_TRY(fill_shard(state, first, last, shards));
  } while (last < state->entries.count);
  return LAZY_STATUS_OK;
}

lazy_status lazyi_shards_lay_out(const lazy_state *state, uint64_t shard_bytes,
                                 const char *const *metadata_keys, const char *const *metadata_values,
                                 size_t metadata_count, lazyi_shards *out_shards) {
  lazyi_shards shards = {.data_bytes = 0};
  LAZYI_VECTOR(lazyi_safetensors_pair) pairs = {0};
  lazy_status status = LAZY_STATUS_OK;
  for (size_t i = 0; i < metadata_count && status == LAZY_STATUS_OK; i++) {
    for (size_t j = 0; j < i && status == LAZY_STATUS_OK; j++)
      if (strcmp(metadata_keys[i], metadata_keys[j]) == 0)
        status = lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "metadata has '%s' twice", metadata_keys[i]);
    lazyi_safetensors_pair pair = {(char *)metadata_keys[i], (char *)metadata_values[i]};
    if (status == LAZY_STATUS_OK) status = lazyi_vector_push(&pairs, pair);
  }
  if (status == LAZY_STATUS_OK) status = lay_out(state, shard_bytes, pairs.at, pairs.count, &shards);
  lazyi_vector_deinit(&pairs);
  if (status == LAZY_STATUS_OK) *out_shards = shards;
  else lazyi_shards_deinit(&shards);
  return status;
}

void lazyi_shards_deinit(lazyi_shards *shards) {
  for (size_t i = 0; i < shards->shards.count; i++) {
    lazyi_shard *shard = &shards->shards.at[i];
    lazyi_vector_deinit(&shard->header.tensors);
    lazyi_vector_deinit(&shard->header.metadata);
    lazyi_vector_deinit(&shard->entries);
  }
  lazyi_vector_deinit(&shards->shards);
}

/* ---- names and index ---- */

void lazyi_shards_name(const lazyi_shards *shards, size_t index, char name[LAZYI_SHARD_NAME_BYTES]) {
  (void)snprintf(name, LAZYI_SHARD_NAME_BYTES, "model-%05zu-of-%05zu.safetensors", index + 1,
                 shards->shards.count);
}

static json_t *make_index(const lazyi_shards *shards) {
  json_t *index = json_object(), *metadata = json_object(), *files = json_object();
  bool failed =
      json_object_set_new(metadata, "total_size", json_integer((json_int_t)shards->data_bytes)) != 0;
  for (size_t i = 0; i < shards->shards.count; i++) {
    char name[LAZYI_SHARD_NAME_BYTES];
    const lazyi_shard *shard = &shards->shards.at[i];
    lazyi_shards_name(shards, i, name);
    for (size_t t = 0; t < shard->header.tensors.count; t++)
      failed |= json_object_set_new(files, shard->header.tensors.at[t].key, json_string(name)) != 0;
  }
  failed |= json_object_set_new(index, "metadata", metadata) != 0;
  failed |= json_object_set_new(index, "weight_map", files) != 0;
  if (!failed) return index;
  json_decref(index);
  return NULL;
}

/* As Python's json.dumps(index, indent=2, sort_keys=True) + "\n" writes it. */
lazy_status lazyi_shards_index(const lazyi_shards *shards, char **out_text, size_t *out_bytes) {
  const size_t flags = JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ENSURE_ASCII;
  json_t *index = make_index(shards);
  LAZYI_TRY_ALLOC(index);
  size_t bytes = json_dumpb(index, NULL, 0, flags);
  char *text = bytes != 0 ? lazyi_memory_alloc(bytes + 1) : NULL;
  if (text != NULL) (void)json_dumpb(index, text, bytes, flags);
  json_decref(index);
  LAZYI_TRY_ALLOC(text);
  text[bytes] = '\n';
  *out_text = text;
  *out_bytes = bytes + 1;
  return LAZY_STATUS_OK;
}
