/* The one file that speaks NVTX. */
#include "runtime/trace/trace.h"

/* In the order of lazy_trace_range. Entries are grey; phases that a steady forward has are the cool ones. */
static const struct {
  const char *name;
  uint32_t category, color;
} ranges[LAZY_TRACE_RANGE_COUNT] = {
    [LAZY_TRACE_FORWARD] = {"lazy_graph_forward", LAZY_TRACE_CATEGORY_ENTRY, 0xff9aa0a6},
    [LAZY_TRACE_DRY_RUN] = {"lazy_graph_dry_run", LAZY_TRACE_CATEGORY_ENTRY, 0xff9aa0a6},
    [LAZY_TRACE_PLAN_ENTRY] = {"lazy_graph_plan", LAZY_TRACE_CATEGORY_ENTRY, 0xff9aa0a6},
    [LAZY_TRACE_PLAN_SETS] = {"lazy_graph_plan_sets", LAZY_TRACE_CATEGORY_ENTRY, 0xff9aa0a6},
    [LAZY_TRACE_RECORD] = {"record", LAZY_TRACE_CATEGORY_PHASE, 0xff4285f4},
    [LAZY_TRACE_INFER] = {"infer", LAZY_TRACE_CATEGORY_PHASE, 0xfffbbc04},
    [LAZY_TRACE_PLAN] = {"plan", LAZY_TRACE_CATEGORY_PHASE, 0xffff6d01},
    [LAZY_TRACE_INIT] = {"init", LAZY_TRACE_CATEGORY_PHASE, 0xffea4335},
    [LAZY_TRACE_COMMIT] = {"commit", LAZY_TRACE_CATEGORY_PHASE, 0xffa142f4},
    [LAZY_TRACE_ROLLBACK] = {"rollback", LAZY_TRACE_CATEGORY_PHASE, 0xff000000},
    [LAZY_TRACE_RUN] = {"run", LAZY_TRACE_CATEGORY_PHASE, 0xff34a853},
    [LAZY_TRACE_OPEN_BLAS] = {"open_blas", LAZY_TRACE_CATEGORY_PHASE, 0xff795548},
};

const char *lazy_trace_range_name(lazy_trace_range range) {
  return (unsigned)range < LAZY_TRACE_RANGE_COUNT ? ranges[range].name : "?";
}

#if LAZYI_TRACE_ENABLED

#include <nvtx3/nvToolsExt.h>
#include <pthread.h>
#include <stdio.h>

#define MODULE_COLOR 0xff24c1e0u
#define HOST_COLOR   0xff137333u
enum { NAME_BYTES = 320 };

atomic_int lazyi_trace_state;

/* Written once, before the state becomes ON. They live as long as the process: a tool may ask for them after
   everything of ours is gone. */
static nvtxDomainHandle_t domain;
static nvtxStringHandle_t names[LAZY_TRACE_RANGE_COUNT];

static void attach_once(void) {
  domain = nvtxDomainCreateA(LAZY_TRACE_DOMAIN);
  if (domain != NULL) {
    nvtxDomainNameCategoryA(domain, LAZY_TRACE_CATEGORY_ENTRY, "entry");
    nvtxDomainNameCategoryA(domain, LAZY_TRACE_CATEGORY_PHASE, "phase");
    nvtxDomainNameCategoryA(domain, LAZY_TRACE_CATEGORY_MODULE, "module");
    nvtxDomainNameCategoryA(domain, LAZY_TRACE_CATEGORY_HOST, "host");
    for (int i = 0; i < LAZY_TRACE_RANGE_COUNT; i++)
      names[i] = nvtxDomainRegisterStringA(domain, ranges[i].name);
  }
  atomic_store_explicit(&lazyi_trace_state, domain != NULL ? LAZYI_TRACE_ON : LAZYI_TRACE_OFF,
                        memory_order_release);
}

int lazyi_trace_attach(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  (void)pthread_once(&once, attach_once);
  return atomic_load_explicit(&lazyi_trace_state, memory_order_acquire);
}

static nvtxEventAttributes_t attributes_of(uint32_t category, uint32_t color) {
  return (nvtxEventAttributes_t){.version = NVTX_VERSION,
                                 .size = NVTX_EVENT_ATTRIB_STRUCT_SIZE,
                                 .category = category,
                                 .colorType = NVTX_COLOR_ARGB,
                                 .color = color};
}

void lazyi_trace_push(lazy_trace_range range) {
  nvtxEventAttributes_t attributes = attributes_of(ranges[range].category, ranges[range].color);
  /* a tool need not keep strings */
  attributes.messageType = names[range] != NULL ? NVTX_MESSAGE_TYPE_REGISTERED : NVTX_MESSAGE_TYPE_ASCII;
  if (names[range] != NULL) attributes.message.registered = names[range];
  else attributes.message.ascii = ranges[range].name;
  (void)nvtxDomainRangePushEx(domain, &attributes);
}

/* The tool copies the text before it returns. Paths are not registered: a tool keeps registered strings for
   good, and models come and go. */
static void push_text(uint32_t category, uint32_t color, const char *text) {
  nvtxEventAttributes_t attributes = attributes_of(category, color);
  attributes.messageType = NVTX_MESSAGE_TYPE_ASCII;
  attributes.message.ascii = text;
  (void)nvtxDomainRangePushEx(domain, &attributes);
}

void lazyi_trace_push_module(const char *path, const char *class_name) {
  char name[NAME_BYTES];
  if (path[0] == '\0') (void)snprintf(name, sizeof name, "%s", class_name);
  else (void)snprintf(name, sizeof name, "%s (%s)", path, class_name);
  push_text(LAZY_TRACE_CATEGORY_MODULE, MODULE_COLOR, name);
}

void lazyi_trace_push_host(const char *work) { push_text(LAZY_TRACE_CATEGORY_HOST, HOST_COLOR, work); }

void lazyi_trace_pop(void) { (void)nvtxDomainRangePop(domain); }

lazy_trace_state lazy_trace_get_state(void) {
  return lazyi_trace_is_on() ? LAZY_TRACE_ATTACHED : LAZY_TRACE_IDLE;
}

#else
lazy_trace_state lazy_trace_get_state(void) { return LAZY_TRACE_ABSENT; }
#endif
