#include "runtime/module/state.h"

#include <string.h>

#include "runtime/module/module.h"
#include "runtime/tensor/array.h"

/* ---- the list ---- */

lazy_status lazyi_state_create(lazy_state **out_state) {
  lazy_state *state = lazyi_memory_calloc(1, sizeof *state);
  LAZYI_TRY_ALLOC(state);
  atomic_init(&state->references, 1);
  *out_state = state;
  return LAZY_STATUS_OK;
}

void lazy_state_release(lazy_state *state) {
  if (state == NULL || atomic_fetch_sub_explicit(&state->references, 1, memory_order_acq_rel) != 1) return;
  for (size_t i = 0; i < state->entries.count; i++) {
    lazy_param_release(state->entries.at[i].param);
    lazy_array_release(state->entries.at[i].array);
  }
  lazyi_vector_deinit(&state->entries);
  lazyi_map_deinit(&state->index);
  for (size_t i = 0; i < state->metadata.entries.count; i++)
    if (state->metadata.entries.at[i].name != NULL) lazyi_memory_free(state->metadata.entries.at[i].value);
  lazyi_map_deinit(&state->metadata);
  lazyi_map_deinit(&state->versions);
  lazyi_state_set_owner(state, NULL);
  lazyi_memory_free(state);
}

void lazyi_state_set_owner(lazy_state *state, lazyi_state_owner *owner) {
  lazyi_state_owner *old = state->owner;
  state->owner = owner;
  if (old != NULL && atomic_fetch_sub_explicit(&old->references, 1, memory_order_acq_rel) == 1)
    old->destroy(old);
}

static lazy_status add(lazy_state *state, const char *key, const lazyi_state_entry *entry) {
  size_t bytes = strlen(key);
  if (lazyi_map_find(&state->index, key, bytes) != NULL)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "the state has an entry '%s' already", key);
  LAZY_TRY(lazyi_vector_reserve(&state->entries, 1));
  LAZY_TRY(lazyi_map_put(&state->index, key, bytes, (void *)(uintptr_t)(state->entries.count + 1)));
  lazyi_state_entry *place = &state->entries.at[state->entries.count++];
  *place = *entry;
  place->key = state->index.entries.at[state->index.entries.count - 1].name;
  (void)lazy_param_retain(place->param);
  if (place->array != NULL) (void)lazy_array_retain(place->array);
  return LAZY_STATUS_OK;
}

lazy_status lazyi_state_add_param(lazy_state *state, const char *key, lazy_param *param) {
  return add(state, key, &(lazyi_state_entry){.kind = LAZYI_STATE_PARAM, .param = param});
}

lazy_status lazyi_state_add_array(lazy_state *state, const char *key, lazy_array *array) {
  lazy_spec spec = {lazy_array_dtype(array), lazy_array_shape(array)};
  return add(state, key, &(lazyi_state_entry){.kind = LAZYI_STATE_ARRAY, .array = array, .spec = spec});
}

lazy_status lazyi_state_add_bytes(lazy_state *state, const char *key, lazy_dtype dtype,
                                  const lazy_shape *shape, const void *bytes) {
  lazy_spec spec = {dtype, *shape};
  return add(state, key, &(lazyi_state_entry){.kind = LAZYI_STATE_BYTES, .bytes = bytes, .spec = spec});
}

lazy_status lazyi_state_add_lazy(lazy_state *state, const char *key, lazy_dtype dtype) {
  return add(state, key, &(lazyi_state_entry){.kind = LAZYI_STATE_LAZY, .spec = {.dtype = dtype}});
}

lazy_status lazyi_state_set_metadata(lazy_state *state, const char *key, const char *value) {
  char *copy = lazyi_memory_strdup(value);
  LAZYI_TRY_ALLOC(copy);
  void **found = lazyi_map_find(&state->metadata, key, strlen(key));
  if (found != NULL) {
    lazyi_memory_free(*found);
    *found = copy;
    return LAZY_STATUS_OK;
  }
  lazy_status status = lazyi_map_put(&state->metadata, key, strlen(key), copy);
  if (status != LAZY_STATUS_OK) lazyi_memory_free(copy);
  return status;
}

lazy_status lazyi_state_set_version(lazy_state *state, const char *module_path, int version) {
  return lazyi_map_put(&state->versions, module_path, strlen(module_path), (void *)(uintptr_t)version);
}

int lazyi_state_version(const lazy_state *state, const char *module_path) {
  void **found = lazyi_map_find(&state->versions, module_path, strlen(module_path));
  return found != NULL ? (int)(uintptr_t)*found : 0;
}

/* ---- reading ---- */

size_t lazy_state_count(const lazy_state *state) { return state->entries.count; }

