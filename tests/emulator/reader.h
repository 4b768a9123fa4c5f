/* What the files that read a module share. A refusal ends the reading at once: ptx_fail does not return. */
#ifndef LAZYRT_TESTS_EMULATOR_READER_H
#define LAZYRT_TESTS_EMULATOR_READER_H

#include <setjmp.h>

#include "runtime/base/vector.h"
#include "tests/emulator/arena.h"
#include "tests/emulator/lexer.h"

typedef struct ptx_symbol ptx_symbol;

/* A word of the text, one for all its occurrences. */
typedef struct ptx_name {
  const char *text;
  uint32_t bytes;
  uint32_t hash;
  ptx_symbol *symbol;      /* what it stands for here: the innermost */
  ptx_symbol *range;       /* as the prefix of a range of registers: the innermost */
  struct ptx_name *prefix; /* of "%r12": "%r", and number 12; NULL: no number at its end */
  uint64_t number;
  const struct ptx_form *form; /* read as an opcode with its parts; NULL: was not yet */
  ptx_special special;         /* PTX_SPECIAL_COUNT: none */
} ptx_name;

/* An opcode with its parts: "ld.global.f32". */
typedef struct ptx_form {
  const char *opcode;
  const char *const *parts;
  uint32_t part_count;
  ptx_bind bind; /* NULL: nobody knows it */
} ptx_form;

typedef enum ptx_symbol_kind {
  PTX_SYMBOL_REGISTER,
  PTX_SYMBOL_RANGE, /* %r<9> */
  PTX_SYMBOL_VARIABLE,
  PTX_SYMBOL_FUNCTION,
  PTX_SYMBOL_LABEL,
} ptx_symbol_kind;

struct ptx_symbol {
  ptx_symbol_kind kind;
  ptx_type type;     /* of registers */
  uint32_t width;    /* of registers: of a vector, else 1 */
  uint32_t depth;    /* of its scope */
  uint64_t count;    /* of a range */
  uint32_t row;      /* of a register: PTX_NO_ROW until it is used */
  uint32_t index;    /* of a function, of a label's instruction */
  uint32_t elements; /* of the label of a list of labels */
  const ptx_operand *list;
  ptx_variable *variable;
  ptx_name *name;
  ptx_symbol *outer; /* what the name stands for outside */
  ptx_symbol *next;  /* of the scope */
};

typedef struct ptx_scope {
  ptx_symbol *symbols;
  size_t pending; /* labels asked for before it began */
  uint64_t local; /* memory of a thread in use when it began */
} ptx_scope;

/* An operand that names a label which may still come. Its `bits` hold the ptx_name until then. */
typedef struct ptx_pending {
  ptx_operand *operand;
  uint32_t line;
} ptx_pending;

/* A variable that is said to be defined elsewhere, until it is. */
typedef struct ptx_extern {
  const ptx_variable *variable;
  uint32_t line;
} ptx_extern;

/* A statement of the function that is being read. */
typedef struct ptx_body_statement {
  ptx_statement statement;
  const ptx_form *form;
  uint32_t guard;
  bool guard_negated;
  uint32_t source_line, source_file;
  uint32_t touches_end; /* of what it reads and writes, in ptx_reader.touches */
} ptx_body_statement;

/* A statement reads or writes a register. */
typedef struct ptx_touch {
  uint32_t row;
  bool is_result;
} ptx_touch;

typedef struct ptx_constant_slot {
  const ptx_variable *variable;
  uint64_t bits;
  uint32_t row;
  uint32_t function; /* that filled it, from 1; else it is free */
} ptx_constant_slot;

typedef struct ptx_reader {
  jmp_buf refused;
  char *error;
  ptx_lexer lexer;
  ptx_module module;
  ptx_arena storage; /* the module's */
  ptx_arena work;    /* for as long as the module is read */
  ptx_arena body;    /* for as long as a function is */

  ptx_name **names; /* open addressing */
  size_t name_count, name_slots;
  LAZYI_VECTOR(ptx_scope) scopes;
  LAZYI_VECTOR(ptx_pending) pending;

  LAZYI_VECTOR(ptx_function) functions;
  LAZYI_VECTOR(uint32_t) by_code;      /* of functions with bodies, as they follow in the code */
  LAZYI_VECTOR(ptx_variable *) params; /* a stack, likewise */
  LAZYI_VECTOR(ptx_variable *) variables;
  LAZYI_VECTOR(ptx_initial_address) addresses;
  LAZYI_VECTOR(ptx_instruction) code;
  LAZYI_VECTOR(uint32_t) more;
  LAZYI_VECTOR(const char *) files;
  LAZYI_VECTOR(ptx_operand) operands;  /* a stack of those whose list is not at its end */
  LAZYI_VECTOR(unsigned char) initial; /* the one that is being read */
  uint64_t initial_bytes;              /* of all */
  LAZYI_VECTOR(ptx_extern) externs;

  /* The function that is being read. */
  ptx_function *function; /* NULL: between functions */
  LAZYI_VECTOR(ptx_body_statement) statements;
  LAZYI_VECTOR(struct ptx_constant) constants;
  LAZYI_VECTOR(struct ptx_special_row) specials;
  LAZYI_VECTOR(ptx_constant_slot) slots; /* open addressing, by the constants */
  LAZYI_VECTOR(ptx_touch) touches;
  LAZYI_VECTOR(uint32_t) targets;
  const uint32_t *row_map; /* the row that a register's row became; NULL: itself */
  bool is_looking;         /* statements are bound to see what they touch */
  uint32_t special_rows[PTX_SPECIAL_COUNT];
  uint32_t sink;
  uint32_t bound; /* functions bound so far */
  uint64_t local; /* memory of a thread in use */
  uint32_t source_line, source_file;
  struct ptx_storage *kept; /* what becomes the module */
} ptx_reader;

