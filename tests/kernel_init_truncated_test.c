/* Truncated normal values of the stream keyed/1: against quantiles found by halving intervals with the C
   library's erfc, the same bits everywhere, and the distribution. */
#include <math.h>
#include <stdlib.h>

#include "kernels/key.h"
#include "runtime/init/init.h"
#include "tests/kernel_run.h"
#include "tests/number_reference.h"

static struct lazy_init_segment segment_of(check_env *env, lazy_dtype dtype, uint64_t count, double mean,
                                           double std, double low, double high) {
  struct lazy_init_segment s = {.count = count,
                                .path_hash = check_random(env),
                                .a = mean,
                                .b = std,
                                .dtype = (uint8_t)dtype,
                                .rule = LAZY_INIT_TRUNCATED};
  lazyi_init_cut(mean, std, low, high, &s.cut);
  return s;
}

static void draw(kernel_way way, struct lazy_init_segment *segment, uint64_t seed, void *out) {
  const struct lazy_k_init_params_params params = {
      kernel_address(segment),
      kernel_address(out),
      seed,
      1,
      (uint32_t)((segment->count + LAZY_INIT_TILE - 1) / LAZY_INIT_TILE),
      0};
  kernel_ptx_lend(segment, sizeof *segment);
  kernel_run(way, "lazy_k_init_params", &params, seed);
  kernel_ptx_take_back(segment);
}

static void words_of(kernel_way way, const struct lazy_init_segment *segment, uint64_t seed, uint32_t *out,
                     uint64_t count) {
  const struct lazy_k_philox_params params = {
      .out = kernel_address(out), .count = count, .key = lazy_key_mix(segment->path_hash, seed)};
  kernel_run(way, "lazy_k_philox", &params, 0);
}

/* What the standard normal distribution has beyond x. */
static long double beyond(long double x) { return erfcl(x / sqrtl(2.0L)) / 2; }

