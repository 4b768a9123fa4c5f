/* The built-in classes and ops, for the files of this folder and for readers of model text. */
#ifndef LAZYI_NN_NN_H
#define LAZYI_NN_NN_H

#include <lazyrt/nn.h>

#include "runtime/module/recorder.h"

/* The built-in class of that name ("LazyLinear"); NULL if there is none. */
const lazy_class *lazyi_nn_find(const char *name);
/* The index-th built-in class; NULL past the last. */
const lazy_class *lazyi_nn_at(size_t index);

/* Dtype rule of ops that compute: all operands of one floating dtype. */
LAZY_MUST_USE lazy_status lazyi_nn_float_dtype(const char *op, const char *const *names,
                                               const lazy_dtype *operands, int count, lazy_dtype *out_dtype);

/* One number for all of `count` dims, or a tuple with one for each, every one in [lowest, highest].
   INVALID_VALUE names the class, the option and what was found. */
LAZY_MUST_USE lazy_status lazyi_nn_spread(const lazy_module *self, const char *name, const lazy_ints *ints,
                                          int count, int64_t lowest, int64_t highest, int64_t *out);

/* Numbers among an op's attributes. */
static inline int64_t lazyi_nn_bits(double number) {
  union {
    double number;
    int64_t bits;
  } both = {.number = number};
  return both.bits;
}
static inline double lazyi_nn_number(int64_t bits) {
  union {
    double number;
    int64_t bits;
  } both = {.bits = bits};
  return both.number;
}

/* Elements of a shape that is known to be small enough (the shape rules see to that). */
static inline uint64_t lazyi_nn_count(const lazy_shape *shape) {
  uint64_t count = 1;
  for (int32_t i = 0; i < shape->rank; i++) count *= (uint64_t)shape->dims[i];
  return count;
}

#endif
