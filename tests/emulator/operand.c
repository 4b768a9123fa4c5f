/* Operands of statements. */
#include <string.h>

#include "tests/emulator/reader.h"

enum { MOST_OPERANDS = 4096, MOST_NESTED = 2 };

static ptx_operand read_operand(ptx_reader *reader, unsigned nested);

uint32_t ptx_row_of(ptx_reader *reader, ptx_symbol *symbol) {
  if (symbol->row == PTX_NO_ROW) symbol->row = ptx_new_rows(reader, symbol->width);
  return symbol->row;
}

/* The operands on the stack from `first` on, copied to where they stay; labels among them are asked for. */
static const ptx_operand *settle(ptx_reader *reader, size_t first, uint32_t line, uint32_t *out_count) {
  const size_t count = reader->operands.count - first;
  ptx_operand *kept = ptx_take_memory(reader, &reader->body, count * sizeof *kept);
  if (count > 0) memcpy(kept, reader->operands.at + first, count * sizeof *kept);
  for (size_t i = 0; i < count; i++) {
    if (kept[i].kind == PTX_OPERAND_LABEL) ptx_push(reader, &reader->pending, (ptx_pending){&kept[i], line});
  }
  reader->operands.count = first;
  *out_count = (uint32_t)count;
  return kept;
}

static const ptx_operand *read_list(ptx_reader *reader, char end, unsigned nested, uint32_t *out_count) {
  const uint32_t line = reader->lexer.token.line;
  const size_t first = reader->operands.count;
  if (!ptx_take_sign(reader, end)) {
    do {
      const ptx_operand operand = read_operand(reader, nested);
      if (reader->operands.count - first == MOST_OPERANDS)
        ptx_fail(reader, line, "more than %d operands", (int)MOST_OPERANDS);
      ptx_push(reader, &reader->operands, operand);
    } while (ptx_take_sign(reader, ','));
    ptx_expect_sign(reader, end);
  }
  return settle(reader, first, line, out_count);
}

const ptx_operand *ptx_read_operands(ptx_reader *reader, char end, uint32_t *out_count) {
  return read_list(reader, end, 0, out_count);
}

static ptx_operand vector_of_register(ptx_reader *reader, ptx_symbol *symbol) {
  const size_t first = reader->operands.count;
  const uint32_t row = ptx_row_of(reader, symbol);
  for (uint32_t i = 0; i < symbol->width; i++) {
    const ptx_operand element = {.kind = PTX_OPERAND_REGISTER, .type = symbol->type, .row = row + i};
    ptx_push(reader, &reader->operands, element);
  }
  ptx_operand vector = {.kind = PTX_OPERAND_VECTOR};
  vector.elements = settle(reader, first, reader->lexer.token.line, &vector.count);
  return vector;
}

/* Behind a register's name: of a vector maybe the element, v.x . */
static ptx_operand read_register(ptx_reader *reader, ptx_symbol *symbol) {
  static const char *const elements[] = {".x", ".y", ".z", ".w", ".r", ".g", ".b", ".a"};
  if (symbol->width > 1) {
    for (uint32_t i = 0; i < sizeof elements / sizeof *elements; i++) {
      if (i % 4 >= symbol->width || !ptx_take_directive(reader, elements[i])) continue;
      return (ptx_operand){
          .kind = PTX_OPERAND_REGISTER, .type = symbol->type, .row = ptx_row_of(reader, symbol) + i % 4};
    }
    return vector_of_register(reader, symbol);
  }
  return (ptx_operand){.kind = PTX_OPERAND_REGISTER, .type = symbol->type, .row = ptx_row_of(reader, symbol)};
}

static ptx_type special_type(ptx_special special) {
  const bool is_wide = special == PTX_GRIDID || special == PTX_CLOCK64 || special == PTX_GLOBALTIMER;
  return is_wide ? PTX_U64 : PTX_U32;
}

/* %laneid, or %tid with its .x; `token` is passed over. */
static bool read_special(ptx_reader *reader, const ptx_token *token, const ptx_name *name, ptx_operand *out) {
  ptx_special special = name->special;
  const ptx_token *behind = &reader->lexer.token;
  if (behind->kind == PTX_TOKEN_DIRECTIVE && behind->start == token->start + token->bytes &&
      behind->bytes == 2) {
    special = ptx_name_of(reader, token->start, token->bytes + 2)->special;
    if (special != PTX_SPECIAL_COUNT) ptx_next(reader);
  }
  if (special == PTX_SPECIAL_COUNT) return false;
  *out = (ptx_operand){.kind = PTX_OPERAND_SPECIAL, .special = special, .type = special_type(special)};
  return true;
}

static ptx_operand operand_of(const ptx_value *value) {
  return (ptx_operand){.kind = value->kind,
                       .type = value->type,
                       .index = value->function,
                       .bits = value->bits,
                       .number = value->number,
                       .variable = value->variable};
}

static ptx_operand read_constant(ptx_reader *reader) {
  const uint32_t line = reader->lexer.token.line;
  const ptx_value value = ptx_value_read(reader);
  if (value.is_generic) ptx_fail(reader, line, "generic() is for initial values");
  return operand_of(&value);
}

