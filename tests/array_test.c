#include <lazyrt/array.h>
#include <lazyrt/value.h>

#include <string.h>

#include "runtime/tensor/array.h"
#include "runtime/tensor/context.h"
#include "tests/check.h"

/* The core of a context, and all of a context that arrays use. */
typedef struct bench {
  lazy_context context;
} bench;

static bool open_bench(check_env *env, bench *b) {
  memset(b, 0, sizeof *b);
  b->context.default_dtype = LAZY_DTYPE_F32;
  return EXPECT_OK(lazyi_core_open(env->device, &b->context.core));
}
static void close_bench(bench *b) { lazyi_core_release(b->context.core); }

/* A view as a plain list of element indices into the first array's memory: what each view function must agree
 * with. */
enum { MOST = 4096 };
typedef struct picture {
  lazy_shape shape;
  int64_t at[MOST];
} picture;

static int64_t count_of(const lazy_shape *shape) {
  int64_t count = 1;
  for (int i = 0; i < shape->rank; i++) count *= shape->dims[i];
  return count;
}

/* Index of an element among those of a shape, row-major. */
static int64_t flat(const lazy_shape *shape, const int64_t *index) {
  int64_t at = 0;
  for (int i = 0; i < shape->rank; i++) at = at * shape->dims[i] + index[i];
  return at;
}

/* Fills `to` from `from`: element `index` of the new picture is element map(index) of the old. */
static void unflatten(const lazy_shape *shape, int64_t at, int64_t *index) {
  for (int i = shape->rank; i-- > 0; at /= shape->dims[i]) index[i] = at % shape->dims[i];
}

static bool matches(const lazy_array *array, const picture *p, const int32_t *values) {
  static int32_t found[MOST], wanted[MOST];
  lazy_shape shape = lazy_array_shape(array);
  if (!check_dims(CHECK_HERE, "shape", shape.dims, shape.rank, p->shape.dims, (size_t)p->shape.rank))
    return false;
  int64_t count = count_of(&p->shape);
  for (int64_t i = 0; i < count; i++) wanted[i] = values[p->at[i]];
  memset(found, 0xee, sizeof found);
  if (!EXPECT_OK(lazy_array_download(array, found, lazy_array_bytes(array)))) return false;
  return EXPECT_BYTES_EQ(found, wanted, (size_t)count * 4);
}

static lazy_shape random_shape(check_env *env, int max_rank, int64_t max_size) {
  lazy_shape shape = {.rank = (int32_t)check_random_below(env, (uint64_t)max_rank + 1)};
  int64_t count = 1;
  for (int i = 0; i < shape.rank; i++) {
    shape.dims[i] = check_random_between(env, check_random_below(env, 12) == 0 ? 0 : 1, max_size);
    if (count * shape.dims[i] > MOST / 4) shape.dims[i] = 1;
    count *= shape.dims[i];
  }
  return shape;
}

