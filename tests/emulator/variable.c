/* Declarations: variables, parameters, registers. */
#include <string.h>

#include "tests/emulator/reader.h"

enum { MOST_ALIGN = 1 << 16 };

/* The most there is of each space. */
static uint64_t most_bytes(ptx_space space) {
  switch (space) {
    case PTX_CONST: return 64 << 10;
    case PTX_LOCAL: return 512 << 10;
    case PTX_PARAM: return 32764;
    case PTX_SHARED: return 1 << 20;
    default: return UINT64_C(1) << 40;
  }
}

void ptx_place(ptx_reader *reader, ptx_variable *variable, uint64_t *used, uint32_t line) {
  const uint64_t most = most_bytes(variable->is_of_call ? PTX_LOCAL : variable->space);
  variable->offset = (*used + variable->align - 1) & ~(uint64_t)(variable->align - 1);
  if (variable->bytes > most || variable->offset > most - variable->bytes)
    ptx_fail(reader, line, "'%s': more than the %llu bytes that there may be", variable->name,
             (unsigned long long)most);
  *used = variable->offset + variable->bytes;
}

/* What stands before the names of a declaration. */
typedef struct kind {
  ptx_type type;
  uint32_t align, width;
} kind;

static ptx_type read_type(ptx_reader *reader) {
  const ptx_token *token = &reader->lexer.token;
  char name[16] = "";
  if (token->bytes - 1 < sizeof name) memcpy(name, token->start + 1, token->bytes - 1);
  return ptx_type_of(name);
}

/* .attribute(.managed) and its like say where memory lies, which is all the same here. */
static void skip_attribute(ptx_reader *reader) {
  const uint32_t line = reader->lexer.token.line;
  ptx_expect_sign(reader, '(');
  while (!ptx_take_sign(reader, ')')) {
    if (reader->lexer.token.kind == PTX_TOKEN_END) ptx_fail(reader, line, "an .attribute without end");
    ptx_next(reader);
  }
}

static void read_align(ptx_reader *reader, uint32_t *out_align) {
  const uint32_t line = reader->lexer.token.line;
  const uint64_t align = ptx_expect_integer(reader, MOST_ALIGN);
  if (align == 0 || (align & (align - 1)) != 0)
    ptx_fail(reader, line, ".align %llu is no power of two", (unsigned long long)align);
  *out_align = (uint32_t)align;
}

/* .ptr .global .align 4: what a parameter points to, of no use here. */
static void skip_pointed(ptx_reader *reader) {
  uint32_t align;
  if (!ptx_take_directive(reader, ".global") && !ptx_take_directive(reader, ".shared") &&
      !ptx_take_directive(reader, ".const"))
    ptx_take_directive(reader, ".local");
  if (ptx_take_directive(reader, ".align")) read_align(reader, &align);
}

static kind read_kind(ptx_reader *reader) {
  kind read = {PTX_TYPE_NONE, 0, 1};
  while (reader->lexer.token.kind == PTX_TOKEN_DIRECTIVE) {
    const ptx_token token = reader->lexer.token;
    if (ptx_take_directive(reader, ".align")) {
      read_align(reader, &read.align);
    } else if (ptx_take_directive(reader, ".attribute")) {
      skip_attribute(reader);
    } else if (ptx_take_directive(reader, ".ptr")) {
      skip_pointed(reader);
    } else if (ptx_take_directive(reader, ".v2")) {
      read.width = 2;
    } else if (ptx_take_directive(reader, ".v4")) {
      read.width = 4;
    } else if (read.type == PTX_TYPE_NONE && (read.type = read_type(reader)) != PTX_TYPE_NONE) {
      ptx_next(reader);
    } else {
      ptx_fail(reader, token.line, "'%.*s' is not supported in a declaration", (int)token.bytes, token.start);
    }
  }
  if (read.type == PTX_TYPE_NONE) ptx_unexpected(reader, "a type");
  return read;
}

