/* Inside of lazy_state: an ordered list of keyed tensors of three kinds. Filled by modules (state.c) and by
   readers of checkpoint files. */
#ifndef LAZYI_MODULE_STATE_H
#define LAZYI_MODULE_STATE_H

#include <lazyrt/state.h>

#include "runtime/base/map.h"
#include "runtime/module/param.h"

typedef enum lazyi_state_kind {
  LAZYI_STATE_PARAM = 1, /* shared with a module; may be unshaped, shaped or real */
  LAZYI_STATE_ARRAY = 2, /* on a device */
  LAZYI_STATE_BYTES = 3, /* host memory, row-major without gaps: mapped from a file */
  LAZYI_STATE_LAZY = 4,  /* a file's word that it was unshaped: a dtype and nothing else */
} lazyi_state_kind;

/* Host memory that BYTES entries lie in; freed with the last state that points into it. */
typedef struct lazyi_state_owner {
  atomic_uint references;
  void (*destroy)(struct lazyi_state_owner *owner);
} lazyi_state_owner;

typedef struct lazyi_state_entry {
  const char *key; /* the map's */
  lazyi_state_kind kind;
  lazy_param *param; /* PARAM: held */
  lazy_array *array; /* ARRAY: held */
  const void *bytes; /* BYTES: borrowed from `owner` */
  lazy_spec spec;    /* ARRAY, BYTES; LAZY: the dtype */
} lazyi_state_entry;

struct lazy_state {
  atomic_uint references;
  LAZYI_VECTOR(lazyi_state_entry) entries;
  lazyi_map index;    /* key -> entry number + 1 */
  lazyi_map metadata; /* name -> owned text */
  lazyi_map versions; /* module path -> version, as PyTorch's _metadata has them; empty where nobody knew */
  lazyi_state_owner *owner; /* held; NULL = none */
};

LAZY_MUST_USE lazy_status lazyi_state_create(lazy_state **out_state);
/* Takes over the caller's hold on `owner` (a new one has one reference). */
void lazyi_state_set_owner(lazy_state *state, lazyi_state_owner *owner);
/* Append an entry; keys are copied, parameters and arrays retained. INVALID_VALUE for a key that is there
 * already. */
LAZY_MUST_USE lazy_status lazyi_state_add_param(lazy_state *state, const char *key, lazy_param *param);
LAZY_MUST_USE lazy_status lazyi_state_add_array(lazy_state *state, const char *key, lazy_array *array);
LAZY_MUST_USE lazy_status lazyi_state_add_bytes(lazy_state *state, const char *key, lazy_dtype dtype,
                                                const lazy_shape *shape, const void *bytes);
LAZY_MUST_USE lazy_status lazyi_state_add_lazy(lazy_state *state, const char *key, lazy_dtype dtype);
LAZY_MUST_USE lazy_status lazyi_state_set_metadata(lazy_state *state, const char *key, const char *value);
LAZY_MUST_USE lazy_status lazyi_state_set_version(lazy_state *state, const char *module_path, int version);
/* 0 where the state has none for that module. */
int lazyi_state_version(const lazy_state *state, const char *module_path);

#endif