/* A name: of a register, of a variable or function (and a number added), of a label. */
static ptx_operand read_name(ptx_reader *reader) {
  const ptx_lexer before = reader->lexer;
  const ptx_token token = before.token;
  ptx_name *name = ptx_expect_name(reader);
  if (strcmp(name->text, "_") == 0) return (ptx_operand){.kind = PTX_OPERAND_SINK};
  ptx_symbol *symbol = ptx_find(reader, name);
  if (symbol != NULL && symbol->kind == PTX_SYMBOL_REGISTER) return read_register(reader, symbol);
  if (symbol == NULL) {
    ptx_operand special;
    if (*name->text == '%') {
      if (read_special(reader, &token, name, &special)) return special;
      ptx_fail(reader, token.line, "'%s' is not declared, and no special register that is known", name->text);
    }
    if (strcmp(name->text, "WARP_SZ") != 0)
      return (ptx_operand){.kind = PTX_OPERAND_LABEL, .bits = (uintptr_t)name};
  } else if (symbol->kind == PTX_SYMBOL_LABEL) {
    return (ptx_operand){.kind = PTX_OPERAND_LABEL, .bits = (uintptr_t)name};
  }
  reader->lexer = before;
  return read_constant(reader);
}

/* Behind the [ : base, offset, ]. */
static ptx_operand read_address(ptx_reader *reader, unsigned nested) {
  const uint32_t line = reader->lexer.token.line;
  const size_t first = reader->operands.count;
  ptx_operand base = read_operand(reader, nested);
  ptx_operand address = {.kind = PTX_OPERAND_ADDRESS};
  switch (base.kind) {
    case PTX_OPERAND_VARIABLE:
    case PTX_OPERAND_INTEGER:
      address.bits = base.bits;
      base.bits = 0;
      break;
    case PTX_OPERAND_REGISTER:
      if (ptx_at_sign(reader, '+') || ptx_at_sign(reader, '-')) {
        const bool is_negative = ptx_take_sign(reader, '-');
        if (!is_negative) ptx_next(reader);
        const ptx_value offset = ptx_value_read(reader);
        if (offset.kind != PTX_OPERAND_INTEGER) ptx_fail(reader, line, "an offset that is no number");
        address.bits = is_negative ? -offset.bits : offset.bits;
      }
      break;
    case PTX_OPERAND_LABEL:
      ptx_fail(reader, line, "'%s' is not declared", ((const ptx_name *)(uintptr_t)base.bits)->text);
    default: ptx_fail(reader, line, "an address of a kind that is not supported");
  }
  if (base.negated) ptx_fail(reader, line, "'!' before an address");
  if (!ptx_at_sign(reader, ']')) ptx_unexpected(reader, "']'");
  ptx_next(reader);
  ptx_push(reader, &reader->operands, base);
  address.elements = settle(reader, first, line, &address.count);
  return address;
}

static ptx_operand read_vector(ptx_reader *reader, char end, unsigned nested) {
  ptx_operand vector = {.kind = PTX_OPERAND_VECTOR};
  vector.elements = read_list(reader, end, nested, &vector.count);
  return vector;
}

/* p|q */
static ptx_operand read_pair(ptx_reader *reader, const ptx_operand *left, unsigned nested) {
  const uint32_t line = reader->lexer.token.line;
  const size_t first = reader->operands.count;
  ptx_push(reader, &reader->operands, *left);
  const ptx_operand right = read_operand(reader, nested);
  if ((left->kind != PTX_OPERAND_REGISTER && left->kind != PTX_OPERAND_SINK) ||
      (right.kind != PTX_OPERAND_REGISTER && right.kind != PTX_OPERAND_SINK))
    ptx_fail(reader, line, "a pair that is not of registers");
  ptx_push(reader, &reader->operands, right);
  ptx_operand pair = {.kind = PTX_OPERAND_PAIR};
  pair.elements = settle(reader, first, line, &pair.count);
  return pair;
}

static ptx_operand read_operand(ptx_reader *reader, unsigned nested) {
  const ptx_token token = reader->lexer.token;
  if (nested > MOST_NESTED) ptx_fail(reader, token.line, "operands within operands of too many levels");
  if (token.kind == PTX_TOKEN_WORD) {
    ptx_operand operand = read_name(reader);
    return ptx_take_sign(reader, '|') ? read_pair(reader, &operand, nested + 1) : operand;
  }
  if (ptx_take_sign(reader, '[')) return read_address(reader, nested + 1);
  if (ptx_take_sign(reader, '{')) return read_vector(reader, '}', nested + 1);
  if (ptx_at_sign(reader, '!')) {
    const char behind = ptx_lexer_peek(&reader->lexer);
    if (behind == '%' || behind == '_' || behind == '$' ||
        ((behind | 0x20) >= 'a' && (behind | 0x20) <= 'z')) {
      ptx_next(reader);
      ptx_operand operand = read_name(reader);
      if (operand.kind != PTX_OPERAND_REGISTER) ptx_fail(reader, token.line, "'!' is for registers");
      operand.negated = true;
      return operand;
    }
  }
  /* of a call; elsewhere a parenthesis begins an expression */
  if (ptx_at_sign(reader, '(')) {
    const char behind = ptx_lexer_peek(&reader->lexer);
    const bool is_number =
        (behind >= '0' && behind <= '9') || (behind != '\0' && strchr("-+~!(", behind) != NULL);
    if (!is_number) {
      ptx_next(reader);
      return read_vector(reader, ')', nested + 1);
    }
  }
  return read_constant(reader);
}
