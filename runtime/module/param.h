/* Inside of lazy_param. */
#ifndef LAZYI_MODULE_PARAM_H
#define LAZYI_MODULE_PARAM_H

#include <lazyrt/param.h>
#include <stdatomic.h>

/* Device memory that one materialisation took for all its parameters; freed with the last of them. */
typedef struct lazyi_extent lazyi_extent;

struct lazy_param {
  atomic_uint references;
  lazy_context *context; /* held */
  lazy_shape shape;      /* meaningless while unshaped */
  lazy_init init;        /* FAN_IN_UNIFORM and KAIMING_UNIFORM become bounds once the fan is known */
  lazyi_extent *extent;  /* NULL until real */
  uint64_t address;      /* of the first element; 0 until real */
  uint64_t path_hash;    /* of the first path it was materialised or queued under; 0 = not yet */
  uint32_t generation;   /* bumped when dtype, address or values are replaced under a plan's feet */
  uint8_t state;         /* lazy_param_state */
  uint8_t dtype;
  bool is_buffer, not_persistent, requires_grad;
  bool pending;  /* shaped by a recording that has not committed */
  bool queued;   /* in the context's queue of parameters waiting for their draw */
};

/* "fc1.weight"-like words for messages come from the module; a parameter alone knows only its kind. */
const char *lazyi_param_kind(const lazy_param *param); /* "parameter" or "buffer" */

/* Memory for `count` parameters at once, at base + offsets[i]. Each is to call attach, which shares the extent. */
LAZY_MUST_USE lazy_status lazyi_extent_create(lazy_context *context, size_t bytes, lazyi_extent **out_extent,
                                              uint64_t *out_base);
void lazyi_extent_retain(lazyi_extent *extent);
void lazyi_extent_release(lazyi_extent *extent);
/* Makes a shaped parameter real at `address`; cannot fail. */
void lazyi_param_attach(lazy_param *param, lazyi_extent *extent, uint64_t address);

/* Resolves an init that needs a fan into plain bounds (double, PyTorch's order of operations), given the fan's shape. */
void lazyi_param_resolve_init(lazy_param *param, const lazy_shape *fan_shape);

#endif
