#include <lazyrt/status.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Long enough for a load report of a few hundred lines; a longer one ends in "...". */
enum { MESSAGE_BYTES = 16384 };
static _Thread_local char message[MESSAGE_BYTES];

/* Formatted aside first: an argument may be the message itself. */
static void store(const char *format, va_list arguments) {
  char text[MESSAGE_BYTES];
  int length = vsnprintf(text, sizeof text, format, arguments);
  if (length < 0) return;
  size_t kept = (size_t)length < sizeof text ? (size_t)length : sizeof text - 1;
  memcpy(message, text, kept);
  message[kept] = '\0';
  if (kept < (size_t)length) memcpy(message + kept - 3, "...", 3);
}

const char *lazy_status_name(lazy_status status) {
  static const char *const names[LAZY_STATUS_COUNT] = {"OK",
                                                       "INVALID_STATE",
                                                       "INVALID_VALUE",
                                                       "INVALID_TYPE",
                                                       "OUT_OF_RANGE",
                                                       "UNSUPPORTED",
                                                       "ASSERTION",
                                                       "SHAPE",
                                                       "UNINITIALIZED",
                                                       "NOT_FOUND",
                                                       "LOAD",
                                                       "CHECKPOINT",
                                                       "PARSE",
                                                       "IO",
                                                       "OUT_OF_MEMORY",
                                                       "NO_DEVICE",
                                                       "DEVICE",
                                                       "DEVICE_LOST",
                                                       "STALE",
                                                       "BUSY",
                                                       "NO_DATA",
                                                       "LIMIT"};
  return (unsigned)status < LAZY_STATUS_COUNT ? names[status] : "?";
}

const char *lazy_status_message(void) { return message; }

lazy_status lazy_status_fail(lazy_status status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  store(format, arguments);
  va_end(arguments);
  return status;
}

lazy_status lazy_status_annotate(lazy_status status, const char *format, ...) {
  char prefix[512];
  va_list arguments;
  va_start(arguments, format);
  int wanted = vsnprintf(prefix, sizeof prefix, format, arguments);
  va_end(arguments);
  if (wanted < 0) return status;
  size_t length = strlen(prefix);
  size_t kept = strlen(message);
  if (length + 2 + kept >= MESSAGE_BYTES) kept = MESSAGE_BYTES - length - 3;
  memmove(message + length + 2, message, kept);
  message[length + 2 + kept] = '\0';
  memcpy(message, prefix, length);
  memcpy(message + length, ": ", 2);
  return status;
}
