/* lazyrt: dry-runs models written as text, and writes their initialised checkpoints. */
#include <stdlib.h>
#include <string.h>

#include "runtime/io/suggest.h"
#include "tools/lazyrt/tool.h"

static const char help[] =
    "lazyrt: lazy models from text to an initialised checkpoint\n"
    "\n"
    "  lazyrt dry-run MODEL... [--input [NAME=]SHAPE[:DTYPE]]... [--json]\n"
    "      Infers every size, turns lazy modules into their ordinary classes, plans memory.\n"
    "      Prints each model's tree, a table of its modules, and totals.\n"
    "  lazyrt init MODEL -o FILE.safetensors [--seed S] [--stream STREAM] [--input ...]\n"
    "      The same, and writes the initial values as a checkpoint.\n"
    "  lazyrt init MODEL --stream-out DIRECTORY [--shard-bytes SIZE] [--workers N] [--part K/N] [...]\n"
    "      The same in shards with an index, for a model of any size in bounded memory.\n"
    "  lazyrt fingerprint CHECKPOINT... [--tensors] [--json]\n"
    "      Of files, or directories with an index: 128 bits of keys, dtypes, shapes and values; the same\n"
    "      for the same tensors, in one file or in shards. --tensors: one line for each tensor, too.\n"
    "  lazyrt devices\n"
    "      Lists what --device takes here.\n"
    "\n"
    "MODEL is a file with what PyTorch prints of a model, or writes to make it; '-' is standard\n"
    "input. A line '# input: 32x784' in it states its input, used where no --input is given.\n"
    "\n"
    "  -i, --input [NAME=]SHAPE[:DTYPE]  an argument of the model: 32x784, 1x28x28:f16, scalar;\n"
    "                                    repeat it for more, in order; with NAME, a keyword\n"
    "  -o, --output FILE                 where init writes; replaced whole or not at all\n"
    "      --stream-out DIRECTORY        new or empty; appears whole, when all shards are written\n"
    "      --shard-bytes SIZE            of tensors in a shard: 5GB (default), 512MiB\n"
    "      --workers N                   threads, each at a shard of its own; default 1\n"
    "      --part K/N                    writes every N-th shard from the K-th on; the call that finds\n"
    "                                    all others there publishes the directory\n"
    "      --fingerprint                 of what init writes, taken while it is drawn\n"
    "  -s, --seed S                      0 to 2^64-1; default 0\n"
    "      --stream STREAM               keyed (default), torch-cpu, torch-cpu-fma\n"
    "      --dtype DTYPE                 f32 (default), f16, bf16, f64\n"
    "  -d, --device DEVICE               host (default), cuda, cuda:N, auto\n"
    "      --json                        one JSON document on standard output\n"
    "  -q, --quiet                       no progress, no warnings\n"
    "  -h, --help, --version\n"
    "\n"
    "Exit codes: 0 fine; 1 a model failed to infer; 2 usage, or a text that is no model;\n"
    "4 a file could not be read or written; 5 the device. A model that fails does not stop a batch.\n";

static const struct {
  const char *name;
  enum tool_exit (*run)(const tool_options *options);
} commands[] = {{"dry-run", tool_dry_run},
                {"init", tool_init},
                {"fingerprint", tool_fingerprint},
                {"devices", tool_devices}};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static enum tool_exit unknown_command(const char *word) {
  lazyi_suggestion suggestion = {.word = word, .bytes = strlen(word)};
  for (int i = 0; i < COMMAND_COUNT; i++) lazyi_suggest(&suggestion, commands[i].name);
  if (suggestion.best != NULL)
    fprintf(stderr, "lazyrt: unknown command '%s'; did you mean '%s'?\n", word, suggestion.best);
  else fprintf(stderr, "lazyrt: unknown command '%s'; lazyrt --help lists them\n", word);
  return TOOL_USAGE;
}

static enum tool_exit run_command(int count, char **words) {
  int command = 0;
  while (command < COMMAND_COUNT && strcmp(words[0], commands[command].name) != 0) command++;
  if (command == COMMAND_COUNT) return unknown_command(words[0]);
  tool_options options = {.device = "host", .models = calloc((size_t)count, sizeof *options.models)};
  if (options.models == NULL) return TOOL_MODEL;
  enum tool_exit code = tool_options_read(count - 1, words + 1, &options);
  if (code == TOOL_OK && options.help) fputs(help, stdout);
  else if (code == TOOL_OK) code = commands[command].run(&options);
  free(options.models);
  return code;
}

int main(int count, char **words) {
  enum tool_exit code = TOOL_OK;
  if (count < 2) {
    fputs(help, stderr);
    return TOOL_USAGE;
  }
  if (strcmp(words[1], "--help") == 0 || strcmp(words[1], "-h") == 0 || strcmp(words[1], "help") == 0)
    fputs(help, stdout);
  else if (strcmp(words[1], "--version") == 0)
    printf("lazyrt %d.%d.%d\n", LAZY_VERSION_MAJOR, LAZY_VERSION_MINOR, LAZY_VERSION_PATCH);
  else code = run_command(count - 1, words + 1);
  if (fflush(stdout) != 0 || ferror(stdout)) {
    fputs("lazyrt: standard output could not be written\n", stderr);
    return TOOL_IO;
  }
  return code;
}
