/* Arguments and results of a call: values, positional and by keyword. */
#ifndef LAZYRT_VALUE_H
#define LAZYRT_VALUE_H

#include <lazyrt/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct lazy_array;

/* A tensor of a recording or of a run's outputs: a handle by value. {0, 0} is poisoned: what a failed
   recording call returns, and what every later call passes on. */
typedef struct lazy_tensor {
  uint32_t index, recording;
} lazy_tensor;

typedef enum lazy_value_kind {
  LAZY_VALUE_NONE = 0,
  LAZY_VALUE_BOOL = 1,
  LAZY_VALUE_INT = 2,
  LAZY_VALUE_FLOAT = 3,
  LAZY_VALUE_TUPLE = 4,
  LAZY_VALUE_TENSOR = 5, /* while recording, and in outputs */
  LAZY_VALUE_ARRAY = 6,  /* given to a graph: data on the device */
  LAZY_VALUE_SPEC = 7,   /* given to a dry run or plan: dtype and shape without data */
} lazy_value_kind;

typedef struct lazy_spec {
  lazy_dtype dtype; /* DEFAULT = the context's default dtype */
  lazy_shape shape;
} lazy_spec;

typedef struct lazy_value {
  lazy_value_kind kind;
  union {
    bool boolean;
    int64_t integer;
    double number;
    lazy_tensor tensor;
    struct lazy_array *array; /* borrowed */
    const lazy_spec *spec;    /* borrowed */
    struct {
      const struct lazy_value *at; /* borrowed; copied by the recorder where it has to outlive the call */
      size_t count;
    } tuple;
  } as;
} lazy_value;

typedef struct lazy_keyword {
  const char *name; /* borrowed */
  lazy_value value;
} lazy_keyword;

/* Positional arguments first, then keywords; a class declares its argument names, and keywords bind to them.
 */
typedef struct lazy_args {
  const lazy_value *at;
  size_t count;
  const lazy_keyword *keywords;
  size_t keyword_count;
} lazy_args;

static inline lazy_value lazy_value_none(void) {
  lazy_value value = {LAZY_VALUE_NONE, {0}};
  return value;
}
static inline lazy_value lazy_value_bool(bool boolean) {
  lazy_value value = {LAZY_VALUE_BOOL, {0}};
  value.as.boolean = boolean;
  return value;
}
static inline lazy_value lazy_value_int(int64_t integer) {
  lazy_value value = {LAZY_VALUE_INT, {0}};
  value.as.integer = integer;
  return value;
}
static inline lazy_value lazy_value_float(double number) {
  lazy_value value = {LAZY_VALUE_FLOAT, {0}};
  value.as.number = number;
  return value;
}
static inline lazy_value lazy_value_tensor(lazy_tensor tensor) {
  lazy_value value = {LAZY_VALUE_TENSOR, {0}};
  value.as.tensor = tensor;
  return value;
}
static inline lazy_value lazy_value_array(struct lazy_array *array) {
  lazy_value value = {LAZY_VALUE_ARRAY, {0}};
  value.as.array = array;
  return value;
}
static inline lazy_value lazy_value_spec(const lazy_spec *spec) {
  lazy_value value = {LAZY_VALUE_SPEC, {0}};
  value.as.spec = spec;
  return value;
}
static inline lazy_value lazy_value_tuple(const lazy_value *at, size_t count) {
  lazy_value value = {LAZY_VALUE_TUPLE, {0}};
  value.as.tuple.at = at;
  value.as.tuple.count = count;
  return value;
}
static inline bool lazy_tensor_is_poisoned(lazy_tensor tensor) { return tensor.recording == 0; }

/* C only: literals that live until the end of the enclosing block.
     lazy_module_dry_run(model, LAZY_ARGS(LAZY_INPUT(10, 10)), NULL);
     lazy_graph_forward(graph, LAZY_ARGS(lazy_value_array(x), lazy_value_array(target)), &outputs); */
#ifndef __cplusplus
#define LAZY_COUNT_OF_(type, ...) (sizeof((const type[]){__VA_ARGS__}) / sizeof(type))
/* Positional arguments only. */
#define LAZY_ARGS(...) \
  (&(const lazy_args){(const lazy_value[]){__VA_ARGS__}, LAZY_COUNT_OF_(lazy_value, __VA_ARGS__), NULL, 0})
/* A shape of rank 1 or more: LAZY_DIMS(3, 4). */
#define LAZY_DIMS(...) ((lazy_shape){(int32_t)LAZY_COUNT_OF_(int64_t, __VA_ARGS__), {__VA_ARGS__}})
/* An input known by dtype and sizes alone. */
#define LAZY_INPUT_OF(dtype_, ...) lazy_value_spec(&(const lazy_spec){(dtype_), LAZY_DIMS(__VA_ARGS__)})
#define LAZY_INPUT(...)            LAZY_INPUT_OF(LAZY_DTYPE_DEFAULT, __VA_ARGS__)
#endif

#ifdef __cplusplus
}
#endif
#endif
