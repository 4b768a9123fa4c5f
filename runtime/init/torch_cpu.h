/* The numbers of PyTorch's CPU generator: mt19937, uniform_ and normal_, bit for bit, drawn on the host. */
#ifndef LAZYI_INIT_TORCH_CPU_H
#define LAZYI_INIT_TORCH_CPU_H

#include <lazyrt/init.h>

enum { LAZYI_TORCH_WORDS = 624 };

/* The whole state: copy it to save it, copy it back to rewind. */
typedef struct lazyi_torch_generator {
  uint32_t state[LAZYI_TORCH_WORDS];
  uint32_t position;   /* words of `state` used up; LAZYI_TORCH_WORDS = all */
  uint32_t has_normal; /* `normal` is the next of the values that normal_ draws one by one */
  double normal;
} lazyi_torch_generator;

/* As torch.manual_seed: only the low 32 bits of the seed count. */
void lazyi_torch_seed(lazyi_torch_generator *generator, uint64_t seed);
/* The next `count` words of 32 bits. */
void lazyi_torch_words(lazyi_torch_generator *generator, uint32_t *out_words, size_t count);

/* How f16 and bf16 values come of a word. COARSE: 11 or 8 bits of it, bounds and their difference rounded to
   the type (PyTorch until 2.11). FINE: 24 bits, bounds in float; a value that rounds to `to` becomes `from`
   (later). */
typedef enum lazyi_torch_half {
  LAZYI_TORCH_HALF_COARSE = 0,
  LAZYI_TORCH_HALF_FINE = 1,
} lazyi_torch_half;

typedef struct lazyi_torch_uniform_options {
  lazy_dtype dtype;      /* f64, f32, f16 or bf16 */
  bool fma;              /* multiply and add in one rounding */
  lazyi_torch_half half; /* for f16 and bf16 */
  double from, to;       /* cast to the dtype first */
} lazyi_torch_uniform_options;

/* The next `count` values of tensor.uniform_(from, to): one word each, two for f64. Cutting a tensor into
   pieces does not change its values. */
void lazyi_torch_uniform(lazyi_torch_generator *generator, const lazyi_torch_uniform_options *options,
                         size_t count, void *out_values);

enum { LAZYI_TORCH_GROUP = 16 };

typedef struct lazyi_torch_normal_options {
  lazy_dtype dtype; /* f64, f32, f16 or bf16 */
  bool fma;         /* the last multiply and add in one rounding; f32 in groups has always been fused */
  double mean, std;
} lazyi_torch_normal_options;

/* Elements first .. first + count - 1 of tensor.normal_(mean, std) with `total` elements. Pieces must follow
   one another and be cut as lazyi_torch_normal_piece says. f64, f16 and bf16 take logarithms and angles from
   the C library, as PyTorch does, so their last bits are those of its build. Source: normal_fill and
   normal_kernel of ATen/native/cpu/DistributionTemplates.h. */
void lazyi_torch_normal(lazyi_torch_generator *generator, const lazyi_torch_normal_options *options,
                        uint64_t total, uint64_t first, size_t count, void *out_values);
/* How many of `left` elements make the next piece where there is room for `room`: all, or a multiple of
   LAZYI_TORCH_GROUP; 0 only if room is below two groups. */
size_t lazyi_torch_normal_piece(uint64_t left, size_t room);

typedef struct lazyi_torch_truncated_options {
  lazy_dtype dtype; /* f64, f32 or bf16: PyTorch has no erfinv_ of f16 */
  bool fma;         /* multiply and add in one rounding */
  double mean, std, low, high;
} lazyi_torch_truncated_options;

/* The next `count` values of torch.nn.init.trunc_normal_(tensor, mean, std, low, high), by the inverse of erf
   (torch_truncated.c). Cutting a tensor into pieces does not change its values. */
void lazyi_torch_truncated(lazyi_torch_generator *generator, const lazyi_torch_truncated_options *options,
                           size_t count, void *out_values);

#endif
