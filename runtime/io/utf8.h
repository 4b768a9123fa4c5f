/* UTF-8, as RFC 3629 has it: no overlong forms, no surrogates, nothing past U+10FFFF. */
#ifndef LAZYI_IO_UTF8_H
#define LAZYI_IO_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the character that starts at `text`, of which `bytes` (1 or more) are there: 1 to 4; 0 if none
 * does. */
static inline size_t lazyi_utf8_length(const char *text, size_t bytes) {
  const unsigned char *at = (const unsigned char *)text;
  unsigned char first = at[0], low = 0x80, high = 0xbf;
  size_t length = first < 0x80   ? 1
                  : first < 0xc2 ? 0
                  : first < 0xe0 ? 2
                  : first < 0xf0 ? 3
                  : first < 0xf5 ? 4
                                 : 0;
  if (length > bytes) return 0;
  if (first == 0xe0) low = 0xa0;
  if (first == 0xed) high = 0x9f;
  if (first == 0xf0) low = 0x90;
  if (first == 0xf4) high = 0x8f;
  for (size_t i = 1; i < length; i++, low = 0x80, high = 0xbf)
    if (at[i] < low || at[i] > high) return 0;
  return length;
}

static inline bool lazyi_utf8_is_valid(const char *text, size_t bytes) {
  for (size_t at = 0, length; at < bytes; at += length)
    if ((length = lazyi_utf8_length(text + at, bytes - at)) == 0) return false;
  return true;
}

#endif
