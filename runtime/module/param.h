/* Inside of lazy_param. */
#ifndef LAZYI_MODULE_PARAM_H
#define LAZYI_MODULE_PARAM_H

#include <lazyrt/param.h>
#include <stdatomic.h>

struct lazy_module;
struct lazyi_journal;

/* Device memory that one materialisation took for all its parameters; freed with the last of them. */
typedef struct lazyi_extent lazyi_extent;

struct lazy_param {
  atomic_uint references;
  lazy_context *context;     /* held */
  lazy_shape shape;          /* meaningless while unshaped */
  lazy_init init;            /* FAN_IN_UNIFORM and KAIMING_UNIFORM become bounds once the fan is known */
  lazyi_extent *extent;      /* held; NULL until real */
  uint64_t address;          /* of the first element; 0 until real, and where there are no elements */
  uint64_t path_hash;        /* of the first path it was materialised or queued under; 0 = not yet */
  uint64_t ticket;           /* place in the context's queue (queue.h); 0 = never queued */
  struct lazy_module *owner; /* the first module that registered it, not held; NULL once that is gone */
  const char *owner_name;    /* under which */
  uint32_t generation;       /* bumped when dtype, address or values are replaced under a plan's feet */
  uint32_t mark;             /* scratch of walks over a tree (load, convert); 0 between them */
  /* lazy_param_state. REAL is stored last and may be believed without the first-forward lock: place, shape
     and dtype are there. Any other state may be that of a first forward under way, and is read under the
     lock. */
  _Atomic uint8_t state;
  uint8_t dtype;
  bool is_buffer, not_persistent, requires_grad;
  bool pending; /* changed under a journal that is not empty yet */
  bool queued;  /* waits in the context's queue for its draw */
};

/* "fc1.weight"-like words for messages come from the module; a parameter alone knows only its kind. */
const char *lazyi_param_kind(const lazy_param *param); /* "parameter" or "buffer" */

/* A parameter as a class's construction makes it: unshaped, not queued. `init` is copied. */
LAZY_MUST_USE lazy_status lazyi_param_create(lazy_context *context, lazy_dtype dtype, bool is_buffer,
                                             const lazy_init *init, lazy_param **out_param);

/* An unshaped parameter gets its sizes, through the journal. A shaped or real one is compared: SHAPE with
   found and wanted, INVALID_VALUE for what is no shape. `name` is for the message. */
LAZY_MUST_USE lazy_status lazyi_param_unify(struct lazyi_journal *journal, lazy_param *param,
                                            const char *name, const lazy_shape *shape);

/* Key of its values in the keyed stream; set at the first call and kept. Call it under a journal that has
   saved the parameter, or outside of any first forward. */
uint64_t lazyi_param_path_hash(lazy_param *param, const struct lazy_module *module, const char *name);

/* The shape of a shaped or real parameter, from any thread; false while it is unshaped. */
bool lazyi_param_known_shape(const lazy_param *param, lazy_shape *out_shape);

/* "[2, 3]", "[]"; returns `buffer`. */
enum { LAZYI_SHAPE_TEXT_BYTES = 192 };
const char *lazyi_shape_text(const lazy_shape *shape, char *buffer, size_t bytes);
bool lazyi_shape_equal(const lazy_shape *a, const lazy_shape *b);

/* Memory for `count` parameters at once, at base + offsets[i]. Each is to call attach, which shares the
 * extent. */
LAZY_MUST_USE lazy_status lazyi_extent_create(lazy_context *context, size_t bytes, lazyi_extent **out_extent,
                                              uint64_t *out_base);
void lazyi_extent_retain(lazyi_extent *extent);
void lazyi_extent_release(lazyi_extent *extent);
/* Makes a shaped parameter real at `address`, or a real one real elsewhere (which bumps its generation);
   takes it out of the queue; cannot fail. */
void lazyi_param_attach(lazy_param *param, lazyi_extent *extent, uint64_t address);
/* The values of a real parameter as an array that shares its extent. */
LAZY_MUST_USE lazy_status lazyi_param_wrap(lazy_param *param, lazy_array **out_array);

#endif
