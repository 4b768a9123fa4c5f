/* wmma, ldmatrix and its kin, every shape, type and layout, against C; and what is refused. */
#include "tests/emulator/ptx.h"
#include "tests/emulator_matrix.h"

/* ---- wmma ---- */

typedef struct wide_shape {
  int m, n, k;
  enum number factors, sums;
} wide_shape;

static void put_matrix(check_env *env, unsigned char *to, int64_t *values, enum number number, int rows,
                       int columns, bool is_column, int stride) {
  const int bytes = numbers[number].bits / 8;
  check_random_fill(env, to, (size_t)((is_column ? columns : rows) * stride * bytes));
  for (int i = 0; i < rows * columns; i++) {
    const int row = i / columns, column = i % columns;
    values[i] = any_whole(env, number);
    const uint64_t bits = bits_of(number, values[i]);
    memcpy(to + (size_t)((is_column ? column * stride + row : row * stride + column) * bytes), &bits,
           (size_t)bytes);
  }
}

static int wide_registers(enum number number, bool is_factor, int elements) {
  if (is_factor && number == F16) return 8;
  const int bytes = numbers[number].bits / 8;
  return elements / 32 * bytes / (bytes < 4 ? 4 : bytes);
}

/* columns: bits of a, b, c and d. in_shared: the factors go through shared memory, which has no stride. */
static void check_wmma(check_env *env, const wide_shape *shape, int columns, bool in_shared) {
  static ptx_text text;
  static unsigned char a[1 << 14], b[1 << 14], c[1 << 14], d[1 << 14];
  int64_t values_a[512], values_b[512], values_c[256];
  const int more = in_shared ? 0 : 16, m = shape->m, n = shape->n, k = shape->k;
  const bool a_columns = columns & 1, b_columns = columns & 2, c_columns = columns & 4,
             d_columns = columns & 8;
  const int stride_a = (a_columns ? m : k) + more, stride_b = (b_columns ? k : n) + more;
  const int stride_c = (c_columns ? m : n) + more, stride_d = (d_columns ? m : n) + more;
  const char *const layouts[] = {"row", "col"}, *factor = numbers[shape->factors].name,
                    *sum = numbers[shape->sums].name;
  const int factor_bytes = numbers[shape->factors].bits / 8, sum_bytes = numbers[shape->sums].bits / 8;
  put_matrix(env, a, values_a, shape->factors, m, k, a_columns, stride_a);
  put_matrix(env, b, values_b, shape->factors, k, n, b_columns, stride_b);
  put_matrix(env, c, values_c, shape->sums, m, n, c_columns, stride_c);
  const size_t bytes_a = (size_t)((a_columns ? k : m) * stride_a * factor_bytes);
  const size_t bytes_b = (size_t)((b_columns ? n : k) * stride_b * factor_bytes);
  const size_t bytes_c = (size_t)((c_columns ? n : m) * stride_c * sum_bytes);
  const size_t bytes_d = (size_t)((d_columns ? n : m) * stride_d * sum_bytes);
  char name_a[4], name_b[4], name_c[4], name_d[4], name[32];
  (void)snprintf(name_a, sizeof name_a, "%sa", letters(shape->factors, false));
  (void)snprintf(name_b, sizeof name_b, "%sb", letters(shape->factors, false));
  (void)snprintf(name_c, sizeof name_c, "%sc", letters(shape->sums, true));
  (void)snprintf(name_d, sizeof name_d, "%sd", letters(shape->sums, true));
  (void)snprintf(name, sizeof name, "m%dn%dk%d", m, n, k);
  const int registers_a = wide_registers(shape->factors, true, m * k),
            registers_c = wide_registers(shape->sums, false, m * n);
  const int registers_b = wide_registers(shape->factors, true, k * n);
  begin(&text);
  if (in_shared) { /* a then b, a byte a lane in turns */
    add(&text, "mov.u32 %%x0, room;\nmov.u32 %%x1, %%lane;\nagain:\n");
    for (int i = 0; i < 2; i++)
      add(&text,
          "setp.lt.u32 %%q0, %%x1, %zu;\ncvt.u64.u32 %%at, %%x1;\nadd.u64 %%at, %%p%d, %%at;\n@%%q0 "
          "ld.global.u8 %%x2, "
          "[%%at];\nadd.u32 %%x3, %%x0, %%x1;\n@%%q0 st.shared.u8 [%%x3+%zu], %%x2;\n",
          i == 0 ? bytes_a : bytes_b, i, i == 0 ? (size_t)0 : (bytes_a + 127) / 128 * 128);
    add(&text,
        "add.u32 %%x1, %%x1, 32;\nsetp.lt.u32 %%q1, %%x1, 4096;\n@%%q1 bra again;\nbar.warp.sync "
        "0xffffffff;\n");
  }
  for (int i = 0; i < 2; i++) {
    add(&text, "wmma.load.%s.sync.aligned.%s.%s.%s.%s ", i == 0 ? "a" : "b",
        layouts[i == 0 ? a_columns : b_columns], name, in_shared ? "shared" : "global", factor);
    list(&text, i == 0 ? name_a : name_b, i == 0 ? registers_a : registers_b);
    if (in_shared) add(&text, ", [%%x0+%zu];\n", i == 0 ? (size_t)0 : (bytes_a + 127) / 128 * 128);
    else add(&text, ", [%%p%d], %d;\n", i, i == 0 ? stride_a : stride_b);
  }
  add(&text, "wmma.load.c.sync.aligned.%s.%s.%s ", layouts[c_columns], name, sum);
  list(&text, name_c, registers_c);
  add(&text, ", [%%p2], %d;\n", stride_c);
  add(&text, "wmma.mma.sync.aligned.%s.%s.%s.%s", layouts[a_columns], layouts[b_columns], name, sum);
  if (shape->factors != F16) add(&text, ".%s.%s", factor, factor);
  add(&text, ".%s%s ", sum, shape->factors == F64 ? ".rn" : "");
  list(&text, name_d, registers_c), add(&text, ", ");
  list(&text, name_a, registers_a), add(&text, ", ");
  list(&text, name_b, registers_b), add(&text, ", ");
  list(&text, name_c, registers_c), add(&text, ";\n");
  add(&text, "mov.u32 %%x4, %d;\nwmma.store.d.sync.aligned.%s.%s.global.%s [%%p3], ", stride_d,
      layouts[d_columns], name, sum);
  list(&text, name_d, registers_c);
  add(&text, ", %%x4;\n");
  CHECK_CASE("%s of %s into %s, layouts %d%s", name, factor, sum, columns, in_shared ? ", shared" : "");
  ASSERT_TRUE(
      run_text(env, "sm_90", &text, (matrix_buffers){{a, b, c}, {bytes_a, bytes_b, bytes_c}, bytes_d, d}));
  for (int row = 0; row < m; row++) {
    for (int column = 0; column < n; column++) {
      int64_t wanted = values_c[row * n + column];
      uint64_t bits = 0;
      for (int i = 0; i < k; i++) wanted += values_a[row * k + i] * values_b[i * n + column];
      memcpy(&bits, d + (size_t)((d_columns ? column * stride_d + row : row * stride_d + column) * sum_bytes),
             (size_t)sum_bytes);
      if (!EXPECT_EQ(value_of(shape->sums, bits), (double)wanted)) return;
    }
  }
  for (int line_of = 0; more > 0 && line_of < (d_columns ? n : m); line_of++) /* nothing beside it */
    EXPECT_EQ(d[(size_t)((line_of * stride_d + stride_d - more) * sum_bytes)], 0xa5);
}

