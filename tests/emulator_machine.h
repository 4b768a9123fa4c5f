/* Kernels of a few lines of PTX: one result a thread. */
#ifndef LAZYRT_TESTS_EMULATOR_MACHINE_TEST_H
#define LAZYRT_TESTS_EMULATOR_MACHINE_TEST_H

#include "tests/emulator_rig.h"

#define PTX_HEAD ".version 7.5\n.target sm_75\n.address_size 64\n"
/* %r0: the thread in its block, %r10: in the grid, %r11: its lane, %r12: its block; %r1 is stored at the end.
   `more` are declarations. */
#define PTX_BEGIN(name, more)                                                         \
  ".visible .entry " name                                                             \
  "(.param .u64 out) {\n"                                                             \
  ".reg .pred %p<8>;\n.reg .b32 %r<32>;\n.reg .b64 %rd<12>;\n" more                   \
  "\n"                                                                                \
  "ld.param.u64 %rd0, [out];\ncvta.to.global.u64 %rd0, %rd0;\nmov.u32 %r0, %tid.x;\n" \
  "mov.u32 %r11, %laneid;\nmov.u32 %r12, %ctaid.x;\nmov.u32 %r13, %ntid.x;\n"         \
  "mad.lo.s32 %r10, %r12, %r13, %r0;\nmul.wide.u32 %rd1, %r10, 4;\nadd.s64 %rd1, %rd0, %rd1;\n"
#define PTX_END "st.global.u32 [%rd1], %r1;\nret;\n}\n"

typedef uint32_t (*wanted_of)(uint32_t block, uint32_t thread);
/* Runs kernel k of the text in every order, and compares what each thread stored. */
static inline void runs_as(check_env *env, const char *text, rig_shape shape, wanted_of wanted) {
  const uint32_t blocks = shape.grid[0] * shape.grid[1] * shape.grid[2];
  const uint32_t threads = shape.block[0] * shape.block[1] * shape.block[2];
  const size_t bytes = (size_t)blocks * threads * 4;
  uint32_t *found = malloc(bytes);
  for (int order = 0; order < 3; order++) {
    CHECK_CASE("order %d", order);
    emu_rig rig;
    if (!rig_open(&rig, env, "sm_75", text)) continue;
    rig.control->set_order((enum lazyi_host_order)order, check_random(env));
    lazy_driver_address out = rig_zeros(&rig, bytes);
    RIG_RUN(&rig, "k", shape, &out);
    rig_get(&rig, found, out, bytes);
    for (uint32_t i = 0, shown = 0; i < blocks * threads && shown < 4; i++)
      if (!EXPECT_EQ(found[i], wanted(i / threads, i % threads))) shown++;
    rig_close(&rig);
  }
  free(found);
}

#endif
