#include <string.h>

#include "tools/lazyrt/tool.h"

static bool refuse(char *why, size_t bytes, const char *words) {
  snprintf(why, bytes, "%s", words);
  return false;
}

/* "32x784"; at least one size. */
static bool read_sizes(const char *text, size_t bytes, lazy_shape *shape, char *why, size_t why_bytes) {
  size_t at = 0;
  for (;;) {
    int64_t size = 0;
    size_t begun = at;
    for (; at < bytes && text[at] >= '0' && text[at] <= '9'; at++)
      if (__builtin_mul_overflow(size, 10, &size) || __builtin_add_overflow(size, text[at] - '0', &size))
        return refuse(why, why_bytes, "a size that does not fit 64 bits");
    if (at == begun) return refuse(why, why_bytes, "wanted sizes such as 32x784, or scalar");
    if (shape->rank == LAZY_MAX_RANK) return refuse(why, why_bytes, "more than 8 sizes");
    shape->dims[shape->rank++] = size;
    if (at == bytes) return true;
    if (text[at++] != 'x') return refuse(why, why_bytes, "wanted sizes such as 32x784, or scalar");
  }
}

bool tool_input_read(const char *text, size_t bytes, tool_input *out_input, char *why, size_t why_bytes) {
  tool_input input = {0};
  const char *equals = memchr(text, '=', bytes);
  if (equals != NULL) {
    size_t name_bytes = (size_t)(equals - text);
    if (name_bytes == 0 || name_bytes >= sizeof input.name)
      return refuse(why, why_bytes, "wanted NAME=SHAPE");
    memcpy(input.name, text, name_bytes);
    bytes -= name_bytes + 1;
    text = equals + 1;
  }
  const char *colon = memchr(text, ':', bytes);
  size_t size_bytes = colon != NULL ? (size_t)(colon - text) : bytes;
  if (colon != NULL) {
    char dtype[24] = "";
    size_t dtype_bytes = bytes - size_bytes - 1;
    if (dtype_bytes < sizeof dtype) memcpy(dtype, colon + 1, dtype_bytes);
    if (!lazy_dtype_parse(dtype, &input.spec.dtype))
      return refuse(why, why_bytes, "no such dtype; wanted f32, f16, bf16, f64, i64 or u8");
  }
  if ((size_bytes != 6 || memcmp(text, "scalar", 6) != 0) &&
      !read_sizes(text, size_bytes, &input.spec.shape, why, why_bytes))
    return false;
  *out_input = input;
  return true;
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == ','; }

/* One directive's inputs, from behind its colon to the end of the line. */
static lazy_status read_directive(const char *line, size_t bytes, const char *file_name, size_t number,
                                  tool_inputs *inputs) {
  char why[160];
  for (size_t at = 0; at < bytes;) {
    while (at < bytes && is_blank(line[at])) at++;
    size_t end = at;
    while (end < bytes && !is_blank(line[end])) end++;
    if (end == at) break;
    if (inputs->count == TOOL_MAX_INPUTS)
      return lazy_status_fail(LAZY_STATUS_PARSE, "%s:%zu: more than %d inputs", file_name, number,
                              TOOL_MAX_INPUTS);
    if (!tool_input_read(line + at, end - at, &inputs->at[inputs->count], why, sizeof why))
      return lazy_status_fail(LAZY_STATUS_PARSE, "%s:%zu: input '%.*s': %s", file_name, number,
                              (int)(end - at < 60 ? end - at : 60), line + at, why);
    inputs->count++;
    at = end;
  }
  return LAZY_STATUS_OK;
}

lazy_status tool_inputs_of_text(const char *text, const char *file_name, tool_inputs *out_inputs) {
  tool_inputs inputs = {.count = 0};
  size_t number = 1;
  for (const char *line = text; *line != '\0'; number++) {
    size_t bytes = strcspn(line, "\n");
    const char *at = line;
    while (*at == ' ' || *at == '\t') at++;
    if (*at == '#') {
      for (at++; *at == ' ' || *at == '\t'; at++) {
      }
      if (strncmp(at, "input:", 6) == 0) {
        at += 6;
        LAZY_TRY(read_directive(at, (size_t)(line + bytes - at), file_name, number, &inputs));
      }
    }
    line += bytes;
    if (*line == '\n') line++;
  }
  *out_inputs = inputs;
  return LAZY_STATUS_OK;
}
