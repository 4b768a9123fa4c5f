/* tensor.normal_ of PyTorch's CPU build, as ATen/native/cpu/DistributionTemplates.h has it.

   Sixteen values and more go through Box and Muller's transform in groups of sixteen: the first eight uniform
   values of a group are radii, the last eight angles; cosines become the first eight values, sines the last.
   Where the count is no multiple of sixteen, the last sixteen values are drawn once more, after all others.
   Fewer than sixteen come one by one from 53-bit draws, and every other one from the generator's memory. */
#include <math.h>
#include <string.h>

#include "kernels/number.cuh"
#include "runtime/init/torch_cpu.h"

enum { GROUP = LAZYI_TORCH_GROUP, HALF = GROUP / 2 };

#define INLINE static inline __attribute__((always_inline))
#define PI     3.141592653589793238462643383279502884

/* ---- f32: the polynomials of Cephes as avx_mathfun.h has them, multiplied and added in one rounding where
   GCC fuses them ---- */

INLINE float log_f32(float x) {
  uint32_t bits = lazy_f32_bits(x < 0x1p-126f ? 0x1p-126f : x);
  float e = (float)((int32_t)(bits >> 23) - 126);
  float m = lazy_bits_f32((bits & 0x007fffffu) | 0x3f000000u);
  const bool small = m < 0.707106781186547524f;
  e -= small ? 1.0f : 0.0f;
  m = (m - 1.0f) + (small ? m : 0.0f);
  const float z = m * m;
  float y = 7.0376836292e-2f;
  y = fmaf(y, m, -1.1514610310e-1f);
  y = fmaf(y, m, 1.1676998740e-1f);
  y = fmaf(y, m, -1.2420140846e-1f);
  y = fmaf(y, m, 1.4249322787e-1f);
  y = fmaf(y, m, -1.6668057665e-1f);
  y = fmaf(y, m, 2.0000714765e-1f);
  y = fmaf(y, m, -2.4999993993e-1f);
  y = fmaf(y, m, 3.3333331174e-1f);
  y = fmaf(y * m, z, e * -2.12194440e-4f);
  y = fmaf(-z, 0.5f, y);
  return fmaf(e, 0.693359375f, m + y);
}

/* Of an angle in [0, 2 pi). */
INLINE void sincos_f32(float x, float *out_sin, float *out_cos) {
  const int32_t octant = ((int32_t)(x * 1.27323954473516f) + 1) & ~1;
  const float y = (float)octant;
  x = fmaf(y, -0.78515625f, x);
  x = fmaf(y, -2.4187564849853515625e-4f, x);
  x = fmaf(y, -3.77489497744594108e-8f, x);
  const float z = x * x;
  float c = 2.443315711809948e-5f;
  c = fmaf(c, z, -1.388731625493765e-3f);
  c = fmaf(c, z, 4.166664568298827e-2f);
  c = fmaf(c * z, z, -(z * 0.5f)) + 1.0f;
  float s = -1.9515295891e-4f;
  s = fmaf(s, z, 8.3321608736e-3f);
  s = fmaf(s, z, -1.6666654611e-1f);
  s = fmaf(s * z, x, x);
  const float sine = octant & 2 ? c : s, cosine = octant & 2 ? s : c;
  *out_sin = octant & 4 ? -sine : sine;
  *out_cos = (octant - 2) & 4 ? cosine : -cosine;
}

INLINE void group_f32_of(float mean, float std, const float *restrict u, float *restrict out) {
  for (int j = 0; j < HALF; j++) {
    float sine, cosine, radius = sqrtf(-2.0f * log_f32(1.0f - u[j]));
    sincos_f32((float)(2.0 * PI) * u[HALF + j], &sine, &cosine);
    out[j] = fmaf(radius * cosine, std, mean);
    out[HALF + j] = fmaf(radius * sine, std, mean);
  }
}

/* fmaf is exact on every CPU; with the instruction it is also fast. */
static void group_f32_plain(float mean, float std, const float *u, float *out) {
  group_f32_of(mean, std, u, out);
}
#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static void group_f32_avx2(float mean, float std, const float *u,
                                                               float *out) {
  group_f32_of(mean, std, u, out);
}
#endif

static void group_f32(const lazyi_torch_normal_options *options, const float *u, float *out) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    group_f32_avx2((float)options->mean, (float)options->std, u, out);
    return;
  }
#endif
  group_f32_plain((float)options->mean, (float)options->std, u, out);
}

/* ---- f64: the C library's functions ---- */

static void group_f64(const lazyi_torch_normal_options *options, const double *u, double *out) {
  for (int j = 0; j < HALF; j++) {
    const double radius = sqrt(-2.0 * log(1.0 - u[j])), theta = 2.0 * PI * u[HALF + j];
    const double x = radius * cos(theta), y = radius * sin(theta);
    out[j] = options->fma ? fma(x, options->std, options->mean) : x * options->std + options->mean;
    out[HALF + j] = options->fma ? fma(y, options->std, options->mean) : y * options->std + options->mean;
  }
}

/* ---- f16 and bf16: until PyTorch 2.11 every step is taken in the type itself ---- */

static float rounded(lazy_dtype dtype, float x) {
  return dtype == LAZY_DTYPE_F16 ? lazy_f16_to_f32(lazy_f32_to_f16(x))
                                 : lazy_bf16_to_f32(lazy_f32_to_bf16(x));
}

