/* The words in which instructions are bound. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tests/emulator/bind.h"

static ptx_reader *reader_of(ptx_binder *binder) { return ((ptx_reader_binder *)binder)->reader; }

/* ---- refusals and parts ---- */

bool ptx_refuse(ptx_binder *binder, const char *format, ...) {
  enum { ERROR_BYTES = 512 };
  if (binder->failed) return false; /* the first reason counts */
  const ptx_statement *statement = binder->statement;
  char *error = reader_of(binder)->error;
  binder->failed = true;
  size_t used = (size_t)snprintf(error, ERROR_BYTES, "line %u: %.100s", statement->line, statement->opcode);
  for (uint32_t i = 0; i < statement->part_count && used < ERROR_BYTES / 2; i++)
    used += (size_t)snprintf(error + used, ERROR_BYTES - used, ".%.100s", statement->parts[i]);
  used += (size_t)snprintf(error + used, ERROR_BYTES - used, ": ");
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error + used, ERROR_BYTES - used, format, arguments);
  va_end(arguments);
  return false;
}

bool ptx_take(ptx_binder *binder, const char *part) {
  const ptx_statement *statement = binder->statement;
  if (binder->next_part >= statement->part_count || strcmp(statement->parts[binder->next_part], part) != 0)
    return false;
  binder->next_part++;
  return true;
}

int ptx_take_one(ptx_binder *binder, const char *const *parts) {
  for (int i = 0; parts[i] != NULL; i++) {
    if (ptx_take(binder, parts[i])) return i;
  }
  return -1;
}

ptx_type ptx_take_type(ptx_binder *binder, uint32_t allowed) {
  const ptx_statement *statement = binder->statement;
  if (binder->next_part >= statement->part_count) {
    (void)ptx_refuse(binder, "a type is missing");
    return PTX_TYPE_NONE;
  }
  const char *part = statement->parts[binder->next_part];
  const ptx_type type = ptx_type_of(part);
  if (type == PTX_TYPE_NONE || (allowed >> type & 1) == 0) {
    (void)ptx_refuse(binder, "'.%.100s' is no type that it takes here", part);
    return PTX_TYPE_NONE;
  }
  binder->next_part++;
  return type;
}

ptx_space ptx_take_space(ptx_binder *binder) {
  static const char *const names[] = {"global", "shared",       "shared::cta", "local", "const",
                                      "param",  "param::entry", "param::func", NULL};
  static const ptx_space spaces[] = {PTX_GLOBAL, PTX_SHARED, PTX_SHARED, PTX_LOCAL,
                                     PTX_CONST,  PTX_PARAM,  PTX_PARAM,  PTX_PARAM};
  const int taken = ptx_take_one(binder, names);
  return taken < 0 ? PTX_GENERIC : spaces[taken];
}

bool ptx_check_end(ptx_binder *binder, uint32_t operands) {
  const ptx_statement *statement = binder->statement;
  if (binder->next_part < statement->part_count)
    return ptx_refuse(binder, "'.%.100s' is not supported here", statement->parts[binder->next_part]);
  if (statement->operand_count != operands)
    return ptx_refuse(binder, "it takes %u operands, not %u", operands, statement->operand_count);
  return true;
}

/* ---- operands ---- */

static bool is_integer(ptx_type type) { return type >= PTX_U8 && type <= PTX_S64; }
static bool is_number(ptx_type type) { return type == PTX_F32 || type == PTX_F64; }

/* Whether a register of a type may be read or written as `type`. */
static bool check_type(ptx_binder *binder, ptx_type found, ptx_type type, bool wider) {
  const unsigned found_bytes = ptx_type_bytes(found), bytes = ptx_type_bytes(type);
  const bool is_same_kind = (found == PTX_PRED) == (type == PTX_PRED);
  const bool fits = wider ? found_bytes >= bytes : found_bytes == bytes;
  const bool is_mixed = (is_number(found) && is_integer(type)) || (is_integer(found) && is_number(type));
  if (!is_same_kind || !fits || (is_mixed && !wider))
    return ptx_refuse(binder, "an operand's register has not the type that is wanted");
  return true;
}

static const ptx_operand *operand_at(ptx_binder *binder, uint32_t operand) {
  if (operand < binder->statement->operand_count) return &binder->statement->operands[operand];
  (void)ptx_refuse(binder, "operand %u is missing", operand + 1);
  return NULL;
}

static uint32_t number_row(ptx_binder *binder, const ptx_operand *operand, ptx_type type) {
  uint64_t bits;
  if (!ptx_number_bits(operand->kind == PTX_OPERAND_FLOAT, operand->type, operand->bits, operand->number,
                       type, &bits)) {
    (void)ptx_refuse(binder, "a number that an operand's type cannot hold");
    return PTX_NO_ROW;
  }
  return ptx_constant(binder, bits);
}

static uint32_t special_row(ptx_binder *binder, ptx_special special, ptx_type type) {
  const unsigned bytes = ptx_type_bytes(type);
  const bool is_short = special <= PTX_NCTAID_Z; /* which once had 16 bits */
  const bool is_wide = special == PTX_GRIDID;
  if (special >= PTX_SPECIAL_FIRST_CHANGING) (void)ptx_refuse(binder, "a clock is read by mov alone");
  else if (type == PTX_PRED || !(bytes == 4 || (bytes == 2 && is_short) || (bytes == 8 && is_wide)))
    (void)ptx_refuse(binder, "a special register of another size");
  else return ptx_special_row(reader_of(binder), special);
  return PTX_NO_ROW;
}

