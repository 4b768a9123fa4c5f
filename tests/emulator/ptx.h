/* PTX in the form that runs: a module's text is read into statements (syntax), and each statement is bound to
   the function that carries it out (an instruction). What cannot be bound is refused with its line; nothing
   is skipped. Facts about PTX are those of NVIDIA's "Parallel Thread Execution ISA". */
#ifndef LAZYRT_TESTS_EMULATOR_PTX_H
#define LAZYRT_TESTS_EMULATOR_PTX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PTX_LANES = 32 };

/* A register of a warp: one value a lane. A narrower value lies in the low bits, the rest is zero; a
   predicate is 0 or 1. Immediates, addresses of variables and special registers are rows as well, filled when
   a warp starts, so that every source operand of an instruction is a row. */
typedef struct ptx_row {
  _Alignas(64) uint64_t lane[PTX_LANES];
} ptx_row;
#define PTX_NO_ROW UINT32_MAX

typedef enum ptx_type {
  PTX_TYPE_NONE,
  PTX_PRED,
  PTX_B8,
  PTX_B16,
  PTX_B32,
  PTX_B64,
  PTX_B128,
  PTX_U8,
  PTX_U16,
  PTX_U32,
  PTX_U64,
  PTX_S8,
  PTX_S16,
  PTX_S32,
  PTX_S64,
  PTX_F16,
  PTX_BF16,
  PTX_F16X2,
  PTX_BF16X2,
  PTX_TF32,
  PTX_F32,
  PTX_F64,
  PTX_TYPE_COUNT
} ptx_type;
unsigned ptx_type_bytes(ptx_type type); /* 1 for a predicate */
bool ptx_type_is_float(ptx_type type);  /* f16 to f64, bf16, tf32 and the pairs */
bool ptx_type_is_signed(ptx_type type); /* s8 to s64 */
ptx_type ptx_type_of(const char *name); /* "f32" -> PTX_F32; PTX_TYPE_NONE if it is none */

typedef enum ptx_space {
  PTX_GENERIC,
  PTX_GLOBAL,
  PTX_SHARED,
  PTX_LOCAL,
  PTX_CONST,
  PTX_PARAM, /* of the entry (read only), or of a call: memory of the thread */
} ptx_space;

/* Special registers. Those before PTX_SPECIAL_FIRST_CHANGING keep their value while a warp runs and are rows;
   the others are read by the instruction. */
typedef enum ptx_special {
  PTX_TID_X,
  PTX_TID_Y,
  PTX_TID_Z,
  PTX_NTID_X,
  PTX_NTID_Y,
  PTX_NTID_Z,
  PTX_CTAID_X,
  PTX_CTAID_Y,
  PTX_CTAID_Z,
  PTX_NCTAID_X,
  PTX_NCTAID_Y,
  PTX_NCTAID_Z,
  PTX_LANEID,
  PTX_WARPID,
  PTX_NWARPID,
  PTX_SMID,
  PTX_NSMID,
  PTX_GRIDID,
  PTX_LANEMASK_EQ,
  PTX_LANEMASK_LE,
  PTX_LANEMASK_LT,
  PTX_LANEMASK_GE,
  PTX_LANEMASK_GT,
  PTX_DYNAMIC_SMEM_SIZE,
  PTX_TOTAL_SMEM_SIZE,
  PTX_ENVREG1, /* the high half of emu_launch.workspace */
  PTX_ENVREG2, /* the low half */
  PTX_SPECIAL_FIRST_CHANGING,
  PTX_CLOCK = PTX_SPECIAL_FIRST_CHANGING,
  PTX_CLOCK_HI,
  PTX_CLOCK64,
  PTX_GLOBALTIMER,
  PTX_GLOBALTIMER_LO,
  PTX_GLOBALTIMER_HI,
  PTX_SPECIAL_COUNT
} ptx_special;

/* ---- syntax: what stands in the text ---- */

typedef enum ptx_operand_kind {
  PTX_OPERAND_REGISTER, /* row, type */
  PTX_OPERAND_SPECIAL,  /* special, type */
  PTX_OPERAND_INTEGER,  /* bits: two's complement, 64 bits */
  PTX_OPERAND_FLOAT,    /* number; a 0f.. or 0d.. literal keeps its bits in `bits`, with `type` F32 or F64 */
  PTX_OPERAND_VARIABLE, /* variable + bits: the address of a module's, function's or parameter's variable */
  PTX_OPERAND_FUNCTION, /* index */
  PTX_OPERAND_LABEL,    /* index: of an instruction in the module's code */
  PTX_OPERAND_ADDRESS,  /* [base + bits]: elements[0] is a register, a variable or an integer */
  PTX_OPERAND_VECTOR,   /* {a, b, ...}, (a, b, ...), or the name of a .branchtargets list: elements */
  PTX_OPERAND_PAIR,     /* p|q: elements[0], elements[1] */
  PTX_OPERAND_SINK,     /* _ */
} ptx_operand_kind;

