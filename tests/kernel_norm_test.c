/* moments, moments_merge and normalize against long double: the same bits every way. */
#include <math.h>

#include "tests/kernel_run.h"
#include "tests/number_reference.h"

/* Values whose mean is large against their spread, as a naive sum of squares would not survive. */
static double draw(check_env *env, uint8_t dtype, void *x, uint64_t i) {
  const double v = 8 + check_random_unit(env);
  const float f = (float)v;
  const int exponent = dtype == LAZY_DTYPE_F16 ? 5 : 8, fraction = dtype == LAZY_DTYPE_F16 ? 10 : 7;
  const uint16_t h = reference_round(v, exponent, fraction);
  switch (dtype) {
    case LAZY_DTYPE_F64: ((double *)x)[i] = v; return v;
    case LAZY_DTYPE_F32: ((float *)x)[i] = f; return f;
    default: ((uint16_t *)x)[i] = h; return reference_value(h, exponent, fraction);
  }
}

static double at(const void *values, uint8_t dtype, uint64_t i) {
  return dtype == LAZY_DTYPE_F64 ? ((const double *)values)[i] : (double)((const float *)values)[i];
}

typedef struct shape {
  uint64_t groups, runs, run;
} shape;

/* Groups side by side in every run: batch norm's way (runs > 1) and that of the others. */
static void check_moments(check_env *env, uint8_t dtype, shape s, bool about_zero) {
  const uint64_t count = s.groups * s.runs * s.run, elements = s.runs * s.run;
  const uint64_t tiles = (elements + LAZY_MOMENTS_TILE - 1) / LAZY_MOMENTS_TILE;
  const uint8_t computed = dtype == LAZY_DTYPE_F64 ? LAZY_DTYPE_F64 : LAZY_DTYPE_F32;
  const size_t partial_bytes = tiles * s.groups * 16, statistic_bytes = s.groups * 8;
  void *x = kernel_alloc(count * 8), *partials = kernel_alloc(partial_bytes), *first = malloc(partial_bytes);
  char *statistics = kernel_alloc(4 * statistic_bytes), *first_statistics = malloc(4 * statistic_bytes);
  int64_t *counter = kernel_alloc(sizeof *counter);
  double *in = malloc(count * sizeof *in);
  for (uint64_t i = 0; i < count; i++) in[i] = draw(env, dtype, x, i);
  for (int w = 0; w < kernel_way_count(env); w++) {
    CHECK_CASE("%s, %s", lazy_dtype_name(dtype), kernel_way_name(kernel_way_at(env, w)));
    const struct lazy_k_moments_params params = {.x = kernel_address(x),
                                                 .partials = kernel_address(partials),
                                                 .counter = kernel_address(counter),
                                                 .groups = s.groups,
                                                 .runs = s.runs,
                                                 .run = s.run,
                                                 .stride = s.groups * s.run,
                                                 .dtype = dtype,
                                                 .about_zero = about_zero};
    struct lazy_k_moments_merge_params merge = {
        .partials = kernel_address(partials),
        .mean = kernel_address(statistics),
        .rstd = kernel_address(statistics + statistic_bytes),
        .running_mean = kernel_address(statistics + 2 * statistic_bytes),
        .running_var = kernel_address(statistics + 3 * statistic_bytes),
        .counter = kernel_address(counter),
        .channels = s.groups,
        .repeats = 1,
        .elements = elements,
        .eps = 0.5,
        .dtype = computed,
        .running_dtype = computed};
    memset(partials, 0xff, partial_bytes);
    memset(statistics, 0, 4 * statistic_bytes);
    *counter = 1;
    kernel_run(kernel_way_at(env, w), "lazy_k_moments", &params, env->seed);
    kernel_run(kernel_way_at(env, w), "lazy_k_moments_merge", &merge, env->seed);
    EXPECT_EQ(*counter, 2);
    if (w == 0)
      memcpy(first, partials, partial_bytes), memcpy(first_statistics, statistics, 4 * statistic_bytes);
    if (!EXPECT_BYTES_EQ(partials, first, partial_bytes)) break;
    if (!EXPECT_BYTES_EQ(statistics, first_statistics, 4 * statistic_bytes)) break;
  }
  /* eight additions a lane, eight folds, a merger for every tile; the mean's rounding, squared, is below one
   * more */
  const double unit = dtype == LAZY_DTYPE_F64 ? 0x1p-53 : 0x1p-24, room = (24 + 4 * (double)tiles) * unit;
  for (uint64_t g = 0; g < s.groups; g++) {
    CHECK_CASE("%s, group %llu of %llu", lazy_dtype_name(dtype), (unsigned long long)g,
               (unsigned long long)s.groups);
    long double mean = 0, squares = 0;
    for (uint64_t i = 0; i < elements && !about_zero; i++)
      mean += in[(i / s.run * s.groups + g) * s.run + i % s.run] / (long double)elements;
    for (uint64_t i = 0; i < elements; i++) {
      const long double off = in[(i / s.run * s.groups + g) * s.run + i % s.run] - mean;
      squares += off * off;
    }
    const double variance = (double)(squares / (long double)elements);
    const double unbiased = (double)(squares / (long double)(elements - 1));
    if (!EXPECT_NEAR(at(first_statistics, computed, g), (double)mean, room * 9)) break;
    EXPECT_NEAR(at(first_statistics + statistic_bytes, computed, g), 1 / sqrt(variance + 0.5),
                room / sqrt(variance + 0.5));
    EXPECT_NEAR(at(first_statistics + 2 * statistic_bytes, computed, g), (double)mean / 2, room * 9);
    EXPECT_NEAR(at(first_statistics + 3 * statistic_bytes, computed, g), unbiased / 2,
                room * (unbiased + 1e-3));
  }
  kernel_free(x), kernel_free(partials), kernel_free(statistics), kernel_free(counter);
  free(first), free(first_statistics), free(in);
}