/* z with `tail` of the distribution beyond it, for 0 < tail <= 1/2. */
static long double quantile(long double tail) {
  long double low = 0, high = 40;
  for (int i = 0; i < 70; i++) {
    const long double middle = (low + high) / 2;
    if (beyond(middle) > tail) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/* The value as far up the part within the bounds as `up` (and `down` from its other end) says. */
static double exact_value(const struct lazy_init_segment *s, long double up, long double down) {
  const long double from = ((long double)s->cut.low - s->a) / s->b,
                    to = ((long double)s->cut.high - s->a) / s->b;
  const long double below = beyond(-from), above = beyond(to),
                    within = from > 0 ? beyond(from) - above
                             : to < 0 ? beyond(-to) - below
                                      : 1 - below - above;
  const long double lower = up * within + below, upper = down * within + above;
  return (double)((lower < upper ? -quantile(lower) : quantile(upper)) * s->b + s->a);
}

/* Mean, deviation and bounds: PyTorch's defaults, both sides alone, off the middle, far out, a sliver. */
static const double cuts[][4] = {
    {0, 1, -2, 2}, {0, 0.02, -2, 2},    {0, 0.02, -0.04, 0.04}, {1, 2, -0.5, 0.25}, {-3, 0.5, -3.25, 40},
    {0, 1, 3, 4},  {0, 1, -5.3, -4.75}, {0, 1, 5.2, 9},         {0, 1, -40, 40},    {0.5, 1, 0.4999, 0.5},
};
enum { CUTS = sizeof cuts / sizeof *cuts };

/* A tail is made with three roundings (of the fraction of a word, the product and the sum), and where it is
   near 1/2 its quantile moves by 2.51 times as much; further out by less than 1.26 / z times its relative
   error. What the polynomials add is below that. */
TEST_ON_IMAGES(kernel_init_truncated, f32_is_the_quantile_of_the_word) {
  enum { COUNT = 8000 };
  float *found = kernel_alloc(COUNT * sizeof *found);
  uint32_t *words = kernel_alloc(COUNT * sizeof *words);
  double worst = 0;
  for (int c = 0; c < CUTS; c++) {
    CHECK_CASE("mean %g, deviation %g, from %g to %g", cuts[c][0], cuts[c][1], cuts[c][2], cuts[c][3]);
    struct lazy_init_segment s = segment_of(env, LAZY_DTYPE_F32, env->is_small ? COUNT / 8 : COUNT,
                                            cuts[c][0], cuts[c][1], cuts[c][2], cuts[c][3]);
    const uint64_t seed = check_random(env);
    const kernel_way way = kernel_way_at(env, kernel_way_count(env) - 1);
    draw(way, &s, seed, found);
    words_of(way, &s, seed, words, s.count);
    for (uint64_t e = 0; e < s.count; e++) {
      const long double up = (long double)(words[e] >> 1) * 0x1p-31L + 0x1p-32L;
      const double wanted = exact_value(&s, up, 1 - up), off = fabs(found[e] - wanted);
      if (off / s.b > worst) worst = off / s.b;
      if (!EXPECT_LE(off, s.b * 1.2e-6 + 2e-7 * fabs(wanted))) return;
      if (!EXPECT_TRUE(found[e] >= (float)s.cut.low && found[e] <= (float)s.cut.high)) return;
    }
  }
  EXPECT_GT(worst, 0.0); /* what is compared is not the same computation */
  kernel_free(found);
  kernel_free(words);
}

TEST_ON_IMAGES(kernel_init_truncated, f64_is_the_quantile_of_the_words) {
  enum { COUNT = 2000 };
  double *found = kernel_alloc(COUNT * sizeof *found);
  uint32_t *words = kernel_alloc(2 * COUNT * sizeof *words);
  for (int c = 0; c < CUTS; c++) {
    CHECK_CASE("mean %g, deviation %g, from %g to %g", cuts[c][0], cuts[c][1], cuts[c][2], cuts[c][3]);
    struct lazy_init_segment s = segment_of(env, LAZY_DTYPE_F64, env->is_small ? COUNT / 8 : COUNT,
                                            cuts[c][0], cuts[c][1], cuts[c][2], cuts[c][3]);
    const uint64_t seed = check_random(env);
    const kernel_way way = kernel_way_at(env, kernel_way_count(env) - 1);
    draw(way, &s, seed, found);
    words_of(way, &s, seed, words, 2 * s.count);
    for (uint64_t e = 0; e < s.count; e++) {
      const uint64_t word = words[2 * e] | (uint64_t)words[2 * e + 1] << 32;
      const long double up = (long double)(word >> 11) * 0x1p-53L + 0x1p-54L;
      const double wanted = exact_value(&s, up, 1 - up), off = fabs(found[e] - wanted);
      if (!EXPECT_LE(off, s.b * 3e-15 + 4e-16 * fabs(wanted))) return;
      if (!EXPECT_TRUE(found[e] >= s.cut.low && found[e] <= s.cut.high)) return;
    }
  }
  kernel_free(found);
  kernel_free(words);
}

/* At every level, grid and order, at every length of a tail, as a slice too; 16-bit types are the f32 value
   rounded. */
TEST_ON_IMAGES(kernel_init_truncated, same_bits_everywhere) {
  enum { MOST = LAZY_INIT_TILE + 900 };
  unsigned char *whole = kernel_alloc(MOST * 8), *found = kernel_alloc(MOST * 8);
  float *single = kernel_alloc(MOST * sizeof *single);
  for (uint8_t dtype = LAZY_DTYPE_F64; dtype <= LAZY_DTYPE_BF16; dtype++) {
    struct lazy_init_segment s = segment_of(env, (lazy_dtype)dtype, MOST, 0.25, 0.5, -1, 1.5);
    const uint64_t seed = check_random(env), each = lazy_dtype_bytes((lazy_dtype)dtype);
    draw(kernel_way_at(env, 0), &s, seed, whole);
    for (int w = 0; w < kernel_way_count(env); w++)
      for (int round = 0; round < (env->is_small ? 3 : 12); round++) {
        s.from = round == 0 ? 0 : 4 * check_random_below(env, MOST / 4);
        s.count = round == 0 ? MOST : 1 + check_random_below(env, (round & 1 ? 600 : MOST - s.from));
        if (s.count > MOST - s.from) s.count = MOST - s.from;
        CHECK_CASE("%s, %s, %llu elements from %llu on", lazy_dtype_name((lazy_dtype)dtype),
                   kernel_way_name(kernel_way_at(env, w)), (unsigned long long)s.count,
                   (unsigned long long)s.from);
        memset(found, 0xa5, MOST * 8);
        draw(kernel_way_at(env, w), &s, seed, found);
        if (!EXPECT_BYTES_EQ(found, whole + s.from * each, s.count * each) ||
            (s.count * each < MOST * 8 && !EXPECT_EQ(found[s.count * each], 0xa5)))
          return;
      }
    if (dtype < LAZY_DTYPE_F16) continue;
    s.dtype = LAZY_DTYPE_F32;
    s.from = 0;
    s.count = MOST;
    draw(kernel_way_at(env, 0), &s, seed, single);
    const uint16_t *half = (const uint16_t *)(const void *)whole;
    for (uint64_t e = 0; e < MOST; e++)
      if (!EXPECT_EQ(half[e], dtype == LAZY_DTYPE_F16 ? reference_round(single[e], 5, 10)
                                                      : reference_round(single[e], 8, 7)))
        return;
  }
  kernel_free(whole);
  kernel_free(found);
  kernel_free(single);
}

/* What lies where of the distribution, against the C library's erfc. */
TEST(kernel_init_truncated, cuts_are_exact) {
  for (int c = 0; c < 400; c++) {
    const double *given = cuts[c % CUTS];
    const double mean = given[0], std = given[1];
    const double low = c < CUTS ? given[2] : mean + std * (check_random_unit(env) * 16 - 8);
    const double high = c < CUTS ? given[3] : low + std * check_random_unit(env) * 8;
    struct lazy_init_cut cut;
    lazyi_init_cut(mean, std, low, high, &cut);
    const double from = (low - mean) / std, to = (high - mean) / std;
    const long double below = beyond(-from), above = beyond(to);
    const long double within = from > 0 ? beyond(from) - above
                               : to < 0 ? beyond(-to) - below
                                        : 1 - below - above;
    CHECK_CASE("from %g to %g deviations", from, to);
    EXPECT_LE((double)fabsl(cut.below - below), 1e-14 * (double)below);
    EXPECT_LE((double)fabsl(cut.above - above), 1e-14 * (double)above);
    EXPECT_LE((double)fabsl(cut.within - within), 1e-14 * (double)(from > 0 ? beyond(from)
                                                                   : to < 0 ? beyond(-to)
                                                                            : 1));
  }
}
