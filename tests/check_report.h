/* The counts of a run by suite and column, for tests/report.sh. */
#ifndef LAZYRT_TESTS_CHECK_REPORT_H
#define LAZYRT_TESTS_CHECK_REPORT_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Before the tests run: they will be written to the file that LAZYRT_TEST_REPORT names, if it does. */
void check_report_begin(bool appends, bool has_ptx);

#ifdef __cplusplus
}
#endif
#endif