/* The functions of c10::Half give floats, those of c10::BFloat16 give it back. */
static float step(lazy_dtype dtype, float x) {
  return dtype == LAZY_DTYPE_BF16 ? lazy_bf16_to_f32(lazy_f32_to_bf16(x)) : x;
}

static uint16_t scaled_half(const lazyi_torch_normal_options *options, float radius, float of_angle) {
  const lazy_dtype dtype = options->dtype;
  const float mean = rounded(dtype, (float)options->mean), std = rounded(dtype, (float)options->std);
  const float x = step(dtype, radius * step(dtype, of_angle));
  if (dtype == LAZY_DTYPE_BF16) return lazy_f32_to_bf16(step(dtype, x * std) + mean);
  return lazy_f32_to_f16(options->fma ? fmaf(x, std, mean) : x * std + mean);
}

static void group_half(const lazyi_torch_normal_options *options, const float *u, uint16_t *out) {
  const lazy_dtype dtype = options->dtype;
  for (int j = 0; j < HALF; j++) {
    const float log_u = step(dtype, logf(rounded(dtype, 1.0f - u[j])));
    const float radius = rounded(dtype, sqrtf(step(dtype, -2.0f * log_u)));
    const float theta = rounded(dtype, (float)(2.0 * PI * (double)u[HALF + j]));
    out[j] = scaled_half(options, radius, cosf(theta));
    out[HALF + j] = scaled_half(options, radius, sinf(theta));
  }
}

/* ---- groups ---- */

/* The next uniform values of the type, in [0, 1). f16 and bf16 as floats. */
static void draw_uniform(lazyi_torch_generator *generator, lazy_dtype dtype, size_t count, void *out) {
  uint32_t words[2 * GROUP];
  lazyi_torch_words(generator, words, dtype == LAZY_DTYPE_F64 ? 2 * count : count);
  for (size_t i = 0; i < count; i++) {
    if (dtype == LAZY_DTYPE_F64) {
      const uint64_t word = (uint64_t)words[2 * i] << 32 | words[2 * i + 1];
      ((double *)out)[i] = (double)(word & 0x1fffffffffffffu) * 0x1p-53;
    } else {
      const int bits = dtype == LAZY_DTYPE_F32 ? 24 : dtype == LAZY_DTYPE_F16 ? 11 : 8;
      ((float *)out)[i] = (float)(words[i] & ((1u << bits) - 1)) * ldexpf(1, -bits);
    }
  }
}

static void draw_group(lazyi_torch_generator *generator, const lazyi_torch_normal_options *options,
                       void *out) {
  double u[GROUP];
  draw_uniform(generator, options->dtype, GROUP, u);
  switch (options->dtype) {
    case LAZY_DTYPE_F64: group_f64(options, u, out); break;
    case LAZY_DTYPE_F32: group_f32(options, (const float *)(const void *)u, out); break;
    default: group_half(options, (const float *)(const void *)u, out);
  }
}

/* ---- one by one ---- */

/* log(1 - u) as in 1.13; later versions have log1p(-u), which moves the last bit of some f64 values. */
static double draw_one(lazyi_torch_generator *generator) {
  if (generator->has_normal) {
    generator->has_normal = 0;
    return generator->normal;
  }
  double u[2];
  draw_uniform(generator, LAZY_DTYPE_F64, 2, u);
  const double radius = sqrt(-2.0 * log(1.0 - u[1])), theta = 2.0 * PI * u[0];
  generator->normal = radius * sin(theta);
  generator->has_normal = 1;
  return radius * cos(theta);
}

static void draw_few(lazyi_torch_generator *generator, const lazyi_torch_normal_options *options,
                     size_t count, void *out) {
  for (size_t i = 0; i < count; i++) {
    const double z = draw_one(generator);
    const double x = options->fma ? fma(z, options->std, options->mean) : z * options->std + options->mean;
    switch (options->dtype) {
      case LAZY_DTYPE_F64: ((double *)out)[i] = x; break;
      case LAZY_DTYPE_F32: ((float *)out)[i] = (float)x; break;
      case LAZY_DTYPE_F16: ((uint16_t *)out)[i] = lazy_f32_to_f16((float)x); break;
      default: ((uint16_t *)out)[i] = lazy_f32_to_bf16((float)x);
    }
  }
}

size_t lazyi_torch_normal_piece(uint64_t left, size_t room) {
  if (left <= room) return (size_t)left;
  /* the last sixteen stay in one piece */
  size_t piece = left - room < GROUP ? room - GROUP : room;
  return piece / GROUP * GROUP;
}

void lazyi_torch_normal(lazyi_torch_generator *generator, const lazyi_torch_normal_options *options,
                        uint64_t total, uint64_t first, size_t count, void *out_values) {
  const size_t bytes = lazy_dtype_bytes(options->dtype);
  unsigned char *out = out_values;
  if (total < GROUP) {
    draw_few(generator, options, count, out);
    return;
  }
  size_t done = 0;
  for (; count - done >= GROUP; done += GROUP) draw_group(generator, options, out + done * bytes);
  if (first + count < total || done == count) return;
  uint32_t unused[2 * GROUP];
  lazyi_torch_words(generator, unused, (count - done) * (options->dtype == LAZY_DTYPE_F64 ? 2 : 1));
  draw_group(generator, options, out + (count - GROUP) * bytes);
}
