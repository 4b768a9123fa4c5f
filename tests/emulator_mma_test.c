/* mma.sync, every shape and type, against C. */
#include <math.h>

#include "tests/emulator_matrix.h"

/* ---- mma.sync: where elements are, as "Matrix Fragments" of the ISA manual says ---- */

typedef struct mma_shape {
  int m, n, k;
  enum number a, b, c, d;
  const char *end; /* of the name */
} mma_shape;

static void place_of_a(const mma_shape *shape, int lane, int i, int *row, int *column) {
  const int group = lane >> 2, thread = lane % 4;
  switch (numbers[shape->a].bits) {
    case 64:
    case 32:
      *row = shape->m == 8 || i % 2 == 0 ? group : group + 8;
      *column = i % 2 == 0 ? i * 2 + thread : i * 2 - 2 + thread;
      return;
    case 16:
      *row = (0 <= i && i < 2) || (4 <= i && i < 6) ? group : group + 8;
      *column = thread * 2 + (i & 1) + (i < 4 ? 0 : 8);
      return;
    case 8:
      *row = (0 <= i && i < 4) || (8 <= i && i < 12) ? group : group + 8;
      *column = thread * 4 + (i & 3) + (i < 8 ? 0 : 16);
      return;
    case 4:
      *row = (0 <= i && i < 8) || (16 <= i && i < 24) ? group : group + 8;
      *column = thread * 8 + (i & 7) + (i < 16 ? 0 : 32);
      return;
    default:
      *row = (0 <= i && i < 32) || (64 <= i && i < 96) ? group : group + 8;
      *column = thread * 32 + (i & 31) + (i < 64 ? 0 : 128);
  }
}

static void place_of_b(const mma_shape *shape, int lane, int i, int *row, int *column) {
  const int thread = lane % 4;
  *column = lane >> 2;
  switch (numbers[shape->b].bits) {
    case 64:
    case 32: *row = thread + i * 4; return;
    case 16: *row = thread * 2 + (i & 1) + (i < 2 ? 0 : 8); return;
    case 8: *row = thread * 4 + (i & 3) + (i < 4 ? 0 : 16); return;
    case 4: *row = thread * 8 + (i & 7) + (i < 8 ? 0 : 32); return;
    default: *row = thread * 32 + (i & 31) + (i < 32 ? 0 : 128);
  }
}

static void place_of_c(const mma_shape *shape, int lane, int i, int *row, int *column) {
  (void)shape;
  *row = i < 2 ? lane >> 2 : (lane >> 2) + 8;
  *column = lane % 4 * 2 + (i & 1);
}

typedef void (*mma_place)(const mma_shape *shape, int lane, int i, int *row, int *column);

/* A matrix and its fragments, `bytes` for each lane. */
typedef struct operand {
  int rows, columns, registers, bytes;
  int64_t values[16 * 256];
  unsigned char fragments[32 * 64];
} operand;

static int elements_of(const operand *from, enum number number) {
  return from->registers * from->bytes * 8 / numbers[number].bits;
}

static void set_bits(unsigned char *at, int i, int width, uint64_t bits) {
  if (width < 8) at[i * width / 8] |= (unsigned char)(bits << i * width % 8);
  else memcpy(at + i * width / 8, &bits, (size_t)width / 8);
}

static void fill(check_env *env, operand *to, const mma_shape *shape, enum number number, int rows,
                 int columns, mma_place place) {
  to->rows = rows;
  to->columns = columns;
  to->bytes = number == F64 ? 8 : 4;
  to->registers = rows * columns * numbers[number].bits / 8 / 32 / to->bytes;
  memset(to->fragments, 0, sizeof to->fragments);
  for (int i = 0; i < rows * columns; i++) to->values[i] = any_whole(env, number);
  for (int lane = 0; lane < 32; lane++) {
    for (int i = 0; i < elements_of(to, number); i++) {
      int row, column;
      place(shape, lane, i, &row, &column);
      set_bits(to->fragments + (size_t)(lane * to->registers * to->bytes), i, numbers[number].bits,
               bits_of(number, to->values[row * columns + column]));
    }
  }
}

static int64_t wanted_of(const mma_shape *shape, const operand *a, const operand *b, const operand *c,
                         int row, int column) {
  int64_t sum = c->values[row * shape->n + column];
  for (int i = 0; i < shape->k; i++) {
    int64_t x = a->values[row * shape->k + i], y = b->values[i * shape->n + column];
    sum += shape->a != B1 ? x * y : strstr(shape->end, "xor") != NULL ? x ^ y : x & y;
  }
  return sum;
}

