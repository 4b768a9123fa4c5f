#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/io/text.h"
#include "runtime/io/utf8.h"

/* ---- places ---- */

enum { SHOWN_BEFORE = 60, SHOWN_CHARACTERS = 100 };

static size_t character_bytes(const lazyi_text_source *source, size_t at) {
  size_t bytes = lazyi_utf8_length(source->text + at, source->bytes - at);
  return bytes != 0 ? bytes : 1;
}

static size_t count_characters(const lazyi_text_source *source, size_t from, size_t to) {
  size_t count = 0;
  for (size_t at = from; at < to; at += character_bytes(source, at)) count++;
  return count;
}

/* Appends a character as it may be shown: a tab is a blank, what is no text is '?'. Returns the bytes taken.
 */
static size_t show(const lazyi_text_source *source, size_t at, char *line, size_t *length) {
  size_t bytes = lazyi_utf8_length(source->text + at, source->bytes - at);
  unsigned char c = (unsigned char)source->text[at];
  if (bytes <= 1) line[(*length)++] = c == '\t' ? ' ' : bytes == 0 || c < 0x20 || c == 0x7f ? '?' : (char)c;
  else memcpy(line + *length, source->text + at, bytes), *length += bytes;
  return bytes != 0 ? bytes : 1;
}

lazy_status lazyi_text_fail(const lazyi_text_source *source, size_t at, size_t bytes, lazy_status status,
                            const char *format, ...) {
  char words[1024], line[4 * SHOWN_CHARACTERS + 8], caret[2 * SHOWN_CHARACTERS + 8];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(words, sizeof words, format, arguments);
  va_end(arguments);

  size_t number = 1, start = 0, end = at;
  for (size_t i = 0; i < at; i++)
    if (source->text[i] == '\n') number++, start = i + 1;
  while (end < source->bytes && source->text[end] != '\n') end++;
  size_t column = count_characters(source, start, at) + 1;

  /* A window on a long line: from SHOWN_BEFORE characters before the place. */
  size_t from = start, length = 0, shown = 0, caret_at = 0;
  for (size_t skip = column - 1 > SHOWN_BEFORE ? column - 1 - SHOWN_BEFORE : 0; skip > 0; skip--)
    from += character_bytes(source, from);
  if (from != start) memcpy(line, "...", length = 3);
  for (size_t i = from; i < end && shown < SHOWN_CHARACTERS; shown++) i += show(source, i, line, &length);
  line[length] = '\0';

  size_t under = count_characters(source, at, at + bytes < end ? at + bytes : end);
  size_t before = count_characters(source, from, at) + (from != start ? 3 : 0);
  memset(caret, ' ', caret_at = before);
  caret[caret_at++] = '^';
  for (size_t i = 1; i < under && i < SHOWN_CHARACTERS - SHOWN_BEFORE; i++) caret[caret_at++] = '~';
  caret[caret_at] = '\0';

  if (source->name != NULL)
    return lazy_status_fail(status, "%s:%zu:%zu: %s\n  %s\n  %s", source->name, number, column, words, line,
                            caret);
  return lazy_status_fail(status, "line %zu, column %zu: %s\n  %s\n  %s", number, column, words, line, caret);
}

/* ---- tokens ---- */

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

static char peek(const lazyi_lexer *lexer, size_t ahead) {
  return lexer->at + ahead < lexer->source->bytes ? lexer->source->text[lexer->at + ahead] : '\0';
}

static void skip_blanks(lazyi_lexer *lexer) {
  while (lexer->at < lexer->source->bytes) {
    char c = peek(lexer, 0);
    if (c == '#')
      while (lexer->at < lexer->source->bytes && peek(lexer, 0) != '\n') lexer->at++;
    else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') lexer->at++;
    else break;
  }
}

/* A number's text, as strtod takes it in the C locale. */
static bool to_double(const char *text, size_t bytes, double *out_number) {
  char copy[64], *end;
  if (bytes >= sizeof copy) return false;
  memcpy(copy, text, bytes);
  copy[bytes] = '\0';
  locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  if (plain == (locale_t)0) return false;
  errno = 0;
  *out_number = strtod_l(copy, &end, plain);
  bool over = errno == ERANGE && (*out_number > 1 || *out_number < -1);
  freelocale(plain);
  return *end == '\0' && !over;
}

