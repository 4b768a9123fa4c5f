/* Arrays: concrete tensors on the device. */
#ifndef LAZYRT_ARRAY_H
#define LAZYRT_ARRAY_H

#include <lazyrt/context.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lazy_array lazy_array;

#ifdef __cplusplus
}
#endif
#endif