static void check_mma(check_env *env, const mma_shape *shape) {
  static ptx_text text;
  static operand a, b, c, d;
  fill(env, &a, shape, shape->a, shape->m, shape->k, place_of_a);
  fill(env, &b, shape, shape->b, shape->k, shape->n, place_of_b);
  fill(env, &c, shape, shape->c, shape->m, shape->n, place_of_c);
  fill(env, &d, shape, shape->d, shape->m, shape->n, place_of_c);
  begin(&text);
  char name_a[4], name_b[4], name_c[4], name_d[4];
  (void)snprintf(name_a, sizeof name_a, "%sa", letters(shape->a, false));
  (void)snprintf(name_b, sizeof name_b, "%sb", letters(shape->b, false));
  (void)snprintf(name_c, sizeof name_c, "%sc", letters(shape->c, true));
  (void)snprintf(name_d, sizeof name_d, "%sd", letters(shape->d, true));
  move(&text, false, name_a, 0, a.registers, a.bytes);
  move(&text, false, name_b, 1, b.registers, b.bytes);
  move(&text, false, name_c, 2, c.registers, c.bytes);
  add(&text, "mma.sync.aligned.m%dn%dk%d.row.col.%s.%s.%s.%s%s ", shape->m, shape->n, shape->k,
      numbers[shape->d].name, numbers[shape->a].name, numbers[shape->b].name, numbers[shape->c].name,
      shape->end);
  list(&text, name_d, d.registers), add(&text, ", ");
  list(&text, name_a, a.registers), add(&text, ", ");
  list(&text, name_b, b.registers), add(&text, ", ");
  list(&text, name_c, c.registers), add(&text, ";\n");
  move(&text, true, name_d, 3, d.registers, d.bytes);
  CHECK_CASE("m%dn%dk%d, %s by %s into %s", shape->m, shape->n, shape->k, numbers[shape->a].name,
             numbers[shape->b].name, numbers[shape->d].name);
  const size_t lane_bytes = (size_t)(d.registers * d.bytes);
  const matrix_buffers buffers = {
      {a.fragments, b.fragments, c.fragments},
      {32u * (unsigned)(a.registers * a.bytes), 32u * (unsigned)(b.registers * b.bytes),
       32u * (unsigned)(c.registers * c.bytes)},
      32 * lane_bytes,
      d.fragments};
  if (!run_text(env, "sm_100", &text, buffers)) return;
  for (int lane = 0; lane < 32; lane++) {
    for (int i = 0; i < elements_of(&d, shape->d); i++) {
      int row, column;
      uint64_t bits = 0;
      place_of_c(shape, lane, i, &row, &column);
      memcpy(&bits, d.fragments + (size_t)lane * lane_bytes + i * numbers[shape->d].bits / 8,
             (size_t)numbers[shape->d].bits / 8);
      const double wanted = (double)wanted_of(shape, &a, &b, &c, row, column);
      if (!EXPECT_EQ(value_of(shape->d, bits),
                     shape->d == F16 ? lazy_f16_to_f32(lazy_f32_to_f16((float)wanted)) : wanted))
        return;
    }
  }
}

TEST(emulator_mma, mma_of_every_shape) {
  static const mma_shape shapes[] = {
      {16, 8, 8, F16, F16, F32, F32, ""},
      {16, 8, 16, F16, F16, F32, F32, ""},
      {16, 8, 8, F16, F16, F16, F16, ""},
      {16, 8, 16, F16, F16, F16, F16, ""},
      {16, 8, 8, BF16, BF16, F32, F32, ""},
      {16, 8, 16, BF16, BF16, F32, F32, ""},
      {16, 8, 4, TF32, TF32, F32, F32, ""},
      {16, 8, 8, TF32, TF32, F32, F32, ""},
      {8, 8, 4, F64, F64, F64, F64, ""},
      {16, 8, 4, F64, F64, F64, F64, ""},
      {16, 8, 8, F64, F64, F64, F64, ""},
      {16, 8, 16, F64, F64, F64, F64, ""},
      {8, 8, 16, S8, S8, S32, S32, ""},
      {8, 8, 16, U8, S8, S32, S32, ""},
      {16, 8, 16, S8, U8, S32, S32, ""},
      {16, 8, 32, U8, U8, S32, S32, ""},
      {16, 8, 32, S8, S8, S32, S32, ""},
      {8, 8, 32, S4, U4, S32, S32, ""},
      {16, 8, 32, U4, S4, S32, S32, ""},
      {16, 8, 64, S4, S4, S32, S32, ""},
      {8, 8, 128, B1, B1, S32, S32, ".xor.popc"},
      {16, 8, 128, B1, B1, S32, S32, ".and.popc"},
      {16, 8, 256, B1, B1, S32, S32, ".xor.popc"},
      {16, 8, 32, E4M3, E4M3, F32, F32, ""},
      {16, 8, 32, E5M2, E4M3, F32, F32, ""},
      {16, 8, 16, E5M2, E5M2, F16, F16, ""},
  };
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) check_mma(env, &shapes[i]);
}

