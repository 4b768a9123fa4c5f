/* Constant expressions: numbers, and addresses of variables with a number added. */
#include <string.h>

#include "tests/emulator/reader.h"

enum { MOST_NESTED = 100 };

static ptx_value read_level(ptx_reader *reader, unsigned level, unsigned nested);

static ptx_value integer(uint64_t bits) { return (ptx_value){.kind = PTX_OPERAND_INTEGER, .bits = bits}; }

/* A name, behind it (for `generic`): the address of what it stands for. */
static ptx_value read_address(ptx_reader *reader) {
  const uint32_t line = reader->lexer.token.line;
  ptx_name *name = ptx_expect_name(reader);
  if (strcmp(name->text, "WARP_SZ") == 0) return integer(PTX_LANES);
  const ptx_symbol *symbol = ptx_find(reader, name);
  if (symbol == NULL && strcmp(name->text, "generic") == 0) {
    ptx_expect_sign(reader, '(');
    ptx_value value = read_address(reader);
    if (value.kind != PTX_OPERAND_VARIABLE) ptx_fail(reader, line, "generic() takes a variable");
    ptx_expect_sign(reader, ')');
    value.is_generic = true;
    return value;
  }
  if (symbol == NULL) ptx_fail(reader, line, "'%s' is not declared", name->text);
  if (symbol->kind == PTX_SYMBOL_FUNCTION)
    return (ptx_value){.kind = PTX_OPERAND_FUNCTION, .function = symbol->index};
  if (symbol->kind != PTX_SYMBOL_VARIABLE) ptx_fail(reader, line, "'%s' is not constant", name->text);
  return (ptx_value){.kind = PTX_OPERAND_VARIABLE, .variable = symbol->variable};
}

static void want_integer(ptx_reader *reader, const ptx_value *value, uint32_t line) {
  if (value->kind != PTX_OPERAND_INTEGER) ptx_fail(reader, line, "an integer is expected here");
}

static ptx_value read_unary(ptx_reader *reader, unsigned nested) {
  const ptx_token token = reader->lexer.token;
  if (nested > MOST_NESTED) ptx_fail(reader, token.line, "an expression of too many levels");
  if (token.kind == PTX_TOKEN_WORD) return read_address(reader);
  if (token.kind == PTX_TOKEN_INTEGER) {
    ptx_next(reader);
    return integer(token.bits);
  }
  if (token.kind == PTX_TOKEN_FLOAT) {
    ptx_next(reader);
    return (ptx_value){
        .kind = PTX_OPERAND_FLOAT, .type = token.type, .bits = token.bits, .number = token.number};
  }
  if (token.kind != PTX_TOKEN_SIGN || strchr("(-+~!", *token.start) == NULL)
    ptx_unexpected(reader, "a constant");
  ptx_next(reader);
  if (*token.start == '(') {
    const ptx_value value = read_level(reader, 0, nested + 1);
    ptx_expect_sign(reader, ')');
    return value;
  }
  ptx_value value = read_unary(reader, nested + 1);
  if (*token.start == '-' && value.kind == PTX_OPERAND_FLOAT && value.type == PTX_TYPE_NONE) {
    value.number = -value.number;
    return value;
  }
  want_integer(reader, &value, token.line);
  switch (*token.start) {
    case '-': value.bits = -value.bits; break;
    case '~': value.bits = ~value.bits; break;
    case '!': value.bits = value.bits == 0; break;
    default: break;
  }
  return value;
}

/* Operators by level, those that bind least first; longer ones before their beginnings. */
static const char *const levels[][5] = {
    {"||"},       {"&&"},     {"|"},          {"^"}, {"&"}, {"==", "!="}, {"<=", ">=", "<", ">"},
    {"<<", ">>"}, {"+", "-"}, {"*", "/", "%"}};
enum { LEVELS = sizeof levels / sizeof *levels };