static uint32_t register_row(ptx_binder *binder, const ptx_operand *operand, bool is_result) {
  ptx_reader *reader = reader_of(binder);
  if (reader->is_looking) ptx_push(reader, &reader->touches, (ptx_touch){operand->row, is_result});
  return reader->row_map == NULL ? operand->row : reader->row_map[operand->row];
}

static uint32_t source(ptx_binder *binder, const ptx_operand *operand, ptx_type type, bool wider) {
  switch (operand->kind) {
    case PTX_OPERAND_REGISTER:
      return check_type(binder, operand->type, type, wider) ? register_row(binder, operand, false)
                                                            : PTX_NO_ROW;
    case PTX_OPERAND_INTEGER:
    case PTX_OPERAND_FLOAT: return number_row(binder, operand, type);
    case PTX_OPERAND_SPECIAL: return special_row(binder, operand->special, type);
    case PTX_OPERAND_VARIABLE:
      if (ptx_type_bytes(type) >= 4 && !is_number(type))
        return ptx_constant_row(reader_of(binder), operand->variable, operand->bits);
      (void)ptx_refuse(binder, "an address is no number of this type");
      return PTX_NO_ROW;
    case PTX_OPERAND_FUNCTION:
      if (ptx_type_bytes(type) == 8 && !is_number(type))
        return ptx_constant(binder, ptx_function_address(operand->index));
      (void)ptx_refuse(binder, "a function's address has 64 bits");
      return PTX_NO_ROW;
    default: (void)ptx_refuse(binder, "an operand of another kind is expected"); return PTX_NO_ROW;
  }
}

uint32_t ptx_source_operand(ptx_binder *binder, const ptx_operand *operand, ptx_type type, bool wider) {
  if (!operand->negated) return source(binder, operand, type, wider);
  (void)ptx_refuse(binder, "'!' before an operand that takes none");
  return PTX_NO_ROW;
}

uint32_t ptx_source(ptx_binder *binder, uint32_t operand, ptx_type type) {
  const ptx_operand *at = operand_at(binder, operand);
  return at == NULL ? PTX_NO_ROW : ptx_source_operand(binder, at, type, false);
}

uint32_t ptx_source_wider(ptx_binder *binder, uint32_t operand, ptx_type type) {
  const ptx_operand *at = operand_at(binder, operand);
  return at == NULL ? PTX_NO_ROW : ptx_source_operand(binder, at, type, true);
}

uint32_t ptx_source_negatable(ptx_binder *binder, uint32_t operand, bool *out_negated) {
  const ptx_operand *at = operand_at(binder, operand);
  if (at == NULL) return PTX_NO_ROW;
  *out_negated = at->negated;
  return source(binder, at, PTX_PRED, false);
}

uint32_t ptx_result_operand(ptx_binder *binder, const ptx_operand *operand, ptx_type type, bool wider) {
  ptx_reader *reader = reader_of(binder);
  if (operand->kind == PTX_OPERAND_SINK) {
    if (reader->sink == PTX_NO_ROW) reader->sink = ptx_new_rows(reader, 1);
    return reader->sink;
  }
  if (operand->kind == PTX_OPERAND_REGISTER && !operand->negated)
    return check_type(binder, operand->type, type, wider) ? register_row(binder, operand, true) : PTX_NO_ROW;
  (void)ptx_refuse(binder, "a result that is no register");
  return PTX_NO_ROW;
}

uint32_t ptx_result(ptx_binder *binder, uint32_t operand, ptx_type type) {
  const ptx_operand *at = operand_at(binder, operand);
  return at == NULL ? PTX_NO_ROW : ptx_result_operand(binder, at, type, false);
}

uint32_t ptx_result_wider(ptx_binder *binder, uint32_t operand, ptx_type type) {
  const ptx_operand *at = operand_at(binder, operand);
  return at == NULL ? PTX_NO_ROW : ptx_result_operand(binder, at, type, true);
}

void ptx_more(ptx_binder *binder, uint32_t row) {
  ptx_reader *reader = reader_of(binder);
  ptx_instruction *out = binder->out;
  if (out->more_count == UINT16_MAX || reader->more.count >= UINT32_MAX) {
    (void)ptx_refuse(binder, "too many operands");
    return;
  }
  if (out->more_count++ == 0) out->more = (uint32_t)reader->more.count;
  ptx_push(reader, &reader->more, row);
}

uint32_t ptx_constant(ptx_binder *binder, uint64_t bits) {
  return ptx_constant_row(reader_of(binder), NULL, bits);
}

bool ptx_address(ptx_binder *binder, uint32_t operand) {
  const ptx_operand *at = operand_at(binder, operand);
  if (at == NULL) return false;
  if (at->kind != PTX_OPERAND_ADDRESS) return ptx_refuse(binder, "operand %u is no address", operand + 1);
  const ptx_operand *base = at->elements;
  binder->out->offset = (int64_t)at->bits;
  if (base->kind == PTX_OPERAND_REGISTER)
    binder->out->a =
        ptx_source_operand(binder, base, ptx_type_bytes(base->type) == 4 ? PTX_B32 : PTX_B64, false);
  else binder->out->a = ptx_source_operand(binder, base, PTX_B64, false);
  return binder->out->a != PTX_NO_ROW;
}

bool ptx_integer(ptx_binder *binder, uint32_t operand, uint64_t *out_value) {
  const ptx_operand *at = operand_at(binder, operand);
  if (at == NULL) return false;
  if (at->kind != PTX_OPERAND_INTEGER)
    return ptx_refuse(binder, "operand %u has to be a constant", operand + 1);
  *out_value = at->bits;
  return true;
}
