/* Model text: what PyTorch prints of a model, and what one writes to make it.

     model := node
     node  := class '(' [value {',' value}] {child} ')'
     child := '(' name ')' ':' [count 'x'] node          name is FIRST-LAST before a count
     value := [name '='] (number | string | word | tuple) | node (a child named by its position)

   '#' starts a comment; line breaks are blanks. Three steps, each its own file: tokens (text_lexer.c), a
   document of slices of the text (text_parse.c; it knows no classes and touches no device), modules
   (text_build.c). */
#ifndef LAZYI_IO_TEXT_H
#define LAZYI_IO_TEXT_H

#include <stdarg.h>

#include <lazyrt/class.h>

#include "runtime/base/vector.h"

enum {
  LAZYI_TEXT_MAX_BYTES = 16 << 20,
  LAZYI_TEXT_MAX_DEPTH = 100,       /* of modules in modules, and of tuples in tuples */
  LAZYI_TEXT_MAX_MODULES = 1000000, /* repetitions counted */
};

typedef struct lazyi_text_source {
  const char *name; /* for messages: a file's name; NULL = "line N, column M" without one */
  const char *text;
  size_t bytes;
} lazyi_text_source;

/* Fails with "name:line:column: words", the line and a caret under `bytes` bytes from `at` on. Lines and
   columns count from 1, columns in characters. */
lazy_status lazyi_text_fail(const lazyi_text_source *source, size_t at, size_t bytes, lazy_status status,
                            const char *format, ...) LAZY_PRINTF(5, 6);

/* ---- tokens ---- */

typedef enum lazyi_token_kind {
  LAZYI_TOKEN_END = 0,
  LAZYI_TOKEN_WORD = 1, /* letters, digits, '_', and dots between them: torch.float16 */
  LAZYI_TOKEN_INT = 2,
  LAZYI_TOKEN_FLOAT = 3,
  LAZYI_TOKEN_STRING = 4, /* the slice has its quotes */
  LAZYI_TOKEN_MARK = 5,   /* one of ( ) [ ] , = : */
} lazyi_token_kind;

typedef struct lazyi_token {
  lazyi_token_kind kind;
  char mark; /* of a MARK; 0 otherwise */
  size_t at, bytes;
  int64_t integer;
  double number; /* of INT too */
} lazyi_token;

typedef struct lazyi_lexer {
  const lazyi_text_source *source;
  size_t at;
} lazyi_lexer;

LAZY_MUST_USE lazy_status lazyi_lexer_next(lazyi_lexer *lexer, lazyi_token *out_token);
/* If `open`, the '(' just read, begins a child - "(name):" on one line, without dots or parentheses in the
   name -, reads up to the colon's end, sets the name's slice and returns true. Anything may be a name: "fc1",
   "0-3", "my key". */
bool lazyi_lexer_child_name(lazyi_lexer *lexer, const lazyi_token *open, size_t *out_at, size_t *out_bytes);

/* ---- the document ---- */

typedef struct lazyi_text_slice {
  size_t at, bytes;
} lazyi_text_slice;

typedef enum lazyi_text_kind {
  LAZYI_TEXT_INT = 1,
  LAZYI_TEXT_FLOAT = 2,
  LAZYI_TEXT_STRING = 3,
  LAZYI_TEXT_WORD = 4,  /* True, None, torch.float16 */
  LAZYI_TEXT_TUPLE = 5, /* or list; its slice is all that is kept */
} lazyi_text_kind;

typedef struct lazyi_text_argument {
  lazyi_text_slice name; /* no bytes: by position */
  lazyi_text_slice value;
  lazyi_text_kind kind;
  int64_t integer;
  double number;
} lazyi_text_argument;

#define LAZYI_TEXT_NO_NODE UINT32_MAX

typedef struct lazyi_text_node {
  lazyi_text_slice class_name;
  lazyi_text_slice name;    /* under its parent; no bytes: `number` in decimal */
  uint32_t number, repeats; /* repeats >= 1: children number, number + 1, ... alike */
  uint64_t modules;         /* itself and below, repetitions counted; those of itself are not */
  size_t first_argument, argument_count;
  uint32_t first_child, next_sibling;
} lazyi_text_node;

typedef struct lazyi_text_document {
  lazyi_text_source source;
  LAZYI_VECTOR(lazyi_text_node) nodes; /* node 0 is the root */
  LAZYI_VECTOR(lazyi_text_argument) arguments;
} lazyi_text_document;

/* Reads a text. The document refers to it. Errors: PARSE with the place; LIMIT for what is too large or too
 * deep. */
LAZY_MUST_USE lazy_status lazyi_text_read(const lazyi_text_source *source, lazyi_text_document *out_document);
void lazyi_text_document_deinit(lazyi_text_document *document);

/* Contents of a string's slice, escapes resolved, NUL-terminated; false if it does not fit. */
bool lazyi_text_string(const lazyi_text_source *source, lazyi_text_slice slice, char *out_text, size_t bytes);

/* Numbers of an argument: one, a tuple or list of up to LAZY_OPTION_NUMBERS, None for any of them, or one of
   `words` ("valid|same"; NULL: none) in quotes. False: something else. */
bool lazyi_text_ints(const lazyi_text_source *source, const lazyi_text_argument *argument, const char *words,
                     lazy_ints *out_ints);
bool lazyi_text_floats(const lazyi_text_source *source, const lazyi_text_argument *argument,
                       lazy_floats *out_floats);

#endif
