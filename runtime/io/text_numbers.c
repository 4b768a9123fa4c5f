/* Arguments that are a number or several: 3, (3, 3), [3, None], None, 'same'. */
#include <math.h>
#include <string.h>

#include "runtime/io/text.h"

static bool is_none(const lazyi_text_source *source, const lazyi_token *token) {
  return token->kind == LAZYI_TOKEN_WORD && token->bytes == 4 &&
         memcmp(source->text + token->at, "None", 4) == 0;
}

/* Of at most LAZY_OPTION_NUMBERS elements, neither one a tuple itself, gives tokens; yields their count, -1
   for anything else. A value that is no tuple is one element, and `*out_plain`. */
static int read_elements(const lazyi_text_source *source, const lazyi_text_argument *argument,
                         lazyi_token tokens[LAZY_OPTION_NUMBERS], bool *out_plain) {
  lazyi_lexer lexer = {source, argument->value.at};
  lazyi_token token;
  int count = 0;
  if (lazyi_lexer_next(&lexer, &token) != LAZY_STATUS_OK) return -1;
  *out_plain = argument->kind != LAZYI_TEXT_TUPLE;
  if (*out_plain) {
    tokens[0] = token;
    return 1;
  }
  /* the document's reader has seen that marks stand where they belong */
  while (lexer.at < argument->value.at + argument->value.bytes) {
    if (lazyi_lexer_next(&lexer, &token) != LAZY_STATUS_OK || token.mark == '(' || token.mark == '[')
      return -1;
    if (token.mark == ',') continue;
    if (token.mark != 0) break;
    if (count == LAZY_OPTION_NUMBERS) return -1;
    tokens[count++] = token;
  }
  return count;
}

/* The number of the word, in quotes or not, among "valid|same", counted from 1; 0 for none of them. */
static int32_t find_word(const lazyi_text_source *source, const lazyi_text_argument *argument,
                         const char *words) {
  char given[LAZY_OPTION_TEXT_BYTES] = "";
  if (words == NULL) return 0;
  if (argument->kind == LAZYI_TEXT_WORD && argument->value.bytes < sizeof given)
    memcpy(given, source->text + argument->value.at, argument->value.bytes);
  else if (argument->kind != LAZYI_TEXT_STRING ||
           !lazyi_text_string(source, argument->value, given, sizeof given))
    return 0;
  for (int32_t i = 1;; i++) {
    const size_t bytes = strcspn(words, "|");
    if (strlen(given) == bytes && memcmp(words, given, bytes) == 0) return i;
    if (words[bytes] == '\0') return 0;
    words += bytes + 1;
  }
}

bool lazyi_text_ints(const lazyi_text_source *source, const lazyi_text_argument *argument, const char *words,
                     lazy_ints *out_ints) {
  lazyi_token tokens[LAZY_OPTION_NUMBERS];
  bool plain = false;
  lazy_ints ints = {.word = find_word(source, argument, words)};
  const int count = ints.word > 0 ? 0 : read_elements(source, argument, tokens, &plain);
  if (count < 0) return false;
  for (int i = 0; i < count; i++) {
    if (is_none(source, &tokens[i])) ints.at[i] = LAZY_INT_NONE;
    else if (tokens[i].kind == LAZYI_TOKEN_INT && tokens[i].integer != LAZY_INT_NONE)
      ints.at[i] = tokens[i].integer;
    else return false;
  }
  ints.count = plain || ints.word > 0 ? 0 : count > 0 ? count : -1;
  *out_ints = ints;
  return true;
}

bool lazyi_text_floats(const lazyi_text_source *source, const lazyi_text_argument *argument,
                       lazy_floats *out_floats) {
  lazyi_token tokens[LAZY_OPTION_NUMBERS];
  bool plain = false;
  lazy_floats floats = {0};
  const int count = read_elements(source, argument, tokens, &plain);
  if (count < 1) return false;
  for (int i = 0; i < count; i++) {
    if (is_none(source, &tokens[i])) floats.at[i] = NAN;
    else if (tokens[i].kind == LAZYI_TOKEN_INT || tokens[i].kind == LAZYI_TOKEN_FLOAT)
      floats.at[i] = tokens[i].number;
    else return false;
  }
  floats.count = plain ? 0 : count;
  *out_floats = floats;
  return true;
}
