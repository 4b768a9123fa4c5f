/* torch.nn.init.trunc_normal_ as it was until PyTorch's inverse of erf gave way to drawing again (2026):
   uniform_(2l - 1, 2u - 1), erfinv_, mul_, add_ and clamp_, each rounded to the type, its scalars too.

   erfinv_ is that of builds without MKL (ATen/native/Math.h, calc_erfinv): a ratio of polynomials (G. L.
   Pavlis), then two of Newton's steps with the C library's erf and exp. */
#include <math.h>

#include "kernels/number.cuh"
#include "runtime/init/torch_cpu.h"

#define INLINE static inline __attribute__((always_inline))

/* One step of Horner's rule, in one rounding where the build fuses. */
INLINE float step_f32(bool fuse, float a, float b, float c) { return fuse ? fmaf(a, b, c) : a * b + c; }
INLINE double step_f64(bool fuse, double a, double b, double c) { return fuse ? fma(a, b, c) : a * b + c; }

INLINE float inverse_erf_f32(bool fuse, float y) {
  const float size = fabsf(y);
  float x;
  if (size == 1.0f) return copysignf(INFINITY, y);
  if (size <= 0.7f) {
    const float z = y * y;
    float above = step_f32(fuse, -0.140543331f, z, 0.914624893f);
    above = step_f32(fuse, above, z, -1.645349621f);
    above = step_f32(fuse, above, z, 0.886226899f);
    float below = step_f32(fuse, 0.012229801f, z, -0.329097515f);
    below = step_f32(fuse, below, z, 1.442710462f);
    below = step_f32(fuse, below, z, -2.118377725f);
    below = step_f32(fuse, below, z, 1.0f);
    x = y * above / below;
  } else {
    const float z = sqrtf(-logf((1.0f - size) / 2.0f));
    float above = step_f32(fuse, 1.641345311f, z, 3.429567803f);
    above = step_f32(fuse, above, z, -1.624906493f);
    above = step_f32(fuse, above, z, -1.970840454f);
    const float below = step_f32(fuse, step_f32(fuse, 1.637067800f, z, 3.543889200f), z, 1.0f);
    x = copysignf(above, y) / below;
  }
  const float slope = 2.0f / 1.7724538509055160f;
  for (int i = 0; i < 2; i++) x = x - (erff(x) - y) / (slope * expf(-x * x));
  return x;
}

INLINE double inverse_erf_f64(bool fuse, double y) {
  const double size = fabs(y);
  double x;
  if (size == 1.0) return copysign(INFINITY, y);
  if (size <= 0.7) {
    const double z = y * y;
    double above = step_f64(fuse, -0.140543331, z, 0.914624893);
    above = step_f64(fuse, above, z, -1.645349621);
    above = step_f64(fuse, above, z, 0.886226899);
    double below = step_f64(fuse, 0.012229801, z, -0.329097515);
    below = step_f64(fuse, below, z, 1.442710462);
    below = step_f64(fuse, below, z, -2.118377725);
    below = step_f64(fuse, below, z, 1.0);
    x = y * above / below;
  } else {
    const double z = sqrt(-log((1.0 - size) / 2.0));
    double above = step_f64(fuse, 1.641345311, z, 3.429567803);
    above = step_f64(fuse, above, z, -1.624906493);
    above = step_f64(fuse, above, z, -1.970840454);
    const double below = step_f64(fuse, step_f64(fuse, 1.637067800, z, 3.543889200), z, 1.0);
    x = copysign(above, y) / below;
  }
  const double slope = 2.0 / 1.7724538509055160;
  for (int i = 0; i < 2; i++) x = x - (erf(x) - y) / (slope * exp(-x * x));
  return x;
}

INLINE float rounded_bf16(float x) { return lazy_bf16_to_f32(lazy_f32_to_bf16(x)); }

/* Uniform values of (-1, 1) become those of the normal, in place. */
INLINE void transform(const lazyi_torch_truncated_options *options, bool fuse, size_t count, void *values) {
  const double spread = options->std * sqrt(2.0);
  const float spread32 = (float)spread, mean = (float)options->mean;
  const float low = (float)options->low, high = (float)options->high;
  if (options->dtype == LAZY_DTYPE_F64) {
    double *x = values;
    for (size_t i = 0; i < count; i++) {
      const double y = inverse_erf_f64(fuse, x[i]) * spread + options->mean;
      x[i] = fmin(fmax(y, options->low), options->high);
    }
  } else if (options->dtype == LAZY_DTYPE_F32) {
    float *x = values;
    for (size_t i = 0; i < count; i++)
      x[i] = fminf(fmaxf(inverse_erf_f32(fuse, x[i]) * spread32 + mean, low), high);
  } else {
    uint16_t *x = values;
    const float least = rounded_bf16(low), most = rounded_bf16(high), factor = rounded_bf16(spread32),
                center = rounded_bf16(mean);
    for (size_t i = 0; i < count; i++) {
      const float y = rounded_bf16(inverse_erf_f32(fuse, lazy_bf16_to_f32(x[i])));
      x[i] = lazy_f32_to_bf16(fminf(fmaxf(rounded_bf16(rounded_bf16(y * factor) + center), least), most));
    }
  }
}

/* One copy of the loops for each rounding. */
static void transform_plain(const lazyi_torch_truncated_options *options, size_t count, void *values) {
  if (options->fma) transform(options, true, count, values);
  else transform(options, false, count, values);
}
#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static void transform_fma(const lazyi_torch_truncated_options *options,
                                                              size_t count, void *values) {
  transform(options, true, count, values);
}
#endif

static double below(double x) { return (1.0 + erf(x / sqrt(2.0))) / 2.0; }

void lazyi_torch_truncated(lazyi_torch_generator *generator, const lazyi_torch_truncated_options *options,
                           size_t count, void *out_values) {
  const lazyi_torch_uniform_options uniform = {
      .dtype = options->dtype,
      .fma = options->fma,
      .from = 2.0 * below((options->low - options->mean) / options->std) - 1.0,
      .to = 2.0 * below((options->high - options->mean) / options->std) - 1.0};
  lazyi_torch_uniform(generator, &uniform, count, out_values);
#if defined(__x86_64__)
  if (options->fma && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    transform_fma(options, count, out_values);
    return;
  }
#endif
  transform_plain(options, count, out_values);
}
