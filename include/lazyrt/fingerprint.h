/* Fingerprints of values: 128 bits that tell whether two sets of tensors are the same. */
#ifndef LAZYRT_FINGERPRINT_H
#define LAZYRT_FINGERPRINT_H

#include <lazyrt/state.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of keys, dtypes, shapes and values, bit for bit, of any number of tensors in any order: it is the sum, half
   by half and modulo 2^64, of those of the tensors. It finds accidents (another seed, a flipped bit, shards
   mixed up), not forgeries. Fixed for good: kernels/README.md defines it. */
LAZY_API lazy_fingerprint lazy_fingerprint_add(lazy_fingerprint a, lazy_fingerprint b);
/* 32 hexadecimal digits and a NUL; returns `text`. */
enum { LAZY_FINGERPRINT_TEXT_BYTES = 33 };
LAZY_API char *lazy_fingerprint_text(lazy_fingerprint fingerprint, char text[LAZY_FINGERPRINT_TEXT_BYTES]);

/* Of a state's entries, one by one in `out_entries` (may be NULL) and of all together; computed on the
   context's device, waits for it. Of a file's state, the file's bytes are read once. What is drawn is better
   asked for while it is drawn: lazy_stream_out_options. UNINITIALIZED for a lazy entry; INVALID_VALUE for one
   on another device. */
LAZY_CHECKED lazy_status lazy_state_fingerprint(const lazy_state *state, lazy_context *context,
                                                lazy_fingerprint *out_entries, lazy_fingerprint *out_whole);

#ifdef __cplusplus
}
#endif
#endif
