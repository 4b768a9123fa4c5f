/* The emulator's machine: where lanes go, how they wait, what calls pass. */
#include "tests/emulator_machine.h"

/* ---- branches ---- */

/* Every lane leaves the loop at its own time, and all of them go on together. */
static const char loop[] = PTX_HEAD PTX_BEGIN("k", "")
    "mov.u32 %r1, 0;\n"
    "again: add.u32 %r1, %r1, 3;\n"
    "setp.le.u32 %p1, %r1, %r0;\n"
    "@%p1 bra again;\n"
    "activemask.b32 %r2;\n"
    "popc.b32 %r2, %r2;\n"
    "mad.lo.u32 %r1, %r2, 1000, %r1;\n" PTX_END;
static uint32_t loop_wanted(uint32_t block, uint32_t thread) {
  (void)block;
  return 32000 + thread / 3 * 3 + 3;
}

static const char by_index[] = PTX_HEAD PTX_BEGIN("k", "")
    "and.b32 %r2, %r0, 3;\n"
    "ways: .branchtargets way0, way1, way2, way1;\n"
    "brx.idx %r2, ways;\n"
    "way0: mov.u32 %r1, 10;\nbra.uni end;\n"
    "way1: mov.u32 %r1, 20;\nbra.uni end;\n"
    "way2: mov.u32 %r1, 30;\n"
    "end: add.u32 %r1, %r1, %r2;\n" PTX_END;
static uint32_t by_index_wanted(uint32_t block, uint32_t thread) {
  static const uint32_t ways[] = {10, 21, 32, 23};
  (void)block;
  return ways[thread % 4];
}

/* Guards on everything, exit among them. */
static const char guards[] = PTX_HEAD PTX_BEGIN("k", "")
    "setp.lt.u32 %p1, %r11, 7;\n"
    "mov.u32 %r1, 1;\n"
    "@%p1 mov.u32 %r1, 2;\n"
    "@!%p1 add.u32 %r1, %r1, 10;\n"
    "setp.gt.u32 %p2, %r0, 40;\n"
    "@%p2 exit;\n" PTX_END;
static uint32_t guards_wanted(uint32_t block, uint32_t thread) {
  (void)block;
  return thread > 40 ? 0 : thread % 32 < 7 ? 2 : 11;
}

TEST(emulator_machine, branches) {
  runs_as(env, loop, RIG_LINE(3, 96), loop_wanted);
  runs_as(env, by_index, RIG_LINE(2, 40), by_index_wanted);
  runs_as(env, guards, RIG_LINE(2, 70), guards_wanted);
}

/* ---- special registers and shared memory ---- */

static const char specials[] = PTX_HEAD
    ".visible .entry k(.param .u64 out) {\n"
    ".reg .b32 %r<32>;\n.reg .b64 %rd<4>;\n"
    "mov.u32 %r1, %tid.x;\nmov.u32 %r2, %tid.y;\nmov.u32 %r3, %tid.z;\n"
    "mov.u32 %r4, %ctaid.x;\nmov.u32 %r5, %ctaid.y;\nmov.u32 %r6, %ctaid.z;\n"
    "mov.u32 %r7, %ntid.x;\nmov.u32 %r8, %ntid.y;\nmov.u32 %r9, %ntid.z;\n"
    "mov.u32 %r10, %nctaid.x;\nmov.u32 %r11, %nctaid.y;\n"
    "mad.lo.u32 %r12, %r6, %r11, %r5;\nmad.lo.u32 %r12, %r12, %r10, %r4;\n"
    "mad.lo.u32 %r13, %r3, %r8, %r2;\nmad.lo.u32 %r13, %r13, %r7, %r1;\n"
    "mul.lo.u32 %r14, %r7, %r8;\nmul.lo.u32 %r14, %r14, %r9;\n"
    "mad.lo.u32 %r15, %r12, %r14, %r13;\n"
    "mul.wide.u32 %rd1, %r15, 4;\nld.param.u64 %rd2, [out];\ncvta.to.global.u64 %rd2, %rd2;\n"
    "add.s64 %rd1, %rd1, %rd2;\n"
    "mov.u32 %r16, %laneid;\nmov.u32 %r17, %warpid;\n"
    "mad.lo.u32 %r18, %r17, 32, %r16;\n"
    "mov.u32 %r19, %lanemask_eq;\nmov.u32 %r20, %lanemask_lt;\nmov.u32 %r21, %lanemask_ge;\n"
    "add.u32 %r22, %r20, %r21;\nadd.u32 %r22, %r22, 1;\n" /* 0 */
    "mov.u32 %r23, %lanemask_le;\nmov.u32 %r24, %lanemask_gt;\n"
    "add.u32 %r25, %r23, %r24;\nadd.u32 %r25, %r25, 1;\n"    /* 0 */
    "sub.u32 %r23, %r23, %r20;\nsub.u32 %r23, %r23, %r19;\n" /* 0 */
    "mad.lo.u32 %r18, %r12, 1000, %r18;\n"
    "add.u32 %r18, %r18, %r22;\nadd.u32 %r18, %r18, %r25;\nadd.u32 %r18, %r18, %r23;\n"
    "st.global.u32 [%rd1], %r18;\nret;\n}\n";
