/* From the statements of a function to its instructions. */
#include "tests/emulator/bind.h"

#include <string.h>

static uint64_t hash_of(const ptx_variable *variable, uint64_t bits) {
  const uint64_t mixed = (bits ^ (uint64_t)(uintptr_t)variable * 31) * UINT64_C(0x9e3779b97f4a7c15);
  return mixed ^ mixed >> 32;
}

static ptx_constant_slot *slot_of(ptx_reader *reader, const ptx_variable *variable, uint64_t bits) {
  const size_t mask = reader->slots.count - 1;
  size_t slot = hash_of(variable, bits) & mask;
  for (;; slot = (slot + 1) & mask) {
    ptx_constant_slot *at = &reader->slots.at[slot];
    if (at->function != reader->bound || (at->variable == variable && at->bits == bits)) return at;
  }
}

/* Room for twice as many constants, those of this function in it again. */
static void grow_slots(ptx_reader *reader) {
  const size_t count = reader->slots.count == 0 ? 1 << 8 : reader->slots.count * 2;
  if (lazyi_vector_reserve(&reader->slots, count - reader->slots.count) != LAZY_STATUS_OK)
    ptx_fail_memory(reader);
  memset(reader->slots.at, 0, count * sizeof *reader->slots.at);
  reader->slots.count = count;
  for (size_t i = 0; i < reader->constants.count; i++) {
    const struct ptx_constant *constant = &reader->constants.at[i];
    *slot_of(reader, constant->variable, constant->bits) =
        (ptx_constant_slot){constant->variable, constant->bits, constant->row, reader->bound};
  }
}

uint32_t ptx_constant_row(ptx_reader *reader, const ptx_variable *variable, uint64_t bits) {
  if (reader->constants.count * 2 >= reader->slots.count) grow_slots(reader);
  ptx_constant_slot *slot = slot_of(reader, variable, bits);
  if (slot->function != reader->bound) {
    *slot = (ptx_constant_slot){variable, bits, ptx_new_rows(reader, 1), reader->bound};
    ptx_push(reader, &reader->constants,
             (struct ptx_constant){.row = slot->row, .variable = variable, .bits = bits});
  }
  return slot->row;
}

uint32_t ptx_special_row(ptx_reader *reader, ptx_special special) {
  uint32_t *row = &reader->special_rows[special];
  if (*row == PTX_NO_ROW) {
    *row = ptx_new_rows(reader, 1);
    ptx_push(reader, &reader->specials, (struct ptx_special_row){.row = *row, .special = special});
  }
  return *row;
}

static ptx_instruction bind_statement(ptx_reader *reader, const ptx_body_statement *from) {
  ptx_instruction out = {.guard = from->guard,
                         .guard_negated = from->guard_negated,
                         .line = from->statement.line,
                         .source_line = from->source_line,
                         .source_file = from->source_file,
                         .kind = PTX_CLASS_OTHER};
  ptx_reader_binder bind = {.binder = {.statement = &from->statement, .out = &out}, .reader = reader};
  if (out.guard != PTX_NO_ROW && reader->row_map != NULL) out.guard = reader->row_map[out.guard];
  const bool done = from->form->bind(&bind.binder) && !bind.binder.failed;
  if (!done && !bind.binder.failed) (void)ptx_refuse(&bind.binder, "it is not supported in this form");
  if (!done) longjmp(reader->refused, 1);
  if (out.step == NULL)
    ptx_fail(reader, out.line, "'%s' has nothing that carries it out", from->form->opcode);
  return out;
}

static void begin_rows(ptx_reader *reader) {
  reader->bound++;
  reader->constants.count = 0;
  reader->specials.count = 0;
  reader->sink = PTX_NO_ROW;
  for (int i = 0; i < PTX_SPECIAL_COUNT; i++) reader->special_rows[i] = PTX_NO_ROW;
}

/* Statements are bound once to see what they read and write, and what comes of it is forgotten. */
static void look(ptx_reader *reader) {
  const uint32_t registers = reader->function->rows;
  const size_t more = reader->more.count;
  begin_rows(reader);
  reader->is_looking = true;
  reader->row_map = NULL;
  reader->touches.count = 0;
  for (size_t i = 0; i < reader->statements.count; i++) {
    ptx_body_statement *statement = &reader->statements.at[i];
    if (statement->guard != PTX_NO_ROW)
      ptx_push(reader, &reader->touches, (ptx_touch){.row = statement->guard, .is_result = false});
    (void)bind_statement(reader, statement);
    statement->touches_end = (uint32_t)reader->touches.count;
  }
  reader->is_looking = false;
  reader->more.count = more;
  reader->function->rows = registers;
}

void ptx_bind_function(ptx_reader *reader) {
  ptx_function *function = reader->function;
  look(reader);
  reader->row_map = ptx_share_rows(reader);
  begin_rows(reader);
  for (size_t i = 0; i < reader->statements.count; i++) {
    const ptx_instruction bound = bind_statement(reader, &reader->statements.at[i]);
    ptx_push(reader, &reader->code, bound);
  }
  function->count = (uint32_t)reader->statements.count;
  function->constants =
      ptx_keep(reader, reader->constants.at, reader->constants.count, sizeof *reader->constants.at);
  function->constant_count = (uint32_t)reader->constants.count;
  function->specials =
      ptx_keep(reader, reader->specials.at, reader->specials.count, sizeof *reader->specials.at);
  function->special_count = (uint32_t)reader->specials.count;
  reader->statements.count = 0;
}
