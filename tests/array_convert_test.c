#include <lazyrt/array.h>
#include <lazyrt/value.h>
#include <math.h>
#include <string.h>

#include "tests/check.h"

/* A number format by its parts; the reference rounds by dividing by the place's unit and calling nearbyint.
 */
typedef struct format {
  int digits, lowest; /* significant bits; exponent of the smallest normal */
  double largest;
} format;
static const format formats[LAZY_DTYPE_COUNT] = {[LAZY_DTYPE_F64] = {53, -1022, 0x1.fffffffffffffp1023},
                                                 [LAZY_DTYPE_F32] = {24, -126, 0x1.fffffep127},
                                                 [LAZY_DTYPE_F16] = {11, -14, 65504.0},
                                                 [LAZY_DTYPE_BF16] = {8, -126, 0x1.fep127}};

static double rounded(double value, lazy_dtype dtype) {
  format f = formats[dtype];
  if (value == 0 || !isfinite(value)) return value;
  int exponent = ilogb(value) > f.lowest ? ilogb(value) : f.lowest;
  double result = ldexp(nearbyint(ldexp(value, f.digits - 1 - exponent)), exponent - f.digits + 1);
  return fabs(result) > f.largest ? copysign(INFINITY, value) : result;
}

/* The number that stored bits mean: sign, exponent and fraction taken apart. */
static double decode(const unsigned char *at, lazy_dtype dtype) {
  if (dtype == LAZY_DTYPE_U8) return *at;
  if (dtype == LAZY_DTYPE_I64 || dtype == LAZY_DTYPE_F64 || dtype == LAZY_DTYPE_F32) {
    int64_t whole;
    double wide;
    float narrow;
    memcpy(&narrow, at, 4);
    if (dtype == LAZY_DTYPE_F32) return narrow;
    memcpy(&whole, at, 8);
    memcpy(&wide, at, 8);
    return dtype == LAZY_DTYPE_I64 ? (double)whole : wide;
  }
  uint16_t bits;
  memcpy(&bits, at, 2);
  int fraction_bits = formats[dtype].digits - 1, bias = 1 - formats[dtype].lowest;
  int exponent = (bits & 0x7fff) >> fraction_bits, fraction = bits & ((1 << fraction_bits) - 1);
  double size;
  if (exponent == (0x7fff >> fraction_bits)) size = fraction != 0 ? NAN : INFINITY;
  else if (exponent == 0) size = ldexp(fraction, 1 - bias - fraction_bits);
  else size = ldexp(fraction + (1 << fraction_bits), exponent - bias - fraction_bits);
  return (bits & 0x8000) != 0 ? -size : size;
}

static double expected(const unsigned char *at, lazy_dtype from, lazy_dtype to) {
  double value = decode(at, from);
  if (lazy_dtype_is_float(to)) return rounded(value, to);
  double top = to == LAZY_DTYPE_U8 ? 255 : 0x1p63, bottom = to == LAZY_DTYPE_U8 ? 0 : -0x1p63;
  if (from == LAZY_DTYPE_I64) return to == LAZY_DTYPE_U8 ? at[0] : value;
  if (isnan(value)) return 0;
  return trunc(value) > top ? top : trunc(value) < bottom ? bottom : trunc(value);
}

/* Values where rounding is decided: ties, the edges of the formats, and anything. */
static void random_element(check_env *env, lazy_dtype dtype, unsigned char *at) {
  size_t bytes = lazy_dtype_bytes(dtype);
  check_random_fill(env, at, bytes);
  double value =
      ldexp((double)check_random_between(env, -4096, 4096), (int)check_random_between(env, -160, 120));
  if (dtype == LAZY_DTYPE_I64) { /* as far as f64 holds whole numbers: what the reference computes in */
    int64_t whole =
        check_random_between(env, -0x1fffffffffffff, 0x1fffffffffffff) >> check_random_below(env, 52);
    memcpy(at, &whole, bytes);
  } else if (check_random_below(env, 2) != 0) {
    float narrow = (float)value;
    if (dtype == LAZY_DTYPE_F64) memcpy(at, &value, bytes);
    if (dtype == LAZY_DTYPE_F32) memcpy(at, &narrow, bytes);
  }
}