static uint32_t specials_wanted(uint32_t block, uint32_t thread) { return 1000 * block + thread; }

/* Static memory of the module and of the function, then what the launch gives. */
static const char shared[] = PTX_HEAD
    ".extern .shared .align 16 .b8 given[];\n.shared .align 4 .b8 ours[20];\n"
    PTX_BEGIN("k", ".shared .align 8 .b8 own[256];")
    "mov.u32 %r2, given;\nmov.u32 %r3, ours;\nmov.u32 %r4, own;\nmov.u32 %r5, %dynamic_smem_size;\n"
    "mov.u32 %r6, %total_smem_size;\nsetp.lt.u32 %p1, %r6, 532;\n"
    "shl.b32 %r7, %r0, 2;\n"
    "add.u32 %r8, %r7, %r4;\nst.shared.u32 [%r8], %r0;\n"
    "add.u32 %r9, %r2, 252;\nsub.u32 %r9, %r9, %r7;\nst.shared.u32 [%r9], %r0;\n" /* from the end downwards */
    "bar.sync 0;\n"
    "add.u32 %r14, %r2, %r7;\nld.shared.u32 %r1, [%r14];\n"
    "sub.u32 %r15, 252, %r7;\nadd.u32 %r15, %r15, %r4;\nld.shared.u32 %r16, [%r15];\n"
    "mad.lo.u32 %r1, %r16, 100, %r1;\n"
    "mad.lo.u32 %r1, %r5, 10000, %r1;\n@%p1 mov.u32 %r1, 0;\n" PTX_END;
static uint32_t shared_wanted(uint32_t block, uint32_t thread) {
  (void)block;
  return 2560000 + (63 - thread) * 101;
}

TEST(emulator_machine, special_registers) {
  runs_as(env, specials, (rig_shape){{3, 2, 2}, {5, 3, 4}, 0, false}, specials_wanted);
}
TEST(emulator_machine, shared_memory) {
  runs_as(env, shared, (rig_shape){{2, 1, 1}, {64, 1, 1}, 256, false}, shared_wanted);
}

/* ---- barriers ---- */

/* Half of each warp takes a way that lies behind the barrier in the text. */
static const char out_of_line[] = PTX_HEAD PTX_BEGIN("k", ".shared .align 4 .b8 words[512];")
    "shl.b32 %r2, %r0, 2;\nmov.u32 %r3, words;\nadd.u32 %r4, %r3, %r2;\n"
    "and.b32 %r5, %r0, 1;\nsetp.eq.u32 %p1, %r5, 0;\n"
    "@%p1 bra aside;\n"
    "st.shared.u32 [%r4], %r0;\n"
    "meet: bar.sync 0;\n"
    "sub.u32 %r6, 508, %r2;\nadd.u32 %r6, %r6, %r3;\nld.shared.u32 %r1, [%r6];\n"
    "st.global.u32 [%rd1], %r1;\nret;\n"
    "aside: add.u32 %r7, %r0, 1000;\nst.shared.u32 [%r4], %r7;\nbra.uni meet;\n}\n";
static uint32_t out_of_line_wanted(uint32_t block, uint32_t thread) {
  (void)block;
  return 127 - thread + (thread % 2 == 1 ? 1000 : 0);
}

