#include <math.h>
#include <string.h>

#include "kernels/segment_rules.h"
#include "runtime/init/init.h"

static const char *const stream_names[] = {"keyed", "torch-cpu", "torch-cpu-fma"};
enum { STREAM_COUNT = sizeof stream_names / sizeof *stream_names };

const char *lazy_stream_name(lazy_stream stream) {
  return (unsigned)stream < STREAM_COUNT ? stream_names[stream] : "?";
}

bool lazy_stream_parse(const char *name, lazy_stream *out_stream) {
  for (int i = 0; i < STREAM_COUNT; i++) {
    if (strcmp(name, stream_names[i]) != 0) continue;
    *out_stream = (lazy_stream)i;
    return true;
  }
  return false;
}

double lazy_init_gain(lazy_nonlinearity nonlinearity, double slope) {
  switch (nonlinearity) {
    case LAZY_NONLINEARITY_LEAKY_RELU: return sqrt(2.0 / (1.0 + slope * slope));
    case LAZY_NONLINEARITY_RELU: return sqrt(2.0);
    case LAZY_NONLINEARITY_TANH: return 5.0 / 3;
    case LAZY_NONLINEARITY_SELU: return 3.0 / 4;
    case LAZY_NONLINEARITY_LINEAR: return 1.0;
  }
  return NAN;
}

static bool is_random(lazy_initializer initializer) {
  return initializer >= LAZY_INITIALIZER_UNIFORM && initializer <= LAZY_INITIALIZER_TRUNCATED_NORMAL;
}

/* What the bounds must leave of the normal distribution. */
#define LEAST_WITHIN 0x1p-26

static lazy_status cut_off(const lazy_init *init, lazy_dtype dtype, struct lazy_init_ticket *ticket) {
  const bool given = init->low != 0 || init->high != 0;
  const double low = given ? init->low : -2, high = given ? init->high : 2;
  if (!isfinite(init->a) || !isfinite(init->b) || !(init->b > 0) || !isfinite(low) || !isfinite(high) ||
      low > high)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE,
                            "normal values of mean %g and standard deviation %g, cut off at %g and %g",
                            init->a, init->b, low, high);
  lazyi_init_cut(init->a, init->b, low, high, &ticket->cut);
  if (!(ticket->cut.within >= LEAST_WITHIN))
    return lazy_status_fail(LAZY_STATUS_UNSUPPORTED,
                            "normal values of mean %g and standard deviation %g, cut off at %g and %g: %g of "
                            "the distribution is left; wanted at least %g",
                            init->a, init->b, low, high, ticket->cut.within, LEAST_WITHIN);
  if (ticket->host && dtype == LAZY_DTYPE_F16)
    return lazy_status_fail(
        LAZY_STATUS_UNSUPPORTED,
        "truncated normal values of type f16 on a torch stream: PyTorch has no erfinv_ of "
        "that type on the CPU");
  ticket->a = init->a;
  ticket->b = init->b;
  return LAZY_STATUS_OK;
}

/* What the kernels know of an initialiser: a rule, and how its spread follows from the fans. */
static lazy_status scale_of(const lazy_init *init, uint8_t *out_rule, uint8_t *out_scale, double *out_gain) {
  const bool normal = init->initializer == LAZY_INITIALIZER_KAIMING_NORMAL ||
                      init->initializer == LAZY_INITIALIZER_XAVIER_NORMAL ||
                      init->initializer == LAZY_INITIALIZER_NORMAL;
  const bool cut = init->initializer == LAZY_INITIALIZER_TRUNCATED_NORMAL;
  *out_rule = cut ? LAZY_INIT_TRUNCATED : normal ? LAZY_INIT_NORMAL : LAZY_INIT_UNIFORM;
  *out_scale = LAZY_SCALE_GIVEN;
  *out_gain = 0;
  switch (init->initializer) {
    case LAZY_INITIALIZER_FAN_IN_UNIFORM: *out_scale = LAZY_SCALE_RSQRT_FAN_IN; break;
    case LAZY_INITIALIZER_KAIMING_UNIFORM:
    case LAZY_INITIALIZER_KAIMING_NORMAL:
      if (!isfinite(init->a))
        return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "kaiming: a negative slope of %g", init->a);
      *out_gain = lazy_init_gain(init->nonlinearity, init->a);
      if (isnan(*out_gain) || (init->fan_mode != LAZY_FAN_MODE_IN && init->fan_mode != LAZY_FAN_MODE_OUT))
        return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "kaiming: nonlinearity %d, fan mode %d",
                                (int)init->nonlinearity, (int)init->fan_mode);
      *out_scale =
          init->fan_mode == LAZY_FAN_MODE_OUT ? LAZY_SCALE_KAIMING_FAN_OUT : LAZY_SCALE_KAIMING_FAN_IN;
      break;
    case LAZY_INITIALIZER_XAVIER_UNIFORM:
    case LAZY_INITIALIZER_XAVIER_NORMAL:
      if (!isfinite(init->a) || init->a < 0)
        return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "xavier: a gain of %g", init->a);
      *out_gain = init->a;
      *out_scale = LAZY_SCALE_XAVIER;
      break;
    default: break;
  }
  return LAZY_STATUS_OK;
}