/* One random view of `array`, and the same of the picture. Returns NULL if none was made. */
static lazy_array *random_view(check_env *env, const lazy_array *array, picture *p) {
  static picture old;
  lazy_array *view = NULL;
  int64_t index[LAZY_MAX_RANK], count;
  old = *p;
  int rank = old.shape.rank;
  switch (check_random_below(env, 5)) {
    case 0: { /* permute */
      int order[LAZY_MAX_RANK];
      for (int i = 0; i < rank; i++) order[i] = i;
      for (int i = rank; i > 1; i--) {
        int other = (int)check_random_below(env, (uint64_t)i), kept = order[i - 1];
        order[i - 1] = order[other];
        order[other] = kept;
      }
      for (int i = 0; i < rank; i++) p->shape.dims[i] = old.shape.dims[order[i]];
      count = count_of(&p->shape);
      for (int64_t e = 0; e < count; e++) {
        int64_t from[LAZY_MAX_RANK];
        unflatten(&p->shape, e, index);
        for (int i = 0; i < rank; i++) from[order[i]] = index[i];
        p->at[e] = old.at[flat(&old.shape, from)];
      }
      for (int i = 0; i < rank; i++)
        if (check_random_below(env, 2) != 0) order[i] -= rank;
      EXPECT_OK(lazy_array_permute(array, order, &view));
      return view;
    }
    case 1: { /* slice */
      if (rank == 0) return NULL;
      int dim = (int)check_random_below(env, (uint64_t)rank);
      int64_t size = old.shape.dims[dim];
      int64_t start = check_random_between(env, -size - 2, size + 2),
              stop = check_random_between(env, -size - 2, size + 2);
      int64_t step = check_random_between(env, 1, 4), taken = 0, chosen[MOST];
      int64_t low = start < 0 ? start + size : start, high = stop < 0 ? stop + size : stop;
      for (int64_t i = low; i < high; i += step) {
        if (i < 0 && low < 0) { /* Python cuts the start to 0 before it steps */
          i = -step;
          low = 0;
          continue;
        }
        if (i < size) chosen[taken++] = i;
      }
      p->shape.dims[dim] = taken;
      count = count_of(&p->shape);
      for (int64_t e = 0; e < count; e++) {
        unflatten(&p->shape, e, index);
        index[dim] = chosen[index[dim]];
        p->at[e] = old.at[flat(&old.shape, index)];
      }
      EXPECT_OK(lazy_array_slice(array, check_random_below(env, 2) != 0 ? dim : dim - rank, start, stop, step,
                                 &view));
      return view;
    }
    case 2: { /* select */
      if (rank == 0) return NULL;
      int dim = (int)check_random_below(env, (uint64_t)rank);
      int64_t size = old.shape.dims[dim];
      if (size == 0) return NULL;
      int64_t chosen = check_random_between(env, -size, size - 1);
      p->shape.rank--;
      for (int i = dim; i < p->shape.rank; i++) p->shape.dims[i] = old.shape.dims[i + 1];
      p->shape.dims[p->shape.rank] = 0;
      count = count_of(&p->shape);
      for (int64_t e = 0; e < count; e++) {
        int64_t from[LAZY_MAX_RANK];
        unflatten(&p->shape, e, index);
        for (int i = 0; i < rank; i++)
          from[i] = i < dim ? index[i] : i == dim ? (chosen + size) % size : index[i - 1];
        p->at[e] = old.at[flat(&old.shape, from)];
      }
      EXPECT_OK(lazy_array_select(array, dim, chosen, &view));
      return view;
    }
    case 3: { /* expand */
      int added = (int)check_random_below(env, (uint64_t)(LAZY_MAX_RANK - rank) + 1);
      if (added > 2) added = 2;
      lazy_shape asked = {.rank = rank + added};
      p->shape.rank = rank + added;
      for (int i = 0; i < rank + added; i++) {
        int64_t own = i < added ? 1 : old.shape.dims[i - added];
        asked.dims[i] = p->shape.dims[i] = own == 1 ? check_random_between(env, 1, 3) : own;
        if (i >= added && check_random_below(env, 3) == 0) {
          asked.dims[i] = -1;
          p->shape.dims[i] = own;
        }
      }
      count = count_of(&p->shape);
      if (count > MOST) {
        *p = old;
        return NULL;
      }
      for (int64_t e = 0; e < count; e++) {
        int64_t from[LAZY_MAX_RANK];
        unflatten(&p->shape, e, index);
        for (int i = 0; i < rank; i++) from[i] = old.shape.dims[i] == 1 ? 0 : index[i + added];
        p->at[e] = old.at[flat(&old.shape, from)];
      }
      EXPECT_OK(lazy_array_expand(array, &asked, &view));
      return view;
    }
    default: { /* reshape: flatten, or split a dim in two */
      lazy_shape wanted = {.rank = 1, .dims = {-1}};
      if (count_of(&old.shape) == 0) return NULL;
      if (rank > 0 && rank < LAZY_MAX_RANK && check_random_below(env, 2) != 0) {
        int dim = (int)check_random_below(env, (uint64_t)rank);
        int64_t part = check_random_between(env, 1, 3);
        if (old.shape.dims[dim] % part != 0) return NULL;
        wanted.rank = rank + 1;
        for (int i = 0; i <= rank; i++)
          wanted.dims[i] = i < dim        ? old.shape.dims[i]
                           : i == dim     ? part
                           : i == dim + 1 ? -1
                                          : old.shape.dims[i - 1];
      }
      lazy_status status = lazy_array_reshape(array, &wanted, &view);
      if (status != LAZY_STATUS_OK) { /* allowed only where the strides are not contiguous */
        EXPECT_EQ(status, LAZY_STATUS_INVALID_STATE);
        EXPECT_FALSE(lazy_array_is_contiguous(array));
        return NULL;
      }
      int64_t known = 1;
      for (int i = 0; i < wanted.rank; i++) known *= wanted.dims[i] > 0 ? wanted.dims[i] : 1;
      for (int i = 0; i < wanted.rank; i++)
        if (wanted.dims[i] == -1) wanted.dims[i] = count_of(&old.shape) / known;
      p->shape = wanted;
      return view;
    }
  }
}

