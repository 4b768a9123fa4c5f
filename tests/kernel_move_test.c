/* fill, copy and binary against loops: every element size, alignment, tail, broadcast and order. */
#include "runtime/launch/ops.h"
#include "tests/kernel_run.h"
#include "tests/number_reference.h"

TEST_ON_IMAGES(kernel_fill, sizes_alignments_and_tails) {
  enum { ROOM = 4096 };
  unsigned char *found = kernel_alloc(ROOM), *wanted = kernel_alloc(ROOM);
  for (int w = 0; w < kernel_way_count(env); w++)
    for (uint32_t bytes = 1; bytes <= 8; bytes *= 2)
      for (int round = 0; round < 60; round++) {
        CHECK_CASE("%u bytes, %s", bytes, kernel_way_name(kernel_way_at(env, w)));
        const uint64_t start = bytes * check_random_below(env, 17), count = check_random_below(env, 200);
        const uint64_t pattern = check_random(env);
        memset(found, 0x5c, ROOM);
        memset(wanted, 0x5c, ROOM);
        for (uint64_t i = 0; i < count; i++) memcpy(wanted + start + i * bytes, &pattern, bytes);
        const struct lazy_k_fill_params params = {kernel_address(found + start), count, pattern, bytes, 0};
        kernel_run(kernel_way_at(env, w), "lazy_k_fill", &params, env->seed);
        if (!EXPECT_BYTES_EQ(found, wanted, ROOM)) goto done;
      }
done:
  kernel_free(found);
  kernel_free(wanted);
}

/* Random sizes, permuted and stretched strides on both sides, zero strides on the source. */
TEST_ON_IMAGES(kernel_copy, strides_of_every_rank) {
  enum { MOST = 30000 };
  unsigned char *from = kernel_alloc(MOST * 8), *found = kernel_alloc(MOST * 8),
                *wanted = kernel_alloc(MOST * 8);
  check_random_fill(env, from, MOST * 8);
  for (int round = 0; round < 300; round++) {
    struct lazy_k_copy_params p = {.from = kernel_address(from), .to = kernel_address(found), .count = 1};
    p.rank = 1 + (int32_t)check_random_below(env, 8);
    p.element_bytes = 1u << check_random_below(env, 4);
    int order[8];
    for (int d = 0; d < 8; d++) p.sizes[d] = 1;
    for (int d = 0; d < p.rank; d++) {
      p.sizes[d] = check_random_between(env, 1, p.rank > 4 ? 3 : 7);
      p.count *= (uint64_t)p.sizes[d];
      order[d] = d;
    }
    for (int d = p.rank - 1; d > 0; d--) {
      const int other = (int)check_random_below(env, (uint64_t)d + 1), kept = order[d];
      order[d] = order[other];
      order[other] = kept;
    }
    int64_t step = 1 + (int64_t)check_random_below(env, 2);
    for (int i = p.rank - 1; i >= 0; i--) p.to_strides[order[i]] = step, step *= p.sizes[order[i]];
    step = 1;
    for (int d = p.rank - 1; d >= 0; d--) {
      p.from_strides[d] = check_random_below(env, 4) == 0 ? 0 : step;
      step *= p.sizes[d];
    }
    memset(wanted, 0x3d, MOST * 8);
    for (uint64_t i = 0; i < p.count; i++) {
      uint64_t rest = i;
      int64_t a = 0, b = 0;
      for (int d = p.rank - 1; d >= 0; d--) {
        a += (int64_t)(rest % (uint64_t)p.sizes[d]) * p.from_strides[d];
        b += (int64_t)(rest % (uint64_t)p.sizes[d]) * p.to_strides[d];
        rest /= (uint64_t)p.sizes[d];
      }
      memcpy(wanted + b * p.element_bytes, from + a * p.element_bytes, p.element_bytes);
    }
    const kernel_way way = kernel_way_at(env, round % kernel_way_count(env));
    CHECK_CASE("round %d, rank %d, %u bytes, %s", round, p.rank, p.element_bytes, kernel_way_name(way));
    memset(found, 0x3d, MOST * 8);
    kernel_run(way, "lazy_k_copy", &p, env->seed);
    if (!EXPECT_BYTES_EQ(found, wanted, MOST * 8)) break;
    /* Merged dimensions describe the same elements. */
    int64_t strides[2][8];
    memcpy(strides[0], p.from_strides, sizeof strides[0]);
    memcpy(strides[1], p.to_strides, sizeof strides[1]);
    EXPECT_EQ(lazyi_strides_merge(&p.rank, p.sizes, strides, 2), p.count);
    memcpy(p.from_strides, strides[0], sizeof strides[0]);
    memcpy(p.to_strides, strides[1], sizeof strides[1]);
    memset(found, 0x3d, MOST * 8);
    kernel_run(way, "lazy_k_copy", &p, env->seed);
    if (!EXPECT_BYTES_EQ(found, wanted, MOST * 8)) break;
  }
  kernel_free(from);
  kernel_free(found);
  kernel_free(wanted);
}

