/* Text that grows. */
#ifndef LAZYI_BASE_STRING_H
#define LAZYI_BASE_STRING_H

#include "runtime/base/vector.h"

/* Zero-initialised is empty, with `at` NULL; anything put into it, an empty text too, makes `at` a C string.
 */
typedef LAZYI_VECTOR(char) lazyi_string;

/* Appends; on failure (OUT_OF_MEMORY) the text stands as it was. */
LAZY_MUST_USE lazy_status lazyi_string_put(lazyi_string *string, const char *text);
LAZY_MUST_USE lazy_status lazyi_string_format(lazyi_string *string, const char *format, ...)
    LAZY_PRINTF(2, 3);
/* Cuts to the first `bytes` bytes, of no more than there are. */
void lazyi_string_cut(lazyi_string *string, size_t bytes);

#endif