/* Of a variable in memory. */
static kind read_memory_kind(ptx_reader *reader) {
  const uint32_t line = reader->lexer.token.line;
  kind read = read_kind(reader);
  if (read.type == PTX_PRED) ptx_fail(reader, line, "a predicate is a register");
  if (read.align == 0) read.align = ptx_type_bytes(read.type) * read.width;
  return read;
}

/* [3][2]: the product of the dimensions; 0 if the first one is open. */
static uint64_t read_dims(ptx_reader *reader, ptx_dims *dims) {
  uint64_t product = 1;
  while (ptx_at_sign(reader, '[')) {
    const uint32_t line = reader->lexer.token.line;
    ptx_next(reader);
    if (dims->count == sizeof dims->size / sizeof *dims->size - 1)
      ptx_fail(reader, line, "an array of more than %u dimensions", dims->count);
    uint64_t size = 0;
    if (!ptx_at_sign(reader, ']')) {
      const ptx_value value = ptx_value_read(reader);
      size = value.bits;
      if (value.kind != PTX_OPERAND_INTEGER || size > UINT64_C(1) << 40)
        ptx_fail(reader, line, "not the size of an array");
    }
    if (size == 0 && dims->count > 0) ptx_fail(reader, line, "only the first dimension may be open");
    ptx_expect_sign(reader, ']');
    dims->size[dims->count++] = size;
    if (__builtin_mul_overflow(product, size, &product) || product > UINT64_C(1) << 40)
      ptx_fail(reader, line, "an array of more than 2^40 elements");
  }
  return product;
}

static ptx_variable *new_variable(ptx_reader *reader, const ptx_name *name, ptx_space space, const kind *read,
                                  uint64_t elements) {
  ptx_variable *variable = ptx_take_memory(reader, &reader->storage, sizeof *variable);
  *variable = (ptx_variable){.name = ptx_keep(reader, name->text, name->bytes + 1, 1),
                             .space = space,
                             .align = read->align,
                             .bytes = elements * read->width * ptx_type_bytes(read->type)};
  return variable;
}

ptx_variable *ptx_read_param(ptx_reader *reader) {
  const uint32_t line = reader->lexer.token.line;
  const kind read = read_memory_kind(reader);
  ptx_name *name = ptx_expect_name(reader);
  ptx_dims dims = {.count = 0};
  const uint64_t elements = read_dims(reader, &dims);
  if (elements == 0) ptx_fail(reader, line, "'%s': a parameter of unknown size", name->text);
  ptx_variable *variable = new_variable(reader, name, PTX_PARAM, &read, elements);
  if (strcmp(name->text, "_") != 0) ptx_declare(reader, name, PTX_SYMBOL_VARIABLE, line)->variable = variable;
  return variable;
}

/* Where a variable lies, as far as it is known by now. */
static void place(ptx_reader *reader, ptx_variable *variable, uint32_t line) {
  ptx_function *function = reader->function;
  uint64_t *used;
  if (variable->space == PTX_GLOBAL) {
    used = &reader->module.global_bytes;
  } else if (variable->space == PTX_CONST) {
    used = &reader->module.const_bytes;
  } else if (function == NULL) {
    used = &reader->module.shared_bytes;
  } else if (variable->space == PTX_SHARED) {
    used = &function->shared_bytes;
    if (function->shared_align < variable->align) function->shared_align = variable->align;
  } else {
    used = &reader->local;
    if (function->local_align < variable->align) function->local_align = variable->align;
  }
  ptx_place(reader, variable, used, line);
  if (function != NULL && function->local_bytes < reader->local) function->local_bytes = reader->local;
}

/* The variable that was declared as defined elsewhere, or NULL. */
static ptx_variable *declared_before(ptx_reader *reader, ptx_name *name, ptx_space space, uint32_t line) {
  const ptx_symbol *symbol = ptx_find(reader, name);
  if (symbol == NULL || symbol->depth != reader->scopes.count - 1 || symbol->kind != PTX_SYMBOL_VARIABLE ||
      !symbol->variable->is_extern)
    return NULL;
  if (symbol->variable->space != space)
    ptx_fail(reader, line, "'%s' was declared in another state space", name->text);
  return symbol->variable;
}

