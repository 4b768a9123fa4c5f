/* PyTorch's CPU numbers, bit for bit: against values of PyTorch itself and against a plain second mt19937. */
#include <math.h>
#include <string.h>

#include "kernels/segment_rules.h"
#include "runtime/init/init.h"
#include "runtime/init/torch_cpu.h"
#include "tests/check.h"

typedef struct golden_uniform {
  bool fma;
  uint64_t seed;
  lazy_dtype dtype;
  double from, to;
  size_t count;
  uint64_t first, hash;
} golden_uniform;
typedef struct golden_linear {
  bool fma;
  uint64_t seed;
  lazy_dtype dtype;
  int64_t in, out;
  uint64_t weight, bias;
} golden_linear;
typedef struct golden_normal {
  int index; /* 0 seeds the generator */
  uint64_t seed;
  lazy_dtype dtype;
  double mean, std;
  size_t count;
  uint64_t first, hash;
} golden_normal;
typedef struct golden_truncated {
  int index; /* 0 seeds the generator */
  bool fma;
  uint64_t seed;
  lazy_dtype dtype;
  double mean, std, low, high;
  size_t count;
  uint64_t first, hash;
} golden_truncated;
#include "tests/golden/torch_cpu.h"
#include "tests/golden/torch_normal.h"
#include "tests/golden/torch_truncated.h"

static uint64_t fnv1a(const void *memory, size_t bytes) {
  uint64_t value = 0xcbf29ce484222325u;
  for (size_t i = 0; i < bytes; i++) value = (value ^ ((const uint8_t *)memory)[i]) * 0x100000001b3u;
  return value;
}

static double values[10000];

TEST(init_torch, uniform_equals_pytorch) {
  lazyi_torch_generator generator;
  for (size_t i = 0; i < sizeof golden_uniforms / sizeof *golden_uniforms; i++) {
    const golden_uniform *g = golden_uniforms + i;
    CHECK_CASE("row %zu: seed %llu %s %g to %g, %zu values, fma %d", i, (unsigned long long)g->seed,
               lazy_dtype_name(g->dtype), g->from, g->to, g->count, g->fma);
    if (g->count == 1) lazyi_torch_seed(&generator, g->seed); /* each run starts with a single value */
    const lazyi_torch_uniform_options options = {
        .dtype = g->dtype, .fma = g->fma, .from = g->from, .to = g->to};
    size_t bytes = lazy_dtype_bytes(g->dtype);
    uint64_t first = 0;
    lazyi_torch_uniform(&generator, &options, g->count, values);
    memcpy(&first, values, bytes);
    EXPECT_EQ(first, g->first);
    if (!EXPECT_EQ(fnv1a(values, g->count * bytes), g->hash)) break;
  }
}

TEST(init_torch, truncated_normal_equals_pytorch) {
  lazyi_torch_generator generator;
  for (size_t i = 0; i < sizeof golden_truncateds / sizeof *golden_truncateds; i++) {
    const golden_truncated *g = golden_truncateds + i;
    CHECK_CASE("row %zu: seed %llu %s mean %g std %g in %g to %g, %zu values, fma %d", i,
               (unsigned long long)g->seed, lazy_dtype_name(g->dtype), g->mean, g->std, g->low, g->high,
               g->count, g->fma);
    if (g->index == 0) lazyi_torch_seed(&generator, g->seed);
    const lazyi_torch_truncated_options options = {
        .dtype = g->dtype, .fma = g->fma, .mean = g->mean, .std = g->std, .low = g->low, .high = g->high};
    size_t bytes = lazy_dtype_bytes(g->dtype);
    uint64_t first = 0;
    lazyi_torch_truncated(&generator, &options, g->count, values);
    memcpy(&first, values, bytes);
    EXPECT_EQ(first, g->first);
    if (!EXPECT_EQ(fnv1a(values, g->count * bytes), g->hash)) break;
  }
}

/* Whole, and in the smallest pieces. */
TEST(init_torch, normal_equals_pytorch) {
  for (size_t room = 2 * LAZYI_TORCH_GROUP; room <= 10000; room = room == 10000 ? 10001 : 10000) {
    lazyi_torch_generator generator;
    for (size_t i = 0; i < sizeof golden_normals / sizeof *golden_normals; i++) {
      const golden_normal *g = golden_normals + i;
      CHECK_CASE("row %zu: seed %llu %s mean %g deviation %g, %zu values, pieces of %zu", i,
                 (unsigned long long)g->seed, lazy_dtype_name(g->dtype), g->mean, g->std, g->count, room);
      if (g->index == 0) lazyi_torch_seed(&generator, g->seed);
      const lazyi_torch_normal_options options = {
          .dtype = g->dtype, .fma = true, .mean = g->mean, .std = g->std};
      size_t bytes = lazy_dtype_bytes(g->dtype);
      uint64_t first = 0;
      for (size_t done = 0, now; done < g->count; done += now) {
        now = lazyi_torch_normal_piece(g->count - done, room);
        ASSERT_GT(now, 0u);
        lazyi_torch_normal(&generator, &options, g->count, done, now, (char *)values + done * bytes);
      }
      memcpy(&first, values, bytes);
      EXPECT_EQ(first, g->first);
      if (!EXPECT_EQ(fnv1a(values, g->count * bytes), g->hash)) return;
    }
  }
}