static const char reductions[] = PTX_HEAD PTX_BEGIN("k", "")
    "setp.lt.u32 %p1, %r0, 50;\nsetp.lt.u32 %p2, %r0, 1000;\n"
    "bar.red.popc.u32 %r1, 0, %p1;\n"
    "bar.red.and.pred %p3, 0, %p1;\nbar.red.or.pred %p4, 0, %p1;\nbar.red.and.pred %p5, 1, %p2;\n"
    "barrier.red.popc.aligned.u32 %r2, 3, !%p1;\n"
    "@%p3 add.u32 %r1, %r1, 1000;\n@%p4 add.u32 %r1, %r1, 2000;\n@%p5 add.u32 %r1, %r1, 4000;\n"
    "mad.lo.u32 %r1, %r2, 10000, %r1;\n" PTX_END;
static uint32_t reductions_wanted(uint32_t block, uint32_t thread) {
  (void)block;
  (void)thread;
  return 6050 + 460000;
}

/* Warps 0 and 1 hand words to warps 2 and 3, which hand them back: one side arrives, the other waits. */
static const char hand_over[] = PTX_HEAD PTX_BEGIN("k", ".shared .align 4 .b8 words[256];")
    "and.b32 %r2, %r0, 63;\nshl.b32 %r2, %r2, 2;\nmov.u32 %r3, words;\nadd.u32 %r3, %r3, %r2;\n"
    "setp.ge.u32 %p1, %r0, 64;\n@%p1 bra consumer;\n"
    "mul.lo.u32 %r4, %r0, 3;\nst.shared.u32 [%r3], %r4;\n"
    "bar.arrive 1, 128;\nbar.sync 2, 128;\n"
    "ld.shared.u32 %r1, [%r3];\nbra.uni end;\n"
    "consumer: bar.sync 1, 128;\nld.shared.u32 %r1, [%r3];\nadd.u32 %r4, %r1, 7;\nst.shared.u32 [%r3], %r4;\n"
    "bar.arrive 2, 128;\n"
    "end:\n" PTX_END;
static uint32_t hand_over_wanted(uint32_t block, uint32_t thread) {
  (void)block;
  return 3 * (thread % 64) + (thread < 64 ? 7 : 0);
}

/* Two pairs of warps, each with a barrier of its own. */
static const char pairs[] = PTX_HEAD PTX_BEGIN("k", ".shared .align 4 .b8 words[512];")
    "shl.b32 %r2, %r0, 2;\nmov.u32 %r3, words;\nadd.u32 %r4, %r3, %r2;\nst.shared.u32 [%r4], %r0;\n"
    "shr.u32 %r5, %r0, 6;\nadd.u32 %r5, %r5, 1;\nbar.sync %r5, 64;\n"
    "xor.b32 %r6, %r2, 128;\nadd.u32 %r6, %r6, %r3;\nld.shared.u32 %r1, [%r6];\n" PTX_END;
static uint32_t pairs_wanted(uint32_t block, uint32_t thread) {
  (void)block;
  return thread ^ 32;
}

/* Threads of a warp come to a barrier at different instructions: allowed where it is not aligned. */
static const char not_aligned[] = PTX_HEAD PTX_BEGIN("k", "")
    "setp.lt.u32 %p1, %r11, 9;\nmov.u32 %r1, 1;\n@%p1 bra other;\n"
    "barrier.sync 0;\nbra.uni end;\n"
    "other: barrier.sync 0;\nmov.u32 %r1, 2;\nend:\n" PTX_END;
static uint32_t not_aligned_wanted(uint32_t block, uint32_t thread) {
  (void)block;
  return thread % 32 < 9 ? 2 : 1;
}

TEST(emulator_machine, barriers) {
  runs_as(env, out_of_line, RIG_LINE(3, 128), out_of_line_wanted);
  runs_as(env, reductions, RIG_LINE(2, 96), reductions_wanted);
  runs_as(env, hand_over, RIG_LINE(2, 128), hand_over_wanted);
  runs_as(env, pairs, RIG_LINE(2, 128), pairs_wanted);
  runs_as(env, not_aligned, RIG_LINE(2, 75), not_aligned_wanted);
}

/* ---- lanes of a warp that wait for each other ---- */

/* Two groups of a warp vote at one instruction, each among its own. */
static const char groups[] = PTX_HEAD PTX_BEGIN("k", "")
    "setp.lt.u32 %p1, %r11, 16;\nselp.b32 %r2, 0x0000ffff, 0xffff0000, %p1;\n"
    "and.b32 %r3, %r0, 1;\nsetp.eq.u32 %p2, %r3, 1;\n"
    "vote.sync.ballot.b32 %r1, %p2, %r2;\n" PTX_END;
