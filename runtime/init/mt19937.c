/* mt19937 (Matsumoto and Nishimura, 1998), as ATen/core/MT19937RNGEngine.h has it. */
#include "runtime/init/torch_cpu.h"

enum { N = LAZYI_TORCH_WORDS, M = 397 };

#define INLINE static inline __attribute__((always_inline))

void lazyi_torch_seed(lazyi_torch_generator *generator, uint64_t seed) {
  uint32_t *state = generator->state;
  state[0] = (uint32_t)seed;
  for (uint32_t i = 1; i < N; i++) state[i] = 1812433253u * (state[i - 1] ^ (state[i - 1] >> 30)) + i;
  generator->position = N;
  generator->has_normal = 0;
  generator->normal = 0;
}

INLINE uint32_t twisted(uint32_t high, uint32_t low) {
  return (((high & 0x80000000u) | (low & 0x7fffffffu)) >> 1) ^ (0x9908b0dfu & -(low & 1u));
}

/* In loops that read nothing written less than 227 words ago: the compiler makes vectors of them. */
INLINE void twist(uint32_t *state) {
  uint32_t i = 0;
  for (; i < N - M; i++) state[i] = state[i + M] ^ twisted(state[i], state[i + 1]);
  for (; i < N - 1; i++) state[i] = state[i + M - N] ^ twisted(state[i], state[i + 1]);
  state[N - 1] = state[M - 1] ^ twisted(state[N - 1], state[0]);
}

INLINE void temper(uint32_t *restrict out, const uint32_t *restrict state, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint32_t y = state[i];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    out[i] = y ^ (y >> 18);
  }
}

INLINE void words(lazyi_torch_generator *generator, uint32_t *out, size_t count) {
  while (count != 0) {
    if (generator->position == N) {
      twist(generator->state);
      generator->position = 0;
    }
    size_t left = N - generator->position, now = count < left ? count : left;
    temper(out, generator->state + generator->position, now);
    generator->position += (uint32_t)now;
    out += now;
    count -= now;
  }
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void words_avx2(lazyi_torch_generator *generator, uint32_t *out,
                                                       size_t count) {
  words(generator, out, count);
}
#endif

void lazyi_torch_words(lazyi_torch_generator *generator, uint32_t *out_words, size_t count) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) {
    words_avx2(generator, out_words, count);
    return;
  }
#endif
  words(generator, out_words, count);
}
