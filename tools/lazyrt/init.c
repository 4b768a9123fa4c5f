#include <inttypes.h>
#include <string.h>

#include "tools/lazyrt/json.h"
#include "tools/lazyrt/table.h"

enum { CELL_BYTES = 256 };

static lazy_status save(const tool_options *options, const tool_model *model, const lazy_state *state,
                        lazy_stream_out_result *out_result) {
  char version[32], seed[32];
  lazy_dtype dtype = options->dtype != LAZY_DTYPE_DEFAULT ? options->dtype : LAZY_DTYPE_F32;
  snprintf(version, sizeof version, "%d.%d.%d", LAZY_VERSION_MAJOR, LAZY_VERSION_MINOR, LAZY_VERSION_PATCH);
  snprintf(seed, sizeof seed, "%" PRIu64, options->seed);
  const char *const keys[] = {"format", "lazyrt", "seed", "stream", "dtype"};
  const char *const values[] = {"pt", version, seed, lazy_stream_name(options->stream),
                                lazy_dtype_name(dtype)};
  if (!tool_streams(options)) {
    LAZY_TRY(lazy_state_save(state, options->output, keys, values, 5));
    if (!options->fingerprint) return LAZY_STATUS_OK;
    return lazy_state_fingerprint(state, model->context, NULL, &out_result->fingerprint);
  }
  const bool one_file = options->stream_out == NULL;
  const lazy_stream_out_options out = {.struct_size = sizeof out,
                                       .shard_bytes = options->shard_bytes,
                                       .workers = options->workers,
                                       .part = options->part,
                                       .parts = options->parts,
                                       .metadata_keys = keys,
                                       .metadata_values = values,
                                       .metadata_count = 5,
                                       .fingerprint = options->fingerprint,
                                       .one_file = one_file};
  return lazy_module_stream_out(model->module, one_file ? options->output : options->stream_out, &out,
                                out_result);
}

static uint64_t count_elements(const lazy_shape *shape) {
  uint64_t count = 1;
  for (int32_t i = 0; i < shape->rank; i++) count *= (uint64_t)shape->dims[i];
  return count;
}

typedef struct totals {
  uint64_t elements, bytes;
} totals;

static bool print_text(const tool_options *options, const tool_model *model, const lazy_state *state,
                       const lazy_stream_out_result *streamed) {
  static const char *const headings[] = {"Key", "Tensor", "Elements", "Bytes"};
  const char *output = options->stream_out != NULL ? options->stream_out : options->output;
  totals sum = {0, 0};
  char fingerprint[LAZY_FINGERPRINT_TEXT_BYTES];
  char tensor[CELL_BYTES], count[CELL_BYTES], bytes[CELL_BYTES];
  table t = table_make(4, headings, "llrr");
  for (size_t i = 0; i < lazy_state_count(state); i++) {
    lazy_spec spec;
    if (!lazy_state_spec(state, i, &spec)) continue;
    uint64_t elements = count_elements(&spec.shape), size = elements * lazy_dtype_bytes(spec.dtype);
    table_add(&t, (const char *const[]){lazy_state_key(state, i),
                                        text_of_spec(spec.dtype, &spec.shape, tensor, sizeof tensor),
                                        text_of_count(elements, count, sizeof count),
                                        text_of_bytes(size, bytes, sizeof bytes)});
    sum.elements += elements;
    sum.bytes += size;
  }
  table_add_rule(&t);
  table_add(&t, (const char *const[]){"total", "", text_of_count(sum.elements, count, sizeof count),
                                      text_of_bytes(sum.bytes, bytes, sizeof bytes)});
  printf("%s%s%s  from %s\n\n", text_bold(), output, text_plain(), model->path);
  if (!table_print(&t, stdout)) return false;
  printf("\nlazyrt: OK model=%s %s=%s tensors=%zu parameters=%" PRIu64 " data_bytes=%" PRIu64, model->path,
         options->stream_out != NULL ? "directory" : "file", output, lazy_state_count(state), sum.elements,
         sum.bytes);
  if (options->stream_out != NULL)
    printf(" shards=%zu published=%s", streamed->shard_count, streamed->published ? "yes" : "not-yet");
  if (options->fingerprint)
    printf(" fingerprint=%s", lazy_fingerprint_text(streamed->fingerprint, fingerprint));
  printf("\n");
  return true;
}

