/* State dicts and checkpoints (safetensors). */
#ifndef LAZYRT_STATE_H
#define LAZYRT_STATE_H

#include <lazyrt/module.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An ordered list of (key, tensor): parameters of a module, shared with it (a lazy one becomes real in the
   dict too, as in PyTorch), or tensors of a checkpoint file. */
typedef struct lazy_state lazy_state;

/* Parameters, then persistent buffers, of the module and everything below it, in PyTorch's order and under
 * its keys. */
LAZY_CHECKED lazy_status lazy_module_state(lazy_module *module, lazy_state **out_state);
/* Opens a safetensors file; checks its header in full before anything else, and maps its data. Errors: IO;
   CHECKPOINT for a file that breaks the format, saying where and how. */
LAZY_CHECKED lazy_status lazy_state_open(const char *path, lazy_state **out_state);
LAZY_API void lazy_state_release(lazy_state *state);

LAZY_API size_t lazy_state_count(const lazy_state *state);
LAZY_API const char *lazy_state_key(const lazy_state *state, size_t index);
/* False for a lazy entry, and for an index that is not there. */
LAZY_API bool lazy_state_spec(const lazy_state *state, size_t index, lazy_spec *out_spec);
/* The index of a key; SIZE_MAX if it is not there. */
LAZY_API size_t lazy_state_find(const lazy_state *state, const char *key);
/* A file's metadata; NULL if the key is not there. */
LAZY_API const char *lazy_state_metadata(const lazy_state *state, const char *key);
/* Values of an entry in row-major order, whichever kind it is; waits for the device. `bytes` must be its
 * size. */
LAZY_CHECKED lazy_status lazy_state_read(const lazy_state *state, size_t index, void *out_data, size_t bytes);

typedef struct lazy_load_options {
  size_t struct_size;
  bool not_strict;    /* missing and unexpected keys are reported only */
  const char *prefix; /* of the keys; NULL = "" */
} lazy_load_options;
/* load_state_dict. Lazy modules whose tensors are all given are settled: shapes, options, class, hooks; the
   values are never drawn. Everything is checked first and every mismatch listed in one LOAD error; on any
   error nothing changes. `out_report` may be NULL: loaded, missing and unexpected keys. A lazy entry loads
   into a lazy parameter as nothing, and is INVALID_STATE into a real one ("shape of an uninitialized ...").
 */
LAZY_CHECKED lazy_status lazy_module_load_state(lazy_module *module, const lazy_state *state,
                                                const lazy_load_options *options, lazy_report **out_report);

/* Writes a safetensors file: atomically (a temporary file beside it, sync, rename), data aligned to 64 bytes.
   A lazy entry is UNINITIALIZED and leaves no file. Metadata pairs may be NULL. */
LAZY_CHECKED lazy_status lazy_state_save(const lazy_state *state, const char *path,
                                         const char *const *metadata_keys, const char *const *metadata_values,
                                         size_t metadata_count);

/* The two together. */
LAZY_CHECKED lazy_status lazy_module_save(lazy_module *module, const char *path);
LAZY_CHECKED lazy_status lazy_module_load(lazy_module *module, const char *path,
                                          const lazy_load_options *options, lazy_report **out_report);

/* A module in one file, as PyTorch pickles one: its text, the values, and what is lazy, which stays lazy with
   its dtype and options, as do training mode, frozen parameters, ties and shared modules. The file is a
   checkpoint of the model besides, which lazy_state_open reads (entries that were lazy are lazy), as does any
   other software. Classes of your own are known by name and have to be registered before it is opened; hooks,
   and the initialisers of parameters you set yourself, are not written. Errors of open: those of
   lazy_state_open and lazy_module_parse; CHECKPOINT for a file that holds no model. */
LAZY_CHECKED lazy_status lazy_module_save_whole(lazy_module *module, const char *path);
LAZY_CHECKED lazy_status lazy_module_open(lazy_context *context, const char *path, lazy_module **out_module);

/* ---- checkpoints larger than memory ---- */

/* See fingerprint.h. */
typedef struct lazy_fingerprint {
  uint64_t high, low;
} lazy_fingerprint;

#define LAZY_SHARD_BYTES ((uint64_t)5000000000)
typedef struct lazy_stream_out_options {
  size_t struct_size;
  uint64_t shard_bytes; /* of tensors in a shard, but for a tensor that is larger; 0 = LAZY_SHARD_BYTES */
  uint32_t workers;     /* threads of this call, each at a shard of its own; 0 = 1 */
  /* Several calls, in processes or on machines that share the file system, make one checkpoint: this one
     writes shards `part`, part + parts, ... and publishes if it finds all others there. 0 parts = 1. */
  uint32_t part, parts;
  const char *const *metadata_keys, *const *metadata_values; /* of every shard */
  size_t metadata_count;
  bool fingerprint; /* of what this call has written, taken while it is drawn */
  bool one_file; /* `path` is a file, what lazy_state_save would write there; the sizes above do not count */
} lazy_stream_out_options;

typedef struct lazy_stream_out_result {
  size_t shard_count;
  uint64_t data_bytes;          /* of all tensors of all shards */
  lazy_fingerprint fingerprint; /* where it was asked for; parts add up to the whole */
  bool published;               /* false: other parts are not done */
} lazy_stream_out_result;

/* Writes the module's state as a directory of safetensors files, model-00001-of-00014.safetensors and so on,
   with model.safetensors.index.json. Parameters that are SHAPED (lazy_graph_settle) are drawn piece by piece
   and never held: a few MiB per worker serve any size. Files are the same to the byte whatever the workers
   and parts. The directory appears whole, under `path`, when all is written and synced; until then the files
   are beside it, in one whose name says what it will be, and which a run that was cut short goes on with.
   Values of EMPTY initializers are zero. `out_result` may be NULL. Errors: IO where `path` is there and no
   empty directory; UNINITIALIZED; UNSUPPORTED for SHAPED parameters of a torch stream. Nothing may change the
   module meanwhile. */
LAZY_CHECKED lazy_status lazy_module_stream_out(lazy_module *module, const char *path,
                                                const lazy_stream_out_options *options,
                                                lazy_stream_out_result *out_result);

/* ---- load hooks: torch.nn.Module.register_load_state_dict_pre_hook and _post_hook ---- */

typedef struct lazy_load_event {
  lazy_module *module;
  const lazy_state *state;
  const char *prefix; /* of the module's keys, with its dot */
  bool strict;        /* always true for pre-hooks, as in PyTorch */
  struct lazyi_load_frame *frame;
} lazy_load_event;
typedef lazy_status (*lazy_load_hook)(lazy_load_event *event, void *user);
/* Before the module's own tensors are looked at; may rename keys of the load (never of the caller's state).
   Hooks run over a snapshot of the table. */
LAZY_CHECKED lazy_status lazy_module_add_load_pre_hook(lazy_module *module, lazy_load_hook hook, void *user,
                                                       lazy_hook_id *out_id);
/* After the module and its children. */
LAZY_CHECKED lazy_status lazy_module_add_load_post_hook(lazy_module *module, lazy_load_hook hook, void *user,
                                                        lazy_hook_id *out_id);
/* For pre-hooks: the entry `from` is looked for under `to` in this load. NOT_FOUND if there is none. */
LAZY_CHECKED lazy_status lazy_load_rename_key(lazy_load_event *event, const char *from, const char *to);
/* For post-hooks: takes a key out of the missing or unexpected list. */
LAZY_API void lazy_load_forgive_key(lazy_load_event *event, const char *key);

#ifdef __cplusplus
}
#endif
#endif
