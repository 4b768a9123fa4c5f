#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/io/text.h"
#include "runtime/module/module.h"

typedef LAZYI_VECTOR(char) text_vector;

static lazy_status put(text_vector *out, const char *text, size_t bytes) {
  LAZY_TRY(lazyi_vector_reserve(out, bytes));
  if (bytes != 0) memcpy(out->at + out->count, text, bytes);
  out->count += bytes;
  return LAZY_STATUS_OK;
}
static lazy_status put_word(text_vector *out, const char *word) { return put(out, word, strlen(word)); }
static lazy_status put_line(text_vector *out, int depth) {
  LAZY_TRY(put(out, "\n", 1));
  for (int i = 0; i < depth; i++) LAZY_TRY(put(out, "  ", 2));
  return LAZY_STATUS_OK;
}

/* ---- values, as Python's repr has them ---- */

/* The shortest digits that read back as the same double: 0.1, 1e-05, 1.0, 1e+16. */
static lazy_status put_double(text_vector *out, double value) {
  char digits[32], text[64];
  if (isnan(value)) return put_word(out, "nan");
  if (isinf(value)) return put_word(out, value > 0 ? "inf" : "-inf");
  locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  if (plain == (locale_t)0) return lazy_status_fail(LAZY_STATUS_OUT_OF_MEMORY, "the C locale");
  locale_t before = uselocale(plain);
  for (int precision = 0; precision < 17; precision++) {
    snprintf(digits, sizeof digits, "%.*e", precision, value);
    if (strtod(digits, NULL) == value) break;
  }
  char *mark = strchr(digits, 'e');
  int exponent = (int)strtol(mark + 1, NULL, 10);
  int places = (int)(mark - digits) - (digits[0] == '-') - 2; /* after the point; -1 for a single digit */
  if (places < 0) places = 0;
  if (exponent < -4 || exponent >= 16) snprintf(text, sizeof text, "%s", digits);
  else snprintf(text, sizeof text, "%.*f", places - exponent > 1 ? places - exponent : 1, value);
  uselocale(before);
  freelocale(plain);
  return put_word(out, text);
}

static lazy_status put_string(text_vector *out, const char *text) {
  size_t bytes = strnlen(text, LAZY_OPTION_TEXT_BYTES);
  char quote = memchr(text, '\'', bytes) != NULL && memchr(text, '"', bytes) == NULL ? '"' : '\'';
  LAZY_TRY(put(out, &quote, 1));
  for (size_t i = 0; i < bytes; i++) {
    if (text[i] == '\n') LAZY_TRY(put(out, "\\n", 2));
    else if (text[i] == '\t') LAZY_TRY(put(out, "\\t", 2));
    else {
      if (text[i] == quote || text[i] == '\\') LAZY_TRY(put(out, "\\", 1));
      LAZY_TRY(put(out, &text[i], 1));
    }
  }
  return put(out, &quote, 1);
}

/* A tuple: (), (3,), (3, 4). */
static lazy_status put_sizes(text_vector *out, const lazy_shape *shape) {
  char number[32];
  LAZY_TRY(put(out, "(", 1));
  for (int32_t i = 0; i < shape->rank; i++) {
    snprintf(number, sizeof number, "%s%lld", i > 0 ? ", " : "", (long long)shape->dims[i]);
    LAZY_TRY(put_word(out, number));
  }
  return put_word(out, shape->rank == 1 ? ",)" : ")");
}

/* Of the words of an option, "valid|same", number `word`. */
static lazy_status put_choice(text_vector *out, const char *words, int32_t word, bool with_quotes) {
  while (--word > 0) words = strchr(words, '|') + 1;
  LAZY_TRY(put(out, "'", with_quotes));
  LAZY_TRY(put(out, words, strcspn(words, "|")));
  return put(out, "'", with_quotes);
}

static lazy_status put_int(text_vector *out, int64_t value) {
  char number[32];
  snprintf(number, sizeof number, "%lld", (long long)value);
  return put_word(out, number);
}
static lazy_status put_int_or_none(text_vector *out, int64_t value) {
  return value == LAZY_INT_NONE ? put_word(out, "None") : put_int(out, value);
}
static lazy_status put_float(text_vector *out, double value) {
  return isnan(value) ? put_word(out, "None") : put_double(out, value);
}