/* m8n8k4 of f16: lanes 4 q to 4 q + 3 and 16 + 4 q to 19 + 4 q make product q. */
static void check_quads(check_env *env, bool a_is_column, bool b_is_column, bool is_half) {
  static ptx_text text;
  int a[4][8][4], b[4][4][8], c[4][8][8];
  uint16_t fragments_a[32][4], fragments_b[32][4], half_c[32][8], half_d[32][8];
  float float_c[32][8], float_d[32][8];
  for (int q = 0; q < 4; q++) {
    for (int i = 0; i < 32; i++)
      a[q][i / 4][i % 4] = (int)any_whole(env, F16), b[q][i / 8][i % 8] = (int)any_whole(env, F16);
    for (int i = 0; i < 64; i++) c[q][i / 8][i % 8] = (int)any_whole(env, F16);
  }
#define ROW_OF_SUM    (is_half ? lane % 4 + (lane < 16 ? 0 : 4) : (lane & 1) + (i & 2) + (lane < 16 ? 0 : 4))
#define COLUMN_OF_SUM (is_half ? i : (i & 4) + (lane & 2) + (i & 1))
  for (int lane = 0; lane < 32; lane++) {
    const int q = lane % 16 / 4, four = lane % 4, high = lane < 16 ? 0 : 4;
    for (int i = 0; i < 4; i++) {
      fragments_a[lane][i] =
          (uint16_t)bits_of(F16, a_is_column ? a[q][i + high][four] : a[q][four + high][i]);
      fragments_b[lane][i] =
          (uint16_t)bits_of(F16, b_is_column ? b[q][i][four + high] : b[q][four][i + high]);
    }
    for (int i = 0; i < 8; i++) {
      float_c[lane][i] = (float)c[q][ROW_OF_SUM][COLUMN_OF_SUM];
      half_c[lane][i] = lazy_f32_to_f16(float_c[lane][i]);
    }
  }
  begin(&text);
  const char *name_c = is_half ? "c" : "fc", *name_d = is_half ? "d" : "fd";
  const int registers = is_half ? 4 : 8;
  move(&text, false, "a", 0, 2, 4);
  move(&text, false, "b", 1, 2, 4);
  move(&text, false, name_c, 2, registers, 4);
  add(&text, "mma.sync.aligned.m8n8k4.%s.%s.%s.f16.f16.%s ", a_is_column ? "col" : "row",
      b_is_column ? "col" : "row", is_half ? "f16" : "f32", is_half ? "f16" : "f32");
  list(&text, name_d, registers), add(&text, ", ");
  list(&text, "a", 2), add(&text, ", ");
  list(&text, "b", 2), add(&text, ", ");
  list(&text, name_c, registers), add(&text, ";\n");
  move(&text, true, name_d, 3, registers, 4);
  CHECK_CASE("a %s, b %s, %s", a_is_column ? "col" : "row", b_is_column ? "col" : "row",
             is_half ? "f16" : "f32");
  const size_t bytes = is_half ? sizeof half_d : sizeof float_d;
  const matrix_buffers buffers = {{fragments_a, fragments_b, is_half ? (void *)half_c : float_c},
                                  {sizeof fragments_a, sizeof fragments_b, bytes},
                                  bytes,
                                  is_half ? (void *)half_d : float_d};
  if (!run_text(env, "sm_90", &text, buffers)) return;
  for (int lane = 0; lane < 32; lane++) {
    for (int i = 0; i < 8; i++) {
      const int q = lane % 16 / 4, row = ROW_OF_SUM, column = COLUMN_OF_SUM;
      int sum = c[q][row][column];
      for (int j = 0; j < 4; j++) sum += a[q][row][j] * b[q][j][column];
      EXPECT_EQ(is_half ? lazy_f16_to_f32(half_d[lane][i]) : float_d[lane][i], (float)sum);
    }
  }
}

