/* What lanes of a warp do together, by the rules of CUDA's __shfl_sync and its kin. Lanes come in groups;
   those of no group are gone. */
#include "tests/emulator_matrix.h"

/* Runs statements with: a value at %x0, another at %x1, the member mask at %x2, a 64-bit value at %y4, a
   predicate %q1 (that %x1 is odd). %x8 and %x9 are what each lane of a group leaves. */
static void run(check_env *env, const char *statements, const uint32_t *values, const uint32_t *others,
                const uint32_t *members, uint32_t found[32][2]) {
  static ptx_text text;
  emu_rig rig;
  begin(&text);
  add(&text,
      "mad.wide.u32 %%y0, %%lane, 4, %%p0;\nld.global.u32 %%x0, [%%y0];\n"
      "mad.wide.u32 %%y1, %%lane, 4, %%p1;\nld.global.u32 %%x1, [%%y1];\n"
      "mad.wide.u32 %%y2, %%lane, 4, %%p2;\nld.global.u32 %%x2, [%%y2];\n"
      "mov.b64 %%y4, {%%x1, %%x0};\nand.b32 %%x3, %%x1, 1;\nsetp.ne.u32 %%q1, %%x3, 0;\n"
      "mov.u32 %%x9, 0;\nsetp.eq.u32 %%q0, %%x2, 0;\n@%%q0 exit;\n"
      "%s"
      "mad.wide.u32 %%y3, %%lane, 8, %%p3;\nst.global.v2.u32 [%%y3], {%%x8, %%x9};\n",
      statements);
  end(&text);
  memset(found, 0, 32 * sizeof *found);
  if (!rig_open(&rig, env, "sm_100", text.at)) return;
  lazy_driver_address in = rig_put(&rig, values, 128), other = rig_put(&rig, others, 128);
  lazy_driver_address mask = rig_put(&rig, members, 128), out = rig_zeros(&rig, 256);
  RIG_RUN(&rig, "kernel", RIG_LINE(1, 32), &in, &other, &mask, &out);
  rig_get(&rig, found, out, 256);
  rig_close(&rig);
}

/* One group of all, or three of any lanes and some lanes of none. */
static void groups_of(check_env *env, bool whole, uint32_t members[32]) {
  uint32_t groups[4] = {0};
  for (uint32_t lane = 0; lane < 32; lane++) groups[check_random_below(env, 4)] |= 1u << lane;
  for (uint32_t lane = 0; lane < 32; lane++) {
    members[lane] = whole ? UINT32_MAX : 0;
    for (int i = 1; i < 4 && !whole; i++)
      if ((groups[i] >> lane & 1) != 0) members[lane] = groups[i];
  }
}

enum { UP, DOWN, BFLY, IDX };

/* __shfl_..._sync(members, value, by, width): the lane that is read, or its own where that is out of range.
 */
static int source_of(int mode, int lane, int by, int width, bool *out_in_range) {
  const int first = lane / width * width, end = first + width;
  int from = lane;
  *out_in_range = true;
  switch (mode) {
    case UP: from = lane - by; break;
    case DOWN: from = lane + by; break;
    case BFLY: from = lane ^ by; break;
    default: return first + by % width;
  }
  /* a butterfly may read from lanes before its part */
  *out_in_range = mode == UP ? from >= first : from < end;
  return *out_in_range ? from : lane;
}

TEST(emulator_ops_warp, shuffles) {
  static const char *const modes[] = {"up", "down", "bfly", "idx"};
  uint32_t values[32], by[32], members[32], found[32][2];
  for (int i = 0; i < 4 * 6 * 3; i++) {
    const int mode = i % 4, width = 1 << i / 4 % 6;
    char statements[256];
    for (int lane = 0; lane < 32; lane++) {
      values[lane] = (uint32_t)check_random(env);
      by[lane] = i / 24 == 0 ? 1u << i % 5 : (uint32_t)check_random_below(env, 32);
    }
    groups_of(env, i / 24 != 2, members);
    (void)snprintf(statements, sizeof statements,
                   "shfl.sync.%s.b32 %%x8|%%q2, %%x0, %%x1, %d, %%x2;\n@%%q2 mov.u32 %%x9, 1;\n", modes[mode],
                   (32 - width) << 8 | (mode == UP ? 0 : 31));
    CHECK_CASE("%s within %d, %d", modes[mode], width, i / 24);
    run(env, statements, values, by, members, found);
    for (int lane = 0; lane < 32; lane++) {
      bool in_range;
      const int from = source_of(mode, lane, (int)by[lane], width, &in_range);
      if (members[lane] == 0) continue;
      /* of a lane that is not there nothing is known: here it is all ones */
      EXPECT_EQ(found[lane][0], (members[lane] >> from & 1) != 0 ? values[from] : UINT32_MAX);
      EXPECT_EQ(found[lane][1], in_range);
    }
  }
  /* without a predicate, into its own source */
  groups_of(env, true, members);
  run(env, "shfl.sync.bfly.b32 %x0, %x0, 1, 31, -1;\nmov.u32 %x8, %x0;\n", values, by, members, found);
  for (int lane = 0; lane < 32; lane++) EXPECT_EQ(found[lane][0], values[lane ^ 1]);
}

