/* Fingerprints' sums against a scalar reference: at every level, grid and order, drawn or there already. */
#include "tests/kernel_run.h"

/* The reference, written from the description in kernels/README.md. */
static void add_word(uint32_t word, uint64_t position, uint64_t sums[2]) {
  const uint32_t high = (uint32_t)(position >> 32);
  uint32_t left = word, right = (uint32_t)position ^ high;
  for (uint32_t round = 1; round <= 4; round++) {
    const uint64_t product = (uint64_t)left * 0xD256D193u;
    uint32_t next = (uint32_t)(product >> 32) ^ right ^ (round * 0x9E3779B9u);
    if (round == 1) next ^= high * 0xD256D193u;
    right = (uint32_t)product;
    left = next;
  }
  sums[0] += ((uint64_t)left << 32) + right;
  sums[1] += (uint64_t)left * right;
}

static void add_elements(const unsigned char *values, lazy_dtype dtype, uint64_t first, uint64_t count,
                         uint64_t sums[2]) {
  const size_t each = lazy_dtype_bytes(dtype), words = each == 8 ? 2 : 1;
  for (uint64_t i = 0; i < count * words; i++) {
    uint32_t word = 0;
    memcpy(&word, values + i * (each / words), each / words);
    add_word(word, first * words + i, sums);
  }
}

static void sum_up(const uint64_t *tiles, uint64_t count, uint64_t sums[2]) {
  for (uint64_t i = 0; i < count; i++) {
    sums[0] += tiles[2 * i];
    sums[1] += tiles[2 * i + 1];
  }
}

TEST_ON_IMAGES(kernel_fingerprint, sums_of_what_is_there) {
  enum { MOST = 3 * LAZY_INIT_TILE };
  unsigned char *values = kernel_alloc((size_t)MOST * 8);
  uint64_t *tiles = kernel_alloc(64);
  for (int round = 0; round < (env->is_small ? 10 : 60); round++) {
    const lazy_dtype dtype = (lazy_dtype)(1 + round % 6);
    const uint64_t count = round < 12 ? (uint64_t)round : 1 + check_random_below(env, MOST);
    const uint64_t first = round % 2 == 0 ? 4 * check_random_below(env, (uint64_t)1 << 38)
                                          : ((uint64_t)1 << 32) - 4 * check_random_below(env, 600);
    const uint64_t tile_count = (count + LAZY_INIT_TILE - 1) / LAZY_INIT_TILE;
    const struct lazy_k_fingerprint_params params = {
        kernel_address(values), kernel_address(tiles), count, first, (uint32_t)dtype, 0};
    uint64_t wanted[2] = {0, 0};
    check_random_fill(env, values, (size_t)MOST * 8);
    add_elements(values, dtype, first, count, wanted);
    for (int w = 0; w < kernel_way_count(env); w++) {
      uint64_t found[2] = {0, 0};
      CHECK_CASE("%s, %llu elements from %llu on, %s", lazy_dtype_name(dtype), (unsigned long long)count,
                 (unsigned long long)first, kernel_way_name(kernel_way_at(env, w)));
      kernel_run(kernel_way_at(env, w), "lazy_k_fingerprint", &params, env->seed + (uint64_t)w);
      sum_up(tiles, tile_count, found);
      EXPECT_EQ(found[0], wanted[0]);
      EXPECT_EQ(found[1], wanted[1]);
    }
  }
  kernel_free(values);
  kernel_free(tiles);
}

