/* Loads and stores of the emulator, of every type and in every space, against what C makes of the bytes. Each
   kernel runs with the checkers on, and off. */
#include "tests/emulator_matrix.h"

typedef struct buffers {
  const void *in[3];
  size_t bytes[3];
  void *out; /* zeros at first */
  size_t out_bytes;
} buffers;

static void run(check_env *env, ptx_text *text, const buffers *of) {
  unsigned char with_checks[4096];
  if (!EXPECT_LE(of->out_bytes, sizeof with_checks)) return;
  end(text);
  for (int pass = 0; pass < 2; pass++) {
    emu_rig rig;
    if (!rig_open(&rig, env, "sm_100", text->at)) return;
    rig.control->set_checks(pass == 0);
    lazy_driver_address in[3], out = rig_zeros(&rig, of->out_bytes);
    for (int i = 0; i < 3; i++) in[i] = rig_put(&rig, of->in[i], of->bytes[i]);
    rig_shape line = RIG_LINE(1, 32);
    line.shared_bytes = 1 << 12;
    RIG_RUN(&rig, "kernel", line, &in[0], &in[1], &in[2], &out);
    rig_get(&rig, of->out, out, of->out_bytes);
    rig.control->set_checks(true);
    rig_close(&rig);
    if (pass == 0) memcpy(with_checks, of->out, of->out_bytes);
    else EXPECT_BYTES_EQ(of->out, with_checks, of->out_bytes);
  }
}

static void begin_memory(ptx_text *to) {
  begin(to);
  add(to, ".reg .b16 %%h<16>;\n");
}

/* ---- one value ---- */

typedef struct value {
  const char *type, *in;
  int bytes, register_bytes;
  bool is_signed;
} value;
static const value values[] = {
    {"u8", "h", 1, 2, false},   {"s8", "h", 1, 2, true},    {"b8", "x", 1, 4, false},
    {"s8", "x", 1, 4, true},    {"s8", "y", 1, 8, true},    {"u16", "h", 2, 2, false},
    {"b16", "h", 2, 2, false},  {"s16", "x", 2, 4, true},   {"u16", "y", 2, 8, false},
    {"u32", "x", 4, 4, false},  {"s32", "y", 4, 8, true},   {"u32", "y", 4, 8, false},
    {"f32", "fc", 4, 4, false}, {"b32", "fc", 4, 4, false}, {"s64", "y", 8, 8, true},
    {"b64", "y", 8, 8, false},  {"f64", "ga", 8, 8, false}, {"f32", "x", 4, 4, false},
};
enum { VALUES = sizeof values / sizeof *values, PLACES = 4 };

/* Where lanes go: in a row, all to one place, anywhere, backwards; and which lanes. */
static void places_of(check_env *env, int which, int bytes, bool distinct, uint32_t offsets[32],
                      uint32_t *out_mask) {
  for (uint32_t lane = 0; lane < 32; lane++) {
    uint32_t at = lane;
    if (which == 1 && !distinct) at = 5;
    if (which == 2) at = distinct ? (lane * 7 + 3) % 32 : (uint32_t)check_random_below(env, 32);
    if (which == 3) at = 31 - lane;
    offsets[lane] = at * (uint32_t)bytes;
  }
  *out_mask = check_random_below(env, 2) != 0
                  ? (uint32_t)check_random(env) | 1u << check_random_below(env, 32)
                  : UINT32_MAX;
}

/* %y2: the address of the lane's place from a base; %q0: whether it takes part. */
static void begin_places(ptx_text *to, const char *base) {
  begin_memory(to);
  add(to,
      "mad.wide.u32 %%y0, %%lane, 4, %%p1;\nld.global.u32 %%x20, [%%y0];\n"
      "cvt.u64.u32 %%y1, %%x20;\nadd.s64 %%y2, %s, %%y1;\n"
      "ld.global.u32 %%x21, [%%p2];\nshr.u32 %%x21, %%x21, %%lane;\nand.b32 %%x21, %%x21, 1;\n"
      "setp.ne.u32 %%q0, %%x21, 0;\n",
      base);
}

static uint64_t low_bits(uint64_t bits, int bytes) {
  return bytes == 8 ? bits : bits & ((1ull << bytes * 8) - 1);
}

static uint64_t loaded(const unsigned char *from, const value *of) {
  uint64_t bits = 0;
  for (int i = of->bytes; i-- > 0;) bits = bits << 8 | from[i];
  if (of->is_signed && of->bytes < 8 && from[of->bytes - 1] >= 128)
    bits |= UINT64_MAX << of->bytes * 8; /* the sign goes on to the left */
  return low_bits(bits, of->register_bytes);
}

