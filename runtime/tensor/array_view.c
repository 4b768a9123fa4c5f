/* Views: other sizes and strides on the same memory. */
#include "runtime/tensor/array.h"

/* A dim as users count it, negative from the end. */
static lazy_status resolve_dim(const lazy_array *array, int dim, int *out_dim) {
  int rank = array->shape.rank;
  if (dim < -rank || dim >= rank)
    return lazy_status_fail(LAZY_STATUS_OUT_OF_RANGE, "array: dim %d of an array of rank %d, wanted %d to %d",
                            dim, rank, -rank, rank - 1);
  *out_dim = dim < 0 ? dim + rank : dim;
  return LAZY_STATUS_OK;
}

static lazy_status fail_reshape(lazy_status status, const lazy_array *array, const lazy_shape *shape,
                                const char *why) {
  char from[128], to[128];
  return lazy_status_fail(status, "array: %s reshaped to %s: %s",
                          lazyi_array_describe(array->dtype, &array->shape, from, sizeof from),
                          lazyi_array_describe(array->dtype, shape, to, sizeof to), why);
}

/* Puts the size that -1 stands for. */
static lazy_status complete_shape(const lazy_array *array, const lazy_shape *shape, lazy_shape *out_shape) {
  int64_t count = lazy_array_element_count(array), known = 1;
  int open = -1;
  *out_shape = (lazy_shape){.rank = shape->rank};
  if (shape->rank < 0 || shape->rank > LAZY_MAX_RANK)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "array: rank %d, wanted 0 to %d", (int)shape->rank,
                            LAZY_MAX_RANK);
  for (int i = 0; i < shape->rank; i++) {
    int64_t size = out_shape->dims[i] = shape->dims[i];
    if (size < -1 || (size == -1 && open >= 0))
      return fail_reshape(LAZY_STATUS_INVALID_VALUE, array, shape,
                          size < -1 ? "a size below 0" : "more than one size left open");
    if (size == -1) open = i;
    else if (__builtin_mul_overflow(known, size, &known))
      return fail_reshape(LAZY_STATUS_SHAPE, array, shape, "the element counts differ");
  }
  if (open >= 0) {
    if (known == 0) return fail_reshape(LAZY_STATUS_SHAPE, array, shape, "-1 could be any size");
    out_shape->dims[open] = count / known;
    known *= out_shape->dims[open];
  }
  if (known != count) return fail_reshape(LAZY_STATUS_SHAPE, array, shape, "the element counts differ");
  return LAZY_STATUS_OK;
}

/* Strides under new sizes, where they exist. The array's dims fall into runs that are contiguous in
   themselves; each must be cut or joined on its own. */
static bool restride(const lazy_array *array, const lazy_shape *shape, int64_t *out_strides) {
  int to = shape->rank;
  for (int from = array->shape.rank; from > 0;) {
    int64_t base = array->strides[from - 1], run = 1;
    do {
      run *= array->shape.dims[--from];
    } while (from > 0 && (array->shape.dims[from - 1] == 1 || array->strides[from - 1] == run * base));
    int64_t filled = 1;
    while (to > 0 && (filled < run || shape->dims[to - 1] == 1)) {
      out_strides[--to] = filled * base;
      filled *= shape->dims[to];
    }
    if (filled != run) return false;
  }
  while (to > 0) out_strides[--to] = 1; /* of a scalar: sizes of 1 */
  return true;
}

lazy_status lazy_array_reshape(const lazy_array *array, const lazy_shape *shape, lazy_array **out_view) {
  lazy_shape complete;
  int64_t strides[LAZY_MAX_RANK] = {0}, stride = 1;
  LAZY_TRY(complete_shape(array, shape, &complete));
  if (lazy_array_element_count(array) == 0) {
    for (int i = complete.rank; i-- > 0; stride *= complete.dims[i] != 0 ? complete.dims[i] : 1)
      strides[i] = stride;
  } else if (!restride(array, &complete, strides)) {
    return fail_reshape(LAZY_STATUS_INVALID_STATE, array, shape,
                        "the strides do not allow it without a copy; take lazy_array_contiguous first");
  }
  LAZY_TRY(lazyi_array_alias(array, out_view));
  (*out_view)->shape = complete;
  for (int i = 0; i < LAZY_MAX_RANK; i++) (*out_view)->strides[i] = strides[i];
  return LAZY_STATUS_OK;
}

lazy_status lazy_array_permute(const lazy_array *array, const int *order, lazy_array **out_view) {
  int dims[LAZY_MAX_RANK];
  unsigned seen = 0;
  for (int i = 0; i < array->shape.rank; i++) {
    LAZY_TRY(resolve_dim(array, order[i], &dims[i]));
    if ((seen >> dims[i] & 1u) != 0)
      return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "array: dim %d twice in a permutation", dims[i]);
    seen |= 1u << dims[i];
  }
  LAZY_TRY(lazyi_array_alias(array, out_view));
  for (int i = 0; i < array->shape.rank; i++) {
    (*out_view)->shape.dims[i] = array->shape.dims[dims[i]];
    (*out_view)->strides[i] = array->strides[dims[i]];
  }
  return LAZY_STATUS_OK;
}