TEST_ON_DRIVERS(array, chains_of_views_show_what_a_list_of_indices_says) {
  bench b;
  ASSERT_TRUE(open_bench(env, &b));
  static picture p;
  static int32_t values[MOST];
  check_random_fill(env, values, sizeof values);
  for (int round = 0; round < 150; round++) {
    lazy_array *array;
    p.shape = random_shape(env, 5, 7);
    int64_t count = count_of(&p.shape);
    for (int64_t i = 0; i < count; i++) p.at[i] = i;
    ASSERT_OK(lazy_array_from_data(&b.context, LAZY_DTYPE_F32, &p.shape, values, &array));
    bool good = matches(array, &p, values);
    for (int depth = 0; depth < 5 && good; depth++) {
      lazy_array *view = random_view(env, array, &p);
      if (view == NULL) continue;
      EXPECT_TRUE(lazy_array_shares_memory(array, view));
      lazy_array_release(array);
      array = view;
      good = matches(array, &p, values);
    }
    if (good) {
      lazy_array *solid;
      EXPECT_OK(lazy_array_contiguous(array, &solid));
      EXPECT_TRUE(lazy_array_is_contiguous(solid));
      good = matches(solid, &p, values);
      lazy_array_release(solid);
    }
    lazy_array_release(array);
    if (!good) break;
  }
  close_bench(&b);
}

TEST_ON_DRIVERS(array, uploads_fills_and_copies_into_strided_views_touch_nothing_else) {
  bench b;
  ASSERT_TRUE(open_bench(env, &b));
  lazy_array *array, *turned, *part;
  int32_t values[48], inner[12], found[48];
  check_random_fill(env, values, sizeof values);
  check_random_fill(env, inner, sizeof inner);
  ASSERT_OK(lazy_array_from_data(&b.context, LAZY_DTYPE_F32, &LAZY_DIMS(6, 8), values, &array));
  ASSERT_OK(lazy_array_transpose(array, 0, -1, &turned)); /* [8, 6] */
  ASSERT_OK(lazy_array_slice(turned, 0, 1, 8, 2, &part)); /* [4, 6]: columns 1, 3, 5, 7 */
  lazy_array *corner;
  ASSERT_OK(lazy_array_slice(part, 1, 0, 3, 1, &corner)); /* [4, 3]: rows 0, 1, 2 of them */
  ASSERT_OK(lazy_array_upload(corner, inner, sizeof inner));
  for (int column = 0; column < 4; column++)
    for (int row = 0; row < 3; row++) values[row * 8 + 1 + 2 * column] = inner[column * 3 + row];
  ASSERT_OK(lazy_array_download(array, found, sizeof found));
  EXPECT_BYTES_EQ(found, values, sizeof found);

  ASSERT_OK(lazy_array_fill(corner, -1.5));
  const float filled = -1.5f;
  for (int column = 0; column < 4; column++)
    for (int row = 0; row < 3; row++) memcpy(&values[row * 8 + 1 + 2 * column], &filled, 4);
  ASSERT_OK(lazy_array_download(array, found, sizeof found));
  EXPECT_BYTES_EQ(found, values, sizeof found);

  /* Overlapping views of one memory: rows 0..4 into rows 1..5. */
  lazy_array *upper, *lower;
  ASSERT_OK(lazy_array_slice(array, 0, 0, 5, 1, &upper));
  ASSERT_OK(lazy_array_slice(array, 0, 1, 6, 1, &lower));
  ASSERT_OK(lazy_array_copy(lower, upper));
  memmove(values + 8, values, 40 * sizeof values[0]);
  ASSERT_OK(lazy_array_download(array, found, sizeof found));
  EXPECT_BYTES_EQ(found, values, sizeof found);

  lazy_array *const all[] = {array, turned, part, corner, upper, lower};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) lazy_array_release(all[i]);
  close_bench(&b);
}

