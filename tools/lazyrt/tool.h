/* What the files of the tool share: options, outcomes, one model at work. */
#ifndef LAZYRT_TOOL_H
#define LAZYRT_TOOL_H

#include <lazyrt/lazyrt.h>
#include <stdio.h>

/* Exit codes. Of several failures in a batch the highest is returned. */
enum tool_exit {
  TOOL_OK = 0,
  TOOL_MODEL = 1,  /* a model failed to infer */
  TOOL_USAGE = 2,  /* the command line, or a model's text */
  TOOL_IO = 4,     /* a file could not be read or written */
  TOOL_DEVICE = 5, /* the device cannot be opened, or failed */
};

enum { TOOL_MAX_INPUTS = 16, TOOL_INPUT_NAME_BYTES = 64 };

typedef struct tool_input {
  char name[TOOL_INPUT_NAME_BYTES]; /* of a keyword argument; "" = by position */
  lazy_spec spec;                   /* dtype DEFAULT = the model's */
} tool_input;

typedef struct tool_inputs {
  tool_input at[TOOL_MAX_INPUTS];
  size_t count;
} tool_inputs;

typedef struct tool_options {
  const char **models; /* points into argv */
  size_t model_count;
  tool_inputs inputs;
  const char *device, *output;
  const char *stream_out; /* a directory to stream a checkpoint into; NULL: none */
  uint64_t shard_bytes;
  uint32_t workers, part, parts;
  lazy_dtype dtype;
  lazy_stream stream;
  uint64_t seed;
  bool json, quiet, help, fingerprint, tensors;
} tool_options;

/* Reads what follows the command; complains on stderr and returns TOOL_USAGE. `models` has room for every
 * word. */
enum tool_exit tool_options_read(int count, char **words, tool_options *out_options);

/* "10x10", "1x28x28:f16", "mask=10:u8", "scalar"; false with a reason in `why`. */
bool tool_input_read(const char *text, size_t bytes, tool_input *out_input, char *why, size_t why_bytes);
/* The inputs that a model's text states itself, in lines "# input: SHAPE[:DTYPE][, ...]"; LAZY_STATUS_PARSE
 * otherwise. */
lazy_status tool_inputs_of_text(const char *text, const char *file_name, tool_inputs *out_inputs);

/* The code that a failure ends the program with. */
enum tool_exit tool_exit_of(lazy_status status);

/* ---- one model, in a context of its own ---- */

typedef struct tool_model {
  const char *path; /* as given */
  tool_inputs inputs;
  lazy_context *context;
  lazy_module *module;
  lazy_graph *graph;
  lazy_plan *plan;
  char *text; /* of the tree, settled */
} tool_model;

/* Whether values are drawn while they are written, and never held: not those of a torch stream, which come in
   an order of their own. */
bool tool_streams(const tool_options *options);
/* Reads, parses, plans and dry-runs; what streams is settled without values. On failure
 * the message is the thread's, and the model is empty but for its path. */
lazy_status tool_model_run(const char *path, const tool_options *options, tool_model *out_model);
void tool_model_close(tool_model *model);

/* ---- commands ---- */

enum tool_exit tool_dry_run(const tool_options *options);
enum tool_exit tool_init(const tool_options *options);
enum tool_exit tool_fingerprint(const tool_options *options);
enum tool_exit tool_devices(const tool_options *options);

#endif
