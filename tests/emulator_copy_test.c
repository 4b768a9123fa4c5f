/* cp.async and mbarrier, instruction by instruction. What cuda::barrier makes of them is a litmus kernel's.
 */
#include "tests/emulator_matrix.h"

/* Slot of each lane in shared memory at %x0; 16 bytes of each at %y0 (p0), 64 bytes of results at %y1 (p3).
 */
static void begin_slots(ptx_text *to) {
  begin(to);
  add(to,
      "mov.u32 %%x1, room;\nshl.b32 %%x0, %%lane, 4;\nadd.u32 %%x0, %%x1, %%x0;\n"
      "mad.wide.u32 %%y0, %%lane, 16, %%p0;\nmad.wide.u32 %%y1, %%lane, 64, %%p3;\n");
}

/* The slot at %x0 + at, into results number `of`. */
static void show(ptx_text *to, int at, int of) {
  add(to,
      "ld.shared.v4.u32 {%%x4, %%x5, %%x6, %%x7}, [%%x0+%d];\n"
      "st.global.v4.u32 [%%y1+%d], {%%x4, %%x5, %%x6, %%x7};\n",
      at, of * 16);
}

static void mark(ptx_text *to, int at) {
  add(to, "mov.u32 %%x4, 0x5a5a5a5a;\nst.shared.v4.u32 [%%x0+%d], {%%x4, %%x4, %%x4, %%x4};\n", at);
}

static void run(check_env *env, ptx_text *text, const void *in, const void *sizes, void *results) {
  EXPECT_TRUE(
      run_text(env, "sm_90", text, (matrix_buffers){{in, sizes, in}, {512, 128, 512}, 2048, results}));
}

/* Nothing has come before it is waited for, everything after; of groups all but the last so many. */
TEST(emulator_copy, groups_are_waited_for_in_order) {
  static ptx_text text;
  uint8_t in[32][16], found[32][4][16], old[16];
  uint32_t sizes[32] = {0};
  check_random_fill(env, in, sizeof in);
  memset(old, 0x5a, sizeof old);
  for (int allowed = 0; allowed <= 3; allowed++) {
    CHECK_CASE("%d groups may be missing", allowed);
    begin_slots(&text);
    for (int slot = 0; slot < 4; slot++) mark(&text, slot * 512);
    for (int slot = 0; slot < 3; slot++)
      add(&text, "cp.async.cg.shared.global [%%x0+%d], [%%y0], 16;\ncp.async.commit_group;\n", slot * 512);
    add(&text, "cp.async.ca.shared.global.L2::128B [%%x0+1536], [%%y0], 16;\n"); /* in no group */
    add(&text, "cp.async.wait_group %d;\n", allowed);
    for (int slot = 0; slot < 4; slot++) show(&text, slot * 512, slot);
    add(&text, "cp.async.wait_all;\n");
    run(env, &text, in, sizes, found);
    for (int lane = 0; lane < 32; lane++)
      for (int slot = 0; slot < 4; slot++)
        EXPECT_BYTES_EQ(found[lane][slot], slot < 3 - allowed ? in[lane] : old, 16);
  }
}

TEST(emulator_copy, sizes_and_what_is_filled_with_zeros) {
  static ptx_text text;
  uint8_t in[32][16], found[32][4][16], wanted[32][4][16];
  uint32_t sizes[32];
  check_random_fill(env, in, sizeof in);
  memset(wanted, 0x5a, sizeof wanted);
  for (uint32_t i = 0; i < 32; i++) {
    sizes[i] = (uint32_t)check_random_below(env, 17);
    memcpy(wanted[i][0], in[i], 4);
    memcpy(wanted[i][1] + 8, in[i] + 8, 8);
    memset(wanted[i][2], 0, 16);
    memcpy(wanted[i][2], in[i], sizes[i]);
    memset(wanted[i][3], 0, 16);
    if (sizes[i] >= 8) memcpy(wanted[i][3], in[i], 16);
  }
  begin_slots(&text);
  for (int slot = 0; slot < 4; slot++) mark(&text, slot * 512);
  move(&text, false, "x8", 1, 1, 4); /* %x80 */
  add(&text,
      "setp.lt.u32 %%q0, %%x80, 8;\n"
      "cp.async.ca.shared.global [%%x0], [%%y0], 4;\n"
      "cp.async.ca.shared.global [%%x0+520], [%%y0+8], 8;\n"
      "cp.async.cg.shared.global [%%x0+1024], [%%y0], 16, %%x80;\n"
      "cp.async.cg.shared.global [%%x0+1536], [%%y0], 16, %%q0;\n"
      "cp.async.wait_all;\n");
  for (int slot = 0; slot < 4; slot++) show(&text, slot * 512, slot);
  run(env, &text, in, sizes, found);
  EXPECT_BYTES_EQ(found, wanted, sizeof wanted);
}

/* Each lane has a barrier of its own at %x0, and tells in bits of %x9 what the waits say. */
static void wait(ptx_text *to, const char *instruction, const char *with, int bit) {
  add(to, "mbarrier.%s.shared.b64 %%q1, [%%x0], %s;\n@%%q1 add.u32 %%x9, %%x9, %d;\n", instruction, with,
      1 << bit);
}