/* (1, 2), and (1,) for a tuple of one. */
#define DEFINE_PUT_NUMBERS(put_numbers, numbers, put_number)               \
  static lazy_status put_numbers(text_vector *out, const numbers *from) {  \
    if (from->count == 0) return put_number(out, from->at[0]);             \
    if (from->count < 0) return put_word(out, "()");                       \
    for (int32_t i = 0; i < from->count && i < LAZY_OPTION_NUMBERS; i++) { \
      LAZY_TRY(put_word(out, i == 0 ? "(" : ", "));                        \
      LAZY_TRY(put_number(out, from->at[i]));                              \
    }                                                                      \
    return put_word(out, from->count == 1 ? ",)" : ")");                   \
  }
DEFINE_PUT_NUMBERS(put_ints, lazy_ints, put_int_or_none)
DEFINE_PUT_NUMBERS(put_floats, lazy_floats, put_float)

static lazy_status put_option(text_vector *out, const lazy_option *option, const unsigned char *self) {
  const void *field = self + option->offset;
  if (!(option->flags & LAZY_OPTION_BARE)) {
    LAZY_TRY(put_word(out, option->name));
    LAZY_TRY(put(out, "=", 1));
  }
  switch (option->kind) {
    case LAZY_OPTION_INT: return put_int(out, *(const int64_t *)field);
    case LAZY_OPTION_MAYBE_FLOAT: return put_float(out, *(const double *)field);
    case LAZY_OPTION_FLOAT: return put_double(out, *(const double *)field);
    case LAZY_OPTION_BOOL: return put_word(out, *(const bool *)field ? "True" : "False");
    case LAZY_OPTION_DTYPE: return put_word(out, lazy_dtype_name(*(const lazy_dtype *)field));
    case LAZY_OPTION_TEXT:
      if (option->flags & LAZY_OPTION_UNQUOTED) return put_word(out, field);
      return put_string(out, field);
    case LAZY_OPTION_SHAPE: return put_sizes(out, field);
    case LAZY_OPTION_INTS:
      if (((const lazy_ints *)field)->word > 0)
        return put_choice(out, option->text, ((const lazy_ints *)field)->word,
                          (option->flags & LAZY_OPTION_UNQUOTED) == 0);
      return put_ints(out, field);
    case LAZY_OPTION_FLOATS: return put_floats(out, field);
  }
  return LAZY_STATUS_OK;
}

/* (0, 0) is the default 0, spread. */
static bool are_default(const lazy_option *option, const void *field) {
  const lazy_ints *ints = field;
  const lazy_floats *floats = field;
  const bool whole = option->kind == LAZY_OPTION_INTS;
  if (whole && (ints->word > 0 || ints->count < 0)) return false;
  for (int32_t i = 0, count = whole ? ints->count : floats->count; i < (count > 0 ? count : 1); i++) {
    const double value = whole ? (ints->at[i] == LAZY_INT_NONE ? NAN : (double)ints->at[i]) : floats->at[i];
    if (value != option->number && !(isnan(value) && isnan(option->number))) return false;
  }
  return true;
}

static bool is_default(const lazy_option *option, const unsigned char *self) {
  const void *field = self + option->offset;
  switch (option->kind) {
    case LAZY_OPTION_INT: return (double)*(const int64_t *)field == option->number;
    case LAZY_OPTION_FLOAT: return *(const double *)field == option->number;
    case LAZY_OPTION_MAYBE_FLOAT:
      return *(const double *)field == option->number ||
             (isnan(*(const double *)field) && isnan(option->number));
    case LAZY_OPTION_BOOL: return *(const bool *)field == (option->number != 0);
    case LAZY_OPTION_DTYPE: return *(const lazy_dtype *)field == (lazy_dtype)(int)option->number;
    case LAZY_OPTION_SHAPE: return ((const lazy_shape *)field)->rank == 0;
    case LAZY_OPTION_TEXT:
      return strncmp(field, option->text != NULL ? option->text : "", LAZY_OPTION_TEXT_BYTES) == 0;
    case LAZY_OPTION_INTS:
    case LAZY_OPTION_FLOATS: return are_default(option, field);
  }
  return true;
}

static bool is_shown(const lazy_option *option, const unsigned char *self) {
  if (!(option->flags & LAZY_OPTION_PRINTED) || option->kind == LAZY_OPTION_DTYPE) return false;
  return !(option->flags & LAZY_OPTION_UNLESS_DEFAULT) || !is_default(option, self);
}

/* ---- modules ---- */

static lazy_status put_module(text_vector *out, const lazy_module *module, int depth);

