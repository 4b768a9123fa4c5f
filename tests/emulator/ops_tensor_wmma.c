/* wmma.load, wmma.store, wmma.mma */
#include <string.h>

#include "tests/emulator/ops_tensor.h"

static const char *const shape_names[] = {"m16n16k16", "m32n8k16", "m8n32k16", "m16n16k8", "m8n8k4", NULL};
static const struct shape {
  unsigned m, n, k;
  uint32_t factors;
} shapes[] = {
#define HALVES (1u << EMU_NUMBER_F16 | 1u << EMU_NUMBER_BF16 | EMU_NUMBERS_BYTE)
    {16, 16, 16, HALVES},
    {32, 8, 16, HALVES},
    {8, 32, 16, HALVES},
    {16, 16, 8, 1u << EMU_NUMBER_TF32},
    {8, 8, 4, 1u << EMU_NUMBER_F64},
};

/* Of sums that go with factors. */
static uint32_t sums_of(emu_number factor) {
  switch (factor) {
    case EMU_NUMBER_F16: return 1u << EMU_NUMBER_F16 | 1u << EMU_NUMBER_F32;
    case EMU_NUMBER_F64: return 1u << EMU_NUMBER_F64;
    case EMU_NUMBER_S8:
    case EMU_NUMBER_U8: return 1u << EMU_NUMBER_S32;
    default: return 1u << EMU_NUMBER_F32;
  }
}

static bool has_sum(const struct shape *shape, emu_number sum) {
  for (int factor = 0; factor < EMU_NUMBER_COUNT; factor++)
    if ((shape->factors >> factor & 1) != 0 && (sums_of((emu_number)factor) >> sum & 1) != 0) return true;
  return false;
}

static emu_fragment fragment_of(const struct shape *shape, emu_part part, emu_number number) {
  return (emu_fragment){EMU_LAY_WMMA,
                        part,
                        number,
                        false,
                        part == EMU_PART_B ? shape->k : shape->m,
                        part == EMU_PART_A ? shape->k : shape->n};
}

/* ---- to and from memory ---- */

/* flags: shape, part, number, layout, whether it stores */
enum { SHAPE_BITS = 3, PART_BITS = 2, NUMBER_BITS = 4 };
#define FLAGS_OF(shape, part, number, is_column)                                                         \
  ((uint32_t)(shape) | (uint32_t)(part) << SHAPE_BITS | (uint32_t)(number) << (SHAPE_BITS + PART_BITS) | \
   (uint32_t)(is_column) << (SHAPE_BITS + PART_BITS + NUMBER_BITS))

typedef struct place {
  emu_fragment fragment;
  bool is_column;
  unsigned element_bytes;
} place;

static place place_of(uint32_t flags) {
  emu_part part = (emu_part)(flags >> SHAPE_BITS & ((1u << PART_BITS) - 1));
  emu_number number = (emu_number)(flags >> (SHAPE_BITS + PART_BITS) & ((1u << NUMBER_BITS) - 1));
  return (place){fragment_of(&shapes[flags & ((1u << SHAPE_BITS) - 1)], part, number),
                 (flags >> (SHAPE_BITS + PART_BITS + NUMBER_BITS) & 1) != 0, emu_number_bits(number) / 8};
}

/* Every row (or column) has to start aligned. The ISA asks for the fragment's size; nvcc's own headers let
   strides be multiples of 16 bytes, so no more is asked of the stride. */
static bool check_aligned(emu_warp *warp, const ptx_instruction *at, uint64_t base, uint64_t stride_bytes,
                          const emu_fragment *fragment) {
  uint64_t bytes = emu_fragment_elements(fragment) * emu_number_bits(fragment->number) / 8;
  uint64_t of_base = bytes < 32 ? bytes : 32, of_stride = bytes < 16 ? bytes : 16;
  if (base % of_base == 0 && stride_bytes % of_stride == 0) return true;
  emu_tell(warp, at, 0, EMU_MISALIGNED,
           "a matrix at %#llx with rows %llu bytes apart, where multiples of %llu and %llu are wanted",
           (unsigned long long)base, (unsigned long long)stride_bytes, (unsigned long long)of_base,
           (unsigned long long)of_stride);
  return false;
}

