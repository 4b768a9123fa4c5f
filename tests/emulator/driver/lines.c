/* The lines of a text's source. The library carries PTX without them; the build keeps the same text with
   them, so that reports and counters name lines of kernels. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/emulator/driver/driver.h"

static char *read_file(const char *path) {
  FILE *file = fopen(path, "rbe");
  long bytes = -1;
  char *text = NULL;
  if (file != NULL && fseek(file, 0, SEEK_END) == 0) bytes = ftell(file);
  if (bytes >= 0 && fseek(file, 0, SEEK_SET) == 0) text = malloc((size_t)bytes + 1);
  if (text != NULL) text[fread(text, 1, (size_t)bytes, file)] = '\0';
  if (file != NULL) (void)fclose(file);
  return text;
}

static bool begins(const char *at, const char *with) { return strncmp(at, with, strlen(with)) == 0; }
static size_t line_bytes(const char *at) { return strcspn(at, "\n") + (at[strcspn(at, "\n")] == '\n'); }

/* Line by line, but for .loc and .file, up to the sections for debuggers. */
static bool is_same(const char *plain, const char *lined) {
  for (;;) {
    while (begins(lined, "\t.loc\t") || begins(lined, "\t.file\t")) lined += line_bytes(lined);
    if (*lined == '\0' || begins(lined, "\t.section\t.debug_")) return plain[strspn(plain, "\n")] == '\0';
    const size_t bytes = line_bytes(lined);
    if (strncmp(plain, lined, bytes) != 0) return false;
    plain += bytes;
    lined += bytes;
  }
}

char *emu_text_with_lines(const char *text) {
  const char *path = getenv("LAZYRT_EMULATOR_LINES");
  char *lined = path != NULL ? read_file(path) : NULL;
  if (lined != NULL && is_same(text, lined)) return lined;
  free(lined);
  return NULL;
}
