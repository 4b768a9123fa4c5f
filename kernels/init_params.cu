/* Every new parameter and buffer of a model in one launch: any mix of element types and rules.

   Work is cut into tiles of LAZY_INIT_TILE elements, which never straddle two segments; a tile is drawn by
   one block, which finds its segment once. A value depends on the segment's key and the element's number
   in its parameter alone: a segment may be a slice. */
#include "kernels/fingerprint.cuh"
#include "kernels/init_rules.cuh"

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
#define FILL(T, rule)                                               \
  if (!FILL_ZERO(T)) {                                              \
    T *out = LAZY_AT(T, address);                                   \
    LAZY_LOTS_WRITE(T, out, e, first, last, past, 2, rule, (T)bits) \
  }
#define DRAW(T, rule, at_once, ...)                                                           \
  {                                                                                           \
    T *out = LAZY_AT(T, address);                                                             \
    LAZY_LOTS_WRITE(T, out, e, first, last, past, at_once, rule, &key, from + e, __VA_ARGS__) \
  }

/* Of rules that take so many registers that a thread has one element at a time, next to its neighbour's. */
#ifdef __CUDACC__
#define DRAW_ONE(T, rule, at_once, ...)                                                    \
  {                                                                                        \
    T *out = LAZY_AT(T, address);                                                          \
    LAZY_EACH_THREAD (t)                                                                   \
      _Pragma("unroll 1") for (uint64_t e = first + t; e < last; e += LAZY_BLOCK) out[e] = \
          rule(&key, from + e, __VA_ARGS__);                                               \
  }
#else
#define DRAW_ONE DRAW
#endif

LAZY_KERNEL(lazy_k_init_params) {
  const struct lazy_init_segment *segments = LAZY_AT(const struct lazy_init_segment, p.segments);
  uint32_t at = 0;
  const bool past = LAZY_PAST_CACHE(p.tile_count) && p.sums == 0;
  LAZY_TILE_RUNS(tile, run, p.tile_count) {
    at = find_segment(segments, p.segment_count, at, tile);
    const struct lazy_init_segment *segment = segments + at;
    const uint64_t first = (tile - segment->first_tile) * LAZY_INIT_TILE, left = segment->count - first;
    if (run > (left - 1) / LAZY_INIT_TILE + 1) run = (left - 1) / LAZY_INIT_TILE + 1;
    if (p.sums != 0) run = 1; /* what was drawn is near still */
    const uint64_t last = first + (left < run * LAZY_INIT_TILE ? left : run * LAZY_INIT_TILE);
    const uint64_t address = p.base + segment->offset, from = segment->from;
    LAZY_INIT_BY_RULE(segment, p.seed, FILL, DRAW, DRAW_ONE)
    const uint64_t zero_first = segment->zero_first, zero_end = zero_first + segment->zero_count;
    if (zero_first < from + last && zero_end > from + first) {
      const uint64_t each = LAZY_ELEMENT_BYTES(segment->dtype);
      const uint64_t zero = (zero_first > from + first ? zero_first - from : first) * each;
      const uint64_t to = (zero_end < from + last ? zero_end - from : last) * each;
      uint8_t *bytes = LAZY_AT(uint8_t, address);
      LAZY_LOTS_END
      LAZY_PHASE (t) (void)t; /* what was drawn there is written */
      LAZY_EACH_LOT (b, zero, to) {
        LAZY_UNROLL for (uint64_t i = b; i < b + LAZY_LOT; i++) {
          if (i < to) bytes[i] = 0;
        }
      }
    }
    if (p.sums != 0) {
      LAZY_PHASE (t) (void)t; /* all of it is written */
      lazy_fingerprint_tile(address, segment->dtype, first, last, from, LAZY_AT(uint64_t, p.sums) + 2 * tile);
    }
  }
  LAZY_LOTS_END
}
