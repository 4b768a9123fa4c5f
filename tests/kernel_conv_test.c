/* unfold, fold and conv: the same bits every way, unfold's those of plain loops. That the numbers are right
   is conv_test.c's. */
#include "tests/kernel_run.h"

enum { CHANNELS = 4 };

static int64_t padded(int64_t i, int64_t size, uint32_t mode) {
  if (i >= 0 && i < size) return i;
  switch (mode) {
    case LAZY_PAD_REFLECT: return i < 0 ? -i : 2 * size - 2 - i;
    case LAZY_PAD_REPLICATE: return i < 0 ? 0 : size - 1;
    case LAZY_PAD_CIRCULAR: return (i + size) % size;
    default: return -1;
  }
}

/* A walk over a convolution, whose padding any mode may look at. */
static struct lazy_conv_walk random_walk(check_env *env, bool is_transposed) {
  struct lazy_conv_walk walk;
  for (int d = 0; d < 3; d++) {
    walk.kernel[d] = (int32_t)check_random_between(env, 1, 3);
    walk.stride[d] = (int32_t)check_random_between(env, 1, 3);
    walk.dilation[d] = (int32_t)check_random_between(env, 1, 2);
    walk.low[d] = (int32_t)check_random_between(env, 0, 2);
    walk.in[d] = check_random_between(env, 5, d == 2 ? 13 : 6);
    const int64_t reach = walk.dilation[d] * (walk.kernel[d] - 1) + 1;
    walk.out[d] = is_transposed ? (walk.in[d] - 1) * walk.stride[d] + reach - 2 * walk.low[d]
                                : (walk.in[d] + 2 * walk.low[d] - reach) / walk.stride[d] + 1;
  }
  return walk;
}
static int64_t product(const int64_t sizes[3]) { return sizes[0] * sizes[1] * sizes[2]; }
static int64_t taps_of(const struct lazy_conv_walk *walk) {
  return (int64_t)walk->kernel[0] * walk->kernel[1] * walk->kernel[2];
}

/* Small whole numbers over 64, as elements of the dtype. */
static void fill(check_env *env, uint8_t dtype, void *to, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    const double v = (double)check_random_between(env, -64, 63) / 64;
    const float f = (float)v;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    const uint32_t half =
        (bits >> 16 & 0x8000) | (v == 0 ? 0 : ((bits >> 23 & 0xff) - 112) << 10 | (bits >> 13 & 0x3ff));
    if (dtype == LAZY_DTYPE_F64) ((double *)to)[i] = v;
    else if (dtype == LAZY_DTYPE_F32) ((float *)to)[i] = f;
    else ((uint16_t *)to)[i] = (uint16_t)(dtype == LAZY_DTYPE_F16 ? half : bits >> 16);
  }
}

/* Columns of `positions` output positions from `first` on. */
static void unfold_plainly(const struct lazy_k_unfold_params *p, const char *from, char *to) {
  const struct lazy_conv_walk *walk = &p->walk;
  const size_t each = p->element_bytes;
  for (int64_t image = 0; image < p->images; image++)
    for (int64_t row = 0; row < p->rows; row++)
      for (int64_t j = 0; j < p->positions; j++) {
        int64_t rest = p->first + j, tap = row % taps_of(walk), at = 0, o[3], k[3];
        for (int d = 2; d >= 0; d--) {
          o[d] = rest % walk->out[d];
          rest /= walk->out[d];
          k[d] = tap % walk->kernel[d];
          tap /= walk->kernel[d];
        }
        bool inside = true;
        for (int d = 0; d < 3; d++) {
          const int64_t i =
              padded(o[d] * walk->stride[d] - walk->low[d] + k[d] * walk->dilation[d], walk->in[d], p->mode);
          inside = inside && i >= 0;
          at = at * walk->in[d] + i;
        }
        char *cell = to + (size_t)(image * p->to_image + row * p->positions + j) * each;
        at += image * p->from_image + row / taps_of(walk) * product(walk->in);
        if (inside) memcpy(cell, from + (size_t)at * each, each);
        else memset(cell, 0, each);
      }
}

