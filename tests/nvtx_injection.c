#include "tests/nvtx_injection.h"

#include <nvtx3/nvToolsExt.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { EVENTS = 1 << 16, DOMAINS = 8, CATEGORIES = 8, STRINGS = 256, NAME_BYTES = 344 };

struct nvtxDomainRegistration_st {
  char name[16];
  char categories[CATEGORIES][16];
};
struct nvtxStringRegistration_st {
  char text[NAME_BYTES];
};

/* One lock over everything: the tool is for looking, not for speed. Nothing is allocated. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static nvtx_event events[EVENTS];
static size_t event_count;
static struct nvtxDomainRegistration_st domains[DOMAINS] = {{.name = ""}}; /* the first is the default one */
static size_t domain_count = 1;
static struct nvtxStringRegistration_st strings[STRINGS];
static size_t string_count;
static int32_t thread_count;

static _Thread_local int32_t thread_number = -1;
static _Thread_local int32_t depths[DOMAINS];

static nvtxDomainHandle_t or_default(nvtxDomainHandle_t domain) { return domain != NULL ? domain : domains; }

static void name_event(nvtx_event *event, const nvtxEventAttributes_t *attributes) {
  if (attributes->version > NVTX_VERSION || attributes->size < NVTX_EVENT_ATTRIB_STRUCT_SIZE) {
    snprintf(event->name, sizeof event->name, "(attributes of another version)");
    return;
  }
  event->category = attributes->category;
  event->color = attributes->colorType == NVTX_COLOR_ARGB ? attributes->color : 0;
  event->is_registered = attributes->messageType == NVTX_MESSAGE_TYPE_REGISTERED;
  const char *text = event->is_registered ? attributes->message.registered->text
                     : attributes->messageType == NVTX_MESSAGE_TYPE_ASCII ? attributes->message.ascii
                                                                          : "(no text)";
  snprintf(event->name, sizeof event->name, "%s", text);
}

static int note(nvtxDomainHandle_t domain, int32_t kind, const nvtxEventAttributes_t *attributes) {
  struct timespec now;
  domain = or_default(domain);
  int32_t *depth = depths + (domain - domains);
  clock_gettime(CLOCK_MONOTONIC, &now);
  pthread_mutex_lock(&lock);
  if (thread_number < 0) thread_number = thread_count++;
  if (event_count < EVENTS) {
    nvtx_event *event = events + event_count;
    *event = (nvtx_event){.ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec,
                          .kind = kind,
                          .thread = thread_number,
                          .depth = *depth};
    memcpy(event->domain, domain->name, sizeof event->domain);
    if (attributes != NULL) name_event(event, attributes);
  }
  event_count++;
  pthread_mutex_unlock(&lock);
  int before = *depth;
  if (kind == NVTX_EVENT_PUSH) ++*depth;
  else if (*depth > 0) --*depth;
  return before;
}

/* ---- what NVTX calls ---- */

static int domain_push(nvtxDomainHandle_t domain, const nvtxEventAttributes_t *attributes) {
  return note(domain, NVTX_EVENT_PUSH, attributes);
}
static int domain_pop(nvtxDomainHandle_t domain) { return note(domain, NVTX_EVENT_POP, NULL) - 1; }

static int push(const char *text) {
  const nvtxEventAttributes_t attributes = {.version = NVTX_VERSION,
                                            .size = NVTX_EVENT_ATTRIB_STRUCT_SIZE,
                                            .messageType = NVTX_MESSAGE_TYPE_ASCII,
                                            .message = {.ascii = text}};
  return note(NULL, NVTX_EVENT_PUSH, &attributes);
}
static int pop(void) { return domain_pop(NULL); }

static nvtxDomainHandle_t domain_create(const char *name) {
  pthread_mutex_lock(&lock);
  size_t i = 1;
  while (i < domain_count && strcmp(domains[i].name, name) != 0) i++;
  nvtxDomainHandle_t domain = i < DOMAINS ? domains + i : NULL;
  if (domain != NULL && i == domain_count) {
    snprintf(domain->name, sizeof domain->name, "%s", name);
    domain_count++;
  }
  pthread_mutex_unlock(&lock);
  return domain;
}

static void name_category(nvtxDomainHandle_t domain, uint32_t category, const char *name) {
  if (category >= CATEGORIES) return;
  pthread_mutex_lock(&lock);
  snprintf(or_default(domain)->categories[category], sizeof domain->categories[category], "%s", name);
  pthread_mutex_unlock(&lock);
}

static nvtxStringHandle_t register_string(nvtxDomainHandle_t domain, const char *text) {
  (void)domain;
  pthread_mutex_lock(&lock);
  nvtxStringHandle_t string = string_count < STRINGS ? strings + string_count++ : NULL;
  if (string != NULL) snprintf(string->text, sizeof string->text, "%s", text);
  pthread_mutex_unlock(&lock);
  return string;
}

/* ---- the reader ---- */

static size_t read_count(void) {
  pthread_mutex_lock(&lock);
  size_t count = event_count;
  pthread_mutex_unlock(&lock);
  return count;
}
static const nvtx_event *read_at(size_t index) {
  return index < read_count() && index < EVENTS ? events + index : NULL;
}
static void reset(void) {
  pthread_mutex_lock(&lock);
  event_count = 0;
  pthread_mutex_unlock(&lock);
}
static const char *category_name(const char *domain, uint32_t category) {
  for (size_t i = 0; i < domain_count && category < CATEGORIES; i++)
    if (strcmp(domains[i].name, domain) == 0) return domains[i].categories[category];
  return "";
}

__attribute__((visibility("default"))) extern const nvtx_reader nvtx_injection_reader;
const nvtx_reader nvtx_injection_reader = {read_count, EVENTS, read_at, reset, category_name};

/* ---- attaching ---- */

#define PUT(table, slot, function) *(table)[slot] = (NvtxFunctionPointer)(function)

__attribute__((visibility("default"))) int InitializeInjectionNvtx2(NvtxGetExportTableFunc_t get_table);
int InitializeInjectionNvtx2(NvtxGetExportTableFunc_t get_table) {
  const NvtxExportTableCallbacks *callbacks = get_table(NVTX_ETID_CALLBACKS);
  NvtxFunctionTable core = NULL, core2 = NULL;
  unsigned size = 0, size2 = 0;
  if (callbacks == NULL || !callbacks->GetModuleFunctionTable(NVTX_CB_MODULE_CORE, &core, &size) ||
      !callbacks->GetModuleFunctionTable(NVTX_CB_MODULE_CORE2, &core2, &size2) ||
      size <= NVTX_CBID_CORE_RangePop || size2 <= NVTX_CBID_CORE2_DomainCreateA)
    return 0;
  PUT(core, NVTX_CBID_CORE_RangePushA, push);
  PUT(core, NVTX_CBID_CORE_RangePop, pop);
  PUT(core2, NVTX_CBID_CORE2_DomainRangePushEx, domain_push);
  PUT(core2, NVTX_CBID_CORE2_DomainRangePop, domain_pop);
  PUT(core2, NVTX_CBID_CORE2_DomainNameCategoryA, name_category);
  PUT(core2, NVTX_CBID_CORE2_DomainRegisterStringA, register_string);
  PUT(core2, NVTX_CBID_CORE2_DomainCreateA, domain_create);
  return 1;
}
