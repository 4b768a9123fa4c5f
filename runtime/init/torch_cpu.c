#include "runtime/init/torch_cpu.h"

#include <math.h>

#include "kernels/number.cuh"

#define INLINE static inline __attribute__((always_inline))

/* What one call of uniform_ needs of its bounds. `range` = to - from in the tensor's type. */
typedef struct uniform {
  double from64, range64;
  float from, range;
  uint32_t mask; /* of a word's low bits */
  float unit;    /* of the lowest of them */
  uint16_t from_half, to_half;
  bool fine;
} uniform;

/* By way of float, as c10::Half and c10::BFloat16 are made of a double. */
INLINE uint16_t to_half(lazy_dtype dtype, float x) {
  return dtype == LAZY_DTYPE_F16 ? lazy_f32_to_f16(x) : lazy_f32_to_bf16(x);
}
INLINE float of_half(lazy_dtype dtype, uint16_t h) {
  return dtype == LAZY_DTYPE_F16 ? lazy_f16_to_f32(h) : lazy_bf16_to_f32(h);
}

static uniform prepare(const lazyi_torch_uniform_options *options) {
  lazy_dtype dtype = options->dtype;
  uniform u = {
      .from64 = options->from, .range64 = options->to - options->from, .mask = 0xffffff, .unit = 0x1p-24f};
  float to = (float)options->to;
  u.from = (float)options->from;
  if (dtype == LAZY_DTYPE_F16 || dtype == LAZY_DTYPE_BF16) {
    u.fine = options->half == LAZYI_TORCH_HALF_FINE;
    u.from_half = to_half(dtype, u.from);
    u.to_half = to_half(dtype, to);
    if (!u.fine) {
      u.mask = dtype == LAZY_DTYPE_F16 ? 0x7ff : 0xff;
      u.unit = dtype == LAZY_DTYPE_F16 ? 0x1p-11f : 0x1p-8f;
      u.from = of_half(dtype, u.from_half);
      u.range = of_half(dtype, to_half(dtype, of_half(dtype, u.to_half) - u.from));
      return u;
    }
  }
  u.range = to - u.from;
  return u;
}

INLINE float value(const uniform *u, uint32_t word, bool fuse) {
  float x = (float)(int32_t)(word & u->mask) * u->unit;
  return fuse ? fmaf(x, u->range, u->from) : x * u->range + u->from;
}

INLINE void values(const uniform *u, lazy_dtype dtype, const uint32_t *restrict words, size_t count,
                   bool fuse, void *out) {
  const uniform v = *u;
  if (dtype == LAZY_DTYPE_F32) {
    float *restrict to = out;
    for (size_t i = 0; i < count; i++) to[i] = value(&v, words[i], fuse);
  } else if (dtype == LAZY_DTYPE_F64) {
    double *restrict to = out;
    for (size_t i = 0; i < count; i++) { /* 53 bits; the first word is the high one */
      double x = ((double)(int32_t)(words[2 * i] & 0x1fffff) * 0x1p32 + (double)words[2 * i + 1]) * 0x1p-53;
      to[i] = fuse ? fma(x, v.range64, v.from64) : x * v.range64 + v.from64;
    }
  } else {
    uint16_t *restrict to = out;
    for (size_t i = 0; i < count; i++) {
      uint16_t h = to_half(dtype, value(&v, words[i], fuse));
      to[i] = v.fine && h == v.to_half ? v.from_half : h;
    }
  }
}

/* One copy of the loops for each dtype and rounding, so that they have nothing left to decide. */
INLINE void values_of(const uniform *u, lazy_dtype dtype, const uint32_t *words, size_t count, bool fuse,
                      void *out) {
  switch (dtype) {
    case LAZY_DTYPE_F64: values(u, LAZY_DTYPE_F64, words, count, fuse, out); break;
    case LAZY_DTYPE_F32: values(u, LAZY_DTYPE_F32, words, count, fuse, out); break;
    case LAZY_DTYPE_F16: values(u, LAZY_DTYPE_F16, words, count, fuse, out); break;
    default: values(u, LAZY_DTYPE_BF16, words, count, fuse, out); break;
  }
}

/* fmaf and fma are exact on every CPU; with the instruction they are also fast. */
static void values_plain(const uniform *u, lazy_dtype dtype, const uint32_t *words, size_t count, bool fuse,
                         void *out) {
  if (fuse) values_of(u, dtype, words, count, true, out);
  else values_of(u, dtype, words, count, false, out);
}
#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static void values_avx2(const uniform *u, lazy_dtype dtype,
                                                            const uint32_t *words, size_t count, bool fuse,
                                                            void *out) {
  if (fuse) values_of(u, dtype, words, count, true, out);
  else values_of(u, dtype, words, count, false, out);
}
#endif

void lazyi_torch_uniform(lazyi_torch_generator *generator, const lazyi_torch_uniform_options *options,
                         size_t count, void *out_values) {
  enum { BUFFER = 2 * LAZYI_TORCH_WORDS };
  uint32_t words[BUFFER];
  uniform u = prepare(options);
  size_t per_value = options->dtype == LAZY_DTYPE_F64 ? 2 : 1, bytes = lazy_dtype_bytes(options->dtype);
  unsigned char *out = out_values;
#if defined(__x86_64__)
  bool vectors = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
  while (count != 0) {
    size_t now = count < BUFFER / per_value ? count : BUFFER / per_value;
    lazyi_torch_words(generator, words, now * per_value);
#if defined(__x86_64__)
    if (vectors) values_avx2(&u, options->dtype, words, now, options->fma, out);
    else
#endif
      values_plain(&u, options->dtype, words, now, options->fma, out);
    out += now * bytes;
    count -= now;
  }
}
