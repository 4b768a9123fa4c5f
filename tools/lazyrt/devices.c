#include <string.h>

#include "tools/lazyrt/json.h"
#include "tools/lazyrt/table.h"

/* One row; false if the device is not there, with the reason in the thread's message. */
static lazy_status describe(const char *spelling, table *t, json_t *list) {
  lazy_context *context;
  LAZY_TRY(lazy_context_open(spelling, NULL, &context));
  const char *name = lazy_context_device_name(context), *open = strstr(name, " (");
  /* "host (AMD EPYC, 2 workers)": what stands in the first column is not said again. */
  char inner[128];
  if (open != NULL && name[strlen(name) - 1] == ')') {
    snprintf(inner, sizeof inner, "%.*s", (int)strlen(open) - 3, open + 2);
    name = inner;
  }
  table_add(t, (const char *const[]){spelling, name});
  json_t *device = json_object();
  json_object_set_new(device, "device", json_text(spelling));
  json_object_set_new(device, "name", json_text(name));
  json_array_append_new(list, device);
  lazy_context_close(context);
  return LAZY_STATUS_OK;
}

enum tool_exit tool_devices(const tool_options *options) {
  static const char *const headings[] = {"Device", "Name"};
  if (options->model_count != 0) {
    fputs("lazyrt: devices takes no model\n", stderr);
    return TOOL_USAGE;
  }
  table t = table_make(2, headings, "ll");
  json_t *list = json_array();
  enum tool_exit code = describe("host", &t, list) == LAZY_STATUS_OK ? TOOL_OK : TOOL_DEVICE;
  if (code != TOOL_OK) fprintf(stderr, "lazyrt: host: %s\n", lazy_status_message());
  lazy_status status = LAZY_STATUS_OK;
  for (int i = 0; i < 64 && status == LAZY_STATUS_OK; i++) {
    char spelling[16];
    snprintf(spelling, sizeof spelling, "cuda:%d", i);
    status = describe(spelling, &t, list);
    if (status != LAZY_STATUS_OK && i == 0 && !options->quiet) {
      fflush(stdout);
      fprintf(stderr, "lazyrt: no CUDA device: %s\n", lazy_status_message());
    }
  }
  if (!options->json) {
    json_decref(list);
    return table_print(&t, stdout) ? code : TOOL_IO;
  }
  table_free(&t);
  json_t *document = json_document("lazyrt.devices/1");
  json_object_set_new(document, "devices", list);
  return json_print(document, stdout) ? code : TOOL_IO;
}