lazy_status lazy_array_transpose(const lazy_array *array, int dim, int other_dim, lazy_array **out_view) {
  int order[LAZY_MAX_RANK];
  LAZY_TRY(resolve_dim(array, dim, &dim));
  LAZY_TRY(resolve_dim(array, other_dim, &other_dim));
  for (int i = 0; i < array->shape.rank; i++) order[i] = i == dim ? other_dim : i == other_dim ? dim : i;
  return lazy_array_permute(array, order, out_view);
}

static int64_t clamp(int64_t value, int64_t low, int64_t high) {
  return value < low ? low : value > high ? high : value;
}

/* Moves a view's first element; a view without elements has no address. */
static void advance(lazy_array *view, int64_t elements) {
  if (lazy_array_element_count(view) == 0) view->address = 0;
  else view->address += (uint64_t)elements * lazy_dtype_bytes(view->dtype);
}

lazy_status lazy_array_slice(const lazy_array *array, int dim, int64_t start, int64_t stop, int64_t step,
                             lazy_array **out_view) {
  LAZY_TRY(resolve_dim(array, dim, &dim));
  if (step <= 0)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "array: slice step %lld, wanted 1 or more",
                            (long long)step);
  int64_t size = array->shape.dims[dim];
  start = clamp(start < 0 ? start + size : start, 0, size);
  stop = clamp(stop < 0 ? stop + size : stop, start, size);
  LAZY_TRY(lazyi_array_alias(array, out_view));
  lazy_array *view = *out_view;
  view->shape.dims[dim] = (stop - start) / step + ((stop - start) % step != 0);
  /* A step past the end leaves one element at most, whose stride is never used. */
  if (__builtin_mul_overflow(array->strides[dim], step, &view->strides[dim])) view->strides[dim] = 0;
  advance(view, start * array->strides[dim]);
  return LAZY_STATUS_OK;
}

lazy_status lazy_array_select(const lazy_array *array, int dim, int64_t index, lazy_array **out_view) {
  LAZY_TRY(resolve_dim(array, dim, &dim));
  int64_t size = array->shape.dims[dim];
  if (index < -size || index >= size)
    return lazy_status_fail(LAZY_STATUS_OUT_OF_RANGE, "array: index %lld of dim %d, whose size is %lld",
                            (long long)index, dim, (long long)size);
  if (index < 0) index += size;
  LAZY_TRY(lazyi_array_alias(array, out_view));
  lazy_array *view = *out_view;
  for (int i = dim; i + 1 < view->shape.rank; i++) {
    view->shape.dims[i] = view->shape.dims[i + 1];
    view->strides[i] = view->strides[i + 1];
  }
  view->shape.dims[--view->shape.rank] = 0;
  advance(view, index * array->strides[dim]);
  return LAZY_STATUS_OK;
}

static lazy_status fail_expand(const lazy_array *array, const lazy_shape *shape, int dim, const char *why) {
  char from[128], to[128];
  return lazy_status_fail(LAZY_STATUS_SHAPE, "array: %s expanded to %s: dim %d %s",
                          lazyi_array_describe(array->dtype, &array->shape, from, sizeof from),
                          lazyi_array_describe(array->dtype, shape, to, sizeof to), dim, why);
}

lazy_status lazy_array_expand(const lazy_array *array, const lazy_shape *shape, lazy_array **out_view) {
  int added = shape->rank - array->shape.rank;
  if (shape->rank > LAZY_MAX_RANK || added < 0)
    return lazy_status_fail(LAZY_STATUS_SHAPE, "array: rank %d expanded to rank %d, wanted %d to %d",
                            (int)array->shape.rank, (int)shape->rank, (int)array->shape.rank, LAZY_MAX_RANK);
  lazy_shape full = {.rank = shape->rank};
  int64_t strides[LAZY_MAX_RANK] = {0}, count;
  for (int i = 0; i < shape->rank; i++) {
    int64_t own = i < added ? 1 : array->shape.dims[i - added], wanted = shape->dims[i];
    if (wanted == -1 && i < added) return fail_expand(array, shape, i, "is new and has no size to keep");
    if (wanted < -1) return fail_expand(array, shape, i, "has a size below 0");
    full.dims[i] = wanted == -1 ? own : wanted;
    if (full.dims[i] == own) strides[i] = i < added ? 0 : array->strides[i - added];
    else if (own != 1) return fail_expand(array, shape, i, "has a size other than 1 that differs");
  }
  size_t bytes;
  LAZY_TRY(lazyi_array_measure(&full, array->dtype, &count, &bytes));
  LAZY_TRY(lazyi_array_alias(array, out_view));
  (*out_view)->shape = full;
  for (int i = 0; i < LAZY_MAX_RANK; i++) (*out_view)->strides[i] = strides[i];
  advance(*out_view, 0);
  return LAZY_STATUS_OK;
}
