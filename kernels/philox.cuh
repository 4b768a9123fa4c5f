/* Philox4x32-10. On the GPU the block is cuRAND's own; on the host it is the C below, many blocks at a time.

   A block is four 32-bit words, a function of a 64-bit key and a 128-bit counter. Here the counter is (low,
   high): blocks of one call have consecutive low halves and one high half. In keyed/1 the high half is zero
   and element e of a parameter is word e mod 4 of block e div 4 (64-bit types: README.md). */
#ifndef LAZYRT_KERNELS_PHILOX_CUH
#define LAZYRT_KERNELS_PHILOX_CUH

#include "kernels/kernel.cuh"

/* Blocks and words of a lot. */
#define LAZY_LOT_BLOCKS (LAZY_LOT / 4)

#ifdef __CUDACC__

#include <vector_functions.h>
#include <vector_types.h>
/* After the types it uses, and without the 218 KB of tables that curand_kernel.h brings along. */
#define QUALIFIERS static __forceinline__ __device__
#include <curand_philox4x32_x.h>

typedef uint2 lazy_philox_key;

LAZY_INLINE lazy_philox_key lazy_philox_prepare(uint64_t key) {
  return make_uint2((uint32_t)key, (uint32_t)(key >> 32));
}
/* The words of blocks low .. low + blocks - 1; on the GPU always one block. */
LAZY_INLINE void lazy_philox_lot(uint32_t *words, const lazy_philox_key *key, uint64_t low, uint64_t high,
                                 uint64_t blocks) {
  (void)blocks;
  const uint4 counter =
      make_uint4((uint32_t)low, (uint32_t)(low >> 32), (uint32_t)high, (uint32_t)(high >> 32));
  const uint4 block = curand_Philox4x32_10(counter, *key);
  words[0] = block.x;
  words[1] = block.y;
  words[2] = block.z;
  words[3] = block.w;
}

#else

#define LAZY_PHILOX_M0 0xD2511F53u
#define LAZY_PHILOX_M1 0xCD9E8D57u
#define LAZY_PHILOX_W0 0x9E3779B9u
#define LAZY_PHILOX_W1 0xBB67AE85u
enum { LAZY_PHILOX_ROUNDS = 10 };

#ifdef __x86_64__

/* Words live in the low halves of 64-bit lanes, where one instruction multiplies them; it ignores the high
   halves, which may hold anything. */
#include <immintrin.h>
#include <string.h>

#if defined __AVX512F__
#define LAZY_PHILOX_MULTIPLY(a, b) ((lazy_lanes)_mm512_mul_epu32((__m512i)(a), (__m512i)(b)))
#define LAZY_PHILOX_LOW_HALVES     0, 8, 1, 9, 2, 10, 3, 11
#define LAZY_PHILOX_HIGH_HALVES    4, 12, 5, 13, 6, 14, 7, 15
#elif defined __AVX2__
#define LAZY_PHILOX_MULTIPLY(a, b) ((lazy_lanes)_mm256_mul_epu32((__m256i)(a), (__m256i)(b)))
#define LAZY_PHILOX_LOW_HALVES     0, 4, 1, 5
#define LAZY_PHILOX_HIGH_HALVES    2, 6, 3, 7
#else
#define LAZY_PHILOX_MULTIPLY(a, b) ((lazy_lanes)_mm_mul_epu32((__m128i)(a), (__m128i)(b)))
#define LAZY_PHILOX_LOW_HALVES     0, 2
#define LAZY_PHILOX_HIGH_HALVES    1, 3
#endif
#ifdef __clang__
#define LAZY_PHILOX_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define LAZY_PHILOX_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (lazy_lanes){__VA_ARGS__})
#endif

typedef uint64_t lazy_lanes __attribute__((vector_size(LAZY_VECTOR_BYTES)));
enum { LAZY_PHILOX_LANES = LAZY_VECTOR_BYTES / 8, LAZY_PHILOX_UNROLL = 4 };

typedef struct lazy_philox_key {
  uint64_t round[LAZY_PHILOX_ROUNDS][2];
} lazy_philox_key;

LAZY_INLINE lazy_philox_key lazy_philox_prepare(uint64_t key) {
  lazy_philox_key prepared;
  for (uint32_t r = 0; r < LAZY_PHILOX_ROUNDS; r++) {
    prepared.round[r][0] = (uint32_t)((uint32_t)key + LAZY_PHILOX_W0 * r);
    prepared.round[r][1] = (uint32_t)((uint32_t)(key >> 32) + LAZY_PHILOX_W1 * r);
  }
  return prepared;
}

/* `vectors` (a constant, at most LAZY_PHILOX_UNROLL) vectors of blocks: independent chains hide the latency
   of the multiplications. */