TEST_ON_DRIVERS(array, large_uploads_pass_through_staging_and_the_source_is_free_at_once) {
  bench b;
  ASSERT_TRUE(open_bench(env, &b));
  enum { COUNT = 9 * 1024 * 1024 + 13 };
  unsigned char *data = lazyi_memory_alloc(COUNT), *wanted = lazyi_memory_alloc(COUNT);
  ASSERT_TRUE(data != NULL && wanted != NULL);
  lazy_array *array;
  ASSERT_OK(lazy_array_create(&b.context, LAZY_DTYPE_U8, &LAZY_DIMS(COUNT), &array));
  for (int round = 0; round < 3; round++) {
    check_random_fill(env, data, COUNT);
    memcpy(wanted, data, COUNT);
    ASSERT_OK(lazy_array_upload(array, data, COUNT));
    memset(data, 0x11, COUNT);
    ASSERT_OK(lazy_array_download(array, data, COUNT));
    ASSERT_BYTES_EQ(data, wanted, COUNT);
  }
  lazy_array_release(array);
  lazyi_memory_free(data);
  lazyi_memory_free(wanted);
  close_bench(&b);
}

TEST_ON_DRIVERS(array, scalars_and_empty_arrays_are_arrays) {
  bench b;
  ASSERT_TRUE(open_bench(env, &b));
  lazy_array *scalar, *empty, *view;
  double value = 0;
  ASSERT_OK(lazy_array_create(&b.context, LAZY_DTYPE_F64, &(lazy_shape){.rank = 0}, &scalar));
  EXPECT_EQ(lazy_array_element_count(scalar), 1);
  EXPECT_EQ(lazy_array_bytes(scalar), 8u);
  ASSERT_OK(lazy_array_fill(scalar, 0x1.123456789abcdp-7));
  ASSERT_OK(lazy_array_download(scalar, &value, 8));
  EXPECT_EQ(value, 0x1.123456789abcdp-7);
  ASSERT_OK(lazy_array_create(&b.context, LAZY_DTYPE_DEFAULT, &LAZY_DIMS(3, 0, 5), &empty));
  EXPECT_EQ(lazy_array_dtype(empty), LAZY_DTYPE_F32);
  EXPECT_EQ(lazy_array_bytes(empty), 0u);
  EXPECT_EQ(lazy_array_address(empty), 0u);
  EXPECT_TRUE(lazy_array_is_contiguous(empty));
  EXPECT_OK(lazy_array_upload(empty, NULL, 0));
  EXPECT_OK(lazy_array_download(empty, NULL, 0));
  EXPECT_OK(lazy_array_fill(empty, 1));
  ASSERT_OK(lazy_array_reshape(empty, &LAZY_DIMS(0, 7), &view));
  EXPECT_DIMS(lazy_array_shape(view).dims, lazy_array_shape(view).rank, 0, 7);
  lazy_array_release(view);
  EXPECT_FAILS(lazy_array_reshape(empty, &LAZY_DIMS(0, -1), &view), LAZY_STATUS_SHAPE, "-1");
  lazy_array_release(empty);
  lazy_array_release(scalar);
  close_bench(&b);
}