typedef struct ptx_variable ptx_variable;
typedef struct ptx_operand ptx_operand;
struct ptx_operand {
  ptx_operand_kind kind;
  ptx_type type;
  bool negated; /* !p */
  uint32_t row, index, count;
  ptx_special special;
  uint64_t bits;
  double number;
  const ptx_variable *variable;
  const ptx_operand *elements;
};

/* add.rn.ftz.f32 %f1, %f2, %f3;   is   opcode "add", parts "rn" "ftz" "f32", three operands. A part keeps its
   colons ("shared::cta"). Operands in parentheses (calls) are VECTORs. */
typedef struct ptx_statement {
  const char *opcode;
  const char *const *parts;
  const ptx_operand *operands;
  uint32_t part_count, operand_count, line;
} ptx_statement;

struct ptx_variable {
  const char *name;
  ptx_space space;
  uint32_t align;
  uint64_t bytes;  /* 0: an extern .shared array, whose size the launch gives */
  uint64_t offset; /* in its space: of the block, of the thread, of the parameters, of the module's memory */
  const void *initial; /* of a module's variable; NULL: zeros */
  bool is_extern, is_of_module;
  bool is_of_call; /* a .param of a function or of a call: memory of the thread, its offset that of .local */
};

/* An address within the initial value of a module's variable: to be stored when memory has been given out.
   `bytes` bytes of it, without its low `shift` bits. */
typedef struct ptx_initial_address {
  const ptx_variable *in;
  uint64_t at; /* from the variable's start */
  const ptx_variable *variable;
  uint64_t bits; /* added */
  uint32_t shift, bytes;
  bool is_generic;
} ptx_initial_address;

/* ---- what runs ---- */

typedef struct emu_warp emu_warp;
typedef struct ptx_instruction ptx_instruction;
/* Carries out an instruction for the lanes of `mask`, which is never 0 and has the guard in it. */
typedef void (*ptx_step)(emu_warp *warp, const ptx_instruction *at, uint32_t mask);

/* Classes that counters tell apart. */
typedef enum ptx_class {
  PTX_CLASS_INTEGER,
  PTX_CLASS_F32,
  PTX_CLASS_F64,
  PTX_CLASS_HALF,
  PTX_CLASS_SPECIAL, /* approximate functions */
  PTX_CLASS_CONVERT,
  PTX_CLASS_MOVE, /* mov, selp, set, predicates, shuffles */
  PTX_CLASS_BRANCH,
  PTX_CLASS_MEMORY,
  PTX_CLASS_ATOMIC,
  PTX_CLASS_BARRIER,
  PTX_CLASS_TENSOR,
  PTX_CLASS_OTHER,
  PTX_CLASS_COUNT
} ptx_class;

struct ptx_instruction {
  ptx_step step;
  uint32_t d, a, b, c;               /* rows, as the step takes them */
  uint32_t more;                     /* first of `more_count` rows in ptx_module.more: vectors, matrices */
  uint32_t target;                   /* of a branch: an instruction; of a call: a function */
  int64_t offset;                    /* of an address, or the step's own number */
  uint32_t guard;                    /* row of the guard's predicate, or PTX_NO_ROW */
  uint32_t flags;                    /* the step's own */
  uint32_t line;                     /* in the module's text */
  uint32_t source_line, source_file; /* from .loc; line 0: not known; file: index into ptx_module.files */
  uint16_t more_count;
  uint8_t type, from;  /* ptx_type */
  uint8_t space, kind; /* ptx_space; ptx_class */
  bool guard_negated;
  bool is_flow; /* may change where lanes stand or make them wait: the machine looks again after it */
};

typedef struct ptx_function {
  const char *name;
  bool is_entry, has_body;
  uint32_t first, count; /* instructions, in ptx_module.code */
  uint32_t rows;         /* of a warp that runs it: registers first, then the constants and specials below */
  const struct ptx_constant {
    uint32_t row;
    const ptx_variable *variable; /* NULL, or a variable whose address is added to `bits` */
    uint64_t bits;
  } * constants;
  const struct ptx_special_row {
    uint32_t row;
    ptx_special special;
  } * specials;
  uint32_t constant_count, special_count;
  ptx_variable *const *params, *const *results; /* in order; offsets of an entry's follow the ABI */
  uint32_t param_count, result_count;
  uint64_t params_bytes; /* of an entry: what a launch passes */
  uint64_t shared_bytes; /* static, of itself alone; a multiple of 16 and of what its variables want */
  uint64_t local_bytes;  /* of a thread, .param variables of calls and its own among them; likewise */
  uint32_t shared_align, local_align;                       /* of both */
  uint32_t max_threads[3], required_threads[3], min_blocks; /* 0: not said */
} ptx_function;

