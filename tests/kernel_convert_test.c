/* convert: every 16-bit value, every pair of types against exact references, strided places. */
#include <math.h>

#include "tests/kernel_run.h"
#include "tests/number_reference.h"

static struct lazy_k_convert_params flat(const void *from, uint8_t from_dtype, const void *to,
                                         uint8_t to_dtype, uint64_t count) {
  struct lazy_k_convert_params p = {kernel_address(from), kernel_address(to), count, {0}, {1}, {1}, 1,
                                    from_dtype,           to_dtype,           {0}};
  p.sizes[0] = (int64_t)count;
  return p;
}

static uint64_t element_at(const void *array, uint8_t dtype, uint64_t i) {
  const size_t bytes = lazy_dtype_bytes(dtype);
  uint64_t bits = 0;
  memcpy(&bits, (const char *)array + i * bytes, bytes);
  return bits;
}

/* An element as a long double, exact for every type. */
static long double value_of(uint64_t bits, uint8_t dtype) {
  double d;
  float f;
  switch (dtype) {
    case LAZY_DTYPE_F64: return memcpy(&d, &bits, 8), (long double)d;
    case LAZY_DTYPE_F32: return memcpy(&f, &bits, 4), (long double)f;
    case LAZY_DTYPE_F16: return reference_value((uint16_t)bits, 5, 10);
    case LAZY_DTYPE_BF16: return reference_value((uint16_t)bits, 8, 7);
    case LAZY_DTYPE_I64: return (long double)(int64_t)bits;
    default: return (long double)(uint8_t)bits;
  }
}

/* long double to a double that rounds to any 16-bit format as the long double does: to odd. */
static double to_odd(long double x) {
  double d = (double)x;
  if ((long double)d == x || isnan(d)) return d;
  if (fabsl((long double)d) > fabsl(x)) d = nextafter(d, 0);
  uint64_t bits;
  memcpy(&bits, &d, 8);
  bits |= 1;
  memcpy(&d, &bits, 8);
  return d;
}

static uint64_t wanted_of(long double x, uint8_t from, uint64_t from_bits, uint8_t to) {
  uint64_t bits = 0;
  const double d = (double)x;
  const float f = (float)x;
  switch (to) {
    case LAZY_DTYPE_F64: return memcpy(&bits, &d, 8), bits;
    case LAZY_DTYPE_F32: return memcpy(&bits, &f, 4), bits;
    case LAZY_DTYPE_F16: return reference_round(to_odd(x), 5, 10);
    case LAZY_DTYPE_BF16: return reference_round(to_odd(x), 8, 7);
    case LAZY_DTYPE_I64:
      if (isnan(x)) return 0;
      return x >= 0x1p63L   ? (uint64_t)INT64_MAX
             : x < -0x1p63L ? (uint64_t)INT64_MIN
                            : (uint64_t)(int64_t)truncl(x);
    default:
      if (from == LAZY_DTYPE_I64) return from_bits & 0xff;
      return isnan(x) || x < 0 ? 0 : x > 255 ? 255 : (uint64_t)truncl(x);
  }
}

/* NaN payloads are nobody's business; that it is NaN, and its sign, are. */
static bool same(uint64_t found, uint64_t wanted, uint8_t dtype) {
  if (found == wanted) return true;
  if (!lazy_dtype_is_float(dtype) || !isnan(value_of(wanted, dtype)) || !isnan(value_of(found, dtype)))
    return false;
  return dtype == LAZY_DTYPE_F64 || dtype == LAZY_DTYPE_F32;
}

static void check_pair(check_env *env, const void *from, uint8_t from_dtype, uint8_t to_dtype,
                       uint64_t count) {
  void *to = kernel_alloc(count * 8);
  for (int w = 0; w < kernel_way_count(env); w += 1 + (int)(count > 10000)) {
    CHECK_CASE("%s to %s, %s", lazy_dtype_name(from_dtype), lazy_dtype_name(to_dtype),
               kernel_way_name(kernel_way_at(env, w)));
    memset(to, 0xb7, count * 8);
    const struct lazy_k_convert_params params = flat(from, from_dtype, to, to_dtype, count);
    kernel_run(kernel_way_at(env, w), "lazy_k_convert", &params, env->seed);
    for (uint64_t i = 0; i < count; i++) {
      const uint64_t bits = element_at(from, from_dtype, i), found = element_at(to, to_dtype, i);
      const uint64_t wanted = wanted_of(value_of(bits, from_dtype), from_dtype, bits, to_dtype);
      if (same(found, wanted, to_dtype)) continue;
      FAIL("0x%llx became 0x%llx, wanted 0x%llx", (unsigned long long)bits, (unsigned long long)found,
           (unsigned long long)wanted);
      break;
    }
  }
  kernel_free(to);
}

TEST_ON_IMAGES(kernel_convert, every_16_bit_value) {
  uint16_t *all = kernel_alloc(65536 * 2);
  for (int i = 0; i < 65536; i++) all[i] = (uint16_t)i;
  for (uint8_t from = LAZY_DTYPE_F16; from <= LAZY_DTYPE_BF16; from++)
    for (uint8_t to = 1; to <= 6; to++)
      if (to != from) check_pair(env, all, from, to, 65536);
  kernel_free(all);
}