/* Elements that a lane has side by side in memory go in one access of up to 16 bytes. */
static unsigned run_of(const place *from, unsigned lane, unsigned i, unsigned count, unsigned *out_line,
                       unsigned *out_in_line) {
  unsigned row, column, next_row, next_column, run = 1;
  (void)emu_fragment_place(&from->fragment, lane, i, &row, &column);
  *out_line = from->is_column ? column : row;
  *out_in_line = from->is_column ? row : column;
  while (i + run < count && run * from->element_bytes < 16) {
    (void)emu_fragment_place(&from->fragment, lane, i + run, &next_row, &next_column);
    if ((from->is_column ? next_column : next_row) != *out_line ||
        (from->is_column ? next_row : next_column) != *out_in_line + run)
      break;
    run++;
  }
  while ((run & (run - 1)) != 0 || *out_in_line % run != 0) run--;
  return run;
}

static void move(emu_warp *warp, const ptx_instruction *at, uint32_t mask, emu_access access) {
  if (!emu_whole_warp(warp, at, mask)) return;
  place from = place_of(at->flags);
  const uint32_t *rows = emu_more_rows(warp, at);
  unsigned count = emu_fragment_elements(&from.fragment), bytes = from.element_bytes;
  unsigned each = bytes < 4 ? 4 / bytes : 1; /* elements of a register */
  uint64_t stride = (uint32_t)warp->rows[at->c].lane[0] * (uint64_t)bytes;
  uint64_t base = warp->rows[at->a].lane[0] + (uint64_t)at->offset;
  if (!check_aligned(warp, at, base, stride, &from.fragment)) return;
  for (unsigned lane = 0; lane < PTX_LANES; lane++) {
    unsigned char values[16 * 8];
    for (unsigned i = 0; i < count; i++) /* as they lie in registers */
      memcpy(values + i * bytes, (unsigned char *)&warp->rows[rows[i / each]].lane[lane] + i % each * bytes,
             bytes);
    for (unsigned i = 0, run; i < count; i += run) {
      unsigned line, in_line;
      run = run_of(&from, lane, i, count, &line, &in_line);
      void *memory = emu_access_at(warp, at, lane, (ptx_space)at->space,
                                   base + line * stride + in_line * bytes, run * bytes, access);
      if (memory == NULL) return;
      if (access == EMU_READ) memcpy(values + i * bytes, memory, run * bytes);
      else memcpy(memory, values + i * bytes, run * bytes);
    }
    if (access != EMU_READ) continue;
    for (unsigned i = 0; i < count; i += each) {
      uint64_t word = 0;
      memcpy(&word, values + i * bytes, bytes * each);
      warp->rows[rows[i / each]].lane[lane] = word;
    }
  }
}

static void step_load(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  move(warp, at, mask, EMU_READ);
}
static void step_store(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  move(warp, at, mask, EMU_WRITE);
}

static bool bind_move(ptx_binder *binder, bool is_store) {
  static const char *const letters[] = {"a", "b", "c", "d", NULL}, *const layouts[] = {"row", "col", NULL};
  static const char *const sync[] = {"sync", "aligned", NULL};
  int letter = ptx_take_one(binder, letters);
  if (letter < 0 || is_store != (letter == 3)) return ptx_refuse(binder, "wmma moves a, b, c or d");
  if (!emu_take_all(binder, sync)) return false;
  int layout = ptx_take_one(binder, layouts), shape = ptx_take_one(binder, shape_names);
  if (layout < 0 || shape < 0) return ptx_refuse(binder, "wmma lacks a layout or a shape that is known");
  ptx_space space = ptx_take_space(binder);
  if (space != PTX_GENERIC && space != PTX_GLOBAL && space != PTX_SHARED)
    return ptx_refuse(binder, "wmma moves to and from global and shared memory");
  emu_part part = letter == 3 ? EMU_PART_C : (emu_part)letter;
  emu_number number;
  if (!emu_take_number(binder, ~(uint32_t)0, &number)) return false;
  if (part == EMU_PART_C ? !has_sum(&shapes[shape], number) : (shapes[shape].factors >> number & 1) == 0)
    return ptx_refuse(binder, "no wmma.%s of this type", shape_names[shape]);
  uint32_t operands = binder->statement->operand_count;
  if (!ptx_check_end(binder, operands == 3 ? 3 : 2)) return false;
  ptx_instruction *out = binder->out;
  out->flags = FLAGS_OF(shape, part, number, layout);
  out->space = (uint8_t)space;
  out->kind = PTX_CLASS_MEMORY;
  out->step = is_store ? step_store : step_load;
  place from = place_of(out->flags);
  uint64_t packed = from.is_column ? from.fragment.rows : from.fragment.columns;
  out->c = operands == 3 ? ptx_source(binder, 2, PTX_U32) : ptx_constant(binder, packed);
  return out->c != PTX_NO_ROW && ptx_address(binder, is_store ? 0 : 1) &&
         emu_bind_fragment(binder, is_store ? 1 : 0, &from.fragment, !is_store);
}

/* ---- products ---- */

