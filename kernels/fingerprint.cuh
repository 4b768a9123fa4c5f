/* Two sums of 64 bits over a tensor's elements: what fingerprints are made of.

   An element is one 32-bit word (two, low half first, where it has 64 bits; 8 and 16 bits are extended with
   zeros) at position e (2 e and 2 e + 1). Word and position go through a bijection; its results (l, r) are
   summed as l 2^32 + r and as l r. Sums do not depend on the order of the elements, and those of the parts of
   a tensor add up to those of the whole. */
#ifndef LAZYRT_KERNELS_FINGERPRINT_CUH
#define LAZYRT_KERNELS_FINGERPRINT_CUH

#include <lazyrt/types.h>

#include "kernels/block_reduce.cuh"
#include "kernels/fingerprint_params.h"
#include "kernels/philox.cuh"

LAZY_INLINE void lazy_fingerprint_word(uint32_t word, uint64_t position, uint64_t *a, uint64_t *b) {
  uint32_t l = word, r = (uint32_t)position ^ (uint32_t)(position >> 32);
  LAZY_UNROLL for (uint32_t round = 0; round < LAZY_FINGERPRINT_ROUNDS; round++) {
    const uint64_t product = (uint64_t)l * LAZY_FINGERPRINT_MULTIPLIER;
    l = (uint32_t)(product >> 32) ^ r ^ (round + 1) * LAZY_FINGERPRINT_WEYL;
    if (round == 0) l ^= (uint32_t)(position >> 32) * LAZY_FINGERPRINT_MULTIPLIER;
    r = (uint32_t)product;
  }
  *a += (uint64_t)l << 32 | r;
  *b += (uint64_t)l * r;
}

/* Words first .. last - 1 of memory, of which word i is at position + i; each is `word_t` wide. */
#ifdef __CUDACC__
#define FINGERPRINT_WORDS(name, word_t)                                                        \
  LAZY_INLINE void lazy_fingerprint_##name(const word_t *words, uint64_t first, uint64_t last, \
                                           uint64_t position, uint64_t *a, uint64_t *b) {      \
    LAZY_EACH_LOT (e, first, last) {                                                           \
      LAZY_UNROLL for (uint32_t i = 0; i < LAZY_LOT; i++) if (i < last - e)                    \
          lazy_fingerprint_word(words[e + i], position + e + i, a, b);                         \
    }                                                                                          \
  }
#elif defined __x86_64__
#define FINGERPRINT_WORDS(name, word_t)                                                                     \
  LAZY_INLINE void lazy_fingerprint_##name(const word_t *words, uint64_t first, uint64_t last,              \
                                           uint64_t position, uint64_t *a, uint64_t *b) {                   \
    typedef word_t vector __attribute__((vector_size(sizeof(word_t) * LAZY_PHILOX_LANES)));                 \
    const lazy_lanes zero = {0}, low = zero + 0xffffffffu, multiplier = zero + LAZY_FINGERPRINT_MULTIPLIER; \
    lazy_lanes lane = zero, sum_a = zero, sum_b = zero;                                                     \
    for (int i = 0; i < LAZY_PHILOX_LANES; i++) lane[i] = (uint64_t)i;                                      \
    for (; last - first >= LAZY_PHILOX_LANES; first += LAZY_PHILOX_LANES) {                                 \
      vector loaded;                                                                                        \
      memcpy(&loaded, words + first, sizeof loaded);                                                        \
      const lazy_lanes at = lane + (position + first), high = at >> 32;                                     \
      lazy_lanes l = __builtin_convertvector(loaded, lazy_lanes), r = at ^ high;                            \
      for (uint32_t round = 0; round < LAZY_FINGERPRINT_ROUNDS; round++) {                                  \
        const lazy_lanes product = LAZY_PHILOX_MULTIPLY(l, multiplier);                                     \
        l = (product >> 32) ^ r ^ (zero + (uint32_t)((round + 1) * LAZY_FINGERPRINT_WEYL));                 \
        if (round == 0) l ^= LAZY_PHILOX_MULTIPLY(high, multiplier);                                        \
        r = product;                                                                                        \
      }                                                                                                     \
      sum_a += l << 32 | (r & low);                                                                         \
      sum_b += LAZY_PHILOX_MULTIPLY(l, r);                                                                  \
    }                                                                                                       \
    for (; first < last; first++) lazy_fingerprint_word(words[first], position + first, a, b);              \
    for (int i = 0; i < LAZY_PHILOX_LANES; i++) *a += sum_a[i], *b += sum_b[i];                             \
  }
#else
#define FINGERPRINT_WORDS(name, word_t)                                                        \
  LAZY_INLINE void lazy_fingerprint_##name(const word_t *words, uint64_t first, uint64_t last, \
                                           uint64_t position, uint64_t *a, uint64_t *b) {      \
    for (; first < last; first++) lazy_fingerprint_word(words[first], position + first, a, b); \
  }
#endif
FINGERPRINT_WORDS(8, uint8_t)
FINGERPRINT_WORDS(16, uint16_t)
FINGERPRINT_WORDS(32, uint32_t)

/* Elements first .. last - 1 of what lies at `values`, whose element 0 is number `from` of its tensor. Other
   threads of the block may have written them before a barrier. */
LAZY_INLINE void lazy_fingerprint_tile(uint64_t values, uint32_t dtype, uint64_t first, uint64_t last,
                                       uint64_t from, uint64_t *sums) {
  uint64_t a = 0, b = 0;
  switch (dtype) {
    case LAZY_DTYPE_F64:
    case LAZY_DTYPE_I64:
      lazy_fingerprint_32(LAZY_AT(const uint32_t, values), 2 * first, 2 * last, 2 * from, &a, &b);
      break;
    case LAZY_DTYPE_F32:
      lazy_fingerprint_32(LAZY_AT(const uint32_t, values), first, last, from, &a, &b);
      break;
    case LAZY_DTYPE_F16:
    case LAZY_DTYPE_BF16:
      lazy_fingerprint_16(LAZY_AT(const uint16_t, values), first, last, from, &a, &b);
      break;
    default: lazy_fingerprint_8(LAZY_AT(const uint8_t, values), first, last, from, &a, &b); break;
  }
  lazy_block_sum(&a, &b);
  if (LAZY_BLOCK_LEADS) {
    sums[0] = a;
    sums[1] = b;
  }
}

#endif
