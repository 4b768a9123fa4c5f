/* Litmus kernels of the language: memory, calls, division, printf. See emulator_litmus_test.c. */
#include <stdio.h>

#include "tests/emulator_rig.h"

/* ---- memory ---- */

struct element {
  uint8_t tag;
  double value;
  int16_t shorts[3];
};

static void remembers(check_env *env, emu_rig *rig) {
  enum { THREADS = 96, BLOCKS = 3 };
  float values[BLOCKS * THREADS], found[BLOCKS * THREADS];
  for (int i = 0; i < BLOCKS * THREADS; i++) values[i] = (float)check_random_between(env, -1000, 1000);
  lazy_driver_address in = rig_put(rig, values, sizeof values), out = rig_room(rig, sizeof values);
  rig_shape shape = RIG_LINE(BLOCKS, THREADS);
  shape.shared_bytes = THREADS * 5;
  RIG_RUN(rig, "memory_dynamic", shape, &in, &out);
  rig_get(rig, found, out, sizeof found);
  for (int i = 0; i < BLOCKS * THREADS; i++) {
    int other = THREADS - 1 - i % THREADS;
    EXPECT_EQ(found[i], values[i / THREADS * THREADS + other] + (float)(uint8_t)(other * 7));
  }

  static const float weights[8] = {0.5f, -1.f, 2.f, 4.f, -8.f, 0.25f, 3.f, 1.f};
  static const uint16_t table[4][3] = {{1, 2, 3}, {10, 20, 30}, {100, 200, 300}, {1000, 2000, 3000}};
  uint32_t words[THREADS];
  check_random_fill(env, words, sizeof words);
  in = rig_put(rig, words, sizeof words);
  RIG_RUN(rig, "memory_constant", RIG_LINE(1, THREADS), &in, &out);
  rig_get(rig, found, out, sizeof words);
  for (int i = 0; i < THREADS; i++)
    EXPECT_EQ(found[i], weights[words[i] % 8] * table[words[i] / 8 % 4][words[i] % 3]);

  int32_t largest = 0;
  char letters[THREADS];
  lazy_driver_address to_largest = rig_put(rig, &largest, 4), to_letters = rig_room(rig, sizeof letters);
  for (int launch = 0; launch < 2; launch++)
    RIG_RUN(rig, "memory_variables", RIG_LINE(1, THREADS), &to_largest, &to_letters);
  rig_get(rig, &largest, to_largest, 4);
  rig_get(rig, letters, to_letters, sizeof letters);
  EXPECT_EQ(largest, 7 + 2 * THREADS - 1);
  static const char *const names[3] = {"zero", "one", "two"};
  for (int i = 0; i < THREADS; i++) EXPECT_EQ(letters[i], names[i % 3][i / 3 % 3]);
}

