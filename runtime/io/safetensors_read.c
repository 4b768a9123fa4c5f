#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/io/model.h"
#include "runtime/io/safetensors.h"
#include "runtime/module/state.h"

typedef struct mapping {
  lazyi_state_owner owner;
  void *address;
  size_t bytes;
} mapping;

static void unmap(lazyi_state_owner *owner) {
  mapping *map = (mapping *)owner;
  if (map->bytes != 0) munmap(map->address, map->bytes);
  lazyi_memory_free(map);
}

static lazy_status map_descriptor(int descriptor, mapping *map) {
  struct stat facts;
  if (fstat(descriptor, &facts) != 0) return lazy_status_fail(LAZY_STATUS_IO, "%s", strerror(errno));
  if (!S_ISREG(facts.st_mode)) return lazy_status_fail(LAZY_STATUS_IO, "not a regular file");
  if (facts.st_size == 0) return LAZY_STATUS_OK;
  map->address = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (map->address == MAP_FAILED) return lazy_status_fail(LAZY_STATUS_IO, "mapping: %s", strerror(errno));
  map->bytes = (size_t)facts.st_size;
  return LAZY_STATUS_OK;
}

static lazy_status map_file(const char *path, mapping *map) {
  /* O_NONBLOCK: a named pipe is to be refused, not waited for. */
  int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return lazy_status_fail(LAZY_STATUS_IO, "%s", strerror(errno));
  lazy_status status = map_descriptor(descriptor, map);
  close(descriptor);
  return status;
}

static lazy_status fill(lazy_state *state, const mapping *map, const lazyi_safetensors_header *header) {
  const unsigned char *data = (const unsigned char *)map->address + header->data_begin;
  for (size_t i = 0; i < header->metadata.count; i++)
    LAZY_TRY(lazyi_state_set_metadata(state, header->metadata.at[i].key, header->metadata.at[i].value));
  for (size_t i = 0; i < header->tensors.count; i++) {
    const lazyi_safetensors_tensor *tensor = &header->tensors.at[i];
    LAZY_TRY(lazyi_state_add_bytes(state, tensor->key, tensor->dtype, &tensor->shape, data + tensor->begin));
  }
  return lazyi_model_add_lazy(state);
}

static lazy_status open_file(const char *path, lazy_state *state) {
  mapping *map = lazyi_memory_calloc(1, sizeof *map);
  LAZYI_TRY_ALLOC(map);
  atomic_init(&map->owner.references, 1);
  map->owner.destroy = unmap;
  lazyi_state_set_owner(state, &map->owner);
  LAZY_TRY(map_file(path, map));
  lazyi_safetensors_header header = {0};
  LAZY_TRY(lazyi_safetensors_read_header(map->address, map->bytes, &header));
  lazy_status status = fill(state, map, &header);
  lazyi_safetensors_header_deinit(&header);
  return status;
}

lazy_status lazy_state_open(const char *path, lazy_state **out_state) {
  lazy_state *state;
  lazy_status status = lazyi_state_create(&state);
  if (status != LAZY_STATUS_OK) return lazy_status_annotate(status, "%s", path);
  status = open_file(path, state);
  if (status != LAZY_STATUS_OK) {
    lazy_state_release(state);
    return lazy_status_annotate(status, "%s", path);
  }
  *out_state = state;
  return LAZY_STATUS_OK;
}

lazy_status lazy_module_load(lazy_module *module, const char *path, const lazy_load_options *options,
                             lazy_report **out_report) {
  lazy_state *state;
  LAZY_TRY(lazy_state_open(path, &state));
  lazy_status status = lazy_module_load_state(module, state, options, out_report);
  lazy_state_release(state);
  return status == LAZY_STATUS_OK ? status : lazy_status_annotate(status, "%s", path);
}
