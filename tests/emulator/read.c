/* A module's text, from its first line to the end. */
#include <string.h>

#include "tests/emulator/reader.h"

enum { MOST_VERSION = 1000, LEAST_ALIGN = 16, MOST_TEXT_BYTES = 1 << 30 };

typedef struct ptx_storage {
  ptx_module module;
  ptx_arena arena;
  const uint32_t *by_code; /* functions with bodies, as they follow in the code */
  uint32_t by_code_count;
} ptx_storage;

/* .version 9.0 */
static void read_version(ptx_reader *reader) {
  const ptx_token token = reader->lexer.token;
  if (token.kind != PTX_TOKEN_FLOAT || token.type != PTX_TYPE_NONE || !(token.number < MOST_VERSION))
    ptx_unexpected(reader, "a version");
  reader->module.version = (unsigned)(token.number * 10 + 0.5);
  ptx_next(reader);
}

/* .target sm_90a, debug */
static void read_target(ptx_reader *reader) {
  do {
    const ptx_token token = reader->lexer.token;
    if (token.kind != PTX_TOKEN_WORD) ptx_unexpected(reader, "a target");
    if (token.bytes > 3 && memcmp(token.start, "sm_", 3) == 0) {
      unsigned target = 0;
      for (uint32_t i = 3; i < token.bytes && i < 8; i++) {
        const char c = token.start[i];
        if (c >= '0' && c <= '9') target = target * 10 + (unsigned)(c - '0');
      }
      reader->module.target = target;
    } else if (ptx_at_word(reader, PTX_TOKEN_WORD, "map_f64_to_f32")) {
      ptx_fail(reader, token.line, "map_f64_to_f32 is not supported");
    }
    ptx_next(reader);
  } while (ptx_take_sign(reader, ','));
}

static bool read_head(ptx_reader *reader) {
  const uint32_t line = reader->lexer.token.line;
  if (ptx_take_directive(reader, ".version")) {
    read_version(reader);
  } else if (ptx_take_directive(reader, ".target")) {
    read_target(reader);
  } else if (ptx_take_directive(reader, ".address_size")) {
    if (ptx_expect_integer(reader, 64) != 64) ptx_fail(reader, line, "addresses of other than 64 bits");
  } else {
    return false;
  }
  return true;
}

/* A variable or a function, from what says how it is linked on. */
static void read_definition(ptx_reader *reader) {
  bool is_extern = false;
  for (;;) {
    if (ptx_take_directive(reader, ".extern")) is_extern = true;
    else if (!ptx_take_directive(reader, ".visible") && !ptx_take_directive(reader, ".weak") &&
             !ptx_take_directive(reader, ".common"))
      break;
  }
  if (reader->module.version == 0 || reader->module.target == 0)
    ptx_fail(reader, reader->lexer.token.line, "a module begins with .version and .target");
  if (ptx_take_directive(reader, ".entry")) ptx_read_function(reader, true);
  else if (ptx_take_directive(reader, ".func")) ptx_read_function(reader, false);
  else if (ptx_take_directive(reader, ".global")) ptx_read_variables(reader, PTX_GLOBAL, is_extern);
  else if (ptx_take_directive(reader, ".const")) ptx_read_variables(reader, PTX_CONST, is_extern);
  else if (ptx_take_directive(reader, ".shared")) ptx_read_variables(reader, PTX_SHARED, is_extern);
  else ptx_unexpected(reader, "a variable or a function");
}

static void read_module(ptx_reader *reader) {
  ptx_next(reader);
  while (reader->lexer.token.kind != PTX_TOKEN_END) {
    if (!ptx_take_sign(reader, ';') && !read_head(reader) && !ptx_read_source(reader))
      read_definition(reader);
  }
  if (reader->module.version == 0 || reader->module.target == 0)
    ptx_fail(reader, reader->lexer.token.line, "no module: .version or .target is missing");
  for (size_t i = 0; i < reader->externs.count; i++) {
    const ptx_extern *wanted = &reader->externs.at[i];
    if (wanted->variable->is_extern)
      ptx_fail(reader, wanted->line, "'%s' is not defined in this module", wanted->variable->name);
  }
}

