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
#define FILL(T, rule)                                           \
  if (!FILL_ZERO(T)) {                                          \
    T *out = LAZY_AT(T, address);                               \
    LAZY_EACH_LOT (e, first, last) {                            \
      LAZY_LOT_WRITE(T, out + e, last - e, past, rule, (T)bits) \
    }                                                           \
  }
#define DRAW(T, rule, ...)                                                                   \
  {                                                                                          \
    T *out = LAZY_AT(T, address);                                                            \
    LAZY_EACH_LOT (e, first, last) {                                                         \
      LAZY_LOT_WRITE(T, out + e, last - e, past, rule, &key, segment->from + e, __VA_ARGS__) \
    }                                                                                        \
  }

/* Of rules that take so many registers that a thread has one element at a time, next to its neighbour's. */
#ifdef __CUDACC__
#define DRAW_ONE(T, rule, ...)                                                             \
  {                                                                                        \
    T *out = LAZY_AT(T, address);                                                          \
    LAZY_EACH_THREAD (t)                                                                   \
      _Pragma("unroll 1") for (uint64_t e = first + t; e < last; e += LAZY_BLOCK) out[e] = \
          rule(&key, segment->from + e, __VA_ARGS__);                                      \
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
    const uint64_t address = p.base + segment->offset;
    LAZY_INIT_BY_RULE(segment, p.seed, FILL, DRAW, DRAW_ONE)
    const uint64_t zero_end = segment->zero_first + segment->zero_count;
    if (segment->zero_first < segment->from + last && zero_end > segment->from + first) {
      const uint64_t each = LAZY_ELEMENT_BYTES(segment->dtype), start = segment->from + first;
      const uint64_t from =
          (segment->zero_first > start ? segment->zero_first - segment->from : first) * each;
      const uint64_t to = (zero_end - segment->from < last ? zero_end - segment->from : last) * each;
      uint8_t *bytes = LAZY_AT(uint8_t, address);
      LAZY_LOTS_END
      LAZY_PHASE (t) (void)t; /* what was drawn there is written */
      LAZY_EACH_LOT (b, from, to) {
        LAZY_UNROLL for (uint64_t i = b; i < b + LAZY_LOT; i++) {
          if (i < to) bytes[i] = 0;
        }
      }
    }
    if (p.sums != 0) {
      LAZY_PHASE (t) (void)t; /* all of it is written */
      lazy_fingerprint_tile(address, segment->dtype, first, last, segment->from,
                            LAZY_AT(uint64_t, p.sums) + 2 * tile);
    }
  }
  LAZY_LOTS_END
}
