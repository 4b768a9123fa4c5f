/* Instructions of memory and of warps that the emulator refuses at load. */
#include "tests/emulator_ops.h"

TEST(emulator_ops_memory, refuses_what_the_isa_has_not) {
  ops_expect_refusal("ld.global.u32 %r0, [%r1], %r2;", "operands");
  ops_expect_refusal("ld.global.u32 %h0, [%d1];", "type");
  ops_expect_refusal("ld.global.u32 %r0, %d1;", "no address");
  ops_expect_refusal("ld.global.pred %p0, [%d1];", "no type");
  ops_expect_refusal("ld.global.release.gpu.u32 %r0, [%d1];", "no type");
  ops_expect_refusal("ld.global.shared.u32 %r0, [%d1];", "two parts");
  ops_expect_refusal("ld.nc.u32 %r0, [%d1];", ".global");
  ops_expect_refusal("ld.global.v2.u32 %r0, [%d1];", "elements");
  ops_expect_refusal("ld.global.v2.u32 {%r0, %r1, %r2}, [%d1];", "elements");
  ops_expect_refusal("ld.global.v8.b64 {%d0, %d1, %d2, %d3, %d4, %d5, %d6, %d7}, [%d1];", "32 bytes");
  ops_expect_refusal("ldu.shared.u32 %r0, [%d1];", ".global");
  ops_expect_refusal("st.const.u32 [%d1], %r0;", "read only");
  ops_expect_refusal("st.global.nc.u32 [%d1], %r0;", "no type");
  ops_expect_refusal("st.async.u32 [%d1], %r0;", "no type");
  ops_expect_refusal("prefetch.shared.L1 [%d1];", "global and local");
  ops_expect_refusal("fence.acq_rel;", "scope");
  ops_expect_refusal("fence.proxy.tensormap;", "proxy");
  ops_expect_refusal("membar.gpu;", "scope");
  ops_expect_refusal("cvta.to.global.u32 %r0, %r1;", ".u64");
  ops_expect_refusal("cvta.u64 %d0, %d1;", "space");
  ops_expect_refusal("isspacep.generic %p0, %d1;", "space");
  ops_expect_refusal("isspacep.global %p0, %r1;", "type");
}

TEST(emulator_ops_atomic, refuses_what_the_isa_has_not) {
  ops_expect_refusal("atom.global.add.b32 %r0, [%d1], %r1;", "no type");
  ops_expect_refusal("atom.global.sub.u32 %r0, [%d1], %r1;", "operation");
  ops_expect_refusal("atom.global.add.f16 %h0, [%d1], %h1;", ".noftz");
  ops_expect_refusal("atom.global.add.noftz.f32 %r0, [%d1], %r1;", ".noftz");
  ops_expect_refusal("atom.local.add.u32 %r0, [%d1], %r1;", "global and shared");
  ops_expect_refusal("atom.global.cas.b32 %r0, [%d1], %r1;", "operands");
  ops_expect_refusal("atom.global.inc.u64 %d0, [%d1], %d1;", "no type");
  ops_expect_refusal("red.global.exch.b32 [%d1], %r1;", "no type");
  ops_expect_refusal("red.global.add.u32 %r0, [%d1], %r1;", "operands");
  ops_expect_refusal("atom.shared.add.v2.f32 {%r0, %r1}, [%r2], {%r3, %r4};", "global");
}

TEST(emulator_ops_warp, refuses_what_the_isa_has_not) {
  ops_expect_refusal("shfl.up.b32 %r0, %r1, %r2, %r3;", ".sync");
  ops_expect_refusal("shfl.sync.up.b64 %d0, %d1, %r2, %r3, -1;", ".b32");
  ops_expect_refusal("shfl.sync.up.b32 %r0, %r1, %r2, %r3;", "operands");
  ops_expect_refusal("vote.ballot.b32 %r0, %p1;", ".sync");
  ops_expect_refusal("vote.sync.ballot.pred %p0, %p1, -1;", "type");
  ops_expect_refusal("vote.sync.any.pred %r0, %p1, -1;", "type");
  ops_expect_refusal("match.any.sync.b32 %r0|%p0, %r1, -1;", "predicate");
  ops_expect_refusal("match.some.sync.b32 %r0, %r1, -1;", ".any");
  ops_expect_refusal("redux.sync.add.b32 %r0, %r1, -1;", "no type");
  ops_expect_refusal("redux.sync.xor.u32 %r0, %r1, -1;", "no type");
  ops_expect_refusal("redux.sync.add.f32 %r0, %r1, -1;", "no type");
  ops_expect_refusal("activemask.u32 %r0;", ".b32");
  ops_expect_refusal("elect.b32 %r0, -1;", ".sync");
}
