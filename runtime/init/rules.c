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

/* torch.nn.init.calculate_gain("leaky_relu", slope). */
static double leaky_relu_gain(double slope) { return sqrt(2.0 / (1.0 + slope * slope)); }

lazy_status lazyi_init_ticket(const lazy_init *init, lazy_stream stream, lazy_dtype dtype, int32_t slot,
                              int32_t fan_slot, uint64_t path_hash, struct lazy_init_ticket *out_ticket) {
  bool random = init->initializer == LAZY_INITIALIZER_UNIFORM ||
                init->initializer == LAZY_INITIALIZER_KAIMING_UNIFORM ||
                init->initializer == LAZY_INITIALIZER_FAN_IN_UNIFORM;
  if (random && !lazy_dtype_is_float(dtype))
    return lazy_status_fail(LAZY_STATUS_INVALID_TYPE,
                            "random values of type %s; wanted a floating-point type", lazy_dtype_name(dtype));
  struct lazy_init_ticket ticket = {.slot = slot,
                                    .fan_slot = fan_slot,
                                    .dtype = (uint8_t)dtype,
                                    .rule = random ? LAZY_INIT_UNIFORM : LAZY_INIT_NONE,
                                    .host = random && stream != LAZY_STREAM_KEYED,
                                    .path_hash = path_hash};
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
    case LAZY_INITIALIZER_KAIMING_UNIFORM:
      if (!isfinite(init->a))
        return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "kaiming_uniform: a negative slope of %g",
                                init->a);
      ticket.scale = LAZY_SCALE_KAIMING_FAN_IN;
      ticket.b = leaky_relu_gain(init->a);
      break;
    case LAZY_INITIALIZER_FAN_IN_UNIFORM: ticket.scale = LAZY_SCALE_RSQRT_FAN_IN; break;
    default: return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "initializer %d", (int)init->initializer);
  }
  *out_ticket = ticket;
  return LAZY_STATUS_OK;
}

lazy_status lazyi_init_resolve(lazy_init *init, const lazy_shape *fan_shape) {
  bool kaiming = init->initializer == LAZY_INITIALIZER_KAIMING_UNIFORM;
  if (!kaiming && init->initializer != LAZY_INITIALIZER_FAN_IN_UNIFORM) return LAZY_STATUS_OK;
  if (fan_shape->rank < 2)
    return lazy_status_fail(LAZY_STATUS_OUT_OF_RANGE, "the fan of a tensor of rank %d; wanted at least 2",
                            (int)fan_shape->rank);
  lazy_dim fan_in = 1;
  for (int32_t i = 1; i < fan_shape->rank; i++) fan_in = dim_mul(fan_in, fan_shape->dims[i]);
  double bound = segment_half_width(kaiming ? LAZY_SCALE_KAIMING_FAN_IN : LAZY_SCALE_RSQRT_FAN_IN, fan_in,
                                    kaiming ? leaky_relu_gain(init->a) : 0);
  *init = (lazy_init){.initializer = LAZY_INITIALIZER_UNIFORM, .a = -bound, .b = bound};
  return LAZY_STATUS_OK;
}
