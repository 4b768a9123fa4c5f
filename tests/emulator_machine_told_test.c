/* The emulator's machine: what it refuses to load, what it tells of running threads, and what it counts. */
#include <stdio.h>

#include "tests/check_device.h"
#include "tests/emulator/counters.h"
#include "tests/emulator_machine.h"

enum { INVALID_PTX = 218, LAUNCH_TIMEOUT = 702, LAUNCH_FAILED = 719 };

/* ---- troubles of running threads ---- */

static void told(check_env *env, const char *text, uint32_t threads, int result, const char *report) {
  for (int order = 0; order < 3; order++) {
    CHECK_CASE("%s, order %d", report, order);
    emu_rig rig;
    if (!rig_open(&rig, env, "sm_75", text)) continue;
    rig.control->set_order((enum lazyi_host_order)order, check_random(env));
    lazy_driver_address out = rig_room(&rig, (size_t)threads * 4);
    EXPECT_EQ(rig_launch(&rig, "k", RIG_LINE(1, threads), (void *[]){&out}), result);
    rig_expect_report(&rig, report);
    rig_close(&rig);
  }
}

TEST(emulator_machine_told, divergent_barriers) {
  told(env,
       PTX_HEAD PTX_BEGIN("k", "") "mov.u32 %r1, 0;\nsetp.ge.u32 %p1, %r0, 48;\n@%p1 bra end;\n"
                                   "bar.sync 0;\nend:\n" PTX_END,
       64, LAUNCH_FAILED, "48 of the block's 64 threads came to the barrier");
  told(env,
       PTX_HEAD PTX_BEGIN("k", "") "mov.u32 %r1, 0;\nsetp.ge.u32 %p1, %r11, 5;\n@%p1 bra other;\n"
                                   "bar.sync 0;\nbra.uni end;\nother: bar.sync 0;\nend:\n" PTX_END,
       32, LAUNCH_FAILED, "a part of the warp came to this barrier");
  told(env,
       PTX_HEAD PTX_BEGIN("k", "") "mov.u32 %r1, 0;\nsetp.ge.u32 %p1, %r0, 32;\n@%p1 bra other;\n"
                                   "bar.sync 0;\nbra.uni end;\nother: bar.sync 1;\nend:\n" PTX_END,
       64, LAUNCH_FAILED, "32 threads came to barrier");
  told(env, PTX_HEAD PTX_BEGIN("k", "") "mov.u32 %r1, 0;\nbar.sync 0, 40;\n" PTX_END, 64, LAUNCH_FAILED,
       "a barrier for 40 threads");
}

TEST(emulator_machine_told, lanes_that_never_come) {
  told(env,
       PTX_HEAD PTX_BEGIN("k", "") "mov.u32 %r1, 0;\nsetp.ge.u32 %p1, %r11, 5;\n@%p1 bra other;\n"
                                   "vote.sync.ballot.b32 %r1, %p1, -1;\nbra.uni end;\n"
                                   "other: bar.sync 0;\nend:\n" PTX_END,
       32, LAUNCH_FAILED, "waits for ever");
  told(env, PTX_HEAD PTX_BEGIN("k", "") "mov.u32 %r1, 0;\nbar.warp.sync 0x0000ffff;\n" PTX_END, 32,
       LAUNCH_FAILED, "does not have the thread's own lane");
}

TEST(emulator_machine_told, traps) {
  told(env, PTX_HEAD PTX_BEGIN("k", "") "mov.u32 %r1, 0;\nsetp.eq.u32 %p1, %r0, 9;\n@%p1 trap;\n" PTX_END, 64,
       LAUNCH_FAILED, "thread (9,0,0)");
  told(env, PTX_HEAD PTX_BEGIN("k", "") "mov.u32 %r1, 0;\nbrkpt;\n" PTX_END, 1, LAUNCH_FAILED, "brkpt");
  told(env,
       PTX_HEAD PTX_BEGIN("k", "") "ways: .branchtargets one, two;\nmov.u32 %r1, 2;\nbrx.idx %r1, ways;\n"
                                   "one: mov.u32 %r1, 1;\ntwo:\n" PTX_END,
       1, LAUNCH_FAILED, "the index 2 of a branch with 2 targets");
}

