/* Fragments: which lane holds which elements of a matrix, as NVIDIA's "Matrix Fragments for mma" have it. */
#include "kernels/number.cuh"
#include "tests/emulator/ops_tensor.h"

static double value_of_e4m3(unsigned bits) {
  double magnitude = (bits & 0x7f) == 0x7f ? NAN
                     : (bits & 0x78) == 0  ? (bits & 7) * 0x1p-9
                                           : ldexp(8 + (bits & 7), (int)(bits >> 3 & 15) - 10);
  return (bits & 0x80) != 0 ? -magnitude : magnitude;
}

double emu_number_value(emu_number number, uint64_t bits) {
  switch (number) {
    case EMU_NUMBER_F16: return lazy_f16_to_f32((uint16_t)bits);
    case EMU_NUMBER_BF16: return lazy_bf16_to_f32((uint16_t)bits);
    case EMU_NUMBER_TF32:
      return lazy_bits_f32((uint32_t)bits & ~(uint32_t)0x1fff); /* the low 13 are not looked at */
    case EMU_NUMBER_F32: return lazy_bits_f32((uint32_t)bits);
    case EMU_NUMBER_F64: return lazy_bits_f64(bits);
    case EMU_NUMBER_S32: return (int32_t)bits;
    case EMU_NUMBER_S8: return (int8_t)bits;
    case EMU_NUMBER_U8: return (uint8_t)bits;
    case EMU_NUMBER_S4: return (int)((bits & 15) ^ 8) - 8;
    case EMU_NUMBER_U4: return (double)(bits & 15);
    case EMU_NUMBER_B1: return (double)(bits & 1);
    case EMU_NUMBER_E4M3: return value_of_e4m3((unsigned)bits & 0xff);
    case EMU_NUMBER_E5M2: return lazy_f16_to_f32((uint16_t)(bits << 8));
    case EMU_NUMBER_COUNT: break;
  }
  return 0;
}

uint64_t emu_number_of(emu_number number, double value) {
  bool is_nan = value != value;
  switch (number) {
    case EMU_NUMBER_F16: return is_nan ? 0x7fff : lazy_f64_to_f16(value);
    case EMU_NUMBER_F64: return is_nan ? 0x7fffffffffffffff : lazy_f64_bits(value);
    case EMU_NUMBER_S32: return (uint32_t)(int64_t)value;
    default: return is_nan ? 0x7fffffff : lazy_f32_bits((float)value);
  }
}

static unsigned elements_of_register(emu_number number) {
  unsigned bits = emu_number_bits(number);
  return bits < 32 ? 32 / bits : 1;
}

unsigned emu_fragment_elements(const emu_fragment *fragment) {
  unsigned all = fragment->rows * fragment->columns;
  if (fragment->lay == EMU_LAY_QUADS) return all / 8;
  if (fragment->lay == EMU_LAY_WMMA && fragment->part != EMU_PART_C && fragment->number == EMU_NUMBER_F16)
    return 16;
  return all / PTX_LANES;
}

unsigned emu_fragment_registers(const emu_fragment *fragment) {
  return emu_fragment_elements(fragment) / elements_of_register(fragment->number);
}

static unsigned place_in_quads(const emu_fragment *fragment, unsigned lane, unsigned i, unsigned *out_row,
                               unsigned *out_column) {
  unsigned high = lane < 16 ? 0 : 4, four = lane % 4;
  if (fragment->part == EMU_PART_C) {
    bool is_half = fragment->number == EMU_NUMBER_F16;
    *out_row = high + (is_half ? four : (four & 1) + (i & 2));
    *out_column = is_half ? i : (i & 4) + (four & 2) + (i & 1);
    return lane / 4 % 4;
  }
  /* The layout's outer index goes over lanes, the inner one over a lane's elements; the dimension that is not
     k continues in the high group. */
  bool outer_is_k = fragment->is_column == (fragment->part == EMU_PART_A);
  unsigned k = outer_is_k ? four : i, other = high + (outer_is_k ? i : four);
  *out_row = fragment->part == EMU_PART_A ? other : k;
  *out_column = fragment->part == EMU_PART_A ? k : other;
  return lane / 4 % 4;
}

unsigned emu_fragment_place(const emu_fragment *fragment, unsigned lane, unsigned i, unsigned *out_row,
                            unsigned *out_column) {
  if (fragment->lay == EMU_LAY_QUADS) return place_in_quads(fragment, lane, i, out_row, out_column);
  if (fragment->lay == EMU_LAY_WMMA) {
    unsigned at = (lane * emu_fragment_elements(fragment) + i) % (fragment->rows * fragment->columns);
    *out_row = at / fragment->columns;
    *out_column = at % fragment->columns;
    return 0;
  }
  unsigned each = elements_of_register(fragment->number), group = lane / 4, four = lane % 4;
  unsigned in_register = i % each, of_register = i / each;
  switch (fragment->part) {
    case EMU_PART_A: {
      unsigned halves = fragment->rows / 8; /* registers go down the rows first */
      *out_row = group + of_register % halves * 8;
      *out_column = four * each + in_register + of_register / halves * 4 * each;
      break;
    }
    case EMU_PART_B:
      *out_row = four * each + in_register + of_register * 4 * each;
      *out_column = group;
      break;
    case EMU_PART_C:
      *out_row = group + i / 2 * 8;
      *out_column = four * 2 + i % 2;
      break;
  }
  return 0;
}

void emu_fragment_gather(const emu_fragment *fragment, const emu_warp *warp, const uint32_t *rows,
                         double *matrix) {
  unsigned count = emu_fragment_elements(fragment), each = elements_of_register(fragment->number);
  unsigned bits = emu_number_bits(fragment->number);
  for (unsigned lane = 0; lane < PTX_LANES; lane++) {
    for (unsigned i = 0; i < count; i++) {
      unsigned row, column, number = emu_fragment_place(fragment, lane, i, &row, &column);
      uint64_t word = warp->rows[rows[i / each]].lane[lane] >> i % each * bits;
      matrix[(number * fragment->rows + row) * fragment->columns + column] =
          emu_number_value(fragment->number, word);
    }
  }
}

void emu_fragment_scatter(const emu_fragment *fragment, emu_warp *warp, const uint32_t *rows,
                          const double *matrix) {
  unsigned count = emu_fragment_elements(fragment), each = elements_of_register(fragment->number);
  unsigned bits = emu_number_bits(fragment->number);
  for (unsigned lane = 0; lane < PTX_LANES; lane++) {
    uint64_t word = 0;
    for (unsigned i = 0; i < count; i++) {
      unsigned row, column, number = emu_fragment_place(fragment, lane, i, &row, &column);
      uint64_t element = emu_number_of(fragment->number,
                                       matrix[(number * fragment->rows + row) * fragment->columns + column]);
      word |= element << i % each * bits;
      if (i % each != each - 1) continue;
      warp->rows[rows[i / each]].lane[lane] = word;
      word = 0;
    }
  }
}
