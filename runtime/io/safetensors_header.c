#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/io/safetensors.h"
#include "runtime/io/utf8.h"

static const struct {
  const char *name;
  lazy_dtype dtype; /* DEFAULT: the format has it, lazyrt does not */
} dtypes[] = {
    {"F64", LAZY_DTYPE_F64},      {"F32", LAZY_DTYPE_F32},         {"F16", LAZY_DTYPE_F16},
    {"BF16", LAZY_DTYPE_BF16},    {"I64", LAZY_DTYPE_I64},         {"U8", LAZY_DTYPE_U8},
    {"BOOL", LAZY_DTYPE_DEFAULT}, {"I8", LAZY_DTYPE_DEFAULT},      {"I16", LAZY_DTYPE_DEFAULT},
    {"U16", LAZY_DTYPE_DEFAULT},  {"I32", LAZY_DTYPE_DEFAULT},     {"U32", LAZY_DTYPE_DEFAULT},
    {"U64", LAZY_DTYPE_DEFAULT},  {"F8_E4M3", LAZY_DTYPE_DEFAULT}, {"F8_E5M2", LAZY_DTYPE_DEFAULT},
    {"C64", LAZY_DTYPE_DEFAULT},  {"F8_E8M0", LAZY_DTYPE_DEFAULT}, {"F6_E2M3", LAZY_DTYPE_DEFAULT},
    {"F4", LAZY_DTYPE_DEFAULT},   {"F6_E3M2", LAZY_DTYPE_DEFAULT},
};

#define BROKEN(...) lazy_status_fail(LAZY_STATUS_CHECKPOINT, __VA_ARGS__)

/* A key as it may be shown: cut, so that a hostile one does not fill the message. */
#define SHOWN "%.200s"

static lazy_status read_dtype(const char *key, const json_t *value, lazy_dtype *out_dtype) {
  if (!json_is_string(value)) return BROKEN("tensor '" SHOWN "': no \"dtype\" that is a string", key);
  const char *name = json_string_value(value);
  for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
    if (strcmp(name, dtypes[i].name) != 0) continue;
    if (dtypes[i].dtype == LAZY_DTYPE_DEFAULT)
      return lazy_status_fail(LAZY_STATUS_UNSUPPORTED,
                              "tensor '" SHOWN "': dtype %s; lazyrt has F64, F32, F16, BF16, I64 and U8", key,
                              name);
    *out_dtype = dtypes[i].dtype;
    return LAZY_STATUS_OK;
  }
  return BROKEN("tensor '" SHOWN "': '%.40s' is no dtype", key, name);
}

/* Shape, and the bytes it takes. */
static lazy_status read_shape(const char *key, const json_t *value, lazy_dtype dtype, lazy_shape *out_shape,
                              uint64_t *out_bytes) {
  if (!json_is_array(value)) return BROKEN("tensor '" SHOWN "': no \"shape\" that is an array", key);
  lazy_shape shape = {0};
  if (json_array_size(value) > LAZY_MAX_RANK)
    return lazy_status_fail(LAZY_STATUS_UNSUPPORTED, "tensor '" SHOWN "': rank %zu; %d is the highest", key,
                            json_array_size(value), LAZY_MAX_RANK);
  shape.rank = (int32_t)json_array_size(value);
  bool empty = false;
  for (int32_t i = 0; i < shape.rank; i++) {
    const json_t *dim = json_array_get(value, (size_t)i);
    if (!json_is_integer(dim) || json_integer_value(dim) < 0)
      return BROKEN("tensor '" SHOWN "': size %" PRId32 " of \"shape\" is not an integer from 0 up", key, i);
    shape.dims[i] = json_integer_value(dim);
    if (shape.dims[i] == 0) empty = true;
  }
  uint64_t bytes = empty ? 0 : lazy_dtype_bytes(dtype);
  for (int32_t i = 0; i < shape.rank && !empty; i++)
    if (__builtin_mul_overflow(bytes, (uint64_t)shape.dims[i], &bytes) || bytes > INT64_MAX)
      return BROKEN("tensor '" SHOWN "': its sizes overflow", key);
  *out_shape = shape;
  *out_bytes = bytes;
  return LAZY_STATUS_OK;
}