TEST(emulator_ops_memory, loads_of_every_type) {
  static const char *const loads[] = {"ld.global",
                                      "ld",
                                      "ld.weak.global",
                                      "ld.volatile.global",
                                      "ld.relaxed.gpu.global",
                                      "ld.acquire.cta",
                                      "ld.global.nc",
                                      "ld.global.L1::no_allocate.L2::128B",
                                      "ldu.global",
                                      "ld.global.cg",
                                      "ld.mmio.relaxed.sys.global",
                                      "ld.relaxed.sys.global.L1::evict_last"};
  static ptx_text text;
  unsigned char in[32 * 8];
  uint32_t offsets[32], mask;
  uint64_t found[32], wanted[32];
  for (int i = 0; i < VALUES * PLACES; i++) {
    const value *of = &values[i / PLACES];
    const char *load = loads[i % (sizeof loads / sizeof *loads)];
    CHECK_CASE("%s.%s to %%%s, places %d", load, of->type, of->in, i % PLACES);
    check_random_fill(env, in, sizeof in);
    places_of(env, i % PLACES, of->bytes, false, offsets, &mask);
    begin_places(&text, "%p0");
    add(&text, "mov.b64 %%y4, 0;\nmov.b32 %%x4, 0;\nmov.b16 %%h4, 0;\nmov.f32 %%fc4, 0f00000000;\n");
    add(&text, "mov.f64 %%ga4, 0d0000000000000000;\nmad.wide.u32 %%y3, %%lane, 8, %%p3;\n");
    add(&text, "@%%q0 %s.%s %%%s4, [%%y2];\n", load, of->type, of->in);
    add(&text, "st.global.b%d [%%y3], %%%s4;\n", of->register_bytes * 8, of->in);
    run(env, &text, &(buffers){{in, offsets, &mask}, {sizeof in, sizeof offsets, 4}, found, sizeof found});
    for (int lane = 0; lane < 32; lane++)
      wanted[lane] = (mask >> lane & 1) != 0 ? loaded(in + offsets[lane], of) : 0;
    EXPECT_BYTES_EQ(found, wanted, sizeof wanted);
  }
}

TEST(emulator_ops_memory, stores_of_every_type) {
  static const char *const stores[] = {"st.global",
                                       "st",
                                       "st.weak.global",
                                       "st.volatile.global",
                                       "st.relaxed.gpu.global",
                                       "st.release.cta",
                                       "st.global.wt",
                                       "st.global.cs",
                                       "st.mmio.relaxed.sys.global"};
  static ptx_text text;
  uint64_t in[32];
  uint32_t offsets[32], mask;
  unsigned char found[32 * 8], wanted[32 * 8];
  for (int i = 0; i < VALUES * PLACES; i++) {
    const value *of = &values[i / PLACES];
    const char *store = stores[i % (sizeof stores / sizeof *stores)];
    CHECK_CASE("%s.%s of %%%s, places %d", store, of->type, of->in, i % PLACES);
    check_random_fill(env, in, sizeof in);
    places_of(env, i % PLACES, of->bytes, true, offsets, &mask);
    begin_places(&text, "%p3");
    add(&text, "mad.wide.u32 %%y3, %%lane, 8, %%p0;\nld.global.b%d %%%s4, [%%y3];\n", of->register_bytes * 8,
        of->in);
    add(&text, "@%%q0 %s.%s [%%y2], %%%s4;\n", store, of->type, of->in);
    run(env, &text, &(buffers){{in, offsets, &mask}, {sizeof in, sizeof offsets, 4}, found, sizeof found});
    memset(wanted, 0, sizeof wanted);
    for (int lane = 0; lane < 32; lane++)
      for (int byte = 0; byte < of->bytes && (mask >> lane & 1) != 0; byte++)
        wanted[offsets[lane] + (uint32_t)byte] = (unsigned char)(in[lane] >> byte * 8);
    EXPECT_BYTES_EQ(found, wanted, sizeof wanted);
  }
}

/* ---- several values ---- */

