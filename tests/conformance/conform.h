/* What the conformance tests share. They write models as text, by PyTorch's class names, so that a row waits
   for a class that is not there (and says so) and runs by itself from the day it is. */
#ifndef LAZYRT_TESTS_CONFORMANCE_CONFORM_H
#define LAZYRT_TESTS_CONFORMANCE_CONFORM_H

#include "runtime/nn/nn.h"
#include "tests/model.h"

/* Ends the test as skipped while the built-in class is not there. */
#define NEEDS_CLASS(name) \
  if (lazyi_nn_find(name) == NULL) SKIP("waits for the class " name)

/* The mixin and nothing else: any arguments, its first one is its result. */
extern const lazy_class conform_bare;

/* The model of a formatted text; fails the test, and yields NULL, if it is none. */
lazy_module *conform_make(lazy_context *context, const char *format, ...) LAZY_PRINTF(2, 3);
/* An array of ones. */
lazy_array *conform_ones(lazy_context *context, lazy_shape shape);
/* A parameter or buffer, unshaped or (shape not NULL) of ones, put into the module under `name`. */
void conform_put(lazy_module *module, const char *name, bool is_buffer, const lazy_shape *shape);

/* Runs a graph of the module's own, once, and checks it came through; the outputs to be freed (NULL on
   failure). `name` NULL: by position. */
double *conform_run(lazy_module *module, const char *name, lazy_array *input, lazy_shape *out_shape);
/* Exactly the same numbers. */
bool conform_same(const double *found, lazy_shape found_shape, const double *wanted, lazy_shape wanted_shape);
/* Both modules have the parameters and buffers of the same names, dtypes, shapes and bytes. */
void conform_same_params(lazy_module *found, lazy_module *wanted);
/* The parameter is there and unshaped. */
bool conform_is_lazy(lazy_module *module, const char *name);
/* The parameter is there, real, and has these sizes. */
#define EXPECT_SIZES(module, name, ...) conform_has_sizes(module, name, LAZY_DIMS(__VA_ARGS__))
bool conform_has_sizes(lazy_module *module, const char *name, lazy_shape wanted);
/* Is of the class now, and not lazy. */
bool conform_is(lazy_module *module, const char *class_name);
/* An INT option of the module. */
int64_t conform_option(lazy_module *module, const char *name);
/* Saves the module whole and makes it again from the file, which then takes its place. */
bool conform_round_trip(check_env *env, lazy_module **module);
/* load_state_dict(from.state_dict()). */
lazy_status conform_load(lazy_module *into, lazy_module *from);

#endif
