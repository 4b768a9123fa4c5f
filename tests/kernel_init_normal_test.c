/* Normal values of the stream keyed/1: the transform against the C library's functions, the same bits
   everywhere, and the distribution. */
#include <math.h>
#include <stdlib.h>

#include "kernels/key.h"
#include "tests/kernel_run.h"
#include "tests/number_reference.h"

static struct lazy_init_segment normal_segment(check_env *env, lazy_dtype dtype, uint64_t count) {
  return (struct lazy_init_segment){.count = count,
                                    .path_hash = check_random(env),
                                    .a = 0,
                                    .b = 1,
                                    .dtype = (uint8_t)dtype,
                                    .rule = LAZY_INIT_NORMAL};
}

/* Draws one segment to `out`, which has room for it. */
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

/* The words of the same key, drawn by another kernel, which has tests of its own. */
static void words_of(kernel_way way, const struct lazy_init_segment *segment, uint64_t seed, uint32_t *out,
                     uint64_t count) {
  const struct lazy_k_philox_params params = {
      .out = kernel_address(out), .count = count, .key = lazy_key_mix(segment->path_hash, seed)};
  kernel_run(way, "lazy_k_philox", &params, 0);
}

/* The exact pair of two whole words of `bits` bits, in double. u is as coarse as the type's own. */
static void exact_pair(double u, double turns, double *out_cos, double *out_sin) {
  const double radius = sqrt(-2 * log(u)), angle = 2 * 3.14159265358979323846 * turns;
  *out_cos = radius * cos(angle);
  *out_sin = radius * sin(angle);
}

TEST_ON_IMAGES(kernel_init_normal, f32_is_box_mullers_transform_of_the_words) {
  enum { COUNT = 400000 };
  struct lazy_init_segment s = normal_segment(env, LAZY_DTYPE_F32, COUNT);
  const uint64_t seed = check_random(env);
  const kernel_way way = kernel_way_at(env, kernel_way_count(env) - 1);
  float *found = kernel_alloc(COUNT * sizeof *found);
  uint32_t *words = kernel_alloc(COUNT * sizeof *words);
  draw(way, &s, seed, found);
  words_of(way, &s, seed, words, COUNT);
  double worst = 0;
  for (int block = 0; block < COUNT; block += 4)
    for (int k = 0; k < 2; k++) {
      const float u = (float)(int32_t)(words[block + k] >> 1) * 0x1p-31f + 0x1p-32f;
      double wanted[2];
      exact_pair(u, (double)words[block + k + 2] * 0x1p-32, &wanted[0], &wanted[1]);
      for (int half = 0; half < 2; half++) {
        const double off = fabs(found[block + k + 2 * half] - wanted[half]);
        if (off > worst) worst = off;
        if (!EXPECT_LE(off, 2.5e-7 + 3e-7 * fabs(wanted[half]))) return;
      }
    }
  EXPECT_GT(worst, 0.0); /* what is compared is not the same computation */
  kernel_free(found);
  kernel_free(words);
}

TEST_ON_IMAGES(kernel_init_normal, f64_is_box_mullers_transform_of_the_words) {
  enum { COUNT = 100000 };
  struct lazy_init_segment s = normal_segment(env, LAZY_DTYPE_F64, COUNT);
  const uint64_t seed = check_random(env);
  const kernel_way way = kernel_way_at(env, kernel_way_count(env) - 1);
  double *found = kernel_alloc(COUNT * sizeof *found);
  uint32_t *words = kernel_alloc(2 * COUNT * sizeof *words);
  draw(way, &s, seed, found);
  words_of(way, &s, seed, words, 2 * COUNT);
  for (int pair = 0; pair < COUNT; pair += 2) {
    const uint32_t *w = words + 2 * pair;
    const uint64_t radius = w[0] | (uint64_t)w[1] << 32, angle = w[2] | (uint64_t)w[3] << 32;
    const double u = (double)(int64_t)(radius >> 11) * 0x1p-53 + 0x1p-54;
    double wanted[2];
    /* within half a turn, where the angle's last bits survive */
    exact_pair(u, (double)(int64_t)angle * 0x1p-64, &wanted[0], &wanted[1]);
    for (int half = 0; half < 2; half++) {
      const double off = fabs(found[pair + half] - wanted[half]);
      if (!EXPECT_LE(off, 4e-15 * (1 + fabs(wanted[half])))) return;
    }
  }
  kernel_free(found);
  kernel_free(words);
}