static void keeps_structures(check_env *env, emu_rig *rig) {
  enum { THREADS = 40, EACH = 5 };
  uint32_t words[THREADS * EACH], sums[THREADS], count = EACH;
  check_random_fill(env, words, sizeof words);
  lazy_driver_address in = rig_put(rig, words, sizeof words), out = rig_room(rig, sizeof sums);
  RIG_RUN(rig, "memory_local", RIG_LINE(1, THREADS), &in, &out, &count);
  rig_get(rig, sums, out, sizeof sums);
  for (uint32_t t = 0; t < THREADS; t++) {
    uint32_t local[16], sum = 0;
    for (uint32_t i = 0; i < 16; i++) local[i] = i * i;
    for (uint32_t i = 0; i < EACH; i++) local[words[t * EACH + i] % 16] += i + t;
    for (uint32_t i = 0; i < 16; i++) sum = sum * 31 + local[(i + words[t * EACH]) % 16];
    EXPECT_EQ(sums[t], sum);
  }

  struct element elements[THREADS], found[THREADS], by = {3, 0.5, {1, 2, 30000}};
  int32_t vectors[THREADS][4], turned[THREADS][4];
  memset(elements, 0, sizeof elements);
  for (int i = 0; i < THREADS; i++) {
    elements[i] = (struct element){(uint8_t)check_random(env), check_random_unit(env), {0, 0, 0}};
    for (int j = 0; j < 3; j++) elements[i].shorts[j] = (int16_t)check_random(env);
  }
  check_random_fill(env, vectors, sizeof vectors);
  in = rig_put(rig, elements, sizeof elements);
  lazy_driver_address to = rig_zeros(rig, sizeof found), at_vectors = rig_put(rig, vectors, sizeof vectors);
  RIG_RUN(rig, "memory_structures", RIG_LINE(1, THREADS), &in, &to, &at_vectors, &by);
  rig_get(rig, found, to, sizeof found);
  rig_get(rig, turned, at_vectors, sizeof turned);
  for (int i = 0; i < THREADS; i++) {
    EXPECT_EQ(found[i].tag, (uint8_t)(elements[i].tag + 3));
    EXPECT_EQ(found[i].value, __builtin_fma(elements[i].value, 0.5, elements[i].tag));
    EXPECT_EQ(found[i].shorts[0], elements[i].shorts[0]);
    EXPECT_EQ(found[i].shorts[1], (int16_t)(elements[i].shorts[0] + 30000));
    for (int j = 0; j < 4; j++) EXPECT_EQ(turned[i][j], vectors[i][3 - j]);
  }
}

TEST(emulator_litmus, memory_of_every_kind) {
  rig_each(env, "memory", "75 100", remembers);
  rig_each(env, "memory", "75 100", keeps_structures);
}

/* ---- calls ---- */

static uint32_t gcd(uint32_t a, uint32_t b) {
  while (b != 0) {
    uint32_t r = a % b;
    a = b;
    b = r;
  }
  return a;
}

static void calls(check_env *env, emu_rig *rig) {
  enum { COUNT = 150 };
  uint32_t a[COUNT], b[COUNT], found[COUNT], count = COUNT;
  for (int i = 0; i < COUNT; i++) {
    uint32_t common = 1 + (uint32_t)check_random_below(env, 50);
    a[i] = common * (uint32_t)check_random_below(env, 10000);
    b[i] = common * (uint32_t)check_random_below(env, 10000);
  }
  lazy_driver_address at_a = rig_put(rig, a, sizeof a), at_b = rig_put(rig, b, sizeof b);
  lazy_driver_address out = rig_room(rig, sizeof found);
  RIG_RUN(rig, "functions_gcd", RIG_LINE(2, 96), &at_a, &at_b, &out, &count);
  rig_get(rig, found, out, sizeof found);
  for (int i = 0; i < COUNT; i++) EXPECT_EQ(found[i], gcd(a[i], b[i]));

  uint64_t wide[64];
  int64_t results[64];
  check_random_fill(env, wide, sizeof wide);
  lazy_driver_address in = rig_put(rig, wide, sizeof wide), to = rig_room(rig, sizeof results);
  RIG_RUN(rig, "functions_structures", RIG_LINE(1, 64), &in, &to);
  rig_get(rig, results, to, sizeof results);
  for (int i = 0; i < 64; i++) {
    int by = 8 + i % 40;
    uint64_t low = wide[i] & ((1ull << by) - 1);
    int32_t high = (int32_t)(wide[i] >> by);
    float x = (float)high, y = (float)(low & 0xffff);
    EXPECT_EQ(results[i], (int64_t)low + high + (int64_t)(x > y ? x - y : y - x));
  }

  int32_t numbers[96], changed[96];
  for (int i = 0; i < 96; i++) numbers[i] = (int32_t)check_random_between(env, -10000, 10000);
  in = rig_put(rig, numbers, sizeof numbers);
  to = rig_room(rig, sizeof changed);
  RIG_RUN(rig, "functions_indirect", RIG_LINE(1, 96), &in, &to);
  rig_get(rig, changed, to, sizeof changed);
  for (int i = 0; i < 96; i++)
    EXPECT_EQ(changed[i], i % 3 == 0   ? 2 * numbers[i]
                          : i % 3 == 1 ? numbers[i] * numbers[i]
                                       : -2 * numbers[i] + 9);

  to = rig_put(rig, a, 96 * 4);
  RIG_RUN(rig, "functions_switch", RIG_LINE(1, 96), &at_b, &to);
  rig_get(rig, found, to, 96 * 4);
  for (int i = 0; i < 96; i++) {
    uint32_t x = b[i], reversed = 0;
    for (int bit = 0; bit < 32; bit++) reversed |= (x >> bit & 1) << (31 - bit);
    switch (x % 9) {
      case 0: x = gcd(x, 36); break;
      case 1: x = x * x + 1; break;
      case 2: x = x / 7; break;
      case 3: x = reversed; break;
      case 4: x = ~x; break;
      case 5: x = x == 0 ? 32 : (uint32_t)__builtin_clz(x); break;
      case 6: x = (x ^ 0x5555u) + 11; break;
      case 7: x += 11; break;
      default: x = a[i];
    }
    EXPECT_EQ(found[i], x);
  }
}

