/* Headers of checkpoints: whatever the bytes, an error or a header that keeps its promises and can be written
   and read again. Two hexadecimal digits and JSON are taken for a file with that header and so many bytes of
   data; anything else for a file as it stands. */
#include <stdlib.h>
#include <string.h>

#include "runtime/io/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void promise(bool held) {
  if (!held) abort();
}

static void keeps_promises(const lazyi_safetensors_header *header, size_t file_bytes) {
  promise(header->data_begin <= file_bytes);
  uint64_t at = 0;
  for (size_t i = 0; i < header->tensors.count; i++) {
    const lazyi_safetensors_tensor *tensor = &header->tensors.at[i];
    promise(tensor->begin == at && tensor->begin <= tensor->end);
    promise(tensor->shape.rank >= 0 && tensor->shape.rank <= LAZY_MAX_RANK);
    uint64_t wanted = lazy_dtype_bytes(tensor->dtype);
    promise(wanted != 0);
    for (int d = 0; d < tensor->shape.rank; d++) {
      promise(tensor->shape.dims[d] >= 0);
      promise(!__builtin_mul_overflow(wanted, (uint64_t)tensor->shape.dims[d], &wanted) || wanted == 0);
    }
    promise(tensor->end - tensor->begin == wanted);
    for (size_t j = 0; j < i; j++) promise(strcmp(header->tensors.at[j].key, tensor->key) != 0);
    at = tensor->end;
  }
  promise(at == file_bytes - header->data_begin);
}

static void check(const void *file, size_t file_bytes) {
  lazyi_safetensors_header header = {0};
  if (lazyi_safetensors_read_header(file, file_bytes, &header) != LAZY_STATUS_OK) {
    promise(lazy_status_message()[0] != '\0');
    promise(header.tensors.at == NULL && header.metadata.at == NULL);
    return;
  }
  keeps_promises(&header, file_bytes);
  unsigned char *written = NULL;
  size_t count = 0;
  promise(lazyi_safetensors_write_header(&header, &written, &count) == LAZY_STATUS_OK);
  size_t data_bytes = file_bytes - (size_t)header.data_begin;
  lazyi_safetensors_header again = {0};
  promise(lazyi_safetensors_read_header(written, count + data_bytes, &again) == LAZY_STATUS_OK);
  promise(again.tensors.count == header.tensors.count && again.metadata.count == header.metadata.count);
  for (size_t i = 0; i < again.tensors.count; i++) {
    promise(strcmp(again.tensors.at[i].key, header.tensors.at[i].key) == 0);
    promise(again.tensors.at[i].dtype == header.tensors.at[i].dtype);
    promise(memcmp(&again.tensors.at[i].shape, &header.tensors.at[i].shape, sizeof(lazy_shape)) == 0);
    promise(again.tensors.at[i].end == header.tensors.at[i].end);
  }
  lazyi_safetensors_header_deinit(&again);
  lazyi_safetensors_header_deinit(&header);
  lazyi_memory_free(written);
}

static int hex_digit(uint8_t c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  int64_t live = lazyi_memory_live();
  if (bytes < 2 || hex_digit(data[0]) < 0 || hex_digit(data[1]) < 0) {
    check(data, bytes);
  } else {
    size_t json_bytes = bytes - 2, data_bytes = (size_t)(16 * hex_digit(data[0]) + hex_digit(data[1]));
    uint8_t *file = calloc(8 + json_bytes + data_bytes, 1);
    promise(file != NULL);
    for (int i = 0; i < 8; i++) file[i] = (uint8_t)((uint64_t)json_bytes >> 8 * i);
    memcpy(file + 8, data + 2, json_bytes);
    check(file, 8 + json_bytes + data_bytes);
    free(file);
  }
  promise(lazyi_memory_live() == live);
  return 0;
}