LAZY_INLINE void lazy_philox_vectors(uint32_t *LAZY_RESTRICT words, const lazy_philox_key *LAZY_RESTRICT key,
                                     uint64_t low, uint64_t high, const int vectors) {
  const lazy_lanes zero = {0}, low_word = zero + 0xffffffffu;
  const lazy_lanes m0 = zero + LAZY_PHILOX_M0, m1 = zero + LAZY_PHILOX_M1;
  lazy_lanes lane = zero, x0[LAZY_PHILOX_UNROLL], x1[LAZY_PHILOX_UNROLL], x2[LAZY_PHILOX_UNROLL],
             x3[LAZY_PHILOX_UNROLL];
  for (int i = 0; i < LAZY_PHILOX_LANES; i++) lane[i] = (uint64_t)i;
#pragma GCC unroll 4
  for (int v = 0; v < vectors; v++) {
    x0[v] = lane + (low + (uint64_t)(v * LAZY_PHILOX_LANES));
    x1[v] = x0[v] >> 32;
    x2[v] = zero + (uint32_t)high;
    x3[v] = zero + (high >> 32);
  }
#pragma GCC unroll 10
  for (int r = 0; r < LAZY_PHILOX_ROUNDS; r++) {
    const lazy_lanes k0 = zero + key->round[r][0], k1 = zero + key->round[r][1];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      const lazy_lanes p0 = LAZY_PHILOX_MULTIPLY(x0[v], m0), p1 = LAZY_PHILOX_MULTIPLY(x2[v], m1);
      x0[v] = (p1 >> 32) ^ x1[v] ^ k0;
      x1[v] = p1;
      x2[v] = (p0 >> 32) ^ x3[v] ^ k1;
      x3[v] = p0;
    }
  }
#pragma GCC unroll 4
  for (int v = 0; v < vectors; v++) {
    const lazy_lanes a = (x0[v] & low_word) | x1[v] << 32, b = (x2[v] & low_word) | x3[v] << 32;
    const lazy_lanes first = LAZY_PHILOX_SHUFFLE(a, b, LAZY_PHILOX_LOW_HALVES);
    const lazy_lanes second = LAZY_PHILOX_SHUFFLE(a, b, LAZY_PHILOX_HIGH_HALVES);
    memcpy(words + v * 4 * LAZY_PHILOX_LANES, &first, sizeof first);
    memcpy(words + v * 4 * LAZY_PHILOX_LANES + 2 * LAZY_PHILOX_LANES, &second, sizeof second);
  }
}

/* The words of blocks low .. low + blocks - 1, at most a lot; `words` has room for a whole lot, and words
   past the last block are overwritten too. */
LAZY_INLINE void lazy_philox_lot(uint32_t *LAZY_RESTRICT words, const lazy_philox_key *LAZY_RESTRICT key,
                                 uint64_t low, uint64_t high, uint64_t blocks) {
  for (uint64_t done = 0; done < blocks;) {
    if (blocks - done > LAZY_PHILOX_LANES) {
      lazy_philox_vectors(words + 4 * done, key, low + done, high, LAZY_PHILOX_UNROLL);
      done += LAZY_PHILOX_LANES * LAZY_PHILOX_UNROLL;
    } else {
      lazy_philox_vectors(words + 4 * done, key, low + done, high, 1);
      done += LAZY_PHILOX_LANES;
    }
  }
}

#else /* any processor */

typedef uint64_t lazy_philox_key;

LAZY_INLINE lazy_philox_key lazy_philox_prepare(uint64_t key) { return key; }
LAZY_INLINE void lazy_philox_lot(uint32_t *LAZY_RESTRICT words, const lazy_philox_key *LAZY_RESTRICT key,
                                 uint64_t low, uint64_t high, uint64_t blocks) {
  for (uint64_t i = 0; i < blocks; i++) {
    uint32_t x0 = (uint32_t)(low + i), x1 = (uint32_t)((low + i) >> 32), x2 = (uint32_t)high,
             x3 = (uint32_t)(high >> 32), k0 = (uint32_t)*key, k1 = (uint32_t)(*key >> 32);
    for (int r = 0; r < LAZY_PHILOX_ROUNDS; r++, k0 += LAZY_PHILOX_W0, k1 += LAZY_PHILOX_W1) {
      const uint64_t p0 = (uint64_t)x0 * LAZY_PHILOX_M0, p1 = (uint64_t)x2 * LAZY_PHILOX_M1;
      x0 = (uint32_t)(p1 >> 32) ^ x1 ^ k0;
      x1 = (uint32_t)p1;
      x2 = (uint32_t)(p0 >> 32) ^ x3 ^ k1;
      x3 = (uint32_t)p0;
    }
    words[4 * i] = x0;
    words[4 * i + 1] = x1;
    words[4 * i + 2] = x2;
    words[4 * i + 3] = x3;
  }
}

#endif
#endif
#endif
