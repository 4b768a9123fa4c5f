#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/lazyrt/tool.h"

enum { MAX_TEXT_BYTES = 16 << 20 };

enum tool_exit tool_exit_of(lazy_status status) {
  switch (status) {
    case LAZY_STATUS_OK: return TOOL_OK;
    case LAZY_STATUS_PARSE: return TOOL_USAGE;
    case LAZY_STATUS_IO:
    case LAZY_STATUS_CHECKPOINT: return TOOL_IO;
    case LAZY_STATUS_NO_DEVICE:
    case LAZY_STATUS_DEVICE:
    case LAZY_STATUS_DEVICE_LOST: return TOOL_DEVICE;
    default: return TOOL_MODEL;
  }
}

static void warn(void *user, const char *message) {
  fprintf(stderr, "lazyrt: %s: warning: %s\n", (const char *)user, message);
}

/* The whole stream as a string, freed with free. */
static lazy_status read_stream(FILE *stream, const char *path, char **out_text) {
  size_t count = 0, capacity = 1 << 16;
  char *text = malloc(capacity);
  lazy_status status = LAZY_STATUS_OK;
  while (text != NULL && !feof(stream) && status == LAZY_STATUS_OK) {
    count += fread(text + count, 1, capacity - 1 - count, stream);
    if (ferror(stream)) status = lazy_status_fail(LAZY_STATUS_IO, "%s: reading: %s", path, strerror(errno));
    else if (count > MAX_TEXT_BYTES)
      status =
          lazy_status_fail(LAZY_STATUS_PARSE, "%s: more than %d bytes: no model text", path, MAX_TEXT_BYTES);
    if (count < capacity - 1) continue;
    char *grown = realloc(text, capacity *= 2);
    if (grown == NULL) free(text);
    text = grown;
  }
  if (text == NULL) return lazy_status_fail(LAZY_STATUS_OUT_OF_MEMORY, "%s: host memory", path);
  text[count] = '\0';
  if (status == LAZY_STATUS_OK && strlen(text) != count)
    status = lazy_status_fail(LAZY_STATUS_PARSE, "%s: byte %zu is zero: no text", path, strlen(text));
  if (status == LAZY_STATUS_OK) *out_text = text;
  else free(text);
  return status;
}

static lazy_status read_text(const char *path, char **out_text) {
  if (strcmp(path, "-") == 0) return read_stream(stdin, "standard input", out_text);
  FILE *stream = fopen(path, "r");
  if (stream == NULL) return lazy_status_fail(LAZY_STATUS_IO, "%s: %s", path, strerror(errno));
  lazy_status status = read_stream(stream, path, out_text);
  fclose(stream);
  return status;
}

bool tool_streams(const tool_options *options) {
  return options->stream_out != NULL || (options->output != NULL && options->stream == LAZY_STREAM_KEYED);
}

static lazy_status plan_and_run(tool_model *model, bool without_values) {
  lazy_value positional[TOOL_MAX_INPUTS];
  lazy_keyword keywords[TOOL_MAX_INPUTS];
  lazy_args args = {positional, 0, keywords, 0};
  for (size_t i = 0; i < model->inputs.count; i++) {
    const tool_input *input = &model->inputs.at[i];
    lazy_value value = lazy_value_spec(&input->spec);
    if (input->name[0] == '\0') positional[args.count++] = value;
    else keywords[args.keyword_count++] = (lazy_keyword){input->name, value};
  }
  LAZY_TRY(lazy_graph_create(model->module, NULL, &model->graph));
  LAZY_TRY(lazy_graph_plan(model->graph, &args, &model->plan));
  LAZY_TRY(without_values ? lazy_graph_settle(model->graph, &args) : lazy_graph_dry_run(model->graph, &args));
  return lazy_module_to_string(model->module, &model->text);
}

static lazy_status run(const tool_options *options, tool_model *model) {
  char *text;
  const char *name = strcmp(model->path, "-") == 0 ? "standard input" : model->path;
  lazy_context_options defaults = {.struct_size = sizeof defaults,
                                   .default_dtype = options->dtype,
                                   .stream = options->stream,
                                   .seed = options->seed,
                                   .warn = options->quiet ? NULL : warn,
                                   .warn_user = (void *)model->path};
  LAZY_TRY(read_text(model->path, &text));
  model->inputs = options->inputs;
  lazy_status status = lazy_context_open(options->device, &defaults, &model->context);
  if (status == LAZY_STATUS_OK) status = lazy_module_parse_named(model->context, text, name, &model->module);
  if (status == LAZY_STATUS_OK && model->inputs.count == 0)
    status = tool_inputs_of_text(text, name, &model->inputs);
  if (status == LAZY_STATUS_OK && model->inputs.count == 0)
    status = lazy_status_fail(
        LAZY_STATUS_PARSE, "%s: no input: give --input SHAPE, or a line '# input: SHAPE' in the text", name);
  free(text);
  if (status != LAZY_STATUS_OK) return status;
  /* Inputs without a dtype take the model's, here, so that what is shown is what was run. */
  for (size_t i = 0; i < model->inputs.count; i++)
    if (model->inputs.at[i].spec.dtype == LAZY_DTYPE_DEFAULT)
      model->inputs.at[i].spec.dtype = options->dtype != LAZY_DTYPE_DEFAULT ? options->dtype : LAZY_DTYPE_F32;
  status = plan_and_run(model, tool_streams(options));
  return status == LAZY_STATUS_OK ? status : lazy_status_annotate(status, "%s", name);
}

lazy_status tool_model_run(const char *path, const tool_options *options, tool_model *out_model) {
  *out_model = (tool_model){.path = path};
  lazy_status status = run(options, out_model);
  if (status != LAZY_STATUS_OK) tool_model_close(out_model);
  return status;
}

void tool_model_close(tool_model *model) {
  lazy_string_free(model->text);
  lazy_plan_release(model->plan);
  lazy_graph_destroy(model->graph);
  lazy_module_release(model->module);
  lazy_context_close(model->context);
  *model = (tool_model){.path = model->path};
}