TEST_ON_IMAGES(kernel_norm, moments_are_exact_to_a_bound_and_the_same_every_way) {
  const uint64_t many = env->is_small ? 2500 : 9000;
  const shape shapes[] = {{1, 1, 2}, {5, 1, many}, {3, 7, 401}, {17, 60, 1}, {2, 1, LAZY_MOMENTS_TILE},
                          {9, 3, 49}};
  for (uint8_t dtype = LAZY_DTYPE_F64; dtype <= LAZY_DTYPE_BF16; dtype++)
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
      for (int about_zero = 0; about_zero < 2; about_zero++) {
        CHECK_CASE("shape %zu, about zero %d", i, about_zero);
        check_moments(env, dtype, shapes[i], about_zero);
      }
}

/* Rows whose statistics, weight and bias are their own, their elements', or by channel. */
static void check_normalize(check_env *env, uint8_t dtype, enum lazy_norm_by_element by, bool affine) {
  enum { ROWS = 12, INNER = 37, COUNT = ROWS * INNER };
  const bool wide = dtype == LAZY_DTYPE_F64;
  char *x = kernel_alloc(COUNT * 8), *y = kernel_alloc(COUNT * 8), *first = malloc(COUNT * 8);
  char *vectors[4];
  double in[COUNT], v[4][INNER];
  for (int i = 0; i < COUNT; i++) in[i] = draw(env, dtype, x, (uint64_t)i);
  for (int i = 0; i < 4; i++) {
    vectors[i] = kernel_alloc(INNER * 8);
    for (int j = 0; j < INNER; j++)
      v[i][j] = draw(env, wide ? LAZY_DTYPE_F64 : LAZY_DTYPE_F32, vectors[i], (uint64_t)j);
  }
  const struct lazy_k_normalize_params params = {.x = kernel_address(x),
                                                 .y = kernel_address(y),
                                                 .mean = kernel_address(vectors[0]),
                                                 .rstd = kernel_address(vectors[1]),
                                                 .weight = affine ? kernel_address(vectors[2]) : 0,
                                                 .bias = affine ? kernel_address(vectors[3]) : 0,
                                                 .count = COUNT,
                                                 .inner = INNER,
                                                 .divide = 2,
                                                 .modulo = 4,
                                                 .affine_modulo = 5,
                                                 .dtype = dtype,
                                                 .by_element = (uint8_t)by};
  for (int w = 0; w < kernel_way_count(env); w++) {
    CHECK_CASE("%s, by %d, affine %d, %s", lazy_dtype_name(dtype), by, affine,
               kernel_way_name(kernel_way_at(env, w)));
    memset(y, 0xff, COUNT * 8);
    kernel_run(kernel_way_at(env, w), "lazy_k_normalize", &params, env->seed);
    if (w == 0) memcpy(first, y, COUNT * 8);
    if (!EXPECT_BYTES_EQ(y, first, COUNT * 8)) break;
  }
  const double unit = wide ? 0x1p-53 : 0x1p-24;
  const double last = wide                      ? 0x1p-53
                      : dtype == LAZY_DTYPE_F32 ? 0x1p-24
                      : dtype == LAZY_DTYPE_F16 ? 0x1p-11
                                                : 0x1p-8;
  for (int i = 0; i < COUNT; i++) {
    const int row = i / INNER, column = i % INNER;
    const int s = by == LAZY_NORM_ALL_BY_ELEMENT ? column : row / 2 % 4,
              a = by == LAZY_NORM_BY_ROW ? row % 5 : column;
    const double weight = affine ? v[2][a] : 1, bias = affine ? v[3][a] : 0;
    const double scaled = (in[i] - v[0][s]) * v[1][s] * weight, wanted = scaled + bias;
    double found = 0;
    if (wide) memcpy(&found, first + (size_t)i * 8, 8);
    else if (dtype == LAZY_DTYPE_F32) found = ((const float *)(const void *)first)[i];
    else
      found = reference_value(((const uint16_t *)(const void *)first)[i], dtype == LAZY_DTYPE_F16 ? 5 : 8,
                              dtype == LAZY_DTYPE_F16 ? 10 : 7);
    CHECK_CASE("%s, by %d, affine %d, element %d", lazy_dtype_name(dtype), by, affine, i);
    if (!EXPECT_NEAR(found, wanted, 4 * unit * (fabs(scaled) + fabs(wanted)) + last * fabs(wanted) + 1e-30))
      break;
  }
  for (int i = 0; i < 4; i++) kernel_free(vectors[i]);
  kernel_free(x), kernel_free(y);
  free(first);
}

TEST_ON_IMAGES(kernel_norm, normalize_takes_statistics_by_row_and_by_element) {
  for (uint8_t dtype = LAZY_DTYPE_F64; dtype <= LAZY_DTYPE_BF16; dtype++)
    for (int by = LAZY_NORM_BY_ROW; by <= LAZY_NORM_ALL_BY_ELEMENT; by++)
      for (int affine = 0; affine < 2; affine++)
        check_normalize(env, dtype, (enum lazy_norm_by_element)by, affine);
}
