/* Where the text comes from: .file, .loc, and what only debuggers and compilers want. */
#include "tests/emulator/reader.h"

enum { MOST_FILES = 1 << 16, MOST_LINE = INT32_MAX };

/* .file 1 "path"{, time, size} */
static void read_file(ptx_reader *reader) {
  const uint64_t number = ptx_expect_integer(reader, MOST_FILES);
  const ptx_token token = reader->lexer.token;
  if (token.kind != PTX_TOKEN_STRING) ptx_unexpected(reader, "a path");
  ptx_next(reader);
  while (ptx_take_sign(reader, ',')) ptx_expect_integer(reader, UINT64_MAX);
  while (reader->files.count <= number) ptx_push(reader, &reader->files, NULL);
  char *path = ptx_take_memory(reader, &reader->storage, token.bytes - 1);
  for (uint32_t i = 1; i + 1 < token.bytes; i++) path[i - 1] = token.start[i];
  reader->files.at[number] = path;
}

/* .loc 1 12 5{, function_name label{ + 8}, inlined_at 1 30 3} */
static void read_loc(ptx_reader *reader) {
  reader->source_file = (uint32_t)ptx_expect_integer(reader, MOST_FILES);
  reader->source_line = (uint32_t)ptx_expect_integer(reader, MOST_LINE);
  ptx_expect_integer(reader, MOST_LINE);
  while (ptx_take_sign(reader, ',')) {
    const bool is_place = ptx_at_word(reader, PTX_TOKEN_WORD, "inlined_at");
    if (!is_place && !ptx_at_word(reader, PTX_TOKEN_WORD, "function_name"))
      ptx_unexpected(reader, "function_name or inlined_at");
    ptx_next(reader);
    if (is_place) {
      for (int i = 0; i < 3; i++) ptx_expect_integer(reader, MOST_LINE);
    } else {
      ptx_expect_name(reader);
      if (ptx_take_sign(reader, '+')) ptx_expect_integer(reader, UINT64_MAX);
    }
  }
}

/* .section .debug_info { ... } */
static void skip_section(ptx_reader *reader) {
  const uint32_t line = reader->lexer.token.line;
  if (reader->lexer.token.kind != PTX_TOKEN_DIRECTIVE && reader->lexer.token.kind != PTX_TOKEN_WORD)
    ptx_unexpected(reader, "a section's name");
  ptx_next(reader);
  if (!ptx_at_sign(reader, '{')) ptx_unexpected(reader, "'{'");
  if (!ptx_lexer_skip_braces(&reader->lexer)) ptx_fail(reader, line, "a section without end");
  ptx_next(reader);
}

/* .pragma "nounroll"; are hints. */
static void skip_pragma(ptx_reader *reader) {
  do {
    if (reader->lexer.token.kind != PTX_TOKEN_STRING) ptx_unexpected(reader, "a string");
    ptx_next(reader);
  } while (ptx_take_sign(reader, ','));
  ptx_expect_sign(reader, ';');
}

bool ptx_read_source(ptx_reader *reader) {
  if (ptx_take_directive(reader, ".loc")) read_loc(reader);
  else if (ptx_take_directive(reader, ".file")) read_file(reader);
  else if (ptx_take_directive(reader, ".pragma")) skip_pragma(reader);
  else if (ptx_take_directive(reader, ".section")) skip_section(reader);
  else return false;
  return true;
}