TEST_ON_DRIVERS(array_convert, every_pair_of_dtypes_rounds_once_through_any_strides) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  enum { ROWS = 61, COLUMNS = 83, COUNT = ROWS * COLUMNS };
  static unsigned char values[COUNT * 8], found[COUNT * 8];
  for (int from = 1; from < LAZY_DTYPE_COUNT; from++) {
    size_t from_bytes = lazy_dtype_bytes((lazy_dtype)from);
    for (size_t i = 0; i < COUNT; i++) random_element(env, (lazy_dtype)from, values + i * from_bytes);
    lazy_array *array, *turned;
    ASSERT_OK(lazy_array_from_data(context, (lazy_dtype)from, &LAZY_DIMS(ROWS, COLUMNS), values, &array));
    ASSERT_OK(lazy_array_transpose(array, 0, 1, &turned));
    for (int to = 1; to < LAZY_DTYPE_COUNT; to++) {
      CHECK_CASE("%s to %s", lazy_dtype_name((lazy_dtype)from), lazy_dtype_name((lazy_dtype)to));
      for (int strided = 0; strided < 2; strided++) {
        lazy_array *converted;
        size_t to_bytes = lazy_dtype_bytes((lazy_dtype)to);
        ASSERT_OK(lazy_array_convert(strided != 0 ? turned : array, (lazy_dtype)to, &converted));
        EXPECT_EQ(lazy_array_dtype(converted), (lazy_dtype)to);
        EXPECT_EQ(converted == array, strided == 0 && from == to);
        memset(found, 0xa5, sizeof found);
        ASSERT_OK(lazy_array_download(converted, found, COUNT * to_bytes));
        int wrong = 0;
        for (int i = 0; i < COUNT && wrong < 3; i++) {
          int source = strided != 0 ? i % ROWS * COLUMNS + i / ROWS : i;
          double wanted = expected(values + (size_t)source * from_bytes, (lazy_dtype)from, (lazy_dtype)to);
          double got = decode(found + (size_t)i * to_bytes, (lazy_dtype)to);
          if (to == LAZY_DTYPE_I64 && wanted == 0x1p63) wanted = (double)INT64_MAX;
          bool same = isnan(wanted) ? isnan(got) : got == wanted && !signbit(got) == !signbit(wanted);
          if (!lazy_dtype_is_float((lazy_dtype)to)) same = got == wanted;
          if (same) continue;
          wrong++;
          FAIL("element %d: found %a, wanted %a", i, got, wanted);
        }
        lazy_array_release(converted);
        if (wrong != 0) break;
      }
    }
    lazy_array_release(turned);
    lazy_array_release(array);
  }
  lazy_context_close(context);
}

TEST_ON_DRIVERS(array_convert, copy_broadcasts_and_converts_into_a_view) {
  lazy_context *context;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  const int64_t row[3] = {-7, 0, 1 << 20};
  float found[12];
  lazy_array *from, *to, *columns;
  ASSERT_OK(lazy_array_from_data(context, LAZY_DTYPE_I64, &LAZY_DIMS(3), row, &from));
  ASSERT_OK(lazy_array_create(context, LAZY_DTYPE_F32, &LAZY_DIMS(2, 6), &to));
  ASSERT_OK(lazy_array_fill(to, 9));
  ASSERT_OK(lazy_array_slice(to, 1, 0, 6, 2, &columns));
  ASSERT_OK(lazy_array_copy(columns, from));
  ASSERT_OK(lazy_array_download(to, found, sizeof found));
  const float wanted[12] = {-7, 9, 0, 9, 1 << 20, 9, -7, 9, 0, 9, 1 << 20, 9};
  EXPECT_F32_BITS_EQ(found, wanted, 12);
  lazy_array_release(columns);
  lazy_array_release(to);
  lazy_array_release(from);
  lazy_context_close(context);
}

TEST(array_convert, refuses_what_is_no_dtype) {
  lazy_context *context;
  lazy_array *array, *none = NULL;
  ASSERT_OK(lazy_context_open(env->device, NULL, &context));
  ASSERT_OK(lazy_array_create(context, LAZY_DTYPE_F32, &LAZY_DIMS(3), &array));
  EXPECT_STATUS(lazy_array_convert(array, LAZY_DTYPE_DEFAULT, &none), LAZY_STATUS_INVALID_TYPE);
  EXPECT_STATUS(lazy_array_convert(array, (lazy_dtype)7, &none), LAZY_STATUS_INVALID_TYPE);
  EXPECT_EQ(none, (lazy_array *)NULL);
  lazy_array_release(array);
  lazy_context_close(context);
}
