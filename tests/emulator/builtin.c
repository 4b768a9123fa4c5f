/* Functions that the system gives every kernel: vprintf and __assertfail. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/emulator/run.h"

enum { STRING_BYTES = 1024, TEXT_BYTES = 4096, CONVERSION_BYTES = 32 };

typedef struct printing {
  emu_warp *warp;
  const ptx_instruction *at;
  unsigned lane;
  uint64_t arguments; /* where the next one may be */
  char text[TEXT_BYTES];
  size_t length;
  int converted;
} printing;

/* False: a fault was told. Strings are cut at `room`. */
static bool read_string(const printing *now, uint64_t address, char *text, size_t room) {
  for (size_t i = 0; i + 1 < room; i++) {
    const char *memory = emu_access_at(now->warp, now->at, now->lane, PTX_GENERIC, address + i, 1, EMU_READ);
    if (memory == NULL) return false;
    if ((text[i] = *memory) == '\0') return true;
  }
  text[room - 1] = '\0';
  return true;
}

/* The next argument: 4 bytes or 8, aligned as large. */
static bool next_argument(printing *now, uint32_t bytes, uint64_t *out_value) {
  now->arguments = (now->arguments + bytes - 1) / bytes * bytes;
  const void *memory =
      emu_access_at(now->warp, now->at, now->lane, PTX_GENERIC, now->arguments, bytes, EMU_READ);
  if (memory == NULL) return false;
  *out_value = 0;
  memcpy(out_value, memory, bytes);
  now->arguments += bytes;
  return true;
}

static void add(printing *now, const char *text, size_t bytes) {
  if (bytes > TEXT_BYTES - now->length) bytes = TEXT_BYTES - now->length;
  memcpy(now->text + now->length, text, bytes);
  now->length += bytes;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored \
    "-Wformat-nonliteral" /* conversions are the kernel's, checked by their letters */

/* One value; `form` is the conversion with the length of `letter`'s type already taken out. */
static bool add_value(printing *now, char form[CONVERSION_BYTES], size_t length, char letter, bool is_long) {
  char text[STRING_BYTES + 512], string[STRING_BYTES];
  uint64_t value;
  const bool is_wide = is_long || strchr("sp", letter) != NULL || strchr("aAeEfFgG", letter) != NULL;
  if (!next_argument(now, is_wide ? 8 : 4, &value)) return false;
  int made;
  if (strchr("di", letter) != NULL) {
    (void)snprintf(form + length, CONVERSION_BYTES - length, "ll%c", letter);
    made = snprintf(text, sizeof text, form, is_long ? (long long)value : (long long)(int32_t)value);
  } else if (strchr("uoxX", letter) != NULL) {
    (void)snprintf(form + length, CONVERSION_BYTES - length, "ll%c", letter);
    made = snprintf(text, sizeof text, form, (unsigned long long)value);
  } else if (letter == 'c') {
    (void)snprintf(form + length, CONVERSION_BYTES - length, "c");
    made = snprintf(text, sizeof text, form, (int)value);
  } else if (letter == 's') {
    if (!read_string(now, value, string, sizeof string)) return false;
    (void)snprintf(form + length, CONVERSION_BYTES - length, "s");
    made = snprintf(text, sizeof text, form, string);
  } else if (letter == 'p') {
    (void)snprintf(form + length, CONVERSION_BYTES - length, "p");
    made = snprintf(text, sizeof text, form, (void *)(uintptr_t)value);  // NOLINT(performance-no-int-to-ptr)
  } else {
    double number;
    memcpy(&number, &value, sizeof number);
    (void)snprintf(form + length, CONVERSION_BYTES - length, "%c", letter);
    made = snprintf(text, sizeof text, form, number);
  }
  now->converted++;
  if (made > 0) add(now, text, (size_t)made < sizeof text ? (size_t)made : sizeof text - 1);
  return true;
}
#pragma GCC diagnostic pop

/* From a % on: yields what follows, or NULL after a fault. */
static const char *convert(printing *now, const char *at) {
  char form[CONVERSION_BYTES] = "%";
  size_t length = 1;
  const char *start = at++;
  for (; *at != '\0' && strchr("-+ #0123456789.*", *at) != NULL; at++) {
    uint64_t value;
    if (length > CONVERSION_BYTES - 16) continue; /* a width of 16 digits and more */
    if (*at != '*') form[length++] = *at;
    else if (!next_argument(now, 4, &value)) return NULL;
    else length += (size_t)snprintf(form + length, CONVERSION_BYTES - length, "%d", (int)(int32_t)value);
  }
  form[length] = '\0';
  bool is_long = false;
  for (; *at != '\0' && strchr("hljztL", *at) != NULL; at++) is_long |= *at != 'h';
  if (*at == '%') {
    add(now, "%", 1);
    return at + 1;
  }
  if (*at == '\0' || strchr("diuoxXcspaAeEfFgG", *at) == NULL) { /* as it stands */
    add(now, start, (size_t)(at - start));
    return at;
  }
  return add_value(now, form, length, *at, is_long) ? at + 1 : NULL;
}

/* int vprintf(const char *format, void *arguments) */
static void print(emu_warp *warp, const ptx_instruction *at, unsigned lane, uint64_t format,
                  uint64_t arguments, unsigned char *result) {
  char string[STRING_BYTES];
  printing now = {.warp = warp, .at = at, .lane = lane, .arguments = arguments};
  if (!read_string(&now, format, string, sizeof string)) return;
  for (const char *place = string; *place != '\0';) {
    const size_t plain = strcspn(place, "%");
    add(&now, place, plain);
    place += plain;
    if (*place == '%' && (place = convert(&now, place)) == NULL) return;
  }
  (void)fwrite(now.text, 1, now.length, stdout); /* at once, so that lines stay whole */
  const int32_t converted = now.converted;
  memcpy(result, &converted, sizeof converted);
}

static void fail(emu_warp *warp, const ptx_instruction *at, unsigned lane, const uint64_t strings[3],
                 uint32_t line) {
  char message[STRING_BYTES], file[STRING_BYTES], function[STRING_BYTES];
  const printing now = {.warp = warp, .at = at, .lane = lane};
  if (!read_string(&now, strings[0], message, sizeof message) ||
      !read_string(&now, strings[1], file, sizeof file) ||
      !read_string(&now, strings[2], function, sizeof function))
    return;
  emu_tell(warp, at, lane, EMU_ASSERT, "%.200s:%u: %.200s: %.200s", file, line, function, message);
}

void emu_builtin(emu_warp *warp, const ptx_instruction *at, unsigned lane, const ptx_function *function,
                 const unsigned char *const *arguments, unsigned char *result) {
  uint64_t words[5] = {0};
  for (uint32_t i = 0; i < function->param_count && i < 5; i++)
    memcpy(&words[i], arguments[i], function->params[i]->bytes < 8 ? function->params[i]->bytes : 8);
  if (strcmp(function->name, "vprintf") == 0) {
    print(warp, at, lane, words[0], words[1], result);
  } else { /* message, file, line, function, size of a character */
    fail(warp, at, lane, (uint64_t[]){words[0], words[1], words[3]}, (uint32_t)words[2]);
    emu_exit(warp, UINT32_C(1) << lane);
  }
}