/* Linear layers one after the other; the bounds come from the initialisers. */
TEST(init_torch, linear_chains_equal_pytorch) {
  lazyi_torch_generator generator;
  for (size_t i = 0; i < sizeof golden_linears / sizeof *golden_linears; i++) {
    const golden_linear *g = golden_linears + i;
    CHECK_CASE("row %zu: seed %llu %s %lld to %lld, fma %d", i, (unsigned long long)g->seed,
               lazy_dtype_name(g->dtype), (long long)g->in, (long long)g->out, g->fma);
    if (g->in == 3) lazyi_torch_seed(&generator, g->seed); /* the first layer of a chain */
    lazy_shape weight = {.rank = 2, .dims = {g->out, g->in}};
    lazy_init inits[2] = {{.initializer = LAZY_INITIALIZER_KAIMING_UNIFORM, .a = sqrt(5.0)},
                          {.initializer = LAZY_INITIALIZER_FAN_IN_UNIFORM}};
    for (int k = 0; k < 2; k++) {
      ASSERT_OK(lazyi_init_resolve(inits + k, &weight));
      EXPECT_EQ(inits[k].initializer, LAZY_INITIALIZER_UNIFORM);
      const lazyi_torch_uniform_options options = {
          .dtype = g->dtype, .fma = g->fma, .from = inits[k].a, .to = inits[k].b};
      size_t count = (size_t)(k == 0 ? g->in * g->out : g->out);
      lazyi_torch_uniform(&generator, &options, count, values);
      if (!EXPECT_EQ(fnv1a(values, count * lazy_dtype_bytes(g->dtype)), k == 0 ? g->weight : g->bias)) return;
    }
  }
}

TEST(init_torch, published_values) {
  lazyi_torch_generator generator;
  lazyi_torch_uniform_options unit = {.dtype = LAZY_DTYPE_F32, .from = 0, .to = 1};
  float f[8];
  lazyi_torch_seed(&generator, 0);
  lazyi_torch_uniform(&generator, &unit, 8, f);
  const float rand_0[8] = {0.49625658988952637f, 0.7682217955589294f,  0.08847743272781372f,
                           0.13203048706054688f, 0.30742281675338745f, 0.6340786814689636f,
                           0.4900934100151062f,  0.8964447379112244f};
  EXPECT_F32_BITS_EQ(f, rand_0, 8);
  lazyi_torch_seed(&generator, 42);
  lazyi_torch_uniform(&generator, &unit, 1, f);
  EXPECT_EQ(f[0], 0.8822692632675171f);

  double d[2];
  unit.dtype = LAZY_DTYPE_F64;
  lazyi_torch_seed(&generator, 0);
  lazyi_torch_uniform(&generator, &unit, 2, d);
  EXPECT_NEAR(d[0], 0.97005300, 5e-9);
  EXPECT_NEAR(d[1], 0.70781986, 5e-9);
  uint16_t h[2];
  unit.dtype = LAZY_DTYPE_F16;
  lazyi_torch_seed(&generator, 0);
  lazyi_torch_uniform(&generator, &unit, 2, h);
  EXPECT_EQ(h[0], 0x3558); /* 0.33398438 */
  EXPECT_EQ(h[1], 0x345e); /* 0.27294922 */
  unit.dtype = LAZY_DTYPE_BF16;
  lazyi_torch_seed(&generator, 0);
  lazyi_torch_uniform(&generator, &unit, 2, h);
  EXPECT_EQ(h[0], 0x3f2c); /* 0.671875 */
  EXPECT_EQ(h[1], 0x3e3c); /* 0.18359375 */
}

/* LazyLinear(2) on an input of (1, 3), seed 0, PyTorch 2.6; and the same layer of a build that fuses. */
TEST(init_torch, published_linear) {
  const float weight[6] = {-0.004322528839111328f, 0.3097158670425415f, -0.4751853346824646f,
                           -0.4248945713043213f,   -0.222368985414505f, 0.1548207402229309f};
  const float bias[2] = {-0.011439144611358643f, 0.4577749967575073f};
  const float fused[4] = {-0.00432252f, 0.30971584f, 0, -0.4248946f};
  double bound = 0.5773502691896257, bias_bound = 0.5773502691896258;
  lazyi_torch_uniform_options options = {.dtype = LAZY_DTYPE_F32, .from = -bound, .to = bound};
  lazyi_torch_generator generator;
  float found[6];
  lazyi_torch_seed(&generator, 0);
  lazyi_torch_uniform(&generator, &options, 6, found);
  EXPECT_F32_BITS_EQ(found, weight, 6);
  options.from = -bias_bound;
  options.to = bias_bound;
  lazyi_torch_uniform(&generator, &options, 2, found);
  EXPECT_F32_BITS_EQ(found, bias, 2);
  options = (lazyi_torch_uniform_options){.dtype = LAZY_DTYPE_F32, .fma = true, .from = -bound, .to = bound};
  lazyi_torch_seed(&generator, 0);
  lazyi_torch_uniform(&generator, &options, 6, found);
  EXPECT_NEAR(found[0], fused[0], 5e-9);
  EXPECT_NEAR(found[1], fused[1], 5e-9);
  EXPECT_NEAR(found[3], fused[3], 3e-8);
  EXPECT_NE(found[1], weight[1]);
}

