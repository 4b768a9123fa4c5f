/* Every new parameter and buffer of a model in one launch: any mix of element types and rules.

   Work is cut into tiles of LAZY_INIT_TILE elements, which never straddle two segments; a tile is drawn by
   one block, which finds its segment once. A value depends on the segment's key and the element's number
   in its parameter alone: a segment may be a slice. */
#include <lazyrt/types.h>

#include "kernels/fingerprint.cuh"
#include "kernels/key.h"
#include "kernels/lot.cuh"
#include "kernels/normal.cuh"

/* How a value of the stream, computed in f32 and never NaN, becomes an element. */
LAZY_INLINE float f32_of(float x) { return x; }
LAZY_INLINE uint16_t f16_of(float x) { return lazy_finite_to_f16(x); }
LAZY_INLINE uint16_t bf16_of(float x) { return lazy_finite_to_bf16(x); }

#define CONSTANT_RULE(name, T)                                                        \
  LAZY_INLINE void constant_##name(T *LAZY_RESTRICT values, uint64_t n, T constant) { \
    LAZY_UNROLL for (uint64_t i = 0; i < n; i++) values[i] = constant;                \
  }
CONSTANT_RULE(8, uint8_t)
CONSTANT_RULE(16, uint16_t)
CONSTANT_RULE(32, uint32_t)
CONSTANT_RULE(64, uint64_t)

/* center + [-h, h] where scale = h 2^-31. */
#define UNIFORM_RULE(name, T)                                                                      \
  LAZY_INLINE void uniform_##name(T *LAZY_RESTRICT values, uint64_t n, const lazy_philox_key *key, \
                                  uint64_t e, float center, float scale) {                         \
    uint32_t words[LAZY_LOT];                                                                      \
    lazy_philox_lot(words, key, e >> 2, 0, (n + 3) >> 2);                                          \
    LAZY_UNROLL for (uint64_t i = 0; i < n; i++) values[i] =                                       \
        name##_of((float)(int32_t)words[i] * scale + center);                                      \
  }
UNIFORM_RULE(f32, float)
UNIFORM_RULE(f16, uint16_t)
UNIFORM_RULE(bf16, uint16_t)

/* The same from 64-bit words, scale = h 2^-63: a block has two, low halves first. */
LAZY_INLINE void uniform_f64(double *LAZY_RESTRICT values, uint64_t n, const lazy_philox_key *key, uint64_t e,
                             double center, double scale) {
  LAZY_UNROLL for (uint64_t half = 0; half < n; half += LAZY_LOT / 2) {
    const uint64_t m = n - half < LAZY_LOT / 2 ? n - half : LAZY_LOT / 2;
    uint32_t words[LAZY_LOT];
    lazy_philox_lot(words, key, (e + half) >> 1, 0, (m + 1) >> 1);
    LAZY_UNROLL for (uint64_t i = 0; i < m; i++) {
      values[half + i] = lazy_words_to_f64(words[2 * i], words[2 * i + 1]) * scale + center;
    }
  }
}

/* mean + std z, multiplied and added with a rounding each. */
#define NORMAL_RULE(name, T)                                                                      \
  LAZY_INLINE void normal_##name(T *LAZY_RESTRICT values, uint64_t n, const lazy_philox_key *key, \
                                 uint64_t e, float mean, float std) {                             \
    float normal[LAZY_LOT];                                                                       \
    lazy_normal_lot_f32(normal, key, e, (n + 3) >> 2);                                            \
    LAZY_UNROLL for (uint64_t i = 0; i < n; i++) values[i] = name##_of(normal[i] * std + mean);   \
  }
NORMAL_RULE(f32, float)
NORMAL_RULE(f16, uint16_t)
NORMAL_RULE(bf16, uint16_t)

LAZY_INLINE void normal_f64(double *LAZY_RESTRICT values, uint64_t n, const lazy_philox_key *key, uint64_t e,
                            double mean, double std) {
  LAZY_UNROLL for (uint64_t half = 0; half < n; half += LAZY_LOT / 2) {
    const uint64_t m = n - half < LAZY_LOT / 2 ? n - half : LAZY_LOT / 2;
    double normal[LAZY_LOT / 2];
    lazy_normal_lot_f64(normal, key, e + half, (m + 1) >> 1);
    LAZY_UNROLL for (uint64_t i = 0; i < m; i++) values[half + i] = normal[i] * std + mean;
  }
}

/* The last segment that starts at or before `tile`. Tiles mostly come in order, `from` is the last answer. */
LAZY_INLINE uint32_t find_segment(const struct lazy_init_segment *segments, uint32_t count, uint32_t from,
                                  uint64_t tile) {
  uint32_t low = segments[from].first_tile <= tile ? from : 0, high = count;
  for (uint32_t step = 1; step <= 2; step++) {
    if (low + 1 == high || segments[low + 1].first_tile > tile) return low;
    low++;
  }
  while (high - low > 1) {
    const uint32_t middle = low + (high - low) / 2;
    if (segments[middle].first_tile <= tile) low = middle;
    else high = middle;
  }
  return low;
}

