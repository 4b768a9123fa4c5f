#include <stdio.h>
#include <string.h>

#include "runtime/io/file_writer.h"
#include "runtime/io/safetensors.h"
#include "runtime/module/state.h"
#include "runtime/tensor/array.h"

/* Where an entry's bytes come from: an array that is held, or memory of the host. */
typedef struct source {
  lazy_array *array;
  const void *bytes;
  size_t count;
} source;

typedef struct writing {
  const lazy_state *state;
  lazyi_safetensors_header header; /* tensors in the order of their bytes; keys are the state's */
  LAZYI_VECTOR(source) sources;    /* like header.tensors */
  uint64_t data_bytes;
  lazyi_core *core; /* of the first array; NULL without arrays */
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

/* Larger elements first, so that every tensor lies aligned to its own; in the state's order among equals. */
static lazy_status place(writing *w) {
  for (size_t element_bytes = 8; element_bytes != 0; element_bytes /= 2)
    for (size_t i = 0; i < w->state->entries.count; i++) {
      const lazyi_state_entry *entry = &w->state->entries.at[i];
      lazy_spec spec;
      int64_t count;
      size_t bytes;
      if (!lazy_state_spec(w->state, i, &spec))
        return lazy_status_fail(
            LAZY_STATUS_UNINITIALIZED,
            "'%s' is an uninitialized parameter or buffer: a checkpoint cannot hold it; run the "
            "model once, or dry-run it",
            entry->key);
      if (lazy_dtype_bytes(spec.dtype) != element_bytes) continue;
      LAZY_TRY(lazyi_array_measure(&spec.shape, spec.dtype, &count, &bytes));
      lazyi_safetensors_tensor tensor = {.key = (char *)entry->key, .dtype = spec.dtype, .shape = spec.shape};
      tensor.begin = w->data_bytes;
      if (__builtin_add_overflow(w->data_bytes, bytes, &tensor.end) || tensor.end > INT64_MAX)
        return lazy_status_fail(LAZY_STATUS_LIMIT, "'%s': the file's size overflows", entry->key);
      w->data_bytes = tensor.end;
      source found;
      LAZY_TRY(lazyi_vector_push(&w->header.tensors, tensor));
      LAZY_TRY(lazyi_vector_reserve(&w->sources, 1));
      LAZY_TRY(open_source(w, entry, bytes, &found));
      w->sources.at[w->sources.count++] = found;
    }
  return LAZY_STATUS_OK;
}

static lazy_status set_metadata(writing *w, const char *const *keys, const char *const *values,
                                size_t count) {
  for (size_t i = 0; i < count; i++) {
    for (size_t j = 0; j < i; j++)
      if (strcmp(keys[i], keys[j]) == 0)
        return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "metadata has '%s' twice", keys[i]);
    lazyi_safetensors_pair pair = {(char *)keys[i], (char *)values[i]};
    LAZY_TRY(lazyi_vector_push(&w->header.metadata, pair));
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
  lazy_status status = lazyi_file_writer_open(path, head_bytes + w->data_bytes, w->core, &file);
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
  LAZY_TRY(place(w));
  LAZY_TRY(lazyi_safetensors_write_header(&w->header, &head, &head_bytes));
  lazy_status status = write_file(w, path, head, head_bytes);
  lazyi_memory_free(head);
  return status;
}

lazy_status lazy_state_save(const lazy_state *state, const char *path, const char *const *metadata_keys,
                            const char *const *metadata_values, size_t metadata_count) {
  writing w = {.state = state};
  lazy_status status = set_metadata(&w, metadata_keys, metadata_values, metadata_count);
  if (status == LAZY_STATUS_OK) status = save(&w, path);
  for (size_t i = 0; i < w.sources.count; i++) lazy_array_release(w.sources.at[i].array);
  lazyi_vector_deinit(&w.sources);
  lazyi_vector_deinit(&w.header.tensors);
  lazyi_vector_deinit(&w.header.metadata);
  if (status != LAZY_STATUS_OUT_OF_MEMORY) return status;
  return lazy_status_annotate(status, "saving '%s'", path);
}

lazy_status lazy_module_save(lazy_module *module, const char *path) {
  char version[32];
  snprintf(version, sizeof version, "%d.%d.%d", LAZY_VERSION_MAJOR, LAZY_VERSION_MINOR, LAZY_VERSION_PATCH);
  const char *const keys[] = {"format", "lazyrt"}, *const values[] = {"pt", version};
  lazy_state *state;
  lazy_status status = lazy_module_state(module, &state);
  if (status != LAZY_STATUS_OK) return lazy_status_annotate(status, "saving '%s'", path);
  status = lazy_state_save(state, path, keys, values, 2);
  lazy_state_release(state);
  return status;
}
