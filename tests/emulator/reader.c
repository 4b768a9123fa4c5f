/* What all files that read a module need: refusals, memory, the tokens one expects. */
#include "tests/emulator/reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { ERROR_BYTES = 512 };

void ptx_fail(ptx_reader *reader, uint32_t line, const char *format, ...) {
  int used = snprintf(reader->error, ERROR_BYTES, "line %u: ", line);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(reader->error + used, ERROR_BYTES - (size_t)used, format, arguments);
  va_end(arguments);
  longjmp(reader->refused, 1);
}

void ptx_fail_memory(ptx_reader *reader) { ptx_fail(reader, reader->lexer.token.line, "out of memory"); }

void *ptx_take_memory(ptx_reader *reader, ptx_arena *arena, size_t bytes) {
  void *taken = ptx_arena_take(arena, bytes);
  if (taken == NULL) ptx_fail_memory(reader);
  return taken;
}

void *ptx_keep(ptx_reader *reader, const void *from, size_t count, size_t element_bytes) {
  void *kept = ptx_take_memory(reader, &reader->storage, count * element_bytes);
  if (count > 0) memcpy(kept, from, count * element_bytes);
  return kept;
}

void ptx_next(ptx_reader *reader) {
  ptx_lexer_next(&reader->lexer);
  if (reader->lexer.token.kind == PTX_TOKEN_BAD)
    ptx_fail(reader, reader->lexer.token.line, "%s", reader->lexer.token.wrong);
}

void ptx_unexpected(ptx_reader *reader, const char *wanted) {
  const ptx_token *token = &reader->lexer.token;
  if (token->kind == PTX_TOKEN_END)
    ptx_fail(reader, token->line, "the text ends where %s is expected", wanted);
  ptx_fail(reader, token->line, "%s is expected, not '%.*s'", wanted,
           (int)(token->bytes < 100 ? token->bytes : 100), token->start);
}

bool ptx_at_sign(const ptx_reader *reader, char sign) {
  const ptx_token *token = &reader->lexer.token;
  return token->kind == PTX_TOKEN_SIGN && *token->start == sign;
}

bool ptx_at_word(const ptx_reader *reader, ptx_token_kind kind, const char *text) {
  const ptx_token *token = &reader->lexer.token;
  return token->kind == kind && strncmp(token->start, text, token->bytes) == 0 && text[token->bytes] == '\0';
}

bool ptx_take_sign(ptx_reader *reader, char sign) {
  if (!ptx_at_sign(reader, sign)) return false;
  ptx_next(reader);
  return true;
}

bool ptx_take_directive(ptx_reader *reader, const char *text) {
  if (!ptx_at_word(reader, PTX_TOKEN_DIRECTIVE, text)) return false;
  ptx_next(reader);
  return true;
}

void ptx_expect_sign(ptx_reader *reader, char sign) {
  if (!ptx_take_sign(reader, sign)) ptx_unexpected(reader, (char[]){'\'', sign, '\'', '\0'});
}

uint64_t ptx_expect_integer(ptx_reader *reader, uint64_t most) {
  const ptx_token token = reader->lexer.token;
  if (token.kind != PTX_TOKEN_INTEGER) ptx_unexpected(reader, "a number");
  if (token.bits > most)
    ptx_fail(reader, token.line, "%llu is more than the %llu there may be", (unsigned long long)token.bits,
             (unsigned long long)most);
  ptx_next(reader);
  return token.bits;
}

ptx_name *ptx_expect_name(ptx_reader *reader) {
  const ptx_token token = reader->lexer.token;
  if (token.kind != PTX_TOKEN_WORD) ptx_unexpected(reader, "a name");
  ptx_next(reader);
  return ptx_name_of(reader, token.start, token.bytes);
}
