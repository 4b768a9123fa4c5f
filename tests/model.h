/* Small models for tests of graphs: builders, a user-defined lazy class, float64 references. */
#ifndef LAZYRT_TESTS_MODEL_H
#define LAZYRT_TESTS_MODEL_H

#include <lazyrt/lazyrt.h>

#include "tests/check.h"

/* A context on `device` with a seed of its own. */
lazy_context *model_context(check_env *env, const char *device);
/* A container with `count` LazyLinear(features) in a row, named "0", "1", ...; with a user-defined LazyScale
   after each `scale_every`-th of them (0: none). */
lazy_module *model_chain(lazy_context *context, int count, int64_t features, int scale_every);
lazy_module *model_lazy_linear(lazy_context *context, int64_t out_features, bool bias, lazy_dtype dtype);
lazy_module *model_of(lazy_context *context, const lazy_class *type);
/* Adds and gives away; fails the test if it cannot. */
void model_add(lazy_module *parent, const char *name, lazy_module *child);

/* y = x * weight, weight of the input's last size, drawn from [0.5, 1.5]: the example of a user's lazy class.
 */
extern const lazy_class model_scale, model_lazy_scale;

/* An array of random values in [-1, 1), exact in every floating dtype; `out_values` (may be NULL) gets them
   as doubles, to be freed by the caller. */
lazy_array *model_random_array(check_env *env, lazy_context *context, lazy_dtype dtype, lazy_shape shape,
                               double **out_values);
/* Values as doubles, to be freed by the caller. */
double *model_read_array(lazy_array *array);
double *model_read_param(lazy_module *module, const char *path);
double *model_read_output(lazy_graph *graph, lazy_tensor output, lazy_shape *out_shape);
/* Between numbers of a dtype. */
void model_encode(lazy_dtype dtype, const double *values, size_t count, void *out_data);
void model_decode(lazy_dtype dtype, const void *data, size_t count, double *out_values);

/* rows x in times (out x in)^T plus bias (may be NULL), in float64. To be freed. */
double *model_linear(const double *x, int64_t rows, int64_t in, const double *weight, int64_t out,
                     const double *bias);
/* |a - b| <= absolute + relative |b| for all; fails the test at the first that is not. */
bool model_near(const double *found, const double *wanted, size_t count, double relative, double absolute);
/* What a sum of `terms` products of a dtype may be off by. */
double model_tolerance(lazy_dtype dtype, int64_t terms);

/* The printed tree and, for every parameter below, state, shape and values if it has any: equal for equal
 * states. */
char *model_snapshot(lazy_module *module);

#endif
