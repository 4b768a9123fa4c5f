/* Writing a lot: straight into the tensor on the host, through registers and one wide store on the GPU.

   LAZY_LOT_WRITE(T, out, left, function, ...) has `function(T *values, n, ...)` make the elements of the lot
   at `out`, of which `left` (past the lot too) belong to the tensor. */
#ifndef LAZYRT_KERNELS_LOT_CUH
#define LAZYRT_KERNELS_LOT_CUH

#include "kernels/kernel.cuh"

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
#define LAZY_LOT_WRITE(T, out, left, function, ...) \
  {                                                 \
    T lot_values[LAZY_LOT];                         \
    function(lot_values, LAZY_LOT, __VA_ARGS__);    \
    lazy_lot_store(out, lot_values, left);          \
  }

#else

#define LAZY_LOT_WRITE(T, out, left, function, ...)               \
  {                                                               \
    if ((left) >= LAZY_LOT) function(out, LAZY_LOT, __VA_ARGS__); \
    else function(out, left, __VA_ARGS__);                        \
  }

#endif
#endif
