/* pool against loops over whole planes in double: the same bits every way. */
#include <math.h>

#include "tests/kernel_run.h"
#include "tests/model.h"
#include "tests/pool_reference.h"

/* Random windows that fit; sizes of outputs as the shape rule has them. */
static pool random_pool(check_env *env, uint8_t dtype, uint8_t kind, int axes, bool adaptive) {
  pool p = {.dtype = dtype, .kind = kind, .adaptive = adaptive};
  p.count_padding = kind == LAZY_POOL_AVERAGE && !adaptive && check_random_below(env, 2) == 0;
  if (kind == LAZY_POOL_AVERAGE && !adaptive && check_random_below(env, 3) == 0)
    p.divisor = (double)check_random_between(env, 1, 9) * (check_random_below(env, 4) == 0 ? -1 : 1);
  for (int axis = 0; axis < 3; axis++) {
    const bool is_used = axis >= 3 - axes;
    p.in[axis] = is_used ? check_random_between(env, 1, axes == 1 ? 150 : 9) : 1;
    p.kernel[axis] = is_used ? check_random_between(env, 1, 4) : 1;
    p.stride[axis] = is_used ? check_random_between(env, 1, 3) : 1;
    p.padding[axis] = is_used ? check_random_between(env, 0, p.kernel[axis] / 2) : 0;
    p.dilation[axis] = is_used && kind == LAZY_POOL_MAX ? check_random_between(env, 1, 3) : 1;
    p.out[axis] = is_used ? check_random_between(env, 1, axes == 1 ? 150 : 9) : 1;
    if (adaptive) continue;
    const int64_t window = (p.kernel[axis] - 1) * p.dilation[axis] + 1;
    if (p.in[axis] + 2 * p.padding[axis] < window) p.in[axis] = window;
    /* and one that begins where it does not fit, where it may */
    p.out[axis] = (p.in[axis] + 2 * p.padding[axis] - window) / p.stride[axis] + 1;
    if (is_used && p.out[axis] * p.stride[axis] < p.in[axis] + p.padding[axis] &&
        check_random_below(env, 2) == 0)
      p.out[axis]++;
  }
  return p;
}

static void check_pool(check_env *env, pool p) {
  const uint64_t planes = check_random_below(env, 3) + 1, bytes = lazy_dtype_bytes((lazy_dtype)p.dtype);
  const uint64_t in = planes * (uint64_t)(p.in[0] * p.in[1] * p.in[2]);
  p.count = planes * (uint64_t)(p.out[0] * p.out[1] * p.out[2]);
  void *x = kernel_alloc(in * bytes), *y = kernel_alloc(p.count * bytes), *first = malloc(p.count * bytes);
  double *from = malloc(in * sizeof *from), *found = malloc(p.count * sizeof *found);
  const bool has_specials = check_random_below(env, 3) == 0;
  for (uint64_t i = 0; i < in; i++) {
    from[i] = 4 * check_random_unit(env) - 2;
    if (has_specials && check_random_below(env, 6) == 0)
      from[i] = check_random_below(env, 2) ? -INFINITY : NAN;
  }
  model_encode((lazy_dtype)p.dtype, from, in, x);
  model_decode((lazy_dtype)p.dtype, x, in, from);
  p.x = kernel_address(x);
  p.y = kernel_address(y);
  for (int w = 0; w < kernel_way_count(env); w++) {
    CHECK_CASE("%s", kernel_way_name(kernel_way_at(env, w)));
    check_random_fill(env, y, p.count * bytes);
    kernel_run(kernel_way_at(env, w), "lazy_k_pool", &p, env->seed);
    if (w == 0) memcpy(first, y, p.count * bytes);
    else if (!EXPECT_BYTES_EQ(y, first, p.count * bytes)) break;
  }
  model_decode((lazy_dtype)p.dtype, first, p.count, found);
  pool_expect(&p, from, found);
  free(found);
  free(from);
  free(first);
  kernel_free(y);
  kernel_free(x);
}

TEST_ON_IMAGES(kernel_pool, equals_plain_loops_every_way) {
  static const uint8_t dtypes[] = {LAZY_DTYPE_F64, LAZY_DTYPE_F32, LAZY_DTYPE_F16, LAZY_DTYPE_BF16};
  const int rounds = env->is_ptx ? 1 : 6;
  for (int round = 0; round < rounds; round++)
    for (int d = 0; d < 4; d++)
      for (int way = 0; way < 4; way++) {
        const int axes = 1 + (round + d + way) % 3;
        const pool p = random_pool(env, dtypes[d], way % 2, axes, way >= 2);
        CHECK_CASE(
            "%s %s %s of %lldx%lldx%lld to %lldx%lldx%lld, kernel %lld %lld %lld, stride %lld %lld %lld, "
            "padding %lld %lld %lld (%d), dilation %lld %lld %lld, divisor %g",
            lazy_dtype_name(p.dtype), p.kind == LAZY_POOL_MAX ? "max" : "average",
            p.adaptive ? "adaptive" : "windows", (long long)p.in[0], (long long)p.in[1], (long long)p.in[2],
            (long long)p.out[0], (long long)p.out[1], (long long)p.out[2], (long long)p.kernel[0],
            (long long)p.kernel[1], (long long)p.kernel[2], (long long)p.stride[0], (long long)p.stride[1],
            (long long)p.stride[2], (long long)p.padding[0], (long long)p.padding[1], (long long)p.padding[2],
            p.count_padding, (long long)p.dilation[0], (long long)p.dilation[1], (long long)p.dilation[2],
            p.divisor);
        check_pool(env, p);
      }
}
