/* Parameters and buffers: unshaped -> shaped -> real. Conventions: see lazyrt.h. */
#ifndef LAZYRT_PARAM_H
#define LAZYRT_PARAM_H

#include <lazyrt/array.h>
#include <lazyrt/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Shared by retain and release: modules that are tied, state dicts and optimizers hold the same object, and
   its identity survives materialisation (PyTorch: UninitializedParameter keeps its id). */
typedef struct lazy_param lazy_param;

typedef enum lazy_param_state {
  LAZY_PARAM_STATE_UNSHAPED = 0, /* PyTorch's UninitializedParameter or UninitializedBuffer */
  LAZY_PARAM_STATE_SHAPED = 1,   /* sizes known, no memory yet; the first use or read of a value draws it */
  LAZY_PARAM_STATE_REAL = 2,     /* memory and values; never moves */
} lazy_param_state;

typedef struct lazy_param_options {
  size_t struct_size;
  lazy_dtype dtype;        /* DEFAULT = the context's, at construction */
  bool is_buffer;          /* no gradient, listed among the buffers */
  bool not_persistent;     /* a buffer left out of state dicts */
  bool frozen;             /* requires_grad=False */
  const lazy_shape *shape; /* NULL = unshaped */
  lazy_init init;          /* EMPTY unless given */
} lazy_param_options;

LAZY_CHECKED lazy_status lazy_param_create(lazy_context *context, const lazy_param_options *options,
                                           lazy_param **out_param);
LAZY_API lazy_param *lazy_param_retain(lazy_param *param);
LAZY_API void lazy_param_release(lazy_param *param);

/* Always allowed. */
LAZY_API lazy_param_state lazy_param_get_state(const lazy_param *param);
LAZY_API lazy_dtype lazy_param_dtype(const lazy_param *param);
LAZY_API bool lazy_param_is_buffer(const lazy_param *param);
LAZY_API bool lazy_param_is_persistent(const lazy_param *param);
LAZY_API bool lazy_param_requires_grad(const lazy_param *param);
LAZY_CHECKED lazy_status lazy_param_set_requires_grad(lazy_param *param, bool requires_grad);

/* Unshaped: INVALID_STATE ("shape of an uninitialized ..."), as PyTorch's `.shape`. */
LAZY_CHECKED lazy_status lazy_param_shape(const lazy_param *param, lazy_shape *out_shape);
/* The values, as a retained array on the parameter's own memory. Shaped: draws them first (torch streams:
   with everything queued before). Unshaped: UNINITIALIZED ("uninitialized parameter"), as PyTorch. */
LAZY_CHECKED lazy_status lazy_param_array(lazy_param *param, lazy_array **out_array);
/* Gives an unshaped parameter sizes and uninitialised memory; identity stays. dtype DEFAULT = its own. A
   second call is INVALID_STATE; a negative size INVALID_VALUE; an integer dtype on a parameter INVALID_STATE.
 */
LAZY_CHECKED lazy_status lazy_param_materialize(lazy_param *param, const lazy_shape *shape, lazy_dtype dtype);

#ifdef __cplusplus
}
#endif
#endif
