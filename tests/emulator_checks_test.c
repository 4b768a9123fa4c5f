/* The checkers, by kernels of a few lines: what each tells, and what right programs do without a word. */
#include "kernels/images.h"
#include "kernels/params.h"
#include "tests/emulator_machine.h"

enum { ILLEGAL_ADDRESS = 700 };

/* Runs k on so many blocks and threads in every order; `report` is in each report, NULL: there is none. */
static void tells(check_env *env, const char *text, rig_shape shape, int result, const char *report) {
  const size_t bytes = (size_t)shape.grid[0] * shape.block[0] * 4;
  for (int order = 0; order < 3; order++) {
    CHECK_CASE("%s, order %d", report != NULL ? report : "nothing", order);
    emu_rig rig;
    if (!rig_open(&rig, env, "sm_75", text)) continue;
    rig.control->set_order((enum lazyi_host_order)order, check_random(env));
    lazy_driver_address out = rig_zeros(&rig, bytes);
    EXPECT_EQ(rig_launch(&rig, "k", shape, (void *[]){&out}), result);
    if (report != NULL) {
      EXPECT_GE(rig.control->report_count(), 1u);
      for (size_t i = 0; i < rig.control->report_count(); i++)
        EXPECT_CONTAINS(rig.control->report_text(i), report);
      rig.control->report_clear();
    }
    rig_close(&rig);
  }
}

TEST(emulator_checks, addresses_that_lead_nowhere) {
  tells(env, PTX_HEAD PTX_BEGIN("k", "") "mov.u64 %rd2, 16;\nld.global.u32 %r1, [%rd2];\n" PTX_END,
        RIG_LINE(1, 32), ILLEGAL_ADDRESS, "a null pointer");
  tells(env, PTX_HEAD PTX_BEGIN("k", "") "ld.global.u32 %r1, [%rd0+-4];\n" PTX_END, RIG_LINE(1, 32),
        ILLEGAL_ADDRESS, "of 128 bytes");
  tells(env,
        PTX_HEAD ".const .align 4 .b32 fixed = 5;\n" PTX_BEGIN(
            "k", "") "cvta.const.u64 %rd2, fixed;\nmov.u32 %r1, 1;\nst.u32 [%rd2], %r1;\n" PTX_END,
        RIG_LINE(1, 1), ILLEGAL_ADDRESS, "write to read-only memory: it writes to the constants");
}

TEST(emulator_checks, local_memory_that_nothing_wrote) {
  tells(env,
        PTX_HEAD PTX_BEGIN("k", ".local .align 4 .b8 words[16];") "st.local.u32 [words], %r0;\n"
                                                                  "ld.local.u32 %r1, [words+4];\n" PTX_END,
        RIG_LINE(1, 32), 0, "4 bytes at 4 of its local memory");
  tells(env,
        PTX_HEAD PTX_BEGIN("k", ".local .align 4 .b8 words[16];") "st.local.u32 [words+4], %r0;\n"
                                                                  "ld.local.u32 %r1, [words+4];\n" PTX_END,
        RIG_LINE(1, 32), 0, NULL);
}

/* Each lane reads what its neighbour stored: with a syncwarp, a barrier, or nothing between. */
#define NEIGHBOUR(between) \
  PTX_HEAD PTX_BEGIN("k", ".shared .align 4 .b8 words[256];")                                          \
  "mov.u32 %r2, words;\nshl.b32 %r3, %r0, 2;\nadd.s32 %r4, %r2, %r3;\nst.shared.u32 [%r4], %r0;\n" between \
  "xor.b32 %r5, %r3, 4;\nadd.s32 %r5, %r2, %r5;\nld.shared.u32 %r1, [%r5];\n" PTX_END

TEST(emulator_checks, order_among_threads) {
  tells(env, NEIGHBOUR(""), RIG_LINE(1, 64), 0, "race in shared memory");
  tells(env, NEIGHBOUR("bar.warp.sync -1;\n"), RIG_LINE(1, 64), 0, NULL);
  tells(env, NEIGHBOUR("bar.sync 0;\n"), RIG_LINE(1, 64), 0, NULL);
}

/* Threads of several blocks at one word. */
static const char shared_counter[] = PTX_HEAD ".global .align 4 .b32 word;\n" PTX_BEGIN(
    "k", "") "mov.u32 %r1, 1;\nred.global.add.u32 [word], %r1;\n" PTX_END;
static const char lost_counter[] = PTX_HEAD ".global .align 4 .b32 word;\n" PTX_BEGIN(
    "k", "") "ld.global.u32 %r1, [word];\nadd.s32 %r1, %r1, 1;\nst.global.u32 [word], %r1;\n" PTX_END;

TEST(emulator_checks, atomic_operations) {
  tells(env, shared_counter, RIG_LINE(4, 64), 0, NULL);
  tells(env, lost_counter, RIG_LINE(2, 1), 0, "race in global memory");
}

/* The library's own kernels, whose lines stand beside the text that it carries. */
TEST(emulator_checks, a_kernel_of_the_library_is_told_at_its_line) {
#ifdef LAZYRT_PTX_WITH_LINES
  emu_rig rig;
  setenv("LAZYRT_EMULATOR_LINES", LAZYRT_PTX_WITH_LINES, 1);
  ASSERT_TRUE(rig_open(&rig, env, "sm_100", lazyi_kernels_ptx));
  struct lazy_k_fill_params params = {rig_room(&rig, 256), 65, 7, 4, 0};
  EXPECT_EQ(rig_launch(&rig, "lazy_k_fill", RIG_LINE(1, 256), (void *[]){&params}), ILLEGAL_ADDRESS);
  EXPECT_CONTAINS(rig.control->report_text(0), "fill.cu:");
  rig_expect_report(&rig, "kernel lazy_k_fill, block (0,0,0), thread (");
  rig_close(&rig);
  unsetenv("LAZYRT_EMULATOR_LINES");
#else
  SKIP("nvcc made no kernels for this build");
#endif
}
