/* Philox4x32-10 against the known answers of Random123, a scalar implementation, and cuRAND's host generator.
 */
#include <dlfcn.h>

#include "kernels/key.h"
#include "tests/kernel_run.h"

static void philox_block(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
  uint32_t x[4], k0 = key[0], k1 = key[1];
  memcpy(x, counter, sizeof x);
  for (int r = 0; r < 10; r++) {
    const uint64_t a = (uint64_t)0xD2511F53u * x[0], b = (uint64_t)0xCD9E8D57u * x[2];
    const uint32_t next[4] = {(uint32_t)(b >> 32) ^ x[1] ^ k0, (uint32_t)b, (uint32_t)(a >> 32) ^ x[3] ^ k1,
                              (uint32_t)a};
    memcpy(x, next, sizeof x);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  memcpy(out, x, sizeof x);
}

static uint64_t pair(const uint32_t words[2]) { return words[0] | (uint64_t)words[1] << 32; }

TEST_ON_IMAGES(philox, known_answers) {
  static const struct {
    uint32_t counter[4], key[2], words[4];
  } known[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
       {0xffffffff, 0xffffffff},
       {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    uint32_t scalar[4];
    philox_block(known[i].counter, known[i].key, scalar);
    EXPECT_BYTES_EQ(scalar, known[i].words, sizeof scalar);
    for (int w = 0; w < kernel_way_count(env); w++) {
      CHECK_CASE("answer %zu, %s", i, kernel_way_name(kernel_way_at(env, w)));
      uint32_t *words = kernel_alloc(16);
      memset(words, 0xee, 16);
      const struct lazy_k_philox_params params = {kernel_address(words), 4, pair(known[i].key),
                                                  pair(known[i].counter), pair(known[i].counter + 2)};
      kernel_run(kernel_way_at(env, w), "lazy_k_philox", &params, env->seed);
      EXPECT_BYTES_EQ(words, known[i].words, 16);
      kernel_free(words);
    }
  }
}

/* Every count of words up to some lots, counters that carry into the next half, and nothing written past the
 * end. */
TEST_ON_IMAGES(philox, counts_and_carries) {
  enum { MOST = 600, ROOM = 32 };
  uint32_t *words = kernel_alloc((MOST + ROOM) * 4), wanted[MOST];
  for (int w = 0; w < kernel_way_count(env); w++) {
    CHECK_CASE("%s", kernel_way_name(kernel_way_at(env, w)));
    for (uint64_t count = 0; count <= MOST; count += env->is_small ? 7 : 1) {
      const uint64_t key = check_random(env), high = check_random(env);
      uint64_t low = check_random(env);
      if (count % 3 == 1) low = (low & ~(uint64_t)0xffffffff) | (uint32_t) - (int32_t)(count % 50);
      if (count % 3 == 2) low = 0 - count % 70;
      for (uint64_t e = 0; e < count; e++) {
        const uint64_t block = low + e / 4;
        const uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)high,
                                     (uint32_t)(high >> 32)};
        const uint32_t halves[2] = {(uint32_t)key, (uint32_t)(key >> 32)};
        uint32_t out[4];
        philox_block(counter, halves, out);
        wanted[e] = out[e % 4];
      }
      memset(words, 0xa5, (MOST + ROOM) * 4);
      const struct lazy_k_philox_params params = {kernel_address(words), count, key, low, high};
      kernel_run(kernel_way_at(env, w), "lazy_k_philox", &params, env->seed);
      if (memcmp(words, wanted, count * 4) != 0) FAIL("%u words differ", (unsigned)count);
      for (uint64_t e = count; e < count + ROOM; e++)
        if (words[e] != 0xa5a5a5a5) {
          FAIL("%u words: word %u past the end was written", (unsigned)count, (unsigned)(e - count));
          break;
        }
    }
  }
  kernel_free(words);
}

/* cuRAND's host generator: position e is word e mod 4 of block q div 65536 of subsequence q mod 65536, q = e
 * div 4. */
TEST_ON_IMAGES(philox, equals_curand) {
  static const char *const names[] = {"libcurand.so.10", "/usr/local/cuda/lib64/libcurand.so.10"};
  void *library = NULL;
  for (int i = 0; library == NULL && i < 2; i++)
    library =
        dlopen(names[i], RTLD_NOW | RTLD_LOCAL); /* and kept: it leaves memory behind when it is closed */
  if (library == NULL) SKIP("no libcurand.so.10 on this machine");
  int (*create)(void **, int), (*set_seed)(void *, unsigned long long),
      (*generate)(void *, uint32_t *, size_t), (*destroy)(void *);
  *(void **)&create = dlsym(library, "curandCreateGeneratorHost");
  *(void **)&set_seed = dlsym(library, "curandSetPseudoRandomGeneratorSeed");
  *(void **)&generate = dlsym(library, "curandGenerate");
  *(void **)&destroy = dlsym(library, "curandDestroyGenerator");
  enum {
    PHILOX = 161,
    WORDS = 10 * 1000 * 1000,
    SUBSEQUENCES = 65536,
    BLOCKS = WORDS / 4 / SUBSEQUENCES + 1
  };
  void *generator = NULL;
  ASSERT_EQ(create(&generator, PHILOX), 0);
  const uint64_t seed = check_random(env);
  EXPECT_EQ(set_seed(generator, seed), 0);
  uint32_t *theirs = malloc((size_t)WORDS * 4), *ours = kernel_alloc(BLOCKS * 16);
  EXPECT_EQ(generate(generator, theirs, WORDS), 0);
  uint64_t different = 0;
  const uint64_t ways = (uint64_t)kernel_way_count(env);
  for (uint64_t subsequence = 0; subsequence < SUBSEQUENCES; subsequence += env->is_small ? 97 : 1) {
    const struct lazy_k_philox_params params = {kernel_address(ours), (uint64_t)BLOCKS * 4, seed, 0,
                                                subsequence};
    kernel_run(kernel_way_at(env, (int)(subsequence % ways)), "lazy_k_philox", &params, env->seed);
    for (uint64_t block = 0; block < BLOCKS; block++)
      for (uint64_t word = 0; word < 4; word++) {
        const uint64_t e = 4 * (subsequence + SUBSEQUENCES * block) + word;
        if (e < WORDS) different += theirs[e] != ours[4 * block + word];
      }
  }
  EXPECT_EQ(different, 0u);
  EXPECT_EQ(destroy(generator), 0);
  free(theirs);
  kernel_free(ours);
}

/* keyed/1 is fixed for good: users' weights hang on it. */
TEST(philox, key_mix_is_fixed) {
  EXPECT_EQ(lazy_key_finish(0), 0u);
  EXPECT_EQ(lazy_key_finish(1), 0xb456bcfc34c2cb2cu);
  EXPECT_EQ(lazy_key_mix(0, 0), lazy_key_finish(lazy_key_finish(0x9E3779B97F4A7C15u)));
  EXPECT_NE(lazy_key_mix(1, 0), lazy_key_mix(0, 1));
}