/* At every level, grid and order, at every length of a tail; 16-bit types are the f32 value rounded. */
TEST_ON_IMAGES(kernel_init_normal, same_bits_everywhere) {
  enum { MOST = 2 * LAZY_INIT_TILE + 600 };
  unsigned char *first = kernel_alloc(MOST * 8), *found = kernel_alloc(MOST * 8);
  float *single = kernel_alloc(MOST * sizeof *single);
  for (uint8_t dtype = LAZY_DTYPE_F64; dtype <= LAZY_DTYPE_BF16; dtype++)
    for (uint64_t count = 1; count <= MOST; count += count < 600 ? (env->is_small ? 37 : 1) : 2731) {
      CHECK_CASE("%s, %llu elements", lazy_dtype_name(dtype), (unsigned long long)count);
      struct lazy_init_segment s = normal_segment(env, (lazy_dtype)dtype, count);
      const uint64_t seed = check_random(env), bytes = count * lazy_dtype_bytes((lazy_dtype)dtype);
      s.a = check_random_unit(env) - 0.5;
      s.b = check_random_unit(env);
      for (int w = 0; w < kernel_way_count(env); w++) {
        memset(found, 0xa5, MOST * 8);
        draw(kernel_way_at(env, w), &s, seed, w == 0 ? first : found);
        if (w == 0) continue;
        if (!EXPECT_BYTES_EQ(found, first, bytes) || !EXPECT_EQ(found[bytes], 0xa5)) return;
      }
      if (dtype < LAZY_DTYPE_F16) continue;
      s.dtype = LAZY_DTYPE_F32;
      draw(kernel_way_at(env, 0), &s, seed, single);
      const uint16_t *half = (const uint16_t *)(const void *)first;
      for (uint64_t e = 0; e < count; e++)
        if (!EXPECT_EQ(half[e], dtype == LAZY_DTYPE_F16 ? reference_round(single[e], 5, 10)
                                                        : reference_round(single[e], 8, 7)))
          return;
    }
  kernel_free(first);
  kernel_free(found);
  kernel_free(single);
}

/* The shortest draw is the beginning of the longest. */
TEST_ON_IMAGES(kernel_init_normal, a_value_depends_on_its_number_alone) {
  enum { COUNT = 3000 };
  float *whole = kernel_alloc(COUNT * sizeof *whole), *part = kernel_alloc(COUNT * sizeof *part);
  struct lazy_init_segment s = normal_segment(env, LAZY_DTYPE_F32, COUNT);
  const uint64_t seed = check_random(env);
  draw(kernel_way_at(env, 0), &s, seed, whole);
  for (int round = 0; round < 30; round++) {
    s.count = check_random_between(env, 1, COUNT);
    draw(kernel_way_at(env, 0), &s, seed, part);
    if (!EXPECT_BYTES_EQ(part, whole, s.count * sizeof *part)) break;
  }
  kernel_free(whole);
  kernel_free(part);
}

static int ascending(const void *a, const void *b) {
  const float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

/* Moments to the fourth, the largest distance to the distribution function (Kolmogorov and Smirnov), and
   correlations of neighbours within a block and of a pair's halves, each within what chance allows once in
   many millions of runs. */
TEST_ON_IMAGES(kernel_init_normal, values_are_normally_distributed) {
  enum { COUNT = 1 << 20 };
  struct lazy_init_segment s = normal_segment(env, LAZY_DTYPE_F32, COUNT);
  float *z = kernel_alloc(COUNT * sizeof *z);
  draw(kernel_way_at(env, kernel_way_count(env) - 1), &s, check_random(env), z);
  const double n = COUNT, bound = 6 / sqrt(n);
  double moments[5] = {0}, lag[4] = {0}, squares = 0;
  int beyond = 0;
  for (int i = 0; i < COUNT; i++) {
    double power = 1;
    for (int k = 1; k <= 4; k++) moments[k] += power *= z[i];
    for (int k = 1; k <= 3; k++)
      if (i >= k) lag[k] += (double)z[i] * z[i - k];
    if ((i & 3) >= 2) squares += ((double)z[i] * z[i] - 1) * ((double)z[i - 2] * z[i - 2] - 1);
    beyond += fabsf(z[i]) > 4;
  }
  EXPECT_NEAR(moments[1] / n, 0, bound);
  EXPECT_NEAR(moments[2] / n, 1, bound * sqrt(2));
  EXPECT_NEAR(moments[3] / n, 0, bound * sqrt(15));
  EXPECT_NEAR(moments[4] / n, 3, bound * sqrt(96));
  for (int k = 1; k <= 3; k++) EXPECT_NEAR(lag[k] / n, 0, bound);
  EXPECT_NEAR(squares / (n / 2), 0, 6 * 2 / sqrt(n / 2));
  EXPECT_NEAR(beyond, n * erfc(4 / sqrt(2)), 6 * sqrt(n * erfc(4 / sqrt(2))));
  qsort(z, COUNT, sizeof *z, ascending);
  double distance = 0;
  for (int i = 0; i < COUNT; i++) {
    const double p = 0.5 * erfc(-z[i] / sqrt(2));
    distance = fmax(distance, fmax(fabs(p - i / n), fabs(p - (i + 1) / n)));
  }
  EXPECT_LE(distance * sqrt(n), 2.5); /* exceeded once in 130,000 */
  kernel_free(z);
}
