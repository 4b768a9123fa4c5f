/* Inside of lazy_report. */
#ifndef LAZYI_MODULE_FINDINGS_H
#define LAZYI_MODULE_FINDINGS_H

#include <lazyrt/report.h>

#include "runtime/base/vector.h"

typedef struct lazyi_report_item {
  lazy_finding finding;
  char *path, *detail; /* owned */
} lazyi_report_item;

struct lazy_report {
  LAZYI_VECTOR(lazyi_report_item) items;
};

LAZY_MUST_USE lazy_status lazyi_report_create(lazy_report **out_report);
/* Copies both texts. */
LAZY_MUST_USE lazy_status lazyi_report_add(lazy_report *report, lazy_finding finding, const char *path,
                                           const char *detail);
/* Takes the first such finding out; false if there is none. */
bool lazyi_report_remove(lazy_report *report, lazy_finding finding, const char *path);
size_t lazyi_report_tally(const lazy_report *report, lazy_finding finding);

#endif