TEST(array, refuses_with_what_was_found_and_wanted) {
  bench b;
  ASSERT_TRUE(open_bench(env, &b));
  lazy_array *a, *none = NULL, *wide, *turned;
  float data[12] = {0};
  ASSERT_OK(lazy_array_from_data(&b.context, LAZY_DTYPE_F32, &LAZY_DIMS(3, 4), data, &a));
  EXPECT_FAILS(lazy_array_upload(a, data, 44), LAZY_STATUS_INVALID_VALUE,
               "upload of 44 bytes, wanted the 48 of f32[3, 4]");
  EXPECT_FAILS(lazy_array_download(a, data, 52), LAZY_STATUS_INVALID_VALUE, "wanted the 48");
  EXPECT_FAILS(lazy_array_create(&b.context, LAZY_DTYPE_F32, &LAZY_DIMS(3, -1), &none),
               LAZY_STATUS_INVALID_VALUE, "size -1 of dim 1");
  EXPECT_FAILS(lazy_array_create(&b.context, LAZY_DTYPE_F32, &(lazy_shape){.rank = 9}, &none),
               LAZY_STATUS_INVALID_VALUE, "rank 9");
  EXPECT_FAILS(lazy_array_create(&b.context, (lazy_dtype)99, &LAZY_DIMS(3), &none), LAZY_STATUS_INVALID_TYPE,
               "99");
  EXPECT_STATUS(lazy_array_create(&b.context, LAZY_DTYPE_F64, &LAZY_DIMS(INT64_MAX / 8 + 1), &none),
                LAZY_STATUS_LIMIT);
  EXPECT_STATUS(lazy_array_create(&b.context, LAZY_DTYPE_U8, &LAZY_DIMS(INT64_MAX, 2, 0), &none),
                LAZY_STATUS_LIMIT);
  EXPECT_FAILS(lazy_array_create(&b.context, LAZY_DTYPE_U8, &LAZY_DIMS(INT64_MAX), &none),
               LAZY_STATUS_OUT_OF_MEMORY, "wanted");
  EXPECT_FAILS(lazy_array_reshape(a, &LAZY_DIMS(5, 2), &none), LAZY_STATUS_SHAPE,
               "f32[3, 4] reshaped to f32[5, 2]");
  EXPECT_STATUS(lazy_array_reshape(a, &LAZY_DIMS(-1, -1), &none), LAZY_STATUS_INVALID_VALUE);
  EXPECT_FAILS(lazy_array_select(a, 1, 4, &none), LAZY_STATUS_OUT_OF_RANGE, "index 4 of dim 1");
  EXPECT_FAILS(lazy_array_select(a, 2, 0, &none), LAZY_STATUS_OUT_OF_RANGE, "dim 2");
  EXPECT_STATUS(lazy_array_slice(a, 0, 0, 2, 0, &none), LAZY_STATUS_INVALID_VALUE);
  EXPECT_STATUS(lazy_array_permute(a, (int[]){1, 1}, &none), LAZY_STATUS_INVALID_VALUE);
  EXPECT_FAILS(lazy_array_expand(a, &LAZY_DIMS(3, 5), &none), LAZY_STATUS_SHAPE, "dim 1");
  EXPECT_STATUS(lazy_array_expand(a, &LAZY_DIMS(-1, 3, 4), &none), LAZY_STATUS_SHAPE);
  EXPECT_STATUS(lazy_array_expand(a, &LAZY_DIMS(4), &none), LAZY_STATUS_SHAPE);
  ASSERT_OK(lazy_array_transpose(a, 0, 1, &turned));
  EXPECT_FAILS(lazy_array_reshape(turned, &LAZY_DIMS(12), &none), LAZY_STATUS_INVALID_STATE,
               "lazy_array_contiguous");
  ASSERT_OK(lazy_array_expand(a, &LAZY_DIMS(2, 3, 4), &wide));
  EXPECT_FAILS(lazy_array_fill(wide, 1), LAZY_STATUS_INVALID_STATE, "expanded view (dim 0");
  EXPECT_STATUS(lazy_array_upload(wide, data, 96), LAZY_STATUS_INVALID_STATE);
  EXPECT_STATUS(lazy_array_copy(a, wide), LAZY_STATUS_SHAPE);
  EXPECT_EQ(none, (lazy_array *)NULL);
  lazy_array_release(wide);
  lazy_array_release(turned);
  lazy_array_release(a);
  close_bench(&b);
}