TEST(emulator_ops_warp, votes) {
  uint32_t values[32], odd[32], members[32], found[32][2];
  for (int i = 0; i < 12; i++) {
    groups_of(env, i % 2 == 0, members);
    for (int lane = 0; lane < 32; lane++) {
      values[lane] = 0;
      odd[lane] = i < 4 ? (uint32_t)check_random_below(env, 2) : i < 8;
    }
    CHECK_CASE("%d", i);
    run(env,
        "vote.sync.ballot.b32 %x8, %q1, %x2;\n"
        "vote.sync.all.pred %q2, %q1, %x2;\n@%q2 or.b32 %x9, %x9, 1;\n"
        "vote.sync.any.pred %q2, %q1, %x2;\n@%q2 or.b32 %x9, %x9, 2;\n"
        "vote.sync.uni.pred %q2, %q1, %x2;\n@%q2 or.b32 %x9, %x9, 4;\n"
        "vote.sync.all.pred %q2, !%q1, %x2;\n@%q2 or.b32 %x9, %x9, 8;\n"
        "vote.sync.ballot.b32 %x10, !%q1, %x2;\nshl.b32 %x10, %x10, 4;\nor.b32 %x9, %x9, %x10;\n",
        values, odd, members, found);
    uint32_t holds = 0;
    for (uint32_t lane = 0; lane < 32; lane++) holds |= odd[lane] << lane;
    for (int lane = 0; lane < 32; lane++) {
      const uint32_t group = members[lane], yes = holds & group, no = ~holds & group;
      const uint32_t wanted = (no == 0 ? 1u : 0u) | (yes != 0 ? 2u : 0u) | (yes == 0 || no == 0 ? 4u : 0u) |
                              (yes == 0 ? 8u : 0u) | no << 4;
      if (group == 0) continue;
      EXPECT_EQ(found[lane][0], yes);
      EXPECT_EQ(found[lane][1], wanted);
    }
  }
}

TEST(emulator_ops_warp, matches) {
  uint32_t values[32], others[32], members[32], found[32][2];
  for (int i = 0; i < 12; i++) {
    const uint64_t bound = i < 8 ? 3 : 1;
    groups_of(env, i % 2 == 0, members);
    for (int lane = 0; lane < 32; lane++) {
      values[lane] = (uint32_t)check_random_below(env, bound);
      others[lane] = (uint32_t)check_random_below(env, 2);
    }
    CHECK_CASE("%d", i);
    run(env, "match.any.sync.b32 %x8, %x0, %x2;\nmatch.any.sync.b64 %x9, %y4, %x2;\n", values, others,
        members, found);
    for (int lane = 0; lane < 32; lane++) {
      uint32_t same = 0, both = 0;
      for (int k = 0; k < 32; k++) {
        if ((members[lane] >> k & 1) == 0 || values[k] != values[lane]) continue;
        same |= 1u << k;
        if (others[k] == others[lane]) both |= 1u << k;
      }
      if (members[lane] == 0) continue;
      EXPECT_EQ(found[lane][0], same);
      EXPECT_EQ(found[lane][1], both);
    }
    run(env, "match.all.sync.b32 %x8|%q2, %x0, %x2;\n@%q2 mov.u32 %x9, 1;\n", values, others, members, found);
    for (int lane = 0; lane < 32; lane++) {
      bool all = true;
      for (int k = 0; k < 32; k++) all &= (members[lane] >> k & 1) == 0 || values[k] == values[lane];
      if (members[lane] == 0) continue;
      EXPECT_EQ(found[lane][0], all ? members[lane] : 0);
      EXPECT_EQ(found[lane][1], all);
    }
  }
}

