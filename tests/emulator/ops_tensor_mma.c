/* mma.sync */
#include <string.h>

#include "tests/emulator/ops_tensor.h"

/* Kept in an instruction's `offset`. */
typedef struct plan {
  uint8_t lay, m, n, k4, a, b, c, d;
} plan;
_Static_assert(sizeof(plan) == sizeof(int64_t), "a plan fills ptx_instruction.offset");
enum { A_IS_COLUMN = 1, B_IS_COLUMN = 2, SATURATES = 4, WAY = 8 };

typedef struct parts {
  emu_fragment a, b, c, d;
} parts;

static parts parts_of(const plan *from, uint32_t flags) {
  unsigned m = from->m, n = from->n, k = from->k4 * 4u;
  emu_lay lay = (emu_lay)from->lay;
  return (parts){
      .a = {lay, EMU_PART_A, (emu_number)from->a, (flags & A_IS_COLUMN) != 0, m, k},
      .b = {lay, EMU_PART_B, (emu_number)from->b, (flags & B_IS_COLUMN) != 0, k, n},
      .c = {lay, EMU_PART_C, (emu_number)from->c, false, m, n},
      .d = {lay, EMU_PART_C, (emu_number)from->d, false, m, n},
  };
}

static void step(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  if (!emu_whole_warp(warp, at, mask)) return;
  plan from;
  memcpy(&from, &at->offset, sizeof from);
  parts all = parts_of(&from, at->flags);
  const uint32_t *rows = emu_more_rows(warp, at), *rows_a = rows + emu_fragment_registers(&all.d);
  const uint32_t *rows_b = rows_a + emu_fragment_registers(&all.a);
  double a[EMU_MATRIX_MOST], b[EMU_MATRIX_MOST], c[EMU_SUMS_MOST], d[EMU_SUMS_MOST];
  emu_fragment_gather(&all.a, warp, rows_a, a);
  emu_fragment_gather(&all.b, warp, rows_b, b);
  emu_fragment_gather(&all.c, warp, rows_b + emu_fragment_registers(&all.b), c);
  emu_product product = {.m = from.m,
                         .n = from.n,
                         .k = from.k4 * 4u,
                         .sums = (emu_number)from.c,
                         .way = at->flags / WAY,
                         .saturates = (at->flags & SATURATES) != 0};
  for (unsigned i = 0; i < (from.lay == EMU_LAY_QUADS ? 4 : 1); i++)
    emu_multiply(&product, a + i * product.m * product.k, b + i * product.k * product.n,
                 c + i * product.m * product.n, d + i * product.m * product.n);
  emu_fragment_scatter(&all.d, warp, rows, d);
}

/* What multiplies what. Factors of a row may mix. */
static const struct shape {
  const char *name;
  uint8_t m, n;
  uint16_t k;
  uint32_t factors, sums;
  bool is_quads;
} shapes[] = {
#define FLOATS (1u << EMU_NUMBER_F16 | 1u << EMU_NUMBER_F32)
    {"m8n8k4", 8, 8, 4, 1u << EMU_NUMBER_F16, FLOATS, true},
    {"m8n8k4", 8, 8, 4, 1u << EMU_NUMBER_F64, 1u << EMU_NUMBER_F64, false},
    {"m16n8k8", 16, 8, 8, 1u << EMU_NUMBER_F16, FLOATS, false},
    {"m16n8k16", 16, 8, 16, 1u << EMU_NUMBER_F16, FLOATS, false},
    {"m16n8k8", 16, 8, 8, 1u << EMU_NUMBER_BF16, 1u << EMU_NUMBER_F32, false},
    {"m16n8k16", 16, 8, 16, 1u << EMU_NUMBER_BF16, 1u << EMU_NUMBER_F32, false},
    {"m16n8k4", 16, 8, 4, 1u << EMU_NUMBER_TF32, 1u << EMU_NUMBER_F32, false},
    {"m16n8k8", 16, 8, 8, 1u << EMU_NUMBER_TF32, 1u << EMU_NUMBER_F32, false},
    {"m16n8k16", 16, 8, 16, EMU_NUMBERS_EIGHT, FLOATS, false},
    {"m16n8k32", 16, 8, 32, EMU_NUMBERS_EIGHT, FLOATS, false},
    {"m16n8k4", 16, 8, 4, 1u << EMU_NUMBER_F64, 1u << EMU_NUMBER_F64, false},
    {"m16n8k8", 16, 8, 8, 1u << EMU_NUMBER_F64, 1u << EMU_NUMBER_F64, false},
    {"m16n8k16", 16, 8, 16, 1u << EMU_NUMBER_F64, 1u << EMU_NUMBER_F64, false},
    {"m8n8k16", 8, 8, 16, EMU_NUMBERS_BYTE, 1u << EMU_NUMBER_S32, false},
    {"m16n8k16", 16, 8, 16, EMU_NUMBERS_BYTE, 1u << EMU_NUMBER_S32, false},
    {"m16n8k32", 16, 8, 32, EMU_NUMBERS_BYTE, 1u << EMU_NUMBER_S32, false},
    {"m8n8k32", 8, 8, 32, EMU_NUMBERS_NIBBLE, 1u << EMU_NUMBER_S32, false},
    {"m16n8k32", 16, 8, 32, EMU_NUMBERS_NIBBLE, 1u << EMU_NUMBER_S32, false},
    {"m16n8k64", 16, 8, 64, EMU_NUMBERS_NIBBLE, 1u << EMU_NUMBER_S32, false},
    {"m8n8k128", 8, 8, 128, 1u << EMU_NUMBER_B1, 1u << EMU_NUMBER_S32, false},
    {"m16n8k128", 16, 8, 128, 1u << EMU_NUMBER_B1, 1u << EMU_NUMBER_S32, false},
    {"m16n8k256", 16, 8, 256, 1u << EMU_NUMBER_B1, 1u << EMU_NUMBER_S32, false},
};

