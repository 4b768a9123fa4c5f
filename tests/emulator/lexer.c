/* The text of a module, token by token. */
#include "tests/emulator/lexer.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool is_digit(char c) { return (unsigned char)(c - '0') < 10; }
static bool is_letter(char c) { return (unsigned char)((c | 0x20) - 'a') < 26; }
bool ptx_is_name_character(char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '$'; }

void ptx_lexer_start(ptx_lexer *lexer, const char *text) {
  memset(lexer, 0, sizeof *lexer);
  lexer->at = text;
  lexer->line = 1;
}

/* Passes over spaces and comments; false: the text ends within a comment. */
static bool skip_blank(ptx_lexer *lexer) {
  const char *at = lexer->at;
  for (;; at++) {
    if (*at == '\n') {
      lexer->line++;
    } else if (at[0] == '/' && at[1] == '/') {
      at += strcspn(at, "\n") - 1;
    } else if (at[0] == '/' && at[1] == '*') {
      for (at += 2; *at != '\0' && (at[0] != '*' || at[1] != '/'); at++) lexer->line += *at == '\n';
      lexer->at = at;
      if (*at == '\0') return false;
      at++;
    } else if (*at != ' ' && (*at < '\t' || *at > '\r')) {
      lexer->at = at;
      return true;
    }
  }
}

char ptx_lexer_peek(ptx_lexer *lexer) { return skip_blank(lexer) ? *lexer->at : '\0'; }

static void end_token(ptx_lexer *lexer, ptx_token_kind kind, const char *end) {
  lexer->token.kind = kind;
  lexer->token.bytes = (uint32_t)(end - lexer->token.start);
  lexer->at = end;
}

static void bad_token(ptx_lexer *lexer, const char *wrong) {
  lexer->token.kind = PTX_TOKEN_BAD;
  lexer->token.wrong = wrong;
  lexer->token.bytes = 1;
}

static const char *name_end(const char *at) {
  while (ptx_is_name_character(*at)) at++;
  return at;
}

/* 0f3F800000 and 0d3FF0000000000000. */
static void read_float_bits(ptx_lexer *lexer, unsigned digits) {
  ptx_token *token = &lexer->token;
  const char *at = token->start + 2;
  for (unsigned i = 0; i < digits; i++, at++) {
    if (!isxdigit((unsigned char)*at)) break;
    token->bits = token->bits << 4 | (uint64_t)(is_digit(*at) ? *at - '0' : (*at | 0x20) - 'a' + 10);
  }
  if (at != token->start + 2 + digits || ptx_is_name_character(*at)) {
    bad_token(lexer, digits == 8 ? "0f takes 8 hexadecimal digits" : "0d takes 16 hexadecimal digits");
    return;
  }
  if (digits == 8) {
    const uint32_t narrow = (uint32_t)token->bits;
    float value;
    memcpy(&value, &narrow, sizeof value);
    token->type = PTX_F32;
    token->number = value;
  } else {
    memcpy(&token->number, &token->bits, sizeof token->number);
    token->type = PTX_F64;
  }
  end_token(lexer, PTX_TOKEN_FLOAT, at);
}

static void read_integer(ptx_lexer *lexer, const char *at, unsigned base) {
  ptx_token *token = &lexer->token;
  const char *first = at;
  for (;; at++) {
    const unsigned digit = is_digit(*at)    ? (unsigned)(*at - '0')
                           : is_letter(*at) ? (unsigned)((*at | 0x20) - 'a' + 10)
                                            : 99;
    if (digit >= base) break;
    if (__builtin_mul_overflow(token->bits, (uint64_t)base, &token->bits) ||
        __builtin_add_overflow(token->bits, (uint64_t)digit, &token->bits)) {
      bad_token(lexer, "an integer of more than 64 bits");
      return;
    }
  }
  const bool is_empty = at == first;
  if (*at == 'U') at++;
  if (is_empty || ptx_is_name_character(*at)) {
    bad_token(lexer, "not a number");
    return;
  }
  end_token(lexer, PTX_TOKEN_INTEGER, at);
}

static void read_number(ptx_lexer *lexer) {
  const char *start = lexer->token.start;
  if (start[0] == '0') {
    switch (start[1] | 0x20) {
      case 'f': read_float_bits(lexer, 8); return;
      case 'd': read_float_bits(lexer, 16); return;
      case 'x': read_integer(lexer, start + 2, 16); return;
      case 'b': read_integer(lexer, start + 2, 2); return;
      default: break;
    }
  }
  const char *at = start;
  while (is_digit(*at)) at++;
  if (*at == '.' || (*at | 0x20) == 'e') {
    char *end;
    lexer->token.number = strtod(start, &end);
    if (ptx_is_name_character(*end)) bad_token(lexer, "not a number");
    else end_token(lexer, PTX_TOKEN_FLOAT, end);
    return;
  }
  const bool is_octal = start[0] == '0' && is_digit(start[1]);
  read_integer(lexer, is_octal ? start + 1 : start, is_octal ? 8 : 10);
}

static void read_string(ptx_lexer *lexer) {
  const char *at = lexer->token.start + 1;
  while (*at != '"' && *at != '\0' && *at != '\n')
    at += at[0] == '\\' && at[1] != '\0' && at[1] != '\n' ? 2 : 1;
  if (*at != '"') bad_token(lexer, "a string without end");
  else end_token(lexer, PTX_TOKEN_STRING, at + 1);
}

void ptx_lexer_next(ptx_lexer *lexer) {
  ptx_token *token = &lexer->token;
  const bool is_closed = skip_blank(lexer);
  const char *at = lexer->at;
  token->line = lexer->line;
  token->start = at;
  token->type = PTX_TYPE_NONE;
  token->bits = 0;
  if (!is_closed) {
    bad_token(lexer, "a comment without end");
  } else if (*at == '\0') {
    end_token(lexer, PTX_TOKEN_END, at);
  } else if (is_letter(*at) || *at == '_' || *at == '$' ||
             (*at == '%' && ptx_is_name_character(at[1]) && !is_digit(at[1]))) {
    end_token(lexer, PTX_TOKEN_WORD, name_end(at + 1));
  } else if (is_digit(*at)) {
    read_number(lexer);
  } else if (*at == '.' && ptx_is_name_character(at[1])) {
    end_token(lexer, PTX_TOKEN_DIRECTIVE, name_end(at + 1));
  } else if (*at == '"') {
    read_string(lexer);
  } else if (strchr("{}[]()<>,;:@!|+-*/%~&^=?.", *at) != NULL) {
    end_token(lexer, PTX_TOKEN_SIGN, at + 1);
  } else {
    bad_token(lexer, "a character that PTX does not know");
  }
}

bool ptx_lexer_skip_braces(ptx_lexer *lexer) {
  for (unsigned depth = 1; skip_blank(lexer) && *lexer->at != '\0';) {
    const char c = *lexer->at;
    if (c == '"') {
      lexer->token.start = lexer->at;
      read_string(lexer);
      if (lexer->token.kind == PTX_TOKEN_BAD) return false;
      continue;
    }
    lexer->at++;
    if (c == '{') depth++;
    if (c == '}' && --depth == 0) return true;
  }
  return false;
}