TEST(emulator_wmma, wmma_of_every_shape) {
  static const wide_shape shapes[] = {{16, 16, 16, F16, F32},  {32, 8, 16, F16, F32},  {8, 32, 16, F16, F32},
                                      {16, 16, 16, F16, F16},  {32, 8, 16, F16, F16},  {8, 32, 16, F16, F16},
                                      {16, 16, 16, BF16, F32}, {32, 8, 16, BF16, F32}, {8, 32, 16, BF16, F32},
                                      {16, 16, 8, TF32, F32},  {8, 8, 4, F64, F64},    {16, 16, 16, S8, S32},
                                      {32, 8, 16, U8, S32},    {8, 32, 16, S8, S32}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    for (int columns = 0; columns < 4; columns++)
      check_wmma(env, &shapes[i], columns | (columns ^ 1) << 2, false);
    check_wmma(env, &shapes[i], (int)i % 4 * 5, true);
  }
}

/* ---- ldmatrix, stmatrix, movmatrix ---- */

static void check_ldmatrix(check_env *env, int count, bool transposed) {
  static ptx_text text;
  uint16_t rows[4][8][8], found[32][4][2], stored[4][8][8];
  uint32_t addresses[32];
  check_random_fill(env, rows, sizeof rows);
  for (int i = 0; i < 32; i++) addresses[i] = (uint32_t)(31 - i) * 16; /* upside down */
  begin(&text);
  move(&text, false, "x", 2, 1, 4);
  add(&text,
      "mov.u32 %%x1, room;\nshl.b32 %%x2, %%lane, 4;\nadd.u32 %%x2, %%x1, %%x2;\nadd.u32 %%x3, %%x1, %%x0;\n"
      "mad.wide.u32 %%at, %%lane, 16, %%p0;\nld.global.v4.u32 {%%x4, %%x5, %%x6, %%x7}, [%%at];\n"
      "st.shared.v4.u32 [%%x3], {%%x4, %%x5, %%x6, %%x7};\nbar.warp.sync -1;\n");
  add(&text, "ldmatrix.sync.aligned.m8n8.x%d%s.shared.b16 ", count, transposed ? ".trans" : "");
  list(&text, "d", count);
  add(&text, ", [%%x3];\nbar.warp.sync -1;\n");
  move(&text, true, "d", 1, count, 4);
  /* and back, where the rows stand right */
  add(&text,
      "st.shared.v4.u32 [%%x2], {%%x4, %%x4, %%x4, %%x4};\nbar.warp.sync "
      "-1;\nstmatrix.sync.aligned.m8n8.x%d%s.shared.b16 [%%x2], ",
      count, transposed ? ".trans" : "");
  list(&text, "d", count);
  add(&text,
      ";\nbar.warp.sync -1;\nld.shared.v4.u32 {%%x4, %%x5, %%x6, %%x7}, [%%x2];\nmad.wide.u32 %%at, %%lane, "
      "16, %%p3;\n"
      "st.global.v4.u32 [%%at], {%%x4, %%x5, %%x6, %%x7};\n");
  end(&text);
  emu_rig rig;
  CHECK_CASE("x%d%s", count, transposed ? ", transposed" : "");
  if (!rig_open(&rig, env, "sm_90", text.at)) return;
  lazy_driver_address from = rig_put(&rig, rows, sizeof rows), to = rig_room(&rig, sizeof found);
  lazy_driver_address at = rig_put(&rig, addresses, sizeof addresses), back = rig_room(&rig, sizeof stored);
  rig_shape line = RIG_LINE(1, 32);
  line.shared_bytes = 512;
  RIG_RUN(&rig, "kernel", line, &from, &to, &at, &back);
  rig_get(&rig, found, to, (size_t)count * 128);
  rig_get(&rig, stored, back, sizeof stored);
  rig_close(&rig);
  const uint16_t *element = &found[0][0][0];
  for (int lane = 0; lane < 32; lane++) {
    for (int i = 0; i < count; i++) {
      for (int j = 0; j < 2; j++) {
        const int row = lane / 4, column = lane % 4 * 2 + j;
        EXPECT_EQ(element[(lane * count + i) * 2 + j],
                  transposed ? rows[i][column][row] : rows[i][row][column]);
      }
    }
  }
  EXPECT_BYTES_EQ(stored, rows, (size_t)count * 128);
}