static const struct shape *shape_of(ptx_binder *binder, const char *name, const emu_number types[4]) {
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    if (strcmp(shapes[i].name, name) == 0 && (shapes[i].factors >> types[1] & 1) != 0 &&
        (shapes[i].factors >> types[2] & 1) != 0 && (shapes[i].sums >> types[0] & 1) != 0 &&
        (shapes[i].sums >> types[3] & 1) != 0)
      return &shapes[i];
  }
  (void)ptx_refuse(binder, "no mma.%s of these types", name);
  return NULL;
}

bool emu_bind_mma(ptx_binder *binder) {
  static const char *const layouts[] = {"row", "col", NULL}, *const start[] = {"sync", "aligned", NULL};
  const ptx_statement *statement = binder->statement;
  if (!emu_take_all(binder, start)) return false;
  if (binder->next_part >= statement->part_count) return ptx_refuse(binder, "mma lacks a shape");
  const char *name = statement->parts[binder->next_part++];
  int layout_a = ptx_take_one(binder, layouts), layout_b = ptx_take_one(binder, layouts);
  if (layout_a < 0 || layout_b < 0) return ptx_refuse(binder, "mma lacks a layout");
  bool saturates = ptx_take(binder, "satfinite");
  emu_number types[4]; /* d, a, b, c */
  for (int i = 0; i < 4; i++)
    if (!emu_take_number(binder, ~(uint32_t)0, &types[i])) return false;
  unsigned way = EMU_MULTIPLY;
  if (types[1] == EMU_NUMBER_B1) {
    way = ptx_take(binder, "and") ? EMU_AND_POPC : ptx_take(binder, "xor") ? EMU_XOR_POPC : EMU_MULTIPLY;
    if (way == EMU_MULTIPLY || !ptx_take(binder, "popc"))
      return ptx_refuse(binder, "mma of bits lacks .and.popc or .xor.popc");
  }
  const struct shape *shape = shape_of(binder, name, types);
  if (shape == NULL) return false;
  if (!shape->is_quads && (layout_a != 0 || layout_b != 1))
    return ptx_refuse(binder, "mma.%s has a .row and a .col factor", name);
  if (types[0] != types[3] && (!shape->is_quads || types[3] == EMU_NUMBER_F32))
    return ptx_refuse(binder, "mma.%s: types of c and d", name);
  if (saturates && types[0] != EMU_NUMBER_S32) return ptx_refuse(binder, ".satfinite is for integers");
  if (!ptx_check_end(binder, 4)) return false;
  plan made = {(uint8_t)(shape->is_quads ? EMU_LAY_QUADS : EMU_LAY_MMA),
               shape->m,
               shape->n,
               (uint8_t)(shape->k / 4),
               (uint8_t)types[1],
               (uint8_t)types[2],
               (uint8_t)types[3],
               (uint8_t)types[0]};
  ptx_instruction *out = binder->out;
  memcpy(&out->offset, &made, sizeof made);
  out->flags = (layout_a != 0 ? A_IS_COLUMN : 0u) | (layout_b != 0 ? B_IS_COLUMN : 0u) |
               (saturates ? SATURATES : 0u) | way * WAY;
  out->step = step;
  out->kind = PTX_CLASS_TENSOR;
  parts all = parts_of(&made, out->flags);
  return emu_bind_fragment(binder, 0, &all.d, true) && emu_bind_fragment(binder, 1, &all.a, false) &&
         emu_bind_fragment(binder, 2, &all.b, false) && emu_bind_fragment(binder, 3, &all.c, false);
}
