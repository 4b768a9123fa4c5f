#include "runtime/base/string.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

lazy_status lazyi_string_put(lazyi_string *string, const char *text) {
  size_t bytes = strlen(text);
  LAZY_TRY(lazyi_vector_reserve(string, bytes + 1));
  memcpy(string->at + string->count, text, bytes + 1);
  string->count += bytes;
  return LAZY_STATUS_OK;
}

lazy_status lazyi_string_format(lazyi_string *string, const char *format, ...) {
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  lazy_status status = length < 0 ? LAZY_STATUS_OK : lazyi_vector_reserve(string, (size_t)length + 1);
  if (status == LAZY_STATUS_OK && length >= 0) {
    (void)vsnprintf(string->at + string->count, (size_t)length + 1, format, again);
    string->count += (size_t)length;
  }
  va_end(again);
  return status;
}

void lazyi_string_cut(lazyi_string *string, size_t bytes) {
  string->count = bytes;
  if (string->at != NULL) string->at[bytes] = '\0';
}