TEST(emulator_copy, barriers_count_arrivals_and_bytes) {
  static ptx_text text;
  uint8_t in[512] = {0};
  uint32_t sizes[32] = {0}, found[32][16];
  begin_slots(&text);
  add(&text, "mov.u32 %%x9, 0;\nmbarrier.init.shared.b64 [%%x0], 3;\n");
  add(&text, "mbarrier.arrive.shared.b64 %%y2, [%%x0];\nmbarrier.pending_count.b64 %%x10, %%y2;\n");
  wait(&text, "test_wait", "%y2", 0);
  wait(&text, "test_wait.parity", "0", 1);
  wait(&text, "test_wait.parity", "1", 2); /* the phase before the first */
  add(&text,
      "mbarrier.arrive.noComplete.shared.b64 %%y3, [%%x0], 1;\nmbarrier.pending_count.b64 %%x11, %%y3;\n");
  wait(&text, "try_wait", "%y2", 3);
  add(&text, "mbarrier.arrive.release.cta.shared::cta.b64 _, [%%x0];\n"); /* ends the phase */
  wait(&text, "try_wait.parity", "0, 100", 4);
  wait(&text, "test_wait", "%y3", 5);
  wait(&text, "test_wait.parity", "1", 6);
  add(&text,
      "mbarrier.arrive.shared.b64 _, [%%x0], 2;\nmbarrier.arrive.expect_tx.shared.b64 %%y4, [%%x0], 48;\n");
  wait(&text, "test_wait", "%y4", 7); /* bytes are missing */
  add(&text, "mbarrier.complete_tx.relaxed.cta.shared::cta.b64 [%%x0], 16;\n");
  wait(&text, "test_wait", "%y4", 8);
  add(&text,
      "mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [%%x0], 8;\n"
      "mbarrier.complete_tx.relaxed.cta.shared::cta.b64 [%%x0], 40;\n");
  wait(&text, "test_wait", "%y4", 9);
  add(&text, "mbarrier.arrive_drop.shared.b64 %%y5, [%%x0];\nmbarrier.arrive.shared.b64 _, [%%x0], 2;\n");
  wait(&text, "test_wait", "%y5", 10);
  add(&text, "mbarrier.arrive.shared.b64 %%y6, [%%x0], 2;\n"); /* two are all there are now */
  wait(&text, "test_wait", "%y6", 11);
  add(&text,
      "mbarrier.inval.shared.b64 [%%x0];\nst.global.u32 [%%y1], %%x9;\nst.global.u32 [%%y1+4], %%x10;\n"
      "st.global.u32 [%%y1+8], %%x11;\n");
  run(env, &text, in, sizes, found);
  for (int lane = 0; lane < 32; lane++) {
    EXPECT_EQ(found[lane][0], 1u << 2 | 1u << 4 | 1u << 5 | 1u << 9 | 1u << 10 | 1u << 11);
    EXPECT_EQ(found[lane][1], 3u);
    EXPECT_EQ(found[lane][2], 2u);
  }
}

/* A barrier hears of copies when they are done: whoever waits for it finds them. */
TEST(emulator_copy, copies_arrive_at_barriers) {
  static ptx_text text;
  uint8_t in[32][16], found[32][4][16], old[16];
  uint32_t sizes[32] = {0};
  check_random_fill(env, in, sizeof in);
  memset(old, 0x5a, sizeof old);
  begin_slots(&text);
  for (int slot = 1; slot < 4; slot++) mark(&text, slot * 512);
  add(&text,
      "mov.u32 %%x9, 0;\nmbarrier.init.shared.b64 [%%x0], 2;\n"
      "cp.async.ca.shared.global [%%x0+512], [%%y0], 16;\n"
      "cp.async.mbarrier.arrive.noinc.shared.b64 [%%x0];\n" /* one of the two */
      "cp.async.ca.shared.global [%%x0+1024], [%%y0], 16;\n");
  show(&text, 512, 0);
  add(&text, "mbarrier.arrive.shared.b64 %%y2, [%%x0];\n");
  wait(&text, "test_wait", "%y2", 0);
  show(&text, 512, 1);
  show(&text, 1024, 2);
  add(&text, "cp.async.mbarrier.arrive.shared.b64 [%%x0];\n"); /* raises what it takes */
  add(&text, "mbarrier.arrive.shared.b64 %%y2, [%%x0];\nmbarrier.arrive.shared.b64 %%y3, [%%x0];\n");
  wait(&text, "test_wait", "%y2", 1);
  show(&text, 1024, 3);
  add(&text, "st.global.u32 [%%y1], %%x9;\n"); /* over the first result */
  run(env, &text, in, sizes, found);
  for (int lane = 0; lane < 32; lane++) {
    uint32_t waits;
    memcpy(&waits, found[lane][0], 4);
    EXPECT_EQ(waits, 3u);
    EXPECT_BYTES_EQ(found[lane][0] + 4, old + 4, 12);
    EXPECT_BYTES_EQ(found[lane][1], in[lane], 16);
    EXPECT_BYTES_EQ(found[lane][2], old, 16);
    EXPECT_BYTES_EQ(found[lane][3], in[lane], 16);
  }
}
