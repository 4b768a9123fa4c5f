#include "runtime/io/file_writer.h"
#include "runtime/io/shards.h"
#include "runtime/tensor/array.h"

/* Where an entry's bytes come from: an array that is held, or memory of the host. */
typedef struct source {
  lazy_array *array;
  const void *bytes;
  size_t count;
} source;

typedef struct writing {
  const lazy_state *state;
  lazyi_shards shards;          /* one */
  LAZYI_VECTOR(source) sources; /* like its tensors */
  lazyi_core *core;             /* of the first array; NULL without arrays */
} writing;

static lazy_status open_source(writing *w, const lazyi_state_entry *entry, size_t bytes, source *out_source) {
  source found = {.count = bytes};
  lazy_array *array = entry->array;
  lazy_status status = LAZY_STATUS_OK;
  if (entry->kind == LAZYI_STATE_BYTES) found.bytes = entry->bytes;
  if (entry->kind == LAZYI_STATE_PARAM) status = lazy_param_array(entry->param, &array);
  if (status == LAZY_STATUS_OK && array != NULL) status = lazy_array_contiguous(array, &found.array);
  if (entry->kind == LAZYI_STATE_PARAM && array != NULL) lazy_array_release(array);
  if (status != LAZY_STATUS_OK) return lazy_status_annotate(status, "'%s'", entry->key);
  if (found.array != NULL && w->core == NULL) w->core = found.array->storage->core;
  *out_source = found;
  return LAZY_STATUS_OK;
}

static lazy_status open_sources(writing *w) {
  const lazyi_shard *file = w->shards.shards.at;
  LAZY_TRY(lazyi_vector_reserve(&w->sources, file->entries.count));
  for (size_t i = 0; i < file->entries.count; i++) {
    const lazyi_safetensors_tensor *tensor = &file->header.tensors.at[i];
    source found;
    LAZY_TRY(open_source(w, &w->state->entries.at[file->entries.at[i]], (size_t)(tensor->end - tensor->begin),
                         &found));
    w->sources.at[w->sources.count++] = found;
  }
  return LAZY_STATUS_OK;
}

static lazy_status write_parts(writing *w, lazyi_file_writer *file, const unsigned char *head,
                               size_t head_bytes) {
  LAZY_TRY(lazyi_file_writer_put(file, head, head_bytes));
  for (size_t i = 0; i < w->sources.count; i++) {
    const source *from = &w->sources.at[i];
    if (from->array != NULL)
      LAZY_TRY(
          lazyi_file_writer_put_device(file, from->array->storage->core, from->array->address, from->count));
    else LAZY_TRY(lazyi_file_writer_put(file, from->bytes, from->count));
  }
  return lazyi_file_writer_commit(file);
}

static lazy_status write_file(writing *w, const char *path, const unsigned char *head, size_t head_bytes) {
  lazyi_file_writer file;
  if (w->core != NULL) LAZY_TRY(lazyi_core_enter(w->core));
  lazy_status status = lazyi_file_writer_open(path, head_bytes + w->shards.data_bytes, w->core, &file);
  if (status == LAZY_STATUS_OK) {
    status = write_parts(w, &file, head, head_bytes);
    lazyi_file_writer_close(&file);
  }
  if (w->core != NULL) lazyi_core_leave(w->core);
  return status;
}

static lazy_status save(writing *w, const char *path) {
  unsigned char *head;
  size_t head_bytes;
  LAZY_TRY(open_sources(w));
  LAZY_TRY(lazyi_safetensors_write_header(&w->shards.shards.at->header, &head, &head_bytes));
  lazy_status status = write_file(w, path, head, head_bytes);
  lazyi_memory_free(head);
  return status;
}

lazy_status lazy_state_save(const lazy_state *state, const char *path, const char *const *metadata_keys,
                            const char *const *metadata_values, size_t metadata_count) {
  writing w = {.state = state};
  lazy_status status =
      lazyi_shards_lay_out(state, UINT64_MAX, metadata_keys, metadata_values, metadata_count, &w.shards);
  if (status == LAZY_STATUS_OK) status = save(&w, path);
  for (size_t i = 0; i < w.sources.count; i++) lazy_array_release(w.sources.at[i].array);
  lazyi_vector_deinit(&w.sources);
  lazyi_shards_deinit(&w.shards);
  if (status != LAZY_STATUS_OUT_OF_MEMORY) return status;
  return lazy_status_annotate(status, "saving '%s'", path);
}

lazy_status lazy_module_save(lazy_module *module, const char *path) {
  const char *const keys[] = {"format", "lazyrt"}, *const values[] = {"pt", LAZYI_SAFETENSORS_VERSION};
  lazy_state *state;
  lazy_status status = lazy_module_state(module, &state);
  if (status != LAZY_STATUS_OK) return lazy_status_annotate(status, "saving '%s'", path);
  status = lazy_state_save(state, path, keys, values, 2);
  lazy_state_release(state);
  return status;
}