TEST(emulator_machine_told, a_loop_without_end) {
  setenv("LAZYRT_EMULATOR_PATIENCE", "1", 1);
  emu_rig rig;
  if (rig_open(&rig, env, "sm_75", PTX_HEAD PTX_BEGIN("k", "") "again: bra.uni again;\n}\n")) {
    lazy_driver_address out = rig_room(&rig, 4);
    EXPECT_EQ(rig_launch(&rig, "k", RIG_LINE(1, 1), (void *[]){&out}), LAUNCH_TIMEOUT);
    rig_expect_report(&rig, "no thread ended and no barrier was passed");
    rig_close(&rig);
  }
  unsetenv("LAZYRT_EMULATOR_PATIENCE");
}

/* ---- refused ---- */

static void refused(check_env *env, const char *text) {
  emu_rig rig;
  if (!rig_open(&rig, env, "sm_75", PTX_HEAD PTX_BEGIN("k", "") "mov.u32 %r1, 0;\n" PTX_END)) return;
  lazy_driver_module module;
  EXPECT_EQ(rig.driver.module_load(&module, text), INVALID_PTX);
  rig_close(&rig);
}

TEST(emulator_machine_told, refused_at_load) {
  refused(env, PTX_HEAD ".func again() {\ncall.uni again;\nret;\n}\n" PTX_BEGIN(
                   "k", "") "mov.u32 %r1, 0;\ncall.uni again;\n" PTX_END);
  refused(env, PTX_HEAD
          ".extern .func (.param .b64 r) malloc(.param .b64 bytes);\n" PTX_BEGIN(
              "k", "") "mov.u32 %r1, 0;\n{ .param .b64 a;\nst.param.b64 [a], 8;\n.param .b64 r;\n"
                       "call.uni (r), malloc, (a);\n}\n" PTX_END);
  refused(env, PTX_HEAD ".func one(.param .b32 x) {\nret;\n}\n" PTX_BEGIN(
                   "k", "") "mov.u32 %r1, 0;\ncall.uni one;\n" PTX_END);
  refused(env, PTX_HEAD PTX_BEGIN("k", "") "mov.u32 %r1, 0;\nbarrier.cluster.arrive;\n" PTX_END);
  refused(env, PTX_HEAD PTX_BEGIN("k", "") "mov.u32 %r1, 0;\nbar.sync.oddly 0;\n" PTX_END);
  refused(env, PTX_HEAD PTX_BEGIN("k", "") "mov.u32 %r1, 0;\nbra nowhere;\n" PTX_END);
}

/* ---- printf ---- */

/* Every kind of conversion: the arguments lie in memory of the thread, each aligned as large as it is. */
static const char prints[] = PTX_HEAD
    ".extern .func (.param .b32 r) vprintf(.param .b64 format, .param .b64 arguments);\n"
    ".global .align 1 .b8 text[64] = {91,37,100,124,37,45,54,117,124,37,42,100,124,37,46,50,102,124,37,115,124,37,108,108,120,"
    "124,37,99,124,37,46,51,115,124,37,103,93,37,37,10};\n" /* [%d|%-6u|%*d|%.2f|%s|%llx|%c|%.3s|%g]%%\n */
    ".global .align 1 .b8 word[6] = {104,101,108,108,111};\n" PTX_BEGIN(
        "k", ".local .align 8 .b8 list[72];")
    "cvta.global.u64 %rd2, text;\ncvta.global.u64 %rd3, word;\ncvta.local.u64 %rd4, list;\n"
    "st.local.u32 [list], -5;\nst.local.u32 [list+4], 77;\nst.local.u32 [list+8], 4;\nst.local.u32 [list+12], 9;\n"
    "st.local.f64 [list+16], 0d400921FB54442D18;\nst.local.u64 [list+24], %rd3;\n"
    "st.local.u64 [list+32], 0x123456789abcdef0;\nst.local.u32 [list+40], 122;\n"
    "st.local.u64 [list+48], %rd3;\nst.local.f64 [list+56], 0d3FE0000000000000;\n"
    "{ .param .b64 a;\nst.param.b64 [a], %rd2;\n.param .b64 b;\nst.param.b64 [b], %rd4;\n.param .b32 r;\n"
    "call.uni (r), vprintf, (a, b);\nld.param.b32 %r1, [r];\n}\n" PTX_END;

