/* Accesses of whole warps that one lane of them spoils: told of that lane. */
#include <stdio.h>

#include "tests/emulator_machine.h"

enum { ILLEGAL_ADDRESS = 700, MISALIGNED = 716 };

/* `statements` with the buffer's address at %rd0, that of the lane's word in it at %rd1. */
static void told(check_env *env, const char *statements, size_t bytes, int result, const char *report) {
  char text[2048];
  (void)snprintf(text, sizeof text, "%s%s%s", PTX_HEAD PTX_BEGIN("k", ".shared .align 4 .b8 room[124];"),
                 statements, "ret;\n}\n");
  CHECK_CASE("%s", statements);
  emu_rig rig;
  if (!rig_open(&rig, env, "sm_75", text)) return;
  lazy_driver_address out = rig_zeros(&rig, bytes);
  EXPECT_EQ(rig_launch(&rig, "k", RIG_LINE(1, 32), (void *[]){&out}), result);
  rig_expect_report(&rig, report);
  rig_close(&rig);
}

TEST(emulator_ops_memory, the_last_lane_is_outside) {
  told(env, "st.global.u32 [%rd1], %r0;\n", 124, ILLEGAL_ADDRESS, "thread (31,0,0)");
  told(env, "ld.global.u32 %r1, [%rd1];\n", 124, ILLEGAL_ADDRESS, "thread (31,0,0)");
  told(env, "ld.global.u64 %rd2, [%rd0+120];\n", 124, ILLEGAL_ADDRESS, "thread (0,0,0)");
  told(env,
       "shl.b32 %r2, %r0, 2;\nmov.u32 %r3, room;\nadd.u32 %r3, %r3, %r2;\n"
       "st.shared.u32 [%r3+512], %r0;\n",
       4, ILLEGAL_ADDRESS, "out of bounds");
}

TEST(emulator_ops_memory, a_lane_is_not_aligned) {
  told(env, "add.s64 %rd1, %rd1, 2;\nst.global.u32 [%rd1], %r0;\n", 256, MISALIGNED, "thread (0,0,0)");
  told(env, "ld.global.v2.u32 {%r1, %r2}, [%rd1];\n", 256, MISALIGNED, "thread (1,0,0)");
}

/* Races and memory that nothing wrote, of one lane of many. */
TEST(emulator_ops_memory, one_lane_races) {
  /* thread 40 stores what thread 7 has stored */
  char text[2048];
  emu_rig rig;
  (void)snprintf(text, sizeof text, "%s%s", PTX_HEAD PTX_BEGIN("k", ""),
                 "setp.eq.u32 %p1, %r0, 40;\n@%p1 add.s64 %rd1, %rd0, 28;\nst.global.u32 [%rd1], %r0;\n"
                 "ret;\n}\n");
  if (!rig_open(&rig, env, "sm_75", text)) return;
  lazy_driver_address out = rig_zeros(&rig, 256);
  RIG_RUN(&rig, "k", RIG_LINE(1, 64), &out);
  rig_expect_report(&rig, "race in global memory");
  rig_close(&rig);
}

TEST(emulator_ops_memory, one_lane_reads_what_nobody_wrote) {
  char text[2048];
  emu_rig rig;
  (void)snprintf(text, sizeof text, "%s%s", PTX_HEAD PTX_BEGIN("k", ""),
                 "setp.ne.u32 %p1, %r0, 9;\n@%p1 st.global.u32 [%rd1], %r0;\nld.global.u32 %r1, [%rd1];\n"
                 "ret;\n}\n");
  if (!rig_open(&rig, env, "sm_75", text)) return;
  lazy_driver_address out = rig_room(&rig, 256);
  RIG_RUN(&rig, "k", RIG_LINE(1, 32), &out);
  rig_expect_report(&rig, "thread (9,0,0)");
  rig_close(&rig);
}