static uint32_t groups_wanted(uint32_t block, uint32_t thread) {
  (void)block;
  return thread % 32 < 16 ? 0xaaaa : 0xaaaa0000;
}

/* Some lanes come later, some have exited. */
static const char late[] = PTX_HEAD PTX_BEGIN("k", "")
    "setp.lt.u32 %p1, %r11, 4;\n@%p1 exit;\n"
    "setp.lt.u32 %p2, %r11, 20;\n@%p2 bra aside;\n"
    "vote: vote.sync.ballot.b32 %r1, %p2, 0xffffffff;\n"
    "st.global.u32 [%rd1], %r1;\nret;\n"
    "aside: bra.uni vote;\n}\n";
static uint32_t late_wanted(uint32_t block, uint32_t thread) {
  (void)block;
  return thread % 32 < 4 ? 0 : 0x000ffff0;
}

/* syncwarp orders what lanes at different instructions did. */
static const char syncwarp[] = PTX_HEAD PTX_BEGIN("k", ".shared .align 4 .b8 words[256];")
    "shl.b32 %r2, %r0, 2;\nmov.u32 %r3, words;\nadd.u32 %r4, %r3, %r2;\nst.shared.u32 [%r4], %r0;\n"
    "setp.lt.u32 %p1, %r11, 5;\n@%p1 bra other;\n"
    "bar.warp.sync -1;\nbra.uni end;\n"
    "other: bar.warp.sync -1;\n"
    "end: xor.b32 %r5, %r2, 124;\nadd.u32 %r5, %r5, %r3;\nld.shared.u32 %r1, [%r5];\n" PTX_END;
static uint32_t syncwarp_wanted(uint32_t block, uint32_t thread) {
  (void)block;
  return thread ^ 31;
}

TEST(emulator_machine, lanes_meet) {
  runs_as(env, groups, RIG_LINE(2, 64), groups_wanted);
  runs_as(env, late, RIG_LINE(2, 64), late_wanted);
  runs_as(env, syncwarp, RIG_LINE(2, 64), syncwarp_wanted);
}

/* ---- threads that spin ---- */

/* The lane that holds the lock stands behind those that try to take it. */
static const char lock[] = PTX_HEAD ".global .align 4 .u32 taken;\n.global .align 4 .u32 count;\n" PTX_BEGIN("k", "")
    "mov.u64 %rd2, taken;\nmov.u64 %rd3, count;\n"
    "try: atom.acquire.gpu.global.cas.b32 %r2, [%rd2], 0, 1;\n"
    "setp.ne.u32 %p1, %r2, 0;\n@%p1 bra try;\n"
    "ld.relaxed.gpu.global.u32 %r1, [%rd3];\nadd.u32 %r3, %r1, 1;\nst.relaxed.gpu.global.u32 [%rd3], %r3;\n"
    "mov.u32 %r1, 1;\n"
    "atom.release.gpu.global.exch.b32 %r4, [%rd2], 0;\n" PTX_END
    ".visible .entry counted(.param .u64 out) {\n.reg .b32 %r<2>;\n.reg .b64 %rd<4>;\n"
    "ld.param.u64 %rd1, [out];\ncvta.to.global.u64 %rd1, %rd1;\nmov.u64 %rd2, count;\n"
    "ld.global.u32 %r1, [%rd2];\nst.global.u32 [%rd1], %r1;\nret;\n}\n";

/* The first block waits for a flag of the last one, which has not begun. */
static const char flag[] = PTX_HEAD ".global .align 4 .u32 flag;\n" PTX_BEGIN("k", "")
    "mov.u64 %rd2, flag;\nmov.u32 %r2, %nctaid.x;\nsub.u32 %r2, %r2, 1;\n"
    "setp.eq.u32 %p1, %r12, %r2;\n@%p1 st.release.gpu.global.u32 [%rd2], 5;\n"
    "mov.u32 %r1, 5;\n"
    "setp.ne.u32 %p2, %r12, 0;\n@%p2 bra end;\n"
    "spin: ld.acquire.gpu.global.u32 %r1, [%rd2];\nsetp.ne.u32 %p3, %r1, 5;\n"
    "@%p3 nanosleep.u32 100;\n@%p3 bra spin;\n"
    "end:\n" PTX_END;
static uint32_t five(uint32_t block, uint32_t thread) {
  (void)block;
  (void)thread;
  return 5;
}