static void check_unfold(check_env *env, uint8_t dtype) {
  const struct lazy_conv_walk walk = random_walk(env, false);
  const int64_t whole = product(walk.out), first = check_random_between(env, 0, whole - 1);
  const uint32_t each = dtype == LAZY_DTYPE_F64 ? 8 : dtype == LAZY_DTYPE_F32 ? 4 : 2;
  char *from = kernel_alloc(2 * CHANNELS * (size_t)product(walk.in) * each), *wanted, *to;
  struct lazy_k_unfold_params params = {.from = kernel_address(from),
                                        .rows = CHANNELS * taps_of(&walk),
                                        .first = first,
                                        .positions = check_random_between(env, 1, whole - first),
                                        .images = 2,
                                        .from_image = CHANNELS * product(walk.in),
                                        .walk = walk,
                                        .mode = (uint32_t)check_random_below(env, 4),
                                        .element_bytes = each};
  params.to_image = params.rows * params.positions;
  const size_t bytes = 2 * (size_t)params.to_image * each;
  to = kernel_alloc(bytes);
  wanted = malloc(bytes);
  params.to = kernel_address(to);
  fill(env, dtype, from, 2 * CHANNELS * product(walk.in));
  unfold_plainly(&params, from, wanted);
  for (int w = 0; w < kernel_way_count(env); w++) {
    CHECK_CASE("unfold, %u bytes, mode %u, %s", each, params.mode, kernel_way_name(kernel_way_at(env, w)));
    memset(to, 0xa5, bytes);
    kernel_run(kernel_way_at(env, w), "lazy_k_unfold", &params, env->seed);
    if (!EXPECT_BYTES_EQ(to, wanted, bytes)) break;
  }
  kernel_free(from);
  kernel_free(to);
  free(wanted);
}

/* Every way has the bits of the first. */
static void check_same(check_env *env, const char *kernel, const void *params, char *to, size_t bytes) {
  char *first = malloc(bytes);
  for (int w = 0; w < kernel_way_count(env); w++) {
    CHECK_CASE("%s, %s", kernel, kernel_way_name(kernel_way_at(env, w)));
    memset(to, 0xa5, bytes);
    kernel_run(kernel_way_at(env, w), kernel, params, env->seed);
    if (w == 0) memcpy(first, to, bytes);
    if (!EXPECT_BYTES_EQ(to, first, bytes)) break;
  }
  free(first);
}

static void check_fold(check_env *env, uint8_t dtype) {
  struct lazy_conv_walk walk = random_walk(env, true);
  for (int d = 0; d < 3; d++)
    if (walk.out[d] < 1) walk.out[d] += 2 * walk.low[d], walk.low[d] = 0;
  const int64_t columns = CHANNELS * taps_of(&walk) * product(walk.in), count = CHANNELS * product(walk.out);
  char *from = kernel_alloc((size_t)columns * 8), *to = kernel_alloc((size_t)count * 8),
       *bias = kernel_alloc(64);
  fill(env, dtype, from, columns);
  fill(env, dtype, bias, CHANNELS);
  const struct lazy_k_fold_params params = {.from = kernel_address(from),
                                            .to = kernel_address(to),
                                            .bias = check_random_below(env, 2) ? kernel_address(bias) : 0,
                                            .channels = CHANNELS,
                                            .walk = walk,
                                            .dtype = dtype};
  check_same(env, "lazy_k_fold", &params, to,
             (size_t)count * (dtype == LAZY_DTYPE_F64   ? 8
                              : dtype == LAZY_DTYPE_F32 ? 4
                                                        : 2));
  kernel_free(from);
  kernel_free(to);
  kernel_free(bias);
}

static void check_conv(check_env *env, uint8_t dtype) {
  const struct lazy_conv_walk walk = random_walk(env, false);
  const int64_t inputs = check_random_between(env, 1, 3), groups = 2, outputs = 2;
  const int64_t x_count = 2 * groups * inputs * product(walk.in);
  const int64_t w_count = groups * outputs * inputs * taps_of(&walk);
  const int64_t count = 2 * groups * outputs * product(walk.out);
  char *x = kernel_alloc((size_t)x_count * 8), *weight = kernel_alloc((size_t)w_count * 8);
  char *bias = kernel_alloc(64), *y = kernel_alloc((size_t)count * 8);
  fill(env, dtype, x, x_count);
  fill(env, dtype, weight, w_count);
  fill(env, dtype, bias, groups * outputs);
  const struct lazy_k_conv_params params = {.x = kernel_address(x),
                                            .weight = kernel_address(weight),
                                            .bias = check_random_below(env, 2) ? kernel_address(bias) : 0,
                                            .y = kernel_address(y),
                                            .images = 2,
                                            .in_channels = groups * inputs,
                                            .out_channels = groups * outputs,
                                            .group_inputs = inputs,
                                            .group_outputs = outputs,
                                            .walk = walk,
                                            .mode = (uint32_t)check_random_below(env, 4),
                                            .dtype = dtype};
  check_same(env, "lazy_k_conv", &params, y,
             (size_t)count * (dtype == LAZY_DTYPE_F64   ? 8
                              : dtype == LAZY_DTYPE_F32 ? 4
                                                        : 2));
  kernel_free(x);
  kernel_free(weight);
  kernel_free(bias);
  kernel_free(y);
}

TEST_ON_IMAGES(kernel_conv, equal_bits) {
  for (int round = 0; round < (env->is_small ? 2 : 8); round++)
    for (uint8_t dtype = LAZY_DTYPE_F64; dtype <= LAZY_DTYPE_BF16; dtype++) {
      check_unfold(env, dtype);
      check_fold(env, dtype);
      check_conv(env, dtype);
    }
}
