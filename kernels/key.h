/* The key of a parameter in the stream keyed/1: plain C, for the kernel and the runtime alike. */
#ifndef LAZYRT_KERNELS_KEY_H
#define LAZYRT_KERNELS_KEY_H

#include <stdint.h>

#ifdef __CUDACC__
#define LAZY_KEY_INLINE static __host__ __device__ __forceinline__
#else
#define LAZY_KEY_INLINE static inline __attribute__((unused))
#endif

/* MurmurHash3's 64-bit finaliser: a bijection in which every input bit reaches every output bit. */
LAZY_KEY_INLINE uint64_t lazy_key_finish(uint64_t x) {
  x = (x ^ x >> 33) * 0xff51afd7ed558ccdu;
  x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53u;
  return x ^ x >> 33;
}

/* The 64-bit Philox key (low word first) of the parameter with this path hash under this seed. For one seed
   no two path hashes share a key, and for one path hash no two seeds do. */
LAZY_KEY_INLINE uint64_t lazy_key_mix(uint64_t path_hash, uint64_t seed) {
  return lazy_key_finish(path_hash ^ lazy_key_finish(seed + 0x9E3779B97F4A7C15u));
}

#endif