static ptx_module *keep_module(ptx_reader *reader) {
  ptx_storage *kept = lazyi_memory_calloc(1, sizeof *kept);
  if (kept == NULL) ptx_fail_memory(reader);
  reader->kept = kept;
  ptx_module *module = &kept->module;
  *module = reader->module;
  module->shared_bytes = (module->shared_bytes + LEAST_ALIGN - 1) & ~(uint64_t)(LEAST_ALIGN - 1);
#define KEEP(field, counter, vector)                                                  \
  module->field = ptx_keep(reader, (vector).at, (vector).count, sizeof *(vector).at); \
  module->counter = (uint32_t)(vector).count
  KEEP(functions, function_count, reader->functions);
  KEEP(code, code_count, reader->code);
  KEEP(more, more_count, reader->more);
  KEEP(variables, variable_count, reader->variables);
  KEEP(files, file_count, reader->files);
  KEEP(addresses, address_count, reader->addresses);
#undef KEEP
  kept->by_code = ptx_keep(reader, reader->by_code.at, reader->by_code.count, sizeof *reader->by_code.at);
  kept->by_code_count = (uint32_t)reader->by_code.count;
  kept->arena = reader->storage;
  module->storage = kept;
  return module;
}

static void deinit(ptx_reader *reader) {
  ptx_arena_deinit(&reader->work);
  ptx_arena_deinit(&reader->body);
  lazyi_vector_deinit(&reader->scopes);
  lazyi_vector_deinit(&reader->pending);
  lazyi_vector_deinit(&reader->functions);
  lazyi_vector_deinit(&reader->by_code);
  lazyi_vector_deinit(&reader->params);
  lazyi_vector_deinit(&reader->variables);
  lazyi_vector_deinit(&reader->addresses);
  lazyi_vector_deinit(&reader->code);
  lazyi_vector_deinit(&reader->more);
  lazyi_vector_deinit(&reader->files);
  lazyi_vector_deinit(&reader->operands);
  lazyi_vector_deinit(&reader->initial);
  lazyi_vector_deinit(&reader->externs);
  lazyi_vector_deinit(&reader->statements);
  lazyi_vector_deinit(&reader->constants);
  lazyi_vector_deinit(&reader->specials);
  lazyi_vector_deinit(&reader->slots);
  lazyi_vector_deinit(&reader->touches);
  lazyi_vector_deinit(&reader->targets);
}

/* NULL: refused. Here alone a refusal jumps to. */
static ptx_module *read_guarded(ptx_reader *reader, const char *text) {
  if (setjmp(reader->refused) != 0) return NULL;
  if (strnlen(text, MOST_TEXT_BYTES) == MOST_TEXT_BYTES) ptx_fail(reader, 1, "a text of more than 1 GiB");
  ptx_lexer_start(&reader->lexer, text);
  ptx_push(reader, &reader->scopes, (ptx_scope){.symbols = NULL});
  read_module(reader);
  return keep_module(reader);
}

ptx_module *ptx_module_read(const char *text, char error[512]) {
  ptx_reader *reader = lazyi_memory_calloc(1, sizeof *reader);
  *error = '\0';
  if (reader == NULL) {
    strcpy(error, "out of memory");
    return NULL;
  }
  reader->error = error;
  ptx_module *module = read_guarded(reader, text);
  if (module == NULL) {
    ptx_arena_deinit(&reader->storage);
    lazyi_memory_free(reader->kept);
  }
  deinit(reader);
  lazyi_memory_free(reader);
  return module;
}

void ptx_module_free(ptx_module *module) {
  if (module == NULL) return;
  ptx_storage *kept = module->storage;
  ptx_arena arena = kept->arena;
  ptx_arena_deinit(&arena);
  lazyi_memory_free(kept);
}

const ptx_function *ptx_module_find(const ptx_module *module, const char *name) {
  for (uint32_t i = 0; i < module->function_count; i++) {
    const ptx_function *function = &module->functions[i];
    if (function->is_entry && function->has_body && strcmp(function->name, name) == 0) return function;
  }
  return NULL;
}

const ptx_function *ptx_module_function_at(const ptx_module *module, uint32_t instruction) {
  const ptx_storage *kept = module->storage;
  uint32_t low = 0, high = kept->by_code_count;
  while (high - low > 1) {
    const uint32_t middle = low + (high - low) / 2;
    if (module->functions[kept->by_code[middle]].first <= instruction) low = middle;
    else high = middle;
  }
  return &module->functions[kept->by_code[low]];
}
