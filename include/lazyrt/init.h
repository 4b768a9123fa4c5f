/* Initial values: distributions and random streams. */
#ifndef LAZYRT_INIT_H
#define LAZYRT_INIT_H

#include <lazyrt/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where random numbers come from.
   KEYED (keyed/1): value = f(seed, root name, path, element): the same on every device, ISA level and launch
   shape, in any order of first calls, and for any slice drawn alone. TORCH_CPU: the numbers PyTorch's CPU
   generator draws (mt19937, multiply and add rounded separately), in the order of construction (layers whose
   sizes are known) or of first calls (lazy ones). TORCH_CPU_FMA: the same where PyTorch's build fuses the
   multiply and add, as Debian's 1.13 does under AVX2. */
typedef enum lazy_stream {
  LAZY_STREAM_KEYED = 0,
  LAZY_STREAM_TORCH_CPU = 1,
  LAZY_STREAM_TORCH_CPU_FMA = 2,
} lazy_stream;

/* "keyed", "torch-cpu", "torch-cpu-fma"; "?" for a value that is no stream. */
LAZY_API const char *lazy_stream_name(lazy_stream stream);
LAZY_API bool lazy_stream_parse(const char *name, lazy_stream *out_stream);

/* Kaiming and Xavier scale with fans, of a tensor with at least two dimensions: fan_in = size(1) times all
   sizes after it, fan_out = size(0) times all sizes after size(1). All in double, in torch.nn.init's order.
 */
typedef enum lazy_initializer {
  LAZY_INITIALIZER_EMPTY = 0,    /* memory is left as it is; strict host devices fill it with NaN */
  LAZY_INITIALIZER_CONSTANT = 1, /* a = the value */
  LAZY_INITIALIZER_UNIFORM = 2,  /* a = low, b = high; keyed draws reach both ends, torch's never `high` */
  LAZY_INITIALIZER_KAIMING_UNIFORM = 3, /* a = slope of LEAKY_RELU; nn.init.kaiming_uniform_: within
                                           +-sqrt(3) gain / sqrt(fan) */
  LAZY_INITIALIZER_FAN_IN_UNIFORM = 4,  /* within +-1/sqrt(fan_in) of `fan_of`: PyTorch's default for biases;
                                           all zero where fan_in is 0 */
  LAZY_INITIALIZER_NORMAL = 5,          /* a = mean, b = standard deviation */
  LAZY_INITIALIZER_KAIMING_NORMAL = 6,  /* a = slope of LEAKY_RELU; deviation gain / sqrt(fan) */
  LAZY_INITIALIZER_XAVIER_UNIFORM =
      7, /* a = gain; nn.init.xavier_uniform_: within +-sqrt(3) times the deviation below */
  LAZY_INITIALIZER_XAVIER_NORMAL = 8,    /* a = gain; deviation gain sqrt(2 / (fan_in + fan_out)) */
  LAZY_INITIALIZER_TRUNCATED_NORMAL = 9, /* a = mean, b = standard deviation > 0, never outside [low, high];
                                            nn.init.trunc_normal_, under the torch streams as
                                            PyTorch 1.13 draws it (f16: UNSUPPORTED) */
  LAZY_INITIALIZER_ORTHOGONAL = 10,      /* nn.init.orthogonal_: UNSUPPORTED where values are asked for */
  LAZY_INITIALIZER_SPARSE = 11,          /* nn.init.sparse_: the same */
} lazy_initializer;

/* Which fan KAIMING takes: it keeps the variance of the forward pass, or of the backward pass. */
typedef enum lazy_fan_mode {
  LAZY_FAN_MODE_IN = 0,
  LAZY_FAN_MODE_OUT = 1,
} lazy_fan_mode;

/* What follows the layer, which settles KAIMING's gain. */
typedef enum lazy_nonlinearity {
  LAZY_NONLINEARITY_LEAKY_RELU = 0,
  LAZY_NONLINEARITY_RELU = 1,
  LAZY_NONLINEARITY_TANH = 2,
  LAZY_NONLINEARITY_SELU = 3,
  LAZY_NONLINEARITY_LINEAR = 4, /* sigmoid and convolutions too */
} lazy_nonlinearity;

/* nn.init.calculate_gain; `slope` counts for LEAKY_RELU alone. NaN for a value that is no nonlinearity. */
LAZY_API double lazy_init_gain(lazy_nonlinearity nonlinearity, double slope);

/* How one parameter or buffer gets its first values. */
typedef struct lazy_init {
  lazy_initializer initializer;
  double a, b;
  const char *fan_of; /* the module's parameter whose shape gives the fan; NULL = this one. Static storage. */
  lazy_fan_mode fan_mode;         /* KAIMING */
  lazy_nonlinearity nonlinearity; /* KAIMING */
  double low, high;  /* TRUNCATED_NORMAL; both 0: PyTorch's -2 and 2. UNSUPPORTED where less than 2^-26 of the
                        distribution lies between them */
  bool has_zero_row; /* index zero_row of dim 0 is zero, whatever the rest is: nn.Embedding's padding_idx. The
                        torch streams draw it all the same; EMPTY leaves it as it is too. */
  int64_t zero_row;  /* negative counts from the end; OUT_OF_RANGE if it is not there */
} lazy_init;

#ifdef __cplusplus
}
#endif
#endif