static uint32_t reduced(int which, uint32_t x, uint32_t y) {
  switch (which) {
    case 0: return x + y;
    case 1: return x < y ? x : y;
    case 2: return x > y ? x : y;
    case 3: return (int32_t)x < (int32_t)y ? x : y;
    case 4: return (int32_t)x > (int32_t)y ? x : y;
    case 5: return x & y;
    case 6: return x | y;
    default: return x ^ y;
  }
}

TEST(emulator_ops_warp, reductions) {
  static const char *const names[] = {"add.u32", "min.u32", "max.u32", "min.s32",
                                      "max.s32", "and.b32", "or.b32",  "xor.b32"};
  uint32_t values[32], others[32] = {0}, members[32], found[32][2];
  for (int i = 0; i < 16; i++) {
    char statements[128];
    groups_of(env, i / 8 == 0, members);
    check_random_fill(env, values, sizeof values);
    (void)snprintf(statements, sizeof statements, "redux.sync.%s %%x8, %%x0, %%x2;\n", names[i % 8]);
    CHECK_CASE("%s", names[i % 8]);
    run(env, statements, values, others, members, found);
    for (int lane = 0; lane < 32; lane++) {
      if (members[lane] == 0) continue;
      uint32_t wanted = values[lane];
      for (int k = 0; k < 32; k++)
        if (k != lane && (members[lane] >> k & 1) != 0) wanted = reduced(i % 8, wanted, values[k]);
      EXPECT_EQ(found[lane][0], wanted);
    }
  }
}

TEST(emulator_ops_warp, reductions_of_floats) {
  uint32_t values[32], others[32] = {0}, members[32], found[32][2];
  groups_of(env, true, members);
  for (int lane = 0; lane < 32; lane++) values[lane] = lazy_f32_bits((float)(lane - 20) * 0.5f);
  values[7] = 0x7fc00001;
  run(env, "redux.sync.min.f32 %x8, %x0, -1;\nredux.sync.max.abs.f32 %x9, %x0, -1;\n", values, others,
      members, found);
  EXPECT_EQ(found[3][0], lazy_f32_bits(-10));
  EXPECT_EQ(found[3][1], lazy_f32_bits(10));
  run(env, "redux.sync.max.NaN.f32 %x8, %x0, -1;\nredux.sync.min.abs.f32 %x9, %x0, -1;\n", values, others,
      members, found);
  EXPECT_EQ(found[9][0], 0x7fffffff);
  EXPECT_EQ(found[9][1], 0);
}

TEST(emulator_ops_warp, the_lowest_lane_is_elected) {
  uint32_t values[32] = {0}, members[32], found[32][2];
  for (int i = 0; i < 4; i++) {
    groups_of(env, i == 0, members);
    run(env, "elect.sync %x8|%q2, %x2;\n@%q2 mov.u32 %x9, 1;\n", values, values, members, found);
    for (int lane = 0; lane < 32; lane++) {
      if (members[lane] == 0) continue;
      const int lowest = __builtin_ctz(members[lane]);
      EXPECT_EQ(found[lane][0], (uint32_t)lowest);
      EXPECT_EQ(found[lane][1], lane == lowest);
    }
  }
}

/* Lanes of one group that come to the instruction at different times. */
TEST(emulator_ops_warp, lanes_that_come_late) {
  uint32_t values[32], odd[32], members[32], found[32][2], sum = 0;
  for (uint32_t lane = 0; lane < 32; lane++) {
    sum += values[lane] = (uint32_t)check_random_below(env, 1000);
    odd[lane] = (uint32_t)check_random_below(env, 2);
    members[lane] = UINT32_MAX;
  }
  run(env,
      "@%q1 bra late;\n"
      "meet: redux.sync.add.u32 %x8, %x0, %x2;\nshfl.sync.idx.b32 %x9, %x0, 31, 31, %x2;\nbra.uni done;\n"
      "late: activemask.b32 %x11;\nbra.uni meet;\n"
      "done:\n",
      values, odd, members, found);
  for (int lane = 0; lane < 32; lane++) {
    EXPECT_EQ(found[lane][0], sum);
    EXPECT_EQ(found[lane][1], values[31]);
  }
}