/* Around every 16-bit value and every tie between two: the doubles and floats just below, at and above. */
TEST_ON_IMAGES(kernel_convert, ties_of_16_bit_types) {
  enum { PER = 6 };
  double *wide = kernel_alloc(65536 * PER * 8);
  float *single = kernel_alloc(65536 * PER * 4);
  for (uint8_t to = LAZY_DTYPE_F16; to <= LAZY_DTYPE_BF16; to++) {
    const int exponent = to == LAZY_DTYPE_F16 ? 5 : 8, fraction = to == LAZY_DTYPE_F16 ? 10 : 7;
    for (int i = 0; i < 65536; i++) {
      const double x = reference_value((uint16_t)i, exponent, fraction);
      double next = reference_value((uint16_t)(i + 1), exponent, fraction);
      if (isinf(next)) next = ldexp(next > 0 ? 1 : -1, 1 << (exponent - 1));
      const double tie = isnan(x) || isinf(x) || isnan(next) ? x : (x + next) / 2;
      const double near[PER] = {x,   nextafter(x, 0),   nextafter(x, INFINITY),
                                tie, nextafter(tie, 0), nextafter(tie, 2 * tie)};
      memcpy(wide + i * PER, near, sizeof near);
      for (int j = 0; j < PER; j++)
        single[i * PER + j] = j % 3 == 0   ? (float)near[j]
                              : j % 3 == 1 ? nextafterf((float)near[j / 3 * 3], 0)
                                           : nextafterf((float)near[j / 3 * 3], INFINITY);
    }
    check_pair(env, wide, LAZY_DTYPE_F64, to, 65536 * PER);
    check_pair(env, single, LAZY_DTYPE_F32, to, 65536 * PER);
  }
  kernel_free(wide);
  kernel_free(single);
}

TEST_ON_IMAGES(kernel_convert, every_pair_on_random_bits) {
  enum { COUNT = 4999 };
  uint64_t *bits = kernel_alloc(COUNT * 8);
  double *numbers = kernel_alloc(COUNT * 8);
  for (uint8_t from = 1; from <= 6; from++)
    for (uint8_t to = 1; to <= 6; to++) {
      if (from == to) continue;
      check_random_fill(env, bits, COUNT * 8);
      if (from == LAZY_DTYPE_I64) /* of every size, and just beside ties of every type */
        for (int i = 0; i < COUNT; i++) {
          const int shift = (int)check_random_below(env, 64);
          bits[i] = i % 2 ? bits[i] >> shift : ((uint64_t)1 << shift) + (check_random(env) % 5 - 2);
          if (i % 3 == 0)
            bits[i] = (0x8081u + 2 * check_random_below(env, 3)) << (check_random_below(env, 47)),
            bits[i] += check_random(env) % 3 - 1;
          if (i % 5 == 0) bits[i] = 0 - bits[i];
        }
      check_pair(env, bits, from, to, COUNT);
    }
  /* Sizes that whole numbers have, where random bits are mostly huge or tiny. */
  for (int i = 0; i < COUNT; i++) numbers[i] = (check_random_unit(env) - 0.5) * ldexp(1, (int)(i % 70));
  check_pair(env, numbers, LAZY_DTYPE_F64, LAZY_DTYPE_I64, COUNT);
  check_pair(env, numbers, LAZY_DTYPE_F64, LAZY_DTYPE_U8, COUNT);
  kernel_free(bits);
  kernel_free(numbers);
}

TEST_ON_IMAGES(kernel_convert, strided_places) {
  enum { ROOM = 200 };
  float *from = kernel_alloc(4 * 5 * 6 * sizeof *from);
  double *to = kernel_alloc(ROOM * sizeof *to), wanted[ROOM];
  for (int i = 0; i < 120; i++) from[i] = (float)check_random_unit(env);
  /* A transpose of dims 0 and 2, into every second element. */
  const struct lazy_k_convert_params base = {
      kernel_address(from), kernel_address(to), 60, {6, 5, 2}, {1, 6, 30}, {20, 4, 2}, 3,
      LAZY_DTYPE_F32,       LAZY_DTYPE_F64,     {0}};
  for (int i = 0; i < 200; i++) wanted[i] = -1;
  for (int a = 0; a < 6; a++)
    for (int b = 0; b < 5; b++)
      for (int c = 0; c < 2; c++) wanted[20 * a + 4 * b + 2 * c] = from[a + 6 * b + 30 * c];
  for (int w = 0; w < kernel_way_count(env); w++) {
    CHECK_CASE("%s", kernel_way_name(kernel_way_at(env, w)));
    for (int i = 0; i < 200; i++) to[i] = -1;
    kernel_run(kernel_way_at(env, w), "lazy_k_convert", &base, env->seed);
    EXPECT_BYTES_EQ(to, wanted, sizeof wanted);
  }
  kernel_free(from);
  kernel_free(to);
}
