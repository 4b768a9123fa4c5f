/* Litmus kernels, ordinary hand-written CUDA as nvcc compiled it (tests/emulator/litmus), against C: with
   random inputs, on several numbers of blocks, in every order, with all checkers on. */
#include "tests/emulator_rig.h"

static uint32_t *random_words(check_env *env, size_t count, uint32_t bound) {
  uint32_t *words = malloc((count + 1) * sizeof *words);
  for (size_t i = 0; i < count; i++)
    words[i] = bound == 0 ? (uint32_t)check_random(env) : (uint32_t)check_random_below(env, bound);
  return words;
}

/* ---- reduction ---- */

static void reduces(check_env *env, emu_rig *rig) {
  static const uint32_t blocks[] = {1, 3, 7};
  for (int b = 0; b < 3; b++) {
    uint32_t count = (uint32_t)check_random_between(env, 1, 4000),
             threads = 32u << check_random_below(env, 4);
    float *values = malloc(count * sizeof *values), sums[8], sum = 0, wanted = 0;
    int32_t *numbers = (int32_t *)random_words(env, count, 0), largest = INT32_MIN, found;
    for (uint32_t i = 0; i < count; i++) {
      wanted += values[i] = (float)check_random_between(env, -1000, 1000); /* sums are exact */
      if (numbers[i] > largest) largest = numbers[i];
    }
    lazy_driver_address in = rig_put(rig, values, count * 4), out = rig_room(rig, sizeof sums);
    RIG_RUN(rig, "reduce_sum", RIG_LINE(blocks[b], threads), &in, &out, &count);
    rig_get(rig, sums, out, blocks[b] * 4);
    for (uint32_t i = 0; i < blocks[b]; i++) sum += sums[i];
    EXPECT_EQ(sum, wanted);
    int32_t lowest = INT32_MIN;
    lazy_driver_address in_numbers = rig_put(rig, numbers, count * 4), out_number = rig_put(rig, &lowest, 4);
    rig_shape shape = RIG_LINE(blocks[b], threads);
    shape.shared_bytes = threads * 4;
    RIG_RUN(rig, "reduce_max", shape, &in_numbers, &out_number, &count);
    rig_get(rig, &found, out_number, 4);
    EXPECT_EQ(found, largest);
    free(numbers);
    free(values);
  }
}

static void reduces_by_redux(check_env *env, emu_rig *rig) {
  uint32_t *words = random_words(env, 128, 0), found[16];
  lazy_driver_address in = rig_put(rig, words, 512), out = rig_room(rig, sizeof found);
  RIG_RUN(rig, "reduce_redux", RIG_LINE(1, 128), &in, &out);
  rig_get(rig, found, out, sizeof found);
  for (int w = 0; w < 4; w++) {
    uint32_t sum = 0, low = UINT32_MAX, every = UINT32_MAX, odd = 0;
    for (int i = 32 * w; i < 32 * w + 32; i++) {
      sum += words[i];
      low = words[i] < low ? words[i] : low;
      every &= words[i];
      odd ^= words[i];
    }
    EXPECT_EQ(found[4 * w], sum);
    EXPECT_EQ(found[4 * w + 1], low);
    EXPECT_EQ(found[4 * w + 2], every);
    EXPECT_EQ(found[4 * w + 3], odd);
  }
  free(words);
}

TEST(emulator_litmus, reduction) {
  rig_each(env, "reduce", "75 80 100", reduces);
  rig_each(env, "reduce", "80 100", reduces_by_redux);
}

/* ---- histogram ---- */