static double load(const void *array, uint8_t dtype, int64_t i) {
  switch (dtype) {
    case LAZY_DTYPE_F64: return ((const double *)array)[i];
    case LAZY_DTYPE_F32: return ((const float *)array)[i];
    case LAZY_DTYPE_F16: return reference_value(((const uint16_t *)array)[i], 5, 10);
    default: return reference_value(((const uint16_t *)array)[i], 8, 7);
  }
}

TEST_ON_IMAGES(kernel_binary, broadcast_add_and_mul) {
  enum { MOST = 4096 };
  char *a = kernel_alloc(MOST * 8), *b = kernel_alloc(MOST * 8), *found = kernel_alloc(MOST * 8),
       *wanted = kernel_alloc(MOST * 8);
  for (int round = 0; round < 400; round++) {
    struct lazy_k_binary_params p = {.a = kernel_address(a),
                                     .b = kernel_address(b),
                                     .out = kernel_address(found),
                                     .count = 1,
                                     .rank = 1 + (int32_t)check_random_below(env, 4)};
    p.dtype = (uint8_t)(1 + round % 5);
    p.operation = (uint8_t)(round / 5 % 2);
    const size_t bytes = lazy_dtype_bytes(p.dtype);
    int64_t a_step = 1, b_step = 1;
    for (int d = 0; d < 8; d++) p.sizes[d] = 1;
    for (int d = p.rank - 1; d >= 0; d--) {
      p.sizes[d] = check_random_between(env, 1, 8);
      p.count *= (uint64_t)p.sizes[d];
      if (check_random_below(env, 3) > 0) p.a_strides[d] = a_step, a_step *= p.sizes[d];
      if (check_random_below(env, 3) > 0) p.b_strides[d] = b_step, b_step *= p.sizes[d];
    }
    for (int64_t i = 0; i < MOST; i++) {
      const float x = (float)(check_random_unit(env) * 8 - 4), y = (float)(check_random_unit(env) * 8 - 4);
      switch (p.dtype) {
        case LAZY_DTYPE_F64: ((double *)a)[i] = x / 3.0, ((double *)b)[i] = y / 7.0; break;
        case LAZY_DTYPE_F32: ((float *)a)[i] = x, ((float *)b)[i] = y; break;
        case LAZY_DTYPE_F16:
          ((uint16_t *)a)[i] = reference_round(x, 5, 10), ((uint16_t *)b)[i] = reference_round(y, 5, 10);
          break;
        case LAZY_DTYPE_BF16:
          ((uint16_t *)a)[i] = reference_round(x, 8, 7), ((uint16_t *)b)[i] = reference_round(y, 8, 7);
          break;
        default: ((uint64_t *)a)[i] = check_random(env), ((uint64_t *)b)[i] = check_random(env);
      }
    }
    memset(wanted, 0x77, MOST * 8);
    for (uint64_t i = 0; i < p.count; i++) {
      uint64_t rest = i;
      int64_t at = 0, bt = 0;
      for (int d = p.rank - 1; d >= 0; d--) {
        at += (int64_t)(rest % (uint64_t)p.sizes[d]) * p.a_strides[d];
        bt += (int64_t)(rest % (uint64_t)p.sizes[d]) * p.b_strides[d];
        rest /= (uint64_t)p.sizes[d];
      }
      if (p.dtype == LAZY_DTYPE_I64) {
        const uint64_t x = ((uint64_t *)a)[at], y = ((uint64_t *)b)[bt], z = p.operation ? x * y : x + y;
        memcpy(wanted + i * bytes, &z, bytes);
        continue;
      }
      /* In double every sum and product of the smaller types is exact, so one rounding follows. */
      const double x = load(a, p.dtype, at), y = load(b, p.dtype, bt), z = p.operation ? x * y : x + y;
      const float f = (float)z;
      if (p.dtype == LAZY_DTYPE_F64) memcpy(wanted + i * bytes, &z, bytes);
      if (p.dtype == LAZY_DTYPE_F32) memcpy(wanted + i * bytes, &f, bytes);
      const uint16_t h = p.dtype == LAZY_DTYPE_F16 ? reference_round(z, 5, 10) : reference_round(z, 8, 7);
      if (bytes == 2) memcpy(wanted + i * bytes, &h, bytes);
    }
    const kernel_way way = kernel_way_at(env, round % kernel_way_count(env));
    CHECK_CASE("round %d, %s, operation %d, %s", round, lazy_dtype_name(p.dtype), p.operation,
               kernel_way_name(way));
    memset(found, 0x77, MOST * 8);
    kernel_run(way, "lazy_k_binary", &p, env->seed);
    if (!EXPECT_BYTES_EQ(found, wanted, MOST * 8)) break;
  }
  kernel_free(a);
  kernel_free(b);
  kernel_free(found);
  kernel_free(wanted);
}