typedef struct ptx_module {
  unsigned version, target; /* 90 for .version 9.0; 75 for sm_75 */
  const ptx_function *functions;
  const ptx_instruction *code;
  const uint32_t *more;
  ptx_variable *const *variables; /* of the module */
  const char *const *files;       /* of .file, by number; NULL holes */
  uint32_t function_count, code_count, more_count, variable_count, file_count;
  uint64_t global_bytes, const_bytes; /* of the module's variables */
  uint64_t shared_bytes;              /* likewise: of every block, before those of functions */
  const ptx_initial_address *addresses;
  uint32_t address_count;
  void *storage; /* everything above */
} ptx_module;

/* The address of a function, as mov yields it and an indirect call takes it. */
#define PTX_WINDOW_CODE ((uint64_t)0x25 << 56)
static inline uint64_t ptx_function_address(uint32_t function) {
  return PTX_WINDOW_CODE | (uint64_t)(function + 1) << 4;
}

/* Reads and binds a module. NULL: refused; `error` says why, with the line: "line 12: ...". */
ptx_module *ptx_module_read(const char *text, char error[512]);
void ptx_module_free(ptx_module *module);
const ptx_function *ptx_module_find(const ptx_module *module, const char *name); /* an entry, or NULL */
/* The function an instruction belongs to. */
const ptx_function *ptx_module_function_at(const ptx_module *module, uint32_t instruction);

/* ---- binding ---- */

/* One statement on its way to an instruction. Guard, line and source are set already. */
typedef struct ptx_binder ptx_binder;
struct ptx_binder {
  const ptx_statement *statement;
  ptx_instruction *out;
  uint32_t next_part; /* parts before it are taken */
  bool failed;        /* and why was said */
};

/* Says why a statement is refused; returns false, so that a bind function can return it. */
bool ptx_refuse(ptx_binder *binder, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Takes the next part if it is `part`. */
bool ptx_take(ptx_binder *binder, const char *part);
/* Takes the next part if it is one of `parts` (ended by NULL): its index, or -1. */
int ptx_take_one(ptx_binder *binder, const char *const *parts);
/* Takes a type; PTX_TYPE_NONE and a refusal if the next part is none or not in `allowed` (bits 1 << type). */
ptx_type ptx_take_type(ptx_binder *binder, uint32_t allowed);
/* Takes a state space (".shared::cta" is .shared), or yields PTX_GENERIC and takes nothing. */
ptx_space ptx_take_space(ptx_binder *binder);
/* Refuses unless every part was taken and there are so many operands. */
bool ptx_check_end(ptx_binder *binder, uint32_t operands);
/* The row of a source operand read as `type`: a register of that size (or wider, where `wider`), an
   immediate, the address of a variable or a function, a special register. PTX_NO_ROW after a refusal. */
uint32_t ptx_source(ptx_binder *binder, uint32_t operand, ptx_type type);
uint32_t ptx_source_wider(ptx_binder *binder, uint32_t operand, ptx_type type);
uint32_t ptx_source_operand(ptx_binder *binder, const ptx_operand *operand, ptx_type type, bool wider);
/* As ptx_source of a predicate, which may stand as !p; the others refuse that. */
uint32_t ptx_source_negatable(ptx_binder *binder, uint32_t operand, bool *out_negated);
/* The row of a destination; a sink is a row that nobody reads. */
uint32_t ptx_result(ptx_binder *binder, uint32_t operand, ptx_type type);
uint32_t ptx_result_wider(ptx_binder *binder, uint32_t operand, ptx_type type);
uint32_t ptx_result_operand(ptx_binder *binder, const ptx_operand *operand, ptx_type type, bool wider);
/* Appends rows to the module's list; sets out->more at the first call, out->more_count at each. */
void ptx_more(ptx_binder *binder, uint32_t row);
/* A row that holds `bits` in every lane. */
uint32_t ptx_constant(ptx_binder *binder, uint64_t bits);
/* Of [base + offset]: sets out->a to the base's row (a constant 0 row where there is none) and out->offset.
 */
bool ptx_address(ptx_binder *binder, uint32_t operand);
/* The value of an operand that has to be an integer constant (a shuffle's mode, a barrier's number). */
bool ptx_integer(ptx_binder *binder, uint32_t operand, uint64_t *out_value);

/* Binds statements of some opcodes: sets what the instruction's step needs. False: refused. */
typedef bool (*ptx_bind)(ptx_binder *binder);
typedef struct ptx_opcode {
  const char *name;
  ptx_bind bind;
} ptx_opcode;
/* The families, each ended by a NULL name; table.c lists them. */
extern const ptx_opcode ptx_opcodes_integer[], ptx_opcodes_logic[], ptx_opcodes_float[], ptx_opcodes_half[],
    ptx_opcodes_convert[], ptx_opcodes_flow[], ptx_opcodes_warp[], ptx_opcodes_memory[], ptx_opcodes_atomic[],
    ptx_opcodes_tensor[];
ptx_bind ptx_opcode_find(const char *opcode);

#endif
