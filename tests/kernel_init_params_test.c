/* init_params against a scalar reference: the same bits at every level, grid and order, for every tail. */
#include <math.h>

#include "kernels/key.h"
#include "tests/kernel_run.h"
#include "tests/number_reference.h"

static uint32_t word_of(uint64_t key, uint64_t e) {
  const uint64_t block = e / 4;
  uint32_t x[4] = {(uint32_t)block, (uint32_t)(block >> 32), 0, 0}, k0 = (uint32_t)key,
           k1 = (uint32_t)(key >> 32);
  for (int r = 0; r < 10; r++) {
    const uint64_t a = (uint64_t)0xD2511F53u * x[0], b = (uint64_t)0xCD9E8D57u * x[2];
    const uint32_t next[4] = {(uint32_t)(b >> 32) ^ x[1] ^ k0, (uint32_t)b, (uint32_t)(a >> 32) ^ x[3] ^ k1,
                              (uint32_t)a};
    memcpy(x, next, sizeof x);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return x[e % 4];
}

/* Element e of a segment, in the low bytes; false if the rule leaves memory as it is. */
static bool element_of(const struct lazy_init_segment *s, uint64_t seed, uint64_t e, uint64_t *out_bits) {
  const uint64_t key = lazy_key_mix(s->path_hash, seed);
  e += s->from;
  volatile float single = (float)s->a; /* volatile: every step is rounded by itself */
  volatile double value = s->a;
  if (s->rule == LAZY_INIT_UNIFORM && s->dtype == LAZY_DTYPE_F64) {
    const uint64_t word = word_of(key, 2 * e) | (uint64_t)word_of(key, 2 * e + 1) << 32;
    value = (double)(int64_t)word;
    value = value * (s->b * 0x1p-63);
    value = value + s->a;
  } else if (s->rule == LAZY_INIT_UNIFORM) {
    single = (float)(int32_t)word_of(key, e);
    single = single * (float)(s->b * 0x1p-31);
    single = single + (float)s->a;
  } else if (s->rule != LAZY_INIT_CONSTANT) { /* NORMAL is told again in kernel_init_normal_test.c */
    return false;
  }
  uint64_t bits = 0;
  const float f = single;
  const double d = value;
  *out_bits = 0;
  if (e >= s->zero_first && e - s->zero_first < s->zero_count) return true;
  switch (s->dtype) {
    case LAZY_DTYPE_F64: memcpy(&bits, &d, 8); break;
    case LAZY_DTYPE_F32: memcpy(&bits, &f, 4); break;
    case LAZY_DTYPE_F16: bits = reference_round(f, 5, 10); break;
    case LAZY_DTYPE_BF16: bits = reference_round(f, 8, 7); break;
    case LAZY_DTYPE_I64: bits = (uint64_t)(int64_t)d; break;
    default: bits = (uint8_t)d; break;
  }
  *out_bits = bits;
  return true;
}

static uint64_t layout(struct lazy_init_segment *segments, uint32_t count, uint32_t *out_tiles) {
  uint64_t at = 0, tiles = 0;
  for (uint32_t i = 0; i < count; i++) {
    segments[i].offset = at;
    segments[i].first_tile = (uint32_t)tiles;
    at += (segments[i].count * lazy_dtype_bytes(segments[i].dtype) + LAZY_PARAM_ALIGNMENT) /
          LAZY_PARAM_ALIGNMENT * LAZY_PARAM_ALIGNMENT; /* at least one byte of gap, to see an overrun */
    if (!segments[i].host) tiles += (segments[i].count + LAZY_INIT_TILE - 1) / LAZY_INIT_TILE;
  }
  *out_tiles = (uint32_t)tiles;
  return at;
}

/* Draws with every way and compares with the reference, gaps included. */
static void check_segments(check_env *env, struct lazy_init_segment *segments, uint32_t count) {
  struct lazy_k_init_params_params params = {
      .segments = kernel_address(segments), .seed = check_random(env), .segment_count = count};
  const uint64_t bytes = layout(segments, count, &params.tile_count);
  kernel_ptx_lend(segments, count * sizeof *segments);
  unsigned char *wanted = kernel_alloc(bytes), *found = kernel_alloc(bytes), *poison = kernel_alloc(bytes);
  check_random_fill(env, poison, bytes);
  memcpy(wanted, poison, bytes);
  for (uint32_t i = 0; i < count; i++)
    for (uint64_t e = 0, bits; e < segments[i].count && !segments[i].host; e++)
      if (element_of(&segments[i], params.seed, e, &bits)) {
        const size_t each = lazy_dtype_bytes(segments[i].dtype);
        memcpy(wanted + segments[i].offset + e * each, &bits, each);
      }
  for (int w = 0; w < kernel_way_count(env); w++) {
    CHECK_CASE("%s", kernel_way_name(kernel_way_at(env, w)));
    memcpy(found, poison, bytes);
    params.base = kernel_address(found);
    kernel_run(kernel_way_at(env, w), "lazy_k_init_params", &params, env->seed + (uint64_t)w);
    if (memcmp(found, wanted, bytes) == 0) continue;
    uint64_t at = 0;
    while (found[at] == wanted[at]) at++;
    uint32_t s = 0;
    while (s + 1 < count && segments[s + 1].offset <= at) s++;
    FAIL("segment %u (%s, rule %u, %llu elements) differs at byte %llu", s,
         lazy_dtype_name(segments[s].dtype), segments[s].rule, (unsigned long long)segments[s].count,
         (unsigned long long)(at - segments[s].offset));
  }
  kernel_ptx_take_back(segments);
  kernel_free(wanted);
  kernel_free(found);
  kernel_free(poison);
}

static struct lazy_init_segment random_segment(check_env *env, uint64_t count) {
  struct lazy_init_segment s = {.count = count, .path_hash = check_random(env)};
  s.rule = (uint8_t)check_random_below(env, 3);
  s.dtype = (uint8_t)(1 + check_random_below(env, s.rule == LAZY_INIT_UNIFORM ? 4 : 6));
  s.a = check_random_unit(env) * 4 - 2;
  s.b = check_random_unit(env) * (check_random_below(env, 4) == 0 ? 1e-6 : 1);
  if (s.dtype == LAZY_DTYPE_I64 || s.dtype == LAZY_DTYPE_U8) s.a = (double)check_random_below(env, 200);
  if (check_random_below(env, 2) == 0) s.from = 4 * check_random_below(env, (uint64_t)1 << 38);
  if (check_random_below(env, 3) == 0 && s.rule == LAZY_INIT_CONSTANT) s.a = 0;
  if (check_random_below(env, 3) == 0 && s.rule != LAZY_INIT_NONE) { /* a zero row, in the slice or not */
    s.zero_count = 1 + check_random_below(env, count + 1);
    s.zero_first = s.from + check_random_below(env, count + 1);
    s.zero_first -= s.zero_first < s.zero_count ? s.zero_first : check_random_below(env, s.zero_count);
  }
  return s;
}

TEST_ON_IMAGES(kernel_init_params, every_tail_of_every_type) {
  for (uint8_t dtype = 1; dtype <= 6; dtype++)
    for (uint8_t rule = 1; rule <= (dtype <= 4 ? 2 : 1); rule++) {
      CHECK_CASE("%s, rule %u", lazy_dtype_name(dtype), rule);
      static struct lazy_init_segment segments[601];
      uint32_t used = 0;
      for (uint64_t count = 0; count <= 600; count += env->is_small ? 1 + count / 64 : 1) {
        struct lazy_init_segment *segment = &segments[used++];
        *segment = random_segment(env, count);
        segment->rule = rule;
        segment->dtype = dtype;
        if (dtype > 4) segment->a = (double)(count % 256);
      }
      check_segments(env, segments, used);
    }
}

TEST_ON_IMAGES(kernel_init_params, mixed_models) {
  for (int round = 0; round < (env->is_small ? 3 : 12); round++) {
    static struct lazy_init_segment segments[64];
    const uint32_t count = (uint32_t)check_random_between(env, 1, 64);
    for (uint32_t i = 0; i < count; i++) {
      const uint64_t sizes[] = {check_random_below(env, 20), check_random_below(env, 5000),
                                LAZY_INIT_TILE * check_random_below(env, 4), check_random_below(env, 30000)};
      segments[i] = random_segment(env, sizes[check_random_below(env, 4)]);
      segments[i].host = check_random_below(env, 8) == 0;
    }
    CHECK_CASE("round %d", round);
    check_segments(env, segments, count);
  }
}

/* A launch so large that its stores go past the host's caches writes what a small one does, to its odd end.
 */
TEST_ON_IMAGES(kernel_init_params, large_launches_write_the_same) {
  enum { TILES = 2048, FEW = 3, COUNT = TILES * LAZY_INIT_TILE - 777, PART = FEW * LAZY_INIT_TILE };
  unsigned char *large = kernel_alloc((size_t)COUNT * 8), *small = kernel_alloc((size_t)PART * 8);
  for (uint8_t dtype = 1; dtype <= 6; dtype++)
    for (uint8_t rule = LAZY_INIT_CONSTANT; rule <= (dtype <= 4 ? LAZY_INIT_NORMAL : LAZY_INIT_CONSTANT);
         rule++) {
      if (env->is_small && dtype != LAZY_DTYPE_F32) continue;
      CHECK_CASE("%s, rule %u", lazy_dtype_name(dtype), rule);
      struct lazy_init_segment s = {.count = COUNT,
                                    .path_hash = check_random(env),
                                    .a = rule - 1,
                                    .b = 1,
                                    .dtype = dtype,
                                    .rule = rule};
      struct lazy_k_init_params_params params = {
          kernel_address(&s), kernel_address(large), check_random(env), 1, TILES, 0};
      const size_t each = lazy_dtype_bytes((lazy_dtype)dtype);
      const kernel_way way = kernel_way_at(env, kernel_way_count(env) - 1);
      memset(large, 0xa5, (size_t)COUNT * 8);
      kernel_ptx_lend(&s, sizeof s);
      kernel_run(way, "lazy_k_init_params", &params, env->seed);
      params.base = kernel_address(small);
      params.tile_count = FEW;
      kernel_run(way, "lazy_k_init_params", &params, env->seed);
      kernel_ptx_take_back(&s);
      if (!EXPECT_BYTES_EQ(large, small, PART * each)) break;
      if (each < 8) EXPECT_EQ(large[COUNT * each], 0xa5);
      for (uint64_t e = COUNT - 2000, bits; e < COUNT; e++) {
        uint64_t found = 0;
        memcpy(&found, large + e * each, each);
        if (element_of(&s, params.seed, e, &bits) && !EXPECT_EQ(found, bits)) return;
      }
    }
  kernel_free(large);
  kernel_free(small);
}

/* Any slice drawn alone is what the whole has there, however the whole is cut. */
TEST_ON_IMAGES(kernel_init_params, slices_are_the_whole_cut_up) {
  enum { COUNT = 3 * LAZY_INIT_TILE + 77 };
  static const uint8_t dtypes[] = {LAZY_DTYPE_F64, LAZY_DTYPE_F32, LAZY_DTYPE_F16, LAZY_DTYPE_BF16};
  unsigned char *whole = kernel_alloc((size_t)COUNT * 8), *part = kernel_alloc((size_t)COUNT * 8);
  for (int i = 0; i < 8; i++) {
    struct lazy_init_segment s = {.count = COUNT,
                                  .path_hash = check_random(env),
                                  .a = 0.5,
                                  .b = 0.25,
                                  .dtype = dtypes[i / 2],
                                  .rule = i % 2 == 0 ? LAZY_INIT_UNIFORM : LAZY_INIT_NORMAL};
    struct lazy_k_init_params_params params = {
        kernel_address(&s), kernel_address(whole), check_random(env), 1, (COUNT - 1) / LAZY_INIT_TILE + 1, 0};
    const size_t each = lazy_dtype_bytes((lazy_dtype)s.dtype);
    kernel_ptx_lend(&s, sizeof s);
    kernel_run(kernel_way_at(env, 0), "lazy_k_init_params", &params, env->seed);
    for (int round = 0; round < 3; round++) {
      const kernel_way way =
          kernel_way_at(env, (int)check_random_below(env, (uint64_t)kernel_way_count(env)));
      s.from = 4 * check_random_below(env, COUNT / 4);
      s.count = 1 + check_random_below(env, COUNT - s.from);
      CHECK_CASE("%s, rule %u, %llu elements from %llu on, %s", lazy_dtype_name((lazy_dtype)s.dtype), s.rule,
                 (unsigned long long)s.count, (unsigned long long)s.from, kernel_way_name(way));
      params.base = kernel_address(part);
      params.tile_count = (uint32_t)((s.count - 1) / LAZY_INIT_TILE + 1);
      kernel_run(way, "lazy_k_init_params", &params, env->seed);
      EXPECT_BYTES_EQ(part, whole + s.from * each, s.count * each);
    }
    kernel_ptx_take_back(&s);
  }
  kernel_free(whole);
  kernel_free(part);
}

/* Values of a uniform: inside the closed interval, both halves of it used, all words of a block different. */
TEST_ON_IMAGES(kernel_init_params, uniform_stays_in_its_interval) {
  enum { COUNT = 100000 };
  float *values = kernel_alloc(COUNT * 4);
  struct lazy_init_segment s = {.count = COUNT,
                                .path_hash = check_random(env),
                                .a = 0.25,
                                .b = 0.5,
                                .dtype = 2,
                                .rule = LAZY_INIT_UNIFORM};
  const struct lazy_k_init_params_params params = {kernel_address(&s),
                                                   kernel_address(values),
                                                   check_random(env),
                                                   1,
                                                   (COUNT + LAZY_INIT_TILE - 1) / LAZY_INIT_TILE,
                                                   0};
  kernel_ptx_lend(&s, sizeof s);
  kernel_run(kernel_way_at(env, kernel_way_count(env) - 1), "lazy_k_init_params", &params, 0);
  kernel_ptx_take_back(&s);
  double sum = 0, square = 0;
  uint64_t outside = 0, repeats = 0;
  for (int i = 0; i < COUNT; i++) {
    outside += !(values[i] >= -0.25f && values[i] <= 0.75f);
    repeats += i > 0 && values[i] == values[i - 1];
    sum += values[i] - 0.25;
    square += (values[i] - 0.25) * (values[i] - 0.25);
  }
  EXPECT_EQ(outside, 0u);
  EXPECT_LE(repeats, 2u);
  EXPECT_NEAR(sum / COUNT, 0.0, 6 * sqrt(1.0 / 12 / COUNT));
  EXPECT_NEAR(square / COUNT, 1.0 / 12, 6 * sqrt(1.0 / 180 / COUNT));
  kernel_free(values);
}

/* The first elements of a longer draw are those of a shorter one, and another type's are the f32 values
 * rounded. */
TEST_ON_IMAGES(kernel_init_params, converting_then_drawing_is_drawing_then_converting) {
  enum { COUNT = 9001 };
  float *single = kernel_alloc(COUNT * 4);
  uint16_t *half = kernel_alloc(COUNT * 2);
  struct lazy_init_segment s = {.count = COUNT,
                                .path_hash = check_random(env),
                                .a = 0,
                                .b = 0.1,
                                .dtype = 2,
                                .rule = LAZY_INIT_UNIFORM};
  struct lazy_k_init_params_params params = {
      kernel_address(&s), kernel_address(single), check_random(env), 1, 3, 0};
  kernel_ptx_lend(&s, sizeof s);
  kernel_run(kernel_way_at(env, 0), "lazy_k_init_params", &params, 0);
  for (uint8_t dtype = LAZY_DTYPE_F16; dtype <= LAZY_DTYPE_BF16; dtype++) {
    s.dtype = dtype;
    s.count = COUNT - check_random_below(env, 5000);
    params.tile_count = (uint32_t)((s.count + LAZY_INIT_TILE - 1) / LAZY_INIT_TILE);
    params.base = kernel_address(half);
    kernel_run(kernel_way_at(env, kernel_way_count(env) - 1), "lazy_k_init_params", &params, 0);
    uint64_t different = 0;
    for (uint64_t i = 0; i < s.count; i++)
      different += half[i] != (dtype == LAZY_DTYPE_F16 ? reference_round(single[i], 5, 10)
                                                       : reference_round(single[i], 8, 7));
    EXPECT_EQ(different, 0u);
  }
  kernel_ptx_take_back(&s);
  kernel_free(single);
  kernel_free(half);
}