static lazy_status read_number(lazyi_lexer *lexer, lazyi_token *token) {
  size_t n = peek(lexer, 0) == '-' || peek(lexer, 0) == '+', digits = 0;
  bool whole = true;
  while (is_digit(peek(lexer, n))) n++, digits++;
  if (peek(lexer, n) == '.')
    for (whole = false, n++; is_digit(peek(lexer, n)); n++) digits++;
  if (digits != 0 && (peek(lexer, n) == 'e' || peek(lexer, n) == 'E')) {
    size_t exponent = n + 1 + (peek(lexer, n + 1) == '-' || peek(lexer, n + 1) == '+');
    if (is_digit(peek(lexer, exponent)))
      for (whole = false, n = exponent; is_digit(peek(lexer, n));) n++;
  }
  token->bytes = n;
  if (digits == 0 || is_letter(peek(lexer, n)) || peek(lexer, n) == '.') {
    while (is_letter(peek(lexer, n)) || is_digit(peek(lexer, n)) || peek(lexer, n) == '.') n++;
    return lazyi_text_fail(lexer->source, token->at, n, LAZY_STATUS_PARSE, "'%.*s' is not a number",
                           (int)(n < 60 ? n : 60), lexer->source->text + token->at);
  }
  token->kind = whole ? LAZYI_TOKEN_INT : LAZYI_TOKEN_FLOAT;
  if (whole) {
    bool negative = peek(lexer, 0) == '-';
    for (size_t i = 0; i < n; i++) {
      if (!is_digit(peek(lexer, i))) continue;
      int digit = peek(lexer, i) - '0';
      if (__builtin_mul_overflow(token->integer, 10, &token->integer) ||
          __builtin_add_overflow(token->integer, negative ? -digit : digit, &token->integer))
        return lazyi_text_fail(lexer->source, token->at, n, LAZY_STATUS_PARSE,
                               "a number that does not fit 64 bits");
    }
    token->number = (double)token->integer;
  } else if (!to_double(lexer->source->text + token->at, n, &token->number)) {
    return lazyi_text_fail(lexer->source, token->at, n, LAZY_STATUS_PARSE,
                           "a number that does not fit a double");
  }
  lexer->at += n;
  return LAZY_STATUS_OK;
}

static lazy_status read_string(lazyi_lexer *lexer, lazyi_token *token) {
  char quote = peek(lexer, 0);
  size_t n = 1;
  while (peek(lexer, n) != quote) {
    if (peek(lexer, n) == '\\') n++;
    if (lexer->at + n >= lexer->source->bytes || peek(lexer, n) == '\n')
      return lazyi_text_fail(lexer->source, token->at, n, LAZY_STATUS_PARSE,
                             "a string that does not end on its line");
    n++;
  }
  token->kind = LAZYI_TOKEN_STRING;
  token->bytes = n + 1;
  lexer->at += n + 1;
  return LAZY_STATUS_OK;
}

lazy_status lazyi_lexer_next(lazyi_lexer *lexer, lazyi_token *out_token) {
  skip_blanks(lexer);
  lazyi_token token = {.at = lexer->at};
  char c = peek(lexer, 0);
  if (lexer->at == lexer->source->bytes) {
    token.kind = LAZYI_TOKEN_END;
  } else if (is_letter(c)) {
    size_t n = 1;
    while (is_letter(peek(lexer, n)) || is_digit(peek(lexer, n)) ||
           (peek(lexer, n) == '.' && is_letter(peek(lexer, n + 1))))
      n++;
    token.kind = LAZYI_TOKEN_WORD;
    token.bytes = n;
    lexer->at += n;
  } else if (is_digit(c) || c == '-' || c == '+' || c == '.') {
    LAZY_TRY(read_number(lexer, &token));
  } else if (c == '\'' || c == '"') {
    LAZY_TRY(read_string(lexer, &token));
  } else if (c != '\0' && strchr("()[],=:", c) != NULL) {
    token.kind = LAZYI_TOKEN_MARK;
    token.mark = c;
    token.bytes = 1;
    lexer->at++;
  } else {
    size_t bytes = lazyi_utf8_length(lexer->source->text + lexer->at, lexer->source->bytes - lexer->at);
    if (bytes == 0 || (unsigned char)c < 0x20 || c == 0x7f)
      return lazyi_text_fail(lexer->source, lexer->at, 1, LAZY_STATUS_PARSE, "byte 0x%02x is not text",
                             (unsigned char)c);
    return lazyi_text_fail(lexer->source, lexer->at, bytes, LAZY_STATUS_PARSE, "'%.*s' has no meaning here",
                           (int)bytes, lexer->source->text + lexer->at);
  }
  *out_token = token;
  return LAZY_STATUS_OK;
}

bool lazyi_lexer_child_name(lazyi_lexer *lexer, const lazyi_token *open, size_t *out_at, size_t *out_bytes) {
  const char *text = lexer->source->text;
  size_t end = open->at + 1, bytes = lexer->source->bytes;
  while (end < bytes && text[end] != ')' && text[end] != '(' && text[end] != '\n' && text[end] != '.' &&
         (unsigned char)text[end] >= 0x20)
    end++;
  if (end == bytes || text[end] != ')') return false;
  size_t colon = end + 1;
  while (colon < bytes && (text[colon] == ' ' || text[colon] == '\t')) colon++;
  if (colon == bytes || text[colon] != ':') return false;
  *out_at = open->at + 1;
  *out_bytes = end - *out_at;
  lexer->at = colon + 1;
  return true;
}

bool lazyi_text_string(const lazyi_text_source *source, lazyi_text_slice slice, char *out_text,
                       size_t bytes) {
  size_t length = 0;
  for (size_t at = slice.at + 1; at < slice.at + slice.bytes - 1; at++) {
    char c = source->text[at];
    if (c == '\\') {
      c = source->text[++at];
      if (c == 'n') c = '\n';
      else if (c == 't') c = '\t';
    }
    if (length + 1 >= bytes) return false;
    out_text[length++] = c;
  }
  out_text[length] = '\0';
  return true;
}
