/* softmax and softmax_many against long double: the same bits every way. */
#include <math.h>

#include "tests/kernel_run.h"
#include "tests/model.h"
#include "tests/softmax_reference.h"

static void check_softmax(check_env *env, const char *kernel, struct lazy_k_softmax_params p, bool specials) {
  const uint64_t count = p.rows * p.length;
  const size_t bytes = count * lazy_dtype_bytes((lazy_dtype)p.dtype);
  void *x = kernel_alloc(bytes), *y = kernel_alloc(bytes), *first = malloc(bytes);
  double *from = malloc(count * sizeof *from), *found = malloc(count * sizeof *found);
  softmax_draw(env, from, count, specials);
  model_encode((lazy_dtype)p.dtype, from, count, x);
  model_decode((lazy_dtype)p.dtype, x, count, from);
  p.x = kernel_address(x);
  p.y = kernel_address(y);
  for (int w = 0; w < kernel_way_count(env); w++) {
    CHECK_CASE("%s", kernel_way_name(kernel_way_at(env, w)));
    check_random_fill(env, y, bytes);
    kernel_run(kernel_way_at(env, w), kernel, &p, env->seed);
    model_decode((lazy_dtype)p.dtype, y, count, found);
    softmax_unify_nans((lazy_dtype)p.dtype, found, count, y);
    if (w == 0) memcpy(first, y, bytes);
    /* f64 has the functions of a C library, which are not the same bits in NVIDIA's. */
    if (p.dtype == LAZY_DTYPE_F64 && env->is_ptx) softmax_expect(&p, from, found);
    else if (!EXPECT_BYTES_EQ(y, first, bytes)) break;
  }
  model_decode((lazy_dtype)p.dtype, first, count, found);
  softmax_expect(&p, from, found);
  free(found);
  free(from);
  free(first);
  kernel_free(y);
  kernel_free(x);
}

static void check_kernel(check_env *env, const char *kernel, const uint64_t (*shapes)[3], size_t count) {
  static const uint8_t dtypes[] = {LAZY_DTYPE_F64, LAZY_DTYPE_F32, LAZY_DTYPE_F16, LAZY_DTYPE_BF16};
  for (size_t s = 0; s < count; s++)
    for (size_t d = 0; d < 4; d++)
      for (uint8_t log = 0; log < 2; log++) {
        const bool specials = (s + d + log) % 3 == 0;
        CHECK_CASE("%s %s, log %d, %llu rows of %llu, %llu apart", kernel, lazy_dtype_name(dtypes[d]), log,
                   (unsigned long long)shapes[s][0], (unsigned long long)shapes[s][1],
                   (unsigned long long)shapes[s][2]);
        check_softmax(env, kernel,
                      (struct lazy_k_softmax_params){.rows = shapes[s][0],
                                                     .length = shapes[s][1],
                                                     .inner = shapes[s][2],
                                                     .dtype = dtypes[d],
                                                     .log = log},
                      specials);
      }
}

TEST_ON_IMAGES(kernel_softmax, long_rows) {
  static const uint64_t shapes[][3] = {{3, 1000, 1}, {6, 300, 3}, {5, 65, 1},
                                       {1, 2049, 1}, {4, 256, 2}, {2, 1, 1}};
  check_kernel(env, "lazy_k_softmax", shapes, env->is_small ? 3 : sizeof shapes / sizeof *shapes);
}
TEST_ON_IMAGES(kernel_softmax, many_rows) {
  static const uint64_t shapes[][3] = {{130, 10, 1},  {132, 7, 66}, {65, 1, 1},
                                       {150, 64, 50}, {1, 30, 1},   {200, 100, 200}};
  check_kernel(env, "lazy_k_softmax_many", shapes, env->is_small ? 3 : sizeof shapes / sizeof *shapes);
}