TEST(emulator_machine_told, printf_conversions) {
  emu_rig rig;
  char text[256] = "";
  uint32_t converted = 0;
  if (!rig_open(&rig, env, "sm_75", prints)) return;
  lazy_driver_address out = rig_room(&rig, 4);
  rig_capture(&rig, "k", RIG_LINE(1, 1), (void *[]){&out}, text, sizeof text);
  rig_get(&rig, &converted, out, 4);
  EXPECT_STREQ(text, "[-5|77    |   9|3.14|hello|123456789abcdef0|z|hel|0.5]%\n");
  EXPECT_EQ(converted, 9u);
  rig_close(&rig);
}

/* ---- counters ---- */

static const char counted[] = PTX_HEAD
    ".visible .entry k(.param .u64 out) {\n.reg .pred %p<2>;\n.reg .b32 %r<4>;\n.reg .b64 %rd<4>;\n"
    "ld.param.u64 %rd0, [out];\n"
    "cvta.to.global.u64 %rd0, %rd0;\n"
    "mov.u32 %r0, %tid.x;\n"
    "mul.wide.u32 %rd1, %r0, 8;\n"
    "add.s64 %rd1, %rd0, %rd1;\n"
    "setp.lt.u32 %p1, %r0, 10;\n"
    "@%p1 bra end;\n"
    "st.global.u32 [%rd1], %r0;\n"
    "end: ret;\n}\n";

TEST(emulator_machine_told, counters) {
  const char *path = check_path(env, "stats.json");
  setenv("LAZYRT_EMULATOR_STATS", path, 1);
  emu_rig rig;
  if (rig_open(&rig, env, "sm_75", counted)) {
    lazy_driver_address out = rig_room(&rig, 1024);
    for (int i = 0; i < 2; i++) RIG_RUN(&rig, "k", RIG_LINE(1, 64), &out);
    const emu_counters *found = rig.control->last_launch();
    if (EXPECT_TRUE(found != NULL)) {
      EXPECT_STREQ(found->kernel, "k");
      EXPECT_EQ(found->total.warps, 2 * 9u);
      EXPECT_EQ(found->total.threads, 7 * 64 + 10 + 54u); /* whose guards held */
      EXPECT_EQ(found->total.splits, 1u);                 /* of two warps' branches */
      EXPECT_EQ(found->total.accesses, 2u);
      EXPECT_EQ(found->total.bytes, 4 * 54u);
      EXPECT_EQ(found->total.sectors, 6 + 8u); /* lanes 10 to 31, 8 bytes apart, begin in the middle of one */
      EXPECT_EQ(found->of_class[PTX_CLASS_BRANCH].threads, 10 + 64u);
    }
    rig_close(&rig);
  }
  unsetenv("LAZYRT_EMULATOR_STATS");
  char *text = check_read(path);
  ASSERT_TRUE(text != NULL);
  EXPECT_CONTAINS(text, "\"kernel\":\"k\",\"grid\":[1,1,1],\"block\":[64,1,1]");
  EXPECT_CONTAINS(text, "\"warp_instructions\":18,\"thread_instructions\":512,\"divergent_branches\":1");
  EXPECT_CONTAINS(text, "\"global_sectors\":14");
  EXPECT_CONTAINS(text, "{\"file\":\"ptx\",\"line\":");
  EXPECT_EQ(text[0], '[');
  EXPECT_STREQ(text + strlen(text) - 3, "\n]\n");
  int launches = 0;
  for (const char *at = text; (at = strstr(at, "{\"launch\":")) != NULL; at++) launches++;
  EXPECT_EQ(launches, 2);
  free(text);
}

TEST(emulator_machine_told, nothing_is_counted_unasked) {
  emu_rig rig;
  if (!rig_open(&rig, env, "sm_75", counted)) return;
  lazy_driver_address out = rig_room(&rig, 1024);
  rig.control->count_launches(true);
  RIG_RUN(&rig, "k", RIG_LINE(1, 32), &out);
  const emu_counters *found = rig.control->last_launch();
  rig.control->count_launches(false);
  RIG_RUN(&rig, "k", RIG_LINE(1, 64), &out);
  EXPECT_TRUE(rig.control->last_launch() == found);
  rig_close(&rig);
}
