/* What stands in a function's body. */
#include <string.h>

#include "tests/emulator/reader.h"

enum { MOST_FORM_BYTES = 256, MOST_STATEMENTS = 1 << 24 };

/* The opcode and its parts, which the text may have spread out, as one word. */
static const ptx_form *read_form(ptx_reader *reader) {
  const uint32_t line = reader->lexer.token.line;
  char text[MOST_FORM_BYTES];
  size_t bytes = 0;
  uint32_t parts = 0;
  do {
    const ptx_token *token = &reader->lexer.token;
    uint32_t more = token->bytes;
    if (token->kind == PTX_TOKEN_DIRECTIVE) parts++;
    while (token->start[more] == ':' && token->start[more + 1] == ':') { /* shared::cta */
      more += 2;
      while (ptx_is_name_character(token->start[more])) more++;
    }
    if (bytes + more > sizeof text) ptx_fail(reader, line, "an instruction's name of too many letters");
    memcpy(text + bytes, token->start, more);
    bytes += more;
    reader->lexer.at = token->start + more;
    ptx_next(reader);
  } while (reader->lexer.token.kind == PTX_TOKEN_DIRECTIVE);

  ptx_name *name = ptx_name_of(reader, text, bytes);
  if (name->form != NULL) return name->form;
  ptx_form *form = ptx_take_memory(reader, &reader->work, sizeof *form);
  const char **list = ptx_take_memory(reader, &reader->work, (parts + 1) * sizeof *list);
  char *copy = ptx_take_memory(reader, &reader->work, bytes + 1);
  memcpy(copy, text, bytes);
  form->opcode = copy;
  form->parts = list;
  for (char *dot = strchr(copy, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
    *dot = '\0';
    list[form->part_count++] = dot + 1;
  }
  form->bind = ptx_opcode_find(form->opcode);
  if (form->bind == NULL)
    ptx_fail(reader, line, "unknown instruction '%.*s'", (int)(bytes < 100 ? bytes : 100), text);
  name->form = form;
  return form;
}

/* @p or @!p */
static void read_guard(ptx_reader *reader, ptx_body_statement *statement) {
  statement->guard_negated = ptx_take_sign(reader, '!');
  const uint32_t line = reader->lexer.token.line;
  ptx_name *name = ptx_expect_name(reader);
  ptx_symbol *symbol = ptx_find(reader, name);
  if (symbol == NULL || symbol->kind != PTX_SYMBOL_REGISTER || symbol->type != PTX_PRED || symbol->width != 1)
    ptx_fail(reader, line, "'%s' is no predicate", name->text);
  statement->guard = ptx_row_of(reader, symbol);
}

static void read_instruction(ptx_reader *reader) {
  ptx_body_statement read = {
      .guard = PTX_NO_ROW, .source_line = reader->source_line, .source_file = reader->source_file};
  ptx_statement *statement = &read.statement;
  if (ptx_take_sign(reader, '@')) read_guard(reader, &read);
  statement->line = reader->lexer.token.line;
  if (reader->lexer.token.kind != PTX_TOKEN_WORD) ptx_unexpected(reader, "an instruction");
  read.form = read_form(reader);
  statement->opcode = read.form->opcode;
  statement->parts = read.form->parts;
  statement->part_count = read.form->part_count;
  statement->operands = ptx_read_operands(reader, ';', &statement->operand_count);
  if (reader->code.count + reader->statements.count > MOST_STATEMENTS)
    ptx_fail(reader, statement->line, "more than %d instructions", (int)MOST_STATEMENTS);
  ptx_push(reader, &reader->statements, read);
}

/* label: .branchtargets a, b;  and what says of an indirect call which functions it may call: of no use here
 */
static void read_list(ptx_reader *reader, ptx_symbol *label) {
  uint32_t count;
  if (ptx_take_directive(reader, ".branchtargets")) {
    label->list = ptx_read_operands(reader, ';', &label->elements);
  } else if (ptx_take_directive(reader, ".calltargets")) {
    (void)ptx_read_operands(reader, ';', &count);
  } else if (ptx_take_directive(reader, ".callprototype")) {
    if (ptx_at_sign(reader, '(')) (void)ptx_read_params(reader, &count);
    ptx_expect_name(reader);
    if (ptx_at_sign(reader, '(')) (void)ptx_read_params(reader, &count);
    ptx_take_directive(reader, ".noreturn");
    ptx_expect_sign(reader, ';');
  }
}

static bool read_declaration(ptx_reader *reader) {
  if (ptx_take_directive(reader, ".reg")) ptx_read_registers(reader);
  else if (ptx_take_directive(reader, ".param")) ptx_read_variables(reader, PTX_PARAM, false);
  else if (ptx_take_directive(reader, ".local")) ptx_read_variables(reader, PTX_LOCAL, false);
  else if (ptx_take_directive(reader, ".shared")) ptx_read_variables(reader, PTX_SHARED, false);
  else if (ptx_take_directive(reader, ".global")) ptx_read_variables(reader, PTX_GLOBAL, false);
  else if (ptx_take_directive(reader, ".const")) ptx_read_variables(reader, PTX_CONST, false);
  else if (ptx_take_directive(reader, ".extern")) {
    if (!ptx_take_directive(reader, ".shared")) ptx_unexpected(reader, ".shared");
    ptx_read_variables(reader, PTX_SHARED, true);
  } else return false;
  return true;
}

static bool is_label(ptx_reader *reader) {
  if (reader->lexer.token.kind != PTX_TOKEN_WORD || ptx_lexer_peek(&reader->lexer) != ':') return false;
  return reader->lexer.at[1] != ':';
}

static void read_label(ptx_reader *reader) {
  const uint32_t line = reader->lexer.token.line;
  ptx_name *name = ptx_expect_name(reader);
  ptx_next(reader);
  ptx_symbol *label = ptx_declare(reader, name, PTX_SYMBOL_LABEL, line);
  label->index = (uint32_t)(reader->code.count + reader->statements.count);
  read_list(reader, label);
}

/* A closing ret where the text may fall off the end of the function. */
static void close_end(ptx_reader *reader, uint32_t line) {
  ptx_form *form = ptx_take_memory(reader, &reader->work, sizeof *form);
  *form = (ptx_form){.opcode = "ret", .bind = ptx_opcode_find("ret")};
  const ptx_body_statement end = {.statement = {.opcode = "ret", .line = line},
                                  .form = form,
                                  .guard = PTX_NO_ROW,
                                  .source_line = reader->source_line,
                                  .source_file = reader->source_file};
  ptx_push(reader, &reader->statements, end);
}

void ptx_read_body(ptx_reader *reader) {
  const size_t depth = reader->scopes.count;
  ptx_expect_sign(reader, '{');
  for (;;) {
    if (is_label(reader)) {
      read_label(reader);
    } else if (ptx_take_sign(reader, '{')) {
      ptx_scope_open(reader);
    } else if (ptx_at_sign(reader, '}')) {
      if (reader->scopes.count == depth) break;
      ptx_scope_close(reader);
      ptx_next(reader);
    } else if (!ptx_take_sign(reader, ';') && !read_declaration(reader) && !ptx_read_source(reader)) {
      read_instruction(reader);
    }
  }
  close_end(reader, reader->lexer.token.line);
  ptx_next(reader);
}
