/* Counters as JSON: an array, one object a launch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/emulator/counters.h"

const char *emu_class_name(ptx_class of) {
  static const char *const names[PTX_CLASS_COUNT] = {
      [PTX_CLASS_INTEGER] = "integer", [PTX_CLASS_F32] = "f32",         [PTX_CLASS_F64] = "f64",
      [PTX_CLASS_HALF] = "half",       [PTX_CLASS_SPECIAL] = "special", [PTX_CLASS_CONVERT] = "convert",
      [PTX_CLASS_MOVE] = "move",       [PTX_CLASS_BRANCH] = "branch",   [PTX_CLASS_MEMORY] = "memory",
      [PTX_CLASS_ATOMIC] = "atomic",   [PTX_CLASS_BARRIER] = "barrier", [PTX_CLASS_TENSOR] = "tensor",
      [PTX_CLASS_OTHER] = "other"};
  return names[of];
}

/* Of one line of source, where the text has .loc, or of the text itself. */
typedef struct line {
  uint32_t file, line;
  bool is_source;
  emu_count count;
} line;

static int compare_lines(const void *a, const void *b) {
  const line *left = a, *right = b;
  if (left->is_source != right->is_source) return left->is_source ? -1 : 1;
  if (left->file != right->file) return left->file < right->file ? -1 : 1;
  return left->line < right->line ? -1 : left->line > right->line;
}

static void write_string(FILE *file, const char *text) {
  (void)fputc('"', file);
  for (; *text != '\0'; text++) {
    if (*text == '"' || *text == '\\') (void)fprintf(file, "\\%c", *text);
    else if ((unsigned char)*text < ' ') (void)fprintf(file, "\\u%04x", (unsigned)*text);
    else (void)fputc(*text, file);
  }
  (void)fputc('"', file);
}

static void write_number(FILE *file, const char *name, uint64_t number) {
  (void)fprintf(file, ",\"%s\":%llu", name, (unsigned long long)number);
}

static void write_count(FILE *file, const emu_count *count) {
  (void)fprintf(file, "\"warp_instructions\":%llu", (unsigned long long)count->warps);
  write_number(file, "thread_instructions", count->threads);
  if (count->splits != 0) write_number(file, "divergent_branches", count->splits);
  if (count->accesses == 0) return;
  write_number(file, "global_accesses", count->accesses);
  write_number(file, "global_bytes", count->bytes);
  write_number(file, "global_sectors", count->sectors);
}

static void write_lines(FILE *file, const emu_counters *counters, line *lines) {
  const ptx_module *module = counters->module;
  size_t count = 0, kept = 0;
  for (uint32_t i = 0; i < counters->count; i++) {
    const ptx_instruction *at = &module->code[counters->first + i];
    if (counters->of_instruction[i].warps == 0) continue;
    const bool is_source = at->source_line != 0;
    lines[count++] = (line){is_source ? at->source_file : 0, is_source ? at->source_line : at->line,
                            is_source, counters->of_instruction[i]};
  }
  if (count > 0) qsort(lines, count, sizeof *lines, compare_lines);
  for (size_t i = 1; i < count; i++) {
    if (compare_lines(&lines[kept], &lines[i]) != 0) {
      lines[++kept] = lines[i];
      continue;
    }
    emu_count *sum = &lines[kept].count;
    const emu_count *more = &lines[i].count;
    *sum = (emu_count){sum->warps + more->warps,   sum->threads + more->threads,
                       sum->splits + more->splits, sum->accesses + more->accesses,
                       sum->bytes + more->bytes,   sum->sectors + more->sectors};
  }
  for (size_t i = 0; count > 0 && i <= kept; i++) {
    const line *at = &lines[i];
    const char *name = at->is_source && at->file < module->file_count ? module->files[at->file] : NULL;
    (void)fprintf(file, "%s\n    {\"file\":", i == 0 ? "" : ",");
    write_string(file, name != NULL ? name : "ptx");
    (void)fprintf(file, ",\"line\":%u,", at->line);
    write_count(file, &at->count);
    (void)fputc('}', file);
  }
}

static void write_launch(FILE *file, const emu_counters *counters, line *lines) {
  const emu_shape *shape = &counters->shape;
  (void)fprintf(file, "  {\"launch\":%llu,\"kernel\":", (unsigned long long)counters->launch);
  write_string(file, counters->kernel);
  (void)fprintf(file, ",\"grid\":[%u,%u,%u],\"block\":[%u,%u,%u],\"dynamic_shared_bytes\":%u,\n   ",
                shape->grid[0], shape->grid[1], shape->grid[2], shape->block[0], shape->block[1],
                shape->block[2], shape->dynamic_shared_bytes);
  write_count(file, &counters->total);
  (void)fprintf(file, ",\n   \"classes\":{");
  bool first = true;
  for (int i = 0; i < PTX_CLASS_COUNT; i++) {
    if (counters->of_class[i].threads == 0) continue;
    (void)fprintf(file, "%s\"%s\":%llu", first ? "" : ",", emu_class_name((ptx_class)i),
                  (unsigned long long)counters->of_class[i].threads);
    first = false;
  }
  (void)fprintf(file, "},\n   \"lines\":[");
  write_lines(file, counters, lines);
  (void)fprintf(file, "]}");
}

void emu_stats_write(const emu_counters *counters) {
  static char written[512]; /* the file that is being written, begun by this process */
  static const char end[] = "\n]\n";
  const char *path = getenv("LAZYRT_EMULATOR_STATS");
  if (path == NULL || *path == '\0') return;
  const bool begins = strncmp(path, written, sizeof written - 1) != 0;
  line *lines = malloc(((size_t)counters->count + 1) * sizeof *lines);
  FILE *file = fopen(path, begins ? "we" : "r+e");
  if (lines != NULL && file != NULL) {
    (void)snprintf(written, sizeof written, "%s", path);
    if (begins) (void)fprintf(file, "[\n");
    else if (fseek(file, -(long)(sizeof end - 1), SEEK_END) == 0) (void)fprintf(file, ",\n");
    write_launch(file, counters, lines);
    (void)fprintf(file, "%s", end);
  } else {
    (void)fprintf(stderr, "emulator: cannot write %s\n", path);
  }
  if (file != NULL) (void)fclose(file);
  free(lines);
}