TEST(array, fill_writes_each_dtypes_nearest_value) {
  bench b;
  ASSERT_TRUE(open_bench(env, &b));
  const struct {
    lazy_dtype dtype;
    double value;
    uint64_t bits;
  } cases[] = {
      {LAZY_DTYPE_F32, 0.1, 0x3dcccccd},
      {LAZY_DTYPE_F16, 0.1, 0x2e66},
      {LAZY_DTYPE_F16, 65519, 0x7bff},
      {LAZY_DTYPE_F16, 65520, 0x7c00},
      {LAZY_DTYPE_F16, 1.00048828125, 0x3c00},
      {LAZY_DTYPE_F16, 1.00146484375, 0x3c02},
      {LAZY_DTYPE_BF16, 1.00390625, 0x3f80},
      {LAZY_DTYPE_BF16, 1.01171875, 0x3f82},
      {LAZY_DTYPE_BF16, -3.3895e38, 0xff7f},
      {LAZY_DTYPE_F64, -0.0, 0x8000000000000000},
      {LAZY_DTYPE_I64, -5, 0xfffffffffffffffb},
      {LAZY_DTYPE_U8, 255, 0xff},
      {LAZY_DTYPE_I64, 0x1p62, 0x4000000000000000},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    CHECK_CASE("%s from %g", lazy_dtype_name(cases[i].dtype), cases[i].value);
    lazy_array *array;
    unsigned char found[5 * 8];
    size_t bytes = lazy_dtype_bytes(cases[i].dtype);
    ASSERT_OK(lazy_array_create(&b.context, cases[i].dtype, &LAZY_DIMS(5), &array));
    EXPECT_OK(lazy_array_fill(array, cases[i].value));
    EXPECT_OK(lazy_array_download(array, found, 5 * bytes));
    for (int e = 0; e < 5; e++) {
      uint64_t bits = 0;
      memcpy(&bits, found + (size_t)e * bytes, bytes);
      EXPECT_EQ(bits, cases[i].bits);
    }
    lazy_array_release(array);
  }
  lazy_array *array;
  ASSERT_OK(lazy_array_create(&b.context, LAZY_DTYPE_U8, &LAZY_DIMS(5), &array));
  EXPECT_STATUS(lazy_array_fill(array, 256), LAZY_STATUS_INVALID_VALUE);
  EXPECT_STATUS(lazy_array_fill(array, -1), LAZY_STATUS_INVALID_VALUE);
  EXPECT_FAILS(lazy_array_fill(array, 0.5), LAZY_STATUS_INVALID_VALUE, "0.5 is no value of u8");
  lazy_array_release(array);
  ASSERT_OK(lazy_array_create(&b.context, LAZY_DTYPE_I64, &LAZY_DIMS(5), &array));
  EXPECT_STATUS(lazy_array_fill(array, 0x1p63), LAZY_STATUS_INVALID_VALUE);
  EXPECT_OK(lazy_array_fill(array, -0x1p63));
  lazy_array_release(array);
  close_bench(&b);
}

TEST(array, outlives_the_hold_that_made_it) {
  bench b;
  ASSERT_TRUE(open_bench(env, &b));
  lazy_array *array, *view;
  float data[6] = {1, 2, 3, 4, 5, 6}, found[3];
  ASSERT_OK(lazy_array_from_data(&b.context, LAZY_DTYPE_F32, &LAZY_DIMS(2, 3), data, &array));
  ASSERT_OK(lazy_array_select(array, 0, 1, &view));
  lazy_array_release(array);
  close_bench(&b);
  ASSERT_OK(lazy_array_download(view, found, sizeof found));
  EXPECT_BYTES_EQ(found, data + 3, sizeof found);
  lazy_array_release(view);
}

static void let_go(void *owner) { ++*(int *)owner; }

TEST(array, a_wrapped_owner_is_let_go_of_once_with_its_last_view) {
  bench b;
  ASSERT_TRUE(open_bench(env, &b));
  lazy_array *array, *wrapped, *view;
  int gone = 0;
  ASSERT_OK(lazy_array_create(&b.context, LAZY_DTYPE_F32, &LAZY_DIMS(4), &array));
  ASSERT_OK(lazyi_array_wrap(b.context.core, LAZY_DTYPE_F32, &LAZY_DIMS(2), lazy_array_address(array) + 8,
                             let_go, &gone, &wrapped));
  ASSERT_OK(lazy_array_slice(wrapped, 0, 0, 1, 1, &view));
  lazy_array_release(wrapped);
  EXPECT_EQ(gone, 0);
  lazy_array_release(view);
  EXPECT_EQ(gone, 1);
  lazy_array_release(array);
  close_bench(&b);
}
