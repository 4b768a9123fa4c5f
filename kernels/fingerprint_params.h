/* What the fingerprint kernel takes, and what a fingerprint is made of. See params.h. */
#ifndef LAZYRT_KERNELS_FINGERPRINT_PARAMS_H
#define LAZYRT_KERNELS_FINGERPRINT_PARAMS_H

#include <stdint.h>

/* Sums over elements `first` .. `first + count - 1` of a tensor, which lie at `values`. */
struct lazy_k_fingerprint_params {
  uint64_t values; /* aligned to 16 */
  uint64_t sums;   /* uint64_t[tile][2], written: a pair for each LAZY_INIT_TILE elements */
  uint64_t count;
  uint64_t first;
  uint32_t dtype; /* lazy_dtype */
  uint32_t reserved;
};

/* Four rounds of Philox2x32: a bijection of (word, low half of its position). */
#define LAZY_FINGERPRINT_MULTIPLIER 0xD256D193u
#define LAZY_FINGERPRINT_WEYL       0x9E3779B9u
enum { LAZY_FINGERPRINT_ROUNDS = 4 };

#endif