TEST(emulator_machine, a_lock_within_a_warp) {
  enum { BLOCKS = 3, THREADS = 48 };
  for (int order = 0; order < 3; order++) {
    emu_rig rig;
    uint32_t count = 0;
    if (!rig_open(&rig, env, "sm_75", lock)) continue;
    rig.control->set_order((enum lazyi_host_order)order, check_random(env));
    lazy_driver_address out = rig_room(&rig, (size_t)BLOCKS * THREADS * 4);
    RIG_RUN(&rig, "k", RIG_LINE(BLOCKS, THREADS), &out);
    RIG_RUN(&rig, "counted", RIG_LINE(1, 1), &out);
    rig_get(&rig, &count, out, 4);
    EXPECT_EQ(count, (uint32_t)(BLOCKS * THREADS));
    rig_close(&rig);
  }
}
TEST(emulator_machine, a_block_waits_for_another) { runs_as(env, flag, RIG_LINE(20, 32), five); }

/* ---- calls ---- */

#define PARAM_CALL(result, function, argument)                                                   \
  "{ .param .b32 a;\nst.param.b32 [a+0], " argument ";\n.param .b32 r;\ncall.uni (r), " function \
  ", (a);\nld.param.b32 " result ", [r+0];\n}\n"

/* Lanes call different functions, and those each other; registers of a caller stay as they were. */
static const char calls[] = PTX_HEAD
    ".func (.param .b32 r) ten(.param .b32 x) {\n.reg .b32 %r<3>;\n"
    "ld.param.u32 %r1, [x];\nadd.u32 %r1, %r1, 10;\nst.param.b32 [r+0], %r1;\nret;\n}\n"
    ".func (.param .b32 r) odd(.param .b32 x) {\n.reg .b32 %r<4>;\n.reg .pred %p<2>;\n"
    "ld.param.u32 %r1, [x];\nmul.lo.u32 %r2, %r1, 100;\n"
    "setp.gt.u32 %p1, %r1, 20;\n@%p1 bra early;\n" PARAM_CALL("%r1", "ten", "%r1")
    "early: add.u32 %r2, %r2, %r1;\nst.param.b32 [r+0], %r2;\nret;\n}\n"
    PTX_BEGIN("k", "")
    "and.b32 %r2, %r0, 1;\nsetp.eq.u32 %p1, %r2, 1;\n@%p1 bra odds;\n"
    PARAM_CALL("%r1", "ten", "%r0") "bra.uni end;\n"
    "odds:\n" PARAM_CALL("%r1", "odd", "%r0")
    "end: add.u32 %r1, %r1, %r2;\n" PTX_END;
static uint32_t calls_wanted(uint32_t block, uint32_t thread) {
  (void)block;
  if (thread % 2 == 0) return thread + 10;
  return 100 * thread + thread + (thread > 20 ? 0 : 10) + 1;
}

static const char pointers[] = PTX_HEAD
    ".func (.param .b32 r) ten(.param .b32 x) {\n.reg .b32 %r<3>;\n"
    "ld.param.u32 %r1, [x];\nadd.u32 %r1, %r1, 10;\nst.param.b32 [r+0], %r1;\nret;\n}\n"
    ".func (.param .b32 r) twice(.param .b32 x) {\n.reg .b32 %r<3>;\n"
    "ld.param.u32 %r1, [x];\nadd.u32 %r1, %r1, %r1;\nst.param.b32 [r+0], %r1;\nret;\n}\n"
    PTX_BEGIN("k", "")
    "and.b32 %r2, %r0, 1;\nsetp.eq.u32 %p1, %r2, 1;\n"
    "mov.u64 %rd2, ten;\nmov.u64 %rd3, twice;\nselp.b64 %rd4, %rd2, %rd3, %p1;\n"
    "{ .param .b32 a;\nst.param.b32 [a+0], %r0;\n.param .b32 r;\n"
    "proto: .callprototype (.param .b32 _) _ (.param .b32 _);\n"
    "call (r), %rd4, (a), proto;\nld.param.b32 %r1, [r+0];\n}\n" PTX_END;
static uint32_t pointers_wanted(uint32_t block, uint32_t thread) {
  (void)block;
  return thread % 2 == 1 ? thread + 10 : 2 * thread;
}

TEST(emulator_machine, calls) {
  runs_as(env, calls, RIG_LINE(2, 50), calls_wanted);
  runs_as(env, pointers, RIG_LINE(2, 50), pointers_wanted);
}