TEST(emulator_litmus, calls) { rig_each(env, "functions", "75 100", calls); }

/* ---- division ---- */

static uint64_t mixed(check_env *env) { /* of every size */
  uint64_t x = check_random(env) >> check_random_below(env, 64);
  return check_random_below(env, 4) == 0 ? ~x : x;
}

__extension__ typedef unsigned __int128 wide_uint;
__extension__ typedef __int128 wide_int;

static void divides(check_env *env, emu_rig *rig) {
  enum { COUNT = 200 };
  uint64_t a[2 * COUNT], b[COUNT], quotients[2 * COUNT], high[2 * COUNT], found[2 * COUNT];
  int64_t of_signed[2 * COUNT];
  uint32_t a32[COUNT], b32[COUNT], found32[4 * COUNT], count = COUNT;
  for (int i = 0; i < 2 * COUNT; i++) a[i] = mixed(env);
  for (int i = 0; i < COUNT; i++) {
    if ((b[i] = mixed(env)) == 0) b[i] = 1;
    a32[i] = (uint32_t)a[i];
    if ((b32[i] = (uint32_t)mixed(env)) == 0) b32[i] = 1;
  }
  a[3] = (uint64_t)INT64_MAX; /* not the smallest: its quotient by -1 is C's own business */
  for (int i = 0; i < 2 * COUNT; i++) a[i] += a[i] == (uint64_t)INT64_MIN;
  lazy_driver_address at_a = rig_put(rig, a, sizeof a), at_b = rig_put(rig, b, sizeof b);
  lazy_driver_address to = rig_room(rig, sizeof quotients), to_signed = rig_room(rig, sizeof of_signed);
  lazy_driver_address to_high = rig_room(rig, sizeof high);
  RIG_RUN(rig, "divide_64", RIG_LINE(3, 80), &at_a, &at_b, &to, &to_signed, &to_high, &count);
  rig_get(rig, quotients, to, sizeof quotients);
  rig_get(rig, of_signed, to_signed, sizeof of_signed);
  rig_get(rig, high, to_high, sizeof high);
  for (int i = 0; i < COUNT; i++) {
    int64_t x = (int64_t)a[i], y = (int64_t)(b[i] | 1);
    EXPECT_EQ(quotients[2 * i], a[i] / b[i]);
    EXPECT_EQ(quotients[2 * i + 1], a[i] % b[i]);
    EXPECT_EQ(of_signed[2 * i], x / y);
    EXPECT_EQ(of_signed[2 * i + 1], x % y);
    EXPECT_EQ(high[2 * i], (uint64_t)((wide_uint)a[i] * b[i] >> 64));
    EXPECT_EQ(high[2 * i + 1], (uint64_t)((wide_int)x * (int64_t)b[i] >> 64));
  }
  RIG_RUN(rig, "divide_128", RIG_LINE(2, 128), &at_a, &at_b, &to, &count);
  rig_get(rig, found, to, sizeof found);
  for (int i = 0; i < COUNT; i++) {
    wide_uint x = (wide_uint)a[2 * i] << 64 | a[2 * i + 1], sum = x + ((wide_uint)b[i] << 17) * 12345u;
    sum = (sum << 5 | sum >> 123) - x;
    EXPECT_EQ(found[2 * i], (uint64_t)(sum >> 64));
    EXPECT_EQ(found[2 * i + 1], (uint64_t)sum);
  }
  at_a = rig_put(rig, a32, sizeof a32);
  at_b = rig_put(rig, b32, sizeof b32);
  to = rig_room(rig, sizeof found32);
  RIG_RUN(rig, "divide_32", RIG_LINE(1, 256), &at_a, &at_b, &to, &count);
  rig_get(rig, found32, to, sizeof found32);
  for (int i = 0; i < COUNT; i++) {
    EXPECT_EQ(found32[4 * i], a32[i] / b32[i]);
    EXPECT_EQ(found32[4 * i + 1], a32[i] % 1000003u);
    EXPECT_EQ(found32[4 * i + 2], (uint32_t)((int32_t)a32[i] / 10));
    EXPECT_EQ(found32[4 * i + 3], (uint32_t)((int16_t)a32[i] % (int16_t)((int16_t)b32[i] | 1)));
  }
}

