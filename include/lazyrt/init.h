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

typedef enum lazy_initializer {
  LAZY_INITIALIZER_EMPTY = 0,    /* memory is left as it is; strict host devices fill it with NaN */
  LAZY_INITIALIZER_CONSTANT = 1, /* a = the value */
  LAZY_INITIALIZER_UNIFORM = 2,  /* a = low, b = high; keyed draws reach both ends, torch's never `high` */
  LAZY_INITIALIZER_KAIMING_UNIFORM =
      3, /* a = slope of the leaky relu; nn.init.kaiming_uniform_, mode fan_in */
  LAZY_INITIALIZER_FAN_IN_UNIFORM = 4, /* within +-1/sqrt(fan_in) of `fan_of`: PyTorch's default for biases;
                                          all zero where fan_in is 0 */
} lazy_initializer;

/* How one parameter or buffer gets its first values. */
typedef struct lazy_init {
  lazy_initializer initializer;
  double a, b;
  const char *fan_of; /* the module's parameter whose shape gives the fan; NULL = this one. Static storage. */
} lazy_init;

#ifdef __cplusplus
}
#endif
#endif
