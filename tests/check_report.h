// The counts of a run by suite and column, for tests/report.sh.
#ifndef LAZYRT_TESTS_CHECK_REPORT_H
#define LAZYRT_TESTS_CHECK_REPORT_H

#include <gtest/gtest.h>

// Writes to the file that LAZYRT_TEST_REPORT names, if it does.
testing::TestEventListener *check_report_listener(bool appends, bool has_ptx);

#endif