TEST(emulator_mma, mma_of_quads) {
  for (int i = 0; i < 8; i++) check_quads(env, i & 1, i & 2, i & 4);
}

/* What is rounded, and how: sums one after another in f32, an f16 result once more. */
TEST(emulator_mma, mma_rounds_sums_in_order) {
  static ptx_text text;
  uint16_t a[32][8], b[32][4];
  float c[32][4], found[32][4];
  for (int i = 0; i < 256; i++) a[i / 8][i % 8] = lazy_f32_to_f16((float)(check_random_unit(env) * 2 - 1));
  for (int i = 0; i < 128; i++) b[i / 4][i % 4] = lazy_f32_to_f16((float)(check_random_unit(env) * 2 - 1));
  for (int i = 0; i < 128; i++) c[i / 4][i % 4] = (float)check_random_unit(env);
  a[0][0] = lazy_f32_to_f16(INFINITY), b[0][0] = lazy_f32_to_f16(0); /* row 0 by column 0: NaN */
  begin(&text);
  move(&text, false, "a", 0, 4, 4);
  move(&text, false, "b", 1, 2, 4);
  move(&text, false, "fc", 2, 4, 4);
  add(&text,
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%%fc0, %%fc1, %%fc2, %%fc3}, {%%a0, %%a1, %%a2, "
      "%%a3}, "
      "{%%b0, %%b1}, {%%fc0, %%fc1, %%fc2, %%fc3};\n");
  move(&text, true, "fc", 3, 4, 4);
  ASSERT_TRUE(run_text(env, "sm_90", &text,
                       (matrix_buffers){{a, b, c}, {sizeof a, sizeof b, sizeof c}, sizeof found, found}));
  const mma_shape shape = {16, 8, 16, F16, F16, F32, F32, ""};
  float matrix_a[16][16], matrix_b[16][8];
  for (int lane = 0; lane < 32; lane++) {
    int row, column;
    for (int i = 0; i < 8; i++) {
      place_of_a(&shape, lane, i, &row, &column);
      matrix_a[row][column] = lazy_f16_to_f32(a[lane][i]);
    }
    for (int i = 0; i < 4; i++) {
      place_of_b(&shape, lane, i, &row, &column);
      matrix_b[row][column] = lazy_f16_to_f32(b[lane][i]);
    }
  }
  for (int lane = 0; lane < 32; lane++) {
    for (int i = 0; i < 4; i++) {
      int row, column;
      place_of_c(&shape, lane, i, &row, &column);
      float sum = c[lane][i];
      for (int k = 0; k < 16; k++) sum = fmaf(matrix_a[row][k], matrix_b[k][column], sum);
      const uint32_t bits = lazy_f32_bits(found[lane][i]);
      if (isnan(sum)) EXPECT_EQ(bits, 0x7fffffffu);
      else EXPECT_EQ(bits, lazy_f32_bits(sum));
    }
  }
}

TEST(emulator_mma, mma_saturates_integers) {
  static ptx_text text;
  uint32_t a[32], b[32], found[32][2], c[32][2];
  for (int i = 0; i < 32; i++) {
    a[i] = b[i] = 0x7f7f7f7f;
    c[i][0] = INT32_MAX - 1000;
    c[i][1] = 7;
  }
  begin(&text);
  move(&text, false, "a", 0, 1, 4);
  move(&text, false, "b", 1, 1, 4);
  move(&text, false, "c", 2, 2, 4);
  add(&text,
      "mma.sync.aligned.m8n8k16.row.col.satfinite.s32.s8.s8.s32 {%%d0, %%d1}, {%%a0}, {%%b0}, {%%c0, "
      "%%c1};\n");
  move(&text, true, "d", 3, 2, 4);
  ASSERT_TRUE(run_text(env, "sm_90", &text,
                       (matrix_buffers){{a, b, c}, {sizeof a, sizeof b, sizeof c}, sizeof found, found}));
  for (int i = 0; i < 32; i++) {
    EXPECT_EQ(found[i][0], (uint32_t)INT32_MAX);
    EXPECT_EQ(found[i][1], 16u * 127 * 127 + 7);
  }
}