static lazy_status read_offsets(const char *key, const json_t *value, uint64_t bytes, uint64_t data_bytes,
                                lazyi_safetensors_tensor *tensor) {
  const json_t *begin = json_array_get(value, 0), *end = json_array_get(value, 1);
  if (json_array_size(value) != 2 || !json_is_integer(begin) || !json_is_integer(end) ||
      json_integer_value(begin) < 0 || json_integer_value(end) < 0)
    return BROKEN("tensor '" SHOWN "': \"data_offsets\" is not two integers from 0 up", key);
  tensor->begin = (uint64_t)json_integer_value(begin);
  tensor->end = (uint64_t)json_integer_value(end);
  if (tensor->begin > tensor->end || tensor->end > data_bytes)
    return BROKEN("tensor '" SHOWN "': data_offsets [%" PRIu64 ", %" PRIu64 "] in a file with %" PRIu64
                  " bytes of data",
                  key, tensor->begin, tensor->end, data_bytes);
  if (tensor->end - tensor->begin != bytes)
    return BROKEN("tensor '" SHOWN "': data_offsets span %" PRIu64 " bytes, dtype and shape take %" PRIu64,
                  key, tensor->end - tensor->begin, bytes);
  return LAZY_STATUS_OK;
}

static lazy_status read_tensor(lazyi_safetensors_header *header, const char *key, const json_t *value,
                               uint64_t data_bytes) {
  if (!json_is_object(value)) return BROKEN("tensor '" SHOWN "': its value is not an object", key);
  lazyi_safetensors_tensor tensor = {0};
  uint64_t bytes = 0;
  LAZY_TRY(read_dtype(key, json_object_get(value, "dtype"), &tensor.dtype));
  LAZY_TRY(read_shape(key, json_object_get(value, "shape"), tensor.dtype, &tensor.shape, &bytes));
  LAZY_TRY(read_offsets(key, json_object_get(value, "data_offsets"), bytes, data_bytes, &tensor));
  if (json_object_size(value) != 3)
    return BROKEN("tensor '" SHOWN "': fields besides \"dtype\", \"shape\" and \"data_offsets\"", key);
  LAZY_TRY(lazyi_vector_reserve(&header->tensors, 1));
  tensor.key = lazyi_memory_strdup(key);
  LAZYI_TRY_ALLOC(tensor.key);
  header->tensors.at[header->tensors.count++] = tensor;
  return LAZY_STATUS_OK;
}

static lazy_status read_metadata(lazyi_safetensors_header *header, json_t *value) {
  if (!json_is_object(value)) return BROKEN("\"__metadata__\" is not an object");
  const char *key;
  json_t *text;
  json_object_foreach(value, key, text) {
    if (!json_is_string(text))
      return BROKEN("\"__metadata__\": the value of '" SHOWN "' is not a string", key);
    LAZY_TRY(lazyi_vector_reserve(&header->metadata, 1));
    lazyi_safetensors_pair *pair = &header->metadata.at[header->metadata.count];
    pair->key = lazyi_memory_strdup(key);
    LAZYI_TRY_ALLOC(pair->key);
    pair->value = lazyi_memory_strdup(json_string_value(text));
    if (pair->value == NULL) {
      lazyi_memory_free(pair->key);
      return LAZY_STATUS_OUT_OF_MEMORY;
    }
    header->metadata.count++;
  }
  return LAZY_STATUS_OK;
}

/* Empty tensors come before the one that starts where they lie; equal ones by key. */
static int compare_places(const void *left, const void *right) {
  const lazyi_safetensors_tensor *a = left, *b = right;
  if (a->begin != b->begin) return a->begin < b->begin ? -1 : 1;
  if (a->end != b->end) return a->end < b->end ? -1 : 1;
  return strcmp(a->key, b->key);
}

static lazy_status check_cover(lazyi_safetensors_header *header, uint64_t data_bytes) {
  uint64_t covered = 0;
  if (header->tensors.count != 0)
    qsort(header->tensors.at, header->tensors.count, sizeof *header->tensors.at, compare_places);
  for (size_t i = 0; i < header->tensors.count; i++) {
    const lazyi_safetensors_tensor *tensor = &header->tensors.at[i];
    if (tensor->begin > covered)
      return BROKEN("tensor '" SHOWN "': starts at byte %" PRIu64
                    " of the data and leaves a hole from %" PRIu64,
                    tensor->key, tensor->begin, covered);
    if (tensor->begin < covered)
      return BROKEN("tensor '" SHOWN "': starts at byte %" PRIu64 " of the data and overlaps '" SHOWN
                    "', which ends at %" PRIu64,
                    tensor->key, tensor->begin, header->tensors.at[i - 1].key, covered);
    covered = tensor->end;
  }
  if (covered != data_bytes)
    return BROKEN("%" PRIu64 " bytes of data, of which the tensors cover %" PRIu64, data_bytes, covered);
  return LAZY_STATUS_OK;
}

