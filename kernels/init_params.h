/* Parameter blocks and tables of initialisation: tickets become segments, which are drawn. See params.h. */
#ifndef LAZYRT_KERNELS_INIT_PARAMS_H
#define LAZYRT_KERNELS_INIT_PARAMS_H

#include <stdint.h>

enum lazy_init_rule {
  LAZY_INIT_NONE = 0,      /* memory is left as it is (values come from elsewhere) */
  LAZY_INIT_CONSTANT = 1,  /* a = value */
  LAZY_INIT_UNIFORM = 2,   /* a = center, b = half width */
  LAZY_INIT_NORMAL = 3,    /* a = mean, b = standard deviation */
  LAZY_INIT_TRUNCATED = 4, /* a, b of the normal that is cut off; `cut` */
};

/* How a ticket's a and b become a segment's: fans are known only once the shapes are. All in double, in
   PyTorch's order of operations. A deviation becomes NORMAL's as it stands and UNIFORM's half width by the
   factor sqrt(3.0). */
enum lazy_init_scale {
  LAZY_SCALE_GIVEN = 0,          /* a, b as they stand */
  LAZY_SCALE_KAIMING_FAN_IN = 1, /* deviation b / sqrt(fan_in), where b holds the gain */
  LAZY_SCALE_RSQRT_FAN_IN = 2,   /* b = fan_in > 0 ? 1 / sqrt(fan_in) : 0, whatever the rule */
  LAZY_SCALE_KAIMING_FAN_OUT = 3,
  LAZY_SCALE_XAVIER = 4, /* deviation b * sqrt(2.0 / (fan_in + fan_out)) */
  LAZY_SCALE_COUNT
};

/* Where a normal is cut off, and what lies where: below + within + above = 1, each to full precision. */
struct lazy_init_cut {
  double low, high; /* bounds of the values */
  double below, within, above;
};

/* A parameter or buffer waiting for its values, in registration order. */
struct lazy_init_ticket {
  int32_t slot;         /* its row */
  int32_t fan_slot;     /* the row fans are taken from (a bias names its weight's) */
  uint8_t dtype;        /* lazy_dtype */
  uint8_t rule;         /* lazy_init_rule */
  uint8_t scale;        /* lazy_init_scale */
  uint8_t host;         /* 1: drawn on the host and uploaded; a scaled rule's a, b become from = -b, to = b */
  uint8_t has_zero_row; /* index `zero_row` of dim 0, negative from the end, is zero */
  uint8_t reserved[3];
  uint64_t path_hash; /* of root name and path parts; the launch's seed is mixed in by the kernel */
  int64_t zero_row;
  double a, b;
  struct lazy_init_cut cut;
};

/* A ticket with its place and numbers known: what init_params draws. */
struct lazy_init_segment {
  uint64_t offset; /* bytes from the launch's base address; a multiple of LAZY_PARAM_ALIGNMENT */
  uint64_t count;  /* elements */
  uint64_t from;   /* number of the first of them in the whole parameter; a multiple of 4 */
  uint64_t path_hash;
  double a, b;
  uint32_t first_tile; /* tiles of all segments before it */
  uint8_t dtype, rule;
  uint8_t host; /* 1: has no tiles; a = from, b = to, drawn by the host */
  uint8_t reserved;
  uint64_t zero_first, zero_count; /* elements of the whole parameter that are zero whatever the rule */
  struct lazy_init_cut cut;
};

/* Of each lazy_dtype: f64 8, f32 4, f16 2, bf16 2, i64 8, u8 1; one hexadecimal digit each, from dtype 0 up.
 */
#define LAZY_ELEMENT_BYTES(dtype) (0x1822480u >> (4 * (dtype)) & 15u)

enum { LAZY_PARAM_ALIGNMENT = 256, LAZY_INIT_TILE = 4096 };

struct lazy_k_init_params_params {
  uint64_t segments; /* struct lazy_init_segment[segment_count] */
  uint64_t base;     /* added to every segment's offset */
  uint64_t seed;
  uint32_t segment_count, tile_count;
  uint64_t sums; /* uint64_t[tile][2], written: of each tile's fingerprint; 0: none wanted */
};

#endif
