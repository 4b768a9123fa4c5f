/* Reports: lists of findings, one per parameter or key. */
#ifndef LAZYRT_REPORT_H
#define LAZYRT_REPORT_H

#include <lazyrt/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum lazy_finding {
  LAZY_FINDING_LAZY = 1,       /* still unshaped; `detail` says what input would settle it */
  LAZY_FINDING_MISSING = 2,    /* in the module, not in the checkpoint */
  LAZY_FINDING_UNEXPECTED = 3, /* in the checkpoint, not in the module */
  LAZY_FINDING_LOADED = 4,
  LAZY_FINDING_TIED = 5,
  LAZY_FINDING_MISMATCH = 6,
} lazy_finding;

typedef struct lazy_report lazy_report;
LAZY_API size_t lazy_report_count(const lazy_report *report);
LAZY_API lazy_finding lazy_report_finding(const lazy_report *report, size_t index);
LAZY_API const char *lazy_report_path(const lazy_report *report, size_t index);
LAZY_API const char *lazy_report_detail(const lazy_report *report, size_t index);
LAZY_API void lazy_report_release(lazy_report *report);

#ifdef __cplusplus
}
#endif
#endif