TEST(emulator_ops_memory, vectors) {
  static const struct {
    const char *type, *in;
    int count, bytes, register_bytes;
  } kinds[] = {{"u8", "h", 2, 1, 2},   {"u8", "x", 4, 1, 4},  {"b16", "h", 4, 2, 2}, {"u16", "x", 2, 2, 4},
               {"f32", "fc", 2, 4, 4}, {"b32", "x", 4, 4, 4}, {"u64", "y", 2, 8, 8}, {"f64", "ga", 2, 8, 8},
               {"b32", "x", 8, 4, 4},  {"b64", "y", 4, 8, 8}};
  static ptx_text text;
  unsigned char in[32 * 32], found[32 * 32];
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    const int all = kinds[i].count * kinds[i].bytes;
    CHECK_CASE("v%d.%s in %%%s", kinds[i].count, kinds[i].type, kinds[i].in);
    check_random_fill(env, in, sizeof in);
    begin_memory(&text);
    add(&text, "mad.wide.u32 %%y0, %%lane, %d, %%p0;\nmad.wide.u32 %%y15, %%lane, %d, %%p3;\n", all, all);
    add(&text, "ld.global.v%d.%s ", kinds[i].count, kinds[i].type);
    list(&text, kinds[i].in, kinds[i].count); /* the address among them: %y0 */
    add(&text, ", [%%y0];\nst.global.v%d.%s [%%y15], ", kinds[i].count, kinds[i].type);
    list(&text, kinds[i].in, kinds[i].count);
    add(&text, ";\n");
    const size_t bytes = (size_t)all * 32;
    run(env, &text, &(buffers){{in, in, in}, {bytes, 4, 4}, found, bytes});
    EXPECT_BYTES_EQ(found, in, bytes);
  }
}

/* Elements that are numbers, or that nobody wants. */
TEST(emulator_ops_memory, vectors_with_numbers_and_sinks) {
  static ptx_text text;
  uint32_t in[4] = {10, 20, 30, 40}, found[4];
  begin_memory(&text);
  add(&text,
      "ld.global.v4.u32 {_, %%x1, _, %%x3}, [%%p0];\nsetp.eq.u32 %%q0, %%lane, 0;\n"
      "@%%q0 st.global.v4.b32 [%%p3], {%%x3, 7, 0f3F800000, %%x1};\n");
  run(env, &text, &(buffers){{in, in, in}, {16, 16, 16}, found, 16});
  EXPECT_EQ(found[0], 40);
  EXPECT_EQ(found[1], 7);
  EXPECT_EQ(found[2], 0x3f800000);
  EXPECT_EQ(found[3], 20);
}

/* ---- spaces ---- */

static const char spaces[] =
    ".version 8.7\n.target sm_90\n.address_size 64\n"
    ".const .align 4 .b32 table[4] = {11, 22, 33, 44};\n.global .align 4 .u32 counter = 5;\n"
    ".shared .align 8 .b8 ours[256];\n"
    ".visible .entry kernel(.param .u64 p0, .param .u64 p1, .param .u64 p2, .param .u64 p3)\n{\n"
    ".local .align 8 .b8 mine[16];\n"
    ".reg .pred %q<16>;\n.reg .b32 %x<32>;\n.reg .b64 %y<32>;\n"
    "mov.u32 %x0, %tid.x;\nld.param.u64 %y0, [p3];\nmad.wide.u32 %y0, %x0, 64, %y0;\n"
    /* shared: stored by its own address, read as generic */
    "shl.b32 %x1, %x0, 3;\nmov.u32 %x2, ours;\nadd.u32 %x1, %x1, %x2;\nmul.lo.u32 %x3, %x0, 3;\n"
    "st.shared.u32 [%x1+4], %x3;\n"
    "mov.u64 %y1, ours;\ncvta.shared.u64 %y2, %y1;\nmad.wide.u32 %y2, %x0, 8, %y2;\nld.u32 %x4, [%y2+4];\n"
    "st.global.u32 [%y0], %x4;\n"
    /* local: stored as generic, read by its own address */
    "mov.u64 %y3, mine;\ncvta.local.u64 %y4, %y3;\nadd.u32 %x5, %x3, 1;\nst.u32 [%y4+8], %x5;\n"
    "ld.local.u32 %x6, [mine+8];\nst.global.u32 [%y0+4], %x6;\n"
    /* constants and parameters */
    "and.b32 %x7, %x0, 3;\nmov.u64 %y5, table;\nmad.wide.u32 %y6, %x7, 4, %y5;\nld.const.u32 %x8, [%y6];\n"
    "ld.const.u32 %x9, [table+8];\ncvta.const.u64 %y7, %y5;\nld.u32 %x10, [%y7+12];\n"
    "add.u32 %x8, %x8, %x9;\nadd.u32 %x8, %x8, %x10;\nst.global.u32 [%y0+8], %x8;\n"
    "mov.b64 %y8, p1;\nld.param.u64 %y9, [%y8];\nld.param.u64 %y10, [p0+8];\nsub.s64 %y11, %y9, %y10;\n"
    "st.global.u64 [%y0+16], %y11;\n"
    "ld.global.u32 %x11, [counter];\nst.global.u32 [%y0+12], %x11;\n"
    /* back from generic */
    "cvta.to.shared.u64 %y12, %y2;\ncvta.to.local.u64 %y13, %y4;\ncvt.u32.u64 %x12, %y12;\n"
    "ld.shared.u32 %x13, [%x12+4];\nld.local.u32 %x14, [%y13+8];\nadd.u32 %x13, %x13, %x14;\n"
    "st.global.u32 [%y0+24], %x13;\n"
    /* which space */
    "cvta.global.u64 %y14, %y0;\nmov.u32 %x20, 0;\n"