static lazy_status put_child(text_vector *out, const char *name, size_t repeats, const char *text,
                             size_t bytes, size_t index, int depth) {
  char line[96];
  LAZY_TRY(put_line(out, depth));
  if (repeats == 1) {
    LAZY_TRY(put(out, "(", 1));
    LAZY_TRY(put_word(out, name));
    LAZY_TRY(put_word(out, "): "));
  } else {
    snprintf(line, sizeof line, "(%zu-%zu): %zu x ", index, index + repeats - 1, repeats);
    LAZY_TRY(put_word(out, line));
  }
  return put(out, text, bytes);
}

static bool is_named_by_place(const lazy_module *module, size_t index) {
  char name[24];
  snprintf(name, sizeof name, "%zu", index);
  return strcmp(lazy_module_child_name(module, index), name) == 0;
}

/* A ModuleList prints neighbours that look alike once, with their number. */
static lazy_status put_folded(text_vector *out, const lazy_module *module, int depth, text_vector *held,
                              text_vector *next) {
  size_t count = lazy_module_child_count(module);
  for (size_t i = 0, run = 0; i < count; i += run) {
    held->count = 0;
    LAZY_TRY(put_module(held, lazy_module_child_at(module, i), depth));
    for (run = 1; i + run < count && is_named_by_place(module, i) && is_named_by_place(module, i + run);
         run++) {
      next->count = 0;
      LAZY_TRY(put_module(next, lazy_module_child_at(module, i + run), depth));
      if (next->count != held->count || memcmp(next->at, held->at, held->count) != 0) break;
    }
    LAZY_TRY(put_child(out, lazy_module_child_name(module, i), run, held->at, held->count, i, depth));
  }
  return LAZY_STATUS_OK;
}

static lazy_status put_children(text_vector *out, const lazy_module *module, int depth) {
  if (strcmp(lazyi_module_class_name(module), "ModuleList") == 0) {
    text_vector held = {0}, next = {0};
    lazy_status status = put_folded(out, module, depth, &held, &next);
    lazyi_vector_deinit(&held);
    lazyi_vector_deinit(&next);
    return status;
  }
  for (size_t i = 0; i < lazy_module_child_count(module); i++) {
    LAZY_TRY(put_child(out, lazy_module_child_name(module, i), 1, NULL, 0, i, depth));
    LAZY_TRY(put_module(out, lazy_module_child_at(module, i), depth));
  }
  return LAZY_STATUS_OK;
}

/* torch.nn.Module.__repr__: options on the line of the class, or on a line of their own if there are
 * children. */
static lazy_status put_module(text_vector *out, const lazy_module *module, int depth) {
  bool has_children = lazy_module_child_count(module) != 0, any = false;
  LAZY_TRY(put_word(out, lazyi_module_class_name(module)));
  LAZY_TRY(put(out, "(", 1));
  for (size_t i = 0; i < module->type->option_count; i++) {
    const lazy_option *option = &module->type->options[i];
    if (!is_shown(option, module->self)) continue;
    if (any) LAZY_TRY(put(out, ", ", 2));
    else if (has_children) LAZY_TRY(put_line(out, depth + 1));
    LAZY_TRY(put_option(out, option, module->self));
    any = true;
  }
  if (has_children) {
    LAZY_TRY(put_children(out, module, depth + 1));
    LAZY_TRY(put_line(out, depth));
  }
  return put(out, ")", 1);
}

lazy_status lazy_module_to_string(const lazy_module *module, char **out_text) {
  text_vector out = {0};
  lazyi_module_lock(module);
  lazy_status status = put_module(&out, module, 0);
  lazyi_module_unlock(module);
  if (status == LAZY_STATUS_OK) status = put(&out, "", 1);
  if (status != LAZY_STATUS_OK) {
    lazyi_vector_deinit(&out);
    return status;
  }
  *out_text = out.at;
  return LAZY_STATUS_OK;
}

void lazy_string_free(char *text) { lazyi_memory_free(text); }

lazy_status lazy_module_print(const lazy_module *module, FILE *stream) {
  char *text;
  LAZY_TRY(lazy_module_to_string(module, &text));
  bool written = fputs(text, stream) >= 0 && fputc('\n', stream) >= 0;
  lazy_string_free(text);
  return written
             ? LAZY_STATUS_OK
             : lazy_status_fail(LAZY_STATUS_IO, "the model's text could not be written: %s", strerror(errno));
}
