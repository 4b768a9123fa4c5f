/* What tests of norms share: parameters of known values, comparison within a derived room, refusals that
   change nothing. */
#ifndef LAZYRT_TESTS_NORM_CHECK_H
#define LAZYRT_TESTS_NORM_CHECK_H

#include "tests/model.h"

void norm_write_param(lazy_module *module, const char *name, const double *values);
/* Registered, and not as none. */
bool norm_has_param(lazy_module *module, const char *name);
/* Writes values with few bits from [low, low + 2) and returns them, to be freed. */
double *norm_randomize(check_env *env, lazy_module *module, const char *name, int64_t count, double low);
/* |found - wanted| <= room[i] (NULL: none) + even_room; fails the test at the first that is not. */
void norm_check_values(const char *what, const double *found, const double *wanted, const double *room,
                       double even_room, int64_t count);
/* The relative error of one rounding to the dtype. */
double norm_rounding(lazy_dtype dtype);
/* A dry run fails so, and leaves the module as it was. */
void norm_check_refused(lazy_module *module, lazy_dtype dtype, lazy_shape shape, lazy_status status,
                        const char *fragment);
/* What a text is printed as once it was read. */
void norm_check_text(lazy_context *context, const char *text, const char *wanted);

#endif
