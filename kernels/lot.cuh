/* Writing a lot: straight into the tensor on the host, through registers and one wide store on the GPU.

   LAZY_LOT_WRITE(T, out, left, past, function, ...) has `function(T *values, n, ...)` make the elements of
   the lot at `out`, of which `left` (past the lot too) belong to the tensor. `past`: stores go past the
   host's caches, which would read each line before it is written over; LAZY_LOTS_END then stands behind the
   last. */
#ifndef LAZYRT_KERNELS_LOT_CUH
#define LAZYRT_KERNELS_LOT_CUH

#include "kernels/kernel.cuh"

#ifndef __CUDACC__
#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif
#endif

#ifdef __CUDACC__

template <int bytes>
struct lazy_lot_word;
template <>
struct lazy_lot_word<4> {
  typedef uint32_t type;
};
template <>
struct lazy_lot_word<8> {
  typedef uint2 type;
};
template <>
struct lazy_lot_word<16> {
  typedef uint4 type;
};

/* The tail is unrolled and predicated: a dynamic index would put the values on the stack. */
template <typename T>
LAZY_INLINE void lazy_lot_store(T *out, const T *values, uint64_t left) {
  const int each = sizeof(T) < 8 ? LAZY_LOT : 2; /* a store has at most 16 bytes */
  typedef typename lazy_lot_word<each * sizeof(T)>::type word;
  if (left >= LAZY_LOT) {
#pragma unroll
    for (int i = 0; i < LAZY_LOT; i += each) {
      word stored;
      memcpy(&stored, values + i, sizeof stored);
      *(word *)(out + i) = stored;
    }
  } else {
#pragma unroll
    for (uint32_t i = 0; i < LAZY_LOT - 1; i++)
      if (i < (uint32_t)left) out[i] = values[i];
  }
}
#define LAZY_LOT_WRITE(T, out, left, past, function, ...) \
  {                                                       \
    (void)(past);                                         \
    T lot_values[LAZY_LOT];                               \
    function(lot_values, LAZY_LOT, __VA_ARGS__);          \
    lazy_lot_store(out, lot_values, left);                \
  }

#define LAZY_LOTS_END

#else

/* Both aligned to 64 bytes, as lots of a parameter are. */
LAZY_INLINE void lazy_lot_past_cache(void *LAZY_RESTRICT to, const void *LAZY_RESTRICT from, size_t bytes) {
#if defined __AVX512F__
  for (size_t at = 0; at < bytes; at += 64)
    _mm512_stream_si512((__m512i *)((char *)to + at), _mm512_load_si512((const char *)from + at));
#elif defined __AVX2__
  for (size_t at = 0; at < bytes; at += 32)
    _mm256_stream_si256((__m256i *)((char *)to + at),
                        _mm256_load_si256((const __m256i *)((const char *)from + at)));
#elif defined __x86_64__
  for (size_t at = 0; at < bytes; at += 16)
    _mm_stream_si128((__m128i *)((char *)to + at),
                     _mm_load_si128((const __m128i *)((const char *)from + at)));
#else
  memcpy(to, from, bytes);
#endif
}

#define LAZY_LOT_WRITE(T, out, left, past, function, ...)      \
  {                                                            \
    if ((left) >= LAZY_LOT && (past)) {                        \
      _Alignas(64) T lot_values[LAZY_LOT];                     \
      function(lot_values, LAZY_LOT, __VA_ARGS__);             \
      lazy_lot_past_cache(out, lot_values, sizeof lot_values); \
    } else if ((left) >= LAZY_LOT) {                           \
      function(out, LAZY_LOT, __VA_ARGS__);                    \
    } else {                                                   \
      function(out, left, __VA_ARGS__);                        \
    }                                                          \
  }
#ifdef __x86_64__
#define LAZY_LOTS_END _mm_sfence();
#else
#define LAZY_LOTS_END
#endif

#endif
#endif
