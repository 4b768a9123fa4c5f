/* The generator's raw words, in order. */
#include "kernels/lot.cuh"
#include "kernels/philox.cuh"

LAZY_INLINE void draw(uint32_t *LAZY_RESTRICT values, uint64_t n, const lazy_philox_key *key, uint64_t low,
                      uint64_t high) {
  uint32_t words[LAZY_LOT];
  lazy_philox_lot(words, key, low, high, (n + 3) >> 2);
  LAZY_UNROLL for (uint64_t i = 0; i < n; i++) values[i] = words[i];
}

LAZY_KERNEL(lazy_k_philox) {
  const lazy_philox_key key = lazy_philox_prepare(p.key);
  uint32_t *out = LAZY_AT(uint32_t, p.out);
  const uint64_t tiles = p.count / LAZY_INIT_TILE + (p.count % LAZY_INIT_TILE != 0);
  LAZY_EACH_TILE(tile, tiles) {
    const uint64_t first = tile * LAZY_INIT_TILE;
    const uint64_t last = p.count - first < LAZY_INIT_TILE ? p.count : first + LAZY_INIT_TILE;
    LAZY_LOTS_WRITE(uint32_t, out, e, first, last, false, 2, draw, &key, p.low + (e >> 2), p.high)
  }
}
