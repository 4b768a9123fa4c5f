/* The sums of a fingerprint over values that are there already. What is drawn is summed as it is drawn:
   init_params.cu. */
#include "kernels/fingerprint.cuh"

LAZY_KERNEL(lazy_k_fingerprint) {
  LAZY_EACH_TILE(tile, (p.count + LAZY_INIT_TILE - 1) / LAZY_INIT_TILE) {
    const uint64_t first = tile * LAZY_INIT_TILE, left = p.count - first;
    lazy_fingerprint_tile(p.values, p.dtype, first, first + (left < LAZY_INIT_TILE ? left : LAZY_INIT_TILE),
                          p.first, LAZY_AT(uint64_t, p.sums) + 2 * tile);
  }
}