enum { PRODUCT_SHAPE = 7, SATURATES = 8 };

typedef struct plan {
  uint8_t a, b, c, d;
} plan;

static void step_product(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  if (!emu_whole_warp(warp, at, mask)) return;
  plan from;
  memcpy(&from, &at->offset, sizeof from);
  const struct shape *shape = &shapes[at->flags & PRODUCT_SHAPE];
  emu_fragment part_a = fragment_of(shape, EMU_PART_A, (emu_number)from.a);
  emu_fragment part_b = fragment_of(shape, EMU_PART_B, (emu_number)from.b);
  emu_fragment part_c = fragment_of(shape, EMU_PART_C, (emu_number)from.c);
  emu_fragment part_d = fragment_of(shape, EMU_PART_C, (emu_number)from.d);
  double a[32 * 16], b[32 * 16], c[EMU_SUMS_MOST], d[EMU_SUMS_MOST];
  const uint32_t *rows = emu_more_rows(warp, at), *rows_a = rows + emu_fragment_registers(&part_d);
  const uint32_t *rows_b = rows_a + emu_fragment_registers(&part_a);
  emu_fragment_gather(&part_a, warp, rows_a, a);
  emu_fragment_gather(&part_b, warp, rows_b, b);
  emu_fragment_gather(&part_c, warp, rows_b + emu_fragment_registers(&part_b), c);
  emu_product product = {.m = shape->m,
                         .n = shape->n,
                         .k = shape->k,
                         .sums = (emu_number)from.c,
                         .saturates = (at->flags & SATURATES) != 0};
  emu_multiply(&product, a, b, c, d);
  emu_fragment_scatter(&part_d, warp, rows, d);
}

static bool bind_product(ptx_binder *binder) {
  static const char *const sync[] = {"sync", "aligned", NULL}, *const layouts[] = {"row", "col", NULL};
  if (!emu_take_all(binder, sync)) return false;
  if (ptx_take_one(binder, layouts) < 0 || ptx_take_one(binder, layouts) < 0)
    return ptx_refuse(binder, "wmma.mma lacks a layout");
  int shape = ptx_take_one(binder, shape_names);
  if (shape < 0) return ptx_refuse(binder, "wmma.mma lacks a shape that is known");
  /* .dtype.ctype are those of f16 factors; all four are named where factors are others */
  emu_number types[4];
  unsigned count = 0;
  uint32_t left = binder->statement->part_count - binder->next_part;
  for (; count < (left >= 4 ? 4 : 2); count++)
    if (!emu_take_number(binder, ~(uint32_t)0, &types[count])) return false;
  emu_number d = types[0], c = types[count - 1], a = count == 4 ? types[1] : EMU_NUMBER_F16;
  emu_number b = count == 4 ? types[2] : EMU_NUMBER_F16;
  if (((shapes[shape].factors >> a & shapes[shape].factors >> b) & 1) == 0 || sums_of(a) != sums_of(b) ||
      (sums_of(a) >> d & sums_of(a) >> c & 1) == 0 || ((1u << a & EMU_NUMBERS_BYTE) == 0 && a != b))
    return ptx_refuse(binder, "no wmma.mma.%s of these types", shape_names[shape]);
  bool saturates = d == EMU_NUMBER_S32 && ptx_take(binder, "satfinite");
  (void)(d == EMU_NUMBER_F64 && ptx_take(binder, "rn")); /* other roundings are refused */
  if (!ptx_check_end(binder, 4)) return false;
  ptx_instruction *out = binder->out;
  plan made = {(uint8_t)a, (uint8_t)b, (uint8_t)c, (uint8_t)d};
  memcpy(&out->offset, &made, sizeof made);
  out->flags = (uint32_t)shape | (saturates ? SATURATES : 0u);
  out->kind = PTX_CLASS_TENSOR;
  out->step = step_product;
  emu_fragment parts[4] = {
      fragment_of(&shapes[shape], EMU_PART_C, d), fragment_of(&shapes[shape], EMU_PART_A, a),
      fragment_of(&shapes[shape], EMU_PART_B, b), fragment_of(&shapes[shape], EMU_PART_C, c)};
  for (unsigned i = 0; i < 4; i++)
    if (!emu_bind_fragment(binder, i, &parts[i], i == 0)) return false;
  return true;
}

bool emu_bind_wmma(ptx_binder *binder) {
  if (ptx_take(binder, "load")) return bind_move(binder, false);
  if (ptx_take(binder, "store")) return bind_move(binder, true);
  if (ptx_take(binder, "mma")) return bind_product(binder);
  return ptx_refuse(binder, "wmma is load, store or mma");
}