LAZY_INLINE uint64_t constant_bits(uint32_t dtype, double value) {
  switch (dtype) {
    case LAZY_DTYPE_F64: return lazy_f64_bits(value);
    case LAZY_DTYPE_F32: return lazy_f32_bits((float)value);
    case LAZY_DTYPE_F16: return lazy_f32_to_f16((float)value);
    case LAZY_DTYPE_BF16: return lazy_f32_to_bf16((float)value);
    case LAZY_DTYPE_I64: return (uint64_t)lazy_f64_to_i64(value);
    default: return lazy_f64_to_u8(value);
  }
}

#ifdef __CUDACC__
#define FILL_ZERO(T)           false
#define LAZY_PAST_CACHE(tiles) false
#else
/* A launch that writes more than caches keep: 32 MiB of f32. */
#define LAZY_PAST_CACHE(tiles) ((tiles) >= 2048)
/* Zero is many tiles at once and the C library's business: it knows which stores suit the size. */
#define FILL_ZERO(T) \
  (bits == 0 && !past && (memset(LAZY_AT(T, address) + first, 0, (last - first) * sizeof(T)), true))
#endif
#define FILL(T, rule)                                           \
  if (!FILL_ZERO(T)) {                                          \
    T *out = LAZY_AT(T, address);                               \
    LAZY_EACH_LOT (e, first, last) {                            \
      LAZY_LOT_WRITE(T, out + e, last - e, past, rule, (T)bits) \
    }                                                           \
  }
#define DRAW(T, rule, center, scale)                                                          \
  {                                                                                           \
    T *out = LAZY_AT(T, address);                                                             \
    LAZY_EACH_LOT (e, first, last) {                                                          \
      LAZY_LOT_WRITE(T, out + e, last - e, past, rule, &key, segment.from + e, center, scale) \
    }                                                                                         \
  }

LAZY_KERNEL(lazy_k_init_params) {
  const struct lazy_init_segment *segments = LAZY_AT(const struct lazy_init_segment, p.segments);
  uint32_t at = 0;
  const bool past = LAZY_PAST_CACHE(p.tile_count) && p.sums == 0;
  LAZY_TILE_RUNS(tile, run, p.tile_count) {
    at = find_segment(segments, p.segment_count, at, tile);
    const struct lazy_init_segment segment = segments[at];
    const uint64_t first = (tile - segment.first_tile) * LAZY_INIT_TILE, left = segment.count - first;
    if (run > (left - 1) / LAZY_INIT_TILE + 1) run = (left - 1) / LAZY_INIT_TILE + 1;
    if (p.sums != 0) run = 1; /* what was drawn is near still */
    const uint64_t last = first + (left < run * LAZY_INIT_TILE ? left : run * LAZY_INIT_TILE);
    const uint64_t address = p.base + segment.offset;
    if (segment.rule == LAZY_INIT_CONSTANT) {
      const uint64_t bits = constant_bits(segment.dtype, segment.a);
      switch (segment.dtype) {
        case LAZY_DTYPE_F64:
        case LAZY_DTYPE_I64: FILL(uint64_t, constant_64) break;
        case LAZY_DTYPE_F32: FILL(uint32_t, constant_32) break;
        case LAZY_DTYPE_F16:
        case LAZY_DTYPE_BF16: FILL(uint16_t, constant_16) break;
        case LAZY_DTYPE_U8: FILL(uint8_t, constant_8) break;
      }
    } else if (segment.rule == LAZY_INIT_UNIFORM) {
      const lazy_philox_key key = lazy_philox_prepare(lazy_key_mix(segment.path_hash, p.seed));
      const float center = (float)segment.a, scale = (float)(segment.b * 0x1p-31);
      switch (segment.dtype) {
        case LAZY_DTYPE_F64: DRAW(double, uniform_f64, segment.a, segment.b * 0x1p-63) break;
        case LAZY_DTYPE_F32: DRAW(float, uniform_f32, center, scale) break;
        case LAZY_DTYPE_F16: DRAW(uint16_t, uniform_f16, center, scale) break;
        case LAZY_DTYPE_BF16: DRAW(uint16_t, uniform_bf16, center, scale) break;
      }
    } else if (segment.rule == LAZY_INIT_NORMAL) {
      const lazy_philox_key key = lazy_philox_prepare(lazy_key_mix(segment.path_hash, p.seed));
      const float mean = (float)segment.a, std = (float)segment.b;
      switch (segment.dtype) {
        case LAZY_DTYPE_F64: DRAW(double, normal_f64, segment.a, segment.b) break;
        case LAZY_DTYPE_F32: DRAW(float, normal_f32, mean, std) break;
        case LAZY_DTYPE_F16: DRAW(uint16_t, normal_f16, mean, std) break;
        case LAZY_DTYPE_BF16: DRAW(uint16_t, normal_bf16, mean, std) break;
      }
    }
    if (p.sums != 0) {
      LAZY_PHASE (t) (void)t; /* all of it is written */
      lazy_fingerprint_tile(address, segment.dtype, first, last, segment.from,
                            LAZY_AT(uint64_t, p.sums) + 2 * tile);
    }
  }
  LAZY_LOTS_END
}