#define SPACE(space, address, bit) "isspacep." space " %q0, " address ";\n@%q0 or.b32 %x20, %x20, " bit ";\n"
#define SPACES(address, of_global, of_shared, of_local, of_const) \
  SPACE("global", address, of_global)                             \
  SPACE("shared", address, of_shared) SPACE("local", address, of_local) SPACE("const", address, of_const)
    SPACES("%y14", "1", "2", "4", "8")
    SPACES("%y2", "16", "32", "64", "128")
    SPACES("%y4", "256", "512", "1024", "2048")
    SPACES("%y7", "4096", "8192", "16384", "32768")
    "st.global.u32 [%y0+28], %x20;\n"
    /* the sum of a short base and its offset is short */
    "sub.u32 %x21, %x1, 12;\nld.shared.u32 %x22, [%x21+16];\n"
    "st.global.u32 [%y0+32], %x22;\nret;\n}\n";

TEST(emulator_ops_memory, spaces) {
  emu_rig rig;
  struct {
    uint32_t words[4];
    uint64_t parameter;
    uint32_t more[10];
  } found[32];
  if (!rig_open(&rig, env, "sm_90", spaces)) return;
  lazy_driver_address out = rig_zeros(&rig, sizeof found), other = rig_zeros(&rig, 64);
  RIG_RUN(&rig, "kernel", RIG_LINE(1, 32), &other, &other, &other, &out);
  rig_get(&rig, found, out, sizeof found);
  rig_close(&rig);
  for (uint32_t lane = 0; lane < 32; lane++) {
    static const uint32_t table[4] = {11, 22, 33, 44};
    EXPECT_EQ(found[lane].words[0], lane * 3);
    EXPECT_EQ(found[lane].words[1], lane * 3 + 1);
    EXPECT_EQ(found[lane].words[2], table[lane % 4] + 33 + 44);
    EXPECT_EQ(found[lane].words[3], 5);
    EXPECT_EQ(found[lane].parameter, 0);
    EXPECT_EQ(found[lane].more[0], lane * 6 + 1);
    EXPECT_EQ(found[lane].more[1], 1 | 32 | 1024 | 32768);
    EXPECT_EQ(found[lane].more[2], lane * 3);
  }
}

/* ---- what has no effect, and what is refused ---- */

TEST(emulator_ops_memory, hints_and_fences) {
  static ptx_text text;
  uint32_t in[32], found[32];
  check_random_fill(env, in, sizeof in);
  begin_memory(&text);
  add(&text,
      "mad.wide.u32 %%y0, %%lane, 4, %%p0;\nmad.wide.u32 %%y1, %%lane, 4, %%p3;\n"
      "prefetch.global.L1 [%%y0];\nprefetch.L2 [%%y0+4096];\nprefetchu.L1 [%%y0];\n"
      "prefetch.global.L2::evict_last [%%y0];\napplypriority.global.L2::evict_normal [%%p0], 128;\n"
      "createpolicy.fractional.L2::evict_last.L2::evict_unchanged.b64 %%y2, 0f3F000000;\n"
      "createpolicy.fractional.L2::evict_first.b64 %%y3;\n"
      "ld.global.L2::cache_hint.u32 %%x0, [%%y0], %%y2;\n"
      "membar.cta;\nmembar.gl;\nmembar.sys;\nfence.acq_rel.cta;\nfence.sc.gpu;\nfence.acq_rel.sys;\n"
      "fence.acquire.cluster;\nfence.proxy.alias;\nfence.proxy.async.shared::cta;\n"
      "fence.mbarrier_init.release.cluster;\n"
      "st.global.L1::evict_last.L2::cache_hint.u32 [%%y1], %%x0, %%y3;\n");
  run(env, &text, &(buffers){{in, in, in}, {sizeof in, 4, 4}, found, sizeof found});
  EXPECT_BYTES_EQ(found, in, sizeof in);
}