static lazy_status read_object(lazyi_safetensors_header *header, json_t *root, uint64_t data_bytes) {
  if (!json_is_object(root)) return BROKEN("the header is not an object");
  const char *key;
  json_t *value;
  json_object_foreach(root, key, value) {
    if (strcmp(key, "__metadata__") == 0) LAZY_TRY(read_metadata(header, value));
    else LAZY_TRY(read_tensor(header, key, value, data_bytes));
  }
  return check_cover(header, data_bytes);
}

static uint64_t read_little(const unsigned char *at) {
  uint64_t value = 0;
  for (int i = 7; i >= 0; i--) value = value << 8 | at[i];
  return value;
}

lazy_status lazyi_safetensors_read_header(const void *file, size_t file_bytes,
                                          lazyi_safetensors_header *out_header) {
  if (file_bytes < LAZYI_SAFETENSORS_PREFIX_BYTES)
    return BROKEN("%zu bytes are too few for a safetensors file: the header's length alone takes %d",
                  file_bytes, LAZYI_SAFETENSORS_PREFIX_BYTES);
  uint64_t header_bytes = read_little(file);
  size_t left = file_bytes - LAZYI_SAFETENSORS_PREFIX_BYTES;
  if (header_bytes > LAZYI_SAFETENSORS_MAX_HEADER_BYTES)
    return lazy_status_fail(LAZY_STATUS_LIMIT, "a header of %" PRIu64 " bytes; %" PRIu64 " is the most",
                            header_bytes, LAZYI_SAFETENSORS_MAX_HEADER_BYTES);
  if (header_bytes > left)
    return BROKEN("a header of %" PRIu64 " bytes in a file of %zu", header_bytes, file_bytes);
  const char *text = (const char *)file + LAZYI_SAFETENSORS_PREFIX_BYTES;
  if (header_bytes == 0 || text[0] != '{') return BROKEN("the header does not start with '{'");

  json_error_t error;
  json_t *root = json_loadb(text, (size_t)header_bytes, JSON_REJECT_DUPLICATES, &error);
  if (root == NULL) {
    if (json_error_code(&error) == json_error_out_of_memory)
      return lazy_status_fail(LAZY_STATUS_OUT_OF_MEMORY, "host memory: a header of %" PRIu64 " bytes",
                              header_bytes);
    return BROKEN("the header is not JSON: byte %d: %s", error.position, error.text);
  }
  lazyi_safetensors_header header = {.data_begin = LAZYI_SAFETENSORS_PREFIX_BYTES + header_bytes};
  lazy_status status = read_object(&header, root, left - header_bytes);
  json_decref(root);
  if (status == LAZY_STATUS_OK) *out_header = header;
  else lazyi_safetensors_header_deinit(&header);
  return status;
}

void lazyi_safetensors_header_deinit(lazyi_safetensors_header *header) {
  for (size_t i = 0; i < header->tensors.count; i++) lazyi_memory_free(header->tensors.at[i].key);
  for (size_t i = 0; i < header->metadata.count; i++) {
    lazyi_memory_free(header->metadata.at[i].key);
    lazyi_memory_free(header->metadata.at[i].value);
  }
  lazyi_vector_deinit(&header->tensors);
  lazyi_vector_deinit(&header->metadata);
}

/* ---- writing ---- */

typedef LAZYI_VECTOR(char) text_vector;

static lazy_status put(text_vector *text, const char *bytes, size_t count) {
  LAZY_TRY(lazyi_vector_reserve(text, count));
  memcpy(text->at + text->count, bytes, count);
  text->count += count;
  return LAZY_STATUS_OK;
}

static lazy_status put_word(text_vector *text, const char *word) { return put(text, word, strlen(word)); }

static lazy_status put_number(text_vector *text, uint64_t number) {
  char digits[24];
  return put(text, digits, (size_t)snprintf(digits, sizeof digits, "%" PRIu64, number));
}