/* The textbook's generator, one word at a time. */
typedef struct textbook {
  uint32_t mt[624];
  int at;
} textbook;
static uint32_t textbook_next(textbook *t) {
  if (t->at == 624) {
    for (int k = 0; k < 624; k++) {
      uint32_t y = (t->mt[k] & 0x80000000u) | (t->mt[(k + 1) % 624] & 0x7fffffffu);
      t->mt[k] = t->mt[(k + 397) % 624] ^ (y >> 1) ^ (y % 2 ? 0x9908b0dfu : 0);
    }
    t->at = 0;
  }
  uint32_t y = t->mt[t->at++];
  y ^= y >> 11;
  y ^= y << 7 & 0x9d2c5680u;
  y ^= y << 15 & 0xefc60000u;
  return y ^ y >> 18;
}

TEST(init_torch, words_are_mt19937_however_they_are_cut) {
  static uint32_t found[5000];
  for (int round = 0; round < 200; round++) {
    lazyi_torch_generator generator, saved;
    textbook t = {.at = 624};
    uint64_t seed = round == 0 ? 5489 : check_random(env);
    t.mt[0] = (uint32_t)seed;
    for (uint32_t i = 1; i < 624; i++) t.mt[i] = 1812433253u * (t.mt[i - 1] ^ t.mt[i - 1] >> 30) + i;
    lazyi_torch_seed(&generator, seed);
    for (size_t done = 0; done < 5000;) {
      size_t now = check_random_below(env, 1500);
      if (now > 5000 - done) now = 5000 - done;
      saved = generator;
      lazyi_torch_words(&generator, found + done, now);
      generator = saved; /* a rewind draws the same again */
      check_random_fill(env, found + done, now * sizeof *found);
      lazyi_torch_words(&generator, found + done, now);
      done += now;
    }
    for (int i = 0; i < 5000; i++)
      if (!EXPECT_EQ(found[i], textbook_next(&t))) return;
    if (round == 0) EXPECT_EQ(found[0], 3499211612u); /* std::mt19937's first word */
  }
}

/* The later rule for 16-bit floats, said plainly. */
TEST(init_torch, fine_halves_never_reach_the_upper_end) {
  static uint16_t found[20000];
  for (int fma = 0; fma < 2; fma++) {
    lazyi_torch_generator generator, words;
    const float from = -0.25f, to = 0.25f;
    const lazyi_torch_uniform_options options = {
        .dtype = LAZY_DTYPE_BF16, .fma = fma != 0, .half = LAZYI_TORCH_HALF_FINE, .from = from, .to = to};
    lazyi_torch_seed(&generator, 7);
    words = generator;
    lazyi_torch_uniform(&generator, &options, 20000, found);
    int wrapped = 0;
    for (int i = 0; i < 20000; i++) {
      uint32_t word, bits;
      lazyi_torch_words(&words, &word, 1);
      float x = (float)(word % (1 << 24)) / (1 << 24) * (to - from) + from; /* exact products: fused or not */
      if (fma) x = fmaf((float)(word % (1 << 24)) / (1 << 24), to - from, from);
      memcpy(&bits, &x, sizeof bits);
      uint32_t kept = bits >> 16, rest = bits & 0xffff;
      if (rest > 0x8000 || (rest == 0x8000 && kept % 2)) kept++;
      if (kept == 0x3e80) { /* 0.25 */
        kept = 0xbe80;
        wrapped++;
      }
      if (!EXPECT_EQ(found[i], kept)) return;
    }
    EXPECT_GT(wrapped, 0);
  }
}

TEST(init_torch, streams_by_name) {
  lazy_stream stream = LAZY_STREAM_KEYED;
  EXPECT_TRUE(lazy_stream_parse("torch-cpu-fma", &stream));
  EXPECT_EQ(stream, LAZY_STREAM_TORCH_CPU_FMA);
  EXPECT_FALSE(lazy_stream_parse("torch", &stream));
  EXPECT_EQ(stream, LAZY_STREAM_TORCH_CPU_FMA);
  for (int i = 0; i < 3; i++) {
    EXPECT_TRUE(lazy_stream_parse(lazy_stream_name((lazy_stream)i), &stream));
    EXPECT_EQ(stream, i);
  }
  EXPECT_STREQ(lazy_stream_name((lazy_stream)3), "?");
}
