#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/io/suggest.h"
#include "tools/lazyrt/tool.h"

enum option {
  INPUT,
  DEVICE,
  DTYPE,
  SEED,
  STREAM,
  OUTPUT,
  STREAM_OUT,
  SHARD_BYTES,
  WORKERS,
  PART,
  FINGERPRINT,
  TENSORS,
  JSON,
  QUIET,
  HELP,
  OPTION_COUNT
};
static const struct {
  const char *name;
  char letter;
  bool has_value;
} known[OPTION_COUNT] = {
    [INPUT] = {"--input", 'i', true},
    [DEVICE] = {"--device", 'd', true},
    [DTYPE] = {"--dtype", 0, true},
    [SEED] = {"--seed", 's', true},
    [STREAM] = {"--stream", 0, true},
    [OUTPUT] = {"--output", 'o', true},
    [STREAM_OUT] = {"--stream-out", 0, true},
    [SHARD_BYTES] = {"--shard-bytes", 0, true},
    [WORKERS] = {"--workers", 0, true},
    [PART] = {"--part", 0, true},
    [FINGERPRINT] = {"--fingerprint", 0, false},
    [TENSORS] = {"--tensors", 0, false},
    [JSON] = {"--json", 0, false},
    [QUIET] = {"--quiet", 'q', false},
    [HELP] = {"--help", 'h', false},
};

#define COMPLAIN(...) (fprintf(stderr, "lazyrt: " __VA_ARGS__), fputc('\n', stderr), TOOL_USAGE)

/* The option of a word such as "--seed", "--seed=7" or "-s"; the value behind '=' if there is one. */
static enum option find_option(const char *word, const char **out_value) {
  size_t bytes = strcspn(word, "=");
  *out_value = word[bytes] == '=' ? word + bytes + 1 : NULL;
  for (int i = 0; i < OPTION_COUNT; i++) {
    if (strlen(known[i].name) == bytes && strncmp(known[i].name, word, bytes) == 0) return (enum option)i;
    if (known[i].letter != 0 && bytes == 2 && word[1] == known[i].letter && *out_value == NULL)
      return (enum option)i;
  }
  return OPTION_COUNT;
}

static enum tool_exit unknown_option(const char *word) {
  lazyi_suggestion suggestion = {.word = word, .bytes = strcspn(word, "=")};
  for (int i = 0; i < OPTION_COUNT; i++) lazyi_suggest(&suggestion, known[i].name);
  if (suggestion.best != NULL)
    return COMPLAIN("unknown option '%s'; did you mean '%s'?", word, suggestion.best);
  return COMPLAIN("unknown option '%s'; lazyrt --help lists them", word);
}

static bool read_seed(const char *text, uint64_t *out_seed) {
  char *end;
  if (text[0] < '0' || text[0] > '9') return false;
  errno = 0;
  *out_seed = strtoull(text, &end, 0);
  return *end == '\0' && errno == 0;
}

/* "5000000000", "5GB", "512MiB" */
static bool read_bytes(const char *text, uint64_t *out_bytes) {
  static const char letters[] = "KMGT";
  char *end;
  if (text[0] < '0' || text[0] > '9') return false;
  errno = 0;
  uint64_t bytes = strtoull(text, &end, 10);
  const char *letter = *end != '\0' ? strchr(letters, *end) : NULL;
  if (letter != NULL) {
    const bool binary = end[1] == 'i';
    for (const char *l = letters; l <= letter; l++)
      if (__builtin_mul_overflow(bytes, binary ? 1024u : 1000u, &bytes)) return false;
    end += binary ? 2 : 1;
    if (*end++ != 'B') return false;
  }
  *out_bytes = bytes;
  return *end == '\0' && errno == 0 && bytes != 0;
}