TEST(emulator_litmus, division) { rig_each(env, "divide", "75 100", divides); }

/* ---- printf, assert, trap ---- */

static void prints(check_env *env, emu_rig *rig) {
  double values[40];
  uint32_t count = 35;
  char text[8192], line[128];
  for (int i = 0; i < 40; i++) values[i] = (double)check_random_between(env, -100000, 100000) / 8;
  lazy_driver_address in = rig_put(rig, values, sizeof values);
  rig_capture(rig, "print", RIG_LINE(1, 40), (void *[]){&in, &count}, text, sizeof text);
  size_t length = 0;
  for (uint32_t i = 0; i < count; i++) { /* in any order, each line whole */
    length += (size_t)snprintf(line, sizeof line, "%u: %.3f %s %c 0x%08x %lld %%\n", i, values[i],
                               i % 2 == 0 ? "even" : "odd", (char)('a' + i), i * 0x01010101u,
                               -(long long)i * (1ll << 40));
    EXPECT_CONTAINS(text, line);
  }
  EXPECT_EQ(strlen(text), length);
}

static void asserts(check_env *env, emu_rig *rig) {
  enum { ASSERT_FAILED = 710 };
  int32_t values[64];
  for (int i = 0; i < 64; i++) values[i] = (int32_t)check_random_below(env, 1000);
  lazy_driver_address in = rig_put(rig, values, sizeof values);
  RIG_RUN(rig, "print_assert", RIG_LINE(1, 64), &in);
  values[33] = -1;
  in = rig_put(rig, values, sizeof values);
  EXPECT_EQ(rig_launch(rig, "print_assert", RIG_LINE(1, 64), (void *[]){&in}), ASSERT_FAILED);
  rig_expect_report(rig, "x >= 0");
}

static void traps(check_env *env, emu_rig *rig) {
  enum { LAUNCH_FAILED = 719 };
  int32_t values[64] = {0};
  (void)env;
  lazy_driver_address in = rig_put(rig, values, sizeof values);
  RIG_RUN(rig, "print_trap", RIG_LINE(1, 64), &in);
  values[63] = -1;
  in = rig_put(rig, values, sizeof values);
  EXPECT_EQ(rig_launch(rig, "print_trap", RIG_LINE(1, 64), (void *[]){&in}), LAUNCH_FAILED);
  rig_expect_report(rig, "thread (63,0,0)");
}

TEST(emulator_litmus, printf_assert_and_trap) {
  rig_each(env, "print", "75 100", prints);
  rig_each(env, "print", "75", asserts);
  rig_each(env, "print", "75", traps);
}