static void counts_bytes(check_env *env, emu_rig *rig) {
  for (uint32_t blocks = 1; blocks <= 5; blocks += 2) {
    uint32_t count = (uint32_t)check_random_between(env, 1, 3000), wanted[256] = {0}, found[256];
    uint64_t sum = 0, smallest = UINT64_MAX, found_sum, found_smallest;
    double squares = 0, found_squares;
    uint8_t *bytes = malloc(count);
    for (uint32_t i = 0; i < count; i++) {
      bytes[i] = (uint8_t)(check_random_below(env, 256) & check_random(env));
      wanted[bytes[i]]++;
      sum += bytes[i];
      squares += bytes[i] * bytes[i];
      uint64_t place = (uint64_t)bytes[i] << 32 | i;
      if (place < smallest) smallest = place;
    }
    lazy_driver_address in = rig_put(rig, bytes, count), bins = rig_zeros(rig, sizeof found);
    RIG_RUN(rig, "histogram", RIG_LINE(blocks, 96), &in, &bins, &count);
    rig_get(rig, found, bins, sizeof found);
    EXPECT_BYTES_EQ(found, wanted, sizeof wanted);
    uint64_t most = UINT64_MAX;
    lazy_driver_address to_sum = rig_zeros(rig, 8), to_squares = rig_zeros(rig, 8);
    lazy_driver_address to_smallest = rig_put(rig, &most, 8);
    RIG_RUN(rig, "histogram_moments", RIG_LINE(blocks, 64), &in, &to_sum, &to_squares, &to_smallest, &count);
    rig_get(rig, &found_sum, to_sum, 8);
    rig_get(rig, &found_squares, to_squares, 8);
    rig_get(rig, &found_smallest, to_smallest, 8);
    EXPECT_EQ(found_sum, sum);
    EXPECT_EQ(found_squares, squares); /* whole numbers: exact in any order */
    EXPECT_EQ(found_smallest, smallest);
    free(bytes);
  }
}

TEST(emulator_litmus, histogram) { rig_each(env, "histogram", "75 100", counts_bytes); }

/* ---- tiled matrix product, transposition ---- */

static void multiplies(check_env *env, emu_rig *rig) {
  for (int i = 0; i < 2; i++) {
    int m = (int)check_random_between(env, 1, 40), n = (int)check_random_between(env, 1, 40);
    int k = (int)check_random_between(env, 1, 50);
    float *a = malloc((size_t)(m * k) * 4), *b = malloc((size_t)(k * n) * 4);
    float *wanted = malloc((size_t)(m * n) * 4), *found = malloc((size_t)(m * n) * 4);
    for (int j = 0; j < m * k; j++) a[j] = (float)(check_random_unit(env) - 0.5);
    for (int j = 0; j < k * n; j++) b[j] = (float)(check_random_unit(env) - 0.5);
    for (int row = 0; row < m; row++) {
      for (int column = 0; column < n; column++) {
        float sum = 0;
        for (int j = 0; j < k; j++) sum = __builtin_fmaf(a[row * k + j], b[j * n + column], sum);
        wanted[row * n + column] = sum;
      }
    }
    lazy_driver_address at_a = rig_put(rig, a, (size_t)(m * k) * 4),
                        at_b = rig_put(rig, b, (size_t)(k * n) * 4);
    lazy_driver_address at_c = rig_room(rig, (size_t)(m * n) * 4);
    rig_shape shape = {{(unsigned)(n + 15) / 16, (unsigned)(m + 15) / 16, 1}, {16, 16, 1}, 0, false};
    RIG_RUN(rig, "matmul", shape, &at_a, &at_b, &at_c, &m, &n, &k);
    rig_get(rig, found, at_c, (size_t)(m * n) * 4);
    EXPECT_F32_BITS_EQ(found, wanted, (size_t)(m * n));
    free(a), free(b), free(wanted), free(found);
  }
}

TEST(emulator_litmus, tiled_matrix_product) { rig_each(env, "matmul", "75 100", multiplies); }

static void transposes(check_env *env, emu_rig *rig) {
  int rows = (int)check_random_between(env, 1, 80), columns = (int)check_random_between(env, 1, 80);
  size_t bytes = (size_t)(rows * columns) * 4;
  uint32_t *in = random_words(env, bytes / 4, 0), *found = malloc(bytes), *wanted = malloc(bytes);
  for (int y = 0; y < rows; y++)
    for (int x = 0; x < columns; x++) wanted[x * rows + y] = in[y * columns + x];
  lazy_driver_address from = rig_put(rig, in, bytes), to = rig_room(rig, bytes);
  rig_shape shape = {{(unsigned)(columns + 31) / 32, (unsigned)(rows + 31) / 32, 1}, {32, 8, 1}, 0, false};
  RIG_RUN(rig, "transpose", shape, &from, &to, &rows, &columns);
  rig_get(rig, found, to, bytes);
  EXPECT_BYTES_EQ(found, wanted, bytes);
  free(in), free(found), free(wanted);
}

TEST(emulator_litmus, transposition) { rig_each(env, "transpose", "75 100", transposes); }

/* ---- Philox ---- */

