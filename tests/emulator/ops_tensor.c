/* Tensor instructions: the opcodes, and what their binding shares. */
#include "tests/emulator/ops_tensor.h"

#include <string.h>

const ptx_opcode ptx_opcodes_tensor[] = {
    {"mma", emu_bind_mma},
    {"wmma", emu_bind_wmma},
    {"ldmatrix", emu_bind_ldmatrix},
    {"stmatrix", emu_bind_stmatrix},
    {"movmatrix", emu_bind_movmatrix},
    {"cp", emu_bind_cp},
    {"mbarrier", emu_bind_mbarrier},
    {NULL, NULL},
};

static const struct {
  const char *name;
  unsigned bits;
} numbers[EMU_NUMBER_COUNT] = {
    [EMU_NUMBER_F16] = {"f16", 16},  [EMU_NUMBER_BF16] = {"bf16", 16}, [EMU_NUMBER_TF32] = {"tf32", 32},
    [EMU_NUMBER_F32] = {"f32", 32},  [EMU_NUMBER_F64] = {"f64", 64},   [EMU_NUMBER_S32] = {"s32", 32},
    [EMU_NUMBER_S8] = {"s8", 8},     [EMU_NUMBER_U8] = {"u8", 8},      [EMU_NUMBER_S4] = {"s4", 4},
    [EMU_NUMBER_U4] = {"u4", 4},     [EMU_NUMBER_B1] = {"b1", 1},      [EMU_NUMBER_E4M3] = {"e4m3", 8},
    [EMU_NUMBER_E5M2] = {"e5m2", 8},
};

unsigned emu_number_bits(emu_number number) { return numbers[number].bits; }

bool emu_take_number(ptx_binder *binder, uint32_t allowed, emu_number *out_number) {
  for (int number = 0; number < EMU_NUMBER_COUNT; number++) {
    if ((allowed >> number & 1) != 0 && ptx_take(binder, numbers[number].name)) {
      *out_number = (emu_number)number;
      return true;
    }
  }
  const ptx_statement *statement = binder->statement;
  return binder->next_part < statement->part_count
             ? ptx_refuse(binder, "%s does not take .%s here", statement->opcode,
                          statement->parts[binder->next_part])
             : ptx_refuse(binder, "%s lacks a type", statement->opcode);
}

bool emu_take_all(ptx_binder *binder, const char *const *parts) {
  for (; *parts != NULL; parts++) {
    if (!ptx_take(binder, *parts))
      return ptx_refuse(binder, "%s is known with .%s here alone", binder->statement->opcode, *parts);
  }
  return true;
}

bool emu_bind_registers(ptx_binder *binder, uint32_t operand, unsigned count, ptx_type type, bool is_result) {
  const ptx_operand *at = &binder->statement->operands[operand];
  bool is_vector = at->kind == PTX_OPERAND_VECTOR;
  if ((is_vector ? at->count : 1) != count)
    return ptx_refuse(binder, "operand %u of %s has %u registers and should have %u", operand + 1,
                      binder->statement->opcode, is_vector ? at->count : 1, count);
  for (unsigned i = 0; i < count; i++) {
    const ptx_operand *element = is_vector ? &at->elements[i] : at;
    uint32_t row = is_result ? ptx_result_operand(binder, element, type, false)
                             : ptx_source_operand(binder, element, type, false);
    if (row == PTX_NO_ROW) return false;
    ptx_more(binder, row);
  }
  return true;
}

bool emu_bind_fragment(ptx_binder *binder, uint32_t operand, const emu_fragment *fragment, bool is_result) {
  return emu_bind_registers(binder, operand, emu_fragment_registers(fragment),
                            fragment->number == EMU_NUMBER_F64   ? PTX_F64
                            : fragment->number == EMU_NUMBER_F32 ? PTX_F32
                                                                 : PTX_B32,
                            is_result);
}

bool emu_whole_warp(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  if (mask == ~(uint32_t)0) return true;
  emu_tell(warp, at, (unsigned)__builtin_ctz(mask), EMU_DIVERGENT_BARRIER,
           "an instruction of the whole warp is reached by lanes %08x alone", mask);
  return false;
}
