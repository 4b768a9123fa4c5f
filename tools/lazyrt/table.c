#include "tools/lazyrt/table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

table table_make(int column_count, const char *const *headings, const char *right) {
  return (table){.column_count = column_count, .headings = headings, .right = right};
}

void table_add(table *t, const char *const *cells) {
  size_t columns = (size_t)t->column_count;
  if (t->row_count == t->capacity && !t->failed) {
    size_t capacity = t->capacity * 2 + 16;
    char **grown = realloc(t->cells, capacity * columns * sizeof *grown);
    t->failed = grown == NULL;
    if (grown != NULL) t->cells = grown, t->capacity = capacity;
  }
  if (t->failed) return;
  char **row = t->cells + t->row_count++ * columns;
  for (size_t c = 0; c < columns; c++) {
    row[c] = cells != NULL ? strdup(cells[c]) : NULL;
    if (cells != NULL && row[c] == NULL) t->failed = true;
  }
}

void table_add_rule(table *t) { table_add(t, NULL); }

/* Columns that a terminal gives a text: characters, not bytes. */
static int width_of(const char *text) {
  int width = 0;
  for (; *text != '\0'; text++) width += ((unsigned char)*text & 0xc0) != 0x80;
  return width;
}

static void print_row(const table *t, const char *const *cells, const int *widths, FILE *stream) {
  int owed = 0; /* blanks are printed only before something, so that no line ends in one */
  for (int c = 0; c < t->column_count; c++) {
    int width = width_of(cells[c]);
    if (width != 0) {
      fprintf(stream, "%*s%s", owed + (t->right[c] == 'r' ? widths[c] - width : 0), "", cells[c]);
      owed = t->right[c] == 'r' ? 0 : widths[c] - width;
    } else {
      owed += widths[c];
    }
    owed += 2;
  }
  fputc('\n', stream);
}

bool table_print(table *t, FILE *stream) {
  int widths[TABLE_MAX_COLUMNS] = {0}, total = 2 * (t->column_count - 1);
  size_t columns = (size_t)t->column_count;
  bool printed = !t->failed;
  for (size_t c = 0; c < columns && printed; c++) {
    widths[c] = width_of(t->headings[c]);
    for (size_t r = 0; r < t->row_count; r++) {
      const char *cell = t->cells[r * columns + c];
      if (cell != NULL && width_of(cell) > widths[c]) widths[c] = width_of(cell);
    }
    total += widths[c];
  }
  if (printed) {
    fputs(text_bold(), stream);
    print_row(t, t->headings, widths, stream);
    fputs(text_plain(), stream);
  }
  for (size_t r = 0; r < t->row_count && printed; r++) {
    const char *const *cells = (const char *const *)t->cells + r * columns;
    if (cells[0] != NULL) {
      print_row(t, cells, widths, stream);
      continue;
    }
    for (int i = 0; i < total; i++) fputc('-', stream);
    fputc('\n', stream);
  }
  table_free(t);
  return printed;
}

void table_free(table *t) {
  for (size_t i = 0; i < t->row_count * (size_t)t->column_count; i++) free(t->cells[i]);
  free(t->cells);
  t->cells = NULL;
  t->row_count = t->capacity = 0;
}

const char *text_of_count(uint64_t count, char *buffer, size_t bytes) {
  char digits[24];
  int length = snprintf(digits, sizeof digits, "%" PRIu64, count);
  size_t n = 0;
  for (int i = 0; i < length && n + 2 < bytes; i++) {
    if (i != 0 && (length - i) % 3 == 0) buffer[n++] = ',';
    buffer[n++] = digits[i];
  }
  buffer[n] = '\0';
  return buffer;
}

const char *text_of_bytes(uint64_t count, char *buffer, size_t bytes) {
  static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  int unit = 0;
  double value = (double)count;
  while (value >= 1024) value /= 1024, unit++;
  if (unit == 0) snprintf(buffer, bytes, "%" PRIu64 " B", count);
  else snprintf(buffer, bytes, "%.*f %s", value < 10 ? 2 : value < 100 ? 1 : 0, value, units[unit]);
  return buffer;
}

const char *text_of_spec(lazy_dtype dtype, const lazy_shape *shape, char *buffer, size_t bytes) {
  size_t n = (size_t)snprintf(buffer, bytes, "%s[", lazy_dtype_name(dtype));
  for (int32_t i = 0; i < shape->rank && n < bytes; i++)
    n += (size_t)snprintf(buffer + n, bytes - n, "%s%" PRId64, i != 0 ? ", " : "", shape->dims[i]);
  if (n < bytes) snprintf(buffer + n, bytes - n, "]");
  return buffer;
}

static bool is_coloured(void) {
  const char *none = getenv("NO_COLOR"), *terminal = getenv("TERM");
  return isatty(STDOUT_FILENO) && (none == NULL || none[0] == '\0') && terminal != NULL &&
         strcmp(terminal, "dumb") != 0;
}
const char *text_bold(void) { return is_coloured() ? "\033[1m" : ""; }
const char *text_plain(void) { return is_coloured() ? "\033[0m" : ""; }
