/* The same element everywhere: words of eight bytes, and single elements where the ends are not aligned to
 * them. */
#include "kernels/kernel.cuh"

LAZY_INLINE void put(uint64_t out, uint64_t at, uint32_t element_bytes, uint64_t pattern) {
  switch (element_bytes) {
    case 1: LAZY_AT(uint8_t, out)[at] = (uint8_t)pattern; break;
    case 2: LAZY_AT(uint16_t, out)[at] = (uint16_t)pattern; break;
    case 4: LAZY_AT(uint32_t, out)[at] = (uint32_t)pattern; break;
    default: LAZY_AT(uint64_t, out)[at] = pattern; break;
  }
}

LAZY_KERNEL(lazy_k_fill) {
  const uint64_t per_word = 8 / p.element_bytes;
  const uint64_t misaligned = (p.out & 7) / p.element_bytes;
  uint64_t head = misaligned ? per_word - misaligned : 0;
  if (head > p.count) head = p.count;
  const uint64_t words = (p.count - head) / per_word, body = words * per_word, edges = p.count - body;
  uint64_t word = p.pattern;
  if (p.element_bytes < 2) word = (word & 0xff) * 0x101;
  if (p.element_bytes < 4) word = (word & 0xffff) * 0x10001;
  if (p.element_bytes < 8) word = (word & 0xffffffff) * 0x100000001;

  uint64_t *LAZY_RESTRICT out = LAZY_AT(uint64_t, p.out + head * p.element_bytes);
  LAZY_GRID_FOR (i, words) {
    out[i] = word;
  }
  LAZY_GRID_FOR (i, edges) {
    put(p.out, i < head ? i : i + body, p.element_bytes, p.pattern);
  }
}