/* The sign of a level that stands here, passed over; NULL: none. */
static const char *take_operator(ptx_reader *reader, unsigned level) {
  const ptx_token *token = &reader->lexer.token;
  if (token->kind != PTX_TOKEN_SIGN || strchr("|^&=!<>+-*/%", *token->start) == NULL) return NULL;
  for (const char *const *each = levels[level]; each - levels[level] < 5 && *each != NULL; each++) {
    const size_t bytes = strlen(*each);
    if (strncmp(token->start, *each, bytes) != 0) continue;
    /* | and & and < and > are no halves of the longer ones */
    if (bytes == 1 && strchr("|&<>", **each) != NULL && token->start[1] == **each) continue;
    for (size_t i = 0; i < bytes; i++) ptx_next(reader);
    return *each;
  }
  return NULL;
}

static uint64_t divide(ptx_reader *reader, uint64_t a, uint64_t b, bool want_rest, uint32_t line) {
  if (b == 0) ptx_fail(reader, line, "division by zero");
  if (b == UINT64_MAX) return want_rest ? 0 : -a; /* by -1: the quotient of the least number is itself */
  return (uint64_t)(want_rest ? (int64_t)a % (int64_t)b : (int64_t)a / (int64_t)b);
}

static uint64_t combine(ptx_reader *reader, const char *sign, uint64_t a, uint64_t b, uint32_t line) {
  const int64_t signed_a = (int64_t)a, signed_b = (int64_t)b;
  const bool is_double = sign[1] != '\0';
  switch (*sign) {
    case '|': return is_double ? (a != 0 || b != 0) : (a | b);
    case '&': return is_double ? (a != 0 && b != 0) : (a & b);
    case '^': return a ^ b;
    case '=': return a == b;
    case '!': return a != b;
    case '<':
      if (!is_double) return signed_a < signed_b;
      if (sign[1] == '=') return signed_a <= signed_b;
      return b > 63 ? 0 : a << b;
    case '>':
      if (!is_double) return signed_a > signed_b;
      if (sign[1] == '=') return signed_a >= signed_b;
      return (uint64_t)(signed_a >> (b > 63 ? 63 : b));
    case '+': return a + b;
    case '-': return a - b;
    case '*': return a * b;
    default: return divide(reader, a, b, *sign == '%', line);
  }
}

static ptx_value read_level(ptx_reader *reader, unsigned level, unsigned nested) {
  if (level == LEVELS) return read_unary(reader, nested);
  ptx_value value = read_level(reader, level + 1, nested);
  for (;;) {
    const uint32_t line = reader->lexer.token.line;
    const char *sign = take_operator(reader, level);
    if (sign == NULL) return value;
    ptx_value right = read_level(reader, level + 1, nested);
    if (*sign == '+' && value.kind == PTX_OPERAND_INTEGER && right.kind == PTX_OPERAND_VARIABLE) {
      const ptx_value left = value;
      value = right;
      right = left;
    }
    want_integer(reader, &right, line);
    if (value.kind != PTX_OPERAND_VARIABLE || (*sign != '+' && *sign != '-'))
      want_integer(reader, &value, line);
    value.bits = combine(reader, sign, value.bits, right.bits, line);
  }
}

ptx_value ptx_value_read(ptx_reader *reader) { return read_level(reader, 0, 0); }

static uint64_t float_bits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static uint64_t double_bits(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

bool ptx_number_bits(bool is_float, ptx_type literal, uint64_t bits, double number, ptx_type type,
                     uint64_t *out_bits) {
  const unsigned bytes = ptx_type_bytes(type);
  if (!is_float) {
    if (type == PTX_F32 || type == PTX_F64) return false;
    if (type == PTX_PRED) bits = bits != 0;
    *out_bits = bytes < 8 ? bits & ((UINT64_C(1) << bytes * 8) - 1) : bits;
    return true;
  }
  if (type >= PTX_U8 && type <= PTX_S64) return false;
  if (bytes == 4 && type != PTX_F16X2 && type != PTX_BF16X2) {
    *out_bits = literal == PTX_F32 ? bits : float_bits((float)number);
    return true;
  }
  if (bytes == 8) {
    *out_bits = literal == PTX_F64 ? bits : double_bits(number);
    return true;
  }
  return false;
}
