/* What models turned out to be, as JSON. Counts and bytes are plain integers. */
#ifndef LAZYRT_TOOL_JSON_H
#define LAZYRT_TOOL_JSON_H

#include <jansson.h>

#include "tools/lazyrt/tool.h"

/* {"schema": schema, "lazyrt": version} */
json_t *json_document(const char *schema);
/* A model that ran. */
json_t *json_of_model(const tool_model *model);
/* One that did not: its status and this thread's message. */
json_t *json_of_failure(const char *path, lazy_status status);
/* Strings that are not UTF-8 (file names can be anything) are shown with '?' for what is not. */
json_t *json_text(const char *text);
/* Prints and lets go of the document; false if it could not be made or written. */
bool json_print(json_t *document, FILE *stream);

#endif