/* ---- reader.c ---- */
_Noreturn void ptx_fail(ptx_reader *reader, uint32_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
_Noreturn void ptx_fail_memory(ptx_reader *reader);
void *ptx_take_memory(ptx_reader *reader, ptx_arena *arena, size_t bytes);
/* A vector's elements, copied into the module's storage. */
void *ptx_keep(ptx_reader *reader, const void *from, size_t count, size_t element_bytes);
/* lazyi_vector_push that does not return without memory. */
#define ptx_push(reader, vector, ...)                                                        \
  do {                                                                                       \
    if (lazyi_vector_push((vector), __VA_ARGS__) != LAZY_STATUS_OK) ptx_fail_memory(reader); \
  } while (0)

void ptx_next(ptx_reader *reader);
_Noreturn void ptx_unexpected(ptx_reader *reader, const char *wanted);
bool ptx_at_sign(const ptx_reader *reader, char sign);
bool ptx_at_word(const ptx_reader *reader, ptx_token_kind kind, const char *text);
bool ptx_take_sign(ptx_reader *reader, char sign); /* if it is the current token */
bool ptx_take_directive(ptx_reader *reader, const char *text);
void ptx_expect_sign(ptx_reader *reader, char sign);
uint64_t ptx_expect_integer(ptx_reader *reader, uint64_t most);
ptx_name *ptx_expect_name(ptx_reader *reader);

/* ---- names.c ---- */
ptx_name *ptx_name_of(ptx_reader *reader, const char *text, size_t bytes);
/* What a name stands for, or NULL. */
ptx_symbol *ptx_find(ptx_reader *reader, ptx_name *name);
ptx_symbol *ptx_declare(ptx_reader *reader, ptx_name *name, ptx_symbol_kind kind, uint32_t line);
void ptx_scope_open(ptx_reader *reader);
void ptx_scope_close(ptx_reader *reader);
uint32_t ptx_new_rows(ptx_reader *reader, uint32_t count);
ptx_special ptx_special_of(const char *name);

/* ---- value.c ---- */
typedef struct ptx_value {
  ptx_operand_kind kind; /* INTEGER, FLOAT, VARIABLE, FUNCTION */
  ptx_type type;         /* of a FLOAT */
  uint64_t bits;
  double number;
  const ptx_variable *variable;
  uint32_t function;
  bool is_generic;
} ptx_value;
/* A constant expression. */
ptx_value ptx_value_read(ptx_reader *reader);
/* The bits of a number as a value of a type: of an integer its low ones, a float rounded; false: it cannot be
   one. `literal` is the type of a float whose bits are known. */
bool ptx_number_bits(bool is_float, ptx_type literal, uint64_t bits, double number, ptx_type type,
                     uint64_t *out_bits);

/* ---- variable.c ---- */
/* Behind .global, .const, .shared, .local or .param: one variable or some, to the semicolon. */
void ptx_read_variables(ptx_reader *reader, ptx_space space, bool is_extern);
/* Behind .param: one of a function; it has no place yet. Declared unless its name is _ . */
ptx_variable *ptx_read_param(ptx_reader *reader);
/* Gives a variable its place at the end of `*used` bytes. */
void ptx_place(ptx_reader *reader, ptx_variable *variable, uint64_t *used, uint32_t line);
/* Behind .reg, to the semicolon. */
void ptx_read_registers(ptx_reader *reader);

/* ---- initial.c ---- */
/* Behind the = of a variable: its initial value. A first dimension of 0 is what the
   value makes of it. */
typedef struct ptx_dims {
  uint64_t size[8];
  uint32_t count;
} ptx_dims;
void ptx_read_initial(ptx_reader *reader, ptx_variable *variable, ptx_type type, ptx_dims *dims);

/* ---- operand.c ---- */
/* Operands up to `end`, separated by commas, into the memory of the body; passes over `end`. */
const ptx_operand *ptx_read_operands(ptx_reader *reader, char end, uint32_t *out_count);
/* The register's row, which it has from its first use on. */
uint32_t ptx_row_of(ptx_reader *reader, ptx_symbol *symbol);

/* ---- statement.c ---- */
/* A function's body, from its opening brace to the closing one. */
void ptx_read_body(ptx_reader *reader);

/* ---- function.c ---- */
/* Behind .entry or .func, a declaration or a definition. */
void ptx_read_function(ptx_reader *reader, bool is_entry);
/* (.param .b32 a, ...), from the parenthesis on: the variables, kept with the module. */
ptx_variable *const *ptx_read_params(ptx_reader *reader, uint32_t *out_count);

/* ---- source.c ---- */
/* .loc, .file, .pragma and their like, which may stand between functions and within them; false: it is none
   of these. */
bool ptx_read_source(ptx_reader *reader);

/* ---- bind.c ---- */
/* Makes instructions of the statements read. */
void ptx_bind_function(ptx_reader *reader);
/* A row of the function with these bits, to which the address of a variable is added, if there is one. */
uint32_t ptx_constant_row(ptx_reader *reader, const ptx_variable *variable, uint64_t bits);
uint32_t ptx_special_row(ptx_reader *reader, ptx_special special);

/* ---- rows.c ---- */
/* Rows for the registers of the function, from what its statements touch: by the rows they had until now, and
   function->rows becomes how many there are. NULL: all keep theirs. */
uint32_t *ptx_share_rows(ptx_reader *reader);

#endif