static lazy_status put_string(text_vector *text, const char *string) {
  size_t bytes = strlen(string);
  if (!lazyi_utf8_is_valid(string, bytes))
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE,
                            "'" SHOWN "' is not UTF-8: a safetensors file cannot hold it", string);
  LAZY_TRY(put(text, "\"", 1));
  for (size_t i = 0; i < bytes; i++) {
    unsigned char c = (unsigned char)string[i];
    char escape[8] = {'\\', (char)c};
    if (c == '"' || c == '\\') LAZY_TRY(put(text, escape, 2));
    else if (c < 0x20) LAZY_TRY(put(text, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", c)));
    else LAZY_TRY(put(text, &string[i], 1));
  }
  return put(text, "\"", 1);
}

static lazy_status put_tensor(text_vector *text, const lazyi_safetensors_tensor *tensor) {
  if (strcmp(tensor->key, "__metadata__") == 0)
    return lazy_status_fail(
        LAZY_STATUS_INVALID_VALUE,
        "'__metadata__' is no key for a tensor in a safetensors file: the format keeps it");
  size_t i = 0;
  while (dtypes[i].dtype != tensor->dtype) i++;
  LAZY_TRY(put_string(text, tensor->key));
  LAZY_TRY(put_word(text, ":{\"dtype\":\""));
  LAZY_TRY(put_word(text, dtypes[i].name));
  LAZY_TRY(put_word(text, "\",\"shape\":["));
  for (int32_t d = 0; d < tensor->shape.rank; d++) {
    if (d != 0) LAZY_TRY(put(text, ",", 1));
    LAZY_TRY(put_number(text, (uint64_t)tensor->shape.dims[d]));
  }
  LAZY_TRY(put_word(text, "],\"data_offsets\":["));
  LAZY_TRY(put_number(text, tensor->begin));
  LAZY_TRY(put(text, ",", 1));
  LAZY_TRY(put_number(text, tensor->end));
  return put_word(text, "]}");
}

static lazy_status put_header(text_vector *text, const lazyi_safetensors_header *header) {
  LAZY_TRY(put(text, "\0\0\0\0\0\0\0\0{", LAZYI_SAFETENSORS_PREFIX_BYTES + 1));
  if (header->metadata.count != 0) LAZY_TRY(put_word(text, "\"__metadata__\":{"));
  for (size_t i = 0; i < header->metadata.count; i++) {
    if (i != 0) LAZY_TRY(put(text, ",", 1));
    LAZY_TRY(put_string(text, header->metadata.at[i].key));
    LAZY_TRY(put(text, ":", 1));
    LAZY_TRY(put_string(text, header->metadata.at[i].value));
  }
  if (header->metadata.count != 0) LAZY_TRY(put(text, "}", 1));
  for (size_t i = 0; i < header->tensors.count; i++) {
    if (i != 0 || header->metadata.count != 0) LAZY_TRY(put(text, ",", 1));
    LAZY_TRY(put_tensor(text, &header->tensors.at[i]));
  }
  LAZY_TRY(put(text, "}", 1));
  while (text->count % LAZYI_SAFETENSORS_ALIGNMENT != 0) LAZY_TRY(put(text, " ", 1));
  uint64_t bytes = text->count - LAZYI_SAFETENSORS_PREFIX_BYTES;
  if (bytes > LAZYI_SAFETENSORS_MAX_HEADER_BYTES)
    return lazy_status_fail(LAZY_STATUS_LIMIT, "a header of %" PRIu64 " bytes; %" PRIu64 " is the most",
                            bytes, LAZYI_SAFETENSORS_MAX_HEADER_BYTES);
  for (int i = 0; i < LAZYI_SAFETENSORS_PREFIX_BYTES; i++) text->at[i] = (char)(bytes >> (8 * i));
  return LAZY_STATUS_OK;
}

lazy_status lazyi_safetensors_write_header(const lazyi_safetensors_header *header, unsigned char **out_bytes,
                                           size_t *out_count) {
  text_vector text = {0};
  lazy_status status = put_header(&text, header);
  if (status != LAZY_STATUS_OK) {
    lazyi_vector_deinit(&text);
    return status;
  }
  *out_bytes = (unsigned char *)text.at;
  *out_count = text.count;
  return LAZY_STATUS_OK;
}
