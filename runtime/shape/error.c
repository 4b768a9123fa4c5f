#include <stdio.h>

#include "runtime/shape/table.h"

/* "input", "weight", "input 0": the operand's name if it has one. */
static const char *operand_name(const struct lazy_shape_error *error, const char *const *names, char *buffer,
                                size_t bytes) {
  if (names != NULL && error->operand >= 0 && names[error->operand] != NULL) return names[error->operand];
  snprintf(buffer, bytes, error->node < 0 ? "init ticket %d" : "operand %d", (int)error->operand);
  return buffer;
}

lazy_status lazyi_shape_error_fail(const struct lazy_shape_error *error, const char *const *operand_names) {
  char buffer[32];
  const char *name = operand_name(error, operand_names, buffer, sizeof buffer);
  long long found = (long long)error->found, wanted = (long long)error->wanted;
  int dim = (int)error->dim;
  switch ((enum lazy_shape_error_code)error->code) {
    case LAZY_SHAPE_OK: return LAZY_STATUS_OK;
    case LAZY_SHAPE_RANK_TOO_LOW:
      return lazy_status_fail(LAZY_STATUS_OUT_OF_RANGE, "%s has rank %lld; wanted at least %lld", name, found,
                              wanted);
    case LAZY_SHAPE_RANK_TOO_HIGH:
      return lazy_status_fail(LAZY_STATUS_SHAPE, "%s has rank %lld; wanted at most %lld", name, found,
                              wanted);
    case LAZY_SHAPE_DIM_MISMATCH:
      return lazy_status_fail(LAZY_STATUS_SHAPE, "dimension %d of %s is %lld; the parameter wants %lld", dim,
                              name, found, wanted);
    case LAZY_SHAPE_PARAM_MISMATCH:
      return lazy_status_fail(LAZY_STATUS_SHAPE, "dimension %d of parameter %s is %lld; wanted %lld", dim,
                              name, found, wanted);
    case LAZY_SHAPE_PARAM_RANK:
      return lazy_status_fail(LAZY_STATUS_SHAPE, "parameter %s has rank %lld; wanted %lld", name, found,
                              wanted);
    case LAZY_SHAPE_BROADCAST:
      return lazy_status_fail(LAZY_STATUS_SHAPE,
                              "dimension %d of %s is %lld, which does not broadcast with %lld", dim, name,
                              found, wanted);
    case LAZY_SHAPE_NEGATIVE:
      return lazy_status_fail(LAZY_STATUS_SHAPE, "dimension %d of %s would be %lld; a size is not negative",
                              dim, name, found);
    case LAZY_SHAPE_OVERFLOW:
      return lazy_status_fail(LAZY_STATUS_LIMIT, "%s: a size or element count over the limit of %lld", name,
                              (long long)LAZY_DIM_LIMIT - 1);
    case LAZY_SHAPE_NO_SUCH_DIM:
      return lazy_status_fail(LAZY_STATUS_OUT_OF_RANGE, "%s has no dimension %lld; wanted %lld to %lld", name,
                              found, -wanted, wanted - 1);
    case LAZY_SHAPE_NO_SUCH_ROW:
      return lazy_status_fail(LAZY_STATUS_OUT_OF_RANGE,
                              "%s is to have zeros at index %lld; wanted %lld to %lld", name, found, -wanted,
                              wanted - 1);
    case LAZY_SHAPE_UNSHAPED:
      return lazy_status_fail(LAZY_STATUS_UNINITIALIZED, "nothing settles the shape of %s", name);
    case LAZY_SHAPE_UNKNOWN_RULE:
      return lazy_status_fail(LAZY_STATUS_UNSUPPORTED, "shape rule %lld is not one of the %lld known", found,
                              wanted);
    case LAZY_SHAPE_DIM_ORDER:
      return lazy_status_fail(LAZY_STATUS_SHAPE, "flatten: start_dim %lld comes after end_dim %lld", found,
                              wanted);
    case LAZY_SHAPE_RANK_RANGE:
      if (dim == wanted)
        return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "%s has rank %lld; wanted %lld", name, found,
                                wanted);
      return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "%s has rank %lld; wanted %d to %lld", name, found,
                              dim, wanted);
    case LAZY_SHAPE_ONE_VALUE:
      return lazy_status_fail(LAZY_STATUS_INVALID_VALUE,
                              "%s has 1 %s; wanted more than 1, to normalise by the statistics of its own",
                              name, wanted == LAZY_NORM_OF_SPACE ? "spatial element" : "value per channel");
    case LAZY_SHAPE_EMPTY:
      return lazy_status_fail(LAZY_STATUS_SHAPE, "dimension %d of %s is 0; wanted at least 1", dim, name);
    case LAZY_SHAPE_WINDOW:
      return lazy_status_fail(LAZY_STATUS_SHAPE,
                              "dimension %d of %s is %lld with its padding; the window wants at least %lld",
                              dim, name, found, wanted);
    case LAZY_SHAPE_GROUPS:
      return lazy_status_fail(LAZY_STATUS_SHAPE,
                              "dimension %d of %s is %lld, which %lld groups do not divide", dim, name, found,
                              wanted);
    case LAZY_SHAPE_KERNEL:
      return lazy_status_fail(LAZY_STATUS_SHAPE,
                              "dimension %d of %s is %lld with its padding; the kernel reaches over %lld",
                              dim, name, found, wanted);
    case LAZY_SHAPE_PADDING:
      return lazy_status_fail(LAZY_STATUS_SHAPE,
                              "dimension %d of %s is padded by %lld; its padding mode wants at most %lld",
                              dim, name, found, wanted);
    case LAZY_SHAPE_TOO_SMALL:
      return lazy_status_fail(LAZY_STATUS_SHAPE, "dimension %d of %s would become %lld; wanted at least %lld",
                              dim, name, found, wanted);
    case LAZY_SHAPE_TOO_LARGE:
      return lazy_status_fail(LAZY_STATUS_SHAPE, "dimension %d of %s would become %lld; wanted at most %lld",
                              dim, name, found, wanted);
    case LAZY_SHAPE_STATE_MISMATCH:
      return lazy_status_fail(LAZY_STATUS_SHAPE, "dimension %d of %s is %lld; wanted %lld", dim, name, found,
                              wanted);
    case LAZY_SHAPE_NO_STEPS:
      return lazy_status_fail(LAZY_STATUS_INVALID_VALUE,
                              "dimension %d of %s is a sequence of 0 steps; wanted at least 1", dim, name);
  }
  return lazy_status_fail(LAZY_STATUS_SHAPE, "shape error %d of %s", (int)error->code, name);
}
