/* Status codes and messages. Conventions: see lazyrt.h. */
#ifndef LAZYRT_STATUS_H
#define LAZYRT_STATUS_H

#include <lazyrt/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Each code says which exception PyTorch raises in the same place, where it raises one. */
typedef enum lazy_status {
  LAZY_STATUS_OK = 0,
  LAZY_STATUS_INVALID_STATE = 1,  /* RuntimeError: the object's state forbids the call */
  LAZY_STATUS_INVALID_VALUE = 2,  /* ValueError: an argument's value */
  LAZY_STATUS_INVALID_TYPE = 3,   /* TypeError: an argument's kind, dtype or number */
  LAZY_STATUS_OUT_OF_RANGE = 4,   /* IndexError: a dimension or index that is not there */
  LAZY_STATUS_UNSUPPORTED = 5,    /* NotImplementedError: known, and not offered */
  LAZY_STATUS_ASSERTION = 6,      /* AssertionError: an invariant of a module was broken */
  LAZY_STATUS_SHAPE = 7,          /* RuntimeError of an operator: sizes do not fit */
  LAZY_STATUS_UNINITIALIZED = 8,  /* ValueError: the value of a parameter that has none yet */
  LAZY_STATUS_NOT_FOUND = 9,      /* KeyError, AttributeError: no such name */
  LAZY_STATUS_LOAD = 10,          /* RuntimeError of load_state_dict: every mismatch in one message */
  LAZY_STATUS_CHECKPOINT = 11,    /* a checkpoint file that breaks its format */
  LAZY_STATUS_PARSE = 12,         /* text that is not a model; the message has line and column */
  LAZY_STATUS_IO = 13,            /* the operating system refused: open, read, write, sync, rename */
  LAZY_STATUS_OUT_OF_MEMORY = 14, /* host or device memory */
  LAZY_STATUS_NO_DEVICE = 15,     /* no such device, or its driver cannot be used */
  LAZY_STATUS_DEVICE = 16,        /* the driver refused a call */
  LAZY_STATUS_DEVICE_LOST = 17,   /* an asynchronous fault; sticky, objects stay destroyable */
  LAZY_STATUS_STALE = 18,         /* a handle of an earlier run */
  LAZY_STATUS_BUSY = 19,          /* the module is in the middle of a first forward */
  LAZY_STATUS_NO_DATA = 20,       /* a dry run was asked for a value */
  LAZY_STATUS_LIMIT = 21,         /* larger than a stated limit, or an overflow of sizes */
} lazy_status;
#define LAZY_STATUS_COUNT 22

/* "OK", "INVALID_VALUE", ...; static storage. */
LAZY_API const char *lazy_status_name(lazy_status status);

/* The message of this thread's last failed call: module path, parameter, found, wanted. Valid until the
   next failing call on this thread; "" if none failed yet. Successful calls leave it alone. */
LAZY_API const char *lazy_status_message(void);

/* Fails from user code (a hook, a class's infer): stores the formatted message, returns `status`. */
LAZY_API lazy_status lazy_status_fail(lazy_status status, const char *format, ...) LAZY_PRINTF(2, 3);

/* Puts "<formatted text>: " before this thread's message, returns `status`. For adding a path on the way up.
 */
LAZY_API lazy_status lazy_status_annotate(lazy_status status, const char *format, ...) LAZY_PRINTF(2, 3);

/* Returns from the enclosing function with the status of `expression` if that failed. */
#define LAZY_TRY(expression)                                         \
  do {                                                               \
    lazy_status lazy_try_status_ = (expression);                     \
    if (lazy_try_status_ != LAZY_STATUS_OK) return lazy_try_status_; \
  } while (0)

/* For programs, never for libraries: prints the message and exits with status 1 if `expression` failed.
   The including file needs <stdio.h> and <stdlib.h>. */
#define LAZY_OR_EXIT(expression)                                                                  \
  do {                                                                                            \
    lazy_status lazy_exit_status_ = (expression);                                                 \
    if (lazy_exit_status_ != LAZY_STATUS_OK) {                                                    \
      fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, lazy_status_name(lazy_exit_status_), \
              lazy_status_message());                                                             \
      exit(1);                                                                                    \
    }                                                                                             \
  } while (0)

#ifdef __cplusplus
}
#endif
#endif
