#include "runtime/io/suggest.h"

#include <string.h>

enum { MAX_WORD = 48 };

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }
static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* Damerau's distance without further edits of swapped letters; three rows are enough. */
static size_t distance(const char *a, size_t a_bytes, const char *b, size_t b_bytes) {
  size_t rows[3][MAX_WORD + 1];
  size_t *before = rows[0], *last = rows[1], *now = rows[2];
  for (size_t j = 0; j <= b_bytes; j++) last[j] = j;
  for (size_t i = 1; i <= a_bytes; i++) {
    now[0] = i;
    for (size_t j = 1; j <= b_bytes; j++) {
      char x = lower(a[i - 1]), y = lower(b[j - 1]);
      now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + (x != y));
      if (i > 1 && j > 1 && x == lower(b[j - 2]) && y == lower(a[i - 2]))
        now[j] = least(now[j], before[j - 2] + 1);
    }
    size_t *spare = before;
    before = last;
    last = now;
    now = spare;
  }
  return last[b_bytes];
}

void lazyi_suggest(lazyi_suggestion *suggestion, const char *name) {
  size_t bytes = strlen(name);
  if (bytes > MAX_WORD || suggestion->bytes > MAX_WORD || bytes == 0) return;
  size_t found = distance(suggestion->word, suggestion->bytes, name, bytes);
  size_t most = suggestion->bytes < 3 ? 0 : suggestion->bytes < 6 ? 1 : suggestion->bytes / 3;
  if (found > most || (suggestion->best != NULL && found >= suggestion->distance)) return;
  suggestion->best = name;
  suggestion->distance = found;
}