static bool print_json(const tool_options *options, const tool_model *model, const lazy_state *state,
                       const lazy_stream_out_result *streamed) {
  json_t *document = json_document("lazyrt.init/1"), *tensors = json_array();
  for (size_t i = 0; i < lazy_state_count(state); i++) {
    lazy_spec spec;
    if (!lazy_state_spec(state, i, &spec)) continue;
    json_t *shape = json_array();
    for (int32_t d = 0; d < spec.shape.rank; d++)
      json_array_append_new(shape, json_integer(spec.shape.dims[d]));
    json_t *tensor = json_object();
    json_object_set_new(tensor, "key", json_text(lazy_state_key(state, i)));
    json_object_set_new(tensor, "dtype", json_text(lazy_dtype_name(spec.dtype)));
    json_object_set_new(tensor, "shape", shape);
    json_array_append_new(tensors, tensor);
  }
  char seed[32], fingerprint[LAZY_FINGERPRINT_TEXT_BYTES];
  snprintf(seed, sizeof seed, "%" PRIu64, options->seed);
  if (options->stream_out == NULL) {
    json_object_set_new(document, "file", json_text(options->output));
  } else {
    json_object_set_new(document, "directory", json_text(options->stream_out));
    json_object_set_new(document, "shards", json_integer((json_int_t)streamed->shard_count));
    json_object_set_new(document, "published", json_boolean(streamed->published));
  }
  /* A string: JSON's numbers are doubles to many readers, and a seed has 64 bits. */
  json_object_set_new(document, "seed", json_text(seed));
  json_object_set_new(document, "stream", json_text(lazy_stream_name(options->stream)));
  if (options->fingerprint)
    json_object_set_new(document, "fingerprint",
                        json_text(lazy_fingerprint_text(streamed->fingerprint, fingerprint)));
  json_object_set_new(document, "tensors", tensors);
  json_object_set_new(document, "result", json_of_model(model));
  return json_print(document, stdout);
}

static enum tool_exit fail(const tool_options *options, lazy_status status) {
  fflush(stdout);
  fprintf(stderr, "lazyrt: %s\n", lazy_status_message());
  if (!options->json) {
    printf("lazyrt: FAILED model=%s status=%s\n", options->models[0], lazy_status_name(status));
    return tool_exit_of(status);
  }
  json_t *document = json_document("lazyrt.init/1");
  json_object_set_new(document, "result", json_of_failure(options->models[0], status));
  return json_print(document, stdout) ? tool_exit_of(status) : TOOL_IO;
}

static enum tool_exit save_and_tell(const tool_options *options, tool_model *model) {
  lazy_state *state;
  lazy_stream_out_result streamed = {.shard_count = 0};
  lazy_status status = lazy_module_state(model->module, &state);
  if (status != LAZY_STATUS_OK) return fail(options, status);
  status = save(options, model, state, &streamed);
  enum tool_exit code = TOOL_OK;
  if (status != LAZY_STATUS_OK) code = fail(options, status);
  else if (!(options->json ? print_json(options, model, state, &streamed)
                           : print_text(options, model, state, &streamed)))
    code = TOOL_IO;
  lazy_state_release(state);
  return code;
}

enum tool_exit tool_init(const tool_options *options) {
  tool_model model;
  const char *wrong = NULL;
  if (options->model_count != 1) wrong = "init takes one model";
  else if (options->output == NULL && options->stream_out == NULL)
    wrong = "init: -o FILE.safetensors or --stream-out DIRECTORY is missing";
  else if (options->output != NULL && options->stream_out != NULL)
    wrong = "init: -o and --stream-out: one of them";
  if (wrong != NULL) {
    fprintf(stderr, "lazyrt: %s\n", wrong);
    return TOOL_USAGE;
  }
  lazy_status status = tool_model_run(options->models[0], options, &model);
  if (status != LAZY_STATUS_OK) return fail(options, status);
  enum tool_exit code = save_and_tell(options, &model);
  tool_model_close(&model);
  return code;
}
