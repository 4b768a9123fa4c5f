/* Any bytes at all as model text: up to the document, and what is one, up to modules and back to text. */
#include <lazyrt/lazyrt.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/io/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

/* A model's text is read again as the same text. */
static void round_trip(lazy_context *context, const char *text) {
  lazy_module *module, *again;
  char *printed, *printed_again;
  if (lazy_module_parse(context, text, &module) != LAZY_STATUS_OK) return;
  if (lazy_module_to_string(module, &printed) != LAZY_STATUS_OK) abort();
  if (lazy_module_parse(context, printed, &again) != LAZY_STATUS_OK) abort();
  if (lazy_module_to_string(again, &printed_again) != LAZY_STATUS_OK || strcmp(printed, printed_again) != 0)
    abort();
  lazy_string_free(printed);
  lazy_string_free(printed_again);
  lazy_module_release(module);
  lazy_module_release(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  static lazy_context *context;
  lazyi_text_source source = {"text", (const char *)bytes, count};
  lazyi_text_document document = {0};
  if (lazyi_text_read(&source, &document) != LAZY_STATUS_OK) return 0;
  uint64_t modules = 0;
  for (size_t i = 0; i < document.nodes.count; i++) modules += document.nodes.at[i].repeats;
  lazyi_text_document_deinit(&document);
  if (modules > 100 || memchr(bytes, 0, count) != NULL) return 0;
  if (context == NULL && lazy_context_open("host", NULL, &context) != LAZY_STATUS_OK) abort();
  char *text = malloc(count + 1);
  memcpy(text, bytes, count);
  text[count] = '\0';
  round_trip(context, text);
  free(text);
  return 0;
}
