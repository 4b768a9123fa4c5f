/* A small NVTX tool: a library that an NVTX program loads because NVTX_INJECTION64_PATH names it. It writes
   down every range of the process, for tests and for bench/profile.c, which find its reader with dlopen(path,
   RTLD_NOLOAD) and dlsym. */
#ifndef LAZYRT_TESTS_NVTX_INJECTION_H
#define LAZYRT_TESTS_NVTX_INJECTION_H

#include <stddef.h>
#include <stdint.h>

enum nvtx_event_kind { NVTX_EVENT_PUSH = 1, NVTX_EVENT_POP };

typedef struct nvtx_event {
  uint64_t ns;    /* CLOCK_MONOTONIC */
  int32_t kind;   /* enum nvtx_event_kind */
  int32_t thread; /* 0, 1, ... in the order of their first event */
  int32_t depth;  /* of ranges of this domain that are open on the thread, before the event; 0 at a pop is a
                     pop of nothing */
  uint32_t category, color;
  char domain[16];    /* "" for the default domain */
  char name[344];     /* of a push */
  char is_registered; /* whether the name came as a registered string */
} nvtx_event;

/* The reader, one symbol of the library: nvtx_injection_reader. */
typedef struct nvtx_reader {
  /* Events since the reset; the first `capacity` of them are kept. Not to be called while others push. */
  size_t (*count)(void);
  size_t capacity;
  const nvtx_event *(*at)(size_t index);
  void (*reset)(void);
  /* The name of a category of a domain; "" if it got none. */
  const char *(*category_name)(const char *domain, uint32_t category);
} nvtx_reader;
#define NVTX_READER_SYMBOL "nvtx_injection_reader"

#endif
