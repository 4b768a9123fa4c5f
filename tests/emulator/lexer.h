/* The text of a module, token by token. */
#ifndef LAZYRT_TESTS_EMULATOR_LEXER_H
#define LAZYRT_TESTS_EMULATOR_LEXER_H

#include "tests/emulator/ptx.h"

typedef enum ptx_token_kind {
  PTX_TOKEN_END,
  PTX_TOKEN_WORD,      /* a name: letters, digits, _ and $, after % maybe */
  PTX_TOKEN_DIRECTIVE, /* the same after a dot, which belongs to it */
  PTX_TOKEN_INTEGER,   /* bits */
  PTX_TOKEN_FLOAT,     /* number; type F32 or F64 of 0f.. and 0d.. literals, whose bits are in `bits` */
  PTX_TOKEN_STRING,    /* with its quotes */
  PTX_TOKEN_SIGN,      /* one character */
  PTX_TOKEN_BAD        /* `wrong` says why */
} ptx_token_kind;

typedef struct ptx_token {
  ptx_token_kind kind;
  ptx_type type;
  uint32_t line;
  uint32_t bytes;
  const char *start;
  uint64_t bits;
  double number;
  const char *wrong;
} ptx_token;

typedef struct ptx_lexer {
  const char *at; /* right behind `token` */
  uint32_t line;
  ptx_token token; /* the current one */
} ptx_lexer;

void ptx_lexer_start(ptx_lexer *lexer, const char *text);
void ptx_lexer_next(ptx_lexer *lexer);
/* The first character after the token and what may lie between; comments and spaces are passed over. */
char ptx_lexer_peek(ptx_lexer *lexer);
/* Passes over { ... } from its opening brace, the current token, to right behind the closing one; false: the
   text ends before that. */
bool ptx_lexer_skip_braces(ptx_lexer *lexer);

bool ptx_is_name_character(char c);

#endif