/* A number from `least` to 1,000,000 up to the character `stop`; NULL if it is none. */
static const char *read_count(const char *text, uint32_t least, char stop, uint32_t *out_count) {
  char *end;
  if (text[0] < '0' || text[0] > '9') return NULL;
  errno = 0;
  unsigned long count = strtoul(text, &end, 10);
  if (*end != stop || errno != 0 || count < least || count > 1000000) return NULL;
  *out_count = (uint32_t)count;
  return end;
}

/* "2/3": the second of three. */
static bool read_part(const char *text, tool_options *options) {
  const char *end = read_count(text, 1, '/', &options->part);
  if (end == NULL || read_count(end + 1, options->part, '\0', &options->parts) == NULL) return false;
  options->part--;
  return true;
}

static enum tool_exit add_input(tool_options *options, const char *value) {
  char why[160];
  if (options->inputs.count == TOOL_MAX_INPUTS) return COMPLAIN("more than %d inputs", TOOL_MAX_INPUTS);
  if (!tool_input_read(value, strlen(value), &options->inputs.at[options->inputs.count], why, sizeof why))
    return COMPLAIN("--input %s: %s", value, why);
  options->inputs.count++;
  return TOOL_OK;
}

static enum tool_exit set_option(tool_options *options, enum option option, const char *value) {
  switch (option) {
    case INPUT: return add_input(options, value);
    case DEVICE: options->device = value; return TOOL_OK;
    case OUTPUT: options->output = value; return TOOL_OK;
    case STREAM_OUT: options->stream_out = value; return TOOL_OK;
    case SHARD_BYTES:
      if (read_bytes(value, &options->shard_bytes)) return TOOL_OK;
      return COMPLAIN("--shard-bytes %s: wanted a size such as 5GB or 512MiB", value);
    case WORKERS:
      if (read_count(value, 1, '\0', &options->workers) != NULL) return TOOL_OK;
      return COMPLAIN("--workers %s: wanted a number from 1 on", value);
    case PART:
      if (read_part(value, options)) return TOOL_OK;
      return COMPLAIN("--part %s: wanted K/N, from 1/N to N/N", value);
    case FINGERPRINT: options->fingerprint = true; return TOOL_OK;
    case TENSORS: options->tensors = true; return TOOL_OK;
    case JSON: options->json = true; return TOOL_OK;
    case QUIET: options->quiet = true; return TOOL_OK;
    case HELP: options->help = true; return TOOL_OK;
    case DTYPE:
      if (lazy_dtype_parse(value, &options->dtype) && lazy_dtype_is_float(options->dtype)) return TOOL_OK;
      return COMPLAIN("--dtype %s: wanted f32, f16, bf16 or f64", value);
    case STREAM:
      if (lazy_stream_parse(value, &options->stream)) return TOOL_OK;
      return COMPLAIN("--stream %s: wanted keyed, torch-cpu or torch-cpu-fma", value);
    case SEED:
      if (read_seed(value, &options->seed)) return TOOL_OK;
      return COMPLAIN("--seed %s: wanted an integer from 0 to 18446744073709551615", value);
    case OPTION_COUNT: break;
  }
  return TOOL_USAGE;
}

enum tool_exit tool_options_read(int count, char **words, tool_options *out_options) {
  bool only_models = false;
  for (int i = 0; i < count; i++) {
    const char *word = words[i], *value;
    if (only_models || word[0] != '-' || strcmp(word, "-") == 0) {
      out_options->models[out_options->model_count++] = word;
      continue;
    }
    if (strcmp(word, "--") == 0) {
      only_models = true;
      continue;
    }
    enum option option = find_option(word, &value);
    if (option == OPTION_COUNT) return unknown_option(word);
    if (!known[option].has_value && value != NULL) return COMPLAIN("%s takes no value", known[option].name);
    if (known[option].has_value && value == NULL) {
      if (i + 1 == count) return COMPLAIN("%s: a value is missing", word);
      value = words[++i];
    }
    enum tool_exit code = set_option(out_options, option, value);
    if (code != TOOL_OK) return code;
  }
  return TOOL_OK;
}
