/* Functions: what stands before their bodies. */
#include <string.h>

#include "tests/emulator/reader.h"

enum { MOST_PARAMS = 4096, MOST_THREADS = 1024, LEAST_ALIGN = 16 };

ptx_variable *const *ptx_read_params(ptx_reader *reader, uint32_t *out_count) {
  const uint32_t line = reader->lexer.token.line;
  const size_t first = reader->params.count;
  ptx_expect_sign(reader, '(');
  if (!ptx_take_sign(reader, ')')) {
    do {
      if (reader->params.count - first == MOST_PARAMS)
        ptx_fail(reader, line, "more than %d parameters", (int)MOST_PARAMS);
      if (!ptx_take_directive(reader, ".param")) {
        if (ptx_at_word(reader, PTX_TOKEN_DIRECTIVE, ".reg"))
          ptx_fail(reader, line, "parameters in registers are not supported");
        ptx_unexpected(reader, ".param");
      }
      ptx_push(reader, &reader->params, ptx_read_param(reader));
    } while (ptx_take_sign(reader, ','));
    ptx_expect_sign(reader, ')');
  }
  *out_count = (uint32_t)(reader->params.count - first);
  reader->params.count = first;
  const void *from = *out_count == 0 ? NULL : reader->params.at + first;
  return ptx_keep(reader, from, *out_count, sizeof *reader->params.at);
}

/* .maxntid 256, 1, 1 */
static void read_threads(ptx_reader *reader, uint32_t threads[3]) {
  for (int i = 0; i < 3; i++) threads[i] = 1;
  for (int i = 0; i < 3; i++) {
    const uint32_t line = reader->lexer.token.line;
    threads[i] = (uint32_t)ptx_expect_integer(reader, MOST_THREADS);
    if (threads[i] == 0) ptx_fail(reader, line, "a block of no threads");
    if (i < 2 && !ptx_take_sign(reader, ',')) return;
  }
}

/* What stands between the parameters and the body. */
static void read_directives(ptx_reader *reader, ptx_function *function) {
  for (;;) {
    if (ptx_take_directive(reader, ".maxntid")) {
      read_threads(reader, function->max_threads);
    } else if (ptx_take_directive(reader, ".reqntid")) {
      read_threads(reader, function->required_threads);
    } else if (ptx_take_directive(reader, ".minnctapersm")) {
      function->min_blocks = (uint32_t)ptx_expect_integer(reader, UINT32_MAX);
    } else if (ptx_take_directive(reader, ".maxnreg") || ptx_take_directive(reader, ".maxnctapersm") ||
               ptx_take_directive(reader, ".abi_preserve") ||
               ptx_take_directive(reader, ".abi_preserve_control")) {
      ptx_expect_integer(reader, UINT32_MAX); /* hints of what to compile it to */
    } else if (!ptx_take_directive(reader, ".noreturn") && !ptx_read_source(reader)) {
      return;
    }
  }
}

/* The function of a name: a new one, or the one that was declared. */
static ptx_function *function_of(ptx_reader *reader, ptx_name *name, bool is_entry, uint32_t line) {
  ptx_symbol *symbol = ptx_find(reader, name);
  if (symbol == NULL) {
    symbol = ptx_declare(reader, name, PTX_SYMBOL_FUNCTION, line);
    symbol->index = (uint32_t)reader->functions.count;
    const ptx_function made = {.name = ptx_keep(reader, name->text, name->bytes + 1, 1),
                               .is_entry = is_entry};
    ptx_push(reader, &reader->functions, made);
  }
  if (symbol->kind != PTX_SYMBOL_FUNCTION) ptx_fail(reader, line, "'%s' is declared twice", name->text);
  ptx_function *function = &reader->functions.at[symbol->index];
  if (function->is_entry != is_entry)
    ptx_fail(reader, line, "'%s' is both a function and an entry", name->text);
  return function;
}

static void place_params(ptx_reader *reader, ptx_variable *const *params, uint32_t count, bool is_entry,
                         uint32_t line) {
  ptx_function *function = reader->function;
  for (uint32_t i = 0; i < count; i++) {
    params[i]->is_of_call = !is_entry;
    ptx_place(reader, params[i], is_entry ? &function->params_bytes : &reader->local, line);
    if (!is_entry && function->local_align < params[i]->align) function->local_align = params[i]->align;
  }
  if (function->local_bytes < reader->local) function->local_bytes = reader->local;
}

static void round_up(uint64_t *bytes, uint32_t *align) {
  if (*align < LEAST_ALIGN) *align = LEAST_ALIGN;
  *bytes = (*bytes + *align - 1) & ~(uint64_t)(*align - 1);
}

static bool is_same(ptx_variable *const *a, uint32_t a_count, ptx_variable *const *b, uint32_t b_count) {
  if (a_count != b_count) return false;
  for (uint32_t i = 0; i < a_count; i++) {
    if (a[i]->bytes != b[i]->bytes || a[i]->align != b[i]->align) return false;
  }
  return true;
}

void ptx_read_function(ptx_reader *reader, bool is_entry) {
  ptx_function read = {.is_entry = is_entry};
  ptx_arena_reset(&reader->body);
  /* Names of parameters belong to the function, whose own name comes behind those of the results. */
  ptx_scope_open(reader);
  if (!is_entry && ptx_at_sign(reader, '(')) read.results = ptx_read_params(reader, &read.result_count);
  const uint32_t line = reader->lexer.token.line;
  ptx_name *name = ptx_expect_name(reader);
  const ptx_scope scope = reader->scopes.at[--reader->scopes.count];
  ptx_function *function = function_of(reader, name, is_entry, line);
  ptx_push(reader, &reader->scopes, scope);
  if (ptx_at_sign(reader, '(')) read.params = ptx_read_params(reader, &read.param_count);

  const bool was_declared = function->params != NULL || function->results != NULL || function->has_body;
  if (was_declared && (!is_same(function->params, function->param_count, read.params, read.param_count) ||
                       !is_same(function->results, function->result_count, read.results, read.result_count)))
    ptx_fail(reader, line, "'%s' was declared with other parameters", name->text);
  read.name = function->name;
  reader->function = &read;
  reader->local = 0;
  place_params(reader, read.results, read.result_count, is_entry, line);
  place_params(reader, read.params, read.param_count, is_entry, line);
  read_directives(reader, &read);
  if (ptx_take_sign(reader, ';')) {
    round_up(&read.local_bytes, &read.local_align);
    round_up(&read.shared_bytes, &read.shared_align);
    if (!function->has_body) *function = read;
  } else {
    if (function->has_body) ptx_fail(reader, line, "'%s' is defined twice", name->text);
    read.has_body = true;
    read.first = (uint32_t)reader->code.count;
    reader->source_line = reader->source_file = 0;
    ptx_read_body(reader);
  }
  ptx_scope_close(reader);
  if (read.has_body) {
    ptx_bind_function(reader);
    round_up(&read.local_bytes, &read.local_align);
    round_up(&read.shared_bytes, &read.shared_align);
    *function = read;
    ptx_push(reader, &reader->by_code, (uint32_t)(function - reader->functions.at));
  }
  reader->function = NULL;
  reader->local = 0;
}
