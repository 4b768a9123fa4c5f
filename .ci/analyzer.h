/* Included before every file that clang-tidy reads: tells its analyzer, which sees one file at a time, that
   these return the status they are given. */
#include <lazyrt/status.h>
#define lazy_status_fail(status, ...)     ((void)(lazy_status_fail)(status, __VA_ARGS__), (status))
#define lazy_status_annotate(status, ...) ((void)(lazy_status_annotate)(status, __VA_ARGS__), (status))