/* Drawing with sums draws the same, and its sums are those of what it drew; whole or in slices. */
TEST_ON_IMAGES(kernel_fingerprint, sums_of_what_is_drawn) {
  enum { COUNT = 2 * LAZY_INIT_TILE + 1237, TILES = 16 };
  unsigned char *plain = kernel_alloc((size_t)COUNT * 8), *drawn = kernel_alloc((size_t)COUNT * 8);
  uint64_t *tiles = kernel_alloc(TILES * 16);
  for (int i = 0; i < 14; i++) {
    static const uint8_t dtypes[] = {LAZY_DTYPE_F64, LAZY_DTYPE_F32, LAZY_DTYPE_F16, LAZY_DTYPE_BF16};
    const uint8_t rule = (uint8_t)(1 + i % 3);
    const uint8_t dtype = i < 12 ? dtypes[i / 3] : (uint8_t)(LAZY_DTYPE_I64 + i - 12);
    struct lazy_init_segment s[2] = {
        {.count = COUNT, .path_hash = check_random(env), .a = 3, .b = 0.25, .dtype = dtype, .rule = rule}};
    if (i >= 12) s[0].rule = LAZY_INIT_CONSTANT;
    const size_t each = lazy_dtype_bytes((lazy_dtype)dtype);
    struct lazy_k_init_params_params params = {
        kernel_address(s), kernel_address(plain), check_random(env), 1, COUNT / LAZY_INIT_TILE + 1, 0};
    uint64_t wanted[2] = {0, 0};
    kernel_ptx_lend(s, sizeof s);
    kernel_run(kernel_way_at(env, 0), "lazy_k_init_params", &params, env->seed);
    add_elements(plain, (lazy_dtype)dtype, 0, COUNT, wanted);
    for (int w = 0; w < kernel_way_count(env); w += env->is_small ? 1 : 3) {
      const uint64_t cut = 4 * (1 + check_random_below(env, COUNT / 4 - 1));
      uint64_t found[2] = {0, 0};
      CHECK_CASE("%s, rule %u, cut at %llu, %s", lazy_dtype_name((lazy_dtype)dtype), s[0].rule,
                 (unsigned long long)cut, kernel_way_name(kernel_way_at(env, w)));
      s[1] = s[0];
      s[0].count = cut;
      s[1].from = cut;
      s[1].count = COUNT - cut;
      s[1].offset = cut * each;
      s[1].first_tile = (uint32_t)((cut - 1) / LAZY_INIT_TILE + 1);
      params.base = kernel_address(drawn);
      params.segment_count = s[1].offset % 64 == 0 ? 2 : 1; /* tensors lie aligned */
      if (params.segment_count == 1) s[0].count = COUNT;
      params.tile_count = params.segment_count == 1
                              ? (COUNT - 1) / LAZY_INIT_TILE + 1
                              : s[1].first_tile + (uint32_t)((s[1].count - 1) / LAZY_INIT_TILE + 1);
      params.sums = kernel_address(tiles);
      memset(tiles, 0xa5, TILES * 16);
      kernel_run(kernel_way_at(env, w), "lazy_k_init_params", &params, env->seed + (uint64_t)w);
      sum_up(tiles, params.tile_count, found);
      EXPECT_BYTES_EQ(drawn, plain, COUNT * each);
      EXPECT_EQ(found[0], wanted[0]);
      EXPECT_EQ(found[1], wanted[1]);
      s[0].count = COUNT;
    }
    kernel_ptx_take_back(s);
  }
  kernel_free(plain);
  kernel_free(drawn);
  kernel_free(tiles);
}

/* One bit more or less, and two elements that change places, change the sums. */
TEST_ON_IMAGES(kernel_fingerprint, small_changes_show) {
  enum { COUNT = 5000 };
  uint32_t *values = kernel_alloc(COUNT * 4);
  uint64_t *tiles = kernel_alloc(64);
  const struct lazy_k_fingerprint_params params = {
      kernel_address(values), kernel_address(tiles), COUNT, 0, LAZY_DTYPE_F32, 0};
  const kernel_way way = kernel_way_at(env, kernel_way_count(env) - 1);
  uint64_t seen[64][2];
  int count = 0;
  memset(values, 0, COUNT * 4);
  for (int round = 0; round < (env->is_small ? 8 : 64); round++) {
    const uint64_t i = check_random_below(env, COUNT), k = check_random_below(env, COUNT);
    if (round % 2 == 1) values[i] ^= 1u << check_random_below(env, 32);
    else if (round > 0) {
      if (values[i] == values[k]) continue;
      const uint32_t other = values[i];
      values[i] = values[k];
      values[k] = other;
    }
    seen[count][0] = seen[count][1] = 0;
    kernel_run(way, "lazy_k_fingerprint", &params, env->seed);
    sum_up(tiles, 2, seen[count]);
    for (int before = 0; before < count; before++) {
      EXPECT_NE(seen[count][0], seen[before][0]);
      EXPECT_NE(seen[count][1], seen[before][1]);
    }
    count++;
  }
  EXPECT_GE(count, 3);
  kernel_free(values);
  kernel_free(tiles);
}