static void read_variable(ptx_reader *reader, ptx_space space, const kind *read, bool is_extern) {
  const uint32_t line = reader->lexer.token.line;
  ptx_name *name = ptx_expect_name(reader);
  ptx_dims dims = {.count = 0};
  const uint64_t elements = read_dims(reader, &dims);
  ptx_variable *variable = declared_before(reader, name, space, line);
  if (variable == NULL) {
    variable = new_variable(reader, name, space, read, elements);
    variable->is_of_module = reader->function == NULL || space == PTX_GLOBAL || space == PTX_CONST;
    variable->is_of_call = space == PTX_PARAM;
    variable->is_extern = is_extern;
    ptx_declare(reader, name, PTX_SYMBOL_VARIABLE, line)->variable = variable;
    if (variable->is_of_module) ptx_push(reader, &reader->variables, variable);
    if (is_extern && space != PTX_SHARED) ptx_push(reader, &reader->externs, (ptx_extern){variable, line});
  }
  if (is_extern) {
    if (space == PTX_SHARED) variable->bytes = 0; /* what the launch gives */
    return;
  }
  variable->is_extern = false;
  variable->align = read->align;
  variable->bytes = elements * read->width * ptx_type_bytes(read->type);
  if (read->width > 1) dims.size[dims.count++] = read->width;
  if (ptx_take_sign(reader, '=')) {
    if (space != PTX_GLOBAL && space != PTX_CONST)
      ptx_fail(reader, line, "'%s': only .global and .const variables have initial values", name->text);
    ptx_read_initial(reader, variable, read->type, &dims);
  } else if (elements == 0) {
    ptx_fail(reader, line, "'%s': an array of unknown size", name->text);
  }
  place(reader, variable, line);
}

void ptx_read_variables(ptx_reader *reader, ptx_space space, bool is_extern) {
  const uint32_t line = reader->lexer.token.line;
  if (reader->function == NULL && (space == PTX_LOCAL || space == PTX_PARAM))
    ptx_fail(reader, line, "a variable of a thread outside of functions");
  if (is_extern && space != PTX_GLOBAL && space != PTX_CONST && space != PTX_SHARED)
    ptx_fail(reader, line, "an .extern variable of a thread");
  const kind read = read_memory_kind(reader);
  do read_variable(reader, space, &read, is_extern);
  while (ptx_take_sign(reader, ','));
  ptx_expect_sign(reader, ';');
}

static void read_register(ptx_reader *reader, const kind *read) {
  const uint32_t line = reader->lexer.token.line;
  ptx_name *name = ptx_expect_name(reader);
  ptx_symbol_kind symbol_kind = PTX_SYMBOL_REGISTER;
  uint64_t count = 1;
  if (ptx_take_sign(reader, '<')) {
    symbol_kind = PTX_SYMBOL_RANGE;
    count = ptx_expect_integer(reader, 1 << 20);
    ptx_expect_sign(reader, '>');
    const char last = name->text[name->bytes - 1];
    if (last >= '0' && last <= '9')
      ptx_fail(reader, line, "'%s<..>': a digit before the numbers is not supported", name->text);
  }
  ptx_symbol *symbol = ptx_declare(reader, name, symbol_kind, line);
  symbol->type = read->type;
  symbol->width = read->width;
  symbol->count = count;
}

void ptx_read_registers(ptx_reader *reader) {
  const uint32_t line = reader->lexer.token.line;
  const kind read = read_kind(reader);
  if (ptx_type_bytes(read.type) > 8) ptx_fail(reader, line, "registers of 128 bits are not supported");
  do read_register(reader, &read);
  while (ptx_take_sign(reader, ','));
  ptx_expect_sign(reader, ';');
}