static void draws(check_env *env, emu_rig *rig) {
  /* Random123's known answers */
  static const struct {
    uint32_t counter[4], key[2], words[4];
  } known[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
       {0xffffffff, 0xffffffff},
       {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  (void)env;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    uint32_t count = 1, found[4], counter[4], several = 100;
    memcpy(counter, known[i].counter, sizeof counter);
    lazy_driver_address out = rig_room(rig, 1600);
    RIG_RUN(rig, "philox", RIG_LINE(1, 32), &out, &count, counter, (void *)(uintptr_t)known[i].key);
    rig_get(rig, found, out, sizeof found);
    EXPECT_BYTES_EQ(found, known[i].words, sizeof found);
    if (counter[0] == UINT32_MAX) continue;
    counter[0] -= 77; /* the same among others: wraps below 0 and comes back */
    RIG_RUN(rig, "philox", RIG_LINE(3, 48), &out, &several, counter, (void *)(uintptr_t)known[i].key);
    rig_get(rig, found, out + 77 * sizeof found, sizeof found);
    EXPECT_BYTES_EQ(found, known[i].words, sizeof found);
  }
}

TEST(emulator_litmus, philox) { rig_each(env, "philox", "75 100", draws); }

/* ---- scan ---- */

static void scans(check_env *env, emu_rig *rig) {
  for (int i = 0; i < 3; i++) {
    uint32_t count = (uint32_t)check_random_between(env, 1, 2500), threads = 64u << i,
             tiles = (count + threads - 1) / threads;
    uint32_t *in = random_words(env, count, 0), *found = malloc(count * 4), *wanted = malloc(count * 4),
             sum = 0;
    for (uint32_t j = 0; j < count; j++) wanted[j] = sum += in[j];
    lazy_driver_address from = rig_put(rig, in, count * 4), to = rig_room(rig, count * 4);
    lazy_driver_address states = rig_zeros(rig, tiles * 12), next = rig_zeros(rig, 4);
    RIG_RUN(rig, "scan", RIG_LINE(tiles, threads), &from, &to, &states, &next, &count);
    rig_get(rig, found, to, count * 4);
    EXPECT_BYTES_EQ(found, wanted, count * 4);
    free(in), free(found), free(wanted);
  }
}

TEST(emulator_litmus, scan_with_look_back) { rig_each(env, "scan", "75 100", scans); }

/* ---- spinning ---- */

static void spins(check_env *env, emu_rig *rig) {
  (void)env;
  uint32_t rounds = 3, blocks = 9, sum;
  uint64_t found;
  lazy_driver_address out = rig_zeros(rig, 8), word = rig_zeros(rig, 4), to_sum = rig_zeros(rig, 4);
  RIG_RUN(rig, "spin_blocks", RIG_LINE(blocks, 64), &out, &rounds);
  rig_get(rig, &found, out, 8);
  EXPECT_EQ(found, blocks * rounds); /* module variables start from zero in each emu_rig */
  RIG_RUN(rig, "spin_lanes", RIG_LINE(2, 64), &word, &to_sum);
  rig_get(rig, &sum, to_sum, 4);
  EXPECT_EQ(sum, 2u * (64 * 65 / 2));
  uint32_t turns = 5, wanted = 0, sums[3];
  lazy_driver_address to_sums = rig_room(rig, sizeof sums);
  RIG_RUN(rig, "spin_warps", RIG_LINE(3, 128), &to_sums, &turns);
  for (uint32_t i = 0; i < turns; i++)
    for (uint32_t warp = 0; warp < 4; warp++) wanted = wanted * 3 + warp;
  rig_get(rig, sums, to_sums, sizeof sums);
  for (int i = 0; i < 3; i++) EXPECT_EQ(sums[i], wanted);
}

TEST(emulator_litmus, spin_locks) { rig_each(env, "spin", "75 100", spins); }

/* ---- cooperative groups ---- */

static void meets(check_env *env, emu_rig *rig) {
  for (unsigned blocks = 1; blocks <= 7; blocks += 3) {
    uint32_t steps = 4, count = blocks * 64 - 5, *a = random_words(env, count, 0), *b = malloc(count * 4);
    lazy_driver_address front = rig_put(rig, a, count * 4), back = rig_room(rig, count * 4);
    rig_shape shape = RIG_LINE(blocks, 64);
    shape.is_cooperative = true;
    RIG_RUN(rig, "grid_pass", shape, &front, &back, &count, &steps);
    for (uint32_t step = 0; step < steps; step++) {
      for (uint32_t i = 0; i < count; i++) b[i] = a[i] + 3 * a[(i + 1) % count];
      memcpy(a, b, count * 4);
    }
    rig_get(rig, b, front, count * 4); /* steps is even */
    EXPECT_BYTES_EQ(b, a, count * 4);
    free(a), free(b);
  }
  uint32_t found[96], wanted[96];
  lazy_driver_address out = rig_room(rig, sizeof found);
  RIG_RUN(rig, "grid_groups", RIG_LINE(1, 96), &out);
  rig_get(rig, found, out, sizeof found);
  for (uint32_t i = 0; i < 96; i++) {
    uint32_t sum = 0, size = 0, rank = 0;
    for (uint32_t j = i / 8 * 8; j < i / 8 * 8 + 8; j++) sum += j;
    for (uint32_t j = i / 32 * 32; j < i / 32 * 32 + 32; j++) {
      size += j % 3 == 0;
      rank += j % 3 == 0 && j < i;
    }
    wanted[i] = sum + (i % 3 == 0 ? (size * 100 + rank) << 16 : 0);
  }
  EXPECT_BYTES_EQ(found, wanted, sizeof wanted);
}

TEST(emulator_litmus, cooperative_grid) { rig_each(env, "grid", "75 100", meets); }

/* ---- votes and matches ---- */

static int by_value(const void *a, const void *b) {
  const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

static void compacts(check_env *env, emu_rig *rig) {
  enum { COUNT = 5 * 96 };
  uint32_t *in = random_words(env, COUNT, 100), found[COUNT], wanted[COUNT], passing = 0, count, limit = 40;
  for (int i = 0; i < COUNT; i++)
    if (in[i] < limit) wanted[passing++] = in[i];
  lazy_driver_address from = rig_put(rig, in, sizeof found), to = rig_room(rig, sizeof found);
  lazy_driver_address to_count = rig_zeros(rig, 4);
  RIG_RUN(rig, "compact", RIG_LINE(5, 96), &from, &to, &to_count, &limit);
  rig_get(rig, &count, to_count, 4);
  if (EXPECT_EQ(count, passing)) { /* warps come in any order */
    rig_get(rig, found, to, count * 4);
    qsort(found, count, 4, by_value);
    qsort(wanted, count, 4, by_value);
    EXPECT_BYTES_EQ(found, wanted, count * 4);
  }
  for (int i = 0; i < COUNT; i++)
    in[i] = i / 32 % 3 == 0 ? in[i] % 60 : i / 32 % 3 == 1 ? 64 + in[i] % 4 : in[i];
  uint32_t peers[COUNT], flags[COUNT];
  lazy_driver_address to_peers = rig_room(rig, sizeof peers), to_flags = rig_room(rig, sizeof flags);
  from = rig_put(rig, in, sizeof found);
  RIG_RUN(rig, "compact_match", RIG_LINE(5, 96), &from, &to_peers, &to_flags);
  rig_get(rig, peers, to_peers, sizeof peers);
  rig_get(rig, flags, to_flags, sizeof flags);
  for (int i = 0; i < COUNT; i++) {
    uint32_t same = 0, any = 0, all = 2, one = 12;
    for (int j = i / 32 * 32, lane = 0; lane < 32; lane++, j++) {
      same |= (uint32_t)(in[j] == in[i]) << lane;
      if (in[j] == 5) any = 1;
      if (in[j] >= 64) all = 0;
      if (in[j] / 64 != in[i] / 64) one = 0;
    }
    if (!EXPECT_EQ(peers[i], same) || !EXPECT_EQ(flags[i], any | all | one)) break;
  }
  uint32_t halves[64];
  lazy_driver_address to_halves = rig_room(rig, sizeof halves);
  RIG_RUN(rig, "compact_halves", RIG_LINE(1, 64), &from, &to_halves);
  rig_get(rig, halves, to_halves, sizeof halves);
  for (uint32_t i = 0; i < 64; i++) {
    uint32_t sum = 0, largest = 0;
    for (uint32_t j = i / 16 * 16; j < i / 16 * 16 + 16; j++) {
      sum += in[j];
      largest = in[j] > largest ? in[j] : largest;
    }
    EXPECT_EQ(halves[i], i % 32 < 16 ? sum : largest);
  }
  free(in);
}

TEST(emulator_litmus, votes_and_matches) { rig_each(env, "compact", "75 100", compacts); }
