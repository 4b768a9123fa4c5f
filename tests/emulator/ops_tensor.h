/* Matrices that a warp holds together, each lane a fragment: what the tensor instructions share. */
#ifndef LAZYRT_TESTS_EMULATOR_OPS_TENSOR_H
#define LAZYRT_TESTS_EMULATOR_OPS_TENSOR_H

#include "tests/emulator/checks.h"

/* Elements of matrices. */
typedef enum emu_number {
  EMU_NUMBER_F16,
  EMU_NUMBER_BF16,
  EMU_NUMBER_TF32,
  EMU_NUMBER_F32,
  EMU_NUMBER_F64,
  EMU_NUMBER_S32,
  EMU_NUMBER_S8,
  EMU_NUMBER_U8,
  EMU_NUMBER_S4,
  EMU_NUMBER_U4,
  EMU_NUMBER_B1,
  EMU_NUMBER_E4M3,
  EMU_NUMBER_E5M2,
  EMU_NUMBER_COUNT
} emu_number;
#define EMU_NUMBERS_BYTE   (1u << EMU_NUMBER_S8 | 1u << EMU_NUMBER_U8)
#define EMU_NUMBERS_NIBBLE (1u << EMU_NUMBER_S4 | 1u << EMU_NUMBER_U4)
#define EMU_NUMBERS_EIGHT  (1u << EMU_NUMBER_E4M3 | 1u << EMU_NUMBER_E5M2)
unsigned emu_number_bits(emu_number number);
/* Every element is a double, exactly. */
double emu_number_value(emu_number number, uint64_t bits);
/* Of a result: F16 (rounded to nearest even), F32, F64 or S32. NaN is NVIDIA's, 0x7fff or 0x7fffffff. */
uint64_t emu_number_of(emu_number number, double value);

/* How elements lie over lanes. */
typedef enum emu_lay {
  EMU_LAY_MMA,   /* mma.sync, as the ISA has it */
  EMU_LAY_QUADS, /* mma.sync.m8n8k4 of f16: four products, a low and a high group of four lanes each */
  EMU_LAY_WMMA,  /* wmma, where the ISA leaves it open: ours is lane by lane, row by row; with f16 factors as
                    many copies as fill 16 elements a lane */
} emu_lay;
typedef enum emu_part { EMU_PART_A, EMU_PART_B, EMU_PART_C } emu_part;

typedef struct emu_fragment {
  emu_lay lay;
  emu_part part;
  emu_number number;
  bool is_column;         /* of factors in quads, whose layout depends on it */
  unsigned rows, columns; /* of the matrix; in quads of each of the four */
} emu_fragment;
unsigned emu_fragment_elements(const emu_fragment *fragment);  /* of a lane */
unsigned emu_fragment_registers(const emu_fragment *fragment); /* of a lane */
/* Where element i of a lane is. Yields the number of the product (0 but in quads). */
unsigned emu_fragment_place(const emu_fragment *fragment, unsigned lane, unsigned i, unsigned *out_row,
                            unsigned *out_column);
/* All lanes' elements to or from matrices, one after another, each row by row. `rows`: the fragment's
 * registers.
 */
void emu_fragment_gather(const emu_fragment *fragment, const emu_warp *warp, const uint32_t *rows,
                         double *matrix);
void emu_fragment_scatter(const emu_fragment *fragment, emu_warp *warp, const uint32_t *rows,
                          const double *matrix);
enum { EMU_MATRIX_MOST = 16 * 256, EMU_SUMS_MOST = 256 }; /* elements of the largest factor; of sums */

/* Binding: numbers by name, one of `allowed` (bits); a fragment's registers, appended to the list. */
bool emu_take_number(ptx_binder *binder, uint32_t allowed, emu_number *out_number);
bool emu_take_all(ptx_binder *binder, const char *const *parts); /* these, in order; NULL ends them */
bool emu_bind_fragment(ptx_binder *binder, uint32_t operand, const emu_fragment *fragment, bool is_result);
bool emu_bind_registers(ptx_binder *binder, uint32_t operand, unsigned count, ptx_type type, bool is_result);

/* `.aligned`: true where every lane of the warp stands here; else it is told. */
bool emu_whole_warp(emu_warp *warp, const ptx_instruction *at, uint32_t mask);

/* Opcodes, by file. */
bool emu_bind_mma(ptx_binder *binder);
bool emu_bind_wmma(ptx_binder *binder);
bool emu_bind_ldmatrix(ptx_binder *binder);
bool emu_bind_stmatrix(ptx_binder *binder);
bool emu_bind_movmatrix(ptx_binder *binder);
bool emu_bind_cp(ptx_binder *binder);
bool emu_bind_mbarrier(ptx_binder *binder);

/* d = a b + c: see ops_tensor_multiply.c for the rule. */
typedef struct emu_product {
  unsigned m, n, k;
  emu_number sums; /* of c */
  enum { EMU_MULTIPLY, EMU_AND_POPC, EMU_XOR_POPC } way;
  bool saturates;
} emu_product;
void emu_multiply(const emu_product *product, const double *a, const double *b, const double *c, double *d);

/* mbarrier objects, for cp.async: one arrival; one more of them expected in this phase. */
void emu_mbarrier_arrive(emu_warp *warp, const ptx_instruction *at, unsigned lane, ptx_space space,
                         uint64_t address);
void emu_mbarrier_expect_one(emu_warp *warp, const ptx_instruction *at, unsigned lane, ptx_space space,
                             uint64_t address);
/* Copies of the block that have an arrival behind them are carried out, and arrive. */
void emu_copies_arrive(emu_block *block);

#endif