TEST(emulator_wmma, ldmatrix_and_stmatrix) {
  for (int count = 1; count <= 4; count *= 2) {
    check_ldmatrix(env, count, false);
    check_ldmatrix(env, count, true);
  }
}

TEST(emulator_wmma, movmatrix_transposes) {
  static ptx_text text;
  uint16_t in[8][8], found[8][8];
  check_random_fill(env, in, sizeof in);
  begin(&text);
  move(&text, false, "a", 0, 1, 4);
  add(&text, "movmatrix.sync.aligned.m8n8.trans.b16 %%d0, %%a0;\n");
  move(&text, true, "d", 3, 1, 4);
  ASSERT_TRUE(
      run_text(env, "sm_90", &text, (matrix_buffers){{in, in, in}, {sizeof in, 4, 4}, sizeof found, found}));
  for (int i = 0; i < 64; i++) EXPECT_EQ(found[i / 8][i % 8], in[i % 8][i / 8]);
}

/* ---- refused at load ---- */

TEST(emulator_wmma, what_is_not_known_is_refused_with_its_line) {
  static const char *const refused[] = {
      "mma.sync.aligned.m16n8k8.row.row.f32.f16.f16.f32 {%fd0,%fd1,%fd2,%fd3}, {%a0,%a1}, {%b0}, "
      "{%fc0,%fc1,%fc2,%fc3};",
      "mma.sync.aligned.m16n8k8.row.col.f32.f16.bf16.f32 {%fd0,%fd1,%fd2,%fd3}, {%a0,%a1}, {%b0}, "
      "{%fc0,%fc1,%fc2,%fc3};",
      "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%fd0,%fd1,%fd2,%fd3}, {%a0,%a1,%a2}, {%b0}, "
      "{%fc0,%fc1,%fc2,%fc3};",
      "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f16 {%fd0,%fd1,%fd2,%fd3}, {%a0,%a1}, {%b0}, {%c0,%c1};",
      "mma.sp.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%fd0,%fd1,%fd2,%fd3}, {%a0,%a1}, {%b0,%b1}, "
      "{%fc0,%fc1,%fc2,%fc3}, %x0, 0;",
      "wmma.load.a.sync.aligned.row.m16n16k16.global.f32 {%a0,%a1,%a2,%a3,%a4,%a5,%a6,%a7}, [%p0];",
      "wmma.load.a.sync.aligned.row.m16n16k16.global.f16 {%a0,%a1,%a2,%a3}, [%p0];",
      "wmma.store.a.sync.aligned.row.m16n16k16.global.f16 [%p0], {%a0,%a1,%a2,%a3};",
      "wmma.load.a.sync.aligned.row.m8n8k32.global.s4 {%a0}, [%p0];",
      "ldmatrix.sync.aligned.m8n8.x3.shared.b16 {%d0,%d1,%d2}, [%x0];",
      "ldmatrix.sync.aligned.m8n8.x1.global.b16 {%d0}, [%p0];",
      "ldmatrix.sync.aligned.m8n16.x1.shared.b8x16.b6x16_p32 {%d0}, [%x0];",
      "cp.async.cg.shared.global [%x0], [%p0], 8;",
      "cp.async.ca.shared.global [%x0], [%p0], 12;",
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%x0], [%p0], 16, [%x1];",
      "cp.async.bulk.tensor.1d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%x0], [%p0, {%x1}], "
      "[%x2];",
      "mbarrier.arrive.shared::cluster.b64 _, [%x0];",
      "mbarrier.test_wait.shared.b64 %q0, [%x0], %x1;",
      "wgmma.fence.sync.aligned;",
      "tcgen05.fence::before_thread_sync;",
  };
  static ptx_text text;
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    char error[512] = "", wanted[32];
    begin(&text);
    int line = 1;
    for (const char *at = text.at; (at = strchr(at, '\n')) != NULL; at++) line++;
    add(&text, "%s\n", refused[i]);
    end(&text);
    (void)snprintf(wanted, sizeof wanted, "line %d: ", line);
    CHECK_CASE("%s", refused[i]);
    ptx_module *module = ptx_module_read(text.at, error);
    EXPECT_TRUE(module == NULL);
    EXPECT_CONTAINS(error, wanted);
    if (module != NULL) ptx_module_free(module);
  }
}