const char *lazy_state_key(const lazy_state *state, size_t index) {
  return index < state->entries.count ? state->entries.at[index].key : NULL;
}

size_t lazy_state_find(const lazy_state *state, const char *key) {
  void **found = lazyi_map_find(&state->index, key, strlen(key));
  return found != NULL ? (size_t)(uintptr_t)*found - 1 : SIZE_MAX;
}

bool lazy_state_spec(const lazy_state *state, size_t index, lazy_spec *out_spec) {
  if (index >= state->entries.count) return false;
  const lazyi_state_entry *entry = &state->entries.at[index];
  if (entry->kind == LAZYI_STATE_LAZY) return false;
  if (entry->kind != LAZYI_STATE_PARAM) {
    *out_spec = entry->spec;
    return true;
  }
  lazy_spec spec = {.dtype = (lazy_dtype)entry->param->dtype};
  if (!lazyi_param_known_shape(entry->param, &spec.shape)) return false;
  *out_spec = spec;
  return true;
}

const char *lazy_state_metadata(const lazy_state *state, const char *key) {
  void **found = lazyi_map_find(&state->metadata, key, strlen(key));
  return found != NULL ? *found : NULL;
}

static lazy_status read_bytes(const lazyi_state_entry *entry, void *out_data, size_t bytes) {
  int64_t count;
  size_t wanted;
  LAZY_TRY(lazyi_array_measure(&entry->spec.shape, entry->spec.dtype, &count, &wanted));
  if (bytes != wanted)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "the entry has %zu bytes, and room is given for %zu",
                            wanted, bytes);
  if (bytes > 0) memcpy(out_data, entry->bytes, bytes);
  return LAZY_STATUS_OK;
}

static lazy_status read_entry(const lazyi_state_entry *entry, void *out_data, size_t bytes) {
  if (entry->kind == LAZYI_STATE_BYTES) return read_bytes(entry, out_data, bytes);
  if (entry->kind == LAZYI_STATE_ARRAY) return lazy_array_download(entry->array, out_data, bytes);
  if (entry->kind == LAZYI_STATE_LAZY)
    return lazy_status_fail(LAZY_STATUS_UNINITIALIZED,
                            "the values of an uninitialized parameter: the file's model was lazy here");
  lazy_array *array;
  LAZY_TRY(lazy_param_array(entry->param, &array));
  lazy_status status = lazy_array_download(array, out_data, bytes);
  lazy_array_release(array);
  return status;
}

lazy_status lazy_state_read(const lazy_state *state, size_t index, void *out_data, size_t bytes) {
  if (index >= state->entries.count)
    return lazy_status_fail(LAZY_STATUS_OUT_OF_RANGE, "entry %zu of a state of %zu", index,
                            state->entries.count);
  lazy_status status = read_entry(&state->entries.at[index], out_data, bytes);
  return status == LAZY_STATUS_OK ? status : lazy_status_annotate(status, "%s", state->entries.at[index].key);
}

/* ---- state_dict ---- */

/* torch.nn.Module._save_to_state_dict: parameters first, then persistent buffers, as they were registered. */
static lazy_status add_module(lazy_module *module, const char *path, void *user) {
  lazy_state *state = user;
  char stack[512];
  if (module->type->version > 1) LAZY_TRY(lazyi_state_set_version(state, path, module->type->version));
  for (int buffers = 0; buffers < 2; buffers++) {
    for (size_t i = 0; i < module->params.count; i++) {
      const lazyi_param_slot *slot = &module->params.at[i];
      if (slot->param == NULL || slot->param->is_buffer != (buffers == 1) || slot->param->not_persistent)
        continue;
      size_t stem = strlen(path), bytes = stem + strlen(slot->name) + 2;
      char *key = bytes <= sizeof stack ? stack : lazyi_memory_alloc(bytes);
      LAZYI_TRY_ALLOC(key);
      memcpy(key, path, stem);
      if (stem > 0) key[stem++] = '.';
      memcpy(key + stem, slot->name, strlen(slot->name) + 1);
      lazy_status status = lazyi_state_add_param(state, key, slot->param);
      if (key != stack) lazyi_memory_free(key);
      LAZY_TRY(status);
    }
  }
  return LAZY_STATUS_OK;
}

lazy_status lazy_module_state(lazy_module *module, lazy_state **out_state) {
  lazy_state *state;
  LAZY_TRY(lazyi_state_create(&state));
  lazyi_module_lock(module);
  lazy_status status = lazy_module_walk(module, add_module, state);
  lazyi_module_unlock(module);
  if (status != LAZY_STATUS_OK) {
    lazy_state_release(state);
    return status;
  }
  *out_state = state;
  return LAZY_STATUS_OK;
}
