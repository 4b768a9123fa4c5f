/* Writing a lot: straight into the tensor on the host, through registers and one wide store on the GPU.

   LAZY_LOT_WRITE(T, out, left, past, function, ...) has `function(T *values, n, ...)` make the elements of
   the lot at `out`, of which `left` (past the lot too) belong to the tensor. `past`: stores go past the
   host's caches, which would read each line before it is written over; LAZY_LOTS_END then stands behind the
   last. LAZY_LOTS_WRITE does so for all lots of elements first .. last - 1 of a tensor at `out`; its further
   arguments see `e`, the lot's first. */
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

/* 32 bits of the values from byte 4 i on. */
template <typename T>
LAZY_INLINE uint32_t lazy_lot_bits(const T *values, int i) {
  uint32_t word;
  memcpy(&word, (const char *)values + 4 * i, sizeof word);
  return word;
}
/* Stores of at most 16 bytes, said outright: a copied struct comes apart into its members. */
template <typename T>
LAZY_INLINE void lazy_lot_store_whole(T *out, const T *values) {
  const uint64_t to = __cvta_generic_to_global(out);
  const int words = LAZY_LOT * sizeof(T) / 4;
  if (words == 1) asm volatile("st.global.u32 [%0], %1;" ::"l"(to), "r"(lazy_lot_bits(values, 0)) : "memory");
  else if (words == 2)
    asm volatile("st.global.v2.u32 [%0], {%1, %2};" ::"l"(to), "r"(lazy_lot_bits(values, 0)),
                 "r"(lazy_lot_bits(values, 1))
                 : "memory");
#pragma unroll
  for (int i = 0; i + 4 <= words; i += 4)
    asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(to + 4 * i), "r"(lazy_lot_bits(values, i)),
                 "r"(lazy_lot_bits(values, i + 1)), "r"(lazy_lot_bits(values, i + 2)),
                 "r"(lazy_lot_bits(values, i + 3))
                 : "memory");
}
/* The tail is unrolled and predicated: a dynamic index would put the values on the stack. */
template <typename T>
LAZY_INLINE void lazy_lot_store(T *out, const T *values, uint64_t left) {
  if (left >= LAZY_LOT) {
    lazy_lot_store_whole(out, values);
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

/* Whole tiles without a look at their ends, `at_once` lots of a thread side by side: chains of instructions
   that do not wait for each other. */
#define LAZY_LOTS_WRITE(T, out, e, first, last, past, at_once, function, ...)                           \
  {                                                                                                     \
    uint64_t lots_first = (first);                                                                      \
    for (; (last)-lots_first >= LAZY_INIT_TILE; lots_first += LAZY_INIT_TILE) {                         \
      LAZY_UNROLL_ONCE for (uint32_t part = 0; part < LAZY_INIT_TILE;                                   \
                            part += (at_once)*LAZY_LOT * LAZY_BLOCK) {                                  \
        T lots_values[at_once][LAZY_LOT];                                                               \
        LAZY_UNROLL for (uint32_t lot = 0; lot < (at_once); lot++) {                                    \
          const uint64_t e = LAZY_LOT_OF_THREAD(lots_first + part, lot);                                \
          (void)e;                                                                                      \
          function(lots_values[lot], LAZY_LOT, __VA_ARGS__);                                            \
        }                                                                                               \
        LAZY_UNROLL for (uint32_t lot = 0; lot < (at_once); lot++)                                      \
            lazy_lot_store_whole(LAZY_LOT_OF_THREAD((out) + lots_first + part, lot), lots_values[lot]); \
      }                                                                                                 \
    }                                                                                                   \
    LAZY_EACH_LOT (e, lots_first, last) {                                                               \
      LAZY_LOT_WRITE(T, (out) + e, (last)-e, past, function, __VA_ARGS__)                               \
    }                                                                                                   \
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
#define LAZY_LOTS_WRITE(T, out, e, first, last, past, at_once, function, ...) \
  LAZY_EACH_LOT (e, first, last) {                                            \
    LAZY_LOT_WRITE(T, (out) + e, (last)-e, past, function, __VA_ARGS__)       \
  }
#ifdef __x86_64__
#define LAZY_LOTS_END _mm_sfence();
#else
#define LAZY_LOTS_END
#endif

#endif
#endif