lazy_status lazyi_init_ticket(const lazy_init *init, lazy_stream stream, lazy_dtype dtype, int32_t slot,
                              int32_t fan_slot, uint64_t path_hash, struct lazy_init_ticket *out_ticket) {
  bool random = is_random(init->initializer);
  if (random && !lazy_dtype_is_float(dtype))
    return lazy_status_fail(LAZY_STATUS_INVALID_TYPE,
                            "random values of type %s; wanted a floating-point type", lazy_dtype_name(dtype));
  struct lazy_init_ticket ticket = {.slot = slot,
                                    .fan_slot = fan_slot,
                                    .dtype = (uint8_t)dtype,
                                    .rule = LAZY_INIT_NONE,
                                    .host = random && stream != LAZY_STREAM_KEYED,
                                    .has_zero_row = init->has_zero_row,
                                    .path_hash = path_hash,
                                    .zero_row = init->zero_row};
  if (random) LAZY_TRY(scale_of(init, &ticket.rule, &ticket.scale, &ticket.b));
  switch (init->initializer) {
    case LAZY_INITIALIZER_EMPTY: break;
    case LAZY_INITIALIZER_CONSTANT:
      ticket.rule = LAZY_INIT_CONSTANT;
      ticket.a = init->a;
      break;
    case LAZY_INITIALIZER_UNIFORM:
      if (!isfinite(init->a) || !isfinite(init->b) || init->a > init->b)
        return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "uniform values from %g to %g", init->a, init->b);
      ticket.a = ticket.host ? init->a : init->a / 2 + init->b / 2;
      ticket.b = ticket.host ? init->b : init->b / 2 - init->a / 2;
      break;
    case LAZY_INITIALIZER_NORMAL:
      if (!isfinite(init->a) || !isfinite(init->b) || init->b < 0)
        return lazy_status_fail(LAZY_STATUS_INVALID_VALUE,
                                "normal values of mean %g and standard deviation %g", init->a, init->b);
      ticket.a = init->a;
      ticket.b = init->b;
      break;
    case LAZY_INITIALIZER_TRUNCATED_NORMAL: LAZY_TRY(cut_off(init, dtype, &ticket)); break;
    case LAZY_INITIALIZER_ORTHOGONAL:
      return lazy_status_fail(LAZY_STATUS_UNSUPPORTED,
                              "orthogonal initialisation: it takes a QR decomposition, which this library "
                              "does not have; load such values from a checkpoint");
    case LAZY_INITIALIZER_SPARSE:
      return lazy_status_fail(LAZY_STATUS_UNSUPPORTED,
                              "sparse initialisation: it takes a random permutation of every column, which "
                              "this library does not have; load such values from a checkpoint");
    default:
      if (!random)
        return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "initializer %d", (int)init->initializer);
  }
  *out_ticket = ticket;
  return LAZY_STATUS_OK;
}

lazy_status lazyi_init_resolve(lazy_init *init, const lazy_shape *fan_shape) {
  uint8_t rule, scale;
  double gain;
  if (!is_random(init->initializer)) return LAZY_STATUS_OK;
  LAZY_TRY(scale_of(init, &rule, &scale, &gain));
  if (scale == LAZY_SCALE_GIVEN) return LAZY_STATUS_OK;
  if (fan_shape->rank < 2)
    return lazy_status_fail(LAZY_STATUS_OUT_OF_RANGE, "the fan of a tensor of rank %d; wanted at least 2",
                            (int)fan_shape->rank);
  lazy_dim receptive = 1;
  for (int32_t i = 2; i < fan_shape->rank; i++) receptive = dim_mul(receptive, fan_shape->dims[i]);
  const double spread = segment_spread(rule, scale, dim_mul(fan_shape->dims[1], receptive),
                                       dim_mul(fan_shape->dims[0], receptive), gain);
  const bool normal = rule == LAZY_INIT_NORMAL;
  *init = (lazy_init){.initializer = normal ? LAZY_INITIALIZER_NORMAL : LAZY_INITIALIZER_UNIFORM,
                      .a = normal ? 0 : -spread,
                      .b = spread,
                      .has_zero_row = init->has_zero_row,
                      .zero_row = init->zero_row};
  return LAZY_STATUS_OK;
}
