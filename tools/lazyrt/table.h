/* Text for people: a table with columns as wide as they need, numbers with units. */
#ifndef LAZYRT_TOOL_TABLE_H
#define LAZYRT_TOOL_TABLE_H

#include <lazyrt/types.h>
#include <stdio.h>

enum { TABLE_MAX_COLUMNS = 8 };

typedef struct table {
  int column_count;
  const char *const *headings;
  const char *right; /* a letter per column: 'r' = to the right */
  char **cells;      /* row by row, owned; a row whose first cell is NULL is a rule */
  size_t row_count, capacity;
  bool failed; /* out of memory: nothing more is added, and printing fails */
} table;

/* A table's headings and alignments are borrowed. */
table table_make(int column_count, const char *const *headings, const char *right);
/* Copies the cells. */
void table_add(table *t, const char *const *cells);
/* A line across. */
void table_add_rule(table *t);
/* Prints and empties the table; false if memory ran out on the way. */
bool table_print(table *t, FILE *stream);
/* For a table that is not printed. */
void table_free(table *t);

/* "1,234,567" */
const char *text_of_count(uint64_t count, char *buffer, size_t bytes);
/* "612 B", "30.7 KiB", "1.25 GiB" */
const char *text_of_bytes(uint64_t count, char *buffer, size_t bytes);
/* "f32[32, 784]" */
const char *text_of_spec(lazy_dtype dtype, const lazy_shape *shape, char *buffer, size_t bytes);

/* Colours, where standard output is a terminal and NO_COLOR is not set: SGR codes, else "". */
const char *text_bold(void);
const char *text_plain(void);

#endif
